package pipeline

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"swab/pipeline/benchmark"
)

// makeKept writes a corpus of six shards and three benchmarks of short, middle and long items,
// some of which the corpus has, whole, in part or changed. It returns the benchmarks.
func makeKept(t testing.TB, dir string) (specs []benchmark.Spec) {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 6))
	words := func(n int) string {
		var all []string
		for range n {
			all = append(all, fmt.Sprintf("w%d", rng.IntN(900)))
		}
		return strings.Join(all, " ")
	}
	var items []plainItem
	for k, name := range []string{"brief", "middle", "wordy"} {
		var own []plainItem
		for i := range 30 {
			n := 9 + 12*k + rng.IntN(6)
			own = append(own, plainItem{ID: fmt.Sprint(name, i), Question: words(n), Answer: words(3)})
		}
		if k > 0 { // one text in two benchmarks
			own[0].Question = items[0].Question
		}
		path := filepath.Join(dir, name+".jsonl")
		writeJSONL(t, path, own)
		specs = append(specs, benchmark.Spec{Name: name, Path: path, Fields: "question=question,answer=answer,id=id"})
		items = append(items, own...)
	}
	for i := range 6 {
		var rows []row
		for j := range 15 {
			it := items[rng.IntN(len(items))]
			w := strings.Fields(it.Question + " " + it.Answer)
			switch rng.IntN(4) {
			case 0:
				w = w[:2+rng.IntN(len(w)-2)]
			case 1:
				w[rng.IntN(len(w))] = "other"
			}
			rows = append(rows, row{fmt.Sprint(i, j), words(20) + " " + strings.Join(w, " ") + " " + words(20)})
		}
		writeJSONL(t, filepath.Join(dir, "corpus", fmt.Sprintf("s%d.jsonl.zst", i)), rows)
	}
	return specs
}

// withoutAudit returns the files of an audit but those that say what the run before it was.
func withoutAudit(t testing.TB, dir string) map[string]string {
	all := files(t, dir)
	maps.DeleteFunc(all, func(name, _ string) bool { return name == "audit.json" || name == "report.html" })
	return all
}

// TestResultsAreKeptByBenchmark: what is added to a run is read for alone, what is taken away
// is read for no more, a corpus that was copied or moved is not read again, and the audit is
// that of a run of its own.
func TestResultsAreKeptByBenchmark(t *testing.T) {
	dir := t.TempDir()
	specs := makeKept(t, dir)
	o := options(t, dir)
	fresh := 0
	step := func(what string, benches []benchmark.Spec, names []string, read int, note string) {
		t.Helper()
		o.Benchmarks, o.Methods, o.Progress = benches, methods(t, names...), &Progress{}
		sum := mustScan(t, o)
		if got := int(o.Progress.Done.Load()); got != read || sum.Resumed != 6-read {
			t.Errorf("%s: %d shards read, %d kept, want %d read", what, got, sum.Resumed, read)
		}
		if notes := strings.Join(sum.Notices, "\n"); note != "" && !strings.Contains(notes, note) {
			t.Errorf("%s: no note says %q: %s", what, note, notes)
		}
		alone := o
		fresh++
		alone.Out, alone.Progress = filepath.Join(dir, fmt.Sprint("fresh", fresh)), nil
		mustScan(t, alone)
		if !maps.Equal(withoutAudit(t, o.Out), withoutAudit(t, alone.Out)) {
			t.Errorf("%s: the audit is not that of a run of its own", what)
		}
	}
	two := []string{"swab", "gpt3"}
	step("the first run", specs[1:], []string{"swab"}, 6, "")
	step("a benchmark more", specs, []string{"swab"}, 6, "6 shards are read again, for brief alone")
	step("a method more", specs, two, 6, "6 shards are read again, for brief by gpt3, middle by gpt3, wordy by gpt3 alone")
	step("nothing more", specs, two, 0, "")
	step("a benchmark less", specs[:2], two, 0, "")
	step("another one less", specs[1:2], two, 0, "")
	step("both again", specs, two, 6, "6 shards are read again, for brief by swab alone")

	later := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "corpus", "s3.jsonl.zst"), later, later); err != nil {
		t.Fatal(err)
	}
	step("another time", specs, two, 0, "")
	if err := os.CopyFS(filepath.Join(dir, "copy"), os.DirFS(filepath.Join(dir, "corpus"))); err != nil {
		t.Fatal(err)
	}
	o.Corpus = []string{filepath.Join(dir, "copy", "*.zst")}
	step("a copy", specs, two, 0, "")
	step("the copy again", specs, two, 0, "")

	writeJSONL(t, filepath.Join(dir, "copy", "s1.jsonl.zst"), []row{{"x", "another text"}})
	step("a changed shard", specs, two, 1, "")
	o.TextUnit = "line"
	step("other settings", specs, two, 6, "shards are read by other settings")
}

// TestResultsAreFewFiles: many runs leave few files of results, with nothing that no shard needs.
func TestResultsAreFewFiles(t *testing.T) {
	dir := t.TempDir()
	specs := makeKept(t, dir)
	o := options(t, dir)
	o.Benchmarks, o.NoReport = specs, true
	for i := range 12 {
		name := filepath.Join(dir, "corpus", fmt.Sprintf("n%02d.jsonl", i))
		writeJSONL(t, name, []row{{fmt.Sprint(i), fmt.Sprint("text number ", i)}})
		o.Progress = &Progress{}
		mustScan(t, o)
		if want := 1; i > 0 && int(o.Progress.Done.Load()) != want {
			t.Errorf("run %d: %d shards read, want %d", i, o.Progress.Done.Load(), want)
		}
		packs, err := filepath.Glob(filepath.Join(o.Out, "shards", "*"))
		if err != nil || len(packs) > mostPacks+1 || len(packs) == 0 {
			t.Errorf("run %d: %d files of results, %v", i, len(packs), err)
		}
	}
}
