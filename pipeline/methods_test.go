package pipeline

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/ngram/substr"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/internal/realdata"
)

// keptChars is what the methods over characters keep.
func keptChars(text string) []rune {
	return []rune(strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Letter, unicode.Mark, unicode.Number) {
			return r
		}
		return -1
	}, text))
}

var (
	helmCut  = regexp.MustCompile("[\\s\u00a0!-/:-@\\[-`{-~]+")
	asciiRun = regexp.MustCompile("[!-/:-@\\[-`{-~]+")
)

func helmWords(text string) []string {
	return helmCut.Split(strings.Map(unicode.ToLower, text), -1)
}

func lmEvalWords(text string) []string {
	return strings.Fields(strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, asciiRun.ReplaceAllString(text, "")))
}

// listed joins words so that a list stands in another if its string does.
func listed(words []string) string { return "\x00" + strings.Join(words, "\x00") + "\x00" }

// judgePlainly says what the definitions of the methods that are not over words make
// of an item: whether it can be checked, whether it is flagged, and its score.
func judgePlainly(method string, seed uint64, it plainItem, digest string, docs []string) (checkable, flagged bool, score float64) {
	any := func(in func(doc string) bool) bool { return slices.ContainsFunc(docs, in) }
	switch method {
	case "gpt4", "gpt4-all":
		chars := keptChars(it.Context + it.Question)
		at := substr.Windows(seed, it.ID+"\x00"+digest, len(chars), 50, 3)
		if method == "gpt4-all" {
			at = nil
			for i := 0; i == 0 && len(chars) > 0 || i+50 <= len(chars); i++ {
				at = append(at, i)
			}
		}
		hits := 0
		for _, i := range at {
			window := string(chars[i:min(i+50, len(chars))])
			if any(func(d string) bool { return strings.Contains(string(keptChars(d)), window) }) {
				hits++
			}
		}
		if len(at) == 0 {
			return false, false, 0
		}
		return true, hits > 0, float64(hits) / float64(len(at))
	case "starcoder":
		in := any(func(d string) bool {
			return strings.Contains(strings.Map(unicode.ToLower, d), strings.Map(unicode.ToLower, it.Question))
		})
		if it.Question == "" {
			return false, false, 0
		}
		return true, in, map[bool]float64{true: 1}[in]
	}
	n, words := 13, lmEvalWords
	if method != "lmeval" {
		fmt.Sscanf(method, "helm%d", &n)
		words = helmWords
	}
	sides := []string{it.Context, it.Question}
	for _, text := range sides {
		checkable = checkable || text != "" && len(words(text)) >= n
		cut := words(text)
		for i := 0; text != "" && i+n <= len(cut); i++ {
			flagged = flagged || any(func(d string) bool { return strings.Contains(listed(words(d)), listed(cut[i:i+n])) })
		}
	}
	return checkable, flagged, map[bool]float64{true: 1}[flagged]
}

// TestOtherNormalisersEqualBruteForce: the methods over characters and over harnesses'
// words say what their definitions say of random items and documents.
func TestOtherNormalisersEqualBruteForce(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 4))
	names := []string{"gpt4", "gpt4-all", "starcoder", "lmeval", "helm5", "helm9", "helm13"}
	states := map[string]int{}
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	for range rounds {
		dir := t.TempDir()
		alphabet := strings.Fields("a B cat É dog's e-f (gh) (i, j! kite, ﬁ 中文 Ж. -- l_m 7")
		words := func(most int) string {
			var b strings.Builder
			for range rng.IntN(most + 1) {
				b.WriteString(alphabet[rng.IntN(len(alphabet))] + []string{" ", "  ", "\n", " ", "\u00a0"}[rng.IntN(5)])
			}
			return b.String()
		}
		var items []plainItem
		for i := range 1 + rng.IntN(8) {
			items = append(items, plainItem{fmt.Sprint("i", i), words(20), words(25), words(8), words(8)})
		}
		var docs []string
		for i := range 1 + rng.IntN(3) {
			var rows []row
			for j := range 1 + rng.IntN(5) {
				text := words(30)
				for range rng.IntN(3) {
					it := items[rng.IntN(len(items))]
					whole := []rune([]string{it.Context + it.Question, it.Context, it.Question, it.Question}[rng.IntN(4)])
					if from := rng.IntN(len(whole) + 1); rng.IntN(2) == 0 {
						whole = whole[from:][:rng.IntN(len(whole)-from+1)]
					}
					copied := string(whole)
					if rng.IntN(3) == 0 {
						copied = strings.ToUpper(copied)
					}
					text += copied + words(2)
				}
				rows = append(rows, row{fmt.Sprint("d", i, "-", j), text})
				docs = append(docs, text)
			}
			writeJSONL(t, filepath.Join(dir, "corpus", fmt.Sprintf("s%d.jsonl", i)), rows)
		}
		writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
		o := options(t, dir)
		o.Methods, o.Seed = methods(t, names...), rng.Uint64()
		mustScan(t, o)
		for _, v := range readJSONL[audit.Verdict](t, filepath.Join(o.Out, "verdicts.jsonl")) {
			checkable, flagged, score := judgePlainly(v.Method, o.Seed, items[v.Index], v.Digest, docs)
			want := item.NotCheckable
			switch {
			case flagged:
				want = item.Flagged
			case checkable:
				want = item.Clean
			}
			if v.State != want || v.Score != nil && math.Abs(*v.Score-score) > 1e-12 {
				t.Fatalf("%s: %+v\ngot %+v, want %v %g\nin %q", v.Method, items[v.Index], v, want, score, docs)
			}
			if (v.State == item.Flagged) != (v.Seen == "input") || (v.State == item.Flagged) != (len(v.Parts) > 0) {
				if !strings.HasPrefix(v.Method, "helm") { // which looks at references too
					t.Fatalf("%+v", v)
				}
			}
			states[v.Method+" "+v.State.String()]++
		}
		for _, e := range readJSONL[audit.Evidence](t, filepath.Join(o.Out, "evidence.jsonl")) {
			it := items[slices.IndexFunc(items, func(it plainItem) bool { return it.ID == e.Item })]
			cut, in := it.part(e.Part)[e.ItemStart:e.ItemEnd], e.DocText[e.DocStart-e.DocTextStart:e.DocEnd-e.DocTextStart]
			ok := false
			switch e.Norm {
			case "chars": // it may go on in the next part
				ok = strings.HasPrefix(string(keptChars(in)), string(keptChars(cut)))
			case "raw":
				ok = strings.Map(unicode.ToLower, in) == strings.Map(unicode.ToLower, cut)
			case "helm", "lmeval":
				ok = strings.Join(lmEvalWords(in), "") == strings.Join(lmEvalWords(cut), "") || strings.EqualFold(asciiRun.ReplaceAllString(in, ""), asciiRun.ReplaceAllString(cut, ""))
				ok = ok || e.Norm == "helm" && strings.Join(helmWords(in), "") == strings.Join(helmWords(cut), "")
			}
			if !ok {
				t.Fatalf("evidence %+v: item %q, document %q", e, cut, in)
			}
		}
	}
	for _, m := range names {
		for _, s := range []string{"flagged", "clean"} {
			if states[m+" "+s] < rounds/5 {
				t.Errorf("%s is %s in %d cases", m, s, states[m+" "+s])
			}
		}
	}
}

// TestGPT4DetectionProbability (METHODS of the GPT-4 report, appendix C): when m
// characters in a row of an item of L stand in the corpus, three windows of 50 hit
// with probability 1-(1-p)³, p = (m-49)/(L-49), over seeds; the same seed gives the
// same verdicts, and gpt4-all finds all.
func TestGPT4DetectionProbability(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: takes seconds")
	}
	rng := rand.New(rand.NewPCG(3, 50))
	letters := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('a' + rng.IntN(26))
		}
		return string(b)
	}
	dir := t.TempDir()
	var items []plainItem
	var rows []row
	cases := []struct {
		length, copied int
		want           float64
	}{{500, 200, .7057}, {1000, 100, .1524}, {120, 120, 1}, {40, 40, 1}, {300, 49, 0}}
	const each = 200
	for k, c := range cases {
		for i := range each {
			text := letters(c.length)
			from := rng.IntN(c.length - c.copied + 1)
			items = append(items, plainItem{ID: fmt.Sprint(k, "-", i), Context: text[:c.length/3], Question: text[c.length/3:]})
			rows = append(rows, row{fmt.Sprint(k, "-", i), "A. " + text[from:from+c.copied] + " B!"})
		}
	}
	writeJSONL(t, filepath.Join(dir, "corpus", "s.jsonl"), rows)
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	found := make([]int, len(cases))
	const seeds = 8
	first := map[string]string{}
	for seed := range seeds + 1 {
		o := options(t, dir)
		o.Methods, o.Seed, o.Out = methods(t, "gpt4", "gpt4-all"), uint64(seed%seeds), filepath.Join(dir, fmt.Sprint("out", seed))
		sum := mustScan(t, o)
		if sum.Audit.Seed != uint64(seed%seeds) {
			t.Errorf("audit has seed %d", sum.Audit.Seed)
		}
		got := files(t, o.Out)
		if seed == 0 {
			first = got
		}
		if seed == seeds { // seed 0 again
			if !maps.Equal(got, first) {
				t.Error("the same seed gave other bytes")
			}
			break
		}
		for _, v := range readJSONL[audit.Verdict](t, filepath.Join(o.Out, "verdicts.jsonl")) {
			k := int(v.Index) / each
			if v.Method == "gpt4-all" {
				if (v.State == item.Flagged) != (cases[k].want > 0) {
					t.Fatalf("gpt4-all: %+v", v)
				}
			} else if v.State == item.Flagged {
				found[k]++
			}
		}
	}
	for k, c := range cases {
		n := float64(each * seeds)
		if dev := 4.5 * math.Sqrt(n*c.want*(1-c.want)); math.Abs(float64(found[k])-n*c.want) > dev {
			t.Errorf("%+v: found %d of %g", c, found[k], n)
		}
	}
}

// TestAllMethodsInAnyOrder: with all methods on, any number of lanes, a run that was
// interrupted, and a run with fewer shards before publish the same bytes; a method
// says the same alone as with all others.
func TestAllMethodsInAnyOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: takes seconds")
	}
	rng := rand.New(rand.NewPCG(9, 17))
	dir := t.TempDir()
	alphabet := strings.Fields("a B c É d' e f g h i j k l m n o p, q r s t")
	words := func(most int) string {
		var w []string
		for range rng.IntN(most + 1) {
			w = append(w, alphabet[rng.IntN(len(alphabet))])
		}
		return strings.Join(w, " ")
	}
	var items []plainItem
	for i := range 40 {
		items = append(items, plainItem{fmt.Sprint("i", i), words(30), "a b c d e f g h " + words(40), words(20), words(30)})
	}
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	for i := range 6 {
		var rows []row
		for j := range 12 {
			text := words(30)
			for range rng.IntN(3) {
				it := items[rng.IntN(len(items))]
				w := strings.Fields(it.Question + " " + it.Answer)
				if rng.IntN(2) == 0 {
					w[rng.IntN(len(w))] = "x"
				}
				text += " " + strings.Join(w, " ") + " " + words(9)
			}
			rows = append(rows, row{fmt.Sprint(i, j), text})
		}
		writeJSONL(t, filepath.Join(dir, "corpus", fmt.Sprintf("s%d.jsonl", i)), rows)
	}
	for _, ignore := range []bool{false, true} {
		var want map[string]string
		for round := range 3 {
			o := options(t, dir)
			o.Methods, o.IgnoreTemplate, o.Lanes, o.Out = methods(t), ignore, 1+2*round, filepath.Join(dir, fmt.Sprintf("out-%v-%d", ignore, round))
			if round == 1 { // the first shards are there from an earlier run
				o.Corpus = []string{filepath.Join(dir, "corpus", "s[0-3].jsonl")}
				mustScan(t, o)
				o.Corpus = []string{filepath.Join(dir, "corpus")}
			}
			sum := mustScan(t, o)
			if round == 1 && sum.Resumed != 4 {
				t.Errorf("%d shards resumed", sum.Resumed)
			}
			got := files(t, o.Out)
			if want == nil {
				want = got
			}
			if !maps.Equal(got, want) {
				t.Errorf("ignore %v, round %d: other bytes", ignore, round)
			}
		}
		if ignore && testing.Short() {
			continue
		}
		all := readJSONL[audit.Verdict](t, filepath.Join(dir, fmt.Sprintf("out-%v-0", ignore), "verdicts.jsonl"))
		flagged := map[string]int{}
		for _, m := range methods(t) {
			o := options(t, dir)
			o.Methods, o.IgnoreTemplate, o.Out = []*overlap.Method{m}, ignore, filepath.Join(dir, fmt.Sprintf("alone-%v-%s", ignore, m.Name))
			mustScan(t, o)
			i := 0
			for _, v := range readJSONL[audit.Verdict](t, filepath.Join(o.Out, "verdicts.jsonl")) {
				for all[i].Method != m.Name {
					i++
				}
				a, b := v, all[i]
				a.Score, b.Score = nil, nil
				if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", b) || deref(v.Score) != deref(all[i].Score) {
					t.Fatalf("alone %+v, with others %+v", a, b)
				}
				if v.State == item.Flagged {
					flagged[m.Name]++
				}
				i++
			}
		}
		if len(flagged) < 15 {
			t.Errorf("only %v flag", flagged)
		}
	}
	compared(t, filepath.Join(dir, "out-false-0"), len(items))

	// Other windows are other results: nothing of an earlier run is used again.
	o := options(t, dir)
	o.Methods, o.Out = methods(t, "gpt4"), filepath.Join(dir, "windows")
	mustScan(t, o)
	for _, change := range []func(){
		func() { o.Seed = 1 },
		func() {
			all, err := overlap.Methods(overlap.Settings{Params: map[string]map[string]string{"gpt4": {"windows": "9"}}})
			if err != nil {
				t.Fatal(err)
			}
			o.Methods = slices.DeleteFunc(all, func(m *overlap.Method) bool { return m.Name != "gpt4" })
		},
	} {
		if change(); mustScan(t, o).Resumed != 0 {
			t.Error("results of other windows were used")
		}
		if mustScan(t, o).Resumed != 6 {
			t.Error("results of the same windows were not used")
		}
	}
}

func deref(f *float64) float64 {
	if f == nil {
		return -1
	}
	return *f
}

// compared holds methods.csv and agreement.csv against the verdicts.
func compared(t *testing.T, dir string, items int) {
	t.Helper()
	states := map[string][]audit.State{}
	for _, v := range readJSONL[audit.Verdict](t, filepath.Join(dir, "verdicts.jsonl")) {
		states[v.Method] = append(states[v.Method], v.State)
	}
	delete(states, overlap.Reworded) // it flags nothing, and is in neither table
	table := func(name string) [][]string {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows[1:]
	}
	count := func(list []audit.State, s audit.State) (n int) {
		for _, x := range list {
			if x == s {
				n++
			}
		}
		return n
	}
	rows := table(audit.MethodsFile)
	if len(rows) != len(states) {
		t.Errorf("%d rows of %d methods", len(rows), len(states))
	}
	for _, r := range rows {
		s := states[r[1]]
		want := fmt.Sprint(items, count(s, item.Flagged), count(s, item.Clean), count(s, item.NotCheckable))
		if got := strings.Join(r[2:6], " "); got != want {
			t.Errorf("%s: %s, want %s", r[1], got, want)
		}
		if (r[7] != "") != (r[1] == "gpt2") {
			t.Errorf("%s has the statistic %q", r[1], r[7])
		}
	}
	rows = table(audit.AgreementFile)
	if n := len(states); len(rows) != n*(n-1)/2 {
		t.Errorf("%d pairs of %d methods", len(rows), n)
	}
	for _, r := range rows {
		var both, only, other, neither, none int
		for i := range items {
			switch a, b := states[r[1]][i], states[r[2]][i]; {
			case a == item.NotCheckable || b == item.NotCheckable:
				none++
			case a == b && a == item.Flagged:
				both++
			case a == b:
				neither++
			case a == item.Flagged:
				only++
			default:
				other++
			}
		}
		if want := fmt.Sprint(both, only, other, neither, none, only+other); strings.Join(r[3:], " ") != want {
			t.Errorf("%s and %s: %v, want %s", r[1], r[2], r[3:], want)
		}
	}
}

// TestTemplate: items in a frame that a corpus holds are template by half, and clean
// where template is left out; a copied item stays flagged.
func TestTemplate(t *testing.T) {
	dir := t.TempDir()
	frame := "for which of these two scenarios does the main character who uses the first person do something that is clearly wrong"
	var items []plainItem
	own := func(i int) string {
		var b strings.Builder
		for k := range 12 {
			fmt.Fprintf(&b, " own%dx%d", i, k)
		}
		return b.String()
	}
	for i := range 20 {
		items = append(items, plainItem{ID: fmt.Sprint(i), Question: frame + own(i)})
	}
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	writeJSONL(t, filepath.Join(dir, "corpus", "s.jsonl"), []row{{"frame", "task: " + frame + "?"}, {"copy", own(3)}})
	for _, ignore := range []bool{false, true} {
		o := options(t, dir)
		o.Methods, o.IgnoreTemplate, o.Out = methods(t), ignore, filepath.Join(dir, fmt.Sprintf("out-%v", ignore))
		mustScan(t, o)
		for _, v := range readJSONL[audit.Verdict](t, filepath.Join(o.Out, "verdicts.jsonl")) {
			copied := v.Item == "3"
			switch {
			case v.Method == overlap.House: // weighs the frame as nothing
				if (v.State == item.Flagged) != copied {
					t.Errorf("ignore %v: %+v", ignore, v)
				}
			case v.Method == overlap.Reworded: // likewise, and a list of rare words is no text
				if v.State != item.Clean || v.Kind == audit.Reworded {
					t.Errorf("ignore %v: %+v", ignore, v)
				}
			case v.Method == "starcoder" || v.Method == "gpt4": // the whole is not there, and of windows some are
			case v.Method == "helm13" || v.Method == "lmeval" || v.Method == "qwen2" || v.Method == "gpt3": // 13 words: of its own an item has 12
				if (v.State == item.Flagged) == ignore || v.Template != 1 {
					t.Errorf("ignore %v: %+v", ignore, v)
				}
			case ignore && (v.State == item.Flagged) && !copied, !copied && v.Template != 1, copied && (v.Template >= 1 || v.Template <= 0):
				t.Errorf("ignore %v: %+v", ignore, v)
			case !ignore && v.State != item.Flagged && v.Method != "palm":
				t.Errorf("ignore %v: %+v", ignore, v)
			}
		}
	}
}

// TestWordsOfAllScripts: every item of MGSM, in eleven languages, can be checked, and
// is found when it stands in a document; of a Chinese book every page is.
func TestWordsOfAllScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: takes seconds")
	}
	data := realdata.Dir(t)
	paths, err := filepath.Glob(filepath.Join(data, "benchmarks/mgsm/mgsm_*.tsv"))
	if err != nil || len(paths) != 11 {
		t.Fatalf("%d languages, %v", len(paths), err)
	}
	dir := t.TempDir()
	o := options(t, dir)
	o.Benchmarks, o.Methods = nil, slices.DeleteFunc(methods(t), func(m *overlap.Method) bool {
		return m.Group == "helm" || m.Name == "lmeval" // which cut by spaces
	})
	var rows []row
	for _, p := range paths {
		name := strings.TrimSuffix(filepath.Base(p), ".tsv")
		o.Benchmarks = append(o.Benchmarks, benchmark.Spec{Name: name, Path: p, Fields: "question=0,answer=1"})
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
			if question, _, _ := strings.Cut(line, "\t"); i%2 == 0 {
				rows = append(rows, row{fmt.Sprint(name, i), "… " + question + " …"})
			}
		}
	}
	writeJSONL(t, filepath.Join(dir, "corpus", "s.jsonl"), rows)
	sum := mustScan(t, o)
	for _, r := range sum.Rows {
		if r.Review { // an item of fewer than five words of content is not checkable
			if r.NotCheckable > 17 || r.Items != 250 || r.ToReview < 119 {
				t.Errorf("%+v", r)
			}
			continue
		}
		if r.NotCheckable > 0 || r.Items != 250 || r.Flagged < 125 && r.Method != "starcoder" && r.Method != "gpt4" && r.Method != "palm" && r.Method != "llama3" {
			t.Errorf("%+v", r)
		}
	}
}

// TestChineseBook: passages of 40 characters out of a Chinese book, as items, are
// checkable and found by every method over words or characters.
func TestChineseBook(t *testing.T) {
	path := filepath.Join(realdata.Dir(t), "corpora/d2l-zh-000.jsonl.gz")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var items []plainItem
	passage := regexp.MustCompile(`[\p{Han}，。]{40}`)
	for dec := json.NewDecoder(plain); dec.More() && len(items) < 100; {
		var r row
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if found := passage.FindString(r.Text); found != "" {
			items = append(items, plainItem{ID: fmt.Sprint(len(items)), Question: found})
		}
	}
	dir := t.TempDir()
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	o := options(t, dir)
	o.Corpus = []string{path}
	o.Methods = slices.DeleteFunc(methods(t), func(m *overlap.Method) bool { return m.Group == "helm" || m.Name == "lmeval" })
	for _, r := range mustScan(t, o).Rows {
		if r.Items < 50 || r.Flagged != r.Items && !r.Review || r.Review && r.ToReview < r.Items*9/10 {
			t.Errorf("%+v", r)
		}
	}
}

// TestCheckBoundsAllWordMethods: what a scan flags by any method over words is
// suspected by a check, and a trace is the scan; other methods are refused.
func TestCheckBoundsAllWordMethods(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 21))
	dir := t.TempDir()
	all, err := overlap.Methods(overlap.Settings{Params: map[string]map[string]string{"deepseek": {"short": "0"}}})
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(m *overlap.Method) bool { return m.Norm != "words" })
	words := func(most int) string {
		var w []string
		for range rng.IntN(most + 1) {
			w = append(w, string(rune('a'+rng.IntN(12))))
		}
		return strings.Join(w, " ")
	}
	var items []plainItem
	for i := range 60 {
		items = append(items, plainItem{fmt.Sprint("i", i), words(20), words(40) + " q", words(12), words(25)})
	}
	for i := range 6 {
		var rows []row
		for j := range 4 {
			it := items[rng.IntN(len(items))]
			w := strings.Fields(it.Question + " " + it.Answer)
			if rng.IntN(2) == 0 {
				w[rng.IntN(len(w))] = "zz"
			}
			rows = append(rows, row{fmt.Sprint("d", i, j), words(20) + " " + strings.Join(w, " ")})
		}
		writeJSONL(t, filepath.Join(dir, "corpus", fmt.Sprintf("s%d.jsonl.gz", i)), rows)
	}
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	idx := indexOptions(filepath.Join(dir, "corpus"), filepath.Join(dir, "idx"))
	idx.N, idx.FPR = 6, 0.01
	mustIndex(t, idx)
	o := options(t, dir)
	o.Methods = all
	mustScan(t, o)
	check := CheckOptions{Index: idx.Out, Options: o}
	check.Out = filepath.Join(dir, "check")
	mustCheck(t, check)
	check.Out, check.Trace = filepath.Join(dir, "trace"), true
	mustCheck(t, check)
	if flagged := traceIsScan(t, o.Out, check.Out, filepath.Join(dir, "check")); flagged < 50 {
		t.Errorf("only %d flags", flagged)
	}
	for _, name := range []string{"gpt4", "starcoder", "helm9", "lmeval", "deepseek"} {
		check.Methods, check.Out = methods(t, name), filepath.Join(dir, "no")
		if _, err := Check(t.Context(), check); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
