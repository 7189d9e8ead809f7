package record

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"strconv"
	"sync"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/schema"

	"swab/pipeline/rows"
)

// limited is the allocator of the Arrow library's own buffers. The library takes
// lengths from the file as they are; one that asks for more than limit in one step
// panics here, which guard makes ErrTooLong, where a failed allocation of the
// runtime would end the process.
type limited struct {
	memory.Allocator
	limit, used int // bytes of this step
}

// limitFactor times MaxRow is what the library may allocate in one step.
const limitFactor = 8

func newLimited(o Options) *limited {
	// The library's buffers are left to the garbage collector: after a panic it
	// frees nothing, and values are used after it has freed their page.
	return &limited{Allocator: memory.NewGoAllocator(), limit: limitFactor * o.MaxRow}
}

func (l *limited) step() { l.used = 0 }

func (l *limited) take(n int) {
	if n < 0 || n > l.limit-l.used {
		panic(fmt.Errorf("one step needs more than %d bytes: %w", l.limit, ErrTooLong))
	}
	l.used += n
}

func (l *limited) Allocate(n int) []byte {
	l.take(n)
	return l.Allocator.Allocate(n)
}

func (l *limited) Reallocate(n int, b []byte) []byte {
	if n > cap(b) {
		l.take(n)
	}
	return l.Allocator.Reallocate(n, b)
}

// readParquet reads the two columns row by row, through the pages of one row group
// after the other. A page is all that the library holds of a column.
func readParquet(ctx context.Context, src Source, s *sink) error {
	at, size, err := src.ReaderAt()
	if err != nil {
		return err
	}
	in := &checked{ctx: ctx, at: at}
	p := &parquetReader{o: s.o, mem: newLimited(s.o)}
	if err := guard(func() error { return p.start(io.NewSectionReader(in, 0, size)) }); err != nil {
		return in.or(err)
	}
	s.row = 0
	for g := range p.file.NumRowGroups() {
		if err := in.or(guard(func() error { return p.group(g) })); err != nil {
			return err
		}
		for range p.rows {
			var text, id []byte
			var null bool
			err := guard(func() (err error) {
				p.mem.step()
				if text, null, err = p.textCol.next(); err == nil && p.idCol != nil {
					id, _, err = p.idCol.next()
				}
				return err
			})
			if err := in.or(err); err != nil {
				return err
			}
			if null {
				s.skip(rows.Null, -1, func() string { return fmt.Sprintf("column %q", s.o.TextField) })
				continue
			}
			if err := s.put(text, id, 0, -1); err != nil {
				return err
			}
		}
	}
	return nil
}

type parquetReader struct {
	o              Options
	mem            *limited
	file           *file.Reader
	text, id       int // leaf columns; id is -1 where there is none of use
	rows           int64
	textCol, idCol *parquetColumn
}

func (p *parquetReader) start(r parquet.ReaderAtSeeker) (err error) {
	props := parquet.NewReaderProperties(p.mem)
	props.BufferedStreamEnabled = true
	if p.file, err = file.NewParquetReader(r, file.WithReadProps(props)); err != nil {
		return err
	}
	sc := p.file.MetaData().Schema
	var names []string
	p.text, p.id = -1, -1
	for i := range sc.NumColumns() {
		c := sc.Column(i)
		names = append(names, c.Path())
		if c.Path() == p.o.TextField && p.text < 0 {
			p.text = i
		}
		if c.Path() == p.o.IDField && p.id < 0 && c.MaxRepetitionLevel() == 0 {
			switch c.PhysicalType() {
			case parquet.Types.ByteArray, parquet.Types.Int32, parquet.Types.Int64:
				p.id = i
			}
		}
	}
	if p.text < 0 {
		return noColumn(p.o.TextField, "is not there", names)
	}
	switch c := sc.Column(p.text); {
	case c.MaxRepetitionLevel() > 0:
		return noColumn(p.o.TextField, "is a list", names)
	case c.PhysicalType() != parquet.Types.ByteArray || !textual(c):
		return noColumn(p.o.TextField, fmt.Sprintf("is of type %v %v", c.PhysicalType(), c.LogicalType()), names)
	}
	var sum int64
	for g := range p.file.NumRowGroups() {
		n := p.file.MetaData().RowGroup(g).NumRows()
		if n < 0 {
			return fmt.Errorf("row group %d has %d rows: %w", g, n, ErrCorrupt)
		}
		sum += n
	}
	if sum != p.file.NumRows() {
		return fmt.Errorf("row groups hold %d rows, the file says %d: %w", sum, p.file.NumRows(), ErrCorrupt)
	}
	return nil
}

// textual tells whether a column of bytes holds text: strings, or bytes not said
// to be anything else.
func textual(c *schema.Column) bool {
	switch c.LogicalType().(type) {
	case schema.StringLogicalType, *schema.StringLogicalType, schema.NoLogicalType, schema.UnknownLogicalType,
		schema.JSONLogicalType, schema.EnumLogicalType, nil:
		return true
	}
	return false
}

// group opens the columns of row group g.
func (p *parquetReader) group(g int) (err error) {
	p.mem.step()
	rg := p.file.RowGroup(g)
	p.rows = rg.NumRows()
	if p.textCol, err = p.column(rg, p.text); err == nil && p.id >= 0 {
		p.idCol, err = p.column(rg, p.id)
	}
	return err
}

func (p *parquetReader) column(rg *file.RowGroupReader, i int) (*parquetColumn, error) {
	chunk, err := rg.MetaData().ColumnChunk(i)
	if err != nil {
		return nil, err
	}
	c := p.file.MetaData().Schema.Column(i)
	if _, err := compress.GetCodec(chunk.Compression()); err != nil {
		return nil, fmt.Errorf("column %q: %w: %w", c.Path(), ErrUnsupported, err)
	}
	if chunk.NumValues() != rg.NumRows() {
		return nil, fmt.Errorf("column %q has %d values in %d rows: %w", c.Path(), chunk.NumValues(), rg.NumRows(), ErrCorrupt)
	}
	pages, err := rg.GetColumnPageReader(i)
	if err != nil {
		return nil, err
	}
	// A header holds the least and the greatest value. The library looks for the end
	// of a damaged one in ever longer parts of the file, up to this.
	pages.SetMaxPageHeaderSize(min(16<<20, 2*p.o.MaxRow+64<<10))
	safe := &safePages{PageReader: pages, col: c, left: rg.NumRows()}
	pool := &sync.Pool{New: func() any { return memory.NewResizableBuffer(p.mem) }}
	return &parquetColumn{chunk: file.NewColumnReader(c, safe, p.mem, pool), max: c.MaxDefinitionLevel(), unsigned: unsigned(c)}, nil
}

func unsigned(c *schema.Column) bool {
	t, ok := c.LogicalType().(*schema.IntLogicalType)
	return ok && !t.IsSigned()
}

// parquetColumn reads one column of one row group, a value at a time. One call of
// the library never spans two pages, so a value outlives nothing that it lies in.
type parquetColumn struct {
	chunk    file.ColumnChunkReader
	max      int16 // definition level of a value
	unsigned bool

	level [1]int16
	bytes [1]parquet.ByteArray
	i32   [1]int32
	i64   [1]int64
	num   []byte
}

// next returns the next value, lent until the next call, or null.
func (c *parquetColumn) next() (v []byte, null bool, err error) {
	var rows int64
	var n int
	switch chunk := c.chunk.(type) {
	case *file.ByteArrayColumnChunkReader:
		rows, n, err = chunk.ReadBatch(1, c.bytes[:], c.level[:], nil)
		v = c.bytes[0]
	case *file.Int32ColumnChunkReader:
		rows, n, err = chunk.ReadBatch(1, c.i32[:], c.level[:], nil)
		if c.unsigned {
			v = strconv.AppendUint(c.num[:0], uint64(uint32(c.i32[0])), 10)
		} else {
			v = strconv.AppendInt(c.num[:0], int64(c.i32[0]), 10)
		}
		c.num = v
	case *file.Int64ColumnChunkReader:
		rows, n, err = chunk.ReadBatch(1, c.i64[:], c.level[:], nil)
		if c.unsigned {
			v = strconv.AppendUint(c.num[:0], uint64(c.i64[0]), 10)
		} else {
			v = strconv.AppendInt(c.num[:0], c.i64[0], 10)
		}
		c.num = v
	}
	switch {
	case err != nil:
	case c.chunk.Err() != nil:
		err = c.chunk.Err()
	case rows != 1:
		err = fmt.Errorf("column %q ends too early: %w", c.chunk.Descriptor().Path(), ErrCorrupt)
	case n == 0 && c.max > 0 && c.level[0] < c.max:
		return nil, true, nil
	case n != 1:
		err = fmt.Errorf("column %q misses a value: %w", c.chunk.Descriptor().Path(), ErrCorrupt)
	}
	return v, false, err
}

// safePages refuses pages whose counts do not fit what they hold: the library would
// allocate what they say, outside the allocator it was given, or wait without end
// for values that never come.
type safePages struct {
	file.PageReader
	col  *schema.Column
	left int64 // values that the row group still has
	dict int   // values of the dictionary
	err  error
}

func (p *safePages) Err() error {
	if p.err != nil {
		return p.err
	}
	return p.PageReader.Err()
}

func (p *safePages) Next() bool {
	if p.err != nil || !p.PageReader.Next() {
		return false
	}
	p.err = p.check()
	return p.err == nil
}

func (p *safePages) check() error {
	n, data := int64(p.Page().NumValues()), p.Page().Data()
	width := bits.Len(uint(p.col.MaxDefinitionLevel()))
	var levels int // bytes before the values
	var defs []byte
	switch page := p.Page().(type) {
	case *file.DictionaryPage:
		// A value takes four bytes at least: an int32, or the length of a string.
		if n > int64(len(data))/4 {
			return fmt.Errorf("dictionary of %d values in %d bytes: %w", n, len(data), ErrCorrupt)
		}
		p.dict = int(n)
		return nil
	case *file.DataPageV1:
		switch {
		case width == 0:
		case page.DefinitionLevelEncoding() != parquet.Encodings.RLE:
			return fmt.Errorf("levels encoded as %v: %w", page.DefinitionLevelEncoding(), ErrUnsupported)
		case len(data) >= 4:
			levels = 4 + int(int32(binary.LittleEndian.Uint32(data)))
			defs = data[4:levels]
		}
	case *file.DataPageV2:
		levels = int(page.RepetitionLevelByteLen()) + int(page.DefinitionLevelByteLen())
		defs = data[page.RepetitionLevelByteLen():levels]
	default:
		return nil
	}
	if p.left -= n; p.left < 0 {
		return fmt.Errorf("more values than rows: %w", ErrCorrupt)
	}
	present := n
	if width > 0 {
		var all int64
		if all, present = countLevels(defs, width, n, uint64(p.col.MaxDefinitionLevel())); all < n {
			return fmt.Errorf("page of %d values has %d levels: %w", n, all, ErrCorrupt)
		}
	}
	data = data[levels:]
	if present == 0 {
		return nil
	}
	switch encoding := parquet.Encoding(p.Page().Encoding()); encoding {
	case parquet.Encodings.Plain:
	case parquet.Encodings.PlainDict, parquet.Encodings.RLEDict:
		// The library makes room for the largest index it meets, before it looks
		// whether there is such a value.
		if width := int(data[0]); width > max(16, bits.Len(uint(p.dict))+1) {
			return fmt.Errorf("indexes of %d bits into %d values: %w", width, p.dict, ErrCorrupt)
		}
	case parquet.Encodings.DeltaBinaryPacked, parquet.Encodings.DeltaLengthByteArray:
		// values of a block, parts of a block, values in all, first value
		var head [4]uint64
		for i := range head {
			v, k := binary.Uvarint(data)
			if k <= 0 {
				return fmt.Errorf("delta page without a head: %w", ErrCorrupt)
			}
			head[i], data = v, data[k:]
		}
		if head[0] > 1<<20 || head[1] == 0 || head[1] > head[0] || head[2] != uint64(present) {
			return fmt.Errorf("delta page of %d values in blocks of %d says it has %d: %w", present, head[0], head[2], ErrCorrupt)
		}
	default:
		// Of the prefixes of DELTA_BYTE_ARRAY the library checks nothing.
		return fmt.Errorf("values encoded as %v: %w", encoding, ErrUnsupported)
	}
	return nil
}

// countLevels returns how many levels of that width data holds in runs, up to n,
// and how many of them are top.
func countLevels(data []byte, width int, n int64, top uint64) (all, present int64) {
	for all < n && len(data) > 0 {
		head, k := binary.Uvarint(data)
		if k <= 0 {
			break
		}
		data = data[k:]
		run := int64(min(head>>1, uint64(n))) // at most n is of interest
		if head&1 == 0 {
			size := (width + 7) / 8
			if len(data) < size {
				break
			}
			var v uint64
			for i, c := range data[:size] {
				v |= uint64(c) << (8 * i)
			}
			if run = min(run, n-all); v == top {
				present += run
			}
			all, data = all+run, data[size:]
			continue
		}
		size := min(int(run)*width, len(data))
		for bit := 0; bit+width <= 8*size && all < n; bit += width {
			var v uint64
			for i := range width {
				v |= uint64(data[(bit+i)/8]>>((bit+i)%8)&1) << i
			}
			if all++; v == top {
				present++
			}
		}
		data = data[size:]
	}
	return all, present
}
