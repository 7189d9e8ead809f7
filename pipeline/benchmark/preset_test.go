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

// TestCommonColumns: a table of columns that many benchmarks have is no other benchmark's by them alone.
func TestCommonColumns(t *testing.T) {
	name := write(t, filepath.Join(t.TempDir(), "crafts.csv"),
		"question,A,B,C,D,answer\nWhich tool planes a board?,a plane,a saw,an awl,a rasp,A\n")
	b, err := Open(Spec{Path: name}, presets(t))
	if err != nil {
		t.Fatal(err)
	}
	if b.Preset != "plain" || b.Name != "crafts" {
		t.Errorf("%s is read as %s", b.Name, b.Preset)
	}
}

// TestIgnoredFiles: a file without items, between the others, changes nothing for them.
func TestIgnoredFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gpqa")
	const record = `{"Question":"Which tool planes a board?","Correct Answer":"a plane","Incorrect Answer 1":"a saw",` +
		`"Incorrect Answer 2":"an awl","Incorrect Answer 3":"a rasp"}` + "\n"
	write(t, filepath.Join(dir, "gpqa_diamond.jsonl"), record)
	write(t, filepath.Join(dir, "gpqa_experts.jsonl"), `{"name":"nobody"}`+"\n")
	write(t, filepath.Join(dir, "gpqa_main.jsonl"), record)
	b, err := Open(Spec{Path: dir}, presets(t))
	if err != nil {
		t.Fatal(err)
	}
	if all, err := items(b); err != nil || len(all) != 2 || all[1].Split != "gpqa_main" || len(b.Skipped) != 1 {
		t.Errorf("%d items, %v; left out %v", len(all), err, b.Skipped)
	}
}

// TestUnread: the fields of texts that a guess leaves out are named.
func TestUnread(t *testing.T) {
	name := write(t, filepath.Join(t.TempDir(), "crafts.jsonl"), `{"question":"Which tool planes a board?","answer":"a plane",`+
		`"hint":"It has a blade of steel.","level":"one","tags":["wood work and","planing"],"id":7}`+"\n")
	b, err := Open(Spec{Path: name}, presets(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(b.Unread, ","); got != "hint,tags" {
		t.Errorf("%s leaves out %q", b.Preset, got)
	}
}

// TestReadByParts: a benchmark that is named is read without the columns that only tell layouts apart.
func TestReadByParts(t *testing.T) {
	dir := t.TempDir()
	// KMMLU has a column Category and MATH-500 an id; both are left out here.
	for name, record := range map[string]string{
		"kmmlu":    `{"question":"Which tool planes a board?","A":"a plane","B":"a saw","C":"an awl","D":"a rasp","answer":1}`,
		"math-500": `{"problem":"What is 2+3 in the tower?","solution":"It is 5.","answer":"5"}`,
	} {
		b, err := Open(Spec{Name: name, Path: write(t, filepath.Join(dir, name+".jsonl"), record+"\n")}, presets(t))
		if err != nil {
			t.Error(err)
		} else if all, err := items(b); err != nil || len(all) != 1 || b.Preset != name || all[0].ID != "0" {
			t.Errorf("%s: %v, %v, by %s", name, all, err, b.Preset)
		}
	}
	if b, err := Open(Spec{Name: "mmlu-pro", Path: write(t, filepath.Join(dir, "a.jsonl"),
		`{"question":"Which tool planes a board?","answer":"A"}`+"\n")}, presets(t)); err == nil && b.Preset == "mmlu-pro" {
		t.Error("a record without options is read as mmlu-pro")
	}
}

// TestPresetSources: no number of records is claimed that no public source counts, and the columns of
// four in five presets were compared with a public source.
func TestPresetSources(t *testing.T) {
	checked, hub := 0, 0
	for _, q := range presets(t).List() {
		if len(q.Rows) > 0 && q.Counted == "" {
			t.Errorf("%s: rows without a source", q.Name)
		}
		if len(q.Hub) > 0 {
			hub++
			if q.Checked != "" {
				checked++
			} else {
				t.Logf("columns compared with none: %s", q.Name)
			}
		}
	}
	t.Logf("columns of %d of %d presets of the hub were compared with a public source", checked, hub)
	if 10*checked < 8*hub {
		t.Errorf("columns of only %d of %d presets were compared with a public source", checked, hub)
	}
}
