package pipeline

import (
	"fmt"
	"html"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"swab/ngram/align"
	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/ngram/plain"
	"swab/pipeline/audit"
)

// houseCase writes a benchmark of items and a corpus that holds some of them in part,
// changed, and with markup. It gives the items and the documents by shard.
func houseCase(t *testing.T, rng *rand.Rand, dir string, count, shards, rows int) (items []plainItem, docs map[string][]row) {
	t.Helper()
	var vocabulary []string
	for range 400 {
		var w strings.Builder
		for range 2 + rng.IntN(3) {
			w.WriteString([]string{"ba", "lo", "ti", "ren", "ma", "gu", "so", "vi", "cre", "du", "pé", "ñu"}[rng.IntN(12)])
		}
		vocabulary = append(vocabulary, w.String())
	}
	vocabulary = append(vocabulary, strings.Fields("the of and to is in that for with 7 42 365 1999 a&b x<y p&q r&s")...)
	sentence := func(most int) string {
		var w []string
		for range 1 + rng.IntN(most) {
			w = append(w, vocabulary[rng.IntN(len(vocabulary))])
		}
		return strings.Join(w, " ")
	}
	for i := range count {
		it := plainItem{ID: fmt.Sprint("i", i), Question: sentence(40) + "?"}
		switch rng.IntN(5) {
		case 0:
			it.Context = sentence(60)
		case 1:
			it.Choices = strings.Join([]string{sentence(6), sentence(6), sentence(6)}, "\n")
		case 2: // a passage before what is asked
			it.Question = sentence(20) + strings.Repeat(" "+sentence(20), 6) + "\n" + it.Question
			it.Choices = strings.Join([]string{sentence(6), sentence(6)}, "\n")
		case 3: // an item with markup
			it.Question = "<p>" + html.EscapeString(it.Question) + `</p>\n` + strings.ReplaceAll(sentence(9), "pé", "p&eacute;")
		}
		if rng.IntN(2) == 0 {
			it.Answer = sentence(30)
		}
		items = append(items, it)
	}
	disturb := []func(string) string{
		func(s string) string { return s },
		html.EscapeString,
		func(s string) string { return "<p class=\"q\">" + html.EscapeString(s) + "</p>" },
		func(s string) string { return strings.ReplaceAll(s, " ", " <b>") },
		func(s string) string { return strings.ReplaceAll(html.EscapeString(s), "é", "&eacute;") },
		func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "é", `\u00e9`), "\n", `\n`) },
		func(s string) string { return strings.ReplaceAll(s, "ma", "m-\n  a") },
		func(s string) string {
			return "[" + strings.NewReplacer(" of ", "](https://x.org/y) of ", " the ", "](/z) the ", " in ", "](#in) in ").Replace(s)
		},
		strings.ToUpper,
		func(s string) string { return strings.ReplaceAll(s, " ", "\t") },
		func(s string) string { // every seventh word is another
			w := strings.Fields(s)
			for i := 3; i < len(w); i += 7 {
				w[i] = "other"
			}
			return strings.Join(w, " ")
		},
	}
	docs = map[string][]row{}
	for k := range shards {
		name := fmt.Sprintf("s%d.jsonl", k)
		for j := range rows {
			text := sentence(120)
			for range rng.IntN(3) {
				it := items[rng.IntN(len(items))]
				whole := strings.Join([]string{it.Context, it.Question, it.Choices, it.Answer}, "\n")
				if rng.IntN(3) == 0 {
					whole = it.Question
				}
				if rng.IntN(4) == 0 {
					w := strings.Fields(whole)
					whole = strings.Join(w[:1+rng.IntN(len(w))], " ")
				}
				text += "\n" + disturb[rng.IntN(len(disturb))](whole) + "\n" + sentence(60)
			}
			docs[name] = append(docs[name], row{fmt.Sprint("d", k, "-", j), text})
		}
		writeJSONL(t, filepath.Join(dir, "corpus", name), docs[name])
	}
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	return items, docs
}

// house is the program's own method, with parameters.
func house(t testing.TB, params map[string]string) []*overlap.Method {
	t.Helper()
	all, err := overlap.Methods(overlap.Settings{Params: map[string]map[string]string{overlap.House: params}})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(m *overlap.Method) bool { return m.Name != overlap.House })
}

// TestHouseInAnyOrder: however many lanes there are, in whatever order shards come,
// and whether a run is resumed, what is published has the same bytes.
func TestHouseInAnyOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	dir := t.TempDir()
	houseCase(t, rng, dir, 60, 6, 15)
	o := options(t, dir)
	o.Methods, o.Out = house(t, nil), filepath.Join(dir, "one")
	o.Lanes = 1
	mustScan(t, o)
	want := files(t, o.Out)
	same := func(what string) {
		t.Helper()
		if got := files(t, o.Out); !maps.Equal(got, want) {
			t.Errorf("%s: other bytes", what)
		}
	}
	for _, lanes := range []int{2, 8} {
		o.Lanes, o.Out = lanes, filepath.Join(dir, fmt.Sprint("lanes", lanes))
		mustScan(t, o)
		same(o.Out)
	}
	o.Out, o.Lanes = filepath.Join(dir, "resumed"), 2
	for _, some := range []string{"s[3-5].jsonl", "s[0-4].jsonl"} {
		o.Corpus = []string{filepath.Join(dir, "corpus", some)}
		mustScan(t, o)
	}
	o.Corpus = []string{filepath.Join(dir, "corpus")}
	if sum := mustScan(t, o); sum.Resumed != 5 {
		t.Errorf("%d shards resumed", sum.Resumed)
	}
	same("resumed")
	// The shards' names are in another order, and so are the documents that lead in
	// evidence; what is said of items is the same.
	verdicts := func(out string) []audit.Verdict {
		return readJSONL[audit.Verdict](t, filepath.Join(out, "verdicts.jsonl"))
	}
	other := filepath.Join(dir, "other")
	for i := range 6 {
		b, err := os.ReadFile(filepath.Join(dir, "corpus", fmt.Sprintf("s%d.jsonl", i)))
		if err != nil {
			t.Fatal(err)
		}
		os.MkdirAll(other, 0o755)
		if err := os.WriteFile(filepath.Join(other, fmt.Sprintf("t%d.jsonl", (5*i+2)%6)), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o.Corpus, o.Out = []string{other}, filepath.Join(dir, "renamed")
	mustScan(t, o)
	a, b := verdicts(filepath.Join(dir, "one")), verdicts(o.Out)
	flagged := 0
	for i := range a {
		if a[i].Item != b[i].Item || a[i].State != b[i].State || deref(a[i].Score) != deref(b[i].Score) || a[i].Documents != b[i].Documents {
			t.Errorf("%+v, with other names %+v", a[i], b[i])
		}
		if a[i].State == item.Flagged {
			flagged++
		}
	}
	if flagged < 15 || flagged > 55 {
		t.Errorf("%d of %d items are flagged", flagged, len(a))
	}
}

// TestTraceOfTheSuspected: a corpus filter does not bound the method. Over random corpora
// and filters of one and several segments, what a check suspects and no more is judged by
// a trace, with the verdict and the evidence of a scan; the others are clean by filter, and
// no clean variant is written. Lanes change nothing.
func TestTraceOfTheSuspected(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 12))
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	flagged, acquitted, byFilter, segments := 0, 0, 0, 0
	for range rounds {
		dir := t.TempDir()
		_, docs := houseCase(t, rng, dir, 50, 4, 12)
		if rng.IntN(2) == 0 { // so that there are several segments
			for name, rows := range docs {
				var filler strings.Builder
				for range 60_000 {
					fmt.Fprintf(&filler, "w%d ", rng.IntN(5000))
				}
				rows = append(rows, row{"filler", filler.String()})
				writeJSONL(t, filepath.Join(dir, "corpus", name), rows)
			}
		}
		o := options(t, dir)
		o.Methods, o.Out = house(t, map[string]string{"max-false": fmt.Sprint(rng.IntN(2))}), filepath.Join(dir, "scanned")
		mustScan(t, o)
		idx := indexOptions(filepath.Join(dir, "corpus"), filepath.Join(dir, "idx"))
		idx.N = 3 + rng.IntN(6)
		segments = max(segments, len(mustIndex(t, idx).Index.Segments))
		check := CheckOptions{Index: idx.Out, Options: o}
		check.Out = filepath.Join(dir, "checked")
		sum := mustCheck(t, check)
		check.Trace = true
		for _, lanes := range []int{1, 3} {
			check.Out, check.Lanes = filepath.Join(dir, fmt.Sprint("trace", lanes)), lanes
			if got := mustCheck(t, check); got.ByFilter(overlap.House) != sum.ByFilter(overlap.House) || got.Filter.N != idx.N {
				t.Errorf("%d by filter, traced %d of %d-grams", sum.ByFilter(overlap.House), got.ByFilter(overlap.House), got.Filter.N)
			}
		}
		if !maps.Equal(files(t, filepath.Join(dir, "trace1")), files(t, filepath.Join(dir, "trace3"))) {
			t.Error("three lanes write other bytes than one")
		}
		for _, name := range []string{"clean", "removed"} {
			for _, out := range []string{"trace1", "checked"} {
				if _, err := os.Stat(filepath.Join(dir, out, name)); sum.ByFilter(overlap.House) > 0 && err == nil {
					t.Errorf("%s/%s is written from what is clean by filter", out, name)
				}
			}
		}
		verdicts := func(out string) []audit.Verdict {
			return readJSONL[audit.Verdict](t, filepath.Join(dir, out, "verdicts.jsonl"))
		}
		scanned, checked, traced := verdicts("scanned"), verdicts("checked"), verdicts("trace1")
		suspected := map[string]bool{}
		for i, c := range checked {
			s, tr := scanned[i], traced[i]
			switch c.State {
			case item.Suspected:
				suspected[c.Item] = true
				if !reflect.DeepEqual(tr, s) {
					t.Errorf("the scan says %+v\nthe trace %+v", s, tr)
				}
				if c.Chance == nil || *c.Chance < 0 || *c.Chance > 1 || *c.Score < 0 || *c.Score > 1 {
					t.Errorf("suspected: %+v", c)
				}
				if s.State == item.Flagged {
					flagged++
				} else {
					acquitted++
				}
			case item.Clean:
				byFilter++
				tr.Details = c.Details   // what is needed may be raised by decoys
				tr.Segments = c.Segments // a column of checks alone
				if c.Kind != align.ByFilter || *c.Score != 0 || !reflect.DeepEqual(tr, c) || s.State == item.NotCheckable {
					t.Errorf("the scan says %+v\nthe check %+v\nthe trace %+v", s, c, tr)
				}
			default:
				if c.State != item.NotCheckable || s.State != item.NotCheckable || !reflect.DeepEqual(tr, s) {
					t.Errorf("the scan says %+v\nthe check %+v\nthe trace %+v", s, c, tr)
				}
			}
		}
		evidence := func(out string) (list []audit.Evidence) {
			for _, e := range readJSONL[audit.Evidence](t, filepath.Join(dir, out, "evidence.jsonl")) {
				if out == "trace1" || suspected[e.Item] {
					list = append(list, e)
				}
			}
			return list
		}
		if !reflect.DeepEqual(evidence("trace1"), evidence("scanned")) {
			t.Error("the trace has other evidence of suspected items than the scan, or evidence of others")
		}
	}
	if flagged < 10*rounds || acquitted == 0 || byFilter < rounds || segments < 2 {
		t.Errorf("%d flagged, %d acquitted, %d by filter, %d segments: the test shows little", flagged, acquitted, byFilter, segments)
	}
}

// TestHouseEvidence: every quotation cuts the same words out of the document and of the
// item, as they are written there, whatever markup is around and in them.
func TestHouseEvidence(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 12))
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	seen := map[string]int{}
	for range rounds {
		dir := t.TempDir()
		items, docs := houseCase(t, rng, dir, 40, 3, 25)
		o := options(t, dir)
		o.Methods = house(t, nil)
		mustScan(t, o)
		read := func(text string) []string {
			var by plain.Cleaner
			return plainWords(string(by.Clean([]byte(text))))
		}
		shown := map[string]bool{}
		for _, e := range readJSONL[audit.Evidence](t, filepath.Join(o.Out, "evidence.jsonl")) {
			it := items[slices.IndexFunc(items, func(it plainItem) bool { return it.ID == e.Item })]
			doc := docs[filepath.Base(e.Shard)][e.Row]
			if doc.ID != e.DocID {
				t.Fatalf("evidence names document %q at the place of %q", e.DocID, doc.ID)
			}
			cut, mine := doc.Text[e.DocStart:e.DocEnd], it.part(e.Part)[e.ItemStart:e.ItemEnd]
			if !slices.Equal(read(cut), read(mine)) || int64(len(read(cut))) != e.Words {
				t.Fatalf("evidence %+v\ndocument %q\nitem %q", e, cut, mine)
			}
			if e.DocText != "" && doc.Text[e.DocTextStart:][:len(e.DocText)] != e.DocText {
				t.Fatalf("evidence %+v: its text is not the document's", e)
			}
			if cut != mine {
				seen["differ"]++
			}
			for _, sign := range []string{"<b>", "&eacute;", `\u00e9`, "-\n", "](", "\t", `\n`} {
				if strings.Contains(cut, sign) {
					seen[sign]++
				}
			}
			for _, sign := range []string{"&amp;", "&eacute;"} {
				if strings.Contains(mine, sign) {
					seen["item "+sign]++
				}
			}
			seen[e.Part]++
			shown[e.Item] = true
		}
		for _, v := range readJSONL[audit.Verdict](t, filepath.Join(o.Out, "verdicts.jsonl")) {
			if v.State == item.Flagged && (!shown[v.Item] || v.Documents == 0) {
				t.Fatalf("no evidence for %+v", v)
			}
		}
	}
	for _, what := range []string{"differ", "<b>", "&eacute;", `\u00e9`, "-\n", "](", "\t", "item &amp;", "item &eacute;", "context", "question", "choices", "answer"} {
		if seen[what] == 0 {
			t.Errorf("%q: only %d of %v", what, seen[what], seen)
		}
	}
}

// TestDecoys: decoys are looked for beside the items of each benchmark, and as many of
// them as are flagged stand in the audit; with max-false the factor is raised until
// that is rare enough.
func TestDecoys(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 12))
	dir := t.TempDir()
	var items []plainItem
	for i := range 30 {
		var w []string
		for range 15 {
			w = append(w, fmt.Sprintf("word%d", rng.IntN(60)))
		}
		items = append(items, plainItem{ID: fmt.Sprint(i), Question: strings.Join(w, " ")})
	}
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	// A corpus that shuffles pieces of items as decoys are made: it holds some of them
	// by chance, as one may that is the benchmark's word list.
	var rows []row
	for i := range 3000 {
		var w []string
		for range 4 {
			q := strings.Fields(items[rng.IntN(len(items))].Question)
			from := 5 * rng.IntN(3)
			w = append(w, q[from:from+5]...)
		}
		rows = append(rows, row{fmt.Sprint(i), strings.Join(w, " ")})
	}
	writeJSONL(t, filepath.Join(dir, "corpus", "s.jsonl"), rows)
	scan := func(name string, params map[string]string) (audit.Decoys, float64, int) {
		o := options(t, dir)
		o.Methods, o.Out = house(t, params), filepath.Join(dir, name)
		about := mustScan(t, o).Audit
		if len(about.Decoys) != 1 || len(about.Methods) != 1 || about.Decoys[0].Method != overlap.House || about.Decoys[0].Benchmark != "quiz" {
			t.Fatalf("%+v", about.Decoys)
		}
		if text := files(t, o.Out)[audit.File]; !strings.Contains(text, `"decoys"`) {
			t.Fatalf("no decoys in %s", text)
		}
		flagged := 0
		for _, v := range readJSONL[audit.Verdict](t, filepath.Join(o.Out, "verdicts.jsonl")) {
			if v.State == item.Flagged {
				flagged++
			}
		}
		return about.Decoys[0], about.Methods[0].Params["factor"].(float64), flagged
	}
	all, factor, flagged := scan("all", nil)
	if all.Items != 30 || all.Flagged < 10 || factor != 1 {
		t.Fatalf("%+v with a factor of %g: the test shows little", all, factor)
	}
	last, lastFlagged := factor, flagged
	for _, most := range []float64{50, 20, 5, 1} {
		d, factor, flagged := scan(fmt.Sprint("most", most), map[string]string{"max-false": fmt.Sprint(most)})
		if d.Items != all.Items || 100*float64(d.Flagged) > most*float64(d.Items) || factor < last || flagged > lastFlagged {
			t.Errorf("at most %g %%: %+v with a factor of %g; %d items are flagged", most, d, factor, flagged)
		}
		last, lastFlagged = factor, flagged
	}
	if last <= 1 || lastFlagged == flagged {
		t.Errorf("the factor is %g, %d of %d items are flagged", last, lastFlagged, flagged)
	}
	if d, factor, _ := scan("high", map[string]string{"factor": "3", "max-false": "1"}); factor != 3 || d.Flagged != 0 {
		t.Errorf("%+v with a factor of %g", d, factor)
	}
	if d, _, low := scan("low", map[string]string{"factor": "0.5"}); d.Flagged < all.Flagged || low < flagged {
		t.Errorf("%+v, %d items", d, low)
	}
}
