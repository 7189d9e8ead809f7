package shard

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// fuzzDecoder reads what it is given as a shard of one compression: twice, since
// the second decoder was used before, and once ahead. All three have to agree in
// bytes and in words; only how many bytes come before an error may hang on how many
// are asked for at a time. A hang, a leak into the next shard or a large allocation
// would show as a time-out, a difference or the death of the process.
func fuzzDecoder(f *testing.F, c Compression) {
	f.Add(pack(f, c, []byte(tiny)))
	f.Add(bytes.Repeat(pack(f, c, []byte(tiny)), 3))
	f.Add([]byte(c.magic()))
	if c != Bzip2 {
		f.Add(pack(f, c, []byte(strings.Repeat(tiny, 3000))))
		f.Add(pack(f, c, nil))
	}
	if c == Xz {
		f.Add(xzAsking(f, 20, 3))
	}
	p := f.TempDir() + "/x.txt" + c.usualEnding()
	s := at("x.txt"+c.usualEnding(), p)
	f.Fuzz(func(t *testing.T, stored []byte) {
		if err := os.WriteFile(p, stored, 0o600); err != nil {
			t.Fatal(err)
		}
		l := Limits{Window: 1 << 20, Ratio: 100}
		members := false
		read := func(ahead bool) (data []byte, err error) {
			r, err := Open(s, l, ahead, nil)
			if err != nil {
				return nil, err
			}
			defer r.Close()
			if members {
				r.FindMembers()
			}
			data, err = io.ReadAll(io.LimitReader(r, 1<<20))
			if err == nil && len(data) < 1<<20 {
				var d Digest
				if d, err = r.Finish(); err == nil && (d.Stored != int64(len(stored)) || d.Plain != int64(len(data))) {
					t.Fatalf("%v for %d bytes, %d plain", d, len(stored), len(data))
				}
				if n := len(r.ends); r.members && len(stored) > 0 && (n == 0 || r.ends[n-1] != memberEnd{d.Stored, d.Plain}) {
					t.Fatalf("members end at %v of %v", r.ends, d)
				}
			}
			return data, err
		}
		data, err := read(false)
		if err != nil {
			classified(t, err, s.Name)
		}
		for _, ahead := range []bool{false, true} {
			again, errAgain := read(ahead)
			if k := min(len(data), len(again)); !bytes.Equal(data[:k], again[:k]) || err == nil && len(data) != len(again) || (err == nil) != (errAgain == nil) || err != nil && err.Error() != errAgain.Error() {
				t.Fatalf("ahead %v: %d bytes, %v; and before %d bytes, %v", ahead, len(again), errAgain, len(data), err)
			}
		}
		members = true
		again, errAgain := read(false)
		if errAgain != nil {
			classified(t, errAgain, s.Name)
		}
		if k := min(len(data), len(again)); !bytes.Equal(data[:k], again[:k]) || err == nil && len(data) != len(again) || (err == nil) != (errAgain == nil) {
			t.Fatalf("by members: %d bytes, %v; and before %d bytes, %v", len(again), errAgain, len(data), err)
		}
	})
}

func FuzzGzip(f *testing.F)  { fuzzDecoder(f, Gzip) }
func FuzzZstd(f *testing.F)  { fuzzDecoder(f, Zstd) }
func FuzzBzip2(f *testing.F) { fuzzDecoder(f, Bzip2) }
func FuzzXz(f *testing.F)    { fuzzDecoder(f, Xz) }
func FuzzLz4(f *testing.F)   { fuzzDecoder(f, Lz4) }

// FuzzContent: whatever a file begins and ends with, the check gives an answer of a class.
func FuzzContent(f *testing.F) {
	for _, s := range []string{"", "PAR1", "PAR1PAR1", "ARROW1\x00\x00ARROW1", "\xff\xff\xff\xff", "BZh91AY&SY", "{}", "\x1f\x8b\x08"} {
		for i := range 10 {
			f.Add(byte(i), []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, stored []byte) {
		s := Shard{Name: "x", Format: formats[kind%5], Compression: Compression(kind / 5 % 6)}
		err := checkStored(&s, bytes.NewReader(stored), int64(len(stored)))
		if err != nil && !errors.Is(err, ErrMismatch) && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	})
}
