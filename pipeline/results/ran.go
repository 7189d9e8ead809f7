package results

import (
	"path/filepath"
	"slices"
)

// A Ran is a split of a clean variant that a model should have been run on.
type Ran struct {
	Model            string // that the run is of, or "" for all
	Benchmark, Split string // as the audit has them
	Task             string // the harness's name of the split, or ""
	Renumbered       bool   // the harness counts the items, in the order of Items
	Items            []int32
}

// A Run compares the items that have a result with those that were exported.
type Run struct {
	Exported int
	Missing  []int32 // exported, and without a result
	Others   []int32 // with a result, and not exported
}

// isOf reports whether the results of a model on a benchmark should be of this split.
func (r *Ran) isOf(model, benchmark string) bool {
	return (r.Model == "" || r.Model == model) && r.Benchmark == benchmark
}

// byExport joins results whose numbers are places in an export with its items; nil if they are not.
func (j *joiner) byExport(u *unit) (*match, error) {
	for i := range j.o.Ran {
		r := &j.o.Ran[i]
		at := slices.IndexFunc(j.benches, func(b *bench) bool { return b.name == r.Benchmark })
		if at < 0 || !r.Renumbered || !r.isOf(u.group.Model, r.Benchmark) || !r.named(u, j.benches[at]) {
			continue
		}
		p := placesOf(u)
		if p == nil || p.highest >= int64(len(r.Items)) {
			continue
		}
		m := &match{bench: j.benches[at], how: "export", items: make([]int32, len(p.at)), n: len(p.at), places: true}
		m.splits = []uint16{j.a.Items[r.Items[0]].Split}
		for k, place := range p.at {
			m.items[k] = r.Items[place]
		}
		m.compared = j.compare(u, m.bench, m.items)
		if m.agree+m.differ > 0 && !m.mostlyAgree() {
			return nil, refused("by the places in the export, the questions of %d of %d results differ from those of the items",
				m.differ, m.agree+m.differ)
		}
		j.replace(u, m)
		return m, nil
	}
	return nil, nil
}

// named reports whether the results are of the exported split, by name. A dataset without a task
// has only the benchmark's name.
func (r *Ran) named(u *unit, b *bench) bool {
	if r.Task == "" {
		return !b.ownIDs && b.named(u)
	}
	return u.group.Benchmark == r.Task || stem(filepath.Base(u.file.Path)) == r.Task
}

// compareRun compares the joined results with what was exported.
func (d *joining) compareRun(ran []Ran) {
	exported := map[int32]bool{}
	for i := range ran {
		if ran[i].isOf(d.Model, d.Benchmark) {
			for _, k := range ran[i].Items {
				exported[k] = true
			}
		}
	}
	if len(exported) == 0 {
		return
	}
	d.Run = &Run{Exported: len(exported)}
	for _, m := range d.Matched {
		if !exported[m.Item] {
			d.Run.Others = append(d.Run.Others, m.Item)
		}
		delete(exported, m.Item)
	}
	for k := range exported {
		d.Run.Missing = append(d.Run.Missing, k)
	}
	slices.Sort(d.Run.Missing)
}
