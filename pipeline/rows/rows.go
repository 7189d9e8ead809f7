// Package rows reads rows, whatever they are used for: documents of a corpus, items of a
// benchmark, results of models.
package rows

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// The classes of what cannot be read.
var (
	ErrCorrupt     = errors.New("corrupt")       // a file is not what its format promises
	ErrTooLong     = errors.New("too long")      // a row, or what holds it, is longer than allowed
	ErrUnsupported = errors.New("not supported") // a file may be whole but uses what is not read here
)

// Kind is what was wrong with a row.
type Kind string

// Kinds of rows without a text.
const (
	NotJSON   Kind = "not JSON"
	NotObject Kind = "not an object"
	Missing   Kind = "field missing"
	Null      Kind = "null"
	NotString Kind = "not a string"
	Ragged    Kind = "another number of columns"
)

// Kinds of rows that are used all the same. NUL is kept as it is: it separates words.
// Invalid UTF-8 and lone surrogates are read as U+FFFD. NaN and Infinity, which Python
// writes into JSON, are values that are no text.
const (
	InvalidUTF8   Kind = "invalid UTF-8"
	LoneSurrogate Kind = "lone surrogate"
	NUL           Kind = "NUL"
	NotNumber     Kind = "NaN or Infinity"
)

// Marks are the repairs that one row needed, as bits.
type Marks uint8

// The marks, one for each kind of row that is used all the same.
const (
	MarkUTF8 Marks = 1 << iota
	MarkSurrogate
	MarkNUL
	MarkNumber
)

// Repairs lists the kinds that m stands for, each with what was done.
func (m Marks) Repairs(visit func(k Kind, done string)) {
	for _, r := range [...]struct {
		mark Marks
		kind Kind
		done string
	}{
		{MarkUTF8, InvalidUTF8, "each bad byte was read as U+FFFD"},
		{MarkSurrogate, LoneSurrogate, "each was read as U+FFFD"},
		{MarkNUL, NUL, "kept; it separates words"},
		{MarkNumber, NotNumber, "accepted, as Python writes it; JSON has no such number"},
	} {
		if m&r.mark != 0 {
			visit(r.kind, r.done)
		}
	}
}

// AppendValid appends src with U+FFFD for each byte that is not part of UTF-8.
func AppendValid(dst, src []byte) []byte {
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		dst = utf8.AppendRune(dst, r)
		src = src[n:]
	}
	return dst
}

// Clip shortens a text from a file for an error message.
func Clip[T string | []byte](s T) string {
	const longest = 60
	if len(s) <= longest {
		return string(s)
	}
	return strings.ToValidUTF8(string(s[:longest]), "") + "…"
}
