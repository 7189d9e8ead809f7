package pipeline

import (
	"context"
	"fmt"
	"slices"

	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/report"

	"github.com/zeebo/xxh3"
)

// A sharing groups the items of an audit that have something in common: each item has the number of
// the first item of its group.
type sharing struct {
	group []int32
	what  string // that they share
	flag  string // the value of --cluster
}

// newSharing returns a sharing in which every item is by itself.
func newSharing(items int, what, flag string) *sharing {
	s := &sharing{group: make([]int32, items), what: what, flag: flag}
	for k := range s.group {
		s.group[k] = int32(k)
	}
	return s
}

// groupOf returns the first item of the group of item k.
func (s *sharing) groupOf(k int32) int32 {
	for s.group[k] != k {
		s.group[k] = s.group[s.group[k]]
		k = s.group[k]
	}
	return k
}

// join makes one group of those of two items.
func (s *sharing) join(a, b int32) {
	a, b = s.groupOf(a), s.groupOf(b)
	s.group[max(a, b)] = min(a, b)
}

// clusters returns the group of each item.
func (s *sharing) clusters(items []int32) []int32 {
	list := make([]int32, len(items))
	for i, k := range items {
		list[i] = s.groupOf(k)
	}
	return list
}

// Items depend on each other for a warning if a tenth of them shares something, in a few groups at
// least: what all have in common is an instruction.
const (
	minShared = 0.1
	minGroups = 3
)

// warning says that items of a benchmark may depend on each other, or returns "". Of documents only
// flagged items are counted, the others have none.
func (s *sharing) warning(b audit.TableBenchmark, counted func(k int) bool) string {
	sizes, all := map[int32]int64{}, int64(0)
	for k := b.First; k < b.Last; k++ {
		if counted(k) {
			sizes[s.groupOf(int32(k))]++
			all++
		}
	}
	shared, groups := int64(0), int64(0)
	for _, n := range sizes {
		if n > 1 {
			shared, groups = shared+n, groups+1
		}
	}
	if groups == 0 || len(sizes) < minGroups || float64(shared) < minShared*float64(all) {
		return ""
	}
	return fmt.Sprintf("%s: %s of %s share their %s with others, in %s: scores of such items are alike, and then "+
		"intervals are too short and p-values too small; --cluster %s counts them together", b.Name, report.Thousands(shared),
		report.Count(all, "item"), s.what, report.Count(groups, "group"), s.flag)
}

// byContext groups the items of a benchmark that have the same context. The benchmarks' files are
// read again, since an audit holds no texts.
func byContext(ctx context.Context, t *audit.Table) (*sharing, error) {
	type key struct {
		benchmark uint16
		text      xxh3.Uint128
	}
	s, first := newSharing(len(t.Items), "context", "context"), map[key]int32{}
	err := t.Read(ctx, func(k int, it *benchmark.Item) error {
		text := it.Text[item.Context]
		if text == "" {
			return nil
		}
		at := key{t.Items[k].Benchmark, xxh3.HashString128(text)}
		if other, ok := first[at]; ok {
			s.join(other, int32(k))
		} else {
			first[at] = int32(k)
		}
		return nil
	})
	return s, err
}

// byDocument groups the items of a benchmark that have evidence in the same document.
func byDocument(ctx context.Context, r *audit.Reader, t *audit.Table) (*sharing, error) {
	type split struct{ benchmark, split string }
	type key struct {
		benchmark uint16
		shard     string
		row       int64
	}
	begin := map[split]int32{} // the first item
	for k := range t.Items {
		at := split{t.Benchmarks[t.Items[k].Benchmark].Name, t.Splits[t.Items[k].Split]}
		if _, ok := begin[at]; !ok {
			begin[at] = int32(k) - int32(t.Items[k].Index)
		}
	}
	s, first := newSharing(len(t.Items), "document", "document"), map[key]int32{}
	for p, err := range r.Evidence(ctx) {
		if err != nil {
			return nil, err
		}
		from, ok := begin[split{p.Benchmark, p.Split}]
		k := from + int32(p.Index)
		if !ok || k < 0 || int(k) >= len(t.Items) {
			continue
		}
		for i := range p.Rows {
			at := key{t.Items[k].Benchmark, p.Rows[i].Shard, p.Rows[i].Row}
			if other, ok := first[at]; ok {
				s.join(other, k)
			} else {
				first[at] = k
			}
		}
	}
	return s, nil
}

// findSharing groups items as --cluster asks, or, if that is "", to warn of items that may depend on
// each other: then what cannot be read is a notice.
func findSharing(ctx context.Context, r *audit.Reader, t *audit.Table, cluster string) (
	list []*sharing, notices []string, err error,
) {
	for _, find := range []struct {
		flag string
		by   func() (*sharing, error)
	}{
		{"context", func() (*sharing, error) { return byContext(ctx, t) }},
		{"document", func() (*sharing, error) { return byDocument(ctx, r, t) }},
	} {
		if cluster != "" && cluster != find.flag {
			continue
		}
		switch by, err := find.by(); {
		case err == nil:
			list = append(list, by)
		case cluster != "" || ctx.Err() != nil:
			return nil, nil, err
		default:
			notices = append(notices, fmt.Sprintf("whether items share a %s is not known: %v", find.flag, err))
		}
	}
	return list, notices, nil
}

// warnOfSharing returns a warning for each scored benchmark of which items may depend on each other.
func warnOfSharing(
	list []*sharing, t *audit.Table, methods []*audit.MethodVerdicts, scored func(benchmark string) bool,
) (warnings []string) {
	flagged := func(k int) bool {
		return slices.ContainsFunc(methods, func(m *audit.MethodVerdicts) bool { return m.State[k].Found() })
	}
	for _, b := range t.Benchmarks {
		for _, by := range list {
			counted := func(k int) bool { return by.flag == "context" || flagged(k) }
			if text := by.warning(b, counted); text != "" && scored(b.Name) {
				warnings = append(warnings, text)
			}
		}
	}
	return warnings
}
