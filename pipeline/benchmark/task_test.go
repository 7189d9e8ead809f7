package benchmark

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"swab/ngram/item"
)

// TestTaskFiles: a task file of lm-eval with local data is a benchmark: its templates say which fields
// are which part.
func TestTaskFiles(t *testing.T) {
	const records = `{"passage":"The mill stood by the weir.","question":"Where was the mill?","choices":["by the weir","on the hill"],` +
		`"options":{"text":["here","there"]},"a":"one","b":"two","answer":0,"gold":"by the weir"}` + "\n"
	for _, c := range []struct{ name, task, want string }{
		{"names", "doc_to_text: question\ndoc_to_choice: choices\ndoc_to_target: gold\n", "question=question,choices=choices,answer=gold?"},
		{"jinja", `doc_to_text: "{{passage}}\nQuestion: {{question.strip()}}?\nA. {{choices[0]}}\nAnswer:"
doc_to_choice: "{{choices}}"
doc_to_target: "{{gold | trim}}"
`, "passage=passage,question=question,choices=choices,answer=gold?"},
		{"lists", `doc_to_text: "{{doc.question}}"
doc_to_choice: "{{[a, b]}}"
doc_to_target: answer
`, "question=question,choices=a+b,answer=answer?"},
		{"letters", `doc_to_text: "{{question}} {{options.text[0]}} {{options['text'][1]}}"
doc_to_choice: ["A", "B"]
doc_to_target: 0
`, "question=question,choices=options.text.0+options.text.1"},
		{"sums", `doc_to_text: '{{question+"\nAnswer, in short: "}}'
doc_to_choice: '{{[a+", right? Yes, "+b, a+", right? No, "+b]}}'
doc_to_target: "{{choices.index(gold)}}"
`, "question=question,choices=a+b,answer=choices?"},
		{"pairs", "doc_to_text: ''\ndoc_to_choice: '{{[a, b]}}'\ndoc_to_target: 0\n", "choices=a+b"},
		{"each", `doc_to_text: "{{passage}}"
doc_to_choice: ["{{a}}", "{{b}}"]
doc_to_target: "{{['A', 'B'][answer]}}"
`, "question=passage,choices=a+b"},
		{"included", "include: base.yaml\ndoc_to_target: gold\n", "question=question,choices=choices,answer=gold?"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "data", "test.jsonl"), records)
		write(t, filepath.Join(dir, "base.yaml"), "dataset_path: json\ndoc_to_text: question\ndoc_to_choice: choices\ndoc_to_target: answer\n")
		file := write(t, filepath.Join(dir, "task.yaml"), "task: "+c.name+`
dataset_path: json
dataset_kwargs:
  data_files: {test: data/test.jsonl}
test_split: test
metric_list: [{metric: acc}]
`+c.task)
		b, err := Open(Spec{Path: file}, presets(t))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if all, err := items(b); err != nil || len(all) != 1 || b.Name != c.name || b.Mapping != c.want {
			t.Errorf("%s: %d items of %s by %s, %v", c.name, len(all), b.Name, b.Mapping, err)
		} else if c.name == "jinja" && (!all[0].Passage || all[0].Text[item.Choices] != "by the weir\non the hill") {
			t.Errorf("%q", all[0].Text)
		}
	}
}

// TestTaskErrors: what a task leaves to Python, or to the hub, is said.
func TestTaskErrors(t *testing.T) {
	for task, want := range map[string]string{
		"dataset_path: json\ndoc_to_text: !function utils.text\n":                                                    "data_files",
		"dataset_path: json\ndataset_kwargs: {data_files: a.jsonl}\ndoc_to_text: !function utils.text\n":             "doc_to_text is a function",
		"dataset_path: json\ndataset_kwargs: {data_files: a.jsonl}\ndoc_to_text: \"{{a * b}}\"\n":                    "is no plain field",
		"dataset_path: json\ndataset_kwargs: {data_files: a.jsonl}\ndoc_to_text: \"Say it.\"\n":                      "names a field",
		"dataset_path: json\ndataset_kwargs: {data_files: {train: a.jsonl}}\ntest_split: test\n":                     "none for the split",
		"dataset_path: json\ndataset_kwargs: {data_files: {test: absent.jsonl}}\ntest_split: test\ndoc_to_text: q\n": "absent.jsonl",
		"corpus: shards\n":     "no task of lm-eval",
		"include: task.yaml\n": "includes itself",
	} {
		file := write(t, filepath.Join(t.TempDir(), "task.yaml"), task)
		if _, err := Open(Spec{Path: file}, presets(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", task, err, want)
		}
	}
	file := write(t, filepath.Join(t.TempDir(), "task.yaml"),
		"task: x\ndataset_path: cais/mmlu\ndataset_name: anatomy\ntest_split: test\ndoc_to_text: question\n")
	spec, err := readTask(Spec{Path: file})
	if err != nil || spec.Path != "hf://cais/mmlu:anatomy:test" {
		t.Errorf("%+v, %v", spec, err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

// FuzzTask: no task file makes the reader fail, and fields that it returns are in the grammar.
func FuzzTask(f *testing.F) {
	f.Add("{{question}} {{choices[0]}}", "{{[a, b]}}", "gold")
	f.Add("{{doc['a.b'].strip()}}", "choices", "{{x|y}}")
	f.Fuzz(func(t *testing.T, text, choice, target string) {
		var tk task
		tk.DocToText.SetString(text)
		tk.DocToChoice.SetString(choice)
		tk.DocToTarget.SetString(target)
		fields, err := tk.fields()
		if err != nil {
			return
		}
		if _, err := parseMapping(fields); err != nil {
			t.Errorf("%q %q %q: %q: %v", text, choice, target, fields, err)
		}
	})
}
