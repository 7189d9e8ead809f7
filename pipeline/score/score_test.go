package score

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"swab/ngram/item"

	"gonum.org/v1/gonum/stat/distuv"
)

// States by their names alone.
const (
	Clean        = item.Clean
	Flagged      = item.Flagged
	NotCheckable = item.NotCheckable
	Suspected    = item.Suspected
	Missing      = item.Missing
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %v, want %v within %v", what, got, want, tolerance)
	}
}

// long skips a test that only counts and draws, where short ones are asked for.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: simulates many tables; not for -short")
	}
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// The score interval is where the normal test of the share does not reject.
func TestWilsonInvertsTheScoreTest(t *testing.T) {
	for n := int64(1); n <= 40; n++ {
		for k := int64(0); k <= n; k++ {
			low, high := Wilson(k, n)
			p := float64(k) / float64(n)
			for _, end := range []float64{low, high} {
				if end == 0 || end == 1 {
					continue
				}
				near(t, fmt.Sprint("z at the end of ", k, n), math.Abs(p-end)/math.Sqrt(end*(1-end)/float64(n)), z95, 1e-9)
			}
			if low < 0 || high > 1 || low > p || high < p || (k == 0) != (low == 0) || (k == n) != (high == 1) {
				t.Errorf("%d of %d: [%v, %v]", k, n, low, high)
			}
		}
	}
}

// fisher counts all tables of the margins, in whole numbers.
func fisher(ka, a, kb, b int64) float64 {
	ways := func(x int64) *big.Int {
		return new(big.Int).Mul(new(big.Int).Binomial(a, x), new(big.Int).Binomial(b, ka+kb-x))
	}
	seen, sum, all := ways(ka), new(big.Int), new(big.Int)
	for x := max(0, ka+kb-b); x <= min(a, ka+kb); x++ {
		all.Add(all, ways(x))
		if ways(x).Cmp(seen) <= 0 {
			sum.Add(sum, ways(x))
		}
	}
	p, _ := new(big.Rat).SetFrac(sum, all).Float64()
	return p
}

func TestFisherCountsTables(t *testing.T) {
	long(t)
	for a := int64(1); a <= 9; a++ {
		for b := int64(1); b <= 9; b++ {
			for ka := range a + 1 {
				for kb := range b + 1 {
					near(t, fmt.Sprint("fisher ", ka, a, kb, b), Fisher(ka, a, kb, b), fisher(ka, a, kb, b), 1e-11)
				}
			}
		}
	}
	rng := random(1)
	for range 200 {
		a, b := 1+rng.Int64N(300), 1+rng.Int64N(900)
		ka, kb := rng.Int64N(a+1), rng.Int64N(b+1)
		want := fisher(ka, a, kb, b)
		near(t, fmt.Sprint("fisher ", ka, a, kb, b), Fisher(ka, a, kb, b), want, 1e-9*want+1e-300)
	}
	// A million items: near the normal test, since both sides are large.
	z := Z(70_600, 100_000, 700_600, 700_600, 1_000_000)
	near(t, "large", Fisher(70_600, 100_000, 630_000, 900_000), twoSided(z), 1e-3)
}

// Z's variance is that of drawing without replacement, over all subsets; for binary
// scores it is the hypergeometric.
func TestZOverAllSubsets(t *testing.T) {
	scores := []float64{0, 0.25, 1, 1, 0.5, 0, 0.75}
	var all sums
	for _, x := range scores {
		all.add(x)
	}
	for d := int64(1); d < all.n; d++ {
		n, sum, square := 0.0, 0.0, 0.0
		eachSubset(len(scores), int(d), func(in []int) {
			s := 0.0
			for _, i := range in {
				s += scores[i]
			}
			n++
			sum += s
			square += s * s
		})
		mean := sum / n
		sd := math.Sqrt(square/n - mean*mean)
		near(t, fmt.Sprint("z ", d), Z(2, d, all.sum, all.squares, all.n), (2-mean)/sd, 1e-9)
	}
	k, d, c := 59.0, 39.0, 61.0
	K, n := 76.0, 100.0
	near(t, "hypergeometric", Z(k, 39, K, K, 100), (k-d*K/n)/math.Sqrt(d*K*(n-K)*c/(n*n*(n-1))), 1e-12)
	for _, z := range []float64{Z(3, 3, 10, 10, 10), Z(0, 0, 5, 5, 10), LlamaZ(0, 0, 5, 5, 10), LlamaZ(0, 3, 0, 0, 10), Z(5, 5, 5, 5, 5)} {
		if !math.IsNaN(z) {
			t.Errorf("z of nothing to compare is %v", z)
		}
	}
}

func eachSubset(n, k int, f func([]int)) {
	in := make([]int, k)
	var choose func(at, from int)
	choose = func(at, from int) {
		if at == k {
			f(in)
			return
		}
		for i := from; i < n; i++ {
			in[at] = i
			choose(at+1, i+1)
		}
	}
	choose(0, 0)
}

// The permutation test against all subsets, with and without strata, whichever side
// is smaller.
func TestPermutationOverAllSubsets(t *testing.T) {
	long(t)
	rng := random(2)
	for range 12 {
		n := 8 + rng.IntN(5)
		d := 1 + rng.IntN(n-1)
		scores := make([]float64, n)
		for i := range scores {
			scores[i] = float64(rng.IntN(5)) / 4
		}
		s := sample{flagged: scores[:d], clean: scores[d:]}
		mean := sumOf(scores) / float64(n) * float64(d)
		seen := math.Abs(sumOf(s.flagged) - mean)
		hits, all := 0.0, 0.0
		eachSubset(n, d, func(in []int) {
			sum := 0.0
			for _, i := range in {
				sum += scores[i]
			}
			all++
			if math.Abs(sum-mean) >= seen-1e-9 {
				hits++
			}
		})
		near(t, fmt.Sprint("p of ", d, " of ", n), s.permutationTest(rng, 40_000), hits/all, 0.012)
	}
	// Two strata, in which flags go together with what is easy: nothing else is left.
	easy := stratum{flagged: []float64{1, 1, 1, 0, 1, 1}, clean: []float64{1, 0, 1}}
	hard := stratum{flagged: []float64{0, 0}, clean: []float64{0, 1, 0, 0, 0, 0, 1, 0}}
	s := sample{flagged: slices.Concat(easy.flagged, hard.flagged), clean: slices.Concat(easy.clean, hard.clean), strata: []stratum{easy, hard}}
	want, all := 0.0, 0.0
	mean := 6*7/9.0 + 2*2/10.0
	seen := math.Abs(sumOf(s.flagged) - mean)
	a, b := slices.Concat(easy.flagged, easy.clean), slices.Concat(hard.flagged, hard.clean)
	eachSubset(9, 6, func(in []int) {
		sum := 0.0
		for _, i := range in {
			sum += a[i]
		}
		eachSubset(10, 2, func(in []int) {
			both := sum
			for _, i := range in {
				both += b[i]
			}
			all++
			if math.Abs(both-mean) >= seen-1e-9 {
				want++
			}
		})
	})
	near(t, "strata", s.permutationTest(rng, 40_000), want/all, 0.012)
	whole := sample{flagged: s.flagged, clean: s.clean}
	if p := whole.permutationTest(rng, 40_000); p > want/all/2 {
		t.Errorf("without strata p is %v, with strata %v: nothing was controlled for", p, want/all)
	}
}

// Many draws go over to the normal distribution without a step.
func TestPermutationLarge(t *testing.T) {
	long(t)
	rng := random(3)
	s := sample{}
	for range maxDraws/5 + 1 {
		s.flagged = append(s.flagged, rng.Float64()+0.01)
	}
	for range 9000 {
		s.clean = append(s.clean, rng.Float64())
	}
	normal := s.permutationTest(rng, 9999)
	s.flagged = s.flagged[1:]
	near(t, "p", s.permutationTest(rng, 9999), normal, 0.03)
}

// The influence function against leaving out one item, or cluster, at a time.
func TestInfluenceIsTheJackknife(t *testing.T) {
	long(t)
	rng := random(4)
	s := sample{}
	for range 150 {
		s.flagged = append(s.flagged, rng.Float64()*rng.Float64())
	}
	for range 450 {
		s.clean = append(s.clean, rng.Float64())
	}
	jackknife := func(n int, without func(i int) float64) (se, a float64) {
		values, mean := make([]float64, n), 0.0
		for i := range values {
			values[i] = without(i)
			mean += values[i] / float64(n)
		}
		square, cube := 0.0, 0.0
		for _, v := range values {
			square += (mean - v) * (mean - v)
			cube += (mean - v) * (mean - v) * (mean - v)
		}
		return math.Sqrt(square * float64(n-1) / float64(n)), cube / (6 * math.Pow(square, 1.5))
	}
	f, c := sumOf(s.flagged), sumOf(s.clean)
	want, wantA := jackknife(600, func(i int) float64 {
		if i < 150 {
			return computeGain(f-s.flagged[i], 149, c, 450)
		}
		return computeGain(f, 150, c-s.clean[i-150], 449)
	})
	se, a := s.standardError()
	near(t, "se", se, want, 0.005*want)
	near(t, "acceleration", a, wantA, 0.02*math.Abs(wantA)+1e-4)

	s = sample{clusters: []cluster{}}
	for range 200 {
		u := cluster{}
		shift := rng.Float64() - 0.5
		for range 1 + rng.IntN(6) {
			x := rng.Float64() + shift
			if rng.IntN(3) == 0 {
				u.flagged += x
				u.d++
				s.flagged = append(s.flagged, x)
			} else {
				u.clean += x
				u.c++
				s.clean = append(s.clean, x)
			}
		}
		s.clusters = append(s.clusters, u)
	}
	f, c = sumOf(s.flagged), sumOf(s.clean)
	d, k := s.counts()
	want, _ = jackknife(200, func(i int) float64 {
		u := s.clusters[i]
		return computeGain(f-u.flagged, d-u.d, c-u.clean, k-u.c)
	})
	se, _ = s.standardError()
	near(t, "clustered se", se, want, 0.02*want)
}

// With many items the bootstrap's interval is the normal one; and drawing a side's sum
// from the normal distribution changes nothing that can be seen.
func TestBootstrapOfManyIsNormal(t *testing.T) {
	long(t)
	rng := random(5)
	for _, n := range []int{4000, 4 * maxDraws} {
		s := sample{}
		for range n / 4 {
			s.flagged = append(s.flagged, math.Sqrt(rng.Float64()))
		}
		for range n * 3 / 4 {
			s.clean = append(s.clean, rng.Float64())
		}
		se, _ := s.standardError()
		gain := computeGain(sumOf(s.flagged), int64(n/4), sumOf(s.clean), int64(n*3/4))
		low, high := s.bootstrapInterval(rng, 4000)
		near(t, "low", low, gain-z95*se, 0.15*se)
		near(t, "high", high, gain+z95*se, 0.15*se)
	}
	// Clusters of one item each are items.
	s := sample{clusters: []cluster{}}
	for i := range 900 {
		x := rng.Float64()
		if i%3 == 0 {
			s.flagged, s.clusters = append(s.flagged, x), append(s.clusters, cluster{flagged: x, d: 1})
		} else {
			s.clean, s.clusters = append(s.clean, x), append(s.clusters, cluster{clean: x, c: 1})
		}
	}
	low, high := s.bootstrapInterval(rng, 8000)
	items := sample{flagged: s.flagged, clean: s.clean}
	low2, high2 := items.bootstrapInterval(rng, 8000)
	near(t, "low of clusters", low, low2, 0.1*(high-low))
	near(t, "high of clusters", high, high2, 0.1*(high-low))
}

func TestEffectiveOfBinaryIsNewcombe(t *testing.T) {
	s := sample{flagged: []float64{1, 1, 0, 1}, clean: []float64{0, 1, 0, 0, 1, 1, 0}}
	low, high := s.effectiveInterval(0, 1)
	l, h := Newcombe(3, 4, 3, 7)
	near(t, "low", low, l*4/11, 1e-12)
	near(t, "high", high, h*4/11, 1e-12)
	// On another range it is the same, scaled.
	for _, side := range [][]float64{s.flagged, s.clean} {
		for i := range side {
			side[i] = 2*side[i] - 1
		}
	}
	low, high = s.effectiveInterval(-1, 1)
	near(t, "low", low, 2*l*4/11, 1e-12)
	near(t, "high", high, 2*h*4/11, 1e-12)
}

// A difference as large as MDE says is found in 80 % of cases.
func TestMDEIsFound(t *testing.T) {
	long(t)
	rng := random(6)
	const d, c, p = 200, 800, 0.5
	m := MDE(p*(1-p), d, c)
	found := 0
	const runs = 4000
	for range runs {
		kd := int64(distuv.Binomial{N: d, P: p + 0.8*m, Src: rng}.Rand())
		kc := int64(distuv.Binomial{N: c, P: p - 0.2*m, Src: rng}.Rand())
		if sum := float64(kd + kc); twoSided(Z(float64(kd), d, sum, sum, d+c)) < 0.05 {
			found++
		}
	}
	near(t, "power", float64(found)/runs, 0.8, 0.025)
}

func TestHolmAndBenjaminiHochberg(t *testing.T) {
	nan := math.NaN()
	p := []float64{0.01, nan, 0.04, 0.03, 0.005}
	for i, want := range []float64{0.03, nan, 0.06, 0.06, 0.02} {
		if got := Holm(p)[i]; !(math.Abs(got-want) < 1e-12) && !math.IsNaN(want) {
			t.Errorf("Holm %v, want %v", got, want)
		}
	}
	for i, want := range []float64{0.02, nan, 0.04, 0.04, 0.02} {
		if got := BenjaminiHochberg(p)[i]; !(math.Abs(got-want) < 1e-12) && !math.IsNaN(want) {
			t.Errorf("BH %v, want %v", got, want)
		}
	}
	// As the procedures are defined: what an adjusted p-value rejects at a level, the
	// procedure rejects at it.
	rng := random(7)
	for range 300 {
		p := make([]float64, 1+rng.IntN(8))
		for i := range p {
			p[i] = rng.Float64() * rng.Float64() * rng.Float64()
		}
		level := rng.Float64() / 5
		sorted := slices.Sorted(slices.Values(p))
		m := float64(len(p))
		holm := 0
		for holm < len(sorted) && sorted[holm] <= level/(m-float64(holm)) {
			holm++
		}
		bh := len(sorted)
		for bh > 0 && sorted[bh-1] > level*float64(bh)/m {
			bh--
		}
		count := func(adjusted []float64) (n int) {
			for _, q := range adjusted {
				if q <= level {
					n++
				}
			}
			return n
		}
		if count(Holm(p)) != holm || count(BenjaminiHochberg(p)) != bh {
			t.Errorf("%v at %v: Holm %d, want %d; BH %d, want %d", p, level, count(Holm(p)), holm, count(BenjaminiHochberg(p)), bh)
		}
	}
}

// input makes a benchmark of n items in four subjects, with two methods and three
// models: binary, graded, and one with items missing.
func input(n int) Input {
	rng := random(8)
	in := Input{Benchmark: Benchmark{Name: "bench", Items: n, Subjects: []string{"a", "b", "c", "d"}}}
	any, share := Method{Name: "any"}, Method{Name: "share"}
	right, graded, missing := Result{Model: "right", Metric: "acc"}, Result{Model: "graded"}, Result{Model: "missing"}
	for i := range n {
		in.Subject = append(in.Subject, int32(i%4))
		x := max(0, rng.Float64()*2-1)
		state := Clean
		switch {
		case x > 0.5:
			state = Flagged
		case i%17 == 0:
			state, x = NotCheckable, math.NaN()
		}
		any.States = append(any.States, state)
		share.States = append(share.States, state)
		share.Contamination = append(share.Contamination, x)
		p := 0.6
		if x > 0.5 {
			p = 0.8
		}
		score := 0.0
		if rng.Float64() < p {
			score = 1
		}
		right.Scores = append(right.Scores, score)
		graded.Scores = append(graded.Scores, math.Round(4*(0.3*score+0.7*rng.Float64()))/4)
		if i%5 == 0 {
			score = math.NaN()
		}
		missing.Scores = append(missing.Scores, score)
	}
	in.Methods = []Method{any, share}
	in.Results = []Result{right, graded, missing}
	return in
}

// rowsOf makes the table of inputs with few resamples.
func rowsOf(t *testing.T, o Options, in ...Input) *Table {
	t.Helper()
	if o.Resamples == 0 {
		o.Resamples, o.Permutations = 300, 499
	}
	table, err := Compute(t.Context(), in, o)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Each row against adding up by hand, and the law of the parts.
func TestRows(t *testing.T) {
	in := input(800)
	tab := rowsOf(t, Options{BySubject: true}, in)
	if len(tab.Rows) != 2*3*5 {
		t.Fatalf("%d rows", len(tab.Rows))
	}
	for _, r := range tab.Rows {
		k := slices.IndexFunc(in.Results, func(x Result) bool { return x.Model == r.Model })
		m := slices.IndexFunc(in.Methods, func(x Method) bool { return x.Name == r.Method })
		var n, d, c, nc int64
		var sum, sd, sc float64
		for i, x := range in.Results[k].Scores {
			if math.IsNaN(x) || r.Subject != "" && in.Subjects[in.Subject[i]] != r.Subject {
				continue
			}
			n++
			sum += x
			switch in.Methods[m].States[i] {
			case Flagged:
				d++
				sd += x
			case NotCheckable:
				nc++
				fallthrough
			default:
				c++
				sc += x
			}
		}
		what := fmt.Sprintf("%s %s %s", r.Model, r.Method, r.Subject)
		if r.NAll != n || r.NFlagged != d || r.NClean != c || r.NNotCheckable != nc {
			t.Errorf("%s: counts %d %d %d %d, want %d %d %d %d", what, r.NAll, r.NFlagged, r.NClean, r.NNotCheckable, n, d, c, nc)
		}
		all, clean, flagged, w := sum/float64(n), sc/float64(c), sd/float64(d), float64(d)/float64(n)
		near(t, what+" all", *r.All, all, 1e-12)
		near(t, what+" clean", *r.Clean, clean, 1e-12)
		near(t, what+" flagged", *r.Flagged, flagged, 1e-12)
		near(t, what+" gain", *r.Gain, all-clean, 1e-12)
		near(t, what+" gain by sides", *r.Gain, w*(flagged-clean), 1e-12)
		near(t, what+" law", *r.All, w**r.Flagged+(1-w)**r.Clean, 1e-12)
		near(t, what+" relative", *r.Relative, clean/all-1, 1e-12)
		near(t, what+" lower", *r.Lower, min(all, clean), 0)
		if !(*r.GainLow <= *r.Gain && *r.Gain <= *r.GainHigh && *r.P > 0 && *r.P <= *r.PBH && *r.PBH <= *r.PHolm && *r.PHolm <= 1 && *r.MDE > 0) {
			t.Errorf("%s: %v [%v, %v], p %v %v %v", what, *r.Gain, *r.GainLow, *r.GainHigh, *r.P, *r.PBH, *r.PHolm)
		}
		if want := map[string]string{"graded": "permutation"}[r.Model]; want != "" && r.Test != want || want == "" && r.Test != "mid-p" {
			t.Errorf("%s: tested by %s", what, r.Test)
		}
		if missing := slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.Contains(s, "without a score") }); missing != (r.Model == "missing") {
			t.Errorf("%s: warnings %q", what, r.Warnings)
		}
	}
	if tab.Tests != len(tab.Rows)/2 { // of each of two methods
		t.Errorf("%d tests", tab.Tests)
	}
}

// Nothing depends on lanes; a row does not depend on what other rows there are.
func TestAnyLanes(t *testing.T) {
	in := input(600)
	in.Cluster = in.Subject
	o := Options{BySubject: true, Curves: true, Reference: "right", Seed: 5}
	text := func(tab *Table) string {
		var b bytes.Buffer
		if err := tab.Write(&b, "json", 0); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	o.Lanes = 1
	one := rowsOf(t, o, in)
	for _, o.Lanes = range []int{2, 7} {
		if text(rowsOf(t, o, in)) != text(one) {
			t.Errorf("%d lanes give other numbers", o.Lanes)
		}
	}
	o.Seed = 6
	if text(rowsOf(t, o, in)) == text(one) {
		t.Error("another seed gives the same numbers")
	}
	o.Seed, in.Results = 5, in.Results[:2]
	for _, r := range rowsOf(t, o, in).Rows {
		at := slices.IndexFunc(one.Rows, func(q Row) bool {
			return q.Model == r.Model && q.Method == r.Method && q.Subject == r.Subject
		})
		if q := one.Rows[at]; valueOrNaN(q.GainLow) != valueOrNaN(r.GainLow) && !(q.GainLow == nil && r.GainLow == nil) || valueOrNaN(q.DiDP) != valueOrNaN(r.DiDP) && !(q.DiDP == nil && r.DiDP == nil) {
			t.Errorf("%s %s changes when another model goes", r.Model, r.Subject)
		}
	}
}

func TestEdges(t *testing.T) {
	bench := func(states ...item.State) Benchmark {
		return Benchmark{Name: "b", Items: len(states), Methods: []Method{{Name: "m", States: states}}}
	}
	row := func(in Input) Row {
		t.Helper()
		return rowsOf(t, Options{}, in).Rows[0]
	}
	r := row(Input{bench(Flagged, Flagged), []Result{{Model: "x", Scores: []float64{1, 0}}}})
	if r.Clean != nil || r.Gain != nil || r.P != nil || *r.Lower != 0.5 || r.NClean != 0 || !strings.Contains(r.Warnings[0], "no clean items") {
		t.Errorf("all flagged: %+v", r)
	}
	r = row(Input{bench(Clean, NotCheckable), []Result{{Model: "x", Scores: []float64{1, 0}}}})
	if r.Flagged != nil || *r.Gain != 0 || r.GainLow != nil || r.P != nil || *r.Lower != 0.5 || r.NNotCheckable != 1 || *r.NotCheckable != 0 {
		t.Errorf("none flagged: %+v", r)
	}
	r = row(Input{bench(Clean, Flagged, Missing, Suspected), []Result{{Model: "x", Scores: []float64{0, 0, 1, 0}}}})
	if r.NAll != 3 || r.NFlagged != 2 || *r.All != 0 || r.Relative != nil || r.MDE != nil || r.Z != nil || *r.P != 1 {
		t.Errorf("none right: %+v", r)
	}
	if all := strings.Join(r.Warnings, "; "); !strings.Contains(all, "1 item without a verdict") || !strings.Contains(all, "1 item only suspected") {
		t.Errorf("warnings: %s", all)
	}
	// Scores that are no shares: points of 0 to 100.
	in := Input{bench(Clean, Clean, Flagged, Flagged, Clean), []Result{{Model: "x", Scores: []float64{40, 55, 90, 80, 61}}}}
	if r = row(in); r.Interval != byEffective || *r.AllLow > *r.All || r.formatScore(r.All) != "65.2" {
		t.Errorf("points: %+v", r)
	}
	for what, in := range map[string]Input{
		"length":   {bench(Clean, Clean), []Result{{Model: "x", Scores: []float64{1}}}},
		"infinite": {bench(Clean), []Result{{Model: "x", Scores: []float64{math.Inf(1)}}}},
		"nothing":  {bench(Clean), []Result{{Model: "x", Scores: []float64{math.NaN()}}}},
		"states":   {Benchmark{Name: "b", Items: 2, Methods: bench(Clean).Methods}, nil},
		"subject":  {Benchmark{Name: "b", Items: 1, Methods: bench(Clean).Methods, Subject: []int32{4}}, []Result{{Model: "x", Scores: []float64{1}}}},
	} {
		if _, err := Compute(t.Context(), []Input{in}, Options{}); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if _, err := Compute(t.Context(), []Input{in}, Options{Reference: "nobody"}); err == nil {
		t.Error("no error of a reference without results")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Compute(ctx, []Input{input(100)}, Options{}); err == nil {
		t.Error("no error after it was stopped")
	}
}

// Scores given without results of items: of 100 items 40 are flagged.
func TestAggregate(t *testing.T) {
	states := slices.Concat(slices.Repeat([]item.State{Flagged}, 40), slices.Repeat([]item.State{Clean}, 55), slices.Repeat([]item.State{NotCheckable}, 5))
	r := Aggregate("m", "b", "x", states, 0.70, 0.60)
	near(t, "gain", *r.Gain, 0.1, 1e-12)
	near(t, "implied", *r.Flagged, 0.85, 1e-12)
	if r.NAll != 100 || r.NFlagged != 40 || r.NNotCheckable != 5 || *r.Lower != 0.6 || r.P != nil || len(r.Warnings) != 1 {
		t.Errorf("%+v", r)
	}
	for _, c := range []struct {
		all, clean float64
		impossible bool
	}{{0.9, 0.8, true}, {0.3, 0.6, true}, {0.88, 0.80, false}, {0.8801, 0.80, false}, {0.36, 0.60, false}} {
		r := Aggregate("m", "b", "x", states, c.all, c.clean)
		if got := strings.Contains(strings.Join(r.Warnings, " "), "would have scored"); got != c.impossible {
			t.Errorf("%v: %q, implied %v", c, r.Warnings, *r.Flagged)
		}
	}
	if r := Aggregate("m", "b", "x", states[40:], 0.5, 0.6); !strings.Contains(strings.Join(r.Warnings, " "), "but the scores differ") {
		t.Errorf("%q", r.Warnings)
	}
	if r := Aggregate("m", "b", "x", states[:40], 0.5, 0.6); r.Clean != nil || *r.Lower != 0.5 {
		t.Errorf("%+v", r)
	}
}

// The difference in differences is the gain of one minus that of the other on items
// that both have.
func TestReference(t *testing.T) {
	in := input(700)
	tab := rowsOf(t, Options{Reference: "missing"}, in)
	both := in
	both.Results = slices.Clone(in.Results)
	for k := range both.Results {
		scores := slices.Clone(both.Results[k].Scores)
		for i := range scores {
			if i%5 == 0 {
				scores[i] = math.NaN()
			}
		}
		both.Results[k].Scores = scores
	}
	same := rowsOf(t, Options{}, both)
	gain := func(model string) float64 {
		return *same.Rows[slices.IndexFunc(same.Rows, func(r Row) bool { return r.Model == model && r.Method == "any" })].Gain
	}
	seen := 0
	for _, r := range tab.Rows {
		if r.Model == "missing" {
			if r.Reference != "" {
				t.Error("the reference is compared with itself")
			}
			continue
		}
		seen++
		near(t, r.Model, *r.DiD, gain(r.Model)-gain("missing"), 1e-12)
		if r.DiDItems != 560 || !(*r.DiDLow <= *r.DiD && *r.DiD <= *r.DiDHigh) {
			t.Errorf("%s: %d items, %v in [%v, %v]", r.Model, r.DiDItems, *r.DiD, *r.DiDLow, *r.DiDHigh)
		}
		// "right" has the reference's own scores: there is no difference at all.
		if r.Model == "right" && (*r.DiD != 0 || *r.DiDP != 1) {
			t.Errorf("equal scores differ: %v, p %v", *r.DiD, *r.DiDP)
		}
	}
	if seen != 4 {
		t.Errorf("%d rows", seen)
	}
}

func TestAlike(t *testing.T) {
	in := input(400)
	if w := in.warnSameResults(); len(w) != 1 || !strings.Contains(w[0], "right and missing") {
		t.Errorf("%q", w)
	}
	// Models that are nearly always right agree by chance.
	rng := random(9)
	in.Results = in.Results[:2]
	for k := range in.Results {
		for i := range in.Results[k].Scores {
			in.Results[k].Scores[i] = 1
			if rng.IntN(300) == 0 {
				in.Results[k].Scores[i] = 0
			}
		}
	}
	if w := in.warnSameResults(); len(w) != 0 {
		t.Errorf("%q", w)
	}
}

// The curve's points are the rows of methods with these thresholds.
func TestCurvePoints(t *testing.T) {
	long(t)
	in := input(300)
	tab := rowsOf(t, Options{Curves: true}, in)
	if len(tab.Curves) != 3 {
		t.Fatalf("%d curves", len(tab.Curves))
	}
	c := tab.Curves[1]
	if c.Model != "graded" || c.Method != "share" || len(c.Points) < 100 {
		t.Fatalf("%s %s: %d points", c.Model, c.Method, len(c.Points))
	}
	most := math.Inf(-1)
	for k := 0; k < len(c.Points); k += 7 {
		p := c.Points[k]
		m := in.Methods[1]
		m.States = slices.Clone(m.States)
		for i, s := range m.States {
			if s == NotCheckable {
				continue
			}
			m.States[i] = Clean
			if m.Contamination[i] >= p.Threshold {
				m.States[i] = Flagged
			}
		}
		one := in
		one.Methods, one.Results = []Method{m}, in.Results[1:2]
		r := rowsOf(t, Options{}, one).Rows[0]
		if r.NFlagged != p.NFlagged {
			t.Fatalf("%v: %d flagged, want %d", p.Threshold, p.NFlagged, r.NFlagged)
		}
		near(t, "gain", *p.Gain, *r.Gain, 1e-12)
		near(t, "z", *p.Z, *r.Z, 1e-9)
		if p.PMax != nil && *p.PMax < *p.P-0.05 {
			t.Errorf("%v: p %v, after search %v", p.Threshold, *p.P, *p.PMax)
		}
	}
	for _, p := range c.Points {
		if in := p.NFlagged >= minSide && 300-p.NFlagged >= minSide; in != (p.PMax != nil) {
			t.Errorf("%d flagged, p_max %v", p.NFlagged, p.PMax)
		}
		if p.PMax != nil {
			most = max(most, *p.Gain)
		}
	}
	if *c.Best.Gain != most {
		t.Errorf("best gain %v, want %v", *c.Best.Gain, most)
	}
}

// The corrected p-value by plain shuffling, for binary and for graded scores, drawn one
// by one and in part from the normal distribution.
func TestMaximaByShuffling(t *testing.T) {
	long(t)
	for _, c := range []struct {
		n      int
		graded bool
	}{{400, false}, {400, true}, {maxShuffled * 3, false}} {
		rng := random(10)
		n := c.n
		scores, of := make([]float64, n), make([]int32, n)
		var all sums
		for i := range scores {
			scores[i] = float64(rng.IntN(2))
			if c.graded {
				scores[i] = rng.Float64() * rng.Float64()
			}
			of[i] = int32(10 * i / n)
			all.add(scores[i])
		}
		sizes, ends := make([]int64, 9), make([]bool, 9)
		for k := range sizes {
			sizes[k], ends[k] = int64(n/10), true
		}
		got := maxima(scores, of, all, sizes, ends, rng, 2000)
		var want []float64
		shuffled := slices.Clone(scores)
		for range 2000 {
			rng.Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			most, sum := 0.0, 0.0
			for i, x := range shuffled {
				sum += x
				if (i+1)%(n/10) == 0 && i+1 < n {
					most = max(most, math.Abs(Z(sum, int64(i+1), all.sum, all.squares, all.n)))
				}
			}
			want = append(want, most)
		}
		slices.Sort(got)
		slices.Sort(want)
		for _, q := range []float64{0.25, 0.5, 0.75, 0.95} {
			near(t, fmt.Sprint(c, " quantile ", q), got[int(q*2000)], want[int(q*2000)], 0.12)
		}
	}
}

// Searching 19 thresholds finds |z| > 1.96 by chance in about a third of cases
// (simulated for 200 and 1,000 items with at least 10 on each side: .325 and .349); the
// corrected p-value is under 5 % in about 5 %.
func TestSearchIsPaidFor(t *testing.T) {
	long(t)
	rng := random(11)
	naive, corrected := 0, 0
	const runs, n = 400, 200
	for range runs {
		m := Method{Name: "m"}
		r := Result{Model: "x"}
		for range n {
			m.States = append(m.States, Clean)
			m.Contamination = append(m.Contamination, float64(1+rng.IntN(20))/20)
			r.Scores = append(r.Scores, float64(rng.IntN(2)))
		}
		c := newGroups(&m).curve(new(Input), &r, rng, 199)
		low, lowMax := 1.0, 1.0
		for _, p := range c.Points {
			if p.PMax != nil {
				low, lowMax = min(low, *p.P), min(lowMax, *p.PMax)
			}
		}
		if low < 0.05 {
			naive++
		}
		if lowMax <= 0.05 {
			corrected++
		}
	}
	near(t, "naive", float64(naive)/runs, 0.33, 0.08)
	near(t, "corrected", float64(corrected)/runs, 0.05, 0.03)
}

// A curve of more distinct scores than points keeps its ends and splits evenly.
func TestManyThresholds(t *testing.T) {
	long(t)
	rng := random(12)
	m := Method{Name: "m"}
	for range 20_000 {
		m.States = append(m.States, Clean)
		m.Contamination = append(m.Contamination, rng.Float64())
	}
	g := newGroups(&m)
	if n := len(g.thresholds); n < curvePoints-1 || n > curvePoints+1 || !slices.IsSortedFunc(g.thresholds, func(a, b float64) int { return -compare(a, b) }) {
		t.Errorf("%d thresholds", n)
	}
	counts := make([]int, len(g.thresholds)+1)
	for _, k := range g.group {
		counts[k]++
	}
	if last := counts[len(counts)-1]; last != 0 || slices.Max(counts) > 25 {
		t.Errorf("%d under all thresholds, %d in a group", last, slices.Max(counts))
	}
}

func compare(a, b float64) int {
	if a < b {
		return -1
	}
	return 1
}

func TestClustersWidenIntervals(t *testing.T) {
	in := input(2000)
	in.Cluster = make([]int32, 2000)
	for i := range in.Cluster {
		in.Cluster[i] = int32(i / 4)
		if i%4 > 0 {
			in.Results[1].Scores[i] = in.Results[1].Scores[i-i%4] // all alike
			for m := range in.Methods {
				in.Methods[m].States[i] = in.Methods[m].States[i-i%4]
			}
		}
	}
	in.Results, in.Methods = in.Results[1:2], in.Methods[:1]
	clustered := rowsOf(t, Options{}, in).Rows[0]
	in.Cluster = nil
	items := rowsOf(t, Options{}, in).Rows[0]
	ratio := (*clustered.GainHigh - *clustered.GainLow) / (*items.GainHigh - *items.GainLow)
	if near(t, "wider by √4", ratio, 2, 0.35); clustered.Interval != byCluster || clustered.Test != "cluster t" || clustered.AllLow != nil {
		t.Errorf("%+v", clustered)
	}
}

func TestStrata(t *testing.T) {
	in := input(400)
	in.Stratum = in.Subject
	r := rowsOf(t, Options{}, in).Rows[0]
	if r.Test != "stratified permutation" || r.GainLow != nil || r.WithinLow == nil || !(*r.P > 0 && *r.P <= 1) {
		t.Errorf("%+v", r)
	}
}

// What is written can be read, and hostile names do nothing.
func TestWrite(t *testing.T) {
	in := input(500)
	in.Name = "ben|ch\x1b[31m<b>_$x$"
	in.Results[0].Model = "=cmd()|'\x1b]0;\n"
	in.Results[1].Model = strings.Repeat("a long name of a model ", 5)
	tab := rowsOf(t, Options{Curves: true, Reference: "missing"}, in)
	zero := 0.5
	tab.Exams = []Grade{{Exam: "<script>", Model: "m", Method: "any", Full: 4, Clean: nil, Lower: 4, FullRange: &Percentile{Low: 62, High: 73}, Contamination: zero}}
	for _, format := range Formats() {
		var b bytes.Buffer
		if err := tab.Write(&b, format, 0); err != nil {
			t.Fatal(err)
		}
		s := b.String()
		if strings.ContainsAny(s, "\x1b\x07\r") {
			t.Errorf("%s: control characters", format)
		}
		switch format {
		case "table":
			for line := range strings.Lines(s) {
				if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 100 {
					t.Errorf("%d columns: %s", n, line)
				}
			}
			if !strings.Contains(s, "4 (62nd-73rd)       -    N/A       -      4    50.0%") {
				t.Errorf("exam:\n%s", s)
			}
		case "markdown":
			if strings.Contains(s, "<") || strings.Contains(s, "|ch") && !strings.Contains(s, `\|ch`) {
				t.Errorf("markdown:\n%s", s)
			}
		case "csv":
			if strings.Contains(s, "\n=") || !strings.Contains(s, "'=cmd()") {
				t.Errorf("csv:\n%s", s)
			}
		case "json":
			var back Table
			if err := json.Unmarshal(b.Bytes(), &back); err != nil {
				t.Fatal(err)
			}
			if len(back.Rows) != len(tab.Rows) || *back.Rows[0].Gain != *tab.Rows[0].Gain || back.Version != 1 {
				t.Error("JSON does not come back")
			}
		case "latex":
			if strings.Contains(s, "_$") || strings.Count(s, `\\`) < len(tab.Rows) {
				t.Errorf("latex:\n%s", s)
			}
		}
	}
	var b bytes.Buffer
	if err := tab.WriteCurves(&b); err != nil || strings.Count(b.String(), "\n") < 100 {
		t.Errorf("curves: %v", err)
	}
	if err := tab.Write(&b, "xml", 0); err == nil {
		t.Error("no error of an unknown format")
	}
}

// BenchmarkMake scores ten models on a million items by five methods with their curves,
// binary and graded. Two cores of an AMD EPYC shared with other work, Go 1.26; alone it
// is 5 s of CPU time:
//
//	BenchmarkMake/scores=binary-2   13061875724 ns/op   366.1 MB
//	BenchmarkMake/scores=graded-2   12158897150 ns/op   424.9 MB
func BenchmarkMake(b *testing.B) {
	for _, kind := range []string{"binary", "graded"} {
		b.Run("scores="+kind, func(b *testing.B) {
			const n = 1_000_000
			rng := random(1)
			in := Input{Benchmark: Benchmark{Name: "bench", Items: n}}
			for m := range 5 {
				method := Method{Name: fmt.Sprint("m", m), States: make([]item.State, n), Contamination: make([]float64, n)}
				for i := range n {
					method.States[i] = Clean
					if x := rng.Float64(); x < 0.1 {
						method.Contamination[i] = rng.Float64()
						if x < 0.03 {
							method.States[i] = Flagged
						}
					}
				}
				in.Methods = append(in.Methods, method)
			}
			for r := range 10 {
				result := Result{Model: fmt.Sprint("model", r), Scores: make([]float64, n)}
				for i := range n {
					result.Scores[i] = float64(rng.IntN(2))
					if kind == "graded" {
						result.Scores[i] = rng.Float64()
					}
				}
				in.Results = append(in.Results, result)
			}
			for b.Loop() {
				if _, err := Compute(b.Context(), []Input{in}, Options{Curves: true}); err != nil {
					b.Fatal(err)
				}
			}
			var mem runtime.MemStats
			runtime.ReadMemStats(&mem)
			b.ReportMetric(float64(mem.Sys)/1e6, "MB")
		})
	}
}
