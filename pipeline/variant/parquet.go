package variant

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"swab/pipeline/shard"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/schema"
)

// Parquet is read and written below Arrow, as the levels and values of each leaf
// column: that copies rows of any schema exactly, and needs no more than a page
// of each column in memory.

// batch is how many levels of a column are read at a time.
const batch = 1024

// safely turns a panic of the Parquet library, which damaged files provoke, into
// an error.
func safely(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: the Parquet reader gave up: %v", shard.ErrCorrupt, v)
		}
	}()
	return f()
}

// stored is an open Parquet file.
type stored struct {
	*file.Reader
	shard *shard.Reader
	temp  *os.File // its plain bytes, if it is compressed as a whole
}

func (f *File) openParquet() (_ *stored, err error) {
	s := new(stored)
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.shard, err = f.open(); err != nil {
		return nil, err
	}
	var at io.ReaderAt
	var size int64
	if f.compression == shard.None {
		at, size, err = s.shard.ReaderAt()
	} else if s.temp, err = os.CreateTemp("", "swab-*.parquet"); err == nil {
		at = s.temp
		size, err = io.Copy(s.temp, s.shard)
	}
	if err != nil {
		return nil, err
	}
	err = safely(func() (err error) {
		// The Go allocator gives each page memory of its own and takes none back, so
		// values that point into a page outlive it.
		props := parquet.NewReaderProperties(memory.NewGoAllocator())
		props.BufferedStreamEnabled = true
		props.BufferSize = 64 << 10
		s.Reader, err = file.NewParquetReader(io.NewSectionReader(at, 0, size), file.WithReadProps(props))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", show(f.Path), err)
	}
	return s, nil
}

func (s *stored) close() {
	if s.shard != nil {
		s.shard.Close()
	}
	if s.temp != nil {
		s.temp.Close()
		os.Remove(s.temp.Name())
	}
}

// pages feeds the library's decoder one page at a time, and reads the levels
// itself. The library's own loop over levels and pages never ends where a damaged
// page has fewer levels or values than it says, so it is given pages of values
// alone, each with one run of levels that say that every value is there.
type pages struct {
	file.PageReader
	max, maxRep int16
	queue       []file.Page
	current     file.Page
	defs, reps  levels
	left        int // levels of the page not given out yet
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

var errPage = fmt.Errorf("%w: a page's levels do not fit it", shard.ErrCorrupt)

// load queues the next page; false means that there is none.
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
			p.queue = append(p.queue, file.NewDictionaryPage(memory.NewBufferBytes(data), page.NumValues(), parquet.Encoding(page.Encoding())))
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
					return false, fmt.Errorf("levels encoded as %s", l.encoding)
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
		if !ok || n > maxRecord {
			return false, errPage
		}
		if n == 0 {
			continue
		}
		values, err := p.defs.count(n)
		if err == nil {
			err = checkDelta(parquet.Encoding(page.Encoding()), data, values)
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
			p.queue = append(p.queue, file.NewDataPageV1(memory.NewBufferBytes(run), int32(values), parquet.Encoding(page.Encoding()), parquet.Encodings.RLE, parquet.Encodings.RLE, int32(len(run))))
		}
		return true, nil
	}
	return false, p.PageReader.Err()
}

// checkDelta checks that a page's delta encoding holds no more than n values. The
// library takes memory for as many as the page says.
func checkDelta(e parquet.Encoding, data []byte, n int) error {
	if n == 0 || e != parquet.Encodings.DeltaBinaryPacked && e != parquet.Encodings.DeltaLengthByteArray && e != parquet.Encodings.DeltaByteArray {
		return nil
	}
	rest, err := skipDelta(data, n)
	if err == nil && e == parquet.Encodings.DeltaByteArray { // prefix lengths, then suffix lengths
		_, err = skipDelta(rest, n)
	}
	return err
}

// skipDelta gives what follows a delta encoding of at most n integers.
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

// next fills dst.
func (l *levels) next(dst []int16) error {
	if l.max == 0 {
		clear(dst)
		return nil
	}
	width := bits.Len16(uint16(l.max))
	for len(dst) > 0 {
		if l.run == 0 {
			head, n := binary.Uvarint(l.data)
			if n <= 0 || head>>1 == 0 || head>>1 > math.MaxInt32 {
				return errPage
			}
			l.data = l.data[n:]
			l.run, l.bits = int(head>>1), nil
			size := (width + 7) / 8
			if head&1 == 1 {
				size = min(l.run*width, len(l.data)) // a last group may be cut
				l.run *= 8
				l.bits, l.at = l.data[:size], 0
			} else if len(l.data) < size {
				return errPage
			} else {
				l.same = int16(l.data[0])
				if size > 1 {
					l.same |= int16(l.data[1]) << 8
				}
			}
			l.data = l.data[size:]
		}
		n := min(l.run, len(dst))
		for i := range n {
			v := l.same
			if l.bits != nil {
				if l.at+width > 8*len(l.bits) {
					return errPage
				}
				v = 0
				for b := range width {
					v |= int16(l.bits[(l.at+b)/8]>>((l.at+b)%8)&1) << b
				}
				l.at += width
			}
			if v < 0 || v > l.max {
				return errPage
			}
			dst[i] = v
		}
		l.run -= n
		dst = dst[n:]
	}
	return nil
}

// count gives how many of the next n levels are the highest, and leaves l as it is.
func (l levels) count(n int) (highest int, err error) {
	var part [batch]int16
	for n > 0 {
		p := part[:min(n, batch)]
		if err := l.next(p); err != nil {
			return 0, err
		}
		for _, v := range p {
			if v == l.max {
				highest++
			}
		}
		n -= len(p)
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

// next gives the next entries: their levels, and a value for each whose
// definition level is the highest. None means the end.
func (c *chunk[T]) next() (defs, reps []int16, values []T, err error) {
	if c.left == 0 {
		if more, err := c.load(); err != nil || !more {
			return nil, nil, nil, err
		}
	}
	n := min(c.left, batch)
	c.left -= n
	defs, reps = c.defs[:n], c.reps[:n]
	if err := errors.Join(c.pages.defs.next(defs), c.pages.reps.next(reps)); err != nil {
		return nil, nil, nil, err
	}
	have := 0
	for _, d := range defs {
		if d == c.max {
			have++
		}
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

// column opens column i of a row group: the library's decoder, and the pages that
// feed it.
func column(g *file.RowGroupReader, i int, d *schema.Column) (file.ColumnChunkReader, *pages, error) {
	in, err := g.GetColumnPageReader(i)
	if err != nil {
		return nil, nil, err
	}
	node, ok := d.SchemaNode().(*schema.PrimitiveNode)
	if !ok {
		return nil, nil, errShape
	}
	p := &pages{PageReader: in, max: d.MaxDefinitionLevel(), maxRep: d.MaxRepetitionLevel()}
	return file.NewColumnReader(schema.NewColumn(node, 1, 0), p, memory.NewGoAllocator(), new(sync.Pool)), p, nil
}

// leaf is a column from which rows are put together.
type leaf struct {
	index      int
	desc       *schema.Column
	defs, reps []int16 // of the entries not taken yet
	more       func() error
	put        func(t *tape, key []byte) error
	finished   bool
}

// peek gives the levels of the next entry; ok is false at the column's end.
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

var errLevels = fmt.Errorf("%w: columns do not agree on their rows", shard.ErrCorrupt)

// take puts the next entry on the tape, or passes it over when t is nil.
func (l *leaf) take(t *tape, key []byte) error {
	def, _, ok, err := l.peek()
	if err != nil {
		return err
	}
	if !ok {
		return errLevels
	}
	l.defs, l.reps = l.defs[1:], l.reps[1:]
	if def == l.desc.MaxDefinitionLevel() {
		return l.put(t, key)
	}
	if t != nil {
		t.leaf(null, key, nil)
	}
	return nil
}

// from makes l take its entries from r; render appends a value to a text.
func from[T any](l *leaf, p *pages, r reader[T], k kind, render func(dst []byte, v T) []byte) {
	c := &chunk[T]{pages: p, r: r}
	var values []T
	l.more = func() (err error) {
		l.defs, l.reps, values, err = c.next()
		return err
	}
	name := typeName(l.desc)
	l.put = func(t *tape, key []byte) error {
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
			if !utf8.Valid(b) {
				return errUTF8
			}
			t.leaf(text, key, b)
			return nil
		}
		start := len(t.buf)
		t.buf = render(t.buf, v)
		t.leaf(k, key, t.buf[start:len(t.buf):len(t.buf)])
		return nil
	}
}

// typeName is how messages call a column's type.
func typeName(d *schema.Column) []byte {
	if t := d.LogicalType(); t != nil && !t.IsNone() {
		return []byte(t.String())
	}
	return []byte(d.PhysicalType().String())
}

// begin makes l read its column of a row group.
func (l *leaf) begin(g *file.RowGroupReader) error {
	c, p, err := column(g, l.index, l.desc)
	if err != nil {
		return err
	}
	l.defs, l.reps, l.finished = nil, nil, false
	k, signed := foreign, true
	switch t := l.desc.LogicalType().(type) {
	case nil, schema.NoLogicalType, schema.NullLogicalType, schema.UnknownLogicalType, schema.StringLogicalType, schema.JSONLogicalType, schema.EnumLogicalType:
		k = scalar
	case interface{ IsSigned() bool }:
		k, signed = scalar, t.IsSigned()
	}
	switch r := c.(type) {
	case *file.BooleanColumnChunkReader:
		from(l, p, r, k, strconv.AppendBool)
	case *file.Int32ColumnChunkReader:
		from(l, p, r, k, func(b []byte, v int32) []byte {
			if signed {
				return strconv.AppendInt(b, int64(v), 10)
			}
			return strconv.AppendUint(b, uint64(uint32(v)), 10)
		})
	case *file.Int64ColumnChunkReader:
		from(l, p, r, k, func(b []byte, v int64) []byte {
			if signed {
				return strconv.AppendInt(b, v, 10)
			}
			return strconv.AppendUint(b, uint64(v), 10)
		})
	case *file.Float32ColumnChunkReader:
		from(l, p, r, k, func(b []byte, v float32) []byte { return strconv.AppendFloat(b, float64(v), 'g', -1, 32) })
	case *file.Float64ColumnChunkReader:
		from(l, p, r, k, func(b []byte, v float64) []byte { return strconv.AppendFloat(b, v, 'g', -1, 64) })
	case *file.ByteArrayColumnChunkReader:
		from(l, p, r, k, nil)
	case *file.FixedLenByteArrayColumnChunkReader:
		from(l, p, r, foreign, nil)
	case *file.Int96ColumnChunkReader:
		from(l, p, r, foreign, nil)
	default:
		return fmt.Errorf("unknown type %s", l.desc.PhysicalType())
	}
	return nil
}

// field is one node of a schema, from which rows are put together.
type field struct {
	name   []byte
	def    int16 // definition level from which it is not null
	list   bool
	item   int16   // a list's: definition level from which it has an element
	rep    int16   // a list's: repetition level of all elements but the first
	kids   []field // of an object; of a list its element
	leaves []*leaf // all below it
}

// maxNodes bounds a row's values, which a few damaged bytes can make many.
const maxNodes = maxRecord / 16

var errShape = errors.New("a schema with empty groups, or nested too deep")

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
			// Two levels in old files, three by the format's rules for telling.
			ig, ok := inner.(*schema.GroupNode)
			if ok && ig.NumFields() == 1 && inner.Name() != "array" && inner.Name() != n.Name()+"_tuple" {
				return listOf(n, ig.Field(0), true, def, rep, leaves)
			}
			return listOf(n, inner, false, def, rep, leaves)
		}
	}
	return body(n, def, rep, leaves)
}

// listOf gives a list field of n's name whose elements are elem. whole says that
// elem's own repetition counts.
func listOf(n, elem schema.Node, whole bool, def, rep int16, leaves *[]*leaf) (field, error) {
	f := field{name: []byte(n.Name()), def: def, list: true, item: def + 1, rep: rep + 1}
	of := body
	if whole {
		of = shape
	}
	kid, err := of(elem, f.item, f.rep, leaves)
	f.kids, f.leaves = []field{kid}, kid.leaves
	return f, err
}

// body gives the field of n, whatever its repetition is.
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

// row puts the next value of f on the tape.
func (f *field) row(t *tape, key []byte) error {
	if f.kids == nil {
		return f.leaves[0].take(t, key)
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
			if err := l.take(nil, nil); err != nil {
				return err
			}
		}
		if def < f.def {
			t.leaf(null, key, nil)
		} else {
			t.shut(t.open(array, key))
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
	self := t.open(array, key)
	for {
		if len(t.nodes) > maxNodes {
			return errTooLong
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

// columns gives the fields of the file that are wanted.
func (s *stored) columns(wanted func(name string) bool) (fields []field, err error) {
	sc := s.MetaData().Schema
	root := sc.Root()
	var leaves []*leaf
	for i := range root.NumFields() {
		f, err := shape(root.Field(i), 0, 0, &leaves)
		if err != nil {
			return nil, err
		}
		if wanted(root.Field(i).Name()) {
			for _, l := range f.leaves {
				l.desc = sc.Column(l.index)
			}
			fields = append(fields, f)
		}
	}
	return fields, nil
}

// needs says whether the mapping reads a column.
func (f *File) needs(name string) bool {
	return f.mapping == nil || slices.ContainsFunc(f.mapping.sources(), func(s source) bool {
		return s.path[0] == name || s.written == name
	})
}

func (f *File) readParquet(ctx context.Context, visit func(n int, t *tape) error) error {
	s, err := f.openParquet()
	if err != nil {
		return err
	}
	defer s.close()
	var fields []field
	if err := safely(func() (err error) {
		fields, err = s.columns(f.needs)
		return err
	}); err != nil {
		return fmt.Errorf("%s: %w", show(f.Path), err)
	}
	var t tape
	n := 0
	for i := range s.NumRowGroups() {
		var rows int64
		if err := safely(func() error {
			g := s.RowGroup(i)
			rows = g.NumRows()
			for _, c := range fields {
				for _, l := range c.leaves {
					if err := l.begin(g); err != nil {
						return err
					}
				}
			}
			return nil
		}); err != nil {
			return f.at(n, err)
		}
		for range rows {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := safely(func() error {
				t.reset()
				root := t.open(object, nil)
				for k := range fields {
					for _, l := range fields[k].leaves {
						if _, rep, ok, err := l.peek(); err != nil {
							return err
						} else if !ok || rep != 0 {
							return errLevels
						}
					}
					if err := fields[k].row(&t, fields[k].name); err != nil {
						return fmt.Errorf("column %q: %w", clip(fields[k].name), err)
					}
				}
				t.shut(root)
				return nil
			})
			if err == nil {
				err = visit(n, &t)
			}
			if err == errStop {
				return err
			}
			if err != nil {
				return f.at(n, err)
			}
			n++
		}
		for _, c := range fields {
			for _, l := range c.leaves {
				if err := safely(func() error {
					if _, _, ok, err := l.peek(); err != nil || !ok {
						return err
					}
					return errLevels
				}); err != nil {
					return f.at(n, err)
				}
			}
		}
	}
	return f.finish(s.shard, n)
}

// sink keeps the first error of a writer, in case the library drops it, and hides
// whatever else the writer can do.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if s.err == nil {
		s.err = err
	}
	return n, err
}

func (f *File) divideParquet(ctx context.Context, out [2]io.Writer, side func(n int) int) error {
	s, err := f.openParquet()
	if err != nil {
		return err
	}
	defer s.close()
	if s.NumRows() != int64(f.Items) {
		return fmt.Errorf("%s: %w", show(f.Path), ErrChanged)
	}
	sinks := [2]*sink{{w: out[0]}, {w: out[1]}}
	n := 0
	if err := safely(func() error {
		meta := s.MetaData()
		root := meta.Schema.Root()
		props := []parquet.WriterProperty{parquet.WithRootName(root.Name()), parquet.WithRootRepetition(root.RepetitionType())}
		for c := range meta.Schema.NumColumns() {
			codec := compress.Codecs.Snappy
			if s.NumRowGroups() > 0 {
				chunk, err := meta.RowGroup(0).ColumnChunk(c)
				if err != nil {
					return err
				}
				codec = chunk.Compression()
			}
			props = append(props, parquet.WithCompressionPath(parquet.ColumnPath(meta.Schema.Column(c).ColumnPath()), codec))
		}
		var writers [2]*file.Writer
		for i := range writers {
			writers[i] = file.NewParquetWriter(sinks[i], root, file.WithWriterProps(parquet.NewWriterProperties(props...)), file.WithWriteMetadata(meta.KeyValueMetadata()))
		}
		for i := range s.NumRowGroups() {
			g := s.RowGroup(i)
			sides := make([]uint8, 0, min(g.NumRows(), int64(f.Items-n)))
			var count [2]int
			for range g.NumRows() {
				if n == f.Items {
					return ErrChanged
				}
				at := side(n)
				sides = append(sides, uint8(at))
				count[at]++
				n++
			}
			var groups [2]file.SerialRowGroupWriter
			for k := range groups {
				if count[k] > 0 {
					groups[k] = writers[k].AppendRowGroup()
				}
			}
			for c := range meta.Schema.NumColumns() {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := copyColumn(g, c, meta.Schema.Column(c), groups, sides); err != nil {
					return fmt.Errorf("column %q: %w", clip(meta.Schema.Column(c).Path()), err)
				}
			}
			for _, w := range groups {
				if w != nil {
					if err := w.Close(); err != nil {
						return err
					}
				}
			}
		}
		return errors.Join(writers[0].Close(), writers[1].Close(), sinks[0].err, sinks[1].err)
	}); err != nil {
		return fmt.Errorf("%s: %w", show(f.Path), err)
	}
	return f.finish(s.shard, n)
}

// copyColumn copies column c of a row group to the groups that the rows' sides say.
func copyColumn(g *file.RowGroupReader, c int, d *schema.Column, to [2]file.SerialRowGroupWriter, sides []uint8) error {
	r, p, err := column(g, c, d)
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
		return copyValues[bool](&chunk[bool]{pages: p, r: r}, w, sides)
	case *file.Int32ColumnChunkReader:
		return copyValues[int32](&chunk[int32]{pages: p, r: r}, w, sides)
	case *file.Int64ColumnChunkReader:
		return copyValues[int64](&chunk[int64]{pages: p, r: r}, w, sides)
	case *file.Int96ColumnChunkReader:
		return copyValues[parquet.Int96](&chunk[parquet.Int96]{pages: p, r: r}, w, sides)
	case *file.Float32ColumnChunkReader:
		return copyValues[float32](&chunk[float32]{pages: p, r: r}, w, sides)
	case *file.Float64ColumnChunkReader:
		return copyValues[float64](&chunk[float64]{pages: p, r: r}, w, sides)
	case *file.ByteArrayColumnChunkReader:
		return copyValues[parquet.ByteArray](&chunk[parquet.ByteArray]{pages: p, r: r}, w, sides)
	case *file.FixedLenByteArrayColumnChunkReader:
		return copyValues[parquet.FixedLenByteArray](&chunk[parquet.FixedLenByteArray]{pages: p, r: r}, w, sides)
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
