package bloom

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
)

// A Filler carries blocks of grams from any number of lanes into one filter.
type Filler struct {
	f       *Filter
	pool    *Pool
	buckets []bucket
	next    atomic.Uint32 // the bucket that is emptied next
}

// A bucket gathers the grams of some neighbouring partitions.
type bucket struct {
	mu     sync.Mutex
	slots  []slot
	blocks [][]uint64 // of the slots
	open   int        // the block that small blocks are copied to
	room   int        // left in the open block
}

// NewFiller returns a filler of f, which has the pool's plan. It uses the memory that the
// pool's spools leave. The cost of a gram grows as the pool shrinks: half of the filter's
// size is good, a quarter is enough. A filter and a pool have one filler at a time.
func (p *Pool) NewFiller(f *Filter) (*Filler, error) {
	if f.plan != p.plan {
		return nil, fmt.Errorf("buffers for %v cannot fill %v: %w", p.plan, f.plan, ErrIncompatible)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.filler != nil || p.filler != nil {
		return nil, errors.New("the filter or the pool already has a filler")
	}
	w := &Filler{f: f, pool: p, buckets: make([]bucket, p.buckets)}
	f.filler, p.filler = w, w
	return w, nil
}

// AddBlock adds a block of one of the pool's spools. Its grams are in the filter after
// the next Flush.
func (w *Filler) AddBlock(b Block) {
	if b.pool.plan != w.f.plan {
		panic(fmt.Sprintf("block for %v added to a filter of %v", b.pool.plan, w.f.plan))
	}
	k := &w.buckets[b.bucket]
	k.mu.Lock()
	defer k.mu.Unlock()
	if b.ownsSlot {
		k.slots, k.blocks = append(k.slots, b.slot), append(k.blocks, b.hashes)
		w.pool.leaveSpool(1)
		return
	}
	if k.room < len(b.hashes) {
		k.mu.Unlock() // lend may empty this bucket
		s, ok := w.pool.lend(false)
		k.mu.Lock()
		if !ok {
			w.setBits(b.bucket, b.hashes)
			return
		}
		k.open, k.room = len(k.blocks), w.pool.block
		k.slots, k.blocks = append(k.slots, s), append(k.blocks, w.pool.hashes(s, 0))
	}
	k.blocks[k.open] = append(k.blocks[k.open], b.hashes...)
	k.room -= len(b.hashes)
}

// emptyNext empties the next bucket that has any slots, returns one of them and returns the
// rest to the pool.
func (w *Filler) emptyNext() (slot, bool) {
	if w == nil {
		return 0, false
	}
	for range w.buckets {
		slots := w.emptyBucket(int(w.next.Add(1) % uint32(len(w.buckets))))
		if len(slots) > 0 {
			w.pool.takeBack(slots[1:])
			return slots[0], true
		}
	}
	return 0, false
}

// emptyBucket sets the bits of the grams in bucket b, and returns its slots.
func (w *Filler) emptyBucket(b int) []slot {
	k := &w.buckets[b]
	k.mu.Lock()
	defer k.mu.Unlock()
	grams := 0
	for _, hashes := range k.blocks {
		grams += len(hashes)
	}
	first := b << w.pool.shift
	end := min(first+1<<w.pool.shift, w.f.plan.Partitions)
	if region := w.f.words[first*partWords : end*partWords]; grams > len(region)/64 {
		prefetch(region)
	}
	for _, hashes := range k.blocks {
		w.setBits(b, hashes)
	}
	slots := k.slots
	k.slots, k.blocks, k.room = nil, k.blocks[:0], 0
	return slots
}

// Flush sets the bits of all added grams. No AddBlock may run at the same time.
func (w *Filler) Flush() { w.FlushShare(0, 1) }

// FlushShare does share i, from 0 to shares-1, of the work of Flush. The shares may run at
// the same time.
func (w *Filler) FlushShare(i, shares int) {
	for b := i; b < len(w.buckets); b += shares {
		w.pool.takeBack(w.emptyBucket(b))
	}
}

// Close flushes, and detaches the filler from its filter and pool.
func (w *Filler) Close() {
	w.Flush()
	w.detach()
}

func (w *Filler) detach() {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	w.f.filler, w.pool.filler = nil, nil
}

// pending reports whether any added grams are not in the filter yet.
func (w *Filler) pending() bool {
	if w == nil {
		return false
	}
	for b := range w.buckets {
		if len(w.buckets[b].blocks) > 0 {
			return true
		}
	}
	return false
}

// setBits sets the bits of mixed hashes of bucket b, whose lock is held.
func (w *Filler) setBits(b int, hashes []uint64) {
	first, parts, k := b<<w.pool.shift, uint64(w.f.plan.Partitions), w.f.plan.K
	words := w.f.words[first*partWords:]
	part := func(x uint64) (*[partWords]uint64, uint64) {
		part, place := bits.Mul64(x, parts)
		return (*[partWords]uint64)(words[(part-uint64(first))*partWords:]), place
	}
	// Two grams at a time, whose products are independent; an odd last one is paired with
	// itself.
	last := len(hashes) - 1
	for i := 0; i <= last; i += 2 {
		p, x := part(hashes[i])
		q, y := part(hashes[min(i+1, last)])
		for range k / 2 {
			setPair(p, x)
			setPair(q, y)
			x, y = x*multiplier, y*multiplier
		}
		if k%2 != 0 {
			setSingle(p, x)
			setSingle(q, y)
		}
	}
}

func setPair(words *[partWords]uint64, product uint64) {
	w, mask := pairMask(product)
	words[w] |= mask
}

func setSingle(words *[partWords]uint64, product uint64) {
	w, mask := singleMask(product)
	words[w] |= mask
}

// prefetch reads words from front to back, which loads them into the cache at the memory's
// full speed; setting bits would load its lines one by one.
//
//go:noinline
func prefetch(words []uint64) (all uint64) {
	for ; len(words) >= 8; words = words[8:] {
		all |= words[0]
	}
	return all
}
