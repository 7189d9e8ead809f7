//go:build unix

package pipeline

import (
	"context"
	"slices"
	"syscall"
	"testing"
	"time"

	"swab/ngram/overlap"
	"swab/pipeline/benchmark"
	"swab/pipeline/match"
)

// cpuTime is what the process has computed so far.
func cpuTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkMethods reads the same shards on one lane by one method over words, by this
// program's own, by all over words, by these and both gpt4, and by each normaliser more,
// in turn; of each the least CPU time of all rounds counts. MB/s are of documents' text,
// and "times" is the CPU time against that of gpt3 alone. The bars: 1.5 for swab, 1.25 for
// all over words, 1.9 with gpt4.
func BenchmarkMethods(b *testing.B) {
	p, err := benchmark.Builtin()
	if err != nil {
		b.Fatal(err)
	}
	corpus, bench := madeCorpus(b, ".jsonl.zst"), madeBench(b)
	all := methods(b)
	of := func(norms ...string) (list []*overlap.Method) {
		for _, m := range all {
			if slices.Contains(norms, m.Norm) {
				list = append(list, m)
			}
		}
		return list
	}
	runs := []struct {
		name    string
		methods []*overlap.Method
		lane    *match.Lane
		least   time.Duration
	}{
		{name: "gpt3", methods: methods(b, "gpt3")},
		{name: "swab", methods: methods(b, "swab")},
		{name: "words", methods: of("words")},
		{name: "words+gpt4", methods: append(of("words"), methods(b, "gpt4")...)},
		{name: "words+gpt4+all", methods: of("words", "chars")},
		{name: "+starcoder", methods: of("words", "chars", "raw")},
		{name: "+lmeval", methods: of("words", "chars", "raw", "lmeval")},
		{name: "+helm", methods: all},
	}
	ctx := context.Background()
	for i := range runs {
		set, err := Options{Benchmarks: bench, Presets: p, Methods: runs[i].methods}.load(ctx)
		if err == nil {
			err = set.Build()
		}
		if err != nil {
			b.Fatal(err)
		}
		runs[i].lane = set.NewLane()
		runs[i].least = 1 << 62
	}
	r := Reading{Lanes: 1, MaxBadRows: -1}.filled()
	found, err := r.find(context.Background(), corpus)
	if err != nil {
		b.Fatal(err)
	}
	var text int64
	for b.Loop() {
		for i := range runs {
			text = 0
			began := cpuTime(b)
			for _, sh := range found.shards {
				runs[i].lane.Begin(sh.Name, nil)
				e, err := r.documents(ctx, sh, false, func(row int64, id string, doc []byte) error {
					runs[i].lane.Document(row, id, doc)
					return nil
				})
				if err != nil || e.Error != "" {
					b.Fatal(err, e.Error)
				}
				text += e.TextBytes
			}
			runs[i].least = min(runs[i].least, cpuTime(b)-began)
		}
	}
	for _, run := range runs {
		b.ReportMetric(float64(text)/1e6/run.least.Seconds(), run.name+"-MB/s")
		b.ReportMetric(run.least.Seconds()/runs[0].least.Seconds(), run.name+"-times")
	}
}
