package substr

import (
	"math/bits"
	"math/rand/v2"

	"github.com/zeebo/xxh3"
)

// Windows draws k windows of n characters from an item of the given length in characters,
// as GPT-4's check does with k = 3 and n = 50, and returns the character at which each
// begins: uniform over 0 to chars-n, with replacement. An item shorter than n has
// one window, the whole; an item without characters has none.
//
// Windows depend only on the seed and the identity, on every machine and in every release:
// the generator is PCG-DXSM seeded with the 128-bit XXH3 of the identity under the seed,
// mapped to the range by Lemire's multiplication.
func Windows(seed uint64, identity string, chars, n, k int) []int {
	switch {
	case chars <= 0:
		return nil
	case chars < n:
		return []int{0}
	}
	h := xxh3.HashString128Seed(identity, seed)
	pcg := rand.NewPCG(h.Hi, h.Lo)
	size := uint64(chars - n + 1)
	starts := make([]int, k)
	for i := range starts {
		hi, lo := bits.Mul64(pcg.Uint64(), size)
		for lo < -size%size { // rejected, since it would make some starts more likely
			hi, lo = bits.Mul64(pcg.Uint64(), size)
		}
		starts[i] = int(hi)
	}
	return starts
}
