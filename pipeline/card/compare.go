package card

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"swab/pipeline/audit"
	"swab/pipeline/ledger"
	"swab/pipeline/report"
)

// A Comparison is what differs between two audits of the same benchmarks, for example of two
// releases of a corpus. Its JSON form is what swab compare writes.
type Comparison struct {
	Old     string          `json:"old"` // directories
	New     string          `json:"new"`
	Counts  []ChangeCount   `json:"counts"` // by benchmark and method
	Changes []VerdictChange `json:"changes"`
	More    int64           `json:"more_changes"` // beyond those listed
	Notes   []string        `json:"notes"`        // on what else differs
}

// ChangeCount counts the items of a benchmark by how a method's verdict on them changed.
type ChangeCount struct {
	Benchmark string `json:"benchmark"`
	Method    string `json:"method"`
	Items     int64  `json:"items"`   // in both audits
	Newly     int64  `json:"newly"`   // found now, and not before
	Gone      int64  `json:"gone"`    // found before, and not now
	Kind      int64  `json:"kind"`    // of another kind
	Added     int64  `json:"added"`   // items that only the new audit has
	Removed   int64  `json:"removed"` // items that only the old audit has
}

// VerdictChange is one item whose verdict changed, and why as far as the audits say.
type VerdictChange struct {
	Benchmark string      `json:"benchmark"`
	Split     string      `json:"split"`
	Item      string      `json:"item"`
	Method    string      `json:"method"`
	FromState audit.State `json:"from_state"`
	FromKind  string      `json:"from_kind"`
	ToState   audit.State `json:"to_state"`
	ToKind    string      `json:"to_kind"`
	Why       string      `json:"why"`
	place     place
}

// place is where an item is in a benchmark. Items are the same if their place and content are.
type place struct {
	benchmark, split string
	index            int64
}

// judged is a method's verdict.
type judged struct {
	method string
	state  audit.State
	kind   string
}

// known is an item of the old audit.
type known struct {
	digest   string
	verdicts []judged
	seen     bool
}

// maxChanges is the largest number of items that a comparison lists.
const maxChanges = 1000

// Compare compares two audits. It holds the verdicts of the old one in memory.
func Compare(ctx context.Context, before, after string) (*Comparison, error) {
	var r [2]*audit.Reader
	for i, dir := range []string{before, after} {
		var err error
		if r[i], err = audit.Open(dir); err != nil {
			return nil, err
		}
		defer r[i].Close()
	}
	c := &Comparison{Old: before, New: after, Counts: []ChangeCount{}, Changes: []VerdictChange{}, Notes: []string{}}
	items := map[place]*known{}
	for it, err := range r[0].Items(ctx) {
		if err != nil {
			return nil, err
		}
		k := &known{digest: it.Digest}
		for i := range it.Verdicts {
			v := &it.Verdicts[i]
			k.verdicts = append(k.verdicts, judged{strings.Clone(v.Method), v.State, strings.Clone(v.Kind)})
		}
		items[place{it.Benchmark, it.Split, it.Index}] = k
	}
	counts := map[[2]string]*ChangeCount{}
	count := func(benchmark, method string) *ChangeCount {
		key := [2]string{benchmark, method}
		if counts[key] == nil {
			counts[key] = &ChangeCount{Benchmark: benchmark, Method: method}
		}
		return counts[key]
	}
	for it, err := range r[1].Items(ctx) {
		if err != nil {
			return nil, err
		}
		at := place{it.Benchmark, it.Split, it.Index}
		k := items[at]
		same := k != nil && k.digest == it.Digest
		if same {
			k.seen = true
		}
		for i := range it.Verdicts {
			v := &it.Verdicts[i]
			n := count(it.Benchmark, v.Method)
			if !same {
				n.Added++
				continue
			}
			for _, old := range k.verdicts {
				if old.method == v.Method {
					n.Items++
					c.add(n, at, it.ID, old, judged{v.Method, v.State, v.Kind})
				}
			}
		}
	}
	for at, k := range items {
		for _, v := range k.verdicts {
			if !k.seen {
				count(at.benchmark, v.method).Removed++
			}
		}
	}
	byName := func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }
	for _, key := range slices.SortedFunc(maps.Keys(counts), byName) {
		c.Counts = append(c.Counts, *counts[key])
	}
	return c, c.explain(ctx, r[0], r[1])
}

// add counts a verdict, and lists it if it changed.
func (c *Comparison) add(n *ChangeCount, at place, id string, from, to judged) {
	switch {
	case to.state.Found() && !from.state.Found():
		n.Newly++
	case from.state.Found() && !to.state.Found():
		n.Gone++
	case from.kind != to.kind:
		n.Kind++
	default:
		return
	}
	if len(c.Changes) == maxChanges {
		c.More++
		return
	}
	c.Changes = append(c.Changes, VerdictChange{
		strings.Clone(at.benchmark), strings.Clone(at.split), strings.Clone(id), from.method,
		from.state, from.kind, to.state, strings.Clone(to.kind), "", at,
	})
}

// explain says why verdicts changed: by another version of the method, another reading of the
// benchmark, or a document that only one of the corpora has.
func (c *Comparison) explain(ctx context.Context, before, after *audit.Reader) error {
	reasons := map[string]string{} // by method, and by benchmark
	for _, m := range after.About.Methods {
		for _, o := range before.About.Methods {
			if m.Name == o.Name && m.Version != o.Version {
				reasons["m"+m.Name] = fmt.Sprintf("method: version %d, was %d", m.Version, o.Version)
				c.Notes = append(c.Notes, m.Name+" has version "+fmt.Sprint(m.Version)+", and had "+fmt.Sprint(o.Version))
			}
		}
	}
	for _, b := range after.About.Benchmarks {
		for _, o := range before.About.Benchmarks {
			if b.Name == o.Name && b.Mapping() != o.Mapping() {
				reasons["b"+b.Name] = "layout: read from other fields"
				c.Notes = append(c.Notes, fmt.Sprintf("%s is read from %s, and was from %s", b.Name, b.Mapping(), o.Mapping()))
			}
		}
	}
	if !slices.Equal(before.About.Flag, after.About.Flag) {
		c.Notes = append(c.Notes, fmt.Sprintf("kinds counted as flagged: %q, were %q", after.About.Flag, before.About.Flag))
	}
	evidence := func(r *audit.Reader) (map[place][]string, error) {
		of := map[place][]string{}
		for i := range c.Changes {
			of[c.Changes[i].place] = nil
		}
		for e, err := range r.Evidence(ctx) {
			if err != nil {
				return nil, err
			}
			at := place{e.Benchmark, e.Split, e.Index}
			if _, ok := of[at]; !ok {
				continue
			}
			for k := range e.Rows {
				if s := e.Rows[k].Shard; !slices.Contains(of[at], s) {
					of[at] = append(of[at], strings.Clone(s))
				}
			}
		}
		return of, nil
	}
	was, err := evidence(before)
	if err != nil {
		return err
	}
	is, err := evidence(after)
	if err != nil {
		return err
	}
	old, now := shardDigests(before.About.Shards), shardDigests(after.About.Shards)
	for i := range c.Changes {
		v := &c.Changes[i]
		v.Why = "the audits do not say"
		for _, s := range was[v.place] {
			if now[s] != old[s] {
				v.Why = "document gone: " + s
			}
		}
		for _, s := range is[v.place] {
			if now[s] != old[s] {
				v.Why = "document new: " + s
			}
		}
		for _, key := range []string{"m" + v.Method, "b" + v.Benchmark} {
			if r := reasons[key]; r != "" {
				v.Why = r
			}
		}
	}
	return nil
}

// shardDigests returns the digests of shards by name.
func shardDigests(shards []ledger.Entry) map[string]string {
	of := map[string]string{}
	for _, e := range shards {
		of[e.Name] = e.Digest
	}
	return of
}

// shownChanges is the number of changed items that WriteText lists.
const shownChanges = 20

// WriteText writes the comparison for a terminal.
func (c *Comparison) WriteText(w io.Writer) error {
	var b strings.Builder
	clean := report.CleanText
	line := "%-24s %-12s %9s %7s %7s %7s %7s %7s\n"
	fmt.Fprintf(&b, line, "benchmark", "method", "items", "newly", "gone", "kind", "added", "removed")
	for _, n := range c.Counts {
		fmt.Fprintf(&b, line, report.Shorten(clean(n.Benchmark), 24), report.Shorten(clean(n.Method), 12),
			report.Thousands(n.Items), report.Thousands(n.Newly), report.Thousands(n.Gone), report.Thousands(n.Kind),
			report.Thousands(n.Added), report.Thousands(n.Removed))
	}
	for _, s := range c.Notes {
		fmt.Fprintf(&b, "note: %s\n", clean(s))
	}
	state := func(s audit.State, kind string) string {
		if kind == "" {
			return s.String()
		}
		return s.String() + " (" + clean(kind) + ")"
	}
	for i := range c.Changes {
		if i == shownChanges {
			fmt.Fprintf(&b, "and %s more; --format json lists them\n", report.Thousands(int64(len(c.Changes)-i)+c.More))
			break
		}
		v := &c.Changes[i]
		fmt.Fprintf(&b, "%s by %s: %s, was %s; %s\n", clean(v.Benchmark+"/"+v.Split+"/"+v.Item), clean(v.Method),
			state(v.ToState, v.ToKind), state(v.FromState, v.FromKind), clean(v.Why))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteJSON writes the comparison as JSON.
func (c *Comparison) WriteJSON(w io.Writer) error { return writeIndented(w, c) }
