package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"swab/ngram/item"
	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"
)

// A TableItem is an item of a Table.
type TableItem struct {
	ID        string
	Question  Question
	Index     int64 // in its split, from 0
	Digest    [16]byte
	Benchmark uint16 // in Table.Benchmarks
	Split     uint16 // in Table.Splits
}

// A MethodVerdicts is the verdicts of one method, by item.
type MethodVerdicts struct {
	Method string
	State  []State
	Score  []float64 // NaN where the item is not checkable
	Kind   []uint8   // in the list of kinds; see KindName
}

// ByFilter counts the items that are clean only because a corpus filter, which does not bound
// the method, suspects nothing.
func (m *MethodVerdicts) ByFilter() (n int64) {
	by := uint8(slices.Index(kinds, "by filter"))
	for i, k := range m.Kind {
		if k == by && m.State[i] == item.Clean {
			n++
		}
	}
	return n
}

// ToReview counts the items that a method found for review and that no method flags.
func (t *Table) ToReview() (n int64) {
	review := slices.IndexFunc(t.Verdicts, func(v MethodVerdicts) bool { return OnlyReviews(v.Method, t.About.Flag) })
	if review < 0 {
		return 0
	}
	kind := uint8(slices.Index(kinds, Reworded))
	for i, k := range t.Verdicts[review].Kind {
		flagged := slices.ContainsFunc(t.Verdicts, func(v MethodVerdicts) bool { return v.State[i].Found() })
		if k == kind && !flagged {
			n++
		}
	}
	return n
}

// KindName returns the kind with a number of MethodVerdicts.Kind.
func KindName(k uint8) string { return kinds[k] }

// A TableBenchmark is one of a Table. Its items are Items[First:Last].
type TableBenchmark struct {
	Name        string
	First, Last int
}

// A Table is the verdicts of an audit column by column, so that a million items take 72
// bytes each beside their ids, and 10 for each method.
type Table struct {
	About      *Audit
	Benchmarks []TableBenchmark
	Splits     []string
	Items      []TableItem
	Verdicts   []MethodVerdicts // by method, in the order of the audit
}

// Table reads all verdicts.
func (r *Reader) Table(ctx context.Context) (*Table, error) {
	t := &Table{About: r.About}
	for _, m := range r.About.Methods {
		t.Verdicts = append(t.Verdicts, MethodVerdicts{Method: m.Name})
	}
	l := &loader{Table: t, method: -1}
	wanted := []string{"method", "benchmark", "split", "item", "index", "digest", "question", "state", "score", "kind"}
	columns := slices.DeleteFunc(columnsOf(&l.row, false), func(c column) bool {
		return !slices.Contains(wanted, c.name)
	})
	err := r.rows(ctx, VerdictsFile, columns, l.add)
	if err == nil {
		if err = l.check(); err != nil {
			err = fmt.Errorf("%s: %w", filepath.Join(r.Dir, VerdictsFile), err)
		}
	}
	return t, err
}

// loader gathers verdicts, which come item by item.
type loader struct {
	*Table
	row       Verdict
	benchmark int // of the last item
	split     int
	method    int // of the last verdict
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ledger.ErrCorrupt, fmt.Sprintf(format, args...))
}

// add adds the verdict in l.row to the table.
func (l *loader) add() error {
	v := &l.row
	if err := v.check(); err != nil {
		return corrupt("%v", err)
	}
	n := len(l.Items)
	last := func() *TableItem { return &l.Items[n-1] }
	if n == 0 || l.Benchmarks[l.benchmark].Name != v.Benchmark || l.Splits[l.split] != v.Split || last().Index != v.Index {
		if err := l.item(v); err != nil {
			return err
		}
		n++
	} else if last().ID != v.Item {
		return corrupt("item %d of %s/%s is %.60q and %.60q", v.Index, v.Benchmark, v.Split, last().ID, v.Item)
	}
	// The methods of an item come in their order.
	if l.method++; l.method >= len(l.Verdicts) || l.Verdicts[l.method].Method != v.Method {
		l.method = slices.IndexFunc(l.Verdicts, func(c MethodVerdicts) bool { return c.Method == v.Method })
		if l.method < 0 {
			return corrupt("a verdict of %.60q, which is no method of the audit", v.Method)
		}
	}
	c := &l.Verdicts[l.method]
	if len(c.State) == n {
		return corrupt("two verdicts of %s on %s/%s/%.60s", v.Method, v.Benchmark, v.Split, v.Item)
	}
	c.extend(n - 1)
	score := math.NaN()
	if v.Score != nil {
		score = *v.Score
	}
	kind := uint8(slices.Index(kinds, v.Kind))
	c.State, c.Score, c.Kind = append(c.State, v.State), append(c.Score, score), append(c.Kind, kind)
	return nil
}

// extend fills in items without a verdict.
func (c *MethodVerdicts) extend(n int) {
	for len(c.State) < n {
		c.State, c.Score, c.Kind = append(c.State, item.Missing), append(c.Score, math.NaN()), append(c.Kind, 0)
	}
}

// item begins the item of a verdict.
func (l *loader) item(v *Verdict) error {
	n := len(l.Items)
	if n == math.MaxInt32 {
		return errors.New("more than 2^31 items")
	}
	l.method = -1
	newBenchmark := n == 0 || l.Benchmarks[l.benchmark].Name != v.Benchmark
	if newBenchmark {
		if slices.ContainsFunc(l.Benchmarks, func(b TableBenchmark) bool { return b.Name == v.Benchmark }) {
			return corrupt("the items of %.60q are not together", v.Benchmark)
		}
		if l.benchmark = len(l.Benchmarks); l.benchmark > math.MaxUint16 {
			return errors.New("more than 65,535 benchmarks")
		}
		l.Benchmarks = append(l.Benchmarks, TableBenchmark{Name: strings.Clone(v.Benchmark), First: n, Last: n})
	}
	if n == 0 || l.Splits[l.split] != v.Split {
		if l.split = slices.Index(l.Splits, v.Split); l.split < 0 {
			if l.split = len(l.Splits); l.split > math.MaxUint16 {
				return errors.New("more than 65,535 splits")
			}
			l.Splits = append(l.Splits, strings.Clone(v.Split))
		}
	} else if !newBenchmark && v.Index <= l.Items[n-1].Index {
		return corrupt("item %d of %s/%s comes after item %d", v.Index, v.Benchmark, v.Split, l.Items[n-1].Index)
	}
	it := TableItem{ID: strings.Clone(v.Item), Index: v.Index, Benchmark: uint16(l.benchmark), Split: uint16(l.split)}
	b, err := hex.DecodeString(v.Digest)
	if err != nil || copy(it.Digest[:], b) != len(it.Digest) || len(b) != len(it.Digest) {
		return corrupt("%.60q is no digest of an item", v.Digest)
	}
	if it.Question, err = parseQuestion(v.Question); err != nil {
		return err
	}
	l.Items = append(l.Items, it)
	l.Benchmarks[l.benchmark].Last = n + 1
	return nil
}

// check compares the table with the benchmarks of audit.json.
func (l *loader) check() error {
	for i := range l.Verdicts {
		l.Verdicts[i].extend(len(l.Items))
	}
	for _, b := range l.About.Benchmarks {
		n := int64(0)
		for _, have := range l.Benchmarks {
			if have.Name == b.Name {
				n = int64(have.Last - have.First)
			}
		}
		if n != b.Items {
			return corrupt("it has verdicts on %d items of %s, which has %d", n, b.Name, b.Items)
		}
	}
	if len(l.Benchmarks) > len(l.About.Benchmarks) {
		return corrupt("it has verdicts on benchmarks that the audit does not name")
	}
	return nil
}

// Methods returns the verdicts of the methods of these names, in the order of the audit;
// "all" names all but one whose finds are for review alone. Where a run was asked to flag these,
// they count as flagged by every method.
func (t *Table) Methods(names []string) (chosen []*MethodVerdicts, err error) {
	var known []string
	for i := range t.Verdicts {
		v := &t.Verdicts[i]
		known = append(known, v.Method)
		reviews := OnlyReviews(v.Method, t.About.Flag)
		if slices.Contains(names, v.Method) && reviews {
			return nil, fmt.Errorf("method %s flags nothing: what it finds is for review; "+
				"a scan with --flag %s counts it as flagged", v.Method, Reworded)
		}
		if slices.Contains(names, v.Method) || slices.Contains(names, "all") && !reviews {
			chosen = append(chosen, v)
		}
	}
	for _, m := range names {
		if m != "all" && !slices.Contains(known, m) {
			return nil, fmt.Errorf("the audit has no method %q: it has %s", m, strings.Join(known, ", "))
		}
	}
	if len(chosen) == 0 {
		return nil, errors.New("the audit has no method that flags items")
	}
	if slices.Contains(t.About.Flag, Reworded) {
		t.flagReworded(chosen)
	}
	return chosen, nil
}

// flagReworded makes items flagged that are reworded, by all methods.
func (t *Table) flagReworded(list []*MethodVerdicts) {
	k := slices.IndexFunc(t.Verdicts, func(v MethodVerdicts) bool { return v.Method == Reworded })
	if k < 0 {
		return
	}
	for _, v := range list {
		for i, state := range t.Verdicts[k].State {
			if state.Found() && v.State[i] == item.Clean {
				v.State[i] = state
			}
		}
	}
}

// Follow replaces the methods' verdicts in t, which r has read, by the reviewers' marks. The
// notes, for the user, say what it did; what names the results computed from t, such as
// "scores".
func (r *Reader) Follow(ctx context.Context, t *Table, what string) (notes []string, err error) {
	marked, stale, err := r.Marked(ctx)
	if err != nil {
		return nil, err
	}
	count := func(n int64, noun string) string {
		if n != 1 {
			noun += "s"
		}
		return fmt.Sprintf("%d %s", n, noun)
	}
	if confirmed, rejected := t.follow(marked); confirmed+rejected > 0 {
		notes = append(notes, fmt.Sprintf("%s follow the reviewers' marks: %s confirmed, %s rejected",
			what, count(confirmed, "item"), count(rejected, "item")))
	} else {
		notes = append(notes, fmt.Sprintf(
			"no review mark matches the evidence of an item, so %s follow the methods; swab review sets marks", what))
	}
	if stale > 0 {
		notes = append(notes, count(int64(stale), "mark")+" ignored: the audit no longer has the items or the evidence")
	}
	return notes, nil
}

// follow replaces verdicts by marks. A confirmed item gets the highest score of its benchmark,
// so it counts as flagged at every threshold that flags any item.
func (t *Table) follow(marked map[Place]MarkEntry) (confirmed, rejected int64) {
	if len(marked) == 0 {
		return 0, 0
	}
	for _, b := range t.Benchmarks {
		most := make([]float64, len(t.Verdicts))
		for m := range t.Verdicts {
			for _, s := range t.Verdicts[m].Score[b.First:b.Last] {
				if s > most[m] {
					most[m] = s
				}
			}
			if most[m] == 0 {
				most[m] = 1
			}
		}
		for k := b.First; k < b.Last; k++ {
			it := &t.Items[k]
			state := marked[Place{b.Name, t.Splits[it.Split], it.ID, hex.EncodeToString(it.Digest[:])}].Mark.State()
			switch state {
			case item.Missing:
				continue
			case item.Flagged:
				confirmed++
			default:
				rejected++
			}
			for m := range t.Verdicts {
				v := &t.Verdicts[m]
				if v.State[k] == item.Missing {
					continue
				}
				v.State[k], v.Score[k] = state, 0
				if state == item.Flagged {
					v.Score[k] = most[m]
				}
			}
		}
	}
	return confirmed, rejected
}

// Read reads the benchmarks' files again, by the mappings that the audit used, and
// calls visit with each item, lent, and its number. The error is benchmark.ErrChanged if
// the files changed since the audit.
func (t *Table) Read(ctx context.Context, visit func(number int, it *benchmark.Item) error) error {
	for i := range t.About.Benchmarks {
		b := &t.About.Benchmarks[i]
		k := slices.IndexFunc(t.Benchmarks, func(h TableBenchmark) bool { return h.Name == b.Name })
		for _, f := range b.Files {
			if f.Items == 0 || k < 0 {
				continue
			}
			if err := t.read(ctx, b, f, t.Benchmarks[k], visit); err != nil {
				return fmt.Errorf("reading %s/%s again: %w", b.Name, f.Split, err)
			}
		}
	}
	return nil
}

func (t *Table) read(
	ctx context.Context, b *Benchmark, f BenchmarkFile, in TableBenchmark, visit func(int, *benchmark.Item) error,
) error {
	items := t.Items[in.First:in.Last]
	at := slices.IndexFunc(items, func(it TableItem) bool { return t.Splits[it.Split] == f.Split })
	if at < 0 {
		return corrupt("the audit has no items of it")
	}
	n := 0
	for it, err := range b.items(ctx, f) {
		if err != nil {
			return err
		}
		if at+n >= len(items) || t.Splits[items[at+n].Split] != f.Split {
			return fmt.Errorf("%q: %w", f.Path, benchmark.ErrChanged)
		}
		have := &items[at+n]
		if hex.EncodeToString(have.Digest[:]) != it.Digest || have.Index != int64(n) {
			return fmt.Errorf("%q: record %d is not the one that was audited: %w", f.Path, n, benchmark.ErrChanged)
		}
		if err := visit(in.First+at+n, it); err != nil {
			return err
		}
		n++
	}
	if int64(n) != f.Items {
		return fmt.Errorf("%q: %d items, and the audit has %d: %w", f.Path, n, f.Items, benchmark.ErrChanged)
	}
	return nil
}

// At returns the items at places of a split, in their order, those that it has.
func (t *Table) At(benchmark, split string, places []int64) (items []int32) {
	b := slices.IndexFunc(t.Benchmarks, func(b TableBenchmark) bool { return b.Name == benchmark })
	if b < 0 {
		return nil
	}
	by := map[int64]int32{}
	for k := t.Benchmarks[b].First; k < t.Benchmarks[b].Last; k++ {
		if it := &t.Items[k]; t.Splits[it.Split] == split {
			by[it.Index] = int32(k)
		}
	}
	for _, p := range places {
		if k, ok := by[p]; ok {
			items = append(items, k)
		}
	}
	return items
}

// HasQuestions reports whether the items' questions are known: audits of earlier minor versions
// do not have them.
func (t *Table) HasQuestions() bool {
	return slices.ContainsFunc(t.Items, func(it TableItem) bool { return it.Question.Words > 0 })
}

// ReadQuestions reads the benchmarks' files again for the questions of an audit that does not
// have them.
func (t *Table) ReadQuestions(ctx context.Context) error {
	var q Questioner
	return t.Read(ctx, func(n int, it *benchmark.Item) error {
		t.Items[n].Question = q.Question(&it.Text)
		return nil
	})
}
