package exact

import "swab/ngram"

// AppendGrams appends the hashes of the n-grams of a text.
func (x *Index) AppendGrams(dst []uint64, text, n int) []uint64 {
	words := x.text(text)
	for i := 0; i+n <= len(words); i++ {
		g := uint64(0)
		for _, w := range words[i : i+n] {
			g = ngram.AddWord(g, x.hashes[w])
		}
		dst = append(dst, g)
	}
	return dst
}
