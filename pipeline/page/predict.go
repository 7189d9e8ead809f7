package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"swab/pipeline/audit"
	"swab/pipeline/ledger"
	"swab/pipeline/predict"
)

// predictions are what the page shows of predict.json.
type predictions struct {
	Version    int    `json:"version"`
	Verdicts   string `json:"verdicts"`
	Benchmarks []struct {
		Benchmark string       `json:"benchmark"`
		Method    string       `json:"method"`
		Gap       *predict.Gap `json:"gap"`
	} `json:"benchmarks"`
}

// readPredictions reads the predictions that were computed from the audit's verdicts, nil if there
// are none.
func readPredictions(r *audit.Reader) (*predictions, error) {
	path := filepath.Join(r.Dir, audit.PredictFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := new(predictions)
	if err := errors.Join(json.Unmarshal(b, p), ledger.CheckObject(b)); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if p.Version != 1 {
		return nil, fmt.Errorf("%s: its version is %d, this program reads 1", path, p.Version)
	}
	for _, b := range p.Benchmarks {
		if b.Gap != nil && !isDrawable(b.Gap) {
			return nil, fmt.Errorf("%s: %w: the gap of %s is of no models; write it again with swab predict",
				path, ledger.ErrCorrupt, b.Benchmark)
		}
	}
	return p, r.About.CheckMadeFrom(path, p.Verdicts)
}

// isDrawable reports whether a gap has a value and a compute above 0 for each of its models.
func isDrawable(g *predict.Gap) bool {
	const most = 1e6 // in logits
	bad := func(v float64) bool { return math.Abs(v) > most }
	return len(g.Compute) == len(g.Gaps) && len(g.Models) == len(g.Gaps) && !bad(g.Slope) && !bad(g.At) &&
		!slices.ContainsFunc(g.Gaps, bad) && !slices.ContainsFunc(g.Compute, func(c float64) bool { return c <= 0 })
}

// gapPlots draws, of each benchmark and method, the gap of every model against its compute, and the
// line that was fitted.
func (p *predictions) gapPlots() (plots []plot) {
	for _, b := range p.Benchmarks {
		g := b.Gap
		if g == nil || len(g.Gaps) == 0 {
			continue
		}
		var at []float64
		for _, c := range g.Compute {
			at = append(at, math.Log10(c))
		}
		line := func(x float64) float64 { return g.At + g.Slope*x }
		first, last := slices.Min(at), slices.Max(at)
		across := ticksOf(first, last)
		up := ticksOf(min(slices.Min(g.Gaps), line(first), line(last)), max(slices.Max(g.Gaps), line(first), line(last)))
		const left, height = 46.0, 170.0
		c := canvas{height: height + 22}
		x := func(v float64) float64 {
			return left + (v-across[0])/(across[len(across)-1]-across[0])*(plotWidth-left-20)
		}
		y := func(v float64) float64 { return height - (v-up[0])/(up[len(up)-1]-up[0])*(height-12) }
		for _, t := range up {
			c.line("grid", left, y(t), plotWidth-20, y(t))
			c.label(left-6, y(t)+4, "end", number(t))
		}
		for _, t := range across {
			if t == math.Trunc(t) {
				c.label(x(t), height+18, "middle", "1e"+number(t))
			}
		}
		c.line("whisker", x(first), y(line(first)), x(last), y(line(last)))
		one := plot{
			Title: fmt.Sprintf("%s · %s: gap against compute, slope %+.3f [%+.3f, %+.3f] for ten times, p %.3f",
				b.Benchmark, b.Method, g.Slope, g.Low, g.High, g.P),
			Head: []string{"model", "FLOP", "logit(flagged) − logit(clean)"},
		}
		for i, m := range g.Models {
			flop, gap := fmt.Sprintf("%.3g", g.Compute[i]), fmt.Sprintf("%+.3f", g.Gaps[i])
			c.tip(m + ": " + flop + " FLOP, gap " + gap)
			c.dot("all", x(at[i]), y(g.Gaps[i]))
			c.end()
			one.Rows = append(one.Rows, []string{m, flop, gap})
		}
		one.SVG = c.svg("Gap of flagged and clean items against compute, " + b.Benchmark)
		plots = append(plots, one)
	}
	return plots
}
