package reworded

import "swab/ngram"

// A Mark is a term or a number of a text that is compared with another text. Bytes are of the
// text.
type Mark struct {
	Start, End int
	Shared     bool // the other text has it too; else it is a number that differs
}

// Marks returns, for each of two texts, the terms and numbers that both have, and the numbers
// that the other does not have.
func Marks(a, b string) (inA, inB []Mark) {
	lex := newLexer(map[uint64]int32{}, true)
	scan, err := ngram.Words(1).NewScanner()
	if err != nil {
		panic(err) // the recipe is this program's own
	}
	read := func(text string) (tokens []token, has map[token]bool) {
		has = map[token]bool{}
		for scan.Reset([]byte(text)); scan.Next(); {
			tokens = lex.block(tokens, scan, []byte(text))
		}
		for _, t := range tokens {
			has[t.meaning()] = true
		}
		return tokens, has
	}
	tokensA, hasA := read(a)
	tokensB, hasB := read(b)
	return marksOf(tokensA, hasB), marksOf(tokensB, hasA)
}

// meaning returns the token without its place.
func (t token) meaning() token { return token{value: t.value, term: t.term, number: t.number} }

func marksOf(tokens []token, other map[token]bool) (list []Mark) {
	for _, t := range tokens {
		if shared := other[t.meaning()]; shared || t.number {
			list = append(list, Mark{Start: int(t.start), End: int(t.end), Shared: shared})
		}
	}
	return list
}
