package filter

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"swab/ngram/bloom"
	"swab/pipeline/ledger"
)

// Questions are the n-grams of numbered texts: how many there are in all, and the hashes
// of each text, lent.
type Questions struct {
	All   int
	Texts iter.Seq2[int, []uint64]
}

// Answers are what a filter says, by text. Texts of which nothing is in it are left out.
type Answers map[int]*Answer

// An Answer is what a filter says of a text.
type Answer struct {
	Grams    []uint64 // a bit for each n-gram, by its first word: some segment has it
	Segments []int    // of Index.Segments, that have any of them, by rising number
}

// Grams returns the n-grams of a text that are in the filter, or nil.
func (a Answers) Grams(text int) []uint64 {
	if x := a[text]; x != nil {
		return x.Grams
	}
	return nil
}

// Segments lists the segments that any n-gram of the texts is in.
func (a Answers) Segments(texts []int) (segments []int) {
	for _, t := range texts {
		if x := a[t]; x != nil {
			segments = append(segments, x.Segments...)
		}
	}
	slices.Sort(segments)
	return slices.Compact(segments)
}

// askedAtOnce is how many n-grams are asked for at a time.
const askedAtOnce = 1 << 23

// Ask asks every segment of the index in dir for every n-gram. The answers are by
// questions. The error is fs.ErrNotExist when the index was published anew meanwhile.
func Ask(ctx context.Context, dir string, x *ledger.Index, questions []Questions) ([]Answers, error) {
	a := &asking{ctx: ctx, dir: dir, index: x}
	defer a.close()
	for _, seg := range x.Segments {
		if err := a.openSegment(seg); err != nil {
			return nil, err
		}
	}
	for k, q := range questions {
		a.answers = append(a.answers, Answers{})
		a.grams = slices.Grow(a.grams, min(q.All, askedAtOnce))
		for t, grams := range q.Texts {
			a.spans = append(a.spans, span{k, t, len(a.grams)})
			if a.grams = append(a.grams, grams...); len(a.grams) >= askedAtOnce {
				if err := a.ask(); err != nil {
					return nil, err
				}
			}
		}
	}
	return a.answers, a.ask()
}

// asking is the work of Ask.
type asking struct {
	ctx     context.Context
	dir     string
	index   *ledger.Index
	files   []*os.File
	readers []*bloom.Reader
	answers []Answers

	grams []uint64
	spans []span // of the texts in grams
	in    []bool
}

// A span is where a text's n-grams begin.
type span struct{ questions, text, first int }

func (a *asking) openSegment(seg ledger.Segment) error {
	path := filepath.Join(a.dir, ledger.SegmentsDir, seg.File)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	a.files = append(a.files, f)
	r, err := bloom.Open(f, seg.Size)
	if err == nil && (r.Recipe() != a.index.Recipe || r.Plan() != a.index.Plan) {
		err = bloom.ErrIncompatible
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	a.readers = append(a.readers, r)
	return nil
}

func (a *asking) close() {
	for _, f := range a.files {
		f.Close()
	}
}

// ask asks all segments for the n-grams at hand.
func (a *asking) ask() error {
	a.in = slices.Grow(a.in[:0], len(a.grams))[:len(a.grams)]
	for segment, r := range a.readers {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		if err := r.HasAll(a.grams, a.in); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(a.dir, ledger.SegmentsDir, a.index.Segments[segment].File), err)
		}
		for i, at := range a.spans {
			end := len(a.grams)
			if i+1 < len(a.spans) {
				end = a.spans[i+1].first
			}
			a.note(a.answers[at.questions], at.text, segment, a.in[at.first:end])
		}
	}
	a.grams, a.spans = a.grams[:0], a.spans[:0]
	return nil
}

// note adds what a segment has of a text to the answers.
func (a *asking) note(answers Answers, text, segment int, in []bool) {
	for i, hit := range in {
		if !hit {
			continue
		}
		x := answers[text]
		if x == nil {
			x = &Answer{Grams: make([]uint64, (len(in)+a.index.Recipe.N+62)/64)}
			answers[text] = x
		}
		x.Grams[i/64] |= 1 << (i % 64)
		if k := len(x.Segments); k == 0 || x.Segments[k-1] != segment {
			x.Segments = append(x.Segments, segment)
		}
	}
}
