package benchmark

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"swab/ngram/item"
)

// A fixture is two records in the columns that a preset's benchmark is published in, with
// texts of ours, and what they are to be read as: context, question, choices, answer, id.
type fixture struct {
	Preset, Hub, File string
	Named, Media      bool
	Records           []json.RawMessage
	Want              [][5]string
}

func fixtures(t *testing.T) (all []fixture) {
	data, err := os.ReadFile("testdata/presets.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		var f fixture
		if err := json.Unmarshal(s.Bytes(), &f); err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

// read opens a file with the records of f and compares its items.
func (f *fixture) read(t *testing.T, name string, spec Spec) *Benchmark {
	var data []byte
	for _, r := range f.Records {
		data = append(append(data, r...), '\n')
	}
	path := filepath.Join(t.TempDir(), name)
	write(t, path, string(data))
	if spec.Path = path; filepath.Dir(name) != "." {
		spec.Path = strings.TrimSuffix(path, f.File)
	}
	b, err := Open(spec, presets(t))
	if err != nil {
		t.Errorf("%s as %s: %v", f.Preset, name, err)
		return nil
	}
	all, err := items(b)
	if f.Media && b.Media != len(f.Want) {
		t.Errorf("%s as %s: %d items with media", f.Preset, name, b.Media)
	}
	if err != nil || len(all) != len(f.Want) {
		t.Errorf("%s as %s: %d items, %v", f.Preset, name, len(all), err)
		return nil
	}
	for i, it := range all {
		got := [5]string{it.Text[item.Context], it.Text[item.Question], it.Text[item.Choices], it.Text[item.Answer], it.ID}
		if b.Guessed { // another preset's id, or none
			got[4] = f.Want[i][4]
		}
		if got != f.Want[i] {
			t.Errorf("%s as %s by %s %s: item %d\n got %q\nwant %q", f.Preset, name, b.Preset, b.Mapping, i, got, f.Want[i])
		}
	}
	return b
}

// logged returns the fixture as lm-eval logs it beside a model's answers.
func (f fixture) logged() *fixture {
	f.Records = slices.Clone(f.Records)
	for i, r := range f.Records {
		f.Records[i] = json.RawMessage(`{"doc_id":3,"doc":` + string(r) + `,"target":"B","arguments":[["a","b"]],"resps":[["B"]]}`)
	}
	return &f
}

// TestPresetFixtures: each preset reads the columns of its benchmark whole, found by the hub's
// id, by its name, and, where the columns are its own, by them alone.
func TestPresetFixtures(t *testing.T) {
	read := map[string]bool{}
	for _, f := range fixtures(t) {
		read[f.Preset] = true
		if f.Hub != "" {
			owner, name, _ := strings.Cut(f.Hub, "/")
			b := f.read(t, filepath.Join("datasets--"+owner+"--"+name, "snapshots", strings.Repeat("0", 40), f.File), Spec{})
			if b != nil && (b.Preset != f.Preset || b.Guessed || b.Name != strings.ToLower(name)) {
				t.Errorf("%s: found as %s (guessed %t), named %s", f.Hub, b.Preset, b.Guessed, b.Name)
			}
		}
		if b := f.read(t, "data.jsonl", Spec{Name: f.Preset}); b != nil && (b.Preset != f.Preset || b.Guessed) {
			t.Errorf("%s: found by name as %s", f.Preset, b.Preset)
		}
		if !f.Named {
			f.read(t, "data.jsonl", Spec{Name: "quiz"})
		}
		if f.Preset == "gsm-plus" || f.Preset == "mmlu-pro" || f.Preset == "mathvista" {
			f.logged().read(t, "samples_"+f.Preset+"_2026-05-01T10-00-00.000000.jsonl", Spec{})
		}
	}
	older := []string{
		"agieval", "aqua", "arc", "boolq", "cruxeval", "drop", "gsm8k", "hellaswag", "humaneval", "ifeval", "mbpp", "mgsm",
		"mmlu", "piqa", "squad", "squad_v2", "svamp", "truthfulqa", "winogrande",
	} // in TestHubLayouts
	p, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	list := p.List()
	for _, q := range list {
		if !read[q.Name] && !slices.Contains(older, q.Name) {
			t.Errorf("%s has no fixture", q.Name)
		}
	}
	if n := len(list); n < 150 {
		t.Errorf("%d presets", n)
	}
}
