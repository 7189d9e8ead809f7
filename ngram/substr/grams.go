package substr

import (
	"iter"
	"unicode/utf8"

	"swab/ngram"

	"github.com/zeebo/xxh3"
)

// AppendGrams appends the hashes of the windows of n characters of a text, by the
// character at which they begin.
func (x *Index) AppendGrams(dst []uint64, text, n int) []uint64 {
	letters := x.text(text)
	if x.Words(text) < n {
		return dst
	}
	end := 0
	next := func(at int) int {
		_, size := utf8.DecodeRune(letters[at:])
		return at + size
	}
	for range n {
		end = next(end)
	}
	for from := 0; ; from, end = next(from), next(end) {
		dst = append(dst, xxh3.Hash(letters[from:end]))
		if end >= len(letters) {
			return dst
		}
	}
}

// Spans yields the bytes of each kept character of a text.
func (x *Index) Spans(text string) iter.Seq[ngram.Span] {
	return func(yield func(ngram.Span) bool) {
		rest := []byte(text)
		at := uint32(0)
		for len(rest) > 0 {
			_, size, out := x.class.convert(rest)
			if out > 0 && !yield(ngram.Span{Start: at, End: at + uint32(size)}) {
				return
			}
			at += uint32(size)
			rest = rest[size:]
		}
	}
}
