package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"swab/ngram"
	"swab/ngram/bloom"
	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline/audit"
	"swab/pipeline/ledger"
	"swab/pipeline/match"
	"swab/pipeline/rows"
	"swab/pipeline/shard"
)

// CheckOptions configures Check; Options.Corpus is ignored.
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
	o.Reading = o.filled()
	x, err := ledger.LoadIndex(o.Index)
	if err != nil {
		return nil, err
	}
	if x.Recipe != ngram.Words(x.Recipe.N) {
		return nil, fmt.Errorf("%s: %w: it has %v, which this program does not make; build it anew with swab index", o.Index, ErrOther, x.Recipe)
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
	if _, err := a.probes.Aim(a.of, false); err != nil {
		return nil, err
	}
	dir, err := audit.OpenOut(o.Out)
	if err != nil {
		return nil, err
	}
	s := &scan{Options: o.Options, set: set, dir: dir, filter: a, filterN: x.Recipe.N}
	for _, sh := range x.Shards {
		s.known = append(s.known, sh.Entry)
	}
	sum, err := s.publish(ctx)
	return sum, errors.Join(err, dir.Close())
}

// answers are what a corpus filter says of the benchmarks' texts.
type answers struct {
	set    *match.Set
	index  *ledger.Index
	probes *match.Probes
	hits   []map[int]*textHits // by probe and text
}

// textHits are the n-grams of a text that are in any segment.
type textHits struct {
	grams    []uint64 // a bit for each n-gram, by its first word
	segments []int    // of index.Segments, that any of them is in
}

// probeGrams is how many n-grams are asked for at a time.
const probeGrams = 1 << 23

// ask asks every segment for every n-gram of every text.
func (a *answers) ask(ctx context.Context, dir string) error {
	a.hits = nil
	for range a.probes.List {
		a.hits = append(a.hits, map[int]*textHits{})
	}
	var readers []*bloom.Reader
	for _, seg := range a.index.Segments {
		path := filepath.Join(dir, ledger.SegmentsDir, seg.File)
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		r, err := bloom.Open(f, seg.Size)
		if err == nil && (r.Recipe() != a.index.Recipe || r.Plan() != a.index.Plan) {
			err = bloom.ErrIncompatible
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		readers = append(readers, r)
	}
	type span struct{ probe, text, first int } // where a text's n-grams begin in grams
	var (
		grams []uint64
		spans []span
		in    []bool
	)
	ask := func() error {
		in = slices.Grow(in[:0], len(grams))[:len(grams)]
		for k, r := range readers {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := r.HasAll(grams, in); err != nil {
				return fmt.Errorf("%s: %w", filepath.Join(dir, ledger.SegmentsDir, a.index.Segments[k].File), err)
			}
			for i, at := range spans {
				end := len(grams)
				if i+1 < len(spans) {
					end = spans[i+1].first
				}
				a.note(at.probe, at.text, k, in[at.first:end])
			}
		}
		grams, spans = grams[:0], spans[:0]
		return nil
	}
	for k, probe := range a.probes.List {
		all, texts := probe.Grams()
		grams = slices.Grow(grams, min(all, probeGrams))
		for t, of := range texts {
			spans = append(spans, span{k, t, len(grams)})
			if grams = append(grams, of...); len(grams) >= probeGrams {
				if err := ask(); err != nil {
					return err
				}
			}
		}
	}
	return ask()
}

func (a *answers) note(probe, text, segment int, in []bool) {
	for i, hit := range in {
		if !hit {
			continue
		}
		h := a.hits[probe][text]
		if h == nil {
			h = &textHits{grams: make([]uint64, (len(in)+a.index.Recipe.N+62)/64)}
			a.hits[probe][text] = h
		}
		overlap.SetGram(h.grams, i)
		if k := len(h.segments); k == 0 || h.segments[k-1] != segment {
			h.segments = append(h.segments, segment)
		}
	}
}

// of returns what was hit of the texts of a probe, as a function of their numbers.
func (a *answers) of(probe int) match.Hits {
	return func(text int) []uint64 {
		if h := a.hits[probe][text]; h != nil {
			return h.grams
		}
		return nil
	}
}

// segments lists the segments that any n-gram of an item's texts is in.
func (a *answers) segments(probe, item int) (segments []int) {
	for _, t := range a.probes.List[probe].Texts(nil, item) {
		if h := a.hits[probe][t]; h != nil {
			segments = append(segments, h.segments...)
		}
	}
	slices.Sort(segments)
	return slices.Compact(segments)
}

// suspects returns what documents would show that hold all that hit.
func (a *answers) suspects() *match.Results { return a.probes.Suspects(a.of) }

// suspect turns the verdict line of a scan by method number i into a filter's.
func (a *answers) suspect(number, i int, v *audit.Verdict) {
	v.Documents = 0 // a filter does not know
	if v.State != item.Flagged {
		return
	}
	v.State = item.Suspected
	probe, k := a.set.Place(i)
	all, hit := a.probes.List[probe].Count(number, k, a.of(probe))
	chance := atLeast(hit, all, IndexRate(a.index))
	v.Chance = &chance
	for _, k := range a.segments(probe, number) {
		v.Segments = append(v.Segments, a.index.Segments[k].File)
	}
}

// IndexRate is the measured share of absent n-grams that some segment of the index
// takes for present.
func IndexRate(x *ledger.Index) float64 {
	absent := 0.0 // logarithm
	for _, s := range x.Segments {
		absent += math.Log1p(-s.Rate)
	}
	return -math.Expm1(absent)
}

// atLeast is the probability that of n independent events with probability p each
// at least k come about.
func atLeast(k, n int, p float64) float64 {
	switch {
	case k <= 0:
		return 1
	case k > n || p <= 0:
		return 0
	case p >= 1:
		return 1
	}
	log := func(i int) float64 { // of the probability of just i
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(n - i + 1))
		return a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p)
	}
	sum := 0.0
	for i := k; i <= n; i++ {
		term := math.Exp(log(i))
		if sum += term; float64(i) > float64(n)*p && term < sum*1e-17 {
			break
		}
	}
	return min(sum, 1)
}

// trace streams the shards that may hold what hit.
func (a *answers) trace(ctx context.Context, o CheckOptions) (*Summary, error) {
	aims, err := a.probes.Aim(a.of, true)
	if err != nil {
		return nil, err
	}
	fired := map[string]bool{}
	for i, aim := range aims {
		if aim.Everywhere {
			for _, seg := range a.index.Segments {
				fired[seg.File] = true
			}
			continue
		}
		for _, t := range aim.Wanted {
			for _, k := range a.hits[i][t].segments {
				fired[a.index.Segments[k].File] = true
			}
		}
	}
	dir, err := audit.OpenOut(o.Out)
	if err != nil {
		return nil, err
	}
	s := &scan{Options: o.Options, set: a.set, dir: dir, filterN: a.index.Recipe.N, bad: &badRows{allowed: o.MaxBadRows}}
	s.TextField, s.IDField, s.TextUnit, s.MaxRow = a.index.TextField, a.index.IDField, a.index.TextUnit, int(a.index.MaxRow)
	s.salt = ledger.Digest(aims)
	for _, sh := range a.index.Shards {
		if !slices.ContainsFunc(sh.Segments, func(f string) bool { return fired[f] }) {
			s.known = append(s.known, sh.Entry)
			continue
		}
		found, err := again(sh)
		if err != nil {
			failed := sh.Entry
			failed.Error, failed.Documents, failed.TextBytes = err.Error(), 0, 0
			s.known = append(s.known, failed)
			continue
		}
		s.shards = append(s.shards, found)
	}
	s.done = make([]done, len(s.shards))
	sum, err := s.run(ctx)
	return sum, errors.Join(err, dir.Close())
}

// again finds a shard of the index, as it was when it was indexed.
func again(sh ledger.IndexShard) (shard.Shard, error) {
	info, err := os.Stat(sh.Name)
	if err != nil {
		return shard.Shard{}, err
	}
	f, c, ok := rows.Formats.TypeOf(sh.Name)
	if !ok || info.Size() != sh.Size || info.ModTime().UnixNano() != sh.ModTime {
		return shard.Shard{}, fmt.Errorf("%s: it has changed since it was indexed", sh.Name)
	}
	return shard.Shard{Name: sh.Name, Path: sh.Name, Size: sh.Size, ModTime: info.ModTime(), Format: f, Compression: c, Formats: &rows.Formats}, nil
}
