package pipeline

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"swab/ngram/bloom"
	"swab/pipeline/ledger"
	"swab/pipeline/publish"

	"github.com/zeebo/xxh3"
)

// VerifyIndex reads an index whole and holds every file against its checksums. It
// gives the number of segments.
func VerifyIndex(ctx context.Context, dir string) (int, error) {
	x, err := ledger.LoadIndex(dir)
	if err != nil {
		return 0, err
	}
	for _, seg := range x.Segments {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := verifySegment(filepath.Join(dir, ledger.SegmentsDir, seg.File), seg, x); err != nil {
			return 0, err
		}
	}
	return len(x.Segments), nil
}

func verifySegment(path string, seg ledger.Segment, x *ledger.Index) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := xxh3.New128()
	n, err := io.Copy(sum, f)
	if err != nil {
		return err
	}
	if got := fmt.Sprintf("%x", sum.Sum(nil)); n != seg.Size || got != seg.Digest {
		return fmt.Errorf("%s: %w: %d bytes with digest %s, the index has %d bytes with %s", path, bloom.ErrCorrupt, n, got, seg.Size, seg.Digest)
	}
	r, err := bloom.Open(f, seg.Size)
	if err == nil && (r.Recipe() != x.Recipe || r.Plan() != x.Plan) {
		err = bloom.ErrIncompatible
	}
	if err == nil {
		err = r.Verify()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// MergeIndexes joins indexes of unlike shards into one at out. Segments that are not
// full are put together where their grams fit.
func MergeIndexes(ctx context.Context, dirs []string, out, version string) (*ledger.Index, error) {
	to, err := ledger.OpenIndex(out)
	if err != nil {
		return nil, err
	}
	r := &indexRun{dir: to, IndexOptions: IndexOptions{Version: version}}
	x, err := r.merge(ctx, dirs)
	r.close()
	if closed := to.Close(); err == nil {
		err = closed
	}
	return x, err
}

func (r *indexRun) merge(ctx context.Context, dirs []string) (*ledger.Index, error) {
	var err error
	if r.temp, err = r.dir.Temp(); err != nil {
		return nil, err
	}
	paths := map[string]string{} // of full segments
	type partial struct {
		dir   string
		path  string
		seg   ledger.Segment
		first string // name of its first shard
	}
	var partials []partial
	from := map[string]string{} // shard to directory
	for _, dir := range dirs {
		x, err := ledger.LoadIndex(dir)
		if err != nil {
			return nil, err
		}
		if r.index == nil {
			base := *x
			base.Segments, base.Shards, base.Swab = nil, nil, r.Version
			r.index = &base
		}
		y := r.index
		if x.Recipe != y.Recipe || x.Plan != y.Plan || x.TextField != y.TextField || x.IDField != y.IDField || x.TextUnit != y.TextUnit || x.MaxRow != y.MaxRow {
			of := func(x *ledger.Index) string {
				return fmt.Sprintf("%v, %v, text field %q, id field %q, text unit %q, rows of at most %d bytes", x.Recipe, x.Plan, x.TextField, x.IDField, x.TextUnit, x.MaxRow)
			}
			return nil, fmt.Errorf("%s: %w than %s: %s; against %s; build it anew with the same settings", dir, ErrOther, dirs[0], of(x), of(y))
		}
		for _, s := range x.Shards {
			if other, ok := from[s.Name]; ok {
				return nil, fmt.Errorf("%s: shard %s is in %s too: merge indexes of unlike shards", dir, s.Name, other)
			}
			from[s.Name] = dir
			y.Shards = append(y.Shards, s)
		}
		for _, seg := range x.Segments {
			path := filepath.Join(dir, ledger.SegmentsDir, seg.File)
			if err := verifySegment(path, seg, x); err != nil {
				return nil, err
			}
			if seg.Full {
				if _, ok := paths[seg.File]; ok {
					return nil, fmt.Errorf("%s: segment %s stands in two of the indexes", dir, seg.File)
				}
				paths[seg.File] = path
				y.Segments = append(y.Segments, seg)
				continue
			}
			p := partial{dir: dir, path: path, seg: seg}
			for _, s := range x.Shards { // by name
				if slices.Contains(s.Segments, seg.File) {
					p.first = s.Name
					break
				}
			}
			partials = append(partials, p)
		}
	}
	slices.SortFunc(r.index.Shards, func(a, b ledger.IndexShard) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(r.index.Segments, func(a, b ledger.Segment) int { return strings.Compare(a.File, b.File) })
	slices.SortFunc(partials, func(a, b partial) int { return strings.Compare(a.first, b.first) })
	for _, p := range partials {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if r.open != nil && r.open.planned+p.seg.Grams > r.index.Plan.Capacity() {
			if err := r.closeSegment(true); err != nil {
				return nil, err
			}
		}
		if err := r.need(); err != nil {
			return nil, err
		}
		f, err := os.Open(p.path)
		if err != nil {
			return nil, err
		}
		reader, err := bloom.Open(f, p.seg.Size)
		if err == nil {
			err = reader.MergeInto(r.open.filter)
		}
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.path, err)
		}
		r.open.planned = r.open.filter.Stats().Grams
		for k := range r.index.Shards {
			s := &r.index.Shards[k]
			if i := slices.Index(s.Segments, p.seg.File); i >= 0 && from[s.Name] == p.dir {
				s.Segments = slices.Delete(slices.Clone(s.Segments), i, i+1)
				r.open.shards = append(r.open.shards, k)
			}
		}
	}
	if err := r.closeSegment(false); err != nil {
		return nil, err
	}
	return r.index, publishIndex(r.dir, r.index, func(root, file string) error {
		path := filepath.Join(root, ledger.SegmentsDir, file)
		if slices.Contains(r.made, file) {
			return os.Rename(filepath.Join(r.temp, file), path)
		}
		return publish.Link(paths[file], path)
	})
}

// An Estimation is what Estimate expects of an index.
type Estimation struct {
	Shards       int
	Sampled      int64   // bytes of shards that were read, as stored
	Share        float64 // of all
	Text         int64   // of all documents
	N            int
	Grams        int64 // distinct
	Segments     int
	SegmentBytes int64
	FPR          float64
	Time         time.Duration
	Lanes        int
	Memory       int64
}

// sampleShards is how many shards an estimate reads at the most.
const sampleShards = 8

// Estimate reads a few shards, spread evenly over their names, and says what the
// whole index will take. Distinct n-grams are counted by HyperLogLog in the sample;
// for the rest as many are expected in proportion, which is too many where
// unsampled shards repeat sampled ones.
func Estimate(ctx context.Context, o IndexOptions) (*Estimation, error) {
	o.Reading = o.filled()
	shards, _, err := o.find(o.Corpus)
	if err != nil {
		return nil, err
	}
	r := &indexRun{IndexOptions: o}
	x, err := r.fresh(shards)
	if err != nil {
		return nil, err
	}
	e := &Estimation{Shards: len(shards), N: x.Recipe.N, SegmentBytes: x.Plan.Bytes(), FPR: x.Plan.FPR, Lanes: o.Lanes}
	var all int64
	for _, s := range shards {
		all += s.Size
	}
	scan, err := x.Recipe.NewScanner()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	var seen hyperLogLog
	var grams []uint64
	var text int64
	step := max(1, (len(shards)+sampleShards-1)/sampleShards)
	for i := 0; i < len(shards); i += step {
		entry, err := o.documents(ctx, shards[i], false, func(_ int64, _ string, doc []byte) error {
			for scan.Reset(doc); scan.Next(); {
				grams = scan.AppendGrams(grams[:0], scan.N())
				for _, g := range grams {
					seen.add(g)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if entry.Error == "" {
			e.Sampled += shards[i].Size
			text += entry.TextBytes
		}
	}
	if e.Sampled == 0 {
		return nil, ErrNoDocuments
	}
	e.Share = float64(e.Sampled) / float64(all)
	e.Text = int64(float64(text) / e.Share)
	e.Grams = int64(seen.count() / e.Share)
	e.Segments = int((e.Grams + x.Plan.Capacity() - 1) / x.Plan.Capacity())
	// Reading and cutting took this long on one lane; inserting takes about two thirds of it
	// again.
	e.Time = time.Duration(5. / 3 * float64(time.Since(began)) / e.Share / float64(o.Lanes))
	buffers := o.BufferBytes
	if buffers == 0 {
		buffers = x.Plan.Bytes() / 4
	}
	e.Memory = x.Plan.Bytes() + buffers + 200e6
	return e, nil
}
