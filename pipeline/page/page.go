// Package page writes an audit as one HTML file that needs no network, no server and no other
// file: the benchmarks and the corpus, the items with their evidence, plots, and the exact
// methods.
//
// # The file
//
// Everything that a reader must see is HTML, written by html/template, which escapes by
// context, and is shown without scripts too. The items' columns and the evidence are data:
// gzipped JSON in base64, in script elements of a type that no browser runs, so no text of a
// corpus is in the file as markup. The page's script decodes the columns when the page is
// opened and the evidence, in chunks of up to 256 items, when it is needed, and puts all text
// on the page as text. A Content-Security-Policy with the digests of the one script and the
// one style sheet forbids everything else.
//
// # Size
//
// Up to [maxItems] items are listed, those found first; the evidence of [maxDetailed] of them
// is in the file, all together at most about 25 MB. The more items, the less of each text is
// shown. Omitted items and evidence are counted, and are in verdicts.parquet and
// evidence.parquet. This bounds memory too.
//
// # Plots
//
// Plots are SVG of this package, a few shapes each. The plotting libraries for Go draw
// pictures with fixed colours and without values to point at; here the style sheet has the
// colours, for light, dark and paper, each mark has its value, and each plot its table.
package page

import (
	"bufio"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode/utf8"

	"swab/pipeline/audit"
	"swab/pipeline/card"
	"swab/pipeline/publish"
	"swab/pipeline/report"
	"swab/pipeline/score"
)

// Options are the inputs of the report beside the audit directory.
type Options struct {
	Sealed      *audit.Audit // as it was sealed in the directory just now; nil: it is read
	Scores      string       // a file that swab score wrote; "": scores.json in the directory, if it exists
	Definitions []Definition // of the methods, for readers
	NoTexts     bool         // leave out the benchmarks' own texts
}

// Definition is a method in words.
type Definition struct {
	Name         string
	Version      int
	Text, Source string
}

var (
	//go:embed page.html.tmpl
	markup string
	//go:embed page.css
	style string
	//go:embed page.js
	script string
)

// WriteInto writes the report of the audit that the caller has locked into it, in one step.
func WriteInto(ctx context.Context, dir *publish.Dir, o Options) error {
	return dir.Replace(audit.ReportFile, func(w io.Writer) error { return Write(ctx, dir.Path(), w, o) })
}

// Write writes the report of the audit in dir to w. The same audit, benchmark files and
// options are written as the same bytes.
func Write(ctx context.Context, dir string, w io.Writer, o Options) error {
	b, err := gather(ctx, dir, o)
	if err != nil {
		return fmt.Errorf("report of %s: %w", dir, err)
	}
	t, err := template.New("page").Funcs(template.FuncMap{
		"clean": report.CleanText, "n": report.Thousands, "share": report.Share,
		"unit": report.Count, "bytes": report.Bytes, "pvalue": pvalue,
		"rows": func(list []*scoreRow) int64 { return int64(len(list)) }, "cleanLines": text,
		"score": card.Number, "number": func(v float64) string { return fmt.Sprintf("%.4g", v) },
		"brief": func(name string) bool { return utf8.RuneCountInString(name) <= 20 },
	}).Parse(markup)
	if err != nil {
		return err
	}
	v := b.view(o)
	v.Policy = "default-src 'none'; script-src " + source(script) + "; style-src " + source(style) +
		"; base-uri 'none'; form-action 'none'"
	v.Style = template.CSS(style)
	buf := bufio.NewWriterSize(w, 1<<16)
	if err := t.Execute(buf, v); err != nil {
		return fmt.Errorf("report of %s: %w", dir, err)
	}
	columns, err := json.Marshal(b.columns())
	if err != nil {
		return err
	}
	packed, err := pack(columns)
	if err != nil {
		return err
	}
	data(buf, "columns", packed)
	for _, c := range []*chunks{&b.verdicts, &b.proofs, &b.texts} {
		for i, chunk := range c.packed {
			data(buf, fmt.Sprint(c.name, i), chunk)
		}
	}
	fmt.Fprintf(buf, "<script>%s</script>\n</body>\n</html>\n", script)
	return buf.Flush()
}

// source returns the source expression of a policy that allows one inline script or style
// sheet.
func source(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// data writes bytes as an element that no browser runs.
func data(w *bufio.Writer, id string, b []byte) {
	fmt.Fprintf(w, "<script type=\"application/gzip\" id=\"%s\">", id)
	enc := base64.NewEncoder(base64.StdEncoding, w)
	enc.Write(b)
	enc.Close()
	w.WriteString("</script>\n")
}

// A scoreRow is a row of the scores as the page shows it.
type scoreRow score.Row

// shares reports whether the scores are shares, 0 to 1, and not on another scale.
func (r *scoreRow) shares() bool {
	for _, v := range []*float64{r.All, r.Clean, r.Flagged} {
		if v != nil && (*v < 0 || *v > 1) {
			return false
		}
	}
	return true
}

// Value returns a score as text.
func (r *scoreRow) Value(v *float64) string {
	if v == nil || r.shares() {
		return percent(v)
	}
	return number(*v)
}

// Difference returns a difference of scores as text, with its sign.
func (r *scoreRow) Difference(v *float64) string {
	if v == nil || r.shares() {
		return points(v)
	}
	return strings.Replace(fmt.Sprintf("%+.4g", *v), "-", "−", 1)
}

// Notes returns the row's warnings.
func (r *scoreRow) Notes() string { return strings.Join(r.Warnings, "; ") }
