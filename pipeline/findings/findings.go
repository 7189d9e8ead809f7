// Package findings reads an audit directory back: its items with what every method
// says of them, the evidence, the texts of the benchmarks, and the reviewers' marks.
//
// Rows are read one after another, so memory is that of one item. Columns that this
// package does not know are passed over: an audit of a later version is read as far
// as it is understood. Text is given as it stands in the audit, and may be hostile.
package findings

import (
	"bufio"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"swab/ngram/item"
	"swab/pipeline/ledger"
	"swab/pipeline/report"
	"swab/pipeline/variant"

	"github.com/zeebo/xxh3"
)

// House is the method whose verdicts are shown before those of others.
const House = "swab"

// A Verdict is a row of verdicts.jsonl, with columns that not every audit has.
type Verdict struct {
	Method    string       `json:"method"`
	Benchmark string       `json:"benchmark"`
	Split     string       `json:"split"`
	Subject   string       `json:"subject"` // "": the split
	Item      string       `json:"item"`
	Index     int64        `json:"index"`
	Digest    string       `json:"digest"`
	State     report.State `json:"state"`
	Score     *float64     `json:"score"`
	Longest   int64        `json:"longest"`
	Words     int64        `json:"words"`
	Matched   int64        `json:"matched"`
	Documents int64        `json:"documents"`
	Parts     []string     `json:"parts"`
	Chance    *float64     `json:"chance"`
	Seen      string       `json:"seen"` // "input", "answer", "input and answer", or "" if nothing or unknown
	Kind      string       `json:"kind"`
	Template  *float64     `json:"template"`
}

// Found says that the item counts as found: flagged, or suspected.
func (v *Verdict) Found() bool { return v.State == report.Flagged || v.State == report.Suspected }

// SeenParts says which sides of the item were seen.
func (v *Verdict) SeenParts() string {
	if v.Seen != "" || len(v.Parts) == 0 {
		return v.Seen
	}
	answer := slices.Contains(v.Parts, item.Answer.String())
	switch {
	case !answer:
		return "input"
	case len(v.Parts) == 1:
		return "answer"
	}
	return "input and answer"
}

// An Item is an item of a benchmark with its verdicts, that of [House] first.
type Item struct {
	Benchmark, Split, ID, Digest string
	Subject                      string // the verdicts' subject, or the split
	Index                        int64
	Verdicts                     []Verdict
}

// Found gives the first verdict that found the item, or nil.
func (it *Item) Found() *Verdict {
	for i := range it.Verdicts {
		if it.Verdicts[i].Found() {
			return &it.Verdicts[i]
		}
	}
	return nil
}

// Norms gives the normaliser of each method of an audit.
func Norms(a *ledger.Audit) map[string]string {
	norms := map[string]string{}
	for _, m := range a.Methods {
		norm, ok := m.Params["normaliser"].(string)
		if !ok {
			norm = "words"
		}
		norms[m.Name] = norm
	}
	return norms
}

// Lengths are the item's own and those of its matches, the largest that any method
// tells of. They are in words, and in characters where no method counts words: Unit is
// word or character.
type Lengths struct {
	Total, Matched, Longest int64
	Unit                    string
}

// Lengths compares the methods' numbers, given the normalisers of [Norms].
func (it *Item) Lengths(norms map[string]string) (l Lengths) {
	for i := range it.Verdicts {
		v := &it.Verdicts[i]
		switch unit := report.UnitOf(norms[v.Method]); {
		case l.Unit == "word" && unit != "word":
			continue
		case l.Unit != unit:
			l = Lengths{Unit: unit}
		}
		l.Total, l.Matched, l.Longest = max(l.Total, v.Words), max(l.Matched, v.Matched), max(l.Longest, v.Longest)
	}
	return l
}

// Audit reads DIR/audit.json.
func Audit(dir string) (*ledger.Audit, error) {
	f, err := os.Open(filepath.Join(dir, ledger.AuditFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: it is no audit: it has no %s", dir, ledger.AuditFile)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := ledger.ReadAudit(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return a, nil
}

// row is a row of evidence.jsonl, lent until the next, and the byte at which it begins.
type row struct {
	v  *report.Evidence
	at int64
}

// proofs gives the rows of evidence.jsonl from a byte on.
func proofs(ctx context.Context, in io.ReaderAt, name string, from int64) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		dec := json.NewDecoder(bufio.NewReaderSize(io.NewSectionReader(in, from, math.MaxInt64-from), 1<<18))
		var v report.Evidence
		for n := 0; ; n++ {
			if n%1024 == 0 && ctx.Err() != nil {
				yield(row{}, ctx.Err())
				return
			}
			v = report.Evidence{}
			at := from + dec.InputOffset()
			err := dec.Decode(&v)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(row{}, fmt.Errorf("%s: row %d: %w", name, n, err))
				return
			}
			if !yield(row{&v, at}, nil) {
				return
			}
		}
	}
}

// Items gives the items of an audit in its order. Each is lent until the next.
func Items(ctx context.Context, dir string) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		it := new(Item)
		give := func() bool {
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
		f, err := os.Open(filepath.Join(dir, "verdicts.jsonl"))
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		for v, err := range verdicts(ctx, f, f.Name()) {
			if err != nil {
				yield(nil, err)
				return
			}
			if v.Benchmark != it.Benchmark || v.Split != it.Split || v.Index != it.Index || v.Digest != it.Digest {
				if !give() {
					return
				}
				*it = Item{Benchmark: v.Benchmark, Split: v.Split, ID: v.Item, Digest: v.Digest, Subject: cmp.Or(v.Subject, v.Split), Index: v.Index, Verdicts: it.Verdicts}
			}
			it.Verdicts = append(it.Verdicts, *v)
		}
		give()
	}
}

func order(method string) int {
	if method == House {
		return 0
	}
	return 1
}

// Evidence is what evidence.jsonl holds of one item, in its order.
type Evidence struct {
	Benchmark, Split, Item string
	Rows                   []report.Evidence
	At                     int64 // the byte of the file at which it begins
}

// EvidenceFile is the name of the evidence in an audit directory.
const EvidenceFile = "evidence.jsonl"

// AllEvidence gives the evidence of an audit, item by item. Each is lent until the
// next. Items of one split that stand behind one another with equal ids come as one.
func AllEvidence(ctx context.Context, dir string) iter.Seq2[*Evidence, error] {
	return func(yield func(*Evidence, error) bool) {
		f, err := os.Open(filepath.Join(dir, EvidenceFile))
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		for e, err := range EvidenceFrom(ctx, f, 0) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// EvidenceFrom gives the evidence in the file f from a byte on, which must be an
// [Evidence.At].
func EvidenceFrom(ctx context.Context, f *os.File, at int64) iter.Seq2[*Evidence, error] {
	return func(yield func(*Evidence, error) bool) {
		var e Evidence
		for next, err := range proofs(ctx, f, f.Name(), at) {
			if err != nil {
				yield(nil, err)
				return
			}
			r := next.v
			if r.Benchmark != e.Benchmark || r.Split != e.Split || r.Item != e.Item {
				if len(e.Rows) > 0 && !yield(&e, nil) {
					return
				}
				e = Evidence{Benchmark: r.Benchmark, Split: r.Split, Item: r.Item, Rows: e.Rows[:0], At: next.at}
			}
			e.Rows = append(e.Rows, *r)
		}
		if len(e.Rows) > 0 {
			yield(&e, nil)
		}
	}
}

// EvidenceDigest is a digest of an item's evidence, 32 hex digits: of where each
// match stands and what its document says, whatever the order of the rows and however
// often, for several methods, a match stands in them.
func EvidenceDigest(rows []report.Evidence) string {
	var lines []string
	for i := range rows {
		r := &rows[i]
		b, err := json.Marshal([]any{r.Part, r.Shard, r.Row, r.DocID, r.DocStart, r.DocEnd, r.ItemStart, r.ItemEnd, r.DocText})
		if err != nil {
			panic(err) // plain data
		}
		lines = append(lines, string(b))
	}
	slices.Sort(lines)
	sum := xxh3.HashString128(strings.Join(slices.Compact(lines), "\n")).Bytes()
	return hex.EncodeToString(sum[:])
}

// A Text is an item as its benchmark's file has it.
type Text struct {
	Benchmark, Split string
	*variant.Item
}

// Texts reads the files of a's benchmarks again and gives their items, in the order of
// the audit, but for files whose benchmark and split are not wanted. A file that is gone or cannot be read gives no more items, and gone is
// told why; whether an item is still the same its digest tells.
func Texts(ctx context.Context, a *ledger.Audit, wanted func(benchmark, split string) bool, gone func(file ledger.BenchmarkFile, why error)) iter.Seq2[Text, error] {
	return func(yield func(Text, error) bool) {
		for _, b := range a.Benchmarks {
			for _, f := range b.Files {
				if !wanted(b.Name, f.Split) {
					continue
				}
				opened, err := variant.Recorded(b.Name, f.Path, f.Split, b.Mapping)
				if err != nil {
					gone(f, err)
					continue
				}
				for it, err := range opened.Items(ctx) {
					if ctx.Err() != nil {
						yield(Text{}, ctx.Err())
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
