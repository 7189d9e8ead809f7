package substr

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"sort"

	"swab/ngram/exact"
)

// MaxDocument is the greatest length of a document, in bytes.
const MaxDocument = 1<<31 - 1

// blockBytes is how many bytes a pass reads before the next pass does: a multiple of every
// grid's probe, and few enough for a core's first-level cache.
const blockBytes = 3 << 10

// A Matcher compares documents with an Index. It belongs to one goroutine, and keeps
// memory of about twice the size of the longest document.
type Matcher struct {
	// Stopped reports that the document is to be left unfinished; nil: it never is.
	Stopped func() bool

	x     *Index
	text  []byte // the original document
	buf   []byte // its characters, then endOfDoc
	doc   []byte // its characters
	marks []mark

	hashes     []uint64    // of a block's grams
	words      []uint64    // of the filter, for each
	candidates []uint32    // those that pass the filter
	last       [8]lastGram // the grams of long texts found last, by the number of the probe
	prefetched uint32      // never used: computing it loads slots that find needs
	runs       []foundRun  // not yet visited
	work       int         // steps of comparison, each of up to 256 bytes; tests bound it

	repeats exact.Repeats
	touched map[int]struct{} // unless nil, texts that share a gram are only noted here
}

// lastGram is a gram of long texts that was found in the document.
type lastGram struct {
	after uint32 // the byte after its first; 0: no gram
	gram  uint32
}

// foundRun is a run: bytes start to end of the document's characters, and the byte of
// the texts' letters at which it ends.
type foundRun struct{ start, end, textEnd uint32 }

// NewMatcher returns a matcher.
func (x *Index) NewMatcher() *Matcher {
	return &Matcher{
		x: x, hashes: make([]uint64, blockBytes), words: make([]uint64, blockBytes),
		candidates: make([]uint32, blockBytes), repeats: exact.NewRepeats(),
	}
}

// Document calls visit for every maximal run of n characters or more that a text shares
// with the document, and for every occurrence of a whole text shorter than n, in the order
// in which they end in the document; among those that end together, in falling order of
// the end's position among all texts. It returns the number of characters in the document,
// which must have at most MaxDocument bytes. Where its [exact.Repeats] are repetitive or
// crowded then, some runs were not visited.
func (m *Matcher) Document(text []byte, visit func(exact.Run)) (chars int) {
	if len(text) > MaxDocument {
		panic("substr: document of 2 GiB or more")
	}
	if room := maxOutput(len(text)); len(m.buf) < room {
		m.buf = make([]byte, room+room/4)
	}
	x := m.x
	size, chars, marks := x.class.apply(m.buf, text, m.marks[:0])
	for i := range 8 { // eight bytes can be read anywhere
		m.buf[size+i] = endOfDoc
	}
	m.text, m.doc, m.marks, m.last = text, m.buf[:size], marks, [8]lastGram{}
	m.runs = m.runs[:0]
	if m.touched == nil {
		m.repeats.Begin()
	}
	for from := 0; from < size; from += blockBytes {
		if m.touched == nil && m.repeats.Over(from) || m.Stopped != nil && m.Stopped() {
			return chars
		}
		for _, l := range x.levels {
			m.matchBlock(l, from, min(from+blockBytes, size-l.width+1))
		}
		if x.tiny != nil {
			m.matchTiny(from, min(from+blockBytes, size))
		}
		m.flush(from+blockBytes, visit) // what is found after this ends later
	}
	m.flush(size, visit)
	m.text = nil
	m.repeats.Over(len(m.doc))
	return chars
}

// Repeats returns the counter of the last document.
func (m *Matcher) Repeats() *exact.Repeats { return &m.repeats }

// matchBlock looks up the grams that begin at bytes from to end.
func (m *Matcher) matchBlock(l *level, from, end int) {
	b, second, third, mask, probe := m.buf, l.second, l.third, l.mask, l.probe
	hashes := m.hashes[:0]
	for at := from; at < end; at += probe {
		hashes = append(hashes, mix(
			binary.LittleEndian.Uint64(b[at:])&mask,
			binary.LittleEndian.Uint64(b[at+second:])&mask,
			binary.LittleEndian.Uint64(b[at+third:])&mask))
	}
	// Each loop does one thing, without branches on loaded values, so that cache misses
	// overlap.
	words := m.words[:len(hashes)]
	filter, shift := l.filter, l.shift&63
	for i, h := range hashes {
		words[i] = filter[h>>shift]
	}
	candidates := m.candidates[:len(hashes)]
	count := 0
	for i, h := range hashes {
		candidates[count] = uint32(i)
		lacks := filterBits(h) &^ words[i]
		count += int((lacks|-lacks)>>63 ^ 1)
	}
	candidates = candidates[:count]
	if len(l.entries) > 0 {
		for _, i := range candidates {
			m.prefetched += l.grams.slots[l.grams.homeSlot(hashes[i])].tag
		}
	}
	for _, i := range candidates {
		at := from + int(i)*probe
		if len(l.entries) > 0 {
			m.matchLong(l, hashes[i], at)
		}
		if len(l.short) > 0 {
			m.matchShort(l, hashes[i], at)
			for o := 1; o < probe && o <= at; o++ {
				m.matchShort(l, l.hash(b, at-o), at-o)
			}
		}
	}
}

// matchTiny looks up what begins at bytes from to end in the tiny levels.
func (m *Matcher) matchTiny(from, end int) {
	b, pairs := m.buf[from:end+1], m.x.pairs
	candidates := m.candidates[:end-from]
	count := 0
	for i := range candidates {
		p := binary.LittleEndian.Uint16(b[i:])
		candidates[count] = uint32(i)
		count += int(pairs[p>>3] >> (p & 7) & 1)
	}
	for _, i := range candidates[:count] {
		at := from + int(i)
		for _, l := range m.x.tiny {
			if at+l.width > len(m.doc) {
				continue
			}
			if h := l.hash(m.buf, at); filterBits(h)&^l.filter[h>>(l.shift&63)] == 0 {
				m.matchShort(l, h, at)
			}
		}
	}
}

// matchLong finds the runs whose first compared gram begins at byte at.
func (m *Matcher) matchLong(l *level, hash uint64, at int) {
	m.work++
	gram, _ := l.grams.find(m.x.letters, hash, m.doc[at:at+l.width])
	if gram < 0 {
		return
	}
	entries := l.entries[l.first[gram]:l.first[gram+1]]
	if m.touched != nil {
		m.touch(l, uint32(gram), entries)
		return
	}
	last := &m.last[at/l.probe%l.stride] // a period is stride probes: last is from a period ago, or longer
	before := *last
	*last = lastGram{uint32(at) + 1, uint32(gram)}
	if int(before.after) != at-l.period()+1 || before.after == 0 {
		if m.repeats.Count(uint32(gram), len(entries)); !m.repeats.Crowded() {
			m.extend(l, entries, at)
		}
		return
	}
	lo := sort.Search(len(entries), func(i int) bool { return entries[i].pred >= before.gram })
	hi := lo + sort.Search(len(entries)-lo, func(i int) bool { return entries[lo+i].pred > before.gram })
	if m.repeats.Count(uint32(gram), lo+len(entries)-hi); m.repeats.Crowded() {
		return
	}
	m.extend(l, entries[:lo], at)
	m.extend(l, entries[hi:], at)
}

// touch notes the texts that have a gram, once for each document.
func (m *Matcher) touch(l *level, gram uint32, entries []entry) {
	if m.repeats.Seen(gram) {
		return
	}
	for _, e := range entries {
		m.touched[m.textAt(e.at)] = struct{}{}
	}
}

// textAt returns the number of the text that has a byte of the letters.
func (m *Matcher) textAt(at uint32) int {
	starts := m.x.starts
	return sort.Search(len(starts), func(t int) bool { return starts[t] > at }) - 1
}

// followBytes is how many bytes of a run count as a word: they are compared eight and more at a time.
const followBytes = 8

// extend keeps the runs through byte at of the document and each of the entries.
// Since the gram a period before differs, a run begins less than a period before.
func (m *Matcher) extend(l *level, entries []entry, at int) {
	x := m.x
	before := uint32(0)
	for _, e := range entries {
		if m.work++; e.at-before <= uint32(l.width) && m.repeats.Step() { // the text repeats itself
			return
		}
		before = e.at
		left := 0
		for left < at && m.doc[at-left-1] == x.letters[int(e.at)-left-1] {
			left++
		}
		right := l.width + m.commonPrefix(m.buf[at+l.width:len(m.doc)+8], x.letters[int(e.at)+l.width:])
		if m.repeats.Follow((left + right) / followBytes) {
			return
		}
		start, end := at-left, at+right
		if end-start < x.recipe.N {
			continue
		}
		textEnd := int(e.at) + right
		for start < end && m.doc[start]&0xC0 == 0x80 {
			start++
		}
		if end < len(m.doc) && m.doc[end]&0xC0 == 0x80 { // the last character is not shared
			for end > start && m.doc[end]&0xC0 == 0x80 {
				end--
				textEnd--
			}
		}
		if end-start >= x.recipe.N && x.count(textEnd-(end-start), textEnd) >= x.recipe.N {
			m.runs = append(m.runs, foundRun{uint32(start), uint32(end), uint32(textEnd)})
		}
	}
}

// commonPrefix returns the length of the common prefix of a and b, which must differ at
// least eight bytes before either ends.
func (m *Matcher) commonPrefix(a, b []byte) int {
	i := 0
	for long := false; ; i += 8 {
		m.work++
		if i == 64 {
			long = true
		}
		for long && i+256 <= min(len(a), len(b)) && string(a[i:i+256]) == string(b[i:i+256]) {
			m.work++
			i += 256
		}
		long = false
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
}

// matchShort finds the short texts that begin at byte at of the document.
func (m *Matcher) matchShort(l *level, hash uint64, at int) {
	x := m.x
	m.work++
	head, _ := l.heads.find(x.letters, hash, m.doc[at:at+l.width])
	if head < 0 {
		return
	}
	lo, hi := int(l.group[head]), int(l.group[head+1])
	rest := m.doc[at:]
	// Of the texts that rest begins with, the longest is the last that does not
	// come after rest in the order of bytes, or one that it begins with.
	p := int32(lo+sort.Search(hi-lo, func(i int) bool {
		m.work++
		return bytes.Compare(x.text(int(l.short[lo+i])), rest) > 0
	})) - 1
	if p < int32(lo) {
		return
	}
	for p >= 0 && !bytes.HasPrefix(rest, x.text(int(l.short[p]))) {
		m.work++
		p = l.prefix[p]
	}
	for ; p >= 0; p = l.prefix[p] {
		m.work++
		t := l.short[p]
		if m.touched != nil {
			if _, known := m.touched[int(t)]; known {
				return // and so are those that it begins with
			}
			m.touched[int(t)] = struct{}{}
			continue
		}
		if m.repeats.Step() {
			return
		}
		m.runs = append(m.runs, foundRun{uint32(at), uint32(at + len(x.text(int(t)))), x.starts[t+1] - 1})
	}
}

// flush visits and removes the runs that end at or before byte end of the document's
// characters.
func (m *Matcher) flush(end int, visit func(exact.Run)) {
	if len(m.runs) == 0 {
		return
	}
	slices.SortFunc(m.runs, func(a, b foundRun) int {
		return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(b.textEnd, a.textEnd))
	})
	x, count := m.x, 0
	for _, r := range m.runs {
		if int(r.end) > end {
			break
		}
		count++
		at := r.textEnd - (r.end - r.start)
		t := m.textAt(at)
		run := exact.Run{Text: t, At: int(at - x.starts[t]), Words: int(r.end - r.start)} // one byte a character
		if x.Words(t) != len(x.text(t)) {
			run.At = x.count(int(x.starts[t]), int(at))
			run.Words = x.count(int(at), int(r.textEnd))
		}
		first, _, char := x.class.locate(m.text, m.marks, int(r.start))
		tail := int(r.end) - 1
		for m.doc[tail]&0xC0 == 0x80 {
			tail--
		}
		_, last, _ := x.class.locate(m.text, m.marks, tail)
		run.Doc, run.Start, run.End = char, uint32(first), uint32(last)
		visit(run)
	}
	m.runs = slices.Delete(m.runs, 0, count)
}
