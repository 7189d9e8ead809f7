package align

import (
	"math"

	"swab/ngram/item"
)

// needs is the share of its information that must be in one place, for an item of
// that much own information in bits; in between it is straight over the logarithm.
// Fitted on the development set of make eval.
var needs = [...]struct{ bits, share float64 }{
	{12, 0.97}, {20, 0.72}, {28, 0.69}, {36, 0.65}, {48, 0.63},
	{64, 0.59}, {90, 0.50}, {130, 0.45}, {200, 0.42}, {400, 0.39},
}

// LeastBits is the own information of an item that can be judged, and LeastKnown what
// its words must say by themselves.
const (
	LeastBits  = 12
	LeastKnown = 30
)

// Need is the share of its information that must be in one place for an item of this
// many bits of own information to be flagged, when no long stretch of it does.
func Need(bits float64) float64 {
	at := 0
	for at < len(needs)-2 && bits > needs[at+1].bits {
		at++
	}
	a, b := needs[at], needs[at+1]
	t := (math.Log(bits) - math.Log(a.bits)) / (math.Log(b.bits) - math.Log(a.bits))
	return a.share + min(max(t, 0), 1)*(b.share-a.share)
}

// Constants of the judgement, fitted on the development set of make eval.
const (
	larger       = 0.2  // of what the larger of the two shares is more
	alone        = 1.6  // times what is needed when an item has choices and they do not count
	aloneMost    = 0.96 // or this, if it is less
	mixed        = 1.1  // times what is needed when less than half of the question is there
	mixedRun     = 15   // bits that must then be in one stretch
	mixedLeast   = 0.15 // of the question, this share in one stretch beside the choices
	mixedMost    = 24   // or this many bits
	mixedStretch = 6    // and this many at the least

	// The words of a short task are near each other in any text about its matter.
	scattered     = 1.1 // times what is needed when no long stretch holds them
	scatteredRun  = 0.4 // of what is known
	scatteredBits = 64  // below this information

	// Of an item of few bits this share of its words must be there, template or not.
	fewBits   = 40
	fewShare  = 0.8
	justBelow = 0.999

	// The same numbers in the same places say more than other words, and where the words
	// between them are.
	numbersLess  = 0.78 // times what is needed with them
	leastNumbers = 2
	mostNumbers  = 0.5 // of all that it has

	// An answer alone.
	answerBits  = 30   // that it has at the least
	answerShare = 0.85 // of them that are found
	answerRun   = 0.3  // in one stretch

	stretch    = 0.25 // less is needed with a long stretch
	stretchMin = 25   // from this many bits
	stretchMax = 60   // to this many
	leastNeed  = 0.37 // but no less than that: a text that begins as the item does may go on otherwise

	mixedChoices = 0.25 // of what the choices carry, where they count without half of the question

	// A text that begins as an item does may go on otherwise.
	begunRest  = 0.2  // of the item's own words, this share at their end and more is not there
	begunWhole = 0.8  // of those before it, this share and more is
	begunNeed  = 0.40 // and this share of the item is needed then, its choices counted in
)

// evidence is what one place of a document shows of an item.
type evidence struct {
	found, total    [item.NumParts]Info
	loose           [item.NumParts]Info // of what was found, what saying where its stretches are takes
	cited, citedAll [item.NumParts]int  // known information of quotations, found and in all
	words, size     [item.NumParts]int  // words found, and in all
	runs            [item.NumParts]int
	numbers         Exchange
	allNumbers      int  // in context, question
	passage         bool // the context is of others
	whole           bool // every word of question, context and choices is there, in order
	asks            int  // as in Match
	joint, rest     int  // likewise
	cut             bool // likewise

	common   bool // set by score: it would be enough, but for few words of which some are missing
	byAnswer bool // set by score: only the answer is enough
}

// hasFewWords reports whether some parts of an item say so little that any text about their
// matter may hold it, and too many of their words are missing to take it for the item.
func (e *evidence) hasFewWords(own int, parts ...item.Part) bool {
	words, size := 0, 0
	for _, p := range parts {
		words, size = words+e.words[p], size+e.size[p]
	}
	return own < fewBits*unit && float64(words) < fewShare*float64(size)
}

// shares are the shares of the own and of the known information of some parts that were
// found: without quotations, or with them, where they say less. The own information of
// words in quotations is taken to be what they say by themselves. What saying where the
// stretches are takes is not found, unless the numbers among them say it.
func (e *evidence) shares(found, total Info, numbers bool, parts ...item.Part) (own, known float64) {
	cited, all := 0, 0
	for _, p := range parts {
		cited, all = cited+e.cited[p], all+e.citedAll[p]
		if !numbers {
			found = Info{found.Own - e.loose[p].Own, found.Known - e.loose[p].Known}
		}
	}
	share := func(found, total int) float64 {
		return min(float64(found)/float64(total), float64(found+cited)/float64(total+all))
	}
	return share(found.Own, total.Own), share(found.Known, total.Known)
}

// withNumbers is the strength of the evidence if the item's numbers are in their places.
func (e *evidence) withNumbers() float64 {
	at := *e
	at.numbers = Exchange{Retained: max(leastNumbers, at.allNumbers)}
	_, strength := at.score()
	return strength
}

// holdsNumbers reports whether the numbers of the item's own words are in their places: none
// is exchanged, and most are there.
func (e *evidence) holdsNumbers() bool {
	n := e.numbers
	return n.Exchanged == 0 && n.Retained >= leastNumbers && float64(n.Retained) >= mostNumbers*float64(e.allNumbers)
}

func (e *evidence) sum(parts ...item.Part) (found, total Info, run int) {
	for _, p := range parts {
		found, total, run = found.plus(e.found[p]), total.plus(e.total[p]), max(run, e.runs[p])
	}
	return found, total, run
}

// own is the parts that are the item's own words, choices aside.
func (e *evidence) own() []item.Part {
	if e.passage {
		return []item.Part{item.Question}
	}
	return []item.Part{item.Context, item.Question}
}

// score returns the share of the item's information that was found, and how much that is
// of what is needed: 1 flags. Of several ways to look at the item it takes the one that
// shows most: its question, question and choices, and those with the passage.
func (e *evidence) score() (share, strength float64) {
	begun := e.isBegun()
	try := func(needed func(need float64) float64, parts ...item.Part) {
		found, total, run := e.sum(parts...)
		if total.Own < LeastBits*unit || total.Known < LeastKnown*unit {
			return
		}
		if e.total[item.Choices].Known == 0 || parts[len(parts)-1] == item.Choices {
			run = max(run, e.joint)
		}
		numbers := e.holdsNumbers() && total.Own >= scatteredBits*unit
		own, known := e.shares(found, total, numbers, parts...)
		s := min(own, known) + larger*(max(own, known)-min(own, known))
		n := needed(Need(float64(total.Own) / unit))
		if total.Own < scatteredBits*unit && float64(run) < scatteredRun*float64(total.Known) {
			n = min(scattered*n, max(n, aloneMost))
		}
		less := stretch * min(1, max(0, (float64(run)/unit-stretchMin)/(stretchMax-stretchMin)))
		n = max((1-less)*n, min(n, leastNeed))
		if numbers {
			n *= numbersLess
		}
		if begun {
			n = max(n, begunNeed)
		}
		if s/n >= 1 && e.hasFewWords(total.Own, parts...) {
			s, e.common = justBelow*n, true
		}
		if s/n > strength {
			share, strength = s, s/n
		}
	}
	as := func(need float64) float64 { return need }
	own := e.own()
	all := append(own[:len(own):len(own)], item.Choices)
	switch {
	case e.holdsContextAlone():
		// A passage, whatever the layout calls it.
	case e.total[item.Choices].Known == 0:
		try(as, own...)
	default:
		try(func(need float64) float64 { return min(alone*need, max(need, aloneMost)) }, own...)
		if begun && e.found[item.Choices].Known == 0 {
			ofOwn := strength
			share, strength = 0, 0
			try(as, all...)
			strength = min(strength, ofOwn)
			break
		}
		if e.holdsHalf(own...) {
			try(as, all...)
		} else if _, _, run := e.sum(all...); run >= mixedRun*unit && e.holdsChoices() && e.holdsEnd(own...) {
			try(func(need float64) float64 { return min(mixed*need, max(need, aloneMost)) }, all...)
		}
	}
	asked := e.holdsHalf(item.Question) || e.holdsEnd(item.Question)
	if e.passage && asked && e.holdsHalf(item.Question, item.Choices) {
		try(as, item.Context, item.Question, item.Choices)
	}
	_, total, _ := e.sum(item.Context, item.Question, item.Choices)
	if e.whole && strength < 1 && total.Known >= LeastKnown*unit {
		return 1, 1
	}
	if s := e.solution(); s >= 1 {
		if strength < 1 {
			e.byAnswer, share = true, 1
		}
		strength = max(strength, s)
	}
	return share, strength
}

// isBegun reports whether a text begins as the item's own words do, and has nothing of their end.
func (e *evidence) isBegun() bool {
	found, total, _ := e.sum(e.own()...)
	return float64(e.rest) > begunRest*float64(total.Known) &&
		float64(found.Known) >= begunWhole*float64(total.Known-e.rest)
}

// solution is how much of what is needed an answer shows by itself: a worked solution or
// code that says enough, of which nearly all is found, with a long stretch word for word.
// Code idioms and short answers say less.
func (e *evidence) solution() float64 {
	found, total, run := e.sum(item.Answer)
	if total.Own < answerBits*unit || total.Known < answerBits*unit || float64(run) < answerRun*float64(total.Known) {
		return 0
	}
	own, known := e.shares(found, total, false, item.Answer)
	return min(own, known) / answerShare
}

// holdsEnd reports whether choices without half of their question may count: with a
// stretch of it beside them, as in the last part of an item. The same choices alone may
// belong to another question.
func (e *evidence) holdsEnd(own ...item.Part) bool {
	_, total, _ := e.sum(own...)
	return e.cut || float64(e.asks) >= min(mixedLeast*float64(total.Known), mixedMost*unit) && e.asks >= mixedStretch*unit
}

// holdsChoices reports whether some of what the choices carry was found, if they carry anything.
func (e *evidence) holdsChoices() bool {
	found, total, _ := e.sum(item.Choices)
	return total.Own < LeastBits*unit || float64(found.Own) >= mixedChoices*float64(total.Own)
}

// holdsContextAlone reports whether nothing of an item with choices was found but the context.
func (e *evidence) holdsContextAlone() bool {
	return e.found[item.Context].Known > 0 && e.total[item.Question].Known > 0 && e.total[item.Choices].Known > 0 &&
		e.found[item.Question].Known+e.found[item.Choices].Known == 0
}

// holdsPassage reports whether half of the text that the item asks about was found.
func (e *evidence) holdsPassage() bool {
	return (e.passage || e.holdsContextAlone()) && e.holdsHalf(item.Context)
}

// holdsHalf reports whether half of the information of some parts was found.
func (e *evidence) holdsHalf(parts ...item.Part) bool {
	found, total, _ := e.sum(parts...)
	return found.Known > 0 && 2*found.Own >= total.Own && 2*found.Known >= total.Known
}

// holdsAnswer reports whether seeds show half of an answer that says enough by itself.
func (e *evidence) holdsAnswer() bool {
	found, total, _ := e.sum(item.Answer)
	return total.Own >= answerBits*unit && 2*found.Own >= total.Own
}

// holdsQuarter reports whether seeds show a quarter of some parts.
func (e *evidence) holdsQuarter(parts ...item.Part) bool {
	found, total, _ := e.sum(parts...)
	return 4*found.Own >= total.Own
}

// hopeful reports whether what seeds show could be enough once aligned:
// words beside seeds about double what seeds hold.
func (e *evidence) hopeful() bool {
	if e.holdsAnswer() {
		return true
	}
	if e.hopes(item.Context, item.Question, item.Choices) {
		return true
	}
	if e.passage {
		return e.hopes(item.Question) || e.hopes(item.Question, item.Choices)
	}
	return e.hopes(item.Context, item.Question)
}

// hopes reports whether what seeds show of some parts could be enough once aligned.
func (e *evidence) hopes(parts ...item.Part) bool {
	found, total, _ := e.sum(parts...)
	return found.Own > 0 &&
		float64(found.Own) >= hoped*(1-stretch)*0.6*Need(float64(total.Own)/unit)*float64(total.Own)
}

// reported is the strength below which a document is not kept, and hoped the one that an
// alignment must promise.
const (
	hoped    = 0.5
	reported = 0.35
)
