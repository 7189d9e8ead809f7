// Package overlap turns the runs of words that items share with documents into verdicts.
//
// A [Collector] folds the runs of one document after another into a [Cover] for
// each item: longest run, words covered by the best single document, n-grams seen
// in any document, number of documents, and quotes of the strongest documents.
// A [Method] is one published (or our own) definition of contamination; fitted to
// a benchmark it is a [Rule], and [Items.Judge] turns a cover into a [Verdict].
// All definitions and thresholds are in this package.
//
// N-grams stay within one part of an item, unless a method joins the parts. An item
// that no rule could ever flag, because all its parts are shorter than n, is not
// checkable: neither flagged nor clean.
//
// Methods over characters use the same types; their words are characters.
package overlap

import (
	"fmt"
	"math/bits"
	"slices"

	"swab/ngram/item"
)

// A Verdict is the outcome of a rule for an item and the figures behind it.
type Verdict struct {
	State     item.State
	Score     float64    // the rule's own measure, 0 to 1; undefined when not checkable
	Longest   int        // longest run, words; 0 when none counts
	Words     int        // words in the parts that the rule reads
	Matched   int        // words of them that the score counts as found
	Documents int64      // documents with a run that counts
	Parts     item.Parts // parts in which such a run was seen
	Seen      item.Seen
	Kind      string         // what was found, for methods that distinguish kinds
	Template  float64        // share of the words in n-grams seen that are in template n-grams
	Details   map[string]any // what else the method defines: float64 or string
	Counted   []uint64       // the n-grams seen that count, as in Tally.Seen
	Grams     [2]int         // n-grams found, and all n-grams, for methods with a Statistic
}

// A Method is a definition of contamination, with its parameters set.
type Method struct {
	Name      string
	Group     string // a second name, which selects several methods together
	Brief     string // the idea, in a few words
	Version   int    // increases when any verdict could change
	Text      string // the definition, for readers
	Source    string
	Choices   string // where the source is ambiguous: what was chosen, and which parameter chooses otherwise
	Statistic string // a benchmark's statistic besides the share flagged, a share of n-grams; or empty
	Params    []Param
	Norm      string     // the normaliser, as in a recipe
	Unit      string     // what is counted: word or char
	Parts     item.Parts // the parts that are read
	Joined    bool       // the parts are one text, one after another
	// N returns the words in an n-gram, given the number of words that the method reads
	// of each item of the benchmark.
	N func(lengths []int) int

	Joins   bool // an item's share is of what all documents have together, so none need flag it alone
	Review  bool // it flags nothing: what it finds is clean, for review
	ByCount bool // how often the corpus has an n-gram decides whether it counts

	Level     Level // its N is set when the method is fitted
	Threshold float64
	Windows   int     // number of windows of N characters, drawn at random; 0: all
	Factor    float64 // multiplies the share that is needed; method swab only
	MaxFalse  float64 // largest share of decoys flagged, 0: any; method swab only
	view
	flags item.Parts // the parts that can flag an item; 0: all that are read
	judge func(c *judgement)
}

// A Rule is a method fitted to a benchmark.
type Rule struct {
	*Method
	N     int // words in a gram
	Level Level
	at    int // number of its view
}

// Fit fits m to the benchmark whose items have the given layouts.
func (m *Method) Fit(layouts []Layout) Rule {
	lengths := make([]int, len(layouts))
	for i, l := range layouts {
		lengths[i] = l.Total(m.Parts)
	}
	r := Rule{Method: m, N: m.N(lengths), Level: m.Level}
	r.Level.N = r.N
	return r
}

// Key returns everything that covers depend on, as text: rules with equal keys have equal
// covers.
func (r Rule) Key() string {
	return fmt.Sprintf("%s %d %+v %+v %d", r.Name, r.Version, r.Level, r.view, r.Windows)
}

// judgement is a rule's work on an item of which something was seen.
type judgement struct {
	Rule
	*Verdict
	layout  Layout
	tally   *Tally
	seen    []uint64                          // grams that count, as in Tally.Seen
	hashes  func(p item.Part, n int) []uint64 // of the n-grams of a part
	windows []uint32                          // of the item
}

// Judge returns the verdict of rule k of item i's benchmark on the item, given its cover,
// which is nil when nothing was seen. Hashes returns the hashes of the n-grams of a text
// of the index.
func (s *Items) Judge(i, k int, cover *Cover, hashes func(dst []uint64, text, n int) []uint64) Verdict {
	r, l := s.Rules(i)[k], s.Layout(i)
	v := Verdict{State: item.NotCheckable, Words: l.Total(r.Parts)}
	if !r.checkable(l) {
		return v
	}
	v.State = item.Clean
	c := judgement{Rule: r, Verdict: &v, layout: l, tally: &Tally{}}
	c.hashes = func(p item.Part, n int) []uint64 { return hashes(nil, int(s.list[i].Texts[p]), n) }
	if cover == nil || !hasBit(cover.Tallies[r.at].Seen) {
		if r.Statistic != "" { // all its n-grams count
			c.seen = make([]uint64, (l.Total(item.AllParts)+63)/64)
			r.judge(&c)
		}
		return v
	}
	c.tally = &cover.Tallies[r.at]
	c.seen = c.tally.Seen
	if r.windows {
		c.windows = s.windows(i)
	}
	template := s.templateGrams(i, s.views[s.list[i].Bench][r.at].level)
	if template != nil {
		marked := make([]uint64, len(template))
		for w := range marked {
			marked[w] = template[w] & c.seen[w]
		}
		v.Template = float64(c.countWords(marked)) / float64(c.countWords(c.seen))
		if s.ignore {
			c.seen = appendWithout(nil, c.seen, template)
		}
	}
	v.Longest, v.Documents = c.tally.Longest, c.tally.Documents
	r.judge(&c)
	v.Counted = c.seen
	for p := range item.NumParts {
		if from := l.offset(p); r.Parts.Has(p) && hasBitIn(c.seen, from, from+l[p]) {
			v.Parts |= 1 << p
		}
	}
	v.Seen = seenSides(v.Parts, c.tally.Together)
	return v
}

// checkable reports whether any part of an item could make the rule flag it.
func (r Rule) checkable(l Layout) bool {
	for p, words := range l {
		canFlag := r.flags == 0 || r.flags.Has(item.Part(p))
		if canFlag && r.Parts.Has(item.Part(p)) && r.Level.gramWords(words) > 0 {
			return true
		}
	}
	return false
}

func seenSides(parts item.Parts, together bool) item.Seen {
	switch {
	case together:
		return item.SeenBoth
	case parts&^item.PartsOf(item.Answer) != 0:
		return item.SeenInput
	case parts != 0:
		return item.SeenAnswer
	}
	return item.SeenNothing
}

// flagIf flags the item if the condition holds.
func (c *judgement) flagIf(condition bool) {
	if condition {
		c.State = item.Flagged
	}
}

// eachPart calls f for every part that the rule reads and that is long enough for it, with
// the part's first word, its words, and the words that each bit of seen covers.
func (c *judgement) eachPart(f func(p item.Part, from, words, unit int)) {
	for p := range item.NumParts {
		if unit := c.Rule.Level.unitWords(c.layout[p]); c.Rule.Method.Parts.Has(p) && unit > 0 {
			f(p, c.layout.offset(p), c.layout[p], unit)
		}
	}
}

// countWords counts the words in n-grams of the set.
func (c *judgement) countWords(set []uint64) (sum int) {
	c.eachPart(func(p item.Part, from, words, unit int) {
		n, _ := countCovered(set, from, from+words, unit)
		sum += n
	})
	return sum
}

// countFound counts the n-grams of a part, and those of them that were seen, at every
// place or distinct.
func (c *judgement) countFound(distinct bool, p item.Part, from, words, unit int) (found, all int) {
	if !distinct {
		_, found = countCovered(c.seen, from, from+words, 1)
		return found, words - unit + 1
	}
	in := map[uint64]bool{}
	for i, h := range c.hashes(p, unit) {
		in[h] = in[h] || c.seen[(from+i)/64]>>((from+i)%64)&1 == 1
	}
	for _, seen := range in {
		if seen {
			found++
		}
	}
	return found, len(in)
}

// dropByCount drops from seen the n-grams whose count is not in low to high; a high of 0
// is no limit. Items suspected by a filter have no counts, and keep all.
func (c *judgement) dropByCount(low, high int) {
	if c.tally.Counts == nil || low <= 1 && high == 0 {
		return
	}
	c.seen = slices.Clone(c.seen)
	for w, set := range c.seen {
		for ; set != 0; set &= set - 1 {
			b := bits.TrailingZeros64(set)
			if n := int(c.tally.Counts[64*w+b]); n < low || high > 0 && n > high {
				c.seen[w] &^= 1 << b
			}
		}
	}
}

func hasBitIn(set []uint64, from, to int) bool {
	_, grams := countCovered(set, from, to, 1)
	return grams > 0
}

func fixedN(n int) func([]int) int { return func([]int) int { return n } }

// Percentile returns the p-th percentile of lengths by the nearest-rank rule, or 0 if
// there are none.
func Percentile(lengths []int, p int) int {
	if len(lengths) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(lengths))
	return s[max(0, (len(s)*p+99)/100-1)]
}

// LinearPercentile returns the p-th percentile of lengths, interpolated between the two
// nearest and rounded to the nearest integer, or 0 if there are none.
func LinearPercentile(lengths []int, p int) int {
	if len(lengths) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(lengths))
	at := (len(s) - 1) * p // hundredths
	low, part := s[at/100], at%100
	if part == 0 {
		return low
	}
	return (100*low + part*(s[at/100+1]-low) + 50) / 100
}
