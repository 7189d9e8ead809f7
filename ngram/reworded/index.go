package reworded

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"swab/ngram"
)

// An itemTerm is a distinct term of an item.
type itemTerm struct {
	term   int32
	weight uint16 // information, units
	choice bool   // it is in the choices alone
}

// An entry is an item of an index: its terms are terms[terms:], those of the next item
// excluded, and so on.
type entry struct {
	terms, numbers, anchors uint32
	words                   uint32 // words of the text
	mass, choices           uint32 // information of its terms, and of those that are in the choices alone, units
	shift                   uint8  // its blocks have 1<<shift words
	need                    uint8  // distinct anchors that a candidate has at the least; 0: not checkable
}

// A Builder takes the texts of items. Items of one benchmark follow each other.
type Builder struct {
	x      *Index
	lex    *lexer
	scan   *ngram.Scanner
	tokens []token
	first  int // item of the current benchmark
	linked []linked
	decoys []decoy
}

// A linked is a link of a term.
type linked struct {
	term int32
	link
}

// An Index has the items' terms. It is not changed after it is built.
type Index struct {
	dictionary map[uint64]int32
	weights    []uint8 // of terms, known information
	items      []entry
	terms      []itemTerm
	numbers    []uint64
	anchors    []uint16 // information of anchors
	from       []uint32 // by term: its links are links[from[t]:from[t+1]]
	links      []link
	real       int      // items that are no decoys
	like       []uint32 // by decoy: its item
	decoyed    []uint64 // a bit for each item that has a decoy
}

// A link is the number of an item that has a term as an anchor, and in its lowest bits the anchor's
// number there.
type link uint32

const anchorBits = 5

func (l link) item() uint32   { return uint32(l) >> anchorBits }
func (l link) anchor() uint32 { return uint32(l) & (maxAnchors - 1) }

// MaxItems is how many items an index has at the most.
const MaxItems = 1<<(32-anchorBits) - 1

// NewBuilder returns a builder without items.
func NewBuilder() *Builder {
	scan, err := ngram.Words(1).NewScanner()
	if err != nil {
		panic(err) // the recipe is this program's own
	}
	x := &Index{dictionary: map[uint64]int32{}}
	return &Builder{x: x, lex: newLexer(x.dictionary, true), scan: scan}
}

// Add adds an item's text, and returns its words. Choices are in the text too, behind the question.
func (b *Builder) Add(question, choices string) (words int, err error) {
	text := question
	if choices != "" {
		text += "\n" + choices
	}
	x := b.x
	if len(x.items) >= MaxItems/2 { // the other half is for decoys
		return 0, fmt.Errorf("more than %d items", MaxItems/2)
	}
	b.tokens = b.tokens[:0]
	for b.scan.Reset([]byte(text)); b.scan.Next(); {
		b.tokens = b.lex.block(b.tokens, b.scan, []byte(text))
		words += b.scan.Len()
	}
	e := entry{
		terms: uint32(len(x.terms)), numbers: uint32(len(x.numbers)), words: uint32(words),
		shift: uint8(min(max(bits.Len(uint(7*words/10)), minShift), maxShift)),
	}
	for _, t := range b.tokens {
		if t.number {
			if !slices.Contains(x.numbers[e.numbers:], t.value) && len(x.numbers)-int(e.numbers) < maxNumbers {
				x.numbers = append(x.numbers, t.value)
			}
			continue
		}
		for int(t.term) >= len(x.weights) {
			x.weights = append(x.weights, t.weight)
		}
		x.terms = append(x.terms, itemTerm{term: t.term, choice: int(t.start) > len(question)})
	}
	own := x.terms[e.terms:]
	slices.SortStableFunc(own, func(a, b itemTerm) int { return cmp.Compare(a.term, b.term) }) // the question's first
	own = slices.CompactFunc(own, func(a, b itemTerm) bool { return a.term == b.term })
	x.terms = x.terms[:int(e.terms)+len(own)]
	x.items = append(x.items, e)
	return words, nil
}

// maxNumbers is how many distinct numbers of an item count.
const maxNumbers = 64

// EndBenchmark ends a benchmark: its items are compared with each other.
func (b *Builder) EndBenchmark() {
	x := b.x
	count := map[int32]int{}
	for _, t := range x.terms[b.firstTerm():] {
		count[t.term]++
	}
	items := len(x.items) - b.first
	for i := b.first; i < len(x.items); i++ {
		e := &x.items[i]
		own := x.termsOf(i)
		for k := range own {
			t := &own[k]
			share := math.Exp2(-float64(x.weights[t.term]) / unit)
			share = (float64(count[t.term]) + knowledge*share) / float64(items+knowledge)
			if others := count[t.term] - 1; others > 0 { // template carries nothing, also in a small benchmark
				share = max(share, float64(others)/float64(items-1))
			}
			t.weight = uint16(units(share))
			e.add(*t)
		}
		b.chooseAnchors(i, own, count)
	}
	b.exchange(count)
	b.first = len(x.items)
}

// add adds the information of a term.
func (e *entry) add(t itemTerm) {
	if e.mass += uint32(t.weight); t.choice {
		e.choices += uint32(t.weight)
	}
}

func (b *Builder) firstTerm() int {
	if b.first < len(b.x.items) {
		return int(b.x.items[b.first].terms)
	}
	return len(b.x.terms)
}

// chooseAnchors notes the rarest terms of an item as its anchors.
func (b *Builder) chooseAnchors(i int, own []itemTerm, count map[int32]int) {
	x := b.x
	e := &x.items[i]
	e.anchors = uint32(len(x.anchors))
	if len(own) < LeastTerms || e.mass < leastBits*unit {
		return
	}
	var rare []itemTerm
	for _, t := range own {
		if count[t.term] <= maxAnchored {
			rare = append(rare, t)
		}
	}
	slices.SortFunc(rare, func(a, b itemTerm) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.term, b.term))
	})
	rare = rare[:min(len(rare), maxAnchors)]
	sum := uint32(0)
	for k, t := range rare {
		x.anchors = append(x.anchors, t.weight)
		b.linked = append(b.linked, linked{t.term, link(i<<anchorBits | k)})
		if sum += uint32(t.weight); e.need == 0 && float64(sum) >= anchored*float64(e.mass) {
			e.need = uint8(max(k+1, leastAnchors))
		}
	}
}

// Build returns the index of the items that were added, and takes the builder's memory. Documents are
// searched for those items alone that are wanted.
func (b *Builder) Build(wanted func(item int) bool) *Index {
	x := b.x
	b.appendDecoys()
	b.linked = slices.DeleteFunc(b.linked, func(l linked) bool {
		like, _ := x.Like(int(l.item()))
		return !wanted(like)
	})
	x.items = append(x.items, entry{
		terms: uint32(len(x.terms)), numbers: uint32(len(x.numbers)), anchors: uint32(len(x.anchors)),
	})
	x.from = make([]uint32, len(x.weights)+1)
	for _, l := range b.linked {
		x.from[l.term+1]++
	}
	for t := range x.weights {
		x.from[t+1] += x.from[t]
	}
	x.links = make([]link, len(b.linked))
	fill := slices.Clone(x.from)
	for _, l := range b.linked {
		x.links[fill[l.term]] = l.link
		fill[l.term]++
	}
	return x
}

// size returns the number of items, decoys included.
func (x *Index) size() int { return len(x.items) - 1 }

// Len returns the number of items, without decoys.
func (x *Index) Len() int { return x.real }

// Checkable reports whether item i has enough terms to be found.
func (x *Index) Checkable(i int) bool { return x.items[i].need > 0 }

// Words returns the number of words of item i.
func (x *Index) Words(i int) int { return int(x.items[i].words) }

// termsOf returns the terms of item i, which may be the last that was added.
func (x *Index) termsOf(i int) []itemTerm {
	if i+1 < len(x.items) {
		return x.terms[x.items[i].terms:x.items[i+1].terms]
	}
	return x.terms[x.items[i].terms:]
}

// numbersOf returns the distinct numbers of item i of a built index.
func (x *Index) numbersOf(i int) []uint64 {
	return x.numbers[x.items[i].numbers:x.items[i+1].numbers]
}

// anchorsOf returns the information of the anchors of item i of a built index.
func (x *Index) anchorsOf(i int) []uint16 {
	return x.anchors[x.items[i].anchors:x.items[i+1].anchors]
}
