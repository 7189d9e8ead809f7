package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"swab/ngram/item"
)

// State is a method's decision on an item; package item has the list.
type State = item.State

// Kinds of verdicts, for methods that distinguish kinds; the first is for all others. A new
// kind is a line here.
var kinds = []string{
	"",
	// Of flagged and suspected items.
	"input",
	"input and answer",
	"answer", // a worked answer or code alone
	// Of clean items; those before "by filter" are flagged where a run is asked to.
	"altered",       // a document has all of it but its decisive words
	"too common",    // few words, which are common elsewhere
	"passage only",  // the passage that it asks about, without the question
	"template only", // only text shared by many items of the benchmark
	"fragment",      // too little of it
	Reworded,        // a document may have it in other words, for review
	"by filter",     // a filter that does not bound the method suspects nothing
	SourceFlagged,   // the item that it translates is flagged
}

// SourceFlagged is the kind of clean items that translate a flagged one.
const SourceFlagged = "source flagged"

// Reworded is the kind of what the method of this name finds. Its verdicts flag nothing.
const Reworded = "reworded"

// FlagKinds returns the kinds of clean items that a run can be asked to flag. An item that
// is clean by filter was compared with no document, so there is nothing to flag.
func FlagKinds() []string {
	return append(slices.Clone(kinds[slices.Index(kinds, "altered"):slices.Index(kinds, "by filter")]), SourceFlagged)
}

// CheckFlagKinds returns an error that lists the kinds when one of those named is none of
// FlagKinds.
func CheckFlagKinds(named []string) error {
	for _, k := range named {
		if !slices.Contains(FlagKinds(), k) {
			return fmt.Errorf("%q is no kind of clean items that can be flagged: there are %s",
				k, strings.Join(FlagKinds(), ", "))
		}
	}
	return nil
}

// Verdict is one method's verdict on one item: a row of verdicts.parquet. Its fields are the
// columns, in order; a tag column holds, separated by commas, dict for a column whose values
// repeat, filter for one that only verdicts of a corpus filter have, and later for one that
// audits of earlier minor versions lack.
type Verdict struct {
	Method    string   `json:"method" column:"dict"`
	Benchmark string   `json:"benchmark" column:"dict"`
	Split     string   `json:"split" column:"dict"`
	Item      string   `json:"item"`                    // the item's id
	Index     int64    `json:"index"`                   // its number in the split, from 0
	Digest    string   `json:"digest"`                  // of its content
	Question  string   `json:"question" column:"later"` // of its words; see Question
	State     State    `json:"state" column:"dict"`
	Score     *float64 `json:"score"`               // nil exactly if the item is not checkable
	Longest   int64    `json:"longest"`             // words of the longest match
	Words     int64    `json:"words"`               // words of the item
	Matched   int64    `json:"matched"`             // words of it that are in any document
	Documents int64    `json:"documents"`           // documents that match
	Parts     []string `json:"parts" column:"dict"` // parts of the item that were found

	// Seen is "", "input", "answer", or "input and answer" if one document holds both
	// within 1,000 bytes; both found far apart only are "input".
	Seen     string  `json:"seen" column:"dict"`
	Kind     string  `json:"kind" column:"dict"` // one of the kinds
	Template float64 `json:"template"`           // share of the found words that are the benchmark's template
	Details  Details `json:"details"`            // further numbers and strings of the method

	// Chance and Segments are set by a corpus filter: the probability that its false
	// positives alone account for as many hits, and the segments with hits.
	Chance   *float64 `json:"chance,omitempty" column:"filter"`
	Segments []string `json:"segments,omitempty" column:"filter"`
}

// Details are numbers and strings that only some methods have. In both forms of an audit they
// are a text: a JSON object, or empty. As a value of its own type in each row it could be read by
// nothing that expects one type in a column.
type Details map[string]any

// MarshalText returns the text of d.
func (d Details) MarshalText() ([]byte, error) {
	if len(d) == 0 {
		return nil, nil
	}
	return json.Marshal(map[string]any(d))
}

// UnmarshalText sets d to what its text has.
func (d *Details) UnmarshalText(text []byte) error {
	*d = nil
	if len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, (*map[string]any)(d))
}

// check returns an error if v is no valid verdict.
func (v *Verdict) check() error {
	switch v.State {
	case item.Flagged, item.Clean, item.Suspected:
		if v.Score == nil {
			return fmt.Errorf("%s without a score", v.State)
		}
		if math.IsNaN(*v.Score) || math.IsInf(*v.Score, 0) {
			return fmt.Errorf("its score is %v", *v.Score)
		}
	case item.NotCheckable:
		if v.Score != nil {
			return errors.New("not checkable, yet with a score")
		}
	default:
		return fmt.Errorf("unknown state %q", v.State)
	}
	if !slices.Contains(kinds, v.Kind) {
		return fmt.Errorf("unknown kind %q", v.Kind)
	}
	return nil
}

// SeenParts returns Seen, or derives it from Parts if the method did not set it.
func (v *Verdict) SeenParts() string {
	if v.Seen != "" || len(v.Parts) == 0 {
		return v.Seen
	}
	answer := slices.Contains(v.Parts, item.Answer.String())
	switch {
	case !answer:
		return string(item.SeenInput)
	case len(v.Parts) == 1:
		return string(item.SeenAnswer)
	}
	return string(item.SeenBoth)
}

// Evidence is one match between an item and a document: a row of evidence.parquet. Spans
// are bytes of the original texts, the end excluded.
type Evidence struct {
	Benchmark    string `json:"benchmark" column:"dict"`
	Split        string `json:"split" column:"dict"`
	Item         string `json:"item" column:"dict"`
	Index        int64  `json:"index" column:"later"` // the item's number in the split, from 0
	Part         string `json:"part" column:"dict"`
	Shard        string `json:"shard" column:"dict"`
	Row          int64  `json:"row"`
	DocID        string `json:"doc_id"`
	DocStart     int64  `json:"doc_start"`
	DocEnd       int64  `json:"doc_end"`
	ItemStart    int64  `json:"item_start"` // in the text of the part
	ItemEnd      int64  `json:"item_end"`
	Words        int64  `json:"words"`
	DocText      string `json:"doc_text"`           // the match with some of the text around it
	DocTextStart int64  `json:"doc_text_start"`     // where DocText begins in the document
	Norm         string `json:"norm" column:"dict"` // the normaliser that found it; see UnitOf
}

// UnitOf returns the unit in which verdicts and evidence of a normaliser count: word or
// character.
func UnitOf(norm string) string {
	if norm == "chars" || norm == "raw" {
		return "character"
	}
	return "word"
}

// Row counts the verdicts of a method on a benchmark.
type Row struct {
	Benchmark, Method                   string
	Items, Flagged, Clean, NotCheckable int64
	Grams                               [2]int64 // n-grams that were found, of all, for methods that report their share

	// Review says that the method finds items for review. ToReview counts them, and Known those that
	// another method flags.
	Review          bool
	ToReview, Known int64
}

// OnlyReviews reports whether what a method finds is for review alone: it counts for no limit and
// has no clean variant.
func OnlyReviews(method string, flag []string) bool {
	return method == Reworded && !slices.Contains(flag, Reworded)
}
