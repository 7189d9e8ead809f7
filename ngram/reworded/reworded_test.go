package reworded

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"swab/ngram"
)

// read returns the tokens of a text as words and numbers.
func read(t testing.TB, text string) (list []string) {
	t.Helper()
	scan, err := ngram.Words(ngram.MaxN).NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	l := newLexer(map[uint64]int32{}, true)
	var tokens []token
	for scan.Reset([]byte(text)); scan.Next(); {
		tokens = l.block(tokens, scan, []byte(text))
	}
	for _, t := range tokens {
		if t.number {
			list = append(list, fmt.Sprintf("#%g", float64(t.value)/milli))
		} else {
			list = append(list, text[t.start:t.end])
		}
	}
	return list
}

func TestNumbersHaveOneForm(t *testing.T) {
	for _, c := range []struct {
		text string
		want []float64
	}{
		{"1,000 pears", []float64{1000}},
		{"one thousand", []float64{1000}},
		{"12,345,678.5", []float64{12345678.5}},
		{"two dozen eggs", []float64{24}},
		{"2 dozen", []float64{24}},
		{"twenty-five", []float64{25}},
		{"three hundred twenty", []float64{320}},
		{"half of 7", []float64{0.5, 7}},
		{"twice, thrice", []float64{2, 3}},
		{"$2.50 and 2.5", []float64{2.5, 2.5}},
		{"3, 4, 5", []float64{3, 4, 5}},
		{"in 1999. 12 men", []float64{1999, 12}},
		{"1, 000", []float64{1, 0}},
		{"the 3rd of 12cm", []float64{3, 12}},
		{"7 three", []float64{7, 3}},
	} {
		var got []float64
		for _, w := range read(t, c.text) {
			var v float64
			if n, _ := fmt.Sscanf(w, "#%g", &v); n == 1 {
				got = append(got, v)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, want %v", c.text, got, c.want)
		}
	}
}

func TestTermsOfScripts(t *testing.T) {
	for text, want := range map[string]string{
		"The cats were SLEEPING":   "cats SLEEPING",
		"猫在睡觉。":                    "猫在 在睡 睡觉",
		"猫, 在睡":                    "在睡",
		"Кошки спали":              "Кошки спали",
		"de eerste vijf appels in": "de eerste vijf appels",
	} {
		if got := strings.Join(read(t, text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	l := newLexer(map[uint64]int32{}, true)
	for _, pair := range [][2]string{
		{"painting", "painted"}, {"deliveries", "delivery"}, {"кошки", "кошка"},
	} {
		if a, b := l.stem([]byte(pair[0])), l.stem([]byte(pair[1])); a != b {
			t.Errorf("%s is %s, %s is %s", pair[0], a, pair[1], b)
		}
	}
}

var vocabularyOfTests = strings.Fields(`harbor lantern violin teacher garden pepper saddle marble copper ticket ribbon
	basket kettle pillow hammer window turtle rabbit salmon walnut cheese butter ginger orange purple silver golden
	quiet sudden bright hollow gentle bitter clever frozen narrow planted counted carried painted watched gathered`)

func someText(r *rand.Rand, words int) string {
	var b strings.Builder
	for range words {
		switch r.IntN(6) {
		case 0:
			fmt.Fprintf(&b, "%d ", r.IntN(40))
		case 1:
			b.WriteString([]string{"the ", "of ", "and ", "with "}[r.IntN(4)])
		default:
			fmt.Fprintf(&b, "%s%c ", vocabularyOfTests[r.IntN(len(vocabularyOfTests))], 'k'+r.IntN(6))
		}
	}
	return b.String()
}

// plainMatches finds the matches of a document without blocks, marks and running sums: for
// each item it compares every two blocks in a row.
func plainMatches(x *Index, text string, least float64) map[int]float64 {
	scan, _ := ngram.Words(1).NewScanner()
	l := newLexer(x.dictionary, false)
	var tokens []token
	words := 0
	for scan.Reset([]byte(text)); scan.Next(); words += scan.Len() {
		tokens = l.block(tokens, scan, []byte(text))
	}
	m := x.NewMatcher()
	best := map[int]float64{}
	for i := range x.size() {
		e := &x.items[i]
		if e.need == 0 {
			continue
		}
		size := uint32(1) << e.shift
		anchors := map[int32]uint16{}
		for _, t := range x.termsOf(i) {
			for _, k := range x.links[x.from[t.term]:x.from[t.term+1]] {
				if int(k.item()) == i {
					anchors[t.term] = t.weight
				}
			}
		}
		for block := uint32(0); block*size <= uint32(words); block++ {
			there, sum, last := map[int32]bool{}, 0, false
			for _, t := range tokens {
				if b := t.at / size; (b == block || b+1 == block) && anchors[t.term] > 0 && t.term >= 0 {
					if last = last || b == block; !there[t.term] {
						there[t.term] = true
						sum += int(anchors[t.term])
					}
				}
			}
			if !last || len(there) < int(e.need) || float64(sum) < anchored*float64(e.mass) {
				continue
			}
			from, to := int(block*size)-int(size+size/2), int(block*size+size+size/2)
			var span []token
			for _, t := range tokens {
				if int(t.at) >= from && int(t.at) < to {
					span = append(span, t)
				}
			}
			m.tokens, m.base, m.words = span, 4<<maxShift, uint32(words)
			clear(m.best)
			m.found = m.found[:0]
			m.compare(i, 0, math.MaxInt32)
			for _, g := range m.found {
				if g.Strength >= least {
					best[i] = max(best[i], g.Strength)
				}
			}
		}
	}
	return best
}

// TestMatcherFindsWhatAPlainSearchFinds: the blocks of all items side by side lead to the
// candidates that a search item by item and block by block finds.
func TestMatcherFindsWhatAPlainSearchFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	b := NewBuilder()
	var items []string
	for range 30 {
		question, choices := someText(r, 8+r.IntN(60)), someText(r, r.IntN(9))
		if _, err := b.Add(question, choices); err != nil {
			t.Fatal(err)
		}
		items = append(items, question+choices)
	}
	b.EndBenchmark()
	x := b.Build(func(int) bool { return true })
	m := x.NewMatcher()
	all := 0
	for range 12 {
		text := ""
		for range 1 + r.IntN(12) {
			words := strings.Fields(items[r.IntN(len(items))])
			r.Shuffle(len(words), func(i, k int) { words[i], words[k] = words[k], words[i] })
			text += someText(r, 5+r.IntN(500)) + strings.Join(words[r.IntN(len(words)/3):], " ") + " "
		}
		want := plainMatches(x, text, 0)
		got := map[int]float64{}
		scan, _ := ngram.Words(ngram.MaxN).NewScanner()
		for scan.Reset([]byte(text)); scan.Next(); {
			m.Block(scan, []byte(text))
		}
		for _, g := range m.Matches() {
			got[g.Item] = g.Strength
		}
		if len(got) != len(want) {
			t.Fatalf("%d matches, want %d", len(got), len(want))
		}
		for i, s := range want {
			if got[i] != s {
				t.Errorf("item %d: strength %v, want %v", i, got[i], s)
			}
		}
		all += len(want)
	}
	if all < 100 {
		t.Errorf("only %d matches", all)
	}
}

func TestReworded(t *testing.T) {
	items := []string{
		"A gardener plants 14 rows of lettuce with 9 heads in each row. Rabbits eat 27 heads. How many heads of lettuce " +
			"are left?",
		"Mira reads 30 pages of her mystery novel each evening. The novel has 420 pages. How many evenings does she need?",
		"A baker sells 12 loaves of rye bread for $5 each and 8 wheat loaves for $4 each. How much does the baker earn?",
		"Which planet of the solar system has the longest day?\nVenus\nMars\nJupiter\nMercury",
		"How many?",
	}
	b := NewBuilder()
	for _, text := range items {
		if _, err := b.Add(text, ""); err != nil {
			t.Fatal(err)
		}
	}
	b.EndBenchmark()
	x := b.Build(func(int) bool { return true })
	if x.Checkable(4) || !x.Checkable(0) {
		t.Error("an item of no terms is checkable, or one of many is not")
	}
	m := x.NewMatcher()
	m.Least = 0.5
	scan, _ := ngram.Words(ngram.MaxN).NewScanner()
	matches := func(text string) (found []int) {
		for scan.Reset([]byte(text)); scan.Next(); {
			m.Block(scan, []byte(text))
		}
		for _, g := range m.Matches() {
			found = append(found, g.Item)
		}
		return found
	}
	for text, want := range map[string][]int{
		"It was late. There are fourteen rows of lettuce in the garden, and nine heads grow in every row that the gardener " +
			"planted. If rabbits have eaten 27 heads, what number of lettuce heads is left? The sea was calm.": {0},
		"Each evening Mira gets through thirty pages of a mystery novel. Her novel has 420 pages in all. In how many " +
			"evenings is she done with it?": {1},
		"Lettuce is planted in rows by the gardener, and rabbits like its heads.": nil,
		"A planet with a long day": nil,
		"":                         nil,
	} {
		if got := matches(text); !slices.Equal(got, want) {
			t.Errorf("%q: items %v, want %v", text, got, want)
		}
	}
}

func TestMarks(t *testing.T) {
	a, b := "Two dozen painted boats sail 30 miles", "The boats were painting 24 lines in 31 days"
	show := func(text string, marks []Mark) (s string) {
		for _, m := range marks {
			s += fmt.Sprintf("%s %v; ", text[m.Start:m.End], m.Shared)
		}
		return s
	}
	inA, inB := Marks(a, b)
	if got := show(a, inA); got != "Two dozen true; painted true; boats true; 30 false; " {
		t.Errorf("in the first: %s", got)
	}
	if got := show(b, inB); got != "boats true; painting true; 24 true; 31 false; " {
		t.Errorf("in the second: %s", got)
	}
}

// TestResetForgetsTheDocument: a document that was left in the middle leaves nothing behind.
func TestResetForgetsTheDocument(t *testing.T) {
	b := NewBuilder()
	text := "The keeper of the lighthouse polishes 48 brass lamps and paints 6 wooden shutters every spring."
	if _, err := b.Add(text, ""); err != nil {
		t.Fatal(err)
	}
	b.EndBenchmark()
	m := b.Build(func(int) bool { return true }).NewMatcher()
	scan, _ := ngram.Words(ngram.MaxN).NewScanner()
	scan.Reset([]byte(text))
	scan.Next()
	m.Block(scan, []byte(text))
	m.Reset()
	if got := m.Matches(); len(got) > 0 {
		t.Errorf("after Reset: %+v", got)
	}
	scan.Reset([]byte(text))
	scan.Next()
	m.Block(scan, []byte(text))
	if got := m.Matches(); len(got) != 1 || got[0].Strength < 0.9 {
		t.Errorf("the whole text: %+v", got)
	}
}

// TestBlocksAllocateNothing: the work on a document takes no memory once it was done.
func TestBlocksAllocateNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	b := NewBuilder()
	for range 200 {
		if _, err := b.Add(someText(r, 30), ""); err != nil {
			t.Fatal(err)
		}
	}
	b.EndBenchmark()
	m := b.Build(func(int) bool { return true }).NewMatcher()
	m.Least = 0.9
	scan, _ := ngram.Words(ngram.MaxN).NewScanner()
	text := []byte(someText(r, 20000))
	one := func() {
		for scan.Reset(text); scan.Next(); {
			m.Block(scan, text)
		}
		m.Matches()
	}
	one()
	if n := testing.AllocsPerRun(3, one); n > 2 { // of the sort
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMatcher(b *testing.B) {
	for _, items := range []int{1000, 20000} {
		b.Run(fmt.Sprintf("items=%d", items), func(b *testing.B) {
			r := rand.New(rand.NewPCG(3, 1))
			w := NewBuilder()
			for range items {
				if _, err := w.Add(someText(r, 30), ""); err != nil {
					b.Fatal(err)
				}
			}
			w.EndBenchmark()
			m := w.Build(func(int) bool { return true }).NewMatcher()
			m.Least = 0.5
			scan, _ := ngram.Words(ngram.MaxN).NewScanner()
			text := []byte(someText(r, 100000))
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				for scan.Reset(text); scan.Next(); {
					m.Block(scan, text)
				}
				m.Matches()
			}
		})
	}
}
