package results

// places finds outcomes again by a hash of their group and id: open addressing, of
// the hash the upper half beside the place, 12 bytes or so an outcome.
type places struct {
	slots []place // a power of two of them, at least a quarter free
	used  int
}

type place struct {
	tag uint32
	at  uint32 // place and 1 more; 0: the slot is empty
}

// put gives the slot's place if is says that it is the one looked for; if there is
// none, at is put there and given.
func (p *places) put(hash uint64, at int32, is func(at int32) bool) int32 {
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
		case s.tag == tag && is(int32(s.at-1)):
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
