package score

import (
	"bufio"
	"fmt"
	"math"

	"swab/ngram/item"
	"swab/pipeline/report"
)

// Subsets are the four overlapping parts of a benchmark's items that Llama 2 compares (appendix A.6),
// for a model and a method with two thresholds. Items that are not checkable have a contamination of 0.
type Subsets struct {
	Model     string    `json:"model"`
	Benchmark string    `json:"benchmark"`
	Method    string    `json:"method"`
	Threshold float64   `json:"threshold"` // from which on an item is not clean
	Dirty     float64   `json:"dirty"`     // from which on it is dirty
	Parts     [4]Subset `json:"parts"`
	Affected  bool      `json:"affected"` // all four |z| are above 2, the clean part is worse and the dirty one better
}

// A Subset is one of them. Numbers of an empty one are nil.
type Subset struct {
	Name          string   `json:"name"`
	N             int64    `json:"n"`
	Contamination *float64 `json:"contamination"` // mean
	Score         *float64 `json:"score"`
	Expected      *float64 `json:"expected"` // the mean of all items
	Z             *float64 `json:"z"`        // as Llama 2 has it; see LlamaZ
}

// subsets returns those of each model and method with two thresholds.
func (in *Input) subsets() (list []Subsets) {
	for m := range in.Methods {
		method := &in.Methods[m]
		if method.Dirty <= 0 || method.Contamination == nil {
			continue
		}
		for r := range in.Results {
			list = append(list, in.subsetsOf(method, &in.Results[r]))
		}
	}
	return list
}

func (in *Input) subsetsOf(m *Method, r *Result) Subsets {
	s := Subsets{Model: r.Model, Benchmark: in.Name, Method: m.Name, Threshold: m.Threshold, Dirty: m.Dirty}
	var scores, shares [4]sums
	var all sums
	for i, x := range r.Scores {
		if x != x || m.States[i] == item.Missing {
			continue
		}
		share := m.Contamination[i]
		if share != share {
			share = 0
		}
		all.add(x)
		for k, in := range [4]bool{share < m.Threshold, share >= m.Threshold, share < m.Dirty, share >= m.Dirty} {
			if in {
				scores[k].add(x)
				shares[k].add(share)
			}
		}
	}
	s.Affected = true
	for k, name := range [4]string{"clean", "not clean", "not dirty", "dirty"} {
		z := LlamaZ(scores[k].sum, scores[k].n, all.sum, all.squares, all.n)
		s.Parts[k] = Subset{
			Name: name, N: scores[k].n, Contamination: pointer(shares[k].mean()), Score: pointer(scores[k].mean()),
			Expected: pointer(all.mean()), Z: pointer(z),
		}
		worse := k == 0 || k == 2
		if r.LowerBetter {
			worse = !worse
		}
		s.Affected = s.Affected && math.Abs(z) > 2 && (z < 0) == worse
	}
	return s
}

// writeSubsetsText writes Llama 2's subsets.
func (t *Table) writeSubsetsText(w *bufio.Writer, width int) {
	if len(t.Subsets) == 0 {
		return
	}
	cells := [][]string{{"subset", "model", "benchmark", "method", "contam.", "n", "score", "expected", "z"}}
	var affected []note
	for i := range t.Subsets {
		s := &t.Subsets[i]
		for k := range s.Parts {
			p := &s.Parts[k]
			cells = append(cells, []string{
				p.Name, report.CleanText(s.Model), report.CleanText(s.Benchmark), report.CleanText(s.Method),
				formatPercent(p.Contamination), report.Thousands(p.N), formatPercent(p.Score),
				formatPercent(p.Expected), formatZ(p.Z),
			})
		}
		if s.Affected {
			affected = addNotes(affected, []string{s.Benchmark + ", " + s.Method}, s.Model)
		}
	}
	writeCells(w, cells, width, 4)
	for _, n := range affected {
		text := fmt.Sprintf("%s: all four |z| are above 2, so %s gained by Llama 2's rule", n.text, n.names)
		writeWrapped(w, "", report.CleanText(text), width)
	}
	fmt.Fprintln(w)
}

func formatZ(z *float64) string {
	if z == nil {
		return "-"
	}
	return fmt.Sprintf("%+.2f", *z)
}
