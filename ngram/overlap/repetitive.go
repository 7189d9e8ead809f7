package overlap

import (
	"cmp"
	"slices"

	"swab/ngram/exact"
	"swab/ngram/item"
)

// repetitive collects what a document has of texts without the runs, which are too many: as
// many as the document's places of a seed times those of the texts. The document becomes an
// automaton, past which every text with a seed in it is read once. The work is linear in the
// document and in those texts, and what is collected is the same. Two things are bounded:
// the steps in which runs are extended over words that differ (mostSteps), and where runs
// must have more than n words for a method that extends them, only their first places say
// whether input and answer are close to each other.
//
// A long document is read in parts, which overlap, so that the memory is bounded.
type repetitive struct {
	stopped   func() bool
	reader    exact.Reader
	automaton exact.Automaton
	texts     []int
	items     []uint32 // whose texts they are; nil: all owners
	words     []uint32 // of the part
	spans     []bytes  // of these
	text      []uint32 // words of the current text
	base      int      // words of the document before the part
	overlap   int      // words that the next part repeats
	keep      int      // words of the part that the next one does not repeat
	grams     map[int]*grams
	full      map[[2]int]bool // text and level: all stretches were added
	scratch   []stretch
	steps     int // left for extending runs

	work int // words read of documents and texts, and steps; tests bound it
}

// bytes are where a word is in the document.
type bytes struct{ start, end uint32 }

const (
	mostStates = 1 << 19 // of a part's automaton
	mostWords  = 1 << 22 // of a part
	mostSteps  = 16      // for extending runs, for each word of the part and the texts
)

// AddRepetitive adds all that the current document has, in place of its runs.
func (c *Collector) AddRepetitive(document []byte) {
	c.forget()
	if c.again == nil {
		c.again = &repetitive{reader: c.items.index.NewReader()}
	}
	c.addDocument(document, c.again.reader.Touched(func(visit func([]byte)) { visit(document) }), nil)
}

// addDocument adds what the current document has of some texts, for some items; nil: for all
// that have them.
func (c *Collector) addDocument(document []byte, texts []int, items []uint32) {
	if c.again == nil {
		c.again = &repetitive{reader: c.items.index.NewReader()}
	}
	d := c.again
	d.texts, d.items = texts, items
	longest := 0
	for _, t := range d.texts {
		longest = max(longest, c.items.index.Words(t))
	}
	if longest == 0 {
		return
	}
	d.overlap = 2*longest + MaxGap
	d.stopped = c.Stopped
	d.automaton.Reset(longest)
	d.words, d.spans, d.base = d.words[:0], d.spans[:0], 0
	d.reader.Words(document, func(word, start, end uint32) bool {
		if len(d.words)%(1<<12) == 0 && d.stop() {
			return false
		}
		d.words, d.spans = append(d.words, word), append(d.spans, bytes{start, end})
		d.automaton.Add(word)
		if d.automaton.States() < max(mostStates, 8*d.overlap) && len(d.words) < max(mostWords, 8*d.overlap) {
			return true
		}
		d.keep = len(d.words) - d.overlap
		c.addPart(d)
		d.base += d.keep
		d.words = append(d.words[:0], d.words[d.keep:]...)
		d.spans = append(d.spans[:0], d.spans[d.keep:]...)
		d.automaton.Reset(longest)
		for _, w := range d.words {
			d.automaton.Add(w)
		}
		return true
	})
	d.keep = len(d.words)
	c.addPart(d)
}

func (d *repetitive) stop() bool { return d.stopped != nil && d.stopped() }

// addPart adds what the part has of the texts.
func (c *Collector) addPart(d *repetitive) {
	d.grams, d.full = map[int]*grams{}, map[[2]int]bool{}
	d.work += len(d.words)
	d.steps = len(d.words)
	for _, t := range d.texts {
		d.steps += c.items.index.Words(t)
	}
	d.steps *= mostSteps
	for _, t := range d.texts {
		if d.stop() {
			return
		}
		c.addText(d, t)
	}
	c.completeAll(d)
}

// completeAll completes the stretches of all items that the part is read for.
func (c *Collector) completeAll(d *repetitive) {
	for _, i := range d.items {
		c.completeStretches(d, i)
	}
	if d.items != nil {
		return
	}
	for _, t := range d.texts {
		for _, i := range c.items.owned[c.items.first[t]:c.items.first[t+1]] {
			if d.stop() {
				return
			}
			if c.items.list[i].Texts[item.Answer] == int32(t) {
				c.completeStretches(d, i)
			}
		}
	}
}

// addText adds what the part has of a text.
func (c *Collector) addText(d *repetitive, text int) {
	d.text = d.reader.AppendText(d.text[:0], text)
	d.work += len(d.text)
	least := min(c.items.index.N(), len(d.text))
	var m exact.Match
	anything := false
	for i, w := range d.text {
		next := d.automaton.Next(m, w)
		if m.Words >= least && next.Words <= m.Words {
			c.addLongest(d, text, i, m)
			anything = true
		}
		m = next
	}
	if m.Words >= least {
		c.addLongest(d, text, len(d.text), m)
		anything = true
	}
	if !anything {
		return
	}
	st := c.touchText(text)
	for l := range st.levels {
		ls := &st.levels[l]
		switch {
		case ls.gram == 0:
		case c.items.levels[l].Extend:
			c.extendAll(d, ls, l)
		case c.items.counted[l]:
			d.eachGram(ls.gram, func(at int, m exact.Match) {
				addCount(&ls.counts[at], int(d.gramsOf(ls.gram).count[m.State]))
			})
		}
	}
}

// addLongest adds a stretch that ends before word end of the text and that no other in the
// part includes, as a run at its first place there.
func (c *Collector) addLongest(d *repetitive, text, end int, m exact.Match) {
	last := d.automaton.FirstEnd(m.State)
	first := last - m.Words + 1
	r := exact.Run{
		Text: text, At: end - m.Words, Doc: d.base + first, Words: m.Words,
		Start: d.spans[first].start, End: d.spans[last].end,
	}
	st := c.touchText(text)
	for l := range st.levels {
		ls := &st.levels[l]
		if ls.gram == 0 || r.Words < ls.gram {
			continue
		}
		if level := c.items.levels[l]; !level.Extend {
			c.addRun(ls, l, r)
		} else if ls.addExtended(level, r.At, end, nil) && c.items.stretches[l] {
			ls.stretches = addStretch(ls.stretches, r.Start, r.End)
		}
	}
	st.keepQuote(r)
}

// eachGram calls visit for every gram of n words of the text that the part has, with its
// first word.
func (d *repetitive) eachGram(n int, visit func(at int, m exact.Match)) {
	var m exact.Match
	for i, w := range d.text {
		if m = d.automaton.Cut(d.automaton.Next(m, w), n); m.Words == n {
			visit(i-n+1, m)
		}
	}
}

// grams are the places of the part's grams of one size.
type grams struct {
	count     []uint32 // by state: places; those that the next part repeats do not count
	first     []uint32 // by state: of its places in ends
	ends      []uint32 // the last words of grams, all of the part
	stretches map[uint32][]stretch
}

// gramsOf returns the places of the part's grams of n words.
func (d *repetitive) gramsOf(n int) *grams {
	if g := d.grams[n]; g != nil {
		return g
	}
	states := d.automaton.States()
	g := &grams{count: make([]uint32, states), first: make([]uint32, states+1), stretches: map[uint32][]stretch{}}
	d.grams[n] = g
	d.work += len(d.words)
	of := make([]uint32, len(d.words)) // by last word: the gram's state, or the root
	var m exact.Match
	for i, w := range d.words {
		if m = d.automaton.Cut(d.automaton.Next(m, w), n); m.Words < n {
			continue
		}
		of[i] = m.State
		g.first[m.State+1]++
		if i-n+1 < d.keep {
			g.count[m.State]++
		}
	}
	for s := range states {
		g.first[s+1] += g.first[s]
	}
	g.ends = make([]uint32, g.first[states])
	fill := slices.Clone(g.first)
	for i, s := range of {
		if s != exact.Root {
			g.ends[fill[s]] = uint32(i)
			fill[s]++
		}
	}
	return g
}

// stretchesOf returns the bytes in which the part has the grams of n words of a state.
func (d *repetitive) stretchesOf(n int, state uint32) []stretch {
	g := d.gramsOf(n)
	list, known := g.stretches[state]
	if known {
		return list
	}
	for _, end := range g.ends[g.first[state]:g.first[state+1]] {
		s := stretch{d.spans[int(end)-n+1].start, d.spans[end].end}
		if last := len(list) - 1; last >= 0 && int(list[last].to)+MaxGap >= int(s.from) {
			list[last].to = max(list[last].to, s.to)
		} else {
			list = append(list, s)
		}
	}
	g.stretches[state] = list
	return list
}

// completeStretches adds all stretches of the parts of an item, where the first ones do not
// show that its input and its answer are close to each other.
func (c *Collector) completeStretches(d *repetitive, i uint32) {
	it := &c.items.list[i]
	text := it.Texts[item.Answer]
	for p, other := range it.Texts {
		for l := range c.items.levels {
			if item.Part(p) == item.Answer || !c.items.stretches[l] || c.foundTogether(i, l) {
				continue
			}
			input, answer := c.levelState(other, l), c.levelState(text, l)
			if input != nil && answer != nil && !withinGap(input.stretches, answer.stretches) {
				c.addStretches(d, int(other), l, input)
				c.addStretches(d, int(text), l, answer)
			}
		}
	}
}

// foundTogether reports whether documents before have input and answer of an item close to
// each other, in all views of a level.
func (c *Collector) foundTogether(i uint32, level int) bool {
	k := c.number[i]
	if k == 0 {
		return false
	}
	cover := &c.covers[k-1]
	for v, view := range c.items.views[c.items.list[i].Bench] {
		if view.level == level && view.parts.Has(item.Answer) && !cover.Tallies[v].Together {
			return false
		}
	}
	return true
}

// addStretches adds all stretches of a text to a level, once for each part.
func (c *Collector) addStretches(d *repetitive, text, l int, ls *levelState) {
	if d.full[[2]int{text, l}] {
		return
	}
	d.full[[2]int{text, l}] = true
	d.text = d.reader.AppendText(d.text[:0], text)
	d.work += len(d.text)
	all, known := append(d.scratch[:0], ls.stretches...), map[uint32]bool{}
	d.eachGram(ls.gram, func(_ int, m exact.Match) {
		if !known[m.State] {
			known[m.State] = true
			all = append(all, d.stretchesOf(ls.gram, m.State)...)
		}
	})
	d.work += len(all)
	slices.SortFunc(all, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	ls.stretches = ls.stretches[:0]
	for _, s := range all {
		if last := len(ls.stretches) - 1; last >= 0 && int(ls.stretches[last].to)+MaxGap >= int(s.from) {
			ls.stretches[last].to = max(ls.stretches[last].to, s.to)
		} else {
			ls.stretches = append(ls.stretches, s)
		}
	}
	d.scratch = all
}

// extendAll extends the runs of the current text over words that differ, wherever the part
// has them.
func (c *Collector) extendAll(d *repetitive, ls *levelState, l int) {
	level, a := c.items.levels[l], &d.automaton
	if level.Skip == 0 {
		return
	}
	var whole exact.Match
	next := 0
	d.eachGram(ls.gram, func(at int, m exact.Match) {
		for ; next < at+ls.gram; next++ {
			whole = a.Next(whole, d.text[next])
		}
		if whole.Words > ls.gram && a.Words(m.State) > ls.gram {
			return // the word before is before it at all places of the gram: a run from there was extended
		}
		x := extension{repetitive: d, level: level, ls: ls, from: at, gaps: c.gaps[:0]}
		x.follow(m.State, at+ls.gram, at+ls.gram)
		if c.gaps = x.gaps; x.added && c.items.stretches[l] {
			end := a.FirstEnd(m.State)
			ls.stretches = addStretch(ls.stretches, d.spans[end-ls.gram+1].start, d.spans[end].end)
		}
	})
}

// An extension follows a text in the part from a gram on, along all that comes next there.
type extension struct {
	*repetitive
	level Level
	ls    *levelState
	from  int   // first word of the text
	gaps  []int // words that differ, so far
	added bool
}

// follow goes on at word at of the text; last is the word after the last that was equal.
func (x *extension) follow(state uint32, at, last int) {
	depth := len(x.gaps)
	for at < len(x.text) && x.steps > 0 {
		word, to, single := x.automaton.Single(state)
		if !single {
			break
		}
		x.steps--
		x.work++
		if state, at = to, at+1; word == x.text[at-1] {
			last = at
		} else if x.gaps = append(x.gaps, at-1); len(x.gaps) > x.level.Skip {
			at = len(x.text) // it ends here
		}
	}
	ends := true
	if at < len(x.text) && x.steps > 0 {
		x.automaton.Edges(state, func(word, to uint32) {
			x.steps--
			x.work++
			switch {
			case word == x.text[at]:
				x.follow(to, at+1, at+1)
				ends = false
			case len(x.gaps) < x.level.Skip:
				x.gaps = append(x.gaps, at)
				x.follow(to, at+1, last)
				x.gaps = x.gaps[:len(x.gaps)-1]
				ends = false
			}
		})
	}
	if ends && x.ls.addExtended(x.level, x.from, last, x.gaps) {
		x.added = true
	}
	x.gaps = x.gaps[:depth]
}
