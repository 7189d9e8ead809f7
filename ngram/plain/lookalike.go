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
		if b := rest[size]; b < utf8.RuneSelf {
			if !isLetter(b) && !isDigit(b) {
				return w, size
			}
			w.latin = w.latin || isLetter(b)
			size++
			continue
		}
		r, width := utf8.DecodeRune(rest[size:])
		switch {
		case r < 0xC0, r == '×', r == '÷', 0x2000 <= r && r < 0x2C00, 0x3000 <= r && r < 0x3040, r >= 0xFE00:
			return w, size // punctuation, signs
		case r < 0x300, 0x1E00 <= r && r < 0x1F00:
			w.latin = true
		case r < 0x370: // marks
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
