package score

import (
	"math"
	"math/rand/v2"
)

// maxClustered bounds the thresholds of a curve that are searched with clusters.
const maxClustered = 200

// dependent sets z and P of searched thresholds where items are in clusters or strata, and returns
// those that have one and the largest |z| of each permutation.
func (g *groups) dependent(
	in *Input, r *Result, searched []int, points []Point, rng *rand.Rand, permutations int,
) (kept []int, largest []float64) {
	if in.Cluster == nil {
		return g.stratified(in, r, searched, points, rng, permutations)
	}
	if step := 1 + (len(searched)-1)/maxClustered; step > 1 {
		for i := 0; i < len(searched); i += step {
			kept = append(kept, searched[i])
		}
		searched, kept = kept, nil
	}
	parts := g.parts(in, r, searched)
	var scaled [][]float64
	for i, k := range searched {
		sum, square := 0.0, 0.0
		for _, u := range parts[i] {
			sum, square = sum+u, square+u*u
		}
		if !(square > 1e-12) {
			continue
		}
		se := math.Sqrt(square)
		for c := range parts[i] {
			parts[i][c] /= se
		}
		points[k].Z, points[k].P = pointer(sum/se), pointer(twoSided(sum/se))
		kept, scaled = append(kept, k), append(scaled, parts[i])
	}
	if len(kept) == 0 {
		return nil, nil
	}
	permutations = max(199, min(permutations, 300_000_000/(len(kept)*len(parts[0]))))
	largest, signs := make([]float64, permutations), make([]float64, len(parts[0]))
	for b := range largest {
		for c := range signs {
			signs[c] = float64(2*int(rng.Uint64()&1) - 1)
		}
		for _, row := range scaled {
			z := 0.0
			for c, u := range row {
				z += signs[c] * u
			}
			largest[b] = max(largest[b], math.Abs(z))
		}
	}
	return kept, largest
}

// parts returns, of each searched threshold, what each cluster adds to the flagged items' sum of
// scores: Σ (f − w)(x − mean), with f 1 of flagged items and w their share.
func (g *groups) parts(in *Input, r *Result, searched []int) [][]float64 {
	var all sums
	number, of := map[int32]int{}, make([]int, len(r.Scores))
	for i, x := range r.Scores {
		if g.group[i] < 0 || x != x {
			continue
		}
		all.add(x)
		k, ok := number[in.Cluster[i]]
		if !ok {
			k = len(number)
			number[in.Cluster[i]] = k
		}
		of[i] = k
	}
	parts, mean := make([][]float64, len(searched)), all.mean()
	for s, k := range searched {
		parts[s] = make([]float64, len(number))
		flagged := 0.0
		for i, x := range r.Scores {
			if at := g.group[i]; at >= 0 && x == x && int(at) <= k {
				flagged++
			}
		}
		w := flagged / float64(all.n)
		for i, x := range r.Scores {
			at := g.group[i]
			if at < 0 || x != x {
				continue
			}
			if f := -w; int(at) <= k {
				parts[s][of[i]] += (1 + f) * (x - mean)
			} else {
				parts[s][of[i]] += f * (x - mean)
			}
		}
	}
	return parts
}

// stratified is dependent for strata: z is of the scores less their stratum's mean, which are
// permuted within it.
func (g *groups) stratified(
	in *Input, r *Result, searched []int, points []Point, rng *rand.Rand, permutations int,
) (kept []int, largest []float64) {
	type pool struct {
		scores []float64
		groups []int32
	}
	number, pools := map[int32]int{}, []pool{}
	for i, x := range r.Scores {
		if g.group[i] < 0 || x != x {
			continue
		}
		k, ok := number[in.Stratum[i]]
		if !ok {
			k = len(pools)
			number[in.Stratum[i]], pools = k, append(pools, pool{})
		}
		pools[k].scores, pools[k].groups = append(pools[k].scores, x), append(pools[k].groups, g.group[i])
	}
	thresholds := len(g.thresholds)
	variance := make([]float64, thresholds)
	items := 0
	for _, p := range pools {
		n, mean, square := float64(len(p.scores)), sumOf(p.scores)/float64(len(p.scores)), 0.0
		count := make([]float64, thresholds)
		for i := range p.scores {
			p.scores[i] -= mean
			square += p.scores[i] * p.scores[i]
			if k := int(p.groups[i]); k < thresholds {
				count[k]++
			}
		}
		items += len(p.scores)
		d := 0.0
		for k := range count {
			if d += count[k]; n > 1 {
				variance[k] += square / (n - 1) * d * (n - d) / n
			}
		}
	}
	sums := make([]float64, thresholds)
	add := func() {
		clear(sums)
		for _, p := range pools {
			for i, k := range p.groups {
				if int(k) < thresholds {
					sums[k] += p.scores[i]
				}
			}
		}
		for k := 1; k < thresholds; k++ {
			sums[k] += sums[k-1]
		}
	}
	add()
	for _, k := range searched {
		if variance[k] > 1e-12 {
			z := sums[k] / math.Sqrt(variance[k])
			points[k].Z, points[k].P = pointer(z), pointer(twoSided(z))
			kept = append(kept, k)
		}
	}
	if len(kept) == 0 {
		return nil, nil
	}
	permutations = max(199, min(permutations, 300_000_000/max(items, 1)))
	largest = make([]float64, permutations)
	for b := range largest {
		for _, p := range pools {
			rng.Shuffle(len(p.scores), func(i, j int) { p.scores[i], p.scores[j] = p.scores[j], p.scores[i] })
		}
		add()
		for _, k := range kept {
			largest[b] = max(largest[b], math.Abs(sums[k])/math.Sqrt(variance[k]))
		}
	}
	return kept, largest
}
