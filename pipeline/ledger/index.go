package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"swab/ngram"
	"swab/ngram/bloom"
	"swab/pipeline/publish"

	"github.com/zeebo/xxh3"
)

const (
	// IndexFile is the name of the index in its directory.
	IndexFile = "index.json"
	// SegmentsDir is the directory of the segments, beside the index.
	SegmentsDir = "segments"
)

// The header of index.json.
const (
	indexFormat  = "swab index"
	indexVersion = 2 // 1 had segments of format 1
)

// anew is what to do with an index that this program cannot go on from.
const anew = "build the index anew with swab index into a new directory"

// Index says of what grams a corpus filter is, and where it has them. "Surely not"
// from all its segments is proof for all its shards that did not fail. It holds no
// times but those of shards, no hosts and no lane counts.
type Index struct {
	Swab      string       `json:"swab"` // version of the program
	Recipe    ngram.Recipe `json:"recipe"`
	Plan      bloom.Plan   `json:"plan"` // of every segment
	TextField string       `json:"text_field"`
	IDField   string       `json:"id_field"`
	TextUnit  string       `json:"text_unit"` // what is a document of a plain text shard: file or line
	MaxRow    int64        `json:"max_row"`   // bytes
	Segments  []Segment    `json:"segments"`  // in the order in which they were filled
	Shards    []IndexShard `json:"shards"`    // by name
}

// Segment is one file of package bloom.
type Segment struct {
	File   string  `json:"file"`   // its name in SegmentsDir: [a-z0-9-]+\.seg, 64 bytes at most
	Size   int64   `json:"size"`   // bytes
	Digest string  `json:"digest"` // xxh3-128 of the file, 32 hex digits
	Grams  int64   `json:"grams"`  // distinct ones, estimated from the fill
	Fill   float64 `json:"fill"`   // share of bits that are set
	Rate   float64 `json:"rate"`   // share of absent grams that it takes for present
	Full   bool    `json:"full"`   // closed: nothing is added any more
}

// IndexShard is a shard and where its grams are. A shard with an Error has left no
// grams.
type IndexShard struct {
	Entry
	ModTime  int64    `json:"mod_time"` // ns since 1970, to know an unchanged shard without reading it
	Grams    int64    `json:"grams"`    // repetitions counted
	Segments []string `json:"segments"` // files; all that hold any of its grams
}

// Segment finds the segment of that file.
func (x *Index) Segment(file string) (*Segment, bool) {
	i := slices.IndexFunc(x.Segments, func(s Segment) bool { return s.File == file })
	if i < 0 {
		return nil, false
	}
	return &x.Segments[i], true
}

// isSegment reports whether file may name a segment.
func isSegment(file string) bool {
	stem, ok := strings.CutSuffix(file, ".seg")
	return ok && stem != "" && len(file) <= 64 && strings.Trim(stem, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// check holds the parts of an index against each other, and its recipe against what
// this program knows.
func (x *Index) check() error {
	corrupt := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
	}
	if _, err := x.Recipe.NewScanner(); err != nil {
		return fmt.Errorf("%w: its recipe is unknown (%v); %s", ErrVersion, x.Recipe, anew)
	}
	// The bounds are those of a segment's header.
	if p := x.Plan; p.Partitions < 1 || p.Partitions > 1<<22 || p.K < 1 || p.K > 30 || !(p.FPR > 1e-9 && p.FPR <= 0.5) {
		return corrupt("impossible plan: %v", p)
	}
	if x.MaxRow < 0 {
		return corrupt("rows of at most %d bytes", x.MaxRow)
	}
	accounted := map[string]bool{} // segments; true once a shard is found that explains their grams
	for i := range x.Segments {
		s := &x.Segments[i]
		_, twice := accounted[s.File]
		switch {
		case !isSegment(s.File):
			return corrupt("%q cannot name a segment", s.File)
		case twice:
			return corrupt("segment %s is there twice", s.File)
		case s.Size <= x.Plan.Bytes():
			return corrupt("segment %s has %d bytes, less than its plan", s.File, s.Size)
		case len(s.Digest) != 32 || strings.Trim(s.Digest, "0123456789abcdef") != "":
			return corrupt("segment %s: %q is no digest", s.File, s.Digest)
		case s.Grams < 0 || !(s.Fill >= 0 && s.Fill <= 1) || !(s.Rate >= 0 && s.Rate < 2): // a saturated filter is a little above 1, for equal hashes
			return corrupt("segment %s: %d grams, fill %g, rate %g", s.File, s.Grams, s.Fill, s.Rate)
		}
		accounted[s.File] = s.Grams == 0
	}
	for i := range x.Shards {
		s := &x.Shards[i]
		switch {
		case !utf8.ValidString(s.Name):
			return corrupt("shard %q: its name is not UTF-8 and cannot be kept; rename the file", s.Name)
		case i > 0 && x.Shards[i-1].Name >= s.Name:
			return corrupt("shard %q is there twice or out of order", s.Name)
		case s.Size < 0 || s.Rows < 0 || s.Documents < 0 || s.TextBytes < 0 || s.Grams < 0:
			return corrupt("shard %q: a negative count", s.Name)
		case s.Error != "" && (s.Grams > 0 || len(s.Segments) > 0):
			return corrupt("shard %q failed, yet has grams", s.Name)
		case s.Grams > 0 && len(s.Segments) == 0:
			return corrupt("shard %q has grams, yet no segment", s.Name)
		}
		for j, file := range s.Segments {
			if _, ok := accounted[file]; !ok || slices.Contains(s.Segments[:j], file) {
				return corrupt("shard %q: segment %q is not there, or named twice", s.Name, file)
			}
			accounted[file] = true
		}
	}
	for _, s := range x.Segments {
		if !accounted[s.File] {
			return corrupt("segment %s has grams of no shard", s.File)
		}
	}
	return nil
}

// indexHeader is the first line of an index.json with that body.
func indexHeader(body []byte) string {
	return fmt.Sprintf(`{"format":"%s","version":%d,"xxh3":"%016x"}`, indexFormat, indexVersion, xxh3.Hash(body))
}

// WriteIndex writes x as FORMAT.md has it. Equal indexes give equal bytes. One whose
// parts do not agree is refused with ErrCorrupt, so what is written can be read.
func WriteIndex(w io.Writer, x *Index) error {
	if err := x.check(); err != nil {
		return err
	}
	c := *x
	c.Segments, c.Shards = list(c.Segments), slices.Clone(list(c.Shards))
	for i := range c.Shards {
		c.Shards[i].Segments = list(c.Shards[i].Segments)
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(&c); err != nil {
		return err
	}
	if _, err := io.WriteString(w, indexHeader(body.Bytes())+"\n"); err != nil {
		return err
	}
	_, err := w.Write(body.Bytes())
	return err
}

// ReadIndex reads what WriteIndex wrote. The error is ErrVersion for another version
// of the format or an unknown recipe, and says what to do; ErrCorrupt for anything
// else that is not an index, byte for byte as it was written.
func ReadIndex(r io.Reader) (*Index, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	head, body, _ := bytes.Cut(b, []byte("\n"))
	if string(head) != indexHeader(body) {
		var h header
		switch err := json.Unmarshal(head, &h); {
		case err != nil || h.Format != indexFormat:
			return nil, fmt.Errorf("%w: its first line is not that of an index", ErrCorrupt)
		case h.Version != indexVersion:
			return nil, fmt.Errorf("%w: its format is %d, this program knows %d; %s", ErrVersion, h.Version, indexVersion, anew)
		}
		return nil, fmt.Errorf("%w: wrong checksum", ErrCorrupt)
	}
	x := new(Index)
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(x); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: more than one value", ErrCorrupt)
	}
	if err := x.check(); err != nil {
		return nil, err
	}
	return x, nil
}

// LoadIndex reads the index of a directory, and sees to it that its segments are
// there, as large as they should be, and nothing else; their bytes are not read. It
// takes no lock. A run that publishes meanwhile may take segments away afterwards:
// when one is missing, load again.
func LoadIndex(dir string) (*Index, error) {
	x, err := loadIndex(os.DirFS(dir))
	if err != nil {
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
		// An index published between the two looks has other segments.
		if now, err2 := fs.ReadFile(dir, IndexFile); err2 != nil || bytes.Equal(now, b) {
			return nil, err
		}
	}
}

// checkFiles sees to it that dir holds exactly the segments of x. What is wrong is
// ErrCorrupt.
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
			return fmt.Errorf("%s: %w: it has %d bytes, where %s says %d", path.Join(SegmentsDir, s.File), ErrCorrupt, size, IndexFile, s.Size)
		}
	}
	return nil
}

// indexKind is what publish knows of an index directory.
var indexKind = publish.Kind{Name: "an index", Mark: IndexFile, Names: []string{IndexFile, SegmentsDir}, Sub: SegmentsDir, Check: func(dir fs.FS) error {
	_, err := loadIndex(dir)
	return Foreign(err)
}}

// Foreign makes an error that is ErrCorrupt one that is publish.ErrForeign too: what is
// not valid swab may not have made, and will not replace.
func Foreign(err error) error {
	if errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("%w: %w", publish.ErrForeign, err)
	}
	return err
}

// An IndexDir is an index's directory held by this process. Any index.json and segments
// may follow another in it; there are no stored results to publish.
type IndexDir struct{ *publish.Dir }

// OpenIndex takes the index directory out for this run, as publish.Open does.
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

// SegmentPath is where a segment is in the published directory.
func (d *IndexDir) SegmentPath(file string) string {
	return filepath.Join(d.Path(), SegmentsDir, file)
}

// KeepSegment takes a published segment over into the tree that Publish builds at root:
// as a second name of the file, or a copy where files have but one.
func (d *IndexDir) KeepSegment(root, file string) error {
	if !isSegment(file) {
		return fmt.Errorf("%q cannot name a segment", file)
	}
	if err := d.Keep(root, path.Join(SegmentsDir, file)); err != nil {
		return fmt.Errorf("segment %s: %w", file, err)
	}
	return nil
}
