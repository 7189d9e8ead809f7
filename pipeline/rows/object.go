package rows

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// The classes of invalid JSON.
var (
	ErrJSON     = errors.New("not JSON")
	ErrCut      = errors.New("ends in the middle of a JSON value")
	errKeyTwice = errors.New("an object has a key twice")
)

// failure returns the error of the last value that j could not skip.
func (j *Scanner) failure() error {
	if j.at >= len(j.line) {
		return ErrCut
	}
	return ErrJSON
}

// checkValue returns the end of the value at b[i:], within depth objects and lists.
func (j *Scanner) checkValue(b []byte, i, depth int) (int, error) {
	j.line = b
	if i = j.value(j.space(i), depth); i < 0 {
		return i, j.failure()
	}
	return i, nil
}

// memberKey passes a key and the colon behind it; from and to are its quotes.
func (j *Scanner) memberKey(b []byte, i int) (from, to, next int, err error) {
	j.line = b
	if from = j.space(i); from >= len(b) || b[from] != '"' {
		j.at = from
		return from, from, from, j.failure()
	}
	if to, _ = j.str(from + 1); to < 0 {
		return from, from, from, j.failure()
	}
	if i = j.space(to); i >= len(b) || b[i] != ':' {
		j.at = i
		return from, to, i, j.failure()
	}
	return from, to, i + 1, nil
}

func space(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// A Member is one of an object: its key and the value as it is written.
type Member struct {
	Key string
	Raw []byte
}

// An Object is cut into its members. Raw values are lent.
type Object []Member

// Get returns a member's value, or nil.
func (r Object) Get(name string) []byte {
	for i := range r {
		if r[i].Key == name {
			return r[i].Raw
		}
	}
	return nil
}

// FirstOf returns the first of the names that the object has with a value.
func (r Object) FirstOf(names ...string) (string, []byte) {
	for _, n := range names {
		if raw := r.Get(n); raw != nil && string(raw) != "null" {
			return n, raw
		}
	}
	return "", nil
}

// A Cutter cuts objects into members. Keys are few and come again, so they are kept.
type Cutter struct {
	scan Scanner
	row  Object
	keys map[string]string
	last []lastKey // by place in the object, of one before
}

// lastKey is a key as it is written and what it is.
type lastKey struct{ inner, key string }

// Marks says whether NaN or Infinity was in the object cut last.
func (p *Cutter) Marks() Marks {
	if p.scan.nan {
		return MarkNumber
	}
	return 0
}

// Object cuts b, which has to be one object and nothing else. What it returns is lent
// until the next call.
func (p *Cutter) Object(b []byte) (Object, error) {
	p.scan.nan = false
	i := space(b, 0)
	if i == len(b) {
		return nil, ErrCut
	}
	if b[i] != '{' {
		return nil, fmt.Errorf("%w object", ErrJSON)
	}
	p.row = p.row[:0]
	if i = space(b, i+1); i < len(b) && b[i] == '}' {
		return p.row, requireEnd(b, i+1)
	}
	for {
		from, to, next, err := p.scan.memberKey(b, i)
		if err != nil {
			return nil, err
		}
		name, err := p.key(b[from:to], len(p.row))
		if err != nil {
			return nil, err
		}
		for k := range p.row {
			if p.row[k].Key == name {
				return nil, fmt.Errorf("%w: %q", errKeyTwice, Clip(name))
			}
		}
		if len(p.row) == 1<<12 {
			return nil, errors.New("an object of more than 4096 keys")
		}
		next = space(b, next)
		if i, err = p.scan.checkValue(b, next, 1); err != nil {
			return nil, err
		}
		p.row = append(p.row, Member{name, b[next:i]})
		if i = space(b, i); i == len(b) {
			return nil, ErrCut
		}
		switch b[i] {
		case '}':
			return p.row, requireEnd(b, i+1)
		case ',':
			i++
		default:
			return nil, ErrJSON
		}
	}
}

// requireEnd returns an error unless b[i:] is white space.
func requireEnd(b []byte, i int) error {
	if space(b, i) != len(b) {
		return fmt.Errorf("%w: more text after its end", ErrJSON)
	}
	return nil
}

// key returns the key at a place of an object.
func (p *Cutter) key(quoted []byte, at int) (string, error) {
	inner := quoted[1 : len(quoted)-1]
	if at < len(p.last) && p.last[at].inner == string(inner) {
		return p.last[at].key, nil
	}
	if k, ok := p.keys[string(inner)]; ok {
		if at < 1<<6 {
			p.last = append(p.last, make([]lastKey, max(0, at+1-len(p.last)))...)
			p.last[at] = lastKey{string(inner), k}
		}
		return k, nil
	}
	k, ok := Text(quoted)
	if !ok {
		return "", ErrJSON
	}
	if len(p.keys) < 1<<10 && len(k) < 1<<10 {
		if p.keys == nil {
			p.keys = make(map[string]string)
		}
		p.keys[string(inner)] = k
	}
	return k, nil
}

// SubObject cuts a value that is an object; of anything else it returns an empty one.
func SubObject(raw []byte) Object {
	var p Cutter
	r, err := p.Object(raw)
	if err != nil {
		return nil
	}
	return r
}

// Elements cuts a value that is a list.
func Elements(raw []byte) (items [][]byte, ok bool) {
	var scan Scanner
	i := space(raw, 0)
	if i == len(raw) || raw[i] != '[' {
		return nil, false
	}
	for i = space(raw, i+1); i < len(raw) && raw[i] != ']'; {
		end, err := scan.checkValue(raw, i, 1)
		if err != nil {
			return nil, false
		}
		items = append(items, raw[i:end])
		if i = space(raw, end); i < len(raw) && raw[i] == ',' {
			i = space(raw, i+1)
		}
	}
	return items, i < len(raw)
}

// Text returns the text of a value that is one. What is not UTF-8 becomes U+FFFD.
func Text(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 && ValidUTF8(inner) {
		return string(inner), true
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// Name returns a text or a number as a text, "" for anything else.
func Name(raw []byte) string {
	if s, ok := Text(raw); ok {
		return s
	}
	if len(raw) > 0 && len(raw) < 32 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		return string(raw)
	}
	return ""
}

// Integer returns a value that is a whole number, or -1. A number in quotes is one.
func Integer(raw []byte) int64 {
	n, err := strconv.ParseInt(Name(raw), 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return -1
	}
	return n
}

// A Doc reads one JSON text of any length piece by piece. It holds one value of at
// most max bytes.
type Doc struct {
	scan Scanner
	r    *bufio.Reader
	max  int
	buf  []byte
}

// NewDoc returns a Doc that reads r and holds one value of at most max bytes.
func NewDoc(r *bufio.Reader, max int) *Doc { return &Doc{r: r, max: max} }

func cut(err error) error {
	if err == io.EOF {
		return ErrCut
	}
	return err
}

// Peek returns the next byte that is no space, unread.
func (d *Doc) Peek() (byte, error) {
	for {
		c, err := d.r.ReadByte()
		if err != nil {
			return 0, cut(err)
		}
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, d.r.UnreadByte()
		}
	}
}

// expect reads the next byte that is no white space, which must be want.
func (d *Doc) expect(want byte) error {
	c, err := d.Peek()
	if err != nil {
		return err
	}
	if c != want {
		return ErrJSON
	}
	_, err = d.r.ReadByte()
	return err
}

// Pass reads one value, to be kept or not.
func (d *Doc) Pass(keep bool) error {
	d.buf = d.buf[:0]
	if _, err := d.Peek(); err != nil {
		return err
	}
	depth, first := 0, true
	quoted, escaped := false, false
	take := func(chunk []byte) error {
		if keep {
			if len(d.buf)+len(chunk) > d.max {
				return ErrTooLong
			}
			d.buf = append(d.buf, chunk...)
		}
		_, err := d.r.Discard(len(chunk))
		return err
	}
	for {
		if _, err := d.r.Peek(1); err == io.EOF && depth == 0 && !quoted && !first {
			return nil // a number ends with the text
		} else if err != nil {
			return cut(err)
		}
		chunk, _ := d.r.Peek(d.r.Buffered())
		for i, c := range chunk {
			switch {
			case quoted:
				switch {
				case escaped:
					escaped = false
				case c == '\\':
					escaped = true
				case c == '"':
					if quoted = false; depth == 0 {
						return take(chunk[:i+1])
					}
				}
			case depth == 0 && !first && (c == ',' || c == '}' || c == ']' || c == ':' || c <= ' '):
				return take(chunk[:i])
			case c == '"':
				quoted = true
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				if depth--; depth <= 0 {
					return take(chunk[:i+1])
				}
			}
			first = false
		}
		if err := take(chunk); err != nil {
			return err
		}
	}
}

// Raw reads one value, checked and lent until the next call.
func (d *Doc) Raw() ([]byte, error) {
	if err := d.Pass(true); err != nil {
		return nil, err
	}
	end, err := d.scan.checkValue(d.buf, 0, 0)
	if err != nil {
		return nil, err
	}
	return d.buf, requireEnd(d.buf, end)
}

// Object hands visit each key; visit has to read the value.
func (d *Doc) Object(visit func(key string) error) error {
	if err := d.expect('{'); err != nil {
		return err
	}
	c, err := d.Peek()
	if err != nil {
		return err
	}
	if c == '}' {
		return d.expect('}')
	}
	for {
		raw, err := d.Raw()
		if err != nil {
			return err
		}
		k, ok := Text(raw)
		if !ok {
			return ErrJSON
		}
		if err := d.expect(':'); err != nil {
			return err
		}
		if err := visit(k); err != nil {
			return err
		}
		if more, err := d.next('}'); !more || err != nil {
			return err
		}
	}
}

// Array calls visit before each element; visit has to read it.
func (d *Doc) Array(visit func() error) error {
	if err := d.expect('['); err != nil {
		return err
	}
	c, err := d.Peek()
	if err != nil {
		return err
	}
	if c == ']' {
		return d.expect(']')
	}
	for {
		if err := visit(); err != nil {
			return err
		}
		if more, err := d.next(']'); !more || err != nil {
			return err
		}
	}
}

func (d *Doc) next(end byte) (more bool, err error) {
	c, err := d.Peek()
	if err != nil {
		return false, err
	}
	if c != ',' && c != end {
		return false, ErrJSON
	}
	_, err = d.r.ReadByte()
	return c == ',', err
}

// End checks that nothing follows.
func (d *Doc) End() error {
	switch _, err := d.Peek(); err {
	case ErrCut:
		return nil
	case nil:
		return fmt.Errorf("%w: more behind its end", ErrJSON)
	default:
		return err
	}
}
