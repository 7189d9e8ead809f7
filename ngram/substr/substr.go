// Package substr finds every place where a set of texts and a document share n
// characters or more in a row: GPT-4's matching, for which n is 50.
//
// A [Builder] builds an [Index] of the texts, which any number of goroutines may use. Each
// has a [Matcher], which compares documents with the index and reports runs as package
// exact does; their Words are characters. Hashes only propose candidates: every byte of a
// run has been compared.
//
// # Characters
//
// The recipe "chars" keeps letters, marks and numbers (Unicode categories L, M and
// N) and removes everything else, including spaces. GPT-4's report says "removing all
// spaces and symbols, keeping only characters (including numbers)" and no more; case is
// kept and nothing is normalised, so "É" matches neither "é" nor "E" with a combining
// accent. Marks are kept because Indic and Thai scripts write vowels with them;
// variation selectors and the grapheme joiner, which are marks only by name, are
// removed. Bytes that are not UTF-8 are removed. A character is one code point.
//
// The recipe "raw" is StarCoder's `substring.lower() in content.lower()`: every
// character is kept, in simple lower case (Python's lower differs in two letters: it turns
// İ into two characters, and Σ at the end of a word into ς). All bytes that are not UTF-8
// are kept as the same character. It is built with n = [Whole].
//
// # Layout
//
// All texts are one array of UTF-8, a byte 0xFF before and after each. Sharing 50
// characters is sharing at least 50 bytes, and of those, whatever the alignment,
// 24 begin at a multiple of 3 bytes of the text and a multiple of 8 of the
// document (3 and 8 have no common divisor, and 24+24-1 <= 50). So one in 3 of the
// texts' 24-byte grams is indexed and one in 8 of the document's is looked up; a
// bit filter rejects most of them. A gram that both have is extended to both sides byte by
// byte and cut to whole characters. Texts of more than 32 MiB are indexed at multiples of
// 8, and one in 3 of the document's grams is looked up: half the memory, and half the speed.
//
// A run is extended at its first such gram only: entries of one gram are sorted by
// the gram 24 bytes before them, so those that continue the document's gram 24 bytes
// before are skipped together. The work of a document is therefore linear in its length, in
// the number of places where it shares 24 bytes with a text, and, 256 bytes a step, in the
// lengths of the runs there. A phrase in very many texts costs a step for each text, as a
// longer run would.
//
// Texts shorter than n match only as a whole. They are sorted, and each refers to the
// longest other text that it begins with. Those of 31 bytes and more (of 26, if texts
// take more than 32 MiB) are looked up with the long ones; others in passes of their
// own, made only if there are such texts: for 14 bytes and more, for 8, and for the
// rest. The last pass reads every byte of the document, and continues where two bytes are
// the beginning of such a text.
//
// Ten million characters of texts take about 115 MB: 10 of text, 28 of entries, 42
// of slots, 27 of gram numbers, 4 of filter. A hundred million, indexed at multiples
// of 8, take 510 MB.
package substr

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"swab/ngram"

	"github.com/zeebo/xxh3"
)

// Whole as n makes every text match only as a whole.
const Whole = 1<<31 - 1

// denseBytes is the greatest size of texts that are indexed for speed instead of memory.
const denseBytes = 32 << 20

// MaxBytes is the greatest size of all texts of an index, in bytes of their characters.
const MaxBytes = 1<<32 - 1<<10

// Recipe returns the recipe of letters, marks and numbers, in windows of n.
func Recipe(n int) ngram.Recipe {
	return ngram.Recipe{Version: 1, Norm: "chars", Unit: "char", N: n, Hash: "none"}
}

// RawRecipe returns the recipe of every character in lower case, in windows of n.
func RawRecipe(n int) ngram.Recipe {
	return ngram.Recipe{Version: 1, Norm: "raw", Unit: "char", N: n, Hash: "none"}
}

// Bytes that UTF-8 never contains.
const (
	endOfText = 0xFF // before, between and after texts
	endOfDoc  = 0xFE // after a document
)

// A Builder collects texts.
type Builder struct {
	index   *Index
	numbers map[uint64]uint32 // hash of a text, or the next free key after it, to its number
	scratch []byte
	marks   []mark
	dense   int // denseBytes, or less in tests
}

// NewBuilder returns a builder of an index by the recipe "chars".
func NewBuilder() *Builder { return newBuilder(chars(), Recipe) }

// NewRawBuilder returns a builder of an index by the recipe "raw".
func NewRawBuilder() *Builder { return newBuilder(raw(), RawRecipe) }

func newBuilder(c *class, recipe func(n int) ngram.Recipe) *Builder {
	x := &Index{class: c, recipe: recipe(0), letters: []byte{endOfText}, starts: []uint32{1}}
	return &Builder{index: x, numbers: map[uint64]uint32{}, dense: denseBytes}
}

// Words returns how many characters a text has.
func (b *Builder) Words(number int) int { return b.index.Words(number) }

// Add adds a text and returns its number. Texts with the same characters have the same
// number; numbers count up from 0.
func (b *Builder) Add(text string) (number int, err error) {
	x := b.index
	b.scratch = slices.Grow(b.scratch[:0], maxOutput(len(text)))
	size, count, marks := x.class.apply(b.scratch[:cap(b.scratch)], []byte(text), b.marks[:0])
	b.marks = marks
	added := b.scratch[:size]
	if len(x.letters)+size >= MaxBytes {
		return 0, fmt.Errorf("the benchmarks' texts have more than %d bytes", MaxBytes)
	}
	key := xxh3.Hash(added)
	for ; ; key++ {
		same, ok := b.numbers[key]
		if !ok {
			break
		}
		if bytes.Equal(x.text(int(same)), added) {
			return int(same), nil
		}
	}
	number = x.Texts()
	b.numbers[key] = uint32(number)
	x.letters = append(append(x.letters, added...), endOfText)
	x.starts = append(x.starts, uint32(len(x.letters)))
	x.chars = append(x.chars, uint32(count))
	return number, nil
}

// Build returns the index of windows of n characters. The builder must not be used again.
func (b *Builder) Build(n int) (*Index, error) {
	if n < 1 || n > Whole {
		return nil, fmt.Errorf("windows of %d characters: there must be at least 1", n)
	}
	x := b.index
	b.index, b.numbers = nil, nil
	x.recipe.N = n
	x.letters = append(x.letters, bytes.Repeat([]byte{endOfText}, 8)...) // eight bytes can be read anywhere
	sum := 0
	for block := range slices.Chunk(x.letters, countEvery) {
		x.before = append(x.before, uint32(sum))
		sum += countChars(block)
	}
	x.addLevels(longGrid(n, len(x.letters) <= b.dense))
	return x, nil
}

// addLevels adds all levels; g is the grid for the texts of n characters and more.
func (x *Index) addLevels(g grid) {
	grids := shortGrids(g)
	long, short := []int(nil), make([][]int, len(grids))
	for t := range x.Texts() {
		if x.Words(t) >= x.recipe.N {
			long = append(long, t)
			continue
		}
		size := len(x.text(t))
		for i, f := range grids {
			if size >= f.minShared() {
				short[i] = append(short[i], t)
				break
			}
		}
	}
	shared := slices.Index(grids, grid{g.width, 1, g.probe})
	if shared < 0 && long != nil {
		x.levels = append(x.levels, x.newLevel(g, long, nil))
	}
	for i, f := range grids {
		switch {
		case i == shared && long != nil:
			x.levels = append(x.levels, x.newLevel(g, long, short[i]))
		case short[i] != nil && f.probe == 1:
			x.addTiny(x.newLevel(f, nil, short[i]))
		case short[i] != nil:
			x.levels = append(x.levels, x.newLevel(f, nil, short[i]))
		}
	}
}

// A grid defines which grams are compared: of texts those that begin at a multiple of
// stride, of documents those at a multiple of probe, which have no common divisor.
type grid struct{ width, stride, probe int }

// period returns the distance between two compared grams of a run.
func (g grid) period() int { return g.stride * g.probe }

// minShared is how many bytes must be shared for a gram to be compared.
func (g grid) minShared() int { return g.width + g.period() - 1 }

// longGrid returns the grid for texts of n characters and more: a dense one looks up
// less of a document. Width is never below the period, so that a gram and the one before
// it leave no gap.
func longGrid(n int, dense bool) grid {
	for _, g := range []grid{{24, 3, 8}, {24, 8, 3}, {24, 1, 3}} {
		if n >= g.minShared() && (dense || g.stride != 3) {
			return g
		}
	}
	return grid{min(n, 24), 1, 1}
}

// shortGrids returns the grids for texts that match as a whole, in addition to a grid for
// long texts, whose pass the first may share.
func shortGrids(long grid) []grid {
	probe := 8
	if long.width == 24 && long.probe > 1 {
		probe = long.probe
	}
	return []grid{{24, 1, probe}, {12, 1, 3}, {6, 1, 3}, {4, 1, 1}, {3, 1, 1}, {2, 1, 1}, {1, 1, 1}}
}

// An Index of the windows of texts.
type Index struct {
	class   *class
	recipe  ngram.Recipe
	letters []byte   // the texts' characters, endOfText before, between and after them
	starts  []uint32 // text t is letters[starts[t]:starts[t+1]-1]
	chars   []uint32 // of each text
	before  []uint32 // characters before every countEvery-th byte of letters
	levels  []*level
	tiny    []*level        // of short texts only, looked up at every byte of a document
	pairs   *[1 << 13]uint8 // bits: the two bytes that a text of tiny levels may begin with
}

// A level is a pass over the document: the grams of one grid.
type level struct {
	grid
	second, third int    // where in a gram the second and third eight bytes begin
	mask          uint64 // of the bytes of a gram shorter than eight
	filter        []uint64
	shift         uint

	grams   table   // of long texts
	entries []entry // those of gram g are entries[first[g]:first[g+1]], by pred
	first   []uint32

	heads  table    // the first grams of short texts
	short  []uint32 // numbers of short texts in the order of their bytes
	prefix []int32  // of each, the index in short of the longest other that it begins with, or -1
	group  []uint32 // those that begin with head h are short[group[h]:group[h+1]]
}

// An entry is an occurrence of a gram in the texts.
type entry struct {
	at   uint32
	pred uint32 // the gram a period before it in its text, or none
}

// countEvery is how many bytes may be read to count the characters before a byte.
const countEvery = 64

const none = 1<<32 - 1

func (x *Index) text(t int) []byte { return x.letters[x.starts[t] : x.starts[t+1]-1] }

// count returns the number of characters in letters[from:to].
func (x *Index) count(from, to int) int {
	upTo := func(at int) int {
		b := at / countEvery
		return int(x.before[b]) + countChars(x.letters[b*countEvery:at])
	}
	return upTo(to) - upTo(from)
}

// Recipe returns the recipe by which documents are read.
func (x *Index) Recipe() ngram.Recipe { return x.recipe }

// N returns the number of characters in a window.
func (x *Index) N() int { return x.recipe.N }

// Texts returns the number of distinct texts.
func (x *Index) Texts() int { return len(x.chars) }

// Words returns how many characters text t has.
func (x *Index) Words(t int) int { return int(x.chars[t]) }

// Bytes returns about how much memory the index takes.
func (x *Index) Bytes() int64 {
	sum := len(x.letters) + 4*(len(x.starts)+len(x.chars)+len(x.before))
	for _, l := range slices.Concat(x.levels, x.tiny) {
		sum += 8*(len(l.filter)+len(l.entries)+len(l.grams.slots)+len(l.heads.slots)) +
			4*(len(l.first)+len(l.grams.at)+len(l.heads.at)+len(l.short)+len(l.prefix)+len(l.group))
	}
	return int64(sum)
}

func (x *Index) newLevel(g grid, long, short []int) *level {
	l := &level{grid: g, third: max(0, g.width-8), mask: ^uint64(0)}
	l.second = min(8, l.third)
	if g.width < 8 {
		l.mask = 1<<(8*g.width) - 1
	}
	count := 0
	for _, t := range long {
		count += (len(x.text(t))-g.width)/g.stride + 1
	}
	// A filter word of 64 bits for 4 to 8 grams.
	size := max(bits.Len(uint(max(count+g.probe*len(short)-1, 0)>>3)), 6)
	l.filter, l.shift = make([]uint64, 1<<size), uint(64-size)
	x.addLong(l, long, count)
	x.addShort(l, short)
	return l
}

func (x *Index) addLong(l *level, texts []int, count int) {
	l.grams = newTable(l.width, count)
	numbers := make([]uint32, 0, count) // of the grams of all texts, one after the other
	for _, t := range texts {
		for at := int(x.starts[t]); at+l.width < int(x.starts[t+1]); at += l.stride {
			h := l.hash(x.letters, at)
			l.filter[h>>l.shift] |= filterBits(h)
			numbers = append(numbers, uint32(l.grams.insert(x.letters, h, at)))
		}
	}
	l.first = make([]uint32, len(l.grams.at)+1)
	for _, g := range numbers {
		l.first[g+1]++
	}
	for g := range l.grams.at {
		l.first[g+1] += l.first[g]
	}
	l.entries = make([]entry, count)
	fill := slices.Clone(l.first)
	i := 0
	for _, t := range texts {
		begin := i
		for at := int(x.starts[t]); at+l.width < int(x.starts[t+1]); at += l.stride {
			e := entry{uint32(at), none}
			if i-begin >= l.probe { // a period is probe strides
				e.pred = numbers[i-l.probe]
			}
			g := numbers[i]
			l.entries[fill[g]] = e
			fill[g]++
			i++
		}
	}
	for g := range l.grams.at {
		slices.SortFunc(l.entries[l.first[g]:l.first[g+1]], func(a, b entry) int { return cmp.Compare(a.pred, b.pred) })
	}
}

func (x *Index) addShort(l *level, texts []int) {
	slices.SortFunc(texts, func(a, b int) int { return bytes.Compare(x.text(a), x.text(b)) })
	l.heads = newTable(l.width, len(texts))
	for i, t := range texts {
		at := int(x.starts[t])
		for o := range l.probe {
			h := l.hash(x.letters, at+o)
			l.filter[h>>l.shift] |= filterBits(h)
		}
		if g := l.heads.insert(x.letters, l.hash(x.letters, at), at); g == len(l.group) {
			l.group = append(l.group, uint32(i))
		}
		p := int32(i) - 1
		for p >= 0 && !bytes.HasPrefix(x.text(t), x.text(int(l.short[p]))) {
			p = l.prefix[p]
		}
		l.short, l.prefix = append(l.short, uint32(t)), append(l.prefix, p)
	}
	l.group = append(l.group, uint32(len(texts)))
}

// addTiny adds a level to those that are looked up at every byte of a document.
func (x *Index) addTiny(l *level) {
	if x.pairs == nil {
		x.pairs = new([1 << 13]uint8)
	}
	x.tiny = append(x.tiny, l)
	for _, at := range l.heads.at {
		first, second := uint16(x.letters[at]), uint16(x.letters[at+1])
		if l.width > 1 {
			p := second<<8 | first
			x.pairs[p>>3] |= 1 << (p & 7)
			continue
		}
		for second := range uint16(256) { // the text ends there, and any byte may follow
			p := second<<8 | first
			x.pairs[p>>3] |= 1 << (p & 7)
		}
	}
}

// hash returns the hash of the gram that begins at byte at of b, after which eight bytes
// can be read.
func (l *level) hash(b []byte, at int) uint64 {
	return mix(
		binary.LittleEndian.Uint64(b[at:])&l.mask,
		binary.LittleEndian.Uint64(b[at+l.second:])&l.mask,
		binary.LittleEndian.Uint64(b[at+l.third:])&l.mask)
}

func mix(a, b, c uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd6e8feb86659fd93)
	hi, lo = bits.Mul64(hi^lo^c, 0xa0761d6478bd642f)
	return hi ^ lo
}

// filterBits picks the three bits of a filter word that a gram sets.
func filterBits(hash uint64) uint64 { return 1<<(hash&63) | 1<<(hash>>6&63) | 1<<(hash>>12&63) }

// A table numbers distinct grams, open addressing in 8-byte slots.
type table struct {
	width int
	slots []slot
	at    []uint32 // first occurrence of gram g in the letters
}

type slot struct {
	tag    uint32 // low half of the hash
	number uint32 // 1 + the gram's number; 0: the slot is empty
}

func newTable(width, maxGrams int) table {
	return table{width: width, slots: make([]slot, maxGrams+maxGrams/2+1)}
}

func (t *table) homeSlot(hash uint64) int {
	hi, _ := bits.Mul64(hash, uint64(len(t.slots)))
	return int(hi)
}

// insert adds the gram that begins at byte at of the letters, and returns its number.
func (t *table) insert(letters []byte, hash uint64, at int) int {
	g, i := t.find(letters, hash, letters[at:at+t.width])
	if g < 0 {
		g = len(t.at)
		t.slots[i] = slot{uint32(hash), uint32(g) + 1}
		t.at = append(t.at, uint32(at))
	}
	return g
}

// find returns the number of a gram, or -1 and the slot that it would take.
func (t *table) find(letters []byte, hash uint64, gram []byte) (number, free int) {
	for i := t.homeSlot(hash); ; i++ {
		if i == len(t.slots) {
			i = 0
		}
		s := t.slots[i]
		if s.number == 0 {
			return -1, i
		}
		if s.tag == uint32(hash) {
			at := t.at[s.number-1]
			if string(letters[at:at+uint32(t.width)]) == string(gram) {
				return int(s.number - 1), i
			}
		}
	}
}
