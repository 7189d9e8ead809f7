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
	laneLen = 1 << 14 // hashes of one bucket that an inserter gathers: 8 MiB in all
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
	w := &Filler{f: f, shift: max(0, bits.Len(uint(parts-1))-bits.Len(buckets-1))}
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

// Flush puts all that was added into the filter. No Add may run meanwhile. It costs
// as much as reading and writing the filter once.
func (w *Filler) Flush() {
	for _, i := range w.inserters {
		for b, n := range i.n {
			w.drain(b, i.hashes[b][:n])
			i.n[b] = 0
		}
	}
	for b := range w.bucket {
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
	m := multipliers[:part.K()]
	if len(places)*len(m) > partWords/8 {
		fetch(words)
	}
	for _, place := range places {
		for _, m := range m {
			at := place * m >> placeShift
			words[at/64] |= 1 << (at % 64)
		}
	}
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

// NewInserter gives a lane its inserter, of 8 MiB.
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
