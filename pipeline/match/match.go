// Package match searches documents for the items of benchmarks.
//
// A [Matcher] has a normaliser and an index of the items' texts, and serves the methods that
// are defined over them. Runs of words or characters are matched by grams.go, alignments of
// texts without markup by align.go. The matches of an item are collected in a cover, a value
// of the matcher's own type; the generic code in covers.go reads, writes and merges covers of
// any type, so another matcher is a file of its own and a case in newMatcher.
//
// The way of a document: a [Lane] divides it into words once and passes the blocks to all
// that read words (lane.go); the matchers add their matches to the covers of a shard's
// items, which are written as the shard's result (result.go). Results merge associatively
// and commutatively, so resumed runs, any number of lanes and any order of shards lead to
// the same bytes. [Set.Open] merges the results of all shards, and a [Found] has the merged
// result of one item: its verdict by each method, and the evidence.
//
// A [Probe] derives verdicts from a corpus filter of n-grams in place of documents
// (probe.go).
package match

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"swab/ngram"
	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline/benchmark"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"
)

// A Matcher searches documents for items in one way. A run has the matchers that its methods
// need, in a fixed order, that of words first if there is one.
//
// Items are numbered through all benchmarks. They are added in ascending order, with a call
// of fit after those of each benchmark; build follows once, before anything else.
type Matcher interface {
	add(it *benchmark.Item) error
	fit() error
	// wanted reports whether the items of a benchmark are searched for; nil: all are.
	build(wanted func(bench int) bool) error

	// key returns plain data: everything that covers of a benchmark depend on, except its
	// texts, the shards, and how shards are read. It may be called before build.
	key(bench int) any
	// newReader returns the state of one lane's goroutine.
	newReader(l *Lane) reader
	// merge writes the merged covers of a benchmark.
	merge(e *encoder, from subject) error
	// open reads the merged covers of all benchmarks.
	open(from []subject) (Covers, error)
	// decoys returns, after open, the number of decoys of each benchmark and of those that are
	// flagged; nil if the matcher has none.
	decoys() []Decoys

	// recipe returns the recipe by which documents are tokenised.
	recipe() ngram.Recipe
	// params returns the audit's parameters of the matcher's method number k.
	params(k int, benches []*benchmark.Benchmark) map[string]any
}

// A competing matcher lets items compete for the words of documents, with each other and with
// siblings: items of the same series that are not reported. The siblings of a benchmark are
// added before its fit.
type competing interface {
	addSibling(it *benchmark.Item) error
}

// Decoys has the number of a benchmark's decoys, and of those that are flagged.
type Decoys struct{ Looked, Flagged int }

// Options are the settings of matching, beside methods and benchmarks.
type Options struct {
	Seed           uint64 // of the windows that methods sample
	IgnoreTemplate bool   // n-grams shared by many items of a benchmark do not count

	// Siblings are items that compete with those of the benchmark of their name, or of the
	// only one if they have no name, and are not reported.
	Siblings []benchmark.Spec

	Loaded *atomic.Int64 // counts items as they are read, if it is not nil
}

// A Set is all items of a run with the matchers that its methods need.
type Set struct {
	Methods []*overlap.Method
	Benches []*benchmark.Benchmark // by name

	Siblings [][]*benchmark.Benchmark // by benchmark: the siblings of its items

	first    []int           // number of each benchmark's first item
	count    int             // items
	ids      []benchmark.IDs // of each benchmark's items
	matchers []Matcher
	bounds   []bound // by matcher
	places   []place // of the methods

	digests     []string   // by benchmark: of its items
	competitors [][]string // by benchmark: of the items of its siblings
	mixed       bool       // covers of a benchmark depend on the others
	wanted      []bool     // by subject: whether the set is built for it; nil: for all
}

// A place is the matcher that serves a method, and the method's number there.
type place struct{ matcher, k int }

// Load reads the benchmarks and fits the methods to them. Build or Probes follow.
func Load(
	ctx context.Context, specs []benchmark.Spec, presets *benchmark.Presets, methods []*overlap.Method, o Options,
) (*Set, error) {
	set := &Set{Methods: methods, mixed: o.IgnoreTemplate}
	var errs []error // of all benchmarks, so that one run shows all of them
	for _, spec := range specs {
		spec.Context = ctx
		b, err := benchmark.Open(spec, presets)
		if err != nil {
			errs = append(errs, err)
		}
		set.Benches = append(set.Benches, b)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	slices.SortFunc(set.Benches, func(a, b *benchmark.Benchmark) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(set.Benches); i++ {
		if set.Benches[i].Name == set.Benches[i-1].Name {
			return nil, fmt.Errorf("two benchmarks are named %q: rename one of them, as in --bench NAME=PATH",
				set.Benches[i].Name)
		}
	}
	if err := set.newMatchers(o); err != nil {
		return nil, err
	}
	if err := set.openSiblings(ctx, o.Siblings, presets); err != nil {
		return nil, err
	}
	for i := range set.Benches {
		if err := set.read(ctx, i, o.Loaded); err != nil {
			errs = append(errs, err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return set, nil
}

// openSiblings opens the siblings of the benchmarks.
func (s *Set) openSiblings(ctx context.Context, specs []benchmark.Spec, presets *benchmark.Presets) error {
	s.Siblings = make([][]*benchmark.Benchmark, len(s.Benches))
	for _, spec := range specs {
		at := slices.IndexFunc(s.Benches, func(b *benchmark.Benchmark) bool { return b.Name == spec.Name })
		switch {
		case spec.Name == "" && len(s.Benches) == 1:
			at = 0
		case at < 0:
			return fmt.Errorf("siblings %s: no benchmark is named %q: name their benchmark, as in --siblings %s=%s",
				spec.Path, spec.Name, s.Benches[0].Name, spec.Path)
		}
		spec.Context = ctx
		b, err := benchmark.Open(spec, presets)
		if err != nil {
			return err
		}
		s.Siblings[at] = append(s.Siblings[at], b)
	}
	return nil
}

// addSiblings adds the siblings of benchmark i.
func (s *Set) addSiblings(ctx context.Context, i int) error {
	s.competitors = append(s.competitors, nil)
	for _, b := range s.Siblings[i] {
		sum := newItemsDigest()
		for it, err := range b.Items(ctx) {
			if err == nil {
				sum.add(it)
			}
			for _, m := range s.matchers {
				if m, ok := m.(competing); ok && err == nil {
					err = m.addSibling(it)
				}
			}
			if err != nil {
				return err
			}
		}
		s.competitors[i] = append(s.competitors[i], sum.text())
	}
	return nil
}

// An itemsDigest is a digest of all that matchers read of items.
type itemsDigest struct {
	sum *xxh3.Hasher128
	buf []byte
}

func newItemsDigest() *itemsDigest { return &itemsDigest{sum: xxh3.New128()} }

func (d *itemsDigest) add(it *benchmark.Item) {
	d.buf = d.buf[:0]
	for _, s := range append([]string{it.ID, it.Digest, strconv.FormatBool(it.Passage)}, it.Text[:]...) {
		d.buf = binary.AppendUvarint(d.buf, uint64(len(s)))
		d.buf = append(d.buf, s...)
	}
	d.sum.Write(d.buf)
}

func (d *itemsDigest) text() string { return hex.EncodeToString(d.sum.Sum(nil)) }

// read adds the items of benchmark i to all matchers, and counts them in loaded unless it is nil.
func (s *Set) read(ctx context.Context, i int, loaded *atomic.Int64) error {
	b := s.Benches[i]
	s.first = append(s.first, s.count)
	var ids benchmark.IDs
	sum := newItemsDigest()
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
		sum.add(it)
		s.count++
		if loaded != nil {
			loaded.Add(1)
		}
	}
	s.ids, s.digests = append(s.ids, ids), append(s.digests, sum.text())
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

// newMatchers creates the matchers that the methods need. Methods of one normaliser share a
// matcher; methods that join parts share one if they join the same parts.
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

// newMatcher returns the matcher of a normaliser, and how a corpus filter bounds it.
func newMatcher(norm string, methods []*overlap.Method, o Options) (Matcher, bound, error) {
	switch norm {
	case overlap.Plain:
		m := newAlignment(methods[0])
		return m, alignBound{m}, nil
	case overlap.Bag:
		return newBags(methods[0]), unbounded{}, nil // words in any order are in no filter
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
	return nil, nil, fmt.Errorf("no matcher has the normaliser %q", norm)
}

// Build makes the matchers ready for documents.
func (s *Set) Build() error { return s.BuildFor(nil) }

// BuildFor is Build for documents that are searched for those subjects alone; nil: for all.
func (s *Set) BuildFor(wanted []bool) error {
	if s.wanted = wanted; !slices.Contains(wanted, false) {
		s.wanted = nil
	}
	var builds errgroup.Group
	builds.SetLimit(runtime.GOMAXPROCS(0))
	for k, m := range s.matchers {
		var in func(bench int) bool
		if s.wanted != nil {
			in = func(bench int) bool { return s.wants(bench, k) }
		}
		builds.Go(func() error { return m.build(in) })
	}
	return builds.Wait()
}

// Len returns the number of items of all benchmarks.
func (s *Set) Len() int { return s.count }

// First returns the number of the first item of benchmark i.
func (s *Set) First(i int) int { return s.first[i] }

// Size returns the number of items of benchmark i.
func (s *Set) Size(i int) int {
	if i+1 < len(s.first) {
		return s.first[i+1] - s.first[i]
	}
	return s.count - s.first[i]
}

// DuplicateIDs returns the names of up to limit items of benchmark i that have the id of an
// earlier item, and the number of all such items.
func (s *Set) DuplicateIDs(ctx context.Context, i, limit int) (names []string, all int, err error) {
	return s.Benches[i].DuplicateIDs(ctx, s.ids[i], limit)
}

// Recipe returns the recipe of the first matcher.
func (s *Set) Recipe() ngram.Recipe { return s.matchers[0].recipe() }

// Place returns the number of the matcher that serves method number i, and the method's
// number there.
func (s *Set) Place(i int) (matcher, k int) { return s.places[i].matcher, s.places[i].k }

// Params returns the parameters of method number i as the audit has them. After Open they
// include the calibrated ones.
func (s *Set) Params(i int) map[string]any {
	at := s.places[i]
	return s.matchers[at.matcher].params(at.k, s.Benches)
}

// Decoys returns, after Open, the counts of decoys of each benchmark for method number i; nil if
// the method has none.
func (s *Set) Decoys(i int) []Decoys { return s.matchers[s.places[i].matcher].decoys() }
