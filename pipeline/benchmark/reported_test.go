package benchmark

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// reported are the benchmarks that model cards of 2024 to 2026 report, each with its preset where that
// has another name.
const reported = `mmlu mmlu-pro mmlu-redux global-mmlu mmlu-prox cmmlu c-eval kmmlu mmmlu gpqa hle arc hellaswag piqa siqa
openbookqa commonsenseqa winogrande boolq race sciq drop squad nq=nq-open nq-long=natural-questions triviaqa hotpotqa coqa quac
narrativeqa lambada superglue=super-glue anli math math-500 aime-2024 aime-2025 aime-2026 amc gsm8k gsm-plus gsm-symbolic
gsm8k-platinum mgsm svamp asdiv mathqa aqua olympiadbench omni-math hmmt minerva=minerva-math bbh bbeh big-bench=bigbench agieval
musr logiqa zebralogic humaneval humaneval-plus humanevalpack humaneval-xl mbpp mbpp-plus multipl-e apps codecontests=code-contests
ds-1000 livecodebench bigcodebench swe-bench swe-bench-verified repobench cruxeval spider bird ifeval ifbench mt-bench alpacaeval=alpaca-eval
arena-hard wildbench livebench simpleqa frames gaia bfcl truthfulqa bbq wmdp xstest harmbench realtoxicityprompts medqa medmcqa
pubmedqa healthbench legalbench belebele xnli xcopa include tydiqa flores mmmu mmmu-pro mathvista chartqa docvqa ai2d ruler
longbench infinitebench lm-eval-samples=gsm-plus inspect openai-evals`

// TestReportedBenchmarks: at least 97 % of the benchmarks that model cards report are read whole, in the
// columns that they are published in, and none silently in part. Its log is the table.
func TestReportedBenchmarks(t *testing.T) {
	byPreset := map[string][]fixture{}
	for _, f := range fixtures(t) {
		byPreset[f.Preset] = append(byPreset[f.Preset], f)
	}
	p := presets(t)
	whole, all := 0, 0
	var table []string
	for word := range strings.FieldsSeq(reported) {
		name, preset, ok := strings.Cut(word, "=")
		if !ok {
			preset = name
		}
		all++
		q, ok := p.Find(preset)
		state := "not: no layout"
		if ok {
			state = readState(q, byPreset[q.Name])
		}
		if strings.HasPrefix(state, "whole") {
			whole++
		}
		columns := "columns compared"
		if q.Checked == "" {
			columns = "columns compared with no public source"
		}
		table = append(table, fmt.Sprintf("%-22s %-22s %s; %s", name, q.Name, state, columns))
	}
	slices.Sort(table)
	t.Logf("%d of %d are read whole\n%s", whole, all, strings.Join(table, "\n"))
	if 100*whole < 97*all {
		t.Errorf("only %d of %d are read whole", whole, all)
	}
}

// readState says how much of a preset's fixtures is read. Those that have none here are in TestHubLayouts.
func readState(q Preset, list []fixture) string {
	media := false
	for i := range q.Layouts {
		media = media || len(q.Layouts[i].Media) > 0
	}
	for _, f := range list {
		media = media || f.Media
		for _, want := range f.Want { // what TestPresetFixtures reads
			if want[0]+want[1]+want[2] == "" {
				return "in part: an item without what a model is shown"
			}
		}
	}
	if media {
		return "whole, media copied and named as not checked"
	}
	return "whole"
}
