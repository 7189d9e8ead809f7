package predict

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/optimize"
)

// FitScore predicts the share of right answers at a predicted loss, from runs with loss and score, as
// the second step of OLMo's ladder does: score = b − a/(1 + e^(−k(L − m))), with the point of loss 0
// and score 1 beside the runs.
func FitScore(runs []Run, loss *Prediction, rng *rand.Rand) (*Prediction, error) {
	var x, y []float64
	for _, r := range runs {
		if r.Loss > 0 && r.Score >= 0 && r.Score <= 1 {
			x, y = append(x, r.Loss), append(y, r.Score)
		}
	}
	if len(x) < minLoss {
		return nil, fmt.Errorf("%w: score of loss needs %d runs, and there are %d", ErrFew, minLoss, len(x))
	}
	q := scoreFit(x, y, nil)
	p := &Prediction{Value: scoreOf(q, loss.Value), Points: len(x), Times: loss.Times, Warnings: []string{}}
	p.Parameters = map[string]float64{"a": q[0], "m": q[1], "k": q[2], "b": q[3]}
	n := float64(len(x))
	residuals := make([]float64, len(x))
	for i := range x {
		residuals[i] = (y[i] - scoreOf(q, x[i])) * math.Sqrt(n/max(1, n-4))
	}
	noise := extraNoise(residuals, scoreFloor)
	sd := (loss.High - loss.Low) / (2 * 1.96)
	var values []float64
	again := make([]float64, len(x))
	for range sizeDraws {
		for i := range again {
			again[i] = scoreOf(q, x[i]) + residuals[rng.IntN(len(residuals))] + noise*rng.NormFloat64()
		}
		refit := scoreFit(x, again, q)
		for range draws / sizeDraws {
			at := scoreOf(refit, max(0, loss.Value+sd*rng.NormFloat64()))
			at += residuals[rng.IntN(len(residuals))] + noise*rng.NormFloat64()
			values = append(values, min(max(at, 0), 1))
		}
	}
	slices.Sort(values)
	p.Low, p.High = min(p.Value, values[len(values)*25/1000]), max(p.Value, values[len(values)*975/1000])
	return p, nil
}

// scoreOf returns the score at a loss by parameters a, m, k and b.
func scoreOf(q []float64, loss float64) float64 { return q[3] - q[0]/(1+math.Exp(-q[2]*(loss-q[1]))) }

// scoreFit returns the least squares of a, m, k and b from a start, or from several if it is nil.
func scoreFit(x, y, start []float64) []float64 {
	problem := optimize.Problem{Func: func(q []float64) float64 {
		if q[0] < 0 || q[0] > 1 || q[1] < 0 || q[2] < 0 || q[3] < 0 || q[3] > 1 {
			return math.Inf(1)
		}
		sum := math.Pow(1-scoreOf(q, 0), 2)
		for i := range x {
			sum += math.Pow(y[i]-scoreOf(q, x[i]), 2)
		}
		return sum
	}}
	starts := [][]float64{start}
	if start == nil {
		starts = nil
		for _, k := range []float64{1, 3, 10} {
			for _, m := range []float64{slices.Min(x), slices.Max(x), (slices.Min(x) + slices.Max(x)) / 2} {
				starts = append(starts, []float64{0.7, m, k, 0.95})
			}
		}
	}
	best, _ := minimise(problem, starts, 2)
	return best
}

// minimise returns the least of Nelder and Mead's method from several starts; from where it stops it
// is started again a few times.
func minimise(problem optimize.Problem, starts [][]float64, times int) (best []float64, least float64) {
	best, least = starts[0], math.Inf(1)
	for _, s := range starts {
		for range times {
			result, err := optimize.Minimize(problem, s, &optimize.Settings{FuncEvaluations: 4000}, &optimize.NelderMead{})
			if result == nil || err != nil && result.X == nil {
				break
			}
			if s = result.X; result.F < least {
				best, least = slices.Clone(s), result.F
			}
		}
	}
	return best, least
}

// The least spread of residuals, since points that a law fits without any are too few, or rounded: of
// a loss and of a mean of −log p, relative; of a score.
const (
	lossFloor  = 0.001
	passFloor  = 0.01
	scoreFloor = 0.005
)

// extraNoise returns the standard deviation of what is added to residuals so that they have the least
// spread.
func extraNoise(residuals []float64, floor float64) float64 {
	square := 0.0
	for _, r := range residuals {
		square += r * r / float64(len(residuals))
	}
	return math.Sqrt(max(0, floor*floor-square))
}
