package results

import (
	"fmt"
	"maps"
	"slices"
)

// Warnings returns a sentence for each kind of problem of the file, with an example.
func (f *File) Warnings() (list []string) {
	for _, kind := range slices.Sorted(maps.Keys(f.Counts)) {
		text := fmt.Sprintf("%s: %s", f.Path, kind)
		if f.Counts[kind] > 1 {
			text = fmt.Sprintf("%s: %d × %s", f.Path, f.Counts[kind], kind)
		}
		if at := slices.IndexFunc(f.Problems, func(p Problem) bool { return p.Kind == kind }); at >= 0 {
			if p := f.Problems[at]; p.Row >= 0 {
				text += fmt.Sprintf(", first in row %d: %s", p.Row, p.Detail)
			} else {
				text += ": " + p.Detail
			}
		}
		list = append(list, text)
	}
	return list
}

// harmless are the kinds of problems of rows that have a score nevertheless, or need none.
var harmless = []string{"several metrics", "several filters", "uneven samples", "no answer", "perturbed", "not results",
	"another metric", "counted as 0"}

// Unread returns the number of rows that have no score because of a problem.
func (f *File) Unread() (n int64) {
	for kind, k := range f.Counts {
		if !slices.Contains(harmless, kind) {
			n += k
		}
	}
	return n
}
