package rows

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/schema"
)

// Parquet is read and written without Arrow, as the levels and values of each leaf column:
// this copies rows of any schema exactly, and needs no more than a page of each column in
// memory.

// batch is the number of levels of a column that are read at a time.
const batch = 1024

// guard turns a panic of the Arrow and Parquet libraries, which damaged files provoke, into
// an error.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			if e, ok := v.(error); ok && errors.Is(e, ErrTooLong) {
				err = e
				return
			}
			err = fmt.Errorf("%w: the Parquet or Arrow library failed: %v", ErrCorrupt, v)
		}
	}()
	return f()
}

// limited is the allocator of the libraries' own buffers. The libraries trust the lengths in
// the file. A step that allocates more than limit panics here, and guard turns the panic
// into ErrTooLong; a failed allocation of the runtime would end the process.
type limited struct {
	memory.Allocator
	limit, used int // bytes of this step
}

// limitFactor times the longest row is the memory that a library may allocate in one step.
const limitFactor = 8

func newLimited(max int) *limited {
	// The libraries' buffers are left to the garbage collector: after a panic they
	// free nothing, and values are used after their page was freed.
	return &limited{Allocator: memory.NewGoAllocator(), limit: limitFactor * max}
}

func (l *limited) step() { l.used = 0 }

// reserve counts n bytes towards the limit.
func (l *limited) reserve(n int) {
	if n < 0 || n > l.limit-l.used {
		panic(fmt.Errorf("one step needs more than %d bytes: %w", l.limit, ErrTooLong))
	}
	l.used += n
}

func (l *limited) Allocate(n int) []byte {
	l.reserve(n)
	return l.Allocator.Allocate(n)
}

func (l *limited) Reallocate(n int, b []byte) []byte {
	if n > cap(b) {
		l.reserve(n)
	}
	return l.Allocator.Reallocate(n, b)
}

// Parquet reads the rows of a Parquet file.
type Parquet struct {
	in     *Input
	at     io.ReaderAt
	size   int64 // of the file
	file   *file.Reader
	mem    *limited
	max    int
	fields []field
	all    bool   // every field is requested, so one that cannot be read is no error
	group  int    // the next one
	groups [2]int // from the first on, up to the second
	rows   int64  // of the current group, not yet read

	unchecked bool // a page without a checksum was read
}

func openParquet(in *Input, o Options) (Reader, error) {
	at, size, err := in.ReaderAt()
	if err != nil {
		return nil, err
	}
	p := &Parquet{in: in, at: at, size: size, mem: newLimited(o.MaxRow), max: o.MaxRow, all: len(o.Want) == 0}
	err = guard(func() (err error) {
		props := parquet.NewReaderProperties(p.mem)
		props.BufferedStreamEnabled = true
		props.BufferSize = 64 << 10
		if p.file, err = file.NewParquetReader(io.NewSectionReader(at, 0, size), file.WithReadProps(props)); err != nil {
			return err
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
			return fmt.Errorf("row groups hold %d rows, the file's header says %d: %w", sum, p.file.NumRows(), ErrCorrupt)
		}
		if err := p.checkNames(); err != nil {
			return err
		}
		if p.groups = [2]int{0, p.file.NumRowGroups()}; o.Range.End > 0 {
			p.groups = groupsIn(p.starts(), o.Range)
		}
		p.group = p.groups[0]
		p.fields, err = p.columns(o.Want)
		return err
	})
	if err != nil {
		return nil, in.Cause(err)
	}
	return p, nil
}

// checkNames compares the names of the schema's columns with those that a row group has. No
// checksum covers them, and a column of another name would be missed.
func (p *Parquet) checkNames() error {
	meta := p.file.MetaData()
	if p.file.NumRowGroups() == 0 {
		return nil
	}
	group := meta.RowGroup(0)
	if group.NumColumns() != meta.Schema.NumColumns() {
		return fmt.Errorf("%d columns in the schema, %d in a row group: %w",
			meta.Schema.NumColumns(), group.NumColumns(), ErrCorrupt)
	}
	for k := range group.NumColumns() {
		chunk, err := group.ColumnChunk(k)
		if err != nil {
			continue // it cannot be read, as one that is encrypted: an error where it is requested
		}
		if name, has := meta.Schema.Column(k).ColumnPath(), chunk.PathInSchema(); !slices.Equal(name, has) {
			return fmt.Errorf("column %q of the schema is %q in a row group: %w",
				Clip([]byte(name.String())), Clip([]byte(has.String())), ErrCorrupt)
		}
	}
	return nil
}

// Checked reports whether a checksum covers every page that was read so far.
func (p *Parquet) Checked() bool { return !p.unchecked }

// Columns returns the names of all columns.
func (p *Parquet) Columns() (names []string) {
	guard(func() error {
		fields, err := p.columns(nil)
		for i := range fields {
			names = fields[i].names(names, "")
		}
		return err
	})
	return names
}

// names appends the names of the columns of a field, with dots in objects.
func (f *field) names(all []string, within string) []string {
	within += string(f.name)
	if f.list || f.kids == nil {
		return append(all, within)
	}
	for i := range f.kids {
		all = f.kids[i].names(all, within+".")
	}
	return all
}

// Next sets rec to the next row. After the last it returns io.EOF.
func (p *Parquet) Next(rec *Record) error {
	return p.in.Cause(guard(func() error {
		if err := p.advance(); err != nil {
			return err
		}
		rec.reset()
		root := rec.open(object, nil)
		for k := range p.fields {
			f, before := &p.fields[k], len(rec.nodes)
			if err := p.field(rec, f); err != nil && p.all && errors.Is(err, ErrUnsupported) {
				f.unread = err
			} else if err != nil {
				return fmt.Errorf("column %q: %w", Clip(f.name), err)
			}
			if f.unread != nil {
				rec.nodes = rec.nodes[:before]
				rec.leaf(foreign, f.name, []byte("that is not read here ("+f.unread.Error()+")"))
			}
		}
		rec.shut(root)
		return nil
	}))
}

// starts returns the first byte of each row group.
func (p *Parquet) starts() (list []int64) {
	for g := range p.file.NumRowGroups() {
		at := p.size
		for _, chunk := range p.file.MetaData().RowGroups[g].Columns {
			if m := chunk.MetaData; m != nil {
				at = min(at, m.DataPageOffset)
				if m.DictionaryPageOffset != nil && *m.DictionaryPageOffset > 0 {
					at = min(at, *m.DictionaryPageOffset)
				}
			}
		}
		list = append(list, at)
	}
	return list
}

// advance moves to the next row, if need be of the next row group.
func (p *Parquet) advance() error {
	p.mem.step()
	for p.rows == 0 {
		if p.group > p.groups[0] {
			if err := p.finish(); err != nil {
				return err
			}
		}
		if p.group == p.groups[1] {
			return io.EOF
		}
		if err := p.begin(); err != nil {
			return err
		}
	}
	p.rows--
	return nil
}

// OpenColumns opens a Parquet file of size bytes to read columns of these names, each a value
// or a list of values, by [Parquet.Cells]. It returns the names of those that the file has,
// in its order.
func OpenColumns(ctx context.Context, f io.ReaderAt, size int64, names []string) (*Parquet, []string, error) {
	in := NewInput(ctx, &parquetFile{at: f, size: size})
	r, err := openParquet(in, Options{Want: WantNames(names...), MaxRow: MaxRecord})
	if err != nil {
		return nil, nil, err
	}
	p := r.(*Parquet)
	var have []string
	for i := range p.fields {
		f := &p.fields[i]
		if len(f.leaves) != 1 {
			return nil, nil, fmt.Errorf("column %q has columns: %w", Clip(f.name), ErrUnsupported)
		}
		have = append(have, string(f.name))
	}
	return p, have, nil
}

// parquetFile is a source for random access alone.
type parquetFile struct {
	io.Reader // none
	at        io.ReaderAt
	size      int64
}

func (f *parquetFile) ReaderAt() (io.ReaderAt, int64, error) { return f.at, f.size, nil }

// CellType is the type of a [Cell].
type CellType byte

// The types of cells; OtherCell is one that is none of the others.
const (
	OtherCell CellType = iota
	TextCell
	IntCell
	FloatCell
)

// A Cell is one value of a column, as it was written. Text is of a page's memory, which is not
// used again: it may be kept, and keeps the page.
type Cell struct {
	Type  CellType
	Text  []byte
	Int   int64
	Float float64
}

// Cells sets row to the cells of the columns of the next row: one each, none of a null, all
// elements of a list. After the last row it returns io.EOF.
func (p *Parquet) Cells(row [][]Cell) error {
	return p.in.Cause(guard(func() error {
		if err := p.advance(); err != nil {
			return err
		}
		for k := range p.fields {
			if err := p.fields[k].leaves[0].cells(&row[k]); err != nil {
				return fmt.Errorf("column %q: %w", Clip(p.fields[k].name), err)
			}
		}
		return nil
	}))
}

// cells sets row to the values of the leaf's next row.
func (l *leaf) cells(row *[]Cell) error {
	*row = (*row)[:0]
	for first := true; ; first = false {
		def, rep, ok, err := l.peek()
		switch {
		case err != nil:
			return err
		case first && (!ok || rep != 0):
			return errLevels
		case !first && (!ok || rep == 0):
			return nil
		}
		l.defs, l.reps = l.defs[1:], l.reps[1:]
		if def == l.desc.MaxDefinitionLevel() {
			*row = append(*row, l.cell())
		}
		if len(*row) > maxNodes {
			return ErrTooLong
		}
	}
}

// field appends the field of the current row.
func (p *Parquet) field(rec *Record, f *field) error {
	if f.unread != nil {
		return nil
	}
	for _, l := range f.leaves {
		if _, rep, ok, err := l.peek(); err != nil {
			return err
		} else if !ok || rep != 0 {
			return errLevels
		}
	}
	if f.list && f.kids[0].kids == nil && f.leaves[0].ids != nil && rec.ids.wants(f.name) {
		if def, _, _, _ := f.leaves[0].peek(); def >= f.item {
			return f.decode(rec)
		}
	}
	return f.row(rec, f.name)
}

// decode appends a list of token ids of at least one as the text that they are.
func (f *field) decode(rec *Record) error {
	l := f.leaves[0]
	rec.ids.begin()
	for first := true; ; first = false {
		_, rep, ok, err := l.peek()
		if err != nil {
			return err
		}
		if !ok || !first && rep != f.rep {
			return rec.decoded(f.name)
		}
		n := 0 // entries of the list that were read
		for n < len(l.defs) && (first && n == 0 || l.reps[n] == f.rep) {
			if l.defs[n] != l.desc.MaxDefinitionLevel() {
				return fmt.Errorf("a null among token ids: %w", ErrUnsupported)
			}
			n++
		}
		l.defs, l.reps = l.defs[n:], l.reps[n:]
		rec.ids.ids = l.ids(rec.ids.ids[:0], n)
		if err := rec.ids.flush(); err != nil {
			return err
		}
	}
}

// begin opens the columns of the next row group.
func (p *Parquet) begin() error {
	g := p.file.RowGroup(p.group)
	p.group++
	p.rows = g.NumRows()
	for k := range p.fields {
		f := &p.fields[k]
		f.unread = nil
		for _, l := range f.leaves {
			err := guard(func() error { return l.begin(g, p) })
			if err != nil && p.all && !errors.Is(err, ErrTooLong) {
				f.unread = err // not requested by name
				break
			}
			if err != nil {
				return fmt.Errorf("column %q: %w", Clip(f.name), err)
			}
		}
	}
	return nil
}

// finish makes sure that no column has more rows than its group.
func (p *Parquet) finish() error {
	for _, f := range p.fields {
		if f.unread != nil {
			continue
		}
		for _, l := range f.leaves {
			if _, _, ok, err := l.peek(); err != nil {
				return err
			} else if ok {
				return errLevels
			}
		}
	}
	return nil
}

// pages feeds the library's decoder one page at a time, and reads the levels itself. The
// library's own loop over levels and pages never ends if a damaged page has fewer levels or
// values than declared, so it gets pages of values only, each with one run of levels that
// mark every value as present.
type pages struct {
	file.PageReader
	width       int // bytes of a value that is a float, else 0
	max, maxRep int16
	queue       []file.Page
	current     file.Page
	defs, reps  levels
	left        int // levels of the page not yet returned
}

func (p *pages) Next() bool {
	if len(p.queue) == 0 {
		return false
	}
	p.current, p.queue = p.queue[0], p.queue[1:]
	return true
}

func (p *pages) Page() file.Page { return p.current }
func (p *pages) Err() error      { return nil }

var errPage = fmt.Errorf("%w: a page's levels do not fit it", ErrCorrupt)

// load queues the next page, and reports whether there is one.
func (p *pages) load() (bool, error) {
	for p.PageReader.Next() {
		page := p.PageReader.Page()
		data, n := page.Data(), int(page.NumValues())
		p.defs, p.reps = levels{max: p.max}, levels{max: p.maxRep}
		ok := true
		// cut takes a stream of levels from the front of data.
		cut := func(l *levels, n int) {
			if ok = ok && n >= 0 && n <= len(data); ok {
				l.data, data = data[:n], data[n:]
			}
		}
		switch d := page.(type) {
		case *file.DictionaryPage:
			if n > len(data) { // no value takes less than a byte
				return false, errPage
			}
			dictionary := file.NewDictionaryPage(
				memory.NewBufferBytes(data), page.NumValues(), parquet.Encoding(page.Encoding()))
			p.queue = append(p.queue, dictionary)
			continue
		case *file.DataPageV1:
			for _, l := range []struct {
				*levels
				encoding parquet.Encoding
			}{{&p.reps, d.RepetitionLevelEncoding()}, {&p.defs, d.DefinitionLevelEncoding()}} {
				if l.max == 0 {
					continue
				}
				if l.encoding != parquet.Encodings.RLE {
					return false, fmt.Errorf("levels encoded as %s: %w", l.encoding, ErrUnsupported)
				}
				var size levels
				if cut(&size, 4); ok {
					cut(l.levels, int(binary.LittleEndian.Uint32(size.data)))
				}
			}
		case *file.DataPageV2:
			cut(&p.reps, int(d.RepetitionLevelByteLen()))
			cut(&p.defs, int(d.DefinitionLevelByteLen()))
		default:
			continue
		}
		if !ok || n > MaxRecord {
			return false, errPage
		}
		if n == 0 {
			continue
		}
		encoding := parquet.Encoding(page.Encoding())
		values, err := p.defs.count(n)
		if err == nil && encoding == byteStreamSplit {
			encoding = parquet.Encodings.Plain
			data, err = joinStreams(data, values, p.width)
		}
		if err == nil {
			err = checkDelta(encoding, data, values)
		}
		if err != nil {
			return false, err
		}
		p.left = n
		if values > 0 {
			run := binary.AppendUvarint([]byte{0, 0, 0, 0}, uint64(values)<<1)
			run = append(run, 1)
			binary.LittleEndian.PutUint32(run, uint32(len(run)-4))
			run = append(run, data...)
			rle := parquet.Encodings.RLE
			p.queue = append(p.queue, file.NewDataPageV1(
				memory.NewBufferBytes(run), int32(values), encoding, rle, rle, int32(len(run))))
		}
		return true, nil
	}
	return false, p.PageReader.Err()
}

// byteStreamSplit is an encoding that the library does not support: the first bytes of all
// values, then the second bytes, and so on.
const byteStreamSplit = parquet.Encoding(9)

// joinStreams returns n values of that width in the encoding PLAIN.
func joinStreams(data []byte, n, width int) ([]byte, error) {
	if width == 0 || len(data) != n*width {
		return nil, fmt.Errorf("values encoded as BYTE_STREAM_SPLIT: %w", ErrUnsupported)
	}
	joined := make([]byte, len(data))
	for i := range data {
		joined[i%n*width+i/n] = data[i]
	}
	return joined, nil
}

// checkDelta checks that a page's delta encoding holds no more than n values. The library
// allocates memory for as many as the page declares.
func checkDelta(e parquet.Encoding, data []byte, n int) error {
	delta := []parquet.Encoding{
		parquet.Encodings.DeltaBinaryPacked, parquet.Encodings.DeltaLengthByteArray, parquet.Encodings.DeltaByteArray,
	}
	if n == 0 || !slices.Contains(delta, e) {
		return nil
	}
	rest, err := skipDelta(data, n)
	if err == nil && e == parquet.Encodings.DeltaByteArray { // prefix lengths, then suffix lengths
		_, err = skipDelta(rest, n)
	}
	return err
}

// skipDelta returns the bytes after a delta encoding of at most n integers.
func skipDelta(data []byte, n int) ([]byte, error) {
	bad := false
	number := func() uint64 {
		v, size := binary.Uvarint(data)
		if bad = bad || size <= 0; bad {
			return 0
		}
		data = data[size:]
		return v
	}
	block, minis, values := number(), number(), number()
	number() // the first value
	if bad || values > uint64(n) || block > 1<<20 || minis == 0 || minis > block || block%(8*minis) != 0 {
		return nil, errPage
	}
	each := block / minis
	for left := int64(values) - 1; left > 0; {
		number() // the least delta
		if bad || uint64(len(data)) < minis {
			return nil, errPage
		}
		widths := data[:minis]
		data = data[minis:]
		for _, w := range widths {
			if left <= 0 {
				break
			}
			size := uint64(w) * each / 8
			if size > uint64(len(data)) {
				return nil, errPage
			}
			data = data[size:]
			left -= int64(each)
		}
	}
	return data, nil
}

// levels decodes definition or repetition levels: runs of one level and runs of
// levels packed into bits. With max 0 all are 0 and nothing is stored.
type levels struct {
	data []byte
	max  int16
	run  int    // levels left of this run
	same int16  // their level, if they are not packed
	bits []byte // of a packed run, else nil
	at   int    // bit of bits
}

// next fills dst, and returns how many of the levels are the highest.
func (l *levels) next(dst []int16) (highest int, err error) {
	if l.max == 0 {
		clear(dst)
		return len(dst), nil
	}
	for len(dst) > 0 {
		n, err := l.begin(len(dst))
		if err != nil {
			return 0, err
		}
		if l.bits == nil {
			for i := range dst[:n] {
				dst[i] = l.same
			}
			if l.same == l.max {
				highest += n
			}
		} else {
			for i := range dst[:n] {
				if dst[i] = l.unpack(); dst[i] > l.max {
					return 0, errPage
				}
				if dst[i] == l.max {
					highest++
				}
			}
		}
		dst = dst[n:]
	}
	return highest, nil
}

// width is the number of bits of a level.
func (l *levels) width() int { return bits.Len16(uint16(l.max)) }

// begin takes at most n levels of the current run, or of the next. Those of a packed run are to
// be unpacked.
func (l *levels) begin(n int) (taken int, err error) {
	width := l.width()
	if l.run == 0 {
		head, size := binary.Uvarint(l.data)
		if size <= 0 || head>>1 == 0 || head>>1 > math.MaxInt32 {
			return 0, errPage
		}
		l.data = l.data[size:]
		l.run, l.bits = int(head>>1), nil
		size = (width + 7) / 8
		if head&1 == 1 {
			size = min(l.run*width, len(l.data)) // a last group may be cut
			l.run *= 8
			l.bits, l.at = l.data[:size], 0
		} else if len(l.data) < size {
			return 0, errPage
		} else {
			l.same = int16(l.data[0])
			if size > 1 {
				l.same |= int16(l.data[1]) << 8
			}
			if l.same < 0 || l.same > l.max {
				return 0, errPage
			}
		}
		l.data = l.data[size:]
	}
	taken = min(n, l.run)
	if l.bits != nil && l.at+taken*width > 8*len(l.bits) {
		return 0, errPage
	}
	l.run -= taken
	return taken, nil
}

// unpack returns the next level of a packed run.
func (l *levels) unpack() int16 {
	at, width := l.at, l.width()
	l.at += width
	b := l.bits[at/8:]
	v := uint32(b[0])
	if len(b) > 1 {
		v |= uint32(b[1]) << 8
	}
	if len(b) > 2 {
		v |= uint32(b[2]) << 16
	}
	return int16(v >> (at % 8) & (1<<width - 1))
}

// count returns the number of the next n levels that are the highest. It does not change l.
func (l levels) count(n int) (highest int, err error) {
	if l.max == 0 {
		return n, nil
	}
	for n > 0 {
		taken, err := l.begin(n)
		if err != nil {
			return 0, err
		}
		n -= taken
		if l.bits == nil {
			if l.same == l.max {
				highest += taken
			}
			continue
		}
		for range taken {
			switch v := l.unpack(); {
			case v > l.max:
				return 0, errPage
			case v == l.max:
				highest++
			}
		}
	}
	return highest, nil
}

// reader and writer are what the library's typed columns have in common.
type reader[T any] interface {
	Err() error
	ReadBatch(n int64, values []T, defs, reps []int16) (int64, int, error)
}

type writer[T any] interface {
	WriteBatch(values []T, defs, reps []int16) (int64, error)
}

// chunk is a column of a row group, read in batches.
type chunk[T any] struct {
	*pages
	r          reader[T]
	defs, reps [batch]int16
	values     [batch]T
}

// next returns the next entries: their levels, and a value for each entry with the highest
// definition level. No entries mean the end.
func (c *chunk[T]) next() (defs, reps []int16, values []T, err error) {
	if c.left == 0 {
		if more, err := c.load(); err != nil || !more {
			return nil, nil, nil, err
		}
	}
	n := min(c.left, batch)
	c.left -= n
	defs, reps = c.defs[:n], c.reps[:n]
	have, err := c.pages.defs.next(defs)
	if err == nil {
		_, err = c.pages.reps.next(reps)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if have > 0 {
		_, got, err := c.r.ReadBatch(int64(have), c.values[:have], nil, nil)
		if err == nil && got < have {
			err = c.r.Err()
		}
		if err == nil && got < have {
			err = errPage
		}
		if err != nil {
			return nil, nil, nil, err
		}
	}
	return defs, reps, c.values[:have], nil
}

var errEncrypted = fmt.Errorf("an encrypted column, which is not read without its key "+
	"(write it again without encryption): %w", ErrUnsupported)

// column opens column i of a row group: the library's decoder, and the pages that
// feed it.
func (p *Parquet) column(g *file.RowGroupReader, i int, d *schema.Column) (file.ColumnChunkReader, *pages, error) {
	chunk, err := g.MetaData().ColumnChunk(i)
	switch {
	case err != nil && strings.Contains(err.Error(), "decrypt"), err == nil && chunk.CryptoMetadata() != nil:
		return nil, nil, errEncrypted
	case err != nil:
		return nil, nil, err
	}
	if codec := chunk.Compression(); codec != lz4Raw && codec != lz4Hadoop {
		if _, err := compress.GetCodec(codec); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
	}
	in, err := newPageReader(p, chunk)
	if err != nil {
		return nil, nil, err
	}
	// A header holds the least and the greatest value. For the end of a damaged header, the
	// library searches ever longer parts of the file, up to this size.
	in.SetMaxPageHeaderSize(min(16<<20, 2*p.max+64<<10))
	node, ok := d.SchemaNode().(*schema.PrimitiveNode)
	if !ok {
		return nil, nil, errShape
	}
	fed := &pages{PageReader: in, max: d.MaxDefinitionLevel(), maxRep: d.MaxRepetitionLevel()}
	switch d.PhysicalType() {
	case parquet.Types.Float, parquet.Types.Int32:
		fed.width = 4
	case parquet.Types.Double, parquet.Types.Int64:
		fed.width = 8
	case parquet.Types.FixedLenByteArray:
		fed.width = d.TypeLength()
	}
	pool := &sync.Pool{New: func() any { return memory.NewResizableBuffer(p.mem) }}
	return file.NewColumnReader(schema.NewColumn(node, 1, 0), fed, p.mem, pool), fed, nil
}

// leaf is a column from which rows are assembled.
type leaf struct {
	index      int
	desc       *schema.Column
	defs, reps []int16 // of the entries not yet read
	more       func() error
	append     func(t *Record, key []byte) error
	ids        func(dst []uint32, n int) []uint32 // appends the next n values, of whole numbers; or nil
	cell       func() Cell                        // takes the next value
	finished   bool
}

// peek returns the levels of the next entry; ok is false at the column's end.
func (l *leaf) peek() (def, rep int16, ok bool, err error) {
	if len(l.defs) == 0 && !l.finished {
		if err := l.more(); err != nil {
			return 0, 0, false, err
		}
		l.finished = len(l.defs) == 0
	}
	if l.finished {
		return 0, 0, false, nil
	}
	return l.defs[0], l.reps[0], true, nil
}

var errLevels = fmt.Errorf("%w: columns do not agree on their rows", ErrCorrupt)

// next appends the next entry to t, or skips it if t is nil.
func (l *leaf) next(t *Record, key []byte) error {
	def, _, ok, err := l.peek()
	if err != nil {
		return err
	}
	if !ok {
		return errLevels
	}
	l.defs, l.reps = l.defs[1:], l.reps[1:]
	if def == l.desc.MaxDefinitionLevel() {
		return l.append(t, key)
	}
	if t != nil {
		t.leaf(null, key, nil)
	}
	return nil
}

// readFrom sets r as the source of l's entries; render appends a value to a text.
func readFrom[T any](l *leaf, p *pages, r reader[T], k nodeKind, render func(dst []byte, v T) []byte) {
	c := &chunk[T]{pages: p, r: r}
	var values []T
	l.more = func() (err error) {
		l.defs, l.reps, values, err = c.next()
		return err
	}
	l.ids = nil
	switch any(values).(type) {
	case []int32, []int64:
		l.ids = func(dst []uint32, n int) []uint32 {
			switch v := any(values[:n]).(type) {
			case []int32:
				dst = appendIDs(dst, v)
			case []int64:
				dst = appendIDs(dst, v)
			}
			values = values[n:]
			return dst
		}
	}
	l.cell = func() Cell {
		v := &values[0]
		values = values[1:]
		switch v := any(v).(type) {
		case *parquet.ByteArray:
			return Cell{Type: TextCell, Text: *v}
		case *int64:
			return Cell{Type: IntCell, Int: *v}
		case *float64:
			return Cell{Type: FloatCell, Float: *v}
		}
		return Cell{}
	}
	name := typeName(l.desc)
	l.append = func(t *Record, key []byte) error {
		v := values[0]
		values = values[1:]
		if t == nil {
			return nil
		}
		if k == foreign {
			t.leaf(foreign, key, name)
			return nil
		}
		if b, ok := any(v).(parquet.ByteArray); ok {
			t.plain(text, key, b)
			return nil
		}
		start := len(t.buf)
		t.buf = render(t.buf, v)
		t.leaf(k, key, t.buf[start:len(t.buf):len(t.buf)])
		return nil
	}
}

// typeName returns the name of a column's type for messages.
func typeName(d *schema.Column) []byte {
	if t := d.LogicalType(); t != nil && !t.IsNone() {
		return []byte(t.String())
	}
	return []byte(d.PhysicalType().String())
}

// begin opens l's column of a row group.
func (l *leaf) begin(g *file.RowGroupReader, f *Parquet) error {
	c, p, err := f.column(g, l.index, l.desc)
	if err != nil {
		return err
	}
	l.defs, l.reps, l.finished = nil, nil, false
	k, signed := foreign, true
	switch t := l.desc.LogicalType().(type) {
	case nil, schema.NoLogicalType, schema.NullLogicalType, schema.UnknownLogicalType,
		schema.StringLogicalType, schema.JSONLogicalType, schema.EnumLogicalType:
		k = scalar
	case interface{ IsSigned() bool }:
		k, signed = scalar, t.IsSigned()
	}
	switch r := c.(type) {
	case *file.BooleanColumnChunkReader:
		readFrom(l, p, r, k, strconv.AppendBool)
	case *file.Int32ColumnChunkReader:
		readFrom(l, p, r, k, func(b []byte, v int32) []byte {
			if signed {
				return strconv.AppendInt(b, int64(v), 10)
			}
			return strconv.AppendUint(b, uint64(uint32(v)), 10)
		})
	case *file.Int64ColumnChunkReader:
		readFrom(l, p, r, k, func(b []byte, v int64) []byte {
			if signed {
				return strconv.AppendInt(b, v, 10)
			}
			return strconv.AppendUint(b, uint64(v), 10)
		})
	case *file.Float32ColumnChunkReader:
		readFrom(l, p, r, k, func(b []byte, v float32) []byte { return strconv.AppendFloat(b, float64(v), 'g', -1, 32) })
	case *file.Float64ColumnChunkReader:
		readFrom(l, p, r, k, func(b []byte, v float64) []byte { return strconv.AppendFloat(b, v, 'g', -1, 64) })
	case *file.ByteArrayColumnChunkReader:
		readFrom(l, p, r, k, nil)
	case *file.FixedLenByteArrayColumnChunkReader:
		readFrom(l, p, r, foreign, nil)
	case *file.Int96ColumnChunkReader:
		readFrom(l, p, r, foreign, nil)
	default:
		return fmt.Errorf("unknown type %s", l.desc.PhysicalType())
	}
	return nil
}

// field is one node of a schema, from which rows are assembled.
type field struct {
	name   []byte
	def    int16 // definition level from which it is not null
	list   bool
	item   int16   // a list's: definition level from which it has an element
	rep    int16   // a list's: repetition level of all elements but the first
	kids   []field // of an object; of a list its element
	leaves []*leaf // all below it
	unread error   // of a row group in which the field cannot be read
}

// maxNodes bounds the number of a row's values, which a few damaged bytes can make large.
const maxNodes = MaxRecord / 16

var errShape = errors.New("its schema has empty groups, or is nested too deep")

// shape turns a schema node into a field and appends its leaves.
func shape(n schema.Node, def, rep int16, leaves *[]*leaf) (field, error) {
	switch n.RepetitionType() {
	case parquet.Repetitions.Repeated:
		return listOf(n, n, false, def, rep, leaves)
	case parquet.Repetitions.Optional:
		def++
	}
	if g, ok := n.(*schema.GroupNode); ok && g.NumFields() == 1 {
		inner := g.Field(0)
		if _, is := n.LogicalType().(schema.ListLogicalType); is && inner.RepetitionType() == parquet.Repetitions.Repeated {
			// Old files have two levels, new ones three; these are the format's rules to distinguish them.
			ig, ok := inner.(*schema.GroupNode)
			if ok && ig.NumFields() == 1 && inner.Name() != "array" && inner.Name() != n.Name()+"_tuple" {
				return listOf(n, ig.Field(0), true, def, rep, leaves)
			}
			return listOf(n, inner, false, def, rep, leaves)
		}
	}
	return body(n, def, rep, leaves)
}

// listOf returns a list field with n's name and elements elem. If whole is true, elem's own
// repetition counts.
func listOf(n, elem schema.Node, whole bool, def, rep int16, leaves *[]*leaf) (field, error) {
	f := field{name: []byte(n.Name()), def: def, list: true, item: def + 1, rep: rep + 1}
	fieldOf := body
	if whole {
		fieldOf = shape
	}
	kid, err := fieldOf(elem, f.item, f.rep, leaves)
	f.kids, f.leaves = []field{kid}, kid.leaves
	return f, err
}

// body returns the field of n, whatever its repetition is.
func body(n schema.Node, def, rep int16, leaves *[]*leaf) (field, error) {
	f := field{name: []byte(n.Name()), def: def}
	first := len(*leaves)
	if g, ok := n.(*schema.GroupNode); ok {
		if g.NumFields() == 0 || def > 100 {
			return f, errShape
		}
		for i := range g.NumFields() {
			kid, err := shape(g.Field(i), def, rep, leaves)
			if err != nil {
				return f, err
			}
			f.kids = append(f.kids, kid)
		}
	} else {
		*leaves = append(*leaves, &leaf{index: first})
	}
	f.leaves = slices.Clone((*leaves)[first:])
	return f, nil
}

// row appends the next value of f to t.
func (f *field) row(t *Record, key []byte) error {
	if f.kids == nil {
		return f.leaves[0].next(t, key)
	}
	def, _, ok, err := f.leaves[0].peek()
	if err != nil {
		return err
	}
	if !ok {
		return errLevels
	}
	if def < f.def || f.list && def < f.item {
		for _, l := range f.leaves {
			if err := l.next(nil, nil); err != nil {
				return err
			}
		}
		if def < f.def {
			t.leaf(null, key, nil)
		} else {
			t.shut(t.open(listed, key))
		}
		return nil
	}
	if !f.list {
		self := t.open(object, key)
		for i := range f.kids {
			if err := f.kids[i].row(t, f.kids[i].name); err != nil {
				return err
			}
		}
		t.shut(self)
		return nil
	}
	self := t.open(listed, key)
	for {
		if len(t.nodes) > maxNodes {
			return ErrTooLong
		}
		if err := f.kids[0].row(t, nil); err != nil {
			return err
		}
		_, rep, ok, err := f.leaves[0].peek()
		if err != nil {
			return err
		}
		if !ok || rep != f.rep {
			break
		}
	}
	t.shut(self)
	return nil
}

// project returns a column of which only the leaves that are wanted are read: what is beside
// them may be encrypted, or of an encoding that is not supported. Of a column in which a path
// leads nowhere all is read, since the rows then say what they have.
func (f field) project(want Want) field {
	keep := map[*leaf]bool{}
	for _, w := range want {
		if w.name == string(f.name) && !f.mark(w.below, keep) {
			return f
		}
	}
	if len(want) == 0 {
		return f
	}
	return f.keepLeaves(keep)
}

// mark marks the leaves that steps lead to, as [Record.visit] follows them, and reports
// whether there are any.
func (f *field) mark(steps []step, keep map[*leaf]bool) (found bool) {
	if len(steps) == 0 {
		for _, l := range f.leaves {
			keep[l] = true
		}
		return true
	}
	s := &steps[0]
	if f.list {
		if s.key != "" {
			f.kids[0].mark([]step{{name: s.key}}, keep)
		}
		return (s.all || s.number >= 0) && f.kids[0].mark(steps[1:], keep)
	}
	if s.rest != "" {
		for i := range f.kids {
			if string(f.kids[i].name) == s.rest {
				found = f.kids[i].mark(nil, keep)
			}
		}
	}
	for i := range f.kids {
		if !s.all && string(f.kids[i].name) == s.name && f.kids[i].mark(steps[1:], keep) {
			found = true
		}
	}
	return found
}

// keepLeaves returns f with the leaves to keep.
func (f field) keepLeaves(keep map[*leaf]bool) field {
	f.leaves = slices.DeleteFunc(slices.Clone(f.leaves), func(l *leaf) bool { return !keep[l] })
	kids := f.kids
	f.kids = nil
	for _, kid := range kids {
		if kid = kid.keepLeaves(keep); len(kid.leaves) > 0 {
			f.kids = append(f.kids, kid)
		}
	}
	return f
}

// columns returns the fields of the file that are wanted.
func (p *Parquet) columns(want Want) (fields []field, err error) {
	sc := p.file.MetaData().Schema
	root := sc.Root()
	var leaves []*leaf
	for i := range root.NumFields() {
		f, err := shape(root.Field(i), 0, 0, &leaves)
		if err != nil {
			return nil, err
		}
		if !want.has(f.name) {
			continue
		}
		f = f.project(want)
		for _, l := range f.leaves {
			l.desc = sc.Column(l.index)
		}
		fields = append(fields, f)
	}
	return fields, nil
}
