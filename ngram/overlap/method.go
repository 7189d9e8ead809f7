// Package overlap says what the runs that items and documents share mean.
//
// A [Collector] folds the runs of one document after another into a [Cover] for
// each item: longest run, words covered by the best single document, n-grams seen
// in any document, number of documents, and quotes of the strongest documents.
// A [Method] is one published (or our own) definition of contamination; fitted to
// a benchmark it is a [Rule], and [Rule.Judge] turns a cover into a [Verdict].
// This package is the one home of definitions and thresholds.
//
// N-grams stay within one part of an item. An item that no rule could ever flag,
// because all its parts are shorter than n, is not checkable: neither flagged nor
// clean.
package overlap

import (
	"fmt"
	"slices"
)

// State is what a rule says of an item.
type State string

const (
	Flagged      State = "flagged"
	Clean        State = "clean"
	NotCheckable State = "not_checkable"
)

// A Verdict is what a rule says of an item and the figures that it rests on.
type Verdict struct {
	State     State
	Score     float64 // the rule's own measure, 0 to 1; meaningless when not checkable
	Longest   int     // longest run, words; 0 when none reaches n
	Words     int     // words in the parts that the rule looks at
	Matched   int     // words of them that the score counts as found
	Documents int64   // documents with a run of at least n words
	Parts     Parts   // parts in which such a run was seen
}

// A Method is a definition of contamination.
type Method struct {
	Name    string
	Version int    // grows when any verdict could change
	Text    string // the definition, for readers
	Source  string
	Norm    string // the normaliser that it is defined over, as in a recipe
	Parts   Parts  // that it looks at
	// N gives the words in a gram, from the numbers of words, in the parts looked
	// at, of all items of the benchmark.
	N         func(lengths []int) int
	ByCovered bool // its strongest document is the one that covers most words, not the one with the longest run
	Threshold float64
	judge     func(r Rule, l Layout, t *Tally) (score float64, matched int, flagged bool)
}

// A Rule is a method fitted to a benchmark.
type Rule struct {
	*Method
	N int // words in a gram
}

// Fit fits m to the benchmark whose items have the given layouts.
func (m *Method) Fit(layouts []Layout) Rule {
	lengths := make([]int, len(layouts))
	for i, l := range layouts {
		lengths[i] = l.Total(m.Parts)
	}
	return Rule{Method: m, N: m.N(lengths)}
}

// Judge gives the verdict on an item of layout l with the given tally, nil when
// nothing was seen.
func (r Rule) Judge(l Layout, t *Tally) Verdict {
	v := Verdict{State: Clean, Words: l.Total(r.Parts)}
	if l.Longest(r.Parts) < r.N {
		v.State = NotCheckable
		return v
	}
	if t == nil || t.Documents == 0 {
		return v
	}
	v.Longest, v.Documents = t.Longest, t.Documents
	for p := range NumParts {
		if r.Parts.Has(p) {
			if from := l.offset(p); anyIn(t.Seen, from, from+l[p]) {
				v.Parts |= 1 << p
			}
		}
	}
	var flagged bool
	v.Score, v.Matched, flagged = r.judge(r, l, t)
	if flagged {
		v.State = Flagged
	}
	return v
}

func anyIn(set []uint64, from, to int) bool {
	_, grams := countCovered(set, from, to, 1)
	return grams > 0
}

func fixed(n int) func([]int) int { return func([]int) int { return n } }

// Percentile gives the p-th percentile of lengths by the nearest-rank rule, or 0
// of none.
func Percentile(lengths []int, p int) int {
	if len(lengths) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(lengths))
	return s[max(0, (len(s)*p+99)/100-1)]
}

// DefaultLongest is the threshold of longest8 unless one is given: the upper end of
// the range that its paper found to be best over thirteen benchmarks.
const DefaultLongest = 0.4

// Methods gives the methods that this program knows, in the order in which they
// are listed. longest is the threshold of longest8.
func Methods(longest float64) []*Method {
	prompt := PartsOf(Context, Question)
	return []*Method{{
		Name: "gpt3", Version: 1, Norm: "words", Parts: AllParts,
		Text: "Flagged when any n-gram of words of any part stands in any document. " +
			"n is the 5th percentile (nearest rank) of the benchmark's item lengths in words, at least 8, at most 13. Score: 1 or 0.",
		Source: "Brown et al. 2020, appendix C",
		N:      func(lengths []int) int { return min(max(Percentile(lengths, 5), 8), 13) },
		judge: func(r Rule, l Layout, t *Tally) (float64, int, bool) {
			return 1, r.union(l, t), true
		},
	}, {
		Name: "coverage8", Version: 1, Norm: "words", Parts: prompt, ByCovered: true, Threshold: 0.5,
		Text: "Flagged when a single document covers more than half of the words of question and context by 8-grams. " +
			"Score: that share, of the document in which it is largest.",
		Source: "Tülu 3 (Lambert et al. 2024), with the words of this program in place of its tokeniser",
		N:      fixed(8),
		judge: func(r Rule, l Layout, t *Tally) (float64, int, bool) {
			score := float64(t.Covered) / float64(l.Total(r.Parts))
			return score, t.Covered, score > r.Threshold
		},
	}, {
		Name: "longest8", Version: 1, Norm: "words", Parts: prompt, Threshold: longest,
		Text: "Flagged when the longest run of at least 8 words that question or context shares with a document is at least " +
			fmt.Sprintf("%g", longest) + " of the words of both. Score: that share.",
		Source: "ConTAM's LONGEST-MATCH (Singh et al. 2024), n 8, skip budget 0",
		N:      fixed(8),
		judge: func(r Rule, l Layout, t *Tally) (float64, int, bool) {
			score := float64(t.Longest) / float64(l.Total(r.Parts))
			return score, t.Longest, score >= r.Threshold
		},
	}}
}

// union counts the words of the item that stand in n-grams seen in any document.
func (r Rule) union(l Layout, t *Tally) int {
	sum := 0
	for p := range NumParts {
		from := l.offset(p)
		words, _ := countCovered(t.Seen, from, from+l[p], r.N)
		sum += words
	}
	return sum
}
