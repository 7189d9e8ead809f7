package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"swab/pipeline/ledger"
	"swab/pipeline/match"
	"swab/pipeline/publish"
	"swab/pipeline/shard"
)

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
	return publish.PutFile(filepath.Join(string(d), key+resultsEnding), write)
}

// Temp is elsewhere, since what a task that is killed leaves must not be beside results.
func (d resultDir) Temp() (string, error) { return os.TempDir(), nil }

// WorkOptions are those of Work, beside the options of the scan.
type WorkOptions struct {
	Plan   *Plan
	Shards []string // names of shards and ranges
	Dir    string   // of results; it is made
	Merge  bool     // leave one file of results

	// Done is called for every shard once its result is on disk, by one goroutine at a time.
	Done func(WorkResult) error
}

// A WorkResult says that a shard has a result.
type WorkResult struct {
	Shard     string `json:"shard"`
	Range     string `json:"range,omitempty"` // of a range: its first byte, a hyphen and the byte behind its last
	Result    string `json:"result"`          // file
	Size      int64  `json:"size"`            // of the shard or range, bytes
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
	if err := publish.MakeDir(w.Dir); err != nil {
		return err
	}
	tell := func(d *done, file string) error {
		if w.Done == nil {
			return nil
		}
		e := &d.entry
		part, size := "", e.Size
		if g := e.Range; g != nil {
			part, size = fmt.Sprintf("%d-%d", g.At, g.End), g.End-g.At
		}
		return w.Done(WorkResult{d.shard.Name, part, file, size, e.Documents, d.kept, e.Error})
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
	wanted := map[string]bool{} // units
	for _, name := range w.Shards {
		for _, k := range w.Plan.find(name) {
			wanted[w.Plan.name(k)] = true
		}
	}
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
					has := false
					for _, k := range w.Plan.find(e.Name) {
						name := w.Plan.name(k)
						merged[name] = ok && want.Size == e.Size
						has = has || merged[name] && wanted[name]
					}
					if !has {
						continue
					}
					if err := tell(&done{shard: shard.Shard{Name: e.Name}, entry: e, kept: true}, path); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	for _, name := range w.Shards {
		units := w.Plan.find(name)
		if len(units) == 0 {
			names = append(names, name) // which is refused
		}
		for _, k := range units {
			if unit := w.Plan.name(k); !merged[unit] {
				names = append(names, unit)
			}
		}
	}
	return names, nil
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
	if err := mergeFiles(set, w.Plan, files, out, publish.PutFile); err != nil {
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
