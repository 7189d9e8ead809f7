package score

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"swab/pipeline/ledger"
	"swab/pipeline/report"

	"github.com/rivo/uniseg"
)

// Formats returns the formats of Write.
func Formats() []string { return []string{"table", "csv", "json", "markdown", "latex"} }

// Write writes the table in a format: table for a terminal of width columns (100 if 0),
// markdown for a model card, latex for a paper (package booktabs), csv and json with
// full precision. JSON alone has curves.
func (t *Table) Write(w io.Writer, format string, width int) error {
	b := bufio.NewWriter(w)
	var err error
	switch format {
	case "table":
		t.writeText(b, width)
	case "csv":
		err = t.writeCSV(b)
	case "json":
		err = ledger.WriteObject(b, t)
	case "markdown":
		t.writeMarkdown(b)
	case "latex":
		t.writeLaTeX(b)
	default:
		err = fmt.Errorf("unknown format %q: there are %s", format, strings.Join(Formats(), ", "))
	}
	if err != nil {
		return err
	}
	return b.Flush()
}

// writeText writes the table for a terminal: rows in groups, with a heading and the warnings
// of each group.
func (t *Table) writeText(w *bufio.Writer, width int) {
	if width < 40 {
		width = 100
	}
	groups, order := map[string][]*Row{}, []string{}
	subjects := slices.ContainsFunc(t.Rows, func(r Row) bool { return r.Subject != "" || r.Method == published })
	for i := range t.Rows {
		r := &t.Rows[i]
		key := fmt.Sprintf("%q %q %d %d %d", r.Benchmark, r.Method, r.NAll, r.NFlagged, r.NNotCheckable)
		if subjects {
			key = fmt.Sprintf("%q %q %q", r.Benchmark, r.Method, r.Model)
		}
		if r.Method == published {
			key = r.Model
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], r)
	}
	for _, key := range order {
		writeGroup(w, groups[key], subjects, width)
	}
	t.writeCurveText(w, width)
	t.writeSubsetsText(w, width)
	t.writeMacroText(w)
	t.writeExamText(w, width)
	for _, text := range t.Joining {
		writeWrapped(w, "", report.CleanText(text), width)
	}
	for _, text := range t.Warnings {
		writeWrapped(w, "! ", report.CleanText(text), width)
	}
	if len(t.Rows) > 0 {
		writeWrapped(w, "", fmt.Sprintf("gain: estimated gain, all − clean, in points. "+
			"f − c: flagged − clean. p: two-sided, that flagged items score like the others; Holm: adjusted for %s. "+
			"mde: smallest gain detected with a power of 80 %%. lower: the lower of all and clean.",
			report.Count(int64(t.Tests), "test")), width)
	}
}

// writeGroup writes rows of one benchmark and method: models on the same items, or the
// subjects of one model.
func writeGroup(w *bufio.Writer, rows []*Row, subjects bool, width int) {
	clean := report.CleanText
	r := rows[0]
	head := fmt.Sprintf("%s, %s: %s scored, %s flagged (%s), %s clean", r.Benchmark, r.Method,
		report.Count(r.NAll, "item"), report.Thousands(r.NFlagged), formatPercent(r.ShareFlagged), report.Thousands(r.NClean))
	if r.NNotCheckable > 0 {
		head += fmt.Sprintf(", %s of them not checkable", report.Thousands(r.NNotCheckable))
	}
	columns := []string{"model", "all", "clean", "flagged", "gain [95 %]", "f − c [95 %]", "mde", "p", "Holm", "lower"}
	if subjects {
		head = fmt.Sprintf("%s, %s, %s", r.Benchmark, r.Method, r.Model)
		columns = []string{"subject", "items", "flagged", "all", "clean", "gain [95 %]", "mde", "p", "Holm", "lower"}
	}
	if r.Method == published {
		head, columns[0] = strings.Trim(published+", "+r.Model, ", "), "benchmark"
	}
	fmt.Fprintln(w, report.Shorten(clean(head), width))
	cells := [][]string{columns}
	within := [][]string{{"model", "gain within strata [95 %]", "p"}}
	did := [][]string{{"model", "items", "gain − reference's [95 %]", "p"}}
	reference := ""
	var notes []note
	for _, r := range rows {
		name := r.nameAmong(rows, subjects)
		cells = append(cells, append([]string{clean(name)}, r.textCells(subjects)...))
		if r.Within != nil {
			within = append(within, []string{clean(name), r.formatGain(r.Within, r.WithinLow, r.WithinHigh), formatP(r.P)})
		}
		if r.Reference != "" {
			reference = r.Reference
			did = append(did, []string{clean(name), report.Thousands(r.DiDItems),
				r.formatGain(r.DiD, r.DiDLow, r.DiDHigh), formatP(r.DiDP)})
		}
		notes = addNotes(notes, r.Warnings, name)
	}
	writeCells(w, cells, width, 1)
	if len(within) > 1 {
		writeCells(w, within, width, 1)
	}
	if len(did) > 1 {
		fmt.Fprintln(w, report.Shorten(clean("against "+reference), width))
		writeCells(w, did, width, 1)
	}
	for _, n := range notes {
		text := n.text
		if len(rows) > 1 {
			text = n.names + ": " + text
		}
		writeWrapped(w, "! ", clean(text), width)
	}
	fmt.Fprintln(w)
}

// nameAmong returns the row's name in a group: the subject, or the model, with the metric if
// the model has rows of several.
func (r *Row) nameAmong(rows []*Row, subjects bool) string {
	if r.Method == published {
		return r.Benchmark
	}
	if subjects {
		if r.Subject == "" {
			return "all"
		}
		return r.Subject
	}
	if slices.ContainsFunc(rows, func(q *Row) bool { return q != r && q.Model == r.Model && q.Metric != r.Metric }) {
		return r.Model + " " + r.Metric
	}
	return r.Model
}

// textCells returns the cells of a row in writeGroup, after its name.
func (r *Row) textCells(subjects bool) []string {
	gain := r.formatGain(r.Gain, r.GainLow, r.GainHigh)
	if subjects {
		return []string{
			report.Thousands(r.NAll), report.Thousands(r.NFlagged), r.formatScore(r.All), r.formatScore(r.Clean), gain,
			r.formatSmallScore(r.MDE), formatP(r.P), formatP(r.PHolm), r.formatScore(r.Lower),
		}
	}
	return []string{
		r.formatScore(r.All), r.formatScore(r.Clean), r.formatScore(r.Flagged), gain,
		r.formatGain(r.Diff, r.DiffLow, r.DiffHigh), r.formatSmallScore(r.MDE),
		formatP(r.P), formatP(r.PHolm), r.formatScore(r.Lower),
	}
}

// A note is a warning and the names of the rows that have it.
type note struct{ text, names string }

func addNotes(notes []note, warnings []string, name string) []note {
	for _, text := range warnings {
		at := slices.IndexFunc(notes, func(n note) bool { return n.text == text })
		if at < 0 {
			notes = append(notes, note{text, name})
		} else {
			notes[at].names += ", " + name
		}
	}
	return notes
}

func (t *Table) writeCurveText(w *bufio.Writer, width int) {
	cells := [][]string{{
		"model", "benchmark", "method", "largest", "threshold", "flagged", "gain", "p naive", "p searched", "thresholds",
	}}
	for i := range t.Curves {
		c := &t.Curves[i]
		if c.Best == nil || c.Searched < 2 {
			continue
		}
		unit := slices.ContainsFunc(t.Rows, func(r Row) bool {
			return r.Model == c.Model && r.Benchmark == c.Benchmark && r.Method == c.Method && r.unit
		})
		r := Row{unit: unit}
		for rule, p := range []*Point{c.Best, c.LargestZ} {
			cells = append(cells, []string{
				report.CleanText(c.Model), report.CleanText(c.Benchmark), report.CleanText(c.Method),
				[]string{"gain", "z"}[rule], strconv.FormatFloat(p.Threshold, 'g', 3, 64), formatPercent(&p.ShareFlagged),
				r.formatGain(p.Gain, nil, nil), formatP(p.P), formatP(p.PMax), fmt.Sprint(c.Searched),
			})
		}
	}
	if len(cells) > 1 {
		writeCells(w, cells, width, 4)
		writeWrapped(w, "", "threshold of the largest gain, and of the largest z (ConTAM)", width)
		t.writeLlama3(w, width)
		fmt.Fprintln(w)
	}
}

// writeLlama3 writes the thresholds by Llama 3's rule, over several models.
func (t *Table) writeLlama3(w *bufio.Writer, width int) {
	for _, s := range t.Llama3 {
		text := fmt.Sprintf("%s, %s, by Llama 3's rule over %d models: ", s.Benchmark, s.Method, s.Models)
		if s.Threshold == nil {
			text += "no threshold, since no model has a significant gain"
		} else {
			text += fmt.Sprintf("threshold %.3g, by %s", *s.Threshold, s.Model)
		}
		writeWrapped(w, "", report.CleanText(text), width)
	}
}

// writeMacroText writes averages over benchmarks and subjects.
func (t *Table) writeMacroText(w *bufio.Writer) {
	if len(t.Macro) == 0 {
		return
	}
	cells := [][]string{{"average over", "model", "method", "parts", "all", "clean"}}
	for _, m := range t.Macro {
		over := m.Over
		if over != "benchmarks" {
			over = "subjects of " + over
		}
		cells = append(cells, []string{report.CleanText(over), report.CleanText(m.Model), report.CleanText(m.Method),
			fmt.Sprint(m.N), fmt.Sprintf("%.1f", 100**m.All), fmt.Sprintf("%.1f", 100**m.Clean)})
	}
	writeCells(w, cells, 100, 3)
	fmt.Fprintln(w)
}

func (t *Table) writeExamText(w *bufio.Writer, width int) {
	if len(t.Exams) == 0 {
		return
	}
	cells := [][]string{{"exam", "model", "method", "full", "[95 %]", "clean", "[95 %]", "lower", "flagged"}}
	for i := range t.Exams {
		g := &t.Exams[i]
		cells = append(cells, append([]string{
			report.CleanText(g.Exam), report.CleanText(g.Model), report.CleanText(g.Method),
		}, g.cells()...))
	}
	writeCells(w, cells, width, 3)
	fmt.Fprintln(w)
}

// cells returns the scores of a grade, and its contamination.
func (g *Grade) cells() []string {
	return []string{
		Graded(&g.Full, g.FullRange), examInterval(g.FullLow, g.FullHigh),
		Graded(g.Clean, g.CleanRange), examInterval(g.CleanLow, g.CleanHigh), Graded(&g.Lower, g.LowerRange),
		formatPercent(&g.Contamination),
	}
}

func examInterval(low, high *float64) string {
	if low == nil || high == nil {
		return "-"
	}
	return fmt.Sprintf("[%s, %s]", strconv.FormatFloat(*low, 'f', -1, 64), strconv.FormatFloat(*high, 'f', -1, 64))
}

// Graded formats an exam's score with its percentile range, as in "161 (62nd-75th)".
func Graded(score *float64, at *Percentile) string {
	if score == nil {
		return "N/A"
	}
	s := strconv.FormatFloat(*score, 'f', -1, 64)
	switch {
	case at == nil:
	case at.Low == at.High:
		s += fmt.Sprintf(" (~%s)", ordinal(at.Low))
	default:
		s += fmt.Sprintf(" (%s-%s)", ordinal(at.Low), ordinal(at.High))
	}
	return s
}

func ordinal(x float64) string {
	s := strconv.FormatFloat(x, 'f', -1, 64)
	switch n := int(x); {
	case n%100 >= 11 && n%100 <= 13, x != math.Trunc(x):
		return s + "th"
	case n%10 == 1:
		return s + "st"
	case n%10 == 2:
		return s + "nd"
	case n%10 == 3:
		return s + "rd"
	}
	return s + "th"
}

// writeCells writes lines of cells. The first names cells of a line are aligned left, and
// shortened to no less than 8 columns if the line is too wide; the others are numbers, and
// are never shortened.
func writeCells(w *bufio.Writer, cells [][]string, width, names int) {
	const gap = 2
	widths := make([]int, len(cells[0]))
	sum := gap * (len(widths) - 1)
	for _, line := range cells {
		for i, c := range line {
			widths[i] = max(widths[i], uniseg.StringWidth(c))
		}
	}
	for _, n := range widths {
		sum += n
	}
	for sum > width {
		longest := 0
		for i := range names {
			if widths[i] > widths[longest] {
				longest = i
			}
		}
		if widths[longest] <= 8 {
			break
		}
		widths[longest]--
		sum--
	}
	for _, line := range cells {
		var b strings.Builder
		for i, c := range line {
			if i > 0 {
				b.WriteString(strings.Repeat(" ", gap))
			}
			c = report.Shorten(c, widths[i])
			pad := strings.Repeat(" ", widths[i]-uniseg.StringWidth(c))
			if i < names {
				b.WriteString(c + pad)
			} else {
				b.WriteString(pad + c)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// writeWrapped writes clean text in lines of width columns, the first of them after a mark.
func writeWrapped(w *bufio.Writer, mark, text string, width int) {
	indent := strings.Repeat(" ", len(mark))
	line := mark
	used := len(mark)
	for _, word := range strings.Fields(text) {
		word = report.Shorten(word, width-len(mark))
		n := uniseg.StringWidth(word)
		if used > len(mark) && used+1+n > width {
			fmt.Fprintln(w, line)
			line, used = indent, len(mark)
		}
		if used > len(mark) {
			line += " "
			used++
		}
		line += word
		used += n
	}
	fmt.Fprintln(w, line)
}

// formatScore formats a score: as a percentage if the metric's scores are in [0, 1].
func (r *Row) formatScore(x *float64) string {
	switch {
	case x == nil:
		return "-"
	case r.unit:
		return fmt.Sprintf("%.1f", 100**x)
	}
	return strconv.FormatFloat(*x, 'g', 4, 64)
}

// formatSmallScore formats a score, with two digits if it is very small.
func (r *Row) formatSmallScore(x *float64) string {
	if x != nil && r.unit && *x < 0.00095 {
		return strconv.FormatFloat(100**x, 'g', 2, 64)
	}
	return r.formatScore(x)
}

// formatGain formats a difference with its interval: with one decimal, or more if the
// interval is narrow. What rounds to 0 has no sign.
func (r *Row) formatGain(x, low, high *float64) string {
	signed := func(x *float64) string {
		s := strings.TrimPrefix(r.formatScore(x), "-")
		if x != nil && r.unit && low != nil && high != nil {
			switch width := *high - *low; {
			case width == 0 || width >= 0.005:
			case width >= 0.0005:
				s = fmt.Sprintf("%.2f", 100*math.Abs(*x))
			default:
				s = fmt.Sprintf("%.3f", 100*math.Abs(*x))
			}
		}
		switch {
		case x == nil:
			return "-"
		case *x > 0 && strings.Trim(s, "0.") != "":
			return "+" + s
		case *x < 0 && strings.Trim(s, "0.") != "":
			return "-" + s
		}
		return s
	}
	if low == nil || high == nil {
		return signed(x)
	}
	return fmt.Sprintf("%s [%s, %s]", signed(x), signed(low), signed(high))
}

// formatP formats a p-value with three decimals.
func formatP(p *float64) string {
	switch {
	case p == nil:
		return "-"
	case *p < 0.001:
		return "<.001"
	}
	return fmt.Sprintf("%.3f", *p)
}

func formatPercent(x *float64) string {
	switch {
	case x == nil:
		return "-"
	case *x > 0 && *x < 0.0005:
		return "<0.1%"
	case *x < 1 && *x > 0.9995:
		return ">99.9%"
	}
	return fmt.Sprintf("%.1f%%", 100**x)
}

// formatChange formats a relative change as a percentage.
func formatChange(x *float64) string {
	if x == nil {
		return "-"
	}
	if math.Abs(*x) < 0.00005 {
		return "0.00%"
	}
	return fmt.Sprintf("%+.2f%%", 100**x)
}

// writeCSV writes all fields of all rows, numbers with full precision; an empty cell is nil.
// A name that a spreadsheet would read as a formula is preceded by an apostrophe.
func (t *Table) writeCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	c.Write([]string{"model", "benchmark", "subject", "method", "metric", "n_all", "all", "all_low", "all_high",
		"n_clean", "clean", "clean_low", "clean_high", "n_flagged", "flagged", "flagged_low", "flagged_high",
		"n_not_checkable", "not_checkable", "share_flagged", "gain", "gain_low", "gain_high", "interval",
		"difference", "difference_low", "difference_high", "within", "within_low", "within_high",
		"p", "test", "p_fisher", "p_holm", "p_bh", "p_joint", "z", "z_llama_clean", "z_llama_flagged",
		"relative", "symmetric", "lower", "mde", "reference", "did", "did_low", "did_high", "did_p", "did_n", "warnings"})
	for i := range t.Rows {
		r := &t.Rows[i]
		c.Write([]string{csvCell(r.Model), csvCell(r.Benchmark), csvCell(r.Subject), csvCell(r.Method), csvCell(r.Metric),
			formatInt(r.NAll), formatFloat(r.All), formatFloat(r.AllLow), formatFloat(r.AllHigh),
			formatInt(r.NClean), formatFloat(r.Clean), formatFloat(r.CleanLow), formatFloat(r.CleanHigh),
			formatInt(r.NFlagged), formatFloat(r.Flagged), formatFloat(r.FlaggedLow), formatFloat(r.FlaggedHigh),
			formatInt(r.NNotCheckable), formatFloat(r.NotCheckable), formatFloat(r.ShareFlagged),
			formatFloat(r.Gain), formatFloat(r.GainLow), formatFloat(r.GainHigh), r.Interval,
			formatFloat(r.Diff), formatFloat(r.DiffLow), formatFloat(r.DiffHigh),
			formatFloat(r.Within), formatFloat(r.WithinLow), formatFloat(r.WithinHigh),
			formatFloat(r.P), r.Test, formatFloat(r.PFisher), formatFloat(r.PHolm), formatFloat(r.PBH), formatFloat(r.PJoint),
			formatFloat(r.Z), formatFloat(r.ZLlamaClean), formatFloat(r.ZLlamaFlagged),
			formatFloat(r.Relative), formatFloat(r.Symmetric), formatFloat(r.Lower), formatFloat(r.MDE),
			csvCell(r.Reference), formatFloat(r.DiD), formatFloat(r.DiDLow), formatFloat(r.DiDHigh),
			formatFloat(r.DiDP), formatInt(r.DiDItems), csvCell(strings.Join(r.Warnings, "; "))})
	}
	c.Flush()
	return c.Error()
}

// WriteCurves writes the points of all curves as CSV.
func (t *Table) WriteCurves(w io.Writer) error {
	c := csv.NewWriter(w)
	c.Write([]string{
		"model", "benchmark", "method", "threshold", "n_flagged", "share_flagged", "gain", "z", "p", "p_max", "verdicts",
	})
	for i := range t.Curves {
		v := &t.Curves[i]
		for _, p := range v.Points {
			c.Write([]string{
				csvCell(v.Model), csvCell(v.Benchmark), csvCell(v.Method),
				formatFloat(&p.Threshold), formatInt(p.NFlagged), formatFloat(&p.ShareFlagged),
				formatFloat(p.Gain), formatFloat(p.Z), formatFloat(p.P), formatFloat(p.PMax), t.Verdicts,
			})
		}
	}
	c.Flush()
	return c.Error()
}

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }

func formatFloat(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'g', -1, 64)
}

func csvCell(s string) string {
	if s = report.CleanText(s); s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

// documentCells returns all rows as cells for a document, and their numbered warnings.
func (t *Table) documentCells(escape func(string) string) (cells [][]string, notes []string) {
	subjects := slices.ContainsFunc(t.Rows, func(r Row) bool { return r.Subject != "" })
	for i := range t.Rows {
		r := &t.Rows[i]
		name := escape(r.Model)
		var marks []string
		for _, text := range r.Warnings {
			at := slices.Index(notes, text)
			if at < 0 {
				at = len(notes)
				notes = append(notes, text)
			}
			marks = append(marks, fmt.Sprint(at+1))
		}
		if len(marks) > 0 {
			name += " (" + strings.Join(marks, ", ") + ")"
		}
		bench := escape(r.Benchmark)
		if subjects && r.Subject != "" {
			bench += " / " + escape(r.Subject)
		}
		cells = append(cells, []string{
			name, bench, escape(r.Method),
			report.Thousands(r.NAll), report.Thousands(r.NFlagged), report.Thousands(r.NNotCheckable),
			r.formatScore(r.All), r.formatScore(r.Clean), r.formatScore(r.Flagged),
			r.formatGain(r.Gain, r.GainLow, r.GainHigh), formatP(r.P), formatP(r.PHolm), formatP(r.PBH),
			formatChange(r.Relative), formatChange(r.Symmetric), r.formatSmallScore(r.MDE), r.formatScore(r.Lower),
		})
	}
	notes = append(append(notes, t.Joining...), t.Warnings...)
	return cells, notes
}

var documentHead = [...]string{
	"model", "benchmark", "method", "items", "flagged", "not checkable", "all", "clean", "on flagged", "gain [95 %]",
	"p", "p (Holm)", "p (BH)", "relative", "symmetric", "MDE", "lower",
}

func (t *Table) writeMarkdown(w *bufio.Writer) {
	replacer := strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "`", "\\`",
		"*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "!", `\!`, "#", `\#`, "$", `\$`)
	escape := func(s string) string { return replacer.Replace(report.CleanText(s)) }
	cells, notes := t.documentCells(escape)
	line := func(cells []string) { // names are escaped; of numbers, only <.001 needs to be
		fmt.Fprintf(w, "| %s |\n", strings.ReplaceAll(strings.Join(cells, " | "), "<", "&lt;"))
	}
	line(documentHead[:])
	fmt.Fprintf(w, "|%s%s\n", strings.Repeat(" --- |", 3), strings.Repeat(" ---: |", len(documentHead)-3))
	for _, c := range cells {
		line(c)
	}
	fmt.Fprintf(w, "\nClean: all items except the flagged ones, including items that could not be checked. "+
		"Gain: estimated gain, all − clean, in points. "+
		"p: two-sided, that flagged items score like the others; Holm, BH (Benjamini–Hochberg): adjusted for %s. "+
		"Relative: clean/all − 1. Symmetric: 2(clean − all)/(clean + all). "+
		"MDE: smallest gain detected with a power of 80 %%. Lower: the lower of all and clean.\n",
		report.Count(int64(t.Tests), "test"))
	if len(notes) > 0 {
		fmt.Fprintln(w)
	}
	for i, n := range notes {
		fmt.Fprintf(w, "%d. %s\n", i+1, escape(n))
	}
	if len(t.Exams) > 0 {
		fmt.Fprint(w, "\n| exam | model | method | full | [95 %] | clean | [95 %] | lower | contamination |\n",
			"| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	}
	for i := range t.Exams {
		g := &t.Exams[i]
		line(append([]string{escape(g.Exam), escape(g.Model), escape(g.Method)}, g.cells()...))
	}
}

func (t *Table) writeLaTeX(w *bufio.Writer) {
	replacer := strings.NewReplacer(`\`, `\textbackslash{}`, "&", `\&`, "%", `\%`, "$", `\$`, "#", `\#`, "_", `\_`,
		"{", `\{`, "}", `\}`, "~", `\textasciitilde{}`, "^", `\textasciicircum{}`,
		"−", "$-$", "–", "--", "·", `$\cdot$`)
	escape := func(s string) string { return replacer.Replace(report.CleanText(s)) }
	cells, notes := t.documentCells(func(s string) string { return s })
	line := func(cells []string) {
		for i, c := range cells {
			if i > 0 {
				fmt.Fprint(w, " & ")
			}
			fmt.Fprint(w, strings.ReplaceAll(escape(c), "[", "{[}"))
		}
		fmt.Fprintln(w, ` \\`)
	}
	fmt.Fprintf(w, "\\begin{tabular}{lll%s}\n\\toprule\n", strings.Repeat("r", len(documentHead)-3))
	line(documentHead[:])
	fmt.Fprintln(w, `\midrule`)
	for _, c := range cells {
		line(c)
	}
	fmt.Fprintln(w, "\\bottomrule\n\\end{tabular}")
	for i, n := range notes {
		fmt.Fprintf(w, "\n(%d) %s\n", i+1, escape(n))
	}
	if len(t.Exams) == 0 {
		return
	}
	fmt.Fprint(w, "\n\\begin{tabular}{lllrrrrrr}\n\\toprule\n")
	line([]string{"exam", "model", "method", "full", "[95 %]", "clean", "[95 %]", "lower", "contamination"})
	fmt.Fprintln(w, `\midrule`)
	for i := range t.Exams {
		g := &t.Exams[i]
		line(append([]string{g.Exam, g.Model, g.Method}, g.cells()...))
	}
	fmt.Fprintln(w, "\\bottomrule\n\\end{tabular}")
}
