package match

import (
	"io"

	"swab/ngram"
)

// A Lane carries one shard after another through the matchers. It belongs to one
// goroutine. It cuts every document into words once; the blocks overlap by MaxN-1 words,
// whoever reads them, so that what is found does not depend on who else does.
type Lane struct {
	set     *Set
	readers []reader // by matcher
	words   *ngram.Scanner
	blocks  []func(*ngram.Scanner) // those that read blocks of words
	also    func(*ngram.Scanner)   // likewise, during the shard at hand; or nil
}

// A reader is a matcher's state in a lane.
type reader interface {
	// reset begins with the documents of the named shard.
	reset(shard string)
	// begin opens a document, whose text is lent until end. Its blocks of words come
	// between the two.
	begin(text []byte)
	end(row int64, id string, text []byte)
	// covers writes the covers of the items seen in the shard.
	covers(w *sectionWriter) error
}

// NewLane makes a lane.
func (s *Set) NewLane() *Lane {
	words, err := ngram.Words(ngram.MaxN).NewScanner()
	if err != nil {
		panic(err) // the recipe is this program's own
	}
	l := &Lane{set: s, words: words}
	for _, m := range s.matchers {
		l.readers = append(l.readers, m.newReader(l))
	}
	return l
}

// Begin begins with the documents of the named shard. Also, unless it is nil, reads every
// block of words of its documents too.
func (l *Lane) Begin(shard string, also func(*ngram.Scanner)) {
	l.also = also
	for _, r := range l.readers {
		r.reset(shard)
	}
}

// Document takes a document of the shard. Id and text are lent.
func (l *Lane) Document(row int64, id string, text []byte) {
	for _, r := range l.readers {
		r.begin(text)
	}
	if len(l.blocks) > 0 || l.also != nil {
		for l.words.Reset(text); l.words.Next(); {
			for _, block := range l.blocks {
				block(l.words)
			}
			if l.also != nil {
				l.also(l.words)
			}
		}
	}
	for _, r := range l.readers {
		r.end(row, id, text)
	}
}

// WriteResult writes what the shard's documents show.
func (l *Lane) WriteResult(w io.Writer, h Header) error {
	return writeResult(w, h, len(l.readers), func(k int, s *sectionWriter) error { return l.readers[k].covers(s) })
}
