package rows

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"sync"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/metadata"
	"github.com/apache/thrift/lib/go/thrift"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// The codecs of Parquet that the library does not have: blocks of LZ4 as they are, and as
// Hadoop frames them.
const (
	lz4Hadoop = compress.Compression(5)
	lz4Raw    = compress.Compression(7)
)

// lz4MaxRatio is the greatest decompression ratio of a block of LZ4.
const lz4MaxRatio = 255

// pageReader reads the pages of a column chunk. The library's own knows no LZ4, verifies no
// checksum, and lets a page decompress to more than it says.
type pageReader struct {
	file.PageReader // none; what of it is used is here
	in              *thrift.StreamTransport
	mem             *limited
	codec           compress.Compression
	max             int    // bytes of a page's header
	left            int64  // values of the chunk in pages not read yet
	bytes           int64  // of the chunk
	stored, plain   []byte // used again for each page
	unchecked       *bool  // set by a page without a checksum
	page            file.Page
	err             error
}

// extent returns where the pages of a column of a row group are, and their size.
func (p *Parquet) extent(chunk *metadata.ColumnChunkMetaData) (start, size int64, err error) {
	start, size = chunk.DataPageOffset(), chunk.TotalCompressedSize()
	if chunk.HasDictionaryPage() && chunk.DictionaryPageOffset() > 0 {
		start = min(start, chunk.DictionaryPageOffset())
	}
	if start < 0 || size < 0 || start > p.size || size > p.size-start {
		return 0, 0, fmt.Errorf("%w: a column of %d bytes at byte %d of a file of %d", ErrCorrupt, size, start, p.size)
	}
	return start, size, nil
}

func newPageReader(p *Parquet, chunk *metadata.ColumnChunkMetaData) (*pageReader, error) {
	start, size, err := p.extent(chunk)
	if err != nil {
		return nil, err
	}
	if p.file.MetaData().WriterVersion().LessThan(metadata.Parquet816FixedVersion) {
		size += min(100, p.size-start-size) // parquet-mr before 1.2.9 did not count the dictionary's header
	}
	r := bufio.NewReaderSize(io.NewSectionReader(p.at, start, size), 64<<10)
	return &pageReader{
		in: thrift.NewStreamTransportR(r), mem: p.mem, codec: chunk.Compression(), left: chunk.NumValues(), bytes: size,
		unchecked: &p.unchecked,
	}, nil
}

func (z *pageReader) SetMaxPageHeaderSize(n int) { z.max = n }
func (z *pageReader) Page() file.Page            { return z.page }
func (z *pageReader) Err() error                 { return z.err }

func (z *pageReader) Next() bool {
	if z.err != nil || z.left <= 0 {
		return false
	}
	for z.page = nil; z.page == nil && z.err == nil; { // over pages of an index
		z.page, z.err = z.read()
	}
	return z.err == nil
}

// pageHeader holds the numbers of a page's header by their thrift ids: its own, and those
// of the one struct that says more about its kind.
type pageHeader struct{ own, kind [16]int64 }

// The kinds of pages, and the ids of the structs that describe them.
const (
	dataPage, dictionaryPage, dataPageV2 = 0, 2, 3
	dataHeader, dictHeader, dataHeaderV2 = 5, 7, 8
	isCompressed                         = 7 // of a dataPageV2
	checksum                             = 4 // CRC-32 of the page as stored
	noChecksum                           = math.MaxInt64
)

// read reads the next page, whose values it decompresses; nil is one of another kind.
func (z *pageReader) read() (file.Page, error) {
	h, err := z.header()
	if err != nil {
		return nil, err
	}
	stored, plain := h.own[3], h.own[2]
	if stored < 0 || plain < 0 || stored > z.bytes {
		return nil, errPage
	}
	data, err := z.readPage(int(stored), h.own[checksum])
	if err != nil {
		return nil, err
	}
	n := h.kind[1]
	if n < 0 || n > MaxRecord {
		return nil, errPage
	}
	switch h.own[1] {
	case dictionaryPage:
		z.plain = nil // the library keeps a dictionary
		data, err = z.decompress(data[:0], data, int(plain))
		z.plain = nil
		return file.NewDictionaryPage(memory.NewBufferBytes(data), int32(n), parquet.Encoding(h.kind[2])), err
	case dataPage:
		z.left -= n
		data, err = z.decompress(data[:0], data, int(plain))
		return file.NewDataPageV1(memory.NewBufferBytes(data), int32(n), parquet.Encoding(h.kind[2]),
			parquet.Encoding(h.kind[3]), parquet.Encoding(h.kind[4]), int32(plain)), err
	case dataPageV2:
		z.left -= n
		defs, reps := h.kind[5], h.kind[6]
		if defs < 0 || reps < 0 || defs+reps > min(stored, plain) {
			return nil, errPage
		}
		if h.kind[isCompressed] != 0 {
			data, err = z.decompress(data[:defs+reps], data[defs+reps:], int(plain))
		}
		return file.NewDataPageV2(memory.NewBufferBytes(data), int32(n), int32(h.kind[2]), int32(h.kind[3]),
			parquet.Encoding(h.kind[4]), int32(defs), int32(reps), int32(plain), false), err
	}
	return nil, nil
}

// readPage reads a page of n bytes and compares it with its checksum. The bytes are lent until
// the next page, unless they are not compressed.
func (z *pageReader) readPage(n int, sum int64) ([]byte, error) {
	if z.codec == compress.Codecs.Uncompressed || cap(z.stored) < n {
		z.stored = z.mem.Allocate(n)
	}
	data := z.stored[:n]
	if _, err := io.ReadFull(z.in, data); err != nil {
		return nil, fmt.Errorf("%w: a page is truncated: %w", ErrCorrupt, err)
	}
	switch {
	case sum == noChecksum:
		*z.unchecked = true
	case crc32.ChecksumIEEE(data) != uint32(sum):
		return nil, fmt.Errorf("%w: checksum mismatch in a page", ErrCorrupt)
	}
	return data, nil
}

// header reads a page's header.
func (z *pageReader) header() (h pageHeader, err error) {
	ctx := context.Background()
	p := thrift.NewTCompactProtocolConf(z.in, &thrift.TConfiguration{MaxMessageSize: int32(max(z.max, 1<<16))})
	h.kind[isCompressed], h.own[checksum] = 1, noChecksum // where nothing is said
	err = eachField(ctx, p, func(id int16, t thrift.TType) error {
		if t == thrift.STRUCT && (id == dataHeader || id == dictHeader || id == dataHeaderV2) {
			return eachField(ctx, p, func(id int16, t thrift.TType) error { return readNumber(ctx, p, &h.kind, id, t) })
		}
		return readNumber(ctx, p, &h.own, id, t)
	})
	if err != nil {
		return h, fmt.Errorf("%w: a page's header: %w", ErrCorrupt, err)
	}
	return h, nil
}

// eachField visits the fields of the struct that p is at. visit reads their values.
func eachField(ctx context.Context, p thrift.TProtocol, visit func(id int16, t thrift.TType) error) error {
	if _, err := p.ReadStructBegin(ctx); err != nil {
		return err
	}
	for {
		_, t, id, err := p.ReadFieldBegin(ctx)
		if err != nil {
			return err
		}
		if t == thrift.STOP {
			return p.ReadStructEnd(ctx)
		}
		if err := visit(id, t); err != nil {
			return err
		}
		if err := p.ReadFieldEnd(ctx); err != nil {
			return err
		}
	}
}

// readNumber reads a field into its place of all if it is a number, and else past it.
func readNumber(ctx context.Context, p thrift.TProtocol, all *[16]int64, id int16, t thrift.TType) error {
	var v int64
	switch {
	case id < 0 || int(id) >= len(all) || t != thrift.I32 && t != thrift.BOOL:
		return p.Skip(ctx, t)
	case t == thrift.I32:
		n, err := p.ReadI32(ctx)
		if err != nil {
			return err
		}
		v = int64(n)
	default:
		yes, err := p.ReadBool(ctx)
		if err != nil {
			return err
		}
		if yes {
			v = 1
		}
	}
	all[id] = v
	return nil
}

// decompress returns front and, behind it, what src decompresses to, plain bytes in all. They
// are lent until the next page.
func (z *pageReader) decompress(front, src []byte, plain int) ([]byte, error) {
	if z.codec == compress.Codecs.Uncompressed {
		if len(front)+len(src) != plain {
			return nil, errPage
		}
		return front[:plain:plain], nil // src is behind it
	}
	if z.codec == lz4Raw || z.codec == lz4Hadoop {
		if plain > lz4MaxRatio*(len(front)+len(src)+1) {
			return nil, errPage
		}
	}
	if cap(z.plain) < plain {
		z.plain = z.mem.Allocate(plain)
	}
	dst := z.plain[:plain]
	to := dst[copy(dst, front):]
	if len(to) == 0 {
		return dst, nil
	}
	if err := unpackPage(z.codec, to, src); err != nil {
		return nil, fmt.Errorf("%w: a page of %s that does not decompress to its %d bytes: %w",
			ErrCorrupt, z.codec, len(to), err)
	}
	return dst, nil
}

var errLength = errors.New("another length")

// unpackPage fills dst with what src decompresses to, which is of that length.
func unpackPage(codec compress.Compression, dst, src []byte) error {
	switch codec {
	case lz4Raw, lz4Hadoop:
		if unframeHadoop(dst, src) {
			return nil
		}
		n, err := lz4.UncompressBlock(src, dst)
		return sameLength(n, len(dst), err)
	case compress.Codecs.Snappy:
		n, err := s2.DecodedLen(src)
		if err := sameLength(n, len(dst), err); err != nil {
			return err
		}
		_, err = s2.Decode(dst, src)
		return err
	case compress.Codecs.Zstd:
		d, err := pageZstd()
		if err != nil {
			return err
		}
		defer pageZstds.Put(d)
		got, err := d.DecodeAll(src, dst[:0:len(dst)])
		return sameLength(len(got), len(dst), err)
	case compress.Codecs.Gzip:
		r, err := gzip.NewReader(bytes.NewReader(src))
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(r, dst); err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, io.LimitReader(r, 1)) // its end has a checksum
		return sameLength(int(n), 0, err)
	}
	c, err := compress.GetCodec(codec)
	if err != nil {
		return err
	}
	return sameLength(len(c.Decode(dst, src)), len(dst), nil)
}

func sameLength(n, want int, err error) error {
	if err == nil && n != want {
		return errLength
	}
	return err
}

// pageZstds are decoders of pages.
var pageZstds sync.Pool

// pageZstd returns a decoder that fills no more than the room it is given.
func pageZstd() (*zstd.Decoder, error) {
	if d, ok := pageZstds.Get().(*zstd.Decoder); ok {
		return d, nil
	}
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
}

// unframeHadoop fills dst with blocks of LZ4 that each have their sizes in front, plain and
// stored; false means that src is not so.
func unframeHadoop(dst, src []byte) bool {
	for len(src) >= 8 {
		plain, stored := int64(binary.BigEndian.Uint32(src)), int64(binary.BigEndian.Uint32(src[4:]))
		src = src[8:]
		if stored > int64(len(src)) || plain > int64(len(dst)) {
			return false
		}
		n, err := lz4.UncompressBlock(src[:stored], dst[:plain:plain])
		if err != nil || int64(n) != plain {
			return false
		}
		dst, src = dst[plain:], src[stored:]
	}
	return len(src) == 0 && len(dst) == 0
}
