package score

import (
	"fmt"
	"math"

	"swab/pipeline/report"
)

// Counts is a row of a published table: numbers of items, and two or three of the scores on all, clean
// and flagged items, as shares; NaN where there is none. Rounding is how far a score may be from
// what it was before it was rounded.
type Counts struct {
	Model, Benchmark    string
	N, NFlagged         int64
	All, Clean, Flagged float64
	Rounding            float64
}

// FromCounts returns a table of rows of published scores, which are taken as of right and wrong
// items: interval, p-value and smallest detectable gain are those of the nearest whole numbers
// of right items. A warning says where no such numbers exist.
func FromCounts(list []Counts) *Table {
	t := &Table{
		Version: 1, Rows: []Row{}, Curves: []Curve{}, Joins: []Joined{}, Joining: []string{}, Warnings: []string{},
	}
	for i := range list {
		t.Rows = append(t.Rows, *list[i].row())
	}
	t.adjust()
	return t
}

// published is the method of rows of a published table.
const published = "published"

// row computes the row of a published score.
func (c *Counts) row() *Row {
	r := &Row{
		Model: c.Model, Benchmark: c.Benchmark, Method: published, Metric: "given", unit: true,
		NAll: c.N, NFlagged: c.NFlagged, NClean: c.N - c.NFlagged, Warnings: []string{},
	}
	d, n := float64(c.NFlagged), float64(c.N)
	w := d / n
	r.ShareFlagged = pointer(w)
	all, clean, flagged := c.All, c.Clean, c.Flagged
	switch {
	case c.NFlagged == 0:
		clean = firstKnown(clean, all)
		all, flagged = firstKnown(all, clean), math.NaN()
	case r.NClean == 0:
		flagged = firstKnown(flagged, all)
		all, clean = firstKnown(all, flagged), math.NaN()
	default:
		if math.IsNaN(all) {
			all = w*flagged + (1-w)*clean
		}
		if math.IsNaN(clean) {
			clean = (all - w*flagged) / (1 - w)
		}
		if math.IsNaN(flagged) {
			flagged = ImpliedFlagged(all, clean, w)
		}
	}
	r.All, r.Clean, r.Flagged = pointer(all), pointer(clean), pointer(flagged)
	possible := c.checkPossible(r, all, clean, flagged)
	r.Lower = r.All
	if r.Clean == nil || r.Flagged == nil {
		return r
	}
	r.Lower = pointer(min(all, clean))
	gain := all - clean
	if !math.IsNaN(c.Clean) && !math.IsNaN(c.Flagged) {
		gain = w * (flagged - clean) // which loses less by rounding
	} else if slack := c.Rounding * (2 - w) / w; slack > 0.05 {
		r.Warnings = append(r.Warnings, fmt.Sprintf(
			"rounding of all and clean alone moves the flagged items' score by ±%.0f points", 100*slack))
	}
	r.Gain, r.Relative = &gain, pointer(RelativeChange(all, clean))
	r.Symmetric = pointer(SymmetricChange(all, clean))
	if !possible {
		return r // neither interval nor test is of such numbers
	}
	kd, kc := nearestCount(flagged, c.NFlagged), nearestCount(clean, r.NClean)
	l, h := Newcombe(kd, c.NFlagged, kc, r.NClean)
	r.GainLow, r.GainHigh, r.Interval = pointer(w*l), pointer(w*h), byNewcombe
	r.P, r.Test = pointer(MidP(kd, c.NFlagged, kc, r.NClean)), "mid-p"
	r.PFisher = pointer(Fisher(kd, c.NFlagged, kc, r.NClean))
	r.Z = pointer(Z(float64(kd), c.NFlagged, float64(kd+kc), float64(kd+kc), c.N))
	r.ZLlamaClean = pointer(LlamaZ(float64(kc), r.NClean, float64(kd+kc), float64(kd+kc), c.N))
	r.ZLlamaFlagged = pointer(LlamaZ(float64(kd), c.NFlagged, float64(kd+kc), float64(kd+kc), c.N))
	if r.MDE = pointer(w * MinimumGain(float64(kc)/float64(r.NClean), c.NFlagged, r.NClean)); r.MDE == nil {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%s flagged and %s clean: too few to detect even the largest gain",
			report.Count(c.NFlagged, "item"), report.Thousands(r.NClean)))
	}
	r.fillDifferenceOfSides()
	if r.NClean < FewClean {
		r.Warnings = append(r.Warnings, fmt.Sprintf("only %s: their score is noise", report.Count(r.NClean, "clean item")))
	}
	return r
}

// checkPossible reports whether the scores can be of one set of results, up to their rounding, and
// warns if not.
func (c *Counts) checkPossible(r *Row, all, clean, flagged float64) (possible bool) {
	w := float64(c.NFlagged) / float64(c.N)
	if r.Flagged == nil || r.Clean == nil {
		if given := [2]float64{c.All, firstKnown(c.Clean, c.Flagged)}; math.Abs(given[0]-given[1]) > 2*c.Rounding {
			r.Warnings = append(r.Warnings, "all items are of one kind, but the scores differ: they are not of the same results")
			return false
		}
		return true
	}
	known := !math.IsNaN(c.All) && !math.IsNaN(c.Clean) && !math.IsNaN(c.Flagged)
	slack := c.Rounding * (2 - w) / w // of an implied flagged score
	switch {
	case known && math.Abs(w*flagged+(1-w)*clean-all) > 2*c.Rounding+1e-9:
		r.Warnings = append(r.Warnings, fmt.Sprintf("all is %.1f %%, where clean and flagged imply %.1f %%: "+
			"they are not of one set of results", 100*all, 100*(w*flagged+(1-w)*clean)))
	case flagged < -slack-1e-9 || flagged > 1+slack+1e-9:
		r.Warnings = append(r.Warnings, fmt.Sprintf("the flagged items would have scored %.1f %%: "+
			"all and clean are not of one set of results", 100*flagged))
	default:
		return true
	}
	return false
}

// nearestCount returns the number of right items nearest to a share of n.
func nearestCount(share float64, n int64) int64 {
	return min(max(int64(math.Round(share*float64(n))), 0), n)
}

func firstKnown(a, b float64) float64 {
	if math.IsNaN(a) {
		return b
	}
	return a
}
