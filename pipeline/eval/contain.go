package eval

import (
	"slices"
	"strings"
)

// wordLine returns the normal form of a text's words with a blank before, between and
// behind them, so that one line contains another where the words do.
func wordLine(text string) string { return " " + strings.Join(words(text), " ") + " " }

// needles returns what a text has to contain for an item to be in it: the words of
// context and question, in order, and those of each choice anywhere.
func (e *entry) needles() (list []string) {
	for _, s := range append([]string{e.prompt}, e.options...) {
		if line := wordLine(s); line != "  " {
			list = append(list, line)
		}
	}
	return list
}

// contains reports whether text contains e undisturbed: all words of context and
// question in order, and those of each choice.
func contains(text string, e *entry) bool {
	return lineContains(wordLine(text), e.needles())
}

func lineContains(line string, needles []string) bool {
	for _, n := range needles {
		if !strings.Contains(line, n) {
			return false
		}
	}
	return len(needles) > 0
}

// keyWords is the number of an item's first words that are the key of a container.
const keyWords = 6

// A container finds the items that texts contain undisturbed, by their first words.
type container struct {
	needles [][]string
	byKey   map[string][]int // the first keyWords words, or all if there are fewer, with blanks around
	lengths []int            // of keys, in words
}

func newContainer(entries []entry) *container {
	c := &container{needles: make([][]string, len(entries)), byKey: map[string][]int{}}
	for i := range entries {
		c.needles[i] = entries[i].needles()
		if len(c.needles[i]) == 0 {
			continue
		}
		f := strings.Fields(c.needles[i][0])
		n := min(keyWords, len(f))
		key := strings.Join(f[:n], " ")
		c.byKey[key] = append(c.byKey[key], i)
		if !slices.Contains(c.lengths, n) {
			c.lengths = append(c.lengths, n)
		}
	}
	return c
}

// contained lists the items that text contains, by rising number.
func (c *container) contained(text string) (items []int) {
	line := wordLine(text)
	starts := []int{1}
	for i := 1; i+1 < len(line); i++ {
		if line[i] == ' ' {
			starts = append(starts, i+1)
		}
	}
	if len(line) <= 2 {
		return nil
	}
	ends := append(slices.Clone(starts[1:]), len(line))
	asked := map[int]bool{}
	for i, from := range starts {
		for _, n := range c.lengths {
			if i+n > len(starts) {
				continue
			}
			for _, k := range c.byKey[line[from:ends[i+n-1]-1]] {
				if !asked[k] {
					asked[k] = true
					if lineContains(line, c.needles[k]) {
						items = append(items, k)
					}
				}
			}
		}
	}
	slices.Sort(items)
	return items
}
