package overlap

import (
	"slices"

	"swab/ngram/exact"
	"swab/ngram/item"
)

// A Level says which runs count, and what of the item they make seen.
type Level struct {
	N     int // words in a gram: a run counts when it has so many
	Short int // a part of fewer than N words and at least Short counts when all of it is a run; 0: none does

	// Extend follows every run that counts to the right, over at most Skip words that
	// differ, to its last equal word, and drops what then has fewer than Least words.
	// Words are seen instead of n-grams; those that differ are when Gaps is set.
	Extend bool
	Skip   int
	Least  int
	Gaps   bool
}

// gram is how many words of a part of so many a run must have, or 0 when none counts.
func (l Level) gramWords(words int) int {
	switch {
	case words >= l.N:
		return l.N
	case l.Short > 0 && words >= l.Short:
		return words
	}
	return 0
}

// unit is how many words stand behind each bit that is seen of a part of so many.
func (l Level) unitWords(words int) int {
	if l.Extend && words > 0 {
		return 1
	}
	return l.gramWords(words)
}

// A view is what of documents a rule needs to know. Rules of a benchmark with equal
// views share it.
type view struct {
	level     int // number in Items.levels
	parts     item.Parts
	byCovered bool   // the strongest document covers most, it has not the longest run
	mean      bool   // documents have a score: the mean of their parts' covered shares
	windows   bool   // only the item's windows count
	counts    counts // kept of each gram
}

// counts says what is counted of each gram.
type counts uint8

const (
	noCounts    counts = iota
	documents          // that hold it
	occurrences        // in all documents
)

// MaxCount is where counts of grams end: they are exact below, and as much or more
// at it.
const MaxCount = 1<<16 - 1

func addCount(a *uint16, n int) { *a = uint16(min(int(*a)+n, MaxCount)) }

// Near is how many bytes of a document may lie between input and answer of an item
// that are seen near each other.
const MaxGap = 1000

// A stretch is bytes of a document that a text was found in, with gaps of up to Near.
type stretch struct{ from, to uint32 }

// addStretch puts bytes from to to into the list, which is sorted.
func addStretch(list []stretch, from, to uint32) []stretch {
	i := len(list) // those before i begin before it ends, or within reach
	for i > 0 && int(list[i-1].from) > int(to)+MaxGap {
		i--
	}
	k := i
	for k > 0 && int(list[k-1].to)+MaxGap >= int(from) {
		k--
		from, to = min(from, list[k].from), max(to, list[k].to)
	}
	return slices.Replace(list, k, i, stretch{from, to})
}

// near reports whether a stretch of a and one of b lie within reach of each other.
func withinGap(a, b []stretch) bool {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case int(a[0].to)+MaxGap < int(b[0].from):
			a = a[1:]
		case int(b[0].to)+MaxGap < int(a[0].from):
			b = b[1:]
		default:
			return true
		}
	}
	return false
}

// A Walker follows runs beyond their ends; exact.Walker is one.
type Walker interface {
	Begin(document []byte)
	Walk(r exact.Run, visit func(same bool) bool)
}
