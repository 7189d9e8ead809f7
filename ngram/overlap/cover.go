package overlap

import (
	"cmp"
	"math/bits"
	"slices"

	"swab/ngram/item"
)

// MaxEvidence is how many documents a Cover keeps in each view, the strongest ones;
// MaxQuotes is how many runs it quotes of each part in each of them.
const (
	MaxEvidence = 3
	MaxQuotes   = 8
)

// A Cover is what a set of documents has of one item. The zero Cover is that of no
// document; Merge is associative and commutative, so the covers of shards merge in any
// order.
type Cover struct {
	Tallies  []Tally    // one for each view of the item's benchmark; none if nothing was seen
	Evidence []Evidence // the strongest documents, in the order of their names
}

// A Tally has the figures of all documents that a rule needs.
type Tally struct {
	Documents int64    // documents with a run that counts
	Longest   int      // longest run in any document, words
	Covered   int      // words in runs that count, the most of any document
	Best      float64  // highest score of a document, for rules that score documents
	Together  bool     // some document has input and answer within MaxGap bytes
	Seen      []uint64 // bit i: the n-gram at word i of the item occurs in some document

	// Counts has, by word of the item, how many documents have the n-gram that begins
	// there, or how often it occurs, up to MaxCount. It is nil for rules without counts.
	Counts []uint16
}

// Evidence is one document in which an item was seen.
type Evidence struct {
	Shard  string
	Row    int64
	ID     string
	Found  []Found // one for each view
	Quotes []Quote
}

// Found is how much of an item one document has, in one view.
type Found struct {
	Longest int // longest run that counts, or 0
	Covered int // words in runs that count
}

// A Quote is a run in a document, with its surroundings.
type Quote struct {
	Part       item.Part
	At, Words  int    // in words of the part
	Start, End int64  // bytes of the document
	TextStart  int64  // where Text begins in the document
	Text       string // the run and some text around it
}

func (a *Evidence) compare(b *Evidence) int {
	return cmp.Or(cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Row, b.Row))
}

// stronger orders the documents of view r: strongest first, then by name.
func stronger(views []view, r int, a, b *Evidence) int {
	x, y := a.Found[r], b.Found[r]
	longest, covered := cmp.Compare(y.Longest, x.Longest), cmp.Compare(y.Covered, x.Covered)
	if views[r].byCovered {
		longest, covered = covered, longest
	}
	switch {
	case longest != 0:
		return longest
	case covered != 0:
		return covered
	}
	return a.compare(b)
}

// weakest returns, by view, the number of the weakest of the MaxEvidence strongest pieces of
// evidence, or nil if there are fewer.
func (c *Cover) weakest(views []view) (numbers []int32) {
	if len(c.Evidence) < MaxEvidence {
		return nil
	}
	order := make([]int32, len(c.Evidence))
	for r := range views {
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortFunc(order, func(i, j int32) int { return stronger(views, r, &c.Evidence[i], &c.Evidence[j]) })
		numbers = append(numbers, order[MaxEvidence-1])
	}
	return numbers
}

// prune drops the evidence that is among the strongest in no view.
func (c *Cover) prune(views []view) {
	if len(c.Evidence) > MaxEvidence {
		keep := make([]bool, len(c.Evidence))
		order := make([]int, len(c.Evidence))
		for r := range views {
			for i := range order {
				order[i] = i
			}
			slices.SortFunc(order, func(i, j int) int { return stronger(views, r, &c.Evidence[i], &c.Evidence[j]) })
			for _, i := range order[:MaxEvidence] {
				keep[i] = keep[i] || c.Evidence[i].Found[r].Longest > 0
			}
		}
		kept := c.Evidence[:0]
		for i, s := range c.Evidence {
			if keep[i] {
				kept = append(kept, s)
			}
		}
		clear(c.Evidence[len(kept):])
		c.Evidence = kept
	}
	slices.SortFunc(c.Evidence, func(a, b Evidence) int { return a.compare(&b) })
}

func (c *Cover) merge(views []view, d *Cover) {
	if d.Tallies == nil {
		return
	}
	if c.Tallies == nil {
		c.Tallies = make([]Tally, len(views))
	}
	for r := range c.Tallies {
		c.Tallies[r].add(&d.Tallies[r])
	}
	c.Evidence = append(c.Evidence, d.Evidence...)
	c.prune(views)
}

// newCover returns a cover without documents of an item of the given words.
func newCover(views []view, words int) *Cover {
	c := &Cover{Tallies: make([]Tally, len(views))}
	for v, view := range views {
		c.Tallies[v].Seen = make([]uint64, (words+63)/64)
		if view.counts != noCounts {
			c.Tallies[v].Counts = make([]uint16, words)
		}
	}
	return c
}

func (t *Tally) add(u *Tally) {
	t.Documents += u.Documents
	t.Longest = max(t.Longest, u.Longest)
	t.Covered = max(t.Covered, u.Covered)
	t.Best = max(t.Best, u.Best)
	t.Together = t.Together || u.Together
	if t.Seen == nil {
		t.Seen, t.Counts = slices.Clone(u.Seen), slices.Clone(u.Counts)
		return
	}
	for i, w := range u.Seen {
		t.Seen[i] |= w
	}
	for i, n := range u.Counts {
		addCount(&t.Counts[i], int(n))
	}
}

// setRange sets bits from (included) to to (not included).
func setRange(set []uint64, from, to int) {
	for from < to {
		w, b := from/64, from%64
		n := min(64-b, to-from)
		set[w] |= ^uint64(0) >> (64 - uint(n)) << uint(b)
		from += n
	}
}

// countCovered counts the n-grams whose first words are the bits of set from (included)
// to to (not included), and the distinct words in them.
func countCovered(set []uint64, from, to, n int) (words, grams int) {
	end := from
	for w := from / 64; w*64 < to && w < len(set); w++ {
		for b := set[w]; b != 0; b &= b - 1 {
			at := w*64 + bits.TrailingZeros64(b)
			if at < from || at >= to {
				continue
			}
			grams++
			words += at + n - max(at, end)
			end = at + n
		}
	}
	return words, grams
}
