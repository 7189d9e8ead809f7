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

// Divide copies the rows of a file in two: row n to out[side(n)], and what encloses the rows,
// as a header or brackets, to both. Side is called once for each row, in order; there must be
// as many as items. The rows of text keep their bytes. Those of Parquet and Arrow keep their
// values, types and metadata. The error is ErrUnsupported for a format whose rows cannot
// be divided.
func Divide(
	ctx context.Context, src Source, f *shard.Format, o Options, out [2]io.Writer, items int, side func(n int) int,
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
			err = in.Cause(s.Divide(ctx, out, counted))
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
	var written [2]bool
	write := func(i int, b []byte) error {
		_, err := out[i].Write(b)
		return OfFile(err) // the error of an output names its file, so no record is added
	}
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		sep, body, err := s.Next()
		if err == io.EOF {
			for i := range out {
				if written[i] || n == 0 || s.Bracketed() {
					if err := write(i, sep); err != nil {
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
			if err := errors.Join(write(0, sep), write(1, sep)); err != nil {
				return err
			}
		}
		i := side(n)
		if written[i] {
			if err := write(i, sep); err != nil {
				return err
			}
		}
		written[i] = true
		if err := write(i, body); err != nil {
			return err
		}
	}
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
