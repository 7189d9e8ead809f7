package record

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

// chunk is how much is read at a time: half a core's usual L2 cache.
const chunk = 256 << 10

// lines cuts a stream into lines. It holds one line of at most max bytes and
// what was read with it.
type lines struct {
	r        io.Reader
	max      int // of a line, without its end
	buf      []byte
	beg, end int   // what of buf is not yet handed out
	off      int64 // where buf[beg] stands in the stream
	begun    bool
	err      error // of r; io.EOF at the end
}

func newLines(r io.Reader, max int) *lines { return &lines{r: r, max: max} }

// end makes the end of the stream no error.
func end(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// blank tells whether a line has nothing in it but white space of JSON.
func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// fill reads once, into a larger buffer where this one is full or proved small.
func (l *lines) fill() {
	small := l.end == len(l.buf) && l.end < chunk
	if l.beg > 0 {
		copy(l.buf, l.buf[l.beg:l.end])
		l.beg, l.end = 0, l.end-l.beg
	}
	if small || l.end == len(l.buf) {
		// A byte more than the longest line and its CR LF shows that it is too long.
		grown := make([]byte, min(max(chunk/4, 2*len(l.buf)), max(chunk, l.max+3)))
		copy(grown, l.buf[:l.end])
		l.buf = grown
	}
	for range 100 {
		n, err := l.r.Read(l.buf[l.end:min(len(l.buf), l.end+chunk)])
		l.end += n
		if n > 0 || err != nil {
			l.err = err
			return
		}
	}
	l.err = io.ErrNoProgress
}

var bom = []byte("\uFEFF")

// start passes over a byte order mark.
func (l *lines) start() {
	for l.begun = true; l.end < len(bom) && l.err == nil; {
		l.fill()
	}
	if bytes.HasPrefix(l.buf[:l.end], bom) {
		l.beg, l.off = len(bom), int64(len(bom))
	}
}

// next returns a line without its LF or CR LF, lent until the next call, and where
// it begins in the stream. After the last line the error is io.EOF.
func (l *lines) next() (line []byte, off int64, err error) {
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
				return nil, l.off, l.tooLong()
			}
			l.fill()
			continue
		case l.err != io.EOF || l.beg == l.end:
			return nil, l.off, l.err
		default:
			n = l.end - l.beg
		}
		line, off = l.buf[l.beg:l.beg+n], l.off
		l.beg, l.off = l.beg+n, l.off+int64(n)
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(line) > l.max {
			return nil, off, l.tooLong()
		}
		return line, off, nil
	}
}

func (l *lines) tooLong() error {
	return fmt.Errorf("no line end within %d bytes: %w", l.max, ErrTooLong)
}

// rest returns the whole stream.
func (l *lines) rest() ([]byte, error) {
	for l.start(); l.err == nil; {
		if l.end-l.beg > l.max {
			return nil, fmt.Errorf("file is longer than %d bytes: %w", l.max, ErrTooLong)
		}
		l.fill()
	}
	if l.err == io.EOF && l.end-l.beg > l.max {
		return nil, fmt.Errorf("file is longer than %d bytes: %w", l.max, ErrTooLong)
	}
	return l.buf[l.beg:l.end], end(l.err)
}

// readText reads plain text: the whole, with the shard's name for its id, or each
// line that is not blank.
func readText(ctx context.Context, src Source, s *sink) error {
	l := newLines(&checked{ctx: ctx, r: src}, s.o.MaxRow)
	s.row = 0
	if s.o.TextUnit == "file" {
		text, err := l.rest()
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			s.c.Blank++
			return nil
		}
		return s.put(text, []byte(s.o.Name), 0, 0)
	}
	for {
		line, off, err := l.next()
		if err != nil {
			return end(err)
		}
		if len(bytes.TrimSpace(line)) == 0 {
			s.c.Blank++
			continue
		}
		if err := s.put(line, nil, 0, off); err != nil {
			return err
		}
	}
}
