package results

import (
	"cmp"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"swab/pipeline/rows"
)

// Names that fields commonly have, the most certain first.
var (
	idNames = strings.Fields(`id item item_id doc_id task_id question_id sample_id instance_id example_id problem_id
		qid uid key`)
	indexNames = strings.Fields("index idx row i")
	scoreNames = strings.Fields(`score correct is_correct passed exact_match acc accuracy em quasi_exact_match pass@1
		match success acc_norm f1 f1_score reward`)
	textNames = strings.Fields("question problem prompt query input text goal ctx sentence Question instruction")

	// questionNames are names, in lower case, of fields that have the question or a prompt, not
	// something else that is text.
	questionNames = strings.Fields(`question problem prompt query input goal ctx sentence instruction question_stem
		premise messages arg_0 instruction_input`)
	epochNames = strings.Fields("epoch trial train_trial_index sample seed attempt")

	// Lists of rows in a document that is one object.
	documentLists = strings.Fields(`request_states samples raw_scored_generations results items rows records data
		predictions details eval resolved_ids submitted_ids resolved htmls convos`)
)

// formats returns the formats of rows, the most specific first.
func formats(o Options) []format {
	list := []format{
		{"OpenAI Evals log", func(r rows.Object) bool { return r.Get("spec") != nil }, readEvals},
		{"lm-evaluation-harness samples", func(r rows.Object) bool {
			return r.Get("doc_id") != nil &&
				(r.Get("resps") != nil || r.Get("filtered_resps") != nil || r.Get("doc") != nil)
		}, readLMEval},
		{"HELM request states", isRequestState, readRequestState},
		{"HELM per-instance statistics", func(r rows.Object) bool {
			return r.Get("instance_id") != nil && r.Get("stats") != nil
		}, readHELMStats},
		{"ZeroEval", func(r rows.Object) bool {
			return r.Get("output") != nil && r.Get("session_id") != nil && r.Get("generator") != nil
		}, readZeroEval},
		{"solutions of several models", func(r rows.Object) bool {
			return slices.ContainsFunc(r, isSolution)
		}, readSolutions},
	}
	list = append(list, harnessRows...)
	return append(list, format{"rows", func(r rows.Object) bool {
		return isRows(r) && hasMetric(o, r)
	}, rowsFormat("rows").read})
}

func rowsFormat(name string) format { return format{name, isRows, readRow} }

func isRows(r rows.Object) bool {
	id, _ := r.FirstOf(idNames...)
	index, _ := r.FirstOf(indexNames...)
	text, _ := r.FirstOf(textNames...)
	return id != "" || index != "" || text != ""
}

func hasMetric(o Options, r rows.Object) bool {
	if o.Metric != "" {
		return atPath(r, o.Metric) != nil
	}
	for _, n := range o.Metrics {
		if atPath(r, n) != nil {
			return true
		}
	}
	return slices.ContainsFunc(scoreNames, func(n string) bool { return r.Get(n) != nil })
}

func (r *reader) hasMetric(row rows.Object) bool { return hasMetric(r.o, row) }

// choose returns the metric to use, of those that a row has, best first. The choice holds for
// the whole file; the other metrics are recorded for a problem.
func (r *reader) choose(have []string) string {
	if want := r.o.metricOf(cmp.Or(r.task, r.common.Benchmark, stem(baseName(r.file.Path)))); want != "" {
		r.metric = want
		return want
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

// A shape has the numbers of the members that may hold the parts of a result, for rows with
// these keys in this order. Most rows of a file have the same shape.
type shape struct {
	keys   []string
	have   []string             // metrics, best first
	fields [len(rowNames)][]int // of each list of names, those that the rows have, best first
}

// The lists of rowNames.
const (
	rowID = iota
	rowIndex
	rowEpoch
	rowModel
	rowBenchmark
	rowSplit
	rowSubject
)

var rowNames = [...][]string{
	rowID:        idNames,
	rowIndex:     indexNames,
	rowEpoch:     epochNames,
	rowModel:     {"model", "model_name", "model_id"},
	rowBenchmark: {"benchmark", "dataset", "task", "task_name"},
	rowSplit:     {"split"},
	rowSubject:   {"subject"},
}

// setTo sets s to the shape of a row.
func (s *shape) setTo(r rows.Object) {
	if slices.EqualFunc(s.keys, r, func(key string, f rows.Member) bool { return key == f.Key }) {
		return
	}
	*s = shape{keys: s.keys[:0]}
	for _, f := range r {
		s.keys = append(s.keys, f.Key)
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

// value returns the first value that is not null of a list of rowNames, or nil.
func (s *shape) value(r rows.Object, names int) []byte {
	for _, i := range s.fields[names] {
		if raw := r[i].Raw; raw != nil && string(raw) != "null" {
			return raw
		}
	}
	return nil
}

// readRow reads a row with an id and a score. HumanEval's *_results.jsonl has such rows too.
func readRow(r *reader, row rows.Object) error {
	s := &r.shape
	s.setTo(row)
	r.task = rows.Name(s.value(row, rowBenchmark))
	metric := r.choose(s.have)
	o := Outcome{ID: rows.Name(s.value(row, rowID)), Index: -1}
	if raw := s.value(row, rowIndex); raw != nil {
		o.Index = rows.Integer(raw)
	}
	g := Group{
		Metric:    metric,
		Model:     rows.Name(s.value(row, rowModel)),
		Benchmark: r.task,
		Split:     rows.Name(s.value(row, rowSplit)),
		Subject:   rows.Name(s.value(row, rowSubject)),
	}
	return r.add(g, o, rows.Name(s.value(row, rowEpoch)), atPath(row, metric))
}

// readLMEval reads a row of samples_*.jsonl of lm-evaluation-harness, which has a row for each
// document and filter.
func readLMEval(r *reader, row rows.Object) error {
	if r.row == 0 || r.common.Benchmark == "" {
		base := stem(baseName(r.file.Path))
		if task, ok := strings.CutPrefix(base, "samples_"); ok {
			r.common.Benchmark = lmEvalDate.ReplaceAllString(task, "")
		}
	}
	if f := rows.Name(row.Get("filter")); row.Get("filter") != nil {
		if r.filter == "" {
			r.filter = cmp.Or(r.o.filterOf(r.common.Benchmark), f)
		}
		if f != r.filter {
			if len(r.filters) < 1000 {
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
	if names, ok := rows.Elements(row.Get("metrics")); ok {
		for _, n := range names {
			if raw := row.Get(rows.Name(n)); isScore(raw) || raw == nil {
				have = append(have, rows.Name(n))
			}
		}
		if r.metric == "" {
			if first := r.firstMetric(r.common.Benchmark); slices.Contains(have, first) {
				have = append([]string{first}, have...)
			}
		}
	} else {
		for _, f := range row {
			if !slices.Contains(lmEvalFields, f.Key) {
				if _, _, bad := score(f.Raw); bad == "" || slices.Contains(scoreNames, f.Key) {
					have = append(have, f.Key)
				}
			}
		}
		slices.SortStableFunc(have, func(a, b string) int { return rank(a) - rank(b) })
	}
	g := Group{Metric: r.choose(have)}
	o := Outcome{Index: rows.Integer(row.Get("doc_id"))}
	if o.Index < 0 {
		r.any = true
		r.problem("missing id", "doc_id is "+rows.Clip(string(row.Get("doc_id"))))
		return nil
	}
	d := rows.SubObject(row.Get("doc"))
	if n, raw := d.FirstOf(idNames...); n != "" {
		o.ID = rows.Name(raw)
	}
	return r.add(g, o, "", row.Get(g.Metric))
}

// isScore reports whether a value is a score, or a list of yes and no whose mean is one. A list of
// numbers may be something else, such as the label and the prediction of an item.
func isScore(raw []byte) bool {
	if list, ok := rows.Elements(raw); ok {
		return len(list) > 0 && !slices.ContainsFunc(list, func(e []byte) bool {
			return string(e) != "true" && string(e) != "false"
		})
	}
	_, _, bad := score(raw)
	return bad == "" || bad == "score is not a number"
}

// metricOf returns the metric that is asked for of a task.
func (o *Options) metricOf(task string) string { return chosenFor(o.Metrics, task, o.Metric) }

// filterOf returns the filter that is asked for of a task.
func (o *Options) filterOf(task string) string { return chosenFor(o.Filters, task, o.Filter) }

// chosenFor returns the value for a task, whose name a key may begin with or be the beginning of.
func chosenFor(by map[string]string, task, other string) string {
	if v, ok := by[task]; ok {
		return v
	}
	theirs := tokens(task)
	for _, name := range slices.Sorted(maps.Keys(by)) {
		mine := tokens(name)
		if n := min(len(mine), len(theirs)); n > 0 && slices.Equal(mine[:n], theirs[:n]) {
			return by[name]
		}
	}
	return other
}

var (
	lmEvalDate   = regexp.MustCompile(`_\d{4}-\d{2}-\d{2}T[0-9.:-]+$`)
	lmEvalFields = strings.Fields(`doc_id doc target arguments resps filtered_resps filter metrics
		doc_hash prompt_hash target_hash`)
)

func rank(metric string) int {
	if i := slices.Index(scoreNames, metric); i >= 0 {
		return i
	}
	return len(scoreNames)
}

func baseName(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }

// readEvals reads a line of an OpenAI Evals log: the specification, events, and a report, which may
// come before the events.
func readEvals(r *reader, row rows.Object) error {
	r.current = nil // prompts are in rows of their own
	if raw := row.Get("spec"); raw != nil {
		return r.evalsSpec(rows.SubObject(raw))
	}
	if report := row.Get("final_report"); report != nil {
		r.report = slices.Clone(report)
		delete(r.file.Counts, "no final report")
		r.file.Problems = slices.DeleteFunc(r.file.Problems, func(p Problem) bool { return p.Kind == "no final report" })
		return nil
	}
	id, data := rows.Name(row.Get("sample_id")), rows.SubObject(row.Get("data"))
	switch rows.Name(row.Get("type")) {
	case "match":
		return r.evalsScore(id, "match", data.Get("correct"))
	case "metrics":
		metric := r.evalsMetric(data)
		if metric == "" {
			return nil
		}
		return r.evalsScore(id, metric, data.Get(metric))
	case "error":
		r.problem("error", "item "+rows.Clip(id)+": "+rows.Clip(string(data.Get("message"))))
	case "sampling":
		if r.seeker.Questions != nil && id != "" {
			r.prompt(id, data.Get("prompt"))
		}
	}
	return nil
}

// evalsSpec reads the specification of a run.
func (r *reader) evalsSpec(spec rows.Object) error {
	if r.any {
		return errors.New("it has more than one run: divide the log")
	}
	r.any = true
	if fns, ok := rows.Elements(spec.Get("completion_fns")); ok && len(fns) > 0 {
		r.common.Model = rows.Name(fns[0])
	} else if c := rows.Name(rows.SubObject(spec.Get("run_config")).Get("model")); c != "" {
		r.common.Model = c
	}
	r.common.Benchmark, r.common.Split = rows.Name(spec.Get("base_eval")), rows.Name(spec.Get("split"))
	r.file.problem(-1, "no final report", "the run did not finish")
	return nil
}

// evalsMetric returns the metric of an event that has several, "" if the file's own is not among them.
func (r *reader) evalsMetric(data rows.Object) string {
	have := []string{}
	for _, f := range data {
		if _, _, bad := score(f.Raw); bad == "" {
			have = append(have, f.Key)
		}
	}
	if r.o.Metric == "" && r.metric == "match" {
		r.choose(have)
		return ""
	}
	slices.SortStableFunc(have, func(a, b string) int { return rank(a) - rank(b) })
	return r.choose(have)
}

// evalsScore adds the score of a sample, if it is of the file's metric.
func (r *reader) evalsScore(id, metric string, raw []byte) error {
	if m := r.choose([]string{metric}); m != metric {
		return nil
	}
	if id == "" {
		r.problem("missing id", "an event has no sample_id")
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

// evalsReport compares the results with the final report.
func (r *reader) evalsReport() {
	for _, f := range rows.SubObject(r.report) {
		if f.Key == r.metric || f.Key == "accuracy" && r.metric == "match" {
			r.state(r.metric, f.Raw)
		}
	}
}

// prompt finds the questions in the prompt of a sample that another row scores.
func (r *reader) prompt(id string, raw []byte) {
	if r.prompts == nil {
		r.prompts = make(map[string]Outcome)
	}
	o := r.prompts[id]
	o.found, o.fields = r.seeker.seek(rows.Object{{Key: "prompt", Raw: raw}})
	r.prompts[id] = o
}

func isSolution(f rows.Member) bool {
	return len(f.Raw) > 0 && f.Raw[0] == '{' && rows.SubObject(f.Raw).Get("is_correct") != nil
}

// readSolutions reads a question with the solutions of several models, as
// grade-school-math publishes them.
func readSolutions(r *reader, row rows.Object) error {
	o := Outcome{Index: r.row}
	if n, raw := row.FirstOf(idNames...); n != "" {
		o.ID = rows.Name(raw)
	}
	model := r.model
	defer func() { r.model = model }()
	for _, f := range row {
		if !isSolution(f) {
			continue
		}
		g := Group{Metric: "is_correct", Model: f.Key}
		if r.model = ""; model != "" {
			g.Model = model + "/" + f.Key
		}
		if err := r.add(g, o, "", rows.SubObject(f.Raw).Get("is_correct")); err != nil {
			return err
		}
	}
	return nil
}

var (
	firstNumber = regexp.MustCompile(`-?\d+(\.\d+)?`)
	lastAnswer  = regexp.MustCompile(`(?s)"answer"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|([^,}\n]*))`)
)

var errNoScores = errors.New("it has answers without scores, and swab does not know how its harness grades them: " +
	"write rows with id and score")

// readZeroEval grades as ZeroEval does, whose files have answers but no scores: by the first
// number of a numeric answer, and by the letter of multiple choice.
func readZeroEval(r *reader, row rows.Object) error {
	g := Group{Metric: "accuracy", Model: rows.Name(row.Get("generator")), Benchmark: rows.Name(row.Get("dataset"))}
	o := Outcome{ID: rows.Name(row.Get("id")), Index: -1}
	if o.ID == "" {
		o.ID = rows.Name(row.Get("session_id"))
	}
	if i := strings.LastIndexByte(o.ID, '#'); i >= 0 {
		if n, err := strconv.ParseInt(o.ID[i+1:], 10, 64); err == nil && n >= 0 {
			o.Index = n
		}
	}
	outputs, _ := rows.Elements(row.Get("output"))
	if len(outputs) == 0 {
		return r.add(g, o, "", nil)
	}
	want, letter := "", false
	if c, ok := rows.Text(row.Get("correct_answer")); ok && row.Get("choices") != nil {
		choices, _ := rows.Elements(row.Get("choices"))
		k := slices.IndexFunc(choices, func(raw []byte) bool { return rows.Name(raw) == c })
		if k < 0 || k > 25 {
			return r.add(g, o, "", nil)
		}
		want, letter = string(rune('A'+k)), true
	} else if want = findNumber(rows.Name(row.Get("answer"))); want == "" || g.Benchmark != "gsm" {
		return errNoScores
	}
	for k, raw := range outputs {
		s, _ := rows.Text(raw)
		verdict := []byte("0")
		answer := ""
		if found := lastAnswer.FindAllStringSubmatch(s, -1); len(found) > 0 {
			answer = found[len(found)-1][1] + strings.TrimSpace(found[len(found)-1][2])
		} else {
			r.problem("no answer", r.describe(o)+": no answer was found in the output; it counts as wrong")
		}
		same := answer == want
		if !letter {
			same = sameNumber(findNumber(answer), want)
		}
		if same {
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

// findNumber returns the first number in an answer, without the signs around its digits.
func findNumber(s string) string {
	return firstNumber.FindString(strings.NewReplacer("$", "", ",", "", "#", "").Replace(s))
}

func sameNumber(a, b string) bool {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err1 == nil && err2 == nil && x == y
}

func isRequestState(r rows.Object) bool { return r.Get("instance") != nil && r.Get("result") != nil }

// readRequestState grades one request of HELM's scenario_state.json, which has completions but
// no scores: by exact match of the choice with that letter.
func readRequestState(r *reader, row rows.Object) error {
	in := rows.SubObject(row.Get("instance"))
	g := Group{Metric: "exact_match", Model: rows.Name(rows.SubObject(row.Get("request")).Get("model"))}
	o := Outcome{ID: rows.Name(in.Get("id")), Index: -1}
	if raw := in.Get("perturbation"); raw != nil && string(raw) != "null" {
		r.any = true
		r.problem("perturbed", r.describe(o)+": a perturbed form of an item is ignored")
		return nil
	}
	mapping := rows.SubObject(row.Get("output_mapping"))
	if mapping == nil || row.Get("request_mode") != nil && string(row.Get("request_mode")) != "null" {
		return errors.New("it has completions without scores; HELM writes scores to per_instance_stats.json beside it")
	}
	var right []string
	refs, _ := rows.Elements(in.Get("references"))
	for _, raw := range refs {
		ref := rows.SubObject(raw)
		tags, _ := rows.Elements(ref.Get("tags"))
		if slices.ContainsFunc(tags, func(t []byte) bool { return rows.Name(t) == "correct" }) {
			s, _ := rows.Text(rows.SubObject(ref.Get("output")).Get("text"))
			right = append(right, strings.TrimSpace(s))
		}
	}
	completions, _ := rows.Elements(rows.SubObject(row.Get("result")).Get("completions"))
	if len(right) == 0 || len(completions) == 0 || string(rows.SubObject(row.Get("result")).Get("success")) == "false" {
		return r.add(g, o, rows.Name(row.Get("train_trial_index")), nil)
	}
	best, top := "", 0.0
	for k, raw := range completions {
		c := rows.SubObject(raw)
		p, err := strconv.ParseFloat(string(c.Get("logprob")), 64)
		if k == 0 || err == nil && p > top {
			best, _ = rows.Text(c.Get("text"))
			top = p
		}
	}
	chosen, _ := rows.Text(mapping.Get(strings.TrimSpace(best)))
	verdict := []byte("0")
	if mapping.Get(strings.TrimSpace(best)) != nil && slices.Contains(right, strings.TrimSpace(chosen)) {
		verdict = []byte("1")
	}
	return r.add(g, o, rows.Name(row.Get("train_trial_index")), verdict)
}

// readHELMStats reads per_instance_stats.json, where statistics are a list, and
// display_predictions.json, where they are an object.
func readHELMStats(r *reader, row rows.Object) error {
	o := Outcome{ID: rows.Name(row.Get("instance_id")), Index: -1}
	if raw := row.Get("perturbation"); raw != nil && string(raw) != "null" {
		r.any = true
		r.problem("perturbed", r.describe(o)+": a perturbed form of an item is ignored")
		return nil
	}
	values := make(map[string][]byte)
	var have []string
	add := func(n string, raw []byte) {
		if values[n] == nil {
			have = append(have, n)
		}
		values[n] = raw
	}
	if stats, ok := rows.Elements(row.Get("stats")); ok {
		for _, raw := range stats {
			s := rows.SubObject(raw)
			n := rows.SubObject(s.Get("name"))
			if p := n.Get("perturbation"); p != nil && string(p) != "null" {
				continue
			}
			count, err := strconv.ParseFloat(string(s.Get("count")), 64)
			sum := s.Get("sum")
			if v, err2 := strconv.ParseFloat(string(sum), 64); err == nil && err2 == nil && count > 0 && count != 1 {
				sum = strconv.AppendFloat(nil, v/count, 'g', -1, 64)
			} else if count == 0 {
				continue
			}
			add(rows.Name(n.Get("name")), sum)
		}
	} else {
		for _, f := range rows.SubObject(row.Get("stats")) {
			add(f.Key, f.Raw)
		}
	}
	have = slices.DeleteFunc(have, func(n string) bool { return rank(n) == len(scoreNames) })
	slices.SortStableFunc(have, func(a, b string) int { return rank(a) - rank(b) })
	metric := r.choose(have)
	if metric == "" {
		return errors.New("none of its statistics is a score that swab knows: name one with --metric")
	}
	return r.add(Group{Metric: metric}, o, rows.Name(row.Get("train_trial_index")), values[metric])
}
