package align

import (
	"cmp"
	"slices"

	"swab/ngram"
)

// A Spot is the place of a document in which most of a text's information stands.
type Spot struct {
	Text       int
	Found      int    // own information found there, units
	Start, End uint32 // bytes of the cleaned document, from the first to the last seed
}

// A Matcher holds documents against an Index. It belongs to one goroutine.
//
// A document is handed over in blocks of words, as a scanner of n-grams cuts it, and
// ended by Spots. Its work is linear in the document: a seed stands in a bounded
// number of texts, and each place where it does enters and leaves a text's window once.
type Matcher struct {
	x      *Index
	bars   []int32 // by text: own information below which a spot is not reported
	shapes []ngram.Shape
	known  []uint8 // by word of the block

	// Words that are not common: those of the block before that begin seeds which may
	// reach into this one, and those of this one.
	words  []word
	hashes []uint64 // of them
	grams  []gram   // that begin with them
	loaded []uint64 // the filter's words for the grams

	where []int32 // by text: 1 + its place in open
	open  []state
	used  int // of open; what lies behind is kept for use again
	spots []Spot
}

// word is a word of a document.
type word struct {
	at         uint32 // in the document
	start, end uint32 // bytes
	known      uint8
}

// state is what the document shows of one text.
type state struct {
	text   int32
	window int
	hits   []hit // those in the window are from first on
	first  int
	most   int     // information of the window's seeds, words counted as often as they come
	counts []int32 // by word of the text: seeds of the window that hold it; in use if active
	active bool
	found  int // information of the window's words, if active
	best   Spot
}

// hit is a seed of a text in the document.
type hit struct {
	doc        int // word
	at         uint32
	start, end uint32
}

// leastFound is the share of the own information of a text's seeds that a place must
// hold to be looked at.
const leastFound = 0.15

// NewMatcher makes a matcher.
func (x *Index) NewMatcher() *Matcher {
	m := &Matcher{x: x, where: make([]int32, x.Texts()), bars: make([]int32, x.Texts())}
	for t, seeded := range x.seeded {
		m.bars[t] = int32(leastFound*float64(seeded)) + 1
	}
	return m
}

// Block takes the next words of the document.
func (m *Matcher) Block(s *ngram.Scanner) {
	m.shapes = s.AppendShapes(m.shapes[:0])
	base, skip := s.Base(), 0
	if base > 0 {
		skip = s.N() - 1 // words that were in the block before
	}
	hashes := s.Hashes()
	known := m.known[:0]
	for i, h := range hashes {
		known = append(known, m.x.known(h, m.shapes[i]))
	}
	m.known = known
	for i := skip; i < len(hashes); i++ {
		if k := known[i]; content(k) {
			m.words = append(m.words, word{uint32(base + i), s.Start(i), s.End(i), k})
			m.hashes = append(m.hashes, hashes[i])
		}
	}
	if whole := len(m.words) - (maxSeed - 1); whole > 0 {
		m.seeds(whole)
		m.words = append(m.words[:0], m.words[whole:]...)
		m.hashes = append(m.hashes[:0], m.hashes[whole:]...)
	}
}

// Spots ends the document, and gives the best place of each text of which enough was
// found, by rising text. They are valid until the next document ends.
func (m *Matcher) Spots() []Spot {
	m.seeds(len(m.words))
	m.words, m.hashes = m.words[:0], m.hashes[:0]
	m.spots = m.spots[:0]
	for i := range m.open[:m.used] {
		st := &m.open[i]
		m.where[st.text] = 0
		if st.best.Found > 0 {
			m.spots = append(m.spots, st.best)
		}
	}
	m.used = 0
	slices.SortFunc(m.spots, func(a, b Spot) int { return cmp.Compare(a.Text, b.Text) })
	return m.spots
}

// gram is a gram that may be a seed; its size is 0 if it is none.
type gram struct {
	hash uint64
	size uint8
}

// sized gives the fewest of some words, from the first on, that say enough.
func sized(words []word, hashes []uint64) gram {
	sum, g := int(words[0].known), hashes[0]
	for n := 1; n < maxSeed && n < len(words); n++ {
		sum += int(words[n].known)
		if g = ngram.AddWord(g, hashes[n]); sum >= seedBits*unit {
			return gram{g, uint8(n + 1)}
		}
	}
	return gram{}
}

// seeds looks up the seeds that begin with the first so many words.
func (m *Matcher) seeds(whole int) {
	x := m.x
	grams := m.grams[:0]
	for i := range whole {
		grams = append(grams, sized(m.words[i:], m.hashes[i:]))
	}
	// A loop of its own, so that many loads are under way at a time.
	filter, shift := x.filter, x.shift&63
	loaded := m.loaded[:0]
	for _, g := range grams {
		loaded = append(loaded, filter[g.hash>>shift])
	}
	m.grams, m.loaded = grams, loaded
	for i, g := range grams {
		if twoBits(g.hash)&^loaded[i] != 0 || g.size == 0 {
			continue
		}
		first, last := m.words[i], m.words[i+int(g.size)-1]
		if slot := x.find(g.hash); slot.at != 0 && last.at-first.at < seedSpan {
			m.seed(slot.link, int(first.at), first.start, last.end)
		}
	}
}

// seed lets a seed of the document take part in the windows of all texts that hold it.
func (m *Matcher) seed(l link, doc int, start, end uint32) {
	for ; l.at != 0; l = m.x.next[l.at] {
		m.hit(int(l.text), hit{doc: doc, at: l.at, start: start, end: end})
	}
}

func (m *Matcher) hit(text int, h hit) {
	x := m.x
	k := m.where[text]
	if k == 0 {
		if m.used == len(m.open) {
			m.open = append(m.open, state{})
		}
		st := &m.open[m.used]
		m.used++
		k = int32(m.used)
		m.where[text] = k
		*st = state{text: int32(text), window: x.window(text), hits: st.hits[:0], counts: st.counts[:0]}
	}
	st := &m.open[k-1]
	for st.first < len(st.hits) && st.hits[st.first].doc <= h.doc-st.window {
		old := st.hits[st.first]
		st.first++
		for i := old.at; i < old.at+uint32(x.spans[old.at]); i++ {
			weight := int(x.weights[i])
			st.most -= weight
			if st.active {
				c := &st.counts[i-x.starts[text]]
				if *c--; *c == 0 {
					st.found -= weight
				}
			}
		}
	}
	if st.first == len(st.hits) {
		st.hits, st.first, st.active = st.hits[:0], 0, false
	} else if st.first > len(st.hits)/2 && st.first > 32 {
		st.hits = append(st.hits[:0], st.hits[st.first:]...)
		st.first = 0
	}
	st.hits = append(st.hits, h)
	for i := h.at; i < h.at+uint32(x.spans[h.at]); i++ {
		st.most += int(x.weights[i])
	}
	switch {
	case st.active:
		st.count(x, h)
	case st.most >= int(m.bars[text]):
		st.active, st.found = true, 0
		st.counts = append(st.counts[:0], make([]int32, x.Words(text))...)
		for _, old := range st.hits[st.first:] {
			st.count(x, old)
		}
	default:
		return
	}
	if st.found > st.best.Found && st.found >= int(m.bars[text]) {
		st.best = Spot{Text: text, Found: st.found, Start: st.hits[st.first].start}
		for _, o := range st.hits[max(st.first, len(st.hits)-64):] { // those that began last reach furthest
			st.best.End = max(st.best.End, o.end)
		}
	}
}

// count lets a seed of the window be counted in the words that it holds.
func (st *state) count(x *Index, h hit) {
	first := x.starts[st.text]
	for i := h.at; i < h.at+uint32(x.spans[h.at]); i++ {
		c := &st.counts[i-first]
		if *c++; *c == 1 {
			st.found += int(x.weights[i])
		}
	}
}
