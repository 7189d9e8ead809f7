package plain

import "unicode/utf8"

// lookalikes lists the Latin letters that letters of Greek and Cyrillic look like.
var lookalikes = func() (t [0x530 - 0x370]byte) {
	const pairs = "АAВBЕEКKМMНHОOРPСCТTУYХXЅSІIЈJԀDԌGԚQԜWаaеeоoрpсcуyхxѕsіiјjһhӏlԁdԛqԝw" +
		"ΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXαaγyιiκkνvοoρpυuχxϲcϳj"
	var foreign rune
	for i, r := range pairs {
		if r >= utf8.RuneSelf {
			foreign = r
		} else {
			t[foreign-0x370] = pairs[i]
		}
	}
	return t
}()

// looksLatin returns the Latin letter that r looks like, or 0.
func looksLatin(r rune) byte {
	if 0x370 <= r && r < 0x530 {
		return lookalikes[r-0x370]
	}
	return 0
}

// replaceLookalikes replaces letters of Greek and Cyrillic that look like Latin ones, in
// words that have no others of these scripts: where Latin letters are in the word too, or in
// the words around.
func replaceLookalikes(l *layer, text []byte) {
	amid, seen := true, false // no foreign word is between this and the last Latin one, or the text's begin
	waiting, behind := 0, 0   // words that look Latin between Latin ones
	for at := 0; at < len(text); {
		w, size := readWord(text[at:])
		end := at + size
		switch {
		case size == 0 && text[at] < utf8.RuneSelf:
			end = at + 1
		case size == 0:
			_, size = utf8.DecodeRune(text[at:])
			end = at + size
		case w.foreign, w.alike == 0 && !w.latin:
			if w.foreign {
				amid, waiting, behind = false, 0, 0
			}
		case w.latin:
			if amid {
				makeLatin(l, text, waiting, behind)
			}
			if w.alike > 0 {
				makeLatin(l, text, at, end)
			}
			amid, seen, waiting, behind = true, true, 0, 0
		case amid && (w.alike > 1 || w.cyrillic):
			if behind == 0 {
				waiting = at
			}
			behind = end
		}
		at = end
	}
	if amid && seen {
		makeLatin(l, text, waiting, behind)
	}
}

// A word of letters, marks and digits, and what letters it has.
type word struct {
	latin    bool
	foreign  bool // others that look like no Latin letter
	cyrillic bool // that look like Latin ones
	alike    int  // that look like Latin ones
}

// readWord returns the word that rest begins with, and its size.
func readWord(rest []byte) (w word, size int) {
	for size < len(rest) {
		b := rest[size]
		if b < utf8.RuneSelf {
			if !isLetter(b) && !isDigit(b) {
				return w, size
			}
			w.latin = w.latin || isLetter(b)
			size++
			continue
		}
		class, width := endsWord, 2
		if b >= 0xC2 && b < 0xE0 && size+1 < len(rest) && rest[size+1]&0xC0 == 0x80 {
			class = letterClasses[int(b&0x1F)<<6|int(rest[size+1]&0x3F)]
		} else {
			var r rune
			r, width = utf8.DecodeRune(rest[size:])
			class = classOf(r)
		}
		switch class {
		case endsWord:
			return w, size
		case latinLetter:
			w.latin = true
		case alikeGreek, alikeCyrillic:
			w.alike++
			w.cyrillic = w.cyrillic || class == alikeCyrillic
		case foreignLetter:
			w.foreign = true
		}
		size += width
	}
	return w, size
}

// A letterClass is what a character that is not ASCII says of the word it is in.
type letterClass uint8

const (
	endsWord letterClass = iota // punctuation and signs
	latinLetter
	markInWord
	alikeGreek
	alikeCyrillic
	foreignLetter
)

func classOf(r rune) letterClass {
	switch {
	case r < 0xC0, r == '×', r == '÷', 0x2000 <= r && r < 0x2C00, 0x3000 <= r && r < 0x3040, r >= 0xFE00:
		return endsWord
	case r < 0x300, 0x1E00 <= r && r < 0x1F00:
		return latinLetter
	case r < 0x370:
		return markInWord
	case looksLatin(r) > 0 && r < 0x400:
		return alikeGreek
	case looksLatin(r) > 0:
		return alikeCyrillic
	}
	return foreignLetter
}

// letterClasses has the classes of characters of two bytes.
var letterClasses = func() (t [0x800]letterClass) {
	for r := range t {
		t[r] = classOf(rune(r))
	}
	return t
}()

// makeLatin replaces the letters from byte at to end that look like Latin ones.
func makeLatin(l *layer, text []byte, at, end int) {
	for at < end {
		r, size := utf8.DecodeRune(text[at:])
		if b := looksLatin(r); b > 0 {
			l.replace(text, at, at+size, string(rune(b)))
		}
		at += size
	}
}
