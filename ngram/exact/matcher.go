package exact

import (
	"sort"

	"swab/ngram"
)

// A Run is a maximal stretch of words that a text and a document share.
type Run struct {
	Text  int    // number of the text
	At    int    // first word in the text
	Doc   int    // first word in the document
	Words int    // length, at least n
	Start uint32 // first byte of the run in the document
	End   uint32 // the byte after its last
}

// A Matcher compares documents with an Index. It belongs to one goroutine.
//
// The caller passes a document in blocks of words, as a scanner of the index's normaliser
// cuts it, and calls End after the last. It may pass the same blocks to other matchers.
// Where its [Repeats] are repetitive or crowded after End, some runs were not visited.
//
// The matcher looks up only every stride-th seed of a document. A seed is shorter than n
// by stride-1 words, so n shared words in a row hold at least one that is looked up;
// from there the matcher follows the run word by word to both sides, to the left by less
// than stride words, because it would have found a longer run before.
type Matcher struct {
	x          *Index
	keys, bits []uint64 // of the block's seeds: hash, and the filter's word
	found      []uint32 // the seeds that pass the filter
	words      []uint32 // numbers of the block's words, as far as known: 0 is unknown
	known      bool     // words holds any
	open, next []openRun

	repeats Repeats
	work    int              // places of seeds that were visited; tests bound it
	touched map[int]struct{} // unless nil, texts that share a seed are only noted here
}

// openRun is a run that reaches beyond the seeds looked up so far. Open runs are
// ordered by falling diagonal.
type openRun struct {
	diagonal int64  // position in the texts less word of the document
	doc      int    // first word in the document
	end      int    // first word of the document that is not in it
	start    uint32 // bytes
	stop     uint32
	more     bool // it reached the end of the block and may go on
}

// NewScanner returns a scanner whose blocks the index's matchers accept.
func (x *Index) NewScanner() *ngram.Scanner {
	s, err := x.recipe.NewScanner()
	if err != nil {
		panic(err) // Build made one
	}
	return s
}

// NewMatcher returns a matcher of the index, for one goroutine.
func (x *Index) NewMatcher() *Matcher { return &Matcher{x: x, repeats: NewRepeats()} }

// Document matches a whole document, cut into blocks by s: it calls Block for each, and
// End. It returns the number of words in the document.
func (m *Matcher) Document(s *ngram.Scanner, text []byte, visit func(Run)) (words int) {
	for s.Reset(text); s.Next(); {
		m.Block(s, visit)
		words = s.Base() + s.Len()
	}
	m.End(visit)
	return words
}

// Work returns how many places of seeds the matcher has visited in all documents.
func (m *Matcher) Work() int { return m.work }

// Repeats returns the counter of the document that ended last.
func (m *Matcher) Repeats() *Repeats { return &m.repeats }

// Block matches the next words of the document, and calls visit for every run that is
// known to be complete. Blocks overlap by n-1 words or more. The order of the runs
// depends on the document, its blocks and the index alone.
func (m *Matcher) Block(s *ngram.Scanner, visit func(Run)) {
	if s.Base() == 0 && m.touched == nil {
		m.repeats.Begin()
	}
	if m.touched == nil && m.repeats.Over(s.Base()) {
		return
	}
	m.longRuns(s, visit)
	if m.x.whole != nil {
		m.shortRuns(s, visit)
	}
}

// End ends the document, and calls visit for the runs that reach its end.
func (m *Matcher) End(visit func(Run)) {
	for _, r := range m.open {
		if r.more && !m.repeats.over && !m.repeats.crowded {
			m.report(r, visit)
		}
	}
	m.open = m.open[:0]
}

// longRuns finds the runs of n words or more.
func (m *Matcher) longRuns(s *ngram.Scanner, visit func(Run)) {
	x := m.x
	if m.known {
		clear(m.words)
		m.known = false
	}
	if len(m.words) < s.Len() {
		m.words = make([]uint32, s.Len()+ngram.MaxN)
	}
	if len(m.open) > 0 {
		m.resume(s, visit)
	}
	// The seeds that end in this block and not in the one before, at words of the
	// document that are multiples of stride.
	hashes, base, seed, stride := s.Hashes(), s.Base(), x.seed, x.stride
	first := 0
	if base > 0 {
		first = s.N() - seed
	}
	first += (stride - (base+first)%stride) % stride
	// Three loops, so that several loads of the filter are in flight at a time and no
	// branch waits for one.
	keys, bits := m.keys[:0], m.bits[:0]
	for i := first; i+seed <= len(hashes); i += stride {
		keys = append(keys, ngram.HashGram(hashes[i:i+seed]))
	}
	filter, shift := x.filter, x.shift
	for _, g := range keys {
		bits = append(bits, filter[g>>(shift&63)])
	}
	if cap(m.found) <= len(keys) {
		m.found = make([]uint32, 2*len(keys)+1)
	}
	found, count := m.found[:len(keys)+1], 0
	for k, g := range keys {
		found[count] = uint32(k)
		lacks := twoBits(g) &^ bits[k]
		count += int((lacks|-lacks)>>63 ^ 1)
	}
	for _, k := range found[:count] {
		i := first + int(k)*stride
		if head := x.find(keys[k], s, i); head != 0 {
			m.hit(s, head, i, visit)
		}
	}
	m.keys, m.bits = keys, bits
}

// wordIs reports whether word i of the block is the word with number want.
func (m *Matcher) wordIs(s *ngram.Scanner, i int, want uint32) bool {
	if k := m.words[i]; k != 0 {
		return k == want
	}
	if !s.WordEquals(i, m.x.word(want)) {
		return false
	}
	m.words[i] = want
	m.known = true
	return true
}

// follow moves a run's end to the right as far as it goes in the block.
func (m *Matcher) follow(s *ngram.Scanner, r *openRun) {
	i, base := r.end-s.Base(), s.Base()
	for _, want := range m.x.words[r.diagonal+int64(r.end):] {
		if want == 0 || i == s.Len() || !m.wordIs(s, i, want) {
			break
		}
		r.stop = s.End(i)
		i++
	}
	r.more = i == s.Len()
	r.end = i + base
}

// resume follows the runs that reached the end of the block before.
func (m *Matcher) resume(s *ngram.Scanner, visit func(Run)) {
	for k := range m.open {
		r := &m.open[k]
		if !r.more {
			continue
		}
		before := r.end
		if m.follow(s, r); !r.more {
			m.report(*r, visit)
		}
		if m.repeats.Follow(r.end - before) {
			return
		}
	}
}

// hit opens or continues a run at every position of the seed that word i of the
// block begins.
func (m *Matcher) hit(s *ngram.Scanner, head uint32, i int, visit func(Run)) {
	x, base := m.x, s.Base()
	if m.touched != nil {
		m.touch(head)
		return
	}
	doc := base + i
	open, next := m.open, m.next[:0]
	places, before := 0, uint32(0)
	for at := head; at != 0; at = x.next[at] {
		if places++; before-at <= uint32(x.seed) && m.repeats.Step() { // the text repeats itself
			break
		}
		if places%(1<<5) == 0 && m.repeats.crowdedBy(places) {
			break
		}
		before = at
		diagonal := int64(at) - int64(doc)
		for len(open) > 0 && open[0].diagonal > diagonal {
			if open[0].end > doc {
				next = append(next, open[0])
			}
			open = open[1:]
		}
		if len(open) > 0 && open[0].diagonal == diagonal {
			r := open[0]
			open = open[1:]
			if r.end > doc { // found before
				next = append(next, r)
				continue
			}
		}
		left := 0
		for left < x.stride-1 && left < i {
			word := x.words[int(at)-left-1]
			if word == 0 || !m.wordIs(s, i-left-1, word) {
				break
			}
			left++
		}
		r := openRun{
			diagonal: diagonal,
			doc:      doc - left,
			end:      doc + x.seed,
			start:    s.Start(i - left),
			stop:     s.End(i + x.seed - 1),
		}
		if m.follow(s, &r); !r.more {
			m.report(r, visit)
		}
		if next = append(next, r); m.repeats.Follow(r.end - doc - x.seed) {
			break
		}
	}
	for _, r := range open {
		if r.end > doc {
			next = append(next, r)
		}
	}
	m.open, m.next = next, m.open
	m.work += places
	m.repeats.Count(head, places)
}

// touch notes the texts that have a seed, once for each document.
func (m *Matcher) touch(head uint32) {
	if m.repeats.Seen(head) {
		return
	}
	for at := head; at != 0; at = m.x.next[at] {
		m.touched[m.textAt(at)] = struct{}{}
	}
}

// textAt returns the number of the text that has a position.
func (m *Matcher) textAt(at uint32) int {
	starts := m.x.starts
	return sort.Search(len(starts), func(t int) bool { return starts[t] > at }) - 1
}

// report calls visit for a run that is long enough.
func (m *Matcher) report(r openRun, visit func(Run)) {
	if r.end-r.doc < m.x.n {
		return
	}
	first := uint32(r.diagonal + int64(r.doc))
	t := m.textAt(first)
	visit(Run{Text: t, At: int(first - m.x.starts[t]), Doc: r.doc, Words: r.end - r.doc, Start: r.start, End: r.stop})
}
