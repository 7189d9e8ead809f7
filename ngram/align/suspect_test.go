package align

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"swab/ngram/item"
)

// plainFilter is a filter's answers by plain means: the n-grams of documents as strings.
type plainFilter struct {
	n     int
	grams map[string]bool
}

func newPlainFilter(n int, docs ...string) plainFilter {
	f := plainFilter{n, map[string]bool{}}
	for _, d := range docs {
		words := strings.Fields(strings.ToLower(d))
		for i := 0; i+n <= len(words); i++ {
			f.grams[strings.Join(words[i:i+n], " ")] = true
		}
	}
	return f
}

// hits returns the bits of the n-grams of each text of s, whose words are given by text.
func (f plainFilter) hits(words [][]string) func(text int) []uint64 {
	return func(t int) []uint64 {
		var set []uint64
		for i := 0; i+f.n <= len(words[t]); i++ {
			if f.grams[strings.Join(words[t][i:i+f.n], " ")] {
				if set == nil {
					set = make([]uint64, len(words[t])/64+1)
				}
				set[i/64] |= 1 << (i % 64)
			}
		}
		return set
	}
}

// wordsOf returns the words of each distinct text of some items, in the order of bench.
func wordsOf(items [][item.NumParts]string) (words [][]string) {
	seen := map[string]bool{}
	for _, it := range items {
		for p, text := range it {
			if key := fmt.Sprint(p, text); text != "" && !seen[key] {
				seen[key] = true
				words = append(words, strings.Fields(strings.ToLower(text)))
			}
		}
	}
	return words
}

// suspectItems are items of which one shares its passage, one is short, and one is of
// words that say nothing.
func suspectItems(rng *rand.Rand) (items [][item.NumParts]string) {
	text := func(n int) string { return strings.Join(madeWords(rng, 20, n), " ") }
	passage := text(50)
	for range 12 {
		items = append(items, [item.NumParts]string{
			item.Context: passage, item.Question: text(8 + rng.IntN(30)),
			item.Choices: text(rng.IntN(12)), item.Answer: text(rng.IntN(9)),
		})
	}
	items = append(items, [item.NumParts]string{item.Question: text(4)})
	items = append(items, [item.NumParts]string{item.Context: text(20), item.Question: text(20)})
	common := "what is the name of the one that was in it and to which of them is it"
	return append(items, [item.NumParts]string{item.Question: common})
}

// TestSuspected: which items are suspected, against the definition over strings and sums
// in bits, and its laws: a copy is suspected, more n-grams suspect no fewer, the passage
// and the answer count for nothing.
func TestSuspected(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	suspected, checkable := 0, 0
	for round := range 60 {
		n := 1 + rng.IntN(9)
		items := suspectItems(rng)
		s, words := bench(t, items...), wordsOf(items)
		var docs []string
		for range rng.IntN(30) {
			w := words[rng.IntN(len(words))]
			from := rng.IntN(len(w))
			docs = append(docs, strings.Join(w[from:from+1+rng.IntN(len(w)-from)], " "))
		}
		few, more := newPlainFilter(n, docs[:len(docs)/2]...), newPlainFilter(n, docs...)
		for i, it := range items {
			own := []item.Part{item.Question, item.Choices}
			if i == len(items)-2 {
				own = append(own, item.Context) // of this item alone
			}
			definition := func(f plainFilter) bool {
				if !s.Checkable(i) {
					return false
				}
				found, most := 0.0, 0.0
				for _, p := range own {
					w := strings.Fields(strings.ToLower(it[p]))
					if len(w) < n {
						continue
					}
					covered := make([]bool, len(w)+1)
					for k := 0; k+n <= len(w); k++ {
						if f.grams[strings.Join(w[k:k+n], " ")] {
							for j := range n {
								covered[k+j] = true
							}
						}
					}
					first := s.x.starts[s.list[i].Texts[p]]
					stretch, whole := 0.0, 0.0
					for k, in := range covered {
						if k < len(w) {
							bits := float64(min(s.x.weights[first+uint32(k)], uint16(s.x.says[first+uint32(k)]))) / unit
							if whole += bits; in {
								stretch += bits
							}
						}
						if !in {
							found, stretch = found+max(0, stretch-chanceBits), 0
						}
					}
					most += max(0, whole-chanceBits)
				}
				return found*16 >= most
			}
			share, got := s.Suspected(i, n, few.hits(words))
			shareMore, gotMore := s.Suspected(i, n, more.hits(words))
			if got != definition(few) || gotMore != definition(more) {
				t.Fatalf("round %d, n %d, item %d: %v and %v, by the definition %v and %v",
					round, n, i, got, gotMore, definition(few), definition(more))
			}
			if got && !gotMore || share > shareMore || shareMore > 1 {
				t.Fatalf("round %d, n %d: more n-grams acquit item %d", round, n, i)
			}
			if s.Checkable(i) {
				checkable++
				copied := newPlainFilter(n, it[item.Question], it[item.Choices], it[item.Context])
				if _, is := s.Suspected(i, n, copied.hits(words)); !is {
					t.Fatalf("round %d, n %d: a copy of item %d is not suspected", round, n, i)
				}
				if all, hit := s.Grams(i, n, copied.hits(words)); all != hit {
					t.Fatalf("round %d, n %d: %d of %d n-grams of a copy of item %d", round, n, hit, all, i)
				}
			}
			if got {
				suspected++
			}
		}
		others := newPlainFilter(n, items[0][item.Context], items[0][item.Answer])
		_, hit := s.Grams(0, n, others.hits(words))
		if _, is := s.Suspected(0, n, others.hits(words)); 3 < n && n < 9 && (hit > 0 || is) {
			t.Fatalf("round %d, n %d: the passage and the answer suspect an item, %d n-grams", round, n, hit)
		}
	}
	if suspected < 50 || checkable-suspected < 50 {
		t.Errorf("%d of %d checkable items are suspected: the test shows little", suspected, checkable)
	}
}

// TestTemplateSuspectsNothing: what most items of a benchmark begin with carries no
// information, so a corpus that has it and no more suspects none of them.
func TestTemplateSuspectsNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	template := strings.Join(madeWords(rng, 20, 12), " ")
	var items [][item.NumParts]string
	for range 40 {
		own := strings.Join(madeWords(rng, 20, 10), " ")
		items = append(items, [item.NumParts]string{item.Question: template + " " + own})
	}
	s, words := bench(t, items...), wordsOf(items)
	f := newPlainFilter(FilterGram, template)
	for i := range items {
		if all, hit := s.Grams(i, FilterGram, f.hits(words)); all != 18 || hit < 8 {
			t.Fatalf("item %d: %d of %d n-grams", i, hit, all)
		}
		if _, is := s.Suspected(i, FilterGram, f.hits(words)); is {
			t.Fatalf("item %d is suspected for the template", i)
		}
	}
}
