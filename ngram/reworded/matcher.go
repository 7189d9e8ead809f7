package reworded

import (
	"math/bits"
	"slices"

	"swab/ngram"
)

// A state is what the current blocks of a document have of an item.
type state struct {
	block       uint32 // number of the current block
	now, before uint32 // anchors in it, and in the block before, as sets
	shift, need uint8
	noted       bool // the two blocks are a candidate
}

// A candidate is an item of which two blocks have enough anchors; block is the second.
type candidate struct{ item, block uint32 }

// A Match is the best span of a document for an item.
type Match struct {
	Item       int
	Start, End uint32 // bytes of the document
	Words      int    // of the span
	Features   Features
	Strength   float64 // 0 to 1
}

// A Matcher compares documents with the items of an index. It belongs to one goroutine. A
// document is handed over in blocks of words and ended by Matches.
type Matcher struct {
	x      *Index
	lex    *lexer
	Least  float64 // strength of matches that are returned, at the least
	states []state
	base   uint32 // number of the document's first word in all documents, in no block with words of others
	words  uint32 // of the document so far
	tokens []token
	cands  []candidate
	found  []Match     // of the document
	ended  []Match     // of the document before
	best   map[int]int // by item: its match

	marks []int32 // by term: 1 + its number in the item of the current candidate; 0: none
	seen  []int32 // by term of that item: the span in which it was seen last
	run   int32   // number of the current span
}

// NewMatcher returns a matcher.
func (x *Index) NewMatcher() *Matcher {
	m := &Matcher{
		x: x, lex: newLexer(x.dictionary, false), states: make([]state, x.size()),
		marks: make([]int32, len(x.weights)), best: map[int]int{},
	}
	m.restart()
	return m
}

// restart forgets all blocks.
func (m *Matcher) restart() {
	for i := range m.states {
		e := &m.x.items[i]
		m.states[i] = state{shift: e.shift, need: e.need}
	}
	m.base = 4 << maxShift
}

// Block takes the next words of the document.
func (m *Matcher) Block(s *ngram.Scanner, text []byte) {
	before := len(m.tokens)
	m.tokens = m.lex.block(m.tokens, s, text)
	for i := before; i < len(m.tokens); i++ {
		if t := &m.tokens[i]; t.term >= 0 {
			m.count(t.term, m.base+t.at)
		}
	}
	m.words = uint32(s.Base() + s.Len())
	m.settle(m.words)
}

// count notes a term at a place for the items that have it as an anchor.
func (m *Matcher) count(term int32, at uint32) {
	for _, l := range m.x.links[m.x.from[term]:m.x.from[term+1]] {
		st := &m.states[l.item()]
		if b := at >> st.shift; b != st.block {
			before := st.now
			if st.block+1 != b {
				before = 0
			}
			st.block, st.now, st.before, st.noted = b, 0, before, false
		}
		bit := uint32(1) << l.anchor()
		if st.now&bit != 0 {
			continue
		}
		st.now |= bit
		if all := st.now | st.before; !st.noted && bits.OnesCount32(all) >= int(st.need) {
			m.note(l.item(), st, all)
		}
	}
}

// note notes a candidate if its anchors carry enough.
func (m *Matcher) note(i uint32, st *state, all uint32) {
	sum := uint32(0)
	for k, w := range m.x.anchorsOf(int(i)) {
		sum += uint32(w) * (all >> k & 1)
	}
	if float64(sum) >= anchored*float64(m.x.items[i].mass) {
		st.noted = true
		m.cands = append(m.cands, candidate{i, st.block})
	}
}

// reach returns the words in which a candidate's span may be, by number in the document.
func (m *Matcher) reach(c candidate) (from, to uint32) {
	shift := m.x.items[c.item].shift
	from = max((c.block-1)<<shift-1<<(shift-1), m.base) - m.base
	return from, (c.block+1)<<shift + 1<<(shift-1) - m.base
}

// settle compares the candidates all of whose words were read, and forgets the words that no other
// may have.
func (m *Matcher) settle(words uint32) {
	rest := m.cands[:0]
	for _, c := range m.cands {
		if from, to := m.reach(c); to <= words {
			m.compare(int(c.item), from, to)
		} else {
			rest = append(rest, c)
		}
	}
	m.cands = rest
	if keep := uint32(4 << maxShift); words > keep {
		n, _ := slices.BinarySearchFunc(m.tokens, words-keep, func(t token, at uint32) int { return int(t.at) - int(at) })
		m.tokens = append(m.tokens[:0], m.tokens[n:]...)
	}
}

// Matches ends the document, and returns the best match of each item of which enough was
// found, in ascending order of items. They are valid until the next document ends.
func (m *Matcher) Matches() []Match {
	m.settle(m.words + 4<<maxShift)
	m.found, m.ended = m.ended[:0], m.found
	m.Reset()
	slices.SortFunc(m.ended, func(a, b Match) int { return a.Item - b.Item })
	return m.ended
}

// Reset forgets the current document.
func (m *Matcher) Reset() {
	m.tokens, m.cands, m.found = m.tokens[:0], m.cands[:0], m.found[:0]
	clear(m.best)
	m.base = (m.base+m.words+4<<maxShift)&^(1<<maxShift-1) + 1<<maxShift // blocks begin with the document
	if m.base > 1<<31 {
		m.restart()
	}
	m.words = 0
}
