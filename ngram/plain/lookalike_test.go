package plain

import (
	"testing"
	"unicode/utf8"
)

// plainWord is readWord a character at a time.
func plainWord(rest []byte) (w word, size int) {
	for size < len(rest) {
		r, width := utf8.DecodeRune(rest[size:])
		switch {
		case r < utf8.RuneSelf && isLetter(byte(r)):
			w.latin = true
		case r < utf8.RuneSelf && isDigit(byte(r)):
		case r < 0xC0, r == '×', r == '÷', 0x2000 <= r && r < 0x2C00, 0x3000 <= r && r < 0x3040, r >= 0xFE00:
			return w, size
		case r < 0x300, 0x1E00 <= r && r < 0x1F00:
			w.latin = true
		case r < 0x370:
		case looksLatin(r) > 0:
			w.alike++
			w.cyrillic = w.cyrillic || r >= 0x400
		default:
			w.foreign = true
		}
		size += width
	}
	return w, size
}

// FuzzWord holds the classes of letters against their definition, and the bytes from 0xC0 on
// against a search for each.
func FuzzWord(f *testing.F) {
	for _, s := range []string{"word", "сор", "слово7", "naïve", "αβγ", "aоb", "é×", "中文", "\u0301x", "\xc1\x81", "\xd0", "\xd0a", "\xe0\xa0", "ḁ", "“a”", "ｘ", "\xff"} {
		f.Add([]byte(s))
		f.Add([]byte("eight by" + s + "tes and more " + s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for at := range text {
			w, size := readWord(text[at:])
			if want, wantSize := plainWord(text[at:]); w != want || size != wantSize {
				t.Fatalf("%q: %+v of %d bytes, want %+v of %d", text[at:], w, size, want, wantSize)
			}
		}
		want := uint64(0)
		for _, b := range text {
			if b >= 0xC0 {
				want |= 1 << (b - 0xC0)
			}
		}
		if got := leads(text); got != want {
			t.Fatalf("%q: first bytes %x, want %x", text, got, want)
		}
	})
}
