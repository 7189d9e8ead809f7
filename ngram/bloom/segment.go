package bloom

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"

	"swab/ngram"

	"github.com/bits-and-blooms/bloom/v3"
	"github.com/zeebo/xxh3"
)

// The file format, described in FORMAT.md.
const (
	magic     = "\x89swabA\r\n"
	version   = 2
	preamble  = 16       // magic, version, length of the header
	maxHeader = 64 << 20 // bytes
	entry     = 16       // of the table: a partition's checksum and number of set bits
	align     = 4096     // of the body
)

type header struct {
	Recipe  ngram.Recipe    `json:"recipe"`
	Plan    Plan            `json:"plan"`
	Lineage json.RawMessage `json:"lineage"`
}

// layout returns where the table, its checksum and the body of a file begin, and where the
// file ends.
func layout(headerLen, partitions int) (table, sum, body, end int64) {
	table = preamble + int64(headerLen)
	sum = table + entry*int64(partitions)
	body = (sum + 8 + align - 1) / align * align
	return table, sum, body, body + partBytes*int64(partitions)
}

// Save writes the filter as a segment. Lineage is any JSON value, in which the caller
// records the filter's sources; it is stored in compact form. Equal filters with equal
// lineage are written as equal bytes. It is an error if the filler has grams that were not
// flushed.
func (f *Filter) Save(w io.Writer, lineage json.RawMessage) error {
	if f.filler.pending() {
		return errors.New("saving a filter: its filler was not flushed")
	}
	head, err := json.Marshal(header{f.recipe, f.plan, lineage})
	if err != nil {
		return fmt.Errorf("saving a filter: lineage: %w", err)
	}
	if len(head) > maxHeader {
		return fmt.Errorf("saving a filter: header of %d bytes: it can have at most %d", len(head), maxHeader)
	}
	_, sum, body, _ := layout(len(head), len(f.parts))
	front := append(make([]byte, 0, body), magic...)
	front = binary.LittleEndian.AppendUint32(front, version)
	front = binary.LittleEndian.AppendUint32(front, uint32(len(head)))
	front = append(front, head...)
	buf := make([]byte, partBytes)
	for i := range f.parts {
		f.encode(buf, i)
		front = binary.LittleEndian.AppendUint64(front, xxh3.Hash(buf))
		front = binary.LittleEndian.AppendUint64(front, uint64(f.parts[i].BitSet().Count()))
	}
	front = binary.LittleEndian.AppendUint64(front, xxh3.Hash(front[:sum]))
	if _, err := w.Write(front[:body]); err != nil {
		return fmt.Errorf("saving a filter: %w", err)
	}
	for i := range f.parts {
		f.encode(buf, i)
		if _, err := w.Write(buf); err != nil {
			return fmt.Errorf("saving a filter: %w", err)
		}
	}
	return nil
}

// encode puts partition i into dst.
func (f *Filter) encode(dst []byte, i int) {
	for j, word := range f.words[i*partWords : (i+1)*partWords] {
		binary.LittleEndian.PutUint64(dst[8*j:], word)
	}
}

// A Reader queries a segment without loading it into memory. Any number of goroutines may
// use it. It verifies a partition's checksum before it uses its bytes.
type Reader struct {
	header
	at   io.ReaderAt
	body int64
	sums []uint64
	ones []int
}

// Open reads the header of a segment of size bytes. The error is ErrCorrupt or ErrVersion
// if the file is not a valid segment.
func Open(at io.ReaderAt, size int64) (*Reader, error) {
	r := &Reader{at: at}
	if err := r.open(size); err != nil {
		return nil, fmt.Errorf("filter segment: %w", err)
	}
	return r, nil
}

func (r *Reader) open(size int64) error {
	front, err := r.extendFront(nil, min(size, preamble))
	if err != nil {
		return err
	}
	if len(front) < preamble || string(front[:len(magic)]) != magic {
		return fmt.Errorf("not a filter segment: %w", ErrCorrupt)
	}
	if v := binary.LittleEndian.Uint32(front[len(magic):]); v != version {
		return fmt.Errorf("format %d, this program reads format %d: %w; build the index again in another directory",
			v, version, ErrVersion)
	}
	headerLen := int64(binary.LittleEndian.Uint32(front[len(magic)+4:]))
	if headerLen > min(maxHeader, size-preamble) {
		return fmt.Errorf("header of %d bytes: %w", headerLen, ErrCorrupt)
	}
	if front, err = r.extendFront(front, preamble+headerLen); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(front[preamble:]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r.header); err != nil {
		return fmt.Errorf("header: %w: %v", ErrCorrupt, err)
	}
	if dec.InputOffset() != headerLen {
		return fmt.Errorf("header: more than one value: %w", ErrCorrupt)
	}
	if err := r.header.Plan.check(); err != nil {
		return fmt.Errorf("%v: %w", err, ErrCorrupt)
	}
	table, sum, body, end := layout(int(headerLen), r.header.Plan.Partitions)
	if size != end {
		return fmt.Errorf("the file has %d bytes, its header says %d: %w", size, end, ErrCorrupt)
	}
	if front, err = r.extendFront(front, body); err != nil {
		return err
	}
	if xxh3.Hash(front[:sum]) != binary.LittleEndian.Uint64(front[sum:]) {
		return fmt.Errorf("header: checksum mismatch: %w", ErrCorrupt)
	}
	for _, c := range front[sum+8:] {
		if c != 0 {
			return fmt.Errorf("bytes between header and body: %w", ErrCorrupt)
		}
	}
	r.body = body
	return r.readTable(front[table:sum])
}

// readTable reads the checksum and the number of set bits of each partition.
func (r *Reader) readTable(table []byte) error {
	for e := table; len(e) > 0; e = e[entry:] {
		ones := binary.LittleEndian.Uint64(e[8:])
		if ones > partBits {
			return fmt.Errorf("partition with %d set bits: %w", ones, ErrCorrupt)
		}
		r.sums = append(r.sums, binary.LittleEndian.Uint64(e))
		r.ones = append(r.ones, int(ones))
	}
	return nil
}

// extendFront returns the file's first size bytes, of which front has the beginning.
func (r *Reader) extendFront(front []byte, size int64) ([]byte, error) {
	longer := make([]byte, size)
	return longer, r.readAt(longer[copy(longer, front):], int64(len(front)))
}

func (r *Reader) readAt(p []byte, off int64) error {
	n, err := r.at.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == io.EOF:
		return fmt.Errorf("ends at byte %d: %w", off+int64(n), ErrCorrupt)
	default:
		return err
	}
}

// Plan returns the plan that the filter was created with.
func (r *Reader) Plan() Plan { return r.header.Plan }

// Recipe returns the recipe of the grams.
func (r *Reader) Recipe() ngram.Recipe { return r.header.Recipe }

// Lineage returns the lineage that was passed to Save.
func (r *Reader) Lineage() json.RawMessage { return r.header.Lineage }

// Stats returns the filter's stats, which the header of the file suffices for.
func (r *Reader) Stats() Stats { return r.header.Plan.stats(r.ones) }

// readPartition reads partition i into buf, and verifies its checksum.
func (r *Reader) readPartition(i int, buf *[partBytes]byte) error {
	if err := r.readAt(buf[:], r.body+int64(i)*partBytes); err != nil {
		return fmt.Errorf("filter segment: partition %d: %w", i, err)
	}
	if xxh3.Hash(buf[:]) != r.sums[i] {
		return fmt.Errorf("filter segment: partition %d: checksum mismatch: %w", i, ErrCorrupt)
	}
	return nil
}

// HasAll sets in[i] to whether the gram hashes[i] may be in the filter; false is certain.
// It reads each partition that any of them falls into once, whatever their order, so query
// many at a time: from 1,000 partitions, 1,000 hashes read as much as 1,000,000. It takes
// 4 bytes a hash. After an error the content of in is undefined.
func (r *Reader) HasAll(hashes []uint64, in []bool) error {
	if len(in) != len(hashes) || len(hashes) > math.MaxUint32 {
		return fmt.Errorf("%d results for %d grams: the numbers must be equal, and below 2^32", len(in), len(hashes))
	}
	parts := uint64(r.header.Plan.Partitions)
	next := make([]uint32, parts+1) // where in order the grams of each partition begin
	for _, h := range hashes {
		part, _ := bits.Mul64(mix(h), parts)
		next[part+1]++
	}
	for i := range parts {
		next[i+1] += next[i]
	}
	order := make([]uint32, len(hashes)) // numbers of grams, sorted by partition
	for i, h := range hashes {
		part, _ := bits.Mul64(mix(h), parts)
		order[next[part]] = uint32(i)
		next[part]++ // in the end, where the next partition begins
	}
	buf := new([partBytes]byte)
	k := r.header.Plan.K
	var places [64]uint64
	for i, from := 0, uint32(0); i < int(parts); i++ {
		grams := order[from:next[i]]
		from = next[i]
		if len(grams) == 0 {
			continue
		}
		if err := r.readPartition(i, buf); err != nil {
			return err
		}
		for some := range slices.Chunk(grams, len(places)) {
			// Hashes are far apart in memory: a loop without branches loads many at a time.
			for j, g := range some {
				places[j] = mix(hashes[g]) * parts
			}
			for j, g := range some {
				in[g] = hasIn(buf, places[j], k)
			}
		}
	}
	return nil
}

// hasIn is Has for the bytes of a partition in a file.
func hasIn(part *[partBytes]byte, place uint64, k int) bool {
	for range k / 2 {
		if w, mask := pairMask(place); binary.LittleEndian.Uint64(part[w*8:])&mask != mask {
			return false
		}
		place *= multiplier
	}
	if k%2 == 0 {
		return true
	}
	w, mask := singleMask(place)
	return binary.LittleEndian.Uint64(part[w*8:])&mask != 0
}

// Verify reads the whole segment, and checks the checksum and the number of set bits of
// each partition.
func (r *Reader) Verify() error {
	buf := new([partBytes]byte)
	for i := range r.sums {
		if err := r.readPartition(i, buf); err != nil {
			return err
		}
		ones := 0
		for j := 0; j < partBytes; j += 8 {
			ones += bits.OnesCount64(binary.LittleEndian.Uint64(buf[j:]))
		}
		if ones != r.ones[i] {
			return fmt.Errorf("filter segment: partition %d: %d set bits, its header says %d: %w",
				i, ones, r.ones[i], ErrCorrupt)
		}
	}
	return nil
}

// MergeInto adds the segment's grams to f, with 512 KiB of memory. The filters must have equal
// recipes and plans; else the error is ErrIncompatible. Bit for bit, f is then the filter of
// both sets of grams. After another error f may have some of them.
func (r *Reader) MergeInto(f *Filter) error {
	if err := compatible(f.recipe, r.header.Recipe, f.plan, r.header.Plan); err != nil {
		return err
	}
	buf, words := new([partBytes]byte), make([]uint64, partWords)
	for i, part := range f.parts {
		if err := r.readPartition(i, buf); err != nil {
			return err
		}
		for j := range words {
			words[j] = binary.LittleEndian.Uint64(buf[8*j:])
		}
		if err := part.Merge(bloom.FromWithM(words, partBits, part.K())); err != nil {
			return err
		}
	}
	return nil
}

// Filter reads the whole segment into memory.
func (r *Reader) Filter() (*Filter, error) {
	f, err := New(r.header.Plan, r.header.Recipe)
	if err != nil {
		return nil, err
	}
	if err := r.MergeInto(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
