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
	"os"
	"path/filepath"

	"swab/ngram/overlap"
	"swab/pipeline/ledger"

	"github.com/zeebo/xxh3"
)

// A shard's result is a file:
//
//	magic         "\x93SWABR\r\n"
//	header        uvarint length, JSON: key and ledger entry
//	items         one after another by rising number:
//	              uvarint distance from the number before (the first: number + 1), cover
//	end           uvarint 0
//	checksum      xxh3 of all bytes before, 8 bytes little-endian
//
// A cover is its tallies and sightings in the order of their fields, numbers as
// uvarints, strings and lists behind their length, words of bit sets as 8 bytes.
// The key says all that the result depends on but the shard's bytes: a result
// with another key is of no use and is made again.
const resultMagic = "\x93SWABR\r\n"

// errResult says that a stored result is damaged or is none.
var errResult = errors.New("damaged shard result")

type resultHeader struct {
	Key   string       `json:"key"`
	Entry ledger.Entry `json:"entry"`
}

// writeResult writes the result of a shard, or of several that were merged.
func writeResult(w io.Writer, h resultHeader, covers iter.Seq2[int, *overlap.Cover]) error {
	sum := xxh3.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	head, err := json.Marshal(h)
	if err != nil {
		return err
	}
	buf := append([]byte(resultMagic), binary.AppendUvarint(nil, uint64(len(head)))...)
	buf = append(buf, head...)
	last := -1
	for i, c := range covers {
		buf = binary.AppendUvarint(buf, uint64(i-last))
		last = i
		buf = appendCover(buf, c)
		if _, err := out.Write(buf); err != nil {
			return err
		}
		buf = buf[:0]
	}
	if _, err := out.Write(append(buf, 0)); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err = w.Write(binary.LittleEndian.AppendUint64(nil, sum.Sum64()))
	return err
}

func appendCover(b []byte, c *overlap.Cover) []byte {
	n := func(v int64) { b = binary.AppendUvarint(b, uint64(v)) }
	str := func(s string) { n(int64(len(s))); b = append(b, s...) }
	n(int64(len(c.Tallies)))
	for _, t := range c.Tallies {
		n(t.Documents)
		n(int64(t.Longest))
		n(int64(t.Covered))
		n(int64(len(t.Seen)))
		for _, w := range t.Seen {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
	}
	n(int64(len(c.Sightings)))
	for _, s := range c.Sightings {
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

// A resultReader reads a stored result item by item.
type resultReader struct {
	file *os.File
	in   *bufio.Reader
	left int64 // bytes of the file at most, for bounding what is allocated
	err  error

	resultHeader
	item  int // -1 before the first
	cover *overlap.Cover
}

// openResult opens the result stored at path and verifies its checksum. The error
// wraps errResult when the file is not a whole result.
func openResult(path string) (*resultReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := &resultReader{file: f, item: -1}
	if err := r.verify(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func (r *resultReader) verify() error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	r.left = info.Size() - 8
	if r.left < int64(len(resultMagic)) {
		return errResult
	}
	sum := xxh3.New()
	if _, err := io.Copy(sum, io.LimitReader(r.file, r.left)); err != nil {
		return err
	}
	var stored [8]byte
	if _, err := io.ReadFull(r.file, stored[:]); err != nil {
		return err
	}
	if binary.LittleEndian.Uint64(stored[:]) != sum.Sum64() {
		return errResult
	}
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r.in = bufio.NewReaderSize(io.LimitReader(r.file, r.left), 64<<10)
	if !bytes.Equal(r.bytes(uint64(len(resultMagic))), []byte(resultMagic)) {
		return errResult
	}
	if head := r.bytes(r.uvarint()); r.err != nil || json.Unmarshal(head, &r.resultHeader) != nil {
		return errResult
	}
	return nil
}

func (r *resultReader) Close() error { return r.file.Close() }

func (r *resultReader) fail() {
	if r.err == nil {
		r.err = errResult
	}
}

func (r *resultReader) uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(r.in)
	if err != nil {
		r.fail()
	}
	return v
}

func (r *resultReader) bytes(n uint64) []byte {
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
func (r *resultReader) count() int {
	n := r.uvarint()
	if n > uint64(r.left) {
		r.fail()
		return 0
	}
	return int(n)
}

// next moves on to the next item, and says whether there is one.
func (r *resultReader) next() (bool, error) {
	step := r.uvarint()
	if r.err != nil || step == 0 {
		return false, r.err
	}
	if step > 1<<32 {
		r.fail()
		return false, r.err
	}
	r.item += int(step)
	c := &overlap.Cover{}
	for range r.count() {
		t := overlap.Tally{Documents: int64(r.uvarint()), Longest: int(r.uvarint()), Covered: int(r.uvarint())}
		seen := r.bytes(8 * uint64(r.count()))
		for len(seen) >= 8 {
			t.Seen = append(t.Seen, binary.LittleEndian.Uint64(seen))
			seen = seen[8:]
		}
		if c.Tallies = append(c.Tallies, t); r.err != nil {
			return false, r.err
		}
	}
	for range r.count() {
		s := overlap.Sighting{Shard: string(r.bytes(r.uvarint())), Row: int64(r.uvarint()), ID: string(r.bytes(r.uvarint()))}
		for range r.count() {
			s.Found = append(s.Found, overlap.Found{Longest: int(r.uvarint()), Covered: int(r.uvarint())})
		}
		for range r.count() {
			s.Quotes = append(s.Quotes, overlap.Quote{Part: overlap.Part(r.uvarint()), At: int(r.uvarint()), Words: int(r.uvarint()),
				Start: int64(r.uvarint()), End: int64(r.uvarint()), TextStart: int64(r.uvarint()), Text: string(r.bytes(r.uvarint()))})
			if r.err != nil {
				return false, r.err
			}
		}
		if c.Sightings = append(c.Sightings, s); r.err != nil {
			return false, r.err
		}
	}
	r.cover = c
	return r.err == nil, r.err
}

// byItem is a heap of results by the item that they are at.
type byItem []*resultReader

func (h byItem) Len() int           { return len(h) }
func (h byItem) Less(i, j int) bool { return h[i].item < h[j].item }
func (h byItem) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byItem) Push(x any)        { *h = append(*h, x.(*resultReader)) }
func (h *byItem) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// mergeWidth is how many results are open at a time.
const mergeWidth = 128

// mergeResults gives the covers of all items in the stored results, by rising item
// number. It holds one item of each result in memory; more than mergeWidth results
// are first merged in groups into files below temp. After an error nothing follows.
func mergeResults(paths []string, temp string, items *overlap.Items) iter.Seq2[mergedItem, error] {
	return func(yield func(mergedItem, error) bool) {
		paths, err := mergeGroups(paths, temp, items)
		if err != nil {
			yield(mergedItem{}, err)
			return
		}
		var open byItem
		defer func() {
			for _, r := range open {
				r.Close()
			}
		}()
		advance := func(r *resultReader) error {
			more, err := r.next()
			if err != nil || more && r.item >= items.Len() {
				r.Close()
				return fmt.Errorf("%s: %w", r.file.Name(), cmp.Or(err, errResult))
			}
			if !more {
				return r.Close()
			}
			heap.Push(&open, r)
			return nil
		}
		for _, path := range paths {
			r, err := openResult(path)
			if err == nil {
				err = advance(r)
			}
			if err != nil {
				yield(mergedItem{}, err)
				return
			}
		}
		for len(open) > 0 {
			item := open[0].item
			cover := &overlap.Cover{}
			for len(open) > 0 && open[0].item == item {
				r := heap.Pop(&open).(*resultReader)
				cover.Merge(items.Rules(item), r.cover)
				if err := advance(r); err != nil {
					yield(mergedItem{}, err)
					return
				}
			}
			if !yield(mergedItem{item, cover}, nil) {
				return
			}
		}
	}
}

type mergedItem struct {
	item  int
	cover *overlap.Cover
}

// mergeGroups merges results until there are at most mergeWidth.
func mergeGroups(paths []string, temp string, items *overlap.Items) ([]string, error) {
	for round := 0; len(paths) > mergeWidth; round++ {
		var merged []string
		for i := 0; i < len(paths); i += mergeWidth {
			path := filepath.Join(temp, fmt.Sprintf("merged-%d-%d", round, i))
			if err := mergeInto(path, paths[i:min(i+mergeWidth, len(paths))], temp, items); err != nil {
				return nil, err
			}
			merged = append(merged, path)
		}
		paths = merged
	}
	return paths, nil
}

func mergeInto(path string, paths []string, temp string, items *overlap.Items) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	var failed error
	covers := func(yield func(int, *overlap.Cover) bool) {
		for m, err := range mergeResults(paths, temp, items) {
			if err != nil {
				failed = err
				return
			}
			if !yield(m.item, m.cover) {
				return
			}
		}
	}
	err = writeResult(f, resultHeader{}, covers)
	return cmp.Or(failed, err, f.Close())
}
