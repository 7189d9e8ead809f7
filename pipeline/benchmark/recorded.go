package benchmark

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"swab/ngram/item"
	"swab/pipeline/rows"
	"swab/pipeline/store"
)

// A Reading records how a file of a benchmark was read, so that it can be read again.
type Reading struct {
	Fields string `json:"fields"`           // in the form that Spec.Fields takes; "" for a file without records
	Header *bool  `json:"header,omitempty"` // of a table: its first row has the columns' names
	Quotes *bool  `json:"quotes,omitempty"` // of a table: quotes enclose values
}

// Recorded opens a benchmark's file again as an audit recorded it. Whether the file has
// changed since, the digests of its items show.
func Recorded(ctx context.Context, name, path, split string, how Reading) (*Benchmark, error) {
	f, ok := newFile(path, filepath.Base(path))
	if store.IsURL(path) {
		o, err := store.Stat(ctx, path)
		if err != nil {
			return nil, fmt.Errorf("benchmark %s: %w", name, err)
		}
		if f, ok = newObject(o, store.Base(o.Name)); f.fault != nil {
			return nil, fmt.Errorf("benchmark %s: %w", name, f.fault)
		}
	}
	if !ok {
		return nil, fmt.Errorf("benchmark %s: %s: unknown ending", name, quotedName(path))
	}
	f.Split, f.Reading = split, how
	if err := f.detect(); err != nil {
		return nil, fmt.Errorf("benchmark %s: %w", name, err)
	}
	if f.table() {
		if how.Header == nil || how.Quotes == nil {
			return nil, fmt.Errorf("benchmark %s: %s: the audit does not record whether it has a header", name, quotedName(path))
		}
		f.layout.Header, f.layout.Quotes = *how.Header, *how.Quotes
	}
	var err error
	if f.mapping, err = parseMapping(how.Fields); err != nil {
		return nil, fmt.Errorf("benchmark %s: %w", name, err)
	}
	return &Benchmark{Name: name, Files: []File{f}}, nil
}

// Choices reads the choices of records one by one, where the item's text has them as lines.
type Choices struct {
	fields []rows.Field // a choice each
	list   string       // the written path of a field that may be a list of choices
	within []rows.Field // its elements, as far as they were needed
}

// maxChoices is the number of choices of an item that Of returns.
const maxChoices = 27

// Choices returns the reader of choices of the file's records.
func (r Reading) Choices() (*Choices, error) {
	c := new(Choices)
	m, err := parseMapping(r.Fields)
	if err != nil {
		return nil, err
	}
	paths := m.parts[item.Choices].Paths()
	for _, p := range paths {
		f, err := rows.ParseField(p.String() + "?")
		if err != nil {
			return nil, err
		}
		c.fields = append(c.fields, f)
	}
	if len(paths) == 1 {
		c.list = paths[0].String()
	}
	return c, nil
}

// Of returns a record's choices, and false if they are in a form of which only lines are known.
func (c *Choices) Of(r *rows.Record) (list []string, ok bool) {
	fields := c.fields
	if c.list != "" {
		for len(c.within) < maxChoices {
			f, err := rows.ParseField(fmt.Sprintf("%s.%d?", c.list, len(c.within)))
			if err != nil {
				return nil, false
			}
			c.within = append(c.within, f)
		}
		fields = c.within
	}
	for _, f := range fields {
		text, err := r.AppendText(nil, f, rows.WithObjects)
		if err != nil {
			return nil, false
		}
		list = append(list, strings.TrimSpace(string(text)))
	}
	for len(list) > 0 && list[len(list)-1] == "" {
		list = list[:len(list)-1]
	}
	return list, len(list) > 1
}
