package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// made writes an audit with the given items, as benchmark, split, id; those whose
// number is in flagged are flagged.
func made(t *testing.T, complete bool, flagged []int, state audit.State, items ...[3]string) string {
	t.Helper()
	dir := t.TempDir()
	w, err := audit.Create(dir, false)
	must(t, err)
	about := &audit.Audit{Methods: []audit.Method{{Name: "m1", Version: 1}}, Complete: complete}
	places := map[[2]string]int64{}
	for n, it := range items {
		one := 1.
		v := audit.Verdict{Method: "m1", Benchmark: it[0], Split: it[1], Item: it[2], Index: places[[2]string{it[0], it[1]}], Digest: fmt.Sprintf("%032x", n), State: item.Clean, Score: &one}
		if slices.Contains(flagged, n) {
			v.State = state
		}
		must(t, w.Verdict(&v))
		places[[2]string{it[0], it[1]}]++
		k := slices.IndexFunc(about.Benchmarks, func(b audit.Benchmark) bool { return b.Name == it[0] })
		if k < 0 {
			k = len(about.Benchmarks)
			about.Benchmarks = append(about.Benchmarks, audit.Benchmark{Name: it[0], Preset: it[0]})
		}
		about.Benchmarks[k].Items++
	}
	must(t, w.Close())
	must(t, audit.Seal(dir, about))
	return dir
}

// tree gives all files below a directory with their contents.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		b, err := os.ReadFile(path)
		out[filepath.ToSlash(rel)] = string(b)
		return err
	}))
	return out
}

func TestForms(t *testing.T) {
	audit := made(t, true, []int{1, 5}, item.Flagged,
		[3]string{"ferries", "test", "F/0"}, [3]string{"ferries", "test", "F/1"}, [3]string{"ferries", "test", "F/2"},
		[3]string{"mmlu", "a/tides_test", "0"}, [3]string{"mmlu", "gulls_test", "0"}, [3]string{"mmlu", "gulls_test", "1"}, [3]string{"mmlu", "gulls_test", "2"})
	for form, want := range map[string]map[string]string{
		"lm-eval": {"ferries.json": `{"ferries":[0,2]}` + "\n", "mmlu.json": `{"mmlu_gulls":[0,2],"mmlu_tides":[0]}` + "\n"},
		"ids":     {"ferries/test.txt": "F/0\nF/2\n", "mmlu/a%2Ftides_test.txt": "0\n", "mmlu/gulls_test.txt": "0\n2\n"},
		"inspect": {"ferries/test.txt": "F/0,F/2\n", "mmlu/a%2Ftides_test.txt": "1\n", "mmlu/gulls_test.txt": "1,3\n"},
	} {
		var first map[string]string
		for range 2 {
			out := filepath.Join(t.TempDir(), "out")
			sum, err := Write(t.Context(), Options{Audit: audit, For: form, Out: out, Version: "v"})
			must(t, err)
			got := tree(t, out)
			var about Summary
			must(t, json.Unmarshal([]byte(got["export.json"]), &about))
			if about.Format != "swab export" || about.Method != "m1" || len(about.Splits) != 3 || about.Splits[0].Kept != 2 || about.Splits[0].Flagged != 1 || len(sum.Splits) != 3 {
				t.Errorf("%s: %+v", form, about)
			}
			if first == nil {
				first = got
			}
			for name, text := range got {
				if first[name] != text || name != "export.json" && want[name] != text {
					t.Errorf("%s: %s is %q, want %q", form, name, text, want[name])
				}
			}
			if len(got) != len(want)+1 {
				t.Errorf("%s: %d files", form, len(got))
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), ".swab*")); left != nil {
				t.Errorf("%s: left behind: %v", form, left)
			}
		}
	}
}

// What would give another set of items than the clean one is refused, and nothing stands
// in OUT.
func TestRefused(t *testing.T) {
	two := [][3]string{{"b", "s", "x"}, {"b", "s", "y"}}
	items := func(more ...[3]string) [][3]string { return append(slices.Clone(two), more...) }
	tests := []struct {
		name  string
		audit string
		o     Options
		is    error
		says  string
	}{
		{"incomplete", made(t, false, nil, item.Flagged, two...), Options{For: "ids"}, ErrIncomplete, ""},
		{"nothing left", made(t, true, []int{0, 1}, item.Flagged, two...), Options{For: "lm-eval"}, ErrEmpty, "--skip-empty"},
		{"suspected", made(t, true, []int{0}, item.Suspected, two...), Options{For: "ids"}, nil, "--trace"},
		{"no such method", made(t, true, nil, item.Flagged, two...), Options{For: "ids", Method: "m2"}, nil, "m1"},
		{"no such form", made(t, true, nil, item.Flagged, two...), Options{For: "paper"}, nil, "evals, lm-eval, inspect, lighteval"},
		{"no such benchmark", made(t, true, nil, item.Flagged, two...), Options{For: "ids", Benchmarks: []string{"c"}}, nil, `"c"`},
		{"no such task", made(t, true, nil, item.Flagged, two...), Options{For: "lm-eval", Tasks: map[string]string{"c": "d"}}, nil, "c"},
		{"a flagged twin", made(t, true, []int{2}, item.Flagged, items([3]string{"b", "s", "x"})...), Options{For: "ids"}, nil, "flagged item has the id"},
		{"a kept twin", made(t, true, nil, item.Flagged, items([3]string{"b", "s", "x"})...), Options{For: "inspect"}, nil, "two items have the id"},
		{"an id of two lines", made(t, true, nil, item.Flagged, items([3]string{"b", "s", "z\nx"})...), Options{For: "ids"}, nil, "line of text"},
		{"an id with a comma", made(t, true, nil, item.Flagged, items([3]string{"b", "s", "p,q"})...), Options{For: "inspect"}, nil, "cannot name"},
		{"an id that is a pattern", made(t, true, nil, item.Flagged, items([3]string{"b", "s", "p*"})...), Options{For: "inspect"}, nil, "cannot name"},
		{"two splits of a task", made(t, true, nil, item.Flagged, items([3]string{"b", "train", "0"})...), Options{For: "lm-eval"}, nil, "--task b/train=TASK"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			tt.o.Audit, tt.o.Out = tt.audit, out
			_, err := Write(t.Context(), tt.o)
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v", err)
			}
			if left, _ := os.ReadDir(filepath.Dir(out)); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	// What stands in OUT is not touched.
	audit, out := made(t, true, nil, item.Flagged, two...), t.TempDir()
	if _, err := Write(t.Context(), Options{Audit: audit, For: "ids", Out: out}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an output that exists: %v", err)
	}
	sum, err := Write(t.Context(), Options{Audit: made(t, false, []int{0, 1}, item.Flagged, items([3]string{"c", "s", "z"})...), For: "lm-eval", Out: filepath.Join(out, "o"), AllowIncomplete: true, SkipEmpty: true})
	must(t, err)
	if got := tree(t, filepath.Join(out, "o")); len(got) != 2 || got["c.json"] != `{"c":[0]}`+"\n" || sum.Complete || sum.Splits[0].File != "" {
		t.Errorf("%v", got)
	}
}

// Names of splits that look like paths are files in the directory of their benchmark.
func TestHostileNames(t *testing.T) {
	names := []string{"../../x", "..", ".", "/etc/passwd", "a/b", "a%2Fb", "a\x1b[31m", "C:x", ".hid", "x.", "a..b", "a.b", "é", "\u202egpj"}
	var items [][3]string
	for _, n := range names {
		items = append(items, [3]string{"b", n, "../" + strings.ReplaceAll(n, "\x1b", "")})
	}
	root := t.TempDir()
	out := filepath.Join(root, "deep", "out")
	must(t, os.Mkdir(filepath.Dir(out), 0o777))
	sum, err := Write(t.Context(), Options{Audit: made(t, true, nil, item.Flagged, items...), For: "ids", Out: out})
	must(t, err)
	got := tree(t, root)
	if len(got) != len(names)+1 {
		t.Errorf("%d files of %d names: %v", len(got), len(names), got)
	}
	for _, s := range sum.Splits {
		if filepath.Dir(s.File) != "b" || strings.ContainsAny(s.File[2:], "/\\:\x1b") || strings.HasPrefix(s.File[2:], ".") {
			t.Errorf("%q is written to %q", s.Split, s.File)
		}
		if _, ok := got["deep/out/"+s.File]; !ok {
			t.Errorf("%q is not there", s.File)
		}
	}
}

// fileName gives different texts different names.
func TestFileName(t *testing.T) {
	seen := map[string]string{}
	var walk func(s string)
	walk = func(s string) {
		n := fileName(s)
		if other, ok := seen[n]; ok {
			t.Fatalf("%q and %q are both %q", s, other, n)
		}
		seen[n] = s
		if len(s) < 5 {
			for _, c := range []string{"a", ".", "/", "%", "2", "F", "E"} {
				walk(s + c)
			}
		}
	}
	walk("")
}

// A benchmark that a harness cannot name does not stop the others, and is named; if none can, it is
// an error.
func TestOneOfSeveral(t *testing.T) {
	dir := made(t, true, []int{0}, item.Flagged, [3]string{"boats", "test", "b-1"}, [3]string{"boats", "test", "b-2"},
		[3]string{"gulls", "test", "g,1"}, [3]string{"gulls", "test", "g,2"})
	out := filepath.Join(t.TempDir(), "out")
	sum, err := Write(t.Context(), Options{Audit: dir, For: "inspect", Out: out})
	must(t, err)
	if sum.Splits[0].Error != "" || !strings.Contains(sum.Splits[1].Error, "cannot name the id") || sum.Splits[1].File != "" {
		t.Errorf("%+v", sum.Splits)
	}
	if files := tree(t, out); len(files) != 2 || files["boats/test.txt"] != "b-2\n" {
		t.Errorf("%v", files)
	}
	out = filepath.Join(t.TempDir(), "out")
	if _, err := Write(t.Context(), Options{Audit: dir, For: "inspect", Out: out, Benchmarks: []string{"gulls"}}); err == nil {
		t.Error("nothing is exported, without an error")
	}
}

// Numbers that are labels of choices are letters, from 0 or from 1 as the benchmark shows.
func TestLabels(t *testing.T) {
	question := func(answer string) *benchmark.Item {
		return &benchmark.Item{Text: [item.NumParts]string{
			item.Question: "Which?", item.Choices: "a boat\na gull\na mast\na rope", item.Answer: answer,
		}}
	}
	for _, tt := range []struct {
		others []string
		answer string
		want   string
	}{{[]string{"0", "3"}, "2", "C"}, {[]string{"1", "4"}, "2", "B"}, {[]string{"1", "3"}, "2", ""}, {[]string{"0", "4"}, "2", ""}, {nil, "D", "D"}, {nil, "a mast", "C"}} {
		var labels labelRange
		for _, o := range tt.others {
			labels.add(question(o), 4)
		}
		q, err := labels.read(question(tt.answer), strings.Split(question(tt.answer).Text[item.Choices], "\n"))
		if (err == nil) != (tt.want != "") || err == nil && q.letter() != tt.want {
			t.Errorf("%s among %v: %+v %v", tt.answer, tt.others, q, err)
		}
	}
}
