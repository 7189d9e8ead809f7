package benchmark

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"swab/pipeline/shard"
)

// writeTree makes files of one item each below a new directory.
func writeTree(t *testing.T, names ...string) string {
	root := t.TempDir()
	for _, name := range names {
		write(t, filepath.Join(root, name), `{"question":"Which mill ground the rye of `+name+`?","answer":"a\n#### 1"}`+"\n")
	}
	return root
}

// TestHubDirectories: a cache of the hub, one of the datasets library and a clone have the
// benchmark's name, never a revision's, and are known by their id.
func TestHubDirectories(t *testing.T) {
	const revision = "0123456789abcdef0123456789abcdef01234567"
	for _, c := range []struct{ file, open, name, preset string }{
		{"datasets--openai--gsm8k/snapshots/" + revision + "/main/test-00000-of-00001.jsonl", "datasets--openai--gsm8k/snapshots/" + revision, "gsm8k", "gsm8k"},
		{"datasets--openai--gsm8k/snapshots/" + revision + "/main/test-00000-of-00001.jsonl", "datasets--openai--gsm8k/snapshots/" + revision + "/main/test-00000-of-00001.jsonl", "gsm8k", "gsm8k"},
		{"datasets--openai--gsm8k/snapshots/" + revision + "/main/test-00000-of-00001.jsonl", "datasets--openai--gsm8k/snapshots/*/main", "gsm8k", "gsm8k"},
		{"datasets--me--my.quiz/snapshots/" + revision + "/test.jsonl", "datasets--me--my.quiz", "my.quiz", "gsm8k"},
		{"openai___gsm8k/main/0.0.0/" + revision + "/gsm8k-test.jsonl", "openai___gsm8k", "gsm8k", "gsm8k"},
		{"openai/gsm8k/main/test-00000-of-00001.jsonl", "openai/gsm8k/main", "gsm8k", "gsm8k"},
		{"openai/gsm8k/main/test/0000.jsonl", "openai/gsm8k", "gsm8k", "gsm8k"},
	} {
		root := writeTree(t, c.file)
		b, err := Open(Spec{Path: filepath.Join(root, c.open)}, presets(t))
		if err != nil || b.Name != c.name || b.Preset != c.preset {
			t.Errorf("%s: %+v, %v", c.open, b, err)
		}
	}
}

// TestSelectors: what of a directory is read, by itself, by selectors and by globs.
func TestSelectors(t *testing.T) {
	hub := []string{
		"main/test-00000-of-00002.jsonl", "main/test-00001-of-00002.jsonl", "main/train-00000-of-00001.jsonl",
		"socratic/test-00000-of-00001.jsonl", "socratic/train-00000-of-00001.jsonl",
	}
	subjects := []string{
		"all/test-00000-of-00001.jsonl", "all/validation-00000-of-00001.jsonl", "anatomy/test-00000-of-00001.jsonl",
		"anatomy/validation-00000-of-00001.jsonl", "auxiliary_train/train-00000-of-00001.jsonl",
	}
	plain := []string{"train.jsonl", "test.jsonl", "test_socratic.jsonl"}
	for _, c := range []struct {
		files []string
		path  string
		want  string // splits, or part of the error behind "error "
		left  int
	}{
		{hub, "", "main/test-00000-of-00002 main/test-00001-of-00002 socratic/test-00000-of-00001", 2},
		{hub, ":main", "main/test-00000-of-00002 main/test-00001-of-00002 main/train-00000-of-00001", 0},
		{hub, ":main:test", "main/test-00000-of-00002 main/test-00001-of-00002", 0},
		{hub, ":train", "main/train-00000-of-00001 socratic/train-00000-of-00001", 0},
		{hub, ":MAIN:Train", "main/train-00000-of-00001", 0},
		{hub, ":nought", "error no split or directory is named \"nought\"; there are main/test, main/train, socratic/test, socratic/train", 0},
		{hub, "/*/test-*.jsonl", "main/test-00000-of-00002 main/test-00001-of-00002 socratic/test-00000-of-00001", 0},
		{hub, "/main/t*:test", "test-00000-of-00002 test-00001-of-00002", 0},
		{hub, "/**/train-*", "main/train-00000-of-00001 socratic/train-00000-of-00001", 0},
		{hub, "/**/nought*", "error no files", 0},
		{subjects, "", "all/test-00000-of-00001 all/validation-00000-of-00001", 3},
		{subjects, ":anatomy:test", "anatomy/test-00000-of-00001", 0},
		{subjects, ":auxiliary_train", "auxiliary_train/train-00000-of-00001", 0},
		{[]string{"data/train-00000-of-00001.jsonl"}, "", "data/train-00000-of-00001", 0},
		{[]string{"a/train-00000-of-00001.jsonl", "b/test-00000-of-00001.jsonl"}, "", "a/train-00000-of-00001 b/test-00000-of-00001", 0},
		{plain, "", "test test_socratic train", 0},
		{plain, ":test", "test", 0},
		{plain, ":socratic", "test_socratic", 0},
		{plain, "/test.jsonl:test", "test", 0},
		{plain, "/test.jsonl:train", "error no split", 0},
		{plain, "/none.jsonl:train", "error no such file", 0},
	} {
		root := writeTree(t, c.files...)
		b, err := Open(Spec{Path: root + c.path}, presets(t))
		if want, isError := strings.CutPrefix(c.want, "error "); isError {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v %s: %v", c.files, c.path, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v %s: %v", c.files, c.path, err)
			continue
		}
		var got []string
		for _, f := range b.Files {
			got = append(got, f.Split)
		}
		if want := strings.Fields(c.want); !slices.Equal(got, want) || len(b.Skipped) != c.left {
			t.Errorf("%v %s: %q, left out %v", c.files, c.path, got, b.Skipped)
		}
		if warned := len(b.Warnings) > 0; warned != (c.path == "" && slices.Equal(c.files, plain)) {
			t.Errorf("%v %s: warnings %q", c.files, c.path, b.Warnings)
		}
	}

	// A file whose name has a colon is that file.
	root := writeTree(t, "test", "a:test.jsonl")
	if err := os.Rename(filepath.Join(root, "test"), filepath.Join(root, "b:test")); err != nil {
		t.Fatal(err)
	}
	if b, err := Open(Spec{Name: "quiz", Path: filepath.Join(root, "a:test.jsonl")}, presets(t)); err != nil || b.Files[0].Split != "a:test" {
		t.Error(b, err)
	}
}

// TestPromisedParts: what the fields promise and no item has is an error where it is the
// question, else a warning.
func TestPromisedParts(t *testing.T) {
	for _, c := range []struct{ records, fields, want string }{
		{`{"q":"a","c":[],"x":"k"}|{"q":"b","c":null,"x":"k"}`, "question=q,choices=c,answer=x", "choices: none of 2 items has one"},
		{`{"q":"a","c":[],"x":"k"}|{"q":"b","c":["y"],"x":"k"}`, "question=q,choices=c,answer=x", ""},
		{`{"q":"a","c":[]}|{"q":"b","c":null}`, "question=q,choices=c?", ""},
		{`{"q":"","c":["y"]}|{"q":" ","c":["z"]}`, "question=q,choices=c", "error question: none of 2 items has one"},
		{`{"q":"","c":["y"]}|{"q":"b","c":["z"]}`, "question=q,choices=c", "question: 1 of 2 items have none"},
		{`{"q":"","c":["y"]}|{"c":["z"]}`, "question=q?,choices=c", ""},
		{`{"q":"a"}|{"q":"a"}|{"q":"b"}|{"q":"a"}`, "question=q", "copies: 2 items with the texts of an item before, first quiz/1"},
	} {
		path := write(t, filepath.Join(t.TempDir(), "quiz.jsonl"), strings.ReplaceAll(c.records, "|", "\n"))
		b, err := Open(Spec{Path: path, Fields: c.fields}, presets(t))
		if err == nil {
			_, err = items(b)
		}
		if want, isError := strings.CutPrefix(c.want, "error "); isError {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", c.records, err)
			}
		} else if err != nil || strings.Join(b.Warnings, "; ") != c.want {
			t.Errorf("%s: %q, %v, want %q", c.records, b.Warnings, err, c.want)
		}
	}
	if got := count(12032, "item") + " " + count(1, "item") + " " + count(1234567, "item"); got != "12,032 items 1 item 1,234,567 items" {
		t.Error(got)
	}
}

// TestSubjects: some of the subjects of a benchmark are no wrong number of records.
func TestSubjects(t *testing.T) {
	record := `{"question":"q","subject":"s","choices":["a","b"],"answer":1}` + "\n"
	root := filepath.Join(t.TempDir(), "mmlu")
	write(t, filepath.Join(root, "anatomy/test-00000-of-00001.jsonl"), record)
	b, err := Open(Spec{Path: root}, presets(t))
	if mustItems(t, b, err); len(b.Warnings) > 0 {
		t.Errorf("%q", b.Warnings)
	}
	write(t, filepath.Join(root, "botany/test-00000-of-00001.jsonl"), strings.Repeat(record, 14042))
	b, err = Open(Spec{Path: root}, presets(t))
	mustItems(t, b, err)
	if want := "test of all directories: it has 14043 records, but this split of mmlu has 14042"; !slices.Contains(b.Warnings, want) {
		t.Errorf("%q", b.Warnings)
	}
}

// TestSnapshot: a directory of the hub's cache is read at one commit, and its splits have no commit in
// their names.
func TestSnapshot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "datasets--openai--gsm8k")
	const record = `{"question":"How many sacks does the barge carry?","answer":"12\n#### 12"}` + "\n"
	old, last := strings.Repeat("0", 40), strings.Repeat("1", 40)
	write(t, filepath.Join(dir, "snapshots", old, "main", "test.jsonl"), record)
	if b, err := Open(Spec{Path: dir}, presets(t)); err != nil || b.Files[0].Split != "main/test" {
		t.Errorf("%+v, %v", b, err)
	}
	write(t, filepath.Join(dir, "snapshots", last, "main", "test.jsonl"), record)
	if _, err := Open(Spec{Path: dir}, presets(t)); err == nil || !strings.Contains(err.Error(), old) {
		t.Errorf("two commits: %v", err)
	}
	if b, err := Open(Spec{Path: filepath.Join(dir, "snapshots", old)}, presets(t)); err != nil || b.Name != "gsm8k" {
		t.Errorf("%+v, %v", b, err)
	}
	write(t, filepath.Join(dir, "refs", "main"), last)
	b, err := Open(Spec{Path: dir + ":test"}, presets(t))
	if err != nil || len(b.Files) != 1 || !strings.Contains(b.Files[0].Path, last) {
		t.Errorf("%+v, %v", b, err)
	}
}

// TestCardConfigurations: in a directory of the hub, a configuration and a split are those of its README.md,
// and a file of none of them is left out, unless it is named.
func TestCardConfigurations(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "datasets--TAUR-Lab--MuSR")
	const record = `{"narrative":"Nine boards lay in the shed.","question":"Who planed them?","choices":"['Ada', 'Ben']",` +
		`"answer_index":0,"answer_choice":"Ada"}` + "\n"
	write(t, filepath.Join(dir, "README.md"), "---\nconfigs:\n- config_name: default\n  data_files:\n"+
		"  - split: murder_mysteries\n    path: murder_mystery.jsonl\n  - split: team_allocation\n    path: teams/*\n---\n")
	write(t, filepath.Join(dir, "murder_mystery.jsonl"), record)
	write(t, filepath.Join(dir, "teams", "a.jsonl"), record+record)
	write(t, filepath.Join(dir, "models.jsonl"), `{"model":"none","score":1}`+"\n")
	for words, want := range map[string]int{"": 3, ":murder_mysteries": 1, ":default:team_allocation": 2, ":default": 3, ":teams": 2} {
		b, err := Open(Spec{Path: dir + words}, presets(t))
		if err != nil {
			t.Errorf("%q: %v", words, err)
			continue
		}
		if all, err := items(b); err != nil || len(all) != want || b.Preset != "musr" {
			t.Errorf("%q: %d items by %s, %v", words, len(all), b.Preset, err)
		}
		if words == "" && !slices.ContainsFunc(b.Skipped, func(s shard.Skipped) bool { return filepath.Base(s.Path) == "models.jsonl" }) {
			t.Errorf("left out: %v", b.Skipped)
		}
	}
	write(t, filepath.Join(dir, "teams", "b.jsonl"), `{"model":"none","score":1}`+"\n")
	if _, err := Open(Spec{Path: dir}, presets(t)); err == nil || !strings.Contains(err.Error(), "b.jsonl") {
		t.Errorf("a file of a configuration with other fields: %v", err)
	}
}

// TestOriginalsBesideData: what a data set of the hub has beside its numbered shards is no second copy of it.
func TestOriginalsBesideData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "datasets--ChilleD--StrategyQA", "snapshots", strings.Repeat("0", 40))
	const record = `{"qid":"a","term":"oak","question":"Can a plane cut oak?","answer":true,"facts":["A plane has a blade."]}` + "\n"
	write(t, filepath.Join(dir, "test.json"), record)
	write(t, filepath.Join(dir, "notes.csv"), "model,score\nnone,1\n")
	write(t, filepath.Join(dir, "data", "test-00000-of-00001-0123456789abcdef.jsonl"), record)
	for path, want := range map[string]string{
		dir:                                  "data/test-00000-of-00001-0123456789abcdef",
		dir + ":test":                        "",
		filepath.Join(dir, "test.json"):      "test",
		filepath.Join(dir, "data") + "/*.j*": "test-00000-of-00001-0123456789abcdef",
	} {
		b, err := Open(Spec{Path: path}, presets(t))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if want != "" && (len(b.Files) != 1 || b.Files[0].Split != want) {
			t.Errorf("%s: %v", path, b.Files)
		}
	}
}
