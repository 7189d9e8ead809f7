package exact

import "swab/ngram"

// AppendGrams appends the hashes of the n-grams of a text.
func (x *Index) AppendGrams(dst []uint64, text, n int) []uint64 {
	words := x.AppendHashes(dst, text)
	return ngram.AppendGrams(words[:len(dst)], words[len(dst):], n)
}
