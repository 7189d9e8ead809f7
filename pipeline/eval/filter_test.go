package eval

import "testing"

// TestSuspicionIsAPlainCount: what is not checkable counts nowhere, and lists of unlike
// items are refused.
func TestSuspicionIsAPlainCount(t *testing.T) {
	v := func(item string, state Want) Verdict { return Verdict{Bench: "b", Item: item, State: state} }
	scanned := []Verdict{v("1", Flagged), v("2", Flagged), v("3", Clean), v("4", Clean), v("5", Clean), v("6", NotCheckable)}
	checked := []Verdict{v("1", Flagged), v("2", Clean), v("3", Clean), v("4", Flagged), v("5", Flagged), v("6", NotCheckable)}
	s, err := compareSuspicion(scanned, checked, func(_, item string) bool { return item > "3" })
	if err != nil || s.Flagged != Wilson(1, 2) || s.Absent != Wilson(2, 2) || s.All != Wilson(3, 5) {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := compareSuspicion(scanned, checked[:5], nil); err == nil {
		t.Error("a list that is shorter is taken")
	}
	checked[2].Item = "other"
	if _, err := compareSuspicion(scanned, checked, nil); err == nil {
		t.Error("unlike items are taken")
	}
}
