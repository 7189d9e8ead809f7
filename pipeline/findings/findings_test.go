package findings

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"swab/pipeline/ledger"
	"swab/pipeline/report"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestItems(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "verdicts.jsonl", `{"method":"gpt3","benchmark":"b","split":"s","item":"1","index":0,"digest":"d1","state":"clean","score":0,"longest":9,"parts":[]}
{"method":"other","benchmark":"b","split":"s","item":"1","index":0,"digest":"d1","state":"flagged","score":1,"longest":31,"parts":["question","answer"],"unknown":{"x":1}}
{"method":"swab","benchmark":"b","split":"s","item":"1","index":0,"digest":"d1","state":"clean","score":0.5,"kind":"fragment","seen":"input","template":0.25,"parts":["answer"]}
{"method":"gpt3","benchmark":"b","split":"s","item":"1","index":1,"digest":"d1","subject":"law","state":"not_checkable","score":null,"parts":null}
`)
	var got []string
	for it, err := range Items(context.Background(), dir) {
		if err != nil {
			t.Fatal(err)
		}
		found := "none"
		if v := it.Found(); v != nil {
			found = v.Method
		}
		line := fmt.Sprintf("%d of %s: %d verdicts, first %s, longest %d, found by %s, seen", it.Index, it.Subject, len(it.Verdicts), it.Verdicts[0].Method, it.Lengths(nil).Longest, found)
		for i := range it.Verdicts {
			line += fmt.Sprintf(" %q", it.Verdicts[i].SeenParts())
		}
		got = append(got, line)
	}
	want := []string{`0 of s: 3 verdicts, first swab, longest 31, found by other, seen "input" "" "input and answer"`, `1 of law: 1 verdicts, first gpt3, longest 0, found by none, seen ""`}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}

	write(t, dir, "verdicts.jsonl", `{"method":"gpt3","item":"1"}`+"\n"+`{"method":`)
	var err error
	for _, e := range Items(context.Background(), dir) {
		err = e
	}
	if err == nil || !strings.Contains(err.Error(), "verdicts.jsonl: row 1") {
		t.Errorf("a row that is cut off: %v", err)
	}
}

// TestEvidenceFrom: from where a piece of evidence begins, reading gives it and all
// behind it.
func TestEvidenceFrom(t *testing.T) {
	dir := t.TempDir()
	var b strings.Builder
	for i := range 50 {
		for r := range 1 + i%3 {
			fmt.Fprintf(&b, `{"benchmark":"b","split":"s","item":"é%d","row":%d,"doc_text":%q}`+strings.Repeat("\n", 1+i%2), i, r, strings.Repeat("\n中", i))
		}
	}
	write(t, dir, EvidenceFile, b.String())
	f, err := os.Open(filepath.Join(dir, EvidenceFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for e, err := range AllEvidence(context.Background(), dir) {
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("é%d", n); e.Item != want || len(e.Rows) != 1+n%3 {
			t.Fatalf("%s with %d rows, want %s", e.Item, len(e.Rows), want)
		}
		rest := n
		for again, err := range EvidenceFrom(context.Background(), f, e.At) {
			if err != nil {
				t.Fatal(err)
			}
			if rest == n && again.At != e.At && strings.TrimSpace(b.String()[e.At:again.At]) != "" {
				t.Fatalf("at %d, want %d", again.At, e.At)
			}
			if want := fmt.Sprintf("é%d", rest); again.Item != want {
				t.Fatalf("%s, want %s", again.Item, want)
			}
			rest++
		}
		if rest != 50 {
			t.Fatalf("from %d to %d", n, rest)
		}
		n++
	}
	if n != 50 {
		t.Errorf("%d items", n)
	}
}

func TestEvidenceDigest(t *testing.T) {
	rows := []report.Evidence{{Shard: "a", Row: 1, DocText: "x"}, {Shard: "a", Row: 2, DocText: "y"}, {Shard: "b", Row: 1, DocText: "z", Part: "answer"}}
	want := EvidenceDigest(rows)
	if len(want) != 32 || want == EvidenceDigest(nil) {
		t.Fatal(want)
	}
	for range 20 {
		other := append([]report.Evidence{rows[0]}, rows...)
		rand.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
		if got := EvidenceDigest(other); got != want {
			t.Fatalf("order and repetition change it: %s, %s", got, want)
		}
	}
	for i, change := range []func(*report.Evidence){
		func(e *report.Evidence) { e.Shard = "c" }, func(e *report.Evidence) { e.Row++ }, func(e *report.Evidence) { e.DocText += "!" }, func(e *report.Evidence) { e.Part = "context" },
		func(e *report.Evidence) { e.DocStart++ }, func(e *report.Evidence) { e.DocEnd++ }, func(e *report.Evidence) { e.ItemStart++ }, func(e *report.Evidence) { e.ItemEnd++ }, func(e *report.Evidence) { e.DocID = "1" },
	} {
		other := append([]report.Evidence{}, rows...)
		change(&other[1])
		if EvidenceDigest(other) == want {
			t.Errorf("change %d does not change it", i)
		}
	}
}

// Lengths are in words where any method counts words, whatever stands first; else in
// characters.
func TestLengths(t *testing.T) {
	norms := Norms(&ledger.Audit{Methods: []ledger.Method{{Name: "gpt3"}, {Name: "gpt4", Params: map[string]any{"normaliser": "chars"}},
		{Name: "helm9", Params: map[string]any{"normaliser": "helm"}}, {Name: "starcoder", Params: map[string]any{"normaliser": "raw"}}}})
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
