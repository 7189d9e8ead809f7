package align

import (
	"math"
	"math/bits"
	"slices"
	"unicode"
	"unicode/utf8"

	"swab/ngram/item"
)

// Decisive is what a place shows of the words that distinguish an item from others of its
// series: numbers and names. A decisive word is exchanged where the words beside it are
// in the document beside each other, or with other words between them. Where the words
// beside it are not there, as beyond the edge of a fragment, it is neither exchanged nor
// kept.
type Decisive struct {
	Numbers, Names, Operators Exchange
	Others                    Exchange // of other words: without those exchanged beside decisive ones
	// Replaced is how many words that are not common the only gap in what was found has, where
	// the document has other words in their place; 0 with more gaps than one.
	Replaced int
}

// An Exchange counts words in whose place others are, and words that are there.
type Exchange struct{ Exchanged, Retained int }

// altered reports whether the words that differ are decisive ones: at least as many as
// others, and more often than chance would have it. Where every word is there, most of the
// operators must differ.
func (d Decisive) altered(whole bool) bool {
	if d.Replaced >= leastReplaced {
		return true
	}
	if whole {
		return d.Operators.Exchanged > d.Operators.Retained
	}
	var e Exchange
	for _, k := range [...]Exchange{d.Numbers, d.Names, d.Operators} {
		if k.Exchanged >= leastExchanged && k.Exchanged > mostRetained*k.Retained && chance(k, d.Others) < alteredChance {
			return true
		}
		e.Exchanged, e.Retained = e.Exchanged+k.Exchanged, e.Retained+k.Retained
	}
	return e.Exchanged > 0 && e.Exchanged >= d.Others.Exchanged && chance(e, d.Others) < alteredChance
}

// chance returns the probability that, of as many words exchanged at random for any words,
// at least as many are decisive ones exchanged for their like.
func chance(e, others Exchange) (sum float64) {
	decisive, drawn := e.Exchanged+e.Retained, e.Exchanged+others.Exchanged
	all := decisive + others.Exchanged + others.Retained
	for k := e.Exchanged; k <= min(decisive, drawn); k++ {
		sum += math.Exp(logChoose(decisive, k) + logChoose(all-decisive, drawn-k) - logChoose(all, drawn))
	}
	return sum * math.Pow(decisiveShare, float64(e.Exchanged))
}

// logChoose returns the logarithm of the number of ways to choose k of n, or -Inf.
func logChoose(n, k int) float64 {
	if k < 0 || k > n {
		return math.Inf(-1)
	}
	gamma := func(n int) float64 { v, _ := math.Lgamma(float64(n + 1)); return v }
	return gamma(n) - gamma(k) - gamma(n-k)
}

// exchange returns the counts of words of a kind.
func (d *Decisive) exchange(k kind) *Exchange {
	switch {
	case k&number != 0:
		return &d.Numbers
	case k&name != 0:
		return &d.Names
	}
	return &d.Others
}

// Numbers, names or operators of which leastExchanged or more are others, and no more than one in
// mostRetained is there, are exchanged whatever else is.
const (
	leastExchanged = 2
	mostRetained   = 3
)

// alteredChance is the probability below which exchanged words are not exchanged by chance.
const alteredChance = 0.06

// decisiveShare is about the share of words of real text that are numbers or names.
const decisiveShare = 0.15

// maxGap is how many words of an item may be exchanged together.
const maxGap = 8

// decisive compares the decisive words of a candidate with those in their place. Parts of
// an item that follow each other, such as its question and choices, are one text.
func (c *Collector) decisive(g *candidate) (d Decisive) {
	gaps := 0
	c.renamed = map[uint32]uint64{}
	last := int64(-1) // word of the document behind which the gap begins
	var gap []uint32  // places of words that were not found since
	var head []uint32 // those before the first word found
	begin := int64(0) // which is this one of the document
	for p, t := range c.items.list[g.item].Texts {
		if t == item.None || item.Part(p) == item.Answer {
			continue
		}
		own := item.Part(p) != item.Choices
		first := c.items.x.starts[t]
		at := 0
		for _, r := range g.runs[p] {
			if own {
				for ; at < r.At; at++ {
					gap = append(gap, first+uint32(at))
				}
			}
			if last < 0 {
				head, begin = slices.Clone(gap), int64(r.Doc)
			} else if own || at == 0 {
				if len(gap) > 0 {
					gaps++
					d.Replaced = c.replaced(g, gap, last, int64(r.Doc))
				}
				c.compareGap(&d, gap, last, int64(r.Doc))
			}
			gap, at = gap[:0], r.At+r.Words
			if last = int64(r.Doc) + int64(r.Words) - 1; !own {
				break
			}
			for k := range uint32(r.Words) {
				if k > 0 {
					c.compareOperators(&d, first+uint32(r.At)+k, r.Doc+k)
				}
				d.exchange(c.items.x.kinds[first+uint32(r.At)+k]).Retained++
			}
		}
		if !own {
			break
		}
		for ; at < c.items.x.Words(int(t)); at++ {
			gap = append(gap, first+uint32(at))
		}
	}
	if gaps != 1 || len(head)+len(gap) > 0 {
		d.Replaced = 0
	}
	if last >= 0 {
		c.compareNumbers(&d, gap, last)
		c.compareEdges(&d, head, gap, begin, last)
	}
	return d
}

// leastReplaced is how many words that are not common are replaced together, at the least,
// where a question is another one with the same choices.
const leastReplaced = 2

// replaced returns how many words of a gap are not common, if the document has about as many
// other words there and all of the candidate's choices.
func (c *Collector) replaced(g *candidate, gap []uint32, from, to int64) (count int) {
	x := c.items.x
	choices := c.items.list[g.item].Texts[item.Choices]
	if choices == item.None || g.found[item.Choices].Words < x.Words(int(choices)) {
		return 0
	}
	if between := to - from - 1; between < int64(len(gap)+1)/2 || between > int64(2*len(gap)+4) {
		return 0
	}
	for _, at := range gap {
		if x.content(at) && x.kinds[at]&number == 0 {
			count++
		}
	}
	return count
}

// compareGap counts the words of an item that are missing between two words of the document.
func (c *Collector) compareGap(d *Decisive, gap []uint32, from, to int64) {
	x, n := c.items.x, c.aligner
	if len(gap) == 0 {
		return
	}
	between := to - from - 1
	if len(gap) > maxGap || between < 0 || between > int64(2*len(gap)+4) {
		c.compareNumbers(d, gap, from)
		return
	}
	decisive, others := false, 0
	for _, at := range gap {
		k, word := x.kinds[at], x.words[at]
		if !k.changes() {
			others++
			continue
		}
		other, same, with := false, false, uint64(0)
		for w := from + 1; w < to; w++ {
			j := int(w) - n.base - n.first
			if j < 0 || j >= len(n.hashes) {
				continue
			}
			same = same || n.hashes[j] == x.hashes[word] || k&name != 0 && misspelled(x.spellings[word], n.spelling(j))
			if n.kind(j)&k&(number|name) != 0 && !other {
				other, with = true, n.hashes[j]
			}
		}
		switch {
		case same:
			d.exchange(k).Retained++
		case other:
			d.exchange(k).Exchanged++
			decisive, c.renamed[word] = true, with
		}
	}
	if !decisive {
		d.Others.Exchanged += others
	}
}

// compareEdges compares the words before and behind all that was found of an item, which is
// from word begin to word end of the document, with the document's in step.
func (c *Collector) compareEdges(d *Decisive, head, tail []uint32, begin, end int64) {
	c.compareInStep(d, tail, end+1, 1)
	slices.Reverse(head)
	c.compareInStep(d, head, begin-1, -1)
}

// compareInStep compares words of an item with those of the document from one on, forwards or
// backwards, as long as of two in a row one agrees. Names and numbers that differ count as
// exchanged between words that agree; those at the end of the item where they are so elsewhere
// too: the first word of a text may be anything.
func (c *Collector) compareInStep(d *Decisive, gap []uint32, doc, step int64) {
	x, n := c.items.x, c.aligner
	agrees, before := true, true // of the word before, and of that before it
	other := func() {}           // counts an exchange of the word before
	for i, at := range gap {
		j := int(doc+step*int64(i)) - n.base - n.first
		if j < 0 || j >= len(n.hashes) || !agrees && !before {
			return
		}
		word, both, last := x.words[at], x.kinds[at]&n.kind(j)&(number|name), agrees
		if agrees = x.hashes[word] == n.hashes[j]; agrees {
			other()
			d.exchange(x.kinds[at]).Retained++
		}
		other = func() {}
		if !agrees && last && both != 0 && (both&number != 0 || !misspelled(x.spellings[word], n.spelling(j))) {
			with := n.hashes[j]
			other = func() {
				d.exchange(both).Exchanged++
				c.renamed[word] = with
			}
			if same, ok := c.renamed[word]; i == len(gap)-1 && ok && same == with {
				other()
			}
		}
		before = last
	}
}

// compareOperators compares the operators before a word with those before it in the document,
// where both have some.
func (c *Collector) compareOperators(d *Decisive, at, doc uint32) {
	n := c.aligner
	j := int(doc) - n.base - n.first
	mine := c.items.x.operators[at]
	if mine == 0 || j < 1 || j >= len(n.spans) {
		return
	}
	switch operator(n.doc, n.spans[j-1], n.spans[j]) {
	case 0:
	case mine:
		d.Operators.Retained++
	default:
		d.Operators.Exchanged++
	}
}

// compareNumbers compares the numbers that begin a gap with those that the document has there.
func (c *Collector) compareNumbers(d *Decisive, gap []uint32, from int64) {
	x, n := c.items.x, c.aligner
	for i, at := range gap {
		j := int(from) + 1 + i - n.base - n.first
		if j < 0 || j >= len(n.hashes) || x.kinds[at]&number == 0 || n.kind(j)&number == 0 {
			return
		}
		if n.hashes[j] == x.hashes[x.words[at]] {
			d.Numbers.Retained++
		} else {
			d.Numbers.Exchanged++
		}
	}
}

// A spelling is which letters a word has, in 26 classes, and above them how many.
type spelling uint32

const letters = 26

// spellingOf returns the spelling of a word.
func spellingOf(word []byte) (s spelling) {
	count := spelling(0)
	for i := 0; i < len(word); {
		r, size := utf8.DecodeRune(word[i:])
		s |= 1 << (unicode.ToLower(r) % letters)
		i += size
		count++
	}
	return s | min(count, 63)<<letters
}

// spelling returns the spelling of selected word j.
func (n *Aligner) spelling(j int) spelling { return spellingOf(n.doc[n.spans[j].Start:n.spans[j].End]) }

// misspelled reports whether two words of four letters or more may be the same one with a
// slip of the keyboard, or one of them a part of the other, as where a space was lost.
func misspelled(a, b spelling) bool {
	m, n := int(a>>letters), int(b>>letters)
	if m > n {
		a, b, m, n = b, a, n, m
	}
	const set = 1<<letters - 1
	return m >= 4 && (n-m <= 1 && bits.OnesCount32(uint32(a^b)&set) <= 2 || n-m >= 2 && uint32(a&^b)&set == 0)
}
