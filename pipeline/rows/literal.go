package rows

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A literal reads a value that is written as a text within a field: JSON, or what Python and numpy
// print, as ['a', "b"], ['a' 'b'], {'text': array(['a', 'b'], dtype=object), 'label': (1, 2)}.
type literal struct {
	r *Record
	b []byte
	i int
}

// isLiteral reports whether a text begins as a list or an object does.
func isLiteral(s []byte) bool {
	s = bytes.TrimSpace(s)
	return len(s) > 1 && (s[0] == '[' || s[0] == '{' || bytes.HasPrefix(s, []byte("array(")))
}

// unfold appends the value that the text at node i writes behind the record's nodes, where only
// its index leads to it. It returns -1 if the text is no list or object.
func (r *Record) unfold(i int) int {
	if n := &r.nodes[i]; n.kind != text || !isLiteral(n.text) {
		return -1
	}
	at := len(r.nodes)
	l := literal{r: r, b: r.nodes[i].text}
	if !l.value(nil, 0) || !l.end() {
		r.nodes = r.nodes[:at]
		return -1
	}
	return at
}

// texts appends the elements of a list of texts that the text at node i writes, one a line. It
// returns false, and dst as it was, if the text is no such list.
func (r *Record) texts(dst []byte, i int) ([]byte, bool) {
	at := r.unfold(i)
	if at < 0 {
		return dst, false
	}
	defer func() { r.nodes = r.nodes[:at] }()
	from := len(dst)
	list := r.nodes[at]
	if list.kind != listed || list.next == at+1 {
		return dst, false
	}
	for c := at + 1; c < list.next; c = r.nodes[c].next {
		if r.nodes[c].kind != text {
			return dst[:from], false
		}
		if c > at+1 {
			dst = append(dst, '\n')
		}
		dst = append(dst, r.nodes[c].text...)
	}
	return dst, true
}

func (l *literal) space() {
	for l.i < len(l.b) && isSpace(l.b[l.i]) {
		l.i++
	}
}

func (l *literal) end() bool {
	l.space()
	return l.i == len(l.b)
}

// skip passes a byte if it is the next one.
func (l *literal) skip(c byte) bool {
	l.space()
	if l.i < len(l.b) && l.b[l.i] == c {
		l.i++
		return true
	}
	return false
}

// value reads one value and appends it.
func (l *literal) value(key []byte, depth int) bool {
	l.space()
	if depth > maxDepth || l.i >= len(l.b) {
		return false
	}
	switch l.b[l.i] {
	case '[':
		l.i++
		return l.elements(key, depth, ']')
	case '(':
		l.i++
		return l.elements(key, depth, ')')
	case '{':
		l.i++
		return l.members(key, depth)
	case '\'', '"':
		s, ok := l.quoted()
		if ok {
			l.r.leaf(text, key, s)
		}
		return ok
	}
	if rest, ok := bytes.CutPrefix(l.b[l.i:], []byte("array(")); ok {
		l.i = len(l.b) - len(rest)
		if !l.value(key, depth+1) {
			return false
		}
		if l.skip(',') { // dtype=object
			for l.i < len(l.b) && l.b[l.i] != ')' {
				l.i++
			}
		}
		return l.skip(')')
	}
	return l.word(key)
}

// word reads a number or a name as True, None or nan.
func (l *literal) word(key []byte) bool {
	from := l.i
	for l.i < len(l.b) && !isSpace(l.b[l.i]) && bytes.IndexByte([]byte(",:]})('\"[{"), l.b[l.i]) < 0 {
		l.i++
	}
	w := l.b[from:l.i]
	switch string(w) {
	case "None", "null", "nan", "NaN":
		l.r.leaf(null, key, nil)
		return true
	case "True", "true", "False", "false":
		l.r.leaf(scalar, key, bytes.ToLower(w))
		return true
	}
	if _, err := strconv.ParseFloat(string(w), 64); err != nil || !isNumber(w) {
		return false
	}
	l.r.leaf(scalar, key, w)
	return true
}

// elements reads the elements of a list, between which numpy writes blanks only.
func (l *literal) elements(key []byte, depth int, end byte) bool {
	self := l.r.open(listed, key)
	for !l.skip(end) {
		if !l.value(nil, depth+1) {
			return false
		}
		l.skip(',')
	}
	l.r.shut(self)
	return true
}

// members reads the members of an object.
func (l *literal) members(key []byte, depth int) bool {
	self := l.r.open(object, key)
	for !l.skip('}') {
		l.space()
		if l.i >= len(l.b) || l.b[l.i] != '\'' && l.b[l.i] != '"' {
			return false
		}
		name, ok := l.quoted()
		if !ok || !l.skip(':') || !l.value(name, depth+1) {
			return false
		}
		if !l.skip(',') && (l.i >= len(l.b) || l.b[l.i] != '}') {
			return false
		}
	}
	l.r.shut(self)
	return true
}

// quoted reads a text in quotes of either kind.
func (l *literal) quoted() (s []byte, ok bool) {
	quote := l.b[l.i]
	from := l.i + 1
	for l.i = from; l.i < len(l.b) && l.b[l.i] != quote; l.i++ {
		if l.b[l.i] == '\\' {
			l.i++
		}
	}
	if l.i >= len(l.b) {
		return nil, false
	}
	s = l.b[from:l.i]
	l.i++
	if bytes.IndexByte(s, '\\') < 0 {
		return s, true
	}
	return unescape(s), true
}

// The letters that follow a backslash in JSON and Python, and what they mean.
const escapeLetters, escapeMeanings = "ntrbfav0'\"\\/", "\n\t\r\b\f\a\v\x00'\"\\/"

// unescape replaces the escapes of a text; a backslash before another letter is kept, as Python does.
func unescape(s []byte) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[i]]
		if c, ok := codePoint(s[i+1:], digits); ok {
			i += digits
			if pair, ok := lowSurrogate(s[i+1:]); ok && c >= 0xD800 && c < 0xDC00 {
				c, i = (c-0xD800)<<10|(pair-0xDC00)+0x10000, i+6
			}
			out = utf8.AppendRune(out, c)
			continue
		}
		if k := strings.IndexByte(escapeLetters, s[i]); k >= 0 {
			out = append(out, escapeMeanings[k])
		} else if s[i] != '\n' { // after which Python continues the line
			out = append(out, '\\', s[i])
		}
	}
	return out
}

// codePoint reads digits hexadecimal digits, if that is more than none.
func codePoint(s []byte, digits int) (rune, bool) {
	if digits == 0 || len(s) < digits {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s[:digits]), 16, 31)
	return rune(n), err == nil && n <= utf8.MaxRune
}

// lowSurrogate reads the second half of a pair.
func lowSurrogate(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	c, ok := codePoint(s[2:], 4)
	return c, ok && c >= 0xDC00 && c < 0xE000
}

// renderText appends the text at node i to dst.
func (r *Record) renderText(dst []byte, i int, o Objects) []byte {
	s := r.nodes[i].text
	if o == WithObjects || o == EscapedLists && bytes.IndexByte(s, '\\') >= 0 {
		if list, ok := r.texts(dst, i); ok {
			return list
		}
	}
	if o == WithObjects {
		return appendLettered(dst, s)
	}
	return append(dst, s...)
}

// appendLettered appends a text to dst. If it numbers its parts by letters, as "A. one B. two" and
// "a ) one , b ) two", it appends the parts without their letters, one a line.
func appendLettered(dst, s []byte) []byte {
	var from, to []int // of the parts
	first := byte(0)   // letter
	for i := 0; i < len(s); i++ {
		open := i > 0 && s[i-1] == '('
		if i > 0 && !open && !isSpace(s[i-1]) {
			continue
		}
		if len(from) == 0 && s[i]|0x20 != 'a' || len(from) > 0 && s[i] != first+byte(len(from)) {
			continue
		}
		k := i + 1
		for !open && k < len(s) && s[k] == ' ' {
			k++
		}
		if k >= len(s) || s[k] != ')' && (open || s[k] != '.' && s[k] != ':') {
			continue
		}
		if len(from) == 0 {
			first = s[i]
		}
		if open {
			i--
		}
		from, to = append(from, k+1), append(to, i)
		i = k
	}
	if len(from) < 2 || len(bytes.TrimSpace(s[:to[0]])) > 0 {
		return append(dst, s...)
	}
	to = append(to[1:], len(s))
	for k := range from {
		if k > 0 {
			dst = append(dst, '\n')
		}
		dst = append(dst, bytes.Trim(s[from[k]:to[k]], " \n\r\t,;")...)
	}
	return dst
}
