// Package card states what an audit found in the figures that people sign: for each benchmark
// the share found and how sure it is, a status, the scores to report, and what to do next. The
// report's first screen, swab card, and the files for CI are made of it.
//
// # Status
//
// A benchmark passes if at most PassUpTo percent of its items were found by the first method,
// which is audit.House if it ran, and fails above FailAbove percent; between the two a person
// should look. An audit can have other thresholds, and name the methods that decide: the one that
// found most does, as in the run's own status and exit code, and of all methods if none is named.
// If some input was not read, no benchmark passes.
//
// # How sure
//
// The interval of a share is Wilson's, which regards the items as a sample of all items that
// the benchmark could have. False flags are bounded by the decoys, items made to be in no
// document: the upper end of the 95 % interval of their flagged share.
package card

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/ledger"
	"swab/pipeline/report"
	"swab/pipeline/score"
)

// The thresholds of a benchmark that has none of its own, in percent.
const (
	PassUpTo  = 1
	FailAbove = 10
)

// A Card is what an audit found. Its JSON form is card.json.
type Card struct {
	Version    int         `json:"version"`
	Title      string      `json:"title,omitempty"`
	Model      string      `json:"model,omitempty"`
	Owner      string      `json:"owner,omitempty"`
	Release    string      `json:"release,omitempty"`
	Date       string      `json:"date"` // when the audit was written, YYYY-MM-DD in UTC
	Swab       string      `json:"swab"`
	Verdicts   string      `json:"verdicts"` // the digest of the audit's verdicts
	Method     string      `json:"method"`
	MethodsRun int         `json:"methods_run"`
	Suspected  bool        `json:"suspected,omitempty"` // by a corpus filter alone, without evidence
	Corpus     Corpus      `json:"corpus"`
	Benchmarks []Benchmark `json:"benchmarks"` // the worst status first, then the largest share found
	Exams      []Exam      `json:"exams,omitempty"`
	Review     *Marks      `json:"review,omitempty"`
	NotRead    []string    `json:"not_read"`
	Next       []string    `json:"next_steps"`
}

// Corpus is what was searched.
type Corpus struct {
	Name      string `json:"name"`
	Documents int64  `json:"documents"`
	TextBytes int64  `json:"text_bytes"`
	Shards    int64  `json:"shards"`
	Failed    int64  `json:"shards_failed"`
	Complete  bool   `json:"complete"`
}

// Benchmark is what was found of a benchmark by the first method, and its scores.
type Benchmark struct {
	Name         string       `json:"name"`
	Status       audit.Status `json:"status"`
	PassUpTo     float64      `json:"pass_up_to"` // percent of the items
	FailAbove    float64      `json:"fail_above"`
	DecidedBy    string       `json:"decided_by"` // the method that found most, of those that decide
	Items        int64        `json:"items"`
	Found        int64        `json:"found"`
	WithAnswer   int64        `json:"found_with_answer"`
	Altered      int64        `json:"altered"`   // clean, but in a document all but their decisive words
	ToReview     int64        `json:"to_review"` // clean, but in a document in other words
	NotCheckable int64        `json:"not_checkable"`
	Media        int64        `json:"media_not_checked"`
	Share        float64      `json:"share"` // found of the items
	Low          float64      `json:"share_low"`
	High         float64      `json:"share_high"`
	Decoys       int64        `json:"decoys"`
	DecoysFound  int64        `json:"decoys_flagged"`
	FalseFlags   *float64     `json:"false_flags_at_most"` // a share of the clean items; null without decoys
	Methods      []Method     `json:"methods"`
	Scores       []Score      `json:"scores,omitempty"`
	files        []string
	terms        *audit.Terms
}

// Method counts the verdicts of a method on a benchmark.
type Method struct {
	Name         string `json:"name"`
	Items        int64  `json:"items"`
	Found        int64  `json:"found"`
	NotCheckable int64  `json:"not_checkable"`
}

// Share returns the share found of the items.
func (m *Method) Share() float64 { return float64(m.Found) / float64(max(m.Items, 1)) }

// Score is a model's score on a benchmark. Scores are as the metric has them.
type Score struct {
	Model  string   `json:"model"`
	Metric string   `json:"metric"`
	All    *float64 `json:"all"`
	NClean int64    `json:"n_clean"`
	Clean  *float64 `json:"clean"`
	Lower  *float64 `json:"lower"` // the one to report
}

// Exam is a model's grade in an exam, with the percentile range of test takers.
type Exam struct {
	Exam       string            `json:"exam"`
	Model      string            `json:"model"`
	Full       float64           `json:"full"`
	Clean      *float64          `json:"clean"`
	Lower      float64           `json:"lower"`
	Percentile *score.Percentile `json:"lower_percentile"`

	// 95 % intervals, through the exam's scale
	FullLow   *float64 `json:"full_low"`
	FullHigh  *float64 `json:"full_high"`
	CleanLow  *float64 `json:"clean_low"`
	CleanHigh *float64 `json:"clean_high"`
}

// Marks is how reviewers decided on items that were found.
type Marks struct {
	Reviewed  int64   `json:"reviewed"`
	Confirmed int64   `json:"confirmed"`
	Precision float64 `json:"precision"`
	Low       float64 `json:"precision_low"`
	High      float64 `json:"precision_high"`
}

// Options are inputs beside the audit.
type Options struct {
	Scores string // a file that swab score wrote; "": scores.json in the directory, if it exists
}

// Read returns the card of the audit in dir.
func Read(ctx context.Context, dir string, o Options) (*Card, error) {
	r, err := audit.Open(dir)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	table, err := ReadScores(r, o.Scores)
	if err != nil {
		return nil, err
	}
	marks, _, err := r.Marked(ctx)
	if err != nil {
		return nil, err
	}
	b := NewBuilder(r, table)
	for it, err := range r.Items(ctx) {
		if err != nil {
			return nil, err
		}
		b.Add(it, marks[audit.Place{Benchmark: it.Benchmark, Split: it.Split, Item: it.ID, Digest: it.Digest}].Mark)
	}
	return b.Card(), nil
}

// ReadScores reads the scores that were computed from the audit's verdicts. Unless path is
// set, it is no error if there are none.
func ReadScores(r *audit.Reader, path string) (*score.Table, error) {
	required := path != ""
	if !required {
		path = filepath.Join(r.Dir, audit.ScoresFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		if !required && errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	t := new(score.Table)
	if err := errors.Join(json.Unmarshal(b, t), ledger.CheckObject(b)); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if t.Version != 1 {
		return nil, fmt.Errorf("%s: its version is %d, this program reads 1", path, t.Version)
	}
	if err := r.About.CheckMadeFrom(path, t.Verdicts); err != nil {
		return nil, err
	}
	return t, nil
}

// A Builder makes a Card of the items of an audit.
type Builder struct {
	card  Card
	about *audit.Audit
	table *score.Table
	at    map[string]int
	marks Marks
}

// NewBuilder begins the card of an audit; table may be nil.
func NewBuilder(r *audit.Reader, table *score.Table) *Builder {
	a := r.About
	b := &Builder{about: a, table: table, at: map[string]int{}}
	b.card = Card{Version: 1, Swab: a.Swab, Verdicts: a.VerdictsDigest(), MethodsRun: len(a.Methods),
		Corpus: Corpus{Name: corpusName(a.Shards), Documents: a.Totals.Documents, TextBytes: a.Totals.TextBytes,
			Shards: a.Totals.Shards, Failed: a.Totals.ShardsFailed, Complete: a.Complete},
		NotRead: []string{}, Next: []string{}}
	if info, err := os.Stat(filepath.Join(r.Dir, audit.File)); err == nil {
		b.card.Date = info.ModTime().UTC().Format(time.DateOnly)
	}
	if about := a.About; about != nil {
		b.card.Title, b.card.Model, b.card.Owner, b.card.Release = about.Title, about.Model, about.Owner, about.Release
		b.card.Corpus.Name = cmp.Or(about.Corpus, b.card.Corpus.Name)
	}
	for i, m := range a.Methods {
		if i == 0 || m.Name == audit.House {
			b.card.Method = m.Name
		}
	}
	for _, e := range a.Benchmarks {
		b.at[e.Name] = len(b.card.Benchmarks)
		n := Benchmark{Name: e.Name, Media: e.MediaNotChecked, PassUpTo: PassUpTo, FailAbove: FailAbove}
		n.setTerms(e.Terms)
		for _, f := range e.Files {
			n.files = append(n.files, f.Path)
		}
		for _, m := range a.Methods {
			if audit.OnlyReviews(m.Name, a.Flag) {
				continue
			}
			n.Methods = append(n.Methods, Method{Name: m.Name})
		}
		b.card.Benchmarks = append(b.card.Benchmarks, n)
	}
	return b
}

// setTerms sets the thresholds that the audit has of the benchmark.
func (n *Benchmark) setTerms(t *audit.Terms) {
	if t == nil {
		return
	}
	n.terms = t
	switch {
	case t.Fail != nil:
		n.FailAbove = *t.Fail
	case t.FailAbove != nil:
		n.FailAbove = *t.FailAbove
	case t.Pass != nil:
		n.FailAbove = max(n.FailAbove, *t.Pass)
	}
	n.PassUpTo = min(n.PassUpTo, n.FailAbove)
	if t.Pass != nil {
		n.PassUpTo = *t.Pass
	}
}

// decides reports whether the method's share decides on the benchmark's status.
func (c *Card) decides(n *Benchmark, method string) bool {
	if n.terms == nil {
		return method == c.Method
	}
	return len(n.terms.Methods) == 0 || slices.Contains(n.terms.Methods, method)
}

// Decided returns the counts of the method that decides on the benchmark's status.
func (n *Benchmark) Decided() *Method {
	for k := range n.Methods {
		if n.Methods[k].Name == n.DecidedBy {
			return &n.Methods[k]
		}
	}
	return new(Method)
}

// OtherDecides returns the counts of the method that decides on the benchmark's status, or nil if
// it is the card's own.
func (c *Card) OtherDecides(n *Benchmark) *Method {
	if n.DecidedBy == "" || n.DecidedBy == c.Method {
		return nil
	}
	return n.Decided()
}

// corpusName returns the name of the directory that has all shards.
func corpusName(shards []ledger.Entry) string {
	if len(shards) == 0 {
		return "the corpus"
	}
	dir := path.Dir(shards[0].Name)
	for _, e := range shards[1:] {
		for dir != path.Dir(dir) && !strings.HasPrefix(e.Name, dir+"/") {
			dir = path.Dir(dir)
		}
	}
	if len(shards) == 1 {
		return path.Base(shards[0].Name)
	}
	if dir == "." || dir == "/" {
		return "the corpus"
	}
	return path.Base(dir)
}

// Add counts the verdicts on an item, and its mark.
func (b *Builder) Add(it *audit.Item, mark audit.Mark) {
	i, ok := b.at[it.Benchmark]
	if !ok {
		return
	}
	n := &b.card.Benchmarks[i]
	n.Items++
	found := false
	for k := range it.Verdicts {
		v := &it.Verdicts[k]
		if m := slices.IndexFunc(n.Methods, func(m Method) bool { return m.Name == v.Method }); m >= 0 {
			n.Methods[m].Items++
			if v.State.Found() {
				n.Methods[m].Found++
			}
			if v.State == item.NotCheckable {
				n.Methods[m].NotCheckable++
			}
		}
		found = found || v.State.Found()
		b.card.Suspected = b.card.Suspected || v.State == item.Suspected
		if v.Method == b.card.Method {
			n.add(v)
		}
	}
	if !found && it.Reworded() != nil {
		n.ToReview++
	}
	if found && mark != "" {
		b.marks.Reviewed++
		if mark == audit.Confirmed {
			b.marks.Confirmed++
		}
	}
}

// add counts the verdict of the card's method on an item.
func (n *Benchmark) add(v *audit.Verdict) {
	switch {
	case v.State.Found():
		n.Found++
		if strings.Contains(v.SeenParts(), "answer") {
			n.WithAnswer++
		}
	case v.State == item.NotCheckable:
		n.NotCheckable++
	case v.Kind == "altered":
		n.Altered++
	}
}

// Card completes the card and returns it.
func (b *Builder) Card() *Card {
	c := &b.card
	for _, d := range b.about.Decoys {
		if i, ok := b.at[d.Benchmark]; ok && d.Method == c.Method {
			c.Benchmarks[i].Decoys += d.Items
			c.Benchmarks[i].DecoysFound += d.Flagged
		}
	}
	for i := range c.Benchmarks {
		n := &c.Benchmarks[i]
		if n.Items > 0 {
			n.Share = float64(n.Found) / float64(n.Items)
			n.Low, n.High = score.Wilson(n.Found, n.Items)
		}
		if n.Decoys > 0 {
			_, high := score.Wilson(n.DecoysFound, n.Decoys)
			n.FalseFlags = &high
		}
		for k := range n.Methods {
			m := &n.Methods[k]
			if c.decides(n, m.Name) && (n.DecidedBy == "" || m.Share() > n.Decided().Share()) {
				n.DecidedBy = m.Name
			}
		}
		n.Status = c.status(n, n.Decided().Share())
	}
	if b.marks.Reviewed > 0 {
		m := b.marks
		m.Precision = float64(m.Confirmed) / float64(m.Reviewed)
		m.Low, m.High = score.Wilson(m.Confirmed, m.Reviewed)
		c.Review = &m
	}
	b.addScores()
	slices.SortStableFunc(c.Benchmarks, func(x, y Benchmark) int {
		return cmp.Or(slices.Index(statuses, x.Status)-slices.Index(statuses, y.Status), cmp.Compare(y.Share, x.Share))
	})
	c.NotRead = append(c.NotRead, b.notRead()...)
	c.Next = append(c.Next, c.next()...)
	return c
}

// status compares a share with the benchmark's thresholds.
func (c *Card) status(n *Benchmark, share float64) audit.Status {
	switch {
	case 100*share > n.FailAbove:
		return audit.Fail
	case 100*share > n.PassUpTo || !c.Corpus.Complete:
		return audit.Look
	}
	return audit.Pass
}

// addScores adds the scores of whole benchmarks by the card's method.
func (b *Builder) addScores() {
	if b.table == nil {
		return
	}
	for i := range b.table.Rows {
		r := &b.table.Rows[i]
		at, ok := b.at[r.Benchmark]
		if !ok || r.Subject != "" || r.Method != b.card.Method {
			continue
		}
		n := &b.card.Benchmarks[at]
		n.Scores = append(n.Scores, Score{r.Model, r.Metric, r.All, r.NClean, r.Clean, r.Lower})
	}
	for _, g := range b.table.Exams {
		if g.Method == b.card.Method {
			b.card.Exams = append(b.card.Exams, Exam{
				Exam: g.Exam, Model: g.Model, Full: g.Full, Clean: g.Clean, Lower: g.Lower, Percentile: g.LowerRange,
				FullLow: g.FullLow, FullHigh: g.FullHigh, CleanLow: g.CleanLow, CleanHigh: g.CleanHigh,
			})
		}
	}
}

// notRead describes the input that was not read, a sentence each.
func (b *Builder) notRead() (list []string) {
	a := b.about
	say := func(n int64, what, rest string) {
		if n > 0 {
			list = append(list, report.Count(n, what)+rest)
		}
	}
	say(a.Totals.ShardsFailed, "shard", " could not be used")
	say(int64(len(a.Unread)), "file", " that look like data were not read")
	if a.Task != "" {
		list = append(list, "only task "+a.Task+" of the corpus was read")
	}
	skipped := int64(0)
	for _, n := range a.Totals.Skipped {
		skipped += n
	}
	say(skipped, "row", " of the corpus were skipped")
	say(a.Totals.Empty, "document", " without a word")
	return list
}

// statuses are all, the worst first.
var statuses = []audit.Status{audit.Fail, audit.Look, audit.Pass}

// A Standing is how many benchmarks have a status, and which.
type Standing struct {
	Status audit.Status
	Text   string
}

// Standings returns the statuses of all benchmarks, the worst first.
func (c *Card) Standings() (list []Standing) {
	for _, status := range statuses {
		var which []string
		for i := range c.Benchmarks {
			if n := &c.Benchmarks[i]; n.Status != status {
				continue
			} else if d := c.OtherDecides(n); d != nil {
				which = append(which, fmt.Sprintf("%s (%s by %s)", n.Name, percent(d.Share()), d.Name))
			} else {
				which = append(which, fmt.Sprintf("%s (%s)", n.Name, percent(n.Share)))
			}
		}
		if len(which) > 0 {
			list = append(list, Standing{status, names(which)})
		}
	}
	return list
}

// Sure says how many decoys of all benchmarks were flagged, or nothing if there were none.
func (c *Card) Sure() string {
	decoys, flagged := int64(0), int64(0)
	for i := range c.Benchmarks {
		decoys += c.Benchmarks[i].Decoys
		flagged += c.Benchmarks[i].DecoysFound
	}
	if decoys == 0 {
		return ""
	}
	return fmt.Sprintf("How sure: of %s, which are in no document, %s flagged.",
		report.Count(decoys, "decoy"), report.Thousands(flagged))
}

// Reported returns the scores to report, the lower of all and clean, "" if there are none.
func (c *Card) Reported() string {
	var list []string
	for i := range c.Benchmarks {
		for _, s := range c.Benchmarks[i].Scores {
			list = append(list, fmt.Sprintf("%s %s (%s)", c.Benchmarks[i].Name, Number(s.Lower), s.Model))
		}
	}
	return names(list)
}

// next returns what to do next, by name.
func (c *Card) next() (list []string) {
	if !c.Corpus.Complete {
		list = append(list, "Fix the input that was not read and run the same command: nothing is proved of it.")
	}
	if c.Suspected {
		return append(list, "Run swab scan, or swab check --trace, on the corpus: a filter alone only suspects.")
	}
	var score, open []string
	found, altered, review := int64(0), int64(0), int64(0)
	for i := range c.Benchmarks {
		n := &c.Benchmarks[i]
		if decided := n.Decided(); n.Status != audit.Pass && decided.Found > 0 {
			open = append(open, n.Name)
			found += decided.Found
			if len(n.Scores) == 0 {
				score = append(score, fmt.Sprintf("%s on clean/%s", n.Name, n.DecidedBy))
			}
		}
		altered, review = altered+n.Altered, review+n.ToReview
	}
	if c.Review == nil && found > 0 {
		list = append(list, fmt.Sprintf("Review a sample of the %s of %s (swab review): the marks measure the precision.",
			report.Count(found, "item"), names(open)))
	}
	if len(score) > 0 && c.Corpus.Complete {
		list = append(list, fmt.Sprintf("Score %s, and on all items (swab score); report the lower of the two.",
			names(score)))
	}
	if altered > 0 {
		list = append(list, fmt.Sprintf("Decide on %s of which a document has all but the decisive words: "+
			"they count as clean; swab scan --flag altered counts them as flagged.", report.Count(altered, "item")))
	}
	if review > 0 {
		list = append(list, fmt.Sprintf("Review %s that a document may have in other words (swab review): "+
			"they count as clean; swab scan --flag reworded counts them as flagged.", report.Count(review, "item")))
	}
	if len(list) == 0 {
		list = append(list, "Nothing is left to do: report the scores on all items, with this card.")
	}
	return list
}

// names joins names, at most four of them.
func names(list []string) string {
	if len(list) > 4 {
		list = append(slices.Clone(list[:3]), fmt.Sprintf("%d more", len(list)-3))
	}
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}
