package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"swab/ngram"
	"swab/ngram/bloom"
	"swab/pipeline/filter"
	"swab/pipeline/ledger"
)

// gramsOf gives the hashes of the n-grams of documents, cut into words by a regular
// expression.
func gramsOf(rows []row, n int) (grams []uint64) {
	for _, r := range rows {
		var words []uint64
		for _, w := range plainWords(r.Text) {
			words = append(words, ngram.HashWord([]byte(w)))
		}
		for i := 0; i+n <= len(words); i++ {
			grams = append(grams, ngram.HashGram(words[i:i+n]))
		}
	}
	return grams
}

// hits says how many grams are in any of the segments.
func hits(t *testing.T, dir string, segments []string, grams []uint64) (n int) {
	t.Helper()
	any, in := make([]bool, len(grams)), make([]bool, len(grams))
	for _, file := range segments {
		b, err := os.ReadFile(filepath.Join(dir, ledger.SegmentsDir, file))
		if err != nil {
			t.Fatal(err)
		}
		r, err := bloom.Open(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			err = r.HasAll(grams, in)
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, hit := range in {
			any[i] = any[i] || hit
		}
	}
	for _, hit := range any {
		if hit {
			n++
		}
	}
	return n
}

// allSegments are the names of an index's segments.
func allSegments(x *ledger.Index) (files []string) {
	for _, s := range x.Segments {
		files = append(files, s.File)
	}
	return files
}

// history is a corpus that changes, an index of it, and what the index must hold.
type history struct {
	t      *testing.T
	rng    *rand.Rand
	corpus string
	o      IndexOptions
	clock  int64
	now    map[string][]uint64           // by the name of a shard: its grams
	times  map[string]int64              // when it was written
	held   map[string]map[int64][]uint64 // by name and time: grams that must be there
}

// write makes a shard, or makes it anew.
func (h *history) write(name string, words int) {
	var b strings.Builder
	for range words {
		fmt.Fprintf(&b, "w%d ", h.rng.IntN(3000))
	}
	path := filepath.Join(h.corpus, name)
	rows := []row{{name, b.String()}, {"short", "too short for a gram"}}
	writeJSONL(h.t, path, rows)
	h.clock += 1e9
	if err := os.Chtimes(path, time.Unix(0, h.clock), time.Unix(0, h.clock)); err != nil {
		h.t.Fatal(err)
	}
	h.now[path], h.times[path] = gramsOf(rows, 8), h.clock
}

// run runs the index until it finishes; before, it may be killed some times. What is
// published meanwhile tells the truth too.
func (h *history) run(onChange string, kills int) {
	h.t.Helper()
	h.o.OnChange, h.o.Lanes = onChange, []int{1, 2, 8}[h.rng.IntN(3)]
	for range kills {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(h.rng.IntN(60_000))*time.Microsecond)
		_, err := Index(ctx, h.o)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			h.t.Fatal(err)
		}
		if _, err := os.Stat(h.o.Out); err == nil {
			h.check(false)
		}
	}
	mustIndex(h.t, h.o)
	for name := range h.held {
		_, there := h.now[name]
		if onChange == filter.OnChangeRebuild && !there {
			delete(h.held, name)
		}
		if onChange == filter.OnChangeRebuild && there {
			maps.DeleteFunc(h.held[name], func(at int64, _ []uint64) bool { return at != h.times[name] })
		}
	}
	for name, grams := range h.now {
		if h.held[name] == nil {
			h.held[name] = map[int64][]uint64{}
		}
		h.held[name][h.times[name]] = grams
	}
	h.check(true)
}

// check holds the index against what it must have: every gram of a shard is in one
// of the segments that the index names for it.
func (h *history) check(finished bool) {
	h.t.Helper()
	x, err := ledger.LoadIndex(h.o.Out)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := filter.Verify(context.Background(), h.o.Out); err != nil {
		h.t.Fatal(err)
	}
	if finished && len(x.Shards) != len(h.held) {
		h.t.Fatalf("the index has %d shards, want %d", len(x.Shards), len(h.held))
	}
	for _, s := range x.Shards {
		grams, known := h.held[s.Name][s.ModTime]
		if s.ModTime == h.times[s.Name] {
			grams, known = h.now[s.Name], true
		}
		if !known {
			h.t.Fatalf("%s is in the index as nobody wrote it", s.Name)
		}
		if int64(len(grams)) != s.Grams {
			h.t.Fatalf("%s has %d grams, the index says %d", s.Name, len(grams), s.Grams)
		}
		if n := hits(h.t, h.o.Out, s.Segments, grams); n != len(grams) {
			h.t.Fatalf("%s: %d of %d grams are in its segments", s.Name, n, len(grams))
		}
		if finished {
			for at, grams := range h.held[s.Name] {
				if n := hits(h.t, h.o.Out, s.Segments, grams); n != len(grams) {
					h.t.Fatalf("%s as of %d: %d of %d grams are in its segments", s.Name, at, n, len(grams))
				}
			}
		}
	}
	for _, seg := range x.Segments {
		if seg.Rate > x.Plan.FPR*1.1 {
			h.t.Errorf("segment %s errs at a rate of %g, promised %g", seg.File, seg.Rate, x.Plan.FPR)
		}
	}
}

// TestNoGramIsLost: whatever happens to a corpus and to the runs over it, every gram
// of every shard that the index tells of is in a segment that it names for the shard.
func TestNoGramIsLost(t *testing.T) {
	rounds, steps := 4, 8
	if testing.Short() {
		rounds, steps = 1, 4
	}
	most := 0
	for round := range rounds {
		dir := t.TempDir()
		h := &history{t: t, rng: rand.New(rand.NewPCG(uint64(round), 77)), corpus: filepath.Join(dir, "corpus"),
			now: map[string][]uint64{}, times: map[string]int64{}, held: map[string]map[int64][]uint64{}}
		h.o = indexOptions(h.corpus, filepath.Join(dir, "idx"))
		for step := range steps {
			for range 1 + h.rng.IntN(4) { // some are there already
				words := h.rng.IntN(40_000)
				if h.rng.IntN(8) == 0 {
					words = 150_000 // larger than a segment
				}
				h.write(fmt.Sprintf("s%d.jsonl", h.rng.IntN(6)+2*step), words)
			}
			onChange := []string{filter.OnChangeKeep, filter.OnChangeKeep, filter.OnChangeRebuild}[h.rng.IntN(3)]
			if h.rng.IntN(3) == 0 {
				names := slices.Sorted(maps.Keys(h.now))
				gone := names[h.rng.IntN(len(names))]
				if err := os.Remove(gone); err != nil {
					t.Fatal(err)
				}
				delete(h.now, gone)
				delete(h.times, gone)
			}
			if len(h.now) == 0 {
				continue
			}
			h.run(onChange, h.rng.IntN(4))
		}
		x, err := ledger.LoadIndex(h.o.Out)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, len(x.Segments))

		// Joined with an index of other shards, it has what both have.
		other := indexOptions(filepath.Join(dir, "other"), filepath.Join(dir, "idx2"))
		apart := randomShards(t, h.rng, filepath.Join(dir, "other"), 2, 30_000)
		mustIndex(t, other)
		merged := filepath.Join(dir, "merged")
		if _, err := filter.Merge(context.Background(), []string{h.o.Out + "/", other.Out}, merged, "v"); err != nil {
			t.Fatal(err)
		}
		h.o.Out = merged
		for name, rows := range apart {
			name = filepath.Join(dir, "other", name)
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			h.held[name] = map[int64][]uint64{info.ModTime().UnixNano(): gramsOf(rows, 8)}
		}
		h.check(true)
	}
	if most < 4 {
		t.Errorf("no more than %d segments: the test shows little", most)
	}
}

// TestExtendedIndexIsBuiltAtOnce: an index that is extended shard by shard, in the
// order of their names, is byte for byte the one that a single run makes, for any
// number of lanes.
func TestExtendedIndexIsBuiltAtOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	dir := t.TempDir()
	corpus := filepath.Join(dir, "corpus")
	randomShards(t, rng, corpus, 8, 12_000)
	for i, words := range []int{130_000, 40, 260_000} { // more than a segment holds, in some documents
		big := randomShards(t, rng, filepath.Join(dir, "big"), 1, words)
		writeJSONL(t, filepath.Join(corpus, fmt.Sprintf("s%d5.jsonl", i)), big["s00.jsonl.zst"])
	}
	entries, err := os.ReadDir(corpus)
	if err != nil {
		t.Fatal(err)
	}
	once := indexOptions(corpus, filepath.Join(dir, "lanes1"))
	once.Lanes = 1
	if sum := mustIndex(t, once); len(sum.Index.Segments) < 4 {
		t.Fatalf("only %d segments: the test shows little", len(sum.Index.Segments))
	}
	for _, lanes := range []int{2, 8} {
		o := indexOptions(corpus, filepath.Join(dir, fmt.Sprint("lanes", lanes)))
		o.Lanes, o.BufferBytes = lanes, 1<<20
		mustIndex(t, o)
		sameFiles(t, o.Out, once.Out)
	}
	steps := indexOptions(corpus, filepath.Join(dir, "steps"))
	for i, e := range entries {
		if i%2 == 1 || i == len(entries)-1 {
			sum := mustIndex(t, steps)
			if want := min(2, i+1); sum.Read != want && sum.Read != 1 {
				t.Errorf("%d shards read, want %d", sum.Read, want)
			}
			steps.Corpus = nil
		}
		if i == 0 {
			steps.Corpus = nil
		}
		steps.Corpus = append(steps.Corpus, filepath.Join(corpus, e.Name()))
	}
	mustIndex(t, steps)
	sameFiles(t, steps.Out, once.Out)
}

// TestPartsOfUnequalSizeMerge: machines that each see a part of the corpus choose the
// same plan, also when they are not told one.
func TestPartsOfUnequalSizeMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	dir := t.TempDir()
	corpus := filepath.Join(dir, "corpus")
	randomShards(t, rng, corpus, 2, 20)
	large := randomShards(t, rng, filepath.Join(dir, "large"), 1, 100_000)
	writeJSONL(t, filepath.Join(corpus, "s02.jsonl"), large["s00.jsonl.zst"])
	o := indexOptions(corpus, filepath.Join(dir, "once"))
	o.SegmentBytes, o.FPR = 0, 0
	if sum := mustIndex(t, o); sum.Index.Plan.Partitions == 1 || len(sum.Index.Segments) != 1 {
		t.Fatalf("%v, %d segments: the test shows nothing", sum.Index.Plan, len(sum.Index.Segments))
	}
	var parts []string
	for i := range 3 {
		p := o
		p.Out, p.Part = filepath.Join(dir, fmt.Sprint("part", i)), [2]int{i + 1, 3}
		mustIndex(t, p)
		parts = append(parts, p.Out+string(filepath.Separator)) // as a shell completes it
	}
	if _, err := filter.Merge(context.Background(), parts, filepath.Join(dir, "merged"), ""); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, filepath.Join(dir, "merged"), o.Out)
}

// TestOnChange: what fail, keep and rebuild do about shards that changed or are gone.
func TestOnChange(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	dir := t.TempDir()
	corpus := filepath.Join(dir, "corpus")
	docs := randomShards(t, rng, corpus, 10, 14_000)
	idx := func(name, onChange string) IndexOptions {
		o := indexOptions(corpus, filepath.Join(dir, name))
		o.FPR, o.OnChange, o.Progress = 1e-6, onChange, &Progress{}
		return o
	}
	for _, name := range []string{"keep", "rebuild"} {
		mustIndex(t, idx(name, filter.OnChangeFail))
	}
	x, err := ledger.LoadIndex(filepath.Join(dir, "keep"))
	if err != nil {
		t.Fatal(err)
	}
	at := map[string][]string{} // shard to segments
	for _, s := range x.Shards {
		at[filepath.Base(s.Name)] = s.Segments
	}
	gone, changed := "s02.jsonl.zst", "s06.jsonl.zst"
	before := docs[changed]
	later := randomShards(t, rng, filepath.Join(dir, "later"), 1, 10_000)["s00.jsonl.zst"]
	writeJSONL(t, filepath.Join(corpus, changed), later)
	if err := os.Remove(filepath.Join(corpus, gone)); err != nil {
		t.Fatal(err)
	}
	fresh := randomShards(t, rng, filepath.Join(dir, "fresh"), 1, 10)["s00.jsonl.zst"]
	writeJSONL(t, filepath.Join(corpus, "t.jsonl"), fresh)

	was := files(t, filepath.Join(dir, "keep"))
	_, err = Index(context.Background(), idx("keep", filter.OnChangeFail))
	if !errors.Is(err, filter.ErrChanged) || !strings.Contains(err.Error(), gone+" is gone") || !strings.Contains(err.Error(), changed+" has changed") {
		t.Fatalf("changed and gone shards: %v", err)
	}
	if !maps.Equal(was, files(t, filepath.Join(dir, "keep"))) {
		t.Error("a run that refused has published")
	}

	o := idx("keep", filter.OnChangeKeep)
	sum := mustIndex(t, o)
	if sum.Read != 2 || o.Progress.Done.Load() != 2 || len(sum.Changed) != 2 {
		t.Errorf("keep read %d shards, want the new one and the one that changed; named %q", sum.Read, sum.Changed)
	}
	for what, rows := range map[string][]row{"gone": docs[gone], "changed, before": before, "changed, now": later, "new": fresh} {
		if grams := gramsOf(rows, 8); hits(t, o.Out, allSegments(sum.Index), grams) != len(grams) {
			t.Errorf("keep lost grams of the shard that is %s", what)
		}
	}
	if sum := mustIndex(t, idx("keep", filter.OnChangeKeep)); sum.Read != 0 {
		t.Errorf("keep reads %d shards again", sum.Read)
	}

	// Rebuild reads the shards of the segments that the two are in, and no others.
	want := 1
	for name, segments := range at {
		if name != gone && slices.ContainsFunc(segments, func(f string) bool {
			return slices.Contains(at[gone], f) || slices.Contains(at[changed], f)
		}) {
			want++
		}
	}
	if want > 7 || want < 3 {
		t.Fatalf("%d shards to be read of 10: the test shows little", want)
	}
	o = idx("rebuild", filter.OnChangeRebuild)
	sum = mustIndex(t, o)
	if sum.Read != want || int(o.Progress.Done.Load()) != want {
		t.Errorf("rebuild read %d shards, want %d", sum.Read, want)
	}
	for what, rows := range map[string][]row{"gone": docs[gone], "changed": before} {
		if n := hits(t, o.Out, allSegments(sum.Index), gramsOf(rows, 8)); n > 5 { // of some 30,000, at 1e-6 in each segment
			t.Errorf("rebuild left %d grams of what is %s", n, what)
		}
	}
	docs[changed], docs["t.jsonl"] = later, fresh
	delete(docs, gone)
	holds(t, o.Out, docs)
	if slices.ContainsFunc(sum.Index.Shards, func(s ledger.IndexShard) bool { return filepath.Base(s.Name) == gone }) {
		t.Error("the shard that is gone is in the index")
	}

	// A shard of the same segment that is there but was not asked for would be lost.
	writeJSONL(t, filepath.Join(corpus, changed), before)
	o.Corpus = []string{filepath.Join(corpus, changed)}
	if _, err := Index(context.Background(), o); !errors.Is(err, filter.ErrChanged) || !strings.Contains(err.Error(), "not in --corpus") {
		t.Errorf("rebuild without the shards that share the segment: %v", err)
	}
	holds(t, o.Out, docs)
}

// TestIndexRefusesOtherSettings: the error says which, and what to do.
func TestIndexRefusesOtherSettings(t *testing.T) {
	dir := t.TempDir()
	corpus := filepath.Join(dir, "corpus")
	randomShards(t, rand.New(rand.NewPCG(9, 9)), corpus, 1, 50)
	o := indexOptions(corpus, filepath.Join(dir, "idx"))
	o.SegmentBytes += 1000 // it has whole partitions
	mustIndex(t, o)
	mustIndex(t, o)
	was := files(t, o.Out)
	for flag, change := range map[string]func(*IndexOptions){
		"--n 8, this run 13":                     func(o *IndexOptions) { o.N = 13 },
		"--window 1, this run 4":                 func(o *IndexOptions) { o.Window = 4 },
		"--fpr 0.0001, this run 0.01":            func(o *IndexOptions) { o.FPR = 0.01 },
		"--segment-size 262144, this run 524288": func(o *IndexOptions) { o.SegmentBytes = 512 << 10 },
		"--text-field , this run content":        func(o *IndexOptions) { o.TextField = "content" },
		"--text-unit , this run line":            func(o *IndexOptions) { o.TextUnit = "line" },
		"--max-row 0, this run 1000":             func(o *IndexOptions) { o.MaxRow = 1000 },
	} {
		other := o
		change(&other)
		_, err := Index(context.Background(), other)
		if !errors.Is(err, filter.ErrIncompatible) || !strings.Contains(err.Error(), flag) || !strings.Contains(err.Error(), "build a new index in another directory") {
			t.Errorf("%s: %v", flag, err)
		}
		if !maps.Equal(was, files(t, o.Out)) {
			t.Fatalf("%s: the index is not what it was", flag)
		}
		other.Out = filepath.Join(dir, "other")
		other.Corpus = []string{filepath.Join(dir, "corpus2")}
		randomShards(t, rand.New(rand.NewPCG(9, 9)), other.Corpus[0], 1, 50)
		if other.TextField != "" {
			writeJSONL(t, filepath.Join(other.Corpus[0], "s00.jsonl"), []map[string]string{{"content": "a b c d e f g h i"}})
			if err := os.Remove(filepath.Join(other.Corpus[0], "s00.jsonl.zst")); err != nil {
				t.Fatal(err)
			}
		}
		mustIndex(t, other)
		if _, err := filter.Merge(context.Background(), []string{o.Out, other.Out}, filepath.Join(dir, "merged"), ""); !errors.Is(err, filter.ErrIncompatible) {
			t.Errorf("merged with an index made otherwise (%s): %v", flag, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "merged")); err == nil {
			t.Fatal("a merge that was refused has published")
		}
		for _, d := range []string{other.Out, other.Corpus[0]} {
			if err := os.RemoveAll(d); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestDamagedSegmentIsRefused: whoever reads a damaged segment names it, and nobody
// calls an item clean because of it.
func TestDamagedSegmentIsRefused(t *testing.T) {
	dir := t.TempDir()
	corpus := filepath.Join(dir, "corpus")
	docs := randomShards(t, rand.New(rand.NewPCG(10, 10)), corpus, 2, 2000)
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), []plainItem{{ID: "1", Question: strings.Join(strings.Fields(docs["s00.jsonl.zst"][0].Text)[:20], " ")}})
	o := indexOptions(corpus, filepath.Join(dir, "idx"))
	sum := mustIndex(t, o)
	file := sum.Index.Segments[0].File
	path := filepath.Join(o.Out, ledger.SegmentsDir, file)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := CheckOptions{Index: o.Out, Options: options(t, dir)}
	damaged := func(what string, b []byte, checked bool) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := filter.Verify(context.Background(), o.Out); err == nil || !strings.Contains(err.Error(), file) {
			t.Fatalf("%s: verify says %v", what, err)
		}
		if !checked {
			return
		}
		for _, trace := range []bool{false, true} {
			check.Trace = trace
			if _, err := Check(context.Background(), check); err == nil || !strings.Contains(err.Error(), file) {
				t.Fatalf("%s: check says %v", what, err)
			}
			if _, err := os.Stat(check.Out); err == nil {
				t.Fatalf("%s: check has published", what)
			}
		}
		if _, err := filter.Merge(context.Background(), []string{o.Out}, filepath.Join(dir, "merged"), ""); err == nil || !strings.Contains(err.Error(), file) {
			t.Fatalf("%s: merge says %v", what, err)
		}
		more := o
		more.Corpus = []string{corpus, filepath.Join(dir, "more.jsonl")}
		if _, err := Index(context.Background(), more); err == nil || !strings.Contains(err.Error(), file) {
			t.Fatalf("%s: index says %v", what, err)
		}
	}
	writeJSONL(t, filepath.Join(dir, "more.jsonl"), []row{{"1", "a b c d e f g h i"}})
	for _, n := range []int{0, 1, 15, 16, 300, 4096, 100_000, len(sound) - 1} {
		damaged(fmt.Sprintf("cut to %d bytes", n), sound[:n], true)
	}
	damaged("longer", append(slices.Clone(sound), 0), true)
	rng := rand.New(rand.NewPCG(11, 11))
	for i := range 400 {
		at := rng.IntN(len(sound))
		if i < 200 {
			at = rng.IntN(4096)
		}
		b := slices.Clone(sound)
		b[at] ^= 1 << rng.IntN(8)
		damaged(fmt.Sprintf("a bit of byte %d flipped", at), b, i%20 == 0)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	check.Trace = false
	if _, err := Check(context.Background(), check); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("missing: check says %v", err)
	}
	if err := os.WriteFile(path, sound, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(context.Background(), check); err != nil {
		t.Error(err)
	}
}

// TestEstimate: a corpus of like shards is estimated well from a few of them.
func TestEstimate(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 12))
	for _, shards := range []int{1, 7, 15, 31} {
		if testing.Short() && shards > 15 {
			continue
		}
		dir := t.TempDir()
		distinct := map[uint64]bool{}
		for i := range shards {
			var rows []row
			for j := range 20 {
				var b strings.Builder
				for range 200 {
					fmt.Fprintf(&b, "w%d ", rng.IntN(1000))
				}
				rows = append(rows, row{fmt.Sprint(j), b.String()})
			}
			for _, g := range gramsOf(rows, 8) {
				distinct[g] = true
			}
			writeJSONL(t, filepath.Join(dir, "corpus", fmt.Sprintf("s%d.jsonl", i)), rows)
		}
		o := indexOptions(filepath.Join(dir, "corpus"), filepath.Join(dir, "idx"))
		o.Progress = &Progress{}
		e, err := EstimateIndex(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(e.Grams) / float64(len(distinct)); got < 0.8 || got > 1.2 {
			t.Errorf("%d shards: %.2f of the n-grams expected", shards, got)
		}
		if most := float64(sampleShards+1) / float64(shards); e.Share > most {
			t.Errorf("%d shards: %.2f of them read", shards, e.Share)
		}
		if e.Shards != shards || e.Sampled != o.Progress.Read.Load() {
			t.Errorf("%+v, of %d shards and %d bytes read", e, shards, o.Progress.Read.Load())
		}
		if want := len(mustIndex(t, o).Index.Segments); max(want-e.Segments, e.Segments-want) > 1 {
			t.Errorf("%d shards: %d segments expected, there are %d", shards, e.Segments, want)
		}
	}
}
