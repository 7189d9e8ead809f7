package align

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"swab/ngram/item"
)

// plainContest plays the rounds of a contest as its law is written, over sets. It returns
// the words that each claim keeps.
func plainContest(claims []claim) []map[uint32]bool {
	kept := make([]map[uint32]bool, len(claims))
	for k, c := range claims {
		kept[k] = map[uint32]bool{}
		for _, w := range c.words {
			kept[k][w.doc] = true
		}
	}
	given := map[uint32]bool{}
	explains := func(k int) (sum int) {
		for _, w := range claims[k].words {
			if kept[k][w.doc] {
				sum += w.says
			}
		}
		return sum
	}
	done := make([]bool, len(claims))
	for {
		var best []int
		less := func(a, b int) int { // above 0 when a comes first
			if claims[a].whole != claims[b].whole {
				if claims[a].whole {
					return 1
				}
				return -1
			}
			return explains(a) - explains(b)
		}
		for k, c := range claims {
			if done[k] || c.decoy || c.weak || explains(k) == 0 {
				continue
			}
			if len(best) > 0 && less(k, best[0]) > 0 {
				best = nil
			}
			if len(best) == 0 || less(k, best[0]) == 0 {
				best = append(best, k)
			}
		}
		if best == nil {
			return kept
		}
		var now []uint32
		for _, k := range best {
			done[k] = true
			for _, w := range claims[k].words {
				if !given[w.doc] {
					now = append(now, w.doc)
				}
			}
		}
		for _, doc := range now {
			given[doc] = true
			for k, c := range claims {
				if !done[k] && !c.whole && !c.weak {
					delete(kept[k], doc)
				}
			}
		}
	}
}

// TestContestByTheLaw: a contest keeps what the plain rounds keep, whatever the order of
// its claims.
func TestContestByTheLaw(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 15))
	var contest contest
	lost, ties, whole := 0, 0, 0
	for range 20_000 {
		says := make([]int, 12)
		for i := range says {
			says[i] = 1 + rng.IntN(3)
		}
		var claims []claim
		for range 1 + rng.IntN(7) {
			c := claim{whole: rng.IntN(6) == 0, weak: rng.IntN(6) == 0, decoy: rng.IntN(8) == 0}
			c.whole = c.whole && !c.weak && !c.decoy
			for doc := range says {
				if rng.IntN(2) == 0 {
					c.words = append(c.words, claimed{uint32(doc), says[doc]})
				}
			}
			claims = append(claims, c)
		}
		want := plainContest(claims)
		order := rng.Perm(len(claims))
		contest.claims = contest.claims[:0]
		for _, k := range order {
			contest.claims = append(contest.claims, claims[k])
		}
		contest.decide()
		rounds := map[int]int{}
		for at, k := range order {
			c := claims[k]
			for _, w := range c.words {
				if got := contest.keeps(at, w.doc); got != want[k][w.doc] && !c.weak {
					t.Fatalf("%+v: claim %d keeps word %d: %v", claims, k, w.doc, got)
				} else if !got {
					lost++
				}
			}
			if c.whole && len(want[k]) != len(c.words) {
				t.Fatalf("%+v: claim %d is whole and lost words", claims, k)
			}
			if c.whole {
				whole++
			}
			if r := contest.claims[at].round; r > 0 {
				if rounds[r]++; rounds[r] > 1 {
					ties++
				}
			}
		}
	}
	if lost < 10_000 || ties < 500 || whole < 1000 {
		t.Errorf("%d words lost, %d equal claims, %d whole: the test shows little", lost, ties, whole)
	}
}

// series are items of one series, which differ in a few words.
func series(n int) (list [][item.NumParts]string) {
	for i := range n {
		list = append(list, [item.NumParts]string{item.Question: fmt.Sprintf(
			"A gardener planted %d tulips and %d roses behind the old windmill. How many more tulips than roses did %s plant there?",
			100+7*i, 31+i, []string{"Maria", "Peter", "Ingrid", "Ahmed", "Yuki"}[i%5])})
	}
	return list
}

// TestSiblingsLose: of a series only the item that stands in a document is flagged, and so
// it is wherever the documents are, with siblings that are named, and beside another
// benchmark.
func TestSiblingsLose(t *testing.T) {
	list := series(3)
	list = append(list, [item.NumParts]string{item.Question: "Which vessel carried leather notebooks of the lighthouse keepers southward each autumn?"})
	doc := "Homework of the week.\n" + list[1][item.Question] + "\nDone."
	s := bench(t, list...)
	for i, want := range []item.State{item.Clean, item.Flagged, item.Clean, item.Clean} {
		cover := coversOf(t, s, doc)[i]
		v := s.Judge(i, cover, 1)
		if v.State != want || (i == 0 || i == 2) && v.Kind != Altered {
			t.Errorf("item %d: %+v", i, v)
		}
	}
	// The document has a sibling that is named and not reported.
	b := NewBuilder()
	var items []item.Item
	for _, k := range []int{0, 3} {
		items = append(items, questionOf(mustAdd(t, b, 0, list[k][item.Question], false)))
	}
	n, err := b.AddSibling(0, list[1][item.Question], false)
	if err != nil {
		t.Fatal(err)
	}
	items = append(items, questionOf(n))
	s = NewItems(items, 2, 3, b.Build())
	covers := coversOf(t, s, doc)
	if v := s.Judge(0, covers[0], 1); v.State != item.Clean || v.Kind != Altered || covers[0].Matches[0].By != 3 {
		t.Errorf("%+v, %+v", v, covers[0])
	}
	if covers[2] != nil {
		t.Errorf("a sibling is reported: %+v", covers[2])
	}
}

// TestSiblingWeighsNothing: what is named only to compete changes no weight.
func TestSiblingWeighsNothing(t *testing.T) {
	list := series(6)
	with, without := NewBuilder(), NewBuilder()
	for _, it := range list[:3] {
		mustAdd(t, with, 0, it[item.Question], false)
		mustAdd(t, without, 0, it[item.Question], false)
	}
	for _, it := range list[2:] {
		if _, err := with.AddSibling(0, it[item.Question], false); err != nil {
			t.Fatal(err)
		}
	}
	a, b := with.Build(), without.Build()
	if a.Texts() != 6 || !slices.Equal(a.weights[:len(b.weights)], b.weights) || !reflect.DeepEqual(a.totals[:3], b.totals) {
		t.Errorf("%d texts, weights %v, %v", a.Texts(), a.weights, b.weights)
	}
}

func questionOf(t int) item.Item {
	it := item.Absent(0)
	it.Texts[item.Question] = int32(t)
	return it
}

// coversOf returns the covers of all items after some documents.
func coversOf(t testing.TB, s *Items, docs ...string) map[int]*Cover {
	t.Helper()
	c := s.NewCollector()
	c.Reset("shard")
	for row, doc := range docs {
		read(t, c, int64(row), doc)
	}
	all := map[int]*Cover{}
	for i, cover := range c.Covers() {
		all[i] = cover
	}
	return all
}

// TestDecisiveWords: what a document shows of numbers, names and operators.
func TestDecisiveWords(t *testing.T) {
	const question = "During the harvest Ingrid sold 350 crates and 12 baskets to Bergen for x-4 crowns each"
	s := bench(t, [item.NumParts]string{item.Question: question}, [item.NumParts]string{item.Question: "Some quite unlike problem about lanterns"})
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(question) }
	for _, c := range []struct {
		what, doc                string
		numbers, names, operator Exchange
		altered                  bool
	}{
		{"itself", question, Exchange{0, 3}, Exchange{0, 2}, Exchange{0, 1}, false},
		{"other numbers", replace("350", "480", "12", "19"), Exchange{2, 1}, Exchange{0, 2}, Exchange{0, 1}, true},
		{"one other number", replace("350", "480"), Exchange{1, 2}, Exchange{0, 2}, Exchange{0, 1}, true},
		{"other names", replace("Ingrid", "Magnus", "Bergen", "Paris"), Exchange{0, 3}, Exchange{2, 0}, Exchange{0, 1}, true},
		{"names with a slip", replace("Ingrid", "Ingird", "Bergen", "Bergeb"), Exchange{0, 3}, Exchange{0, 2}, Exchange{0, 1}, false},
		{"numbers as words", replace("350", "many", "12", "twelve"), Exchange{0, 1}, Exchange{0, 2}, Exchange{0, 1}, false},
		{"numbers left out", replace("350 ", "", "12 ", ""), Exchange{0, 1}, Exchange{0, 2}, Exchange{0, 1}, false},
		{"another operator", replace("x-4", "x+4"), Exchange{0, 3}, Exchange{0, 2}, Exchange{1, 0}, true},
		{"no operator", replace("x-4", "x 4"), Exchange{0, 3}, Exchange{0, 2}, Exchange{0, 0}, false},
		{"its first half, and another number behind it", "During the harvest Ingrid sold 350 crates and 99 birds", Exchange{1, 1}, Exchange{0, 1}, Exchange{}, false},
	} {
		cover := coversOf(t, s, c.doc)[0]
		if cover == nil {
			t.Errorf("%s: nothing", c.what)
			continue
		}
		d := cover.Matches[0].Decisive
		if strengthOf(s, cover) >= 1 && (d.Numbers != c.numbers || d.Names != c.names || d.Operators != c.operator || d.altered(cover.Matches[0].Whole) != c.altered) {
			t.Errorf("%s: %+v", c.what, d)
		}
		if v := s.Judge(0, cover, 1); c.altered != (v.Kind == Altered) {
			t.Errorf("%s: %+v", c.what, v)
		}
	}
}

func strengthOf(s *Items, c *Cover) float64 { return s.Strength(0, c) }

// TestNamesBesideWhatWasFound: no seed is in the last sentence and the first word, but they have
// another name both.
func TestNamesBesideWhatWasFound(t *testing.T) {
	s := bench(t, [item.NumParts]string{
		item.Context:  "Ingrid ties garlands for the harvest festival where each garland takes 5 sunflowers. She tied 14 garlands.",
		item.Question: "How many of them did Ingrid need?",
	}, [item.NumParts]string{item.Question: "Some quite unlike problem about lanterns"})
	text := "Ingrid ties garlands for the harvest festival where each garland takes 5 sunflowers. She tied 14 garlands. " +
		"How many of them did Ingrid need?"
	for doc, want := range map[string]string{
		text: Input,
		strings.ReplaceAll(text, "Ingrid", "Magnus"):  Altered,
		strings.Replace(text, "Ingrid", "Tonight", 1): Input, // the first word may be anything
	} {
		if v := s.Judge(0, coversOf(t, s, doc)[0], 1); v.Kind != want {
			t.Errorf("%s: %+v, want %s", doc, v, want)
		}
	}
}

// TestBegins: a quarter of an item, with all that is before it, is not the item; two thirds are.
func TestBegins(t *testing.T) {
	question := "Wandering tinkers brought copper kettles across frozen marshes while their donkeys carried bundles of dried " +
		"heather. Innkeepers beside the causeway bought kettles for pewter buttons. Which bargain would the tinkers refuse?"
	s := bench(t, [item.NumParts]string{
		item.Question: question,
		item.Choices:  "eleven pewter buttons for a dented kettle\nheather in exchange for lodging\nwinter fodder alone",
	}, [item.NumParts]string{item.Question: "Some quite unlike problem about lanterns"})
	words := strings.Fields(question)
	for share, want := range map[float64]item.State{0.4: item.Clean, 0.95: item.Flagged} {
		doc := strings.Join(words[:int(share*float64(len(words)))], " ") + " and then the page goes on with gardening advice."
		if v := s.Judge(0, coversOf(t, s, doc)[0], 1); v.State != want {
			t.Errorf("%.2f of the question: %+v, want %v", share, v, want)
		}
	}
}
