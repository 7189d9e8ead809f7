// Package bloom holds the grams of a corpus as a set that answers "perhaps" or
// "surely not", in one to five bytes a gram, and keeps it in a file.
//
// # The filter
//
// A [Filter] is cut into partitions of 256 KiB, each a Bloom filter of
// github.com/bits-and-blooms/bloom/v3. A gram's hash from package ngram is mixed by
// one multiplication; its high bits, times the number of partitions, pick the
// partition; what that product leaves over is multiplied by fixed odd numbers, and the
// top 27 bits of each product name a word of the partition and two of its bits. Thus k
// bits are set by half as many accesses to memory. FORMAT.md has it exactly. Three
// roads were not taken:
//
//   - The library's own Add hashes again and divides k times, and waits for memory k
//     times. The library gives the container, its bits, their count and the merge.
//   - Bits that are all placed alone hold 1 % more grams at the same rate, and take
//     16 to 20 ns a gram in place of 11 to be set in a partition that is in the cache
//     (k=13). Three bits a word gained nothing more, and cost 3 %.
//   - Double hashing (bits a, a+b, a+2b, …) inserts k=20 a fifth faster, but the bits
//     of a gram then hang together too much for so small a partition: at a promise of
//     1e-8 it gave 246 false answers in 4e9, where 40 are right, single bits gave 47 and
//     pairs gave 42.
//
// A [Plan] has room for as many distinct grams as keep the promised rate on average
// over partitions that chance fills unequally. Hashes have 64 bits: of n grams inside,
// n/2^64 of all others have the hash of one, 5e-10 at 1e10; [Stats] counts that in.
//
// # Filling
//
// A shard's grams must wait until it has been read to the end, as a bit that was set
// cannot be taken back: another gram may need it. A [Spooler], one for each lane, sorts
// them by bucket, up to 1024 neighbouring groups of partitions, into slots of 1024 that
// a [Pool] lends, and its [Spool] keeps them; what finds no room goes into a stream (a
// temporary file). The shard that fails is a spool dropped. The blocks of the one that
// does not are given to the filter's [Filler], which only keeps the slots, by bucket,
// until the pool has no more to lend. Then it sets the bits of one bucket, 1 MiB of a
// filter of 1 GiB, in the core's caches, and its slots are free again. So a gram is
// written to memory once and read once before its bits are set, and no memory stands
// idle: the less waits in spools, the more is gathered for each bucket.
//
// A spool knows its number of grams before the first is inserted, so that a segment
// can be closed before it passes its capacity: as long as the sum of [Spool.Grams] is
// within [Plan.Capacity] it is surely not full; then flush, take [Stats].Grams for the
// sum, and go on.
//
// Roads not taken: 64 buckets, and behind them a buffer for each partition, took some 45 ns
// a gram where this takes 25. In buckets of 16 MiB, more than a core's share of the third
// cache, bits were set seven times as slowly as in those of 1 MiB. Sorting the grams to drop
// those that are repeated and to write differences was measured at 138 ns a gram, for
// 6.4 bytes in place of 8. Reading a shard twice, first to see that it is whole, costs
// more than half of reading it to grams. Inserting at once, and building the segment
// anew when a shard fails, reads gigabytes again for every damaged file, and every night
// when cron finds the same one.
//
// # Files
//
// [Filter.Save] writes a segment, [Open] and [OpenBytes] answer from one without
// loading it: only the partitions that are asked about are read, each is held against
// its checksum first, and "surely not" is never said from damaged bytes.
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
	maxK     = 30      // enough for the lowest rate a plan takes
)

// Errors that callers tell apart.
var (
	ErrIncompatible = errors.New("filters of unlike recipe or plan")
	ErrCorrupt      = errors.New("damaged")
	ErrVersion      = errors.New("of another version of the program")
)

// A Plan is the size of a filter and the rate it promises. Plans are compared with
// ==; filters of unequal plans do not merge.
type Plan struct {
	Partitions int     `json:"partitions"` // of 256 KiB
	K          int     `json:"k"`          // bits a gram sets
	FPR        float64 `json:"fpr"`        // the promise: share of absent grams that Has takes for present
}

// NewPlan gives the plan that fits into that many bytes and holds the most grams
// at the rate fpr, above 1e-9 and at most 0.5.
func NewPlan(bytes int64, fpr float64) (Plan, error) {
	if !(fpr > 1e-9 && fpr <= 0.5) {
		return Plan{}, fmt.Errorf("false-positive rate is %g: it must be above 1e-9 and at most 0.5", fpr)
	}
	if bytes < partBytes || bytes/partBytes > maxParts {
		return Plan{}, fmt.Errorf("filter of %d bytes: it must have between %d and %d", bytes, partBytes, int64(maxParts)*partBytes)
	}
	k := math.Log2(1 / fpr)
	p := Plan{Partitions: int(bytes / partBytes), K: max(1, int(k)), FPR: fpr}
	if q := (Plan{p.Partitions, int(math.Ceil(k)), fpr}); q.Capacity() > p.Capacity() {
		p = q
	}
	return p, nil
}

// PlanFor gives the smallest plan with room for that many distinct grams.
func PlanFor(grams int64, fpr float64) (Plan, error) {
	one, err := NewPlan(partBytes, fpr)
	if err != nil {
		return Plan{}, err
	}
	if grams < 0 || grams/one.Capacity() >= maxParts {
		return Plan{}, fmt.Errorf("filter for %d grams: at a rate of %g it can have between 0 and %d", grams, fpr, maxParts*one.Capacity())
	}
	// Below the share of one lonely partition there is no need to look.
	from := int(grams / one.Capacity())
	parts := from + sort.Search(maxParts, func(i int) bool {
		return Plan{max(1, from+i), one.K, fpr}.Capacity() >= grams
	})
	return Plan{max(1, parts), one.K, fpr}, nil
}

// Bytes is the size of the filter in memory.
func (p Plan) Bytes() int64 { return int64(p.Partitions) * partBytes }

// Capacity is how many distinct grams the filter takes before the rate is expected
// to pass the promise. It allows for the chance by which some partitions get more
// grams than others, and for equal hashes of unequal grams (one in 2^64 for each
// gram inside: 1e10 grams add 5e-10 to the rate).
func (p Plan) Capacity() int64 {
	return int64(sort.Search(p.Partitions*partBits, func(n int) bool { return p.expectedRate(n+1) > p.FPR }))
}

// expectedRate is the rate expected once n distinct grams are inside. The number in one
// partition has mean and, nearly, variance n/Partitions; the mean of the rate over
// that spread is taken from one deviation below and one above.
func (p Plan) expectedRate(n int) float64 {
	mean := float64(n) / float64(p.Partitions)
	dev := math.Sqrt(mean * (1 - 1/float64(p.Partitions)))
	rate := func(grams float64) float64 {
		_, rate := p.fillAndRate(max(grams, 0) / partWords)
		return rate
	}
	return (rate(mean-dev)+rate(mean+dev))/2 + float64(n)/(1<<64)
}

// hitShare is the share of picks of a gram, one a word on average, that touch any of so
// many given bits of a word: two bits are picked alike and on their own, a last odd one
// alone.
func (p Plan) hitShare(bits float64) float64 {
	miss := 1 - bits/64
	return float64(p.K/2)*(1-miss*miss) + float64(p.K%2)*(1-miss)
}

// fillAndRate gives the share of bits that are set in a partition with that many grams a word,
// and the share of absent grams that have all their bits there. Words are independent
// and get Poisson numbers of picks.
func (p Plan) fillAndRate(load float64) (fill, rate float64) {
	one, two := math.Exp(-load*p.hitShare(1)), math.Exp(-load*p.hitShare(2)) // chance that one bit, or two, are not set
	fill = 1 - one
	both := (63*(1-2*one+two) + fill) / 64 // picks name the same bit once in 64
	return fill, math.Pow(both, float64(p.K/2)) * math.Pow(fill, float64(p.K%2))
}

func (p Plan) String() string {
	return fmt.Sprintf("%d partitions with %d bits a gram for a rate of %g", p.Partitions, p.K, p.FPR)
}

// check refuses what neither NewPlan nor PlanFor gives.
func (p Plan) check() error {
	if p.Partitions < 1 || p.Partitions > maxParts || p.K < 1 || p.K > maxK || !(p.FPR > 1e-9 && p.FPR <= 0.5) {
		return fmt.Errorf("impossible plan: %v", p)
	}
	return nil
}

// A Filter is a set of grams. Any number of goroutines may ask it, or fill it
// through the Inserters of one Filler, but not both at once.
type Filter struct {
	plan   Plan
	recipe ngram.Recipe
	words  []uint64             // all partitions, one after another
	parts  []*bloom.BloomFilter // the same words, a filter each
	filler *Filler              // the one at work, if any
}

// New gives an empty filter, or an error when there is not enough memory for it.
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

// Close gives the memory back. The filter, and a filler at work, is of no use afterwards.
func (f *Filter) Close() {
	if f.filler != nil {
		f.filler.detach()
	}
	release(f.words)
	f.words, f.parts = nil, nil
}

// Plan is what the filter was made with.
func (f *Filter) Plan() Plan { return f.plan }

// Recipe says what the grams are.
func (f *Filter) Recipe() ngram.Recipe { return f.recipe }

// mix spreads a gram's hash over all bits. It is part of the file's format.
func mix(h uint64) uint64 { return (h ^ h>>32) * 0xd1342543de82ef95 }

// multiplier turns a gram's place, or a product, into the next product. It is part of the
// file's format, too.
const multiplier = 0xf1357aea2e62a9c5

// pairMask is the word of a partition that the top of a product names, and two of its bits,
// which may be one.
func pairMask(product uint64) (word, mask uint64) {
	return product >> wordShift, 1<<(product>>bitShift%64) | 1<<(product>>bit2Shift%64)
}

// singleMask is the word and one bit: the last of an odd number.
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

// Merge puts the grams of g into f. The filters must have equal recipes and plans;
// f is then, bit for bit, the filter of both sets of grams.
func (f *Filter) Merge(g *Filter) error {
	if err := compatible(f.recipe, g.recipe, f.plan, g.plan); err != nil {
		return err
	}
	if g.filler.pending() {
		return errors.New("merging a filter: its filler was not flushed")
	}
	for i, part := range f.parts {
		if err := part.Merge(g.parts[i]); err != nil {
			return err
		}
	}
	return nil
}

func compatible(into, from ngram.Recipe, plan, fromPlan Plan) error {
	if into != from {
		return fmt.Errorf("%v cannot join %v: %w", from, into, ErrIncompatible)
	}
	if plan != fromPlan {
		return fmt.Errorf("%v cannot join %v: %w", fromPlan, plan, ErrIncompatible)
	}
	return nil
}

// Stats says how full a filter is.
type Stats struct {
	Fill     float64 // share of bits that are set
	Grams    int64   // estimate of how many distinct grams are inside, from the fill
	Capacity int64   // the plan's
	Rate     float64 // share of absent grams that are taken for present: the mean over the partitions, of their fill
	Full     bool    // Rate has reached the promise
}

// Stats counts the bits, in about a tenth of a second a gigabyte. It depends on
// nothing but them, so filters of the same grams have the same.
func (f *Filter) Stats() Stats {
	ones := make([]int, len(f.parts))
	for i, part := range f.parts {
		ones[i] = int(part.BitSet().Count())
	}
	return f.plan.stats(ones)
}

// stats takes the number of set bits of each partition.
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
