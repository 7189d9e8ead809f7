package reworded

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// maxDecoys is how many decoys a benchmark has at the most.
const maxDecoys = 500

// A decoy is an item whose terms and numbers are those of other items of its benchmark: as
// many, and with nearly the same information. What is found of decoys is found by chance.
type decoy struct {
	like    int // its item
	terms   []itemTerm
	numbers []uint64
	count   map[int32]int // of terms, in the benchmark
}

// exchange makes decoys for some items of the current benchmark, the same in every run.
func (b *Builder) exchange(count map[int32]int) {
	x := b.x
	var checkable []int
	var pool []itemTerm // of all items, by information
	var numbers []uint64
	for i := b.first; i < len(x.items); i++ {
		if x.items[i].need > 0 {
			checkable = append(checkable, i)
			pool = append(pool, x.termsOf(i)...)
			numbers = append(numbers, b.numbersOf(i)...)
		}
	}
	if len(checkable) < 10 {
		return
	}
	slices.SortFunc(pool, func(a, b itemTerm) int {
		return cmp.Or(cmp.Compare(a.weight, b.weight), cmp.Compare(a.term, b.term))
	})
	pool = slices.CompactFunc(pool, func(a, b itemTerm) bool { return a.term == b.term })
	r := rand.New(rand.NewPCG(uint64(len(checkable)), 1))
	for _, k := range r.Perm(len(checkable))[:min(len(checkable), maxDecoys)] {
		like := checkable[k]
		d := decoy{like: like, count: count}
		for _, t := range x.termsOf(like) {
			other := exchanged(r, pool, t)
			other.choice = t.choice
			d.terms = append(d.terms, other)
		}
		slices.SortFunc(d.terms, func(a, b itemTerm) int { return cmp.Compare(a.term, b.term) })
		d.terms = slices.CompactFunc(d.terms, func(a, b itemTerm) bool { return a.term == b.term })
		for range b.numbersOf(like) {
			if v := numbers[r.IntN(len(numbers))]; !slices.Contains(d.numbers, v) {
				d.numbers = append(d.numbers, v)
			}
		}
		b.decoys = append(b.decoys, d)
	}
}

// exchanged returns another term that carries nearly the same.
func exchanged(r *rand.Rand, pool []itemTerm, t itemTerm) itemTerm {
	const around = 40
	at, _ := slices.BinarySearchFunc(pool, t.weight, func(p itemTerm, w uint16) int { return cmp.Compare(p.weight, w) })
	end, _ := slices.BinarySearchFunc(pool, t.weight+1, func(p itemTerm, w uint16) int { return cmp.Compare(p.weight, w) })
	from, to := max(0, at-around), min(len(pool), end+around)
	for range 8 {
		if p := pool[from+r.IntN(to-from)]; p.term != t.term {
			return p
		}
	}
	return t
}

// appendDecoys appends the decoys to the items.
func (b *Builder) appendDecoys() {
	x := b.x
	x.real = len(x.items)
	x.decoyed = make([]uint64, x.real/64+1)
	for _, d := range b.decoys {
		e := x.items[d.like]
		e.terms, e.numbers, e.mass, e.choices, e.need = uint32(len(x.terms)), uint32(len(x.numbers)), 0, 0, 0
		for _, t := range d.terms {
			e.add(t)
		}
		x.terms, x.numbers = append(x.terms, d.terms...), append(x.numbers, d.numbers...)
		x.items = append(x.items, e)
		b.chooseAnchors(len(x.items)-1, d.terms, d.count)
		x.like = append(x.like, uint32(d.like))
		x.decoyed[d.like/64] |= 1 << (d.like % 64)
	}
	b.decoys = nil
}

// Like returns the item that a decoy is of, or the item itself.
func (x *Index) Like(i int) (item int, decoy bool) {
	if i < x.real {
		return i, false
	}
	return int(x.like[i-x.real]), true
}

// HasDecoy reports whether an item has a decoy.
func (x *Index) HasDecoy(i int) bool { return x.decoyed[i/64]>>(i%64)&1 == 1 }

// numbersOf returns the numbers of an item while the index is built.
func (b *Builder) numbersOf(i int) []uint64 {
	if i+1 < len(b.x.items) {
		return b.x.numbers[b.x.items[i].numbers:b.x.items[i+1].numbers]
	}
	return b.x.numbers[b.x.items[i].numbers:]
}
