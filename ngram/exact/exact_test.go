package exact

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"swab/ngram"
)

func build(t testing.TB, n int, texts []string) (*Index, []int) {
	t.Helper()
	b, err := NewBuilder(ngram.Words(n))
	if err != nil {
		t.Fatal(err)
	}
	numbers := make([]int, len(texts))
	for i, text := range texts {
		if numbers[i], err = b.Add(text); err != nil {
			t.Fatal(err)
		}
	}
	x, err := b.Build(n, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x, numbers
}

func words(t testing.TB, text string) (words []string, spans []ngram.Span) {
	s, err := ngram.Words(1).NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	for w, span := range s.Words([]byte(text)) {
		words = append(words, string(w))
		spans = append(spans, span)
	}
	return words, spans
}

// plainRuns finds maximal runs by comparing every word with every word.
func plainRuns(t testing.TB, n, number int, text, doc string) (runs []Run) {
	tw, _ := words(t, text)
	dw, spans := words(t, doc)
	for i := range tw {
		for j := range dw {
			if i > 0 && j > 0 && tw[i-1] == dw[j-1] {
				continue // not the first word of a run
			}
			length := 0
			for i+length < len(tw) && j+length < len(dw) && tw[i+length] == dw[j+length] {
				length++
			}
			if length >= n {
				runs = append(runs, Run{number, i, j, length, spans[j].Start, spans[j+length-1].End})
			}
		}
	}
	return runs
}

func sorted(runs []Run) []Run {
	slices.SortFunc(runs, func(a, b Run) int {
		return cmp.Or(cmp.Compare(a.Text, b.Text), cmp.Compare(a.At, b.At), cmp.Compare(a.Doc, b.Doc))
	})
	return runs
}

func checkRuns(t *testing.T, n int, texts, docs []string) {
	t.Helper()
	x, numbers := build(t, n, texts)
	m, scan := x.NewMatcher(), x.NewScanner()
	m.repeats.Start = 1 << 30                         // all runs
	wide, err := ngram.Words(ngram.MaxN).NewScanner() // blocks that overlap by more than is needed
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range docs {
		var got, again, want []Run
		count := m.Document(scan, []byte(doc), func(r Run) { got = append(got, r) })
		m.Document(wide, []byte(doc), func(r Run) { again = append(again, r) })
		if !slices.Equal(sorted(got), sorted(again)) {
			t.Fatalf("n=%d texts %q doc %q:\n got %v\nin blocks that overlap more %v", n, texts, doc, got, again)
		}
		dw, _ := words(t, doc)
		if count != len(dw) {
			t.Fatalf("%q: %d words, want %d", doc, count, len(dw))
		}
		seen := map[int]bool{}
		for i, text := range texts {
			if !seen[numbers[i]] {
				seen[numbers[i]] = true
				want = append(want, plainRuns(t, n, numbers[i], text, doc)...)
			}
		}
		if !slices.Equal(sorted(got), sorted(want)) {
			t.Fatalf("n=%d texts %q doc %q:\n got %v\nwant %v", n, texts, doc, got, want)
		}
	}
}

func TestRunsEqualComparingEveryWord(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	random := func(alphabet []string, length int) string {
		var b strings.Builder
		for range rng.IntN(length + 1) {
			b.WriteString(alphabet[rng.IntN(len(alphabet))])
			b.WriteString([]string{" ", ", ", "\n", " "}[rng.IntN(4)])
		}
		return b.String()
	}
	alphabets := [][]string{{"a", "b"}, {"a", "b", "c", "d", "e"}, {"a"}, {"中", "文", "x"}, {"é", "e\u0301", "E\u0301", "ﬁ", "fi"}}
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	for range rounds {
		alphabet := alphabets[rng.IntN(len(alphabets))]
		var texts, docs []string
		for range 1 + rng.IntN(5) {
			texts = append(texts, random(alphabet, 15))
		}
		for range 1 + rng.IntN(3) {
			docs = append(docs, random(alphabet, 40))
		}
		docs = append(docs, texts[0], texts[0]+"x", "x "+strings.Join(texts, " "))
		checkRuns(t, 1+rng.IntN(10), texts, docs)
	}
}

func TestRunsOverBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	var long strings.Builder
	for range 9000 {
		fmt.Fprintf(&long, "w%d ", rng.IntN(3000))
	}
	w := strings.Fields(long.String())
	checkRuns(t, 8, []string{strings.Join(w[4000:4200], " "), strings.Join(w[8100:8300], " "), strings.Join(w[:20], " ")}, []string{long.String()})
}

func TestTextsWithTheSameWordsAreOne(t *testing.T) {
	x, numbers := build(t, 2, []string{"One two three.", "one TWO, three", "one two", "", "...", "one two three four"})
	if want := []int{0, 0, 1, 2, 2, 3}; !slices.Equal(numbers, want) {
		t.Errorf("numbers %v, want %v", numbers, want)
	}
	if x.Texts() != 4 || x.Words(0) != 3 || x.Words(2) != 0 || x.Seeds() != 3 {
		t.Errorf("%d texts, %d and %d words, %d grams", x.Texts(), x.Words(0), x.Words(2), x.Seeds())
	}
}

func FuzzRuns(f *testing.F) {
	f.Add(uint8(2), "a b c", "x a b c a b", "c a b c")
	f.Fuzz(func(t *testing.T, n uint8, one, two, doc string) {
		if len(one)+len(two)+len(doc) > 400 {
			return
		}
		checkRuns(t, int(n%12)+1, []string{one, two}, []string{doc})
	})
}

// Matching against a million distinct grams, most of the document's grams being
// in none of the texts.
func BenchmarkMatcher(b *testing.B) {
	for _, grams := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("grams=%d", grams), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(3, 3))
			text := func(words int) string {
				var sb strings.Builder
				for range words {
					fmt.Fprintf(&sb, "w%d ", int(rng.ExpFloat64()*2000))
				}
				return sb.String()
			}
			texts := make([]string, grams/93)
			for i := range texts {
				texts[i] = text(100)
			}
			x, _ := build(b, 8, texts)
			m, scan := x.NewMatcher(), x.NewScanner()
			doc := []byte(text(1 << 20))
			hits := 0
			b.SetBytes(int64(len(doc)))
			for b.Loop() {
				m.Document(scan, doc, func(Run) { hits++ })
			}
			b.ReportMetric(float64(x.Bytes())/float64(x.Seeds()), "index-B/seed")
			b.ReportMetric(float64(x.Seeds()), "seeds")
		})
	}
}
