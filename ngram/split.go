package ngram

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// A splitter defines a recipe that splits words at given characters.
type splitter struct {
	class [256]splitClass
	lower bool // letters beyond ASCII become lower case
	empty bool // a separator at the beginning or end has an empty word beside it
}

// A splitClass is how a byte is treated.
type splitClass uint8

const (
	plain   splitClass = iota // ASCII letter or digit
	between                   // separates
	deleted
	other // begins a rune that is not ASCII, or is an ASCII control character
)

var (
	helm   = newSplitter(between, true)
	lmEval = newSplitter(deleted, false)
)

func newSplitter(punctuation splitClass, helm bool) (p splitter) {
	p.lower, p.empty = helm, helm
	for b := range p.class {
		switch {
		case b >= utf8.RuneSelf:
			p.class[b] = other
		case isSpace(rune(b)):
			p.class[b] = between
		case 'a' <= b|0x20 && b|0x20 <= 'z', '0' <= b && b <= '9':
			p.class[b] = plain
		case b < ' ', b == 0x7F:
			p.class[b] = other
		default:
			p.class[b] = punctuation
		}
	}
	return p
}

// isSpace reports whether r is white space to Python.
func isSpace(r rune) bool { return 0x1C <= r && r <= 0x1F || unicode.IsSpace(r) }

// fillSplit appends words to the block until it is full or the text ends.
func (s *Scanner) fillSplit() {
	text, class := s.text, &s.split.class
	if s.split.empty {
		s.addEmptyFirst()
	}
	i := s.pos
	for i < len(text) && s.len < blockWords {
		switch class[text[i]] {
		case between, deleted:
			i++
			continue
		case other:
			i = s.addSlowWord(i)
			continue
		}
		b := i
		for i < len(text) && class[text[i]] == plain {
			i++
		}
		end := i
		for i < len(text) && class[text[i]] == deleted {
			i++
		}
		if i < len(text) && class[text[i]] != between {
			i = s.addSlowWord(b)
			continue
		}
		s.addWord(b, end)
	}
	s.pos = i
	if s.split.empty {
		s.addEmptyLast()
	}
}

// addEmptyFirst adds the empty word before a text that begins with a separator, or the
// only word of an empty text.
func (s *Scanner) addEmptyFirst() {
	if s.pos > 0 || s.base > 0 || s.len > 0 || s.ended {
		return
	}
	if len(s.text) == 0 {
		s.ended = true
		s.addWord(0, 0)
		return
	}
	if r, _ := utf8.DecodeRune(s.text); s.separates(r) {
		s.addWord(0, 0)
	}
}

// addEmptyLast adds the empty word after a text that ends with a separator, once all of
// the text is read.
func (s *Scanner) addEmptyLast() {
	end := len(s.text)
	if s.pos < end || s.len >= blockWords || s.ended {
		return
	}
	s.ended = true
	if r, _ := utf8.DecodeLastRune(s.text); end > 0 && s.separates(r) {
		s.addWord(end, end)
	}
}

// separates reports whether a rune of the text is a separator.
func (s *Scanner) separates(r rune) bool {
	if r < utf8.RuneSelf {
		return s.split.class[r] == between
	}
	return isSpace(r)
}

// addWord appends text[b:e], ASCII letters and digits, to the block.
func (s *Scanner) addWord(b, e int) {
	h := uint64(wordSeed)
	i := b
	for ; e-i > 8; i += 8 {
		h = mix(h ^ (binary.LittleEndian.Uint64(s.text[i:]) | 0x20*ones))
	}
	var c uint64
	if i+8 <= len(s.text) {
		c = (binary.LittleEndian.Uint64(s.text[i:]) | 0x20*ones) & (1<<(8*uint(e-i)) - 1)
	} else {
		for k, x := range s.text[i:e] {
			c |= uint64(x|0x20) << (8 * k)
		}
	}
	k := s.len
	s.hash[k] = mix(h ^ c)
	s.setEdges(k, uint32(b), uint32(e))
	s.folded[k] = 0
	s.len++
}

// addSlowWord adds the word that begins at byte i and is not all ASCII letters and digits,
// or skips a separator that is not ASCII. It returns the byte after it. A NUL, which would
// end the normal form, becomes 0xFF.
func (s *Scanner) addSlowWord(i int) int {
	text, from, end := s.text, len(s.buf), i
	b := i
	for i < len(text) {
		c := text[i]
		if c < utf8.RuneSelf {
			switch s.split.class[c] {
			case between:
				goto done
			case plain:
				if 'A' <= c && c <= 'Z' {
					c |= 0x20
				}
				fallthrough
			case other:
				if c == 0 {
					c = 0xFF
				}
				s.buf = append(s.buf, c)
				end = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if isSpace(r) {
			if len(s.buf) == from {
				return i + size
			}
			break
		}
		if s.split.lower {
			r = unicode.ToLower(r)
		}
		s.buf = utf8.AppendRune(s.buf, r)
		i += size
		end = i
	}
done:
	k := s.len
	s.hash[k] = HashWord(s.buf[from:])
	s.setEdges(k, uint32(b), uint32(end))
	s.folded[k] = uint32(from) + 1
	s.buf = append(s.buf, 0)
	s.len++
	return i
}
