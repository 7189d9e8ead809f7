package variant

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A text file is read as spans that tile it:
//
//	head body (sep body)* tail
//
// A body is one record. The head is what stands before the first: a byte order
// mark, a CSV header with its line end, a JSON array's bracket with all that is
// in front of it. A sep stands between two records, the tail behind the last. A
// file with some of the records is the head, their bodies each behind its own
// sep (the first without), and the tail.

// maxRecord bounds a record with its separator, and a file's head and tail.
const maxRecord = 64 << 20

var (
	errTooLong = fmt.Errorf("longer than %d MiB", maxRecord>>20)
	errMore    = errors.New("more data needed") // from a splitter, only while !end
)

// splitter finds the spans of one format.
type splitter interface {
	// next gives the lengths of the next separator (at first, of the head) and of
	// the body behind it. data starts where the last body ended; end says that
	// the file ends with it. An empty body means that there is no further record.
	next(data []byte, end bool) (sep, body int, err error)
	// tail checks all that follows the last record.
	tail(data []byte) error
	// bracketed says that the tail belongs to the file even without records.
	bracketed() bool
}

// spans reads a file's spans. What it gives is lent until the next call.
type spans struct {
	r        io.Reader
	split    splitter
	first    *[64 << 10]byte
	buf      []byte // first, or a longer one
	from, to int    // buf[from:to] is read and not yet given out
	end      bool   // r is at its end
	max      int
}

func newSpans(r io.Reader, s splitter) *spans {
	first := buffers.Get().(*[64 << 10]byte)
	return &spans{r: r, split: s, first: first, buf: first[:], max: maxRecord}
}

// buffers are those that spans begin with: benchmarks have many small files.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// free gives the first buffer back. The spans must not be used afterwards.
func (s *spans) free() { buffers.Put(s.first) }

// fill reads more. What is held at least doubles before a splitter sees it
// again, so that looking twice costs a constant factor.
func (s *spans) fill() error {
	copy(s.buf, s.buf[s.from:s.to])
	s.from, s.to = 0, s.to-s.from
	if s.to > len(s.buf)/2 {
		if len(s.buf) >= s.max {
			return errTooLong
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
			return &readError{err}
		}
	}
	return nil
}

// readError is an error of the file, which says itself where it was met.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// next gives the next record behind its separator. At the end it gives the tail
// as the separator, and io.EOF.
func (s *spans) next() (sep, body []byte, err error) {
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

// jsonMode is how records lie in a JSON file.
type jsonMode uint8

const (
	jsonLines  jsonMode = iota // one value a line
	jsonValues                 // values over several lines, white space between them
	jsonArray                  // the elements of one array
	jsonObject                 // the elements of the one list of objects in one object
)

// jsonSplit finds the records of a JSON file. It checks no more of a record than
// it needs to find its end.
type jsonSplit struct {
	mode  jsonMode
	begun bool
	head  []byte // of a jsonObject
}

func (j *jsonSplit) bracketed() bool { return j.mode >= jsonArray }

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
		if data[i] == ']' {
			return 0, 0, nil
		}
		if j.begun {
			if data[i] != ',' {
				return 0, 0, fmt.Errorf("%q instead of a comma or the list's end", data[i])
			}
			if i = skipSpace(data, i+1); i == len(data) {
				return 0, 0, errMore
			}
		}
	} else if i == len(data) {
		return 0, 0, nil
	}
	n := 0
	if j.mode == jsonLines {
		if n = bytes.IndexByte(data[i:], '\n'); n < 0 {
			if !end {
				return 0, 0, errMore
			}
			n = len(data) - i
		}
		for isSpace(data[i+n-1]) {
			n--
		}
	} else if n, err = valueEnd(data[i:], end); err != nil {
		return 0, 0, err
	}
	if !j.begun {
		j.begun = true
		if j.mode == jsonObject {
			j.head = bytes.Clone(data[:i])
		}
	}
	return i, n, nil
}

// start gives the length of what stands before the first record's white space.
func (j *jsonSplit) start(data []byte, end bool) (int, error) {
	i, err := skipMark(data, end)
	if err != nil || !j.bracketed() {
		return i, err
	}
	open := byte('[')
	if j.mode == jsonObject {
		open = '{'
	}
	if i = skipSpace(data, i); i == len(data) {
		return 0, errMore
	}
	if data[i] != open {
		return 0, fmt.Errorf("%q instead of %q", data[i], open)
	}
	i++
	if j.mode == jsonArray {
		return i, nil
	}
	empty := 0 // behind the bracket of the first empty list, which held records that were left out
	for {      // over the object's members, to a list of objects
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
	var t tape
	switch {
	case !j.bracketed():
		return nil // next saw nothing but white space
	case !j.begun:
		return t.parseJSON(bytes.TrimPrefix(data, byteOrderMark))
	case j.mode == jsonArray:
		if rest := bytes.TrimSpace(data)[1:]; len(rest) > 0 {
			return fmt.Errorf("%q behind the list's end", clip(rest))
		}
		return nil
	}
	if err := t.parseJSON(append(bytes.TrimPrefix(j.head, byteOrderMark), data...)); err != nil {
		return fmt.Errorf("around the list of records: %w", err)
	}
	if t.recordLists() > 0 {
		return errors.New("the object holds more than one list of records")
	}
	return nil
}

// recordLists counts the root object's members that are lists of objects.
func (t *tape) recordLists() (n int) {
	for c := 1; c < t.nodes[0].next; c = t.nodes[c].next {
		if t.nodes[c].kind == array && t.nodes[c].next > c+1 && t.nodes[c+1].kind == object {
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

// skipMark gives the length of a byte order mark.
func skipMark(data []byte, end bool) (int, error) {
	if len(data) < len(byteOrderMark) && !end {
		return 0, errMore
	}
	if bytes.HasPrefix(data, byteOrderMark) {
		return len(byteOrderMark), nil
	}
	return 0, nil
}

// valueEnd gives the length of the JSON value that data starts with. It checks
// that brackets close, not that they fit; the record's parser does.
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
				return 0, fmt.Errorf("%q instead of a value", data[i])
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
					return 0, fmt.Errorf("%q instead of a value", data[i])
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

// stringEnd gives the length of the JSON string that data starts with, or 0.
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

// jsonModeOf looks how records lie in a JSON file whose name ends in ext: at the
// first value and, if that could be an object around the records, whether
// another follows. What it cannot make out it leaves to the reading to tell.
func jsonModeOf(r io.Reader, ext string) jsonMode {
	s := newSpans(r, &jsonSplit{mode: jsonValues})
	defer s.free()
	s.max = 1 << 20
	if ext == ".json" {
		s.max = maxRecord
	}
	for {
		start := bytes.TrimLeft(bytes.TrimPrefix(s.buf[:s.to], byteOrderMark), " \t\r\n")
		if len(start) > 0 && start[0] == '[' {
			return jsonArray
		}
		if len(start) > 0 || s.end {
			break
		}
		if err := s.fill(); err != nil {
			return jsonLines
		}
	}
	_, body, err := s.next()
	if err != nil {
		if err == errTooLong && ext == ".json" {
			return jsonObject
		}
		return jsonLines
	}
	mode := jsonLines
	if bytes.IndexByte(body, '\n') >= 0 {
		mode = jsonValues
	}
	if ext == ".json" {
		list, err := (&jsonSplit{mode: jsonObject}).start(body, true)
		records := err == nil && body[skipSpace(body, list)] == '{'
		if _, _, err := s.next(); err == io.EOF && records {
			return jsonObject
		}
	}
	return mode
}
