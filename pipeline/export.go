package pipeline

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"swab/pipeline/export"
	"swab/pipeline/report"
	"swab/pipeline/results"
	"swab/pipeline/review"
)

// Export writes what a method kept of an audit's benchmarks for an evaluation harness;
// with reviewed, what readers confirmed is left out and what they rejected is kept.
func Export(ctx context.Context, o export.Options, reviewed bool) (*export.Summary, error) {
	if reviewed {
		o.Follow = func(ctx context.Context, a *results.Audit) ([]string, error) {
			return FollowMarks(ctx, a, "clean variants")
		}
	}
	return export.Write(ctx, o)
}

// FollowMarks replaces what the methods say of an item by what readers say. A confirmed
// item is as contaminated as the most contaminated of its benchmark, so that it counts as
// flagged at every threshold that flags one. It returns what a reader of the following,
// which what names, must know.
func FollowMarks(ctx context.Context, a *results.Audit, what string) (notices []string, err error) {
	marked, stale, err := review.Items(ctx, a.Dir)
	if err != nil {
		return nil, err
	}
	var confirmed, rejected int64
	for _, b := range a.Benchmarks {
		highest := make([]float64, len(a.Verdicts))
		for m := range a.Verdicts {
			for _, s := range a.Verdicts[m].Score[b.First:b.Last] {
				if s > highest[m] { // false for NaN
					highest[m] = s
				}
			}
			highest[m] = cmp.Or(highest[m], 1)
		}
		for k := b.First; k < b.Last && len(marked) > 0; k++ {
			it := &a.Items[k]
			e := marked[review.Place{Benchmark: b.Name, Split: a.Splits[it.Split], Item: it.ID, Digest: hex.EncodeToString(it.Digest[:])}]
			switch e.Mark {
			case review.Confirmed:
				confirmed++
			case review.Rejected:
				rejected++
			default:
				continue
			}
			for m := range a.Verdicts {
				v := &a.Verdicts[m]
				switch {
				case v.State[k] == results.Missing:
				case e.Mark == review.Confirmed:
					v.State[k], v.Score[k] = results.Flagged, highest[m]
				default:
					v.State[k], v.Score[k] = results.Clean, 0
				}
			}
		}
	}
	if confirmed+rejected == 0 {
		notices = append(notices, fmt.Sprintf("no mark fits the evidence of an item, so %s follow the methods; swab review makes marks", what))
	} else {
		notices = append(notices, fmt.Sprintf("%s follow a reader's marks: %s confirmed, %s rejected",
			what, report.Count(confirmed, "item"), report.Count(rejected, "item")))
	}
	if stale > 0 {
		notices = append(notices, report.Count(int64(stale), "mark")+" of items or evidence that the audit no longer has not followed")
	}
	return slices.Clip(notices), nil
}
