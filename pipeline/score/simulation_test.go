package score

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"swab/ngram/item"
)

// simulations returns how many benchmarks to simulate: few in a short test, n in a long one, and with
// SWAB_SIMULATIONS (make simulations) so many times n.
func simulations(n int) int {
	if testing.Short() {
		return n / 5
	}
	if times, err := strconv.Atoi(os.Getenv("SWAB_SIMULATIONS")); err == nil && times > 0 {
		return n * times
	}
	return n
}

// simulated is a benchmark of a kind of scores, of which the flagged ones score more: binary, graded
// (means of four answers), or binary in clusters of six that are flagged together.
func simulated(rng *rand.Rand, kind string, n int, more float64) *Input {
	in := &Input{}
	in.Name, in.Items = "b", n
	in.Methods = []Method{{Name: "m", States: make([]item.State, n)}}
	in.Results = []Result{{Model: "x", Scores: make([]float64, n)}}
	var p float64
	flagged := false
	for i := range n {
		if kind != "clusters" || i%6 == 0 {
			flagged, p = rng.Float64() < 0.3, 0.5
			if kind == "clusters" {
				p = 0.3 + 0.4*rng.Float64()
			}
			if flagged {
				p += more
			}
		}
		if kind == "clusters" {
			in.Cluster = append(in.Cluster, int32(i/6))
		}
		in.Methods[0].States[i] = item.Clean
		if flagged {
			in.Methods[0].States[i] = item.Flagged
		}
		answers := 1
		if kind == "graded" {
			answers = 4
		}
		for range answers {
			in.Results[0].Scores[i] += float64(int(p+rng.Float64())) / float64(answers)
		}
	}
	return in
}

// What a row promises, by the row itself: its p-value is below 5 % in at most 6 % of benchmarks without
// contamination, its interval holds the truth in 94 to 97 %, and a gain of the printed smallest
// detectable one is found in 75 to 85 %. Margins are two standard errors of the simulation.
func TestPromises(t *testing.T) {
	for _, tt := range []struct {
		kind string
		n    int
	}{{"binary", 150}, {"graded", 150}, {"clusters", 360}} {
		n := simulations(500)
		rng := rand.New(rand.NewPCG(11, 12))
		row := func(more float64, seed int) Row {
			in := simulated(rng, tt.kind, tt.n, more)
			table, err := Compute(t.Context(), []Input{*in}, Options{Permutations: 399, Resamples: 399, Seed: uint64(seed)})
			if err != nil {
				t.Fatal(err)
			}
			return table.Rows[0]
		}
		found, covered, mde := 0.0, 0.0, 0.0
		for k := range n {
			r := row(0, k)
			if *r.P <= alpha {
				found++
			}
			if *r.GainLow <= 0 && 0 <= *r.GainHigh {
				covered++
			}
			mde += *r.MDE / *r.ShareFlagged / float64(n)
		}
		detected := 0.0
		for k := range n {
			if r := row(mde, k); *r.P <= alpha {
				detected++
			}
		}
		all := float64(n)
		t.Logf("%s, %d items, %d simulations: rejected %.3f, covered %.3f, a difference of %.3f detected %.3f",
			tt.kind, tt.n, n, found/all, covered/all, mde, detected/all)
		margin := func(p float64) float64 { return 2 * math.Sqrt(p*(1-p)/all) }
		if found/all > 0.06+margin(0.06) {
			t.Errorf("%s: %.3f rejected without contamination", tt.kind, found/all)
		}
		if c := covered / all; c < 0.94-margin(0.94) || c > 0.97+margin(0.97) {
			t.Errorf("%s: %.3f of intervals hold the truth", tt.kind, c)
		}
		if d := detected / all; d < 0.75-margin(0.75) || d > 0.85+margin(0.85) {
			t.Errorf("%s: the smallest detectable difference, %.3f, is detected in %.3f", tt.kind, mde, d)
		}
	}
}
