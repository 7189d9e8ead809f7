// Package sample writes synthetic corpora and benchmarks of any size for measurements. The
// output depends only on the arguments, on every machine.
package sample

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"sync"
)

// A writer generates text that resembles web text to a compressor, a JSON scanner and
// a tokeniser: words of a Zipf distribution, sentences, paragraphs, quotation
// marks, some words that are not ASCII. The text depends only on the seed.
type writer struct {
	rng   *rand.Rand
	vocab []string
	sum   []float64 // cumulated weights of the words
}

// newWriter returns a writer with the given seed.
func newWriter(seed uint64) *writer {
	w := *vocabulary()
	w.rng = rand.New(rand.NewPCG(seed, 33))
	return &w
}

// vocabulary returns a writer without a seed. All share its words, so that corpora and
// benchmarks have words in common but, by chance, hardly ever eight in a row.
var vocabulary = sync.OnceValue(func() *writer {
	v := rand.New(rand.NewPCG(11, 22))
	onset := strings.Fields("b br c ch cl d dr f fl g gr h j k l m n p pl pr qu r s sh sl sp st str t th tr v w wh")
	vowel := strings.Fields("a e i o u ai ea ee ie oo ou")
	coda := strings.Fields("b ck d f g l ll m n nd ng nt p r rd rk rn rt s ss st t th x")
	w := &writer{}
	total := 0.0
	for i := range 40000 {
		var word strings.Builder
		syllables := 1
		switch {
		case i > 10000:
			syllables = 2 + v.IntN(2)
		case i > 300:
			syllables = 1 + v.IntN(2)
		}
		for range syllables {
			word.WriteString(onset[v.IntN(len(onset))])
			word.WriteString(vowel[v.IntN(len(vowel))])
			if v.IntN(3) > 0 {
				word.WriteString(coda[v.IntN(len(coda))])
			}
		}
		text := word.String()
		if i < 150 && len(text) > 3 {
			text = text[:3]
		}
		switch v.IntN(60) {
		case 0:
			text = strings.Replace(text, "e", "é", 1)
		case 1:
			text += "ö"
		}
		w.vocab = append(w.vocab, text)
		total += 1 / math.Pow(float64(i+3), 1.05)
		w.sum = append(w.sum, total)
	}
	return w
})

func (w *writer) word() string {
	x := w.rng.Float64() * w.sum[len(w.sum)-1]
	return w.vocab[sort.SearchFloat64s(w.sum, x)]
}

// sentence appends a sentence of about 16 words.
func (w *writer) sentence(b *strings.Builder) (words int) {
	words = 4 + w.rng.IntN(24)
	quoted := w.rng.IntN(12) == 0
	if quoted {
		b.WriteByte('"')
	}
	for i := range words {
		word := w.word()
		if i == 0 || w.rng.IntN(40) == 0 {
			word = strings.ToUpper(word[:1]) + word[1:]
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
		switch w.rng.IntN(60) {
		case 0, 1, 2, 3:
			b.WriteByte(',')
		case 4:
			b.WriteString("’s")
		case 5:
			b.WriteString(" –")
		}
	}
	b.WriteByte('.')
	if quoted {
		b.WriteByte('"')
	}
	return words
}

// text returns at least the given number of words in sentences and paragraphs.
func (w *writer) text(words int) string {
	var b strings.Builder
	for words > 0 {
		words -= w.sentence(&b)
		if w.rng.IntN(6) == 0 {
			b.WriteString("\n\n")
		} else {
			b.WriteByte(' ')
		}
	}
	return strings.TrimSpace(b.String())
}

// Item returns the text of item i of a synthetic benchmark, of at least the given words.
func Item(i, words int) string { return newWriter(uint64(i) + 1_000_000).text(words) }

// Bench writes a benchmark of JSON lines {id, question}.
func Bench(out io.Writer, items, words int) error {
	for i := range items {
		if err := Line(out, map[string]any{"id": fmt.Sprintf("item-%d", i), "question": Item(i, words)}); err != nil {
			return err
		}
	}
	return nil
}

// Corpus writes a shard of JSON lines {id, url, metadata, text} of at least the given bytes.
// One document in two hundred has one of the items 0 to 999 of the synthetic benchmark with
// items of the given words.
func Corpus(out io.Writer, seed uint64, bytes int64, words int) error {
	w := newWriter(seed)
	count := &counter{w: out}
	for row := 0; count.n < bytes; row++ {
		text := w.text(50 + w.rng.IntN(900))
		if w.rng.IntN(200) == 0 {
			text += "\n" + Item(w.rng.IntN(1000), words) + "\n" + w.text(50)
		}
		if err := Line(count, map[string]any{
			"id": fmt.Sprintf("%d-%d", seed, row), "url": fmt.Sprintf("https://example.org/%d/%d", seed, row),
			"metadata": map[string]any{"score": w.rng.Float64(), "lang": "en"}, "text": text,
		}); err != nil {
			return err
		}
	}
	return nil
}

// Line writes v as a line of JSON.
func Line(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
