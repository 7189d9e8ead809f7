package pipeline

import (
	"context"
	"fmt"
	"io"
	"strings"

	"swab/pipeline/rows"
	"swab/pipeline/shard"
)

// Listed is what a run would do with one file of a corpus, as far as its first row shows.
type Listed struct {
	Name        string    `json:"name"`
	Fate        ListState `json:"fate"`
	Why         string    `json:"why,omitempty"`
	Format      string    `json:"format,omitempty"`
	Compression string    `json:"compression,omitempty"`
	Size        int64     `json:"size"`
	TextField   string    `json:"text_field,omitempty"`
	Fields      []string  `json:"fields,omitempty"` // of the first row
}

// ListState says whether a run would read a file.
type ListState string

// The states of a listed file.
const (
	ListRead     ListState = "read"
	ListPassed   ListState = "passed over" // it is no data
	ListExcluded ListState = "excluded"
	ListRefused  ListState = "not read" // which makes a run incomplete
)

// List returns what a run would do with each file of the corpus. It opens every shard and
// reads its first row, but nothing of a pipe.
func List(ctx context.Context, r Reading, patterns []string) (list []Listed, err error) {
	r = r.filled()
	fields, err := r.textFields()
	if err != nil {
		return nil, err
	}
	found, err := r.find(ctx, patterns)
	if err != nil {
		return nil, err
	}
	for _, sh := range found.shards {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		list = append(list, r.peek(ctx, sh, fields))
	}
	for _, s := range found.files {
		l := Listed{Name: s.Path, Fate: ListPassed, Why: s.Why}
		switch s.Fate {
		case shard.Unread:
			l.Fate = ListRefused
		case shard.Excluded:
			l.Fate = ListExcluded
		}
		list = append(list, l)
	}
	return list, nil
}

// peek reads the first row of a shard.
func (r Reading) peek(ctx context.Context, sh shard.Shard, fields []rows.Field) Listed {
	l := Listed{
		Name: sh.Name, Fate: ListRead, Format: sh.Format.String(), Compression: sh.Compression.String(), Size: sh.Size,
	}
	if sh.Once {
		l.Format, l.Compression, l.Why = "", "", "a pipe, of which nothing is read before the run"
		return l
	}
	o := rows.Options{MaxRow: r.MaxRow, Lines: r.TextUnit == "line"}
	first, err := rows.ReadFirst(ctx, sh, r.Limits, o, r.Tokens)
	if first.Format != nil || err == nil {
		l.Format, l.Compression = first.Format.String(), first.Compression.String()
	}
	switch {
	case err == io.EOF:
		l.Why = "it has no rows"
	case err != nil:
		l.Fate, l.Why = ListRefused, strings.TrimPrefix(err.Error(), sh.Name+": ")+r.remedy(err)
	default:
		l.Fields = first.Record.Names()
		r.findText(first.Record, fields, &l)
	}
	return l
}

// findText finds the field of the text in the first row, as a run does.
func (r Reading) findText(rec *rows.Record, fields []rows.Field, l *Listed) {
	_, wrong := rec.AppendDocument(nil, fields[0])
	k := 0
	if wrong == rows.Missing {
		k = rec.FirstText(fields)
	}
	switch {
	case k < 0:
		hint := "--text-field names the field of the text"
		if better := rec.WithLists(fields[0]); better != "" {
			hint = fmt.Sprintf("--text-field '%s' reads each element of the list", better)
		}
		l.Fate = ListRefused
		l.Why = fmt.Sprintf("no field %s; the row has %s (%s)", fields[0], rec.FieldNames(), hint)
		return
	case k > 0, wrong == "", wrong == rows.Null:
	default:
		l.Fate, l.Why = ListRefused, fmt.Sprintf("row 0: field %s: %s", fields[0], wrong)
		return
	}
	l.TextField = fields[k].String()
}
