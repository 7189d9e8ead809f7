package rows

import (
	"reflect"
	"testing"
)

// Levels as the format's text describes them, written out by hand.
func TestLevels(t *testing.T) {
	for _, c := range []struct {
		data string
		max  int16
		want []int16 // nil: an error
		n    int
	}{
		{"", 0, []int16{0, 0, 0}, 3},
		{"\x06\x01", 1, []int16{1, 1, 1}, 3},
		{"\x04\x02\x02\x00", 3, []int16{2, 2, 0}, 3},
		{"\x03\x88\xc6\xfa", 7, []int16{0, 1, 2, 3, 4, 5, 6, 7}, 8},
		{"\x03\x05\x02\x01", 1, []int16{1, 0, 1, 0, 0, 0, 0, 0, 1}, 9},
		{"\x02\x2c\x01", 300, []int16{300}, 1},
		{"\x03\x05", 1, nil, 9},
		{"\x03", 1, nil, 1},
		{"\x06\x01", 1, nil, 4},
		{"\x06\x03", 2, nil, 1},
		{"\x00\x01", 1, nil, 1},
		{"\x06", 1, nil, 1},
		{"", 1, nil, 1},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 1, nil, 1},
	} {
		l := levels{data: []byte(c.data), max: c.max}
		got := make([]int16, c.n)
		count, countErr := l.count(c.n)
		// In two steps.
		a, err := l.next(got[:c.n/2])
		b := 0
		if err == nil {
			b, err = l.next(got[c.n/2:])
		}
		highest := 0
		for _, v := range got {
			if v == c.max {
				highest++
			}
		}
		if err == nil && (a+b != highest || count != highest) {
			t.Errorf("%q: %d and %d of the highest, counted %d; there are %d", c.data, a, b, count, highest)
		}
		if (c.want == nil) != (err != nil) || (err != nil) != (countErr != nil) || err == nil && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %v, %v, %v", c.data, got, err, countErr)
		}
	}
}
