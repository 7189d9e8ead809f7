package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"swab/pipeline/filter"
	"swab/pipeline/ledger"
	"swab/pipeline/match"
	"swab/pipeline/shard"
)

// IndexOptions are those of Index. N, Window, FPR and SegmentBytes may be 0 for an index that
// exists; they must not differ from its own.
type IndexOptions struct {
	Version      string
	Corpus       []string
	Out          string
	N            int     // words of an n-gram; 5
	Window       int     // neighbouring n-grams of which one is kept; 1: all are kept
	FPR          float64 // target false-positive rate; 1e-4
	SegmentBytes int64   // of each segment's filter
	BufferBytes  int64   // of the buffers before it; a quarter of a segment
	OnChange     string  // one of the filter's OnChange constants
	Reading
}

// filterOptions returns the filter's options, once defaults are filled in.
func (o IndexOptions) filterOptions(ctx context.Context) filter.Options {
	var digests func([]shard.Shard) (map[string]string, error)
	if o.Rehash {
		digests = func(s []shard.Shard) (map[string]string, error) { return shard.Digests(ctx, s, o.Lanes) }
	}
	return filter.Options{
		Version: o.Version, Out: o.Out, N: o.N, Window: o.Window, FPR: o.FPR,
		SegmentBytes: o.SegmentBytes, BufferBytes: o.BufferBytes, OnChange: o.OnChange,
		TextField: o.TextField, IDField: o.IDField, TextUnit: o.TextUnit, MaxRow: o.MaxRow, Tokens: o.Tokens,
		Digests: digests, Lanes: o.Lanes, Task: o.Part != [2]int{},
	}
}

// An IndexSummary reports what Index did.
type IndexSummary struct {
	*filter.Summary
	Files []shard.Skipped
}

// Index adds the n-grams of a corpus to the corpus filter at o.Out, which it creates if
// there is none. Shards that are in the filter already are not read again.
func Index(ctx context.Context, o IndexOptions) (sum *IndexSummary, err error) {
	o.Reading = o.Reading.filled()
	found, err := o.Reading.find(ctx, o.Corpus)
	if err != nil {
		return nil, err
	}
	b, err := filter.Open(o.filterOptions(ctx))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	shards, err := b.Plan(ctx, found.shards, found.files, found.stored)
	if err != nil {
		return nil, err
	}
	todo := make([]int, len(shards))
	for i, sh := range shards {
		todo[i] = i
		o.Progress.expect(sh)
	}
	reading, err := o.Reading.prepared()
	if err != nil {
		return nil, err
	}
	bad := &badRows{allowed: o.MaxBadRows}
	entries := make([]ledger.Entry, len(shards))
	err = o.Reading.lanes(ctx, todo, func() func(context.Context, int) error {
		l := &lane{reading: reading, ahead: len(shards) < o.Lanes, match: new(match.Set).NewLane(), fill: b.NewLane()}
		return func(ctx context.Context, i int) (err error) {
			entries[i], err = l.shard(ctx, shards[i], i, bad.count)
			return err
		}
	})
	if err != nil {
		return nil, err
	}
	done, err := b.Finish()
	if errors.Is(err, filter.ErrEmpty) && len(entries) > 0 && ledger.Sum(entries).Documents == 0 {
		return nil, noDocuments(entries)
	}
	if err != nil {
		return nil, err
	}
	return &IndexSummary{done, withUnread(found.files, done.Index)}, nil
}

// withUnread returns the files of a run that are no shards, with those that the index
// remembers as not read.
func withUnread(files []shard.Skipped, x *ledger.Index) []shard.Skipped {
	all := slices.Clone(files)
	for _, u := range x.Unread {
		if !slices.ContainsFunc(files, func(f shard.Skipped) bool { return f.Path == u.Name }) {
			all = append(all, shard.Skipped{Path: u.Name, Why: u.Why, Fate: shard.Unread})
		}
	}
	return all
}

// sampleShards is the largest number of shards that an estimate reads.
const sampleShards = 8

// EstimateIndex reads a few shards, spread evenly over their names, and estimates the size,
// memory and time of the whole index.
func EstimateIndex(ctx context.Context, o IndexOptions) (*filter.Estimation, error) {
	o.Reading = o.Reading.filled()
	found, err := o.Reading.find(ctx, o.Corpus)
	if err != nil {
		return nil, err
	}
	all := int64(0)
	for _, sh := range found.shards {
		if sh.Once {
			return nil, fmt.Errorf("%s: a sample of a pipe cannot be read without using it up", sh.Name)
		}
		all += sh.Size
	}
	s, err := filter.NewSample(o.filterOptions(ctx), all)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	l := new(match.Set).NewLane()
	var entries []ledger.Entry
	step := max(1, (len(found.shards)+sampleShards-1)/sampleShards)
	for i := 0; i < len(found.shards); i += step {
		sh := found.shards[i]
		l.Begin(sh.Name, s.Block)
		entry, err := o.Reading.documents(ctx, sh, false, func(row int64, id string, text []byte) error {
			l.Document(row, id, text)
			return nil
		})
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
		if entry.Error == "" {
			s.Add(sh.Size, entry.TextBytes)
		}
	}
	if s.Empty() {
		return nil, noDocuments(entries)
	}
	return s.Estimate(len(found.shards), time.Since(began)), nil
}
