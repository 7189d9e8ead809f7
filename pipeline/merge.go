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
	names   []string          // by shard of the plan
	entries []*ledger.Entry   // likewise; nil: it has no result
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
	c := &collection{plan: p, entries: make([]*ledger.Entry, len(p.Shards))}
	c.from = make([][]match.Section, len(p.Searched))
	for i := range p.Shards {
		c.names = append(c.names, p.Shards[i].Name)
	}
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
		names := c.add(f.result)
		for _, s := range f.result.Sections {
			c.from[s.Of] = append(c.from[s.Of], match.Section{Path: f.file, At: s.At, Size: s.Size, Names: names})
		}
	}
	return c, nil
}

// add adds the entries of a result, and returns the names of its shards.
func (c *collection) add(r *ledger.Result) (names []string) {
	for k := range r.Entries {
		i, _ := c.plan.number(r.Entries[k].Name)
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
		i, ok := c.plan.number(e.Name)
		if !ok {
			return 0, fmt.Errorf("%s: shard %s is not in the plan", file, e.Name)
		}
		switch want := &c.plan.Shards[i]; {
		case e.Size != want.Size || want.Digest != "" && e.Error == "" && e.Digest != want.Digest:
			return 0, fmt.Errorf("%s: shard %s has changed since the plan was made", file, e.Name)
		}
		old := c.entries[i]
		if old == nil || old.Error != "" && e.Error == "" {
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

// present returns the names of the shards that have a result, sorted.
func (c *collection) present() (names []string) {
	for i, e := range c.entries {
		if e != nil {
			names = append(names, c.names[i])
		}
	}
	return names
}

// missing returns the names of the others.
func (c *collection) missing() (names []string) {
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
	names := c.present()
	if len(names) == 0 {
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
	Missing              []string // shards without a result
	FailedShards         []ledger.Entry
	Stale                []string // files whose results are not the plan's, with the reason
}

// Status compares a plan with files of results.
func (p *Plan) Status(files []string) *PlanStatus {
	s := &PlanStatus{Shards: len(p.Shards)}
	have := make([]*ledger.Entry, len(p.Shards))
	for _, file := range files {
		c, err := collectResults(p, []string{file})
		if err != nil {
			s.Stale = append(s.Stale, err.Error())
			continue
		}
		for i, e := range c.entries {
			if e != nil && (have[i] == nil || have[i].Error != "") {
				have[i] = e
			}
		}
	}
	for i, sh := range p.Shards {
		e := have[i]
		s.Bytes += sh.Size
		if e == nil {
			s.Missing = append(s.Missing, sh.Name)
			continue
		}
		s.Done++
		s.DoneBytes += sh.Size
		if e.Error != "" {
			s.Failed++
			s.FailedShards = append(s.FailedShards, *e)
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
	missing := c.missing()
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
