// Package item defines what all of the program knows of a benchmark item: the parts that
// it consists of, and the state that a method reports for it. It imports no other package
// of the program, so that every package may import it.
package item

import "fmt"

// An Item is an item as matching sees it: the number of each part's text in an index
// of texts, or None.
type Item struct {
	Bench   int // number of its benchmark
	Texts   [NumParts]int32
	Passage bool // its context is a passage, which says nothing of the item by itself
}

// None is the number in place of a part that an item does not have.
const None = -1

// Absent returns an item of a benchmark without any part.
func Absent(bench int) Item {
	it := Item{Bench: bench}
	for p := range it.Texts {
		it.Texts[p] = None
	}
	return it
}

// Part names one of the texts that an item is made of. N-grams never cross from
// one part into another, so a verdict can say which parts were seen.
type Part uint8

// The parts of an item, in the order in which reports list them.
const (
	Context  Part = iota // passage, background, system text
	Question             // question, prompt, code to complete
	Choices              // answer options, one a line
	Answer               // reference answer, solution, key
	NumParts             // the number of parts
)

var partNames = [NumParts]string{"context", "question", "choices", "answer"}

func (p Part) String() string {
	if p < NumParts {
		return partNames[p]
	}
	return fmt.Sprintf("part(%d)", uint8(p))
}

// Parts is a set of Part.
type Parts uint8

// AllParts is the set of every part.
const AllParts = Parts(1<<NumParts - 1)

// PartsOf returns the set of the parts named.
func PartsOf(ps ...Part) Parts {
	var s Parts
	for _, p := range ps {
		s |= 1 << p
	}
	return s
}

// Has reports whether p is in s.
func (s Parts) Has(p Part) bool { return s>>p&1 == 1 }

// Names returns the names of the parts of s in order.
func (s Parts) Names() []string {
	var names []string
	for p := range NumParts {
		if s.Has(p) {
			names = append(names, p.String())
		}
	}
	return names
}

// State is what a method reports for an item, in a byte. Its text is a word, as in an audit.
type State uint8

// The states. An item too short for a method is not checkable, never clean.
const (
	Missing State = iota // there is no verdict; never written
	Clean
	Flagged
	NotCheckable
	Suspected // by a corpus filter, which has false positives; never by a scan
	numStates
)

var stateNames = [numStates]string{"missing", "clean", "flagged", "not_checkable", "suspected"}

func (s State) String() string {
	if s < numStates {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// MarshalText returns the state's word. Missing has none.
func (s State) MarshalText() ([]byte, error) {
	if s == Missing || s >= numStates {
		return nil, fmt.Errorf("%s cannot be written", s)
	}
	return []byte(stateNames[s]), nil
}

// UnmarshalText reads the word of a state. It returns an error for any other word.
func (s *State) UnmarshalText(text []byte) error {
	for i := Clean; i < numStates; i++ {
		if string(text) == stateNames[i] {
			*s = i
			return nil
		}
	}
	return fmt.Errorf("unknown state %.60q", text)
}

// Found reports whether the item counts as found: flagged, or suspected.
func (s State) Found() bool { return s == Flagged || s == Suspected }

// Seen says which sides of an item were seen: its input (context, question, choices),
// its answer, or both.
type Seen string

const (
	SeenNothing Seen = ""
	SeenInput   Seen = "input"
	SeenAnswer  Seen = "answer"
	SeenBoth    Seen = "input and answer" // close to each other in one document; otherwise it is input
)
