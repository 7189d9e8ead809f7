package pipeline

import (
	"math"
	"math/bits"
)

// hyperLogLog estimates how many distinct hashes were added, to about 1 %, by the
// method of Flajolet et al. 2007 with 2^14 registers; hashes have 64 bits, so there
// is no correction for large numbers.
type hyperLogLog struct{ most [1 << 14]uint8 }

func (h *hyperLogLog) add(hash uint64) {
	hash = (hash ^ hash>>32) * 0xd1342543de82ef95 // n-gram hashes are sums: mix their bits
	hash ^= hash >> 29
	r := &h.most[hash>>50]
	*r = max(*r, uint8(bits.LeadingZeros64(hash<<14|1<<13))+1)
}

func (h *hyperLogLog) count() float64 {
	m := float64(len(h.most))
	sum, zero := 0.0, 0
	for _, r := range h.most {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			zero++
		}
	}
	n := 0.7213 / (1 + 1.079/m) * m * m / sum
	if n <= 2.5*m && zero > 0 {
		return m * math.Log(m/float64(zero))
	}
	return n
}
