package results

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"swab/pipeline/audit"
	"swab/pipeline/store"
)

// readTable calls visit for every row of a CSV file that has the columns, with their values in
// that order; "" for one of optional that the file lacks. An error of visit ends the reading,
// and is prefixed by file and line.
func readTable(
	ctx context.Context, name string, columns, optional []string, visit func(values []string) error,
) error {
	b, err := store.ReadFile(ctx, name)
	if err != nil {
		return err
	}
	r := csv.NewReader(bytes.NewReader(b))
	head, err := r.Read()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	wanted := slices.Concat(columns, optional)
	at := make([]int, len(wanted))
	for i, column := range wanted {
		if at[i] = slices.Index(head, column); at[i] < 0 && i < len(columns) {
			return fmt.Errorf("%s: its header has no %s", name, column)
		}
	}
	values := make([]string, len(wanted))
	for {
		row, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for i := range wanted {
			if values[i] = ""; at[i] >= 0 {
				values[i] = row[at[i]]
			}
		}
		if err := visit(values); err != nil {
			line, _ := r.FieldPos(0)
			return fmt.Errorf("%s: line %d: %w", name, line, err)
		}
	}
}

// An Aggregate is a model's score on all and on the clean items of a benchmark, known without
// results of items.
type Aggregate struct {
	Model      string
	Benchmark  audit.TableBenchmark
	Verdicts   *audit.MethodVerdicts // of the method
	All, Clean float64               // shares from 0 to 1
}

// ReadAggregates reads a CSV file of model,benchmark,method,all,clean. Benchmarks and methods
// must be those of the audit.
func ReadAggregates(
	ctx context.Context, a *audit.Table, name string, methods []*audit.MethodVerdicts,
) (list []Aggregate, err error) {
	err = readTable(ctx, name, []string{"model", "benchmark", "method", "all", "clean"}, nil, func(row []string) error {
		b := slices.IndexFunc(a.Benchmarks, func(b audit.TableBenchmark) bool { return b.Name == row[1] })
		m := slices.IndexFunc(methods, func(v *audit.MethodVerdicts) bool { return v.Method == row[2] })
		all, errAll := strconv.ParseFloat(row[3], 64)
		clean, errClean := strconv.ParseFloat(row[4], 64)
		switch {
		case b < 0:
			return fmt.Errorf("the audit has no benchmark %q", row[1])
		case m < 0:
			return fmt.Errorf("the audit has no method %q among the chosen", row[2])
		case errAll != nil || errClean != nil || !(all >= 0 && all <= 1 && clean >= 0 && clean <= 1):
			return errors.New("all and clean have to be shares from 0 to 1")
		}
		list = append(list, Aggregate{row[0], a.Benchmarks[b], methods[m], all, clean})
		return nil
	})
	return list, err
}

// ReadClusters reads a CSV file of item,cluster[,benchmark], of items that belong together. A
// row without a benchmark is for all benchmarks. It returns the number of the cluster of each
// of the items, which are of one benchmark; each must be in a cluster.
func ReadClusters(
	ctx context.Context, a *audit.Table, name, benchmark string, items []int32,
) ([]int32, error) {
	clusterOf := map[string]string{}
	err := readTable(ctx, name, []string{"item", "cluster"}, []string{"benchmark"}, func(row []string) error {
		item, cluster := row[0], row[1]
		if row[2] != "" && row[2] != benchmark {
			return nil
		}
		if c, ok := clusterOf[item]; ok && c != cluster {
			return fmt.Errorf("item %q is in two clusters", item)
		}
		clusterOf[item] = cluster
		return nil
	})
	if err != nil {
		return nil, err
	}
	numbers, column := map[string]int32{}, make([]int32, len(items))
	for i, k := range items {
		c, ok := clusterOf[a.Items[k].ID]
		if !ok {
			return nil, fmt.Errorf("%s: item %q of %s is in no cluster", name, a.Items[k].ID, benchmark)
		}
		if _, ok := numbers[c]; !ok {
			numbers[c] = int32(len(numbers))
		}
		column[i] = numbers[c]
	}
	return column, nil
}

// A Counted is a row of a published table: scores on all, clean and flagged items, of which two are
// known, without results of items.
type Counted struct {
	Model, Benchmark    string
	N, NFlagged         int64
	All, Clean, Flagged float64 // shares from 0 to 1, NaN where the table has none
	Rounding            float64 // half a unit of the last place of the scores, as shares
}

// ReadCounts reads a CSV file of benchmark,n,n_flagged,all,clean,flagged and perhaps model. In the
// place of n_flagged it may have share_flagged. Scores are shares, or percentages if any is above 1,
// and one of the three may be missing.
func ReadCounts(ctx context.Context, name string) (list []Counted, err error) {
	percent := false
	var raw [][]string
	optional := []string{"model", "n_flagged", "share_flagged", "all", "clean", "flagged"}
	err = readTable(ctx, name, []string{"benchmark", "n"}, optional, func(row []string) error {
		for _, v := range row[5:] {
			x, err := strconv.ParseFloat(v, 64)
			if v != "" && (err != nil || !(x >= 0 && x <= 100)) {
				return fmt.Errorf("%q is no score from 0 to 1 or 0 to 100", v)
			}
			percent = percent || x > 1
		}
		raw = append(raw, slices.Clone(row))
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, row := range raw {
		c, err := countedOf(row, percent)
		if err != nil {
			return nil, fmt.Errorf("%s: row %d: %w", name, i+1, err)
		}
		list = append(list, *c)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: it has no rows", name)
	}
	return list, nil
}

// countedOf reads a row: benchmark, n, model, n_flagged, share_flagged, all, clean, flagged.
func countedOf(row []string, percent bool) (*Counted, error) {
	c := &Counted{Benchmark: row[0], Model: row[2]}
	var err error
	if c.N, err = strconv.ParseInt(row[1], 10, 64); err != nil || c.N < 1 {
		return nil, fmt.Errorf("%q is no number of items", row[1])
	}
	switch {
	case row[3] != "":
		if c.NFlagged, err = strconv.ParseInt(row[3], 10, 64); err != nil {
			return nil, fmt.Errorf("%q is no number of flagged items", row[3])
		}
	case row[4] != "":
		share, err := strconv.ParseFloat(row[4], 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no share of flagged items", row[4])
		}
		if percent {
			share /= 100
		}
		c.NFlagged = int64(math.Round(share * float64(c.N)))
	default:
		return nil, errors.New("n_flagged or share_flagged is needed")
	}
	if c.NFlagged < 0 || c.NFlagged > c.N {
		return nil, fmt.Errorf("%d flagged of %d items", c.NFlagged, c.N)
	}
	known := 0
	for i, to := range []*float64{&c.All, &c.Clean, &c.Flagged} {
		*to = math.NaN()
		text := row[5+i]
		if text == "" {
			continue
		}
		known++
		x, _ := strconv.ParseFloat(text, 64)
		_, decimals, _ := strings.Cut(text, ".")
		half := 0.5 * math.Pow(10, -float64(len(decimals)))
		if percent {
			x, half = x/100, half/100
		}
		*to, c.Rounding = x, max(c.Rounding, half)
	}
	if known < 2 && c.NFlagged > 0 && c.NFlagged < c.N {
		return nil, errors.New("two of all, clean and flagged are needed")
	}
	return c, nil
}

// A TrainingRun is a row of a file of runs; what it does not have is 0.
type TrainingRun struct {
	Model                         string
	Compute, Params, Tokens, Loss float64
	Score                         *float64 // share of right answers
}

// ReadRuns reads a CSV file of model, with compute, or params and tokens, loss and score, of which
// each may be missing.
func ReadRuns(ctx context.Context, name string) (list []TrainingRun, err error) {
	optional := []string{"compute", "params", "tokens", "loss"}
	err = readTable(ctx, name, []string{"model"}, append(slices.Clip(optional), "score"), func(row []string) error {
		r := TrainingRun{Model: row[0]}
		for i, to := range []*float64{&r.Compute, &r.Params, &r.Tokens, &r.Loss} {
			if row[i+1] == "" {
				continue
			}
			x, err := strconv.ParseFloat(row[i+1], 64)
			if err != nil || !(x > 0) || math.IsInf(x, 0) {
				return fmt.Errorf("%s is %q, not a number above 0", optional[i], row[i+1])
			}
			*to = x
		}
		if text := row[len(row)-1]; text != "" {
			x, err := strconv.ParseFloat(text, 64)
			if err != nil || !(x >= 0 && x <= 1) {
				return fmt.Errorf("score is %q, not a share from 0 to 1", text)
			}
			r.Score = &x
		}
		if slices.ContainsFunc(list, func(q TrainingRun) bool { return q.Model == r.Model }) {
			return fmt.Errorf("two rows have the model %q", r.Model)
		}
		list = append(list, r)
		return nil
	})
	return list, err
}
