//go:build unix

package pipeline

import (
	"context"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"swab/ngram/overlap"
	"swab/pipeline/benchmark"
	"swab/pipeline/internal/realdata"
)

// BenchmarkLoad reads the items of real benchmarks and builds all indexes of them, by one
// method over words, by this program's own and by all over words. cpu-s is what one loading
// takes of all cores, MB what is kept.
func BenchmarkLoad(b *testing.B) {
	presets, err := benchmark.Builtin()
	if err != nil {
		b.Fatal(err)
	}
	dir := filepath.Join(realdata.Dir(b), "benchmarks")
	var specs []benchmark.Spec
	for _, name := range []string{"gsm8k", "mbpp", "humaneval/HumanEval.jsonl.gz", "mmlu/test", "agieval"} {
		specs = append(specs, benchmark.Spec{Path: filepath.Join(dir, name), Name: strings.Split(name, "/")[0]})
	}
	var words []*overlap.Method
	for _, m := range methods(b) {
		if m.Norm == "words" {
			words = append(words, m)
		}
	}
	for _, run := range []struct {
		name    string
		methods []*overlap.Method
	}{{"gpt3", methods(b, "gpt3")}, {"swab", methods(b, "swab")}, {"words", words}, {"both", slices.Concat(methods(b, "swab"), words)}} {
		b.Run(run.name, func(b *testing.B) {
			began := cpuTime(b)
			rounds := 0
			for b.Loop() {
				set, err := Options{Benchmarks: specs, Presets: presets, Methods: run.methods}.load(context.Background())
				if err == nil {
					err = set.Build()
				}
				if err != nil {
					b.Fatal(err)
				}
				rounds++
				if rounds == 1 {
					var m runtime.MemStats
					runtime.GC()
					runtime.ReadMemStats(&m)
					b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB")
					b.ReportMetric(float64(set.Len()), "items")
				}
				runtime.KeepAlive(set)
			}
			b.ReportMetric((cpuTime(b)-began).Seconds()/float64(rounds), "cpu-s")
		})
	}
}
