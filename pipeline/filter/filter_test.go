package filter

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"swab/ngram"
)

// TestChanceFalls: more hits are never more likely, and a longer item's never less.
func TestChanceFalls(t *testing.T) {
	for _, n := range []int{1, 12, 100, 700} {
		for _, p := range []float64{1e-9, 1e-4, 0.02, 0.5, 0.999} {
			last := 1.0
			for k := range n + 2 {
				got := Chance(k, n, p)
				if !(got >= 0 && got <= last*(1+1e-9)) || got > Chance(k, n+1, p)*(1+1e-9) {
					t.Fatalf("at least %d of %d at %g: %g, after %g", k, n, p, got, last)
				}
				last = got
			}
			if one, want := Chance(1, n, p), -math.Expm1(float64(n)*math.Log1p(-p)); math.Abs(one-want) > 1e-9*want {
				t.Errorf("at least 1 of %d at %g: %g, want %g", n, p, one, want)
			}
		}
	}
}

func TestChanceOfFilterErrors(t *testing.T) {
	for n := range 11 {
		for k := range n + 2 {
			for _, p := range []float64{0, 1e-4, 0.3, 0.9, 1} {
				want := 0.0
				for set := range 1 << n {
					hits, prob := 0, 1.0
					for i := range n {
						if set>>i&1 == 1 {
							hits++
							prob *= p
						} else {
							prob *= 1 - p
						}
					}
					if hits >= k {
						want += prob
					}
				}
				if got := Chance(k, n, p); got < want-1e-12 || got > want+1e-12 {
					t.Errorf("at least %d of %d at %g: %g, want %g", k, n, p, got, want)
				}
			}
		}
	}
}

func TestHyperLogLog(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, n := range []int{100, 10_000, 1_000_000} {
		var h hyperLogLog
		for range n {
			v := rng.Uint64()
			h.add(v)
			h.add(v)
		}
		if got := h.count() / float64(n); got < 0.97 || got > 1.03 {
			t.Errorf("%d hashes: counted %.3f of them", n, got)
		}
	}
}

// TestHyperLogLogOfGrams counts n-grams whose hashes hang together: those of counted
// words, and of few words that come back.
func TestHyperLogLogOfGrams(t *testing.T) {
	for _, n := range []int{1000, 40_000, 50_000, 1_000_000} {
		var counted, mixed hyperLogLog
		var words, few []uint64
		for i := range n + 7 {
			words = append(words, ngram.HashWord(fmt.Append(nil, i)))
			few = append(few, words[(i*i+i/7)%1000%len(words)])
		}
		distinct := map[uint64]bool{}
		for i := range n {
			counted.add(ngram.HashGram(words[i : i+8]))
			g := ngram.HashGram(few[i : i+8])
			mixed.add(g)
			distinct[g] = true
		}
		for what, share := range map[string]float64{"counted words": counted.count() / float64(n), "few words": mixed.count() / float64(len(distinct))} {
			if share < 0.97 || share > 1.03 {
				t.Errorf("%d n-grams of %s: counted %.3f of them", n, what, share)
			}
		}
	}
}
