package filter

import (
	"math"
	"math/bits"
	"time"

	"swab/ngram"
	"swab/pipeline/ledger"
)

// An Estimation is the expected size and cost of an index, from a sample of its corpus.
type Estimation struct {
	Shards       int
	Sampled      int64   // bytes of shards that were read, as stored
	Share        float64 // of all
	Text         int64   // of all documents
	N            int
	Grams        int64 // distinct
	Segments     int
	SegmentBytes int64
	FPR          float64
	Time         time.Duration
	Lanes        int
	Memory       int64
}

// A Sample counts the distinct n-grams of some shards by HyperLogLog, to about 1 %. The rest of
// the corpus is expected to have as many in proportion, which is an overestimate if other
// shards repeat the sampled ones.
type Sample struct {
	o            Options
	index        *ledger.Index
	all          int64 // bytes of all shards
	stored, text int64 // of the shards read
	seen         hyperLogLog
	grams        []uint64
	kept         *chooser
}

// NewSample returns an empty sample of a corpus whose shards have all bytes in total, for the
// index that a Builder with these options would create.
func NewSample(o Options, all int64) (*Sample, error) {
	x, err := o.newIndex(all)
	if err != nil {
		return nil, err
	}
	return &Sample{o: o, index: x, all: all, kept: newChooser(x.Recipe)}, nil
}

// Block adds the n-grams of a block of words. The scanner's own n-grams must be at least as
// long.
func (s *Sample) Block(words *ngram.Scanner) {
	s.grams = s.kept.appendKept(s.grams[:0], words)
	s.add()
}

// add counts the collected n-grams.
func (s *Sample) add() {
	for _, g := range s.grams {
		s.seen.add(g)
	}
}

// Add counts a shard that was read to its end, by its bytes as stored and the bytes of its
// documents' text.
func (s *Sample) Add(stored, text int64) {
	s.grams = s.kept.appendLast(s.grams[:0])
	s.add()
	s.stored += stored
	s.text += text
}

// Empty reports whether no shard was read to its end.
func (s *Sample) Empty() bool { return s.stored == 0 }

// Estimate returns the expected size and cost of the index of that number of shards. Took is
// the time of reading the sample on one lane.
func (s *Sample) Estimate(shards int, took time.Duration) *Estimation {
	x := s.index
	e := &Estimation{
		Shards: shards, N: x.Recipe.N, SegmentBytes: x.Plan.Bytes(), FPR: x.Plan.FPR, Lanes: s.o.Lanes,
		Sampled: s.stored,
	}
	e.Share = float64(s.stored) / float64(s.all)
	e.Text = int64(float64(s.text) / e.Share)
	e.Grams = int64(s.seen.count() / e.Share)
	e.Segments = int((e.Grams + x.Plan.Capacity() - 1) / x.Plan.Capacity())
	// Inserting takes about two thirds of the time of reading and tokenising.
	e.Time = time.Duration(5. / 3 * float64(took) / e.Share / float64(s.o.Lanes))
	e.Memory = x.Plan.Bytes() + s.o.buffers(x.Plan) + 200e6
	return e
}

// hyperLogLog estimates the number of distinct hashes that were added, to about 1 %, by the
// method of Flajolet et al. 2007 with 2^14 registers; hashes have 64 bits, so there
// is no correction for large numbers.
type hyperLogLog struct{ most [1 << 14]uint8 }

func (h *hyperLogLog) add(hash uint64) {
	hash = (hash ^ hash>>32) * 0xd1342543de82ef95 // n-gram hashes are sums: mix their bits
	hash ^= hash >> 29
	r := &h.most[hash>>50]
	*r = max(*r, uint8(bits.LeadingZeros64(hash<<14|1<<13))+1)
}

func (h *hyperLogLog) count() float64 {
	m := float64(len(h.most))
	sum, zero := 0.0, 0
	for _, r := range h.most {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			zero++
		}
	}
	n := 0.7213 / (1 + 1.079/m) * m * m / sum
	if n <= 2.5*m && zero > 0 {
		return m * math.Log(m/float64(zero))
	}
	return n
}
