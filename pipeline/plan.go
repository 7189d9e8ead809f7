package pipeline

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"swab/pipeline/audit"
	"swab/pipeline/ledger"
	"swab/pipeline/match"
	"swab/pipeline/shard"
)

var (
	// ErrSettings means that a result or a machine has other benchmarks, methods or settings
	// than the plan.
	ErrSettings = errors.New("made with other settings")
	// ErrMissing means that shards of a plan have no result.
	ErrMissing = errors.New("shards have no result")
)

// planFormat is the first line of a plan.
var planFormat = ledger.Format{Name: "swab plan", Version: 2, Advice: "make it again with swab plan"}

// A Plan is a scan divided into tasks for many machines: what is searched for, how, and in
// which shards. Its paths of shards are below a root, which may be another on each machine.
type Plan struct {
	Swab       string             `json:"swab"`     // version of the program
	Settings   json.RawMessage    `json:"settings"` // of the program that made the plan: its flags
	Reading    string             `json:"reading"`  // digest of how shards are read
	Searched   []string           `json:"searched"` // digest of each subject (FORMAT.md of package ledger)
	Benchmarks []PlannedBenchmark `json:"benchmarks"`
	Shards     []PlannedShard     `json:"shards"` // by name
	Files      []PlannedFile      `json:"files"`  // of the corpus, that are not read
	Tasks      [][]int            `json:"tasks"`  // numbers of units, the largest first

	units []unit
}

// A unit is what a task reads as one, a shard or a range of it. Units are numbered in the order of
// shards, those of a shard in the order of their bytes.
type unit struct {
	shard int
	part  shard.Range // the zero value: all
}

// PlannedBenchmark is a benchmark of a plan with its files.
type PlannedBenchmark struct {
	Name  string                `json:"name"`
	Files []audit.BenchmarkFile `json:"files"`
}

// PlannedShard is a shard of a plan.
type PlannedShard struct {
	Name   string `json:"name"` // below the root
	Size   int64  `json:"size"` // bytes
	Digest string `json:"digest,omitempty"`

	// Cuts are the bytes at which it is divided into ranges, and Field is their field of the text,
	// if it is not the one asked for.
	Cuts  []int64 `json:"cuts,omitempty"`
	Field string  `json:"field,omitempty"`
}

// PlannedFile is a file of the corpus that is not read.
type PlannedFile struct {
	Name string     `json:"name"`
	Why  string     `json:"why"`
	Fate shard.Fate `json:"fate"`
}

// PlanOptions say how a scan is divided.
type PlanOptions struct {
	Tasks   int   // of about equal size
	Ranges  int64 // at least these bytes of a range; shards of twice as many are divided, if they can be; 0: none is
	Digests bool  // read all shards for their digests

	Settings any // of the program: its flags
}

// NewPlan plans a scan.
func NewPlan(ctx context.Context, o Options, by PlanOptions) (*Plan, error) {
	o.Reading = o.Reading.filled()
	set, err := o.load(ctx)
	found, bad := o.Reading.find(ctx, o.Corpus)
	if err = errors.Join(err, bad); err != nil {
		return nil, err
	}
	p := &Plan{Swab: o.Version, Reading: o.Reading.key(), Searched: set.Keys("")}
	if p.Settings, err = json.Marshal(by.Settings); err != nil {
		return nil, err
	}
	for _, b := range set.Benches {
		p.Benchmarks = append(p.Benchmarks, PlannedBenchmark{b.Name, describeFiles(b)})
	}
	for _, f := range found.files {
		p.Files = append(p.Files, PlannedFile{f.Path, f.Why, f.Fate})
	}
	known := map[string]string{}
	if by.Digests {
		if known, err = shard.Digests(ctx, found.shards, o.Lanes); err != nil {
			return nil, err
		}
	}
	for _, sh := range found.shards {
		if sh.Once {
			return nil, fmt.Errorf("%s: a pipe cannot be read by another machine", sh.Name)
		}
		if by.Ranges > 0 {
			if sh, err = o.Reading.divide(ctx, sh, by.Ranges, sh.Size); err != nil {
				return nil, err
			}
		}
		p.Shards = append(p.Shards, PlannedShard{sh.Name, sh.Size, known[sh.Name], sh.Cuts, sh.Settled})
	}
	p.divide(by.Tasks)
	return p, nil
}

// A load is a task while shards are given to tasks.
type load struct {
	bytes int64
	task  int
}

// loads are tasks, the smallest first.
type loads []load

func (l loads) Len() int { return len(l) }
func (l loads) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(l[i].bytes, l[j].bytes), cmp.Compare(l[i].task, l[j].task)) < 0
}
func (l loads) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l *loads) Push(x any)   { *l = append(*l, x.(load)) }
func (l *loads) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

// divide assigns each unit, the largest first, to the task that has the fewest bytes.
func (p *Plan) divide(tasks int) {
	p.number()
	tasks = max(1, min(tasks, len(p.units)))
	order := numbers(len(p.units))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p.bytes(b), p.bytes(a)) })
	p.Tasks = make([][]int, tasks)
	l := make(loads, tasks)
	for k := range l {
		l[k].task = k
	}
	const opening = 64 << 10 // a shard costs more than its bytes
	for _, i := range order {
		p.Tasks[l[0].task] = append(p.Tasks[l[0].task], i)
		l[0].bytes += p.bytes(i) + opening
		heap.Fix(&l, 0)
	}
}

// Write writes the plan; ReadPlan reads it.
func (p *Plan) Write(w io.Writer) error { return planFormat.Write(w, p) }

// ReadPlan reads a plan from a file.
func ReadPlan(path string) (*Plan, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := new(Plan)
	if err := planFormat.Read(f, p); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i, s := range p.Shards {
		if i > 0 && p.Shards[i-1].Name >= s.Name || s.Size < 0 {
			return nil, fmt.Errorf("%s: %w: shard %q is listed twice or out of order, or has a size below 0",
				path, ledger.ErrCorrupt, s.Name)
		}
		for k, at := range append(s.Cuts[:len(s.Cuts):len(s.Cuts)], s.Size) {
			if k > 0 && at <= s.Cuts[k-1] || len(s.Cuts) > 0 && at <= 0 {
				return nil, fmt.Errorf("%s: %w: shard %q has a range that ends at byte %d", path, ledger.ErrCorrupt, s.Name, at)
			}
		}
	}
	p.number()
	planned := make([]bool, len(p.units))
	for _, task := range p.Tasks {
		for _, i := range task {
			if i < 0 || i >= len(p.units) || planned[i] {
				return nil, fmt.Errorf("%s: %w: a task has unit number %d", path, ledger.ErrCorrupt, i)
			}
			planned[i] = true
		}
	}
	return p, nil
}

// number numbers the units.
func (p *Plan) number() {
	p.units = nil
	for i := range p.Shards {
		s := &p.Shards[i]
		if len(s.Cuts) == 0 {
			p.units = append(p.units, unit{shard: i})
			continue
		}
		sh := shard.Shard{Size: s.Size, Cuts: s.Cuts}
		for _, g := range sh.Ranges() {
			p.units = append(p.units, unit{i, g})
		}
	}
}

// bytes is how many stored bytes unit k has.
func (p *Plan) bytes(k int) int64 {
	if g := p.units[k].part; g.End > 0 {
		return g.End - g.At
	}
	return p.Shards[p.units[k].shard].Size
}

// name returns the name of unit k: of a range that of the shard, a tab, the first byte, a hyphen and
// the byte behind the last.
func (p *Plan) name(k int) string { return nameRange(p.Shards[p.units[k].shard].Name, p.units[k].part) }

// Units returns the number of what tasks read as one: shards, and ranges of those that are divided.
func (p *Plan) Units() int { return len(p.units) }

// unitsOf returns the numbers of the units of shard number i: from the first on, up to the second.
func (p *Plan) unitsOf(i int) (first, end int) {
	first, _ = slices.BinarySearchFunc(p.units, i, func(u unit, i int) int { return cmp.Compare(u.shard, i) })
	return first, first + len(p.Shards[i].Cuts) + 1
}

// find returns the numbers of the units that a name means: a range, or a shard with all of its
// ranges.
func (p *Plan) find(name string) (list []int) {
	if i, ok := p.shardNumber(name); ok {
		for k, end := p.unitsOf(i); k < end; k++ {
			list = append(list, k)
		}
		return list
	}
	whole, part, _ := cutLast(name, "\t")
	i, ok := p.shardNumber(whole)
	begin, _, _ := strings.Cut(part, "-")
	at, err := strconv.ParseInt(begin, 10, 64)
	if !ok || err != nil {
		return nil
	}
	first, end := p.unitsOf(i)
	k, _ := slices.BinarySearchFunc(p.units[first:end], at, func(u unit, at int64) int {
		return cmp.Compare(u.part.At, at)
	})
	if k += first; k < end && p.name(k) == name {
		return []int{k}
	}
	return nil
}

// cutLast is strings.Cut at the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// Task returns the names of the shards and ranges of task i, from 1 on.
func (p *Plan) Task(i int) (names []string, err error) {
	if i < 1 || i > len(p.Tasks) {
		return nil, fmt.Errorf("task %d: the plan has tasks 1 to %d", i, len(p.Tasks))
	}
	for _, k := range p.Tasks[i-1] {
		names = append(names, p.name(k))
	}
	return names, nil
}

// shardNumber returns the number of the shard of that name.
func (p *Plan) shardNumber(name string) (int, bool) {
	return slices.BinarySearchFunc(p.Shards, name, func(s PlannedShard, name string) int {
		return strings.Compare(s.Name, name)
	})
}

// shard returns the shard of that name.
func (p *Plan) shard(name string) (PlannedShard, bool) {
	i, ok := p.shardNumber(name)
	if !ok {
		return PlannedShard{}, false
	}
	return p.Shards[i], true
}

// locate finds shards and ranges of the plan below the root of this machine. A shard that is not
// there, or of another size, is an error.
func (p *Plan) locate(ctx context.Context, r Reading, names []string) (shards []shard.Shard, err error) {
	var paths []string
	at := map[string]string{} // name by path
	wanted, named := map[int][]unit{}, make([]bool, len(p.units))
	for _, name := range names {
		units := p.find(name)
		if len(units) == 0 {
			return nil, fmt.Errorf("%q: the plan has no such shard or range", name)
		}
		i := p.units[units[0]].shard
		for _, k := range units {
			if !named[k] {
				named[k], wanted[i] = true, append(wanted[i], p.units[k])
			}
		}
		path := r.below(p.Shards[i].Name)
		if at[path] == "" {
			paths, at[path] = append(paths, path), p.Shards[i].Name
		}
	}
	r.Root, r.Exclude, r.Part = "", nil, [2]int{}
	found, err := r.find(ctx, paths)
	if err != nil {
		return nil, err
	}
	for _, sh := range found.shards {
		i, _ := p.shardNumber(at[sh.Name])
		want := p.Shards[i]
		if sh.Size != want.Size {
			return nil, fmt.Errorf("%s: it has %d bytes and had %d when the plan was made: make the plan again",
				want.Name, sh.Size, want.Size)
		}
		sh.Name, sh.Digest, sh.Cuts, sh.Settled = want.Name, want.Digest, want.Cuts, want.Field
		for _, u := range wanted[i] {
			sh.Range = u.part
			shards = append(shards, sh)
		}
	}
	if len(found.shards) != len(at) {
		return nil, fmt.Errorf("%d shards are two names of one file below this root", len(at)-len(found.shards))
	}
	slices.SortFunc(shards, func(a, b shard.Shard) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Range.At, b.Range.At))
	})
	return shards, nil
}

// load reads the benchmarks, which must be those of the plan.
func (p *Plan) load(ctx context.Context, o Options) (*match.Set, error) {
	set, err := o.load(ctx)
	if err != nil {
		return nil, err
	}
	if o.Reading.key() == p.Reading && slices.Equal(set.Keys(""), p.Searched) {
		return set, nil
	}
	for i, b := range set.Benches {
		if i < len(p.Benchmarks) && !slices.EqualFunc(describeFiles(b), p.Benchmarks[i].Files, sameItems) {
			return nil, fmt.Errorf("the plan was %w: benchmark %s is another on this machine", ErrSettings, b.Name)
		}
	}
	return nil, fmt.Errorf("the plan was %w, or by version %s of the program", ErrSettings, p.Swab)
}
