// Package plain gives a text as its reader sees it: without the markup that stands
// between words.
//
// What is taken out or undone, so that a copy of a text has the text's own words
// again:
//
//	tags            <b>, </td>, <a href="…">, <!-- … -->    a space
//	entities        &amp; &#39; &nbsp;                       the character
//	link targets    [words](https://…)                       a space
//	escapes         \n \t \" \\ \u00e9, as in JSON           the character
//	LaTeX           \frac{1}{2}, \alpha, \sin, \begin{…}     the letter or function, else a space
//	hyphenation     exam- at the end of a line, ple          joined
//
// All else stays as it is, byte for byte: "a <b and c> d" is no tag. What cannot be told
// from markup is taken for it, in every copy of the text alike: C:\new has an escape.
// The result is for cutting into words: what is neither letter nor digit need not be
// right.
package plain

import (
	"bytes"
	"html"
	"math"
	"sort"
	"strconv"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Longest pieces of markup that are recognised, bytes.
const (
	maxTag     = 512
	maxComment = 4096
	maxTarget  = 512
	maxEntity  = 32
	maxName    = 24 // of a LaTeX command
)

// A Cleaner cleans one text after another. It belongs to one goroutine.
type Cleaner struct {
	out   []byte
	edits []edit
	marks [len(signs)]int // where each sign stands next
}

// edit says that out byte at and those behind it are the text's from byte text on,
// until the next edit. Bytes from to at of out stand for markup that begins at byte
// mark of the text.
type edit struct{ from, at, mark, text int }

// signs begin what is replaced.
var signs = [...]string{"<", "&", "\\", "](", "-\n", "-\r\n"}

// Clean gives text without markup: text itself when there is none. The result is
// valid until the next call.
func (c *Cleaner) Clean(text []byte) []byte {
	c.edits = c.edits[:0]
	for k := range c.marks {
		c.marks[k] = -1
	}
	at := c.nextSign(text, 0)
	if at == len(text) {
		return text
	}
	c.out = c.out[:0]
	done := 0 // bytes of text that were copied or replaced
	for at < len(text) {
		by, size := c.replace(text, at)
		if size == 0 {
			at = c.nextSign(text, at+1)
			continue
		}
		c.out = append(append(c.out, text[done:at]...), by...)
		done = at + size
		c.edits = append(c.edits, edit{len(c.out) - len(by), len(c.out), at, done})
		at = c.nextSign(text, done)
	}
	if len(c.edits) == 0 {
		return text
	}
	c.out = append(c.out, text[done:]...)
	return c.out
}

// nextSign gives the place of the first sign at or behind from, or the end of the text.
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

// Original gives the bytes of the text that bytes start to end of its cleaned form come
// from. Markup that they stand for is in it whole.
func (c *Cleaner) Original(start, end int) (from, to int) {
	from, _ = c.original(start)
	if start == end {
		return from, from
	}
	_, to = c.original(end - 1)
	return from, to
}

// original gives where the text's letter or markup that a byte of its cleaned form
// comes from begins and ends.
func (c *Cleaner) original(at int) (from, to int) {
	i := sort.Search(len(c.edits), func(i int) bool { return c.edits[i].at > at })
	if i < len(c.edits) && at >= c.edits[i].from {
		return c.edits[i].mark, c.edits[i].text
	}
	if i > 0 {
		at += c.edits[i-1].text - c.edits[i-1].at
	}
	return at, at + 1
}

// replace gives what stands for the markup at byte at, and the markup's size: 0 when
// it is none.
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

// tagSize gives the size of the tag or comment that rest begins with, or 0.
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
		return 0
	}
	for i < len(rest) && (isLetter(rest[i]) || isDigit(rest[i]) || rest[i] == '-' || rest[i] == ':') {
		i++
	}
	end := bytes.IndexByte(rest[:min(len(rest), maxTag)], '>')
	if end < i {
		return 0
	}
	inside := bytes.TrimSuffix(rest[i:end], []byte("/"))
	if len(inside) == 0 {
		return end + 1
	}
	// Attributes have a value; "a <b and c> d" is no tag.
	if !isSpace(inside[0]) || bytes.IndexByte(inside, '<') >= 0 {
		return 0
	}
	if trimmed := bytes.TrimSpace(inside); len(trimmed) > 0 && (!isLetter(trimmed[0]) || bytes.IndexByte(trimmed, '=') < 0) {
		return 0
	}
	return end + 1
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

// targetSize gives the size of "](…)" around a link's target, or 0.
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

// hyphenSize gives the size of the hyphen, line end and indentation that divide a word,
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

// decodeEscape gives what the escape or command that rest begins with stands for.
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
	if sign, ok := latexCommand(string(rest[1:end])); ok {
		if sign == braced { // \begin{…}: the name goes too
			if stop := bytes.IndexByte(rest[:min(len(rest), end+maxName)], '}'); stop > 0 && end < len(rest) && rest[end] == '{' {
				return " ", stop + 1
			}
			return " ", end
		}
		return sign, end
	}
	switch rest[1] {
	case 'n', 't', 'r':
		return " ", 2
	case 'u':
		r, ok := hex4(rest)
		if !ok {
			return "", 0
		}
		if utf16.IsSurrogate(r) {
			low, ok := hex4(rest[6:])
			if r = utf16.DecodeRune(r, low); !ok || r == unicode.ReplacementChar {
				return "", 0
			}
			return string(r), 12
		}
		return string(r), 6
	}
	return "", 0
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
