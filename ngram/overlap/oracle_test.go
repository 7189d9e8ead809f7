package overlap

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"swab/ngram"
	"swab/ngram/exact"
	"swab/ngram/item"
)

// span gives the words from to to: w<from> … w<to-1>.
func span(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "w%d ", i)
	}
	return strings.TrimSpace(b.String())
}

// verdict judges the question of an item by one method on documents.
func verdict(t *testing.T, method string, params map[string]string, item testItem, docs ...string) Verdict {
	t.Helper()
	var list []testDoc
	for i, d := range docs {
		list = append(list, testDoc{"s", fmt.Sprint(i), d, int64(i)})
	}
	set, covers := collect(t, []testItem{item}, wordMethods(t, map[string]map[string]string{method: params}, method), 1, list, Options{})
	return set.judge(0, 0, covers[0])
}

func question(text string) testItem { return testItem{item.Question: text} }

func near4(a, b float64) bool { return math.Abs(a-b) < 5e-5 }

// TestGPT3Percentile (Brown et al. 2020, appendix C): 50 items of 20 words and 3 of 9
// give n = 9 by nearest rank, 13 by interpolation (15.6).
func TestGPT3Percentile(t *testing.T) {
	lengths := slices.Concat(slices.Repeat([]int{20}, 50), []int{9, 9, 9})
	var layouts []Layout
	for _, n := range lengths {
		layouts = append(layouts, Layout{item.Question: n})
	}
	for reading, want := range map[string]int{"nearest": 9, "linear": 13} {
		m := wordMethods(t, map[string]map[string]string{"gpt3": {"percentile": reading}}, "gpt3")[0]
		if got := m.Fit(layouts).N; got != want {
			t.Errorf("%s: n is %d, want %d", reading, got, want)
		}
	}
	if got := LinearPercentile(lengths, 5); got != 16 {
		t.Errorf("interpolated percentile %d, want 15.6 rounded", got)
	}
	if LinearPercentile(nil, 5) != 0 || LinearPercentile([]int{3}, 5) != 3 || LinearPercentile([]int{1, 2}, 100) != 2 {
		t.Error("edges")
	}
}

// TestPaLMSensitivity (Chowdhery et al. 2022, section 8): the share of 8-grams that
// is left when one word in the middle of a verbatim item is another, or two at thirds.
func TestPaLMSensitivity(t *testing.T) {
	for _, c := range []struct {
		words int
		at    []int
		want  float64
	}{{20, []int{10}, 5. / 13}, {30, []int{15}, 15. / 23}, {50, []int{25}, 35. / 43}, {100, []int{50}, 85. / 93},
		{30, []int{10, 20}, 7. / 23}, {50, []int{16, 33}, 27. / 43}, {100, []int{33, 66}, 77. / 93}} {
		doc := strings.Fields(span(0, c.words))
		for _, i := range c.at {
			doc[i] = "other"
		}
		v := verdict(t, "palm", nil, question(span(0, c.words)), "before "+strings.Join(doc, " ")+" after")
		if math.Abs(v.Score-c.want) > 1e-9 || (v.State == item.Flagged) != (c.want >= 0.7) {
			t.Errorf("%d words, %v changed: %v %g, want %g", c.words, c.at, v.State, v.Score, c.want)
		}
	}
	for text, printed := range map[float64]string{5. / 13: "0.385", 15. / 23: "0.652", 35. / 43: "0.814", 85. / 93: "0.914", 7. / 23: "0.304", 27. / 43: "0.628", 77. / 93: "0.828"} {
		if fmt.Sprintf("%.3f", text) != printed {
			t.Errorf("%g is not %s", text, printed)
		}
	}
}

// TestPaLMThreshold: at 0.7 an item is flagged, below it is not.
func TestPaLMThreshold(t *testing.T) {
	for hits, want := range map[int]item.State{7: item.Flagged, 6: item.Clean} { // of ten 8-grams
		if v := verdict(t, "palm", nil, question(span(0, 17)), span(0, hits+7)); v.State != want {
			t.Errorf("%d of 10: %v", hits, v.State)
		}
	}
}

// TestLlama2OracleA (Touvron et al. 2023, appendix A.6).
func TestLlama2OracleA(t *testing.T) {
	doc := "x " + span(1, 13) + " y " + span(14, 21) + " z z z z z z"
	for _, c := range []struct {
		skip, length, gaps string
		want               float64
	}{{"0", "10", "yes", 12. / 30}, {"4", "10", "yes", 20. / 30}, {"4", "10", "no", 19. / 30}, {"4", "20", "yes", 20. / 30}, {"4", "30", "yes", 0}} {
		v := verdict(t, "llama2", map[string]string{"skip": c.skip, "length": c.length, "gaps": c.gaps}, question(span(1, 31)), doc)
		if math.Abs(v.Score-c.want) > 1e-9 {
			t.Errorf("%+v: %g", c, v.Score)
		}
	}
}

// TestLlama2OracleB (Touvron et al. 2023, appendix A.6).
func TestLlama2OracleB(t *testing.T) {
	doc := span(1, 11) + " a w12 b w14 c w16 d w18 e " + span(20, 31)
	for skip, want := range map[string]float64{"0": .70, "2": .8333, "4": .9667, "5": 1} {
		v := verdict(t, "llama2", map[string]string{"skip": skip}, question(span(1, 31)), doc)
		if !near4(v.Score, want) {
			t.Errorf("budget %s: %g, want %g", skip, v.Score, want)
		}
		subset := "not clean, not dirty"
		if want >= 0.8 {
			subset = "not clean, dirty"
		}
		if v.Details["subset"] != subset {
			t.Errorf("budget %s: %v", skip, v.Details)
		}
	}
}

// TestLlama2Ends: the first ten words must be equal, and a run ends with an equal word.
func TestLlama2Ends(t *testing.T) {
	for doc, want := range map[string]float64{
		span(1, 10) + " x " + span(11, 20):                  0,        // nine, then nine
		span(1, 11) + " x x x x x " + span(16, 21):          10. / 30, // five in a row differ
		span(1, 11) + " x x x x " + span(15, 16):            15. / 30, // four do
		span(1, 11) + " x x":                                10. / 30, // trailing ones do not count
		"w8 x " + span(10, 20):                              10. / 30, // not followed to the left
		span(1, 31):                                         1,        // both end
		span(1, 11) + " x " + span(12, 22) + " x x x x w26": 26. / 30, // the fifth ends it, and a second run begins at w12
	} {
		if v := verdict(t, "llama2", nil, question(span(1, 31)), doc); math.Abs(v.Score-want) > 1e-9 {
			t.Errorf("%q: %g, want %g", doc, v.Score, want)
		}
	}
}

// TestTulu3Score (Lambert et al. 2024): of a prompt of 20 words, 15 in a row are 0.75
// and flagged, 10 are 0.5 and not, and of 15 with one changed in the middle none.
func TestTulu3Score(t *testing.T) {
	for doc, want := range map[string]struct {
		score float64
		state item.State
	}{
		span(2, 17):                       {.75, item.Flagged},
		span(5, 15):                       {.50, item.Clean},
		span(2, 9) + " x " + span(10, 17): {0, item.Clean},
	} {
		if v := verdict(t, "tulu3", nil, question(span(0, 20)), doc); v.Score != want.score || v.State != want.state {
			t.Errorf("%q: %g %v", doc, v.Score, v.State)
		}
	}
	// The mean of two fields, of one document: 1 and 0.2 are 0.6; two documents do not add up.
	it := testItem{item.Context: span(100, 150), item.Question: span(0, 20)}
	if v := verdict(t, "tulu3", nil, it, span(0, 20)+" x "+span(100, 110)); math.Abs(v.Score-.6) > 1e-9 || v.State != item.Flagged {
		t.Errorf("two fields: %+v", v)
	}
	if v := verdict(t, "tulu3", nil, it, span(0, 20), span(100, 110)); v.Score != .5 || v.State != item.Clean {
		t.Errorf("two documents: %+v", v)
	}
}

// TestConTAMScores (Singh et al. 2024): the scores of three runs of 8 words of 40, of
// one of 24, of one of 9, and of runs of 28 and 13 words of 60 at n = 8 and 13.
func TestConTAMScores(t *testing.T) {
	for _, c := range []struct {
		words                 int
		n                     string
		doc                   string
		token, grams, longest float64
	}{
		{40, "8", span(0, 8) + " x " + span(12, 20) + " x " + span(25, 33), .60, 3. / 33, .20},
		{40, "8", span(5, 29), .60, 17. / 33, .60},
		{40, "8", span(5, 14), .225, 2. / 33, .225},
		{60, "8", span(0, 28) + " x " + span(40, 53), .6833, .5094, .4667},
		{60, "13", span(0, 28) + " x " + span(40, 53), .6833, .3542, .4667},
	} {
		params := map[string]string{"n": c.n}
		token := verdict(t, "token-match", params, question(span(0, c.words)), c.doc)
		grams := verdict(t, "ngram-match", params, question(span(0, c.words)), c.doc)
		longest := verdict(t, "longest8", nil, question(span(0, c.words)), c.doc)
		extend := verdict(t, "token-extend", map[string]string{"n": c.n, "skip": "0"}, question(span(0, c.words)), c.doc)
		if !near4(token.Score, c.token) || !near4(grams.Score, c.grams) || !near4(longest.Score, c.longest) || !near4(extend.Score, c.token) {
			t.Errorf("%+v: %g %g %g %g", c, token.Score, grams.Score, longest.Score, extend.Score)
		}
	}
}

// TestDeepSeekShort (Guo et al. 2024): texts of 3 to 9 grams match as a whole, shorter
// ones are ignored.
func TestDeepSeekShort(t *testing.T) {
	for _, c := range []struct {
		words int
		doc   string
		want  item.State
	}{{2, span(0, 2), item.NotCheckable}, {3, "x " + span(0, 3), item.Flagged}, {9, span(0, 9) + " x", item.Flagged}, {9, span(0, 8) + " x", item.Clean}, {9, span(1, 9), item.Clean},
		{10, span(0, 10), item.Flagged}, {11, span(1, 11), item.Flagged}, {11, span(1, 10), item.Clean}, {20, span(3, 12), item.Clean}} {
		if v := verdict(t, "deepseek", nil, question(span(0, c.words)), c.doc); v.State != c.want {
			t.Errorf("%d words in %q: %v", c.words, c.doc, v.State)
		}
	}
}

// TestGPT3Frequency: an n-gram in more than 10 documents does not count, in 10 it does,
// whatever shards they are in and however often a document repeats it.
func TestGPT3Frequency(t *testing.T) {
	for docs, want := range map[int]item.State{1: item.Flagged, 10: item.Flagged, 11: item.Clean, 200: item.Clean} {
		text := slices.Repeat([]string{span(0, 13) + " x " + span(0, 13)}, docs)
		if v := verdict(t, "gpt3", map[string]string{"max-documents": "10"}, question(span(0, 13)), text...); v.State != want || v.Documents != int64(docs) {
			t.Errorf("%d documents: %+v", docs, v)
		}
	}
}

// helmItem judges an item by HELM's metrics for n-grams of 5 words.
func helmItem(t *testing.T, params map[string]string, it testItem, docs ...string) Verdict {
	t.Helper()
	all, err := Methods(Settings{Params: map[string]map[string]string{"helm": params}})
	if err != nil {
		t.Fatal(err)
	}
	m := all[slices.IndexFunc(all, func(m *Method) bool { return m.Name == "helm5" })]
	b, err := exact.NewBuilder(ngram.HELM(5))
	if err != nil {
		t.Fatal(err)
	}
	one := item.Absent(0)
	var layout Layout
	for p, text := range it {
		if text != "" {
			n, err := b.Add(text)
			if err != nil {
				t.Fatal(err)
			}
			one.Texts[p], layout[p] = int32(n), b.Words(n)
		}
	}
	x, err := b.Build(5, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	set, err := NewItems([]item.Item{one}, [][]Rule{{m.Fit([]Layout{layout})}}, x, Options{Grams: x.AppendGrams})
	if err != nil {
		t.Fatal(err)
	}
	matcher, scan, c := x.NewMatcher(), x.NewScanner(), set.NewCollector()
	var cover Cover
	for i, d := range docs {
		c.Reset(fmt.Sprint("s", i))
		c.Begin([]byte(d))
		matcher.Document(scan, []byte(d), c.Add)
		c.End(0, "", []byte(d))
		for _, one := range c.Covers() {
			set.Merge(0, &cover, one)
		}
	}
	if cover.Tallies == nil {
		return set.Judge(0, 0, nil, x.AppendGrams)
	}
	return set.Judge(0, 0, &cover, x.AppendGrams)
}

// TestHELMMetrics (the code of stanford-crfm/data-overlap): of 20 words, 5-grams at
// words 2, 3 and 10 stand in the corpus 1, 4 and 20 times.
func TestHELMMetrics(t *testing.T) {
	var docs []string
	docs = append(docs, span(2, 8))                                   // both of 2 and 3
	docs = append(docs, span(3, 8)+" x "+span(3, 8)+" x "+span(3, 8)) // occurrences count, not documents
	docs = append(docs, strings.Repeat(span(10, 15)+" x ", 12))
	docs = append(docs, slices.Repeat([]string{span(10, 15)}, 8)...)
	it := question(span(0, 20))
	v := helmItem(t, nil, it, docs...)
	want := map[string]any{
		"input_binary": 1., "input_jaccard": .1875, "input_jaccard_weighted": .08125, "input_token": .55, "input_token_weighted": .3125,
		"input_binary_10": 1., "input_jaccard_10": .125, "input_jaccard_weighted_10": .078125, "input_token_10": .30, "input_token_weighted_10": .30,
	}
	if len(v.Details) != len(want) {
		t.Errorf("details %v", v.Details)
	}
	for name, x := range want {
		if got, _ := v.Details[name].(float64); math.Abs(got-x.(float64)) > 1e-12 {
			t.Errorf("%s is %g, want %g", name, got, x)
		}
	}
	if v.State != item.Flagged || v.Score != 1 {
		t.Errorf("%+v", v)
	}
	for _, c := range []struct {
		params map[string]string
		score  float64
	}{
		{map[string]string{"metric": "jaccard"}, .1875}, {map[string]string{"metric": "jaccard", "weighted": "yes", "filter": "10"}, .078125},
		{map[string]string{"metric": "token", "filter": "10"}, .30}, {map[string]string{"metric": "token", "weighted": "yes"}, .3125},
		{map[string]string{"filter": "3"}, 1}, {map[string]string{"side": "reference"}, 0}, {map[string]string{"side": "either"}, 1},
	} {
		if v := helmItem(t, c.params, it, docs...); math.Abs(v.Score-c.score) > 1e-12 || (v.State == item.Flagged) != (c.score > 0) {
			t.Errorf("%v: %v %g, want %g", c.params, v.State, v.Score, c.score)
		}
	}
	if v := helmItem(t, map[string]string{"filter": "1"}, question(span(3, 8)), docs...); v.State != item.Clean || v.Details["input_binary"] != 1. {
		t.Errorf("only n-grams above the filter: %+v", v)
	}
	both := testItem{item.Question: span(0, 20), item.Answer: span(30, 36)}
	if v := helmItem(t, map[string]string{"side": "reference"}, both, span(30, 35)); v.State != item.Flagged || v.Details["reference_jaccard"] != .5 || v.Details["input_binary"] != nil {
		t.Errorf("reference: %+v", v)
	}
	// Empty words at the ends of texts take part: "(a b c d)" is five words and two empty ones.
	if v := helmItem(t, nil, question("(a b c d"), "x! a b c d"); v.State != item.Clean || v.Words != 5 {
		t.Errorf("an empty word stands inside a document: %+v", v)
	}
	if v := helmItem(t, nil, question("(a b c d"), "[A, B; c d e"); v.State != item.Flagged {
		t.Errorf("empty words at the beginning of both: %+v", v)
	}
}

// TestSettings: what is not a method, a parameter or a value is refused by name.
func TestSettings(t *testing.T) {
	for _, c := range []struct{ method, param, value, say string }{
		{"gpt5", "n", "3", `unknown method "gpt5"`},
		{"gpt3", "m", "3", `method gpt3 has no parameter "m": it has n, min`},
		{"starcoder", "n", "3", "it has none"},
		{"gpt3", "n", "x", `gpt3.n: "x" is not a whole number from 0 to 64`},
		{"gpt3", "n", "65", "from 0 to 64"},
		{"gpt3", "n", "-1", "from 0 to 64"},
		{"palm", "threshold", "1.1", `palm.threshold: "1.1" is not a number from 0 to 1`},
		{"palm", "threshold", "NaN", "from 0 to 1"},
		{"palm", "fields", "all", `"all" is not one of union, any`},
		{"helm", "side", "x", "helm.side"},
	} {
		_, err := Methods(Settings{Params: map[string]map[string]string{c.method: {c.param: c.value}}})
		if err == nil || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	all, err := Methods(Settings{Params: map[string]map[string]string{"helm": {"filter": "3"}, "helm9": {"filter": "4"}}, Parts: map[string]item.Parts{"gpt4": item.PartsOf(item.Answer)}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	for _, m := range all {
		if m.Group == "helm" {
			got[m.Name] = m.intValue("filter")
		}
		if m.Name == "gpt4" && m.Parts != item.PartsOf(item.Answer) {
			t.Errorf("gpt4 looks at %v", m.Parts.Names())
		}
		if m.Text == "" || m.Source == "" || m.Version < 1 || m.Norm == "" || m.Unit == "" || m.judge == nil && m.Norm != Plain && m.Norm != Bag || m.N == nil {
			t.Errorf("%s is not defined", m.Name)
		}
	}
	if want := map[string]any{"helm5": 3, "helm9": 4, "helm13": 3}; !reflect.DeepEqual(got, want) {
		t.Errorf("filters %v", got)
	}
}
