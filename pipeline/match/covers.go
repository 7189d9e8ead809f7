package match

import (
	"iter"

	"swab/ngram/overlap"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/report"
)

// rules are a matcher's operations on covers of its own type C. Nil is the cover of an item of
// which nothing was found.
type rules[C any] interface {
	// appendCover encodes a cover of an item, and readCover decodes it. Damaged data sets r.err.
	appendCover(e *encoder, item int, c *C)
	readCover(r *decoder, item int) *C
	// mergeCovers merges two covers of an item from different documents. It is associative and
	// commutative, and may change and keep both.
	mergeCovers(item int, a, b *C) *C

	// judge returns the verdict of the matcher's method number k on an item.
	judge(item, k int, it *benchmark.Item, c *C) overlap.Verdict
	// evidence quotes the documents of a cover, in a fixed order: part, shard, row, id, spans,
	// words and text of the document.
	evidence(it *benchmark.Item, c *C) []audit.Evidence
	// hits returns the same evidence for display in a terminal.
	hits(it *benchmark.Item, c *C, evidence []audit.Evidence) []report.Hit
}

// A numbered is the cover of an item, with the item's number.
type numbered[C any] struct {
	item  int
	cover *C
}

// Covers iterates over one matcher's covers of all items.
type Covers interface {
	// Item returns the result of an item. It is called with ascending numbers, and keeps the
	// item until the next call.
	Item(number int, it *benchmark.Item) (Found, error)
	// Close must be called at the end. It returns the error that Item returned.
	Close() error
}

// Found is one matcher's result of one item.
type Found interface {
	// Judge returns the verdict of method number k of the matcher.
	Judge(k int) overlap.Verdict
	// Evidence quotes the strongest documents, in a fixed order. Benchmark, split and item
	// are left empty.
	Evidence() []audit.Evidence
	// Hits returns that evidence for display in a terminal, the strongest of each document.
	Hits(evidence []audit.Evidence) []report.Hit
}

// A cursor pairs covers with items, both in ascending order of their numbers.
type cursor[C any] struct {
	rules rules[C]
	next  func() (numbered[C], error, bool)
	stop  func()
	ahead numbered[C]
	more  bool
	err   error

	number int
	it     *benchmark.Item
	cover  *C // of the current item
}

func newCursor[C any](r rules[C], covers iter.Seq2[numbered[C], error]) *cursor[C] {
	c := &cursor[C]{rules: r}
	c.next, c.stop = iter.Pull2(covers)
	c.ahead, c.err, c.more = c.next()
	return c
}

func (c *cursor[C]) Item(number int, it *benchmark.Item) (Found, error) {
	c.number, c.it, c.cover = number, it, nil
	if c.err != nil {
		return nil, c.err
	}
	if c.more && c.ahead.item == number {
		c.cover = c.ahead.cover
		c.ahead, c.err, c.more = c.next()
	}
	return c, nil
}

func (c *cursor[C]) Close() error {
	c.stop()
	return c.err
}

func (c *cursor[C]) Judge(k int) overlap.Verdict { return c.rules.judge(c.number, k, c.it, c.cover) }

func (c *cursor[C]) Evidence() []audit.Evidence {
	if c.cover == nil {
		return nil
	}
	return c.rules.evidence(c.it, c.cover)
}

func (c *cursor[C]) Hits(evidence []audit.Evidence) []report.Hit {
	if c.cover == nil {
		return nil
	}
	return c.rules.hits(c.it, c.cover, evidence)
}

// writeCovers writes covers in ascending order of their numbers, up to their first error.
func writeCovers[C any](e *encoder, r rules[C], covers iter.Seq2[numbered[C], error]) error {
	for c, err := range covers {
		if err != nil {
			return err
		}
		if !e.item(c.item) {
			continue
		}
		r.appendCover(e, c.item, c.cover)
		if err := e.flush(); err != nil {
			return err
		}
	}
	e.end()
	return nil
}

// A coverReader reads a section item by item.
type coverReader[C any] struct {
	decoder
	name string
	numbered[C]
}

// next moves on to the next item of a subject, and reports whether there is one.
func (r *coverReader[C]) next(rules rules[C], s *subject) (bool, error) {
	step := r.uvarint()
	if r.err == nil && step == 0 {
		return false, nil
	}
	if step > uint64(s.count) || r.item+int(step) >= s.first+s.count {
		r.fail()
	}
	if r.err == nil {
		r.item += int(step)
		r.cover = rules.readCover(&r.decoder, r.item)
	}
	if r.err != nil {
		return false, errorAt(r.name, r.err)
	}
	return true, nil
}

// mergeSections returns the merged covers of the sections of subjects, one after another, in
// ascending order of items. It holds one item of each section of a subject in memory. An error
// ends the iteration.
func mergeSections[C any](rules rules[C], subjects ...subject) iter.Seq2[numbered[C], error] {
	return func(yield func(numbered[C], error) bool) {
		for i := range subjects {
			for c, err := range mergeSubject(rules, &subjects[i]) {
				if !yield(c, err) || err != nil {
					return
				}
			}
		}
	}
}

// mergeSubject is mergeSections for one subject.
func mergeSubject[C any](rules rules[C], s *subject) iter.Seq2[numbered[C], error] {
	return func(yield func(numbered[C], error) bool) {
		var open []*coverReader[C]
		for _, sec := range s.from {
			r := &coverReader[C]{decoder: newDecoder(sec), name: sec.name}
			r.item = s.first - 1
			more, err := r.next(rules, s)
			if err != nil {
				yield(numbered[C]{}, err)
				return
			}
			if more {
				open = append(open, r)
			}
		}
		for len(open) > 0 {
			m := numbered[C]{item: s.first + s.count}
			for _, r := range open {
				m.item = min(m.item, r.item)
			}
			rest := open[:0]
			for _, r := range open {
				more := true
				if r.item == m.item {
					m.cover = mergeTwo(rules, m.item, m.cover, r.cover)
					var err error
					if more, err = r.next(rules, s); err != nil {
						yield(numbered[C]{}, err)
						return
					}
				}
				if more {
					rest = append(rest, r)
				}
			}
			if open = rest; !yield(m, nil) {
				return
			}
		}
	}
}

// mergeTwo merges two covers of an item, either of which may be nil.
func mergeTwo[C any](r rules[C], item int, a, b *C) *C {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return r.mergeCovers(item, a, b)
}
