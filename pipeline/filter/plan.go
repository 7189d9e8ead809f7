package filter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"swab/pipeline/ledger"
	"swab/pipeline/shard"
	"swab/pipeline/store"
)

// plan sets the shards to read, of those found, and opens the segment that they will be added
// to first. It returns the shards that have changed.
func (b *Builder) plan(ctx context.Context, found []shard.Shard) (changed []string, err error) {
	have := map[string]*ledger.IndexShard{}
	for i := range b.index.Shards {
		have[b.index.Shards[i].Name] = &b.index.Shards[i]
	}
	digests, err := b.digests(found, have)
	if err != nil {
		return nil, err
	}
	again := map[string]bool{} // shards that have changed
	for _, s := range found {
		old := have[s.Name]
		switch {
		case old == nil:
			b.shards = append(b.shards, s)
		case !unchanged(s, old):
			changed = append(changed, s.Name+" has changed")
			again[s.Name] = true
		case b.o.Digests != nil && digests[s.Name] != old.Digest:
			changed = append(changed, s.Name+" has other content (size and modification time are as before)")
			again[s.Name] = true
		}
	}
	gone := map[string]bool{}
	for name, s := range have {
		if b.o.Task { // those of other tasks are not checked
			break
		}
		if s.Once { // a pipe is gone by itself
			continue
		}
		if store.IsURL(name) && slices.ContainsFunc(found, func(f shard.Shard) bool { return f.Name == name }) {
			continue
		}
		if _, err := store.FileInfo(ctx, name); errors.Is(err, os.ErrNotExist) {
			changed = append(changed, name+" is gone")
			gone[name] = true
		}
	}
	slices.Sort(changed)
	switch {
	case len(changed) == 0:
	case b.o.OnChange == OnChangeKeep:
		for _, s := range found {
			if again[s.Name] {
				b.shards = append(b.shards, s)
			}
		}
	case b.o.OnChange == OnChangeRebuild:
		if err := b.rebuild(ctx, found, have, func(name string) bool { return again[name] || gone[name] }); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%w: %s", ErrChanged, strings.Join(changed, "; "))
	}
	if len(changed) > 0 {
		slices.SortFunc(b.shards, func(a, b shard.Shard) int { return strings.Compare(a.Name, b.Name) })
	}
	return changed, b.reopen()
}

// unchanged reports whether a shard has the size and the version or time that it had.
func unchanged(s shard.Shard, old *ledger.IndexShard) bool {
	return old.Size == s.Size && old.ModTime == s.Stamp() && old.Version == s.Version()
}

// digests returns the digests of the shards found whose size and modification time are as
// before, if content is to be compared.
func (b *Builder) digests(found []shard.Shard, have map[string]*ledger.IndexShard) (map[string]string, error) {
	if b.o.Digests == nil {
		return nil, nil
	}
	var same []shard.Shard
	for _, s := range found {
		if old := have[s.Name]; old != nil && unchanged(s, old) {
			same = append(same, s)
		}
	}
	return b.o.Digests(same)
}

// rebuild drops the segments of all shards that are lost, with all shards that are in
// them, and plans to read those of the latter that are found.
func (b *Builder) rebuild(
	ctx context.Context, found []shard.Shard, have map[string]*ledger.IndexShard, lost func(name string) bool,
) error {
	drop := map[string]bool{} // segments
	for name, s := range have {
		if lost(name) {
			for _, seg := range s.Segments {
				drop[seg] = true
			}
		}
	}
	// If one segment of a shard is dropped, so are its others.
	for more := true; more; {
		more = false
		for _, s := range b.index.Shards {
			in := slices.ContainsFunc(s.Segments, func(f string) bool { return drop[f] })
			for _, seg := range s.Segments {
				if in && !drop[seg] {
					drop[seg], more = true, true
				}
			}
		}
	}
	dropped := func(s ledger.IndexShard) bool { return len(s.Segments) > 0 && drop[s.Segments[0]] }
	listed := map[string]bool{}
	for _, s := range found {
		listed[s.Name] = true
		if old := have[s.Name]; old != nil && dropped(*old) {
			b.shards = append(b.shards, s)
		}
	}
	for name, old := range have {
		if !dropped(*old) || listed[name] {
			continue
		}
		if _, err := store.FileInfo(ctx, name); err == nil {
			return fmt.Errorf("%w: %s shares a segment with what changed and is not in --corpus: name it there too",
				ErrChanged, name)
		}
	}
	b.index.Shards = slices.DeleteFunc(b.index.Shards, dropped)
	b.index.Segments = slices.DeleteFunc(b.index.Segments, func(s ledger.Segment) bool { return drop[s.File] })
	return nil
}
