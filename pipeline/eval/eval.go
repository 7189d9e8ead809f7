// Package eval makes labelled test sets and measures methods on them.
//
// [Generate] plants benchmark items into documents, each disturbed in one named way,
// a class, and beside them texts that only resemble items. Every item of a [Set]
// carries a [Label] with what a good method returns for it:
//
//	flagged  the item is in a document, disturbed or not
//	clean    it is not: nothing was planted, or only what is no contamination
//	         (a template, a passage, a quotation, a sibling, its words shuffled)
//	altered  its wording is there with other numbers or names
//	hard     it is there in a form that no comparison of plain words is asked to see
//	open     whether it counts as there is a matter of definition
//
// Only the first two count in precision and recall; the shares of the others are
// reported. An item that was not planted and that shares text with a planted one is
// clean, and its class is [Neighbour]. One that is contained in a planted item or in
// the text around plants is there without being planted: it says so in
// [Label.Contained] and is left out.
//
// Two thirds of the classes are for development. The rest ([HeldBack]) is for
// reports at the end of a piece of work: [Fit] refuses a set that has any of them,
// and the package returns no list of what was misjudged there.
//
// Beside the classes there are tables of real material: [Whole] plants real items
// unchanged, [Siblings] plants other items of the same series, [Rephrased] reads items
// that a language model has reworded, and [RealText] compares the flags on real text
// with a list of judgements made by reading.
//
// Equal seeds, sources and sizes return equal sets on every machine.
package eval

import (
	"swab/ngram/item"
)

// The seeds of the two uses. Constants are fitted on DevSeed; ReportSeed is for
// measuring what is finished.
const (
	DevSeed    = 20_260_401
	ReportSeed = 7_031_989
)

// A Part is a part of the classes.
type Part string

const (
	Development Part = "development"
	HeldBack    Part = "held back" // never examined while methods are developed
)

// Want is what a good method returns for an item.
type Want string

const (
	Flagged Want = "flagged"
	Clean   Want = "clean"
	Altered Want = "altered"
	Hard    Want = "hard"
	Open    Want = "open"
)

// A Set is benchmarks and a corpus in which some of their items are planted.
type Set struct {
	Seed    uint64
	Part    Part
	Sources string  // where items and texts come from
	Classes []Class // in the order of reports
	Benches []Bench
	Docs    []Doc
}

// A Class is one way of planting.
type Class struct {
	Name  string
	Want  Want
	About string
	Items int // planted in this way
}

// A Bench is one benchmark of a Set.
type Bench struct {
	Name     string
	Passages bool // contexts are texts that the items ask about
	Items    []Item
}

// An Item is a benchmark's item and what was planted of it. IDs are unique in a benchmark.
type Item struct {
	ID    string
	Text  [item.NumParts]string
	Label Label
}

// A Label says what was planted of an item and what is wanted of a method.
type Label struct {
	Class     string // a Class's name
	Want      Want
	DocID     string // of the document, the first one if there are several; "" when nothing was planted
	Words     int    // of context, question and choices
	Lang      string // "en", "zh", …
	Contained string // the item ("bench/id") or document that contains an unplanted item, which is left out
}

// A Doc is a document of the corpus. IDs are unique.
type Doc struct {
	ID   string
	Text string
}

// Size says how much to make. The zero value of a field means its default.
type Size struct {
	PerClass int // plants of a class, where the items allow it
	Docs     int // documents; more are made when plants would be in more than half of them
}

// The default size of one round.
const (
	DefaultPerClass = 80
	DefaultDocs     = 18000
)

// The classes of items of which nothing was planted.
const (
	Nothing   = "nothing"   // and that share little with any planted item
	Neighbour = "neighbour" // and that share text with a planted item, by [finder]'s rules
)
