package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"swab/ngram"
	"swab/ngram/bloom"
	"swab/pipeline/audit"
	"swab/pipeline/filter"
	"swab/pipeline/ledger"
)

// randomShards writes shards of documents of made-up words, large enough that a
// segment of one partition holds only some of them.
func randomShards(t *testing.T, rng *rand.Rand, dir string, shards, words int) map[string][]row {
	t.Helper()
	docs := map[string][]row{}
	for i := range shards {
		var rows []row
		for j := range 1 + rng.IntN(3) {
			var b strings.Builder
			for range words {
				fmt.Fprintf(&b, "w%d ", rng.IntN(5000))
			}
			rows = append(rows, row{fmt.Sprint(i, "-", j), b.String()})
		}
		name := fmt.Sprintf("s%02d.jsonl.zst", i)
		docs[name] = rows
		writeJSONL(t, filepath.Join(dir, name), rows)
	}
	return docs
}

func indexOptions(corpus, out string) IndexOptions {
	return IndexOptions{Corpus: []string{corpus}, Out: out, N: 8, SegmentBytes: 256 << 10, FPR: 1e-4, OnChange: filter.OnChangeFail, Reading: Reading{MaxBadRows: -1}}
}

func mustIndex(t *testing.T, o IndexOptions) *IndexSummary {
	t.Helper()
	sum, err := Index(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// holds fails unless every 8-gram of the documents is in some segment of the index.
func holds(t *testing.T, dir string, docs map[string][]row) {
	t.Helper()
	x, err := ledger.LoadIndex(dir)
	if err != nil {
		t.Fatal(err)
	}
	var grams []uint64
	for _, rows := range docs {
		for _, r := range rows {
			var hashes []uint64
			for _, w := range strings.Fields(r.Text) {
				hashes = append(hashes, ngram.HashWord([]byte(w)))
			}
			for i := 0; i+8 <= len(hashes); i++ {
				grams = append(grams, ngram.HashGram(hashes[i:i+8]))
			}
		}
	}
	found := make([]bool, len(grams))
	in := make([]bool, len(grams))
	for _, seg := range x.Segments {
		f, err := os.Open(filepath.Join(dir, ledger.SegmentsDir, seg.File))
		if err != nil {
			t.Fatal(err)
		}
		r, err := bloom.Open(f, seg.Size)
		if err == nil {
			err = r.HasAll(grams, in)
		}
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for i, hit := range in {
			found[i] = found[i] || hit
		}
	}
	if i := slices.Index(found, false); i >= 0 {
		t.Fatalf("gram %d of %d is in no segment", i, len(grams))
	}
	if _, err := filter.Verify(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
}

func sameFiles(t *testing.T, a, b string) {
	t.Helper()
	x, y := files(t, a), files(t, b)
	for name, text := range x {
		if y[name] != text {
			t.Errorf("%s: %s differs from that of %s", a, name, b)
		}
	}
	if len(x) != len(y) {
		t.Errorf("%s has %d files, %s has %d", a, len(x), b, len(y))
	}
}

// TestIndexIsTheSameHoweverItIsMade: lanes, growth in steps and killed runs give the
// segments of one run, and no gram is ever lost, also of shards over several segments.
func TestIndexIsTheSameHoweverItIsMade(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	dir := t.TempDir()
	corpus := filepath.Join(dir, "corpus")
	docs := randomShards(t, rng, corpus, 9, 15000)
	big := randomShards(t, rng, filepath.Join(dir, "big"), 1, 200000)
	for _, rows := range big { // larger than a segment
		docs["s50.jsonl"] = rows
		writeJSONL(t, filepath.Join(corpus, "s50.jsonl"), rows)
	}
	once := indexOptions(corpus, filepath.Join(dir, "once"))
	once.Lanes = 1
	sum := mustIndex(t, once)
	if len(sum.Index.Segments) < 4 {
		t.Fatalf("only %d segments: the test shows little", len(sum.Index.Segments))
	}
	several := false
	for _, s := range sum.Index.Shards {
		several = several || len(s.Segments) > 1
	}
	if !several {
		t.Fatal("no shard is over several segments")
	}
	holds(t, once.Out, docs)

	lanes := indexOptions(corpus, filepath.Join(dir, "lanes"))
	lanes.Lanes = 4
	mustIndex(t, lanes)
	sameFiles(t, lanes.Out, once.Out)

	if again := mustIndex(t, lanes); again.Read != 0 {
		t.Errorf("%d shards read again", again.Read)
	}
	sameFiles(t, lanes.Out, once.Out)

	grown := indexOptions(filepath.Join(corpus, "s0[0-4]*"), filepath.Join(dir, "grown"))
	mustIndex(t, grown)
	grown.Corpus = []string{corpus}
	if sum := mustIndex(t, grown); sum.Read != 5 {
		t.Errorf("%d shards read, want the 5 new ones", sum.Read)
	}
	holds(t, grown.Out, docs)

	killed := indexOptions(corpus, filepath.Join(dir, "killed"))
	killed.Lanes = 2
	for wait := time.Millisecond; ; wait += wait / 2 {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		_, err := Index(ctx, killed)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	holds(t, killed.Out, docs)
}

// TestMergedIndexIsTheSame: parts made apart and merged are, byte for byte, what one
// run over all makes, when all fits into one segment.
func TestMergedIndexIsTheSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	for _, window := range []int{0, 4} {
		dir := t.TempDir()
		corpus := filepath.Join(dir, "corpus")
		docs := randomShards(t, rng, corpus, 7, 400)
		o := indexOptions(corpus, filepath.Join(dir, "once"))
		o.Window = window
		mustIndex(t, o)
		var parts []string
		for i := range 3 {
			o := indexOptions(corpus, filepath.Join(dir, fmt.Sprint("part", i)))
			o.Part, o.Window = [2]int{i + 1, 3}, window
			mustIndex(t, o)
			parts = append(parts, o.Out)
		}
		slices.Reverse(parts)
		merged := filepath.Join(dir, "merged")
		if _, err := filter.Merge(context.Background(), parts, merged, ""); err != nil {
			t.Fatal(err)
		}
		sameFiles(t, merged, filepath.Join(dir, "once"))
		if window == 0 {
			holds(t, merged, docs)
		}
		if _, err := filter.Merge(context.Background(), []string{parts[0], parts[0]}, filepath.Join(dir, "twice"), ""); err == nil {
			t.Error("an index was merged with itself")
		}
	}
}

// TestFailedShardLeavesNoGrams: a shard that breaks off changes nothing, and is read
// again by the next run.
func TestFailedShardLeavesNoGrams(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	dir := t.TempDir()
	corpus := filepath.Join(dir, "corpus")
	randomShards(t, rng, corpus, 4, 400)
	mustIndex(t, indexOptions(corpus, filepath.Join(dir, "without")))
	whole := randomShards(t, rng, filepath.Join(dir, "more"), 1, 2000)
	b, err := os.ReadFile(filepath.Join(dir, "more", "s00.jsonl.zst"))
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(corpus, "s99.jsonl.zst")
	if err := os.WriteFile(broken, b[:len(b)-7], 0o644); err != nil {
		t.Fatal(err)
	}
	o := indexOptions(corpus, filepath.Join(dir, "with"))
	sum := mustIndex(t, o)
	if len(sum.Failed) != 1 || sum.Complete() {
		t.Fatalf("failed: %+v", sum.Failed)
	}
	sameFiles(t, o.Out, filepath.Join(dir, "without"))
	if err := os.WriteFile(broken, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if sum := mustIndex(t, o); sum.Read != 1 || len(sum.Failed) != 0 {
		t.Errorf("read %d, failed %d", sum.Read, len(sum.Failed))
	}
	holds(t, o.Out, whole)
}

// TestTraceEqualsScan: with a filter that errs often, over several segments, tracing
// gives the bytes of a scan, and whatever a scan flags is suspected.
func TestTraceEqualsScan(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 3))
	for round := range 4 {
		dir := t.TempDir()
		corpus := filepath.Join(dir, "corpus")
		docs := randomShards(t, rng, corpus, 5, 30000)
		var items []plainItem
		for i := range 40 {
			rows := docs[fmt.Sprintf("s%02d.jsonl.zst", rng.IntN(5))]
			w := strings.Fields(rows[rng.IntN(len(rows))].Text)
			from := rng.IntN(len(w) - 40)
			text := strings.Join(w[from:from+5+rng.IntN(30)], " ")
			if i%2 == 0 {
				text = fmt.Sprint("what ", i, " is not in any document of this corpus but is asked all the same here ", i)
			}
			items = append(items, plainItem{ID: fmt.Sprint(i), Question: text + fmt.Sprint(" q", i), Answer: fmt.Sprint("a", i)})
		}
		writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
		idx := indexOptions(corpus, filepath.Join(dir, "idx"))
		idx.FPR = []float64{0.3, 0.01, 1e-4, 0.3}[round]
		mustIndex(t, idx)
		o := options(t, dir)
		mustScan(t, o)
		check := CheckOptions{Index: idx.Out, Options: options(t, dir)}
		check.Out = filepath.Join(dir, "suspected")
		if _, err := Check(context.Background(), check); err != nil {
			t.Fatal(err)
		}
		check.Out, check.Trace = filepath.Join(dir, "traced"), true
		if _, err := Check(context.Background(), check); err != nil {
			t.Fatal(err)
		}
		scanned, traced := files(t, o.Out), files(t, check.Out)
		for name, text := range scanned {
			if name != audit.File && traced[name] != text {
				t.Errorf("fpr %g: %s differs", idx.FPR, name)
			}
		}
		suspected := strings.Split(files(t, filepath.Join(dir, "suspected"))["verdicts.jsonl"], "\n")
		flagged := 0
		for i, line := range strings.Split(scanned["verdicts.jsonl"], "\n") {
			if strings.Contains(line, `"state":"flagged"`) {
				if flagged++; !strings.Contains(suspected[i], `"state":"suspected"`) {
					t.Errorf("flagged and not suspected: %s\n%s", line, suspected[i])
				}
			}
		}
		if flagged < 10 {
			t.Errorf("only %d flags", flagged)
		}
	}
}
