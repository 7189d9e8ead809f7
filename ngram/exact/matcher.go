package exact

import (
	"sort"

	"swab/ngram"
)

// A Run is a maximal stretch of words that a text and a document share.
type Run struct {
	Text  int    // number of the text
	At    int    // first word in the text
	Doc   int    // first word in the document
	Words int    // length, at least n
	Start uint32 // bytes of the document that the run stands in
	End   uint32
}

// A Matcher holds documents against an Index. It belongs to one goroutine.
type Matcher struct {
	x          *Index
	scan       *ngram.Scanner
	candidates []uint32
	open, next []openRun // by falling position
	last       int       // document word at which the open runs' last grams begin
}

type openRun struct {
	at         uint32 // position of the run's last gram
	grams      uint32
	doc        uint32 // first word in the document
	start, end uint32
}

// NewMatcher makes a matcher.
func (x *Index) NewMatcher() *Matcher {
	scan, err := x.recipe.NewScanner()
	if err != nil {
		panic(err) // Build made one
	}
	return &Matcher{x: x, scan: scan}
}

// Document calls visit for every run of the document with a text, in the order in
// which runs end in the document; among those that end together, in falling order
// of position among all texts. It gives the number of words in the document.
func (m *Matcher) Document(text []byte, visit func(Run)) (words int) {
	s := m.scan
	s.Reset(text)
	m.open = m.open[:0]
	for s.Next() {
		m.block(s, visit)
		words = s.Base() + s.Len()
	}
	m.close(m.open, visit)
	m.open = m.open[:0]
	return words
}

func (m *Matcher) block(s *ngram.Scanner, visit func(Run)) {
	x := m.x
	grams := s.Grams()
	if cap(m.candidates) < len(grams) {
		m.candidates = make([]uint32, 2*len(grams))
	}
	found := m.candidates[:len(grams)]
	count := 0
	filter, shift := x.filter, x.shift
	for i, g := range grams {
		found[count] = uint32(i)
		need := twoBits(g)
		if filter[g>>(shift&63)]&need == need {
			count++
		}
	}
	base := s.Base()
	for _, i := range found[:count] {
		head := x.find(grams[i], s, int(i))
		if head == 0 {
			continue
		}
		doc := base + int(i)
		if doc != m.last+1 {
			m.close(m.open, visit)
			m.open = m.open[:0]
		}
		m.last = doc
		m.extend(head, uint32(doc), s.Start(int(i)), s.End(int(i)+x.n-1), visit)
	}
}

// extend continues or begins a run at every position of the gram found at word
// doc of the document, and ends the open runs that do not go on.
func (m *Matcher) extend(head, doc, start, end uint32, visit func(Run)) {
	open, next := m.open, m.next[:0]
	for at := head; at != 0; at = m.x.next[at] {
		i := 0
		for i < len(open) && open[i].at+1 > at {
			i++
		}
		m.close(open[:i], visit)
		open = open[i:]
		if len(open) > 0 && open[0].at+1 == at {
			r := open[0]
			open = open[1:]
			r.at, r.end = at, end
			r.grams++
			next = append(next, r)
		} else {
			next = append(next, openRun{at: at, grams: 1, doc: doc, start: start, end: end})
		}
	}
	m.close(open, visit)
	m.open, m.next = next, m.open
}

func (m *Matcher) close(runs []openRun, visit func(Run)) {
	for _, r := range runs {
		first := r.at + 1 - r.grams
		starts := m.x.starts
		t := sort.Search(len(starts), func(t int) bool { return starts[t] > first }) - 1
		visit(Run{Text: t, At: int(first - starts[t]), Doc: int(r.doc), Words: int(r.grams) + m.x.n - 1, Start: r.start, End: r.end})
	}
}
