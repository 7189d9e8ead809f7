package ngram

import (
	"encoding/binary"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A kind is the effect of a rune on the words around it.
type kind uint8

const (
	unknown   kind = iota // not yet in the table
	separator             // ends a word
	letter                // letter or digit: begins or continues a word
	single                // a word of its own, with the marks that follow
	mark                  // continues a word, or begins one
	ignored               // removed
	compose               // must be normalised together with its neighbours
)

// classify returns a normalised rune's kind and its folded form. It alone defines what a
// word consists of.
func classify(r rune) (kind, rune) {
	switch {
	case r < utf8.RuneSelf:
		if 'A' <= r && r <= 'Z' {
			return letter, r | 0x20
		}
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return letter, r
		}
		return separator, 0
	case r == 0x200B || r == utf8.RuneError: // zero width space
		return separator, 0
	case unicode.Is(unicode.Cf, r), r == 0x034F, // combining grapheme joiner
		0xFE00 <= r && r <= 0xFE0F, 0xE0100 <= r && r <= 0xE01EF: // variation selectors
		return ignored, 0
	case unicode.In(r, unicode.Mark):
		return mark, r
	case unicode.In(r, unicode.Letter, unicode.Number):
		if isUnspaced(r) {
			return single, r
		}
		return letter, foldCase(r)
	}
	return separator, 0
}

// isUnspaced reports whether r belongs to a script without spaces between words.
func isUnspaced(r rune) bool {
	switch {
	case r == 0x3006, 0x3031 <= r && r <= 0x3035, r == 0x303C, r == 0x30FC:
		return true // Japanese marks that belong to no Unicode script
	}
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// foldCase applies simple case folding: the lower case of the first rune of r's case
// orbit, so that σ and ς, k and K fold to the same rune.
func foldCase(r rune) rune {
	first := r
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		first = min(first, o)
	}
	return unicode.ToLower(first)
}

// An entry describes a rune of the basic plane in raw text: the folded rune (16 bits), its
// kind, its combining class from bit 24 on, and from bit 32 on the folded rune's UTF-8, whose
// length follows from bit 56 on.
type entry uint64

func (e entry) rune() rune   { return rune(e & 0xFFFF) }
func (e entry) kind() kind   { return kind(e >> 16 & 0xFF) }
func (e entry) ccc() uint8   { return uint8(e >> 24) }
func (e entry) utf8() uint64 { return uint64(e >> 32 & 0xFFFFFF) }
func (e entry) size() uint   { return uint(e >> 56) }

// The entries of starters of some kind and size, but for the rune.
const (
	formMask      = entry(0xFF)<<56 | entry(0xFFFF)<<16
	letterOfTwo   = entry(2)<<56 | entry(letter)<<16
	singleOfThree = entry(3)<<56 | entry(single)<<16
)

// goesOn reports whether the rune may go on with a word of the kind single: it is no starter that
// ends it.
func (e entry) goesOn() bool { return e.starter()-1 > uint16(single)-1 }

// starter returns the kind of a rune of combining class 0, and of others more than any kind.
func (e entry) starter() uint16 { return uint16(e >> 16) }

// runeTable has the entries of the basic plane by rune, those of the kind unknown left out: they
// are filled in 64 at a time, in about 15 µs, when the first of them is needed.
var runeTable [1 << 16]atomic.Uint64

// entryOf returns the entry of a rune of the basic plane.
func entryOf(r rune) entry {
	if e := entry(runeTable[r].Load()); e.kind() != unknown {
		return e
	}
	for r := r &^ 63; ; r++ {
		e := entry(compose) << 16 // half of a surrogate pair, which is not UTF-8
		if utf8.ValidRune(r) {
			e = rawEntry(r)
		}
		runeTable[r].Store(uint64(e))
		if r&63 == 63 {
			break
		}
	}
	return entry(runeTable[r].Load())
}

// asciiEntries has the entries of ASCII.
var asciiEntries = func() (t [utf8.RuneSelf]entry) {
	for r := range t {
		k, f := classify(rune(r))
		t[r] = newEntry(0, k, f)
	}
	return t
}()

// newEntry returns the entry of a rune that is normalised and of combining class ccc.
func newEntry(ccc uint8, k kind, folded rune) entry {
	var raw [8]byte
	n := utf8.EncodeRune(raw[:], folded)
	return entry(n)<<56 | entry(binary.LittleEndian.Uint32(raw[:]))<<32 | entry(ccc)<<24 | entry(k)<<16 | entry(folded)
}

// rawEntry returns the entry of a rune before normalisation. A rune that normalises to one
// rune whatever precedes it is classified here. All others have the kind compose: those
// that decompose into several runes, and those that may combine with, or change places
// with, what precedes them.
func rawEntry(r rune) entry {
	var raw [utf8.UTFMax]byte
	n := utf8.EncodeRune(raw[:], r)
	p := norm.NFKC.Properties(raw[:])
	if !p.BoundaryBefore() {
		if norm.NFKC.QuickSpan(raw[:n]) < n || p.CCC() == 0 {
			return entry(compose) << 16
		}
		k, f := classify(r)
		return newEntry(p.CCC(), k, f)
	}
	var buf [64]byte
	out := norm.NFKC.Append(buf[:0], raw[:n]...)
	first, w := utf8.DecodeRune(out)
	k, f := classify(first)
	for rest := out[w:]; len(rest) > 0; rest = rest[w:] {
		first, w = utf8.DecodeRune(rest)
		if also, _ := classify(first); k != separator || also != separator {
			return entry(compose) << 16
		}
	}
	if f >= 1<<16 {
		return entry(compose) << 16
	}
	return newEntry(0, k, f)
}

// lookup returns what rawEntry does, for runes of every plane; the folded rune is separate
// since it may not fit an entry.
func lookup(r rune) (kind, rune, uint8) {
	if r < 1<<16 {
		e := entryOf(r)
		return e.kind(), e.rune(), e.ccc()
	}
	var raw [utf8.UTFMax]byte
	n := utf8.EncodeRune(raw[:], r)
	p := norm.NFKC.Properties(raw[:n])
	if !p.BoundaryBefore() || norm.NFKC.QuickSpan(raw[:n]) < n {
		return compose, 0, 0
	}
	k, f := classify(r)
	return k, f, 0
}
