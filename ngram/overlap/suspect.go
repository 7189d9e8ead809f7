package overlap

import "swab/ngram/item"

// Suspect gives the cover that item i would have if one document held every n-gram of
// which hits has the bit set: hits[p] has a bit for each n-gram of part p, by its
// first word, and n is at most the n of any rule. No cover that documents with no
// other n-grams can give has more in any figure, so a rule that does not flag this
// one flags none of them. Where a run could be followed over words that differ, all
// that stands behind it is seen.
func (s *Items) Suspect(i, n int, hits [item.NumParts][]uint64) *Cover {
	layout, views := s.Layout(i), s.views[s.list[i].Bench]
	c := &Cover{Tallies: make([]Tally, len(views))}
	for k, v := range views {
		c.Tallies[k] = suspectTally(layout, v, s.levels[v.level], n, hits)
	}
	return c
}

func suspectTally(l Layout, v view, level Level, n int, hits [item.NumParts][]uint64) Tally {
	t := Tally{Seen: make([]uint64, (l.Total(item.AllParts)+63)/64)}
	parts, input, answer := 0, false, false
	for p := range item.NumParts {
		if !v.parts.Has(p) || l[p] == 0 {
			continue
		}
		parts++
		from, run, longest := l.offset(p), 0, 0
		for i := 0; i+n <= l[p]+1; i++ { // one beyond the last ends its run
			if i+n <= l[p] && hits[p] != nil && hits[p][i/64]>>(i%64)&1 == 1 {
				run++
				continue
			}
			switch words := run + n - 1; {
			case run == 0 || words < level.N:
			case level.Extend:
				first := i - run
				longest = max(longest, l[p]-first)
				setRange(t.Seen, from+first, from+l[p])
			default:
				longest = max(longest, words)
				setRange(t.Seen, from+i-run, from+i-run+words-level.N+1)
			}
			run = 0
		}
		if longest == 0 {
			continue
		}
		t.Documents = 1
		t.Longest = max(t.Longest, longest)
		words, _ := countCovered(t.Seen, from, from+l[p], level.unitWords(l[p]))
		t.Covered += words
		t.Best += float64(words) / float64(l[p])
		answer = answer || p == item.Answer
		input = input || p != item.Answer
	}
	t.Together = input && answer
	if parts > 0 {
		t.Best /= float64(parts)
	}
	return t
}

// Grams counts the n-grams in the parts that the rule looks at, and those whose bits
// are set in hits.
func (r Rule) Grams(l Layout, n int, hits [item.NumParts][]uint64) (all, hit int) {
	for p := range item.NumParts {
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
