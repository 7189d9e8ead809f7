package rows

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"sync"
)

// Shape is the arrangement of rows in a text file.
type Shape uint8

// The shapes. JSONColumns is one object whose members are the columns, as lists or as objects
// with the rows' numbers; its rows have no bytes of their own, so variants are written as JSON
// lines.
const (
	JSONLines   Shape = iota // one JSON value a line
	JSONValues               // JSON values over several lines, white space between them
	JSONList                 // the elements of one JSON list
	JSONWrapped              // the elements of the one list of objects in one object
	JSONColumns              // the columns of one object
	JSONMembers              // the members of one object, which are objects, with their names
	Table                    // CSV and similar tables
)

// Layout is everything needed to divide a text file into rows.
type Layout struct {
	Shape   Shape
	Dialect // of a Table
}

// A text file is read as spans that tile it:
//
//	head body (sep body)* tail
//
// A body is one record. The head precedes the first: a byte order mark, a CSV header with
// its line end, a JSON list's bracket with everything before it. A sep is between two
// records, the tail after the last. A file with some of the records is the head, their
// bodies, each but the first preceded by its own sep, and the tail.

// MaxRecord bounds a row with its separator, and a file's head and tail, in bytes.
const MaxRecord = 64 << 20

var errMore = errors.New("more data needed") // from a splitter, only while !end

// splitter finds the spans of one format.
type splitter interface {
	// next returns the lengths of the next separator (at first, of the head) and of the body
	// after it. data starts where the last body ended; end means that the file ends with
	// it. An empty body means that there is no further record.
	next(data []byte, end bool) (sep, body int, err error)
	// tail checks everything after the last record.
	tail(data []byte) error
	// bracketed reports whether the tail belongs to the file even without records.
	bracketed() bool
}

// Spans reads a text file's spans. What it returns is lent until the next call. It serves
// one goroutine.
type Spans struct {
	r        io.Reader
	split    splitter
	table    tableParser // of a Table
	layout   Layout
	first    *[64 << 10]byte
	buf      []byte // first, or a longer one
	from, to int    // buf[from:to] is read and not yet returned
	end      bool   // r is at its end
	max      int
}

// NewSpans returns Spans of r; the caller sets the layout with Detect or Use. A row has at
// most max bytes; 0 is [MaxRecord].
func NewSpans(r io.Reader, max int) *Spans {
	if max == 0 {
		max = MaxRecord
	}
	first := buffers.Get().(*[64 << 10]byte)
	return &Spans{r: r, first: first, buf: first[:], max: max}
}

// buffers are those that Spans and Lines begin with: there are many small files.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// Free returns the first buffer. The Spans must not be used afterwards.
func (s *Spans) Free() { buffers.Put(s.first) }

// Use sets the layout of the rows.
func (s *Spans) Use(l Layout) {
	s.layout = l
	switch l.Shape {
	case Table:
		s.split = &csvSplit{Dialect: l.Dialect}
		s.table = tableParser{Dialect: l.Dialect}
	case JSONColumns:
		s.split = new(columnSplit)
	default:
		s.split = &jsonSplit{mode: l.Shape}
	}
}

// Rest returns the bytes not yet returned, as a stream. The Spans must not be used afterwards.
func (s *Spans) Rest() io.Reader {
	return io.MultiReader(bytes.NewReader(s.buf[s.from:s.to]), s.r)
}

// Bracketed reports whether the tail belongs to the file even without rows.
func (s *Spans) Bracketed() bool { return s.split.bracketed() }

// Header returns the first row of a table that has a header, once Next was called.
func (s *Spans) Header() string {
	if c, ok := s.split.(*csvSplit); ok {
		return Clip(string(c.names))
	}
	return ""
}

// Parse sets rec to the row whose bytes Next returned last.
func (s *Spans) Parse(rec *Record, body []byte, want Want) error {
	switch s.layout.Shape {
	case Table:
	case JSONMembers:
		value, err := memberValue(body, true)
		if err != nil {
			return err
		}
		return rec.ParseJSON(body[value:], want)
	default:
		return rec.ParseJSON(body, want)
	}
	if split := s.split.(*csvSplit); s.layout.Header && s.table.names == nil {
		if err := s.table.header(split.names); err != nil {
			return err
		}
	}
	return s.table.parse(rec, body)
}

// fill reads more. The data at least doubles before a splitter gets it again, so that
// repeated scans cost a constant factor.
func (s *Spans) fill() error {
	copy(s.buf, s.buf[s.from:s.to])
	s.from, s.to = 0, s.to-s.from
	if s.to > len(s.buf)/2 {
		if len(s.buf) >= s.max {
			return fmt.Errorf("longer than %d MiB: %w", s.max>>20, ErrTooLong)
		}
		grown := make([]byte, min(2*len(s.buf), s.max))
		copy(grown, s.buf[:s.to])
		s.buf = grown
	}
	for s.to < len(s.buf) {
		n, err := s.r.Read(s.buf[s.to:])
		s.to += n
		if err == io.EOF {
			s.end = true
			return nil
		}
		if err != nil {
			return &ReadError{err}
		}
	}
	return nil
}

// ReadError is an error of the file, which names its place itself.
type ReadError struct{ err error }

// OfFile marks err as an error of the file; nil stays nil.
func OfFile(err error) error {
	if err == nil {
		return nil
	}
	return &ReadError{err}
}

func (e *ReadError) Error() string { return e.err.Error() }

// Unwrap returns the file's error.
func (e *ReadError) Unwrap() error { return e.err }

// Next returns the next row and the separator before it. At the end it returns the tail as
// the separator, and io.EOF.
func (s *Spans) Next() (sep, body []byte, err error) {
	if c, ok := s.split.(*columnSplit); ok && c.rows > 0 {
		return c.row()
	}
	for {
		data := s.buf[s.from:s.to]
		n, m, err := s.split.next(data, s.end)
		switch {
		case err == errMore && !s.end:
			if err := s.fill(); err != nil {
				return nil, nil, err
			}
			continue
		case err == errMore:
			return nil, nil, errEnd
		case err != nil:
			return nil, nil, err
		case s.layout.Shape == JSONColumns:
			s.from = s.to
			return s.split.(*columnSplit).row()
		case m > 0:
			s.from += n + m
			return data[:n], data[n : n+m : n+m], nil
		}
		for !s.end {
			if err := s.fill(); err != nil {
				return nil, nil, err
			}
		}
		data = s.buf[s.from:s.to]
		s.from = s.to
		if err := s.split.tail(data); err != nil {
			return nil, nil, err
		}
		return data, nil, io.EOF
	}
}

var byteOrderMark = []byte("\uFEFF")

// jsonSplit finds the records of a JSON file. It parses a record only as far as needed to find
// its end.
type jsonSplit struct {
	mode  Shape
	begun bool
	head  []byte // of a JSONWrapped
}

func (j *jsonSplit) bracketed() bool {
	return j.mode == JSONList || j.mode == JSONWrapped || j.mode == JSONMembers
}

// closing returns the byte that ends the records.
func (j *jsonSplit) closing() byte {
	if j.mode == JSONMembers {
		return '}'
	}
	return ']'
}

func (j *jsonSplit) next(data []byte, end bool) (sep, body int, err error) {
	i := 0
	if !j.begun {
		if i, err = j.start(data, end); err != nil {
			return 0, 0, err
		}
	}
	i = skipSpace(data, i)
	if i == len(data) && !end {
		return 0, 0, errMore
	}
	if j.bracketed() {
		if i == len(data) {
			return 0, 0, errEnd
		}
		if data[i] == j.closing() {
			return 0, 0, nil
		}
		if j.begun {
			if data[i] != ',' {
				return 0, 0, fmt.Errorf("found %q where a comma or the list's end was expected", data[i])
			}
			if i = skipSpace(data, i+1); i == len(data) {
				return 0, 0, errMore
			}
		}
	} else if i == len(data) {
		return 0, 0, nil
	}
	n := 0
	if j.mode == JSONLines {
		if n = bytes.IndexByte(data[i:], '\n'); n < 0 {
			if !end {
				return 0, 0, errMore
			}
			n = len(data) - i
		}
		for isSpace(data[i+n-1]) {
			n--
		}
	} else if n, err = j.recordEnd(data[i:], end); err != nil {
		return 0, 0, err
	}
	if !j.begun {
		j.begun = true
		if j.mode == JSONWrapped {
			j.head = bytes.Clone(data[:i])
		}
	}
	return i, n, nil
}

// recordEnd returns the length of the record at the start of data.
func (j *jsonSplit) recordEnd(data []byte, end bool) (int, error) {
	if j.mode != JSONMembers {
		return valueEnd(data, end)
	}
	value, err := memberValue(data, end)
	if err != nil {
		return 0, err
	}
	n, err := valueEnd(data[value:], end)
	return value + n, err
}

// memberValue returns where the value of the member at the start of data begins, which has to be an
// object.
func memberValue(data []byte, end bool) (int, error) {
	if data[0] != '"' {
		return 0, fmt.Errorf("found %q where a member's name was expected", data[0])
	}
	i, err := valueEnd(data, end)
	if err != nil {
		return 0, err
	}
	if i = skipSpace(data, i); i < len(data) && data[i] == ':' {
		i = skipSpace(data, i+1)
	}
	switch {
	case i == len(data):
		return 0, errMore
	case data[i] != '{':
		return 0, fmt.Errorf("found %q where an object was expected: the members of the file before are objects", data[i])
	}
	return i, nil
}

// start returns the number of bytes before the first record and its white space.
func (j *jsonSplit) start(data []byte, end bool) (int, error) {
	i, err := skipMark(data, end)
	if err != nil || !j.bracketed() {
		return i, err
	}
	open := byte('[')
	if j.mode != JSONList {
		open = '{'
	}
	if i = skipSpace(data, i); i == len(data) {
		return 0, errMore
	}
	if data[i] != open {
		return 0, fmt.Errorf("found %q where %q was expected", data[i], open)
	}
	i++
	if j.mode != JSONWrapped {
		return i, nil
	}
	// The first empty list, by the offset after its bracket: in a variant without items, it is
	// where the records were.
	empty := 0
	for { // over the object's members, to a list of objects
		var name int
		if i = skipSpace(data, i); i < len(data) && data[i] == '"' {
			if name, err = valueEnd(data[i:], end); err != nil {
				return 0, err
			}
			i = skipSpace(data, i+name)
		}
		if i == len(data) {
			return 0, errMore
		}
		if data[i] == '}' && empty > 0 {
			return empty, nil
		}
		if data[i] != ':' {
			return 0, errors.New("the object holds no list of records")
		}
		if i = skipSpace(data, i+1); i == len(data) {
			return 0, errMore
		}
		if data[i] == '[' {
			first := skipSpace(data, i+1)
			if first == len(data) {
				return 0, errMore
			}
			if data[first] == '{' {
				return i + 1, nil
			}
			if data[first] == ']' && empty == 0 {
				empty = i + 1
			}
		}
		n, err := valueEnd(data[i:], end)
		if err != nil {
			return 0, err
		}
		if i = skipSpace(data, i+n); i == len(data) {
			return 0, errMore
		}
		if data[i] == ',' {
			i++
		}
	}
}

func (j *jsonSplit) tail(data []byte) error {
	var t Record
	switch {
	case !j.bracketed():
		return nil // next found only white space
	case !j.begun:
		return t.ParseJSON(bytes.TrimPrefix(data, byteOrderMark), nil)
	case j.mode != JSONWrapped:
		if rest := bytes.TrimSpace(data)[1:]; len(rest) > 0 {
			return fmt.Errorf("unexpected %q after the end of the records", Clip(rest))
		}
		return nil
	}
	if err := t.ParseJSON(append(bytes.TrimPrefix(j.head, byteOrderMark), data...), nil); err != nil {
		return fmt.Errorf("around the list of records: %w", err)
	}
	if name, ok := t.Twice(); ok {
		return fmt.Errorf("around the list of records: it has the name %q twice", Clip(name))
	}
	if t.recordLists() > 0 {
		return errors.New("the object holds more than one list of records")
	}
	return nil
}

// recordLists counts the root object's members that are lists of objects.
func (t *Record) recordLists() (n int) {
	for c := 1; c < t.nodes[0].next; c = t.nodes[c].next {
		if t.nodes[c].kind == listed && t.nodes[c].next > c+1 && t.nodes[c+1].kind == object {
			n++
		}
	}
	return n
}

func skipSpace(data []byte, i int) int {
	for i < len(data) && isSpace(data[i]) {
		i++
	}
	return i
}

// skipMark returns the length of a byte order mark.
func skipMark(data []byte, end bool) (int, error) {
	if len(data) < len(byteOrderMark) && !end {
		return 0, errMore
	}
	if bytes.HasPrefix(data, byteOrderMark) {
		return len(byteOrderMark), nil
	}
	return 0, nil
}

// valueEnd returns the length of the JSON value that data starts with. It counts brackets but
// does not check that they match, as the record's parser does.
func valueEnd(data []byte, end bool) (int, error) {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			n := stringEnd(data[i:])
			if n == 0 {
				return 0, errMore
			}
			i += n - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth == 0 {
				return 0, fmt.Errorf("found %q where a value was expected", data[i])
			}
			depth--
		default:
			if depth == 0 {
				n := bytes.IndexAny(data[i:], " \t\r\n,]}[{\":")
				if n < 0 && !end {
					return 0, errMore
				}
				if n < 0 {
					n = len(data) - i
				}
				if n == 0 {
					return 0, fmt.Errorf("found %q where a value was expected", data[i])
				}
				return i + n, nil
			}
			continue
		}
		if depth == 0 {
			return i + 1, nil
		}
	}
	return 0, errMore
}

// stringEnd returns the length of the JSON string that data starts with, or 0.
func stringEnd(data []byte) int {
	for i := 1; ; i++ {
		n := bytes.IndexByte(data[i:], '"')
		if n < 0 {
			return 0
		}
		i += n
		escapes := 0
		for data[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}

// Detect finds the layout of the rows by the beginning of the file, and uses it. If the
// content is inconclusive, the name decides: .csv and .tsv are tables, with a header unless
// Use sets another layout; .jsonl and .ndjson have a row a line; .json may be one object
// around the rows. If Detect cannot find the layout, reading the rows returns the error.
func (s *Spans) Detect(name string) (Layout, error) {
	ext := strings.ToLower(path.Ext(name))
	if tabbed := ext == ".tsv" || ext == ".tab"; tabbed || ext == ".csv" {
		return s.detectTable(tabbed)
	}
	var front []byte
	for {
		front = bytes.TrimLeft(bytes.TrimPrefix(s.buf[s.from:s.to], byteOrderMark), " \t\r\n")
		if len(front) > 0 || s.end {
			break
		}
		if err := s.fill(); err != nil {
			return Layout{}, err
		}
	}
	l := Layout{}
	switch {
	case len(front) == 0:
	case front[0] == '[':
		l.Shape = JSONList
	case front[0] == '{' || ext == ".json" || ext == ".jsonl" || ext == ".ndjson":
		var err error
		if l.Shape, err = s.detectJSON(ext); err != nil {
			return l, err
		}
	default:
		return s.detectTable(false)
	}
	s.Use(l)
	return l, nil
}

// detectJSON examines the first value and, if that could be an object around the rows,
// whether another follows. It consumes nothing.
func (s *Spans) detectJSON(ext string) (Shape, error) {
	longest := 1 << 20
	if ext != ".jsonl" && ext != ".ndjson" {
		longest = s.max
	}
	for {
		data := s.buf[s.from:s.to]
		start, err := skipMark(data, s.end)
		n := 0
		if err == nil {
			start = skipSpace(data, start)
			n, err = valueEnd(data[start:], s.end)
		}
		if err == nil {
			body := data[start : start+n]
			if ext == ".jsonl" || ext == ".ndjson" || body[0] != '{' {
				return linesOrValues(body, data[start+n:]), nil
			}
			if skipSpace(data, start+n) == len(data) && !s.end {
				err = errMore
			} else if skipSpace(data, start+n) < len(data) {
				return linesOrValues(body, data[start+n:]), nil
			} else {
				return aroundRows(body), nil
			}
		}
		if err != errMore || s.end {
			return JSONLines, nil
		}
		if s.to-s.from >= longest || s.to == len(s.buf) && len(s.buf) >= s.max {
			if longest == s.max {
				return JSONWrapped, nil
			}
			return JSONLines, nil
		}
		if err := s.fill(); err != nil {
			return JSONLines, err
		}
	}
}

// linesOrValues returns the shape of values of which the first is body, followed by the bytes
// behind: JSONValues if a value is on several lines or several are on one, else JSONLines.
func linesOrValues(body, behind []byte) Shape {
	if bytes.IndexByte(body, '\n') >= 0 || bytes.HasPrefix(bytes.TrimLeft(behind, " \t"), []byte("{")) {
		return JSONValues
	}
	return JSONLines
}

// aroundRows returns the shape of a file that is a single object.
func aroundRows(body []byte) Shape {
	list, err := (&jsonSplit{mode: JSONWrapped}).start(body, true)
	if err == nil && body[skipSpace(body, list)] == '{' {
		return JSONWrapped
	}
	if c := new(columnSplit); c.read(body) == nil && c.rows > 0 {
		return JSONColumns
	}
	if isMembers(body) {
		return JSONMembers
	}
	return linesOrValues(body, nil)
}

// isMembers reports whether an object is one of records by their names: two or more objects that have
// two or more names in common, none of which is a number.
func isMembers(body []byte) bool {
	var r Record
	if r.ParseJSON(body, nil) != nil || r.nodes[0].kind != object {
		return false
	}
	members := 0
	common := map[string]int{}
	for c := 1; c < r.nodes[0].next; c = r.nodes[c].next {
		if r.nodes[c].kind != object {
			return false
		}
		members++
		for k := c + 1; k < r.nodes[c].next; k = r.nodes[k].next {
			if _, err := strconv.Atoi(string(r.nodes[k].key)); err == nil {
				return false
			}
			common[string(r.nodes[k].key)]++
		}
	}
	same := 0
	for _, n := range common {
		if n == members {
			same++
		}
	}
	return members >= 2 && same >= 2
}

// errReturns says that the rows of a table end in CR and not in LF.
var errReturns = fmt.Errorf("its lines end in CR alone (tr '\\r' '\\n' converts them): %w", ErrUnsupported)

// detectTable finds what separates the columns of the first row.
func (s *Spans) detectTable(tabs bool) (Layout, error) {
	l := Layout{Table, Dialect{Comma: ',', Quotes: true, Header: true}}
	for !s.end && s.to < len(s.first) && bytes.IndexByte(s.buf[s.from:s.to], '\n') < 0 {
		if err := s.fill(); err != nil {
			return l, err
		}
	}
	line, _, found := bytes.Cut(s.buf[s.from:s.to], []byte("\n"))
	if !found && bytes.IndexByte(bytes.TrimRight(line, "\r"), '\r') >= 0 {
		return l, errReturns
	}
	if tabs {
		l.Dialect = Dialect{Comma: '\t', Header: true}
	} else {
		if l.Comma = separatorLine(bytes.TrimPrefix(s.buf[s.from:s.to], byteOrderMark)); l.Comma == 0 {
			l.Comma = separator(line)
		}
	}
	s.Use(l)
	return l, nil
}

// separator returns the separator that occurs most often in a header, outside quotes.
func separator(line []byte) byte {
	var n [256]int
	quoted := false
	for _, c := range line {
		if c == '"' {
			quoted = !quoted
		} else if !quoted {
			n[c]++
		}
	}
	best := byte(',')
	for _, c := range []byte(";\t|") {
		if n[c] > n[best] {
			best = c
		}
	}
	return best
}

// columnSplit builds rows from one object, which it holds as a whole, as pandas writes them:
//
//	{"a": [1, 2], "b": [3, 4]}                            columns of one length
//	{"a": {"0": 1, "1": 2}, "b": {"0": 3, "1": 4}}        columns by the rows' numbers
//	{"0": {"a": 1, "b": 3}, "1": {"a": 2, "b": 4}}        rows by their numbers
//	{"columns": ["a", "b"], "index": [0, 1], "data": [[1, 3], [2, 4]]}
type columnSplit struct {
	names [][]byte // as written; nil if a cell is a whole row
	cells [][]byte // by row, then by column
	rows  int
	at    int
	out   []byte
}

func (c *columnSplit) bracketed() bool { return false }

func (c *columnSplit) next(data []byte, end bool) (sep, body int, err error) {
	if !end {
		return 0, 0, errMore
	}
	return len(data), 0, c.read(bytes.TrimPrefix(data, byteOrderMark))
}

func (c *columnSplit) tail([]byte) error { return nil }

var errColumns = errors.New("the members of the object are not columns of the same length")

// read reads the columns of the object.
func (c *columnSplit) read(data []byte) error {
	var cut Cutter
	o, err := cut.Object(data)
	if err != nil {
		return err
	}
	if c.readSplit(o) || c.readRows(o) {
		return nil
	}
	columns := make([][][]byte, len(o))
	for k, m := range o {
		c.names = append(c.names, appendQuoted(nil, []byte(m.Key)))
		if items, ok := Elements(m.Raw); ok {
			columns[k] = items
		} else {
			for n, e := range SubObject(m.Raw) {
				if e.Key != strconv.Itoa(n) {
					return errColumns
				}
				columns[k] = append(columns[k], e.Raw)
			}
		}
		if len(columns[k]) != len(columns[0]) || len(columns[k]) == 0 {
			return errColumns
		}
		c.rows = len(columns[k])
	}
	for r := range c.rows {
		for k := range columns {
			c.cells = append(c.cells, bytes.Clone(columns[k][r]))
		}
	}
	return nil
}

// readSplit reads the names of columns and lists of their values; ok is false for any other
// object.
func (c *columnSplit) readSplit(o Object) (ok bool) {
	var names, lists [][]byte
	for _, m := range o {
		items, isList := Elements(m.Raw)
		switch {
		case !isList:
			return false
		case m.Key == "columns":
			names = items
		case m.Key == "data":
			lists = items
		case m.Key != "index":
			return false
		}
	}
	var cells [][]byte
	for _, list := range lists {
		items, _ := Elements(list)
		if len(items) != len(names) {
			return false
		}
		for _, cell := range items {
			cells = append(cells, bytes.Clone(cell))
		}
	}
	for _, name := range names {
		if _, isText := Text(name); !isText {
			return false
		}
		c.names = append(c.names, bytes.Clone(name))
	}
	if len(cells) == 0 {
		c.names = nil
		return false
	}
	c.cells, c.rows = cells, len(lists)
	return true
}

// readRows reads rows that have their numbers as names; ok is false for any other object, and
// where the rows themselves have numbers as names.
func (c *columnSplit) readRows(o Object) (ok bool) {
	var cells [][]byte
	for n, m := range o {
		row := SubObject(m.Raw)
		if m.Key != strconv.Itoa(n) || len(row) == 0 || row[0].Key == "0" {
			return false
		}
		cells = append(cells, bytes.Clone(m.Raw))
	}
	c.cells, c.rows = cells, len(cells)
	return len(cells) > 0
}

// row returns the next row as a line of JSON.
func (c *columnSplit) row() (sep, body []byte, err error) {
	if c.at == c.rows {
		return []byte("\n"), nil, io.EOF
	}
	c.out = c.out[:0]
	if c.at > 0 {
		sep = []byte("\n")
	}
	if c.names == nil {
		c.out = appendLine(c.out, c.cells[c.at])
		c.at++
		return sep, c.out, nil
	}
	open := byte('{')
	for k, name := range c.names {
		c.out = append(c.out, open)
		c.out = append(append(c.out, name...), ':')
		c.out = appendLine(c.out, c.cells[c.at*len(c.names)+k])
		open = ','
	}
	c.out = append(c.out, '}')
	c.at++
	return sep, c.out, nil
}

// appendLine appends a value of JSON on one line: between its texts, line ends are only white
// space.
func appendLine(dst, value []byte) []byte {
	for _, b := range value {
		if b != '\n' && b != '\r' {
			dst = append(dst, b)
		}
	}
	return dst
}

// spanReader reads the rows of a text file.
type spanReader struct {
	*Spans
	in   *Input
	want Want
}

func openSpans(in *Input, o Options) (Reader, error) {
	s := NewSpans(in, o.MaxRow)
	if _, err := s.Detect(o.Name); err != nil {
		return nil, in.Cause(err)
	}
	return &spanReader{Spans: s, in: in, want: o.Want}, nil
}

func (s *spanReader) Next(rec *Record) error {
	_, body, err := s.Spans.Next()
	if err == nil {
		err = s.Parse(rec, body, s.want)
	}
	return s.in.Cause(err)
}
