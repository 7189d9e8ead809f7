package overlap

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"swab/ngram/item"
)

// repetitiveCase is a case of items and documents that repeat few words, and each other.
func repetitiveCase(rng *rand.Rand) (items []testItem, docs []testDoc) {
	words := []string{"a", "b", "c", "d"}[:1+rng.IntN(4)]
	random := func(n int) string {
		var list []string
		for len(list) < n {
			if len(list) > 4 && rng.IntN(3) == 0 { // repeat what was there
				from := rng.IntN(len(list) - 2)
				list = append(list, list[from:min(len(list), from+20)]...)
			} else {
				list = append(list, words[rng.IntN(len(words))])
			}
		}
		return strings.Join(list[:n], " ")
	}
	for range 1 + rng.IntN(4) {
		var it testItem
		for _, p := range []item.Part{item.Context, item.Question, item.Answer} {
			if rng.IntN(4) > 0 {
				it[p] = random(1 + rng.IntN(60))
			}
		}
		items = append(items, it)
	}
	for row := range 1 + rng.IntN(5) {
		text := random(1 + rng.IntN(200))
		for range rng.IntN(4) {
			text += strings.Repeat(" x", rng.IntN(900)) + " " + items[rng.IntN(len(items))][rng.IntN(int(item.NumParts))]
		}
		docs = append(docs, testDoc{"s", fmt.Sprint(row), text, int64(row)})
	}
	return items, docs
}

// TestRepetitiveDocumentsAreCollectedAlike: what is collected of documents without their
// runs is, bit for bit, what is collected from every run.
func TestRepetitiveDocumentsAreCollectedAlike(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for round := range rounds(400) {
		items, docs := repetitiveCase(rng)
		if round%3 == 0 {
			items, docs = randomCase(rng)
		}
		methods := wordMethods(t, settings[round%len(settings)])
		for _, m := range methods {
			m.Level.Least = min(m.Level.Least, 8) // see repetitive
		}
		o := Options{IgnoreTemplate: rng.IntN(3) == 0}
		_, want := collectBy(t, items, methods, 8, docs, o, runsOnly)
		_, got := collectBy(t, items, methods, 8, docs, o, asRepetitive)
		if len(got) != len(want) {
			t.Fatalf("%d covers, want %d", len(got), len(want))
		}
		for i, c := range want {
			if !reflect.DeepEqual(got[i], c) {
				t.Fatalf("round %d item %d %q\ndocs %+v\n got %+v\nwant %+v", round, i, items[i], docs, got[i], c)
			}
		}
	}
}

// TestCrowdsAreCollectedAlike: what is collected of documents together is, bit for bit, what is
// collected from every run of each.
func TestCrowdsAreCollectedAlike(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for round := range rounds(600) {
		items, docs := repetitiveCase(rng)
		switch round % 3 {
		case 0:
			items, docs = randomCase(rng)
		case 1:
			items, docs = templateCase(rng)
		}
		methods := wordMethods(t, settings[round%len(settings)])
		if round%3 != 1 { // they have grams in several places of a document
			methods = slices.DeleteFunc(methods, func(m *Method) bool { return m.Level.Extend })
		}
		o := Options{IgnoreTemplate: rng.IntN(2) == 0}
		_, want := collectBy(t, items, methods, 8, docs, o, runsOnly)
		_, got := collectBy(t, items, methods, 8, docs, o, asCrowd+round/3%2)
		if len(got) != len(want) {
			t.Fatalf("round %d: %d covers, want %d", round, len(got), len(want))
		}
		for i, c := range want {
			if !reflect.DeepEqual(got[i], c) {
				t.Fatalf("round %d item %d %q\ndocs %+v\n got %+v\nwant %+v", round, i, items[i], docs, got[i], c)
			}
		}
	}
}

// TestCrowdsTakeLinearWork: a batch of documents that each have something of every item costs
// a bounded number of steps for each of its words, and for each word of the items and 64
// documents.
func TestCrowdsTakeLinearWork(t *testing.T) {
	var items []testItem
	var docs []testDoc
	words := 0
	for i := range 1500 {
		text := fmt.Sprintf("%d goes to the market in the old town and buys %d apples for the school, then gives %d of "+
			"them to those who live next door", i, i%7, i%11)
		items = append(items, testItem{item.Question: text})
		words += len(strings.Fields(text))
		if i%4 == 0 {
			docs = append(docs, testDoc{"s", "", text, int64(i)})
		}
	}
	for name, extend := range map[string]bool{"methods that extend runs": true, "the others": false} {
		for _, ignore := range []bool{false, true} {
			methods := slices.DeleteFunc(wordMethods(t, nil), func(m *Method) bool { return m.Level.Extend != extend })
			set, covers := collectBy(t, items, methods, 8, docs, Options{IgnoreTemplate: ignore}, asCrowded)
			steps := float64(set.work+set.again) / float64(words*len(docs)/64)
			t.Logf("%s, template ignored %v: %.1f steps", name, ignore, steps)
			documents := covers[0].Tallies[0].Documents
			if steps > 150 || documents != int64(len(docs)) && !ignore || documents == int64(len(docs)) && ignore {
				t.Errorf("%s, template ignored %v: %.1f steps, %d documents", name, ignore, steps, documents)
			}
		}
	}
}

// templateCase is a case of items of one template and of documents that are such items, or
// several of them, close to each other or not.
func templateCase(rng *rand.Rand) (items []testItem, docs []testDoc) {
	one := func() testItem {
		word := func(of int) string { return fmt.Sprintf("w%d", rng.IntN(of)) }
		it := testItem{
			item.Question: fmt.Sprintf("%s goes to the market in the old town and buys %s apples for the school, then "+
				"gives %s of them to %s who lives next door", word(4), word(9), word(9), word(3)),
			item.Answer: fmt.Sprintf("he has %s apples left at the end of the long day in town", word(5)),
		}
		if rng.IntN(3) == 0 {
			it[item.Context] = "the school has a " + word(3) + " party on the last day of the year for all of the town"
		}
		return it
	}
	for range 3 + rng.IntN(20) {
		items = append(items, one())
	}
	for row := range 1 + rng.IntN(150) {
		it := one()
		if rng.IntN(2) == 0 {
			it = items[rng.IntN(len(items))]
		}
		text := it[item.Question]
		if rng.IntN(3) == 0 {
			text += strings.Repeat(" x", []int{1, 400, 600}[rng.IntN(3)]) + " " + one()[item.Answer]
		}
		docs = append(docs, testDoc{fmt.Sprint("s", row%2), fmt.Sprint(row), text, int64(row)})
	}
	return items, docs
}

// hostileCases are benchmarks and documents that share so many runs that none could visit
// them all, of about the given words.
func hostileCases(size int) map[string]struct {
	items []testItem
	doc   string
} {
	type hostile = struct {
		items []testItem
		doc   string
	}
	rng := rand.New(rand.NewPCG(3, 3))
	cases := map[string]hostile{}
	grid := func(words int) string {
		var b strings.Builder
		for range words {
			b.WriteString([]string{"0 ", "0 ", "0 ", "0 ", "0 ", "0 ", "1 ", "2 "}[rng.IntN(8)])
		}
		return strings.TrimSpace(b.String())
	}
	var grids []testItem
	for range 50 {
		grids = append(grids, testItem{item.Question: grid(300), item.Answer: grid(60)})
	}
	cases["a document of zeros"] = hostile{grids, strings.Repeat("0 ", size)}
	cases["grids"] = hostile{grids, grid(size)}
	all := ""
	for _, it := range grids {
		all += it[item.Question] + " " + it[item.Answer] + " "
	}
	cases["all items again and again"] = hostile{grids, strings.Repeat(all, size/len(strings.Fields(all))+1)}
	var sequence []string // of de Bruijn, by prefer-largest
	seen := map[string]bool{}
	for word := "000000000000"; !seen[word] && len(sequence) < size; {
		seen[word] = true
		next := "0"
		for _, s := range []string{"2", "1"} {
			if !seen[word[1:]+s] {
				next = s
				break
			}
		}
		sequence, word = append(sequence, next), word[1:]+next
	}
	cases["a de Bruijn sequence"] = hostile{grids, strings.Join(sequence, " ")}
	phrase := "the quick brown fox jumps over the lazy dog and runs on and on through the wood "
	cases["one phrase"] = hostile{[]testItem{{item.Question: phrase + phrase + "twice"}}, strings.Repeat(phrase, size/17)}
	noise := "the grass is green the sky is blue the sun is yellow here we go there and back again "
	haystack := func(words int) string {
		text := strings.Repeat(noise, words/40) + fmt.Sprintf("one of the magic numbers is %d ", rng.IntN(1e6))
		return text + strings.Repeat(noise, words/40)
	}
	var stacks []testItem
	for range 20 {
		stacks = append(stacks, testItem{item.Context: haystack(1000), item.Question: "what is the magic number that the text has"})
	}
	cases["haystacks"] = hostile{stacks, strings.Repeat(haystack(1000), size/1000)}
	return cases
}

// TestHostileDocumentsTakeLinearWork: a document costs a bounded number of steps for each of
// its words and each word of the benchmark, by every method over words.
func TestHostileDocumentsTakeLinearWork(t *testing.T) {
	const size = 20000
	for name, c := range hostileCases(size) {
		words := len(strings.Fields(c.doc))
		for _, it := range c.items {
			for _, text := range it {
				words += len(strings.Fields(text))
			}
		}
		for _, n := range []int{5, 8} {
			set, _ := collect(t, c.items, wordMethods(t, nil), n, []testDoc{{"s", "", c.doc, 0}}, Options{})
			work, repetitive := set.work+set.again, set.again > 0
			if most := 150; work > most*words {
				t.Errorf("%s, %d-grams: %.1f steps a word, want at most %d", name, n, float64(work)/float64(words), most)
			}
			t.Logf("%s, %d-grams: %.1f steps a word, repetitive: %v", name, n, float64(work)/float64(words), repetitive)
		}
	}
}
