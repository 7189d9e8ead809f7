// Package filter builds the corpus filter of a directory from shards and adds shards to it
// (build.go, plan.go), merges and verifies filters (merge.go), looks up n-grams (ask.go), and
// estimates the size of a filter before it is built (estimate.go).
//
// A directory holds Bloom filters in segments (package bloom), and index.json (package
// ledger), which lists for every shard the segments with its n-grams. An n-gram that is not
// in the filter is in none of its shards; one that is in the filter may be a false positive,
// at a measured rate.
package filter

import (
	"errors"
	"fmt"
	"math"

	"swab/ngram"
	"swab/ngram/align"
	"swab/ngram/bloom"
	"swab/pipeline/ledger"
	"swab/pipeline/rows"
	"swab/pipeline/shard"
)

// What to do when shards that are in the index have changed or are gone.
const (
	OnChangeFail    = "fail"    // return an error that names them
	OnChangeKeep    = "keep"    // keep the n-grams they had, and read changed ones again beside them
	OnChangeRebuild = "rebuild" // read the shards of their segments again
)

var (
	// ErrChanged means that shards of the index have changed or are gone.
	ErrChanged = errors.New("shards of the index have changed or are gone")
	// ErrIncompatible means that an index was built with other settings than the requested.
	ErrIncompatible = errors.New("the index was built with different settings")
)

// Options configure a Builder. N, Window, FPR and SegmentBytes may be 0 for an index that
// exists; they must not differ from its own.
type Options struct {
	Version      string  // of the program
	Out          string  // directory
	N            int     // words of an n-gram; 5
	Window       int     // neighbouring n-grams of which one is kept; 1: all are kept; 0: as in the index, or 1
	FPR          float64 // target false-positive rate; 1e-4
	SegmentBytes int64   // of each segment's filter
	BufferBytes  int64   // of the buffers before it; a quarter of a segment
	OnChange     string

	// How documents are read, which is part of the index.
	TextField, IDField, TextUnit string
	MaxRow                       int
	Tokens                       *rows.Tokens

	// Digests returns the digests of shards, by name, for an index to compare the content of
	// those whose size and modification time are as they were; nil: they count as unchanged.
	Digests func([]shard.Shard) (map[string]string, error)

	Lanes int  // number of lanes
	Task  bool // the run has only some of the corpus' shards; others may be on other machines
}

// Defaults of a new index.
const (
	defaultN            = align.FilterGram
	defaultFPR          = 1e-4
	defaultSegmentBytes = 1 << 30
)

// newIndex returns an empty index for shards of that size in all, bytes as stored. Unless the
// options have a size of segments, it is what the corpus can fill, up to the default.
func (o Options) newIndex(stored int64) (*ledger.Index, error) {
	n, fpr, size := o.N, o.FPR, o.SegmentBytes
	if n == 0 {
		n = defaultN
	}
	if fpr == 0 {
		fpr = defaultFPR
	}
	if size == 0 {
		// Shards decompress to at most about ten times their size, with a gram in six bytes.
		guess, err := bloom.PlanFor(max(stored*2, 1000), fpr)
		if err != nil {
			return nil, err
		}
		for size = 256 << 10; size < min(guess.Bytes(), defaultSegmentBytes); {
			size *= 2
		}
	}
	recipe := ngram.Words(n)
	if o.Window != 1 {
		recipe.Window = o.Window
	}
	if _, err := recipe.NewScanner(); err != nil {
		return nil, err
	}
	plan, err := bloom.NewPlan(size, fpr)
	return &ledger.Index{
		Swab: o.Version, Recipe: recipe, Plan: plan,
		TextField: o.TextField, IDField: o.IDField, TextUnit: o.TextUnit, MaxRow: int64(o.MaxRow),
		Tokens: o.Tokens,
	}, err
}

// buffers returns the size of the buffers before a segment, in bytes.
func (o Options) buffers(plan bloom.Plan) int64 {
	if o.BufferBytes != 0 {
		return o.BufferBytes
	}
	return plan.Bytes() / 4
}

// checkSettings returns an error if the options differ from the settings of an index.
func (o Options) checkSettings(x *ledger.Index) error {
	partition := x.Plan.Bytes() / int64(x.Plan.Partitions)
	for _, c := range []struct {
		what       string
		want, have any
		set        bool
	}{
		{"--n", o.N, x.Recipe.N, o.N != 0},
		{"--window", o.Window, max(x.Recipe.Window, 1), o.Window != 0},
		{"--fpr", o.FPR, x.Plan.FPR, o.FPR != 0},
		{"--segment-size", o.SegmentBytes / partition * partition, x.Plan.Bytes(), o.SegmentBytes != 0},
		{"--text-field", o.TextField, x.TextField, true},
		{"--text-unit", o.TextUnit, x.TextUnit, true},
		{"--tokenizer", o.Tokens.String(), x.Tokens.String(), true},
		{"--max-row", int64(o.MaxRow), x.MaxRow, true},
	} {
		if c.set && c.want != c.have {
			return fmt.Errorf("%s: %w: it has %s %v, this run %v; build a new index in another directory",
				o.Out, ErrIncompatible, c.what, c.have, c.want)
		}
	}
	if err := Known(x); err != nil {
		return fmt.Errorf("%s: %w; build a new index in another directory", o.Out, err)
	}
	return nil
}

// Known returns an error if the index has n-grams that this program cannot compute.
func Known(x *ledger.Index) error {
	known := ngram.Words(x.Recipe.N)
	known.Window = x.Recipe.Window
	if _, err := x.Recipe.NewScanner(); err != nil || x.Recipe != known {
		return fmt.Errorf("%w: it has %v, which this program cannot compute", ErrIncompatible, x.Recipe)
	}
	return nil
}

// A chooser computes the n-grams of documents that a filter keeps. It belongs to one goroutine.
type chooser struct {
	n   int
	min *ngram.Minimizer // nil: all are kept
}

func newChooser(r ngram.Recipe) *chooser {
	c := &chooser{n: r.N}
	if r.Window > 0 {
		c.min = ngram.NewMinimizer(r.Window)
	}
	return c
}

// appendKept appends what is kept of a block of words, and of the document before it if the block
// begins one. The scanner's own n-grams must be at least as long as the filter's. It uses the rest
// of dst.
func (c *chooser) appendKept(dst []uint64, s *ngram.Scanner) []uint64 {
	if c.min == nil {
		return s.AppendGrams(dst, c.n)
	}
	if s.Base() == 0 {
		dst = c.min.End(dst)
	}
	from := len(dst)
	dst = s.AppendGrams(dst, c.n)
	return c.min.Append(dst[:from], dst[from:])
}

// appendLast appends what is kept of the last document.
func (c *chooser) appendLast(dst []uint64) []uint64 {
	if c.min == nil {
		return dst
	}
	return c.min.End(dst)
}

// Rate returns the measured false-positive rate of the index: the share of absent n-grams
// that some segment reports.
func Rate(x *ledger.Index) float64 {
	absent := 0.0 // logarithm
	for _, s := range x.Segments {
		absent += math.Log1p(-s.Rate)
	}
	return -math.Expm1(absent)
}

// Chance returns the probability that a filter with that false-positive rate has hits for at
// least hit of all n-grams although they are absent, as independent events.
func Chance(hit, all int, rate float64) float64 {
	switch {
	case hit <= 0:
		return 1
	case hit > all || rate <= 0:
		return 0
	case rate >= 1:
		return 1
	}
	log := func(i int) float64 { // of the probability of exactly i hits
		a, _ := math.Lgamma(float64(all + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(all - i + 1))
		return a - b - c + float64(i)*math.Log(rate) + float64(all-i)*math.Log1p(-rate)
	}
	sum := 0.0
	for i := hit; i <= all; i++ {
		term := math.Exp(log(i))
		if sum += term; float64(i) > float64(all)*rate && term < sum*1e-17 {
			break
		}
	}
	return min(sum, 1)
}
