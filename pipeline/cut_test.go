package pipeline

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"swab/ngram/overlap"
)

// cutSpans writes the corpus of o's audit with what a method flags cut out.
func cutSpans(t *testing.T, o Options, method string, by Cut) (string, *CleaningSummary) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "cut")
	sum, err := Decontaminate(t.Context(), DecontaminateOptions{
		Audit: o.Out, Out: out, Method: method, MaxRemoved: -1, AllowIncomplete: true, Spans: &by,
	})
	if err != nil {
		t.Fatal(method, err)
	}
	return out, sum
}

// TestCutCorpusFlagsNothing: for all methods that decide (in short tests for one of each kind), a scan of what is left after cutting flags nothing;
// every document is there, cut, or gone, and what was cut is in the list; the original records
// of those that were changed are in removed/.
func TestCutCorpusFlagsNothing(t *testing.T) {
	rounds, list := 2, slices.DeleteFunc(methods(t), func(m *overlap.Method) bool { return m.Review })
	if testing.Short() {
		rounds, list = 1, methods(t, "swab", "gpt3", "llama2")
	}
	cut := int64(0)
	for seed := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(seed, 20))
		dir := t.TempDir()
		items, docs := randomQuiz(rng)
		writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
		writeJSONL(t, filepath.Join(dir, "corpus/a.jsonl"), docs)
		o := options(t, dir)
		o.Methods, o.NoReport = list, true
		mustScan(t, o)
		by := Cut{Margin: rng.IntN(10), Shortest: 1 + rng.IntN(20)}
		for _, m := range o.Methods {
			out, sum := cutSpans(t, o, m.Name, by)
			cut += sum.Cut
			kept := readJSONL[row](t, filepath.Join(out, CleanedDir, "a.jsonl"))
			gone := readJSONL[row](t, filepath.Join(out, DroppedDir, "a.jsonl"))
			if len(kept) != len(docs)-int(sum.Removed) || len(gone) != int(sum.Removed+sum.Cut) {
				t.Fatalf("%s: %d documents kept and %d changed, counted %+v", m.Name, len(kept), len(gone), sum.Cleaned)
			}
			texts := map[string]string{}
			for _, d := range docs {
				texts[d.ID] = d.Text
			}
			for _, d := range gone {
				if d.Text != texts[d.ID] {
					t.Errorf("%s: %s in removed/ is not the original", m.Name, d.ID)
				}
			}
			for _, d := range kept {
				for _, piece := range strings.Split(d.Text, pieceEnd) {
					if !strings.Contains(texts[d.ID], piece) {
						t.Errorf("%s: %s has a piece that its original lacks: %q", m.Name, d.ID, piece)
					}
				}
			}
			if len(kept) == 0 {
				continue
			}
			if n := flaggedBy(t, o, filepath.Join(out, CleanedDir), m.Name); n > 0 {
				t.Errorf("seed %d: %s: a scan of the corpus flags %d items", seed, m.Name, n)
			}
		}
	}
	if cut < 10 {
		t.Errorf("only %d documents were cut: the test sees little", cut)
	}
}

// TestCutFormats: in each layout of JSON only the bytes of the text change, and a file that is one
// document is written without what matches; other formats are refused by name.
func TestCutFormats(t *testing.T) {
	dir := t.TempDir()
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	before, after := "\"One\" thing, ünlike\nall. ", " And\u2028another \\ thing."
	whole := before + glacier + after
	x := quoted(whole)
	inputs := map[string]string{
		"a.jsonl":   fmt.Sprintf("{\"id\":1e2, \"text\" : %s ,\"n\":[1, {\"text\":2}]}\r\n{\"text\":\"short\"}\n", x),
		"list.json": fmt.Sprintf("[\n  {\"text\": %s, \"z\": null},\n  {\"text\": \"other\"}\n]\n", x),
		"data.json": fmt.Sprintf(`{"version":1,"data":[{"a":"b","text":%s}],"end":true}`, x),
		"note.txt":  whole,
	}
	for name, text := range inputs {
		must(t, os.MkdirAll(filepath.Join(dir, "corpus"), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, "corpus", name), []byte(text), 0o644))
	}
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), []plainItem{{ID: "1", Question: glacier}})
	o := options(t, dir)
	o.Methods, o.NoReport = methods(t, "gpt3"), true
	mustScan(t, o)
	out, sum := cutSpans(t, o, "gpt3", Cut{Margin: 1, Shortest: 3})
	if sum.Cut != 4 || sum.Removed != 0 {
		t.Errorf("%+v", sum.Cleaned)
	}
	for name, text := range inputs {
		got, err := os.ReadFile(filepath.Join(out, CleanedDir, name))
		must(t, err)
		if name == "note.txt" {
			if string(got) != strings.TrimSuffix(before, " ")+pieceEnd+after {
				t.Errorf("%q", got)
			}
		} else if cut := strings.Split(text, x); !strings.HasPrefix(string(got), cut[0]) || !strings.HasSuffix(string(got), cut[1]) {
			t.Errorf("%s: bytes beside the text changed:\n%s\n%s", name, text, got)
		}
		if strings.Contains(string(got), "glacier") || !strings.Contains(string(got), "ünlike") || !strings.Contains(string(got), "nother") {
			t.Errorf("%s: %q", name, got)
		}
		if original, _ := os.ReadFile(filepath.Join(out, DroppedDir, name)); !strings.Contains(string(original), "glacier") {
			t.Errorf("%s is not in removed/: %q", name, original)
		}
	}
	_, sum = cutSpans(t, o, "gpt3", Cut{Margin: 200, Shortest: 200})
	if sum.Cut != 0 || sum.Removed != 4 {
		t.Errorf("by the rule of GPT-3: %+v", sum.Cleaned)
	}

	rec := textRecord(threeTexts[:])
	defer rec.Release()
	must(t, os.WriteFile(filepath.Join(dir, "corpus/a.parquet"), parquetOf(t, rec), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "corpus/b.csv"), []byte("n,text\n1,They asked: "+glacier+"\n"), 0o644))
	mustScan(t, o)
	_, err := Decontaminate(t.Context(), DecontaminateOptions{
		Audit: o.Out, Out: filepath.Join(dir, "x"), MaxRemoved: -1, Spans: &Cut{Margin: 0, Shortest: 1},
	})
	if err == nil || !strings.Contains(err.Error(), "a.parquet") || !strings.Contains(err.Error(), "b.csv") {
		t.Errorf("Parquet and a table: %v", err)
	}
}

// TestPieces compares what is cut with characters that are marked one by one.
func TestPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 21))
	for range 2000 {
		text := []rune{}
		for range rng.IntN(40) {
			text = append(text, []rune("aé世😀")[rng.IntN(4)])
		}
		by := Cut{Margin: rng.IntN(4), Shortest: 1 + rng.IntN(4)}
		at := func(i int) int64 { return int64(len(string(text[:i]))) }
		gone := make([]bool, len(text))
		var spans [][2]int64
		for range rng.IntN(4) {
			from := rng.IntN(len(text) + 1)
			to := from + rng.IntN(len(text)+1-from)
			spans = append(spans, [2]int64{at(from), at(to)})
			for i := max(0, from-by.Margin); i < min(len(text), to+by.Margin); i++ {
				gone[i] = true
			}
		}
		var want []string
		for i := 0; i < len(text); {
			j := i
			for j < len(text) && !gone[j] {
				j++
			}
			if j-i >= by.Shortest {
				want = append(want, string(text[i:j]))
			}
			i = max(j, i+1)
		}
		b := []byte(string(text))
		pieces := by.cutPieces(b, [][2]int64{{0, int64(len(b))}}, spans)
		var got []string
		for _, p := range pieces {
			got = append(got, string(b[p[0]:p[1]]))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q without %v by %+v: %q, want %q", b, spans, by, got, want)
		}
		joined := joinPieces(b, pieces)
		for _, s := range spansBefore(pieces, [2]int64{0, int64(len(joined))}) {
			if !slices.Contains(pieces, s) {
				t.Fatalf("%v of %v", s, pieces)
			}
		}
	}
}
