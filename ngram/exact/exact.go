// Package exact finds every place where a set of texts and a document share n
// words or more in a row.
//
// A [Builder] takes the texts (the parts of benchmark items) and makes an [Index],
// which is read by any number of goroutines. Each goroutine has a [Matcher] of its own,
// which compares documents with the index and reports [Run]s: maximal stretches in which
// words i, i+1, … of a text equal words j, j+1, … of the document. Hashes only propose
// candidates; every word of a run has been compared letter by letter in normal form.
//
// Texts of fewer than n words can be matched as a whole. A [Walker] follows a run
// beyond its end, over words that differ.
//
// The runs of a document that repeats what many texts have are too many to be visited: as
// many as its places of a seed times those of the texts; so are those of a document that has
// a seed of very many texts. A matcher stops there; a [Reader] and an [Automaton] of the
// document serve instead.
//
// # Layout
//
// The matcher looks up seeds, grams a little shorter than n. All texts are one array of
// word numbers, with a 0 after each text. A filter (two bits of one 64-bit word a seed,
// 8 to 16 bits a seed in all) rejects most seeds of a document. The seeds that pass are
// looked up in an open-addressing table of 8-byte slots: half of the seed's hash and its
// last position. A parallel array links each position to the one before it with the same
// seed. A million seeds take 1 MiB of filter, 12 MiB of table and 8 MiB of positions.
package exact

import (
	"fmt"
	"math/bits"
	"slices"

	"swab/ngram"

	"github.com/zeebo/xxh3"
)

// MaxWords is the largest number of words that all texts of an index may have together.
const MaxWords = 1<<32 - 2

// A Builder collects texts.
type Builder struct {
	scan    *ngram.Scanner // of single words
	index   *Index
	texts   map[uint64]uint32 // hash of a text's word numbers to the text's number; the last of that hash
	text    []byte            // the text being added
	scratch []byte
}

// NewBuilder returns a builder of an index by the recipe. It ignores the recipe's n, which
// Build sets.
func NewBuilder(recipe ngram.Recipe) (*Builder, error) {
	recipe.N = 1
	scan, err := recipe.NewScanner()
	if err != nil {
		return nil, err
	}
	x := &Index{recipe: recipe, offsets: []uint32{0, 0}, hashes: []uint64{0}, words: []uint32{0}, starts: []uint32{1}}
	x.numbers = make([]uint32, 1<<10)
	return &Builder{scan: scan, texts: map[uint64]uint32{}, index: x}, nil
}

// Words returns the number of words of a text.
func (b *Builder) Words(text int) int { return b.index.Words(text) }

// Add adds a text and returns its number. Texts with the same words have the same
// number; numbers count from 0.
func (b *Builder) Add(text string) (int, error) {
	x := b.index
	first := len(x.words)
	b.text = append(b.text[:0], text...)
	for b.scan.Reset(b.text); b.scan.Next(); {
		if cap(x.words)-len(x.words) < b.scan.Len() { // append adds a quarter, and copies more
			x.words = slices.Grow(x.words, min(len(x.words), 1<<22)+b.scan.Len())
		}
		for i, hash := range b.scan.Hashes() {
			number, err := b.number(i, hash)
			if err != nil {
				return 0, err
			}
			x.words = append(x.words, number)
		}
	}
	if len(x.words) > MaxWords {
		return 0, fmt.Errorf("the benchmarks hold more than %d words", MaxWords)
	}
	added := x.words[first:]
	b.scratch = b.scratch[:0]
	for _, w := range added {
		b.scratch = append(b.scratch, byte(w), byte(w>>8), byte(w>>16), byte(w>>24))
	}
	key := xxh3.Hash(b.scratch)
	if same, ok := b.texts[key]; ok && equal(x.text(int(same)), added) {
		x.words = x.words[:first]
		return int(same), nil
	}
	number := len(x.starts) - 1
	b.texts[key] = uint32(number)
	x.words = append(x.words, 0)
	x.starts = append(x.starts, uint32(len(x.words)))
	return number, nil
}

// number returns the number of word i of the scanner's block, a new one for a new word.
func (b *Builder) number(i int, hash uint64) (uint32, error) {
	x := b.index
	at := homeOf(hash, x.numbers)
	for ; x.numbers[at] != 0; at = (at + 1) & (len(x.numbers) - 1) {
		if n := x.numbers[at]; x.hashes[n] == hash && b.scan.WordEquals(i, x.word(n)) {
			return n, nil
		}
	}
	x.letters = b.scan.AppendWord(x.letters, i)
	if len(x.letters) > 1<<32-1 {
		return 0, fmt.Errorf("the benchmarks' distinct words take more than 4 GiB")
	}
	number := uint32(len(x.hashes))
	x.offsets = append(x.offsets, uint32(len(x.letters)))
	x.hashes = append(x.hashes, hash)
	x.numbers[at] = number
	if 2*len(x.hashes) > len(x.numbers) {
		x.numbers = make([]uint32, 2*len(x.numbers))
		for n, hash := range x.hashes {
			if n == 0 { // no word
				continue
			}
			at := homeOf(hash, x.numbers)
			for x.numbers[at] != 0 {
				at = (at + 1) & (len(x.numbers) - 1)
			}
			x.numbers[at] = uint32(n)
		}
	}
	return number, nil
}

// homeOf returns the slot of the table at which the search for a word begins.
func homeOf(hash uint64, numbers []uint32) int { return int(hash>>32) & (len(numbers) - 1) }

func equal(a, b []uint32) bool {
	if len(a) != len(b) {
		return false
	}
	for i, v := range a {
		if v != b[i] {
			return false
		}
	}
	return true
}

// AppendHashes appends the hashes of the words of a text.
func (b *Builder) AppendHashes(dst []uint64, text int) []uint64 {
	return b.index.AppendHashes(dst, text)
}

// Texts returns the number of distinct texts that were added.
func (b *Builder) Texts() int { return b.index.Texts() }

// Build returns the index of the n-grams of those texts for which wanted returns true, or
// of all texts if it is nil: no run of another text is found. A text of fewer than n words,
// and at least short, matches as a whole; with short 0 no such text matches. The builder
// must not be used again.
func (b *Builder) Build(n, short int, wanted func(text int) bool) (*Index, error) {
	x := b.index
	x.recipe.N, x.n = n, n
	x.stride = strideOf(n)
	x.seed = n - x.stride + 1
	if _, err := x.recipe.NewScanner(); err != nil {
		return nil, err
	}
	b.texts, b.text, b.index = nil, nil, nil
	use := func(t int) bool { return x.Words(t) >= n && (wanted == nil || wanted(t)) } // shorter texts have no n-grams
	grams := 0
	var shorter []int
	for t := range x.Texts() {
		if use(t) {
			grams += x.Words(t) - x.seed + 1
		} else if short > 0 && x.Words(t) >= short && x.Words(t) < n && (wanted == nil || wanted(t)) {
			shorter = append(shorter, t)
		}
	}
	x.addShort(shorter)
	if grams > 0 {
		x.next = make([]uint32, len(x.words))
	}
	x.slots = make([]slot, grams+grams/2+1)
	filter := max(bits.Len(uint(max(grams-1, 0)>>3)), 8) // words of 64 bits, as a power of two
	x.filter = make([]uint64, 1<<filter)
	x.shift = uint(64 - filter)
	x.insertAll(use)
	return x, nil
}

// An Index of the n-grams of texts.
type Index struct {
	recipe  ngram.Recipe
	n       int
	seed    int      // words of a seed: any n words hold stride seeds
	stride  int      // n - seed + 1
	letters []byte   // all distinct words in normal form
	offsets []uint32 // word w is letters[offsets[w]:offsets[w+1]]; word 0 is none
	hashes  []uint64 // of the words
	numbers []uint32 // hash table of the words' numbers, 0 in a free slot; a power of two, half of it free
	words   []uint32 // the texts' words by number, 0 before, between and after texts
	starts  []uint32 // text t is words[starts[t]:starts[t+1]-1]
	next    []uint32 // from a seed's position to the one before it with the same seed, or 0
	slots   []slot
	filter  []uint64
	shift   uint
	seeds   int         // distinct
	whole   *shortTexts // or nil
}

// strideOf returns the distance in words between two look-ups. A longer stride makes fewer
// look-ups and shorter seeds, which more documents have by chance: ordinary prose shares
// too many seeds of five words or fewer.
func strideOf(n int) int { return max(1, n-5) }

// A slot maps a seed to its last position.
type slot struct {
	tag  uint32 // low half of the hash
	head uint32 // 0: the slot is empty
}

func (x *Index) text(t int) []uint32 { return x.words[x.starts[t] : x.starts[t+1]-1] }

// Recipe returns the recipe by which documents are read.
func (x *Index) Recipe() ngram.Recipe { return x.recipe }

// N returns the number of words in a gram.
func (x *Index) N() int { return x.n }

// Texts returns the number of distinct texts.
func (x *Index) Texts() int { return len(x.starts) - 1 }

// Words returns the number of words of text t.
func (x *Index) Words(t int) int { return int(x.starts[t+1] - 1 - x.starts[t]) }

// AppendHashes appends the hashes of text t's words.
func (x *Index) AppendHashes(dst []uint64, t int) []uint64 {
	for _, w := range x.text(t) {
		dst = append(dst, x.hashes[w])
	}
	return dst
}

// Seeds returns the number of distinct seeds, which is about that of distinct n-grams.
func (x *Index) Seeds() int { return x.seeds }

// word returns the normal form of word w.
func (x *Index) word(w uint32) []byte { return x.letters[x.offsets[w]:x.offsets[w+1]] }

// Bytes returns about how much memory the index takes.
func (x *Index) Bytes() int64 {
	return int64(len(x.letters)) + 4*int64(len(x.offsets)+len(x.numbers)+len(x.words)+len(x.starts)+len(x.next)) +
		8*int64(len(x.hashes)+len(x.slots)+len(x.filter)) + x.whole.bytes()
}

// home returns the slot at which the search for a seed begins.
func (x *Index) home(hash uint64) int {
	hi, _ := bits.Mul64(hash, uint64(len(x.slots)))
	return int(hi)
}

// twoBits returns the bits of a filter word that a seed sets.
func twoBits(hash uint64) uint64 { return 1<<(hash&63) | 1<<(hash>>6&63) }

// A seedAt is the hash of a seed and its position.
type seedAt struct {
	hash   uint64
	at     uint32
	loaded uint32 // of the memory that its insertion needs
}

// insertAll inserts the seeds of the texts for which use returns true, in batches: the memory that a
// batch needs is loaded at once, since waiting for it is most of what an insertion costs.
func (x *Index) insertAll(use func(text int) bool) {
	batch := make([]seedAt, 0, 256)
	var hashes, grams []uint64
	for t := range x.Texts() {
		if !use(t) {
			continue
		}
		hashes = x.AppendHashes(hashes[:0], t)
		grams = ngram.AppendGrams(grams[:0], hashes, x.seed)
		for i, hash := range grams {
			if batch = append(batch, seedAt{hash: hash, at: x.starts[t] + uint32(i)}); len(batch) == cap(batch) {
				x.insertBatch(batch)
				batch = batch[:0]
			}
		}
	}
	x.insertBatch(batch)
}

func (x *Index) insertBatch(batch []seedAt) {
	for i := range batch {
		s := &batch[i]
		x.filter[s.hash>>x.shift] |= twoBits(s.hash)
		s.loaded = x.slots[x.home(s.hash)].head
	}
	for i := range batch {
		batch[i].loaded = x.words[batch[i].loaded]
	}
	for _, s := range batch {
		x.insert(s.hash, s.at)
	}
}

func (x *Index) insert(hash uint64, at uint32) {
	for i := x.home(hash); ; i++ {
		if i == len(x.slots) {
			i = 0
		}
		s := &x.slots[i]
		if s.head == 0 {
			*s = slot{uint32(hash), at}
			x.seeds++
			return
		}
		if s.tag == uint32(hash) && equal(x.words[s.head:][:x.seed], x.words[at:][:x.seed]) {
			x.next[at] = s.head
			s.head = at
			return
		}
	}
}

// find returns the last position of the seed that begins at word i of s's block, or 0.
func (x *Index) find(hash uint64, s *ngram.Scanner, i int) uint32 {
	for k := x.home(hash); ; k++ {
		if k == len(x.slots) {
			k = 0
		}
		slot := x.slots[k]
		if slot.head == 0 {
			return 0
		}
		if slot.tag == uint32(hash) && x.seedEquals(slot.head, s, i) {
			return slot.head
		}
	}
}

// seedEquals reports whether the seed at position at equals the words of s's block from
// word i on, letter by letter.
func (x *Index) seedEquals(at uint32, s *ngram.Scanner, i int) bool {
	for k := range x.seed {
		if !s.WordEquals(i+k, x.word(x.words[int(at)+k])) {
			return false
		}
	}
	return true
}
