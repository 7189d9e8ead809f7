package match

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"swab/ngram/item"
	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"
	"swab/pipeline/record"
)

// What a shard's result has of a subject, a benchmark as one matcher searches for it, is a
// section (package ledger): the covers of the benchmark's items in ascending order of their
// numbers in it, each after
//
//	uvarint distance from the previous number (the first: number + 1)
//
// and uvarint 0 at the end. A document's shard is the number of its entry in the result.

// sectionsVersion is increased when covers change in bytes or in meaning.
const sectionsVersion = 1

// ErrResult means that a section is damaged.
var ErrResult = ledger.ErrCorrupt

// An encoder writes covers of one matcher as sections.
type encoder struct {
	buf     []byte
	set     *Set
	matcher int
	names   []string // of the result's shards, sorted; nil: there is one

	out   io.Writer // for sections that are not kept in memory
	parts []part
	bench int // of the current section; -1: none
	from  int // where it begins in buf
	last  int // number of its last item; -1: none
}

// A part is a finished section in memory.
type part struct{ of, from, to int }

// begin begins the sections of a matcher.
func (e *encoder) begin(matcher int) { e.matcher, e.bench = matcher, -1 }

// item writes the number of an item whose cover follows, and reports whether it does: a lane
// has no result of what the set was not built for. Items come in ascending order.
func (e *encoder) item(i int) bool {
	bench := max(e.bench, 0)
	for bench+1 < len(e.set.first) && e.set.first[bench+1] <= i {
		bench++
	}
	if e.out == nil && !e.set.wants(bench, e.matcher) { // a merge has all that was found before
		return false
	}
	if bench != e.bench {
		e.end()
		e.bench, e.from, e.last = bench, len(e.buf), -1
	}
	local := i - e.set.first[bench]
	e.uvarint(int64(local - e.last))
	e.last = local
	return true
}

// end ends the current section, if there is one.
func (e *encoder) end() {
	if e.bench < 0 {
		return
	}
	e.uvarint(0)
	e.parts = append(e.parts, part{e.set.subject(e.bench, e.matcher), e.from, len(e.buf)})
	e.bench = -1
}

// flush writes what is in memory, if it is not kept there.
func (e *encoder) flush() error {
	if e.out == nil || len(e.buf) < 64<<10 {
		return nil
	}
	_, err := e.out.Write(e.buf)
	e.buf = e.buf[:0]
	return err
}

// uvarint appends whole numbers.
func (e *encoder) uvarint(values ...int64) {
	for _, v := range values {
		e.buf = binary.AppendUvarint(e.buf, uint64(v))
	}
}

// text appends a string after its length.
func (e *encoder) text(s string) {
	e.uvarint(int64(len(s)))
	e.buf = append(e.buf, s...)
}

// float64 appends the eight bytes of a number.
func (e *encoder) float64(v float64) {
	e.buf = binary.LittleEndian.AppendUint64(e.buf, math.Float64bits(v))
}

// shard appends the number of a shard.
func (e *encoder) shard(name string) {
	n, _ := slices.BinarySearch(e.names, name)
	e.uvarint(int64(n))
}

// A decoder reads a section from its beginning, even if the section was read before.
type decoder struct {
	in    *bufio.Reader
	left  int64    // upper bound of the section's bytes, to bound allocations
	names []string // of the result's shards
	first int64    // row of the shard that the section's row 0 is
	err   error    // wraps ErrResult
}

func newDecoder(s section) decoder {
	in := io.NewSectionReader(s.in, 0, s.in.Size())
	return decoder{
		in: bufio.NewReaderSize(in, int(min(in.Size(), 16<<10))), left: in.Size(), names: s.names, first: s.first,
	}
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

// shard reads the number of a shard and returns its name.
func (r *decoder) shard() string {
	n := r.uvarint()
	if n >= uint64(len(r.names)) {
		r.fail()
		return ""
	}
	return r.names[n]
}

// document reads the place of a document, and returns it as one of the whole shard.
func (r *decoder) document() (shard string, row int64, id string) {
	shard = r.shard()
	row = int64(r.uvarint())
	id = string(r.bytes(r.uvarint()))
	if row < 0 || row > math.MaxInt64-r.first {
		r.fail()
		return shard, 0, ""
	}
	row += r.first
	if strings.HasPrefix(id, record.RowID) {
		id = strconv.FormatInt(row, 10)
	}
	return shard, row, id
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

// A Section is a section of a stored result.
type Section struct {
	Path     string   // of the file
	At, Size int64    // in the file
	Names    []string // of the result's shards
	FirstRow int64    // of the range of a shard that the section is of
}

// An opened section.
type section struct {
	name  string // of the file
	in    *io.SectionReader
	names []string
	first int64
}

// A subject has the sections of one benchmark and matcher.
type subject struct {
	first, count int // items of the benchmark
	from         []section
}

// mergeWidth is the number of sections that are read at a time, and mergeFiles the number of
// files that stay open.
const (
	mergeWidth = 128
	mergeFiles = 12
)

// Results are the stored results of all shards, merged.
type Results struct {
	files  files
	covers []Covers // by matcher
}

// files are opened files by path.
type files map[string]*os.File

func (f files) open(s Section) (section, error) {
	file := f[s.Path]
	if file == nil {
		var err error
		if file, err = os.Open(s.Path); err != nil {
			return section{}, err
		}
		f[s.Path] = file
	}
	return section{s.Path, io.NewSectionReader(file, s.At, s.Size), s.Names, s.FirstRow}, nil
}

func (f files) close() {
	for _, file := range f {
		file.Close()
	}
}

// Subjects returns the number of subjects: each benchmark as each matcher searches for it.
func (s *Set) Subjects() int { return len(s.Benches) * len(s.matchers) }

// subject returns the number of a subject.
func (s *Set) subject(bench, matcher int) int { return bench*len(s.matchers) + matcher }

// Wants reports whether the set was built for that subject.
func (s *Set) Wants(of int) bool { return s.wanted == nil || s.wanted[of] }

// wants is Wants for a benchmark and a matcher.
func (s *Set) wants(bench, matcher int) bool {
	return s.Wants(s.subject(bench, matcher))
}

// Open merges the sections of stored results, by subject. Names has the names of all shards,
// sorted. What is too much to be open at a time is first merged into a file below temp.
func (s *Set) Open(from [][]Section, names []string, temp string) (*Results, error) {
	m := &merger{set: s, names: names, path: filepath.Join(temp, "merged")}
	defer m.close()
	paths := map[string]bool{}
	for _, list := range from {
		for _, sec := range list {
			paths[sec.Path] = true
		}
	}
	width := mergeWidth
	if len(paths) > mergeFiles {
		width = 1
	}
	r := &Results{files: files{}}
	subjects := make([]subject, s.Subjects())
	for of, list := range from {
		list, err := m.reduce(of, list, width)
		if err != nil {
			return nil, err
		}
		bench := of / len(s.matchers)
		subjects[of] = subject{first: s.first[bench], count: s.Size(bench)}
		for _, sec := range list {
			opened, err := r.files.open(sec)
			if err != nil {
				r.files.close()
				return nil, err
			}
			subjects[of].from = append(subjects[of].from, opened)
		}
	}
	for k, m := range s.matchers {
		var own []subject
		for bench := range s.Benches {
			own = append(own, subjects[s.subject(bench, k)])
		}
		c, err := m.open(own)
		if err != nil {
			r.Close()
			return nil, err
		}
		r.covers = append(r.covers, c)
	}
	return r, nil
}

// Reduce merges sections of a subject into files below temp until few are left. Names has the
// names of all shards, sorted.
func (s *Set) Reduce(of int, list []Section, names []string, temp string) ([]Section, error) {
	m := &merger{set: s, names: names, path: filepath.Join(temp, fmt.Sprint("merged-", of))}
	defer m.close()
	return m.reduce(of, list, mergeWidth)
}

// A merger merges sections into a file that it makes when it is needed.
type merger struct {
	set   *Set
	names []string // of all shards, sorted
	path  string
	out   *os.File
	at    int64
}

func (m *merger) close() {
	if m.out != nil {
		m.out.Close()
	}
}

// reduce merges sections of a subject until there are no more than width.
func (m *merger) reduce(of int, list []Section, width int) ([]Section, error) {
	for len(list) > width {
		var merged []Section
		for group := range slices.Chunk(list, mergeWidth) {
			sec, err := m.merge(of, group)
			if err != nil {
				return nil, err
			}
			merged = append(merged, sec)
		}
		list = merged
	}
	return list, nil
}

// merge merges sections of a subject; half of them at a time where the process may not open
// as many files.
func (m *merger) merge(of int, list []Section) (Section, error) {
	if m.out == nil {
		var err error
		if m.out, err = os.Create(m.path); err != nil {
			return Section{}, err
		}
	}
	sec := Section{Path: m.path, At: m.at, Names: m.names}
	err := m.set.MergeSections(m.out, of, list, m.names)
	if len(list) > 2 && (errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)) {
		var halves []Section
		for _, half := range [][]Section{list[:len(list)/2], list[len(list)/2:]} {
			h, err := m.merge(of, half)
			if err != nil {
				return Section{}, err
			}
			halves = append(halves, h)
		}
		return m.merge(of, halves)
	}
	if err != nil {
		return Section{}, err
	}
	end, err := m.out.Seek(0, io.SeekCurrent)
	sec.Size, m.at = end-m.at, end
	return sec, err
}

// MergeSections writes the merged sections of a subject, of a result of shards of those
// names, which are sorted.
func (s *Set) MergeSections(w io.Writer, of int, list []Section, names []string) error {
	opened := files{}
	defer opened.close()
	bench, k := of/len(s.matchers), of%len(s.matchers)
	sub := subject{first: s.first[bench], count: s.Size(bench)}
	for _, sec := range list {
		o, err := opened.open(sec)
		if err != nil {
			return err
		}
		sub.from = append(sub.from, o)
	}
	e := &encoder{set: s, names: names, out: w}
	e.begin(k)
	if err := s.matchers[k].merge(e, sub); err != nil {
		return err
	}
	if len(e.parts) == 0 { // nothing was found
		e.uvarint(0)
	}
	_, err := w.Write(e.buf)
	return err
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
	r.files.close()
	return errors.Join(errs...)
}

// Describe returns the benchmark of a subject and the methods of its matcher, for messages.
func (s *Set) Describe(of int) (bench string, methods []string) {
	return s.Benches[of/len(s.matchers)].Name, s.names(of % len(s.matchers))
}

// Keys returns, by subject, a digest of everything that its sections depend on, except the
// shards and how they are read: the benchmark's items, their competitors and the methods.
// Salt is what they depend on beyond that.
func (s *Set) Keys(salt string) (keys []string) {
	for bench := range s.Benches {
		for _, m := range s.matchers {
			all := []any{sectionsVersion, m.key(bench), s.digests[bench], salt}
			if _, ok := m.(competing); ok {
				all = append(all, s.competitors[bench])
			}
			if s.mixed { // a text's template is that of all benchmarks that have it
				all = append(all, s.digests)
			}
			keys = append(keys, ledger.Digest(all))
		}
	}
	return keys
}

func errorAt(name string, err error) error { return fmt.Errorf("%s: %w", name, err) }
