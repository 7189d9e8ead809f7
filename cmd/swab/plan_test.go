package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"swab/pipeline"
)

// TestDamagedPlansAndResults: with a flipped bit in a plan or in a result that a task left, or
// with either cut, nothing is merged, or the same bytes.
func TestDamagedPlansAndResults(t *testing.T) {
	top := t.TempDir()
	at := func(name string) string { return filepath.Join(top, name) }
	call := func(args ...string) (int, string) {
		var stderr bytes.Buffer
		code := run(args, io.Discard, &stderr)
		return code, stderr.String()
	}
	for _, args := range [][]string{
		{
			"plan", "--root", "../../testdata", "--corpus", "corpus", "--bench", "../../testdata/bench/riverton.jsonl",
			"--method", "gpt3", "--out", at("plan.json"),
		},
		{"work", "--plan", at("plan.json"), "--root", "../../testdata", "--task", "1", "--out", at("results")},
	} {
		if code, stderr := call(args...); code != 0 {
			t.Fatal(stderr)
		}
	}
	merge := func() (int, string, []byte) {
		out := at("all.swabr")
		os.Remove(out)
		code, stderr := call("merge", "--plan", at("plan.json"), at("results"), "--out", out)
		b, _ := os.ReadFile(out)
		return code, stderr, b
	}
	code, stderr, whole := merge()
	if code != 0 || len(whole) == 0 {
		t.Fatal(stderr)
	}
	results, err := filepath.Glob(at("results/task-1/*"))
	mustDo(t, err)
	if len(results) == 0 {
		t.Fatal("no results")
	}
	tries := 60 // of each file
	if testing.Short() {
		tries = 6
	}
	rng := rand.New(rand.NewPCG(17, 4))
	refused, harmless := 0, 0
	for _, path := range []string{at("plan.json"), results[0]} {
		good := mustRead(t, path)
		for k := range tries {
			bad, what := slices.Clone(good), ""
			if k%6 == 0 {
				n := rng.IntN(len(good))
				bad, what = bad[:n], fmt.Sprint("cut at ", n)
			} else {
				n := rng.IntN(8 * len(good))
				bad[n/8] ^= 1 << (n % 8)
				what = fmt.Sprint("bit ", n)
			}
			mustDo(t, os.WriteFile(path, bad, 0o644))
			code, stderr, merged := merge()
			switch {
			case code == 2 && merged == nil && strings.Contains(stderr, "error:"):
				refused++
			case code == 0 && bytes.Equal(merged, whole):
				harmless++
			default:
				t.Errorf("%s, %s: exit code %d, %d bytes merged of %d: %s", path, what, code, len(merged), len(whole), stderr)
			}
		}
		mustDo(t, os.WriteFile(path, good, 0o644))
	}
	t.Logf("%d refused, %d harmless", refused, harmless)
	if refused < tries {
		t.Errorf("%d refused: the test sees nothing", refused)
	}
}

// TestForgedPlans: a plan that is valid by its checksum and that swab plan would not write is
// refused: it writes no file, and names no shard twice.
func TestForgedPlans(t *testing.T) {
	top := t.TempDir()
	at := func(name string) string { return filepath.Join(top, name) }
	code, _, stderr := swab("plan", "--root", "../../testdata", "--corpus", "corpus", "--bench",
		"../../testdata/bench/riverton.jsonl", "--method", "gpt3", "--out", at("plan.json"))
	if code != 0 {
		t.Fatal(stderr)
	}
	victim := at("victim")
	flag := func(name, value string) func(p *pipeline.Plan) {
		return func(p *pipeline.Plan) {
			p.Settings = fmt.Appendf(nil, `{"flags":[{"name":"bench","values":["../../testdata/bench/riverton.jsonl"]},`+
				`{"name":"method","values":["gpt3"]},{"name":%q,"values":[%q]}]}`, name, value)
		}
	}
	for name, test := range map[string]struct {
		forge func(p *pipeline.Plan)
		want  string // "" if it is a plan
	}{
		"as it was":     {func(*pipeline.Plan) {}, ""},
		"a file":        {flag("metrics", victim), "--metrics is not of a plan"},
		"an output":     {flag("out", victim), "--out is not of a plan"},
		"an index":      {flag("index", victim), "no such flag"},
		"another limit": {flag("max-row", "9999999"), "other settings"},
		"one shard often": {func(p *pipeline.Plan) {
			p.Tasks[0] = slices.Repeat([]int{0}, 1<<20)
		}, "a task has unit number 0"},
		"cuts":      {func(p *pipeline.Plan) { p.Shards[0].Cuts = []int64{9, 9} }, "a range that ends at byte 9"},
		"a cut off": {func(p *pipeline.Plan) { p.Shards[0].Cuts = []int64{p.Shards[0].Size} }, "a range that ends"},
		"no range":  {func(p *pipeline.Plan) { p.Shards[0].Cuts = []int64{0, 9} }, "a range that ends at byte 0"},
		"below 0":   {func(p *pipeline.Plan) { p.Shards[0].Size = -1 }, "a size below 0"},
		"too large": {func(p *pipeline.Plan) { p.Shards[0].Size = 1 << 62 }, "when the plan was made"},
		"elsewhere": {func(p *pipeline.Plan) { p.Shards[0].Name = "../../../../../etc/passwd" }, "../etc/passwd"},
		"no object": {func(p *pipeline.Plan) { p.Settings = []byte("[1]") }, "the settings of the plan"},
	} {
		p, err := pipeline.ReadPlan(at("plan.json"))
		mustDo(t, err)
		test.forge(p)
		f, err := os.Create(at("forged.json"))
		mustDo(t, err)
		mustDo(t, p.Write(f))
		mustDo(t, f.Close())
		out := at(strings.ReplaceAll(name, " ", "-"))
		code, _, stderr := swab("work", "--plan", at("forged.json"), "--root", "../../testdata", "--task", "1", "--out", out)
		if code == 0 {
			code, _, stderr = swab("merge", "--plan", at("forged.json"), out, "--out", at("audit"))
		}
		if (code == 0) != (test.want == "") || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit code %d, %.500s", name, code, stderr)
		}
		if _, err := os.Lstat(victim); err == nil {
			t.Fatalf("%s: a file was written that the plan names", name)
		}
	}
}
