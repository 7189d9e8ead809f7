package overlap

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"

	"swab/ngram/exact"
	"swab/ngram/item"
)

// crowd collects documents together that share words with too many texts, as items of a
// template do: every document has something of every item. What the covers need of them is
// computed for each item once, with a bit for each document: where 64 documents have a gram of
// a text, one instruction adds it to all. So a batch costs as many steps as it has words, and
// for each word of the texts as many as it has documents, divided by 64. Only of the documents
// that become evidence the runs are found one by one.
//
// Runs are extended over words that differ from their first place in each document.
//
// A batch takes up to a MiB of text and, for each of its words, about 100 bytes and two bits
// for each document: 60 MiB of ordinary text, 180 MiB at most.
type crowd struct {
	stopped   func() bool
	reader    exact.Reader
	automaton exact.Automaton
	text      []byte // of the documents, one after another
	documents []crowdDocument

	width  int      // words of a set of documents
	sets   []uint64 // by state: the documents that have its stretches
	places []uint32 // by state: how often they do
	ends   []crowdEnd
	stream []uint32 // the words of all documents, with an unknown one after each
	marks  []crowdMark
	serial uint32
	ascent map[int][]uint32 // by number of words and state: 1 + the state of its last words
	extend crowdExtension

	texts   []uint64                // a bit for each text that shares anything with the batch
	words   [item.NumParts][]uint32 // of an item's texts
	parts   [item.NumParts][]exact.Match
	spreads []*spread
	spare   []*spread
	pre     []uint64
	suffix  []uint64
	buckets []int32 // by words: 1 + the number of its last entry
	entries []crowdEntry
	sum     spread
	pairs   []crowdPair
	close   map[crowdView][]uint64 // long documents that may have input and answer together

	work int // steps; tests bound it
}

type crowdDocument struct {
	row      int64
	id       string
	from, to int // bytes of text
}

type crowdEnd struct {
	state    uint32 // of a document up to a word
	document uint32
	at       uint32 // that word in the stream
}

// A crowdMark notes that a state was visited for the present purpose, down to grams of a size.
type crowdMark struct{ serial, gram uint32 }

type crowdEntry struct {
	state, gram uint32
	set         []uint64 // if no state has the documents
	next        int32    // as in buckets
}

type crowdPair struct{ document, item uint32 }

type crowdView struct{ item, view uint32 }

const (
	crowdDocuments = 1 << 11
	crowdBytes     = 1 << 20
	crowdProduct   = 1 << 30 // of documents and bytes
)

// MaxPutOff is the length, in bytes, of the longest document that may be put off.
const MaxPutOff = 1 << 18

// Allowance returns how many places of seeds of many places a matcher is to visit in the
// documents of a shard before it leaves crowded ones to PutOff: about what a batch costs.
func (s *Items) Allowance() int { return s.allowance }

func (s *Items) findAllowance() int {
	words := 0
	for t := range s.index.Texts() {
		words += s.index.Words(t)
	}
	return words / 4
}

// PutOff ends the current document, of which not all runs were added, like End: what it has is
// added to the covers together with other such documents.
func (c *Collector) PutOff(row int64, id string, text []byte) {
	c.forget()
	d := c.crowd
	if d == nil {
		d = &crowd{reader: c.items.index.NewReader()}
		c.crowd = d
	}
	d.documents = append(d.documents, crowdDocument{row, strings.Clone(id), len(d.text), len(d.text) + len(text)})
	d.text = append(d.text, text...)
	if n := len(d.documents); n == crowdDocuments || len(d.text) >= crowdBytes || n*len(d.text) >= crowdProduct {
		c.addCrowd()
	}
}

func (d *crowd) stop() bool { return d.stopped != nil && d.stopped() }

// addCrowd adds the documents that were put off to the covers.
func (c *Collector) addCrowd() {
	d := c.crowd
	if d == nil || len(d.documents) == 0 {
		return
	}
	d.stopped = c.Stopped
	slices.SortStableFunc(d.documents, func(a, b crowdDocument) int { return cmp.Compare(a.row, b.row) })
	c.owners = c.owners[:0]
	d.texts = zeroed(d.texts, (c.items.index.Texts()+63)/64)
	longest := 0
	for _, t := range d.reader.Touched(d.eachDocument) {
		d.texts[t/64] |= 1 << (t % 64)
		longest = max(longest, c.items.index.Words(t))
		c.owners = append(c.owners, c.items.owned[c.items.first[t]:c.items.first[t+1]]...)
	}
	if longest > 0 {
		slices.Sort(c.owners)
		d.build(longest)
		for _, i := range slices.Compact(c.owners) {
			if d.stop() {
				break
			}
			c.addToCrowdCover(d, i)
		}
		c.addCrowdEvidence(d)
	}
	d.forget()
}

// forget drops the documents.
func (d *crowd) forget() {
	clear(d.documents)
	d.documents, d.text, d.pairs, d.close = d.documents[:0], d.text[:0], d.pairs[:0], nil
}

// eachDocument calls visit for each document.
func (d *crowd) eachDocument(visit func(document []byte)) {
	for _, doc := range d.documents {
		if !d.stop() {
			visit(d.text[doc.from:doc.to])
		}
	}
}

// build makes the automaton of all documents and the sets of its states, for texts of at most
// longest words.
func (d *crowd) build(longest int) {
	a := &d.automaton
	a.Reset(longest)
	d.ends, d.stream, d.ascent = d.ends[:0], d.stream[:0], map[int][]uint32{}
	for k, doc := range d.documents {
		a.Break()
		d.reader.Words(d.text[doc.from:doc.to], func(word, _, _ uint32) bool {
			d.stream = append(d.stream, word)
			if word == exact.Unknown {
				a.Break()
				return true
			}
			a.Add(word)
			d.ends = append(d.ends, crowdEnd{a.Last(), uint32(k), uint32(len(d.stream) - 1)})
			return len(d.ends)%(1<<12) != 0 || !d.stop()
		})
		d.stream = append(d.stream, endOfDocument)
	}
	d.extend.reset()
	states := a.States()
	d.width = (len(d.documents) + 63) / 64
	d.sets = zeroed(d.sets, states*d.width)
	d.places = zeroed(d.places, states)
	d.marks = zeroed(d.marks, states)
	d.serial = 0
	d.work += len(d.ends)
	for _, e := range d.ends {
		d.set(e.state)[e.document/64] |= 1 << (e.document % 64)
		d.places[e.state]++
	}
	for _, s := range a.LongestFirst() {
		if s == exact.Root {
			continue
		}
		link := a.Link(s)
		or(d.set(link), d.set(s))
		d.places[link] += d.places[s]
		d.work += d.width
	}
}

// set returns the documents that have the stretches of a state.
func (d *crowd) set(state uint32) []uint64 { return d.sets[int(state)*d.width:][:d.width] }

func or(dst, src []uint64) {
	for i, w := range src {
		dst[i] |= w
	}
}

func size(set []uint64) (n int) {
	for _, w := range set {
		n += bits.OnesCount64(w)
	}
	return n
}

// A spread is which of the documents have what of a text on a level.
type spread struct {
	part, gram int
	extended   int      // the level, if runs are extended there, or -1
	least      int      // words of a run that counts without being extended
	states     []uint32 // by word of the text: that of the gram that begins there, or the root
	template   []uint64 // of the text, as of Items, or nil
	seen       []uint64 // words that any document has, where runs are extended
	with       []uint64 // documents with a gram
	counted    []uint64 // documents with one that is no template
	longest    []uint64 // by words: the documents with a run extended to as many, if runs are
	planes     []uint64 // bit k of the number of words covered is the set planes[k*width:]
}

func (s *spread) clear(part, gram, extended, width int) {
	s.part, s.gram, s.least, s.extended = part, gram, gram, extended
	s.states, s.planes = s.states[:0], s.planes[:0]
	s.template, s.longest = nil, s.longest[:0]
	s.with, s.counted = zeroed(s.with, width), zeroed(s.counted, width)
}

// isTemplate reports whether the gram or word of the text does not count.
func (s *spread) isTemplate(at int) bool {
	return s.template != nil && s.template[at/64]>>(at%64)&1 == 1
}

// add adds one to the number of each document of the set.
func (s *spread) add(set []uint64) {
	for j, carry := range set {
		for k := j; carry != 0; k += len(set) {
			if k >= len(s.planes) {
				s.planes = append(s.planes, make([]uint64, len(set))...)
			}
			s.planes[k], carry = s.planes[k]^carry, s.planes[k]&carry
		}
	}
}

// addAll adds the numbers of t for the documents of the set.
func (s *spread) addAll(t *spread, set []uint64) {
	width := len(set)
	for p := 0; p < len(t.planes); p += width {
		for j, mask := range set {
			carry := t.planes[p+j] & mask
			for k := p + j; carry != 0; k += width {
				for k >= len(s.planes) {
					s.planes = append(s.planes, make([]uint64, width)...)
				}
				s.planes[k], carry = s.planes[k]^carry, s.planes[k]&carry
			}
		}
	}
}

// largest returns those documents of a set that have the largest number, and that number.
func (s *spread) largest(set []uint64) (best []uint64, number int) {
	best = slices.Clone(set)
	width := len(set)
	for p := len(s.planes) - width; p >= 0; p -= width {
		any := uint64(0)
		for j, w := range s.planes[p:][:width] {
			any |= best[j] & w
		}
		if any == 0 {
			continue
		}
		for j, w := range s.planes[p:][:width] {
			best[j] &= w
		}
		number |= 1 << (p / width)
	}
	return best, number
}

// number returns that of a document.
func (s *spread) number(document, width int) (n int) {
	for k, p := 0, document/64; p < len(s.planes); k, p = k+1, p+width {
		n |= int(s.planes[p]>>(document%64)&1) << k
	}
	return n
}

// spreadOf returns the spread of a part of the present item on a level, with grams of a size.
func (c *Collector) spreadOf(d *crowd, part, text, level, gram int) *spread {
	extended := -1
	if c.items.levels[level].Extend {
		extended = level
	}
	for _, s := range d.spreads {
		if s.part == part && s.gram == gram && s.extended == extended {
			return s
		}
	}
	s := &spread{}
	if last := len(d.spare) - 1; last >= 0 {
		s, d.spare = d.spare[last], d.spare[:last]
	}
	d.spreads = append(d.spreads, s)
	s.clear(part, gram, extended, d.width)
	s.template = c.items.ignoredGrams(level, text)
	if !d.findGrams(s, gram) {
		return s
	}
	if extended < 0 {
		d.cover(s, gram, s.add)
		return s
	}
	d.extendRuns(s, c.items.levels[level])
	return s
}

// findGrams fills in the states of a text's grams, and reports whether there are any.
func (d *crowd) findGrams(s *spread, gram int) (anything bool) {
	matches := d.parts[s.part]
	s.states = zeroed(s.states, len(matches))
	for end, m := range matches {
		if m.Words >= gram {
			s.states[end-gram+1], anything = d.ascend(m.State, gram), true
		}
	}
	return anything
}

// ascend returns the state of the last words of a state's stretches.
func (d *crowd) ascend(state uint32, words int) uint32 {
	a, known := &d.automaton, d.ascent[words]
	if known == nil {
		known = make([]uint32, a.States())
		d.ascent[words] = known
	}
	top := state
	for known[top] == 0 {
		link := a.Link(top)
		if a.Words(link) < words {
			known[top] = top + 1
			break
		}
		top = link
		d.work++
	}
	top = known[top] - 1
	for state != top && known[state] == 0 {
		known[state] = top + 1
		state = a.Link(state)
	}
	return top
}

// cover fills in which documents have anything, and calls visit with the documents that have a
// word of the text in a gram of n words, for all words in turn that are no template: word w is
// covered where a gram begins at one of the words w-n+1 to w. In blocks of as many words,
// those are the end of one block and the beginning of the next.
func (d *crowd) cover(s *spread, n int, visit func(set []uint64)) {
	width := d.width
	d.suffix = zeroed(d.suffix, n*width) // of the block before: what it has from a word on
	d.pre = zeroed(d.pre, width)
	for from := 0; from < len(s.states); from += n {
		clear(d.pre)
		block := s.states[from:min(from+n, len(s.states))]
		for k, state := range block {
			if state != exact.Root {
				if or(s.with, d.set(state)); s.extended >= 0 || !s.isTemplate(from+k) {
					or(d.pre, d.set(state))
				}
			}
			set := d.pre
			if k+1 < n {
				covered := d.suffix[(k+1)*width:][:width]
				or(covered, d.pre) // it is not needed again
				set = covered
			}
			visit(set)
		}
		if s.extended < 0 {
			or(s.counted, d.pre)
		}
		clear(d.suffix)
		for k := len(block) - 1; k >= 0; k-- {
			set := d.suffix[k*width:][:width]
			if k+1 < len(block) {
				copy(set, d.suffix[(k+1)*width:][:width])
			}
			if block[k] != exact.Root && (s.extended >= 0 || !s.isTemplate(from+k)) {
				or(set, d.set(block[k]))
			}
		}
	}
	d.work += 8 * len(s.states) * width
}

// addToCrowdCover adds what all documents have of item i to its cover, and chooses those that
// may become evidence.
func (c *Collector) addToCrowdCover(d *crowd, i uint32) {
	it := &c.items.list[i]
	for p, t := range it.Texts {
		d.parts[p] = d.parts[p][:0]
		if t == item.None || d.texts[t/64]>>(t%64)&1 == 0 {
			continue
		}
		d.words[p] = d.reader.AppendText(d.words[p][:0], int(t))
		var m exact.Match
		for _, w := range d.words[p] {
			m = d.automaton.Next(m, w)
			d.parts[p] = append(d.parts[p], m)
		}
		d.work += len(d.words[p])
	}
	d.spare, d.spreads = append(d.spare, d.spreads...), d.spreads[:0]
	views, layout := c.items.views[it.Bench], c.items.Layout(int(i))
	var cover *tracked
	for v, view := range views {
		found, set := c.spreadsOf(d, i, view)
		if len(found) == 0 {
			continue
		}
		if cover == nil {
			cover = c.coverOf(i, views, layout)
		}
		t := &cover.Tallies[v]
		c.countGrams(d, t, view, layout, found, int(i))
		d.findTogether(t, found, crowdView{i, uint32(v)})
		if size(set) == 0 {
			continue
		}
		t.Documents += int64(size(set))
		if view.mean {
			t.Best = max(t.Best, d.bestMean(found, set, layout, view))
		}
		sum := found[0]
		if len(found) > 1 || view.windows {
			sum = &d.sum
			sum.clear(0, 0, -1, d.width)
			for _, s := range found {
				sum.addAll(s, set)
			}
		}
		_, covered := sum.largest(set)
		t.Covered = max(t.Covered, covered)
		d.eachLongest(found, set, func(words int, _ []uint64) bool {
			t.Longest = max(t.Longest, words)
			return false
		})
		c.chooseEvidence(d, cover, views, v, found, sum, set, i)
	}
}

// spreadsOf returns the spreads of an item's parts that have anything in a view, and the
// documents in which something counts there.
func (c *Collector) spreadsOf(d *crowd, i uint32, view view) (found []*spread, set []uint64) {
	set = make([]uint64, d.width)
	for p, t := range c.items.list[i].Texts {
		if len(d.parts[p]) == 0 || !view.parts.Has(item.Part(p)) {
			continue
		}
		gram := c.items.levels[view.level].gramWords(c.items.index.Words(int(t)))
		if gram == 0 {
			continue
		}
		s := c.spreadOf(d, p, int(t), view.level, gram)
		if !hasBit(s.with) {
			continue
		}
		if !view.windows {
			found = append(found, s)
			or(set, s.counted)
			continue
		}
		inWindows := make([]uint64, d.width)
		for _, w := range c.items.windows(int(i)) {
			if s.states[w] != exact.Root {
				or(inWindows, d.set(s.states[w]))
			}
		}
		if hasBit(inWindows) {
			found = append(found, s)
		}
		for j, w := range inWindows {
			set[j] |= w & s.counted[j]
		}
	}
	return found, set
}

// countGrams adds the grams that the documents have to a tally.
func (c *Collector) countGrams(d *crowd, t *Tally, view view, layout Layout, found []*spread, i int) {
	for _, s := range found {
		from := layout.offset(item.Part(s.part))
		if view.windows {
			for _, w := range c.items.windows(i) {
				if s.states[w] != exact.Root {
					setRange(t.Seen, from+int(w), from+int(w)+1)
				}
			}
			continue
		}
		if s.extended >= 0 { // no method counts these
			orAt(t.Seen, s.seen, from)
			continue
		}
		for at, state := range s.states {
			if state == exact.Root {
				continue
			}
			setRange(t.Seen, from+at, from+at+1)
			switch view.counts {
			case documents:
				addCount(&t.Counts[from+at], size(d.set(state)))
			case occurrences:
				addCount(&t.Counts[from+at], int(d.places[state]))
			}
		}
	}
}

// bestMean returns the largest mean of the parts' covered shares of any document.
func (d *crowd) bestMean(found []*spread, set []uint64, layout Layout, view view) (best float64) {
	parts := 0
	for p, words := range layout {
		if view.parts.Has(item.Part(p)) && words > 0 {
			parts++
		}
	}
	for w, in := range set {
		for ; in != 0; in &= in - 1 {
			document, sum := 64*w+bits.TrailingZeros64(in), 0.0
			for _, s := range found {
				if n := s.number(document, d.width); n > 0 {
					sum += float64(n) / float64(layout[s.part])
				}
			}
			best = max(best, sum/float64(parts))
		}
	}
	return best
}

// eachLongest calls visit, for falling numbers of words, with those documents of a set whose
// longest run has as many, until it returns false.
func (d *crowd) eachLongest(found []*spread, set []uint64, visit func(words int, documents []uint64) bool) {
	d.serial++
	d.entries = append(d.entries[:0], crowdEntry{})
	clear(d.buckets)
	for _, s := range found {
		d.pushRuns(s)
	}
	left, group := slices.Clone(set), make([]uint64, d.width)
	for words := len(d.buckets) - 1; words > 0; words-- {
		if d.buckets[words] == 0 {
			continue
		}
		clear(group)
		for k := d.buckets[words]; k != 0; k = d.entries[k].next {
			e, mark := d.entries[k], &d.marks[d.entries[k].state]
			if e.set != nil {
				or(group, e.set)
				continue
			}
			if mark.serial == d.serial && mark.gram <= e.gram {
				continue
			}
			*mark = crowdMark{d.serial, e.gram}
			or(group, d.set(e.state))
			link := d.automaton.Link(e.state)
			if shorter := d.automaton.Words(link); shorter >= int(e.gram) {
				d.push(shorter, crowdEntry{state: link, gram: e.gram})
			}
			d.work += d.width
		}
		anything, more := uint64(0), uint64(0)
		for j := range group {
			group[j] &= left[j]
			left[j] &^= group[j]
			anything, more = anything|group[j], more|left[j]
		}
		if anything != 0 && !visit(words, group) || more == 0 {
			return
		}
	}
}

// push adds an entry of a run of some words.
func (d *crowd) push(words int, e crowdEntry) {
	for words >= len(d.buckets) {
		d.buckets = append(d.buckets, 0)
	}
	e.next = d.buckets[words]
	d.entries = append(d.entries, e)
	d.buckets[words] = int32(len(d.entries)) - 1
}

// pushRuns adds the runs of a spread that no other includes, without what is template.
func (d *crowd) pushRuns(s *spread) {
	template := 0 // 1 + the last gram of the text so far that is
	for end, m := range d.parts[s.part] {
		if s.extended < 0 && end-s.gram+1 >= 0 && s.isTemplate(end-s.gram+1) {
			template = end - s.gram + 2
		}
		words := m.Words
		if template > 0 {
			words = min(words, end+1-template)
		}
		if words >= s.least {
			m = d.automaton.Cut(m, words)
			d.push(m.Words, crowdEntry{state: m.State, gram: uint32(s.least)})
		}
	}
	for from := 0; from < len(s.longest); from += d.width {
		if set := s.longest[from:][:d.width]; hasBit(set) {
			d.push(from/d.width, crowdEntry{set: set})
		}
	}
}

// findTogether notes whether a document has input and answer of an item within MaxGap bytes.
// Those that are longer are only noted.
func (d *crowd) findTogether(t *Tally, found []*spread, i crowdView) {
	last := found[len(found)-1]
	if t.Together || item.Part(last.part) != item.Answer {
		return
	}
	for _, s := range found[:len(found)-1] {
		for j := range s.with {
			for both := s.with[j] & last.with[j]; both != 0; both &= both - 1 {
				doc := d.documents[64*j+bits.TrailingZeros64(both)]
				if t.Together = t.Together || doc.to-doc.from <= MaxGap; t.Together {
					return
				}
				if d.close == nil {
					d.close = map[crowdView][]uint64{}
				}
				if d.close[i] == nil {
					d.close[i] = make([]uint64, d.width)
				}
				d.close[i][j] |= both & -both
			}
		}
	}
}

// chooseEvidence chooses the MaxEvidence strongest documents of a view, unless they are weaker
// than what the cover has.
func (c *Collector) chooseEvidence(
	d *crowd, cover *tracked, views []view, v int, found []*spread, sum *spread, set []uint64, i uint32,
) {
	need := MaxEvidence
	// take takes documents of equal strength, the first ones.
	take := func(set []uint64, longest, covered int) {
		for j, w := range set {
			for ; w != 0 && need > 0; w &= w - 1 {
				need--
				k := 64*j + bits.TrailingZeros64(w)
				e := Evidence{Shard: c.shard, Row: d.documents[k].row, Found: make([]Found, v+1)}
				e.Found[v] = Found{longest, covered}
				if cover.weakest != nil && stronger(views, v, &e, &cover.Evidence[cover.weakest[v]]) >= 0 {
					need = 0 // nor are those that follow
					return
				}
				d.pairs = append(d.pairs, crowdPair{uint32(k), i})
			}
		}
	}
	if views[v].byCovered {
		for left := slices.Clone(set); need > 0 && size(left) > 0; {
			best, covered := sum.largest(left)
			d.eachLongest(found, best, func(words int, group []uint64) bool {
				take(group, words, covered)
				return need > 0
			})
			for j, w := range best {
				left[j] &^= w
			}
		}
		return
	}
	d.eachLongest(found, set, func(words int, group []uint64) bool {
		for left := slices.Clone(group); need > 0 && size(left) > 0; {
			best, covered := sum.largest(left)
			take(best, words, covered)
			for j, w := range best {
				left[j] &^= w
			}
		}
		return need > 0
	})
}

// addCrowdEvidence adds the documents that were chosen as evidence, and reads those again that
// may have input and answer of an item together.
func (c *Collector) addCrowdEvidence(d *crowd) {
	slices.SortFunc(d.pairs, func(a, b crowdPair) int {
		return cmp.Or(cmp.Compare(a.document, b.document), cmp.Compare(a.item, b.item))
	})
	d.pairs = slices.Compact(d.pairs)
	pairs := d.pairs
	var now []crowdPair
	for k, doc := range d.documents {
		if d.stop() {
			return
		}
		for now = now[:0]; len(pairs) > 0 && int(pairs[0].document) == k; pairs = pairs[1:] {
			now = append(now, pairs[0])
		}
		for v, set := range d.close {
			if set[k/64]>>(k%64)&1 == 1 && !c.covers[c.number[v.item]-1].Tallies[v.view].Together {
				now = append(now, crowdPair{uint32(k), v.item})
			}
		}
		if len(now) > 0 {
			slices.SortFunc(now, func(a, b crowdPair) int { return cmp.Compare(a.item, b.item) })
			c.readAgain(d, doc, slices.Compact(now))
		}
	}
}

// readAgain adds a document to the evidence of items.
func (c *Collector) readAgain(d *crowd, doc crowdDocument, pairs []crowdPair) {
	var texts []int
	items := make([]uint32, 0, len(pairs))
	for _, pair := range pairs {
		items = append(items, pair.item)
		for _, t := range c.items.list[pair.item].Texts {
			if t != item.None && d.texts[t/64]>>(t%64)&1 == 1 {
				texts = append(texts, int(t))
			}
		}
	}
	slices.Sort(texts)
	text := d.text[doc.from:doc.to]
	c.addDocument(text, slices.Compact(texts), items)
	c.measureTexts()
	for _, pair := range pairs {
		it := &c.items.list[pair.item]
		views := c.items.views[it.Bench]
		if !c.measure(pair.item, c.items.Layout(int(pair.item))) {
			continue
		}
		cover := &c.covers[c.number[pair.item]-1]
		for v, view := range views {
			c.findTogether(&cover.Tallies[v], view, it)
		}
		if slices.ContainsFunc(c.found, func(f Found) bool { return f.Longest > 0 }) {
			c.addEvidence(pair.item, doc.row, doc.id, text)
		}
	}
	c.forget()
}
