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
	"swab/pipeline/benchmark"
)

// smallSet is a set of the program's own sources, made once. It must not be changed.
var smallSet = sync.OnceValue(func() *Set { return mustGenerate(DevSeed, Development) })

// smallHeld is one of the classes held back. It must not be changed.
var smallHeld = sync.OnceValue(func() *Set { return mustGenerate(DevSeed, HeldBack) })

func mustGenerate(seed uint64, p Part) *Set {
	s, err := Generate(seed, p, Own(), Size{PerClass: 3, Docs: 700})
	if err != nil {
		panic(err)
	}
	return s
}

func TestEqualSeedsGiveEqualSets(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: takes seconds")
	}
	if !reflect.DeepEqual(smallSet(), mustGenerate(DevSeed, Development)) {
		t.Error("two sets of one seed differ")
	}
	if reflect.DeepEqual(smallSet().Docs, mustGenerate(ReportSeed, Development).Docs) {
		t.Error("sets of two seeds are one")
	}
}

func TestOwnSourcesExerciseEveryClass(t *testing.T) {
	for _, s := range []*Set{smallSet(), smallHeld()} {
		for _, c := range s.Classes {
			if c.Items < 2 {
				t.Errorf("class %s has %d items", c.Name, c.Items)
			}
		}
	}
}

// A third of the classes is held back, and none is in both parts.
func TestAThirdOfTheClassesIsHeldBack(t *testing.T) {
	development, held := plantings(Development), plantings(HeldBack)
	seen := map[string]bool{}
	for _, c := range slices.Concat(development, held) {
		if seen[c.Name] {
			t.Errorf("two classes are %s", c.Name)
		}
		if seen[c.Name] = true; c.About == "" || c.Want == "" {
			t.Errorf("class %s says too little: %+v", c.Name, c.Class)
		}
	}
	if n := len(development) + len(held); 3*len(held) < n || 5*len(held) > 2*n {
		t.Errorf("%d of %d classes are held back", len(held), n)
	}
}

func TestLabelsSayWhatStandsInDocuments(t *testing.T) {
	labelsSayWhatIsThere(t, smallSet())
	labelsSayWhatIsThere(t, smallHeld())
}

func labelsSayWhatIsThere(t *testing.T, s *Set) {
	t.Helper()
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
			if planted := l.Class != Nothing && l.Class != Neighbour; ok != planted {
				t.Errorf("%s/%s: class %s in document %q", b.Name, it.ID, l.Class, l.DocID)
			}
			if l.Contained != "" && ok {
				t.Errorf("%s/%s was planted and is contained in %s", b.Name, it.ID, l.Contained)
			}
			if l.Contained == "" {
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
				from := map[string]float64{"first-half": 0, "second-half": 0.5}[l.Class]
				h, _ := share(plain, from, from+0.5)
				right = has(h) && !has(plain)
			case "interleaved":
				for _, x := range sentences(plain) {
					right = right && has(x)
				}
				right = right && !has(plain)
			case "template", "sibling", "nearest-sibling", "boilerplate", "shuffled", "scattered", "numbers-changed", "names-changed", "quotation", "translation",
				"same-signature", "same-name", "sibling-with-names", "closing-of-another", "opening-continued", "glossary", "scattered-in-order", "about-the-benchmark":
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
			if (it.Label.Class == Nothing || it.Label.Class == Neighbour) && it.Label.Contained == "" {
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

func TestContainedItemsAreLabelled(t *testing.T) {
	src := Own()
	k := slices.IndexFunc(src.Benches, func(b SourceBench) bool { return b.Name == "own-made" })
	src.Benches = src.Benches[k : k+1]
	b := &src.Benches[0]
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
			src.Texts = append(src.Texts, Text{"page", render(&b.Items[i].Text)})
		}
	}
	s, err := Generate(3, Development, src, Size{PerClass: 4, Docs: 700})
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]Label{}
	for _, it := range s.Benches[0].Items {
		labels[it.ID] = it.Label
		if held[it.ID] && (it.Label.Class != Nothing || it.Label.Contained == "" || strings.Contains(it.Label.Contained, "/")) {
			t.Errorf("item %s is in texts, and its label is %+v", it.ID, it.Label)
		}
	}
	marked := 0
	for twin, id := range twins {
		a, aOK := labels[id]
		b, bOK := labels[twin]
		if !aOK || !bOK {
			continue // set aside
		}
		planted := func(l Label) bool { return l.Want == Flagged && l.DocID != "" }
		if planted(a) && b.Contained == "" || planted(b) && a.Contained == "" {
			t.Errorf("item %s: %+v, its double: %+v", id, a, b)
		}
		if a.Contained != "" || b.Contained != "" {
			marked++
		}
	}
	if marked < 10 {
		t.Errorf("only %d doubles are marked", marked)
	}
}

// An item that shares text with a planted one and is not contained in it is a
// neighbour, and is wanted clean.
func TestNeighboursAreWantedClean(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make check runs it")
	}
	src := Own()
	k := slices.IndexFunc(src.Benches, func(b SourceBench) bool { return b.Name == "own-made" })
	src.Benches = src.Benches[k : k+1]
	b := &src.Benches[0]
	for i := range 200 {
		like := b.Items[i]
		like.ID = "like-" + like.ID
		like.Text[item.Question] += " How many of them are not there?"
		b.Items = append(b.Items, like)
	}
	s, err := Generate(3, Development, src, Size{PerClass: 4, Docs: 700})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, it := range s.Benches[0].Items {
		if it.Label.Class == Neighbour && strings.HasPrefix(it.ID, "like-") {
			if n++; it.Label.Want != Clean || it.Label.Contained != "" || it.Label.DocID != "" {
				t.Errorf("%s: %+v", it.ID, it.Label)
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d neighbours", n)
	}
}

// The container finds what comparing every item's words with the text finds.
func TestContainedEqualsComparingAll(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	text := func(n int) string {
		list := []string{}
		for range n {
			list = append(list, string(rune('a'+r.IntN(3))))
		}
		return strings.Join(list, ". ")
	}
	hits := 0
	for range 30 {
		entries := make([]entry, 20)
		for i := range entries {
			entries[i].prompt = text(r.IntN(9))
			for range r.IntN(3) {
				entries[i].options = append(entries[i].options, text(1+r.IntN(4)))
			}
		}
		c := newContainer(entries)
		for range 30 {
			doc := text(r.IntN(40))
			var want []int
			for i := range entries {
				if contains(doc, &entries[i]) && countWords(entries[i].prompt) > 0 {
					want = append(want, i)
				}
			}
			got := slices.DeleteFunc(c.contained(doc), func(i int) bool { return countWords(entries[i].prompt) == 0 })
			if !slices.Equal(got, want) {
				t.Fatalf("%q contains %v, not %v", doc, got, want)
			}
			hits += len(want)
		}
	}
	if hits < 100 {
		t.Errorf("only %d", hits)
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
	if testing.Short() {
		t.Skip("takes seconds: make check runs it")
	}
	s, dir := smallSet(), t.TempDir()
	if err := s.Write(dir); err != nil {
		t.Fatal(err)
	}
	presets, err := benchmark.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range s.Benches { // what was written reads back as it was
		v, err := benchmark.Open(benchmark.Spec{Name: b.Name, Path: filepath.Join(dir, "bench", b.Name+".jsonl"), Fields: b.fields()}, presets)
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
	verdicts, err := Scan(t.Context(), s, dir, filepath.Join(dir, "audit"), methods)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Score(Judged{s, verdicts})
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
	if _, err := Scan(t.Context(), s, t.TempDir(), filepath.Join(t.TempDir(), "audit"), methods); err == nil {
		t.Error("a scan of nothing went well")
	}
	if err := s.Write(dir); err == nil {
		t.Error("a set was written over another")
	}
}

func TestNothingToMakeASetOf(t *testing.T) {
	if _, err := Generate(1, Development, Sources{}, Size{}); err == nil {
		t.Error("no error")
	}
}
