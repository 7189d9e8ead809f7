package score

import (
	"math"
	"strings"
	"testing"
)

// Published tables, whose numbers of items are known: the difference, its interval and Fisher's p
// as they were computed for METHODS from the tables of GPT-4 and GPT-3, within their rounding.
func TestCountsOfPublishedTables(t *testing.T) {
	none := math.NaN()
	for _, tt := range []struct {
		c             Counts
		low, gain, up float64
		fisher        float64
		tolerance     float64
	}{
		{Counts{Benchmark: "GPT-4 table 10, LSAT", N: 100, NFlagged: 39, All: .76, Clean: .8361, Flagged: .641, Rounding: 5e-5}, -.1434, -.0761, -.0086, .03229, 2e-4},
		{Counts{Benchmark: "GPT-4 table 10, AP English Literature", N: 55, NFlagged: 45, All: .7273, Clean: .6, Flagged: none, Rounding: 5e-5}, -.0953, .1273, .3768, .43389, 2e-4},
		{Counts{Benchmark: "GPT-3 table C.1, PIQA", N: 1838, NFlagged: 526, All: none, Clean: .793, Flagged: .899, Rounding: 5e-4}, .0203, .0305, .0397, 0, 6e-4},
		{Counts{Benchmark: "ConTAM, an example", N: 100, NFlagged: 40, All: .7, Clean: .6, Flagged: .85, Rounding: 5e-5}, .0275, .1, .1597, .00809, 1e-4},
	} {
		r := FromCounts([]Counts{tt.c}).Rows[0]
		near(t, tt.c.Benchmark+" gain", *r.Gain, tt.gain, tt.tolerance)
		near(t, tt.c.Benchmark+" low", *r.GainLow, tt.low, tt.tolerance)
		near(t, tt.c.Benchmark+" high", *r.GainHigh, tt.up, tt.tolerance)
		near(t, tt.c.Benchmark+" Fisher", *r.PFisher, tt.fisher, 2e-5)
		if len(r.Warnings) > 1 || len(r.Warnings) == 1 && !strings.Contains(r.Warnings[0], "clean items") && !strings.Contains(r.Warnings[0], "too few") {
			t.Errorf("%s: %q", tt.c.Benchmark, r.Warnings)
		}
	}
	// Qwen2's table 15: what the flagged items would have scored is impossible for GSM8k.
	for _, tt := range []struct {
		c    Counts
		says string
	}{
		{Counts{N: 1319, NFlagged: 66, All: .895, Clean: .863, Flagged: none, Rounding: 5e-4}, "would have scored"},
		{Counts{N: 100, NFlagged: 50, All: .9, Clean: .5, Flagged: .6, Rounding: 5e-4}, "imply 55.0 %"},
		{Counts{N: 100, NFlagged: 0, All: .9, Clean: .8, Flagged: none, Rounding: 5e-4}, "the scores differ"},
	} {
		if r := FromCounts([]Counts{tt.c}).Rows[0]; !strings.Contains(strings.Join(r.Warnings, ";"), tt.says) {
			t.Errorf("%+v: %q", tt.c, r.Warnings)
		}
	}
}
