package align

import "swab/ngram/item"

// A corpus filter holds the n-grams of words of a corpus. It cannot bound this method,
// which finds copies in which every fifth word is another, but it says which items are
// worth a closer look. Stretches of an item's own words whose n-grams are all in the
// filter count by the information of their words, of what these carry in their benchmark
// and say by themselves the smaller, less chanceBits a stretch: as much as any common
// phrase has. An item is suspected when its stretches have at least leastShare of what
// they would have if all its n-grams were in the filter. Own words are those of the
// question, the choices, and a context that is not shared with other items.
//
// Three laws hold whatever the constants are. An item all of whose n-grams are in the
// filter is suspected. More n-grams in the filter suspect no fewer items. An item of
// which the filter can say nothing, since none of its texts carries enough, is suspected.
//
// Both constants are fitted on the earlier development set of make eval, and measured on
// other sets and on real text (swabeval filter; the figures are in swab help filter).
// Measured too, and worse: the number of n-grams in the filter, their share, the
// information of all words in them, and that of the strongest stretch. At an equal share
// of flagged items, each suspects more items of which no document has anything.
const (
	chanceBits = 8
	leastShare = 1.0 / 16
)

// ByFilter is the kind of a clean item that is not suspected: a filter says so, and no
// document was compared with it.
const ByFilter = "by filter"

// FilterGram is the n of the n-grams of a corpus filter by which items are suspected best: it
// comes closest to the 95 % of what is flagged that are aimed at on the sets of make eval, and
// has all of what is flagged on real text.
const FilterGram = 5

// FilterMisses returns the share of flagged items that a filter of n-grams does not
// suspect, as measured on the development classes of make eval; ok is false when it was
// not measured for that n. Whenever verdicts change it is to be measured again (swabeval
// filter).
func FilterMisses(n int) (share float64, ok bool) {
	switch n {
	case 5:
		return 0.055, true
	case 6:
		return 0.072, true
	case 7:
		return 0.094, true
	case 8:
		return 0.118, true
	}
	return 0, false
}

// Texts is how many distinct texts were added.
func (b *Builder) Texts() int { return b.index.Texts() }

// AppendHashes appends the hashes of the words of text t, of which n-grams are made.
func (b *Builder) AppendHashes(dst []uint64, t int) []uint64 {
	x := b.index
	for _, w := range x.words[x.starts[t] : x.starts[t+1]-1] {
		dst = append(dst, x.hashes[w])
	}
	return dst
}

// AppendOwn appends the numbers of the texts of item i that hold its own words.
func (s *Items) AppendOwn(dst []int, i int) []int {
	for p, t := range s.list[i].Texts {
		others := item.Part(p) == item.Answer || item.Part(p) == item.Context && s.passage[i]
		if t != item.None && !others {
			dst = append(dst, int(t))
		}
	}
	return dst
}

// Suspected reports whether enough n-grams of item i are in a corpus filter for a closer
// look, and the share of its information that its stretches there have; an item that is
// not checkable is not suspected. Hits returns the n-grams of a text that are in the
// filter, by the text's number: a bit for each n-gram, by its first word, or nil for none.
func (s *Items) Suspected(i, n int, hits func(text int) []uint64) (share float64, suspected bool) {
	if !s.Checkable(i) {
		return 0, false
	}
	found, most := 0, 0
	for _, t := range s.AppendOwn(nil, i) {
		f, m := s.x.stretches(t, n, hits(t))
		found, most = found+f, most+m
	}
	share = float64(found) / float64(max(most, 1))
	return share, most == 0 || share >= leastShare
}

// Grams counts the n-grams of the own words of item i, and those of them in hits, which
// are as for Suspected.
func (s *Items) Grams(i, n int, hits func(text int) []uint64) (all, hit int) {
	for _, t := range s.AppendOwn(nil, i) {
		set := hits(t)
		for k := range s.x.Words(t) - n + 1 {
			if all++; holdsGram(set, k) {
				hit++
			}
		}
	}
	return all, hit
}

func holdsGram(set []uint64, k int) bool { return set != nil && set[k/64]>>(k%64)&1 == 1 }

// stretches returns the information, in units, of the stretches of text t whose n-grams
// are in the set, and what it is when all of them are. It takes one pass over the words.
func (x *Index) stretches(t, n int, set []uint64) (found, most int) {
	words := x.Words(t)
	if words < n {
		return 0, 0
	}
	const chance = chanceBits * unit
	stretch, whole, end := 0, 0, 0 // the words before end are in n-grams of the set
	for i := range words {
		if i+n <= words && holdsGram(set, i) {
			end = i + n
		}
		in := x.info(x.starts[t] + uint32(i))
		bits := min(in.Own, in.Known)
		whole += bits
		if i < end {
			stretch += bits
			continue
		}
		found, stretch = found+max(0, stretch-chance), 0
	}
	return found + max(0, stretch-chance), max(0, whole-chance)
}
