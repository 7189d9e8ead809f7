package ngram

import (
	"bytes"
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

	fast  bool // listEdges and hashWords are used
	table bool // fillTable is used
	iter  norm.Iter
	split *splitter // for recipes other than "words"
	ended bool      // an empty word at the text's end was added, or is not needed
}

func newScanner(n int) *Scanner {
	size := blockWords + 2*MaxN
	return &Scanner{n: n, fast: listsFast, table: true,
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

// shapeOf is ShapeOf for the normal form that begins buf and that a 0 byte ends.
func shapeOf(buf []byte) Shape {
	first, size := ShapeOf(buf[:1])-1, 0
	for len(buf) >= 8 {
		v := binary.LittleEndian.Uint64(buf)
		starts := ones &^ (v >> 7 &^ (v >> 6)) // of characters: bytes that are not 10xxxxxx
		if end := (v - ones) &^ v & highs; end != 0 {
			starts &= end&-end>>7 - 1
			return first + Shape(min(size+int(starts*ones>>56), 15))
		}
		size += int(starts * ones >> 56)
		buf = buf[8:]
	}
	for _, c := range cString(buf) {
		if c&0xC0 != 0x80 {
			size++
		}
	}
	return first + Shape(min(size, 15))
}

// AppendShapes appends the shapes of the block's words.
func (s *Scanner) AppendShapes(dst []Shape) []Shape {
	first := len(dst)
	dst = slices.Grow(dst, s.len)[:first+s.len]
	text, folded := s.text, s.folded[:s.len]
	edges, shapes := s.edges[:2*len(folded)], dst[first:][:len(folded)]
	buf := s.buf[:cap(s.buf)]
	for i, folded := range folded {
		if folded != 0 {
			shapes[i] = shapeOf(buf[folded-1:])
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
		form := s.buf[o-1:]
		return len(form) > len(word) && form[len(word)] == 0 && string(form[:len(word)]) == string(word)
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
func cString(b []byte) []byte { return b[:bytes.IndexByte(b, 0)] }

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
	for !slow && pos+80 <= len(text) && n < 2*blockWords {
		if s.fast {
			pos, n, in = listEdges(edges, n, text, pos, in)
			if pos+80 > len(text) || n >= 2*blockWords {
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
	tail := !slow && pos+80 > len(text)
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
// at least 16 bytes of text follow the beginning of each, and 8 its end.
func (s *Scanner) hashASCII(first, k int) {
	clear(s.folded[first:k])
	if s.fast {
		hashWords(s.hash[first:k], s.edges[2*first:2*k], s.text)
		return
	}
	text, edges, hash := s.text, s.edges[2*first:2*k], s.hash[first:k]
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
// separator that ASCII follows, when the block is full, or at the end of the text. What
// fillTable does not know it does itself, to the end of the word.
func (s *Scanner) fillRunes(i int) {
	text := s.text
	w := pending{start: -1}
	var ccc uint8 // of the last rune
	between := true
	for i < len(text) {
		if between && s.table {
			var done bool
			if i, done = s.fillTable(i); done || i == len(text) {
				s.pos = i
				return
			}
			between = false
		}
		c := text[i]
		if c < utf8.RuneSelf {
			k, r := asciiKind(c)
			s.addRune(&w, k, r, i, i+1)
			i++
			ccc = 0
			if between = k == separator; between && s.leavesRunes(s.len, i) {
				s.pos = i
				return
			}
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		k, f, cc := lookup(r)
		if k == compose || cc != 0 && cc < ccc {
			i = s.fillSegments(&w, i)
			ccc = 0 // a segment begins with a boundary
			continue
		}
		if s.len >= blockWords && (k == separator || k == single) {
			break
		}
		s.addRune(&w, k, f, i, i+size)
		between = k == separator
		ccc = cc
		i += size
	}
	s.endWord(&w)
	s.pos = i
}

// leavesRunes reports whether fill goes on at byte i, behind a separator: the block of n words is
// full, or ASCII follows.
func (s *Scanner) leavesRunes(n, i int) bool {
	return n >= blockWords || i+72 <= len(s.text) && binary.LittleEndian.Uint64(s.text[i:])&highs == 0
}

// fillTable is fillRunes for runes of the basic plane that have an entry in a table, which are
// nearly all. It begins between words, and returns the first byte not read, and whether
// fillRunes is done: if not, that byte is, or begins a word that has, a rune without an entry,
// or is one of the last of the text. Like fill it lists words first, then it hashes them.
func (s *Scanner) fillTable(i int) (next int, done bool) {
	text, n := s.text, s.len
	e, size := entryAt(text, i)
	for {
		switch k := e.starter(); {
		case k == uint16(ignored):
			i += size
			e, size = entryAt(text, i)
			continue
		case k == uint16(separator):
			i += size
			if done = s.leavesRunes(n, i); !done {
				e, size = entryAt(text, i)
				continue
			}
		case k == uint16(single):
			from := i
			if i, n = s.listSingles(i, n); i > from {
				e, size = entryAt(text, i)
				continue
			}
			done = n >= blockWords
		}
		if done {
			break
		}
		first := len(s.buf)
		end, next, following, itsSize := s.readWord(i, e, size)
		if end < 0 {
			s.buf = s.buf[:first]
			break
		}
		s.setEdges(n, uint32(i), uint32(end))
		s.folded[n] = uint32(first) + 1
		s.buf = append(s.buf, 0)
		i, n, e, size = next, n+1, following, itsSize
	}
	s.hashFolded(s.len, n)
	s.len = n
	return i, done
}

// readWord appends the normal form of the word at byte i to s.buf, where e is the entry of its
// first rune, of size bytes. It returns where the word ends, and where the rune is that ended it
// with its entry and size; an end of -1 if it may have a rune without an entry.
func (s *Scanner) readWord(i int, e entry, size int) (end, next int, _ entry, _ int) {
	text, class := s.text, uint8(0)
	joins := letter // the kind that, besides marks, goes on with the word
	if e.kind() == single {
		joins = mark
	}
	for end = -1; ; {
		k, c := e.kind(), e.ccc()
		switch {
		case k == unknown, k > ignored, c != 0 && (c < class || k != mark):
			return -1, i, e, size
		case end >= 0 && k == ignored:
			i += size
		case end >= 0 && k != mark && k != joins:
			return end, i, e, size
		default:
			s.buf = slices.Grow(s.buf, 64)
			buf, b := s.buf[:cap(s.buf)], len(s.buf)
			binary.LittleEndian.PutUint32(buf[b:], uint32(e.utf8()))
			b += int(e.size())
			i += size
			if joins == letter {
				i, b = appendLetters(text, i, buf, b)
			}
			s.buf, end = buf[:b], i
		}
		class = c
		e, size = entryAt(text, i)
	}
}

// entryAt returns the entry of the rune at text[i:] and its size in bytes; one of the kind
// unknown for what is no rune of the basic plane in UTF-8, and for the last bytes of the text.
func entryAt(text []byte, i int) (entry, int) {
	if i+4 > len(text) {
		return 0, 0
	}
	x := binary.LittleEndian.Uint32(text[i:])
	switch {
	case x&0x80 == 0:
		return asciiEntries[x&0x7F], 1
	case x&0xC0E0 == 0x80C0 && x&0x1E != 0:
		return entry(runeTable[x&0x1F<<6|x>>8&0x3F].Load()), 2
	case x&0xC0C0F0 == 0x8080E0 && x&0x200F != 0: // neither is longer than it need be
		return entry(runeTable[threeBytes(x)].Load()), 3
	}
	return 0, 0
}

// threeBytes returns the rune of which x has the three bytes.
func threeBytes(x uint32) uint32 { return x&0x0F<<12 | x>>2&0xFC0 | x>>16&0x3F }

// appendLetters writes the normal form of the letters at text[i:] into buf from byte b on, and
// returns where it ended in both: at anything else, or where there is no room.
func appendLetters(text []byte, i int, buf []byte, b int) (int, int) {
	for i+4 <= len(text) && b+8 <= len(buf) {
		x := binary.LittleEndian.Uint32(text[i:])
		if x&0xC0E0C0E0 == 0x80C080C0 { // two of two bytes, as in Cyrillic
			e := entry(runeTable[x&0x1F<<6|x>>8&0x3F].Load())
			f := entry(runeTable[x>>10&0x7C0|x>>24&0x3F].Load())
			if ((e^letterOfTwo)|(f^letterOfTwo))&formMask == 0 {
				binary.LittleEndian.PutUint32(buf[b:], uint32(e.utf8()|f.utf8()<<16))
				i, b = i+4, b+4
				continue
			}
		}
		var e entry
		size := 1
		switch {
		case x&0x80 == 0:
			e = asciiEntries[x&0x7F]
		case x&0xC0E0 == 0x80C0 && x&0x1E != 0:
			e, size = entry(runeTable[x&0x1F<<6|x>>8&0x3F].Load()), 2
		case x&0xC0C0F0 == 0x8080E0 && x&0x200F != 0:
			e, size = entry(runeTable[threeBytes(x)].Load()), 3
		default:
			return i, b
		}
		if e.starter() != uint16(letter) {
			return i, b
		}
		binary.LittleEndian.PutUint32(buf[b:], uint32(e.utf8()))
		b += int(e.size())
		i += size
	}
	return i, b
}

// listSingles lists, as word n and those after it, the runes at text[i:] of the kind single and
// of three bytes that no mark follows, and passes separators between them. It returns the first
// byte not read and the number of words.
func (s *Scanner) listSingles(i, n int) (int, int) {
	text := s.text
	s.buf = slices.Grow(s.buf, 4*(blockWords+1))
	b := len(s.buf)
	buf := s.buf[b:cap(s.buf)]
	edges := s.edges[2*n : 2*max(n, blockWords)]
	w := 0 // edges listed, half of the bytes of buf
	for i+4 <= len(text) && w+2 <= len(edges) && 2*w+4 <= len(buf) {
		x := binary.LittleEndian.Uint32(text[i:])
		if x&0xC0C0F0 != 0x8080E0 || x&0x200F == 0 {
			break
		}
		e := entry(runeTable[threeBytes(x)].Load())
		if e&formMask != singleOfThree {
			if e.starter() == uint16(separator) {
				i += 3
				continue
			}
			break
		}
		binary.LittleEndian.PutUint32(buf[2*w:], uint32(e.utf8()))
		edges[w] = uint32(i)
		i += 3
		edges[w+1] = uint32(i)
		w += 2
	}
	if next, _ := entryAt(text, i); w > 0 && int(edges[w-1]) == i && next.goesOn() { // it may go on with the last word
		w -= 2
		i -= 3
	}
	folded := s.folded[n : n+w/2]
	for k := range folded {
		folded[k] = uint32(b+4*k) + 1
	}
	s.buf = s.buf[:b+2*w]
	return i, n + w/2
}

// hashFolded hashes words first to k, not included, whose normal forms follow each other in
// s.buf.
func (s *Scanner) hashFolded(first, k int) {
	if first == k {
		return
	}
	s.buf = slices.Grow(s.buf, 8)
	buf := s.buf[:cap(s.buf)]
	folded, hash := s.folded[first:k], s.hash[first:k]
	for i := range hash {
		b, end := int(folded[i])-1, len(s.buf)
		if i+1 < len(folded) {
			end = int(folded[i+1]) - 1
		}
		size := uint(end - 1 - b)
		h := uint64(wordSeed)
		for ; size > 8; size -= 8 {
			h = mix(h ^ binary.LittleEndian.Uint64(buf[b:]))
			b += 8
		}
		c := binary.LittleEndian.Uint64(buf[b:]) & (^uint64(0) >> (64 - 8*size))
		hash[i] = mix(h ^ c)
	}
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
			if k, _, _ := lookup(next); k == separator || k == letter || k == single {
				return e
			}
		}
	}
	return len(s.text)
}
