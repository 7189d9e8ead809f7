package match

import (
	"encoding/binary"
	"fmt"
	"iter"

	"swab/ngram/overlap"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/report"
)

// rules are a matcher's operations on covers of its own type C. Nil is the cover of an item of
// which nothing was found.
type rules[C any] interface {
	// appendCover encodes a cover, and readCover decodes it. Damaged data sets r.err.
	appendCover(dst []byte, c *C) []byte
	readCover(r *decoder) *C
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
func writeCovers[C any](w *sectionWriter, r rules[C], covers iter.Seq2[numbered[C], error]) error {
	last := -1
	for c, err := range covers {
		if err != nil {
			return err
		}
		w.buf = binary.AppendUvarint(w.buf, uint64(c.item-last))
		last = c.item
		w.buf = r.appendCover(w.buf, c.cover)
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.buf = append(w.buf, 0)
	return w.flush()
}

// A coverReader reads a section item by item.
type coverReader[C any] struct {
	decoder
	name string
	numbered[C]
}

// next moves on to the next item, which must be below count, and reports whether there is
// one.
func (r *coverReader[C]) next(rules rules[C], count int) (bool, error) {
	step := r.uvarint()
	if r.err == nil && step == 0 {
		return false, nil
	}
	if step > uint64(count) || r.item+int(step) >= count {
		r.fail()
	}
	if r.err == nil {
		r.item += int(step)
		r.cover = rules.readCover(&r.decoder)
	}
	if r.err != nil {
		return false, fmt.Errorf("%s: %w", r.name, r.err)
	}
	return true, nil
}

// mergeSections returns the merged covers of the sections, in ascending order of items below
// count. It holds one item of each section in memory. An error ends the iteration.
func mergeSections[C any](rules rules[C], sections []section, count int) iter.Seq2[numbered[C], error] {
	return func(yield func(numbered[C], error) bool) {
		var open []*coverReader[C]
		for _, s := range sections {
			r := &coverReader[C]{decoder: newDecoder(s.in), name: s.name, numbered: numbered[C]{item: -1}}
			more, err := r.next(rules, count)
			if err != nil {
				yield(numbered[C]{}, err)
				return
			}
			if more {
				open = append(open, r)
			}
		}
		for len(open) > 0 {
			m := numbered[C]{item: count}
			for _, r := range open {
				m.item = min(m.item, r.item)
			}
			rest := open[:0]
			for _, r := range open {
				more := true
				if r.item == m.item {
					m.cover = mergeTwo(rules, m.item, m.cover, r.cover)
					var err error
					if more, err = r.next(rules, count); err != nil {
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
