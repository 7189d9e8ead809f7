package score

import (
	"fmt"
	"strconv"
	"strings"

	"swab/pipeline/report"
)

// Joined describes how a model's results were joined with a benchmark's items, and what was
// left over.
type Joined struct {
	Model       string   `json:"model"`
	Benchmark   string   `json:"benchmark"` // "": the results belong to no benchmark
	Metric      string   `json:"metric"`
	How         string   `json:"how"` // id, index, content or export
	Items       int      `json:"items"`
	Results     int      `json:"results"`
	Compared    int      `json:"compared"`    // pairs whose texts were compared
	Agree       int      `json:"agree"`       // of those, the result's text has the item's question
	ByContent   int      `json:"by_content"`  // of those that differ, joined by content
	Differing   []string `json:"differing"`   // of those that differ, left out
	Unconfirmed int      `json:"unconfirmed"` // joined by place, without a question to compare
	Stated      *float64 `json:"stated"`      // the harness's own score of these results
	StatedAgree bool     `json:"stated_agree"`
	All         float64  `json:"all"` // mean of the joined results
	Ran         *Run     `json:"ran,omitempty"`
	ResultsLeft []string `json:"results_left"`
	ItemsLeft   []string `json:"items_left"`
	Problems    []string `json:"problems"`
}

// A Run compares the items that a model was run on with those of an export.
type Run struct {
	Exported int      `json:"exported"`
	Missing  []string `json:"missing"`      // exported, without a result
	Others   []string `json:"not_exported"` // with a result, and not exported
}

// Exact reports whether exactly the exported items have results.
func (r *Run) Exact() bool { return len(r.Missing)+len(r.Others) == 0 }

// SetJoins adds the account of how results were joined: a sentence for each benchmark and way,
// with the models that it is of, and warnings of what is left out or unconfirmed.
func (t *Table) SetJoins(joins []Joined) {
	t.Joins = joins
	var lines, warnings []note
	for i := range joins {
		j := &joins[i]
		if j.Benchmark == "" {
			continue
		}
		lines = addNotes(lines, []string{j.sentence()}, j.Model)
		warnings = addNotes(warnings, j.warnings(), j.Model)
	}
	for _, n := range lines {
		t.Joining = append(t.Joining, n.text+" ("+n.names+")")
	}
	for _, n := range warnings {
		t.Warnings = append(t.Warnings, n.names+": "+n.text)
	}
}

// sentence says how the results were joined.
func (j *Joined) sentence() string {
	s := fmt.Sprintf("%s: %s joined by %s; questions compared %s, agree %s", j.Benchmark,
		report.Count(int64(j.Results-len(j.ResultsLeft)), "result"), j.How,
		report.Thousands(int64(j.Compared)), report.Thousands(int64(j.Agree)))
	if j.ByContent > 0 {
		s += fmt.Sprintf(", %s that differ joined by content", report.Thousands(int64(j.ByContent)))
	}
	if j.Stated != nil && j.StatedAgree {
		s += "; the harness's own score agrees"
	}
	if j.Ran != nil && j.Ran.Exact() {
		s += fmt.Sprintf("; the run has exactly the %s of the export", report.Count(int64(j.Ran.Exported), "item"))
	}
	return s
}

// warnings returns what may make the scores wrong.
func (j *Joined) warnings() (list []string) {
	if n := len(j.Differing); n > 0 {
		list = append(list, fmt.Sprintf("%s: %s left out, whose question is not that of the item: %s",
			j.Benchmark, report.Count(int64(n), "result"), someNames(j.Differing)))
	}
	if j.Stated != nil && !j.StatedAgree {
		list = append(list, fmt.Sprintf("%s: all %s here, the harness says %s (metric %s)%s", j.Benchmark,
			formatOwn(j.All, *j.Stated), formatOwn(*j.Stated, *j.Stated), j.Metric, leftText(len(j.ResultsLeft))))
	}
	if r := j.Ran; r != nil && len(r.Others) > 0 {
		list = append(list, fmt.Sprintf("%s: the run is not that of the export: %s with a result are not in it: %s",
			j.Benchmark, report.Count(int64(len(r.Others)), "item"), someNames(r.Others)))
	}
	if r := j.Ran; r != nil && len(r.Missing) > 0 {
		list = append(list, fmt.Sprintf("%s: the run is not that of the export: %s of its %s without a result: %s",
			j.Benchmark, report.Thousands(int64(len(r.Missing))), report.Count(int64(r.Exported), "item"), someNames(r.Missing)))
	}
	if j.Unconfirmed > 0 {
		list = append(list, fmt.Sprintf("%s: %s joined by number without a question to compare: "+
			"if numbers count in another order than the benchmark's, all scores are wrong",
			j.Benchmark, report.Count(int64(j.Unconfirmed), "result")))
	}
	return list
}

// formatOwn formats a score beside the harness's own: in points if both are shares.
func formatOwn(x, own float64) string {
	if x >= 0 && x <= 1 && (own > 1 || own >= 0) {
		x *= 100
	}
	return strconv.FormatFloat(x, 'f', 1, 64)
}

// leftText says that results were left out, which is a reason for another score.
func leftText(left int) string {
	if left == 0 {
		return ""
	}
	return fmt.Sprintf("; %s left out", report.Count(int64(left), "result"))
}

// someNames returns up to five names, and how many more there are.
func someNames(names []string) string {
	s := strings.Join(names[:min(5, len(names))], ", ")
	if len(names) > 5 {
		s += fmt.Sprintf(" and %d more", len(names)-5)
	}
	return s
}
