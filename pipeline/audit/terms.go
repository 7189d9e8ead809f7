package audit

import (
	"fmt"
	"slices"
	"strings"
)

// About is what the caller says of the audit, for its readers. It changes no verdict.
type About struct {
	Title   string `json:"title,omitempty"`
	Model   string `json:"model,omitempty"`   // that was trained on the corpus
	Owner   string `json:"owner,omitempty"`   // who answers for the audit
	Release string `json:"release,omitempty"` // of the model or the benchmark
	Corpus  string `json:"corpus,omitempty"`  // its name
}

// A Status is what the share of flagged items means for a benchmark, by its thresholds.
type Status string

// The statuses of a benchmark.
const (
	Pass Status = "pass"
	Look Status = "look" // between the thresholds: a person should decide
	Fail Status = "fail"
)

// Terms are what a benchmark has to keep, in percent of its items that are flagged or suspected.
type Terms struct {
	Methods   []string `json:"methods,omitempty"`    // that decide; empty: the strictest of all
	Pass      *float64 `json:"pass,omitempty"`       // up to this percentage it passes
	Fail      *float64 `json:"fail,omitempty"`       // above this percentage it fails
	FailAbove *float64 `json:"fail_above,omitempty"` // the limit of the run

	// Share and Method are the largest percentage of a method that decides, and Status what it
	// means; "" without thresholds.
	Share  float64 `json:"share"`
	Method string  `json:"method"`
	Status Status  `json:"status,omitempty"`
}

// Judge sets Share, Method and Status by the counts of the benchmark's methods.
func (t *Terms) Judge(rows []Row) {
	t.Share, t.Method, t.Status = 0, "", ""
	for _, r := range rows {
		if r.Review || len(t.Methods) > 0 && !slices.Contains(t.Methods, r.Method) {
			continue
		}
		share := 100 * float64(r.Flagged) / float64(max(1, r.Items))
		if t.Method == "" || share > t.Share {
			t.Share, t.Method = share, r.Method
		}
	}
	switch {
	case t.Pass == nil && t.Fail == nil:
	case t.Fail != nil && t.Share > *t.Fail:
		t.Status = Fail
	case t.Pass != nil && t.Share > *t.Pass:
		t.Status = Look
	default:
		t.Status = Pass
	}
}

// Statuses returns a line for each status that benchmarks with thresholds have, the worst first, as
// "look: gsm8k (2.31 % by swab), mmlu (1.02 % by gpt3)". Of many that pass it counts all but the first.
func (a *Audit) Statuses() (list []string) {
	for _, status := range []Status{Fail, Look, Pass} {
		var of []string
		for _, b := range a.Benchmarks {
			if t := b.Terms; t != nil && t.Status == status {
				of = append(of, fmt.Sprintf("%s (%.2f %% by %s)", b.Name, t.Share, t.Method))
			}
		}
		if more := len(of) - 3; status == Pass && more > 1 {
			of = append(of[:3], fmt.Sprintf("and %d more", more))
		}
		if len(of) > 0 {
			list = append(list, fmt.Sprintf("%s: %s", status, strings.Join(of, ", ")))
		}
	}
	return list
}

// Exceeded returns what the benchmark exceeds, "" if nothing.
func (t *Terms) Exceeded(flagged State) string {
	switch {
	case t.FailAbove != nil && t.Share > *t.FailAbove:
		return fmt.Sprintf("%.2f %% is %s, more than %g %%", t.Share, flagged, *t.FailAbove)
	case t.Status == Fail:
		return fmt.Sprintf("%.2f %% is %s, more than %g %%", t.Share, flagged, *t.Fail)
	}
	return ""
}

// Check returns an error unless the terms can be kept.
func (t *Terms) Check() error {
	for _, p := range []*float64{t.Pass, t.Fail, t.FailAbove} {
		if p != nil && (*p < 0 || *p > 100) {
			return fmt.Errorf("%g is no percentage of 0 to 100", *p)
		}
	}
	if t.Pass != nil && t.Fail != nil && *t.Pass > *t.Fail {
		return fmt.Errorf("pass (%g %%) is above fail (%g %%)", *t.Pass, *t.Fail)
	}
	return nil
}
