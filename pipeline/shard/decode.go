package shard

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/zeebo/xxh3"
)

// Pools of decoders and buffers. The output of a shard does not depend on what they were
// used for before.
var (
	inputs = sync.Pool{New: func() any {
		return &input{bufio.NewReaderSize(nil, inputSize), xxh3.New128()}
	}}
	gzips = sync.Pool{New: func() any { return new(gzip.Reader) }}
	zstds sync.Pool
)

// An input has what every open file needs.
type input struct {
	br   *bufio.Reader
	hash *xxh3.Hasher128
}

// inputSize is how much of a file is read at a time.
const inputSize = 256 << 10

// newDecoder returns a reader of the plain bytes of br. If it can be reused, release is not
// nil; it must not be called after the decoder panicked.
//
// Bzip2, xz and lz4 readers are not reused: the first two cannot be reset, and an lz4
// reader keeps the last 64 KiB over a reset, from which a damaged block of the next shard
// could copy.
func newDecoder(c Compression, br *bufio.Reader, l Limits) (dec io.Reader, release func(), err error) {
	switch c {
	case None:
		return br, nil, nil
	case Gzip:
		z := gzips.Get().(*gzip.Reader)
		return &gzipReader{br: br, z: z}, func() { gzips.Put(z) }, nil
	case Zstd:
		z, _ := zstds.Get().(*zstd.Decoder)
		if z == nil {
			// One goroutine decodes: lanes are the parallelism. The low-memory option
			// sizes buffers by need and not by the worst case, at no measurable cost.
			z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
			if err != nil {
				return nil, nil, err
			}
		}
		if err := z.ResetWithOptions(br, zstd.WithDecoderMaxWindow(uint64(l.Window))); err != nil {
			return nil, nil, err
		}
		return z, func() {
			if z.Reset(nil) == nil {
				zstds.Put(z)
			}
		}, nil
	case Bzip2:
		return bzip2.NewReader(br), nil, nil
	case Xz:
		dec, err := newXz(br, l)
		return dec, nil, err
	case Lz4:
		z := lz4.NewReader(br)
		return z, nil, z.Apply(lz4.ConcurrencyOption(1))
	}
	return nil, nil, fmt.Errorf("%s (%d)", c, c)
}

// NewDecoder returns a reader of what src decompresses to, for parts of files that are
// compressed on their own. release ends its use; it is not to be called after a panic.
func NewDecoder(c Compression, src io.Reader, l Limits) (plain io.Reader, release func(), err error) {
	plain, release, err = newDecoder(c, bufio.NewReader(src), l)
	if release == nil {
		release = func() {}
	}
	return plain, release, err
}

// A gzipReader reads member after member. The library can do so itself, but it accepts a
// file that ends within the name in a later member's header.
type gzipReader struct {
	br     *bufio.Reader
	z      *gzip.Reader
	member bool // inside a member
	later  bool // a member was read to its end
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
			if err := g.z.Reset(g.br); err != nil {
				return 0, unexpectedEOF(err)
			}
			g.z.Multistream(false)
			g.member = true
		}
		n, err := g.z.Read(p)
		if err == io.EOF {
			g.member, g.later, err = false, true, nil
			if n == 0 {
				continue
			}
		}
		return n, unexpectedEOF(err)
	}
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
