package record

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	kinds "swab/pipeline/rows"
	"testing"
	"testing/iotest"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"swab/pipeline/shard"
)

// row is one row of a batch.
type row struct {
	id, text string
	row      int64
}

func (r row) String() string { return fmt.Sprintf("%d: %s: %s", r.row, r.id, r.text) }

// input is a source in memory.
type input struct {
	io.Reader
	data   []byte
	format *shard.Format
}

func (in input) ReaderAt() (io.ReaderAt, int64, error) {
	return bytes.NewReader(in.data), int64(len(in.data)), nil
}

func of(f *shard.Format, data []byte) input { return input{bytes.NewReader(data), data, f} }
func jsonl(data []byte) input               { return of(formatJSONL, data) }

func rowsOf(rec arrow.Record) (rows []row) {
	ids, texts, nums := Columns(rec)
	for i := range int(rec.NumRows()) {
		rows = append(rows, row{strings.Clone(ids.Value(i)), strings.Clone(texts.Value(i)), nums.Value(i)})
	}
	return rows
}

// collect reads all of in, and checks what holds for every reading.
func collect(t testing.TB, in input, o Options) (rows []row, c *Counts, err error) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	o.Alloc, c = mem, new(Counts)
	filled, _ := o.withDefaults()
	for rec, e := range Documents(t.Context(), in, in.format, o, c) {
		if err != nil {
			t.Fatal("something follows an error")
		}
		if err = e; err != nil {
			continue
		}
		if !rec.Schema().Equal(Schema()) || rec.NumRows() < 1 || rec.NumRows() > int64(filled.BatchRows) {
			t.Fatalf("batch of %d rows, schema %v", rec.NumRows(), rec.Schema())
		}
		got := rowsOf(rec)
		n := 0
		for _, r := range got {
			n += len(r.text) + len(r.id)
		}
		if n > 3*filled.BatchBytes+24 && len(got) > 1 {
			t.Fatalf("batch of %d rows and %d bytes", len(got), n)
		}
		rows = append(rows, got...)
	}
	if err == nil {
		var skipped, bytes int64
		for _, n := range c.Skipped {
			skipped += n
		}
		for _, r := range rows {
			bytes += int64(len(r.text))
		}
		if c.Rows != c.Documents+skipped || c.Documents != int64(len(rows)) || c.TextBytes != bytes {
			t.Fatalf("counts %+v do not add up to %d rows, %d bytes", c, len(rows), bytes)
		}
	}
	if n := mem.CurrentAlloc(); n != 0 {
		t.Fatalf("%d bytes leaked", n)
	}
	return rows, c, err
}

// TestBadRows: each kind is counted and named where it stands.
func TestBadRows(t *testing.T) {
	lines := []string{
		`{"text":"ok","id":"a"}`,
		`nope`, `[1]`, `{"txt":1}`, `{"text":null}`, `{"text":{}}`,
		"{\"text\":\"x\xffy\"}", `{"text":"\ud800"}`, `{"text":"a\u0000b"}`, `{"text":"t","id":"\udc00"}`,
		``, `  `,
		`{"text":"last","id":12.50}`,
	}
	src := "\uFEFF" + strings.Join(lines, "\r\n")
	rows, c, err := collect(t, jsonl([]byte(src)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []row{{"a", "ok", 0}, {"6", "x\uFFFDy", 6}, {"7", "\uFFFD", 7}, {"8", "a\x00b", 8}, {"\uFFFD", "t", 9}, {"12.50", "last", 10}}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("rows %q, want %q", rows, want)
	}
	if want := map[Kind]int64{kinds.NotJSON: 1, kinds.NotObject: 1, kinds.Missing: 1, kinds.Null: 1, kinds.NotString: 1}; !reflect.DeepEqual(c.Skipped, want) {
		t.Errorf("skipped %v", c.Skipped)
	}
	if want := map[Kind]int64{kinds.InvalidUTF8: 1, kinds.LoneSurrogate: 2, kinds.NUL: 1}; !reflect.DeepEqual(c.Repaired, want) {
		t.Errorf("repaired %v", c.Repaired)
	}
	if c.Blank != 2 || len(c.First) != 9 {
		t.Errorf("blank %d, first %v", c.Blank, c.First)
	}
	for i, b := range c.First {
		if b.Row != int64(i+1) || b.Detail == "" {
			t.Errorf("bad row %d is named %+v", i, b)
		}
	}
}

// TestFirstTwenty: more bad rows are counted, not named.
func TestFirstTwenty(t *testing.T) {
	_, c, err := collect(t, jsonl([]byte(strings.Repeat("x\n", 30))), Options{})
	if err != nil || c.Skipped[kinds.NotJSON] != 30 || len(c.First) != 20 {
		t.Errorf("%v, %v", c, err)
	}
}

// TestLongLine: a line is taken up to MaxRow and refused beyond it, wherever the
// chunks fall and however it ends.
func TestLongLine(t *testing.T) {
	for _, max := range []int{30, 1000, 256<<10 - 1, 256 << 10, 256<<10 + 1, 3 * 256 << 10} {
		for d := -2; d <= 3; d++ {
			for _, nl := range []string{"", "\n", "\r\n"} {
				for _, text := range []bool{false, true} {
					line := `{"text":"` + strings.Repeat("x", max+d-11) + `"}`
					in, unit := jsonl([]byte(line+nl)), "line"
					if text {
						in.format = formatText
					}
					rows, _, err := collect(t, in, Options{Name: "s", MaxRow: max, TextUnit: unit})
					if ok := d <= 0; ok != (err == nil) || ok != (len(rows) == 1) || !ok && !errors.Is(err, ErrTooLong) {
						t.Fatalf("max %d, line %d, end %q: %d rows, %v", max, len(line), nl, len(rows), err)
					}
				}
			}
		}
	}
	_, _, err := collect(t, jsonl(append([]byte("{\"text\":\"a\"}\n"), bytes.Repeat([]byte("x"), 1<<20)...)), Options{Name: "shard-7", MaxRow: 1 << 10})
	if err == nil || !strings.HasPrefix(err.Error(), "shard-7: row 1: ") {
		t.Error(err)
	}
}

// lineCase builds lines of all lengths, and the rows they are.
func lineCase(r *rand.Rand, n int) (src []byte, want []row) {
	for i := range n {
		text := strings.Repeat("é\n", r.IntN(1<<r.IntN(12)))
		src = fmt.Appendf(src, "{\"id\":\"n%d\",\"text\":\"%s\"}\n", i, strings.ReplaceAll(text, "\n", `\n`))
		want = append(want, row{fmt.Sprintf("n%d", i), text, int64(i)})
		if r.IntN(20) == 0 {
			src = append(src, '\n')
		}
	}
	return src, want
}

// TestBatching: how a shard is read and cut into batches changes no row.
func TestBatching(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	src, want := lineCase(r, 3000)
	readers := map[string]func() io.Reader{
		"whole":    func() io.Reader { return bytes.NewReader(src) },
		"halves":   func() io.Reader { return iotest.HalfReader(bytes.NewReader(src)) },
		"data+err": func() io.Reader { return iotest.DataErrReader(bytes.NewReader(src)) },
	}
	for name, open := range readers {
		for _, o := range []Options{{}, {BatchRows: 1}, {BatchRows: 7, BatchBytes: 100}, {BatchBytes: 1 << 14}} {
			in := jsonl(src)
			in.Reader = open()
			got, _, err := collect(t, in, o)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s, %+v: %d rows, %v", name, o, len(got), err)
			}
		}
	}
}

// TestRetain: a batch that was kept stays as it was while others are read, also
// after the iteration, and goes back when it is let go.
func TestRetain(t *testing.T) {
	src, want := lineCase(rand.New(rand.NewPCG(5, 6)), 2000)
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	var kept []arrow.Record
	var rows []row
	for rec, err := range Documents(t.Context(), jsonl(src), formatJSONL, Options{Alloc: mem, BatchBytes: 4096}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if rec.Retain(); len(kept)%3 == 2 {
			kept[0].Release()
			kept = kept[1:]
		}
		kept = append(kept, rec)
		rows = append(rows, rowsOf(rec)...)
	}
	if !reflect.DeepEqual(rows, want) {
		t.Fatal("rows differ")
	}
	for _, rec := range kept {
		for _, got := range rowsOf(rec) {
			if got != want[got.row] {
				t.Fatalf("row %d changed", got.row)
			}
		}
		rec.Release()
	}
	mem.AssertSize(t, 0)
}

// TestRecycled: batches that are let go give their memory to the next.
func TestRecycled(t *testing.T) {
	src := bytes.Repeat([]byte(`{"id":"7","text":"some words\nand more"}`+"\n"), 50_000)
	mem := &countingAllocator{Allocator: memory.NewGoAllocator()}
	batches := 0
	for _, err := range Documents(t.Context(), jsonl(src), formatJSONL, Options{Alloc: mem}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		batches++
	}
	if batches < 40 || mem.n > 10 {
		t.Errorf("%d allocations for %d batches", mem.n, batches)
	}
}

type countingAllocator struct {
	memory.Allocator
	n int
}

func (c *countingAllocator) Allocate(n int) []byte { c.n++; return c.Allocator.Allocate(n) }

// TestRowsAllocateNothing: what is allocated does not grow with the rows.
func TestRowsAllocateNothing(t *testing.T) {
	src := bytes.Repeat([]byte(`{"id":"\u0037","te\u0078t":"some \"words\"\nand é more","meta":{"a":[1,2,"x"]}}`+"\n"), 1024)
	o, _ := Options{}.withDefaults()
	s := &sink{o: o, c: new(Counts), batch: newBatch(o)}
	s.follow()
	n := testing.AllocsPerRun(20, func() {
		s.batch.start()
		s.batch.n, s.batch.id.data, s.batch.text.data = 0, s.batch.id.data[:0], s.batch.text.data[:0]
		for line := range bytes.Lines(src) {
			s.json(line)
		}
	})
	if n != 0 || s.c.Documents == 0 {
		t.Errorf("%v allocations a thousand rows, %d documents", n, s.c.Documents)
	}
}

// TestStop: a consumer that stops leaves nothing behind and reads no further.
func TestStop(t *testing.T) {
	src, _ := lineCase(rand.New(rand.NewPCG(7, 8)), 2000)
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	in := jsonl(src)
	for _, err := range Documents(t.Context(), in, formatJSONL, Options{Alloc: mem, BatchBytes: 100}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	mem.AssertSize(t, 0)
	if left := in.Reader.(*bytes.Reader).Len(); left == 0 {
		t.Error("read to the end")
	}
}

// TestErrorsOfTheSource: a broken source and a cancelled context end the reading,
// name the place and are no corruption.
func TestErrorsOfTheSource(t *testing.T) {
	broken := errors.New("disk on fire")
	for _, f := range []*shard.Format{formatJSONL, formatText, formatArrowStream} {
		in := of(f, nil)
		in.Reader = io.MultiReader(strings.NewReader("{\"text\":\"x\"}\n{\"te"), iotest.ErrReader(broken))
		if f == formatArrowStream {
			in.Reader = io.MultiReader(bytes.NewReader(arrowBytes(t, f, sample, "")[:700]), iotest.ErrReader(broken))
		}
		rows, _, err := collect(t, in, Options{Name: "s"})
		if !errors.Is(err, broken) || errors.Is(err, ErrCorrupt) || len(rows) != 0 || !strings.HasPrefix(err.Error(), "s: ") {
			t.Errorf("%v: %q, %v", f, rows, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, err := range Documents(ctx, of(f, []byte("{}")), f, Options{}, nil) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v: %v", f, err)
			}
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{TextUnit: "word"}, {MaxRow: -1}, {MaxRow: MaxRow + 1}, {BatchRows: -1}, {BatchBytes: -1}} {
		if _, _, err := collect(t, jsonl(nil), o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	if _, _, err := collect(t, of(&shard.Format{Name: "other"}, nil), Options{}); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
}

func TestText(t *testing.T) {
	src := []byte("\uFEFFfirst é\r\n\n \t\nsecond\x00\xff\nlast")
	rows, c, err := collect(t, of(formatText, src), Options{Name: "a/b.txt"})
	if want := []row{{"a/b.txt", "first é\r\n\n \t\nsecond\x00\uFFFD\nlast", 0}}; err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("file: %q, %v", rows, err)
	}
	if c.Repaired[kinds.NUL] != 1 || c.Repaired[kinds.InvalidUTF8] != 1 {
		t.Errorf("file: %v", c.Repaired)
	}
	rows, c, err = collect(t, of(formatText, src), Options{TextUnit: "line"})
	if want := []row{{"0", "first é", 0}, {"1", "second\x00\uFFFD", 1}, {"2", "last", 2}}; err != nil || !reflect.DeepEqual(rows, want) || c.Blank != 2 {
		t.Errorf("line: %q, %+v, %v", rows, c, err)
	}
	if b := c.First[0]; b.Row != 1 {
		t.Errorf("line: %+v", b)
	}
	for _, empty := range []string{"", " \n", "\uFEFF"} {
		if rows, c, err := collect(t, of(formatText, []byte(empty)), Options{}); err != nil || len(rows) != 0 || c.Rows != 0 || c.Blank != 1 {
			t.Errorf("%q: %q, %+v, %v", empty, rows, c, err)
		}
	}
	for _, d := range []int{0, 1, 2, 3, 4} {
		_, _, err := collect(t, of(formatText, bytes.Repeat([]byte("x"), 1000+d)), Options{MaxRow: 1002})
		if (d > 2) != errors.Is(err, ErrTooLong) || (d <= 2) != (err == nil) {
			t.Errorf("%d: %v", d, err)
		}
	}
}

// TestSampleMetadata: in an archive the metadata beside a text is no row without one; other
// members without a text are.
func TestSampleMetadata(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range [][2]string{
		{"1.json", `{"caption":"x","id":7}`}, {"1.txt", "one"}, {"2.txt", "two"}, {"2.json", `{"text":"of its own"}`}, {"3.json", `{"n":1}`},
	} {
		if err := w.WriteHeader(&tar.Header{Name: m[0], Mode: 0o644, Size: int64(len(m[1]))}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, m[1])
	}
	w.Close()
	format, _, _ := kinds.Formats.TypeOf("x.tar")
	caption, err := kinds.ParseField("caption")
	if err != nil {
		t.Fatal(err)
	}
	rows, c, err := collect(t, of(format, b.Bytes()), Options{Others: []kinds.Field{caption}})
	if err != nil || len(rows) != 3 || rows[0].text != "one" || rows[2].text != "of its own" {
		t.Errorf("%q, %v", rows, err)
	}
	if c.Skipped[kinds.Missing] != 1 || c.Blank != 1 || c.Rows != 4 || len(c.First) != 1 || !strings.Contains(c.First[0].Detail, `the row has "n"`) {
		t.Errorf("%+v", c)
	}
}
