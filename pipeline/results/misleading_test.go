package results

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"swab/ngram/item"
)

// In each of these the model is right on exactly the flagged items. A join by numbers that are no
// places of items would say something else: it has to find the items by their questions, without
// the benchmark's file, or be refused.
func TestMisleadingJoins(t *testing.T) {
	const n = 150
	rows := makeRows(n, 0, "")
	question := func(i int) string {
		var r struct{ Question string }
		must(t, json.Unmarshal([]byte(rows[i]), &r))
		return r.Question
	}
	right := func(i int) int {
		if i%3 == 1 { // as makeAudit flags
			return 1
		}
		return 0
	}
	shuffled := rand.New(rand.NewPCG(1, 2)).Perm(n)
	// by writes rows in another order, numbered as they come.
	by := func(count int, row func(number, i int, q string) string) string {
		var b strings.Builder
		for k, i := range shuffled[:count] {
			q, _ := json.Marshal(question(i))
			fmt.Fprintln(&b, row(k, i, string(q)))
		}
		return b.String()
	}
	fields := func(format string) string {
		return by(n, func(k, i int, q string) string {
			return fmt.Sprintf(`{"idx":%d,"score":%d,"output":"7 of them",`+format+`}`, k, right(i), q)
		})
	}
	var log strings.Builder
	log.WriteString(`{"version":2,"status":"success","eval":{"task":"quiz","model":"owl","dataset":{"name":"piers"}},"samples":[`)
	for k, i := range shuffled {
		q, _ := json.Marshal(question(i))
		fmt.Fprintf(&log, `{"id":%d,"epoch":1,"input":%s,"scores":{"match":{"value":%d}}}%s`, k+1, q, right(i), map[bool]string{true: "]}", false: ","}[k == n-1])
	}
	in := func(count int, text func(k, i int) string) string { // the items' order
		var b strings.Builder
		for i := range count {
			q, _ := json.Marshal(text(i, i))
			fmt.Fprintf(&b, `{"idx":%d,"score":%d,"question":%s}`+"\n", i, right(i), q)
		}
		return b.String()
	}
	for _, tt := range []struct {
		name, file, body string
		o                JoinOptions
		n                int // joined; 0: refused
		agree, compared  int
		differing, moved int
	}{
		{"a shuffled inspect log", "log.json", log.String(), JoinOptions{}, n, n, n, 0, 0},
		{"instruction", "piers.jsonl", fields(`"instruction":%s`), JoinOptions{}, n, n, n, 0, 0},
		{"messages", "piers.jsonl", fields(`"messages":[{"role":"system","content":"Be brief, and answer with a number."},{"role":"user","content":%s}]`), JoinOptions{}, n, n, n, 0, 0},
		{"premise", "piers.jsonl", fields(`"premise":%s`), JoinOptions{}, n, n, n, 0, 0},
		{"question_stem", "piers.jsonl", fields(`"question":{"question_stem":%s}`), JoinOptions{}, n, n, n, 0, 0},
		{"any other name", "piers.jsonl", fields(`"deep":{"er":[1,{"x":%s}]}`), JoinOptions{}, n, n, n, 0, 0},
		{"a prompt of lm-evaluation-harness", "samples_piers_2026-01-02T03-04-05.jsonl", by(n, func(k, i int, q string) string {
			return fmt.Sprintf(`{"doc_id":%d,"doc":{"n":1},"target":"1","arguments":{"gen_args_0":{"arg_0":"Q: How old is the oldest boat of the town?\nA: 7\n\nQ: %s\nA:","arg_1":{}}},"resps":[["1"]],"filter":"none","metrics":["acc"],"acc":%d}`, k, q[1:len(q)-1], right(i))
		}), JoinOptions{}, n, n, n, 0, 0},
		{"some items, numbered anew", "piers.jsonl", by(100, func(k, i int, q string) string { return fmt.Sprintf(`{"idx":%d,"score":%d}`, k, right(i)) }), JoinOptions{}, 0, 0, 0, 0, 0},
		{"some items, with ids numbered anew", "piers.jsonl", by(100, func(k, i int, q string) string { return fmt.Sprintf(`{"id":"q-%d","score":%d}`, k+1, right(i)) }), JoinOptions{}, 0, 0, 0, 0, 0},
		{"all items, of a file that names none", "owl.jsonl", by(n, func(k, i int, q string) string { return fmt.Sprintf(`{"idx":%d,"score":%d}`, k, right(i)) }), JoinOptions{}, 0, 0, 0, 0, 0},
		{"all items, numbered anew", "piers.jsonl", by(n, func(k, i int, q string) string { return fmt.Sprintf(`{"idx":%d,"score":%d}`, k, right(i)) }), JoinOptions{}, 0, 0, 0, 0, 0},
		{"another benchmark", "boats.jsonl", by(n, func(k, i int, q string) string {
			return fmt.Sprintf(`{"idx":%d,"score":%d,"dataset":"boats"}`, k, right(i))
		}), JoinOptions{}, 0, 0, 0, 0, 0},
		{"another benchmark's questions", "piers.jsonl", in(n, func(k, i int) string { return fmt.Sprintf("Why is boat %d so slow and old?", i) }), JoinOptions{}, 0, 0, 0, 0, 0},
		{"another benchmark's questions, by index", "piers.jsonl", in(n, func(k, i int) string { return fmt.Sprintf("Why is boat %d so slow and old?", i) }), JoinOptions{How: "index"}, 0, 0, 0, 0, 0},
		{"a few questions that differ", "piers.jsonl", in(n, func(k, i int) string {
			if i%12 == 5 {
				return fmt.Sprintf("Why is boat %d so slow and old?", i)
			}
			return question(i)
		}), JoinOptions{}, n - 13, n - 13, n, 13, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := makeAudit(t, bencher{"piers", plain, []string{"test"}, map[string][]string{"test": rows}})
			must(t, os.RemoveAll(filepath.Join(filepath.Dir(dir), "piers")))
			a, err := loadAudit(t, dir, false)
			must(t, err)
			files, err := Read(write(t, tt.file, []byte(tt.body)), "", Options{Questions: NewQuestions(a)})
			must(t, err)
			joins, err := JoinAll(a, files, tt.o)
			if tt.n == 0 {
				if err == nil {
					t.Fatalf("joined %d", len(joins[0].Matched))
				}
				if !strings.Contains(err.Error(), "nothing confirms") && !strings.Contains(err.Error(), "differ from those of the items") &&
					!strings.Contains(err.Error(), "name another benchmark") && !strings.Contains(err.Error(), "counting from 0 or from 1") {
					t.Error(err)
				}
				return
			}
			must(t, err)
			j := joins[0]
			if len(j.Matched) != tt.n || j.Agree != tt.agree || j.Compared != tt.compared || len(j.Differing) != tt.differing || j.Moved != tt.moved {
				t.Errorf("by %s: %d joined, compared %d, agree %d, %d differ, %d moved; %v", j.How, len(j.Matched), j.Compared, j.Agree, len(j.Differing), j.Moved, j.Problems)
			}
			for _, m := range j.Matched {
				if flagged := a.Verdicts[0].State[m.Item] == item.Flagged; flagged != (m.Score == 1) {
					t.Fatalf("item %d has the score %v", m.Item, m.Score)
				}
			}
		})
	}
}

// Results of ids whose questions were exchanged are joined by content, and no item twice.
func TestExchangedQuestions(t *testing.T) {
	rows := makeRows(200, 0, "F%d")
	a, err := loadAudit(t, makeAudit(t, bencher{"ferries", plain + ",id=id", []string{"test"}, map[string][]string{"test": rows}}), false)
	must(t, err)
	var b strings.Builder
	for i := range 200 {
		of := i
		if i < 18 {
			of = 17 - i
		}
		var r struct{ Question string }
		must(t, json.Unmarshal([]byte(rows[of]), &r))
		fmt.Fprintf(&b, `{"id":"F%d","score":%d,"query":%q}`+"\n", i, of%2, r.Question)
	}
	files, err := Read(write(t, "r.jsonl", []byte(b.String())), "", Options{Questions: NewQuestions(a)})
	must(t, err)
	joins, err := JoinAll(a, files, JoinOptions{})
	must(t, err)
	if j := joins[0]; len(j.Matched) != 200 || j.Moved != 18 || j.Compared != 200 || j.Agree != 182 || j.How != "id and content" {
		t.Errorf("by %s: %d joined, %d moved, compared %d, agree %d", j.How, len(j.Matched), j.Moved, j.Compared, j.Agree)
	}
	for _, m := range joins[0].Matched {
		if m.Score != float64(m.Item%2) {
			t.Fatalf("item %d has the score %v", m.Item, m.Score)
		}
	}
}

// Two questions under one number are of two benchmarks or subjects, and are not averaged.
func TestOneNumberTwoQuestions(t *testing.T) {
	q := questionsOf("How many boats are at the pier?", "How many gulls are on the mast?")
	body := `{"idx":1,"score":1,"question":"How many boats are at the pier?"}` + "\n" + `{"idx":1,"score":0,"question":"How many gulls are on the mast?"}`
	if _, err := Read(write(t, "r.jsonl", []byte(body)), "", Options{Questions: q}); err == nil || !strings.Contains(err.Error(), "two different questions") {
		t.Errorf("error %v", err)
	}
}

// A question is found in a prompt wherever it is, the longest of several, and one of few words
// identifies no item.
func TestFindQuestions(t *testing.T) {
	long := "one two three four five six seven eight nine ten"
	q := questionsOf(long, "three four five six", "seven eight", "Eleven, twelve: thirteen fourteen!", "one two three four five six seven eight")
	for text, want := range map[string]string{
		long:                             "[0] 1",
		"zero " + long + " eleven":       "[0] 1",
		"zero three four five six seven": "[1] 1",
		"seven eight":                    "[2] 1",
		"six seven eight":                "[2] 0",
		"eleven twelve thirteen":         "[] 0",
		"so eleven twelve thirteen fourteen three four five six seven eight": "[3 1 2] 2",
		"one two three four five six seven eight ten":                        "[4] 1",
		"": "[] 0",
	} {
		found, strong, _ := q.find(wordsOf(text), nil)
		if got := fmt.Sprint(found, " ", strong); got != want && !(len(found) == 0 && want == "[] 0") {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
