// Package score computes what contamination does to the scores of models: on all items of
// a benchmark, on the clean ones and on the flagged ones, with intervals and tests.
//
// It reads no files. A [Benchmark] has a column of states for each method, a [Result] a
// column of scores for each model; both are by item. [Compute] returns the [Table]: a [Row]
// for each model, benchmark, subject and method.
//
// # Definitions
//
// The clean items are a subset of all items, so their scores are not compared like those of
// two samples. With w the share flagged,
//
//	all  = w·flagged + (1−w)·clean
//	gain = all − clean = w·(flagged − clean)
//
// and the interval and the test are those of flagged − clean, which have no items in
// common. Items that a method could not check stay in the clean variant and in its
// score, and are also counted separately.
//
//	scores                          interval of the gain               p-value
//	0 and 1                         Newcombe's, times w                mid-p of Fisher's, two-sided
//	graded, 100 or more on a side   BCa bootstrap of items with flags  permutation of flags
//	graded, fewer                   Newcombe's for as many items as    permutation of flags
//	                                binary scores of this variance need
//	in clusters, 100 or more        BCa bootstrap of clusters          t with clustered standard error
//	in clusters, fewer on a side    as of graded, fewer                t with both sides' variance pooled
//
// The range of graded scores is [0, 1] if they are all in it, else from the smallest
// to the largest.
//
// With strata the gain within them is computed too: flagged − clean in each stratum, weighted by
// its flagged items, times w. Its p-value is of flags permuted within strata, and its interval
// has the gains that this test does not reject. The p-value of the row is then this one, and the
// gain over all strata has no interval.
//
// The smallest detectable gain is, of 0 and 1 without clusters and strata, exact: the power of the
// test itself, where clean items score as they do and flagged ones higher, up to 1. Of others
// it is that of the normal distribution.
//
// P-values are adjusted within each method. PJoint is adjusted over the methods of a model and
// benchmark: the largest |z| of all methods, scores permuted among items. Random numbers depend only on
// the seed and the names of the row, so results do not depend on the number of lanes, and a
// row does not change when others are added to the table.
//
// A gain is descriptive; it is not the effect of having seen the items. Flagged items may
// be easier or harder than others. A difference in differences against a model that
// was not trained on the corpus ([Options.Reference]) removes that.
package score

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"swab/ngram/item"
	"swab/pipeline/report"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"
)

// A Method has one method's verdicts on a benchmark's items. Missing items have no verdict of
// the method; they are left out, with a warning. Suspected items count as flagged, with a
// warning.
type Method struct {
	Name          string
	States        []item.State
	Contamination []float64 // the score that is compared with the threshold, or NaN; nil: no curve

	// Threshold and Dirty are the two of Llama 2's method; Dirty is 0 of others.
	Threshold, Dirty float64
}

// A Benchmark is the items of one benchmark, column by column.
type Benchmark struct {
	Name     string
	Items    int
	IDs      []string // of each item; only exams need them
	Methods  []Method
	Subject  []int32  // of each item, in Subjects; nil: no subjects
	Subjects []string // their names
	Cluster  []int32  // items of one number are drawn together; nil: each by itself
	Stratum  []int32  // flags are permuted within items of one number; nil: among all
	Warnings []string // for every row
}

// A Result is one model's scores on a benchmark, by item; NaN where it has none.
type Result struct {
	Model, Metric string
	Scores        []float64
	Averaged      bool     // scores are means of several samples
	LowerBetter   bool     // a lower score is better
	Warnings      []string // for every row
}

// Input is a benchmark with all results on it.
type Input struct {
	Benchmark
	Results []Result
}

// Options configures Compute.
type Options struct {
	BySubject    bool   // rows for each subject too, where there are several
	Curves       bool   // threshold curves too
	Reference    string // model to compare with, or ""
	Seed         uint64
	Resamples    int // of a bootstrap, 2000 if 0
	Permutations int // of a test, 9999 if 0; of a curve's, a fifth of it
	Lanes        int // rows at a time; 0: as many as processors
}

// A Row has the scores of one model on a benchmark or a subject of it, by one method.
// Undefined numbers are nil: nothing flagged, nothing clean, too few items. Scores are in
// the metric's own unit.
type Row struct {
	Model         string   `json:"model"`
	Benchmark     string   `json:"benchmark"`
	Subject       string   `json:"subject"` // "" for all
	Method        string   `json:"method"`
	Metric        string   `json:"metric"`
	NAll          int64    `json:"n_all"`
	All           *float64 `json:"all"`
	AllLow        *float64 `json:"all_low"` // 95 % intervals: Wilson's, or of the mean
	AllHigh       *float64 `json:"all_high"`
	NClean        int64    `json:"n_clean"` // those not checkable included
	Clean         *float64 `json:"clean"`
	CleanLow      *float64 `json:"clean_low"`
	CleanHigh     *float64 `json:"clean_high"`
	NFlagged      int64    `json:"n_flagged"`
	Flagged       *float64 `json:"flagged"`
	FlaggedLow    *float64 `json:"flagged_low"`
	FlaggedHigh   *float64 `json:"flagged_high"`
	NNotCheckable int64    `json:"n_not_checkable"`
	NotCheckable  *float64 `json:"not_checkable"`
	ShareFlagged  *float64 `json:"share_flagged"`
	Gain          *float64 `json:"gain"` // all − clean
	GainLow       *float64 `json:"gain_low"`
	GainHigh      *float64 `json:"gain_high"`
	Interval      string   `json:"interval"`   // how it was computed
	Diff          *float64 `json:"difference"` // flagged − clean, of which gain is the share flagged
	DiffLow       *float64 `json:"difference_low"`
	DiffHigh      *float64 `json:"difference_high"`
	Within        *float64 `json:"within,omitempty"` // gain within strata
	WithinLow     *float64 `json:"within_low,omitempty"`
	WithinHigh    *float64 `json:"within_high,omitempty"`
	P             *float64 `json:"p"` // two-sided: flagged items are like the others
	Test          string   `json:"test"`
	PFisher       *float64 `json:"p_fisher"` // of 0 and 1 without clusters and strata
	PHolm         *float64 `json:"p_holm"`   // adjusted for the tests of the method
	PBH           *float64 `json:"p_bh"`
	PJoint        *float64 `json:"p_joint"`       // adjusted for the methods of this model and benchmark
	Z             *float64 `json:"z"`             // of the flagged items, drawn without replacement
	ZLlamaClean   *float64 `json:"z_llama_clean"` // as Llama 2 has it
	ZLlamaFlagged *float64 `json:"z_llama_flagged"`
	Relative      *float64 `json:"relative"`               // clean/all − 1
	Symmetric     *float64 `json:"symmetric"`              // 2(clean − all)/(clean + all)
	Lower         *float64 `json:"lower"`                  // the worse of all and clean; all when nothing is clean
	LowerBetter   bool     `json:"lower_better,omitempty"` // a lower score is better, so lower is the higher of the two
	MDE           *float64 `json:"mde"`                    // smallest gain detected with a power of 80 %; nil: none

	Reference string   `json:"reference,omitempty"` // difference in differences against this model:
	DiD       *float64 `json:"did,omitempty"`       // this gain minus the reference's, on items that both have
	DiDLow    *float64 `json:"did_low,omitempty"`
	DiDHigh   *float64 `json:"did_high,omitempty"`
	DiDP      *float64 `json:"did_p,omitempty"`
	DiDItems  int64    `json:"did_n,omitempty"`

	Warnings []string `json:"warnings"`

	unit bool // the metric's scores lie in [0, 1]
}

// Table is all rows of a run.
type Table struct {
	Version  int      `json:"version"`
	Verdicts string   `json:"verdicts"` // the digest of the audit's verdicts
	Seed     uint64   `json:"seed"`
	Tests    int      `json:"tests"` // largest number of p-values of one method, for which p_holm and p_bh are adjusted
	Rows     []Row    `json:"rows"`
	Curves   []Curve  `json:"curves"`
	Llama3   []Shared `json:"llama3_thresholds,omitempty"`
	Macro    []Macro  `json:"macro,omitempty"`
	Exams    []Grade  `json:"exams,omitempty"`

	Subsets []Subsets `json:"llama2_subsets,omitempty"`

	Joins    []Joined `json:"joins"`
	Joining  []string `json:"joining"` // sentences on how results were joined
	Warnings []string `json:"warnings"`
}

// FewClean is the number of clean items under which their score is called noise.
const FewClean = 30

// A job is a row to compute: a model on some items of a benchmark by a method.
type job struct {
	in      *Input
	result  int
	method  int
	subject int32 // -1: all
	items   []int32
	groups  *groups // for a curve, or nil
}

// Compute computes the table. Rows are sorted by benchmark, method, model and subject, in
// the order given; the row of all subjects comes first.
func Compute(ctx context.Context, inputs []Input, o Options) (*Table, error) {
	if o.Resamples == 0 {
		o.Resamples = 2000
	}
	if o.Permutations == 0 {
		o.Permutations = 9999
	}
	if o.Lanes <= 0 {
		o.Lanes = runtime.GOMAXPROCS(0)
	}
	t := &Table{
		Version: 1, Seed: o.Seed, Rows: []Row{}, Curves: []Curve{},
		Joins: []Joined{}, Joining: []string{}, Warnings: []string{},
	}
	var jobs []job
	hasReference := o.Reference == ""
	for i := range inputs {
		in := &inputs[i]
		if err := in.check(); err != nil {
			return nil, err
		}
		jobs = in.appendJobs(jobs, &o)
		hasReference = hasReference || slices.ContainsFunc(in.Results, func(r Result) bool {
			return r.Model == o.Reference
		})
		t.Warnings = append(t.Warnings, in.warnSameResults()...)
	}
	if !hasReference {
		return nil, fmt.Errorf("there are no results of the reference model %q", o.Reference)
	}
	rows, curves := make([]*Row, len(jobs)), make([]*Curve, len(jobs))
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(o.Lanes)
	for i := range jobs {
		group.Go(func() (err error) {
			if err := running.Err(); err != nil {
				return err
			}
			rows[i], curves[i], err = jobs[i].computeRow(&o)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, r := range rows {
		if r == nil {
			continue
		}
		t.Rows = append(t.Rows, *r)
		if curves[i] != nil {
			t.Curves = append(t.Curves, *curves[i])
		}
	}
	t.adjust()
	for i := range inputs {
		if err := inputs[i].jointTests(ctx, t, &o); err != nil {
			return nil, err
		}
		t.Subsets = append(t.Subsets, inputs[i].subsets()...)
	}
	t.Macro = macroAverages(t.Rows)
	t.Llama3 = llama3Thresholds(t.Curves)
	return t, nil
}

// adjust adjusts the p-values of each method for all tests of it.
func (t *Table) adjust() {
	families := map[string][]int{}
	for i := range t.Rows {
		m := t.Rows[i].Method
		families[m] = append(families[m], i)
	}
	for _, rows := range families {
		var p []float64
		tests := 0
		for _, i := range rows {
			p = append(p, valueOrNaN(t.Rows[i].P))
			if t.Rows[i].P != nil {
				tests++
			}
		}
		t.Tests = max(t.Tests, tests)
		holm, bh := Holm(p), BenjaminiHochberg(p)
		for k, i := range rows {
			t.Rows[i].PHolm, t.Rows[i].PBH = pointer(holm[k]), pointer(bh[k])
		}
	}
}

// appendJobs appends the jobs of a benchmark, by method, model and subject.
func (in *Input) appendJobs(jobs []job, o *Options) []job {
	var bySubject [][]int32
	if o.BySubject && len(in.Subjects) > 1 {
		bySubject = make([][]int32, len(in.Subjects))
		for item, s := range in.Subject {
			bySubject[s] = append(bySubject[s], int32(item))
		}
	}
	for m := range in.Methods {
		var g *groups
		if o.Curves && in.Methods[m].Contamination != nil {
			g = newGroups(&in.Methods[m])
		}
		for r := range in.Results {
			jobs = append(jobs, job{in: in, result: r, method: m, subject: -1, groups: g})
			for s, items := range bySubject {
				jobs = append(jobs, job{in: in, result: r, method: m, subject: int32(s), items: items})
			}
		}
	}
	return jobs
}

// check refuses columns of wrong length, and infinite scores.
func (in *Input) check() error {
	wrongLength := func(what string, n int) error {
		return fmt.Errorf("%s: %s has %d items, the benchmark %d", in.Name, what, n, in.Items)
	}
	for _, m := range in.Methods {
		if len(m.States) != in.Items {
			return wrongLength("method "+m.Name, len(m.States))
		}
		if m.Contamination != nil && len(m.Contamination) != in.Items {
			return wrongLength("the contamination of method "+m.Name, len(m.Contamination))
		}
	}
	for _, r := range in.Results {
		if len(r.Scores) != in.Items {
			return wrongLength("model "+r.Model, len(r.Scores))
		}
		for i, x := range r.Scores {
			if math.IsInf(x, 0) {
				return fmt.Errorf("%s: item %d: the score of model %s is %v", in.Name, i, r.Model, x)
			}
		}
	}
	for what, column := range map[string][]int32{
		"the subjects": in.Subject, "the clusters": in.Cluster, "the strata": in.Stratum,
	} {
		if column != nil && len(column) != in.Items {
			return wrongLength(what, len(column))
		}
	}
	for _, s := range in.Subject {
		if s < 0 || int(s) >= len(in.Subjects) {
			return fmt.Errorf("%s: an item has subject %d of %d", in.Name, s, len(in.Subjects))
		}
	}
	return nil
}

// warnSameResults returns a warning for each pair of models with nearly the same result on
// every item: the same results given twice, or one model under two names. Models that are
// right or wrong nearly everywhere agree anyway, so it also requires agreement beyond chance
// (Cohen's kappa).
func (in *Input) warnSameResults() (warnings []string) {
	for a := range in.Results {
		for b := a + 1; b < len(in.Results); b++ {
			x, y := &in.Results[a], &in.Results[b]
			n, same, sx, sy := 0.0, 0.0, 0.0, 0.0
			for i, v := range x.Scores {
				w := y.Scores[i]
				if v != v || w != w {
					continue
				}
				n++
				sx += v
				sy += w
				if v == w {
					same++
				}
			}
			if n < FewClean || same < 0.99*n {
				continue
			}
			chance := (sx*sy + (n-sx)*(n-sy)) / (n * n)
			if chance == 1 {
				continue
			}
			if kappa := (same/n - chance) / (1 - chance); same == n || kappa > 0.9 {
				warnings = append(warnings, fmt.Sprintf("%s: %s and %s have the same score on %.0f of %.0f items: "+
					"one model given twice?", in.Name, x.Model, y.Model, same, n))
			}
		}
	}
	return warnings
}

// sums are the sums over items in one state.
type sums struct {
	n            int64
	sum, squares float64
}

func (s *sums) add(x float64) {
	s.n++
	s.sum += x
	s.squares += x * x
}

func (s sums) plus(t sums) sums { return sums{s.n + t.n, s.sum + t.sum, s.squares + t.squares} }

func (s sums) mean() float64 { return s.sum / float64(s.n) }

// eachItem calls f for every item of the job.
func (j *job) eachItem(f func(i int32)) {
	if j.subject >= 0 {
		for _, i := range j.items {
			f(i)
		}
		return
	}
	for i := range int32(j.in.Items) {
		f(i)
	}
}

// totals are the sums over a job's items.
type totals struct {
	by        [item.Suspected + 1]sums // by state
	items     int64                    // all items
	unjudged  int64                    // items with a score and without a verdict
	binary    bool                     // all scores are 0 or 1
	low, high float64                  // range of scores
}

func (t *totals) flagged() sums { return t.by[item.Flagged].plus(t.by[item.Suspected]) }

func (t *totals) clean() sums { return t.by[item.Clean].plus(t.by[item.NotCheckable]) }

func (j *job) totals() *totals {
	t := &totals{binary: true, low: math.Inf(1), high: math.Inf(-1)}
	scores, states := j.in.Results[j.result].Scores, j.in.Methods[j.method].States
	j.eachItem(func(i int32) {
		t.items++
		x, s := scores[i], states[i]
		if x != x {
			return
		}
		if s == item.Missing || s > item.Suspected {
			t.unjudged++
			return
		}
		t.by[s].add(x)
		t.binary = t.binary && (x == 0 || x == 1)
		t.low, t.high = min(t.low, x), max(t.high, x)
	})
	return t
}

// computeRow computes a row, and its curve if the job has groups. The row is nil for a
// subject without results.
func (j *job) computeRow(o *Options) (*Row, *Curve, error) {
	in, res, method := j.in, &j.in.Results[j.result], &j.in.Methods[j.method]
	row := &Row{
		Model: res.Model, Benchmark: in.Name, Method: method.Name, Metric: res.Metric, Warnings: []string{},
	}
	if j.subject >= 0 {
		row.Subject = in.Subjects[j.subject]
	}
	t := j.totals()
	d, c := t.flagged(), t.clean()
	all := d.plus(c)
	if all.n == 0 {
		if j.subject >= 0 {
			return nil, nil, nil
		}
		return nil, nil, fmt.Errorf("%s: model %s has no score of an item that method %s judged",
			in.Name, res.Model, method.Name)
	}
	if err := row.fillScores(t); err != nil {
		return nil, nil, fmt.Errorf("%s: model %s, method %s: %w", in.Name, res.Model, method.Name, err)
	}
	if in.Cluster == nil { // with correlated scores these intervals would be too short
		row.AllLow, row.AllHigh = meanInterval(all, row.unit)
		row.CleanLow, row.CleanHigh = meanInterval(c, row.unit)
		row.FlaggedLow, row.FlaggedHigh = meanInterval(d, row.unit)
	}
	if d.n > 0 && c.n > 0 {
		j.fillTest(row, o, t)
		row.fillDifferenceOfSides()
		if o.Reference != "" && o.Reference != res.Model {
			j.fillDifference(row, o)
		}
	}
	if row.LowerBetter = res.LowerBetter; row.LowerBetter && row.Clean != nil {
		row.Lower = pointer(max(*row.All, *row.Clean))
	}
	row.Warnings = append(append(row.Warnings, in.Warnings...), res.Warnings...)
	j.warn(row, t)
	var curve *Curve
	if j.groups != nil && j.subject < 0 {
		curve = j.groups.curve(in, res, j.rng("curve", o), (o.Permutations+4)/5)
		curve.Model, curve.Benchmark, curve.Method = res.Model, in.Name, method.Name
	}
	return row, curve, nil
}

// fillScores fills in the counts and scores, and checks that they agree.
func (r *Row) fillScores(t *totals) error {
	d, c := t.flagged(), t.clean()
	all := d.plus(c)
	r.NAll, r.NClean, r.NFlagged, r.NNotCheckable = all.n, c.n, d.n, t.by[item.NotCheckable].n
	r.All = pointer(all.mean())
	r.Clean = pointer(c.mean())
	r.Flagged = pointer(d.mean())
	r.NotCheckable = pointer(t.by[item.NotCheckable].mean())
	w := float64(d.n) / float64(all.n)
	r.ShareFlagged = pointer(w)
	r.Lower = r.All
	if c.n > 0 {
		gain := computeGain(d.sum, d.n, c.sum, c.n)
		back := w*zeroIfNone(d) + (1-w)*c.mean()
		tolerance := 1e-9 * max(1, math.Abs(all.mean()))
		if math.Abs(back-all.mean()) > tolerance || math.Abs(all.mean()-c.mean()-gain) > tolerance {
			return errIdentity
		}
		r.Gain = &gain
		r.Relative = pointer(RelativeChange(all.mean(), c.mean()))
		r.Symmetric = pointer(SymmetricChange(all.mean(), c.mean()))
		r.Lower = pointer(LowerScore(all.mean(), r.Clean))
	}
	r.Z = pointer(Z(d.sum, d.n, all.sum, all.squares, all.n))
	r.ZLlamaClean = pointer(LlamaZ(c.sum, c.n, all.sum, all.squares, all.n))
	r.ZLlamaFlagged = pointer(LlamaZ(d.sum, d.n, all.sum, all.squares, all.n))
	r.unit = t.low >= 0 && t.high <= 1
	return nil
}

// warn adds the warnings that follow from a row's counts.
func (j *job) warn(row *Row, t *totals) {
	warn := func(format string, args ...any) { row.Warnings = append(row.Warnings, fmt.Sprintf(format, args...)) }
	switch {
	case row.NClean == 0:
		warn("no clean items: the full score is the lower one")
	case row.NClean < FewClean:
		warn("only %s: their score is noise", report.Count(row.NClean, "clean item"))
	}
	if missing := t.items - row.NAll - t.unjudged; missing > 0 {
		warn("%d of %s without a score", missing, report.Count(t.items, "item"))
	}
	if t.unjudged > 0 {
		warn("%s without a verdict of the method left out", report.Count(t.unjudged, "item"))
	}
	if n := t.by[item.Suspected].n; n > 0 {
		warn("%s only suspected, by a corpus filter, counted as flagged", report.Count(n, "item"))
	}
	if row.LowerBetter {
		warn("a lower %s is better: the higher of all and clean is the one to report, and a gain above 0 is no advantage",
			row.Metric)
	}
	if j.in.Results[j.result].Averaged {
		warn("several samples an item: their mean is the item's score")
	}
	if j.in.Cluster != nil && row.Interval == "" && row.NFlagged > 0 && row.NClean > 0 {
		warn("no interval: there are fewer than three clusters")
	}
}

// Aggregate returns the row of two scores, shares of items, without results of items: it has
// no interval and no test, but the score of the flagged items that they imply, with a
// warning if that is impossible.
func Aggregate(model, benchmark, method string, states []item.State, all, clean float64) Row {
	r := Row{
		Model: model, Benchmark: benchmark, Method: method, Metric: "given", unit: true, All: &all,
		Warnings: []string{"scores were given without results of items: no interval, no test"},
	}
	for _, s := range states {
		switch s {
		case item.Flagged, item.Suspected:
			r.NFlagged++
		case item.NotCheckable:
			r.NNotCheckable++
			fallthrough
		case item.Clean:
			r.NClean++
		}
	}
	r.NAll = r.NFlagged + r.NClean
	w := float64(r.NFlagged) / float64(r.NAll)
	r.ShareFlagged, r.Lower = pointer(w), pointer(LowerScore(all, nil))
	if r.NClean == 0 {
		r.Warnings = append(r.Warnings, "no clean items: there can be no clean score")
		return r
	}
	r.Clean, r.Gain, r.Lower = &clean, pointer(all-clean), pointer(LowerScore(all, &clean))
	r.Relative, r.Symmetric = pointer(RelativeChange(all, clean)), pointer(SymmetricChange(all, clean))
	if r.NClean < FewClean {
		r.Warnings = append(r.Warnings, fmt.Sprintf("only %s: their score is noise", report.Count(r.NClean, "clean item")))
	}
	if w == 0 {
		if all != clean {
			r.Warnings = append(r.Warnings, "nothing is flagged, but the scores differ: they are not of the same results")
		}
		return r
	}
	implied := ImpliedFlagged(all, clean, w)
	r.Flagged = &implied
	// Scores are given with rounding errors of half a tenth of a point, which w magnifies.
	if slack := 0.0005 * (2 - w) / w; implied < -slack || implied > 1+slack {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the flagged items would have scored %.1f %%: "+
			"all and clean are not of one set of results", 100*implied))
	}
	return r
}

// errIdentity means that the sums of a row contradict each other, which only a bug can
// cause.
var errIdentity = errors.New("all is not w·flagged + (1−w)·clean")

func zeroIfNone(s sums) float64 {
	if s.n == 0 {
		return 0
	}
	return s.mean()
}

// rng returns the random numbers of a row for one purpose.
func (j *job) rng(what string, o *Options) *rand.Rand {
	subject := ""
	if j.subject >= 0 {
		subject = j.in.Subjects[j.subject]
	}
	key := fmt.Sprintf("%s\x00%q\x00%q\x00%q\x00%q",
		what, j.in.Name, subject, j.in.Methods[j.method].Name, j.in.Results[j.result].Model)
	return rand.New(rand.NewPCG(o.Seed, xxh3.HashString(key)))
}

// fillTest fills in interval, p-value and the smallest effect.
func (j *job) fillTest(row *Row, o *Options, t *totals) {
	in, res := j.in, &j.in.Results[j.result]
	d, c := t.flagged(), t.clean()
	all := d.plus(c)
	w := float64(d.n) / float64(all.n)
	variance := (all.squares - all.sum*all.mean()) / float64(all.n)
	if variance <= 1e-12*all.squares/float64(all.n) {
		variance = 0
	}
	s := new(sample)
	if !t.binary || in.Cluster != nil || in.Stratum != nil {
		s = j.splitScores(res.Scores)
	}
	if len(s.clusters) > 1 {
		variance = s.withinVariance(d.mean(), c.mean())
	}
	mde := MDE(variance, d.n, c.n)
	if t.binary && in.Cluster == nil && in.Stratum == nil {
		mde = MinimumGain(c.mean(), d.n, c.n)
	} else if row.unit && c.mean()+mde > 1 {
		mde = math.NaN()
	}
	if row.MDE = pointer(w * mde); row.MDE == nil && variance > 0 {
		row.Warnings = append(row.Warnings, fmt.Sprintf("%s flagged and %s clean: too few to detect even the largest gain",
			report.Count(d.n, "item"), report.Thousands(c.n)))
	}
	if in.Stratum != nil && in.Cluster == nil {
		j.fillWithin(row, s, o, t)
		return
	}
	if t.binary && in.Cluster == nil {
		l, h := Newcombe(int64(d.sum), d.n, int64(c.sum), c.n)
		row.GainLow, row.GainHigh, row.Interval = pointer(w*l), pointer(w*h), byNewcombe
		row.P, row.Test = pointer(MidP(int64(d.sum), d.n, int64(c.sum), c.n)), "mid-p"
		row.PFisher = pointer(Fisher(int64(d.sum), d.n, int64(c.sum), c.n))
		return
	}
	low, high := t.low, t.high
	if row.unit {
		low, high = 0, 1
	}
	l, h, by := s.interval(j.rng("interval", o), o.Resamples, low, high)
	row.GainLow, row.GainHigh, row.Interval = pointer(l), pointer(h), by
	row.P, row.Test = s.pValue(j.rng("p", o), o.Permutations)
}

// fillWithin fills in the gain within strata, with p-value and interval from the same permutations.
func (j *job) fillWithin(row *Row, s *sample, o *Options, t *totals) {
	shift := s.shiftWithin(j.rng("p", o), o.Permutations)
	if row.Test = "stratified permutation"; shift == nil {
		row.Warnings = append(row.Warnings, "no stratum has both flagged and clean items: no test within strata")
		return
	}
	w := *row.ShareFlagged
	low, high := shift.interval(t.high - t.low)
	row.Within, row.WithinLow, row.WithinHigh = pointer(w*shift.observed), pointer(w*low), pointer(w*high)
	row.P, row.Interval = pointer(shift.pValue(0)), "stratified permutation"
	if left := row.NFlagged - int64(shift.weight); left > 0 {
		row.Warnings = append(row.Warnings, fmt.Sprintf("%s in strata without clean items: not in the gain within strata",
			report.Count(left, "flagged item")))
	}
}

// fillDifferenceOfSides fills in flagged − clean, which is the gain divided by the share flagged.
func (r *Row) fillDifferenceOfSides() {
	w := valueOrNaN(r.ShareFlagged)
	r.Diff = pointer(valueOrNaN(r.Gain) / w)
	r.DiffLow, r.DiffHigh = pointer(valueOrNaN(r.GainLow)/w), pointer(valueOrNaN(r.GainHigh)/w)
}

// pValue is the p-value of graded, stratified or clustered scores.
func (s *sample) pValue(rng *rand.Rand, permutations int) (*float64, string) {
	switch {
	case s.clusters != nil:
		return pointer(s.clusterTest()), "cluster t"
	case s.strata != nil:
		return pointer(s.permutationTest(rng, permutations)), "stratified permutation"
	}
	return pointer(s.permutationTest(rng, permutations)), "permutation"
}

// fillDifference fills in the difference in differences: the gain of this model's scores
// minus the reference's, item by item.
func (j *job) fillDifference(row *Row, o *Options) {
	at := slices.IndexFunc(j.in.Results, func(r Result) bool { return r.Model == o.Reference })
	if at < 0 {
		row.Warnings = append(row.Warnings, "the reference model has no results on this benchmark")
		return
	}
	row.Reference = o.Reference
	mine, theirs := j.in.Results[j.result].Scores, j.in.Results[at].Scores
	minus := make([]float64, len(mine))
	low, high := -1.0, 1.0
	for i := range mine {
		minus[i] = mine[i] - theirs[i] // NaN where either is
		if x := minus[i]; x == x {
			low, high = min(low, x), max(high, x)
		}
	}
	s := j.splitScores(minus)
	d, c := s.counts()
	row.DiDItems = d + c
	if d == 0 || c == 0 {
		return
	}
	row.DiD = pointer(computeGain(sumOf(s.flagged), d, sumOf(s.clean), c))
	l, h, _ := s.interval(j.rng("reference interval", o), o.Resamples, low, high)
	row.DiDLow, row.DiDHigh = pointer(l), pointer(h)
	row.DiDP, _ = s.pValue(j.rng("reference p", o), o.Permutations)
}

// splitScores splits scores into flagged and clean, in clusters and strata.
func (j *job) splitScores(scores []float64) *sample {
	s := new(sample)
	states := j.in.Methods[j.method].States
	var clusters, strata map[int32]int
	if j.in.Cluster != nil {
		clusters, s.clusters = map[int32]int{}, []cluster{}
	}
	if j.in.Stratum != nil {
		strata, s.strata = map[int32]int{}, []stratum{}
	}
	j.eachItem(func(i int32) {
		x := scores[i]
		if x != x || states[i] == item.Missing {
			return
		}
		flagged := states[i].Found()
		if flagged {
			s.flagged = append(s.flagged, x)
		} else {
			s.clean = append(s.clean, x)
		}
		if clusters != nil {
			k, ok := clusters[j.in.Cluster[i]]
			if !ok {
				k = len(s.clusters)
				clusters[j.in.Cluster[i]] = k
				s.clusters = append(s.clusters, cluster{})
			}
			if u := &s.clusters[k]; flagged {
				u.flagged += x
				u.d++
			} else {
				u.clean += x
				u.c++
			}
		}
		if strata != nil {
			k, ok := strata[j.in.Stratum[i]]
			if !ok {
				k = len(s.strata)
				strata[j.in.Stratum[i]] = k
				s.strata = append(s.strata, stratum{})
			}
			if u := &s.strata[k]; flagged {
				u.flagged = append(u.flagged, x)
			} else {
				u.clean = append(u.clean, x)
			}
		}
	})
	return s
}

// meanInterval returns the 95 % interval of a mean score: for scores in [0, 1] Wilson's,
// with the number of binary items of the same variance, else Student's.
func meanInterval(s sums, unit bool) (low, high *float64) {
	if s.n == 0 {
		return nil, nil
	}
	n, m := float64(s.n), s.mean()
	variance := max(0, s.squares/n-m*m)
	if unit {
		effect := 1.0
		if m > 0 && m < 1 {
			effect = min(max(variance/(m*(1-m)), 1/n), 1)
		}
		l, h := wilson(m, n/effect)
		return &l, &h
	}
	if s.n < 2 {
		return nil, nil
	}
	half := studentT(n-1) * math.Sqrt(variance/(n-1))
	return pointer(m - half), pointer(m + half)
}

// pointer returns a pointer to x, or nil if x is not finite.
func pointer(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// valueOrNaN returns NaN for nil.
func valueOrNaN(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}
