package score

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const pilot = `
name: Pilot
sections:
  - {name: Choice, benchmark: b, kind: choice, weight: 40}
  - {name: Essays, benchmark: e, kind: rubric, points: 4, item_points: {long: 6}, scores: points, weight: 60}
scale:
  table:
    out_of: 100
    steps: [{at: 0, score: 1}, {at: 38, score: 2}, {at: 62, score: 3}]
percentiles: [{score: 1, low: 0, high: 30}, {score: 3, low: 60, high: 100}]
`

func exam(t *testing.T, text string) *Exam {
	t.Helper()
	e, err := ReadExam(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestGrade(t *testing.T) {
	e := exam(t, pilot)
	essays := Answers{IDs: []string{"short", "long"}, Scores: []float64{4, 3}, Flagged: []bool{true, false}}
	g, err := e.Grade([]Answers{answers(1, 1, 1, 4), essays})
	if err != nil {
		t.Fatal(err)
	}
	// 40·2/5 + 60·7/10 = 58 of 100; clean 40·1/4 + 60·3/6 = 40.
	if g.Full != 2 || *g.Clean != 2 || g.Lower != 2 || g.FullRange.Low != 0 || g.FullRange.High != 30 {
		t.Errorf("%+v", g)
	}
	near(t, "choice", g.Sections[0].All, 0.4, 1e-12)
	near(t, "clean choice", *g.Sections[0].Clean, 0.25, 1e-12)
	near(t, "essays", g.Sections[1].All, 0.7, 1e-12)
	near(t, "clean essays", *g.Sections[1].Clean, 0.5, 1e-12)
	// Items are counted, not points: 1 of 5 and 1 of 2.
	near(t, "contamination", g.Contamination, (40*0.2+60*0.5)/100, 1e-12)

	essays.Flagged = []bool{true, true}
	if g, err = e.Grade([]Answers{answers(1, 1, 1, 4), essays}); err != nil || g.Clean != nil || g.Lower != g.Full || Graded(g.Clean, g.CleanRange) != "N/A" {
		t.Errorf("nothing clean is left of a section: %+v, %v", g, err)
	}
	for what, bad := range map[string]Answers{
		"too many points": {IDs: []string{"a"}, Scores: []float64{4.5}, Flagged: []bool{false}},
		"below 0":         {IDs: []string{"a"}, Scores: []float64{-1}, Flagged: []bool{false}},
		"no items":        {},
	} {
		if _, err := e.Grade([]Answers{answers(0, 0, 1, 1), bad}); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// Without weights sections weigh what their points do: a linear exam is then one of all
// points together.
func TestGradeByPoints(t *testing.T) {
	e := exam(t, "{name: x, sections: [{name: a, benchmark: b, kind: choice}, {name: c, benchmark: b, kind: rubric, points: 6, scores: fraction}], scale: {linear: {from: 0, to: 150}}}")
	g, err := e.Grade([]Answers{answers(0, 0, 3, 4), {IDs: []string{"q"}, Scores: []float64{0.5}, Flagged: []bool{false}}})
	if err != nil || g.Full != 90 { // 150 · (3 + 3) / (4 + 6)
		t.Errorf("%+v %v", g, err)
	}
}

// Half a point is rounded to the even number: 31.25, 37.5 and 62.5 of AMC 10 and 12.
func TestRoundsHalfToEven(t *testing.T) {
	e := exam(t, "{name: x, sections: [{name: a, benchmark: b, kind: choice}], scale: {linear: {from: 0, to: 150}}}")
	for _, c := range []struct{ right, of, want int }{{5, 24, 31}, {6, 24, 38}, {10, 24, 62}} {
		g, err := e.Grade([]Answers{answers(0, 0, c.right, c.of)})
		if err != nil || g.Full != float64(c.want) {
			t.Errorf("%d of %d: %v, %v", c.right, c.of, g.Full, err)
		}
	}
}

func TestReadExam(t *testing.T) {
	files, err := filepath.Glob("../../testdata/exams/*.yaml")
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadExam(f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		f.Close()
	}
	for _, c := range []struct{ old, new string }{
		{"name: Pilot", "title: Pilot"},
		{"name: Pilot", "name: ''"},
		{"name: Essays", "name: Choice"},
		{"benchmark: b, ", ""},
		{"kind: choice", "kind: oral"},
		{"kind: choice", "kind: choice, points: 3"},
		{"points: 4", "points: -4"},
		{"points: 4, item_points: {long: 6}, ", ""},
		{"{long: 6}", "{long: 0}"},
		{"scores: points", "scores: percent"},
		{"weight: 40", "weight: 0"},
		{"weight: 40", "weight: .nan"},
		{"weight: 40", "weight: -40"},
		{"out_of: 100", "out_of: 0"},
		{"{at: 0, score: 1}", "{at: 1, score: 1}"},
		{"at: 62", "at: 38"},
		{"  table:", "  linear: {from: 1, to: 2}\n  table:"},
		{"high: 30", "high: 130"},
		{"score: 3, low", "score: 1, low"},
		{"percentiles:", "---\npercentiles:"},
	} {
		text := strings.Replace(pilot, c.old, c.new, 1)
		if text == pilot {
			t.Fatalf("%q is not there", c.old)
		}
		if _, err := ReadExam(strings.NewReader(text)); !errors.Is(err, ErrExam) {
			t.Errorf("%s: %v", c.new, err)
		}
	}
	for _, text := range []string{"", "[", "name: x", "{name: x, sections: []}"} {
		if _, err := ReadExam(strings.NewReader(text)); !errors.Is(err, ErrExam) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
