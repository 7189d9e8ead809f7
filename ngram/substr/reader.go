package substr

import (
	"slices"
	"unicode/utf8"

	"swab/ngram/exact"
)

// reader is the index's exact.Reader; its words are characters.
type reader struct {
	x       *Index
	matcher *Matcher
}

// NewReader returns a reader for one goroutine.
func (x *Index) NewReader() exact.Reader {
	m := x.NewMatcher()
	m.touched = map[int]struct{}{}
	return &reader{x, m}
}

func (r *reader) Touched(each func(visit func(document []byte))) []int {
	touched := r.matcher.touched
	clear(touched)
	r.matcher.repeats.Begin()
	each(func(document []byte) { r.matcher.Document(document, func(exact.Run) {}) })
	texts := make([]int, 0, len(touched))
	for t := range touched {
		texts = append(texts, t)
	}
	slices.Sort(texts)
	return texts
}

// badChar is the number of a byte that is not UTF-8.
const badChar = utf8.MaxRune + 1

func (r *reader) Words(document []byte, visit func(word, start, end uint32) bool) {
	for at := 0; at < len(document); {
		c, size, out := r.x.class.convert(document[at:])
		if c < 0 {
			c = badChar
		}
		if out > 0 && !visit(uint32(c), uint32(at), uint32(at+size)) {
			return
		}
		at += size
	}
}

func (r *reader) AppendText(dst []uint32, text int) []uint32 {
	for letters := r.x.text(text); len(letters) > 0; {
		c, size := utf8.DecodeRune(letters)
		if c == utf8.RuneError && size == 1 {
			c = badChar
		}
		dst, letters = append(dst, uint32(c)), letters[size:]
	}
	return dst
}
