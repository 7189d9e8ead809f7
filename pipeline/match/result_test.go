package match

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"swab/pipeline/ledger"
)

// sums is a matcher whose covers are numbers, which merge by addition.
type sums struct {
	Matcher
	rules[uint64]
}

func (sums) appendCover(b []byte, c *uint64) []byte { return binary.AppendUvarint(b, *c) }

func (sums) readCover(r *decoder) *uint64 {
	n := r.uvarint()
	return &n
}

func (sums) mergeCovers(_ int, a, b *uint64) *uint64 {
	sum := *a + *b
	return &sum
}

func (s sums) merge(w *sectionWriter, from []section) error {
	return writeCovers(w, s, mergeSections(s, from, 301))
}

func (s sums) open([]section) (Covers, error) { return nil, nil }

// TestResultsMerge: results of three matchers, more than are open at a time, give for
// each matcher the sums of all, by rising item.
func TestResultsMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	set := &Set{matchers: []Matcher{sums{}, sums{}, sums{}}}
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
			err = writeResult(f, Header{Key: fmt.Sprint(i), Entry: ledger.Entry{Name: "s"}}, 3, func(k int, w *sectionWriter) error {
				return writeCovers(w, sums{}, func(yield func(numbered[uint64], error) bool) {
					for item := range items {
						if n := rng.Uint64N(1000); rng.IntN(3) == k && yield(numbered[uint64]{item, &n}, nil) {
							want[k][item] += n
						}
					}
				})
			})
			if err != nil || f.Close() != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
		all, err := set.Open(paths, dir)
		if err != nil {
			t.Fatal(err)
		}
		for k := range set.matchers {
			got, last := map[int]uint64{}, -1
			for m, err := range mergeSections(sums{}, sectionsOf(all.files, k), items) {
				if err != nil || m.item <= last {
					t.Fatalf("item %d after %d, %v", m.item, last, err)
				}
				got[m.item], last = *m.cover, m.item
			}
			if !reflect.DeepEqual(got, want[k]) {
				t.Errorf("%d shards, matcher %d: %v, want %v", shards, k, got, want[k])
			}
		}
		closeFiles(all.files)
	}
}

// TestDamagedResultIsRefused: no byte of a stored result can change, and none be cut
// off, without an error; nor is a result of other matchers read.
func TestDamagedResultIsRefused(t *testing.T) {
	var b bytes.Buffer
	err := writeResult(&b, Header{Key: "k"}, 2, func(k int, w *sectionWriter) error {
		return writeCovers(w, sums{}, func(yield func(numbered[uint64], error) bool) {
			few, many := uint64(7), uint64(1<<40)
			_ = yield(numbered[uint64]{k, &few}, nil) && yield(numbered[uint64]{300, &many}, nil)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "r")
	open := func(content []byte, sections int) error {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := openResult(path, sections)
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
		if err := open(damaged, 2); !errors.Is(err, ErrResult) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if err := open(b.Bytes()[:i], 2); !errors.Is(err, ErrResult) {
			t.Errorf("cut at byte %d: %v", i, err)
		}
	}
	for _, n := range []int{0, 1, 3} {
		if err := open(b.Bytes(), n); !errors.Is(err, ErrResult) {
			t.Errorf("as a result of %d matchers: %v", n, err)
		}
	}
}
