package score

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"swab/ngram/item"
)

// A Curve is the gain of a model at every threshold that a method could have had. An
// item counts as flagged when its contamination is at least the threshold; items that
// the method cannot check never do.
//
// A search over all thresholds finds a gain by chance alone, so PMax is corrected for the
// search: it is the share of permutations of the scores in which the largest |z| of all
// thresholds searched is at least that of this threshold. The permutations are those of the row's
// test: within strata, or, of clusters, each cluster's part in the sum keeps its size and changes
// its sign, and z has the clustered standard error.
type Curve struct {
	Model     string  `json:"model"`
	Benchmark string  `json:"benchmark"`
	Method    string  `json:"method"`
	Points    []Point `json:"points"` // by falling threshold: the share flagged grows
	Searched  int     `json:"searched"`
	Best      *Point  `json:"best"`      // the searched threshold with the largest gain
	LargestZ  *Point  `json:"largest_z"` // that with the largest z, as ConTAM chooses
}

// A Point is a threshold of a curve.
type Point struct {
	Threshold    float64  `json:"threshold"`
	NFlagged     int64    `json:"n_flagged"`
	ShareFlagged float64  `json:"share_flagged"`
	Gain         *float64 `json:"gain"`
	Z            *float64 `json:"z"`
	P            *float64 `json:"p"`     // naive, of z
	PMax         *float64 `json:"p_max"` // nil where the threshold was not searched
}

const (
	// curvePoints is the greatest number of thresholds of a curve. Of more distinct values
	// it has those that split the items with any contamination most evenly.
	curvePoints = 1000
	// minSide is the least number of items on each side of a searched threshold.
	minSide = 10
	// maxShuffled is the number of items that are drawn one by one in a permutation, the most contaminated
	// first; the sums of later groups are drawn from the normal distribution.
	maxShuffled = 1000
)

// groups are the items of a method by falling contamination, in groups between
// neighbouring thresholds. They are the same for all models.
type groups struct {
	group      []int32   // group of each item; len(thresholds): under all thresholds; -1: no verdict
	thresholds []float64 // falling
}

func newGroups(m *Method) *groups {
	g := &groups{group: make([]int32, len(m.States))}
	var values []float64
	for i, v := range m.Contamination {
		if s := m.States[i]; s != item.Missing && s != item.NotCheckable && v > 0 {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	slices.Reverse(values)
	step := 1
	if distinct := len(slices.Compact(slices.Clone(values))); distinct > curvePoints {
		step = 1 + (len(values)-1)/curvePoints
	}
	since := 0
	for at, v := range values {
		since++
		if last := at+1 == len(values); last || values[at+1] != v && since >= step {
			g.thresholds = append(g.thresholds, v)
			since = 0
		}
	}
	for i, v := range m.Contamination {
		switch s := m.States[i]; {
		case s == item.Missing:
			g.group[i] = -1
		case s == item.NotCheckable || !(v > 0):
			g.group[i] = int32(len(g.thresholds))
		default:
			k, _ := slices.BinarySearchFunc(g.thresholds, v, func(t, v float64) int { return cmp.Compare(v, t) })
			g.group[i] = int32(k)
		}
	}
	return g
}

// curve computes the curve of a model's scores.
func (g *groups) curve(in *Input, r *Result, rng *rand.Rand, permutations int) *Curve {
	c := &Curve{Points: []Point{}}
	by := make([]sums, len(g.thresholds)+1)
	var all sums
	for i, x := range r.Scores {
		if k := g.group[i]; k >= 0 && x == x {
			by[k].add(x)
			all.add(x)
		}
	}
	var d sums
	var sizes []int64 // of the groups, as far as thresholds are searched
	searched := make([]int, 0, len(g.thresholds))
	ends := make([]bool, 0, len(g.thresholds)) // a searched threshold ends the group
	for k, t := range g.thresholds {
		d = d.plus(by[k])
		p := Point{Threshold: t, NFlagged: d.n, ShareFlagged: float64(d.n) / float64(all.n)}
		if d.n < all.n {
			p.Gain = pointer(all.mean() - (all.sum-d.sum)/float64(all.n-d.n))
		}
		z := Z(d.sum, d.n, all.sum, all.squares, all.n)
		if p.Z = pointer(z); p.Z != nil {
			p.P = pointer(twoSided(z))
		}
		in := d.n >= minSide && all.n-d.n >= minSide && p.Z != nil && by[k].n > 0
		if in {
			searched = append(searched, k)
		}
		sizes, ends = append(sizes, by[k].n), append(ends, in)
		c.Points = append(c.Points, p)
	}
	c.Searched = len(searched)
	if len(searched) == 0 {
		return c
	}
	last := searched[len(searched)-1] + 1
	var largest []float64
	if in.Cluster != nil || in.Stratum != nil {
		searched, largest = g.dependent(in, r, searched, c.Points, rng, permutations)
		if c.Searched = len(searched); c.Searched == 0 {
			return c
		}
	} else {
		largest = maxima(r.Scores, g.group, all, sizes[:last], ends[:last], rng, permutations)
	}
	slices.Sort(largest)
	for _, k := range searched {
		p := &c.Points[k]
		below, _ := slices.BinarySearch(largest, math.Abs(*p.Z)-1e-9)
		p.PMax = pointer(float64(1+len(largest)-below) / float64(1+len(largest)))
		if c.Best == nil || *p.Gain > *c.Best.Gain {
			c.Best = p
		}
		if c.LargestZ == nil || *p.Z > *c.LargestZ.Z {
			c.LargestZ = p
		}
	}
	best, largestZ := *c.Best, *c.LargestZ
	c.Best, c.LargestZ = &best, &largestZ
	return c
}

// maxima returns for each permutation of the scores the largest |z| over the thresholds
// that end a group.
func maxima(scores []float64, group []int32, all sums, sizes []int64, ends []bool,
	rng *rand.Rand, permutations int) []float64 {
	n := float64(all.n)
	mean := all.mean()
	variance := (all.squares - all.sum*mean) / (n - 1)
	pool := make([]float64, 0, all.n)
	binary := true
	for i, x := range scores {
		if group[i] >= 0 && x == x {
			pool = append(pool, x)
			binary = binary && (x == 0 || x == 1)
		}
	}
	scale := make([]float64, len(sizes)) // 1 / standard deviation of the sum up to a group's end
	d := int64(0)
	for k, size := range sizes {
		d += size
		scale[k] = 1 / math.Sqrt(variance*float64(d)*(n-float64(d))/n)
	}
	largest := make([]float64, permutations)
	for b := range largest {
		sum, taken := 0.0, 0
		left, ones := all.n, int64(all.sum)
		for k, size := range sizes {
			switch {
			case int64(taken)+size > maxShuffled:
				// Given the items before, a group's sum is normal, with the mean of the rest.
				rest := float64(left)
				m := (all.sum - sum) / rest
				sd := math.Sqrt(max(0, variance*float64(size)*(rest-float64(size))/rest))
				sum += float64(size)*m + sd*rng.NormFloat64()
				left -= size
				taken = maxShuffled
			case binary:
				for range size {
					if int64(randomIndex(rng, int(left))) < ones {
						ones--
						sum++
					}
					left--
				}
				taken += int(size)
			default:
				for range size {
					at := taken + randomIndex(rng, len(pool)-taken)
					pool[taken], pool[at] = pool[at], pool[taken]
					sum += pool[taken]
					taken++
				}
				left -= size
			}
			d = all.n - left
			if ends[k] {
				largest[b] = max(largest[b], math.Abs(sum-float64(d)*mean)*scale[k])
			}
		}
	}
	return largest
}
