package pipeline

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"swab/ngram/align"
	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/filter"
	"swab/pipeline/internal/realdata"
	"swab/pipeline/ledger"
	"swab/pipeline/match"
)

func mustCheck(t testing.TB, o CheckOptions) *Summary {
	t.Helper()
	sum, err := Check(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// traceIsScan holds the audit of a trace against that of a scan, byte for byte but
// for audit.json, and of a check without a trace: it suspects whatever the scan
// flags, and its figures are no smaller. It gives the number of flags.
func traceIsScan(t *testing.T, scan, trace, check string) (flagged int) {
	t.Helper()
	scanned, traced := files(t, scan), files(t, trace)
	delete(scanned, audit.File)
	delete(traced, audit.File)
	for name, text := range scanned {
		if got, ok := traced[name]; !ok || got != text {
			t.Errorf("%s of the trace is not that of the scan", name)
		}
	}
	if len(scanned) != len(traced) {
		t.Errorf("the scan has %d files, the trace %d", len(scanned), len(traced))
	}
	if check == "" {
		return 0
	}
	bounds := readJSONL[audit.Verdict](t, filepath.Join(check, "verdicts.jsonl"))
	verdicts := readJSONL[audit.Verdict](t, filepath.Join(scan, "verdicts.jsonl"))
	if len(verdicts) != len(bounds) {
		t.Fatalf("%d verdicts of the scan, %d of the check", len(verdicts), len(bounds))
	}
	for i, v := range verdicts {
		b := bounds[i]
		ok := v.Method == b.Method && v.Benchmark == b.Benchmark && v.Digest == b.Digest && b.Longest >= v.Longest && b.Matched >= v.Matched &&
			(v.State == item.NotCheckable) == (b.State == item.NotCheckable) && (v.Score == nil || *b.Score >= *v.Score)
		if v.State == item.Flagged {
			flagged++
			ok = ok && b.State == item.Suspected
		}
		if ok && b.State == item.Suspected {
			ok = b.Chance != nil && *b.Chance >= 0 && *b.Chance <= 1 && len(b.Segments) > 0
		}
		if !ok {
			t.Fatalf("the scan says %+v\nthe check %+v", v, b)
		}
	}
	return flagged
}

// fewWords returns a function for texts of at most some words, of a random alphabet of few.
func fewWords(rng *rand.Rand) func(most int) string {
	alphabet := strings.Fields("a B c É d' e\u0301 f-g H ﬁ j7 ½ l m n Ж")[:2+rng.IntN(13)]
	return func(most int) string {
		var w []string
		for range rng.IntN(most + 1) {
			w = append(w, alphabet[rng.IntN(len(alphabet))])
		}
		return strings.Join(w, []string{" ", ", ", "\n"}[rng.IntN(3)])
	}
}

// writeFewWords writes a corpus and a benchmark of few words, whose items match in pieces, many
// documents and several parts.
func writeFewWords(t *testing.T, rng *rand.Rand, dir string) {
	t.Helper()
	words := fewWords(rng)
	var items []plainItem
	for i := range 30 {
		items = append(items, plainItem{fmt.Sprint("i", i), words(20), words(25) + " q", words(12), words(25)})
	}
	for i := range 6 {
		var rows []row
		for j := range 1 + rng.IntN(4) {
			text := words(40)
			if rng.IntN(2) == 0 {
				it := items[rng.IntN(len(items))]
				text += " " + it.part([]string{"context", "question", "choices", "answer"}[rng.IntN(4)]) + " " + strings.ToUpper(words(5))
			}
			rows = append(rows, row{fmt.Sprint("d", i, "-", j), text})
		}
		var filler strings.Builder // so that there are several segments, as full as they may be
		for range 25_000 + rng.IntN(40_000) {
			fmt.Fprintf(&filler, "w%d ", rng.IntN(5000))
		}
		rows = append(rows, row{"filler", filler.String()})
		writeJSONL(t, filepath.Join(dir, "corpus", fmt.Sprintf("s%d.jsonl.gz", i)), rows)
	}
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
}

// TestCheckBoundsTheScan: on corpora of few words, where items match in pieces, many
// documents and several parts, with filters that err often: what a scan flags is
// suspected by each method, and a trace is the scan.
func TestCheckBoundsTheScan(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 13))
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	flagged := 0
	for range rounds {
		dir := t.TempDir()
		writeFewWords(t, rng, dir)
		idx := indexOptions(filepath.Join(dir, "corpus"), filepath.Join(dir, "idx"))
		idx.N, idx.FPR = 1+rng.IntN(8), []float64{0.3, 0.05, 1e-3}[rng.IntN(3)]
		mustIndex(t, idx)
		o := options(t, dir)
		mustScan(t, o)
		check := CheckOptions{Index: idx.Out, Options: o}
		check.Out = filepath.Join(dir, "check")
		mustCheck(t, check)
		check.Out, check.Trace, check.Lanes = filepath.Join(dir, "trace"), true, 1+rng.IntN(4)
		mustCheck(t, check)
		flagged += traceIsScan(t, o.Out, check.Out, filepath.Join(dir, "check"))
	}
	if flagged < 4*rounds {
		t.Errorf("only %d flags: the test shows little", flagged)
	}
}

// TestWindowBoundsTheScan: a filter that keeps the least of each window clears no item that a scan
// flags, but by filter where the rule's runs may be shorter than n and a window; and a trace says of
// no item what a scan does not.
func TestWindowBoundsTheScan(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 17))
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	flagged, byFilter, proven := 0, 0, 0
	for range rounds {
		dir := t.TempDir()
		writeFewWords(t, rng, dir)
		idx := indexOptions(filepath.Join(dir, "corpus"), filepath.Join(dir, "idx"))
		idx.N, idx.Window, idx.FPR = 1+rng.IntN(5), 2+rng.IntN(4), []float64{0.05, 1e-3}[rng.IntN(2)]
		mustIndex(t, idx)
		o := options(t, dir)
		mustScan(t, o)
		verdicts := readJSONL[audit.Verdict](t, filepath.Join(o.Out, "verdicts.jsonl"))
		for _, trace := range []bool{false, true} {
			check := CheckOptions{Index: idx.Out, Trace: trace, Options: o}
			check.Out = filepath.Join(dir, fmt.Sprint("check", trace))
			sum := mustCheck(t, check)
			for i, b := range readJSONL[audit.Verdict](t, filepath.Join(check.Out, "verdicts.jsonl")) {
				v := verdicts[i]
				clear := b.State == item.Clean && b.Kind != align.ByFilter
				switch {
				case v.Method != b.Method || v.Digest != b.Digest || (v.State == item.NotCheckable) != (b.State == item.NotCheckable),
					clear && v.State != item.Clean, b.State == item.Flagged && v.State != item.Flagged:
					t.Fatalf("n %d, window %d, trace %v: the scan says %+v\nthe check %+v", idx.N, idx.Window, trace, v, b)
				case v.State == item.Flagged:
					flagged++
				case clear:
					proven++
				case b.Kind == align.ByFilter:
					byFilter++
				}
				if _, err := os.Stat(filepath.Join(check.Out, audit.CleanDir, b.Method)); err == nil && sum.ByFilter(b.Method) > 0 {
					t.Fatalf("%s has a clean variant", b.Method)
				}
			}
		}
	}
	if flagged < 4*rounds || byFilter < rounds || proven < rounds {
		t.Errorf("%d flags, %d clean by filter and %d clean: the test shows little", flagged, byFilter, proven)
	}
}

// TestAbsentItems: of items that no document has a gram of, as many are suspected as
// the measured rate of the filter predicts, and their chance is honest: no more of
// them than a share p have a chance of p or less. At a low rate all are clean.
func TestAbsentItems(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 14))
	dir := t.TempDir()
	corpus := filepath.Join(dir, "corpus")
	shards := 16
	if testing.Short() {
		shards = 6
	}
	randomShards(t, rng, corpus, shards, 50_000)
	var items []plainItem
	for i := range 3000 {
		var b strings.Builder
		for range 11 { // four 8-grams
			fmt.Fprintf(&b, "absent%d ", rng.IntN(5000))
		}
		items = append(items, plainItem{ID: fmt.Sprint(i), Question: b.String()})
	}
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	verdicts := func(fpr float64) ([]audit.Verdict, *ledger.Index) {
		idx := indexOptions(corpus, filepath.Join(dir, fmt.Sprint("idx", fpr)))
		idx.FPR = fpr
		x := mustIndex(t, idx).Index
		check := CheckOptions{Index: idx.Out, Options: options(t, dir)}
		check.Methods = methods(t, "gpt3")
		check.Methods[0].N = func([]int) int { return 8 }
		check.Out = filepath.Join(dir, fmt.Sprint("out", fpr))
		mustCheck(t, check)
		return readJSONL[audit.Verdict](t, filepath.Join(check.Out, "verdicts.jsonl")), x
	}
	low, _ := verdicts(1e-8)
	for _, v := range low {
		if v.State != item.Clean || v.Longest != 0 || *v.Score != 0 || v.Chance != nil {
			t.Fatalf("at 1e-8: %+v", v)
		}
	}
	for _, fpr := range []float64{0.3, 0.02} {
		bad, x := verdicts(fpr)
		rate := filter.Rate(x)
		if want := 1 - math.Pow(1-fpr, float64(len(x.Segments))); rate > want*1.05 {
			t.Errorf("measured rate %g of %d segments, promised %g each", rate, len(x.Segments), fpr)
		}
		suspected := 0
		most := map[float64]int{} // by chance: how many items have one as small
		for _, v := range bad {
			if v.State != item.Suspected {
				continue
			}
			suspected++
			for _, p := range []float64{0.5, 0.1, 0.01} {
				if *v.Chance <= p {
					most[p]++
				}
			}
		}
		check := func(what string, got int, p float64, exact bool) {
			n := float64(len(bad))
			want, dev := n*p, math.Sqrt(n*p*(1-p))+1
			if float64(got) > want+5*dev || exact && float64(got) < want-5*dev {
				t.Errorf("fpr %g, %d segments: %d of %d %s, expected %.0f give or take %.0f", fpr, len(x.Segments), got, len(bad), what, want, dev)
			}
		}
		check("are suspected", suspected, 1-math.Pow(1-rate, 4), true)
		for p, n := range most {
			check(fmt.Sprintf("have a chance of %g or less", p), n, p, false)
		}
	}
}

// TestTraceReadsOnlyWhatFired: the shards of segments in which no item may stand are
// not read, and what was read is kept for the next run.
func TestTraceReadsOnlyWhatFired(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 15))
	dir := t.TempDir()
	corpus := filepath.Join(dir, "corpus")
	docs := randomShards(t, rng, corpus, 12, 8_000)
	idx := indexOptions(corpus, filepath.Join(dir, "idx"))
	idx.FPR = 1e-8
	x := mustIndex(t, idx).Index
	const home = "s07.jsonl.zst"
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), []plainItem{
		{ID: "there", Question: strings.Join(strings.Fields(docs[home][0].Text)[100:120], " ")},
		{ID: "absent", Question: "no document has this question nor any eight of the words of it in a row"},
	})
	fired := map[string]bool{}
	for _, s := range x.Shards {
		if filepath.Base(s.Name) == home {
			fired[s.Segments[0]] = true
			if len(s.Segments) != 1 {
				t.Fatal("the shard is over several segments")
			}
		}
	}
	want := 0
	for _, s := range x.Shards {
		if fired[s.Segments[0]] {
			want++
		}
	}
	if want > 6 {
		t.Fatalf("%d of %d shards in one segment: the test shows little", want, len(x.Shards))
	}
	o := CheckOptions{Index: idx.Out, Trace: true, Options: options(t, dir)}
	o.Progress = &Progress{}
	sum := mustCheck(t, o)
	if got := int(o.Progress.Done.Load()); got != want {
		t.Errorf("%d shards read, want %d", got, want)
	}
	if int(sum.Audit.Totals.Shards) != 12 || !sum.Audit.Complete || sum.Rows[0].Flagged != 1 {
		t.Errorf("%+v, %+v", sum.Audit.Totals, sum.Rows[0])
	}
	if again := mustCheck(t, o); again.Resumed != want {
		t.Errorf("%d shards kept from the run before, want %d", again.Resumed, want)
	}

	// A shard that is not what it was, or not there, has nothing to do with items
	// that may stand elsewhere.
	if err := os.Remove(filepath.Join(corpus, "s00.jsonl.zst")); err != nil {
		t.Fatal(err)
	}
	if sum := mustCheck(t, o); !sum.Audit.Complete || !sum.Variants {
		t.Error("a shard that was not needed makes the trace incomplete")
	}

	for what, spoil := range map[string]func(path string) error{
		"touched": func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)) },
		"longer": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			return errors.Join(f.Truncate(5), f.Close())
		},
		"gone": os.Remove,
	} {
		path := filepath.Join(corpus, home)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := spoil(path); err != nil {
			t.Fatal(err)
		}
		o.Out = filepath.Join(dir, "out "+what)
		sum := mustCheck(t, o)
		if sum.Audit.Complete || sum.Variants || sum.Audit.Totals.ShardsFailed != 1 {
			t.Errorf("%s: complete %v, variants %v, %d failed", what, sum.Audit.Complete, sum.Variants, sum.Audit.Totals.ShardsFailed)
		}
		for _, e := range sum.Audit.Shards {
			if (e.Error != "") != (e.Name == path) || e.Error != "" && !strings.Contains(e.Error, path) {
				t.Errorf("%s: %s: %q", what, e.Name, e.Error)
			}
		}
		if _, err := os.Stat(filepath.Join(o.Out, "clean")); err == nil {
			t.Errorf("%s: clean variants were written", what)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCheckRefusesShorterGrams: an index cannot answer for n-grams shorter than its
// own, and the error says what to build.
func TestCheckRefusesShorterGrams(t *testing.T) {
	dir := t.TempDir()
	writeJSONL(t, filepath.Join(dir, "corpus", "a.jsonl"), []row{{"1", "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"}})
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), []plainItem{{ID: "1", Question: "a question of just nine words to ask here"}})
	idx := indexOptions(filepath.Join(dir, "corpus"), filepath.Join(dir, "idx"))
	idx.N = 13
	mustIndex(t, idx)
	o := CheckOptions{Index: idx.Out, Options: options(t, dir)}
	_, err := Check(context.Background(), o)
	if !errors.Is(err, match.ErrShort) || !strings.Contains(err.Error(), "build one with swab index --n ") {
		t.Errorf("8-grams asked of 13-grams: %v", err)
	}
	if _, err := os.Stat(o.Out); err == nil {
		t.Error("a check that was refused has published")
	}
	o.Index = filepath.Join(dir, "none")
	if _, err := Check(context.Background(), o); err == nil || !strings.Contains(err.Error(), o.Index) {
		t.Errorf("no index: %v", err)
	}
}

// realBenchmarks are those of the real data, by name.
func realBenchmarks(data string, names ...string) (specs []benchmark.Spec) {
	paths := map[string]string{
		"gsm8k": "gsm8k/test.jsonl", "humaneval": "humaneval/HumanEval.jsonl.gz", "mbpp": "mbpp/mbpp.jsonl", "ifeval": "ifeval/input_data.jsonl",
		"mgsm": "mgsm", "mmlu": "mmlu/test", "agieval": "agieval", "aqua": "aqua", "svamp": "svamp/SVAMP.json", "cruxeval": "cruxeval/cruxeval.jsonl",
	}
	for _, name := range names {
		specs = append(specs, benchmark.Spec{Name: name, Path: filepath.Join(data, "benchmarks", paths[name])})
	}
	return specs
}

// realTrace indexes, scans, checks and traces.
func realTrace(t *testing.T, corpus []string, benches []benchmark.Spec, segment int64, fpr float64) {
	t.Helper()
	dir := t.TempDir()
	idx := IndexOptions{Corpus: corpus, Out: filepath.Join(dir, "idx"), SegmentBytes: segment, FPR: fpr, OnChange: filter.OnChangeFail, Reading: Reading{MaxBadRows: -1}}
	began := time.Now()
	x := mustIndex(t, idx).Index
	t.Logf("index: %d shards, %d segments, rate %.2g, %v", len(x.Shards), len(x.Segments), filter.Rate(x), time.Since(began))
	if len(x.Segments) < 2 {
		t.Errorf("only %d segments: the test shows little", len(x.Segments))
	}
	o := options(t, dir)
	o.Corpus, o.Benchmarks = corpus, benches
	began = time.Now()
	mustScan(t, o)
	t.Logf("scan: %v", time.Since(began))
	check := CheckOptions{Index: idx.Out, Options: o}
	check.Out = filepath.Join(dir, "check")
	began = time.Now()
	for _, r := range mustCheck(t, check).Rows {
		t.Logf("check: %s %s: %d of %d suspected", r.Benchmark, r.Method, r.Flagged, r.Items)
	}
	t.Logf("check: %v", time.Since(began))
	check.Out, check.Trace = filepath.Join(dir, "trace"), true
	began = time.Now()
	for _, r := range mustCheck(t, check).Rows {
		t.Logf("trace: %s %s: %d of %d flagged", r.Benchmark, r.Method, r.Flagged, r.Items)
	}
	t.Logf("trace: %v", time.Since(began))
	if traceIsScan(t, o.Out, check.Out, filepath.Join(dir, "check")) == 0 {
		t.Error("nothing is flagged: the test shows little")
	}
}

// TestTraceIsScanOnRealData: some real corpora and benchmarks.
func TestTraceIsScanOnRealData(t *testing.T) {
	data := realdata.Dir(t)
	var corpus []string
	for _, name := range []string{"exercism-python", "exercism-problem-specs", "keon-algorithms", "d2l-zh"} {
		corpus = append(corpus, filepath.Join(data, "corpora", name+"-000.jsonl.gz"))
	}
	benches := realBenchmarks(data, "gsm8k", "humaneval", "mbpp", "mgsm", "ifeval")
	if testing.Short() {
		corpus, benches = corpus[:3], benches[1:3]
	}
	corpus = append(corpus, planted(t, data)) // hardly any item stands in the others
	realTrace(t, corpus, benches, 256<<10, 0.02)
}

// planted writes a shard that quotes some real items.
func planted(t *testing.T, data string) string {
	t.Helper()
	f, err := os.Open(filepath.Join(data, "benchmarks/humaneval/HumanEval.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for i, line := range strings.Split(string(b), "\n") {
		if i%9 == 0 {
			rows = append(rows, row{fmt.Sprint(i), strings.ReplaceAll(line, `\n`, "\n")})
		}
	}
	path := filepath.Join(t.TempDir(), "planted.jsonl")
	writeJSONL(t, path, rows)
	return path
}

// TestTraceIsScanOnAllRealData is the same with everything.
func TestTraceIsScanOnAllRealData(t *testing.T) {
	if os.Getenv("SWAB_LONG") != "1" {
		t.Skip("all real corpora against all real benchmarks take about half a minute: set SWAB_LONG=1 to run this")
	}
	data := realdata.Dir(t)
	benches := realBenchmarks(data, "gsm8k", "humaneval", "mbpp", "mgsm", "ifeval", "mmlu", "agieval", "aqua", "svamp", "cruxeval")
	realTrace(t, []string{filepath.Join(data, "corpora")}, benches, 4<<20, 1e-4)
}
