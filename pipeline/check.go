package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/filter"
	"swab/pipeline/ledger"
	"swab/pipeline/match"
	"swab/pipeline/rows"
	"swab/pipeline/shard"
)

// CheckOptions configures Check; Options.Corpus and Options.Index are ignored.
type CheckOptions struct {
	Index string // directory of the corpus filter
	Trace bool   // read the shards that may hold suspected items, and convict or acquit
	Options
}

// Check probes benchmarks in a corpus filter. Of an item whose n-grams are in it, the
// filter says no more than that it is suspected, and with what chance its errors alone
// would have made as many n-grams hit. Another item is clean: by methods that the filter
// bounds, this is proof; by the others its kind is by filter, and no clean variant is
// written.
//
// With Trace, the shards of all segments that fired are streamed past the texts that made
// them fire. By methods that the filter bounds, what is published is what Scan publishes
// on all shards of the index; by the others, what is flagged is what Scan flags among the
// suspected items, with the same evidence.
func Check(ctx context.Context, o CheckOptions) (*Summary, error) {
	o.Reading = o.Reading.filled()
	x, err := ledger.LoadIndex(o.Index)
	if err != nil {
		return nil, err
	}
	if err := filter.Known(x); err != nil {
		return nil, fmt.Errorf("%s: %w; build it anew with swab index", o.Index, err)
	}
	set, err := o.load(ctx)
	if err != nil {
		return nil, err
	}
	a := &answers{set: set, index: x}
	if a.probes, err = set.Probes(x.Recipe.N); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Index, err)
	}
	err = a.ask(ctx, o.Index)
	if errors.Is(err, fs.ErrNotExist) { // a run published the index anew meanwhile
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
	r := &run{o: o.Options, set: set, source: a, dir: dir, filterN: x.Recipe.N}
	for _, sh := range x.Shards {
		r.known = append(r.known, sh.Entry)
	}
	sum, err := r.publish(ctx)
	return sum, errors.Join(err, dir.Close())
}

// answers are what a corpus filter says of the benchmarks' texts.
type answers struct {
	set    *match.Set
	index  *ledger.Index
	probes *match.Probes
	hits   []filter.Answers // by probe
}

// ask asks the filter for every n-gram of every text.
func (a *answers) ask(ctx context.Context, dir string) (err error) {
	var questions []filter.Questions
	for _, probe := range a.probes.List {
		all, texts := probe.Grams()
		questions = append(questions, filter.Questions{All: all, Texts: texts})
	}
	a.hits, err = filter.Ask(ctx, dir, a.index, questions)
	return err
}

// results returns what documents would show that hold all that hit. No shard is read.
func (a *answers) results([]string, string) (*match.Results, error) {
	return a.probes.Suspects(a.hitsOf), nil
}

// hitsOf returns what was hit of the texts of a probe.
func (a *answers) hitsOf(probe int) match.Hits { return a.hits[probe].Grams }

func (a *answers) flagged() audit.State { return item.Suspected }

// complete turns the verdict of a scan into a filter's.
func (a *answers) complete(number, i int, v *audit.Verdict) {
	v.Documents = 0 // a filter does not know
	if v.State != item.Flagged {
		return
	}
	v.State = item.Suspected
	probe, k := a.set.Place(i)
	all, hit := a.probes.List[probe].Count(number, k, a.hitsOf(probe))
	chance := filter.Chance(hit, all, filter.Rate(a.index))
	v.Chance = &chance
	for _, k := range a.hits[probe].Segments(a.probes.List[probe].Texts(nil, number)) {
		v.Segments = append(v.Segments, a.index.Segments[k].File)
	}
}

// trace streams the shards that may hold what hit.
func (a *answers) trace(ctx context.Context, o CheckOptions) (*Summary, error) {
	aims, err := a.probes.Aim(a.hitsOf, true)
	if err != nil {
		return nil, err
	}
	fired := map[string]bool{} // segments
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
	dir, err := audit.OpenOut(o.Out)
	if err != nil {
		return nil, err
	}
	x := a.index
	o.TextField, o.IDField, o.TextUnit, o.MaxRow = x.TextField, x.IDField, x.TextUnit, int(x.MaxRow)
	r := &run{
		o: o.Options, set: a.set, source: evidence{a.set}, dir: dir, filterN: x.Recipe.N,
		bad: &badRows{allowed: o.MaxBadRows},
	}
	r.salt = ledger.Digest(aims)
	for _, sh := range a.index.Shards {
		if !slices.ContainsFunc(sh.Segments, func(f string) bool { return fired[f] }) {
			r.known = append(r.known, sh.Entry)
			continue
		}
		found, err := again(sh)
		if err != nil {
			failed := sh.Entry
			failed.Error, failed.Documents, failed.TextBytes = err.Error(), 0, 0
			r.known = append(r.known, failed)
			continue
		}
		r.shards = append(r.shards, found)
	}
	r.done = make([]done, len(r.shards))
	var sum *Summary
	if err = r.read(ctx); err == nil {
		sum, err = r.publish(ctx)
	}
	return sum, errors.Join(err, dir.Close())
}

// again finds a shard of the index, as it was when it was indexed.
func again(sh ledger.IndexShard) (shard.Shard, error) {
	info, err := os.Stat(sh.Name)
	if err != nil {
		return shard.Shard{}, err
	}
	f, c, ok := rows.Formats.Identify(sh.Name, sh.Name)
	if !ok || info.Size() != sh.Size || info.ModTime().UnixNano() != sh.ModTime {
		return shard.Shard{}, fmt.Errorf("%s: it has changed since it was indexed", sh.Name)
	}
	return shard.Shard{
		Name: sh.Name, Path: sh.Name, Size: sh.Size, ModTime: info.ModTime(), Format: f, Compression: c,
		Formats: &rows.Formats,
	}, nil
}
