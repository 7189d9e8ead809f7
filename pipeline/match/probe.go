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

// Hits returns the n-grams of a text that are in a corpus filter: a bit for each, by its first
// word; nil if none is.
type Hits func(text int) []uint64

// A Probe derives verdicts on a matcher's items from a corpus filter of n-grams of words: it
// has the n-grams to look up, and judges by the hits.
type Probe interface {
	// Grams returns the number of n-grams of all items' texts, and the hashes of each text
	// that has any, by the text's number. They are lent. It is called before build.
	Grams() (all int, texts iter.Seq2[int, []uint64])
	// Texts appends the numbers of an item's texts.
	Texts(dst []int, item int) []int
	// Count counts the n-grams that method k of the matcher counts, and those that hit.
	Count(item, k int, hits Hits) (all, hit int)
	// Suspects returns the covers of a document that held all n-grams with a hit of every
	// item. No document whose n-grams are all in the filter leads to a stronger verdict.
	Suspects(hits Hits) Covers

	// aim builds the matcher for the texts that the filter leaves possible, or for no texts
	// without a trace.
	aim(hits Hits, trace bool) (Aim, error)
}

// An Aim is what a trace searches for: plain data on which the results of shards depend.
type Aim struct {
	Wanted     []int // numbers of texts, or of items when Everywhere
	Everywhere bool  // all documents must be read, not only those that may hold the texts
}

// A bound returns the probe of a matcher for a filter of n-grams, or the reason why a filter
// does not apply to the matcher's methods.
type bound interface {
	probe(filter ngram.Recipe, benches []*benchmark.Benchmark) (Probe, error)
}

// Probes has the probes of all matchers for a filter of n-grams, by the matcher's number. It
// replaces Set.Build.
type Probes struct {
	set  *Set
	List []Probe
}

var errUnbounded = errors.New("its verdicts do not depend on n-grams of words, as a filter has; use swab scan")

// Probes returns the probes for a filter of that recipe. The error names the methods to which such
// a filter does not apply, with the reason.
func (s *Set) Probes(filter ngram.Recipe) (*Probes, error) {
	p := &Probes{set: s}
	for k, b := range s.bounds {
		probe, err := b.probe(filter, s.Benches)
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

// Aim builds the matchers for the documents of a trace, or for no documents without one. It
// returns, by probe, the texts that the filter leaves possible.
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

// Suspects returns the results of a document that held all n-grams with a hit, by probe.
func (p *Probes) Suspects(hits func(probe int) Hits) *Results {
	r := &Results{}
	for k, probe := range p.List {
		r.covers = append(r.covers, probe.Suspects(hits(k)))
	}
	return r
}

// unbounded is the bound of matchers to which a filter does not apply.
type unbounded struct{}

func (unbounded) probe(ngram.Recipe, []*benchmark.Benchmark) (Probe, error) { return nil, errUnbounded }

// wordsBound is the bound of the matcher of words: it finds no n-gram that is not in the
// filter. One that keeps the least of each window only bounds rules whose runs have a window.
type wordsBound struct {
	matcher *grams
	words   *words
}

// ErrShort means that a filter's n-grams are too long for a method.
var ErrShort = errors.New("the filter's n-grams are too long")

func (b wordsBound) probe(filter ngram.Recipe, benches []*benchmark.Benchmark) (Probe, error) {
	n := filter.N
	p := &wordsProbe{matcher: b.matcher, words: b.words, n: n}
	for i, rules := range b.matcher.rules {
		bounded := make([]bool, len(rules))
		for k, r := range rules {
			s := r.Level.Short
			bounded[k] = r.N >= filter.LeastRun() && (s == 0 || s >= filter.LeastRun())
			p.partly = p.partly || !bounded[k]
			if r.N < n {
				return nil, fmt.Errorf("%w: method %s needs %d-grams for %s and the index has %d-grams; "+
					"build one with swab index --n %d",
					ErrShort, r.Name, r.N, benches[i].Name, n, r.N)
			}
			if s > 0 && s < n {
				return nil, fmt.Errorf("%w: method %s searches for texts of %d words, which have no %d-gram for the index; "+
					"exclude them with --set %s.short=0", ErrShort, r.Name, s, n, r.Name)
			}
		}
		p.bounded = append(p.bounded, bounded)
	}
	if p.partly {
		b.matcher.bounded = p.bounded
	}
	return p, nil
}

type wordsProbe struct {
	matcher *grams
	words   *words
	n       int
	bounded [][]bool // by benchmark and method: it bounds the rule
	partly  bool     // not all
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

// aim builds the index of the texts of which a document may hold enough to count.
func (p *wordsProbe) aim(hits Hits, trace bool) (a Aim, err error) {
	if trace {
		for t := range p.words.Texts() {
			if set := hits(t); set != nil && longestRun(set)+p.n-1 >= p.matcher.least {
				a.Wanted = append(a.Wanted, t)
			}
		}
		p.widen(&a)
	}
	return a, p.matcher.buildTexts(func(t int) bool { _, in := slices.BinarySearch(a.Wanted, t); return in })
}

// widen adds, if the filter does not bound some rule, the other texts of suspected items, and requires
// that all documents are read: one in which a rule finds such an item need not have suspected n-grams.
func (p *wordsProbe) widen(a *Aim) {
	if !p.partly {
		return
	}
	a.Everywhere = len(a.Wanted) > 0
	suspected := a.Wanted
	for i := range p.matcher.list {
		texts := p.Texts(nil, i)
		if slices.ContainsFunc(texts, func(t int) bool { _, in := slices.BinarySearch(suspected, t); return in }) {
			a.Wanted = append(a.Wanted, texts...)
		}
	}
	slices.Sort(a.Wanted)
	a.Wanted = slices.Compact(a.Wanted)
}

// longestRun returns the length of the longest run of set bits.
func longestRun(set []uint64) (longest int) {
	run := 0
	for i := range 64 * len(set) {
		if set[i/64]>>(i%64)&1 == 0 {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// hitsByPart returns an item's hits by part.
func (p *wordsProbe) hitsByPart(i int, hits Hits) (parts [item.NumParts][]uint64) {
	for part, t := range p.matcher.list[i].Texts {
		if t != item.None {
			parts[part] = hits(int(t))
		}
	}
	return parts
}

func (p *wordsProbe) Count(i, k int, hits Hits) (all, hit int) {
	items := p.matcher.items
	return items.Rules(i)[k].Grams(items.Layout(i), p.n, p.hitsByPart(i, hits))
}

func (p *wordsProbe) Suspects(hits Hits) Covers {
	return newCursor(p.matcher, func(yield func(numbered[overlap.Cover], error) bool) {
		var texts []int
		for i := range p.matcher.list {
			texts = p.Texts(texts[:0], i)
			if !slices.ContainsFunc(texts, func(t int) bool { return hits(t) != nil }) {
				continue
			}
			cover := p.matcher.items.Suspect(i, p.n, p.hitsByPart(i, hits))
			if !yield(numbered[overlap.Cover]{i, cover}, nil) {
				return
			}
		}
	})
}

// alignBound is the bound of the matcher of alignments. A copy that it finds need not share an
// n-gram with the item, so a filter does not bound it: the filter selects the suspected
// items, and the others are clean by filter.
type alignBound struct{ matcher *alignment }

func (b alignBound) probe(filter ngram.Recipe, _ []*benchmark.Benchmark) (Probe, error) {
	return alignProbe{b.matcher, filter.N, filter.Window}, nil
}

type alignProbe struct {
	matcher *alignment
	n       int
	window  int
}

// Grams returns the n-grams of all texts except answers. Texts are numbered in the order of the
// items.
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

// Suspects returns no covers: an alignment has places in a document, which a filter does not
// know.
func (p alignProbe) Suspects(Hits) Covers {
	return newCursor(p.matcher, func(func(numbered[alignCover], error) bool) {})
}

// aim finds the suspected items. If there are any, all documents must be read: a document that
// holds the words of an item need not have its n-grams. All items are searched for, as in a
// scan, so the result for one suspected item does not depend on which others are suspected.
func (p alignProbe) aim(hits Hits, trace bool) (a Aim, err error) {
	m := p.matcher
	if trace {
		m.assemble((*align.Builder).Build)
	} else {
		m.assemble((*align.Builder).Weigh)
	}
	m.filtered = &filtered{n: p.n, window: p.window, untraced: !trace, share: make([]float64, m.real)}
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

// filtered has the verdict of a corpus filter of n-grams on each item.
type filtered struct {
	n        int
	window   int
	untraced bool      // no document is searched
	share    []float64 // by item: the share of its information in the filter; below 0 if it is not suspected
}

// suspects reports whether documents may be searched for an item; without a filter they may.
func (f *filtered) suspects(i int) bool { return f == nil || f.share[i] >= 0 }

// judge replaces the verdict on an item that no document was searched for.
func (f *filtered) judge(i int, v *align.Verdict) {
	switch {
	case f == nil || v.State == item.NotCheckable:
	case !f.suspects(i):
		v.State, v.Kind = item.Clean, align.ByFilter
	case f.untraced:
		v.State, v.Score = item.Flagged, f.share[i]
	}
}

// params adds the filter's parameters to those of the method.
func (f *filtered) params(params map[string]any) {
	if f == nil {
		return
	}
	params["filter_n"] = f.n
	if f.window > 0 {
		params["filter_window"] = f.window
	} else if misses, ok := align.FilterMisses(f.n); ok {
		params["filter_misses"] = misses
	}
}
