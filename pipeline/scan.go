// Package pipeline runs swab's jobs, one file each: [Scan] (scan.go), [Check] (check.go),
// [Index] (index.go), [Score] (score.go) and [Decontaminate] (decontaminate.go). Rules of a
// domain are in the packages that it connects.
//
// A lane is a goroutine that carries one shard at a time from bytes to its result. A
// shard's result is a value: the covers of the items found in it. Results merge
// associatively and commutatively, so resumed runs, any number of lanes and any order of
// shards publish the same bytes.
//
// Its files, like its packages, use only what is below them: read.go, lane.go, list.go,
// index.go, kept.go, run.go, changes.go, publish.go, scan.go, check.go, score.go,
// decontaminate.go, from the lowest to the highest.
//
// # From a document's text to its verdict
//
// These files, opened from the first to the last, once each, are the way.
//
//	shard/find.go    the files of a corpus
//	shard/open.go    a shard's plain bytes (decode.go: its compression)
//	record/record.go its documents in batches, a file a format
//	read.go          its documents one by one, lent; counts of its rows
//	lane.go          the documents to matchers and filter
//	match/lane.go    each document in blocks of words, cut once
//	match/grams.go   runs of words or characters (units.go) folded into covers,
//	                 by ngram/exact, ngram/substr and ngram/overlap; or
//	match/align.go   an alignment, by ngram/align
//	match/result.go  a shard's covers as a value, stored and merged (covers.go)
//	run.go           all shards, except those with a stored result (kept.go)
//	publish.go       the benchmarks' items beside the merged covers: verdicts, evidence
//	ngram/overlap/method.go, ngram/align/judge.go
//	                 the rules
//	audit/write.go   the verdicts and evidence as files
//
// When a corpus filter is filled in the same pass, the blocks of lane.go also go to
// filter/build.go. [Check] begins with filter/ask.go and match/probe.go in place of documents,
// and publishes in the same way.
//
// # From a benchmark's file to its clean variant
//
//	benchmark/benchmark.go  a benchmark's files, and which fields are which part (preset.go, mapping.go)
//	rows/                   their records, each with its bytes in the file
//	benchmark/file.go       its items, one by one
//	match/match.go          the items to the matchers
//	publish.go              which are flagged; with audit/marks.go, how a reviewer marked them
//	benchmark/benchmark.go  its records divided in two, bytes unchanged
//
// # From a model's results to a table of scores
//
//	results/read.go     the samples of a result file (formats.go: of which harness)
//	results/join.go     the item that each sample belongs to
//	audit/columns.go    the verdicts on the items
//	score.go            samples and verdicts side by side
//	score/score.go      scores of all, clean and flagged items, and their intervals
//	score/write.go      the table
package pipeline

import (
	"context"
	"errors"
	"fmt"

	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/filter"
	"swab/pipeline/publish"
)

// Scan reads the corpus, matches its documents with the benchmarks' items and publishes an
// audit at o.Out. The audit names the shards that could not be read, and is then not
// complete. Scan returns an error only if no audit could be published.
func Scan(ctx context.Context, o Options) (summary *Summary, err error) {
	o.Reading = o.Reading.filled()
	set, err := o.load(ctx)
	found, badCorpus := o.Reading.find(ctx, o.Corpus)
	if err != nil && badCorpus != nil { // one run shows both
		return nil, errors.Join(err, badCorpus)
	}
	if err == nil {
		err = badCorpus
	}
	if err != nil {
		return nil, err
	}
	dir, err := audit.OpenOut(o.Out)
	if err != nil {
		return nil, err
	}
	r := &run{
		o: o, set: set, source: evidence{set}, dir: dir, stored: found.stored, files: found,
		done: doneOf(found.shards), bad: &badRows{allowed: o.MaxBadRows},
	}
	if o.Index.Out != "" {
		o.Index.Reading = o.Reading
		if r.index, err = filter.Open(o.Index.filterOptions(ctx)); err != nil {
			return nil, errors.Join(err, dir.Close())
		}
		defer func() { err = joinClosing(err, r.index.Close()) }()
	}
	if err = r.read(ctx); err == nil {
		summary, err = r.publish(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	summary.Files = found.files
	return summary, dir.Close()
}

// CheckInputs returns the errors of all benchmarks, which it opens, and of the corpus, of which it
// lists the files.
func CheckInputs(ctx context.Context, o Options) error {
	var errs []error
	for _, spec := range o.Benchmarks {
		spec.Context = ctx
		_, err := benchmark.Open(spec, o.Presets)
		errs = append(errs, err)
	}
	if len(o.Corpus) > 0 {
		_, err := o.Reading.filled().find(ctx, o.Corpus)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// joinClosing joins the error of a run and that of closing its filter. What it says to be
// published is the audit: that the filter was does not count where the run failed.
func joinClosing(err, closing error) error {
	switch {
	case closing == nil:
		return err
	case err == nil && !errors.Is(closing, publish.ErrPublished):
		return fmt.Errorf("the audit is %w, but %w", publish.ErrPublished, closing)
	case err != nil && !errors.Is(err, publish.ErrPublished):
		return fmt.Errorf("%w\n%v", err, closing)
	}
	return errors.Join(err, closing)
}
