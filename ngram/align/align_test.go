package align

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"swab/ngram"
	"swab/ngram/overlap"
	"swab/ngram/plain"
)

// Words of a made language: none is common, all say 8 bits by themselves.
func words(r *rand.Rand, alphabet, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("worda%c", 'a'+r.IntN(alphabet))
	}
	return list
}

// spots gives what a matcher finds, with a scanner of n-grams.
func spots(t testing.TB, m *Matcher, n int, text string) []Spot {
	t.Helper()
	scan, err := ngram.Words(n).NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	for scan.Reset([]byte(text)); scan.Next(); {
		m.Block(scan)
	}
	return slices.Clone(m.Spots())
}

// plainSeeds are the seeds of a text as strings, by the place of their first word: two
// words here, as each says 8 bits.
func plainSeeds(group [][]string, text []string) map[int]string {
	most := min(max(len(group)/10, 4), 10)
	seeds, same := map[int]string{}, map[string]int{}
	for i := 0; i+2 <= len(text); i++ {
		seed := strings.Join(text[i:i+2], " ")
		holders := 0
		for _, other := range group {
			if strings.Contains(" "+strings.Join(other, " ")+" ", " "+seed+" ") {
				holders++
			}
		}
		if same[seed]++; same[seed] <= maxSame && holders <= most {
			seeds[i] = seed
		}
	}
	return seeds
}

// TestWeightsEqualFormula: own information is that of the package comment, computed here
// from strings.
func TestWeightsEqualFormula(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	templates, repeated := 0, 0
	for range 60 {
		var group [][]string
		frame := words(r, 26, 5)
		for range 5 + r.IntN(30) {
			text := words(r, 3+r.IntN(23), 3+r.IntN(20))
			if r.IntN(2) == 0 {
				text = slices.Concat(frame, text)
			}
			if !slices.ContainsFunc(group, func(g []string) bool { return slices.Equal(g, text) }) {
				group = append(group, text)
			}
		}
		b := NewBuilder()
		for _, text := range group {
			if _, err := b.Add(7, strings.Join(text, " "), false); err != nil {
				t.Fatal(err)
			}
		}
		x := b.Build()
		most := min(max(len(group)/10, 4), 10)
		for k, text := range group {
			again := map[string]float64{}
			for i, word := range text {
				holders := 0.0
				for _, other := range group {
					if slices.Contains(other, word) {
						holders++
					}
				}
				own := -math.Log2((holders + knowledge*math.Exp2(-float64(units(0.004))/unit)) / (float64(len(group)) + knowledge))
				fewest := math.Inf(1)
				for j := max(0, i-2); j <= i && j+3 <= len(text); j++ {
					gram, n := " "+strings.Join(text[j:j+3], " ")+" ", 0.0
					for _, other := range group {
						if strings.Contains(" "+strings.Join(other, " ")+" ", gram) {
							n++
						}
					}
					fewest = min(fewest, n)
				}
				few := float64(most) / 3
				switch {
				case fewest >= float64(most):
					own = 0
					templates++
				case fewest > few:
					own *= 1 - math.Log(fewest/few)/math.Log(3)
				}
				if again[word]++; again[word] > 1 {
					repeated++
				}
				want := int(math.Round(max(own, 0) * unit / math.Sqrt(again[word])))
				if got := int(x.weights[int(x.starts[k])+i]); got != want {
					t.Fatalf("word %d of %v: %d units, want %d", i, text, got, want)
				}
			}
		}
	}
	if templates < 100 || repeated < 100 {
		t.Errorf("%d template words, %d repeated ones", templates, repeated)
	}
}

// TestSpotsEqualEveryWindow: the best place is that of trying every window of the
// document, over strings, for every scanner and over blocks.
func TestSpotsEqualEveryWindow(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	found, noted := 0, 0
	for round := range 150 {
		var group [][]string
		b := NewBuilder()
		for range 12 {
			text := words(r, 26, 2+r.IntN(14))
			if slices.ContainsFunc(group, func(g []string) bool { return slices.Equal(g, text) }) {
				continue
			}
			group = append(group, text)
			if _, err := b.Add(0, strings.Join(text, " "), false); err != nil {
				t.Fatal(err)
			}
		}
		x := b.Build()
		size := 300
		if round%50 == 0 {
			size = 150000 // several blocks, and more seeds than are noted at a time
		}
		var doc []string
		for len(doc) < size {
			doc = append(doc, words(r, 26, r.IntN(60))...)
			g := group[r.IntN(len(group))]
			from := r.IntN(len(g))
			doc = append(doc, g[from:from+r.IntN(len(g)-from+1)]...)
		}
		m := x.NewMatcher()
		got := map[int]int{}
		for _, s := range spots(t, m, 1+r.IntN(8), strings.Join(doc, " ")) {
			got[s.Text] = s.Found
		}
		noted = max(noted, cap(m.noted))
		for k, text := range group {
			seeds := plainSeeds(group, text)
			var at [][2]int // word of the document, word of the text
			for j := 0; j+2 <= len(doc); j++ {
				for i, seed := range seeds {
					if seed == doc[j]+" "+doc[j+1] {
						at = append(at, [2]int{j, i})
					}
				}
			}
			best, bar := 0, int(x.bars[k])
			for a := range at {
				if a > 0 && at[a][0] == at[a-1][0] {
					continue
				}
				in := map[int]bool{}
				for _, h := range at[a:] {
					if h[0] >= at[a][0]+x.window(k) {
						break
					}
					in[h[1]], in[h[1]+1] = true, true
				}
				sum := 0
				for i := range in {
					sum += int(x.weights[int(x.starts[k])+i])
				}
				best = max(best, sum)
			}
			if best < bar {
				best = 0
			}
			if got[k] != best {
				t.Fatalf("round %d, text %v: found %d, want %d", round, text, got[k], best)
			}
			if best > 0 {
				found++
			}
		}
	}
	if found < 500 || noted < mostNoted {
		t.Errorf("only %d places, %d seeds noted", found, noted)
	}
}

// TestMoreWordsNeverLower: text before and behind changes nothing in what was found, and
// matching words behind never lower it.
func TestMoreWordsNeverLower(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 200 {
		b := NewBuilder()
		var group [][]string
		for range 8 {
			group = append(group, words(r, 26, 6+r.IntN(10)))
			if _, err := b.Add(0, strings.Join(group[len(group)-1], " "), false); err != nil {
				t.Fatal(err)
			}
		}
		m := b.Build().NewMatcher()
		doc := slices.Concat(words(r, 26, 5), group[0][:4], words(r, 26, 3), group[0][4:])
		at := func(doc []string) map[int]int {
			f := map[int]int{}
			for _, s := range spots(t, m, 3, strings.Join(doc, " ")) {
				f[s.Text] = s.Found
			}
			return f
		}
		before := at(doc)
		for _, longer := range [][]string{
			slices.Concat(strings.Fields("unrelated prelude sentences standing elsewhere"), doc),
			slices.Concat(doc, strings.Fields("unrelated epilogue sentences standing elsewhere")),
			slices.Concat(doc, group[0]), slices.Concat(doc, group[3][:3]),
		} {
			after := at(longer)
			for k, f := range before {
				if after[k] < f {
					t.Fatalf("text %d: %d, with more words %d", k, f, after[k])
				}
			}
		}
	}
}

func TestNeedFalls(t *testing.T) {
	last := 2.0
	for bits := 4.0; bits < 1000; bits *= 1.01 {
		n := Need(bits)
		if n > last || n < 0.3 || last-n > 0.02 && last < 2 {
			t.Fatalf("%g bits need %g, fewer %g", bits, n, last)
		}
		last = n
	}
	if Need(12) != 0.97 || Need(400) != 0.39 || math.Abs(Need(90)-0.5) > 1e-9 {
		t.Error("its ends")
	}
}

// TestScoreNeverFallsWithMore: more found information lowers neither share nor strength.
func TestScoreNeverFallsWithMore(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	flags := 0
	for range 20000 {
		var e evidence
		e.passage = r.IntN(3) == 0
		for p := range e.total {
			if r.IntN(4) > 0 {
				e.total[p] = Info{r.IntN(5000), r.IntN(5000)}
				e.found[p] = Info{r.IntN(e.total[p].Own + 1), r.IntN(e.total[p].Known + 1)}
				e.runs[p] = r.IntN(e.found[p].Known + 1)
			}
		}
		_, before := e.score()
		more := e
		p := r.IntN(len(e.total))
		more.found[p].Own += r.IntN(e.total[p].Own - e.found[p].Own + 1)
		more.found[p].Known += r.IntN(e.total[p].Known - e.found[p].Known + 1)
		more.runs[p] += r.IntN(more.found[p].Known - more.runs[p] + 1)
		_, after := more.score()
		// Once half of the question is there its choices count in another way, which asks for less.
		if after < before-1e-12 {
			t.Fatalf("%+v: %g, with more %g", e, before, after)
		}
		if before >= 1 {
			flags++
		}
	}
	if flags < 1000 {
		t.Errorf("only %d flags", flags)
	}
}

// look collects documents into covers of one item list.
func look(t testing.TB, s *Items, shard string, docs []string, rows []int64) map[int]*Cover {
	t.Helper()
	c := s.NewCollector()
	c.Reset(shard)
	var clean plain.Cleaner
	scan := singleWords()
	for i, d := range docs {
		cleaned := clean.Clean([]byte(d))
		for scan.Reset(cleaned); scan.Next(); {
			c.Matcher.Block(scan)
		}
		c.End(rows[i], fmt.Sprint("d", rows[i]), []byte(d), cleaned, &clean)
	}
	all := map[int]*Cover{}
	for i, cover := range c.Covers() {
		all[i] = cover
	}
	return all
}

func items(t testing.TB, questions ...string) *Items {
	t.Helper()
	b := NewBuilder()
	var list []overlap.Item
	for _, q := range questions {
		n, err := b.Add(0, q, false)
		if err != nil {
			t.Fatal(err)
		}
		it := overlap.Item{Texts: [overlap.NumParts]int32{overlap.None, int32(n), overlap.None, overlap.None}}
		list = append(list, it)
	}
	return NewItems(list, b.Build())
}

// TestMergeInAnyTree: covers of shards join in any order to those of all documents.
func TestMergeInAnyTree(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	kept := 0
	for range 60 {
		var questions []string
		for range 6 {
			questions = append(questions, strings.Join(words(r, 26, 10+r.IntN(10)), " "))
		}
		s := items(t, questions...)
		var docs []string
		var rows []int64
		for i := range 12 {
			q := strings.Fields(questions[r.IntN(3)])
			docs = append(docs, strings.Join(slices.Concat(words(r, 26, 4), q[:len(q)-r.IntN(len(q)/2)], words(r, 26, 4)), " "))
			rows = append(rows, int64(i))
		}
		want := look(t, s, "s", docs, rows)
		var parts []map[int]*Cover
		for i := range docs {
			parts = append(parts, look(t, s, "s", docs[i:i+1], rows[i:i+1]))
		}
		for len(parts) > 1 {
			i := r.IntN(len(parts))
			a := parts[i]
			parts = slices.Delete(parts, i, i+1)
			to := parts[r.IntN(len(parts))]
			for item, c := range a {
				if to[item] == nil {
					to[item] = &Cover{}
				}
				s.Merge(item, to[item], c)
			}
		}
		if !reflect.DeepEqual(parts[0], want) {
			t.Fatalf("merged %v, want %v", parts[0], want)
		}
		for _, c := range want {
			kept += len(c.Sightings)
		}
	}
	if kept < 200 {
		t.Errorf("only %d sightings", kept)
	}
}

// TestDecoysWeighNothing: texts made of others change no weight, and no document that
// holds one of those is flagged for them.
func TestDecoysWeighNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	a, b := NewBuilder(), NewBuilder()
	for range 40 {
		text := strings.Join(words(r, 26, 20), " ")
		for _, x := range []*Builder{a, b} {
			if _, err := x.Add(0, text, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	n := b.Recombine(0, 3, []int{5, 9, 11}, 5)
	if n != 40 || b.Words(n) != 20 {
		t.Fatalf("text %d", n)
	}
	if b.Recombine(0, 7, []int{7}, 20) != -1 {
		t.Error("a decoy is a text")
	}
	x, y := a.Build(), b.Build()
	if !slices.Equal(x.weights, y.weights[:len(x.weights)]) || !slices.Equal(x.spans, y.spans[:len(x.spans)]) {
		t.Error("weights changed")
	}
}

// TestOnePhraseAMillionTimes: a document that repeats a phrase of many items is found
// in, and what the matcher holds of it stays small.
func TestOnePhraseAMillionTimes(t *testing.T) {
	var questions []string
	for i := range 3 {
		questions = append(questions, fmt.Sprintf("glacier moraine valley number%d and more%d", i, i))
	}
	s := items(t, questions...)
	m := s.x.NewMatcher()
	got := spots(t, m, 4, strings.Repeat("glacier moraine valley ", 200_000))
	if len(got) == 0 {
		t.Fatal("nothing found")
	}
	for i := range m.open {
		if n := cap(m.open[i].hits); n > 4096 {
			t.Errorf("%d hits are held of one text", n)
		}
	}
}

// TestNear: what a close look finds of an item in documents disturbed by hand.
func TestNear(t *testing.T) {
	const q = "Quentin painted seventeen wooden herons before breakfast on Thursday. How many wings did those herons have altogether?"
	s := items(t, q, "Another question about purple mountains and their shadows in winter evenings?", "What else could anybody ask about ancient clockwork engines?")
	all := len(strings.Fields(q))
	for _, c := range []struct {
		name, doc string
		least     int
		most      int
	}{
		{"as is", q, all, all},
		{"in tags", strings.ReplaceAll(q, " ", "</b> <b class=\"x\">"), all, all},
		{"upper case", strings.ToUpper(q), all, all},
		{"a word is gone", strings.Replace(q, "wooden ", "", 1), all - 1, all - 1},
		{"a word is more", strings.Replace(q, "wooden ", "wooden painted ", 1), all - 1, all},
		{"a word is another", strings.Replace(q, "seventeen", "eighteen", 1), all - 1, all - 1},
		{"sentences change places", "How many wings did those herons have altogether? Quentin painted seventeen wooden herons before breakfast on Thursday.", all, all},
		{"words change places", "altogether herons Thursday did breakfast Quentin wings wooden have before seventeen on How those painted many", 0, 4},
	} {
		n := s.x.NewNear()
		n.Look([]byte(c.doc), 0, len(c.doc))
		if c.name == "in tags" {
			var clean plain.Cleaner
			doc := clean.Clean([]byte(c.doc))
			n.Look(doc, 0, len(doc))
		}
		if f := n.Text(0, nowhere); f.Words < c.least || f.Words > c.most {
			t.Errorf("%s: %d words of %d", c.name, f.Words, all)
		}
		taken := map[int32]bool{}
		for _, j := range n.words {
			if j > 0 && taken[j] {
				t.Errorf("%s: word %d stands for two", c.name, j)
			}
			taken[j] = true
		}
	}
}

// TestExample is the example of swab methods swab.
func TestExample(t *testing.T) {
	questions := []string{"Which old glacier feeds Lake Tarnholm?"}
	for i := range 999 {
		questions = append(questions, fmt.Sprintf("Please name item%da item%db item%dc.", i, i, i))
	}
	s := items(t, questions...)
	x := s.x
	for i, want := range []float64{1.7, 6.0, 8.6, 7.8, 7.0, 8.6} {
		if got := float64(x.weights[int(x.starts[0])+i]) / unit; math.Abs(got-want) > 0.06 {
			t.Errorf("word %d carries %.2f bits, not %.1f", i, got, want)
		}
	}
	total := float64(x.Total(0).Own) / unit
	t.Logf("total %.1f bits, known %.1f, need %.3f", total, float64(x.Total(0).Known)/unit, Need(total))
	for _, c := range []struct {
		doc   string
		state overlap.State
		kind  string
	}{
		{"<b>Lake Tarnholm</b> is fed by an old river of ice.", overlap.Clean, Fragment},
		{"He asked: which old glacier feeds <i>Lake Tarnholm</i>?", overlap.Flagged, Input},
	} {
		cover := look(t, s, "s", []string{c.doc}, []int64{0})[0]
		v := s.Judge(0, cover, 1)
		t.Logf("%q: %+v", c.doc, v)
		if v.State != c.state || v.Kind != c.kind {
			t.Errorf("%q: %s %s, want %s %s", c.doc, v.State, v.Kind, c.state, c.kind)
		}
	}
}
