package record

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"swab/pipeline/shard"
)

// TestRatio: few bytes of Parquet or Arrow do not become many of text, in a dictionary of one
// long text or in rows without any.
func TestRatio(t *testing.T) {
	long := strings.Repeat("the same words again, ", 50_000)
	schema := fields(field("text", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}))
	b := array.NewRecordBuilder(mem, schema)
	for range 70 {
		if err := b.Field(0).(*array.BinaryDictionaryBuilder).AppendString(long); err != nil {
			t.Fatal(err)
		}
	}
	rec := b.NewRecord()
	var stored bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &stored, parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd)), pqarrow.DefaultWriterProps())
	if err := errors.Join(err, w.Write(rec), w.Close()); err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]input{
		"Parquet": of(formatParquet, stored.Bytes()),
		"Arrow":   of(formatArrowFile, arrowOf(t, formatArrowFile, "zstd", rec)),
	} {
		if len(in.data) > 64<<10 {
			t.Fatalf("%s: %d bytes", name, len(in.data))
		}
		for ratio, class := range map[int64]error{0: nil, shard.DefaultRatio: shard.ErrBomb, 1 << 40: nil} {
			rows, c, err := collect(t, in, Options{Limits: shard.Limits{Ratio: ratio}})
			if !errors.Is(err, class) {
				t.Errorf("%s, ratio %d: %d rows, %v", name, ratio, len(rows), err)
			}
			if class == nil && c.Documents != 70 || class != nil && c.TextBytes > 66<<20 {
				t.Errorf("%s, ratio %d: %d documents of %d bytes", name, ratio, c.Documents, c.TextBytes)
			}
		}
	}
}
