package pipeline

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"swab/pipeline/ledger"
)

// sumLens is a lens whose covers are numbers, which merge by addition.
type sumLens struct{ lens }

func (sumLens) appendCover(b []byte, c any) []byte { return binary.AppendUvarint(b, c.(uint64)) }
func (sumLens) readCover(r *sectionReader) any     { return r.uvarint() }
func (sumLens) merge(_ int, a, b any) any {
	if a == nil {
		return b
	}
	return a.(uint64) + b.(uint64)
}

// TestResultsMerge: results of three lenses, more than are open at a time, give for
// each lens the sums of all, by rising item.
func TestResultsMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	lenses := []lens{sumLens{}, sumLens{}, sumLens{}}
	const items = 50
	for _, shards := range []int{0, 1, mergeWidth, mergeWidth + 1, 2*mergeWidth + 7} {
		dir := t.TempDir()
		want := [3]map[int]uint64{{}, {}, {}}
		var paths []string
		for i := range shards {
			path := filepath.Join(dir, fmt.Sprint("r", i))
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			err = writeResult(f, resultHeader{Key: fmt.Sprint(i), Entry: ledger.Entry{Name: "s"}}, lenses, func(k int) iter.Seq2[mergedItem, error] {
				return func(yield func(mergedItem, error) bool) {
					for item := range items {
						if n := rng.Uint64N(1000); rng.IntN(3) == k && yield(mergedItem{item, n}, nil) {
							want[k][item] += n
						}
					}
				}
			})
			if err != nil || f.Close() != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
		all, err := openResults(paths, dir, lenses, items)
		if err != nil {
			t.Fatal(err)
		}
		for k := range lenses {
			got, last := map[int]uint64{}, -1
			for m, err := range all.covers(k) {
				if err != nil || m.item <= last {
					t.Fatalf("item %d after %d, %v", m.item, last, err)
				}
				got[m.item], last = m.cover.(uint64), m.item
			}
			if !reflect.DeepEqual(got, want[k]) {
				t.Errorf("%d shards, lens %d: %v, want %v", shards, k, got, want[k])
			}
		}
		all.close()
	}
}

// TestDamagedResultIsRefused: no byte of a stored result can change, and none be cut
// off, without an error; nor is a result of other lenses read.
func TestDamagedResultIsRefused(t *testing.T) {
	lenses := []lens{sumLens{}, sumLens{}}
	var b bytes.Buffer
	err := writeResult(&b, resultHeader{Key: "k"}, lenses, func(k int) iter.Seq2[mergedItem, error] {
		return func(yield func(mergedItem, error) bool) {
			_ = yield(mergedItem{k, uint64(7)}, nil) && yield(mergedItem{300, uint64(1 << 40)}, nil)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "r")
	open := func(content []byte, lenses int) error {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := openResult(path, lenses)
		if err == nil {
			f.Close()
		}
		return err
	}
	if err := open(b.Bytes(), 2); err != nil {
		t.Fatal(err)
	}
	for i := range b.Bytes() {
		damaged := bytes.Clone(b.Bytes())
		damaged[i] ^= 1 << (i % 8)
		if err := open(damaged, 2); !errors.Is(err, errResult) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if err := open(b.Bytes()[:i], 2); !errors.Is(err, errResult) {
			t.Errorf("cut at byte %d: %v", i, err)
		}
	}
	for _, n := range []int{0, 1, 3} {
		if err := open(b.Bytes(), n); !errors.Is(err, errResult) {
			t.Errorf("as a result of %d lenses: %v", n, err)
		}
	}
}
