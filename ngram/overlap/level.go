package overlap

import (
	"slices"

	"swab/ngram/exact"
	"swab/ngram/item"
)

// A Level defines which runs count, and which bits of the item they set as seen.
type Level struct {
	N     int // words in a gram: a run counts when it has at least N
	Short int // a part of Short to N-1 words counts when all of it is a run; 0: never

	// Extend extends every run that counts to the right, over at most Skip words that
	// differ, to its last equal word, and drops the run if it then has fewer than Least
	// words. The bits are then of words, not of n-grams; words that differ have theirs
	// set if Gaps is.
	Extend bool
	Skip   int
	Least  int
	Gaps   bool
}

// gramWords returns how many words a run must have in a part of the given words, or 0
// when no run counts.
func (l Level) gramWords(words int) int {
	switch {
	case words >= l.N:
		return l.N
	case l.Short > 0 && words >= l.Short:
		return words
	}
	return 0
}

// unitWords returns how many words each seen bit covers in a part of the given words.
func (l Level) unitWords(words int) int {
	if l.Extend && words > 0 {
		return 1
	}
	return l.gramWords(words)
}

// A view defines the tally that a rule needs. Rules of a benchmark with equal views share
// it.
type view struct {
	level     int // number in Items.levels
	parts     item.Parts
	byCovered bool   // the strongest document covers most words, instead of having the longest run
	mean      bool   // documents have a score: the mean of their parts' covered shares
	windows   bool   // only the item's windows count
	counts    counts // what Tally.Counts counts
}

// counts is what is counted of each gram.
type counts uint8

const (
	noCounts    counts = iota
	documents          // documents with the gram
	occurrences        // places of the gram in all documents
)

// MaxCount is the largest count of a gram. Counts below it are exact; MaxCount means at
// least as many.
const MaxCount = 1<<16 - 1

func addCount(a *uint16, n int) { *a = uint16(min(int(*a)+n, MaxCount)) }

// MaxGap is how many bytes of a document may lie between an item's input and its answer
// for them to count as found together.
const MaxGap = 1000

// A stretch is a range of bytes of a document in which a text was found, with gaps of up
// to MaxGap.
type stretch struct{ from, to uint32 }

// addStretch adds bytes from to to to the list, which is sorted.
func addStretch(list []stretch, from, to uint32) []stretch {
	i := len(list) // those before i begin at most MaxGap bytes after to
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

// withinGap reports whether a stretch of a and one of b are at most MaxGap bytes apart.
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

// A Walker extends runs beyond their ends; exact.Walker is one.
type Walker interface {
	Begin(document []byte)
	Walk(r exact.Run, visit func(same bool) bool)
}
