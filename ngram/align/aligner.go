package align

import (
	"math/bits"
	"slices"
	"sort"
	"unicode/utf8"

	"swab/ngram"

	"golang.org/x/text/unicode/norm"
)

// A Finding is how much of a text is in the part of a document that was selected.
type Finding struct {
	Info
	Loose   Info // of it, what saying where its stretches are takes: so much any text has
	Run     int  // known information of the longest stretch of words that follow each other in both
	Words   int  // words found
	Long    int  // of them in the stretch that has most
	Cited   int  // known information of words in quotations, which is not in Info
	behind  int  // selected word behind the last one found
	ends    bool // the last words of the text are there, in one stretch
	stretch stretchState
}

// stretchState is the stretch that add is in.
type stretchState struct {
	Info
	run, long int
	at, doc   int // its last word, in the text and in the document
	place     int // bits that saying where it begins takes
	off       int // words that it is off from where it would follow the one before
}

// A Run is a stretch of words that follow each other in a text and in a document.
type Run struct {
	At, Words  int    // in the text
	Start, End uint32 // bytes of the cleaned document
	Doc        uint32 // number of its first word in the document, among the words read
}

// An Aligner aligns texts with parts of documents, word by word. It belongs to one goroutine.
//
// Parts that overlap are read once, if they are asked for in the order of their begins.
// So that what a part shows does not depend on those read before, a document is read
// in pieces that it alone decides about.
type Aligner struct {
	x      *Index
	scan   *ngram.Scanner
	shapes []ngram.Shape

	doc      []byte
	piece    int // the next piece to read
	from, to int // bytes read: their first, and the first behind them
	read     *reading
	pieces   reading // of the pieces read, unless the document was read whole
	base     int     // number of the first word read, among all that were read of the document
	seeded   int     // rare words whose seeds are known, unless more words are read

	// Of the selected words: words from word first read on, and from rare word firstRare on.
	first, firstRare int
	reading
	taken []bool // the word is paired with a word of a text that was asked for

	words   []int32 // by word of the text asked for: 1 + the selected word that is paired with it
	certain []int32 // likewise, by seeds alone
	anchors [][2]int
	best    []int32
}

// reading is what is known of words of a document.
type reading struct {
	hashes []uint64
	spans  []ngram.Span // bytes of the document
	rare   []word       // words that are not common; at is a word read
	rares  []uint64
	seeds  []note // those that are in texts, in order
}

// clear forgets what was read, and keeps the memory.
func (r *reading) clear() {
	*r = reading{r.hashes[:0], r.spans[:0], r.rare[:0], r.rares[:0], r.seeds[:0]}
}

// NewAligner returns an Aligner.
func (x *Index) NewAligner() *Aligner { return &Aligner{x: x, scan: singleWords()} }

// Document begins a cleaned document, which is lent until the next one.
func (n *Aligner) Document(doc []byte) {
	n.doc, n.read = doc, &n.pieces
	n.begin(0)
	n.base = 0
}

// documentRead is Document for one that a matcher has read. If reading it in pieces would
// show the same words, it is not read again.
func (n *Aligner) documentRead(doc []byte, r *reading) {
	n.Document(doc)
	k := 0
	for piece := 1; piece*pieceSize < len(doc); piece++ {
		at := n.cut(piece)
		for k < len(r.spans) && int(r.spans[k].Start) < at {
			k++
		}
		within := k > 0 && int(r.spans[k-1].End) > at
		if within || at < len(doc) && !isSpace(doc[at-1]) && !norm.NFKC.Properties(doc[at:]).BoundaryBefore() {
			return
		}
	}
	n.read = r
}

// begin forgets what was read, and goes on with a piece.
func (n *Aligner) begin(piece int) {
	n.piece, n.from = piece, n.cut(piece)
	n.to, n.seeded = n.from, 0
	n.base += len(n.pieces.hashes)
	n.pieces.clear()
}

const (
	pieceSize = 1 << 10
	pieceMore = pieceSize / 4 // a piece may begin so much later, behind white space
)

// cut says where a piece begins.
func (n *Aligner) cut(piece int) int {
	at := min(piece*pieceSize, len(n.doc))
	end := min(at+pieceMore, len(n.doc))
	for i := at; i < end && i > 0; i++ {
		if isSpace(n.doc[i-1]) {
			return i
		}
	}
	if at == 0 {
		return 0
	}
	for end < len(n.doc) && !utf8.RuneStart(n.doc[end]) {
		end++
	}
	return end
}

func isSpace(b byte) bool { return b == ' ' || b == '\n' }

// Select takes the words that are there whole in bytes from to to of the document.
func (n *Aligner) Select(from, to int) {
	from = min(max(from, 0), len(n.doc))
	to = min(max(from, to), len(n.doc))
	if n.read == &n.pieces {
		n.readTo(from, to)
	}
	r := n.read
	n.first = n.word(from)
	last := sort.Search(len(r.spans), func(k int) bool { return int(r.spans[k].End) > to })
	last = max(last, n.first)
	n.hashes, n.spans = r.hashes[n.first:last], r.spans[n.first:last]
	n.untake()
	a, b := r.rareFrom(n.first), r.rareFrom(last)
	n.rare, n.firstRare = r.rare[a:b], a
	n.seeds = r.seeds[r.seedFrom(a):r.seedFrom(b)]
}

// untake lets all selected words be paired again.
func (n *Aligner) untake() { n.taken = append(n.taken[:0], make([]bool, len(n.hashes))...) }

// readTo reads the pieces that have bytes from to to, unless they are read.
func (n *Aligner) readTo(from, to int) {
	piece := from / pieceSize
	if piece > 0 && n.cut(piece) > from {
		piece--
	}
	if begin := n.cut(piece); begin < n.from || begin > n.to {
		n.begin(piece)
	} else if k := n.word(begin); k > len(n.read.spans)/2 {
		n.drop(k, begin)
	}
	for n.to < to {
		n.readPiece()
	}
	n.seed()
}

// word returns the first word read that begins at a byte or behind it.
func (n *Aligner) word(at int) int {
	return sort.Search(len(n.read.spans), func(k int) bool { return int(n.read.spans[k].Start) >= at })
}

// rareFrom returns the first rare word that is word k read or behind it.
func (r *reading) rareFrom(k int) int {
	return sort.Search(len(r.rare), func(i int) bool { return int(r.rare[i].at) >= k })
}

// seedFrom returns the first seed that begins with rare word i read or behind it.
func (r *reading) seedFrom(i int) int {
	return sort.Search(len(r.seeds), func(k int) bool { return int(r.seeds[k].rare) >= i })
}

// drop forgets the first k words read, before byte begin.
func (n *Aligner) drop(k, begin int) {
	r := n.read
	i := r.rareFrom(k)
	r.seeds = slices.Delete(r.seeds, 0, r.seedFrom(i))
	r.hashes, r.spans = slices.Delete(r.hashes, 0, k), slices.Delete(r.spans, 0, k)
	r.rare, r.rares = slices.Delete(r.rare, 0, i), slices.Delete(r.rares, 0, i)
	for j := range r.rare {
		r.rare[j].at -= uint32(k)
	}
	for j := range r.seeds {
		r.seeds[j].rare -= uint32(i)
	}
	n.seeded = max(0, n.seeded-i)
	n.from = begin
	n.base += k
}

// readPiece reads one piece more.
func (n *Aligner) readPiece() {
	base := n.to
	n.piece++
	n.to = n.cut(n.piece)
	r, s := n.read, n.scan
	for s.Reset(n.doc[base:n.to]); s.Next(); {
		n.shapes = s.AppendShapes(n.shapes[:0])
		for i, h := range s.Hashes() {
			k := n.x.known(h, n.shapes[i])
			if content(k) {
				r.rare, r.rares = append(r.rare, word{at: uint32(len(r.hashes)), known: k}), append(r.rares, h)
			}
			span := ngram.Span{Start: uint32(base) + s.Start(i), End: uint32(base) + s.End(i)}
			r.hashes, r.spans = append(r.hashes, h), append(r.spans, span)
		}
	}
}

// seed looks up the seeds of all words read.
func (n *Aligner) seed() {
	r := n.read
	r.seeds = r.seeds[:r.seedFrom(n.seeded)]
	for i := n.seeded; i < len(r.rare); i++ {
		g := sized(r.rare[i:], r.rares[i:])
		if g.size > 0 && r.rare[i+int(g.size)-1].at-r.rare[i].at < seedSpan {
			if l := n.x.seed(g.hash); l.size > 0 {
				r.seeds = append(r.seeds, note{list: l, rare: uint32(i), size: g.size})
			}
		}
	}
	n.seeded = max(0, len(r.rare)-(maxSeed-1))
}

// kind returns the kind of selected word j.
func (n *Aligner) kind(j int) kind {
	k := n.first + j
	i := n.read.rareFrom(k)
	return kindOf(n.doc, n.spans[j], i < len(n.read.rare) && int(n.read.rare[i].at) == k)
}

// reach is how many words beside those found may be found by them.
const reach = 12

// Where the lines of options may be: from a selected word on, beside what else was
// found of them, or nowhere but there.
const (
	beside  = -1
	nowhere = -2
)

// Align says how much of text t is in the selected words: words in seeds, words that
// follow each other in both between and beside those, and lines that are there whole from
// word options on. A selected word is paired with a word of one text only, of the first
// that is asked for.
func (n *Aligner) Align(t, options int) Finding {
	x := n.x
	first, size := x.starts[t], x.Words(t)
	n.words = append(n.words[:0], make([]int32, size)...)
	for _, seed := range n.seeds {
		i := int(seed.rare) - n.firstRare
		if i+int(seed.size) > len(n.rare) {
			break // it reaches out of the selected words, as do those behind it
		}
		// Of several places of the seed in the text it is the one whose first word is
		// here already, by the seed before, or else the first that is not found yet.
		at := uint32(0)
		for _, l := range x.linksOf(seed.list) {
			if int(l.text) != t {
				continue
			}
			stands := n.words[l.at-first]
			if stands == int32(n.rare[i].at)-int32(n.first)+1 {
				at = l.at
				break
			}
			if stands == 0 && (at == 0 || l.at < at) {
				at = l.at
			}
		}
		if at == 0 {
			continue
		}
		for _, w := range n.rare[i : i+int(seed.size)] {
			for !x.content(at) {
				at++
			}
			n.pair(int(at-first), int(w.at)-n.first)
			at++
		}
	}
	if n.listAnchors(); len(n.anchors) > 0 {
		n.certain = append(n.certain[:0], n.words...)
		n.extend(first, size)
		n.dropIsolated()
	}
	switch {
	case options >= 0:
		n.alignOptions(first, size, options)
	case options == beside && len(n.anchors) > 0:
		n.alignOptions(first, size, max(0, n.anchors[0][1]-30))
	}
	return n.finding(t)
}

// AlignEnd is Align for the end of a text, from word from on, that is before selected word
// end, not far: for a question that is found by its choices alone.
func (n *Aligner) AlignEnd(t, from, end int) Finding {
	x := n.x
	first, size := x.starts[t], x.Words(t)
	n.words = append(n.words[:0], make([]int32, size)...)
	n.certain = append(n.certain[:0], n.words...)
	from = max(from, size-endReach)
	n.alignGap(first, from, size, end-(size-from)*3/2-beforeWords, end, true)
	if found := slices.Index(n.words, 0); found >= 0 {
		n.dropIsolated()
	}
	return n.finding(t)
}

// endReach is how many words of the end of a text AlignEnd compares.
const endReach = 64

// beforeWords is how many words may be between a question and its choices.
const beforeWords = 8

// pair pairs word i of the text with selected word j, unless either is taken.
func (n *Aligner) pair(i, j int) {
	if n.words[i] == 0 && !n.taken[j] {
		n.words[i], n.taken[j] = int32(j)+1, true
	}
}

// finding sums up what was found of text t.
func (n *Aligner) finding(t int) (f Finding) {
	for i, j := range n.words {
		if j == 0 {
			continue
		}
		f.add(n.x, t, i, int(j))
		f.behind = max(f.behind, int(j))
	}
	f.ends = len(n.words) > 0 && n.words[len(n.words)-1] > 0 && f.stretch.long >= endWords
	f.endStretch()
	return f
}

// endWords is how many words of the end of a text are in one stretch, at the least, where
// choices may follow.
const endWords = 3

// add counts word i of text t as found at word doc of the document.
func (f *Finding) add(x *Index, t, i, doc int) {
	at := x.starts[t] + uint32(i)
	if s := f.stretch; s.long > 0 && (i != s.at+1 || doc != s.doc+1) {
		f.endStretch()
		f.stretch.begin(s, i, doc, x.kinds[at]&begins != 0, x.windowSize(t))
	}
	s, info := &f.stretch, x.info(at)
	f.Info, s.Info = f.Info.plus(info), s.Info.plus(info)
	if x.kinds[at]&cited != 0 {
		f.Cited += int(x.says[at])
	}
	f.Words++
	s.at, s.doc = i, doc
	s.run, s.long = s.run+int(x.says[at]), s.long+1
	f.Run, f.Long = max(f.Run, s.run), max(f.Long, s.long)
}

// begin notes where a stretch begins that comes after another one: as far off as that was
// from the one before it, or elsewhere in a window of that size in words. Before a line of the
// text a document may have a letter, a number or a mark.
func (s *stretchState) begin(last stretchState, i, doc int, line bool, window int) {
	s.off = doc - last.doc - (i - last.at)
	if line && s.off > 0 {
		s.off--
	}
	if s.off != 0 || i != last.at+1 {
		s.place = min(placeBits(s.off), 1+placeBits(s.off-last.off), bits.Len(uint(window)))
	}
}

// placeBits returns how many bits it takes to say that the next stretch of a text is off words
// from where it would follow: those of a whole number in Elias' gamma code.
func placeBits(off int) int { return 2*bits.Len(uint(max(off, -off))+1) - 1 }

// endStretch ends the stretch that add is in.
func (f *Finding) endStretch() {
	s := &f.stretch
	f.Loose = f.Loose.plus(Info{min(s.Own, s.place*unit), min(s.Known, s.place*unit)})
	*s = stretchState{}
}

// loosen adds bits to what saying where the stretches are takes.
func (f *Finding) loosen(place int) {
	f.Loose = Info{min(f.Own, f.Loose.Own+place*unit), min(f.Known, f.Loose.Known+place*unit)}
}

// Runs appends the stretches of the text last asked for that were found.
func (n *Aligner) Runs(dst []Run) []Run {
	begin := len(dst)
	for i, j := range n.words {
		if j == 0 {
			continue
		}
		span := n.spans[j-1]
		if k := len(dst) - 1; k >= begin && i > 0 && n.words[i-1] == j-1 && j > 1 {
			dst[k].Words++
			dst[k].End = span.End
		} else {
			dst = append(dst, Run{i, 1, span.Start, span.End, uint32(n.base + n.first + int(j) - 1)})
		}
	}
	return dst
}

// forged calls visit with the words of the document, by number, that have the hash of the
// word of text t that they are paired with in a run, and other letters.
func (n *Aligner) forged(t int, r Run, visit func(doc uint32)) {
	x, k := n.x, uint32(0)
	at := x.starts[t] + uint32(r.At)
	for word := range n.scan.Words(n.doc[r.Start:r.End]) {
		if k == uint32(r.Words) {
			return
		}
		switch number := x.words[at+k]; {
		case string(word) == string(x.lettersOf(number)):
			k++
		case ngram.HashWord(word) == x.hashes[number]:
			visit(r.Doc + k)
			k++
		}
	}
}

// listAnchors lists the words found so far.
func (n *Aligner) listAnchors() {
	n.anchors = n.anchors[:0]
	for i, j := range n.words {
		if j > 0 {
			n.anchors = append(n.anchors, [2]int{i, int(j) - 1})
		}
	}
}

// extend finds words between and beside those found by seeds: as many as follow each
// other in both, within some words of them.
func (n *Aligner) extend(first uint32, size int) {
	const wide = reach + reach/2 // selected words for reach words of the text
	begin, end := n.anchors[0], n.anchors[len(n.anchors)-1]
	n.alignGap(first, max(0, begin[0]-reach), begin[0], begin[1]-wide, begin[1], true)
	for k := 1; k < len(n.anchors); k++ {
		a, b := n.anchors[k-1], n.anchors[k]
		gap, far := b[0]-a[0]-1, b[1]-a[1]-1
		switch {
		case gap == 0:
		case far >= 0 && gap <= 2*reach && far <= gap+gap/2+4:
			n.alignGap(first, a[0]+1, b[0], a[1]+1, b[1], false)
		default:
			n.alignGap(first, a[0]+1, min(a[0]+1+reach, b[0]), a[1]+1, a[1]+1+wide, false)
			n.alignGap(first, max(a[0]+1, b[0]-reach), b[0], b[1]-wide, b[1], true)
		}
	}
	n.alignGap(first, end[0]+1, min(size, end[0]+1+reach), end[1]+1, end[1]+1+wide, false)
}

// alignGap matches words i0 to i1 of the text with selected words j0 to j1, so that those
// which follow each other in both say as much as possible; of equal ways with the first
// selected words, or with the last.
func (n *Aligner) alignGap(first uint32, i0, i1, j0, j1 int, last bool) {
	x := n.x
	j0, j1 = max(j0, 0), min(j1, len(n.hashes))
	rows, cols := i1-i0, j1-j0
	if rows <= 0 || cols <= 0 {
		return
	}
	n.best = append(n.best[:0], make([]int32, (rows+1)*(cols+1))...)
	at := func(i, j int) *int32 { return &n.best[i*(cols+1)+j] }
	equal := func(i, j int) bool {
		return n.words[i0+i] == 0 && !n.taken[j0+j] && x.hashes[x.words[first+uint32(i0+i)]] == n.hashes[j0+j]
	}
	worth := func(i int) int32 { return 1 + int32(x.knowns[x.words[first+uint32(i0+i)]]) }
	for i := rows - 1; i >= 0; i-- {
		for j := cols - 1; j >= 0; j-- {
			v := max(*at(i+1, j), *at(i, j+1))
			if equal(i, j) {
				v = max(v, *at(i+1, j+1)+worth(i))
			}
			*at(i, j) = v
		}
	}
	for i, j := 0, 0; i < rows && j < cols; {
		switch v := *at(i, j); {
		case last && v == *at(i, j+1):
			j++
		case equal(i, j) && v == *at(i+1, j+1)+worth(i):
			n.pair(i0+i, j0+j)
			i, j = i+1, j+1
		case v == *at(i+1, j):
			i++
		default:
			j++
		}
	}
}

// dropIsolated drops words that were found beside others and are alone: neither word next
// to them in the text is next to them in the document.
func (n *Aligner) dropIsolated() {
	for i, j := range n.words {
		joined := i > 0 && j > 1 && n.words[i-1] == j-1 || i+1 < len(n.words) && n.words[i+1] == j+1
		if j > 0 && n.certain[i] == 0 && !joined {
			n.words[i], n.taken[j-1] = 0, false
		}
	}
}

// alignOptions finds the lines of the text that are there whole from word behind on, not far.
func (n *Aligner) alignOptions(first uint32, size, behind int) {
	x := n.x
	end := min(len(n.hashes), behind+30+4*size)
	for i := 0; i < size; {
		next := i + 1
		for next < size && x.kinds[first+uint32(next)]&begins == 0 {
			next++
		}
		missing := false
		for k := i; k < next; k++ {
			missing = missing || n.words[k] == 0
		}
		for j := behind; missing && j+next-i <= end; j++ {
			k := i
			for k < next && !n.taken[j+k-i] && n.hashes[j+k-i] == x.hashes[x.words[first+uint32(k)]] {
				k++
			}
			if k == next {
				for k := i; k < next; k++ {
					if old := n.words[k]; old > 0 {
						n.words[k], n.taken[old-1] = 0, false
					}
					n.pair(k, j+k-i)
				}
				missing = false
			}
		}
		i = next
	}
}
