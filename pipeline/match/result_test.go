package match

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"
)

// sums is a matcher whose covers are numbers, which merge by addition.
type sums struct {
	Matcher
	rules[uint64]
}

func (sums) appendCover(e *encoder, _ int, c *uint64) { e.uvarint(int64(*c)) }

func (sums) readCover(r *decoder, _ int) *uint64 {
	n := r.uvarint()
	return &n
}

func (sums) mergeCovers(_ int, a, b *uint64) *uint64 {
	sum := *a + *b
	return &sum
}

func (s sums) merge(e *encoder, from subject) error { return writeCovers(e, s, mergeSections(s, from)) }

// opened is what sums opens: the merged covers.
type opened struct {
	Covers
	found map[int]uint64
}

func (opened) Close() error { return nil }

func (s sums) open(from []subject) (Covers, error) {
	got, last := map[int]uint64{}, -1
	for m, err := range mergeSections(s, from...) {
		if err != nil || m.item <= last {
			return nil, fmt.Errorf("item %d after %d, %w", m.item, last, err)
		}
		got[m.item], last = *m.cover, m.item
	}
	return opened{found: got}, nil
}

// TestResultsMerge: results of three matchers and two benchmarks, more than are open at a time
// and in few or many files, have for each matcher the sums of all, by rising item.
func TestResultsMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	set := &Set{
		matchers: []Matcher{sums{}, sums{}, sums{}}, Benches: make([]*benchmark.Benchmark, 2), first: []int{0, 20}, count: 50,
	}
	for _, shards := range []int{0, 1, mergeWidth, mergeWidth + 1, 2*mergeWidth + 7} {
		for _, files := range []int{1, mergeFiles, shards} {
			dir := t.TempDir()
			want := [3]map[int]uint64{{}, {}, {}}
			from := make([][]Section, set.Subjects())
			written := map[string][]byte{}
			for i := range shards {
				path := filepath.Join(dir, fmt.Sprint("r", i%max(files, 1)))
				e := &encoder{set: set}
				for k := range set.matchers {
					e.begin(k)
					err := writeCovers(e, sums{}, func(yield func(numbered[uint64], error) bool) {
						for item := range set.count {
							if n := rng.Uint64N(1000); rng.IntN(3) == k && yield(numbered[uint64]{item, &n}, nil) {
								want[k][item] += n
							}
						}
					})
					if err != nil {
						t.Fatal(err)
					}
				}
				for _, p := range e.parts {
					s := Section{Path: path, At: int64(len(written[path])), Size: int64(p.to - p.from), Names: []string{"s"}}
					from[p.of] = append(from[p.of], s)
					written[path] = append(written[path], e.buf[p.from:p.to]...)
				}
			}
			for path, b := range written {
				if err := os.WriteFile(path, b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			set.wanted = make([]bool, set.Subjects()) // nothing is read in this run
			all, err := set.Open(from, []string{"s"}, dir)
			set.wanted = nil
			if err != nil {
				t.Fatal(err)
			}
			for k, c := range all.covers {
				if got := c.(opened).found; !reflect.DeepEqual(got, want[k]) {
					t.Errorf("%d shards in %d files, matcher %d: %v, want %v", shards, files, k, got, want[k])
				}
			}
			if err := all.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestLaneWritesResults: what a lane found of the subjects that are wanted reads back as it
// was, by the numbers of each benchmark.
func TestLaneWritesResults(t *testing.T) {
	set := &Set{
		matchers: []Matcher{sums{}}, Benches: make([]*benchmark.Benchmark, 3), first: []int{0, 2, 5}, count: 9,
		wanted: []bool{true, false, true},
	}
	e := &encoder{set: set}
	e.begin(0)
	err := writeCovers(e, sums{}, func(yield func(numbered[uint64], error) bool) {
		for i := 1; i < set.count; i++ {
			if n := uint64(100 + i); !yield(numbered[uint64]{i, &n}, nil) {
				return
			}
		}
	})
	if err != nil || len(e.parts) != 2 {
		t.Fatalf("%v, %v", e.parts, err)
	}
	var b bytes.Buffer
	w, err := ledger.NewResultWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w.Group("reading", []string{"a", "b", "c"})
	for _, p := range e.parts {
		if err := w.SectionBytes(p.of, e.buf[p.from:p.to]); err != nil {
			t.Fatal(err)
		}
	}
	w.End([]ledger.Entry{{Name: "s"}}, nil)
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "r")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	groups, err := ledger.ReadResults(path)
	if err != nil {
		t.Fatal(err)
	}
	from := make([][]Section, 3)
	for _, s := range groups[0].Results[0].Sections {
		from[s.Of] = []Section{{Path: path, At: s.At, Size: s.Size, Names: []string{"s"}}}
	}
	all, err := set.Open(from, []string{"s"}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	want := map[int]uint64{1: 101, 5: 105, 6: 106, 7: 107, 8: 108}
	if got := all.covers[0].(opened).found; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
