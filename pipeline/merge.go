package pipeline

import (
	"cmp"
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

// resultsEnding is the ending of files of results.
const resultsEnding = ".swabr"

// A collection is the results of a plan's shards.
type collection struct {
	plan    *Plan
	names   []string            // by shard of the plan
	entries []*ledger.Entry     // likewise; nil: it has no result
	from    [][]match.Section   // by subject
	ranges  map[int]*fileResult // by unit of the plan: results of ranges
}

// A fileResult is a result in a file.
type fileResult struct {
	file   string
	result *ledger.Result
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
	var all []fileResult
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
				all = append(all, fileResult{file, &groups[g].Results[k]})
			}
		}
	}
	failed := func(f fileResult) int {
		if len(f.result.Entries) == 1 && f.result.Entries[0].Error != "" {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b fileResult) int { // those that hold others first
		return cmp.Or(failed(a)-failed(b), len(b.result.Entries)-len(a.result.Entries))
	})
	c := &collection{plan: p, entries: make([]*ledger.Entry, len(p.Shards)), ranges: map[int]*fileResult{}}
	c.from = make([][]match.Section, len(p.Searched))
	for i := range p.Shards {
		c.names = append(c.names, p.Shards[i].Name)
	}
	united := false
	for i := range all {
		f := &all[i]
		if failed(*f) == 1 && !united { // ranges count before a shard that failed
			united = true
			if err := c.unite(); err != nil {
				return nil, err
			}
		}
		if f.result.Entries[0].Range != nil {
			if err := c.addRange(f); err != nil {
				return nil, err
			}
			continue
		}
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
		names := c.add(f.result)
		for _, s := range f.result.Sections {
			c.from[s.Of] = append(c.from[s.Of], match.Section{Path: f.file, At: s.At, Size: s.Size, Names: names})
		}
	}
	if !united {
		if err := c.unite(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// addRange adds the result of a range.
func (c *collection) addRange(f *fileResult) error {
	e := &f.result.Entries[0]
	part := shard.Range{At: e.Range.At, End: e.Range.End}
	units := c.plan.find(nameRange(e.Name, part))
	if len(units) != 1 {
		return fmt.Errorf("%s: %w: the plan has no range of shard %s from byte %d to %d",
			f.file, errNotPlanned, e.Name, part.At, part.End)
	}
	want := &c.plan.Shards[c.plan.units[units[0]].shard]
	if e.Size != want.Size || want.Digest != "" && e.Digest != "" && e.Digest != want.Digest {
		return errChangedSince(f.file, e.Name)
	}
	if old := c.ranges[units[0]]; old != nil && !sameEntry(&old.result.Entries[0], e) {
		return differ(f.file, e.Name)
	}
	e.Name = want.Name // which is kept anyway
	c.ranges[units[0]] = f
	return nil
}

// errChangedSince returns the error of a result of an earlier or later content of a shard.
func errChangedSince(file, name string) error {
	return fmt.Errorf("%s: %w: shard %s has changed since the plan was made", file, errNotPlanned, name)
}

// unite makes results of shards of those of their ranges, where all are there.
func (c *collection) unite() error {
	for i := range c.plan.Shards {
		first, end := c.plan.unitsOf(i)
		if c.entries[i] != nil || end == first+1 {
			continue
		}
		var parts []*ledger.Entry
		for k := first; k < end && c.ranges[k] != nil; k++ {
			parts = append(parts, &c.ranges[k].result.Entries[0])
		}
		if len(parts) < end-first {
			continue
		}
		e, before, err := ledger.Unite(parts)
		if err != nil {
			return err
		}
		c.entries[i] = &e
		for k := first; k < end; k++ {
			for _, s := range c.ranges[k].result.Sections {
				c.from[s.Of] = append(c.from[s.Of], match.Section{
					Path: c.ranges[k].file, At: s.At, Size: s.Size, Names: c.names[i : i+1 : i+1], FirstRow: before[k-first],
				})
			}
		}
	}
	return nil
}

// loose returns the units of which there are results and none of the shard, in ascending order.
func (c *collection) loose() (list []int) {
	for k := range c.ranges {
		if c.entries[c.plan.units[k].shard] == nil {
			list = append(list, k)
		}
	}
	slices.Sort(list)
	return list
}

// sameEntry reports whether two entries are equal.
func sameEntry(a, b *ledger.Entry) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// differ returns the error of a shard with two results that differ.
func differ(file, name string) error {
	return fmt.Errorf("%s: shard %s has two results that differ: it changed between two tasks", file, name)
}

// add adds the entries of a result, and returns the names of its shards.
func (c *collection) add(r *ledger.Result) (names []string) {
	for k := range r.Entries {
		i, _ := c.plan.shardNumber(r.Entries[k].Name)
		c.entries[i] = &r.Entries[k]
		r.Entries[k].Name = c.names[i] // which is kept anyway
		if len(r.Entries) == 1 {
			return c.names[i : i+1 : i+1]
		}
		names = append(names, c.names[i])
	}
	return names
}

// compare returns the number of a result's shards that no other result has yet. The error names a
// shard that is not the plan's, or is another in two results.
func (c *collection) compare(file string, r *ledger.Result) (fresh int, err error) {
	for k := range r.Entries {
		e := &r.Entries[k]
		i, ok := c.plan.shardNumber(e.Name)
		if !ok {
			return 0, fmt.Errorf("%s: %w: shard %s is not in the plan", file, errNotPlanned, e.Name)
		}
		switch want := &c.plan.Shards[i]; {
		case e.Size != want.Size || want.Digest != "" && e.Error == "" && e.Digest != want.Digest:
			return 0, errChangedSince(file, e.Name)
		}
		old := c.entries[i]
		if old == nil || old.Error != "" && e.Error == "" {
			fresh++
			continue
		}
		if (e.Error == "" || old.Error != "") && !sameEntry(old, e) {
			return 0, differ(file, e.Name)
		}
	}
	return fresh, nil
}

// present returns the names of the shards that have a result, sorted.
func (c *collection) present() (names []string) {
	for i, e := range c.entries {
		if e != nil {
			names = append(names, c.names[i])
		}
	}
	return names
}

// missing returns the names of the units that have none.
func (c *collection) missing() (names []string) {
	for k, u := range c.plan.units {
		if c.entries[u.shard] == nil && c.ranges[k] == nil {
			names = append(names, c.plan.name(k))
		}
	}
	return names
}

// unread returns the names of the shards that have none.
func (c *collection) unread() (names []string) {
	for i, e := range c.entries {
		if e == nil {
			names = append(names, c.names[i])
		}
	}
	return names
}

// sorted returns the entries by name.
func (c *collection) sorted() []ledger.Entry {
	entries := make([]ledger.Entry, 0, len(c.entries))
	for _, e := range c.entries {
		if e != nil {
			entries = append(entries, *e)
		}
	}
	return entries
}

// mergeFiles writes the merged results of files into one, with one result of all their shards.
func mergeFiles(
	set *match.Set, p *Plan, files []string, out string, write func(path string, write func(io.Writer) error) error,
) error {
	c, err := collectResults(p, files)
	if err != nil {
		return err
	}
	names, loose := c.present(), c.loose()
	if len(names)+len(loose) == 0 {
		return nil
	}
	temp, err := os.MkdirTemp(filepath.Dir(out), ".merge")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	return write(out, func(f io.Writer) error {
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
		if len(names) > 0 {
			w.End(c.sorted(), nil)
		}
		for _, k := range loose {
			if err := c.ranges[k].copyTo(w); err != nil {
				return err
			}
		}
		_, err = w.Close()
		return err
	})
}

// copyTo writes a result as it is.
func (f *fileResult) copyTo(w *ledger.ResultWriter) error {
	in, err := os.Open(f.file)
	if err != nil {
		return err
	}
	defer in.Close()
	for _, s := range f.result.Sections {
		err := w.Section(s.Of, func(out io.Writer) error {
			_, err := io.Copy(out, io.NewSectionReader(in, s.At, s.Size))
			return err
		})
		if err != nil {
			return err
		}
	}
	w.End(f.result.Entries, nil)
	return nil
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
	return mergeFiles(set, p, files, out, publish.WriteFile)
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
	Missing              []string // shards and ranges without a result
	FailedShards         []ledger.Entry
	Stale                []Stale
}

// A Stale file has results that are not the plan's, or cannot be read.
type Stale struct {
	File string
	Err  error
}

// Outdated reports whether nothing can use the file with this plan: its results were made with other
// settings, of other shards or of earlier contents, by another version, or it is damaged. It has the
// name of a file of results.
func (s Stale) Outdated() bool {
	if !strings.HasSuffix(s.File, resultsEnding) {
		return false
	}
	for _, is := range []error{ErrSettings, errNotPlanned, ledger.ErrVersion, ledger.ErrCorrupt} {
		if errors.Is(s.Err, is) {
			return true
		}
	}
	return false
}

// errNotPlanned means that a result is of another shard than those of a plan.
var errNotPlanned = errors.New("made for another plan")

// Status compares a plan with files of results.
func (p *Plan) Status(files []string) *PlanStatus {
	s := &PlanStatus{Shards: len(p.Shards)}
	have := make([]*ledger.Entry, len(p.Shards))
	ranges := map[int]bool{} // units
	for _, file := range files {
		c, err := collectResults(p, []string{file})
		if err != nil {
			s.Stale = append(s.Stale, Stale{file, err})
			continue
		}
		for i, e := range c.entries {
			if e != nil && (have[i] == nil || have[i].Error != "") {
				have[i] = e
			}
		}
		for k := range c.ranges {
			ranges[k] = true
		}
	}
	for k, u := range p.units {
		s.Bytes += p.bytes(k)
		if have[u.shard] == nil && !ranges[k] {
			s.Missing = append(s.Missing, p.name(k))
			continue
		}
		s.DoneBytes += p.bytes(k)
	}
	for i := range p.Shards {
		e := have[i]
		if e == nil {
			first, end := p.unitsOf(i)
			for first < end && ranges[first] {
				first++
			}
			if first == end {
				s.Done++
			}
			continue
		}
		s.Done++
		if e.Error != "" {
			s.Failed++
			s.FailedShards = append(s.FailedShards, *e)
		}
	}
	return s
}

// MissingError lists the shards and ranges of a plan that have no result. It is ErrMissing.
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
	unread := c.unread()
	if len(unread) > 0 && !o.AllowIncomplete {
		return nil, &MissingError{c.missing()}
	}
	for _, name := range unread {
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
