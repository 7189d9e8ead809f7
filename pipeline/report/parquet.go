package report

import (
	"encoding/json"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
)

// A row group is closed at either bound, so memory depends on neither the
// number of rows nor the length of texts.
const (
	groupRows  = 1 << 16
	groupBytes = 16 << 20
)

type schema func() *arrow.Schema

var (
	text   = arrow.BinaryTypes.String
	number = arrow.PrimitiveTypes.Int64
)

func verdictSchema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "method", Type: text},
		{Name: "benchmark", Type: text},
		{Name: "split", Type: text},
		{Name: "item", Type: text},
		{Name: "index", Type: number},
		{Name: "digest", Type: text},
		{Name: "state", Type: text},
		{Name: "score", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "longest", Type: number},
		{Name: "words", Type: number},
		{Name: "matched", Type: number},
		{Name: "documents", Type: number},
		{Name: "parts", Type: arrow.ListOfNonNullable(text)},
		{Name: "seen", Type: text},
		{Name: "kind", Type: text},
		{Name: "template", Type: arrow.PrimitiveTypes.Float64},
		{Name: "details", Type: text},
	}, nil)
}

// filterSchema is that of verdicts from a corpus filter.
func filterSchema() *arrow.Schema {
	return arrow.NewSchema(append(verdictSchema().Fields(),
		arrow.Field{Name: "chance", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		arrow.Field{Name: "segments", Type: arrow.ListOfNonNullable(text)}), nil)
}

func evidenceSchema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "benchmark", Type: text},
		{Name: "split", Type: text},
		{Name: "item", Type: text},
		{Name: "part", Type: text},
		{Name: "shard", Type: text},
		{Name: "row", Type: number},
		{Name: "doc_id", Type: text},
		{Name: "doc_start", Type: number},
		{Name: "doc_end", Type: number},
		{Name: "item_start", Type: number},
		{Name: "item_end", Type: number},
		{Name: "words", Type: number},
		{Name: "doc_text", Type: text},
		{Name: "doc_text_start", Type: number},
		{Name: "norm", Type: text},
	}, nil)
}

// columns gathers rows and writes them as row groups.
type columns struct {
	b     *array.RecordBuilder
	w     *pqarrow.FileWriter
	at    int // column that the next value goes to
	rows  int
	bytes int // of text in rows
}

// newColumns writes to w, which it does not close. The columns named repeating
// get a dictionary.
func newColumns(w io.Writer, s *arrow.Schema, repeating []string) (*columns, error) {
	options := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Snappy),
		parquet.WithCreatedBy("swab"),
		parquet.WithDictionaryDefault(false),
		parquet.WithMaxRowGroupLength(groupRows),
	}
	// The columns that make the size. The library makes a new encoder of megabytes for each
	// page with zstd, which is too much for the others.
	for _, name := range []string{"item", "digest", "doc_id", "doc_text"} {
		options = append(options, parquet.WithCompressionFor(name, compress.Codecs.Zstd), parquet.WithCompressionLevelFor(name, 1))
	}
	for _, name := range repeating {
		options = append(options, parquet.WithDictionaryFor(name, true))
	}
	fw, err := pqarrow.NewFileWriter(s, struct{ io.Writer }{w}, parquet.NewWriterProperties(options...), pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, err
	}
	return &columns{b: array.NewRecordBuilder(memory.DefaultAllocator, s), w: fw}, nil
}

func (c *columns) text(values ...string) {
	for _, v := range values {
		c.b.Field(c.at).(*array.StringBuilder).Append(v)
		c.at++
		c.bytes += len(v)
	}
}

func (c *columns) number(values ...int64) {
	for _, v := range values {
		c.b.Field(c.at).(*array.Int64Builder).Append(v)
		c.at++
	}
}

func (c *columns) verdict(v *Verdict) error {
	c.text(v.Method, v.Benchmark, v.Split, v.Item)
	c.number(v.Index)
	c.text(v.Digest, string(v.State))
	c.share(v.Score)
	c.number(v.Longest, v.Words, v.Matched, v.Documents)
	c.list(v.Parts)
	c.text(v.Seen, v.Kind)
	c.share(&v.Template)
	details := ""
	if len(v.Details) > 0 {
		b, err := json.Marshal(v.Details)
		if err != nil {
			return err
		}
		details = string(b)
	}
	c.text(details)
	if c.at < len(c.b.Fields()) {
		c.share(v.Chance)
		c.list(v.Segments)
	}
	return c.endRow()
}

func (c *columns) share(v *float64) {
	b := c.b.Field(c.at).(*array.Float64Builder)
	if v == nil {
		b.AppendNull()
	} else {
		b.Append(*v)
	}
	c.at++
}

func (c *columns) list(values []string) {
	b := c.b.Field(c.at).(*array.ListBuilder)
	b.Append(true)
	for _, v := range values {
		b.ValueBuilder().(*array.StringBuilder).Append(v)
		c.bytes += len(v)
	}
	c.at++
}

func (c *columns) evidence(e *Evidence) error {
	c.text(e.Benchmark, e.Split, e.Item, e.Part, e.Shard)
	c.number(e.Row)
	c.text(e.DocID)
	c.number(e.DocStart, e.DocEnd, e.ItemStart, e.ItemEnd, e.Words)
	c.text(e.DocText)
	c.number(e.DocTextStart)
	c.text(e.Norm)
	return c.endRow()
}

func (c *columns) endRow() error {
	c.at = 0
	if c.rows++; c.rows < groupRows && c.bytes < groupBytes {
		return nil
	}
	return c.flush()
}

// flush writes the rows gathered as one row group.
func (c *columns) flush() error {
	r := c.b.NewRecord()
	defer r.Release()
	c.rows, c.bytes = 0, 0
	return c.w.Write(r)
}

func (c *columns) close() error {
	if c.rows > 0 {
		if err := c.flush(); err != nil {
			return err
		}
	}
	c.b.Release()
	return c.w.Close()
}
