package rows

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"swab/pipeline/shard"
)

// Both is the side of a row that goes to the second output as it is, and to the first as Edit
// returns it.
const Both = 2

// An Edit returns what a record of text is to be, whose row was the last to be asked for its side.
type Edit func(record []byte) ([]byte, error)

// Divide copies the rows of a file in two: row n to out[side(n)], and what encloses the rows,
// as a header or brackets, to both. Only rows of text have the side Both. Side is called once
// for each row, in order; there must be as many as items. The rows of text keep their bytes.
// Those of Parquet and Arrow keep their values, types and metadata. The error is
// ErrUnsupported for a format whose rows cannot be divided.
func Divide(
	ctx context.Context, src Source, f *shard.Format, o Options, out [2]io.Writer, items int,
	side func(n int) int, edit Edit,
) error {
	n := 0
	counted := func(k int) int { n = k + 1; return side(k) }
	var err error
	switch {
	case IsText(f):
		in := NewInput(ctx, src)
		s := NewSpans(in, o.MaxRow+1)
		defer s.Free()
		var l Layout
		if l, err = s.Detect(o.Name); err == nil && l.Shape == JSONColumns {
			return fmt.Errorf("an object of columns, whose rows have no bytes of their own: %w", ErrUnsupported)
		}
		if err == nil {
			err = in.Cause(s.DivideEdited(ctx, out, counted, edit))
		}
	case IsProse(f) && o.Lines:
		err = divideLines(ctx, NewInput(ctx, src), out, counted)
	default:
		var r Reader
		if r, err = Open(ctx, src, f, Options{Name: o.Name, MaxRow: o.MaxRow}); err != nil {
			return err
		}
		d, ok := r.(Divider)
		if !ok {
			return fmt.Errorf("rows of format %s are not written: %w", f, ErrUnsupported)
		}
		err = d.Divide(ctx, out, items, counted)
	}
	if err == nil && n != items {
		return fmt.Errorf("it has %d rows, and had %d before: %w", n, items, ErrCorrupt)
	}
	return err
}

// Divide is the function of that name for a text whose layout is set. The first row of each
// output follows the head, every other the separator that it has in the text.
func (s *Spans) Divide(ctx context.Context, out [2]io.Writer, side func(n int) int) error {
	return s.DivideEdited(ctx, out, side, nil)
}

// DivideEdited is Divide with rows that are edited.
func (s *Spans) DivideEdited(ctx context.Context, out [2]io.Writer, side func(n int) int, edit Edit) error {
	d := &sides{out: out}
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		sep, body, err := s.Next()
		if err == io.EOF {
			for i := range out {
				if d.written[i] || n == 0 || s.Bracketed() {
					if err := d.write(i, sep); err != nil {
						return err
					}
				}
			}
			return nil
		}
		if err != nil {
			return err
		}
		if n == 0 {
			if err := errors.Join(d.write(0, sep), d.write(1, sep)); err != nil {
				return err
			}
		}
		if err := d.row(side(n), sep, body, edit); err != nil {
			return err
		}
	}
}

// sides are the two outputs of rows of text.
type sides struct {
	out     [2]io.Writer
	written [2]bool // an output has a row
}

func (d *sides) write(i int, b []byte) error {
	_, err := d.out[i].Write(b)
	return OfFile(err) // the error of an output names its file, so no record is added
}

// row writes a row of one side, or of Both, after its separator.
func (d *sides) row(i int, sep, body []byte, edit Edit) error {
	if i == Both {
		edited, err := edit(body)
		if err == nil {
			err = d.row(0, sep, edited, nil)
		}
		if err != nil {
			return err
		}
		i = 1
	}
	if d.written[i] {
		if err := d.write(i, sep); err != nil {
			return err
		}
	}
	d.written[i] = true
	return d.write(i, body)
}

// divideLines divides plain text whose rows are its lines. Blank lines are no rows, and stay
// with the row before them.
func divideLines(ctx context.Context, in io.Reader, out [2]io.Writer, side func(n int) int) error {
	r := bufio.NewReaderSize(in, readSize)
	at, n, begun, whole := 0, 0, false, []byte(nil)
	for {
		part, err := r.ReadSlice('\n')
		if whole = append(whole, part...); err == bufio.ErrBufferFull {
			continue
		}
		if err != nil && err != io.EOF {
			return err
		}
		text := whole
		if !begun {
			text = bytes.TrimPrefix(whole, byteOrderMark)
		}
		begun = true
		if len(bytes.TrimSpace(text)) > 0 {
			at = side(n)
			n++
		}
		if _, err := out[at].Write(whole); err != nil {
			return err
		}
		if whole = whole[:0]; err == io.EOF {
			return ctx.Err()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// Divides reports whether [Divide] can write the rows of a format that is no text.
func Divides(f *shard.Format) bool {
	return f != nil && slices.Contains([]string{"Parquet", "Arrow file", "Arrow stream", "Avro"}, f.Name)
}
