package filter

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"swab/ngram"
	"swab/ngram/bloom"
	"swab/pipeline/ledger"
)

// Questions are the n-grams of numbered texts: the number of all n-grams, and the hashes of
// each text, lent.
type Questions struct {
	All   int
	Texts iter.Seq2[int, []uint64]
}

// Answers has an answer for each text of which any n-gram is in the filter.
type Answers map[int]*Answer

// An Answer lists the n-grams of a text that may be in a run which a document has too, and their
// segments. Those are the n-grams in the filter or, if the filter keeps the least of each window, all
// of the windows whose least is there: so no run of the recipe's LeastRun words or more is missed.
type Answer struct {
	Grams    []uint64 // a bit for each n-gram, by its first word, that some segment leaves possible
	Found    []uint64 // likewise, for each that some segment has and keeps
	Segments []int    // numbers in Index.Segments of those with any of them, ascending
}

// Grams returns the n-grams of a text that are in the filter, or nil.
func (a Answers) Grams(text int) []uint64 {
	if x := a[text]; x != nil {
		return x.Grams
	}
	return nil
}

// Found returns the n-grams of a text that were found in the filter, or nil.
func (a Answers) Found(text int) []uint64 {
	if x := a[text]; x != nil {
		return x.Found
	}
	return nil
}

// Segments returns the segments with any n-gram of the texts.
func (a Answers) Segments(texts []int) (segments []int) {
	for _, t := range texts {
		if x := a[t]; x != nil {
			segments = append(segments, x.Segments...)
		}
	}
	slices.Sort(segments)
	return slices.Compact(segments)
}

// askedAtOnce is the number of n-grams that are looked up at a time.
const askedAtOnce = 1 << 23

// Ask looks up every n-gram in every segment of the index in dir. It returns an Answers for
// each of the questions. The error is fs.ErrNotExist if the index was replaced meanwhile.
func Ask(ctx context.Context, dir string, x *ledger.Index, questions []Questions) ([]Answers, error) {
	a := &asking{ctx: ctx, dir: dir, index: x}
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

// asking is the state of Ask.
type asking struct {
	ctx     context.Context
	dir     string
	index   *ledger.Index
	answers []Answers

	grams []uint64
	spans []span // of the texts in grams
	in    []bool
}

// A span is the place of a text's n-grams in asking.grams.
type span struct{ questions, text, first int }

// askSegment sets a.in[i] to whether a segment has a.grams[i]. One segment is open at a time:
// a process may have few open files, and an index many segments.
func (a *asking) askSegment(seg ledger.Segment) error {
	path := filepath.Join(a.dir, ledger.SegmentsDir, seg.File)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := bloom.Open(f, seg.Size)
	if err == nil && (r.Recipe() != a.index.Recipe || r.Plan() != a.index.Plan) {
		err = bloom.ErrIncompatible
	}
	if err == nil {
		err = r.HasAll(a.grams, a.in)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// ask looks up the collected n-grams in all segments.
func (a *asking) ask() error {
	a.in = slices.Grow(a.in[:0], len(a.grams))[:len(a.grams)]
	for segment, file := range a.index.Segments {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		if err := a.askSegment(file); err != nil {
			return err
		}
		for i, at := range a.spans {
			end := len(a.grams)
			if i+1 < len(a.spans) {
				end = a.spans[i+1].first
			}
			a.addHits(a.answers[at.questions], at, segment, a.grams[at.first:end], a.in[at.first:end])
		}
	}
	a.grams, a.spans = a.grams[:0], a.spans[:0]
	return nil
}

// addHits adds a segment's hits in a text to the answers.
func (a *asking) addHits(answers Answers, at span, segment int, grams []uint64, in []bool) {
	ngram.EachWindow(grams, max(a.index.Recipe.Window, 1), func(first, size, least int) {
		if !in[least] {
			return
		}
		x := answers[at.text]
		if x == nil {
			words := (len(in) + a.index.Recipe.N + 62) / 64
			x = &Answer{Grams: make([]uint64, words), Found: make([]uint64, words)}
			answers[at.text] = x
		}
		x.Found[least/64] |= 1 << (least % 64)
		for i := first; i < first+size; i++ {
			x.Grams[i/64] |= 1 << (i % 64)
		}
		if k := len(x.Segments); k == 0 || x.Segments[k-1] != segment {
			x.Segments = append(x.Segments, segment)
		}
	})
}
