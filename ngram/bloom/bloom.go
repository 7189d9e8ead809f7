// Package bloom keeps the n-grams of a corpus in a Bloom filter, in memory or in a file:
// a set of one to five bytes a gram with false positives and no false negatives.
//
// # The filter
//
// A [Filter] is divided into partitions of 256 KiB, each a Bloom filter of
// github.com/bits-and-blooms/bloom/v3. A gram's hash from package ngram is mixed by one
// multiplication. The upper half of its product with the number of partitions selects the
// partition; the lower half is multiplied by fixed odd numbers, and the top 27 bits of
// each product select a word of the partition and two of its bits. Thus setting k bits
// takes k/2 accesses to memory. FORMAT.md has the exact definition. Three roads not taken:
//
//   - The library's own Add hashes again and divides k times, and waits for memory k
//     times. The library is used for the container, the bit count and the merge.
//   - Bits that are all placed independently hold 1 % more grams at the same rate, but
//     setting them takes 16 to 20 ns a gram instead of 11 in a cached partition (k=13).
//     Three bits a word were no faster, and cost 3 %.
//   - Double hashing (bits a, a+b, a+2b, …) inserts k=20 a fifth faster, but the bits of a
//     gram are then too dependent for so small a partition: at a target rate of 1e-8 it
//     had 246 false positives in 4e9, where 40 are expected; independent bits had 47 and
//     pairs 42.
//
// A [Plan] has capacity for as many distinct grams as keep the target rate on average over
// partitions that are filled unequally by chance. Hashes have 64 bits: with n grams in
// the filter, a share n/2^64 of all other grams has an equal hash, 5e-10 at 1e10; [Stats]
// includes it.
//
// # Filling
//
// A shard's grams must wait until it has been read to the end: a bit cannot be cleared
// again, since another gram may need it. A [Spooler], one for each lane, sorts the grams
// by bucket (up to 1024 groups of neighbouring partitions) into slots of 1024 that a
// [Pool] lends, and its [Spool] keeps them; when the pool has no room they go into a
// stream (a temporary file). If the shard fails its spool is dropped. Otherwise its blocks
// go to the filter's [Filler], which keeps the slots, by bucket, until the pool has no
// more to lend. Then it sets the bits of one bucket, 1 MiB of a filter of 1 GiB, in the
// core's caches, and frees its slots. So a gram is written to memory once and read once
// before its bits are set, and all memory is used: the less there is in spools, the more
// is gathered for each bucket.
//
// A spool's number of grams is known before the first is inserted, so that a segment can
// be closed before it exceeds its capacity: while the sum of [Spool.Grams] is within
// [Plan.Capacity] it is not full; then flush, replace the sum by [Stats].Grams, and
// continue.
//
// Roads not taken: 64 buckets, each with a buffer for every partition, took some 45 ns a
// gram instead of 25. In buckets of 16 MiB, more than a core's share of the third-level
// cache, setting bits was seven times as slow as in those of 1 MiB. Sorting the grams to
// drop duplicates and store differences took 138 ns a gram, for 6.4 bytes instead of 8.
// Reading a shard twice, first to check that it is whole, costs more than half of
// extracting its grams. Inserting at once, and rebuilding the segment when a shard fails,
// reads gigabytes again for every damaged file, and again every night that cron finds it.
//
// # Files
//
// [Filter.Save] writes a segment. [Open] queries one without loading it: it reads only the
// partitions that are queried, and verifies the checksum of each first, so damaged bytes
// never lead to a false negative.
package bloom

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sort"

	"swab/ngram"

	"github.com/bits-and-blooms/bloom/v3"
)

const (
	partBits  = 1 << 21 // of one partition
	partWords = partBits / 64
	partBytes = partBits / 8

	wordShift = 64 - 15        // from a product's top bits to a word of a partition
	bitShift  = wordShift - 6  // to its first bit
	bit2Shift = wordShift - 12 // to its second

	maxParts = 1 << 22 // 1 TiB
	maxK     = 30      // enough for the lowest rate that a plan allows
)

// Errors that callers distinguish.
var (
	ErrIncompatible = errors.New("filters have different recipes or plans")
	ErrCorrupt      = errors.New("corrupt")
	ErrVersion      = errors.New("written by another version of swab")
)

// A Plan is the size of a filter and its target false-positive rate. Plans are compared
// with ==; filters of unequal plans cannot be merged.
type Plan struct {
	Partitions int     `json:"partitions"` // of 256 KiB
	K          int     `json:"k"`          // bits set for a gram
	FPR        float64 `json:"fpr"`        // target false-positive rate
}

// NewPlan returns the plan of at most the given bytes with the greatest capacity at the
// false-positive rate fpr, above 1e-9 and at most 0.5.
func NewPlan(bytes int64, fpr float64) (Plan, error) {
	if !(fpr > 1e-9 && fpr <= 0.5) {
		return Plan{}, fmt.Errorf("false-positive rate is %g: it must be above 1e-9 and at most 0.5", fpr)
	}
	if bytes < partBytes || bytes/partBytes > maxParts {
		return Plan{}, fmt.Errorf("filter of %d bytes: it must have between %d and %d",
			bytes, partBytes, int64(maxParts)*partBytes)
	}
	k := math.Log2(1 / fpr)
	p := Plan{Partitions: int(bytes / partBytes), K: max(1, int(k)), FPR: fpr}
	if q := (Plan{p.Partitions, int(math.Ceil(k)), fpr}); q.Capacity() > p.Capacity() {
		p = q
	}
	return p, nil
}

// PlanFor returns the smallest plan with capacity for the given number of distinct grams.
func PlanFor(grams int64, fpr float64) (Plan, error) {
	one, err := NewPlan(partBytes, fpr)
	if err != nil {
		return Plan{}, err
	}
	if grams < 0 || grams/one.Capacity() >= maxParts {
		return Plan{}, fmt.Errorf("filter for %d grams: at a rate of %g it can have between 0 and %d",
			grams, fpr, maxParts*one.Capacity())
	}
	// A partition among others has less capacity than a single one: start there.
	from := int(grams / one.Capacity())
	parts := from + sort.Search(maxParts, func(i int) bool {
		return Plan{max(1, from+i), one.K, fpr}.Capacity() >= grams
	})
	return Plan{max(1, parts), one.K, fpr}, nil
}

// Bytes returns the size of the filter in memory.
func (p Plan) Bytes() int64 { return int64(p.Partitions) * partBytes }

// Capacity returns how many distinct grams the filter holds before the expected
// false-positive rate exceeds the target. It accounts for partitions that get more grams
// than others by chance, and for equal hashes of unequal grams (one in 2^64 for each gram
// in the filter: 1e10 grams add 5e-10 to the rate).
func (p Plan) Capacity() int64 {
	return int64(sort.Search(p.Partitions*partBits, func(n int) bool { return p.expectedRate(n+1) > p.FPR }))
}

// expectedRate returns the expected false-positive rate with n distinct grams. The grams
// of a partition have mean and, nearly, variance n/Partitions; the rate is averaged over
// one deviation below the mean and one above.
func (p Plan) expectedRate(n int) float64 {
	mean := float64(n) / float64(p.Partitions)
	dev := math.Sqrt(mean * (1 - 1/float64(p.Partitions)))
	rate := func(grams float64) float64 {
		_, rate := p.fillAndRate(max(grams, 0) / partWords)
		return rate
	}
	return (rate(mean-dev)+rate(mean+dev))/2 + float64(n)/(1<<64)
}

// hitShare returns, for grams that pick a word once on average, how many of the picks of a
// word touch any of the given number of its bits: each pair of bits is one pick, of two
// independent bits, and a last odd bit is one of its own.
func (p Plan) hitShare(bits float64) float64 {
	miss := 1 - bits/64
	return float64(p.K/2)*(1-miss*miss) + float64(p.K%2)*(1-miss)
}

// fillAndRate returns the share of bits that are set in a partition with load grams a word,
// and its false-positive rate. Words are independent and get Poisson numbers of picks.
func (p Plan) fillAndRate(load float64) (fill, rate float64) {
	one := math.Exp(-load * p.hitShare(1)) // probability that a given bit is not set
	two := math.Exp(-load * p.hitShare(2)) // probability that neither of two is
	fill = 1 - one
	both := (63*(1-2*one+two) + fill) / 64 // picks name the same bit once in 64
	return fill, math.Pow(both, float64(p.K/2)) * math.Pow(fill, float64(p.K%2))
}

func (p Plan) String() string {
	return fmt.Sprintf("%d partitions with %d bits a gram for a rate of %g", p.Partitions, p.K, p.FPR)
}

// check refuses plans that neither NewPlan nor PlanFor returns.
func (p Plan) check() error {
	if p.Partitions < 1 || p.Partitions > maxParts || p.K < 1 || p.K > maxK || !(p.FPR > 1e-9 && p.FPR <= 0.5) {
		return fmt.Errorf("invalid plan: %v", p)
	}
	return nil
}

// A Filter is a set of grams. Any number of goroutines may query it, or fill it through
// its Filler, but not both at once.
type Filter struct {
	plan   Plan
	recipe ngram.Recipe
	words  []uint64             // all partitions, one after another
	parts  []*bloom.BloomFilter // the same words, a filter each
	filler *Filler              // the current one, or nil
}

// New returns an empty filter, or an error when there is not enough memory for it.
func New(p Plan, recipe ngram.Recipe) (*Filter, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	words, err := alloc(p.Partitions * partWords)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	f := &Filter{plan: p, recipe: recipe, words: words, parts: make([]*bloom.BloomFilter, p.Partitions)}
	for i := range f.parts {
		f.parts[i] = bloom.FromWithM(words[i*partWords:(i+1)*partWords:(i+1)*partWords], partBits, uint(p.K))
	}
	return f, nil
}

// Close frees the memory. Neither the filter nor its filler may be used afterwards.
func (f *Filter) Close() {
	if f.filler != nil {
		f.filler.detach()
	}
	release(f.words)
	f.words, f.parts = nil, nil
}

// mix spreads a gram's hash over all bits. It is part of the file's format.
func mix(h uint64) uint64 { return (h ^ h>>32) * 0xd1342543de82ef95 }

// multiplier turns a gram's place, or a product, into the next product. It is part of the
// file's format.
const multiplier = 0xf1357aea2e62a9c5

// pairMask returns the word of a partition that the top of a product selects, and a mask of
// two of its bits, which may be the same.
func pairMask(product uint64) (word, mask uint64) {
	return product >> wordShift, 1<<(product>>bitShift%64) | 1<<(product>>bit2Shift%64)
}

// singleMask returns the word and a mask of one bit, for the last of an odd number.
func singleMask(product uint64) (word, mask uint64) {
	return product >> wordShift, 1 << (product >> bitShift % 64)
}

// Has reports whether the gram may be inside; false is certain.
func (f *Filter) Has(h uint64) bool {
	part, place := bits.Mul64(mix(h), uint64(f.plan.Partitions))
	words := (*[partWords]uint64)(f.words[part*partWords:])
	for range f.plan.K / 2 {
		if w, mask := pairMask(place); words[w]&mask != mask {
			return false
		}
		place *= multiplier
	}
	if f.plan.K%2 == 0 {
		return true
	}
	w, mask := singleMask(place)
	return words[w]&mask != 0
}

func compatible(into, from ngram.Recipe, plan, fromPlan Plan) error {
	if into != from {
		return fmt.Errorf("cannot merge a filter of %v into one of %v: %w", from, into, ErrIncompatible)
	}
	if plan != fromPlan {
		return fmt.Errorf("cannot merge a filter of %v into one of %v: %w", fromPlan, plan, ErrIncompatible)
	}
	return nil
}

// Stats describes how full a filter is.
type Stats struct {
	Fill     float64 // share of bits that are set
	Grams    int64   // estimated number of distinct grams in the filter, from the fill
	Capacity int64   // of the plan
	Rate     float64 // false-positive rate, estimated from the fill of each partition
	Full     bool    // Rate has reached the plan's
}

// Stats counts the bits, in about a tenth of a second a gigabyte. The result depends on the
// bits alone, so filters of the same grams have equal stats.
func (f *Filter) Stats() Stats {
	ones := make([]int, len(f.parts))
	for i, part := range f.parts {
		ones[i] = int(part.BitSet().Count())
	}
	return f.plan.stats(ones)
}

// stats returns the stats, given the number of set bits of each partition.
func (p Plan) stats(ones []int) Stats {
	var fill, rate, grams float64
	for _, n := range ones {
		share := float64(n) / partBits
		load := -math.Log1p(-min(share, 1-1./partBits)) / p.hitShare(1)
		fill += share
		grams += load * partWords
		if n < partBits {
			_, odds := p.fillAndRate(load)
			rate += odds
		} else {
			rate++
		}
	}
	s := Stats{Fill: fill / float64(len(ones)), Grams: int64(math.Round(grams)), Capacity: p.Capacity()}
	s.Rate = rate/float64(len(ones)) + grams/(1<<64)
	s.Full = s.Rate >= p.FPR
	return s
}
