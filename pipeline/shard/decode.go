package shard

import (
	"bufio"
	"compress/bzip2"
	"fmt"
	"io"
	"sync"

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
	gzips = sync.Pool{New: func() any { return new(gzipReader) }}
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
		z := gzips.Get().(*gzipReader)
		z.br, z.member, z.later, z.ended = br, false, false, nil
		return z, func() { gzips.Put(z) }, nil
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
