package benchmark

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"swab/ngram/item"
	"swab/pipeline/rows"
)

// mapping maps fields of a row to the parts of an item. Its written form is
//
//	question=prompt,choices=A+B+C+D,answer=solution?,id=task_id
//
// with fields in the grammar of [rows.Field]. In place of context, passage=… names a text
// that items ask about and that is not theirs: a document that has it alone has no item.
// Only choices may be objects: the text of an
// object is its member "text", or all its members if it has none of that name. Choices that are
// written as one text, as a list of Python or with letters, are taken apart.
type mapping struct {
	parts [item.NumParts]rows.Field
	has   [item.NumParts]bool
	id    rows.Field
	hasID bool

	passage bool // the context is a passage
}

// parseMapping reads the written form.
func parseMapping(s string) (*mapping, error) {
	m := new(mapping)
	shown := false
	for _, field := range rows.SplitUnquoted(s, ',') {
		name, from, ok := strings.Cut(field, "=")
		name = strings.TrimSpace(name)
		if !ok || strings.TrimSpace(from) == "" {
			return nil, fmt.Errorf("fields %q: %q is not part=field", rows.Clip(s), rows.Clip(field))
		}
		dst, has, err := m.slot(name)
		if err != nil {
			return nil, fmt.Errorf("fields %q: %w", rows.Clip(s), err)
		}
		shown = shown || dst != &m.id && dst != &m.parts[item.Answer] && name != "passage"
		if *has && dst == &m.parts[item.Context] && m.passage {
			return nil, fmt.Errorf("fields %q: a passage is set twice, or beside a context: join them with +", rows.Clip(s))
		}
		if *has {
			return nil, fmt.Errorf("fields %q: %s is set twice", rows.Clip(s), name)
		}
		if *dst, err = rows.ParseField(from); err != nil {
			return nil, fmt.Errorf("fields %q: %s %w", rows.Clip(s), name, err)
		}
		*has = true
	}
	if !shown {
		return nil, fmt.Errorf("fields %q: neither question nor context nor choices is set", rows.Clip(s))
	}
	if m.hasID && (len(m.id.Paths()) > 1 || m.id.Paths()[0].Optional()) {
		return nil, fmt.Errorf("fields %q: id has to be one field that every record has", rows.Clip(s))
	}
	return m, nil
}

// slot returns the field that a name of the written form sets, and where it is noted that it is set.
func (m *mapping) slot(name string) (dst *rows.Field, has *bool, err error) {
	if name == "id" {
		return &m.id, &m.hasID, nil
	}
	p := item.Part(slices.Index(item.AllParts.Names(), name))
	if name == "passage" {
		p, m.passage = item.Context, true
	}
	if p >= item.NumParts {
		return nil, nil, fmt.Errorf("%q is none of %s, passage, id",
			rows.Clip(name), strings.Join(item.AllParts.Names(), ", "))
	}
	return &m.parts[p], &m.has[p], nil
}

// fields returns all fields that m reads.
func (m *mapping) fields() []rows.Field {
	var all []rows.Field
	for p, f := range m.parts {
		if m.has[p] {
			all = append(all, f)
		}
	}
	if m.hasID {
		all = append(all, m.id)
	}
	return all
}

// numbered reports whether m names all columns by number, as for a table without a header.
func (m *mapping) numbered() bool {
	for _, f := range m.fields() {
		for _, p := range f.Paths() {
			if _, err := strconv.Atoi(p.String()); err != nil {
				return false
			}
		}
	}
	return true
}

// part appends the text of part p to dst.
func (m *mapping) part(dst []byte, r *rows.Record, p item.Part) ([]byte, error) {
	if !m.has[p] {
		return dst, nil
	}
	objects := rows.NoObjects
	switch p {
	case item.Choices:
		objects = rows.WithObjects
	case item.Answer:
		objects = rows.EscapedLists
	}
	dst, err := r.AppendText(dst, m.parts[p], objects)
	if err != nil {
		err = fmt.Errorf("%s: %w", p, err)
	}
	return dst, err
}

// itemID appends the record's id to dst, if m has one.
func (m *mapping) itemID(dst []byte, r *rows.Record) ([]byte, error) {
	from := len(dst)
	dst, ok, err := r.AppendName(dst, m.id)
	switch {
	case err != nil:
		return dst, fmt.Errorf("id: %w", err)
	case !ok:
		return dst, fmt.Errorf("id: field %q: it is neither a text nor a number", rows.Clip(m.id.String()))
	case len(dst) == from:
		return dst, fmt.Errorf("id: field %q: it is empty", rows.Clip(m.id.String()))
	}
	return dst, nil
}
