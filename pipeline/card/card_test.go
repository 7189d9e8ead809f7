package card

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/ledger"
	"swab/pipeline/score"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/russross/blackfriday/v2"
	"go.yaml.in/yaml/v3"
	"golang.org/x/net/html"
)

// hostile are texts that are markup, commands or the end of something in one of the formats.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `a|b|c`, "x\n# heading\n", "`code`", `[link](http://evil.example)`,
	`![image](https://evil.example/x.png)`, `\input{/etc/passwd}`, `\write18{id}`, `$x^2$ & \\`, `%s %d 100%`, `]]>`, `<!-- -->`, `&amp;`,
	"::error title=x::y", "::add-mask::z", "a: b\n- c", `{{.}}`, "\x1b[31mred", "\x00nul", "\xff\xfe", "\u202eright to left", `@everyone www.evil.example`,
	`"; DROP TABLE`, "| --- |", "~~x~~", "---\nfoo: bar", `' " \" \'`, "<a href='javascript:alert(1)'>", "</td></tr></table>", "\\end{tabular}",
}

func number(v float64) *float64 { return &v }

// sample returns a card of which every text is s.
func sample(s string) *Card {
	c := &Card{Version: 1, Title: s, Model: s, Owner: s, Release: s, Date: "2026-01-02", Swab: s, Method: s, Verdicts: "00",
		Corpus: Corpus{Name: s, Documents: 4319}, NotRead: []string{s}, Next: []string{s},
		Exams: []Exam{{Exam: s, Model: s, Full: 700, Clean: number(690), Lower: 690, Percentile: &score.Percentile{Low: 80, High: 85}}}}
	for i := range 2 {
		n := Benchmark{Name: s, Items: 164, Found: int64(45 * i), WithAnswer: 15, Share: float64(45*i) / 164, FalseFlags: number(0.0004),
			Methods: []Method{{s, 164, int64(45 * i), 0}}, files: []string{s},
			Scores: []Score{{s, s, number(.311), 119, number(.328), number(.311)}}}
		n.PassUpTo, n.FailAbove = PassUpTo, FailAbove
		n.Status = c.status(&n, n.Share)
		c.Benchmarks = append(c.Benchmarks, n)
	}
	return c
}

func written(t *testing.T, c *Card, format string) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Write(&b, format); err != nil {
		t.Fatal(format, err)
	}
	return b.String()
}

// shape returns the elements of HTML, with their attributes, without the text.
func shape(t *testing.T, markup string) (tags []string) {
	t.Helper()
	for z := html.NewTokenizer(strings.NewReader(markup)); ; {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) {
				t.Fatal(z.Err())
			}
			return tags
		case html.TextToken:
		default:
			tags = append(tags, z.Token().String())
		}
	}
}

// TestHostileText: whatever the names of an audit are, the structure of each output, as its own
// parser reads it, is that of an audit with plain names, and the text is there.
func TestHostileText(t *testing.T) {
	plain := sample("plain")
	renderMarkdown := func(c *Card) string {
		return string(blackfriday.Run([]byte(written(t, c, "markdown")), blackfriday.WithExtensions(blackfriday.CommonExtensions)))
	}
	for _, s := range hostile {
		c := sample(s)
		if got, want := shape(t, written(t, c, "html")), shape(t, written(t, plain, "html")); !slices.Equal(got, want) {
			t.Errorf("%q as HTML: %v", s, got)
		}
		if got, want := shape(t, renderMarkdown(c)), shape(t, renderMarkdown(plain)); !slices.Equal(got, want) {
			t.Errorf("%q as Markdown: %v, want %v", s, got, want)
		}
		for _, format := range []string{"json", "sarif", "croissant"} {
			var v any
			if err := json.Unmarshal([]byte(written(t, c, format)), &v); err != nil {
				t.Errorf("%q as %s: %v", s, format, err)
			}
		}
		var index struct {
			Models []struct {
				Name    string
				Results []any
			} `yaml:"model-index"`
		}
		if err := yaml.Unmarshal([]byte(written(t, c, "model-index")), &index); err != nil || len(index.Models) != 1 || len(index.Models[0].Results) != 2 {
			t.Errorf("%q as model-index: %+v, %v", s, index, err)
		}
		var suites struct {
			Suite struct {
				Tests    int `xml:"tests,attr"`
				Failures int `xml:"failures,attr"`
				Cases    []struct {
					Failure *struct{} `xml:"failure"`
				} `xml:"testcase"`
			} `xml:"testsuite"`
		}
		if err := xml.Unmarshal([]byte(written(t, c, "junit")), &suites); err != nil || suites.Suite.Tests != 3 || len(suites.Suite.Cases) != 3 || suites.Suite.Failures != 1 {
			t.Errorf("%q as JUnit: %+v, %v", s, suites, err)
		}
		lines := strings.Split(strings.TrimSuffix(written(t, c, "github"), "\n"), "\n")
		for _, line := range lines {
			if len(lines) != 3 || !regexp.MustCompile(`^::(error|warning|notice) title=[^:,]*::`).MatchString(line) {
				t.Errorf("%q as annotations: %q", s, lines)
			}
		}
		if got, want := commands(written(t, c, "latex")), commands(written(t, plain, "latex")); got != want {
			t.Errorf("%q as LaTeX: %s, want %s", s, got, want)
		}
		h := &History{Dirs: []string{s, s}, Cards: []*Card{c, sample(s)}}
		h.Cards[0].Corpus.Name = "other" // equal series are told apart by their directories
		h.Dirs[1] += "2"
		for i := range h.Cards {
			h.Cards[i].Benchmarks = h.Cards[i].Benchmarks[:1]
		}
		var plot, samples bytes.Buffer
		if err := errors.Join(h.WriteSVG(&plot), h.WritePrometheus(&samples)); err != nil {
			t.Fatal(err)
		}
		var svg struct {
			Lines []struct{} `xml:"polyline"`
			Dots  []struct {
				Title string `xml:"title"`
			} `xml:"circle"`
		}
		if err := xml.Unmarshal(plot.Bytes(), &svg); err != nil || len(svg.Lines) != 1 || len(svg.Dots) != 2 || strings.Contains(plot.String(), "<script") {
			t.Errorf("%q as SVG: %+v, %v", s, svg, err)
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(&samples)
		if err != nil || len(families["swab_history_found"].GetMetric()) != 2 {
			t.Errorf("%q as Prometheus' text: %v, %v", s, families, err)
		}
		for _, format := range Formats() {
			if format != "json" && strings.ContainsAny(written(t, c, format), "\x1b\x00\u202e") {
				t.Errorf("%q as %s has control characters", s, format)
			}
		}
	}
}

// commands returns what TeX would act on, apart from the commands that print a character.
func commands(latex string) string {
	for _, printed := range []string{`\textbackslash{}`, `\textasciitilde{}`, `\textasciicircum{}`, `\textless{}`, `\textgreater{}`, `\textbar{}`, `\char34{}`,
		`\%`, `\&`, `\$`, `\#`, `\_`, `\{`, `\}`, `{[}`} {
		latex = strings.ReplaceAll(latex, printed, "")
	}
	return strings.Join(regexp.MustCompile(`\\[a-z]+|[&%$#_{}^~\\]`).FindAllString(latex, -1), " ")
}

// TestLaTeXCompiles runs LaTeX on a card, where there is one.
func TestLaTeXCompiles(t *testing.T) {
	tex, err := exec.LookPath("pdflatex")
	if err != nil || testing.Short() {
		t.Skip("skipped: with -short, or there is no pdflatex")
	}
	var b strings.Builder
	b.WriteString("\\documentclass{article}\n\\begin{document}\n")
	for _, s := range hostile {
		b.WriteString(written(t, sample(strings.ToValidUTF8(s, "")), "latex"))
	}
	cmd := exec.Command(tex, "-halt-on-error", "-no-shell-escape")
	cmd.Dir = t.TempDir()
	cmd.Stdin = strings.NewReader(b.String() + "\\end{document}\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestSentence: the sentence is the one that model cards use.
func TestSentence(t *testing.T) {
	c := sample("x")
	c.Swab, c.Method, c.Corpus, c.NotRead = "v1.2", "swab", Corpus{Name: "CORPUS", Documents: 4319, Complete: true}, nil
	n := &c.Benchmarks[1]
	n.Name, n.Low, n.High, n.Decoys = "HumanEval", .212, .347, 5000
	n.Scores[0] = Score{"m", "pass@1", number(.311), 119, number(.328), number(.311)}
	want := "Of 164 HumanEval items 45 (27.4 %; 95 % interval 21.2 to 34.7 %) were found in CORPUS, 15 with the answer " +
		"(swab v1.2, method swab, 2026-01-02; 4,319 documents, all read; false flags at most 0.04 % (0 of 5,000 decoys)). " +
		"m, pass@1: all 31.1, clean 32.8 (119 items); we report 31.1."
	if got := c.sentence(n); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestStatus(t *testing.T) {
	for _, tt := range []struct {
		share    float64
		complete bool
		want     audit.Status
	}{{0, true, audit.Pass}, {.01, true, audit.Pass}, {.0101, true, audit.Look}, {.1, true, audit.Look}, {.11, true, audit.Fail}, {0, false, audit.Look}, {.5, false, audit.Fail}} {
		c := &Card{Corpus: Corpus{Complete: tt.complete}}
		if got := c.status(&Benchmark{PassUpTo: PassUpTo, FailAbove: FailAbove}, tt.share); got != tt.want {
			t.Errorf("%v, complete %v: %s, want %s", tt.share, tt.complete, got, tt.want)
		}
	}
}

// TestDecided: without methods that are named, the one that found most decides, as in the run itself.
func TestDecided(t *testing.T) {
	one := 1.0
	for _, tt := range []struct {
		terms  *audit.Terms
		by     string
		status audit.Status
		other  bool
	}{
		{nil, audit.House, audit.Pass, false},
		{&audit.Terms{Pass: number(1), Fail: number(5)}, "gpt3", audit.Fail, true},
		{&audit.Terms{FailAbove: number(60)}, "gpt3", audit.Look, true},
		{&audit.Terms{Pass: number(1), Fail: number(5), Methods: []string{audit.House}}, audit.House, audit.Pass, false},
	} {
		a := &audit.Audit{Complete: true, Methods: []audit.Method{{Name: audit.House}, {Name: "gpt3"}}, Benchmarks: []audit.Benchmark{{Name: "a", Terms: tt.terms}}}
		b := NewBuilder(&audit.Reader{About: a}, nil)
		rows := []audit.Row{{Method: audit.House, Items: 4}, {Method: "gpt3", Items: 4, Flagged: 2}}
		for i := range 4 {
			other := audit.Verdict{Method: "gpt3", State: item.Clean, Score: &one}
			if i < 2 {
				other.State = item.Flagged
			}
			b.Add(&audit.Item{Benchmark: "a", Verdicts: []audit.Verdict{{Method: audit.House, State: item.Clean, Score: &one}, other}}, "")
		}
		c := b.Card()
		n := &c.Benchmarks[0]
		if n.DecidedBy != tt.by || n.Status != tt.status || (c.OtherDecides(n) != nil) != tt.other {
			t.Errorf("%+v: %s by %s", tt.terms, n.Status, n.DecidedBy)
		}
		if tt.terms == nil {
			continue
		}
		if tt.terms.Judge(rows); tt.terms.Method != n.DecidedBy || tt.terms.Status != "" && tt.terms.Status != n.Status {
			t.Errorf("the run says %s by %s, the card %s by %s", tt.terms.Status, tt.terms.Method, n.Status, n.DecidedBy)
		}
	}
}

// TestBuilder: items are counted by state, part and mark, and decoys bound false flags.
func TestBuilder(t *testing.T) {
	a := &audit.Audit{Complete: true, Methods: []audit.Method{{Name: "gpt3"}, {Name: audit.House}},
		Benchmarks: []audit.Benchmark{{Name: "a", Terms: &audit.Terms{FailAbove: number(0.5)}}, {Name: "b", MediaNotChecked: 2,
			Terms: &audit.Terms{Pass: number(20), Fail: number(30), Methods: []string{audit.House}}}},
		About:  &audit.About{Title: "T", Model: "M", Owner: "O", Release: "R"},
		Shards: []ledger.Entry{{Name: "/data/corpus/x/1.jsonl"}, {Name: "/data/corpus/y/2.jsonl"}},
		Decoys: []audit.Decoys{{Method: audit.House, Benchmark: "b", Items: 100}, {Method: "gpt3", Benchmark: "b", Items: 100, Flagged: 50}}}
	b := NewBuilder(&audit.Reader{About: a}, nil)
	one := 1.0
	for i := range 10 {
		v := audit.Verdict{Method: audit.House, State: item.Clean, Score: &one}
		switch {
		case i < 4:
			v.State, v.Seen = item.Flagged, []string{"input", "input and answer"}[i%2]
		case i == 4:
			v.State, v.Score = item.NotCheckable, nil
		case i == 5:
			v.Kind = "altered"
		}
		mark := audit.Mark("")
		if i < 3 || i == 6 {
			mark = []audit.Mark{audit.Confirmed, audit.Rejected}[i/2%2]
		}
		b.Add(&audit.Item{Benchmark: "b", ID: fmt.Sprint(i), Verdicts: []audit.Verdict{v, {Method: "gpt3", State: item.Clean}}}, mark)
	}
	c := b.Card()
	n := c.Benchmarks[0]
	if n.Name != "b" || n.Items != 10 || n.Found != 4 || n.WithAnswer != 2 || n.NotCheckable != 1 || n.Altered != 1 || n.Media != 2 ||
		n.Status != audit.Fail || n.Decoys != 100 || n.DecoysFound != 0 || *n.FalseFlags > 0.04 || c.Method != audit.House || n.PassUpTo != 20 || n.FailAbove != 30 || c.Benchmarks[1].PassUpTo != 0.5 || c.Title != "T" || c.Release != "R" || c.Corpus.Name != "corpus" {
		t.Errorf("%+v of %+v", n, c)
	}
	if r := c.Review; r == nil || r.Reviewed != 3 || r.Confirmed != 2 {
		t.Errorf("marks: %+v", c.Review)
	}
	if n.Methods[0].Items != 10 || n.Methods[0].Found != 0 || n.Methods[1].Found != 4 {
		t.Errorf("methods: %+v", n.Methods)
	}
}
