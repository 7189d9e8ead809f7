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
