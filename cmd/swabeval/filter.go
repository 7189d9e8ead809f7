package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"swab/pipeline/eval"
)

// filters are the shares of one set's items that corpus filters suspect.
type filters struct {
	Set        string           `json:"set"`
	Suspicions []eval.Suspicion `json:"suspicions"`
}

// filters measures corpus filters on the development classes and, of real data, on whole
// items and on real text. Their figures are in swab help filter and align.FilterMisses.
func (j *job) filters(ctx context.Context) error {
	ns := []int{5, 6, 7, 8}
	measure := func(name string, suspicions func(dir string) ([]eval.Suspicion, error)) error {
		dir := filepath.Join(j.dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		list, err := suspicions(dir)
		if err != nil {
			return err
		}
		j.result.Filters = append(j.result.Filters, filters{name, list})
		fmt.Fprintf(j.stderr, "swabeval: filters of %s: measured\n", name)
		return nil
	}
	set := func(s *eval.Set, err error) func(dir string) ([]eval.Suspicion, error) {
		return func(dir string) ([]eval.Suspicion, error) {
			if err != nil {
				return nil, err
			}
			return eval.SetSuspicions(ctx, s, dir, ns)
		}
	}
	if err := measure("classes", set(eval.Generate(j.seed, j.part, j.src, j.size))); err != nil {
		return err
	}
	if j.src.Dir == "" {
		fmt.Fprintln(j.stderr, "swabeval: skipped: filters of real items planted whole and of real text: they need SWAB_DATA")
	} else {
		if err := measure("whole", set(eval.Whole(j.seed, j.src))); err != nil {
			return err
		}
		real := func(dir string) ([]eval.Suspicion, error) { return eval.RealSuspicions(ctx, j.src.Dir, dir, ns) }
		if err := measure("real-text", real); err != nil {
			return err
		}
	}
	t := tabwriter.NewWriter(j.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "set\tn\tflagged\tsuspected\t95 %\tabsent\tsuspected\titems\tsuspected\t")
	for _, f := range j.result.Filters {
		for _, s := range f.Suspicions {
			fmt.Fprintf(t, "%s\t%d\t%d\t%.1f %%\t%.1f–%.1f\t%d\t%.1f %%\t%d\t%.1f %%\t\n",
				f.Set, s.N, s.Flagged.Of, 100*s.Flagged.Share, 100*s.Flagged.Low, 100*s.Flagged.High,
				s.Absent.Of, 100*s.Absent.Share, s.All.Of, 100*s.All.Share)
		}
	}
	return t.Flush()
}
