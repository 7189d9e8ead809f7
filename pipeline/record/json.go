package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"swab/pipeline/rows"
	"swab/pipeline/shard"
)

// readSpans reads the rows of a text format: JSON in any shape, or a table.
func readSpans(ctx context.Context, src Source, s *sink) error {
	in := rows.NewInput(ctx, src)
	spans := rows.NewSpans(in, s.o.MaxRow+1)
	defer spans.Free()
	layout, err := spans.Detect(s.o.stem)
	if err != nil {
		return in.Cause(err)
	}
	j, plain := rows.NewScanner(s.o.text, s.o.id)
	if layout.Shape == rows.Table || s.o.Tokens != nil {
		plain = false
	}
	if layout.Shape == rows.JSONLines {
		return s.lines(rows.NewLines(spans.Rest(), s.o.MaxRow), j, plain)
	}
	for s.row = 0; ; {
		off := spans.Offset()
		sep, body, err := spans.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return in.Cause(err)
		}
		off += int64(len(sep))
		if s.raw = body; layout.Shape == rows.Table {
			s.raw = nil
		}
		if plain {
			err = s.json(j, body, off)
		} else if err = spans.Parse(&s.rec, body, s.o.want); errors.Is(err, rows.ErrRagged) {
			s.skip(rows.Ragged, off, err.Error)
			continue
		} else {
			err = s.record(err, off)
		}
		if err != nil {
			return err
		}
	}
}

// readRows reads the rows of any other format.
func readRows(ctx context.Context, src Source, f *shard.Format, s *sink) error {
	o := rows.Options{Name: s.o.Name, Want: s.o.want, MaxRow: s.o.MaxRow, Lines: s.o.TextUnit == "line"}
	r, err := rows.Open(ctx, src, f, o)
	if err != nil {
		return err
	}
	columns := rows.Columns(r)
	s.columns = columns
	if columns != nil && !s.o.text.In(columns) {
		return noColumn(s.o.TextField, "is missing", columns)
	}
	for s.row = 0; ; {
		err := r.Next(&s.rec)
		if b, ok := r.(interface{ Blank() int64 }); ok {
			s.c.Blank = b.Blank()
		}
		if err == io.EOF {
			return nil
		}
		if errors.Is(err, rows.ErrJSON) || errors.Is(err, rows.ErrRagged) {
			s.skip(rows.NotJSON, r.Place(), err.Error)
			continue
		}
		if err != nil {
			return err
		}
		skipped := s.c.Skipped[rows.NotString]
		if err := s.record(nil, r.Place()); err != nil {
			return err
		}
		if columns != nil && s.c.Skipped[rows.NotString] > skipped {
			return noColumn(s.o.TextField, "is no text", columns)
		}
	}
}

// lines reads one object a line, with the scanner if that can follow the fields.
func (s *sink) lines(l *rows.Lines, j *rows.Scanner, plain bool) error {
	for s.row = 0; ; {
		line, off, err := l.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case rows.Blank(line):
			s.c.Blank++
			continue
		case plain:
			err = s.json(j, line, off)
		default:
			s.raw = line
			err = s.record(s.rec.ParseJSON(line, s.o.want), off)
		}
		if err != nil {
			return err
		}
	}
}

// json reads one JSON value as the current row.
func (s *sink) json(j *rows.Scanner, line []byte, off int64) error {
	if len(line) > s.o.MaxRow {
		return fmt.Errorf("%d bytes, more than %d: %w", len(line), s.o.MaxRow, ErrTooLong)
	}
	if err := s.reserve(len(line)); err != nil {
		return err
	}
	text, id := &s.batch.text, &s.batch.id
	text.reserve(len(line))
	mark := len(text.data)
	kind := j.Scan(line, text.data)
	switch {
	case kind == rows.NotString || j.Whole() || kind == rows.NotObject && bytes.TrimLeft(line, " \t\r")[0] == '"':
		s.raw = line
		return s.record(s.rec.ParseJSON(line, s.o.want), off)
	case kind == rows.Missing:
		s.raw = line
		return s.noField(off)
	case kind != "":
		s.skip(kind, off, func() string { return j.Detail(kind, s.o.TextField) })
		return nil
	}
	var m rows.Marks
	text.data, m = j.Text()
	if m&rows.MarkUTF8 != 0 {
		text.repair(mark, &s.scratch)
	}
	switch raw := j.ID(); {
	case len(raw) > 0 && raw[0] != '"':
		id.reserve(len(raw))
		id.data = append(id.data, raw...)
	case len(raw) > 2:
		id.reserve(len(raw))
		start := len(id.data)
		var im rows.Marks
		if id.data, im = rows.Unquote(id.data, raw); im&rows.MarkUTF8 != 0 {
			id.repair(start, &s.scratch)
		}
		m |= im
	default:
		id.addInt(s.row)
	}
	s.commit(m, off)
	return nil
}

// record adds the row in s.rec as the current one, or skips it with the reason.
func (s *sink) record(bad error, off int64) error {
	if bad != nil {
		s.skip(rows.NotJSON, off, bad.Error)
		return nil
	}
	if err := s.rec.Err(); err != nil {
		return err
	}
	var kind Kind
	if s.joined, kind = s.rec.AppendDocument(s.joined[:0], s.o.text); kind == rows.Missing {
		return s.noField(off)
	} else if kind == rows.TokenIDs {
		return fmt.Errorf("field %q: %w", s.o.TextField, ErrTokens)
	} else if err := s.rec.Err(); err != nil {
		return fmt.Errorf("field %q: %w", s.o.TextField, err)
	} else if kind != "" {
		s.skip(kind, off, func() string { return fmt.Sprintf("field %q", s.o.TextField) })
		return nil
	}
	s.idText, _, _ = s.rec.AppendName(s.idText[:0], s.o.id)
	return s.add(s.joined, s.idText, s.rec.Marks(), off)
}

// noField skips the current row, which lacks the text field. The first one is named with
// the fields that it has.
func (s *sink) noField(off int64) error {
	if s.o.Strict && s.row == 0 {
		return fmt.Errorf("field %q is missing: %w", s.o.TextField, ErrField)
	}
	if s.row == 0 && s.raw != nil && hasTokens(s.raw) {
		return fmt.Errorf("field %q is missing: %w", s.o.TextField, errTokenField)
	}
	first := len(s.c.First) == 0
	s.skip(rows.Missing, off, func() string {
		if !first {
			return fmt.Sprintf("field %q", s.o.TextField)
		}
		return s.describeRow()
	})
	return nil
}

// describeRow returns the fields that the current row has, and the name of the text field if
// it is within a list.
func (s *sink) describeRow() string {
	rec, names := &s.rec, columnList(s.columns)
	if s.raw != nil {
		if rec = new(rows.Record); rec.ParseJSON(s.raw, nil) != nil {
			return fmt.Sprintf("field %q", s.o.TextField)
		}
	}
	if names == "" {
		names = rec.FieldNames()
	}
	what := fmt.Sprintf("field %q; the row has %s", s.o.TextField, names)
	if better := rec.WithLists(s.o.text); better != "" {
		what += fmt.Sprintf(" (--text-field '%s' reads each element of the list)", better)
	}
	return what
}

// hasTokens reports whether a row of JSON has a field that token ids are known to be in.
func hasTokens(row []byte) bool {
	var rec rows.Record
	return rec.ParseJSON(row, rows.TokenFields[:]) == nil && rec.HasTokens()
}

// repair replaces each invalid byte of c.data[from:] by U+FFFD.
func (c *column) repair(from int, scratch *[]byte) {
	*scratch = rows.AppendValid((*scratch)[:0], c.data[from:])
	c.data = c.data[:from]
	c.reserve(len(*scratch))
	c.data = append(c.data, *scratch...)
}
