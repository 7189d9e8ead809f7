package report

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"swab/pipeline/audit"

	"github.com/rivo/uniseg"
)

// Explain writes an explanation for a terminal of width columns, as Hits does: a line a
// method with its numbers, then the evidence.
func Explain(w io.Writer, x *audit.Explanation, color bool, width int) error {
	if width < 20 {
		width = 80
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s\n\n", CleanText(x.Benchmark+"/"+x.Split+"/"+x.Item))
	cells := [][]string{{"method", "state", "score", "longest", "matched", "of", "documents", "seen", "template"}}
	for _, v := range x.Verdicts {
		score, template := "-", ""
		if v.Score != nil {
			score = strconv.FormatFloat(*v.Score, 'g', 4, 64)
		}
		if v.Template > 0 {
			template = strconv.FormatFloat(v.Template, 'g', 4, 64)
		}
		cells = append(cells, []string{
			CleanText(v.Method), CleanText(v.State.String()), score,
			Thousands(v.Longest), Thousands(v.Matched), Thousands(v.Words), Thousands(v.Documents),
			CleanText(v.Seen), template,
		})
	}
	widths := make([]int, len(cells[0]))
	for _, line := range cells {
		for i, cell := range line {
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	for _, line := range cells {
		var out strings.Builder
		for i, cell := range line {
			pad := strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell))
			if i > 0 {
				out.WriteString("  ")
			}
			if i == 0 || i == 1 || i == 7 {
				out.WriteString(cell + pad)
			} else {
				out.WriteString(pad + cell)
			}
		}
		fmt.Fprintln(b, strings.TrimRight(out.String(), " "))
	}
	for _, v := range x.Verdicts {
		if len(v.Details) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n%s\n", CleanText(v.Method))
		for _, name := range slices.Sorted(maps.Keys(v.Details)) {
			fmt.Fprintf(b, "  %s: %s\n", CleanText(name), CleanText(fmt.Sprint(v.Details[name])))
		}
	}
	for i := range x.Evidence {
		e := &x.Evidence[i]
		unit := audit.UnitOf(e.Norm)
		if e.Words != 1 {
			unit += "s"
		}
		what := fmt.Sprintf("%s: %s %s, normaliser %s", e.Part, Thousands(e.Words), unit, e.Norm)
		where := fmt.Sprintf("  in %s:%d %s", e.Shard, e.Row, e.DocID)
		fmt.Fprintf(b, "\n%s\n%s\n", Shorten(CleanText(what), width), Shorten(CleanText(where), width))
		for _, line := range quote(&Hit{Evidence: *e}, color, width-2) {
			fmt.Fprintf(b, "  %s\n", line)
		}
	}
	return b.Flush()
}
