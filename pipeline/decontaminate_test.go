package pipeline

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"swab/ngram/overlap"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"
	"swab/pipeline/shard"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	"github.com/zeebo/xxh3"
)

// cleaned writes the corpus of o's audit without what a method flags, to a new directory.
func cleaned(t *testing.T, o Options, method string) (string, *CleaningSummary) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "clean")
	sum, err := Decontaminate(context.Background(), DecontaminateOptions{
		Audit: o.Out, Out: out, Method: method, MaxRemoved: -1, AllowIncomplete: true,
	})
	if err != nil {
		t.Fatal(method, err)
	}
	return out, sum
}

// flaggedBy counts the items that a method flags in a corpus.
func flaggedBy(t *testing.T, o Options, corpus, method string) (n int64) {
	t.Helper()
	o.Corpus, o.Out, o.NoReport = []string{corpus}, filepath.Join(t.TempDir(), "again"), true
	o.Methods = methods(t, method)
	for _, r := range mustScan(t, o).Rows {
		n += r.Flagged
	}
	return n
}

// TestCleanedCorpusFlagsNothing: for every method, what is kept and what is removed are the
// corpus, in order; a scan of what is kept flags nothing; and cleaning that changes nothing.
func TestCleanedCorpusFlagsNothing(t *testing.T) {
	rounds, list := 3, slices.DeleteFunc(methods(t), func(m *overlap.Method) bool { return m.Review })
	if testing.Short() {
		rounds, list = 1, methods(t, "swab", "gpt3", "llama2")
	}
	removed := int64(0)
	for seed := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(seed, 19))
		dir := t.TempDir()
		items, docs := randomQuiz(rng)
		writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
		writeJSONL(t, filepath.Join(dir, "corpus/a/part.jsonl"), docs[:len(docs)/2])
		writeJSONL(t, filepath.Join(dir, "corpus/b/part.jsonl.gz"), docs[len(docs)/2:])
		o := options(t, dir)
		o.Methods, o.NoReport = list, true
		mustScan(t, o)
		for _, m := range o.Methods {
			out, sum := cleaned(t, o, m.Name)
			removed += sum.Removed
			for _, b := range sum.Benchmarks {
				if b.Found != b.Flagged {
					t.Errorf("seed %d: %s: %d items flagged, %d in removed documents", seed, m.Name, b.Flagged, b.Found)
				}
			}
			if sum.Removed == sum.Documents {
				continue // nothing is left to scan
			}
			if n := flaggedBy(t, o, filepath.Join(out, CleanedDir), m.Name); n > 0 {
				t.Errorf("seed %d: %s: a scan of the cleaned corpus flags %d items", seed, m.Name, n)
			}
			a := filepath.Join(dir, "corpus/a/part.jsonl")
			kept := filepath.Join(out, CleanedDir, "a/part.jsonl")
			gone := filepath.Join(out, DroppedDir, "a/part.jsonl")
			checkDivided(t, lines(t, a), lines(t, kept), lines(t, gone))
		}
	}
	if removed < 20 {
		t.Errorf("only %d documents were removed: the test sees little", removed)
	}
}

// lines returns the lines of a file; none if it is not there.
func lines(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(b)))
}

// checkDivided checks that the records of kept and removed, each in order, are those of all.
func checkDivided(t *testing.T, all, kept, removed []string) {
	t.Helper()
	trim := func(s string) string { return strings.TrimRight(s, "\n") }
	for i, line := range all {
		switch {
		case len(kept) > 0 && trim(kept[0]) == trim(line):
			kept = kept[1:]
		case len(removed) > 0 && trim(removed[0]) == trim(line):
			removed = removed[1:]
		default:
			t.Fatalf("record %d, %.60q, is in neither", i, line)
		}
	}
	if len(kept)+len(removed) > 0 {
		t.Fatalf("records that the corpus does not have: %.60q %.60q", kept, removed)
	}
}

// glacier is an item, and three texts of which one holds it.
const glacier = "Which old glacier feeds the cold lake of Tarnholm before it freezes over in the month of Nosk?"

var threeTexts = [3]string{"a \"quoted\" text, of\nno benchmark", "They asked: " + glacier + " Nobody knew.", "the last, ünlike\u2028others"}

// TestCleanedFormats writes the same documents in every format and compression that is
// written, and cleans them.
func TestCleanedFormats(t *testing.T) {
	dir := t.TempDir()
	corpus := filepath.Join(dir, "corpus")
	write := func(name string, data []byte) {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(corpus, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(corpus, name), data, 0o644))
	}
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	x, y, z := quoted(threeTexts[0]), quoted(threeTexts[1]), quoted(threeTexts[2])
	jsonl := "{\"text\":" + x + ",  \"n\":1e3}\r\nnot JSON\n\n{\"text\": " + y + "}\n{\"text\":" + z + "}"
	for _, c := range []shard.Compression{shard.None, shard.Gzip, shard.Zstd, shard.Xz, shard.Lz4} {
		name := map[shard.Compression]string{shard.Gzip: ".gz", shard.Zstd: ".zst", shard.Xz: ".xz", shard.Lz4: ".lz4"}[c]
		o, err := shard.Create(filepath.Join(corpus, "same", c.String(), "part.jsonl"+name), c)
		must(t, err)
		_, err = o.Write([]byte(jsonl))
		must(t, errors.Join(err, o.Close()))
	}
	write("list.json", []byte("[\n  {\"text\": "+x+"},\n  {\"text\": "+y+"},\n  {\"text\": "+z+"}\n]\n"))
	write("wrapped.json", []byte(`{"version":1,"data":[{"text":`+x+`},{"text":`+y+`},{"text":`+z+`}],"end":true}`))
	write("values.jsonl", []byte("{\n \"text\":\n "+x+"}\n{\n\"text\": "+y+"\n}\n{\"text\": "+z+"\n}\n"))
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	must(t, w.WriteAll([][]string{{"n", "text"}, {"1", threeTexts[0]}, {"2", threeTexts[1]}, {"3", threeTexts[2]}}))
	write("table.csv", b.Bytes())
	rec := textRecord(threeTexts[:])
	defer rec.Release()
	write("a.parquet", parquetOf(t, rec))
	write("a.arrow", arrowFileOf(t, rec))
	write("a.arrows", arrowStreamOf(t, rec))
	write("text/with.txt", []byte("x\n"+glacier))
	write("text/without.txt", []byte(threeTexts[0]))
	write("untouched.jsonl.gz", gzipped(`{"text":`+x+`}`+"\n", "\n", `{"text":`+z+`}`))
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), []plainItem{{ID: "1", Question: glacier}})
	o := options(t, dir)
	o.Methods = methods(t, "swab", "gpt3")
	mustScan(t, o)
	for _, m := range o.Methods {
		out, sum := cleaned(t, o, m.Name)
		if sum.Removed != 13 || sum.Benchmarks[0].Documents != 13 {
			t.Errorf("%s: %d documents removed, %d counted", m.Name, sum.Removed, sum.Benchmarks[0].Documents)
		}
		// The whole directory: what was removed is passed over.
		if n := flaggedBy(t, o, out, m.Name); n > 0 {
			t.Errorf("%s: %d flagged in the cleaned corpus", m.Name, n)
		}
		for name, text := range files(t, corpus) {
			got, err := os.ReadFile(filepath.Join(out, CleanedDir, name))
			switch {
			case name == "text/with.txt" && !errors.Is(err, os.ErrNotExist):
				t.Errorf("%s was kept: %v", name, err)
			case name == "text/without.txt" || name == "untouched.jsonl.gz":
				if string(got) != text {
					t.Errorf("%s is not as it was", name)
				}
			}
		}
		for name, want := range map[string]string{
			"same/none/part.jsonl": "{\"text\":" + x + ",  \"n\":1e3}\r\nnot JSON\n{\"text\":" + z + "}",
			"list.json":            "[\n  {\"text\": " + x + "},\n  {\"text\": " + z + "}\n]\n",
			"wrapped.json":         `{"version":1,"data":[{"text":` + x + `},{"text":` + z + `}],"end":true}`,
		} {
			if got, _ := os.ReadFile(filepath.Join(out, CleanedDir, name)); string(got) != want {
				t.Errorf("%s:\n%q, want\n%q", name, got, want)
			}
		}
		// Cleaned again: the same bytes.
		again := o
		again.Corpus, again.Out = []string{filepath.Join(out, CleanedDir)}, filepath.Join(t.TempDir(), "again")
		if c := mustScan(t, again).Audit.Cleaned; len(c) != 1 || c[0].Method != m.Name || c[0].Removed != 13 {
			t.Errorf("the audit says of the cleaned corpus %v", c)
		}
		twice, sum := cleaned(t, again, m.Name)
		if sum.Removed != 0 {
			t.Errorf("%s: %d removed the second time", m.Name, sum.Removed)
		}
		sameFiles(t, filepath.Join(out, CleanedDir), filepath.Join(twice, CleanedDir))
	}
}

// gzipped returns the texts, each a gzip member.
func gzipped(texts ...string) []byte {
	var b bytes.Buffer
	for _, s := range texts {
		dir, _ := os.MkdirTemp("", "")
		defer os.RemoveAll(dir)
		o, err := shard.Create(filepath.Join(dir, "x"), shard.Gzip)
		if err != nil {
			panic(err)
		}
		o.Write([]byte(s))
		o.Close()
		part, _ := os.ReadFile(filepath.Join(dir, "x"))
		b.Write(part)
	}
	return b.Bytes()
}

// TestCleanedMembers: of a file of several gzip members, those in which nothing is removed keep their bytes, and
// none is lost.
func TestCleanedMembers(t *testing.T) {
	dir := t.TempDir()
	line := func(text string) string { b, _ := json.Marshal(row{"x", text}); return string(b) + "\n" }
	x, y := line("a text of no benchmark"), line(glacier)
	first, last := gzipped(x, x+x), gzipped(x+x+x, x)
	stored := slices.Concat(first, gzipped(x+y+x), last)
	must(t, os.MkdirAll(filepath.Join(dir, "corpus"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "corpus/a.jsonl.gz"), stored, 0o644))
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), []plainItem{{ID: "1", Question: glacier}})
	o := options(t, dir)
	mustScan(t, o)
	out, sum := cleaned(t, o, "gpt3")
	got, err := os.ReadFile(filepath.Join(out, CleanedDir, "a.jsonl.gz"))
	must(t, err)
	if sum.Removed != 1 || !bytes.HasPrefix(got, first) || !bytes.HasSuffix(got, last) {
		t.Errorf("%d removed, %d bytes of %d", sum.Removed, len(got), len(stored))
	}
	z, err := gzip.NewReader(bytes.NewReader(got))
	must(t, err)
	if plain, err := io.ReadAll(z); err != nil || string(plain) != strings.Repeat(x, 9) {
		t.Errorf("%q: %v", plain, err)
	}
}

func textRecord(texts []string) arrow.Record {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "n", Type: arrow.ListOf(arrow.PrimitiveTypes.Float64), Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i, text := range texts {
		b.Field(0).(*array.StringBuilder).Append(text)
		list := b.Field(1).(*array.ListBuilder)
		list.Append(true)
		for range i {
			list.ValueBuilder().(*array.Float64Builder).Append(float64(i) / 3)
		}
	}
	return b.NewRecord()
}

func parquetOf(t *testing.T, groups ...arrow.Record) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := pqarrow.NewFileWriter(groups[0].Schema(), &b, nil, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	must(t, err)
	for _, rec := range groups {
		must(t, w.Write(rec))
	}
	must(t, w.Close())
	return b.Bytes()
}

func arrowFileOf(t *testing.T, rec arrow.Record) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x")
	f, err := os.Create(name)
	must(t, err)
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(rec.Schema()))
	must(t, err)
	must(t, errors.Join(w.Write(rec), w.Close(), f.Close()))
	b, err := os.ReadFile(name)
	must(t, err)
	return b
}

func arrowStreamOf(t *testing.T, rec arrow.Record) []byte {
	t.Helper()
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(rec.Schema()))
	must(t, errors.Join(w.Write(rec), w.Close()))
	return b.Bytes()
}

// TestCleaningRefuses tests what writes nothing.
func TestCleaningRefuses(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(3, 19))
	items, docs := randomQuiz(rng)
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	shard := filepath.Join(dir, "corpus/a.jsonl")
	writeJSONL(t, shard, docs)
	o := options(t, dir)
	mustScan(t, o)
	out := filepath.Join(dir, "clean")
	try := func(change func(*DecontaminateOptions)) error {
		t.Helper()
		by := DecontaminateOptions{Audit: o.Out, Out: out, Method: "gpt3", MaxRemoved: -1}
		change(&by)
		_, err := Decontaminate(context.Background(), by)
		if _, there := os.Lstat(out); there == nil {
			t.Errorf("something was written: %v", err)
			os.RemoveAll(out)
		}
		return err
	}
	refuse := func(what string, want error, change func(*DecontaminateOptions)) {
		t.Helper()
		if err := try(change); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refuse("too many", ErrTooManyRemoved, func(o *DecontaminateOptions) { o.MaxRemoved = 0.001 })
	refuse("no method", nil, func(o *DecontaminateOptions) { o.Method = "" })
	refuse("two methods", nil, func(o *DecontaminateOptions) { o.Method = "all" })
	if err := try(func(o *DecontaminateOptions) { o.DryRun = true }); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Decontaminate(ended, DecontaminateOptions{Audit: o.Out, Out: out, Method: "gpt3"}); !errors.Is(err, context.Canceled) {
		t.Error("a canceled run:", err)
	}

	// Another file of the same size and time, and one of another size.
	info, err := os.Stat(shard)
	must(t, err)
	b, err := os.ReadFile(shard)
	must(t, err)
	must(t, os.WriteFile(shard, bytes.Replace(b, []byte("doc1"), []byte("dog1"), 1), 0o644))
	must(t, os.Chtimes(shard, info.ModTime(), info.ModTime()))
	refuse("another shard", benchmark.ErrChanged, func(*DecontaminateOptions) {})
	must(t, os.WriteFile(shard, b[1:], 0o644))
	refuse("a longer shard", nil, func(*DecontaminateOptions) {})
	must(t, os.WriteFile(shard, b, 0o644))
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items[1:])
	refuse("another benchmark", nil, func(*DecontaminateOptions) {})
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)

	// Documents in what is only read, and methods for which no document decides.
	must(t, os.WriteFile(filepath.Join(dir, "corpus/columns.json"),
		[]byte(`{"text":["`+items[0].Question+`","other"],"id":["a","b"]}`), 0o644))
	o.Methods = counting(t)
	mustScan(t, o)
	refuse("counts", nil, func(*DecontaminateOptions) {})
	o.Methods = methods(t, "longest8")
	mustScan(t, o)
	refuse("columns", ErrNotWritten, func(o *DecontaminateOptions) { o.Method = "longest8" })
	sum, err := Decontaminate(context.Background(), DecontaminateOptions{
		Audit: o.Out, Out: out, Method: "longest8", MaxRemoved: -1, IDs: true,
	})
	must(t, err)
	listed := readJSONL[struct {
		Shard string
		Row   int64
		Spans [][2]int64
	}](t, filepath.Join(out, DroppedFile))
	if len(listed) == 0 || sum.Removed == 0 || listed[len(listed)-1].Shard != filepath.Join(dir, "corpus/columns.json") ||
		len(listed[0].Spans) == 0 {
		t.Errorf("%d removed, listed: %v", sum.Removed, listed)
	}
}

func counting(t *testing.T) []*overlap.Method {
	list, err := overlap.Methods(overlap.Settings{Params: map[string]map[string]string{"gpt3": {"max-documents": "10"}}})
	must(t, err)
	return slices.DeleteFunc(list, func(m *overlap.Method) bool { return m.Name != "gpt3" })
}

// TestCleaningChooses: no method has to be named where only one flags items, and the manifest has the
// digest of audit.json.
func TestCleaningChooses(t *testing.T) {
	dir := t.TempDir()
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), []plainItem{{ID: "1", Question: glacier}})
	writeJSONL(t, filepath.Join(dir, "corpus/a.jsonl"), []row{{"x", glacier}, {"z", "nothing of this"}})
	o := options(t, dir)
	o.Methods = methods(t, "swab", "reworded")
	mustScan(t, o)
	_, sum := cleaned(t, o, "")
	b, err := os.ReadFile(filepath.Join(o.Out, audit.File))
	must(t, err)
	if digest := xxh3.Hash128(b).Bytes(); sum.Method != "swab" || sum.Removed != 1 || sum.Audit != hex.EncodeToString(digest[:]) {
		t.Errorf("%+v", sum.Cleaned)
	}
}

// TestCleaningFollowsReview: documents of an item that a reviewer rejected stay.
func TestCleaningFollowsReview(t *testing.T) {
	dir := t.TempDir()
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), []plainItem{{ID: "1", Question: glacier}, {ID: "2", Question: "Where does the " +
		"narrow ferry of Oldmere land when the tide is out and the harbour bell is silent?"}})
	writeJSONL(t, filepath.Join(dir, "corpus/a.jsonl"), []row{{"x", glacier}, {"y", "Where does the narrow ferry of Oldmere " +
		"land when the tide is out and the harbour bell is silent?"}, {"z", "nothing of this"}})
	o := options(t, dir)
	mustScan(t, o)
	_, sum := cleaned(t, o, "gpt3")
	if sum.Removed != 2 {
		t.Fatalf("%d removed", sum.Removed)
	}
	r, err := audit.Open(o.Out)
	must(t, err)
	defer r.Close()
	marks, digests := audit.Marks{}, map[string]string{}
	for v, err := range r.Verdicts(context.Background()) {
		must(t, err)
		digests[v.Item] = v.Digest
	}
	for p, err := range r.Evidence(context.Background()) {
		must(t, err)
		if p.Item == "1" {
			key := audit.MarkKey{Item: digests[p.Item], Evidence: audit.EvidenceDigest(p.Rows)}
			marks[key] = audit.MarkEntry{MarkKey: key, Mark: audit.Rejected, Benchmark: p.Benchmark, Split: p.Split, Item: p.Item}
		}
	}
	must(t, audit.SaveMarks(o.Out, marks))
	out, sum := cleaned(t, o, "gpt3")
	if got := readJSONL[row](t, filepath.Join(out, DroppedDir, "a.jsonl")); sum.Removed != 1 || got[0].ID != "y" {
		t.Errorf("removed: %v", got)
	}
}

// TestAttributes: every document has a line, in order, and those to remove have spans of
// characters.
func TestAttributes(t *testing.T) {
	dir := t.TempDir()
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), []plainItem{{ID: "1", Question: glacier}})
	docs := []row{{"x", "nothing"}, {"y", "Ünder all: " + glacier + " ü"}, {"z", "no"}}
	writeJSONL(t, filepath.Join(dir, "corpus/a.jsonl.gz"), docs)
	o := options(t, dir)
	mustScan(t, o)
	out := filepath.Join(dir, "marks")
	_, err := Decontaminate(context.Background(), DecontaminateOptions{
		Audit: o.Out, Out: out, Method: "gpt3", MaxRemoved: -1, Mark: true,
	})
	must(t, err)
	f, err := os.Open(filepath.Join(out, MarksDir, "a.jsonl.gz"))
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	dec := json.NewDecoder(z)
	for i, want := range docs {
		var got struct {
			ID         string
			Attributes map[string][][3]float64
		}
		must(t, dec.Decode(&got))
		spans, ok := got.Attributes["swab__gpt3__flagged"]
		if got.ID != want.ID || !ok || (len(spans) > 0) != (i == 1) {
			t.Fatalf("line %d: %v", i, got)
		}
		for _, s := range spans {
			text := string([]rune(want.Text)[int(s[0]):int(s[1])])
			if text != strings.TrimSuffix(glacier, "?") || s[2] != 1 {
				t.Errorf("span %v: %q", s, text)
			}
		}
	}
	if dec.More() {
		t.Error("more lines than documents")
	}
}

// TestMarkColumn: Parquet is written with a column that lists what each document holds; all other columns
// are as they were; and a file that has such a column is refused.
func TestMarkColumn(t *testing.T) {
	dir := t.TempDir()
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), []plainItem{{ID: "1", Question: glacier}})
	rec := textRecord(threeTexts[:])
	defer rec.Release()
	must(t, os.MkdirAll(filepath.Join(dir, "corpus"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "corpus/a.parquet"), parquetOf(t, rec, rec), 0o644))
	o := options(t, dir)
	mustScan(t, o)
	mark := func(out string) error {
		_, err := Decontaminate(t.Context(), DecontaminateOptions{
			Audit: o.Out, Out: out, Method: "gpt3", MaxRemoved: -1, Column: true,
		})
		return err
	}
	out := filepath.Join(dir, "marked")
	must(t, mark(out))
	f, err := os.Open(filepath.Join(out, MarkedDir, "a.parquet"))
	must(t, err)
	defer f.Close()
	table, err := pqarrow.ReadTable(t.Context(), f, nil, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	must(t, err)
	defer table.Release()
	if table.NumCols() != 3 || table.NumRows() != 6 || table.Column(2).Name() != MarkColumn {
		t.Fatal(table.Schema())
	}
	row := 0
	for _, chunk := range table.Column(2).Data().Chunks() {
		for i := range chunk.Len() {
			from, to := chunk.(*array.List).ValueOffsets(i)
			if (to > from) != (row%3 == 1) {
				t.Errorf("row %d has %d marks", row, to-from)
			}
			if text := table.Column(0).Data().Chunk(0).(*array.String).Value(row); text != threeTexts[row%3] {
				t.Errorf("row %d: %q", row, text)
			}
			row++
		}
	}
	o.Corpus, o.Out = []string{filepath.Join(out, MarkedDir)}, filepath.Join(dir, "again")
	mustScan(t, o)
	if err := mark(filepath.Join(dir, "twice")); !errors.Is(err, ErrNotWritten) {
		t.Errorf("a second column: %v", err)
	}
}

// TestCleanedInTasks: tasks under two roots write what one machine writes, byte for byte; one that is missing
// or damaged is named, and what is complete is not done again.
func TestCleanedInTasks(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(9, 19))
	items, docs := randomQuiz(rng)
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	for i, name := range []string{"a/part.jsonl", "b/part.jsonl.gz", "c.jsonl.zst", "b/d.jsonl"} {
		for _, root := range []string{"corpus", "other"} {
			writeJSONL(t, filepath.Join(dir, root, name), docs[i*len(docs)/4:(i+1)*len(docs)/4])
		}
	}
	o := options(t, dir)
	o.Corpus, o.Root, o.NoReport = []string{"."}, filepath.Join(dir, "corpus"), true
	mustScan(t, o)
	by := DecontaminateOptions{Audit: o.Out, Out: filepath.Join(dir, "whole"), Method: "gpt3", MaxRemoved: -1, Root: o.Root}
	whole, err := Decontaminate(t.Context(), by)
	must(t, err)
	parts := filepath.Join(dir, "parts")
	collect := func(out string) error {
		_, err := Decontaminate(t.Context(), DecontaminateOptions{
			Audit: o.Out, Out: out, Method: "gpt3", MaxRemoved: -1, Parts: parts,
		})
		return err
	}
	var done int
	var removed int64
	task := func(i int, root string) {
		t.Helper()
		by.Out, by.Root, by.Task = parts, filepath.Join(dir, root), [2]int{i, 3}
		must(t, CleanTask(t.Context(), by, func(s ledger.CleanedShard) error {
			done, removed = done+1, removed+s.Removed
			return nil
		}))
	}
	task(1, "corpus")
	task(2, "other")
	var missing *MissingError
	if err := collect(filepath.Join(dir, "early")); !errors.As(err, &missing) || len(missing.Names) != 4-done {
		t.Fatalf("without a task: %v", err)
	}
	task(3, "other")
	if done != 4 || removed != whole.Removed || removed == 0 {
		t.Errorf("%d shards, %d documents removed, want %d", done, removed, whole.Removed)
	}
	must(t, collect(filepath.Join(dir, "collected")))
	sameFiles(t, filepath.Join(dir, "whole"), filepath.Join(dir, "collected"))
	must(t, os.RemoveAll(filepath.Join(dir, "other")))
	task(3, "corpus") // finds its parts, and reads no shard
	broken := filepath.Join(parts, CleanedDir, "b/d.jsonl")
	must(t, os.WriteFile(broken, []byte("{}"), 0o644))
	if err := collect(filepath.Join(dir, "damaged")); err == nil || !strings.Contains(err.Error(), "b/d.jsonl") {
		t.Errorf("a file of another size: %v", err)
	}
}

// TestRelativeNames: shards of one name in several directories keep names of their own.
func TestRelativeNames(t *testing.T) {
	for _, test := range []struct{ names, want string }{
		{"a/x.jsonl b/x.jsonl", "a/x.jsonl b/x.jsonl"},
		{"a/b/x.jsonl a/bc/x.jsonl", "b/x.jsonl bc/x.jsonl"},
		{"x.jsonl", "x.jsonl"},
		{"../a/x ../a/y", "x y"},
		{"/p/q/x /r/x", "p/q/x r/x"},
	} {
		got, err := relativeNames(strings.Fields(test.names))
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%s: %s, %v", test.names, got, err)
		}
	}
}

// TestCleaningResumes: a run that was interrupted leaves nothing, and the next reads only the
// shards that were not done; what it writes are the bytes of an undisturbed run.
func TestCleaningResumes(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(5, 19))
	items, docs := randomQuiz(rng)
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	for i := range 8 {
		writeJSONL(t, filepath.Join(dir, fmt.Sprintf("corpus/%d.jsonl", i)), docs)
	}
	o := options(t, dir)
	mustScan(t, o)
	want, _ := cleaned(t, o, "longest8")
	out := filepath.Join(dir, "clean")
	for after := int64(1); ; after += 3 {
		ctx, cancel := context.WithCancel(context.Background())
		by := DecontaminateOptions{Audit: o.Out, Out: out, Method: "longest8", MaxRemoved: -1, Lanes: 1, Progress: &Progress{}}
		go func() {
			for by.Progress.Done.Load() < after && ctx.Err() == nil {
			}
			cancel()
		}()
		_, err := Decontaminate(ctx, by)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if _, err := os.Lstat(out); err == nil {
			t.Fatal("an interrupted run wrote something")
		}
	}
	sameFiles(t, want, out)
}
