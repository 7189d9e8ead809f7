package score

import (
	"math"
	"math/rand/v2"
)

// A shift has the permutations of flags within strata, of the difference flagged − clean within
// strata, standardised to the flagged items: the mean of the strata's differences, each weighted
// by its number of flagged items. If the flagged scores were higher by delta, the difference of a
// permutation is base − delta·moved, where moved is that of an indicator of the flagged items.
type shift struct {
	observed    float64
	base, moved []float64
	weight      float64 // flagged items in strata that have both
}

// maxShiftDraws bounds the items drawn over all permutations.
const maxShiftDraws = 60_000_000

// shiftWithin draws the permutations; nil if no stratum has both flagged and clean items.
func (s *sample) shiftWithin(rng *rand.Rand, permutations int) *shift {
	type pool struct {
		scores []float64 // the flagged first
		d      int
		order  []int32
	}
	var pools []pool
	out, draws := new(shift), 0
	for _, t := range s.strata {
		d, c := len(t.flagged), len(t.clean)
		if d == 0 || c == 0 {
			continue
		}
		p := pool{append(append([]float64{}, t.flagged...), t.clean...), d, make([]int32, d+c)}
		for i := range p.order {
			p.order[i] = int32(i)
		}
		pools = append(pools, p)
		out.weight += float64(d)
		out.observed += float64(d) * (sumOf(t.flagged)/float64(d) - sumOf(t.clean)/float64(c))
		draws += d
	}
	if len(pools) == 0 {
		return nil
	}
	out.observed /= out.weight
	permutations = max(199, min(permutations, maxShiftDraws/draws))
	for range permutations {
		base, moved := 0.0, 0.0
		for i := range pools {
			p := &pools[i]
			n := len(p.scores)
			sum, were := 0.0, 0.0
			for k := range p.d {
				j := k + randomIndex(rng, n-k)
				p.order[k], p.order[j] = p.order[j], p.order[k]
				at := p.order[k]
				sum += p.scores[at]
				if int(at) < p.d {
					were++
				}
			}
			d, c := float64(p.d), float64(n-p.d)
			base += d * (sum/d - (sumOf(p.scores)-sum)/c)
			moved += d * (were/d - (d-were)/c)
		}
		out.base, out.moved = append(out.base, base/out.weight), append(out.moved, moved/out.weight)
	}
	return out
}

// pValue returns the two-sided p-value of a difference of delta.
func (s *shift) pValue(delta float64) float64 {
	extreme := math.Abs(s.observed-delta) - 1e-9
	hits := 0
	for i, b := range s.base {
		if math.Abs(b-delta*s.moved[i]) >= extreme {
			hits++
		}
	}
	return float64(1+hits) / float64(1+len(s.base))
}

// interval returns the differences that the test does not reject at 5 %, of scores that differ by
// at most width. It leaves out 0 exactly if the test of no difference rejects.
func (s *shift) interval(width float64) (low, high float64) {
	bound := func(sign float64) float64 {
		inside, outside := s.observed, s.observed+sign*2*width
		if s.pValue(0) > alpha && (sign < 0) == (s.observed > 0) {
			inside = 0 // not rejected, so that rounding does not move the bound over it
		} else if s.pValue(0) <= alpha && (sign < 0) == (s.observed > 0) {
			outside = 0
		}
		for range 40 {
			if mid := (inside + outside) / 2; s.pValue(mid) > alpha {
				inside = mid
			} else {
				outside = mid
			}
		}
		return inside
	}
	return bound(-1), bound(1)
}
