package plain

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// decodeMisread replaces characters that are the bytes of one character in UTF-8, read as
// Latin-1 or cp1252: Ã© is é.
func decodeMisread(l *layer, text []byte) {
	// The first of them is from U+00C2 to U+00F4.
	for at := 0; at < len(text); {
		next := bytes.IndexByte(text[at:], 0xC3)
		if next < 0 {
			return
		}
		at += next
		if by, size := misread(text[at:]); size > 0 {
			l.replace(text, at, at+size, by)
			at += size
		} else {
			at++
		}
	}
}

// misread returns the character whose bytes the first characters of rest are, and their
// size, 0 if there is none.
func misread(rest []byte) (by string, size int) {
	var raw [utf8.UTFMax]byte
	n := 0
	for n < utf8.UTFMax && !utf8.FullRune(raw[:n]) {
		r, width := utf8.DecodeRune(rest[size:])
		b, ok := legacyByte(r)
		if !ok || width < 2 || n == 0 != (b >= 0xC2) {
			return "", 0
		}
		raw[n] = b
		n++
		size += width
	}
	r, width := utf8.DecodeRune(raw[:n])
	control := 0x80 <= r && r < 0xA0 // which is a byte of a character again, where it was read wrong twice
	if n < 2 || width < n || !unicode.IsGraphic(r) && !control {
		return "", 0
	}
	return string(raw[:n]), size
}

// windows lists the characters of cp1252 from 0x80 to 0x9F; 0 where it has none.
var windows = [...]rune{
	'€', 0, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0, 'Ž', 0,
	0, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0, 'ž', 'Ÿ',
}

// legacyByte returns the byte from 0x80 on that is r in Latin-1 or cp1252.
func legacyByte(r rune) (byte, bool) {
	if 0x80 <= r && r <= 0xFF {
		return byte(r), true
	}
	if r > 0xFF {
		for i, w := range windows {
			if w == r {
				return byte(0x80 + i), true
			}
		}
	}
	return 0, false
}

// dropVowelMarks removes the marks of Arabic and Hebrew that most texts leave out, and the
// Arabic line that makes words longer.
func dropVowelMarks(l *layer, text []byte) {
	for at := 0; at+1 < len(text); at++ {
		if b := text[at]; b < 0xD6 || b > 0xD9 {
			continue
		}
		if r, size := utf8.DecodeRune(text[at:]); size == 2 && isVowelMark(r) {
			l.replace(text, at, at+size, "")
			at++
		}
	}
}

// isVowelMark reports whether r is a mark that texts leave out. Those of U+0653 to U+0655
// make another letter of an alef.
func isVowelMark(r rune) bool {
	switch {
	case 0x0591 <= r && r <= 0x05C7: // Hebrew, among punctuation
		return unicode.Is(unicode.Mn, r)
	case r == 0x0640, 0x064B <= r && r <= 0x0652, 0x0656 <= r && r <= 0x065F, r == 0x0670:
		return true
	}
	return false
}
