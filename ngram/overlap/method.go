// Package overlap says what the runs that items and documents share mean.
//
// A [Collector] folds the runs of one document after another into a [Cover] for
// each item: longest run, words covered by the best single document, n-grams seen
// in any document, number of documents, and quotes of the strongest documents.
// A [Method] is one published (or our own) definition of contamination; fitted to
// a benchmark it is a [Rule], and [Items.Judge] turns a cover into a [Verdict].
// This package is the one home of definitions and thresholds.
//
// N-grams stay within one part of an item, unless a method joins the parts. An item
// that no rule could ever flag, because all its parts are shorter than n, is not
// checkable: neither flagged nor clean.
//
// What is a word here is a character to methods over characters.
package overlap

import (
	"fmt"
	"math/bits"
	"slices"

	"swab/ngram/item"
)

// A Verdict is what a rule says of an item and the figures that it rests on.
type Verdict struct {
	State     item.State
	Score     float64    // the rule's own measure, 0 to 1; meaningless when not checkable
	Longest   int        // longest run, words; 0 when none counts
	Words     int        // words in the parts that the rule looks at
	Matched   int        // words of them that the score counts as found
	Documents int64      // documents with a run that counts
	Parts     item.Parts // parts in which such a run was seen
	Seen      item.Seen
	Kind      string         // what was found, for methods that tell kinds apart
	Template  float64        // share, of the words in n-grams seen, that stand in such n-grams of the template
	Details   map[string]any // what else the method defines: float64 or string
	Counted   []uint64       // what was seen and counts, as in Tally.Seen
	Grams     [2]int         // n-grams that were found, of all, for methods with a Statistic
}

// A Method is a definition of contamination, with its parameters set.
type Method struct {
	Name      string
	Group     string // another name, by which several methods are chosen together
	Brief     string // the idea, in a few words
	Version   int    // grows when any verdict could change
	Text      string // the definition, for readers
	Source    string
	Choices   string // where the source leaves a choice: what was chosen, and what chooses otherwise
	Statistic string // what the method says of a whole benchmark besides the share flagged: a share of n-grams
	Params    []Param
	Norm      string     // the normaliser that it is defined over, as in a recipe
	Unit      string     // what it counts: word or char
	Parts     item.Parts // that it looks at
	Joined    bool       // the parts are one text, one after another
	// N gives the words in a gram, from the numbers of words, in the parts looked
	// at, of all items of the benchmark.
	N func(lengths []int) int

	Level     Level // its N is set when the method is fitted
	Threshold float64
	Windows   int     // of N characters, drawn at random; 0: all
	Factor    float64 // times what is needed, and
	MaxFalse  float64 // share of decoys that may be flagged; 0: any. Both are of the method over texts without markup
	view
	flags item.Parts // that can flag an item, if they are not all that are looked at
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

// Key is plain text that says all of a rule that covers depend on.
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

// Judge gives the verdict of rule k of item i's benchmark on the item, given its
// cover, nil when nothing was seen. Hashes gives the hashes of the n-grams of a text
// of the index.
func (s *Items) Judge(i, k int, cover *Cover, hashes func(dst []uint64, text, n int) []uint64) Verdict {
	r, l := s.Rules(i)[k], s.Layout(i)
	v := Verdict{State: item.NotCheckable, Words: l.Total(r.Parts)}
	for p, words := range l {
		if r.Parts.Has(item.Part(p)) && (r.flags == 0 || r.flags.Has(item.Part(p))) && r.Level.gramWords(words) > 0 {
			v.State = item.Clean
		}
	}
	if v.State == item.NotCheckable {
		return v
	}
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
	switch {
	case c.tally.Together:
		v.Seen = item.SeenBoth
	case v.Parts&^item.PartsOf(item.Answer) != 0:
		v.Seen = item.SeenInput
	case v.Parts != 0:
		v.Seen = item.SeenAnswer
	}
	return v
}

// flag says whether the item is flagged.
func (c *judgement) flagIf(is bool) {
	if is {
		c.State = item.Flagged
	}
}

// each calls f for every part that the rule looks at and can see something of: where
// it begins, its words, and the words behind each bit of seen.
func (c *judgement) eachPart(f func(p item.Part, from, words, unit int)) {
	for p := range item.NumParts {
		if unit := c.Rule.Level.unitWords(c.layout[p]); c.Rule.Method.Parts.Has(p) && unit > 0 {
			f(p, c.layout.offset(p), c.layout[p], unit)
		}
	}
}

// words counts the words that stand in grams of the set.
func (c *judgement) countWords(set []uint64) (sum int) {
	c.eachPart(func(p item.Part, from, words, unit int) {
		n, _ := countCovered(set, from, from+words, unit)
		sum += n
	})
	return sum
}

// found counts the n-grams of a part, and those of them that were seen: at every
// place, or only once each.
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

// frequent leaves out of what is seen the grams that do not stand in least to most
// documents, or places of documents if the view counts those; no most is 0. Counts
// are not known of a filter's suspicions, and then all stay.
func (c *judgement) dropByCount(least, most int) {
	if c.tally.Counts == nil || least <= 1 && most == 0 {
		return
	}
	c.seen = slices.Clone(c.seen)
	for w, set := range c.seen {
		for ; set != 0; set &= set - 1 {
			b := bits.TrailingZeros64(set)
			if n := int(c.tally.Counts[64*w+b]); n < least || most > 0 && n > most {
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

// Percentile gives the p-th percentile of lengths by the nearest-rank rule, or 0
// of none.
func Percentile(lengths []int, p int) int {
	if len(lengths) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(lengths))
	return s[max(0, (len(s)*p+99)/100-1)]
}

// LinearPercentile gives the p-th percentile of lengths, interpolated between the two
// nearest and rounded to the nearest integer, or 0 of none.
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
