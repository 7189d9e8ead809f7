package pipeline

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

// A Cut is how what matches is cut out of documents, in characters. GPT-3's rule has a margin of
// 200, keeps no piece shorter than 200, and removes documents that fall into more than ten.
type Cut struct {
	Margin   int // goes on both sides of what matches
	Shortest int // shorter pieces go too
}

const (
	mostPieces = 10 // a document of more goes as a whole
	mostCuts   = 16 // after this number of cuts, a document that still matches goes
)

// pieceEnd separates the pieces of a document.
const pieceEnd = "\n"

// cutPieces returns the parts of pieces of a text that are left without the spans.
func (o *Cut) cutPieces(text []byte, pieces, spans [][2]int64) (left [][2]int64) {
	cuts := make([][2]int64, len(spans))
	for i, s := range spans {
		cuts[i] = [2]int64{charactersBefore(text, s[0], o.Margin), charactersAfter(text, s[1], o.Margin)}
	}
	slices.SortFunc(cuts, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	keep := func(from, to int64) {
		if from < to && utf8.RuneCount(text[from:to]) >= o.Shortest {
			left = append(left, [2]int64{from, to})
		}
	}
	for _, p := range pieces {
		from := p[0]
		for _, s := range cuts {
			if s[0] < s[1] && s[0] < p[1] && s[1] > from {
				keep(from, s[0])
				from = s[1]
			}
		}
		keep(from, p[1])
	}
	return left
}

// charactersBefore returns where n characters before at begin.
func charactersBefore(text []byte, at int64, n int) int64 {
	for ; n > 0 && at > 0; n-- {
		_, size := utf8.DecodeLastRune(text[:at])
		at -= int64(size)
	}
	return at
}

// charactersAfter returns where n characters after at end.
func charactersAfter(text []byte, at int64, n int) int64 {
	for ; n > 0 && at < int64(len(text)); n-- {
		_, size := utf8.DecodeRune(text[at:])
		at += int64(size)
	}
	return at
}

// joinPieces returns the text of pieces.
func joinPieces(text []byte, pieces [][2]int64) (joined []byte) {
	for i, p := range pieces {
		if i > 0 {
			joined = append(joined, pieceEnd...)
		}
		joined = append(joined, text[p[0]:p[1]]...)
	}
	return joined
}

// spansBefore returns where a span of joined pieces is in the text that they are of.
func spansBefore(pieces [][2]int64, span [2]int64) (spans [][2]int64) {
	at := int64(0) // of the piece in the joined text
	for _, p := range pieces {
		from, to := max(span[0]-at, 0), min(span[1]-at, p[1]-p[0])
		if from < to {
			spans = append(spans, [2]int64{p[0] + from, p[0] + to})
		}
		at += p[1] - p[0] + int64(len(pieceEnd))
	}
	return spans
}
