package shard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// An xzGuard is a reader between an xz file and the xz library, which follows the file's
// structure without decoding it. It makes up for two faults of the library:
//
//   - The library allocates the dictionary that a block's header asks for, up to
//     4 GiB, before it has read a byte of the block. The guard refuses first.
//   - The library accepts the end of the input before or within a block's header as the
//     end of the file. The guard returns io.EOF between streams only.
//
// Each step fetches one element (a header, a chunk's size) and queues it for the library,
// or passes through as many bytes as the element before it announced. Malformed input is
// passed through unchanged from there on: the library refuses it.
//
// Layout, from "The .xz File Format" 1.2.1 and the LZMA2 chunks of its reference
// implementation:
//
//	stream header   FD '7zXZ' 00, flags 2, crc32 4
//	block header    length/4-1 1 (not 0), flags 1, sizes, filters, padding, crc32 4
//	LZMA2 chunks    00 end; 01,02 size-1 2; 80..FF sizes 4, from C0 on properties 1
//	                then the chunk's bytes
//	block padding   to a multiple of 4 since the chunks began; then the check
//	index           00, count, 2 numbers a block, padding to 4, crc32 4
//	footer          12; then stream padding in fours
type xzGuard struct {
	r       io.Reader
	window  int64
	ratio   int64
	step    func() error
	queue   []byte // fetched, not yet read by the library
	pass    int64  // bytes to pass through
	err     error  // after the queue
	buf     [1024]byte
	n       int64 // bytes fetched or passed through
	start   int64 // n where the current chunks or index began
	check   int64 // bytes of a block's check
	dicts   int64 // dictionary bytes asked for so far
	numbers uint64
}

func newXz(r io.Reader, l Limits) (io.Reader, error) {
	g := &xzGuard{r: r, window: l.Window, ratio: l.Ratio}
	g.step = g.readStreamHeader
	return xz.ReaderConfig{DictCap: lzma.MinDictCap}.NewReader(g) // the library's default least is 8 MiB
}

func (g *xzGuard) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if len(g.queue) > 0 {
			n := copy(p, g.queue)
			g.queue = g.queue[n:]
			return n, nil
		}
		if g.pass > 0 {
			n, err := g.r.Read(p[:min(int64(len(p)), g.pass)])
			g.pass -= int64(n)
			g.n += int64(n)
			return n, unexpectedEOF(err)
		}
		if g.err != nil {
			return 0, g.err
		}
		g.err = g.step()
	}
}

// fetch appends n bytes to the queue and returns them.
func (g *xzGuard) fetch(n int) ([]byte, error) {
	at := len(g.queue)
	m, err := io.ReadFull(g.r, g.buf[at:at+n])
	g.n += int64(m)
	g.queue = g.buf[:at+m]
	return g.queue[at:], err
}

func (g *xzGuard) skip(n int64, next func() error) error {
	g.pass, g.step = n, next
	return nil
}

func (g *xzGuard) readStreamHeader() error {
	b, err := g.fetch(4)
	if err != nil {
		return err // io.EOF when the stream before it was the last
	}
	if binary.LittleEndian.Uint32(b) == 0 { // stream padding
		return nil
	}
	if b, err = g.fetch(8); err != nil {
		return unexpectedEOF(err)
	}
	g.check = [16]int64{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}[b[3]&0x0f]
	g.step = g.readBlockHeader
	return nil
}

func (g *xzGuard) readBlockHeader() error {
	b, err := g.fetch(1)
	if err != nil {
		return unexpectedEOF(err)
	}
	if b[0] == 0 {
		g.start = g.n - 1
		g.step = g.readIndex
		return nil
	}
	if b, err = g.fetch((int(b[0])+1)*4 - 1); err != nil {
		return unexpectedEOF(err)
	}
	if err := g.checkDictionary(b); err != nil {
		g.queue = nil // the library must not see this header
		return err
	}
	g.start = g.n
	g.step = g.readChunk
	return nil
}

// checkDictionary reads a block header, its first byte gone, as far as the last
// filter, and refuses a dictionary that is too large.
func (g *xzGuard) checkDictionary(h []byte) error {
	flags, h := h[0], h[1:len(h)-4]
	number := func() uint64 {
		u, n := binary.Uvarint(h)
		h = h[max(n, 0):]
		return u
	}
	for bit := byte(0x40); bit != 0; bit <<= 1 { // compressed and uncompressed size
		if flags&bit != 0 {
			number()
		}
	}
	for range flags&3 + 1 {
		id, size := number(), number()
		if size > uint64(len(h)) {
			return nil
		}
		properties := h[:size]
		h = h[size:]
		if id != 0x21 || size != 1 {
			continue
		}
		d := int64(1)<<32 - 1
		if p := properties[0] & 0x3f; p < 40 {
			d = int64(2|p&1) << (p/2 + 11)
		}
		if d > g.window {
			return fmt.Errorf("%w: %w, an xz dictionary of %d bytes, at most %d are allowed", ErrBomb, ErrWindow, d, g.window)
		}
		// Many tiny blocks that each clear a large dictionary cost time without output.
		// Clearing is faster than decoding, so the limit is sixteen times the ratio: valid
		// streams with an 8 MiB dictionary may be as short as 525 bytes.
		g.dicts += d
		if g.ratio > 0 && g.dicts > 16*DefaultWindow && g.dicts/16/g.ratio > g.n {
			return fmt.Errorf("%w: xz dictionaries of %d bytes for %d bytes of input", ErrBomb, g.dicts, g.n)
		}
	}
	return nil
}

func (g *xzGuard) readChunk() error {
	b, err := g.fetch(1)
	if err != nil {
		return unexpectedEOF(err)
	}
	switch c := b[0]; {
	case c == 0:
		return g.skip((-(g.n-g.start))&3+g.check, g.readBlockHeader)
	case c <= 2:
		if b, err = g.fetch(2); err != nil {
			return unexpectedEOF(err)
		}
		return g.skip(int64(binary.BigEndian.Uint16(b))+1, g.readChunk)
	case c < 0x80:
		return errXzChunk
	default:
		if b, err = g.fetch(4); err != nil {
			return unexpectedEOF(err)
		}
		size := int64(binary.BigEndian.Uint16(b[2:])) + 1
		if c >= 0xc0 {
			size++
		}
		return g.skip(size, g.readChunk)
	}
}

func (g *xzGuard) readIndex() error {
	n, err := g.readNumber()
	g.numbers = n
	g.step = g.readRecord
	return err
}

// readRecord passes the two numbers of one record, or after the last one the rest of
// the index and the footer.
func (g *xzGuard) readRecord() error {
	if g.numbers == 0 {
		return g.skip((-(g.n-g.start))&3+4+12, g.readStreamHeader)
	}
	g.numbers--
	if _, err := g.readNumber(); err != nil {
		return err
	}
	_, err := g.readNumber()
	return err
}

var (
	errXzChunk  = errors.New("invalid LZMA2 chunk")
	errXzNumber = errors.New("xz index: number too long")
)

func (g *xzGuard) readNumber() (uint64, error) {
	var u uint64
	for shift := 0; shift < 63; shift += 7 {
		b, err := g.fetch(1)
		if err != nil {
			return 0, unexpectedEOF(err)
		}
		u |= uint64(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			return u, nil
		}
	}
	return 0, errXzNumber
}

// unexpectedEOF is for an end of the input where there has to be more.
func unexpectedEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
