package ngram

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Constants of the hash "poly64". They are part of every stored n-gram.
const (
	wordSeed = 0x9e3779b97f4a7c15
	wordMul  = 0xd6e8feb86659fd93
	gramBase = 0xa0761d6478bd642f // odd
)

// blockWords is the least number of words in a block, unless the text ends.
// At 20 bytes a word a block stays in a core's second-level cache.
const blockWords = 4096

// A Scanner splits texts into words and n-grams. Use:
//
//	s.Reset(text)
//	for s.Next() {
//		for i, hash := range s.Grams() { ... } // words i to i+n-1 of the block
//	}
//
// The last n-1 words of a block are repeated as the first of the next, so that every
// n-gram of the text is in exactly one block. Slices that the methods return are valid
// until the next call of Next or Reset.
type Scanner struct {
	n    int
	text []byte
	pos  int // first byte not yet read
	base int // index in the text of the block's first word
	len  int // words in the block

	hash   []uint64
	edges  []uint32 // bytes of text: where words 0, 1 and so on begin and end, in turn
	folded []uint32 // where in buf a word's normal form begins, one less; 0: its text is ASCII
	buf    []byte   // normal forms of words that are not ASCII, each ended by a 0 byte
	grams  []uint64

	fast  bool // listEdges is used
	plane *[1 << 16]entry
	iter  norm.Iter
	split *splitter // for recipes other than "words"
	ended bool      // an empty word at the text's end was added, or is not needed
}

func newScanner(n int) *Scanner {
	size := blockWords + 2*MaxN
	return &Scanner{n: n, fast: listsFast,
		hash: make([]uint64, size), edges: make([]uint32, 2*size), folded: make([]uint32, size),
		grams: make([]uint64, size)}
}

// N is the number of words in a gram.
func (s *Scanner) N() int { return s.n }

// Reset begins text, which must be shorter than 4 GiB and is not changed.
func (s *Scanner) Reset(text []byte) {
	if uint64(len(text)) > 1<<32-1 {
		panic("ngram: text of 4 GiB or more")
	}
	s.text, s.pos, s.base, s.len = text, 0, 0, 0
	s.buf = s.buf[:0]
	s.ended = false
}

// Next advances to the next block of words, and reports whether there is one.
func (s *Scanner) Next() bool {
	keep := min(s.len, s.n-1)
	from := s.len - keep
	s.base += from
	old := s.buf
	s.buf = s.buf[:0]
	for i := range keep {
		j := from + i
		s.hash[i] = s.hash[j]
		s.setEdges(i, s.edges[2*j], s.edges[2*j+1])
		s.folded[i] = 0
		if o := s.folded[j]; o != 0 {
			word := cString(old[o-1:])
			s.folded[i] = uint32(len(s.buf)) + 1
			s.buf = append(s.buf, word...) // forward within one array: never overtakes
			s.buf = append(s.buf, 0)
		}
	}
	s.len = keep
	if s.split != nil {
		s.fillSplit()
		return s.len > keep
	}
	for s.len < blockWords && s.pos < len(s.text) {
		s.fill()
	}
	return s.len > keep
}

// Len returns the number of words in the block.
func (s *Scanner) Len() int { return s.len }

// Base returns the index, in the whole text, of the block's first word.
func (s *Scanner) Base() int { return s.base }

// Start and End return the bytes of the text that word i of the block comes from.
// The words of a ligature or fraction all have the same bytes.
func (s *Scanner) Start(i int) uint32 { return s.edges[2*i] }
func (s *Scanner) End(i int) uint32   { return s.edges[2*i+1] }

func (s *Scanner) setEdges(i int, start, end uint32) { s.edges[2*i], s.edges[2*i+1] = start, end }

// Hashes returns the hashes of the block's words.
func (s *Scanner) Hashes() []uint64 { return s.hash[:s.len] }

// Grams returns the hashes of the block's n-grams: number i is of words i to i+n-1.
func (s *Scanner) Grams() []uint64 {
	s.grams = s.AppendGrams(s.grams[:0], s.n)
	return s.grams
}

// AppendGrams appends the hashes of all n-grams, of any n up to the recipe's, that
// end in words not repeated from the block before, so that every n-gram of the text is
// appended once.
func (s *Scanner) AppendGrams(dst []uint64, n int) []uint64 {
	first := 0
	if s.base > 0 {
		first = s.n - n
	}
	return AppendGrams(dst, s.hash[first:s.len], n)
}

// AppendWord appends the normal form of word i of the block to dst.
func (s *Scanner) AppendWord(dst []byte, i int) []byte {
	if o := s.folded[i]; o != 0 {
		return append(dst, cString(s.buf[o-1:])...)
	}
	for _, c := range s.text[s.Start(i):s.End(i)] {
		dst = append(dst, c|0x20)
	}
	return dst
}

// A Shape is the length of a word in normal form, in characters up to 15, with the bits
// Digit and Wide for its first character.
type Shape uint8

const (
	Digit Shape = 0x10 // it begins with an ASCII digit
	Wide  Shape = 0x20 // it begins with a character that is not ASCII
)

// Size returns the number of characters, up to 15.
func (s Shape) Size() int { return int(s & 15) }

// ShapeOf returns the shape of a word in normal form.
func ShapeOf(word []byte) Shape {
	s := Shape(min(utf8.RuneCount(word), 15))
	switch c := word[0]; {
	case c >= utf8.RuneSelf:
		s |= Wide
	case c <= '9':
		s |= Digit
	}
	return s
}

// AppendShapes appends the shapes of the block's words.
func (s *Scanner) AppendShapes(dst []Shape) []Shape {
	first := len(dst)
	dst = slices.Grow(dst, s.len)[:first+s.len]
	text, folded := s.text, s.folded[:s.len]
	edges, shapes := s.edges[:2*len(folded)], dst[first:][:len(folded)]
	for i, folded := range folded {
		if folded != 0 {
			shapes[i] = ShapeOf(cString(s.buf[folded-1:]))
			continue
		}
		shape := Shape(min(edges[2*i+1]-edges[2*i], 15))
		begin := int32(text[edges[2*i]]) - ('9' + 1)
		shapes[i] = shape | Shape(uint32(begin)>>31)*Digit
	}
	return dst
}

// AppendSpans appends the bytes of the block's words from word i on.
func (s *Scanner) AppendSpans(dst []Span, i int) []Span {
	first := len(dst)
	edges := s.edges[2*i : 2*s.len]
	dst = slices.Grow(dst, len(edges)/2)[:first+len(edges)/2]
	for k := range dst[first:] {
		dst[first+k] = Span{edges[2*k], edges[2*k+1]}
	}
	return dst
}

// WordEquals reports whether the normal form of word i of the block is word.
func (s *Scanner) WordEquals(i int, word []byte) bool {
	if o := s.folded[i]; o != 0 {
		return string(cString(s.buf[o-1:])) == string(word)
	}
	text := s.text[s.Start(i):s.End(i)]
	if len(text) != len(word) {
		return false
	}
	if len(text) <= 8 && cap(text) >= 8 && cap(word) >= 8 { // the bytes after them are shifted out
		diff := (binary.LittleEndian.Uint64(text[:8]) | 0x20*ones) ^ binary.LittleEndian.Uint64(word[:8])
		return diff<<(64-8*len(text)) == 0
	}
	for j, c := range text {
		if c|0x20 != word[j] {
			return false
		}
	}
	return true
}

// A Span is a range of bytes of a text.
type Span struct{ Start, End uint32 }

// Words yields all words of text in normal form, with their bytes. The normal form is
// valid for one step. Words resets the scanner.
func (s *Scanner) Words(text []byte) iter.Seq2[[]byte, Span] {
	return func(yield func([]byte, Span) bool) {
		var scratch []byte
		s.Reset(text)
		for s.Next() {
			skip := 0
			if s.base > 0 {
				skip = s.n - 1
			}
			for i := skip; i < s.len; i++ {
				scratch = s.AppendWord(scratch[:0], i)
				if !yield(scratch, Span{s.Start(i), s.End(i)}) {
					return
				}
			}
		}
	}
}

// cString returns b up to its first 0 byte. Normal forms have none.
func cString(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}

// HashWord returns the hash of a word in normal form: eight bytes a step, the last
// padded with zeros, which no word contains.
func HashWord(word []byte) uint64 {
	h := uint64(wordSeed)
	for len(word) > 8 {
		h = mix(h ^ binary.LittleEndian.Uint64(word))
		word = word[8:]
	}
	var c uint64
	for i, b := range word {
		c |= uint64(b) << (8 * i)
	}
	return mix(h ^ c)
}

func mix(x uint64) uint64 {
	hi, lo := bits.Mul64(x, wordMul)
	return hi ^ lo
}

// HashGram returns the hash of the n-gram of words with the given hashes.
func HashGram(words []uint64) uint64 {
	var g uint64
	for _, h := range words {
		g = g*gramBase + h
	}
	return g
}

// AddWord returns the hash of an n-gram with one more word after it.
func AddWord(gram, word uint64) uint64 { return gram*gramBase + word }

// AppendGrams appends the hashes of all n-grams, n at least 1, of words with the given
// hashes. Dst may be the beginning of words.
func AppendGrams(dst, words []uint64, n int) []uint64 {
	if len(words) < n {
		return dst
	}
	g, top := uint64(0), uint64(1)
	for _, h := range words[:n] {
		g = AddWord(g, h)
		top *= gramBase
	}
	for i, h := range words[n:] {
		next := AddWord(g, h) - words[i]*top
		dst = append(dst, g)
		g = next
	}
	return append(dst, g)
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// alnumMask sets the high bit of each byte of x that is an ASCII letter or digit, and
// clears all other bits.
func alnumMask(x uint64) uint64 {
	y := x &^ highs
	z := y | 0x20*ones
	isLetter := (z + (0x80-'a')*ones) &^ (z + (0x7f-'z')*ones)
	isDigit := (y + (0x80-'0')*ones) &^ (y + (0x7f-'9')*ones)
	return (isLetter | isDigit) &^ x & highs
}

// packHighBits packs the high bits of x's bytes into eight bits.
func packHighBits(x uint64) uint64 { return x >> 7 * 0x0102040810204080 >> 56 }

// fill appends words to the block until it is full or the text ends. It reads ASCII text
// 64 bytes at a time, as two bitmaps: of letters and digits, whose runs are words, and of
// bytes that are not ASCII. First it lists where words begin and end, then it hashes them.
// fillRunes reads a word that touches a byte that is not ASCII, from the word's beginning.
func (s *Scanner) fill() {
	text, first := s.text, s.len
	edges := s.edges
	n, pos := 2*first, s.pos // edges listed; bytes read
	var in uint64            // 1 if a word extends past the bytes read
	cut, slow := 64, false
	for !slow && pos+72 <= len(text) && n < 2*blockWords {
		if s.fast {
			pos, n, in = listEdges(edges, n, text, pos, in)
			if pos+72 > len(text) || n >= 2*blockWords {
				break
			}
		}
		a, wide := bitmaps(text[pos : pos+64])
		if cut = 64; wide {
			cut, slow = plainPrefix(text[pos : pos+72])
			a &= 1<<cut - 1 // all of a when cut is 64
		}
		n = addEdges(edges, n, pos, a^(a<<1|in))
		in = a >> 63
		pos += cut
	}
	k := n / 2
	tail := !slow && pos+72 > len(text)
	switch {
	case n%2 == 1: // a word that is not read to its end
		pos = int(edges[n-1])
	case slow && k > first && int(edges[n-1]) == pos: // it may go on in what is slow
		k--
		pos = int(edges[2*k])
	}
	s.hashASCII(first, k)
	s.len, s.pos = k, pos
	if slow || tail {
		s.fillRunes(pos)
	}
}

// hashASCII hashes words first to k, not included, whose edges are listed. They are ASCII, and
// at least 8 bytes of text follow each.
func (s *Scanner) hashASCII(first, k int) {
	text, edges, hash := s.text, s.edges[2*first:2*k], s.hash[first:k]
	clear(s.folded[first:k])
	for i := range hash {
		b, size := int(edges[2*i]), uint(edges[2*i+1]-edges[2*i])
		h := uint64(wordSeed)
		for ; size > 8; size -= 8 {
			h = mix(h ^ (binary.LittleEndian.Uint64(text[b:]) | 0x20*ones))
			b += 8
		}
		c := (binary.LittleEndian.Uint64(text[b:]) | 0x20*ones) & (^uint64(0) >> (64 - 8*size))
		hash[i] = mix(h ^ c)
	}
}

// addEdges adds behind the first n edges those of 64 bytes from pos on, and returns their number.
func addEdges(edges []uint32, n, pos int, in uint64) int {
	for ; in != 0; in &= in - 1 {
		edges[n] = uint32(pos + bits.TrailingZeros64(in))
		n++
	}
	return n
}

// bitmaps returns which of 64 bytes are ASCII letters or digits, and whether any is not ASCII.
func bitmaps(chunk []byte) (a uint64, wide bool) {
	high := uint64(0)
	for i := 0; i < 64; i += 8 {
		x := binary.LittleEndian.Uint64(chunk[i:])
		high |= x & highs
		a |= packHighBits(alnumMask(x)) << i
	}
	return a, high != 0
}

// plainPrefix returns how many of chunk's first 64 bytes are ASCII or one of the common
// separators that are not: no-break space, dashes, quotation marks, ellipsis. It reports
// whether what follows needs fillRunes; it does not where such a separator crosses the end
// of the 64 bytes. A byte that is not ASCII after a separator does, since it might
// combine with it. Chunk has 72 bytes, of whose first 64 some are not ASCII.
func plainPrefix(chunk []byte) (cut int, slow bool) {
	var wide uint64
	for i := 0; i < 64; i += 8 {
		wide |= packHighBits(binary.LittleEndian.Uint64(chunk[i:])&highs) << i
	}
	for wide != 0 {
		c := bits.TrailingZeros64(wide)
		size := 0
		switch {
		case chunk[c] == 0xE2 && chunk[c+1] == 0x80:
			switch chunk[c+2] {
			case 0x93, 0x94, 0x98, 0x99, 0x9C, 0x9D, 0xA6: // – — ‘ ’ “ ” …
				size = 3
			}
		case chunk[c] == 0xC2 && chunk[c+1] == 0xA0:
			size = 2
		}
		if size == 0 || chunk[c+size] >= utf8.RuneSelf {
			return c, true
		}
		if c+size > 64 {
			return c, false
		}
		wide &^= (1<<size - 1) << c
	}
	return 64, false
}

// A pending word is built rune by rune.
type pending struct {
	start, end int // bytes of text; start < 0: no word
	buf        int // where its normal form begins in Scanner.buf
	single     bool
}

// addRune adds a normalised and folded rune, which comes from text[from:to], to the pending
// word.
func (s *Scanner) addRune(w *pending, k kind, r rune, from, to int) {
	switch k {
	case separator:
		s.endWord(w)
		return
	case ignored:
		return
	case letter:
		if w.single {
			s.endWord(w)
		}
	case single:
		s.endWord(w)
	}
	if w.start < 0 {
		*w = pending{start: from, buf: len(s.buf), single: k == single}
	}
	w.end = to
	if r < utf8.RuneSelf {
		s.buf = append(s.buf, byte(r))
	} else {
		s.buf = utf8.AppendRune(s.buf, r)
	}
}

// endWord appends the pending word to the block, if there is one.
func (s *Scanner) endWord(w *pending) {
	if w.start < 0 {
		return
	}
	k := s.len
	if k == len(s.hash) { // only a rune that decomposes into very many words gets here
		s.grow()
	}
	s.hash[k] = HashWord(s.buf[w.buf:])
	s.setEdges(k, uint32(w.start), uint32(w.end))
	s.folded[k] = uint32(w.buf) + 1
	s.buf = append(s.buf, 0)
	s.len++
	*w = pending{start: -1}
}

func (s *Scanner) grow() {
	s.hash = append(s.hash, make([]uint64, blockWords)...)
	s.edges = append(s.edges, make([]uint32, 2*blockWords)...)
	s.folded = append(s.folded, make([]uint32, blockWords)...)
}

// fillRunes continues at byte i rune by rune. It returns, with no pending word, after a
// separator that an ASCII byte follows, when the block is full, or at the end of the text.
func (s *Scanner) fillRunes(i int) {
	if s.plane == nil {
		s.plane = basicPlane()
	}
	text := s.text
	w := pending{start: -1}
	var ccc uint8 // of the last rune
	for i < len(text) {
		c := text[i]
		if c < utf8.RuneSelf {
			k, r := asciiKind(c)
			s.addRune(&w, k, r, i, i+1)
			i++
			ccc = 0
			if k == separator && (s.len >= blockWords || i+72 <= len(text) && text[i] < utf8.RuneSelf) {
				s.pos = i
				return
			}
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		k, f, cc := lookup(s.plane, r)
		if k == compose || cc != 0 && cc < ccc {
			i = s.fillSegments(&w, i)
			ccc = 0 // a segment begins with a boundary
			continue
		}
		if s.len >= blockWords && (k == separator || k == single) {
			break
		}
		s.addRune(&w, k, f, i, i+size)
		ccc = cc
		i += size
	}
	s.endWord(&w)
	s.pos = i
}

// asciiKind is classify for one ASCII byte.
func asciiKind(c byte) (kind, rune) {
	if l := c | 0x20; 'a' <= l && l <= 'z' || '0' <= c && c <= '9' {
		return letter, rune(l)
	}
	return separator, 0
}

// fillSegments normalises text around byte i, whose rune cannot be classified alone.
// If it may combine with what precedes it, the pending word is dropped and read again from
// its first byte, or from the last boundary before it. It continues, a segment at a time,
// until the current word has ended or can only end, so no byte is read more than twice.
// It returns the first byte not read.
func (s *Scanner) fillSegments(w *pending, i int) int {
	from := i
	if !norm.NFKC.Properties(s.text[i:]).BoundaryBefore() {
		if w.start >= 0 {
			from = w.start
			s.buf = s.buf[:w.buf]
			*w = pending{start: -1}
		}
		for from > 0 && !norm.NFKC.Properties(s.text[from:]).BoundaryBefore() {
			_, size := utf8.DecodeLastRune(s.text[:from])
			from -= size
		}
	}
	for b, e := from, from; e < len(s.text); b = e {
		e = b + norm.NFKC.NextBoundary(s.text[b:], true)
		s.iter.Init(norm.NFKC, s.text[b:e])
		for !s.iter.Done() {
			for part := s.iter.Next(); len(part) > 0; {
				r, size := utf8.DecodeRune(part)
				k, f := classify(r)
				s.addRune(w, k, f, b, e)
				part = part[size:]
			}
		}
		if e <= i || e == len(s.text) {
			continue
		}
		if w.start < 0 {
			return e
		}
		if w.single {
			next, _ := utf8.DecodeRune(s.text[e:])
			if k, _, _ := lookup(s.plane, next); k == separator || k == letter || k == single {
				return e
			}
		}
	}
	return len(s.text)
}
