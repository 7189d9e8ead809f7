package results

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"swab/pipeline/rows"
)

// A stated score is one that the harness itself computed from the results of a group.
type stated struct {
	score  float64
	digits int // after the point, as it was written
}

// parseStated reads a score of a harness's summary.
func parseStated(raw []byte) (s stated, ok bool) {
	text := string(raw)
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || strings.ContainsAny(text, "xX_") {
		return s, false
	}
	_, decimals, _ := strings.Cut(text, ".")
	s = stated{v, len(decimals)}
	if strings.ContainsAny(text, "eE") {
		s.digits = 9
	}
	return s, true
}

// agrees reports whether a mean of results is the stated score, up to the rounding of what was
// written. Scores in [0, 1] may be stated in percent.
func (s stated) agrees(mean float64) bool {
	half := 0.501*math.Pow(10, -float64(min(s.digits, 9))) + 1e-7*math.Abs(s.score)
	return math.Abs(mean-s.score) <= half || math.Abs(100*mean-s.score) <= half && math.Abs(mean) <= 1
}

// state records what the harness says, in full precision, of the groups with a metric; if that is
// "", of all, and perhaps rounded.
func (r *reader) state(metric string, raw []byte) {
	s, ok := parseStated(raw)
	if !ok {
		return
	}
	if metric != "" {
		s.digits = 9
	}
	for n, g := range r.file.Groups {
		if metric == "" || g.Metric == metric {
			r.stateGroup(n, s)
		}
	}
}

func (r *reader) stateGroup(n int, s stated) {
	if r.file.stated == nil {
		r.file.stated = make(map[uint16]stated)
	}
	r.file.stated[uint16(n)] = s
}

const maxSummary = 256 << 20 // bytes of a file beside the results

// readBeside reads a JSON object in a file beside the results; nil if there is none.
func (r *reader) readBeside(name string) rows.Object {
	f, err := os.Open(filepath.Join(filepath.Dir(r.file.Path), name))
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSummary))
	if err != nil {
		return nil
	}
	return rows.SubObject(b)
}

// lmEvalSummary reads results_DATE.json beside samples_TASK_DATE.jsonl of lm-evaluation-harness:
// {results: {TASK: {"METRIC,FILTER": score}}, higher_is_better: {TASK: {METRIC: bool}}}.
func (r *reader) lmEvalSummary() {
	date := lmEvalDate.FindString(stem(baseName(r.file.Path)))
	summary := r.readBeside("results" + date + ".json")
	scores := rows.SubObject(summary.Get("results"))
	better := rows.SubObject(summary.Get("higher_is_better"))
	for n := range r.file.Groups {
		g := &r.file.Groups[n]
		filter := r.filter
		if filter == "" {
			filter = "none"
		}
		of := rows.SubObject(scores.Get(g.Benchmark))
		if s, ok := parseStated(of.Get(g.Metric + "," + filter)); ok {
			s.digits = 9
			r.stateGroup(n, s)
		}
		if string(rows.SubObject(better.Get(g.Benchmark)).Get(g.Metric)) == "false" {
			g.LowerBetter = true
		}
	}
}

// firstMetric returns the first metric of a task of lm-evaluation-harness, by its configuration in
// the summary; "" if it is not known.
func (r *reader) firstMetric(task string) string {
	date := lmEvalDate.FindString(stem(baseName(r.file.Path)))
	configs := rows.SubObject(r.readBeside("results" + date + ".json").Get("configs"))
	list, _ := rows.Elements(rows.SubObject(configs.Get(task)).Get("metric_list"))
	if len(list) == 0 {
		return ""
	}
	return rows.Name(rows.SubObject(list[0]).Get("metric"))
}

// helmSummary reads stats.json beside per_instance_stats.json: a list of statistics with means.
func (r *reader) helmSummary() {
	b, err := os.ReadFile(filepath.Join(filepath.Dir(r.file.Path), "stats.json"))
	if err != nil || len(b) > maxSummary {
		return
	}
	list, _ := rows.Elements(b)
	for _, raw := range list {
		s := rows.SubObject(raw)
		name := rows.SubObject(s.Get("name"))
		perturbed := name.Get("perturbation")
		if perturbed != nil && string(perturbed) != "null" || rows.Name(name.Get("split")) == "valid" {
			continue
		}
		r.state(rows.Name(name.Get("name")), s.Get("mean"))
	}
}

// lightevalSummary reads results/MODEL/results_DATE.json, which is beside details/MODEL/DATE/:
// {results: {"TASK|SHOTS": {METRIC: score}}}.
func (r *reader) lightevalSummary() {
	date := filepath.Dir(r.file.Path)
	model, up := filepath.Dir(date), ".."
	for filepath.Base(model) != "details" {
		if model == filepath.Dir(model) {
			return
		}
		model, up = filepath.Dir(model), filepath.Join(up, "..")
	}
	middle, err := filepath.Rel(model, filepath.Dir(date))
	if err != nil {
		return
	}
	summary := r.readBeside(filepath.Join(up, "..", "results", middle, "results_"+filepath.Base(date)+".json"))
	for _, task := range rows.SubObject(summary.Get("results")) {
		for n, g := range r.file.Groups {
			if s, ok := parseStated(rows.SubObject(task.Raw).Get(g.Metric)); ok && lightevalTask(task.Key) == g.Benchmark {
				s.digits = 9
				r.stateGroup(n, s)
			}
		}
	}
}

// openCompassSummary reads summary/summary_DATE.csv, which is beside results/MODEL/DATASET.json: a row a
// dataset, a column a model. The file's own score is more precise.
func (r *reader) openCompassSummary() {
	if r.file.stated != nil {
		return
	}
	model := filepath.Base(filepath.Dir(r.file.Path))
	names, _ := filepath.Glob(filepath.Join(filepath.Dir(r.file.Path), "..", "..", "summary", "summary_*.csv"))
	for _, name := range names {
		readTable(r.o.context(), name, []string{"dataset", model}, nil, func(row []string) error {
			if row[0] == stem(baseName(r.file.Path)) {
				r.state("", []byte(row[1]))
			}
			return nil
		})
	}
}

// lowerBetter are metrics, in lower case, of which a lower score is better whatever the harness
// says.
var lowerBetter = strings.Fields(`perplexity word_perplexity byte_perplexity bits_per_byte ppl loss nll wer cer ter
	brier_score ece mae mse rmse error error_rate`)
