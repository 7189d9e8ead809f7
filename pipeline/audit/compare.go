package audit

import (
	"encoding/csv"
	"io"
	"strconv"
)

// WriteMethods writes rows as CSV. The column share is flagged/items. The statistic is the
// share of a benchmark's n-grams that were found, and empty for methods that do not report
// it. Flagged is the state of the items that count as flagged, and names their column.
func WriteMethods(w io.Writer, flagged State, rows []Row) error {
	c := csv.NewWriter(w)
	c.Write([]string{"benchmark", "method", "items", flagged.String(), "clean", "not_checkable", "share", "statistic"})
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	share := func(n, all int64) string {
		if all == 0 {
			return ""
		}
		return strconv.FormatFloat(float64(n)/float64(all), 'g', 6, 64)
	}
	for _, r := range rows {
		if r.Review {
			continue
		}
		c.Write([]string{r.Benchmark, r.Method, number(r.Items), number(r.Flagged), number(r.Clean), number(r.NotCheckable),
			share(r.Flagged, r.Items), share(r.Grams[0], r.Grams[1])})
	}
	c.Flush()
	return c.Error()
}

// An Agreement counts the items of a benchmark by the verdicts of two methods.
type Agreement struct {
	Benchmark, Method, Other string
	Both                     int64 // flagged by both
	Only                     int64 // flagged by Method, clean by Other
	OnlyOther                int64 // flagged by Other, clean by Method
	Neither                  int64 // clean by both
	NotCheckable             int64 // by one of them or both
}

// WriteAgreement writes the rows as CSV; disagree is the number of items that one
// method flags and the other calls clean.
func WriteAgreement(w io.Writer, rows []Agreement) error {
	c := csv.NewWriter(w)
	c.Write([]string{
		"benchmark", "method", "other", "both", "only_method", "only_other", "neither", "not_checkable", "disagree",
	})
	for _, r := range rows {
		line := []string{r.Benchmark, r.Method, r.Other}
		for _, n := range []int64{r.Both, r.Only, r.OnlyOther, r.Neither, r.NotCheckable, r.Only + r.OnlyOther} {
			line = append(line, strconv.FormatInt(n, 10))
		}
		c.Write(line)
	}
	c.Flush()
	return c.Error()
}
