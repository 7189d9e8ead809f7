package bloom

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/bits"
	"sync"

	"github.com/zeebo/xxh3"
)

const (
	spoolMagic = "\x89swabgrams\r\n\x1a\n\x02\x00"
	blockHead  = 16 // bytes: count, bucket, checksum
)

// A Spool holds a shard's grams until the shard has been read to the end: in memory
// of its pool as long as there is any, the rest in a stream.
type Spool struct {
	pool     *Pool
	grams    int64
	slots    [][]uint64
	blocks   []Block // in slots, in the order they were filled
	overflow bool    // more are in the stream
}

// A Block has some of a shard's grams, all of one bucket of the plan's partitions.
type Block struct {
	partitions int // of the plan
	bucket     int
	hashes     []uint64 // mixed
}

// Grams is how many the block has.
func (b Block) Grams() int { return len(b.hashes) }

// A Pool lends memory to the spools of one plan. Any number of goroutines may use it.
type Pool struct {
	plan  Plan
	shift int // a bucket has 1<<shift partitions
	block int // hashes of a full block
	words []uint64

	mu   sync.Mutex
	next int        // of words, never lent before
	free [][]uint64 // were lent and came back
}

// NewPool gives a pool of that many bytes at most, which it takes when they are
// needed first. Without any, all grams go into streams.
func NewPool(p Plan, bytes int64) (*Pool, error) {
	pool := &Pool{plan: p, shift: bucketShift(p)}
	// Blocks come one bucket at a time, and a shard larger than a segment is divided
	// between them: no bucket may then be far ahead of the others.
	bucket := p.Capacity() / int64(p.Partitions) << pool.shift
	pool.block = int(min(max(bucket/64, 1), laneLen))
	if bytes < int64(8*pool.block) {
		return pool, nil
	}
	var err error
	if pool.words, err = alloc(int(bytes / 8)); err != nil {
		return nil, fmt.Errorf("memory for the grams of shards: %w", err)
	}
	return pool, nil
}

// Close gives the memory back. The pool's spools are of no use afterwards.
func (p *Pool) Close() {
	release(p.words)
	p.words, p.free, p.next = nil, nil, 0
}

// get lends room for a block, or nil.
func (p *Pool) get() []uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		slot := p.free[n-1]
		p.free = p.free[:n-1]
		return slot
	}
	from := p.next
	if p.next+p.block > len(p.words) {
		return nil
	}
	p.next += p.block
	return p.words[from:from:p.next]
}

func (p *Pool) put(slots [][]uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, slots...)
}

// Grams is how many were added; of distinct ones there are at most as many.
func (s *Spool) Grams() int64 { return s.grams }

// Drop gives the spool's memory back to its pool. Its blocks must not be used
// afterwards; a second Drop does nothing.
func (s *Spool) Drop() {
	s.pool.put(s.slots)
	s.slots, s.blocks = nil, nil
}

// Blocks gives what was added, in an order that depends on the plan and on what was
// added only. A block is lent for one step. Stream is what was written, and may be
// nil when nothing was. After an error, which is ErrCorrupt when the stream is not
// whole, nothing follows.
func (s *Spool) Blocks(stream io.Reader) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		total := int64(0)
		for _, b := range s.blocks {
			total += int64(len(b.hashes))
			if !yield(b, nil) {
				return
			}
		}
		if !s.overflow {
			return
		}
		for b, err := range readSpool(stream, s.pool.plan) {
			total += int64(len(b.hashes))
			if !yield(b, err) || err != nil {
				return
			}
		}
		if total != s.grams {
			yield(Block{}, fmt.Errorf("spool of grams: %d, where %d were added: %w", total, s.grams, ErrCorrupt))
		}
	}
}

// A Spooler is one lane's way into spools, one shard at a time. It sorts grams by
// bucket, which an Inserter then need not do. It belongs to one goroutine.
type Spooler struct {
	pool   *Pool
	spool  *Spool
	stream io.Writer
	data   []byte // a block as it is written
	wrote  int64  // grams
	err    error
	n      [buckets]uint32
	hashes [buckets][laneLen]uint64 // mixed
}

// NewSpooler gives a lane its spooler, of 4 MiB.
func (p *Pool) NewSpooler() *Spooler {
	return &Spooler{pool: p, err: errors.New("no spool was begun")}
}

// Begin starts a spool, and drops the one at hand if it was not ended. What finds no
// room in the pool is written to stream, in pieces of up to 64 KiB, 8 bytes a gram;
// nothing is written as long as there is room.
func (s *Spooler) Begin(stream io.Writer) {
	if s.spool != nil {
		s.spool.Drop()
	}
	s.spool, s.stream, s.wrote, s.err = &Spool{pool: s.pool}, stream, 0, nil
	clear(s.n[:])
}

// Add takes the hashes of grams. After an error all else fails with it.
func (s *Spooler) Add(hashes []uint64) error {
	if s.err != nil {
		return s.err
	}
	s.spool.grams += int64(len(hashes))
	parts, shift, full := uint64(s.pool.plan.Partitions), s.pool.shift&63, uint32(s.pool.block)
	for _, h := range hashes {
		x := mix(h)
		part, _ := bits.Mul64(x, parts)
		b := part >> shift % buckets
		n := s.n[b]
		s.hashes[b][n%laneLen] = x
		if n++; n == full {
			s.put(int(b), s.hashes[b][:n])
			n = 0
		}
		s.n[b] = n
	}
	return s.err
}

// End gives the spool of what was added.
func (s *Spooler) End() (*Spool, error) {
	for b, n := range s.n {
		if n > 0 {
			s.put(b, s.hashes[b][:n])
		}
	}
	if s.err == nil && s.spool.overflow {
		s.head(0, 0)
		s.data = binary.LittleEndian.AppendUint64(s.data, uint64(s.wrote))
		s.write()
	}
	if s.err != nil {
		return nil, s.err
	}
	done := s.spool
	s.spool, s.err = nil, errors.New("the spool was ended")
	return done, nil
}

// put takes a block that is of bucket b.
func (s *Spooler) put(b int, hashes []uint64) {
	sp := s.spool
	if s.err != nil {
		return
	}
	if !sp.overflow {
		last := len(sp.slots) - 1
		if last < 0 || len(sp.slots[last])+len(hashes) > cap(sp.slots[last]) {
			if slot := s.pool.get(); slot != nil {
				sp.slots = append(sp.slots, slot[:0])
				last++
			} else {
				sp.overflow = true
			}
		}
		if !sp.overflow {
			slot := append(sp.slots[last], hashes...)
			sp.blocks = append(sp.blocks, Block{s.pool.plan.Partitions, b, slot[len(slot)-len(hashes):]})
			sp.slots[last] = slot
			return
		}
		if _, s.err = io.WriteString(s.stream, spoolMagic); s.err != nil {
			return
		}
	}
	s.wrote += int64(len(hashes))
	s.head(len(hashes), b)
	for _, h := range hashes {
		s.data = binary.LittleEndian.AppendUint64(s.data, h)
	}
	s.write()
}

// head begins a block of the stream.
func (s *Spooler) head(count, bucket int) {
	if s.data == nil {
		s.data = make([]byte, 0, blockHead+8*s.pool.block)
	}
	s.data = binary.LittleEndian.AppendUint32(s.data[:0], uint32(count))
	s.data = binary.LittleEndian.AppendUint32(s.data, uint32(bucket))
	s.data = s.data[:blockHead]
}

func (s *Spooler) write() {
	binary.LittleEndian.PutUint64(s.data[8:], xxh3.HashSeed(s.data[blockHead:], binary.LittleEndian.Uint64(s.data)))
	_, s.err = s.stream.Write(s.data)
}

// readSpool gives the blocks of a stream that the spooler of such a plan wrote.
func readSpool(r io.Reader, p Plan) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		var (
			data   = make([]byte, 8*laneLen)
			hashes = make([]uint64, laneLen)
			total  uint64
		)
		fail := func(what string, err error) {
			if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
				err = ErrCorrupt
			}
			yield(Block{}, fmt.Errorf("spool of grams: %s after %d grams: %w", what, total, err))
		}
		if _, err := io.ReadFull(r, data[:len(spoolMagic)]); err != nil || string(data[:len(spoolMagic)]) != spoolMagic {
			fail("no spool", err)
			return
		}
		for {
			if _, err := io.ReadFull(r, data[:blockHead]); err != nil {
				fail("end missing", err)
				return
			}
			head, sum := binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[8:])
			count, bucket := head&(1<<32-1), int(head>>32)
			if count > laneLen || bucket >= buckets {
				fail("impossible block", nil)
				return
			}
			block := data[:8*max(count, 1)] // the last block, of none, holds their number
			if _, err := io.ReadFull(r, block); err != nil {
				fail("block cut short", err)
				return
			}
			if xxh3.HashSeed(block, head) != sum {
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
			if !yield(Block{p.Partitions, bucket, hashes[:count]}, nil) {
				return
			}
		}
	}
}
