package align

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"swab/ngram"
)

// shareOf is the share of texts that hold a common word.
var shareOf = func() map[string]float64 {
	shares := map[string]float64{}
	for _, c := range common {
		for _, w := range strings.Fields(c.words) {
			shares[w] = max(shares[w], c.share)
		}
	}
	return shares
}()

// knownOf is the known information of a word of ASCII, units.
func knownOf(w string) int {
	if share, ok := shareOf[w]; ok {
		return int(math.Round(-16 * math.Log2(share)))
	}
	shares := []float64{0.12, 0.1, 0.03, 0.015, 0.008, 0.004}
	if w[0] <= '9' {
		shares = []float64{0.12, 0.05, 0.02, 0.008}
	}
	return int(math.Round(-16 * math.Log2(shares[min(len(w), len(shares))-1])))
}

func isCommon(w string) bool { return knownOf(w) < 49 }

// seedOf gives the seed that begins with word i: its words that are not common, and
// how many words it is in; 0 if there is none.
func seedOf(words []string, i int) (key string, span int) {
	if isCommon(words[i]) {
		return "", 0
	}
	var list []string
	sum := 0
	for k := i; k < len(words) && len(list) < 5; k++ {
		if isCommon(words[k]) {
			continue
		}
		list, sum = append(list, words[k]), sum+knownOf(words[k])
		if len(list) >= 2 && sum >= 14*16 {
			return strings.Join(list, " "), k - i + 1
		}
	}
	return "", 0
}

// weighed is a text as the definition of the method weighs it.
type weighed struct {
	words      []string
	cited      []bool
	own, known []int
	seeds      []string // by word
	spans      []int
	total      Info
	seeded     int
}

// weigh weighs the distinct texts of a group, each of which stands for so many.
// A long one is one text however often it was added.
func weigh(texts []weighed, times []int) {
	times = slices.Clone(times)
	for t, x := range texts {
		sum := 0
		for _, w := range x.words {
			sum += knownOf(w)
		}
		if sum >= repeatedBits*16 {
			times[t] = min(times[t], 1)
		}
	}
	all := 0
	holds := map[string]int{} // words, grams and seeds to how many texts hold them
	for t, x := range texts {
		all += times[t]
		in := map[string]bool{}
		for i, w := range x.words {
			in[w] = true
			if i+3 <= len(x.words) {
				in["gram "+strings.Join(x.words[i:i+3], " ")] = true
			}
			if key, span := seedOf(x.words, i); span > 0 {
				in["seed "+key] = true
			}
		}
		for key := range in {
			holds[key] += times[t]
		}
	}
	most := min(max(all/10, 4), 10)
	for t := range texts {
		x := &texts[t]
		n := len(x.words)
		x.own, x.known, x.seeds, x.spans = make([]int, n), make([]int, n), make([]string, n), make([]int, n)
		again, same, covered := map[string]float64{}, map[string]int{}, map[int]bool{}
		few, says := 0, 0
		for i, w := range x.words {
			fewest := math.MaxInt
			for k := max(0, i-2); k <= i; k++ {
				if k+3 <= n {
					fewest = min(fewest, holds["gram "+strings.Join(x.words[k:k+3], " ")])
				}
			}
			rare := 1.0
			if n >= 3 {
				rare = min(1, max(0, 1-math.Log(3*float64(fewest)/float64(most))/math.Log(3)))
			}
			again[w]++
			less := math.Sqrt(again[w])
			share := (float64(holds[w]) + 1000*math.Pow(2, -float64(knownOf(w))/16)) / (float64(all) + 1000)
			x.own[i] = int(math.Round(16 * max(0, -math.Log2(share)*rare) / less))
			x.known[i] = int(math.Round(float64(knownOf(w)) / less))
			if x.cited[i] {
				x.own[i] = 0
			}
			few, says = few+x.own[i], says+knownOf(w)
		}
		most := most
		repeated := few < fewBits*16 && says >= repeatedBits*16
		if repeated {
			most = mostRepeats
		}
		for i := range x.words {
			if key, span := seedOf(x.words, i); span > 0 {
				if same[key]++; same[key] <= 4 && holds["seed "+key] <= most {
					x.seeds[i], x.spans[i] = key, span
					for k := i; k < i+span; k++ {
						covered[k] = true
						if repeated && !x.cited[k] {
							x.own[k] = max(x.own[k], 1)
						}
					}
				}
			}
		}
		for i := range x.words {
			if !x.cited[i] {
				x.total = x.total.plus(Info{x.own[i], x.known[i]})
			}
		}
		for i := range covered {
			x.seeded += x.own[i]
		}
	}
}

// alphabet is words of all kinds: common, short, long, numbers.
var alphabet = strings.Fields("the of and to in you time value x qz cab 7 42 365 2024 lamp stone river harbour sailors nets")

func randomWords(rng *rand.Rand, from []string, n int) (words []string) {
	for range n {
		words = append(words, from[rng.IntN(len(from))])
	}
	return words
}

// randomText is a text; with quote, it may hold a quotation.
func randomText(rng *rand.Rand, from []string, quote bool) (text string, w weighed) {
	w.words = randomWords(rng, from, rng.IntN(40))
	w.cited = make([]bool, len(w.words))
	shown := slices.Clone(w.words)
	if n := len(w.words); quote && n > 1 {
		from := rng.IntN(n - 1)
		to := from + 1 + rng.IntN(n-from-1)
		marks := [][2]string{{"\"", "\""}, {"“", "”"}, {"«", "»"}, {"「", "」"}, {"'", "'"}}[rng.IntN(5)]
		shown[from], shown[to] = marks[0]+shown[from], shown[to]+marks[1]
		if size := to - from + 1; marks[0] != "'" && size >= 6 && 10*size <= 7*n {
			for i := from; i <= to; i++ {
				w.cited[i] = true
			}
		}
	}
	return strings.Join(shown, " "), w
}

func mustAdd(t testing.TB, b *Builder, group int, text string, once bool) int {
	t.Helper()
	n, err := b.Add(group, text, once)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestWeights: own and known information of every word and the seeds of every text are
// what the definition says, in groups that share words but are weighed apart.
func TestWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	seen := map[string]int{}
	for range 150 {
		b := NewBuilder()
		type group struct {
			texts []weighed
			times []int
			at    []int
		}
		groups := make([]group, 1+rng.IntN(3))
		stems := [][]string{randomWords(rng, alphabet, 12), randomWords(rng, alphabet, 5)}
		for range 1 + rng.IntN(80) {
			k := rng.IntN(len(groups))
			g := &groups[k]
			text, w := randomText(rng, alphabet[:5+rng.IntN(len(alphabet)-4)], rng.IntN(3) == 0)
			if rng.IntN(2) == 0 { // a template
				stem := stems[rng.IntN(2)]
				text = strings.Join(stem, " ") + " " + text
				w.words = append(slices.Clone(stem), w.words...)
				w.cited = make([]bool, len(w.words)) // as if nothing were quoted
				text = strings.NewReplacer("\"", "", "“", "", "«", "", "「", "").Replace(text)
			}
			once := rng.IntN(4) == 0
			n := mustAdd(t, b, k, text, once)
			same := slices.IndexFunc(g.texts, func(o weighed) bool { return slices.Equal(o.words, w.words) })
			switch {
			case same < 0:
				g.texts, g.times, g.at = append(g.texts, w), append(g.times, 1), append(g.at, n)
				continue
			case g.at[same] != n:
				t.Fatalf("%q is text %d, then %d", text, g.at[same], n)
			case !once:
				g.times[same]++
			}
			seen["again"]++
		}
		if rng.IntN(2) == 0 { // texts that stand for many
			for k := range groups {
				if g := &groups[k]; len(g.texts) > 0 {
					for range 15 {
						mustAdd(t, b, k, strings.Join(g.texts[0].words, " "), false)
						g.times[0]++
						seen["again"]++
					}
				}
			}
		}
		x := b.Build()
		for _, g := range groups {
			weigh(g.texts, g.times)
			for k, w := range g.texts {
				n := g.at[k]
				first := int(x.starts[n])
				if x.Words(n) != len(w.words) || x.Total(n) != w.total || int(x.bars[n]) != int(leastFound*float64(w.seeded))+1 {
					t.Fatalf("%q: %d words, %+v, bar %d; want %+v, in seeds %d", w.words, x.Words(n), x.Total(n), x.bars[n], w.total, w.seeded)
				}
				for i, word := range w.words {
					got := [3]int{int(x.weights[first+i]), int(x.says[first+i]), int(x.spans[first+i])}
					if want := [3]int{w.own[i], w.known[i], w.spans[i]}; got != want {
						t.Fatalf("word %d, %q, of %q: %v, want %v", i, word, w.words, got, want)
					}
					_, span := seedOf(w.words, i)
					seen[fmt.Sprintf("dropped seed %v", w.spans[i] < span)]++
					seen[fmt.Sprintf("cited %v", w.cited[i])]++
					seen[fmt.Sprintf("nothing %v", w.own[i] == 0)]++
				}
			}
		}
	}
	for _, what := range []string{"again", "dropped seed true", "dropped seed false", "cited true", "cited false", "nothing true", "nothing false"} {
		if seen[what] < 100 {
			t.Errorf("%s: only %d", what, seen[what])
		}
	}
}

// TestVocabulary: every common word is known as such, and no other word.
func TestVocabulary(t *testing.T) {
	v := newVocabulary()
	known := func(w string) int {
		return int(v.known(ngram.HashWord([]byte(w)), ngram.ShapeOf([]byte(w))))
	}
	for _, c := range common {
		for _, w := range strings.Fields(c.words) {
			if len(w) > longestCommon || known(w) != knownOf(w) || content(uint8(known(w))) {
				t.Errorf("%s is known for %d", w, known(w))
			}
		}
	}
	for w, want := range map[string]float64{"q": 0.12, "qq": 0.1, "cab": 0.03, "lamp": 0.015, "stone": 0.008, "harbour": 0.004, "harbourmasters": 0.004,
		"7": 0.12, "42": 0.05, "365": 0.02, "2024": 0.008, "20240101": 0.008, "中": 0.05, "é": 0.05, "été": 0.03, "thé": 0.03} {
		if got := known(w); got != int(math.Round(-16*math.Log2(want))) || !content(uint8(got)) {
			t.Errorf("%s is known for %d, not %g", w, got, -16*math.Log2(want))
		}
	}
}

// TestSpellings: markup, case and composition do not make another text.
func TestSpellings(t *testing.T) {
	b := NewBuilder()
	first := mustAdd(t, b, 0, "The café's lamp & stone", false)
	for _, same := range []string{"the <b>CAFÉ</b>'s lamp &amp; stone", `The caf\u00e9's\nlamp stone`, "the cafe\u0301 s la-\nmp [stone](/x)"} {
		if got := mustAdd(t, b, 0, same, false); got != first {
			t.Errorf("%q is another text", same)
		}
	}
	if mustAdd(t, b, 1, "The café's lamp & stone", false) == first {
		t.Error("two groups share a text")
	}
}

// TestRecombine: decoys have the size asked for, are made of pieces of the texts named,
// are no text that was added, and change no weight of another text.
func TestRecombine(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	made, refused := 0, 0
	for range 100 {
		var texts []string
		for range 3 + rng.IntN(20) {
			text, _ := randomText(rng, alphabet[:2+rng.IntN(len(alphabet)-2)], false)
			texts = append(texts, text)
		}
		plain, with := NewBuilder(), NewBuilder()
		var numbers []int
		for _, text := range texts {
			mustAdd(t, plain, 0, text, false)
			numbers = append(numbers, mustAdd(t, with, 0, text, false))
		}
		decoys := map[int][]string{}
		for range 10 {
			like, piece := numbers[rng.IntN(len(numbers))], 1+rng.IntN(6)
			var of []int
			for range 1 + rng.IntN(5) {
				of = append(of, rng.IntN(len(numbers)))
			}
			var want []string
			size := with.Words(like)
			for at := 0; at < size; at += piece {
				for _, k := range of {
					w := strings.Fields(texts[k])
					want = append(want, w[min(at, len(w)):min(at+piece, len(w))]...)
				}
			}
			want = want[:min(len(want), size)]
			var of2 []int
			for _, k := range of {
				of2 = append(of2, numbers[k])
			}
			n := with.Recombine(0, like, of2, piece)
			joined := strings.Join(want, " ")
			known := slices.Contains(texts, joined)
			for _, d := range decoys {
				known = known || strings.Join(d, " ") == joined
			}
			if (n < 0) != known {
				t.Fatalf("%q is decoy %d of %q", joined, n, texts)
			}
			if n >= 0 {
				decoys[n] = want
				made++
			} else {
				refused++
			}
		}
		x, y := plain.Build(), with.Build()
		for n := range x.Texts() {
			if x.Total(n) != y.Total(n) || x.bars[n] != y.bars[n] {
				t.Fatalf("text %d: %+v without decoys, %+v with", n, x.Total(n), y.Total(n))
			}
		}
		last := x.starts[x.Texts()]
		if !slices.Equal(x.weights, y.weights[:last]) || !slices.Equal(x.says, y.says[:last]) || !slices.Equal(x.spans, y.spans[:last]) {
			t.Fatal("decoys change weights of other texts")
		}
		for n, want := range decoys {
			if y.Words(n) != len(want) {
				t.Fatalf("decoy of %d words, want %q", y.Words(n), want)
			}
			for i, w := range want {
				if y.hashes[y.words[int(y.starts[n])+i]] != ngram.HashWord([]byte(w)) {
					t.Fatalf("word %d is not %q", i, w)
				}
			}
		}
	}
	if made < 300 || refused < 50 {
		t.Errorf("%d decoys, %d refused", made, refused)
	}
}
