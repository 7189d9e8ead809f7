package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"swab/pipeline/eval"
)

func TestRunReportsAndKeeps(t *testing.T) {
	dir := t.TempDir()
	kept, file := filepath.Join(dir, "kept"), filepath.Join(dir, "eval.json")
	var stdout, stderr bytes.Buffer
	args := []string{"-own", "-per-class", "2", "-rounds", "1", "-methods", "longest8,gpt3", "-json", file, "-keep", kept, "-list"}
	if err := run(t.Context(), args, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stderr.String(), "own small set") {
		t.Errorf("the sources are not said: %s", stderr.String())
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all result
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	r := all.Classes
	if r.Seed != eval.ReportSeed || len(r.Methods) != 2 || r.Methods[0].Method != "gpt3" && r.Methods[0].Method != "longest8" {
		t.Errorf("seed %d, methods %+v", r.Seed, r.Methods)
	}
	listed := 0
	for _, m := range r.Methods {
		listed += len(m.Misjudged)
	}
	if n := strings.Count(stdout.String(), "\tscore "); n != listed || n == 0 {
		t.Errorf("%d misjudged items are listed, not %d", n, listed)
	}
	if !strings.Contains(stderr.String(), "skipped: real items planted whole") {
		t.Errorf("the tables that were left out are not said: %s", stderr.String())
	}
	for _, name := range []string{"labels.jsonl", "bench/own-ar.jsonl", "corpus/shard-0.jsonl.zst", "audit/verdicts.jsonl"} {
		if _, err := os.Stat(filepath.Join(kept, "round-1", name)); err != nil {
			t.Error(err)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{{"-only", "other"}, {"-methods", "gpt9"}, {"-keep", t.TempDir()}, {"stray"}, {"-rounds", "0"}, {"-held", "-list"}, {"-held", "-keep", "kept"}, {"filter", "-list"}} {
		if err := run(t.Context(), append(args, "-own"), &bytes.Buffer{}, &bytes.Buffer{}); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

func TestSeedsDiffer(t *testing.T) {
	if eval.DevSeed == eval.ReportSeed {
		t.Error("one seed for both sets")
	}
}

func TestHeldGoesNotWithFit(t *testing.T) {
	if err := run(t.Context(), []string{"fit", "-held", "-own"}, &bytes.Buffer{}, &bytes.Buffer{}); err == nil {
		t.Error("classes held back were used for fitting")
	}
}

// TestFit: every candidate is shown on both parts of the classes, and what changes nothing
// has equal figures.
func TestFit(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make check runs it")
	}
	var stdout, stderr bytes.Buffer
	args := []string{"fit", "-own", "-per-class", "2", "-set", "swab.factor=1,3"}
	if err := run(t.Context(), args, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	development, held, ok := strings.Cut(stdout.String(), "classes held back")
	if !ok {
		t.Fatalf("nothing is said of the classes held back:\n%s", stdout.String())
	}
	for _, part := range []string{development, held} {
		figures := map[string]string{}
		for line := range strings.Lines(part) {
			for _, name := range []string{"in use", "swab.factor=1", "swab.factor=3"} {
				if rest, ok := strings.CutPrefix(line, name+" "); ok {
					f := strings.Fields(rest)
					figures[name] = strings.Join(f[:4], " ")
				}
			}
		}
		if len(figures) != 3 || figures["in use"] != figures["swab.factor=1"] || figures["in use"] == figures["swab.factor=3"] {
			t.Errorf("%v in\n%s", figures, part)
		}
	}
	if strings.Contains(held, "more errors") || strings.Contains(held, "better") {
		t.Errorf("single classes held back are shown:\n%s", held)
	}
}

// TestFilter: the filters of every n are measured on the same flags, shorter n-grams
// suspect no fewer of them, and what needs real data is said to be left out.
func TestFilter(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make check runs it")
	}
	file := filepath.Join(t.TempDir(), "eval.json")
	var stdout, stderr bytes.Buffer
	if err := run(t.Context(), []string{"filter", "-own", "-per-class", "2", "-json", file}, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all result
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Filters) != 1 || len(all.Filters[0].Suspicions) != 4 {
		t.Fatalf("%+v", all.Filters)
	}
	list := all.Filters[0].Suspicions
	for i, s := range list {
		if s.N != 5+i || s.Flagged.Of < 20 || s.Flagged.Of != list[0].Flagged.Of || s.All.Of <= s.Flagged.Of+s.Absent.Of/2 ||
			s.Flagged.Share < 0.5 || s.Absent.Share > 0.5 || i > 0 && s.Flagged.Count > list[i-1].Flagged.Count {
			t.Errorf("%+v", s)
		}
	}
	if n := strings.Count(stdout.String(), "classes "); n != 4 {
		t.Errorf("%d lines of the table:\n%s", n, stdout.String())
	}
	if !strings.Contains(stderr.String(), "skipped: filters of real items") {
		t.Errorf("what was left out is not said: %s", stderr.String())
	}
}
