package overlap

import (
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

// findTemplates finds the template grams of every level. Grams with equal hashes
// count as one gram. A first pass counts items by a part of the hash, which never counts
// too few; only grams that reach the threshold there are counted exactly. So the memory it
// takes stays below 128 MiB, however large the benchmark.
func (s *Items) findTemplates(grams func(dst []uint64, text, n int) []uint64) {
	s.templates = make([]map[uint32][]uint64, len(s.levels))
	if grams == nil {
		return
	}
	byN := map[int]map[uint32][]uint64{} // levels of one n share
	for l, level := range s.levels {
		if byN[level.N] == nil {
			byN[level.N] = map[uint32][]uint64{}
			for from := 0; from < len(s.list); {
				to := from
				for to < len(s.list) && s.list[to].Bench == s.list[from].Bench {
					to++
				}
				s.benchTemplate(byN[level.N], from, to, level.N, grams)
				from = to
			}
		}
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

// benchTemplate adds the template of the benchmark whose items are from to to.
func (s *Items) benchTemplate(into map[uint32][]uint64, from, to, n int, grams func([]uint64, int, int) []uint64) {
	least := max(TemplateItems, (to-from+TemplateShare-1)/TemplateShare)
	if to-from < least {
		return
	}
	type counter struct{ items, last uint32 } // last: 1 + the item counted last
	var scratch []uint64
	eachGram := func(visit func(item uint32, text, at int, gram uint64)) {
		for i := from; i < to; i++ {
			for _, t := range s.list[i].Texts {
				if t == item.None || s.index.Words(int(t)) < n {
					continue
				}
				scratch = grams(scratch[:0], int(t), n)
				for k, g := range scratch {
					visit(uint32(i)+1, int(t), k, g)
				}
			}
		}
	}
	size := min(max(bits.Len(uint(s.countGrams(from, to, n)))-1, 10), 24)
	rough, shift, enough := make([]counter, 1<<size), 64-size, false
	roughOf := func(gram uint64) *counter { return &rough[gram*0x9e3779b97f4a7c15>>shift] }
	eachGram(func(item uint32, _, _ int, gram uint64) {
		if c := roughOf(gram); c.last != item {
			c.items, c.last = c.items+1, item
			enough = enough || int(c.items) >= least
		}
	})
	if !enough {
		return
	}
	exactly := map[uint64]counter{}
	eachGram(func(item uint32, _, _ int, gram uint64) {
		if int(roughOf(gram).items) < least {
			return
		}
		if c := exactly[gram]; c.last != item {
			exactly[gram] = counter{c.items + 1, item}
		}
	})
	eachGram(func(_ uint32, text, at int, gram uint64) {
		if int(roughOf(gram).items) < least || int(exactly[gram].items) < least {
			return
		}
		if into[uint32(text)] == nil {
			into[uint32(text)] = make([]uint64, (s.index.Words(text)+63)/64)
		}
		SetGram(into[uint32(text)], at)
	})
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
