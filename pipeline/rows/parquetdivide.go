package rows

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/metadata"
	"github.com/apache/arrow/go/v15/parquet/schema"
)

const parquetMagic = "PAR1"

// A parquetSink is a Parquet file that is written by the library, into which row groups of other files
// are copied as they are stored, between those of the library. The library does not know of them, so
// its offsets are corrected in the footer, which is that of the file that is divided, with other groups.
type parquetSink struct {
	w      io.Writer
	n      int64 // bytes written
	copied int64 // of them, not by the library
	err    error // the first of w, in case the library drops it
	about  *metadata.FileMetaData
	shifts map[int]int64 // by row group that the library wrote: what its offsets lack
	tail   *bytes.Buffer // the library's footer, once it is about to write it; else nil
}

// newParquetSink returns a sink for rows of the file that about is of.
func newParquetSink(w io.Writer, about *metadata.FileMetaData) (*parquetSink, error) {
	for _, e := range about.FileMetaData.Schema {
		if e.LogicalType != nil && e.LogicalType.CountSetFieldsLogicalType() == 0 {
			return nil, fmt.Errorf("column %q has a logical type that is not known: %w", Clip(e.Name), ErrUnsupported)
		}
	}
	own := *about.FileMetaData
	own.RowGroups, own.NumRows, own.EncryptionAlgorithm, own.FooterSigningKeyMetadata = nil, 0, nil, nil
	return &parquetSink{w: w, about: &metadata.FileMetaData{FileMetaData: &own}, shifts: map[int]int64{}}, nil
}

// Write is for the library.
func (s *parquetSink) Write(p []byte) (n int, err error) {
	if s.tail != nil {
		return s.tail.Write(p)
	}
	n, err = s.w.Write(p)
	s.n += int64(n)
	if s.err == nil {
		s.err = err
	}
	return n, err
}

// written records that the library has begun a row group.
func (s *parquetSink) written() {
	s.shifts[len(s.about.RowGroups)] = s.copied
	s.about.RowGroups = append(s.about.RowGroups, nil)
}

// copy copies row group i of p. Its page indexes and Bloom filters, which lie elsewhere in the file, are
// left out.
func (s *parquetSink) copy(p *Parquet, i int) error {
	g := *p.file.MetaData().RowGroups[i]
	columns := g.Columns
	g.Columns, g.FileOffset, g.Ordinal = nil, nil, nil
	s.about.RowGroups = append(s.about.RowGroups, &g)
	for c := range columns {
		if err := s.copyChunk(p, i, c); err != nil {
			return err
		}
	}
	return nil
}

// copyChunk adds column c of row group i of p to the last row group.
func (s *parquetSink) copyChunk(p *Parquet, i, c int) error {
	at, err := p.file.MetaData().RowGroup(i).ColumnChunk(c)
	if err != nil {
		return err
	}
	start, size, err := p.extent(at)
	if err != nil {
		return err
	}
	chunk := *p.file.MetaData().RowGroups[i].Columns[c]
	about := *chunk.MetaData
	shift := s.n - start
	about.DataPageOffset += shift
	about.DictionaryPageOffset = shifted(about.DictionaryPageOffset, shift)
	about.IndexPageOffset = shifted(about.IndexPageOffset, shift)
	about.BloomFilterOffset = nil
	chunk.MetaData, chunk.FileOffset = &about, s.n
	chunk.OffsetIndexOffset, chunk.OffsetIndexLength, chunk.ColumnIndexOffset, chunk.ColumnIndexLength = nil, nil, nil, nil
	g := s.about.RowGroups[len(s.about.RowGroups)-1]
	g.Columns = append(g.Columns, &chunk)
	n, err := io.Copy(s.w, io.NewSectionReader(p.at, start, size))
	s.n += n
	s.copied += n
	return err
}

// shifted returns an offset of a page; 0, which some writers have in place of none, is none.
func shifted(at *int64, by int64) *int64 {
	if at == nil || *at == 0 {
		return nil
	}
	n := *at + by
	return &n
}

// copies reports whether row groups of p may be copied: the chunks are in the file itself, not encrypted,
// and their sizes are right.
func (p *Parquet) copies(i int) bool {
	if p.file.MetaData().WriterVersion().LessThan(metadata.Parquet816FixedVersion) {
		return false
	}
	for _, c := range p.file.MetaData().RowGroups[i].Columns {
		if c.FilePath != nil || c.CryptoMetadata != nil || c.MetaData == nil {
			return false
		}
	}
	return true
}

// close writes the footer, once that of the library is in tail.
func (s *parquetSink) close() error {
	const end = 4 + len(parquetMagic) // the footer's length, and the magic
	if s.tail.Len() < end {
		return fmt.Errorf("a footer of %d bytes: %w", s.tail.Len(), ErrCorrupt)
	}
	written, err := metadata.NewFileMetaData(s.tail.Bytes()[:s.tail.Len()-end], nil)
	if err != nil {
		return err
	}
	for i := range s.about.RowGroups {
		if by, ok := s.shifts[i]; ok {
			g := written.RowGroups[0]
			written.RowGroups = written.RowGroups[1:]
			for _, c := range g.Columns {
				c.FileOffset += by
				c.MetaData.DataPageOffset += by
				c.MetaData.DictionaryPageOffset = shifted(c.MetaData.DictionaryPageOffset, by)
			}
			g.FileOffset, g.Ordinal = nil, nil
			s.about.RowGroups[i] = g
		}
	}
	s.tail = nil
	return s.footer()
}

// footer writes the footer.
func (s *parquetSink) footer() error {
	for _, g := range s.about.RowGroups {
		s.about.NumRows += g.NumRows
	}
	n, err := s.about.WriteTo(s, nil)
	if err == nil {
		_, err = s.Write(append([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}, parquetMagic...))
	}
	return errors.Join(err, s.err)
}

// Divide copies the rows of the file, which must be items in number, to two outputs, row n to
// out[side(n)]. No row of p may have been read. A row group of which all rows go to one side is copied
// as it is stored. Of others schema, metadata and values are kept, but not the pages; Snappy replaces
// LZ4, which the library does not write.
func (p *Parquet) Divide(ctx context.Context, out [2]io.Writer, items int, side func(n int) int) error {
	if p.file.NumRows() != int64(items) {
		return fmt.Errorf("it has %d rows, and had %d before: %w", p.file.NumRows(), items, ErrCorrupt)
	}
	return guard(func() error {
		var d parquetDivision
		if err := d.open(p, out); err != nil {
			return err
		}
		n := 0
		for i := range p.file.NumRowGroups() {
			p.mem.step()
			rows := p.file.RowGroup(i).NumRows()
			sides := make([]uint8, 0, min(rows, int64(items-n)))
			for range rows {
				if n == items {
					return ErrCorrupt
				}
				sides = append(sides, uint8(side(n)))
				n++
			}
			if err := d.group(ctx, i, sides); err != nil {
				return err
			}
		}
		return d.close()
	})
}

// A parquetDivision divides the rows of a file.
type parquetDivision struct {
	p       *Parquet
	sinks   [2]*parquetSink
	writers [2]*file.Writer
}

func (d *parquetDivision) open(p *Parquet, out [2]io.Writer) error {
	d.p = p
	meta := p.file.MetaData()
	root := meta.Schema.Root()
	props := []parquet.WriterProperty{
		parquet.WithRootName(root.Name()), parquet.WithRootRepetition(root.RepetitionType()),
	}
	for c := range meta.Schema.NumColumns() {
		codec := compress.Codecs.Snappy
		if p.file.NumRowGroups() > 0 {
			chunk, err := meta.RowGroup(0).ColumnChunk(c)
			if err != nil {
				return err
			}
			codec = chunk.Compression()
		}
		if codec == lz4Raw || codec == lz4Hadoop {
			codec = compress.Codecs.Snappy // the library writes no LZ4
		}
		path := parquet.ColumnPath(meta.Schema.Column(c).ColumnPath())
		props = append(props, parquet.WithCompressionPath(path, codec))
	}
	for k := range out {
		var err error
		if d.sinks[k], err = newParquetSink(out[k], meta); err != nil {
			return err
		}
		d.writers[k] = file.NewParquetWriter(d.sinks[k], root, file.WithWriterProps(parquet.NewWriterProperties(props...)))
	}
	return nil
}

// group divides row group i, row n to side sides[n].
func (d *parquetDivision) group(ctx context.Context, i int, sides []uint8) error {
	var count [2]int
	for _, at := range sides {
		count[at]++
	}
	for k := range count {
		if len(sides) > 0 && count[k] == len(sides) && d.p.copies(i) {
			return d.sinks[k].copy(d.p, i)
		}
	}
	var groups [2]file.SerialRowGroupWriter
	for k := range groups {
		if count[k] > 0 {
			groups[k] = d.writers[k].AppendRowGroup()
			d.sinks[k].written()
		}
	}
	sc := d.p.file.MetaData().Schema
	for c := range sc.NumColumns() {
		if err := ctx.Err(); err != nil {
			return err
		}
		d.p.mem.step()
		if err := d.p.copyColumn(d.p.file.RowGroup(i), c, sc.Column(c), groups, sides); err != nil {
			return fmt.Errorf("column %q: %w", Clip(sc.Column(c).Path()), err)
		}
	}
	for _, w := range groups {
		if w != nil {
			if err := w.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *parquetDivision) close() error {
	for k, w := range d.writers {
		d.sinks[k].tail = new(bytes.Buffer)
		if err := errors.Join(w.Close(), d.sinks[k].close()); err != nil {
			return err
		}
	}
	return nil
}

// copyColumn copies column c of a row group to two groups, row n to to[sides[n]].
func (p *Parquet) copyColumn(
	g *file.RowGroupReader, c int, d *schema.Column, to [2]file.SerialRowGroupWriter, sides []uint8,
) error {
	r, fed, err := p.column(g, c, d)
	if err != nil {
		return err
	}
	var w [2]file.ColumnChunkWriter
	for i := range to {
		if to[i] != nil {
			if w[i], err = to[i].NextColumn(); err != nil {
				return err
			}
		}
	}
	switch r := r.(type) {
	case *file.BooleanColumnChunkReader:
		return copyValues[bool](&chunk[bool]{pages: fed, r: r}, w, sides)
	case *file.Int32ColumnChunkReader:
		return copyValues[int32](&chunk[int32]{pages: fed, r: r}, w, sides)
	case *file.Int64ColumnChunkReader:
		return copyValues[int64](&chunk[int64]{pages: fed, r: r}, w, sides)
	case *file.Int96ColumnChunkReader:
		return copyValues[parquet.Int96](&chunk[parquet.Int96]{pages: fed, r: r}, w, sides)
	case *file.Float32ColumnChunkReader:
		return copyValues[float32](&chunk[float32]{pages: fed, r: r}, w, sides)
	case *file.Float64ColumnChunkReader:
		return copyValues[float64](&chunk[float64]{pages: fed, r: r}, w, sides)
	case *file.ByteArrayColumnChunkReader:
		return copyValues[parquet.ByteArray](&chunk[parquet.ByteArray]{pages: fed, r: r}, w, sides)
	case *file.FixedLenByteArrayColumnChunkReader:
		return copyValues[parquet.FixedLenByteArray](&chunk[parquet.FixedLenByteArray]{pages: fed, r: r}, w, sides)
	}
	return fmt.Errorf("unknown type %s", d.PhysicalType())
}

func copyValues[T any](c *chunk[T], to [2]file.ColumnChunkWriter, sides []uint8) error {
	type share struct {
		w          writer[T]
		values     []T
		defs, reps []int16
	}
	var shares [2]share
	for i := range to {
		if to[i] != nil {
			shares[i].w = to[i].(writer[T])
		}
	}
	row := -1
	for {
		defs, reps, have, err := c.next()
		if err != nil {
			return err
		}
		if len(defs) == 0 {
			break
		}
		for i, def := range defs {
			if reps[i] == 0 {
				row++
			}
			if row < 0 || row >= len(sides) {
				return errLevels
			}
			s := &shares[sides[row]]
			if c.max > 0 {
				s.defs = append(s.defs, def)
			}
			if c.maxRep > 0 {
				s.reps = append(s.reps, reps[i])
			}
			if def == c.max {
				s.values, have = append(s.values, have[0]), have[1:]
			}
		}
		for i := range shares {
			s := &shares[i]
			if len(s.values)+len(s.defs) == 0 {
				continue
			}
			if _, err := s.w.WriteBatch(s.values, s.defs, s.reps); err != nil {
				return err
			}
			s.values, s.defs, s.reps = s.values[:0], s.defs[:0], s.reps[:0]
		}
	}
	if row+1 != len(sides) {
		return errLevels
	}
	return nil
}
