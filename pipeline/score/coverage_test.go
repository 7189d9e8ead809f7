package score

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// A world is a distribution of scores that intervals are tried on.
type world struct {
	kind        string // binary, graded (means of four answers), points (graded, range not known), clusters
	n           int
	share       float64 // flagged, on average
	clean, more float64 // mean score of clean items; of flagged items so much more
}

// covered draws a benchmark from the world and says whether the interval of the gain
// holds the true one; ok is false when one side came out empty.
func (w world) covered(rng *rand.Rand, resamples int) (in, ok bool) {
	var s sample
	score := func(p float64) float64 {
		if w.kind == "binary" {
			return float64(int(p + rng.Float64()))
		}
		k, q := 0.0, p+(rng.Float64()-0.5)*min(p, 1-p, 0.3)
		for range 4 {
			k += float64(int(q + rng.Float64()))
		}
		return k / 4
	}
	if w.kind == "clusters" { // of five questions on one text, flagged together
		s.clusters = []cluster{}
		for range w.n / 5 {
			p, u := w.clean, cluster{}
			flagged := rng.Float64() < w.share
			if flagged {
				p += w.more
			}
			p += (rng.Float64() - 0.5) * min(p, 1-p)
			for range 5 {
				if x := float64(int(p + rng.Float64())); flagged {
					s.flagged = append(s.flagged, x)
					u.flagged += x
					u.d++
				} else {
					s.clean = append(s.clean, x)
					u.clean += x
					u.c++
				}
			}
			s.clusters = append(s.clusters, u)
		}
	} else {
		for range w.n {
			if rng.Float64() < w.share {
				s.flagged = append(s.flagged, score(w.clean+w.more))
			} else {
				s.clean = append(s.clean, score(w.clean))
			}
		}
	}
	d, c := s.counts()
	if d < 2 || c < 2 {
		return false, false
	}
	// Newcombe's intervals take the share flagged as it is; the truth is the gain at that
	// share. Of the bootstrap it is the gain at the share on average.
	seen := float64(d) / float64(d+c) * w.more
	truth := w.share * w.more
	var low, high float64
	by := byNewcombe
	switch w.kind {
	case "binary":
		low, high = Newcombe(int64(sumOf(s.flagged)), d, int64(sumOf(s.clean)), c)
		low, high = low*float64(d)/float64(d+c), high*float64(d)/float64(d+c)
	case "points":
		all := slices.Concat(s.flagged, s.clean)
		low, high, by = s.interval(rng, resamples, slices.Min(all), slices.Max(all))
	default:
		low, high, by = s.interval(rng, resamples, 0, 1)
	}
	if by == byNewcombe || by == byEffective || by == byClusterEffective {
		truth = seen
	}
	return low <= truth && truth <= high, true
}

// worlds are what one line of the coverage table is the mean of.
func worlds(kind string, n int, share float64) (all []world) {
	for _, m := range [][2]float64{{0.5, 0}, {0.7, 0}, {0.6, 0.2}, {0.85, 0}} {
		all = append(all, world{kind, n, share, m[0], m[1]})
	}
	return all
}

func coverage(rng *rand.Rand, all []world, runs, resamples int) (mean, lowest, highest float64) {
	lowest = 100
	for _, w := range all {
		in, of := 0.0, 0.0
		for range runs {
			if covered, ok := w.covered(rng, resamples); ok {
				of++
				if covered {
					in++
				}
			}
		}
		c := 100 * in / of
		mean += c / float64(len(all))
		lowest, highest = min(lowest, c), max(highest, c)
	}
	return mean, lowest, highest
}

// BenchmarkCoverage measures how often the 95 % interval of the gain holds the true one,
// in percent: the mean, lowest and highest of four worlds of 10,000 simulated benchmarks
// each (2,000 with the bootstrap). Run it once:
//
//	go test -run '^$' -bench Coverage -benchtime 1x ./pipeline/score
//
//	scores    n     5 %                10 %               25 %               50 % flagged
//	binary    60    95.9 (94.8–96.8)   95.5 (95.2–96.0)   95.1 (94.7–95.7)   95.3 (94.7–95.9)
//	binary    200   95.5 (95.1–95.9)   95.2 (95.0–95.5)   94.9 (94.8–95.1)   95.0 (94.8–95.2)
//	binary    1000  95.1 (94.8–95.5)   95.1 (95.0–95.5)   95.1 (94.9–95.3)   95.0 (94.5–95.3)
//	graded    60    94.9 (94.3–95.7)   94.7 (94.2–95.2)   94.5 (94.2–94.7)   94.3 (93.9–94.6)
//	graded    200   95.1 (94.7–95.4)   94.8 (94.7–95.1)   95.0 (94.7–95.3)   94.8 (94.1–95.3)
//	graded    1000  95.2 (94.9–95.5)   94.8 (94.2–95.1)   94.8 (94.4–95.2)   94.9 (94.5–95.3)
//	points    60    95.0 (94.4–95.9)   94.8 (94.2–95.4)   94.6 (94.2–94.8)   94.2 (93.9–94.6)
//	points    200   95.1 (94.7–95.4)   94.8 (94.7–95.1)   95.0 (94.7–95.3)   94.8 (94.1–95.4)
//	points    1000  95.2 (94.9–95.5)   94.8 (94.2–95.1)   94.8 (94.4–95.2)   94.9 (94.5–95.3)
//	clusters  60    95.6 (94.5–96.4)   95.4 (94.9–95.9)   95.6 (95.3–96.2)   95.3 (94.6–95.8)
//	clusters  200   96.0 (95.4–96.9)   95.7 (94.9–96.5)   95.4 (95.0–95.8)   94.5 (94.1–94.8)
//	clusters  1000  95.3 (94.8–95.9)   95.3 (94.7–95.8)   95.2 (94.9–95.5)   94.8 (94.2–95.4)
func BenchmarkCoverage(b *testing.B) {
	for _, kind := range []string{"binary", "graded", "points", "clusters"} {
		for _, n := range []int{60, 200, 1000} {
			for _, share := range []float64{0.05, 0.1, 0.25, 0.5} {
				b.Run(fmt.Sprintf("scores=%s/n=%d/share=%g", kind, n, share), func(b *testing.B) {
					for b.Loop() {
						runs := 10_000
						if kind != "binary" && float64(n)*share >= minBootstrap || kind == "clusters" {
							runs = 2000
						}
						mean, lowest, highest := coverage(random(uint64(n)), worlds(kind, n, share), runs, 1000)
						b.ReportMetric(mean, "%mean")
						b.ReportMetric(lowest, "%low")
						b.ReportMetric(highest, "%high")
						b.ReportMetric(0, "ns/op")
					}
				})
			}
		}
	}
}

// A short form of BenchmarkCoverage, one case of each kind of interval.
func TestCoverage(t *testing.T) {
	long(t)
	for _, c := range []struct {
		kind  string
		n     int
		share float64
	}{{"binary", 60, 0.1}, {"binary", 200, 0.25}, {"binary", 1000, 0.5}, {"graded", 60, 0.1}, {"graded", 200, 0.25}, {"graded", 1000, 0.25}, {"points", 200, 0.25}, {"clusters", 1000, 0.25}} {
		runs := 2500
		if c.kind != "binary" && float64(c.n)*c.share >= minBootstrap || c.kind == "clusters" {
			runs = 250
		}
		mean, _, _ := coverage(random(20), worlds(c.kind, c.n, c.share), runs, 400)
		if mean < 93 || mean > 97 {
			t.Errorf("%v: the interval holds the truth in %.1f %% of cases", c, mean)
		}
	}
}
