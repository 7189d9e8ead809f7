package overlap

import "fmt"

// Part names one of the texts that an item is made of. N-grams never cross from
// one part into another, so a verdict can say which parts were seen.
type Part uint8

// The parts of an item, in the order in which reports list them.
const (
	Context  Part = iota // passage, background, system text
	Question             // question, prompt, code to complete
	Choices              // answer options, one a line
	Answer               // reference answer, solution, key
	NumParts             // how many there are
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

// AllParts holds every part.
const AllParts = Parts(1<<NumParts - 1)

// PartsOf gives the set of the parts named.
func PartsOf(ps ...Part) Parts {
	var s Parts
	for _, p := range ps {
		s |= 1 << p
	}
	return s
}

// Has reports whether p is in s.
func (s Parts) Has(p Part) bool { return s>>p&1 == 1 }

// Names lists the parts of s in order.
func (s Parts) Names() []string {
	var names []string
	for p := range NumParts {
		if s.Has(p) {
			names = append(names, p.String())
		}
	}
	return names
}
