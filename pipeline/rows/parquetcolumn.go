package rows

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
)

// AddColumn writes a Parquet file with one more column at its end, whose values of rows from to to-1
// values returns. All other columns are copied as they are stored, but for page indexes and Bloom
// filters. The file must have items rows. The error is ErrUnsupported if that cannot be.
func AddColumn(
	ctx context.Context, src Source, o Options, out io.Writer, items int, add arrow.Field,
	values func(from, to int) arrow.Array,
) error {
	r, err := openParquet(NewInput(ctx, src), Options{Name: o.Name, MaxRow: o.MaxRow})
	if err != nil {
		return err
	}
	p := r.(*Parquet)
	if p.file.NumRows() != int64(items) {
		return fmt.Errorf("it has %d rows, and had %d before: %w", p.file.NumRows(), items, ErrCorrupt)
	}
	return guard(func() error {
		for _, f := range p.fields {
			if strings.EqualFold(string(f.name), add.Name) {
				return fmt.Errorf("it has a column %s: %w", f.name, ErrUnsupported)
			}
		}
		column, err := p.storeColumn(add, values)
		if err != nil {
			return err
		}
		return p.joinColumn(ctx, out, column, add)
	})
}

// storeColumn returns a Parquet file of the column alone, with the row groups of p that have rows.
func (p *Parquet) storeColumn(add arrow.Field, values func(from, to int) arrow.Array) (*Parquet, error) {
	var b bytes.Buffer
	s := arrow.NewSchema([]arrow.Field{add}, nil)
	w, err := pqarrow.NewFileWriter(s, &b, parquet.NewWriterProperties(parquet.WithMaxRowGroupLength(math.MaxInt64)),
		pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, err
	}
	n := 0
	for i := range p.file.NumRowGroups() {
		rows := p.file.RowGroup(i).NumRows()
		if rows == 0 {
			continue
		}
		a := values(n, n+int(rows))
		rec := array.NewRecord(s, []arrow.Array{a}, rows)
		err := w.Write(rec)
		rec.Release()
		a.Release()
		if err != nil {
			return nil, err
		}
		n += int(rows)
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	at := bytes.NewReader(b.Bytes())
	f, err := file.NewParquetReader(at)
	return &Parquet{at: at, size: int64(b.Len()), file: f}, err
}

// joinColumn writes the row groups of p, each with the columns of another file's.
func (p *Parquet) joinColumn(ctx context.Context, out io.Writer, column *Parquet, add arrow.Field) error {
	s, err := newParquetSink(out, p.file.MetaData())
	if err != nil {
		return err
	}
	own, other := s.about.FileMetaData, column.file.MetaData().FileMetaData
	own.Schema = append(slices.Clone(own.Schema), other.Schema[1:]...)
	root, children := *own.Schema[0], own.Schema[0].GetNumChildren()+1
	own.Schema[0], root.NumChildren = &root, &children
	if len(own.ColumnOrders) > 0 {
		own.ColumnOrders = append(slices.Clone(own.ColumnOrders), other.ColumnOrders...)
	}
	own.KeyValueMetadata = slices.Clone(own.KeyValueMetadata)
	for i, kv := range own.KeyValueMetadata {
		if kv.Key == "ARROW:schema" {
			changed := *kv
			value, err := extendSchema(kv.GetValue(), add)
			if err != nil {
				return fmt.Errorf("its Arrow schema: %w: %w", ErrUnsupported, err)
			}
			changed.Value, own.KeyValueMetadata[i] = &value, &changed
		}
	}
	if _, err := s.Write([]byte(parquetMagic)); err != nil {
		return err
	}
	k := 0
	for i := range p.file.NumRowGroups() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.file.RowGroup(i).NumRows() == 0 {
			continue
		}
		if !p.copies(i) {
			return fmt.Errorf("columns that are encrypted, in other files, or by a writer of before 2013: %w", ErrUnsupported)
		}
		if err := s.copy(p, i); err != nil {
			return err
		}
		for c := range column.file.MetaData().Schema.NumColumns() {
			if err := s.copyChunk(column, k, c); err != nil {
				return err
			}
		}
		g := own.RowGroups[len(own.RowGroups)-1]
		g.TotalByteSize += other.RowGroups[k].TotalByteSize
		g.TotalCompressedSize = nil
		k++
	}
	return s.footer()
}

// extendSchema returns the schema that Arrow's writers of Parquet keep, with one more field.
func extendSchema(kept string, add arrow.Field) (string, error) {
	b, err := base64.StdEncoding.DecodeString(kept)
	if err != nil {
		return "", err
	}
	r, err := ipc.NewReader(bytes.NewReader(b))
	if err != nil {
		return "", err
	}
	defer r.Release()
	about := r.Schema().Metadata()
	s := arrow.NewSchemaWithEndian(append(slices.Clone(r.Schema().Fields()), add), &about, r.Schema().Endianness())
	var changed bytes.Buffer
	if err := ipc.NewWriter(&changed, ipc.WithSchema(s)).Close(); err != nil {
		return "", err
	}
	const endMark = 8
	changed.Truncate(changed.Len() - endMark)
	return base64.StdEncoding.EncodeToString(changed.Bytes()), nil
}
