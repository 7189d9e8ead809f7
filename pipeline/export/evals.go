package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"swab/ngram/item"
	"swab/pipeline/benchmark"
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

// evals writes an OpenAI Evals registry, one eval a split. The benchmarks' files are
// read again, since an audit holds no texts.
func (w *writer) evals(ctx context.Context) error {
	type output struct {
		split   *Split
		class   string
		choices int // fields that choices are read from, 0 for a list
		labels  labelRange
		err     error // why it is not exported
		b       bytes.Buffer
		next    int // in split.items
	}
	outs := map[string]*output{}
	for i := range w.sum.Splits {
		s := &w.sum.Splits[i]
		outs[s.Benchmark+"/"+s.Split] = &output{split: s, choices: w.choiceFields(s)}
	}
	err := w.a.Read(ctx, func(k int, it *benchmark.Item) error {
		if o := outs[w.benchmark(k)+"/"+w.a.Splits[w.a.Items[k].Split]]; o != nil {
			o.labels.add(it)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = w.a.Read(ctx, func(k int, it *benchmark.Item) error {
		o := outs[w.benchmark(k)+"/"+it.Split]
		if o == nil {
			o = outs[w.benchmark(k)+"/"+w.a.Splits[w.a.Items[k].Split]]
		}
		if o == nil || o.next == len(o.split.items) || o.split.items[o.next] != k || o.err != nil {
			return nil
		}
		o.next++
		s, class, err := evalsSample(it, o.choices, &o.labels)
		if errors.Is(err, errLines) {
			o.split.Left = append(o.split.Left, fmt.Sprintf("%q: %v", clip(w.a.Items[k].ID), err))
			return nil
		}
		if err != nil {
			o.err = fmt.Errorf("item %q: %w", clip(w.a.Items[k].ID), err)
			return nil
		}
		if o.class == "" {
			o.class = class
		}
		if o.class != class {
			o.err = fmt.Errorf("item %q has another kind of answer than the items before it", clip(w.a.Items[k].ID))
			return nil
		}
		s.ID, s.Index = w.a.Items[k].ID, w.a.Items[k].Index
		line, err := marshal(s, "")
		if err != nil {
			return err
		}
		o.b.Write(line)
		return nil
	})
	if err != nil {
		return err
	}
	return w.eachSplit(func(s *Split) error {
		o := outs[s.Benchmark+"/"+s.Split]
		if o.err != nil {
			return o.err
		}
		if o.next != len(s.items) {
			return errors.New("its items are not all in the benchmark's files")
		}
		base := results.CleanPrefix + evalName(s.Benchmark) + "-" + evalName(w.verdict.Method) + "-" + evalName(s.Split)
		full := base + ".test.v1"
		if s.Task == "" {
			s.Task = base
		} else if evalName(s.Task) != s.Task {
			return fmt.Errorf("%q cannot be the name of an eval: letters, digits, - and _ can", clip(s.Task))
		} else {
			base, full = s.Task, s.Task+".test.v1"
		}
		var y bytes.Buffer
		e := yaml.NewEncoder(&y)
		e.SetIndent(2)
		samples := base + "/samples.jsonl"
		if s.Kept -= len(s.Left); s.Kept == 0 {
			return fmt.Errorf("%w that can be written: %s", ErrEmpty, s.Left[0])
		}
		text := fmt.Sprintf("%s, %s: the %d of %d items that %s did not flag",
			s.Benchmark, s.Split, s.Kept, s.Items, w.verdict.Method)
		for _, notice := range w.sum.Reviewed {
			text += "; " + notice
		}
		specs := map[string]spec{
			base: {ID: full, Metrics: []string{"accuracy"}, Text: text},
			full: {Class: o.class, Args: &args{samples}},
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
		return w.writeFile(s.File, o.b.Bytes())
	})
}

var errLines = errors.New("a choice has several lines, so the beginning of the next is not known")

// choiceFields returns the number of fields that a split's choices are read from, 0 if
// they are one list.
func (w *writer) choiceFields(s *Split) int {
	for _, b := range w.a.About.Benchmarks {
		for _, f := range b.Files {
			if b.Name != s.Benchmark || f.Split != s.Split {
				continue
			}
			if n := f.Sources(item.Choices); n > 1 {
				return n
			}
		}
	}
	return 0
}

// evalName returns a name without dots, which separate the parts of names of evals.
func evalName(s string) string {
	return strings.NewReplacer(".", "_", "%", "_").Replace(fileName(s))
}

var (
	letterRE = regexp.MustCompile(`^\(?([A-Z])\)?$`)
	optionRE = regexp.MustCompile(`^\(?([A-Z])[).:]`)
	numberRE = regexp.MustCompile(`^#### *(\S.*)$`)
)

// inOrder reports whether the choices begin with the letters A, B, C and so on.
func inOrder(choices []string) bool {
	for i, c := range choices {
		if m := optionRE.FindStringSubmatch(c); m == nil || m[1] != string(rune('A'+i)) {
			return false
		}
	}
	return true
}

// maxIdeal is the greatest length of an answer that is compared as a whole, in bytes.
const maxIdeal = 200

// A labelRange is the range of a split's answers that are whole numbers: labels of choices, which
// count from 0 or from 1.
type labelRange struct {
	zero, last bool // a label is 0, or the number of choices
}

func (r *labelRange) add(it *benchmark.Item) {
	n, err := strconv.Atoi(strings.TrimSpace(it.Text[item.Answer]))
	if err != nil || it.Text[item.Choices] == "" {
		return
	}
	choices := strings.Count(it.Text[item.Choices], "\n") + 1
	r.zero, r.last = r.zero || n == 0, r.last || n == choices
}

// letter returns the letter of a label among a number of choices, or "" if it is not certain.
func (r *labelRange) letter(label string, choices int) string {
	n, err := strconv.Atoi(label)
	if r.last {
		n--
	}
	if err != nil || r.zero == r.last || n < 0 || n >= min(choices, 26) {
		return ""
	}
	return string(rune('A' + n))
}

// evalsSample returns a sample with the prompt and the expected answer, and its class.
func evalsSample(it *benchmark.Item, fields int, labels *labelRange) (*sample, string, error) {
	answer := strings.TrimSpace(it.Text[item.Answer])
	last := strings.TrimSpace(answer[strings.LastIndexByte(answer, '\n')+1:])
	var prompt []string
	for _, p := range []item.Part{item.Context, item.Question} {
		if it.Text[p] != "" {
			prompt = append(prompt, it.Text[p])
		}
	}
	if it.Text[item.Choices] != "" {
		choices := strings.Split(it.Text[item.Choices], "\n")
		if fields > 0 && len(choices) != fields {
			return nil, "", errLines
		}
		marked := inOrder(choices)
		key := ""
		if m := letterRE.FindStringSubmatch(last); m != nil {
			key = m[1]
		} else if k := slices.Index(choices, answer); k >= 0 && k < 26 && slices.Index(choices[k+1:], answer) < 0 {
			if key = string(rune('A' + k)); marked {
				key = optionRE.FindStringSubmatch(choices[k])[1]
			}
		}
		if key == "" {
			key = labels.letter(last, len(choices))
			if key != "" && marked {
				key = optionRE.FindStringSubmatch(choices[key[0]-'A'])[1]
			}
		}
		if key == "" {
			return nil, "", fmt.Errorf("its answer %q is neither the letter nor the text of a choice", clip(last))
		}
		found := false
		for i, c := range choices {
			if !marked {
				if i >= 26 {
					return nil, "", errors.New("more than 26 choices")
				}
				found = found || key == string(rune('A'+i))
				c = string(rune('A'+i)) + ". " + c
			} else {
				found = found || optionRE.FindStringSubmatch(c)[1] == key
			}
			prompt = append(prompt, c)
		}
		if !found {
			return nil, "", fmt.Errorf("its answer is %s, which is none of its %d choices", key, len(choices))
		}
		prompt = append(prompt, "Answer with the letter of the right choice and nothing else.")
		return newSample(prompt, key), matchClass, nil
	}
	if m := numberRE.FindStringSubmatch(last); m != nil {
		answer = strings.TrimSpace(m[1])
	}
	if answer == "" || len(answer) > maxIdeal || strings.Contains(answer, "\n") {
		return nil, "", errors.New("its answer is a text or code that no class of OpenAI Evals grades: " +
			"--for ids or lm-eval leaves scoring to the benchmark's own harness")
	}
	prompt = append(prompt, `Answer with a JSON object and nothing else, as in {"answer": "…"}.`)
	ideal, err := marshal(map[string]string{"answer": answer}, "")
	if err != nil {
		return nil, "", err
	}
	return newSample(prompt, strings.TrimSpace(string(ideal))), jsonClass, nil
}

// newSample returns a sample of a prompt's lines and the expected completion.
func newSample(prompt []string, ideal string) *sample {
	return &sample{Input: []message{{"user", strings.Join(prompt, "\n")}}, Ideal: ideal}
}
