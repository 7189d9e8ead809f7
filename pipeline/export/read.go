package export

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// indices returns the places of a split's written items in the audited file, as ranges.
func (w *writer) indices(s *Split) string {
	var b strings.Builder
	for i := 0; i < len(s.items); {
		first := w.a.Items[s.items[i]].Index
		last := first
		for i++; i < len(s.items) && w.a.Items[s.items[i]].Index == last+1; i++ {
			last++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(first, 10))
		if last > first {
			b.WriteString("-" + strconv.FormatInt(last, 10))
		}
	}
	return b.String()
}

// Places returns the places of the split's written items in the audited file, in the order in which
// they were written.
func (s *Split) Places() (list []int64, err error) {
	if s.Indices == "" {
		return nil, nil
	}
	for _, part := range strings.Split(s.Indices, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := strconv.ParseInt(from, 10, 64)
		last := first
		if err == nil && isRange {
			last, err = strconv.ParseInt(to, 10, 64)
		}
		if err != nil || first < 0 || last < first || last-first >= int64(s.Items) || len(list) > s.Items {
			return nil, fmt.Errorf("%s/%s: %q is no list of places among %d items", s.Benchmark, s.Split, clip(part), s.Items)
		}
		for ; first <= last; first++ {
			list = append(list, first)
		}
	}
	return list, nil
}

// Renumbered reports whether the harness counts the written items, instead of naming those of the
// benchmark.
func (s *Summary) Renumbered() bool {
	return slices.Contains([]string{"evals", "lighteval", "opencompass", "helm", "hf"}, s.For)
}

// Read reads the summary of an export's directory.
func Read(dir string) (*Summary, error) {
	b, err := os.ReadFile(filepath.Join(dir, outKind.Mark))
	if err != nil {
		return nil, err
	}
	s := new(Summary)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%q: %w", dir, err)
	}
	switch {
	case s.Format != "swab export" || s.Version != 1:
		return nil, fmt.Errorf("%q: it is no export that this version of swab reads", dir)
	case s.Verdicts == "":
		return nil, fmt.Errorf("%q: it was exported by an earlier version, without the items' places: export it again", dir)
	}
	return s, nil
}
