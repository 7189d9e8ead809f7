package score

import (
	"context"
	"math"
	"slices"

	"swab/ngram/item"
)

// jointTests adjusts, for each model, over the methods: PJoint of a row is the share of
// permutations of the scores in which the largest |z| of all methods is at least the row's
// (Westfall and Young 1993). Scores are permuted within strata. With clusters there is none.
func (in *Input) jointTests(ctx context.Context, t *Table, o *Options) error {
	if len(in.Methods) < 2 || in.Cluster != nil {
		return nil
	}
	for k := range in.Results {
		if err := ctx.Err(); err != nil {
			return err
		}
		res := &in.Results[k]
		var rows []*Row
		for i := range t.Rows {
			r := &t.Rows[i]
			if r.Benchmark == in.Name && r.Model == res.Model && r.Metric == res.Metric && r.Subject == "" {
				rows = append(rows, r)
			}
		}
		if len(rows) != len(in.Methods) {
			continue
		}
		joint := in.newJoint(res)
		j := job{in: in, result: k, subject: -1}
		for m, p := range joint.test(&j, o) {
			rows[m].PJoint = pointer(p)
		}
	}
	return nil
}

// A joint has a model's scores as a test of all methods permutes them.
type joint struct {
	scores  []float64 // of the items with a score and verdicts of all methods, less their stratum's mean
	strata  [][]int32 // of numbers of scores
	flagged [][]int32 // by method
	scale   []float64 // by method: 1 / standard deviation of the flagged items' sum
}

func (in *Input) newJoint(r *Result) *joint {
	q := &joint{flagged: make([][]int32, len(in.Methods)), scale: make([]float64, len(in.Methods))}
	at := map[int32]int{}
	for i, x := range r.Scores {
		missing := func(m Method) bool { return m.States[i] == item.Missing }
		if x != x || slices.ContainsFunc(in.Methods, missing) {
			continue
		}
		stratum := int32(0)
		if in.Stratum != nil {
			stratum = in.Stratum[i]
		}
		s, ok := at[stratum]
		if !ok {
			s = len(q.strata)
			at[stratum], q.strata = s, append(q.strata, nil)
		}
		n := int32(len(q.scores))
		q.scores, q.strata[s] = append(q.scores, x), append(q.strata[s], n)
		for m := range in.Methods {
			if in.Methods[m].States[i].Found() {
				q.flagged[m] = append(q.flagged[m], n)
			}
		}
	}
	variance := make([]float64, len(in.Methods)) // of the flagged items' sum
	of := make([]int32, len(q.scores))
	for s, list := range q.strata {
		mean, square := 0.0, 0.0
		for _, n := range list {
			mean += q.scores[n] / float64(len(list))
			of[n] = int32(s)
		}
		for _, n := range list {
			q.scores[n] -= mean
			square += q.scores[n] * q.scores[n]
		}
		for m := range variance {
			d := 0.0
			for _, n := range q.flagged[m] {
				if of[n] == int32(s) {
					d++
				}
			}
			if all := float64(len(list)); all > 1 {
				variance[m] += square / (all - 1) * d * (all - d) / all
			}
		}
	}
	for m, v := range variance {
		if v > 1e-12 {
			q.scale[m] = 1 / math.Sqrt(v)
		}
	}
	return q
}

// z returns the |z| of a method's flagged items.
func (q *joint) z(m int) float64 {
	sum := 0.0
	for _, n := range q.flagged[m] {
		sum += q.scores[n]
	}
	return math.Abs(sum) * q.scale[m]
}

// test returns the adjusted p-value of each method, NaN where it has no z.
func (q *joint) test(j *job, o *Options) []float64 {
	seen, p := make([]float64, len(q.flagged)), make([]float64, len(q.flagged))
	work := len(q.scores)
	for m := range seen {
		seen[m] = q.z(m)
		work += len(q.flagged[m])
	}
	permutations := max(199, min((o.Permutations+4)/5, 200_000_000/max(work, 1)))
	rng := j.rng("joint", o)
	for range permutations {
		for _, list := range q.strata {
			for i := len(list) - 1; i > 0; i-- {
				k := randomIndex(rng, i+1)
				a, b := list[i], list[k]
				q.scores[a], q.scores[b] = q.scores[b], q.scores[a]
			}
		}
		largest := 0.0
		for m := range seen {
			largest = max(largest, q.z(m))
		}
		for m := range seen {
			if largest >= seen[m]-1e-9 {
				p[m]++
			}
		}
	}
	for m := range p {
		if p[m] = (1 + p[m]) / float64(1+permutations); q.scale[m] == 0 {
			p[m] = math.NaN()
		}
	}
	return p
}

// A Macro is a model's average over the benchmarks of a table or the subjects of a benchmark, each
// counted alike.
type Macro struct {
	Model  string   `json:"model"`
	Method string   `json:"method"`
	Over   string   `json:"over"` // benchmarks, or the benchmark whose subjects they are
	N      int      `json:"n"`
	All    *float64 `json:"all"`
	Clean  *float64 `json:"clean"` // of those that have clean items, as All is
	Left   int      `json:"left"`  // without clean items, left out of both
}

// macroAverages returns the averages over benchmarks and over subjects, where a model has two or
// more with scores in [0, 1].
func macroAverages(rows []Row) (list []Macro) {
	at := map[[3]string]int{}
	sums := [][2]float64{}
	for i := range rows {
		r := &rows[i]
		over := r.Benchmark
		if r.Subject == "" {
			over = "benchmarks"
		}
		if !r.unit || r.LowerBetter {
			continue
		}
		key := [3]string{r.Model, r.Method, over}
		k, ok := at[key]
		if !ok {
			k = len(list)
			at[key], sums = k, append(sums, [2]float64{})
			list = append(list, Macro{Model: r.Model, Method: r.Method, Over: over})
		}
		if r.Clean == nil {
			list[k].Left++
			continue
		}
		list[k].N++
		sums[k][0] += *r.All
		sums[k][1] += *r.Clean
	}
	for k := range list {
		if n := float64(list[k].N); n > 1 {
			list[k].All, list[k].Clean = pointer(sums[k][0]/n), pointer(sums[k][1]/n)
		}
	}
	return slices.DeleteFunc(list, func(m Macro) bool { return m.N < 2 })
}

// A Shared is the threshold of a method on a benchmark by Llama 3's rule: of the thresholds that all
// models were searched at, the one with the largest gain of any model that is significant, if its
// p-value corrected for the search is under 5 %.
type Shared struct {
	Benchmark string   `json:"benchmark"`
	Method    string   `json:"method"`
	Models    int      `json:"models"`
	Threshold *float64 `json:"threshold"` // nil: no model has a significant gain
	Gain      *float64 `json:"gain"`
	Model     string   `json:"model"` // with that gain
}

// llama3Thresholds applies the rule where several models have curves.
func llama3Thresholds(curves []Curve) (list []Shared) {
	at := map[[2]string]int{}
	for i := range curves {
		c := &curves[i]
		key := [2]string{c.Benchmark, c.Method}
		k, ok := at[key]
		if !ok {
			k = len(list)
			at[key], list = k, append(list, Shared{Benchmark: c.Benchmark, Method: c.Method})
		}
		s := &list[k]
		s.Models++
		for n := range c.Points {
			p := &c.Points[n]
			if p.PMax == nil || *p.PMax > alpha || p.Gain == nil || s.Gain != nil && *p.Gain <= *s.Gain {
				continue
			}
			s.Threshold, s.Gain, s.Model = pointer(p.Threshold), pointer(*p.Gain), c.Model
		}
	}
	return slices.DeleteFunc(list, func(s Shared) bool { return s.Models < 2 })
}
