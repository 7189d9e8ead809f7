// Package benchmark reads the items of benchmarks, and divides benchmarks: it writes the
// files of one again as two variants, one with the items that are kept and one with those
// removed, the bytes of every record unchanged.
//
// # What is read
//
// A benchmark is a file, or a directory with all files of known endings below it:
//
//	.jsonl .ndjson .json   JSON lines, JSON values over several lines, one list,
//	                       or one object that holds one list of objects; the
//	                       content of the file decides
//	.csv .tsv              a table, with or without a header; in .tsv quotes are text
//	.parquet
//
// each also compressed, as .gz .zst .bz2 .xz .lz4. A file is a split, named by its path
// without endings, and a record is an item. [Spec.Fields] or a preset (presets/README.md)
// maps the fields of a record to the parts of the item.
//
// # Guarantees
//
// A benchmark is small and has to be complete: no record is left out, and what cannot be
// read is an error that names file, record (from 0) and field. Texts are decoded and
// otherwise unchanged. Invalid UTF-8, lone surrogates, duplicate names in an object and
// rows of another length than the first are errors. A file that changes between two
// readings is [ErrChanged].
//
// Memory does not depend on the number of items: one record and its separator,
// at most 64 MiB, or a page of each column of Parquet. A Parquet file compressed
// as a whole is unpacked into a temporary file.
package benchmark

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"swab/ngram/item"
	"swab/pipeline/publish"
	"swab/pipeline/rows"
	"swab/pipeline/shard"
	"swab/pipeline/store"

	"github.com/zeebo/xxh3"
)

// Spec is a user's description of a benchmark. Only Path is required.
type Spec struct {
	Name   string // default: the file's or directory's name, lower case
	Preset string // a preset's name; not together with Fields
	Fields string // "question=…,context=…,choices=…,answer=…,id=…"

	// Path is that of a file, a directory or a task file of lm-eval, or a glob; where there is none of that
	// name, :config and :split may follow.
	Path string

	// Context ends requests to stores, also those that read what was found; nil: none does.
	Context context.Context

	// Header is "yes" or "no": whether tables have a header; "": as in the preset, else yes
	// unless Fields are numbers.
	Header string

	Number int // the caller's, which the benchmark repeats
}

// Benchmark is an opened benchmark. It serves one goroutine.
type Benchmark struct {
	Name    string
	Files   []File // by Rel
	Skipped []shard.Skipped
	Preset  string // "" if Fields were set
	Mapping string // the fields in use, for display and as part of an identity
	Guessed bool   // Preset was chosen by the fields alone
	Number  int    // of the Spec

	// Translates is PRESET/SPLIT of the items that these are in other languages, by the preset; "": none.
	Translates string

	// Unread are fields of texts that a guessed layout leaves out, by the first record of each file.
	Unread []string

	Media int // items with images, audio or other media, which are copied and not compared

	// Warnings are complete once Items has run to its end.
	Warnings []string

	card     store.Card     // of the data set's README.md
	known    map[string]int // number of records of splits, by the preset
	complete bool           // Items has run to its end
}

// Item is one item of a benchmark. Its strings may be kept.
type Item struct {
	Ordinal int    // position in the whole benchmark, files in order
	Index   int    // position in its file, from 0
	Split   string // its file's
	ID      string // the id field as written, else Index in decimal
	Text    [item.NumParts]string
	Media   bool // it has images, audio or other media, which are not compared
	Passage bool // its context is a passage, by the fields that it was read from

	// Digest is the 128-bit xxh3, 32 hex digits, of the parts, each preceded by its length
	// in bytes as eight little-endian bytes.
	Digest string

	Record *rows.Record // that it was read from, lent for one step
}

// distinctFiles reports files that would be one split, or be written to one file,
// and warns about those that are written under another name.
func (b *Benchmark) distinctFiles() error {
	by := make(map[string]string)
	for _, f := range b.Files {
		if other, ok := by[f.Split]; ok {
			return fmt.Errorf("benchmark %s: %s and %s would be the same split; name one of the files instead of the directory",
				b.Name, quotedName(other), quotedName(f.Rel))
		}
		by[f.Split] = f.Rel
		if f.Out != f.Rel {
			b.Warnings = append(b.Warnings,
				fmt.Sprintf("%s: variants are written without bzip2, as %s", quotedName(f.Rel), quotedName(f.Out)))
		}
	}
	return nil
}

// resolve finds each file's layout: the one of spec.Fields, or that of a preset.
func (b *Benchmark) resolve(spec Spec, p *Presets, names []string, directory bool) error {
	if !slices.Contains([]string{"", "yes", "no"}, spec.Header) {
		return fmt.Errorf("header %q is neither yes nor no", rows.Clip(spec.Header))
	}
	if spec.Fields != "" && spec.Preset != "" {
		return errors.New("both a preset and fields are set; set one of them")
	}
	probes := make([]probe, len(b.Files))
	for i := range b.Files {
		if err := probes[i].start(cmp.Or(spec.Context, context.Background()), &b.Files[i], spec.Header); err != nil {
			return err
		}
	}
	if spec.Fields != "" {
		return b.useFields(spec.Fields, probes)
	}
	known, err := b.choosePreset(spec.Preset, p, names, probes)
	if err != nil {
		return err
	}
	if known == nil {
		return b.requireEmpty(probes)
	}
	if err := b.applyPreset(known, probes, directory); err != nil {
		return err
	}
	if !b.Guessed { // else they may be another benchmark's columns
		b.known, b.Translates = known.rowsOf(names), known.Translates
	}
	return nil
}

// useFields reads all files by the mapping that the caller wrote.
func (b *Benchmark) useFields(fields string, probes []probe) error {
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
	return b.recordMapping(probes)
}

// choosePreset returns the preset that the caller names, else the first with one of the
// benchmark's names that fits a file, else, for the first file that any preset fits, the one
// whose layout has most conditions. It returns nil if none fits.
func (b *Benchmark) choosePreset(named string, p *Presets, names []string, probes []probe) (*Preset, error) {
	if named != "" {
		if known := p.find(named); known != nil {
			return known, nil
		}
		return nil, fmt.Errorf("no preset is named %q", rows.Clip(named))
	}
	for _, name := range names {
		q := p.find(name)
		if q != nil && slices.ContainsFunc(probes, func(r probe) bool { return r.bestLayout(q, true) != nil }) {
			return q, nil
		}
	}
	var known *Preset
	for i := 0; known == nil && i < len(probes); i++ {
		conditions := 0
		for _, q := range p.list {
			if l := probes[i].bestLayout(q, false); l != nil && l.conditions() > conditions {
				known, conditions = q, l.conditions()
			}
		}
	}
	b.Guessed = known != nil
	return known, nil
}

// requireEmpty returns an error for the first file with records, since no preset fits it.
func (b *Benchmark) requireEmpty(probes []probe) error {
	for i := range probes {
		if r := &probes[i]; r.err != nil {
			return r.err
		} else if !r.empty {
			return fmt.Errorf("%s: %w (%s)", quotedName(r.file.Path), ErrNoPreset, r.seen)
		}
	}
	return b.recordMapping(probes)
}

// applyPreset reads the files by the preset's layouts and leaves out those that hold no
// items of the benchmark.
func (b *Benchmark) applyPreset(known *Preset, probes []probe, directory bool) error {
	kept := probes[:0]
	for i := range probes {
		r := &probes[i]
		if directory && known.ignores(r.file.Rel) {
			why := "a file without items, according to the preset " + known.Name
			b.Skipped = append(b.Skipped, shard.Skipped{Path: r.file.Path, Why: why})
			continue
		}
		l := r.bestLayout(known, !b.Guessed)
		switch {
		case l != nil:
			if err := r.use(l); err != nil {
				return err
			}
		case r.err != nil:
			return r.err
		case !r.empty:
			return fmt.Errorf("%s: the preset %s does not fit its fields (%s)", quotedName(r.file.Path), known.Name, r.seen)
		}
		kept = append(kept, *r)
	}
	b.Preset = known.Name
	for i := range kept {
		if b.Guessed && kept[i].file.mapping != nil {
			b.Unread = append(b.Unread, kept[i].unread()...)
		}
	}
	slices.Sort(b.Unread)
	b.Unread = slices.Compact(b.Unread)
	files := make([]File, 0, len(kept))
	for i := range kept {
		files = append(files, *kept[i].file)
	}
	b.Files = files
	return b.recordMapping(kept)
}

// recordMapping records how each file is read, and sets b.Mapping. It is an error if no file
// has a record.
func (b *Benchmark) recordMapping(probes []probe) error {
	type use struct{ fields, splits string }
	var uses []use
	for i := range b.Files {
		f := &b.Files[i]
		if f.mapping == nil {
			b.Warnings = append(b.Warnings, quotedName(f.Rel)+": it holds no records")
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

// probe is a file with its first record, read in each way that a layout may require.
type probe struct {
	ctx    context.Context
	file   *File
	header string
	first  map[rows.Layout]*rows.Record // nil: no record
	layout *Layout
	empty  bool
	err    error // of the first record
	seen   string
}

// start reads the first record. It returns errors of the file only; an error of the record
// may not matter to the layout that will be used.
func (r *probe) start(ctx context.Context, f *File, header string) error {
	*r = probe{ctx: ctx, file: f, header: header, first: make(map[rows.Layout]*rows.Record)}
	if err := f.detect(); err != nil {
		return err
	}
	t, err := r.record(r.rowLayout(&Layout{}))
	if err != nil && !f.table() {
		return err
	}
	r.err = err
	r.seen = t.FieldNames()
	if f.table() { // a single row may be an item
		t, err = r.record(r.rowLayout(&Layout{Header: "no"}))
	}
	r.empty = t == nil && err == nil
	return nil
}

// rowLayout returns the arrangement of rows in the file if it has layout l.
func (r *probe) rowLayout(l *Layout) rows.Layout {
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
	err := f.read(r.ctx, func(_ int, t *rows.Record) error {
		first = t.Clone()
		return errStop
	})
	if err != nil && err != errStop {
		return nil, err
	}
	r.first[d] = first
	return first, nil
}

// bestLayout returns the preset's layout that fits the file and has most conditions, or nil.
// Layouts of common columns are used only where the preset is named. There, a record without the
// columns that are the mark of a layout has it too, if it has every part.
func (r *probe) bestLayout(q *Preset, named bool) (best *Layout) {
	for i := range q.Layouts {
		l := &q.Layouts[i]
		if l.Named && !named {
			continue
		}
		t, err := r.record(r.rowLayout(l))
		if err != nil || t == nil || best != nil && l.conditions() <= best.conditions() {
			continue
		}
		if l.fits(t) {
			best = l
		} else if isSample(t) && l.Columns == 0 {
			if in, err := l.sampleLayout(); err == nil && in.fits(t) {
				best = in
			}
		}
	}
	for i := 0; best == nil && named && i < len(q.Layouts); i++ {
		if t, err := r.record(r.rowLayout(&q.Layouts[i])); err == nil && t != nil {
			best = q.Layouts[i].fitsByParts(t)
		}
	}
	return best
}

// isSample reports whether a record is a logged sample of lm-eval, with the benchmark's record in
// its member doc.
func isSample(t *rows.Record) bool {
	for _, name := range []string{"doc_id", "doc"} {
		if p, err := rows.ParsePath(name); err != nil || !t.Has(&p) {
			return false
		}
	}
	return true
}

// use sets the layout of the file, if its first record fits.
func (r *probe) use(l *Layout) error {
	d := r.rowLayout(l)
	t, err := r.record(d)
	if err != nil {
		return err
	}
	if r.empty = t == nil; r.empty {
		return nil
	}
	var e extractor
	if err := e.item(new(Item), l.mapping, t); err != nil {
		return fmt.Errorf("%w; the record's fields are %s", r.file.recordError(0, err), t.FieldNames())
	}
	r.layout, r.file.mapping, r.file.layout = l, l.mapping, d
	r.file.media = nil
	for _, f := range l.media {
		if t.Has(&f.Paths()[0]) {
			r.file.media = append(r.file.media, f)
		}
	}
	for _, name := range t.Media() {
		if f, err := rows.ParseField(strconv.Quote(name)); err == nil && !slices.Contains(l.Media, name) {
			r.file.media = append(r.file.media, f)
		}
	}
	return nil
}

// unread returns the fields of the first record that no part is read from and that have a text of three
// words or more.
func (r *probe) unread() (names []string) {
	t, err := r.record(r.file.layout)
	if err != nil || t == nil || r.file.table() && !r.file.layout.Header {
		return nil
	}
	var read []string
	for _, f := range r.file.mapping.fields() {
		for _, p := range f.Paths() {
			root, _, _ := strings.Cut(p.String(), ".")
			root, _, _ = strings.Cut(root, "[")
			read = append(read, root, strings.Trim(p.String(), `"`))
		}
	}
	for _, name := range t.Names() {
		f, err := rows.ParseField(strconv.Quote(name))
		if err != nil || slices.Contains(read, name) || slices.Contains(names, name) {
			continue
		}
		text, err := t.AppendText(nil, f, rows.WithObjects)
		if err == nil && len(bytes.Fields(text)) >= 3 {
			names = append(names, name)
		}
	}
	return names
}

// extractor builds items from records.
type extractor struct {
	buf    []byte
	sum    [16]byte            // of the item's texts
	filled [item.NumParts]bool // parts that have more than blanks
}

// item sets it.ID, it.Text and it.Digest. It allocates one string.
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
		e.filled[p] = !rows.Blank(buf[from+8:])
		blank = blank && !e.filled[p]
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
	e.sum = xxh3.Hash128(buf[:texts]).Bytes()
	buf = hex.AppendEncode(buf, e.sum[:])
	e.buf = buf
	all := string(buf)
	from := 0
	for p, end := range ends {
		it.Text[p] = all[from+8 : end]
		from = end
	}
	it.ID, it.Digest, it.Passage = all[texts:id], all[id:], m.passage
	return nil
}

// Items returns all items, in the same order every time. An item is lent for one step, but
// its strings may be kept; an error ends the sequence.
func (b *Benchmark) Items(ctx context.Context) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		var e extractor
		var it Item
		var found findings
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
				it.Media, it.Record = f.hasMedia(t), t
				if !b.complete {
					found.add(f, &it, &e)
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
		if b.complete {
			return
		}
		if err := found.judge(b); err != nil {
			yield(nil, fmt.Errorf("benchmark %s: %w", b.Name, err))
			return
		}
		b.complete = true
		b.warnOfMedia()
		b.warnOfCounts()
		b.warnOfRepairs()
	}
}

// warnOfRepairs warns about records that are not strictly JSON.
func (b *Benchmark) warnOfRepairs() {
	warn := func(what, done string, repaired func(f *File) int) {
		files, records, first := 0, 0, ""
		for i := range b.Files {
			if n := repaired(&b.Files[i]); n > 0 {
				files, records, first = files+1, records+n, cmp.Or(first, quotedName(b.Files[i].Rel))
			}
		}
		if files > 1 {
			first += " and " + count(files-1, "other file")
		}
		if files > 0 {
			b.Warnings = append(b.Warnings, fmt.Sprintf("%s: %s in %d records; it is %s", first, what, records, done))
		}
	}
	warn("NaN or Infinity", "not JSON, but accepted, as Python writes it", func(f *File) int { return f.Repaired })
	warn("half of a surrogate pair", "read as U+FFFD, and copied as it is", func(f *File) int { return f.Surrogates })
}

// IDs has a hash of each item's split and id.
type IDs []xxh3.Uint128

// Add adds an item.
func (ids *IDs) Add(it *Item) { *ids = append(*ids, hashID(it)) }

func hashID(it *Item) xxh3.Uint128 {
	return xxh3.HashString128(strconv.Itoa(len(it.Split)) + it.Split + it.ID)
}

// DuplicateIDs returns the number of items with the split and id of an earlier item, and the
// names of the first limit of them, as "split/id", in the order of the files. Ids has all
// items and is overwritten; the benchmark is read again only to find names.
func (b *Benchmark) DuplicateIDs(ctx context.Context, ids IDs, limit int) (names []string, n int, err error) {
	order := func(x, y xxh3.Uint128) int {
		return cmp.Or(cmp.Compare(x.Hi, y.Hi), cmp.Compare(x.Lo, y.Lo))
	}
	slices.SortFunc(ids, order)
	double := ids[:0] // each hash that occurs more than once
	for i := 1; i < len(ids); i++ {
		if h := ids[i]; h == ids[i-1] {
			n++
			if len(double) == 0 || double[len(double)-1] != h {
				double = append(double, h)
			}
		}
	}
	if n == 0 || limit <= 0 {
		return nil, n, nil
	}
	met := make([]bool, len(double))
	for it, err := range b.Items(ctx) {
		if err != nil {
			return nil, 0, err
		}
		i, found := slices.BinarySearchFunc(double, hashID(it), order)
		if found && met[i] {
			if names = append(names, it.Split+"/"+it.ID); len(names) == limit {
				break
			}
		}
		if found {
			met[i] = true
		}
	}
	return names, n, nil
}

// Divide divides the benchmark once; a [Divider] does so several times.
func (b *Benchmark) Divide(ctx context.Context, cleanDir, removedDir string, keep func(ordinal int) bool) error {
	return b.Divider().Divide(ctx, cleanDir, removedDir, keep)
}

// A Divider divides a benchmark several times. A file whose records it has divided alike before is
// copied, which costs neither compression nor, where the file system shares the blocks of copies, space.
// What it has written must not change as long as it is used.
type Divider struct {
	b    *Benchmark
	made map[division][2]string // the files written
}

// A division of a file: its number, and a bit for each record that is kept.
type division struct {
	file int
	kept string
}

// Divider returns a divider of the benchmark.
func (b *Benchmark) Divider() *Divider { return &Divider{b, map[division][2]string{}} }

// Divide writes each file twice under its name File.Out: the records for which keep is true
// below cleanDir, the others below removedDir, in order, each record's bytes unchanged, in
// the same format and compression. Both have what encloses the records (a header, a list's
// brackets). Of Parquet, schema, metadata and the rows' values are kept, but not the pages.
// Keep is called once for each item, in order. No output file may exist before; after an
// error Divide removes those it created.
func (d *Divider) Divide(ctx context.Context, cleanDir, removedDir string, keep func(ordinal int) bool) (err error) {
	b := d.b
	if !b.complete { // read all items first, to know the files' digests and numbers of items
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
			clear(d.made)
			err = fmt.Errorf("benchmark %s: divide: %w", b.Name, err)
		}
	}()
	first := 0
	for i := range b.Files {
		f := &b.Files[i]
		kept := make([]byte, (f.Items+7)/8)
		for n := range f.Items {
			if keep(first + n) {
				kept[n/8] |= 1 << (n % 8)
			}
		}
		first += f.Items
		at, names := division{i, string(kept)}, [2]string{}
		for k, dir := range []string{cleanDir, removedDir} {
			names[k] = filepath.Join(dir, filepath.FromSlash(f.Out))
		}
		done, err := f.divide(ctx, names, d.made[at], kept)
		if made = append(made, done...); err != nil {
			return err
		}
		d.made[at] = names
	}
	return nil
}

// divide writes the records that are kept and the others to the two files of those names, or copies
// those of an equal division. It returns the names of the files that it created.
func (f *File) divide(ctx context.Context, names, equal [2]string, kept []byte) (made []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var outs [2]*shard.Output
	for k, name := range names {
		if equal[0] != "" {
			err = errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), publish.Copy(equal[k], name))
		} else {
			outs[k], err = shard.Create(name, f.compression)
		}
		if err != nil {
			if k > 0 && outs[0] != nil {
				outs[0].Drop()
			}
			return made, err
		}
		made = append(made, name)
	}
	if equal[0] != "" {
		return made, nil
	}
	err = f.copyTo(ctx, [2]io.Writer{outs[0], outs[1]}, func(n int) int {
		if n >= f.Items { // the file has changed, which copyTo returns
			return 1
		}
		return int(^kept[n/8] >> (n % 8) & 1)
	})
	return made, errors.Join(err, outs[0].Close(), outs[1].Close())
}
