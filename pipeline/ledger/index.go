package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"swab/ngram"
	"swab/ngram/bloom"
	"swab/pipeline/publish"
	"swab/pipeline/rows"
)

const (
	// IndexFile is the name of the index in its directory.
	IndexFile = "index.json"
	// SegmentsDir is the directory of the segments, beside the index.
	SegmentsDir = "segments"
)

// rebuildHint is the advice for an index that this program cannot continue.
const rebuildHint = "build the index again with swab index into a new directory"

// indexFormat is the first line of index.json. Version 1 had segments of format 1.
var indexFormat = Format{Name: "swab index", Version: 2, Minor: -1, Advice: rebuildHint}

// An Index lists the segments and shards of a corpus filter. A gram that is in none of the
// segments is in no shard, except those that failed. There are no times in it but those
// of shards, no hosts and no lane counts.
type Index struct {
	Swab      string       `json:"swab"` // version of the program
	Recipe    ngram.Recipe `json:"recipe"`
	Plan      bloom.Plan   `json:"plan"` // of every segment
	TextField string       `json:"text_field"`
	IDField   string       `json:"id_field"`
	TextUnit  string       `json:"text_unit"`        // document of a plain text shard: file or line
	MaxRow    int64        `json:"max_row"`          // bytes
	Tokens    *rows.Tokens `json:"tokens,omitempty"` // of a corpus of token ids
	Segments  []Segment    `json:"segments"`         // in the order in which they were filled
	Shards    []IndexShard `json:"shards"`           // by name
	Unread    []Unread     `json:"unread,omitempty"` // by name
}

// Unread is a file of the corpus that looks like data and was not read.
type Unread struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Remember adds files that were not read, and drops those that are shards now or that drop
// names.
func (x *Index) Remember(unread []Unread, drop func(name string) bool) {
	reasons := map[string]string{}
	for _, u := range slices.Concat(x.Unread, unread) {
		reasons[u.Name] = u.Why
	}
	for _, s := range x.Shards {
		delete(reasons, s.Name)
	}
	x.Unread = nil
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		if !drop(name) {
			x.Unread = append(x.Unread, Unread{name, reasons[name]})
		}
	}
}

// Segment is one file of package bloom.
type Segment struct {
	File   string  `json:"file"`   // its name in SegmentsDir: [a-z0-9-]+\.seg, 64 bytes at most
	Size   int64   `json:"size"`   // bytes
	Digest string  `json:"digest"` // xxh3-128 of the file, 32 hex digits
	Grams  int64   `json:"grams"`  // distinct ones, estimated from the fill
	Fill   float64 `json:"fill"`   // share of bits that are set
	Rate   float64 `json:"rate"`   // false-positive rate, estimated from the fill
	Full   bool    `json:"full"`   // closed: no grams are added any more
}

// IndexShard is a shard and the segments that have its grams. A shard with an Error has no
// grams in any segment.
type IndexShard struct {
	Entry
	ModTime  int64    `json:"mod_time"` // ns since 1970, to recognise an unchanged shard without reading it
	Grams    int64    `json:"grams"`    // duplicates included
	Segments []string `json:"segments"` // files with any of its grams
}

// Segment returns the segment of the given file.
func (x *Index) Segment(file string) (*Segment, bool) {
	i := slices.IndexFunc(x.Segments, func(s Segment) bool { return s.File == file })
	if i < 0 {
		return nil, false
	}
	return &x.Segments[i], true
}

// isSegment reports whether file is a valid name of a segment.
func isSegment(file string) bool {
	stem, ok := strings.CutSuffix(file, ".seg")
	return ok && stem != "" && len(file) <= 64 && strings.Trim(stem, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// check checks that the parts of an index agree with each other, and that its recipe is
// known.
func (x *Index) check() error {
	if _, err := x.Recipe.NewScanner(); err != nil {
		return fmt.Errorf("%w: its recipe is unknown (%v); %s", ErrVersion, x.Recipe, rebuildHint)
	}
	// The bounds are those of a segment's header.
	p := x.Plan
	if p.Partitions < 1 || p.Partitions > 1<<22 || p.K < 1 || p.K > 30 || !(p.FPR > 1e-9 && p.FPR <= 0.5) {
		return corruptf("invalid plan: %v", p)
	}
	if x.MaxRow < 0 {
		return corruptf("rows of at most %d bytes", x.MaxRow)
	}
	explained := map[string]bool{} // by segment: whether some shard has grams in it
	for i := range x.Segments {
		s := &x.Segments[i]
		if _, twice := explained[s.File]; twice {
			return corruptf("segment %s is listed twice", s.File)
		}
		if err := x.checkSegment(s); err != nil {
			return err
		}
		explained[s.File] = s.Grams == 0
	}
	for i := range x.Shards {
		s := &x.Shards[i]
		if i > 0 && x.Shards[i-1].Name >= s.Name {
			return corruptf("shard %q is listed twice or out of order", s.Name)
		}
		if err := s.check(); err != nil {
			return err
		}
		for j, file := range s.Segments {
			if _, ok := explained[file]; !ok || slices.Contains(s.Segments[:j], file) {
				return corruptf("shard %q: segment %q is not listed, or named twice", s.Name, file)
			}
			explained[file] = true
		}
	}
	for i, u := range x.Unread {
		if i > 0 && x.Unread[i-1].Name >= u.Name {
			return corruptf("unread file %q is listed twice or out of order", u.Name)
		}
	}
	for _, s := range x.Segments {
		if !explained[s.File] {
			return corruptf("segment %s has grams of no shard", s.File)
		}
	}
	return nil
}

func corruptf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

func (x *Index) checkSegment(s *Segment) error {
	switch {
	case !isSegment(s.File):
		return corruptf("%q is not a valid name of a segment", s.File)
	case s.Size <= x.Plan.Bytes():
		return corruptf("segment %s has %d bytes, less than its plan", s.File, s.Size)
	case len(s.Digest) != 32 || strings.Trim(s.Digest, "0123456789abcdef") != "":
		return corruptf("segment %s: %q is not a digest", s.File, s.Digest)
	case s.Grams < 0 || !(s.Fill >= 0 && s.Fill <= 1) || !(s.Rate >= 0 && s.Rate < 2):
		// The rate of a saturated filter is a little above 1, for equal hashes.
		return corruptf("segment %s: %d grams, fill %g, rate %g", s.File, s.Grams, s.Fill, s.Rate)
	}
	return nil
}

func (s *IndexShard) check() error {
	switch {
	case !utf8.ValidString(s.Name):
		return corruptf("shard %q: its name is not UTF-8 and cannot be stored; rename the file", s.Name)
	case s.Size < 0 || s.Rows < 0 || s.Documents < 0 || s.TextBytes < 0 || s.Grams < 0:
		return corruptf("shard %q: a negative count", s.Name)
	case s.Error != "" && (s.Grams > 0 || len(s.Segments) > 0):
		return corruptf("shard %q failed, yet has grams", s.Name)
	case s.Grams > 0 && len(s.Segments) == 0:
		return corruptf("shard %q has grams, yet no segment", s.Name)
	}
	return nil
}

// WriteIndex writes x as described in FORMAT.md. Equal indexes are written as equal bytes.
// The error is ErrCorrupt if its parts do not agree, so whatever is written can be read.
func WriteIndex(w io.Writer, x *Index) error {
	if err := x.check(); err != nil {
		return err
	}
	c := *x
	c.Segments, c.Shards = append([]Segment{}, c.Segments...), append([]IndexShard{}, c.Shards...)
	for i := range c.Shards {
		c.Shards[i].Segments = append([]string{}, c.Shards[i].Segments...)
	}
	return indexFormat.Write(w, &c)
}

// ReadIndex reads an index that WriteIndex wrote. The error is ErrVersion for another
// version of the format or an unknown recipe, with advice, and ErrCorrupt for anything else
// that is not an index, byte for byte as it was written.
func ReadIndex(r io.Reader) (*Index, error) {
	x := new(Index)
	if err := indexFormat.Read(r, x); err != nil {
		return nil, err
	}
	if err := x.check(); err != nil {
		return nil, err
	}
	return x, nil
}

// LoadIndex reads the index of a directory, and checks that exactly its segments are in the
// directory, with the right sizes; it does not read them. It takes no lock. A run that
// publishes at the same time may remove segments afterwards: when one is missing, load
// again.
func LoadIndex(dir string) (*Index, error) {
	x, err := loadIndex(os.DirFS(dir))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: it is no index: %w", dir, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return x, nil
}

func loadIndex(dir fs.FS) (*Index, error) {
	for {
		b, err := fs.ReadFile(dir, IndexFile)
		if err != nil {
			return nil, err
		}
		x, err := ReadIndex(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", IndexFile, err)
		}
		if err = x.checkFiles(dir); err == nil {
			return x, nil
		}
		// An index published in the meantime has other segments.
		if now, err2 := fs.ReadFile(dir, IndexFile); err2 != nil || bytes.Equal(now, b) {
			return nil, err
		}
	}
}

// checkFiles checks that dir has exactly the segments of x; else the error is ErrCorrupt.
func (x *Index) checkFiles(dir fs.FS) error {
	entries, err := fs.ReadDir(dir, SegmentsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	sizes := map[string]int64{}
	for _, e := range entries {
		if e.Name() == publish.FinderFile {
			continue
		}
		name := path.Join(SegmentsDir, e.Name())
		if _, ok := x.Segment(e.Name()); !ok {
			return fmt.Errorf("%s: %w: %s does not name it", name, ErrCorrupt, IndexFile)
		}
		info, err := e.Info()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && info.Mode().IsRegular() {
			sizes[e.Name()] = info.Size()
		}
	}
	for _, s := range x.Segments {
		switch size, ok := sizes[s.File]; {
		case !ok:
			return fmt.Errorf("%s: %w: it is missing, or not a file", path.Join(SegmentsDir, s.File), ErrCorrupt)
		case size != s.Size:
			return fmt.Errorf("%s: %w: it has %d bytes, %s says %d",
				path.Join(SegmentsDir, s.File), ErrCorrupt, size, IndexFile, s.Size)
		}
	}
	return nil
}

// indexKind describes an index directory to publish.
var indexKind = publish.Kind{
	Name: "an index", Mark: IndexFile, Names: []string{IndexFile, SegmentsDir}, Sub: SegmentsDir,
	Check: func(dir fs.FS) error {
		_, err := loadIndex(dir)
		return Foreign(err)
	},
}

// An IndexDir is an index's directory, locked by this process. An index may be published in it
// again and again; it has no stored results of shards.
type IndexDir struct{ *publish.Dir }

// OpenIndex opens and locks the index directory out for this run: see publish.Open.
func OpenIndex(out string) (*IndexDir, error) {
	d, err := publish.Open(out, &indexKind)
	if err != nil {
		return nil, err
	}
	return &IndexDir{d}, nil
}

// Index reads the published index. It is nil when there is none yet.
func (d *IndexDir) Index() (*Index, error) {
	x, err := LoadIndex(d.Path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return x, err
}

// SegmentPath returns the path of a segment in the published directory.
func (d *IndexDir) SegmentPath(file string) string {
	return filepath.Join(d.Path(), SegmentsDir, file)
}

// KeepSegment adds a published segment to the tree that Publish builds at root, as a hard
// link, or as a copy where the file system has none.
func (d *IndexDir) KeepSegment(root, file string) error {
	if !isSegment(file) {
		return fmt.Errorf("%q is not a valid name of a segment", file)
	}
	if err := d.Keep(root, path.Join(SegmentsDir, file)); err != nil {
		return fmt.Errorf("segment %s: %w", file, err)
	}
	return nil
}
