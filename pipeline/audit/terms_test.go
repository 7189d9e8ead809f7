package audit

import (
	"fmt"
	"slices"
	"testing"
)

// TestStatuses: a line a status, the worst first; of many that pass the others are counted.
func TestStatuses(t *testing.T) {
	a := &Audit{}
	add := func(name string, status Status, share float64) {
		a.Benchmarks = append(a.Benchmarks, Benchmark{Name: name, Terms: &Terms{Status: status, Share: share, Method: "swab"}})
	}
	for i := range 20 {
		add(fmt.Sprint("p", i), Pass, 0)
	}
	add("c", Look, 2)
	add("a", Fail, 7.123)
	add("b", Fail, 6)
	a.Benchmarks = append(a.Benchmarks, Benchmark{Name: "without"}, Benchmark{Name: "limit", Terms: &Terms{}})
	want := []string{"fail: a (7.12 % by swab), b (6.00 % by swab)", "look: c (2.00 % by swab)",
		"pass: p0 (0.00 % by swab), p1 (0.00 % by swab), p2 (0.00 % by swab), and 17 more"}
	if got := a.Statuses(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
