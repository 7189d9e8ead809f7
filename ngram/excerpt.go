package ngram

import "unicode/utf8"

const excerptMargin = 100 // bytes shown on either side

// MaxExcerpt is how many bytes an excerpt has at most; a longer one is cut at its end.
const MaxExcerpt = 16384

// Excerpt returns the bytes of a document to show of a match at bytes start to end: some
// more on either side, whole characters, MaxExcerpt at most.
func Excerpt(text []byte, start, end int) (from, to int) {
	from = max(0, start-excerptMargin)
	for from < start && !utf8.RuneStart(text[from]) {
		from++
	}
	to = min(len(text), end+excerptMargin, from+MaxExcerpt)
	for to < len(text) && to > from && !utf8.RuneStart(text[to]) {
		to--
	}
	return from, to
}
