package pipeline

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"slices"

	"swab/pipeline/audit"
)

// changes compares the verdicts of a run with those of the audit that it replaces. Both list
// items in the same order, so that the earlier ones are read beside the new ones, one item
// at a time. A benchmark with other files or other fields than before is not compared.
type changes struct {
	earlier *audit.Reader
	next    func() (*audit.Verdict, error, bool)
	stop    func()
	verdict *audit.Verdict // the next of the earlier audit, or nil
	same    map[string]bool
	before  map[string]audit.Change // of the present item, by method
	count   map[audit.Change]int64
	failed  error // that ended the reading
}

// openChanges opens the audit in out for a run whose audit is about. It returns nil where
// there is none.
func openChanges(ctx context.Context, out string, about *audit.Audit) (c *changes, err error) {
	earlier, err := audit.Open(out)
	switch {
	case errors.Is(err, audit.ErrNone) || errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	c = &changes{earlier: earlier, same: map[string]bool{}, count: map[audit.Change]int64{}}
	for _, b := range about.Benchmarks {
		c.same[b.Name] = slices.ContainsFunc(earlier.About.Benchmarks, func(old audit.Benchmark) bool {
			return old.Name == b.Name && slices.EqualFunc(old.Files, b.Files, sameItems)
		})
	}
	c.next, c.stop = iter.Pull2(earlier.Verdicts(ctx))
	return c, nil
}

// sameItems reports whether two files have the same items, whatever their paths.
func sameItems(a, b audit.BenchmarkFile) bool {
	return a.Split == b.Split && a.Digest == b.Digest && a.Items == b.Items && a.Fields == b.Fields
}

// advance reads the earlier verdicts on an item. Items come in the order of the audit. An
// earlier audit that cannot be read is no error of this run: nothing more is compared.
func (c *changes) advance(benchmark, split string, index int64) {
	if c == nil || !c.same[benchmark] {
		return
	}
	c.before = map[string]audit.Change{}
	for {
		if c.verdict == nil {
			v, err, more := c.next()
			if err != nil {
				c.failed, c.same, c.count = err, nil, nil
			}
			if err != nil || !more {
				return
			}
			c.verdict = v
		}
		v := c.verdict
		switch {
		case v.Benchmark == benchmark && v.Split == split && v.Index == index:
			c.before[v.Method] = audit.Change{FromState: v.State, FromKind: v.Kind}
		case c.same[v.Benchmark] && v.Benchmark >= benchmark: // of a later item
			return
		}
		c.verdict = nil
	}
}

// compare counts a new verdict on the item if the earlier one was another.
func (c *changes) compare(v *audit.Verdict) {
	if c == nil || !c.same[v.Benchmark] {
		return
	}
	change, had := c.before[v.Method]
	if !had || change.FromState == v.State && change.FromKind == v.Kind {
		return
	}
	change.Method, change.ToState, change.ToKind = v.Method, v.State, v.Kind
	c.count[change]++
}

// close closes the earlier audit and returns the counts, sorted, and the error that ended
// the reading, if any.
func (c *changes) close() (list []audit.Change, failed error) {
	if c == nil {
		return nil, nil
	}
	c.stop()
	for change, n := range c.count {
		change.Items = n
		list = append(list, change)
	}
	slices.SortFunc(list, audit.Change.Compare)
	return list, errors.Join(c.failed, c.earlier.Close())
}
