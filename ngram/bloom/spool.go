package bloom

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/zeebo/xxh3"
)

const (
	spoolMagic = "\x89swabgrams\r\n\x1a\n\x01\x00"
	spoolBlock = 1 << 13 // hashes
)

// A SpoolWriter keeps a shard's grams in a stream until the shard has been read to
// the end. It belongs to one goroutine.
type SpoolWriter struct {
	w     io.Writer
	block []byte // what is written next: count and checksum, then hashes
	n     int64
	err   error
}

// NewSpoolWriter writes to w, in pieces of 64 KiB, 8 bytes a gram.
func NewSpoolWriter(w io.Writer) *SpoolWriter {
	s := &SpoolWriter{w: w, block: make([]byte, 16, 16+8*spoolBlock)}
	_, s.err = io.WriteString(w, spoolMagic)
	return s
}

// Add takes the hashes of grams. After an error all else fails with it.
func (s *SpoolWriter) Add(hashes []uint64) error {
	for len(hashes) > 0 && s.err == nil {
		fits := min(len(hashes), (cap(s.block)-len(s.block))/8)
		for _, h := range hashes[:fits] {
			s.block = binary.LittleEndian.AppendUint64(s.block, h)
		}
		s.n += int64(fits)
		hashes = hashes[fits:]
		if len(s.block) == cap(s.block) {
			s.flush(uint64(spoolBlock))
		}
	}
	return s.err
}

// Grams is how many were added; of distinct ones there are at most as many.
func (s *SpoolWriter) Grams() int64 { return s.n }

// Close ends the stream; without it no reader takes it for whole.
func (s *SpoolWriter) Close() error {
	if n := len(s.block)/8 - 2; n > 0 && s.err == nil {
		s.flush(uint64(n))
	}
	if s.err == nil {
		s.block = binary.LittleEndian.AppendUint64(s.block, uint64(s.n))
		s.flush(0)
	}
	if s.err != nil {
		return s.err
	}
	s.err = errors.New("spool is closed")
	return nil
}

func (s *SpoolWriter) flush(count uint64) {
	binary.LittleEndian.PutUint64(s.block, count)
	binary.LittleEndian.PutUint64(s.block[8:], xxh3.HashSeed(s.block[16:], count))
	_, s.err = s.w.Write(s.block)
	s.block = s.block[:16]
}

// ReadSpool gives the hashes that a SpoolWriter wrote, in blocks that are lent for
// one step. After an error, which is ErrCorrupt when the stream is not whole,
// nothing follows.
func ReadSpool(r io.Reader) iter.Seq2[[]uint64, error] {
	return func(yield func([]uint64, error) bool) {
		var (
			data   = make([]byte, 8*spoolBlock)
			hashes = make([]uint64, spoolBlock)
			total  uint64
		)
		fail := func(what string, err error) {
			if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
				err = ErrCorrupt
			}
			yield(nil, fmt.Errorf("spool of grams: %s after %d grams: %w", what, total, err))
		}
		if _, err := io.ReadFull(r, data[:len(spoolMagic)]); err != nil || string(data[:len(spoolMagic)]) != spoolMagic {
			fail("no spool", err)
			return
		}
		for {
			if _, err := io.ReadFull(r, data[:16]); err != nil {
				fail("end missing", err)
				return
			}
			count, sum := binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[8:])
			if count > spoolBlock {
				fail("block too long", nil)
				return
			}
			block := data[:8*max(count, 1)] // the last block, of none, holds their number
			if _, err := io.ReadFull(r, block); err != nil {
				fail("block cut short", err)
				return
			}
			if xxh3.HashSeed(block, count) != sum {
				fail("wrong checksum", nil)
				return
			}
			for i := range len(block) / 8 {
				hashes[i] = binary.LittleEndian.Uint64(block[8*i:])
			}
			if count == 0 {
				if hashes[0] != total {
					fail(fmt.Sprintf("%d written", hashes[0]), nil)
				} else if n, err := io.ReadFull(r, data[:1]); n > 0 || err != io.EOF {
					fail("more behind the end", err)
				}
				return
			}
			total += count
			if !yield(hashes[:count], nil) {
				return
			}
		}
	}
}
