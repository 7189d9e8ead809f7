package filter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"swab/ngram/bloom"
	"swab/pipeline/ledger"
	"swab/pipeline/publish"

	"github.com/zeebo/xxh3"
)

// Verify reads all files of an index and compares them with their checksums. It returns the
// number of segments.
func Verify(ctx context.Context, dir string) (int, error) {
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
		return fmt.Errorf("%s: %w: %d bytes with digest %s, the index has %d bytes with %s",
			path, bloom.ErrCorrupt, n, got, seg.Size, seg.Digest)
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

// Merge merges indexes of different shards into one at out. Segments that are not full are
// merged if their n-grams fit into one.
func Merge(ctx context.Context, dirs []string, out, version string) (*ledger.Index, error) {
	b, err := Open(Options{Version: version, Out: out})
	if err != nil {
		return nil, err
	}
	x, err := b.merge(ctx, dirs)
	return x, errors.Join(err, b.Close())
}

func (b *Builder) merge(ctx context.Context, dirs []string) (*ledger.Index, error) {
	var err error
	if b.temp, err = b.dir.Temp(); err != nil {
		return nil, err
	}
	m := &merging{b: b, paths: map[string]string{}, from: map[string]string{}}
	for _, dir := range dirs {
		if err := m.add(dir); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(b.index.Shards, func(x, y ledger.IndexShard) int { return strings.Compare(x.Name, y.Name) })
	slices.SortFunc(b.index.Segments, func(x, y ledger.Segment) int { return strings.Compare(x.File, y.File) })
	slices.SortFunc(m.partials, func(x, y partial) int { return strings.Compare(x.first, y.first) })
	for _, p := range m.partials {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := m.join(p); err != nil {
			return nil, err
		}
	}
	if err := b.closeSegment(false); err != nil {
		return nil, err
	}
	return b.index, publishIndex(b.dir, b.index, func(root, file string) error {
		path := filepath.Join(root, ledger.SegmentsDir, file)
		if slices.Contains(b.made, file) {
			return os.Rename(filepath.Join(b.temp, file), path)
		}
		return publish.Link(m.paths[file], path)
	})
}

// merging is the state of merge.
type merging struct {
	b        *Builder
	first    string            // directory of the first index
	paths    map[string]string // of full segments
	from     map[string]string // shard to directory
	partials []partial
}

// A partial is a segment that is not full.
type partial struct {
	dir   string
	path  string
	seg   ledger.Segment
	first string // name of its first shard
}

// add adds the index of a directory, after verifying its segments.
func (m *merging) add(dir string) error {
	x, err := ledger.LoadIndex(dir)
	if err != nil {
		return err
	}
	if m.b.index == nil {
		base := *x
		base.Segments, base.Shards, base.Swab = nil, nil, m.b.o.Version
		m.b.index, m.first = &base, dir
	}
	if have, want := settings(x), settings(m.b.index); have != want {
		return fmt.Errorf("%s: %w than %s: %s, not %s; build it again with the same settings",
			dir, ErrIncompatible, m.first, have, want)
	}
	m.b.index.Remember(x.Unread, func(string) bool { return false })
	for _, s := range x.Shards {
		if other, ok := m.from[s.Name]; ok {
			return fmt.Errorf("%s: shard %s is in %s too: merge only indexes of different shards", dir, s.Name, other)
		}
		m.from[s.Name] = dir
		m.b.index.Shards = append(m.b.index.Shards, s)
	}
	for _, seg := range x.Segments {
		path := filepath.Join(dir, ledger.SegmentsDir, seg.File)
		if err := verifySegment(path, seg, x); err != nil {
			return err
		}
		if !seg.Full {
			p := partial{dir: dir, path: path, seg: seg}
			in := func(s ledger.IndexShard) bool { return slices.Contains(s.Segments, seg.File) }
			if k := slices.IndexFunc(x.Shards, in); k >= 0 { // shards are by name
				p.first = x.Shards[k].Name
			}
			m.partials = append(m.partials, p)
			continue
		}
		if _, ok := m.paths[seg.File]; ok {
			return fmt.Errorf("%s: segment %s is in two of the indexes", dir, seg.File)
		}
		m.paths[seg.File] = path
		m.b.index.Segments = append(m.b.index.Segments, seg)
	}
	return nil
}

// settings returns everything that indexes must have in common to be merged.
func settings(x *ledger.Index) string {
	return fmt.Sprintf("%v, %v, text field %q, id field %q, text unit %q, rows of at most %d bytes, tokenizer: %v",
		x.Recipe, x.Plan, x.TextField, x.IDField, x.TextUnit, x.MaxRow, x.Tokens)
}

// join adds a segment that is not full to the open one or, if it does not fit, to the next.
func (m *merging) join(p partial) error {
	if m.b.open != nil && m.b.open.planned+p.seg.Grams > m.b.index.Plan.Capacity() {
		if err := m.b.closeSegment(true); err != nil {
			return err
		}
	}
	if err := m.b.requireSegment(); err != nil {
		return err
	}
	f, err := os.Open(p.path)
	if err != nil {
		return err
	}
	reader, err := bloom.Open(f, p.seg.Size)
	if err == nil {
		err = reader.MergeInto(m.b.open.filter)
	}
	f.Close()
	if err != nil {
		return fmt.Errorf("%s: %w", p.path, err)
	}
	m.b.open.planned = m.b.open.filter.Stats().Grams
	for k := range m.b.index.Shards {
		s := &m.b.index.Shards[k]
		if i := slices.Index(s.Segments, p.seg.File); i >= 0 && m.from[s.Name] == p.dir {
			s.Segments = slices.Delete(slices.Clone(s.Segments), i, i+1)
			m.b.open.join(k)
		}
	}
	return nil
}
