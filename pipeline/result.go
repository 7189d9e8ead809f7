package pipeline

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"

	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline/ledger"

	"github.com/zeebo/xxh3"
)

// A shard's result is a file with a section for each lens of the run:
//
//	magic         "\x93SWABR\r\n"
//	header        uvarint length, JSON: key and ledger entry
//	sections      one after another; in each, items by rising number:
//	              uvarint distance from the number before (the first: number + 1), cover;
//	              then uvarint 0
//	ends          where each section ends, bytes from the file's beginning, 8 bytes
//	              little-endian each
//	checksum      xxh3 of all bytes before, 8 bytes little-endian
//
// The key says all that the result depends on but the shard's bytes: a result
// with another key is of no use and is made again.
const resultMagic = "\x93SWABR\r\n"

// errResult says that a stored result is damaged or is none.
var errResult = errors.New("damaged shard result")

type resultHeader struct {
	Key   string       `json:"key"`
	Entry ledger.Entry `json:"entry"`
}

// writeResult writes the result of a shard, or of several that were merged: the
// covers of each lens. The first error of covers ends it.
func writeResult(w io.Writer, h resultHeader, lenses []lens, covers func(lens int) iter.Seq2[mergedItem, error]) error {
	sum := xxh3.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	head, err := json.Marshal(h)
	if err != nil {
		return err
	}
	buf := append([]byte(resultMagic), binary.AppendUvarint(nil, uint64(len(head)))...)
	buf = append(buf, head...)
	at := uint64(0)
	flush := func() error {
		at += uint64(len(buf))
		_, err := out.Write(buf)
		buf = buf[:0]
		return err
	}
	var ends []byte
	for k, l := range lenses {
		last := -1
		for m, err := range covers(k) {
			if err != nil {
				return err
			}
			buf = binary.AppendUvarint(buf, uint64(m.item-last))
			last = m.item
			buf = l.appendCover(buf, m.cover)
			if err := flush(); err != nil {
				return err
			}
		}
		buf = append(buf, 0)
		if err := flush(); err != nil {
			return err
		}
		ends = binary.LittleEndian.AppendUint64(ends, at)
	}
	buf = ends
	if err := flush(); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err = w.Write(binary.LittleEndian.AppendUint64(nil, sum.Sum64()))
	return err
}

// appendCover encodes a cover: its tallies and sightings in the order of their
// fields, whole numbers as uvarints, scores and words of bit sets as 8 bytes, strings
// and lists behind their length.
func appendCover(b []byte, c *overlap.Cover) []byte {
	n := func(v int64) { b = binary.AppendUvarint(b, uint64(v)) }
	str := func(s string) { n(int64(len(s))); b = append(b, s...) }
	n(int64(len(c.Tallies)))
	for _, t := range c.Tallies {
		n(t.Documents)
		n(int64(t.Longest))
		n(int64(t.Covered))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(t.Best))
		near := int64(0)
		if t.Together {
			near = 1
		}
		n(near)
		n(int64(len(t.Seen)))
		for _, w := range t.Seen {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
		n(int64(len(t.Counts)))
		for _, count := range t.Counts {
			n(int64(count))
		}
	}
	n(int64(len(c.Evidence)))
	for _, s := range c.Evidence {
		str(s.Shard)
		n(s.Row)
		str(s.ID)
		n(int64(len(s.Found)))
		for _, f := range s.Found {
			n(int64(f.Longest))
			n(int64(f.Covered))
		}
		n(int64(len(s.Quotes)))
		for _, q := range s.Quotes {
			n(int64(q.Part))
			n(int64(q.At))
			n(int64(q.Words))
			n(q.Start)
			n(q.End)
			n(q.TextStart)
			str(q.Text)
		}
	}
	return b
}

// readCover decodes what appendCover wrote.
func readCover(r *sectionReader) *overlap.Cover {
	c := &overlap.Cover{}
	for range r.count() {
		t := overlap.Tally{Documents: int64(r.uvarint()), Longest: int(r.uvarint()), Covered: int(r.uvarint())}
		if best := r.bytes(8); r.err == nil {
			t.Best = math.Float64frombits(binary.LittleEndian.Uint64(best))
		}
		t.Together = r.uvarint() != 0
		seen := r.bytes(8 * uint64(r.count()))
		for len(seen) >= 8 {
			t.Seen = append(t.Seen, binary.LittleEndian.Uint64(seen))
			seen = seen[8:]
		}
		for range r.count() {
			t.Counts = append(t.Counts, uint16(r.uvarint()))
			if r.err != nil {
				return nil
			}
		}
		if c.Tallies = append(c.Tallies, t); r.err != nil {
			return nil
		}
	}
	for range r.count() {
		s := overlap.Evidence{Shard: string(r.bytes(r.uvarint())), Row: int64(r.uvarint()), ID: string(r.bytes(r.uvarint()))}
		for range r.count() {
			s.Found = append(s.Found, overlap.Found{Longest: int(r.uvarint()), Covered: int(r.uvarint())})
		}
		for range r.count() {
			s.Quotes = append(s.Quotes, overlap.Quote{Part: item.Part(r.uvarint()), At: int(r.uvarint()), Words: int(r.uvarint()),
				Start: int64(r.uvarint()), End: int64(r.uvarint()), TextStart: int64(r.uvarint()), Text: string(r.bytes(r.uvarint()))})
			if r.err != nil {
				return nil
			}
		}
		if c.Evidence = append(c.Evidence, s); r.err != nil {
			return nil
		}
	}
	return c
}

// A resultFile is a stored result, opened.
type resultFile struct {
	*os.File
	resultHeader
	sections []*io.SectionReader
}

// openResult opens the result of so many lenses that is stored at path and verifies
// its checksum. The error wraps errResult when the file is not a whole result.
func openResult(path string, lenses int) (*resultFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := &resultFile{File: f}
	if err := r.verify(lenses); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func (r *resultFile) verify(lenses int) error {
	info, err := r.Stat()
	if err != nil {
		return err
	}
	size := info.Size() - 8
	if size < int64(len(resultMagic)) {
		return errResult
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
		return errResult
	}
	in := newSectionReader(io.NewSectionReader(r, 0, size))
	if !bytes.Equal(in.bytes(uint64(len(resultMagic))), []byte(resultMagic)) {
		return errResult
	}
	length := in.uvarint()
	head := in.bytes(length)
	if in.err != nil || json.Unmarshal(head, &r.resultHeader) != nil {
		return errResult
	}
	from := int64(len(resultMagic)+len(binary.AppendUvarint(nil, length))) + int64(length)
	ends := make([]byte, 8*lenses)
	if size -= int64(len(ends)); size < from {
		return errResult
	}
	if _, err := r.ReadAt(ends, size); err != nil {
		return err
	}
	for k := range lenses {
		end := int64(binary.LittleEndian.Uint64(ends[8*k:]))
		if end < from || end > size {
			return errResult
		}
		r.sections = append(r.sections, io.NewSectionReader(r, from, end-from))
		from = end
	}
	if from != size {
		return errResult
	}
	return nil
}

// A sectionReader reads a section of a stored result item by item.
type sectionReader struct {
	file *resultFile
	lens lens
	in   *bufio.Reader
	left int64 // bytes of the section at most, for bounding what is allocated
	err  error

	item  int // -1 before the first
	cover any
}

// newSectionReader reads a section from its beginning, whoever has read it before.
func newSectionReader(in *io.SectionReader) *sectionReader {
	in = io.NewSectionReader(in, 0, in.Size())
	return &sectionReader{in: bufio.NewReaderSize(in, 16<<10), left: in.Size(), item: -1}
}

func (r *sectionReader) fail() {
	if r.err == nil {
		r.err = errResult
	}
}

func (r *sectionReader) uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(r.in)
	if err != nil {
		r.fail()
	}
	return v
}

func (r *sectionReader) bytes(n uint64) []byte {
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

// count reads the length of a list whose elements take at least one byte each.
func (r *sectionReader) count() int {
	n := r.uvarint()
	if n > uint64(r.left) {
		r.fail()
		return 0
	}
	return int(n)
}

// next moves on to the next item, and says whether there is one.
func (r *sectionReader) next() (bool, error) {
	step := r.uvarint()
	if r.err != nil || step == 0 {
		return false, r.err
	}
	if step > 1<<32 {
		r.fail()
		return false, r.err
	}
	r.item += int(step)
	r.cover = r.lens.readCover(r)
	return r.err == nil, r.err
}

// byItem is a heap of sections by the item that they are at.
type byItem []*sectionReader

func (h byItem) Len() int           { return len(h) }
func (h byItem) Less(i, j int) bool { return h[i].item < h[j].item }
func (h byItem) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byItem) Push(x any)        { *h = append(*h, x.(*sectionReader)) }
func (h *byItem) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// mergeWidth is how many results are open at a time.
const mergeWidth = 128

// A mergedItem is what all results show of an item through one lens.
type mergedItem struct {
	item  int
	cover any
}

// results are stored results that are merged: at most mergeWidth files, and the
// items of a run.
type results struct {
	files  []*resultFile
	lenses []lens
	items  int
}

// openResults opens stored results. More than mergeWidth are first merged in groups
// into files below temp.
func openResults(paths []string, temp string, lenses []lens, items int) (*results, error) {
	for round := 0; len(paths) > mergeWidth; round++ {
		var merged []string
		for i, group := range slices.Collect(slices.Chunk(paths, mergeWidth)) {
			path := filepath.Join(temp, fmt.Sprintf("merged-%d-%d", round, i))
			if err := mergeInto(path, group, lenses, items); err != nil {
				return nil, err
			}
			merged = append(merged, path)
		}
		paths = merged
	}
	s := &results{lenses: lenses, items: items}
	for _, path := range paths {
		f, err := openResult(path, len(lenses))
		if err != nil {
			s.close()
			return nil, err
		}
		s.files = append(s.files, f)
	}
	return s, nil
}

func (s *results) close() {
	for _, f := range s.files {
		f.Close()
	}
}

// covers gives what a lens shows of all items, by rising number. It holds one item
// of each result in memory. After an error nothing follows.
func (s *results) covers(k int) iter.Seq2[mergedItem, error] {
	return func(yield func(mergedItem, error) bool) {
		var open byItem
		advance := func(r *sectionReader) error {
			more, err := r.next()
			if err != nil || more && r.item >= s.items {
				return fmt.Errorf("%s: %w", r.file.Name(), cmp.Or(err, errResult))
			}
			if more {
				heap.Push(&open, r)
			}
			return nil
		}
		for _, f := range s.files {
			r := newSectionReader(f.sections[k])
			r.file, r.lens = f, s.lenses[k]
			if err := advance(r); err != nil {
				yield(mergedItem{}, err)
				return
			}
		}
		for len(open) > 0 {
			m := mergedItem{item: open[0].item}
			for len(open) > 0 && open[0].item == m.item {
				r := heap.Pop(&open).(*sectionReader)
				m.cover = s.lenses[k].merge(m.item, m.cover, r.cover)
				if err := advance(r); err != nil {
					yield(mergedItem{}, err)
					return
				}
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

func mergeInto(path string, paths []string, lenses []lens, items int) error {
	s, err := openResults(paths, "", lenses, items)
	if err != nil {
		return err
	}
	defer s.close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return cmp.Or(writeResult(f, resultHeader{}, lenses, s.covers), f.Close())
}
