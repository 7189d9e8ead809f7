package eval

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"swab/ngram/item"
)

// standIns are the program's own benchmarks under the names of the real ones that the
// tables take.
func standIns() Sources {
	src := Own()
	own := map[string]string{"gsm8k": "own-problems", "humaneval": "own-functions", "mbpp": "own-orders", "svamp": "own-made", "mmlu": "own-quizzes"}
	var list []SourceBench
	for _, name := range wholeBenches {
		b := src.Benches[slices.IndexFunc(src.Benches, func(b SourceBench) bool { return b.Name == own[name] })]
		b.Name = name
		if name == "gsm8k" || name == "mmlu" {
			b.Items, b.Held = b.Items[:200], b.Items[200:]
		}
		list = append(list, b)
	}
	src.Benches = list
	return src
}

// Every label of a table is what comparing each item's words with all documents says.
func TestTablesLabelWhatIsThere(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make check runs it")
	}
	src := standIns()
	data := t.TempDir()
	if err := os.Mkdir(filepath.Join(data, "rephrased"), 0o755); err != nil {
		t.Fatal(err)
	}
	src.Dir = data
	ids := []string{}
	var rows strings.Builder
	for _, it := range src.Benches[0].Items[:20] {
		ids = append(ids, it.ID)
		fmt.Fprintf(&rows, "{\"index\": %s, \"text\": \"what was told in other words %s\"}\n", it.ID, it.ID)
	}
	if err := os.WriteFile(filepath.Join(data, "rephrased", "gsm8k-test-even.jsonl"), []byte(rows.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	err := Tables(ReportSeed, src, func(name, title string, s *Set) error {
		var text strings.Builder
		for _, d := range s.Docs {
			text.WriteString(wordLine(d.Text) + "|") // no needle goes on into the next document
		}
		all := text.String()
		for _, b := range s.Benches {
			for _, it := range b.Items {
				source := SourceItem{Text: it.Text}
				e := entry{prompt: promptOf(&source), options: options(it.Text[item.Choices])}
				l := it.Label
				if counts[name+" "+string(l.Want)]++; counts[name+" "+string(l.Want)]%20 > 0 {
					continue // reading all documents takes long
				}
				here := true
				for _, n := range e.needles() {
					here = here && strings.Contains(all, n)
				}
				if l.Class == "rephrased" {
					if !slices.Contains(ids, it.ID) || l.Want != Flagged {
						t.Errorf("%s: %s/%s: %+v", title, b.Name, it.ID, l)
					}
					continue
				}
				if l.Want == Flagged && !here || l.Want == Clean && (here || l.Class != ClassAbsent+" "+b.Name) {
					t.Errorf("%s: %s/%s: %+v", title, b.Name, it.ID, l)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, least := range map[string]int{"whole flagged": 1000, "whole clean": 500, "siblings clean": 500, "siblings flagged": 300, "rephrased flagged": 20, "rephrased clean": 100} {
		if counts[name] < least {
			t.Errorf("%s: %d items, not %d", name, counts[name], least)
		}
	}
	if _, err := Whole(1, Own()); err == nil {
		t.Error("a table of real items was made without them")
	}
}

func TestJudgementsAreWellFormed(t *testing.T) {
	list, err := Judgements()
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]bool{}
	for digest, all := range list {
		for _, j := range all {
			key := fmt.Sprint(digest, j.Doc, j.From)
			if places[key] || j.Item != digest || j.From >= j.To {
				t.Errorf("%+v", j)
			}
			places[key] = true
		}
	}
	if len(list) < 40 {
		t.Errorf("%d items judged", len(list))
	}
	a := strings.Repeat("a", 32)
	for _, bad := range []string{"x", a + "\t" + a + "\t1\t2\tmaybe\twhole\tb", a + "\t" + a + "\t1\tz\titem\twhole\tb", a + "\t" + a[1:] + "\t1\t2\titem\twhole\tb", a + "\t" + a + "\t1\t2\tnot\t\tb"} {
		if _, err := readJudgements(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestFlagsAreComparedWithJudgements(t *testing.T) {
	doc := func(n int) string { return strings.Repeat(fmt.Sprint(n), 32) }
	judged := map[string][]Judgement{}
	add := func(it string, d string, from int64, isItem bool, reason string) {
		judged[it] = append(judged[it], Judgement{it, d, from, from + 50, isItem, reason, strings.HasSuffix(it, "held")})
	}
	add("right", doc(1), 100, true, "whole")
	add("wrong", doc(1), 100, false, "sibling")
	add("elsewhere", doc(1), 100, false, "sibling")
	add("lost", doc(1), 100, true, "whole")
	add("other run", doc(1), 100, true, "whole")
	add("both", doc(1), 100, false, "template")
	add("both", doc(2), 100, true, "whole")
	add("right, held", doc(5), 100, true, "whole")
	add("wrong, held", doc(5), 100, false, "sibling")
	add("lost, held", doc(6), 100, true, "whole") // of text that this run does not read
	flags := map[itemKey]*flag{}
	all := map[string]string{"lost": "b/lost"}
	put := func(bench, it string, matches ...match) {
		flags[itemKey{bench, "s", it}] = &flag{bench: bench, name: it, digest: it, matches: matches}
		all[it] = it
	}
	put("b", "right", match{doc: doc(1), from: 120, to: 160})
	put("b", "wrong", match{doc: doc(1), from: 900, to: 950}) // within the slack
	put("b", "elsewhere", match{doc: doc(1), from: 9000, to: 9050}, match{doc: doc(3), from: 100, to: 150}, match{doc: doc(3), from: 500, to: 550})
	put("b", "both", match{doc: doc(1), from: 100, to: 150}, match{doc: doc(2), from: 100, to: 150})
	add("not it", doc(4), 100, false, "sibling") // a sign tells them apart, all words are there
	put("b", "not it", match{doc: doc(4), from: 100, to: 150, whole: true})
	put("b", "contained", match{doc: doc(4), whole: true})
	put(quoted, "quoted", match{doc: doc(4), whole: true})
	put("b", "none")
	put("b", "right, held", match{doc: doc(5), from: 100, to: 150})
	put("b", "wrong, held", match{doc: doc(5), from: 100, to: 150})
	r := &RealReport{Reasons: map[string]int{}}
	read := map[string]bool{}
	for n := range 6 {
		read[doc(n)] = true
	}
	all["lost, held"] = "b/lost, held"
	r.compare(flags, all, judged, read)
	if r.Precision != Wilson(4, 7) || r.HeldBack != Wilson(1, 2) || r.Quoted != Wilson(1, 1) || r.Reasons["sibling"] != 3 || r.Unjudged != 2 || r.Kept != 3 || !slices.Equal(r.Lost, []string{"b/lost"}) {
		t.Errorf("%+v", r)
	}
	if len(r.ToJudge) != 3 || !slices.ContainsFunc(r.ToJudge, func(l string) bool { return strings.Contains(l, doc(3)+"\t100\t550\t?") }) {
		t.Errorf("%q", r.ToJudge)
	}
	var table strings.Builder
	if err := r.Table(&table); err != nil || !strings.Contains(table.String(), "lost: b/lost") {
		t.Errorf("%s, %v", table.String(), err)
	}
}

func TestFitIsOfDevelopmentAlone(t *testing.T) {
	one := func(s *Set) []Candidate {
		return []Candidate{{"in use", randomVerdicts(rand.New(rand.NewPCG(1, 2)), s, "a")}}
	}
	if _, err := Fit(smallHeld(), one(smallHeld()), 5); err == nil {
		t.Error("fitted on classes held back")
	}
	reports := *smallSet()
	reports.Seed = ReportSeed
	if _, err := Fit(&reports, one(&reports), 5); err == nil {
		t.Error("fitted on the seed of reports")
	}
	if _, err := Fit(smallSet(), nil, 5); err == nil {
		t.Error("fitted nothing")
	}
}

// verdictsBut judges every item right, but those that wrong names.
func verdictsBut(s *Set, wrong func(l Label, n int) bool) (list []Verdict) {
	n := 0
	for _, b := range s.Benches {
		for _, it := range b.Items {
			state := Clean
			if (it.Label.Want == Flagged) != wrong(it.Label, n) {
				state = Flagged
			}
			list = append(list, Verdict{Method: "a", Bench: b.Name, Item: it.ID, State: state})
			n++
		}
	}
	return list
}

func TestFitCountsAndChooses(t *testing.T) {
	s := smallSet()
	r, err := Fit(s, []Candidate{
		{"in use", verdictsBut(s, func(_ Label, n int) bool { return n%10 == 0 })},
		{"better", verdictsBut(s, func(l Label, n int) bool { return n%20 == 0 || l.Class == "table" })},
		{"for one class", verdictsBut(s, func(l Label, n int) bool { return l.Class != "table" && n%5 == 0 })},
	}, 5)
	if err != nil {
		t.Fatal(err)
	}
	if r.Best != "better" || slices.ContainsFunc(r.Chosen, func(name string) bool { return name != "better" }) || r.Validated != r.Candidates[1].F1 {
		t.Errorf("best %s, chosen %q, %v", r.Best, r.Chosen, r.Validated)
	}
	if c := r.Candidates[0]; c.Better != 0 || c.Worse != 0 || len(c.ClassesWorse) != 0 {
		t.Errorf("%+v", c)
	}
	if c := r.Candidates[1]; c.ClassesWorse["table"] == 0 || len(c.ClassesWorse) != 1 || c.Better <= c.Worse {
		t.Errorf("%+v", c)
	}
	for k, c := range r.Candidates { // against the plain count
		found, missed, false_, n := 0, 0, 0, 0
		for _, b := range s.Benches {
			for _, it := range b.Items {
				l := it.Label
				bad := []bool{n%10 == 0, n%20 == 0 || l.Class == "table", l.Class != "table" && n%5 == 0}[k]
				switch {
				case l.Contained != "":
				case l.Want == Flagged && !bad:
					found++
				case l.Want == Flagged:
					missed++
				case l.Want == Clean && bad:
					false_++
				}
				n++
			}
		}
		if c.F1 != f1(found, missed, false_) || c.Precision != Wilson(found, found+false_) || c.Recall != Wilson(found, found+missed) {
			t.Errorf("%s: %+v", c.Name, c)
		}
	}
	var table strings.Builder
	if err := r.Table(&table); err != nil || !strings.Contains(table.String(), "best on all: better") {
		t.Errorf("%s, %v", table.String(), err)
	}
}
