package card

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"strconv"
	"strings"

	"swab/pipeline/report"

	"go.yaml.in/yaml/v3"
)

// A format is one form of a card. A new one is a line here.
var formats = []struct {
	name  string
	write func(c *Card, w io.Writer) error
}{
	{"markdown", func(c *Card, w io.Writer) error { return c.write(w, markdown) }},
	{"html", func(c *Card, w io.Writer) error { return c.write(w, webpage) }},
	{"latex", func(c *Card, w io.Writer) error { return c.write(w, latex) }},
	{"json", (*Card).writeJSON},
	{"model-index", (*Card).writeModelIndex},
	{"croissant", (*Card).writeCroissant},
	{"junit", (*Card).writeJUnit},
	{"sarif", (*Card).writeSARIF},
	{"github", (*Card).writeAnnotations},
}

// Formats returns the names of the formats that Write knows.
func Formats() (names []string) {
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// Write writes the card in a format. All text of the audit is inert in each of them.
func (c *Card) Write(w io.Writer, format string) error {
	for _, f := range formats {
		if f.name == format {
			return f.write(c, w)
		}
	}
	return fmt.Errorf("%q is no format of a card: there are %s", format, strings.Join(Formats(), ", "))
}

// percent returns a share in percent, without rounding what is not zero to zero.
func percent(share float64) string {
	if 0 < share && share < 0.0005 {
		return fmt.Sprintf("%.2g %%", 100*share)
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}

// Number returns a score: a share in percent, anything else as it is; a dash if there is none.
func Number(v *float64) string {
	switch {
	case v == nil:
		return "-"
	case 0 <= *v && *v <= 1:
		return fmt.Sprintf("%.1f", 100**v)
	}
	return strconv.FormatFloat(*v, 'g', 4, 64)
}

// Interval returns the share's interval in percent.
func (n *Benchmark) Interval() string {
	return strings.TrimSuffix(percent(n.Low), " %") + " to " + percent(n.High)
}

// Certainty says how sure the number of items found is.
func (n *Benchmark) Certainty() string {
	var parts []string
	if n.FalseFlags != nil {
		parts = append(parts, fmt.Sprintf("false flags at most %s (%s of %s decoys)",
			percent(*n.FalseFlags), report.Thousands(n.DecoysFound), report.Thousands(n.Decoys)))
	} else {
		parts = append(parts, "false flags not estimated")
	}
	if n.NotCheckable > 0 {
		parts = append(parts, report.Thousands(n.NotCheckable)+" too short to check")
	}
	if n.Media > 0 {
		parts = append(parts, report.Thousands(n.Media)+" with media not checked")
	}
	if n.ToReview > 0 {
		parts = append(parts, report.Thousands(n.ToReview)+" more perhaps in other words, to review")
	}
	return strings.Join(parts, "; ")
}

// verb says that items were found, or that they may be in the corpus.
func (c *Card) verb(n int64) string {
	switch {
	case c.Suspected:
		return "may be"
	case n == 1:
		return "was found"
	}
	return "were found"
}

// extent says how much of the corpus was read.
func (c *Card) extent() string {
	if c.Corpus.Complete {
		return "all read"
	}
	return "not all read"
}

// sentence describes a benchmark for a model card.
func (c *Card) sentence(n *Benchmark) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Of %s %s items %s (%s; 95 %% interval %s) %s in %s", report.Thousands(n.Items), n.Name,
		report.Thousands(n.Found), percent(n.Share), n.Interval(), c.verb(n.Found), c.Corpus.Name)
	if n.WithAnswer > 0 {
		fmt.Fprintf(&b, ", %s with the answer", report.Thousands(n.WithAnswer))
	}
	fmt.Fprintf(&b, " (swab %s, method %s, %s; %s, %s; %s).", c.Swab, c.Method, c.Date,
		report.Count(c.Corpus.Documents, "document"), c.extent(), n.Certainty())
	if d := c.OtherDecides(n); d != nil {
		fmt.Fprintf(&b, " Method %s found %s (%s).", d.Name, report.Thousands(d.Found), percent(d.Share()))
	}
	for _, s := range n.Scores {
		fmt.Fprintf(&b, " %s, %s: all %s, clean %s (%s); we report %s.", s.Model, s.Metric,
			Number(s.All), Number(s.Clean), report.Count(s.NClean, "item"), Number(s.Lower))
	}
	return b.String()
}

// Reviewed says how reviewers' marks measure the precision, or nothing.
func (c *Card) Reviewed() string {
	if c.Review == nil {
		return ""
	}
	return fmt.Sprintf("Of %s that people reviewed, %s confirmed: precision %.2f [%.2f, %.2f].",
		report.Count(c.Review.Reviewed, "found item"), report.Thousands(c.Review.Confirmed),
		c.Review.Precision, c.Review.Low, c.Review.High)
}

// examLine describes an exam.
func examLine(e *Exam) string {
	clean := "-"
	if e.Clean != nil {
		clean = fmt.Sprintf("%.4g", *e.Clean)
	}
	s := fmt.Sprintf("In exam %s, %s: full %.4g, clean %s; we report %.4g", e.Exam, e.Model, e.Full, clean, e.Lower)
	if e.Percentile != nil {
		s += fmt.Sprintf(" (percentile %g to %g)", e.Percentile.Low, e.Percentile.High)
	}
	return s + "."
}

// Heading names what the card is of.
func (c *Card) Heading() string {
	if c.Title != "" {
		return c.Title
	}
	if c.Model != "" {
		return "Benchmark contamination: " + c.Model
	}
	return "Benchmark contamination in " + c.Corpus.Name
}

// By names the model, its owner and release, as far as they are known.
func (c *Card) By() string {
	var parts []string
	for _, p := range [][2]string{{"model ", c.Model}, {"release ", c.Release}, {"owner ", c.Owner}} {
		if p[1] != "" {
			parts = append(parts, p[0]+p[1])
		}
	}
	return strings.Join(parts, ", ")
}

// A markup is how a document is written. Its functions get text that is not escaped.
type markup struct {
	escape                func(string) string
	heading, paragraph    string // formats of one text
	open, head, row, shut string // of the table: head and row are formats of the joined cells
	separator, after      string // between cells; after the head
}

var (
	markdown = markup{escape: report.Markdown, heading: "## %s\n\n", paragraph: "%s\n\n",
		head: "| %s |\n", after: "| --- | --- | ---: | ---: | ---: | ---: |\n", row: "| %s |\n", separator: " | ", shut: "\n"}
	webpage = markup{escape: func(s string) string { return html.EscapeString(report.CleanText(s)) },
		heading: "<h2>%s</h2>\n", paragraph: "<p>%s</p>\n", open: "<table>\n", head: "<tr><th>%s</th></tr>\n",
		row: "<tr><td>%s</td></tr>\n", separator: "</td><td>", shut: "</table>\n"}
	latex = markup{escape: report.LaTeX, heading: "\\subsection*{%s}\n\n", paragraph: "%s\n\n",
		open: "\\begin{tabular}{llrrrr}\n\\hline\n", head: "%s \\\\\n\\hline\n", row: "%s \\\\\n", separator: " & ",
		shut: "\\hline\n\\end{tabular}\n"}
)

// write writes the paragraphs and the table of the card.
func (c *Card) write(w io.Writer, m markup) error {
	var b strings.Builder
	paragraph := func(s string) {
		if s != "" {
			fmt.Fprintf(&b, m.paragraph, m.escape(s))
		}
	}
	fmt.Fprintf(&b, m.heading, m.escape(c.Heading()))
	paragraph(c.By())
	for i := range c.Benchmarks {
		paragraph(c.sentence(&c.Benchmarks[i]))
	}
	for i := range c.Exams {
		paragraph(examLine(&c.Exams[i]))
	}
	paragraph(c.Reviewed())
	if len(c.NotRead) > 0 {
		paragraph("Not read: " + strings.Join(c.NotRead, "; ") + ".")
	}
	line := func(format, separator string, cells []string) {
		for i := range cells {
			cells[i] = m.escape(cells[i])
		}
		fmt.Fprintf(&b, format, strings.Join(cells, separator))
	}
	b.WriteString(m.open)
	line(m.head, strings.ReplaceAll(m.separator, "td>", "th>"),
		[]string{"benchmark", "status", "items", "found", "with answer", "all / clean / reported"})
	b.WriteString(m.after)
	for i := range c.Benchmarks {
		n := &c.Benchmarks[i]
		scores := []string{}
		for _, s := range n.Scores {
			scores = append(scores, fmt.Sprintf("%s %s / %s / %s", s.Model, Number(s.All), Number(s.Clean), Number(s.Lower)))
		}
		if len(scores) == 0 {
			scores = []string{"-"}
		}
		status := string(n.Status)
		if d := c.OtherDecides(n); d != nil {
			status += fmt.Sprintf(" (%s %s)", d.Name, percent(d.Share()))
		}
		line(m.row, m.separator, []string{n.Name, status, report.Thousands(n.Items),
			fmt.Sprintf("%s (%s)", report.Thousands(n.Found), percent(n.Share)), report.Thousands(n.WithAnswer),
			strings.Join(scores, "; ")})
	}
	b.WriteString(m.shut)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeIndented writes v as JSON of several lines.
func writeIndented(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func (c *Card) writeJSON(w io.Writer) error { return writeIndented(w, c) }

// writeModelIndex writes the scores, and the shares found, as the model-index block of a model
// card on the Hugging Face hub.
func (c *Card) writeModelIndex(w io.Writer) error {
	type metric struct {
		Type  string  `yaml:"type"`
		Value float64 `yaml:"value"`
		Name  string  `yaml:"name"`
	}
	type named struct {
		Type string `yaml:"type"`
		Name string `yaml:"name"`
	}
	type result struct {
		Task    named    `yaml:"task"`
		Dataset named    `yaml:"dataset"`
		Metrics []metric `yaml:"metrics"`
	}
	type model struct {
		Name    string   `yaml:"name"`
		Results []result `yaml:"results"`
	}
	var models []model
	at := map[string]int{}
	of := func(name string) *model {
		name = report.CleanText(name)
		if _, ok := at[name]; !ok {
			at[name] = len(models)
			models = append(models, model{Name: name})
		}
		return &models[at[name]]
	}
	add := func(m *model, n *Benchmark, metrics ...metric) {
		name := report.CleanText(n.Name)
		found := metric{"contamination", 100 * n.Share,
			fmt.Sprintf("items in the training corpus, %% (swab, %s)", report.CleanText(c.Method))}
		m.Results = append(m.Results, result{named{"text-generation", "Text Generation"},
			named{name, name}, append(metrics, found)})
	}
	for i := range c.Benchmarks {
		n := &c.Benchmarks[i]
		for _, s := range n.Scores {
			var metrics []metric
			for _, v := range []struct {
				value *float64
				name  string
			}{
				{s.Lower, "the lower of all and clean items"}, {s.All, fmt.Sprintf("all %d items", n.Items)},
				{s.Clean, fmt.Sprintf("%d clean items", s.NClean)},
			} {
				if v.value != nil {
					metrics = append(metrics, metric{report.CleanText(s.Metric), *v.value, v.name})
				}
			}
			add(of(s.Model), n, metrics...)
		}
		if len(n.Scores) == 0 {
			name := c.Model
			if name == "" {
				name = "MODEL"
			}
			add(of(name), n)
		}
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(map[string]any{"model-index": models}); err != nil {
		return err
	}
	return enc.Close()
}

// writeCroissant writes what the audit says about the corpus in the terms of Croissant's
// vocabulary for responsible AI, to be merged into the corpus's data card.
func (c *Card) writeCroissant(w io.Writer) error {
	var limits []string
	for i := range c.Benchmarks {
		limits = append(limits, report.CleanText(c.sentence(&c.Benchmarks[i])))
	}
	for _, s := range c.NotRead {
		limits = append(limits, "Not read: "+report.CleanText(s)+".")
	}
	return writeIndented(w, map[string]any{
		"@context": map[string]any{
			"@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
			"cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
			"dct": "http://purl.org/dc/terms/", "conformsTo": "dct:conformsTo",
		},
		"@type":               "sc:Dataset",
		"conformsTo":          []string{"http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"},
		"name":                report.CleanText(c.Corpus.Name),
		"rai:dataLimitations": limits,
		"rai:dataManipulationProtocol": fmt.Sprintf(
			"Compared with %s by swab %s on %s; nothing was removed from the corpus by the audit.",
			report.Count(int64(len(c.Benchmarks)), "benchmark"), report.CleanText(c.Swab), c.Date),
	})
}
