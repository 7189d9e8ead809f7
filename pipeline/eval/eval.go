// Package eval makes labelled test sets and measures methods on them.
//
// [Generate] plants benchmark items into documents, each disturbed in one named way,
// a class, and beside them texts that only resemble items. Every item of a [Set]
// carries a [Label] that says what a good method makes of it:
//
//	flagged     the item stands in a document, disturbed or not
//	clean       it does not: nothing was planted, or only what is no contamination
//	            (a template, a passage, a quotation, a sibling, its words shuffled)
//	variant     its wording stands there with other numbers or names
//	not found   it stands there in translation, which no method that compares words finds
//
// Only the first two count in precision and recall. An item that was not planted
// and yet stands in some document, because it repeats a planted item or because
// the text around plants holds it, says so in [Label.Repeats] and counts nowhere.
//
// Equal seeds, sources and sizes give equal sets on every machine.
package eval

import (
	"swab/ngram/item"
)

// The seeds of the two sets. Methods are developed on DevSeed; TestSeed is for
// measuring what is finished.
const (
	DevSeed  = 20_260_401
	TestSeed = 7_031_989
)

// Want is what a good method makes of an item.
type Want string

const (
	Flagged  Want = "flagged"
	Clean    Want = "clean"
	Variant  Want = "variant"
	NotFound Want = "not found"
)

// A Set is benchmarks and a corpus in which some of their items stand.
type Set struct {
	Seed    uint64
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
	Items int // planted so
}

// A Bench is one benchmark of a Set.
type Bench struct {
	Name  string
	Items []Item
}

// An Item is a benchmark's item with what became of it. IDs are unique in a benchmark.
type Item struct {
	ID    string
	Text  [item.NumParts]string
	Label Label
}

// A Label says what was planted of an item and what is wanted of a method.
type Label struct {
	Class   string // a Class's name
	Want    Want
	DocID   string // of the document, the first one if there are several; "" when nothing was planted
	Words   int    // of context, question and choices
	Lang    string // "en", "zh", …
	Repeats string // the item ("bench/id") or document that an unplanted item repeats; it counts nowhere
}

// A Doc is a document of the corpus. IDs are unique.
type Doc struct {
	ID   string
	Text string
}

// Size says how much to make. The zero value of a field means its default.
type Size struct {
	PerClass int // plants of a class, where the items allow it
	Docs     int // documents; more are made when plants would stand in more than half of them
}

// The default size.
const (
	DefaultPerClass = 160
	DefaultDocs     = 18000
)
