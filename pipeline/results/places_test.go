package results

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestFindEqualsMap gives a reader rows with ids and places in order, nearly in order
// and in none, and finds what a map of all finds.
func TestFindEqualsMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		r := &reader{file: &File{}}
		type key struct {
			group uint16
			id    string
			index int64
		}
		want := make(map[key]int32)
		n, disorder := int64(0), rng.IntN(3)
		for row := range 1 + rng.IntN(600) {
			if n += int64(rng.IntN(3)); disorder > 0 && rng.IntN(200) < disorder*disorder*disorder {
				n = rng.Int64N(400)
			}
			o := Outcome{ID: fmt.Sprint("x", n), Index: -1, Group: uint16(row / 400)}
			if round%3 == 0 {
				o.ID, o.Index = "", n
			} else if round%3 == 1 && rng.IntN(9) == 0 {
				o.ID = fmt.Sprintf("%040d", n)
			}
			k := key{o.Group, o.ID, o.Index}
			at, ok := want[k]
			if !ok {
				at = int32(len(r.file.Outcomes))
				want[k] = at
			}
			if got := r.find(&o, int32(len(r.file.Outcomes))); got != at {
				t.Fatalf("round %d row %d: %v is found at %d, want %d", round, row, o, got, at)
			}
			if !ok {
				r.file.Outcomes = append(r.file.Outcomes, o)
			}
		}
	}
}
