package benchmark

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"swab/pipeline/rows"
	"testing"

	"swab/ngram/item"

	"github.com/apache/arrow/go/v15/arrow"
	arrays "github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	"github.com/apache/arrow/go/v15/parquet/schema"
)

// quizSchema has every shape that the reader puts together.
var quizSchema = arrow.NewSchema([]arrow.Field{
	{Name: "id", Type: arrow.PrimitiveTypes.Int64},
	{Name: "question", Type: arrow.BinaryTypes.String},
	{Name: "context", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "choices", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
	{Name: "answers", Type: arrow.StructOf(
		arrow.Field{Name: "text", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
		arrow.Field{Name: "start", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32), Nullable: true},
	), Nullable: true},
	{Name: "rows", Type: arrow.ListOf(arrow.StructOf(
		arrow.Field{Name: "k", Type: arrow.BinaryTypes.String, Nullable: true},
		arrow.Field{Name: "v", Type: arrow.ListOf(arrow.PrimitiveTypes.Float64), Nullable: true},
	)), Nullable: true},
	{Name: "score", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
	{Name: "right", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "small", Type: arrow.PrimitiveTypes.Uint8, Nullable: true},
}, func() *arrow.Metadata {
	m := arrow.NewMetadata([]string{"huggingface"}, []string{`{"x":1}`})
	return &m
}())

func quizRow(rng *rand.Rand, id int) map[string]any {
	maybe := func(v any) any {
		if rng.IntN(4) == 0 {
			return nil
		}
		return v
	}
	some := func(f func() any) any {
		list := []any{}
		for range rng.IntN(4) {
			list = append(list, f())
		}
		return maybe(list)
	}
	str := func() any { return maybe(words(rng)) }
	return map[string]any{
		"id": id, "question": words(rng), "context": str(), "choices": some(str),
		"answers": maybe(map[string]any{"text": some(str), "start": some(func() any { return maybe(rng.IntN(99) - 50) })}),
		"rows":    some(func() any { return maybe(map[string]any{"k": str(), "v": some(func() any { return rng.Float64() })}) }),
		"score":   maybe(float32(rng.IntN(100)) / 8), "right": maybe(rng.IntN(2) == 0), "small": maybe(rng.IntN(256)),
	}
}

// quizFile writes rows as Parquet and gives each as JSON.
func quizFile(tb testing.TB, rows []map[string]any, group int, props ...parquet.WriterProperty) ([]byte, []string) {
	tb.Helper()
	var b bytes.Buffer
	w, err := pqarrow.NewFileWriter(quizSchema, &b, parquet.NewWriterProperties(props...), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		tb.Fatal(err)
	}
	var all []string
	for i := 0; i < len(rows); i += group {
		var js []string
		for _, r := range rows[i:min(i+group, len(rows))] {
			line, err := json.Marshal(r)
			if err != nil {
				tb.Fatal(err)
			}
			js = append(js, string(line))
			all = append(all, string(line))
		}
		rec, _, err := arrays.RecordFromJSON(memory.DefaultAllocator, quizSchema, strings.NewReader("["+strings.Join(js, ",")+"]"))
		if err != nil {
			tb.Fatal(err)
		}
		if err := w.Write(rec); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes(), all
}

// decode gives JSON as encoding/json reads it.
func decode(tb testing.TB, s string) any {
	tb.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		tb.Fatal(err)
	}
	return v
}

// parquetRows reads all columns of a Parquet file.
func parquetRows(tb testing.TB, path string) (all []any) {
	tb.Helper()
	f, ok := newFile(path, filepath.Base(path))
	if !ok {
		tb.Fatal(path)
	}
	if err := f.readRows(ctx, func(_ int, t *rows.Record) error {
		all = append(all, decode(tb, string(t.AppendJSON(nil))))
		return nil
	}); err != nil {
		tb.Fatal(err)
	}
	return all
}

var writings = map[string][]parquet.WriterProperty{
	"plain":      {parquet.WithDictionaryDefault(false), parquet.WithDataPageSize(300), parquet.WithBatchSize(10)},
	"dictionary": {parquet.WithCompression(compress.Codecs.Snappy), parquet.WithDataPageSize(100), parquet.WithBatchSize(10)},
	"zstd-v2":    {parquet.WithCompression(compress.Codecs.Zstd), parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithDataPageSize(20_000), parquet.WithBatchSize(100)},
	"gzip-v1":    {parquet.WithCompression(compress.Codecs.Gzip), parquet.WithVersion(parquet.V1_0)},
	"brotli":     {parquet.WithCompression(compress.Codecs.Brotli), parquet.WithDictionaryPageSizeLimit(50)},
	"delta": {parquet.WithDictionaryDefault(false), parquet.WithEncodingFor("question", parquet.Encodings.DeltaByteArray), parquet.WithEncodingFor("id", parquet.Encodings.DeltaBinaryPacked),
		parquet.WithEncodingFor("context", parquet.Encodings.DeltaLengthByteArray)},
}

// The rows on a tape, and on both sides of a division, are those that were written.
func TestParquetRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var rows []map[string]any
	for i := range 600 {
		rows = append(rows, quizRow(rng, i))
	}
	for name, props := range writings {
		for _, outer := range []string{"", ".gz", ".zst", ".xz", ".lz4"} {
			if outer != "" && name != "plain" {
				continue
			}
			t.Run(name+outer, func(t *testing.T) {
				data, all := quizFile(t, rows, 250, props...)
				path := write(t, filepath.Join(t.TempDir(), "quiz.parquet"+outer), string(data))
				for i, got := range parquetRows(t, path) {
					if want := decode(t, all[i]); !reflect.DeepEqual(got, want) {
						t.Fatalf("row %d is %v, want %v", i, got, want)
					}
				}
				b, err := Open(Spec{Path: path, Fields: "question=question,context=context,choices=choices,answer=answers.text?+score+right+rows.0.k?,id=id"}, presets(t))
				got := mustItems(t, b, err)
				if len(got) != len(rows) || got[7].ID != "7" || got[7].Text[item.Question] != rows[7]["question"] {
					t.Fatalf("%d items, %+v", len(got), got[7])
				}
				checkDivide(t, b, 9)
				// The second row group is wholly removed.
				keep := func(i int) bool { return i%3 == 0 && (i < 250 || i >= 500) }
				dirs := divide(t, b, keep)
				sides := [2][]any{parquetRows(t, filepath.Join(dirs[0], b.Files[0].Out)), parquetRows(t, filepath.Join(dirs[1], b.Files[0].Out))}
				for i := range rows {
					side := 1
					if keep(i) {
						side = 0
					}
					if len(sides[side]) == 0 || !reflect.DeepEqual(sides[side][0], decode(t, all[i])) {
						t.Fatalf("row %d is not next on side %d", i, side)
					}
					sides[side] = sides[side][1:]
				}
				if len(sides[0])+len(sides[1]) > 0 {
					t.Error("more rows than there were")
				}
				if outer == "" {
					for _, dir := range dirs {
						compareFiles(t, path, filepath.Join(dir, "quiz.parquet"))
					}
				}
			})
		}
	}
}

// compareFiles checks schema, metadata and codecs, and that Arrow reads the copy.
func compareFiles(t *testing.T, a, b string) {
	t.Helper()
	var r [2]*file.Reader
	for i, name := range []string{a, b} {
		var err error
		if r[i], err = file.OpenParquetFile(name, false); err != nil {
			t.Fatal(err)
		}
		defer r[i].Close()
	}
	if x, y := r[0].MetaData(), r[1].MetaData(); !x.Schema.Equals(y.Schema) || schema2string(x.Schema) != schema2string(y.Schema) || !x.KeyValueMetadata().Equals(y.KeyValueMetadata()) {
		t.Errorf("schema or metadata differ:\n%s\n%s", x.Schema, y.Schema)
	}
	for c := range r[0].MetaData().Schema.NumColumns() {
		x, _ := r[0].MetaData().RowGroup(0).ColumnChunk(c)
		y, _ := r[1].MetaData().RowGroup(0).ColumnChunk(c)
		if x.Compression() != y.Compression() {
			t.Errorf("column %d: %s, was %s", c, y.Compression(), x.Compression())
		}
	}
	ar, err := pqarrow.NewFileReader(r[1], pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := ar.ReadTable(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	if !table.Schema().Equal(quizSchema) && table.Schema().NumFields() != quizSchema.NumFields() {
		t.Errorf("%s", table.Schema())
	}
}

func schema2string(s *schema.Schema) string {
	var b bytes.Buffer
	schema.PrintSchema(s.Root(), &b, 2)
	return b.String()
}

// Every physical type is copied, with its values' bits.
func TestParquetTypes(t *testing.T) {
	fields := schema.FieldList{
		schema.NewBooleanNode("b", parquet.Repetitions.Required, -1),
		schema.NewInt32Node("i", parquet.Repetitions.Optional, -1),
		schema.NewInt96Node("t", parquet.Repetitions.Required, -1),
		schema.NewFloat64Node("d", parquet.Repetitions.Repeated, -1),
		schema.NewByteArrayNode("s", parquet.Repetitions.Required, -1),
		schema.NewFixedLenByteArrayNode("f", parquet.Repetitions.Required, 3, -1),
	}
	root, err := schema.NewGroupNode("spark_schema", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "quiz.parquet")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := file.NewParquetWriter(out, root)
	g := w.AppendRowGroup()
	put := func(f func(c file.ColumnChunkWriter) (int64, error)) {
		c, err := g.NextColumn()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f(c); err != nil {
			t.Fatal(err)
		}
	}
	put(func(c file.ColumnChunkWriter) (int64, error) {
		return c.(*file.BooleanColumnChunkWriter).WriteBatch([]bool{true, false, true}, nil, nil)
	})
	put(func(c file.ColumnChunkWriter) (int64, error) {
		return c.(*file.Int32ColumnChunkWriter).WriteBatch([]int32{-1, 7}, []int16{1, 0, 1}, nil)
	})
	put(func(c file.ColumnChunkWriter) (int64, error) {
		return c.(*file.Int96ColumnChunkWriter).WriteBatch([]parquet.Int96{{1}, {2}, {3}}, nil, nil)
	})
	put(func(c file.ColumnChunkWriter) (int64, error) {
		return c.(*file.Float64ColumnChunkWriter).WriteBatch([]float64{1, 2, 3}, []int16{1, 1, 0, 1}, []int16{0, 1, 0, 0})
	})
	put(func(c file.ColumnChunkWriter) (int64, error) {
		return c.(*file.ByteArrayColumnChunkWriter).WriteBatch([]parquet.ByteArray{[]byte("x"), {}, []byte("z\xff")}, nil, nil)
	})
	put(func(c file.ColumnChunkWriter) (int64, error) {
		return c.(*file.FixedLenByteArrayColumnChunkWriter).WriteBatch([]parquet.FixedLenByteArray{[]byte("abc"), []byte("def"), []byte("ghi")}, nil, nil)
	})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	open := func(fields string) (*Benchmark, error) {
		return Open(Spec{Path: path, Fields: fields}, presets(t))
	}
	b, err := open("question=b,context=i+d")
	var got []string
	for _, it := range mustItems(t, b, err) {
		got = append(got, it.Text[item.Question]+"|"+it.Text[item.Context])
	}
	if want := []string{"true|-1\n1\n2", "false|", "true|7\n3"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	dirs := divide(t, b, func(i int) bool { return i == 1 })
	for i, dir := range dirs {
		r, err := file.OpenParquetFile(filepath.Join(dir, "quiz.parquet"), false)
		if err != nil {
			t.Fatal(err)
		}
		if name := r.MetaData().Schema.Root().Name(); name != "spark_schema" || int(r.NumRows()) != []int{1, 2}[i] {
			t.Errorf("%s, %d rows", name, r.NumRows())
		}
		var b []parquet.ByteArray
		var f []parquet.FixedLenByteArray
		var n []parquet.Int96
		b, f, n = make([]parquet.ByteArray, 3), make([]parquet.FixedLenByteArray, 3), make([]parquet.Int96, 3)
		column := func(c int) file.ColumnChunkReader {
			cr, err := r.RowGroup(0).Column(c)
			if err != nil {
				t.Fatal(err)
			}
			return cr
		}
		_, m, _ := column(4).(*file.ByteArrayColumnChunkReader).ReadBatch(3, b, nil, nil)
		column(5).(*file.FixedLenByteArrayColumnChunkReader).ReadBatch(3, f, nil, nil)
		column(2).(*file.Int96ColumnChunkReader).ReadBatch(3, n, nil, nil)
		if got, want := fmt.Sprintf("%q %q %v", b[:m], f[:m], n[:m]), []string{
			`["" ] ["def"] `, `["x" "z\xff"] ["abc" "ghi"] `}[i]; !strings.HasPrefix(strings.ReplaceAll(got, `[""]`, `["" ]`), want) || n[0][0] != byte(2-i) {
			t.Errorf("side %d: %s", i, got)
		}
		r.Close()
	}
	for fields, want := range map[string]string{"question=t": "INT96, not a text", "question=f": "FIXED_LEN_BYTE_ARRAY, not a text", "question=s,id=t": "neither a text nor a number"} {
		if _, err := open(fields); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", fields, err, want)
		}
	}
	if b, err = open("question=s?"); err == nil {
		_, err = items(b)
	}
	if err == nil || !strings.Contains(err.Error(), "has no text") {
		t.Error(err)
	}
}

// A damaged file gives an error, or the library cannot tell; it never stops the
// process, and what comes out has the rows that the file says.
func TestParquetDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: takes seconds")
	}
	rng := rand.New(rand.NewPCG(6, 6))
	var rows []map[string]any
	for i := range 4 {
		rows = append(rows, quizRow(rng, i))
	}
	path := filepath.Join(t.TempDir(), "quiz.parquet")
	tried := 0
	try := func(data []byte) error {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := Open(Spec{Path: path, Fields: "question=question,context=context,choices=choices,answer=answers.text?+rows.0.k?,id=id"}, presets(t))
		if err != nil {
			return err
		}
		if _, err := items(b); err != nil {
			return err
		}
		if tried++; tried%20 > 1 { // writing costs much more than reading
			return nil
		}
		return b.Divide(ctx, filepath.Join(t.TempDir(), "c"), filepath.Join(t.TempDir(), "r"), func(i int) bool { return i%2 == 0 })
	}
	for _, name := range []string{"plain", "dictionary", "delta", "zstd-v2"} {
		data, _ := quizFile(t, rows, 3, writings[name]...)
		if err := try(data); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(data); n += 1 + n/10 {
			if err := try(data[:n]); err == nil {
				t.Errorf("%s cut to %d of %d bytes was read", name, n, len(data))
			}
		}
		refused, flips := 0, 120
		for range flips {
			bad := bytes.Clone(data)
			bit := rng.IntN(8 * len(bad))
			bad[bit/8] ^= 1 << (bit % 8)
			if try(bad) != nil {
				refused++
			}
		}
		if refused == 0 {
			t.Errorf("%s: no flipped bit was noticed", name)
		}
		t.Logf("%s: %d of %d flipped bits were noticed", name, refused, flips)
	}
}

func FuzzParquet(f *testing.F) {
	rng := rand.New(rand.NewPCG(8, 8))
	for _, name := range []string{"plain", "dictionary", "delta"} {
		data, _ := quizFile(f, []map[string]any{quizRow(rng, 0), quizRow(rng, 1)}, 2, writings[name]...)
		f.Add(data)
	}
	path := filepath.Join(f.TempDir(), fmt.Sprint(os.Getpid())+".parquet")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := Open(Spec{Path: path, Name: "q", Fields: "question=question,choices=choices?,answer=answers.text?,id=id"}, presets(t))
		if err != nil {
			return
		}
		if all, err := items(b); err == nil && len(all) != b.Files[0].Items {
			t.Fatal("items lost")
		}
	})
}
