package card

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"swab/pipeline/audit"
	"swab/pipeline/report"
)

// A check is a benchmark and method that CI reports, with the status of the method's share if
// the method decides, else pass.
type check struct {
	*Benchmark
	Method
	status  audit.Status
	message string
}

// checks returns the benchmark's methods.
func (c *Card) checks() (list []check) {
	for i := range c.Benchmarks {
		n := &c.Benchmarks[i]
		for _, m := range n.Methods {
			status, rule := audit.Pass, "it does not decide"
			if c.decides(n, m.Name) {
				status = c.status(n, m.Share())
				rule = fmt.Sprintf("passes up to %g %%, fails above %g %%", n.PassUpTo, n.FailAbove)
			}
			list = append(list, check{n, m, status, fmt.Sprintf("%s of %s items of %s (%s) %s in %s by %s; %s",
				report.Thousands(m.Found), report.Thousands(m.Items), report.CleanText(n.Name), percent(m.Share()),
				c.verb(m.Found), report.CleanText(c.Corpus.Name), report.CleanText(m.Name), rule)})
		}
	}
	return list
}

// writeJUnit writes a test case for each benchmark and method, which fails above the
// threshold. A corpus that was not read as a whole is an error of its own case.
func (c *Card) writeJUnit(w io.Writer) error {
	type problem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	type testcase struct {
		Name    string   `xml:"name,attr"`
		Class   string   `xml:"classname,attr"`
		Time    string   `xml:"time,attr"`
		Failure *problem `xml:"failure,omitempty"`
		Error   *problem `xml:"error,omitempty"`
		Out     string   `xml:"system-out,omitempty"`
	}
	type suite struct {
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Errors   int        `xml:"errors,attr"`
		Skipped  int        `xml:"skipped,attr"`
		Time     string     `xml:"time,attr"`
		Stamp    string     `xml:"timestamp,attr"`
		Cases    []testcase `xml:"testcase"`
	}
	s := suite{Name: "swab", Time: "0", Stamp: c.Date + "T00:00:00"}
	for _, k := range c.checks() {
		t := testcase{Name: report.CleanText(k.Method.Name), Class: "swab." + report.CleanText(k.Benchmark.Name), Time: "0"}
		if k.status == audit.Fail {
			t.Failure = &problem{k.message, "contamination", k.message}
			s.Failures++
		} else {
			t.Out = string(k.status) + ": " + k.message
		}
		s.Cases = append(s.Cases, t)
	}
	if !c.Corpus.Complete {
		text := report.CleanText(strings.Join(c.NotRead, "; "))
		s.Cases = append(s.Cases, testcase{Name: "all input was read", Class: "swab", Time: "0",
			Error: &problem{text, "incomplete", text}})
		s.Errors++
	}
	s.Tests = len(s.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	err := enc.Encode(struct {
		XMLName xml.Name `xml:"testsuites"`
		Suite   suite    `xml:"testsuite"`
	}{Suite: s})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n")
	return err
}

// levels are the levels of SARIF, and of GitHub's annotations, by status.
var levels = map[audit.Status][2]string{
	audit.Pass: {"none", "notice"}, audit.Look: {"warning", "warning"}, audit.Fail: {"error", "error"},
}

// writeSARIF writes a result for each benchmark and method whose status is not pass, at the
// benchmark's file.
func (c *Card) writeSARIF(w io.Writer) error {
	type object = map[string]any
	results := []any{}
	for _, k := range c.checks() {
		if k.status == audit.Pass {
			continue
		}
		r := object{"ruleId": "contaminated-benchmark", "ruleIndex": 0, "level": levels[k.status][0],
			"message":             object{"text": k.message},
			"partialFingerprints": object{"benchmarkAndMethod/v1": report.CleanText(k.Benchmark.Name + " " + k.Method.Name)}}
		if len(k.files) > 0 {
			r["locations"] = []any{object{"physicalLocation": object{
				"artifactLocation": object{"uri": fileURI(k.files[0])}, "region": object{"startLine": 1}}}}
		}
		results = append(results, r)
	}
	notes := []any{}
	for _, s := range c.NotRead {
		notes = append(notes, object{"level": "error", "message": object{"text": report.CleanText(s)}})
	}
	return writeIndented(w, object{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs": []any{object{
			"tool": object{"driver": object{"name": "swab", "version": report.CleanText(c.Swab), "rules": []any{object{
				"id":               "contaminated-benchmark",
				"shortDescription": object{"text": "Items of a benchmark are in a training corpus"},
				"help":             object{"text": "Score the model on the clean variant that the audit holds: swab help scores"},
			}}}},
			"invocations": []any{object{"executionSuccessful": c.Corpus.Complete, "toolExecutionNotifications": notes}},
			"results":     results,
		}},
	})
}

// fileURI returns a path as the reference that SARIF wants.
func fileURI(name string) string {
	u := url.URL{Path: filepath.ToSlash(report.CleanText(name))}
	if filepath.IsAbs(name) {
		u.Scheme = "file"
	}
	return u.String()
}

// writeAnnotations writes a workflow command of GitHub Actions for each benchmark and method.
func (c *Card) writeAnnotations(w io.Writer) error {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	var b strings.Builder
	for _, k := range c.checks() {
		title := report.CleanText(k.Benchmark.Name + " by " + k.Method.Name + ": " + string(k.status))
		fmt.Fprintf(&b, "::%s title=%s::%s\n", levels[k.status][1], property.Replace(title), data.Replace(k.message))
	}
	for _, s := range c.NotRead {
		fmt.Fprintf(&b, "::error title=not read::%s\n", data.Replace(report.CleanText(s)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
