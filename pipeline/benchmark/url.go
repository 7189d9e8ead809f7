package benchmark

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"swab/pipeline/rows"
	"swab/pipeline/shard"
	"swab/pipeline/store"
)

// newObject is newFile of an object of a store.
func newObject(o *store.Object, rel string) (File, bool) {
	f := File{Path: o.Name, object: o}
	if source := f.shard(); source.Source() != "" {
		f.Path = source.Source()
	}
	return f, f.setName(rel) && fs.ValidPath(rel)
}

// shard returns the file as what shards are read from.
func (f *File) shard() shard.Shard {
	s := shard.Shard{
		Name: f.Path, Path: f.Path, Format: f.format, Compression: f.compression, Formats: &rows.Formats,
		Object: f.object, Whole: true,
	}
	if f.object != nil {
		s.Size, s.ModTime = f.object.Size, f.object.ModTime
	}
	return s
}

// findURL lists the files of a URL as Spec has it. It returns the URL of the object or
// directory, without glob and selectors.
func (b *Benchmark) findURL(ctx context.Context, name string, ignore []string) (at string, directory bool, err error) {
	at, selectors := name, []string(nil)
	found, err := shard.Expand(ctx, at)
	for n := 0; n < 2 && errors.Is(err, fs.ErrNotExist); n++ {
		i := strings.LastIndexByte(at, ':')
		if i < strings.Index(at, "://")+3 || i == len(at)-1 || strings.Contains(at[i:], "/") {
			break
		}
		at, selectors = at[:i], append([]string{at[i+1:]}, selectors...)
		found, err = shard.Expand(ctx, at)
	}
	if err != nil {
		return at, false, fmt.Errorf("benchmark %w", err)
	}
	_, words, _ := store.DataSet(at)
	named := len(selectors)+len(words) > 0
	for o, err := range found.All {
		if err != nil {
			return at, false, fmt.Errorf("benchmark %w", err)
		}
		if err := b.addObject(o, found.Dir, ignore); err != nil {
			return at, false, err
		}
		if found.Dir != "" && o.Name == found.Dir+"README.md" {
			if b.card, err = store.ReadCard(o); err != nil {
				return at, false, fmt.Errorf("benchmark %s: %w", store.Clean(name), err)
			}
		}
	}
	if found.Dir == "" {
		return at, false, b.selectFiles(store.Clean(name), selectors)
	}
	if len(b.Files) == 0 {
		return at, true, b.noFiles(store.Clean(name))
	}
	slices.SortFunc(b.Files, func(x, y File) int { return strings.Compare(x.Rel, y.Rel) })
	if strings.ContainsAny(at, "*?[") {
		glob := strings.TrimSuffix(at[min(len(at), len(found.Dir)):], "/")
		named = named || !slices.ContainsFunc(b.Files, func(f File) bool { return !shard.MatchGlob(glob, f.Rel) })
	}
	if !named {
		b.leaveOutCopies(localName(found.Dir))
	}
	return found.Dir, true, b.selectFiles(store.Clean(name), selectors)
}

// addObject adds an object, named itself or found below a directory.
func (b *Benchmark) addObject(o *store.Object, dir string, ignore []string) error {
	skip := func(why string) { b.Skipped = append(b.Skipped, shard.Skipped{Path: o.Name, Why: why}) }
	rel, base := strings.TrimPrefix(o.Name, dir), store.Base(o.Name)
	if dir == "" {
		rel = base
	}
	f, ok := newObject(o, rel)
	switch {
	case f.fault != nil:
		return fmt.Errorf("benchmark %w", f.fault)
	case !ok && dir == "":
		return fmt.Errorf("benchmark %s: unknown ending; known are %s, optionally followed by .gz .zst .bz2 .xz .lz4",
			o.Name, rows.Formats.Endings())
	case dir == "":
		b.Files = append(b.Files, f)
	case strings.Contains("/"+rel, "/."):
		skip("hidden")
	case !ok && !fs.ValidPath(rel):
		skip("its name cannot be that of a file")
	case !ok:
		skip("unknown ending")
	case rows.IsProse(f.format):
		skip("plain text, which is read as a benchmark only if the file itself is named")
	case shard.SideFile(base) || anyMatch(ignore, base):
		skip("its name is that of a file without items")
	default:
		b.Files = append(b.Files, f)
	}
	return nil
}

// localName returns a path that has the parts of a URL, and an id of the hub as caches keep it.
func localName(url string) string {
	_, rest, _ := strings.Cut(store.Clean(url), "://")
	if !strings.HasPrefix(url, "hf://datasets/") {
		return path.Clean("/" + rest)
	}
	parts := strings.SplitN(rest, "/", 4)
	id, _, _ := strings.Cut(parts[2], "@")
	return path.Clean("/datasets--" + parts[1] + "--" + id + "/" + strings.Join(parts[3:], "/"))
}
