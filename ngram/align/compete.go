package align

import (
	"cmp"
	"container/heap"
	"slices"
)

// Items of one benchmark compete for the words of a document. The law:
//
//   - The candidates are the items of which the document shows enough to flag them, each
//     with the words of the document that its alignment claims.
//   - What a candidate explains is the sum, over the words that it claims and that were
//     not given away, of what each says by itself: a whole number.
//   - The candidate that explains most is given its words; of equal ones all are. The
//     others lose those words, and the next one is found in the same way.
//   - A candidate that is there whole, every word of its question, context and choices,
//     loses nothing. A decoy is given nothing.
//
// The result is a function of the document and of the benchmark's items with their named
// siblings: it does not depend on the order in which any of them is read, nor on other
// benchmarks or documents.

// A claim is the words of a document that one candidate claims.
type claim struct {
	words        []claimed
	whole, decoy bool
	weak         bool // not a candidate: it is given nothing and loses nothing, but what it shares counts

	sum             int // what it explains, without what was given away
	round           int // in which it was given its words; 0: not yet
	by              int // the claim to which it lost most in one round, or -1
	most            int // of information in that round
	losing          int // likewise, in the round lostIn
	lostIn          int
	sharer, sharing int // 1 + the claim that shares words with it, and how much
	shared          int // of what it explained, the most that one other claim explained too
}

// claimed is a word of a document, and what it says by itself, above 0.
type claimed struct {
	doc  uint32
	says int
}

// A contest returns the words of one document to the claims of one benchmark. It is used
// again for the next document.
type contest struct {
	claims []claim
	docs   []uint32 // words claimed, in order
	owners []int32  // the claims of docs[k] are owners[first[k]:first[k+1]]
	first  []int32
	given  []int // by word: the round in which it was given away, or 0
	queue  queue
}

// decide plays all rounds. Its time is that of sorting the words claimed.
func (t *contest) decide() {
	t.index()
	t.queue = t.queue[:0]
	for k := range t.claims {
		c := &t.claims[k]
		c.sum, c.round, c.by, c.most, c.losing, c.lostIn, c.sharer, c.shared = 0, 0, -1, 0, 0, 0, 0, 0
		for _, w := range c.words {
			c.sum += w.says
		}
		if !c.decoy && !c.weak && c.sum > 0 {
			t.queue = append(t.queue, queued{c.whole, c.sum, int32(k)})
		}
	}
	heap.Init(&t.queue)
	for round := 1; ; round++ {
		best := t.pop()
		if best < 0 || t.claims[best].sum == 0 {
			return
		}
		sum := t.claims[best].sum
		winners := []int{best}
		for next := t.pop(); next >= 0; next = t.pop() {
			if t.claims[next].sum < sum || t.claims[next].whole != t.claims[best].whole {
				heap.Push(&t.queue, queued{t.claims[next].whole, t.claims[next].sum, int32(next)})
				break
			}
			winners = append(winners, next)
		}
		for _, k := range winners {
			t.claims[k].round = round
		}
		for _, k := range winners {
			t.share(k, round)
		}
		for _, k := range winners {
			t.award(k, round)
		}
	}
}

// index lists the words claimed and their claims.
func (t *contest) index() {
	t.docs = t.docs[:0]
	for _, c := range t.claims {
		for _, w := range c.words {
			t.docs = append(t.docs, w.doc)
		}
	}
	t.owners = append(t.owners[:0], make([]int32, len(t.docs))...)
	slices.Sort(t.docs)
	t.docs = slices.Compact(t.docs)
	t.first = append(t.first[:0], make([]int32, len(t.docs)+1)...)
	t.given = append(t.given[:0], make([]int, len(t.docs))...)
	for _, c := range t.claims {
		for _, w := range c.words {
			t.first[t.at(w.doc)+1]++
		}
	}
	for k := range t.docs {
		t.first[k+1] += t.first[k]
	}
	fill := slices.Clone(t.first)
	for i, c := range t.claims {
		for _, w := range c.words {
			k := t.at(w.doc)
			t.owners[fill[k]] = int32(i)
			fill[k]++
		}
	}
}

// at is the place of a claimed word in docs.
func (t *contest) at(doc uint32) int {
	k, _ := slices.BinarySearch(t.docs, doc)
	return k
}

// pop returns the claim that explains most of those that were given nothing yet, the
// first of equal ones, or -1.
func (t *contest) pop() int {
	for len(t.queue) > 0 {
		q := heap.Pop(&t.queue).(queued)
		if now := t.claims[q.claim].sum; now < q.sum {
			heap.Push(&t.queue, queued{q.whole, now, q.claim})
			continue
		}
		return int(q.claim)
	}
	return -1
}

// award assigns to claim k the words that no claim was awarded before this round.
func (t *contest) award(k, round int) {
	for _, w := range t.claims[k].words {
		at := t.at(w.doc)
		if t.given[at] != 0 {
			continue // one that is there whole, or of an equal claim of this round
		}
		t.given[at] = round
		for _, o := range t.owners[t.first[at]:t.first[at+1]] {
			if c := &t.claims[o]; c.round == 0 && !c.whole && !c.weak {
				c.lose(w.says, k, round)
			}
		}
	}
}

// share notes how much of what claim k is about to be given one other explains as well.
func (t *contest) share(k, round int) {
	c := &t.claims[k]
	for _, w := range c.words {
		at := t.at(w.doc)
		if t.given[at] != 0 {
			continue
		}
		for _, o := range t.owners[t.first[at]:t.first[at+1]] {
			other := &t.claims[o]
			if int(o) == k || other.decoy || other.round != 0 && other.round != round {
				continue
			}
			if other.sharer != k+1 {
				other.sharer, other.sharing = k+1, 0
			}
			other.sharing += w.says
			c.shared = max(c.shared, other.sharing)
		}
	}
}

// lose takes a word that says so much away from the claim.
func (c *claim) lose(says, to, round int) {
	c.sum -= says
	if c.lostIn != round {
		c.losing, c.lostIn = 0, round
	}
	if c.losing += says; c.losing > c.most {
		c.by, c.most = to, c.losing
	}
}

// keeps reports whether claim k still has a word of the document.
func (t *contest) keeps(k int, doc uint32) bool {
	given := t.given[t.at(doc)]
	return given == 0 || t.claims[k].whole || given == t.claims[k].round
}

// queued is a claim that explained so much when it was put into the queue.
type queued struct {
	whole bool
	sum   int
	claim int32
}

// A queue has the claim that explains most first, the first of equal ones.
type queue []queued

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].whole != q[j].whole {
		return q[i].whole
	}
	return cmp.Or(cmp.Compare(q[j].sum, q[i].sum), cmp.Compare(q[i].claim, q[j].claim)) < 0
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(queued)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
