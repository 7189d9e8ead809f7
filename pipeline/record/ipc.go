package record

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"swab/pipeline/rows"
)

// fileMagic begins an Arrow file, padded to eight bytes, and ends it.
var fileMagic = []byte("ARROW1")

// readArrowFile reads a file from its front as the stream that it is: magic, stream,
// footer, length of the footer, magic. The footer only repeats where the batches lie;
// its place says where the stream ends, since not every writer puts an end mark.
func readArrowFile(ctx context.Context, src Source, s *sink) error {
	at, size, err := src.ReaderAt()
	if err != nil {
		return err
	}
	in := &checked{ctx: ctx, at: at}
	const headLen, tailLen = 8, 10
	var head [headLen]byte
	var tail [tailLen]byte
	if size < headLen+tailLen {
		return fmt.Errorf("%d bytes are no Arrow file: %w", size, ErrCorrupt)
	}
	if _, err := in.ReadAt(head[:], 0); err != nil {
		return in.or(err)
	}
	if _, err := in.ReadAt(tail[:], size-tailLen); err != nil {
		return in.or(err)
	}
	length := size - headLen - tailLen - int64(binary.LittleEndian.Uint32(tail[:]))
	if !bytes.HasPrefix(head[:], fileMagic) || !bytes.HasSuffix(tail[:], fileMagic) || length < 0 {
		return fmt.Errorf("does not begin and end as an Arrow file does: %w", ErrCorrupt)
	}
	r := bufio.NewReaderSize(io.NewSectionReader(in, headLen, length), 64<<10)
	m := &messages{r: r, max: limitFactor * s.o.MaxRow, bounded: true}
	if err := readMessages(in, m, s); err != nil {
		return err
	}
	return m.end(in)
}

// readArrowStream reads a stream up to its end mark. One that just stops is refused,
// though the format allows it: it could not be told from one cut between batches.
func readArrowStream(ctx context.Context, src Source, s *sink) error {
	in := &checked{ctx: ctx, r: src}
	m := &messages{r: bufio.NewReaderSize(in, 64<<10), max: limitFactor * s.o.MaxRow}
	if err := readMessages(in, m, s); err != nil {
		return err
	}
	return m.end(in)
}

func readMessages(in *checked, m *messages, s *sink) error {
	mem := newLimited(s.o)
	var r *ipc.Reader
	var text, id []int
	err := guard(func() (err error) {
		if r, err = ipc.NewReaderFromMessageReader(m, ipc.WithAllocator(mem)); err != nil {
			return err
		}
		var types []arrow.DataType
		for _, f := range r.Schema().Fields() {
			types = append(types, f.Type)
		}
		m.views, m.dictViews = countViews(types)
		text, id, err = ipcColumns(r.Schema(), s.o)
		return err
	})
	if err != nil {
		return in.or(m.or(err))
	}
	defer r.Release()
	s.row = 0
	for {
		var rec arrow.Record
		err := guard(func() error {
			mem.step()
			if !r.Next() {
				if r.Err() != nil {
					return r.Err()
				}
				return io.EOF
			}
			rec = r.Record()
			return nil
		})
		switch {
		case err == io.EOF && m.ended:
			return nil
		case err != nil:
			return in.or(m.or(err))
		}
		if err := s.putRecord(rec, text, id); err != nil {
			return in.or(err)
		}
	}
}

// putRecord adds the rows of a batch as the file has it.
func (s *sink) putRecord(rec arrow.Record, textPath, idPath []int) error {
	var texts, ids cells
	err := guard(func() error {
		texts = cellsOf(rec, textPath)
		if idPath != nil {
			ids = cellsOf(rec, idPath)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range int(rec.NumRows()) {
		var text, id []byte
		var null bool
		err := guard(func() error {
			text, null = texts.at(i)
			if idPath != nil {
				id, _ = ids.at(i)
			}
			return nil
		})
		switch {
		case err != nil:
			return err
		case null:
			s.skip(rows.Null, -1, func() string { return fmt.Sprintf("column %q", s.o.TextField) })
		default:
			if err := s.put(text, id, 0, -1); err != nil {
				return err
			}
		}
	}
	return nil
}

// cells are the values of a column that may lie in structs.
type cells struct {
	within []arrow.Array // the structs
	leaf   arrow.Array
	num    []byte
}

func cellsOf(rec arrow.Record, path []int) cells {
	var c cells
	c.leaf = rec.Column(path[0])
	for _, i := range path[1:] {
		c.within = append(c.within, c.leaf)
		c.leaf = c.leaf.(*array.Struct).Field(i)
	}
	return c
}

// at returns value i, lent until the next call, or null.
func (c *cells) at(i int) (v []byte, null bool) {
	for _, a := range c.within {
		if a.IsNull(i) {
			return nil, true
		}
	}
	if c.leaf.IsNull(i) {
		return nil, true
	}
	a := c.leaf
	if d, ok := a.(*array.Dictionary); ok {
		if a, i = d.Dictionary(), d.GetValueIndex(i); a.IsNull(i) {
			return nil, true
		}
	}
	switch a := a.(type) {
	case *array.Binary:
		return a.Value(i), false
	case *array.LargeBinary:
		return a.Value(i), false
	case *array.BinaryView:
		return a.Value(i), false
	case array.StringLike:
		c.num = append(c.num[:0], a.Value(i)...)
	case *array.Int8:
		c.num = strconv.AppendInt(c.num[:0], int64(a.Value(i)), 10)
	case *array.Int16:
		c.num = strconv.AppendInt(c.num[:0], int64(a.Value(i)), 10)
	case *array.Int32:
		c.num = strconv.AppendInt(c.num[:0], int64(a.Value(i)), 10)
	case *array.Int64:
		c.num = strconv.AppendInt(c.num[:0], a.Value(i), 10)
	case *array.Uint8:
		c.num = strconv.AppendUint(c.num[:0], uint64(a.Value(i)), 10)
	case *array.Uint16:
		c.num = strconv.AppendUint(c.num[:0], uint64(a.Value(i)), 10)
	case *array.Uint32:
		c.num = strconv.AppendUint(c.num[:0], uint64(a.Value(i)), 10)
	case *array.Uint64:
		c.num = strconv.AppendUint(c.num[:0], a.Value(i), 10)
	}
	return c.num, false
}

// ipcColumns finds the text column and, where there is one of use, the id column.
func ipcColumns(sc *arrow.Schema, o Options) (text, id []int, err error) {
	names := columnNames(sc.Fields(), "")
	text, t := find(sc.Fields(), o.TextField)
	switch {
	case text == nil:
		return nil, nil, noColumn(o.TextField, "is not there", names)
	case !isText(t):
		return nil, nil, noColumn(o.TextField, fmt.Sprintf("is of type %v", t), names)
	}
	if id, t = find(sc.Fields(), o.IDField); id != nil && !isText(t) && !arrow.IsInteger(valueType(t).ID()) {
		id = nil
	}
	return text, id, nil
}

// find follows a dotted path through structs, else takes a column of that name.
func find(fields []arrow.Field, path string) ([]int, arrow.DataType) {
	key, rest, nested := strings.Cut(path, ".")
	if i := slices.IndexFunc(fields, func(f arrow.Field) bool { return f.Name == key }); i >= 0 {
		if !nested {
			return []int{i}, fields[i].Type
		}
		if st, ok := fields[i].Type.(*arrow.StructType); ok {
			if within, t := find(st.Fields(), rest); within != nil {
				return append([]int{i}, within...), t
			}
		}
	}
	if i := slices.IndexFunc(fields, func(f arrow.Field) bool { return f.Name == path }); i >= 0 {
		return []int{i}, fields[i].Type
	}
	return nil, nil
}

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

func valueType(t arrow.DataType) arrow.DataType {
	if d, ok := t.(*arrow.DictionaryType); ok {
		return d.ValueType
	}
	return t
}

func isText(t arrow.DataType) bool {
	switch valueType(t).ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW, arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW:
		return true
	}
	return false
}

// messages cuts a stream into messages. The library's own reader allocates what a
// damaged length says, and takes a stream cut inside a message for one that ended.
type messages struct {
	r       *bufio.Reader
	max     int  // bytes of a message
	bounded bool // the source ends where the stream does
	ended   bool
	fail    error

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
func (m *messages) end(in *checked) error {
	if _, err := m.r.ReadByte(); err != io.EOF {
		return in.or(fmt.Errorf("bytes after the end mark: %w", ErrCorrupt))
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

func (m *messages) message() (*ipc.Message, error) {
	const continued = 0xffffffff
	if _, err := m.r.Peek(1); err == io.EOF && m.bounded {
		m.ended = true
		return nil, io.EOF
	}
	n, err := m.uint32()
	if err == nil && n == continued { // not there before Arrow 0.15
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
	head, err := m.take(int64(n))
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
	body, err := m.take(bodyLen)
	if err != nil {
		return nil, err
	}
	return ipc.NewMessage(meta, memory.NewBufferBytes(body)), nil
}

func (m *messages) uint32() (uint32, error) {
	b, err := m.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

// take reads n bytes. It makes room as they come, not as they are announced.
func (m *messages) take(n int64) ([]byte, error) {
	if n > int64(m.max) {
		return nil, fmt.Errorf("message of %d bytes, more than %d: %w", n, m.max, ErrTooLong)
	}
	var b []byte
	for int64(len(b)) < n {
		step := int(min(n-int64(len(b)), int64(max(1<<20, len(b)))))
		b = slices.Grow(b, step)
		got, err := io.ReadFull(m.r, b[len(b):len(b)+step])
		b = b[:len(b)+got]
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, fmt.Errorf("ends without its end mark: %w", ErrCorrupt)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}
