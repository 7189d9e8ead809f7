// Package benchmark reads benchmarks and divides them: a benchmark in, its items
// out, and later the benchmark written again as two variants, one of the items
// that are kept and one of those removed, every record's bytes untouched.
//
// # What is read
//
// A benchmark is a file, or a directory with all files of known endings below it:
//
//	.jsonl .ndjson .json   JSON lines, JSON values over several lines, one list,
//	                       or one object that holds one list of objects; told
//	                       apart by what is in the file
//	.csv .tsv              a table, with or without a header; in .tsv quotes are text
//	.parquet
//
// each also behind .gz .zst .bz2 .xz .lz4. A file is a split, named by its path
// without endings, and a record is an item. Which fields of a record are which
// part of the item is said by [Spec.Fields] or a preset (benchmarks.yaml).
//
// # What is promised
//
// A benchmark is small and has to be whole: whatever cannot be read as it should
// is an error that names file, record (from 0) and field, and nothing is left
// out. Texts are decoded and otherwise as they stand in the record. Invalid UTF-8,
// lone surrogates, names that stand twice in one object and rows of another
// length than the first are errors. A file that changes between two readings is
// [ErrChanged].
//
// Memory does not depend on the number of items: one record and its separator,
// at most 64 MiB, or a page of each column of Parquet. A Parquet file compressed
// as a whole is unpacked into a temporary file.
package benchmark

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"swab/ngram/item"
	"swab/pipeline/rows"
	"swab/pipeline/shard"

	"github.com/zeebo/xxh3"
)

// Spec is what a user says of a benchmark. Only Path is needed.
type Spec struct {
	Name   string // default: the file's or directory's name, lower case
	Path   string
	Preset string // a preset's name; not together with Fields
	Fields string // "question=…,context=…,choices=…,answer=…,id=…"
	Header string // "yes" or "no": whether tables have one; "": as the preset says, else yes unless Fields are numbers
}

// Benchmark is an opened benchmark. It serves one goroutine.
type Benchmark struct {
	Name    string
	Files   []File // by Rel
	Skipped []shard.Skipped
	Preset  string // "" when Fields were given
	Mapping string // the fields as used, for people and as part of an identity
	Guessed bool   // Preset was found by the fields alone

	// Warnings are complete when Items ran to its end once.
	Warnings []string

	known    map[string]int // how many records splits have, by the preset
	complete bool           // Items ran to its end once
}

// Item is one item of a benchmark. Its strings may be kept.
type Item struct {
	Ordinal int    // position in the whole benchmark, files in order
	Index   int    // position in its file, from 0
	Split   string // its file's
	ID      string // the id field as written, else Index in decimal
	Text    [item.NumParts]string

	// Digest is the 128-bit xxh3, 32 hex digits, of each part's length in bytes,
	// as eight little-endian bytes, with the part behind it.
	Digest string
}

var nameRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func validName(s string) bool { return nameRE.MatchString(s) && len(s) <= 100 }

// splitWords are names of splits and of directories around them, which are no
// benchmark's name.
var splitWords = []string{"train", "test", "dev", "val", "valid", "validation", "eval", "main", "data", "all", "default"}

// shards of one split, as the Hugging Face hub numbers them.
var partRE = regexp.MustCompile(`-\d{5}-of-\d{5}$`)

func isSplitWord(s string) bool {
	return slices.Contains(splitWords, partRE.ReplaceAllString(strings.ToLower(s), ""))
}

// Open finds a benchmark's files and how they map to items, looking at names and
// first records. It is an error when there are no files or records, or when a
// file's first record does not map.
func Open(spec Spec, p *Presets) (*Benchmark, error) {
	abs, err := filepath.Abs(spec.Path)
	if err != nil {
		return nil, fmt.Errorf("benchmark %s: %w", show(spec.Path), err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("benchmark: %w", err)
	}
	b := new(Benchmark)
	if info.IsDir() {
		err = b.tree(spec.Path, p.ignore)
	} else if f, ok := newFile(spec.Path, filepath.Base(abs)); ok {
		b.Files = []File{f}
	} else {
		err = fmt.Errorf("benchmark %s: unknown ending; known are %s, and behind them .gz .zst .bz2 .xz .lz4", show(spec.Path), rows.Formats.Endings())
	}
	if err != nil {
		return nil, err
	}

	// The file's or directory's name and those of the directories above it.
	var names []string
	if !info.IsDir() {
		names = append(names, path.Base(b.Files[0].Split))
		abs = filepath.Dir(abs)
	}
	for ; len(names) < 5 && abs != filepath.Dir(abs); abs = filepath.Dir(abs) {
		names = append(names, filepath.Base(abs))
	}
	b.Name = spec.Name
	if b.Name == "" {
		b.Name = strings.ToLower(names[max(0, slices.IndexFunc(names, func(s string) bool { return !isSplitWord(s) }))])
	}
	if !validName(b.Name) {
		return nil, fmt.Errorf("benchmark %s: %q cannot be its name, which has to be of letters, digits, . _ -, and start with a letter or digit; give one, as in NAME=PATH", show(spec.Path), rows.Clip(b.Name))
	}
	if err := b.resolve(spec, p, append([]string{b.Name}, names...), info.IsDir()); err != nil {
		return nil, fmt.Errorf("benchmark %s: %w", b.Name, err)
	}
	return b, b.distinctFiles()
}

// tree lists the files below a directory.
func (b *Benchmark) tree(dir string, ignore []string) error {
	skip := func(rel, why string) {
		b.Skipped = append(b.Skipped, shard.Skipped{Path: filepath.Join(dir, filepath.FromSlash(rel)), Why: why})
	}
	err := fs.WalkDir(os.DirFS(dir), ".", func(rel string, d fs.DirEntry, err error) error {
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
		f, ok := newFile(name, rel)
		switch {
		case !ok:
			skip(rel, "unknown ending")
			return nil
		case rows.IsProse(f.format):
			skip(rel, "plain text, of which a benchmark is made only where it is named")
			return nil
		case shard.SideFile(d.Name()) || anyMatch(ignore, d.Name()):
			skip(rel, "holds no items by its name")
			return nil
		}
		if info, err := os.Stat(name); err != nil {
			return err
		} else if info.IsDir() {
			skip(rel, "a symbolic link to a directory")
			return nil
		}
		b.Files = append(b.Files, f)
		return nil
	})
	if err != nil {
		return fmt.Errorf("benchmark %s: %w", show(dir), err)
	}
	if len(b.Files) == 0 {
		return fmt.Errorf("benchmark %s: no files ending in %s", show(dir), rows.Formats.Endings())
	}
	slices.SortFunc(b.Files, func(x, y File) int { return strings.Compare(x.Rel, y.Rel) })
	return nil
}

// distinctFiles reports files that would be one split, or be written to one file,
// and warns of those that are written under another name.
func (b *Benchmark) distinctFiles() error {
	by := make(map[string]string)
	for _, f := range b.Files {
		if other, ok := by[f.Split]; ok {
			return fmt.Errorf("benchmark %s: %s and %s would be one split; name the file", b.Name, show(other), show(f.Rel))
		}
		by[f.Split] = f.Rel
		if f.Out != f.Rel {
			b.Warnings = append(b.Warnings, fmt.Sprintf("%s: variants are written without bzip2, as %s", show(f.Rel), show(f.Out)))
		}
	}
	return nil
}

// resolve finds each file's layout: the one that the caller describes, or that of a preset.
func (b *Benchmark) resolve(spec Spec, p *Presets, names []string, directory bool) error {
	if !slices.Contains([]string{"", "yes", "no"}, spec.Header) {
		return fmt.Errorf("header %q is neither yes nor no", rows.Clip(spec.Header))
	}
	if spec.Fields != "" && spec.Preset != "" {
		return errors.New("both a preset and fields are given")
	}
	probes := make([]probe, len(b.Files))
	for i := range b.Files {
		if err := probes[i].start(&b.Files[i], spec.Header); err != nil {
			return err
		}
	}
	if spec.Fields != "" {
		return b.describe(spec.Fields, probes)
	}
	known, err := b.choosePreset(spec.Preset, p, names, probes)
	if err != nil {
		return err
	}
	if known == nil {
		return b.requireEmpty(probes)
	}
	return b.applyPreset(known, probes, directory)
}

// describe reads all files by the mapping that the caller wrote.
func (b *Benchmark) describe(fields string, probes []probe) error {
	m, err := parseMapping(fields)
	if err != nil {
		return err
	}
	l := &Layout{Fields: fields, mapping: m}
	if m.numbered() {
		l.Header = "no"
	}
	for i := range probes {
		if err := probes[i].use(l); err != nil {
			return err
		}
	}
	return b.mapped(probes)
}

// choosePreset returns the preset that the caller names, else the first that the
// benchmark's names know and that fits a file, else the one whose layout asks for most
// fields of the first file that any preset fits. It returns nil when none fits.
func (b *Benchmark) choosePreset(named string, p *Presets, names []string, probes []probe) (*Preset, error) {
	if named != "" {
		if known := p.find(named); known != nil {
			return known, nil
		}
		return nil, fmt.Errorf("no preset is named %q", rows.Clip(named))
	}
	for _, name := range names {
		q := p.find(name)
		if q != nil && slices.ContainsFunc(probes, func(r probe) bool { return r.best(q) != nil }) {
			return q, nil
		}
	}
	var known *Preset
	for i := 0; known == nil && i < len(probes); i++ {
		asked := 0
		for _, q := range p.list {
			if l := probes[i].best(q); l != nil && l.asks() > asked {
				known, asked = q, l.asks()
			}
		}
	}
	b.Guessed = known != nil
	return known, nil
}

// requireEmpty returns an error for the first file with records, as no preset fits any.
func (b *Benchmark) requireEmpty(probes []probe) error {
	for i := range probes {
		if r := &probes[i]; r.err != nil {
			return r.err
		} else if !r.empty {
			return fmt.Errorf("%s: %w (%s)", show(r.file.Path), ErrNoPreset, r.seen)
		}
	}
	return b.mapped(probes)
}

// applyPreset reads the files by the preset's layouts and leaves out those that hold no
// items of the benchmark.
func (b *Benchmark) applyPreset(known *Preset, probes []probe, directory bool) error {
	kept := probes[:0]
	for i := range probes {
		r := &probes[i]
		if directory && anyMatch(known.Ignore, path.Base(r.file.Rel)) {
			why := "holds no items, the preset " + known.Name + " says"
			b.Skipped = append(b.Skipped, shard.Skipped{Path: r.file.Path, Why: why})
			continue
		}
		kept = append(kept, *r)
		l := r.best(known)
		switch {
		case l != nil:
			if err := r.use(l); err != nil {
				return err
			}
		case r.err != nil:
			return r.err
		case !r.empty:
			return fmt.Errorf("%s: the preset %s does not fit its fields (%s)", show(r.file.Path), known.Name, r.seen)
		}
	}
	b.Preset, b.known = known.Name, known.Rows
	files := make([]File, 0, len(kept))
	for i := range kept {
		files = append(files, *kept[i].file)
	}
	b.Files = files
	return b.mapped(kept)
}

// mapped notes how each file is read, and in words which fields are used. It is an error
// when no file has a record.
func (b *Benchmark) mapped(probes []probe) error {
	type use struct{ fields, splits string }
	var uses []use
	for i := range b.Files {
		f := &b.Files[i]
		if f.mapping == nil {
			b.Warnings = append(b.Warnings, show(f.Rel)+": holds no records")
			continue
		}
		fields := probes[i].layout.Fields
		f.Reading = Reading{Fields: fields}
		if f.table() {
			f.Reading.Header, f.Reading.Quotes = &f.layout.Header, &f.layout.Quotes
			fields += fmt.Sprintf(" header=%t quotes=%t", f.layout.Header, f.layout.Quotes)
		}
		k := slices.IndexFunc(uses, func(u use) bool { return u.fields == fields })
		if k < 0 {
			k = len(uses)
			uses = append(uses, use{fields: fields})
		}
		uses[k].splits += " " + f.Split
	}
	for i, u := range uses {
		if i > 0 {
			b.Mapping += "; "
		}
		b.Mapping += u.fields
		if len(uses) > 1 {
			b.Mapping += " in" + u.splits
		}
	}
	if len(uses) == 0 {
		return errors.New("it holds no records")
	}
	return nil
}

// probe is a file with its first record, read in each way that a layout may ask.
type probe struct {
	file   *File
	header string
	first  map[rows.Layout]*rows.Record // nil: no record
	layout *Layout
	empty  bool
	err    error // of the first record
	seen   string
}

// start reads the first record. Only errors of the file itself are returned; what
// is wrong with a record may not matter to the layout that will be used.
func (r *probe) start(f *File, header string) error {
	*r = probe{file: f, header: header, first: make(map[rows.Layout]*rows.Record)}
	if err := f.detect(); err != nil {
		return err
	}
	t, err := r.record(r.laidOut(&Layout{}))
	if err != nil && !f.table() {
		return err
	}
	r.err = err
	r.seen = t.FieldNames()
	if f.table() { // a lone row may be an item
		t, err = r.record(r.laidOut(&Layout{Header: "no"}))
	}
	r.empty = t == nil && err == nil
	return nil
}

// laidOut is how a layout reads the file.
func (r *probe) laidOut(l *Layout) rows.Layout {
	d := r.file.layout
	if !r.file.table() {
		return d
	}
	d.Header = l.Header != "no"
	if l.Quotes != "" {
		d.Quotes = l.Quotes == "rfc"
	}
	if r.header != "" {
		d.Header = r.header == "yes"
	}
	return d
}

// record returns the first record, or nil if there is none.
func (r *probe) record(d rows.Layout) (*rows.Record, error) {
	if t, ok := r.first[d]; ok {
		return t, nil
	}
	f := *r.file
	f.layout, f.mapping = d, nil
	var first *rows.Record
	err := f.read(context.Background(), func(_ int, t *rows.Record) error {
		first = t.Clone()
		return errStop
	})
	if err != nil && err != errStop {
		return nil, err
	}
	r.first[d] = first
	return first, nil
}

// best gives the preset's layout that fits the file and asks for most, or nil.
func (r *probe) best(q *Preset) (best *Layout) {
	for i := range q.Layouts {
		l := &q.Layouts[i]
		if t, err := r.record(r.laidOut(l)); err == nil && t != nil && l.fits(t) && (best == nil || l.asks() > best.asks()) {
			best = l
		}
	}
	return best
}

// use gives the file this layout, if its first record maps.
func (r *probe) use(l *Layout) error {
	d := r.laidOut(l)
	t, err := r.record(d)
	if err != nil {
		return err
	}
	if r.empty = t == nil; r.empty {
		return nil
	}
	var e extractor
	if err := e.item(new(Item), l.mapping, t); err != nil {
		return fmt.Errorf("%w; the record's fields are %s", r.file.at(0, err), t.FieldNames())
	}
	r.layout, r.file.mapping, r.file.layout = l, l.mapping, d
	return nil
}

// extractor makes items of records.
type extractor struct{ buf []byte }

var errNoText = errors.New("an item without any text")

// item fills it.ID, it.Text and it.Digest. It allocates one string.
func (e *extractor) item(it *Item, m *mapping, t *rows.Record) (err error) {
	buf := e.buf[:0]
	var ends [item.NumParts]int
	blank := true
	for p := range item.NumParts {
		from := len(buf)
		buf = append(buf, 0, 0, 0, 0, 0, 0, 0, 0)
		if buf, err = m.part(buf, t, p); err != nil {
			return err
		}
		ends[p] = len(buf)
		n := len(buf) - from - 8
		binary.LittleEndian.PutUint64(buf[from:], uint64(n))
		for i := from + 8; blank && i < len(buf); i++ {
			blank = (buf[i] == ' ' || buf[i] == '\n' || buf[i] == '\r' || buf[i] == '\t')
		}
	}
	if blank {
		return errNoText
	}
	texts := len(buf)
	if !m.hasID {
		buf = strconv.AppendInt(buf, int64(it.Index), 10)
	} else if buf, err = m.itemID(buf, t); err != nil {
		return err
	}
	id := len(buf)
	sum := xxh3.Hash128(buf[:texts]).Bytes()
	buf = hex.AppendEncode(buf, sum[:])
	e.buf = buf
	all := string(buf)
	from := 0
	for p, end := range ends {
		it.Text[p] = all[from+8 : end]
		from = end
	}
	it.ID, it.Digest = all[texts:id], all[id:]
	return nil
}

// Items gives all items, in the same order every time. An item is lent for one
// step, its strings are not; an error ends the sequence.
func (b *Benchmark) Items(ctx context.Context) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		var e extractor
		var it Item
		ordinal := 0
		for i := range b.Files {
			f := &b.Files[i]
			err := f.read(ctx, func(n int, t *rows.Record) error {
				it.Ordinal, it.Index, it.Split = ordinal, n, f.Split
				if f.mapping == nil {
					return ErrChanged // it held no records before
				}
				if err := e.item(&it, f.mapping, t); err != nil {
					return err
				}
				ordinal++
				if !yield(&it, nil) {
					return errStop
				}
				return nil
			})
			if err == errStop {
				return
			}
			if err != nil {
				yield(nil, fmt.Errorf("benchmark %s: %w", b.Name, err))
				return
			}
		}
		if !b.complete {
			b.complete = true
			b.count()
			b.warnOfRepairs()
		}
	}
}

// warnOfRepairs warns of records that are no JSON by its letter.
func (b *Benchmark) warnOfRepairs() {
	for _, f := range b.Files {
		if f.Repaired > 0 {
			b.Warnings = append(b.Warnings, fmt.Sprintf("%s: NaN or Infinity in %d records, accepted as Python writes it", show(f.Rel), f.Repaired))
		}
	}
}

// count warns of splits with another number of records than the preset knows.
func (b *Benchmark) count() {
	for _, pattern := range slices.Sorted(maps.Keys(b.known)) {
		got := make(map[string]int)
		for _, f := range b.Files {
			split := partRE.ReplaceAllString(f.Split, "")
			for _, s := range []string{split, path.Dir(split)} {
				// The pattern's own number of parts, from the end.
				parts := strings.Split(s, "/")
				tail := strings.Join(parts[max(0, len(parts)-1-strings.Count(pattern, "/")):], "/")
				if ok, _ := path.Match(pattern, tail); ok {
					got[s] += f.Items
					break
				}
			}
		}
		for _, s := range slices.Sorted(maps.Keys(got)) {
			if got[s] != b.known[pattern] {
				b.Warnings = append(b.Warnings, fmt.Sprintf("%s: %d records, where %s has %d", show(s), got[s], b.Preset, b.known[pattern]))
			}
		}
	}
}

// IDs are what items are called, by a hash each.
type IDs []xxh3.Uint128

// Add takes an item.
func (ids *IDs) Add(it *Item) { *ids = append(*ids, hashID(it)) }

func hashID(it *Item) xxh3.Uint128 {
	return xxh3.HashString128(strconv.Itoa(len(it.Split)) + it.Split + it.ID)
}

// DuplicateIDs gives the number of items whose split and id an earlier item has, and the
// first most of them as "split/id", in order and as they stand in the file. All items are
// in ids, which it uses up; it reads the benchmark again only to name some.
func (b *Benchmark) DuplicateIDs(ctx context.Context, ids IDs, most int) (names []string, n int, err error) {
	order := func(x, y xxh3.Uint128) int {
		return cmp.Or(cmp.Compare(x.Hi, y.Hi), cmp.Compare(x.Lo, y.Lo))
	}
	slices.SortFunc(ids, order)
	double := ids[:0] // each hash that is there more than once
	for i := 1; i < len(ids); i++ {
		if h := ids[i]; h == ids[i-1] {
			n++
			if len(double) == 0 || double[len(double)-1] != h {
				double = append(double, h)
			}
		}
	}
	if n == 0 || most <= 0 {
		return nil, n, nil
	}
	met := make([]bool, len(double))
	for it, err := range b.Items(ctx) {
		if err != nil {
			return nil, 0, err
		}
		i, found := slices.BinarySearchFunc(double, hashID(it), order)
		if found && met[i] {
			if names = append(names, it.Split+"/"+it.ID); len(names) == most {
				break
			}
		}
		if found {
			met[i] = true
		}
	}
	return names, n, nil
}

// Divide writes each file twice under its name File.Out: the records for which
// keep is true below cleanDir, the others below removedDir, each record's bytes as
// they were and in order, in the same format and compression. What stands around
// the records (a header, a list's brackets) is in both. Parquet keeps schema,
// metadata and the rows' values, not its pages. keep is asked once an item, in
// order. No file may be there before; after an error those made are gone.
func (b *Benchmark) Divide(ctx context.Context, cleanDir, removedDir string, keep func(ordinal int) bool) (err error) {
	if !b.complete { // what is copied has been read as items
		for _, err := range b.Items(ctx) {
			if err != nil {
				return err
			}
		}
	}
	var made []string
	defer func() {
		if err != nil {
			for _, name := range made {
				os.Remove(name)
			}
			err = fmt.Errorf("benchmark %s: divide: %w", b.Name, err)
		}
	}()
	first := 0
	for i := range b.Files {
		f := &b.Files[i]
		var outs [2]*output
		for k, dir := range []string{cleanDir, removedDir} {
			name := filepath.Join(dir, filepath.FromSlash(f.Out))
			o, err := create(name, f.compression)
			if err != nil {
				if k > 0 {
					outs[0].drop()
				}
				return err
			}
			outs[k] = o
			made = append(made, name)
		}
		err := f.copyTo(ctx, [2]io.Writer{outs[0], outs[1]}, func(n int) int {
			if keep(first + n) {
				return 0
			}
			return 1
		})
		if err = errors.Join(err, outs[0].close(), outs[1].close()); err != nil {
			return err
		}
		first += f.Items
	}
	return nil
}
