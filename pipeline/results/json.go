package results

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// JSON as harnesses write it: as encoding/json has it, and NaN, Infinity and
// -Infinity, which Python writes for numbers that are none.

// maxDepth is that of encoding/json.
const maxDepth = 10000

var (
	errJSON     = errors.New("not JSON")
	errCut      = errors.New("ends in the middle of a JSON value")
	errTooLong  = errors.New("longer than a row may be")
	errKeyTwice = errors.New("a key stands twice in one object")
)

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// value gives the end of the value at b[i:], which is checked.
func value(b []byte, i, depth int) (int, error) {
	if i = space(b, i); i == len(b) {
		return i, errCut
	}
	if depth > maxDepth {
		return i, fmt.Errorf("%w: nested too deep", errJSON)
	}
	switch c := b[i]; {
	case c == '"':
		return text(b, i)
	case c == '{' || c == '[':
		return nested(b, i, depth)
	case c == '-' || c >= '0' && c <= '9':
		if c == '-' && i+1 < len(b) && b[i+1] == 'I' {
			return word(b, i, "-Infinity")
		}
		return number(b, i)
	}
	for _, w := range [...]string{"true", "false", "null", "NaN", "Infinity"} {
		if b[i] == w[0] {
			return word(b, i, w)
		}
	}
	return i, errJSON
}

func word(b []byte, i int, w string) (int, error) {
	have := b[i:min(len(b), i+len(w))]
	switch {
	case string(have) == w:
		return i + len(w), nil
	case string(have) == w[:len(have)]:
		return i, errCut
	}
	return i, errJSON
}

func text(b []byte, i int) (int, error) {
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, nil
		case c < ' ':
			return i, errJSON
		case c == '\\':
			if i++; i == len(b) {
				return i, errCut
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for k := 0; k < 4; k++ {
					if i++; i == len(b) {
						return i, errCut
					}
					if !hexDigit(b[i]) {
						return i, errJSON
					}
				}
			default:
				return i, errJSON
			}
		}
	}
	return i, errCut
}

func hexDigit(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

func digits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

func number(b []byte, i int) (int, error) {
	if b[i] == '-' {
		i++
	}
	j := digits(b, i)
	if j == i || b[i] == '0' && j > i+1 {
		return i, errJSON
	}
	if j < len(b) && b[j] == '.' {
		if i, j = j+1, digits(b, j+1); i == j {
			return i, errJSON
		}
	}
	if j < len(b) && b[j]|0x20 == 'e' {
		if j++; j < len(b) && (b[j] == '+' || b[j] == '-') {
			j++
		}
		if i, j = j, digits(b, j); i == j {
			return i, errJSON
		}
	}
	return j, nil
}

// nested passes an object or a list.
func nested(b []byte, i, depth int) (int, error) {
	object := b[i] == '{'
	end := b[i] + 2 // ASCII has ] two after [ and } two after {
	i = space(b, i+1)
	if i < len(b) && b[i] == end {
		return i + 1, nil
	}
	for {
		var err error
		if object {
			if _, _, i, err = key(b, i); err != nil {
				return i, err
			}
		}
		if i, err = value(b, i, depth+1); err != nil {
			return i, err
		}
		if i = space(b, i); i == len(b) {
			return i, errCut
		}
		switch b[i] {
		case end:
			return i + 1, nil
		case ',':
			i = space(b, i+1)
		default:
			return i, errJSON
		}
	}
}

// key passes a key and the colon behind it; from and to are its quotes.
func key(b []byte, i int) (from, to, next int, err error) {
	if i = space(b, i); i == len(b) {
		return i, i, i, errCut
	}
	if b[i] != '"' {
		return i, i, i, errJSON
	}
	from = i
	if to, err = text(b, i); err != nil {
		return from, to, to, err
	}
	if i = space(b, to); i == len(b) {
		return from, to, i, errCut
	}
	if b[i] != ':' {
		return from, to, i, errJSON
	}
	return from, to, i + 1, nil
}

// A field is a member of an object: its key and the value as it is written.
type field struct {
	key string
	raw []byte
}

// A row is an object, cut into its members. Raw values are lent.
type row []field

// get gives a member's value, or nil.
func (r row) get(name string) []byte {
	for i := range r {
		if r[i].key == name {
			return r[i].raw
		}
	}
	return nil
}

// firstOf gives the first of the names that the row has with a value.
func (r row) firstOf(names ...string) (string, []byte) {
	for _, n := range names {
		if raw := r.get(n); raw != nil && string(raw) != "null" {
			return n, raw
		}
	}
	return "", nil
}

// parser cuts rows. Keys are few and come again, so they are kept.
type parser struct {
	row  row
	keys map[string]string
	last []lastKey // by place in the row, of a row before
}

// lastKey is a key as it is written and what it is.
type lastKey struct{ inner, key string }

// object cuts b, which has to be one object and nothing else.
func (p *parser) object(b []byte) (row, error) {
	i := space(b, 0)
	if i == len(b) {
		return nil, errCut
	}
	if b[i] != '{' {
		return nil, fmt.Errorf("%w object", errJSON)
	}
	p.row = p.row[:0]
	if i = space(b, i+1); i < len(b) && b[i] == '}' {
		return p.row, rest(b, i+1)
	}
	for {
		from, to, next, err := key(b, i)
		if err != nil {
			return nil, err
		}
		name, err := p.key(b[from:to], len(p.row))
		if err != nil {
			return nil, err
		}
		for k := range p.row {
			if p.row[k].key == name {
				return nil, fmt.Errorf("%w: %q", errKeyTwice, clip(name))
			}
		}
		if len(p.row) == 1<<12 {
			return nil, errors.New("an object of more than 4096 keys")
		}
		next = space(b, next)
		if i, err = value(b, next, 1); err != nil {
			return nil, err
		}
		p.row = append(p.row, field{name, b[next:i]})
		if i = space(b, i); i == len(b) {
			return nil, errCut
		}
		switch b[i] {
		case '}':
			return p.row, rest(b, i+1)
		case ',':
			i++
		default:
			return nil, errJSON
		}
	}
}

func rest(b []byte, i int) error {
	if space(b, i) != len(b) {
		return fmt.Errorf("%w: more behind its end", errJSON)
	}
	return nil
}

// key gives the key at a place of a row.
func (p *parser) key(quoted []byte, at int) (string, error) {
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
	k, ok := str(quoted)
	if !ok {
		return "", errJSON
	}
	if len(p.keys) < 1<<10 && len(k) < 1<<10 {
		if p.keys == nil {
			p.keys = make(map[string]string)
		}
		p.keys[string(inner)] = k
	}
	return k, nil
}

// sub cuts a value that is an object; anything else gives an empty row.
func sub(raw []byte) row {
	var p parser
	r, err := p.object(raw)
	if err != nil {
		return nil
	}
	return r
}

// list cuts a value that is a list.
func list(raw []byte) (items [][]byte, ok bool) {
	i := space(raw, 0)
	if i == len(raw) || raw[i] != '[' {
		return nil, false
	}
	for i = space(raw, i+1); i < len(raw) && raw[i] != ']'; {
		end, err := value(raw, i, 1)
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

// str gives the text of a value that is one. What is not UTF-8 becomes U+FFFD.
func str(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner), true
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// nameOf gives a text or a number as a text, "" for anything else.
func nameOf(raw []byte) string {
	if s, ok := str(raw); ok {
		return s
	}
	if len(raw) > 0 && len(raw) < 32 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		return string(raw)
	}
	return ""
}

// integer gives a value that is a whole number, or -1. A number in quotes is one.
func integer(raw []byte) int64 {
	n, err := strconv.ParseInt(nameOf(raw), 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return -1
	}
	return n
}

// A doc reads one JSON text of any length piece by piece. It holds one value of at
// most max bytes.
type doc struct {
	r   *bufio.Reader
	max int
	buf []byte
	err error
}

func newDoc(r *bufio.Reader, max int) *doc { return &doc{r: r, max: max} }

func cut(err error) error {
	if err == io.EOF {
		return errCut
	}
	return err
}

// peek gives the next byte that is no space, unread.
func (d *doc) peek() (byte, error) {
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

func (d *doc) take(want byte) error {
	c, err := d.peek()
	if err != nil {
		return err
	}
	if c != want {
		return errJSON
	}
	_, err = d.r.ReadByte()
	return err
}

// pass reads one value, into d.buf if keep.
func (d *doc) pass(keep bool) error {
	d.buf = d.buf[:0]
	if _, err := d.peek(); err != nil {
		return err
	}
	depth, first := 0, true
	quoted, escaped := false, false
	take := func(chunk []byte) error {
		if keep {
			if len(d.buf)+len(chunk) > d.max {
				return errTooLong
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

// raw reads one value, checked and lent until the next call.
func (d *doc) raw() ([]byte, error) {
	if err := d.pass(true); err != nil {
		return nil, err
	}
	end, err := value(d.buf, 0, 0)
	if err != nil {
		return nil, err
	}
	return d.buf, rest(d.buf, end)
}

// object gives visit each key; visit has to read the value.
func (d *doc) object(visit func(key string) error) error {
	if err := d.take('{'); err != nil {
		return err
	}
	c, err := d.peek()
	if err != nil {
		return err
	}
	if c == '}' {
		return d.take('}')
	}
	for {
		raw, err := d.raw()
		if err != nil {
			return err
		}
		k, ok := str(raw)
		if !ok {
			return errJSON
		}
		if err := d.take(':'); err != nil {
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

// array calls visit before each element; visit has to read it.
func (d *doc) array(visit func() error) error {
	if err := d.take('['); err != nil {
		return err
	}
	c, err := d.peek()
	if err != nil {
		return err
	}
	if c == ']' {
		return d.take(']')
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

func (d *doc) next(end byte) (more bool, err error) {
	c, err := d.peek()
	if err != nil {
		return false, err
	}
	if c != ',' && c != end {
		return false, errJSON
	}
	_, err = d.r.ReadByte()
	return c == ',', err
}

// end checks that nothing follows.
func (d *doc) end() error {
	switch _, err := d.peek(); err {
	case errCut:
		return nil
	case nil:
		return fmt.Errorf("%w: more behind its end", errJSON)
	default:
		return err
	}
}

// clip shortens what a message shows.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	for n := most; ; n-- {
		if utf8.RuneStart(s[n]) {
			return s[:n] + "…"
		}
	}
}
