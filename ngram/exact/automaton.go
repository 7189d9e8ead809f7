package exact

// An Automaton holds every stretch of words of a document once, however often the document
// repeats it: the suffix automaton of Blumer et al. (1985). It is built in time linear in
// the document, and a text is read past it in time linear in the text. Stretches of more
// than longest words may be missing, so that a document that only repeats itself adds
// nothing.
//
// A state is the stretches that end at the same places of the document: suffixes of
// one another, of more than the words of its link up to its own. A state takes 24 bytes, with
// its first edge, and each further edge 16; most have no other.
type Automaton struct {
	longest int
	states  []state
	edges   []edge
	slots   []uint32 // open addressing: 1 + an edge's number; 0: free; a power of two
	hashed  int      // slots in use
	last    uint32   // the state of the words added last
	words   int
}

// Root is the state of no words.
const Root = 0

type state struct {
	words uint32 // of its longest stretch
	link  uint32 // the state of the longest suffix that ends at more places
	end   uint32 // the word of the document with which the stretches end first
	edge  uint32 // 1 + the number of the last further edge; 0: it has none
	word  uint32 // of the first edge
	to    uint32 // of the first edge; 0: there is none
}

// An edge is one after the first of a state. They are a list, and if it has more than
// mostListed, each has a slot.
type edge struct {
	from, word, to uint32
	next           uint32 // as in state
}

const mostListed = 3

// Reset makes the automaton that of an empty document, for stretches of up to longest words.
func (a *Automaton) Reset(longest int) {
	a.longest, a.last, a.words = longest, Root, 0
	a.states, a.edges = append(a.states[:0], state{}), a.edges[:0]
	if len(a.slots) == 0 {
		a.slots = make([]uint32, 1<<10)
	}
	if a.hashed > 0 {
		clear(a.slots)
		a.hashed = 0
	}
}

// Break ends a document, whose stretches do not go on in what is added next: the automaton
// becomes that of several documents.
func (a *Automaton) Break() { a.last = Root }

// Last returns the state of all words of the document so far, or of the last of them.
func (a *Automaton) Last() uint32 { return a.last }

// Link returns the state of the longest suffix that ends at more places.
func (a *Automaton) Link(state uint32) uint32 { return a.states[state].link }

// LongestFirst returns all states, those of more words before those of fewer.
func (a *Automaton) LongestFirst() []uint32 {
	longest := 0
	for _, s := range a.states {
		longest = max(longest, int(s.words))
	}
	first := make([]uint32, longest+2)
	for _, s := range a.states {
		first[longest-int(s.words)+1]++
	}
	for k := 1; k < len(first); k++ {
		first[k] += first[k-1]
	}
	order := make([]uint32, len(a.states))
	for number, s := range a.states {
		k := longest - int(s.words)
		order[first[k]] = uint32(number)
		first[k]++
	}
	return order
}

// States returns the number of states, at most two for each word.
func (a *Automaton) States() int { return len(a.states) }

// Words returns the words of the longest stretch of a state.
func (a *Automaton) Words(state uint32) int { return int(a.states[state].words) }

// FirstEnd returns the word of the document with which a state's stretches end first.
func (a *Automaton) FirstEnd(state uint32) int { return int(a.states[state].end) }

// Edges calls visit for each word that follows a state's stretches in the document, and the
// state of both.
func (a *Automaton) Edges(state uint32, visit func(word, to uint32)) {
	for k := a.states[state].edge; k != 0; k = a.edges[k-1].next {
		visit(a.edges[k-1].word, a.edges[k-1].to)
	}
	if s := a.states[state]; s.to != Root {
		visit(s.word, s.to)
	}
}

// Single returns the only word that follows a state's stretches, and the state of both.
func (a *Automaton) Single(state uint32) (word, to uint32, single bool) {
	s := &a.states[state]
	return s.word, s.to, s.to != Root && s.edge == 0
}

// slot returns the slot of an edge, or the free one that it would take.
func (a *Automaton) slot(from, word uint32) int {
	h := (uint64(from)<<32 | uint64(word)) * 0x9e3779b97f4a7c15
	for i := int(h>>32) & (len(a.slots) - 1); ; i = (i + 1) & (len(a.slots) - 1) {
		k := a.slots[i]
		if k == 0 || a.edges[k-1].from == from && a.edges[k-1].word == word {
			return i
		}
	}
}

// find returns where the target of an edge is, until the next edge or state is added, or nil.
func (a *Automaton) find(from, word uint32) *uint32 {
	s := &a.states[from]
	if s.word == word && s.to != Root {
		return &s.to
	}
	k := s.edge
	for range mostListed {
		if k == 0 {
			return nil
		}
		e := &a.edges[k-1]
		if e.word == word {
			return &e.to
		}
		k = e.next
	}
	if k == 0 {
		return nil
	}
	if k = a.slots[a.slot(from, word)]; k == 0 {
		return nil
	}
	return &a.edges[k-1].to
}

// addEdge adds an edge that there is not.
func (a *Automaton) addEdge(from, word, to uint32) {
	s := &a.states[from]
	if s.to == Root {
		s.word, s.to = word, to
		return
	}
	a.edges = append(a.edges, edge{from, word, to, s.edge})
	s.edge = uint32(len(a.edges))
	listed, k := 0, s.edge
	for ; k != 0 && listed <= mostListed+1; k = a.edges[k-1].next {
		listed++
	}
	switch {
	case listed <= mostListed:
	case listed == mostListed+1: // those before have none
		for k = s.edge; k != 0; k = a.edges[k-1].next {
			a.hash(k)
		}
	default:
		a.hash(s.edge)
	}
}

// hash assigns a slot to edge number k-1.
func (a *Automaton) hash(k uint32) {
	if a.hashed++; 2*a.hashed >= len(a.slots) {
		before := a.slots
		a.slots = make([]uint32, 2*len(before))
		for _, k := range before {
			if k != 0 {
				a.slots[a.slot(a.edges[k-1].from, a.edges[k-1].word)] = k
			}
		}
	}
	a.slots[a.slot(a.edges[k-1].from, a.edges[k-1].word)] = k
}

// Add adds the document's next word.
func (a *Automaton) Add(word uint32) {
	end := uint32(a.words)
	a.words++
	p := a.last
	if to := a.find(p, word); to != nil {
		a.last = a.target(p, word, *to)
	} else {
		a.last = uint32(len(a.states))
		a.states = append(a.states, state{words: a.states[p].words + 1, end: end})
		for {
			a.addEdge(p, word, a.last)
			if p == Root {
				break
			}
			p = a.states[p].link
			if to := a.find(p, word); to != nil {
				link := a.target(p, word, *to)
				a.states[a.last].link = link
				break
			}
		}
	}
	if link := a.states[a.last].link; int(a.states[link].words) >= a.longest {
		a.last = link // the words were there before: only what comes next can be new
	}
}

// target returns the state of the longest stretch of p and the word, of which the edge leads
// to q. It splits the state if that has longer ones.
func (a *Automaton) target(p, word, q uint32) uint32 {
	words := a.states[p].words + 1
	if a.states[q].words == words {
		return q
	}
	short := uint32(len(a.states))
	a.states = append(a.states, state{words: words, link: a.states[q].link, end: a.states[q].end})
	a.Edges(q, func(word, to uint32) { a.addEdge(short, word, to) })
	a.states[q].link = short
	for {
		to := a.find(p, word)
		if to == nil || *to != q {
			break
		}
		if *to = short; p == Root {
			break
		}
		p = a.states[p].link
	}
	return short
}

// A Match is the longest suffix of the words read so far that the document has.
type Match struct {
	State uint32
	Words int
}

// Next returns the match after one more word.
func (a *Automaton) Next(m Match, word uint32) Match {
	for {
		if to := a.find(m.State, word); to != nil {
			return Match{*to, m.Words + 1}
		}
		if m.State == Root {
			return Match{}
		}
		m.State = a.states[m.State].link
		m.Words = int(a.states[m.State].words)
	}
}

// Cut returns the match of at most the last words of m.
func (a *Automaton) Cut(m Match, words int) Match {
	for m.Words > words && int(a.states[a.states[m.State].link].words) >= words {
		m.State = a.states[m.State].link
	}
	m.Words = min(m.Words, words)
	return m
}

// Unknown is the number of a document's word that no text has.
const Unknown = 1<<32 - 1

// A Reader reads documents that repeat themselves, for which a [Matcher] would visit too
// many runs.
type Reader interface {
	// Touched returns, by rising number, every text that shares a run with one of the
	// documents, and others. Each calls its argument for every document.
	Touched(each func(visit func(document []byte))) []int
	// Words calls visit for the number and the bytes of each word of the document, until it
	// returns false.
	Words(document []byte, visit func(word, start, end uint32) bool)
	// AppendText appends the numbers of the words of a text.
	AppendText(dst []uint32, text int) []uint32
}
