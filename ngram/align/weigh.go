package align

import (
	"math"
	"math/bits"

	"swab/ngram"
)

// weigher weighs the texts of one group after another.
type weigher struct {
	*Index
	times []uint32    // by text: how many texts it is for
	count []uint32    // by word: texts of the group that hold it
	stamp []uint32    // by word: 1 + the last text that it was counted in
	own   []float64   // by word: bits that it carries in the group; NaN: not yet known
	came  []wordCount // by word: how often, in the current text
	grams []gramAt    // memory for those in use
	table []gramCount // likewise
	same  []gramCount // by hash: the seeds of the current text
}

// wordCount is how often a word came in a text, by 1 + its number.
type wordCount struct{ text, times uint32 }

func newWeigher(x *Index, times []uint32) *weigher {
	words := len(x.hashes)
	w := &weigher{Index: x, times: times, count: make([]uint32, words), stamp: make([]uint32, words),
		own: make([]float64, words), came: make([]wordCount, words)}
	for i := range w.own {
		w.own[i] = math.NaN()
	}
	for t := range times {
		if times[t] > 1 && x.asksItself(uint32(t)) {
			times[t] = 1
		}
	}
	return w
}

// repeatedBits is what the words of a text say by themselves, at the least, that is an item
// asked again where many items have it, as with its options in other orders; a shorter one
// is a phrase that they share.
const repeatedBits = 80

// asksItself reports whether the words of text t say repeatedBits or more.
func (x *Index) asksItself(t uint32) bool {
	sum := 0
	for _, word := range x.words[x.starts[t] : x.starts[t+1]-1] {
		sum += int(x.knowns[word])
	}
	return sum >= repeatedBits*unit
}

func (w *weigher) group(texts []uint32) {
	count := 0
	for _, t := range texts {
		count += int(w.times[t])
		for _, word := range w.words[w.starts[t] : w.starts[t+1]-1] {
			if w.stamp[word] != t+1 {
				w.stamp[word] = t + 1
				w.count[word] += w.times[t]
			}
		}
		w.choose(t)
	}
	most := min(max(count/10, 4), manyTexts)
	three := w.texts(texts, func(at uint32) (int, uint64) { return 3, w.hashOf(at, 3) })
	seeds := w.texts(texts, func(at uint32) (int, uint64) {
		return int(w.spans[at]), w.seedHash(at, int(w.spans[at]))
	})
	at := 0
	for _, t := range texts {
		first, last := w.starts[t], w.starts[t+1]-1
		for i := first; i < last; i++ {
			word := w.words[i]
			known := float64(w.knowns[word])
			own := w.own[word]
			if math.IsNaN(own) {
				own = -math.Log2((float64(w.count[word]) + knowledge*math.Exp2(-known/unit)) / (float64(count) + knowledge))
				w.own[word] = own
			}
			own *= rarity(three[at:], int(i-first), int(last-first), most)
			if w.kinds[i]&cited != 0 {
				own = 0
			}
			if w.came[word].text != t+1 {
				w.came[word] = wordCount{t + 1, 0}
			}
			w.came[word].times++
			less := math.Sqrt(float64(w.came[word].times))
			if w.kinds[i]&counting != 0 {
				less *= countsLess
			}
			w.weights[i] = uint16(math.Round(max(own, 0) * unit / less))
			w.says[i] = uint8(math.Round(known / less))
		}
		w.settle(t, seeds[at:], most)
		at += int(last - first)
	}
	for _, t := range texts {
		for _, word := range w.words[w.starts[t] : w.starts[t+1]-1] {
			w.count[word], w.stamp[word], w.own[word] = 0, 0, math.NaN()
		}
	}
}

// countsLess is how many times less a number carries that counts on from the one before.
const countsLess = 8

// rarity is 1 for word i of a text that is in a gram of three words which few
// texts hold, and falls to 0 where all its grams are in most texts or more. Counts are
// those of the grams by their first word.
func rarity(counts []uint8, i, size, most int) float64 {
	fewest := math.MaxInt
	for k := max(0, i-2); k <= i && k+3 <= size; k++ {
		fewest = min(fewest, int(counts[k]))
	}
	few := float64(most) / 3
	switch {
	case size < 3 || float64(fewest) <= few:
		return 1
	case fewest >= most:
		return 0
	}
	return 1 - math.Log(float64(fewest)/few)/math.Log(3)
}

// choose finds the seeds of text t: from each word that is not common on, the fewest
// such words that say enough.
func (w *weigher) choose(t uint32) {
	first, last := w.starts[t], w.starts[t+1]-1
	for i := first; i < last; i++ {
		if !w.content(i) {
			continue
		}
		sum, count := 0, 0
		for k := i; k < last && count < maxSeed && k-i < math.MaxUint8; k++ {
			if !w.content(k) {
				continue
			}
			sum += int(w.knowns[w.words[k]])
			if count++; count >= minSeed && sum >= seedBits*unit {
				w.spans[i] = uint8(k - i + 1)
				break
			}
		}
	}
}

// settle drops the seeds that are in more than most texts of the group, or too often
// in this one, and sums up what the matcher asks of it. A text that is long enough to be an item
// asked again, and has few bits of its own, keeps those of mostRepeats texts.
func (w *weigher) settle(t uint32, counts []uint8, most int) {
	first, last := w.starts[t], w.starts[t+1]-1
	own := 0
	for i := first; i < last; i++ {
		own += w.info(i).Own
	}
	if own < fewBits*unit && w.asksItself(t) {
		w.repeated[t], most = true, mostRepeats
	}
	w.same = grownTable(w.same, int(last-first))
	for i := first; i < last; i++ {
		n := uint32(w.spans[i])
		if n == 0 {
			continue
		}
		if w.countSame(w.seedHash(i, int(n)), t) > maxSame || int(counts[i-first]) > most {
			w.spans[i] = 0
			continue
		}
		for k := i; k < i+n && w.repeated[t]; k++ {
			if w.kinds[k]&cited == 0 {
				w.weights[k] = max(w.weights[k], 1)
			}
		}
	}
	covered, seeded, strongest := first, 0, 0
	for i := first; i < last; i++ {
		if n := uint32(w.spans[i]); n > 0 {
			covered = max(covered, i+n)
			strongest = max(strongest, w.strength(i))
		}
		if i < covered {
			seeded += int(w.weights[i])
		}
		w.totals[t] = w.totals[t].plus(w.info(i))
		if w.kinds[i]&cited != 0 {
			w.cited[t] += int32(w.says[i])
		}
	}
	bar := int(leastFound*float64(seeded)) + 1
	w.bars[t], w.least[t] = int32(bar), math.MaxUint8
	if strongest > 0 {
		w.least[t] = uint8(min((bar+strongest-1)/strongest, math.MaxUint8))
	}
}

// mostRepeats is how many texts of a group hold a seed of an item asked again, at the most.
const mostRepeats = 64

// strength is the own information of the words of the seed at a place.
func (x *Index) strength(at uint32) (sum int) {
	for _, w := range x.weights[at : at+uint32(x.spans[at])] {
		sum += int(w)
	}
	return sum
}

// grownTable returns the table, or a free one if it is less than twice as large as a number of grams.
func grownTable(table []gramCount, grams int) []gramCount {
	if size := 1 << bits.Len(uint(2*grams)); len(table) < size {
		return make([]gramCount, size)
	}
	return table
}

// countSame counts one seed more of text t, and returns how many of the same it has so far. What the
// table has of other texts counts as free.
func (w *weigher) countSame(hash uint64, t uint32) int {
	for k := hash >> 20; ; k++ {
		e := &w.same[k&uint64(len(w.same)-1)]
		if e.text != t+1 {
			*e = gramCount{hash, t + 1, 0}
		}
		if e.hash == hash {
			e.count++
			return int(e.count)
		}
	}
}

// info is the information of the word at a place.
func (x *Index) info(at uint32) Info {
	if x.kinds[at]&cited != 0 {
		return Info{}
	}
	return Info{int(x.weights[at]), int(x.says[at])}
}

// hashOf is the hash of the n words from a place on, as far as there are words.
func (x *Index) hashOf(at uint32, n int) (h uint64) {
	for k := at; k < min(at+uint32(n), uint32(len(x.words))); k++ {
		h = ngram.AddWord(h, x.hashes[x.words[k]])
	}
	return h
}

type gramCount struct {
	hash  uint64
	text  uint32 // 1 + the last text counted
	count uint32
}

// gramAt is a gram of a text, and its number among the words of the texts in use.
type gramAt struct {
	hash     uint64
	text, at uint32
}

// Grams are counted in parts by their hash, each of about partGrams, so that its table
// stays in cache, and parts that have roundGrams together are counted at a time.
const (
	partGrams  = 1 << 16
	roundGrams = 1 << 24
)

// texts returns for every word of some texts, one after the other, how many texts hold
// the gram that begins there, up to 255. Gram says how many words it is in, 0 for none.
func (w *weigher) texts(texts []uint32, gram func(at uint32) (size int, hash uint64)) []uint8 {
	words := 0
	for _, t := range texts {
		words += w.Words(int(t))
	}
	out := make([]uint8, words)
	each := func(visit func(part int, g gramAt)) {
		at, parts := uint32(0), uint64(words/partGrams+1)
		for _, t := range texts {
			end := w.starts[t+1] - 1
			for place := w.starts[t]; place < end; place++ {
				if n, h := gram(place); n > 0 && place+uint32(n) <= end {
					part, _ := bits.Mul64(h, parts)
					visit(int(part), gramAt{h, t, at})
				}
				at++
			}
		}
	}
	sizes := make([]int, words/partGrams+1)
	each(func(part int, _ gramAt) { sizes[part]++ })
	ends := make([]int, len(sizes)) // of the parts, in grams
	for first := 0; first < len(sizes); {
		last, size := first, 0
		for ; last < len(sizes) && (last == first || size+sizes[last] <= roundGrams); last++ {
			ends[last] = size // as far as it is filled
			size += sizes[last]
		}
		if cap(w.grams) < size {
			w.grams = make([]gramAt, size)
		}
		grams := w.grams[:size]
		each(func(part int, g gramAt) {
			if first <= part && part < last {
				grams[ends[part]] = g
				ends[part]++
			}
		})
		for part := first; part < last; part++ {
			w.tally(grams[ends[part]-sizes[part]:ends[part]], out)
		}
		first = last
	}
	return out
}

// tally counts for each of some grams, which are all of their hashes, the texts that
// hold it.
func (w *weigher) tally(grams []gramAt, out []uint8) {
	size := 1 << bits.Len(uint(2*len(grams)))
	if cap(w.table) < size {
		w.table = make([]gramCount, size)
	}
	table, mask := w.table[:size], uint64(size-1)
	clear(table)
	find := func(h uint64) *gramCount {
		for k := h >> 20; ; k++ {
			if e := &table[k&mask]; e.text == 0 || e.hash == h {
				return e
			}
		}
	}
	for _, g := range grams {
		if e := find(g.hash); e.text != g.text+1 {
			*e = gramCount{g.hash, g.text + 1, e.count + w.times[g.text]}
		}
	}
	for _, g := range grams {
		out[g.at] = uint8(min(find(g.hash).count, math.MaxUint8))
	}
}
