package shard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// pieces compresses parts of a content, some empty, one behind the other.
func pieces(t *testing.T, rng *rand.Rand, c Compression, content []byte) []byte {
	t.Helper()
	if c == None {
		return content
	}
	var out bytes.Buffer
	z, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(rng.IntN(2) == 0))
	if err != nil {
		t.Fatal(err)
	}
	for len(content) > 0 {
		n := min(len(content), rng.IntN(200))
		if c == Zstd {
			if rng.IntN(4) == 0 {
				out.WriteString("\x5a\x2a\x4d\x18\x02\x00\x00\x00ab")
			}
			out.Write(z.EncodeAll(content[:n], nil))
		} else {
			w := gzip.NewWriter(&out)
			w.Write(content[:n])
			w.Close()
		}
		content = content[n:]
	}
	return out.Bytes()
}

// readRange reads a range by reads of at most step bytes.
func readRange(s Shard, ahead bool, step int) (string, Digest, error) {
	r, err := Open(s, Limits{}, ahead, nil)
	if err != nil {
		return "", Digest{}, err
	}
	defer r.Close()
	var text []byte
	for {
		p := make([]byte, step)
		n, err := r.Read(p)
		if text = append(text, p[:n]...); err == io.EOF {
			d, err := r.Finish()
			return string(text), d, err
		} else if err != nil {
			return "", Digest{}, err
		}
	}
}

// TestRangesTile: the ranges of a file of lines have all of its lines, each once, and the digests of
// its bytes, for all sizes of ranges and reads; or the error of a line longer than a range.
func TestRangesTile(t *testing.T) {
	long, divided := 0, 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var content []byte
		for range 1 + rng.IntN(80) {
			content = append(content, strings.Repeat("x", rng.IntN(60)*rng.IntN(2))...)
			content = append(content, []string{"\n", "\r\n", "\n\n"}[rng.IntN(3)]...)
		}
		content = append(content, "end\n"[:rng.IntN(5)]...)
		c := []Compression{None, Gzip, Zstd}[rng.IntN(3)]
		stored := pieces(t, rng, c, content)
		path := filepath.Join(t.TempDir(), "x.jsonl")
		if err := os.WriteFile(path, stored, 0o644); err != nil {
			t.Fatal(err)
		}
		s := Shard{Name: "x", Path: path, Size: int64(len(stored)), Compression: c}
		var err error
		if s.Cuts, err = s.FindCuts(t.Context(), c, 1+rng.Int64N(200), s.Size); err != nil {
			t.Fatal(err)
		}
		digest, sums, err := s.Sums(t.Context())
		if whole, bad := s.digest(t.Context()); err != nil || bad != nil || digest != whole || len(sums) != len(s.Cuts)+1 {
			t.Fatalf("%s, %s, %v, %v", digest, whole, err, bad)
		}
		tail, all := "", ""
		for k, g := range s.Ranges() {
			s.Range = g
			text, d, err := readRange(s, rng.IntN(2) == 0, 1+rng.IntN(100))
			if err != nil && strings.Contains(err.Error(), "no line ends in the range") {
				long++
				all = ""
				break
			}
			if own, bad := s.digest(t.Context()); err != nil || bad != nil || d.XXH3 != own || own != sums[k] || d.Head != tail {
				t.Fatalf("seed %d, range %d of %d: %+v, %v, want %s %s", seed, k, len(sums), d, err, sums[k], tail)
			}
			all, tail = all+text, d.Tail
			divided++
			if k == len(s.Cuts) && (all != string(content) || tail != "") {
				t.Fatalf("seed %d, %s: %q\nwant %q", seed, c, all, content)
			}
		}
	}
	if long == 0 || divided < 100 {
		t.Errorf("%d ranges read, %d with a line that is too long", divided, long)
	}
}

// TestDamagedRanges: a range that is cut within a frame, ends where none begins, or is beyond the
// file is an error, as is a changed file.
func TestDamagedRanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	content := []byte(strings.Repeat("a line of words\n", 60))
	for _, c := range []Compression{Gzip, Zstd} {
		stored := pieces(t, rng, c, content)
		path := filepath.Join(t.TempDir(), "x.jsonl")
		if err := os.WriteFile(path, stored, 0o644); err != nil {
			t.Fatal(err)
		}
		s := Shard{Name: "x", Path: path, Size: int64(len(stored)), Compression: c}
		cuts, err := s.FindCuts(t.Context(), c, 1, s.Size)
		if err != nil || len(cuts) < 5 {
			t.Fatal(cuts, err)
		}
		for at := cuts[1]; at <= cuts[2]; at++ {
			for end := cuts[2]; end <= cuts[3]; end++ {
				s.Range = Range{at, end}
				begins, ends := at == cuts[1] || at == cuts[2], end == cuts[2] || end == cuts[3]
				if _, _, err := readRange(s, false, 64); err == nil && !(begins && ends) && c == Gzip {
					t.Fatalf("%s, %v of %v: no error", c, s.Range, cuts)
				} else if err != nil && begins && ends && at < end && !strings.Contains(err.Error(), "no line ends") {
					t.Fatalf("%s, %v of %v: %v", c, s.Range, cuts, err)
				}
			}
		}
		for _, g := range []Range{{-1, 5}, {5, 5}, {0, s.Size + 1}} {
			s.Range = g
			if _, _, err := readRange(s, false, 64); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%v: %v", g, err)
			}
		}
		one := fmt.Sprintf("%s of one", c)
		s.Range, s.Cuts = Range{}, nil
		if err := os.WriteFile(path, pieces(t, rng, c, content)[:0], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Sums(t.Context()); err == nil {
			t.Errorf("%s: a changed file has digests", one)
		}
	}
}
