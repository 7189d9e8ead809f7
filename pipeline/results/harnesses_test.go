package results

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The layouts of further harnesses, each with a right, a wrong and a right answer, in the members
// that the harness writes.
func TestHarnessLayouts(t *testing.T) {
	texts := []string{"How many boats are at the old pier?", "Why is the lantern on the mast lit?", "Which of the seven gulls is the oldest?"}
	asked := questionsOf(texts...)
	lines := func(row func(i int, right bool, q string) string) string {
		var b strings.Builder
		for i, q := range texts {
			fmt.Fprintln(&b, row(i, i != 1, q))
		}
		return b.String()
	}
	list := func(row func(i int, right bool, q string) string) string {
		return strings.ReplaceAll(strings.TrimSpace(lines(row)), "\n", ",")
	}
	number := map[bool]int{true: 1}
	status := map[bool]string{true: "pass", false: "fail"}
	for _, tt := range []struct {
		format, file, body string
		o                  Options
		metric, benchmark  string
		ids                bool // results have ids b-0 and on, else indexes
		asked              bool // with a question
		stated             float64
	}{
		{"EvalPlus results", "h_eval_results.json", `{"date":"2026-01-01","hash":"0","eval":{` + list(func(i int, right bool, q string) string {
			return fmt.Sprintf(`"b-%d":[{"task_id":"b-%d","solution":"x","base_status":%q,"plus_status":"fail"}]`, i, i, status[right])
		}) + "}}", Options{}, "base_status", "", true, false, -1},
		{"EvalPlus results", "h_eval_results.json", `{"date":"2026-01-01","hash":"0","eval":{` + list(func(i int, right bool, q string) string {
			return fmt.Sprintf(`"b-%d":[{"task_id":"b-%d","solution":"x","base_status":%q,"plus_status":"pass"}]`, i, i, status[right])
		}) + "}}", Options{Metric: "plus_status"}, "plus_status", "", true, false, -1},
		{"BigCodeBench results", "b_eval_results.json", `{"date":"2026-01-01","eval":{` + list(func(i int, right bool, q string) string {
			return fmt.Sprintf(`"b-%d":[{"task_id":"b-%d","status":%q,"details":{}}]`, i, i, status[right])
		}) + "}}", Options{}, "status", "", true, false, -1},
		{"LiveCodeBench", "l.json", "[" + list(func(i int, right bool, q string) string {
			return fmt.Sprintf(`{"question_id":"b-%d","question_content":%q,"graded_list":[%v],"pass@1":%d}`, i, q, right, number[right])
		}) + "]", Options{}, "pass@1", "livecodebench", true, true, -1},
		{"OpenCompass details", "owl/boats.json", "{\n \"accuracy\": 66.67,\n \"details\": {" + list(func(i int, right bool, q string) string {
			return fmt.Sprintf(`"%d":{"prompt":[{"role":"HUMAN","prompt":%q}],"predictions":"x","references":"y","correct":%v}`, i, "Question: "+q, right)
		}) + `, "type":"GEN"}}`, Options{}, "correct", "boats", false, true, 66.67},
		{"OpenCompass details", "owl/boats.json", `{"accuracy": 50.0, "details": [` + list(func(i int, right bool, q string) string {
			return fmt.Sprintf(`{"pred":"x","answer":"y","correct":%v}`, right)
		}) + `]}`, Options{}, "correct", "", false, false, 50},
		{"OLMES predictions", "task-000-boats-predictions.jsonl", lines(func(i int, right bool, q string) string {
			return fmt.Sprintf(`{"doc_id":%d,"native_id":"b-%d","metrics":{"acc_raw":%d,"acc_per_char":0.0,"predicted_index_raw":2},"model_output":[],"label":0}`, i, i, number[right])
		}), Options{Metric: "acc_raw"}, "acc_raw", "", true, false, -1},
		{"evalscope reviews", "boats.jsonl", lines(func(i int, right bool, q string) string {
			return fmt.Sprintf(`{"index":%d,"input":%q,"target":"7","sample_score":{"score":{"value":{"acc":%d.0},"main_score_name":"acc"},"sample_id":%d,"group_id":%d}}`, i, q, number[right], i, i)
		}), Options{}, "acc", "", false, true, -1},
		{"promptfoo results", "p.json", `{"version":4,"results":{"version":3,"results":[` + list(func(i int, right bool, q string) string {
			return fmt.Sprintf(`{"testIdx":%d,"success":%v,"score":%d,"vars":{"question":%q}}`, i, right, number[right], q)
		}) + "]}}", Options{}, "success", "", false, true, -1},
		{"Evalchemy results", "e.json", `{"results":{"boats":{"num_total":3,"examples":[` + list(func(i int, right bool, q string) string {
			return fmt.Sprintf(`{"id":"b-%d","problem":%q,"correct":%v}`, i, q, right)
		}) + `]}},"config":{"model":"owl"}}`, Options{}, "correct", "boats", true, true, -1},
		{"NeMo-Skills", "n.jsonl", lines(func(i int, right bool, q string) string {
			return fmt.Sprintf(`{"problem":%q,"expected_answer":"7","predicted_answer":"8","symbolic_correct":%v,"judgement":null}`, q, right)
		}), Options{}, "symbolic_correct", "", false, true, -1},
		{"NeMo-Skills", "n.jsonl", lines(func(i int, right bool, q string) string {
			return fmt.Sprintf(`{"problem":%q,"expected_answer":"7","predicted_answer":"8","judgement":"Reasoning: a.\nJudgement: %s"}`, q, map[bool]string{true: "Yes", false: "No"}[right])
		}), Options{}, "judgement", "", false, true, -1},
		{"MMLU-Pro", "m.json", "[" + list(func(i int, right bool, q string) string {
			return fmt.Sprintf(`{"question_id":"b-%d","question":%q,"options":["a","b"],"answer":"A","pred":%q}`, i, q, map[bool]string{true: "A", false: "B"}[right])
		}) + "]", Options{}, "accuracy", "mmlu_pro", true, true, -1},
		{"AlpacaEval annotations", "annotations.json", "[" + list(func(i int, right bool, q string) string {
			return fmt.Sprintf(`{"instruction":%q,"output_1":"x","generator_1":"base","output_2":"y","generator_2":"owl","preference":%d.0}`, q, 1+number[right])
		}) + "]", Options{}, "win rate", "alpaca_eval", false, true, -1},
		{"Arena-Hard judgments", "owl.jsonl", lines(func(i int, right bool, q string) string {
			v := map[bool][2]string{true: {"B>A", "A>>B"}, false: {"A>B", "B>A"}}[right]
			return fmt.Sprintf(`{"question_id":"b-%d","model":"owl","judge":"j","games":[{"score":%q},{"score":%q}]}`, i, v[0], v[1])
		}), Options{}, "win rate", "arena-hard", true, false, -1},
		{"MT-Bench judgments", "mt.jsonl", lines(func(i int, right bool, q string) string {
			return fmt.Sprintf(`{"question_id":"b-%d","model":"owl","judge":["j","single"],"score":%d,"turn":1}`, i, number[right])
		}), Options{}, "score", "mt_bench", true, false, -1},
		{"SWE-bench report", "owl.json", `{"total_instances":4,"submitted_instances":3,"submitted_ids":["b-0","b-1","b-2"],"resolved_ids":["b-0","b-2"],"unresolved_ids":["b-1"],"incomplete_ids":["b-3"]}`, Options{}, "resolved", "swe-bench", true, false, -1},
		{"SWE-bench report", "results.json", `{"no_generation":[],"generated":["b-0","b-1","b-2"],"applied":["b-0","b-1","b-2"],"resolved":["b-0","b-2"]}`, Options{}, "resolved", "swe-bench", true, false, -1},
		{"SWE-bench report", "report.json", `{` + list(func(i int, right bool, q string) string {
			return fmt.Sprintf(`"b-%d":{"patch_exists":true,"patch_successfully_applied":true,"resolved":%v,"tests_status":{}}`, i, right)
		}) + `}`, Options{}, "resolved", "swe-bench", true, false, -1},
		{"LiveCodeBench", "l_eval.json", `{"date":"2026-01-01","pass@1":0.667,"eval":{` + list(func(i int, right bool, q string) string {
			return fmt.Sprintf(`"b-%d":{"code_list":["x"],"graded_list":[%v]}`, i, right)
		}) + `}}`, Options{}, "pass@1", "livecodebench", true, false, -1},
		{"simple-evals results", "boats_owl_allresults.json", `{"score":0.667,"metrics":{"chars":9.0},"htmls":[` + list(func(i int, right bool, q string) string {
			return fmt.Sprintf("%q", fmt.Sprintf("<h3>Results</h3><p>Correct Answer: A</p><p>Score: %d.0</p>", number[right]))
		}) + `],"convos":[` + list(func(i int, right bool, q string) string {
			return fmt.Sprintf(`[{"role":"user","content":"Answer this.\n%s"},{"role":"assistant","content":"A"}]`, q)
		}) + `],"metadata":null}`, Options{}, "score", "", false, true, .667},
		{"simple-evals results", "boats_owl_allresults.json", `{"score":0.667,"metrics":{},"htmls":[],"convos":[],"metadata":{"example_level_metadata":[` + list(func(i int, right bool, q string) string {
			return fmt.Sprintf(`{"score":%d.0,"prompt":[{"role":"user","content":%q}],"prompt_id":"b-%d"}`, number[right], q, i)
		}) + `]}}`, Options{}, "score", "", true, true, .667},
		{"lighteval details", "results/owl/2026-01-01/details_lighteval|boats|0_2026-01-01T00-00-00.123.jsonl", lines(func(i int, right bool, q string) string {
			return fmt.Sprintf(`{"doc":{"query":%q,"id":"","task_name":"boats"},"metric":{"em":%d.0},"model_response":{"text":["x"]}}`, "Q: "+q, number[right])
		}), Options{}, "em", "boats", false, true, -1},
	} {
		t.Run(tt.format, func(t *testing.T) {
			tt.o.Questions = asked
			files, err := Read(write(t, tt.file, []byte(tt.body)), "", tt.o)
			must(t, err)
			f := files[0]
			if f.Format != tt.format || len(f.Outcomes) != 3 {
				t.Fatalf("format %q, %d results; %v", f.Format, len(f.Outcomes), f.Problems)
			}
			for i, o := range f.Outcomes {
				g := f.Groups[o.Group]
				right := o.Score == float64(number[i != 1])
				id := o.ID == fmt.Sprintf("b-%d", i) || !tt.ids && o.Index == int64(i)
				if !right || !id || g.Metric != tt.metric || g.Benchmark != tt.benchmark || tt.asked && o.Question() != int32(i) {
					t.Errorf("%+v of %+v", o, g)
				}
			}
			if s, ok := f.stated[0]; ok != (tt.stated >= 0) || ok && s.score != tt.stated {
				t.Errorf("stated %v, want %v", f.stated, tt.stated)
			}
		})
	}
}

// TestAlpacaDraws: a draw is half a win in all versions of AlpacaEval, and no preference is none.
func TestAlpacaDraws(t *testing.T) {
	body := "["
	for i, p := range []string{"2.0", "0.0", "1.5", "null", "1"} {
		body += strings.Repeat(",", min(i, 1)) + fmt.Sprintf(`{"instruction":"q %d","output_1":"x","generator_1":"base","output_2":"y","generator_2":"owl","preference":%s}`, i, p)
	}
	files, err := Read(write(t, "annotations.json", []byte(body+"]")), "", Options{})
	must(t, err)
	var got []float64
	for _, o := range files[0].Outcomes {
		got = append(got, o.Score)
	}
	if want := []float64{1, .5, .5, 0}; !slices.Equal(got, want) || len(files[0].Problems) == 0 {
		t.Errorf("%v, %v; want %v and a problem", got, files[0].Problems, want)
	}
}

// A list of scores is samples of an item: their mean, or the unbiased estimate of pass@k, which is
// held against all ways to choose k of n.
func TestPassAt(t *testing.T) {
	for n := 1; n <= 7; n++ {
		for right := 0; right <= n; right++ {
			samples := make([]bool, n)
			for i := range right {
				samples[i] = true
			}
			body, _ := json.Marshal(map[string]any{"id": "a", "score": samples})
			for k := 1; k <= n; k++ {
				files, err := Read(write(t, "r.jsonl", body), "", Options{PassAt: k})
				must(t, err)
				some, all := 0, 0
				for set := range 1 << n {
					chosen, hit := 0, false
					for i := range n {
						if set>>i&1 == 1 {
							chosen++
							hit = hit || samples[i]
						}
					}
					if chosen == k {
						if all++; hit {
							some++
						}
					}
				}
				if got, want := files[0].Outcomes[0].Score, float64(some)/float64(all); math.Abs(got-want) > 1e-12 {
					t.Errorf("pass@%d of %d right of %d: %v, want %v", k, right, n, got, want)
				}
			}
		}
	}
	if _, err := Read(write(t, "r.jsonl", []byte(`{"id":"a","score":[true]}`)), "", Options{PassAt: 2}); err == nil {
		t.Error("pass@2 of one sample")
	}
	files, err := Read(write(t, "r.jsonl", []byte(`{"id":"a","score":[true,false,false,true]}`)), "", Options{})
	must(t, err)
	if o := files[0].Outcomes[0]; o.Score != 0.5 || o.Samples != 4 {
		t.Errorf("%+v", o)
	}
}

// What the harness says of its results is beside them, and each task has a metric and a filter of
// its own.
func TestLMEvalDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "acme__owl")
	must(t, os.Mkdir(dir, 0o777))
	samples := func(task, filter, row string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `{"doc_id":%d,"doc":{},"target":"1","resps":[["1"]],"filter":%q,%s}`+"\n", i, filter, strings.ReplaceAll(row, "?", fmt.Sprint(i%2)))
		}
		return b.String()
	}
	put := func(name, body string) { must(t, os.WriteFile(filepath.Join(dir, name), []byte(body), 0o666)) }
	const date = "_2026-01-02T03-04-05.678"
	choice := `"metrics":["acc","acc_norm"],"acc":?,"acc_norm":1`
	put("samples_boats"+date+".jsonl", samples("boats", "none", choice, 4))
	put("samples_gulls"+date+".jsonl", samples("gulls", "none", choice, 4))
	put("samples_sums"+date+".jsonl", samples("sums", "strict", `"metrics":["exact_match"],"exact_match":0`, 4)+samples("sums", "flexible", `"metrics":["exact_match"],"exact_match":1`, 4))
	put("samples_texts"+date+".jsonl", samples("texts", "none", `"metrics":["word_perplexity","odd"],"word_perplexity":7.5,"odd":[1,0]`, 4))
	put("results"+date+".json", `{"results":{"boats":{"alias":"boats","acc,none":0.5,"acc_stderr,none":NaN,"acc_norm,none":1.0},
		"gulls":{"acc,none":0.75,"acc_norm,none":1.0},"sums":{"exact_match,strict":0.0,"exact_match,flexible":1.0}},
		"configs":{"gulls":{"metric_list":[{"metric":"acc_norm"},{"metric":"acc"}]}},"higher_is_better":{"texts":{"word_perplexity":false}}}`)
	want := func(o Options, task, metric string, mean, said float64) {
		t.Helper()
		files, err := Read(dir, "", o)
		must(t, err)
		for _, f := range files {
			for n, g := range f.Groups {
				if g.Benchmark != task {
					continue
				}
				sum := 0.0
				for _, x := range f.Outcomes {
					sum += x.Score / float64(len(f.Outcomes))
				}
				if s := f.stated[uint16(n)]; g.Metric != metric || sum != mean || s.score != said {
					t.Errorf("%s: %s is %v, and %v is said; want %s, %v and %v", task, g.Metric, sum, s.score, metric, mean, said)
				}
				if g.LowerBetter != (task == "texts") {
					t.Errorf("%s: lower is better: %v", task, g.LowerBetter)
				}
				return
			}
		}
		t.Errorf("no results of %s", task)
	}
	want(Options{}, "boats", "acc", 0.5, 0.5)
	want(Options{}, "gulls", "acc_norm", 1, 1) // the first by its configuration
	want(Options{}, "sums", "exact_match", 0, 0)
	want(Options{}, "texts", "word_perplexity", 7.5, 0)
	want(Options{Metrics: map[string]string{"boats": "acc_norm"}}, "boats", "acc_norm", 1, 1)
	want(Options{Metrics: map[string]string{"boats": "acc_norm"}}, "sums", "exact_match", 0, 0)
	want(Options{Metric: "acc"}, "gulls", "acc", 0.5, 0.75)
	want(Options{Metric: "acc"}, "sums", "exact_match", 0, 0) // which has no other
	want(Options{Filter: "flexible"}, "sums", "exact_match", 1, 1)
	want(Options{Filter: "flexible"}, "boats", "acc", 0.5, 0.5)
	want(Options{Filters: map[string]string{"sums": "flexible"}}, "sums", "exact_match", 1, 1)
}

// A score is the harness's own up to the rounding of what the harness wrote.
func TestStated(t *testing.T) {
	for _, tt := range []struct {
		text  string
		mean  float64
		agree bool
	}{
		{"0.5", 0.5, true}, {"0.667", 2. / 3, true}, {"0.6667", 0.667, false}, {"66.67", 2. / 3, true}, {"28.9", 0.289, true},
		{"30.0", 0.289, false}, {"1e-1", 0.1, true}, {"1", 0.99, true}, {"0.30000000000000004", 0.3, true}, {"7.25", 7.25, true}, {"7.3", 7.25, true},
	} {
		s, ok := parseStated([]byte(tt.text))
		if !ok || s.agrees(tt.mean) != tt.agree {
			t.Errorf("%s and %v: %v", tt.text, tt.mean, !tt.agree)
		}
	}
}

// The harness's own scores are in a file beside the results: of lighteval in its results, of OpenCompass
// in its summary.
func TestSummariesBeside(t *testing.T) {
	date := "2026-01-02T03-04-05.678901"
	for _, tt := range []struct {
		rows, body, summary, says string
		want                      float64
	}{
		{"details/org/owl/" + date + "/details_boats|0_" + date + ".jsonl",
			`{"doc":{"id":"0","query":"q"},"metric":{"em":1.0}}` + "\n" + `{"doc":{"id":"1","query":"r"},"metric":{"em":0.0}}` + "\n",
			"results/org/owl/results_" + date + ".json", `{"results":{"gulls|0":{"em":0.1},"boats|0":{"em":0.5,"em_stderr":0.2}}}`, .5},
		{"details/owl/" + date + "/details_lighteval|boats|0_" + date + ".jsonl",
			`{"doc":{"id":"0","query":"q"},"metric":{"em":1.0}}` + "\n" + `{"doc":{"id":"1","query":"r"},"metric":{"em":0.0}}` + "\n",
			"results/owl/results_" + date + ".json", `{"results":{"lighteval|boats|0":{"em":0.75}}}`, .75},
		{"20260102/results/owl/boats.json", `{"pass@1": 50.0, "details": {"type":"GEN","0":{"correct":true},"1":{"correct":false}}}`,
			"20260102/summary/summary_20260102.csv", "dataset,version,metric,mode,owl\ngulls,1,accuracy,gen,12.00\nboats,1,pass@1,gen,50.00\n", 50},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{tt.rows: tt.body, tt.summary: tt.says} {
			path := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		files, err := Read(dir, "", Options{})
		if err != nil {
			t.Fatal(err)
		}
		k := slices.IndexFunc(files, func(f File) bool { return f.Format != "" })
		f := &files[k]
		if len(f.Outcomes) != 2 || len(f.Groups) != 1 || f.Groups[0].Benchmark != "boats" || f.Groups[0].Model != "owl" ||
			f.stated[0].score != tt.want {
			t.Errorf("%s: %+v, stated %v", tt.rows, f.Groups, f.stated)
		}
	}
}
