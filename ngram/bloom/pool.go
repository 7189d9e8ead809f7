package bloom

import (
	"fmt"
	"math/bits"
	"sync"
)

const (
	maxBuckets = 1024
	maxBlock   = 1024 // hashes in a slot
)

// bucketShift returns the number of partitions in a bucket, as a power of two.
func bucketShift(p Plan) int {
	return max(0, bits.Len(uint(p.Partitions-1))-bits.Len(maxBuckets-1))
}

// A Pool lends memory, a slot at a time, to spools of one plan and to the filler of their
// filter. Any number of goroutines may use it.
type Pool struct {
	plan    Plan
	shift   int // a bucket has 1<<shift partitions
	buckets int
	block   int      // hashes in a slot, a power of two
	slots   int      // number of slots for lending
	words   []uint64 // slots for lending, then those of the spoolers

	mu      sync.Mutex
	next    slot // this and later slots were never lent
	free    []slot
	spooled int     // slots lent to spools
	filler  *Filler // the current one, or nil
	own     slot    // first slot of the next spooler
}

// A slot is the index in a pool's words of the first of a block's hashes.
type slot uint32

// NewPool returns a pool of at most the given bytes, plus up to 8 MiB for each spooler. The
// system assigns memory only when it is first used. Spools get at most half of the pool; with
// 0 bytes all their grams go into streams.
func NewPool(p Plan, bytes int64, spoolers int) (*Pool, error) {
	pool := &Pool{plan: p, shift: bucketShift(p)}
	pool.buckets = (p.Partitions-1)>>pool.shift + 1
	// Blocks are of one bucket, and a shard larger than a segment is divided between
	// segments: no bucket may then be far ahead of the others.
	bucket := p.Capacity() / int64(p.Partitions) << pool.shift
	pool.block = 1 << (bits.Len64(uint64(min(max(bucket/64, 1), maxBlock))) - 1)
	own := spoolers * pool.buckets
	pool.slots = int(min(max(bytes, 0)/8, 1<<32-1)) / pool.block
	pool.slots = max(0, min(pool.slots, (1<<32-1)/pool.block-own))
	pool.own = slot(pool.slots * pool.block)
	var err error
	if pool.words, err = alloc((pool.slots + own) * pool.block); err != nil {
		return nil, fmt.Errorf("buffers of a filter: %w", err)
	}
	return pool, nil
}

// Close frees the memory. The pool's spools must not be used afterwards.
func (p *Pool) Close() {
	release(p.words)
	p.words, p.free, p.next, p.slots = nil, nil, 0, 0
}

// hashes returns the first n hashes of a slot, with capacity for the rest.
func (p *Pool) hashes(s slot, n int) []uint64 {
	from := int(s)
	return p.words[from : from+n : from+p.block]
}

// lend lends a slot. When all are lent, the filler sets the bits of one of its buckets.
func (p *Pool) lend(forSpool bool) (slot, bool) {
	p.mu.Lock()
	if forSpool {
		if p.spooled >= (p.slots+1)/2 {
			p.mu.Unlock()
			return 0, false
		}
		p.spooled++
	}
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free = p.free[:n-1]
		p.mu.Unlock()
		return s, true
	}
	if s := p.next; int(s) < p.slots*p.block {
		p.next += slot(p.block)
		p.mu.Unlock()
		return s, true
	}
	filler := p.filler
	p.mu.Unlock()
	s, ok := filler.emptyNext()
	if !ok && forSpool {
		p.leaveSpool(1)
	}
	return s, ok
}

// takeBack takes slots back from a filler.
func (p *Pool) takeBack(slots []slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, slots...)
}

// leaveSpool counts n slots as no longer those of spools.
func (p *Pool) leaveSpool(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spooled -= n
}
