package results

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"swab/ngram/item"
	"swab/pipeline/audit"
)

// BenchmarkMillion loads an audit of a million items and five methods, and reads and
// joins the results of ten models on them, as score does. live-MB is what all that
// holds at its end.
func BenchmarkMillion(b *testing.B) {
	const items, methods, models = 1_000_000, 5, 10
	dir := b.TempDir()
	about := &audit.Audit{Complete: true, Benchmarks: []audit.Benchmark{{Name: "made", Items: items}}}
	for m := range methods {
		about.Methods = append(about.Methods, audit.Method{Name: fmt.Sprintf("m%d", m), Version: 1})
	}
	w, err := audit.Create(dir, false)
	must(b, err)
	one, zero := 1., 0.
	for i := range items {
		for m := range methods {
			v := audit.Verdict{Method: about.Methods[m].Name, Benchmark: "made", Split: "test", Item: fmt.Sprintf("made/%07d", i), Index: int64(i), Digest: fmt.Sprintf("%032x", i), State: item.Clean, Score: &zero}
			if i%(7+m) == 0 {
				v.State, v.Score = item.Flagged, &one
			}
			must(b, w.Verdict(&v))
		}
	}
	must(b, w.Close())
	must(b, os.Remove(filepath.Join(dir, "verdicts.jsonl")))
	must(b, audit.Seal(dir, about))
	results := filepath.Join(b.TempDir(), "results")
	must(b, os.Mkdir(results, 0o777))
	for m := range models {
		var rows bytes.Buffer
		for i := range items {
			fmt.Fprintf(&rows, `{"id":"made/%07d","score":%d}`+"\n", i, (i+m)%2)
		}
		must(b, os.WriteFile(filepath.Join(results, fmt.Sprintf("model-%d.jsonl", m)), rows.Bytes(), 0o666))
	}
	for b.Loop() {
		a, err := loadAudit(b, dir, false)
		must(b, err)
		files, err := Read(results, "", Options{})
		must(b, err)
		joins, err := JoinAll(a, files, JoinOptions{})
		must(b, err)
		if len(joins) != models || len(joins[0].Matched) != items {
			b.Fatal("not all joined")
		}
		b.StopTimer()
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		b.ReportMetric(float64(s.HeapAlloc)/1e6, "live-MB")
		b.ReportMetric(float64(s.Sys)/1e6, "sys-MB")
		runtime.KeepAlive(files)
		b.StartTimer()
	}
}
