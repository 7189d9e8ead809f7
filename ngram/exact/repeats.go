package exact

import "math"

// Repeats counts the steps of a matcher that make the runs of a document too many: on seeds
// that it had before, and on those that a text has next to each other, which make it
// repetitive; and on all seeds that a large number of texts have, which make it crowded.
type Repeats struct {
	Start int // steps that a document may cost beside one a word

	// Allowance is how many places of seeds of many places may still be visited. A document
	// that needs more, and many for its words, is crowded.
	Allowance int

	known map[uint32]struct{} // seeds of many places that the document had
	steps int
	most  int  // steps that the document may cost so far
	over  bool // it cost more

	crowd   int // places of seeds of many places
	crowded bool
}

// manyPlaces is from how many places on a seed is remembered.
const manyPlaces = 16

// NewRepeats returns the counter of a matcher.
func NewRepeats() Repeats { return Repeats{Start: 1 << 10, Allowance: math.MaxInt} }

// Begin begins a document.
func (r *Repeats) Begin() {
	if len(r.known) > 0 {
		clear(r.known)
	}
	r.steps, r.most, r.over = 0, r.Start, false
	if r.Allowance != math.MaxInt {
		r.Allowance = max(0, r.Allowance-r.crowd)
	}
	r.crowd, r.crowded = 0, false
}

// Over reports whether the document cost too many steps, of which words are read.
func (r *Repeats) Over(words int) bool {
	r.most = r.Start + words
	r.over = r.over || r.steps > r.most
	return r.over || r.crowded
}

// Repetitive reports whether the document repeats too much, so that not all runs were visited.
func (r *Repeats) Repetitive() bool { return r.over }

// Crowded reports whether too many texts have seeds of the document, so that not all runs were
// visited.
func (r *Repeats) Crowded() bool { return r.crowded }

// crowdedBy reports whether that number of further places of a seed is too large.
func (r *Repeats) crowdedBy(places int) bool {
	const words, some = 4, 1 << 6
	n := r.crowd + places
	r.crowded = r.crowded || n > r.Allowance && n > some+words*(r.most-r.Start)
	return r.crowded
}

// Step counts one step, and reports whether that is one too many.
func (r *Repeats) Step() bool {
	r.steps++
	r.over = r.over || r.steps > r.most
	return r.over
}

// followWords is how many words a matcher follows a run at the cost of a step: what replaces
// the matcher costs more for each word.
const followWords = 32

// Follow counts the words that a run was followed, and reports whether they are too many.
func (r *Repeats) Follow(words int) bool {
	if words < followWords {
		return r.over
	}
	r.steps += words / followWords
	r.over = r.over || r.steps > r.most
	return r.over
}

// Count counts the places of a seed that the document has.
func (r *Repeats) Count(seed uint32, places int) {
	if places < manyPlaces {
		return
	}
	r.crowdedBy(places)
	r.crowd += places
	if r.Seen(seed) {
		r.steps += places
	}
}

// Seen reports whether the document had the seed before, of those asked for.
func (r *Repeats) Seen(seed uint32) bool {
	if r.known == nil {
		r.known = map[uint32]struct{}{}
	}
	before := len(r.known)
	r.known[seed] = struct{}{}
	return len(r.known) == before
}
