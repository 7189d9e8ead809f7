package match

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"swab/ngram"
	"swab/ngram/align"
	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline/benchmark"
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
	// Count counts the n-grams that method k of the matcher counts, and those that hit.
	Count(item, k int, hits Hits) (all, hit int)
	// Suspects returns what a document would show that holds, of every item of which a text
	// may be in the filter, all n-grams that hit. No verdict on documents with no other
	// n-grams is stronger.
	Suspects(hits Hits) Covers

	// aim is Set.Build for what the filter leaves possible, or for nothing without a trace.
	aim(hits Hits, trace bool) (Aim, error)
}

// An Aim is what a trace searches for: plain data on which the results of shards depend.
type Aim struct {
	Wanted     []int // numbers of texts, or of items when Everywhere
	Everywhere bool  // all documents must be read, and not only those that may hold the texts
}

// A bound makes the probe of a matcher for a filter of n-grams, or says why a filter says
// nothing of the matcher's methods.
type bound interface {
	probe(n int, benches []*benchmark.Benchmark) (Probe, error)
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

// Aim makes the matchers ready for the documents of a trace, or for none without one. It
// returns by probe what the filter leaves possible.
func (p *Probes) Aim(hits func(probe int) Hits, trace bool) (aims []Aim, err error) {
	for k, probe := range p.List {
		aim, err := probe.aim(hits(k), trace)
		if err != nil {
			return nil, err
		}
		aims = append(aims, aim)
	}
	return aims, nil
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

func (unbounded) probe(int, []*benchmark.Benchmark) (Probe, error) { return nil, errUnbounded }

// wordsBound is of the matcher of words: what the filter does not hold, it cannot find.
type wordsBound struct {
	matcher *grams
	words   *words
}

// ErrShort means that a filter's n-grams are too long for a method.
var ErrShort = errors.New("the filter's n-grams are too long")

func (b wordsBound) probe(n int, benches []*benchmark.Benchmark) (Probe, error) {
	for i, rules := range b.matcher.rules {
		for _, r := range rules {
			if r.N < n {
				return nil, fmt.Errorf("%w: method %s needs %d-grams for %s and the index has %d-grams; "+
					"build one with swab index --n %d",
					ErrShort, r.Name, r.N, benches[i].Name, n, r.N)
			}
			if s := r.Level.Short; s > 0 && s < n {
				return nil, fmt.Errorf("%w: method %s searches for texts of %d words, of which an index of %d-grams says nothing; "+
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

// aim searches for the texts of which a document may hold enough to count.
func (p *wordsProbe) aim(hits Hits, trace bool) (a Aim, err error) {
	if trace {
		for t := range p.words.Texts() {
			if set := hits(t); set != nil && longestRun(set)+p.n-1 >= p.matcher.least {
				a.Wanted = append(a.Wanted, t)
			}
		}
	}
	return a, p.matcher.buildOf(func(t int) bool { _, in := slices.BinarySearch(a.Wanted, t); return in })
}

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

// alignBound is of the matcher of alignments. Copies that it finds need not share an n-gram
// with the item, so a filter does not bound it: it says which items are worth a closer
// look, and the others are clean by filter.
type alignBound struct{ matcher *alignment }

func (b alignBound) probe(n int, _ []*benchmark.Benchmark) (Probe, error) {
	return alignProbe{b.matcher, n}, nil
}

type alignProbe struct {
	matcher *alignment
	n       int
}

// Grams are those of all texts but answers. Texts are numbered in the order of the items.
func (p alignProbe) Grams() (all int, texts iter.Seq2[int, []uint64]) {
	b := p.matcher.builder
	for t := range b.Texts() {
		all += max(0, b.Words(t)-p.n+1)
	}
	return all, func(yield func(int, []uint64) bool) {
		var words, grams []uint64
		next := int32(0)
		for _, it := range p.matcher.list {
			for part, t := range it.Texts {
				if t < next {
					continue
				}
				if next = t + 1; item.Part(part) == item.Answer {
					continue
				}
				words = b.AppendHashes(words[:0], int(t))
				if grams = ngram.AppendGrams(grams[:0], words, p.n); len(grams) > 0 && !yield(int(t), grams) {
					return
				}
			}
		}
	}
}

func (p alignProbe) Texts(dst []int, i int) []int { return p.matcher.items.AppendOwn(dst, i) }

func (p alignProbe) Count(i, _ int, hits Hits) (all, hit int) {
	return p.matcher.items.Grams(i, p.n, hits)
}

// Suspects shows nothing: what the filter says of an item is no place in a document.
func (p alignProbe) Suspects(Hits) Covers {
	return newCursor(p.matcher, func(func(numbered[alignCover], error) bool) {})
}

// aim suspects items. All documents must be read when any is: one that holds the words of
// an item need not be where its n-grams are. All items are searched for, as a scan does, so
// what is found of the suspected does not depend on which those are.
func (p alignProbe) aim(hits Hits, trace bool) (a Aim, err error) {
	m := p.matcher
	if trace {
		m.assemble((*align.Builder).Build)
	} else {
		m.assemble((*align.Builder).Weigh)
	}
	m.filtered = &filtered{n: p.n, untraced: !trace, share: make([]float64, m.real)}
	for i := range m.real {
		share, suspected := m.items.Suspected(i, p.n, hits)
		if m.filtered.share[i] = share; suspected {
			a.Wanted = append(a.Wanted, i)
		} else {
			m.filtered.share[i] = -1
		}
	}
	a.Everywhere = len(a.Wanted) > 0
	return a, nil
}

// filtered is what a corpus filter of n-grams says of items.
type filtered struct {
	n        int
	untraced bool      // no document is held against the items
	share    []float64 // by item, of its information in the filter; below 0 when it is not suspected
}

// suspects reports whether a document may be held against an item; without a filter it may.
func (f *filtered) suspects(i int) bool { return f == nil || f.share[i] >= 0 }

// judge puts what the filter says in place of a verdict on no documents.
func (f *filtered) judge(i int, v *align.Verdict) {
	switch {
	case f == nil || v.State == item.NotCheckable:
	case !f.suspects(i):
		v.State, v.Kind = item.Clean, align.ByFilter
	case f.untraced:
		v.State, v.Score = item.Flagged, f.share[i]
	}
}

// params are the filter's part in the parameters of the method.
func (f *filtered) params(params map[string]any) {
	if f == nil {
		return
	}
	params["filter_n"] = f.n
	if misses, ok := align.FilterMisses(f.n); ok {
		params["filter_misses"] = misses
	}
}
