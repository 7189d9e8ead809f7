package overlap

import "swab/ngram/item"

// Suspect returns the cover that item i would have if one document held every n-gram whose
// bit is set in hits: hits[p] has a bit for each n-gram of part p, by its first word, and
// n is at most the n of any rule. No figure of the cover of documents without other n-grams
// is higher, so a rule that does not flag this cover flags none of theirs. Where a run
// could be extended over words that differ, everything after it counts as seen.
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
		from := l.offset(p)
		longest := suspectRuns(t.Seen, from, l[p], level, n, hits[p])
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

// suspectRuns sets the bits of a part's runs of hits in seen, and returns the words of the
// longest run. The part has the given words, the first of them at bit from.
func suspectRuns(seen []uint64, from, words int, level Level, n int, hits []uint64) (longest int) {
	run := 0
	for i := 0; i+n <= words+1; i++ { // one beyond the last ends its run
		if i+n <= words && hits != nil && hits[i/64]>>(i%64)&1 == 1 {
			run++
			continue
		}
		first := i - run
		switch size := run + n - 1; {
		case run == 0 || size < level.N:
		case level.Extend:
			longest = max(longest, words-first)
			setRange(seen, from+first, from+words)
		default:
			longest = max(longest, size)
			setRange(seen, from+first, from+first+size-level.N+1)
		}
		run = 0
	}
	return longest
}

// Grams counts the n-grams in the parts that the rule reads, and those whose bits are set
// in hits.
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
