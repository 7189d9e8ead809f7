package align

import (
	"cmp"
	"math"
	"slices"

	"swab/ngram"
)

// A Window is the place of a document in which most of a text's information is.
type Window struct {
	Text       int
	Found      int    // own information found there, units
	Start, End uint32 // bytes of the cleaned document, from the first to the last seed
}

// A Matcher compares documents with the texts of an Index. It belongs to one goroutine.
//
// A document is handed over in blocks of words, as a scanner of n-grams cuts it, and
// ended by Windows. Its work is linear in the document: a seed is in a bounded
// number of texts, and each place where it does enters and leaves a text's window once.
type Matcher struct {
	x      *Index
	shapes []ngram.Shape
	known  []uint8 // of the block's words

	// What was read of the document. Of a long one only those words are kept that are not common
	// and begin seeds which may reach into the next block.
	read   reading
	long   bool
	seeded int     // words that are not common whose seeds are known
	ended  reading // the document that ended last
	whole  bool    // all of its words are there

	grams  []gram   // that begin with such words
	loaded []uint64 // memory that was asked for them
	found  []uint32 // those that the filter lets through

	// Most texts of which a document holds a seed have too few of them there for
	// a window. So seeds are only noted and counted at first.
	noted   []note
	marks   []mark   // by text
	touched []uint32 // texts whose seeds are noted
	rest    []note
	any     bool // enough seeds of one are noted

	where   []int32 // by text: 1 + its place in open
	open    []state
	used    int // of open; what lies behind is kept for use again
	windows []Window
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
	width  int
	hits   []hit // those in the window are from first on
	first  int
	most   int     // information of the window's seeds, words counted as often as they come
	counts []int32 // by word of the text: seeds of the window that hold it; in use if active
	active bool
	found  int // information of the window's words, if active
	best   Window
}

// note is a seed of texts in the document.
type note struct {
	list
	rare       uint32 // its first word, among those read that are not common
	doc        uint32 // likewise, among all
	start, end uint32
	size       uint8 // words that are not common
}

// mark says how many seeds of a text are noted, up to 255, and how many are enough.
type mark struct{ count, least uint8 }

// mostNoted is how many seeds are noted before they are taken up or dropped.
const mostNoted = 1 << 14

// hit is a seed of a text in the document.
type hit struct {
	doc        int // word
	at         uint32
	start, end uint32
}

// leastFound is the share of the own information of a text's seeds that a place must
// hold to be reported.
const leastFound = 0.15

// NewMatcher makes a matcher.
func (x *Index) NewMatcher() *Matcher {
	m := &Matcher{x: x, where: make([]int32, x.Texts()), marks: make([]mark, x.Texts())}
	for t, least := range x.least {
		m.marks[t].least = least
	}
	return m
}

// Block takes the next words of the document.
func (m *Matcher) Block(s *ngram.Scanner) {
	m.shapes = s.AppendShapes(m.shapes[:0])
	m.known = m.x.appendKnown(m.known[:0], s.Hashes(), m.shapes)
	base, skip := s.Base(), 0
	if base > 0 {
		skip = s.N() - 1 // words that were in the block before
	}
	r := &m.read
	if !m.long {
		r.hashes, r.spans = append(r.hashes, s.Hashes()[skip:]...), s.AppendSpans(r.spans, skip)
	}
	hashes, kept := s.Hashes(), len(r.rare)
	r.rare = slices.Grow(r.rare, len(hashes))[:kept+len(hashes)]
	r.rares = slices.Grow(r.rares, len(hashes))[:kept+len(hashes)]
	rare, rares := r.rare, r.rares[:len(r.rare)]
	known := m.known[:len(hashes)]
	for i := skip; i < len(hashes); i++ { // without a branch that half of all words take
		k := known[i]
		rare[kept] = word{uint32(base + i), s.Start(i), s.End(i), k}
		rares[kept] = hashes[i]
		kept += int(uint32(uncommon-1-int32(k)) >> 31)
	}
	r.rare, r.rares = rare[:kept], rares[:kept]
	m.seeds(max(m.seeded, kept-(maxSeed-1)))
	if m.long = m.long || len(r.hashes) > mostRead; m.long {
		r.rare, r.rares = slices.Delete(r.rare, 0, m.seeded), slices.Delete(r.rares, 0, m.seeded)
		m.seeded = 0
	}
}

// mostRead is about how many words of a document are kept at the most.
const mostRead = 1 << 19

// Windows ends the document, and returns the best place of each text of which enough was
// found, by rising text. They are valid until the next document ends.
func (m *Matcher) Windows() []Window {
	m.seeds(len(m.read.rare))
	m.ended, m.whole = m.read, !m.long
	m.ended.seeds = m.noted
	m.read.clear()
	m.seeded, m.long = 0, false
	if m.any || m.used > 0 {
		m.apply(0, nil)
	}
	m.forget()
	m.windows = m.windows[:0]
	for i := range m.open[:m.used] {
		st := &m.open[i]
		m.where[st.text] = 0
		if st.best.Found > 0 {
			m.windows = append(m.windows, st.best)
		}
	}
	m.used = 0
	slices.SortFunc(m.windows, func(a, b Window) int { return cmp.Compare(a.Text, b.Text) })
	return m.windows
}

// gram is a gram that may be a seed; its size is 0 if it is none.
type gram struct {
	hash uint64
	size uint8
}

// sized returns the fewest of some words, from the first on, that say enough.
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

// sizedOf is sized where there are more words than any seed has, of which maxSeed always
// say enough. It has no branch: which size it will be is anyone's guess.
func sizedOf(words *[maxSeed]word, hashes *[maxSeed]uint64) gram {
	const enough = seedBits * unit
	two := int64(words[0].known) + int64(words[1].known)
	three := two + int64(words[2].known)
	four := three + int64(words[3].known)
	less2, less3, less4 := uint64((two-enough)>>63), uint64((three-enough)>>63), uint64((four-enough)>>63)
	g2 := ngram.AddWord(hashes[0], hashes[1])
	g3 := ngram.AddWord(g2, hashes[2])
	g4 := ngram.AddWord(g3, hashes[3])
	g5 := ngram.AddWord(g4, hashes[4])
	return gram{g2&^less2 | g3&(less2&^less3) | g4&(less3&^less4) | g5&less4, uint8(2 - less2 - less3 - less4)}
}

// seeds looks up the seeds that begin with the first whole words that are not common.
func (m *Matcher) seeds(whole int) {
	done := m.seeded
	if whole <= done {
		return
	}
	m.seeded = whole
	x, words, hashes := m.x, m.read.rare[done:], m.read.rares[done:]
	whole -= done
	if cap(m.found) <= whole {
		m.grams, m.loaded, m.found = make([]gram, 2*whole), make([]uint64, 2*whole), make([]uint32, 2*whole+1)
	}
	grams, loaded, found := m.grams[:whole], m.loaded[:whole], m.found[:whole+1]
	safe := min(whole, max(len(words)-(maxSeed-1), 0))
	for i := range safe {
		grams[i] = sizedOf((*[maxSeed]word)(words[i:]), (*[maxSeed]uint64)(hashes[i:]))
	}
	for i := safe; i < whole; i++ {
		grams[i] = sized(words[i:], hashes[i:])
	}
	// Loops of their own, so that loads are under way together and no branch waits
	// for one: of the filter, of the table, of the links.
	filter, shift := x.filter, x.shift&63
	for i, g := range grams {
		loaded[i] = filter[g.hash>>shift]
	}
	count := 0
	for i, g := range grams {
		found[count] = uint32(i)
		lacks := twoBits(g.hash) &^ loaded[i]
		count += int((lacks|-lacks)>>63 ^ 1)
	}
	found = found[:count]
	for k, i := range found {
		loaded[k] = x.slots[x.slot(grams[i].hash)].hash
	}
	first := len(m.noted)
	for k, i := range found {
		g := grams[i]
		if g.size == 0 {
			continue
		}
		slot := &x.slots[x.slot(g.hash)]
		if loaded[k] != g.hash {
			slot = x.find(g.hash)
		}
		first, last := &words[i], &words[int(i)+int(g.size)-1]
		if slot.size > 0 && last.at-first.at < seedSpan {
			m.noted = append(m.noted, note{slot.list, uint32(done) + i, first.at, first.start, last.end, g.size})
		}
	}
	for k, n := range m.noted[first:] {
		loaded[k] = uint64(x.links[n.from].text)
	}
	for _, n := range m.noted[first:] {
		m.countNote(n.list)
	}
	if len(m.noted) >= mostNoted {
		m.makeRoom()
	}
}

// countNote counts a noted seed for all texts that hold it.
func (m *Matcher) countNote(l list) {
	for _, l := range m.x.linksOf(l) {
		k := &m.marks[l.text]
		if k.count == 0 {
			m.touched = append(m.touched, l.text)
		}
		if k.count < math.MaxUint8 {
			k.count++
		}
		m.any = m.any || k.count >= k.least
	}
}

// forget drops what is noted.
func (m *Matcher) forget() {
	for _, t := range m.touched {
		m.marks[t].count = 0
	}
	m.noted, m.touched, m.any = m.noted[:0], m.touched[:0], false
}

// apply adds the noted seeds to the windows of those texts that have enough of
// them, or had before, and appends the others to rest that may be in a window with a seed
// at word doc or behind it; doc 0 is the end.
func (m *Matcher) apply(doc uint32, rest []note) []note {
	for _, n := range m.noted {
		for i, l := range m.x.linksOf(n.list) {
			t := int(l.text)
			if k := m.marks[t]; k.count >= k.least || m.where[t] != 0 {
				m.addHit(t, hit{doc: int(n.doc), at: l.at, start: n.start, end: n.end})
			} else if doc > 0 && int(n.doc) > int(doc)-m.x.windowSize(t) {
				n := n
				n.list = list{n.from + uint32(i), 1}
				rest = append(rest, n)
			}
		}
	}
	return rest
}

// makeRoom makes room for notes in a long document.
func (m *Matcher) makeRoom() {
	m.long = true
	m.rest = m.apply(m.noted[len(m.noted)-1].doc, m.rest[:0])
	m.forget()
	if len(m.rest) > mostNoted/2 {
		for _, n := range m.rest {
			l := m.x.links[n.from]
			m.addHit(int(l.text), hit{doc: int(n.doc), at: l.at, start: n.start, end: n.end})
		}
		return
	}
	for _, n := range m.rest {
		m.noted = append(m.noted, n)
		m.countNote(n.list)
	}
}

// addHit adds a seed of the document to the window of a text.
func (m *Matcher) addHit(text int, h hit) {
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
		*st = state{text: int32(text), width: x.windowSize(text), hits: st.hits[:0], counts: st.counts[:0]}
	}
	st := &m.open[k-1]
	for st.first < len(st.hits) && st.hits[st.first].doc <= h.doc-st.width {
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
	case st.most < int(x.bars[text]):
		return
	case st.first+1 == len(st.hits): // its words are not in any other seed of the window
		st.found = st.most
	default:
		st.active, st.found = true, 0
		st.counts = append(st.counts[:0], make([]int32, x.Words(text))...)
		for _, old := range st.hits[st.first:] {
			st.count(x, old)
		}
	}
	if st.found > st.best.Found && st.found >= int(x.bars[text]) {
		st.best = Window{Text: text, Found: st.found, Start: st.hits[st.first].start}
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
