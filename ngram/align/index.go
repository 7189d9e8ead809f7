package align

import (
	"fmt"
	"math"
	"math/bits"

	"swab/ngram"
	"swab/ngram/plain"

	"github.com/zeebo/xxh3"
)

// A Builder collects texts.
type Builder struct {
	index   *Index
	clean   plain.Cleaner
	scan    *ngram.Scanner
	numbers []uint32 // of words by their hashes, by which they are compared with documents too: a hash table
	texts   map[textKey]uint32
	groups  []int    // of the texts
	times   []uint32 // how many texts each is for
	spans   []ngram.Span
	scratch []byte
}

type textKey struct {
	group int
	words xxh3.Uint128
}

// NewBuilder makes a builder.
func NewBuilder() *Builder {
	x := &Index{
		vocabulary: newVocabulary(), hashes: []uint64{0}, knowns: []uint8{0}, spellings: []spelling{0}, ends: []uint32{0},
		words: []uint32{0}, kinds: []kind{0}, operators: []uint8{0}, starts: []uint32{1},
	}
	return &Builder{index: x, scan: singleWords(), numbers: make([]uint32, 1<<10), texts: map[textKey]uint32{}}
}

func singleWords() *ngram.Scanner {
	scan, err := ngram.Words(1).NewScanner()
	if err != nil {
		panic(err) // the recipe is this program's own
	}
	return scan
}

// Add takes a text of a group and returns its number. A group is the texts among which
// words are common or rare, such as the questions of one benchmark. Texts of a group
// with the same words have the same number; numbers grow from 0. What many texts of a
// group hold weighs less; with once, a text that is added many times is one of them.
func (b *Builder) Add(group int, text string, once bool) (int, error) {
	x := b.index
	first := len(x.words)
	plain := b.clean.Clean([]byte(text))
	b.spans = b.spans[:0]
	for b.scan.Reset(plain); b.scan.Next(); {
		for i, hash := range b.scan.Hashes() {
			number, ok := b.number(hash)
			if !ok {
				b.scratch = b.scan.AppendWord(b.scratch[:0], i)
				x.hashes = append(x.hashes, hash)
				x.spellings = append(x.spellings, spellingOf(b.scratch))
				x.letters = append(x.letters, b.scratch...)
				x.ends = append(x.ends, uint32(len(x.letters)))
				x.knowns = append(x.knowns, x.vocabulary.known(hash, ngram.ShapeOf(b.scratch)))
			}
			at := ngram.Span{Start: b.scan.Start(i), End: b.scan.End(i)}
			op := uint8(0)
			if k := len(b.spans) - 1; k >= 0 {
				op = operator(plain, b.spans[k], at)
			}
			b.spans, x.operators = append(b.spans, at), append(x.operators, op)
			x.words, x.kinds = append(x.words, number), append(x.kinds, kindOf(plain, at, content(x.knowns[number])))
		}
	}
	if len(x.words) > MaxWords || len(x.letters) > MaxWords {
		return 0, fmt.Errorf("the benchmarks hold more than %d words, or letters of different words", MaxWords)
	}
	cite(plain, b.spans, x.kinds[first:])
	countOn(plain, b.spans, x.kinds[first:])
	return b.end(group, first, once), nil
}

// number returns the number of the word of a hash, and whether it is known; the number of one that
// is not is taken by it.
func (b *Builder) number(hash uint64) (number uint32, known bool) {
	x := b.index
	at := b.home(hash)
	for ; b.numbers[at] != 0; at = (at + 1) & (len(b.numbers) - 1) {
		if n := b.numbers[at]; x.hashes[n] == hash {
			return n, true
		}
	}
	number = uint32(len(x.hashes))
	b.numbers[at] = number
	if 2*len(x.hashes) > len(b.numbers) {
		b.numbers = make([]uint32, 2*len(b.numbers))
		for n, hash := range append(x.hashes[1:len(x.hashes):len(x.hashes)], hash) {
			at := b.home(hash)
			for b.numbers[at] != 0 {
				at = (at + 1) & (len(b.numbers) - 1)
			}
			b.numbers[at] = uint32(n) + 1
		}
	}
	return number, false
}

// home returns the slot of the table at which the search for a word begins.
func (b *Builder) home(hash uint64) int { return int(hash>>32) & (len(b.numbers) - 1) }

// AddSibling is Add for a text of an item that only competes: it weighs nothing in the group.
func (b *Builder) AddSibling(group int, text string, _ bool) (int, error) {
	count := b.index.Texts()
	t, err := b.Add(group, text, true)
	if err == nil && t == count {
		b.times[t] = 0
	}
	return t, err
}

// end makes the words from place first on a text, unless there is one of the same words.
func (b *Builder) end(group, first int, once bool) int {
	x := b.index
	b.scratch = b.scratch[:0]
	for _, w := range x.words[first:] {
		b.scratch = append(b.scratch, byte(w), byte(w>>8), byte(w>>16), byte(w>>24))
	}
	key := textKey{group, xxh3.Hash128(b.scratch)}
	if same, ok := b.texts[key]; ok {
		x.words, x.kinds, x.operators = x.words[:first], x.kinds[:first], x.operators[:first]
		if !once {
			b.times[same]++
		}
		return int(same)
	}
	number := x.Texts()
	b.texts[key] = uint32(number)
	b.groups, b.times = append(b.groups, group), append(b.times, 1)
	x.words, x.kinds, x.operators = append(x.words, 0), append(x.kinds, 0), append(x.operators, 0)
	x.starts = append(x.starts, uint32(len(x.words)))
	return number
}

// Recombine adds a text of a group that no document can hold: pieces of some texts in
// turn, each of piece words, until it is as long as text like. It weighs nothing in the
// group. The number is -1 when such a text would be one that was added.
func (b *Builder) Recombine(group, like int, texts []int, piece int) int {
	x := b.index
	first, count := len(x.words), x.Texts()
	size := x.Words(like)
	for at := 0; len(x.words)-first < size && at < size; at += piece {
		for _, t := range texts {
			from := int(x.starts[t]) + min(at, x.Words(t))
			to := min(from+piece, int(x.starts[t+1])-1)
			x.words, x.kinds = append(x.words, x.words[from:to]...), append(x.kinds, x.kinds[from:to]...)
			x.operators = append(x.operators, x.operators[from:to]...)
		}
	}
	end := min(len(x.words), first+size)
	x.words, x.kinds, x.operators = x.words[:end], x.kinds[:end], x.operators[:end]
	number := b.end(group, first, true)
	if number < count {
		return -1
	}
	b.times[number] = 0
	return number
}

// Words is how many words text t has.
func (b *Builder) Words(t int) int { return b.index.Words(t) }

// Build weighs the words and makes the index. The builder must not be used again.
func (b *Builder) Build() *Index { return b.BuildFor(nil) }

// BuildFor is Build of an index in which matchers find the texts of those groups for which
// wanted returns true; nil: of all.
func (b *Builder) BuildFor(wanted func(group int) bool) *Index {
	x := b.Weigh()
	x.table(func(t int) bool { return wanted == nil || wanted(b.groups[t]) })
	return x
}

// Weigh is Build of an index in which no matcher finds anything.
func (b *Builder) Weigh() *Index {
	x := b.index
	groups := map[int][]uint32{}
	var order []int
	for t, g := range b.groups {
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], uint32(t))
	}
	x.weights, x.says, x.spans = make([]uint16, len(x.words)), make([]uint8, len(x.words)), make([]uint8, len(x.words))
	x.cited, x.repeated = make([]int32, x.Texts()), make([]bool, x.Texts())
	x.totals, x.bars, x.least = make([]Info, x.Texts()), make([]int32, x.Texts()), make([]uint8, x.Texts())
	x.numbers = x.countNumbers()
	b.numbers, b.texts = nil, nil
	w := newWeigher(x, b.times)
	for _, g := range order {
		w.group(groups[g])
	}
	b.index = nil
	return x
}

// countNumbers returns how many words of each text are numbers.
func (x *Index) countNumbers() []uint16 {
	counts := make([]uint16, x.Texts())
	for t := range counts {
		for _, k := range x.kinds[x.starts[t] : x.starts[t+1]-1] {
			if k&number != 0 && counts[t] < math.MaxUint16 {
				counts[t]++
			}
		}
	}
	return counts
}

// Info is an amount of information, in units of a sixteenth of a bit: what words carry
// in their benchmark, and what they say by themselves.
type Info struct{ Own, Known int }

func (a Info) plus(b Info) Info { return Info{a.Own + b.Own, a.Known + b.Known} }

// An Index of texts whose words are weighed. It is read by any number of goroutines.
type Index struct {
	*vocabulary
	hashes    []uint64   // of distinct words; word 0 is none
	knowns    []uint8    // what is known of them, units
	spellings []spelling // of them
	letters   []byte     // of word w are letters[ends[w-1]:ends[w]]
	ends      []uint32

	words     []uint32 // the texts' words by number, 0 before, between and after texts
	kinds     []kind   // of the words, by place
	operators []uint8  // between the word before and this one, by place
	weights   []uint16 // own information, by place
	says      []uint8  // known information, by place
	spans     []uint8  // words of the text that the seed which begins at a place is in; 0: none begins
	starts    []uint32 // text t is words[starts[t]:starts[t+1]-1]
	totals    []Info   // by text
	cited     []int32  // by text: known information of the words in its quotations
	bars      []int32  // by text: own information below which a place of a document is not reported
	least     []uint8  // by text: fewer of its seeds than that never reach the bar
	repeated  []bool   // by text: it is an item asked again, which is found where it is whole
	numbers   []uint16 // by text: how many of its words are numbers, at the most

	slots  []slot
	links  []link // of one seed after another, last places first
	filter []uint64
	shift  uint
}

// A slot leads from a seed to the places at which it is.
type slot struct {
	hash uint64
	list
}

// A list is size links from one on; no links: none, and the slot is empty.
type list struct{ from, size uint32 }

// A link is a place and the text that it is in.
type link struct{ at, text uint32 }

// lettersOf returns word w as texts have it, in normal form.
func (x *Index) lettersOf(w uint32) []byte { return x.letters[x.ends[w-1]:x.ends[w]] }

// all returns the links of a list.
func (x *Index) linksOf(l list) []link { return x.links[l.from:][:l.size] }

// Texts is how many distinct texts there are.
func (x *Index) Texts() int { return len(x.starts) - 1 }

// Words is how many words text t has.
func (x *Index) Words(t int) int { return int(x.starts[t+1] - 1 - x.starts[t]) }

// Total is the information of text t.
func (x *Index) Total(t int) Info { return x.totals[t] }

// Bytes is about how much memory the index takes.
func (x *Index) Bytes() int64 {
	texts := 21*len(x.hashes) + len(x.letters) + 10*len(x.words) + 28*len(x.starts)
	return int64(texts + 16*len(x.slots) + 8*len(x.links) + 8*len(x.filter))
}

// window is in how many words of a document the seeds of text t must begin.
func (x *Index) windowSize(t int) int { return 2*x.Words(t) + 60 }

// content reports whether the word at a place is not common.
func (x *Index) content(at uint32) bool { return content(x.knowns[x.words[at]]) }

// seedHash is the hash of the words, of the n from a place on, that are not common.
func (x *Index) seedHash(at uint32, n int) (h uint64) {
	for k := at; k < at+uint32(n); k++ {
		if x.content(k) {
			h = ngram.AddWord(h, x.hashes[x.words[k]])
		}
	}
	return h
}

// table makes the table of seeds and the filter before it.
func (x *Index) table(wanted func(text int) bool) {
	count := 0
	for t := range x.Texts() {
		if !wanted(t) {
			continue
		}
		for _, n := range x.spans[x.starts[t]:x.starts[t+1]] {
			if n > 0 {
				count++
			}
		}
	}
	x.slots = make([]slot, count+count/2+1)
	size := max(bits.Len(uint(max(count-1, 0)>>3)), 8) // words of 64 bits, as a power of two
	x.filter, x.shift = make([]uint64, 1<<size), uint(64-size)
	x.eachSeed(wanted, func(s *slot, seed seedAt) {
		s.hash = seed.hash
		s.size++
	})
	end := uint32(0)
	for i := range x.slots {
		end += x.slots[i].size
		x.slots[i].from = end
	}
	x.links = make([]link, count)
	x.eachSeed(wanted, func(s *slot, seed seedAt) {
		x.filter[seed.hash>>x.shift] |= twoBits(seed.hash)
		s.from--
		x.links[s.from] = seed.link
	})
}

// A seedAt is the hash of a seed, and where it is.
type seedAt struct {
	hash uint64
	link
	loaded uint32 // of the memory that its slot takes
}

// eachSeed visits the seeds of the wanted texts with their slots, in batches: the slots of a batch are
// loaded at once, since waiting for memory is most of what finding one costs.
func (x *Index) eachSeed(wanted func(text int) bool, visit func(*slot, seedAt)) {
	batch := make([]seedAt, 0, 256)
	end := func() {
		for i := range batch {
			batch[i].loaded = x.slots[x.slot(batch[i].hash)].from
		}
		for _, s := range batch {
			visit(x.find(s.hash), s)
		}
		batch = batch[:0]
	}
	for t := range x.Texts() {
		if !wanted(t) {
			continue
		}
		for at := x.starts[t]; at < x.starts[t+1]; at++ {
			if n := x.spans[at]; n > 0 {
				batch = append(batch, seedAt{hash: x.seedHash(at, int(n)), link: link{at, uint32(t)}})
				if len(batch) == cap(batch) {
					end()
				}
			}
		}
	}
	end()
}

// twoBits picks the bits of a filter word that a seed sets.
func twoBits(hash uint64) uint64 { return 1<<(hash&63) | 1<<(hash>>6&63) }

// slot is where the slot of a seed may be, or behind it.
func (x *Index) slot(hash uint64) int {
	hi, _ := bits.Mul64(hash, uint64(len(x.slots)))
	return int(hi)
}

// find returns the slot of a seed, or the empty one that it would take.
func (x *Index) find(hash uint64) *slot {
	for k := x.slot(hash); ; k++ {
		if k == len(x.slots) {
			k = 0
		}
		if s := &x.slots[k]; s.size == 0 || s.hash == hash {
			return s
		}
	}
}

// seed returns the places of a seed in the texts. Most hashes are of none, which the filter
// knows at the price of one load.
func (x *Index) seed(hash uint64) list {
	if twoBits(hash)&^x.filter[hash>>(x.shift&63)] != 0 {
		return list{}
	}
	return x.find(hash).list
}
