package score

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// z95 is the normal quantile of a two-sided 95 % interval, z80 that of 80 % power.
const (
	z95 = 1.959963984540054
	z80 = 0.8416212335729143
)

// Wilson returns the 95 % score interval of the share k of n, which is at least 1.
// Wilson 1927.
func Wilson(k, n int64) (low, high float64) { return wilson(float64(k)/float64(n), float64(n)) }

func wilson(p, n float64) (low, high float64) {
	scale := 1 + z95*z95/n
	mid := (p + z95*z95/(2*n)) / scale
	half := z95 / scale * math.Sqrt(p*(1-p)/n+z95*z95/(4*n*n))
	low, high = mid-half, mid+half
	if p == 0 {
		low = 0
	}
	if p == 1 {
		high = 1
	}
	return low, high
}

// Newcombe returns the 95 % interval of ka/a − kb/b for independent shares: square-and-add
// of Wilson's intervals. Newcombe 1998, method 10.
func Newcombe(ka, a, kb, b int64) (low, high float64) {
	return newcombe(float64(ka)/float64(a), float64(a), float64(kb)/float64(b), float64(b))
}

func newcombe(pa, a, pb, b float64) (low, high float64) {
	la, ua := wilson(pa, a)
	lb, ub := wilson(pb, b)
	d := pa - pb
	return d - math.Hypot(pa-la, ub-pb), d + math.Hypot(ua-pa, pb-lb)
}

// Fisher returns the exact two-sided p-value of ka/a against kb/b: the probability, with
// fixed margins, of tables no more probable than this one. Probabilities within a factor of
// 1+1e-7 count as equal, since they are compared in floating point. The number of steps is
// that of the tables whose probability is not negligible.
func Fisher(ka, a, kb, b int64) float64 {
	k := ka + kb
	low, high := max(0, k-b), min(a, k)
	log := func(x int64) float64 { return logChoose(a, x) + logChoose(b, k-x) }
	limit := log(ka) + 1e-7
	all := logChoose(a+b, k)
	mode := min(max(int64(float64(a+1)*float64(k+1)/float64(a+b+2)), low), high)
	for mode < high && log(mode+1) > log(mode) {
		mode++
	}
	for mode > low && log(mode-1) > log(mode) {
		mode--
	}
	// Probabilities rise up to the mode and fall after it.
	sum := 0.0
	left := sort.Search(int(mode-low+1), func(i int) bool { return log(low+int64(i)) > limit })
	for x := low + int64(left) - 1; x >= low; x-- {
		term := math.Exp(log(x) - all)
		if sum += term; term < sum*1e-17 {
			break
		}
	}
	right := sort.Search(int(high-mode), func(i int) bool { return log(high-int64(i)) > limit })
	for x := high - int64(right) + 1; x <= high; x++ {
		term := math.Exp(log(x) - all)
		if sum += term; term < sum*1e-17 {
			break
		}
	}
	return min(sum, 1)
}

func logChoose(n, k int64) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// Z returns the z of the flagged items' sum of scores, from the sum and the sum of squares
// of all n scores: under the null hypothesis the d flagged items are drawn from the n
// without replacement. For binary scores it is the hypergeometric z. That of the clean
// items is its negative. It is NaN when all scores are equal or one side is empty.
func Z(flagged float64, d int64, sum, squares float64, n int64) float64 {
	mean := sum / float64(n)
	variance := (squares - sum*mean) / float64(n-1)
	if d == 0 || d == n || variance <= 1e-12*squares/float64(n) {
		return math.NaN()
	}
	return (flagged - float64(d)*mean) / math.Sqrt(variance*float64(d)*float64(n-d)/float64(n))
}

// LlamaZ returns the z of a part's mean as in Llama 2 (appendix A.6): as if its d items
// were drawn with replacement, with mean and variance of all n. It is closer to 0 than Z.
func LlamaZ(part float64, d int64, sum, squares float64, n int64) float64 {
	mean := sum / float64(n)
	variance := squares/float64(n) - mean*mean
	if d == 0 || variance <= 1e-12*squares/float64(n) {
		return math.NaN()
	}
	return (part/float64(d) - mean) / math.Sqrt(variance/float64(d))
}

// MDE returns the smallest difference between the means of d and c items that a two-sided
// test at 5 % detects with a power of 80 %, when single scores have the given variance.
func MDE(variance float64, d, c int64) float64 {
	return (z95 + z80) * math.Sqrt(variance*(1/float64(d)+1/float64(c)))
}

// ImpliedFlagged returns the score that the flagged items, a share w of all, must have had
// if all and clean are scores of one set of results. If it is outside the range of scores,
// they are not.
func ImpliedFlagged(all, clean, w float64) float64 { return (all - (1-w)*clean) / w }

// LowerScore is the lower of the two scores, the full one where there is no clean one: what
// GPT-4's table 1 prints.
func LowerScore(all float64, clean *float64) float64 {
	if clean == nil {
		return all
	}
	return min(all, *clean)
}

// RelativeChange is the change from all to clean as a share of all: what GPT-4's table 10
// prints as degradation, with the other sign than its caption has. Symmetric is the
// change as a share of the mean of both, which fits all of GPT-3's table C.1. Both are
// NaN where the denominator is 0.
func RelativeChange(all, clean float64) float64 { return ratio(clean-all, all) }

// SymmetricChange is described at Relative.
func SymmetricChange(all, clean float64) float64 { return ratio(2*(clean-all), clean+all) }

func ratio(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

// Holm adjusts p-values to control the family-wise error rate. NaN means no test, and is
// kept. Holm 1979.
func Holm(p []float64) []float64 {
	order, m := sortedByP(p)
	out := slices.Clone(p)
	largest := 0.0
	for rank, i := range order {
		largest = max(largest, min(1, float64(m-rank)*p[i]))
		out[i] = largest
	}
	return out
}

// BenjaminiHochberg adjusts p-values to control the false discovery rate. NaN means no
// test, and is kept. Benjamini and Hochberg 1995.
func BenjaminiHochberg(p []float64) []float64 {
	order, m := sortedByP(p)
	out := slices.Clone(p)
	least := 1.0
	for rank := m - 1; rank >= 0; rank-- {
		i := order[rank]
		least = min(least, float64(m)/float64(rank+1)*p[i])
		out[i] = least
	}
	return out
}

// sortedByP returns the indexes of the p-values that are not NaN, the smallest first.
func sortedByP(p []float64) (order []int, m int) {
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	return order, len(order)
}
