package align

import (
	"math"

	"swab/ngram"
	"swab/ngram/item"
)

// Of most places an alignment shows little. What it can show at the most is bounded by what is
// cheap to know. It finds a word of a text only
//
//   - in a seed that the place has, where the word is not a common one,
//   - within reach words of such a word, where the place has it beside one of the words that are
//     beside it in the text, since what is found alone is dropped (extend, dropIsolated),
//   - in a line of the choices that the place has whole, where other words of the choices are in
//     seeds, or half or the end of another part is found (alignOptions),
//   - at the end of a question whose choices are found, beside such a neighbour, or where the
//     place has every word of the question (AlignEnd).
//
// The words of a stretch follow each other in the text, and every stretch of a part but the first
// takes a bit or more, which says where it is. No score falls when more is found, except that of a
// text that begins as the item does, which no text is here. So the score of all words that may be found
// is at least that of the alignment. What is not exact only adds to it: which
// pairs of words a place has is known but for collisions in a table. (A seed that is another's by a
// collision of all 64 bits could be beside what is not counted.)

// A presence says which words and pairs of neighbours a part of a document may have: tables of
// the last place of a hash. Its parts begin in ascending order but for a document that is read
// in pieces twice. What is from an earlier document is before any part of this one.
type presence struct {
	words, pairs [1 << presenceBits]uint32 // numbers of words; of a pair its second word's
	first        uint32                    // word of the part asked for
	begin        uint32                    // number of the document's first word, above 0
	next         uint32                    // of the first word not in the tables
}

const presenceBits = 13

func (p *presence) slot(hash uint64) uint64 { return hash >> (64 - presenceBits) }

// document begins the next document.
func (p *presence) document() {
	if p.begin = max(p.next, 1); p.begin > math.MaxUint32/2 {
		*p = presence{begin: 1}
	}
	p.next = p.begin
}

// part selects the part of the document from word number first on that has some words.
func (p *presence) part(first int, hashes []uint64) {
	p.first = p.begin + uint32(first)
	k := 0
	if p.next > p.first {
		k = int(p.next - p.first)
	}
	if k >= len(hashes) {
		return
	}
	last := hashes[max(k-1, 0)] // the pair of the first word with itself is asked for by none
	for i, h := range hashes[k:] {
		number := p.first + uint32(k+i)
		p.words[p.slot(h)] = number
		p.pairs[p.slot(ngram.AddWord(last, h))] = number
		last = h
	}
	p.next = p.first + uint32(len(hashes))
}

// holds reports whether the part may have a word.
func (p *presence) holds(word uint64) bool { return p.words[p.slot(word)] >= p.first }

// holdsPair reports whether the part may have two words beside each other.
func (p *presence) holdsPair(a, b uint64) bool { return p.pairs[p.slot(ngram.AddWord(a, b))] > p.first }

// A bounder bounds what alignments show of items.
type bounder struct {
	presence
	seeded [item.NumParts][]bool // by word of a text: it is in a seed; empty where none is
	found  []bool                // by word of the text asked for
}

// mayShow reports whether an alignment of item i with the selected words may be recorded, or may
// show enough to flag it.
func (c *Collector) mayShow(i int) bool {
	s, b, n := c.items, &c.bounder, c.aligner
	texts := s.list[i].Texts
	b.part(n.base+n.first, n.hashes)
	b.markSeeds(n, texts)
	var m Match
	behind := false // choices may be found behind something else
	for _, p := range [...]item.Part{item.Context, item.Question, item.Answer} {
		if len(b.seeded[p]) > 0 {
			b.markNear(s.x, int(texts[p]), p)
			f := b.finding(s.x, int(texts[p]))
			m.Found[p], behind = f, behind || f.ends || 2*f.Known >= s.x.Total(int(texts[p])).Known
		}
	}
	if t := texts[item.Choices]; t != item.None && (behind || len(b.seeded[item.Choices]) > 0) {
		b.markNear(s.x, int(t), item.Choices)
		b.markLines(s.x, int(t))
		m.Found[item.Choices] = b.finding(s.x, int(t))
		m.Cut = m.Found[item.Choices].Words > 0
	}
	if t := texts[item.Question]; t != item.None && m.Cut {
		b.markNear(s.x, int(t), item.Question)
		b.markEnd(s.x, int(t))
		m.Found[item.Question] = b.finding(s.x, int(t))
	}
	m.Asks = 2 * max(m.Found[item.Context].Run, m.Found[item.Question].Run)
	m.Whole = true
	for _, p := range [...]item.Part{item.Context, item.Question, item.Choices} {
		m.Joint += m.Found[p].Known + m.Found[p].Cited
		m.Whole = m.Whole && (texts[p] == item.None || m.Found[p].Words == s.x.Words(int(texts[p])))
	}
	e := s.evidence(i, &m)
	if _, strength := e.score(); strength >= reported {
		return true
	}
	asks := e.passage || e.total[item.Question].Known > 0 && e.total[item.Choices].Known > 0
	return asks && e.holdsHalf(item.Context) || e.withNumbers() >= 1
}

// markSeeds marks the words of texts that are in seeds of the selected words.
func (b *bounder) markSeeds(n *Aligner, texts [item.NumParts]int32) {
	x := n.x
	for p := range b.seeded {
		b.seeded[p] = b.seeded[p][:0]
	}
	for _, seed := range n.seeds {
		if int(seed.rare)-n.firstRare+int(seed.size) > len(n.rare) {
			break // it reaches out of the selected words
		}
		for _, l := range x.linksOf(seed.list) {
			for p, t := range texts {
				if int32(l.text) != t {
					continue
				}
				if len(b.seeded[p]) == 0 {
					b.seeded[p] = append(b.seeded[p], make([]bool, x.Words(int(t)))...)
				}
				for at := l.at; at < l.at+uint32(x.spans[l.at]); at++ {
					if x.content(at) {
						b.seeded[p][at-x.starts[t]] = true
					}
				}
			}
		}
	}
}

// markJoined marks the words of text t, from word from up to word to, that the part may have beside
// a neighbour.
func (b *bounder) markJoined(x *Index, t, from, to int) {
	words, hashes := x.words[x.starts[t]:][:x.Words(t)], x.hashes
	if from >= to {
		return
	}
	h := hashes[words[from]]
	before := from > 0 && b.holdsPair(hashes[words[from-1]], h)
	for i := from; i < to; i++ {
		behind := false
		if i+1 < len(words) {
			next := hashes[words[i+1]]
			behind = b.holdsPair(h, next)
			h = next
		}
		if before || behind {
			b.found[i] = true
		}
		before = behind
	}
}

// markNear marks the words of text t, part p, that are in seeds, or within reach of one and joined.
func (b *bounder) markNear(x *Index, t int, p item.Part) {
	seeded, done := b.seeded[p], 0
	if b.found = append(b.found[:0], seeded...); len(seeded) == 0 {
		b.found = append(b.found, make([]bool, x.Words(t))...)
	}
	for i := 0; i < len(seeded); i++ {
		if seeded[i] {
			to := min(i+1+reach, len(seeded))
			b.markJoined(x, t, max(done, i-reach), to)
			done = to
		}
	}
}

// markLines marks also the lines of text t that the part may have whole.
func (b *bounder) markLines(x *Index, t int) {
	first, size := x.starts[t], x.Words(t)
	hash := func(i int) uint64 { return x.hashes[x.words[first+uint32(i)]] }
	for i := 0; i < size; {
		next := i + 1
		holds := true
		for ; next < size && x.kinds[first+uint32(next)]&begins == 0; next++ {
			holds = holds && b.holdsPair(hash(next-1), hash(next))
		}
		if holds && (next > i+1 || b.holds(hash(i))) {
			for k := i; k < next; k++ {
				b.found[k] = true
			}
		}
		i = next
	}
}

// markEnd marks also the words at the end of question t that are joined, or all if the part may
// have every one.
func (b *bounder) markEnd(x *Index, t int) {
	size := x.Words(t)
	b.markJoined(x, t, max(0, size-endReach), size)
	for _, w := range x.words[x.starts[t]:][:size] {
		if size > endReach || !b.holds(x.hashes[w]) {
			return
		}
	}
	for i := range b.found {
		b.found[i] = true
	}
}

// finding sums up the words of text t that are marked. Of each stretch of them but one, a bit says
// where it is.
func (b *bounder) finding(x *Index, t int) (f Finding) {
	first, most := x.starts[t], Info{}
	for i := 0; i < len(b.found); i++ {
		if !b.found[i] {
			continue
		}
		run, begin, info := 0, i, Info{}
		for ; i < len(b.found) && b.found[i]; i++ {
			at := first + uint32(i)
			info = info.plus(x.info(at))
			run += int(x.says[at])
			if x.kinds[at]&cited != 0 {
				f.Cited += int(x.says[at])
			}
		}
		less := Info{min(info.Own, unit), min(info.Known, unit)}
		most = Info{max(most.Own, less.Own), max(most.Known, less.Known)}
		f.Info, f.Loose = f.Info.plus(info), f.Loose.plus(less)
		f.Run, f.Words = max(f.Run, run), f.Words+i-begin
		f.ends = i == len(b.found) && i-begin >= endWords
	}
	f.Loose = Info{f.Loose.Own - most.Own, f.Loose.Known - most.Known}
	return f
}
