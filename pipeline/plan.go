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
var planFormat = ledger.Format{Name: "swab plan", Version: 1, Advice: "make it again with swab plan"}

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
	Tasks      [][]int            `json:"tasks"`  // numbers of shards, the largest first
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
}

// PlannedFile is a file of the corpus that is not read.
type PlannedFile struct {
	Name string     `json:"name"`
	Why  string     `json:"why"`
	Fate shard.Fate `json:"fate"`
}

// NewPlan plans a scan in that number of tasks of about equal size. With digests it reads all
// shards for theirs.
func NewPlan(ctx context.Context, o Options, settings any, tasks int, digests bool) (*Plan, error) {
	o.Reading = o.Reading.filled()
	set, err := o.load(ctx)
	found, bad := o.Reading.find(ctx, o.Corpus)
	if err = errors.Join(err, bad); err != nil {
		return nil, err
	}
	p := &Plan{Swab: o.Version, Reading: o.Reading.key(), Searched: set.Keys("")}
	if p.Settings, err = json.Marshal(settings); err != nil {
		return nil, err
	}
	for _, b := range set.Benches {
		p.Benchmarks = append(p.Benchmarks, PlannedBenchmark{b.Name, describeFiles(b)})
	}
	for _, f := range found.files {
		p.Files = append(p.Files, PlannedFile{f.Path, f.Why, f.Fate})
	}
	known := map[string]string{}
	if digests {
		if known, err = shard.Digests(ctx, found.shards, o.Lanes); err != nil {
			return nil, err
		}
	}
	for _, sh := range found.shards {
		if sh.Once {
			return nil, fmt.Errorf("%s: a pipe cannot be read by another machine", sh.Name)
		}
		p.Shards = append(p.Shards, PlannedShard{sh.Name, sh.Size, known[sh.Name]})
	}
	p.divide(max(1, min(tasks, len(p.Shards))))
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

// divide assigns each shard, the largest first, to the task that has the fewest bytes.
func (p *Plan) divide(tasks int) {
	order := make([]int, len(p.Shards))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p.Shards[b].Size, p.Shards[a].Size) })
	p.Tasks = make([][]int, tasks)
	l := make(loads, tasks)
	for k := range l {
		l[k].task = k
	}
	const opening = 64 << 10 // a shard costs more than its bytes
	for _, i := range order {
		p.Tasks[l[0].task] = append(p.Tasks[l[0].task], i)
		l[0].bytes += p.Shards[i].Size + opening
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
	}
	planned := make([]bool, len(p.Shards))
	for _, task := range p.Tasks {
		for _, i := range task {
			if i < 0 || i >= len(p.Shards) || planned[i] {
				return nil, fmt.Errorf("%s: %w: a task has shard number %d", path, ledger.ErrCorrupt, i)
			}
			planned[i] = true
		}
	}
	return p, nil
}

// Task returns the names of the shards of task i, from 1 on.
func (p *Plan) Task(i int) (names []string, err error) {
	if i < 1 || i > len(p.Tasks) {
		return nil, fmt.Errorf("task %d: the plan has tasks 1 to %d", i, len(p.Tasks))
	}
	for _, k := range p.Tasks[i-1] {
		names = append(names, p.Shards[k].Name)
	}
	return names, nil
}

// number returns the number of the shard of that name.
func (p *Plan) number(name string) (int, bool) {
	return slices.BinarySearchFunc(p.Shards, name, func(s PlannedShard, name string) int {
		return strings.Compare(s.Name, name)
	})
}

// shard returns the shard of that name.
func (p *Plan) shard(name string) (PlannedShard, bool) {
	i, ok := p.number(name)
	if !ok {
		return PlannedShard{}, false
	}
	return p.Shards[i], true
}

// locate finds shards of the plan below the root of this machine. A shard that is not there, or
// of another size, is an error.
func (p *Plan) locate(ctx context.Context, r Reading, names []string) (shards []shard.Shard, err error) {
	var paths []string
	at := map[string]string{} // name by path
	for _, name := range names {
		if _, ok := p.shard(name); !ok {
			return nil, fmt.Errorf("%s: the plan has no such shard", name)
		}
		path := r.below(name)
		paths, at[path] = append(paths, path), name
	}
	r.Root, r.Exclude, r.Part = "", nil, [2]int{}
	found, err := r.find(ctx, paths)
	if err != nil {
		return nil, err
	}
	for _, sh := range found.shards {
		want, _ := p.shard(at[sh.Name])
		if sh.Size != want.Size {
			return nil, fmt.Errorf("%s: it has %d bytes and had %d when the plan was made: make the plan again",
				want.Name, sh.Size, want.Size)
		}
		sh.Name, sh.Digest = want.Name, want.Digest
		shards = append(shards, sh)
	}
	if len(shards) != len(at) {
		return nil, fmt.Errorf("%d shards are two names of one file below this root", len(at)-len(shards))
	}
	slices.SortFunc(shards, func(a, b shard.Shard) int { return strings.Compare(a.Name, b.Name) })
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
