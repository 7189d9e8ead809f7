package align

import (
	"math/bits"
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
}

// An Exchange counts words in whose place others are, and words that are there.
type Exchange struct{ Exchanged, Retained int }

// altered reports whether most numbers, or most names, are others in the document, and
// hardly any other word is.
func (d Decisive) altered() bool {
	most := func(e Exchange) bool { return e.Exchanged > e.Retained }
	others := alteredOthers*d.Others.Exchanged <= d.Others.Exchanged+d.Others.Retained
	return others && (most(d.Numbers) || most(d.Names) || most(d.Operators))
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

// alteredOthers is one over the share of other words that may be exchanged in a copy of
// which only the decisive words were altered.
const alteredOthers = 8

// maxGap is how many words of an item may be exchanged together.
const maxGap = 8

// decisive compares the decisive words of a candidate with those in their place. Parts of
// an item that follow each other, such as its question and choices, are one text.
func (c *Collector) decisive(g *candidate) (d Decisive) {
	last := int64(-1) // word of the document behind which the gap begins
	var gap []uint32  // places of words that were not found since
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
			if own || at == 0 {
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
	if last >= 0 {
		c.compareNumbers(&d, gap, last)
	}
	return d
}

// compareGap counts the words of an item that are missing between two words of the document.
func (c *Collector) compareGap(d *Decisive, gap []uint32, from, to int64) {
	x, n := c.items.x, c.aligner
	if len(gap) == 0 || from < 0 {
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
		other, same := false, false
		for w := from + 1; w < to; w++ {
			j := int(w) - n.base - n.first
			if j < 0 || j >= len(n.hashes) {
				continue
			}
			same = same || n.hashes[j] == x.hashes[word] || k&name != 0 && misspelled(x.spellings[word], n.spelling(j))
			other = other || n.kinds[j].changes()
		}
		switch {
		case same:
			d.exchange(k).Retained++
		case other:
			d.exchange(k).Exchanged++
			decisive = true
		}
	}
	if !decisive {
		d.Others.Exchanged += others
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
		if j < 0 || j >= len(n.hashes) || x.kinds[at]&number == 0 || n.kinds[j]&number == 0 {
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
// slip of the keyboard.
func misspelled(a, b spelling) bool {
	m, n := int(a>>letters), int(b>>letters)
	return min(m, n) >= 4 && max(m, n)-min(m, n) <= 1 && bits.OnesCount32(uint32(a^b)&(1<<letters-1)) <= 2
}
