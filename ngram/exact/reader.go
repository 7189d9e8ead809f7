package exact

import (
	"slices"

	"swab/ngram"
)

// reader is the index's [Reader].
type reader struct {
	x       *Index
	scan    *ngram.Scanner
	matcher *Matcher
}

// NewReader returns a reader for one goroutine.
func (x *Index) NewReader() Reader {
	m := x.NewMatcher()
	m.touched = make(map[int]struct{})
	return &reader{x, x.NewScanner(), m}
}

func (r *reader) Touched(each func(visit func(document []byte))) []int {
	touched := r.matcher.touched
	clear(touched)
	r.matcher.repeats.Begin()
	each(func(document []byte) {
		r.matcher.Document(r.scan, document, func(run Run) { touched[run.Text] = struct{}{} })
	})
	texts := make([]int, 0, len(touched))
	for t := range touched {
		texts = append(texts, t)
	}
	slices.Sort(texts)
	return texts
}

func (r *reader) Words(document []byte, visit func(word, start, end uint32) bool) {
	s := r.scan
	for s.Reset(document); s.Next(); {
		first := 0
		if s.Base() > 0 {
			first = s.N() - 1 // words that were in the block before
		}
		for i := first; i < s.Len(); i++ {
			if !visit(r.x.number(s, i), s.Start(i), s.End(i)) {
				return
			}
		}
	}
}

func (r *reader) AppendText(dst []uint32, text int) []uint32 { return append(dst, r.x.text(text)...) }

// number returns the number of word i of the block, or Unknown.
func (x *Index) number(s *ngram.Scanner, i int) uint32 {
	hash := s.Hashes()[i]
	for at := homeOf(hash, x.numbers); x.numbers[at] != 0; at = (at + 1) & (len(x.numbers) - 1) {
		if n := x.numbers[at]; x.hashes[n] == hash && s.WordEquals(i, x.word(n)) {
			return n
		}
	}
	return Unknown
}
