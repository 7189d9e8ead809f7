package eval

import (
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline/variant"
)

// smallSet is a set of the program's own sources, made once. It must not be changed.
var smallSet = sync.OnceValue(func() *Set { return mustGenerate(DevSeed) })

func mustGenerate(seed uint64) *Set {
	s, err := Generate(seed, Own(), Size{PerClass: 4, Docs: 700})
	if err != nil {
		panic(err)
	}
	return s
}

func TestEqualSeedsGiveEqualSets(t *testing.T) {
	if !reflect.DeepEqual(smallSet(), mustGenerate(DevSeed)) {
		t.Error("two sets of one seed differ")
	}
	if reflect.DeepEqual(smallSet().Docs, mustGenerate(TestSeed).Docs) {
		t.Error("sets of two seeds are one")
	}
}

func TestOwnSourcesExerciseEveryClass(t *testing.T) {
	s := smallSet()
	for _, c := range s.Classes {
		if c.Items < 4 {
			t.Errorf("class %s has %d items", c.Name, c.Items)
		}
	}
	if len(s.Classes) < 50 {
		t.Errorf("only %d classes", len(s.Classes))
	}
}

func TestLabelsSayWhatStandsInDocuments(t *testing.T) {
	s := smallSet()
	docs := map[string]string{}
	for _, d := range s.Docs {
		if _, twice := docs[d.ID]; twice {
			t.Errorf("two documents are %s", d.ID)
		}
		docs[d.ID] = d.Text
	}
	wants := map[string]Want{}
	for _, c := range s.Classes {
		wants[c.Name] = c.Want
	}
	counts := map[string]int{}
	for _, b := range s.Benches {
		ids := map[string]bool{}
		for _, it := range b.Items {
			l := it.Label
			if ids[it.ID] {
				t.Errorf("%s: two items are %s", b.Name, it.ID)
			}
			ids[it.ID] = true
			if want, ok := wants[l.Class]; !ok || want != l.Want {
				t.Errorf("%s/%s: class %q, wanted %q", b.Name, it.ID, l.Class, l.Want)
			}
			doc, ok := docs[l.DocID]
			if ok == (l.Class == Nothing) {
				t.Errorf("%s/%s: class %s in document %q", b.Name, it.ID, l.Class, l.DocID)
			}
			if l.Repeats != "" && l.Class != Nothing {
				t.Errorf("%s/%s was planted and repeats %s", b.Name, it.ID, l.Repeats)
			}
			if l.Repeats == "" {
				counts[l.Class]++
			}
			plain, question := render(&it.Text), it.Text[item.Question]
			n := countWords(it.Text[item.Context]) + countWords(question) + countWords(it.Text[item.Choices])
			if n != l.Words {
				t.Errorf("%s/%s has %d words, not %d", b.Name, it.ID, n, l.Words)
			}
			has := func(text string) bool { return strings.Contains(doc, text) }
			right := true
			switch l.Class {
			case "as-is", "as-is-zh", "as-is-ja", "as-is-th", "as-is-ru", "as-is-ar", "as-is-bn", "as-is-other":
				right = has(plain)
			case "long-document":
				right = has(plain) && len(doc) >= longBytes
			case "twice":
				right = strings.Count(doc, plain) == 2
			case "case":
				right = strings.Contains(strings.ToLower(doc), strings.ToLower(plain)) && !has(plain)
			case "question-only":
				right = has(question) && !has(it.Text[item.Choices])
			case "question-answer":
				right = has(plain) && has(it.Text[item.Answer])
			case "choices-reordered", "relettered":
				right = has(question) && !has(plain)
				for _, o := range options(it.Text[item.Choices]) {
					right = right && has(o)
				}
			case "passage":
				right = has(it.Text[item.Context]) && !has(question)
			case "first-half", "second-half":
				h, _ := half(plain, l.Class == "second-half")
				right = has(h) && !has(plain)
			case "interleaved":
				for _, x := range sentences(plain) {
					right = right && has(x)
				}
				right = right && !has(plain)
			case "template", "sibling", "boilerplate", "shuffled", "variant", "quotation", "translation":
				right = !has(question)
			}
			if !right {
				t.Errorf("%s/%s is not in %s as %s", b.Name, it.ID, l.DocID, l.Class)
			}
		}
	}
	for _, c := range s.Classes {
		if counts[c.Name] != c.Items {
			t.Errorf("class %s says %d items and has %d", c.Name, c.Items, counts[c.Name])
		}
	}
}

func TestUnplantedItemsStandNowhere(t *testing.T) {
	s := smallSet()
	var all strings.Builder
	for _, d := range s.Docs {
		all.WriteString(d.Text)
		all.WriteByte('\n')
	}
	text := all.String()
	n := 0
	for _, b := range s.Benches {
		for _, it := range b.Items {
			if it.Label.Class == Nothing && it.Label.Repeats == "" {
				if n++; strings.Contains(text, it.Text[item.Question]) {
					t.Errorf("%s/%s was not planted and stands in a document", b.Name, it.ID)
				}
			}
		}
	}
	if n < 500 {
		t.Errorf("only %d items", n)
	}
}

func TestItemsThatRepeatAreLabelled(t *testing.T) {
	src := Own()
	b := &src.Benches[len(src.Benches)-1]
	twins := map[string]string{}
	for i := range 200 { // a double of each of 200 items, and a text that holds ten others
		twin := b.Items[i]
		twin.ID = "twin-" + twin.ID
		twins[twin.ID] = b.Items[i].ID
		b.Items = append(b.Items, twin)
	}
	held := map[string]bool{}
	for i := 300; i < 310; i++ {
		held[b.Items[i].ID] = true
		for range 100 {
			src.Texts = append(src.Texts, Text{"page", b.Items[i].Text[item.Question]})
		}
	}
	s, err := Generate(3, src, Size{PerClass: 4, Docs: 700})
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]Label{}
	for _, it := range s.Benches[len(s.Benches)-1].Items {
		labels[it.ID] = it.Label
		if held[it.ID] && (it.Label.Class != Nothing || !strings.HasPrefix(it.Label.Repeats, "d0")) {
			t.Errorf("item %s stands in texts, and its label is %+v", it.ID, it.Label)
		}
	}
	marked := 0
	for twin, id := range twins {
		a, aOK := labels[id]
		b, bOK := labels[twin]
		if !aOK || !bOK {
			continue // set aside
		}
		if a.Want == Flagged && a.Class != Nothing && b.Repeats == "" || b.Want == Flagged && b.Class != Nothing && a.Repeats == "" {
			t.Errorf("item %s: %+v, its double: %+v", id, a, b)
		}
		if a.Repeats != "" || b.Repeats != "" {
			marked++
		}
	}
	if marked < 10 {
		t.Errorf("only %d doubles are marked", marked)
	}
}

// plainRepeats is finder.repeats by comparing strings.
func plainRepeats(items [][item.NumParts]string, few int, text string) (found []int) {
	grams := func(s string) (list []string) {
		w := strings.Fields(s)
		for i := 0; i+gramWords <= len(w); i++ {
			list = append(list, strings.Join(w[i:i+gramWords], " "))
		}
		return list
	}
	in := grams(text)
	var sets [][]string
	for _, it := range items {
		var all []string
		for _, p := range it {
			all = append(all, grams(p)...)
		}
		sets = append(sets, all)
	}
	common := func(g string) bool {
		n := 0
		for _, set := range sets {
			if slices.Contains(set, g) {
				n++
			}
		}
		return n > few
	}
	for i, it := range items {
		own, seen, prompt, inPrompt, yes := 0, 0, 0, 0, false
		for p, part := range it {
			mine := grams(part)
			mine = slices.DeleteFunc(mine, common)
			slices.Sort(mine)
			mine = slices.Compact(mine)
			hits, run, longest := 0, 0, 0
			for _, g := range in {
				if slices.Contains(mine, g) {
					hits++
					run++
					longest = max(longest, run)
				} else {
					run = 0
				}
			}
			if longest >= 9 || p == int(item.Answer) && hits >= 3 && 2*hits >= len(mine) {
				yes = true
			}
			if p == int(item.Context) || p == int(item.Question) {
				prompt, inPrompt = prompt+len(mine), inPrompt+hits
			}
			if p != int(item.Answer) {
				own, seen = own+len(mine), seen+hits
			}
		}
		if yes || inPrompt >= 3 && 2*inPrompt >= prompt || seen > 0 && (seen == own || seen >= 3 && 4*seen >= own || seen > own) {
			found = append(found, i)
		}
	}
	return found
}

func TestRepeatsEqualComparingStrings(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	text := func(n int) string {
		var list []string
		for range n {
			list = append(list, string(rune('a'+r.IntN(3))))
		}
		return strings.Join(list, " ")
	}
	hits := 0
	for range 30 {
		items := make([][item.NumParts]string, 12)
		bench := make([]int, len(items))
		for i := range items {
			for p := range items[i] {
				items[i][p] = text(r.IntN(22))
			}
		}
		f := newFinder(items, bench, []int{len(items)})
		for range 20 {
			doc := text(r.IntN(60))
			want, got := plainRepeats(items, 4, doc), f.repeats(doc)
			if !slices.Equal(got, want) {
				t.Fatalf("%q repeats %v, not %v, of %q", doc, got, want, items)
			}
			hits += len(want)
		}
	}
	if hits < 100 {
		t.Errorf("only %d repeats", hits)
	}
}

// plainResembles is finder.resembles by comparing strings.
func plainResembles(f *finder, items [][item.NumParts]string, text string) (found []int) {
	in := strings.Fields(text)
	own := map[string]bool{}
	for k, t := range f.template(0, text) {
		if !t {
			own[in[k]] = true
		}
	}
	for i, it := range items {
		var mine []string
		for _, part := range it[:item.Answer] {
			template := f.template(0, part)
			for k, w := range strings.Fields(part) {
				if !template[k] {
					mine = append(mine, w)
				}
			}
		}
		slices.Sort(mine)
		mine = slices.Compact(mine)
		both := 0
		for _, w := range mine {
			if slices.Contains(in, w) {
				both++
			}
		}
		if len(mine) >= 6 && 2*both >= len(mine) && float64(both) >= float64(len(own))/2 {
			found = append(found, i)
		}
	}
	return found
}

func TestResemblesEqualsComparingStrings(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	text := func(n int) string {
		list := []string{}
		for range n {
			list = append(list, string(rune('a'+r.IntN(20))))
		}
		return strings.Join(list, " ")
	}
	hits := 0
	for range 20 {
		items := make([][item.NumParts]string, 15)
		for i := range items {
			for p := range items[i] {
				items[i][p] = "q q q q q " + text(r.IntN(7))
			}
		}
		f := newFinder(items, make([]int, len(items)), []int{len(items)})
		for range 30 {
			doc := text(r.IntN(20))
			want, got := plainResembles(f, items, doc), f.resembles(0, doc)
			if !slices.Equal(got, want) {
				t.Fatalf("%q resembles %v, not %v, of %q", doc, got, want, items)
			}
			hits += len(want)
		}
	}
	if hits < 100 {
		t.Errorf("only %d", hits)
	}
}

func TestScanJudgesTheSet(t *testing.T) {
	s, dir := smallSet(), t.TempDir()
	if err := s.Write(dir); err != nil {
		t.Fatal(err)
	}
	presets, err := variant.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range s.Benches { // what was written reads back as it was
		v, err := variant.Open(variant.Spec{Name: b.Name, Path: filepath.Join(dir, "bench", b.Name+".jsonl"), Fields: benchFields}, presets)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for it, err := range v.Items(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if it.ID != b.Items[n].ID || it.Text != b.Items[n].Text {
				t.Errorf("%s: item %d reads back as %q, not %q", b.Name, n, it.Text, b.Items[n].Text)
			}
			n++
		}
		if n != len(b.Items) {
			t.Errorf("%s: %d items, not %d", b.Name, n, len(b.Items))
		}
	}
	all, err := overlap.Methods(overlap.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	methods := slices.DeleteFunc(all, func(m *overlap.Method) bool {
		return !slices.Contains([]string{overlap.House, "gpt3", "coverage8", "longest8"}, m.Name)
	})
	verdicts, err := Scan(t.Context(), s, dir, methods)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Score(s, verdicts)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Methods) != len(methods) {
		t.Fatalf("%d methods, not %d", len(r.Methods), len(methods))
	}
	for _, m := range r.Methods {
		for _, c := range m.Classes {
			// What every published rule finds, and what none can.
			if strings.HasPrefix(c.Class, "as-is-") && c.Flagged.Share < 1 || c.Class == "translation" && c.Flagged.Count > 0 {
				t.Errorf("%s: %s: %d of %d flagged", m.Method, c.Class, c.Flagged.Count, c.Flagged.Of)
			}
		}
	}
	if _, err := Scan(t.Context(), s, t.TempDir(), methods); err == nil {
		t.Error("a scan of nothing went well")
	}
	if err := s.Write(dir); err == nil {
		t.Error("a set was written over another")
	}
}

func TestNothingToMakeASetOf(t *testing.T) {
	if _, err := Generate(1, Sources{}, Size{}); err == nil {
		t.Error("no error")
	}
}
