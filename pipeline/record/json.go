package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"swab/pipeline/rows"
	"swab/pipeline/shard"
)

// readSpans reads the rows of a text format: JSON in any shape, or a table.
func readSpans(ctx context.Context, src Source, s *sink) error {
	in := rows.NewInput(ctx, src)
	if s.o.Range.End > 0 {
		lines := rows.NewLines(in, s.o.MaxRow)
		defer lines.Free()
		if s.o.Range.At > 0 {
			lines.Within()
		}
		s.follow()
		return s.lines(lines)
	}
	spans := rows.NewSpans(in, s.o.MaxRow+1)
	defer spans.Free()
	layout, err := spans.Detect(s.o.stem)
	if err != nil {
		return in.Cause(err)
	}
	s.table = layout.Shape == rows.Table
	s.follow()
	if layout.Shape == rows.JSONLines {
		s.c.Lines = true
		lines := rows.NewLines(spans.Rest(), s.o.MaxRow)
		defer lines.Free()
		return s.lines(lines)
	}
	for s.row = 0; ; {
		_, body, err := spans.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return in.Cause(err)
		}
		if s.raw = body; s.table {
			s.raw = nil
		}
		if s.plain {
			err = s.json(body)
		} else if err = spans.Parse(&s.rec, body, s.o.want); errors.Is(err, rows.ErrRagged) {
			s.skip(rows.Ragged, err.Error)
			continue
		} else {
			err = s.record(err)
		}
		if err != nil {
			return err
		}
	}
}

// follow makes a scanner for the fields, if names of members lead to them.
func (s *sink) follow() {
	s.scan, s.plain = rows.NewScanner(s.o.text, s.o.id)
	s.plain = s.plain && !s.table && s.o.Tokens == nil
}

// settle decides which field is the text, by the first row that is an object: the one that
// was asked for or, where that row lacks it, the first of the others that has a text. It
// reports whether that is another one than before.
func (s *sink) settle() (changed bool) {
	if s.settled {
		return false
	}
	s.settled = true
	rec := &s.rec
	if s.raw != nil {
		rec = new(rows.Record)
		rec.Decode(s.o.Tokens, rows.Field{}, s.o.MaxRow)
		if rec.ParseJSON(s.raw, nil) != nil {
			return false
		}
	}
	k := rec.FirstText(s.o.Others)
	if k < 0 {
		return false
	}
	s.use(s.o.Others[k])
	s.follow()
	return true
}

// use makes another field that of the text.
func (s *sink) use(f rows.Field) {
	s.o.text, s.c.TextField = f, f.String()
	s.o.TextField, s.o.want = s.c.TextField, rows.Wanted(s.o.text, s.o.id)
}

// open opens a shard of another format than text. One that is read at random is opened
// once more where it has no column of the text, with the field in its place.
func (s *sink) open(ctx context.Context, src Source, f *shard.Format) (r rows.Reader, err error) {
	o := rows.Options{Name: s.o.Name, Want: s.o.any, MaxRow: s.o.MaxRow, Lines: s.o.TextUnit == "line", Range: s.o.Range}
	if f.Random {
		o.Want = s.o.want
	}
	if r, err = rows.Open(ctx, src, f, o); err != nil {
		return nil, err
	}
	s.columns = rows.Columns(r)
	if s.columns == nil || s.o.text.In(s.columns) || len(s.o.Others) == 0 {
		return r, nil
	}
	if !f.Random {
		return r, nil
	}
	o.Want = s.o.any
	if r, err = rows.Open(ctx, src, f, o); err != nil {
		return nil, err
	}
	if err := r.Next(&s.rec); err != nil && err != io.EOF {
		return nil, err
	} else if err == nil {
		s.settle()
	}
	o.Want = s.o.want
	return rows.Open(ctx, src, f, o)
}

// readRows reads the rows of any other format.
func readRows(ctx context.Context, src Source, f *shard.Format, s *sink) error {
	r, err := s.open(ctx, src, f)
	if err != nil {
		return err
	}
	mayHave := func() bool { return s.columns == nil || s.o.text.In(s.columns) }
	if !mayHave() && (f.Random || len(s.o.Others) == 0) {
		return noColumn(s.o.TextField, "is missing", s.columns)
	}
	stored := int64(math.MaxInt64) // a stream is bounded where it is decompressed
	if f.Random {
		if _, stored, err = src.ReaderAt(); err != nil {
			return err
		}
		if s.o.Range.End > 0 {
			stored, s.o.Limits.Strict = s.o.Range.End-s.o.Range.At, true
		}
	}
	for s.row = 0; ; {
		// A row counts too: one without a text takes no bytes in the file.
		if err := s.o.Limits.CheckRatio(stored, s.c.TextBytes+s.c.Rows); err != nil {
			return err
		}
		err := r.Next(&s.rec)
		if b, ok := r.(interface{ Blank() int64 }); ok {
			s.c.Blank = b.Blank()
		}
		if x, ok := r.(interface{ Expanded() (stored, plain int64) }); ok && err == nil {
			err = s.o.Limits.CheckRatio(x.Expanded())
		}
		if err == io.EOF && !mayHave() {
			return noColumn(s.o.TextField, "is missing", s.columns)
		}
		if err == io.EOF {
			c, ok := r.(interface{ Checked() bool })
			s.c.Checked = ok && c.Checked()
			return nil
		}
		if errors.Is(err, rows.ErrJSON) || errors.Is(err, rows.ErrRagged) {
			s.skip(rows.NotJSON, err.Error)
			continue
		}
		if err != nil {
			return err
		}
		if !mayHave() && !s.settle() {
			return noColumn(s.o.TextField, "is missing", s.columns)
		}
		var side bool
		if s.raw, side = s.rec.Member(); side {
			if _, wrong := s.rec.AppendDocument(s.joined[:0], s.o.text); wrong != "" {
				s.c.Blank++
				continue
			}
		}
		skipped := s.c.Skipped[rows.NotString]
		if err := s.record(nil); err != nil {
			return err
		}
		if s.columns != nil && s.c.Skipped[rows.NotString] > skipped {
			return noColumn(s.o.TextField, "is no text", s.columns)
		}
	}
}

// lines reads one object a line, with the scanner if that can follow the fields.
func (s *sink) lines(l *rows.Lines) error {
	for s.row = 0; ; {
		line, err := l.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case rows.Blank(line):
			s.c.Blank++
			continue
		case s.plain:
			err = s.json(line)
		default:
			s.raw = line
			err = s.record(s.rec.ParseJSON(line, s.o.want))
		}
		if err != nil {
			return err
		}
	}
}

// json reads one JSON value as the current row.
func (s *sink) json(line []byte) error {
	if len(line) > s.o.MaxRow {
		return fmt.Errorf("%d bytes, more than %d: %w", len(line), s.o.MaxRow, ErrTooLong)
	}
	if err := s.reserve(len(line)); err != nil {
		return err
	}
	text, id := &s.batch.text, &s.batch.id
	text.reserve(len(line))
	mark := len(text.data)
	j := s.scan
	kind := j.Scan(line, text.data)
	switch {
	case kind == rows.NotString || j.Whole() || kind == rows.NotObject && bytes.TrimLeft(line, " \t\r")[0] == '"':
		s.raw = line
		return s.record(s.rec.ParseJSON(line, s.o.want))
	case kind == rows.Missing:
		if s.raw = line; s.settle() {
			return s.record(s.rec.ParseJSON(line, s.o.want))
		}
		return s.noField()
	case kind != "":
		s.settled = s.settled || kind == rows.Null
		s.skip(kind, func() string { return j.Detail(kind, s.o.TextField) })
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
		s.numberID()
	}
	s.commit(m)
	return nil
}

// record adds the row in s.rec as the current one, or skips it with the reason.
func (s *sink) record(bad error) error {
	if bad != nil {
		s.skip(rows.NotJSON, bad.Error)
		return nil
	}
	if err := s.rec.Err(); err != nil {
		return err
	}
	var kind Kind
	s.joined, kind = s.rec.AppendDocument(s.joined[:0], s.o.text)
	if kind == rows.Missing && s.settle() {
		if s.raw != nil {
			if err := s.rec.ParseJSON(s.raw, s.o.want); err != nil {
				return err
			}
		}
		s.joined, kind = s.rec.AppendDocument(s.joined[:0], s.o.text)
	}
	if kind == rows.Missing {
		return s.noField()
	} else if kind == rows.TokenIDs {
		return fmt.Errorf("field %q: %w", s.o.TextField, ErrTokens)
	} else if err := s.rec.Err(); err != nil {
		return fmt.Errorf("field %q: %w", s.o.TextField, err)
	} else if kind != "" {
		s.settled = s.settled || kind != rows.NotObject
		s.skip(kind, func() string { return fmt.Sprintf("field %q", s.o.TextField) })
		return nil
	}
	s.idText, _, _ = s.rec.AppendName(s.idText[:0], s.o.id)
	return s.add(s.joined, s.idText, s.rec.Marks())
}

// noField skips the current row, which lacks the text field. The first one is named with
// the fields that it has.
func (s *sink) noField() error {
	if s.row == 0 && s.o.Range.At == 0 && s.raw != nil && hasTokens(s.raw) {
		return fmt.Errorf("field %q is missing: %w", s.o.TextField, errTokenField)
	}
	first := len(s.c.First) == 0
	s.skip(rows.Missing, func() string {
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
	return rec.ParseJSON(row, rows.WantNames(rows.TokenFields[:]...)) == nil && rec.HasTokens()
}

// repair replaces each invalid byte of c.data[from:] by U+FFFD.
func (c *column) repair(from int, scratch *[]byte) {
	*scratch = rows.AppendValid((*scratch)[:0], c.data[from:])
	c.data = c.data[:from]
	c.reserve(len(*scratch))
	c.data = append(c.data, *scratch...)
}
