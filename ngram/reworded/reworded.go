// Package reworded finds benchmark items that a document holds in other words. It is this
// program's method "reworded".
//
// # Terms
//
// Items and documents are read as bags of terms and numbers (terms.go). A term is a word
// without its ending, as Snowball's stemmers for English and Russian define it; words of other
// scripts are terms as they are, and of scripts without spaces each two characters in a row.
// Stop words are no terms. A number has one form, in digits or in English words: 1,000, "two
// dozen", "twenty-five", "half", "twice".
//
// A term of an item carries information by its rarity among the items of its benchmark; any
// term carries known information by itself, by a list of common words and else by its length.
//
// # Finding
//
// An index has, for each term that few items of a benchmark hold, the items that it is an
// anchor of (index.go). A [Matcher] counts the distinct anchors of each item in two consecutive
// blocks of a document, of 8 to 128 words by the length of the item (matcher.go). Where
// they carry enough of the item, the place is a candidate. Its best span is the one that has
// most of the item's information and least of any other.
//
// # Deciding
//
// A span is described by its [Features]: how much of the item is in it, how much of it is in the
// item, and the same for numbers. Their logistic score, whose weights are fitted by "swabeval
// fit-reworded" (score.go), is the strength of the span. A document of three words that an item
// has too has much of it, but a page that mentions its words has little of itself in the item.
//
// The work is linear in the document: each term is an anchor of a bounded number of items, and
// the place of an item is compared once a block.
package reworded

import (
	"math"

	"swab/ngram/item"
)

// unit is how many units of information a bit has. Whole numbers add up to the same sum in
// any order.
const unit = 16

const (
	// knowledge is how many texts the general knowledge about words counts as.
	knowledge = 1000
	// maxAnchored is how many items of a benchmark have a term that is an anchor, at the most.
	maxAnchored = 256
	// maxAnchors is how many anchors an item has at the most, the rarest.
	maxAnchors = 32
	// LeastTerms is how many distinct terms an item has at the least, and leastBits their
	// information. Others are not checkable.
	LeastTerms = 5
	leastBits  = 32
	// anchored is the share of an item's information that the anchors of a candidate carry.
	anchored = 0.2
	// leastAnchors is how many of them there are.
	leastAnchors = 3
	// The smallest and the largest block of words, powers of 2.
	minShift, maxShift = 3, 7
	// found is the share of an item's information that a candidate has at the least.
	found = 0.25
	// numberWeight is the information of a number, units.
	numberWeight = 4 * unit
)

// units returns the information of what a share of texts holds.
func units(share float64) int { return int(math.Round(-math.Log2(share) * unit)) }

// longContext is the size of a context, in bytes, that is a passage.
const longContext = 400

// Texts returns what the method reads of an item: its question, with its context where that is
// not long, and its choices.
func Texts(parts *[item.NumParts]string) (question, choices string) {
	question = parts[item.Question]
	if c := parts[item.Context]; question == "" || c != "" && len(c) <= longContext {
		question = c + "\n" + question
	}
	return question, parts[item.Choices]
}
