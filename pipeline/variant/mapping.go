package variant

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"swab/ngram/item"
)

// source names the place of one text within a record.
type source struct {
	written  string   // without the "?"
	path     []string // of written, cut at dots
	rest     []string // of written, from each step on
	optional bool     // it may be missing
}

// mapping says from which places an item's texts come. Its written form is
//
//	question=prompt,choices=A+B+C+D,answer=solution?,id=task_id
//
// A part has one or more sources, joined by "+", whose texts make its lines. A
// source is a field's name, and dots lead on: into an object by name, into a list
// by a number from 0. A field whose whole name has dots in it is found first. A
// table's columns can be named by number. "?" after a source says that records
// may lack it. Null is no text. A list is its elements' texts, one a line. Only
// choices may be objects: of one with a member "text" that is the text, of any
// other all members are.
type mapping struct {
	parts [item.NumParts][]source
	id    []source // at most one
}

// parseMapping reads the written form.
func parseMapping(s string) (*mapping, error) {
	m := new(mapping)
	shown := false
	for _, field := range strings.Split(s, ",") {
		name, from, ok := strings.Cut(field, "=")
		name = strings.TrimSpace(name)
		if !ok || strings.TrimSpace(from) == "" {
			return nil, fmt.Errorf("fields %q: %q is not part=field", clip(s), clip(field))
		}
		dst := &m.id
		if name != "id" {
			p := item.Part(slices.Index(item.AllParts.Names(), name))
			if p >= item.NumParts {
				return nil, fmt.Errorf("fields %q: %q is none of %s, id", clip(s), clip(name), strings.Join(item.AllParts.Names(), ", "))
			}
			dst = &m.parts[p]
			shown = shown || p != item.Answer
		}
		if *dst != nil {
			return nil, fmt.Errorf("fields %q: %s is given twice", clip(s), name)
		}
		for _, f := range strings.Split(from, "+") {
			f, optional := strings.CutSuffix(strings.TrimSpace(f), "?")
			if slices.Contains(strings.Split(f, "."), "") {
				return nil, fmt.Errorf("fields %q: %s has an empty name", clip(s), name)
			}
			*dst = append(*dst, newSource(f, optional))
		}
	}
	if !shown {
		return nil, fmt.Errorf("fields %q: neither question nor context nor choices is given", clip(s))
	}
	if len(m.id) > 1 || len(m.id) == 1 && m.id[0].optional {
		return nil, fmt.Errorf("fields %q: id has to be one field that every record has", clip(s))
	}
	return m, nil
}

func newSource(name string, optional bool) source {
	s := source{written: name, path: strings.Split(name, "."), optional: optional}
	for i := range s.path {
		s.rest = append(s.rest, strings.Join(s.path[i:], "."))
	}
	return s
}

// sources gives all places that m reads.
func (m *mapping) sources() []source {
	return slices.Concat(slices.Concat(m.parts[:]...), m.id)
}

// numbered says that m names all columns by number, as for a table without a
// header.
func (m *mapping) numbered() bool {
	return !slices.ContainsFunc(m.sources(), func(s source) bool {
		_, err := strconv.Atoi(s.written)
		return err != nil
	})
}

var errMissing = errors.New("missing")

// find gives the node at a source's place. A null on the way is the value.
func (t *tape) find(s *source) (int, error) {
	i := 0
	for step, name := range s.path {
		n := &t.nodes[i]
		c := -1
		switch n.kind {
		case null:
			return i, nil
		case object:
			if step < len(s.path)-1 {
				if c := t.child(i, s.rest[step]); c >= 0 {
					return c, nil
				}
			}
			c = t.child(i, name)
		}
		if c < 0 && (n.kind == array || n.kind == object && t.columns) {
			if at, err := strconv.Atoi(name); err == nil && at >= 0 {
				c = t.element(i, at)
			}
		}
		if c < 0 {
			return 0, errMissing
		}
		i = c
	}
	return i, nil
}

// render appends the text at node i to dst.
func (t *tape) render(dst []byte, i int, p item.Part) ([]byte, error) {
	n := &t.nodes[i]
	switch n.kind {
	case null:
		return dst, nil
	case scalar, text:
		return append(dst, n.text...), nil
	case foreign:
		return dst, fmt.Errorf("of type %s, not a text", n.text)
	case object:
		if p != item.Choices {
			return dst, errors.New("an object, not a text (a dotted name leads into it)")
		}
		if c := t.child(i, "text"); c >= 0 {
			return t.render(dst, c, p)
		}
	}
	var err error
	lines := 0
	for c := i + 1; c < n.next && err == nil; c = t.nodes[c].next {
		if t.nodes[c].kind == null {
			continue
		}
		if lines++; lines > 1 {
			dst = append(dst, '\n')
		}
		dst, err = t.render(dst, c, p)
	}
	return dst, err
}

// part appends the text of part p to dst.
func (m *mapping) part(dst []byte, t *tape, p item.Part) ([]byte, error) {
	lines := 0
	for k := range m.parts[p] {
		s := &m.parts[p][k]
		i, err := t.find(s)
		if err == nil && t.nodes[i].kind != null {
			if lines++; lines > 1 {
				dst = append(dst, '\n')
			}
			dst, err = t.render(dst, i, p)
		}
		if err != nil && !(err == errMissing && s.optional) {
			return dst, fmt.Errorf("%s: field %q: %w", p, clip(s.written), err)
		}
	}
	return dst, nil
}

var errNoID = errors.New("neither a text nor a number")

// itemID appends the record's id to dst, if m has one.
func (m *mapping) itemID(dst []byte, t *tape) ([]byte, error) {
	s := &m.id[0]
	i, err := t.find(s)
	if err == nil {
		switch n := &t.nodes[i]; {
		case n.kind != text && n.kind != scalar:
			err = errNoID
		case len(n.text) == 0:
			err = errors.New("empty")
		default:
			return append(dst, n.text...), nil
		}
	}
	return dst, fmt.Errorf("id: field %q: %w", clip(s.written), err)
}
