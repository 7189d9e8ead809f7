package card

import (
	"context"
	"fmt"
	"html"
	"io"
	"strconv"
	"strings"

	"swab/pipeline/report"
)

// A History is the cards of audits of the same benchmarks, in the order of a corpus that grows.
type History struct {
	Dirs  []string
	Cards []*Card
}

// ReadHistory reads the audits in dirs, in that order.
func ReadHistory(ctx context.Context, dirs []string) (*History, error) {
	h := &History{Dirs: dirs}
	for _, dir := range dirs {
		c, err := Read(ctx, dir, Options{})
		if err != nil {
			return nil, err
		}
		h.Cards = append(h.Cards, c)
	}
	return h, nil
}

// benchmarks returns the names of all benchmarks, in the order in which they first occur.
func (h *History) benchmarks() (names []string) {
	seen := map[string]bool{}
	for _, c := range h.Cards {
		for i := range c.Benchmarks {
			if name := c.Benchmarks[i].Name; !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// benchmark returns the benchmark of that name, or nil.
func (c *Card) benchmark(name string) *Benchmark {
	for i := range c.Benchmarks {
		if c.Benchmarks[i].Name == name {
			return &c.Benchmarks[i]
		}
	}
	return nil
}

// WriteText writes a table of audits and benchmarks for a terminal.
func (h *History) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-24s %-10s %12s  %s\n", "audit", "date", "documents", "found by benchmark")
	for i, c := range h.Cards {
		fmt.Fprintf(&b, "%-24s %-10s %12s ", report.Shorten(report.CleanText(h.Dirs[i]), 24), c.Date,
			report.Thousands(c.Corpus.Documents))
		for _, name := range h.benchmarks() {
			if n := c.benchmark(name); n != nil {
				fmt.Fprintf(&b, " %s %s (%s)", report.Shorten(report.CleanText(name), 16), report.Thousands(n.Found),
					report.Share(n.Found, n.Items))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WritePrometheus writes a sample a benchmark and audit, in Prometheus' text format.
func (h *History) WritePrometheus(w io.Writer) error {
	var b strings.Builder
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	label := func(s string) string { return escaped.Replace(strings.ToValidUTF8(s, "\uFFFD")) }
	for _, m := range []struct {
		name, help string
		value      func(n *Benchmark) string
	}{
		{"swab_history_items", "Items of a benchmark.", func(n *Benchmark) string { return strconv.FormatInt(n.Items, 10) }},
		{"swab_history_found", "Items that were found.", func(n *Benchmark) string { return strconv.FormatInt(n.Found, 10) }},
	} {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n", m.name, m.help, m.name)
		for i, c := range h.Cards {
			for k := range c.Benchmarks {
				n := &c.Benchmarks[k]
				fmt.Fprintf(&b, "%s{audit=\"%s\",date=\"%s\",benchmark=\"%s\",method=\"%s\"} %s\n", m.name,
					label(h.Dirs[i]), c.Date, label(n.Name), label(c.Method), m.value(n))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// The size of the plot, in pixels, and its colours, which differ in lightness too.
const (
	plotWidth, plotHeight = 720, 320
	plotLeft, plotTop     = 56, 16
	plotRight, plotBottom = 160, 48
)

var colours = [...]string{"#1f4e8c", "#b45309", "#14532d", "#9b1c1c", "#5b21b6", "#0f766e", "#7c2d12", "#374151"}

// WriteSVG writes a plot: a line a benchmark of the share found, over the documents of the
// corpus.
func (h *History) WriteSVG(w io.Writer) error {
	most, documents := 0.0, int64(1)
	for _, c := range h.Cards {
		documents = max(documents, c.Corpus.Documents)
		for i := range c.Benchmarks {
			most = max(most, c.Benchmarks[i].Share)
		}
	}
	if most == 0 {
		most = 0.01
	}
	x := func(c *Card) float64 {
		return plotLeft + float64(c.Corpus.Documents)/float64(documents)*(plotWidth-plotLeft-plotRight)
	}
	y := func(share float64) float64 {
		return plotHeight - plotBottom - share/most*(plotHeight-plotTop-plotBottom)
	}
	escape := func(s string) string { return html.EscapeString(report.CleanText(s)) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" `+
		`font-family="sans-serif" font-size="12">`, plotWidth, plotHeight)
	b.WriteString("\n<title>Share of each benchmark that was found, by the documents of the corpus</title>\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", plotWidth, plotHeight)
	for k := range 5 {
		share := most * float64(k) / 4
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#d3d8df"/><text x="%d" y="%.1f" text-anchor="end">%.3g %%</text>`+"\n",
			plotLeft, y(share), plotWidth-plotRight, plotLeft-6, y(share)+4, 100*share)
	}
	for _, c := range h.Cards {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x(c), plotHeight-plotBottom+18,
			report.Thousands(c.Corpus.Documents))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d">documents</text>`+"\n", plotLeft, plotHeight-8)
	for i, name := range h.benchmarks() {
		colour, points, end := colours[i%len(colours)], []string{}, 0.0
		for _, c := range h.Cards {
			if n := c.benchmark(name); n != nil {
				end = y(n.Share)
				points = append(points, fmt.Sprintf("%.1f,%.1f", x(c), end))
				fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"><title>%s, %s: %s of %s</title></circle>`+"\n",
					x(c), end, colour, escape(name), c.Date, report.Thousands(n.Found), report.Thousands(n.Items))
			}
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n",
			strings.Join(points, " "), colour)
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" fill="%s">%s</text>`+"\n", plotWidth-plotRight+8, end+4, colour,
			escape(report.Shorten(report.CleanText(name), 20)))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}
