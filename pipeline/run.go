package pipeline

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"swab/ngram"
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

	// TranslatedFrom names benchmarks that translate another one of the run, as NAME=SOURCE[/SPLIT].
	TranslatedFrom []string

	Reading

	About audit.About
	Terms []audit.Terms // by benchmark.Spec.Number; empty: none

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
	Notices  []string     // guesses and oddities that a user should know of
	Variants bool         // clean variants were written, except for methods with items ByFilter
	Filter   ngram.Recipe // of the corpus filter that was searched, or zero
	Compared bool         // Changed is set: there was an earlier audit

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

// Exceeded says which benchmarks exceed their limits, with an element for each.
func (s *Summary) Exceeded(flagged audit.State) (list []string) {
	for i := range s.Audit.Benchmarks {
		if b := &s.Audit.Benchmarks[i]; b.Terms != nil {
			if why := b.Terms.Exceeded(flagged); why != "" {
				list = append(list, b.Name+": "+why)
			}
		}
	}
	return list
}

// load reads the benchmarks and fits the methods to them.
func (o Options) load(ctx context.Context) (*match.Set, error) {
	if err := audit.CheckFlagKinds(o.Flag); err != nil {
		return nil, err
	}
	by := match.Options{Seed: o.Seed, IgnoreTemplate: o.IgnoreTemplate, Siblings: o.Siblings}
	if o.Progress != nil {
		by.Loaded = &o.Progress.Items
	}
	set, err := match.Load(ctx, o.Benchmarks, o.Presets, o.Methods, by)
	if err == nil {
		_, err = readTranslations(ctx, set, o.TranslatedFrom, o.Flag) // refused before the corpus is read
	}
	return set, err
}

// A run matches shards with benchmarks and publishes an audit: the part that Scan and Check
// have in common.
type run struct {
	o        Options
	set      *match.Set
	dir      *publish.Dir
	store    resultStore                      // of results; nil: dir
	finished func(d *done, file string) error // called when a result of a shard is stored; or nil
	merged   [][]match.Section                // by subject, of results that were made elsewhere; or nil
	kept     *kept                            // results of shards; nil if none is read
	done     []done                           // by shard, to be read in this run or kept from an earlier one
	known    []ledger.Entry                   // of shards that need not be read
	salt     string                           // digest of what results depend on beyond the options
	built    bool                             // the set is built: it is not to be built for the shards
	source   source                           // of verdicts
	filter   ngram.Recipe                     // of the corpus filter that is searched, or zero
	index    *filter.Builder                  // corpus filter that is filled in the same pass, or nil
	stored   int64                            // bytes of all shards of the corpus
	files    found                            // has the files of the corpus that are not read
	bad      *badRows
	notes    []string // why shards are read again
	searched []string // digests of the subjects that the set is built for
	number   []int    // by subject: its number among them
	uniting  sync.Mutex
}

// doneOf returns the outcomes of shards, to be filled in.
func doneOf(shards []shard.Shard) []done {
	list := make([]done, len(shards))
	for i, sh := range shards {
		list[i].shard = sh
	}
	return list
}

// read computes the results of all shards that have none, and fills the filter.
func (r *run) read(ctx context.Context) error {
	fill := make([]int, len(r.done)) // by shard: its number in the filter, or -1
	for i := range fill {
		fill[i] = -1
	}
	if r.index != nil {
		wanted, err := r.index.Plan(ctx, r.files.shards, r.files.files, r.stored)
		if err != nil {
			return err
		}
		number := map[string]int{}
		for k, w := range wanted {
			number[w.Name] = k
		}
		for i := range r.done {
			if k, ok := number[r.done[i].shard.Name]; ok {
				fill[i] = k
			}
		}
	}
	todo, err := r.plan(ctx, fill)
	if err != nil {
		return err
	}
	var searched []string // by the set as it is built
	number := make([]int, r.set.Subjects())
	for of, digest := range r.kept.searched {
		if number[of] = len(searched); r.set.Wants(of) {
			searched = append(searched, digest)
		}
	}
	reading, err := r.o.Reading.prepared()
	if err != nil {
		return err
	}
	pieces, err := r.pieces(ctx, todo, fill)
	if err != nil {
		return err
	}
	r.number, r.searched = number, searched
	ahead := len(pieces) < r.o.Lanes
	err = r.o.Reading.lanes(ctx, numbers(len(pieces)), func() func(context.Context, int) error {
		l := &lane{reading: reading, ahead: ahead, match: r.set.NewLane()}
		if r.index != nil {
			l.fill = r.index.NewLane()
		}
		return func(ctx context.Context, k int) error {
			p := &pieces[k]
			if p.of != nil {
				return r.readPiece(ctx, l, p)
			}
			d := &r.done[p.i]
			of, found, err := r.shard(ctx, l, d, fill[p.i])
			if err != nil || d.kept {
				return err
			}
			return r.storeResult(d, of, found)
		}
	})
	for i := range pieces {
		err = errors.Join(err, pieces[i].of.remove())
	}
	err = errors.Join(err, r.kept.flush())
	if err == nil && r.index != nil {
		_, err = r.index.Finish()
	}
	return err
}

// numbers returns the numbers below n.
func numbers(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

// pieces returns what lanes read of the shards of todo: shards that are large beside the others
// are divided, unless a filter waits for them, to which shards are added as they are.
func (r *run) pieces(ctx context.Context, todo []int, fill []int) (list []piece, err error) {
	total := int64(0)
	for _, i := range todo {
		total += r.done[i].shard.Bytes()
	}
	lanes := int64(r.o.Lanes)
	size, above := max(leastRange, total/(4*lanes)), total/(2*lanes)
	if r.o.least > 0 {
		size, above = r.o.least, 0
	}
	of := map[string]*divided{} // by name, of ranges of a plan
	for _, i := range todo {
		d := &r.done[i]
		sh := d.shard
		switch {
		case sh.Range.End > 0:
			if of[sh.Name] == nil {
				of[sh.Name] = &divided{name: sh.Name}
			}
			list = append(list, piece{i: i, of: of[sh.Name], sh: sh})
			continue
		case (lanes > 1 || r.o.least > 0) && sh.Size > above && fill[i] < 0:
			if sh, err = r.o.Reading.divide(ctx, sh, size, 4<<20); err != nil {
				return nil, err
			}
		}
		if len(sh.Cuts) == 0 {
			list = append(list, piece{i: i})
			continue
		}
		g := &divided{name: sh.Name, left: len(sh.Cuts) + 1, parts: make([]rangeResult, len(sh.Cuts)+1)}
		for k, part := range sh.Ranges() {
			p := piece{i: i, of: g, k: k, sh: sh}
			p.sh.Range = part
			list = append(list, p)
		}
		r.o.Progress.Shards.Add(int64(len(sh.Cuts)))
	}
	return list, nil
}

// readPiece reads a range of a shard. Its result is stored, or else that of the shard once all of
// its ranges are read.
func (r *run) readPiece(ctx context.Context, l *lane, p *piece) error {
	d := &r.done[p.i]
	res, err := p.of.readRange(ctx, l, p.sh)
	if err != nil {
		return err
	}
	if p.of.parts != nil {
		temp, err := r.store.Temp()
		if err != nil {
			return err
		}
		if last, err := p.of.add(p.k, res, temp); err != nil || !last {
			return err
		}
		r.uniting.Lock() // matchers merge in one goroutine
		res, err = p.of.united(r.set, temp)
		r.uniting.Unlock()
		if err = errors.Join(err, p.of.remove()); err != nil {
			return err
		}
	} else if res.entry.Range == nil {
		d.shard.Range = shard.Range{}
	}
	if err := r.bad.count(res.entry); err != nil {
		return err
	}
	d.entry = res.entry
	return r.storeResult(d, res.of, res.found)
}

// storeResult stores the result of a shard, or of a range of it.
func (r *run) storeResult(d *done, of []int, found [][]byte) error {
	numbers := make([]int, len(of))
	for k := range of {
		numbers[k] = r.number[of[k]]
	}
	return r.kept.addResult(d, r.searched, numbers, found)
}

// plan returns the shards to read, those that lack a result and those that the filter waits
// for, and builds the set for what they lack.
func (r *run) plan(ctx context.Context, fill []int) (todo []int, err error) {
	if r.store == nil {
		r.store = r.dir
	}
	if r.kept, err = openKept(r.store, r.o.Reading.key(), r.set.Keys(r.salt)); err != nil {
		return nil, err
	}
	r.kept.stored, r.kept.exact = r.finished, r.finished != nil
	missing, err := r.kept.find(ctx, r.done, r.o.Lanes, r.o.Rehash)
	if err != nil {
		return nil, err
	}
	r.notes = r.kept.notes(r.set, r.done, missing)
	if !r.built {
		if err := r.set.BuildFor(missing); err != nil {
			return nil, err
		}
	}
	for i := range r.done {
		d := &r.done[i]
		if d.kept {
			if err := r.bad.count(d.entry); err != nil {
				return nil, err
			}
			if r.finished != nil {
				if err := r.finished(d, d.from[0].path); err != nil {
					return nil, err
				}
			}
			if fill[i] < 0 {
				continue
			}
		} else if len(d.from) > 0 { // the rest must be of the same bytes
			d.shard.Digest = d.entry.Digest
		}
		todo = append(todo, i)
		r.o.Progress.expect(d.shard)
	}
	if r.index == nil { // an index adds shards in the order of their names
		// The largest first, so that no lane is left alone with one at the end.
		slices.SortStableFunc(todo, func(a, b int) int {
			return cmp.Compare(r.done[b].shard.Bytes(), r.done[a].shard.Bytes())
		})
	}
	return todo, nil
}

// shard reads a shard and returns what was found, which is lent.
func (r *run) shard(ctx context.Context, l *lane, d *done, fill int) (of []int, found [][]byte, err error) {
	count := r.bad.count
	if d.kept { // its bad rows are counted already
		count = func(ledger.Entry) error { return nil }
	}
	entry, err := l.shard(ctx, d.shard, fill, count)
	if err != nil || d.kept {
		return nil, nil, err
	}
	if d.entry = entry; entry.Error != "" {
		d.from = nil
		return nil, nil, nil
	}
	of, found, err = l.match.Found()
	return of, found, cmp.Or(ctx.Err(), err) // documents that were put off are matched only now
}

// key returns a digest of how shards are read, as far as results depend on it.
func (r Reading) key() string {
	settings := []any{"default fields", r.Format, r.TextField, r.IDField, r.TextUnit, r.MaxRow, r.Limits}
	if r.Tokens != nil {
		settings = append(settings, r.Tokens)
	}
	return ledger.Digest(settings)
}

// A source is where verdicts come from: evidence found in documents, or the answers of a
// corpus filter.
type source interface {
	// results returns the results of all items, merged from sections by subject of shards of
	// those names, sorted. Temp is a directory for files that are removed with the run.
	results(from [][]match.Section, names []string, temp string) (*match.Results, error)
	// flagged returns the state of an item that a method flags.
	flagged() audit.State
	// complete fills in the rest of the verdict on an item by method number i.
	complete(item, i int, v *audit.Verdict)
}

// evidence is the source of a run that reads documents.
type evidence struct{ set *match.Set }

func (e evidence) results(from [][]match.Section, names []string, temp string) (*match.Results, error) {
	return e.set.Open(from, names, temp)
}

func (evidence) flagged() audit.State { return item.Flagged }

func (evidence) complete(int, int, *audit.Verdict) {}
