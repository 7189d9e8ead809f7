package ngram

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// leastOfWindows is the definition: the n-grams that are the least of any window.
func leastOfWindows(grams []uint64, window int) map[uint64]bool {
	chosen := map[uint64]bool{}
	window = min(window, len(grams))
	for i := 0; window > 0 && i+window <= len(grams); i++ {
		chosen[slices.MinFunc(grams[i:i+window], func(a, b uint64) int {
			if orderOf(a) < orderOf(b) {
				return -1
			} else if orderOf(a) > orderOf(b) {
				return 1
			}
			return 0
		})] = true
	}
	return chosen
}

func setOf(grams []uint64) map[uint64]bool {
	set := map[uint64]bool{}
	for _, g := range grams {
		set[g] = true
	}
	return set
}

// checkMinimizer compares a minimizer, to which the n-grams come in pieces, with the definition, and
// EachWindow with both; and a window that another text has too with what is chosen of that.
func checkMinimizer(t *testing.T, m *Minimizer, grams, around []uint64, window, piece int) {
	t.Helper()
	choose := func(grams []uint64) (chosen []uint64) {
		for rest := slices.Clone(grams); len(rest) > 0; {
			k := min(piece, len(rest))
			chosen = append(chosen, m.Append(rest[:0:k], rest[:k])...)
			rest = rest[k:]
		}
		return m.End(chosen)
	}
	want := leastOfWindows(grams, window)
	chosen := choose(grams)
	got := setOf(chosen)
	if len(got) != len(want) {
		t.Fatalf("window %d of %x: chose %x, want %v", window, grams, chosen, want)
	}
	for g := range want {
		if !got[g] {
			t.Fatalf("window %d of %x: %x is not chosen", window, grams, g)
		}
	}
	next := 0
	EachWindow(grams, window, func(first, size, least int) {
		if first != next || size != min(window, len(grams)) || least < first || least >= first+size || !got[grams[least]] {
			t.Fatalf("window %d of %x: window at %d (want %d) of %d has least %d", window, grams, first, next, size, least)
		}
		next++
	})
	if all := max(0, len(grams)-window+1); next != max(all, min(1, len(grams))) {
		t.Fatalf("%d windows of %d n-grams", next, len(grams))
	}
	if len(grams) < window { // which the other text need not choose from, unless it is the same
		return
	}
	longer := setOf(choose(slices.Concat(around, grams, around)))
	EachWindow(grams, window, func(first, _, least int) {
		if !longer[grams[least]] {
			t.Fatalf("window %d at %d of %x is missed between %x", window, first, grams, around)
		}
	})
}

func TestMinimizer(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		window := 1 + r.IntN(20)
		m := NewMinimizer(window)
		grams, around := make([]uint64, r.IntN(60)), make([]uint64, r.IntN(30))
		kinds := 1 + r.Uint64N(40) // few of them, so that many are equal
		for _, list := range [][]uint64{grams, around} {
			for i := range list {
				if list[i] = r.Uint64N(kinds); r.IntN(2) == 0 {
					list[i] = r.Uint64()
				}
			}
		}
		checkMinimizer(t, m, grams, around, window, 1+r.IntN(9))
	}
}

func FuzzMinimizer(f *testing.F) {
	f.Add([]byte("of each window the least"), []byte("around"), uint8(4), uint8(3))
	f.Fuzz(func(t *testing.T, text, other []byte, window, piece uint8) {
		grams, around := make([]uint64, len(text)), make([]uint64, len(other))
		for i, b := range text {
			grams[i] = uint64(b)
		}
		for i, b := range other {
			around[i] = uint64(b)
		}
		w := 1 + int(window)%MaxWindow
		checkMinimizer(t, NewMinimizer(w), grams, around, w, 1+int(piece))
	})
}

func TestOrderIsAPermutation(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100000 {
		g := r.Uint64() >> r.IntN(64)
		if gramOf(orderOf(g)) != g || orderOf(gramOf(g)) != g {
			t.Fatalf("%x", g)
		}
	}
}

// Of random n-grams a share of 2/(window+1) is chosen.
func TestMinimizerDensity(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	grams := make([]uint64, 200000)
	for i := range grams {
		grams[i] = r.Uint64()
	}
	for _, window := range []int{1, 2, 4, 8, 16, MaxWindow} {
		got := float64(len(NewMinimizer(window).Append(nil, grams))) / float64(len(grams))
		if want := 2 / float64(window+1); got < .95*want || got > 1.05*want {
			t.Errorf("window %d: %.4f chosen, want about %.4f", window, got, want)
		}
	}
}

func TestRecipeWindow(t *testing.T) {
	r := Words(5)
	for window, ok := range map[int]bool{-1: false, 0: true, 1: false, 2: true, MaxWindow: true, MaxWindow + 1: false} {
		if r.Window = window; (func() bool { _, err := r.NewScanner(); return err == nil })() != ok {
			t.Errorf("window %d: %v", window, !ok)
		}
	}
	if r.Window = 4; r.LeastRun() != 8 || Words(5).LeastRun() != 5 || r.String() == Words(5).String() {
		t.Error(r.LeastRun(), r)
	}

}
