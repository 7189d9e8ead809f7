package align

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"swab/ngram"
)

// near looks at a whole document for the only text of an index.
func near(t testing.TB, text, doc string, options int) (f Finding, runs []Run, x *Index) {
	t.Helper()
	b := NewBuilder()
	mustAdd(t, b, 0, text, false)
	x = b.Build()
	n := x.NewAligner()
	n.Document([]byte(doc))
	n.Select(0, len(doc))
	f = n.Align(0, options)
	return f, n.Runs(nil), x
}

const sailors = "Seven tired sailors from Bergen mended 42 torn nets beside the quiet harbour before winter storms began"

// TestNear: what stands in a document of a text, by hand. It has 17 words.
func TestNear(t *testing.T) {
	words := len(strings.Fields(sailors))
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(sailors) }
	for _, c := range []struct {
		what, doc string
		words     int
		runs      []int // words of each stretch
	}{
		{"itself", sailors, words, []int{17}},
		{"amid other words", "One morning: " + sailors + ", they say.", words, []int{17}},
		{"in capitals over lines", strings.ToUpper(replace(" ", "\n")), words, []int{17}},
		{"nothing", "Eight other people walked over green hills", 0, nil},
		{"common words alone", "from the before beside", 0, nil},
		{"a word left out", replace("torn ", ""), words - 1, []int{7, 9}},
		{"a word put in", replace("torn ", "badly torn "), words, []int{7, 10}},
		{"a word replaced", replace("torn", "old"), words - 1, []int{7, 9}},
		{"another number", replace("42", "57"), words - 1, []int{6, 10}},
		{"another name", replace("Bergen", "Tromso"), words - 1, []int{4, 12}},
		{"a word for a number", replace("42", "many"), words - 1, []int{6, 10}},
		{"another number and name", replace("42", "57", "Bergen", "Tromso"), words - 3, []int{4, 10}}, // "mended" stands alone
		{"half", "Seven tired sailors from Bergen mended 42", 7, []int{7}},
		{"halves far apart", "Seven tired sailors from Bergen mended 42 torn " + strings.Repeat("filler ", 60) + "nets beside the quiet harbour before winter storms began", words, []int{8, 9}},
	} {
		f, runs, x := near(t, sailors, c.doc, nowhere)
		var sizes []int
		for _, r := range runs {
			sizes = append(sizes, r.Words)
		}
		if f.Words != c.words || !slices.Equal(sizes, c.runs) {
			t.Errorf("%s: %+v, runs %v", c.what, f, runs)
		}
		if all := x.Total(0); (f.Info == all) != (c.words == words) || f.Own > all.Own || f.Known > all.Known {
			t.Errorf("%s: %+v of %+v", c.what, f.Info, all)
		}
		checkRuns(t, x, 0, c.doc, runs)
	}
}

// checkRuns holds each stretch against the words of the document that it names, and
// their sum against the finding's words.
func checkRuns(t *testing.T, x *Index, text int, doc string, runs []Run) (words int) {
	t.Helper()
	last := -1
	for _, r := range runs {
		at := r.At
		for word := range singleWords().Words([]byte(doc[r.Start:r.End])) {
			if x.hashes[x.words[int(x.starts[text])+at]] != ngram.HashWord(word) {
				t.Fatalf("stretch %+v of %q: %q is not word %d", r, doc, doc[r.Start:r.End], at)
			}
			at++
		}
		if at != r.At+r.Words || r.At <= last {
			t.Fatalf("stretch %+v of %q is %q", r, doc, doc[r.Start:r.End])
		}
		last = at - 1
		words += r.Words
	}
	return words
}

// TestNearCopies: all words of a copy are found, wherever it stands and whatever stands
// around it, and what is found in any document is what its stretches show.
func TestNearCopies(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	some, none := 0, 0
	for range 500 {
		from := alphabet[9:]
		b := NewBuilder()
		var texts [][]string
		for range 1 + rng.IntN(5) {
			words := append(randomWords(rng, from, 5+rng.IntN(60)), fmt.Sprint("copy", len(texts)), "harbourmasters")
			mustAdd(t, b, 0, strings.Join(words, " "), false)
			texts = append(texts, words)
		}
		x := b.Build()
		n := x.NewAligner()
		k := rng.IntN(len(texts))
		around := func() []string {
			return randomWords(rng, []string{"filler", "unrelated", "of", "nothing"}, rng.IntN(100))
		}
		before, behind := spell(rng, around()), spell(rng, around())
		copied := spell(rng, texts[k])
		doc := before + copied + behind
		n.Document([]byte(doc))
		n.Select(len(before)-rng.IntN(40), len(before)+len(copied)+rng.IntN(40))
		f := n.Align(k, nowhere)
		if !slices.ContainsFunc(x.spans[x.starts[k]:x.starts[k+1]], func(n uint8) bool { return n > 0 }) {
			none++
		} else if some++; f.Words != len(texts[k]) || f.Info != x.Total(k) {
			t.Fatalf("%d of %d words of %q found in %q: %+v", f.Words, len(texts[k]), texts[k], doc, f)
		}
		checkRuns(t, x, k, doc, n.Runs(nil))
		// Any part of any mixture.
		var mixed []string
		for range rng.IntN(6) {
			w := texts[rng.IntN(len(texts))]
			i := rng.IntN(len(w))
			mixed = append(append(mixed, w[i:i+rng.IntN(len(w)-i)]...), randomWords(rng, alphabet, rng.IntN(6))...)
		}
		doc = spell(rng, mixed)
		n.Document([]byte(doc))
		n.Select(rng.IntN(20)-10, len(doc)-rng.IntN(20)+10)
		taken := map[uint32]int{}
		for k := range texts {
			f := n.Align(k, []int{nowhere, beside, 0}[rng.IntN(3)])
			runs := n.Runs(nil)
			if words := checkRuns(t, x, k, doc, runs); words != f.Words {
				t.Fatalf("%d words in stretches, %d found", words, f.Words)
			}
			for _, r := range runs {
				for at := r.Start; at < r.End; at++ {
					if other, ok := taken[at]; ok && other != k {
						t.Fatalf("byte %d of %q stands for texts %d and %d", at, doc, other, k)
					}
					taken[at] = k
				}
			}
		}
	}
	if some < 300 {
		t.Errorf("%d texts have seeds, %d none", some, none)
	}
}

// TestLonelyWords: a word beside others counts only when one of its neighbours is
// there too; common words that happen to stand near are none.
func TestLonelyWords(t *testing.T) {
	f, runs, _ := near(t, sailors, "before dawn tired sailors mended a quiet boat", nowhere)
	// "tired sailors" is a seed; "mended" and "quiet" stand alone.
	if f.Words != 2 || len(runs) != 1 {
		t.Errorf("%+v %+v", f, runs)
	}
	f, _, _ = near(t, sailors, "before dawn tired sailors mended 42 boats", nowhere)
	if f.Words != 4 {
		t.Errorf("with a neighbour: %+v", f)
	}
}

// TestOptions: lines count where they stand whole, behind the word named, beside what
// else was found, or not at all.
func TestOptions(t *testing.T) {
	const choices = "seven\nthe number of nets\nnone of these"
	doc := "the number of nets is asked. A) seven B) the number of nets C) none of those"
	for _, c := range []struct{ options, words, at int }{
		{0, 1 + 4, 0}, {3, 1 + 4, 9}, {8, 4, 9}, {nowhere, 0, 0}, {beside, 0, 0},
	} {
		f, runs, _ := near(t, choices, doc, c.options)
		if f.Words != c.words {
			t.Errorf("options from word %d: %+v %+v", c.options, f, runs)
		}
	}
	// With a seed the others are looked for beside it.
	const longer = "mended nets\nseven\nsailors rested"
	f, _, _ := near(t, longer, "B) sailors rested C) seven "+strings.Repeat("filler ", 10)+" A) mended nets", beside)
	if f.Words != 5 {
		t.Errorf("beside: %+v", f)
	}
	if f, _, _ := near(t, longer, "B) sailors rested C) seven "+strings.Repeat("filler ", 10)+" A) mended nets", nowhere); f.Words != 4 {
		t.Errorf("nowhere: %+v", f)
	}
}

// TestTaken: a word of a document stands for a word of the first text that asks.
func TestTaken(t *testing.T) {
	b := NewBuilder()
	first := mustAdd(t, b, 0, "seven tired sailors mended nets", false)
	second := mustAdd(t, b, 1, "tired sailors mended nets beside harbours", false)
	x := b.Build()
	n := x.NewAligner()
	words := func(doc string, texts ...int) (found []int) {
		n.Document([]byte(doc))
		n.Select(0, len(doc))
		for _, k := range texts {
			found = append(found, n.Align(k, nowhere).Words)
		}
		return found
	}
	const doc = "seven tired sailors mended nets beside harbours"
	for _, c := range []struct {
		doc   string
		order []int
		want  []int
	}{
		{doc, []int{first, second}, []int{5, 2}},
		{doc, []int{second, first}, []int{6, 1}}, // "seven" begins a seed,
		{doc + " ... " + doc, []int{second, first}, []int{6, 5}},
	} {
		if got := words(c.doc, c.order...); !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, want %v", c.doc, got, c.want)
		}
	}
}

// TestLookIsCutAtWords: a part of a document begins with a whole word, also where words
// are not divided by spaces, and has what stands in it.
func TestLookIsCutAtWords(t *testing.T) {
	for _, by := range []string{" ", "\n", "\t", ",", "|", "\u00a0", "—"} {
		copied := strings.ReplaceAll(sailors, " ", by)
		filler := strings.Repeat("filler"+by, 50)
		b := NewBuilder()
		mustAdd(t, b, 0, sailors, false)
		x := b.Build()
		n := x.NewAligner()
		for from := len(filler) - 20; from <= len(filler); from++ {
			doc := filler + copied + by + filler
			n.Document([]byte(doc))
			n.Select(from, len(filler)+len(copied)+20)
			if f := n.Align(0, nowhere); f.Info != x.Total(0) {
				t.Fatalf("words divided by %q, from byte %d: %+v", by, from-len(filler), f)
			}
		}
	}
	for text, want := range map[string]int{"“" + strings.Repeat("“one ", 200_000): 0, "a “" + strings.Repeat("one ", 6) + "” b c": 6, "a “one two” b": 0} {
		b := NewBuilder() // marks that open and never close take linear time
		mustAdd(t, b, 0, text, false)
		got := 0
		for _, k := range b.index.kinds {
			if k&cited != 0 {
				got++
			}
		}
		if got != want {
			t.Errorf("%.20q: %d words are cited, want %d", text, got, want)
		}
	}
}

// TestPlacesInOrder: what a place shows does not depend on the places looked at before,
// and is what stands in it, whatever divides the words of the document.
func TestPlacesInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 4))
	found, asRead, inPieces := 0, 0, 0
	for round := range 60 {
		b := NewBuilder()
		var texts []string
		for range 6 {
			texts = append(texts, strings.Join(randomWords(rng, alphabet[9:], 8+rng.IntN(50)), " "))
			mustAdd(t, b, 0, texts[len(texts)-1], false)
		}
		x := b.Build()
		by := []string{" ", "\n", ",", "—", "  ", "国"}[round%6]
		spaced := strings.TrimSpace(by) == ""
		var doc strings.Builder
		for doc.Len() < 20_000 {
			words := randomWords(rng, alphabet, rng.IntN(80))
			if rng.IntN(3) == 0 {
				words = append(words, strings.Fields(texts[rng.IntN(len(texts))])...)
			}
			for _, w := range words {
				doc.WriteString(w + by)
			}
			if !spaced && rng.IntN(20) == 0 {
				doc.WriteString(strings.Repeat("endless", 500) + by)
			}
		}
		whole := []byte(doc.String())
		var all []ngram.Span
		for _, at := range singleWords().Words(whole) {
			all = append(all, at)
		}
		var places [][2]int
		for range 40 {
			from := rng.IntN(len(whole)) - 50
			places = append(places, [2]int{from, from + rng.IntN(4000)})
		}
		slices.SortFunc(places, func(a, b [2]int) int { return a[0] - b[0] })
		moving := x.NewAligner()
		moving.Document(whole)
		m, scan := x.NewMatcher(), singleWords()
		for scan.Reset(whole); scan.Next(); {
			m.Block(scan)
		}
		m.Windows()
		read := x.NewAligner() // what the matcher read
		if read.documentRead(whole, &m.ended); read.read == &m.ended {
			asRead++
		} else {
			inPieces++
		}
		begins := map[uint32]uint32{} // of words, by their numbers
		for _, p := range places {
			moving.Select(p[0], p[1])
			fresh := x.NewAligner()
			fresh.Document(whole)
			fresh.Select(p[0], p[1])
			read.Select(p[0], p[1])
			if !slices.Equal(read.hashes, fresh.hashes) || !slices.Equal(read.spans, fresh.spans) {
				t.Fatalf("words divided by %q, bytes %v: %d words as read by a matcher, %d in pieces", by, p, len(read.hashes), len(fresh.hashes))
			}
			for j := range fresh.hashes {
				if read.kind(j) != fresh.kind(j) {
					t.Fatalf("words divided by %q, bytes %v: word %d is %d as read by a matcher, %d in pieces", by, p, j, read.kind(j), fresh.kind(j))
				}
			}
			if !slices.Equal(moving.hashes, fresh.hashes) || !slices.Equal(moving.spans, fresh.spans) {
				t.Fatalf("words divided by %q, bytes %v: %d words, %d when looked at alone", by, p, len(moving.hashes), len(fresh.hashes))
			}
			for k := range texts {
				got, want := moving.Align(k, beside), fresh.Align(k, beside)
				runs := moving.Runs(nil)
				if also := read.Align(k, beside); also != want {
					t.Fatalf("words divided by %q, bytes %v, text %d: %+v as read by a matcher, %+v in pieces", by, p, k, also, want)
				}
				for k := range runs {
					if begin, known := begins[runs[k].Doc]; known && begin != runs[k].Start {
						t.Fatalf("two words of the document have number %d", runs[k].Doc)
					}
					begins[runs[k].Doc] = runs[k].Start
					runs[k].Doc -= uint32(moving.base + moving.first)
				}
				alone := fresh.Runs(nil)
				for k := range alone {
					alone[k].Doc -= uint32(fresh.base + fresh.first)
				}
				if got != want || !slices.Equal(runs, alone) {
					t.Fatalf("words divided by %q, bytes %v, text %d: %+v, looked at alone %+v", by, p, k, got, want)
				}
				found += got.Words
			}
			for i, at := range moving.spans {
				if int(at.Start) < p[0] || int(at.End) > p[1] || i > 0 && at.Start < moving.spans[i-1].End {
					t.Fatalf("words divided by %q: %+v is not in bytes %v", by, at, p)
				}
			}
			in := slices.DeleteFunc(slices.Clone(all), func(at ngram.Span) bool { return int(at.Start) < p[0] || int(at.End) > p[1] })
			if spaced && !slices.Equal(moving.spans, in) {
				t.Fatalf("words divided by %q, bytes %v: %d words, %d when the document is read in one go", by, p, len(moving.spans), len(in))
			}
		}
	}
	if found < 10_000 || asRead < 30 || inPieces < 1 {
		t.Errorf("%d words found, %d documents as they were read, %d in pieces", found, asRead, inPieces)
	}
}
