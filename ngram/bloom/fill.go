package bloom

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"

	"github.com/bits-and-blooms/bloom/v3"
)

const (
	buckets = 64
	laneLen = 1 << 13 // hashes of one bucket that a lane gathers: 4 MiB in all
	maxPart = 1 << 15 // hashes of one partition that a filler gathers; more gains nothing
)

// A Filler carries grams from any number of lanes into one filter.
type Filler struct {
	f      *Filter
	shift  int      // a bucket has 1<<shift partitions
	size   int      // places that are gathered for one partition
	places []uint64 // size for each partition; none when a bucket is one partition
	bucket [buckets]bucket

	mu        sync.Mutex
	inserters []*Inserter
}

type bucket struct {
	mu sync.Mutex
	n  []int32 // how many places have been gathered for each of its partitions
}

// NewFiller makes ready to fill f, with bufferBytes of buffers for all lanes
// together. The cost a gram grows as they shrink: give half of the filter's size, or
// a quarter where memory is dear. A filter has one filler at a time.
func (f *Filter) NewFiller(bufferBytes int64) (*Filler, error) {
	if f.filler != nil {
		return nil, errors.New("the filter has a filler already")
	}
	parts := f.plan.Partitions
	w := &Filler{f: f, shift: bucketShift(f.plan)}
	if w.shift > 0 {
		w.size = int(min(max(bufferBytes/8/int64(parts), 1), maxPart))
		var err error
		if w.places, err = alloc(w.size * parts); err != nil {
			return nil, fmt.Errorf("buffers of a filter: %w", err)
		}
		for b := range w.bucket {
			w.bucket[b].n = make([]int32, 1<<w.shift)
		}
	}
	f.filler = w
	return w, nil
}

// bucketShift gives the number of partitions of a bucket, as a power of two.
func bucketShift(p Plan) int {
	return max(0, bits.Len(uint(p.Partitions-1))-bits.Len(buckets-1))
}

// Flush puts all that was added into the filter. No Add may run meanwhile. It costs
// as much as reading and writing the filter once.
func (w *Filler) Flush() { w.FlushShare(0, 1) }

// FlushShare does share i, from 0, of so many of the work of Flush, which is done when
// all shares are. They may run at the same time.
func (w *Filler) FlushShare(i, of int) {
	for b := i; b < buckets; b += of {
		for _, in := range w.inserters {
			w.drain(b, in.hashes[b][:in.n[b]])
			in.n[b] = 0
		}
		for j, n := range w.bucket[b].n {
			part := b<<w.shift + j
			if n > 0 {
				insert(w.f.parts[part], w.places[part*w.size:][:n])
				w.bucket[b].n[j] = 0
			}
		}
	}
}

// Close flushes and gives the buffers back. The filler and its inserters are of no
// use afterwards.
func (w *Filler) Close() {
	w.Flush()
	release(w.places)
	w.places, w.inserters = nil, nil
	w.f.filler = nil
}

// pending reports whether there are grams that are not in the filter yet.
func (w *Filler) pending() bool {
	if w == nil {
		return false
	}
	for _, i := range w.inserters {
		if i.n != [buckets]uint32{} {
			return true
		}
	}
	for b := range w.bucket {
		for _, n := range w.bucket[b].n {
			if n > 0 {
				return true
			}
		}
	}
	return false
}

// drain takes mixed hashes that are all of bucket b, and may overwrite them.
func (w *Filler) drain(b int, hashes []uint64) {
	if len(hashes) == 0 {
		return
	}
	parts, size := uint64(w.f.plan.Partitions), w.size
	k := &w.bucket[b]
	k.mu.Lock()
	defer k.mu.Unlock()
	if w.shift == 0 {
		for i, x := range hashes {
			hashes[i] = x * parts
		}
		insert(w.f.parts[b], hashes)
		return
	}
	first := b << w.shift
	gathered, places := k.n, w.places[first*size:]
	for _, x := range hashes {
		part, place := bits.Mul64(x, parts)
		j := int(part) - first
		n := int(gathered[j])
		places[j*size+n] = place
		if n++; n == size {
			insert(w.f.parts[part], places[j*size:][:size])
			n = 0
		}
		gathered[j] = int32(n)
	}
}

// insert sets the bits of grams that are all of one partition, given by their places.
func insert(part *bloom.BloomFilter, places []uint64) {
	words := (*[partWords]uint64)(part.BitSet().Words())
	k := int(part.K())
	if len(places)*k > partWords/8 {
		fetch(words)
	}
	// Four grams at a time, whose products do not wait for each other: a fifth faster
	// than one after another.
	for ; len(places) >= 4; places = places[4:] {
		a, b, c, d := places[0], places[1], places[2], places[3]
		for range k {
			set(words, a)
			set(words, b)
			set(words, c)
			set(words, d)
			a, b, c, d = a*multiplier, b*multiplier, c*multiplier, d*multiplier
		}
	}
	for _, place := range places {
		for range k {
			set(words, place)
			place *= multiplier
		}
	}
}

// set sets the bit that the top of a product names.
func set(words *[partWords]uint64, product uint64) {
	at := product >> placeShift
	words[at/64] |= 1 << (at % 64)
}

// fetch reads a partition from front to back, which brings it into the cache at the
// memory's full speed; the bits set next would ask for its lines one by one.
//
//go:noinline
func fetch(words *[partWords]uint64) (all uint64) {
	for i := 0; i < partWords; i += 8 {
		all |= words[i]
	}
	return all
}

// An Inserter is one lane's way into a filler. It belongs to one goroutine.
type Inserter struct {
	w      *Filler
	n      [buckets]uint32
	hashes [buckets][laneLen]uint64 // mixed
}

// NewInserter gives a lane its inserter, of 4 MiB.
func (w *Filler) NewInserter() *Inserter {
	i := &Inserter{w: w}
	w.mu.Lock()
	w.inserters = append(w.inserters, i)
	w.mu.Unlock()
	return i
}

// Add takes the hashes of grams, which it only reads. They are in the filter after
// the filler's next Flush.
func (i *Inserter) Add(hashes []uint64) {
	parts, shift := uint64(i.w.f.plan.Partitions), i.w.shift&63
	for _, h := range hashes {
		x := mix(h)
		part, _ := bits.Mul64(x, parts)
		b := part >> shift % buckets
		n := i.n[b]
		i.hashes[b][n%laneLen] = x
		if n++; n == laneLen {
			i.w.drain(int(b), i.hashes[b][:])
			n = 0
		}
		i.n[b] = n
	}
}

// AddBlock takes a block of a spool, and may overwrite it. Its grams are in the filter
// after the filler's next Flush.
func (i *Inserter) AddBlock(b Block) {
	if b.partitions != i.w.f.plan.Partitions {
		panic(fmt.Sprintf("block for %d partitions given to a filter of %d", b.partitions, i.w.f.plan.Partitions))
	}
	if len(b.hashes) > laneLen/2 {
		i.w.drain(b.bucket, b.hashes)
		return
	}
	n, gathered := int(i.n[b.bucket]), i.hashes[b.bucket][:]
	if n+len(b.hashes) > laneLen {
		i.w.drain(b.bucket, gathered[:n])
		n = 0
	}
	i.n[b.bucket] = uint32(n + copy(gathered[n:], b.hashes))
}
