package align

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"swab/ngram"
	"swab/ngram/item"
	"swab/ngram/plain"
)

// madeWords are words of a made language: none is common, all say 8 bits by themselves.
func madeWords(r *rand.Rand, alphabet, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("worda%c", 'a'+r.IntN(alphabet))
	}
	return list
}

// windowsOf gives what a matcher finds, with a scanner of n-grams.
func windowsOf(t testing.TB, m *Matcher, n int, text string) []Window {
	t.Helper()
	scan, err := ngram.Words(n).NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	for scan.Reset([]byte(text)); scan.Next(); {
		m.Block(scan)
	}
	return slices.Clone(m.Windows())
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

// TestSpotsWithManySeeds: the best place is that of trying every window of the
// document, over strings, for every scanner and over blocks.
func TestSpotsWithManySeeds(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	found, noted := 0, 0
	for round := range 60 {
		var group [][]string
		b := NewBuilder()
		for range 12 {
			text := madeWords(r, 26, 2+r.IntN(14))
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
			doc = append(doc, madeWords(r, 26, r.IntN(60))...)
			g := group[r.IntN(len(group))]
			from := r.IntN(len(g))
			doc = append(doc, g[from:from+r.IntN(len(g)-from+1)]...)
		}
		m := x.NewMatcher()
		got := map[int]int{}
		for _, s := range windowsOf(t, m, 1+r.IntN(8), strings.Join(doc, " ")) {
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
					if h[0] >= at[a][0]+x.windowSize(k) {
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

// lookAt collects documents into covers of one item list.
func lookAt(t testing.TB, s *Items, shard string, docs []string, rows []int64) map[int]*Cover {
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

func itemsOf(t testing.TB, questions ...string) *Items {
	t.Helper()
	b := NewBuilder()
	var list []item.Item
	for _, q := range questions {
		n, err := b.Add(0, q, false)
		if err != nil {
			t.Fatal(err)
		}
		it := item.Absent(0)
		it.Texts[item.Question] = int32(n)
		list = append(list, it)
	}
	return NewItems(list, len(list), len(list), b.Build())
}

// TestExample is the example of swab methods swab.
func TestExample(t *testing.T) {
	questions := []string{"Which old glacier feeds Lake Tarnholm?"}
	for i := range 999 {
		questions = append(questions, fmt.Sprintf("Please name item%da item%db item%dc.", i, i, i))
	}
	s := itemsOf(t, questions...)
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
		state item.State
		kind  string
	}{
		{"<b>Lake Tarnholm</b> is fed by an old river of ice.", item.Clean, Fragment},
		{"He asked: which old glacier feeds <i>Lake Tarnholm</i>?", item.Flagged, Input},
	} {
		cover := lookAt(t, s, "s", []string{c.doc}, []int64{0})[0]
		v := s.Judge(0, cover, 1)
		t.Logf("%q: %+v", c.doc, v)
		if v.State != c.state || v.Kind != c.kind {
			t.Errorf("%q: %s %s, want %s %s", c.doc, v.State, v.Kind, c.state, c.kind)
		}
	}
}
