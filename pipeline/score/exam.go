package score

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"

	"go.yaml.in/yaml/v3"
)

// An Exam defines how the scores of items become an exam's score. In YAML:
//
//	name: River pilot
//	sections:
//	  - name: Multiple choice
//	    benchmark: pilot-questions   # of the audit; all its items, or those of
//	    subject: tides               #   one subject, or of the ids named in items
//	    kind: choice                 # an item is worth one point
//	    weight: 60                   # of the section in the exam; without: its points
//	  - name: Free response
//	    benchmark: pilot-essays
//	    kind: rubric                 # items are worth several points
//	    points: 6                    # each, except those in item_points
//	    item_points: {e-2: 10}
//	    scores: points               # results are points, or a fraction of them
//	    weight: 40
//	scale:
//	  linear: {from: 130, to: 170}   # score with nothing right, and with everything right
//	percentiles:
//	  - {score: 150, low: 40, high: 55}
//
// or, for a scale by a table,
//
//	scale:
//	  table:
//	    out_of: 100                  # raw score with everything right
//	    steps: [{at: 0, score: 1}, {at: 45, score: 2}, {at: 62, score: 3}]
//
// The scale converts the weighted mean of the sections' shares of points. Scores are
// rounded half to even, as Python does: after a linear scale, before a table. Of steps and
// percentiles the last that is not above the score applies.
type Exam struct {
	Name        string       `yaml:"name"`
	Sections    []Section    `yaml:"sections"`
	Scale       Scale        `yaml:"scale"`
	Percentiles []Percentile `yaml:"percentiles"`
}

// A Section of an exam.
type Section struct {
	Name       string             `yaml:"name"`
	Benchmark  string             `yaml:"benchmark"`
	Subject    string             `yaml:"subject"`
	Items      []string           `yaml:"items"`
	Kind       string             `yaml:"kind"`
	Points     float64            `yaml:"points"`
	ItemPoints map[string]float64 `yaml:"item_points"`
	Scores     string             `yaml:"scores"`
	Weight     float64            `yaml:"weight"`
}

// A Scale converts the share of an exam that is right.
type Scale struct {
	Linear *Linear `yaml:"linear"`
	Table  *Steps  `yaml:"table"`
}

// Linear is a scale from nothing right to everything right.
type Linear struct {
	From    float64 `yaml:"from"`
	To      float64 `yaml:"to"`
	Unround bool    `yaml:"unrounded"`
}

// Steps is a scale by a table.
type Steps struct {
	OutOf float64 `yaml:"out_of"`
	Steps []Step  `yaml:"steps"`
}

// A Step of a table: from At on the score is Score.
type Step struct {
	At    float64 `yaml:"at"`
	Score float64 `yaml:"score"`
}

// A Percentile is the percentile range of test takers with at least Score.
type Percentile struct {
	Score float64 `yaml:"score" json:"-"`
	Low   float64 `yaml:"low" json:"low"`
	High  float64 `yaml:"high" json:"high"`
}

// ErrExam means an invalid description of an exam.
var ErrExam = errors.New("not a valid exam")

// ReadExam reads an exam in YAML and checks it. Unknown fields are errors.
func ReadExam(r io.Reader) (*Exam, error) {
	e := new(Exam)
	dec := yaml.NewDecoder(r)
	dec.KnownFields(true)
	if err := dec.Decode(e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrExam, err)
	}
	if err := dec.Decode(new(any)); err != io.EOF {
		return nil, fmt.Errorf("%w: more than one YAML document", ErrExam)
	}
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrExam, err)
	}
	return e, nil
}

func (e *Exam) check() error {
	if e.Name == "" {
		return errors.New("it has no name")
	}
	if len(e.Sections) == 0 {
		return errors.New("it has no sections")
	}
	weighted := e.Sections[0].Weight != 0
	names := map[string]bool{}
	for i := range e.Sections {
		s := &e.Sections[i]
		err := s.check()
		switch {
		case s.Name == "" || names[s.Name]:
			err = errors.New("every section must have a name of its own")
		case err == nil && (s.Weight != 0) != weighted:
			err = errors.New("either all sections must have a weight or none")
		}
		if err != nil {
			return fmt.Errorf("section %d, %q: %w", i+1, s.Name, err)
		}
		names[s.Name] = true
	}
	if err := e.Scale.check(); err != nil {
		return err
	}
	return e.checkPercentiles()
}

func (e *Exam) checkPercentiles() error {
	for i, p := range e.Percentiles {
		rising := i == 0 || e.Percentiles[i-1].Score < p.Score
		if !(0 <= p.Low && p.Low <= p.High && p.High <= 100) || !rising {
			return fmt.Errorf("percentile %d: scores must rise, and 0 ≤ low ≤ high ≤ 100", i+1)
		}
	}
	return nil
}

func (s *Section) check() error {
	sum := s.Weight + s.Points
	for _, p := range s.ItemPoints {
		if p <= 0 {
			return errors.New("points must be above 0")
		}
		sum += p
	}
	switch {
	case s.Benchmark == "":
		return errors.New("it has no benchmark")
	case s.Kind != "choice" && s.Kind != "rubric":
		return fmt.Errorf("unknown kind %q: there are choice and rubric", s.Kind)
	case s.Kind == "choice" && (s.Points != 0 || s.ItemPoints != nil || s.Scores != ""):
		return errors.New("only a rubric can have points")
	case s.Kind == "rubric" && s.Points <= 0 && s.ItemPoints == nil:
		return errors.New("a rubric needs points")
	case s.Kind == "rubric" && s.Scores != "points" && s.Scores != "fraction":
		return fmt.Errorf("scores of a rubric are points or fraction, not %q", s.Scores)
	case s.Points < 0 || s.Weight < 0 || math.IsNaN(sum) || math.IsInf(sum, 0):
		return errors.New("points and weight must be above 0")
	}
	return nil
}

func (s *Scale) check() error {
	t := s.Table
	switch {
	case (s.Linear == nil) == (t == nil):
		return errors.New("a scale must be either linear or a table")
	case t == nil:
		return nil
	case !(t.OutOf > 0) || math.IsInf(t.OutOf, 0) || len(t.Steps) == 0 || t.Steps[0].At != 0:
		return errors.New("a table must have out_of and steps, the first at 0")
	}
	for i := range t.Steps[1:] {
		if !(t.Steps[i].At < t.Steps[i+1].At) {
			return errors.New("the steps of a table must rise")
		}
	}
	return nil
}

// PointsOf returns how many points an item is worth.
func (s *Section) PointsOf(id string) float64 {
	if p, ok := s.ItemPoints[id]; ok {
		return p
	}
	if s.Kind == "choice" {
		return 1
	}
	return s.Points
}

// Answers are a model's results on a section's items, by item.
type Answers struct {
	IDs     []string
	Scores  []float64 // as Section.Scores has them; NaN: no result, so that the item is left out
	Flagged []bool
}

// A Grade is a model's score in an exam, by a method.
type Grade struct {
	Exam          string         `json:"exam"`
	Model         string         `json:"model"`
	Method        string         `json:"method"`
	Full          float64        `json:"full"`
	FullRange     *Percentile    `json:"full_percentile"`
	Clean         *float64       `json:"clean"` // nil if a section has no clean items
	CleanRange    *Percentile    `json:"clean_percentile"`
	Lower         float64        `json:"lower"` // of full and clean; full if clean is nil
	LowerRange    *Percentile    `json:"lower_percentile"`
	Contamination float64        `json:"contamination"` // share of items flagged, weighted as sections are
	Missing       int            `json:"missing"`       // items without a result, left out
	FullLow       *float64       `json:"full_low"`      // 95 % intervals: of items drawn again in each section
	FullHigh      *float64       `json:"full_high"`
	CleanLow      *float64       `json:"clean_low"`
	CleanHigh     *float64       `json:"clean_high"`
	Sections      []SectionGrade `json:"sections"`
}

// A SectionGrade is a section's part in a grade. Shares are of points.
type SectionGrade struct {
	Name     string   `json:"name"`
	Items    int      `json:"items"`
	NFlagged int      `json:"n_flagged"`
	Weight   float64  `json:"weight"`
	All      float64  `json:"all"`
	Clean    *float64 `json:"clean"`
}

// Grade grades the answers, which are by section.
func (e *Exam) Grade(answers []Answers) (*Grade, error) {
	if len(answers) != len(e.Sections) {
		return nil, fmt.Errorf("%s: answers for %d sections of %d", e.Name, len(answers), len(e.Sections))
	}
	g := &Grade{Exam: e.Name}
	all, clean, weights := 0.0, 0.0, 0.0
	left := true
	for i := range e.Sections {
		s, a := &e.Sections[i], &answers[i]
		fail := func(format string, args ...any) error {
			return fmt.Errorf("%s: section %s: %w", e.Name, s.Name, fmt.Errorf(format, args...))
		}
		if len(a.Scores) == 0 {
			return nil, fail("no items")
		}
		var got, of, gotClean, ofClean float64
		flagged := 0
		for k, x := range a.Scores {
			most := s.PointsOf(a.IDs[k])
			if most == 0 {
				return nil, fail("item %q has no points", a.IDs[k])
			}
			if s.Scores != "points" {
				x *= most
			}
			switch {
			case math.IsNaN(x):
				g.Missing++
				continue
			case x < 0 || x > most*(1+1e-12):
				return nil, fail("item %q has %g of %g points", a.IDs[k], x, most)
			}
			got, of = got+x, of+most
			if a.Flagged[k] {
				flagged++
				continue
			}
			gotClean, ofClean = gotClean+x, ofClean+most
		}
		if of == 0 {
			return nil, fail("no item has a result")
		}
		weight := s.Weight
		if weight == 0 {
			weight = of
		}
		sg := SectionGrade{Name: s.Name, Items: len(a.Scores), NFlagged: flagged, Weight: weight, All: got / of}
		if ofClean > 0 {
			sg.Clean = pointer(gotClean / ofClean)
			clean += weight * *sg.Clean
		} else {
			left = false
		}
		all += weight * sg.All
		weights += weight
		g.Contamination += weight * float64(flagged) / float64(len(a.Scores))
		g.Sections = append(g.Sections, sg)
	}
	g.Contamination /= weights
	g.Full, g.FullRange = e.scaled(all / weights)
	g.Lower, g.LowerRange = g.Full, g.FullRange
	if left {
		score, at := e.scaled(clean / weights)
		g.Clean, g.CleanRange = &score, at
		if g.Lower = LowerScore(g.Full, g.Clean); g.Lower < g.Full {
			g.LowerRange = at
		}
	}
	return g, nil
}

// scaled returns the score for a share right, and its percentile range. It rounds to nine
// decimals first, so that what is half a point up to rounding errors counts as half.
func (e *Exam) scaled(right float64) (score float64, at *Percentile) {
	exact := func(x float64) float64 { return math.Round(x*1e9) / 1e9 }
	if l := e.Scale.Linear; l != nil {
		score = exact(l.From + right*(l.To-l.From))
		if !l.Unround {
			score = math.RoundToEven(score)
		}
	} else {
		raw := math.RoundToEven(exact(right * e.Scale.Table.OutOf))
		for _, s := range e.Scale.Table.Steps {
			if s.At <= raw {
				score = s.Score
			}
		}
	}
	for i := range e.Percentiles {
		if p := e.Percentiles[i]; p.Score <= score {
			at = &p
		}
	}
	return score, at
}

// examDraws is the number of resamples of an exam's interval.
const examDraws = 500

// fillIntervals fills in the intervals of a grade: items of each section are drawn again, with their
// flags, and graded through the scale.
func (e *Exam) fillIntervals(g *Grade, answers []Answers, rng *rand.Rand) {
	var full, clean []float64
	drawn := make([]Answers, len(answers))
	for range examDraws {
		for i, a := range answers {
			d := &drawn[i]
			d.IDs, d.Scores, d.Flagged = d.IDs[:0], d.Scores[:0], d.Flagged[:0]
			for range a.Scores {
				k := randomIndex(rng, len(a.Scores))
				d.IDs, d.Scores, d.Flagged = append(d.IDs, a.IDs[k]), append(d.Scores, a.Scores[k]), append(d.Flagged, a.Flagged[k])
			}
		}
		one, err := e.Grade(drawn)
		if err != nil {
			continue
		}
		if full = append(full, one.Full); one.Clean != nil {
			clean = append(clean, *one.Clean)
		}
	}
	at := func(x []float64) (low, high *float64) {
		if len(x) < examDraws/2 {
			return nil, nil
		}
		slices.Sort(x)
		return pointer(x[len(x)*25/1000]), pointer(x[len(x)*975/1000])
	}
	g.FullLow, g.FullHigh = at(full)
	if g.Clean != nil {
		g.CleanLow, g.CleanHigh = at(clean)
	}
}
