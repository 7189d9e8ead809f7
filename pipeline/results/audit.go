package results

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"swab/ngram/item"
	"swab/pipeline/ledger"
	"swab/pipeline/report"
	"swab/pipeline/rows"
	"swab/pipeline/variant"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
)

// LoadAudit reads an audit's items and verdicts, from verdicts.parquet or, where that
// is not, from verdicts.jsonl. With needText it reads the benchmarks' files again for
// the questions; the error is variant.ErrChanged if they are not what was audited.
func LoadAudit(dir string, needText bool) (*Audit, error) {
	f, err := os.Open(filepath.Join(dir, ledger.AuditFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%q is no audit: %w", dir, err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	about, err := ledger.ReadAudit(f)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", f.Name(), err)
	}
	a := &Audit{Dir: dir, About: about, Complete: about.Complete}
	l := &loader{a: a, about: about, method: -1}
	for _, m := range about.Methods {
		a.Verdicts = append(a.Verdicts, Verdicts{Method: m.Name, Kinds: []string{""}})
	}
	name := filepath.Join(dir, "verdicts.parquet")
	if _, err = os.Stat(name); err == nil {
		err = l.parquet(name)
	} else if errors.Is(err, fs.ErrNotExist) {
		name = filepath.Join(dir, "verdicts.jsonl")
		err = l.lines(name)
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("%q: %w: %w", name, ledger.ErrCorrupt, err)
	}
	if needText {
		return a, a.texts()
	}
	return a, nil
}

// loader gathers verdicts, which stand item by item.
type loader struct {
	a         *Audit
	about     *ledger.Audit
	benchmark int // of the last item
	split     int
	method    int // of the last verdict
}

// verdict is one row. Its texts are lent.
type verdict struct {
	method, benchmark, split, item, digest, state, kind string
	index                                               int64
	score                                               float64
}

func (l *loader) add(v *verdict) error {
	a := l.a
	n := len(a.Items)
	last := func() *Item { return &a.Items[n-1] }
	if n == 0 || a.Benchmarks[l.benchmark].Name != v.benchmark || a.Splits[l.split] != v.split || last().Index != v.index {
		if err := l.item(v); err != nil {
			return err
		}
		n++
	} else if last().ID != v.item {
		return fmt.Errorf("item %d of %s/%s is %q and %q", v.index, v.benchmark, v.split, rows.Clip(last().ID), rows.Clip(v.item))
	}
	// The methods of an item come in their order.
	if l.method++; l.method >= len(a.Verdicts) || a.Verdicts[l.method].Method != v.method {
		l.method = slices.IndexFunc(a.Verdicts, func(c Verdicts) bool { return c.Method == v.method })
		if l.method < 0 {
			return fmt.Errorf("a verdict of %q, which is no method of the audit", rows.Clip(v.method))
		}
	}
	c := &a.Verdicts[l.method]
	if len(c.State) == n {
		return fmt.Errorf("two verdicts of %s on %s/%s/%s", v.method, v.benchmark, v.split, rows.Clip(v.item))
	}
	c.extend(n - 1)
	var s State
	switch report.State(v.state) {
	case report.Clean:
		s = Clean
	case report.Flagged:
		s = Flagged
	case report.NotCheckable:
		s = NotCheckable
	case report.Suspected:
		s = Suspected
	default:
		return fmt.Errorf("unknown state %q", rows.Clip(v.state))
	}
	if math.IsInf(v.score, 0) || (s == NotCheckable) != math.IsNaN(v.score) {
		return fmt.Errorf("%s with the score %v", v.state, v.score)
	}
	kind := slices.Index(c.Kinds, v.kind)
	if kind < 0 {
		if kind = len(c.Kinds); kind > math.MaxUint8 {
			return fmt.Errorf("more than 255 kinds of verdicts of %s", v.method)
		}
		c.Kinds = append(c.Kinds, strings.Clone(v.kind))
	}
	c.State, c.Score, c.Kind = append(c.State, s), append(c.Score, v.score), append(c.Kind, uint8(kind))
	return nil
}

// extend fills in items without a verdict.
func (c *Verdicts) extend(n int) {
	for len(c.State) < n {
		c.State, c.Score, c.Kind = append(c.State, Missing), append(c.Score, math.NaN()), append(c.Kind, 0)
	}
}

func (l *loader) item(v *verdict) error {
	a := l.a
	n := len(a.Items)
	if n == math.MaxInt32 {
		return errors.New("more than 2^31 items")
	}
	l.method = -1
	newBenchmark := n == 0 || a.Benchmarks[l.benchmark].Name != v.benchmark
	if newBenchmark {
		if slices.ContainsFunc(a.Benchmarks, func(b Benchmark) bool { return b.Name == v.benchmark }) {
			return fmt.Errorf("the items of %s do not stand together", rows.Clip(v.benchmark))
		}
		if l.benchmark = len(a.Benchmarks); l.benchmark > math.MaxUint16 {
			return errors.New("more than 65,535 benchmarks")
		}
		a.Benchmarks = append(a.Benchmarks, Benchmark{Name: strings.Clone(v.benchmark), First: n, Last: n})
	}
	if n == 0 || a.Splits[l.split] != v.split {
		if l.split = slices.Index(a.Splits, v.split); l.split < 0 {
			if l.split = len(a.Splits); l.split > math.MaxUint16 {
				return errors.New("more than 65,535 splits")
			}
			a.Splits = append(a.Splits, strings.Clone(v.split))
		}
	} else if !newBenchmark && v.index <= a.Items[n-1].Index {
		return fmt.Errorf("item %d of %s/%s stands behind item %d", v.index, v.benchmark, v.split, a.Items[n-1].Index)
	}
	it := Item{ID: strings.Clone(v.item), Index: v.index, Benchmark: uint16(l.benchmark), Split: uint16(l.split)}
	if b, err := hex.DecodeString(v.digest); err != nil || copy(it.Digest[:], b) != len(it.Digest) || len(b) != len(it.Digest) {
		return fmt.Errorf("%q is no digest of an item", rows.Clip(v.digest))
	}
	a.Items = append(a.Items, it)
	a.Benchmarks[l.benchmark].Last = n + 1
	return nil
}

// check compares with what audit.json says.
func (l *loader) check() error {
	for i := range l.a.Verdicts {
		l.a.Verdicts[i].extend(len(l.a.Items))
	}
	for _, b := range l.about.Benchmarks {
		n := int64(0)
		for _, have := range l.a.Benchmarks {
			if have.Name == b.Name {
				n = int64(have.Last - have.First)
			}
		}
		if n != b.Items {
			return fmt.Errorf("it has verdicts on %d items of %s, which has %d", n, b.Name, b.Items)
		}
	}
	if len(l.a.Benchmarks) > len(l.about.Benchmarks) {
		return errors.New("it has verdicts on benchmarks that the audit does not name")
	}
	return nil
}

// parquet reads the columns that are needed. The library panics on some damage.
func (l *loader) parquet(name string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ledger.ErrCorrupt, p)
		}
	}()
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := file.NewParquetReader(f)
	if err != nil {
		return fmt.Errorf("%w: %w", ledger.ErrCorrupt, err)
	}
	defer r.Close()
	wanted := []string{"method", "benchmark", "split", "item", "index", "digest", "state", "score", "kind"}
	at := make([]int, len(wanted)) // in the records
	var columns []int
	for k, w := range wanted {
		at[k] = -1
		if c := r.MetaData().Schema.ColumnIndexByName(w); c >= 0 {
			columns = append(columns, c)
		} else if w != "kind" {
			return fmt.Errorf("%w: no column %q", ledger.ErrCorrupt, w)
		}
	}
	pr, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{Parallel: false, BatchSize: 1 << 14}, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	slices.Sort(columns)
	records, err := pr.GetRecordReader(context.Background(), columns, nil)
	if err != nil {
		return err
	}
	defer records.Release()
	for k, w := range wanted {
		if at[k] = -1; len(records.Schema().FieldIndices(w)) == 1 {
			at[k] = records.Schema().FieldIndices(w)[0]
		}
	}
	for row := 0; records.Next(); {
		rec := records.Record()
		var texts [9]*array.String
		for k, w := range wanted {
			if at[k] < 0 || w == "index" || w == "score" {
				continue
			}
			c, ok := rec.Column(at[k]).(*array.String)
			if !ok && w != "kind" {
				return fmt.Errorf("%w: column %q is of type %s", ledger.ErrCorrupt, w, rec.Column(at[k]).DataType())
			}
			texts[k] = c
		}
		index, ok1 := rec.Column(at[4]).(*array.Int64)
		score, ok2 := rec.Column(at[7]).(*array.Float64)
		if !ok1 || !ok2 {
			return fmt.Errorf("%w: columns index and score are no numbers", ledger.ErrCorrupt)
		}
		var v verdict
		for i := range int(rec.NumRows()) {
			for k, to := range [...]*string{&v.method, &v.benchmark, &v.split, &v.item, nil, &v.digest, &v.state, nil} {
				if to != nil {
					*to = texts[k].Value(i)
				}
			}
			if v.kind = ""; texts[8] != nil && !texts[8].IsNull(i) {
				v.kind = texts[8].Value(i)
			}
			v.index, v.score = index.Value(i), math.NaN()
			if !score.IsNull(i) {
				v.score = score.Value(i)
			}
			if err := l.add(&v); err != nil {
				return fmt.Errorf("%w: row %d: %w", ledger.ErrCorrupt, row, err)
			}
			row++
		}
	}
	if err := records.Err(); err != nil && err != io.EOF {
		return fmt.Errorf("%w: %w", ledger.ErrCorrupt, err)
	}
	return nil
}

// lines reads verdicts.jsonl.
func (l *loader) lines(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<18)
	var p rows.Cutter
	var line []byte
	for n := 0; ; n++ {
		line, err = readLine(in, line[:0])
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil && err != io.EOF {
			return err
		}
		r, err := p.Object(bytes.TrimSpace(line))
		if err != nil {
			return fmt.Errorf("%w: row %d: %w", ledger.ErrCorrupt, n, err)
		}
		v := verdict{score: math.NaN(), index: rows.Integer(r.Get("index")), kind: rows.Name(r.Get("kind"))}
		for _, f := range [...]struct {
			key string
			to  *string
		}{{"method", &v.method}, {"benchmark", &v.benchmark}, {"split", &v.split}, {"item", &v.item}, {"digest", &v.digest}, {"state", &v.state}} {
			*f.to = rows.Name(r.Get(f.key))
		}
		if raw := r.Get("score"); string(raw) != "null" {
			s, _, bad := score(raw)
			if bad != "" {
				return fmt.Errorf("%w: row %d: %s", ledger.ErrCorrupt, n, bad)
			}
			v.score = s
		}
		if err := l.add(&v); err != nil {
			return fmt.Errorf("%w: row %d: %w", ledger.ErrCorrupt, n, err)
		}
	}
}

var usedIn = regexp.MustCompile(`^(.*?)( header=(true|false) quotes=(true|false))?( in( .*))?$`)

// Fields gives the fields of an audit's mapping that are used in a split, and whether
// its tables have a header: yes, no, or nothing for what is no table.
func Fields(mapping, split string) (fields, header string) {
	for _, use := range strings.Split(mapping, "; ") {
		use, splits, several := strings.Cut(use, " in ")
		if several && !slices.Contains(strings.Fields(splits), split) && splits != split {
			continue
		}
		m := usedIn.FindStringSubmatch(use)
		switch m[3] {
		case "true":
			header = "yes"
		case "false":
			header = "no"
		}
		return m[1], header
	}
	return mapping, ""
}

// texts keeps the questions of all items.
func (a *Audit) texts() error {
	return a.Read(context.Background(), func(i int, it *variant.Item) error {
		a.Items[i].Text = it.Text[item.Question]
		return nil
	})
}

// Read reads the benchmarks' files again, by the mappings that the audit used, and
// gives each item, lent, with its number. The error is variant.ErrChanged if they are
// not what was audited.
func (a *Audit) Read(ctx context.Context, visit func(item int, it *variant.Item) error) error {
	presets, err := variant.Builtin()
	if err != nil {
		return err
	}
	for _, b := range a.About.Benchmarks {
		k := slices.IndexFunc(a.Benchmarks, func(h Benchmark) bool { return h.Name == b.Name })
		for _, f := range b.Files {
			if f.Items == 0 || k < 0 {
				continue
			}
			if err := a.read(ctx, b, f, a.Benchmarks[k], presets, visit); err != nil {
				return fmt.Errorf("reading %s/%s again: %w", b.Name, f.Split, err)
			}
		}
	}
	return nil
}

func (a *Audit) read(ctx context.Context, b ledger.Benchmark, f ledger.BenchmarkFile, of Benchmark, presets *variant.Presets, visit func(item int, it *variant.Item) error) error {
	fields, header := Fields(b.Mapping, f.Split)
	opened, err := variant.Open(variant.Spec{Name: b.Name, Path: f.Path, Fields: fields, Header: header}, presets)
	if err != nil {
		return err
	}
	items := a.Items[of.First:of.Last]
	at := slices.IndexFunc(items, func(it Item) bool { return a.Splits[it.Split] == f.Split })
	if at < 0 {
		return fmt.Errorf("%w: the audit has no items of it", ledger.ErrCorrupt)
	}
	n := 0
	for it, err := range opened.Items(ctx) {
		if err != nil {
			return err
		}
		if at+n >= len(items) || a.Splits[items[at+n].Split] != f.Split {
			return fmt.Errorf("%q: %w", f.Path, variant.ErrChanged)
		}
		have := &items[at+n]
		if hex.EncodeToString(have.Digest[:]) != it.Digest || have.Index != int64(n) {
			return fmt.Errorf("%q: record %d is another than was audited: %w", f.Path, n, variant.ErrChanged)
		}
		if err := visit(of.First+at+n, it); err != nil {
			return err
		}
		n++
	}
	if int64(n) != f.Items {
		return fmt.Errorf("%q: %d items, and the audit has %d: %w", f.Path, n, f.Items, variant.ErrChanged)
	}
	return nil
}
