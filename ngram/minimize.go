package ngram

// A Minimizer chooses n-grams of a text so that of every window of neighbouring n-grams, as many as
// it was made for, the least one is chosen, by an order that depends on the n-gram alone. A text of
// fewer n-grams has one window. So two texts that share a window have a chosen n-gram in common,
// whatever is around it in each; of long texts about 2/(window+1) of all n-grams are chosen
// (Schleimer, Wilkerson and Aiken 2003).
//
// The order is a permutation of all hashes, unrelated to the bits by which a filter places them: only
// equal n-grams are equal in it. A Minimizer belongs to one goroutine.
type Minimizer struct {
	window int
	recent []uint64 // the last n-grams, by their order: number i of the text at i modulo the window
	slot   int      // of the next n-gram
	seen   int      // n-grams of the text so far
	least  int      // number of the least of the window, of equals the last
	chosen bool     // it was appended
}

// NewMinimizer returns a minimizer of windows of window n-grams, at least 1.
func NewMinimizer(window int) *Minimizer {
	return &Minimizer{window: window, recent: make([]uint64, window)}
}

// The order is the finisher of SplitMix64, after a constant of its own.
const (
	orderSeed = 0x6a09e667f3bcc909
	orderMul1 = 0xbf58476d1ce4e5b9
	orderMul2 = 0x94d049bb133111eb

	orderInverse1 = 0x96de1b173f119089 // of orderMul1 and orderMul2, modulo 2^64
	orderInverse2 = 0x319642b2d24d8ec3
)

func orderOf(gram uint64) uint64 {
	gram ^= orderSeed
	gram = (gram ^ gram>>30) * orderMul1
	gram = (gram ^ gram>>27) * orderMul2
	return gram ^ gram>>31
}

// gramOf is the inverse of orderOf.
func gramOf(order uint64) uint64 {
	order = (order ^ order>>31 ^ order>>62) * orderInverse2
	order = (order ^ order>>27 ^ order>>54) * orderInverse1
	return order ^ order>>30 ^ order>>60 ^ orderSeed
}

// Append appends the chosen ones of the text's next n-grams, as soon as their window is complete. Dst
// may be the beginning of grams.
func (m *Minimizer) Append(dst, grams []uint64) []uint64 {
	recent := m.recent
	least := recent[m.least%m.window]
	for _, gram := range grams {
		order := orderOf(gram)
		recent[m.slot] = order
		i := m.seen
		m.seen++
		if m.slot++; m.slot == m.window {
			m.slot = 0
		}
		switch {
		case i == 0 || order < least:
			m.least, least, m.chosen = i, order, false
		case order == least: // it is chosen if the one before is
			m.least = i
		case m.least == i-m.window:
			m.least, m.chosen = m.leastOf(i), false
			least = recent[m.least%m.window]
		}
		if !m.chosen && i+1 >= m.window {
			dst, m.chosen = append(dst, gram), true
			if order != least {
				dst[len(dst)-1] = gramOf(least)
			}
		}
	}
	return dst
}

// leastOf returns the number of the least n-gram of the window that ends with number last, of equals
// the last.
func (m *Minimizer) leastOf(last int) int {
	least, at := m.recent[last%m.window], last
	for k := last - 1; k > last-m.window; k-- {
		if o := m.recent[k%m.window]; o < least {
			least, at = o, k
		}
	}
	return at
}

// End ends the text: it appends the least n-gram of one that is shorter than a window.
func (m *Minimizer) End(dst []uint64) []uint64 {
	if m.seen > 0 && m.seen < m.window {
		dst = append(dst, gramOf(m.recent[m.least%m.window]))
	}
	m.seen, m.slot, m.least, m.chosen = 0, 0, 0, false
	return dst
}

// EachWindow visits the windows of a text's n-grams: the first n-gram of each, how many it has, and
// the number of the least, which a Minimizer of such windows chooses.
func EachWindow(grams []uint64, window int, visit func(first, size, least int)) {
	if len(grams) < window {
		window = len(grams)
	}
	least := -1
	for first := 0; window > 0 && first+window <= len(grams); first++ {
		from := first + window - 1
		if least < first {
			least, from = first, first+1
		}
		for k := from; k < first+window; k++ {
			if orderOf(grams[k]) <= orderOf(grams[least]) {
				least = k
			}
		}
		visit(first, window, least)
	}
}
