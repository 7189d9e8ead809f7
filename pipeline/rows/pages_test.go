package rows

import (
	"bytes"
	"errors"
	"iter"
	"os"
	"slices"
	"testing"
)

// TestPageChecksums: of a file with checksums, no bit of a page changes unnoticed.
func TestPageChecksums(t *testing.T) {
	data, err := os.ReadFile("testdata/checksums.parquet") // by pyarrow
	if err != nil {
		t.Fatal(err)
	}
	read := func(data []byte) ([]string, error) {
		return allWith(data, Options{Name: "checksums.parquet", Want: WantNames("id", "text", "score")})
	}
	whole, err := read(data)
	if err != nil || len(whole) != 3 {
		t.Fatal(whole, err)
	}
	refused := 0
	end := bytes.Index(data, []byte("schema")) // the footer names the root so
	bad := bytes.Clone(data)
	for bit := 32; bit < 8*end; bit += 5 { // any bit of a byte, in turn
		bad[bit/8] ^= 1 << (bit % 8)
		got, err := read(bad)
		switch {
		case err == nil && !slices.Equal(got, whole):
			t.Errorf("bit %d: %q", bit, got)
		case err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTooLong) && !errors.Is(err, ErrUnsupported):
			t.Errorf("bit %d: %v is of no class", bit, err)
		case err != nil:
			refused++
		}
		bad[bit/8] ^= 1 << (bit % 8)
	}
	if refused < end {
		t.Errorf("%d of %d bits are refused", refused, 8*end)
	}
	for bit := range bitsOfNames(data, end, "id", "text", "score") {
		bad[bit/8] ^= 1 << (bit % 8)
		if got, err := read(bad); err == nil {
			t.Errorf("bit %d, of a column's name: %q", bit, got)
		}
		bad[bit/8] ^= 1 << (bit % 8)
	}
}

// bitsOfNames yields the bits of the columns' names in the footer, which begins at byte from.
func bitsOfNames(data []byte, from int, names ...string) iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, name := range names {
			at := from + bytes.Index(data[from:], append([]byte{byte(len(name))}, name...)) + 1
			for bit := 8 * at; bit < 8*(at+len(name)); bit++ {
				if !yield(bit) {
					return
				}
			}
		}
	}
}
