package record

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"swab/pipeline/internal/realdata"
	"swab/pipeline/shard"
)

// webText is JSON lines with an escape every sixty bytes or so, and non-ASCII in
// one document of four.
func webText(n int) []byte {
	r := rand.New(rand.NewPCG(11, 12))
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	words := strings.Fields("the of and to in is that it was for on with as his they at be this from have or by one had not but what all were when we there can an your which their said if do will each about how up out them then she many some so these would other into has more her two like him see time could no make than first been its who now people my made over did down only way find use may water long little very after words called just where most know")
	for i := 0; out.Len() < n; i++ {
		var text strings.Builder
		for k := range 100 + r.IntN(1500) {
			text.WriteString(words[r.IntN(len(words))])
			switch {
			case k%25 == 24:
				text.WriteByte('\n')
			case k%40 == 39:
				text.WriteString(` "so" `)
			case i%4 == 0 && k%20 == 19:
				text.WriteString(" naïve — ")
			default:
				text.WriteByte(' ')
			}
		}
		enc.Encode(map[string]any{"id": fmt.Sprint("doc-", i), "text": text.String(), "source": "web", "metadata": map[string]any{"url": fmt.Sprintf("https://example.org/%d", i), "score": r.Float64()}})
	}
	return out.Bytes()
}

// corpora are the real corpora's JSON lines, decompressed.
func corpora(tb testing.TB) map[string][]byte {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join(realdata.Dir(tb), "corpora", "*.jsonl.gz"))
	if err != nil || len(names) == 0 {
		tb.Fatal(names, err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			tb.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			tb.Fatal(err)
		}
		data, err := io.ReadAll(z)
		if err != nil {
			tb.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(name), ".jsonl.gz")] = data
	}
	return all
}

// TestRealCorpora: every row of every real corpus is what encoding/json says.
func TestRealCorpora(t *testing.T) {
	for name, data := range corpora(t) {
		rows, c, err := collect(t, jsonl(data), Options{})
		if err != nil || len(c.Skipped) != 0 {
			t.Errorf("%s: %v, %v", name, c.Skipped, err)
		}
		i := 0
		for line := range bytes.Lines(data) {
			var want struct{ ID, Text string }
			if err := json.Unmarshal(line, &want); err != nil {
				t.Fatal(err)
			}
			if i >= len(rows) || rows[i] != (row{want.ID, want.Text, int64(i)}) {
				t.Fatalf("%s: row %d differs", name, i)
			}
			i++
		}
		if i != len(rows) || i == 0 {
			t.Errorf("%s: %d rows of %d", name, len(rows), i)
		}
	}
}

func benchmark(b *testing.B, data []byte, size int, f *shard.Format) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		var c Counts
		for _, err := range Documents(b.Context(), of(f, data), f, Options{}, &c) {
			if err != nil {
				b.Fatal(err)
			}
		}
		if c.Documents == 0 {
			b.Fatal("no documents")
		}
	}
}

func benchmarkEncodingJSON(b *testing.B, data []byte) {
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		for line := range bytes.Lines(data) {
			var doc struct{ ID, Text string }
			if err := json.Unmarshal(line, &doc); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkJSONL reads JSON lines, against encoding/json in the same run. MB/s of
// plain lines, best of three, -cpu 1, go1.26.8, AMD EPYC with two cores that other
// work kept busy (load 5), so the ratios say more than the figures:
//
//	text               swab  encoding/json
//	web                1097             90
//	classic-books       767             77
//	peps                758             70
//	lm-eval-harness     591             92
//	d2l-zh              581            145
//	tldr                427             55
func BenchmarkJSONL(b *testing.B) {
	web := webText(32 << 20)
	run := func(name string, data []byte) {
		b.Run("text="+name+"/by=swab", func(b *testing.B) { benchmark(b, data, len(data), formatJSONL) })
		b.Run("text="+name+"/by=encoding-json", func(b *testing.B) {
			benchmarkEncodingJSON(b, data[:bytes.LastIndexByte(data[:min(len(data), 4<<20)], '\n')+1])
		})
	}
	run("web", web)
	if testing.Short() {
		return
	}
	all := corpora(b)
	for _, name := range []string{"classic-books-000", "peps-000", "tldr-000", "lm-eval-harness-src-000", "d2l-zh-000"} {
		run(name, all[name])
	}
}

// BenchmarkColumns reads the same documents from the other containers. MB/s of text,
// as above: Parquet 863 plain, 503 snappy, 464 zstd; Arrow 1013 plain, 975 lz4, 320 zstd.
func BenchmarkColumns(b *testing.B) {
	bld := array.NewRecordBuilder(mem, fields(field("id", str), field("text", str)))
	size := 0
	for line := range bytes.Lines(webText(16 << 20)) {
		var doc struct{ ID, Text string }
		if err := json.Unmarshal(line, &doc); err != nil {
			b.Fatal(err)
		}
		bld.Field(0).(*array.StringBuilder).Append(doc.ID)
		bld.Field(1).(*array.StringBuilder).Append(doc.Text)
		size += len(doc.Text)
	}
	rec := bld.NewRecord()
	for _, codec := range []compress.Compression{compress.Codecs.Uncompressed, compress.Codecs.Snappy, compress.Codecs.Zstd} {
		var buf bytes.Buffer
		w, err := pqarrow.NewFileWriter(rec.Schema(), &buf, parquet.NewWriterProperties(parquet.WithCompression(codec)), pqarrow.DefaultWriterProps())
		if err != nil {
			b.Fatal(err)
		}
		w.Write(rec)
		w.Close()
		b.Run(fmt.Sprintf("format=parquet/codec=%v", codec), func(b *testing.B) { benchmark(b, buf.Bytes(), size, formatParquet) })
	}
	for _, codec := range []string{"none", "lz4", "zstd"} {
		data := arrowOf(b, formatArrowFile, codec, rec)
		b.Run("format=arrow/codec="+codec, func(b *testing.B) { benchmark(b, data, size, formatArrowFile) })
	}
}
