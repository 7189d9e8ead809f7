package match

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"swab/ngram"
	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline/variant"
)

// Hits says which n-grams of a text are in a corpus filter: a bit for each, by its first
// word; nil when none is.
type Hits func(text int) []uint64

// A Probe is what a corpus filter of n-grams of words can say of a matcher's items: which
// n-grams to ask for, and what the answers mean. N is the filter's.
type Probe interface {
	// Grams returns how many n-grams the items' texts have, and the hashes of each text
	// that has any, by the text's number. They are lent. It is called before build.
	Grams() (all int, texts iter.Seq2[int, []uint64])
	// Texts appends the numbers of an item's texts.
	Texts(dst []int, item int) []int
	// Anywhere reports whether any document may hold any item, whatever the filter says.
	Anywhere() bool
	// Possible reports whether a document may hold enough of a text to count, when no
	// n-grams of it are in any document but those whose bits are set.
	Possible(hits []uint64) bool
	// Count counts the n-grams that method k of the matcher looks at, and those that hit.
	Count(item, k int, hits Hits) (all, hit int)
	// Suspects returns what a document would show that holds, of every item of which a text
	// may be in the filter, all n-grams that hit. No verdict on documents with no other
	// n-grams is stronger.
	Suspects(hits Hits) Covers

	// build is Set.Build for the texts that wanted takes.
	build(wanted func(text int) bool) error
}

// A bound makes the probe of a matcher for a filter of n-grams, or says why a filter says
// nothing of the matcher's methods.
type bound interface {
	probe(n int, benches []*variant.Benchmark) (Probe, error)
}

// Probes are those of all matchers for a filter of n-grams, in place of Build. Each place
// of a method names its matcher's probe.
type Probes struct {
	set  *Set
	List []Probe
}

var errUnbounded = errors.New("its verdicts rest on something else than n-grams of words; swab scan has them")

// Probes returns the probes for a filter of n-grams. The error names the methods of which
// such a filter says nothing, and why.
func (s *Set) Probes(n int) (*Probes, error) {
	p := &Probes{set: s}
	for k, b := range s.bounds {
		probe, err := b.probe(n, s.Benches)
		if errors.Is(err, errUnbounded) {
			err = fmt.Errorf("%s: %w", strings.Join(s.names(k), ", "), err)
		}
		if err != nil {
			return nil, err
		}
		p.List = append(p.List, probe)
	}
	return p, nil
}

// names lists the methods of a matcher.
func (s *Set) names(matcher int) (names []string) {
	for i, at := range s.places {
		if at.matcher == matcher {
			names = append(names, s.Methods[i].Name)
		}
	}
	return names
}

// Build is Set.Build for those texts of each probe that wanted takes: nothing is found of
// others.
func (p *Probes) Build(wanted func(probe, text int) bool) error {
	for k, probe := range p.List {
		if err := probe.build(func(text int) bool { return wanted(k, text) }); err != nil {
			return err
		}
	}
	return nil
}

// Suspects returns what a document would show that holds all that hit, by probe.
func (p *Probes) Suspects(hits func(probe int) Hits) *Results {
	r := &Results{}
	for k, probe := range p.List {
		r.covers = append(r.covers, probe.Suspects(hits(k)))
	}
	return r
}

// unbounded is of matchers of which a filter says nothing.
type unbounded struct{}

func (unbounded) probe(int, []*variant.Benchmark) (Probe, error) { return nil, errUnbounded }

// wordsBound is of the matcher of words: what the filter does not hold, it cannot find.
type wordsBound struct {
	matcher *grams
	words   *words
}

// ErrShort means that a filter's n-grams are too long for a method.
var ErrShort = errors.New("the filter's n-grams are too long")

func (b wordsBound) probe(n int, benches []*variant.Benchmark) (Probe, error) {
	for i, rules := range b.matcher.rules {
		for _, r := range rules {
			if r.N < n {
				return nil, fmt.Errorf("%w: method %s needs %d-grams for %s and the index has %d-grams; build one with swab index --n %d",
					ErrShort, r.Name, r.N, benches[i].Name, n, r.N)
			}
			if s := r.Level.Short; s > 0 && s < n {
				return nil, fmt.Errorf("%w: method %s looks for texts of %d words, of which an index of %d-grams says nothing; "+
					"--set %s.short=0 leaves them out", ErrShort, r.Name, s, n, r.Name)
			}
		}
	}
	return &wordsProbe{b.matcher, b.words, n}, nil
}

type wordsProbe struct {
	matcher *grams
	words   *words
	n       int
}

func (p *wordsProbe) Grams() (all int, texts iter.Seq2[int, []uint64]) {
	b := p.words.Builder
	for t := range b.Texts() {
		all += max(0, b.Words(t)-p.n+1)
	}
	return all, func(yield func(int, []uint64) bool) {
		var words, grams []uint64
		for t := range b.Texts() {
			words = b.AppendHashes(words[:0], t)
			grams = ngram.AppendGrams(grams[:0], words, p.n)
			if len(grams) > 0 && !yield(t, grams) {
				return
			}
		}
	}
}

func (p *wordsProbe) Texts(dst []int, i int) []int {
	for _, t := range p.matcher.list[i].Texts {
		if t != item.None {
			dst = append(dst, int(t))
		}
	}
	return dst
}

func (p *wordsProbe) Anywhere() bool { return false }

func (p *wordsProbe) Possible(hits []uint64) bool { return longestRun(hits)+p.n-1 >= p.matcher.least }

// longestRun is the longest run of set bits.
func longestRun(set []uint64) (most int) {
	run := 0
	for i := range 64 * len(set) {
		if set[i/64]>>(i%64)&1 == 0 {
			run = 0
			continue
		}
		run++
		most = max(most, run)
	}
	return most
}

// ofParts returns an item's hits by part.
func (p *wordsProbe) ofParts(i int, hits Hits) (of [item.NumParts][]uint64) {
	for part, t := range p.matcher.list[i].Texts {
		if t != item.None {
			of[part] = hits(int(t))
		}
	}
	return of
}

func (p *wordsProbe) Count(i, k int, hits Hits) (all, hit int) {
	items := p.matcher.items
	return items.Rules(i)[k].Grams(items.Layout(i), p.n, p.ofParts(i, hits))
}

func (p *wordsProbe) Suspects(hits Hits) Covers {
	return newCursor(p.matcher, func(yield func(numbered[overlap.Cover], error) bool) {
		var texts []int
		for i := range p.matcher.list {
			any := false
			for _, t := range p.Texts(texts[:0], i) {
				any = any || hits(t) != nil
			}
			if any && !yield(numbered[overlap.Cover]{i, p.matcher.items.Suspect(i, p.n, p.ofParts(i, hits))}, nil) {
				return
			}
		}
	})
}

func (p *wordsProbe) build(wanted func(text int) bool) error { return p.matcher.buildOf(wanted) }

// alignBound is of the matcher of alignments. Copies that it finds need not share an n-gram
// with the item, so a filter does not bound it: all items are suspected.
type alignBound struct{ matcher *alignment }

func (b alignBound) probe(int, []*variant.Benchmark) (Probe, error) { return alignProbe(b), nil }

type alignProbe alignBound

func (p alignProbe) Grams() (int, iter.Seq2[int, []uint64]) {
	return 0, func(func(int, []uint64) bool) {}
}

func (p alignProbe) Texts(dst []int, _ int) []int { return dst }

func (p alignProbe) Anywhere() bool { return true }

func (p alignProbe) Possible([]uint64) bool { return true }

func (p alignProbe) Count(int, int, Hits) (all, hit int) { return 0, 0 }

func (p alignProbe) Suspects(Hits) Covers {
	return newCursor(p.matcher, func(yield func(numbered[alignCover], error) bool) {
		for i := range p.matcher.real {
			if !yield(numbered[alignCover]{i, &alignCover{all: true}}, nil) {
				return
			}
		}
	})
}

func (p alignProbe) build(func(text int) bool) error { return p.matcher.build() }
