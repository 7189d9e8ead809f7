package results

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"swab/pipeline/internal/realdata"
)

// Every file of results of the real data is read with its number of items, or refused
// as one without scores.
func TestRealResults(t *testing.T) {
	dir := filepath.Join(realdata.Dir(t), "results")
	const (
		none    = -1 // refused: no results of items
		inspect = "inspect_ai/"
	)
	type want struct {
		items, samples int
		mean           float64 // of items
	}
	wants := map[string]want{
		"gsm8k-openai/example_model_solutions.jsonl":                                                    {4 * 1319, 4 * 1319, 0},
		"humaneval-evolteacher/HumanEval_results.jsonl":                                                 {164, 164, 0},
		"zeroeval/gpt-4o-mini-2024-07-18.json":                                                          {1319, 1319, 1243. / 1319}, // 94.24 in ZeroEval's table
		"cruxeval/evaluation_results/sample_scored_codellama-7b_temp0.2_input.json":                     {800, 8000, .3595},         // pass_at_1 in the file
		"cruxeval/evaluation_results/sample_scored_codellama-7b_temp0.2_output.json":                    {800, 8000, .342125},
		"cruxeval/model_generations/sample_codellama-7b_temp0.2_input/generations.json":                 {none, 0, 0},
		"cruxeval/model_generations/sample_codellama-7b_temp0.2_output/generations.json":                {none, 0, 0},
		"helm-mmlu/meta_llama-3-70b/college_chemistry.json":                                             {100, 100, 0},
		"helm-mmlu/meta_llama-3-70b/college_mathematics.json":                                           {100, 100, 0},
		"helm-mmlu/meta_llama-3-70b/econometrics.json":                                                  {114, 114, 0},
		"helm-mmlu/meta_llama-3-70b/formal_logic.json":                                                  {126, 126, 0},
		"helm-mmlu/meta_llama-3-70b/global_facts.json":                                                  {100, 100, 0},
		"helm-mmlu/meta_llama-3-70b/high_school_physics.json":                                           {151, 151, 0},
		"helm-mmlu/meta_llama-3-70b/machine_learning.json":                                              {112, 112, 0},
		"helm-mmlu/meta_llama-3-70b/public_relations.json":                                              {110, 110, 0},
		"helm-mmlu/meta_llama-3-70b/virology.json":                                                      {166, 166, 0},
		inspect + "analysis/test_logs/2025-05-12T20-28-13-04-00_no-samples.json":                        {0, 0, 0},
		inspect + "analysis/test_logs/2025-05-12T20-28-13-04-00_popularity.json":                        {3, 3, 0},
		inspect + "analysis/test_logs/2025-05-12T20-28-26-04-00_security-guide.json":                    {3, 3, 0},
		inspect + "analysis/test_logs_choices/mmlu-no-summary-choices.eval":                             {1, 1, 0},
		inspect + "analysis/test_logs_choices/mmlu-summary-choices.eval":                                {1, 1, 0},
		inspect + "log/test_eval_log/log_formats.eval":                                                  {1, 1, 0},
		inspect + "log/test_eval_log/log_formats.json":                                                  {1, 1, 0},
		inspect + "log/test_eval_log/log_images.json":                                                   {1, 1, 0},
		inspect + "log/test_eval_log/log_images_tc.json":                                                {1, 1, 0},
		inspect + "log/test_eval_log/log_message_deduplication.eval":                                    {1, 1, 0},
		inspect + "log/test_eval_log/log_read_sample.eval":                                              {1, 1, 0},
		inspect + "log/test_eval_log/log_read_sample.json":                                              {1, 1, 0},
		inspect + "log/test_eval_log/log_streaming.eval":                                                {2, 4, 0.75},
		inspect + "log/test_eval_log/log_tool_call_error.json":                                          {0, 0, 0}, // its sample has no score
		inspect + "log/test_list_logs/2024-11-05T13-31-45-05-00_input-task_8zXjbRzCWrL9GXiXo2vus9.json": {1, 1, 0},
		inspect + "log/test_list_logs/2024-11-05T13-32-37-05-00_input-task_hxs4q9azL3ySGkjJirypKZ.eval": {1, 1, 0},
		inspect + "log/test_list_logs/custom.eval":                                                      {1, 1, 0},
		inspect + "log/test_list_logs/ignore.json":                                                      {1, 1, 0},
		inspect + "scorer/logs/2025-02-11T15-17-00-05-00_popularity_dPiJifoWeEQBrfWsAopzWr.eval":        {0, 0, 0}, // was not scored
		inspect + "scorer/logs/2025-02-11T15-18-04-05-00_popularity_mj7khqpMM4GBCfVQozKgzB.eval":        {10, 10, 0.8},
		inspect + "scorer/math_cases.json":                                                              {none, 0, 0},
		inspect + "test_eval_set/2024-08-29T15-11-17+00-00_popularity_5EAmX6wjMFqea6WY7XHzZp.json":      {0, 0, 0},
		inspect + "test_eval_set/2024-08-29T15-11-18+00-00_popularity_5EAmX6wjMFqea6WY7XHzZp.json":      {0, 0, 0},
	}
	for _, n := range strings.Fields("basic empty escape_hatch gap_models leaf_tool_exclusion legacy_steps notable_caps notable_caps_uncapped parallel_spans steps_same_name") {
		wants[inspect+"log/test_skeleton/"+n+".json"] = want{none, 0, 0}
	}
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		seen++
		rel, _ := filepath.Rel(dir, path)
		w, ok := wants[filepath.ToSlash(rel)]
		if !ok {
			return fmt.Errorf("%s: nothing is expected of it", rel)
		}
		files, err := Read(path, "", Options{})
		if w.items == none {
			if !errors.Is(err, ErrNoResults) {
				t.Errorf("%s: error %v, want one that it has no results", rel, err)
			}
			return nil
		}
		if err != nil {
			t.Errorf("%s: %v", rel, err)
			return nil
		}
		items, samples, sum := 0, 0, 0.0
		for _, o := range files[0].Outcomes {
			items++
			samples += int(o.Samples)
			sum += o.Score
		}
		if items != w.items || samples != w.samples {
			t.Errorf("%s: %d items and %d samples, want %d and %d", rel, items, samples, w.items, w.samples)
		}
		if w.mean != 0 && math.Abs(sum/float64(items)-w.mean) > 1e-12 {
			t.Errorf("%s: mean %v, want %v", rel, sum/float64(items), w.mean)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen != len(wants) {
		t.Errorf("%d files, want %d", seen, len(wants))
	}
}
