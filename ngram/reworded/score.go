package reworded

import (
	"math"
	"math/bits"
	"slices"
)

// Features describe a span of a document beside an item.
type Features struct {
	Item, Doc       int // information of the item's terms, and of those of the span, units
	Own, Known      int // of them, what both have: of the item, and of the span
	Terms           int // distinct terms that both have
	ItemNumbers     int // distinct numbers of the item
	DocNumbers      int // and of the span
	Numbers         int // that both have
	Tokens, Words   int // of the span: terms and numbers, and all words
	ItemWords       int
	Longest         int // information of the two terms that both have and carry most, units
	Choices, Chosen int // information of the choices' own terms, and of those that both have, units
	NumberBits      int // information of the numbers that both have, bits
}

// NumFeatures is the number of values of Features.Vector.
const NumFeatures = 15

// Names of the values, in their order.
var Names = [NumFeatures]string{
	"constant", "share of the item", "share of the span", "bits that both have", "numbers of the item",
	"numbers of the span", "no numbers", "bits of numbers", "in two terms", "both shares", "length", "density",
	"choices", "share of the choices", "shares of choices and question",
}

// Vector returns what the logistic score is computed of.
func (f *Features) Vector() (v [NumFeatures]float64) {
	ratio := func(a, b int) float64 { return float64(a) / float64(max(b, 1)) }
	v[0] = 1
	v[1] = ratio(f.Own, f.Item)
	v[2] = ratio(f.Known, f.Doc)
	v[3] = math.Log2(1+float64(f.Own)/unit) / 8
	switch {
	case f.ItemNumbers == 0:
		v[6] = 1
	default:
		v[4] = ratio(f.Numbers, f.ItemNumbers)
	}
	if f.DocNumbers > 0 {
		v[5] = ratio(f.DocNumbers-f.Numbers, f.DocNumbers)
	}
	v[7] = min(float64(f.NumberBits)/32, 1)
	v[8] = ratio(f.Longest, f.Own)
	v[9] = v[1] * v[2]
	v[10] = math.Abs(math.Log2(ratio(max(f.Words, 1), f.ItemWords)))
	v[11] = ratio(f.Tokens, f.Words)
	if f.Choices > 0 {
		v[12], v[13] = 1, ratio(f.Chosen, f.Choices)
		v[14] = v[13] * ratio(f.Own-f.Chosen, f.Item-f.Choices)
	}
	return v
}

// weights are those that swabeval fit-reworded writes, the constant less 0.1: then a strength of a
// half finds 6 of 17,499 items of five benchmarks in 142 MB of text that has none of them.
var weights = [NumFeatures]float64{
	-7.103, // constant
	3.610,  // share of the item
	2.061,  // share of the span
	4.291,  // bits that both have
	5.099,  // numbers of the item
	-5.849, // numbers of the span
	1.862,  // no numbers
	6.418,  // bits of numbers
	-4.530, // in two terms
	3.699,  // both shares
	-1.786, // length
	-5.339, // density
	-2.664, // choices
	2.593,  // share of the choices
	3.010,  // shares of choices and question
}

// Strength returns the logistic score of the features.
func (f *Features) Strength() float64 {
	sum := 0.0
	for k, x := range f.Vector() {
		sum += weights[k] * x
	}
	return 1 / (1 + math.Exp(-sum))
}

// lambda is what a unit of information of a span costs that the item does not have.
const lambda = 0.12

// again is what a term is worth, of its known information, that was in the span before.
const again = 0.25

// compare searches words from..to of the document for the best span of item i, and notes it if
// it is strong enough.
func (m *Matcher) compare(i int, from, to uint32) {
	byWord := func(t token, at uint32) int { return int(t.at) - int(at) }
	first, _ := slices.BinarySearchFunc(m.tokens, from, byWord)
	last, _ := slices.BinarySearchFunc(m.tokens, to, byWord)
	tokens := m.tokens[first:last]
	own, numbers := m.x.termsOf(i), m.x.numbersOf(i)
	for k, t := range own {
		m.marks[t.term] = int32(k + 1)
	}
	for len(m.seen) < len(own) {
		m.seen = append(m.seen, 0)
	}
	if m.carries(i, tokens, own) {
		if a, b := m.span(tokens, own, numbers); a < b {
			m.judge(i, tokens[a:b], own, numbers)
		}
	}
	for _, t := range own {
		m.marks[t.term] = 0
	}
}

// carries reports whether the tokens have enough of the item's information.
func (m *Matcher) carries(i int, tokens []token, own []itemTerm) bool {
	m.nextRun()
	sum := 0
	for k := range tokens {
		if n := m.number(&tokens[k]); n >= 0 && m.seen[n] != m.run {
			m.seen[n] = m.run
			sum += int(own[n].weight)
		}
	}
	return float64(sum) >= found*float64(m.x.items[i].mass)
}

func (m *Matcher) nextRun() {
	if m.run++; m.run == math.MaxInt32 {
		clear(m.seen)
		m.run = 1
	}
}

// number returns the number that a token's term has in the item, or -1.
func (m *Matcher) number(t *token) int {
	if t.term < 0 {
		return -1
	}
	return int(m.marks[t.term]) - 1
}

// span returns the tokens of the span that has most of the item's information and least of
// any other: first, and behind the last.
func (m *Matcher) span(tokens []token, own []itemTerm, numbers []uint64) (from, to int) {
	best, sum, start := 0.0, 0.0, 0
	m.nextRun()
	for k := range tokens {
		t := &tokens[k]
		n := m.number(t)
		switch {
		case n >= 0 && m.seen[n] != m.run:
			m.seen[n] = m.run
			sum += float64(own[n].weight)
		case n >= 0:
			sum += again * float64(t.weight)
		case t.number && slices.Contains(numbers, t.value):
			sum += float64(t.weight)
		default:
			sum -= lambda * float64(t.weight)
		}
		if sum <= 0 {
			sum, start = 0, k+1
			m.nextRun()
		}
		if sum > best {
			best, from, to = sum, start, k+1
		}
	}
	return from, to
}

// judge computes the features of a span and notes it if it is strong enough.
func (m *Matcher) judge(i int, tokens []token, own []itemTerm, numbers []uint64) {
	e := &m.x.items[i]
	f := Features{
		Item: int(e.mass), Choices: int(e.choices), ItemWords: int(e.words), ItemNumbers: len(numbers), Tokens: len(tokens),
	}
	f.Words = int(tokens[len(tokens)-1].at-tokens[0].at) + 1
	m.nextRun()
	var values [2 * maxNumbers]uint64
	var top [2]int
	for k := range tokens {
		t := &tokens[k]
		if t.number {
			if !slices.Contains(values[:f.DocNumbers], t.value) && f.DocNumbers < len(values) {
				values[f.DocNumbers] = t.value
				f.DocNumbers++
				if slices.Contains(numbers, t.value) {
					f.Numbers++
					f.NumberBits += numberBits(t.value)
				}
			}
			continue
		}
		f.Doc += int(t.weight)
		n := m.number(t)
		if n < 0 {
			continue
		}
		f.Known += int(t.weight)
		if m.seen[n] == m.run {
			continue
		}
		m.seen[n] = m.run
		w := int(own[n].weight)
		f.Own += w
		if f.Terms++; own[n].choice {
			f.Chosen += w
		}
		switch {
		case w > top[0]:
			top[0], top[1] = w, top[0]
		case w > top[1]:
			top[1] = w
		}
	}
	f.Longest = top[0] + top[1]
	s := f.Strength()
	if s < m.Least {
		return
	}
	match := Match{
		Item: i, Start: tokens[0].start, End: tokens[len(tokens)-1].end, Words: f.Words, Features: f, Strength: s,
	}
	at, ok := m.best[i]
	switch {
	case !ok:
		m.best[i] = len(m.found)
		m.found = append(m.found, match)
	case s > m.found[at].Strength:
		m.found[at] = match
	}
}

// numberBits returns the information of a number: of its size, up to 8 bits.
func numberBits(value uint64) int {
	switch {
	case value >= otherNumber:
		return 8
	case value%milli != 0:
		return 4
	}
	return min(bits.Len64(value/milli), 8)
}
