package ledger

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/zeebo/xxh3"
)

// A Result is what a run learned from one shard, or from several whose results were merged:
// how each was read, and for each subject of the run's search what was found. A subject is a
// benchmark as one matcher searches for it; the packages above encode what was found.
//
// It is of the shards' content alone, and so it travels: the same shards below another
// directory, with other times, or on another machine have equal results.
type Result struct {
	Entries  []Entry   `json:"entries"`            // by name; a shard that failed has no sections
	Sections []Section `json:"sections,omitempty"` // by subject; those of which something was found
	Seen     *Seen     `json:"seen,omitempty"`     // of one shard
}

// A Section is what was found of one subject.
type Section struct {
	Of   int    `json:"of"`   // number of the subject in ResultGroup.Searched
	At   int64  `json:"at"`   // offset in the file
	Size int64  `json:"size"` // bytes
	XXH3 string `json:"xxh3"` // checksum of them, 16 lower case hex digits
}

// Seen is where a shard was when it was read: a short cut to its digest on that machine. It is
// no part of a result's identity, which is the shard's name, size and digest.
type Seen struct {
	Path    string `json:"path"`           // absolute, or the address in a store
	ModTime int64  `json:"mod_time"`       // ns since 1970
	ETag    string `json:"etag,omitempty"` // version of an object in a store
}

// A ResultGroup has the results that were made by the same settings.
type ResultGroup struct {
	Reading  string   `json:"reading"`  // digest of the settings by which shards were read
	Searched []string `json:"searched"` // digest of each subject: items, competitors, methods' versions
	Results  []Result `json:"results"`
}

// A file of results begins with resultsMagic, the version and zeros, resultsHead bytes in all.
// Sections follow one after another, then the groups as JSON, the length of that, and the
// XXH3-64 of head, JSON and length. See FORMAT.md.
const (
	resultsMagic   = "\x93SWABR\r\n"
	resultsVersion = 6
	resultsHead    = 16
	resultsTail    = 16
)

func resultsBegin() []byte {
	return append(append([]byte(resultsMagic), resultsVersion), make([]byte, resultsHead-len(resultsMagic)-1)...)
}

// A ResultWriter writes a file of results.
type ResultWriter struct {
	out    io.Writer
	at     int64
	groups []ResultGroup
	parts  []Section // of the result to come
}

// NewResultWriter begins a file of results.
func NewResultWriter(out io.Writer) (*ResultWriter, error) {
	n, err := out.Write(resultsBegin())
	return &ResultWriter{out: out, at: int64(n)}, err
}

// Group begins a group, unless the current one has the same settings.
func (w *ResultWriter) Group(reading string, searched []string) {
	if k := len(w.groups) - 1; k >= 0 && w.groups[k].Reading == reading && slices.Equal(w.groups[k].Searched, searched) {
		return
	}
	w.groups = append(w.groups, ResultGroup{Reading: reading, Searched: searched})
}

// Section writes a section of the result to come. Its subject must come after that of the
// section before.
func (w *ResultWriter) Section(of int, write func(out io.Writer) error) error {
	sum := xxh3.New()
	counted := &counter{out: io.MultiWriter(w.out, sum)}
	err := write(counted)
	w.parts = append(w.parts, Section{Of: of, At: w.at, Size: counted.n, XXH3: fmt.Sprintf("%016x", sum.Sum64())})
	w.at += counted.n
	return err
}

// SectionBytes is Section for bytes in memory.
func (w *ResultWriter) SectionBytes(of int, b []byte) error {
	w.parts = append(w.parts, Section{Of: of, At: w.at, Size: int64(len(b)), XXH3: fmt.Sprintf("%016x", xxh3.Hash(b))})
	w.at += int64(len(b))
	_, err := w.out.Write(b)
	return err
}

// counter counts the bytes that are written to out.
type counter struct {
	out io.Writer
	n   int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.out.Write(p)
	c.n += int64(n)
	return n, err
}

// End ends a result of the current group, with the sections since the result before, and
// returns it.
func (w *ResultWriter) End(entries []Entry, seen *Seen) Result {
	g := &w.groups[len(w.groups)-1]
	r := Result{Entries: entries, Sections: w.parts, Seen: seen}
	g.Results, w.parts = append(g.Results, r), nil
	return r
}

// Close ends the file and returns its groups. It does not close what it is written to.
func (w *ResultWriter) Close() ([]ResultGroup, error) {
	if w.groups == nil {
		w.groups = []ResultGroup{}
	}
	foot, err := json.Marshal(w.groups)
	if err != nil {
		return nil, err
	}
	_, err = w.out.Write(appendTail(foot))
	return w.groups, err
}

// appendTail appends to the groups of a file what ends it.
func appendTail(foot []byte) []byte {
	foot = binary.LittleEndian.AppendUint64(foot, uint64(len(foot)))
	sum := xxh3.New()
	sum.Write(resultsBegin())
	sum.Write(foot)
	return binary.LittleEndian.AppendUint64(foot, sum.Sum64())
}

// ReadResults reads the groups of the file of results at path, and compares all of it with its
// checksums. The error is ErrVersion for a file of another version, and ErrCorrupt for
// anything else that is not such a file.
func ReadResults(path string) ([]ResultGroup, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	groups, err := readResults(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return groups, nil
}

func readResults(f io.ReaderAt, size int64) ([]ResultGroup, error) {
	head := make([]byte, min(size, resultsHead))
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case !bytes.HasPrefix(head, []byte(resultsMagic)) || len(head) < resultsHead:
		return nil, fmt.Errorf("%w: it is no file of results", ErrCorrupt)
	case head[len(resultsMagic)] != resultsVersion:
		return nil, fmt.Errorf("%w: its format is %d, this program reads %d; make its results again",
			ErrVersion, head[len(resultsMagic)], resultsVersion)
	case size < resultsHead+resultsTail:
		return nil, corruptf("it was cut off")
	}
	tail := make([]byte, resultsTail)
	if _, err := f.ReadAt(tail, size-resultsTail); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint64(tail)
	if length > uint64(size-resultsHead-resultsTail) {
		return nil, corruptf("it was cut off")
	}
	ends := size - resultsTail - int64(length)
	foot := make([]byte, length, length+resultsTail)
	if _, err := f.ReadAt(foot, ends); err != nil {
		return nil, err
	}
	if !bytes.Equal(head, resultsBegin()) || !bytes.Equal(appendTail(foot)[length:], tail) {
		return nil, corruptf("checksum mismatch")
	}
	dec := json.NewDecoder(bytes.NewReader(foot))
	dec.DisallowUnknownFields()
	var groups []ResultGroup
	if err := dec.Decode(&groups); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return groups, checkGroups(f, groups, ends)
}

// checkGroups checks that the sections of groups are what is between the head of a file and
// the byte ends, and compares them with their checksums.
func checkGroups(f io.ReaderAt, groups []ResultGroup, ends int64) error {
	at := int64(resultsHead)
	in := bufio.NewReaderSize(io.NewSectionReader(f, at, ends-at), 64<<10)
	sum := xxh3.New()
	for _, g := range groups {
		for _, r := range g.Results {
			if err := r.check(len(g.Searched)); err != nil {
				return err
			}
			for _, s := range r.Sections {
				if s.At != at || s.Size < 1 || s.Size > ends-at {
					return corruptf("a section from byte %d on, of %d bytes, where one begins at %d", s.At, s.Size, at)
				}
				sum.Reset()
				if _, err := io.CopyN(sum, in, s.Size); err != nil {
					return err
				}
				if fmt.Sprintf("%016x", sum.Sum64()) != s.XXH3 {
					return corruptf("checksum mismatch from byte %d on", at)
				}
				at += s.Size
			}
		}
	}
	if at != ends {
		return corruptf("%d bytes of no section", ends-at)
	}
	return nil
}

// check checks that the parts of a result agree, in a group of that number of subjects.
func (r *Result) check(subjects int) error {
	if len(r.Entries) == 0 || r.Seen != nil && len(r.Entries) > 1 {
		return corruptf("a result of %d shards", len(r.Entries))
	}
	for i, e := range r.Entries {
		if i > 0 && r.Entries[i-1].Name >= e.Name {
			return corruptf("shard %q is listed twice or out of order", e.Name)
		}
	}
	for i, s := range r.Sections {
		if s.Of < 0 || s.Of >= subjects || i > 0 && r.Sections[i-1].Of >= s.Of {
			return corruptf("shard %q: subject %d is out of order", r.Entries[0].Name, s.Of)
		}
	}
	if err := r.checkRange(); err != nil {
		return err
	}
	if len(r.Entries) == 1 && r.Entries[0].Error != "" && len(r.Sections) > 0 {
		return corruptf("shard %q failed, yet something was found in it", r.Entries[0].Name)
	}
	return nil
}

// Names returns the names of the result's shards.
func (r *Result) Names() (names []string) {
	for _, e := range r.Entries {
		names = append(names, e.Name)
	}
	return names
}
