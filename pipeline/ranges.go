package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"swab/pipeline/ledger"
	"swab/pipeline/match"
	"swab/pipeline/record"
	"swab/pipeline/rows"
	"swab/pipeline/shard"
)

// Large shards are divided into ranges, which lanes and tasks read on their own (package
// shard). Rows of a range are counted from its first; only the results of all ranges of a shard
// say how many rows are before each. United, they are the result that the shard read as one has.
// A range in which anything is wrong is no result: the shard is read as one in its place, and its
// errors, too, are those of one reading.

const (
	leastRange = 16 << 20 // bytes of a range that lanes share a shard by
	mostRanges = 1 << 16  // of a shard
	mostProbed = 64 << 20 // plain bytes that are read for the first document
)

// divide returns the shard with the cuts that divide it into ranges of at least size bytes, if its
// format and compression let it be. Within is how far from each wanted cut a gzip member is
// searched for.
func (r Reading) divide(ctx context.Context, sh shard.Shard, size, within int64) (shard.Shard, error) {
	size = max(size, sh.Size/mostRanges, 1)
	if sh.Once || sh.Index != "" || sh.Size < 2*size || r.Tokens != nil {
		return sh, nil
	}
	p, err := r.probe(ctx, sh)
	if err != nil || p.documents == 0 {
		return sh, ctx.Err() // what is wrong is said where it is read
	}
	switch {
	case p.starts != nil:
		last := int64(0)
		for _, at := range p.starts {
			if at-last >= size && last+at > 0 {
				sh.Cuts, last = append(sh.Cuts, at), at
			}
		}
	case p.lines:
		if sh.Cuts, err = sh.FindCuts(ctx, p.compression, size, within); err != nil {
			return sh, err
		}
	}
	sh.Settled = p.field
	return sh, nil
}

// A probe is what the first document of a shard shows.
type probe struct {
	documents   int64
	field       string // of the text, if it is not the one asked for
	lines       bool   // rows are lines
	compression shard.Compression
	starts      []int64 // of groups of rows, in a file that is read at random
}

// probe reads a shard up to its first document.
func (r Reading) probe(ctx context.Context, sh shard.Shard) (p probe, err error) {
	fields, err := r.textFields()
	if err != nil {
		return p, err
	}
	in, err := shard.Open(sh, r.Limits, false, nil)
	if err != nil {
		return p, err
	}
	defer in.Close()
	format, err := in.Format()
	if err != nil {
		return p, err
	}
	p.compression = in.Compression()
	switch {
	case format != nil && format.Random && p.compression == shard.None:
		o := rows.Options{Name: sh.Name, Want: rows.Wanted(fields[0]), MaxRow: r.MaxRow}
		if p.starts, err = rows.Starts(ctx, in, format, o); err != nil {
			return p, err
		}
	case rows.IsText(format):
	case rows.IsProse(format):
		p.lines = r.TextUnit == "line"
	}
	if !p.lines && p.starts == nil && !rows.IsText(format) {
		return p, nil
	}
	var counts record.Counts
	o := record.Options{
		Name: sh.Name, ReadAs: sh.LayoutName(), TextField: fields[0].String(), Others: fields[1:],
		IDField: r.IDField, Fields: r.fields, TextUnit: r.TextUnit, MaxRow: r.MaxRow, BatchRows: 1, Limits: r.Limits,
	}
	for _, err := range record.Documents(ctx, &bounded{in, mostProbed}, format, o, &counts) {
		if err != nil {
			return p, err
		}
		break
	}
	p.documents, p.field, p.lines = counts.Documents, counts.TextField, p.lines || counts.Lines
	return p, nil
}

// A bounded source ends in an error after a number of bytes of its stream.
type bounded struct {
	*shard.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("no document at the beginning")
	}
	n, err := b.Reader.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// A piece is what a lane reads at a time: a shard, or a range of it.
type piece struct {
	i  int      // of the run's shards
	of *divided // or nil
	k  int      // of its ranges
	sh shard.Shard
}

// A result is what was found in a shard, or a range of it.
type result struct {
	entry ledger.Entry
	of    []int // subjects
	found [][]byte
}

// A divided shard is one whose ranges are read by lanes of one process.
type divided struct {
	name string
	mu   sync.Mutex
	left int // ranges that are not read yet

	once  sync.Once // reads the shard as one
	whole *result   // of that; or nil
	err   error

	parts []rangeResult // by range; of a run that unites them
}

// A rangeResult is the result of a range, in a file.
type rangeResult struct {
	entry    *ledger.Entry
	sections []match.Section
	of       []int
}

// readRange reads a range of a shard. Where that cannot be read on its own it reads the shard as
// one, once for all its ranges, and that is the result. What it returns is lent.
func (g *divided) readRange(ctx context.Context, l *lane, sh shard.Shard) (*result, error) {
	if whole := g.asOne(); whole != nil {
		return whole, nil
	}
	all := func(ledger.Entry) error { return nil } // bad rows are counted of the shard
	entry, err := l.shard(ctx, sh, -1, all)
	if err != nil {
		return nil, err
	}
	if entry.Error == "" {
		of, found, err := l.match.Found()
		return &result{entry, of, found}, errors.Join(ctx.Err(), err)
	}
	g.once.Do(func() {
		whole := sh
		whole.Range, whole.Cuts, whole.Settled = shard.Range{}, nil, ""
		res := new(result)
		if res.entry, g.err = l.shard(ctx, whole, -1, all); g.err != nil {
			return
		}
		if res.entry.Error == "" {
			of, found, err := l.match.Found()
			if g.err = errors.Join(ctx.Err(), err); g.err != nil {
				return
			}
			res.of = slices.Clone(of)
			for _, b := range found {
				res.found = append(res.found, bytes.Clone(b))
			}
		}
		g.mu.Lock()
		g.whole = res
		g.mu.Unlock()
	})
	return g.asOne(), g.err
}

// asOne returns the result of the shard read as one, if it was.
func (g *divided) asOne() *result {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.whole
}

// add keeps the result of range number k in a file below temp, and reports whether it was the
// last of the shard.
func (g *divided) add(k int, res *result, temp string) (last bool, err error) {
	if res.entry.Range != nil {
		g.parts[k] = rangeResult{entry: &res.entry, of: slices.Clone(res.of)}
		if err := g.parts[k].write(res.found, g.name, temp); err != nil {
			return false, err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left--
	return g.left == 0, nil
}

// write writes sections of a shard into a file below temp.
func (p *rangeResult) write(found [][]byte, name, temp string) error {
	if len(found) == 0 {
		return nil
	}
	f, err := os.CreateTemp(temp, "swab-range-*")
	if err != nil {
		return err
	}
	at := int64(0)
	for _, b := range found {
		p.sections = append(p.sections, match.Section{Path: f.Name(), At: at, Size: int64(len(b)), Names: []string{name}})
		at += int64(len(b))
		if _, err = f.Write(b); err != nil {
			break
		}
	}
	return errors.Join(err, f.Close())
}

// united returns the result of a shard, all of whose ranges have theirs.
func (g *divided) united(set *match.Set, temp string) (*result, error) {
	if g.whole != nil {
		return g.whole, nil
	}
	var entries []*ledger.Entry
	for i := range g.parts {
		entries = append(entries, g.parts[i].entry)
	}
	entry, before, err := ledger.Unite(entries)
	if err != nil {
		return nil, err
	}
	from := make([][]match.Section, set.Subjects())
	for i := range g.parts {
		for k, sec := range g.parts[i].sections {
			sec.FirstRow = before[i]
			of := g.parts[i].of[k]
			from[of] = append(from[of], sec)
		}
	}
	res := &result{entry: entry}
	names := []string{g.name}
	for of, list := range from {
		if len(list) == 0 {
			continue
		}
		sub, err := os.MkdirTemp(temp, "swab-ranges-*")
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if list, err = set.Reduce(of, list, names, sub); err == nil {
			err = set.MergeSections(&b, of, list, names)
		}
		if err = errors.Join(err, os.RemoveAll(sub)); err != nil {
			return nil, err
		}
		res.of, res.found = append(res.of, of), append(res.found, b.Bytes())
	}
	return res, nil
}

// remove removes the files. The shard is nil if it is not divided.
func (g *divided) remove() (err error) {
	if g == nil {
		return nil
	}
	for _, p := range g.parts {
		for _, sec := range p.sections[:min(1, len(p.sections))] {
			err = errors.Join(err, os.Remove(sec.Path))
		}
	}
	clear(g.parts)
	return err
}

// describeRange names a shard, or a range of it, as standard input of swab work has it.
func describeRange(sh *shard.Shard) string { return nameRange(sh.Name, sh.Range) }

func nameRange(name string, g shard.Range) string {
	if g.End == 0 {
		return name
	}
	return fmt.Sprintf("%s\t%d-%d", name, g.At, g.End)
}
