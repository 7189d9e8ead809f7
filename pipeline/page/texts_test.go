package page_test

import (
	"math/rand/v2"
	"strings"
)

// texts makes items of words of a made vocabulary, the common ones often.
type texts struct{ words []string }

func newTexts() *texts {
	t := &texts{}
	rng := rand.New(rand.NewPCG(7, 7))
	for range 20_000 {
		var b strings.Builder
		for range 2 + rng.IntN(3) {
			b.WriteByte("bcdfghklmnprstvz"[rng.IntN(16)])
			b.WriteByte("aeiou"[rng.IntN(5)])
		}
		t.words = append(t.words, b.String())
	}
	return t
}

// item is the text of item i, 60 words; equal numbers give equal text.
func (t *texts) item(i int) string {
	rng := rand.New(rand.NewPCG(uint64(i), 1))
	out := make([]string, 60)
	for k := range out {
		f := rng.Float64()
		out[k] = t.words[int(f*f*f*float64(len(t.words)))]
	}
	return strings.Join(out, " ")
}
