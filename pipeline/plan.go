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
	"path/filepath"
	"slices"
	"strings"

	"swab/pipeline/audit"
	"swab/pipeline/ledger"
	"swab/pipeline/match"
	"swab/pipeline/publish"
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
		if i > 0 && p.Shards[i-1].Name >= s.Name {
			return nil, fmt.Errorf("%s: %w: shard %q is listed twice or out of order", path, ledger.ErrCorrupt, s.Name)
		}
	}
	for _, task := range p.Tasks {
		for _, i := range task {
			if i < 0 || i >= len(p.Shards) {
				return nil, fmt.Errorf("%s: %w: a task has shard number %d", path, ledger.ErrCorrupt, i)
			}
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

// shard returns the shard of that name.
func (p *Plan) shard(name string) (PlannedShard, bool) {
	i, ok := slices.BinarySearchFunc(p.Shards, name, func(s PlannedShard, name string) int {
		return strings.Compare(s.Name, name)
	})
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

// resultsEnding is the ending of files of results.
const resultsEnding = ".swabr"

// A resultDir is a directory of files of results of shards that a plan has.
type resultDir string

func (d resultDir) Results() (keys []string, err error) {
	entries, err := os.ReadDir(string(d))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if key, ok := strings.CutSuffix(e.Name(), resultsEnding); ok && !strings.HasPrefix(key, ".") {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func (d resultDir) Get(key string) (string, bool) {
	path := filepath.Join(string(d), key+resultsEnding)
	_, err := os.Stat(path)
	return path, err == nil
}

func (d resultDir) Put(key string, write func(w io.Writer) error) error {
	return publish.WriteFile(filepath.Join(string(d), key+resultsEnding), write)
}

func (d resultDir) Temp() (string, error) { return string(d), nil }

// WorkOptions are those of Work, beside the options of the scan.
type WorkOptions struct {
	Plan   *Plan
	Shards []string // by name
	Dir    string   // of results; it is made
	Merge  bool     // leave one file of results

	// Done is called for every shard once its result is on disk, by one goroutine at a time.
	Done func(WorkResult) error
}

// A WorkResult says that a shard has a result.
type WorkResult struct {
	Shard     string `json:"shard"`
	Result    string `json:"result"` // file
	Size      int64  `json:"size"`   // of the shard, bytes
	Documents int64  `json:"documents"`
	Kept      bool   `json:"kept,omitempty"` // by an earlier run
	Error     string `json:"error,omitempty"`
}

// Work makes results of some shards of a plan, but for those that have one in the directory. A
// damaged shard has a result that says so. An error is trouble of this machine: what was
// finished stays, and Work can be called again, here or elsewhere.
func Work(ctx context.Context, o Options, w WorkOptions) error {
	o.Reading = o.Reading.filled()
	o.Reading.strict = true
	set, err := w.Plan.load(ctx, o)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(w.Dir, 0o777); err != nil {
		return err
	}
	tell := func(d *done, file string) error {
		if w.Done == nil {
			return nil
		}
		e := &d.entry
		return w.Done(WorkResult{d.shard.Name, file, e.Size, e.Documents, d.kept, e.Error})
	}
	names, err := w.keepMerged(tell)
	if err != nil {
		return err
	}
	shards, err := w.Plan.locate(ctx, o.Reading, names)
	if err != nil {
		return err
	}
	r := &run{
		o: o, set: set, store: resultDir(w.Dir), done: doneOf(shards), bad: &badRows{allowed: -1}, finished: tell,
	}
	if err := r.read(ctx); err != nil || !w.Merge {
		return err
	}
	return w.mergeAll(set)
}

// keepMerged returns the shards that have no result in a merged file, after telling of the
// others.
func (w WorkOptions) keepMerged(tell func(*done, string) error) (names []string, err error) {
	merged := map[string]bool{}
	keys, err := resultDir(w.Dir).Results()
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		path, _ := resultDir(w.Dir).Get(key)
		groups, err := ledger.ReadResults(path)
		if err != nil {
			continue // its shards are read again
		}
		for _, g := range groups {
			for _, r := range g.Results {
				if len(r.Entries) == 1 || g.Reading != w.Plan.Reading || !slices.Equal(g.Searched, w.Plan.Searched) {
					continue
				}
				for _, e := range r.Entries {
					want, ok := w.Plan.shard(e.Name)
					if !ok || want.Size != e.Size || !slices.Contains(w.Shards, e.Name) {
						continue
					}
					merged[e.Name] = true
					if err := tell(&done{shard: shard.Shard{Name: e.Name}, entry: e, kept: true}, path); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(w.Shards), func(name string) bool { return merged[name] }), nil
}

// mergeAll replaces the files of results by one.
func (w WorkOptions) mergeAll(set *match.Set) error {
	keys, err := resultDir(w.Dir).Results()
	if err != nil || len(keys) < 2 {
		return err
	}
	var files []string
	for _, key := range keys {
		path, _ := resultDir(w.Dir).Get(key)
		files = append(files, path)
	}
	const name = "merged"
	out := filepath.Join(w.Dir, name+resultsEnding)
	if err := mergeFiles(set, w.Plan, files, out); err != nil {
		return err
	}
	for _, file := range files {
		if file != out {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	return nil
}

// A collection is the results of a plan's shards.
type collection struct {
	plan    *Plan
	entries map[string]ledger.Entry
	from    [][]match.Section // by subject
}

// FindResults returns the files of results that are named, or are in directories that are.
func FindResults(paths []string) (files []string, err error) {
	for _, path := range paths {
		err := filepath.WalkDir(path, func(name string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() && (name == path || strings.HasSuffix(name, resultsEnding)) &&
				!strings.HasPrefix(e.Name(), ".") {
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// collectResults reads the results of a plan's shards. A shard that two results have counts
// once if both are the same; one that was read to its end counts before one that failed.
func collectResults(p *Plan, files []string) (*collection, error) {
	type found struct {
		file   string
		group  *ledger.ResultGroup
		result *ledger.Result
	}
	var all []found
	for _, file := range files {
		groups, err := ledger.ReadResults(file)
		if err != nil {
			return nil, err
		}
		for g := range groups {
			if groups[g].Reading != p.Reading || !slices.Equal(groups[g].Searched, p.Searched) {
				return nil, fmt.Errorf("%s: %w than the plan's", file, ErrSettings)
			}
			for k := range groups[g].Results {
				all = append(all, found{file, &groups[g], &groups[g].Results[k]})
			}
		}
	}
	failed := func(f found) int {
		if len(f.result.Entries) == 1 && f.result.Entries[0].Error != "" {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b found) int { // those that hold others first
		return cmp.Or(failed(a)-failed(b), len(b.result.Entries)-len(a.result.Entries))
	})
	c := &collection{plan: p, entries: map[string]ledger.Entry{}, from: make([][]match.Section, len(p.Searched))}
	for _, f := range all {
		fresh, err := c.compare(f.file, f.result)
		switch {
		case err != nil:
			return nil, err
		case fresh == 0:
			continue
		case fresh < len(f.result.Entries):
			return nil, fmt.Errorf("%s: another result has some of its shards and not all of them: merge either of them",
				f.file)
		}
		for _, e := range f.result.Entries {
			c.entries[e.Name] = e
		}
		for _, s := range f.result.Sections {
			sec := match.Section{Path: f.file, At: s.At, Size: s.Size, Names: f.result.Names()}
			c.from[s.Of] = append(c.from[s.Of], sec)
		}
	}
	return c, nil
}

// compare returns the number of a result's shards that no other result has yet. The error names a
// shard that is not the plan's, or is another in two results.
func (c *collection) compare(file string, r *ledger.Result) (fresh int, err error) {
	for _, e := range r.Entries {
		want, ok := c.plan.shard(e.Name)
		switch {
		case !ok:
			return 0, fmt.Errorf("%s: shard %s is not in the plan", file, e.Name)
		case e.Size != want.Size || want.Digest != "" && e.Error == "" && e.Digest != want.Digest:
			return 0, fmt.Errorf("%s: shard %s has changed since the plan was made", file, e.Name)
		}
		old, twice := c.entries[e.Name]
		if !twice || old.Error != "" && e.Error == "" {
			fresh++
			continue
		}
		a, _ := json.Marshal(old)
		b, _ := json.Marshal(e)
		if string(a) != string(b) && (e.Error == "" || old.Error != "") {
			return 0, fmt.Errorf("%s: shard %s has two results that differ: it changed between two tasks", file, e.Name)
		}
	}
	return fresh, nil
}

// names returns the names of the shards that have a result, sorted.
func (c *collection) names() (names []string) {
	for _, s := range c.plan.Shards {
		if _, ok := c.entries[s.Name]; ok {
			names = append(names, s.Name)
		}
	}
	return names
}

// sorted returns the entries by name.
func (c *collection) sorted() (entries []ledger.Entry) {
	for _, name := range c.names() {
		entries = append(entries, c.entries[name])
	}
	return entries
}

// mergeFiles writes the merged results of files into one, with one result of all their shards.
func mergeFiles(set *match.Set, p *Plan, files []string, out string) error {
	c, err := collectResults(p, files)
	if err != nil || len(c.entries) == 0 {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(out), ".merge")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	names := c.names()
	return publish.WriteFile(out, func(f io.Writer) error {
		w, err := ledger.NewResultWriter(f)
		if err != nil {
			return err
		}
		w.Group(p.Reading, p.Searched)
		for of, list := range c.from {
			if len(list) == 0 {
				continue
			}
			if list, err = set.Reduce(of, list, names, temp); err != nil {
				return err
			}
			if err := w.Section(of, func(o io.Writer) error { return set.MergeSections(o, of, list, names) }); err != nil {
				return err
			}
		}
		w.End(c.sorted(), nil)
		_, err = w.Close()
		return err
	})
}

// MergeResults writes the merged results of some shards of a plan into one file.
func MergeResults(ctx context.Context, o Options, p *Plan, files []string, out string) error {
	set, err := p.load(ctx, o)
	if err == nil {
		err = set.BuildFor(make([]bool, set.Subjects()))
	}
	if err != nil {
		return err
	}
	return mergeFiles(set, p, files, out)
}

// NotIndexed returns the shards of a plan that none of the indexes in dirs has.
func (p *Plan) NotIndexed(dirs []string) (missing []string, err error) {
	has := map[string]bool{}
	for _, dir := range dirs {
		x, err := ledger.LoadIndex(dir)
		if err != nil {
			return nil, err
		}
		for _, s := range x.Shards {
			has[s.Name] = true
		}
	}
	for _, s := range p.Shards {
		if !has[s.Name] {
			missing = append(missing, s.Name)
		}
	}
	return missing, nil
}

// PlanStatus is how far the work on a plan is.
type PlanStatus struct {
	Shards, Done, Failed int
	Bytes, DoneBytes     int64
	Missing              []string // shards without a result
	FailedShards         []ledger.Entry
	Stale                []string // files whose results are not the plan's, with the reason
}

// Status compares a plan with files of results.
func (p *Plan) Status(files []string) *PlanStatus {
	s := &PlanStatus{Shards: len(p.Shards)}
	have := map[string]ledger.Entry{}
	for _, file := range files {
		c, err := collectResults(p, []string{file})
		if err != nil {
			s.Stale = append(s.Stale, err.Error())
			continue
		}
		for name, e := range c.entries {
			if old, ok := have[name]; !ok || old.Error != "" {
				have[name] = e
			}
		}
	}
	for _, sh := range p.Shards {
		e, ok := have[sh.Name]
		s.Bytes += sh.Size
		if !ok {
			s.Missing = append(s.Missing, sh.Name)
			continue
		}
		s.Done++
		s.DoneBytes += sh.Size
		if e.Error != "" {
			s.Failed++
			s.FailedShards = append(s.FailedShards, e)
		}
	}
	return s
}

// MissingError lists the shards of a plan that have no result. It is ErrMissing.
type MissingError struct{ Names []string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("%d %v, the first is %s", len(e.Names), ErrMissing, e.Names[0])
}

func (e *MissingError) Is(target error) bool { return target == ErrMissing }

// PublishPlan publishes the audit of a plan from files of results, as Scan does of the same
// shards. The error is a MissingError if shards have no result, unless o.AllowIncomplete: then the
// audit lists them and is not complete.
func PublishPlan(ctx context.Context, o Options, p *Plan, files []string) (sum *Summary, err error) {
	o.Reading = o.Reading.filled()
	set, err := p.load(ctx, o)
	if err != nil {
		return nil, err
	}
	c, err := collectResults(p, files)
	if err != nil {
		return nil, err
	}
	r := &run{
		o: o, set: set, source: evidence{set}, known: c.sorted(), merged: c.from, bad: &badRows{allowed: o.MaxBadRows},
	}
	for _, f := range p.Files {
		r.files.files = append(r.files.files, shard.Skipped{Path: f.Name, Why: f.Why, Fate: f.Fate})
	}
	var missing []string
	for _, sh := range p.Shards {
		if _, ok := c.entries[sh.Name]; !ok {
			missing = append(missing, sh.Name)
		}
	}
	if len(missing) > 0 && !o.AllowIncomplete {
		return nil, &MissingError{missing}
	}
	for _, name := range missing {
		r.files.files = append(r.files.files, shard.Skipped{Path: name, Why: "it has no result", Fate: shard.Unread})
	}
	for _, e := range r.known {
		if err := r.bad.count(e); err != nil {
			return nil, err
		}
	}
	if err := set.BuildFor(make([]bool, set.Subjects())); err != nil {
		return nil, err
	}
	if r.dir, err = audit.OpenOut(o.Out); err != nil {
		return nil, err
	}
	if sum, err = r.publish(ctx); err == nil {
		sum.Files = r.files.files
	}
	return sum, errors.Join(err, r.dir.Close())
}
