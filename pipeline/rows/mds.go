package rows

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// An MDS shard, as MosaicML's streaming writes it, says itself what is in it; the index.json
// beside it is not needed:
//
//	count   of samples, 4 bytes
//	place   of each sample, and of the end, 4 bytes each
//	columns JSON, as column_names, column_encodings, column_sizes
//	samples the sizes of columns without a fixed one, 4 bytes each before its value
//
// It is read as a stream, with the places in memory.
type mdsReader struct {
	in      *Input
	r       *bufio.Reader
	want    Want
	max     int
	places  []uint32
	next    int
	columns []mdsColumn
	data    []byte
}

type mdsColumn struct {
	name, encoding string
	size           int // of its value, or 0
}

// mdsConfig is what is read of the JSON.
type mdsConfig struct {
	Format    string   `json:"format"`
	Names     []string `json:"column_names"`
	Encodings []string `json:"column_encodings"`
	Sizes     []*int   `json:"column_sizes"`
}

func openMDS(in *Input, o Options) (Reader, error) {
	m := &mdsReader{in: in, r: bufio.NewReaderSize(in, 64<<10), want: o.Want, max: o.MaxRow}
	if err := m.head(); err != nil {
		return nil, in.Cause(cutShort(err))
	}
	return m, nil
}

// cutShort makes the end of a file within what it says a corruption.
func cutShort(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("it ends within what it says: %w", ErrCorrupt)
	}
	return err
}

func (m *mdsReader) head() error {
	n, err := m.uint32()
	if err != nil {
		return err
	}
	for range int64(n) + 1 {
		at, err := m.uint32()
		if err != nil {
			return err
		}
		if len(m.places) > 0 && at < m.places[len(m.places)-1] {
			return fmt.Errorf("sample %d ends at byte %d, before it begins: %w", len(m.places)-1, at, ErrCorrupt)
		}
		m.places = append(m.places, at)
	}
	head := int64(m.places[0]) - 4 - 4*int64(len(m.places))
	if head < 2 || head > 1<<20 {
		return fmt.Errorf("columns in %d bytes: %w", head, ErrCorrupt)
	}
	text := make([]byte, head)
	if _, err := io.ReadFull(m.r, text); err != nil {
		return err
	}
	var c mdsConfig
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("columns: %w: %w", ErrCorrupt, err)
	}
	if c.Format != "mds" || len(c.Names) != len(c.Encodings) || len(c.Names) != len(c.Sizes) {
		return fmt.Errorf("columns: %d names, %d encodings, %d sizes: %w",
			len(c.Names), len(c.Encodings), len(c.Sizes), ErrCorrupt)
	}
	for i := range c.Names {
		col := mdsColumn{name: c.Names[i], encoding: c.Encodings[i]}
		if s := c.Sizes[i]; s != nil {
			col.size = *s
		}
		if col.size < 0 {
			return fmt.Errorf("columns: a size of %d: %w", col.size, ErrCorrupt)
		}
		m.columns = append(m.columns, col)
	}
	return nil
}

func (m *mdsReader) uint32() (uint32, error) {
	var b [4]byte
	_, err := io.ReadFull(m.r, b[:])
	return binary.LittleEndian.Uint32(b[:]), err
}

// Place is where the sample begins that was read last.
func (m *mdsReader) Place() int64 { return int64(m.places[max(0, m.next-1)]) }

// Columns are the names of all columns.
func (m *mdsReader) Columns() (names []string) {
	for _, c := range m.columns {
		names = append(names, c.name)
	}
	return names
}

// Next makes rec the next sample.
func (m *mdsReader) Next(rec *Record) error {
	if m.next+1 >= len(m.places) {
		if _, err := m.r.ReadByte(); err == nil {
			return fmt.Errorf("bytes after the last sample: %w", ErrCorrupt)
		} else if err != io.EOF {
			return m.in.Cause(err)
		}
		return io.EOF
	}
	n := int(m.places[m.next+1] - m.places[m.next])
	m.next++
	if n > m.max {
		return fmt.Errorf("a sample of %d bytes, more than %d: %w", n, m.max, ErrTooLong)
	}
	if cap(m.data) < n {
		m.data = make([]byte, n)
	}
	m.data = m.data[:n]
	if _, err := io.ReadFull(m.r, m.data); err != nil {
		return m.in.Cause(cutShort(err))
	}
	return m.sample(rec)
}

// sample makes rec what the columns hold.
func (m *mdsReader) sample(rec *Record) error {
	rec.reset()
	root := rec.open(object, nil)
	sizes, values := m.data, m.data // a size is before its value, and all sizes before all values
	for _, c := range m.columns {
		if c.size == 0 {
			if len(values) < 4 {
				return errMDSSample
			}
			values = values[4:]
		}
	}
	for _, c := range m.columns {
		size := c.size
		if size == 0 {
			size, sizes = int(binary.LittleEndian.Uint32(sizes)), sizes[4:]
		}
		if size > len(values) {
			return errMDSSample
		}
		value := values[:size:size]
		if values = values[size:]; !m.want.has([]byte(c.name)) {
			continue
		}
		if err := rec.mdsValue(c, value); err != nil {
			return fmt.Errorf("column %q: %w", Clip(c.name), err)
		}
	}
	if len(values) > 0 {
		return errMDSSample
	}
	rec.shut(root)
	return nil
}

var errMDSSample = fmt.Errorf("a sample whose columns do not fill it: %w", ErrCorrupt)

// mdsValue appends a value of a column.
func (r *Record) mdsValue(c mdsColumn, b []byte) error {
	key := []byte(c.name)
	encoding, typ, _ := strings.Cut(c.encoding, ":")
	ids := r.ids.wants(key)
	switch encoding {
	case "str", "str_int", "str_float", "str_decimal":
		r.plain(text, key, b)
	case "bytes":
		if ids {
			if r.ids.Type == "" {
				return fmt.Errorf("nothing says what type its ids have (--token-type): %w", ErrTokens)
			}
			return r.mdsIDs(key, r.ids.Type, b)
		}
		r.plain(text, key, b)
	case "json":
		var v Record
		if err := v.ParseJSON(b, nil); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		r.graft(key, &v)
	case "int", "int64", "float64":
		if len(b) != 8 {
			return errMDSSample
		}
		v := binary.LittleEndian.Uint64(b)
		if encoding == "float64" {
			r.leaf(scalar, key, strconv.AppendFloat(nil, math.Float64frombits(v), 'g', -1, 64))
		} else {
			r.leaf(scalar, key, strconv.AppendInt(nil, int64(v), 10))
		}
	case "ndarray":
		kind, values, err := mdsArray(typ, b)
		if errors.Is(err, ErrUnsupported) {
			r.leaf(foreign, key, []byte(c.encoding))
			return nil
		}
		if err != nil {
			return err
		}
		if ids {
			return r.mdsIDs(key, kind, values)
		}
		self := r.open(listed, key)
		if len(values)/tokenTypes[kind] > MaxRecord/16 {
			return ErrTooLong
		}
		for _, id := range appendNumbers(nil, values, kind) {
			r.leaf(scalar, nil, strconv.AppendUint(nil, uint64(id), 10))
		}
		r.shut(self)
	default:
		r.leaf(foreign, key, []byte(c.encoding))
	}
	return nil
}

// mdsIDs appends token ids as the text that they are.
func (r *Record) mdsIDs(key []byte, kind string, b []byte) error {
	if len(b)%tokenTypes[kind] != 0 {
		return fmt.Errorf("%d bytes are no ids of %s: %w", len(b), kind, ErrTokenID)
	}
	r.ids.begin()
	for width := tokenTypes[kind] * idBatch; len(b) > 0; b = b[min(width, len(b)):] {
		r.ids.ids = appendNumbers(r.ids.ids[:0], b[:min(width, len(b))], kind)
		if err := r.ids.flush(); err != nil {
			return err
		}
	}
	return r.decoded(key)
}

// mdsTypes are the types of an array's values by number.
var mdsTypes = map[byte]string{
	8: "uint8", 9: "int8", 16: "uint16", 17: "int16", 32: "uint32", 33: "int32", 64: "uint64", 65: "int64",
}

// mdsArray takes the head off an array, whose dtype and shape its encoding may say.
func mdsArray(typ string, b []byte) (kind string, values []byte, err error) {
	kind, shape, _ := strings.Cut(typ, ":")
	if kind == "" {
		if len(b) == 0 {
			return "", nil, errMDSSample
		}
		kind, b = mdsTypes[b[0]], b[1:]
	}
	if tokenTypes[kind] == 0 {
		return "", nil, fmt.Errorf("an array that is not of whole numbers: %w", ErrUnsupported)
	}
	if shape == "" {
		if len(b) == 0 {
			return "", nil, errMDSSample
		}
		head := 1 + int(b[0]>>2)<<(b[0]&3)
		if head > len(b) {
			return "", nil, errMDSSample
		}
		b = b[head:]
	}
	if len(b)%tokenTypes[kind] != 0 {
		return "", nil, errMDSSample
	}
	return kind, b, nil
}

// graft appends another record as a field.
func (r *Record) graft(key []byte, v *Record) {
	from := len(r.nodes)
	for i, n := range v.Clone().nodes {
		if n.next += from; i == 0 {
			n.key = key
		}
		r.nodes = append(r.nodes, n)
	}
	r.marks |= v.marks
}
