package pipeline

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/internal/realdata"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/unicode/norm"
)

type row struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// plainItem is an item of a test benchmark.
type plainItem struct {
	ID       string `json:"id"`
	Context  string `json:"context"`
	Question string `json:"question"`
	Choices  string `json:"choices"`
	Answer   string `json:"answer"`
}

func (it plainItem) part(name string) string {
	return map[string]string{"context": it.Context, "question": it.Question, "choices": it.Choices, "answer": it.Answer}[name]
}

func writeJSONL[T any](t testing.TB, path string, rows []T) {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = struct {
		io.Writer
		io.Closer
	}{&b, io.NopCloser(nil)}
	switch filepath.Ext(path) {
	case ".gz":
		w = gzip.NewWriter(&b)
	case ".zst":
		w, _ = zstd.NewWriter(&b)
	}
	for _, r := range rows {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(append(line, '\n'))
	}
	if filepath.Ext(path) != ".jsonl" {
		w.Close()
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readJSONL[T any](t testing.TB, path string) (rows []T) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dec := json.NewDecoder(bufio.NewReader(f))
	for dec.More() {
		var r T
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	return rows
}

// three are the methods of most tests here.
var three = []string{"gpt3", "coverage8", "longest8"}

// methods gives methods by name, with their defaults, or all.
func methods(t testing.TB, names ...string) []*overlap.Method {
	t.Helper()
	all, err := overlap.Methods(overlap.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(m *overlap.Method) bool { return len(names) > 0 && !slices.Contains(names, m.Name) })
}

func options(t testing.TB, dir string) Options {
	t.Helper()
	p, err := benchmark.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Corpus: []string{filepath.Join(dir, "corpus")}, Presets: p, Methods: methods(t, three...),
		Benchmarks: []benchmark.Spec{{Name: "quiz", Path: filepath.Join(dir, "quiz.jsonl"), Fields: "context=context,question=question,choices=choices,answer=answer,id=id"}},
		Out:        filepath.Join(dir, "out"), Reading: Reading{MaxBadRows: -1},
	}
}

func mustScan(t testing.TB, o Options) *Summary {
	t.Helper()
	sum, err := Scan(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

var wordPattern = regexp.MustCompile(`[\p{L}\p{M}\p{N}]+`)

// plainWords is the recipe for texts of scripts with spaces, by a regular expression.
func plainWords(text string) []string {
	return wordPattern.FindAllString(strings.ToLower(norm.NFKC.String(text)), -1)
}

// reference judges an item by substrings of documents' joined words, without a hash.
func reference(method string, n int, it plainItem, docs []string) (state string, score float64, longest, words, matched int, documents int64) {
	parts := []string{it.Context, it.Question}
	if method == "gpt3" {
		parts = append(parts, it.Choices, it.Answer)
	}
	checkable, best := false, 0
	union := map[string]bool{}
	var cut [][]string
	for _, p := range parts {
		cut = append(cut, plainWords(p))
		words += len(cut[len(cut)-1])
		checkable = checkable || len(cut[len(cut)-1]) >= n
	}
	if !checkable {
		return "not_checkable", 0, 0, words, 0, 0
	}
	for _, d := range docs {
		covered := map[string]bool{}
		for pi, w := range cut {
			for i := 0; i+n <= len(w); i++ {
				for l := n; i+l <= len(w) && strings.Contains(d, " "+strings.Join(w[i:i+l], " ")+" "); l++ {
					longest = max(longest, l)
					for k := i; k < i+l; k++ {
						covered[fmt.Sprint(pi, k)] = true
						union[fmt.Sprint(pi, k)] = true
					}
				}
			}
		}
		best = max(best, len(covered))
		if len(covered) > 0 {
			documents++
		}
	}
	state = "clean"
	switch method {
	case "gpt3":
		if matched = len(union); matched > 0 {
			score = 1
		}
		if score == 1 {
			state = "flagged"
		}
	case "coverage8":
		if matched, score = best, float64(best)/float64(words); score > 0.5 {
			state = "flagged"
		}
	case "longest8":
		if matched, score = longest, float64(longest)/float64(words); score >= overlap.DefaultLongest {
			state = "flagged"
		}
	}
	return state, score, longest, words, matched, documents
}

// checkAudit holds every verdict against the reference and every span against the
// original texts.
func checkAudit(t *testing.T, dir string, items []plainItem, docs map[string][]row) (flagged int) {
	t.Helper()
	var all []string
	for _, rows := range docs {
		for _, r := range rows {
			all = append(all, " "+strings.Join(plainWords(r.Text), " ")+" ")
		}
	}
	var lengths []int
	for _, it := range items {
		lengths = append(lengths, len(plainWords(it.Context+"\n"+it.Question+"\n"+it.Choices+"\n"+it.Answer)))
	}
	n := map[string]int{"gpt3": min(max(overlap.Percentile(lengths, 5), 8), 13), "coverage8": 8, "longest8": 8}
	verdicts := readJSONL[audit.Verdict](t, filepath.Join(dir, "verdicts.jsonl"))
	if len(verdicts) != 3*len(items) {
		t.Fatalf("%d verdicts on %d items", len(verdicts), len(items))
	}
	for _, v := range verdicts {
		it := items[v.Index]
		state, score, longest, words, matched, documents := reference(v.Method, n[v.Method], it, all)
		got := fmt.Sprintln(v.Item, v.State, v.Longest, v.Words, v.Matched, v.Documents)
		want := fmt.Sprintln(it.ID, state, longest, words, matched, documents)
		if v.Score != nil {
			got += fmt.Sprint(*v.Score)
		}
		if state != "not_checkable" {
			want += fmt.Sprint(score)
		}
		if got != want {
			t.Fatalf("%s n=%d: %+v\n got %s\nwant %s\ndocs %+v", v.Method, n[v.Method], it, got, want, docs)
		}
		if v.State == item.Flagged {
			flagged++
		}
	}
	shown := map[string]bool{}
	for _, e := range readJSONL[audit.Evidence](t, filepath.Join(dir, "evidence.jsonl")) {
		it := items[slices.IndexFunc(items, func(it plainItem) bool { return it.ID == e.Item })]
		doc := docs[filepath.Base(e.Shard)][e.Row]
		if doc.ID != e.DocID {
			t.Fatalf("evidence names document %q at the place of %q", e.DocID, doc.ID)
		}
		cut, words := doc.Text[e.DocStart:e.DocEnd], plainWords(it.part(e.Part)[e.ItemStart:e.ItemEnd])
		if !slices.Equal(plainWords(cut), words) || int64(len(words)) != e.Words {
			t.Fatalf("evidence %+v: document has %q, item %q", e, cut, words)
		}
		if doc.Text[e.DocTextStart:][:len(e.DocText)] != e.DocText || !strings.Contains(e.DocText, cut) {
			t.Fatalf("evidence %+v: its text is not the document's", e)
		}
		shown[e.Item] = true
	}
	for _, v := range verdicts {
		if v.Documents > 0 && !shown[v.Item] {
			t.Fatalf("no evidence for %+v", v)
		}
	}
	return flagged
}

func TestScanEqualsBruteForce(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	flagged := 0
	rounds := 40
	if testing.Short() {
		rounds = 8
	}
	for range rounds {
		dir := t.TempDir()
		words := fewWords(rng)
		var items []plainItem
		for i := range 1 + rng.IntN(8) {
			items = append(items, plainItem{fmt.Sprint("i", i), words(20), words(25) + " q", words(12), words(25)})
		}
		docs := map[string][]row{}
		for i := range 1 + rng.IntN(4) {
			name := fmt.Sprintf("s%d.jsonl%s", i, []string{"", ".gz", ".zst"}[rng.IntN(3)])
			var rows []row
			for j := range 1 + rng.IntN(6) {
				text := words(40)
				if rng.IntN(2) == 0 {
					it := items[rng.IntN(len(items))]
					text += " " + it.part([]string{"context", "question", "choices", "answer"}[rng.IntN(4)]) + " " + strings.ToUpper(words(5))
				}
				rows = append(rows, row{fmt.Sprint("d", i, "-", j), text})
			}
			docs[name] = rows
			writeJSONL(t, filepath.Join(dir, "corpus", name), rows)
		}
		writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
		o := options(t, dir)
		o.Lanes = 1 + rng.IntN(3)
		mustScan(t, o)
		flagged += checkAudit(t, o.Out, items, docs)
	}
	if flagged < 2*rounds {
		t.Errorf("only %d verdicts flag: the test shows little", flagged)
	}
}

// TestRealRowsEqualBruteForce does the same on real documents and items.
func TestRealRowsEqualBruteForce(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: compares real rows by brute force for half a minute")
	}
	data := realdata.Dir(t)
	dir := t.TempDir()
	gz, err := os.Open(filepath.Join(data, "corpora", "lm-eval-harness-src-000.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer gz.Close()
	plain, err := gzip.NewReader(gz)
	if err != nil {
		t.Fatal(err)
	}
	most := 400
	if testing.Short() {
		most = 100
	}
	var rows []row
	for dec := json.NewDecoder(plain); dec.More() && len(rows) < most; {
		var r row
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if len(r.Text) < 8000 && !strings.ContainsFunc(r.Text, func(r rune) bool { return r > 0x2fff || 0xe00 <= r && r < 0x1100 }) {
			rows = append(rows, r)
		}
	}
	var items []plainItem
	f, err := os.Open(filepath.Join(data, "benchmarks/gsm8k/test.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for dec := json.NewDecoder(f); len(items) < 60; {
		it := plainItem{ID: fmt.Sprint(len(items))}
		if err := dec.Decode(&it); err != nil {
			t.Fatal(err)
		}
		it.ID = fmt.Sprint(len(items))
		items = append(items, it)
	}
	for i, r := range rows { // items that are there, cut out of documents
		if w := strings.Fields(r.Text); i%40 == 0 && len(w) > 30 {
			items = append(items, plainItem{ID: fmt.Sprint(len(items)), Question: strings.Join(w[5:30], " "), Answer: strings.Join(w[:4], " ")})
		}
	}
	for i := range 3000 { // enough rows for batches to be used again
		rows = append(rows, row{fmt.Sprint("filler ", i), fmt.Sprint("filler ", i, " of no interest")})
	}
	docs := map[string][]row{"real.jsonl.zst": rows}
	writeJSONL(t, filepath.Join(dir, "corpus", "real.jsonl.zst"), rows)
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	o := options(t, dir)
	mustScan(t, o)
	if n := checkAudit(t, o.Out, items, docs); n < 3 {
		t.Errorf("only %d flags", n)
	}
}

// files reads a published directory but for the stored results.
func files(t testing.TB, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && d.Name() == "shards" {
				return filepath.SkipDir
			}
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path)
		out[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestInterruptedRunsResume stops runs at any moment, until one finishes: what it
// publishes is what one run publishes, and before that nothing is published.
func TestInterruptedRunsResume(t *testing.T) {
	dir := t.TempDir()
	var items []plainItem
	for i := range 50 {
		items = append(items, plainItem{ID: fmt.Sprint(i), Question: fmt.Sprintf("what is the number of item %d in the list of all things that are counted here", i)})
	}
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	for s := range 12 {
		var rows []row
		for i := range 300 {
			rows = append(rows, row{fmt.Sprint(i), strings.Repeat("filler words ", 40) + items[(s*7+i)%50].Question})
		}
		writeJSONL(t, filepath.Join(dir, "corpus", fmt.Sprintf("s%d.jsonl.zst", s)), rows)
	}
	o := options(t, dir)
	o.Out = filepath.Join(dir, "once")
	mustScan(t, o)
	want := files(t, o.Out)
	rng := rand.New(rand.NewPCG(5, 5))
	for try := range 3 {
		o.Out = filepath.Join(dir, fmt.Sprint("out", try))
		for runs := 0; ; runs++ {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rng.IntN(8000*(runs+1)))*time.Microsecond)
			_, err := Scan(ctx, o)
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			if _, err := os.Stat(o.Out); err == nil {
				t.Fatal("an interrupted run published")
			}
		}
		got := files(t, o.Out)
		for name, text := range want {
			if got[name] != text {
				t.Errorf("%s differs", name)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d files, want %d", len(got), len(want))
		}
	}
}

// TestPlantedItemsAreFound: an item stands in a document with other case,
// punctuation, spacing, line wraps, markup around it, full-width letters, or
// composed differently, in several scripts.
func TestPlantedItemsAreFound(t *testing.T) {
	texts := map[string]string{
		"english":  "A carpenter cuts nine shelves from every board and wastes the last hand's breadth; how many boards does he need for forty shelves?",
		"french":   "Un menuisier découpe neuf étagères dans chaque planche ; combien de planches lui faut-il pour préparer quarante étagères à l’école ?",
		"russian":  "Столяр выпиливает из каждой доски девять полок; сколько досок ему понадобится, чтобы сделать сорок полок для новой школы?",
		"chinese":  "木匠从每块木板上锯下九个架子，请问他要做四十个架子总共需要多少块木板？",
		"japanese": "大工さんは一枚の板から棚を九つ作ります。学校のために棚を四十個作るには、板が何枚いるでしょうか？",
		"thai":     "ช่างไม้เลื่อยกระดานหนึ่งแผ่นได้ชั้นวางเก้าชั้น ถ้าต้องการชั้นวางสี่สิบชั้นจะต้องใช้กระดานกี่แผ่น",
	}
	each := func(text string, f func(i int, r rune) string) string {
		var b strings.Builder
		for i, r := range []rune(text) {
			b.WriteString(f(i, r))
		}
		return b.String()
	}
	disturb := map[string]func(string) string{
		"verbatim": func(s string) string { return s },
		"upper":    strings.ToUpper,
		"lower":    strings.ToLower,
		"punctuation": func(s string) string {
			return strings.NewReplacer(",", " –", ";", "…", "?", "!!", "，", "。", "’", "'").Replace(s)
		},
		"spacing": func(s string) string { return strings.ReplaceAll(s, " ", " \u00a0\t  ") },
		"wrapped": func(s string) string {
			n := 0
			return strings.Map(func(r rune) rune {
				if n++; r == ' ' && n > 30 {
					n = 0
					return '\n'
				}
				return r
			}, s)
		},
		"quoted":   func(s string) string { return "> " + strings.ReplaceAll(s, " ", "\n> ") },
		"markdown": func(s string) string { return "**" + s + "**\n\n---" },
		"html": func(s string) string {
			return "<p class=\"q\">" + html.EscapeString(strings.NewReplacer("'", "").Replace(s)) + "</p>"
		},
		"decomposed":   norm.NFD.String,
		"composed":     norm.NFC.String,
		"fullwidth":    func(s string) string { return each(s, func(_ int, r rune) string { return fullWidth(r) }) },
		"soft hyphens": func(s string) string { return each(s, func(i int, r rune) string { return string(r) + "\u00ad" }) },
		"in a table":   func(s string) string { return "| 7 | " + s + " | B |" },
	}
	dir := t.TempDir()
	var items []plainItem
	var rows []row
	for lang, text := range texts {
		items = append(items, plainItem{ID: lang, Question: text})
		for how, f := range disturb {
			if how == "html" && lang == "english" {
				continue // "hand's" is another word there
			}
			rows = append(rows, row{lang + "/" + how, "前 Vorher до " + f(text) + " после 後 nachher"})
		}
	}
	// Each disturbance in a scan of its own, so that each must be found by itself.
	slices.SortFunc(rows, func(a, b row) int {
		return strings.Compare(a.ID[strings.Index(a.ID, "/"):], b.ID[strings.Index(b.ID, "/"):])
	})
	for len(rows) > 0 {
		_, how, _ := strings.Cut(rows[0].ID, "/")
		n := 0
		for n < len(rows) && strings.HasSuffix(rows[n].ID, "/"+how) {
			n++
		}
		dir := filepath.Join(dir, how)
		writeJSONL(t, filepath.Join(dir, "corpus", "one.jsonl"), rows[:n])
		writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
		o := options(t, dir)
		mustScan(t, o)
		for _, v := range readJSONL[audit.Verdict](t, filepath.Join(o.Out, "verdicts.jsonl")) {
			planted := slices.ContainsFunc(rows[:n], func(r row) bool { return strings.HasPrefix(r.ID, v.Item+"/") })
			if (v.State == item.Flagged) != planted || planted && v.Documents != 1 {
				t.Errorf("%s: %s says %s of %s, in %d documents", how, v.Method, v.State, v.Item, v.Documents)
			}
		}
		rows = rows[n:]
	}
}

func fullWidth(r rune) string {
	if '!' <= r && r <= '~' {
		return string(r - '!' + '！')
	}
	return string(r)
}
