package record

import (
	"context"
	"errors"
	"fmt"
	"io"

	"swab/pipeline/rows"
)

// readSpans reads the rows of a text format: JSON in any shape, or a table.
func readSpans(ctx context.Context, src Source, s *sink) error {
	in := &checked{ctx: ctx, r: src}
	spans := rows.NewSpans(in, s.o.MaxRow+1)
	defer spans.Free()
	layout, err := spans.Detect(s.o.stem)
	if err != nil {
		return in.or(err)
	}
	j, plain := rows.NewScanner(s.o.text, s.o.id)
	if layout.Shape == rows.Table {
		plain = false
	}
	if layout.Shape == rows.Lines {
		return s.lines(newLines(spans.Rest(), s.o.MaxRow), j, plain)
	}
	for s.row = 0; ; {
		off := spans.Offset()
		sep, body, err := spans.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return in.or(err)
		}
		off += int64(len(sep))
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

// lines reads one object a line: by the scanner, if that follows the fields.
func (s *sink) lines(l *lines, j *rows.Scanner, plain bool) error {
	for s.row = 0; ; {
		line, off, err := l.next()
		switch {
		case err != nil:
			return end(err)
		case blank(line):
			s.c.Blank++
			continue
		case plain:
			err = s.json(j, line, off)
		default:
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
	if err := s.room(len(line)); err != nil {
		return err
	}
	text, id := &s.batch.text, &s.batch.id
	text.reserve(len(line))
	mark := len(text.data)
	kind := j.Scan(line, text.data)
	switch {
	case kind == rows.NotString || j.Whole():
		return s.record(s.rec.ParseJSON(line, s.o.want), off)
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

// record adds the row in s.rec, or what was wrong with it, as the current one.
func (s *sink) record(bad error, off int64) error {
	if bad != nil {
		s.skip(rows.NotJSON, off, bad.Error)
		return nil
	}
	var kind Kind
	if s.joined, kind = s.rec.AppendDocument(s.joined[:0], s.o.text); kind != "" {
		s.skip(kind, off, func() string { return fmt.Sprintf("field %q", s.o.TextField) })
		return nil
	}
	s.idText, _, _ = s.rec.AppendName(s.idText[:0], s.o.id)
	return s.put(s.joined, s.idText, s.rec.Marks(), off)
}

// repair puts U+FFFD for each bad byte of what follows from.
func (c *column) repair(from int, scratch *[]byte) {
	*scratch = rows.AppendValid((*scratch)[:0], c.data[from:])
	c.data = c.data[:from]
	c.reserve(len(*scratch))
	c.data = append(c.data, *scratch...)
}
