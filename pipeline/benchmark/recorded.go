package benchmark

import (
	"context"
	"fmt"
	"path/filepath"

	"swab/ngram/item"
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
func Recorded(name, path, split string, how Reading) (*Benchmark, error) {
	f, ok := newFile(path, filepath.Base(path))
	if store.IsURL(path) {
		o, err := store.Stat(context.Background(), path)
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

// Sources returns the number of fields that a part's text is read from: 0 if it has none, or
// if r.Fields cannot be parsed.
func (r Reading) Sources(p item.Part) int {
	m, err := parseMapping(r.Fields)
	if err != nil {
		return 0
	}
	return len(m.parts[p].Paths())
}
