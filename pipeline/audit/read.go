package audit

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"swab/ngram/item"
	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"

	"github.com/zeebo/xxh3"
)

// House is the method whose verdicts are shown before those of others.
const House = "swab"

var (
	// ErrNone means that a directory is no audit.
	ErrNone = fmt.Errorf("it is no audit: it has no %s", File)
	// ErrNoItem means that no item of an audit has the name, or several have it.
	ErrNoItem = errors.New("no such item")
)

// A Reader reads one published audit. It keeps the files open, so it is not disturbed by a
// run that replaces the directory meanwhile. It is for one goroutine.
type Reader struct {
	Dir    string
	About  *Audit
	Digest string // of audit.json, 128-bit xxh3, 32 hex digits; "" after OpenSealed

	files   map[string]*os.File
	checked map[string]bool
}

// Open opens the audit in dir and reads its audit.json. Every other file is compared with
// its digest before it is read: on a mismatch the error is ledger.ErrCorrupt and names the
// file. The caller closes the Reader.
func Open(dir string) (*Reader, error) {
	for {
		r, now, err := open(dir)
		if err != nil || now {
			return r, err
		}
		r.Close() // a run replaced the audit between the files
	}
}

// open opens all files, and reports whether all belong to the audit that is in dir now.
func open(dir string) (r *Reader, now bool, err error) {
	path := filepath.Join(dir, File)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, fmt.Errorf("%s: %w", dir, ErrNone)
	}
	if err != nil {
		return nil, false, err
	}
	sum := xxh3.Hash128(b).Bytes()
	r = &Reader{
		Dir: dir, Digest: hex.EncodeToString(sum[:]), files: map[string]*os.File{}, checked: map[string]bool{},
	}
	if r.About, err = read(b); err != nil {
		return nil, false, fmt.Errorf("%s: %w", path, err)
	}
	if err := r.openFiles(); err != nil {
		return nil, false, err
	}
	again, err := os.ReadFile(path)
	return r, err == nil && bytes.Equal(again, b), nil
}

// openFiles opens the files that are read later.
func (r *Reader) openFiles() error {
	for _, name := range []string{VerdictsFile, EvidenceFile} {
		f, err := os.Open(filepath.Join(r.Dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, r.Close())
		}
		if err == nil {
			r.files[name] = f
		}
	}
	return nil
}

// OpenSealed opens the audit in dir that Seal has just sealed from a, as Open does, without
// reading what it says of each shard again.
func OpenSealed(dir string, a *Audit) (*Reader, error) {
	for _, e := range a.Shards {
		texts := []string{e.Name, e.Version, e.Source, e.TextField, e.Error}
		for _, bad := range e.FirstBad {
			texts = append(texts, bad.Detail)
		}
		if !utf8.ValidString(strings.Join(texts, "")) {
			return Open(dir)
		}
	}
	rest := *a
	rest.Shards = nil
	b, err := json.Marshal(&rest)
	if err != nil {
		return nil, err
	}
	r := &Reader{Dir: dir, About: new(Audit), files: map[string]*os.File{}, checked: map[string]bool{}}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(r.About); err != nil {
		return nil, err
	}
	r.About.Shards = a.Shards
	return r, r.openFiles()
}

// Close closes the audit's files.
func (r *Reader) Close() error {
	var errs []error
	for _, f := range r.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// file returns a file of the audit, after comparing it with its digest in audit.json.
func (r *Reader) file(name string) (*os.File, error) {
	f, path := r.files[name], filepath.Join(r.Dir, name)
	want, ok := r.About.file(name)
	switch {
	case !ok:
		return nil, fmt.Errorf("%s: %w: %s does not list it", path, ledger.ErrCorrupt, File)
	case f == nil:
		return nil, fmt.Errorf("%s: %w: it is missing", path, ledger.ErrCorrupt)
	case r.checked[name]:
		return f, nil
	}
	have, err := digestOf(f, name)
	if err != nil {
		return nil, err
	}
	if err := want.compare(path, have); err != nil {
		return nil, err
	}
	r.checked[name] = true
	return f, nil
}

// compare returns an error if the file at path is not the one listed.
func (d FileDigest) compare(path string, have FileDigest) error {
	switch {
	case have.Size != d.Size:
		return fmt.Errorf("%s: %w: it has %d bytes, where %s says %d", path, ledger.ErrCorrupt, have.Size, File, d.Size)
	case have.Digest != d.Digest:
		return fmt.Errorf("%s: %w: checksum mismatch: it was changed after the run that wrote it", path, ledger.ErrCorrupt)
	}
	return nil
}

// rows calls each for every row of a file, after setting the columns' fields to the row.
func (r *Reader) rows(ctx context.Context, name string, columns []column, each func() error) error {
	f, err := r.file(name)
	if err != nil {
		return err
	}
	err = readTable(ctx, f, columns, func(n int) error {
		if err := each(); err != nil {
			return fmt.Errorf("row %d: %w", n, err)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return fmt.Errorf("%s: %w", filepath.Join(r.Dir, name), err)
	}
	return err
}

var errStop = errors.New("no more rows are wanted")

// Verdicts returns the verdicts in the order of the audit, each lent, with its texts,
// until the next.
func (r *Reader) Verdicts(ctx context.Context) iter.Seq2[*Verdict, error] {
	return func(yield func(*Verdict, error) bool) {
		var v Verdict
		err := r.rows(ctx, VerdictsFile, columnsOf(&v, true), func() error {
			if err := v.check(); err != nil {
				return fmt.Errorf("%w: %w", ledger.ErrCorrupt, err)
			}
			if !yield(&v, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(nil, err)
		}
	}
}

// An Item is an item of a benchmark with its verdicts, that of [House] first.
type Item struct {
	Benchmark, Split, ID, Digest string
	Index                        int64
	Verdicts                     []Verdict
}

// Found returns the first verdict that found the item, or nil.
func (it *Item) Found() *Verdict {
	for i := range it.Verdicts {
		if it.Verdicts[i].State.Found() {
			return &it.Verdicts[i]
		}
	}
	return nil
}

// Reworded returns the verdict that found the item in other words, for review, or nil.
func (it *Item) Reworded() *Verdict {
	for i := range it.Verdicts {
		if v := &it.Verdicts[i]; v.Kind == Reworded && v.State == item.Clean {
			return v
		}
	}
	return nil
}

// Lengths are the length of an item and of its matches, the largest that any method
// reports. They are in words, or in characters if no method counts words: Unit is word or
// character.
type Lengths struct {
	Total, Matched, Longest int64
	Unit                    string
}

// Lengths returns the largest of the methods' numbers. Norms are those of [Audit.Norms].
func (it *Item) Lengths(norms map[string]string) (l Lengths) {
	for i := range it.Verdicts {
		v := &it.Verdicts[i]
		switch unit := UnitOf(norms[v.Method]); {
		case l.Unit == "word" && unit != "word":
			continue
		case l.Unit != unit:
			l = Lengths{Unit: unit}
		}
		l.Total, l.Matched, l.Longest = max(l.Total, v.Words), max(l.Matched, v.Matched), max(l.Longest, v.Longest)
	}
	return l
}

// Items returns the items of an audit in its order. Each is lent until the next, and so
// are the texts of its verdicts; its own may be kept.
func (r *Reader) Items(ctx context.Context) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		it := new(Item)
		flush := func() bool {
			if len(it.Verdicts) == 0 {
				return true
			}
			slices.SortStableFunc(it.Verdicts, func(a, b Verdict) int {
				return cmp.Compare(order(a.Method), order(b.Method))
			})
			more := yield(it, nil)
			it.Verdicts = it.Verdicts[:0]
			return more
		}
		for v, err := range r.Verdicts(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			if v.Benchmark != it.Benchmark || v.Split != it.Split || v.Index != it.Index || v.Digest != it.Digest {
				if !flush() {
					return
				}
				if v.Benchmark != it.Benchmark {
					it.Benchmark = strings.Clone(v.Benchmark)
				}
				if v.Split != it.Split {
					it.Split = strings.Clone(v.Split)
				}
				it.ID, it.Digest, it.Index = strings.Clone(v.Item), strings.Clone(v.Digest), v.Index
			}
			it.Verdicts = append(it.Verdicts, *v)
		}
		flush()
	}
}

// order sorts methods: House comes before all others.
func order(method string) int {
	if method == House {
		return 0
	}
	return 1
}

// Proof is the evidence of one item, in the order of the audit.
type Proof struct {
	Benchmark, Split, Item string
	Index                  int64
	Rows                   []Evidence
}

// Evidence returns the evidence of an audit, item by item, each lent until the next; its
// texts may be kept.
func (r *Reader) Evidence(ctx context.Context) iter.Seq2[*Proof, error] {
	return func(yield func(*Proof, error) bool) {
		var e Evidence
		var p Proof
		texts := interned{}
		e.Index = -1 // of audits of an earlier minor version, which do not have it
		var byID map[string]int64
		err := r.rows(ctx, EvidenceFile, columnsOf(&e, false), func() error {
			index := e.Index
			if index < 0 {
				if byID == nil {
					var err error
					if byID, err = r.firstIndexes(ctx); err != nil {
						return err
					}
				}
				index = byID[e.Benchmark+"\x00"+e.Split+"\x00"+e.Item]
			}
			if e.Benchmark != p.Benchmark || e.Split != p.Split || e.Item != p.Item || index != p.Index {
				if len(p.Rows) > 0 && !yield(&p, nil) {
					return errStop
				}
				p = Proof{texts.intern(e.Benchmark), texts.intern(e.Split), strings.Clone(e.Item), index, p.Rows[:0]}
			}
			row := e
			row.Index = index
			row.Benchmark, row.Split, row.Item = p.Benchmark, p.Split, p.Item
			row.Part, row.Shard, row.Norm = texts.intern(e.Part), texts.intern(e.Shard), texts.intern(e.Norm)
			row.DocID, row.DocText = strings.Clone(e.DocID), strings.Clone(e.DocText)
			p.Rows = append(p.Rows, row)
			return nil
		})
		switch {
		case err == nil && len(p.Rows) > 0:
			yield(&p, nil)
		case err != nil && !errors.Is(err, errStop):
			yield(nil, err)
		}
	}
}

// firstIndexes returns the index of the first item of each benchmark, split and id, with NUL
// between them.
func (r *Reader) firstIndexes(ctx context.Context) (map[string]int64, error) {
	first := map[string]int64{}
	for it, err := range r.Items(ctx) {
		if err != nil {
			return nil, err
		}
		name := it.Benchmark + "\x00" + it.Split + "\x00" + it.ID
		if _, ok := first[name]; !ok {
			first[name] = it.Index
		}
	}
	return first, nil
}

// interned holds one copy of each text that occurs in several rows.
type interned map[string]string

// intern returns the copy of s.
func (t interned) intern(s string) string {
	kept, ok := t[s]
	if !ok {
		if len(t) > 1<<12 {
			clear(t)
		}
		kept = strings.Clone(s)
		t[kept] = kept
	}
	return kept
}

// maxExplained is the largest number of items of one name that Find lists.
const maxExplained = 5

// An Explanation has all verdicts on one item and all evidence for it.
type Explanation struct {
	Benchmark, Split, Item string
	Verdicts               []Verdict
	Evidence               []Evidence
}

// Find reads the verdicts and the evidence of an item. The item is named by its id, or by
// benchmark/split/id. Items of one split that share an id are explained together.
func (r *Reader) Find(ctx context.Context, name string) (*Explanation, error) {
	var found []*Explanation
	for v, err := range r.Verdicts(ctx) {
		if err != nil {
			return nil, err
		}
		if v.Item != name && (!strings.HasSuffix(name, v.Item) || v.Benchmark+"/"+v.Split+"/"+v.Item != name) {
			continue
		}
		i := slices.IndexFunc(found, func(e *Explanation) bool {
			return e.Benchmark == v.Benchmark && e.Split == v.Split && e.Item == v.Item
		})
		if i < 0 {
			if i = len(found); i == maxExplained {
				continue
			}
			found = append(found, &Explanation{Benchmark: v.Benchmark, Split: v.Split, Item: v.Item})
		}
		found[i].Verdicts = append(found[i].Verdicts, *v)
	}
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("%s: %w: %s; name an item of %s by its id or by benchmark/split/id",
			r.Dir, ErrNoItem, strconv.Quote(name), VerdictsLines)
	case len(found) > 1:
		var names []string
		for _, e := range found {
			names = append(names, e.Benchmark+"/"+e.Split+"/"+e.Item)
		}
		return nil, fmt.Errorf("%s: %w: several items are named %s; choose one of %s",
			r.Dir, ErrNoItem, strconv.Quote(name), strings.Join(names, ", "))
	}
	x := found[0]
	if err := r.nameRivals(ctx, x); err != nil {
		return nil, err
	}
	for p, err := range r.Evidence(ctx) {
		if err != nil {
			return nil, err
		}
		if p.Benchmark == x.Benchmark && p.Split == x.Split && p.Item == x.Item {
			x.Evidence = append(x.Evidence, p.Rows...)
		}
	}
	return x, nil
}

// DisplacedBy is the name of the detail of a verdict that says which item of the benchmark, counted
// from 1 on, explains what a document has of the item.
const DisplacedBy = "displaced_by"

// nameRivals puts names in place of the numbers of items that displaced x.
func (r *Reader) nameRivals(ctx context.Context, x *Explanation) error {
	wanted := map[int]string{}
	for _, v := range x.Verdicts {
		if n, ok := v.Details[DisplacedBy].(float64); ok {
			wanted[int(n)] = ""
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	count := 0
	for v, err := range r.Verdicts(ctx) {
		if err != nil {
			return err
		}
		if v.Benchmark != x.Benchmark || v.Method != x.Verdicts[0].Method {
			continue
		}
		count++
		if _, ok := wanted[count]; ok {
			wanted[count] = v.Benchmark + "/" + v.Split + "/" + v.Item
		}
	}
	for _, v := range x.Verdicts {
		if n, ok := v.Details[DisplacedBy].(float64); ok && wanted[int(n)] != "" {
			v.Details[DisplacedBy] = wanted[int(n)]
		}
	}
	return nil
}

// A Text is an item with its texts, read from its benchmark's file.
type Text struct {
	Benchmark, Split string
	*benchmark.Item
}

// Texts reads the files of a's benchmarks again and returns their items, in the order of
// the audit, except files whose benchmark and split are not wanted. If a file is missing or
// cannot be read on, gone is called with the reason and the next file is read. An item
// with another digest than in the audit has changed since. Trouble of the machine, which another
// try may not have, is an error: an output must not lack texts because of it.
func (a *Audit) Texts(
	ctx context.Context, wanted func(benchmark, split string) bool, gone func(file BenchmarkFile, why error),
) iter.Seq2[Text, error] {
	return func(yield func(Text, error) bool) {
		for _, b := range a.Benchmarks {
			for _, f := range b.Files {
				if !wanted(b.Name, f.Split) {
					continue
				}
				for it, err := range b.items(ctx, f) {
					if ctx.Err() != nil {
						yield(Text{}, ctx.Err())
						return
					}
					if isMachineTrouble(err) {
						yield(Text{}, err)
						return
					}
					if err != nil {
						gone(f, err)
						break
					}
					if !yield(Text{b.Name, f.Split, it}, nil) {
						return
					}
				}
			}
		}
	}
}

// isMachineTrouble reports whether an error is of the machine, not of the file.
func isMachineTrouble(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// items reads a file of the benchmark again, as the audit recorded it.
func (b *Benchmark) items(ctx context.Context, f BenchmarkFile) iter.Seq2[*benchmark.Item, error] {
	return func(yield func(*benchmark.Item, error) bool) {
		opened, err := benchmark.Recorded(ctx, b.Name, f.Path, f.Split, f.Reading)
		if err != nil {
			yield(nil, err)
			return
		}
		for it, err := range opened.Items(ctx) {
			if !yield(it, err) {
				return
			}
		}
	}
}
