package pipeline

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"
)

// BenchmarkMerge publishes the audit of a plan of 160,000 shards from their results, in 1,600 files:
// 20,000 items, of which 1 in 1,000 is flagged, each in a document of every eighth shard. The
// results are those of 64 real shards, under other names. peak-MB is the most memory that the
// process had at a time, where Linux measures it.
func BenchmarkMerge(b *testing.B) {
	const shards, files, models, flagged = 160_000, 1_600, 64, 20
	dir := b.TempDir()
	rng := rand.New(rand.NewPCG(3, 9))
	words := func(n int) string {
		var all []string
		for range n {
			all = append(all, fmt.Sprintf("w%d", rng.IntN(9000)))
		}
		return strings.Join(all, " ")
	}
	var items []plainItem
	for i := range 20_000 {
		items = append(items, plainItem{ID: fmt.Sprint(i), Question: words(40), Answer: words(3)})
	}
	bench := filepath.Join(dir, "bench.jsonl")
	writeJSONL(b, bench, items)
	for i := range models {
		var rows []row
		for j := range 50 {
			text := words(60)
			if j < 3 { // a phrase of an item
				text += " " + strings.Join(strings.Fields(items[rng.IntN(len(items))].Question)[:8], " ")
			}
			if j < flagged/8 {
				text += " " + items[(i+j*8)%flagged].Question
			}
			rows = append(rows, row{fmt.Sprint(i, j), text})
		}
		writeJSONL(b, filepath.Join(dir, "corpus", fmt.Sprintf("%02d.jsonl", i)), rows)
	}
	o := options(b, dir)
	o.Benchmarks = []benchmark.Spec{{Name: "made", Path: bench, Fields: "question=question,answer=answer,id=id"}}
	o.Corpus, o.Root, o.NoReport, o.Methods = []string{"corpus"}, dir, true, methods(b, "swab", "gpt3")
	plan, err := NewPlan(b.Context(), o, PlanOptions{Tasks: 1})
	if err != nil {
		b.Fatal(err)
	}
	results := filepath.Join(dir, "models")
	names, err := plan.Task(1)
	must(b, err)
	if err := Work(b.Context(), o, WorkOptions{Plan: plan, Shards: names, Dir: results}); err != nil {
		b.Fatal(err)
	}
	many := filepath.Join(dir, "results")
	must(b, os.Mkdir(many, 0o777))
	plan.Shards = nil
	paths := must2(FindResults([]string{results}))(b)
	for file := range files {
		path := filepath.Join(many, fmt.Sprintf("%04d.swabr", file))
		plan.Shards = append(plan.Shards, writeCopies(b, path, paths, file, shards/files)...)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(50)) // as the command does
	for k := 0; b.Loop(); k++ {
		debug.FreeOSMemory()
		os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
		o := o
		o.Out, o.Root = filepath.Join(dir, fmt.Sprint("audit", k)), ""
		sum, err := PublishPlan(b.Context(), o, plan, must2(FindResults([]string{many}))(b))
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range sum.Rows {
			if r.Flagged != flagged {
				b.Fatalf("%s: %d items flagged", r.Method, r.Flagged)
			}
		}
		b.ReportMetric(float64(peakMemory())/1e6, "peak-MB")
	}
}

// writeCopies writes a file of n results: those of the files in paths, under names of their own.
func writeCopies(b *testing.B, to string, paths []string, file, n int) (shards []PlannedShard) {
	var buf bytes.Buffer
	w, err := ledger.NewResultWriter(&buf)
	must(b, err)
	for len(shards) < n {
		for _, path := range paths {
			groups, err := ledger.ReadResults(path)
			must(b, err)
			content, err := os.ReadFile(path)
			must(b, err)
			for _, r := range groups[0].Results {
				if len(shards) == n {
					break
				}
				w.Group(groups[0].Reading, groups[0].Searched)
				for _, s := range r.Sections {
					must(b, w.SectionBytes(s.Of, content[s.At:s.At+s.Size]))
				}
				e := r.Entries[0]
				e.Name = fmt.Sprintf("corpus/%04d/%02d-of-%s", file, len(shards), filepath.Base(e.Name))
				shards = append(shards, PlannedShard{Name: e.Name, Size: e.Size})
				w.End([]ledger.Entry{e}, r.Seen)
			}
		}
	}
	_, err = w.Close()
	must(b, err)
	must(b, os.WriteFile(to, buf.Bytes(), 0o666))
	return shards
}

// peakMemory returns the most resident bytes of this process since they were last reset, or 0.
func peakMemory() (bytes int64) {
	status, _ := os.ReadFile("/proc/self/status")
	if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
		fmt.Sscan(rest, &bytes)
	}
	return bytes << 10
}
