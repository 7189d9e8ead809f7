package variant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"swab/pipeline/shard"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// File is one file of a benchmark.
type File struct {
	Path  string // opens it
	Rel   string // its name below the benchmark's directory, with slashes
	Out   string // Rel as Divide writes it: without .bz2, which cannot be written
	Split string // Rel without its endings

	// Known after Items ran to its end once.
	Digest string // 128-bit xxh3 of the bytes as stored, 32 hex digits
	Items  int

	ext         string // .jsonl, .csv, …: lower case, without a compression's
	compression shard.Compression
	mapping     *mapping // nil for a file without records
	mode        jsonMode
	dialect     dialect
}

// endings are the formats read here.
var endings = []string{".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet"}

// newFile takes format, compression and split from rel.
func newFile(name, rel string) (File, bool) {
	f := File{Path: name, Rel: rel, Out: rel}
	_, f.compression, _ = shard.TypeOf(rel)
	stem := rel
	if f.compression != shard.None {
		stem = strings.TrimSuffix(rel, path.Ext(rel))
		if f.compression == shard.Bzip2 {
			f.Out = stem
		}
	}
	f.ext = strings.ToLower(path.Ext(stem))
	f.Split = stem[:len(stem)-len(f.ext)]
	for _, e := range endings {
		if f.ext == e {
			return f, path.Base(f.Split) != "." && f.Split != "" && !strings.HasSuffix(f.Split, "/")
		}
	}
	return f, false
}

// table says that f is CSV or TSV.
func (f *File) table() bool { return f.ext == ".csv" || f.ext == ".tsv" }

func (f *File) open() (*shard.Reader, error) {
	format := shard.JSONL
	switch {
	case f.table():
		format = shard.Text
	case f.ext == ".parquet":
		format = shard.Parquet
	}
	return shard.Open(shard.Shard{Name: f.Path, Path: f.Path, Format: format, Compression: f.compression}, shard.Limits{}, false, nil)
}

// splitter gives what finds f's records.
func (f *File) splitter() splitter {
	if f.table() {
		return &csvSplit{dialect: f.dialect}
	}
	return &jsonSplit{mode: f.mode}
}

// errStop ends a reading that needs no more.
var errStop = errors.New("stop")

// ErrNoPreset says that a benchmark has a form that no preset knows.
var ErrNoPreset = errors.New("no preset fits its fields")

// ErrChanged says that a file is not what it was when it was first read.
var ErrChanged = errors.New("the file changed while it was in use")

// readText gives visit each record's number, separator and body, and at the end
// tail what is left, with the number of records.
func (f *File) readText(ctx context.Context, split splitter, visit func(n int, sep, body []byte) error, tail func(n int, b []byte) error) (int, error) {
	r, err := f.open()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	s := newSpans(r, split)
	defer s.free()
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		sep, body, err := s.next()
		if err == nil {
			err = visit(n, sep, body)
		} else if err == io.EOF {
			if err := tail(n, sep); err != nil {
				return n, err
			}
			return n, f.finish(r, n)
		}
		if err != nil {
			var bad *readError
			switch {
			case err == errStop:
				return n, err
			case errors.As(err, &bad):
				return n, bad.err
			}
			return n, f.at(n, err)
		}
	}
}

// at says in which record an error was met.
func (f *File) at(n int, err error) error {
	return fmt.Errorf("%s: record %d: %w", show(f.Path), n, err)
}

// finish notes what a complete reading found, or compares it with the first.
func (f *File) finish(r *shard.Reader, n int) error {
	d, err := r.Finish()
	if err != nil {
		return err
	}
	if f.Digest == "" {
		f.Digest, f.Items = d.XXH3, n
	}
	if f.Digest != d.XXH3 || f.Items != n {
		return fmt.Errorf("%s: %w", show(f.Path), ErrChanged)
	}
	return nil
}

// read gives visit each record, lent.
func (f *File) read(ctx context.Context, visit func(n int, t *tape) error) error {
	if f.ext == ".parquet" {
		return f.readParquet(ctx, visit)
	}
	split := f.splitter()
	var t tape
	tb := table{dialect: f.dialect}
	_, err := f.readText(ctx, split, func(n int, _, body []byte) error {
		if !f.table() {
			if err := t.parseJSON(body); err != nil {
				return err
			}
			return visit(n, &t)
		}
		if n == 0 && f.dialect.header {
			if err := tb.header(split.(*csvSplit).names); err != nil {
				return err
			}
		}
		if err := tb.parse(&t, body); err != nil {
			return err
		}
		return visit(n, &t)
	}, func(int, []byte) error { return nil })
	return err
}

// copyTo writes f to the two outputs, each record to the one that side says.
func (f *File) copyTo(ctx context.Context, out [2]io.Writer, side func(n int) int) error {
	if f.ext == ".parquet" {
		return f.divideParquet(ctx, out, side)
	}
	split := f.splitter()
	var written [2]bool
	put := func(i int, b []byte) error {
		if _, err := out[i].Write(b); err != nil {
			return &readError{err} // which says where itself
		}
		return nil
	}
	_, err := f.readText(ctx, split, func(n int, sep, body []byte) error {
		if n == 0 {
			if err := errors.Join(put(0, sep), put(1, sep)); err != nil {
				return err
			}
		}
		i := side(n)
		if written[i] {
			if err := put(i, sep); err != nil {
				return err
			}
		}
		written[i] = true
		return put(i, body)
	}, func(n int, tail []byte) error {
		for i := range out {
			if written[i] || n == 0 || split.bracketed() {
				if _, err := out[i].Write(tail); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return err
}

// output is a new file, compressed as its benchmark was.
type output struct {
	io.Writer
	file *os.File
	comp io.Closer
}

// create makes the file name, which must not be there yet, and its directory.
func create(name string, c shard.Compression) (*output, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	o := &output{Writer: f, file: f}
	var w io.WriteCloser
	switch c {
	case shard.Gzip:
		w = gzip.NewWriter(f)
	case shard.Zstd:
		w, err = zstd.NewWriter(f, zstd.WithEncoderConcurrency(1))
	case shard.Xz:
		w, err = xz.NewWriter(f)
	case shard.Lz4:
		w = lz4.NewWriter(f)
	default: // also bzip2, whose ending Out does not have
		return o, nil
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), o.drop())
	}
	o.Writer, o.comp = w, w
	return o, nil
}

// close finishes the file.
func (o *output) close() error {
	var err error
	if o.comp != nil {
		err = o.comp.Close()
	}
	return errors.Join(err, o.file.Close())
}

// drop removes the file.
func (o *output) drop() error {
	o.file.Close()
	return os.Remove(o.file.Name())
}
