package match

import (
	"slices"

	"swab/ngram"
	"swab/ngram/exact"
	"swab/ngram/overlap"
	"swab/ngram/substr"
)

// A unit is the unit of n-grams, words or characters: it holds the items' texts until build,
// and their index afterwards.
type unit interface {
	// Add adds a text and returns its number; equal texts have the same number.
	Add(text string) (number int, err error)
	Words(text int) int
	// build builds the index of n-grams of the texts for which wanted is true; nil means all.
	// Texts of fewer than n words, and at least short, are found as a whole; with 0 none is.
	build(n, short int, wanted func(text int) bool) (overlap.Index, error)
	// recipe returns the recipe of the texts; its n is set by build.
	recipe() ngram.Recipe

	// After build:

	appendGrams(dst []uint64, text, n int) []uint64
	// spans returns the places of the words of any text.
	spans(text string) []ngram.Span
	// find returns a function to be called at the end of each document of the lane. Visit is
	// called, there or during the blocks before, for every run that the document and a text
	// have in common, unless the document is then repetitive or crowded.
	find(l *Lane, visit func(exact.Run)) (end func(document []byte), repeats *exact.Repeats)
}

// words are texts in words.
type words struct {
	*exact.Builder
	by    ngram.Recipe
	index *exact.Index
	scan  *ngram.Scanner // of single words
	lane  bool           // documents come in the lane's blocks
}

func newWords(recipe ngram.Recipe, lane bool) (*words, error) {
	w := &words{by: recipe, lane: lane}
	var err error
	if w.Builder, err = exact.NewBuilder(recipe); err != nil {
		return nil, err
	}
	w.scan, err = recipe.NewScanner()
	return w, err
}

func (w *words) build(n, short int, wanted func(text int) bool) (_ overlap.Index, err error) {
	w.index, err = w.Build(n, short, wanted)
	w.Builder = nil
	return w.index, err
}

func (w *words) recipe() ngram.Recipe {
	if w.index == nil {
		return w.by
	}
	return w.index.Recipe()
}

func (w *words) appendGrams(dst []uint64, text, n int) []uint64 {
	return w.index.AppendGrams(dst, text, n)
}

func (w *words) spans(text string) (spans []ngram.Span) {
	for _, span := range w.scan.Words([]byte(text)) {
		spans = append(spans, span)
	}
	return spans
}

func (w *words) find(l *Lane, visit func(exact.Run)) (func([]byte), *exact.Repeats) {
	m := w.index.NewMatcher()
	if w.lane {
		l.blocks = append(l.blocks, func(s *ngram.Scanner) { m.Block(s, visit) })
		return func([]byte) { m.End(visit) }, m.Repeats()
	}
	scan := w.index.NewScanner()
	return func(document []byte) {
		for scan.Reset(document); scan.Next() && !l.stopped.Load(); {
			m.Block(scan, visit)
		}
		m.End(visit)
	}, m.Repeats()
}

// chars are texts in characters.
type chars struct {
	*substr.Builder
	by    func(n int) ngram.Recipe
	index *substr.Index
}

// newChars returns the unit of the normaliser "chars" or "raw".
func newChars(norm string) *chars {
	if norm == "raw" {
		return &chars{Builder: substr.NewRawBuilder(), by: substr.RawRecipe}
	}
	return &chars{Builder: substr.NewBuilder(), by: substr.Recipe}
}

func (c *chars) build(n, _ int, _ func(text int) bool) (_ overlap.Index, err error) {
	c.index, err = c.Build(n)
	c.Builder = nil
	return c.index, err
}

func (c *chars) recipe() ngram.Recipe {
	if c.index == nil {
		return c.by(0)
	}
	return c.index.Recipe()
}

func (c *chars) appendGrams(dst []uint64, text, n int) []uint64 {
	return c.index.AppendGrams(dst, text, n)
}

func (c *chars) spans(text string) []ngram.Span { return slices.Collect(c.index.Spans(text)) }

func (c *chars) find(l *Lane, visit func(exact.Run)) (func([]byte), *exact.Repeats) {
	m := c.index.NewMatcher()
	m.Stopped = l.stopped.Load
	return func(document []byte) { m.Document(document, visit) }, m.Repeats()
}
