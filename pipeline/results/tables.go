package results

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"swab/pipeline/audit"
)

// readTable calls visit for every row of a CSV file that has the columns, with their values in
// that order; "" for one of optional that the file lacks. An error of visit ends the reading,
// and is prefixed by file and line.
func readTable(name string, columns, optional []string, visit func(values []string) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
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
func ReadAggregates(a *audit.Table, name string, methods []*audit.MethodVerdicts) (list []Aggregate, err error) {
	err = readTable(name, []string{"model", "benchmark", "method", "all", "clean"}, nil, func(row []string) error {
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
func ReadClusters(a *audit.Table, name, benchmark string, items []int32) ([]int32, error) {
	clusterOf := map[string]string{}
	err := readTable(name, []string{"item", "cluster"}, []string{"benchmark"}, func(row []string) error {
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
