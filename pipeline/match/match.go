// Package match holds documents against the items of benchmarks.
//
// A [Matcher] is one way to do so: a normaliser with its index of the items' texts, which
// serves the methods that are defined over it. Runs of words or characters are matched by
// grams.go, alignments of texts without markup by align.go. What documents show of an item
// is a cover, a value of the matcher's own type; the generic code in covers.go reads,
// writes and merges covers of any type, so another matcher is a file of its own and a case
// in newMatcher.
//
// The way of a document: a [Lane] cuts it into words once and hands the blocks to whoever
// wants them (lane.go); the matchers fold what they find into the covers of a shard's
// items, which are written as the shard's result (result.go). Results merge associatively
// and commutatively, so resumed runs, any number of lanes and any order of shards lead to
// the same bytes. [Set.Open] merges the results of all shards, and [Found] is what they
// show of one item: its verdict by each method, and the evidence.
//
// What a corpus filter of n-grams can say of the items instead is a [Probe] (probe.go).
package match

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"swab/ngram"
	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline/benchmark"
)

// A Matcher is one way to hold documents against items. A run has the matchers that its
// methods need, in a fixed order, that of words first if there is one.
//
// Items are numbered through all benchmarks. They come by rising number through add, with
// fit behind those of each benchmark; build follows once, before anything else.
type Matcher interface {
	add(it *benchmark.Item) error
	fit() error
	build() error

	// key is plain data: all that covers depend on but the benchmarks' texts, the shards,
	// and how shards are read.
	key() any
	// newReader makes the state of one goroutine, that of a lane.
	newReader(l *Lane) reader
	// merge writes what several shards show of each item.
	merge(w *sectionWriter, from []section) error
	// open reads what all shards show of each item.
	open(from []section) (Covers, error)
	// decoys returns how many decoys of each benchmark were searched for and flagged, after
	// open; nil when the matcher has none.
	decoys() []Decoys

	// recipe is what documents are read by.
	recipe() ngram.Recipe
	// params are the matcher's part in the audit's parameters of its method number k.
	params(k int, benches []*benchmark.Benchmark) map[string]any
}

// A competing matcher lets items compete for the words of documents, also with siblings: items of
// the same series that are not reported. Those of a benchmark are added before its fit.
type competing interface {
	addSibling(it *benchmark.Item) error
}

// Decoys is how many decoys of a benchmark were searched for, and how many are flagged.
type Decoys struct{ Looked, Flagged int }

// Options are what matching depends on beside methods and benchmarks.
type Options struct {
	Seed           uint64 // of the windows that methods draw
	IgnoreTemplate bool   // n-grams that many items of a benchmark have do not count

	// Siblings are items that compete with those of the benchmark of their name, or of the
	// only one when they have none, and are not reported.
	Siblings []benchmark.Spec
}

// A Set is all items of a run with the matchers that its methods need.
type Set struct {
	Methods []*overlap.Method
	Benches []*benchmark.Benchmark // by name

	Siblings [][]*benchmark.Benchmark // by benchmark: what competes with it

	first    []int           // number of each benchmark's first item
	count    int             // items
	ids      []benchmark.IDs // of each benchmark's items
	matchers []Matcher
	bounds   []bound // by matcher
	places   []place // of the methods
}

// A place is the matcher that serves a method, and the method's number there.
type place struct{ matcher, k int }

// Load reads the benchmarks and fits the methods to them. Build or Probes follow.
func Load(
	ctx context.Context, specs []benchmark.Spec, presets *benchmark.Presets, methods []*overlap.Method, o Options,
) (*Set, error) {
	set := &Set{Methods: methods}
	for _, spec := range specs {
		b, err := benchmark.Open(spec, presets)
		if err != nil {
			return nil, err
		}
		set.Benches = append(set.Benches, b)
	}
	slices.SortFunc(set.Benches, func(a, b *benchmark.Benchmark) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(set.Benches); i++ {
		if set.Benches[i].Name == set.Benches[i-1].Name {
			return nil, fmt.Errorf("two benchmarks are named %q: name one of them, as in --bench NAME=PATH", set.Benches[i].Name)
		}
	}
	if err := set.newMatchers(o); err != nil {
		return nil, err
	}
	if err := set.openSiblings(o.Siblings, presets); err != nil {
		return nil, err
	}
	for i := range set.Benches {
		if err := set.read(ctx, i); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// openSiblings opens what competes with the benchmarks.
func (s *Set) openSiblings(specs []benchmark.Spec, presets *benchmark.Presets) error {
	s.Siblings = make([][]*benchmark.Benchmark, len(s.Benches))
	for _, spec := range specs {
		at := slices.IndexFunc(s.Benches, func(b *benchmark.Benchmark) bool { return b.Name == spec.Name })
		switch {
		case spec.Name == "" && len(s.Benches) == 1:
			at = 0
		case at < 0:
			return fmt.Errorf("siblings %s: no benchmark is named %q: name theirs, as in --siblings %s=%s",
				spec.Path, spec.Name, s.Benches[0].Name, spec.Path)
		}
		b, err := benchmark.Open(spec, presets)
		if err != nil {
			return err
		}
		s.Siblings[at] = append(s.Siblings[at], b)
	}
	return nil
}

// addSiblings adds what competes with benchmark i.
func (s *Set) addSiblings(ctx context.Context, i int) error {
	for _, b := range s.Siblings[i] {
		for it, err := range b.Items(ctx) {
			for _, m := range s.matchers {
				if m, ok := m.(competing); ok && err == nil {
					err = m.addSibling(it)
				}
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// read adds the items of benchmark i to all matchers.
func (s *Set) read(ctx context.Context, i int) error {
	b := s.Benches[i]
	s.first = append(s.first, s.count)
	var ids benchmark.IDs
	for it, err := range b.Items(ctx) {
		for _, m := range s.matchers {
			if err == nil {
				err = m.add(it)
			}
		}
		if err != nil {
			return err
		}
		ids.Add(it)
		s.count++
	}
	s.ids = append(s.ids, ids)
	if err := s.addSiblings(ctx, i); err != nil {
		return err
	}
	for _, m := range s.matchers {
		if err := m.fit(); err != nil {
			return err
		}
	}
	return nil
}

// newMatchers makes the matchers that the methods need. Methods of one normaliser share a
// matcher, those that join parts when they join the same.
func (s *Set) newMatchers(o Options) error {
	if len(s.Methods) == 0 {
		return errors.New("no method was chosen")
	}
	type kind struct {
		norm   string
		joined item.Parts
	}
	var kinds []kind
	methods := map[kind][]*overlap.Method{}
	s.places = make([]place, len(s.Methods))
	for _, words := range []bool{true, false} {
		for i, m := range s.Methods {
			if (m.Norm == "words") != words {
				continue
			}
			k := kind{norm: m.Norm}
			if m.Joined {
				k.joined = m.Parts
			}
			if methods[k] == nil {
				kinds = append(kinds, k)
			}
			s.places[i] = place{slices.Index(kinds, k), len(methods[k])}
			methods[k] = append(methods[k], m)
		}
	}
	for _, k := range kinds {
		m, b, err := newMatcher(k.norm, methods[k], o)
		if err != nil {
			return err
		}
		s.matchers, s.bounds = append(s.matchers, m), append(s.bounds, b)
	}
	return nil
}

// newMatcher makes the matcher of a normaliser, and what a corpus filter can say of it.
func newMatcher(norm string, methods []*overlap.Method, o Options) (Matcher, bound, error) {
	switch norm {
	case overlap.Plain:
		m := newAlignment(methods[0])
		return m, alignBound{m}, nil
	case "words":
		words, err := newWords(ngram.Words(1), true)
		m := newGrams(norm, methods, words, o)
		m.parts = item.AllParts // evidence quotes what a document holds of the others
		return m, wordsBound{m, words}, err
	case "helm":
		words, err := newWords(ngram.HELM(1), false)
		return newGrams(norm, methods, words, o), unbounded{}, err
	case "lmeval":
		words, err := newWords(ngram.LMEval(1), false)
		return newGrams(norm, methods, words, o), unbounded{}, err
	case "chars", "raw":
		return newGrams(norm, methods, newChars(norm), o), unbounded{}, nil
	}
	return nil, nil, fmt.Errorf("nothing matches texts of the normaliser %q", norm)
}

// Build makes the matchers ready for documents.
func (s *Set) Build() error {
	for _, m := range s.matchers {
		if err := m.build(); err != nil {
			return err
		}
	}
	return nil
}

// Len is the number of items of all benchmarks.
func (s *Set) Len() int { return s.count }

// First is the number of the first item of benchmark i.
func (s *Set) First(i int) int { return s.first[i] }

// Size is the number of items of benchmark i.
func (s *Set) Size(i int) int {
	if i+1 < len(s.first) {
		return s.first[i+1] - s.first[i]
	}
	return s.count - s.first[i]
}

// DuplicateIDs names up to most items of benchmark i whose id an item before them has, and
// returns how many there are.
func (s *Set) DuplicateIDs(ctx context.Context, i, most int) (names []string, all int, err error) {
	return s.Benches[i].DuplicateIDs(ctx, s.ids[i], most)
}

// Recipe is what documents are read by first.
func (s *Set) Recipe() ngram.Recipe { return s.matchers[0].recipe() }

// Place returns the number of the matcher that serves method number i, and the method's
// number there.
func (s *Set) Place(i int) (matcher, k int) { return s.places[i].matcher, s.places[i].k }

// Params are the parameters of method number i as the audit has them. After Open they
// include what was calibrated.
func (s *Set) Params(i int) map[string]any {
	at := s.places[i]
	return s.matchers[at.matcher].params(at.k, s.Benches)
}

// Decoys is what became of the decoys of each benchmark by method number i, after Open;
// nil when the method has none.
func (s *Set) Decoys(i int) []Decoys { return s.matchers[s.places[i].matcher].decoys() }

// Key is plain data: all that shard results depend on but the shards and how they are read.
func (s *Set) Key() any {
	type bench struct {
		Name, Mapping     string
		Digests, Siblings []string
	}
	k := struct {
		Version  int
		Matchers []any
		Benches  []bench
	}{Version: resultVersion}
	for _, m := range s.matchers {
		k.Matchers = append(k.Matchers, m.key())
	}
	for i, b := range s.Benches {
		e := bench{Name: b.Name, Mapping: fmt.Sprint(b.Mapping)}
		for _, f := range b.Files {
			e.Digests = append(e.Digests, f.Rel, f.Digest)
		}
		for _, b := range s.Siblings[i] {
			e.Siblings = append(e.Siblings, fmt.Sprint(b.Mapping))
			for _, f := range b.Files {
				e.Siblings = append(e.Siblings, f.Digest)
			}
		}
		k.Benches = append(k.Benches, e)
	}
	return k
}
