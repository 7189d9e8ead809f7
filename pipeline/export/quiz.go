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
)

// A quizItem is a kept item as harnesses ask it that take questions in a form of their own: multiple
// choice, or a short answer.
type quizItem struct {
	id, context, question string
	index                 int64
	choices               []string // each after its letter, as in "A. "; nil: the answer is short
	right                 int      // in choices
	answer                string   // short
}

// asked returns the context and the question, those that it has.
func (it *quizItem) asked() (lines []string) {
	for _, text := range []string{it.context, it.question} {
		if text != "" {
			lines = append(lines, text)
		}
	}
	return lines
}

// letter returns that of the right choice.
func (it *quizItem) letter() string { return string(rune('A' + it.right)) }

// bare returns the choices without their letters.
func (it *quizItem) bare() (list []string) {
	for _, c := range it.choices {
		list = append(list, strings.TrimSpace(c[len(optionRE.FindString(c)):]))
	}
	return list
}

// A quiz is the kept items of a split.
type quiz struct {
	split  *Split
	reader *benchmark.Choices
	labels labelRange
	list   []quizItem
	next   int   // in split.items
	err    error // why it is not exported
}

// eachQuiz calls write for every split whose items can be asked so. The benchmarks' files are
// read again, since an audit holds no texts.
func (w *writer) eachQuiz(ctx context.Context, write func(s *Split, q *quiz) error) error {
	quizzes := map[string]*quiz{}
	for i := range w.sum.Splits {
		s := &w.sum.Splits[i]
		quizzes[s.Benchmark+"/"+s.Split] = &quiz{split: s, reader: w.choices(s)}
	}
	find := func(k int) *quiz { return quizzes[w.benchmark(k)+"/"+w.a.Splits[w.a.Items[k].Split]] }
	err := w.a.Read(ctx, func(k int, it *benchmark.Item) error {
		if q := find(k); q != nil {
			q.labels.add(it, len(q.choices(it)))
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = w.a.Read(ctx, func(k int, it *benchmark.Item) error {
		if q := find(k); q != nil {
			q.add(w, k, it)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.eachSplit(func(s *Split) error {
		q := quizzes[s.Benchmark+"/"+s.Split]
		switch {
		case q.err != nil:
			return q.err
		case q.next != len(s.items):
			return errChanged
		}
		return write(s, q)
	})
}

var errChanged = errors.New("its items are not all in the benchmark's files")

// add adds item k, if it is kept.
func (q *quiz) add(w *writer, k int, it *benchmark.Item) {
	s := q.split
	if q.err != nil || q.next == len(s.items) || s.items[q.next] != k {
		return
	}
	q.next++
	one, err := q.labels.read(it, q.choices(it))
	have := &w.a.Items[k]
	switch {
	case err != nil:
		q.err = fmt.Errorf("item %q: %w", clip(have.ID), err)
	case len(q.list) > 0 && (q.list[0].choices == nil) != (one.choices == nil):
		q.err = fmt.Errorf("item %q has another kind of answer than the items before it", clip(have.ID))
	default:
		one.id, one.index = have.ID, have.Index
		q.list = append(q.list, *one)
	}
}

// choices returns an item's choices; nil if it has none.
func (q *quiz) choices(it *benchmark.Item) []string {
	if it.Text[item.Choices] == "" {
		return nil
	}
	if q.reader != nil && it.Record != nil {
		if list, ok := q.reader.Of(it.Record); ok {
			return list
		}
	}
	return strings.Split(it.Text[item.Choices], "\n")
}

// choices returns the reader of choices of a split's file, or nil.
func (w *writer) choices(s *Split) *benchmark.Choices {
	for _, b := range w.a.About.Benchmarks {
		for _, f := range b.Files {
			if b.Name == s.Benchmark && f.Split == s.Split {
				c, _ := f.Choices()
				return c
			}
		}
	}
	return nil
}

var (
	letterRE = regexp.MustCompile(`^\(?([A-Z])\)?$`)
	optionRE = regexp.MustCompile(`^\(?([A-Z])[).:]`)
	numberRE = regexp.MustCompile(`(?:^|\s)#### *(\S.*)$`)
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

// add adds the label of an item with a number of choices.
func (r *labelRange) add(it *benchmark.Item, choices int) {
	n, err := strconv.Atoi(strings.TrimSpace(it.Text[item.Answer]))
	if err != nil || choices == 0 {
		return
	}
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

// read returns an item's question and its answer.
func (r *labelRange) read(it *benchmark.Item, choices []string) (*quizItem, error) {
	answer := strings.TrimSpace(it.Text[item.Answer])
	last := strings.TrimSpace(answer[strings.LastIndexByte(answer, '\n')+1:])
	q := &quizItem{context: it.Text[item.Context], question: it.Text[item.Question]}
	if len(choices) > 0 {
		return q, q.readChoices(choices, answer, last, r)
	}
	if m := numberRE.FindStringSubmatch(last); m != nil {
		answer = strings.TrimSpace(m[1])
	}
	if answer == "" || len(answer) > maxIdeal || strings.Contains(answer, "\n") {
		return nil, errors.New("its answer is a text or code that no generic grader knows: " +
			"--for ids, lm-eval or hf leaves scoring to the benchmark's own harness")
	}
	q.answer = answer
	return q, nil
}

// readChoices sets the choices and which of them is right.
func (q *quizItem) readChoices(choices []string, answer, last string, labels *labelRange) error {
	if len(choices) > 26 {
		return errors.New("more than 26 choices")
	}
	q.right = -1
	if m := letterRE.FindStringSubmatch(last); m != nil {
		if q.right = int(m[1][0] - 'A'); q.right >= len(choices) {
			return fmt.Errorf("its answer is %s, which is none of its %d choices", m[1], len(choices))
		}
	} else if k := slices.Index(choices, answer); k >= 0 && slices.Index(choices[k+1:], answer) < 0 {
		q.right = k
	} else if letter := labels.letter(last, len(choices)); letter != "" {
		q.right = int(letter[0] - 'A')
	}
	if q.right < 0 {
		return fmt.Errorf("its answer %q is neither the letter nor the text of a choice", clip(last))
	}
	q.choices = choices
	if !inOrder(choices) {
		q.choices = make([]string, len(choices))
		for i, c := range choices {
			q.choices[i] = string(rune('A'+i)) + ". " + c
		}
	}
	return nil
}

// appendLine appends a value as a line of JSON.
func appendLine(b *bytes.Buffer, v any) error {
	line, err := marshal(v, "")
	b.Write(line)
	return err
}
