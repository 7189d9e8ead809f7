package match

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"swab/ngram/item"
	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"

	"github.com/zeebo/xxh3"
)

// A shard's result is a file with a section for each matcher of the run:
//
//	magic         "\x93SWABR\r\n"
//	version       uvarint
//	header        uvarint length, JSON: key and ledger entry
//	sections      one after another; in each, items in ascending order of their numbers:
//	              uvarint distance from the previous number (the first: number + 1), cover;
//	              then uvarint 0
//	ends          the offset of each section's end in the file, 8 bytes little-endian each
//	checksum      xxh3 of all bytes before, 8 bytes little-endian
//
// The key is a digest of everything that the result depends on, except the shard's bytes: a
// result with another key is ignored, and the shard is read again.
const resultMagic = "\x93SWABR\r\n"

// resultVersion is increased when results change in bytes or in meaning.
const resultVersion = 4

// ErrResult means that a stored result is damaged or is none.
var ErrResult = errors.New("damaged shard result")

// A Header identifies the shard and the settings of a result.
type Header struct {
	Key   string       `json:"key"`
	Entry ledger.Entry `json:"entry"`
}

// A sectionWriter writes the sections of a result.
type sectionWriter struct {
	out io.Writer
	at  uint64 // bytes written
	buf []byte // not yet written
}

func (w *sectionWriter) flush() error {
	w.at += uint64(len(w.buf))
	_, err := w.out.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// writeResult writes the result of a shard, or of several that were merged, with that number
// of sections.
func writeResult(w io.Writer, h Header, sections int, section func(k int, s *sectionWriter) error) error {
	head, err := json.Marshal(h)
	if err != nil {
		return err
	}
	sum := xxh3.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	s := &sectionWriter{out: out}
	s.buf = binary.AppendUvarint([]byte(resultMagic), resultVersion)
	s.buf = binary.AppendUvarint(s.buf, uint64(len(head)))
	s.buf = append(s.buf, head...)
	if err := s.flush(); err != nil {
		return err
	}
	var ends []byte
	for k := range sections {
		if err := section(k, s); err != nil {
			return err
		}
		ends = binary.LittleEndian.AppendUint64(ends, s.at)
	}
	s.buf = ends
	if err := s.flush(); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err = w.Write(binary.LittleEndian.AppendUint64(nil, sum.Sum64()))
	return err
}

// A resultFile is a stored result, opened.
type resultFile struct {
	*os.File
	Header
	sections []section
}

// A section has one matcher's covers of a result.
type section struct {
	name string // of the file
	in   *io.SectionReader
}

// ReadHeader returns the header of the result of this set's matchers that is stored at
// path, after verifying its checksum. The error wraps ErrResult if the file is not a complete
// result.
func (s *Set) ReadHeader(path string) (Header, error) {
	r, err := openResult(path, len(s.matchers))
	if err != nil {
		return Header{}, err
	}
	return r.Header, r.Close()
}

// openResult opens the result at path, which must have that number of sections, and verifies
// its checksum. The error wraps ErrResult if the file is not a complete result.
func openResult(path string, sections int) (*resultFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := &resultFile{File: f}
	if err := r.verify(sections); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func (r *resultFile) verify(sections int) error {
	info, err := r.Stat()
	if err != nil {
		return err
	}
	size := info.Size() - 8
	if size < int64(len(resultMagic)) {
		return ErrResult
	}
	sum := xxh3.New()
	if _, err := io.Copy(sum, io.LimitReader(r, size)); err != nil {
		return err
	}
	var stored [8]byte
	if _, err := io.ReadFull(r, stored[:]); err != nil {
		return err
	}
	if binary.LittleEndian.Uint64(stored[:]) != sum.Sum64() {
		return ErrResult
	}
	in := newDecoder(io.NewSectionReader(r, 0, size))
	if !bytes.Equal(in.bytes(uint64(len(resultMagic))), []byte(resultMagic)) || in.uvarint() != resultVersion {
		return ErrResult
	}
	length := in.uvarint()
	head := in.bytes(length)
	if in.err != nil || json.Unmarshal(head, &r.Header) != nil {
		return ErrResult
	}
	before := binary.AppendUvarint(binary.AppendUvarint([]byte(resultMagic), resultVersion), length)
	from := int64(len(before)) + int64(length)
	ends := make([]byte, 8*sections)
	if size -= int64(len(ends)); size < from {
		return ErrResult
	}
	if _, err := r.ReadAt(ends, size); err != nil {
		return err
	}
	for k := range sections {
		end := int64(binary.LittleEndian.Uint64(ends[8*k:]))
		if end < from || end > size {
			return ErrResult
		}
		r.sections = append(r.sections, section{r.Name(), io.NewSectionReader(r, from, end-from)})
		from = end
	}
	if from != size {
		return ErrResult
	}
	return nil
}

// A decoder reads a section from its beginning, even if the section was read before.
type decoder struct {
	in   *bufio.Reader
	left int64 // upper bound of the section's bytes, to bound allocations
	err  error // wraps ErrResult
}

func newDecoder(in *io.SectionReader) decoder {
	in = io.NewSectionReader(in, 0, in.Size())
	return decoder{in: bufio.NewReaderSize(in, 16<<10), left: in.Size()}
}

func (r *decoder) fail() {
	if r.err == nil {
		r.err = ErrResult
	}
}

func (r *decoder) uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(r.in)
	if err != nil {
		r.fail()
	}
	return v
}

func (r *decoder) bytes(n uint64) []byte {
	if r.err != nil || n > uint64(r.left) {
		r.fail()
		return nil
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r.in, b); err != nil {
		r.fail()
	}
	return b
}

// float64 reads the eight bytes of a number.
func (r *decoder) float64() float64 {
	b := r.bytes(8)
	if r.err != nil {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// part reads a part of an item.
func (r *decoder) part() item.Part {
	p := r.uvarint()
	if p >= uint64(item.NumParts) {
		r.fail()
		return 0
	}
	return item.Part(p)
}

// count reads the length of a list whose elements take at least one byte each.
func (r *decoder) count() int {
	n := r.uvarint()
	if n > uint64(r.left) {
		r.fail()
		return 0
	}
	return int(n)
}

// mergeWidth is the number of results that are open at a time.
const mergeWidth = 128

// Results are the stored results of all shards, merged.
type Results struct {
	files  []*resultFile
	covers []Covers // by matcher
}

// Open merges stored results. More than mergeWidth are first merged in groups into files
// below temp; fewer at a time where the process may not open as many files.
func (s *Set) Open(paths []string, temp string) (*Results, error) {
	for width := mergeWidth; ; width /= 2 {
		r, err := s.merge(paths, temp, width)
		if err == nil || width < 4 || !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
			return r, err
		}
	}
}

// merge is Open for groups of width results.
func (s *Set) merge(paths []string, temp string, width int) (*Results, error) {
	for round := 0; len(paths) > width; round++ {
		var merged []string
		for i, group := range slices.Collect(slices.Chunk(paths, width)) {
			path := filepath.Join(temp, fmt.Sprintf("merged-%d-%d-%d", width, round, i))
			if err := s.mergeInto(path, group); err != nil {
				return nil, err
			}
			merged = append(merged, path)
		}
		paths = merged
	}
	files, err := s.openFiles(paths)
	if err != nil {
		return nil, err
	}
	r := &Results{files: files}
	for k, m := range s.matchers {
		c, err := m.open(sectionsOf(files, k))
		if err != nil {
			r.Close()
			return nil, err
		}
		r.covers = append(r.covers, c)
	}
	return r, nil
}

// Item appends the result of an item by each matcher. It is called with ascending numbers; the
// results are valid until the next call.
func (r *Results) Item(found []Found, number int, it *benchmark.Item) ([]Found, error) {
	for _, c := range r.covers {
		f, err := c.Item(number, it)
		if err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	return found, nil
}

// Close returns the error, if any, that ended the covers early.
func (r *Results) Close() error {
	var errs []error
	for _, c := range r.covers {
		errs = append(errs, c.Close())
	}
	closeFiles(r.files)
	return errors.Join(errs...)
}

// openFiles opens results of all matchers.
func (s *Set) openFiles(paths []string) (files []*resultFile, err error) {
	for _, path := range paths {
		f, err := openResult(path, len(s.matchers))
		if err != nil {
			closeFiles(files)
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func closeFiles(files []*resultFile) {
	for _, f := range files {
		f.Close()
	}
}

// sectionsOf lists the sections of matcher k.
func sectionsOf(files []*resultFile, k int) (list []section) {
	for _, f := range files {
		list = append(list, f.sections[k])
	}
	return list
}

// mergeInto writes the merged result of several into a file.
func (s *Set) mergeInto(path string, paths []string) error {
	files, err := s.openFiles(paths)
	if err != nil {
		return err
	}
	defer closeFiles(files)
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = writeResult(f, Header{}, len(s.matchers), func(k int, w *sectionWriter) error {
		return s.matchers[k].merge(w, sectionsOf(files, k))
	})
	return errors.Join(err, f.Close())
}
