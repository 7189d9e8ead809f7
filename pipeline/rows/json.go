package rows

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// The one tokeniser of JSON. It takes exactly what encoding/json takes, and the words
// NaN, Infinity and -Infinity, which Python writes for numbers that JSON does not have.

// maxDepth is how deep encoding/json lets objects and arrays nest.
const maxDepth = 10000

// Slack is how many bytes more than the text a destination of [Scanner.Scan] has room
// for, so that sixteen bytes may be stored where one is meant.
const Slack = 16

// A Scanner reads lines of JSON, and from them one string and the place of an id; it
// allocates nothing. It serves one goroutine.
type Scanner struct {
	text, id []string  // the keys that lead to the fields
	whole    [2]string // a root key that would be one of the fields by itself

	line []byte
	at   int // where the line broke

	base           int // len of out before the text
	out            []byte
	got            Kind // of the text; "" once it is there
	marks          Marks
	nan            bool // NaN or Infinity was in the line
	sawWhole       bool
	idStart, idEnd int // the id as written; empty without one

	key []byte // a key with its escapes decoded
}

// The fields that a key leads to, as bits.
const (
	fieldText = 1 << iota
	fieldID
)

// NewScanner returns a scanner for the text and the id, if names of members alone lead to
// them, which is what it follows; a [Record] follows any.
func NewScanner(text, id Field) (_ *Scanner, ok bool) {
	j := new(Scanner)
	var okText, okID bool
	j.text, j.whole[0], okText = text.Keys()
	j.id, j.whole[1], okID = id.Keys()
	return j, okText && okID
}

// Whole reports whether the line has a member whose one name is that of a whole dotted
// field, which is tried first: the line is for a [Record] to read.
func (j *Scanner) Whole() bool { return j.sawWhole }

// Text returns dst with the text behind it, and the repairs that the text needs or had.
// With [MarkUTF8] the bytes appended are not yet repaired. It is for after a Scan that
// returned "".
func (j *Scanner) Text() ([]byte, Marks) {
	if j.nan {
		return j.out, j.marks | MarkNumber
	}
	return j.out, j.marks
}

// ID returns the id as written in the line, a number or a quoted string; empty without one.
func (j *Scanner) ID() []byte { return j.line[j.idStart:j.idEnd] }

// Scan reads one line that is not blank, and appends its text to dst, which has
// room for the whole line and the Slack. It returns "" or why the row has no text.
func (j *Scanner) Scan(line, dst []byte) Kind {
	j.line, j.base, j.out = line, len(dst), dst
	j.got, j.marks, j.nan, j.sawWhole, j.idStart, j.idEnd = Missing, 0, false, false, 0, 0
	i := j.space(0)
	object := i < len(line) && line[i] == '{'
	if object {
		i = j.object(i+1, 0, fieldText|fieldID)
	} else {
		i = j.value(i, 0)
	}
	if i < 0 {
		return NotJSON
	}
	if i = j.space(i); i < len(line) {
		j.at = i
		return NotJSON
	}
	if !object {
		return NotObject
	}
	return j.got
}

// Detail says more about a line that Scan did not take, for kind k and the text's field.
func (j *Scanner) Detail(k Kind, field string) string {
	switch {
	case k == NotJSON && j.at >= len(j.line):
		return "the line ends too early"
	case k == NotJSON:
		return fmt.Sprintf("byte %d of the line is %q", j.at, j.line[j.at])
	case k == NotObject:
		return fmt.Sprintf("begins with %q", j.line[j.space(0)])
	}
	return fmt.Sprintf("field %q", field)
}

func (j *Scanner) fail(i int) int {
	j.at = i
	return -1
}

func (j *Scanner) space(i int) int {
	for i < len(j.line) && (j.line[i] == ' ' || j.line[i] == '\t' || j.line[i] == '\r' || j.line[i] == '\n') {
		i++
	}
	return i
}

// object reads the members of the object that begins before i and returns where
// it ends, or -1. on has the fields whose first depth keys led here; with none,
// depth counts nesting only.
func (j *Scanner) object(i, depth int, on uint8) int {
	if depth++; depth > maxDepth {
		return j.fail(i - 1)
	}
	b := j.line
	if i = j.space(i); i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return j.fail(i)
		}
		k := i + 1
		var odd bool
		if i, odd = j.str(k); i < 0 {
			return -1
		}
		var hit uint8
		if on != 0 {
			hit = j.match(b[k:i], odd, depth-1, on)
		}
		if i = j.space(i); i >= len(b) || b[i] != ':' {
			return j.fail(i)
		}
		i = j.space(i + 1)
		if hit != 0 {
			i = j.field(i, depth, hit)
		} else {
			i = j.value(i, depth)
		}
		if i < 0 {
			return -1
		}
		if i = j.space(i); i >= len(b) {
			return j.fail(i)
		}
		switch b[i] {
		case '}':
			return i + 1
		case ',':
			i = j.space(i + 1)
		default:
			return j.fail(i)
		}
	}
}

// match returns which of the fields on have this key, passed with its end quote, after
// depth others. odd keys hold escapes or bytes beyond ASCII.
func (j *Scanner) match(quoted []byte, odd bool, depth int, on uint8) (hit uint8) {
	key := quoted[:len(quoted)-1]
	if odd {
		var m Marks
		j.key = slices.Grow(j.key[:0], len(quoted)+Slack)
		key, _, m = unquote(j.key, quoted, 0)
		if m&MarkUTF8 != 0 {
			key = AppendValid(nil, key)
		}
	}
	if depth == 0 && len(key) > 0 && (string(key) == j.whole[0] || string(key) == j.whole[1]) {
		j.sawWhole = true
	}
	if on&fieldText != 0 && string(key) == j.text[depth] {
		hit |= fieldText
	}
	if on&fieldID != 0 && string(key) == j.id[depth] {
		hit |= fieldID
	}
	return hit
}

// field reads the value at i, to which depth keys of the fields hit lead. The value
// of an earlier equal key is discarded.
func (j *Scanner) field(i, depth int, hit uint8) int {
	var leaf uint8
	if hit&fieldText != 0 {
		j.got, j.marks, j.out = Missing, 0, j.out[:j.base]
		if depth == len(j.text) {
			leaf |= fieldText
		}
	}
	if hit&fieldID != 0 {
		j.idStart, j.idEnd = 0, 0
		if depth == len(j.id) {
			leaf |= fieldID
		}
	}
	if i >= len(j.line) {
		return j.fail(i)
	}
	start, c := i, j.line[i]
	if leaf&fieldText != 0 {
		switch c {
		case '"':
			j.got = ""
		case 'n', 'N', 'I':
			j.got = Null
		case '-':
			if j.got = NotString; start+1 < len(j.line) && j.line[start+1] == 'I' {
				j.got = Null
			}
		default:
			j.got = NotString
		}
	}
	switch {
	case c == '"' && leaf&fieldText != 0:
		if j.out, i, j.marks = unquote(j.out, j.line, i+1); i < 0 {
			return j.fail(-i)
		}
	case c == '{':
		i = j.object(i+1, depth, hit&^leaf)
	default:
		i = j.value(i, depth)
	}
	if leaf&fieldID != 0 && i > 0 && (c == '"' || c == '-' && j.line[start+1] != 'I' || '0' <= c && c <= '9') {
		j.idStart, j.idEnd = start, i
	}
	return i
}

// value skips the value at i, within depth objects and arrays, and returns
// where it ends, or -1.
func (j *Scanner) value(i, depth int) int {
	b := j.line
	if i >= len(b) {
		return j.fail(i)
	}
	switch c := b[i]; {
	case c == '"':
		i, _ = j.str(i + 1)
		return i
	case c == '{':
		return j.object(i+1, depth, 0)
	case c == '[':
		return j.array(i+1, depth)
	case c == 't':
		return j.word(i, "true")
	case c == 'f':
		return j.word(i, "false")
	case c == 'n':
		return j.word(i, "null")
	case c == '-' && i+1 < len(b) && b[i+1] == 'I':
		j.nan = true
		return j.word(i, "-Infinity")
	case c == '-' || '0' <= c && c <= '9':
		return j.number(i)
	case c == 'N':
		j.nan = true
		return j.word(i, "NaN")
	case c == 'I':
		j.nan = true
		return j.word(i, "Infinity")
	}
	return j.fail(i)
}

func (j *Scanner) array(i, depth int) int {
	if depth++; depth > maxDepth {
		return j.fail(i - 1)
	}
	b := j.line
	if i = j.space(i); i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = j.value(i, depth); i < 0 {
			return -1
		}
		if i = j.space(i); i >= len(b) {
			return j.fail(i)
		}
		switch b[i] {
		case ']':
			return i + 1
		case ',':
			i = j.space(i + 1)
		default:
			return j.fail(i)
		}
	}
}

func (j *Scanner) word(i int, w string) int {
	for k := range len(w) {
		if i+k >= len(j.line) || j.line[i+k] != w[k] {
			return j.fail(i + k)
		}
	}
	return i + len(w)
}

func (j *Scanner) number(i int) int {
	b := j.line
	if b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	default:
		if i = j.digits(i); i < 0 {
			return -1
		}
	}
	if i < len(b) && b[i] == '.' {
		if i = j.digits(i + 1); i < 0 {
			return -1
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return j.digits(i)
	}
	return i
}

// digits skips one digit or more.
func (j *Scanner) digits(i int) int {
	start := i
	for i < len(j.line) && '0' <= j.line[i] && j.line[i] <= '9' {
		i++
	}
	if i == start {
		return j.fail(i)
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// special has the high bit set in the first byte of v that is a quote, a backslash
// or a control character; higher bits may be wrong. Flipping bit 1 puts the quote
// (0x22) next to the control characters, so that one comparison finds both.
func special(v uint64) uint64 {
	q, s := v^0x02*ones, v^'\\'*ones
	return ((q-0x21*ones)&^q | (s-ones)&^s) & highs
}

// str skips the string whose first byte is at i and returns what follows its
// quote, or -1; odd if it holds escapes or bytes beyond ASCII.
func (j *Scanner) str(i int) (next int, odd bool) {
	next, odd, ok := skipString(stringsFast, j.line, i)
	if !ok {
		return j.fail(next), false
	}
	return next, odd
}

// skipString returns what follows the quote that ends the string whose first byte is b[i], or
// where it broke. Odd strings hold escapes or bytes beyond ASCII; others may be called odd.
func skipString(fast bool, b []byte, i int) (next int, odd, ok bool) {
	var high uint64
	for {
		for ; i+16 <= len(b); i += 16 {
			p := (*[16]byte)(b[i:])
			v, next := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
			s, snext := special(v), special(next)
			if s|snext != 0 {
				if s == 0 {
					high |= v
					i, v, s = i+8, next, snext
				}
				n := bits.TrailingZeros64(s) &^ 7
				high |= v & (1<<n - 1)
				i += n / 8
				goto found
			}
			high |= v | next
			if fast {
				var more bool
				i, more = skipBlocks(b, i+16)
				odd = odd || more
				i -= 16
			}
		}
		for ; i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' '; i++ {
			high |= uint64(b[i])
		}
		if i >= len(b) {
			return i, false, false
		}
	found:
		switch b[i] {
		case '"':
			return i + 1, odd || high&highs != 0, true
		case '\\':
			odd = true
			n := escape(b, i)
			if n == 0 {
				return i, false, false
			}
			i += n
		default:
			return i, false, false
		}
	}
}

// plainEscape has what a one-letter escape means, 0 where there is none.
var plainEscape = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// escape returns how long the escape at b[i] is, 0 if it is none.
func escape(b []byte, i int) int {
	if i+1 >= len(b) {
		return 0
	}
	if plainEscape[b[i+1]] != 0 {
		return 2
	}
	if hex4(b, i) < 0 {
		return 0
	}
	return 6
}

// hex4 returns the number in the \uXXXX at b[i], -1 if that is not there.
func hex4(b []byte, i int) rune {
	if i+6 > len(b) || b[i] != '\\' || b[i+1] != 'u' {
		return -1
	}
	v := (*[4]byte)(b[i+2:])
	r := hexDigit[v[0]]<<12 | hexDigit[v[1]]<<8 | hexDigit[v[2]]<<4 | hexDigit[v[3]]
	if r >= 1<<16 {
		return -1
	}
	return r
}

// hexDigit has the value of each hexadecimal digit, and of all other bytes one that shows in any
// place of four digits.
var hexDigit = func() (t [256]rune) {
	for c := range t {
		switch {
		case '0' <= c && c <= '9':
			t[c] = rune(c - '0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			t[c] = rune(c | 0x20 - 'a' + 10)
		default:
			t[c] = 1 << 16
		}
	}
	return t
}()

// Unquote appends to dst, which has room for it and the Slack, the text of a quoted
// string that a Scanner skipped.
func Unquote(dst, quoted []byte) ([]byte, Marks) {
	out, _, m := unquote(dst, quoted, 1)
	return out, m
}

// unquote decodes the string whose first byte is b[i], appending to dst, which has
// room for the string and the slack. It returns what follows the quote, or minus
// where the string broke. With MarkUTF8 the bytes appended are not yet repaired.
func unquote(dst, b []byte, i int) ([]byte, int, Marks) {
	return unquoteBy(stringsFast, dst, b, i)
}

func unquoteBy(fast bool, dst, b []byte, i int) ([]byte, int, Marks) {
	var m Marks
	var high uint64
	start, w := len(dst), len(dst)
	dst = dst[:cap(dst)]
	for {
		if fast {
			var wide bool
			if i, w, wide = unquoteBlocks(dst, w, b, i); wide {
				high = highs
			}
		}
		for ; i+16 <= len(b) && w+16 <= len(dst); i, w = i+16, w+16 {
			p, q := (*[16]byte)(b[i:]), (*[16]byte)(dst[w:])
			v, next := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
			binary.LittleEndian.PutUint64(q[:8], v)
			binary.LittleEndian.PutUint64(q[8:], next)
			s, snext := special(v), special(next)
			if s|snext != 0 {
				if s == 0 {
					high |= v
					i, w, v, s = i+8, w+8, next, snext
				}
				n := bits.TrailingZeros64(s) &^ 7
				high |= v & (1<<n - 1)
				i, w = i+n/8, w+n/8
				goto found
			}
			high |= v | next
		}
		for ; i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' '; i, w = i+1, w+1 {
			high |= uint64(b[i])
			dst[w] = b[i]
		}
		if i >= len(b) {
			return dst[:start], -i, 0
		}
	found:
		if b[i] == '\\' && i+1 < len(b) {
			if c := plainEscape[b[i+1]]; c != 0 {
				dst[w] = c
				i, w = i+2, w+1
				continue
			}
		}
		if b[i] == '"' {
			dst = dst[:w]
			if high&highs != 0 && !ValidUTF8(dst[start:]) {
				m |= MarkUTF8
			}
			return dst, i + 1, m
		}
		r := hex4(b, i)
		if r < 0 {
			return dst[:start], -i, 0
		}
		for ; r >= 0; r = hex4(b, i) { // they come in rows
			i += 6
			switch {
			case r == 0:
				m |= MarkNUL
			case utf16.IsSurrogate(r):
				if r = utf16.DecodeRune(r, hex4(b, i)); r != utf8.RuneError {
					i += 6
				} else {
					m |= MarkSurrogate
				}
			}
			w += utf8.EncodeRune(dst[w:], r)
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
