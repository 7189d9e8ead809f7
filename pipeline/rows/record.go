package rows

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// nodeKind is the type of a value of a record.
type nodeKind uint8

const (
	null   nodeKind = iota
	scalar          // a number or a truth value
	text
	listed
	object
	foreign // a value that is no text and has no single written form; text names its type
)

// node is one value of a record.
type node struct {
	kind nodeKind
	next int    // index of the node that follows this one's subtree
	key  []byte // its name, if it is a member of an object
	text []byte // a text decoded; a number, true or false as written
}

// Record is one row as a flat list of its values, parents before children, whatever
// format it came from. It holds the requested fields only. It is reused for every row:
// what it returns is lent until the next, and may point into the row's own bytes.
type Record struct {
	nodes []node
	buf   []byte // texts that had escapes, decoded
	table bool   // the row of a table, whose fields have an order that paths may use

	marks Marks
	twice []byte // a name that an object has twice
	scan  Scanner
	ids   *idText // what decodes token ids, or nil

	whole []byte // the object that a member of an archive is, or nil
	side  bool   // it is beside a member that is a text
}

// Member returns the JSON of a record that is a member of an archive, else nil, and whether
// it is beside a text of the same name, so that it need not have one.
func (r *Record) Member() (object []byte, side bool) { return r.whole, r.side }

// Marks returns the repairs that the record's values needed. Values of other fields than the
// requested need none, but NaN and Infinity are found anywhere.
func (r *Record) Marks() Marks { return r.marks }

// Twice returns a name that an object of the record has twice, if there is one. Of equal
// names the last counts.
func (r *Record) Twice() (name string, ok bool) { return string(r.twice), r.twice != nil }

// IsObject reports whether the record has fields with names.
func (r *Record) IsObject() bool { return r.nodes[0].kind == object }

// IsTable reports whether the record is the row of a table, and how many columns it has.
func (r *Record) IsTable() (columns int, ok bool) {
	for c := 1; c < r.nodes[0].next; c = r.nodes[c].next {
		columns++
	}
	return columns, r.table
}

// Clone returns a copy that may be kept. It decodes token ids as r does, and not at the same
// time.
func (r *Record) Clone() *Record {
	c := &Record{table: r.table, marks: r.marks, twice: bytes.Clone(r.twice), ids: r.ids}
	c.nodes = append(c.nodes, r.nodes...)
	for i := range c.nodes {
		c.nodes[i].key, c.nodes[i].text = bytes.Clone(c.nodes[i].key), bytes.Clone(c.nodes[i].text)
	}
	return c
}

// FieldNames lists the record's fields for a message. A nil record has none.
func (r *Record) FieldNames() string {
	if r == nil {
		return "none"
	}
	const limit = 20
	var names []byte
	n := 0
	for c := 1; c < r.nodes[0].next; c = r.nodes[c].next {
		if n++; n <= limit && r.nodes[0].kind == object {
			if n > 1 {
				names = append(names, ", "...)
			}
			names = strconv.AppendQuote(names, Clip(r.nodes[c].key))
		}
	}
	switch {
	case r.nodes[0].kind == listed:
		return fmt.Sprintf("0 to %d, by number", n-1)
	case r.nodes[0].kind != object:
		return "none: it is no object"
	case n > limit:
		names = fmt.Appendf(names, ", and %d more", n-limit)
	}
	return string(names)
}

// Names returns the names of the record's fields; those of columns without a name are their
// numbers.
func (r *Record) Names() (names []string) {
	for c := 1; c < r.nodes[0].next; c = r.nodes[c].next {
		name := string(r.nodes[c].key)
		if r.nodes[0].kind != object {
			name = strconv.Itoa(len(names))
		}
		names = append(names, name)
	}
	return names
}

// Media returns the names of the record's fields that hold images, audio or other media, as
// data sets store them: an object of bytes and path, or a list of such objects.
func (r *Record) Media() (names []string) {
	for c := 1; r.nodes[0].kind == object && c < r.nodes[0].next; c = r.nodes[c].next {
		i := c
		if r.nodes[i].kind == listed && r.nodes[i].next > i+1 {
			i++ // its first element
		}
		if r.nodes[i].kind == object && r.child(i, "bytes") >= 0 && r.child(i, "path") >= 0 {
			names = append(names, string(r.nodes[c].key))
		}
	}
	return names
}

// Filled reports whether the path leads to something that is neither null, an empty text nor an
// empty list.
func (r *Record) Filled(p *Path) (filled bool) {
	r.visit(0, p.steps, func(i int) error {
		n := &r.nodes[i]
		empty := n.kind == null || n.kind == text && len(n.text) == 0 || n.kind == listed && n.next == i+1
		filled = filled || !empty
		return nil
	})
	return filled
}

func (r *Record) reset() {
	r.nodes, r.buf, r.table, r.marks, r.twice = r.nodes[:0], r.buf[:0], false, 0, nil
	r.whole, r.side = nil, false
	if r.ids != nil {
		r.ids.reset()
	}
}

// child returns the index of the member of object i with this name, or -1.
func (r *Record) child(i int, name string) int {
	found := -1
	for c := i + 1; c < r.nodes[i].next; c = r.nodes[c].next {
		if string(r.nodes[c].key) == name {
			found = c
		}
	}
	return found
}

// element returns the index of element n of list i, or -1.
func (r *Record) element(i, n int) int {
	for c := i + 1; c < r.nodes[i].next; c = r.nodes[c].next {
		if n == 0 {
			return c
		}
		n--
	}
	return -1
}

// open appends a list or an object, to be ended by shut.
func (r *Record) open(k nodeKind, key []byte) int {
	r.nodes = append(r.nodes, node{kind: k, key: key})
	return len(r.nodes) - 1
}

func (r *Record) shut(i int) { r.nodes[i].next = len(r.nodes) }

func (r *Record) leaf(k nodeKind, key, s []byte) {
	r.nodes = append(r.nodes, node{kind: k, key: key, text: s, next: len(r.nodes) + 1})
}

// plain appends a text or a number whose bytes stay valid as long as the record's.
func (r *Record) plain(k nodeKind, key, s []byte) {
	if k == text {
		s = r.valid(s)
	}
	r.leaf(k, key, s)
}

// valid repairs a text, which it marks.
func (r *Record) valid(s []byte) []byte {
	if bytes.IndexByte(s, 0) >= 0 {
		r.marks |= MarkNUL
	}
	if ValidUTF8(s) {
		return s
	}
	r.marks |= MarkUTF8
	return AppendValid(nil, s)
}

var errEnd = errors.New("it ends too early")

// ParseJSON sets r to the JSON value in data, which may have white space around it. Members
// of an object that are not in want are skipped; an empty want is all. A single text is
// read as an object with one field, text.
func (r *Record) ParseJSON(data []byte, want Want) error {
	r.reset()
	r.scan.line, r.scan.nan = data, false
	i := r.scan.space(0)
	if i = r.value(i, 0, nil, want); i >= 0 {
		if i = r.scan.space(i); i < len(data) {
			i = r.scan.fail(i)
		}
	}
	if r.scan.nan {
		r.marks |= MarkNumber
	}
	if i >= 0 {
		r.nameText()
		return nil
	}
	if r.scan.at >= len(data) {
		return fmt.Errorf("%w: %w", ErrJSON, errEnd)
	}
	c, _ := utf8.DecodeRune(data[r.scan.at:])
	return fmt.Errorf("%w: unexpected %q at its byte %d", ErrJSON, c, r.scan.at)
}

// nameText turns a record that is a single text into an object with one field, text.
func (r *Record) nameText() {
	if r.nodes[0].kind != text {
		return
	}
	leaf := r.nodes[0]
	leaf.key, leaf.next = []byte("text"), 2
	r.nodes = append(r.nodes[:0], node{kind: object, next: 2}, leaf)
}

// value reads the value at i and returns where it ends, or -1.
func (r *Record) value(i, depth int, key []byte, want Want) int {
	b := r.scan.line
	if i >= len(b) {
		return r.scan.fail(i)
	}
	switch b[i] {
	case '{', '[':
		return r.members(i, depth, key, want)
	case '"':
		next, odd := r.scan.str(i + 1)
		if next >= 0 {
			r.leaf(text, key, r.str(b[i:next], odd))
		}
		return next
	}
	next := r.scan.value(i, depth)
	if next >= 0 {
		k := scalar
		if b[i] == 'n' {
			k = null
		}
		r.leaf(k, key, b[i:next:next])
	}
	return next
}

// str returns the text of a quoted string. Without escapes it is a slice of the row.
func (r *Record) str(quoted []byte, odd bool) []byte {
	if !odd {
		return quoted[1 : len(quoted)-1 : len(quoted)-1]
	}
	if need := len(quoted) + Slack; cap(r.buf)-len(r.buf) < need {
		r.buf = make([]byte, 0, max(need, 2*cap(r.buf))) // the old one is still pointed into
	}
	start := len(r.buf)
	var m Marks
	r.buf, m = Unquote(r.buf, quoted)
	r.marks |= m
	s := r.buf[start:len(r.buf):len(r.buf)]
	if m&MarkUTF8 != 0 {
		s = AppendValid(nil, s)
	}
	return s
}

// numbers reads a list of token ids at i as the text that they are, if it is one.
func (r *Record) numbers(i, depth int, name []byte) (next int, ok bool) {
	if depth != 1 || !r.ids.wants(name) || i >= len(r.scan.line) || r.scan.line[i] != '[' {
		return 0, false
	}
	if next, ok = r.ids.jsonIDs(r.scan.line, i); !ok {
		r.ids.reset()
		return 0, false
	}
	r.decoded(name) // Err keeps what was wrong
	return next, true
}

// members reads the list or object at i.
func (r *Record) members(i, depth int, key []byte, want Want) int {
	if depth++; depth > maxDepth {
		return r.scan.fail(i)
	}
	b := r.scan.line
	k, end := listed, byte(']')
	if b[i] == '{' {
		k, end = object, '}'
	}
	self := r.open(k, key)
	if i = r.scan.space(i + 1); i < len(b) && b[i] == end {
		r.shut(self)
		return i + 1
	}
	for {
		var name []byte
		passed := false
		if k == object {
			if i >= len(b) || b[i] != '"' {
				return r.scan.fail(i)
			}
			next, odd := r.scan.str(i + 1)
			if next < 0 {
				return -1
			}
			marks := r.marks
			name = r.str(b[i:next], odd)
			r.marks = marks
			if i = r.scan.space(next); i >= len(b) || b[i] != ':' {
				return r.scan.fail(i)
			}
			i = r.scan.space(i + 1)
			passed = depth == 1 && !want.has(name)
		}
		if passed {
			i = r.scan.value(i, depth)
		} else if next, ok := r.numbers(i, depth, name); ok {
			i = next
		} else {
			i = r.value(i, depth, name, nil)
		}
		if i < 0 {
			return -1
		}
		if i = r.scan.space(i); i >= len(b) {
			return r.scan.fail(i)
		}
		switch b[i] {
		case end:
			r.shut(self)
			if k == object {
				r.distinct(self)
			}
			return i + 1
		case ',':
			i = r.scan.space(i + 1)
		default:
			return r.scan.fail(i)
		}
	}
}

// distinct records a name that object i has twice.
func (r *Record) distinct(i int) {
	const few = 24 // up to this number of names, comparing pairs is faster than a map
	n := 0
	var seen map[string]struct{}
	for c := i + 1; c < r.nodes[i].next; c = r.nodes[c].next {
		k := r.nodes[c].key
		double := false
		if n++; n <= few {
			for p := i + 1; p < c && !double; p = r.nodes[p].next {
				double = bytes.Equal(r.nodes[p].key, k)
			}
		} else {
			if seen == nil {
				seen = make(map[string]struct{})
				for p := i + 1; p < c; p = r.nodes[p].next {
					seen[string(r.nodes[p].key)] = struct{}{}
				}
			}
			_, double = seen[string(k)]
			seen[string(k)] = struct{}{}
		}
		if double && r.twice == nil {
			r.twice = bytes.Clone(k)
		}
	}
}

// AppendJSON appends the record as one JSON value. Empty fields of a table are null, and so
// are values without a single written form.
func (r *Record) AppendJSON(dst []byte) []byte { return r.appendJSON(dst, 0) }

func (r *Record) appendJSON(dst []byte, i int) []byte {
	switch n := &r.nodes[i]; n.kind {
	case scalar:
		return append(dst, n.text...)
	case text:
		if r.table && len(n.text) == 0 {
			return append(dst, "null"...)
		}
		return appendQuoted(dst, n.text)
	case listed, object:
		open, end := byte('['), byte(']')
		if n.kind == object {
			open, end = '{', '}'
		}
		for c := i + 1; c < n.next; c = r.nodes[c].next {
			dst = append(dst, open)
			open = ','
			if n.kind == object {
				dst = append(appendQuoted(dst, r.nodes[c].key), ':')
			}
			dst = r.appendJSON(dst, c)
		}
		if open != ',' {
			dst = append(dst, open)
		}
		return append(dst, end)
	}
	return append(dst, "null"...)
}

// appendQuoted appends s as a string of JSON.
func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
