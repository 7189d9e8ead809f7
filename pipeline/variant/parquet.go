package variant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
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
		props.BufferSize = 256 << 10
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

// leaf is a column being read.
type leaf struct {
	index    int
	max      int16 // its definition level when it has a value
	at, n    int   // levels taken and held
	defs     []int16
	reps     []int16
	more     func() (levels int, err error) // reads the next batch
	put      func(t *tape, key []byte) error
	finished bool
}

// peek gives the levels of the next entry; ok is false at the column's end.
func (l *leaf) peek() (def, rep int16, ok bool, err error) {
	if l.at == l.n && !l.finished {
		l.at = 0
		if l.n, err = l.more(); err != nil {
			return 0, 0, false, err
		}
		l.finished = l.n == 0
	}
	if l.finished {
		return 0, 0, false, nil
	}
	return l.defs[l.at], l.reps[l.at], true, nil
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
	l.at++
	if def == l.max {
		return l.put(t, key)
	}
	if t != nil {
		t.leaf(null, key, nil)
	}
	return nil
}

// reader and writer are what the library's typed columns have in common.
type reader[T any] interface {
	Err() error
	ReadBatch(n int64, values []T, defs, reps []int16) (int64, int, error)
}

type writer[T any] interface {
	WriteBatch(values []T, defs, reps []int16) (int64, error)
}

// load makes l read from r, whose values render appends to a text.
func load[T any](l *leaf, r reader[T], k kind, render func(dst []byte, v T) []byte) {
	values := make([]T, batch)
	next, have := 0, 0
	l.more = func() (int, error) {
		n, m, err := r.ReadBatch(batch, values, l.defs, l.reps)
		next, have = 0, m
		if n == 0 && err == nil {
			err = r.Err()
		}
		return int(n), err
	}
	l.put = func(t *tape, key []byte) error {
		if next == have {
			return errLevels
		}
		v := values[next]
		next++
		if t == nil {
			return nil
		}
		if b, ok := any(v).(parquet.ByteArray); ok && k == text {
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

// begin makes l read its column of a row group.
func (l *leaf) begin(g *file.RowGroupReader) error {
	c, err := g.Column(l.index)
	if err != nil {
		return err
	}
	d := c.Descriptor()
	*l = leaf{index: l.index, max: d.MaxDefinitionLevel(), defs: make([]int16, batch), reps: make([]int16, batch)}
	other := func() string {
		if s := d.LogicalType().String(); s != "None" {
			return s
		}
		return d.PhysicalType().String()
	}
	plain, signed := false, true
	switch t := d.LogicalType().(type) {
	case nil, schema.NoLogicalType, schema.NullLogicalType, schema.UnknownLogicalType, schema.StringLogicalType, schema.JSONLogicalType, schema.EnumLogicalType:
		plain = true
	case schema.IntLogicalType:
		plain, signed = true, t.IsSigned()
	}
	k := scalar
	if !plain {
		k = foreign
	}
	switch r := c.(type) {
	case *file.BooleanColumnChunkReader:
		load(l, r, k, func(b []byte, v bool) []byte { return strconv.AppendBool(b, v) })
	case *file.Int32ColumnChunkReader:
		load(l, r, k, func(b []byte, v int32) []byte {
			if k == foreign {
				return append(b, other()...)
			}
			if !signed {
				return strconv.AppendUint(b, uint64(uint32(v)), 10)
			}
			return strconv.AppendInt(b, int64(v), 10)
		})
	case *file.Int64ColumnChunkReader:
		load(l, r, k, func(b []byte, v int64) []byte {
			if k == foreign {
				return append(b, other()...)
			}
			if !signed {
				return strconv.AppendUint(b, uint64(v), 10)
			}
			return strconv.AppendInt(b, v, 10)
		})
	case *file.Float32ColumnChunkReader:
		load(l, r, k, func(b []byte, v float32) []byte { return strconv.AppendFloat(b, float64(v), 'g', -1, 32) })
	case *file.Float64ColumnChunkReader:
		load(l, r, k, func(b []byte, v float64) []byte { return strconv.AppendFloat(b, v, 'g', -1, 64) })
	case *file.ByteArrayColumnChunkReader:
		if k == scalar {
			k = text
		}
		load(l, r, k, func(b []byte, _ parquet.ByteArray) []byte { return append(b, other()...) })
	case *file.FixedLenByteArrayColumnChunkReader:
		load(l, r, foreign, func(b []byte, _ parquet.FixedLenByteArray) []byte { return append(b, other()...) })
	case *file.Int96ColumnChunkReader:
		load(l, r, foreign, func(b []byte, _ parquet.Int96) []byte { return append(b, other()...) })
	default:
		return fmt.Errorf("column %q: unknown type %s", clip(d.Path()), d.PhysicalType())
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
	root := s.MetaData().Schema.Root()
	var leaves []*leaf
	for i := range root.NumFields() {
		f, err := shape(root.Field(i), 0, 0, &leaves)
		if err != nil {
			return nil, err
		}
		if wanted(root.Field(i).Name()) {
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
				if err := copyColumn(g, c, groups, sides); err != nil {
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
func copyColumn(g *file.RowGroupReader, c int, to [2]file.SerialRowGroupWriter, sides []uint8) error {
	r, err := g.Column(c)
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
		return copyValues[bool](r, r.Descriptor(), w, sides)
	case *file.Int32ColumnChunkReader:
		return copyValues[int32](r, r.Descriptor(), w, sides)
	case *file.Int64ColumnChunkReader:
		return copyValues[int64](r, r.Descriptor(), w, sides)
	case *file.Int96ColumnChunkReader:
		return copyValues[parquet.Int96](r, r.Descriptor(), w, sides)
	case *file.Float32ColumnChunkReader:
		return copyValues[float32](r, r.Descriptor(), w, sides)
	case *file.Float64ColumnChunkReader:
		return copyValues[float64](r, r.Descriptor(), w, sides)
	case *file.ByteArrayColumnChunkReader:
		return copyValues[parquet.ByteArray](r, r.Descriptor(), w, sides)
	case *file.FixedLenByteArrayColumnChunkReader:
		return copyValues[parquet.FixedLenByteArray](r, r.Descriptor(), w, sides)
	}
	return fmt.Errorf("unknown type %s", r.Type())
}

func copyValues[T any](r reader[T], d *schema.Column, to [2]file.ColumnChunkWriter, sides []uint8) error {
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
	values, defs, reps := make([]T, batch), make([]int16, batch), make([]int16, batch)
	maxDef, maxRep := d.MaxDefinitionLevel(), d.MaxRepetitionLevel()
	row := -1
	for {
		n, m, err := r.ReadBatch(batch, values, defs, reps)
		if err == nil && n == 0 {
			err = r.Err()
		}
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		have := values[:m]
		for i := range n {
			if reps[i] == 0 {
				row++
			}
			if row < 0 || row >= len(sides) {
				return errLevels
			}
			s := &shares[sides[row]]
			if maxDef > 0 {
				s.defs = append(s.defs, defs[i])
			}
			if maxRep > 0 {
				s.reps = append(s.reps, reps[i])
			}
			if defs[i] == maxDef {
				if len(have) == 0 {
					return errLevels
				}
				s.values, have = append(s.values, have[0]), have[1:]
			}
		}
		if len(have) > 0 {
			return errLevels
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
