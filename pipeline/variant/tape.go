package variant

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// kind is the type of a value on a tape.
type kind uint8

const (
	null   kind = iota
	scalar      // a number or a truth value
	text
	array
	object
	foreign // a value that is no text and has no one way to write it; text names its type
)

// node is one value of a record.
type node struct {
	kind kind
	next int    // index of the node that follows this one's subtree
	key  []byte // its name when it stands in an object
	text []byte // a text decoded; a number, true or false as written
}

// tape is one record as a flat list of nodes, parents before children, whatever
// format it came from. It is reused for every record: nodes are lent until the
// next parse, and may point into the record's own bytes.
type tape struct {
	nodes []node
	buf   []byte // texts that had escapes, decoded
	// columns says that the root object is a table's row, whose fields have an
	// order that paths may use.
	columns bool

	data []byte
	pos  int
}

func (t *tape) reset() {
	t.nodes, t.buf, t.columns = t.nodes[:0], t.buf[:0], false
}

// child gives the index of the member of object i that is called name, or -1.
func (t *tape) child(i int, name string) int {
	for c := i + 1; c < t.nodes[i].next; c = t.nodes[c].next {
		if string(t.nodes[c].key) == name {
			return c
		}
	}
	return -1
}

// element gives the index of element n of list i, or -1.
func (t *tape) element(i, n int) int {
	for c := i + 1; c < t.nodes[i].next; c = t.nodes[c].next {
		if n == 0 {
			return c
		}
		n--
	}
	return -1
}

// open appends a list or an object, which shut ends.
func (t *tape) open(k kind, key []byte) int {
	t.nodes = append(t.nodes, node{kind: k, key: key})
	return len(t.nodes) - 1
}

func (t *tape) shut(i int) { t.nodes[i].next = len(t.nodes) }

func (t *tape) leaf(k kind, key, s []byte) {
	t.nodes = append(t.nodes, node{kind: k, key: key, text: s, next: len(t.nodes) + 1})
}

// maxDepth bounds how deep a record's lists and objects may nest.
const maxDepth = 500

var (
	errEnd       = errors.New("it ends too early")
	errUTF8      = errors.New("it is not valid UTF-8")
	errSurrogate = errors.New("it holds half of a surrogate pair")
	errDepth     = fmt.Errorf("it nests deeper than %d", maxDepth)
)

// parseJSON fills t from one JSON value with nothing but white space around it.
// It is as strict as RFC 8259 and, since a benchmark must mean one thing, also
// refuses names that an object has twice, invalid UTF-8 and lone surrogates.
func (t *tape) parseJSON(data []byte) error {
	t.reset()
	if !utf8.Valid(data) {
		return errUTF8
	}
	t.data, t.pos = data, 0
	t.space()
	if err := t.value(nil, 0); err != nil {
		return err
	}
	t.space()
	if t.pos < len(data) {
		return t.unexpected()
	}
	return nil
}

func (t *tape) space() {
	for t.pos < len(t.data) && isSpace(t.data[t.pos]) {
		t.pos++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func (t *tape) unexpected() error {
	if t.pos >= len(t.data) {
		return errEnd
	}
	r, _ := utf8.DecodeRune(t.data[t.pos:])
	return fmt.Errorf("unexpected %q at byte %d of it", r, t.pos)
}

func (t *tape) value(key []byte, depth int) error {
	if t.pos >= len(t.data) {
		return errEnd
	}
	switch c := t.data[t.pos]; {
	case c == '{' || c == '[':
		if depth == maxDepth {
			return errDepth
		}
		return t.members(key, depth)
	case c == '"':
		s, err := t.str()
		if err != nil {
			return err
		}
		t.leaf(text, key, s)
		return nil
	case c == '-' || '0' <= c && c <= '9':
		return t.number(key)
	}
	for _, w := range [...]struct {
		word string
		kind kind
	}{{"null", null}, {"true", scalar}, {"false", scalar}} {
		if bytes.HasPrefix(t.data[t.pos:], []byte(w.word)) {
			t.leaf(w.kind, key, t.data[t.pos:t.pos+len(w.word)])
			t.pos += len(w.word)
			return nil
		}
	}
	return t.unexpected()
}

// members reads a list or an object.
func (t *tape) members(key []byte, depth int) error {
	k, end := array, byte(']')
	if t.data[t.pos] == '{' {
		k, end = object, '}'
	}
	self := t.open(k, key)
	t.pos++
	t.space()
	for first := true; ; first = false {
		if t.pos >= len(t.data) {
			return errEnd
		}
		if t.data[t.pos] == end && first {
			break
		}
		var name []byte
		if k == object {
			if t.data[t.pos] != '"' {
				return t.unexpected()
			}
			var err error
			if name, err = t.str(); err != nil {
				return err
			}
			t.space()
			if t.pos >= len(t.data) || t.data[t.pos] != ':' {
				return t.unexpected()
			}
			t.pos++
			t.space()
		}
		if err := t.value(name, depth+1); err != nil {
			return err
		}
		t.space()
		if t.pos >= len(t.data) {
			return errEnd
		}
		if t.data[t.pos] == end {
			break
		}
		if t.data[t.pos] != ',' {
			return t.unexpected()
		}
		t.pos++
		t.space()
	}
	t.pos++
	t.shut(self)
	if k == object {
		return t.distinct(self)
	}
	return nil
}

// distinct reports a name that object i has twice.
func (t *tape) distinct(i int) error {
	const few = 24 // names compared pair by pair before a map pays
	n := 0
	var seen map[string]struct{}
	for c := i + 1; c < t.nodes[i].next; c = t.nodes[c].next {
		k := t.nodes[c].key
		double := false
		if n++; n <= few {
			for p := i + 1; p < c && !double; p = t.nodes[p].next {
				double = bytes.Equal(t.nodes[p].key, k)
			}
		} else {
			if seen == nil {
				seen = make(map[string]struct{})
				for p := i + 1; p < c; p = t.nodes[p].next {
					seen[string(t.nodes[p].key)] = struct{}{}
				}
			}
			_, double = seen[string(k)]
			seen[string(k)] = struct{}{}
		}
		if double {
			return fmt.Errorf("it has the name %q twice", clip(k))
		}
	}
	return nil
}

// plain marks the bytes that stand for themselves within a JSON string.
var plain = func() (p [256]bool) {
	for c := range p {
		p[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return p
}()

// str reads the string that starts at t.pos. Without escapes it is a slice of
// the record.
func (t *tape) str() ([]byte, error) {
	t.pos++
	from := t.pos
	start := len(t.buf)
	escaped := false
	for {
		run := t.pos
		i := run
		for i < len(t.data) && plain[t.data[i]] {
			i++
		}
		t.pos = i
		if i >= len(t.data) {
			return nil, errEnd
		}
		switch t.data[i] {
		case '"':
			t.pos++
			if !escaped {
				return t.data[from:i:i], nil
			}
			t.buf = append(t.buf, t.data[run:i]...)
			return t.buf[start:len(t.buf):len(t.buf)], nil
		case '\\':
			escaped = true
			t.buf = append(t.buf, t.data[run:i]...)
			if err := t.escape(); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("control character %#02x within a string", t.data[i])
		}
	}
}

// escape decodes the escape sequence at t.pos onto t.buf.
func (t *tape) escape() error {
	if t.pos+1 >= len(t.data) {
		return errEnd
	}
	c := t.data[t.pos+1]
	t.pos += 2
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r, ok := t.hex()
		if ok && utf16.IsSurrogate(r) {
			if !bytes.HasPrefix(t.data[t.pos:], []byte(`\u`)) {
				return errSurrogate
			}
			t.pos += 2
			var low rune
			if low, ok = t.hex(); ok {
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					return errSurrogate
				}
			}
		}
		if !ok {
			return errors.New("a \\u escape without four hexadecimal digits")
		}
		t.buf = utf8.AppendRune(t.buf, r)
		return nil
	default:
		return fmt.Errorf("unknown escape %q", "\\"+string(rune(c)))
	}
	t.buf = append(t.buf, c)
	return nil
}

// hex reads four hexadecimal digits.
func (t *tape) hex() (rune, bool) {
	if t.pos+4 > len(t.data) {
		return 0, false
	}
	var r rune
	for _, c := range t.data[t.pos : t.pos+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	t.pos += 4
	return r, true
}

// number reads a number, which stays as it is written.
func (t *tape) number(key []byte) error {
	from := t.pos
	digits := func() bool {
		at := t.pos
		for t.pos < len(t.data) && '0' <= t.data[t.pos] && t.data[t.pos] <= '9' {
			t.pos++
		}
		return t.pos > at
	}
	is := func(set string) bool {
		if t.pos < len(t.data) && bytes.IndexByte([]byte(set), t.data[t.pos]) >= 0 {
			t.pos++
			return true
		}
		return false
	}
	is("-")
	if !is("0") && !digits() {
		return t.unexpected()
	}
	if is(".") && !digits() {
		return t.unexpected()
	}
	if is("eE") {
		is("+-")
		if !digits() {
			return t.unexpected()
		}
	}
	t.leaf(scalar, key, t.data[from:t.pos:t.pos])
	return nil
}

// show gives a file's name for a message, in quotes if a terminal could mind it.
func show(name string) string {
	if q := strconv.Quote(name); q[1:len(q)-1] != name {
		return q
	}
	return name
}

// clip shortens a text from a file for an error message.
func clip[T string | []byte](s T) string {
	const most = 60
	if len(s) <= most {
		return string(s)
	}
	return string(bytes.ToValidUTF8([]byte(s[:most]), nil)) + "…"
}
