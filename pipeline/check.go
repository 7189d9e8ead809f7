package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/filter"
	"swab/pipeline/ledger"
	"swab/pipeline/match"
	"swab/pipeline/rows"
	"swab/pipeline/shard"
	"swab/pipeline/store"
)

// CheckOptions configures Check; Options.Corpus and Options.Index are ignored.
type CheckOptions struct {
	Index string // directory of the corpus filter
	Trace bool   // read the shards that may hold suspected items, and flag or clear each of them
	Options
}

// Check looks up the benchmarks' n-grams in a corpus filter. An item with enough n-grams in
// the filter is suspected, and its verdict has the probability that the filter's false
// positives alone would account for as many hits. Every other item is clean. For methods
// that the filter bounds, clean is proven; for the others the verdict's kind is "by
// filter", and no clean variant is written.
//
// With Trace, Check reads the shards of all segments with hits and matches them with the
// texts that had the hits. For methods that the filter bounds, the audit is the one that
// Scan publishes on all shards of the index; for the others, the flagged items are those
// that Scan flags among the suspected, with the same evidence.
func Check(ctx context.Context, o CheckOptions) (*Summary, error) {
	o.Reading = o.Reading.filled()
	x, err := ledger.LoadIndex(o.Index)
	if err != nil {
		return nil, err
	}
	if err := filter.Known(x); err != nil {
		return nil, fmt.Errorf("%s: %w; build it again with swab index", o.Index, err)
	}
	set, err := o.load(ctx)
	if err != nil {
		return nil, err
	}
	if o.Trace {
		if o.Tokens, err = o.Tokens.As(x.Tokens); err != nil {
			return nil, fmt.Errorf("%s: %w", o.Index, err)
		}
	}
	a := &answers{set: set, index: x}
	if a.probes, err = set.Probes(x.Recipe); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Index, err)
	}
	err = a.ask(ctx, o.Index)
	if errors.Is(err, fs.ErrNotExist) { // another run has replaced the index meanwhile
		if x, err = ledger.LoadIndex(o.Index); err == nil {
			a.index = x
			err = a.ask(ctx, o.Index)
		}
	}
	if err != nil {
		return nil, err
	}
	if o.Trace {
		return a.trace(ctx, o)
	}
	if _, err := a.probes.Aim(a.hitsOf, false); err != nil {
		return nil, err
	}
	dir, err := audit.OpenOut(o.Out)
	if err != nil {
		return nil, err
	}
	r := &run{
		o: o.Options, set: set, source: a, dir: dir, filter: x.Recipe, files: found{files: withUnread(nil, x)},
	}
	for _, sh := range x.Shards {
		r.known = append(r.known, sh.Entry)
	}
	sum, err := r.publish(ctx)
	if err == nil {
		sum.Files = r.files.files
	}
	return sum, errors.Join(err, dir.Close())
}

// answers are a corpus filter's answers about the benchmarks' texts.
type answers struct {
	set    *match.Set
	index  *ledger.Index
	probes *match.Probes
	hits   []filter.Answers // by probe
}

// ask looks up every n-gram of every text in the filter.
func (a *answers) ask(ctx context.Context, dir string) (err error) {
	var questions []filter.Questions
	for _, probe := range a.probes.List {
		all, texts := probe.Grams()
		questions = append(questions, filter.Questions{All: all, Texts: texts})
	}
	a.hits, err = filter.Ask(ctx, dir, a.index, questions)
	return err
}

// results returns what a scan would find in documents that held all n-grams with a hit. No
// shard is read.
func (a *answers) results([][]match.Section, []string, string) (*match.Results, error) {
	return a.probes.Suspects(a.hitsOf), nil
}

// hitsOf returns the n-grams of a probe that the filter has.
func (a *answers) hitsOf(probe int) match.Hits { return a.hits[probe].Grams }

func (a *answers) flagged() audit.State { return item.Suspected }

// complete turns the verdict of a scan into one that a filter can support.
func (a *answers) complete(number, i int, v *audit.Verdict) {
	v.Documents = 0 // a filter does not count documents
	if v.State != item.Flagged {
		return
	}
	v.State = item.Suspected
	probe, k := a.set.Place(i)
	all, hit := a.probes.List[probe].Count(number, k, a.hits[probe].Found)
	chance := filter.Chance(hit, all, filter.Rate(a.index))
	v.Chance = &chance
	for _, k := range a.hits[probe].Segments(a.probes.List[probe].Texts(nil, number)) {
		v.Segments = append(v.Segments, a.index.Segments[k].File)
	}
}

// trace reads the shards that may hold the n-grams with hits.
func (a *answers) trace(ctx context.Context, o CheckOptions) (*Summary, error) {
	aims, err := a.probes.Aim(a.hitsOf, true)
	if err != nil {
		return nil, err
	}
	fired := map[string]bool{} // segments with hits
	for i, aim := range aims {
		if aim.Everywhere {
			for _, seg := range a.index.Segments {
				fired[seg.File] = true
			}
			continue
		}
		for _, k := range a.hits[i].Segments(aim.Wanted) {
			fired[a.index.Segments[k].File] = true
		}
	}
	x := a.index
	for _, sh := range x.Shards {
		if sh.Once && slices.ContainsFunc(sh.Segments, func(f string) bool { return fired[f] }) {
			return nil, fmt.Errorf("%s: it came from a pipe, which cannot be read a second time, as --trace has to; "+
				"index it from a file, or check without --trace", sh.Name)
		}
	}
	dir, err := audit.OpenOut(o.Out)
	if err != nil {
		return nil, err
	}
	o.TextField, o.IDField, o.TextUnit, o.MaxRow = x.TextField, x.IDField, x.TextUnit, int(x.MaxRow)
	r := &run{
		o: o.Options, set: a.set, built: true, source: evidence{a.set}, dir: dir, filter: x.Recipe,
		bad: &badRows{allowed: o.MaxBadRows}, files: found{files: withUnread(nil, x)},
	}
	r.salt = ledger.Digest(aims)
	for _, sh := range a.index.Shards {
		if !slices.ContainsFunc(sh.Segments, func(f string) bool { return fired[f] }) {
			r.known = append(r.known, sh.Entry)
			continue
		}
		found, err := indexedShard(ctx, sh)
		if err != nil {
			failed := sh.Entry
			failed.Error, failed.Documents, failed.TextBytes = err.Error(), 0, 0
			r.known = append(r.known, failed)
			continue
		}
		r.done = append(r.done, done{shard: found})
	}
	var sum *Summary
	if err = r.read(ctx); err == nil {
		sum, err = r.publish(ctx)
	}
	if err == nil {
		sum.Files = r.files.files
	}
	return sum, errors.Join(err, dir.Close())
}

// indexedShard finds a shard of the index, and returns an error if it changed since.
func indexedShard(ctx context.Context, sh ledger.IndexShard) (shard.Shard, error) {
	if store.IsURL(sh.Name) {
		return indexedObject(ctx, sh)
	}
	s, ok, err := namedShard(sh.Name, sh.ReadAs)
	if err != nil {
		return shard.Shard{}, err
	}
	if !ok || s.Size != sh.Size || s.ModTime.UnixNano() != sh.ModTime {
		return shard.Shard{}, fmt.Errorf("%s: it has changed since it was indexed", sh.Name)
	}
	s.Digest = sh.Digest
	return s, nil
}

// indexedObject is indexedShard of an object of a store.
func indexedObject(ctx context.Context, sh ledger.IndexShard) (shard.Shard, error) {
	s, err := rows.Formats.FromURL(ctx, sh.Name)
	if err != nil {
		return shard.Shard{}, err
	}
	f, c, ok, err := rows.Formats.IdentifyShard(s)
	if err != nil {
		return shard.Shard{}, err
	}
	if sh.ReadAs != "" {
		f, _, ok = rows.Formats.TypeOf("x" + sh.ReadAs)
	}
	s.Format, s.Compression, s.ReadAs, s.Digest = f, c, sh.ReadAs, sh.Digest
	if !ok || s.Size != sh.Size || s.Stamp() != sh.ModTime || s.Version() != sh.Version {
		return shard.Shard{}, fmt.Errorf("%s: it has changed since it was indexed", sh.Name)
	}
	return s, nil
}
