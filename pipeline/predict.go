package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/ledger"
	"swab/pipeline/page"
	"swab/pipeline/predict"
	"swab/pipeline/publish"
	"swab/pipeline/report"
	"swab/pipeline/results"
)

// PredictOptions configures Predict.
type PredictOptions struct {
	ScoreOptions             // the audit, results and how they are joined; empty where only losses are predicted
	Runs         string      // file of runs with compute and loss, or ""
	Compute      []string    // as MODEL=FLOP, of models that Runs does not have
	Target       string      // the model that is predicted, or ""
	TargetRun    predict.Run // its compute, parameters and tokens, if it was not trained yet; 0: not known
	AllItems     bool        // pass rates on all items, not on the clean ones
}

// Predictions is what the smaller models say of the target. It is the content of predict.json.
type Predictions struct {
	Version  int                  `json:"version"`
	Verdicts string               `json:"verdicts,omitempty"` // the digest of the audit's verdicts
	Target   string               `json:"target"`
	Compute  float64              `json:"compute"`
	Loss     *predict.Prediction  `json:"loss"`         // of compute
	Size     *predict.Prediction  `json:"loss_of_size"` // of parameters and tokens
	Score    *predict.Prediction  `json:"score"`        // of the loss, by parameters and tokens or else by compute
	Parts    []PredictedBenchmark `json:"benchmarks"`
	Warnings []string             `json:"warnings"`
}

// PredictedBenchmark is the prediction of one benchmark, on items as one method judged them.
type PredictedBenchmark struct {
	Benchmark string          `json:"benchmark"`
	Method    string          `json:"method"`
	Items     string          `json:"items"` // clean or all
	Passes    *predict.Passes `json:"pass_rates"`
	Gap       *predict.Gap    `json:"gap"`
	Notes     []string        `json:"notes"` // why there is none of them
}

// Predict predicts a model from smaller ones: its loss from their runs, its pass rates from their
// results on the clean items of an audit, and whether flagged items gain more with size.
func Predict(ctx context.Context, o PredictOptions) (out *Predictions, err error) {
	runs, target, err := o.runs(ctx)
	if err != nil {
		return nil, err
	}
	out = &Predictions{
		Version: 1, Target: o.Target, Compute: target.Compute, Parts: []PredictedBenchmark{}, Warnings: []string{},
	}
	if err := out.losses(runs, target, o.Seed); err != nil {
		return nil, err
	}
	var into *publish.Dir // the audit, locked from before its verdicts are read, if Out is it
	if len(o.Results) > 0 && sameDir(o.Out, o.Audit) {
		if into, err = publish.Lock(o.Out); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, into.Close()) }()
	}
	if len(o.Results) > 0 {
		if err := out.benchmarks(ctx, &o, runs, target); err != nil {
			return nil, err
		}
	}
	if out.Loss == nil && out.Size == nil && len(out.Parts) == 0 {
		return nil, fmt.Errorf("nothing to predict: %s", cmp.Or(strings.Join(out.Warnings, "; "), "no runs have a loss"))
	}
	return out, out.save(ctx, &o, into)
}

// save writes the predictions to Out: a file, or the audit with its report.
func (p *Predictions) save(ctx context.Context, o *PredictOptions, into *publish.Dir) error {
	write := func(w io.Writer) error { return ledger.WriteObject(w, p) }
	switch {
	case o.Out == "":
		return nil
	case into == nil:
		return publish.WriteFile(o.Out, write)
	}
	if err := into.Replace(audit.PredictFile, write); err != nil {
		return err
	}
	if err := page.WriteInto(ctx, into, page.Options{Definitions: o.Definitions}); err != nil {
		return fmt.Errorf("%s is written, but not the report: %w", audit.PredictFile, err)
	}
	return nil
}

// runs returns the smaller models' runs, and the target's.
func (o *PredictOptions) runs(ctx context.Context) (runs []predict.Run, target predict.Run, err error) {
	var list []results.TrainingRun
	if o.Runs != "" {
		if list, err = results.ReadRuns(ctx, o.Runs); err != nil {
			return nil, target, err
		}
	}
	for _, c := range o.Compute {
		model, text, ok := strings.Cut(c, "=")
		x, err := strconv.ParseFloat(text, 64)
		if !ok || err != nil || !(x > 0) {
			return nil, target, fmt.Errorf("--compute %s: write MODEL=FLOP, as in small=3e20", c)
		}
		list = append(list, results.TrainingRun{Model: model, Compute: x})
	}
	target = o.TargetRun
	target.Model, target.Loss, target.Score = o.Target, math.NaN(), math.NaN()
	for _, r := range list {
		run := predict.Run{
			Model: r.Model, Compute: r.Compute, Params: r.Params, Token: r.Tokens, Loss: r.Loss, Score: math.NaN(),
		}
		if r.Score != nil {
			run.Score = *r.Score
		}
		if run.Compute == 0 {
			run.Compute = 6 * r.Params * r.Tokens
		}
		if r.Loss == 0 {
			run.Loss = math.NaN()
		}
		if o.Target != "" && r.Model == o.Target {
			target = run
			continue
		}
		runs = append(runs, run)
	}
	if target.Compute == 0 {
		target.Compute = 6 * target.Params * target.Token
	}
	if !(target.Compute > 0) {
		return nil, target, errors.New("the target's compute is not known: " +
			"name it with --target MODEL, of the runs, or --target-compute FLOP")
	}
	return runs, target, nil
}

// losses predicts the target's loss.
func (p *Predictions) losses(runs []predict.Run, target predict.Run, seed uint64) (err error) {
	if !slices.ContainsFunc(runs, func(r predict.Run) bool { return r.Loss > 0 }) {
		return nil
	}
	note := func(err error) error {
		if errors.Is(err, predict.ErrFew) {
			p.Warnings = append(p.Warnings, err.Error())
			return nil
		}
		return err
	}
	if p.Loss, err = predict.FitLoss(runs, target.Compute, rand.New(rand.NewPCG(seed, 1))); err != nil {
		if err := note(err); err != nil {
			return err
		}
	} else {
		p.Loss.Observe(target.Loss)
	}
	if target.Params > 0 && target.Token > 0 {
		p.Size, err = predict.FitSize(runs, target.Params, target.Token, rand.New(rand.NewPCG(seed, 2)))
		if err != nil {
			return note(err)
		}
		p.Size.Observe(target.Loss)
	}
	loss := cmp.Or(p.Size, p.Loss)
	if loss == nil || !slices.ContainsFunc(runs, func(r predict.Run) bool { return r.Score >= 0 }) {
		return nil
	}
	if p.Score, err = predict.FitScore(runs, loss, rand.New(rand.NewPCG(seed, 4))); err != nil {
		return note(err)
	}
	p.Score.Observe(target.Score)
	return nil
}

// benchmarks predicts pass rates, and fits the gap, of each benchmark that has results.
func (p *Predictions) benchmarks(ctx context.Context, o *PredictOptions, runs []predict.Run, target predict.Run) error {
	s := &scoring{ScoreOptions: o.ScoreOptions}
	if _, err := s.load(ctx); err != nil {
		return err
	}
	p.Verdicts = s.table.About.VerdictsDigest()
	var err error
	if s.methods, err = s.table.Methods(o.Methods); err != nil {
		return err
	}
	if _, err := s.readAll(); err != nil {
		return err
	}
	computeOf := map[string]float64{target.Model: target.Compute}
	for _, r := range runs {
		computeOf[r.Model] = r.Compute
	}
	for _, b := range s.table.Benchmarks {
		var joins []*results.Join
		for i := range s.joins {
			j := &s.joins[i]
			if j.Benchmark != b.Name {
				continue
			}
			if computeOf[j.Model] == 0 {
				return fmt.Errorf("the compute of model %q is not known: --compute %s=FLOP", j.Model, j.Model)
			}
			joins = append(joins, j)
		}
		for _, v := range s.methods {
			if len(joins) > 0 {
				p.Parts = append(p.Parts, o.benchmark(b, v, joins, computeOf, target))
			}
		}
	}
	return nil
}

// benchmark predicts one benchmark by one method's verdicts.
func (o *PredictOptions) benchmark(
	b audit.TableBenchmark, v *audit.MethodVerdicts, joins []*results.Join, computeOf map[string]float64,
	target predict.Run,
) PredictedBenchmark {
	out := PredictedBenchmark{Benchmark: b.Name, Method: v.Method, Items: "clean", Notes: []string{}}
	if o.AllItems {
		out.Items = "all"
	}
	n := b.Last - b.First
	var models []predict.Solver
	var observed *predict.Solver
	var gaps []predict.GapPoint
	for _, j := range joins {
		m := predict.Solver{Model: j.Model, Compute: computeOf[j.Model], Solved: make([]int, n), Samples: make([]int, n)}
		g := predict.GapPoint{Model: j.Model, Compute: m.Compute}
		for _, r := range j.Matched {
			k := int(r.Item)
			state := v.State[k]
			switch {
			case state == item.Missing:
				continue
			case state.Found():
				g.Flagged, g.D = g.Flagged+r.Score, g.D+1
			default:
				g.Clean, g.C = g.Clean+r.Score, g.C+1
			}
			if o.AllItems || !state.Found() {
				m.Samples[k-b.First] = int(r.Samples)
				m.Solved[k-b.First] = int(math.Round(r.Score * float64(r.Samples)))
			}
		}
		if j.Model == target.Model {
			observed = &m
			continue
		}
		models, gaps = append(models, m), append(gaps, g)
	}
	rng := rand.New(rand.NewPCG(o.Seed, 3))
	var err error
	if len(models) == 0 {
		out.Notes = append(out.Notes, "there are no smaller models")
		return out
	}
	if out.Passes, err = predict.FitPasses(models, target.Compute, observed, rng); err != nil {
		out.Passes = nil
		out.Notes = append(out.Notes, "no pass rates: "+err.Error())
	}
	if gaps[0].D == 0 || gaps[0].C == 0 {
		out.Notes = append(out.Notes, "no gap: the items are all flagged or all clean")
	} else if out.Gap, err = predict.FitGap(gaps); err != nil {
		out.Gap = nil
		out.Notes = append(out.Notes, "no gap: "+err.Error())
	}
	return out
}

// Write writes the predictions for a terminal.
func (p *Predictions) Write(w io.Writer) error {
	var b strings.Builder
	name := cmp.Or(p.Target, "the target")
	fmt.Fprintf(&b, "%s, %.3g FLOP\n", report.CleanText(name), p.Compute)
	line := func(what string, q *predict.Prediction) {
		if q == nil {
			return
		}
		fmt.Fprintf(&b, "%-24s %.4f [%.4f, %.4f] from %d runs", what, q.Value, q.Low, q.High, q.Points)
		if q.Observed != nil && q.Z != nil {
			fmt.Fprintf(&b, "; observed %.4f, z %+.1f", *q.Observed, *q.Z)
		}
		fmt.Fprintln(&b)
		for _, t := range q.Warnings {
			fmt.Fprintf(&b, "! %s\n", t)
		}
	}
	line("loss of compute", p.Loss)
	line("loss of size and data", p.Size)
	line("score of that loss", p.Score)
	for i := range p.Parts {
		p.Parts[i].write(&b)
	}
	for _, t := range p.Warnings {
		fmt.Fprintf(&b, "! %s\n", report.CleanText(t))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (q *PredictedBenchmark) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s, %s, %s items\n", report.CleanText(q.Benchmark), report.CleanText(q.Method), q.Items)
	rate := func(what string, items int, rate, low, high float64, observed *float64) {
		fmt.Fprintf(b, "  %-12s %4d items  pass rate %.1f [%.1f, %.1f]", what, items, 100*rate, 100*low, 100*high)
		if observed != nil {
			fmt.Fprintf(b, ", observed %.1f", 100**observed)
		}
		fmt.Fprintln(b)
	}
	if x := q.Passes; x != nil {
		var observed *float64
		if x.Observed != nil {
			seen := math.Exp(-*x.Observed)
			observed = &seen
		}
		rate("solved", x.Items, x.Rate, x.RateLow, x.RateHigh, observed)
		for i, k := range x.Buckets {
			rate(fmt.Sprintf("bucket %d", i+1), k.Items, k.Rate, k.RateLow, k.RateHigh, k.Observed)
		}
		for _, t := range x.Warnings {
			fmt.Fprintf(b, "! %s\n", t)
		}
	}
	if g := q.Gap; g != nil {
		says := "flagged items do not gain more with size than clean ones, as far as these models show"
		switch {
		case g.Low > 0:
			says = "flagged items gain more with size than clean ones"
		case g.High < 0:
			says = "flagged items gain less with size than clean ones"
		}
		fmt.Fprintf(b, "  gap logit(flagged) − logit(clean): %+.3f [%+.3f, %+.3f] for ten times the compute, p %.3f: %s\n",
			g.Slope, g.Low, g.High, g.P, says)
	}
	for _, t := range q.Notes {
		fmt.Fprintf(b, "! %s\n", report.CleanText(t))
	}
}
