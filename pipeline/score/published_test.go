package score

import (
	"encoding/csv"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"swab/ngram/item"
)

// table reads a CSV of testdata with a header.
func table(t *testing.T, name string) (rows []map[string]string) {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comment = '#'
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func float(t *testing.T, s string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// printed compares a value with how it was printed, to the digits printed.
func printed(t *testing.T, what string, got float64, want string) {
	t.Helper()
	_, decimals, _ := strings.Cut(want, ".")
	if unit := math.Pow(10, -float64(len(decimals))); math.Abs(got-float(t, want)) > unit/2+1e-9 {
		t.Errorf("%s: %.6f, printed %s", what, got, want)
	}
}

// Table 10 of the GPT-4 report prints as degradation the change from all to clean as a
// share of all; its caption says otherwise.
func TestGPT4Table10(t *testing.T) {
	contaminated, asCaption := 0, 0
	for _, r := range table(t, "gpt4_table10.csv") {
		want := r["printed_degradation_pct"]
		if want == "" {
			continue
		}
		all, clean := float(t, r["all_pct"])/100, float(t, r["clean_pct"])/100
		if r["of_clean"] != "" {
			right, of := float(t, r["right_clean"]), float(t, r["of_clean"])
			rightFlagged, ofFlagged := float(t, r["right_flagged"]), float(t, r["of_flagged"])
			clean = right / of
			all = (right + rightFlagged) / (of + ofFlagged)
			printed(t, r["section"]+" clean", 100*clean, r["clean_pct"])
			printed(t, r["section"]+" all", 100*all, r["all_pct"])
			if ofFlagged > 0 {
				printed(t, r["section"]+" flagged", 100*rightFlagged/ofFlagged, r["flagged_pct"])
				contaminated++
				if math.Abs(100*(clean-rightFlagged/ofFlagged)-float(t, want)) < 0.006 {
					asCaption++
				}
			}
		}
		printed(t, r["section"], 100*RelativeChange(all, clean), want)
	}
	if contaminated != 33 {
		t.Errorf("%d sections with contamination and a number, not 33", contaminated)
	}
	if asCaption > 2 {
		t.Errorf("%d sections are as the caption says", asCaption)
	}
}

func TestGPT4Table11HumanEval(t *testing.T) {
	r := table(t, "gpt4_table11.csv")[0]
	printed(t, "HumanEval", 100*RelativeChange(float(t, r["all_pct"]), float(t, r["clean_pct"])), r["printed_degradation_pct"])
}

// number9 is the number at the beginning of a cell of table 9; nil is N/A.
func number9(t *testing.T, cell string) *float64 {
	t.Helper()
	if cell == "N/A" {
		return nil
	}
	end := strings.IndexAny(cell+" ", "/% ")
	x := float(t, cell[:end])
	return &x
}

func row9(t *testing.T, exam string) map[string]string {
	t.Helper()
	for _, r := range table(t, "gpt4_table9.csv") {
		if r["exam"] == exam {
			return r
		}
	}
	t.Fatalf("table 9 has no %s", exam)
	return nil
}

func TestGPT4Table1IsLowerOfTable9(t *testing.T) {
	for _, r := range table(t, "gpt4_table1.csv") {
		nine := row9(t, r["exam"])
		for _, column := range []string{"gpt4", "gpt4_novision"} {
			if got := LowerScore(*number9(t, nine[column]), number9(t, nine["clean_"+column])); got != float(t, r[column]) {
				t.Errorf("%s %s: %g, printed %s", r["exam"], column, got, r[column])
			}
		}
	}
}

// answers gives n answers of which right are right, the first of them flagged.
func answers(rightFlagged, flagged, rightClean, clean int) (a Answers) {
	for i := range flagged + clean {
		right := i < rightFlagged || i >= flagged && i < flagged+rightClean
		a.IDs = append(a.IDs, strconv.Itoa(i))
		a.Flagged = append(a.Flagged, i < flagged)
		a.Scores = append(a.Scores, map[bool]float64{true: 1}[right])
	}
	return a
}

func TestGPT4Table9Scores(t *testing.T) {
	counts := map[string][]int{}
	for _, r := range table(t, "gpt4_table10.csv") {
		if r["of_clean"] != "" && !strings.HasSuffix(r["section"], "FRQ") {
			counts[r["section"]] = []int{int(float(t, r["right_flagged"])), int(float(t, r["of_flagged"])), int(float(t, r["right_clean"])), int(float(t, r["of_clean"]))}
		}
	}
	// Without vision; from the scores printed, which are whole numbers of answers.
	counts["AMC 10 no vision"], counts["AMC 12 no vision"] = []int{0, 1, 6, 24}, []int{0, 1, 8, 24}
	for _, c := range []struct {
		exam, section, column string
		scale                 Linear
	}{
		{"GRE Quantitative", "GRE Quant", "gpt4", Linear{From: 130, To: 170}},
		{"GRE Verbal", "GRE Verbal", "gpt4", Linear{From: 130, To: 170}},
		{"AMC 10", "AMC 10", "gpt4", Linear{To: 150}},
		{"AMC 12", "AMC 12", "gpt4", Linear{To: 150}},
		{"AMC 10", "AMC 10 no vision", "gpt4_novision", Linear{To: 150}},
		{"AMC 12", "AMC 12 no vision", "gpt4_novision", Linear{To: 150}},
		{"USNCO Local Section 2022", "USNCO 2022", "gpt4", Linear{To: 60}},
		{"Medical Knowledge Self-Assessment", "MKSAP MCQ", "gpt4", Linear{To: 100}},
		{"Introductory Sommelier", "Intro Sommelier", "gpt4", Linear{To: 100}},
		{"Certified Sommelier", "Cert Sommelier", "gpt4", Linear{To: 100}},
		{"Advanced Sommelier", "Adv Sommelier", "gpt4", Linear{To: 100}},
		{"Leetcode (easy)", "Leetcode easy", "gpt4", Linear{To: 41}},
		{"Leetcode (medium)", "Leetcode medium", "gpt4", Linear{To: 80}},
		{"Leetcode (hard)", "Leetcode hard", "gpt4", Linear{To: 45}},
	} {
		n := counts[c.section]
		e := Exam{Name: c.exam, Sections: []Section{{Name: "one", Benchmark: "b", Kind: "choice"}}, Scale: Scale{Linear: &c.scale}}
		if err := e.check(); err != nil {
			t.Fatal(err)
		}
		if n == nil {
			t.Errorf("%s: no counts", c.section)
			continue
		}
		g, err := e.Grade([]Answers{answers(n[0], n[1], n[2], n[3])})
		if err != nil {
			t.Fatal(err)
		}
		r := row9(t, c.exam)
		full, clean := number9(t, r[c.column]), number9(t, r["clean_"+c.column])
		if g.Full != *full || g.Clean == nil || *g.Clean != *clean || g.Lower != min(*full, *clean) {
			t.Errorf("%s: full %g clean %v, printed %s and %s", c.section, g.Full, *g.Clean, r[c.column], r["clean_"+c.column])
		}
		printed(t, c.exam+" contamination", 100*g.Contamination, r["contam_pct"])
	}
}

func TestGPT4Table9Contamination(t *testing.T) {
	sections := map[string]map[string]string{}
	for _, r := range table(t, "gpt4_table10.csv") {
		sections[r["section"]] = r
	}
	pooledFails, exams := 0, 0
	for _, r := range table(t, "ap_weights.csv") {
		e := Exam{Name: r["exam"], Scale: Scale{Linear: &Linear{To: 100}}}
		weight := float(t, r["choice_weight"])
		var all []Answers
		flagged, items := 0, 0
		for i, name := range []string{r["choice"], r["response"]} {
			s := sections[name]
			if s == nil {
				t.Fatalf("table 10 has no %s", name)
			}
			n, f := int(float(t, s["items"])), int(float(t, s["flagged"]))
			flagged, items = flagged+f, items+n
			e.Sections = append(e.Sections, Section{Name: name, Benchmark: "b", Kind: "choice", Weight: []float64{weight, 1 - weight}[i]})
			all = append(all, answers(0, f, 0, n-f))
		}
		g, err := e.Grade(all)
		if err != nil {
			t.Fatal(err)
		}
		want := row9(t, r["exam"])
		printed(t, r["exam"], 100*g.Contamination, want["contam_pct"])
		if (g.Clean == nil) != (want["clean_gpt4"] == "N/A") {
			t.Errorf("%s: clean %v, printed %s", r["exam"], g.Clean, want["clean_gpt4"])
		}
		if math.Abs(100*float64(flagged)/float64(items)-float(t, want["contam_pct"])) > 0.5 {
			pooledFails++
		}
		exams++
	}
	if exams != 15 || pooledFails < 5 {
		t.Errorf("%d exams; questions pooled fail in %d", exams, pooledFails)
	}
}

func TestGPT3TableC1(t *testing.T) {
	rows := table(t, "gpt3_table_c1.csv")
	var fails []string
	for _, r := range rows {
		all, clean, n := float(t, r["all"]), float(t, r["clean"]), float(t, r["total"])
		if r["dirty"] != "" {
			w := float(t, r["n_dirty"]) / n
			if float(t, r["n_dirty"])+float(t, r["n_clean"]) != n {
				t.Errorf("%s: counts do not add up", r["name"])
			}
			if strings.Contains(r["name"], "bleu") {
				// A score of the whole corpus, which is no mean over items.
			} else if back := w*float(t, r["dirty"]) + (1-w)*clean; math.Abs(back-all) > 0.1 {
				t.Errorf("%s: all is %.2f, printed %g", r["name"], back, all)
			} else if got := ImpliedFlagged(all, clean, w); math.Abs(got-float(t, r["dirty"])) > 0.1/w+0.05 { // w magnifies rounding
				t.Errorf("%s: implied flagged score %.2f, printed %s", r["name"], got, r["dirty"])
			}
		}
		want := float(t, r["printed_rel_pct"])
		fits := func(change func(all, clean float64) float64) bool {
			a, b := 100*change(all+0.05, clean-0.05), 100*change(all-0.05, clean+0.05)
			return a <= want+0.5 && want-0.5 <= b
		}
		if !fits(SymmetricChange) {
			t.Errorf("%s: symmetric change %.2f, printed %g", r["name"], 100*SymmetricChange(all, clean), want)
		}
		if !fits(RelativeChange) {
			fails = append(fails, r["name"])
		}
	}
	if len(rows) != 42 || !slices.Equal(fails, []string{"Quac", "DROP"}) {
		t.Errorf("%d rows; the relative change fails on %v", len(rows), fails)
	}
}

// The worked rows: flagged − clean with Newcombe's interval, the gain with its
// interval, Fisher's test, the hypergeometric z, Llama 2's z of both sides.
func TestWorkedRows(t *testing.T) {
	for _, r := range table(t, "worked.csv") {
		kd, d := int64(float(t, r["right_flagged"])), int64(float(t, r["flagged"]))
		kc, c := int64(float(t, r["right_clean"])), int64(float(t, r["clean"]))
		low, high := Newcombe(kd, d, kc, c)
		w := float64(d) / float64(d+c)
		sum := float64(kd + kc)
		for what, got := range map[string]float64{
			"d": float64(kd)/float64(d) - float64(kc)/float64(c), "d_low": low, "d_high": high,
			"gain": computeGain(float64(kd), d, float64(kc), c), "gain_low": w * low, "gain_high": w * high,
			"fisher": Fisher(kd, d, kc, c), "z": Z(float64(kd), d, sum, sum, d+c),
			"llama_clean": LlamaZ(float64(kc), c, sum, sum, d+c), "llama_flagged": LlamaZ(float64(kd), d, sum, sum, d+c),
		} {
			printed(t, r["case"]+" "+what, got, r[what])
		}
	}
}

// Newcombe 1998, table II, example (a): 56/70 and 48/80.
func TestNewcombe1998(t *testing.T) {
	low, high := Newcombe(56, 70, 48, 80)
	printed(t, "low", low, "0.0524")
	printed(t, "high", high, "0.3339")
}

// Shares of items found in a sample, with Wilson's interval; GPT-4's table 11.
func TestWilsonOfPrevalence(t *testing.T) {
	for _, c := range []struct {
		k         int64
		low, high string
	}{{6, "0.28", "1.30"}, {10, "0.54", "1.83"}, {34, "2.44", "4.71"}, {9, "0.47", "1.70"}, {210, "18.6", "23.6"}} {
		low, high := Wilson(c.k, 1000)
		printed(t, "low", 100*low, c.low)
		printed(t, "high", 100*high, c.high)
	}
}

func TestMDEWorked(t *testing.T) {
	for _, c := range []struct {
		n, d       int64
		diff, gain string
	}{{1000, 50, "18.6", "0.93"}, {1000, 200, "10.15", "2.0"}, {164, 41, "23.2", "5.8"}, {14042, 1400, "3.6", "0.36"}} {
		m := MDE(0.7*0.3, c.d, c.n-c.d)
		printed(t, "difference", 100*m, c.diff)
		printed(t, "gain", 100*m*float64(c.d)/float64(c.n), c.gain)
	}
}

// Singh et al. 2024: 100 items, 70 right.
func TestGainOfConTAM(t *testing.T) {
	printed(t, "40 flagged, 34 right", 100*computeGain(34, 40, 36, 60), "10.0")
	printed(t, "10 flagged, 9 right", 100*computeGain(9, 10, 61, 90), "2.2")
}

// Table 51 of Llama 2: the four subsets of a benchmark, with their z. Counts follow from the printed
// means, so z is known up to their rounding;
// the expected means of the paper differ among subsets, as if they were drawn.
func TestLlama2Table51(t *testing.T) {
	names := [4]string{"clean", "not_clean", "not_dirty", "dirty"}
	for _, r := range table(t, "llama2_table51.csv") {
		var n, right [4]float64
		for k, name := range names {
			n[k] = float(t, r["n_"+name])
			right[k] = math.Round(n[k] * float(t, r[name]) / 100)
		}
		if n[0]+n[1] != n[2]+n[3] {
			t.Fatalf("%v: the parts are of %v and %v items", r, n[0]+n[1], n[2]+n[3])
		}
		middle := right[1] - right[3]
		in := &Input{Results: []Result{{Model: r["model"]}}}
		m := Method{Name: "llama2", Threshold: .2, Dirty: .8}
		add := func(share, items, right float64) {
			for i := range int(items) {
				score := 0.
				if i < int(right) {
					score = 1
				}
				in.Results[0].Scores = append(in.Results[0].Scores, score)
				m.Contamination, m.States = append(m.Contamination, share), append(m.States, item.Clean)
			}
		}
		add(math.NaN(), n[0], right[0])
		add(.2, n[2]-n[0], middle)
		add(.8, n[3], right[3])
		in.Methods = []Method{m}
		got := in.subsets()[0]
		affected := true
		for k, p := range got.Parts {
			want := float(t, r["z_"+names[k]])
			rounding := 2 * .0005 * math.Sqrt(n[k]) / math.Sqrt(*p.Expected*(1-*p.Expected))
			if math.Abs(*p.Z-want) > rounding+.02 || float64(p.N) != n[k] {
				t.Errorf("%s %s, %s: z %.2f of %d items, printed %.2f", r["dataset"], r["model"], p.Name, *p.Z, p.N, want)
			}
			affected = affected && math.Abs(want) > 2
		}
		if got.Affected != affected && r["dataset"] != "MMLU-Overall" { // there z is 2.00
			t.Errorf("%s %s: affected %v", r["dataset"], r["model"], got.Affected)
		}
	}
}
