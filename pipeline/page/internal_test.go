package page

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// For tests from outside.
var (
	Source = source
	Script = script
)

// TestSpans holds the marks in an item's text, as a script counts, against the words.
func TestSpans(t *testing.T) {
	text := "𝄞 smile\x00: " + strings.Repeat("éß", 3000) + " needle \U0001f600\tstands here " + strings.Repeat("zz ", 9000)
	matched := "needle \U0001f600\tstands here"
	b := &book{budget: 900, maxRows: 3}
	from := int64(strings.Index(text, matched))
	it := &listed{spans: []span{{0, 1, from, from + int64(len(matched))}}}
	raw, err := json.Marshal(b.itemText(it, [4]string{"", text, "a choice", ""}))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Parts []struct{ P, T string }
		Marks [][4]int
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Parts) != 2 || len(got.Marks) != 1 || got.Marks[0][0] != 0 || got.Marks[0][1] != 0 {
		t.Fatalf("%d parts, marks %v", len(got.Parts), got.Marks)
	}
	var units []uint16
	for _, r := range got.Parts[0].T {
		if r > 0xffff {
			r -= 0x10000
			units = append(units, 0xd800+uint16(r>>10), 0xdc00+uint16(r&0x3ff))
		} else {
			units = append(units, uint16(r))
		}
	}
	want := "needle \U0001f600    stands here"
	if n := got.Marks[0][3] - got.Marks[0][2]; n != len([]rune(want))+1 {
		t.Errorf("the mark has %d units, want %d", n, len([]rune(want))+1)
	}
	if units[got.Marks[0][2]] != 'n' || units[got.Marks[0][3]-1] != 'e' {
		t.Errorf("the mark is from %c to %c", rune(units[got.Marks[0][2]]), rune(units[got.Marks[0][3]-1]))
	}
	if len(got.Parts[0].T) > 2000 {
		t.Errorf("%d bytes of a long text", len(got.Parts[0].T))
	}
}

func TestTicks(t *testing.T) {
	for _, c := range [][2]float64{{0, 1}, {0.301, 0.302}, {-0.01, 0.04}, {3, 3}, {-1e-9, 1e6}, {0.4, 0.95}} {
		ticks := ticksOf(c[0], c[1])
		if len(ticks) < 2 || len(ticks) > 7 || ticks[0] > c[0]+1e-8*(c[1]-c[0]) || ticks[len(ticks)-1] < c[1]-1e-8*(c[1]-c[0]) {
			t.Errorf("%v: ticks %v", c, ticks)
		}
	}
}

// TestTicksOfAnything: whatever is plotted, there are a few ticks, from one to the next larger.
func TestTicksOfAnything(t *testing.T) {
	values := []float64{0, 1, -1, 0.1, 0.1000000000000001, 1e-300, 1e300, -1e300, math.MaxFloat64, -math.MaxFloat64,
		math.Inf(1), math.Inf(-1), math.NaN(), 1e15, 1e15 + 1}
	for _, lo := range values {
		for _, hi := range values {
			ticks := ticksOf(lo, hi)
			if len(ticks) < 2 || len(ticks) > 12 || !slices.IsSorted(ticks) || !(ticks[0] < ticks[1]) {
				t.Errorf("%v to %v: %v", lo, hi, ticks)
			}
		}
	}
}

// TestMarkedTerms holds the marks of a reworded item, as a script counts, against its words.
func TestMarkedTerms(t *testing.T) {
	question := "𝄞 Josh flips 2 houses for 80,000 dollars and gains 150."
	window := "😀 By flipping a house, Josh, who had paid 80,000 dollars, gained 170!"
	parts := []part{{"question", question}, {"answer", "80,000"}}
	texts := [4]string{"", question, "", "80,000"}
	words, terms := markedTerms([]bag{{3, window}}, &texts, parts)
	units := func(s string, from, to int) string {
		return string(utf16.Decode(utf16.Encode([]rune(s))[from:to]))
	}
	got := []string{}
	for _, m := range words {
		if m[0] != 3 || m[1] != 0 {
			t.Errorf("a mark of row %d, part %d", m[0], m[1])
		}
		got = append(got, fmt.Sprintf("%s %d", units(question, m[2], m[3]), m[4]))
	}
	if want := "[Josh 0 flips 0 2 1 houses 0 80,000 0 dollars 0 gains 0 150 1]"; fmt.Sprint(got) != want {
		t.Errorf("in the item: %v, want %s", got, want)
	}
	got = got[:0]
	for _, m := range terms[3] {
		got = append(got, fmt.Sprintf("%s %d", units(window, m[0], m[1]), m[2]))
	}
	if want := "[flipping 0 house 0 Josh 0 80,000 0 dollars 0 gained 0 170 1]"; fmt.Sprint(got) != want {
		t.Errorf("in the window: %v, want %s", got, want)
	}
}
