package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"swab/pipeline/ledger"
	"swab/pipeline/page"
	"swab/pipeline/publish"
	"swab/pipeline/report"
	"swab/pipeline/results"
	"swab/pipeline/review"
	"swab/pipeline/score"
	"swab/pipeline/variant"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
)

// scoreFlags are those of swab score.
type scoreFlags struct {
	audit            string
	results, methods []string
	read             results.Options
	join             results.JoinOptions
	by, cluster      string
	stratify         string
	exams            []string
	aggregates       string
	format, out      string
	curves           bool
	reviewed         bool
	noReport         bool
	unread           int64 // rows of results
	score.Options
}

func scoreCommand() *cobra.Command {
	var o scoreFlags
	c := &cobra.Command{
		Use:   "score [--audit] DIR --results [MODEL=]PATH …",
		Short: "Score models on all items, on the clean ones and on the flagged ones",
		Long: `Join what a harness wrote of each item with the verdicts of an audit, and write a row
a model, benchmark and method:

  all, clean, flagged   scores on all items, on those not flagged, on those flagged
  gain                  all − clean with its 95 % interval, in points
  mde                   the smallest gain that as many items show in 80 % of cases
  p, Holm, BH           that flagged items are like others; adjusted for the whole table
  lower                 of all and clean: what to report

Items that a method cannot check stay in clean and are counted apart. A gain describes:
flagged items may be easier than others whether or not they were seen. --reference
compares with a model that was not trained on the corpus.

Results are files or directories of JSON lines or CSV with id and score, of
lm-evaluation-harness, OpenAI Evals, inspect_ai, HELM, HumanEval, ZeroEval and
grade-school-math; what they are is read from them. They are joined by id, by index
or by content, whichever is certain, and what is left over is named.

--out names a file (.json, .csv, .md, .tex) or a directory for scores.json,
scores.csv, scores.md and curve.csv: gain and share flagged at every threshold. Or it is
the audit's own directory: scores.json and curve.csv are put into it and its report.html
is made again with them. A later scan into that directory drops them.

--reviewed follows the marks of swab review: a confirmed item counts as flagged, a
rejected one as clean, whatever a method says.`,
		Example: `  swab score audit --results llama=llama/samples_gsm8k.jsonl --results gpt=gpt.jsonl
  swab score audit --results helm/ --by subject --format markdown > scores.md
  swab score audit --results runs/ --reference base --out scores
  swab score audit --results runs/ --out audit
  swab score audit --results runs/ --exam bar.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := auditArg(cmd, &o.audit, args); err != nil {
				return err
			}
			if len(o.results) == 0 && o.aggregates == "" {
				return misused(cmd, "score needs --results or --aggregates")
			}
			t, err := o.run(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return fmt.Errorf("score: %w", err)
			}
			if o.out != "" {
				write := writeScores
				if sameDir(o.out, o.audit) {
					write = o.writeIntoAudit
				}
				if err := write(cmd.Context(), o.out, t); err != nil {
					return fmt.Errorf("score: %w", err)
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "swab: wrote %s\n", o.out)
			}
			_, _, width := terminal(cmd.OutOrStdout())
			if err := t.Write(cmd.OutOrStdout(), o.format, width); err != nil {
				return err
			}
			if o.unread > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "swab: %s of results could not be read: their items have no score\n", count(o.unread, "row"))
				return exit{code: exitIncomplete}
			}
			return nil
		},
	}
	addFlags(c, "Input", func(f *pflag.FlagSet) {
		auditFlag(f, &o.audit)
		f.StringArrayVar(&o.results, "results", nil, "`[MODEL=]PATH` results, a file or a directory; repeats")
		f.StringVar(&o.aggregates, "aggregates", "", "`FILE` CSV file of model,benchmark,method,all,clean: scores without results of items, checked against the audit")
		f.StringSliceVar(&o.methods, "method", []string{"all"}, "`NAME` method of the audit, or all; repeats")
		f.StringVar(&o.join.Benchmark, "bench", "", "`NAME` the audit's benchmark that all results are of; without it, it is found")
		f.StringVar(&o.join.How, "join", "", "`HOW` join by id, index or content; without it, whichever is certain")
		f.StringVar(&o.read.Metric, "metric", "", "`NAME` metric or scorer, where results have several")
		f.StringVar(&o.read.Filter, "filter", "", "`NAME` filter of lm-evaluation-harness, where results have several")
		f.BoolVar(&o.reviewed, "reviewed", false, "follow the marks of swab review: a rejected item is clean, a confirmed one flagged")
	})
	addFlags(c, "Statistics", func(f *pflag.FlagSet) {
		f.StringVar(&o.by, "by", "", "`subject` rows for each subject (split) of a benchmark too")
		f.StringVar(&o.cluster, "cluster", "", "`subject|FILE` items that are alike and count together: subjects, or a CSV file of item,cluster[,benchmark]")
		f.StringVar(&o.stratify, "stratify", "", "`subject` test within subjects")
		f.StringVar(&o.Reference, "reference", "", "`MODEL` model that was not trained on the corpus, for the difference in differences")
		f.StringArrayVar(&o.exams, "exam", nil, "`FILE` YAML file that says how items make an exam's score; repeats")
		f.BoolVar(&o.curves, "curves", false, "search all thresholds; with --out it is done anyway")
		f.Uint64Var(&o.Seed, "seed", 1, "`N` seed of bootstrap and permutations")
		f.IntVar(&o.Resamples, "resamples", 2000, "`N` bootstrap resamples")
		f.IntVar(&o.Permutations, "permutations", 9999, "`N` permutations of a test")
		f.IntVarP(&o.Lanes, "jobs", "j", 0, "`N` rows computed at a time (default: all cores)")
	})
	addFlags(c, "Output", func(f *pflag.FlagSet) {
		f.StringVar(&o.format, "format", "table", "`FORMAT` "+strings.Join(score.Formats(), ", "))
		f.StringVar(&o.out, "out", "", "`PATH` file or directory to write, beside what is printed")
		f.BoolVar(&o.noReport, "no-report", false, "do not make report.html again when --out is the audit")
	})
	complete(c, "method", methodNames)
	completeFrom(c, "join", "id", "index", "content")
	completeFrom(c, "by", "subject")
	completeFrom(c, "stratify", "subject")
	completeFrom(c, "format", score.Formats()...)
	return c
}

// bench is what score needs of a benchmark of the audit.
type bench struct {
	input score.Input
	items []int32 // in the audit, of those scored
	first int     // of the benchmark's items in the audit
	place []int32 // in items, of the benchmark's items
}

// run reads and joins everything and makes the table.
func (o *scoreFlags) run(ctx context.Context, stderr io.Writer) (*score.Table, error) {
	for _, c := range []struct {
		flag, value string
		known       []string
	}{
		{"--by", o.by, []string{"", "subject"}}, {"--stratify", o.stratify, []string{"", "subject"}},
		{"--format", o.format, score.Formats()},
	} {
		if !slices.Contains(c.known, c.value) {
			return nil, fmt.Errorf("%s is %q: there are %s", c.flag, c.value, strings.TrimPrefix(strings.Join(c.known, ", "), ", "))
		}
	}
	if o.Resamples < 100 || o.Permutations < 100 {
		return nil, errors.New("--resamples and --permutations are 100 or more")
	}
	if err := checkOut(o.out, o.audit); err != nil {
		return nil, err
	}
	var exams []*score.Exam
	for _, name := range o.exams {
		e, err := readExam(name)
		if err != nil {
			return nil, err
		}
		exams = append(exams, e)
	}
	o.read.Text = o.join.How != "id" && o.join.How != "index"
	a, err := results.LoadAudit(o.audit, o.read.Text)
	if o.read.Text && o.join.How == "" && (errors.Is(err, variant.ErrChanged) || errors.Is(err, fs.ErrNotExist)) {
		if b, without := results.LoadAudit(o.audit, false); without == nil {
			fmt.Fprintf(stderr, "swab: note: %s; results are joined without looking at questions\n", report.CleanText(err.Error()))
			a, err, o.read.Text = b, nil, false
		}
	}
	if err != nil {
		return nil, err
	}
	var followed []string
	if o.reviewed {
		if followed, err = follow(ctx, a, "scores"); err != nil {
			return nil, err
		}
	}
	methods, err := o.chosen(a)
	if err != nil {
		return nil, err
	}
	joins, told, err := o.readAll(a)
	if err != nil {
		return nil, err
	}
	benches, err := o.columns(a, methods, joins)
	if err != nil {
		return nil, err
	}
	o.BySubject, o.Curves = o.by != "", o.curves || o.out != ""
	var inputs []score.Input
	for _, b := range benches {
		inputs = append(inputs, b.input)
	}
	t, err := score.Compute(ctx, inputs, o.Options)
	if err != nil {
		return nil, err
	}
	if o.aggregates != "" {
		if err := aggregate(o.aggregates, a, methods, t); err != nil {
			return nil, err
		}
	}
	t.Warnings = append(append(t.Warnings, told...), followed...)
	if !a.Complete {
		t.Warnings = append(t.Warnings, "the audit is incomplete: items called clean may stand in what was not read")
	}
	for i := range joins {
		j := joined(a, &joins[i])
		t.Joins = append(t.Joins, j)
		tell(stderr, &j)
	}
	for _, e := range exams {
		grades, warnings, err := grade(e, a, benches)
		if err != nil {
			return nil, err
		}
		t.Exams = append(t.Exams, grades...)
		t.Warnings = append(t.Warnings, warnings...)
	}
	return t, nil
}

// follow puts what readers say of items in the place of what the methods say. A
// confirmed item is as contaminated as any of its benchmark, so that it counts as
// flagged at every threshold that flags one. told is what a reader of what follows must
// know of it.
func follow(ctx context.Context, a *results.Audit, what string) (told []string, err error) {
	marked, stale, err := review.Items(ctx, a.Dir)
	if err != nil {
		return nil, err
	}
	var confirmed, rejected int64
	for _, b := range a.Benchmarks {
		most := make([]float64, len(a.Verdicts))
		for m := range a.Verdicts {
			for _, s := range a.Verdicts[m].Score[b.First:b.Last] {
				if s > most[m] {
					most[m] = s
				}
			}
			most[m] = cmp.Or(most[m], 1)
		}
		for k := b.First; k < b.Last && len(marked) > 0; k++ {
			it := &a.Items[k]
			e := marked[review.Place{Benchmark: b.Name, Split: a.Splits[it.Split], Item: it.ID, Digest: hex.EncodeToString(it.Digest[:])}]
			switch e.Mark {
			case review.Confirmed:
				confirmed++
			case review.Rejected:
				rejected++
			default:
				continue
			}
			for m := range a.Verdicts {
				v := &a.Verdicts[m]
				switch {
				case v.State[k] == results.Missing:
				case e.Mark == review.Confirmed:
					v.State[k], v.Score[k] = results.Flagged, most[m]
				default:
					v.State[k], v.Score[k] = results.Clean, 0
				}
			}
		}
	}
	if confirmed+rejected == 0 {
		told = append(told, fmt.Sprintf("no item is marked as the evidence stands, so %s follow the methods; swab review makes marks", what))
	} else {
		told = append(told, fmt.Sprintf("%s follow a reader's marks: %s confirmed, %s rejected", what, count(confirmed, "item"), count(rejected, "item")))
	}
	if stale > 0 {
		told = append(told, count(int64(stale), "mark")+" of items or evidence that the audit no longer has not followed")
	}
	return told, nil
}

// readAll reads and joins results, two at a time, since a model's results on many items
// take memory until they are joined; told is what is wrong with the files.
func (o *scoreFlags) readAll(a *results.Audit) (joins []results.Join, told []string, err error) {
	type part struct {
		joins  []results.Join
		told   []string
		unread int64
	}
	parts := make([]part, len(o.results))
	var group errgroup.Group
	group.SetLimit(2)
	for i, arg := range o.results {
		group.Go(func() error {
			model, path, named := strings.Cut(arg, "=")
			if !named || strings.ContainsRune(model, os.PathSeparator) {
				model, path = "", arg
			}
			files, err := results.Read(path, model, o.read)
			if err != nil {
				return err
			}
			p := &parts[i]
			for k := range files {
				p.told = append(p.told, problems(&files[k])...)
				p.unread += unread(&files[k])
			}
			p.joins, err = a.Join(files, o.join)
			return err
		})
	}
	err = group.Wait()
	for _, p := range parts {
		joins, told = append(joins, p.joins...), append(told, p.told...)
		o.unread += p.unread
	}
	return joins, told, err
}

func readExam(name string) (*score.Exam, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	e, err := score.ReadExam(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return e, nil
}

// chosen gives the verdicts of the methods asked for.
func (o *scoreFlags) chosen(a *results.Audit) (chosen []*results.Verdicts, err error) {
	var known []string
	for i := range a.Verdicts {
		v := &a.Verdicts[i]
		known = append(known, v.Method)
		if slices.Contains(o.methods, "all") || slices.Contains(o.methods, v.Method) {
			chosen = append(chosen, v)
		}
	}
	for _, m := range o.methods {
		if m != "all" && !slices.Contains(known, m) {
			return nil, fmt.Errorf("the audit has no method %q: it has %s", m, strings.Join(known, ", "))
		}
	}
	if len(chosen) == 0 {
		return nil, errors.New("the audit has no method")
	}
	return chosen, nil
}

// columns arranges joined results by benchmark, over all items of the splits that have
// results.
func (o *scoreFlags) columns(a *results.Audit, methods []*results.Verdicts, joins []results.Join) (benches []*bench, err error) {
	splits := map[string]map[uint16]bool{}
	for i := range joins {
		j := &joins[i]
		if j.Benchmark == "" {
			continue
		}
		if splits[j.Benchmark] == nil {
			splits[j.Benchmark] = map[uint16]bool{}
		}
		for _, m := range j.Matched {
			splits[j.Benchmark][a.Items[m.Item].Split] = true
		}
	}
	for _, known := range a.Benchmarks {
		wanted := splits[known.Name]
		if len(wanted) == 0 {
			continue
		}
		b := &bench{first: known.First, place: make([]int32, known.Last-known.First)}
		in := &b.input
		in.Name = known.Name
		number := map[uint16]int32{}
		for k := known.First; k < known.Last; k++ {
			it := &a.Items[k]
			if !wanted[it.Split] {
				continue
			}
			n, ok := number[it.Split]
			if !ok {
				n = int32(len(in.Subjects))
				number[it.Split] = n
				in.Subjects = append(in.Subjects, a.Splits[it.Split])
			}
			in.Subject = append(in.Subject, n)
			b.place[k-b.first] = int32(len(b.items))
			b.items = append(b.items, int32(k))
		}
		in.Items = len(b.items)
		for _, v := range methods {
			m := score.Method{Name: v.Method, States: make([]score.State, in.Items), Contamination: make([]float64, in.Items)}
			for i, k := range b.items {
				m.States[i], m.Contamination[i] = score.State(v.State[k]), v.Score[k]
			}
			in.Methods = append(in.Methods, m)
		}
		if o.stratify != "" {
			in.Stratum = in.Subject
		}
		switch o.cluster {
		case "":
		case "subject":
			in.Cluster = in.Subject
		default:
			if in.Cluster, err = clusters(o.cluster, a, b); err != nil {
				return nil, err
			}
		}
		for i := range joins {
			if joins[i].Benchmark == known.Name {
				if err := b.add(a, &joins[i]); err != nil {
					return nil, err
				}
			}
		}
		b.place = nil
		benches = append(benches, b)
	}
	return benches, nil
}

// add fills in a model's scores. Parts of one model's results may come from several
// --results, but no item twice.
func (b *bench) add(a *results.Audit, j *results.Join) error {
	at := slices.IndexFunc(b.input.Results, func(r score.Result) bool { return r.Model == j.Model && r.Metric == j.Metric })
	if at < 0 {
		at = len(b.input.Results)
		r := score.Result{Model: j.Model, Metric: j.Metric, Scores: make([]float64, b.input.Items)}
		for i := range r.Scores {
			r.Scores[i] = math.NaN()
		}
		b.input.Results = append(b.input.Results, r)
	}
	r := &b.input.Results[at]
	for _, m := range j.Matched {
		x := &r.Scores[b.place[int(m.Item)-b.first]]
		if *x == *x {
			return fmt.Errorf("item %q of %s has two results of model %q: name the runs apart as --results MODEL=PATH", a.Items[m.Item].ID, b.input.Name, j.Model)
		}
		*x = m.Score
		r.Averaged = r.Averaged || m.Samples > 1
	}
	if n := len(j.ResultsLeft); n > 0 {
		r.Warnings = append(r.Warnings, count(int64(n), "result")+" of no item left out")
	}
	return nil
}

// aggregate adds rows of scores that are given without results of items. The share
// flagged is the audit's, over the whole benchmark.
func aggregate(name string, a *results.Audit, methods []*results.Verdicts, t *score.Table) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
	head, err := r.Read()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var at [5]int
	for i, want := range []string{"model", "benchmark", "method", "all", "clean"} {
		if at[i] = slices.Index(head, want); at[i] < 0 {
			return fmt.Errorf("%s: its header has no %s", name, want)
		}
	}
	for {
		row, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		line, _ := r.FieldPos(0)
		b := slices.IndexFunc(a.Benchmarks, func(b results.Benchmark) bool { return b.Name == row[at[1]] })
		m := slices.IndexFunc(methods, func(v *results.Verdicts) bool { return v.Method == row[at[2]] })
		all, errAll := strconv.ParseFloat(row[at[3]], 64)
		clean, errClean := strconv.ParseFloat(row[at[4]], 64)
		switch {
		case b < 0:
			return fmt.Errorf("%s: line %d: the audit has no benchmark %q", name, line, row[at[1]])
		case m < 0:
			return fmt.Errorf("%s: line %d: the audit has no method %q among those chosen", name, line, row[at[2]])
		case errAll != nil || errClean != nil || !(all >= 0 && all <= 1 && clean >= 0 && clean <= 1):
			return fmt.Errorf("%s: line %d: all and clean are shares from 0 to 1", name, line)
		}
		known := a.Benchmarks[b]
		states := make([]score.State, 0, known.Last-known.First)
		for _, s := range methods[m].State[known.First:known.Last] {
			states = append(states, score.State(s))
		}
		t.Rows = append(t.Rows, score.Aggregate(row[at[0]], known.Name, methods[m].Method, states, all, clean))
	}
}

// clusters reads which items belong together.
func clusters(name string, a *results.Audit, b *bench) ([]int32, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	head, err := r.Read()
	item, cluster, benchmark := slices.Index(head, "item"), slices.Index(head, "cluster"), slices.Index(head, "benchmark")
	if err != nil || item < 0 || cluster < 0 {
		return nil, fmt.Errorf("%s: a file of clusters has a header with item and cluster", name)
	}
	of := map[string]string{}
	for {
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if benchmark >= 0 && row[benchmark] != b.input.Name {
			continue
		}
		if c, ok := of[row[item]]; ok && c != row[cluster] {
			return nil, fmt.Errorf("%s: item %q is in two clusters", name, row[item])
		}
		of[row[item]] = row[cluster]
	}
	number, column := map[string]int32{}, make([]int32, len(b.items))
	for i, k := range b.items {
		c, ok := of[a.Items[k].ID]
		if !ok {
			return nil, fmt.Errorf("%s: item %q of %s is in no cluster", name, a.Items[k].ID, b.input.Name)
		}
		if _, ok := number[c]; !ok {
			number[c] = int32(len(number))
		}
		column[i] = number[c]
	}
	return column, nil
}

// problems says what is wrong with a file of results, by kind with an example.
func problems(f *results.File) (told []string) {
	for _, kind := range slices.Sorted(maps.Keys(f.Counts)) {
		at := slices.IndexFunc(f.Problems, func(p results.Problem) bool { return p.Kind == kind })
		text := fmt.Sprintf("%s: %s", f.Path, kind)
		if f.Counts[kind] > 1 {
			text = fmt.Sprintf("%s: %d × %s", f.Path, f.Counts[kind], kind)
		}
		if at >= 0 {
			if p := f.Problems[at]; p.Row >= 0 {
				text += fmt.Sprintf(", first in row %d: %s", p.Row, p.Detail)
			} else {
				text += ": " + p.Detail
			}
		}
		told = append(told, text)
	}
	return told
}

// unread counts the rows of a file that gave no score: all problems but those that are
// only to be known of.
func unread(f *results.File) (n int64) {
	for kind, k := range f.Counts {
		if !slices.Contains([]string{"several metrics", "several filters", "uneven samples", "no answer", "perturbed", "not results"}, kind) {
			n += k
		}
	}
	return n
}

func joined(a *results.Audit, j *results.Join) score.Joined {
	out := score.Joined{Model: j.Model, Benchmark: j.Benchmark, Metric: j.Metric, How: j.How, Items: len(j.Matched) + len(j.ItemsLeft),
		Results: len(j.Matched) + len(j.ResultsLeft), ResultsLeft: []string{}, ItemsLeft: []string{}, Problems: []string{}}
	for _, r := range j.ResultsLeft {
		name := r.ID
		if name == "" {
			name = fmt.Sprintf("index %d", r.Index)
		}
		out.ResultsLeft = append(out.ResultsLeft, name)
	}
	for _, k := range j.ItemsLeft {
		it := &a.Items[k]
		out.ItemsLeft = append(out.ItemsLeft, a.Splits[it.Split]+"/"+it.ID)
	}
	for _, p := range j.Problems {
		out.Problems = append(out.Problems, p.Kind+": "+p.Detail)
	}
	return out
}

// tell says how results were joined, and names what is left over.
func tell(w io.Writer, j *score.Joined) {
	name := report.CleanText(j.Model)
	if j.Benchmark == "" {
		fmt.Fprintf(w, "swab: %s: %s of no benchmark of the audit: %s\n", name, count(int64(j.Results), "result"), first(j.ResultsLeft))
	} else {
		fmt.Fprintf(w, "swab: %s on %s: %s joined by %s\n", name, report.CleanText(j.Benchmark), count(int64(j.Results-len(j.ResultsLeft)), "result"), j.How)
		if n := len(j.ResultsLeft); n > 0 {
			fmt.Fprintf(w, "swab:   %s of no item: %s\n", count(int64(n), "result"), first(j.ResultsLeft))
		}
		if n := len(j.ItemsLeft); n > 0 {
			fmt.Fprintf(w, "swab:   %s without a result: %s\n", count(int64(n), "item"), first(j.ItemsLeft))
		}
	}
	for _, p := range j.Problems {
		if !strings.HasPrefix(p, "results left over") && !strings.HasPrefix(p, "items left over") {
			fmt.Fprintf(w, "swab:   %s\n", report.CleanText(p))
		}
	}
}

// first names up to five.
func first(names []string) string {
	shown := make([]string, 0, 5)
	for _, n := range names[:min(5, len(names))] {
		shown = append(shown, visible(n))
	}
	s := strings.Join(shown, ", ")
	if len(names) > 5 {
		s += fmt.Sprintf(" and %d more, named by --out", len(names)-5)
	}
	return s
}

// grade grades every model that has results on all sections of an exam.
func grade(e *score.Exam, a *results.Audit, benches []*bench) (grades []score.Grade, warnings []string, err error) {
	type part struct {
		b     *bench
		items []int
	}
	var parts []part
	for _, s := range e.Sections {
		at := slices.IndexFunc(benches, func(b *bench) bool { return b.input.Name == s.Benchmark })
		if at < 0 {
			return nil, nil, fmt.Errorf("exam %s: section %s: no results are of benchmark %q", e.Name, s.Name, s.Benchmark)
		}
		p := part{b: benches[at]}
		seen := map[string]bool{}
		for i, k := range p.b.items {
			it := &a.Items[k]
			if s.Subject != "" && a.Splits[it.Split] != s.Subject || len(s.Items) > 0 && !slices.Contains(s.Items, it.ID) {
				continue
			}
			if seen[it.ID] && (len(s.Items) > 0 || s.ItemPoints != nil) {
				return nil, nil, fmt.Errorf("exam %s: section %s: two items have the id %q", e.Name, s.Name, it.ID)
			}
			seen[it.ID] = true
			p.items = append(p.items, i)
		}
		for _, id := range slices.Concat(s.Items, slices.Sorted(maps.Keys(s.ItemPoints))) {
			if !seen[id] {
				return nil, nil, fmt.Errorf("exam %s: section %s: %s has no item %q", e.Name, s.Name, s.Benchmark, id)
			}
		}
		if len(p.items) == 0 {
			return nil, nil, fmt.Errorf("exam %s: section %s: no items of %s", e.Name, s.Name, s.Benchmark)
		}
		parts = append(parts, p)
	}
	for m := range parts[0].b.input.Methods {
		for _, r := range parts[0].b.input.Results {
			var answers []score.Answers
			for _, p := range parts {
				at := slices.IndexFunc(p.b.input.Results, func(q score.Result) bool { return q.Model == r.Model })
				if at < 0 {
					break
				}
				var x score.Answers
				for _, i := range p.items {
					state := p.b.input.Methods[m].States[i]
					x.IDs = append(x.IDs, a.Items[p.b.items[i]].ID)
					x.Scores = append(x.Scores, p.b.input.Results[at].Scores[i])
					x.Flagged = append(x.Flagged, state == score.Flagged || state == score.Suspected)
				}
				answers = append(answers, x)
			}
			if len(answers) < len(parts) {
				if m == 0 {
					warnings = append(warnings, fmt.Sprintf("exam %s: %s has no results on section %s and gets no grade", e.Name, r.Model, e.Sections[len(answers)].Name))
				}
				continue
			}
			g, err := e.Grade(answers)
			if err != nil {
				return nil, nil, fmt.Errorf("exam %s: %s: %w", e.Name, r.Model, err)
			}
			g.Model, g.Method = r.Model, parts[0].b.input.Methods[m].Name
			grades = append(grades, *g)
		}
	}
	if len(grades) == 0 {
		return nil, nil, fmt.Errorf("exam %s: no model has results on all sections", e.Name)
	}
	return grades, warnings, nil
}

// scoreFiles are what a directory of scores holds, and how each is written.
func scoreFiles(t *score.Table) map[string]func(io.Writer) error {
	as := func(format string) func(io.Writer) error {
		return func(w io.Writer) error { return t.Write(w, format, 0) }
	}
	return map[string]func(io.Writer) error{ledger.ScoresFile: as("json"), "scores.csv": as("csv"), "scores.md": as("markdown"), ledger.CurveFile: t.WriteCurves}
}

// outFormat gives the format that a file's ending asks for; "" is a directory.
func outFormat(out string) string {
	return map[string]string{".json": "json", ".csv": "csv", ".md": "markdown", ".tex": "latex"}[filepath.Ext(out)]
}

// scoresKind is what publish knows of a directory of scores.
var scoresKind = publish.Kind{Name: "a directory of scores", Mark: ledger.ScoresFile,
	Names: []string{ledger.ScoresFile, "scores.csv", "scores.md", ledger.CurveFile}}

// checkOut refuses an --out that would destroy what swab score did not make.
func checkOut(out, audit string) error {
	switch {
	case out == "" || sameDir(out, audit):
		return nil
	case outFormat(out) == "":
		return publish.Replaceable(out, &scoresKind)
	}
	if info, err := os.Stat(out); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w: it is a directory where a file is meant", out, publish.ErrForeign)
	}
	return nil
}

// sameDir says that both names are of one directory that is there.
func sameDir(a, b string) bool {
	one, err1 := os.Stat(a)
	other, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && one.IsDir() && os.SameFile(one, other)
}

// writeIntoAudit puts a table into the audit's directory and makes the report again.
func (o *scoreFlags) writeIntoAudit(ctx context.Context, dir string, t *score.Table) error {
	files := scoreFiles(t)
	for _, name := range []string{ledger.CurveFile, ledger.ScoresFile} {
		if err := publish.ReplaceFile(filepath.Join(dir, name), files[name]); err != nil {
			return err
		}
	}
	if o.noReport {
		return nil
	}
	if err := page.WriteFile(ctx, dir, page.Options{Definitions: definitions()}); err != nil {
		return fmt.Errorf("%s is written, but not the report: %w", ledger.ScoresFile, err)
	}
	return nil
}

// writeScores writes a table into a file by its ending, or all forms into a directory.
// Either appears whole.
func writeScores(_ context.Context, out string, t *score.Table) error {
	if format := outFormat(out); format != "" {
		return writeFile(out, func(w io.Writer) error { return t.Write(w, format, 0) })
	}
	dir, err := publish.Open(out, &scoresKind)
	if err != nil {
		return err
	}
	err = dir.Publish(nil, func(root string) error {
		files := scoreFiles(t)
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if err := writeFile(filepath.Join(root, name), files[name]); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, dir.Close())
}
