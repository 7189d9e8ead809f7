package overlap

// Suspect gives the tally that an item would have if one document held every n-gram
// of which hits has the bit set: hits[p] has a bit for each n-gram of part p, by its
// first word, and n is at most r.N. No tally that documents with no other n-grams
// can give has more in any figure, so a rule that does not flag this one flags none
// of them. It is nil when no run of r.N words is possible. Documents is 1.
func (r Rule) Suspect(l Layout, n int, hits [NumParts][]uint64) *Tally {
	t := &Tally{Documents: 1, Seen: make([]uint64, (l.Total(AllParts)+63)/64)}
	for p := range NumParts {
		if !r.Parts.Has(p) {
			continue
		}
		from, run := l.offset(p), 0
		for i := 0; i+n <= l[p]+1; i++ { // one beyond the last ends its run
			if i+n <= l[p] && hits[p] != nil && hits[p][i/64]>>(i%64)&1 == 1 {
				run++
				continue
			}
			if words := run + n - 1; run > 0 && words >= r.N {
				t.Longest = max(t.Longest, words)
				setRange(t.Seen, from+i-run, from+i-run+words-r.N+1)
			}
			run = 0
		}
		words, _ := countCovered(t.Seen, from, from+l[p], r.N)
		t.Covered += words
	}
	if t.Longest == 0 {
		return nil
	}
	return t
}

// Grams counts the n-grams in the parts that the rule looks at, and those whose bits
// are set in hits.
func (r Rule) Grams(l Layout, n int, hits [NumParts][]uint64) (all, hit int) {
	for p := range NumParts {
		if count := l[p] - n + 1; r.Parts.Has(p) && count > 0 {
			all += count
			if hits[p] != nil {
				_, grams := countCovered(hits[p], 0, count, 1)
				hit += grams
			}
		}
	}
	return all, hit
}

// SetGram sets bit i of a set of n-grams.
func SetGram(set []uint64, i int) { set[i/64] |= 1 << (i % 64) }
