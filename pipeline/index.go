package pipeline

import (
	"context"
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
	"swab/ngram/align"
	"swab/ngram/bloom"
	"swab/pipeline/ledger"
	"swab/pipeline/rows"
	"swab/pipeline/shard"

	"github.com/zeebo/xxh3"
)

// What to do when shards that are in the index have changed or are gone.
const (
	OnChangeFail    = "fail"    // nothing; name them
	OnChangeKeep    = "keep"    // keep the grams they had, and read changed ones again beside them
	OnChangeRebuild = "rebuild" // read the shards of their segments again
)

// ErrChanged means that shards of the index have changed or are gone.
var ErrChanged = errors.New("shards of the index have changed or are gone")

// IndexOptions are those of Index. N, FPR and SegmentBytes may be 0 for an index
// that exists; they must not differ from its own.
type IndexOptions struct {
	Version      string
	Corpus       []string
	Out          string
	N            int     // words of a gram; 8
	FPR          float64 // promised share of absent grams that are taken for present; 1e-4
	SegmentBytes int64   // of each segment's filter
	BufferBytes  int64   // of the buffers before it; a quarter of a segment
	OnChange     string
	Reading
}

// An IndexSummary is what Index did.
type IndexSummary struct {
	Index   *ledger.Index
	Read    int            // shards read in this run
	Failed  []ledger.Entry // shards that could not be read to their end; they left no grams
	Changed []string       // shards that are not what they were, or gone
	Files   []shard.Skipped
}

// Complete says whether all shards that were asked for are in the index whole.
func (s *IndexSummary) Complete() bool {
	if len(s.Failed) > 0 {
		return false
	}
	for _, sh := range s.Index.Shards {
		if len(sh.Skipped) > 0 {
			return false
		}
	}
	return true
}

// Index puts the grams of a corpus into the corpus filter at o.Out. Shards that are
// in it already are not read again.
//
// Shards enter segments in the order of their names, whatever lane has read them
// when: the grams of a shard wait in a spool until those before it are in, so the
// same shards give the same segments. A segment is closed, and the index published
// with it, when the next shard may not fit.
func Index(ctx context.Context, o IndexOptions) (*IndexSummary, error) {
	o.Reading = o.filled()
	shards, files, err := o.find(o.Corpus)
	if err != nil {
		return nil, err
	}
	dir, err := ledger.OpenIndex(o.Out)
	if err != nil {
		return nil, err
	}
	r := newIndexRun(o, dir)
	defer r.close()
	sum, err := r.run(ctx, shards)
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	sum.Files = files
	return sum, dir.Close()
}

func newIndexRun(o IndexOptions, dir *ledger.IndexDir) *indexRun {
	return &indexRun{IndexOptions: o, dir: dir, bad: &badRows{allowed: o.MaxBadRows}, ready: map[int]*spooled{}}
}

// close gives back the memory that the run holds outside the heap, with that of a
// segment that a failed run leaves open.
func (r *indexRun) close() {
	if r.open != nil {
		r.open.filter.Close()
	}
	if r.pool != nil {
		r.pool.Close()
	}
}

type indexRun struct {
	IndexOptions
	dir    *ledger.IndexDir
	index  *ledger.Index // as published last, and what came since
	temp   string
	shards []shard.Shard // to be read, by name
	bad    *badRows
	ahead  bool
	pool   *bloom.Pool // of the grams of shards that are not in the filter yet

	mu     sync.Mutex
	ready  map[int]*spooled // shards that were read and wait for those before them
	next   int              // the shard whose turn it is
	open   *openSegment
	made   []string // segments that were closed since the index was published
	failed []ledger.Entry
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

func (r *indexRun) run(ctx context.Context, found []shard.Shard) (*IndexSummary, error) {
	sum, err := r.prepare(found)
	if err != nil {
		return nil, err
	}
	r.ahead = len(r.shards) < r.Lanes
	todo := make([]int, len(r.shards))
	for i, s := range r.shards {
		todo[i] = i
		r.Progress.expect(s)
	}
	err = r.lanes(ctx, todo, func() func(context.Context, int) error { return r.lane().shard })
	if err == nil {
		err = r.finish(sum)
	}
	return sum, err
}

// prepare reads the index that is there, if any, and finds out what is to be read.
func (r *indexRun) prepare(found []shard.Shard) (*IndexSummary, error) {
	sum := &IndexSummary{}
	for _, s := range found {
		if !utf8.ValidString(s.Name) { // index.json could not name it
			return nil, fmt.Errorf("shard %q: its name is not UTF-8; rename it", s.Name)
		}
	}
	var err error
	if r.temp, err = r.dir.Temp(); err != nil {
		return nil, err
	}
	if r.index, err = r.dir.Index(); err != nil {
		return nil, err
	}
	if r.index == nil {
		if r.index, err = r.fresh(found); err != nil {
			return nil, err
		}
	} else if err := r.agree(); err != nil {
		return nil, err
	}
	if r.BufferBytes == 0 {
		r.BufferBytes = r.index.Plan.Bytes() / 4
	}
	if r.pool, err = bloom.NewPool(r.index.Plan, r.BufferBytes+spoolBytes, r.Lanes); err != nil {
		return nil, err
	}
	if sum.Changed, err = r.plan(found); err != nil {
		return nil, err
	}
	sum.Read = len(r.shards)
	return sum, nil
}

// finish closes the last segment and publishes the index.
func (r *indexRun) finish(sum *IndexSummary) error {
	err := r.closeSegment(false)
	if err == nil {
		err = r.publish()
	}
	sum.Index, sum.Failed = r.index, r.failed
	return err
}

// lane gives a lane of the run.
func (r *indexRun) lane() *indexLane {
	scan, err := r.index.Recipe.NewScanner()
	if err != nil {
		panic(err) // fresh made one, or agree compared the recipe
	}
	return &indexLane{indexRun: r, scan: scan, out: r.pool.NewSpooler()}
}

// spoolBytes is memory beside the buffers, for all lanes together, of shards that are not
// in the filter yet: 8 bytes a gram, 64 MiB for about 50 MB of text. They may have half of
// the buffers too; what is more goes by way of files.
const spoolBytes = 64 << 20

// Defaults of a new index.
const (
	defaultN            = align.FilterGram
	defaultFPR          = 1e-4
	defaultSegmentBytes = 1 << 30
)

// fresh is an index of nothing. Without a size asked for, its segments are as large
// as the corpus can fill, up to the default.
func (r *indexRun) fresh(found []shard.Shard) (*ledger.Index, error) {
	n, fpr, size := r.N, r.FPR, r.SegmentBytes
	if n == 0 {
		n = defaultN
	}
	if fpr == 0 {
		fpr = defaultFPR
	}
	if size == 0 {
		all := found
		if r.Part != [2]int{} && len(r.Corpus) > 0 { // all parts must have one plan, or they do not merge
			var err error
			if all, _, err = rows.Find(r.Corpus); err != nil {
				return nil, err
			}
		}
		stored := int64(0)
		for _, s := range all {
			stored += s.Size
		}
		// Shards hold at most some ten times their stored bytes, and a gram in six.
		guess, err := bloom.PlanFor(max(stored*2, 1000), fpr)
		if err != nil {
			return nil, err
		}
		for size = 256 << 10; size < min(guess.Bytes(), defaultSegmentBytes); {
			size *= 2
		}
	}
	recipe := ngram.Words(n)
	if _, err := recipe.NewScanner(); err != nil {
		return nil, err
	}
	plan, err := bloom.NewPlan(size, fpr)
	return &ledger.Index{
		Swab: r.Version, Recipe: recipe, Plan: plan,
		TextField: r.TextField, IDField: r.IDField, TextUnit: r.TextUnit, MaxRow: int64(r.MaxRow),
	}, err
}

// ErrOther means that an index was made in another way than is asked for.
var ErrOther = errors.New("the index was made otherwise")

// agree holds what was asked for against the index that is there.
func (r *indexRun) agree() error {
	x := r.index
	partition := x.Plan.Bytes() / int64(x.Plan.Partitions)
	for _, c := range []struct {
		what        string
		asked, have any
		given       bool
	}{
		{"--n", r.N, x.Recipe.N, r.N != 0},
		{"--fpr", r.FPR, x.Plan.FPR, r.FPR != 0},
		{"--segment-size", r.SegmentBytes / partition * partition, x.Plan.Bytes(), r.SegmentBytes != 0},
		{"--text-field", r.TextField, x.TextField, true},
		{"--text-unit", r.TextUnit, x.TextUnit, true},
		{"--max-row", int64(r.MaxRow), x.MaxRow, true},
	} {
		if c.given && c.asked != c.have {
			return fmt.Errorf("%s: %w: %s is %v there, %v was asked for; build a new one in another directory", r.Out, ErrOther, c.what, c.have, c.asked)
		}
	}
	if x.Recipe != ngram.Words(x.Recipe.N) {
		return fmt.Errorf("%s: %w: it has %v, which this program does not make; build a new one in another directory", r.Out, ErrOther, x.Recipe)
	}
	return nil
}

// plan finds out which shards are to be read, and opens the segment that they go
// into first.
func (r *indexRun) plan(found []shard.Shard) (changed []string, err error) {
	have := map[string]*ledger.IndexShard{}
	for i := range r.index.Shards {
		have[r.index.Shards[i].Name] = &r.index.Shards[i]
	}
	drop := map[string]bool{} // segments to be built anew
	again := map[string]bool{}
	for _, s := range found {
		old := have[s.Name]
		switch {
		case old == nil:
			r.shards = append(r.shards, s)
		case old.Size != s.Size || old.ModTime != s.ModTime.UnixNano():
			changed = append(changed, s.Name+" has changed")
			again[s.Name] = true
		}
	}
	if r.Part == [2]int{} {
		for name, s := range have {
			if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
				changed = append(changed, name+" is gone")
				if r.OnChange == OnChangeRebuild {
					for _, seg := range s.Segments {
						drop[seg] = true
					}
				}
			}
		}
	}
	slices.Sort(changed)
	if len(changed) == 0 {
		return nil, r.reopen()
	}
	switch r.OnChange {
	case OnChangeKeep:
		for _, s := range found {
			if again[s.Name] {
				r.shards = append(r.shards, s)
			}
		}
	case OnChangeRebuild:
		for name := range again {
			for _, seg := range have[name].Segments {
				drop[seg] = true
			}
		}
		// A shard over several segments takes all of them along.
		for more := true; more; {
			more = false
			for _, s := range r.index.Shards {
				in := slices.ContainsFunc(s.Segments, func(f string) bool { return drop[f] })
				for _, seg := range s.Segments {
					if in && !drop[seg] {
						drop[seg], more = true, true
					}
				}
			}
		}
		gone := func(s ledger.IndexShard) bool { return len(s.Segments) > 0 && drop[s.Segments[0]] }
		for _, s := range found {
			if old := have[s.Name]; old != nil && gone(*old) {
				r.shards = append(r.shards, s)
			}
		}
		listed := map[string]bool{}
		for _, s := range found {
			listed[s.Name] = true
		}
		for name, old := range have {
			if !gone(*old) || listed[name] {
				continue
			}
			if _, err := os.Stat(name); err == nil {
				return nil, fmt.Errorf("%w: %s shares a segment with what changed and is not in --corpus: name it there too", ErrChanged, name)
			}
		}
		r.index.Shards = slices.DeleteFunc(r.index.Shards, gone)
		r.index.Segments = slices.DeleteFunc(r.index.Segments, func(s ledger.Segment) bool { return drop[s.File] })
	default:
		return nil, fmt.Errorf("%w: %s", ErrChanged, strings.Join(changed, "; "))
	}
	slices.SortFunc(r.shards, func(a, b shard.Shard) int { return strings.Compare(a.Name, b.Name) })
	return changed, r.reopen()
}

// reopen loads the segment that is not full, if there is one, when shards will come.
func (r *indexRun) reopen() error {
	if len(r.shards) == 0 {
		return nil
	}
	for i, seg := range r.index.Segments {
		if seg.Full {
			continue
		}
		file, err := os.Open(r.dir.SegmentPath(seg.File))
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
		for k, s := range r.index.Shards {
			if slices.Contains(s.Segments, seg.File) {
				o.shards = append(o.shards, k)
			}
		}
		r.index.Segments = slices.Delete(r.index.Segments, i, i+1)
		r.open = o
		return r.fill(o)
	}
	return nil
}

// indexLane reads shards into spools and puts spools whose turn it is into the filter.
type indexLane struct {
	*indexRun
	scan  *ngram.Scanner
	out   *bloom.Spooler
	file  *spoolFile // of the shard at hand
	err   error
	grams []uint64
}

func (l *indexLane) shard(ctx context.Context, i int) error {
	entry, err := l.read(ctx, i)
	return l.end(i, entry, err)
}

// read puts the n-grams of shard i into its spool.
func (l *indexLane) read(ctx context.Context, i int) (ledger.Entry, error) {
	l.begin(i)
	entry, err := l.documents(ctx, l.shards[i], l.ahead, func(_ int64, _ string, text []byte) error {
		for l.scan.Reset(text); l.scan.Next(); {
			l.add(l.scan)
		}
		return l.err
	})
	if err == nil {
		err = l.bad.count(entry)
	}
	return entry, err
}

// begin opens the spool of shard i.
func (l *indexLane) begin(i int) {
	l.err = nil
	l.file = &spoolFile{path: filepath.Join(l.temp, fmt.Sprintf("spool-%d", i))}
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

// add takes the n-grams of a block of words of shard i. What goes wrong is in l.err.
func (l *indexLane) add(s *ngram.Scanner) {
	l.grams = s.AppendGrams(l.grams[:0], l.index.Recipe.N)
	if err := l.out.Add(l.grams); err != nil {
		l.err = err
	}
}

// end closes the spool of shard i, which has been read with that entry, and hands it
// in. Given an error it only closes the spool, and gives the error back.
func (l *indexLane) end(i int, entry ledger.Entry, err error) error {
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
	return l.commit(i, s)
}

// drop gives back what the spool takes.
func (s *spooled) drop() error {
	s.spool.Drop()
	s.spool = nil
	if s.path == "" {
		return nil
	}
	return os.Remove(s.path)
}

// commit hands in shard i, and puts all shards whose turn has come into the filter.
func (l *indexLane) commit(i int, s *spooled) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ready[i] = s
	for {
		s := l.ready[l.next]
		if s == nil {
			return nil
		}
		delete(l.ready, l.next)
		sh := l.shards[l.next]
		l.next++
		if s.entry.Error != "" {
			l.failed = append(l.failed, s.entry)
			continue
		}
		if err := l.admit(sh, s); err != nil {
			return err
		}
	}
}

// admit puts a shard into the open segment, or into new ones. The run's lock is held,
// but not while the grams are inserted of a shard that surely fits.
func (l *indexLane) admit(sh shard.Shard, s *spooled) error {
	capacity := l.index.Plan.Capacity()
	if l.open != nil && l.open.planned+s.grams > capacity {
		l.settle()
		if l.open.planned+s.grams > capacity && l.open.planned > 0 {
			if err := l.closeSegment(true); err != nil {
				return err
			}
			if err := l.publish(); err != nil {
				return err
			}
		}
	}
	number := slices.IndexFunc(l.index.Shards, func(old ledger.IndexShard) bool { return old.Name == sh.Name })
	x := ledger.IndexShard{Entry: s.entry, ModTime: sh.ModTime.UnixNano(), Grams: s.grams}
	if number < 0 {
		number = len(l.index.Shards)
		l.index.Shards = append(l.index.Shards, x)
	} else { // it has changed, and its earlier grams stay
		x.Segments = l.index.Shards[number].Segments
		l.index.Shards[number] = x
	}
	if err := l.need(); err != nil {
		return err
	}
	join := func() {
		if !slices.Contains(l.open.shards, number) {
			l.open.shards = append(l.open.shards, number)
		}
	}
	join()
	if s.grams <= capacity {
		seg := l.open
		seg.planned += s.grams
		seg.inserts.Add(1)
		l.mu.Unlock()
		err := l.insert(seg, s, nil)
		seg.inserts.Done()
		l.mu.Lock()
		return err
	}
	// A shard larger than a segment: over several, at places that depend on it alone.
	// They are published with what comes after, when all of it is in.
	return l.insert(nil, s, func(block int64) error {
		if l.open.planned+block > capacity {
			if l.settle(); l.open.planned+block > capacity-capacity/64 {
				if err := l.closeSegment(true); err != nil {
					return err
				}
				if err := l.need(); err != nil {
					return err
				}
				join()
			}
		}
		l.open.planned += block
		return nil
	})
}

// insert puts a spool into a segment, or with before, which is asked before each
// block of so many grams, into the one that is then open. It drops the spool.
func (l *indexLane) insert(seg *openSegment, s *spooled, before func(grams int64) error) error {
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
			to = l.open
		}
		to.filler.AddBlock(block)
	}
	return s.drop()
}

// flush waits for all inserts into the open segment, and empties its buffers on as
// many goroutines as the run has lanes.
func (r *indexRun) flush() {
	r.open.inserts.Wait()
	var shares sync.WaitGroup
	for i := range r.Lanes {
		shares.Go(func() { r.open.filler.FlushShare(i, r.Lanes) })
	}
	shares.Wait()
}

// settle flushes the open segment and counts what is in it.
func (r *indexRun) settle() {
	r.flush()
	r.open.planned = r.open.filter.Stats().Grams
}

// need sees to it that a segment is open.
func (r *indexRun) need() error {
	if r.open != nil {
		return nil
	}
	filter, err := bloom.New(r.index.Plan, r.index.Recipe)
	if err != nil {
		return err
	}
	r.open = &openSegment{filter: filter}
	return r.fill(r.open)
}

// fill makes a segment ready to take grams, unless the run only merges.
func (r *indexRun) fill(o *openSegment) (err error) {
	if r.pool != nil {
		o.filler, err = r.pool.NewFiller(o.filter)
	}
	return err
}

// closeSegment saves the open segment, if there is one, and tells of it in the index.
func (r *indexRun) closeSegment(full bool) error {
	o := r.open
	if o == nil {
		return nil
	}
	if o.filler != nil {
		r.flush()
		o.filler.Close()
	}
	seg, err := r.save(o, full)
	if err != nil {
		return err
	}
	for _, k := range o.shards {
		s := &r.index.Shards[k]
		s.Segments = slices.DeleteFunc(slices.Clone(s.Segments), func(f string) bool { return f == o.file })
		if !slices.Contains(s.Segments, seg.File) {
			s.Segments = append(s.Segments, seg.File)
		}
	}
	r.index.Segments = append(r.index.Segments, seg)
	r.made = append(r.made, seg.File)
	o.filter.Close()
	r.open = nil
	return nil
}

// publish publishes the index. No segment is open, so every shard that it tells of
// has all its grams in a segment.
func (r *indexRun) publish() error {
	slices.SortFunc(r.index.Shards, func(a, b ledger.IndexShard) int { return strings.Compare(a.Name, b.Name) })
	err := publishIndex(r.dir, r.index, func(root, file string) error {
		if !slices.Contains(r.made, file) {
			return r.dir.KeepSegment(root, file)
		}
		return os.Rename(filepath.Join(r.temp, file), filepath.Join(root, ledger.SegmentsDir, file))
	})
	r.made = nil
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
func (r *indexRun) save(o *openSegment, full bool) (seg ledger.Segment, err error) {
	type member struct {
		Name, Digest string
		Size         int64
	}
	var lineage []member
	for _, k := range o.shards {
		s := r.index.Shards[k]
		lineage = append(lineage, member{s.Name, s.Digest, s.Size})
	}
	slices.SortFunc(lineage, func(a, b member) int { return strings.Compare(a.Name, b.Name) })
	told, err := json.Marshal(lineage)
	if err != nil {
		return seg, err
	}
	seg.File = ledger.Digest([]any{string(told), len(r.index.Segments)})[:16] + ".seg"
	f, err := os.Create(filepath.Join(r.temp, seg.File))
	if err != nil {
		return seg, err
	}
	defer f.Close()
	sum := xxh3.New128()
	if err := o.filter.Save(teeWriter{f, sum}, told); err != nil {
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
