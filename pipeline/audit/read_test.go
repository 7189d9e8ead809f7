package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"swab/ngram/item"
	"swab/pipeline/ledger"
)

// made writes an audit directory.
func made(t *testing.T, vs []Verdict, es []Evidence) string {
	t.Helper()
	dir := t.TempDir()
	writeAll(t, dir, vs, es)
	must(t, Seal(dir, new(Audit)))
	return dir
}

func opened(t *testing.T, dir string) *Reader {
	t.Helper()
	r, err := Open(dir)
	must(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

// What is written is read: verdicts and evidence, whatever their texts.
func TestReadBack(t *testing.T) {
	r := opened(t, made(t, sampleVerdicts(), sampleEvidence()))
	n := 0
	for v, err := range r.Verdicts(context.Background()) {
		must(t, err)
		if got, want := asWritten(t, *v), asWritten(t, sampleVerdicts()[n]); !reflect.DeepEqual(got, want) {
			t.Errorf("verdict %d: %v, want %v", n, got, want)
		}
		n++
	}
	if n != len(sampleVerdicts()) {
		t.Errorf("%d verdicts", n)
	}
	var rows []Evidence
	for p, err := range r.Evidence(context.Background()) {
		must(t, err)
		rows = append(rows, p.Rows...)
	}
	for i, e := range sampleEvidence() {
		if want := asWritten(t, e); i >= len(rows) || !reflect.DeepEqual(asWritten(t, rows[i]), want) {
			t.Errorf("evidence %d: want %v of %v", i, want, rows)
		}
	}
}

func TestItems(t *testing.T) {
	v := func(method string, index int64, state State, x float64, longest int64, kind, seen string, parts ...string) Verdict {
		v := Verdict{Method: method, Benchmark: "b", Split: "s", Item: "1", Index: index, Digest: "d1", State: state, Longest: longest, Kind: kind, Seen: seen, Parts: parts}
		if state != item.NotCheckable {
			v.Score = &x
		}
		return v
	}
	dir := made(t, []Verdict{v("gpt3", 0, item.Clean, 0, 9, "", ""), v("other", 0, item.Flagged, 1, 31, "", "", "question", "answer"),
		v("swab", 0, item.Clean, .5, 0, "fragment", "input", "answer"), v("gpt3", 1, item.NotCheckable, 0, 0, "", "")}, nil)
	var got []string
	for it, err := range opened(t, dir).Items(context.Background()) {
		must(t, err)
		found := "none"
		if v := it.Found(); v != nil {
			found = v.Method
		}
		line := fmt.Sprintf("%d: %d verdicts, first %s, longest %d, found by %s, seen", it.Index, len(it.Verdicts), it.Verdicts[0].Method, it.Lengths(nil).Longest, found)
		for i := range it.Verdicts {
			line += fmt.Sprintf(" %q", it.Verdicts[i].SeenParts())
		}
		got = append(got, line)
	}
	want := []string{`0: 3 verdicts, first swab, longest 31, found by other, seen "input" "" "input and answer"`, `1: 1 verdicts, first gpt3, longest 0, found by none, seen ""`}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Cuts and flipped bits of a file that is read are refused, and the file named.
func TestReadDamaged(t *testing.T) {
	for _, name := range []string{VerdictsFile, EvidenceFile} {
		dir := made(t, sampleVerdicts(), sampleEvidence())
		path := filepath.Join(dir, name)
		good := readFile(t, path)
		refused := func(what string, bad []byte) {
			t.Helper()
			must(t, os.WriteFile(path, bad, 0o644))
			r, err := Open(dir)
			must(t, err)
			defer r.Close()
			_, err = r.file(name)
			if !errors.Is(err, ledger.ErrCorrupt) || !strings.Contains(err.Error(), path) {
				t.Fatalf("%s: %v", what, err)
			}
		}
		for n := 0; n < len(good); n += 13 {
			refused(fmt.Sprintf("%d bytes", n), good[:n])
		}
		for i := 0; i < len(good); i += 3 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << (i % 8)
			refused(fmt.Sprintf("byte %d", i), bad)
		}
		must(t, os.Remove(path))
		r := opened(t, dir)
		if _, err := r.file(name); !errors.Is(err, ledger.ErrCorrupt) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s is missing: %v", name, err)
		}
	}
}

// Without a digest to hold it, a damaged file is an error and never a panic.
func TestTableDamaged(t *testing.T) {
	dir := t.TempDir()
	writeAll(t, dir, sampleVerdicts(), sampleEvidence())
	path := filepath.Join(dir, VerdictsFile)
	good := readFile(t, path)
	step := 1
	if testing.Short() {
		step = 11
	}
	for i := 0; i < len(good); i += step {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		must(t, os.WriteFile(path, bad, 0o644))
		f, err := os.Open(path)
		must(t, err)
		var v Verdict
		if err := readTable(context.Background(), f, columnsOf(&v, true), func(int) error { return nil }); err != nil && !errors.Is(err, ledger.ErrCorrupt) {
			t.Fatalf("byte %d: %v", i, err)
		}
		must(t, f.Close())
	}
}

// A run that replaces the audit while it is read does no harm.
func TestReadWhileReplaced(t *testing.T) {
	dir := made(t, sampleVerdicts(), sampleEvidence())
	r := opened(t, dir)
	must(t, os.RemoveAll(dir))
	for _, err := range r.Items(context.Background()) {
		must(t, err)
	}
}

func TestEvidenceDigest(t *testing.T) {
	rows := []Evidence{{Shard: "a", Row: 1, DocText: "x"}, {Shard: "a", Row: 2, DocText: "y"}, {Shard: "b", Row: 1, DocText: "z", Part: "answer"}}
	want := EvidenceDigest(rows)
	if len(want) != 32 || want == EvidenceDigest(nil) {
		t.Fatal(want)
	}
	for range 20 {
		other := append([]Evidence{rows[0]}, rows...)
		rand.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
		if got := EvidenceDigest(other); got != want {
			t.Fatalf("order and repetition change it: %s, %s", got, want)
		}
	}
	for i, change := range []func(*Evidence){
		func(e *Evidence) { e.Shard = "c" }, func(e *Evidence) { e.Row++ }, func(e *Evidence) { e.DocText += "!" }, func(e *Evidence) { e.Part = "context" },
		func(e *Evidence) { e.DocStart++ }, func(e *Evidence) { e.DocEnd++ }, func(e *Evidence) { e.ItemStart++ }, func(e *Evidence) { e.ItemEnd++ }, func(e *Evidence) { e.DocID = "1" },
	} {
		other := append([]Evidence{}, rows...)
		change(&other[1])
		if EvidenceDigest(other) == want {
			t.Errorf("change %d does not change it", i)
		}
	}
}

// Lengths are in words where any method counts words, whatever stands first; else in
// characters.
func TestLengths(t *testing.T) {
	norms := (&Audit{Methods: []Method{{Name: "gpt3"}, {Name: "gpt4", Params: map[string]any{"normaliser": "chars"}},
		{Name: "helm9", Params: map[string]any{"normaliser": "helm"}}, {Name: "starcoder", Params: map[string]any{"normaliser": "raw"}}}}).Norms()
	of := map[string]Verdict{
		"gpt3": {Words: 40, Matched: 20, Longest: 13}, "helm9": {Words: 41, Matched: 12, Longest: 12},
		"gpt4": {Words: 190, Matched: 100, Longest: 70}, "starcoder": {Words: 240, Matched: 240, Longest: 240},
	}
	for _, tt := range []struct {
		methods []string
		want    Lengths
	}{
		{[]string{"gpt3", "gpt4", "helm9"}, Lengths{41, 20, 13, "word"}},
		{[]string{"gpt4", "starcoder", "gpt3"}, Lengths{40, 20, 13, "word"}},
		{[]string{"gpt4", "starcoder"}, Lengths{240, 240, 240, "character"}},
	} {
		var it Item
		for _, m := range tt.methods {
			v := of[m]
			v.Method = m
			it.Verdicts = append(it.Verdicts, v)
		}
		if got := it.Lengths(norms); got != tt.want {
			t.Errorf("%v: %+v, want %+v", tt.methods, got, tt.want)
		}
	}
}

// FuzzReadTable reads files that begin as verdicts or evidence: each is read or refused as
// damaged, without a panic and without a row too many.
func FuzzReadTable(f *testing.F) {
	dir := f.TempDir()
	writeAll(f, dir, sampleVerdicts(), sampleEvidence())
	for _, name := range []string{VerdictsFile, EvidenceFile} {
		good := readFile(f, dir, name)
		f.Add(good, uint32(0), byte(0))
		f.Add(good, uint32(len(good)/2), byte(1))
		f.Add(good[:len(good)/2], uint32(0), byte(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint32, flip byte) {
		if len(b) == 0 || len(b) > 1<<16 {
			return
		}
		b[int(at)%len(b)] ^= flip
		path := filepath.Join(t.TempDir(), "table")
		must(t, os.WriteFile(path, b, 0o644))
		var v Verdict
		var e Evidence
		for _, columns := range [][]column{columnsOf(&v, true), columnsOf(&e, false)} {
			in, err := os.Open(path)
			must(t, err)
			last := -1
			err = readTable(context.Background(), in, columns, func(row int) error {
				if row != last+1 {
					t.Fatalf("row %d comes after row %d", row, last)
				}
				if last = row; row == 1000 {
					return errStop
				}
				return nil
			})
			if err != nil && !errors.Is(err, ledger.ErrCorrupt) && !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			must(t, in.Close())
		}
	})
}

// Items of equal ids have their own evidence, whether they follow one another or not. An
// audit of an earlier minor version, which has no index, gives it to the first.
func TestEvidenceOfEqualIDs(t *testing.T) {
	row := func(index, n int64) Evidence {
		return Evidence{Benchmark: "b", Split: "s", Item: []string{"x", "y"}[index%3%2], Index: index, Shard: "web", Row: n}
	}
	rows := []Evidence{row(0, 1), row(0, 2), row(1, 3), row(2, 4), row(3, 5)} // x x y x x
	var verdicts []Verdict
	zero := 0.0
	for i := range 4 {
		verdicts = append(verdicts, Verdict{Method: "m", Benchmark: "b", Split: "s", Item: row(int64(i), 0).Item, Index: int64(i),
			Digest: strings.Repeat("0", 31) + strconv.Itoa(i), State: item.Flagged, Score: &zero})
	}
	groups := func(dir string) (got string) {
		for p, err := range opened(t, dir).Evidence(context.Background()) {
			must(t, err)
			got += fmt.Sprintf("%s%d:", p.Item, p.Index)
			for _, r := range p.Rows {
				if r.Index != p.Index {
					t.Errorf("a row of item %d is of item %d", p.Index, r.Index)
				}
				got += fmt.Sprint(r.Row)
			}
			got += " "
		}
		return got
	}
	if got := groups(made(t, verdicts, rows)); got != "x0:12 y1:3 x2:4 x3:5 " {
		t.Errorf("evidence is of %s", got)
	}

	old := made(t, verdicts, nil)
	path := filepath.Join(old, EvidenceFile)
	f, err := os.Create(path)
	must(t, err)
	var e Evidence
	earlier := slices.DeleteFunc(columnsOf(&e, false), func(c column) bool { return c.name == "index" })
	table, err := newTable(f, earlier)
	must(t, err)
	for _, e = range rows {
		must(t, table.add())
	}
	must(t, errors.Join(table.close(), f.Close()))
	a, err := read(readFile(t, old, File))
	must(t, err)
	must(t, Seal(old, a))
	if got := groups(old); got != "x0:12 y1:3 x0:45 " {
		t.Errorf("evidence without an index is of %s", got)
	}
}
