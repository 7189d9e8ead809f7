package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"swab/pipeline/score"
)

// Real results against an audit of real benchmarks: every item is joined, and the
// scores are what the models' answers add up to.
func TestScoreRealResults(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: real benchmarks take half a minute")
	}
	data := os.Getenv("SWAB_DATA")
	if data == "" {
		data = "../../../shared/data" // beside the project
	}
	if _, err := os.Stat(filepath.Join(data, "README.md")); err != nil {
		t.Skipf("real data not present (%v): set SWAB_DATA to its folder to run this test", err)
	}
	dir := t.TempDir()
	audit, out := filepath.Join(dir, "audit"), filepath.Join(dir, "scores.json")
	corpus, err := filepath.Glob(filepath.Join(data, "corpora", "keon-algorithms*"))
	if err != nil || len(corpus) == 0 {
		t.Fatal("no corpus", err)
	}
	quietly := func(args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := run(args, &stdout, &stderr); code != exitOK {
			t.Fatalf("%v: exit code %d\n%s", args, code, &stderr)
		}
	}
	quietly("scan", "--corpus", corpus[0], "--method", "gpt3,coverage8,longest8", "--out", audit, "--bench", "gsm8k="+filepath.Join(data, "benchmarks/gsm8k/test.jsonl"),
		"--bench", "humaneval="+filepath.Join(data, "benchmarks/humaneval/HumanEval.jsonl.gz"), "--bench", "mmlu="+filepath.Join(data, "benchmarks/mmlu/test"))
	quietly("score", "--audit", audit, "--out", out, "--results", filepath.Join(data, "results/gsm8k-openai"), "--results", filepath.Join(data, "results/zeroeval"),
		"--results", filepath.Join(data, "results/humaneval-evolteacher"), "--results", filepath.Join(data, "results/helm-mmlu"))
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var table score.Table
	if err := json.Unmarshal(b, &table); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range table.Rows {
		got[r.Benchmark+" "+r.Model] = fmt.Sprintf("%.0f/%d", *r.All*float64(r.NAll), r.NAll)
	}
	for name, want := range map[string]string{
		"gsm8k 175b_finetuning": "458/1319", "gsm8k 175b_verification": "742/1319", "gsm8k 6b_finetuning": "286/1319", "gsm8k 6b_verification": "515/1319",
		"gsm8k openai/gpt-4o-mini-2024-07-18": "1243/1319", "humaneval HumanEval_results": "51/164", "mmlu meta/llama-3-70b": "667/1079",
	} {
		if got[name] != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
	if len(got) != 7 || len(table.Rows) != 21 {
		t.Errorf("%d models, %d rows", len(got), len(table.Rows))
	}
}
