package score

import (
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// alpha is the level of tests, power the probability of detection that MDE promises.
const (
	alpha = 0.05
	power = 0.8
)

// MidP returns the two-sided mid-p value of ka/a against kb/b: Fisher's p less half the probability
// of the table itself. Its size at 5 % is .021, with few items, to .052, of Fisher's less, so it says what
// Newcombe's interval says.
func MidP(ka, a, kb, b int64) float64 {
	k := ka + kb
	if max(0, k-b) == min(a, k) {
		return 1 // no other table is possible
	}
	one := math.Exp(logChoose(a, ka) + logChoose(b, k-ka) - logChoose(a+b, k))
	return max(0, Fisher(ka, a, kb, b)-one/2)
}

// exactPower is the greatest number of tables, d times d+c, whose power is computed exactly.
const exactPower = 1 << 19

// MinimumGain returns the smallest difference flagged − clean that the test of binary scores
// detects with the given power where clean items score p; NaN if even a score of 1 on all d
// flagged items is not detected. It is exact for up to 2^19 tables, else by the normal
// distribution.
func MinimumGain(p float64, d, c int64) float64 {
	detect := func(diff float64) float64 { return normalPower(p, p+diff, d, c) }
	if d*(d+c) <= exactPower {
		limits := rejected(d, c)
		detect = func(diff float64) float64 { return limits.power(min(1, p+diff), p, d, c) }
	}
	most := 1 - p
	if d == 0 || c == 0 || most <= 0 || detect(most) < power {
		return math.NaN()
	}
	// Power grows with the difference, up to the steps of discrete tables.
	low, high := 0.0, most
	for high-low > 1e-5 {
		if mid := (low + high) / 2; detect(mid) < power {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// normalPower returns the power of the two-sided test of shares q of d and p of c.
func normalPower(p, q float64, d, c int64) float64 {
	n := 1/float64(d) + 1/float64(c)
	all := (q*float64(d) + p*float64(c)) / float64(d+c)
	null := math.Sqrt(all * (1 - all) * n)
	se := math.Sqrt(q*(1-q)/float64(d) + p*(1-p)/float64(c))
	if se == 0 {
		return 1
	}
	return distuv.UnitNormal.CDF((q - p - z95*null) / se)
}

// A rejection has, for each sum of successes, the numbers of successes of flagged items that mid-p
// rejects: those below low and above high.
type rejection struct{ low, high []int32 }

// rejected returns the rejection region of the mid-p test of d against c items.
func rejected(d, c int64) *rejection {
	n := d + c
	r := &rejection{make([]int32, n+1), make([]int32, n+1)}
	logs := func(m int64) []float64 {
		l := make([]float64, m+1)
		for i := range l {
			l[i] = logChoose(m, int64(i))
		}
		return l
	}
	ofD, ofC, ofN := logs(d), logs(c), logs(n)
	var p, sorted []float64
	for k := range n + 1 {
		low, high := max(0, k-c), min(d, k)
		p = p[:0]
		for x := low; x <= high; x++ {
			p = append(p, math.Exp(ofD[x]+ofC[k-x]-ofN[k]))
		}
		sorted = append(sorted[:0], p...)
		slices.Sort(sorted)
		sums := slices.Clone(sorted)
		for i := 1; i < len(sums); i++ {
			sums[i] += sums[i-1]
		}
		rejects := func(q float64) bool {
			i := sort.SearchFloat64s(sorted, q*(1+1e-7))
			return sums[max(i, 1)-1]-q/2 <= alpha
		}
		from, to := 0, len(p)-1
		for from <= to && rejects(p[from]) {
			from++
		}
		for to >= from && rejects(p[to]) {
			to--
		}
		r.low[k], r.high[k] = int32(low)+int32(from), int32(low)+int32(to)
	}
	return r
}

// power returns the probability that the test rejects, of shares q of d and p of c.
func (r *rejection) power(q, p float64, d, c int64) float64 {
	a, b := binomial(q, d), binomial(p, c)
	sum := 0.0
	for kb, pb := range b {
		if pb < 1e-12 {
			continue
		}
		for ka, pa := range a {
			if k := ka + kb; int32(ka) < r.low[k] || int32(ka) > r.high[k] {
				sum += pa * pb
			}
		}
	}
	return sum
}

// binomial returns the probabilities of 0 to n successes.
func binomial(p float64, n int64) []float64 {
	out := make([]float64, n+1)
	switch p {
	case 0:
		out[0] = 1
		return out
	case 1:
		out[n] = 1
		return out
	}
	for k := range out {
		out[k] = math.Exp(logChoose(n, int64(k)) + float64(k)*math.Log(p) + float64(n-int64(k))*math.Log1p(-p))
	}
	return out
}
