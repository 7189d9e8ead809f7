package benchmark

import (
	"archive/zip"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"swab/pipeline/rows"
	"swab/pipeline/shard"
	"swab/pipeline/store"
)

var nameRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func validName(s string) bool { return nameRE.MatchString(s) && len(s) <= 100 }

// sampleRE matches the name of a file of samples that lm-eval logs, around the task's.
var sampleRE = regexp.MustCompile(`^samples_(.+?)(_\d{4}-\d\d-\d\dT[0-9.:-]+)?$`)

var (
	// partRE matches the end of the name of a shard of one split, as hubs number them.
	partRE = regexp.MustCompile(`-\d{5}-of-\d{5}(-[0-9a-f]{16})?$`)

	// hubDirRE matches directories of caches between a data set's name and its files: kinds,
	// revisions, versions, numbers of shards.
	hubDirRE = regexp.MustCompile(`^(snapshots|blobs|refs|[0-9a-f]{40}|[0-9a-f]{64}|[0-9]+\.[0-9]+\.[0-9]+|[0-9]{4})$`)

	// hubIDRE matches the directories in which caches keep a data set of the hub.
	hubIDRE = regexp.MustCompile(`^(?:datasets--([A-Za-z0-9._-]+?)--|([A-Za-z0-9._-]+?)___)([A-Za-z0-9._-]+)$`)
)

// splitWords are names of splits and of directories around them, which are no
// benchmark's name.
var splitWords = []string{
	"train", "test", "dev", "val", "valid", "validation", "eval", "main", "data", "all", "default", "datasets", "hub",
}

func isSplitWord(s string) bool {
	s = strings.ToLower(s)
	return slices.Contains(splitWords, partRE.ReplaceAllString(s, "")) || hubDirRE.MatchString(s)
}

// Open finds a benchmark's files and how they map to items, looking at names and
// first records. It is an error when there are no files or records, or when a
// file's first record does not map.
func Open(spec Spec, p *Presets) (*Benchmark, error) {
	if isTask(spec.Path) {
		var err error
		if spec, err = readTask(spec); err != nil {
			return nil, err
		}
	}
	b := &Benchmark{Number: spec.Number}
	at, directory, err := b.find(spec, p.ignore)
	if err != nil {
		return nil, err
	}
	names, err := benchmarkNames(at, directory)
	if err != nil {
		return nil, fmt.Errorf("benchmark %s: %w", quotedName(spec.Path), err)
	}
	b.Name = spec.Name
	if b.Name == "" {
		first := max(0, slices.IndexFunc(names, func(s string) bool { return !isSplitWord(path.Base(s)) }))
		b.Name = strings.TrimSuffix(strings.ToLower(path.Base(names[first])), shard.ZipEnding)
	}
	if !validName(b.Name) {
		return nil, fmt.Errorf("benchmark %s: its name may have letters, digits and . _ - only, and %q has others or "+
			"does not start with a letter or digit; choose a name, as in NAME=PATH", quotedName(spec.Path), rows.Clip(b.Name))
	}
	ids, others := splitIDs(names)
	if names = slices.Concat(ids, others); spec.Name != "" {
		names = append([]string{spec.Name}, names...)
	}
	if err := b.resolve(spec, p, names, directory); err != nil {
		return nil, fmt.Errorf("benchmark %s: %w", b.Name, err)
	}
	return b, b.distinctFiles()
}

// splitIDs returns the names that may be ids of the hub, and the others.
func splitIDs(names []string) (ids, others []string) {
	for _, s := range names {
		if strings.Contains(s, "/") {
			ids = append(ids, s)
		} else {
			others = append(others, s)
		}
	}
	return ids, others
}

// find lists the files of a path as Spec has it. It returns the file or directory that the
// path leads to, without glob and selectors.
func (b *Benchmark) find(spec Spec, ignore []string) (at string, directory bool, err error) {
	name := spec.Path
	if store.IsURL(name) {
		return b.findURL(cmp.Or(spec.Context, context.Background()), name, ignore)
	}
	at, selectors := cutSelectors(name)
	info, err := os.Stat(at)
	if name == shard.Stdin || err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		return "", false, fmt.Errorf("benchmark %s: it is read several times, which a pipe cannot be; write it to a file",
			quotedName(name))
	}
	glob := ""
	if err != nil && strings.ContainsAny(at, "*?[") {
		at, glob = cutGlob(at)
		info, err = os.Stat(at)
	}
	if err != nil {
		return at, false, fmt.Errorf("benchmark: %w", err)
	}
	if !info.IsDir() {
		f, ok := newFile(at, filepath.Base(at))
		if !ok && isZip(at) {
			return at, true, b.findTree(name, at, glob, selectors, ignore)
		}
		if !ok {
			return at, false, fmt.Errorf("benchmark %s: unknown ending; known are %s, "+
				"optionally followed by .gz .zst .bz2 .xz .lz4", quotedName(at), rows.Formats.Endings())
		}
		b.Files = []File{f}
		return at, false, b.selectFiles(name, selectors)
	}
	if glob == "" {
		if at, err = snapshotOf(at); err != nil {
			return at, true, err
		}
	}
	return at, true, b.findTree(name, at, glob, selectors, ignore)
}

// findTree lists the files of the directory at, those that the glob names unless it is "".
func (b *Benchmark) findTree(name, at, glob string, selectors, ignore []string) error {
	if err := b.addTree(at, ignore); err != nil {
		return err
	}
	if len(b.Files) == 0 {
		if err := b.addArchives(ignore); err != nil {
			return err
		}
	}
	named := glob != "" // each file is
	if named {
		b.Files = slices.DeleteFunc(b.Files, func(f File) bool { return !shard.MatchGlob(glob+"/**", f.Rel) })
		b.Skipped = nil
		named = !slices.ContainsFunc(b.Files, func(f File) bool { return !shard.MatchGlob(glob, f.Rel) })
	}
	if len(b.Files) == 0 {
		return b.noFiles(quotedName(name))
	}
	if text, err := os.ReadFile(filepath.Join(at, "README.md")); err == nil && glob == "" {
		b.card = store.ParseCard(text)
	}
	if len(selectors) == 0 && !named {
		b.leaveOutCopies(at)
	}
	return b.selectFiles(name, b.selectByCard(selectors))
}

// selectByCard keeps the files that the words name as the README.md of a data set has them, and returns
// the words that it does not have.
func (b *Benchmark) selectByCard(words []string) (left []string) {
	if len(words) == 0 {
		return nil
	}
	var paths []string
	for i := range b.Files {
		paths = append(paths, b.Files[i].Rel)
	}
	chosen, left, ok := b.card.Select(paths, words)
	if !ok || len(chosen) == 0 {
		return words
	}
	var files []File
	for _, i := range chosen {
		files = append(files, b.Files[i])
	}
	b.Files = files
	return left
}

// snapshotOf returns the directory of the data set's files in a directory of the hub's cache: of the
// commit that its branch main is at or, without one, of the only commit there. Another directory is
// returned as it is.
func snapshotOf(dir string) (string, error) {
	all, err := os.ReadDir(filepath.Join(dir, "snapshots"))
	if err != nil || hubIDRE.FindString(filepath.Base(dir)) == "" || len(all) == 0 {
		return dir, nil
	}
	var commits []string
	for _, e := range all {
		commits = append(commits, e.Name())
	}
	if branch, err := os.ReadFile(filepath.Join(dir, "refs", "main")); err == nil {
		if c := strings.TrimSpace(string(branch)); slices.Contains(commits, c) {
			commits = []string{c}
		}
	}
	if len(commits) > 1 {
		return dir, fmt.Errorf("benchmark %s: it has the commits %s; name one, as %s", quotedName(dir),
			rows.Clip(strings.Join(commits, ", ")), quotedName(filepath.Join(dir, "snapshots", commits[0])))
	}
	return filepath.Join(dir, "snapshots", commits[0]), nil
}

// cutGlob cuts a glob into the directory that all of its files are in and the glob below it.
func cutGlob(name string) (dir, glob string) {
	parts := strings.Split(filepath.ToSlash(name), "/")
	n := slices.IndexFunc(parts, func(s string) bool { return strings.ContainsAny(s, "*?[") })
	dir = strings.Join(parts[:n], "/")
	if n == 0 {
		dir = "."
	} else if dir == "" {
		dir = "/"
	}
	return dir, strings.Join(parts[n:], "/")
}

// cutSelectors cuts up to two :words off a path, as long as there is nothing of its name.
func cutSelectors(name string) (at string, selectors []string) {
	at = name
	for range 2 {
		if _, err := os.Lstat(at); err == nil {
			return at, selectors
		}
		i := strings.LastIndexByte(at, ':')
		if i <= 0 || i == len(at)-1 || strings.ContainsRune(at[i:], os.PathSeparator) {
			break
		}
		at, selectors = at[:i], append([]string{at[i+1:]}, selectors...)
	}
	if _, err := os.Lstat(at); err != nil && !strings.ContainsAny(at, "*?[") {
		return name, nil
	}
	return at, selectors
}

// selectFiles keeps the files that each selector names: by a directory, by the split, or by
// the end of a file's name.
func (b *Benchmark) selectFiles(name string, selectors []string) error {
	for _, word := range selectors {
		var kept []File
		for _, fits := range []func(f *File) bool{
			func(f *File) bool { return slices.Contains(splitParts(f.Split), strings.ToLower(word)) },
			func(f *File) bool {
				last := canonical(path.Base(strings.Join(splitParts(f.Split), "/")))
				return strings.HasSuffix(last, "-"+canonical(word)) || strings.HasPrefix(last, canonical(word)+"-")
			},
		} {
			for i := range b.Files {
				if fits(&b.Files[i]) {
					kept = append(kept, b.Files[i])
				}
			}
			if len(kept) > 0 {
				break
			}
		}
		if len(kept) == 0 {
			there := map[string]bool{}
			for i := range b.Files {
				there[strings.Join(splitParts(b.Files[i].Split), "/")] = true
			}
			list := slices.Sorted(maps.Keys(there))
			return fmt.Errorf("benchmark %s: no split or directory is named %q; there are %s", quotedName(name), rows.Clip(word),
				rows.Clip(strings.Join(list, ", ")))
		}
		b.Files = kept
	}
	return nil
}

// splitParts returns the directories and the name of a split in lower case, without numbers
// of shards.
func splitParts(split string) []string {
	split = partRE.ReplaceAllString(strings.ToLower(split), "")
	parts := strings.Split(split, "/")
	if n := len(parts); n > 1 && hubDirRE.MatchString(parts[n-1]) {
		parts = parts[:n-1]
	}
	return parts
}

var (
	trainRE = regexp.MustCompile(`(^|[-_.])(train|training)([-_.]|$)`)
	evalRE  = regexp.MustCompile(`(^|[-_.])(test|tests|testmini|dev|val|valid|validation|eval)([-_.]|$)`)
)

// leaveOutCopies leaves out of a directory that a hub wrote what would be read beside an
// evaluation split by accident: training splits, and the subjects of which all/ is made.
// In other directories it warns of training splits.
func (b *Benchmark) leaveOutCopies(dir string) {
	b.leaveOutSides()
	s := surveySplits(b.Files)
	if !s.hub && !strings.Contains(filepath.ToSlash(dir), "datasets--") {
		if s.train && len(s.evals) > 0 {
			b.Warnings = append(b.Warnings, "training splits are read beside evaluation splits; "+
				quotedName(filepath.Base(dir))+":test reads the split test alone")
		}
		return
	}
	b.leaveOut(func(f *File) string { return s.copyReason(f.Split) })
}

// leaveOut leaves out the files for which why returns a reason.
func (b *Benchmark) leaveOut(why func(f *File) string) {
	b.Files = slices.DeleteFunc(b.Files, func(f File) bool {
		reason := why(&f)
		if reason != "" {
			b.Skipped = append(b.Skipped, shard.Skipped{Path: f.Path, Why: reason})
		}
		return reason != ""
	})
}

// dataRE matches the shards that the hub's library reads alone where a README.md configures nothing.
var dataRE = regexp.MustCompile(`^data/[^/]+-\d{5}-of-\d{5}(-[0-9a-f]{16})?\.`)

// leaveOutSides leaves out the files that a data set of the hub has beside its data, as the originals from
// which they were made: those of no configuration of its README.md or, if that has none, those
// beside numbered shards in data/.
func (b *Benchmark) leaveOutSides() {
	reads := func(f File) bool { return dataRE.MatchString(f.Rel) }
	why := "beside data/, which the hub's library reads alone; name the file to read it"
	if len(b.card) > 0 {
		reads = func(f File) bool { return !b.card.Excludes(f.Rel) }
		why = "in no configuration of README.md; name the file to read it"
	}
	if !slices.ContainsFunc(b.Files, reads) {
		return
	}
	b.leaveOut(func(f *File) string {
		if reads(*f) {
			return ""
		}
		return why
	})
}

// allLanguages is the directory in which a record has the texts of all languages, where each language has
// one of its own.
const allLanguages = "all_languages"

// A splitSurvey is what the names of a directory's files say of its splits.
type splitSurvey struct {
	hub   bool            // named as a hub names its files
	train bool            // there is a training split
	evals map[string]bool // directories with an evaluation split, and "*" if there is one
	all   map[string]bool // splits that a directory all/ has
	one   map[string]bool // splits that a directory of one language has
}

func surveySplits(files []File) splitSurvey {
	s := splitSurvey{evals: map[string]bool{}, all: map[string]bool{}, one: map[string]bool{}}
	for i := range files {
		f := &files[i]
		s.hub = s.hub || partRE.MatchString(f.Split) || hubDirRE.MatchString(path.Base(f.Split))
		split, above, train := splitOf(f.Split)
		s.train = s.train || train
		if !train && evalRE.MatchString(split) {
			s.evals[strings.Join(above, "/")], s.evals["*"] = true, true
		}
		switch {
		case len(above) == 0 || above[len(above)-1] == allLanguages:
		case above[len(above)-1] == "all":
			s.all[split] = true
		default:
			s.one[split] = true
		}
	}
	return s
}

// splitOf returns the name of a split and the directories above it: that of the file or, where a directory
// is named for a split, that of the directory. train reports whether it is a training split.
func splitOf(name string) (split string, above []string, train bool) {
	parts := splitParts(name)
	last := len(parts) - 1
	for i := last; i >= 0; i-- {
		train := trainRE.MatchString(parts[i])
		if train || evalRE.MatchString(parts[i]) {
			return parts[i], parts[:i], train
		}
	}
	return parts[last], parts[:last], false
}

// SplitIs reports whether word is the name of a split's file, without the number of a shard, or that of a
// directory above it.
func SplitIs(name, word string) bool { return slices.Contains(splitParts(name), strings.ToLower(word)) }

// copyReason returns why a file is left out, or "".
func (s *splitSurvey) copyReason(name string) string {
	split, above, train := splitOf(name)
	switch {
	case train && s.evals[strings.Join(above, "/")], s.evals["*"] && slices.ContainsFunc(above, trainRE.MatchString):
		return "a training split beside an evaluation split; PATH:" + split + " reads it"
	case s.all[split] && len(above) > 0 && above[len(above)-1] != "all":
		return "a part of all/; PATH:" + above[len(above)-1] + " reads it"
	case s.one[split] && slices.Contains(above, allLanguages):
		return "the other directories again, a record with the texts of all languages; PATH:" + allLanguages + " reads it"
	}
	return ""
}

// benchmarkNames returns what a benchmark may be called by its path: the file's name and
// those of the directories above it, and the ids that data sets of the hub have there.
func benchmarkNames(at string, directory bool) (names []string, err error) {
	abs, err := filepath.Abs(at)
	if store.IsURL(at) {
		abs, at = localName(at), localName(at)
	}
	if err != nil {
		return nil, err
	}
	if !directory {
		f, _ := newFile(at, filepath.Base(abs))
		names = append(names, sampleRE.ReplaceAllString(path.Base(f.Split), "$1"))
		abs = filepath.Dir(abs)
	}
	for kept := 0; kept < 5 && abs != filepath.Dir(abs); abs = filepath.Dir(abs) {
		name := filepath.Base(abs)
		if m := hubIDRE.FindStringSubmatch(name); m != nil {
			names = append(names, m[1]+m[2]+"/"+m[3], m[3])
			break // what is above it is the cache's
		}
		if hubDirRE.MatchString(name) {
			continue
		}
		names = append(names, filepath.Base(filepath.Dir(abs))+"/"+name, name)
		kept++
	}
	return names, nil
}

// noFiles returns the error for a benchmark without files, which names what is there and is not read.
func (b *Benchmark) noFiles(name string) error {
	err := fmt.Errorf("benchmark %s: no files ending in %s", name, rows.Formats.Endings())
	for _, what := range []struct{ ending, advice string }{
		{".py", "it has a script that loads data, and no data: the hub keeps Parquet of most such data sets, as in " +
			"hf://OWNER/NAME@refs%2Fconvert%2Fparquet"},
		{shard.ZipEnding, "it has archives without a file that is read here, or in a store: unpack them on the disk"},
		{".gz", "it has archives: unpack them"},
	} {
		if slices.ContainsFunc(b.Skipped, func(s shard.Skipped) bool { return strings.HasSuffix(s.Path, what.ending) }) {
			return fmt.Errorf("%w; %s", err, what.advice)
		}
	}
	return err
}

// isZip reports whether a file is a zip archive by its name.
func isZip(name string) bool { return strings.EqualFold(path.Ext(name), shard.ZipEnding) }

// addArchives adds the files of zip archives that were passed over, as if each were a directory.
func (b *Benchmark) addArchives(ignore []string) error {
	for i := 0; i < len(b.Skipped); i++ {
		if name := b.Skipped[i].Path; isZip(name) {
			before := len(b.Files)
			if err := b.addTree(name, ignore); err != nil {
				return err
			}
			if len(b.Files) > before {
				b.Skipped = slices.Delete(b.Skipped, i, i+1)
				i--
			}
		}
	}
	return nil
}

// A tree is a directory, or the members of an archive.
type tree interface {
	fs.FS
	io.Closer
}

// directory is a tree of the disk.
type directory struct{ fs.FS }

func (directory) Close() error { return nil }

// openTree opens a directory or a zip archive. The files of an archive are as if in a directory of its name.
func openTree(name string) (t tree, above string, err error) {
	info, err := os.Stat(name)
	if err != nil || info.IsDir() {
		return directory{os.DirFS(name)}, "", err
	}
	if t, err = zip.OpenReader(name); err != nil {
		return nil, "", err
	}
	return t, strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)) + "/", nil
}

// addTree adds the files below a directory, or in a zip archive.
func (b *Benchmark) addTree(dir string, ignore []string) error {
	tree, above, err := openTree(dir)
	if err != nil {
		return fmt.Errorf("benchmark %s: %w", quotedName(dir), err)
	}
	defer tree.Close()
	skip := func(rel, why string) {
		b.Skipped = append(b.Skipped, shard.Skipped{Path: filepath.Join(dir, filepath.FromSlash(rel)), Why: why})
	}
	err = fs.WalkDir(tree, ".", func(rel string, d fs.DirEntry, err error) error {
		name := filepath.Join(dir, filepath.FromSlash(rel))
		switch {
		case err != nil:
			return err
		case rel == ".":
			return nil
		case strings.HasPrefix(d.Name(), "."):
			skip(rel, "hidden")
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		f, ok := newFile(name, above+rel)
		switch {
		case !ok:
			skip(rel, "unknown ending")
			return nil
		case rows.IsProse(f.format):
			skip(rel, "plain text, which is read as a benchmark only if the file itself is named")
			return nil
		case f.format.String() == "tar":
			skip(rel, "an archive, which cannot be divided")
			return nil
		case shard.SideFile(d.Name()) || anyMatch(ignore, d.Name()):
			skip(rel, "its name is that of a file without items")
			return nil
		}
		if info, err := fs.Stat(tree, rel); err != nil {
			return err
		} else if info.IsDir() {
			skip(rel, "a symbolic link to a directory")
			return nil
		}
		b.Files = append(b.Files, f)
		return nil
	})
	if err != nil {
		return fmt.Errorf("benchmark %s: %w", quotedName(dir), err)
	}
	slices.SortFunc(b.Files, func(x, y File) int { return strings.Compare(x.Rel, y.Rel) })
	return nil
}
