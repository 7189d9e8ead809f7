package main

import (
	"math"
	"math/rand/v2"
	"sort"
	"strings"
)

// A writer makes text that looks like web text to a compressor, a JSON scanner and
// a tokeniser: words of a Zipf distribution, sentences, paragraphs, quotation
// marks, some words that are not ASCII. Equal seeds give equal text.
type writer struct {
	rng   *rand.Rand
	vocab []string
	sum   []float64 // of the words' weights
}

// newWriterLike gives a writer with the vocabulary of w and a seed of its own.
func newWriterLike(w *writer, seed uint64) *writer {
	return &writer{rng: rand.New(rand.NewPCG(seed, 33)), vocab: w.vocab, sum: w.sum}
}

// The vocabulary is the same for all seeds, so that corpora and benchmarks share words
// but, by chance, hardly ever eight in a row.
func newWriter(seed uint64) *writer {
	v := rand.New(rand.NewPCG(11, 22))
	onset := strings.Fields("b br c ch cl d dr f fl g gr h j k l m n p pl pr qu r s sh sl sp st str t th tr v w wh")
	vowel := strings.Fields("a e i o u ai ea ee ie oo ou")
	coda := strings.Fields("b ck d f g l ll m n nd ng nt p r rd rk rn rt s ss st t th x")
	w := &writer{rng: rand.New(rand.NewPCG(seed, 33))}
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
}

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

// text gives at least so many words in sentences and paragraphs.
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
