package results_test

import (
	"path/filepath"
	"slices"
	"testing"

	"swab/ngram/overlap"
	"swab/pipeline"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/internal/realdata"
	"swab/pipeline/results"
)

// The real results are joined with a scan of the real benchmarks: every result has its
// item, and by which way does not matter where questions are at hand.
func TestRealJoins(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: takes seconds")
	}
	data := realdata.Dir(t)
	dir := filepath.Join(t.TempDir(), "audit")
	presets, err := benchmark.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	methods, err := overlap.Methods(overlap.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	o := pipeline.Options{Corpus: []string{filepath.Join(data, "corpora", "peps-000.jsonl.gz")}, Presets: presets, Methods: methods[slices.Index(overlap.Names(methods), "gpt3"):][:1], Out: dir}
	o.Reading = pipeline.Reading{MaxBadRows: -1, TextField: "text", IDField: "id"}
	for name, path := range map[string]string{"gsm8k": "gsm8k/test.jsonl", "humaneval": "humaneval/HumanEval.jsonl.gz", "mmlu": "mmlu/test", "cruxeval": "cruxeval/cruxeval.jsonl"} {
		o.Benchmarks = append(o.Benchmarks, benchmark.Spec{Name: name, Path: filepath.Join(data, "benchmarks", path)})
	}
	if _, err := pipeline.Scan(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for _, text := range []bool{false, true} {
		r, err := audit.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		a, err := r.Table(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var questions *results.Questions
		if text {
			questions = results.NewQuestions(a)
		}
		for _, tt := range []struct {
			path, benchmark string
			models, n       int
			how             string
			mean            float64
		}{
			{"gsm8k-openai", "gsm8k", 4, 1319, "index", 0},
			{"zeroeval", "gsm8k", 1, 1319, "index", 1243. / 1319},
			{"humaneval-evolteacher", "humaneval", 1, 164, "id", 51. / 164},
			{"helm-mmlu", "mmlu", 1, 1079, "index", 0},
			{"cruxeval/evaluation_results/sample_scored_codellama-7b_temp0.2_input.json", "cruxeval", 1, 800, "id", 0.3595},
		} {
			files, err := results.Read(filepath.Join(data, "results", tt.path), "", results.Options{Questions: questions})
			if err != nil {
				t.Fatal(err)
			}
			var ways []results.JoinOptions
			ways = append(ways, results.JoinOptions{})
			if text && tt.how == "index" {
				ways = append(ways, results.JoinOptions{How: "content"})
			}
			var first []results.Joined
			for _, way := range ways {
				joins, err := results.JoinAll(a, files, way)
				if err != nil {
					t.Errorf("%s: %v", tt.path, err)
					continue
				}
				if len(joins) != tt.models {
					t.Errorf("%s: %d models, want %d", tt.path, len(joins), tt.models)
				}
				for _, j := range joins {
					how := tt.how
					if way.How != "" {
						how = way.How
					}
					if j.Benchmark != tt.benchmark || j.How != how || len(j.Matched)+len(j.ResultsLeft) != tt.n || way.How == "" && len(j.ResultsLeft) != 0 {
						t.Errorf("%s: %s with %s by %s, %d joined, %d results left over", tt.path, j.Model, j.Benchmark, j.How, len(j.Matched), len(j.ResultsLeft))
					}
					sum := 0.0
					for _, m := range j.Matched {
						sum += m.Score
					}
					if d := sum/float64(len(j.Matched)) - tt.mean; tt.mean > 0 && way.How == "" && (d < -1e-9 || d > 1e-9) {
						t.Errorf("%s: mean %v, want %v", tt.path, sum/float64(len(j.Matched)), tt.mean)
					}
				}
				// By content every result has the item that it has by place.
				if way.How == "" {
					first = joins[0].Matched
					continue
				}
				at := map[int32]float64{}
				for _, m := range first {
					at[m.Item] = m.Score
				}
				if n := len(joins[0].Matched); float64(n) < 0.95*float64(tt.n) {
					t.Errorf("%s: by content only %d of %d", tt.path, n, tt.n)
				}
				for _, m := range joins[0].Matched {
					if s, ok := at[m.Item]; !ok || s != m.Score {
						t.Errorf("%s: item %d has %v by place and %v by content", tt.path, m.Item, s, m.Score)
					}
				}
			}
		}
	}
}
