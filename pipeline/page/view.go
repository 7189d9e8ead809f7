package page

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"swab/pipeline/audit"
	"swab/pipeline/card"
	"swab/pipeline/ledger"
	"swab/pipeline/report"
)

// view has the values of the template.
type view struct {
	Policy string
	Style  template.CSS

	Title       string
	Audit       *audit.Audit
	Card        *card.Card
	CardText    string    // for a model card, in Markdown
	Thresholds  []float64 // pass up to, fail above, if all benchmarks have the same
	Benches     []benchView
	Heat        heat
	Documents   []documentRow // those with the most items
	Terms       [][2]string   // words of the page, explained
	Matrix      matrix
	Scores      []*scoreRow
	MoreScores  int
	ScoreNotes  []string
	Joining     []string // how results were joined
	Unit, Units string   // of lengths
	Trouble     []string // messages on input that was not read or not checkable, worst first
	BadRows     []badRow
	MoreBad     int
	Plots       []plotGroup
	Methods     []methodView
	Command     string
	Reworded    bool // the method ran
	Reviewed    string
	Notes       []string // messages on items and texts that the report does not show
	Found       string   // "flagged" or "suspected"
	Detailed    bool
	Items       int64
	FoundItems  int64 // by the first method
	AnyFound    int64 // by any method
	Scale       int   // the share that the whole width of a bar represents, percent
	MoreShards  int
	Files       int64 // of all benchmarks
	Shards      []ledger.Entry
	Limits      []string
}

// benchView is a benchmark of the card, with what the page adds.
type benchView struct {
	*card.Benchmark
	Kinds, Others string
	Bar           int // its length, 0 to 1000
}

// heat is a table of shards, those with the most items first, and benchmarks.
type heat struct {
	Cols []string
	Rows []heatRow
	More int
}

type heatRow struct {
	Name  string
	Cells []heatCell
}

// heatCell has the number of a benchmark's items with evidence in a shard, and a level from 0
// to 5 for its colour.
type heatCell struct {
	N     int64
	Level int
	Bench string
}

type matrix struct {
	Corner  string
	Cols    []string
	Rows    []matrixRow
	Methods int
}

type matrixRow struct {
	Name  string
	Cells []matrixCell
}

type matrixCell struct {
	None         bool
	Share        string
	Found        int64
	NotCheckable int64
	Items        int64
}

type badRow struct {
	Shard, Kind, Detail string
	Row                 int64
}

type methodView struct {
	Name, Text, Source, Params, Note string
	Version                          int
}

// The largest number of rows of the page's tables.
const (
	maxScoreRows = 300
	maxBadRows   = 20
	maxShardRows = 500
)

func (b *book) view(o Options) *view {
	a := b.audit
	v := &view{Audit: a, Found: "flagged", Command: b.command(), Plots: b.plots(), Detailed: len(b.items) > 0}
	if b.suspicions {
		v.Found = "suspected"
	}
	v.Card = b.card.Card()
	v.Title = "swab: " + v.Card.Heading()
	var text strings.Builder
	if err := v.Card.Write(&text, "markdown"); err == nil {
		v.CardText = text.String()
	}
	for i := range v.Card.Benchmarks {
		v.Benches = append(v.Benches, b.benchView(&v.Card.Benchmarks[i]))
		v.Items += v.Card.Benchmarks[i].Items
		v.FoundItems += v.Card.Benchmarks[i].Found
	}
	v.Thresholds = sharedThresholds(v.Card.Benchmarks)
	for _, n := range b.anyFound {
		v.AnyFound += n
	}
	v.scaleBars()
	v.Heat, v.Documents = b.heatTable(), b.documentRows()
	v.Terms = terms(b.kinds.list)
	v.Matrix = b.matrix()
	v.Unit, v.Units = b.unit, strings.ToUpper(b.unit[:1])+b.unit[1:]+"s"
	if b.scores != nil {
		for i := range b.scores.Rows {
			v.Scores = append(v.Scores, (*scoreRow)(&b.scores.Rows[i]))
		}
		v.ScoreNotes, v.Joining = b.scores.Warnings, b.scores.Joining
		if v.MoreScores = len(v.Scores) - maxScoreRows; v.MoreScores > 0 {
			v.Scores = v.Scores[:maxScoreRows]
		}
	}
	b.trouble(v)
	for _, m := range a.Methods {
		v.Methods = append(v.Methods, methodOf(m, o.Definitions))
	}
	for _, e := range a.Benchmarks {
		v.Files += int64(len(e.Files))
	}
	v.Shards = a.Shards
	if v.MoreShards = len(a.Shards) - maxShardRows; v.MoreShards > 0 {
		v.Shards = a.Shards[:maxShardRows]
	}
	for _, k := range slices.Sorted(maps.Keys(a.Limits)) {
		v.Limits = append(v.Limits, fmt.Sprintf("%s = %d", k, a.Limits[k]))
	}
	v.Reviewed = b.reviewed()
	v.Reworded = slices.Contains(b.methods.list, audit.Reworded)
	b.notes(v, o)
	return v
}

// sharedThresholds returns the thresholds of the benchmarks, if all have the same.
func sharedThresholds(benches []card.Benchmark) []float64 {
	var shared []float64
	for i := range benches {
		if own := []float64{benches[i].PassUpTo, benches[i].FailAbove}; i == 0 {
			shared = own
		} else if !slices.Equal(own, shared) {
			return nil
		}
	}
	return shared
}

// scaleBars sets the lengths of the bars, which have one scale.
func (v *view) scaleBars() {
	if len(v.Benches) == 0 || v.Benches[0].Share == 0 {
		return
	}
	for _, v.Scale = range []int{1, 2, 5, 10, 20, 50, 100} {
		if v.Benches[0].Share*100 <= float64(v.Scale) {
			break
		}
	}
	for i := range v.Benches {
		v.Benches[i].Bar = int(v.Benches[i].Share * 1e5 / float64(v.Scale))
	}
}

// reviewed returns what reviewers marked, as text; "" without a mark.
func (b *book) reviewed() string {
	n := len(b.marks)
	if n == 0 && b.stale == 0 {
		return ""
	}
	s := fmt.Sprintf("%s marked by reviewers: %d confirmed, %d rejected",
		report.Count(int64(n), "item"), b.confirmed, b.rejected)
	if b.stale > 0 {
		s += "; " + report.Count(int64(b.stale), "mark") + " ignored, whose evidence is no longer in the audit"
	}
	return s + "."
}

// notes says which items and texts the page does not show.
func (b *book) notes(v *view, o Options) {
	note := func(format string, args ...any) { v.Notes = append(v.Notes, fmt.Sprintf(format, args...)) }
	if b.unlisted > 0 {
		note("%s not listed here, to keep this file small; all are in verdicts.parquet.", were(b.unlisted, "item"))
	}
	if b.leftOut > 0 {
		note("The evidence of %s is not in this file, to keep it small; all of it is in evidence.parquet.",
			report.Count(b.leftOut, "more item"))
	}
	if b.documents.more > 0 {
		note("The views of documents leave out %s of items, to keep this file small; all are in evidence.parquet.",
			report.Count(b.documents.more, "place"))
	}
	for i, path := range slices.Sorted(maps.Keys(b.gone)) {
		if i == 3 {
			note("And %s of benchmarks could not be read again.", report.Count(int64(len(b.gone)-3), "more file"))
			break
		}
		note("%s could not be read again, so only the matched words of its items are shown: %s", path, b.gone[path])
	}
	if b.changed > 0 && len(b.gone) == 0 && !o.NoTexts {
		note("No text is shown of %s: the benchmark's file has changed since the audit, or the report would be too large.",
			report.Count(b.changed, "item"))
	}
}

// benchView adds the kinds of the items found, and the range of the shares by other methods.
func (b *book) benchView(n *card.Benchmark) benchView {
	v := benchView{Benchmark: n}
	var kinds []string
	for k, count := range b.kindsFound[b.benches.at[n.Name]] {
		if count > 0 {
			kinds = append(kinds, report.Thousands(count)+" "+b.kinds.list[k])
		}
	}
	v.Kinds = strings.Join(kinds, ", ")
	var low, high *card.Method
	others := int64(0)
	for i := range n.Methods {
		m := &n.Methods[i]
		if m.Name == b.methods.list[0] || m.Items == 0 {
			continue
		}
		others++
		if low == nil || m.Share() < low.Share() {
			low = m
		}
		if high == nil || m.Share() > high.Share() {
			high = m
		}
	}
	if others > 0 {
		l, h := report.Share(low.Found, low.Items), report.Share(high.Found, high.Items)
		if v.Others = l; l != h {
			v.Others += " to " + h
		}
		v.Others += " by " + report.Count(others, "other method")
	}
	return v
}

// maxHeatRows is the largest number of shards in the table of shards and benchmarks.
const maxHeatRows = 40

// heatTable returns the table of shards and benchmarks.
func (b *book) heatTable() heat {
	h := heat{Cols: b.benches.list}
	order := make([]int, len(b.heat))
	most := int64(1)
	for i, row := range b.heat {
		order[i] = i
		most = max(most, slices.Max(row))
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(b.perShard[y], b.perShard[x]) })
	if h.More = len(order) - maxHeatRows; h.More > 0 {
		order = order[:maxHeatRows]
	}
	for _, i := range order {
		r := heatRow{Name: b.shards.list[i]}
		for k, n := range b.heat[i] {
			level := 0
			if n > 0 { // by powers of the largest number
				level = 1 + int(4*math.Log(float64(n))/math.Log(float64(most)+1))
			}
			r.Cells = append(r.Cells, heatCell{n, min(level, 5), b.benches.list[k]})
		}
		h.Rows = append(h.Rows, r)
	}
	return h
}

// terms explains the words of the page, and the kinds that the audit has.
func terms(kinds []string) [][2]string {
	all := [][2]string{
		{"flagged", "by this method, a document of the corpus has the item"},
		{"suspected", "a corpus filter alone says that its words may be in the corpus; there is no evidence yet"},
		{"clean", "not found in these shards by this method"},
		{"not checkable", "too short for the method; kept, and counted apart"},
		{"interval", "the 95 % interval of the share by Wilson, with the items as a sample of what the benchmark could have"},
		{"decoy", "an item made of pieces of items that is in no document: each one flagged is a false flag"},
		{"all, clean, report", "the score on all items, on those not flagged, and the one to report: the lower of the two"},
		{"gain", "the score on all items minus that on clean ones: what the model may owe to having seen them"},
		{"input, answer", "the part of the item that a document has; input and answer if one document has both"},
	}
	for _, k := range [][2]string{
		{"altered", "a document has all of the item but its decisive words: a sibling, or an edited copy"},
		{"too common", "few words, which any text has"},
		{"passage only", "a document has the passage that the item asks about, without the question"},
		{"template only", "only text that is in several items of the benchmark"},
		{"fragment", "too little of the item"},
		{"by filter", "a filter that does not bound the method suspects nothing"},
		{"source flagged", "the item that this one translates is flagged"},
		{"reworded", "a document may have it in other words; to be reviewed"},
	} {
		if slices.Contains(kinds, k[0]) {
			all = append(all, k)
		}
	}
	return all
}

// matrix returns a table of benchmarks and methods but those that only find what is to be
// reviewed; the shorter list has the columns.
func (b *book) matrix() matrix {
	cell := func(bench, method int) matrixCell {
		if method >= len(b.counts[bench]) || b.counts[bench][method].Items == 0 {
			return matrixCell{None: true}
		}
		c := b.counts[bench][method]
		share := report.Share(c.Found(), c.Items)
		return matrixCell{Share: share, Found: c.Found(), NotCheckable: c.NotCheckable, Items: c.Items}
	}
	var methods []string
	for _, name := range b.methods.list {
		if !audit.OnlyReviews(name, b.audit.Flag) {
			methods = append(methods, name)
		}
	}
	m := matrix{Corner: "benchmark", Cols: methods, Methods: len(methods)}
	rows, cols := b.benches.list, methods
	turned := len(methods) > len(b.benches.list) && len(methods) > 4
	if turned {
		rows, cols = cols, rows
		m.Corner, m.Cols = "method", cols
	}
	for _, row := range rows {
		r := matrixRow{Name: row}
		for _, col := range cols {
			bench, method := row, col
			if turned {
				bench, method = col, row
			}
			r.Cells = append(r.Cells, cell(b.benches.at[bench], b.methods.at[method]))
		}
		m.Rows = append(m.Rows, r)
	}
	return m
}

// trouble lists the input that was not read or not checkable.
func (b *book) trouble(v *view) {
	a := b.audit
	say := func(format string, args ...any) { v.Trouble = append(v.Trouble, fmt.Sprintf(format, args...)) }
	failed := 0
	for _, e := range a.Shards {
		if e.Error != "" {
			if failed++; failed <= 10 {
				say("Shard not used: %s", e.Error)
			}
		}
		for _, bad := range e.FirstBad {
			if len(v.BadRows) < maxBadRows {
				v.BadRows = append(v.BadRows, badRow{e.Name, bad.Kind, head(bad.Detail, 300), bad.Row})
			} else {
				v.MoreBad++
			}
		}
	}
	if failed > 10 {
		say("And %s that could not be used; audit.json lists all.", report.Count(int64(failed-10), "more shard"))
	}
	if n := len(a.Unread); n > 0 {
		say("%s that look like data were not read; audit.json lists all. The first: %s (%s).",
			report.Count(int64(n), "file"), a.Unread[0].Name, a.Unread[0].Why)
	}
	if a.Task != "" {
		say("Only task %s of the corpus was read.", a.Task)
	}
	if a.Totals.Empty > 0 {
		say("Documents of the corpus without a word: %s.", report.Thousands(a.Totals.Empty))
	}
	for _, kind := range slices.Sorted(maps.Keys(a.Totals.Disguised)) {
		say("Documents of the corpus with text that may hide copies, %s: %s.", kind,
			report.Thousands(a.Totals.Disguised[kind]))
	}
	for _, kind := range slices.Sorted(maps.Keys(a.Totals.Skipped)) {
		say("%s of the corpus skipped: %s. They were not checked.", report.Count(a.Totals.Skipped[kind], "row"), kind)
	}
	for _, kind := range slices.Sorted(maps.Keys(a.Totals.Repaired)) {
		say("%s of the corpus repaired: %s. They were checked with U+FFFD in place of ill-formed characters.",
			report.Count(a.Totals.Repaired[kind], "row"), kind)
	}
	for i, name := range b.benches.list {
		var parts []string
		for m, c := range b.counts[i] {
			if c.NotCheckable > 0 {
				parts = append(parts, fmt.Sprintf("%s by %s", report.Thousands(c.NotCheckable), b.methods.list[m]))
			}
		}
		if len(parts) > 4 {
			parts = append(parts[:3], fmt.Sprintf("and more by %d other methods", len(parts)-3))
		}
		if len(parts) > 0 {
			say("%s: items too short to be checked: %s.", name, strings.Join(parts, ", "))
		}
	}
	for _, e := range a.Benchmarks {
		for _, w := range e.Warnings {
			say("%s: %s", e.Name, w)
		}
	}
}

func methodOf(m audit.Method, defs []Definition) methodView {
	v := methodView{Name: m.Name, Version: m.Version}
	i := slices.IndexFunc(defs, func(d Definition) bool { return d.Name == m.Name })
	switch {
	case i < 0:
		v.Note = "This program does not have this method."
	case defs[i].Version != m.Version:
		v.Note = fmt.Sprintf("This program has version %d of this method.", defs[i].Version)
	default:
		v.Text, v.Source = defs[i].Text, defs[i].Source
	}
	params := maps.Clone(m.Params)
	if n, ok := params["n"].(map[string]any); ok { // one number if all benchmarks have the same
		var all []string
		for _, k := range slices.Sorted(maps.Keys(n)) {
			all = append(all, fmt.Sprint(n[k]))
		}
		if len(slices.Compact(all)) == 1 {
			params["n"] = n[slices.Sorted(maps.Keys(n))[0]]
		}
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(params)) {
		b, err := json.Marshal(params[k])
		if err != nil {
			b = []byte(fmt.Sprint(params[k]))
		}
		parts = append(parts, k+" = "+string(b))
	}
	v.Params = strings.Join(parts, "; ")
	return v
}

// command returns a command line that repeats the audit.
func (b *book) command() string {
	a := b.audit
	var w []string
	if b.suspicions {
		w = append(w, "swab check --index INDEX")
	} else {
		w = append(w, "swab scan")
		if len(a.Shards) > 20 {
			w = append(w, "--corpus @shards.txt")
		} else {
			for _, e := range a.Shards {
				w = append(w, "--corpus "+report.ShellWord(e.Name))
			}
		}
		for _, f := range []struct{ flag, value, standard string }{
			{"--text-field", a.TextField, "text"}, {"--id-field", a.IDField, "id"}, {"--text-unit", a.TextUnit, "file"},
		} {
			if f.value != f.standard {
				w = append(w, f.flag+" "+report.ShellWord(f.value))
			}
		}
		if a.Tokens != nil {
			w = append(w, "--tokenizer FILE")
			if flags := a.Tokens.Flags(); flags != "" {
				w = append(w, flags)
			}
		}
	}
	for _, e := range a.Benchmarks {
		path := ""
		if len(e.Files) > 0 {
			path = e.Files[0].Path
		}
		if len(e.Files) > 1 {
			path = filepath.Dir(path)
			for _, f := range e.Files {
				for path != filepath.Dir(path) && !strings.HasPrefix(f.Path, path+string(filepath.Separator)) {
					path = filepath.Dir(path)
				}
			}
		}
		w = append(w, "--bench "+report.ShellWord(e.Name+"="+path))
	}
	for _, e := range a.Benchmarks { // fields are for all benchmarks of a command
		if e.Preset == "" && len(a.Benchmarks) == 1 {
			for _, f := range e.Files {
				if f.Fields != "" {
					w = append(w, "--fields "+report.ShellWord(f.Fields))
					break
				}
			}
		}
	}
	for _, m := range a.Methods {
		w = append(w, "--method "+report.ShellWord(m.Name))
	}
	return strings.Join(append(w, "--out audit"), " \\\n    ")
}

// were returns n with its unit and verb.
func were(n int64, what string) string {
	if n == 1 {
		return report.Count(n, what) + " is"
	}
	return report.Count(n, what) + " are"
}

// percent returns a share as a percentage, or a dash if there is none.
func percent(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100**v)
}

// points returns a difference of shares in points, with its sign.
func points(v *float64) string {
	if v == nil {
		return "-"
	}
	s := fmt.Sprintf("%+.1f", 100**v)
	if s == "+0.0" || s == "-0.0" {
		s = "0.0"
	}
	return strings.Replace(s, "-", "−", 1)
}

// pvalue returns a probability as text, small ones as "less than".
func pvalue(v *float64) string {
	switch {
	case v == nil:
		return "-"
	case *v < 0.001:
		return "<0.001"
	}
	return fmt.Sprintf("%.3f", *v)
}
