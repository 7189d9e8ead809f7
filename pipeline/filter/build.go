package filter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"swab/ngram"
	"swab/ngram/bloom"
	"swab/pipeline/ledger"
	"swab/pipeline/shard"

	"github.com/zeebo/xxh3"
)

// A Builder adds the n-grams of shards to the corpus filter of a directory.
//
// Shards enter segments in the order of their names, whichever lane reads them and whenever:
// the n-grams of a shard wait in a spool until those before it are in, so the same shards
// lead to the same segments. A segment is closed, and the index published with it, when
// the next shard may not fit.
//
// Use: Open; Plan, which returns the shards to read; a Lane for each goroutine, which reads
// those shards once each, in the order of their numbers as far as lanes allow; Finish;
// Close in any case.
type Builder struct {
	o      Options
	dir    *ledger.IndexDir
	index  *ledger.Index  // as published last, with the changes since
	number map[string]int // of index.Shards by name; nil: not known
	temp   string
	shards []shard.Shard // to be read, by name
	pool   *bloom.Pool   // of the n-grams of shards that are not in the filter yet; nil in a merge

	files   []shard.Skipped // of the corpus, that are no shards
	changed []string        // shards that have changed or are gone

	mu     sync.Mutex
	ready  map[int]*spooled // shards that were read and wait for those before them
	next   int              // the next shard to add
	open   *openSegment
	made   []string // segments that were closed since the index was published
	failed []ledger.Entry
}

// A Summary reports what a Builder did.
type Summary struct {
	Index   *ledger.Index
	Read    int            // shards read in this run
	Failed  []ledger.Entry // shards that could not be read to their end; none of their n-grams is in the index
	Changed []string       // shards that have changed or are gone
}

// Complete reports whether all shards are in the index, without skipped rows.
func (s *Summary) Complete() bool {
	if len(s.Failed) > 0 || len(s.Index.Unread) > 0 {
		return false
	}
	for _, sh := range s.Index.Shards {
		if len(sh.Skipped) > 0 || sh.MostlyEmpty() {
			return false
		}
	}
	return true
}

// Open opens and locks the index's directory for this run.
func Open(o Options) (*Builder, error) {
	dir, err := ledger.OpenIndex(o.Out)
	if err != nil {
		return nil, err
	}
	return &Builder{o: o, dir: dir, ready: map[int]*spooled{}}, nil
}

// Close frees the memory that the builder holds outside the heap, including that of a segment
// that a failed run leaves open, and unlocks the directory.
func (b *Builder) Close() error {
	if b.open != nil {
		b.open.filter.Close()
	}
	if b.pool != nil {
		b.pool.Close()
	}
	return b.dir.Close()
}

// spooled is a shard that was read to its end, or failed.
type spooled struct {
	entry ledger.Entry
	grams int64
	spool *bloom.Spool // nil if it failed
	path  string       // of the file with the n-grams that did not fit into memory
}

// openSegment is the segment to which grams are added.
type openSegment struct {
	filter  *bloom.Filter
	filler  *bloom.Filler // nil in a merge
	file    string        // of the published segment that it continues, if any
	planned int64         // upper bound of the distinct grams in it
	shards  []int         // of index.Shards
	has     map[int]bool  // shards
	inserts sync.WaitGroup
}

// join adds a shard, by its number among index.Shards, that has grams in the segment.
func (o *openSegment) join(number int) {
	if o.has == nil {
		o.has = map[int]bool{}
	}
	if !o.has[number] {
		o.has[number] = true
		o.shards = append(o.shards, number)
	}
}

// Plan reads the existing index, if any, and returns the shards to read, by name, of those
// found. The index remembers which of the other files look like data. Stored is the size of
// all shards of the corpus, bytes as stored, including those of other tasks.
func (b *Builder) Plan(
	ctx context.Context, found []shard.Shard, files []shard.Skipped, stored int64,
) ([]shard.Shard, error) {
	b.files = files
	for _, s := range found {
		if !utf8.ValidString(s.Name) { // index.json could not name it
			return nil, fmt.Errorf("shard %q: its name is not UTF-8; rename it", s.Name)
		}
	}
	var err error
	if b.temp, err = b.dir.Temp(); err != nil {
		return nil, err
	}
	if b.index, err = b.dir.Index(); err != nil {
		return nil, err
	}
	if b.index == nil {
		if b.index, err = b.o.newIndex(stored); err != nil {
			return nil, err
		}
	} else if err := b.o.checkSettings(b.index); err != nil {
		return nil, err
	}
	buffers := b.o.buffers(b.index.Plan)
	if b.pool, err = bloom.NewPool(b.index.Plan, buffers+spoolBytes, b.o.Lanes); err != nil {
		return nil, err
	}
	b.changed, err = b.plan(ctx, found)
	return b.shards, err
}

// ErrEmpty means that the documents have no n-gram: with a filter of them every benchmark
// would be clean.
var ErrEmpty = errors.New("no document has an n-gram")

// Finish closes the last segment and publishes the index. The error is ErrEmpty for one
// without an n-gram, unless the run is one task of several.
func (b *Builder) Finish() (*Summary, error) {
	if err := b.closeSegment(false); err != nil {
		return nil, err
	}
	hasGrams := func(s ledger.IndexShard) bool { return s.Grams > 0 }
	if !b.o.Task && !slices.ContainsFunc(b.index.Shards, hasGrams) {
		return nil, b.noGrams()
	}
	if err := b.publish(); err != nil {
		return nil, err
	}
	return &Summary{Index: b.index, Read: len(b.shards), Failed: b.failed, Changed: b.changed}, nil
}

// noGrams returns the error of an index without an n-gram, with the first shard that failed.
func (b *Builder) noGrams() error {
	documents, why := int64(0), ""
	for _, s := range b.index.Shards {
		documents += s.Documents
		if s.Error != "" && why == "" {
			why = "; " + s.Error
		}
	}
	return fmt.Errorf("%w of %d words: %d documents in %d shards%s", ErrEmpty, b.index.Recipe.N, documents,
		len(b.index.Shards), why)
}

// spoolBytes is the memory, beside the buffers and for all lanes together, for shards that are
// not in the filter yet: 8 bytes a gram, 64 MiB for about 50 MB of text. They may use half of
// the buffers too; the rest is spooled to files.
const spoolBytes = 64 << 20

// reopen loads the segment that is not full, if there is one and shards will be added.
func (b *Builder) reopen() error {
	if len(b.shards) == 0 {
		return nil
	}
	for i, seg := range b.index.Segments {
		if seg.Full {
			continue
		}
		file, err := os.Open(b.dir.SegmentPath(seg.File))
		if err != nil {
			return err
		}
		defer file.Close()
		reader, err := bloom.Open(file, seg.Size)
		if err != nil {
			return fmt.Errorf("%s: %w", file.Name(), err)
		}
		filter, err := reader.Filter()
		if err != nil {
			return fmt.Errorf("%s: %w", file.Name(), err)
		}
		o := &openSegment{filter: filter, file: seg.File, planned: filter.Stats().Grams}
		for k, s := range b.index.Shards {
			if slices.Contains(s.Segments, seg.File) {
				o.join(k)
			}
		}
		b.index.Segments = slices.Delete(b.index.Segments, i, i+1)
		b.open = o
		return b.fill(o)
	}
	return nil
}

// A Lane writes the n-grams of one shard after another to spools, and adds the spools to the
// filter in the order of the shards. It belongs to one goroutine.
type Lane struct {
	builder *Builder
	out     *bloom.Spooler
	number  int        // of the current shard
	file    *spoolFile // of the current shard
	err     error
	grams   []uint64
	kept    *chooser
}

// NewLane returns a new lane.
func (b *Builder) NewLane() *Lane {
	return &Lane{builder: b, out: b.pool.NewSpooler(), kept: newChooser(b.index.Recipe)}
}

// Begin starts shard number i of those planned.
func (l *Lane) Begin(i int) {
	l.number, l.err = i, nil
	l.file = &spoolFile{path: filepath.Join(l.builder.temp, fmt.Sprintf("spool-%d", i))}
	l.out.Begin(l.file)
}

// spoolFile creates its file at the first write.
type spoolFile struct {
	path string
	f    *os.File
}

func (s *spoolFile) Write(p []byte) (int, error) {
	if s.f == nil {
		var err error
		if s.f, err = os.Create(s.path); err != nil {
			return 0, err
		}
	}
	return s.f.Write(p)
}

func (s *spoolFile) Close() error {
	if s.f == nil {
		return nil
	}
	return s.f.Close()
}

// Block adds the n-grams of a block of words. The scanner's own n-grams must be at least as
// long.
func (l *Lane) Block(s *ngram.Scanner) {
	l.grams = l.kept.appendKept(l.grams[:0], s)
	l.add()
}

// add adds the collected n-grams to the spool.
func (l *Lane) add() {
	if err := l.out.Add(l.grams); err != nil {
		l.err = err
	}
}

// Err returns the first error since Begin. It ends the run.
func (l *Lane) Err() error { return l.err }

// End closes the spool of the shard, which was read with that entry, and adds it to the filter
// when all shards before it are in. If err is not nil, End only closes the spool and returns
// the error.
func (l *Lane) End(entry ledger.Entry, err error) error {
	l.grams = l.kept.appendLast(l.grams[:0]) // whatever happened: the next shard is another text
	if err == nil {
		l.add()
		err = l.err
	}
	s := &spooled{entry: entry}
	if err == nil {
		s.spool, err = l.out.End()
	}
	if closed := l.file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	s.grams = s.spool.Grams()
	if l.file.f != nil {
		s.path = l.file.path
	}
	if entry.Error != "" {
		if err := s.drop(); err != nil {
			return err
		}
		s.grams = 0
	}
	return l.builder.commit(l.number, s)
}

// drop frees the spool's memory and file.
func (s *spooled) drop() error {
	s.spool.Drop()
	s.spool = nil
	if s.path == "" {
		return nil
	}
	return os.Remove(s.path)
}

// commit accepts shard i, and adds all shards to the filter that no longer wait for others.
func (b *Builder) commit(i int, s *spooled) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ready[i] = s
	for {
		s := b.ready[b.next]
		if s == nil {
			return nil
		}
		delete(b.ready, b.next)
		sh := b.shards[b.next]
		b.next++
		if s.entry.Error != "" {
			b.failed = append(b.failed, s.entry)
			continue
		}
		if err := b.admit(sh, s); err != nil {
			return err
		}
	}
}

// add adds a shard to the index, or replaces it, and returns its number.
func (b *Builder) add(x ledger.IndexShard) int {
	if b.number == nil {
		b.number = map[string]int{}
		for k := range b.index.Shards {
			b.number[b.index.Shards[k].Name] = k
		}
	}
	k, ok := b.number[x.Name]
	if ok { // the shard has changed, and its earlier grams stay in the filter
		x.Segments = b.index.Shards[k].Segments
		b.index.Shards[k] = x
		return k
	}
	k = len(b.index.Shards)
	b.number[x.Name] = k
	b.index.Shards = append(b.index.Shards, x)
	return k
}

// admit adds a shard to the open segment, or to new ones. It is called with b.mu locked, and
// unlocks it while it inserts the grams of a shard that is known to fit.
func (b *Builder) admit(sh shard.Shard, s *spooled) error {
	capacity := b.index.Plan.Capacity()
	if b.open != nil && b.open.planned+s.grams > capacity {
		b.settle()
		if b.open.planned+s.grams > capacity && b.open.planned > 0 {
			if err := b.closeSegment(true); err != nil {
				return err
			}
			if err := b.publish(); err != nil {
				return err
			}
		}
	}
	number := b.add(ledger.IndexShard{Entry: s.entry, ModTime: sh.Stamp(), Grams: s.grams})
	if err := b.requireSegment(); err != nil {
		return err
	}
	b.open.join(number)
	if s.grams <= capacity {
		seg := b.open
		seg.planned += s.grams
		seg.inserts.Add(1)
		b.mu.Unlock()
		err := b.insert(seg, s, nil)
		seg.inserts.Done()
		b.mu.Lock()
		return err
	}
	// A shard larger than a segment is divided over several, at places that depend on the shard
	// alone. They are published later, once the whole shard is in.
	return b.insert(nil, s, func(block int64) error {
		if b.open.planned+block > capacity {
			if b.settle(); b.open.planned+block > capacity-capacity/64 {
				if err := b.closeSegment(true); err != nil {
					return err
				}
				if err := b.requireSegment(); err != nil {
					return err
				}
				b.open.join(number)
			}
		}
		b.open.planned += block
		return nil
	})
}

// insert adds a spool to a segment or, if before is not nil, to the segment that is open after
// before was called with the number of grams of the next block. It drops the spool.
func (b *Builder) insert(seg *openSegment, s *spooled, before func(grams int64) error) error {
	var stream io.Reader
	if s.path != "" {
		f, err := os.Open(s.path)
		if err != nil {
			return err
		}
		defer f.Close()
		stream = f
	}
	for block, err := range s.spool.Blocks(stream) {
		if err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
		to := seg
		if before != nil {
			if err := before(int64(block.Grams())); err != nil {
				return err
			}
			to = b.open
		}
		to.filler.AddBlock(block)
	}
	return s.drop()
}

// Flush waits for all inserts into the open segment, and flushes its buffers, with one
// goroutine for each lane of the run.
func (b *Builder) Flush() {
	b.open.inserts.Wait()
	var shares sync.WaitGroup
	for i := range b.o.Lanes {
		shares.Go(func() { b.open.filler.FlushShare(i, b.o.Lanes) })
	}
	shares.Wait()
}

// settle flushes the open segment and counts the grams in it.
func (b *Builder) settle() {
	b.Flush()
	b.open.planned = b.open.filter.Stats().Grams
}

// requireSegment opens a segment unless one is open.
func (b *Builder) requireSegment() error {
	if b.open != nil {
		return nil
	}
	filter, err := bloom.New(b.index.Plan, b.index.Recipe)
	if err != nil {
		return err
	}
	b.open = &openSegment{filter: filter}
	return b.fill(b.open)
}

// fill makes a segment ready for grams, unless the run only merges.
func (b *Builder) fill(o *openSegment) (err error) {
	if b.pool != nil {
		o.filler, err = b.pool.NewFiller(o.filter)
	}
	return err
}

// closeSegment saves the open segment, if there is one, and adds it to the index.
func (b *Builder) closeSegment(full bool) error {
	o := b.open
	if o == nil {
		return nil
	}
	if o.filler != nil {
		b.Flush()
		o.filler.Close()
	}
	seg, err := b.save(o, full)
	if err != nil {
		return err
	}
	for _, k := range o.shards {
		s := &b.index.Shards[k]
		s.Segments = slices.DeleteFunc(slices.Clone(s.Segments), func(f string) bool { return f == o.file })
		if !slices.Contains(s.Segments, seg.File) {
			s.Segments = append(s.Segments, seg.File)
		}
	}
	b.index.Segments = append(b.index.Segments, seg)
	b.made = append(b.made, seg.File)
	o.filter.Close()
	b.open = nil
	return nil
}

// rememberUnread notes the files that were not read, and forgets those that are no part of
// the corpus any more.
func (b *Builder) rememberUnread() {
	var unread []ledger.Unread
	other := map[string]bool{} // excluded, or no data after all
	for _, f := range b.files {
		if f.Fate == shard.Unread {
			unread = append(unread, ledger.Unread{Name: strings.ToValidUTF8(f.Path, "\uFFFD"), Why: f.Why})
		} else {
			other[f.Path] = true
		}
	}
	b.index.Remember(unread, func(name string) bool {
		for above := name; above != path.Dir(above); above = path.Dir(above) {
			if other[above] {
				return true
			}
		}
		_, err := os.Stat(name)
		return !b.o.Task && errors.Is(err, os.ErrNotExist)
	})
}

// publish publishes the index. No segment is open, so every shard that it names
// has all its grams in a segment.
func (b *Builder) publish() error {
	b.number = nil
	slices.SortFunc(b.index.Shards, func(a, b ledger.IndexShard) int { return strings.Compare(a.Name, b.Name) })
	b.rememberUnread()
	err := publishIndex(b.dir, b.index, func(root, file string) error {
		if !slices.Contains(b.made, file) {
			return b.dir.KeepSegment(root, file)
		}
		return os.Rename(filepath.Join(b.temp, file), filepath.Join(root, ledger.SegmentsDir, file))
	})
	b.made = nil
	return err
}

// publishIndex publishes an index; place puts a segment's file below root.
func publishIndex(dir *ledger.IndexDir, x *ledger.Index, place func(root, file string) error) error {
	return dir.Publish(nil, func(root string) error {
		for _, seg := range x.Segments {
			if err := place(root, seg.File); err != nil {
				return err
			}
		}
		f, err := os.Create(filepath.Join(root, ledger.IndexFile))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := ledger.WriteIndex(f, x); err != nil {
			return err
		}
		return f.Close()
	})
}

// save writes a segment into the temporary directory. Its name is a digest of the shards in
// it.
func (b *Builder) save(o *openSegment, full bool) (seg ledger.Segment, err error) {
	type member struct {
		Name, Digest string
		Size         int64
	}
	var lineage []member
	for _, k := range o.shards {
		s := b.index.Shards[k]
		lineage = append(lineage, member{s.Name, s.Digest, s.Size})
	}
	slices.SortFunc(lineage, func(a, b member) int { return strings.Compare(a.Name, b.Name) })
	names, err := json.Marshal(lineage)
	if err != nil {
		return seg, err
	}
	seg.File = ledger.Digest([]any{string(names), len(b.index.Segments)})[:16] + ".seg"
	f, err := os.Create(filepath.Join(b.temp, seg.File))
	if err != nil {
		return seg, err
	}
	defer f.Close()
	sum := xxh3.New128()
	if err := o.filter.Save(teeWriter{f, sum}, names); err != nil {
		return seg, err
	}
	info, err := f.Stat()
	if err != nil {
		return seg, err
	}
	written, err := bloom.Open(f, info.Size()) // which has the counts already
	if err != nil {
		return seg, err
	}
	st := written.Stats()
	seg.Size, seg.Grams, seg.Fill, seg.Rate, seg.Full = info.Size(), st.Grams, st.Fill, st.Rate, full
	seg.Digest = fmt.Sprintf("%x", sum.Sum(nil))
	return seg, f.Close()
}

type teeWriter struct {
	f *os.File
	h *xxh3.Hasher128
}

func (t teeWriter) Write(p []byte) (int, error) {
	t.h.Write(p)
	return t.f.Write(p)
}
