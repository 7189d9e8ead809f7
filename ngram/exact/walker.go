package exact

import "swab/ngram"

// A Walker follows runs of a document beyond their ends, where words differ. It cuts
// the document into words once more, when the first run is followed, and keeps them. It
// belongs to one goroutine.
type Walker struct {
	x       *Index
	scan    *ngram.Scanner
	text    []byte
	cut     bool // the words are those of text
	letters []byte
	ends    []int // of each word in letters
}

// NewWalker returns a walker of the index's runs.
func (x *Index) NewWalker() *Walker {
	single := x.recipe
	single.N = 1
	scan, err := single.NewScanner()
	if err != nil {
		panic(err) // Build made one
	}
	return &Walker{x: x, scan: scan}
}

// Begin sets the document whose runs will be followed. The walker refers to it until the
// next call.
func (w *Walker) Begin(document []byte) { w.text, w.cut = document, false }

// Walk goes on word by word after the end of r, in its text and in the document, until
// either ends or visit returns false. It passes to visit whether the two words are the same.
func (w *Walker) Walk(r Run, visit func(same bool) bool) {
	if !w.cut {
		w.letters, w.ends, w.cut = w.letters[:0], w.ends[:0], true
		for word := range w.scan.Words(w.text) {
			w.letters = append(w.letters, word...)
			w.ends = append(w.ends, len(w.letters))
		}
	}
	doc := r.Doc + r.Words
	for _, number := range w.x.text(r.Text)[r.At+r.Words:] {
		if doc == len(w.ends) {
			return
		}
		from := 0
		if doc > 0 {
			from = w.ends[doc-1]
		}
		if !visit(string(w.letters[from:w.ends[doc]]) == string(w.x.word(number))) {
			return
		}
		doc++
	}
}
