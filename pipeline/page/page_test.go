package page_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"
	"swab/pipeline/page"

	"golang.org/x/net/html"
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// opened opens an audit for the length of a test.
func opened(tb testing.TB, dir string) *audit.Reader {
	tb.Helper()
	r, err := audit.Open(dir)
	must(tb, err)
	tb.Cleanup(func() { r.Close() })
	return r
}

// made is an item of an audit made for a test: its text and, where matched is not
// empty, a document that has these words of it.
type made struct {
	id, text, matched string
	states            []audit.State // by method
	before, after     string        // what stands around the match in the document
	doc, shard        string
}

// makeAudit makes an audit directory, with the benchmark's file beside it. change may alter
// what audit.json says.
func makeAudit(tb testing.TB, methods []string, items []made, change func(*audit.Audit)) string {
	tb.Helper()
	root := tb.TempDir()
	dir := filepath.Join(root, "audit")
	must(tb, os.Mkdir(dir, 0o755))
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	for _, it := range items {
		must(tb, enc.Encode(map[string]string{"id": it.id, "question": it.text}))
	}
	path := filepath.Join(root, "quiz.jsonl")
	must(tb, os.WriteFile(path, lines.Bytes(), 0o644))
	presets, err := benchmark.Builtin()
	must(tb, err)
	b, err := benchmark.Open(benchmark.Spec{Name: "quiz", Path: path, Fields: "question=question,id=id"}, presets)
	must(tb, err)
	w, err := audit.Create(dir, false)
	must(tb, err)
	a := &audit.Audit{Swab: "test", TextField: "text", IDField: "id", TextUnit: "file", Complete: true}
	docs, rows := map[string]int64{}, map[string]int64{}
	n := 0
	for it, err := range b.Items(context.Background()) {
		must(tb, err)
		m := items[n]
		words := int64(len(strings.Fields(m.text)))
		for k, method := range methods {
			v := audit.Verdict{Method: method, Benchmark: "quiz", Split: it.Split, Item: it.ID, Index: int64(it.Index), Digest: it.Digest, State: m.states[k], Words: words}
			if v.State != item.NotCheckable {
				score := float64(len(m.matched)) / float64(len(m.text))
				v.Score = &score
			}
			if m.matched != "" && v.State != item.NotCheckable {
				v.Longest, v.Matched = int64(len(strings.Fields(m.matched))), int64(len(strings.Fields(m.matched)))
				v.Documents, v.Parts = 1, []string{"question"}
			}
			must(tb, w.Verdict(&v))
		}
		if m.matched != "" {
			from := int64(strings.Index(m.text, m.matched))
			if _, ok := rows[m.doc]; !ok {
				rows[m.doc] = docs[m.shard]
				docs[m.shard]++
			}
			e := audit.Evidence{
				Benchmark: "quiz", Split: it.Split, Item: it.ID, Index: int64(it.Index), Part: "question", Shard: m.shard, Row: rows[m.doc], DocID: m.doc,
				DocStart: 1000 + int64(len(m.before)), DocEnd: 1000 + int64(len(m.before)+len(m.matched)), ItemStart: from, ItemEnd: from + int64(len(m.matched)),
				Words: int64(len(strings.Fields(m.matched))), DocText: m.before + m.matched + m.after, DocTextStart: 1000,
			}
			must(tb, w.Evidence(&e))
		}
		n++
	}
	must(tb, w.Close())
	for _, m := range methods {
		a.Methods = append(a.Methods, audit.Method{Name: m, Version: 1, Params: map[string]any{"n": map[string]int{"quiz": 8}}})
	}
	a.Benchmarks = []audit.Benchmark{{Name: "quiz", Items: int64(n), Files: []audit.BenchmarkFile{{Path: path, Split: b.Files[0].Split, Digest: b.Files[0].Digest, Items: int64(n), Reading: b.Files[0].Reading}}}}
	for shard, rows := range docs {
		a.Shards = append(a.Shards, ledger.Entry{Name: shard, Size: 1000, Digest: strings.Repeat("ab", 16), Format: "jsonl", Rows: rows, Documents: rows, TextBytes: 4000 * rows})
	}
	slices.SortFunc(a.Shards, func(x, y ledger.Entry) int { return strings.Compare(x.Name, y.Name) })
	if change != nil {
		change(a)
	}
	a.Totals = ledger.Sum(a.Shards)
	must(tb, audit.Seal(dir, a))
	return dir
}

// quiz is a small audit: 60 items, every fifth flagged by one of two methods, every
// seventh too short.
func quiz() (items []made) {
	for i := range 60 {
		it := made{id: fmt.Sprintf("q-%02d", i), text: fmt.Sprintf("How many of the %d lanterns along the old harbour wall burn on a night without wind?", i),
			states: []audit.State{item.Clean, item.Clean}}
		switch {
		case i%5 == 0:
			it.states = []audit.State{item.Flagged, item.Clean}
			if i%10 == 0 {
				it.states[1] = item.Flagged
			}
			it.matched = it.text[9 : len(it.text)-1-i/10*5]
			it.before, it.after = "The baker asked: ", "? Nobody at the table knew."
			it.doc, it.shard = fmt.Sprintf("forum/%d", i), fmt.Sprintf("web-%03d.jsonl.zst", i%3)
		case i%7 == 0:
			it.states = []audit.State{item.NotCheckable, item.NotCheckable}
		}
		items = append(items, it)
	}
	return items
}

func render(tb testing.TB, dir string, o page.Options) string {
	tb.Helper()
	var out bytes.Buffer
	must(tb, page.Write(context.Background(), dir, &out, o))
	return out.String()
}

// words are the texts of the page as a reader sees them without scripts.
func words(tb testing.TB, out string) string {
	tb.Helper()
	root, err := html.Parse(strings.NewReader(out))
	must(tb, err)
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
			b.WriteByte(' ')
		}
		if n.Data == "script" || n.Data == "style" {
			return
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	return strings.Join(strings.Fields(b.String()), " ")
}

func TestPage(t *testing.T) {
	dir := makeAudit(t, []string{"gpt3", "longest8"}, quiz(), nil)
	out := render(t, dir, page.Options{Definitions: []page.Definition{{"gpt3", 1, "Any n-gram stands in any document.", "a paper"}}})
	text := words(t, out)
	for _, want := range []string{
		"12 of 60 benchmark items were found in the corpus",
		"12 items were found by any of 2 methods",
		"quiz fail 20.0% 12 of 60 items 11.8 to 31.8 %; false flags not estimated; 7 too short to check (10.0% by 1 other method)",
		"All of it was read.",
		"Any n-gram stands in any document.",
		"This program does not have this method.",
		"--bench quiz=", "--fields question=question,id=id", "--method longest8",
		"quiz: items too short to be checked: 7 by gpt3, 7 by longest8.",
	} {
		if !strings.Contains(text, strings.ReplaceAll(want, " ,", ",")) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
	if again := render(t, dir, page.Options{Definitions: []page.Definition{{"gpt3", 1, "Any n-gram stands in any document.", "a paper"}}}); again != out {
		t.Error("the same audit gives other bytes")
	}
}

func TestIncomplete(t *testing.T) {
	dir := makeAudit(t, []string{"gpt3", "longest8"}, quiz(), func(a *audit.Audit) {
		a.Complete = false
		a.Shards = append(a.Shards, ledger.Entry{Name: "zz.jsonl", Error: "zz.jsonl: byte 17: unexpected end"})
		a.Shards[0].Skipped = map[string]int64{"not JSON": 3}
		a.Shards[0].FirstBad = []ledger.BadRow{{Row: 5, Kind: "not JSON", Detail: "at byte 9"}}
	})
	text := words(t, render(t, dir, page.Options{}))
	for _, want := range []string{"Incomplete: some input could not be read.", "1 of which could not be used", "Shard not used: zz.jsonl: byte 17: unexpected end",
		"3 rows of the corpus skipped: not JSON.", "at byte 9"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestTextsGone: where the benchmark is gone or changed, the page says so.
func TestTextsGone(t *testing.T) {
	dir := makeAudit(t, []string{"gpt3", "longest8"}, quiz(), nil)
	file := filepath.Join(filepath.Dir(dir), "quiz.jsonl")
	if text := words(t, render(t, dir, page.Options{})); strings.Contains(text, "only the matched words") {
		t.Error("says that texts are gone while they are there")
	}
	b, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, bytes.Replace(b, []byte("of the 5 lanterns"), []byte("of the 6 lanterns"), 1), 0o644))
	if text := words(t, render(t, dir, page.Options{})); !strings.Contains(text, "No text is shown of 1 item") {
		t.Error("does not say that one item has changed")
	}
	must(t, os.Remove(file))
	if text := words(t, render(t, dir, page.Options{})); !strings.Contains(text, "could not be read again, so only the matched words of its items are shown") {
		t.Error("does not say that the file is gone")
	}
}

// TestMarks: what a reader marked is on the page, and old marks are counted.
func TestMarks(t *testing.T) {
	dir := makeAudit(t, []string{"gpt3", "longest8"}, quiz(), nil)
	marks := audit.Marks{}
	n := 0
	digests := map[string]string{}
	for it, err := range opened(t, dir).Items(context.Background()) {
		must(t, err)
		digests[it.ID] = it.Digest
	}
	for e, err := range opened(t, dir).Evidence(context.Background()) {
		must(t, err)
		k := audit.MarkKey{Item: digests[e.Item], Evidence: audit.EvidenceDigest(e.Rows)}
		switch n++; n {
		case 1, 2:
			marks[k] = audit.MarkEntry{MarkKey: k, Mark: audit.Confirmed}
		case 3:
			marks[k] = audit.MarkEntry{MarkKey: k, Mark: audit.Rejected, Note: "a proverb"}
		case 4:
			k.Evidence = strings.Repeat("0", 32)
			marks[k] = audit.MarkEntry{MarkKey: k, Mark: audit.Confirmed}
		}
	}
	must(t, audit.SaveMarks(dir, marks))
	if text := words(t, render(t, dir, page.Options{})); !strings.Contains(text, "3 items marked by reviewers: 2 confirmed, 1 rejected; 1 mark ignored, whose evidence is no longer in the audit.") {
		t.Error(text)
	}
}

// TestScores: what swab score wrote is on the page.
func TestScores(t *testing.T) {
	dir := makeAudit(t, []string{"gpt3", "longest8"}, quiz(), nil)
	must(t, os.WriteFile(filepath.Join(dir, "scores.json"), []byte(`{"version":1,"verdicts":"`+opened(t, dir).About.VerdictsDigest()+`","later":1,"rows":[
		{"model":"m-7b","benchmark":"quiz","subject":"","method":"gpt3","metric":"acc","n_all":60,"all":0.5,"n_clean":48,"clean":0.4375,"n_flagged":12,"flagged":0.75,
		 "gain":0.0625,"gain_low":-0.01,"gain_high":0.13,"p":0.04,"p_holm":0.08,"lower":0.4375,"warnings":["12 items are few"]},
		{"model":"exam","benchmark":"quiz","method":"gpt3","all":3.5,"clean":3.25,"lower":3.25,"gain":0.25}],
		"curves":[{"model":"m-7b","benchmark":"quiz","method":"gpt3","points":[{"threshold":0.1,"share_flagged":0.2,"gain":0.01,"n_flagged":12},
		 {"threshold":0.5,"share_flagged":0.1,"gain":0.02,"n_flagged":6},{"threshold":0.9,"share_flagged":0,"gain":null,"n_flagged":0}],"best":{"threshold":0.5,"n_flagged":6,"share_flagged":0.1,"gain":0.02,"z":2.5,"p":0.01,"p_max":0.03}}]}`), 0o644))
	out := render(t, dir, page.Options{})
	text := words(t, out)
	for _, want := range []string{"m-7b", "50.0% 43.8% 43.8% 75.0% +6.2 −1.0 to +13.0 0.080 60 48", "12 items are few", "3.5 3.25 3.25 - +0.25",
		"Largest gain at 0.5: p 0.010, and 0.030 corrected for the choice of the threshold."} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if n := strings.Count(out, `class="curve"`); n != 1 {
		t.Errorf("%d curves", n)
	}
	if err := page.Write(context.Background(), dir, &bytes.Buffer{}, page.Options{Scores: "absent.json"}); err == nil {
		t.Error("scores that were asked for are absent, and it is no error")
	}
}

// TestPolicy: nothing that the page's policy forbids is in it, and the digests are right.
func TestPolicy(t *testing.T) {
	out := render(t, makeAudit(t, []string{"gpt3", "longest8"}, quiz(), nil), page.Options{})
	if !strings.Contains(out, html.EscapeString(page.Source(page.Script))) && !strings.Contains(out, page.Source(page.Script)) && !strings.Contains(out, strings.ReplaceAll(html.EscapeString(page.Source(page.Script)), "+", "&#43;")) {
		t.Error("the policy does not name the script")
	}
	for _, re := range []string{`\son[a-z]+=`, `\sstyle=`, `javascript:`, `(?i)<(img|iframe|object|embed|link|base|form [^>]*action)`, `https?://`} {
		shown := out[:strings.Index(out, `<script type="application/gzip"`)]
		if m := regexp.MustCompile(re).FindString(shown); m != "" {
			t.Errorf("the page has %q", m)
		}
	}
	scripts := strings.Count(out, "<script>")
	if scripts != 1 {
		t.Errorf("%d scripts", scripts)
	}
}

// TestUnits: characters are not called words, in an audit of both and in one of
// characters alone; columns are there when a verdict has them.
func TestUnits(t *testing.T) {
	units := func(a *audit.Audit) {
		for i := range a.Methods {
			if a.Methods[i].Name == "gpt4" {
				a.Methods[i].Params["normaliser"] = "chars"
			}
		}
	}
	both := words(t, render(t, makeAudit(t, []string{"gpt3", "gpt4"}, quiz(), units), page.Options{}))
	if !strings.Contains(both, "Match, words from") || strings.Contains(both, "haracter") {
		t.Error("an audit with a method of words counts in characters")
	}
	alone := words(t, render(t, makeAudit(t, []string{"gpt4"}, quiz(), units), page.Options{}))
	for _, want := range []string{"Match, characters from", "Item State Characters Docs", "characters of an item's longest match"} {
		if !strings.Contains(alone, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
