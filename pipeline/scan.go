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
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"swab/ngram"
	"swab/ngram/exact"
	"swab/ngram/overlap"
	"swab/pipeline/ledger"
	"swab/pipeline/record"
	"swab/pipeline/report"
	"swab/pipeline/shard"
	"swab/pipeline/variant"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"
)

// Options of a scan. The zero value of a field means its default, where it has one.
type Options struct {
	Version    string // of the program
	Corpus     []string
	Benchmarks []variant.Spec
	Presets    *variant.Presets
	Methods    []*overlap.Method
	Out        string

	Lanes     int // shards read at a time; all cores
	TextField string
	IDField   string
	TextUnit  string
	MaxRow    int // longest row, bytes
	Limits    shard.Limits

	MaxBadRows      int64 // more rows skipped or repaired end the run; negative: no bound
	AllowIncomplete bool  // write clean variants although some input was not read

	Progress *Progress
}

// Progress is what a scan tells while it runs. Its fields may be read at any time.
type Progress struct {
	Bytes  atomic.Int64 // of shards, as stored, to be read in this run
	Read   atomic.Int64 // of them, read so far
	Text   atomic.Int64 // bytes of documents matched
	Shards atomic.Int64 // to be read in this run
	Done   atomic.Int64 // of them, read to their end or failed
}

var (
	// ErrBadRows means that more rows were bad than allowed.
	ErrBadRows = errors.New("too many bad rows")
	// ErrNoDocuments means that there was nothing to check against.
	ErrNoDocuments = errors.New("the corpus holds no documents that can be read")
)

// A Summary is what a scan found.
type Summary struct {
	Audit    *ledger.Audit
	Rows     []report.Row // a benchmark and method
	Hits     []report.Hit // the strongest pieces of evidence
	Resumed  int          // shards whose results were kept from an earlier run
	Files    []shard.Skipped
	Notices  []string // guesses and oddities that a reader should know of
	Variants bool     // clean variants were written
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
func Scan(ctx context.Context, o Options) (*Summary, error) {
	if o.Progress == nil {
		o.Progress = &Progress{}
	}
	if o.Lanes <= 0 {
		o.Lanes = runtime.GOMAXPROCS(0)
	}
	set, err := load(ctx, o)
	if err != nil {
		return nil, err
	}
	shards, files, err := shard.Find(o.Corpus)
	if err != nil {
		return nil, err
	}
	dir, err := ledger.Open(o.Out)
	if err != nil {
		return nil, err
	}
	s := &scan{Options: o, set: set, dir: dir, shards: shards, done: make([]done, len(shards))}
	summary, err := s.run(ctx)
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	summary.Files = files
	return summary, dir.Close()
}

// benchSet is all benchmarks, ready to be looked for.
type benchSet struct {
	benches []*variant.Benchmark // by name
	layouts []overlap.Layout
	items   *overlap.Items
	index   *exact.Index
	rules   [][]overlap.Rule
	first   []int // number of each benchmark's first item
}

func load(ctx context.Context, o Options) (*benchSet, error) {
	set := &benchSet{}
	for _, spec := range o.Benchmarks {
		b, err := variant.Open(spec, o.Presets)
		if err != nil {
			return nil, err
		}
		set.benches = append(set.benches, b)
	}
	slices.SortFunc(set.benches, func(a, b *variant.Benchmark) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(set.benches); i++ {
		if set.benches[i].Name == set.benches[i-1].Name {
			return nil, fmt.Errorf("two benchmarks are named %q: name one of them, as in --bench NAME=PATH", set.benches[i].Name)
		}
	}
	builder, err := exact.NewBuilder(ngram.Words(1))
	if err != nil {
		return nil, err
	}
	var list []overlap.Item
	seed := ngram.MaxN
	for number, b := range set.benches {
		set.first = append(set.first, len(list))
		for it, err := range b.Items(ctx) {
			if err != nil {
				return nil, err
			}
			item := overlap.Item{Bench: number}
			for p, text := range it.Text {
				item.Texts[p] = overlap.None
				if text == "" {
					continue
				}
				t, err := builder.Add(text)
				if err != nil {
					return nil, err
				}
				item.Texts[p] = int32(t)
			}
			list = append(list, item)
		}
		layouts := make([]overlap.Layout, 0, len(list)-set.first[number])
		for _, it := range list[set.first[number]:] {
			var l overlap.Layout
			for p, t := range it.Texts {
				if t != overlap.None {
					l[p] = builder.Words(int(t))
				}
			}
			layouts = append(layouts, l)
		}
		var rules []overlap.Rule
		for _, m := range o.Methods {
			r := m.Fit(layouts)
			rules = append(rules, r)
			seed = min(seed, r.N)
		}
		set.rules = append(set.rules, rules)
	}
	if set.index, err = builder.Build(seed); err != nil {
		return nil, err
	}
	set.items, err = overlap.NewItems(list, set.rules, set.index)
	return set, err
}

// key is a digest of all that shard results depend on but the shards.
func (set *benchSet) key(o Options) string {
	type rule struct {
		Method     string
		Version, N int
		Parts      overlap.Parts
	}
	type bench struct {
		Name, Mapping string
		Digests       []string
		Rules         []rule
	}
	k := struct {
		Format                       int
		Recipe                       ngram.Recipe
		Benches                      []bench
		TextField, IDField, TextUnit string
		MaxRow                       int
		Limits                       shard.Limits
	}{Format: 1, Recipe: set.index.Recipe(), TextField: o.TextField, IDField: o.IDField, TextUnit: o.TextUnit, MaxRow: o.MaxRow, Limits: o.Limits}
	for i, b := range set.benches {
		e := bench{Name: b.Name, Mapping: fmt.Sprint(b.Mapping)}
		for _, f := range b.Files {
			e.Digests = append(e.Digests, f.Rel, f.Digest)
		}
		for _, r := range set.rules[i] {
			e.Rules = append(e.Rules, rule{r.Name, r.Version, r.N, r.Parts})
		}
		k.Benches = append(k.Benches, e)
	}
	return digest(k)
}

func digest(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data
	}
	sum := xxh3.Hash128(b).Bytes()
	return hex.EncodeToString(sum[:])
}

// scan is a run of Scan.
type scan struct {
	Options
	set    *benchSet
	dir    *ledger.Dir
	shards []shard.Shard
	done   []done // by shard

	mu  sync.Mutex
	bad int64 // rows skipped or repaired so far
}

// done is what became of a shard.
type done struct {
	key   string
	entry ledger.Entry
	kept  bool // the result was there before this run
}

func (s *scan) run(ctx context.Context) (*Summary, error) {
	key := s.set.key(s.Options)
	var todo []int
	for i, sh := range s.shards {
		d := &s.done[i]
		d.key = digest([]any{key, sh.Name, sh.Size, sh.ModTime.UnixNano()})
		if entry, ok := s.stored(d.key); ok {
			d.entry, d.kept = entry, true
			if err := s.count(entry); err != nil {
				return nil, err
			}
			continue
		}
		todo = append(todo, i)
		s.Progress.Bytes.Add(sh.Size)
		s.Progress.Shards.Add(1)
	}
	// The largest first, so that no lane is left alone with one at the end.
	slices.SortStableFunc(todo, func(a, b int) int { return int(s.shards[b].Size - s.shards[a].Size) })
	ahead := len(todo) < s.Lanes
	group, ctx2 := errgroup.WithContext(ctx)
	next := make(chan int)
	group.Go(func() error {
		defer close(next)
		for _, i := range todo {
			select {
			case next <- i:
			case <-ctx2.Done():
				return ctx2.Err()
			}
		}
		return nil
	})
	for range min(s.Lanes, len(todo)) {
		group.Go(func() error {
			l := &lane{scan: s, matcher: s.set.index.NewMatcher(), collector: s.set.items.NewCollector(), ahead: ahead}
			for i := range next {
				if err := l.shard(ctx2, i); err != nil {
					return err
				}
				s.Progress.Done.Add(1)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return s.publish(ctx)
}

// stored gives the entry of a shard's stored result, if there is a sound one.
func (s *scan) stored(key string) (ledger.Entry, bool) {
	path, ok := s.dir.Get(key)
	if !ok {
		return ledger.Entry{}, false
	}
	r, err := openResult(path)
	if err != nil || r.Key != key {
		return ledger.Entry{}, false
	}
	return r.Entry, r.Close() == nil
}

// count adds a shard's bad rows to those of the run.
func (s *scan) count(e ledger.Entry) error {
	if s.MaxBadRows < 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kinds := range []map[string]int64{e.Skipped, e.Repaired} {
		for _, n := range kinds {
			s.bad += n
		}
	}
	if s.bad > s.MaxBadRows {
		where := ""
		if len(e.FirstBad) > 0 {
			where = fmt.Sprintf(", one of them %s: row %d: %s", e.Name, e.FirstBad[0].Row, e.FirstBad[0].Kind)
		}
		return fmt.Errorf("%w: %d, allowed are %d%s", ErrBadRows, s.bad, s.MaxBadRows, where)
	}
	return nil
}

// A lane carries shards from bytes to results, one at a time.
type lane struct {
	*scan
	matcher   *exact.Matcher
	collector *overlap.Collector
	ahead     bool
}

// shard makes and stores the result of shard i. What is wrong with the shard goes
// into its entry; an error ends the run.
func (l *lane) shard(ctx context.Context, i int) error {
	sh := l.shards[i]
	d := &l.done[i]
	d.entry = ledger.Entry{Name: sh.Name, Size: sh.Size, Format: sh.Format.String(), Compression: sh.Compression.String()}
	l.collector.Reset(sh.Name)
	var counts record.Counts
	err := l.read(ctx, sh, &counts, &d.entry)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fillEntry(&d.entry, &counts)
	if err != nil {
		// Nothing of it counts: no verdict rests on a shard that broke.
		d.entry.Error = err.Error()
		d.entry.Documents, d.entry.TextBytes = 0, 0
	}
	if err := l.count(d.entry); err != nil {
		return err
	}
	if d.entry.Error != "" {
		return nil
	}
	return l.dir.Put(d.key, func(w io.Writer) error {
		return writeResult(w, resultHeader{d.key, d.entry}, l.collector.Covers())
	})
}

func (l *lane) read(ctx context.Context, sh shard.Shard, counts *record.Counts, entry *ledger.Entry) error {
	in, err := shard.Open(sh, l.Limits, l.ahead, &l.Progress.Read)
	if err != nil {
		return err
	}
	defer in.Close()
	o := record.Options{Name: sh.Name, TextField: l.TextField, IDField: l.IDField, TextUnit: l.TextUnit, MaxRow: l.MaxRow}
	for rec, err := range record.Documents(ctx, in, sh.Format, o, counts) {
		if err != nil {
			return err
		}
		ids, texts, rows := record.Columns(rec)
		values, offsets := texts.ValueBytes(), texts.ValueOffsets()
		base := offsets[0]
		for k := range int(rec.NumRows()) {
			text := values[offsets[k]-base : offsets[k+1]-base]
			l.matcher.Document(text, l.collector.Add)
			l.collector.End(rows.Value(k), ids.Value(k), text)
		}
		l.Progress.Text.Add(int64(len(values)))
	}
	digest, err := in.Finish()
	if err != nil {
		return err
	}
	if digest.Stored != sh.Size {
		return fmt.Errorf("%s: it had %d bytes when the run began and %d when it was read", sh.Name, sh.Size, digest.Stored)
	}
	entry.Digest = digest.XXH3
	return nil
}

func fillEntry(e *ledger.Entry, c *record.Counts) {
	e.Rows, e.Documents, e.TextBytes = c.Rows, c.Documents, c.TextBytes
	e.Skipped, e.Repaired = kinds(c.Skipped), kinds(c.Repaired)
	for _, b := range c.First {
		e.FirstBad = append(e.FirstBad, ledger.BadRow{Row: b.Row, Kind: string(b.Kind), Detail: b.Detail})
	}
}

func kinds(m map[record.Kind]int64) map[string]int64 {
	if len(m) == 0 {
		return nil
	}
	out := map[string]int64{}
	for k, n := range m {
		out[string(k)] = n
	}
	return out
}
