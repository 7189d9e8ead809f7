package score

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"swab/pipeline/report"

	"github.com/zeebo/xxh3"
)

// A sectionItems is the items of an exam's section: their numbers in a benchmark.
type sectionItems struct {
	in    *Input
	items []int
}

// GradeAll grades, by every method, every model that has results on all sections of the
// exam. The benchmarks need IDs. warnings names the models that have no grade.
func (e *Exam) GradeAll(inputs []Input) (grades []Grade, warnings []string, err error) {
	var parts []sectionItems
	for i := range e.Sections {
		p, err := e.Sections[i].find(inputs)
		if err != nil {
			return nil, nil, fmt.Errorf("exam %s: section %s: %w", e.Name, e.Sections[i].Name, err)
		}
		parts = append(parts, p)
	}
	for m, method := range parts[0].in.Methods {
		for _, r := range parts[0].in.Results {
			var answers []Answers
			for _, p := range parts {
				at := slices.IndexFunc(p.in.Results, func(q Result) bool { return q.Model == r.Model })
				if at < 0 {
					break
				}
				answers = append(answers, p.answers(&p.in.Results[at], m))
			}
			if len(answers) < len(parts) {
				if m == 0 {
					warnings = append(warnings, fmt.Sprintf("exam %s: %s has no results on section %s and gets no grade",
						e.Name, r.Model, e.Sections[len(answers)].Name))
				}
				continue
			}
			g, err := e.Grade(answers)
			if err != nil {
				return nil, nil, fmt.Errorf("exam %s: %s: %w", e.Name, r.Model, err)
			}
			g.Model, g.Method = r.Model, method.Name
			key := xxh3.HashString(e.Name + "\x00" + r.Model + "\x00" + method.Name)
			e.fillIntervals(g, answers, rand.New(rand.NewPCG(1, key)))
			if g.Missing > 0 && m == 0 {
				warnings = append(warnings, fmt.Sprintf("exam %s: %s: %s without a result left out",
					e.Name, r.Model, report.Count(int64(g.Missing), "item")))
			}
			grades = append(grades, *g)
		}
	}
	if len(grades) == 0 {
		return nil, nil, fmt.Errorf("exam %s: no model has results on all sections", e.Name)
	}
	return grades, warnings, nil
}

// find returns the items of a section.
func (s *Section) find(inputs []Input) (p sectionItems, err error) {
	at := slices.IndexFunc(inputs, func(in Input) bool { return in.Name == s.Benchmark })
	if at < 0 {
		return p, fmt.Errorf("no results are of benchmark %q", s.Benchmark)
	}
	p.in = &inputs[at]
	seen := map[string]bool{}
	for i, id := range p.in.IDs {
		otherSubject := s.Subject != "" && p.in.Subjects[p.in.Subject[i]] != s.Subject
		if otherSubject || len(s.Items) > 0 && !slices.Contains(s.Items, id) {
			continue
		}
		if seen[id] && (len(s.Items) > 0 || s.ItemPoints != nil) {
			return p, fmt.Errorf("two items have the id %q", id)
		}
		seen[id] = true
		p.items = append(p.items, i)
	}
	for _, id := range slices.Concat(s.Items, slices.Sorted(maps.Keys(s.ItemPoints))) {
		if !seen[id] {
			return p, fmt.Errorf("%s has no item %q", s.Benchmark, id)
		}
	}
	if len(p.items) == 0 {
		return p, fmt.Errorf("no items of %s", s.Benchmark)
	}
	return p, nil
}

// answers returns a model's results on a section, with what a method says of its items.
func (p *sectionItems) answers(r *Result, method int) (x Answers) {
	for _, i := range p.items {
		state := p.in.Methods[method].States[i]
		x.IDs = append(x.IDs, p.in.IDs[i])
		x.Scores = append(x.Scores, r.Scores[i])
		x.Flagged = append(x.Flagged, state.Found())
	}
	return x
}
