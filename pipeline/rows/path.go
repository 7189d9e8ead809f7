package rows

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Field names the place of a text within a row, in the one grammar that corpora,
// benchmarks and results share:
//
//	text                     a member or a column
//	meta.text                a member of a member
//	messages.0.content       an element of a list, from 0
//	messages[].content       all elements of a list
//	messages[role=user].content  those whose member role is the text user
//	prompt+completion        several texts, joined by a line feed
//	context?                 a text that rows may lack
//	"a.b+c"                  a name with characters of the grammar; "" in it is "
//
// At each dot the whole remaining path is tried as one name first. Columns of a table
// can be named by their number. Null is no text. A list is the texts of its elements,
// joined by a line feed as those of several sources are; of a list of objects that name
// their type, as the parts of a message, it is their members text.
type Field struct {
	written string
	paths   []Path
}

// Path is one source of a Field.
type Path struct {
	written  string // without the "?"
	steps    []step
	optional bool
}

// step leads from a value to one in it, or to several.
type step struct {
	name    string // of a member or column, or an element's number
	number  int    // name as a number, else -1
	rest    string // name and the remaining path as one name; "" for the last step
	all     bool   // each element of a list
	key, is string // only elements that are objects whose member key is the text is
}

// ParseField reads the written form of a field.
func ParseField(s string) (Field, error) {
	f := Field{written: s}
	for _, part := range SplitUnquoted(s, '+') {
		p, err := ParsePath(part)
		if err != nil {
			return f, err
		}
		f.paths = append(f.paths, p)
	}
	return f, nil
}

// String returns the field as it was written.
func (f Field) String() string { return f.written }

// Paths are the field's sources.
func (f Field) Paths() []Path { return f.paths }

// Optional reports whether a row may lack the path.
func (p Path) Optional() bool { return p.optional }

// isSingle reports whether the field leads to one value of a row.
func (f Field) isSingle() bool {
	return len(f.paths) == 1 && !slices.ContainsFunc(f.paths[0].steps, func(s step) bool { return s.all })
}

// String returns the path as it was written, without the "?".
func (p Path) String() string { return p.written }

// Keys returns the names of a field that consists of names of members only, from the outermost
// inwards, for a [Scanner] to follow. Whole is the written field as a single name, or "" if
// it cannot be one.
func (f Field) Keys() (keys []string, whole string, ok bool) {
	if len(f.paths) != 1 || f.paths[0].optional {
		return nil, "", false
	}
	steps := f.paths[0].steps
	for i := range steps {
		if steps[i].all || steps[i].number >= 0 {
			return nil, "", false
		}
		keys = append(keys, steps[i].name)
	}
	return keys, steps[0].rest, true
}

// SplitUnquoted cuts s at each sep that is neither within "quotes" nor within [brackets].
func SplitUnquoted(s string, sep byte) (parts []string) {
	quoted, depth, from := false, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[':
			depth++
		case c == ']':
			depth = max(0, depth-1)
		case c == sep && depth == 0:
			parts, from = append(parts, s[from:i]), i+1
		}
	}
	return append(parts, s[from:])
}

var errEmptyName = errors.New("has an empty name")

// ParsePath reads the written form of one source.
func ParsePath(s string) (Path, error) {
	s, optional := strings.CutSuffix(strings.TrimSpace(s), "?")
	p := Path{written: s, optional: optional}
	parts := SplitUnquoted(s, '.')
	for i, part := range parts {
		rest := ""
		if i < len(parts)-1 && !strings.ContainsAny(s, `"`) {
			rest = strings.Join(parts[i:], ".")
		}
		name, brackets, err := cutName(part)
		if err != nil {
			return p, fmt.Errorf("%q: %w", Clip(s), err)
		}
		if name == "" && (len(brackets) == 0 || i == 0) {
			return p, errEmptyName
		}
		if len(brackets) > 0 && rest == "" && !strings.HasPrefix(part, `"`) {
			rest = part
		}
		if name != "" {
			number, err := strconv.Atoi(name)
			if err != nil || number < 0 || strings.HasPrefix(part, `"`) {
				number = -1
			}
			p.steps = append(p.steps, step{name: name, number: number, rest: rest})
		}
		for _, b := range brackets {
			st := step{all: true, number: -1}
			if n, err := strconv.Atoi(b); err == nil && n >= 0 {
				st = step{name: b, number: n}
			} else if b != "" {
				var ok bool
				if st.key, st.is, ok = strings.Cut(b, "="); !ok || st.key == "" {
					return p, fmt.Errorf("%q: [%s] is neither [], a number nor name=value", Clip(s), Clip(b))
				}
			}
			p.steps = append(p.steps, st)
		}
	}
	return p, nil
}

// cutName takes the brackets off a part, and the quotes off its name.
func cutName(part string) (name string, brackets []string, err error) {
	if strings.HasPrefix(part, `"`) {
		end := 1
		for ; end < len(part); end++ {
			if part[end] == '"' {
				if end+1 < len(part) && part[end+1] == '"' {
					end++
				} else {
					break
				}
			}
		}
		if end >= len(part) {
			return "", nil, errors.New(`a quote (") is not closed`)
		}
		name, part = strings.ReplaceAll(part[1:end], `""`, `"`), part[end+1:]
	} else if at := strings.IndexByte(part, '['); at >= 0 && strings.HasSuffix(part, "]") {
		name, part = part[:at], part[at:]
	} else {
		return part, nil, nil
	}
	for part != "" {
		end := strings.IndexByte(part, ']')
		if part[0] != '[' || end < 0 {
			return "", nil, fmt.Errorf("unexpected %q after a name", Clip(part))
		}
		brackets, part = append(brackets, part[1:end]), part[end+1:]
	}
	return name, brackets, nil
}

// Want lists the requested fields by their names at the root of a row, each with the steps that
// lead on from there; no steps are all of it. Empty, it requests all.
type Want []wanted

type wanted struct {
	name  string
	below []step
}

// Wanted returns what these fields need of a row.
func Wanted(fields ...Field) Want {
	w := Want{}
	add := func(name string, below []step) {
		same := func(x wanted) bool { return x.name == name && len(x.below) == 0 && len(below) == 0 }
		if name != "" && !slices.ContainsFunc(w, same) {
			w = append(w, wanted{name, below})
		}
	}
	for _, f := range fields {
		for _, p := range f.paths {
			add(p.written, nil)
			add(p.steps[0].rest, nil)
			add(p.steps[0].name, p.steps[1:])
		}
	}
	return w
}

// WantNames requests all of the fields of these names.
func WantNames(names ...string) (w Want) {
	for _, name := range names {
		w = append(w, wanted{name: name})
	}
	return w
}

// In reports whether each required path of the field may lead to one of the columns. The
// columns have dots between an object and its members.
func (f Field) In(columns []string) bool {
	for _, p := range f.paths {
		if !p.optional && !slices.ContainsFunc(columns, (&p).mayBe) {
			return false
		}
	}
	return true
}

func (p *Path) mayBe(column string) bool {
	var names string
	for _, s := range p.steps {
		if s.all || s.number >= 0 {
			break
		}
		names += s.name + "."
	}
	column += "."
	return column == p.written+"." || strings.HasPrefix(column, names) || strings.HasPrefix(names, column)
}

func (w Want) has(name []byte) bool {
	for i := range w {
		if w[i].name == string(name) {
			return true
		}
	}
	return len(w) == 0
}

// ErrMissing means that a row lacks a field.
var ErrMissing = errors.New("missing")

// Has reports whether the record has the path's place, which may be null.
func (r *Record) Has(p *Path) bool {
	_, found := r.visit(0, p.steps, func(int) error { return nil })
	return found
}

// visit calls do with each node that the steps lead to from node i. If a step meets null, do
// is called with that null. A text that writes a list or an object is entered as one. An empty list
// counts as found, although no node is visited.
func (r *Record) visit(i int, steps []step, do func(i int) error) (err error, found bool) {
	n := &r.nodes[i]
	if len(steps) == 0 || n.kind == null {
		return do(i), true
	}
	if n.kind == text {
		if i = r.unfold(i); i < 0 {
			return nil, false
		}
		n = &r.nodes[i]
	}
	s := &steps[0]
	if s.all {
		if n.kind != listed {
			return nil, false
		}
		found = n.next == i+1
		for c := i + 1; c < n.next && err == nil; c = r.nodes[c].next {
			if s.key != "" && !r.member(c, s.key, s.is) {
				found = true
				continue
			}
			var one bool
			err, one = r.visit(c, steps[1:], do)
			found = found || one
		}
		return err, found
	}
	c := -1
	if n.kind == object {
		if s.rest != "" {
			if c := r.child(i, s.rest); c >= 0 {
				return do(c), true
			}
		}
		c = r.child(i, s.name)
	}
	if c < 0 && s.number >= 0 && (n.kind == listed || n.kind == object && r.table) {
		c = r.element(i, s.number)
	}
	if c < 0 {
		return nil, false
	}
	return r.visit(c, steps[1:], do)
}

// member reports whether node i is an object whose member key is the text value.
func (r *Record) member(i int, key, value string) bool {
	if r.nodes[i].kind != object {
		return false
	}
	c := r.child(i, key)
	return c >= 0 && string(r.nodes[c].text) == value
}

// Objects selects how a value that is no plain text is read where a text is expected.
type Objects uint8

const (
	// NoObjects: an object is no text.
	NoObjects Objects = iota
	// EscapedLists is NoObjects, but a text alone with a backslash that writes a list of texts is it.
	EscapedLists
	// WithObjects: the text of an object is its member "text" or, if it has none, the texts of its
	// members, one a line. A text alone that writes a list of texts is that list, and one that numbers
	// its parts by letters, as "A. one B. two", is these parts.
	WithObjects
)

// AppendText appends the texts of a field to dst, joined by line feeds. The error is
// [ErrMissing] if the row lacks a source.
func (r *Record) AppendText(dst []byte, f Field, o Objects) ([]byte, error) {
	lines := 0
	for k := range f.paths {
		p := &f.paths[k]
		err, found := r.visit(0, p.steps, func(i int) (err error) {
			if o != NoObjects && f.isSingle() && r.nodes[i].kind == text {
				dst = r.renderText(dst, i, o)
				return nil
			}
			dst, lines, err = r.line(dst, lines, i, o)
			return err
		})
		if err == nil && !found && !p.optional {
			err = ErrMissing
		}
		if err != nil {
			return dst, fmt.Errorf("field %q: %w", Clip(p.written), err)
		}
	}
	return dst, nil
}

// line appends the text of node i as one more line, unless it is null, or NaN, which pandas
// writes for nothing.
func (r *Record) line(dst []byte, lines, i int, o Objects) ([]byte, int, error) {
	if n := &r.nodes[i]; n.kind == null || n.kind == scalar && isNoNumber(n.text) {
		return dst, lines, nil
	}
	if lines > 0 {
		dst = append(dst, '\n')
	}
	dst, err := r.render(dst, i, o)
	return dst, lines + 1, err
}

// isNumber reports whether a scalar is a number of JSON.
func isNumber(written []byte) bool {
	c := bytes.TrimPrefix(written, []byte("-"))
	return len(c) > 0 && '0' <= c[0] && c[0] <= '9'
}

// isNoNumber reports whether a scalar is NaN or Infinity.
func isNoNumber(written []byte) bool {
	c := bytes.TrimPrefix(written, []byte("-"))
	return len(c) > 0 && (c[0] == 'N' || c[0] == 'I')
}

var errObject = errors.New("an object, not a text (name one of its members, as in A.B)")

// render appends the text at node i to dst.
func (r *Record) render(dst []byte, i int, o Objects) ([]byte, error) {
	n := &r.nodes[i]
	switch n.kind {
	case null:
		return dst, nil
	case scalar, text:
		return append(dst, n.text...), nil
	case foreign:
		return dst, fmt.Errorf("of type %s, not a text", n.text)
	case object:
		if o != WithObjects {
			return dst, errObject
		}
		if c := r.child(i, "text"); c >= 0 {
			return r.render(dst, c, o)
		}
	}
	var err error
	lines := 0
	for c := i + 1; c < n.next && err == nil; c = r.nodes[c].next {
		from := c
		if n.kind == listed && r.isPart(c) {
			if from = r.child(c, "text"); from < 0 {
				continue
			}
		}
		dst, lines, err = r.line(dst, lines, from, o)
	}
	return dst, err
}

// isPart reports whether node i is a part of a message, an object that names its type: of
// those of a list, the member text is text, and a part without one, as an image, is none.
func (r *Record) isPart(i int) bool {
	if r.nodes[i].kind != object {
		return false
	}
	c := r.child(i, "type")
	return c >= 0 && r.nodes[c].kind == text
}

// AppendDocument appends the texts of a field to dst as [Record.AppendText] does. It returns
// "", or the reason why there is no text.
func (r *Record) AppendDocument(dst []byte, f Field) ([]byte, Kind) {
	if r.nodes[0].kind != object && !r.table {
		return dst, NotObject
	}
	lines, wrong := 0, Null
	for k := range f.paths {
		p := &f.paths[k]
		err, found := r.visit(0, p.steps, func(i int) (err error) {
			switch {
			case r.isIDs(i) && r.ids == nil:
				return ErrTokens
			case r.isIDs(i):
				dst, err = r.renderIDs(dst, i)
				lines++
				return err
			}
			dst, lines, err = r.line(dst, lines, i, NoObjects)
			return err
		})
		switch {
		case err == ErrTokens:
			return dst, TokenIDs
		case err != nil:
			return dst, NotString
		case !found && !p.optional:
			return dst, Missing
		case !found:
			wrong = Missing
		}
	}
	if lines == 0 {
		return dst, wrong
	}
	return dst, ""
}

// WithLists returns the field as it has to be written to lead through the lists of the record:
// messages[].content for messages.content. It returns "" where f says that itself, or where
// no text is at that place.
func (r *Record) WithLists(f Field) string {
	if strings.ContainsAny(f.written, `"[?`) {
		return ""
	}
	sources := strings.Split(f.written, "+")
	for k, source := range sources {
		if sources[k] = r.throughLists(source); sources[k] == "" {
			return ""
		}
	}
	if written := strings.Join(sources, "+"); written != f.written {
		return written
	}
	return ""
}

// listWords are what Parquet calls the levels of a list, which are no names of members.
const listWords = " list element item array bag array_element "

// throughLists is WithLists for one source of plain names.
func (r *Record) throughLists(source string) (written string) {
	i := 0
	for name := range strings.SplitSeq(source, ".") {
		for r.nodes[i].kind == listed {
			if i++; i == r.nodes[i-1].next {
				return ""
			}
			written += "[]"
		}
		c := -1
		if r.nodes[i].kind == object {
			c = r.child(i, name)
		}
		if c < 0 && strings.HasSuffix(written, "]") && strings.Contains(listWords, " "+name+" ") {
			continue
		}
		if c < 0 {
			return ""
		}
		i = c
		written += "." + name
	}
	if k := r.nodes[i].kind; k != text && k != listed {
		return ""
	}
	return strings.TrimPrefix(written, ".")
}

// AppendName appends the value of a field with a single source, if it is a text or a number;
// ok is false for any other value.
func (r *Record) AppendName(dst []byte, f Field) (_ []byte, ok bool, err error) {
	err, found := r.visit(0, f.paths[0].steps, func(i int) error {
		if n := &r.nodes[i]; n.kind == text || n.kind == scalar && isNumber(n.text) {
			dst, ok = append(dst, n.text...), true
		}
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("field %q: %w", Clip(f.written), ErrMissing)
	}
	return dst, ok, err
}

// First returns the text of the first value at p, lent; nil if there is none.
func (r *Record) First(p *Path) (s []byte) {
	r.visit(0, p.steps, func(i int) error {
		if s == nil {
			s = r.nodes[i].text
		}
		return nil
	})
	return s
}
