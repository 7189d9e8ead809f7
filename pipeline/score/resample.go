package score

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// maxDraws is the number of items of a side that are drawn one by one in a resample. The mean of more
// is drawn from the normal distribution, which is indistinguishable by resampling.
const maxDraws = 10_000

// A sample has the scores of flagged and of clean items, or of clusters of both, from which
// the gain is estimated.
type sample struct {
	flagged, clean []float64
	clusters       []cluster // nil: each item is drawn by itself
	strata         []stratum // nil: flags are permuted among all items
}

// A cluster is a set of items that are drawn together, since their scores are correlated.
type cluster struct {
	flagged, clean float64 // sums of scores
	d, c           int64   // numbers of items
}

// A stratum is a subset of the items within which flags are permuted.
type stratum struct{ flagged, clean []float64 }

func (s *sample) counts() (d, c int64) { return int64(len(s.flagged)), int64(len(s.clean)) }

// gain returns all − clean, which is the share flagged times flagged − clean.
func computeGain(flagged float64, d int64, clean float64, c int64) float64 {
	w := float64(d) / float64(d+c)
	if d == 0 {
		return 0
	}
	return w * (flagged/float64(d) - clean/float64(c))
}

// standardError returns the standard error of the gain and the acceleration of its
// distribution, from the influence of each item or cluster.
func (s *sample) standardError() (se, acceleration float64) {
	d, c := s.counts()
	f, g := sumOf(s.flagged), sumOf(s.clean)
	n := float64(d + c)
	all, clean, w := (f+g)/n, g/float64(c), float64(d)/n
	square, cube := 0.0, 0.0
	add := func(psi float64) {
		square += psi * psi
		cube += psi * psi * psi
	}
	k := 0.0
	if s.clusters != nil {
		k = float64(len(s.clusters))
		for _, u := range s.clusters {
			add(u.flagged + u.clean - float64(u.d+u.c)*all - (u.clean-float64(u.c)*clean)/(1-w))
		}
	} else {
		k = n
		for _, x := range s.flagged {
			add(x - all)
		}
		for _, x := range s.clean {
			add(x - all - (x-clean)/(1-w))
		}
	}
	se = math.Sqrt(square) / n * math.Sqrt(k/(k-1))
	if square > 0 {
		acceleration = cube / (6 * math.Pow(square, 1.5))
	}
	return se, acceleration
}

// bootstrapInterval returns the 95 % interval of the gain by the bias-corrected and accelerated
// bootstrap (Efron 1987): items are resampled with their flags, so the number flagged
// varies too, or clusters are. It is NaN when too few resamples have clean items.
func (s *sample) bootstrapInterval(rng *rand.Rand, resamples int) (low, high float64) {
	d, c := s.counts()
	gain := computeGain(sumOf(s.flagged), d, sumOf(s.clean), c)
	var draw func() float64
	if s.clusters == nil {
		n := d + c
		flaggedOf := distuv.Binomial{N: float64(n), P: float64(d) / float64(n), Src: rng}
		from, clean := newSide(s.flagged), newSide(s.clean)
		draw = func() float64 {
			k := int64(flaggedOf.Rand())
			if k == n {
				return math.NaN()
			}
			return computeGain(from.draw(rng, k), k, clean.draw(rng, n-k), n-k)
		}
	} else if len(s.clusters) > 2*maxDraws {
		se, _ := s.standardError()
		return gain - z95*se, gain + z95*se
	} else {
		draw = func() float64 {
			var u cluster
			for range s.clusters {
				v := &s.clusters[randomIndex(rng, len(s.clusters))]
				u.flagged += v.flagged
				u.clean += v.clean
				u.d += v.d
				u.c += v.c
			}
			if u.c == 0 {
				return math.NaN()
			}
			return computeGain(u.flagged, u.d, u.clean, u.c)
		}
	}
	reps := make([]float64, 0, resamples)
	below := 0.0
	const tolerance = 1e-12
	for range resamples {
		v := draw()
		switch {
		case math.IsNaN(v):
			continue
		case v < gain-tolerance:
			below++
		case v <= gain+tolerance:
			below += 0.5
		}
		reps = append(reps, v)
	}
	if len(reps) < resamples/2 {
		return math.NaN(), math.NaN()
	}
	slices.Sort(reps)
	m := float64(len(reps))
	if reps[0] == reps[len(reps)-1] {
		return reps[0], reps[0]
	}
	normal := distuv.UnitNormal
	bias := normal.Quantile(min(max(below/m, 0.5/m), 1-0.5/m))
	_, a := s.standardError()
	at := func(z float64) float64 {
		p := normal.CDF(bias + (bias+z)/(1-a*(bias+z)))
		return reps[min(max(int(p*m), 0), len(reps)-1)]
	}
	return at(-z95), at(z95)
}

// A side is one side of a sample, prepared for drawing.
type side struct {
	scores    []float64
	mean, dev float64
}

func newSide(scores []float64) side {
	n := float64(len(scores))
	m := sumOf(scores) / n
	square := 0.0
	for _, x := range scores {
		square += (x - m) * (x - m)
	}
	return side{scores, m, math.Sqrt(square / n)}
}

// draw returns the sum of k scores drawn with replacement.
func (s *side) draw(rng *rand.Rand, k int64) float64 {
	if k > maxDraws {
		return float64(k)*s.mean + math.Sqrt(float64(k))*s.dev*rng.NormFloat64()
	}
	sum := 0.0
	for range k {
		sum += s.scores[randomIndex(rng, len(s.scores))]
	}
	return sum
}

// randomIndex returns a random number in 0 … n-1. Its bias is n/2^64.
func randomIndex(rng *rand.Rand, n int) int {
	hi, _ := bits.Mul64(rng.Uint64(), uint64(n))
	return int(hi)
}

// permutationTest returns the two-sided p-value of the flagged items' sum of scores when flags
// are permuted within each stratum: (1 + number at least as far from the mean) /
// (1 + permutations). With more than maxDraws/5 items to draw it uses the normal
// distribution with the permutations' exact mean and variance.
func (s *sample) permutationTest(rng *rand.Rand, permutations int) float64 {
	strata := s.strata
	if strata == nil {
		strata = []stratum{{s.flagged, s.clean}}
	}
	type pool struct {
		scores []float64
		k      int // how many are drawn
	}
	var pools []pool
	seen, variance, draws := 0.0, 0.0, 0
	for _, t := range strata {
		d, c := len(t.flagged), len(t.clean)
		if d == 0 || c == 0 {
			continue
		}
		few, sign := t.flagged, 1.0
		if c < d {
			few, sign = t.clean, -1
		}
		all := slices.Concat(t.flagged, t.clean)
		n := float64(d + c)
		m := sumOf(all) / n
		square := 0.0
		for _, x := range all {
			square += (x - m) * (x - m)
		}
		seen += sign * (sumOf(few) - float64(len(few))*m)
		variance += square / (n - 1) * float64(d) * float64(c) / n
		// The smaller side is drawn; its sum is the other's with the opposite sign.
		for i := range all {
			all[i] = sign * (all[i] - m)
		}
		pools = append(pools, pool{all, len(few)})
		draws += len(few)
	}
	if len(pools) == 0 {
		return math.NaN()
	}
	if variance == 0 {
		return 1
	}
	if draws > maxDraws/5 {
		return twoSided(seen / math.Sqrt(variance))
	}
	extreme := math.Abs(seen) - 1e-9*math.Sqrt(variance)
	hits := 0
	for range permutations {
		sum := 0.0
		for _, p := range pools {
			for i := range p.k {
				j := i + randomIndex(rng, len(p.scores)-i)
				p.scores[i], p.scores[j] = p.scores[j], p.scores[i]
				sum += p.scores[i]
			}
		}
		if math.Abs(sum) >= extreme {
			hits++
		}
	}
	return float64(1+hits) / float64(1+permutations)
}

// twoSided returns the two-sided p-value of a normal z.
func twoSided(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// clusterTest returns the two-sided p-value of the gain with clusters. With few of them on a
// side it is that of a t whose variance is pooled over both sides, since so few cannot
// estimate a variance of their own.
func (s *sample) clusterTest() float64 {
	d, c := s.counts()
	f, g := sumOf(s.flagged)/float64(d), sumOf(s.clean)/float64(c)
	k := len(s.clusters)
	se, nu := 0.0, float64(k-1)
	if s.hasFewClusters() {
		w := float64(d) / float64(d+c)
		se, nu = w*math.Sqrt(s.withinVariance(f, g)*(1/float64(d)+1/float64(c))), float64(k-2)
	} else {
		se, _ = s.standardError()
	}
	if !(se > 0) || nu < 1 {
		return math.NaN()
	}
	t := computeGain(sumOf(s.flagged), d, sumOf(s.clean), c) / se
	return 2 * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: nu}.Survival(math.Abs(t))
}

// withinVariance returns the variance of scores around the means f and g of their sides. Divided
// by a number of items it is the variance of their mean, with the correlation within
// clusters included.
func (s *sample) withinVariance(f, g float64) float64 {
	sum, n := 0.0, float64(len(s.flagged)+len(s.clean))
	if s.clusters == nil {
		for _, x := range s.flagged {
			sum += (x - f) * (x - f)
		}
		for _, x := range s.clean {
			sum += (x - g) * (x - g)
		}
		return sum / n
	}
	for _, u := range s.clusters {
		a, b := u.flagged-float64(u.d)*f, u.clean-float64(u.c)*g
		sum += a*a + b*b
	}
	k := float64(len(s.clusters))
	return sum / n * k / (k - 1)
}

// hasFewClusters reports whether too few clusters have flagged items, or clean ones, for the
// bootstrap.
func (s *sample) hasFewClusters() bool {
	flagged, clean := 0, 0
	for _, u := range s.clusters {
		if u.d > 0 {
			flagged++
		}
		if u.c > 0 {
			clean++
		}
	}
	return min(flagged, clean) < minBootstrap
}

// How an interval of the gain was computed.
const (
	byNewcombe         = "newcombe"                   // binary scores
	byEffective        = "newcombe effective"         // graded scores, few on a side
	byBootstrap        = "bca"                        // graded scores
	byClusterEffective = "cluster newcombe effective" // few clusters on a side
	byCluster          = "cluster bca"                // clusters
)

// minBootstrap is the least number of items or clusters on each side for the bootstrap: with
// fewer its intervals are too short (with 10, their coverage is 85 %).
const minBootstrap = 100

// interval returns the 95 % interval of the gain of graded or clustered scores in
// [low, high], and how it was computed; it is NaN if there is none.
func (s *sample) interval(rng *rand.Rand, resamples int, low, high float64) (from, to float64, by string) {
	d, c := s.counts()
	switch {
	case s.clusters != nil && len(s.clusters) < 3:
		return math.NaN(), math.NaN(), ""
	case s.clusters != nil && s.hasFewClusters():
		from, to = s.effectiveInterval(low, high)
		return from, to, byClusterEffective
	case s.clusters != nil:
		from, to = s.bootstrapInterval(rng, resamples)
		return from, to, byCluster
	case min(d, c) >= minBootstrap:
		from, to = s.bootstrapInterval(rng, resamples)
		return from, to, byBootstrap
	}
	from, to = s.effectiveInterval(low, high)
	return from, to, byEffective
}

// effectiveInterval returns the 95 % interval of the gain of scores in [low, high] by
// Newcombe's method, with the effective number of items: that of binary scores with the
// same variance of the mean. For binary scores without clusters it is Newcombe's.
func (s *sample) effectiveInterval(low, high float64) (from, to float64) {
	d, c := s.counts()
	n, width := float64(d+c), high-low
	if width <= 0 {
		return 0, 0
	}
	f, g := sumOf(s.flagged)/float64(d), sumOf(s.clean)/float64(c)
	share := func(m float64) float64 { return min(max((m-low)/width, 0), 1) }
	pf, pg := share(f), share(g)
	binary := (float64(d)*pf*(1-pf) + float64(c)*pg*(1-pg)) / n * width * width
	effect := 1.0
	if binary > 0 {
		effect = max(s.withinVariance(f, g)/binary, 1/n)
	}
	if s.clusters != nil { // the variance is estimated from few clusters
		t := studentT(float64(len(s.clusters)-2)) / z95
		effect *= t * t
	}
	from, to = newcombe(pf, float64(d)/effect, pg, float64(c)/effect)
	w := float64(d) / n * width
	return w * from, w * to
}

func sumOf(scores []float64) float64 {
	sum := 0.0
	for _, x := range scores {
		sum += x
	}
	return sum
}

// studentT returns the t quantile of a two-sided 95 % interval.
func studentT(nu float64) float64 {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: nu}.Quantile(0.975)
}
