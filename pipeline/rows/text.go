package rows

import (
	"bytes"
	"fmt"
	"io"
)

// readSize is the number of bytes read at a time: half of a core's usual L2 cache.
const readSize = 256 << 10

// Lines divides a stream into lines. It holds one line of at most max bytes, and the bytes
// that were read with it.
type Lines struct {
	first    *[64 << 10]byte // the buffer that it begins with, or nil
	r        io.Reader
	max      int // of a line, without its end
	buf      []byte
	beg, end int // buf[beg:end] is not yet returned
	begun    bool
	err      error // of r; io.EOF at the end
}

// NewLines returns the lines of r, of at most max bytes each.
func NewLines(r io.Reader, max int) *Lines {
	first := buffers.Get().(*[64 << 10]byte)
	return &Lines{first: first, r: r, max: max, buf: first[:]}
}

// Free returns the first buffer. The Lines must not be used afterwards, nor a line of them.
func (l *Lines) Free() { buffers.Put(l.first) }

// Blank reports whether a line has only white space of JSON.
func Blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// fill reads once, into a larger buffer if this one is full or was filled by a single read.
func (l *Lines) fill() {
	small := l.end == len(l.buf) && l.end < readSize
	if l.beg > 0 {
		copy(l.buf, l.buf[l.beg:l.end])
		l.beg, l.end = 0, l.end-l.beg
	}
	if small || l.end == len(l.buf) {
		// A byte more than the longest line and its CR LF shows that it is too long.
		longest, size := max(readSize, l.max+3), max(readSize/4, 2*len(l.buf))
		if size > MaxRecord { // at once: a large buffer takes memory as it is filled, and each copy is garbage
			size = longest
		}
		grown := make([]byte, min(size, longest))
		copy(grown, l.buf[:l.end])
		l.buf = grown
	}
	for range 100 {
		n, err := l.r.Read(l.buf[l.end:min(len(l.buf), l.end+readSize)])
		l.end += n
		if n > 0 || err != nil {
			l.err = err
			return
		}
	}
	l.err = io.ErrNoProgress
}

// Within says that the stream begins within a text, where no byte order mark is.
func (l *Lines) Within() { l.begun = true }

// start skips a byte order mark.
func (l *Lines) start() {
	for l.begun = true; l.end < len(byteOrderMark) && l.err == nil; {
		l.fill()
	}
	if bytes.HasPrefix(l.buf[:l.end], byteOrderMark) {
		l.beg = len(byteOrderMark)
	}
}

// Next returns a line without its LF or CR LF, lent until the next call. After the last line
// the error is io.EOF.
func (l *Lines) Next() (line []byte, err error) {
	if !l.begun {
		l.start()
	}
	seen := 0
	for {
		n := bytes.IndexByte(l.buf[l.beg+seen:l.end], '\n')
		switch {
		case n >= 0:
			n += seen + 1
		case l.err == nil:
			if seen = l.end - l.beg; seen > l.max+1 {
				return nil, l.tooLong()
			}
			l.fill()
			continue
		case l.err != io.EOF || l.beg == l.end:
			return nil, l.err
		default:
			n = l.end - l.beg
		}
		line = l.buf[l.beg : l.beg+n]
		l.beg += n
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(line) > l.max {
			return nil, l.tooLong()
		}
		return line, nil
	}
}

func (l *Lines) tooLong() error {
	return fmt.Errorf("no line end within %d bytes: %w", l.max, ErrTooLong)
}

// readAll returns the whole stream.
func (l *Lines) readAll() ([]byte, error) {
	for l.start(); l.err == nil; {
		if l.end-l.beg > l.max {
			return nil, fmt.Errorf("file is longer than %d bytes: %w", l.max, ErrTooLong)
		}
		l.fill()
	}
	if l.err == io.EOF && l.end-l.beg > l.max {
		return nil, fmt.Errorf("file is longer than %d bytes: %w", l.max, ErrTooLong)
	}
	if l.err != io.EOF {
		return nil, l.err
	}
	return l.buf[l.beg:l.end], nil
}

// textReader reads plain text as rows: the whole file, with its name as the id, or each line
// that is not blank.
type textReader struct {
	in    *Input
	l     *Lines
	lines bool // a row is a line
	name  string
	blank int64
	ended bool
}

func openText(in *Input, o Options) (Reader, error) {
	l := NewLines(in, o.MaxRow)
	if o.Range.At > 0 {
		l.Within()
	}
	return &textReader{in: in, l: l, lines: o.Lines, name: o.Name}, nil
}

// Blank returns the number of blank lines or files; they are skipped, and are no rows.
func (t *textReader) Blank() int64 { return t.blank }

// Columns returns the fields of a row.
func (t *textReader) Columns() []string { return []string{"text", "id"} }

func (t *textReader) Next(rec *Record) error {
	for {
		line, err := t.more()
		if err != nil {
			return t.in.Cause(err)
		}
		if len(bytes.TrimSpace(line)) == 0 {
			t.blank++
			continue
		}
		rec.reset()
		root := rec.open(object, nil)
		rec.plain(text, []byte("text"), line)
		if !t.lines {
			rec.plain(text, []byte("id"), []byte(t.name))
		}
		rec.shut(root)
		return nil
	}
}

func (t *textReader) more() (line []byte, err error) {
	if t.lines {
		return t.l.Next()
	}
	if t.ended {
		return nil, io.EOF
	}
	t.ended = true
	return t.l.readAll()
}
