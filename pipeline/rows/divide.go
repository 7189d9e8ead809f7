package rows

import (
	"bufio"
	"bytes"
	"context"
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

// A Rewriter is an output that is to know where in the divided file its bytes are from: those that are
// written are the next ones of the file, unless they are inserted.
type Rewriter interface {
	io.Writer
	Skip(n int) error      // the next bytes are left out
	Insert(b []byte) error // the file does not have these
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
				if err := d.write(i, sep, d.written[i] || n == 0 || s.Bracketed()); err != nil {
					return err
				}
			}
			return nil
		}
		if err == nil {
			err = d.row(side(n), n == 0, sep, body, edit)
		}
		if err != nil {
			return err
		}
	}
}

// sides are the two outputs of rows of text.
type sides struct {
	out     [2]io.Writer
	written [2]bool // an output has a row
}

// write writes the next bytes of the file to an output, or leaves them out.
func (d *sides) write(i int, b []byte, keep bool) (err error) {
	if w, ok := d.out[i].(Rewriter); keep {
		_, err = d.out[i].Write(b)
	} else if ok {
		err = w.Skip(len(b))
	}
	return OfFile(err) // the error of an output names its file, so no record is added
}

// insert writes bytes in place of the next bytes of the file to an output.
func (d *sides) insert(i int, b, instead []byte) error {
	w, ok := d.out[i].(Rewriter)
	if !ok {
		return d.write(i, b, true)
	}
	if err := w.Insert(b); err != nil {
		return OfFile(err)
	}
	return d.write(i, instead, false)
}

// row writes a row to one side, or to both, after its separator. The first is after the head, which
// both sides have.
func (d *sides) row(side int, first bool, sep, body []byte, edit Edit) error {
	for i := range d.out {
		here := i == side || side == Both
		if err := d.write(i, sep, first || here && d.written[i]); err != nil {
			return err
		}
		d.written[i] = d.written[i] || here
		if side == Both && i == 0 {
			edited, err := edit(body)
			if err == nil {
				err = d.insert(i, edited, body)
			}
			if err != nil {
				return err
			}
			continue
		}
		if err := d.write(i, body, here); err != nil {
			return err
		}
	}
	return nil
}

// divideLines divides plain text whose rows are its lines. Blank lines are no rows, and stay
// with the row before them.
func divideLines(ctx context.Context, in io.Reader, out [2]io.Writer, side func(n int) int) error {
	r, d := bufio.NewReaderSize(in, readSize), &sides{out: out}
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
		for i := range out {
			if err := d.write(i, whole, i == at); err != nil {
				return err
			}
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
