package results

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Names that fields commonly have, the most certain first.
var (
	idNames    = []string{"id", "item", "item_id", "doc_id", "task_id", "question_id", "sample_id", "instance_id", "example_id", "problem_id", "qid", "uid", "key"}
	indexNames = []string{"index", "idx", "row", "i"}
	scoreNames = []string{"score", "correct", "is_correct", "passed", "exact_match", "acc", "accuracy", "em", "quasi_exact_match", "pass@1", "match", "success", "acc_norm", "f1", "f1_score"}
	textNames  = []string{"question", "problem", "prompt", "query", "input", "text", "goal", "ctx", "sentence", "Question"}
	epochNames = []string{"epoch", "trial", "train_trial_index", "sample", "seed", "attempt"}

	// Lists of rows in a document that is one object.
	documentLists = []string{"request_states", "samples", "raw_scored_generations", "results", "items", "rows", "records", "data", "predictions", "details"}
)

// formats are those of rows, the most particular first.
func formats(o Options) []format {
	return []format{
		{"OpenAI Evals log", func(r row) bool { return r.get("spec") != nil }, readEvals},
		{"lm-evaluation-harness samples", func(r row) bool {
			return r.get("doc_id") != nil && (r.get("resps") != nil || r.get("filtered_resps") != nil || r.get("doc") != nil)
		}, readLMEval},
		{"HELM request states", isRequestState, readRequestState},
		{"HELM per-instance statistics", func(r row) bool { return r.get("instance_id") != nil && r.get("stats") != nil }, readHELMStats},
		{"ZeroEval", func(r row) bool {
			return r.get("output") != nil && r.get("session_id") != nil && r.get("generator") != nil
		}, readZeroEval},
		{"solutions of several models", func(r row) bool { return slices.ContainsFunc(r, isSolution) }, readSolutions},
		{"rows", func(r row) bool { return isRows(r) && hasMetric(o, r) }, rowsFormat("rows").read},
	}
}

func rowsFormat(name string) format { return format{name, isRows, readRow} }

func isRows(r row) bool {
	id, _ := r.firstOf(idNames...)
	index, _ := r.firstOf(indexNames...)
	text, _ := r.firstOf(textNames...)
	return id != "" || index != "" || text != ""
}

func hasMetric(o Options, r row) bool {
	if o.Metric != "" {
		return r.get(o.Metric) != nil
	}
	return slices.ContainsFunc(scoreNames, func(n string) bool { return r.get(n) != nil })
}

func (r *reader) hasMetric(row row) bool { return hasMetric(r.o, row) }

// choose gives the metric to use of those that a row has, best first. The choice holds
// for the whole file; what was passed over is kept for a problem.
func (r *reader) choose(have []string) string {
	if r.o.Metric != "" {
		r.metric = r.o.Metric
		return r.metric
	}
	if r.metric == "" && len(have) > 0 {
		r.metric = have[0]
	}
	for _, n := range have {
		if n != r.metric && !r.others[n] && len(r.others) < 1000 {
			if r.others == nil {
				r.others = make(map[string]bool)
			}
			r.others[n] = true
		}
	}
	return r.metric
}

// A shape says where in rows with these keys, in this order, the parts of a result
// may stand. Rows of a file mostly have one shape.
type shape struct {
	keys   []string
	have   []string             // metrics, best first
	fields [len(rowNames)][]int // of each list of names, those that the rows have, best first
}

// The lists of rowNames.
const (
	rowID = iota
	rowIndex
	rowText
	rowEpoch
	rowModel
	rowBenchmark
	rowSplit
	rowSubject
)

var rowNames = [...][]string{
	rowID:        idNames,
	rowIndex:     indexNames,
	rowText:      textNames,
	rowEpoch:     epochNames,
	rowModel:     {"model", "model_name", "model_id"},
	rowBenchmark: {"benchmark", "dataset", "task", "task_name"},
	rowSplit:     {"split"},
	rowSubject:   {"subject"},
}

// of makes s the shape of a row.
func (s *shape) of(r row) {
	if slices.EqualFunc(s.keys, r, func(key string, f field) bool { return key == f.key }) {
		return
	}
	*s = shape{keys: s.keys[:0]}
	for _, f := range r {
		s.keys = append(s.keys, f.key)
	}
	for _, n := range scoreNames {
		if slices.Contains(s.keys, n) {
			s.have = append(s.have, n)
		}
	}
	for k, names := range rowNames {
		for _, n := range names {
			if i := slices.Index(s.keys, n); i >= 0 {
				s.fields[k] = append(s.fields[k], i)
			}
		}
	}
}

// first gives the first value that is not null of a list of rowNames, or nil.
func (s *shape) first(r row, names int) []byte {
	for _, i := range s.fields[names] {
		if raw := r[i].raw; raw != nil && string(raw) != "null" {
			return raw
		}
	}
	return nil
}

// readRow reads a row with an id and a score, also of HumanEval's *_results.jsonl.
func readRow(r *reader, row row) error {
	s := &r.shape
	s.of(row)
	metric := r.choose(s.have)
	o := Outcome{ID: nameOf(s.first(row, rowID)), Index: -1}
	if raw := s.first(row, rowIndex); raw != nil {
		o.Index = integer(raw)
	}
	if r.o.Text {
		o.Text, _ = str(s.first(row, rowText))
	}
	g := Group{
		Metric:    metric,
		Model:     nameOf(s.first(row, rowModel)),
		Benchmark: nameOf(s.first(row, rowBenchmark)),
		Split:     nameOf(s.first(row, rowSplit)),
		Subject:   nameOf(s.first(row, rowSubject)),
	}
	return r.add(g, o, nameOf(s.first(row, rowEpoch)), row.get(metric))
}

// textOf finds the question in an object.
func textOf(r row) string {
	_, raw := r.firstOf(textNames...)
	s, _ := str(raw)
	return s
}

// readLMEval reads a row of samples_*.jsonl of lm-evaluation-harness. Every document
// stands once for each filter.
func readLMEval(r *reader, row row) error {
	if r.row == 0 || r.told.Benchmark == "" {
		base := stem(baseName(r.file.Path))
		if task, ok := strings.CutPrefix(base, "samples_"); ok {
			r.told.Benchmark = lmEvalDate.ReplaceAllString(task, "")
		}
	}
	if f := nameOf(row.get("filter")); row.get("filter") != nil {
		if r.filter == "" {
			if r.filter = f; r.o.Filter != "" {
				r.filter = r.o.Filter
			}
		}
		if f != r.filter {
			if r.o.Filter == "" && len(r.filters) < 1000 {
				if r.filters == nil {
					r.filters = make(map[string]bool)
				}
				r.filters[f] = true
			}
			r.any = true
			return nil
		}
	}
	var have []string
	if names, ok := list(row.get("metrics")); ok {
		for _, n := range names {
			have = append(have, nameOf(n))
		}
	} else {
		for _, f := range row {
			if !slices.Contains(lmEvalFields, f.key) {
				if _, _, bad := score(f.raw); bad == "" || slices.Contains(scoreNames, f.key) {
					have = append(have, f.key)
				}
			}
		}
	}
	slices.SortStableFunc(have, func(a, b string) int { return rank(a) - rank(b) })
	g := Group{Metric: r.choose(have)}
	o := Outcome{Index: integer(row.get("doc_id"))}
	if o.Index < 0 {
		r.any = true
		r.problem("missing id", "doc_id is "+clip(string(row.get("doc_id"))))
		return nil
	}
	d := sub(row.get("doc"))
	if n, raw := d.firstOf(idNames...); n != "" {
		o.ID = nameOf(raw)
	}
	if r.o.Text {
		o.Text = textOf(d)
	}
	return r.add(g, o, "", row.get(g.Metric))
}

var (
	lmEvalDate   = regexp.MustCompile(`_\d{4}-\d{2}-\d{2}T[0-9.:-]+$`)
	lmEvalFields = []string{"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash", "prompt_hash", "target_hash"}
)

func rank(metric string) int {
	if i := slices.Index(scoreNames, metric); i >= 0 {
		return i
	}
	return len(scoreNames)
}

func baseName(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }

// readEvals reads a line of an OpenAI Evals log: the specification, events, a report.
func readEvals(r *reader, row row) error {
	if raw := row.get("spec"); raw != nil {
		if r.any {
			return errors.New("a second run begins in it: divide the log")
		}
		r.any = true
		spec := sub(raw)
		if fns, ok := list(spec.get("completion_fns")); ok && len(fns) > 0 {
			r.told.Model = nameOf(fns[0])
		} else if c := nameOf(sub(spec.get("run_config")).get("model")); c != "" {
			r.told.Model = c
		}
		r.told.Benchmark = nameOf(spec.get("base_eval"))
		r.told.Split = nameOf(spec.get("split"))
		r.file.problem(-1, "no final report", "the run did not end")
		return nil
	}
	if row.get("final_report") != nil {
		delete(r.file.Counts, "no final report")
		r.file.Problems = slices.DeleteFunc(r.file.Problems, func(p Problem) bool { return p.Kind == "no final report" })
		return nil
	}
	id := nameOf(row.get("sample_id"))
	var raw []byte
	var metric string
	data := sub(row.get("data"))
	switch kind := nameOf(row.get("type")); kind {
	case "match":
		metric, raw = "match", data.get("correct")
	case "metrics":
		var have []string
		for _, f := range data {
			if _, _, bad := score(f.raw); bad == "" {
				have = append(have, f.key)
			}
		}
		if r.o.Metric == "" && r.metric == "match" {
			r.choose(have)
			return nil
		}
		slices.SortStableFunc(have, func(a, b string) int { return rank(a) - rank(b) })
		metric = r.choose(have)
		raw = data.get(metric)
	case "error":
		r.problem("error", "item "+clip(id)+": "+clip(string(data.get("message"))))
		return nil
	case "sampling":
		if r.o.Text && id != "" {
			r.prompt(id, data.get("prompt"))
		}
		return nil
	default:
		return nil
	}
	if m := r.choose([]string{metric}); m != metric || id == "" {
		if id == "" {
			r.problem("missing id", "an event without sample_id")
		}
		return nil
	}
	o := Outcome{ID: id, Index: -1}
	if dot := strings.LastIndexByte(id, '.'); dot >= 0 {
		if n, err := strconv.ParseInt(id[dot+1:], 10, 64); err == nil && n >= 0 {
			o.Index = n
		}
	}
	return r.add(Group{Metric: metric}, o, "", raw)
}

// prompt keeps the last message of a prompt as the text of a sample that is scored later.
func (r *reader) prompt(id string, raw []byte) {
	if r.prompts == nil {
		r.prompts = make(map[string]string)
	}
	r.prompts[id] = messageText(raw)
}

// messageText gives a prompt that is a text, or the last text of a user in a list of
// messages.
func messageText(raw []byte) string {
	if s, ok := str(raw); ok {
		return s
	}
	messages, _ := list(raw)
	last := ""
	for _, m := range messages {
		message := sub(m)
		if role := nameOf(message.get("role")); role != "user" && role != "" && last != "" {
			continue
		} else if role == "assistant" || role == "system" && len(messages) > 1 {
			continue
		}
		content := message.get("content")
		if s, ok := str(content); ok {
			last = s
			continue
		}
		parts, _ := list(content)
		for _, p := range parts {
			if s, ok := str(sub(p).get("text")); ok {
				last = s
			}
		}
	}
	return last
}

func isSolution(f field) bool {
	return len(f.raw) > 0 && f.raw[0] == '{' && sub(f.raw).get("is_correct") != nil
}

// readSolutions reads a question with the solutions of several models, as
// grade-school-math publishes them.
func readSolutions(r *reader, row row) error {
	o := Outcome{Index: r.row, Text: textOf(row)}
	if n, raw := row.firstOf(idNames...); n != "" {
		o.ID = nameOf(raw)
	}
	model := r.model
	defer func() { r.model = model }()
	for _, f := range row {
		if !isSolution(f) {
			continue
		}
		g := Group{Metric: "is_correct", Model: f.key}
		if r.model = ""; model != "" {
			g.Model = model + "/" + f.key
		}
		if err := r.add(g, o, "", sub(f.raw).get("is_correct")); err != nil {
			return err
		}
	}
	return nil
}

var (
	firstNumber = regexp.MustCompile(`-?\d+(\.\d+)?`)
	lastAnswer  = regexp.MustCompile(`(?s)"answer"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|([^,}\n]*))`)
)

var errNoScores = errors.New("it has answers without scores, and swab does not know how its harness grades them: write rows with id and score")

// readZeroEval grades as ZeroEval does, which keeps answers and no scores: the first
// number of the answer for numeric answers, the letter for multiple choice.
func readZeroEval(r *reader, row row) error {
	g := Group{Metric: "accuracy", Model: nameOf(row.get("generator")), Benchmark: nameOf(row.get("dataset"))}
	o := Outcome{ID: nameOf(row.get("id")), Index: -1, Text: textOf(row)}
	if o.ID == "" {
		o.ID = nameOf(row.get("session_id"))
	}
	if i := strings.LastIndexByte(o.ID, '#'); i >= 0 {
		if n, err := strconv.ParseInt(o.ID[i+1:], 10, 64); err == nil && n >= 0 {
			o.Index = n
		}
	}
	outputs, _ := list(row.get("output"))
	if len(outputs) == 0 {
		return r.add(g, o, "", nil)
	}
	want, letter := "", false
	if c, ok := str(row.get("correct_answer")); ok && row.get("choices") != nil {
		choices, _ := list(row.get("choices"))
		k := slices.IndexFunc(choices, func(raw []byte) bool { return nameOf(raw) == c })
		if k < 0 || k > 25 {
			return r.add(g, o, "", nil)
		}
		want, letter = string(rune('A'+k)), true
	} else if want = firstNumber.FindString(plainNumber(nameOf(row.get("answer")))); want == "" || g.Benchmark != "gsm" {
		return errNoScores
	}
	for k, raw := range outputs {
		s, _ := str(raw)
		verdict := []byte("0")
		answer := ""
		if found := lastAnswer.FindAllStringSubmatch(s, -1); len(found) > 0 {
			answer = found[len(found)-1][1] + strings.TrimSpace(found[len(found)-1][2])
		} else {
			r.problem("no answer", r.describe(o)+": no answer was found in the output; it counts as wrong")
		}
		if letter && answer == want || !letter && sameNumber(firstNumber.FindString(plainNumber(answer)), want) {
			verdict = []byte("1")
		}
		sample := ""
		if len(outputs) > 1 {
			sample = strconv.Itoa(k)
		}
		if err := r.add(g, o, sample, verdict); err != nil {
			return err
		}
	}
	return nil
}

func plainNumber(s string) string { return strings.NewReplacer("$", "", ",", "", "#", "").Replace(s) }

func sameNumber(a, b string) bool {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err1 == nil && err2 == nil && x == y
}

func isRequestState(r row) bool { return r.get("instance") != nil && r.get("result") != nil }

// readRequestState grades one request of HELM's scenario_state.json, which keeps
// completions and no scores: exact match of the choice that the letter stands for.
func readRequestState(r *reader, row row) error {
	in := sub(row.get("instance"))
	g := Group{Metric: "exact_match", Model: nameOf(sub(row.get("request")).get("model"))}
	o := Outcome{ID: nameOf(in.get("id")), Index: -1}
	o.Text, _ = str(sub(in.get("input")).get("text"))
	if raw := in.get("perturbation"); raw != nil && string(raw) != "null" {
		r.any = true
		r.problem("perturbed", r.describe(o)+": a changed form of an item is left out")
		return nil
	}
	mapping := sub(row.get("output_mapping"))
	if mapping == nil || row.get("request_mode") != nil && string(row.get("request_mode")) != "null" {
		return errors.New("it has completions without scores; HELM writes scores to per_instance_stats.json beside it")
	}
	var right []string
	refs, _ := list(in.get("references"))
	for _, raw := range refs {
		ref := sub(raw)
		tags, _ := list(ref.get("tags"))
		if slices.ContainsFunc(tags, func(t []byte) bool { return nameOf(t) == "correct" }) {
			s, _ := str(sub(ref.get("output")).get("text"))
			right = append(right, strings.TrimSpace(s))
		}
	}
	completions, _ := list(sub(row.get("result")).get("completions"))
	if len(right) == 0 || len(completions) == 0 || string(sub(row.get("result")).get("success")) == "false" {
		return r.add(g, o, nameOf(row.get("train_trial_index")), nil)
	}
	best, top := "", 0.0
	for k, raw := range completions {
		c := sub(raw)
		p, err := strconv.ParseFloat(string(c.get("logprob")), 64)
		if k == 0 || err == nil && p > top {
			best, _ = str(c.get("text"))
			top = p
		}
	}
	chosen, _ := str(mapping.get(strings.TrimSpace(best)))
	verdict := []byte("0")
	if mapping.get(strings.TrimSpace(best)) != nil && slices.Contains(right, strings.TrimSpace(chosen)) {
		verdict = []byte("1")
	}
	return r.add(g, o, nameOf(row.get("train_trial_index")), verdict)
}

// readHELMStats reads per_instance_stats.json, where statistics are a list, and
// display_predictions.json, where they are an object.
func readHELMStats(r *reader, row row) error {
	o := Outcome{ID: nameOf(row.get("instance_id")), Index: -1}
	if raw := row.get("perturbation"); raw != nil && string(raw) != "null" {
		r.any = true
		r.problem("perturbed", r.describe(o)+": a changed form of an item is left out")
		return nil
	}
	values := make(map[string][]byte)
	var have []string
	put := func(n string, raw []byte) {
		if values[n] == nil {
			have = append(have, n)
		}
		values[n] = raw
	}
	if stats, ok := list(row.get("stats")); ok {
		for _, raw := range stats {
			s := sub(raw)
			n := sub(s.get("name"))
			if p := n.get("perturbation"); p != nil && string(p) != "null" {
				continue
			}
			count, err := strconv.ParseFloat(string(s.get("count")), 64)
			sum := s.get("sum")
			if v, err2 := strconv.ParseFloat(string(sum), 64); err == nil && err2 == nil && count > 0 && count != 1 {
				sum = strconv.AppendFloat(nil, v/count, 'g', -1, 64)
			} else if count == 0 {
				continue
			}
			put(nameOf(n.get("name")), sum)
		}
	} else {
		for _, f := range sub(row.get("stats")) {
			put(f.key, f.raw)
		}
	}
	have = slices.DeleteFunc(have, func(n string) bool { return rank(n) == len(scoreNames) })
	slices.SortStableFunc(have, func(a, b string) int { return rank(a) - rank(b) })
	metric := r.choose(have)
	if metric == "" {
		return fmt.Errorf("none of its statistics is a score that swab knows: name one with --metric")
	}
	return r.add(Group{Metric: metric}, o, nameOf(row.get("train_trial_index")), values[metric])
}
