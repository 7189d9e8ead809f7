// Package results reads the results of evaluation harnesses, item by item, and joins them with
// the verdicts of an audit.
//
// # What is read
//
// The layout of a file is recognised by its content, never by its name. The layouts are rows
// with an id and a score (JSON lines, a JSON list, CSV, TSV; the names of fields are in
// formats.go), samples of lm-evaluation-harness, logs of OpenAI Evals and of inspect_ai
// (.eval and .json), HELM's scenario state, per-instance statistics and display predictions,
// details of lighteval and OpenCompass, results of EvalPlus, BigCodeBench, LiveCodeBench, CRUXEval,
// AlpacaEval, Arena-Hard, MT-Bench, OLMES, Evalchemy, evalscope, promptfoo, simple-evals, NeMo-Skills, MMLU-Pro
// and ZeroEval, the solutions of grade-school-math, and reports of SWE-bench. ZeroEval and HELM's scenario
// state have answers but no scores: they are graded as their harness grades them, and refused
// if swab does not know how it does.
//
// A row that cannot be scored is counted by kind and named in [File].Problems; if a score
// would be wrong, that is an error. Several samples of an item are averaged.
//
// # Memory
//
// An audit of a million items and the results of ten models on them are held at once, so
// what many items have in common is stored once: of results in a [Group], of verdicts
// column by column in [audit.Table]. An outcome takes 72 bytes beside its id, a joined result
// 24, an item 72 beside its id and 10 for each method: 710 MB for ten models and five
// methods. If files are read and joined model by model, and dropped once they are joined, it
// is a third.
package results

import (
	"cmp"
	"context"
	"errors"

	"swab/pipeline/store"
)

// ErrAmbiguous means that results could not be joined in one certain way.
var ErrAmbiguous = errors.New("no single way to join them")

// A Group has what the outcomes of one model on one part of a benchmark have in common. A
// member is "" if the file does not have it.
type Group struct {
	Model, Benchmark, Split, Subject string
	Metric                           string // name of the metric used
	LowerBetter                      bool   // a lower score is better, as of a perplexity
}

// An Outcome is one model's result on one item, samples of the item averaged.
type Outcome struct {
	ID      string  // as in the file; "" if it has none
	Index   int64   // the item's index, as in the file; -1 if it has none
	Score   float64 // mean over samples; never NaN or infinite
	Samples int32   // how many scored samples, at least 1
	Group   uint16  // in File.Groups
	Binary  bool    // every sample was 0 or 1 (false or true)

	found  []int32 // questions of the audit that its texts have; ^number of one too short to identify an item
	fields uint64  // the fields with a question that it has, as bits; 0: there is none to compare
}

// A Problem is a defect of a file of results or of a join that may affect the scores. Problems
// of a kind are listed up to a bound; File.Counts and Join.Counts count all.
type Problem struct {
	File         string
	Row          int64 // from 0; -1 if it is not of a row
	Kind, Detail string
}

// A File is one file of results, read.
type File struct {
	Path, Format string
	Groups       []Group
	Outcomes     []Outcome // by group, then in the order of the file
	Problems     []Problem
	Counts       map[string]int64 // problems by kind

	questions *Questions
	stated    map[uint16]stated // what the harness says of groups
}

// Options of Read.
type Options struct {
	Metric string // which of several metrics or scorers, perhaps a dotted path; "" for the harness's own first
	Filter string // which filter of lm-evaluation-harness, where it exists; "" for the first

	// Metrics and Filters are those of single tasks or benchmarks; "" is the key of all others.
	Metrics, Filters map[string]string
	LowerBetter      []string // metrics of which a lower score is better, beside those that say so
	PassAt           int      // scores are pass@k of several samples, for this k; 0: their mean

	Questions *Questions // of the audit, which are searched for in the texts of rows; nil: texts are not compared

	Context context.Context // ends requests to stores; nil: none does

	fallback bool          // a file that has not the metric is read with another
	object   *store.Object // where a store has the file, or nil
	most     int           // results of a file, for tests; 0: maxResults
}

// context returns the context of requests to stores.
func (o *Options) context() context.Context { return cmp.Or(o.Context, context.Background()) }

// A Joined is a result with its item.
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
	How         string    // "id", "index", "content" or "export"; with " and " if files were joined in several ways
	Matched     []Joined  // by item, at most one for each
	ResultsLeft []Outcome // results without an item; their Group is not set
	ItemsLeft   []int     // items without a result, in splits that have results

	// Compared and Agree count the pairs whose texts were compared, and those in which the
	// result's has the item's question. Of those that differ, Moved were joined by content, and
	// Differing are left out; ResultsLeft has them too.
	Compared, Agree, Moved int
	Differing              []Outcome
	Unconfirmed            int // joined by place, without a question to compare

	LowerBetter bool     // a lower score is better
	Stated      *float64 // the harness's own score of these results, nil if it is not known
	StatedAgree bool     // the mean of Matched is that, up to rounding

	Run *Run // nil: it is not known what should have been run

	Problems []Problem
	Counts   map[string]int64 // problems by kind
}

// JoinOptions of Join.
type JoinOptions struct {
	How       string // "id", "index" or "content"; "" finds the one that fits
	Benchmark string // the audit's benchmark that the results are of; "" finds it
	Ran       []Ran  // clean variants that were run
}
