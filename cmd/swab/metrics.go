package main

import (
	"time"

	"swab/ngram/item"
	"swab/pipeline"
	"swab/pipeline/audit"
	"swab/pipeline/metrics"
)

// auditMetrics writes the figures of a run that made an audit, if a file is named.
func auditMetrics(path string, s *pipeline.Summary, o pipeline.Options, filter bool, took time.Duration) error {
	if path == "" {
		return nil
	}
	t := s.Audit.Totals
	r := metrics.Run{
		Out: o.Out, ReadBytes: o.Progress.Text.Load(), Shards: t.Shards, ShardsFailed: t.ShardsFailed, Skipped: t.Skipped,
		Complete: s.Audit.Complete, Took: took, End: time.Now(),
	}
	found := item.Flagged
	if filter {
		found = item.Suspected
	}
	for _, row := range s.Rows {
		for _, c := range []struct {
			state audit.State
			n     int64
		}{{found, row.Flagged}, {item.Clean, row.Clean}, {item.NotCheckable, row.NotCheckable}} {
			r.Items = append(r.Items,
				metrics.Items{Benchmark: row.Benchmark, Method: row.Method, State: c.state.String(), N: c.n})
		}
	}
	return metrics.Write(path, r)
}

// indexMetrics writes the figures of a run that filled a corpus filter.
func indexMetrics(path string, s *pipeline.IndexSummary, o pipeline.IndexOptions, took time.Duration) error {
	if path == "" {
		return nil
	}
	skipped := map[string]int64{}
	for _, sh := range s.Index.Shards {
		for kind, n := range sh.Skipped {
			skipped[kind] += n
		}
	}
	return metrics.Write(path, metrics.Run{
		Out: o.Out, ReadBytes: o.Progress.Text.Load(),
		Shards: int64(len(s.Index.Shards) + len(s.Failed)), ShardsFailed: int64(len(s.Failed)), Skipped: skipped,
		Complete: s.Complete(), Took: took, End: time.Now(),
	})
}
