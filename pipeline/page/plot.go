package page

import (
	"cmp"
	"fmt"
	"html"
	"html/template"
	"maps"
	"math"
	"slices"
	"strings"

	"swab/pipeline/report"
)

// A plot is a picture with its values as a table.
type plot struct {
	Title string
	Note  string
	SVG   template.HTML
	Head  []string
	Rows  [][]string
}

// plotWidth is the width of a picture in pixels; one fits a phone.
const plotWidth = 340

// canvas collects shapes. All text goes through label and tip.
type canvas struct {
	strings.Builder
	height float64
}

// tip opens a group with a tooltip.
func (c *canvas) tip(s string) {
	fmt.Fprintf(c, "<g><title>%s</title>", html.EscapeString(report.CleanText(s)))
}

func (c *canvas) end() { c.WriteString("</g>") }

// label writes text at a place; anchor is start, middle or end.
func (c *canvas) label(x, y float64, anchor, s string) {
	fmt.Fprintf(c, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`,
		x, y, anchor, html.EscapeString(report.CleanText(s)))
}

func (c *canvas) rect(class string, x, y, w, h float64) {
	fmt.Fprintf(c, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, class, x, y, math.Max(w, 0), h)
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(c, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

func (c *canvas) dot(class string, x, y float64) {
	fmt.Fprintf(c, `<circle class="%s" cx="%.1f" cy="%.1f" r="4"/>`, class, x, y)
}

// svg returns the whole picture.
func (c *canvas) svg(title string) template.HTML {
	const svg = `<svg role="img" aria-label="%s" width="%d" height="%.0f" viewBox="0 0 %d %.0f">%s</svg>`
	label := html.EscapeString(report.CleanText(title))
	return template.HTML(fmt.Sprintf(svg, label, plotWidth, c.height, plotWidth, c.height, c.String()))
}

// headOf shortens a name for a label to its first n characters; the tooltip has the whole name.
func headOf(s string, n int) string {
	r := []rune(report.CleanText(s))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:n-1]) + "…"
}

// bar is a row of a bar chart.
type bar struct {
	name, label string // the label is at the left
	value       float64
	shown, tip  string
}

// bars draws bars from the left, each with its name and its value.
func bars(title string, left float64, longest float64, list []bar) template.HTML {
	const step, right = 22.0, 62.0
	c := canvas{height: float64(len(list))*step + 6}
	room := plotWidth - left - right
	for i, b := range list {
		y := float64(i)*step + 4
		c.tip(b.tip)
		c.rect("hit", 0, y-2, plotWidth, step)
		c.label(left-8, y+13, "end", b.label)
		w := 0.0
		if longest > 0 {
			w = b.value / longest * room
		}
		if b.value > 0 {
			w = math.Max(w, 2)
		}
		c.rect("bar", left, y+2, w, step-8)
		c.label(left+w+6, y+13, "start", b.shown)
		c.end()
	}
	c.line("axis", left, 0, left, c.height)
	return c.svg(title)
}

// histogram draws a histogram: columns side by side.
func histogram(title, counted string, labels []string, values []int64, tips []string) template.HTML {
	const top, bottom = 18.0, 34.0
	c := canvas{height: 170}
	most := int64(1)
	for _, v := range values {
		most = max(most, v)
	}
	w := float64(plotWidth-8) / float64(len(values))
	room := c.height - top - bottom
	for i, v := range values {
		x := 4 + float64(i)*w
		h := float64(v) / float64(most) * room
		if v > 0 {
			h = math.Max(h, 1.5)
		}
		c.tip(tips[i])
		c.rect("hit", x, top, w, room)
		c.rect("bar", x+2, top+room-h, w-4, h)
		if v > 0 {
			c.label(x+w/2, top+room-h-4, "middle", compact(v))
		}
		c.label(x+w/2, c.height-bottom+15, "middle", labels[i])
		c.end()
	}
	c.line("axis", 4, top+room, plotWidth-4, top+room)
	c.label(plotWidth/2, c.height-3, "middle", counted+"s of an item's longest match, at least")
	return c.svg(title)
}

// compact writes a count in at most five characters.
func compact(v int64) string {
	switch {
	case v >= 10_000_000:
		return fmt.Sprintf("%dM", v/1_000_000)
	case v >= 10_000:
		return fmt.Sprintf("%dk", v/1000)
	}
	return report.Thousands(v)
}

// plots returns all plots for which there are values.
func (b *book) plots() (groups []plotGroup) {
	groups = append(groups, b.shareGroup())
	if b.scores != nil {
		groups = append(groups,
			plotGroup{"Score on all items and on clean items", "A hollow ring is the score on all items, a filled dot " +
				"that on clean items, with the 95 % interval of their difference as a bar around the dot.", b.scorePlots()},
			plotGroup{"Gain by threshold", "The score on all items minus the score on clean items, for each threshold from " +
				"which items are flagged. A bar marks the largest gain with at least ten items on either side.", b.curvePlots()})
	}
	if b.predicted != nil {
		groups = append(groups, plotGroup{"Gap by compute", "How much better a model answers flagged items than clean " +
			"ones, against the compute that it was trained with. A line that rises says that flagged items gain more with size.",
			b.predicted.gapPlots()})
	}
	groups = append(groups,
		plotGroup{"Where in a benchmark",
			"Share of the items of a subject or split that was found, those with the most first.", b.subjectPlots()},
		plotGroup{"Longest matches", "Items by the number of " + b.unit + "s in the longest run that they share with " +
			"a document.", b.longestPlots()})
	kept := groups[:0]
	for _, g := range groups {
		if len(g.Plots) > 0 {
			kept = append(kept, g)
		}
	}
	return kept
}

type plotGroup struct {
	Title, Note string
	Plots       []plot
}

func (b *book) shareGroup() plotGroup {
	g := plotGroup{Title: "Share found, by benchmark and method"}
	var without []string
	g.Plots, without = b.sharePlots()
	if len(without) > 0 {
		g.Note = "No item of " + strings.Join(without, ", ") + " was found by any method."
	}
	return g
}

func (b *book) sharePlots() (plots []plot, without []string) {
	largest := 0.0
	for i := range b.counts {
		for _, c := range b.counts[i] {
			if c.Items > 0 {
				largest = math.Max(largest, float64(c.Found())/float64(c.Items))
			}
		}
	}
	if largest == 0 {
		return nil, nil
	}
	for i, name := range b.benches.list {
		p := plot{Title: name, Head: []string{"method", "found", "items", "share"}}
		var list []bar
		found := false
		for m, c := range b.counts[i] {
			if c.Items == 0 {
				continue
			}
			found = found || c.Found() > 0
			shown := report.Share(c.Found(), c.Items)
			method := b.methods.list[m]
			n, all := report.Thousands(c.Found()), report.Thousands(c.Items)
			list = append(list, bar{method, headOf(method, 16), float64(c.Found()) / float64(c.Items), shown,
				fmt.Sprintf("%s, %s: %s of %s items (%s)", name, method, n, all, shown)})
			p.Rows = append(p.Rows, []string{method, n, all, shown})
		}
		if found {
			p.SVG = bars("Share found in "+name+" by method", 118, largest, list)
			plots = append(plots, p)
		} else {
			without = append(without, name)
		}
	}
	return plots, without
}

// subjectPlots draws the subjects of each benchmark that has several and of which an item was found.
func (b *book) subjectPlots() (plots []plot) {
	const most, listed = 12, 60 // subjects drawn, and in the table
	for i, name := range b.benches.list {
		of := b.bySubject[i]
		share := func(s string) float64 { return float64(of[s].found) / float64(of[s].items) }
		subjects := slices.SortedFunc(maps.Keys(of), func(x, y string) int {
			return cmp.Or(cmp.Compare(share(y), share(x)), strings.Compare(x, y))
		})
		if len(subjects) < 2 || of[subjects[0]].found == 0 {
			continue
		}
		p := plot{Title: name, Head: []string{"subject", "found", "items", "share"}}
		var list []bar
		without := int64(0)
		for k, s := range subjects {
			n, all := report.Thousands(of[s].found), report.Thousands(of[s].items)
			shown := report.Share(of[s].found, of[s].items)
			if of[s].found == 0 {
				without++
			} else if k < most {
				list = append(list, bar{s, headOf(s, 16), share(s), shown,
					fmt.Sprintf("%s, %s: %s of %s items (%s)", name, s, n, all, shown)})
			}
			if k < listed {
				p.Rows = append(p.Rows, []string{s, n, all, shown})
			}
		}
		p.Note = fmt.Sprintf("%s of %d without an item found.", report.Count(without, "subject"), len(subjects))
		p.SVG = bars("Share found in "+name+" by subject", 118, share(subjects[0]), list)
		plots = append(plots, p)
	}
	return plots
}

func (b *book) longestPlots() (plots []plot) {
	labels := make([]string, len(bins))
	for i, from := range bins {
		labels[i] = fmt.Sprint(from)
	}
	add := func(name string, values []int64) {
		p := plot{Title: name, Head: []string{b.unit + "s", "items"}}
		tips := make([]string, len(bins))
		sum := int64(0)
		for i, v := range values {
			span := fmt.Sprintf("%d or more", bins[i])
			if i+1 < len(bins) {
				span = fmt.Sprintf("%d to %d", bins[i], bins[i+1]-1)
			}
			tips[i] = fmt.Sprintf("%s: %s %ss: %s", name, span, b.unit, report.Count(v, "item"))
			p.Rows = append(p.Rows, []string{span, report.Thousands(v)})
			sum += v
		}
		if sum > 0 {
			p.SVG = histogram("Longest matches of "+name, b.unit, labels, values, tips)
			plots = append(plots, p)
		}
	}
	for i, name := range b.benches.list {
		add(name, b.longest[i])
	}
	return plots
}

// maxScores is the largest number of rows of scores that are drawn; the table has all.
const maxScores = 60

func (b *book) scorePlots() (plots []plot) {
	by := map[string][]*scoreRow{}
	var order []string
	for i := range b.scores.Rows {
		r := (*scoreRow)(&b.scores.Rows[i])
		if r.All == nil || r.Clean == nil || r.Subject != "" && r.Subject != "all" {
			continue
		}
		key := r.Benchmark + " · " + r.Method
		if by[key] == nil {
			order = append(order, key)
		}
		by[key] = append(by[key], r)
	}
	drawn := 0
	for _, key := range order {
		rows := by[key]
		if drawn += len(rows); drawn > maxScores && len(plots) > 0 {
			break
		}
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, r := range rows {
			for _, v := range []float64{*r.All, *r.Clean, r.cleanAt(r.GainHigh), r.cleanAt(r.GainLow)} {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
		shares := !slices.ContainsFunc(rows, func(r *scoreRow) bool { return !r.shares() })
		if shares && hi-lo < 0.01 { // a tiny difference should look tiny
			lo, hi = max(lo-0.01, 0), min(hi+0.01, 1)
		}
		ticks := ticksOf(lo, hi)
		lo, hi = ticks[0], ticks[len(ticks)-1]
		const left, right, step = 118.0, 26.0, 26.0
		c := canvas{height: float64(len(rows))*step + 26}
		x := func(v float64) float64 { return left + (v-lo)/(hi-lo)*(plotWidth-left-right) }
		for _, t := range ticks {
			c.line("grid", x(t), 0, x(t), c.height-20)
			label := number(t)
			if shares {
				label = fmt.Sprintf("%.*f%%", digits(ticks, 0), 100*t)
			}
			c.label(x(t), c.height-5, "middle", label)
		}
		p := plot{Title: key, Head: []string{"model", "all", "clean", "gain", "interval"}}
		for i, r := range rows {
			y := float64(i)*step + step/2
			interval := "-"
			if r.GainLow != nil && r.GainHigh != nil {
				interval = r.Difference(r.GainLow) + " to " + r.Difference(r.GainHigh)
			}
			all, clean, gain := r.Value(r.All), r.Value(r.Clean), r.Difference(r.Gain)
			c.tip(fmt.Sprintf("%s: all %s, clean %s, gain %s (%s)", r.Model, all, clean, gain, interval))
			c.rect("hit", 0, y-step/2, plotWidth, step)
			c.label(left-8, y+4, "end", headOf(r.Model, 14))
			c.line("whisker", x(r.cleanAt(r.GainHigh)), y, x(r.cleanAt(r.GainLow)), y)
			c.dot("clean", x(*r.Clean), y)
			c.dot("all", x(*r.All), y)
			c.end()
			p.Rows = append(p.Rows, []string{r.Model, all, clean, gain, interval})
		}
		p.SVG = c.svg("Scores on all and on clean items, " + key)
		plots = append(plots, p)
	}
	return plots
}

// cleanAt returns the score on clean items for a gain of g.
func (r *scoreRow) cleanAt(g *float64) float64 {
	if g == nil {
		return *r.Clean
	}
	return *r.All - *g
}

const maxCurves = 24

func (b *book) curvePlots() (plots []plot) {
	for i := range b.scores.Curves {
		if len(plots) == maxCurves {
			break
		}
		curve := &b.scores.Curves[i]
		title := strings.Join([]string{curve.Model, curve.Benchmark, curve.Method}, " · ")
		p := plot{Title: title, Head: []string{"threshold", "found", "share", "gain"}}
		lo, hi, first, last := 0.0, 0.0, math.Inf(1), math.Inf(-1)
		drawn := 0
		for _, pt := range curve.Points {
			gain, share := "-", percent(&pt.ShareFlagged)
			if pt.Gain != nil {
				lo, hi = math.Min(lo, *pt.Gain), math.Max(hi, *pt.Gain)
				first, last = math.Min(first, pt.Threshold), math.Max(last, pt.Threshold)
				gain = points(pt.Gain)
				drawn++
			}
			p.Rows = append(p.Rows, []string{number(pt.Threshold), report.Thousands(pt.NFlagged), share, gain})
		}
		if drawn < 2 || first == last {
			continue
		}
		const left, bottom = 46.0, 24.0
		c := canvas{height: 190}
		ticks := ticksOf(lo, hi)
		lo, hi = ticks[0], ticks[len(ticks)-1]
		x := func(v float64) float64 { return left + (v-first)/(last-first)*(plotWidth-left-16) }
		y := func(v float64) float64 { return 10 + (hi-v)/(hi-lo)*(c.height-bottom-20) }
		for _, t := range ticks {
			class := "grid"
			if t == 0 {
				class = "axis"
			}
			c.line(class, left, y(t), plotWidth-10, y(t))
			label := strings.Replace(fmt.Sprintf("%+.*f", digits(ticks, 1), 100*t), "-", "−", 1)
			if t == 0 {
				label = "0"
			}
			c.label(left-6, y(t)+4, "end", label)
		}
		c.label(left, c.height-6, "start", number(first))
		c.label((left+plotWidth)/2, c.height-6, "middle", "threshold")
		c.label(plotWidth-10, c.height-6, "end", number(last))
		if curve.Best != nil && curve.Best.Threshold >= first && curve.Best.Threshold <= last {
			c.tip("largest gain at " + number(curve.Best.Threshold))
			c.line("best", x(curve.Best.Threshold), 6, x(curve.Best.Threshold), c.height-bottom)
			c.end()
		}
		var path strings.Builder
		for _, pt := range curve.Points {
			if pt.Gain != nil {
				fmt.Fprintf(&path, "%.1f,%.1f ", x(pt.Threshold), y(*pt.Gain))
			}
		}
		fmt.Fprintf(&c, `<polyline class="curve" points="%s"/>`, strings.TrimSpace(path.String()))
		for _, pt := range curve.Points {
			if pt.Gain != nil {
				c.tip(fmt.Sprintf("threshold %s: gain %s, %s found",
					number(pt.Threshold), points(pt.Gain), report.Count(pt.NFlagged, "item")))
				at, gain := x(pt.Threshold), y(*pt.Gain)
				fmt.Fprintf(&c, `<circle class="clean" cx="%.1f" cy="%.1f" r="2.5"/>`, at, gain)
				fmt.Fprintf(&c, `<circle class="hit" cx="%.1f" cy="%.1f" r="8"/>`, at, gain)
				c.end()
			}
		}
		p.SVG = c.svg("Gain by threshold, " + title)
		if curve.Best != nil {
			p.Note = fmt.Sprintf("Largest gain at %s: p %s, and %s corrected for the choice of the threshold.",
				number(curve.Best.Threshold), pvalue(curve.Best.P), pvalue(curve.Best.PMax))
		}
		plots = append(plots, p)
	}
	return plots
}

// ticksOf returns three to six round numbers whose range includes lo and hi.
func ticksOf(lo, hi float64) []float64 {
	if !(hi > lo) {
		lo, hi = lo-0.5, hi+0.5
	}
	if !(hi-lo > 1e-9*max(math.Abs(lo), math.Abs(hi))) || math.IsInf(hi-lo, 0) { // no step is left to go by
		return []float64{0, 1}
	}
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/3)))
	for _, m := range []float64{1, 2, 5, 10} {
		if (hi-lo)/(step*m) <= 4 {
			step *= m
			break
		}
	}
	var ticks []float64
	for k := math.Floor(lo/step + 1e-9); ; k++ {
		ticks = append(ticks, k*step+0) // no −0
		if k*step >= hi-1e-9*step {
			return ticks
		}
	}
}

// digits returns the number of decimals, at least least, that distinguish ticks in percent.
func digits(ticks []float64, least int) int {
	return min(max(least, int(math.Ceil(-math.Log10(100*(ticks[1]-ticks[0]))-1e-9))), 6)
}

// number returns a number with up to four significant digits.
func number(v float64) string { return fmt.Sprintf("%.4g", math.Round(v*1e4)/1e4) }
