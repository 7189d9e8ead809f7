package predict

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// A Solver is a model's results on items, each with several samples.
type Solver struct {
	Model   string
	Compute float64
	Solved  []int // right samples, by item
	Samples []int // by item; 0: no result
}

// A Passes predicts pass rates.
type Passes struct {
	Prediction          // of −E[log p]; Value is the mean of −log p
	Rate       float64  `json:"rate"` // e^−Value, the geometric mean of pass rates
	RateLow    float64  `json:"rate_low"`
	RateHigh   float64  `json:"rate_high"`
	Items      int      `json:"items"`   // that every smaller model solved at least once
	Left       int      `json:"left"`    // others
	Buckets    []Bucket `json:"buckets"` // by falling ease
}

// A Bucket is the items of one difficulty, by the smaller models.
type Bucket struct {
	Items    int      `json:"items"`
	Rate     float64  `json:"rate"` // predicted
	RateLow  float64  `json:"rate_low"`
	RateHigh float64  `json:"rate_high"`
	Observed *float64 `json:"observed"`
}

const (
	minModels = 3
	buckets   = 6
	hardest   = 15 // items that are in no bucket, as in the GPT-4 report
)

// FitPasses predicts the pass rates at compute target; the target's own results are nil if there are
// none.
func FitPasses(models []Solver, target float64, observed *Solver, rng *rand.Rand) (*Passes, error) {
	if len(models) < minModels {
		return nil, fmt.Errorf("%w: pass rates need %d models, and there are %d", ErrFew, minModels, len(models))
	}
	items, left, err := solvedByAll(models)
	if err != nil {
		return nil, err
	}
	out := &Passes{Items: len(items), Left: left}
	p, err := fitLine(models, items, target, rng)
	if err != nil {
		return nil, err
	}
	out.Prediction = *p
	out.warnFar(farPassRates)
	out.Rate, out.RateLow, out.RateHigh = math.Exp(-p.Value), math.Exp(-p.High), math.Exp(-p.Low)
	if y := meanLog(observed, items); observed != nil {
		out.Observe(y)
	}
	// Difficulty is the mean over the smaller models of −log p.
	difficulty := func(i int) float64 {
		sum := 0.0
		for m := range models {
			sum += minusLog(&models[m], i)
		}
		return sum
	}
	slices.SortStableFunc(items, func(a, b int) int {
		if x, y := difficulty(a), difficulty(b); x != y {
			if x < y {
				return -1
			}
			return 1
		}
		return 0
	})
	if len(items) > hardest {
		items = items[:len(items)-hardest]
	}
	for k := range min(buckets, len(items)/4) {
		n := min(buckets, len(items)/4)
		part := items[k*len(items)/n : (k+1)*len(items)/n]
		b := Bucket{Items: len(part)}
		if p, err := fitLine(models, part, target, rng); err == nil {
			b.Rate, b.RateLow, b.RateHigh = math.Exp(-p.Value), math.Exp(-p.High), math.Exp(-p.Low)
		}
		if y := meanLog(observed, part); observed != nil && !math.IsNaN(y) {
			rate := math.Exp(-y)
			b.Observed = &rate
		}
		out.Buckets = append(out.Buckets, b)
	}
	return out, nil
}

// solvedByAll returns the items that every model solved at least once, and the number of others.
func solvedByAll(models []Solver) (items []int, left int, err error) {
	most := 0
	for i := range models[0].Solved {
		all := true
		for _, m := range models {
			most = max(most, m.Samples[i])
			all = all && m.Samples[i] > 0 && m.Solved[i] > 0
		}
		if all {
			items = append(items, i)
		} else {
			left++
		}
	}
	switch {
	case most < 2:
		return nil, 0, errors.New("pass rates need several samples of each item: " +
			"a single one is right or wrong, and log 0 has no value")
	case len(items) == 0:
		return nil, 0, errors.New("no item was solved by every model")
	}
	return items, left, nil
}

func minusLog(s *Solver, i int) float64 {
	return -math.Log(float64(s.Solved[i]) / float64(s.Samples[i]))
}

// meanLog returns the mean of −log p over items, NaN if one was never solved.
func meanLog(s *Solver, items []int) float64 {
	if s == nil {
		return math.NaN()
	}
	sum := 0.0
	for _, i := range items {
		if s.Solved[i] == 0 {
			return math.NaN()
		}
		sum += minusLog(s, i) / float64(len(items))
	}
	return sum
}

// fitLine fits log(−E[log p]) = log α − k·log C, with a prediction interval of items and residuals
// drawn again.
func fitLine(models []Solver, items []int, target float64, rng *rand.Rand) (*Prediction, error) {
	x, largest := make([]float64, len(models)), 0.0
	for m := range models {
		x[m], largest = math.Log(models[m].Compute/target), max(largest, models[m].Compute)
	}
	fit := func(items []int) (at, slope float64, residuals []float64) {
		y := make([]float64, len(models))
		for m := range models {
			y[m] = math.Log(meanLog(&models[m], items))
		}
		at, slope = stat.LinearRegression(x, y, nil, false)
		for m := range models {
			residuals = append(residuals, y[m]-at-slope*x[m])
		}
		return at, slope, residuals
	}
	at, slope, residuals := fit(items)
	if math.IsNaN(at) || math.IsInf(at, 0) {
		return nil, errors.New("a model solves every item in every sample, so its log of pass rates is 0: " +
			"choose harder items")
	}
	n := len(models)
	p := &Prediction{Value: math.Exp(at), Points: n, Times: target / largest, Warnings: []string{}}
	p.Parameters = map[string]float64{"alpha": math.Exp(at), "k": -slope}
	var values []float64
	drawn := make([]int, len(items))
	wider := math.Sqrt(float64(n) / float64(n-2))
	noise := extraNoise(residuals, passFloor)
	draw := func() float64 { return wider*residuals[rng.IntN(n)] + noise*rng.NormFloat64() }
	for range draws {
		for i := range drawn {
			drawn[i] = items[rng.IntN(len(items))]
		}
		y := make([]float64, n)
		for m := range y {
			y[m] = at + slope*x[m] + draw()
		}
		again, _ := stat.LinearRegression(x, y, nil, false)
		of, _, _ := fit(drawn)
		if v := again + of - at + draw(); !math.IsNaN(v) && !math.IsInf(v, 0) {
			values = append(values, v)
		}
	}
	if len(values) < draws/2 {
		return nil, errors.New("the pass rates are too near to 1 for an interval")
	}
	slices.Sort(values)
	p.Low, p.High = math.Exp(values[len(values)*25/1000]), math.Exp(values[len(values)*975/1000])
	return p, nil
}

// A Gap is how much more flagged items gain with size than clean ones: the slope of
// logit(flagged) − logit(clean) against log₁₀ of compute.
type Gap struct {
	Slope   float64   `json:"slope"` // a factor of ten in compute adds this to the gap
	Low     float64   `json:"low"`   // 95 %
	High    float64   `json:"high"`
	P       float64   `json:"p"` // two-sided, of no slope
	Models  []string  `json:"models"`
	Gaps    []float64 `json:"gaps"`    // by model
	Compute []float64 `json:"compute"` // by model
	At      float64   `json:"at"`      // of the fitted line where log₁₀ of compute is 0
}

// GapPoint is a model's right items of the flagged and of the clean ones.
type GapPoint struct {
	Model          string
	Compute        float64
	Flagged, Clean float64 // right, or sums of scores in [0, 1]
	D, C           float64 // items
}

// FitGap fits the gap of at least three models by weighted least squares, with Student's t. Half an
// item is added to right and wrong ones, so that every logit is finite.
func FitGap(points []GapPoint) (*Gap, error) {
	if len(points) < minModels {
		return nil, fmt.Errorf("%w: the gap needs %d models, and there are %d", ErrFew, minModels, len(points))
	}
	g := new(Gap)
	var x, w []float64
	for _, p := range points {
		logit := func(k, n float64) (value, variance float64) {
			return math.Log((k + 0.5) / (n - k + 0.5)), 1/(k+0.5) + 1/(n-k+0.5)
		}
		f, vf := logit(p.Flagged, p.D)
		c, vc := logit(p.Clean, p.C)
		x, w = append(x, math.Log10(p.Compute)), append(w, 1/(vf+vc))
		g.Models, g.Gaps, g.Compute = append(g.Models, p.Model), append(g.Gaps, f-c), append(g.Compute, p.Compute)
	}
	at, slope := stat.LinearRegression(x, g.Gaps, w, false)
	g.At = at
	mean, square, chi := stat.Mean(x, w), 0.0, 0.0
	for i := range x {
		square += w[i] * (x[i] - mean) * (x[i] - mean)
		chi += w[i] * math.Pow(g.Gaps[i]-at-slope*x[i], 2)
	}
	nu := float64(len(points) - 2)
	// The items' own spread is the least that the slope can have.
	se := math.Sqrt(max(1, chi/nu) / square)
	t := distuv.StudentsT{Sigma: 1, Nu: nu}
	half := t.Quantile(0.975) * se
	g.Slope, g.Low, g.High, g.P = slope, slope-half, slope+half, 2*t.Survival(math.Abs(slope/se))
	if math.IsNaN(slope) {
		return nil, errors.New("the models have one and the same compute")
	}
	return g, nil
}
