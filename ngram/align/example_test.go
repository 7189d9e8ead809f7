package align

import (
	"math"
	"slices"
	"testing"

	"swab/ngram"
	"swab/ngram/item"
)

// TestWorkedExample follows the method through a benchmark of four items and a document
// that holds most of the first one. All numbers can be had with a pocket calculator.
func TestWorkedExample(t *testing.T) {
	questions := []string{
		"Maria picks 12 apples and 7 pears. How many baskets does Maria need for the apples?",
		"How many apples does Tom eat in 12 days?",
		"How many pears fit in the crate?",
		"A tram crosses the bridge in 7 minutes.",
	}
	const doc = "Homework: Maria picks 15 apples and 7 pears; how many baskets does she need?"
	words := []struct {
		word       string
		holds      float64 // items that hold it, of four
		share      float64 // of all texts that hold it, by general knowledge
		time       float64 // that it comes in the item
		own, known int     // sixteenths of a bit
		seed       int     // words of the seed that it begins
		there      bool    // in the document
	}{
		{"maria", 1, 0.008, 1, 108, 111, 3, true},   // -log2(0.008) = 6.94 bits in sixteenths, and log2(1004/(1+8.2)) = 6.75
		{"picks", 1, 0.008, 1, 108, 111, 3, true},   // with "12": 6.94 + 4.31 < 14, so "apples" is of the seed too
		{"12", 2, 0.05, 1, 68, 69, 4, false},        // log2(1004/(2+50)) = 4.25: the document has 15
		{"apples", 2, 0.004, 1, 118, 127, 4, true},  // log2(1004/(2+4)) = 7.38
		{"and", 1, 0.9, 1, 2, 2, 0, true},           // common words begin no seed
		{"7", 2, 0.12, 1, 49, 49, 5, true},          // log2(1004/(2+120))
		{"pears", 2, 0.008, 1, 106, 111, 4, true},   // log2(1004/(2+8))
		{"how", 3, 0.25, 1, 32, 32, 0, true},        // log2(1004/(3+250))
		{"many", 3, 0.25, 1, 32, 32, 0, true},       //
		{"baskets", 1, 0.004, 1, 122, 127, 3, true}, // log2(1004/(1+4))
		{"does", 2, 0.25, 1, 32, 32, 0, true},       //
		{"maria", 1, 0.008, 2, 77, 78, 5, false},    // the second time: 6.77/√2
		{"need", 1, 0.015, 1, 96, 97, 4, false},     // it is there, but neither of its neighbours beside it
		{"for", 1, 0.6, 1, 12, 12, 0, false},        //
		{"the", 3, 0.9, 1, 2, 2, 0, false},          //
		{"apples", 2, 0.004, 2, 83, 90, 0, false},   // too little is left for a seed
	}
	var items [][item.NumParts]string
	for _, q := range questions {
		items = append(items, [item.NumParts]string{item.Question: q})
	}
	s := bench(t, items...)
	x := s.x
	if x.Words(0) != len(words) {
		t.Fatalf("%d words", x.Words(0))
	}
	var total, found Info
	there := 0
	for i, w := range words {
		at := int(x.starts[0]) + i
		alone := math.Round(-16 * math.Log2(w.share)) // what the word says where it comes first
		own := 16 * math.Log2(1004/(w.holds+1000*math.Exp2(-alone/16))) / math.Sqrt(w.time)
		known := alone / math.Sqrt(w.time)
		if math.Round(own) != float64(w.own) || math.Round(known) != float64(w.known) {
			t.Errorf("%s: own %g, known %g", w.word, own, known)
		}
		if int(x.weights[at]) != w.own || int(x.says[at]) != w.known || int(x.spans[at]) != w.seed || x.hashes[x.words[at]] != ngram.HashWord([]byte(w.word)) {
			t.Errorf("%s: own %d, known %d, seed of %d words", w.word, x.weights[at], x.says[at], x.spans[at])
		}
		total = total.plus(Info{w.own, w.known})
		if w.there {
			found, there = found.plus(Info{w.own, w.known}), there+1
		}
		t.Logf("%-8s own %5.2f bits, known %5.2f, seed of %d words, found %v", w.word, float64(w.own)/16, float64(w.known)/16, w.seed, w.there)
	}
	if total != (Info{1047, 1082}) || found != (Info{709, 734}) || there != 10 || x.Total(0) != total { // 65.4 and 67.6 bits; 44.3 and 45.9
		t.Errorf("%+v of %+v, %d words", found, total, there)
	}
	// The second stretch begins where it would follow, behind a word that differs: to say so
	// takes 1 bit of what was found. 0.6619 of its own information and 0.6636 of its known:
	// the smaller share, and a fifth of what the other is more.
	const score = (709.-16)/1047 + 0.2*((734.-16)/1082-(709.-16)/1047)
	// 65.4 bits lie between 64, which need 0.59, and 90, which need 0.50; the longest
	// stretch, "apples and 7 pears how many baskets does", says 512 sixteenths = 32 bits,
	// which takes a fifth of the quarter off that 60 bits would.
	need := (0.59 - 0.09*math.Log(65.4375/64)/math.Log(90./64)) * (1 - 0.25*(32-25)/(60-25))
	v := judged(t, s, doc)
	if math.Abs(v.Score-score) > 1e-12 || math.Abs(v.Need-need) > 1e-12 || math.Abs(v.Score-0.6622) > 5e-5 || math.Abs(v.Need-0.5549) > 5e-5 {
		t.Errorf("score %g of %g needed", v.Score, v.Need)
	}
	// It would be enough, but the one word that differs is a number: of ten words three are
	// decisive, and by chance a number would be in its place 0.15 of the time.
	if v.State != item.Clean || v.Kind != Altered || v.Bits != 65.4375 || v.Words != 16 || v.Found != 10 || v.Run != 8 {
		t.Errorf("%+v", v)
	}
	c := s.NewCollector()
	c.Reset("shard")
	read(t, c, 0, doc)
	var quoted []string
	for _, q := range c.covers[0].Matches[0].Runs {
		quoted = append(quoted, doc[q.Start:q.End])
	}
	if !slices.Equal(quoted, []string{"Maria picks", "apples and 7 pears; how many baskets does"}) {
		t.Errorf("%q", quoted)
	}
	g := c.covers[0].Matches[0]
	if numbers := (Exchange{Exchanged: 1, Retained: 1}); g.Found[item.Question].Run != 512 || g.Decisive.Numbers != numbers { // 12 is 15; 7 is kept
		t.Errorf("%+v", g)
	}
	t.Logf("%.2f of %.2f bits: score %.4f, needed %.4f: %s (%s)", float64(found.Own)/16, v.Bits, v.Score, v.Need, v.State, v.Kind)
}
