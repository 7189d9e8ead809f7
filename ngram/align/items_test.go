package align

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"swab/ngram"
	"swab/ngram/item"
	"swab/ngram/plain"
)

// TestNeed: the share that is needed falls with an item's information, without steps.
func TestNeed(t *testing.T) {
	for bits, want := range map[float64]float64{0: 0.97, 1: 0.97, 12: 0.97, 20: 0.72, 64: 0.59, 400: 0.39, 1e9: 0.39, math.Sqrt(12 * 20): (0.97 + 0.72) / 2} {
		if got := Need(bits); math.Abs(got-want) > 1e-12 {
			t.Errorf("%g bits need %g, want %g", bits, got, want)
		}
	}
	last, lastBits := Need(10), 10.0
	for bits := 10.0; bits < 1000; bits *= 1.0001 {
		need := Need(bits)
		if need > last || last-need > 0.001 || bits > 12.01 && bits < 399 && need == last {
			t.Fatalf("%g bits need %g, %g bits %g", lastBits, last, bits, need)
		}
		last, lastBits = need, bits
	}
}

// TestStrengthGrows: more that is found never makes an item's strength smaller, and
// where there is one way to look at it, not its share either.
func TestStrengthGrows(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	seen := map[string]int{}
	for range 100_000 {
		var e evidence
		e.passage = rng.IntN(2) == 0
		for p := range e.total {
			if rng.IntN(3) > 0 || item.Part(p) == item.Question {
				e.total[p] = Info{rng.IntN(150 * unit), 1 + rng.IntN(150*unit)}
				if rng.IntN(3) > 0 {
					e.found[p] = Info{rng.IntN(e.total[p].Own + 1), rng.IntN(e.total[p].Known + 1)}
					e.runs[p] = rng.IntN(e.found[p].Known + 1)
				}
			}
		}
		share, strength := e.score()
		if share < 0 || share > 1 || strength < 0 || (share == 0) != (strength == 0) {
			t.Fatalf("%+v: share %g, strength %g", e, share, strength)
		}
		more := e
		for p := range more.total {
			f, all := &more.found[p], more.total[p]
			f.Own += rng.IntN(all.Own - f.Own + 1)
			f.Known += rng.IntN(all.Known - f.Known + 1)
			more.runs[p] += rng.IntN(f.Known - more.runs[p] + 1)
		}
		share2, strength2 := more.score()
		one := !e.passage && e.total[item.Choices].Known == 0
		if strength2 < strength || one && share2 < share && !e.byAnswer {
			t.Fatalf("%+v: share %g, strength %g\n%+v: %g, %g", e, share, strength, more, share2, strength2)
		}
		seen[fmt.Sprintf("one way %v, flags %v %v", one, strength >= 1, strength2 >= 1)]++
		// A passage or choices that are not there take nothing from an item of its own.
		answer := e
		answer.found[item.Answer], answer.runs[item.Answer] = Info{}, 0
		if _, s := answer.score(); s != strength && e.solution() < 1 {
			t.Fatalf("%+v: the answer counts", e)
		}
		// What flags may be looked at closely: seeds alone show much of it.
		if strength >= 1 && !e.hopeful() {
			t.Fatalf("%+v flags and is not looked at", e)
		}
	}
	for _, what := range []string{"one way true, flags false true", "one way true, flags true true", "one way true, flags false false",
		"one way false, flags false true", "one way false, flags true true", "one way false, flags false false"} {
		if seen[what] < 500 {
			t.Errorf("%s: only %d", what, seen[what])
		}
	}
}

// TestScore: by hand, an item of 64 bits needs 59 %.
func TestScore(t *testing.T) {
	bits := func(own, known int) Info { return Info{own * unit, known * unit} }
	const q, ch, ctx = item.Question, item.Choices, item.Context
	for _, c := range []struct {
		what            string
		total, found    map[item.Part]Info
		run             int // bits, of the question
		passage         bool
		share, strength float64
	}{
		{"half", map[item.Part]Info{q: bits(64, 64)}, map[item.Part]Info{q: bits(32, 32)}, 0, false, 0.5, 0.5 / 0.59},
		{"less of what is known", map[item.Part]Info{q: bits(64, 64)}, map[item.Part]Info{q: bits(48, 32)}, 0, false, 0.55, 0.55 / 0.59},
		{"less of its own", map[item.Part]Info{q: bits(64, 64)}, map[item.Part]Info{q: bits(32, 48)}, 0, false, 0.55, 0.55 / 0.59},
		{"a run of 25 bits", map[item.Part]Info{q: bits(64, 64)}, map[item.Part]Info{q: bits(32, 32)}, 25, false, 0.5, 0.5 / 0.59},
		{"a run of 60 bits", map[item.Part]Info{q: bits(64, 64)}, map[item.Part]Info{q: bits(32, 32)}, 60, false, 0.5, 0.5 / (0.75 * 0.59)},
		{"scattered words of little", map[item.Part]Info{q: bits(48, 50)}, map[item.Part]Info{q: bits(36, 40)}, 19, false, 0.76, 0.76 / (1.1 * 0.63)},
		{"and with a stretch of them", map[item.Part]Info{q: bits(48, 50)}, map[item.Part]Info{q: bits(36, 40)}, 20, false, 0.76, 0.76 / 0.63},
		{"scattered, and all there", map[item.Part]Info{q: bits(12, 50)}, map[item.Part]Info{q: bits(12, 50)}, 0, false, 1, 1 / 0.97},
		{"too little to judge", map[item.Part]Info{q: bits(11, 64)}, map[item.Part]Info{q: bits(11, 64)}, 0, false, 0, 0},
		{"common words only", map[item.Part]Info{q: bits(64, 29)}, map[item.Part]Info{q: bits(64, 29)}, 0, false, 0, 0},
		{"its context counts", map[item.Part]Info{q: bits(32, 32), ctx: bits(32, 32)}, map[item.Part]Info{ctx: bits(32, 32)}, 0, false, 0.5, 0.5 / 0.59},
		{"a passage does not", map[item.Part]Info{q: bits(64, 64), ctx: bits(64, 64)}, map[item.Part]Info{ctx: bits(64, 64)}, 0, true, 0, 0},
		{"no choices there", map[item.Part]Info{q: bits(20, 40), ch: bits(200, 200)}, map[item.Part]Info{q: bits(20, 40)}, 0, false, 1, 1 / 0.96},
		{"nor much of the question", map[item.Part]Info{q: bits(400, 400), ch: bits(4000, 4000)}, map[item.Part]Info{q: bits(100, 100)}, 0, false, 0.25, 0.25 / (1.6 * 0.39)},
		{"half of all, half of the question", map[item.Part]Info{q: bits(60, 60), ch: bits(30, 30)}, map[item.Part]Info{q: bits(30, 30), ch: bits(30, 30)}, 0, false, 60. / 90, 60. / 90 / 0.5},
		{"choices without the question", map[item.Part]Info{q: bits(45, 45), ch: bits(45, 45)}, map[item.Part]Info{q: bits(15, 15), ch: bits(45, 45)}, 14, false, 1. / 3, 0},
		{"and with a stretch", map[item.Part]Info{q: bits(45, 45), ch: bits(45, 45)}, map[item.Part]Info{q: bits(15, 15), ch: bits(45, 45)}, 15, false, 60. / 90, 60. / 90 / 0.55},
	} {
		e := evidence{passage: c.passage}
		for p, i := range c.total {
			e.total[p] = i
		}
		for p, i := range c.found {
			e.found[p] = i
		}
		e.runs[q], e.asks = c.run*unit, c.run*unit
		share, strength := e.score()
		if c.strength == 0 && c.share > 0 { // the question alone
			c.strength = c.share / min(1.6*Need(45), max(Need(45), 0.96))
		}
		if math.Abs(share-c.share) > 1e-9 || math.Abs(strength-c.strength) > 1e-9 {
			t.Errorf("%s: share %g, strength %g, want %g, %g", c.what, share, strength, c.share, c.strength)
		}
	}
}

// bench is items of text with the index of their texts.
func bench(t testing.TB, items ...[item.NumParts]string) *Items {
	t.Helper()
	b := NewBuilder()
	var list []item.Item
	for _, texts := range items {
		it := item.Absent(0)
		for p, text := range texts {
			if text != "" {
				it.Texts[p] = int32(mustAdd(t, b, p, text, item.Part(p) == item.Context))
			}
		}
		list = append(list, it)
	}
	return NewItems(list, len(list), len(list), b.Build())
}

// read shows a collector a document, as a scan does.
func read(t testing.TB, c *Collector, row int64, doc string) {
	t.Helper()
	var by plain.Cleaner
	cleaned := by.Clean([]byte(doc))
	s := scanner(t, 1)
	for s.Reset(cleaned); s.Next(); {
		c.Matcher.Block(s)
	}
	c.End(row, fmt.Sprint("d", row), []byte(doc), cleaned, &by)
}

// judged gives the verdict on item 0 after some documents.
func judged(t testing.TB, s *Items, docs ...string) Verdict {
	t.Helper()
	c := s.NewCollector()
	c.Reset("shard")
	for row, doc := range docs {
		read(t, c, int64(row), doc)
	}
	for i, cover := range c.Covers() {
		if i == 0 {
			return s.Judge(0, cover, 1)
		}
	}
	return s.Judge(0, nil, 1)
}

// TestKinds: what is said of an item for what a document shows of it.
func TestKinds(t *testing.T) {
	passage := "Long ago the keepers of the northern lighthouse counted passing whales every morning. " +
		"They wrote numbers into leather notebooks, dried the pages near their stove, and sent everything southward with the autumn steamer. " +
		"Scholars later compared those figures against temperatures measured offshore and published several surprising tables."
	const question = "Which vessel carried the notebooks of the lighthouse keepers southward each year?"
	const choices = "the autumn steamer\na fishing schooner\nthe royal yacht\nan icebreaker"
	const answer = "Because everything was sent southward with the autumn steamer, the first option is correct."
	full := bench(t, [4]string{passage, question, choices, answer}, [4]string{passage, "How many whales passed on Sundays during spring migrations?", "two\nfour", ""})
	mended := bench(t, [4]string{"", sailors + " and Ingrid paid 350 crowns for 6 barrels of herring", "", "Every barrel costs fifty crowns because Ingrid divided honestly"})
	const solution = "Dividing the herring equally, Ingrid counts twelve barrels a week, so three hundred fifty crowns buy seventy barrels."
	worked := bench(t, [4]string{"", "What does the tired skipper of the northern harbour owe his seven sailors?", "", solution}, [4]string{"", "Who mends the nets?", "", "A sailor"})
	const filler = "Unrelated sentences of another page. "
	story := passage[:strings.Index(passage, " They wrote")]
	short := bench(t, [4]string{story, "Which year was it?", choices, ""}, [4]string{"", "Which year was it?", "1850\n1860", ""})
	const repeated = "The tired skipper owes seven sailors of the northern harbour twelve barrels, so the sailors of the harbour divide three hundred crowns."
	repeats := bench(t, [4]string{"", "What does the tired skipper of the northern harbour owe when every sailor mended nineteen frozen lanterns before that dreadful storm on Thursday evening?", "", repeated},
		[4]string{"", "Who mends the nets?", "", "A sailor"})
	stages := bench(t, [4]string{"", "At which stage of the harbour's inspection are the lanterns and ropes counted?", choices, ""})
	for _, c := range []struct {
		what  string
		items *Items
		doc   string
		state item.State
		kind  string
	}{
		{"nothing", full, filler, item.Clean, ""},
		{"all", full, passage + "\n" + question + "\n" + choices + "\n" + answer, item.Flagged, InputAndAnswer},
		{"no answer", full, passage + "\n" + question + "\n" + choices, item.Flagged, Input},
		{"no passage", full, filler + question + "\n" + choices, item.Flagged, Input},
		{"the passage alone", full, filler + passage + filler, item.Clean, PassageOnly},
		{"a context alone before a short question", short, filler + story + filler, item.Clean, PassageOnly},
		{"a context, its question and choices", short, story + "\nWhich year was it?\n" + choices, item.Flagged, Input},
		{"the end of a question replaced, its choices kept", stages,
			filler + "At which stage of the harbour's inspection would a new keeper be appointed?\n" + choices, item.Clean, Altered},
		{"a word of a question replaced, its choices kept", stages,
			filler + "At which stage of the harbour's inspection are the lamps and ropes counted?\n" + choices, item.Flagged, Input},
		{"a number of crowns", mended, filler + sailors + " and Ingrid paid 350 crowns for 6 barrels of herring", item.Flagged, Input},
		{"other numbers and names", mended, strings.NewReplacer("42", "57", "Bergen", "Tromso", "Ingrid", "Astrid", "350", "480", " 6 ", " 8 ").Replace(sailors + " and Ingrid paid 350 crowns for 6 barrels of herring"), item.Clean, Altered},
		{"a third", mended, "Seven tired sailors from Bergen mended 42 crates", item.Clean, Fragment},
		{"the answer alone", worked, filler + solution + filler, item.Flagged, Answer},
		{"an answer that repeats words of the question", repeats, filler + repeated + filler, item.Flagged, Answer},
		{"half of the answer", worked, filler + solution[:len(solution)/2] + filler, item.Clean, ""},
		{"short and whole", bench(t, [4]string{"", "How many purple eyes does a spotted giraffe have?", "one\ntwo\nthree\nfour", ""}),
			filler + "How many purple eyes does a spotted giraffe have?\nA. one\nB. two\nC. three\nD. four", item.Flagged, Input},
		{"too short", bench(t, [4]string{"", "What is it?", "", "A lamp"}), "What is it? A lamp", item.NotCheckable, ""},
	} {
		v := judged(t, c.items, c.doc)
		if v.State != c.state || v.Kind != c.kind {
			t.Errorf("%s: %+v", c.what, v)
		}
		if v.State == item.Flagged && (v.Score < v.Need || v.Run == 0 && v.Kind != Answer || v.Parts == 0) || v.State == item.Clean && v.Kind != Altered && v.Score >= v.Need {
			t.Errorf("%s: %+v", c.what, v)
		}
	}
	// Most of what words say by themselves and little of what they say in the benchmark.
	var template Match
	all := mended.total(0)[item.Question]
	template.Found[item.Question].Info = Info{all.Own / 5, all.Known * 3 / 5}
	if v := mended.Judge(0, &Cover{Matches: []Match{template}}, 1); v.Kind != TemplateOnly || v.State != item.Clean {
		t.Errorf("%+v", v)
	}
	// The factor flags less.
	v := judged(t, mended, sailors)
	for _, factor := range []float64{0.5, 1, 1.5, 2, 3} {
		var g Match
		g.Found[item.Question].Info = Info{all.Own * 2 / 3, all.Known * 2 / 3}
		w := mended.Judge(0, &Cover{Matches: []Match{g}}, factor)
		if (w.State == item.Flagged) != (w.Score >= w.Need) || math.Abs(w.Need-factor*Need(w.Bits)) > 1e-9 || w.Bits != v.Bits {
			t.Errorf("factor %g: %+v", factor, w)
		}
	}
}

// TestQuotationHidesNothing: a quotation in an item is of others, and a document that
// has it, and the item without it elsewhere, shows the item.
func TestQuotationHidesNothing(t *testing.T) {
	quoted := "“Whoever travels northward without lanterns shall never discover harbours”"
	s := bench(t, [4]string{"", sailors + " while somebody sang " + quoted, "", ""})
	far := strings.Repeat("filler paragraphs about nothing whatsoever ", 100)
	if v := judged(t, s, quoted); v.State != item.Clean {
		t.Errorf("the quotation alone: %+v", v)
	}
	for _, doc := range []string{sailors + " while somebody sang", quoted + far + sailors + " while somebody sang", sailors + " while somebody sang" + far + quoted} {
		if v := judged(t, s, doc); v.State != item.Flagged {
			t.Errorf("%.40q: %+v", doc, v)
		}
	}
}

// randomItems is items that share words, passages and choices.
func randomItems(t *testing.T, rng *rand.Rand) (s *Items, texts []string) {
	return randomItemsOf(t, rng, alphabet[9:])
}

func randomItemsOf(t *testing.T, rng *rand.Rand, words []string) (s *Items, texts []string) {
	var list [][item.NumParts]string
	for range 2 + rng.IntN(6) {
		var it [item.NumParts]string
		for p := range it {
			switch text := strings.Join(randomWords(rng, words, 8+rng.IntN(25)), " "); {
			case item.Part(p) == item.Context && len(list) > 0 && rng.IntN(2) == 0:
				it[p] = list[0][p]
			case item.Part(p) == item.Choices && rng.IntN(2) == 0:
				it[p] = strings.Join(randomWords(rng, words, 4), "\n")
			case item.Part(p) == item.Question || rng.IntN(2) == 0:
				it[p] = text
			}
			texts = append(texts, it[p])
		}
		list = append(list, it)
	}
	return bench(t, list...), texts
}

// TestMergeInAnyTree: however documents are divided among collectors and covers merged,
// the result is that of one collector that saw all.
func TestMergeInAnyTree(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	full, flagged := 0, 0
	for range 150 {
		s, texts := randomItems(t, rng)
		var docs []string
		for range 1 + rng.IntN(20) {
			var doc []string
			for range 1 + rng.IntN(6) {
				doc = append(doc, texts[rng.IntN(len(texts))], strings.Join(randomWords(rng, alphabet, rng.IntN(8)), " "))
			}
			docs = append(docs, strings.Join(doc, "\n"))
		}
		if len(docs) > 3 {
			docs[2] = docs[0] // equal strength
		}
		whole := s.NewCollector()
		whole.Reset("shard")
		parts := make([]*Collector, 1+rng.IntN(5))
		for i := range parts {
			parts[i] = s.NewCollector()
			parts[i].Reset("shard")
		}
		for row, doc := range docs {
			read(t, whole, int64(row), doc)
			read(t, parts[rng.IntN(len(parts))], int64(row), doc)
		}
		want := map[int]*Cover{}
		for i, c := range whole.Covers() {
			want[i] = c
		}
		for i, w := range want {
			var trees []*Cover
			for _, p := range parts {
				c := p.covers[uint32(i)]
				if c == nil {
					c = &Cover{}
				}
				trees = append(trees, c)
			}
			for len(trees) > 1 {
				a, b := rng.IntN(len(trees)), rng.IntN(len(trees))
				if a == b {
					continue
				}
				s.Merge(i, trees[a], trees[b])
				trees = slices.Delete(trees, b, b+1)
			}
			if got := trees[0]; got.Documents != w.Documents || got.Answer != w.Answer || !reflect.DeepEqual(got.Matches, w.Matches) {
				t.Fatalf("item %d: merged %+v\nwant %+v", i, got, w)
			}
			if len(w.Matches) == MaxMatches && int(w.Documents) > MaxMatches {
				full++
			}
			if s.Judge(i, w, 1).State == item.Flagged {
				flagged++
				if w.Documents == 0 {
					t.Fatalf("flagged in no document: %+v", w)
				}
			}
			for k := 1; k < len(w.Matches); k++ {
				a, b := s.rank(i, &w.Matches[k-1]), s.rank(i, &w.Matches[k])
				if a.kind < b.kind || a.kind == b.kind && a.strength < b.strength {
					t.Fatalf("match %d is stronger than the one before", k)
				}
			}
		}
		for _, p := range parts {
			for i := range p.Covers() {
				if want[i] == nil {
					t.Fatalf("item %d is seen by a part and not by the whole", i)
				}
			}
		}
	}
	if full < 50 || flagged < 100 {
		t.Errorf("%d items have more documents than are kept, %d are flagged", full, flagged)
	}
}

func TestSplit(t *testing.T) {
	passage := strings.Repeat("word ", leastPassage)
	for text, want := range map[string]int{
		"": 0, "no lines": 0, passage + "asks": 0, passage + "\nasks?": len(passage) + 1, passage + "\n  asks?  \n\n": len(passage) + 1,
		"word\nasks?": 0, passage[5:] + "\nasks?": 0, passage + "\n\n": 0, passage + "\nfirst\nasks?": len(passage) + 7,
	} {
		if got := Split(text); got != want {
			t.Errorf("%.20q… of %d bytes: %d, want %d", text, len(text), got, want)
		}
	}
}

// TestLongestQuotes: of very many stretches the longest are quoted, in their order.
func TestLongestQuotes(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	text := []byte(strings.Repeat("é", 20_000))
	var by plain.Cleaner
	c := bench(t).NewCollector()
	c.aligner.Document(by.Clean(text))
	for range 200 {
		var runs []Run
		at := 0
		for range rng.IntN(150) {
			r := Run{At: at, Words: 1 + rng.IntN(5), Start: uint32(2 * rng.IntN(7_900))}
			r.End = r.Start + uint32(2*(1+rng.IntN(50)))
			runs = append(runs, r)
			at += r.Words + 1
		}
		var g Match
		c.quote(&g, [item.NumParts][]Run{item.Question: runs}, text, &by)
		list := g.Runs
		if len(list) != min(len(runs), quoteRuns) {
			t.Fatalf("%d of %d", len(list), len(runs))
		}
		sizes := func(n int, f func(i int) int) (all []int) {
			for i := range n {
				all = append(all, f(i))
			}
			slices.Sort(all)
			return all[max(0, len(all)-quoteRuns):]
		}
		if !slices.Equal(sizes(len(runs), func(i int) int { return runs[i].Words }), sizes(len(list), func(i int) int { return list[i].Words })) {
			t.Fatal("the longest are not quoted")
		}
		for i, q := range list {
			if i > 0 && q.At <= list[i-1].At || q.Start < g.TextStart || q.End > g.TextStart+int64(len(g.Text)) {
				t.Fatalf("%+v", q)
			}
		}
		if len(list) > 0 {
			if string(text[g.TextStart:][:len(g.Text)]) != g.Text || len(g.Text) > ngram.MaxExcerpt || strings.Trim(g.Text, "é") != "" {
				t.Fatalf("text from byte %d, %d bytes", g.TextStart, len(g.Text))
			}
		}
	}
}

// TestVerdictsGrow: in random corpora a verdict is a function of the set of documents,
// whatever their order and the names of their shards, and no document lowers a state, a
// kind or a score.
func TestVerdictsGrow(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 40
	}
	rng := rand.New(rand.NewPCG(15, 3))
	grown := 0
	for range rounds {
		s, texts := randomItems(t, rng)
		var docs []string
		for range 2 + rng.IntN(12) {
			var doc []string
			for range 1 + rng.IntN(4) {
				words := strings.Fields(texts[rng.IntN(len(texts))])
				if len(words) > 0 { // a piece, with some words exchanged
					from := rng.IntN(len(words))
					words = words[from/2 : from+1+rng.IntN(len(words)-from)]
					for range rng.IntN(3) {
						words[rng.IntN(len(words))] = randomWords(rng, alphabet, 1)[0]
					}
				}
				doc = append(doc, strings.Join(words, " "))
			}
			docs = append(docs, strings.Join(doc, "\n"))
		}
		judge := func(order []int, shards int) []Verdict {
			covers := make([]*Cover, s.Len())
			c := s.NewCollector()
			for shard := range shards {
				c.Reset(fmt.Sprint("shard", rng.IntN(1000), shard))
				for row, d := range order {
					if row%shards == shard {
						read(t, c, int64(row), docs[d])
					}
				}
				for i, cover := range c.Covers() {
					if covers[i] == nil {
						covers[i] = &Cover{}
					}
					s.Merge(i, covers[i], cover)
				}
			}
			verdicts := make([]Verdict, s.Len())
			for i := range verdicts {
				verdicts[i] = s.Judge(i, covers[i], 1)
			}
			return verdicts
		}
		all := judge(rng.Perm(len(docs)), 1)
		if other := judge(rng.Perm(len(docs)), 1+rng.IntN(5)); !reflect.DeepEqual(all, other) {
			t.Fatalf("in another order and other shards: %+v\nwant %+v", other, all)
		}
		for i, less := range judge(rng.Perm(len(docs)-1), 2) { // without the last document
			more := all[i]
			level := func(v Verdict) int { return slices.Index(kinds, strings.Replace(v.Kind, InputAndAnswer, Input, 1)) }
			if less.State == item.Flagged && more.State != item.Flagged || level(less) > level(more) || less.Score > more.Score {
				t.Fatalf("item %d: with a document more %+v, without %+v", i, more, less)
			}
			if less.State != more.State {
				grown++
			}
		}
	}
	if grown == 0 {
		t.Error("no document changed a state")
	}
}

// TestForgedWords: words of a document that only have the hash of the item's words do not
// count. To make such words takes minutes, so the letters of the index are changed instead.
func TestForgedWords(t *testing.T) {
	const question = "A potter of Lindenau glazes fourteen bowls every morning and packs them in crates of straw"
	for _, c := range []struct {
		what   string
		forged []string
		state  item.State
		found  int
	}{
		{"no word", nil, item.Flagged, 16},
		{"two words", []string{"bowls", "crates"}, item.Flagged, 14},
		{"most words", strings.Fields("potter lindenau glazes fourteen bowls morning packs crates straw"), item.Clean, 0},
	} {
		s := bench(t, [item.NumParts]string{item.Question: question}, [item.NumParts]string{item.Question: "Something else about kilns"})
		for w := 1; w < len(s.x.hashes); w++ {
			if slices.Contains(c.forged, string(s.x.lettersOf(uint32(w)))) {
				s.x.lettersOf(uint32(w))[0] ^= 1
			}
		}
		if v := judged(t, s, "He wrote: "+question+". That is all."); v.State != c.state || v.Found != c.found {
			t.Errorf("%s: %+v", c.what, v)
		}
	}
}

// TestLongEvidence: an item longer than an excerpt is shown by its first words.
func TestLongEvidence(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 16))
	var words []string
	for range 4000 {
		words = append(words, fmt.Sprintf("w%x", rng.Uint32()))
	}
	question := strings.Join(words, " ")
	s := bench(t, [item.NumParts]string{item.Question: question})
	doc := "Found: " + question
	g := coversOf(t, s, doc)[0].Matches[0]
	if len(g.Text) != ngram.MaxExcerpt || len(g.Runs) != 1 {
		t.Fatalf("%d bytes, %d stretches", len(g.Text), len(g.Runs))
	}
	q := g.Runs[0]
	if shown := doc[q.Start:q.End]; int(q.End) > len(g.Text) || !strings.HasSuffix(g.Text, shown) && len(g.Text)-int(q.End) > 12 ||
		shown != strings.Join(words[q.At:q.At+q.Words], " ") {
		t.Errorf("words %d to %d, to byte %d", q.At, q.At+q.Words, q.End)
	}
}

// TestNumbersKept: less is needed where most of the numbers of an item are in their places, two
// at the least, and none is another, and saying where stretches are takes nothing, unless the item says little.
func TestNumbersKept(t *testing.T) {
	loose := 0.
	strength := func(bits int, numbers Exchange) float64 {
		e := evidence{numbers: numbers, allNumbers: 6}
		e.total[item.Question] = Info{bits * unit, bits * unit}
		e.found[item.Question] = Info{bits * unit / 2, bits * unit / 2}
		e.loose[item.Question] = Info{int(loose * unit), int(loose * unit)}
		e.runs[item.Question] = 24 * unit
		_, strength := e.score()
		return strength
	}
	plain := strength(130, Exchange{})
	for _, c := range []struct {
		bits    int
		numbers Exchange
		want    float64
	}{
		{130, Exchange{0, 3}, plain / numbersLess},
		{130, Exchange{0, 2}, plain},
		{130, Exchange{0, 1}, plain},
		{130, Exchange{1, 5}, plain},
		{50, Exchange{0, 3}, strength(50, Exchange{})},
	} {
		if got := strength(c.bits, c.numbers); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%d bits, %+v: %g, want %g", c.bits, c.numbers, got, c.want)
		}
	}
	loose = 13 // a tenth of 130 bits, where half was found
	if got := strength(130, Exchange{}); math.Abs(got-plain*4/5) > 1e-12 {
		t.Errorf("stretches apart: %g, want %g", got, plain*4/5)
	}
	if got := strength(130, Exchange{0, 3}); math.Abs(got-plain/numbersLess) > 1e-12 {
		t.Errorf("stretches apart, and numbers in their places: %g, want %g", got, plain/numbersLess)
	}
}

// TestStretchesApart compares what saying where stretches are takes with a plain count over
// all words found, and holds that words in one stretch lose nothing and words far apart most.
func TestStretchesApart(t *testing.T) {
	s := bench(t, [item.NumParts]string{item.Question: "amber bridges carry dancing elephants,\n" +
		"frozen gardens hide ivory jackals while kettles lament morning noises"})
	x := s.x
	code := func(off int) int { // Elias' gamma code of a number from 0 on
		return len(strings.Repeat("0", len(strconv.FormatInt(int64(max(off, -off)+1), 2))-1) +
			strconv.FormatInt(int64(max(off, -off)+1), 2))
	}
	const lines = 5 // the word that begins the second line
	for _, docs := range [][]int{
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14},
		{0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, // a number before the second line
		{0, 1, 2, -1, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15},
		{0, 1, 2, 30, 31, 60, 61, 62, 63, 100, 101, 102, 103, 104, 105},
		{70, 71, 72, 73, 74, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
		{0, 9, 18, 27, 36, 45, 54, 63, 72, 81, 90, 99, 108, 117, 126},
	} {
		var f Finding
		want, before, off, open, place := Info{}, -1, 0, Info{}, 0
		settle := func() {
			want = want.plus(Info{min(open.Own, place*unit), min(open.Known, place*unit)})
			open, place = Info{}, 0
		}
		for i, doc := range docs {
			if doc < 0 {
				continue
			}
			f.add(x, 0, i, doc)
			if before >= 0 && (before != i-1 || docs[before] != doc-1) {
				settle()
				last := off
				if off = doc - docs[before] - (i - before); i == lines && off > 0 {
					off--
				}
				if off != 0 || before != i-1 {
					place = min(code(off), 1+code(off-last), len(strconv.FormatInt(int64(x.windowSize(0)), 2)))
				}
			}
			open, before = open.plus(x.info(x.starts[0]+uint32(i))), i
		}
		f.endStretch()
		settle()
		if f.Loose != want {
			t.Errorf("%v: %+v, want %+v of %+v", docs, f.Loose, want, f.Info)
		}
	}
}

// TestRepeatedItem: a question that a benchmark asks many times, as with its options in
// other orders, is flagged where it is whole; a phrase that many items share is not an item.
func TestRepeatedItem(t *testing.T) {
	const question = "Which metal lines the oldest bell of the harbour church in Velmar according to the tale of the drowned sexton and the sunken organ?"
	const phrase = "Which of the following statements is true of this?"
	var items [][item.NumParts]string
	for i := range 16 {
		metals := []string{"copper", "tin", "silver", "lead"}
		metals[0], metals[i%4] = metals[i%4], metals[0]
		metals[1], metals[i/4] = metals[i/4], metals[1]
		items = append(items, [item.NumParts]string{item.Question: question, item.Choices: strings.Join(metals, "\n")},
			[item.NumParts]string{item.Question: phrase, item.Choices: fmt.Sprintf("the %dth lantern burns\nthe %dth is dark", i+7, i+9)})
	}
	s := bench(t, items...)
	covers := coversOf(t, s, "Asked at the fair: "+question+"\nA. copper\nB. tin\nC. silver\nD. lead\nThen: "+phrase)
	for i := range items {
		want := item.Flagged
		if i%2 == 1 {
			want = item.Clean
		}
		if v := s.Judge(i, covers[i], 1); v.State != want && v.State != item.NotCheckable {
			t.Errorf("item %d: %+v", i, v)
		}
	}
}

// TestSkippedPlaces: collectors that align the promising places record what those record that align
// every place.
func TestSkippedPlaces(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 1))
	rounds := 100
	if testing.Short() {
		rounds = 30
	}
	skipped, recorded, flagged := 0, 0, 0
	for round := range rounds {
		// Few words, so that all items share some, or many, so that places have little of one.
		from := append(madeVocabulary[:10+rng.IntN(len(madeVocabulary)-10)], alphabet...)
		s, texts := randomItemsOf(t, rng, from)
		fast, plain := s.NewCollector(), s.NewCollector()
		fast.Reset("shard")
		plain.Reset("shard")
		plain.everyPlace = true
		for row := range 1 + rng.IntN(12) {
			doc := randomDocument(rng, texts, from, round%10 == 0)
			read(t, fast, int64(row), doc)
			read(t, plain, int64(row), doc)
			skipped += len(plain.candidates) - len(fast.candidates)
		}
		if !reflect.DeepEqual(fast.covers, plain.covers) {
			t.Fatalf("round %d: covers differ:\n%+v\n%+v", round, fast.covers, plain.covers)
		}
		for i, c := range plain.covers {
			recorded++
			if s.Judge(int(i), c, 1).State == item.Flagged {
				flagged++
			}
		}
	}
	if skipped < rounds || recorded < rounds || flagged < rounds/5 {
		t.Errorf("%d places were skipped, of %d items something was recorded, %d are flagged", skipped, recorded, flagged)
	}
}

// madeVocabulary is words that say much by themselves.
var madeVocabulary = func() (list []string) {
	for _, a := range strings.Fields("bar dor fen gul hem jor") {
		for _, b := range strings.Fields("lam mik nos pel rut sav tin vok wes zad") {
			list = append(list, a+b+"en")
		}
	}
	return slices.Clip(list)
}()

// randomDocument is pieces of texts among other words, with words lost, exchanged or on other lines.
// A long one is read in pieces.
func randomDocument(rng *rand.Rand, texts, from []string, long bool) string {
	var doc []string
	for range 1 + rng.IntN(8) {
		words := strings.Split(texts[rng.IntN(len(texts))], " ")
		first := rng.IntN(len(words)) * rng.IntN(2)
		words = slices.Clone(words[first : first+1+rng.IntN(len(words)-first)])
		if rng.IntN(4) > 0 {
			words = words[:min(len(words), 2+rng.IntN(3))]
		}
		for range rng.IntN(1 + len(words)/2) {
			switch at := rng.IntN(len(words)); rng.IntN(3) {
			case 0:
				words[at] = randomWords(rng, from, 1)[0]
			case 1:
				words[at] += "\n" + randomWords(rng, from, 1)[0]
			default:
				words[at] = "the"
			}
		}
		doc = append(doc, strings.Join(words, " "), strings.Join(randomWords(rng, from, rng.IntN(60)), " "))
	}
	if long { // no space where a piece would begin
		doc = append([]string{strings.Repeat("x", 4*pieceSize)}, doc...)
	}
	return strings.Join(doc, "\n")
}

// TestRepeatedWithFewWords: of prompts that differ in a few words, as of one task in 24 programming
// languages, the one that is there whole is flagged, and no other.
func TestRepeatedWithFewWords(t *testing.T) {
	prompt := func(i int) string {
		return fmt.Sprintf("%s sortLanterns. Given the heights of paper lanterns hung along a canal, return them so that neighbours "+
			"differ as little as they can, the tallest one first, and leave out those that have burned down.", []string{
			"function", "def", "sub", "fn", "func", "proc", "fun", "method", "procedure", "defun", "let", "macro", "lambda",
			"template", "public static", "static int", "void", "int", "auto", "local", "define", "begin", "class", "pub",
		}[i])
	}
	var items [][item.NumParts]string
	for i := range 24 {
		items = append(items, [item.NumParts]string{item.Question: prompt(i)})
	}
	for i := range 150 {
		items = append(items, [item.NumParts]string{item.Question: fmt.Sprintf("Bridge %d has pillar%d and arch%d of stone%d.", i, i, i, i)})
	}
	s := bench(t, items...)
	for leaked := range 24 {
		covers := coversOf(t, s, "Some page before it says so.\n\n"+prompt(leaked)+"\n\nAnd goes on behind it.")
		for i := range 24 {
			v := s.Judge(i, covers[i], 1)
			if flagged := v.State == item.Flagged; i == leaked && !flagged {
				t.Errorf("prompt %d is there: %+v", i, v)
			} else if i != leaked && flagged && !strings.HasSuffix(prompt(leaked), prompt(i)) {
				t.Errorf("prompt %d is there, and %d: %+v", leaked, i, v)
			}
		}
	}
}
