package pipeline

import (
	"testing"

	"swab/pipeline/results"
	"swab/pipeline/score"
)

// States are handed over by number.
func TestStatesAgree(t *testing.T) {
	for a, b := range map[results.State]score.State{
		results.Missing: score.Missing, results.Clean: score.Clean, results.Flagged: score.Flagged,
		results.NotCheckable: score.NotCheckable, results.Suspected: score.Suspected,
	} {
		if score.State(a) != b {
			t.Errorf("%d is %d", a, b)
		}
	}
}
