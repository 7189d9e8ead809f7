package eval

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"swab/ngram/overlap"
	"swab/pipeline"
	"swab/pipeline/benchmark"
	"swab/pipeline/filter"
)

// A Suspicion is what a corpus filter of n-grams suspects by a method that it does not
// bound. Items that the method cannot check count nowhere.
type Suspicion struct {
	N       int  `json:"n"`
	Flagged Rate `json:"flagged"` // of the items that a scan flags
	Absent  Rate `json:"absent"`  // of the items of which nothing was planted and that share little with what was
	All     Rate `json:"all"`
}

// Suspicions scans a corpus by the program's own method, indexes it for every n, checks
// the benchmarks in each filter, and compares. The directory keeps all that is made. Absent
// reports whether nothing was planted of an item; nil for real text, of which nobody knows.
func Suspicions(ctx context.Context, o pipeline.Options, dir string, ns []int,
	absent func(bench, item string) bool) ([]Suspicion, error) {
	methods, err := overlap.Methods(overlap.Settings{})
	if err != nil {
		return nil, err
	}
	for _, m := range methods {
		if m.Name == overlap.House {
			o.Methods = []*overlap.Method{m}
		}
	}
	o.Out, o.NoReport = filepath.Join(dir, "scanned"), true
	if _, err := pipeline.Scan(ctx, o); err != nil {
		return nil, err
	}
	scanned, err := ReadVerdicts(filepath.Join(o.Out, "verdicts.jsonl"))
	if err != nil {
		return nil, err
	}
	var list []Suspicion
	for _, n := range ns {
		idx := pipeline.IndexOptions{
			Corpus: o.Corpus, N: n, Out: filepath.Join(dir, fmt.Sprint("index-", n)), OnChange: filter.OnChangeFail,
			Reading: o.Reading,
		}
		if _, err := pipeline.Index(ctx, idx); err != nil {
			return nil, err
		}
		o.Out = filepath.Join(dir, fmt.Sprint("checked-", n))
		if _, err := pipeline.Check(ctx, pipeline.CheckOptions{Index: idx.Out, Options: o}); err != nil {
			return nil, err
		}
		checked, err := ReadVerdicts(filepath.Join(o.Out, "verdicts.jsonl"))
		if err != nil {
			return nil, err
		}
		s, err := compareSuspicion(scanned, checked, absent)
		if err != nil {
			return nil, err
		}
		s.N = n
		list = append(list, s)
	}
	return list, nil
}

// compareSuspicion counts. Both lists are of the same items in the same order.
func compareSuspicion(scanned, checked []Verdict, absent func(bench, item string) bool) (s Suspicion, err error) {
	var of, suspected struct{ flagged, absent, all int }
	if len(scanned) != len(checked) {
		return s, fmt.Errorf("%d verdicts of the scan and %d of the check", len(scanned), len(checked))
	}
	for i, v := range scanned {
		c := checked[i]
		if c.Bench != v.Bench || c.Item != v.Item {
			return s, fmt.Errorf("verdict %d is of %s/%s by the scan and of %s/%s by the check", i, v.Bench, v.Item, c.Bench,
				c.Item)
		}
		if v.State == NotCheckable {
			continue
		}
		hit := 0
		if c.State == Flagged {
			hit = 1
		}
		of.all, suspected.all = of.all+1, suspected.all+hit
		if v.State == Flagged {
			of.flagged, suspected.flagged = of.flagged+1, suspected.flagged+hit
		}
		if absent != nil && absent(v.Bench, v.Item) {
			of.absent, suspected.absent = of.absent+1, suspected.absent+hit
		}
	}
	return Suspicion{
		Flagged: Wilson(suspected.flagged, of.flagged), Absent: Wilson(suspected.absent, of.absent),
		All: Wilson(suspected.all, of.all),
	}, nil
}

// SetSuspicions is Suspicions of a set, which is written into the directory.
func SetSuspicions(ctx context.Context, s *Set, dir string, ns []int) ([]Suspicion, error) {
	if err := s.Write(dir); err != nil {
		return nil, err
	}
	o, err := scanOptions(s, dir)
	if err != nil {
		return nil, err
	}
	nothing := map[[2]string]bool{}
	for _, b := range s.Benches {
		for _, it := range b.Items {
			nothing[[2]string{b.Name, it.ID}] = it.Label.Class == Nothing && it.Label.Contained == ""
		}
	}
	return Suspicions(ctx, o, dir, ns, func(bench, item string) bool { return nothing[[2]string{bench, item}] })
}

// RealSuspicions is Suspicions of the benchmarks and the corpora of the data folder.
func RealSuspicions(ctx context.Context, data, dir string, ns []int) ([]Suspicion, error) {
	presets, err := benchmark.Builtin()
	if err != nil {
		return nil, err
	}
	o := pipeline.Options{Corpus: []string{filepath.Join(data, "corpora")}, Presets: presets}
	folders, err := os.ReadDir(filepath.Join(data, "benchmarks"))
	if err != nil {
		return nil, err
	}
	for _, f := range folders {
		path := filepath.Join(data, "benchmarks", f.Name())
		if test := filepath.Join(path, "test"); f.Name() == "mmlu" {
			path = test // its other folder has the examples of prompts
		}
		o.Benchmarks = append(o.Benchmarks, benchmark.Spec{Name: f.Name(), Path: path})
	}
	return Suspicions(ctx, o, dir, ns, nil)
}
