// Package ngram turns text into n-grams of normalised words.
//
// A [Recipe] defines how; it is a comparable value that is stored in every file swab
// writes, and results of unequal recipes are never combined. A [Scanner] applies a
// recipe to one text after another without allocating: it returns the words of a text
// in blocks, and the hash of every n-gram in them.
//
// # Words
//
// A text is read as Unicode NFKC with simple case folding. Letters, marks and
// digits make words; everything else separates them ("I'm" is "i", "m"). Invisible
// format characters (soft hyphen, joiners, byte order mark) are removed; the zero width
// space separates. Scripts written without spaces (Han, Hiragana, Katakana, Thai, Lao,
// Khmer, Myanmar) have one word per character, with the marks that follow it.
//
// Two other normalisers are those of evaluation harnesses, whose methods are defined
// over them. Both treat only ASCII punctuation specially; lower case is Unicode's simple
// one for "helm", ASCII's for "lmeval".
//
//   - "helm" splits like HELM's data-overlap tool: white space and ASCII punctuation
//     separate, all else makes words in lower case; a separator at the beginning or end
//     of a text has an empty word beside it, and an empty text is one empty word.
//     Python's lower differs in two letters: it turns İ into two characters, and Σ at the
//     end of a word into ς.
//   - "lmeval" splits like lm-evaluation-harness: ASCII letters in lower case, ASCII
//     punctuation deleted ("it's" is "its"), then white space separates.
//
// White space is Python's: Unicode's, and the four information separators U+001C to
// U+001F.
//
// # Hashes
//
// A word hashes to 64 bits over its normalised UTF-8, eight bytes a step. An
// n-gram hashes to the sum of its words' hashes times powers of a constant modulo
// 2^64, so the next n-gram costs one multiply-add whatever n is. Hashes are the
// same on every machine and in every release with the same Recipe.Hash. Equal hashes do
// not prove equal n-grams: callers that need proof compare the words
// ([Scanner.WordEquals]).
package ngram

import "fmt"

// MaxN is the largest n of a Recipe.
const MaxN = 64

// A Recipe defines how text becomes n-grams. Recipes are compared with ==.
type Recipe struct {
	Version int    `json:"version"` // of the normaliser; increases when the words of any text could change
	Norm    string `json:"norm"`    // "words", "helm", "lmeval"
	Unit    string `json:"unit"`    // what n counts: "word"
	N       int    `json:"n"`       // units in a gram, 1 to MaxN
	Hash    string `json:"hash"`    // "poly64"

	// Window is 0 if all n-grams are kept, else the number of neighbouring n-grams of which a
	// [Minimizer] keeps one, 2 to MaxWindow. Scanners return all n-grams in any case.
	Window int `json:"window,omitempty"`
}

// MaxWindow is the largest window of a Recipe.
const MaxWindow = 256

// Words returns the recipe for n-grams of words.
func Words(n int) Recipe {
	return Recipe{Version: 1, Norm: "words", Unit: "word", N: n, Hash: "poly64"}
}

// HELM returns the recipe for n-grams of the words of HELM's data-overlap tool.
func HELM(n int) Recipe {
	return Recipe{Version: 1, Norm: "helm", Unit: "word", N: n, Hash: "poly64"}
}

// LMEval returns the recipe for n-grams of the words of lm-evaluation-harness.
func LMEval(n int) Recipe {
	return Recipe{Version: 1, Norm: "lmeval", Unit: "word", N: n, Hash: "poly64"}
}

// LeastRun returns the number of words from which on no run that a document and a text have in common
// is missed by what the recipe keeps of them: n, or n + Window - 1.
func (r Recipe) LeastRun() int { return r.N + max(r.Window, 1) - 1 }

func (r Recipe) String() string {
	if r.Window > 0 {
		all := r
		all.Window = 0
		return fmt.Sprintf("%v, of %d neighbours the least", all, r.Window)
	}
	return fmt.Sprintf("%d-grams of %ss, normaliser %s v%d, hash %s", r.N, r.Unit, r.Norm, r.Version, r.Hash)
}

// NewScanner returns a scanner for r, or an error when r is unknown. A scanner belongs to
// one goroutine.
func (r Recipe) NewScanner() (*Scanner, error) {
	if r.N < 1 || r.N > MaxN {
		return nil, fmt.Errorf("n is %d: it must be between 1 and %d", r.N, MaxN)
	}
	s := newScanner(r.N)
	if r.Window == 1 || r.Window < 0 || r.Window > MaxWindow {
		return nil, fmt.Errorf("the window is %d n-grams: it must be between 2 and %d, or 0 for none", r.Window, MaxWindow)
	}
	all := r
	all.Window = 0
	switch all {
	case Words(r.N):
	case HELM(r.N):
		s.split = &helm
	case LMEval(r.N):
		s.split = &lmEval
	default:
		return nil, fmt.Errorf("unknown recipe (%v): written by another version of swab?", r)
	}
	return s, nil
}
