package benchmark

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"swab/pipeline/rows"
	"swab/pipeline/shard"
	"swab/pipeline/store"
)

// File is one file of a benchmark.
type File struct {
	Path  string // as the operating system opens it
	Rel   string // its name below the benchmark's directory, with slashes
	Out   string // Rel as Divide writes it: without .bz2, which cannot be written
	Split string // Rel without its endings
	Reading

	// Known once Items has run to its end.
	Digest     string // 128-bit xxh3 of the bytes as stored, 32 hex digits
	Items      int
	Repaired   int // records with NaN or Infinity, which JSON does not have
	Surrogates int // records with half of a surrogate pair, which is read as U+FFFD

	object      *store.Object // where a store has it
	fault       error         // of the store, when the content was to say the format
	format      *shard.Format // by its name, then by its content
	compression shard.Compression
	media       []rows.Field // fields of images, audio or other media
	mapping     *mapping     // nil for a file without records
	layout      rows.Layout  // of a text file
}

// newFile returns a file with the format, compression and split that rel implies, and whether
// it can be read.
func newFile(name, rel string) (File, bool) {
	f := File{Path: name}
	return f, f.setName(rel)
}

// setName sets the format, compression and split that rel implies, and reports whether the
// file can be read.
func (f *File) setName(rel string) bool {
	f.Rel, f.Out = rel, rel
	sh := f.shard()
	sh.Name = rel
	f.format, f.compression, _, f.fault = rows.Formats.IdentifyShard(sh)
	stem := rel
	if _, c, _ := rows.Formats.TypeOf(rel); c != shard.None {
		stem = shard.Stem(rel)
		if f.compression == shard.Bzip2 {
			f.Out = stem
		}
	}
	f.Split = strings.TrimSuffix(stem, path.Ext(stem))
	return f.format != nil && path.Base(f.Split) != "." && f.Split != "" && !strings.HasSuffix(f.Split, "/")
}

// table reports whether f is CSV or a similar table.
func (f *File) table() bool { return f.isText() && f.layout.Shape == rows.Table }

// isText reports whether the records are parts of a plain text.
func (f *File) isText() bool { return rows.IsText(f.format) }

func (f *File) open() (*shard.Reader, error) {
	return shard.Open(f.shard(), shard.Limits{}, false, nil)
}

// plainName is the file's name without the ending of a compression.
func (f *File) plainName() string { return shard.Stem(f.Rel) }

// detect finds the file's format by its content and, if it is text, the layout of its rows.
func (f *File) detect() error {
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	if f.format, err = r.Format(); err != nil || !f.isText() {
		return err
	}
	s := rows.NewSpans(r, 0)
	defer s.Free()
	if f.layout, err = s.Detect(f.plainName()); err != nil {
		return fmt.Errorf("%s: %w", quotedName(f.Path), err)
	}
	if f.layout.Shape == rows.JSONColumns {
		f.Out = f.Split + ".jsonl" + strings.TrimPrefix(f.Out, f.plainName())
	}
	return nil
}

// errStop ends a reading early, without an error.
var errStop = errors.New("stop")

// ErrNoPreset means that no preset has a layout that fits the benchmark.
var ErrNoPreset = errors.New("no preset fits its fields")

// ErrChanged means that a file has changed since it was first read.
var ErrChanged = errors.New("the file changed while it was in use")

// readText calls visit with each record's number, separator and body, and at the end calls
// tail with the number of records and the bytes after the last.
func (f *File) readText(
	ctx context.Context, visit func(s *rows.Spans, n int, sep, body []byte) error,
	tail func(s *rows.Spans, n int, b []byte) error,
) (int, error) {
	r, err := f.open()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	s := rows.NewSpans(r, 0)
	s.Use(f.layout)
	defer s.Free()
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		sep, body, err := s.Next()
		if err == nil {
			err = visit(s, n, sep, body)
		} else if err == io.EOF {
			if err := tail(s, n, sep); err != nil {
				return n, err
			}
			return n, f.finish(r, n)
		}
		if err != nil {
			return n, f.readError(n, err)
		}
	}
}

// readError is recordError for an error that may be of the whole file, or no error.
func (f *File) readError(n int, err error) error {
	var bad *rows.ReadError
	switch {
	case err == errStop:
		return err
	case errors.As(err, &bad):
		return bad.Unwrap()
	}
	return f.recordError(n, err)
}

// recordError adds the file and the number of the record to an error.
func (f *File) recordError(n int, err error) error {
	return fmt.Errorf("%s: record %d: %w", quotedName(f.Path), n, err)
}

// finish records the digest and the number of items after the first complete reading, and
// compares them after every other.
func (f *File) finish(r *shard.Reader, n int) error {
	d, err := r.Finish()
	if err != nil {
		return err
	}
	if f.Digest == "" {
		f.Digest, f.Items = d.XXH3, n
	}
	if f.Digest != d.XXH3 || f.Items != n {
		return fmt.Errorf("%s: %w", quotedName(f.Path), ErrChanged)
	}
	return nil
}

// wantedFields returns the fields that are read.
func (f *File) wantedFields() rows.Want {
	if f.mapping == nil {
		return nil
	}
	fields := f.mapping.fields()
	if f.isText() {
		fields = append(fields, f.media...)
	}
	return rows.Wanted(fields...)
}

// hasMedia reports whether a record has images, audio or other media. Columns of Parquet and Arrow
// are not read for that: if there is one, all records count.
func (f *File) hasMedia(t *rows.Record) bool {
	if !f.isText() {
		return len(f.media) > 0
	}
	return slices.ContainsFunc(f.media, func(m rows.Field) bool { return t.Filled(&m.Paths()[0]) })
}

var errUTF8 = errors.New("it is not valid UTF-8 (iconv -f WINDOWS-1252 -t UTF-8 converts Latin-1)")

// checkRecord returns an error for a record that is invalid or ambiguous: a benchmark has to
// be complete, so no record is skipped.
func checkRecord(r *rows.Record) error {
	if r.Marks()&rows.MarkUTF8 != 0 {
		return errUTF8
	}
	if name, ok := r.Twice(); ok {
		return fmt.Errorf("it has the name %q twice", rows.Clip(name))
	}
	return nil
}

// read calls visit with each record, lent.
func (f *File) read(ctx context.Context, visit func(n int, t *rows.Record) error) error {
	f.Repaired, f.Surrogates = 0, 0
	check := func(n int, t *rows.Record) error {
		if f.mapping != nil { // else the record has fields that nobody asked for
			if err := checkRecord(t); err != nil {
				return err
			}
		}
		if t.Marks()&rows.MarkNumber != 0 {
			f.Repaired++
		}
		if t.Marks()&rows.MarkSurrogate != 0 {
			f.Surrogates++
		}
		return visit(n, t)
	}
	if !f.isText() {
		return f.readRows(ctx, check)
	}
	var t rows.Record
	want := f.wantedFields()
	_, err := f.readText(ctx, func(s *rows.Spans, n int, _, body []byte) error {
		if err := s.Parse(&t, body, want); err != nil {
			return err
		}
		return check(n, &t)
	}, func(*rows.Spans, int, []byte) error { return nil })
	return err
}

// openRows opens a file of a format that is no text, for the columns of want.
func (f *File) openRows(ctx context.Context, want rows.Want) (*shard.Reader, rows.Reader, error) {
	in, err := f.open()
	if err != nil {
		return nil, nil, err
	}
	r, err := rows.Open(ctx, in, f.format, rows.Options{Name: f.plainName(), Want: want, Lines: true})
	if err != nil {
		in.Close()
		return nil, nil, fmt.Errorf("%s: %w", quotedName(f.Path), err)
	}
	if _, ok := r.(rows.Divider); !ok && !rows.IsProse(f.format) {
		in.Close()
		return nil, nil, fmt.Errorf("%s: benchmarks are not read from %s, which cannot be divided; "+
			"convert the items to JSON lines", quotedName(f.Path), f.format)
	}
	return in, r, nil
}

func (f *File) readRows(ctx context.Context, visit func(n int, t *rows.Record) error) error {
	r, p, err := f.openRows(ctx, f.wantedFields())
	if err != nil {
		return err
	}
	defer r.Close()
	var t rows.Record
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := p.Next(&t)
		if err == io.EOF {
			return f.finish(r, n)
		}
		if err == nil {
			err = visit(n, &t)
		}
		if err == errStop {
			return err
		}
		if err != nil {
			return f.recordError(n, err)
		}
	}
}

// copyTo writes f to the two outputs, record n to out[side(n)].
func (f *File) copyTo(ctx context.Context, out [2]io.Writer, side func(n int) int) error {
	if !f.isText() {
		return f.divideRows(ctx, out, side)
	}
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	s := rows.NewSpans(r, 0)
	s.Use(f.layout)
	defer s.Free()
	n := 0
	err = s.Divide(ctx, out, func(k int) int { n = k + 1; return side(k) })
	if err != nil {
		return f.readError(n, err)
	}
	return f.finish(r, n)
}

func (f *File) divideRows(ctx context.Context, out [2]io.Writer, side func(n int) int) error {
	in, r, err := f.openRows(ctx, nil)
	if err != nil {
		return err
	}
	defer in.Close()
	d, ok := r.(rows.Divider)
	if !ok {
		return fmt.Errorf("%s: a benchmark in format %s cannot be divided", quotedName(f.Path), f.format)
	}
	if err := d.Divide(ctx, out, f.Items, side); err != nil {
		return fmt.Errorf("%s: %w", quotedName(f.Path), err)
	}
	return f.finish(in, f.Items)
}

// quotedName returns a file's name for a message, in quotes if it has characters that a
// terminal could interpret.
func quotedName(name string) string {
	if q := strconv.Quote(name); q[1:len(q)-1] != name {
		return q
	}
	return name
}
