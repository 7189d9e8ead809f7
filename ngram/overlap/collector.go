package overlap

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"swab/ngram/exact"
)

// None stands for a part that an item does not have.
const None = -1

// An Item is an item as the matching sees it: the number of each part's text in
// the index of package exact, or None.
type Item struct {
	Bench int // number of its benchmark
	Texts [NumParts]int32
}

// An Index is what the runs come from: texts cut into words, or whatever else is
// counted as words are.
type Index interface {
	Texts() int
	Words(text int) int
	N() int
}

// Items are all items of a run, with the rules that judge them.
type Items struct {
	list   []Item
	rules  [][]Rule // by benchmark
	levels []int    // every n of the rules, rising
	index  Index
	owned  []uint32 // items by text: those of text t are owned[first[t]:first[t+1]]
	first  []uint32
}

// NewItems puts items, rules by benchmark, and the index of the items' texts together.
func NewItems(list []Item, rules [][]Rule, index Index) (*Items, error) {
	s := &Items{list: list, rules: rules, index: index, first: make([]uint32, index.Texts()+1)}
	for _, rs := range rules {
		for _, r := range rs {
			if r.N < index.N() {
				return nil, fmt.Errorf("method %s needs %d-grams; the index is of %d-grams", r.Method.Name, r.N, index.N())
			}
			if i, found := slices.BinarySearch(s.levels, r.N); !found {
				s.levels = slices.Insert(s.levels, i, r.N)
			}
		}
	}
	for _, it := range list {
		for _, t := range it.Texts {
			if t != None {
				s.first[t]++
			}
		}
	}
	sum := uint32(0)
	for t, n := range s.first {
		s.first[t] = sum
		sum += n
	}
	s.owned = make([]uint32, sum)
	fill := slices.Clone(s.first)
	for i, it := range list {
		for _, t := range it.Texts {
			if t != None {
				s.owned[fill[t]] = uint32(i)
				fill[t]++
			}
		}
	}
	return s, nil
}

// Len is the number of items.
func (s *Items) Len() int { return len(s.list) }

// Rules are the rules that judge item i.
func (s *Items) Rules(i int) []Rule { return s.rules[s.list[i].Bench] }

// Layout gives the lengths of item i's parts in words.
func (s *Items) Layout(i int) Layout {
	var l Layout
	for p, t := range s.list[i].Texts {
		if t != None {
			l[p] = s.index.Words(int(t))
		}
	}
	return l
}

// A Layout is the number of words in each part of an item.
type Layout [NumParts]int

// Total is the number of words in the given parts.
func (l Layout) Total(in Parts) int {
	sum := 0
	for p, n := range l {
		if in.Has(Part(p)) {
			sum += n
		}
	}
	return sum
}

// Longest is the number of words in the longest of the given parts.
func (l Layout) Longest(in Parts) int {
	most := 0
	for p, n := range l {
		if in.Has(Part(p)) {
			most = max(most, n)
		}
	}
	return most
}

// offset is where part p begins among all words of the item.
func (l Layout) offset(p Part) int { return l.Total(Parts(1)<<p - 1) }

// A Collector turns the runs of one shard's documents into covers. It belongs to
// one goroutine. Its memory grows with the items seen, not with the documents.
type Collector struct {
	items  *Items
	shard  string
	covers map[uint32]*Cover

	// of the document at hand
	texts   []textState // those touched; what lies behind their number is kept for use again
	touched int
	where   []int32 // text number to 1 + its place in texts
	owners  []uint32
	found   []Found
}

// textState is what the document at hand shows of one text.
type textState struct {
	text    int
	longest int
	seen    [][]uint64 // by level
	covered []int      // by level
	runs    []exact.Run
}

// NewCollector makes a collector.
func (s *Items) NewCollector() *Collector {
	return &Collector{items: s, where: make([]int32, s.index.Texts())}
}

// Reset makes the collector begin with the documents of the named shard. The
// covers of the shard before are no longer the collector's.
func (c *Collector) Reset(shard string) {
	c.shard, c.covers = shard, map[uint32]*Cover{}
	c.drop()
}

// drop forgets the document at hand.
func (c *Collector) drop() {
	for i := range c.texts[:c.touched] {
		c.where[c.texts[i].text] = 0
	}
	c.touched = 0
}

// Add takes a run of the document at hand.
func (c *Collector) Add(r exact.Run) {
	k := c.where[r.Text]
	if k == 0 {
		if c.touched == len(c.texts) {
			c.texts = append(c.texts, textState{seen: make([][]uint64, len(c.items.levels)), covered: make([]int, len(c.items.levels))})
		}
		st := &c.texts[c.touched]
		c.touched++
		k = int32(c.touched)
		c.where[r.Text] = k
		st.text, st.longest, st.runs = r.Text, 0, st.runs[:0]
		size := (c.items.index.Words(r.Text) + 63) / 64
		for l := range st.seen {
			st.seen[l] = append(st.seen[l][:0], make([]uint64, size)...)
		}
	}
	st := &c.texts[k-1]
	st.longest = max(st.longest, r.Words)
	for l, n := range c.items.levels {
		if r.Words >= n {
			setRange(st.seen[l], r.At, r.At+r.Words-n+1)
		}
	}
	st.keep(r)
}

// keep keeps r as a quote unless one that is kept says as much; of too many it
// drops the shortest, of equals the last.
func (st *textState) keep(r exact.Run) {
	for _, k := range st.runs {
		if k.At <= r.At && r.At+r.Words <= k.At+k.Words {
			return
		}
	}
	st.runs = slices.DeleteFunc(st.runs, func(k exact.Run) bool { return r.At <= k.At && k.At+k.Words <= r.At+r.Words })
	st.runs = append(st.runs, r)
	if len(st.runs) > MaxQuotes {
		worst := 0
		for i, k := range st.runs {
			if k.Words <= st.runs[worst].Words {
				worst = i
			}
		}
		st.runs = slices.Delete(st.runs, worst, worst+1)
	}
}

// End closes the document at hand, which stands in the given row, and lets it
// take part in the covers. Id and text are lent.
func (c *Collector) End(row int64, id string, text []byte) {
	if c.touched == 0 {
		return
	}
	c.owners = c.owners[:0]
	for i := range c.texts[:c.touched] {
		st := &c.texts[i]
		for l, n := range c.items.levels {
			st.covered[l], _ = countCovered(st.seen[l], 0, 64*len(st.seen[l]), n)
		}
		c.owners = append(c.owners, c.items.owned[c.items.first[st.text]:c.items.first[st.text+1]]...)
	}
	slices.Sort(c.owners)
	c.owners = slices.Compact(c.owners)
	for _, i := range c.owners {
		c.fold(i, row, id, text)
	}
	c.drop()
}

// fold lets the document take part in the cover of item i.
func (c *Collector) fold(i uint32, row int64, id string, text []byte) {
	item := &c.items.list[i]
	rules := c.items.rules[item.Bench]
	c.found = append(c.found[:0], make([]Found, len(rules))...)
	any := false
	for r, rule := range rules {
		level, _ := slices.BinarySearch(c.items.levels, rule.N)
		f := &c.found[r]
		for p, t := range item.Texts {
			if t == None || c.where[t] == 0 || !rule.Parts.Has(Part(p)) {
				continue
			}
			st := &c.texts[c.where[t]-1]
			if st.longest >= rule.N {
				f.Longest = max(f.Longest, st.longest)
				f.Covered += st.covered[level]
				any = true
			}
		}
	}
	if !any {
		return
	}
	cover := c.covers[i]
	layout := c.items.Layout(int(i))
	if cover == nil {
		cover = &Cover{Tallies: make([]Tally, len(rules))}
		size := (layout.Total(AllParts) + 63) / 64
		for r := range cover.Tallies {
			cover.Tallies[r].Seen = make([]uint64, size)
		}
		c.covers[i] = cover
	}
	for r, rule := range rules {
		f, t := c.found[r], &cover.Tallies[r]
		if f.Longest == 0 {
			continue
		}
		t.Documents++
		t.Longest = max(t.Longest, f.Longest)
		t.Covered = max(t.Covered, f.Covered)
		level, _ := slices.BinarySearch(c.items.levels, rule.N)
		for p, n := range item.Texts {
			if n != None && c.where[n] != 0 && rule.Parts.Has(Part(p)) {
				orAt(t.Seen, c.texts[c.where[n]-1].seen[level], layout.offset(Part(p)))
			}
		}
	}
	s := Sighting{Shard: c.shard, Row: row, ID: id, Found: c.found}
	if cover.wanted(rules, &s) {
		s.ID, s.Found = strings.Clone(id), slices.Clone(c.found)
		for p, n := range item.Texts {
			if n != None && c.where[n] != 0 {
				for _, r := range c.texts[c.where[n]-1].runs {
					s.Quotes = append(s.Quotes, quote(Part(p), r, text))
				}
			}
		}
		slices.SortFunc(s.Quotes, func(a, b Quote) int {
			return cmp.Or(cmp.Compare(a.Part, b.Part), cmp.Compare(a.At, b.At), cmp.Compare(a.Start, b.Start))
		})
		cover.Sightings = append(cover.Sightings, s)
		cover.prune(rules)
	}
}

// orAt ors src into dst, moved up by offset bits. No set bit falls off the end.
func orAt(dst, src []uint64, offset int) {
	w, b := offset/64, uint(offset%64)
	for i, v := range src {
		if v == 0 {
			continue
		}
		dst[w+i] |= v << b
		if high := v >> (64 - b); high != 0 {
			dst[w+i+1] |= high
		}
	}
}

const (
	quoteAround = 100   // bytes shown on either side of a run
	quoteMost   = 16384 // bytes shown in all; a longer run is cut at its end
)

func quote(p Part, r exact.Run, text []byte) Quote {
	from := max(0, int(r.Start)-quoteAround)
	for from < int(r.Start) && !utf8.RuneStart(text[from]) {
		from++
	}
	to := min(len(text), int(r.End)+quoteAround, from+quoteMost)
	for to < len(text) && to > from && !utf8.RuneStart(text[to]) {
		to--
	}
	return Quote{Part: p, At: r.At, Words: r.Words, Start: int64(r.Start), End: int64(r.End), TextStart: int64(from), Text: string(text[from:to])}
}

// Covers gives the covers of all items seen, by rising item number.
func (c *Collector) Covers() iter.Seq2[int, *Cover] {
	return func(yield func(int, *Cover) bool) {
		numbers := make([]uint32, 0, len(c.covers))
		for i := range c.covers {
			numbers = append(numbers, i)
		}
		slices.Sort(numbers)
		for _, i := range numbers {
			if !yield(int(i), c.covers[i]) {
				return
			}
		}
	}
}
