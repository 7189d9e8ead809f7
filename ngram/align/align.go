// Package align decides how much of a benchmark item is in one place of a
// document. It is this program's own method, "swab".
//
// # Information
//
// A word of an item carries information: minus the logarithm of the share of the
// benchmark's items that hold it, in bits, with general knowledge about words as so
// many further items (knowledge). A word that comes again in the text carries less,
// its n-th time 1/√n of it, and a word all of whose three-word neighbourhoods are
// in many items of the benchmark carries none: it belongs to the benchmark's
// template. Beside this own information is what a word says by itself, its known
// information: a short list of common English words, and else the word's length.
// Words inside long quotations are of others and carry nothing.
//
// # Finding
//
// Texts and documents are read without markup (package plain), so that tags, escapes,
// line wraps and hyphenation change nothing. Common words are passed over; a seed is
// the fewest other words in a row that say at least 14 bits by themselves. A seed that
// more than ten items of a benchmark hold is none. A [Matcher] finds, for every text,
// the window of a document, twice as long as the text, whose seeds hold most of its
// information: linear in the document, whatever it repeats. Where that may be enough,
// an [Aligner] looks closely: words between and beside seeds count too where they follow
// each other in both, and options where they are there whole.
//
// # Deciding
//
// The score is the share of the item's information found in one place: of its own and
// of its known information the smaller share, and a fifth of what the other is more.
// Of each stretch of words those bits count as found by chance that say where it is, so that
// words far apart, as any text about a matter has them, add up to little.
// What is needed is less the more information the item has ([Need]): nearly
// all of an item of 12 bits, 39 % of one of 400. It is less too where a long stretch
// is there word for word, or where its numbers are in their places, and more where an item
// with choices shows none of them or the words of a short one are scattered.
// A passage that several items share, or that is before the question proper,
// counts only together with half of the question and choices. Choices count only together
// with half of the question, or with a stretch of it beside them, or where a document has
// them from the middle on, as a page that begins there: a list of choices may be that of
// another question.
//
// # From seeds to kind
//
// A document goes through five steps, each in a file of its own:
//
//  1. The [Matcher] (matcher.go) finds each text's best window by seeds. Items whose
//     windows hold enough have a place.
//  2. A [Aligner] (aligner.go) aligns the item's texts with its place: which word of the item is
//     which word of the document.
//  3. The alignment says which numbers, names and operators differ ([Decisive],
//     decisive.go). Where words differ, and are such words more often than chance would
//     have it, the document has an altered item.
//  4. The items that would be flagged compete for the document's words (compete.go, where
//     the law is). What an item loses was not found of it.
//  5. What it keeps has a strength (judge.go) and a kind ([Input], [Altered] and so on). The
//     [Cover] of an item keeps the documents that say most of it (items.go).
//
// The verdict is that of the document that says most. Covers merge in any order: documents
// are ordered by what they say, and by shard and row only where that is equal.
//
// Measured on the labelled test set (make eval): see the README.
package align

// unit is how many units of information a bit has. Whole numbers add up to the same
// sum in any order.
const unit = 16

const (
	// knowledge is how many texts the general knowledge about words counts as.
	knowledge = 1000
	// seedBits is the information that a seed has at the least, as its words say.
	seedBits = 14
	// Words of a seed that are not common.
	minSeed = 2
	maxSeed = 5
	// seedSpan is in how many words of a document a seed must be.
	seedSpan = 24
	// maxSame is how often a seed may be in one text.
	maxSame = 4
	// manyTexts is how many texts of a group hold what is template, at the most; of
	// small groups fewer do.
	manyTexts = 10
)

// MaxWords is how many words all texts of an index may have together.
const MaxWords = 1<<32 - 2
