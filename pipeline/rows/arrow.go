package rows

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// fileMagic begins an Arrow file, padded to eight bytes, and ends it.
const fileMagic = "ARROW1"

// Arrow reads the rows of an Arrow file or stream, a batch at a time.
type Arrow struct {
	in     *Input
	mem    *limited
	m      *messages
	r      *ipc.Reader
	file   bool
	wanted []int // columns
	batch  arrow.Record
	row    int // the next of the batch
}

// openArrowStream reads a stream up to its end mark. A stream without one is refused, although
// the format allows it: it may have been truncated between two batches.
func openArrowStream(in *Input, o Options) (Reader, error) {
	return openMessages(in, &messages{r: bufio.NewReaderSize(in, 64<<10), max: limitFactor * o.MaxRow}, o)
}

func openMessages(in *Input, m *messages, o Options) (Reader, error) {
	a := &Arrow{in: in, m: m, mem: newLimited(o.MaxRow), file: m.at != nil}
	err := guard(func() (err error) {
		if a.r, err = ipc.NewReaderFromMessageReader(m, ipc.WithAllocator(a.mem)); err != nil {
			return err
		}
		var types []arrow.DataType
		for i, f := range a.r.Schema().Fields() {
			types = append(types, f.Type)
			if o.Want.has([]byte(f.Name)) {
				a.wanted = append(a.wanted, i)
			}
		}
		m.views, m.dictViews = countViews(types)
		return nil
	})
	if err != nil {
		return nil, in.Cause(m.or(err))
	}
	return a, nil
}

// Columns are the names of all columns.
func (a *Arrow) Columns() []string { return columnNames(a.r.Schema().Fields(), "") }

// columnNames lists the names of columns, with dots in structs.
func columnNames(fields []arrow.Field, within string) (names []string) {
	for _, f := range fields {
		if st, ok := f.Type.(*arrow.StructType); ok {
			names = append(names, columnNames(st.Fields(), within+f.Name+".")...)
		} else {
			names = append(names, within+f.Name)
		}
	}
	return names
}

// Next makes rec the next row.
func (a *Arrow) Next(rec *Record) error {
	for a.batch == nil || a.row == int(a.batch.NumRows()) {
		if err := a.more(); err != nil {
			return err
		}
	}
	return a.in.Cause(guard(func() error {
		rec.reset()
		root := rec.open(object, nil)
		for _, c := range a.wanted {
			rec.arrow([]byte(a.batch.ColumnName(c)), a.batch.Column(c), a.row)
		}
		rec.shut(root)
		a.row++
		return nil
	}))
}

// more reads the next batch. After the last it returns io.EOF.
func (a *Arrow) more() error {
	err := guard(func() error {
		a.mem.step()
		if !a.r.Next() {
			if a.r.Err() != nil {
				return a.r.Err()
			}
			return io.EOF
		}
		a.batch, a.row = a.r.Record(), 0
		for i, c := range a.batch.Columns() { // the library accepts a batch of fewer rows
			if int64(c.Len()) != a.batch.NumRows() {
				return fmt.Errorf("a batch of %d rows whose column %q has %d: %w",
					a.batch.NumRows(), Clip(a.batch.ColumnName(i)), c.Len(), ErrCorrupt)
			}
		}
		return nil
	})
	switch {
	case err == io.EOF && a.m.ended:
		if err := a.m.end(a.in); err != nil {
			return err
		}
		return io.EOF
	case err != nil:
		return a.in.Cause(a.m.or(err))
	}
	return nil
}

// arrow appends value i of an array.
func (r *Record) arrow(key []byte, a arrow.Array, i int) {
	if a.IsNull(i) {
		r.leaf(null, key, nil)
		return
	}
	if l, ok := a.(array.ListLike); ok && r.ids.wants(key) && r.arrowIDs(key, l, i) {
		return
	}
	number := func(s []byte) { r.leaf(scalar, key, s) }
	switch a := a.(type) {
	case *array.RunEndEncoded:
		r.arrow(key, a.Values(), a.GetPhysicalIndex(i))
	case *array.Dictionary:
		r.arrow(key, a.Dictionary(), a.GetValueIndex(i))
	case *array.String:
		from := int(a.ValueOffset(0))
		r.plain(text, key, a.ValueBytes()[a.ValueOffset(i)-from:a.ValueOffset(i+1)-from])
	case *array.Binary:
		r.plain(text, key, a.Value(i))
	case *array.LargeBinary:
		r.plain(text, key, a.Value(i))
	case *array.BinaryView:
		r.plain(text, key, a.Value(i))
	case array.StringLike:
		r.plain(text, key, []byte(a.Value(i)))
	case *array.Boolean:
		number(strconv.AppendBool(nil, a.Value(i)))
	case *array.Int8:
		number(strconv.AppendInt(nil, int64(a.Value(i)), 10))
	case *array.Int16:
		number(strconv.AppendInt(nil, int64(a.Value(i)), 10))
	case *array.Int32:
		number(strconv.AppendInt(nil, int64(a.Value(i)), 10))
	case *array.Int64:
		number(strconv.AppendInt(nil, a.Value(i), 10))
	case *array.Uint8:
		number(strconv.AppendUint(nil, uint64(a.Value(i)), 10))
	case *array.Uint16:
		number(strconv.AppendUint(nil, uint64(a.Value(i)), 10))
	case *array.Uint32:
		number(strconv.AppendUint(nil, uint64(a.Value(i)), 10))
	case *array.Uint64:
		number(strconv.AppendUint(nil, a.Value(i), 10))
	case *array.Float32:
		number(strconv.AppendFloat(nil, float64(a.Value(i)), 'g', -1, 32))
	case *array.Float64:
		number(strconv.AppendFloat(nil, a.Value(i), 'g', -1, 64))
	case *array.Struct:
		self := r.open(object, key)
		t := a.DataType().(*arrow.StructType)
		for k := range a.NumField() {
			r.arrow([]byte(t.Field(k).Name), a.Field(k), i)
		}
		r.shut(self)
	case array.ListLike:
		self := r.open(listed, key)
		from, to := a.ValueOffsets(i)
		if to-from > MaxRecord/16 {
			panic(fmt.Errorf("a list of %d elements: %w", to-from, ErrTooLong))
		}
		for k := from; k < to; k++ {
			r.arrow(nil, a.ListValues(), int(k))
		}
		r.shut(self)
	default:
		r.leaf(foreign, key, []byte(a.DataType().String()))
	}
}

// arrowIDs appends value i, a list of token ids, as the text that they are; false where it is
// another list. What is wrong with the ids the record keeps.
func (r *Record) arrowIDs(key []byte, a array.ListLike, i int) bool {
	values := a.ListValues()
	from, to := a.ValueOffsets(i)
	if from < 0 || to < from || to > int64(values.Len()) {
		panic(fmt.Errorf("a list from %d to %d of %d values: %w", from, to, values.Len(), ErrCorrupt))
	}
	if values.NullN() > 0 {
		return false
	}
	r.ids.begin()
	for from < to && r.ids.err == nil {
		n := min(to-from, idBatch)
		ids, ok := appendArrowIDs(r.ids.ids[:0], values, int(from), int(from+n))
		if !ok {
			return false
		}
		r.ids.ids = ids
		r.ids.flush()
		from += n
	}
	r.decoded(key)
	return true
}

// appendArrowIDs appends values of an array of whole numbers; ok is false for any other.
func appendArrowIDs(dst []uint32, a arrow.Array, from, to int) (_ []uint32, ok bool) {
	switch a := a.(type) {
	case *array.Uint8:
		return appendIDs(dst, a.Uint8Values()[from:to]), true
	case *array.Uint16:
		return appendIDs(dst, a.Uint16Values()[from:to]), true
	case *array.Int16:
		return appendIDs(dst, a.Int16Values()[from:to]), true
	case *array.Uint32:
		return appendIDs(dst, a.Uint32Values()[from:to]), true
	case *array.Int32:
		return appendIDs(dst, a.Int32Values()[from:to]), true
	case *array.Uint64:
		return appendIDs(dst, a.Uint64Values()[from:to]), true
	case *array.Int64:
		return appendIDs(dst, a.Int64Values()[from:to]), true
	}
	return dst, false
}

// Divide copies the rows to two outputs, each row to the one that side says, by number and
// in order. It is for an Arrow of which no row was read, with all columns wanted. Schema,
// metadata and values are kept, batches and their compression are not.
func (a *Arrow) Divide(ctx context.Context, out [2]io.Writer, items int, side func(n int) int) error {
	type writer interface {
		Write(arrow.Record) error
		Close() error
	}
	var writers [2]writer
	for k := range out {
		opts := []ipc.Option{ipc.WithSchema(a.r.Schema()), ipc.WithDictionaryDeltas(false)}
		if a.file {
			w, err := ipc.NewFileWriter(&positioned{w: out[k]}, opts...)
			if err != nil {
				return err
			}
			writers[k] = w
		} else {
			writers[k] = ipc.NewWriter(out[k], opts...)
		}
	}
	n := 0
	for {
		err := a.more()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		err = guard(func() error {
			rows := int(a.batch.NumRows())
			if rows > items-n {
				return fmt.Errorf("more rows than before: %w", ErrCorrupt)
			}
			sides := make([]int, rows)
			for i := range sides {
				sides[i] = side(n + i)
			}
			n += rows
			for from := 0; from < rows; {
				if err := ctx.Err(); err != nil {
					return err
				}
				to := from + 1
				for to < rows && sides[to] == sides[from] {
					to++
				}
				part := a.batch.NewSlice(int64(from), int64(to))
				err := writers[sides[from]].Write(part)
				part.Release()
				if err != nil {
					return err
				}
				from = to
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, w := range writers {
		if err := w.Close(); err != nil {
			return err
		}
	}
	return nil
}

// positioned knows how much was written, which is all that a writer of files asks.
type positioned struct {
	w io.Writer
	n int64
}

func (p *positioned) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.n += int64(n)
	return n, err
}

func (p *positioned) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, fmt.Errorf("seek in a stream: %w", ErrUnsupported)
	}
	return p.n, nil
}

// messages cuts a stream into messages. The library's own reader allocates what a
// damaged length says, and takes a stream cut inside a message for one that ended.
type messages struct {
	r     *bufio.Reader
	max   int // bytes of a message
	ended bool
	fail  error

	at     io.ReaderAt // of a file, whose footer says where the blocks are; else nil
	schema []byte      // head of the first message of a file, until it is read
	blocks []block     // to be read

	views, dictViews int // of the schema, once it is read
}

func (m *messages) Retain()  {}
func (m *messages) Release() {}

// or is what went wrong in here, else err.
func (m *messages) or(err error) error {
	if m.fail != nil {
		return m.fail
	}
	return err
}

// end makes sure that nothing follows the stream.
func (m *messages) end(in *Input) error {
	if m.at != nil {
		return nil
	}
	if _, err := m.r.ReadByte(); err != io.EOF {
		return in.Cause(fmt.Errorf("bytes after the end mark: %w", ErrCorrupt))
	}
	return nil
}

// Message returns the next message, or io.EOF at the end of the stream.
func (m *messages) Message() (*ipc.Message, error) {
	msg, err := m.message()
	if err != nil && err != io.EOF {
		m.fail = err
	}
	return msg, err
}

// continued begins a message, but not before Arrow 0.15.
const continued = 0xffffffff

func (m *messages) message() (*ipc.Message, error) {
	if m.at != nil {
		return m.fromFooter()
	}
	n, err := m.uint32()
	if err == nil && n == continued {
		n, err = m.uint32()
	}
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		m.ended = true
		return nil, io.EOF
	case n < 8:
		return nil, fmt.Errorf("message head of %d bytes: %w", n, ErrCorrupt)
	}
	head, err := m.readBytes(int64(n))
	if err != nil {
		return nil, err
	}
	if err := checkHead(head, m.views, m.dictViews); err != nil {
		return nil, err
	}
	meta := memory.NewBufferBytes(head)
	bodyLen := ipc.NewMessage(meta, memory.NewBufferBytes(nil)).BodyLen()
	if bodyLen < 0 {
		return nil, fmt.Errorf("message body of %d bytes: %w", bodyLen, ErrCorrupt)
	}
	body, err := m.readBytes(bodyLen)
	if err != nil {
		return nil, err
	}
	return ipc.NewMessage(meta, memory.NewBufferBytes(body)), nil
}

func (m *messages) uint32() (uint32, error) {
	b, err := m.readBytes(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

// readBytes reads n bytes.
func (m *messages) readBytes(n int64) ([]byte, error) {
	b, err := readUpTo(m.r, n, m.max)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("ends without its end mark: %w", ErrCorrupt)
	}
	return b, err
}
