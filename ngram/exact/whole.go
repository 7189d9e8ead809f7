package exact

import (
	"math/bits"

	"swab/ngram"
)

// shortTexts are texts of fewer than n words that match only as a whole. A filter has the
// first least words of each. Where words of a document pass it, they are looked up in a
// hash table, once for every length that any such text has. No two texts have the same
// words.
type shortTexts struct {
	least   int    // words of the shortest
	lengths uint64 // bit k: a text has k words
	filter  []uint64
	shift   uint
	slots   []uint32 // open addressing: the text's number plus 1; 0: empty
}

func (x *Index) addShort(texts []int) {
	if len(texts) == 0 {
		return
	}
	w := &shortTexts{least: x.n}
	for _, t := range texts {
		w.least = min(w.least, x.Words(t))
		w.lengths |= 1 << x.Words(t)
	}
	size := max(bits.Len(uint(len(texts)-1)>>2), 8)
	w.filter, w.shift = make([]uint64, 1<<size), uint(64-size)
	w.slots = make([]uint32, 2*len(texts)+1)
	var hashes []uint64
	for _, t := range texts {
		hashes = x.AppendHashes(hashes[:0], t)
		first := ngram.HashGram(hashes[:w.least])
		w.filter[first>>w.shift] |= twoBits(first)
		k := w.home(ngram.HashGram(hashes))
		for w.slots[k] != 0 {
			k = (k + 1) % len(w.slots)
		}
		w.slots[k] = uint32(t) + 1
	}
	x.whole = w
}

func (w *shortTexts) bytes() int64 {
	if w == nil {
		return 0
	}
	return 8*int64(len(w.filter)) + 4*int64(len(w.slots))
}

func (w *shortTexts) home(hash uint64) int {
	hi, _ := bits.Mul64(hash*0x9e3779b97f4a7c15, uint64(len(w.slots)))
	return int(hi)
}

// shortRuns calls visit for every short text that ends in this block and not in the one
// before, whose last words are repeated as the first of this one.
func (m *Matcher) shortRuns(s *ngram.Scanner, visit func(Run)) {
	keep := 0
	if s.Base() > 0 {
		keep = s.N() - 1
	}
	w, x, hashes := m.x.whole, m.x, s.Hashes()
	for i := range max(0, len(hashes)-w.least+1) {
		g := ngram.HashGram(hashes[i : i+w.least])
		if lacks := twoBits(g) &^ w.filter[g>>w.shift]; lacks != 0 {
			continue
		}
		for size := w.least; i+size <= len(hashes) && w.lengths>>size != 0; size++ {
			if size > w.least {
				g = ngram.HashGram(hashes[i : i+size])
			}
			if w.lengths>>size&1 == 0 || i+size <= keep {
				continue
			}
			for k := w.home(g); w.slots[k] != 0; k = (k + 1) % len(w.slots) {
				t := int(w.slots[k] - 1)
				if x.Words(t) == size && m.wordsEqual(s, i, x.text(t)) {
					m.repeats.steps++ // a document has few such places by chance
					visit(Run{Text: t, Doc: s.Base() + i, Words: size, Start: s.Start(i), End: s.End(i + size - 1)})
					break
				}
			}
		}
	}
}

// wordsEqual reports whether the block has the words from word i on, letter by letter.
func (m *Matcher) wordsEqual(s *ngram.Scanner, i int, words []uint32) bool {
	for k, w := range words {
		if !m.wordIs(s, i+k, w) {
			return false
		}
	}
	return true
}
