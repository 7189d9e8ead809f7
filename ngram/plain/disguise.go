package plain

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Kinds of disguised text: what hides a copy from methods that compare letters, and from a
// reader's search.
const (
	MixedScripts = "mixed scripts"        // Latin words with letters of Greek or Cyrillic that look Latin
	Ignorable    = "ignorable characters" // invisible characters inside Latin words
	Encoded      = "encoded"              // a long run in base64, hexadecimal digits or percent signs
)

const (
	leastMixed     = 3   // places where a letter that looks Latin is beside a Latin one
	leastIgnorable = 5   // characters
	leastEncoded   = 128 // bytes without white space
)

// Disguises returns the kinds of disguised text that a document has, in the order of the
// constants. Of text in ASCII it reads a small part: one byte in a hundred and those before it
// back to a space.
func Disguises(text []byte) (kinds []string) {
	mixed, ignorable := 0, 0
	for at, end := nonASCII(text, 0), 0; at < len(text); at = nonASCII(text, end) {
		end = firstASCII(text, at)
		before, after := at > 0 && isLetter(text[at-1]), end < len(text) && isLetter(text[end])
		if !before && !after {
			continue
		}
		r, size := utf8.DecodeRune(text[at:end])
		switch {
		case at+size < end: // only the first and the last character are beside letters
			if before && looksLatin(r) != 0 {
				mixed++
			}
			if r, _ = utf8.DecodeLastRune(text[at:end]); after && looksLatin(r) != 0 {
				mixed++
			}
		case looksLatin(r) != 0:
			mixed++
		case before && after && isIgnorable(r):
			ignorable++
		}
	}
	if mixed >= leastMixed {
		kinds = append(kinds, MixedScripts)
	}
	if ignorable >= leastIgnorable {
		kinds = append(kinds, Ignorable)
	}
	if hasEncoded(text) {
		kinds = append(kinds, Encoded)
	}
	return kinds
}

const high = 0x8080808080808080 // the bits that ASCII has not

// firstASCII returns the first byte from at on that is ASCII, or the length of the text.
func firstASCII(text []byte, at int) int {
	for ; at+8 <= len(text); at += 8 {
		if ascii := ^binary.LittleEndian.Uint64(text[at:]) & high; ascii != 0 {
			return at + bits.TrailingZeros64(ascii)/8
		}
	}
	for at < len(text) && text[at] >= utf8.RuneSelf {
		at++
	}
	return at
}

// nonASCII returns the first byte from at on that is not ASCII, or the length of the text.
func nonASCII(text []byte, at int) int {
	for ; at+32 <= len(text); at += 32 {
		b := text[at : at+32]
		all := binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) |
			binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
		if all&high != 0 {
			break
		}
	}
	for at < len(text) && text[at] < utf8.RuneSelf {
		at++
	}
	return at
}

// isIgnorable reports whether a character is shown as nothing: of zero width, soft hyphens,
// marks of direction, selectors of variants, tags.
func isIgnorable(r rune) bool {
	switch {
	case r == 0xAD, r == 0x34F, r == 0x180E, 0x200B <= r && r <= 0x200F, 0x202A <= r && r <= 0x202E,
		0x2060 <= r && r <= 0x206F, 0xFE00 <= r && r <= 0xFE0F, r == 0xFEFF, 0xE0000 <= r && r <= 0xE0FFF:
		return true
	}
	return false
}

// hasEncoded reports whether the text has a run of leastEncoded bytes that is encoded: of
// letters of base64, some of them digits or in both cases, or with many percent signs.
func hasEncoded(text []byte) bool {
	for from := 0; from+leastEncoded <= len(text); {
		run := text[from : from+leastEncoded]
		space := len(run) - 1
		for space >= 0 && !isSpace(run[space]) {
			if space--; space >= 7 && binary.LittleEndian.Uint64(run[space-7:])&high == high {
				space -= 8
			}
		}
		if space >= 0 {
			from += space + 1
			continue
		}
		if isEncoded(run) {
			return true
		}
		for from += leastEncoded; from < len(text) && !isSpace(text[from]); { // the rest of the run
			from = firstASCII(text, from+1)
		}
	}
	return false
}

// isEncoded reports whether a run without white space is encoded.
func isEncoded(run []byte) bool {
	if nonASCII(run, 0) < len(run) { // what only percent signs may be beside
		return bytes.Count(run, []byte("%"))*6 >= len(run)
	}
	var lower, upper, digits, percents, others int
	for _, b := range run {
		switch {
		case 'a' <= b && b <= 'z':
			lower++
		case 'A' <= b && b <= 'Z':
			upper++
		case isDigit(b):
			digits++
		case b == '%':
			percents++
		case b != '+' && b != '/' && b != '=' && b != '-' && b != '_':
			others++
		}
	}
	switch {
	case percents*6 >= len(run):
		return true
	case others > 0 || percents > 0:
		return false
	}
	return digits*16 >= len(run) && (lower+upper)*16 >= len(run) || lower*8 >= len(run) && upper*8 >= len(run)
}
