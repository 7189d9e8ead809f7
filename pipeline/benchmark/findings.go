package benchmark

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"swab/ngram/item"
)

// findings are what the first complete reading of a benchmark shows.
type findings struct {
	filled map[*mapping]*[item.NumParts]int // items that have the part
	items  map[*mapping]int
	seen   map[[16]byte]struct{} // texts of items
	media  int                   // items with media
	copies int                   // items whose texts an earlier item has
	first  string                // of them
}

// add takes an item and how it was extracted.
func (s *findings) add(f *File, it *Item, e *extractor) {
	if s.items == nil {
		s.filled, s.items = map[*mapping]*[item.NumParts]int{}, map[*mapping]int{}
		s.seen = map[[16]byte]struct{}{}
	}
	s.items[f.mapping]++
	if it.Media {
		s.media++
	}
	n := s.filled[f.mapping]
	if n == nil {
		n = new([item.NumParts]int)
		s.filled[f.mapping] = n
	}
	for p, filled := range e.filled {
		if filled {
			n[p]++
		}
	}
	if _, ok := s.seen[e.sum]; !ok {
		s.seen[e.sum] = struct{}{}
		return
	}
	if s.copies++; s.copies == 1 {
		s.first = it.Split + "/" + it.ID
	}
}

// judge warns of parts that the fields promise and no item has, of items without a question
// and of copies. That no item at all has the question that is promised is an error: what would be
// checked then is not the benchmark.
func (s *findings) judge(b *Benchmark) error {
	b.Media = s.media
	said := map[*mapping]bool{}
	for i := range b.Files {
		m := b.Files[i].mapping
		if s.items[m] == 0 || said[m] {
			continue
		}
		said[m] = true
		for p := range item.NumParts {
			n, all := s.filled[m][p], s.items[m]
			switch {
			case n == all || !m.promises(p):
			case n == 0 && p == item.Question:
				return fmt.Errorf("question: none of %s has one (%s); --fields says where it is",
					count(all, "item"), b.Files[i].Fields)
			case n == 0:
				b.Warnings = append(b.Warnings, fmt.Sprintf("%s: none of %s has one", p, count(all, "item")))
			case p == item.Question:
				b.Warnings = append(b.Warnings, fmt.Sprintf("question: %d of %s have none", all-n, count(all, "item")))
			}
		}
	}
	if s.copies > 0 {
		b.Warnings = append(b.Warnings, fmt.Sprintf("copies: %s with the texts of an item before, first %s",
			count(s.copies, "item"), s.first))
	}
	return nil
}

// warnOfMedia warns about items with media, of which the text alone is checked.
func (b *Benchmark) warnOfMedia() {
	var fields []string
	for i := range b.Files {
		for _, p := range b.Files[i].media {
			if name := strings.Trim(p.String(), `"`); !slices.Contains(fields, name) {
				fields = append(fields, name)
			}
		}
	}
	if b.Media > 0 {
		b.Warnings = append(b.Warnings, fmt.Sprintf("media not checked: of %s the text alone is compared, and %s copied",
			count(b.Media, "item"), strings.Join(fields, ", ")))
	}
}

// promises reports whether part p has a field that every record is to have.
func (m *mapping) promises(p item.Part) bool {
	for _, source := range m.parts[p].Paths() {
		if !source.Optional() {
			return true
		}
	}
	return false
}

// count returns a number with its noun: 12,032 items.
func count(n int, noun string) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if n != 1 {
		noun += "s"
	}
	return s + " " + noun
}

// warnOfCounts warns about splits with another number of records than the preset records. Where a split
// is cut into directories, as by subjects, only their sum is compared, and only with more
// records than there are: some of the subjects are no error.
func (b *Benchmark) warnOfCounts() {
	for _, pattern := range slices.Sorted(maps.Keys(b.known)) {
		whole, subjects := map[string]int{}, 0
		for _, f := range b.Files {
			split := strings.Join(splitParts(f.Split), "/")
			for _, s := range []string{split, path.Dir(split)} {
				// The pattern's own number of parts, from the end.
				parts := strings.Split(s, "/")
				above := max(0, len(parts)-1-strings.Count(pattern, "/"))
				if ok, _ := path.Match(strings.ToLower(pattern), strings.Join(parts[above:], "/")); !ok {
					continue
				}
				if above > 0 && !isSplitWord(parts[above-1]) {
					subjects += f.Items
				} else {
					whole[s] += f.Items
				}
				break
			}
		}
		known := b.known[pattern]
		if subjects > known {
			whole[pattern+" of all directories"] = subjects
		}
		for _, s := range slices.Sorted(maps.Keys(whole)) {
			if whole[s] != known {
				b.Warnings = append(b.Warnings, fmt.Sprintf("%s: it has %d records, but this split of %s has %d",
					quotedName(s), whole[s], b.Preset, known))
			}
		}
	}
}

var errNoText = errors.New("the item has no text")
