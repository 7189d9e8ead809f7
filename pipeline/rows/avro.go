package rows

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/s2"

	"swab/pipeline/shard"
)

// avroMagic begins an Avro Object Container File:
//
//	magic   4 bytes
//	meta    a map of bytes: avro.schema, avro.codec and the writer's own
//	sync    16 bytes, chosen by the writer
//	blocks  count of rows, size in bytes, the rows compressed together, sync
//
// It is read as a stream, a block at a time. The schema is read as writers write it: names that
// the specification forbids, and defaults that do not fit, do no harm to rows.
const avroMagic = "Obj\x01"

const avroSync = 16

type avroReader struct {
	in            *Input
	r             *bufio.Reader
	max           int // of a row
	want          Want
	head          []byte // the file up to its first block
	codec         string
	sync          []byte
	schema        *avroType
	left          int64 // rows of the block not yet read
	data          []byte
	rest          []byte // of data, not yet read
	nodes         int    // values of the row, read or skipped
	packed, plain int64  // bytes of all blocks so far
	stored        []byte
	skipped       Record // for values that nobody wants
}

func openAvro(in *Input, o Options) (Reader, error) {
	a := &avroReader{in: in, r: bufio.NewReaderSize(in, 64<<10), max: o.MaxRow, want: o.Want}
	if err := a.header(); err != nil {
		return nil, in.Cause(cutShort(err))
	}
	return a, nil
}

// Columns are the names of all fields, with dots in records.
func (a *avroReader) Columns() []string { return a.schema.columns(nil, "", 0) }

// Checked reports whether a checksum covers every block.
func (a *avroReader) Checked() bool {
	return a.codec == "snappy" || a.codec == "bzip2" || a.codec == "xz"
}

// Expanded returns the bytes of the blocks that were read, as stored and decompressed.
func (a *avroReader) Expanded() (stored, plain int64) { return a.packed, a.plain }

// header reads the file up to its first block.
func (a *avroReader) header() error {
	const most = 16 << 20 // bytes of a value
	magic, err := readUpTo(a.r, int64(len(avroMagic)), most)
	if err != nil {
		return err
	}
	if string(magic) != avroMagic {
		return fmt.Errorf("it does not begin as Avro does: %w", ErrCorrupt)
	}
	a.head = magic
	number := func() (int64, error) {
		n, err := binary.ReadVarint(a.r)
		a.head = binary.AppendVarint(a.head, n)
		return n, err
	}
	value := func() ([]byte, error) {
		n, err := number()
		if err != nil {
			return nil, err
		}
		b, err := readUpTo(a.r, n, most)
		a.head = append(a.head, b...)
		return b, err
	}
	meta := map[string][]byte{}
	for {
		n, err := number()
		if err == nil && n < 0 { // then its size in bytes follows
			n = -n
			_, err = number()
		}
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if n < 0 || len(a.head) > 4*most {
			return fmt.Errorf("metadata of more than %d bytes: %w", 4*most, ErrTooLong)
		}
		for range n {
			key, err := value()
			if err != nil {
				return err
			}
			if meta[string(key)], err = value(); err != nil {
				return err
			}
		}
	}
	if a.sync, err = readUpTo(a.r, avroSync, most); err != nil {
		return err
	}
	a.head = append(a.head, a.sync...)
	if a.codec = string(meta["avro.codec"]); a.codec == "" {
		a.codec = "null"
	}
	if _, ok := avroCodecs[a.codec]; !ok && a.codec != "null" && a.codec != "deflate" && a.codec != "snappy" {
		return fmt.Errorf("blocks compressed with %q (write it again with deflate or zstandard): %w",
			Clip(a.codec), ErrUnsupported)
	}
	a.schema, err = parseAvroSchema(meta["avro.schema"])
	return err
}

// readUpTo reads n bytes, at most most. It allocates memory as they arrive, since the announced
// length may be wrong.
func readUpTo(r io.Reader, n int64, most int) ([]byte, error) {
	if n < 0 {
		return nil, fmt.Errorf("a length of %d bytes: %w", n, ErrCorrupt)
	}
	if n > int64(most) {
		return nil, fmt.Errorf("a part of %d bytes, more than %d: %w", n, most, ErrTooLong)
	}
	var b []byte
	for int64(len(b)) < n {
		step := int(min(n-int64(len(b)), int64(max(1<<20, len(b)))))
		b = slices.Grow(b, step)
		got, err := io.ReadFull(r, b[len(b):len(b)+step])
		if b = b[:len(b)+got]; err != nil {
			return nil, err
		}
	}
	return b, nil
}

// block reads the next block; the error is io.EOF after the last.
func (a *avroReader) block() error {
	if _, err := a.r.Peek(1); err != nil {
		return err
	}
	rows, err := binary.ReadVarint(a.r)
	if err != nil {
		return cutShort(err)
	}
	size, err := binary.ReadVarint(a.r)
	if err != nil {
		return cutShort(err)
	}
	if a.stored, err = readUpTo(a.r, size, limitFactor*a.max); err != nil {
		return cutShort(err)
	}
	end, err := readUpTo(a.r, avroSync, avroSync)
	if err != nil {
		return cutShort(err)
	}
	if !bytes.Equal(end, a.sync) {
		return fmt.Errorf("a block of %d bytes that does not end with the file's mark: %w", size, ErrCorrupt)
	}
	if a.data, err = unpackAvro(a.codec, a.stored, limitFactor*a.max); err != nil {
		if !errors.Is(err, ErrTooLong) {
			err = fmt.Errorf("a block of %s that does not decompress: %w: %w", a.codec, ErrCorrupt, err)
		}
		return err
	}
	// A row of no bytes is one of no fields, which nobody writes.
	if rows < 0 || rows > int64(len(a.data)) {
		return fmt.Errorf("a block of %d rows in %d bytes: %w", rows, len(a.data), ErrCorrupt)
	}
	a.left, a.rest = rows, a.data
	a.packed += size
	a.plain += int64(len(a.data))
	return nil
}

// unpackAvro returns the plain bytes of a block, of which there are at most most.
func unpackAvro(codec string, b []byte, most int) ([]byte, error) {
	switch codec {
	case "null":
		return b, nil
	case "snappy": // and the CRC-32 of the plain bytes
		n := len(b) - 4
		if n < 0 {
			return nil, errLength
		}
		size, err := s2.DecodedLen(b[:n])
		if err != nil {
			return nil, err
		}
		if size > most {
			return nil, ErrTooLong
		}
		plain, err := s2.Decode(nil, b[:n])
		if err == nil && crc32.ChecksumIEEE(plain) != binary.BigEndian.Uint32(b[n:]) {
			err = errors.New("checksum mismatch")
		}
		return plain, err
	case "deflate":
		return readAtMost(flate.NewReader(bytes.NewReader(b)), most)
	}
	r, release, err := shard.NewDecoder(avroCodecs[codec], bytes.NewReader(b), shard.Limits{Window: int64(most)})
	if err != nil {
		return nil, err
	}
	plain, err := readAtMost(r, most)
	release()
	return plain, err
}

// avroCodecs are the codecs that whole files are compressed with too.
var avroCodecs = map[string]shard.Compression{"zstandard": shard.Zstd, "bzip2": shard.Bzip2, "xz": shard.Xz}

// readAtMost reads r to its end, which is after at most most bytes.
func readAtMost(r io.Reader, most int) ([]byte, error) {
	var plain bytes.Buffer
	n, err := plain.ReadFrom(io.LimitReader(r, int64(most)+1))
	if n > int64(most) {
		return nil, fmt.Errorf("a block of more than %d bytes: %w", most, ErrTooLong)
	}
	return plain.Bytes(), err
}

// Next makes rec the next row.
func (a *avroReader) Next(rec *Record) error {
	for a.left == 0 {
		if len(a.rest) > 0 {
			return fmt.Errorf("%d bytes after the last row of a block: %w", len(a.rest), ErrCorrupt)
		}
		if err := a.block(); err != nil {
			return a.in.Cause(err)
		}
	}
	a.left--
	rec.reset()
	before := len(a.rest)
	err := a.row(rec)
	if n := before - len(a.rest); err == nil && n > a.max {
		err = fmt.Errorf("a row of %d bytes, more than %d: %w", n, a.max, ErrTooLong)
	}
	if err != nil {
		return a.in.Cause(err)
	}
	rec.nameText()
	return nil
}

// row appends the next row, or skips it if rec is nil.
func (a *avroReader) row(rec *Record) error {
	a.nodes = 0
	return a.value(rec, nil, a.schema, 0)
}

var (
	errAvroRow   = fmt.Errorf("a row that its schema does not fit: %w", ErrCorrupt)
	errAvroDepth = fmt.Errorf("a row of too many values, or nested too deep: %w", ErrTooLong)
)

// readLong reads a whole number.
func (a *avroReader) readLong() (int64, error) {
	n, size := binary.Varint(a.rest)
	if size <= 0 {
		return 0, errAvroRow
	}
	a.rest = a.rest[size:]
	return n, nil
}

// cutBytes reads n bytes.
func (a *avroReader) cutBytes(n int64) ([]byte, error) {
	if n < 0 || n > int64(len(a.rest)) {
		return nil, errAvroRow
	}
	b := a.rest[:n:n]
	a.rest = a.rest[n:]
	return b, nil
}

// readBytes reads a text, or bytes.
func (a *avroReader) readBytes() ([]byte, error) {
	n, err := a.readLong()
	if err != nil {
		return nil, err
	}
	return a.cutBytes(n)
}

// value appends a value of that type to rec, or skips it if rec is nil.
func (a *avroReader) value(rec *Record, key []byte, t *avroType, depth int) error {
	if a.nodes++; depth > maxDepth || a.nodes > maxNodes {
		return errAvroDepth
	}
	switch t.kind {
	case avroRecord:
		return a.record(rec, key, t, depth)
	case avroArray, avroMap:
		return a.list(rec, key, t, depth)
	case avroUnion:
		n, err := a.readLong()
		if err != nil {
			return err
		}
		if n < 0 || n >= int64(len(t.kinds)) {
			return errAvroRow
		}
		return a.value(rec, key, t.kinds[n], depth+1)
	}
	k, s, err := a.plainValue(rec, t)
	switch {
	case err != nil || rec == nil:
		return err
	case t.logical != "":
		rec.leaf(foreign, key, []byte(t.logical))
	default:
		rec.plain(k, key, s)
	}
	return nil
}

// plainValue reads a value that has no others within; numbers are written to rec's buffer.
func (a *avroReader) plainValue(rec *Record, t *avroType) (k nodeKind, s []byte, err error) {
	if rec == nil {
		rec = &a.skipped
		rec.buf = rec.buf[:0]
	}
	from := len(rec.buf)
	switch t.kind {
	case avroNull:
		return null, nil, nil
	case avroString, avroBytes:
		s, err = a.readBytes()
		return text, s, err
	case avroFixed:
		_, err = a.cutBytes(t.size)
		return foreign, []byte("fixed"), err
	case avroEnum:
		n, err := a.readLong()
		if err == nil && (n < 0 || n >= int64(len(t.symbols))) {
			err = errAvroRow
		}
		if err != nil {
			return null, nil, err
		}
		return text, []byte(t.symbols[n]), nil
	case avroBoolean:
		if s, err = a.cutBytes(1); err == nil {
			rec.buf = strconv.AppendBool(rec.buf, s[0] != 0)
		}
	case avroLong:
		var n int64
		n, err = a.readLong()
		rec.buf = strconv.AppendInt(rec.buf, n, 10)
	case avroFloat:
		if s, err = a.cutBytes(4); err == nil {
			v := math.Float32frombits(binary.LittleEndian.Uint32(s))
			rec.buf = strconv.AppendFloat(rec.buf, float64(v), 'g', -1, 32)
		}
	case avroDouble:
		if s, err = a.cutBytes(8); err == nil {
			rec.buf = strconv.AppendFloat(rec.buf, math.Float64frombits(binary.LittleEndian.Uint64(s)), 'g', -1, 64)
		}
	}
	return scalar, rec.buf[from:len(rec.buf):len(rec.buf)], err
}

// record appends a record; of that at the root only the fields that are wanted.
func (a *avroReader) record(rec *Record, key []byte, t *avroType, depth int) error {
	self := 0
	if rec != nil {
		self = rec.open(object, key)
	}
	for i, kind := range t.kinds {
		to := rec
		if depth == 0 && !a.want.has(t.names[i]) {
			to = nil
		}
		if err := a.value(to, t.names[i], kind, depth+1); err != nil {
			return err
		}
	}
	if rec != nil {
		rec.shut(self)
	}
	return nil
}

// list appends an array or a map, which comes in blocks.
func (a *avroReader) list(rec *Record, key []byte, t *avroType, depth int) error {
	item := t.kinds[0]
	ids := rec != nil && t.kind == avroArray && item.kind == avroLong && rec.ids.wants(key)
	self := 0
	switch {
	case ids:
		rec.ids.begin()
	case rec != nil && t.kind == avroMap:
		self = rec.open(object, key)
	case rec != nil:
		self = rec.open(listed, key)
	}
	for {
		n, err := a.readLong()
		if err == nil && n < 0 { // then its size in bytes follows
			n = -n
			_, err = a.readLong()
		}
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if n < 0 {
			return errAvroRow
		}
		for range n {
			if err := a.item(rec, t, ids, depth); err != nil {
				return err
			}
		}
	}
	switch {
	case ids:
		rec.decoded(key) // Err keeps what was wrong
	case rec != nil:
		rec.shut(self)
	}
	return nil
}

// item reads one element of an array, or one key and value of a map.
func (a *avroReader) item(rec *Record, t *avroType, ids bool, depth int) (err error) {
	if ids {
		id, err := a.readLong()
		rec.ids.addLater(uint64(id))
		return err
	}
	var key []byte
	if t.kind == avroMap {
		if key, err = a.readBytes(); err != nil {
			return err
		}
	}
	return a.value(rec, key, t.kinds[0], depth+1)
}

// Divide copies the rows to two outputs, row n to out[side(n)], each as it is stored. Header and
// metadata are kept, and so is the codec, if it is null, deflate or snappy; deflate replaces
// others.
func (a *avroReader) Divide(ctx context.Context, out [2]io.Writer, items int, side func(n int) int) error {
	codec := a.codec
	head := a.head
	if codec != "null" && codec != "snappy" && codec != "deflate" {
		codec = "deflate"
		head = renameCodec(head, a.codec, codec)
	}
	for _, w := range out {
		if _, err := w.Write(head); err != nil {
			return err
		}
	}
	for n := 0; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := a.block()
		if err == io.EOF {
			if n != items {
				return fmt.Errorf("it has %d rows, and had %d before: %w", n, items, ErrCorrupt)
			}
			return nil
		}
		if err != nil {
			return a.in.Cause(err)
		}
		var parts [2][]byte
		var counts [2]int64
		for ; a.left > 0; a.left-- {
			before := a.rest
			if err := a.row(nil); err != nil {
				return err
			}
			if n == items {
				return fmt.Errorf("more rows than before: %w", ErrCorrupt)
			}
			k := side(n)
			parts[k] = append(parts[k], before[:len(before)-len(a.rest)]...)
			counts[k]++
			n++
		}
		for k, w := range out {
			if counts[k] > 0 {
				if err := a.writeBlock(w, codec, counts[k], parts[k]); err != nil {
					return err
				}
			}
		}
	}
}

// renameCodec returns a header with another codec.
func renameCodec(head []byte, from, to string) []byte {
	entry := func(codec string) []byte {
		b := append(binary.AppendVarint(nil, int64(len("avro.codec"))), "avro.codec"...)
		return append(binary.AppendVarint(b, int64(len(codec))), codec...)
	}
	return bytes.Replace(head, entry(from), entry(to), 1)
}

// writeBlock writes rows as one block.
func (a *avroReader) writeBlock(w io.Writer, codec string, rows int64, plain []byte) error {
	stored := plain
	switch codec {
	case "snappy":
		stored = binary.BigEndian.AppendUint32(s2.EncodeSnappy(nil, plain), crc32.ChecksumIEEE(plain))
	case "deflate":
		var b bytes.Buffer
		z, err := flate.NewWriter(&b, flate.DefaultCompression)
		if err != nil {
			return err
		}
		z.Write(plain)
		z.Close()
		stored = b.Bytes()
	}
	head := binary.AppendVarint(binary.AppendVarint(nil, rows), int64(len(stored)))
	_, err := w.Write(append(append(head, stored...), a.sync...))
	return err
}

// avroKind is a type of Avro; int and long are written alike.
type avroKind uint8

const (
	avroNull avroKind = iota
	avroBoolean
	avroLong
	avroFloat
	avroDouble
	avroBytes
	avroString
	avroRecord
	avroEnum
	avroArray
	avroMap
	avroFixed
	avroUnion
)

// avroType is a node of a schema.
type avroType struct {
	kind    avroKind
	logical string      // what its values mean, if that is no number and no text
	names   [][]byte    // of a record's fields
	kinds   []*avroType // of a record's fields, a union's branches, or of elements
	symbols []string    // of an enum
	size    int64       // of a fixed
}

// maxColumns bounds what columns lists of records that have themselves as fields.
const maxColumns = 10000

// columns appends the names of fields, with dots in records.
func (t *avroType) columns(all []string, within string, depth int) []string {
	if t.kind == avroUnion && len(t.kinds) == 2 { // a value that may be null
		for _, k := range t.kinds {
			if k.kind == avroRecord {
				t = k
			}
		}
	}
	if t.kind != avroRecord || depth > 8 { // a record may have itself as a field
		if within == "" {
			return append(all, "text")
		}
		return append(all, strings.TrimSuffix(within, "."))
	}
	for i, k := range t.kinds {
		if len(all) == maxColumns {
			break
		}
		all = k.columns(all, within+string(t.names[i])+".", depth+1)
	}
	return all
}

// avroSchema reads a schema.
type avroSchema struct{ named map[string]*avroType }

func parseAvroSchema(written []byte) (*avroType, error) {
	var v any
	if err := json.Unmarshal(written, &v); err != nil {
		return nil, fmt.Errorf("its schema: %w: %w", ErrCorrupt, err)
	}
	s := avroSchema{map[string]*avroType{}}
	t, err := s.parse(v, "")
	if err != nil {
		return nil, fmt.Errorf("its schema: %w: %w", ErrCorrupt, err)
	}
	return t, nil
}

// avroPrimitives are the types without a schema of their own.
var avroPrimitives = map[string]avroKind{
	"null": avroNull, "boolean": avroBoolean, "int": avroLong, "long": avroLong, "float": avroFloat,
	"double": avroDouble, "bytes": avroBytes, "string": avroString,
}

// parse reads a type, whose names without a namespace are of the one that encloses it.
func (s avroSchema) parse(v any, space string) (*avroType, error) {
	switch v := v.(type) {
	case string:
		if t := s.named[fullName(v, space)]; t != nil {
			return t, nil
		}
		if t := s.named[v]; t != nil {
			return t, nil
		}
		if k, ok := avroPrimitives[v]; ok {
			return &avroType{kind: k}, nil
		}
		return nil, fmt.Errorf("no type is named %q", Clip(v))
	case []any:
		t := &avroType{kind: avroUnion}
		return t, s.parseAll(t, v, space)
	case map[string]any:
		if name, ok := v["type"].(string); ok {
			return s.complex(name, v, space)
		}
		return s.parse(v["type"], space)
	}
	return nil, fmt.Errorf("a type that is neither a name, a list nor an object")
}

func (s avroSchema) parseAll(t *avroType, all []any, space string) error {
	for _, one := range all {
		kind, err := s.parse(one, space)
		if err != nil {
			return err
		}
		t.kinds = append(t.kinds, kind)
	}
	return nil
}

// fullName returns a name with its namespace.
func fullName(name, space string) string {
	if strings.Contains(name, ".") || space == "" {
		return name
	}
	return space + "." + name
}

// complex reads a type that is written as an object.
func (s avroSchema) complex(what string, v map[string]any, space string) (*avroType, error) {
	t := &avroType{}
	if name, ok := v["name"].(string); ok {
		if own, ok := v["namespace"].(string); ok {
			space = own
		}
		full := fullName(name, space)
		if dot := strings.LastIndexByte(full, '.'); dot >= 0 {
			space = full[:dot]
		}
		s.named[full] = t
	}
	logical, _ := v["logicalType"].(string)
	switch what {
	case "record", "error":
		t.kind = avroRecord
		fields, _ := v["fields"].([]any)
		types := make([]any, len(fields))
		for i, f := range fields {
			field, _ := f.(map[string]any)
			name, ok := field["name"].(string)
			if !ok {
				return nil, errors.New("a field without a name")
			}
			t.names, types[i] = append(t.names, []byte(name)), field["type"]
		}
		return t, s.parseAll(t, types, space)
	case "enum":
		t.kind = avroEnum
		symbols, _ := v["symbols"].([]any)
		for _, symbol := range symbols {
			name, _ := symbol.(string)
			t.symbols = append(t.symbols, name)
		}
	case "fixed":
		t.kind, t.logical = avroFixed, logical
		size, ok := v["size"].(float64)
		if t.size = int64(size); !ok || size < 0 || size > 1<<30 {
			return nil, errors.New("a fixed without a size")
		}
	case "array", "map":
		t.kind = avroArray
		item := v["items"]
		if what == "map" {
			t.kind, item = avroMap, v["values"]
		}
		return t, s.parseAll(t, []any{item}, space)
	default:
		named, err := s.parse(what, space)
		if err != nil || logical == "" || logical == "uuid" {
			return named, err
		}
		*t = *named
		t.logical = logical
	}
	return t, nil
}
