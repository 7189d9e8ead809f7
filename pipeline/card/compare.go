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
	Counts  []ChangeCount   `json:"counts"`       // by benchmark and method
	Changes []VerdictChange `json:"changes"`      // items newly found first, then those gone, then those of another kind
	More    int64           `json:"more_changes"` // beyond those listed
	Notes   []string        `json:"notes"`        // on what else differs
	kinds   []VerdictChange // those of kind alone
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
	c.order()
	return c, c.explain(ctx, r[0], r[1])
}

// add counts a verdict, and lists it if it changed.
func (c *Comparison) add(n *ChangeCount, at place, id string, from, to judged) {
	list := &c.Changes
	switch {
	case to.state.Found() && !from.state.Found():
		n.Newly++
	case from.state.Found() && !to.state.Found():
		n.Gone++
	case from.kind != to.kind:
		n.Kind++
		list = &c.kinds
	default:
		return
	}
	if len(*list) == maxChanges {
		c.More++
		return
	}
	*list = append(*list, VerdictChange{
		strings.Clone(at.benchmark), strings.Clone(at.split), strings.Clone(id), from.method,
		from.state, from.kind, to.state, strings.Clone(to.kind), "", at,
	})
}

// order puts what was found first, and lists changes of kind while there is room.
func (c *Comparison) order() {
	slices.SortStableFunc(c.Changes, func(x, y VerdictChange) int {
		newly := func(v *VerdictChange) int {
			if v.ToState.Found() {
				return 0
			}
			return 1
		}
		return newly(&x) - newly(&y)
	})
	room := min(maxChanges-len(c.Changes), len(c.kinds))
	c.More += int64(len(c.kinds) - room)
	c.Changes, c.kinds = append(c.Changes, c.kinds[:room]...), nil
}

// explain says why verdicts changed: by a document that only one of the corpora has, another
// version or other parameters of the method, another reading of the benchmark, or other kinds
// that count as flagged. Shards are the same if their content is, whatever their names.
func (c *Comparison) explain(ctx context.Context, before, after *audit.Reader) error {
	reasons := c.settings(before.About, after.About)
	was, err := c.documents(ctx, before)
	if err != nil {
		return err
	}
	is, err := c.documents(ctx, after)
	if err != nil {
		return err
	}
	old, now := contents(before.About.Shards), contents(after.About.Shards)
	for i := range c.Changes {
		v := &c.Changes[i]
		var why []string
		if d := firstOutside(is[v.place], old); d != "" {
			why = append(why, "document new: "+d)
		} else if d := firstOutside(was[v.place], now); d != "" {
			why = append(why, "document gone: "+d)
		}
		for _, key := range []string{"m" + v.Method, "b" + v.Benchmark, "k" + v.FromKind, "k" + v.ToKind, "s"} {
			r := reasons[key]
			if key == "s" && len(why) > 0 || r == "" || slices.Contains(why, r) {
				continue
			}
			why = append(why, r)
		}
		if v.Why = strings.Join(why, "; "); v.Why == "" {
			v.Why = "the audits do not say"
		}
	}
	return nil
}

// settings notes what differs between the settings of two audits, and returns the reasons that
// this is: by method (m), benchmark (b), kind (k), and for all verdicts (s).
func (c *Comparison) settings(before, after *audit.Audit) map[string]string {
	reasons := map[string]string{}
	for _, m := range after.Methods {
		for _, o := range before.Methods {
			switch {
			case m.Name != o.Name:
			case m.Version != o.Version:
				reasons["m"+m.Name] = fmt.Sprintf("method: version %d, was %d", m.Version, o.Version)
				c.Notes = append(c.Notes, fmt.Sprintf("%s has version %d, and had %d", m.Name, m.Version, o.Version))
			case fmt.Sprint(m.Params) != fmt.Sprint(o.Params):
				reasons["m"+m.Name] = "method: other parameters"
				c.Notes = append(c.Notes, fmt.Sprintf("%s has parameters %v, and had %v", m.Name, m.Params, o.Params))
			}
		}
	}
	for _, b := range after.Benchmarks {
		for _, o := range before.Benchmarks {
			if b.Name == o.Name && b.Mapping() != o.Mapping() {
				reasons["b"+b.Name] = "layout: read from other fields"
				c.Notes = append(c.Notes, fmt.Sprintf("%s is read from %s, and was from %s", b.Name, b.Mapping(), o.Mapping()))
			}
		}
	}
	for _, k := range slices.Concat(before.Flag, after.Flag) {
		if slices.Contains(before.Flag, k) != slices.Contains(after.Flag, k) {
			reasons["k"+k] = "--flag: items of kind " + k + " count differently"
		}
	}
	if !slices.Equal(before.Flag, after.Flag) {
		c.Notes = append(c.Notes, fmt.Sprintf("kinds counted as flagged: %q, were %q", after.Flag, before.Flag))
	}
	if before.Swab != after.Swab {
		reasons["s"] = fmt.Sprintf("swab: version %s, was %s", after.Swab, before.Swab)
		c.Notes = append(c.Notes, fmt.Sprintf("swab has version %s, and had %s", after.Swab, before.Swab))
	}
	return reasons
}

// A document is where a piece of evidence is.
type document struct {
	shard, digest, id string // the shard's name and digest, the document's id
	row               int64
}

// documents returns the documents that are evidence of the items that changed.
func (c *Comparison) documents(ctx context.Context, r *audit.Reader) (map[place][]document, error) {
	digests := map[string]string{}
	for _, e := range r.About.Shards {
		digests[e.Name] = e.Digest
	}
	of := map[place][]document{}
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
			row := &e.Rows[k]
			d := document{strings.Clone(row.Shard), digests[row.Shard], strings.Clone(row.DocID), row.Row}
			if !slices.Contains(of[at], d) {
				of[at] = append(of[at], d)
			}
		}
	}
	return of, nil
}

// contents returns the digests of shards.
func contents(shards []ledger.Entry) map[string]bool {
	have := map[string]bool{}
	for _, e := range shards {
		have[e.Digest] = true
	}
	return have
}

// firstOutside returns the first of the documents whose shard has none of the contents, or "".
func firstOutside(list []document, contents map[string]bool) string {
	for _, d := range list {
		if !contents[d.digest] {
			return fmt.Sprintf("%s:%d %s", d.shard, d.row, d.id)
		}
	}
	return ""
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
