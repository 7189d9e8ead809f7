package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"swab/pipeline/ledger"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
)

// A column is a field of a row: *string, *int64, *float64, **float64 (null where it is
// nil), *[]string, *State or *map[string]any (JSON).
type column struct {
	name  string
	field any
	dict  bool // its values repeat
	some  bool // not every audit has it
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
		list = append(list, column{name, field, slices.Contains(tags, "dict"), some})
	}
	return list
}

// arrowField returns the column's field in a schema.
func (c *column) arrowField() arrow.Field {
	switch c.field.(type) {
	case *int64:
		return arrow.Field{Name: c.name, Type: arrow.PrimitiveTypes.Int64}
	case *float64:
		return arrow.Field{Name: c.name, Type: arrow.PrimitiveTypes.Float64}
	case **float64:
		return arrow.Field{Name: c.name, Type: arrow.PrimitiveTypes.Float64, Nullable: true}
	case *[]string:
		return arrow.Field{Name: c.name, Type: arrow.ListOfNonNullable(arrow.BinaryTypes.String)}
	}
	return arrow.Field{Name: c.name, Type: arrow.BinaryTypes.String}
}

// add appends the field's value, and returns the number of its bytes if it is text.
func (c *column) add(b array.Builder) (int, error) {
	text := func(s string) int {
		b.(*array.StringBuilder).Append(s)
		return len(s)
	}
	switch v := c.field.(type) {
	case *string:
		return text(*v), nil
	case *State:
		return text(v.String()), nil
	case *int64:
		b.(*array.Int64Builder).Append(*v)
	case *float64:
		b.(*array.Float64Builder).Append(*v)
	case **float64:
		if *v == nil {
			b.AppendNull()
		} else {
			b.(*array.Float64Builder).Append(**v)
		}
	case *[]string:
		list, size := b.(*array.ListBuilder), 0
		list.Append(true)
		for _, s := range *v {
			list.ValueBuilder().(*array.StringBuilder).Append(s)
			size += len(s)
		}
		return size, nil
	case *map[string]any:
		if len(*v) == 0 {
			return text(""), nil
		}
		j, err := json.Marshal(*v)
		return text(string(j)), err
	}
	return 0, nil
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
	b       *array.RecordBuilder
	w       *pqarrow.FileWriter
	rows    int
	bytes   int // of text in rows
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
	for _, name := range []string{"item", "digest", "doc_id", "doc_text"} {
		options = append(options,
			parquet.WithCompressionFor(name, compress.Codecs.Zstd), parquet.WithCompressionLevelFor(name, 1))
	}
	var fields []arrow.Field
	for i := range columns {
		c := &columns[i]
		fields = append(fields, c.arrowField())
		path := c.name
		if _, list := c.field.(*[]string); list {
			path += ".list.element"
		}
		if c.dict {
			options = append(options, parquet.WithDictionaryFor(path, true))
		}
	}
	schema := arrow.NewSchema(fields, nil)
	properties := parquet.NewWriterProperties(options...)
	fw, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{w}, properties, pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, err
	}
	return &table{columns: columns, b: array.NewRecordBuilder(memory.DefaultAllocator, schema), w: fw}, nil
}

// add appends the row of the present values of the columns' fields.
func (t *table) add() error {
	for i := range t.columns {
		n, err := t.columns[i].add(t.b.Field(i))
		if err != nil {
			return fmt.Errorf("%s: %w", t.columns[i].name, err)
		}
		t.bytes += n
	}
	if t.rows++; t.rows < groupRows && t.bytes < groupBytes {
		return nil
	}
	return t.flush()
}

// flush writes the rows gathered as one row group.
func (t *table) flush() error {
	r := t.b.NewRecord()
	defer r.Release()
	t.rows, t.bytes = 0, 0
	return t.w.Write(r)
}

func (t *table) close() error {
	if t.rows > 0 {
		if err := t.flush(); err != nil {
			return err
		}
	}
	t.b.Release()
	return t.w.Close()
}

// set sets the field to the value in row i of an array. Texts are lent: they are bytes of
// the array.
func (c *column) set(a arrow.Array, i int) error {
	switch to := c.field.(type) {
	case *string:
		*to = a.(*array.String).Value(i)
	case *State:
		return to.UnmarshalText([]byte(a.(*array.String).Value(i)))
	case *int64:
		*to = a.(*array.Int64).Value(i)
	case *float64:
		*to = a.(*array.Float64).Value(i)
	case **float64:
		*to = nil
		if !a.IsNull(i) {
			v := a.(*array.Float64).Value(i)
			*to = &v
		}
	case *[]string:
		l := a.(*array.List)
		from, end := l.ValueOffsets(i)
		*to = (*to)[:0:0]
		for k := from; k < end; k++ {
			*to = append(*to, l.ListValues().(*array.String).Value(int(k)))
		}
	case *map[string]any:
		*to = nil
		if text := a.(*array.String).Value(i); text != "" {
			return json.Unmarshal([]byte(text), to)
		}
	}
	return nil
}

// readTable sets the columns' fields to row after row of a Parquet file and calls each
// with the row's number. Other columns of the file are not decoded. The library panics on
// some damaged files; readTable calls it in its own goroutine only, and returns an error in
// place of the panic. An error of each ends the reading.
func readTable(ctx context.Context, f *os.File, columns []column, batch int64, each func(row int) error) (err error) {
	var own error // of each, of ctx or of the system, which is not the file's
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
		if err != nil && own == nil {
			err = fmt.Errorf("%w: %w", ledger.ErrCorrupt, err)
		}
	}()
	info, own := f.Stat()
	if own != nil {
		return own
	}
	r, err := file.NewParquetReader(io.NewSectionReader(f, 0, info.Size()))
	if err != nil {
		return err
	}
	defer r.Close()
	properties := pqarrow.ArrowReadProperties{Parallel: false, BatchSize: batch}
	pr, err := pqarrow.NewFileReader(r, properties, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	at, err := fieldsOf(pr, columns)
	if err != nil {
		return err
	}
	row := 0
	for group := range r.NumRowGroups() {
		readers := make([]*pqarrow.ColumnReader, len(columns))
		for k := range columns {
			if at[k].number < 0 {
				continue
			}
			readers[k], err = pr.GetFieldReader(ctx, at[k].number, at[k].leaves, []int{group})
			if err != nil {
				return err
			}
			defer readers[k].Release()
		}
		for left := r.MetaData().RowGroup(group).NumRows(); left > 0; {
			if own = ctx.Err(); own != nil {
				return own
			}
			n := min(left, batch)
			left -= n
			chunks := make([]chunked, len(columns))
			for k := range columns {
				if readers[k] == nil {
					continue
				}
				if chunks[k].Chunked, err = readers[k].NextBatch(n); err != nil {
					return err
				}
				if have := chunks[k].Len(); int64(have) != n {
					return fmt.Errorf("column %s has %d values of %d", columns[k].name, have, n)
				}
			}
			for range n {
				for k := range columns {
					if readers[k] == nil {
						continue
					}
					if err := columns[k].set(chunks[k].next()); err != nil {
						return fmt.Errorf("row %d: %s: %w", row, columns[k].name, err)
					}
				}
				if own = each(row); own != nil {
					return own
				}
				row++
			}
		}
	}
	if int64(row) != r.NumRows() {
		return fmt.Errorf("it has %d rows of %d", row, r.NumRows())
	}
	return nil
}

// A fieldAt is where a file has a column: its number, -1 if it is not there and need not
// be, and its leaves.
type fieldAt struct {
	number int
	leaves map[int]bool
}

// fieldsOf finds the columns in a file.
func fieldsOf(pr *pqarrow.FileReader, columns []column) ([]fieldAt, error) {
	schema, err := pr.Schema()
	if err != nil {
		return nil, err
	}
	at := make([]fieldAt, len(columns))
	for k := range columns {
		want := columns[k].arrowField()
		found := schema.FieldIndices(want.Name)
		switch {
		case len(found) == 0 && columns[k].some:
			at[k].number = -1
			continue
		case len(found) != 1:
			return nil, fmt.Errorf("it has no column %q", want.Name)
		case schema.Field(found[0]).Type.ID() != want.Type.ID():
			return nil, fmt.Errorf("column %q is of type %s", want.Name, schema.Field(found[0]).Type)
		}
		at[k] = fieldAt{found[0], map[int]bool{}}
		leaves := pr.ParquetReader().MetaData().Schema
		for i := range leaves.NumColumns() {
			if leaves.Column(i).ColumnPath()[0] == want.Name {
				at[k].leaves[i] = true
			}
		}
	}
	return at, nil
}

// chunked is a column's values, which come in several arrays.
type chunked struct {
	*arrow.Chunked
	chunk, row int
}

// next returns the array that has the next value, and its place there.
func (c *chunked) next() (arrow.Array, int) {
	for c.row == c.Chunk(c.chunk).Len() {
		c.chunk, c.row = c.chunk+1, 0
	}
	c.row++
	return c.Chunk(c.chunk), c.row - 1
}
