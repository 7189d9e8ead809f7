package rows_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"swab/pipeline/rows"
)

// stored is a file in memory.
type stored struct{ *bytes.Reader }

func (s stored) ReaderAt() (io.ReaderAt, int64, error) { return s, s.Size(), nil }

// TestParquetGroups: rows of a file of several row groups are divided by value, in order, and the columns of
// a group that goes to one side as a whole are in that output as they are stored.
func TestParquetGroups(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 7))
		schema := arrow.NewSchema([]arrow.Field{
			{Name: "text", Type: arrow.BinaryTypes.String}, {Name: "n", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64), Nullable: true},
		}, nil)
		var b bytes.Buffer
		w, err := pqarrow.NewFileWriter(schema, &b, parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd)),
			pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
		if err != nil {
			t.Fatal(err)
		}
		var ends []int
		n := 0
		for range 5 {
			rb := array.NewRecordBuilder(memory.DefaultAllocator, schema)
			for range 1 + rng.IntN(30) {
				rb.Field(0).(*array.StringBuilder).Append(fmt.Sprint("row ", n))
				list := rb.Field(1).(*array.ListBuilder)
				if list.Append(n%3 > 0); n%3 > 0 {
					list.ValueBuilder().(*array.Int64Builder).Append(int64(n))
				}
				n++
			}
			if err := w.Write(rb.NewRecord()); err != nil {
				t.Fatal(err)
			}
			ends = append(ends, n)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		sides := make([]int, n)
		for from, k := 0, 0; k < len(ends); from, k = ends[k], k+1 {
			switch rng.IntN(3) {
			case 0:
				sides[from+rng.IntN(ends[k]-from)] = 1
			case 1:
				for i := from; i < ends[k]; i++ {
					sides[i] = 1
				}
			}
		}
		src := stored{bytes.NewReader(b.Bytes())}
		format, _, _ := rows.Formats.TypeOf("x.parquet")
		var out [2]bytes.Buffer
		err = rows.Divide(t.Context(), src, format, rows.Options{Name: "x.parquet", MaxRow: 1 << 20},
			[2]io.Writer{&out[0], &out[1]}, n, func(n int) int { return sides[n] }, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k := range out {
			checkGroups(t, b.Bytes(), out[k].Bytes(), ends, sides, k)
		}
	}
}

// checkGroups checks the rows and the row groups of one output.
func checkGroups(t *testing.T, all, got []byte, ends, sides []int, side int) {
	t.Helper()
	table, err := pqarrow.ReadTable(t.Context(), bytes.NewReader(got), nil, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, chunk := range table.Column(0).Data().Chunks() {
		for i := range chunk.Len() {
			texts = append(texts, chunk.(*array.String).Value(i))
		}
	}
	var want []string
	for i, at := range sides {
		if at == side {
			want = append(want, fmt.Sprint("row ", i))
		}
	}
	if fmt.Sprint(texts) != fmt.Sprint(want) {
		t.Fatalf("side %d: %v, want %v", side, texts, want)
	}
	whole, err := file.NewParquetReader(bytes.NewReader(all))
	if err != nil {
		t.Fatal(err)
	}
	from := 0
	for k, end := range ends {
		one := true
		for _, at := range sides[from:end] {
			one = one && at == side
		}
		from = end
		for c := range 2 {
			chunk, err := whole.MetaData().RowGroup(k).ColumnChunk(c)
			if err != nil {
				t.Fatal(err)
			}
			start := chunk.DataPageOffset()
			if chunk.HasDictionaryPage() {
				start = chunk.DictionaryPageOffset()
			}
			if bytes.Contains(got, all[start:start+chunk.TotalCompressedSize()]) != one {
				t.Errorf("side %d: group %d, column %d: copied is not %v", side, k, c, one)
			}
		}
	}
}
