package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"swab/ngram"
	"swab/ngram/bloom"
	"swab/ngram/overlap"
	"swab/pipeline/ledger"
	"swab/pipeline/report"
	"swab/pipeline/shard"
)

// CheckOptions are those of Check. Corpus is of no meaning here.
type CheckOptions struct {
	Index string // directory of the corpus filter
	Trace bool   // read the shards that may hold suspected items, and convict or acquit
	Options
}

// Check probes benchmarks in a corpus filter. An item whose n-grams are not in it is
// clean; of another, the filter says no more than that it is suspected, and with
// what chance its errors alone would have made so many n-grams hit.
//
// With Trace, the shards of all segments that fired are streamed past the texts that
// made them fire, and what is published is what Scan publishes on all shards of the
// index.
func Check(ctx context.Context, o CheckOptions) (*Summary, error) {
	o.Reading = o.filled()
	x, err := ledger.LoadIndex(o.Index)
	if err != nil {
		return nil, err
	}
	if x.Recipe != ngram.Words(x.Recipe.N) {
		return nil, fmt.Errorf("%s: %w: it has %v, which this program does not make; build it anew with swab index", o.Index, ErrOther, x.Recipe)
	}
	set, err := load(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	p, err := newProbe(set, o.Methods, x)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Index, err)
	}
	err = p.run(ctx, o.Index)
	if errors.Is(err, fs.ErrNotExist) { // a run published the index anew meanwhile
		if x, err = ledger.LoadIndex(o.Index); err == nil {
			p.index = x
			err = p.run(ctx, o.Index)
		}
	}
	if err != nil {
		return nil, err
	}
	if o.Trace {
		return p.trace(ctx, o)
	}
	for _, l := range p.lenses {
		if err := l.buildOf(func(int) bool { return false }); err != nil {
			return nil, err
		}
	}
	dir, err := ledger.Open(o.Out)
	if err != nil {
		return nil, err
	}
	s := &scan{Options: o.Options, set: set, dir: dir, filter: p}
	for _, sh := range x.Shards {
		s.known = append(s.known, sh.Entry)
	}
	sum, err := s.publish(ctx)
	return sum, errors.Join(err, dir.Close())
}

// probe is what a corpus filter says of the benchmarks' texts.
type probe struct {
	set    *benchSet
	index  *ledger.Index
	lenses []bounded
	hits   []map[int]*textHits // by lens and text
}

// newProbe makes a probe, or says why the filter does not bound a method.
func newProbe(set *benchSet, methods []*overlap.Method, x *ledger.Index) (*probe, error) {
	p := &probe{set: set, index: x}
	for k, l := range set.lenses {
		b, ok := l.(bounded)
		if !ok {
			var names []string
			for i, at := range set.places {
				if at.lens == k {
					names = append(names, methods[i].Name)
				}
			}
			return nil, fmt.Errorf("%s: its verdicts rest on something else than n-grams of words; swab scan has them", strings.Join(names, ", "))
		}
		if why := b.refuses(x.Recipe.N, set.benches); why != "" {
			return nil, fmt.Errorf("%w: %s", ErrOther, why)
		}
		p.lenses = append(p.lenses, b)
	}
	return p, nil
}

// textHits are the n-grams of a text that are in any segment.
type textHits struct {
	grams    []uint64 // a bit for each n-gram, by its first word
	segments []int    // of index.Segments, that any of them is in
}

// probeGrams is how many n-grams are asked for at a time.
const probeGrams = 1 << 23

// run asks every segment for every n-gram of every text.
func (p *probe) run(ctx context.Context, dir string) error {
	p.hits = nil
	for range p.lenses {
		p.hits = append(p.hits, map[int]*textHits{})
	}
	var readers []*bloom.Reader
	for _, seg := range p.index.Segments {
		path := filepath.Join(dir, ledger.SegmentsDir, seg.File)
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		r, err := bloom.Open(f, seg.Size)
		if err == nil && (r.Recipe() != p.index.Recipe || r.Plan() != p.index.Plan) {
			err = bloom.ErrIncompatible
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		readers = append(readers, r)
	}
	type span struct{ lens, text, first int } // where a text's n-grams begin in grams
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
				return fmt.Errorf("%s: %w", filepath.Join(dir, ledger.SegmentsDir, p.index.Segments[k].File), err)
			}
			for i, at := range spans {
				end := len(grams)
				if i+1 < len(spans) {
					end = spans[i+1].first
				}
				p.note(at.lens, at.text, k, in[at.first:end])
			}
		}
		grams, spans = grams[:0], spans[:0]
		return nil
	}
	for k, l := range p.lenses {
		grams = slices.Grow(grams, min(l.gramsAll(p.index.Recipe.N), probeGrams))
		for t, of := range l.grams(p.index.Recipe.N) {
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

func (p *probe) note(lens, text, segment int, in []bool) {
	for i, hit := range in {
		if !hit {
			continue
		}
		h := p.hits[lens][text]
		if h == nil {
			h = &textHits{grams: make([]uint64, (len(in)+p.index.Recipe.N+62)/64)}
			p.hits[lens][text] = h
		}
		overlap.SetGram(h.grams, i)
		if k := len(h.segments); k == 0 || h.segments[k-1] != segment {
			h.segments = append(h.segments, segment)
		}
	}
}

// of gives what was hit of the texts of a lens, as a function of their numbers.
func (p *probe) of(lens int) func(text int) []uint64 {
	return func(text int) []uint64 {
		if h := p.hits[lens][text]; h != nil {
			return h.grams
		}
		return nil
	}
}

// segments gives the segments that any n-gram of an item's texts is in.
func (p *probe) segments(lens, item int) (segments []int) {
	for _, t := range p.lenses[lens].texts(nil, item) {
		if h := p.hits[lens][t]; h != nil {
			segments = append(segments, h.segments...)
		}
	}
	slices.Sort(segments)
	return slices.Compact(segments)
}

// covers gives the suspicions of a lens in the form of covers.
func (p *probe) covers(lens int) iter.Seq2[mergedItem, error] {
	return func(yield func(mergedItem, error) bool) {
		_, all := p.lenses[lens].(blind)
		for i := range p.set.count {
			if !all && len(p.segments(lens, i)) == 0 {
				continue
			}
			if !yield(mergedItem{i, p.lenses[lens].suspect(i, p.index.Recipe.N, p.of(lens))}, nil) {
				return
			}
		}
	}
}

// suspect turns the verdict line of a scan, by the method at that place, into a
// filter's.
func (p *probe) suspect(item int, at place, v *report.Verdict) {
	v.Documents = 0 // a filter does not know
	if v.State != report.Flagged {
		return
	}
	v.State = report.Suspected
	all, hit := p.lenses[at.lens].count(item, at.k, p.index.Recipe.N, p.of(at.lens))
	chance := atLeast(hit, all, IndexRate(p.index))
	v.Chance = &chance
	for _, k := range p.segments(at.lens, item) {
		v.Segments = append(v.Segments, p.index.Segments[k].File)
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
func (p *probe) trace(ctx context.Context, o CheckOptions) (*Summary, error) {
	wanted := make([][]int, len(p.lenses)) // texts by lens
	fired := map[string]bool{}
	for i, l := range p.lenses {
		for t, h := range p.hits[i] {
			if l.possible(p.index.Recipe.N, h.grams) {
				wanted[i] = append(wanted[i], t)
				for _, k := range h.segments {
					fired[p.index.Segments[k].File] = true
				}
			}
		}
		if _, all := l.(blind); all {
			for _, seg := range p.index.Segments {
				fired[seg.File] = true
			}
		}
		slices.Sort(wanted[i])
		if err := l.buildOf(func(t int) bool { _, in := slices.BinarySearch(wanted[i], t); return in }); err != nil {
			return nil, err
		}
	}
	dir, err := ledger.Open(o.Out)
	if err != nil {
		return nil, err
	}
	s := &scan{Options: o.Options, set: p.set, dir: dir, bad: &badRows{allowed: o.MaxBadRows}}
	s.TextField, s.IDField, s.TextUnit, s.MaxRow = p.index.TextField, p.index.IDField, p.index.TextUnit, int(p.index.MaxRow)
	s.salt = digest(wanted)
	for _, sh := range p.index.Shards {
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
	f, c, ok := shard.TypeOf(sh.Name)
	if !ok || info.Size() != sh.Size || info.ModTime().UnixNano() != sh.ModTime {
		return shard.Shard{}, fmt.Errorf("%s: it has changed since it was indexed", sh.Name)
	}
	return shard.Shard{Name: sh.Name, Path: sh.Name, Size: sh.Size, ModTime: info.ModTime(), Format: f, Compression: c}, nil
}

// longestRun is the longest run of set bits.
func longestRun(set []uint64) (most int) {
	run := 0
	for i := range 64 * len(set) {
		if set[i/64]>>(i%64)&1 == 0 {
			run = 0
			continue
		}
		run++
		most = max(most, run)
	}
	return most
}
