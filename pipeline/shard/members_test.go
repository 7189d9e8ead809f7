package shard

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRewrite: what is written is the file without what is skipped, with what is inserted, whatever the
// members and the reads are; and each member in which all stays is in it as it is stored, in order.
func TestRewrite(t *testing.T) {
	for _, c := range []Compression{None, Gzip, Zstd, Xz, Lz4} {
		for seed := range uint64(20) {
			t.Run(fmt.Sprint(c, seed), func(t *testing.T) { testRewrite(t, c, rand.New(rand.NewPCG(seed, 5))) })
		}
	}
}

func testRewrite(t *testing.T, c Compression, rng *rand.Rand) {
	var stored []byte
	type member struct {
		stored   []byte
		from, to int
		changed  bool
	}
	var members []member
	plain := 0
	for range 1 + rng.IntN(8) {
		data := []byte(strings.Repeat(tiny, rng.IntN(50)))
		for range min(len(data), rng.IntN(20)) {
			data[rng.IntN(len(data))] = byte(rng.Uint32())
		}
		if rng.IntN(60) == 0 {
			data = bytes.Repeat([]byte{'x', byte(rng.Uint32())}, heldBytes)
		}
		if c == Zstd && rng.IntN(5) == 0 {
			stored = append(stored, "\x50\x2a\x4d\x18\x03\x00\x00\x00abc"...)
		}
		m := pack(t, c, data)
		members = append(members, member{m, plain, plain + len(data), false})
		stored, plain = append(stored, m...), plain+len(data)
		if c == Xz || c == Lz4 {
			break
		}
	}
	name := "x.txt" + c.usualEnding()
	r, err := Open(write(t, name, stored), Limits{}, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.FindMembers()
	out := filepath.Join(t.TempDir(), name)
	w, err := r.Rewrite(out)
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	passed, few := 0, rng.IntN(3) // how much changes
	change := func(n int) {
		for i := range members {
			if members[i].from < passed+n && members[i].to > passed {
				members[i].changed = true
			}
		}
	}
	buf := make([]byte, 1+rng.IntN(3000)*(1+rng.IntN(2)*100))
	for {
		n, err := r.Read(buf)
		for part := buf[:n]; len(part) > 0; {
			k := 1 + rng.IntN(len(part))
			do := rng.IntN(6 + 40*few)
			if do == 1 {
				insert := []byte(fmt.Sprint("instead of ", k))
				if err := w.Insert(insert); err != nil {
					t.Fatal(err)
				}
				want = append(want, insert...)
			}
			if do < 2 {
				change(k)
				if err := w.Skip(k); err != nil {
					t.Fatal(err)
				}
			} else {
				want = append(want, part[:k]...)
				if n, err := w.Write(part[:k]); n != k || err != nil {
					t.Fatal(n, err)
				}
			}
			passed, part = passed+k, part[k:]
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	got, _, err := slurp(at(name, out), Limits{}, false)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, want %d: %v", len(got), len(want), err)
	}
	left, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if c != Gzip && c != Zstd {
		return
	}
	for i, m := range members {
		if m.changed || m.from == m.to {
			continue
		}
		k := bytes.Index(left, m.stored)
		if k < 0 {
			t.Fatalf("member %d of %d is not copied", i, len(members))
		}
		left = left[k+len(m.stored):]
	}
}
