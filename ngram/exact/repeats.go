package exact

// Repeats counts the steps of a matcher on seeds that the document had before, and on those
// that a text has next to each other. They are what makes the runs too many.
type Repeats struct {
	Start int // steps that a document may cost beside one a word

	known map[uint32]struct{} // seeds of many places that the document had
	steps int
	most  int  // steps that the document may cost so far
	over  bool // it cost more
}

// manyPlaces is from how many places on a seed is remembered.
const manyPlaces = 16

// NewRepeats returns the counter of a matcher.
func NewRepeats() Repeats { return Repeats{Start: 1 << 10} }

// Begin begins a document.
func (r *Repeats) Begin() {
	if len(r.known) > 0 {
		clear(r.known)
	}
	r.steps, r.most, r.over = 0, r.Start, false
}

// Over reports whether the document cost too many steps, of which words are read.
func (r *Repeats) Over(words int) bool {
	r.most = r.Start + words
	r.over = r.over || r.steps > r.most
	return r.over
}

// Step counts one step, and reports whether that is one too many.
func (r *Repeats) Step() bool {
	r.steps++
	r.over = r.over || r.steps > r.most
	return r.over
}

// Count counts the places of a seed that the document has.
func (r *Repeats) Count(seed uint32, places int) {
	if places >= manyPlaces && r.Seen(seed) {
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
