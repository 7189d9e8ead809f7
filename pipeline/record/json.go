package record

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep encoding/json lets objects and arrays nest.
const maxDepth = 10000

// readJSONL reads one object a line.
func readJSONL(ctx context.Context, src Source, s *sink) error {
	in := &checked{ctx: ctx, r: src}
	l := newLines(in, s.o.MaxRow)
	j := scanner{text: strings.Split(s.o.TextField, "."), id: strings.Split(s.o.IDField, ".")}
	s.row = 0
	for {
		line, off, err := l.next()
		if err != nil {
			return end(err)
		}
		if blank(line) {
			s.c.Blank++
			continue
		}
		if err := s.room(len(line)); err != nil {
			return err
		}
		s.json(&j, line, off)
	}
}

// json reads the line as the current row.
func (s *sink) json(j *scanner, line []byte, off int64) {
	text, id := &s.batch.text, &s.batch.id
	text.reserve(len(line))
	mark := len(text.data)
	kind := j.scan(line, text.data)
	if kind != "" {
		row := s.row
		s.skip(kind, off, func() string { return j.detail(kind, line, row, s.o.TextField) })
		return
	}
	m := j.marks
	text.data = j.out
	if m&markUTF8 != 0 {
		s.scratch = appendValid(s.scratch[:0], text.data[mark:])
		text.data = text.data[:mark]
		text.reserve(len(s.scratch))
		text.data = append(text.data, s.scratch...)
	}
	switch raw := line[j.idStart:j.idEnd]; {
	case len(raw) > 0 && raw[0] != '"':
		id.reserve(len(raw))
		id.data = append(id.data, raw...)
	case len(raw) > 2:
		id.reserve(len(raw))
		start := len(id.data)
		out, _, im := unquote(id.data, raw, 1)
		id.data = out
		if im&markUTF8 != 0 {
			s.scratch = appendValid(s.scratch[:0], out[start:])
			id.data = out[:start]
			id.reserve(len(s.scratch))
			id.data = append(id.data, s.scratch...)
		}
		m |= im
	default:
		id.addInt(s.row)
	}
	s.commit(m, off)
}

// A scanner reads lines of JSON. It takes exactly the lines that encoding/json
// takes, and from them one string and the place of an id; it allocates nothing.
type scanner struct {
	text, id []string // the keys that lead to the fields

	line []byte
	at   int // where the line broke

	base           int // len of out before the text
	out            []byte
	got            Kind // of the text; "" once it is there
	marks          marks
	idStart, idEnd int // the id as written; empty without one

	key []byte // a key with its escapes decoded
}

// The fields that a key leads to, as bits.
const (
	fieldText = 1 << iota
	fieldID
)

// scan reads one line that is not blank, and appends its text to dst, which has
// room for the whole line and the slack. It returns "" or why the row has no text.
func (j *scanner) scan(line, dst []byte) Kind {
	j.line, j.base, j.out = line, len(dst), dst
	j.got, j.marks, j.idStart, j.idEnd = Missing, 0, 0, 0
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

// detail says more about a line that scan did not take.
func (j *scanner) detail(k Kind, line []byte, row int64, field string) string {
	if i := j.space(0); row == 0 && (k == NotJSON || k == NotObject) && line[i] == '[' {
		return "the first line begins with '[': a corpus is JSON lines, one object a line, not one JSON array"
	}
	switch {
	case k == NotJSON && j.at >= len(line):
		return "the line ends too early"
	case k == NotJSON:
		return fmt.Sprintf("byte %d of the line is %q", j.at, line[j.at])
	case k == NotObject:
		return fmt.Sprintf("begins with %q", line[j.space(0)])
	}
	return fmt.Sprintf("field %q", field)
}

func (j *scanner) fail(i int) int {
	j.at = i
	return -1
}

func (j *scanner) space(i int) int {
	for i < len(j.line) && (j.line[i] == ' ' || j.line[i] == '\t' || j.line[i] == '\r' || j.line[i] == '\n') {
		i++
	}
	return i
}

// object reads the members of the object that begins before i and returns where
// it ends, or -1. on has the fields whose first depth keys led here; with none,
// depth counts nesting only.
func (j *scanner) object(i, depth int, on uint8) int {
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

// match tells which of the fields on have this key, given with its end quote, after
// depth others. odd keys hold escapes or bytes beyond ASCII.
func (j *scanner) match(quoted []byte, odd bool, depth int, on uint8) (hit uint8) {
	key := quoted[:len(quoted)-1]
	if odd {
		var m marks
		j.key = slices.Grow(j.key[:0], len(quoted)+slack)
		key, _, m = unquote(j.key, quoted, 0)
		if m&markUTF8 != 0 {
			key = appendValid(nil, key)
		}
	}
	if on&fieldText != 0 && string(key) == j.text[depth] {
		hit |= fieldText
	}
	if on&fieldID != 0 && string(key) == j.id[depth] {
		hit |= fieldID
	}
	return hit
}

// field reads the value at i, to which depth keys of the fields hit lead. What an
// equal key gave before is forgotten.
func (j *scanner) field(i, depth int, hit uint8) int {
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
		case 'n':
			j.got = Null
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
	if leaf&fieldID != 0 && i > 0 && (c == '"' || c == '-' || '0' <= c && c <= '9') {
		j.idStart, j.idEnd = start, i
	}
	return i
}

// value passes over the value at i, within depth objects and arrays, and returns
// where it ends, or -1.
func (j *scanner) value(i, depth int) int {
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
	case c == '-' || '0' <= c && c <= '9':
		return j.number(i)
	}
	return j.fail(i)
}

func (j *scanner) array(i, depth int) int {
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

func (j *scanner) word(i int, w string) int {
	for k := range len(w) {
		if i+k >= len(j.line) || j.line[i+k] != w[k] {
			return j.fail(i + k)
		}
	}
	return i + len(w)
}

func (j *scanner) number(i int) int {
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

// digits passes over one digit or more.
func (j *scanner) digits(i int) int {
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

// str passes over the string whose first byte is at i and returns what follows its
// quote, or -1; odd if it holds escapes or bytes beyond ASCII.
func (j *scanner) str(i int) (next int, odd bool) {
	b := j.line
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
		}
		for ; i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' '; i++ {
			high |= uint64(b[i])
		}
		if i >= len(b) {
			return j.fail(i), false
		}
	found:
		switch b[i] {
		case '"':
			return i + 1, odd || high&highs != 0
		case '\\':
			odd = true
			n := escape(b, i)
			if n == 0 {
				return j.fail(i), false
			}
			i += n
		default:
			return j.fail(i), false
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
	var r rune
	for _, c := range b[i+2 : i+6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unquote decodes the string whose first byte is b[i], appending to dst, which has
// room for the rest of b and the slack. It returns what follows the quote, or minus
// where the string broke. With markUTF8 the bytes appended are not yet repaired.
func unquote(dst, b []byte, i int) ([]byte, int, marks) {
	var m marks
	var high uint64
	start, w := len(dst), len(dst)
	dst = dst[:cap(dst)]
	for {
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
			if high&highs != 0 && !utf8.Valid(dst[start:]) {
				m |= markUTF8
			}
			return dst, i + 1, m
		}
		r := hex4(b, i)
		if r < 0 {
			return dst[:start], -i, 0
		}
		i += 6
		switch {
		case r == 0:
			m |= markNUL
		case utf16.IsSurrogate(r):
			if r = utf16.DecodeRune(r, hex4(b, i)); r != utf8.RuneError {
				i += 6
			} else {
				m |= markSurrogate
			}
		}
		w += utf8.EncodeRune(dst[w:], r)
	}
}
