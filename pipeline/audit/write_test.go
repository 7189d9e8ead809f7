package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"swab/ngram/item"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	pqfile "github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func readFile(tb testing.TB, path ...string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	must(tb, err)
	return b
}

func score(f float64) *float64 { return &f }

// hostile is text that breaks writers that do not expect it.
var hostileText = "a\"b\\c\x00\n\x1b[31m\u2028\u202e<&>\xff\xfe\xc3 \ud7ff\U0001f600 中文"

func sampleVerdicts() []Verdict {
	return []Verdict{
		{"gpt3", "gsm8k", "test", "17", 17, "00ff", "2-00000000000000aa-00000000000000aa", item.Flagged, score(1), 31, 60, 45, 2, []string{"question", "answer"}, "input and answer", "altered", 0.25, map[string]any{"subset": "not clean, dirty", "input_token": 0.55}, nil, nil},
		{"gpt3", "gsm8k", "test", "18", 18, "00fe", "", item.NotCheckable, nil, 0, 5, 0, 0, nil, "", "", 0, nil, nil, nil},
		{"coverage8", "gsm8k", "test", "17", 17, "00ff", "2-00000000000000aa-00000000000000aa", item.Clean, score(0.1), 8, 60, 8, 1, []string{"question"}, "input", "", 1, nil, nil, nil},
		{hostileText, hostileText, hostileText, hostileText, math.MinInt64, hostileText, "0-0-0", item.Clean, score(5e-324),
			math.MaxInt64, 0, 0, 0, []string{hostileText, ""}, hostileText, "fragment", 0, map[string]any{"x": "\u2028<&>"}, nil, nil},
	}
}

func sampleEvidence() []Evidence {
	return []Evidence{
		{"gsm8k", "test", "17", 16, "question", "a/b.jsonl.zst", 1234, "doc 9", 10, 20, 0, 10, 3, "and so it is here.", 5, "words"},
		{hostileText, hostileText, hostileText, 1 << 50, hostileText, hostileText, -1, hostileText, 1 << 40, 1 << 41, 0, 0, 0, hostileText, 1 << 39, hostileText},
	}
}

func writeAll(tb testing.TB, dir string, vs []Verdict, es []Evidence) {
	tb.Helper()
	w, err := Create(dir, false)
	must(tb, err)
	for i := range vs {
		must(tb, w.Verdict(&vs[i]))
	}
	for i := range es {
		must(tb, w.Evidence(&es[i]))
	}
	must(tb, w.Close())
}

// asWritten is a row as readers get it: valid UTF-8, a list for no list.
func asWritten[T any](tb testing.TB, row T) map[string]any {
	tb.Helper()
	m := map[string]any{}
	v := reflect.ValueOf(row)
	for i := range v.NumField() {
		key, omit, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if omit != "" && v.Field(i).IsNil() {
			continue
		}
		switch x := v.Field(i).Interface().(type) {
		case string:
			m[key] = string([]rune(x))
		case State:
			m[key] = x.String()
		case *float64:
			m[key] = nil
			if x != nil {
				m[key] = *x
			}
		case []string:
			parts := []any{}
			for _, s := range x {
				parts = append(parts, string([]rune(s)))
			}
			m[key] = parts
		default:
			m[key] = x
		}
	}
	return m
}

func TestLines(t *testing.T) {
	dir := t.TempDir()
	writeAll(t, dir, sampleVerdicts(), sampleEvidence())
	got, _, _ := strings.Cut(string(readFile(t, dir, "verdicts.jsonl")), "\n")
	want := `{"method":"gpt3","benchmark":"gsm8k","split":"test","item":"17","index":17,"digest":"00ff","question":"2-00000000000000aa-00000000000000aa","state":"flagged",` +
		`"score":1.0,"longest":31,"words":60,"matched":45,"documents":2,"parts":["question","answer"],"seen":"input and answer","kind":"altered","template":0.25,"details":"{\"input_token\":0.55,\"subset\":\"not clean, dirty\"}"}`
	if got != want {
		t.Errorf("verdict\n%s, want\n%s", got, want)
	}
	got, _, _ = strings.Cut(string(readFile(t, dir, "evidence.jsonl")), "\n")
	want = `{"benchmark":"gsm8k","split":"test","item":"17","index":16,"part":"question","shard":"a/b.jsonl.zst","row":1234,"doc_id":"doc 9",` +
		`"doc_start":10,"doc_end":20,"item_start":0,"item_end":10,"words":3,"doc_text":"and so it is here.","doc_text_start":5,"norm":"words"}`
	if got != want {
		t.Errorf("evidence\n%s, want\n%s", got, want)
	}
	checkLines(t, readFile(t, dir, "verdicts.jsonl"), sampleVerdicts())
	checkLines(t, readFile(t, dir, "evidence.jsonl"), sampleEvidence())
}

// checkLines reads JSON lines back as a strict reader would.
func checkLines[T any](t *testing.T, b []byte, rows []T) {
	t.Helper()
	if !utf8.Valid(b) || bytes.ContainsRune(b, '\u2028') {
		t.Error("bytes that a reader may refuse")
	}
	lines := bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
	if len(lines) != len(rows) {
		t.Fatalf("%d lines of %d rows", len(lines), len(rows))
	}
	for i, line := range lines {
		var back T
		must(t, json.Unmarshal(line, &back))
		if got, want := asWritten(t, back), asWritten(t, rows[i]); !reflect.DeepEqual(got, want) {
			t.Errorf("line %d: %v, want %v", i, got, want)
		}
	}
}

// Every line has every column, in order, and a column has one type: the numbers of one that may
// have a fraction always have a point or an exponent, all others never.
func TestLinesHaveOneTypeAColumn(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir, true)
	must(t, err)
	vs := sampleVerdicts()
	vs[0].Chance, vs[0].Segments = score(0), []string{"a.seg"}
	for _, f := range []float64{0, 1, -1, 1e20, 1e21, 1e-7, 123456789, 0.1, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		v := vs[2]
		v.Score, v.Template, v.Chance = score(f), f, score(f)
		vs = append(vs, v)
	}
	for i := range vs {
		must(t, w.Verdict(&vs[i]))
	}
	must(t, w.Close())
	var want []string
	for _, c := range columnsOf(new(Verdict), true) {
		want = append(want, c.name)
	}
	for i, line := range bytes.Split(bytes.TrimSpace(readFile(t, dir, "verdicts.jsonl")), []byte("\n")) {
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.UseNumber()
		var names []string
		for _, err := dec.Token(); dec.More(); {
			must(t, err)
			name, err := dec.Token()
			must(t, err)
			names = append(names, name.(string))
			var value any
			must(t, dec.Decode(&value))
			float := slices.Contains([]string{"score", "template", "chance"}, name.(string))
			switch value := value.(type) {
			case json.Number:
				if strings.ContainsAny(value.String(), ".e") != float {
					t.Errorf("line %d: %s is %s", i, name, value)
				}
			case nil:
				if !float || name == "template" {
					t.Errorf("line %d: %s is null", i, name)
				}
			case map[string]any:
				t.Errorf("line %d: %s is an object", i, name)
			}
		}
		if !slices.Equal(names, want) {
			t.Errorf("line %d: columns %q, want %q", i, names, want)
		}
		var back Verdict
		must(t, json.Unmarshal(line, &back))
		if back.Template != vs[i].Template || !reflect.DeepEqual(back.Score, vs[i].Score) {
			t.Errorf("line %d: template %v, score %v of %v", i, back.Template, back.Score, vs[i])
		}
	}
}

// Any text is read back as it was, and is text that encoding/json writes at most in another form.
func FuzzLineText(f *testing.F) {
	f.Add(hostileText)
	f.Add("\x7f\r\n\t\u2029")
	f.Fuzz(func(t *testing.T, s string) {
		s = validText(s)
		line := appendText(nil, s)
		var back string
		if err := json.Unmarshal(line, &back); err != nil || back != s || bytes.ContainsAny(line, "\n\r\u2028\u2029") {
			t.Errorf("%q is written as %s, read as %q, %v", s, line, back, err)
		}
	})
}

// rowGroups returns the sizes of a Parquet file's row groups.
func rowGroups(t *testing.T, path string) (groups []int64) {
	t.Helper()
	f, err := pqfile.OpenParquetFile(path, false)
	must(t, err)
	defer f.Close()
	for i := range f.NumRowGroups() {
		groups = append(groups, f.MetaData().RowGroup(i).NumRows())
	}
	return groups
}

// readParquet returns the rows of a Parquet file.
func readParquet(t *testing.T, path string) (rows []map[string]any) {
	t.Helper()
	f, err := pqfile.OpenParquetFile(path, false)
	must(t, err)
	defer f.Close()
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	fr, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, mem)
	must(t, err)
	tbl, err := fr.ReadTable(context.Background())
	must(t, err)
	defer tbl.Release()
	tr := array.NewTableReader(tbl, 0)
	defer tr.Release()
	for tr.Next() {
		rec := tr.Record()
		for i := range int(rec.NumRows()) {
			row := map[string]any{}
			for c, col := range rec.Columns() {
				name := rec.ColumnName(c)
				switch col := col.(type) {
				case *array.String:
					row[name] = strings.Clone(col.Value(i))
					if name == "details" {
						var details Details
						must(t, details.UnmarshalText([]byte(col.Value(i))))
						row[name] = details
					}
				case *array.Int64:
					row[name] = col.Value(i)
				case *array.Float64:
					row[name] = nil
					if !col.IsNull(i) {
						row[name] = col.Value(i)
					}
				case *array.List:
					from, to := col.ValueOffsets(i)
					parts := []any{}
					for j := from; j < to; j++ {
						parts = append(parts, strings.Clone(col.ListValues().(*array.String).Value(int(j))))
					}
					row[name] = parts
				default:
					t.Fatalf("column %s is %T", name, col)
				}
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func TestParquetReadBack(t *testing.T) {
	dir := t.TempDir()
	writeAll(t, dir, sampleVerdicts(), sampleEvidence())
	got := readParquet(t, filepath.Join(dir, "verdicts.parquet"))
	for i, v := range sampleVerdicts() {
		if want := asWritten(t, v); i >= len(got) || !reflect.DeepEqual(got[i], want) {
			t.Errorf("verdict %d: want %v of %v", i, want, got)
		}
	}
	got = readParquet(t, filepath.Join(dir, "evidence.parquet"))
	for i, e := range sampleEvidence() {
		if want := asWritten(t, e); i >= len(got) || !reflect.DeepEqual(got[i], want) {
			t.Errorf("evidence %d: want %v of %v", i, want, got)
		}
	}
}

func TestParquetProperties(t *testing.T) {
	dir := t.TempDir()
	big := strings.Repeat("x", 1<<20)
	var es []Evidence
	for i := range 18 {
		es = append(es, Evidence{Row: int64(i), DocText: big})
	}
	var vs []Verdict
	for i := range groupRows + 1 {
		vs = append(vs, Verdict{Item: fmt.Sprint(i), State: item.NotCheckable})
	}
	writeAll(t, dir, vs, es)
	if groups := rowGroups(t, filepath.Join(dir, "evidence.parquet")); !reflect.DeepEqual(groups, []int64{16, 2}) {
		t.Errorf("groups of long texts: %v", groups)
	}
	if groups := rowGroups(t, filepath.Join(dir, "verdicts.parquet")); !reflect.DeepEqual(groups, []int64{groupRows, 1}) {
		t.Errorf("groups of many rows: %v", groups)
	}
	f, err := pqfile.OpenParquetFile(filepath.Join(dir, "verdicts.parquet"), false)
	must(t, err)
	defer f.Close()
	for i := range f.MetaData().Schema.NumColumns() {
		c, err := f.MetaData().RowGroup(0).ColumnChunk(i)
		must(t, err)
		path := c.PathInSchema().String()
		_, dict := map[string]bool{"method": true, "benchmark": true, "split": true, "state": true, "parts.list.element": true, "seen": true, "kind": true}[path]
		has := false
		for _, e := range c.Encodings() {
			has = has || e == parquet.Encodings.RLEDict || e == parquet.Encodings.PlainDict
		}
		codec := "SNAPPY"
		if path == "item" || path == "digest" || path == "question" {
			codec = "ZSTD"
		}
		if has != dict || c.Compression().String() != codec {
			t.Errorf("column %s: dictionary %v, %v", path, has, c.Compression())
		}
	}
	for _, name := range []string{"verdicts.parquet", "evidence.parquet"} {
		dir2 := t.TempDir()
		writeAll(t, dir2, vs, es)
		if !bytes.Equal(readFile(t, dir, name), readFile(t, dir2, name)) {
			t.Errorf("%s: equal rows, other bytes", name)
		}
	}
}

func TestEmpty(t *testing.T) {
	dir := t.TempDir()
	writeAll(t, dir, nil, nil)
	for _, name := range []string{"verdicts", "evidence"} {
		if rows := readParquet(t, filepath.Join(dir, name+".parquet")); len(rows) != 0 {
			t.Error(rows)
		}
		if b := readFile(t, dir, name+".jsonl"); len(b) != 0 {
			t.Errorf("%q", b)
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, v := range map[string]Verdict{
		"no state":      {},
		"other state":   {State: item.Suspected + 1, Score: score(1)},
		"missing":       {State: item.Missing, Score: score(1)},
		"other kind":    {State: item.Flagged, Score: score(1), Kind: "cleen"},
		"no score":      {State: item.Flagged},
		"not a number":  {State: item.Clean, Score: score(math.NaN())},
		"infinite":      {State: item.Clean, Score: score(math.Inf(1))},
		"score of none": {State: item.NotCheckable, Score: score(0)},
	} {
		w, err := Create(t.TempDir(), false)
		must(t, err)
		first := w.Verdict(&v)
		if first == nil {
			t.Errorf("%s: written", name)
		}
		if err := w.Evidence(&Evidence{}); err != first {
			t.Errorf("%s: then %v", name, err)
		}
		if err := w.Close(); err != first {
			t.Errorf("%s: closed with %v", name, err)
		}
	}
	dir := t.TempDir()
	writeAll(t, dir, nil, nil)
	if _, err := Create(dir, false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over files that are there: %v", err)
	}
	if _, err := Create(filepath.Join(dir, "none"), false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into nothing: %v", err)
	}
	w, err := Create(t.TempDir(), false)
	must(t, err)
	must(t, w.Close())
	if w.Close() == nil || w.Verdict(&sampleVerdicts()[0]) == nil {
		t.Error("written after Close")
	}
}

// A full disk shows as an error of a row or of Close, never as success.
func TestWriteFails(t *testing.T) {
	for broken := range 4 {
		w, err := Create(t.TempDir(), false)
		must(t, err)
		w.files[broken].f.Close()
		for _, v := range sampleVerdicts() {
			w.Verdict(&v)
		}
		for _, e := range sampleEvidence() {
			w.Evidence(&e)
		}
		if err := w.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("file %d: %v", broken, err)
		}
	}
}

// The caller's row is neither changed nor kept.
func TestRowsAreLent(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir, false)
	must(t, err)
	v := Verdict{Method: "a\xff", State: item.NotCheckable, Parts: []string{"p\xff"}}
	must(t, w.Verdict(&v))
	if v.Method != "a\xff" || v.Parts[0] != "p\xff" {
		t.Error("changed")
	}
	v.Parts[0] = "other"
	must(t, w.Verdict(&v))
	must(t, w.Close())
	rows := readParquet(t, filepath.Join(dir, "verdicts.parquet"))
	if !reflect.DeepEqual(rows[0]["parts"], []any{"p\ufffd"}) || !reflect.DeepEqual(rows[1]["parts"], []any{"other"}) {
		t.Error(rows)
	}
}

func FuzzLines(f *testing.F) {
	f.Add("a", "b", "c", int64(1), 0.5)
	f.Add(hostileText, "\u2029", "\xed\xa0\x80", int64(math.MinInt64), 1e300)
	f.Fuzz(func(t *testing.T, a, b, c string, n int64, x float64) {
		v := Verdict{Method: a, Item: b, Parts: []string{c, a}, Index: n, State: item.Clean, Score: &x}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return
		}
		e := Evidence{Benchmark: a, DocID: b, DocText: c, Row: n, DocStart: n}
		dir := t.TempDir()
		writeAll(t, dir, []Verdict{v}, []Evidence{e})
		checkLines(t, readFile(t, dir, "verdicts.jsonl"), []Verdict{v})
		checkLines(t, readFile(t, dir, "evidence.jsonl"), []Evidence{e})
		rows := readParquet(t, filepath.Join(dir, "verdicts.parquet"))
		if len(rows) != 1 || !reflect.DeepEqual(rows[0], asWritten(t, v)) {
			t.Errorf("parquet: %v", rows)
		}
	})
}

func manyVerdicts(tb testing.TB, dir string, n int) {
	w, err := Create(dir, false)
	must(tb, err)
	v := sampleVerdicts()[0]
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = fmt.Sprintf("test-%d", i)
	}
	for i := range n {
		v.Index, v.Item = int64(i), ids[i%len(ids)]
		must(tb, w.Verdict(&v))
	}
	must(tb, w.Close())
}

// Ten times the rows take no more memory.
func TestMemory(t *testing.T) {
	if testing.Short() || race {
		t.Skip("writes a million rows; not for -short or -race")
	}
	peak := func(n int) uint64 {
		done, high := make(chan struct{}), make(chan uint64)
		go func() {
			var top uint64
			for {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				top = max(top, m.HeapAlloc)
				select {
				case <-done:
					high <- top
					return
				default:
					time.Sleep(5 * time.Millisecond)
				}
			}
		}()
		manyVerdicts(t, t.TempDir(), n)
		close(done)
		return <-high
	}
	runtime.GC()
	small := peak(100_000)
	runtime.GC()
	large := peak(1_000_000)
	t.Logf("peak heap: %d MB for 100 k rows, %d MB for 1 M", small>>20, large>>20)
	if large > 2*small+32<<20 {
		t.Error("memory grows with the rows")
	}
}

func BenchmarkVerdicts(b *testing.B) {
	b.ReportAllocs()
	dir := b.TempDir()
	w, err := Create(dir, false)
	must(b, err)
	v := sampleVerdicts()[0]
	i := 0
	for b.Loop() {
		v.Index = int64(i)
		i++
		must(b, w.Verdict(&v))
	}
	must(b, w.Close())
	b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "rows/s")
}
