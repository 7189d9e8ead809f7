package rows

import (
	"strconv"
	"testing"
)

// TestDigits: numbers of every length before everything that may follow.
func TestDigits(t *testing.T) {
	for _, written := range []string{"0", "7", "10", "99", "123", "50256", "128000", "9999999", "12345678", "1234567890123456"} {
		want, err := strconv.ParseUint(written, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		for c := range 256 {
			if c >= '0' && c <= '9' {
				continue
			}
			for _, rest := range []string{"", "1", "1234567890", "\xff\xff\xff\xff\xff\xff\xff\xff"} {
				got, n := digits([]byte(written + string([]byte{byte(c)}) + rest))
				if got != want || n != len(written) {
					t.Fatalf("%s before %q and %q: %d of %d digits", written, rune(c), rest, got, n)
				}
			}
		}
		if got, n := digits([]byte(written)); got != want || n != len(written) {
			t.Errorf("%s: %d of %d digits", written, got, n)
		}
	}
	if _, n := digits([]byte("-1234567")); n != 0 {
		t.Errorf("%d digits of a sign", n)
	}
	if _, n := digits([]byte("123456789012345678901234567890")); n != 30 {
		t.Errorf("%d digits of 30", n)
	}
}
