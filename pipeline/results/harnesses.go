package results

import (
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"swab/pipeline/rows"
)

// has reports whether an object has members of all these names.
func has(r rows.Object, names ...string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return r.Get(n) == nil })
}

// atPath returns the value at a dotted name, which may be a member's own name.
func atPath(r rows.Object, name string) []byte {
	if raw := r.Get(name); raw != nil {
		return raw
	}
	head, rest, ok := strings.Cut(name, ".")
	if !ok {
		return nil
	}
	return atPath(rows.SubObject(r.Get(head)), rest)
}

// scoresIn returns the names of the members that are scores, the usual ones first.
func scoresIn(r rows.Object) (have []string) {
	for _, f := range r {
		if _, _, bad := score(f.Raw); bad == "" {
			have = append(have, f.Key)
		}
	}
	slices.SortStableFunc(have, func(a, b string) int { return rank(a) - rank(b) })
	return have
}

// harnessRows are the layouts of rows of further harnesses.
var harnessRows = []format{
	{"lighteval details", func(r rows.Object) bool {
		return has(r, "metric", "doc") || has(r, "metrics", "full_prompt") || has(r, "metrics", "example", "predictions")
	}, readLighteval},
	{"OLMES predictions", func(r rows.Object) bool { return has(r, "native_id", "metrics") }, readOLMES},
	{"evalscope reviews", func(r rows.Object) bool { return has(r, "sample_score") }, readEvalscope},
	{"AlpacaEval annotations", func(r rows.Object) bool {
		return has(r, "instruction", "preference", "generator_2")
	}, readAlpaca},
	{"Arena-Hard judgments", func(r rows.Object) bool { return has(r, "games", "judge") }, readArena},
	{"MT-Bench judgments", func(r rows.Object) bool {
		return has(r, "question_id", "judge", "turn", "score")
	}, readMTBench},
	{"NeMo-Skills", func(r rows.Object) bool {
		return has(r, "expected_answer", "predicted_answer") && (has(r, "symbolic_correct") || has(r, "judgement"))
	}, readNeMo},
	{"LiveCodeBench", func(r rows.Object) bool { return has(r, "question_id", "graded_list") }, readLiveCode},
	{"OpenCompass details", func(r rows.Object) bool { return has(r, "pred", "answer", "correct") && !isRows(r) },
		func(r *reader, row rows.Object) error {
			return r.add(Group{Metric: "correct"}, Outcome{Index: r.row}, "", row.Get("correct"))
		}},
	{"MMLU-Pro", func(r rows.Object) bool { return has(r, "question_id", "options", "answer", "pred") }, readMMLUPro},
}

// readLighteval reads a row of details_TASK_DATE.parquet: {doc, metric} or, of earlier versions,
// {example, metrics}.
func readLighteval(r *reader, row rows.Object) error {
	if task, ok := strings.CutPrefix(stem(baseName(r.file.Path)), "details_"); ok && r.common.Benchmark == "" {
		r.common.Benchmark = lightevalTask(lmEvalDate.ReplaceAllString(task, ""))
		if r.model == "" {
			r.common.Model = filepath.Base(filepath.Dir(filepath.Dir(r.file.Path)))
		}
	}
	_, raw := row.FirstOf("metric", "metrics")
	metrics := rows.SubObject(raw)
	metric := r.choose(scoresIn(metrics))
	doc := rows.SubObject(row.Get("doc"))
	o := Outcome{ID: rows.Name(doc.Get("id")), Index: -1}
	if o.ID == "" {
		o.Index = r.row
	}
	return r.add(Group{Metric: metric}, o, "", metrics.Get(metric))
}

// lightevalTask returns the task of a name such as gsm8k|0 or, of earlier versions, lighteval|gsm8k|0.
func lightevalTask(name string) string {
	switch parts := strings.Split(name, "|"); len(parts) {
	case 1:
		return name
	case 2:
		return parts[0]
	default:
		return parts[1]
	}
}

func readOLMES(r *reader, row rows.Object) error {
	metrics := rows.SubObject(row.Get("metrics"))
	metric := r.choose(scoresIn(metrics))
	o := Outcome{ID: rows.Name(row.Get("native_id")), Index: rows.Integer(row.Get("doc_id"))}
	return r.add(Group{Metric: metric}, o, "", metrics.Get(metric))
}

// readEvalscope reads a review: {index, sample_score: {score: {value: {acc: 1.0}}, group_id}}.
func readEvalscope(r *reader, row rows.Object) error {
	sample := rows.SubObject(row.Get("sample_score"))
	values := rows.SubObject(rows.SubObject(sample.Get("score")).Get("value"))
	have := scoresIn(values)
	if main := rows.Name(rows.SubObject(sample.Get("score")).Get("main_score_name")); slices.Contains(have, main) {
		have = append([]string{main}, slices.DeleteFunc(have, func(n string) bool { return n == main })...)
	}
	metric := r.choose(have)
	raw := sample.Get("group_id")
	if raw == nil || string(raw) == "null" {
		raw = row.Get("index")
	}
	o := Outcome{Index: rows.Integer(raw)}
	return r.add(Group{Metric: metric}, o, "", values.Get(metric))
}

// readAlpaca reads a comparison of two outputs: a preference of 2 is a win of the second, of a
// number between 1 and 2 a part of one, and of 0, in version 1, a draw.
func readAlpaca(r *reader, row rows.Object) error {
	g := Group{Metric: "win rate", Model: rows.Name(row.Get("generator_2")), Benchmark: "alpaca_eval"}
	raw := row.Get("preference")
	if v, err := strconv.ParseFloat(string(raw), 64); err == nil {
		if v == 0 {
			v = 1.5
		}
		if v < 1 || v > 2 {
			return r.add(g, Outcome{Index: r.row}, "", nil)
		}
		raw = strconv.AppendFloat(nil, v-1, 'g', -1, 64)
	}
	return r.add(g, Outcome{Index: r.row}, "", raw)
}

// arenaScores are the wins of the model in Arena-Hard's verdicts, of which it is B.
var arenaScores = map[string]string{"A>>B": "0", "A>B": "0", "A=B": "0.5", "B=A": "0.5", "B>A": "1", "B>>A": "1"}

// readArena reads a judgment of two games, in the second of which the model is A.
func readArena(r *reader, row rows.Object) error {
	g := Group{Metric: "win rate", Model: rows.Name(row.Get("model")), Benchmark: "arena-hard"}
	_, raw := row.FirstOf("question_id", "uid")
	o := Outcome{ID: rows.Name(raw), Index: -1}
	games, _ := rows.Elements(row.Get("games"))
	for i, raw := range games {
		game := rows.SubObject(raw)
		verdict := rows.Name(game.Get("score"))
		if i == 1 && strings.ContainsAny(verdict, "AB") {
			verdict = strings.NewReplacer("A", "B", "B", "A").Replace(verdict)
		}
		var win []byte
		if s, ok := arenaScores[verdict]; ok {
			win = []byte(s)
		}
		if err := r.add(g, o, strconv.Itoa(i), win); err != nil {
			return err
		}
	}
	return nil
}

func readMTBench(r *reader, row rows.Object) error {
	g := Group{Metric: "score", Model: rows.Name(row.Get("model")), Benchmark: "mt_bench"}
	o := Outcome{ID: rows.Name(row.Get("question_id")), Index: -1}
	raw := row.Get("score")
	if string(raw) == "-1" { // the judge's answer had no score
		raw = nil
	}
	return r.add(g, o, rows.Name(row.Get("turn")), raw)
}

func readNeMo(r *reader, row rows.Object) error {
	g := Group{Metric: r.choose([]string{"symbolic_correct"})}
	raw := row.Get("symbolic_correct")
	if text, ok := rows.Text(row.Get("judgement")); ok && (raw == nil || r.o.Metric == "judgement") {
		g.Metric, raw = "judgement", []byte("0")
		if i := strings.LastIndex(text, "Judgement:"); i >= 0 && strings.HasPrefix(strings.TrimSpace(text[i+10:]), "Yes") {
			raw = []byte("1")
		}
	}
	o := Outcome{Index: r.row}
	if _, id := row.FirstOf(idNames...); id != nil {
		o = Outcome{ID: rows.Name(id), Index: -1}
	}
	return r.add(g, o, "", raw)
}

func readLiveCode(r *reader, row rows.Object) error {
	g := Group{Metric: "pass@1", Benchmark: "livecodebench"}
	return r.add(g, Outcome{ID: rows.Name(row.Get("question_id")), Index: -1}, "", row.Get("graded_list"))
}

// readMMLUPro grades as MMLU-Pro does: by the letter.
func readMMLUPro(r *reader, row rows.Object) error {
	verdict := []byte("0")
	if a := rows.Name(row.Get("answer")); a != "" && a == rows.Name(row.Get("pred")) {
		verdict = []byte("1")
	}
	g := Group{Metric: "accuracy", Benchmark: "mmlu_pro"}
	return r.add(g, Outcome{ID: rows.Name(row.Get("question_id")), Index: -1}, "", verdict)
}

// evalPlus reads the member eval of EvalPlus or BigCodeBench: tasks, each with its samples, or of
// LiveCodeBench, each with its verdicts. It returns false if it is something else.
func (r *reader) evalPlus(raw []byte) (bool, error) {
	for i, task := range rows.SubObject(raw) {
		if graded := rows.SubObject(task.Raw).Get("graded_list"); graded != nil {
			r.file.Format, r.current = "LiveCodeBench", nil
			g := Group{Metric: "pass@1", Benchmark: "livecodebench"}
			if err := r.add(g, Outcome{ID: task.Key, Index: -1}, "", graded); err != nil {
				return true, err
			}
			r.row++
			continue
		}
		samples, ok := rows.Elements(task.Raw)
		if !ok || len(samples) == 0 {
			if i == 0 {
				return false, nil
			}
			continue
		}
		for _, s := range samples {
			one := rows.SubObject(s)
			var have []string
			for _, n := range []string{"base_status", "plus_status", "status"} {
				if one.Get(n) != nil {
					have = append(have, n)
				}
			}
			if len(have) == 0 {
				return false, nil
			}
			r.file.Format = "EvalPlus results"
			if have[0] == "status" {
				r.file.Format = "BigCodeBench results"
			}
			g := Group{Metric: r.choose(have)}
			status := one.Get(g.Metric)
			if name := rows.Name(status); name != "" && name != "pass" {
				status = []byte("0") // fail, or timeout
			}
			if g.Metric == "plus_status" && rows.Name(one.Get("base_status")) == "fail" {
				status = []byte("0") // the further tests count beside the base ones
			}
			r.current = nil
			if err := r.add(g, Outcome{ID: task.Key, Index: -1}, "", status); err != nil {
				return true, err
			}
		}
		r.row++
	}
	return r.file.Format != "", nil
}

// openCompass reads the member details of OpenCompass's results: numbered rows.
func (r *reader) openCompass(raw []byte) error {
	r.common.Benchmark = stem(baseName(r.file.Path))
	if r.model == "" {
		r.common.Model = filepath.Base(filepath.Dir(r.file.Path))
	}
	for _, f := range rows.SubObject(raw) {
		n, err := strconv.ParseInt(f.Key, 10, 64)
		if err != nil {
			continue // type, and other notes
		}
		row := rows.SubObject(f.Raw)
		verdict := row.Get("correct")
		if verdict == nil {
			return errors.New("its rows have predictions without scores: run OpenCompass with --dump-eval-details")
		}
		r.file.Format = "OpenCompass details"
		r.current = row
		if err := r.add(Group{Metric: "correct"}, Outcome{Index: n}, "", verdict); err != nil {
			return err
		}
		r.row++
	}
	return nil
}

// resultsObject reads a member results that is an object: of promptfoo, whose list of results is
// in it, and of Evalchemy, which has examples by task. It returns false if it is something else.
func (r *reader) resultsObject(raw []byte) (bool, error) {
	in := rows.SubObject(raw)
	if list, ok := rows.Elements(in.Get("results")); ok {
		for _, e := range list {
			row := rows.SubObject(e)
			if !has(row, "success") {
				return false, nil
			}
			r.file.Format = "promptfoo results"
			r.current = row
			metric := r.choose([]string{"success", "score"})
			g := Group{Metric: metric, Model: rows.Name(rows.SubObject(row.Get("provider")).Get("id"))}
			if err := r.add(g, Outcome{Index: rows.Integer(row.Get("testIdx"))}, "", row.Get(metric)); err != nil {
				return true, err
			}
			r.row++
		}
		return r.file.Format != "", nil
	}
	read := false
	for _, task := range in {
		examples, ok := rows.Elements(rows.SubObject(task.Raw).Get("examples"))
		if !ok {
			continue
		}
		read = true
		r.file.Format = "Evalchemy results"
		for _, e := range examples {
			row := rows.SubObject(e)
			r.current = row
			have := scoresNamed(row)
			if len(have) == 0 {
				return true, errors.New("its examples have no score")
			}
			metric := r.choose(have)
			_, id := row.FirstOf(idNames...)
			o := Outcome{ID: rows.Name(id), Index: -1}
			if o.ID == "" {
				o.Index = r.row
			}
			if err := r.add(Group{Metric: metric, Benchmark: task.Key}, o, "", row.Get(metric)); err != nil {
				return true, err
			}
			r.row++
		}
	}
	return read, nil
}

// scoresNamed returns the members of a row that are scores by their names.
func scoresNamed(row rows.Object) (have []string) {
	for _, n := range scoreNames {
		if row.Get(n) != nil {
			have = append(have, n)
		}
	}
	return have
}

// htmlScore is where a page of simple-evals has the score.
var htmlScore = regexp.MustCompile(`Score: *([0-9.eE+-]+|True|False)`)

// simpleEvals reads a member of simple-evals' NAME_allresults.json: htmls, a page an item that shows its
// score, convos, the conversations in the same order, and metadata, which may have the scores too.
func (r *reader) simpleEvals(d *rows.Doc, key string) error {
	c, err := d.Peek()
	if err != nil {
		return err
	}
	switch {
	case key == "htmls" && c == '[':
		return d.Array(func() error {
			raw, err := d.Raw()
			if err != nil {
				return err
			}
			page, _ := rows.Text(raw)
			var found []byte
			if m := htmlScore.FindStringSubmatch(page); m != nil {
				found = strconv.AppendQuote(nil, m[1])
			}
			r.htmls = append(r.htmls, found)
			return nil
		})
	case key == "convos" && c == '[' && slices.ContainsFunc(r.htmls, func(s []byte) bool { return s != nil }):
		r.file.Format = simpleEvals
		return d.Array(func() error {
			raw, err := d.Raw()
			if err != nil || int(r.row) >= len(r.htmls) {
				return err
			}
			r.current = rows.Object{{Key: "messages", Raw: raw}}
			err = r.add(Group{Metric: "score"}, Outcome{Index: r.row}, "", r.htmls[r.row])
			r.row++
			return err
		})
	case key == "metadata" && c == '{' && r.file.Format == "":
		raw, err := d.Raw()
		if err != nil {
			return err
		}
		examples, _ := rows.Elements(rows.SubObject(raw).Get("example_level_metadata"))
		for _, e := range examples {
			r.file.Format = simpleEvals
			r.current = rows.SubObject(e)
			o := Outcome{ID: rows.Name(r.current.Get("prompt_id")), Index: r.row}
			if o.ID != "" {
				o.Index = -1
			}
			if err := r.add(Group{Metric: "score"}, o, "", r.current.Get("score")); err != nil {
				return err
			}
			r.row++
		}
		return nil
	}
	return d.Pass(false)
}

const simpleEvals = "simple-evals results"

// sweBenchReport is the file of one instance's report, or of few, by their names.
const sweBenchReport = "report.json"

// sweBench adds the ids of one list of a SWE-bench report. Instances that were submitted and are
// not resolved are wrong.
func (r *reader) sweBench(key string, raw []byte) error {
	ids, ok := rows.Elements(raw)
	if !ok {
		return nil
	}
	for _, id := range ids {
		r.sweBenchOne(rows.Name(id), key == "resolved_ids" || key == "resolved")
	}
	return nil
}

// sweBenchOne adds what one list or report says of an instance.
func (r *reader) sweBenchOne(id string, resolved bool) {
	r.file.Format = "SWE-bench report"
	if r.resolved == nil {
		r.resolved = make(map[string]bool)
	}
	r.resolved[id] = r.resolved[id] || resolved
}

// sweBenchEnd adds the results of a SWE-bench report.
func (r *reader) sweBenchEnd() error {
	names := make([]string, 0, len(r.resolved))
	for id := range r.resolved {
		names = append(names, id)
	}
	slices.Sort(names)
	r.current = nil
	for _, id := range names {
		verdict := []byte("0")
		if r.resolved[id] {
			verdict = []byte("1")
		}
		g := Group{Metric: "resolved", Benchmark: "swe-bench"}
		if err := r.add(g, Outcome{ID: id, Index: -1}, "", verdict); err != nil {
			return err
		}
		r.row++
	}
	return nil
}
