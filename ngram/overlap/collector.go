package overlap

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"math/bits"
	"slices"
	"strings"

	"swab/ngram"
	"swab/ngram/exact"
	"swab/ngram/item"
)

// An Index has the texts that runs refer to, cut into words or characters.
type Index interface {
	Texts() int
	Words(text int) int
	N() int
	NewReader() exact.Reader
}

// Items are all items of a run, with the rules that judge them.
type Items struct {
	list   []item.Item
	rules  [][]Rule // by benchmark
	views  [][]view // by benchmark
	levels []Level  // of all views
	quoted []Level  // by benchmark: the shortest runs that any of its rules needs
	index  Index
	owned  []uint32 // items by text: those of text t are owned[first[t]:first[t+1]]
	first  []uint32

	windows   func(item int) []uint32
	templates []map[uint32][]uint64 // by level and text: a bit for each template gram
	ignore    bool                  // template grams do not count
	counted   []bool                // by level: occurrences of grams are counted
	stretches []bool                // by level: a view needs the distance between input and answer
	allowance int
}

// Options of NewItems.
type Options struct {
	// Windows returns where the windows of an item begin, for rules over windows.
	Windows func(item int) []uint32
	// Grams appends the hashes of the n-grams of a text, for finding the template. With
	// nil there is no template.
	Grams          func(dst []uint64, text, n int) []uint64
	IgnoreTemplate bool // template n-grams do not count
}

// NewItems combines items, rules by benchmark, and the index of the items' texts.
func NewItems(list []item.Item, rules [][]Rule, index Index, o Options) (*Items, error) {
	s := &Items{
		list: list, rules: rules, index: index, first: make([]uint32, index.Texts()+1),
		windows: o.Windows, ignore: o.IgnoreTemplate,
	}
	for k := range rules {
		if err := s.addViews(rules[k], o); err != nil {
			return nil, err
		}
	}
	s.allowance = s.findAllowance()
	s.indexOwners()
	s.findTemplates(o.Grams)
	return s, nil
}

// addViews adds a benchmark whose items are judged by rs: their views and levels, each
// distinct one once.
func (s *Items) addViews(rs []Rule, o Options) error {
	var views []view
	shortest := Level{N: math.MaxInt}
	_, walks := s.index.(interface{ NewWalker() *exact.Walker })
	for k, r := range rs {
		if r.N < s.index.N() {
			return fmt.Errorf("method %s needs %d-grams; the index has %d-grams", r.Method.Name, r.N, s.index.N())
		}
		if r.Level.Extend && !walks || r.windows && o.Windows == nil {
			return fmt.Errorf("method %s does not work with this kind of index", r.Method.Name)
		}
		shortest.N = min(shortest.N, r.N)
		if s := r.Level.Short; s > 0 && (shortest.Short == 0 || s < shortest.Short) {
			shortest.Short = s
		}
		v := r.view
		if v.level = slices.Index(s.levels, r.Level); v.level < 0 {
			v.level = len(s.levels)
			s.levels = append(s.levels, r.Level)
			s.counted, s.stretches = append(s.counted, false), append(s.stretches, false)
		}
		s.counted[v.level] = s.counted[v.level] || v.counts == occurrences
		s.stretches[v.level] = s.stretches[v.level] || v.parts.Has(item.Answer) && v.parts&^item.PartsOf(item.Answer) != 0
		if rs[k].at = slices.Index(views, v); rs[k].at < 0 {
			rs[k].at = len(views)
			views = append(views, v)
		}
	}
	s.views, s.quoted = append(s.views, views), append(s.quoted, shortest)
	return nil
}

// quoteWords returns how many words a run must have to be quoted, in a part of the given
// words: a run that only another benchmark's rules need is not.
func (s *Items) quoteWords(bench, words int) int {
	least := s.quoted[bench].gramWords(words)
	if _, walks := s.index.(interface{ NewWalker() *exact.Walker }); walks && least == 0 {
		return math.MaxInt
	}
	return least
}

// indexOwners fills owned and first.
func (s *Items) indexOwners() {
	for _, it := range s.list {
		for _, t := range it.Texts {
			if t != item.None {
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
	for i, it := range s.list {
		for _, t := range it.Texts {
			if t != item.None {
				s.owned[fill[t]] = uint32(i)
				fill[t]++
			}
		}
	}
}

// Merge adds d to c, both covers of item i by disjoint sets of documents. It does not
// change d, but c shares memory with it afterwards.
func (s *Items) Merge(i int, c, d *Cover) { c.merge(s.views[s.list[i].Bench], d) }

// Len is the number of items.
func (s *Items) Len() int { return len(s.list) }

// Rules returns the rules of item i's benchmark.
func (s *Items) Rules(i int) []Rule { return s.rules[s.list[i].Bench] }

// Layout returns the lengths of item i's parts in words.
func (s *Items) Layout(i int) Layout {
	var l Layout
	for p, t := range s.list[i].Texts {
		if t != item.None {
			l[p] = s.index.Words(int(t))
		}
	}
	return l
}

// A Layout is the number of words in each part of an item.
type Layout [item.NumParts]int

// Total is the number of words in the given parts.
func (l Layout) Total(in item.Parts) int {
	sum := 0
	for p, n := range l {
		if in.Has(item.Part(p)) {
			sum += n
		}
	}
	return sum
}

// Longest is the number of words in the longest of the given parts.
func (l Layout) Longest(in item.Parts) int {
	longest := 0
	for p, n := range l {
		if in.Has(item.Part(p)) {
			longest = max(longest, n)
		}
	}
	return longest
}

// offset returns the first word of part p among all words of the item.
func (l Layout) offset(p item.Part) int { return l.Total(item.Parts(1)<<p - 1) }

// A Collector turns the runs of one shard's documents into covers. It belongs to
// one goroutine. Its memory grows with the items seen, not with the documents. For each
// document, call
//
//	c.Begin(text)
//	c.Add(run) // for every run
//	c.End(row, id, text)
//
// Where the matcher did not visit every run, c.AddRepetitive(text) comes before c.End, or
// c.PutOff(row, id, text) in place of it.
type Collector struct {
	// Stopped reports that a repetitive document is to be left unfinished; nil: it never is.
	Stopped func() bool

	items  *Items
	walker Walker
	again  *repetitive // or nil
	crowd  *crowd      // or nil
	shard  string
	covers []tracked // of the items found
	number []int32   // by item: 1 + the number of its cover; 0: it was not found

	// state of the current document
	texts   []textState // the first touched are in use; the rest is kept for reuse
	touched int
	where   []int32 // text number to 1 + its index in texts
	owners  []uint32
	found   []Found
	best    []float64
	gaps    []int
	quotes  []exact.Run
	scratch []uint64
}

// tracked is the cover of an item.
type tracked struct {
	*Cover
	item    uint32
	weakest []int32 // as of the cover
}

// textState is what the current document has of one text.
type textState struct {
	text   int
	levels []levelState
	runs   []exact.Run // none includes another's words of the text; by rising first word
}

// levelState is what the current document has of one text on one level.
type levelState struct {
	gram      int // words that a run must have; 0: none counts
	found     bool
	longest   int // without what is left out as template
	covered   int
	seen      []uint64
	counts    []uint16  // occurrences of each gram
	stretches []stretch // bytes of the runs
}

// NewCollector returns a collector; call Reset before the first document.
func (s *Items) NewCollector() *Collector {
	c := &Collector{items: s, where: make([]int32, s.index.Texts()), number: make([]int32, len(s.list))}
	if slices.ContainsFunc(s.levels, func(l Level) bool { return l.Extend }) {
		c.walker = s.index.(interface{ NewWalker() *exact.Walker }).NewWalker()
	}
	return c
}

// Reset begins the named shard, with no covers. Those of the shard before belong to the
// caller.
func (c *Collector) Reset(shard string) {
	for _, t := range c.covers {
		c.number[t.item] = 0
	}
	clear(c.covers)
	c.shard, c.covers = shard, c.covers[:0]
	c.forget()
	if c.crowd != nil {
		c.crowd.forget()
	}
}

// forget clears the state of the current document.
func (c *Collector) forget() {
	for i := range c.texts[:c.touched] {
		c.where[c.texts[i].text] = 0
	}
	c.touched = 0
}

// Begin begins a document. The text is lent until End.
func (c *Collector) Begin(text []byte) {
	if c.walker != nil {
		c.walker.Begin(text)
	}
}

// touchText returns the state of a text in the current document, cleared at first use.
func (c *Collector) touchText(text int) *textState {
	if k := c.where[text]; k != 0 {
		return &c.texts[k-1]
	}
	if c.touched == len(c.texts) {
		c.texts = append(c.texts, textState{levels: make([]levelState, len(c.items.levels))})
	}
	st := &c.texts[c.touched]
	c.touched++
	c.where[text] = int32(c.touched)
	st.text, st.runs = text, st.runs[:0]
	words := c.items.index.Words(text)
	for l := range st.levels {
		ls := &st.levels[l]
		ls.gram = c.items.levels[l].gramWords(words)
		ls.found, ls.longest, ls.stretches = false, 0, ls.stretches[:0]
		ls.seen = zeroed(ls.seen, (words+63)/64)
		if c.items.counted[l] {
			ls.counts = zeroed(ls.counts, words)
		}
	}
	return st
}

// zeroed returns n zeros, in the memory of s if it is large enough.
func zeroed[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// Add adds a run of the current document.
func (c *Collector) Add(r exact.Run) {
	st := c.touchText(r.Text)
	for l := range st.levels {
		ls := &st.levels[l]
		if ls.gram == 0 || r.Words < ls.gram {
			continue
		}
		if c.items.levels[l].Extend {
			c.extend(ls, l, r)
			continue
		}
		c.addRun(ls, l, r)
		if c.items.counted[l] {
			for i := range r.Words - ls.gram + 1 {
				addCount(&ls.counts[r.At+i], 1)
			}
		}
	}
	st.keepQuote(r)
}

// addRun adds a run to a level that does not extend it, but for the counts.
func (c *Collector) addRun(ls *levelState, l int, r exact.Run) {
	ls.found = true
	if c.items.stretches[l] {
		ls.stretches = addStretch(ls.stretches, r.Start, r.End)
	}
	from, to := r.At, r.At+r.Words-ls.gram+1
	setRange(ls.seen, from, to)
	template := c.items.ignoredGrams(l, r.Text)
	if template == nil {
		ls.longest = max(ls.longest, r.Words)
		return
	}
	run := 0
	for i := from; i < to; i++ {
		if run++; template[i/64]>>(i%64)&1 == 1 {
			run = 0
		} else {
			ls.longest = max(ls.longest, run+ls.gram-1)
		}
	}
}

// extend extends a run to the right and adds it to the level if it is then long enough.
func (c *Collector) extend(ls *levelState, l int, r exact.Run) {
	level := c.items.levels[l]
	at, last, skipped := r.At+r.Words, r.At+r.Words, 0
	c.gaps = c.gaps[:0]
	if level.Skip > 0 {
		c.walker.Walk(r, func(same bool) bool {
			if at++; same {
				last = at
				return true
			}
			skipped++
			c.gaps = append(c.gaps, at-1)
			return skipped <= level.Skip
		})
	}
	if ls.addExtended(level, r.At, last, c.gaps) && c.items.stretches[l] {
		ls.stretches = addStretch(ls.stretches, r.Start, r.End)
	}
}

// addExtended adds a run that was extended, from word at to word last of the text, over the
// words gaps, if it is long enough, which it reports. Gaps may go on behind last.
func (ls *levelState) addExtended(level Level, at, last int, gaps []int) bool {
	if last-at < level.Least {
		return false
	}
	ls.found, ls.longest = true, max(ls.longest, last-at)
	if !level.Gaps {
		for _, gap := range gaps {
			if gap >= last {
				break
			}
			setRange(ls.seen, at, gap)
			at = gap + 1
		}
	}
	setRange(ls.seen, at, last)
	return true
}

// keepQuote keeps r as a quote unless a kept run includes it.
func (st *textState) keepQuote(r exact.Run) {
	ends := r.At + r.Words
	i, _ := slices.BinarySearchFunc(st.runs, r.At, func(k exact.Run, at int) int {
		return cmp.Or(cmp.Compare(k.At, at), -1)
	})
	// Those before i begin with r or before it; ends rise as firsts do.
	from := i
	if i > 0 {
		switch k := st.runs[i-1]; {
		case k.At+k.Words >= ends:
			return
		case k.At == r.At:
			from--
		}
	}
	for i < len(st.runs) && st.runs[i].At+st.runs[i].Words <= ends {
		i++
	}
	st.runs = slices.Replace(st.runs, from, i, r)
}

// appendQuotes appends the longest quotes of least words or more, up to MaxQuotes; of
// equals, those that the document has first.
func (st *textState) appendQuotes(dst []exact.Run, least int) []exact.Run {
	first := len(dst)
	for _, r := range st.runs {
		if r.Words < least {
			continue
		}
		at, _ := slices.BinarySearchFunc(dst[first:], r, func(a, b exact.Run) int {
			return cmp.Or(cmp.Compare(b.Words, a.Words), cmp.Compare(a.Doc, b.Doc), cmp.Compare(b.At, a.At))
		})
		if at == MaxQuotes {
			continue
		}
		if dst = slices.Insert(dst, first+at, r); len(dst)-first > MaxQuotes {
			dst = dst[:first+MaxQuotes]
		}
	}
	return dst
}

// End ends the current document, which is in the given row, and adds it to the covers.
// The id and the text are lent.
func (c *Collector) End(row int64, id string, text []byte) {
	if c.touched == 0 {
		return
	}
	c.measureTexts()
	c.owners = c.owners[:0]
	for i := range c.texts[:c.touched] {
		text := c.texts[i].text
		c.owners = append(c.owners, c.items.owned[c.items.first[text]:c.items.first[text+1]]...)
	}
	slices.Sort(c.owners)
	c.owners = slices.Compact(c.owners)
	for _, i := range c.owners {
		c.addToCover(i, row, id, text)
	}
	c.forget()
}

// measureTexts counts the words that are covered of each text of the current document.
func (c *Collector) measureTexts() {
	for i := range c.texts[:c.touched] {
		st := &c.texts[i]
		for l := range st.levels {
			ls := &st.levels[l]
			if ls.covered = 0; !ls.found {
				continue
			}
			seen := ls.seen
			if template := c.items.ignoredGrams(l, st.text); template != nil {
				c.scratch = appendWithout(c.scratch[:0], seen, template)
				seen = c.scratch
				if c.items.levels[l].Extend && !hasBit(seen) {
					ls.longest = 0
				}
			}
			ls.covered, _ = countCovered(seen, 0, 64*len(seen), c.items.levels[l].unitWords(c.items.index.Words(st.text)))
		}
	}
}

// levelState returns what the current document has of a text on a level, or nil.
func (c *Collector) levelState(text int32, level int) *levelState {
	if text == item.None || c.where[text] == 0 {
		return nil
	}
	if ls := &c.texts[c.where[text]-1].levels[level]; ls.found {
		return ls
	}
	return nil
}

// addToCover adds the current document to the cover of item i.
func (c *Collector) addToCover(i uint32, row int64, id string, text []byte) {
	it := &c.items.list[i]
	views := c.items.views[it.Bench]
	layout := c.items.Layout(int(i))
	if !c.measure(i, layout) {
		return
	}
	cover := c.coverOf(i, views, layout)
	seen := false
	for v, view := range views {
		f, t := c.found[v], &cover.Tallies[v]
		if f.Longest > 0 {
			seen = true
			t.Documents++
			t.Longest = max(t.Longest, f.Longest)
			t.Covered = max(t.Covered, f.Covered)
			if view.mean {
				t.Best = max(t.Best, c.best[v])
			}
		}
		c.addParts(t, view, layout, int(i))
	}
	if seen {
		c.addEvidence(i, row, id, text)
	}
}

// coverOf returns the cover of item i.
func (c *Collector) coverOf(i uint32, views []view, layout Layout) *tracked {
	if c.number[i] == 0 {
		c.covers = append(c.covers, tracked{Cover: newCover(views, layout.Total(item.AllParts)), item: i})
		c.number[i] = int32(len(c.covers))
	}
	return &c.covers[c.number[i]-1]
}

// addEvidence adds the current document, which has what c.found says of item i, to the
// item's evidence if it is strong enough.
func (c *Collector) addEvidence(i uint32, row int64, id string, text []byte) {
	it, layout := &c.items.list[i], c.items.Layout(int(i))
	cover, views := &c.covers[c.number[i]-1], c.items.views[it.Bench]
	e := Evidence{Shard: c.shard, Row: row, ID: id, Found: c.found}
	if !cover.keeps(views, &e) {
		return
	}
	e.ID, e.Found = strings.Clone(id), slices.Clone(c.found)
	for p, n := range it.Texts {
		if n == item.None || c.where[n] == 0 {
			continue
		}
		c.quotes = c.texts[c.where[n]-1].appendQuotes(c.quotes[:0], c.items.quoteWords(it.Bench, layout[p]))
		for _, r := range c.quotes {
			e.Quotes = append(e.Quotes, newQuote(item.Part(p), r, text))
		}
	}
	slices.SortFunc(e.Quotes, func(a, b Quote) int {
		return cmp.Or(cmp.Compare(a.Part, b.Part), cmp.Compare(a.At, b.At), cmp.Compare(a.Start, b.Start))
	})
	cover.Evidence = append(cover.Evidence, e)
	cover.prune(views)
	cover.weakest = cover.Cover.weakest(views)
}

// measure fills found and best with what the current document has of item i, by view. It
// reports whether any view has something, if only what does not count, as template.
func (c *Collector) measure(i uint32, layout Layout) (anything bool) {
	it := &c.items.list[i]
	views := c.items.views[it.Bench]
	c.found = zeroed(c.found, len(views))
	c.best = zeroed(c.best, len(views))
	for v, view := range views {
		f := &c.found[v]
		parts := 0
		for p, t := range it.Texts {
			if !view.parts.Has(item.Part(p)) || layout[p] == 0 {
				continue
			}
			parts++
			ls := c.levelState(t, view.level)
			if ls == nil || view.windows && !c.hitsWindow(int(i), ls) {
				continue
			}
			anything = true
			if ls.longest > 0 {
				f.Longest = max(f.Longest, ls.longest)
				f.Covered += ls.covered
				c.best[v] += float64(ls.covered) / float64(layout[p])
			}
		}
		if parts > 0 {
			c.best[v] /= float64(parts)
		}
	}
	return anything
}

// addParts adds what the current document has of item i's parts to a tally.
func (c *Collector) addParts(t *Tally, v view, layout Layout, i int) {
	it := &c.items.list[i]
	for p, n := range it.Texts {
		if ls := c.levelState(n, v.level); ls != nil && v.parts.Has(item.Part(p)) {
			c.addToTally(t, v, ls, layout.offset(item.Part(p)), i)
		}
	}
	c.findTogether(t, v, it)
}

// findTogether notes whether the current document has input and answer of an item together.
func (c *Collector) findTogether(t *Tally, v view, it *item.Item) {
	if t.Together || !v.parts.Has(item.Answer) {
		return
	}
	answer := c.levelState(it.Texts[item.Answer], v.level)
	if answer == nil {
		return
	}
	for p, n := range it.Texts {
		if ls := c.levelState(n, v.level); ls != nil && v.parts.Has(item.Part(p)) && item.Part(p) != item.Answer {
			t.Together = t.Together || withinGap(ls.stretches, answer.stretches)
		}
	}
}

// addToTally adds a level's state of a part to a tally. The part begins at word from of
// the item.
func (c *Collector) addToTally(t *Tally, v view, ls *levelState, from, item int) {
	if v.windows {
		for _, w := range c.items.windows(item) {
			if ls.seen[w/64]>>(w%64)&1 == 1 {
				setRange(t.Seen, from+int(w), from+int(w)+1)
			}
		}
		return
	}
	orAt(t.Seen, ls.seen, from)
	switch v.counts {
	case documents:
		for w, set := range ls.seen {
			for ; set != 0; set &= set - 1 {
				addCount(&t.Counts[from+64*w+bits.TrailingZeros64(set)], 1)
			}
		}
	case occurrences:
		for i, n := range ls.counts {
			addCount(&t.Counts[from+i], int(n))
		}
	}
}

// hitsWindow reports whether a window of the item was seen.
func (c *Collector) hitsWindow(item int, ls *levelState) bool {
	return slices.ContainsFunc(c.items.windows(item), func(w uint32) bool {
		return ls.seen[w/64]>>(w%64)&1 == 1
	})
}

// orAt ORs src, shifted up by offset bits, into dst, which has room for all set bits.
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

// keeps reports whether e is among the MaxEvidence strongest in any view.
func (t *tracked) keeps(views []view, e *Evidence) bool {
	for r, f := range e.Found {
		if f.Longest > 0 && (t.weakest == nil || stronger(views, r, e, &t.Evidence[t.weakest[r]]) < 0) {
			return true
		}
	}
	return false
}

func newQuote(p item.Part, r exact.Run, text []byte) Quote {
	from, to := ngram.Excerpt(text, int(r.Start), int(r.End))
	return Quote{
		Part: p, At: r.At, Words: r.Words, Start: int64(r.Start), End: int64(r.End),
		TextStart: int64(from), Text: string(text[from:to]),
	}
}

// Covers yields the covers of all items seen, by rising item number.
func (c *Collector) Covers() iter.Seq2[int, *Cover] {
	return func(yield func(int, *Cover) bool) {
		c.addCrowd()
		numbers := make([]int32, len(c.covers))
		for k := range numbers {
			numbers[k] = int32(k)
		}
		slices.SortFunc(numbers, func(a, b int32) int { return cmp.Compare(c.covers[a].item, c.covers[b].item) })
		for _, k := range numbers {
			if !yield(int(c.covers[k].item), c.covers[k].Cover) {
				return
			}
		}
	}
}
