// Swabeval measures methods: on real items planted in real documents, on items
// disturbed in named ways, and on real text whose flags were judged by reading.
//
//	swabeval                           every table, development classes
//	swabeval -held                     the classes held back from development
//	swabeval -json eval.json           all figures and every misjudged item in a file
//	swabeval -methods gpt3 -list       one method, its misjudged items listed
//	swabeval -keep DIR                 keep the sets and their audits in DIR
//	swabeval fit -set swab.max-false=1,2   compare other values: by cross-validation on the
//	                                   development classes; the others are shown beside it
//	swabeval fit-reworded              fit the weights of the method reworded
//
// The benchmarks and corpora are those of the folder $SWAB_DATA, or of ../shared/data
// beside the working directory, else a small set of the program's own, which has no
// tables of real items. Parameters are fitted on the development classes with the seed of
// "fit"; the other seed and the classes held back measure the finished methods, and no
// list of the items misjudged there is written.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"swab/ngram/overlap"
	"swab/pipeline/eval"
)

const usage = `swabeval measures methods on real items planted in real documents, on items disturbed
in named ways, and on real text whose flags were judged by reading.

  swabeval                           every table, development classes
  swabeval -held                     the classes held back from development
  swabeval -json eval.json           all figures and every misjudged item in a file
  swabeval -methods gpt3 -list       one method, its misjudged items listed
  swabeval -keep DIR                 keep the sets and their audits in DIR
  swabeval fit -set swab.max-false=1,2   compare other values: by cross-validation on the
                                     development classes; the others are shown beside it
  swabeval filter                    share of flagged items that corpus filters suspect
  swabeval fit-reworded              fit the weights of the method reworded`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && err != flag.ErrHelp {
		fmt.Fprintln(os.Stderr, "swabeval: error:", err)
		os.Exit(2)
	}
}

// A job holds the settings and the results of one run.
type job struct {
	seed           uint64
	part           eval.Part
	methods        []*overlap.Method
	size           eval.Size
	rounds         int
	dir            string
	further        []string // corpora beside those of the data folder
	src            eval.Sources
	stdout, stderr io.Writer
	result         result
}

// A result is the content of the file of -json.
type result struct {
	Tables   []titled         `json:"tables,omitempty"`
	RealText *eval.RealReport `json:"real_text,omitempty"`
	Classes  *eval.Report     `json:"classes"`
	Filters  []filters        `json:"filters,omitempty"`
}

type titled struct {
	Title string `json:"title"`
	*eval.Report
}

// A request holds the command line.
type request struct {
	fit, filter, reworded              bool
	held, list, own                    bool
	seed                               uint64
	methods, file, keep, further, only string
	perClass, rounds                   int
	settings                           []string // with fit: METHOD.PARAMETER=VALUE[,VALUE…]
}

// parse reads the command line.
func parse(args []string, stderr io.Writer) (*request, error) {
	q := &request{}
	if len(args) > 0 && (args[0] == "fit" || args[0] == "filter" || args[0] == "fit-reworded") {
		q.fit, q.filter, q.reworded = args[0] == "fit", args[0] == "filter", args[0] == "fit-reworded"
		args = args[1:]
	}
	flags := flag.NewFlagSet("swabeval", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintf(stderr, "%s\n\n", usage)
		flags.PrintDefaults()
	}
	flags.BoolVar(&q.held, "held", false, "the classes held back, and nothing else")
	flags.Uint64Var(&q.seed, "seed", 0, "seed in place of the default, which is one for reports and one for fit")
	flags.StringVar(&q.methods, "methods", "", "methods, with commas between them (default: all)")
	flags.StringVar(&q.file, "json", "", "file for the report with all figures and every misjudged item")
	flags.StringVar(&q.keep, "keep", "", "new directory to leave the sets and the audits in")
	flags.BoolVar(&q.list, "list", false, "list the misjudged items")
	flags.BoolVar(&q.own, "own", false, "use the program's own small set even where there are real data")
	flags.StringVar(&q.further, "text", "", "further corpora of real text, with commas between them")
	flags.StringVar(&q.only, "only", "", "one of: tables, real-text, classes")
	flags.IntVar(&q.perClass, "per-class", 0, "plants of a class and round (default: 80; of the own set 8)")
	flags.IntVar(&q.rounds, "rounds", 2, "sets of the classes to make and to add up")
	about := "with fit: METHOD.PARAMETER=VALUE[,VALUE…], values to compare with what is in use; repeats"
	flags.Func("set", about, func(v string) error {
		q.settings = append(q.settings, v)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unknown argument %q: see -help", flags.Arg(0))
	}
	return q, q.check()
}

// check returns an error for flags that do not go together.
func (q *request) check() error {
	switch {
	case q.filter && (q.held || q.list || q.only != "" || q.methods != ""):
		return errors.New(
			"filter measures one method on all its sets: it goes with neither -held nor -list, -only and -methods")
	case len(q.settings) > 0 && !q.fit:
		return errors.New("-set goes with fit alone: reports measure what is in use")
	case q.held && (q.fit || q.list || q.keep != "" || q.only != ""):
		return errors.New("-held reports shares alone: it goes with neither fit nor -list, -keep and -only")
	case q.rounds < 1:
		return errors.New("-rounds: at least 1")
	case !slices.Contains([]string{"", "tables", "real-text", "classes"}, q.only):
		return fmt.Errorf("-only %q: tables, real-text and classes are known", q.only)
	}
	return nil
}

// newJob returns the job that a request asks for, still without a directory and sources.
func (q *request) newJob(stdout, stderr io.Writer) (*job, error) {
	j := &job{seed: q.seed, part: eval.Development, rounds: q.rounds, stdout: stdout, stderr: stderr}
	if q.held {
		j.part = eval.HeldBack
	}
	if j.seed == 0 {
		j.seed = eval.ReportSeed
		if q.fit || q.reworded {
			j.seed = eval.DevSeed
		}
	}
	if q.further != "" {
		j.further = strings.Split(q.further, ",")
	}
	var err error
	j.methods, err = choose(q.methods)
	return j, err
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	q, err := parse(args, stderr)
	if err != nil {
		return err
	}
	j, err := q.newJob(stdout, stderr)
	if err != nil {
		return err
	}
	if j.dir = q.keep; j.dir == "" {
		if j.dir, err = os.MkdirTemp("", "swabeval-"); err != nil {
			return err
		}
		defer os.RemoveAll(j.dir)
	} else if err := os.Mkdir(j.dir, 0o755); err != nil {
		return err
	}
	if err := j.sources(ctx, q.own); err != nil {
		return err
	}
	if q.perClass > 0 {
		j.size.PerClass = q.perClass
	}
	if q.fit {
		return j.fit(ctx, q.settings)
	}
	if q.reworded {
		return j.fitReworded(ctx)
	}
	if err := j.measure(ctx, q); err != nil {
		return err
	}
	if q.file != "" {
		b, err := json.MarshalIndent(j.result, "", "  ")
		if err != nil {
			return err
		}
		if err := writeWhole(q.file, append(b, '\n')); err != nil {
			return err
		}
	}
	if q.list && j.result.Classes != nil {
		j.list()
	}
	return nil
}

// measure writes the tables that are asked for, those of real items where they are there.
func (j *job) measure(ctx context.Context, q *request) error {
	if q.filter {
		return j.filters(ctx)
	}
	asked := func(what string) bool { return q.only == "" || q.only == what }
	switch {
	case q.held:
	case j.src.Dir == "":
		fmt.Fprintln(j.stderr, "swabeval: skipped: real items planted whole, real siblings, reworded items, real text:",
			"they need SWAB_DATA")
	default:
		if asked("tables") {
			if err := j.tables(ctx); err != nil {
				return err
			}
		}
		if asked("real-text") {
			if err := j.realText(ctx); err != nil {
				return err
			}
		}
	}
	if asked("classes") {
		return j.classes(ctx)
	}
	return nil
}

// sources reads the items and texts, and writes where they are from.
func (j *job) sources(ctx context.Context, own bool) (err error) {
	j.src, j.size = eval.Own(), eval.Size{PerClass: 8, Docs: 1500}
	if data := eval.Find("."); data != "" && !own {
		fmt.Fprintln(j.stderr, "swabeval: sources:", data)
		j.size = eval.Size{}
		j.src, err = eval.Real(ctx, data)
		return err
	}
	fmt.Fprintln(j.stderr, "swabeval: sources: the program's own small set;",
		"SWAB_DATA names a folder with real benchmarks and corpora")
	return nil
}

// judge scans one set in a directory of its own.
func (j *job) judge(ctx context.Context, name string, s *eval.Set) (eval.Judged, error) {
	began := time.Now()
	dir := filepath.Join(j.dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return eval.Judged{}, err
	}
	if err := s.Write(dir); err != nil {
		return eval.Judged{}, err
	}
	s.Docs = nil
	verdicts, err := eval.Scan(ctx, s, dir, filepath.Join(dir, "audit"), j.methods)
	fmt.Fprintf(j.stderr, "swabeval: %s: scanned in %.1f s\n", name, time.Since(began).Seconds())
	return eval.Judged{Set: s, Verdicts: verdicts}, err
}

// tables writes the tables of real items.
func (j *job) tables(ctx context.Context) error {
	err := eval.Tables(j.seed, j.src, func(name, title string, s *eval.Set) error {
		judged, err := j.judge(ctx, name, s)
		if err != nil {
			return err
		}
		report, err := eval.Score(judged)
		if err != nil {
			return err
		}
		j.result.Tables = append(j.result.Tables, titled{title, report})
		return report.Brief(j.stdout, title)
	})
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(j.stderr, "swabeval: skipped: a table of real items:", err)
		return nil
	}
	return err
}

// realText writes the judgements of the flags of the project's own method on real text.
func (j *job) realText(ctx context.Context) error {
	k := slices.IndexFunc(j.methods, func(m *overlap.Method) bool { return m.Name == overlap.House })
	if k < 0 {
		fmt.Fprintln(j.stderr, "swabeval: skipped: real text: its judgements are of flags by", overlap.House)
		return nil
	}
	began := time.Now()
	dir := filepath.Join(j.dir, "real-text")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	report, err := eval.RealText(ctx, j.src.Dir, dir, j.further, j.methods[k])
	if err != nil {
		return err
	}
	fmt.Fprintf(j.stderr, "swabeval: real text: scanned in %.1f s\n", time.Since(began).Seconds())
	j.result.RealText = report
	return report.Table(j.stdout)
}

// classes writes the table of one part of the classes.
func (j *job) classes(ctx context.Context) error {
	var all []eval.Judged
	for k := range j.rounds {
		began := time.Now()
		s, err := eval.Generate(j.seed+uint64(k), j.part, j.src, j.size)
		if err != nil {
			return err
		}
		fmt.Fprintf(j.stderr, "swabeval: round %d: set made in %.1f s\n", k+1, time.Since(began).Seconds())
		judged, err := j.judge(ctx, fmt.Sprintf("round-%d", k+1), s)
		if err != nil {
			return err
		}
		all = append(all, judged)
	}
	report, err := eval.Score(all...)
	if err != nil {
		return err
	}
	j.result.Classes = report
	return report.Table(j.stdout)
}

// folds is the number of folds of the cross-validation that fit does.
const folds = 5

// fit compares values of parameters on one set of the development classes, and then writes
// what each of them does to one of the classes held back, pooled: nothing is chosen by it.
func (j *job) fit(ctx context.Context, settings []string) error {
	method, names, params, err := candidatesOf(settings)
	if err != nil {
		return err
	}
	s, candidates, err := j.scanCandidates(ctx, eval.Development, method, names, params)
	if err != nil {
		return err
	}
	report, err := eval.Fit(s, candidates, folds)
	if err != nil {
		return err
	}
	if err := report.Table(j.stdout); err != nil {
		return err
	}
	if s, candidates, err = j.scanCandidates(ctx, eval.HeldBack, method, names, params); err != nil {
		return err
	}
	fmt.Fprintf(j.stdout, "\n%-36s %-17s %-17s %s\n", "classes held back, none chosen by", "precision", "recall", "F1")
	for _, c := range candidates {
		report, err := eval.Score(eval.Judged{Set: s, Verdicts: c.Verdicts})
		if err != nil {
			return err
		}
		m := report.Methods[0]
		fmt.Fprintf(j.stdout, "%-36s %-17s %-17s %s\n", c.Name, m.Precision, m.Recall, m.F1)
	}
	return nil
}

// candidatesOf returns the method that settings are of, and the candidates that they name:
// what is in use, and each value.
func candidatesOf(settings []string) (method string, names []string, params []overlap.Settings, err error) {
	method, names, params = overlap.House, []string{"in use"}, []overlap.Settings{{}}
	for _, set := range settings {
		name, values, ok := strings.Cut(set, "=")
		of, param, dotted := strings.Cut(name, ".")
		if !ok || !dotted {
			return "", nil, nil, fmt.Errorf("-set %q: want METHOD.PARAMETER=VALUE[,VALUE…]", set)
		}
		if len(names) > 1 && of != method {
			return "", nil, nil, fmt.Errorf("-set %q: one run fits one method, and %s was named before", set, method)
		}
		method = of
		for _, v := range strings.Split(values, ",") {
			names = append(names, name+"="+v)
			params = append(params, overlap.Settings{Params: map[string]map[string]string{of: {param: v}}})
		}
	}
	return method, names, params, nil
}

// scanCandidates makes a set of one part of the classes and scans it by every candidate.
func (j *job) scanCandidates(
	ctx context.Context, part eval.Part, method string, names []string, params []overlap.Settings,
) (*eval.Set, []eval.Candidate, error) {
	s, err := eval.Generate(j.seed, part, j.src, j.size)
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(j.dir, "fit-"+strings.ReplaceAll(string(part), " ", "-"))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, nil, err
	}
	if err := s.Write(dir); err != nil {
		return nil, nil, err
	}
	s.Docs = nil
	var candidates []eval.Candidate
	for k, p := range params {
		all, err := overlap.Methods(p)
		if err != nil {
			return nil, nil, err
		}
		all = slices.DeleteFunc(all, func(m *overlap.Method) bool { return m.Name != method })
		if len(all) != 1 {
			return nil, nil, fmt.Errorf("unknown method %q", method)
		}
		verdicts, err := eval.Scan(ctx, s, dir, filepath.Join(dir, fmt.Sprintf("audit-%d", k)), all)
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(j.stderr, "swabeval: %s on %s classes: scanned\n", names[k], part)
		candidates = append(candidates, eval.Candidate{Name: names[k], Verdicts: verdicts})
	}
	return s, candidates, nil
}

// list writes the misjudged items, a line each.
func (j *job) list() {
	for _, m := range j.result.Classes.Methods {
		for _, x := range m.Misjudged {
			fmt.Fprintf(j.stdout, "%s\t%d\t%s/%s\t%s\twant %s, got %s\tscore %.3f\t%d words\t%s\n",
				m.Method, x.Round+1, x.Bench, x.Item, x.Class, x.Want, x.State, x.Score, x.Words, x.Doc)
		}
	}
}

// choose returns the methods named, or all.
func choose(names string) ([]*overlap.Method, error) {
	all, err := overlap.Methods(overlap.Settings{})
	if err != nil {
		return nil, err
	}
	if names == "" {
		return all, nil
	}
	var known []string
	for _, m := range all {
		known = append(known, m.Name)
	}
	var chosen []*overlap.Method
	for _, n := range strings.Split(names, ",") {
		i := slices.Index(known, n)
		if i < 0 {
			return nil, fmt.Errorf("unknown method %q: known are %s", n, strings.Join(known, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// writeWhole writes b to path, whole or not at all.
func writeWhole(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".swabeval-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
