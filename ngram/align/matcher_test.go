package align

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"swab/ngram"
)

func scanner(t testing.TB, n int) *ngram.Scanner {
	t.Helper()
	s, err := ngram.Words(n).NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func windows(m *Matcher, s *ngram.Scanner, doc string) []Window {
	for s.Reset([]byte(doc)); s.Next(); {
		m.Block(s)
	}
	return slices.Clone(m.Windows())
}

// bestWindow gives the most own information of a text that seeds which begin in one
// window of a document hold.
func bestWindow(w *weighed, doc []string) (best int) {
	if len(w.words) == 0 {
		return 0
	}
	at := map[string][]int{} // seeds to their places in the text
	for i, key := range w.seeds {
		if w.spans[i] > 0 {
			at[key] = append(at[key], i)
		}
	}
	type hit struct{ doc, i int }
	var hits []hit
	for j := range doc {
		if key, span := docSeed(doc, j); span > 0 && span <= 24 {
			for _, i := range at[key] {
				hits = append(hits, hit{j, i})
			}
		}
	}
	window := 2*len(w.words) + 60
	for k, h := range hits {
		if k > 0 && hits[k-1].doc == h.doc {
			continue
		}
		found := 0
		covered := make([]bool, len(w.words))
		for _, o := range hits[k:] {
			if o.doc >= h.doc+window {
				break
			}
			for i := o.i; i < o.i+w.spans[o.i]; i++ {
				if !covered[i] {
					covered[i] = true
					found += w.own[i]
				}
			}
		}
		best = max(best, found)
	}
	return best
}

// docSeed is seedOf near a word of a document.
func docSeed(doc []string, j int) (string, int) { return seedOf(doc[j:min(len(doc), j+300)], 0) }

// spell writes words as a document may have them.
func spell(rng *rand.Rand, words []string) string {
	var b strings.Builder
	for _, w := range words {
		if rng.IntN(4) == 0 {
			w = strings.ToUpper(w)
		}
		b.WriteString(w + []string{" ", "\n", ", ", " — ", "\t"}[rng.IntN(5)])
	}
	return b.String()
}

// TestSpots: the information found at the best place of a document is that of the best
// of all windows, however the scanner cuts the document into blocks.
func TestSpots(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	seen := map[string]int{}
	rounds := 200
	if testing.Short() {
		rounds = 60
	}
	for round := range rounds {
		from := alphabet[:6+rng.IntN(len(alphabet)-5)]
		if rng.IntN(2) == 0 {
			from = alphabet[9:]
		}
		b := NewBuilder()
		var texts []weighed
		var times []int
		for range 1 + rng.IntN(12) {
			text, w := randomText(rng, from, rng.IntN(4) == 0)
			if n := mustAdd(t, b, 0, text, true); n == len(texts) {
				texts, times = append(texts, w), append(times, 1)
			}
		}
		weigh(texts, times)
		x := b.Build()
		m := x.NewMatcher()
		s := scanner(t, 1+rng.IntN(13))
		for range 1 + rng.IntN(4) { // the matcher is used again
			var doc []string
			size := rng.IntN(300)
			long := round%20 == 0
			if long {
				size = 4000 + rng.IntN(6000)
			}
			for len(doc) < size {
				switch w := texts[rng.IntN(len(texts))].words; rng.IntN(5) {
				case 0:
					doc = append(doc, randomWords(rng, from, rng.IntN(30))...)
				case 1:
					doc = append(doc, randomWords(rng, []string{"the", "of", "unrelated", "filler"}, rng.IntN(200))...)
				case 2:
					doc = append(doc, w...)
				default:
					if len(w) > 0 {
						i := rng.IntN(len(w))
						doc = append(doc, w[i:i+rng.IntN(len(w)-i)]...)
					}
				}
			}
			got := windows(m, s, spell(rng, doc))
			if !slices.IsSortedFunc(got, func(a, b Window) int { return a.Text - b.Text }) {
				t.Fatalf("windows %+v are not ordered", got)
			}
			for n := range texts {
				want := bestWindow(&texts[n], doc)
				if want < int(0.15*float64(texts[n].seeded))+1 {
					seen[fmt.Sprintf("few %v", want > 0)]++
					want = 0
				}
				found := 0
				for _, window := range got {
					if window.Text == n {
						found = window.Found
						if window.Start >= window.End || found <= 0 {
							t.Fatalf("%+v", window)
						}
					}
				}
				if found != want {
					t.Fatalf("text %q: found %d in %d words, want %d\n%q", texts[n].words, found, len(doc), want, doc)
				}
				if want > 0 {
					seen[fmt.Sprintf("all %v", want == texts[n].seeded)]++
					seen[fmt.Sprintf("long %v", long)]++
				}
			}
		}
	}
	for _, what := range []string{"few true", "few false", "all true", "all false", "long true", "long false"} {
		if seen[what] < rounds/4 {
			t.Errorf("%s: only %d", what, seen[what])
		}
	}
}

// TestMoreWordsFindNoLess: words before and behind a document take nothing from what is
// found in it, and words of no text change nothing.
func TestMoreWordsFindNoLess(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 7))
	more, equal := 0, 0
	for range 200 {
		from := alphabet[rng.IntN(8):]
		b := NewBuilder()
		for range 1 + rng.IntN(8) {
			text, _ := randomText(rng, from, false)
			mustAdd(t, b, 0, text, true)
		}
		x := b.Build()
		m, s := x.NewMatcher(), scanner(t, 1)
		found := func(doc string) []int {
			list := make([]int, x.Texts())
			for _, window := range windows(m, s, doc) {
				list[window.Text] = window.Found
			}
			return list
		}
		doc := strings.Join(randomWords(rng, from, rng.IntN(80)), " ")
		base := found(doc)
		grown := found(strings.Join(randomWords(rng, from, rng.IntN(80)), " ") + " " + doc + " " + strings.Join(randomWords(rng, from, rng.IntN(80)), " "))
		other := strings.Repeat("unrelated paragraphs about weather ", rng.IntN(300))
		around := found(other + doc + " " + other)
		for i, n := range base {
			if grown[i] < n || around[i] != n {
				t.Fatalf("%q: text %d has %d, with other words %d, with unrelated ones %d", doc, i, n, grown[i], around[i])
			}
			if grown[i] > n {
				more++
			} else if n > 0 {
				equal++
			}
		}
	}
	if more < 50 || equal < 50 {
		t.Errorf("%d more, %d equal", more, equal)
	}
}

// TestRepeatedPhrase: a document that repeats a phrase of many texts without end needs
// no more state than a window of each text holds, and each place of a seed is looked at
// once. The phrase has the most places in a text that a seed may have.
func TestRepeatedPhrase(t *testing.T) {
	const phrase = "river harbour sailors "
	b := NewBuilder()
	for i := range 3 { // so few that the phrase is no template
		mustAdd(t, b, 0, fmt.Sprintf("%s text number%d of harbourmasters ends here", strings.Repeat(phrase, 4), i), false)
	}
	x := b.Build()
	m, s := x.NewMatcher(), scanner(t, 1)
	repeats := 200_000
	if testing.Short() {
		repeats = 20_000
	}
	most := 0
	doc := []byte(strings.Repeat(phrase, repeats))
	for s.Reset(doc); s.Next(); {
		m.Block(s)
		if len(m.read.rare) > mostRead+1<<13 || m.long && len(m.read.rare) > maxSeed || len(m.open) > x.Texts() {
			t.Fatalf("%d words and %d texts are kept", len(m.read.rare), len(m.open))
		}
		for _, st := range m.open[:m.used] {
			most = max(most, len(st.hits))
			// Half of the hits kept may have left the window.
			if limit := 2*maxSame*(st.width+1) + 64; len(st.hits) > limit || cap(st.hits) > 4*limit {
				t.Fatalf("%d hits (room for %d) in a window of %d words", len(st.hits), cap(st.hits), st.width)
			}
			if len(st.counts) > x.Words(int(st.text)) {
				t.Fatalf("%d counts", len(st.counts))
			}
		}
	}
	if most < 200 {
		t.Fatalf("only %d hits: the test shows little", most)
	}
	first := m.Windows()
	if len(first) != x.Texts() {
		t.Fatalf("%d windows", len(first))
	}
	for _, window := range first {
		if size := int(window.End - window.Start); size > len(phrase)*(x.windowSize(window.Text)+seedSpan) {
			t.Fatalf("%+v", window)
		}
	}
}

// TestSpotsAtEdges: two seeds stand as far apart as a window reaches or one word more, a
// seed's words as many as a seed may have between them or one more, and a copy stands
// across the end of a block.
func TestSpotsAtEdges(t *testing.T) {
	words := strings.Fields("river harbour of sailors lamplight")
	w := []weighed{{words: words, cited: make([]bool, len(words))}}
	weigh(w, []int{1})
	b := NewBuilder()
	mustAdd(t, b, 0, strings.Join(words, " "), false)
	x := b.Build()
	m := x.NewMatcher()
	filler := func(n int) []string { return slices.Repeat([]string{"the"}, n) }
	check := func(n int, doc []string) int {
		t.Helper()
		found := 0
		for _, window := range windows(m, scanner(t, n), strings.Join(doc, " ")) {
			found = window.Found
		}
		if want := bestWindow(&w[0], doc); found != want {
			t.Fatalf("n %d, %d words: found %d, want %d", n, len(doc), found, want)
		}
		return found
	}
	results := map[int]bool{}
	for gap := range 100 { // one seed, then the other
		results[check(1, slices.Concat(words[:2], filler(gap), words[3:]))] = true
	}
	if whole := results[w[0].seeded]; len(results) != 2 && len(results) != 3 || !whole {
		t.Errorf("seeds apart: %v", results)
	}
	clear(results)
	for gap := range 40 { // one seed with words between
		results[check(1, slices.Concat(words[:1], filler(gap), words[1:2]))] = true
	}
	if !results[0] || len(results) != 2 {
		t.Errorf("words apart: %v", results)
	}
	// The words that blocks share are looked at once, and seeds of five short words that
	// stand across the end are seen.
	short := strings.Fields("q 7 j 3 v 9")
	two := []weighed{w[0], {words: short, cited: make([]bool, len(short))}}
	two[0].total, two[0].seeded = Info{}, 0
	weigh(two, []int{1, 1})
	b = NewBuilder()
	mustAdd(t, b, 0, strings.Join(words, " "), false)
	mustAdd(t, b, 0, strings.Join(short, " "), false)
	m = b.Build().NewMatcher()
	for n := 1; n <= 13; n += 3 {
		for before := blockOf(t, n) - 30; before < blockOf(t, n)+5; before++ {
			doc := slices.Concat(filler(before), words, short, filler(10))
			got := windows(m, scanner(t, n), strings.Join(doc, " "))
			if len(got) != 2 || got[0].Found != two[0].seeded || got[1].Found != two[1].seeded {
				t.Fatalf("n %d, %d words before: %+v", n, before, got)
			}
		}
	}
}

// blockOf is how many words the first block of a long document has.
func blockOf(t *testing.T, n int) int {
	s := scanner(t, n)
	s.Reset([]byte(strings.Repeat("the ", 20_000)))
	s.Next()
	return len(s.Hashes())
}
