package audit

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"swab/ngram/item"
)

// State is what a method says of an item; package item has the list.
type State = item.State

// Kinds of verdicts: what was found, where a method tells kinds apart. The first is none.
// A new one is a line here.
var kinds = []string{
	"",
	// Of flagged and suspected items.
	"input",
	"input and answer",
	"answer",  // a worked answer or code alone
	"variant", // the same wording with other numbers or names
	// Of clean items.
	"altered",        // all but the decisive words are in a document
	"too common",     // few words, that any text has
	"passage only",   // the text that it asks about, not what it asks
	"template only",  // what many items of the benchmark have
	"fragment",       // too little of it
	"by filter",      // a filter that does not bound the method suspects nothing
	"source flagged", // the item that it translates is flagged
	"reworded",       // told in other words, to review
}

// Verdict is what one method says of one item: a row of verdicts.parquet. Its fields are
// the columns, in order; a tag column holds, separated by commas, dict for one whose
// values repeat, and filter for one that only verdicts of a corpus filter have.
type Verdict struct {
	Method    string   `json:"method" column:"dict"`
	Benchmark string   `json:"benchmark" column:"dict"`
	Split     string   `json:"split" column:"dict"`
	Item      string   `json:"item"`   // the item's id
	Index     int64    `json:"index"`  // its place in the split, from 0
	Digest    string   `json:"digest"` // of its content
	State     State    `json:"state" column:"dict"`
	Score     *float64 `json:"score"`               // nil exactly if the item is not checkable
	Longest   int64    `json:"longest"`             // words of the longest match
	Words     int64    `json:"words"`               // words of the item
	Matched   int64    `json:"matched"`             // words of it that any document has
	Documents int64    `json:"documents"`           // documents that match
	Parts     []string `json:"parts" column:"dict"` // parts of the item that were seen

	// Seen is "", "input", "answer", or "input and answer" when one document holds
	// both within 1,000 bytes; what was seen of both only apart is "input".
	Seen     string         `json:"seen" column:"dict"`
	Kind     string         `json:"kind" column:"dict"` // one of the kinds
	Template float64        `json:"template"`           // share of the words in n-grams seen that are the benchmark's template
	Details  map[string]any `json:"details,omitempty"`  // what else the method defines: numbers and strings; in Parquet as JSON

	// Of verdicts from a corpus filter: the chance that its errors alone make as many
	// of the item's n-grams hit as did, and the segments that fired.
	Chance   *float64 `json:"chance,omitempty" column:"filter"`
	Segments []string `json:"segments,omitempty" column:"filter"`
}

// check returns why v cannot be a verdict.
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

// SeenParts returns the sides of the item that were seen, by its parts where the verdict
// has no word for them.
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
	Part         string `json:"part" column:"dict"`
	Shard        string `json:"shard" column:"dict"`
	Row          int64  `json:"row"`
	DocID        string `json:"doc_id"`
	DocStart     int64  `json:"doc_start"`
	DocEnd       int64  `json:"doc_end"`
	ItemStart    int64  `json:"item_start"` // in the text of the part
	ItemEnd      int64  `json:"item_end"`
	Words        int64  `json:"words"`
	DocText      string `json:"doc_text"`           // the match with some of what stands around it
	DocTextStart int64  `json:"doc_text_start"`     // where DocText begins in the document
	Norm         string `json:"norm" column:"dict"` // the normaliser that found it; see UnitOf
}

// UnitOf is what verdicts and evidence of a normaliser count: word or character.
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
}
