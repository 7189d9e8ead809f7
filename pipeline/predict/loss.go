// Package predict predicts a large model from smaller ones: its loss from compute, or from parameters
// and tokens, and its pass rates, as the GPT-4 report does.
//
// # Fits
//
//	loss of compute         L(C) = a·C^b + c         a, c at least 0, b in (−1, 0)
//	loss of size and data   L(N, D) = E + A/N^α + B/D^β
//	pass rates              −E[log p] = α·C^−k       over items that every model solved at least once
//	gap                     logit(flagged) − logit(clean) = s·log₁₀ C + i
//	score of loss           b − a/(1 + e^(−k(L − m))), at the predicted loss
//
// C is divided by the target's, so that its predictions are a + c and α. L(C) is fitted by variable
// projection: for each b the best a and c are those of a linear least squares of relative residuals,
// and b is searched. L(N, D) is fitted by Nelder and Mead's method, of a Huber loss of log L, from
// several starts (Hoffmann et al. 2022). Pass rates and gap are straight lines in log C.
//
// Intervals are 95 % prediction intervals: residuals, made larger for the parameters that were
// fitted, are drawn again and refitted, and one is added to each prediction. Residuals have at least
// the spread between seeds, 0.1 % of a loss, so that no interval has a width of 0. A fit is refused where
// it has too few points.
package predict

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/stat/distuv"
)

// ErrFew means that a fit has too few points.
var ErrFew = errors.New("too few points")

const (
	minLoss      = 5   // points of L(C)
	minSize      = 8   // points of L(N, D)
	draws        = 400 // of a bootstrap
	sizeDraws    = 60  // of L(N, D), whose fit is slow
	farLoss      = 1e4 // extrapolation in compute of a loss
	farPassRates = 1e3 // and of pass rates, beyond which a prediction is a guess
)

// A Prediction is what the smaller models say of the target.
type Prediction struct {
	Value    float64  `json:"predicted"`
	Low      float64  `json:"low"` // 95 % prediction interval
	High     float64  `json:"high"`
	Observed *float64 `json:"observed"` // nil if it is not known
	Z        *float64 `json:"z"`        // observed − predicted, in standard deviations of the prediction
	Points   int      `json:"points"`
	Times    float64  `json:"times"` // the target's compute divided by the largest of the points
	Warnings []string `json:"warnings"`

	Parameters map[string]float64 `json:"parameters"`
}

// A Run is a model that was trained. What is not known is NaN.
type Run struct {
	Model         string
	Compute       float64 // FLOP
	Params, Token float64 // parameters and tokens trained on
	Loss          float64
	Score         float64 // share of right answers
}

// FitLoss predicts the loss at compute target from runs with compute and loss.
func FitLoss(runs []Run, target float64, rng *rand.Rand) (*Prediction, error) {
	var x, y []float64
	for _, r := range runs {
		if r.Compute > 0 && r.Loss > 0 {
			x, y = append(x, r.Compute/target), append(y, r.Loss)
		}
	}
	if len(x) < minLoss {
		return nil, fmt.Errorf("%w: loss of compute needs %d runs, and there are %d", ErrFew, minLoss, len(x))
	}
	a, b, c := powerLaw(x, y)
	fitted := make([]float64, len(x))
	for i := range x {
		fitted[i] = a*math.Pow(x[i], b) + c
	}
	p := &Prediction{Value: a + c, Points: len(x), Times: 1 / slices.Max(x)}
	p.Parameters = map[string]float64{"a": a, "b": b, "c": c}
	p.bootstrap(fitted, y, 3, draws, rng, func(y []float64) float64 {
		a, _, c := powerLaw(x, y)
		return a + c
	})
	p.warnFar(farLoss)
	return p, nil
}

// powerLaw returns the a, b and c with the least squares of relative residuals of y.
func powerLaw(x, y []float64) (a, b, c float64) {
	logs := make([]float64, len(x))
	for i := range x {
		logs[i] = math.Log(x[i])
	}
	at := func(b float64) (a, c, square float64) {
		// Weights 1/y² make residuals relative. The least squares of a and c, either clipped to 0.
		var s, sx, sxx, sy, sxy float64
		for i := range y {
			w, u := 1/(y[i]*y[i]), math.Exp(b*logs[i])
			s, sx, sxx, sy, sxy = s+w, sx+w*u, sxx+w*u*u, sy+w*y[i], sxy+w*u*y[i]
		}
		a, c = (s*sxy-sx*sy)/(s*sxx-sx*sx), (sxx*sy-sx*sxy)/(s*sxx-sx*sx)
		if !(a > 0) {
			a, c = 0, sy/s
		}
		if c < 0 {
			a, c = sxy/sxx, 0
		}
		for i := range y {
			e := (y[i] - a*math.Exp(b*logs[i]) - c) / y[i]
			square += e * e
		}
		return a, c, square
	}
	best := math.Inf(1)
	for k := 1; k < 200; k++ {
		if try := -math.Exp(math.Log(1e-3) + float64(k)/200*math.Log(1e3)); true {
			if _, _, e := at(try); e < best {
				best, b = e, try
			}
		}
	}
	low, high := b*1.05, b/1.05
	for range 80 { // golden section
		one, two := high-(high-low)/math.Phi, low+(high-low)/math.Phi
		_, _, e := at(one)
		if _, _, f := at(two); e < f {
			high = two
		} else {
			low = one
		}
	}
	b = (low + high) / 2
	a, c, _ = at(b)
	return a, b, c
}

// FitSize predicts the loss of a model of target parameters and tokens.
func FitSize(runs []Run, params, tokens float64, rng *rand.Rand) (*Prediction, error) {
	var known []Run
	ratios, largest := []float64{}, 0.0
	for _, r := range runs {
		if r.Params > 0 && r.Token > 0 && r.Loss > 0 {
			known, ratios = append(known, r), append(ratios, r.Token/r.Params)
			largest = max(largest, r.Params*r.Token)
		}
	}
	if len(known) < minSize || slices.Max(ratios) < 1.5*slices.Min(ratios) {
		return nil, fmt.Errorf("%w: loss of size and data needs %d runs of different tokens a parameter, and there are %d",
			ErrFew, minSize, len(known))
	}
	y := make([]float64, len(known))
	for i, r := range known {
		y[i] = r.Loss
	}
	best := sizeFit(known, y, nil)
	p := &Prediction{Value: sizeLoss(best, params, tokens), Points: len(known), Times: params * tokens / largest}
	p.Parameters = map[string]float64{
		"E": math.Exp(best[0]), "A": math.Exp(best[1]), "alpha": best[2], "B": math.Exp(best[3]), "beta": best[4],
	}
	fitted := make([]float64, len(known))
	for i, r := range known {
		fitted[i] = sizeLoss(best, r.Params, r.Token)
	}
	p.bootstrap(fitted, y, 5, sizeDraws, rng, func(y []float64) float64 {
		return sizeLoss(sizeFit(known, y, best), params, tokens)
	})
	p.warnFar(farLoss)
	return p, nil
}

// sizeLoss returns the loss by parameters log E, log A, α, log B and β.
func sizeLoss(q []float64, params, tokens float64) float64 {
	return math.Exp(q[0]) + math.Exp(q[1]-q[2]*math.Log(params)) + math.Exp(q[3]-q[4]*math.Log(tokens))
}

// sizeFit minimises the Huber loss of log L from a start, or from several if it is nil.
func sizeFit(runs []Run, y, start []float64) []float64 {
	const delta = 1e-3
	problem := optimize.Problem{Func: func(q []float64) float64 {
		sum := 0.0
		for i, r := range runs {
			e := math.Abs(math.Log(sizeLoss(q, r.Params, r.Token)) - math.Log(y[i]))
			if e > delta {
				sum += delta * (e - delta/2)
			} else {
				sum += e * e / 2
			}
		}
		if math.IsNaN(sum) || q[2] < 0 || q[4] < 0 || q[2] > 2 || q[4] > 2 {
			return math.Inf(1)
		}
		return sum
	}}
	starts := [][]float64{start}
	if start == nil {
		starts = nil
		for _, e := range []float64{0.3, 0.6, 0.9} {
			for _, alpha := range []float64{0.2, 0.35, 0.5} {
				for _, beta := range []float64{0.2, 0.35, 0.5} {
					rest := (1 - e) * slices.Min(y) / 2
					starts = append(starts, []float64{math.Log(e * slices.Min(y)),
						math.Log(rest) + alpha*math.Log(runs[0].Params), alpha, math.Log(rest) + beta*math.Log(runs[0].Token), beta})
				}
			}
		}
	}
	best, _ := minimise(problem, starts, 3)
	return best
}

// bootstrap sets the prediction interval: relative residuals of a fit of parameters are drawn
// again, refitted, and one is added to the prediction.
func (p *Prediction) bootstrap(
	fitted, y []float64, parameters, draws int, rng *rand.Rand, refit func([]float64) float64,
) {
	n := len(y)
	residuals := make([]float64, n)
	for i := range y {
		residuals[i] = math.Log(y[i]/fitted[i]) * math.Sqrt(float64(n)/max(1, float64(n-parameters)))
	}
	noise := extraNoise(residuals, lossFloor)
	draw := func() float64 { return math.Exp(residuals[rng.IntN(n)] + noise*rng.NormFloat64()) }
	again := make([]float64, n)
	var values []float64
	for range draws {
		for i := range again {
			again[i] = fitted[i] * draw()
		}
		if v := refit(again) * draw(); !math.IsNaN(v) && !math.IsInf(v, 0) {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	// With few residuals the quantiles are short: the spread is that of Student's t.
	wider := distuv.StudentsT{Sigma: 1, Nu: max(1, float64(n-parameters))}.Quantile(0.975) / 1.96
	at := func(q float64) float64 { return values[min(int(q*float64(len(values))), len(values)-1)] }
	p.Low = p.Value - wider*max(0, p.Value-at(0.025))
	p.High = p.Value + wider*max(0, at(0.975)-p.Value)
}

// Observe sets what was observed, and its z.
func (p *Prediction) Observe(x float64) {
	if math.IsNaN(x) {
		return
	}
	p.Observed = &x
	if sd := (p.High - p.Low) / (2 * 1.96); sd > 0 {
		z := (x - p.Value) / sd
		p.Z = &z
	}
}

func (p *Prediction) warnFar(times float64) {
	if p.Warnings = []string{}; p.Times > times {
		p.Warnings = append(p.Warnings, fmt.Sprintf("the target has %.3g times the compute of the largest run: "+
			"beyond %.0f times a prediction is a guess", p.Times, times))
	}
}
