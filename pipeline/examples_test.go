package pipeline

import (
	"slices"
	"testing"

	"swab/pipeline/audit"
	"swab/pipeline/report"
)

// TestExamplesBeginWithWholeItems: an item that is there whole is shown before a longer one of
// which half is missing, and one of which more is missing last, whichever benchmark it is of.
func TestExamplesBeginWithWholeItems(t *testing.T) {
	hit := func(bench string, row int64, words int64, share float64) report.Hit {
		e := audit.Evidence{Benchmark: bench, Split: "test", Item: bench, Shard: "a", Row: row, Words: words, Norm: "plain"}
		return report.Hit{Evidence: e, Share: share}
	}
	hits := []report.Hit{hit("part", 0, 68, 0.39), hit("half", 1, 40, 0.5), hit("whole", 2, 18, 1), hit("ngrams", 3, 13, 0)}
	for range len(hits) {
		p := &publication{}
		for _, h := range hits {
			p.offerHit(h)
		}
		var shown []string
		for _, h := range p.strongestHits() {
			shown = append(shown, h.Benchmark)
		}
		if want := []string{"whole", "ngrams", "half"}; !slices.Equal(shown, want) {
			t.Errorf("shown %v, want %v", shown, want)
		}
		hits = append(hits[1:], hits[0])
	}
}
