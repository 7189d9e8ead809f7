package overlap

import (
	"math/bits"
	"slices"

	"swab/ngram/exact"
)

// endOfDocument is the word after each document of a batch; no text has it.
const endOfDocument = exact.Unknown - 1

// crowdExtension extends runs of a text over words that differ, in all documents of a batch
// together: from the first place of a gram in each, in at most mostColumns steps for each word
// of the text. The documents' words behind a gram are columns, of mostCells words in a batch.
// For one more word of a text, a column holds the documents in which it is equal, and a few
// instructions extend the runs in 64 documents.
type crowdExtension struct {
	built  bool
	start  []uint32 // by state: of its places in order
	order  []uint32 // numbers of ends, those of a state in a row
	firsts []crowdPlace
	first  []uint32 // by state: 1 + the number of its first in firsts; 0: not yet known
	behind map[uint32]*columns
	cells  int // made so far
	steps  int // left for the text

	byDocument []uint32 // 1 + an end
	alive      []uint64 // by word of a set, and number of words that differed so far
	reached    []uint64
	equal      []uint64
	covering   []uint64
	words      []uint64 // by word of the text: the documents with an extended run over it
	scratch    []uint64
	sorted     []uint64
}

// A crowdPlace is where a gram ends first in a document.
type crowdPlace struct {
	document uint32
	after    uint32 // the next word in the stream
}

// columns are the words of documents behind a gram.
type columns struct{ list []column }

// A column is the same word of each of some documents.
type column struct {
	words     []uint32 // by rising number
	from      []uint32 // where the documents of each begin
	documents []uint32
	dense     [][]uint64 // the documents of a word as a set, if many have it
	has       []uint64   // documents that have a word there
}

const (
	fewPlaces   = 8 // runs in as many documents are extended one by one
	mostCells   = 1 << 21
	mostColumns = 1 << 5
	stepWords   = 8 // words of a set, or of a document, that count as a step
)

// reset forgets the batch.
func (x *crowdExtension) reset() {
	x.built, x.behind, x.cells, x.firsts = false, map[uint32]*columns{}, 0, x.firsts[:0]
}

// buildPlaces sorts the ends by state, so that those of a state and of all states below it are
// in a row.
func (d *crowd) buildPlaces() {
	x, a := &d.extend, &d.automaton
	states := a.States()
	x.built = true
	x.first = zeroed(x.first, states)
	x.start = zeroed(x.start, states)
	x.byDocument = zeroed(x.byDocument, len(d.documents))
	next := make([]uint32, states) // of a state's own ends, then of the states below it
	for _, e := range d.ends {
		next[e.state]++
	}
	order := a.LongestFirst()
	for _, s := range slices.Backward(order) {
		if s != exact.Root {
			x.start[s] = next[a.Link(s)]
			next[a.Link(s)] += d.places[s]
		}
		next[s] += x.start[s]
	}
	fill := slices.Clone(x.start)
	x.order = zeroed(x.order, len(d.ends))
	for k, e := range d.ends {
		x.order[fill[e.state]] = uint32(k)
		fill[e.state]++
	}
	d.work += len(d.ends)
}

// firstPlaces returns the first place of a state's stretches in each document.
func (d *crowd) firstPlaces(state uint32) []crowdPlace {
	x := &d.extend
	if !x.built {
		d.buildPlaces()
	}
	documents := size(d.set(state))
	if k := x.first[state]; k > 0 {
		return x.firsts[k-1:][:documents]
	}
	from := len(x.firsts)
	x.first[state] = uint32(from) + 1
	for _, k := range x.order[x.start[state]:][:d.places[state]] {
		e := d.ends[k]
		if n := x.byDocument[e.document]; n == 0 {
			x.firsts = append(x.firsts, crowdPlace{e.document, e.at + 1})
			x.byDocument[e.document] = uint32(len(x.firsts))
		} else {
			x.firsts[n-1].after = min(x.firsts[n-1].after, e.at+1)
		}
	}
	for _, p := range x.firsts[from:] {
		x.byDocument[p.document] = 0
	}
	d.work += int(d.places[state])
	return x.firsts[from:]
}

// extendRuns fills in a spread of a level where runs are extended.
func (d *crowd) extendRuns(s *spread, level Level) {
	x, text, width := &d.extend, d.words[s.part], d.width
	x.words = zeroed(x.words, len(text)*width)
	s.longest = zeroed(s.longest, (len(text)+1)*width)
	s.seen = zeroed(s.seen, (len(text)+63)/64)
	x.steps = mostColumns * len(text)
	for at, state := range s.states {
		if state == exact.Root || level.Skip == 0 || x.steps <= 0 {
			continue
		}
		if d.automaton.Words(state) > s.gram && d.parts[s.part][at+s.gram-1].Words > s.gram {
			continue // the word before is before it at all places of the gram: a run from there is extended
		}
		if places := d.firstPlaces(state); len(places) > fewPlaces {
			d.extendTogether(s, level, at, state, places)
		} else {
			for _, p := range places {
				d.extendOne(s, level, at, p)
			}
		}
	}
	s.least = max(s.gram, level.Least)
	d.findGrams(s, s.least)
	word := 0
	d.cover(s, s.least, func(set []uint64) {
		x.scratch = append(x.scratch[:0], set...)
		or(x.scratch, x.words[word*width:][:width])
		if hasBit(x.scratch) {
			if setRange(s.seen, word, word+1); !s.isTemplate(word) {
				or(s.counted, x.scratch)
				s.add(x.scratch)
			}
		}
		word++
	})
}

// extendOne extends the run from word at of the text on in one document.
func (d *crowd) extendOne(s *spread, level Level, at int, p crowdPlace) {
	x, text, width := &d.extend, d.words[s.part], d.width
	word, bit := int(p.document/64), uint64(1)<<(p.document%64)
	i, last, skipped := at+s.gram, at+s.gram, 0
	from := i
	for _, w := range d.stream[p.after:] {
		if i == len(text) || w == endOfDocument {
			break
		}
		if i++; w == text[i-1] {
			last = i
		} else if skipped++; skipped > level.Skip {
			break
		}
	}
	d.work += i - from
	if x.steps -= 1 + (i-from)/stepWords; last-at < level.Least {
		return
	}
	s.with[word] |= bit
	s.longest[(last-at)*width+word] |= bit
	for k := at; k < last; k++ {
		if level.Gaps || k < from || d.stream[int(p.after)+k-from] == text[k] {
			x.words[k*width+word] |= bit
		}
	}
}

// extendTogether extends the runs from word at of the text on in many documents.
func (d *crowd) extendTogether(s *spread, level Level, at int, state uint32, places []crowdPlace) {
	x, text, width := &d.extend, d.words[s.part], d.width
	x.alive = zeroed(x.alive, width*(level.Skip+1))
	x.reached = append(x.reached[:0], d.set(state)...)
	for w, set := range x.reached {
		x.alive[w*(level.Skip+1)] = set
	}
	behind := d.columnsBehind(state)
	from := at + s.gram
	for i := from; i < len(text) && x.steps > 0; i++ {
		x.steps -= 1 + width/stepWords
		col := d.column(behind, i-from, places)
		if col == nil {
			break
		}
		if x.goOn(x.equalIn(col, text[i], width), col.has, level.Skip+1) == 0 {
			break
		}
	}
	d.work += len(x.reached) * (level.Skip + 2)
	d.markReached(s, level, at)
}

// goOn extends the runs that are alive by a word, which is equal in some of the documents that
// have one there. It returns 0 if none is left.
func (x *crowdExtension) goOn(equal, has []uint64, n int) (anything uint64) {
	from := len(x.reached)
	x.reached = append(x.reached, equal...)
	for w, eq := range equal {
		differs, reached, before := has[w]&^eq, uint64(0), uint64(0)
		alive := x.alive[w*n:][:n]
		for k, set := range alive {
			now := set & eq
			reached |= now
			now |= before
			before = set & differs
			alive[k] = now
			anything |= now
		}
		x.reached[from+w] = reached
	}
	return anything
}

// markReached adds the runs from word at of the text on that reached, by word behind the gram,
// some documents.
func (d *crowd) markReached(s *spread, level Level, at int) {
	x, width, from := &d.extend, d.width, at+s.gram
	x.covering = zeroed(x.covering, width)
	for j := len(x.reached)/width - 1; j >= 0; j-- {
		reached := x.reached[j*width:][:width]
		if length := s.gram + j; length >= level.Least {
			longest := s.longest[length*width:][:width]
			for w, set := range reached {
				longest[w] |= set &^ x.covering[w]
				x.covering[w] |= set
			}
		}
		if j == 0 {
			break
		}
		words := x.words[(from+j-1)*width:][:width]
		for w, set := range x.covering {
			if !level.Gaps {
				set &= reached[w]
			}
			words[w] |= set
		}
	}
	or(s.with, x.covering)
	for k := at; k < from; k++ {
		or(x.words[k*width:][:width], x.covering)
	}
	d.work += width * (len(x.reached)/width + s.gram)
}

// columnsBehind returns the columns behind a state's stretches.
func (d *crowd) columnsBehind(state uint32) *columns {
	x := &d.extend
	c := x.behind[state]
	if c == nil {
		c = &columns{}
		x.behind[state] = c
	}
	return c
}

// column returns column k of the documents' words behind places, or nil if there are too many.
func (d *crowd) column(c *columns, k int, places []crowdPlace) *column {
	if k < len(c.list) {
		return &c.list[k]
	}
	x := &d.extend
	if x.cells > mostCells {
		return nil
	}
	x.sorted = x.sorted[:0]
	col := column{has: make([]uint64, d.width)}
	var before *column // who has no word before k has none here
	if k > 0 {
		before = &c.list[k-1]
	}
	for _, p := range places {
		if before != nil && before.has[p.document/64]>>(p.document%64)&1 == 0 {
			continue
		}
		if w := d.stream[int(p.after)+k]; w != endOfDocument {
			x.sorted = append(x.sorted, uint64(w)<<32|uint64(p.document))
			col.has[p.document/64] |= 1 << (p.document % 64)
		}
	}
	slices.Sort(x.sorted)
	for n, cell := range x.sorted {
		if w := uint32(cell >> 32); n == 0 || w != col.words[len(col.words)-1] {
			col.words, col.from = append(col.words, w), append(col.from, uint32(n))
		}
		col.documents = append(col.documents, uint32(cell))
	}
	col.from = append(col.from, uint32(len(col.documents)))
	col.dense = make([][]uint64, len(col.words))
	for n := range col.words {
		if list := col.documents[col.from[n]:col.from[n+1]]; len(list) > 4*d.width {
			col.dense[n] = make([]uint64, d.width)
			addDocuments(col.dense[n], list)
		}
	}
	d.work += len(places) * bits.Len(uint(len(places)))
	x.cells += len(places)
	c.list = append(c.list, col)
	return &c.list[k]
}

func addDocuments(set []uint64, documents []uint32) {
	for _, n := range documents {
		set[n/64] |= 1 << (n % 64)
	}
}

// equalIn returns the documents that have a word in a column.
func (x *crowdExtension) equalIn(c *column, word uint32, width int) []uint64 {
	n, found := slices.BinarySearch(c.words, word)
	if found && c.dense[n] != nil {
		return c.dense[n]
	}
	x.equal = zeroed(x.equal, width)
	if found {
		addDocuments(x.equal, c.documents[c.from[n]:c.from[n+1]])
	}
	return x.equal
}
