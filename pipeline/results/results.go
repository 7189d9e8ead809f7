// Package results reads what harnesses wrote of each item of a benchmark, and
// joins it with the verdicts of an audit.
//
// # What is read
//
// A file's layout is told by its content, never by its name; it may be gzip or zstd.
// Known are rows with an id and a score (JSON lines, a JSON list, CSV, TSV; the names
// are in formats.go), samples of lm-evaluation-harness, logs of OpenAI Evals and of
// inspect_ai (.eval and .json), HELM's scenario state, per-instance statistics and
// display predictions, ZeroEval, the solutions of grade-school-math, and CRUXEval.
// ZeroEval and HELM's scenario state keep answers and no scores: they are graded as
// their harness grades them, and refused where that is not known.
//
// What cannot be scored is counted by kind and named in [File].Problems; what would
// make a score wrong is an error. Several samples of an item are averaged.
//
// # Memory
//
// An audit of a million items and the results of ten models on them are held at
// once, so what is the same for many items stands once: results in a [Group],
// verdicts column by column in [audit.Table]. An outcome takes 64 bytes beside its id, a
// joined result 24, an item 64 beside its id and 10 for each method: 710 MB for ten
// models and five methods. Files may be read and joined model by model, which a
// [Join] needs no more; then it is a third.
package results

import (
	"errors"
)

// ErrAmbiguous means that results could not be joined in one certain way.
var ErrAmbiguous = errors.New("no single way to join them")

// A Group is what the outcomes of one model on one part of a benchmark have in
// common. What a file does not say is "".
type Group struct {
	Model, Benchmark, Split, Subject string
	Metric                           string // name of the metric used
}

// An Outcome is one model's result on one item, samples of the item averaged.
type Outcome struct {
	ID      string  // as the file has it, "" when it has none
	Text    string  // the question or prompt when the file has it and Options.Text asks for it
	Index   int64   // the item's place as the file says it; -1 unknown
	Score   float64 // mean over samples; never NaN or infinite
	Samples int32   // how many scored samples, at least 1
	Group   uint16  // in File.Groups
	Binary  bool    // every sample was 0 or 1 (false or true)
}

// A Problem is something in a file of results or in a join that a reader of
// scores has to know. Problems of a kind are listed up to a bound; File.Counts
// and Join.Counts have all.
type Problem struct {
	File         string
	Row          int64 // from 0, -1 if it is of no row
	Kind, Detail string
}

// A File is one file of results, read.
type File struct {
	Path, Format string
	Groups       []Group
	Outcomes     []Outcome // by group, then in the order of the file
	Problems     []Problem
	Counts       map[string]int64 // problems by kind
}

// Options of Read.
type Options struct {
	Metric string // which of several metrics or scorers; "" for the first of well-known names
	Filter string // which filter of lm-evaluation-harness; "" is an error when there are several
	Text   bool   // keep questions, which joining by content needs
}

// A Joined is a result with the item that it is of.
type Joined struct {
	Score   float64
	Item    int32 // in Table.Items
	Samples int32
	Binary  bool
}

// A Join is one model's results on one benchmark.
type Join struct {
	Benchmark   string // as the audit has it
	Model       string
	Metric      string
	How         string    // "id", "index" or "content"; with " and " between if files were joined in several ways
	Matched     []Joined  // by item; an item stands at most once
	ResultsLeft []Outcome // results of no item; Group is of no use here
	ItemsLeft   []int     // items of the splits that have results, without one
	Problems    []Problem
	Counts      map[string]int64 // problems by kind
}

// JoinOptions of Join.
type JoinOptions struct {
	How       string // "id", "index" or "content"; "" finds the one that fits
	Benchmark string // the audit's benchmark that the results are of; "" finds it
}
