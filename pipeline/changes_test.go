package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"swab/ngram/overlap"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
)

// TestChangesAreThoseOfAMap compares the counts, which are taken side by side, with a plain
// reference that has all verdicts of both audits in a map, while benchmarks, methods,
// settings and the corpus change.
func TestChangesAreThoseOfAMap(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := func(i int) string {
		return fmt.Sprintf("the ferry number %d leaves the harbor of town %d at noon with %d crates of pears and returns empty", i, i*7, i+40)
	}
	bench := func(name string, from, to int) string {
		rows := ""
		for i := from; i < to; i++ {
			rows += fmt.Sprintf("{\"question\":%q,\"id\":\"%d\"}\n", text(i), i/2) // ids repeat
		}
		return write(name+".jsonl", rows)
	}
	a, b, c := bench("a", 0, 30), bench("b", 30, 60), bench("c", 60, 90)
	corpus := func(name string, items ...int) string {
		rows := ""
		for _, i := range items {
			rows += fmt.Sprintf("{\"text\":\"Once more: %s, as ever.\"}\n", text(i))
		}
		return write(name+".jsonl", rows)
	}
	one, two := corpus("one", 1, 2, 3, 35, 36, 61), corpus("two", 4, 5, 37, 38, 39, 62, 89)
	presets, err := benchmark.Builtin()
	must(t, err)
	methods := func(settings overlap.Settings, names ...string) []*overlap.Method {
		all, err := overlap.Methods(settings)
		must(t, err)
		return slices.DeleteFunc(all, func(m *overlap.Method) bool { return !slices.Contains(names, m.Name) })
	}
	loose := overlap.Settings{Params: map[string]map[string]string{"coverage8": {"threshold": "0.1"}}}
	out := filepath.Join(dir, "out")
	type key struct {
		method, bench, split string
		index                int64
	}
	read := func() map[key]audit.Change {
		all := map[key]audit.Change{}
		r, err := audit.Open(out)
		must(t, err)
		defer r.Close()
		for v, err := range r.Verdicts(context.Background()) {
			must(t, err)
			all[key{v.Method, v.Benchmark, v.Split, v.Index}] = audit.Change{Method: v.Method, FromState: v.State, FromKind: v.Kind}
		}
		return all
	}
	var before map[key]audit.Change
	for n, step := range []struct {
		corpus  []string
		benches []string
		methods []*overlap.Method
		flag    []string
	}{
		{corpus: []string{one}, benches: []string{a, b, c}, methods: methods(overlap.Settings{}, "swab", "gpt3")},
		{corpus: []string{one, two}, benches: []string{a, b, c}, methods: methods(overlap.Settings{}, "swab", "gpt3")},
		{corpus: []string{two}, benches: []string{b, c}, methods: methods(overlap.Settings{}, "gpt3", "coverage8")},
		{corpus: []string{one}, benches: []string{a, b, c}, methods: methods(loose, "coverage8")},
		{corpus: []string{one}, benches: []string{a, c}, methods: methods(overlap.Settings{}, "swab", "coverage8")},
		{corpus: []string{one}, benches: []string{a, c}, methods: methods(overlap.Settings{}, "swab"), flag: []string{"altered", "fragment"}},
		{corpus: []string{one, two}, benches: []string{c}, methods: methods(overlap.Settings{}, "swab")},
	} {
		o := Options{Corpus: step.corpus, Presets: presets, Methods: step.methods, Out: out, Flag: step.flag, NoReport: true}
		for _, path := range step.benches {
			o.Benchmarks = append(o.Benchmarks, benchmark.Spec{Path: path, Fields: "question=question,id=id"})
		}
		sum, err := Scan(context.Background(), o)
		must(t, err)
		now, want := read(), map[audit.Change]int64{}
		for k, v := range now {
			if old, had := before[k]; had && old != v {
				old.ToState, old.ToKind = v.FromState, v.FromKind
				want[old]++
			}
		}
		got := map[audit.Change]int64{}
		for _, c := range sum.Changed {
			items := c.Items
			c.Items = 0
			got[c] = items
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || sum.Compared != (n > 0) {
			t.Errorf("step %d: %v, want %v", n, got, want)
		}
		if n == 1 && len(want) == 0 {
			t.Error("the second step changes nothing")
		}
		if len(sum.Audit.Changed) > 0 {
			t.Errorf("step %d: the audit depends on the one before: %v", n, sum.Audit.Changed)
		}
		before = now
	}

	// An audit that cannot be read is replaced, with a note.
	verdicts := filepath.Join(out, audit.VerdictsFile)
	must(t, os.WriteFile(verdicts, []byte("other"), 0o644))
	sum, err := Scan(context.Background(), Options{
		Corpus: []string{one}, Presets: presets, Methods: methods(overlap.Settings{}, "swab"), Out: out, NoReport: true,
		Benchmarks: []benchmark.Spec{{Path: c, Fields: "question=question,id=id"}},
	})
	must(t, err)
	if sum.Compared || len(sum.Notices) == 0 {
		t.Errorf("compared %v, notices %q", sum.Compared, sum.Notices)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
