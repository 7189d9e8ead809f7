package bloom

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/bits"

	"github.com/zeebo/xxh3"
)

const (
	spoolMagic = "\x89swabgrams\r\n\x1a\n\x03\x00"
	blockHead  = 16 // bytes: count, bucket, checksum
)

// A Spool holds a shard's grams until the shard has been read to the end: in slots of its
// pool while there are any, the rest in a stream.
type Spool struct {
	pool     *Pool
	grams    int64
	blocks   []Block // in memory, in the order they were filled
	mixed    []slot  // of blocks that are not full
	room     int     // left in the last of them
	overflow bool    // more blocks are in the stream
}

// A Block has some of a shard's grams, all of one bucket.
type Block struct {
	pool     *Pool
	bucket   int
	hashes   []uint64 // mixed
	ownsSlot bool     // with its slot, which has nothing else
	slot     slot
}

// Grams returns the number of grams in the block.
func (b Block) Grams() int { return len(b.hashes) }

// Grams returns the number of grams added, duplicates included.
func (s *Spool) Grams() int64 { return s.grams }

// Drop returns the spool's slots to its pool, except those of blocks that went to a filler.
// The other blocks must not be used afterwards; a second Drop does nothing.
func (s *Spool) Drop() {
	slots := s.mixed
	for _, b := range s.blocks {
		if b.ownsSlot {
			slots = append(slots, b.slot)
		}
	}
	s.pool.takeBack(slots)
	s.pool.leaveSpool(len(slots))
	s.blocks, s.mixed, s.room = nil, nil, 0
}

// Blocks yields all grams, once, in an order that depends only on the plan and on the grams.
// Each block must be added to a filler before the next. Stream has what the spooler wrote,
// and may be nil if that is nothing. An error ends the iteration; it is ErrCorrupt when the
// stream is not whole.
func (s *Spool) Blocks(stream io.Reader) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		total := int64(0)
		for i, b := range s.blocks {
			total += int64(len(b.hashes))
			s.blocks[i].ownsSlot = false // it is the filler's now
			if !yield(b, nil) {
				return
			}
		}
		if !s.overflow {
			return
		}
		for b, err := range readSpool(stream, s.pool) {
			total += int64(len(b.hashes))
			if !yield(b, err) || err != nil {
				return
			}
		}
		if total != s.grams {
			yield(Block{}, fmt.Errorf("spool: %d grams were read, %d were added: %w", total, s.grams, ErrCorrupt))
		}
	}
}

// A Spooler makes the spools of one lane, one shard at a time. It sorts grams by bucket. It
// belongs to one goroutine.
type Spooler struct {
	pool   *Pool
	spool  *Spool
	stream io.Writer
	data   []byte // a block as it is written
	wrote  int64  // grams
	err    error
	at     [maxBuckets]slot // where each bucket's next hash goes; a slot is never full
}

// NewSpooler returns the spooler of a lane. It panics when there are more than the pool was
// created for.
func (p *Pool) NewSpooler() *Spooler {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &Spooler{pool: p, err: errors.New("no spool was begun")}
	if int(p.own) >= len(p.words) {
		panic("more spoolers than the pool was created for")
	}
	for b := range p.buckets {
		s.at[b] = p.own
		p.own += slot(p.block)
	}
	return s
}

// Begin begins a spool, and drops the current one if it was not ended. Grams that the pool
// has no room for are written to stream, in blocks of up to 8 KiB, 8 bytes a gram.
func (s *Spooler) Begin(stream io.Writer) {
	if s.spool != nil {
		s.spool.Drop()
	}
	s.spool, s.stream, s.wrote, s.err = &Spool{pool: s.pool}, stream, 0, nil
	for b := range s.at[:s.pool.buckets] {
		s.at[b] &^= slot(s.pool.block - 1)
	}
}

// Add adds grams by their hashes. After an error all later calls return it.
func (s *Spooler) Add(hashes []uint64) error {
	if s.err != nil {
		return s.err
	}
	s.spool.grams += int64(len(hashes))
	parts, shift, last := uint64(s.pool.plan.Partitions), s.pool.shift&63, slot(s.pool.block-1)
	words := s.pool.words
	for _, h := range hashes {
		x := mix(h)
		part, _ := bits.Mul64(x, parts)
		b := part >> shift % maxBuckets
		at := s.at[b]
		words[at] = x
		at++
		s.at[b] = at
		if at&last == 0 {
			s.spoolFull(int(b))
		}
	}
	return s.err
}

// spoolFull moves the full slot of bucket b to the spool, in exchange for an empty one.
func (s *Spooler) spoolFull(b int) {
	old := s.at[b] - slot(s.pool.block)
	s.at[b] = old
	hashes := s.pool.hashes(old, s.pool.block)
	if s.err == nil && !s.spool.overflow {
		if empty, ok := s.pool.lend(true); ok {
			s.at[b] = empty
			s.spool.blocks = append(s.spool.blocks, Block{s.pool, b, hashes, true, old})
			return
		}
	}
	s.write(b, hashes)
}

// End ends the spool and returns it.
func (s *Spooler) End() (*Spool, error) {
	for b, at := range s.at[:s.pool.buckets] {
		if n := int(at) % s.pool.block; n > 0 {
			s.at[b] -= slot(n)
			s.endBucket(b, s.pool.hashes(s.at[b], n))
		}
	}
	if s.err == nil && s.spool.overflow {
		s.beginBlock(0, 0)
		s.data = binary.LittleEndian.AppendUint64(s.data, uint64(s.wrote))
		s.flush()
	}
	if s.err != nil {
		return nil, s.err
	}
	done := s.spool
	s.spool, s.err = nil, errors.New("the spool was ended")
	return done, nil
}

// endBucket copies the remaining hashes of bucket b to the spool.
func (s *Spooler) endBucket(b int, hashes []uint64) {
	sp := s.spool
	if s.err == nil && !sp.overflow {
		ok := sp.room >= len(hashes)
		if !ok {
			var empty slot
			if empty, ok = s.pool.lend(true); ok {
				sp.mixed, sp.room = append(sp.mixed, empty), s.pool.block
			}
		}
		if ok {
			from := sp.mixed[len(sp.mixed)-1] + slot(s.pool.block-sp.room)
			to := s.pool.words[from : int(from)+len(hashes)]
			copy(to, hashes)
			sp.room -= len(hashes)
			sp.blocks = append(sp.blocks, Block{pool: s.pool, bucket: b, hashes: to})
			return
		}
	}
	s.write(b, hashes)
}

// write writes a block of bucket b, for which the pool has no room, to the stream.
func (s *Spooler) write(b int, hashes []uint64) {
	if s.err != nil {
		return
	}
	if !s.spool.overflow {
		s.spool.overflow = true
		if _, s.err = io.WriteString(s.stream, spoolMagic); s.err != nil {
			return
		}
	}
	s.wrote += int64(len(hashes))
	s.beginBlock(len(hashes), b)
	for _, h := range hashes {
		s.data = binary.LittleEndian.AppendUint64(s.data, h)
	}
	s.flush()
}

// beginBlock begins a block of the stream.
func (s *Spooler) beginBlock(count, bucket int) {
	if s.data == nil {
		s.data = make([]byte, 0, blockHead+8*s.pool.block)
	}
	s.data = binary.LittleEndian.AppendUint32(s.data[:0], uint32(count))
	s.data = binary.LittleEndian.AppendUint32(s.data, uint32(bucket))
	s.data = s.data[:blockHead]
}

func (s *Spooler) flush() {
	binary.LittleEndian.PutUint64(s.data[8:], xxh3.HashSeed(s.data[blockHead:], binary.LittleEndian.Uint64(s.data)))
	_, s.err = s.stream.Write(s.data)
}

// readSpool yields the blocks of a stream that a spooler of an equal pool wrote.
func readSpool(r io.Reader, p *Pool) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		var (
			data   = make([]byte, 8*maxBlock)
			hashes = make([]uint64, maxBlock)
			total  uint64
		)
		fail := func(what string, err error) {
			if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
				err = ErrCorrupt
			}
			yield(Block{}, fmt.Errorf("spool: %s after %d grams: %w", what, total, err))
		}
		if _, err := io.ReadFull(r, data[:len(spoolMagic)]); err != nil || string(data[:len(spoolMagic)]) != spoolMagic {
			fail("not a spool", err)
			return
		}
		for {
			if _, err := io.ReadFull(r, data[:blockHead]); err != nil {
				fail("end missing", err)
				return
			}
			head, sum := binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[8:])
			count, bucket := head&(1<<32-1), int(head>>32)
			if count > uint64(p.block) || bucket >= p.buckets {
				fail("invalid block", nil)
				return
			}
			block := data[:8*max(count, 1)] // the last block has the number of hashes instead of hashes
			if _, err := io.ReadFull(r, block); err != nil {
				fail("block truncated", err)
				return
			}
			if xxh3.HashSeed(block, head) != sum {
				fail("checksum mismatch", nil)
				return
			}
			for i := range len(block) / 8 {
				hashes[i] = binary.LittleEndian.Uint64(block[8*i:])
			}
			if count == 0 {
				if hashes[0] != total {
					fail(fmt.Sprintf("%d written", hashes[0]), nil)
				} else if n, err := io.ReadFull(r, data[:1]); n > 0 || err != io.EOF {
					fail("data after the end", err)
				}
				return
			}
			total += count
			if !yield(Block{pool: p, bucket: bucket, hashes: hashes[:count]}, nil) {
				return
			}
		}
	}
}
