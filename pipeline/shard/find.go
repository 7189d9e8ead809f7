package shard

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"swab/pipeline/store"
)

// Stdin is the name of standard input among patterns and shards.
const Stdin = "-"

// Find expands patterns to shards, sorted by name. A pattern is
//
//   - a file with a known ending;
//   - a directory, read recursively;
//   - a glob: the wildcards of path.Match within a part of the path, and ** for any
//     number of directories;
//   - a URL of a store ([store.IsURL]): an object, a prefix that ends a part of the path, or a
//     glob of the same kind; of a web server an object alone;
//   - - for standard input, or the name of a pipe, which is read once;
//   - @list, a file of patterns, one a line, relative to the working directory;
//     blank lines and lines that begin with # are skipped.
//
// A pattern that is the name of an existing file is not a glob, even if it has wildcards.
// A file of another ending is a shard if its content says so ([Formats.Identify]). In a
// directory or a glob all others are listed in the second result, with what they are, as are
// hidden files and directories, side files without a text, data cards and licences beside
// data, outputs of earlier runs with all that is below them, and what is excluded. Wildcards
// do not match a leading dot. Symbolic links are followed, also to directories. A
// file reached twice (by its absolute path without symbolic links) counts once, under the
// name that sorts first, so the result does not depend on the order of patterns.
//
// Whatever is asked for and cannot be had is an error, and all such errors come
// back as one: a pattern without a shard, a directory that cannot be read, a
// named file of unknown ending and content, a file with a shard's ending that is no regular
// file or a link to nothing.
func (fs Formats) Find(patterns []string, by Search) ([]Shard, []Skipped, error) {
	f := finder{
		formats: fs, by: by, shards: map[string]Shard{}, cards: map[string]bool{}, skipped: map[string]Skipped{},
		outputs: map[string]output{},
	}
	if err := checkGlobs(by.Exclude); err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, p := range patterns {
		if err := f.addPattern(p, true); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	if len(f.shards) == 0 && f.passed > 0 {
		return nil, nil, fmt.Errorf("no shard found: %s; what a run wrote is no corpus: copy what you mean out of it", f.own)
	}
	if by.ReadAs != "" {
		if _, _, ok := fs.TypeOf("x" + by.ReadAs); !ok {
			return nil, nil, fmt.Errorf("%q is the ending of no format", by.ReadAs)
		}
	}
	f.passCards()
	f.checkIndexes()
	shards := slices.SortedFunc(maps.Values(f.shards), func(a, b Shard) int { return cmp.Compare(a.Name, b.Name) })
	var skipped []Skipped
	for _, p := range slices.Sorted(maps.Keys(f.skipped)) {
		skipped = append(skipped, f.skipped[p])
	}
	return shards, skipped, nil
}

// wildcards are the characters that make a pattern a glob.
const wildcards = `*?[\`

type finder struct {
	formats Formats
	by      Search
	shards  map[string]Shard   // by resolved path
	cards   map[string]bool    // those of shards that are data cards by name, and were not named
	skipped map[string]Skipped // by path
	indexes []Shard            // files that may name the shards beside them
	outputs map[string]output  // by resolved path of a directory: the one that it is or is in
	hits    int                // shards found by the current pattern
	own     string             // an output of an earlier run that was passed over, and what it is
	passed  int                // files and directories passed over since they are in one
}

// output is a directory that an earlier run wrote.
type output struct{ path, what string }

// outputAbove returns the output that a directory, named by its resolved path, is or is in.
func (f *finder) outputAbove(dir string) output {
	o, known := f.outputs[dir]
	if known || f.by.Output == nil {
		return o
	}
	if what := f.by.Output(dir); what != "" {
		o = output{dir, what}
	} else if parent := filepath.Dir(dir); parent != dir {
		o = f.outputAbove(parent)
	}
	f.outputs[dir] = o
	return o
}

// passOutput reports whether a file or directory is in an output of an earlier run, or is
// one. That is then listed, once, under the name that the caller would know it by.
func (f *finder) passOutput(name, resolved string, isDir bool) bool {
	dir := resolved
	if !isDir {
		dir = filepath.Dir(resolved)
	}
	o := f.outputAbove(dir)
	if o.path == "" {
		return false
	}
	shown := filepath.ToSlash(o.path)
	if rest, err := filepath.Rel(o.path, resolved); err == nil {
		above := name
		if rest != "." {
			for range strings.Count(rest, string(filepath.Separator)) + 1 {
				above = path.Dir(above)
			}
		}
		if real, err := resolvePath(above); err == nil && real == o.path {
			shown = above
		}
	}
	f.own = printable(shown) + " is " + o.what + " that swab made"
	f.passed++
	f.skip(shown, o.what+" that swab made", PassedOver)
	return true
}

// skip lists a file or directory that is not read.
func (f *finder) skip(name, why string, fate Fate) { f.skipped[name] = Skipped{name, why, fate} }

// passCards passes over the data cards and licences that lie beside data or above it.
func (f *finder) passCards() {
	if len(f.cards) == 0 || f.by.IsProse == nil {
		return
	}
	beside := map[string]bool{} // directories that have data, at any depth
	for resolved, s := range f.shards {
		if s.Format != nil && f.by.IsProse(s.Format) || f.cards[resolved] {
			continue
		}
		for dir := path.Dir(s.Name); !beside[dir]; dir = path.Dir(dir) {
			beside[dir] = true
		}
	}
	for resolved := range f.cards {
		if s := f.shards[resolved]; beside[path.Dir(s.Name)] {
			delete(f.shards, resolved)
			f.skip(s.Name, "a data card or licence beside data", PassedOver)
		}
	}
}

// passSideFile passes over a side file, which may name shards.
func (f *finder) passSideFile(s Shard, why string) {
	f.skip(s.Name, why, PassedOver)
	if path.Base(s.Name) == "index.json" {
		f.indexes = append(f.indexes, s)
	}
}

// checkIndexes lists the shards that an index.json of MosaicML's streaming names and that are
// not beside it, compressed or not: the corpus is then not whole.
func (f *finder) checkIndexes() {
	type file struct{ Basename string }
	type index struct {
		Shards []struct {
			Raw file  `json:"raw_data"`
			Zip *file `json:"zip_data"`
		}
	}
	there := map[string]bool{}
	for _, s := range f.shards {
		there[s.Name] = true
	}
	for _, s := range f.indexes {
		var x index
		if text, err := s.readAll(); err != nil || json.Unmarshal(text, &x) != nil {
			continue // it is no index of shards
		}
		dir := strings.TrimSuffix(s.Name, path.Base(s.Name))
		for _, one := range x.Shards {
			name := dir + path.Base(one.Raw.Basename)
			zip := name
			if one.Zip != nil {
				zip = dir + path.Base(one.Zip.Basename)
			}
			_, known := f.skipped[name]
			if one.Raw.Basename == "" || there[name] || there[zip] || known || f.by.excludedBy(name) != "" {
				continue
			}
			if _, err := os.Stat(name); err != nil {
				f.skip(name, "named by the index.json beside it, and not there", Unread)
			}
		}
	}
}

// readAll returns the plain bytes of a small file.
func (s *Shard) readAll() ([]byte, error) {
	const most = 64 << 20
	r, err := Open(*s, Limits{}, false, nil)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, most))
}

func (f *finder) addPattern(p string, lists bool) error {
	if strings.HasPrefix(p, "@") {
		if !lists {
			return fmt.Errorf("%s: a list cannot name another list; a file of that name is ./%s", printable(p), printable(p))
		}
		return f.addList(p[1:])
	}
	if p == "" {
		return errors.New("empty pattern: name a file, directory or glob")
	}
	if store.IsURL(p) {
		return f.addURL(p)
	}
	name := path.Clean(filepath.ToSlash(p))
	f.hits = 0
	passed, before := f.passed, len(f.skipped)
	fi, err := os.Stat(name)
	switch {
	case name == Stdin, err == nil && fi.Mode()&fs.ModeNamedPipe != 0:
		f.addStream(name)
		return nil
	case err == nil:
		err = f.addEntry(name, true, nil)
	case !strings.ContainsAny(name, wildcards):
		return pathError(name, err)
	default:
		var names []string
		if names, err = expandGlob(name); err != nil {
			return err
		}
		for _, n := range names {
			if err = f.addEntry(n, false, nil); err != nil {
				break
			}
		}
	}
	if err != nil {
		return err
	}
	if f.hits == 0 && f.passed == passed {
		return fmt.Errorf("%s: no shard found (%d files and directories skipped); "+
			"known endings: %s, each also with %s after it",
			printable(name), len(f.skipped)-before, f.formats.Endings(), compressionEndings)
	}
	return nil
}

// addStream adds standard input or a pipe. Nothing of it is read.
func (f *finder) addStream(name string) {
	s := Shard{Name: name, Path: filepath.FromSlash(name), ModTime: time.Now(), Formats: &f.formats, Once: true}
	s.Format, s.Compression, _ = f.typeOf(&s)
	f.shards[name] = s
	f.hits++
}

// typeOf returns the format and compression of a shard by its name, or by what it is to be
// read as.
func (f *finder) typeOf(s *Shard) (format *Format, c Compression, known bool) {
	format, c, known = f.formats.TypeOf(s.Name)
	if f.by.ReadAs != "" && !strings.Contains(otherEndings, " "+ending(s.Name)+" ") {
		s.ReadAs = f.by.ReadAs
		format, _, known = f.formats.TypeOf("x" + s.ReadAs)
	}
	return format, c, known
}

func (f *finder) addList(file string) error {
	data, err := store.ReadFile(f.ctx(), file)
	if err != nil {
		return pathError("@"+file, err)
	}
	var errs []error
	n, found := 0, false
	for line := range bytes.Lines(data) {
		n++
		p := string(bytes.TrimSpace(line))
		if p == "" || p[0] == '#' {
			continue
		}
		found = true
		if err := f.addPattern(p, false); err != nil {
			errs = append(errs, fmt.Errorf("%s: line %d: %w", printable(file), n, err))
		}
	}
	if !found {
		return fmt.Errorf("@%s: the list is empty", printable(file))
	}
	return errors.Join(errs...)
}

// addEntry adds a file, or a directory recursively. above has the resolved paths of the
// directories it was reached through; links back to one of them are not followed.
func (f *finder) addEntry(name string, explicit bool, above []string) error {
	return f.addResolved(name, "", explicit, above)
}

// addResolved is addEntry for a file whose path without symbolic links is known; "": it is not.
func (f *finder) addResolved(name, resolved string, explicit bool, above []string) error {
	if glob := f.by.excludedBy(name); glob != "" {
		f.skip(name, "excluded by "+glob, Excluded)
		return nil
	}
	s := Shard{Name: name, Path: filepath.FromSlash(name), Formats: &f.formats}
	format, compression, known := f.typeOf(&s)
	s.Format, s.Compression = format, compression
	fi, err := os.Stat(name)
	if err != nil {
		if !explicit && !known && isMissing(err) {
			f.skipBrokenLink(name, compression)
			return nil
		}
		return pathError(name, err)
	}
	if resolved == "" {
		if resolved, err = resolvePath(name); err != nil {
			return pathError(name, err)
		}
	}
	if f.passOutput(name, resolved, fi.IsDir()) {
		return nil
	}
	if fi.IsDir() {
		return f.addTree(name, resolved, above)
	}
	s.Size, s.ModTime = fi.Size(), fi.ModTime()
	if why := f.sideFile(s, fi.Mode()); !explicit && why != "" {
		f.passSideFile(s, why)
		return nil
	}
	s.AddIndex()
	if !known {
		if readable, err := f.addUnknown(&s, fi, explicit); err != nil || !readable {
			return err
		}
	}
	if !fi.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", printable(name), errNotRegular(fi))
	}
	f.hits++
	if explicit {
		delete(f.cards, resolved)
	} else if _, ok := f.shards[resolved]; !ok && known && f.isProseCard(name) {
		f.cards[resolved] = true
	}
	if old, ok := f.shards[resolved]; ok && old.Name <= name {
		return nil
	}
	f.shards[resolved] = s
	return nil
}

// skipBrokenLink lists a symbolic link to nothing: as unread if its name says that it is data.
func (f *finder) skipBrokenLink(name string, compression Compression) {
	fate := PassedOver
	if compression != None || dataEndings[strings.ToLower(path.Ext(name))] != "" {
		fate = Unread
	}
	f.skip(name, "a symbolic link to nothing", fate)
}

// sideFile returns why a file that nobody named is no shard although its name is that of
// data, or "".
func (f *finder) sideFile(s Shard, mode fs.FileMode) string {
	if isCorpusSideFile(s.Name) && (!mode.IsRegular() || f.by.HasText == nil || !f.by.HasText(s)) {
		return "a side file without a text"
	}
	if strings.HasSuffix(s.Name, ".idx") && isIndex(s.Name) {
		if fi, err := os.Stat(strings.TrimSuffix(s.Name, ".idx") + ".bin"); err == nil && fi.Mode().IsRegular() {
			return "the index of the .bin beside it"
		}
	}
	return ""
}

// isProseCard reports whether a file is a data card or a licence by its name, and text
// without fields.
func (f *finder) isProseCard(name string) bool {
	format, _, known := f.formats.TypeOf(name)
	return isCard(name) && f.by.IsProse != nil && (!known || f.by.IsProse(format))
}

// addUnknown reports whether a file whose name says no format can be read by its content. If
// not, it is listed, or an error where it was named.
func (f *finder) addUnknown(s *Shard, fi fs.FileInfo, explicit bool) (readable bool, err error) {
	why, unread := "unknown ending", false
	if fi.Mode().IsRegular() {
		if s.Format, s.Compression, readable, err = f.formats.IdentifyShard(*s); readable || err != nil {
			return readable, err
		}
		why, unread = s.probe()
	}
	switch {
	case explicit && s.Compression != None && dataEndings[strings.ToLower(path.Ext(Stem(s.Name)))] == "":
		return false, fmt.Errorf("%s: %s of an unknown format; "+
			"the name must end in format and compression, as in x.jsonl%s, unless JSON is in it",
			printable(s.Name), s.Compression, path.Ext(s.Name))
	case explicit && unread:
		return false, fmt.Errorf("%s: not read: %s; known are %s, each also with %s after it",
			printable(s.Name), why, f.formats.Endings(), compressionEndings)
	case explicit:
		return false, fmt.Errorf("%s: unknown ending; known are %s, each also with %s after it",
			printable(s.Name), f.formats.Endings(), compressionEndings)
	}
	fate := PassedOver
	if unread {
		fate = Unread
	}
	f.skip(s.Name, why, fate)
	return false, nil
}

// addTree adds a directory recursively. resolved is its path without symbolic links.
func (f *finder) addTree(dir, resolved string, above []string) error {
	if slices.Contains(above, resolved) {
		f.skip(dir, "a symbolic link to a directory that contains it", PassedOver)
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return pathError(dir, err)
	}
	above = append(slices.Clip(above), resolved)
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if isHidden(e.Name()) {
			f.skip(name, "hidden", PassedOver)
			continue
		}
		beside := "" // without symbolic links
		if e.Type()&fs.ModeSymlink == 0 {
			beside = filepath.Join(resolved, e.Name())
		}
		if err := f.addResolved(name, beside, false, above); err != nil {
			return err
		}
	}
	return nil
}

// expandGlob returns the files and directories that a pattern matches, in no order and
// possibly twice. As in a shell, wildcards do not match a leading dot.
func expandGlob(pattern string) ([]string, error) {
	parts := strings.Split(pattern, "/")
	root := ""
	if path.IsAbs(pattern) {
		root, parts = "/", parts[1:]
	}
	for _, part := range parts {
		if _, err := path.Match(part, ""); err != nil {
			return nil, fmt.Errorf("%s: malformed glob (escape a literal * ? [ or \\ with \\)", printable(pattern))
		}
	}
	var g globber
	err := g.expand(root, parts, nil)
	return g.out, err
}

// A globber collects the files and directories that a glob matches.
type globber struct{ out []string }

// expand matches the parts of a glob below dir. above has the resolved paths of the
// directories that ** was expanded in.
func (g *globber) expand(dir string, parts, above []string) error {
	if len(parts) == 0 || len(parts) == 1 && parts[0] == "**" {
		g.out = append(g.out, cmp.Or(dir, "."))
		return nil
	}
	part, rest := parts[0], parts[1:]
	if part == "**" {
		if err := g.expand(dir, rest, above); err != nil {
			return err
		}
		resolved, err := resolvePath(cmp.Or(dir, "."))
		if err != nil {
			return pathError(dir, err)
		}
		if slices.Contains(above, resolved) {
			return nil
		}
		above = append(slices.Clip(above), resolved)
	} else if !strings.ContainsAny(part, wildcards) {
		return g.expandLiteral(path.Join(dir, part), rest, above)
	}
	entries, err := os.ReadDir(cmp.Or(dir, "."))
	if err != nil {
		if isMissing(err) {
			return nil
		}
		return pathError(dir, err)
	}
	for _, e := range entries {
		if isHidden(e.Name()) && !strings.HasPrefix(part, ".") {
			continue
		}
		name := path.Join(dir, e.Name())
		if part == "**" {
			err = g.expandBelow(name, parts, above)
		} else if ok, _ := path.Match(part, e.Name()); ok {
			err = g.expand(name, rest, above)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// expandLiteral matches rest below name, if it exists. It does not list the directory that
// name is in: that may not be permitted.
func (g *globber) expandLiteral(name string, rest, above []string) error {
	if _, err := os.Lstat(name); err != nil {
		if isMissing(err) {
			return nil
		}
		return pathError(name, err)
	}
	return g.expand(name, rest, above)
}

// expandBelow matches parts, the first of which is **, below name if it is a directory.
func (g *globber) expandBelow(name string, parts, above []string) error {
	fi, err := os.Stat(name)
	switch {
	case err == nil && fi.IsDir():
		return g.expand(name, parts, above)
	case err == nil || isMissing(err):
		return nil
	}
	return err
}

func isHidden(base string) bool { return strings.HasPrefix(base, ".") }

// resolvePath returns the path that identifies a file: absolute, without symbolic links.
func resolvePath(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// isMissing reports whether err means that a file does not exist, and not that it cannot be
// read.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP)
}

// errNotRegular returns an error with the type of a file that is not regular, and so cannot
// be read twice.
func errNotRegular(fi fs.FileInfo) error {
	what := "not a regular file"
	switch m := fi.Mode(); {
	case m.IsDir():
		what = "a directory"
	case m&fs.ModeNamedPipe != 0:
		what = "a named pipe"
	case m&fs.ModeSocket != 0:
		what = "a socket"
	case m&fs.ModeDevice != 0:
		what = "a device"
	}
	return errors.New(what + "; a shard must be a regular file")
}

// pathError returns err with the printable name. It drops the operation and the path of a
// file system error, which would repeat the name, unquoted.
func pathError(name string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", printable(name), err)
}
