package align

import (
	"bytes"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"swab/ngram"
)

// kind says more of a word of a text.
type kind uint8

const (
	number   kind = 1 << iota
	name          // it has a capital letter, and is not common or does not begin a sentence
	begins        // the first word of a line
	cited         // it is in a quotation of some length, which is of others
	counting      // a number one above the number before it, as in a list of numbers
)

// changes says whether a variant of an item may have another word there.
func (k kind) changes() bool { return k&(number|name) != 0 }

// kindOf returns the kind of a word of a text, quotations aside; content says that it is
// not common.
func kindOf(text []byte, at ngram.Span, content bool) (k kind) {
	before := bytes.TrimRight(text[:at.Start], " ")
	last, _ := utf8.DecodeLastRune(before)
	if len(before) == 0 || last == '\n' {
		k = begins
	}
	if c := text[at.Start]; '0' <= c && c <= '9' {
		return k | number
	}
	first, _ := utf8.DecodeRune(text[at.Start:])
	if unicode.IsUpper(first) && (content || unicode.IsLetter(last) || unicode.IsDigit(last) || last == ',') {
		k |= name
	}
	return k
}

// operator returns a number for the operators between two words of a text, 0 for none.
func operator(text []byte, a, b ngram.Span) (op uint8) {
	between := text[min(a.End, b.Start):b.Start]
	if len(between) > 12 || bytes.IndexByte(between, '\n') >= 0 {
		return 0
	}
	for _, r := range string(between) {
		switch r {
		case '−':
			r = '-'
		case '×', '·':
			r = '*'
		case '÷':
			r = '/'
		}
		if k := strings.IndexRune("+-/^=<%:", r); k >= 0 {
			op = max(op*37+uint8(k)+1, 1)
		}
	}
	return op
}

// countOn marks the numbers of a text that count on from the word before.
func countOn(text []byte, spans []ngram.Span, kinds []kind) {
	last := -1
	for i, at := range spans {
		n := -1
		if kinds[i]&number != 0 && at.End-at.Start < 9 {
			if v, err := strconv.Atoi(string(text[at.Start:at.End])); err == nil {
				n = v
			}
		}
		if n > 0 && n == last+1 && last >= 0 {
			kinds[i] |= counting
		}
		last = n
	}
}

// Quotations of fewer words are a manner of speaking; an item that is nearly all
// quotation has nothing else to be found by.
const (
	citedWords = 6
	citedMost  = 0.7
)

// cite marks the words of a text that are in quotations.
func cite(text []byte, spans []ngram.Span, kinds []kind) {
	var marked []int
	closing := map[rune]rune{'“': '”', '«': '»', '「': '」'} // of those that may be closed in the rest of the text
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		end := -1
		switch r {
		case '“', '«', '「':
			if mark, ok := closing[r]; ok {
				if end = bytes.IndexRune(text[i+size:], mark); end < 0 {
					delete(closing, r)
				}
			}
		case '"': // one that opens, and is not one of three
			if i == 0 || text[i-1] <= ' ' || text[i-1] == '(' {
				end = bytes.IndexByte(text[i+size:], '"')
			}
			if end == 0 {
				end = -1
			}
		}
		if end < 0 {
			i += size
			continue
		}
		from, to := uint32(i), uint32(i+size+end)
		first := sort.Search(len(spans), func(k int) bool { return spans[k].Start >= from })
		last := sort.Search(len(spans), func(k int) bool { return spans[k].Start >= to })
		if last-first >= citedWords {
			for k := first; k < last; k++ {
				marked = append(marked, k)
			}
		}
		i += size + end + 1
	}
	if float64(len(marked)) <= citedMost*float64(len(spans)) {
		for _, k := range marked {
			kinds[k] |= cited
		}
	}
}
