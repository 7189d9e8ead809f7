package eval

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The intervals are those of prop.test(x, n, correct = FALSE) in R.
func TestWilsonAgainstKnownValues(t *testing.T) {
	for _, c := range []struct {
		count, of int
		low, high float64
	}{
		{0, 10, 0, 0.2775328},
		{10, 10, 0.7224672, 1},
		{1, 10, 0.01787621, 0.4041500},
		{5, 10, 0.2365931, 0.7634069},
		{81, 263, 0.2553, 0.3662}, // Newcombe 1998, table I, method 3
		{15, 148, 0.0624, 0.1605},
		{0, 20, 0, 0.1611},
		{1, 29, 0.0061, 0.1718},
	} {
		r := Wilson(c.count, c.of)
		if math.Abs(r.Low-c.low) > 6e-5 || math.Abs(r.High-c.high) > 6e-5 {
			t.Errorf("%d of %d: %.7f to %.7f, not %v to %v", c.count, c.of, r.Low, r.High, c.low, c.high)
		}
		// Its ends solve |p - share| = z·√(p(1-p)/n).
		for _, p := range []float64{r.Low, r.High} {
			if d := math.Abs(p-r.Share) - 1.959963984540054*math.Sqrt(p*(1-p)/float64(c.of)); math.Abs(d) > 1e-12 {
				t.Errorf("%d of %d: %v is no end (%g)", c.count, c.of, p, d)
			}
		}
	}
	if r := Wilson(0, 0); r.Share != 0 || r.Low != 0 || r.High != 1 {
		t.Errorf("none of none: %+v", r)
	}
}

// randomVerdicts judges every item of s at random.
func randomVerdicts(r *rand.Rand, s *Set, method string) (list []Verdict) {
	states, kinds := []Want{Flagged, Clean, NotCheckable}, []string{"", "input", "answer", "altered"}
	for _, b := range s.Benches {
		for _, it := range b.Items {
			list = append(list, Verdict{method, b.Name, it.ID, states[r.IntN(3)], kinds[r.IntN(4)], r.Float64()})
		}
	}
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func TestScoreIsAPlainCount(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	s := &Set{}
	*s = *smallSet()
	s.Benches = slices.Clone(s.Benches)
	last := &s.Benches[len(s.Benches)-1]
	last.Items = slices.Clone(last.Items)
	for i := range last.Items {
		if last.Items[i].Label.Class == Nothing && r.IntN(9) == 0 {
			last.Items[i].Label.Contained = "another"
		}
	}
	verdicts := append(randomVerdicts(r, s, "b"), randomVerdicts(r, s, "a")...)
	report, err := Score(Judged{s, verdicts})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Methods) != 2 || report.Methods[0].Method != "b" {
		t.Fatalf("methods are not in their order")
	}
	type key struct{ method, bench, item string }
	said := map[key]Verdict{}
	for _, v := range verdicts {
		said[key{v.Method, v.Bench, v.Item}] = v
	}
	for _, m := range report.Methods {
		// count counts the items whose label and verdict are as asked.
		count := func(asked func(l Label, v Verdict) bool) (n int) {
			for _, b := range s.Benches {
				for _, it := range b.Items {
					if asked(it.Label, said[key{m.Method, b.Name, it.ID}]) {
						n++
					}
				}
			}
			return n
		}
		flag := func(v Verdict) bool { return v.State == Flagged }
		counts := func(l Label) bool { return l.Contained == "" }
		found := count(func(l Label, v Verdict) bool { return counts(l) && l.Want == Flagged && flag(v) })
		missed := count(func(l Label, v Verdict) bool { return counts(l) && l.Want == Flagged && !flag(v) })
		wrong := count(func(l Label, v Verdict) bool { return counts(l) && l.Want == Clean && flag(v) })
		right := count(func(l Label, v Verdict) bool { return counts(l) && l.Want == Clean && !flag(v) })
		if m.Found != found || m.Missed != missed || m.False != wrong || m.Right != right {
			t.Errorf("%s: %d %d %d %d, not %d %d %d %d", m.Method, m.Found, m.Missed, m.False, m.Right, found, missed, wrong, right)
		}
		p, q := float64(found)/float64(found+wrong), float64(found)/float64(found+missed)
		if math.Abs(m.Precision.Share-p) > 1e-12 || math.Abs(m.Recall.Share-q) > 1e-12 || math.Abs(m.F1.Share-2*p*q/(p+q)) > 1e-12 {
			t.Errorf("%s: precision %v, recall %v, F1 %v", m.Method, m.Precision.Share, m.Recall.Share, m.F1.Share)
		}
		if !(m.F1.Low < m.F1.Share && m.F1.Share < m.F1.High) {
			t.Errorf("F1 %+v", m.F1)
		}
		rate := func(name string, got Rate, of func(l Label) bool, is func(v Verdict) bool) {
			want := Wilson(count(func(l Label, v Verdict) bool { return of(l) && is(v) }), count(func(l Label, _ Verdict) bool { return of(l) }))
			if got != want {
				t.Errorf("%s: %s is %+v, not %+v", m.Method, name, got, want)
			}
		}
		isShort := func(l Label) bool { return counts(l) && l.Words >= 8 && l.Words <= 20 }
		rate("short", m.Short, func(l Label) bool { return isShort(l) && l.Want == Flagged }, flag)
		rate("short false", m.ShortFalse, func(l Label) bool { return isShort(l) && l.Want == Clean }, flag)
		rate("contained", m.Contained, func(l Label) bool { return !counts(l) }, flag)
		for _, c := range m.Classes[len(m.Classes)-9:] {
			of := func(l Label) bool { return counts(l) && l.Class == c.Class }
			rate(c.Class, c.Flagged, of, flag)
			rate(c.Class+" as altered", c.Altered, of, func(v Verdict) bool { return v.Kind == "altered" })
			rate(c.Class+" as answer", c.Answer, of, func(v Verdict) bool { return flag(v) && v.Kind == "answer" })
		}
		if m.Contained.Of == 0 || len(m.Misjudged) != missed+wrong {
			t.Errorf("%d contained, %d misjudged", m.Contained.Of, len(m.Misjudged))
		}
		if n := count(func(_ Label, v Verdict) bool { return v.State == NotCheckable }); n != m.NotCheckable {
			t.Errorf("%d not checkable, not %d", m.NotCheckable, n)
		}
	}
	var table strings.Builder
	if err := report.Table(&table); err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Classes {
		if !strings.Contains(table.String(), "\n"+c.Name+" ") {
			t.Errorf("the table has no line for %s", c.Name)
		}
	}
}

func TestScoreWantsAVerdictForEachItem(t *testing.T) {
	s := smallSet()
	all := randomVerdicts(rand.New(rand.NewPCG(5, 6)), s, "a")
	for name, list := range map[string][]Verdict{
		"one missing": all[1:],
		"one twice":   append(slices.Clone(all), all[0]),
		"one unknown": append(slices.Clone(all), Verdict{Method: "a", Bench: "own-ar", Item: "none"}),
	} {
		if _, err := Score(Judged{s, list}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Two sets are added up: twice the same one doubles every count and keeps every share.
func TestScoreAddsSetsUp(t *testing.T) {
	s := smallSet()
	verdicts := randomVerdicts(rand.New(rand.NewPCG(7, 8)), s, "a")
	once, err := Score(Judged{s, verdicts})
	if err != nil {
		t.Fatal(err)
	}
	twice, err := Score(Judged{s, verdicts}, Judged{s, verdicts})
	if err != nil {
		t.Fatal(err)
	}
	a, b := once.Methods[0], twice.Methods[0]
	if b.Found != 2*a.Found || b.Missed != 2*a.Missed || b.False != 2*a.False || b.Right != 2*a.Right || len(b.Misjudged) != 2*len(a.Misjudged) {
		t.Errorf("%+v is not twice %+v", b, a)
	}
	for i, c := range a.Classes {
		if d := b.Classes[i]; d.Flagged != Wilson(2*c.Flagged.Count, 2*c.Flagged.Of) {
			t.Errorf("%s: %+v is not twice %+v", c.Class, d.Flagged, c.Flagged)
		}
	}
	sum := 0
	for _, u := range a.Unplanted {
		sum += u.Of
	}
	if nothing := a.Classes[len(a.Classes)-1]; nothing.Class != Nothing || sum != nothing.Flagged.Of {
		t.Errorf("%d unplanted items by benchmark, %+v", sum, nothing)
	}
	if _, err := Score(Judged{s, verdicts}, Judged{smallHeld(), nil}); err == nil {
		t.Error("sets of different parts were added up")
	}
}

func TestNothingHeldBackIsListed(t *testing.T) {
	s := smallHeld()
	r, err := Score(Judged{s, randomVerdicts(rand.New(rand.NewPCG(9, 8)), s, "a")})
	if err != nil {
		t.Fatal(err)
	}
	if m := r.Methods[0]; m.Missed+m.False == 0 || m.Misjudged != nil {
		t.Errorf("%d missed, %d false, %d listed", m.Missed, m.False, len(m.Misjudged))
	}
}
