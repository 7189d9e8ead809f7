package export

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"swab/pipeline/results"

	"go.yaml.in/yaml/v3"
)

// The classes of OpenAI Evals that grade the two kinds of items.
const (
	matchClass = "evals.elsuite.basic.match:Match"          // the completion begins with the letter
	jsonClass  = "evals.elsuite.basic.json_match:JsonMatch" // the completion is this JSON value
)

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type sample struct {
	Input []message `json:"input"`
	Ideal string    `json:"ideal"`
	ID    string    `json:"swab_id"` // the item's
	Index int64     `json:"swab_index"`
}

type spec struct {
	ID      string   `yaml:"id,omitempty"`
	Metrics []string `yaml:"metrics,omitempty"`
	Text    string   `yaml:"description,omitempty"`
	Class   string   `yaml:"class,omitempty"`
	Args    *args    `yaml:"args,omitempty"`
}

type args struct {
	Samples string `yaml:"samples_jsonl"`
}

// evals writes an OpenAI Evals registry, one eval a split.
func (w *writer) evals(ctx context.Context) error {
	return w.eachQuiz(ctx, func(s *Split, q *quiz) error {
		base := w.cleanName(s)
		full := base + ".test.v1"
		if s.Task == "" {
			s.Task = base
		} else if evalName(s.Task) != s.Task {
			return fmt.Errorf("%q cannot be the name of an eval: letters, digits, - and _ can", clip(s.Task))
		} else {
			base, full = s.Task, s.Task+".test.v1"
		}
		var y, b bytes.Buffer
		class := jsonClass
		for i := range q.list {
			it := &q.list[i]
			one := sample{ID: it.id, Index: it.index}
			var err error
			if one.Input, one.Ideal, err = it.evalsPrompt(); err != nil {
				return err
			}
			if it.choices != nil {
				class = matchClass
			}
			if err := appendLine(&b, &one); err != nil {
				return err
			}
		}
		e := yaml.NewEncoder(&y)
		e.SetIndent(2)
		text := fmt.Sprintf("%s, %s: the %d of %d items that %s did not flag",
			s.Benchmark, s.Split, s.Kept, s.Items, w.verdict.Method)
		for _, notice := range w.sum.Reviewed {
			text += "; " + notice
		}
		samples := base + "/samples.jsonl"
		specs := map[string]spec{
			base: {ID: full, Metrics: []string{"accuracy"}, Text: text},
			full: {Class: class, Args: &args{samples}},
		}
		if err := e.Encode(specs); err != nil {
			return err
		}
		if err := e.Close(); err != nil {
			return err
		}
		s.File = "registry/data/" + samples
		if err := w.writeFile("registry/evals/"+base+".yaml", y.Bytes()); err != nil {
			return err
		}
		return w.writeFile(s.File, b.Bytes())
	})
}

// cleanName returns the name of a split's clean variant. In a log, it says that items have other
// numbers than in the benchmark.
func (w *writer) cleanName(s *Split) string {
	return results.CleanPrefix + evalName(s.Benchmark) + "-" + evalName(w.verdict.Method) + "-" + evalName(s.Split)
}

// evalName returns a name without dots, which separate the parts of names of evals.
func evalName(s string) string {
	return strings.NewReplacer(".", "_", "%", "_").Replace(fileName(s))
}

// evalsPrompt returns the prompt and the expected completion.
func (it *quizItem) evalsPrompt() ([]message, string, error) {
	ask := func(lines ...string) []message {
		return []message{{"user", strings.Join(append(it.asked(), lines...), "\n")}}
	}
	if it.choices != nil {
		return ask(append(slices.Clip(it.choices), "Answer with the letter of the right choice and nothing else.")...),
			it.letter(), nil
	}
	ideal, err := marshal(map[string]string{"answer": it.answer}, "")
	return ask(`Answer with a JSON object and nothing else, as in {"answer": "…"}.`), strings.TrimSpace(string(ideal)), err
}
