package shard

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A memberEnd is where a member of gzip or a frame of zstd ends: in the file, and in its plain bytes.
type memberEnd struct{ stored, plain int64 }

// FindMembers makes the reader keep where the members of gzip and the frames of zstd end that it
// reads, for [Reader.Rewrite]. It is called before anything is read, of a Reader that does not read ahead.
func (r *Reader) FindMembers() {
	ended := func() { r.ends = append(r.ends, memberEnd{r.offset(), r.plain}) }
	switch dec := r.dec.(type) {
	case *gzipReader:
		dec.ended = ended
	case *zstd.Decoder:
		r.dec = &frameReader{z: dec, src: frameSource{br: r.br}, ended: ended}
	default:
		return
	}
	r.members = true
}

// A frameReader decompresses frames of zstd one by one, and so knows where each ends.
type frameReader struct {
	z     *zstd.Decoder
	src   frameSource
	ended func()
	open  bool // inside a frame
}

func (f *frameReader) Read(p []byte) (int, error) {
	for {
		if !f.open {
			skipped, err := f.src.begin()
			if err != nil {
				return 0, err // io.EOF here is the end
			}
			if skipped {
				f.ended()
				continue
			}
			if err := f.z.Reset(&f.src); err != nil {
				return 0, err
			}
			f.open = true
		}
		n, err := f.z.Read(p)
		if err != io.EOF {
			return n, err
		}
		if n > 0 {
			return n, nil // the next call returns io.EOF alone
		}
		if !f.src.complete {
			return 0, io.ErrUnexpectedEOF
		}
		f.open = false
		f.ended()
	}
}

// A frameSource reads one frame of zstd (RFC 8878) of a file, and then returns io.EOF.
type frameSource struct {
	br       *bufio.Reader
	left     int // bytes of the header, the block or the checksum that are not read yet
	last     bool
	checksum bool
	complete bool
}

// begin begins the next frame. It skips one that holds no data, and reports that.
func (s *frameSource) begin() (skipped bool, err error) {
	*s = frameSource{br: s.br}
	head, err := s.br.Peek(5)
	switch {
	case len(head) == 0:
		return false, err
	case err != nil:
		return false, unexpectedEOF(err)
	case isSkippable(head):
		if head, err = s.br.Peek(8); err == nil {
			_, err = io.CopyN(io.Discard, s.br, 8+int64(binary.LittleEndian.Uint32(head[4:])))
		}
		return true, unexpectedEOF(err)
	case binary.LittleEndian.Uint32(head) != 0xfd2fb528:
		return false, fmt.Errorf("%w: bytes that are no frame of zstd", ErrCorrupt)
	}
	flags := head[4]
	s.left = 5 + [...]int{0, 1, 2, 4}[flags&3] + [...]int{0, 2, 4, 8}[flags>>6]
	if single := flags&(1<<5) != 0; !single || flags>>6 == 0 {
		s.left++ // the window, or a size of one byte
	}
	s.checksum = flags&(1<<2) != 0
	return false, nil
}

func (s *frameSource) Read(p []byte) (int, error) {
	if s.left == 0 {
		if s.complete = s.last && !s.checksum; s.complete {
			return 0, io.EOF
		}
		if err := s.part(); err != nil {
			return 0, err
		}
	}
	n, err := s.br.Read(p[:min(len(p), s.left)])
	s.left -= n
	return n, unexpectedEOF(err)
}

// part begins the next block, or the checksum.
func (s *frameSource) part() error {
	if s.last {
		s.left, s.checksum = 4, false
		return nil
	}
	b, err := s.br.Peek(3)
	if err != nil {
		return unexpectedEOF(err)
	}
	head := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	const repeated = 1 // a type of block, which stores a single byte
	s.last, s.left = head&1 != 0, 3+head>>3
	if head>>1&3 == repeated {
		s.left = 4
	}
	return nil
}

// heldBytes is how many plain bytes of a member are held until it is known whether all of them stay.
const heldBytes = 4 << 20

// A Rewrite writes a file that is another with some bytes left out and some put in. The other is
// read as a stream, and the Rewrite is called for all of its plain bytes in order: Write for those
// that stay, Skip for those that do not. A member of gzip or a frame of zstd of which all bytes
// stay is copied as it is stored. Frames without data, which may be an index of the others, are left out.
type Rewrite struct {
	out     *Output
	in      *Reader
	at      int64     // of the plain bytes that are passed
	begun   memberEnd // where the member begins that at is in
	held    []byte    // its bytes
	changed bool      // it does not stay as it is
	spilled bool      // its bytes were compressed already, from mark on
	mark    int64
}

// Rewrite creates a file of the reader's compression, as [Create] does. The reader's FindMembers must
// have been called.
func (r *Reader) Rewrite(name string) (*Rewrite, error) {
	out, err := Create(name, r.shard.Compression)
	if err != nil {
		return nil, err
	}
	return &Rewrite{out: out, in: r}, nil
}

// Write writes the next bytes of the other file.
func (w *Rewrite) Write(p []byte) (n int, err error) {
	if !w.in.members {
		return w.out.Write(p)
	}
	for n < len(p) && err == nil {
		var k int
		if k, err = w.step(len(p) - n); err != nil {
			return n, err
		}
		if part := p[n : n+k]; w.changed || w.spilled {
			_, err = w.out.Write(part)
		} else if w.held = append(w.held, part...); len(w.held) > heldBytes {
			err = w.spill()
		}
		w.at += int64(k)
		n += k
	}
	return n, err
}

// Skip leaves out the next n bytes of the other file.
func (w *Rewrite) Skip(n int) error {
	for n > 0 && w.in.members {
		k, err := w.step(n)
		if err == nil {
			err = w.change()
		}
		if err != nil {
			return err
		}
		w.at += int64(k)
		n -= k
	}
	return nil
}

// Insert writes bytes in place of the next ones of the other file, which are skipped after it.
func (w *Rewrite) Insert(p []byte) error {
	if w.in.members {
		if _, err := w.step(1); err != nil {
			return err
		}
		if err := w.change(); err != nil {
			return err
		}
	}
	_, err := w.out.Write(p)
	return err
}

// step ends the members that are passed, and returns how many of the next n bytes are in one member.
// Where a member ends is known once a byte behind it was read.
func (w *Rewrite) step(n int) (int, error) {
	for len(w.in.ends) > 0 && w.in.ends[0].plain <= w.at {
		if err := w.endMember(w.in.ends[0]); err != nil {
			return 0, err
		}
		w.in.ends = w.in.ends[1:]
	}
	if len(w.in.ends) > 0 {
		n = int(min(int64(n), w.in.ends[0].plain-w.at))
	}
	return n, nil
}

// spill compresses what is held, in a member of its own that can be removed again.
func (w *Rewrite) spill() (err error) {
	if err = w.out.end(); err == nil {
		w.mark, err = w.out.position()
	}
	if err == nil {
		_, err = w.out.Write(w.held)
	}
	w.held, w.spilled = w.held[:0], true
	return err
}

// change makes the member one that does not stay as it is.
func (w *Rewrite) change() error {
	if w.changed {
		return nil
	}
	w.changed = true
	_, err := w.out.Write(w.held)
	w.held = w.held[:0]
	return err
}

// endMember ends a member, and copies it if it stays as it is.
func (w *Rewrite) endMember(end memberEnd) error {
	from := w.begun
	copied, spilled := !w.changed && end.plain > from.plain, w.spilled
	w.begun, w.held, w.changed, w.spilled = end, w.held[:0], false, false
	if !copied {
		return nil
	}
	if err := w.out.end(); err != nil {
		return err
	}
	if spilled {
		if err := w.out.cutTo(w.mark); err != nil {
			return err
		}
	}
	w.out.begun = true
	_, err := io.Copy(w.out.plain, io.NewSectionReader(w.in.src.f, from.stored, end.stored-from.stored))
	return err
}

// Close completes the file. The other file must have been read to its end.
func (w *Rewrite) Close() error {
	if !w.in.members {
		return w.out.Close()
	}
	_, err := w.step(0)
	if err == nil && w.at != w.in.plain {
		err = fmt.Errorf("%d of %d bytes were copied or left out", w.at, w.in.plain)
	}
	return errors.Join(err, w.out.Close())
}
