package pipeline

import (
	"context"
	"io"
	"slices"

	"swab/ngram/align"
	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/filter"
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
	Siblings   []benchmark.Spec // other items for the benchmark of that name to compete with; "": for the only one
	Presets    *benchmark.Presets
	Methods    []*overlap.Method
	Out        string

	Seed           uint64 // of the windows that methods sample
	IgnoreTemplate bool   // n-grams shared by many items of a benchmark do not count

	// Flag names kinds of clean items that count as flagged, of audit.FlagKinds. Verdicts keep
	// their kind; results of shards do not depend on it.
	Flag []string

	Reading

	AllowIncomplete bool // write clean variants although some input was not read
	Reviewed        bool // clean variants follow the marks of package review
	NoReport        bool // do not write report.html

	// Index, if its Out is set, is a corpus filter to be filled in the same pass. Its
	// Corpus and Reading are those of the scan.
	Index IndexOptions
}

// A Summary reports what a scan found.
type Summary struct {
	Audit    *audit.Audit
	Rows     []audit.Row  // a benchmark and method
	Hits     []report.Hit // the strongest pieces of evidence
	Resumed  int          // shards whose results were kept from an earlier run
	Files    []shard.Skipped
	Notices  []string // guesses and oddities that a user should know of
	Variants bool     // clean variants were written, except for methods with items ByFilter
	FilterN  int      // n of the corpus filter that was searched, or 0
	Compared bool     // Changed is set: there was an earlier audit

	// Changed counts the verdicts that differ from those of the audit that was replaced.
	Changed []audit.Change

	// Kinds counts verdicts by method, state and kind, for methods that have kinds.
	Kinds map[string]map[audit.State]map[string]int64
}

// ByFilter returns the number of items that a method calls clean only because a corpus
// filter that does not bound the method suspects nothing. If there are any, no clean variant
// is written for the method.
func (s *Summary) ByFilter(method string) int64 {
	return s.Kinds[method][item.Clean][align.ByFilter]
}

// Share returns the largest share of flagged items, 0 to 1, of any benchmark and method.
func (s *Summary) Share() float64 {
	most := 0.0
	for _, r := range s.Rows {
		if r.Items > 0 {
			most = max(most, float64(r.Flagged)/float64(r.Items))
		}
	}
	return most
}

// load reads the benchmarks and fits the methods to them.
func (o Options) load(ctx context.Context) (*match.Set, error) {
	if err := audit.CheckFlagKinds(o.Flag); err != nil {
		return nil, err
	}
	by := match.Options{Seed: o.Seed, IgnoreTemplate: o.IgnoreTemplate, Siblings: o.Siblings}
	return match.Load(ctx, o.Benchmarks, o.Presets, o.Methods, by)
}

// A run matches shards with benchmarks and publishes an audit: the part that Scan and Check
// have in common.
type run struct {
	o       Options
	set     *match.Set
	dir     *publish.Dir
	shards  []shard.Shard   // to be read in this run or kept from an earlier one
	done    []done          // by shard
	known   []ledger.Entry  // of shards that need not be read
	salt    string          // digest of what results depend on beyond the options
	source  source          // of verdicts
	filterN int             // n of the corpus filter that is searched, or 0
	index   *filter.Builder // corpus filter that is filled in the same pass, or nil
	stored  int64           // bytes of all shards of the corpus
	files   found           // has the files of the corpus that are not read
	bad     *badRows
}

// done is the outcome of a shard.
type done struct {
	key   string
	entry ledger.Entry
	kept  bool // its result is from an earlier run
}

// read computes the results of all shards that have none, and fills the filter.
func (r *run) read(ctx context.Context) error {
	fill := make([]int, len(r.shards)) // by shard: its number in the filter, or -1
	for i := range fill {
		fill[i] = -1
	}
	if r.index != nil {
		wanted, err := r.index.Plan(r.shards, r.files.files, r.stored)
		if err != nil {
			return err
		}
		for i, sh := range r.shards {
			fill[i] = slices.IndexFunc(wanted, func(w shard.Shard) bool { return w.Name == sh.Name })
		}
	}
	todo, err := r.plan(ctx, fill)
	if err != nil {
		return err
	}
	ahead := len(todo) < r.o.Lanes
	err = r.o.Reading.lanes(ctx, todo, func() func(context.Context, int) error {
		l := &lane{reading: r.o.Reading, ahead: ahead, match: r.set.NewLane()}
		if r.index != nil {
			l.fill = r.index.NewLane()
		}
		return func(ctx context.Context, i int) error { return r.shard(ctx, l, i, fill[i]) }
	})
	if err == nil && r.index != nil {
		_, err = r.index.Finish()
	}
	return err
}

// plan returns the shards to read: those without a stored result, and those that the filter
// waits for.
func (r *run) plan(ctx context.Context, fill []int) (todo []int, err error) {
	if err := r.resume(ctx); err != nil {
		return nil, err
	}
	for i, sh := range r.shards {
		if d := &r.done[i]; d.kept {
			if err := r.bad.count(d.entry); err != nil {
				return nil, err
			}
			if fill[i] < 0 {
				continue
			}
		}
		todo = append(todo, i)
		r.o.Progress.expect(sh)
	}
	if r.index == nil { // an index adds shards in the order of their names
		// The largest first, so that no lane is left alone with one at the end.
		slices.SortStableFunc(todo, func(a, b int) int { return int(r.shards[b].Size - r.shards[a].Size) })
	}
	return todo, nil
}

// resume finds the stored results of shards. One counts if the shard has the name, the size
// and the modification time that it had then and, if content is compared, the digest.
func (r *run) resume(ctx context.Context) error {
	key := r.key()
	var same []shard.Shard
	for i, sh := range r.shards {
		d := &r.done[i]
		d.key = ledger.Digest([]any{key, r.salt, sh.Name, sh.Size, sh.ModTime.UnixNano()})
		entry, ok := r.storedEntry(d.key)
		if ok && (sh.Digest == "" || sh.Digest == entry.Digest) {
			d.entry, d.kept = entry, true
			same = append(same, sh)
		}
	}
	if !r.o.Rehash {
		return nil
	}
	digests, err := shard.Digests(ctx, same, r.o.Lanes)
	for i, sh := range r.shards {
		d := &r.done[i]
		d.kept = d.kept && d.entry.Digest == digests[sh.Name]
	}
	return err
}

// shard computes and stores the result of shard i.
func (r *run) shard(ctx context.Context, l *lane, i, fill int) error {
	d := &r.done[i]
	count := r.bad.count
	if d.kept { // its bad rows are counted already
		count = func(ledger.Entry) error { return nil }
	}
	entry, err := l.shard(ctx, r.shards[i], fill, count)
	if err != nil || d.kept {
		return err
	}
	if d.entry = entry; entry.Error != "" {
		return nil
	}
	return r.dir.Put(d.key, func(w io.Writer) error {
		return l.match.WriteResult(w, match.Header{Key: d.key, Entry: entry})
	})
}

// key returns a digest of everything that shard results depend on, except the shards.
func (r *run) key() string {
	settings := []any{
		r.set.Key(), "default fields", r.o.Format, r.o.TextField, r.o.IDField, r.o.TextUnit, r.o.MaxRow, r.o.Limits,
	}
	if r.o.Tokens != nil {
		settings = append(settings, r.o.Tokens)
	}
	return ledger.Digest(settings)
}

// storedEntry returns the entry of a shard's stored result, if there is a complete one.
func (r *run) storedEntry(key string) (ledger.Entry, bool) {
	path, ok := r.dir.Get(key)
	if !ok {
		return ledger.Entry{}, false
	}
	h, err := r.set.ReadHeader(path)
	return h.Entry, err == nil && h.Key == key
}

// A source is where verdicts come from: evidence found in documents, or the answers of a
// corpus filter.
type source interface {
	// results returns the results of all items, merged from the stored results of the shards
	// that were read. Temp is a directory for files that are removed with the run.
	results(paths []string, temp string) (*match.Results, error)
	// flagged returns the state of an item that a method flags.
	flagged() audit.State
	// complete fills in the rest of the verdict on an item by method number i.
	complete(item, i int, v *audit.Verdict)
}

// evidence is the source of a run that reads documents.
type evidence struct{ set *match.Set }

func (e evidence) results(paths []string, temp string) (*match.Results, error) {
	return e.set.Open(paths, temp)
}

func (evidence) flagged() audit.State { return item.Flagged }

func (evidence) complete(int, int, *audit.Verdict) {}
