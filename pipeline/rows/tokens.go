package rows

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"swab/pipeline/shard"
	"swab/pipeline/tokenizer"
)

// ErrTokens says that a file has token ids and that what decodes them was not given.
var ErrTokens = errors.New("token ids are no text")

// ErrTokenID says that ids are not those of the tokenizer.
var ErrTokenID = errors.New("not the tokenizer's ids")

// Tokens says how token ids are read as text. Its members are what a run records of that;
// nil: ids are refused.
type Tokens struct {
	Tokenizer string  `json:"tokenizer"`                 // digest of the tokenizer.json
	Field     string  `json:"field,omitempty"`           // the field of the ids; "": one of TokenFields
	Type      string  `json:"type,omitempty"`            // of ids in files that do not say it
	End       *uint32 `json:"end_of_document,omitempty"` // the id between documents in files that do not divide them

	table *tokenizer.Tokenizer
}

// TokenFields are the fields that hold token ids where nothing else was said.
var TokenFields = [...]string{"input_ids", "tokens", "token_ids"}

// tokenTypes are the types of ids, with their widths in bytes.
var tokenTypes = map[string]int{"uint8": 1, "uint16": 2, "int16": 2, "uint32": 4, "int32": 4, "uint64": 8, "int64": 8}

// NewTokens returns what decodes with a tokenizer. Without a type, only files that say it
// themselves are read, and without end, only files that divide documents.
func NewTokens(z *tokenizer.Tokenizer, field, typ string, end *uint32) (*Tokens, error) {
	if _, ok := tokenTypes[typ]; !ok && typ != "" {
		return nil, fmt.Errorf("token type %q: it is one of uint16, uint32, int32 and int64", typ)
	}
	if field != "" {
		if _, err := ParseField(field); err != nil {
			return nil, fmt.Errorf("field of tokens: %w", err)
		}
	}
	if end != nil && int64(*end) >= int64(z.Size()) {
		return nil, fmt.Errorf("end of document: the tokenizer has no id %d, its ids are below %d", *end, z.Size())
	}
	return &Tokens{Tokenizer: z.Digest(), Field: field, Type: typ, End: end, table: z}, nil
}

// As returns what decodes as recorded says, with the tokenizer of t, which has to be the
// same; nil where nothing was decoded.
func (t *Tokens) As(recorded *Tokens) (*Tokens, error) {
	switch {
	case recorded == nil:
		return nil, nil
	case t == nil:
		return nil, fmt.Errorf("the corpus is token ids; decoding them needs the tokenizer of digest %s (--tokenizer)",
			recorded.Tokenizer)
	case t.Tokenizer != recorded.Tokenizer:
		return nil, fmt.Errorf("the tokenizer has the digest %s, the corpus was read with %s",
			t.Tokenizer, recorded.Tokenizer)
	}
	same := *recorded
	same.table = t.table
	return &same, nil
}

// String says what is recorded, in the words of flags.
func (t *Tokens) String() string {
	if t == nil {
		return "none"
	}
	return strings.TrimSpace("digest " + t.Tokenizer + " " + t.Flags())
}

// Flags returns the command line flags that set what is recorded, except the tokenizer.
func (t *Tokens) Flags() string {
	var flags []string
	if t.Field != "" {
		flags = append(flags, "--tokens '"+t.Field+"'")
	}
	if t.Type != "" {
		flags = append(flags, "--token-type "+t.Type)
	}
	if t.End != nil {
		flags = append(flags, fmt.Sprint("--end-of-document ", *t.End))
	}
	return strings.Join(flags, " ")
}

// idText decodes the ids of one record at a time.
type idText struct {
	*Tokens
	name  string // of the field whose numbers are decoded while they are read; "" is any of TokenFields
	max   int    // bytes of a text
	d     *tokenizer.Decoder
	ids   []uint32 // not decoded yet
	out   []byte   // texts of the record
	start int      // of the last one
	marks Marks
	err   error
}

// Decode makes r decode lists of token ids: those of that field, or with a field of no
// name of one of TokenFields. A text has at most max bytes. nil ends that.
func (r *Record) Decode(t *Tokens, f Field, max int) {
	if r.ids = nil; t != nil {
		r.ids = &idText{Tokens: t, max: max, d: t.table.NewDecoder()}
		if keys, _, ok := f.Keys(); ok && len(keys) == 1 {
			r.ids.name = keys[0]
		}
	}
}

// Err is what was wrong with the token ids of the record: ErrTokenID, ErrTooLong or nil.
func (r *Record) Err() error {
	if r.ids == nil {
		return nil
	}
	return r.ids.err
}

func (t *idText) reset() { t.out, t.err = t.out[:0], nil }

// wants reports whether the numbers of a field are to be decoded.
func (t *idText) wants(name []byte) bool {
	if t == nil {
		return false
	}
	if t.name != "" {
		return string(name) == t.name
	}
	return slices.Contains(TokenFields[:], string(name))
}

func (t *idText) begin() {
	t.start, t.ids = len(t.out), t.ids[:0]
	t.d.Begin(t.out)
}

// idBatch is the number of ids that are decoded at a time.
const idBatch = 1024

// add decodes ids; it returns an error as Err does.
func (t *idText) add(ids []uint32) error {
	if t.err != nil {
		return t.err
	}
	for len(ids) > 0 && t.err == nil {
		part := ids[:min(len(ids), idBatch)]
		ids = ids[len(part):]
		t.check(t.d.Add(part))
	}
	return t.err
}

// check keeps the error of the decoder, or that of a text that is too long, and returns it.
func (t *idText) check(err error) error {
	if err != nil {
		t.err = fmt.Errorf("%w: %w", ErrTokenID, err)
	} else if t.d.Len() > t.max {
		t.err = fmt.Errorf("tokens of more than %d bytes of text: %w", t.max, ErrTooLong)
	}
	return t.err
}

// addLater decodes an id with those that follow.
func (t *idText) addLater(id uint64) error {
	if t.ids = append(t.ids, clipID(id)); len(t.ids) >= idBatch {
		return t.flush()
	}
	return nil
}

// clipID makes of what is no id of 32 bits one that no tokenizer has.
func clipID(id uint64) uint32 { return uint32(min(id, math.MaxUint32)) }

// appendIDs appends numbers of any type as ids.
func appendIDs[T uint8 | uint16 | int16 | uint32 | int32 | uint64 | int64](dst []uint32, v []T) []uint32 {
	for _, id := range v {
		dst = append(dst, clipID(uint64(id))) // a negative one is clipped too
	}
	return dst
}

func (t *idText) flush() error {
	err := t.add(t.ids)
	t.ids = t.ids[:0]
	return err
}

// end returns the text that was decoded since begin.
func (t *idText) end() ([]byte, error) {
	if err := t.flush(); err != nil {
		return nil, err
	}
	var repaired bool
	if t.out, repaired = t.d.End(); repaired {
		t.marks |= MarkUTF8
	}
	if len(t.out)-t.start > t.max {
		t.err = fmt.Errorf("tokens of more than %d bytes of text: %w", t.max, ErrTooLong)
		return nil, t.err
	}
	return t.out[t.start:len(t.out):len(t.out)], nil
}

// decoded appends the text of the ids since begin as a field.
func (r *Record) decoded(key []byte) error {
	s, err := r.ids.end()
	if err != nil {
		return err
	}
	r.marks |= r.ids.marks
	r.ids.marks = 0
	if bytes.IndexByte(s, 0) >= 0 {
		r.marks |= MarkNUL
	}
	r.leaf(text, key, s)
	return nil
}

// jsonIDs reads a list of ids at i of a row and returns where it ends; ok is false where it
// is anything else.
func (t *idText) jsonIDs(b []byte, i int) (next int, ok bool) {
	t.begin()
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, true
	}
	for {
		if len(t.ids) == 0 && t.err == nil {
			from := i
			var err error
			for i, err = t.d.AddJSON(b, i, idBatch); i > from && t.check(err) == nil; i, err = t.d.AddJSON(b, i, idBatch) {
				from = i
			}
			t.check(err)
		}
		id, n := digits(b[i:])
		if n == 0 || n > 18 || n > 1 && b[i] == '0' {
			return 0, false
		}
		i += n
		t.addLater(id)
		if i = skipSpace(b, i); i >= len(b) {
			return 0, false
		}
		if b[i] == ']' {
			return i + 1, true
		}
		if b[i] != ',' {
			return 0, false
		}
		i = skipSpace(b, i+1)
	}
}

// digits returns the number that b begins with, and how many digits it has.
func digits(b []byte) (id uint64, n int) {
	for n < len(b) && b[n]-'0' <= 9 {
		if n < 19 {
			id = id*10 + uint64(b[n]-'0')
		}
		n++
	}
	return id, n
}

// isNumbers reports whether node i is a list of numbers.
func (r *Record) isNumbers(i int) bool {
	n := &r.nodes[i]
	if n.kind != listed || n.next == i+1 {
		return false
	}
	for c := i + 1; c < n.next; c = r.nodes[c].next {
		if r.nodes[c].kind != scalar || len(r.nodes[c].text) == 0 || r.nodes[c].text[0] > '9' {
			return false
		}
	}
	return true
}

// renderIDs appends the text of a list of ids, or of lists of them, each on a line.
func (r *Record) renderIDs(dst []byte, i int) ([]byte, error) {
	n := &r.nodes[i]
	if !r.isNumbers(i) {
		for c := i + 1; c < n.next; c = r.nodes[c].next {
			if c > i+1 {
				dst = append(dst, '\n')
			}
			var err error
			if dst, err = r.renderIDs(dst, c); err != nil {
				return dst, err
			}
		}
		return dst, nil
	}
	r.ids.begin()
	for c := i + 1; c < n.next; c = r.nodes[c].next {
		id, err := strconv.ParseUint(string(r.nodes[c].text), 10, 64)
		if err != nil {
			r.ids.err = fmt.Errorf("%w: token %d: %s is no id", ErrTokenID, c-i-1, Clip(r.nodes[c].text))
			return dst, r.ids.err
		}
		if err := r.ids.addLater(id); err != nil {
			return dst, err
		}
	}
	s, err := r.ids.end()
	r.marks |= r.ids.marks
	r.ids.marks = 0
	return append(dst, s...), err
}

// isIDs reports whether node i has ids and nothing else.
func (r *Record) isIDs(i int) bool {
	n := &r.nodes[i]
	if n.kind != listed || r.isNumbers(i) {
		return n.kind == listed
	}
	for c := i + 1; c < n.next; c = r.nodes[c].next {
		if !r.isIDs(c) {
			return false
		}
	}
	return n.next > i+1
}

// HasTokens reports whether one of TokenFields has ids.
func (r *Record) HasTokens() bool {
	for _, name := range TokenFields {
		if c := r.child(0, name); c >= 0 && r.isIDs(c) {
			return true
		}
	}
	return false
}

// idReader reads a file that is ids one after the other. Its rows are documents, of one
// field.
type idReader struct {
	in    *Input
	r     *bufio.Reader
	kind  string // type of the ids; "" is what the run says
	left  int64  // ids that are to come; -1 to the end of the file
	each  int64  // ids of a row of the file, of several dimensions
	index *idIndex
	place int64 // in the plain bytes, of the next id
	blank int64
	ids   []uint32
	ended bool
}

// Blank counts documents of no ids, which are no rows.
func (r *idReader) Blank() int64 { return r.blank }

// openTokens opens the ids of a .bin or .npy without a header that says more: beside a
// Megatron index, behind the header of llm.c, or bare.
func openTokens(in *Input, _ Options) (Reader, error) {
	r := &idReader{in: in, r: bufio.NewReaderSize(in, 64<<10), left: -1}
	if s, ok := in.src.(interface{ Index() *shard.File }); ok && s.Index() != nil {
		var err error
		r.index, err = openIndex(s.Index())
		if err == nil {
			r.kind = r.index.kind
		}
		return r, in.Cause(err)
	}
	// llm.c: 256 numbers of 32 bits, of which the first three say what follows.
	const header, magic = 1024, 20240520
	head, err := r.r.Peek(header)
	if err != nil && err != io.EOF {
		return nil, in.Cause(err)
	}
	if len(head) >= 12 && binary.LittleEndian.Uint32(head) == magic {
		var ok bool
		version := binary.LittleEndian.Uint32(head[4:])
		if r.kind, ok = map[uint32]string{1: "uint16", 7: "uint32"}[version]; !ok || len(head) < header {
			return nil, fmt.Errorf("tokens of llm.c of version %d: %w", version, ErrUnsupported)
		}
		r.left = int64(binary.LittleEndian.Uint32(head[8:]))
		r.r.Discard(header)
		r.place = header
	}
	return r, nil
}

var (
	npyType  = regexp.MustCompile(`'descr': *'([<>|=])([ui])([1248])'`)
	npyShape = regexp.MustCompile(`'shape': *\(([0-9, ]*)\)`)
)

// openNumPy opens an array of ids: of one dimension, or of rows of two.
func openNumPy(in *Input, _ Options) (Reader, error) {
	r := &idReader{in: in, r: bufio.NewReaderSize(in, 64<<10)}
	var head [10]byte
	size := 2
	_, err := io.ReadFull(r.r, head[:])
	n := int(binary.LittleEndian.Uint16(head[8:]))
	if err == nil && head[6] > 1 { // longer headers
		var more [2]byte
		_, err = io.ReadFull(r.r, more[:])
		n, size = n|int(binary.LittleEndian.Uint16(more[:]))<<16, 4
	}
	if err == nil && n > 64<<10 {
		return nil, fmt.Errorf("a header of %d bytes: %w", n, ErrCorrupt)
	}
	text := make([]byte, n)
	if err == nil {
		_, err = io.ReadFull(r.r, text)
	}
	if err != nil {
		return nil, in.Cause(fmt.Errorf("header: %w", err))
	}
	r.place = int64(8 + size + n)
	typ, shape := npyType.FindSubmatch(text), npyShape.FindSubmatch(text)
	switch {
	case typ == nil || shape == nil:
		return nil, fmt.Errorf("an array that is not of whole numbers (%s): %w", Clip(bytes.TrimSpace(text)), ErrUnsupported)
	case string(typ[1]) == ">" && string(typ[3]) != "1" || bytes.Contains(text, []byte("'fortran_order': True")):
		return nil, fmt.Errorf("an array in another order of bytes or dimensions (np.ascontiguousarray helps): %w",
			ErrUnsupported)
	}
	bits := map[string]string{"1": "8", "2": "16", "4": "32", "8": "64"}[string(typ[3])]
	r.kind = map[string]string{"i": "int", "u": "uint"}[string(typ[2])] + bits
	if _, ok := tokenTypes[r.kind]; !ok {
		return nil, fmt.Errorf("an array of %s: %w", r.kind, ErrUnsupported)
	}
	r.left = 1
	for k, s := range strings.Split(strings.TrimSuffix(strings.TrimSpace(string(shape[1])), ","), ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		if err != nil || n < 0 || n > 0 && r.left > math.MaxInt64/8/n {
			return nil, fmt.Errorf("an array of the shape (%s): %w", shape[1], ErrCorrupt)
		}
		if r.left *= n; k == 1 {
			r.each = n
		} else if k > 1 {
			return nil, fmt.Errorf("an array of the shape (%s): %w", shape[1], ErrUnsupported)
		}
	}
	return r, nil
}

// Next makes rec the next document.
func (r *idReader) Next(rec *Record) error {
	rec.reset()
	t := rec.ids
	if t == nil {
		return ErrTokens
	}
	if r.kind == "" {
		if r.kind = t.Type; r.kind == "" {
			return fmt.Errorf("nothing says what type its ids have (--token-type): %w", ErrTokens)
		}
		if err := r.checkType(); err != nil {
			return err
		}
	}
	for {
		t.begin()
		n, err := r.document(t)
		if err != nil {
			return r.in.Cause(err)
		}
		if n == 0 && r.ended {
			return io.EOF
		}
		if n == 0 {
			r.blank++
			continue
		}
		root := rec.open(object, nil)
		name := t.name
		if name == "" {
			name = TokenFields[0]
		}
		if err := rec.decoded([]byte(name)); err != nil {
			return err
		}
		rec.shut(root)
		return nil
	}
}

// checkType refuses ids of 32 bits that are read as 16: every second one is 0 then, which
// mostly is a token.
func (r *idReader) checkType() error {
	if tokenTypes[r.kind] != 2 {
		return nil
	}
	head, err := r.r.Peek(512)
	if err != nil && err != io.EOF {
		return r.in.Cause(err)
	}
	zeros := 0
	for i := 2; i+1 < len(head); i += 4 {
		if head[i]|head[i+1] == 0 {
			zeros++
		}
	}
	if n := len(head) / 4; n >= 16 && zeros == n {
		return fmt.Errorf("every second id is 0: its ids seem to be of 32 bits and not %s: %w", r.kind, ErrTokenID)
	}
	return nil
}

// document decodes the ids of the next document and returns how many they are.
func (r *idReader) document(t *idText) (n int64, err error) {
	switch {
	case r.index != nil:
		return r.indexed(t)
	case t.End == nil && r.each > 0:
		return r.decodeIDs(t, r.each, nil)
	case t.End == nil && r.each == 0:
		n, err = r.decodeIDs(t, math.MaxInt64, nil)
		if errors.Is(err, ErrTooLong) {
			err = fmt.Errorf("%w; it is one document unless --end-of-document says which id is between them", err)
		}
		return n, err
	}
	return r.decodeIDs(t, math.MaxInt64, t.End)
}

// indexed decodes the sequences of the next document of the index, each a text of its own.
func (r *idReader) indexed(t *idText) (n int64, err error) {
	sequences, ok, err := r.index.document()
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, r.finish()
	}
	for k := range sequences {
		length, err := r.index.sequence(r.place)
		if err != nil {
			return n, err
		}
		if k > 0 {
			if err := t.flush(); err != nil {
				return n, err
			}
			t.d.Separate()
		}
		got, err := r.decodeIDs(t, length, nil)
		if err != nil {
			return n, err
		}
		if got < length {
			return n, fmt.Errorf("it ends within a document of the index: %w", ErrCorrupt)
		}
		n += got
	}
	return n, nil
}

// decodeIDs decodes up to n ids, up to one that ends a document, or to the end of the file. It
// returns how many they are, without the one that ends it.
func (r *idReader) decodeIDs(t *idText, n int64, end *uint32) (taken int64, err error) {
	width := tokenTypes[r.kind]
	for taken < n {
		want := int(min(n-taken, idBatch)) * width
		if r.left >= 0 {
			want = int(min(int64(want), r.left*int64(width)))
		}
		part, err := r.r.Peek(want)
		if err != nil && err != io.EOF {
			return taken, err
		}
		if err == io.EOF && (r.left > 0 || len(part)%width != 0) {
			return taken, fmt.Errorf("it ends within its ids: %w", ErrCorrupt)
		}
		if len(part) == 0 {
			return taken, r.finish()
		}
		r.ids = appendNumbers(r.ids[:0], part, r.kind)
		ids, used := r.ids, len(r.ids)
		if end != nil {
			if at := slices.Index(ids, *end); at >= 0 {
				ids, used = ids[:at], at+1
			}
		}
		if err := t.add(ids); err != nil {
			return taken, err
		}
		r.r.Discard(used * width)
		if r.place += int64(used * width); r.left >= 0 {
			r.left -= int64(used)
		}
		if taken += int64(len(ids)); used > len(ids) {
			return taken, nil
		}
	}
	return taken, nil
}

// finish makes sure that nothing follows the ids.
func (r *idReader) finish() error {
	r.ended = true
	if _, err := r.r.ReadByte(); err == nil {
		return fmt.Errorf("more bytes than ids: %w", ErrCorrupt)
	} else if err != io.EOF {
		return err
	}
	return nil
}

// appendNumbers appends the ids in b, of that type.
func appendNumbers(dst []uint32, b []byte, kind string) []uint32 {
	switch kind {
	case "uint8":
		for _, v := range b {
			dst = append(dst, uint32(v))
		}
	case "uint16":
		for ; len(b) >= 2; b = b[2:] {
			dst = append(dst, uint32(binary.LittleEndian.Uint16(b)))
		}
	case "int16":
		for ; len(b) >= 2; b = b[2:] {
			dst = append(dst, uint32(int16(binary.LittleEndian.Uint16(b)))) // a negative one is no id of any table
		}
	case "uint32", "int32":
		for ; len(b) >= 4; b = b[4:] {
			dst = append(dst, binary.LittleEndian.Uint32(b))
		}
	default:
		for ; len(b) >= 8; b = b[8:] {
			dst = append(dst, clipID(binary.LittleEndian.Uint64(b)))
		}
	}
	return dst
}
