package score

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"swab/ngram/item"
)

// Mid-p against all tables of the margins, in whole numbers.
func TestMidP(t *testing.T) {
	choose := func(n, k int64) float64 {
		out := 1.0
		for i := range k {
			out = out * float64(n-i) / float64(i+1)
		}
		return math.Round(out)
	}
	for a := int64(1); a <= 7; a++ {
		for b := int64(1); b <= 9; b++ {
			for ka := range a + 1 {
				for kb := range b + 1 {
					k := ka + kb
					one, sum, all := choose(a, ka)*choose(b, kb), 0.0, 0.0
					for x := max(0, k-b); x <= min(a, k); x++ {
						p := choose(a, x) * choose(b, k-x)
						if all += p; p <= one {
							sum += p
						}
					}
					want := (sum - one/2) / all
					if k == 0 || k == a+b {
						want = 1
					}
					near(t, fmt.Sprint("mid-p ", ka, a, kb, b), MidP(ka, a, kb, b), want, 1e-10)
				}
			}
		}
	}
	near(t, "6/6 against 2/6", MidP(6, 6, 2, 6), 0.0455, 1e-4)
}

// The smallest detectable difference has a power of 80 % by the plain count of all tables, and there
// is none where a score of 1 would not show.
func TestMinimumGain(t *testing.T) {
	for _, tt := range []struct {
		p    float64
		d, c int64
	}{{0.5, 30, 60}, {0.7, 40, 40}, {0.3, 12, 100}, {0.8, 60, 200}} {
		diff := MinimumGain(tt.p, tt.d, tt.c)
		sum := 0.0
		for ka, pa := range binomial(tt.p+diff, tt.d) {
			for kb, pb := range binomial(tt.p, tt.c) {
				if MidP(int64(ka), tt.d, int64(kb), tt.c) <= alpha {
					sum += pa * pb
				}
			}
		}
		if !(sum >= 0.795 && sum <= 0.81) {
			t.Errorf("%+v: difference %.4f has a power of %.4f", tt, diff, sum)
		}
	}
	if diff := MinimumGain(0.95, 20, 500); !math.IsNaN(diff) {
		t.Errorf("20 flagged items where clean score 95 %%: %v", diff)
	}
	exact, normal := MinimumGain(0.7, 200, 1500), 0.0
	for normal = 0.01; normalPower(0.7, 0.7+normal, 200, 1500) < power; normal += 1e-4 {
	}
	near(t, "normal for exact", normal, exact, 0.004)
}

// strataInput is a benchmark of strata of other difficulty, in which the flagged items are mostly in
// easy ones; flagged items score effect higher.
func strataInput(rng *rand.Rand, effect float64) *Input {
	in := &Input{}
	in.Name, in.Items = "b", 240
	in.Methods = []Method{{Name: "m", States: make([]item.State, in.Items)}}
	in.Results = []Result{{Model: "x", Scores: make([]float64, in.Items)}}
	in.Stratum = make([]int32, in.Items)
	for i := range in.Items {
		s := i % 8
		p := 0.15 + 0.07*float64(s)
		in.Stratum[i], in.Methods[0].States[i] = int32(s), item.Clean
		if rng.Float64() < 0.05+0.1*float64(s) {
			in.Methods[0].States[i] = item.Flagged
			p += effect
		}
		if rng.Float64() < p {
			in.Results[0].Scores[i] = 1
		}
	}
	return in
}

// Within strata, p and interval are of one test: they never disagree. The test keeps its level where
// strata differ in difficulty, which the plain one does not, and the interval covers the truth.
func TestWithinStrata(t *testing.T) {
	runs := 300
	if testing.Short() {
		runs = 100
	}
	rng := rand.New(rand.NewPCG(3, 4))
	rejected, plain, covered := 0, 0, 0
	for k := range runs {
		effect := 0.0
		if k%2 == 1 {
			effect = 0.2
		}
		in := strataInput(rng, effect)
		table, err := Compute(t.Context(), []Input{*in}, Options{Permutations: 399, Seed: uint64(k)})
		if err != nil {
			t.Fatal(err)
		}
		r := table.Rows[0]
		if zero := *r.WithinLow <= 0 && *r.WithinHigh >= 0; zero != (*r.P > alpha) {
			t.Errorf("p is %v and the interval %v to %v", *r.P, *r.WithinLow, *r.WithinHigh)
		}
		w := *r.ShareFlagged
		if *r.WithinLow <= w*effect && w*effect <= *r.WithinHigh {
			covered++
		}
		if effect == 0 {
			if *r.P <= alpha {
				rejected++
			}
			in.Stratum = nil
			if table, err = Compute(t.Context(), []Input{*in}, Options{}); err != nil {
				t.Fatal(err)
			}
			if *table.Rows[0].P <= alpha {
				plain++
			}
		}
	}
	null := float64(runs / 2)
	t.Logf("level %.3f within strata, %.3f without; coverage %.3f", float64(rejected)/null, float64(plain)/null, float64(covered)/float64(runs))
	if float64(rejected) > 0.06*null+2*math.Sqrt(null*0.05) || float64(plain) < 0.3*null {
		t.Errorf("%d of %v rejected within strata, %d without", rejected, null, plain)
	}
	if float64(covered) < 0.95*float64(runs)-3*math.Sqrt(float64(runs)*0.0475) {
		t.Errorf("%d of %d intervals cover", covered, runs)
	}
}

// clusterInput is a benchmark of clusters whose items have one contamination and correlated scores,
// which nothing but chance relates.
func clusterInput(rng *rand.Rand) *Input {
	in := &Input{}
	in.Name, in.Items = "b", 240
	in.Methods = []Method{{Name: "m", States: make([]item.State, in.Items), Contamination: make([]float64, in.Items)}}
	in.Results = []Result{{Model: "x", Scores: make([]float64, in.Items)}}
	in.Cluster = make([]int32, in.Items)
	var p, c float64
	for i := range in.Items {
		if i%6 == 0 {
			p, c = 0.2+0.6*rng.Float64(), rng.Float64()
		}
		in.Cluster[i], in.Methods[0].Contamination[i] = int32(i/6), c
		in.Methods[0].States[i] = item.Clean
		if c > 0.5 {
			in.Methods[0].States[i] = item.Flagged
		}
		if rng.Float64() < p {
			in.Results[0].Scores[i] = 1
		}
	}
	return in
}

// The search over thresholds keeps its level with clusters and with strata.
func TestCurveLevels(t *testing.T) {
	runs := 200
	if testing.Short() {
		runs = 80
	}
	rng := rand.New(rand.NewPCG(5, 6))
	level := map[string]int{}
	for k := range runs {
		with := clusterInput(rng)
		without := *with
		without.Cluster = nil
		strata := strataInput(rng, 0)
		strata.Methods[0].Contamination = make([]float64, strata.Items)
		for i, s := range strata.Methods[0].States {
			strata.Methods[0].Contamination[i] = 0.5 * rng.Float64()
			if s == item.Flagged {
				strata.Methods[0].Contamination[i] += 0.5
			}
		}
		for name, in := range map[string]*Input{"clusters": with, "clusters ignored": &without, "strata": strata} {
			table, err := Compute(t.Context(), []Input{*in}, Options{Curves: true, Permutations: 995, Seed: uint64(k)})
			if err != nil {
				t.Fatal(err)
			}
			least := 1.0
			for _, p := range table.Curves[0].Points {
				if p.PMax != nil {
					least = min(least, *p.PMax)
				}
			}
			if least <= alpha {
				level[name]++
			}
		}
	}
	t.Logf("levels of %d: %v", runs, level)
	most := 0.06*float64(runs) + 2*math.Sqrt(0.05*float64(runs))
	if float64(level["clusters"]) > most || float64(level["strata"]) > most {
		t.Errorf("levels of %d: %v", runs, level)
	}
	if level["clusters ignored"] < 3*level["clusters"] {
		t.Errorf("the test of items is as good: %v", level)
	}
}

// P-values are adjusted within a method; over methods, jointly: methods of the same flags cost nothing.
func TestFamilies(t *testing.T) {
	in := strataInput(rand.New(rand.NewPCG(7, 8)), 0.4)
	in.Stratum = nil
	in.Methods = append(in.Methods, in.Methods[0], in.Methods[0])
	in.Methods[1].Name, in.Methods[2].Name = "n", "o"
	table, err := Compute(t.Context(), []Input{*in}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range table.Rows {
		if *r.PHolm != *r.P || table.Tests != 1 {
			t.Errorf("%s: Holm %v of %v, %d tests", r.Method, *r.PHolm, *r.P, table.Tests)
		}
		if math.Abs(*r.PJoint-*table.Rows[0].PJoint) > 0 || *r.PJoint > 0.01 {
			t.Errorf("%s: joint %v", r.Method, *r.PJoint)
		}
	}
}

// What scipy and statsmodels say of sixty tables; testdata/scipy_tables.py writes the file.
func TestScipy(t *testing.T) {
	var fishers, holm, bh []float64
	for _, r := range table(t, "scipy.csv") {
		number := func(name string) float64 { return float(t, r[name]) }
		ka, a := int64(number("right_flagged")), int64(number("flagged"))
		kb, b := int64(number("right_clean")), int64(number("clean"))
		low, high := Newcombe(ka, a, kb, b)
		l, h := Wilson(kb, b)
		for name, got := range map[string]float64{
			"fisher": Fisher(ka, a, kb, b), "mid_p": MidP(ka, a, kb, b), "low": low, "high": high, "wilson_low": l, "wilson_high": h,
		} {
			near(t, fmt.Sprint(name, " of ", ka, a, kb, b), got, number(name), 1e-8)
		}
		fishers = append(fishers, number("fisher"))
		holm, bh = append(holm, number("holm")), append(bh, number("bh"))
	}
	for i, p := range Holm(fishers) {
		near(t, "Holm", p, holm[i], 1e-8)
	}
	for i, p := range BenjaminiHochberg(fishers) {
		near(t, "Benjamini and Hochberg", p, bh[i], 1e-8)
	}
}
