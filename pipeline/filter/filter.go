// Package filter is the corpus filter as its users see it: built from shards and grown
// (build.go, plan.go), merged and verified (merge.go), asked (ask.go), and estimated
// beforehand (estimate.go).
//
// A directory holds Bloom filters in segments (package bloom), and index.json (package
// ledger), which says of every shard in which segments its n-grams are. What is not in the
// filter is in none of its shards; what is may be there by an error, at a measured rate.
package filter

import (
	"errors"
	"fmt"
	"math"

	"swab/ngram"
	"swab/ngram/align"
	"swab/ngram/bloom"
	"swab/pipeline/ledger"
)

// What to do when shards that are in the index have changed or are gone.
const (
	OnChangeFail    = "fail"    // nothing; name them
	OnChangeKeep    = "keep"    // keep the n-grams they had, and read changed ones again beside them
	OnChangeRebuild = "rebuild" // read the shards of their segments again
)

var (
	// ErrChanged means that shards of the index have changed or are gone.
	ErrChanged = errors.New("shards of the index have changed or are gone")
	// ErrIncompatible means that an index was built with other settings than are asked for.
	ErrIncompatible = errors.New("the index was built with different settings")
)

// Options are those of a Builder. N, FPR and SegmentBytes may be 0 for an index that
// exists; they must not differ from its own.
type Options struct {
	Version      string  // of the program
	Out          string  // directory
	N            int     // words of an n-gram; 5
	FPR          float64 // promised false-positive rate; 1e-4
	SegmentBytes int64   // of each segment's filter
	BufferBytes  int64   // of the buffers before it; a quarter of a segment
	OnChange     string

	// How documents are read, which is part of the index.
	TextField, IDField, TextUnit string
	MaxRow                       int

	Lanes int  // that will be made
	Task  bool // only some of the corpus' shards are found; others may be elsewhere
}

// Defaults of a new index.
const (
	defaultN            = align.FilterGram
	defaultFPR          = 1e-4
	defaultSegmentBytes = 1 << 30
)

// fresh is an index of nothing, for shards that take that many bytes as stored. Without a
// size asked for, its segments are as large as the corpus can fill, up to the default.
func (o Options) fresh(stored int64) (*ledger.Index, error) {
	n, fpr, size := o.N, o.FPR, o.SegmentBytes
	if n == 0 {
		n = defaultN
	}
	if fpr == 0 {
		fpr = defaultFPR
	}
	if size == 0 {
		// Shards hold at most some ten times their stored bytes, and a gram in six.
		guess, err := bloom.PlanFor(max(stored*2, 1000), fpr)
		if err != nil {
			return nil, err
		}
		for size = 256 << 10; size < min(guess.Bytes(), defaultSegmentBytes); {
			size *= 2
		}
	}
	recipe := ngram.Words(n)
	if _, err := recipe.NewScanner(); err != nil {
		return nil, err
	}
	plan, err := bloom.NewPlan(size, fpr)
	return &ledger.Index{
		Swab: o.Version, Recipe: recipe, Plan: plan,
		TextField: o.TextField, IDField: o.IDField, TextUnit: o.TextUnit, MaxRow: int64(o.MaxRow),
	}, err
}

// buffers is how many bytes the buffers before a segment take.
func (o Options) buffers(plan bloom.Plan) int64 {
	if o.BufferBytes != 0 {
		return o.BufferBytes
	}
	return plan.Bytes() / 4
}

// agree returns an error when what was asked for differs from the index that is there.
func (o Options) agree(x *ledger.Index) error {
	partition := x.Plan.Bytes() / int64(x.Plan.Partitions)
	for _, c := range []struct {
		what        string
		asked, have any
		given       bool
	}{
		{"--n", o.N, x.Recipe.N, o.N != 0},
		{"--fpr", o.FPR, x.Plan.FPR, o.FPR != 0},
		{"--segment-size", o.SegmentBytes / partition * partition, x.Plan.Bytes(), o.SegmentBytes != 0},
		{"--text-field", o.TextField, x.TextField, true},
		{"--text-unit", o.TextUnit, x.TextUnit, true},
		{"--max-row", int64(o.MaxRow), x.MaxRow, true},
	} {
		if c.given && c.asked != c.have {
			return fmt.Errorf("%s: %w: %s is %v there, %v was asked for; build a new one in another directory",
				o.Out, ErrIncompatible, c.what, c.have, c.asked)
		}
	}
	if err := Known(x); err != nil {
		return fmt.Errorf("%s: %w; build a new one in another directory", o.Out, err)
	}
	return nil
}

// Known returns an error when the index has n-grams that this program does not make.
func Known(x *ledger.Index) error {
	if x.Recipe != ngram.Words(x.Recipe.N) {
		return fmt.Errorf("%w: it has %v, which this program does not make", ErrIncompatible, x.Recipe)
	}
	return nil
}

// Rate is the measured false-positive rate of the index: the share of absent n-grams that
// are in some segment.
func Rate(x *ledger.Index) float64 {
	absent := 0.0 // logarithm
	for _, s := range x.Segments {
		absent += math.Log1p(-s.Rate)
	}
	return -math.Expm1(absent)
}

// Chance is the probability that of all n-grams, were they absent, at least hit are in a
// filter with that false-positive rate: that of as many of independent events.
func Chance(hit, all int, rate float64) float64 {
	switch {
	case hit <= 0:
		return 1
	case hit > all || rate <= 0:
		return 0
	case rate >= 1:
		return 1
	}
	log := func(i int) float64 { // of the probability of just i
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
