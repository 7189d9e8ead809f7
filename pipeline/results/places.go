package results

// places finds the place of an outcome by a hash of its group and id. It is a hash table with
// open addressing, which stores the upper half of the hash beside the place: about 12 bytes
// for each outcome.
type places struct {
	slots []place // a power of two of them, at least a quarter free
	used  int
}

type place struct {
	tag uint32
	at  uint32 // place and 1 more; 0: the slot is empty
}

// insert returns the place with this hash for which equal is true or, if there is none,
// inserts at and returns it.
func (p *places) insert(hash uint64, at int32, equal func(at int32) bool) int32 {
	if 4*p.used >= 3*len(p.slots) {
		p.grow(2 * len(p.slots))
	}
	tag := uint32(hash >> 32)
	for i := p.home(tag); ; i = (i + 1) & (len(p.slots) - 1) {
		switch s := p.slots[i]; {
		case s.at == 0:
			p.slots[i] = place{tag, uint32(at) + 1}
			p.used++
			return at
		case s.tag == tag && equal(int32(s.at-1)):
			return int32(s.at - 1)
		}
	}
}

func (p *places) home(tag uint32) int { return int(uint64(tag) * uint64(len(p.slots)) >> 32) }

func (p *places) grow(size int) {
	old := p.slots
	p.slots = make([]place, max(size, 1<<8))
	for _, s := range old {
		if s.at == 0 {
			continue
		}
		i := p.home(s.tag)
		for p.slots[i].at != 0 {
			i = (i + 1) & (len(p.slots) - 1)
		}
		p.slots[i] = s
	}
}
