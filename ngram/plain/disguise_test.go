package plain

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestDisguises: each kind is found in a text that hides one, and in none that does not.
func TestDisguises(t *testing.T) {
	const text = "The keeper of the quiet harbour counted seven copper bells before the evening ferry came in from " +
		"the meadow across the river, and wrote the number down in a small blue book beside his lamp. "
	split := func(by string) string { return strings.ReplaceAll(text, "e", "e"+by) }
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"plain":             {text + text, nil},
		"quotes":            {"“" + text + "” — said he…", nil},
		"homoglyphs":        {strings.ReplaceAll(text, "e", "е"), []string{MixedScripts}},
		"Russian":           {strings.Repeat("Смотритель гавани насчитал семь колоколов. USB-порт. ", 20), nil},
		"Greek letters":     {strings.Repeat("the angle α and the angle β ", 20), nil},
		"zero width":        {split("\u200b"), []string{Ignorable}},
		"soft hyphens":      {split("\u00ad"), []string{Ignorable}},
		"Persian":           {strings.Repeat("می\u200cخواهم ", 40), nil},
		"base64":            {"see " + base64.StdEncoding.EncodeToString([]byte(text)) + " there", []string{Encoded}},
		"hexadecimal":       {hex.EncodeToString([]byte(text)), []string{Encoded}},
		"percent":           {strings.ReplaceAll(url.QueryEscape(strings.Repeat("ж", 60)), "+", ""), []string{Encoded}},
		"a long word":       {strings.Repeat("a", 500), nil},
		"a rule":            {strings.Repeat("=-", 500), nil},
		"digits":            {strings.Repeat("0123456789", 50), nil},
		"an address":        {"https://example.org/" + strings.Repeat("path/to/", 30) + "?q=1", nil},
		"two":               {split("\u200b") + hex.EncodeToString([]byte(text)), []string{Ignorable, Encoded}},
		"shorter than some": {base64.StdEncoding.EncodeToString([]byte(text[:60])), nil},
	} {
		for _, pad := range []string{"", " ", strings.Repeat("x ", 200)} {
			if got := Disguises([]byte(pad + c.text + pad)); !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
	}
}

// plainDisguises is Disguises a character and a byte at a time.
func plainDisguises(text []byte) (kinds []string) {
	mixed, ignorable, encoded := 0, 0, false
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		before, after := at > 0 && isLetter(text[at-1]), at+size < len(text) && isLetter(text[at+size])
		switch {
		case r < utf8.RuneSelf:
		case (before || after) && looksLatin(r) != 0:
			mixed++
		case before && after && isIgnorable(r):
			ignorable++
		}
		at += size
	}
	for _, run := range bytes.FieldsFunc(text, func(r rune) bool { return r < utf8.RuneSelf && isSpace(byte(r)) }) {
		if len(run) < leastEncoded {
			continue
		}
		run = run[:leastEncoded]
		count := func(f func(byte) bool) (n int) {
			for _, b := range run {
				if f(b) {
					n++
				}
			}
			return n
		}
		percents := count(func(b byte) bool { return b == '%' })
		lower := count(func(b byte) bool { return 'a' <= b && b <= 'z' })
		upper := count(func(b byte) bool { return 'A' <= b && b <= 'Z' })
		digits := count(isDigit)
		signs := count(func(b byte) bool { return strings.IndexByte("+/=-_", b) >= 0 })
		pure := lower+upper+digits+signs == leastEncoded
		encoded = encoded || percents*6 >= leastEncoded ||
			pure && (digits*16 >= leastEncoded && (lower+upper)*16 >= leastEncoded || lower*8 >= leastEncoded && upper*8 >= leastEncoded)
	}
	for kind, there := range map[string]bool{MixedScripts: mixed >= leastMixed, Ignorable: ignorable >= leastIgnorable, Encoded: encoded} {
		if there {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// FuzzDisguises holds what skips text by eight bytes and more against what reads all of it.
func FuzzDisguises(f *testing.F) {
	for _, s := range []string{
		"a\u0435b", "a\u0435\u0435b", "x\u200by", "x\u200b\u200by", "中文", "中文 ", "%D0", "%D0中", "aB3", "aB3 ", "\xe4\xb8a", "a\xe4", "\u0435a\xff", "é\n", "12ab\x80",
	} {
		f.Add([]byte(s), uint8(60), uint8(3))
		f.Add([]byte(s), uint8(3), uint8(40))
	}
	f.Fuzz(func(t *testing.T, s []byte, times, again uint8) {
		text := bytes.Repeat(s, int(times))
		text = append(append(text, "x 中 "...), bytes.Repeat(s, int(again))...)
		got, want := Disguises(text), plainDisguises(text)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%q: %q, want %q", text, got, want)
		}
	})
}

func BenchmarkDisguises(b *testing.B) {
	text := []byte(strings.Repeat("The keeper of the quiet harbour counted seven copper bells. ", 1000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Disguises(text)
	}
}
