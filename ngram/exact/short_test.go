package exact

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"swab/ngram"
)

// TestShortTextsMatchWhole: texts of fewer than n words are found at every place where
// all their words stand in a row, over the ends of blocks too, and nowhere else; the
// runs of longer texts are as without them.
func TestShortTextsMatchWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for round := range 60 {
		alphabet := strings.Fields("a b c É e f g h i j k l")[:2+rng.IntN(10)]
		text := func(words int) string {
			var w []string
			for range words {
				w = append(w, alphabet[rng.IntN(len(alphabet))])
			}
			return strings.Join(w, " ")
		}
		n, short := 2+rng.IntN(12), 1+rng.IntN(4)
		b, err := NewBuilder(ngram.Words(1))
		if err != nil {
			t.Fatal(err)
		}
		var texts [][]string
		for range 1 + rng.IntN(30) {
			s := text(1 + rng.IntN(n+3))
			if number, err := b.Add(s); err != nil {
				t.Fatal(err)
			} else if number == len(texts) {
				texts = append(texts, strings.Fields(s))
			}
		}
		x, err := b.Build(n, short, nil)
		if err != nil {
			t.Fatal(err)
		}
		size := rng.IntN(200)
		if round%20 == 0 {
			size = 9000 // several blocks
		}
		doc := strings.Fields(text(size))
		starts := make([]int, len(doc))
		joined := ""
		for i, w := range doc {
			starts[i] = len(joined)
			joined += w + " "
		}
		var got, want []Run
		x.NewMatcher().Document(x.NewScanner(), []byte(joined), func(r Run) {
			if len(texts[r.Text]) < n {
				got = append(got, r)
			} else if r.Words < n {
				t.Fatalf("run of %d words, n %d", r.Words, n)
			}
		})
		for k, words := range texts {
			for j := 0; len(words) < n && len(words) >= short && j+len(words) <= len(doc); j++ {
				if slices.Equal(doc[j:j+len(words)], words) {
					end := j + len(words) - 1
					want = append(want, Run{Text: k, Doc: j, Words: len(words), Start: uint32(starts[j]), End: uint32(starts[end] + len(doc[end]))})
				}
			}
		}
		if got, want := sorted(got), sorted(want); !slices.Equal(got, want) {
			t.Fatalf("n %d short %d: %d runs, want %d", n, short, len(got), len(want))
		}
	}
}

// TestWalkerComparesLetters: a walker goes on behind a run, over blocks, to the end of
// the text or of the document.
func TestWalkerComparesLetters(t *testing.T) {
	text := strings.Fields(strings.Repeat("a b c d e f g h ", 2000))
	b, err := NewBuilder(ngram.Words(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Add(strings.Join(text, " ")); err != nil {
		t.Fatal(err)
	}
	x, err := b.Build(8, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	doc := slices.Clone(text)
	for _, i := range []int{0, 9, 4095, 4096, 8191, 15000} {
		doc[i] = "other"
	}
	w := x.NewWalker()
	for _, end := range []int{len(doc), 12000, 9} {
		w.Begin([]byte(strings.ToUpper(strings.Join(doc[:end], ", "))))
		at := 5
		w.Walk(Run{At: 2, Doc: 2, Words: 3}, func(same bool) bool {
			if same != (doc[at] == text[at]) {
				t.Fatalf("word %d: %v", at, same)
			}
			at++
			return true
		})
		if at != end {
			t.Errorf("ended at word %d of %d", at, end)
		}
		calls := 0
		w.Walk(Run{At: 1, Doc: 0, Words: 3}, func(bool) bool { calls++; return calls < 2 })
		if calls != 2 {
			t.Errorf("went on after false: %d calls", calls)
		}
	}
}
