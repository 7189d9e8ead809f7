package overlap

import (
	"math"
	"math/bits"
	"slices"

	"swab/ngram/item"
)

// A template n-gram occurs in at least TemplateItems items of a benchmark and in at least
// one in TemplateShare of them: it is the frame around the benchmark's items. A text in
// several benchmarks has the template of all of them.
const (
	TemplateItems = 5
	TemplateShare = 100
)

// findTemplates finds the template grams of every level. Grams with equal hashes count as one
// gram. Every part of a template gram is in as many items, so short grams are counted first, and
// only grams of frequent ones are counted at all; of these a first pass counts items by a part of
// the hash, which never counts too few, and only grams that reach the threshold there are counted
// exactly. So the memory it takes stays below 128 MiB, however large the benchmark.
func (s *Items) findTemplates(grams func(dst []uint64, text, n int) []uint64) {
	s.templates = make([]map[uint32][]uint64, len(s.levels))
	if grams == nil {
		return
	}
	byN := map[int]map[uint32][]uint64{} // levels of one n share
	shortest := math.MaxInt
	for _, level := range s.levels {
		byN[level.N], shortest = map[uint32][]uint64{}, min(shortest, level.N)
	}
	for from := 0; from < len(s.list); {
		to := from
		for to < len(s.list) && s.list[to].Bench == s.list[from].Bench {
			to++
		}
		b := benchTemplate{s: s, from: from, to: to, grams: grams}
		b.findStretches(shortest)
		for n, into := range byN {
			b.find(into, n)
		}
		from = to
	}
	for l, level := range s.levels {
		if s.templates[l] = byN[level.N]; !level.Extend {
			continue
		}
		s.templates[l] = map[uint32][]uint64{} // the words in template grams
		for t, set := range byN[level.N] {
			words := make([]uint64, len(set))
			for i := range s.index.Words(int(t)) {
				if set[i/64]>>(i%64)&1 == 1 {
					setRange(words, i, i+level.N)
				}
			}
			s.templates[l][t] = words
		}
	}
}

// benchTemplate finds the template grams of the benchmark whose items are from to to.
type benchTemplate struct {
	s         *Items
	from, to  int
	grams     func(dst []uint64, text, n int) []uint64
	stretches []frequent // in the order of the items
}

// A frequent stretch is words of a text of which all short grams are in as many items as a template gram.
type frequent struct {
	number    uint32 // 1 + the item
	text      int32
	at, words uint32
}

// threshold returns in how many items a template gram is at the least.
func (b *benchTemplate) threshold() int {
	return max(TemplateItems, (b.to-b.from+TemplateShare-1)/TemplateShare)
}

// eachText visits the texts of all items that have n words or more, with 1 + the item.
func (b *benchTemplate) eachText(n int, visit func(number uint32, text int)) {
	for i := b.from; i < b.to; i++ {
		for _, t := range b.s.list[i].Texts {
			if t != item.None && b.s.index.Words(int(t)) >= n {
				visit(uint32(i)+1, int(t))
			}
		}
	}
}

// findStretches finds the stretches of n words and more.
func (b *benchTemplate) findStretches(n int) {
	least := b.threshold()
	if b.to-b.from < least {
		return
	}
	part, size := max(1, n/10), 16
	if part > 1 { // there are more than words
		size = bits.Len(uint(b.s.countGrams(b.from, b.to, part))) - 1
	}
	var scratch []uint64
	parts := newItemCount(size)
	b.eachText(n, func(number uint32, text int) {
		scratch = b.grams(scratch[:0], text, part)
		for _, g := range scratch {
			parts.add(g, number)
		}
	})
	b.eachText(n, func(number uint32, text int) {
		scratch = b.grams(scratch[:0], text, part)
		first := 0
		for k := 0; k <= len(scratch); k++ {
			if k < len(scratch) && parts.count(scratch[k]) >= least {
				continue
			}
			if words := k + part - 1 - first; words >= n {
				b.stretches = append(b.stretches, frequent{number, int32(text), uint32(first), uint32(words)})
			}
			first = k + 1
		}
	})
}

// eachGram visits the n-grams of the stretches.
func (b *benchTemplate) eachGram(n int, visit func(number uint32, text, at int, gram uint64)) {
	var grams []uint64
	of := int32(item.None)
	for _, s := range b.stretches {
		if int(s.words) < n {
			continue
		}
		if s.text != of {
			grams, of = b.grams(grams[:0], int(s.text), n), s.text
		}
		for at := int(s.at); at+n <= int(s.at+s.words); at++ {
			visit(s.number, int(s.text), at, grams[at])
		}
	}
}

// find adds the template n-grams.
func (b *benchTemplate) find(into map[uint32][]uint64, n int) {
	least, candidates := b.threshold(), 0
	for _, s := range b.stretches {
		candidates += max(0, int(s.words)-n+1)
	}
	if candidates < least {
		return
	}
	rough := newItemCount(bits.Len(uint(candidates)))
	enough := false
	b.eachGram(n, func(number uint32, _, _ int, gram uint64) {
		enough = rough.add(gram, number) >= least || enough
	})
	if !enough {
		return
	}
	exactly := map[uint64]itemCounter{}
	b.eachGram(n, func(number uint32, _, _ int, gram uint64) {
		if rough.count(gram) < least {
			return
		}
		if c := exactly[gram]; c.last != number {
			exactly[gram] = itemCounter{c.items + 1, number}
		}
	})
	b.eachGram(n, func(_ uint32, text, at int, gram uint64) {
		if rough.count(gram) < least || int(exactly[gram].items) < least {
			return
		}
		if into[uint32(text)] == nil {
			into[uint32(text)] = make([]uint64, (b.s.index.Words(text)+63)/64)
		}
		SetGram(into[uint32(text)], at)
	})
}

// itemCounter counts items, by the number of the one counted last.
type itemCounter struct{ items, last uint32 }

// itemCount counts the items that hold a gram, by a part of its hash: at least as many as do.
type itemCount struct {
	counters []itemCounter
	shift    int
}

// newItemCount returns counters of about two to the power of size hashes, within bounds.
func newItemCount(size int) itemCount {
	size = min(max(size, 10), 24)
	return itemCount{make([]itemCounter, 1<<size), 64 - size}
}

func (c *itemCount) at(gram uint64) *itemCounter {
	return &c.counters[gram*0x9e3779b97f4a7c15>>c.shift]
}

// count returns the count of a gram.
func (c *itemCount) count(gram uint64) int { return int(c.at(gram).items) }

// add counts an item that has the gram, and returns the gram's count.
func (c *itemCount) add(gram uint64, number uint32) int {
	count := c.at(gram)
	if count.last != number {
		count.items, count.last = count.items+1, number
	}
	return int(count.items)
}

// countGrams counts the n-grams of items from to to.
func (s *Items) countGrams(from, to, n int) (all int) {
	for _, it := range s.list[from:to] {
		for _, t := range it.Texts {
			if t != item.None {
				all += max(0, s.index.Words(int(t))-n+1)
			}
		}
	}
	return all
}

// ignoredGrams returns the grams of a text that do not count on a level, or nil when all
// do.
func (s *Items) ignoredGrams(level, text int) []uint64 {
	if !s.ignore {
		return nil
	}
	return s.templates[level][uint32(text)]
}

// templateGrams returns the template grams of an item on a level, as in Tally.Seen, or nil.
func (s *Items) templateGrams(i, level int) (set []uint64) {
	layout := s.Layout(i)
	for p, t := range s.list[i].Texts {
		if t == item.None || s.templates[level][uint32(t)] == nil {
			continue
		}
		if set == nil {
			set = make([]uint64, (layout.Total(item.AllParts)+63)/64)
		}
		orAt(set, s.templates[level][uint32(t)], layout.offset(item.Part(p)))
	}
	return set
}

// appendWithout appends the bits of a that are not in b to dst.
func appendWithout(dst, a, b []uint64) []uint64 {
	for i, w := range a {
		dst = append(dst, w&^b[i])
	}
	return dst
}

func hasBit(set []uint64) bool {
	return slices.ContainsFunc(set, func(w uint64) bool { return w != 0 })
}
