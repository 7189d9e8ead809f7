package shard

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"strings"

	"swab/pipeline/store"

	"github.com/zeebo/xxh3"
)

// file is what a shard's bytes are read from: a file of the disk or an object of a store.
type file interface {
	io.ReadCloser
	io.ReaderAt
	Stat() (fs.FileInfo, error)
}

// Objects are what a URL names: itself, or those below it or of a glob.
type Objects struct {
	Dir string // its URL, with a slash at its end, which all are below; "" for an object that is named itself
	All iter.Seq2[*store.Object, error]
}

// Expand finds the objects that a URL names as a pattern of [Formats.Find]. The error is
// fs.ErrNotExist where there are none.
func Expand(ctx context.Context, url string) (Objects, error) {
	if id, words, ok := store.DataSet(url); ok {
		return Objects{id + "/", store.Select(ctx, id, words)}, nil
	}
	o, err := store.Stat(ctx, url)
	if err == nil {
		return Objects{All: func(yield func(*store.Object, error) bool) { yield(o, nil) }}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) || !store.Lists(url) {
		return Objects{}, err
	}
	at, keep := strings.TrimSuffix(url, "/")+"/", func(string) bool { return true }
	prefix := at
	if i := strings.IndexAny(url, wildcards); i >= 0 {
		at = url[:strings.LastIndexByte(url[:i], '/')+1]
		glob := strings.TrimSuffix(url[len(at):], "/")
		for _, part := range strings.Split(glob, "/") {
			if _, err := path.Match(part, ""); err != nil {
				return Objects{}, fmt.Errorf("%s: malformed glob (escape a literal * ? [ or \\ with \\)", printable(url))
			}
		}
		prefix = url[:i]
		keep = func(rel string) bool { return matchObject(strings.Split(glob, "/"), strings.Split(rel, "/")) }
	}
	next, stop := iter.Pull2(func(yield func(*store.Object, error) bool) {
		for o, err := range store.List(ctx, prefix) {
			if err == nil && !keep(o.Name[len(at):]) {
				continue
			}
			if !yield(o, err) {
				return
			}
		}
	})
	first, failed, ok := next()
	if !ok || failed != nil {
		stop()
		if failed != nil {
			err = failed
		}
		return Objects{}, err
	}
	return Objects{at, func(yield func(*store.Object, error) bool) {
		defer stop()
		for o, err := first, error(nil); yield(o, err); {
			if o, err, ok = next(); !ok {
				return
			}
		}
	}}, nil
}

// matchObject reports whether a name, or a directory that it is below, matches a glob, whose
// wildcards do not match a leading dot.
func matchObject(glob, name []string) bool {
	switch {
	case len(glob) == 0:
		return true
	case glob[0] == "**" && matchObject(glob[1:], name):
		return true
	case len(name) == 0 || isHidden(name[0]) && !strings.HasPrefix(glob[0], "."):
		return false
	case glob[0] == "**":
		return matchObject(glob, name[1:])
	}
	ok, _ := path.Match(glob[0], name[0])
	return ok && matchObject(glob[1:], name[1:])
}

// addURL adds the objects that a URL names.
func (f *finder) addURL(url string) error {
	found, err := Expand(f.ctx(), url)
	if err != nil {
		return err
	}
	f.hits = 0
	before := len(f.skipped)
	for o, err := range found.All {
		if err == nil {
			err = f.addObject(o, found.Dir)
		}
		if err != nil {
			return err
		}
	}
	if f.hits == 0 {
		return fmt.Errorf("%s: no shard found (%d files skipped); known endings: %s, each also with %s after it",
			printable(store.Clean(url)), len(f.skipped)-before, f.formats.Endings(), compressionEndings)
	}
	return nil
}

// ctx returns the context of the requests to stores.
func (f *finder) ctx() context.Context {
	if f.by.Context == nil {
		return context.Background()
	}
	return f.by.Context
}

// addObject adds an object, found below a directory or named itself.
func (f *finder) addObject(o *store.Object, dir string) error {
	explicit := dir == ""
	if glob := f.by.excludedBy(o.Name); glob != "" {
		f.skip(o.Name, "excluded by "+glob, Excluded)
		return nil
	}
	for rel := strings.TrimPrefix(o.Name, dir); !explicit && rel != ""; {
		var part string
		if part, rel, _ = strings.Cut(rel, "/"); isHidden(part) {
			f.skip(o.Name, "hidden", PassedOver)
			return nil
		}
	}
	s := Shard{Name: o.Name, Path: o.URL, Object: o, Size: o.Size, ModTime: o.ModTime, Formats: &f.formats}
	format, compression, known := f.typeOf(&s)
	s.Format, s.Compression = format, compression
	if !explicit && isCorpusSideFile(s.Name) && (f.by.HasText == nil || !f.by.HasText(s)) {
		f.passSideFile(s, "a side file without a text")
		return nil
	}
	if !explicit && strings.HasSuffix(s.Name, ".idx") {
		if _, err := store.Stat(f.ctx(), strings.TrimSuffix(o.URL, ".idx")+".bin"); err == nil {
			f.skip(o.Name, "the index of the .bin beside it", PassedOver)
			return nil
		}
	}
	if err := s.addIndexObject(f.ctx()); err != nil {
		return err
	}
	if !known {
		if readable, err := f.addUnknown(&s, objectMode{}, explicit); err != nil || !readable {
			return err
		}
	}
	f.hits++
	if explicit {
		delete(f.cards, o.Name)
	} else if _, ok := f.shards[o.Name]; !ok && known && f.isProseCard(o.Name) {
		f.cards[o.Name] = true
	}
	f.shards[o.Name] = s
	return nil
}

// objectMode describes an object as a regular file.
type objectMode struct{ fs.FileInfo }

func (objectMode) Mode() fs.FileMode { return 0o444 }

// addIndexObject makes a .bin and the index beside it one shard.
func (s *Shard) addIndexObject(ctx context.Context) error {
	stem, ok := strings.CutSuffix(s.Object.URL, ".bin")
	if !ok {
		return nil
	}
	o, err := store.Stat(ctx, stem+".idx")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		s.Index, s.IndexObject = o.Name, o
	}
	return err
}

// FromURL returns the object of a URL as a shard of any format.
func (fs Formats) FromURL(ctx context.Context, url string) (Shard, error) {
	o, err := store.Stat(ctx, url)
	if err != nil {
		return Shard{}, err
	}
	s := Shard{Name: o.Name, Path: o.URL, Object: o, Size: o.Size, ModTime: o.ModTime, Formats: &fs}
	return s, s.addIndexObject(ctx)
}

// Version returns what a store says that changes with an object's content, or "".
func (s *Shard) Version() string {
	if s.Object == nil {
		return ""
	}
	return s.Object.Version
}

// Stamp returns the modification time in ns since 1970; 0 for an object that has a version,
// which says more.
func (s *Shard) Stamp() int64 {
	if s.Version() != "" || s.ModTime.IsZero() {
		return 0
	}
	return s.ModTime.UnixNano()
}

// Source returns the URL of an object with the commit of its revision, or "" if that is the name.
func (s *Shard) Source() string {
	if s.Object == nil || s.Object.URL == s.Name || store.Clean(s.Object.URL) != s.Object.URL {
		return ""
	}
	return s.Object.URL
}

// byVersion reports whether the digest is that of the object's version and size: of an object
// that is read at random, in part, the store knows the content and this program does not.
func (s *Shard) byVersion() bool {
	return s.Version() != "" && !s.Whole && s.Compression == None && s.Format != nil && s.Format.Random
}

// versionDigest returns the digest of an object's version and size.
func (s *Shard) versionDigest() string {
	sum := xxh3.HashString128(fmt.Sprintf("version %s of %d bytes", s.Object.Version, s.Object.Size)).Bytes()
	return hex.EncodeToString(sum[:])
}
