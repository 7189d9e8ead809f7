package pipeline

import (
	"errors"
	"iter"
	"slices"

	"swab/ngram"
	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline/report"
	"swab/pipeline/variant"
)

// A lens is one way of looking at documents: a normaliser with its index of the
// benchmarks' texts, which serves the methods that are defined over it. What it
// learns of an item is a cover, a value that only the lens understands; a lens of
// another kind brings another cover. A run has the lenses that its methods need, in
// a fixed order, that of words first if there is one.
//
// Items are numbered through all benchmarks. Load calls add for every item by rising
// number and fit after those of each benchmark; build follows once, before anything
// else is called.
type lens interface {
	add(it *variant.Item) error
	fit() error
	build() error

	// key is plain data: all that the lens's covers depend on but the benchmarks'
	// texts, the shards, and how shards are read.
	key() any
	// look makes the state of one goroutine.
	look() look

	// appendCover encodes a cover, and readCover decodes what it wrote. What is
	// damaged sets r.err.
	appendCover(dst []byte, cover any) []byte
	readCover(r *sectionReader) any
	// merge joins what other documents show of the same item. It is associative and
	// commutative, may change and keep both, and takes nil for nothing.
	merge(item int, a, b any) any

	// recipe is what documents are read by.
	recipe() ngram.Recipe
	// params are the lens's part in the audit's parameters of its method number k.
	params(k int, benches []*variant.Benchmark) map[string]any
	// judge says what method number k of the lens makes of an item. The cover is nil
	// when nothing was seen of it.
	judge(item, k int, it *variant.Item, cover any) overlap.Verdict
	// evidence quotes the documents that a cover keeps, in a fixed order: part,
	// shard, row, id, spans, words and text of the document.
	evidence(it *variant.Item, cover any) []report.Evidence
}

// A look is what one goroutine sees through a lens of one shard after another.
type look interface {
	// reset begins with the documents of the named shard.
	reset(shard string)
	// document takes a document; id and text are lent. The looks of a lane are given
	// each document in the order of their lenses.
	document(row int64, id string, text []byte)
	// covers gives the covers of all items seen in the shard, by rising number.
	covers() iter.Seq2[int, any]
}

// A wordsLook is a look that cuts documents into words, which others may share.
type wordsLook interface {
	look
	// share lets f, and no one else, see every block of words of every document
	// from the next reset on, each before the document is handed to the next look.
	// The blocks overlap by n-1 words, n being what share returns.
	share(f ...func(*ngram.Scanner)) (n int)
}

// A bounded lens is one whose verdicts a corpus filter of n-grams of words bounds:
// what the filter does not hold, the lens cannot have found. A lens that is not
// bounded cannot take part in Check.
type bounded interface {
	lens
	// refuses says why a filter of n-grams does not bound the lens's methods, or "".
	refuses(n int, benches []*variant.Benchmark) string
	// grams gives the hashes of the n-grams of each text, by the text's number,
	// where there are any. It is called before build. They are lent.
	grams(n int) iter.Seq2[int, []uint64]
	// gramsAll is how many those are.
	gramsAll(n int) int
	// texts appends the numbers of an item's texts.
	texts(dst []int, item int) []int
	// possible reports whether a document may hold something of a text of whose
	// n-grams those set in hits may be in it.
	possible(n int, hits []uint64) bool
	// buildOf is build for the texts that wanted takes.
	buildOf(wanted func(text int) bool) error
	// suspect gives the cover of a document that holds all n-grams of the item that
	// hit, or nil. No verdict on documents with no other n-grams is stronger.
	suspect(item, n int, hits func(text int) []uint64) any
	// count counts the n-grams that method number k looks at, and those that hit.
	count(item, k, n int, hits func(text int) []uint64) (all, hit int)
}

// A blind lens is bounded in name only: whatever a corpus filter says, any document may
// hold any of its items.
type blind interface{ blind() bool }

// A calibrated lens looks at all covers before it judges.
type calibrated interface {
	calibrate(covers iter.Seq2[mergedItem, error]) error
	decoysOf(bench int) Decoys
}

// A shower is a lens that shows a document as a whole, not each piece of evidence.
type shower interface {
	show(it *variant.Item, cover any) (report.Hit, bool)
}

// A place says which lens serves a method, and under which number.
type place struct{ lens, k int }

// newLenses makes the lenses that the run's methods need, and each method's place.
func newLenses(o Options) ([]lens, []place, error) {
	if len(o.Methods) == 0 {
		return nil, nil, errors.New("no method was chosen")
	}
	// Methods of one normaliser share a lens, those that join parts when they join the same.
	type kind struct {
		norm   string
		joined item.Parts
	}
	var kinds []kind
	methods := map[kind][]*overlap.Method{}
	places := make([]place, len(o.Methods))
	for _, words := range []bool{true, false} {
		for i, m := range o.Methods {
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
			places[i] = place{slices.Index(kinds, k), len(methods[k])}
			methods[k] = append(methods[k], m)
		}
	}
	var lenses []lens
	for _, k := range kinds {
		if k.norm == overlap.Plain {
			lenses = append(lenses, newAlignLens(methods[k][0]))
			continue
		}
		l, err := newGramLens(k.norm, methods[k], o)
		if err != nil {
			return nil, nil, err
		}
		if k.norm == "words" {
			lenses = append(lenses, wordsLens{l})
		} else {
			lenses = append(lenses, l)
		}
	}
	return lenses, places, nil
}
