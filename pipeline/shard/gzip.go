package shard

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// A gzipReader reads a file of members, each a deflate stream with a header and a checksum
// (RFC 1952), one after the other.
type gzipReader struct {
	br        *bufio.Reader
	stream    inflater
	crc, size uint32 // of the member's bytes so far
	member    bool   // inside a member
	later     bool   // a member was read to its end
	ended     func() // called at the end of a member; or nil
}

func (g *gzipReader) Read(p []byte) (int, error) {
	for {
		if !g.member {
			b, err := g.br.Peek(2)
			if len(b) == 0 {
				return 0, err // io.EOF here is the end
			}
			if g.later && !strings.HasPrefix(Gzip.magic(), string(b)) {
				return 0, g.trailing()
			}
			if err := g.header(); err != nil {
				return 0, unexpectedEOF(err)
			}
			g.stream.reset(g.br)
			g.crc, g.size, g.member = 0, 0, true
		}
		n, err := g.stream.Read(p)
		g.crc = crc32.Update(g.crc, crc32.IEEETable, p[:n])
		g.size += uint32(n)
		if err == io.EOF {
			if err = g.trailer(); err == nil {
				g.member, g.later = false, true
				if g.ended != nil {
					g.ended()
				}
				continue
			}
		}
		return n, unexpectedEOF(err)
	}
}

// Flags of a header.
const (
	gzipCRC = 1 << 1 << iota
	gzipExtra
	gzipName
	gzipComment
	gzipReserved
)

// maxGzipName is how long a name or comment in a header may be, as in the library.
const maxGzipName = 511

// A headerReader reads the variable parts of a header, and sums them up.
type headerReader struct {
	br  *bufio.Reader
	crc uint32
}

// part returns the next bytes.
func (h *headerReader) part(size int) ([]byte, error) {
	b := make([]byte, size)
	_, err := io.ReadFull(h.br, b)
	h.crc = crc32.Update(h.crc, crc32.IEEETable, b)
	return b, unexpectedEOF(err)
}

// skipString skips bytes up to a zero.
func (h *headerReader) skipString() error {
	for range maxGzipName + 1 {
		if b, err := h.part(1); err != nil || b[0] == 0 {
			return err
		}
	}
	return gzip.ErrHeader
}

// skipExtra skips a field behind its size.
func (h *headerReader) skipExtra() error {
	b, err := h.part(2)
	if err == nil {
		_, err = h.part(int(binary.LittleEndian.Uint16(b)))
	}
	return err
}

// checkSum compares the header's checksum with the one behind it.
func (h *headerReader) checkSum() error {
	want := uint16(h.crc)
	b, err := h.part(2)
	if err == nil && binary.LittleEndian.Uint16(b) != want {
		err = gzip.ErrHeader
	}
	return err
}

// header reads a member's header.
func (g *gzipReader) header() error {
	h := headerReader{br: g.br}
	head, err := h.part(10)
	if err != nil {
		return err
	}
	if head[0] != 0x1f || head[1] != 0x8b || head[2] != 8 {
		return gzip.ErrHeader
	}
	for _, part := range [...]struct {
		flag byte
		skip func() error
	}{{gzipExtra, h.skipExtra}, {gzipName, h.skipString}, {gzipComment, h.skipString}, {gzipCRC, h.checkSum}} {
		if head[3]&part.flag != 0 {
			if err := part.skip(); err != nil {
				return err
			}
		}
	}
	if head[3] >= gzipReserved {
		return gzip.ErrHeader
	}
	return nil
}

// trailer reads and compares the size and checksum behind a member.
func (g *gzipReader) trailer() error {
	var b [8]byte
	if _, err := io.ReadFull(g.br, b[:]); err != nil {
		return unexpectedEOF(err)
	}
	if binary.LittleEndian.Uint32(b[:4]) != g.crc || binary.LittleEndian.Uint32(b[4:]) != g.size {
		return gzip.ErrChecksum
	}
	return nil
}

// trailing returns the error of bytes after the last member that are no member: what gzip -t
// calls trailing garbage, and a program that ignores it may have lost half of a file.
func (g *gzipReader) trailing() error {
	b, _ := g.br.Peek(16)
	what := fmt.Sprintf("bytes that are no gzip, beginning with %q", b)
	if len(bytes.Trim(b, "\x00")) == 0 {
		what = "zero bytes: padding, or an incomplete download"
	}
	return fmt.Errorf("after the last member are %s (if nothing is missing, "+
		"gzip -dc FILE | gzip >NEW writes the file without them)", what)
}
