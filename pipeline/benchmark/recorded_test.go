package benchmark

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"swab/pipeline/internal/realdata"
)

// sameAgain holds the items that Recorded gives of each file, from nothing but what an
// audit keeps, against those of Open.
func sameAgain(t *testing.T, spec Spec) {
	t.Helper()
	presets, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(spec, presets)
	if err != nil {
		t.Fatal(err)
	}
	type item struct{ split, id, digest string }
	var want, got []item
	for it, err := range b.Items(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, item{it.Split, it.ID, it.Digest})
	}
	for _, f := range b.Files {
		if f.Items == 0 {
			continue
		}
		again, err := Recorded(context.Background(), b.Name, f.Path, f.Split, f.Reading)
		if err != nil {
			t.Fatal(err)
		}
		for it, err := range again.Items(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, item{it.Split, it.ID, it.Digest})
		}
		if again.Files[0].Digest != f.Digest {
			t.Errorf("%s: another digest", f.Path)
		}
	}
	if len(want) == 0 || len(got) != len(want) {
		t.Fatalf("%s: %d items, want %d", spec.Path, len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s: item %d is %v, want %v", spec.Path, i, got[i], want[i])
		}
	}
}

func TestRecorded(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"header.csv":       "question,a,key\n\"Who, then?\",nobody,A\nWhere?,\"here \"\"now\"\"\",B\n",
		"bare.csv":         "Who?,nobody,A\nWhere?,here,B\n",
		"quotes.tsv":       "\"Who\" asks?\tnobody\nWhere?\there\n",
		"list.json":        `[{"question":"Who?","id":"a"},{"question":"Where?","id":"b"}]`,
		"nested/one.jsonl": `{"question":"Who?","id":"a"}` + "\n",
		"nested/two.json":  `{"question":"Where?","id":"b"}` + "\n",
		"mixed/a.jsonl":    `{"question":"Who?","choices":["x","y"],"answer":"A"}` + "\n",
		"mixed/b.csv":      "question,A,B,C,D,answer\nWho?,w,x,y,z,A\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, spec := range []Spec{
		{Path: "header.csv", Fields: "question=question,choices=a,answer=key"},
		{Path: "bare.csv", Fields: "question=0,choices=1,answer=2"},
		{Path: "bare.csv", Fields: "question=0,answer=2", Header: "yes"},
		{Path: "quotes.tsv", Fields: "question=0,answer=1", Header: "no"},
		{Path: "list.json", Fields: "question=question,id=id"},
		{Path: "nested", Fields: "question=question,id=id"},
		{Path: "mixed"},
	} {
		spec.Path = filepath.Join(dir, spec.Path)
		sameAgain(t, spec)
	}
	for _, spec := range []Spec{{Path: "../../testdata/bench/riverton.jsonl"}, {Path: "../../testdata/bench/crafts.csv"}} {
		sameAgain(t, spec)
	}
	yes := true
	for _, how := range []Reading{{}, {Fields: "question=a"}, {Fields: "question=a", Header: &yes}, {Fields: "question", Header: &yes, Quotes: &yes}} {
		if _, err := Recorded(context.Background(), "x", filepath.Join(dir, "bare.csv"), "bare", how); err == nil || !strings.Contains(err.Error(), "benchmark x") {
			t.Errorf("%+v: %v", how, err)
		}
	}
}

func TestRecordedReal(t *testing.T) {
	data := realdata.Dir(t)
	for _, name := range []string{"gsm8k/test.jsonl", "mmlu/test", "agieval", "aqua", "svamp/SVAMP.json", "mgsm", "ifeval/input_data.jsonl", "cruxeval/cruxeval.jsonl", "mbpp/mbpp.jsonl", "humaneval/HumanEval.jsonl.gz"} {
		path := filepath.Join(data, "benchmarks", name)
		sameAgain(t, Spec{Path: path})
	}
}
