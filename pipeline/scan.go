// Package pipeline runs swab's jobs: it connects shards, records, n-grams, covers
// and verdicts, on several lanes, and publishes what came out.
//
// A lane is a goroutine that carries one shard at a time from bytes to its result.
// A shard's result is a value: the covers of the items seen in it. Results merge
// associatively and commutatively, so resumed runs, any number of lanes and any
// order of shards publish the same bytes.
package pipeline

import (
	"context"
	"errors"
	"io"
	"slices"

	"swab/ngram"
	"swab/ngram/align"
	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"
	"swab/pipeline/match"
	"swab/pipeline/publish"
	"swab/pipeline/report"
	"swab/pipeline/shard"
)

// Options of a scan. The zero value of a field means its default, where it has one.
type Options struct {
	Version    string // of the program
	Corpus     []string
	Benchmarks []benchmark.Spec
	Presets    *benchmark.Presets
	Methods    []*overlap.Method
	Out        string

	Seed           uint64 // of the windows that methods draw
	IgnoreTemplate bool   // n-grams that stand in many items of a benchmark do not count

	Reading

	AllowIncomplete bool // write clean variants although some input was not read
	Reviewed        bool // clean variants follow the marks of package review
	NoReport        bool // do not write report.html

	// Index, if its Out is set, is a corpus filter to be filled in the same pass. Its
	// Corpus and Reading are those of the scan.
	Index IndexOptions
}

var (
	// ErrBadRows means that more rows were bad than allowed.
	ErrBadRows = errors.New("too many bad rows")
	// ErrNoDocuments means that there was nothing to check against.
	ErrNoDocuments = errors.New("the corpus holds no documents that can be read")
)

// A Summary is what a scan found.
type Summary struct {
	Audit    *audit.Audit
	Rows     []audit.Row  // a benchmark and method
	Hits     []report.Hit // the strongest pieces of evidence
	Resumed  int          // shards whose results were kept from an earlier run
	Files    []shard.Skipped
	Notices  []string // guesses and oddities that a reader should know of
	Variants bool     // clean variants were written, but of methods that have items ByFilter
	FilterN  int      // of the n-grams of the corpus filter that was asked, or 0

	// Kinds counts verdicts by method, state and kind, for methods that tell kinds apart.
	Kinds map[string]map[audit.State]map[string]int64
}

// ByFilter is how many items are clean by a method because a corpus filter that does not
// bound it suspects nothing. Then no clean variant is written of the method.
func (s *Summary) ByFilter(method string) int64 {
	return s.Kinds[method][item.Clean][align.ByFilter]
}

// Share is the largest share of flagged items, 0 to 1, of any benchmark and method.
func (s *Summary) Share() float64 {
	most := 0.0
	for _, r := range s.Rows {
		if r.Items > 0 {
			most = max(most, float64(r.Flagged)/float64(r.Items))
		}
	}
	return most
}

// Scan streams the corpus past the benchmarks and publishes an audit at o.Out. The
// shards that could not be read are in the audit, which is then not complete;
// errors are for all that keeps the audit from being published.
func Scan(ctx context.Context, o Options) (summary *Summary, err error) {
	o.Reading = o.filled()
	set, err := o.load(ctx)
	if err == nil {
		err = set.Build()
	}
	if err != nil {
		return nil, err
	}
	shards, files, err := o.find(o.Corpus)
	if err != nil {
		return nil, err
	}
	dir, err := audit.OpenOut(o.Out)
	if err != nil {
		return nil, err
	}
	s := &scan{Options: o, set: set, dir: dir, shards: shards, done: make([]done, len(shards)), bad: &badRows{allowed: o.MaxBadRows}}
	if o.Index.Out != "" {
		indexDir, err := ledger.OpenIndex(o.Index.Out)
		if err != nil {
			return nil, errors.Join(err, dir.Close())
		}
		o.Index.Reading = o.Reading
		s.index = newIndexRun(o.Index, indexDir)
		defer s.index.close()
		defer func() { err = errors.Join(err, indexDir.Close()) }()
	}
	summary, err = s.run(ctx)
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	summary.Files = files
	return summary, dir.Close()
}

// load reads the benchmarks and fits the methods to them.
func (o Options) load(ctx context.Context) (*match.Set, error) {
	return match.Load(ctx, o.Benchmarks, o.Presets, o.Methods, match.Options{Seed: o.Seed, IgnoreTemplate: o.IgnoreTemplate})
}

// scan is a run of Scan, or of Check.
type scan struct {
	Options
	set     *match.Set
	dir     *publish.Dir
	shards  []shard.Shard  // to be read in this run or kept from an earlier one
	done    []done         // by shard
	known   []ledger.Entry // of shards that need not be read
	salt    string         // what results depend on beyond the options
	filter  *answers       // what verdicts come from when nothing is read
	filterN int            // of the n-grams of the corpus filter that is asked, or 0
	index   *indexRun      // that is filled in the same pass, or nil
	number  []int          // by shard: its number in index.shards, or -1
	bad     *badRows
}

// done is what became of a shard.
type done struct {
	key   string
	entry ledger.Entry
	kept  bool // the result was there before this run
}

func (s *scan) run(ctx context.Context) (*Summary, error) {
	key := s.key()
	var todo []int
	var indexed *IndexSummary
	if s.index != nil {
		var err error
		if indexed, err = s.index.prepare(s.shards); err != nil {
			return nil, err
		}
		for _, sh := range s.shards {
			s.number = append(s.number, slices.IndexFunc(s.index.shards, func(i shard.Shard) bool { return i.Name == sh.Name }))
		}
	}
	for i, sh := range s.shards {
		d := &s.done[i]
		d.key = ledger.Digest([]any{key, s.salt, sh.Name, sh.Size, sh.ModTime.UnixNano()})
		if entry, ok := s.stored(d.key); ok {
			d.entry, d.kept = entry, true
			if err := s.bad.count(entry); err != nil {
				return nil, err
			}
			if s.index == nil || s.number[i] < 0 {
				continue
			}
		}
		todo = append(todo, i)
		s.Progress.expect(sh)
	}
	if s.index == nil { // which wants them by name
		// The largest first, so that no lane is left alone with one at the end.
		slices.SortStableFunc(todo, func(a, b int) int { return int(s.shards[b].Size - s.shards[a].Size) })
	}
	ahead := len(todo) < s.Lanes
	err := s.lanes(ctx, todo, func() func(context.Context, int) error {
		l := &lane{scan: s, match: s.set.NewLane(), ahead: ahead}
		if s.index != nil {
			l.fill = s.index.lane()
		}
		return l.shard
	})
	if err == nil && s.index != nil {
		err = s.index.finish(indexed)
	}
	if err != nil {
		return nil, err
	}
	return s.publish(ctx)
}

// key is a digest of all that shard results depend on but the shards.
func (s *scan) key() string {
	return ledger.Digest([]any{s.set.Key(), s.TextField, s.IDField, s.TextUnit, s.MaxRow, s.Limits})
}

// stored gives the entry of a shard's stored result, if there is a sound one.
func (s *scan) stored(key string) (ledger.Entry, bool) {
	path, ok := s.dir.Get(key)
	if !ok {
		return ledger.Entry{}, false
	}
	h, err := s.set.ReadHeader(path)
	return h.Entry, err == nil && h.Key == key
}

// A lane carries shards from bytes to results, one at a time.
type lane struct {
	scan  *scan
	match *match.Lane
	fill  *indexLane // of the corpus filter that is filled in the same pass, or nil
	ahead bool
}

// shard makes and stores the result of shard i. What is wrong with the shard goes
// into its entry; an error ends the run.
func (l *lane) shard(ctx context.Context, i int) error {
	s := l.scan
	d := &s.done[i]
	filled := l.fill != nil && s.number[i] >= 0
	var also func(*ngram.Scanner)
	if filled {
		l.fill.begin(s.number[i])
		also = l.fill.add
	}
	l.match.Begin(s.shards[i].Name, also)
	entry, err := s.documents(ctx, s.shards[i], l.ahead, func(row int64, id string, text []byte) error {
		l.match.Document(row, id, text)
		return nil
	})
	if err == nil && !d.kept {
		err = s.bad.count(entry)
	}
	if filled {
		err = l.fill.end(s.number[i], entry, err)
	}
	if err != nil || d.kept {
		return err
	}
	if d.entry = entry; entry.Error != "" {
		return nil
	}
	return s.dir.Put(d.key, func(w io.Writer) error { return l.match.WriteResult(w, match.Header{Key: d.key, Entry: entry}) })
}
