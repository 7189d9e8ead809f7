// Package export writes the clean variant of an audited benchmark in the form that a
// harness reads, so that the harness itself scores it.
//
// A clean variant has all items that one method did not flag, including those that were
// not checkable, as in the audit's clean/. The files in OUT are:
//
//	evals     registry/evals/NAME.yaml, registry/data/NAME/samples.jsonl
//	lm-eval   BENCHMARK.json: task to the indices of items, from 0, for --samples
//	inspect   BENCHMARK/SPLIT.txt: ids on one line, separated by commas, for --sample-id
//	ids       BENCHMARK/SPLIT.txt: one id a line
//	hf        BENCHMARK/README.md, data/SPLIT.jsonl: a dataset for load_dataset
//	lighteval such datasets, and tasks.py for --custom-tasks
//	opencompass, helm  TASK.jsonl for --custom-dataset-path and for the run entry custom_mcqa
//
// and export.json, which names the audit's method, counts the items, and has the place of each in
// the audited file, so that [Read] knows what a run should have run. Equal audits
// produce equal bytes. OUT is published whole or not at all. In names of files, every byte
// other than letters, digits, - and _ and single inner dots is written as %XX.
//
// A harness reads an empty list of items as all items, so a split without any clean item
// is an error, or is left out and named.
package export

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"swab/ngram/align"
	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/publish"
)

var (
	// ErrIncomplete means that some input of the audit was not read.
	ErrIncomplete = errors.New("the audit is incomplete: some input was not read and may contain clean items")
	// ErrEmpty means that no item of a split is clean.
	ErrEmpty = errors.New("no item is left")
)

// Forms are the forms of output: the harnesses, and plain ids.
var Forms = []string{"evals", "lm-eval", "inspect", "lighteval", "opencompass", "helm", "hf", "ids"}

// Options configures Write.
type Options struct {
	Audit           string            // directory
	For             string            // one of Forms
	Method          string            // "" if the audit has only one
	Out             string            // directory, which must not exist
	Benchmarks      []string          // only these; nil for all
	Tasks           map[string]string // BENCHMARK or BENCHMARK/SPLIT to the harness's name of the task
	AllowIncomplete bool
	SkipEmpty       bool   // leave out splits without clean items
	Version         string // of the program
	Reviewed        bool   // follow the marks of review.jsonl, and say so in the summary
}

// Split describes the output for one split.
type Split struct {
	Benchmark    string `json:"benchmark"`
	Split        string `json:"split"`
	Task         string `json:"task,omitempty"`
	File         string `json:"file,omitempty"` // below OUT; "" if no item is clean
	Items        int    `json:"items"`
	Kept         int    `json:"kept"`
	Flagged      int    `json:"flagged"`
	NotCheckable int    `json:"not_checkable"` // of those kept
	Indices      string `json:"indices"`       // of those written, in their order, as in 0-4,6

	// Error says why the split is not exported, where another one is.
	Error string `json:"error,omitempty"`

	items []int // kept
}

// Summary describes what was written. It is the content of export.json.
type Summary struct {
	Format   string   `json:"format"` // "swab export"
	Version  int      `json:"version"`
	Swab     string   `json:"swab"`
	For      string   `json:"for"`
	Method   string   `json:"method"`
	Verdicts string   `json:"verdicts"` // the digest of the audit's
	Complete bool     `json:"complete"`
	Reviewed []string `json:"reviewed,omitempty"` // how the marks changed the verdicts
	Splits   []Split  `json:"splits"`
	Notes    []string `json:"notes,omitempty"` // what a run of the harness has to heed
}

// writer writes one form.
type writer struct {
	o       Options
	a       *audit.Table
	verdict *audit.MethodVerdicts
	sum     *Summary
	root    string
}

// Write writes the clean variants of an audit to o.Out.
func Write(ctx context.Context, o Options) (*Summary, error) {
	if !slices.Contains(Forms, o.For) {
		return nil, fmt.Errorf("unknown form %q: known are %s", o.For, strings.Join(Forms, ", "))
	}
	r, err := audit.Open(o.Audit)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	a, err := r.Table(ctx)
	if err != nil {
		return nil, err
	}
	var followed []string
	if o.Reviewed {
		if followed, err = r.Follow(ctx, a, "clean variants"); err != nil {
			return nil, err
		}
	}
	w := &writer{o: o, a: a}
	if err := w.choose(); err != nil {
		return nil, fmt.Errorf("%q: %w", o.Audit, err)
	}
	if !a.About.Complete && !o.AllowIncomplete {
		return nil, fmt.Errorf("%q: %w", o.Audit, ErrIncomplete)
	}
	w.sum = &Summary{
		Format: "swab export", Version: 1, Swab: o.Version, For: o.For,
		Method: w.verdict.Method, Verdicts: a.About.VerdictsDigest(),
		Complete: a.About.Complete, Reviewed: followed,
	}
	if err := w.splits(); err != nil {
		return nil, fmt.Errorf("%q: %w", o.Audit, err)
	}
	return w.sum, w.publish(ctx)
}

// choose finds the verdicts of the method.
func (w *writer) choose() error {
	var names []string
	for i := range w.a.Verdicts {
		v := &w.a.Verdicts[i]
		names = append(names, v.Method)
		if v.Method == w.o.Method || w.o.Method == "" && len(w.a.Verdicts) == 1 {
			w.verdict = v
		}
	}
	switch {
	case w.verdict == nil && w.o.Method == "":
		return fmt.Errorf("it has several methods: choose one with --method: %s", strings.Join(names, ", "))
	case w.verdict == nil:
		return fmt.Errorf("it has no method %q; it has %s", w.o.Method, strings.Join(names, ", "))
	}
	return nil
}

// splits collects the kept items of each split, and the name of its task.
func (w *writer) splits() error {
	for _, name := range w.o.Benchmarks {
		if !slices.ContainsFunc(w.a.Benchmarks, func(b audit.TableBenchmark) bool { return b.Name == name }) {
			return fmt.Errorf("it has no benchmark %q", name)
		}
	}
	for _, b := range w.a.Benchmarks {
		if w.o.Benchmarks != nil && !slices.Contains(w.o.Benchmarks, b.Name) {
			continue
		}
		number := map[uint16]int{} // of a split in the summary
		for k := b.First; k < b.Last; k++ {
			it := &w.a.Items[k]
			n, ok := number[it.Split]
			if !ok {
				n = len(w.sum.Splits)
				number[it.Split] = n
				w.sum.Splits = append(w.sum.Splits, Split{Benchmark: b.Name, Split: w.a.Splits[it.Split]})
			}
			s := &w.sum.Splits[n]
			s.Items++
			switch w.verdict.State[k] {
			case item.Flagged:
				s.Flagged++
				continue
			case item.NotCheckable:
				s.NotCheckable++
			case item.Clean:
				if audit.KindName(w.verdict.Kind[k]) == align.ByFilter {
					return errors.New("items are clean only by a corpus filter, which does not bound the method: run swab scan")
				}
			case item.Suspected:
				return errors.New("items are only suspected by a corpus filter: run swab check --trace for verdicts")
			default:
				return fmt.Errorf("item %q of %s/%s has no verdict of %s", clip(it.ID), b.Name, s.Split, w.verdict.Method)
			}
			s.Kept++
			s.items = append(s.items, k)
		}
	}
	for i := range w.sum.Splits {
		s := &w.sum.Splits[i]
		if s.Kept == 0 && !w.o.SkipEmpty {
			return fmt.Errorf("%s/%s: %w, and harnesses read an empty list as all items; --skip-empty leaves it out",
				s.Benchmark, s.Split, ErrEmpty)
		}
	}
	return w.nameTasks()
}

// nameTasks sets the harness's names of splits, as --task has them.
func (w *writer) nameTasks() error {
	used := map[string]bool{}
	for i := range w.sum.Splits {
		s := &w.sum.Splits[i]
		for _, key := range []string{s.Benchmark + "/" + s.Split, s.Benchmark} {
			if t, ok := w.o.Tasks[key]; ok {
				used[key] = true
				if s.Task == "" {
					s.Task = t
				}
			}
		}
	}
	for key := range w.o.Tasks {
		if !used[key] {
			return fmt.Errorf("--task %s: it has no such benchmark or split", key)
		}
	}
	return nil
}

// outKind describes an export to package publish: nothing is ever replaced.
var outKind = publish.Kind{Name: "an export", Mark: "export.json", Fresh: true}

// publish writes all files into OUT atomically.
func (w *writer) publish(ctx context.Context) error {
	out, err := publish.Open(w.o.Out, &outKind)
	if err != nil {
		return err
	}
	err = out.Publish(nil, func(root string) error {
		w.root = root
		return w.write(ctx)
	})
	return errors.Join(err, out.Close())
}

// write writes the files of the form and export.json below the root.
func (w *writer) write(ctx context.Context) (err error) {
	switch w.o.For {
	case "evals":
		err = w.evals(ctx)
	case "lm-eval":
		err = w.lmEval()
	case "inspect":
		err = w.inspect()
	case "lighteval":
		err = w.lighteval(ctx)
	case "opencompass":
		err = w.openCompass(ctx)
	case "helm":
		err = w.helm(ctx)
	case "hf":
		err = w.hf(ctx)
	case "ids":
		err = w.ids()
	}
	if err != nil {
		return err
	}
	for i := range w.sum.Splits {
		if s := &w.sum.Splits[i]; s.Error == "" && s.File != "" {
			s.Indices = w.indices(s)
		}
	}
	about, err := marshal(w.sum, "  ")
	if err != nil {
		return err
	}
	if err := w.writeFile("export.json", about); err != nil {
		return err
	}
	return ctx.Err()
}

// writeFile writes one file below the root. Its name has slashes.
func (w *writer) writeFile(rel string, b []byte) error {
	if !filepath.IsLocal(rel) {
		return fmt.Errorf("%q cannot be a file below %q", rel, w.o.Out)
	}
	name := filepath.Join(w.root, filepath.FromSlash(rel))
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) { // on a file system that ignores letters' case
		return fmt.Errorf("%s: two splits would have this file name", rel)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

func marshal(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(v)
	return b.Bytes(), err
}

// fileName returns the name of a file for a text. Different texts have different names.
func fileName(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_',
			c == '.' && i > 0 && i < len(s)-1 && s[i-1] != '.':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// eachSplit calls write for every split that has kept items. A split that cannot be exported does
// not stop the others; it is an error if none can.
func (w *writer) eachSplit(write func(s *Split) error) error {
	var first error
	written := 0
	for i := range w.sum.Splits {
		s := &w.sum.Splits[i]
		if s.Kept == 0 {
			continue
		}
		err := write(s)
		if err == nil {
			written++
			continue
		}
		err = fmt.Errorf("%s/%s: %w", s.Benchmark, s.Split, err)
		var trouble *fs.PathError
		if w.o.For == "lm-eval" || errors.As(err, &trouble) {
			return err
		}
		s.Error, s.File = err.Error(), ""
		first = cmp.Or(first, err)
	}
	if written == 0 {
		return first
	}
	return nil
}

// distinct returns an error if the ids do not identify the kept items of a split.
func (w *writer) distinct(s *Split, id func(k int) string) error {
	kept := make(map[string]bool, len(s.items))
	for _, k := range s.items {
		if kept[id(k)] {
			return fmt.Errorf("two items have the id %q: --for lm-eval names items by index", clip(id(k)))
		}
		kept[id(k)] = true
	}
	for k := range w.a.Items {
		it := &w.a.Items[k]
		inSplit := w.a.Splits[it.Split] == s.Split && w.benchmark(k) == s.Benchmark
		if inSplit && w.verdict.State[k] == item.Flagged && kept[id(k)] {
			return fmt.Errorf("a flagged item has the id of a kept item, %q: --for lm-eval names items by index", clip(id(k)))
		}
	}
	return nil
}

func (w *writer) benchmark(k int) string { return w.a.Benchmarks[w.a.Items[k].Benchmark].Name }

// ids writes plain ids.
func (w *writer) ids() error {
	return w.eachSplit(func(s *Split) error {
		id := func(k int) string { return w.a.Items[k].ID }
		if err := w.distinct(s, id); err != nil {
			return err
		}
		var b bytes.Buffer
		for _, k := range s.items {
			if hasControl(id(k)) {
				return fmt.Errorf("the id %q cannot be a line of text: --for lm-eval names items by index", clip(id(k)))
			}
			b.WriteString(id(k))
			b.WriteByte('\n')
		}
		s.File = fileName(s.Benchmark) + "/" + fileName(s.Split) + ".txt"
		return w.writeFile(s.File, b.Bytes())
	})
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\uFFFD'
	})
}

// inspect writes the ids that samples have in inspect_ai: the items' own, or if they have
// none, their number from 1.
func (w *writer) inspect() error {
	return w.eachSplit(func(s *Split) error {
		own := slices.ContainsFunc(w.a.Items, func(it audit.TableItem) bool {
			return w.a.Benchmarks[it.Benchmark].Name == s.Benchmark && it.ID != strconv.FormatInt(it.Index, 10)
		})
		id := func(k int) string {
			if own {
				return w.a.Items[k].ID
			}
			return strconv.FormatInt(w.a.Items[k].Index+1, 10)
		}
		if !own {
			w.sum.Notes = append(w.sum.Notes, fmt.Sprintf("%s/%s: its items have no ids of their own, so inspect_ai numbers "+
				"them as it reads them: with shuffle=True the numbers name other items, flagged ones too", s.Benchmark, s.Split))
		}
		if err := w.distinct(s, id); err != nil {
			return err
		}
		var list []string
		for _, k := range s.items {
			// A comma separates ids, stars and brackets are patterns, and a colon names a task.
			if v := id(k); v == "" || v != strings.TrimSpace(v) || strings.ContainsAny(v, ",*?[]:") || hasControl(v) {
				return fmt.Errorf("--sample-id of inspect_ai cannot name the id %q", clip(v))
			}
			list = append(list, id(k))
		}
		s.File = fileName(s.Benchmark) + "/" + fileName(s.Split) + ".txt"
		return w.writeFile(s.File, []byte(strings.Join(list, ",")+"\n"))
	})
}

var notTask = regexp.MustCompile(`[^A-Za-z0-9]+`)

// lmEvalTask guesses the name of a split in lm-evaluation-harness.
func lmEvalTask(benchmark, preset, split string) string {
	base := split[strings.LastIndexByte(split, '/')+1:]
	if !strings.HasPrefix(benchmark, preset) {
		preset = "" // guessed by its fields
	}
	switch preset {
	case "mmlu":
		for _, end := range []string{"_test", "_val", "_dev"} {
			base = strings.TrimSuffix(base, end)
		}
		if !slices.Contains([]string{"test", "validation", "val", "dev"}, base) {
			return "mmlu_" + base
		}
	case "agieval":
		return "agieval_" + notTask.ReplaceAllString(base, "_")
	case "", "plain":
		return benchmark
	}
	return preset
}

// lmEval writes the indices of items by task.
func (w *writer) lmEval() error {
	type task struct{ name, split string }
	tasks := map[string][]task{}
	places := map[string]map[string][]int64{}
	err := w.eachSplit(func(s *Split) error {
		if s.Task == "" {
			for _, b := range w.a.About.Benchmarks {
				if b.Name == s.Benchmark {
					s.Task = lmEvalTask(b.Name, b.Preset, s.Split)
				}
			}
		}
		for _, other := range tasks[s.Benchmark] {
			if other.name == s.Task {
				return fmt.Errorf("it and %s would both be the task %s: name the task of each, as in --task %s/%s=TASK, "+
					"or audit only the split that the task uses", other.split, s.Task, s.Benchmark, s.Split)
			}
		}
		tasks[s.Benchmark] = append(tasks[s.Benchmark], task{s.Task, s.Split})
		s.File = fileName(s.Benchmark) + ".json"
		if places[s.File] == nil {
			places[s.File] = map[string][]int64{}
		}
		for _, k := range s.items {
			places[s.File][s.Task] = append(places[s.File][s.Task], w.a.Items[k].Index)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for name, indices := range places {
		b, err := marshal(indices, "")
		if err != nil {
			return err
		}
		if err := w.writeFile(name, b); err != nil {
			return err
		}
	}
	return nil
}
