package eval

import (
	"math/rand/v2"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Characters that print nothing.
var invisibles = []string{"\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad"}

// invisible puts a character that prints nothing into or behind a fifth of the words.
func invisible(r *rand.Rand, s string) (string, bool) {
	return changed(r, s, 20, everyWord, func(w string) (string, bool) {
		rs := []rune(w)
		i := 1 + r.IntN(len(rs))
		return string(rs[:i]) + invisibles[r.IntN(len(invisibles))] + string(rs[i:]), true
	})
}

// softHyphens puts a soft hyphen after every third letter of words of six or more.
func softHyphens(s string) (string, bool) {
	put := 0
	t, _ := changed(rand.New(rand.NewPCG(1, 1)), s, 100, func(w string) bool { return len(w) >= 6 && needsSpace(w) },
		func(w string) (string, bool) {
			var b strings.Builder
			for i, c := range []rune(w) {
				if i > 0 && i%3 == 0 {
					b.WriteRune('\u00ad')
					put++
				}
				b.WriteRune(c)
			}
			return b.String(), true
		})
	return t, put >= 3
}

// decomposed returns s in Unicode's form NFD.
func decomposed(s string) (string, bool) {
	t := norm.NFD.String(s)
	return t, len([]rune(t)) >= len([]rune(s))+3
}

// withoutAccents drops the marks of Latin and Cyrillic letters.
func withoutAccents(s string) (string, bool) {
	latin := false
	n := 0
	var b strings.Builder
	for _, c := range norm.NFD.String(s) {
		if unicode.Is(unicode.Mn, c) && latin {
			n++
			continue
		}
		latin = unicode.In(c, unicode.Latin, unicode.Cyrillic)
		b.WriteRune(c)
	}
	return norm.NFC.String(b.String()), n >= 3
}

var lookalikes = map[rune]rune{
	'a': 'а', 'c': 'с', 'e': 'е', 'i': 'і', 'j': 'ј', 'o': 'о', 'p': 'р', 's': 'ѕ', 'x': 'х', 'y': 'у', 'A': 'А',
	'B': 'В', 'C': 'С', 'E': 'Е',
	'H': 'Н', 'I': 'І', 'K': 'К', 'M': 'М', 'N': 'Ν', 'O': 'О', 'P': 'Р', 'S': 'Ѕ', 'T': 'Т', 'X': 'Х', 'Y': 'Υ',
	'Z': 'Ζ', 'v': 'ν', 'u': 'υ',
}

// homoglyphs exchanges three of ten letters that have a double in another script.
func homoglyphs(r *rand.Rand, s string) (string, bool) {
	n := 0
	t := strings.Map(func(c rune) rune {
		if o, ok := lookalikes[c]; ok && r.IntN(10) < 3 {
			n++
			return o
		}
		return c
	}, s)
	return t, n >= 10 && mostlyASCII(s)
}

// mathLetters writes a quarter of the words in the bold or italic letters of mathematics.
func mathLetters(r *rand.Rand, s string) (string, bool) {
	plain := func(w string) bool {
		return !strings.ContainsFunc(w, func(c rune) bool { return c >= 0x80 || !unicode.IsLetter(c) })
	}
	return changed(r, s, 25, plain, func(w string) (string, bool) {
		upper, lower := rune(0x1d400), rune(0x1d41a) // bold
		if r.IntN(2) == 0 {
			upper, lower = 0x1d468, 0x1d482 // bold italic
		}
		return strings.Map(func(c rune) rune {
			if c >= 'a' {
				return lower + c - 'a'
			}
			return upper + c - 'A'
		}, w), true
	})
}

var vowelMarks = []rune{'\u064e', '\u064f', '\u0650', '\u0652', '\u0651'}

// vowelled puts a mark over or under half of the Arabic letters.
func vowelled(r *rand.Rand, s string) (string, bool) {
	var b strings.Builder
	n := 0
	for _, c := range s {
		b.WriteRune(c)
		if unicode.Is(unicode.Arabic, c) && unicode.IsLetter(c) && r.IntN(2) == 0 {
			b.WriteRune(vowelMarks[r.IntN(len(vowelMarks))])
			n++
		}
	}
	return b.String(), n >= 10
}

var traditionalTable = sync.OnceValue(func() map[rune]rune {
	table := map[rune]rune{}
	for _, pair := range strings.Fields(wordFile("traditional.txt")) {
		rs := []rune(pair)
		if rs[0] != rs[1] {
			table[rs[0]] = rs[1]
		}
	}
	return table
})

// traditional writes simplified Chinese characters in their traditional form.
func traditional(s string) (string, bool) {
	n, all := 0, 0
	t := strings.Map(func(c rune) rune {
		if unicode.Is(unicode.Han, c) {
			all++
		}
		if o, ok := traditionalTable()[c]; ok {
			n++
			return o
		}
		return c
	}, s)
	return t, n*10 >= all && n >= 4
}

var greek = strings.NewReplacer("th", "θ", "ph", "φ", "ch", "χ", "ps", "ψ", "ou", "ου", "a", "α", "b", "β", "c", "κ",
	"d", "δ", "e", "ε", "f", "φ", "g", "γ",
	"h", "η", "i", "ι", "j", "ζ", "k", "κ", "l", "λ", "m", "μ", "n", "ν", "o", "ο", "p", "π", "q", "κ", "r", "ρ", "s",
	"σ", "t", "τ", "u", "υ", "v", "β", "w", "ω", "x", "ξ", "y", "υ", "z", "ζ")

// transliterated writes Latin letters in Greek ones by how they are spoken.
func transliterated(s string) (string, bool) {
	return greek.Replace(strings.ToLower(s)), mostlyASCII(s)
}
