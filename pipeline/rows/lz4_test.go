package rows

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/pierrec/lz4/v4"
)

// all reads all rows of a file in memory, as JSON; the error is nil at the end.
func all(data []byte, name string) (out []string, err error) {
	format, _, _ := Formats.TypeOf(name)
	r, err := Open(context.Background(), memorySource{bytes.NewReader(data)}, format, Options{Name: name, MaxRow: 1 << 20})
	var rec Record
	for err == nil {
		if err = r.Next(&rec); err == nil {
			out = append(out, string(rec.AppendJSON(nil)))
		}
	}
	if err == io.EOF {
		err = nil
	}
	return out, err
}

// damage holds that no prefix of a file is read, and that with any bit changed it is
// refused, or read with as many rows.
func damage(t *testing.T, data []byte, name string) {
	t.Helper()
	whole, err := all(data, name)
	if err != nil || len(whole) != 3 {
		t.Fatalf("%s: %q, %v", name, whole, err)
	}
	step := 1
	if testing.Short() {
		step = 41 // a part of all bits, and of all prefixes
	}
	for n := 0; n < len(data); n += (step + 7) / 8 {
		if got, err := all(data[:n], name); err == nil {
			t.Errorf("%s: %d of %d bytes are read as %q", name, n, len(data), got)
		}
	}
	bad := bytes.Clone(data)
	for bit := 0; bit < 8*len(data); bit += step {
		bad[bit/8] ^= 1 << (bit % 8)
		got, err := all(bad, name)
		if err == nil && len(got) != len(whole) {
			t.Errorf("%s: bit %d: %q", name, bit, got)
		}
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTooLong) && !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: bit %d: %v is of no class", name, bit, err)
		}
		bad[bit/8] ^= 1 << (bit % 8)
	}
}

func TestLZ4Damage(t *testing.T) {
	files, err := filepath.Glob("testdata/lz4*.parquet")
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		damage(t, data, f)
	}
}

// Hadoop's frames, of one block and of several, and what is none.
func TestUnframeHadoop(t *testing.T) {
	plain := bytes.Repeat([]byte("the same words again, "), 40)
	frame := func(part []byte) []byte {
		block := make([]byte, lz4.CompressBlockBound(len(part)))
		n, err := lz4.CompressBlock(part, block, nil)
		if err != nil {
			t.Fatal(err)
		}
		out := binary.BigEndian.AppendUint32(nil, uint32(len(part)))
		return append(binary.BigEndian.AppendUint32(out, uint32(n)), block[:n]...)
	}
	one, two := frame(plain), append(frame(plain[:500]), frame(plain[500:])...)
	for _, framed := range [][]byte{one, two} {
		got := make([]byte, len(plain))
		if !unframeHadoop(got, framed) || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes are not unframed", len(framed))
		}
		for n := range framed {
			if unframeHadoop(make([]byte, len(plain)), framed[:n]) {
				t.Errorf("%d of %d bytes are taken for whole", n, len(framed))
			}
		}
		for _, n := range []int{0, len(plain) - 1, len(plain) + 1} {
			if unframeHadoop(make([]byte, n), framed) {
				t.Errorf("taken for %d bytes", n)
			}
		}
	}
}
