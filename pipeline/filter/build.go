package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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

// A Builder puts the n-grams of shards into the corpus filter of a directory.
//
// Shards enter segments in the order of their names, whatever lane has read them when:
// the n-grams of a shard wait in a spool until those before it are in, so the same shards
// lead to the same segments. A segment is closed, and the index published with it, when
// the next shard may not fit.
//
// Use: Open; Plan, which says what is to be read; a Lane for each goroutine, which reads
// those shards once each, in the order of their numbers as far as lanes allow; Finish;
// Close in any case.
type Builder struct {
	o      Options
	dir    *ledger.IndexDir
	index  *ledger.Index // as published last, and what came since
	temp   string
	shards []shard.Shard // to be read, by name
	pool   *bloom.Pool   // of the n-grams of shards that are not in the filter yet; nil in a merge

	changed []string // shards that are not what they were, or gone

	mu     sync.Mutex
	ready  map[int]*spooled // shards that were read and wait for those before them
	next   int              // the shard whose turn it is
	open   *openSegment
	made   []string // segments that were closed since the index was published
	failed []ledger.Entry
}

// A Summary is what a Builder did.
type Summary struct {
	Index   *ledger.Index
	Read    int            // shards read in this run
	Failed  []ledger.Entry // shards that could not be read to their end; they left no n-grams
	Changed []string       // shards that are not what they were, or gone
}

// Complete reports whether all shards that were asked for are in the index whole.
func (s *Summary) Complete() bool {
	if len(s.Failed) > 0 {
		return false
	}
	for _, sh := range s.Index.Shards {
		if len(sh.Skipped) > 0 || sh.MostlyEmpty() {
			return false
		}
	}
	return true
}

// Open takes the index's directory for this run.
func Open(o Options) (*Builder, error) {
	dir, err := ledger.OpenIndex(o.Out)
	if err != nil {
		return nil, err
	}
	return &Builder{o: o, dir: dir, ready: map[int]*spooled{}}, nil
}

// Close frees the memory that the builder holds outside the heap, with that of a segment
// that a failed run leaves open, and leaves the directory.
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
	spool *bloom.Spool // nil when it failed
	path  string       // of the file with what found no room in memory
}

// openSegment is the segment that takes grams.
type openSegment struct {
	filter  *bloom.Filter
	filler  *bloom.Filler // nil in a merge
	file    string        // of the published segment that it goes on from, if any
	planned int64         // no more distinct grams than these are in it
	shards  []int         // of index.Shards
	inserts sync.WaitGroup
}

// Plan reads the index that is there, if any, and returns the shards that are to be read
// of those found, by name. Stored is how many bytes all shards of the corpus take, also
// those that are another task's.
func (b *Builder) Plan(found []shard.Shard, stored int64) ([]shard.Shard, error) {
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
		if b.index, err = b.o.fresh(stored); err != nil {
			return nil, err
		}
	} else if err := b.o.agree(b.index); err != nil {
		return nil, err
	}
	buffers := b.o.buffers(b.index.Plan)
	if b.pool, err = bloom.NewPool(b.index.Plan, buffers+spoolBytes, b.o.Lanes); err != nil {
		return nil, err
	}
	b.changed, err = b.plan(found)
	return b.shards, err
}

// ErrEmpty says that the documents have no n-gram: a filter of them would call every
// benchmark clean.
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

// spoolBytes is memory beside the buffers, for all lanes together, of shards that are not
// in the filter yet: 8 bytes a gram, 64 MiB for about 50 MB of text. They may have half of
// the buffers too; what is more goes by way of files.
const spoolBytes = 64 << 20

// reopen loads the segment that is not full, if there is one, when shards will come.
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
				o.shards = append(o.shards, k)
			}
		}
		b.index.Segments = slices.Delete(b.index.Segments, i, i+1)
		b.open = o
		return b.fill(o)
	}
	return nil
}

// A Lane puts shards, one after another, into spools, and spools whose turn it is into the
// filter. It belongs to one goroutine.
type Lane struct {
	builder *Builder
	out     *bloom.Spooler
	number  int        // of the shard at hand
	file    *spoolFile // of the shard at hand
	err     error
	grams   []uint64
}

// NewLane makes a lane.
func (b *Builder) NewLane() *Lane { return &Lane{builder: b, out: b.pool.NewSpooler()} }

// Begin begins with the words of shard number i of those planned.
func (l *Lane) Begin(i int) {
	l.number, l.err = i, nil
	l.file = &spoolFile{path: filepath.Join(l.builder.temp, fmt.Sprintf("spool-%d", i))}
	l.out.Begin(l.file)
}

// spoolFile is made when something is written to it.
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

// Block takes the n-grams of a block of words, as a scanner of at least as long n-grams of
// words cuts it.
func (l *Lane) Block(s *ngram.Scanner) {
	l.grams = s.AppendGrams(l.grams[:0], l.builder.index.Recipe.N)
	if err := l.out.Add(l.grams); err != nil {
		l.err = err
	}
}

// Err returns what has gone wrong since Begin. It ends the run.
func (l *Lane) Err() error { return l.err }

// End closes the spool of the shard, which has been read with that entry, and hands it in.
// Given an error it only closes the spool, and returns the error.
func (l *Lane) End(entry ledger.Entry, err error) error {
	if err == nil {
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

// drop frees what the spool takes.
func (s *spooled) drop() error {
	s.spool.Drop()
	s.spool = nil
	if s.path == "" {
		return nil
	}
	return os.Remove(s.path)
}

// commit hands in shard i, and puts all shards whose turn has come into the filter.
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

// admit puts a shard into the open segment, or into new ones. The run's lock is held,
// but not while the grams are inserted of a shard that surely fits.
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
	number := slices.IndexFunc(b.index.Shards, func(old ledger.IndexShard) bool { return old.Name == sh.Name })
	x := ledger.IndexShard{Entry: s.entry, ModTime: sh.ModTime.UnixNano(), Grams: s.grams}
	if number < 0 {
		number = len(b.index.Shards)
		b.index.Shards = append(b.index.Shards, x)
	} else { // it has changed, and its earlier grams stay
		x.Segments = b.index.Shards[number].Segments
		b.index.Shards[number] = x
	}
	if err := b.need(); err != nil {
		return err
	}
	join := func() {
		if !slices.Contains(b.open.shards, number) {
			b.open.shards = append(b.open.shards, number)
		}
	}
	join()
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
	// A shard larger than a segment: over several, at places that depend on it alone.
	// They are published with what comes after, when all of it is in.
	return b.insert(nil, s, func(block int64) error {
		if b.open.planned+block > capacity {
			if b.settle(); b.open.planned+block > capacity-capacity/64 {
				if err := b.closeSegment(true); err != nil {
					return err
				}
				if err := b.need(); err != nil {
					return err
				}
				join()
			}
		}
		b.open.planned += block
		return nil
	})
}

// insert puts a spool into a segment, or with before, which is asked before each
// block of that many grams, into the one that is then open. It drops the spool.
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

// Flush waits for all inserts into the open segment, and empties its buffers on as many
// goroutines as the run has lanes.
func (b *Builder) Flush() {
	b.open.inserts.Wait()
	var shares sync.WaitGroup
	for i := range b.o.Lanes {
		shares.Go(func() { b.open.filler.FlushShare(i, b.o.Lanes) })
	}
	shares.Wait()
}

// settle flushes the open segment and counts what is in it.
func (b *Builder) settle() {
	b.Flush()
	b.open.planned = b.open.filter.Stats().Grams
}

// need sees to it that a segment is open.
func (b *Builder) need() error {
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

// fill makes a segment ready to take grams, unless the run only merges.
func (b *Builder) fill(o *openSegment) (err error) {
	if b.pool != nil {
		o.filler, err = b.pool.NewFiller(o.filter)
	}
	return err
}

// closeSegment saves the open segment, if there is one, and puts it into the index.
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

// publish publishes the index. No segment is open, so every shard that it names
// has all its grams in a segment.
func (b *Builder) publish() error {
	slices.SortFunc(b.index.Shards, func(a, b ledger.IndexShard) int { return strings.Compare(a.Name, b.Name) })
	err := publishIndex(b.dir, b.index, func(root, file string) error {
		if !slices.Contains(b.made, file) {
			return b.dir.KeepSegment(root, file)
		}
		return os.Rename(filepath.Join(b.temp, file), filepath.Join(root, ledger.SegmentsDir, file))
	})
	b.made = nil
	return err
}

// publishIndex publishes an index whose segments bring puts into their place.
func publishIndex(dir *ledger.IndexDir, x *ledger.Index, bring func(root, file string) error) error {
	return dir.Publish(nil, func(root string) error {
		for _, seg := range x.Segments {
			if err := bring(root, seg.File); err != nil {
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

// save writes a segment into the temporary directory. Its name is that of the shards
// in it.
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
