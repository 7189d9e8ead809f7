package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"swab/pipeline/ledger"
	"swab/pipeline/rows"

	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/schema"
)

// A column is a field of a row: *string, *int64, *float64, **float64 (null where it is
// nil), *[]string, *State or *Details.
type column struct {
	name  string
	field any
	dict  bool // its values repeat
	some  bool // not every audit has it
	cells
}

// cells are the values of a column that are not yet written: of its type, with the levels of
// one that is a list or may be null.
type cells struct {
	text       []byte // one value after the other
	ends       []int
	ints       []int64
	floats     []float64
	defs, reps []int16
}

// columnsOf returns the columns of a row, a pointer to a struct whose tags describe them:
// see Verdict. The columns of a corpus filter are among them if filter is true.
func columnsOf(row any, filter bool) (list []column) {
	v := reflect.ValueOf(row).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tags := strings.Split(f.Tag.Get("column"), ",")
		if slices.Contains(tags, "filter") && !filter {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		field := v.Field(i).Addr().Interface()
		some := slices.Contains(tags, "filter") || slices.Contains(tags, "later")
		list = append(list, column{name: name, field: field, dict: slices.Contains(tags, "dict"), some: some})
	}
	return list
}

// node returns the column's node in a schema.
func (c *column) node() (schema.Node, error) {
	text := func(name string, rep parquet.Repetition) (schema.Node, error) {
		return schema.NewPrimitiveNodeLogical(name, rep, schema.StringLogicalType{}, parquet.Types.ByteArray, 0, -1)
	}
	switch c.field.(type) {
	case *int64:
		return schema.NewPrimitiveNodeLogical(c.name, parquet.Repetitions.Required,
			schema.NewIntLogicalType(64, true), parquet.Types.Int64, 0, -1)
	case *float64:
		return schema.NewFloat64Node(c.name, parquet.Repetitions.Required, -1), nil
	case **float64:
		return schema.NewFloat64Node(c.name, parquet.Repetitions.Optional, -1), nil
	case *[]string:
		element, err := text("element", parquet.Repetitions.Optional)
		if err != nil {
			return nil, err
		}
		return schema.ListOfWithName(c.name, element, parquet.Repetitions.Required, -1)
	}
	return text(c.name, parquet.Repetitions.Required)
}

// add appends the field's value to the column's cells.
func (c *column) add() error {
	switch v := c.field.(type) {
	case *string:
		c.addText(*v)
	case *State:
		c.addText(v.String())
	case *int64:
		c.ints = append(c.ints, *v)
	case *float64:
		c.floats = append(c.floats, *v)
	case **float64:
		if *v == nil {
			c.defs = append(c.defs, 0)
		} else {
			c.floats, c.defs = append(c.floats, **v), append(c.defs, 1)
		}
	case *[]string:
		if len(*v) == 0 {
			c.defs, c.reps = append(c.defs, 0), append(c.reps, 0)
		}
		for i, s := range *v {
			c.addText(s)
			c.defs, c.reps = append(c.defs, 2), append(c.reps, int16(min(i, 1)))
		}
	case *Details:
		text, err := v.MarshalText()
		c.addText(string(text))
		return err
	}
	return nil
}

func (c *column) addText(s string) {
	c.text = append(c.text, s...)
	c.ends = append(c.ends, len(c.text))
}

// appendLine appends the values of the columns' fields as a line of JSON: an object whose members
// are the columns, in order, all of them in every line.
func appendLine(dst []byte, columns []column) ([]byte, error) {
	var err error
	for i := range columns {
		dst = append(dst, "{,"[min(i, 1)])
		dst = append(dst, '"')
		dst = append(dst, columns[i].name...)
		dst = append(dst, '"', ':')
		if dst, err = columns[i].appendValue(dst); err != nil {
			return dst, fmt.Errorf("%s: %w", columns[i].name, err)
		}
	}
	return append(dst, '}', '\n'), nil
}

// appendValue appends the field's value as JSON.
func (c *column) appendValue(dst []byte) ([]byte, error) {
	switch v := c.field.(type) {
	case *string:
		return appendText(dst, *v), nil
	case *State:
		return appendText(dst, v.String()), nil
	case *int64:
		return strconv.AppendInt(dst, *v, 10), nil
	case *float64:
		return appendFloat(dst, v), nil
	case **float64:
		return appendFloat(dst, *v), nil
	case *[]string:
		dst = append(dst, '[')
		for i, s := range *v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendText(dst, s)
		}
		return append(dst, ']'), nil
	case *Details:
		text, err := v.MarshalText()
		return appendText(dst, string(text)), err
	}
	return dst, fmt.Errorf("a field of type %T is no column", c.field)
}

// appendFloat appends v as JSON, null if it is nil. The number always has a point or an exponent:
// readers that decide on a column's type by its first rows take 1 for an integer.
func appendFloat(dst []byte, v *float64) []byte {
	if v == nil {
		return append(dst, "null"...)
	}
	from := len(dst)
	format := byte('f')
	if abs := math.Abs(*v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, *v, format, -1, 64)
	if !bytes.ContainsAny(dst[from:], ".e") {
		dst = append(dst, ".0"...)
	}
	return dst
}

// appendText appends valid UTF-8 as a string of JSON.
func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i, r := range s {
		if r >= ' ' && r != '"' && r != '\\' && r != 0x7f && r != '\u2028' && r != '\u2029' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + utf8.RuneLen(r)
		switch r {
		case '"', '\\':
			dst = append(dst, '\\', byte(r))
		case '\n':
			dst = append(dst, `\n`...)
		case '\t':
			dst = append(dst, `\t`...)
		case '\r':
			dst = append(dst, `\r`...)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// write writes the cells as the next column of a row group, and forgets them.
func (c *column) write(group file.SerialRowGroupWriter) error {
	next, err := group.NextColumn()
	if err != nil {
		return err
	}
	switch w := next.(type) {
	case *file.Int64ColumnChunkWriter:
		_, err = w.WriteBatch(c.ints, c.defs, c.reps)
	case *file.Float64ColumnChunkWriter:
		_, err = w.WriteBatch(c.floats, c.defs, c.reps)
	case *file.ByteArrayColumnChunkWriter:
		texts, start := make([]parquet.ByteArray, len(c.ends)), 0
		for i, end := range c.ends {
			texts[i], start = c.text[start:end], end
		}
		_, err = w.WriteBatch(texts, c.defs, c.reps)
	}
	c.cells = cells{c.text[:0], c.ends[:0], c.ints[:0], c.floats[:0], c.defs[:0], c.reps[:0]}
	return errors.Join(err, next.Close())
}

// A row group is closed at either bound, so memory depends on neither the
// number of rows nor the length of texts.
const (
	groupRows  = 1 << 16
	groupBytes = 16 << 20
)

// A table gathers rows and writes them as row groups.
type table struct {
	columns []column
	w       *file.Writer
	rows    int
}

// newTable writes to w, which it does not close.
func newTable(w io.Writer, columns []column) (*table, error) {
	options := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Snappy),
		parquet.WithCreatedBy("swab"),
		parquet.WithDictionaryDefault(false),
		parquet.WithMaxRowGroupLength(groupRows),
	}
	// These columns are most of the file's size. With zstd the library allocates an encoder of
	// megabytes for each page, which is too much for the others.
	for _, name := range []string{"item", "digest", "question", "doc_id", "doc_text"} {
		options = append(options,
			parquet.WithCompressionFor(name, compress.Codecs.Zstd), parquet.WithCompressionLevelFor(name, 1))
	}
	var fields schema.FieldList
	for i := range columns {
		c := &columns[i]
		node, err := c.node()
		if err != nil {
			return nil, err
		}
		fields = append(fields, node)
		path := c.name
		if _, list := c.field.(*[]string); list {
			path += ".list.element"
		}
		if c.dict {
			options = append(options, parquet.WithDictionaryFor(path, true))
		}
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Repeated, fields, -1)
	if err != nil {
		return nil, err
	}
	properties := file.WithWriterProps(parquet.NewWriterProperties(options...))
	return &table{columns: columns, w: file.NewParquetWriter(struct{ io.Writer }{w}, root, properties)}, nil
}

// add appends the row of the present values of the columns' fields.
func (t *table) add() error {
	size := 0
	for i := range t.columns {
		if err := t.columns[i].add(); err != nil {
			return fmt.Errorf("%s: %w", t.columns[i].name, err)
		}
		size += len(t.columns[i].text)
	}
	if t.rows++; t.rows < groupRows && size < groupBytes {
		return nil
	}
	return t.flush()
}

// flush writes the rows gathered as one row group.
func (t *table) flush() error {
	group := t.w.AppendRowGroup()
	t.rows = 0
	for i := range t.columns {
		if err := t.columns[i].write(group); err != nil {
			return fmt.Errorf("%s: %w", t.columns[i].name, err)
		}
	}
	return group.Close()
}

func (t *table) close() error {
	if t.rows > 0 {
		if err := t.flush(); err != nil {
			return err
		}
	}
	return t.w.Close()
}

// set sets the field to the cells of a row, one unless the column is a list or null. Texts
// are lent as the cells are.
func (c *column) set(row []rows.Cell) error {
	list, isList := c.field.(*[]string)
	number, isNull := c.field.(**float64)
	if isNull {
		*number = nil
		if len(row) == 0 {
			return nil
		}
		*number = new(float64)
	}
	if !isList && len(row) != 1 {
		return fmt.Errorf("it has %d values", len(row))
	}
	for _, cell := range row {
		want := rows.TextCell
		switch c.field.(type) {
		case *int64:
			want = rows.IntCell
		case *float64, **float64:
			want = rows.FloatCell
		}
		if cell.Type != want {
			return errors.New("it is of another type")
		}
	}
	switch to := c.field.(type) {
	case *string:
		*to = lent(row[0].Text)
	case *State:
		return to.UnmarshalText(row[0].Text)
	case *int64:
		*to = row[0].Int
	case *float64:
		*to = row[0].Float
	case **float64:
		**to = row[0].Float
	case *[]string:
		*list = (*list)[:0:0]
		for _, cell := range row {
			*list = append(*list, string(cell.Text))
		}
	case *Details:
		return to.UnmarshalText(row[0].Text)
	}
	return nil
}

// lent returns b as a string, without a copy.
func lent(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// readTable sets the columns' fields to row after row of a Parquet file and calls each
// with the row's number. Other columns of the file are not decoded. An error of each ends
// the reading.
func readTable(ctx context.Context, f *os.File, columns []column, each func(row int) error) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var names []string
	for i := range columns {
		names = append(names, columns[i].name)
	}
	r, have, err := rows.OpenColumns(ctx, f, info.Size(), names)
	if err != nil {
		return ofTable(err)
	}
	at := make([]int, len(have)) // the column of each field of the file
	for k := range columns {
		n := slices.Index(have, columns[k].name)
		if n < 0 && columns[k].some {
			continue
		}
		if n < 0 || slices.Contains(have[n+1:], columns[k].name) {
			return fmt.Errorf("%w: it has no column %q", ledger.ErrCorrupt, columns[k].name)
		}
		at[n] = k
	}
	cells := make([][]rows.Cell, len(have))
	for row := 0; ; row++ {
		switch err := r.Cells(cells); {
		case err == io.EOF:
			return nil
		case err != nil:
			return ofTable(err)
		}
		for n, k := range at {
			if err := columns[k].set(cells[n]); err != nil {
				return fmt.Errorf("%w: row %d: %s: %w", ledger.ErrCorrupt, row, columns[k].name, err)
			}
		}
		if err := each(row); err != nil {
			return err
		}
	}
}

// ofTable returns err as one of a damaged file if it is the reader's.
func ofTable(err error) error {
	for _, class := range []error{rows.ErrCorrupt, rows.ErrTooLong, rows.ErrUnsupported} {
		if errors.Is(err, class) {
			return fmt.Errorf("%w: %w", ledger.ErrCorrupt, err)
		}
	}
	return err
}
