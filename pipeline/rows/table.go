package rows

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"swab/pipeline/publish"
	"swab/pipeline/shard"
	"swab/pipeline/store"
)

// format is one line of the table: how a format is recognised, and the function that opens it.
type format struct {
	shard.Format
	open   func(in *Input, o Options) (Reader, error)
	isText bool // rows are parts of a plain text, found by Spans
}

// table has all formats. The first whose magic or ending fits is used.
var table = []format{
	{shard.Format{
		Name: "JSON lines", Endings: strings.Fields(".jsonl .ndjson .json .jl .jsonlines .ldjson"),
	}, openSpans, true},
	{shard.Format{Name: "table", Endings: []string{".csv", ".tsv", ".tab"}}, openSpans, true},
	{shard.Format{
		Name: "Parquet", Endings: []string{".parquet", ".pq"}, Magic: "PAR1", Tail: "PAR1", Random: true,
	}, openParquet, false},
	{shard.Format{
		Name: "Arrow file", Endings: []string{".arrow", ".feather", ".ipc"}, Magic: fileMagic, Tail: fileMagic, Random: true,
	}, openArrowFile, false},
	{shard.Format{
		Name: "Arrow stream", Endings: []string{".arrows", ".arrowstream"}, Magic: "\xff\xff\xff\xff",
	}, openArrowStream, false},
	{shard.Format{Name: "Avro", Endings: []string{".avro"}, Magic: avroMagic}, openAvro, false},
	{shard.Format{Name: "tar", Endings: []string{".tar"}, Magic: "ustar", At: 257}, openTar, false},
	{shard.Format{Name: "WARC", Endings: []string{".warc", ".wet"}, Magic: "WARC/"}, openWARC, false},
	{shard.Format{Name: "NumPy array", Magic: "\x93NUMPY"}, openNumPy, false},
	{shard.Format{Name: "token ids", Endings: []string{".bin", ".npy"}, Binary: true}, openTokens, false},
	{shard.Format{Name: "MDS", Endings: []string{".mds"}, Binary: true}, openMDS, false},
	{shard.Format{Name: "text", Endings: []string{".txt", ".text", ".md"}}, openText, false},
}

// Formats are all formats, for finding and opening their files.
var Formats = func() (fs shard.Formats) {
	for i := range table {
		fs = append(fs, &table[i].Format)
	}
	return fs
}()

// Find expands patterns to files of rows; see [shard.Formats.Find]. A file whose first row
// has none of the fields is a side file.
func Find(
	ctx context.Context, patterns, exclude []string, readAs string, fields ...Field,
) ([]shard.Shard, []shard.Skipped, error) {
	return Formats.Find(patterns, shard.Search{
		Context: ctx, Exclude: exclude, ReadAs: readAs, IsProse: IsProse, Output: publish.Made,
		HasText: func(s shard.Shard) bool {
			first, err := ReadFirst(ctx, s, shard.Limits{}, Options{Want: Wanted(fields...)}, nil)
			return err == nil && first.Record.FirstText(fields) >= 0 || store.IsFault(err)
		},
	})
}

// FirstText returns the index of the first field that has a text in the record; -1 if none
// has.
func (r *Record) FirstText(fields []Field) int {
	return slices.IndexFunc(fields, func(f Field) bool {
		text, wrong := r.AppendDocument(nil, f)
		return wrong == "" && len(text) > 0
	})
}

// First is the first row of a file, and what it was read as.
type First struct {
	Record      *Record // to keep; nil without one
	Format      *shard.Format
	Compression shard.Compression
}

// ReadFirst reads the first row of a file, whose token ids t decodes. The error is io.EOF if it
// has no rows; format and compression are set as far as they are known.
func ReadFirst(ctx context.Context, s shard.Shard, l shard.Limits, o Options, t *Tokens) (first First, err error) {
	in, err := shard.Open(s, l, false, nil)
	if err != nil {
		return first, err
	}
	defer in.Close()
	if first.Format, err = in.Format(); err != nil {
		return first, err
	}
	first.Compression = in.Compression()
	o.Name = s.LayoutName()
	r, err := Open(ctx, in, first.Format, o)
	if err != nil {
		return first, fmt.Errorf("%s: %w", s.Name, err)
	}
	rec := new(Record)
	rec.Decode(t, Field{}, max(o.MaxRow, MaxRecord))
	if err := r.Next(rec); err == io.EOF {
		return first, err
	} else if err != nil {
		return first, fmt.Errorf("%s: row 0: %w", s.Name, err)
	}
	first.Record = rec.Clone()
	return first, nil
}

// IsText reports whether the rows of a format are parts of a plain text, found by [Spans]. This
// holds for nil too, the format of a file that neither content nor name identifies.
func IsText(f *shard.Format) bool { return f == nil || find(f).isText }

// IsProse reports whether a format is text without fields, as notes beside data are.
func IsProse(f *shard.Format) bool {
	return f != nil && f.Magic == "" && !f.Binary && !find(f).isText
}

func find(f *shard.Format) *format {
	for i := range table {
		if &table[i].Format == f {
			return &table[i]
		}
	}
	return &format{open: func(*Input, Options) (Reader, error) { return nil, fmt.Errorf("%s: %w", f, ErrUnsupported) }}
}

// Open opens a source of that format. If f is nil, it is text, whose layout is found by its
// content and name. Errors wrap ErrCorrupt, ErrTooLong, ErrUnsupported, the context's or the source's.
func Open(ctx context.Context, src Source, f *shard.Format, o Options) (Reader, error) {
	if o.MaxRow == 0 {
		o.MaxRow = MaxRecord
	}
	in := NewInput(ctx, src)
	if f == nil {
		return openSpans(in, o)
	}
	return find(f).open(in, o)
}
