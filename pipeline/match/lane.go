package match

import (
	"slices"
	"sync/atomic"

	"swab/ngram"
	"swab/pipeline/benchmark"
)

// A Lane passes one shard after another to the matchers. It belongs to one goroutine. It
// divides every document into words once. The blocks overlap by MaxN-1 words for all readers,
// so that the matches of one do not depend on the others.
type Lane struct {
	set     *Set
	readers []reader // by matcher; nil where nothing is wanted of it
	active  []reader // without nil
	found   encoder
	words   *ngram.Scanner
	blocks  []func(*ngram.Scanner) // those that read blocks of words
	also    func(*ngram.Scanner)   // another reader of blocks, for the current shard; or nil
	stopped atomic.Bool
}

// A reader is a matcher's state in a lane.
type reader interface {
	// reset starts the named shard.
	reset(shard string)
	// begin starts a document, whose text is lent until end. Its blocks of words are passed
	// between the two.
	begin(text []byte)
	end(row int64, id string, text []byte)
	// covers writes the covers of the items found in the shard.
	covers(e *encoder) error
	// visitFound calls visit with the result of each item of which something was found since
	// reset. Items returns an item by its number.
	visitFound(items func(number int) *benchmark.Item, visit func(number int, f Found))
}

// NewLane returns a new lane.
func (s *Set) NewLane() *Lane {
	words, err := ngram.Words(ngram.MaxN).NewScanner()
	if err != nil {
		panic(err) // the recipe is this program's own
	}
	l := &Lane{set: s, words: words}
	l.found.set = s
	for k, m := range s.matchers {
		var r reader
		for bench := range s.Benches {
			if s.wants(bench, k) {
				r = m.newReader(l)
				break
			}
		}
		if r != nil {
			l.active = append(l.active, r)
		}
		l.readers = append(l.readers, r)
	}
	return l
}

// Begin starts the named shard. Also, unless it is nil, is called with every block of words of
// its documents.
func (l *Lane) Begin(shard string, also func(*ngram.Scanner)) {
	l.also = also
	for _, r := range l.active {
		r.reset(shard)
	}
}

// Stop ends the current document soon, and all that follow at once: the shard has no result
// then. It may be called from another goroutine.
func (l *Lane) Stop() { l.stopped.Store(true) }

// Document matches a document of the shard. Id and text are lent.
func (l *Lane) Document(row int64, id string, text []byte) {
	for _, r := range l.active {
		r.begin(text)
	}
	if len(l.blocks) > 0 || l.also != nil {
		for l.words.Reset(text); l.words.Next() && !l.stopped.Load(); {
			for _, block := range l.blocks {
				block(l.words)
			}
			if l.also != nil {
				l.also(l.words)
			}
		}
	}
	for _, r := range l.active {
		if l.stopped.Load() {
			return
		}
		r.end(row, id, text)
	}
}

// Found returns the sections of what was found in the shard, each with the number of its
// subject, in ascending order. They are lent until the next call.
func (l *Lane) Found() (of []int, sections [][]byte, err error) {
	e := &l.found
	e.buf, e.parts = e.buf[:0], e.parts[:0]
	for k, r := range l.readers {
		if r == nil {
			continue
		}
		e.begin(k)
		if err := r.covers(e); err != nil {
			return nil, nil, err
		}
	}
	slices.SortFunc(e.parts, func(a, b part) int { return a.of - b.of })
	for _, p := range e.parts {
		of, sections = append(of, p.of), append(sections, e.buf[p.from:p.to])
	}
	return of, sections, nil
}

// VisitFound calls visit with what the documents since Begin have of each item for method number i of
// the set, in ascending order of the items' numbers. Items returns an item by its number. The
// results of all lanes of a set share its tokenisers: only one goroutine at a time may ask
// them for a verdict or for evidence.
func (l *Lane) VisitFound(i int, items func(number int) *benchmark.Item, visit func(number int, f Found)) {
	l.readers[l.set.places[i].matcher].visitFound(items, visit)
}
