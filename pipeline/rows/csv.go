package rows

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Dialect is how a table's fields are written.
type Dialect struct {
	Comma  byte
	Quotes bool // a field may be in quotes; else they are text
	Header bool // the first row names the columns
}

// csvSplit finds the rows of a table, as Python's csv module does: a quote within a field
// that does not begin with one is text, as is what follows a closing quote. A line without
// anything is no row, nor are rows at the end of which every field is empty. A first line
// of sep= and the separator, as Excel has it, is none either.
type csvSplit struct {
	Dialect
	begun bool
	names []byte // the header row
}

func (c *csvSplit) bracketed() bool { return false }

func (c *csvSplit) next(data []byte, end bool) (sep, body int, err error) {
	i := 0
	var names []byte
	if !c.begun {
		if i, err = skipMark(data, end); err != nil {
			return 0, 0, err
		}
		if i, err = skipSeparator(data, i, end); err != nil {
			return 0, 0, err
		}
		if c.Header {
			if i, err = skipLines(data, i, end); err != nil {
				return 0, 0, err
			}
			n, err := c.row(data[i:], end)
			if err != nil {
				return 0, 0, err
			}
			names = data[i : i+n]
			i += n
		}
	}
	if i, err = skipLines(data, i, end); err != nil {
		return 0, 0, err
	}
	n := 0
	if c.filled(data[i:]) {
		n, err = c.row(data[i:], end)
	} else if !end {
		err = errMore
	}
	if err != nil {
		return 0, 0, err
	}
	if !c.begun {
		c.begun, c.names = n > 0, bytes.Clone(names)
	}
	return i, n, nil
}

func (c *csvSplit) tail([]byte) error { return nil } // next found only separators and line ends

// filled reports whether anything but separators and line ends is in data.
func (c *Dialect) filled(data []byte) bool {
	for i, b := range data {
		lineEnd := b == '\n' || b == '\r' && (i+1 == len(data) || data[i+1] == '\n')
		if b != c.Comma && !lineEnd {
			return true
		}
	}
	return false
}

// sepLine is the beginning of a first line that names the separator.
const sepLine = "sep="

// skipSeparator skips a first line that names the separator.
func skipSeparator(data []byte, i int, end bool) (int, error) {
	switch {
	case len(data)-i < len(sepLine)+2 && !end:
		return 0, errMore
	case separatorLine(data[i:]) != 0:
		return i + len(sepLine) + 1, nil
	}
	return i, nil
}

// separatorLine returns the separator that a first line names, or 0.
func separatorLine(data []byte) byte {
	n := len(sepLine)
	if len(data) > n+1 && string(data[:n]) == sepLine && (data[n+1] == '\n' || data[n+1] == '\r') {
		return data[n]
	}
	return 0
}

// skipLines skips line ends from i on, "\n" or "\r\n", and a lone "\r" where the
// file ends.
func skipLines(data []byte, i int, end bool) (int, error) {
	for ; i < len(data); i++ {
		if data[i] == '\r' {
			if i+1 == len(data) {
				if !end {
					return 0, errMore
				}
				continue
			}
			if data[i+1] != '\n' {
				break
			}
		} else if data[i] != '\n' {
			break
		}
	}
	if i == len(data) && !end {
		return 0, errMore
	}
	return i, nil
}

var errOpenQuote = errors.New("a quoted field that does not end")

// row returns the length of the row that data starts with, without its line end.
func (c *Dialect) row(data []byte, end bool) (int, error) {
	i := 0
	for {
		from := i
		if c.Quotes && i < len(data) && data[i] == '"' {
			n, err := quoted(data[i:], end)
			if err != nil {
				return 0, err
			}
			i += n
			from = i
		}
		for i < len(data) && data[i] != c.Comma && data[i] != '\n' {
			i++
		}
		if i < len(data) && data[i] == c.Comma {
			i++
			continue
		}
		if i == len(data) && !end {
			return 0, errMore
		}
		if i > from && data[i-1] == '\r' {
			i--
		}
		return i, nil
	}
}

// quoted returns the length of the quoted field that data starts with.
func quoted(data []byte, end bool) (int, error) {
	for i := 1; ; {
		n := bytes.IndexByte(data[i:], '"')
		if n < 0 || i+n+1 == len(data) && !end {
			if end {
				return 0, errOpenQuote
			}
			return 0, errMore
		}
		i += n + 1
		if i == len(data) || data[i] != '"' {
			return i, nil
		}
		i++
	}
}

// fields appends the fields of a row that row found. Those with quotes within are decoded
// onto buf; the others are slices of the row.
func (c *Dialect) fields(dst [][]byte, buf, row []byte) ([][]byte, []byte) {
	for {
		n := 0 // bytes of the part in quotes
		if c.Quotes && len(row) > 0 && row[0] == '"' {
			var err error
			if n, err = quoted(row, true); err != nil {
				panic(err) // the row was checked when it was found
			}
		}
		more := bytes.IndexByte(row[n:], c.Comma)
		end := n + more
		if more < 0 {
			end = len(row)
		}
		f := row[:end]
		if n > 0 {
			if f = row[1 : n-1]; bytes.IndexByte(f, '"') >= 0 || end > n {
				start := len(buf)
				for i := 0; i < len(f); i++ {
					buf = append(buf, f[i])
					if f[i] == '"' {
						i++
					}
				}
				buf = append(buf, row[n:end]...)
				f = buf[start:len(buf):len(buf)]
			}
		}
		dst = append(dst, f)
		if more < 0 {
			return dst, buf
		}
		row = row[end+1:]
	}
}

// tableParser puts rows on a tape.
type tableParser struct {
	Dialect
	names  [][]byte // nil without a header
	width  int      // columns, from the header or the first row
	fields [][]byte
}

// ErrRagged says that a row of a table has not as many columns as the first.
var ErrRagged = errors.New("a row of another length")

// parse fills t from one row: an object with a header's names, else a list.
func (tb *tableParser) parse(t *Record, row []byte) error {
	t.reset()
	tb.fields, t.buf = tb.Dialect.fields(tb.fields[:0], t.buf, row)
	if tb.width == 0 {
		tb.width = len(tb.fields)
	}
	if len(tb.fields) != tb.width {
		return fmt.Errorf("%d columns where there were %d before: %w", len(tb.fields), tb.width, ErrRagged)
	}
	t.table = true
	k := listed
	if tb.names != nil {
		k = object
	}
	root := t.open(k, nil)
	for i, f := range tb.fields {
		var name []byte
		if tb.names != nil {
			name = tb.names[i]
		}
		t.plain(text, name, f)
	}
	t.shut(root)
	return nil
}

// ErrHeader says that the first row of a table cannot name its columns.
var ErrHeader = errors.New("header")

// header takes the names of the columns from the first row.
func (tb *tableParser) header(row []byte) error {
	if !utf8.Valid(row) {
		return fmt.Errorf("%w: it is not valid UTF-8 (iconv -f WINDOWS-1252 -t UTF-8 converts Latin-1)", ErrHeader)
	}
	fields, _ := tb.Dialect.fields(nil, nil, row)
	tb.width, tb.names = len(fields), make([][]byte, 0, len(fields))
	seen := make(map[string]bool, len(fields))
	for _, f := range fields {
		f = bytes.TrimSpace(f)
		if seen[string(f)] {
			return fmt.Errorf("%w: two columns have the name %q", ErrHeader, Clip(f))
		}
		seen[string(f)] = true
		tb.names = append(tb.names, bytes.Clone(f))
	}
	return nil
}
