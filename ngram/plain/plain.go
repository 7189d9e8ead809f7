// Package plain removes markup from a text, so that a copy of a text has the same words as
// the original, however it was formatted. It replaces:
//
//	tags            <b>, </td>, <a href="…">, <!-- … -->    a space
//	entities        &amp; &#39; &nbsp;                       the character
//	link targets    [words](https://…)                       a space
//	escapes         \n \t \" \\ \u00e9, as in JSON           the character
//	LaTeX           \frac{1}{2}, \alpha, \sin, \begin{…}     the letter or function, else a space
//	hyphenation     exam- at the end of a line, ple          joined
//	percent         %20 %C3%A9, and + in forms               the character
//	mail            =C3=A9, = at the end of a line           the character, nothing
//	terminal        ESC [1m                                  nothing
//	captions        00:01:02.300 --> …, <00:01:02.300>       a line end, a space
//	misread UTF-8   Ã© â€™ (read as Latin-1 or cp1252)       é ’
//	vowel marks     of Arabic and Hebrew, tatweel            nothing
//	lookalikes      о of Cyrillic or Greek in Latin words    o
//
// All else is kept byte for byte: "a <b and c> d" is no tag. What looks exactly like markup
// is treated as markup, in every copy of the text alike: C:\new has an escape. The result
// is for splitting into words: only its letters and digits matter.
package plain

import (
	"bytes"
	"html"
	"math"
	"strconv"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Greatest lengths of markup that is recognised, bytes.
const (
	maxTag     = 512
	maxComment = 4096
	maxTarget  = 512
	maxEntity  = 32
	maxName    = 24 // of a LaTeX command
	// Of an escape sequence for a terminal.
	maxTerminal = 32
)

// A Cleaner cleans one text after another. It belongs to one goroutine.
type Cleaner struct {
	layers []layer         // of replacements, each of the text that the one before returned
	used   int             // of layers
	marks  [len(signs)]int // next position of each sign
}

// signs are the beginnings of markup.
var signs = [...]string{"<", "&", "\\", "](", "-\n", "-\r\n", arrow}

// Clean returns text without markup; without any, text itself. The result is valid until
// the next call.
func (c *Cleaner) Clean(text []byte) []byte {
	c.used = 0
	text = c.twice(text, Percent, decodePercent)
	text = c.pass(text, Mail, decodeQuoted)
	text = c.pass(text, 0, dropTerminal)
	text = c.pass(text, 0, c.replaceMarkup)
	set := leads(text)
	if set&(1<<(0xC3-0xC0)) != 0 {
		text = c.twice(text, Misread, decodeMisread)
		set = leads(text)
	}
	if set&(1<<(0xD6-0xC0)|1<<(0xD7-0xC0)|1<<(0xD9-0xC0)) != 0 {
		text = c.pass(text, 0, dropVowelMarks)
	}
	if set&(1<<(0xCE-0xC0)|1<<(0xCF-0xC0)|1<<(0xD0-0xC0)|1<<(0xD1-0xC0)) != 0 {
		text = c.pass(text, Lookalike, replaceLookalikes)
	}
	return text
}

// twice is pass, and again for what was encoded twice.
func (c *Cleaner) twice(text []byte, coded Coding, find func(l *layer, text []byte)) []byte {
	before := c.used
	if text = c.pass(text, coded, find); c.used > before {
		text = c.pass(text, coded<<1, find)
	}
	return text
}

// replaceMarkup replaces the markup of text.
func (c *Cleaner) replaceMarkup(l *layer, text []byte) {
	for k := range c.marks {
		c.marks[k] = -1
	}
	for at := c.nextSign(text, 0); at < len(text); {
		by, size := c.replace(text, at)
		if rest := text[at:]; bytes.HasPrefix(rest, []byte(arrow)) {
			from, end := cueTimes(text, at, l.done)
			by, size, at = "\n", end-from, from
			if size == 0 {
				at = end
			}
		}
		if size == 0 {
			at = c.nextSign(text, at+1)
			continue
		}
		l.replace(text, at, at+size, by)
		at = c.nextSign(text, at+size)
	}
}

// nextSign returns the position of the first sign at or after from, or the end of the text.
func (c *Cleaner) nextSign(text []byte, from int) int {
	first := len(text)
	for k, sign := range signs {
		if c.marks[k] < from {
			c.marks[k] = math.MaxInt
			if from < len(text) {
				if i := bytes.Index(text[from:], []byte(sign)); i >= 0 {
					c.marks[k] = from + i
				}
			}
		}
		first = min(first, c.marks[k])
	}
	return first
}

// A Coding is a set of ways in which a text was encoded, markup aside.
type Coding uint8

// The ways. Behind one that may have been used twice is its second level.
const (
	Percent Coding = 1 << iota
	percentTwice
	Misread
	misreadTwice
	Mail
	Lookalike
)

// codings are the names of the ways, in the order of their bits.
var codings = [...]string{
	"percent escapes", "percent escapes twice", "misread UTF-8", "UTF-8 misread twice", "quoted-printable",
	"look-alike letters",
}

// Names returns the names of the ways in s. A second level includes the first.
func (s Coding) Names() (names []string) {
	for i, name := range codings {
		twice := s&(percentTwice|misreadTwice)>>1&(1<<i) != 0
		if s>>i&1 != 0 && !twice {
			names = append(names, name)
		}
	}
	return names
}

// Coding returns in which ways bytes start to end of the cleaned text were encoded.
func (c *Cleaner) Coding(start, end int) (s Coding) {
	for i := c.used - 1; i >= 0; i-- {
		if l := &c.layers[i]; l.touches(start, end) {
			s |= l.coded
		}
		start, end = c.layers[i].original(start, end)
	}
	return s
}

// Original returns the bytes of the text that bytes start to end of its cleaned form come
// from. Markup that they replaced is included whole.
func (c *Cleaner) Original(start, end int) (from, to int) {
	for i := c.used - 1; i >= 0; i-- {
		start, end = c.layers[i].original(start, end)
	}
	return start, end
}

// replace returns the replacement of the markup at byte at, and the markup's size, 0 if
// there is none.
func (c *Cleaner) replace(text []byte, at int) (by string, size int) {
	rest := text[at:]
	switch rest[0] {
	case '<':
		return " ", tagSize(rest)
	case '&':
		return decodeEntity(rest)
	case '\\':
		return decodeEscape(rest)
	case ']':
		return "] ", targetSize(rest)
	}
	return "", hyphenSize(text, at)
}

// tagSize returns the size of the tag or comment that rest begins with, or 0.
func tagSize(rest []byte) int {
	if bytes.HasPrefix(rest, []byte("<!--")) {
		if end := bytes.Index(rest[:min(len(rest), maxComment)], []byte("-->")); end > 0 {
			return end + 3
		}
		return 0
	}
	i := 1
	if i < len(rest) && rest[i] == '/' {
		i++
	}
	if i == len(rest) || !isLetter(rest[i]) {
		return cueTagSize(rest)
	}
	for i < len(rest) && (isLetter(rest[i]) || isDigit(rest[i]) || rest[i] == '-' || rest[i] == ':') {
		i++
	}
	end := bytes.IndexByte(rest[:min(len(rest), maxTag)], '>')
	if end < i {
		return 0
	}
	if !areAttributes(bytes.TrimSuffix(rest[i:end], []byte("/"))) {
		return cueTagSize(rest)
	}
	return end + 1
}

// areAttributes reports whether a tag's name may be followed by inside. Attributes have a
// value; "a <b and c> d" is no tag.
func areAttributes(inside []byte) bool {
	if len(inside) == 0 {
		return true
	}
	if !isSpace(inside[0]) || bytes.IndexByte(inside, '<') >= 0 {
		return false
	}
	trimmed := bytes.TrimSpace(inside)
	return len(trimmed) == 0 || isLetter(trimmed[0]) && bytes.IndexByte(trimmed, '=') >= 0
}

func decodeEntity(rest []byte) (by string, size int) {
	end := bytes.IndexByte(rest[:min(len(rest), maxEntity)], ';')
	if end < 2 {
		return "", 0
	}
	for i, b := range rest[1:end] {
		if !isLetter(b) && !isDigit(b) && !(i == 0 && b == '#') {
			return "", 0
		}
	}
	raw := string(rest[:end+1])
	// "&timestamp;" would be "×tamp;", but is code.
	if by = html.UnescapeString(raw); by == raw || len(by) > 1 && by[len(by)-1] == ';' {
		return "", 0
	}
	return by, end + 1
}

// targetSize returns the size of "](…)" around a link's target, or 0.
func targetSize(rest []byte) int {
	end := bytes.IndexByte(rest[:min(len(rest), maxTarget)], ')')
	if end < 3 || bytes.ContainsAny(rest[2:end], "\n<") {
		return 0
	}
	inside := rest[2:end]
	if !bytes.Contains(inside, []byte("/")) && inside[0] != '#' {
		return 0
	}
	return end + 1
}

// hyphenSize returns the size of the hyphen, line end and indentation that divide a word,
// or 0.
func hyphenSize(text []byte, at int) int {
	if before, _ := utf8.DecodeLastRune(text[:at]); !unicode.IsLetter(before) {
		return 0
	}
	i := at + 1 + bytes.IndexByte(text[at+1:], '\n') + 1
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '>') {
		i++
	}
	if after, _ := utf8.DecodeRune(text[i:]); !unicode.IsLower(after) {
		return 0
	}
	return i - at
}

// decodeEscape returns the replacement of the escape or command that rest begins with, and
// its size.
func decodeEscape(rest []byte) (by string, size int) {
	if len(rest) < 2 {
		return "", 0
	}
	switch rest[1] {
	case '"', '\'', '/', '\\':
		return string(rest[1:2]), 2
	}
	if !isLetter(rest[1]) {
		return "", 0
	}
	end := 1
	for end < len(rest) && end <= maxName && isLetter(rest[end]) {
		end++
	}
	if by, ok := latexCommand(string(rest[1:end])); ok {
		if by != braced {
			return by, end
		}
		// \begin{…}: the name is removed too.
		stop := bytes.IndexByte(rest[:min(len(rest), end+maxName)], '}')
		if stop > 0 && end < len(rest) && rest[end] == '{' {
			return " ", stop + 1
		}
		return " ", end
	}
	switch rest[1] {
	case 'n', 't', 'r':
		return " ", 2
	case 'u':
		return decodeUnicode(rest)
	}
	return "", 0
}

// decodeUnicode returns the character of \uXXXX, or of two of them that are a surrogate
// pair, and their size.
func decodeUnicode(rest []byte) (by string, size int) {
	r, ok := hex4(rest)
	if !ok {
		return "", 0
	}
	if !utf16.IsSurrogate(r) {
		return string(r), 6
	}
	low, ok := hex4(rest[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == unicode.ReplacementChar {
		return "", 0
	}
	return string(r), 12
}

// hex4 reads \uXXXX.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(v), err == nil
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
func isDigit(b byte) bool  { return '0' <= b && b <= '9' }
func isSpace(b byte) bool  { return b == ' ' || '\t' <= b && b <= '\r' }
