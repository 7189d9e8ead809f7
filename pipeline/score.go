package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"

	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/export"
	"swab/pipeline/page"
	"swab/pipeline/publish"
	"swab/pipeline/report"
	"swab/pipeline/results"
	"swab/pipeline/score"
	"swab/pipeline/store"

	"golang.org/x/sync/errgroup"
)

// ScoreOptions configures Score.
type ScoreOptions struct {
	Audit      string   // its directory
	Results    []string // as [MODEL=]PATH
	Aggregates string   // file of scores without results of items, or ""
	Counts     string   // file of a published table, without an audit, or ""
	Methods    []string // of the audit; "all" names all
	Read       results.Options
	Join       results.JoinOptions
	Ran        []string // directories of exports that were run, as [MODEL=]DIR
	Reviewed   bool     // follow the marks of swab review
	Cluster    string   // "", "subject", "context", "document", or a file of items and clusters
	Stratify   bool     // permute flags within subjects
	Exams      []string // files

	Out         string // file or directory to write, the audit's own included; "": none
	NoReport    bool   // do not write report.html again when Out is the audit
	Definitions []page.Definition

	score.Options
}

// A Scored is what Score returns.
type Scored struct {
	*score.Table
	Notices []string // messages to the user, beside the table's warnings
	Unread  int64    // rows of results that could not be read: their items have no score
}

// scoring is a run of Score.
type scoring struct {
	ScoreOptions
	into    *publish.Dir // the audit, locked, if Out is it
	table   *audit.Table
	methods []*audit.MethodVerdicts
	joins   []results.Join
	shared  []*sharing    // what items have in common
	inputs  []score.Input // by benchmark
	Scored
}

// Score joins results of models with an audit and computes the table of scores on all,
// clean and flagged items, then writes it to Out. After an error it may return the joins
// that it made. Its steps: results are read and joined with the audit's items (package
// results), arranged by benchmark and method, turned into scores (package score), graded as
// exams, and written.
//
// Where Out is the audit itself, it is locked from before its verdicts are read until the
// scores are in it, so that scores and verdicts are of one run.
func Score(ctx context.Context, o ScoreOptions) (scored *Scored, err error) {
	if o.Counts != "" {
		return scoreCounts(ctx, o)
	}
	s := &scoring{ScoreOptions: o}
	switch {
	case sameDir(o.Out, o.Audit):
		if s.into, err = publish.Lock(o.Out); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.into.Close()) }()
	case o.Out != "":
		if err := score.Savable(o.Out); err != nil {
			return nil, err
		}
	}
	exams, err := readExams(ctx, o.Exams)
	if err != nil {
		return nil, err
	}
	followed, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	if s.methods, err = s.table.Methods(o.Methods); err != nil {
		return nil, err
	}
	if err := s.readExports(); err != nil {
		return nil, err
	}
	warnings, err := s.readAll()
	if err != nil {
		return nil, err
	}
	if err := s.arrange(ctx); err != nil {
		return nil, err
	}
	o.Options.Curves = o.Curves || o.Out != ""
	if s.Table, err = score.Compute(ctx, s.inputs, o.Options); err != nil {
		return nil, err
	}
	s.Table.Verdicts = s.table.About.VerdictsDigest()
	if err := s.addAggregates(ctx); err != nil {
		return nil, err
	}
	s.Table.Warnings = slices.Concat(s.Table.Warnings, warnings, followed, s.warnOfSharing(), s.warnOfAudit())
	joined := []score.Joined{}
	for i := range s.joins {
		joined = append(joined, describeJoin(s.table, &s.joins[i]))
	}
	s.Table.SetJoins(joined)
	for _, e := range exams {
		grades, warnings, err := e.GradeAll(s.inputs)
		if err != nil {
			return &s.Scored, err
		}
		s.Table.Exams, s.Table.Warnings = append(s.Table.Exams, grades...), append(s.Table.Warnings, warnings...)
	}
	return &s.Scored, s.save(ctx)
}

// warnOfAudit returns what the audit itself leaves open.
func (s *scoring) warnOfAudit() (warnings []string) {
	if !s.table.About.Complete {
		warnings = append(warnings, "the audit is incomplete: items called clean may be in the input that was not read")
	}
	if kinds := s.table.About.Flag; len(kinds) > 0 {
		warnings = append(warnings,
			"counted as flagged, as the scan was asked: clean items of kind "+strings.Join(kinds, ", "))
	}
	if n := s.table.ToReview(); n > 0 {
		s.Table.Warnings = append(s.Table.Warnings, fmt.Sprintf(
			"a document may have %s in other words (%s), to review: here they count as clean", report.Count(n, "item"),
			audit.Reworded))
	}
	for _, m := range s.methods {
		if n := m.ByFilter(); n > 0 {
			warnings = append(warnings, fmt.Sprintf(
				"clean by %s only because a corpus filter suspects nothing, which does not bound the method: %s, "+
					"of which some may be in the corpus; swab scan decides", m.Method, report.Count(n, "item")))
		}
	}
	return warnings
}

// scoreCounts computes the table of published scores, which need no audit.
func scoreCounts(ctx context.Context, o ScoreOptions) (*Scored, error) {
	if o.Out != "" {
		if err := score.Savable(o.Out); err != nil {
			return nil, err
		}
	}
	rows, err := results.ReadCounts(ctx, o.Counts)
	if err != nil {
		return nil, err
	}
	var list []score.Counts
	for _, r := range rows {
		list = append(list, score.Counts(r))
	}
	t := score.FromCounts(list)
	if o.Out != "" {
		err = t.Save(o.Out)
	}
	return &Scored{Table: t}, err
}

// save writes the table to Out.
func (s *scoring) save(ctx context.Context) error {
	switch {
	case s.Out == "":
		return nil
	case s.into == nil:
		return s.Table.Save(s.Out)
	}
	if err := s.Table.SaveInto(s.into); err != nil || s.NoReport {
		return err
	}
	if err := page.WriteInto(ctx, s.into, page.Options{Definitions: s.Definitions}); err != nil {
		return fmt.Errorf("%s is written, but not the report: %w", audit.ScoresFile, err)
	}
	return nil
}

// load reads the audit, with the items' questions. Those of an audit of an earlier version are in
// the benchmarks' files; if these are missing or changed and content is not asked for, results are
// joined without comparing texts. It returns messages on the reviewers' marks that were followed.
func (s *scoring) load(ctx context.Context) (followed []string, err error) {
	s.Read.Context = ctx
	r, err := audit.Open(s.Audit)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if s.table, err = r.Table(ctx); err != nil {
		return nil, err
	}
	if !s.table.HasQuestions() {
		err = s.table.ReadQuestions(ctx)
		if s.Join.How != "content" && (errors.Is(err, benchmark.ErrChanged) || errors.Is(err, fs.ErrNotExist)) {
			s.Notices = append(s.Notices, err.Error()+"; results are joined without comparing questions")
			err = nil
		}
	}
	if s.table.HasQuestions() {
		s.Read.Questions = results.NewQuestions(s.table)
	}
	if err == nil && s.Reviewed {
		followed, err = r.Follow(ctx, s.table, "scores")
	}
	if err == nil {
		var notices []string
		s.shared, notices, err = findSharing(ctx, r, s.table, s.Cluster)
		s.Notices = append(s.Notices, notices...)
	}
	return followed, err
}

// readAll reads and joins results, two at a time, since a model's results on many items
// take memory until they are joined. It returns warnings about the files.
func (s *scoring) readAll() (warnings []string, err error) {
	type part struct {
		joins    []results.Join
		warnings []string
		unread   int64
	}
	parts := make([]part, len(s.Results))
	var group errgroup.Group
	group.SetLimit(2)
	for i, arg := range s.Results {
		group.Go(func() error {
			model, path := modelPath(arg)
			files, err := results.Read(path, model, s.Read)
			if err != nil {
				return err
			}
			p := &parts[i]
			for k := range files {
				p.warnings = append(p.warnings, files[k].Warnings()...)
				p.unread += files[k].Unread()
			}
			p.joins, err = results.JoinAll(s.table, files, s.Join)
			return err
		})
	}
	err = group.Wait()
	for _, p := range parts {
		s.joins, warnings = append(s.joins, p.joins...), append(warnings, p.warnings...)
		s.Unread += p.unread
	}
	return warnings, err
}

// modelPath divides [MODEL=]PATH.
func modelPath(arg string) (model, path string) {
	model, path, named := strings.Cut(arg, "=")
	if !named || strings.ContainsRune(model, os.PathSeparator) {
		return "", arg
	}
	return model, path
}

// readExports reads what exports of this audit have.
func (s *scoring) readExports() error {
	for _, arg := range s.Ran {
		model, dir := modelPath(arg)
		sum, err := export.Read(dir)
		if err != nil {
			return err
		}
		if sum.Verdicts != s.table.About.VerdictsDigest() {
			return fmt.Errorf("%q: it was not exported from %q: the digest of the verdicts differs", dir, s.Audit)
		}
		for i := range sum.Splits {
			split := &sum.Splits[i]
			r := results.Ran{
				Model: model, Benchmark: split.Benchmark, Split: split.Split, Task: split.Task, Renumbered: sum.Renumbered(),
			}
			places, err := split.Places()
			if err != nil {
				return fmt.Errorf("%q: %w", dir, err)
			}
			if r.Items = s.table.At(split.Benchmark, split.Split, places); len(r.Items) != len(places) {
				return fmt.Errorf("%q: it names items that %q does not have", dir, s.Audit)
			}
			if len(r.Items) > 0 {
				s.Join.Ran = append(s.Join.Ran, r)
			}
		}
	}
	return nil
}

// arrange builds the columns of each benchmark that has results, over all items of the
// splits that have some.
func (s *scoring) arrange(ctx context.Context) error {
	splits := map[string]map[uint16]bool{}
	for i := range s.joins {
		j := &s.joins[i]
		if j.Benchmark == "" {
			continue
		}
		if splits[j.Benchmark] == nil {
			splits[j.Benchmark] = map[uint16]bool{}
		}
		for _, m := range j.Matched {
			splits[j.Benchmark][s.table.Items[m.Item].Split] = true
		}
	}
	for _, b := range s.table.Benchmarks {
		if len(splits[b.Name]) == 0 {
			continue
		}
		in, err := s.columns(ctx, b, splits[b.Name])
		if err != nil {
			return err
		}
		s.inputs = append(s.inputs, *in)
	}
	return nil
}

// columns returns the columns of a benchmark, over all items of some of its splits.
func (s *scoring) columns(
	ctx context.Context, b audit.TableBenchmark, splits map[uint16]bool,
) (in *score.Input, err error) {
	in = &score.Input{}
	in.Name = b.Name
	var items []int32                      // numbers in the audit, of those that are scored
	place := make([]int32, b.Last-b.First) // in items
	subjects := map[uint16]int32{}
	for k := b.First; k < b.Last; k++ {
		it := &s.table.Items[k]
		if !splits[it.Split] {
			continue
		}
		n, ok := subjects[it.Split]
		if !ok {
			n = int32(len(in.Subjects))
			subjects[it.Split] = n
			in.Subjects = append(in.Subjects, s.table.Splits[it.Split])
		}
		in.Subject = append(in.Subject, n)
		if len(s.Exams) > 0 {
			in.IDs = append(in.IDs, it.ID)
		}
		place[k-b.First] = int32(len(items))
		items = append(items, int32(k))
	}
	in.Items = len(items)
	for _, v := range s.methods {
		m := score.Method{Name: v.Method, States: make([]audit.State, in.Items), Contamination: make([]float64, in.Items)}
		for i, k := range items {
			m.States[i], m.Contamination[i] = v.State[k], v.Score[k]
		}
		m.Threshold, m.Dirty = s.table.About.Thresholds(v.Method)
		in.Methods = append(in.Methods, m)
		if also := withSources(v, &m, items); also != nil {
			in.Methods = append(in.Methods, *also)
		}
	}
	if s.Stratify {
		in.Stratum = in.Subject
	}
	switch s.Cluster {
	case "":
	case "subject":
		in.Cluster = in.Subject
	case "context", "document":
		in.Cluster = s.shared[0].clusters(items)
	default:
		if in.Cluster, err = results.ReadClusters(ctx, s.table, s.Cluster, b.Name, items); err != nil {
			return nil, err
		}
	}
	for i := range s.joins {
		if s.joins[i].Benchmark == b.Name {
			if err := s.addResult(in, &s.joins[i], place, b.First); err != nil {
				return nil, err
			}
		}
	}
	return in, nil
}

// warnOfSharing returns warnings of scored items that may depend on each other and do not count
// together.
func (s *scoring) warnOfSharing() []string {
	if s.Cluster != "" {
		return nil
	}
	return warnOfSharing(s.shared, s.table, s.methods, func(name string) bool {
		return slices.ContainsFunc(s.inputs, func(in score.Input) bool { return in.Name == name })
	})
}

// withSources returns a method that counts items as flagged too whose source is, nil if there are
// none.
func withSources(v *audit.MethodVerdicts, m *score.Method, items []int32) *score.Method {
	also := &score.Method{Name: m.Name + "+source", States: slices.Clone(m.States)}
	found := false
	for i, k := range items {
		if audit.KindName(v.Kind[k]) == audit.SourceFlagged && v.State[k] == item.Clean {
			also.States[i], found = item.Flagged, true
		}
	}
	if !found {
		return nil
	}
	return also
}

// addResult adds a model's scores to in. Place has the column of each item, counted from the
// benchmark's first. Parts of one model's results may come from several --results, but no
// item twice.
func (s *scoring) addResult(in *score.Input, j *results.Join, place []int32, first int) error {
	at := slices.IndexFunc(in.Results, func(r score.Result) bool { return r.Model == j.Model && r.Metric == j.Metric })
	if at < 0 {
		at = len(in.Results)
		r := score.Result{
			Model: j.Model, Metric: j.Metric, LowerBetter: j.LowerBetter, Scores: make([]float64, in.Items),
		}
		for i := range r.Scores {
			r.Scores[i] = math.NaN()
		}
		in.Results = append(in.Results, r)
	}
	r := &in.Results[at]
	for _, m := range j.Matched {
		x := &r.Scores[place[int(m.Item)-first]]
		if !math.IsNaN(*x) {
			return fmt.Errorf("item %q of %s has two results of model %q: name each run, as in --results MODEL=PATH",
				s.table.Items[m.Item].ID, in.Name, j.Model)
		}
		*x = m.Score
		r.Averaged = r.Averaged || m.Samples > 1
	}
	if n := len(j.ResultsLeft); n > 0 {
		r.Warnings = append(r.Warnings, report.Count(int64(n), "result")+" left out, which belong to no item")
	}
	return nil
}

// addAggregates adds rows for scores of whole benchmarks, without results of items. The share
// of flagged items is the audit's, over the whole benchmark.
func (s *scoring) addAggregates(ctx context.Context) error {
	if s.Aggregates == "" {
		return nil
	}
	list, err := results.ReadAggregates(ctx, s.table, s.Aggregates, s.methods)
	for _, g := range list {
		states := g.Verdicts.State[g.Benchmark.First:g.Benchmark.Last]
		row := score.Aggregate(g.Model, g.Benchmark.Name, g.Verdicts.Method, states, g.All, g.Clean)
		s.Table.Rows = append(s.Table.Rows, row)
	}
	return err
}

// describeJoin returns a table's account of how results were joined, with the names of the
// results and items that have no partner.
func describeJoin(a *audit.Table, j *results.Join) score.Joined {
	out := score.Joined{
		Model: j.Model, Benchmark: j.Benchmark, Metric: j.Metric, How: j.How,
		Items: len(j.Matched) + len(j.ItemsLeft), Results: len(j.Matched) + len(j.ResultsLeft),
		Compared: j.Compared, Agree: j.Agree, ByContent: j.Moved, Unconfirmed: j.Unconfirmed,
		Differing: resultNames(j.Differing), Stated: j.Stated, StatedAgree: j.StatedAgree,
		ResultsLeft: resultNames(j.ResultsLeft), ItemsLeft: itemNames(a, j.ItemsLeft), Problems: []string{},
	}
	for _, m := range j.Matched {
		out.All += m.Score / float64(len(j.Matched))
	}
	if r := j.Run; r != nil {
		out.Ran = &score.Run{Exported: r.Exported, Missing: itemNames(a, r.Missing), Others: itemNames(a, r.Others)}
	}
	for _, p := range j.Problems {
		out.Problems = append(out.Problems, p.Kind+": "+p.Detail)
	}
	return out
}

func itemNames[N int | int32](a *audit.Table, items []N) []string {
	names := []string{}
	for _, k := range items {
		it := &a.Items[k]
		names = append(names, a.Splits[it.Split]+"/"+it.ID)
	}
	return names
}

func resultNames(list []results.Outcome) []string {
	names := []string{}
	for _, r := range list {
		name := r.ID
		if name == "" {
			name = fmt.Sprintf("index %d", r.Index)
		}
		names = append(names, name)
	}
	return names
}

func readExams(ctx context.Context, names []string) (exams []*score.Exam, err error) {
	for _, name := range names {
		b, err := store.ReadFile(ctx, name)
		if err != nil {
			return nil, err
		}
		e, err := score.ReadExam(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		exams = append(exams, e)
	}
	return exams, nil
}

// sameDir reports whether both names are of one directory that exists.
func sameDir(a, b string) bool {
	one, err1 := os.Stat(a)
	other, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && one.IsDir() && os.SameFile(one, other)
}
