package substr

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"swab/ngram"
	"swab/ngram/exact"
	"swab/pipeline/sample"
)

type recipe struct {
	name    string
	builder func() *Builder
	plain   func(r rune) (rune, bool) // its definition; r is -1 for a byte that is not UTF-8
}

var recipes = []recipe{
	{"chars", NewBuilder, func(r rune) (rune, bool) {
		if r < 0 || unicode.Is(unicode.Variation_Selector, r) || r == '\u034f' {
			return 0, false
		}
		return r, unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r)
	}},
	{"raw", NewRawBuilder, func(r rune) (rune, bool) { return unicode.ToLower(r), true }},
	{"chars of many texts", func() *Builder {
		b := NewBuilder()
		b.dense = 0
		return b
	}, func(r rune) (rune, bool) {
		return r, unicode.In(r, unicode.L, unicode.M, unicode.N) && !unicode.Is(unicode.Variation_Selector, r) && r != '\u034f'
	}},
}

// normal gives the characters of text and the bytes where each stands.
func (c recipe) normal(text string) (chars []rune, spans []ngram.Span) {
	for i, r := range text {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd") {
			r, size = -1, 1
		}
		if r, ok := c.plain(r); ok {
			chars = append(chars, r)
			spans = append(spans, ngram.Span{Start: uint32(i), End: uint32(i + size)})
		}
	}
	return chars, spans
}

// plainRuns compares every character with every character.
func plainRuns(n, number int, text, doc []rune, spans []ngram.Span) (runs []exact.Run) {
	if len(text) == 0 {
		return nil
	}
	n = min(n, len(text))
	for d := n - len(text); d <= len(doc)-n; d++ { // text[i] lies on doc[i+d]
		length := 0
		for i := max(0, -d); ; i++ {
			if i < len(text) && i+d < len(doc) && text[i] == doc[i+d] {
				length++
				continue
			}
			if length >= n {
				a := i - length
				runs = append(runs, exact.Run{Text: number, At: a, Doc: a + d, Words: length, Start: spans[a+d].Start, End: spans[i+d-1].End})
			}
			length = 0
			if i >= len(text) || i+d >= len(doc) {
				break
			}
		}
	}
	return runs
}

// inOrder sorts runs as Document promises to hand them out.
func inOrder(runs []exact.Run) []exact.Run {
	slices.SortFunc(runs, func(a, b exact.Run) int {
		return cmp.Or(cmp.Compare(a.Doc+a.Words, b.Doc+b.Words), cmp.Compare(b.Text, a.Text), cmp.Compare(b.At+b.Words, a.At+a.Words))
	})
	return runs
}

func build(t testing.TB, c recipe, n int, texts []string) (*Index, []int) {
	t.Helper()
	b := c.builder()
	numbers := make([]int, len(texts))
	for i, text := range texts {
		var err error
		if numbers[i], err = b.Add(text); err != nil {
			t.Fatal(err)
		}
	}
	x, err := b.Build(n)
	if err != nil {
		t.Fatal(err)
	}
	return x, numbers
}

func check(t *testing.T, c recipe, n int, texts, docs []string) {
	t.Helper()
	x, numbers := build(t, c, n, texts)
	normals := make([][]rune, x.Texts())
	for i, text := range texts {
		chars, _ := c.normal(text)
		if old := normals[numbers[i]]; old != nil && !slices.Equal(old, chars) {
			t.Fatalf("%s: %q has the number of another text", c.name, text)
		}
		normals[numbers[i]] = chars
		if x.Words(numbers[i]) != len(chars) {
			t.Fatalf("%s: %q has %d characters, want %d", c.name, text, x.Words(numbers[i]), len(chars))
		}
	}
	m := x.NewMatcher()
	m.repeats.Start = 1 << 30 // all runs
	for _, doc := range docs {
		var got, want []exact.Run
		count := m.Document([]byte(doc), func(r exact.Run) { got = append(got, r) })
		chars, spans := c.normal(doc)
		if count != len(chars) {
			t.Fatalf("%s: %q: %d characters, want %d", c.name, doc, count, len(chars))
		}
		for number, text := range normals {
			want = append(want, plainRuns(n, number, text, chars, spans)...)
		}
		if !slices.Equal(got, inOrder(want)) {
			t.Fatalf("%s: n=%d texts %.2000q doc %.3000q:\n got %v\nwant %v", c.name, n, texts, doc, got, want)
		}
		for _, r := range got {
			text := normals[r.Text]
			if cut, _ := c.normal(doc[r.Start:r.End]); !slices.Equal(cut, text[r.At:r.At+r.Words]) {
				t.Fatalf("%s: span of %v in %q holds %q", c.name, r, doc, doc[r.Start:r.End])
			}
			first, size := utf8.DecodeRuneInString(doc[r.Start:])
			if _, ok := c.plain(first); !ok && size > 1 {
				t.Fatalf("%s: span of %v in %q begins with %q", c.name, r, doc, first)
			}
		}
	}
}

var alphabets = [][]string{
	{"a"}, {"a", "b"}, {"a", "b", " "}, {"a", "A", ".", "\n"}, {"a", "b", "c", "d", "e", "f", "g", "h", "1", "2", " ", ", "},
	{"é", "è", "e\u0301", "e"}, {"中", "丯", "文", "x", "。"}, {"ก", "\u0e31", "\u0e48", " "}, {"क", "\u093f", "ख"},
	{"а", "б", "ё", "Ё"}, {"\xff", "a", "\ufffd", "\xe4\xb8", "K", "k", "Ⱥ", "İ"}, {"𠀀", "𠀁", "😀", "½", "❤\ufe0f"},
	{"eightchr", "Eightchr", "x"}, {"\x00", "\xfe", "\xfd", "a"},
}

// random gives a text of so many pieces, often with stretches that repeat.
func random(rng *rand.Rand, alphabet []string, pieces int) string {
	var list []string
	for len(list) < pieces {
		if len(list) > 4 && rng.IntN(12) == 0 {
			from := rng.IntN(len(list))
			part := list[from:min(len(list), from+1+rng.IntN(60))]
			for range 1 + rng.IntN(4) {
				list = append(list, part...)
			}
			continue
		}
		list = append(list, alphabet[rng.IntN(len(alphabet))])
	}
	return strings.Join(list, "")
}

func TestRunsEqualComparingEveryCharacter(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	sizes := []int{1, 2, 3, 4, 5, 7, 8, 11, 12, 23, 24, 25, 26, 27, 46, 47, 48, 50, 61, Whole}
	rounds := 600
	if testing.Short() {
		rounds = 200
	}
	for range rounds {
		alphabet := alphabets[rng.IntN(len(alphabets))]
		n := sizes[rng.IntN(len(sizes))]
		length := 4 * min(n, 50)
		var texts, docs []string
		for range 1 + rng.IntN(5) {
			texts = append(texts, random(rng, alphabet, rng.IntN(length+1)))
		}
		// Documents hold pieces of the texts, whole or changed in a place.
		for range 2 {
			doc := random(rng, alphabet, rng.IntN(length))
			for range rng.IntN(4) {
				text := texts[rng.IntN(len(texts))]
				from := rng.IntN(len(text) + 1)
				to := from + rng.IntN(len(text)-from+1)
				doc += text[from:to] + random(rng, alphabet, rng.IntN(3))
			}
			docs = append(docs, doc)
		}
		docs = append(docs, texts[0], texts[0]+alphabet[0], alphabet[0]+strings.Join(texts, ""))
		check(t, recipes[rng.IntN(len(recipes))], n, texts, docs)
	}
}

// TestPlacesExhaustively puts a shared stretch of 47 to 52 characters at every
// place of a text and of a document, modulo the period of what is compared.
func TestPlacesExhaustively(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	letters := func(n int, from rune) string {
		var b strings.Builder
		for range n {
			b.WriteRune(from + rune(rng.IntN(12)))
		}
		return b.String()
	}
	for _, n := range []int{26, 30, 46, 47, 50} {
		for shared := n - 1; shared <= n+2; shared++ {
			for inText := range 25 {
				stretch := letters(shared, 'a')
				text := letters(inText, 'n') + stretch + letters(50, 'n')
				var docs []string
				for inDoc := range 25 {
					docs = append(docs, letters(inDoc, 'A')+stretch+letters(inDoc%3, 'A'))
				}
				check(t, recipes[0], n, []string{text, letters(49, 'q')}, docs)
			}
		}
	}
}

// TestDocumentsLeaveNothingBehind holds documents that go on, at the same byte,
// where the one before them ended.
func TestDocumentsLeaveNothingBehind(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "%03d", 7*i%100)
	}
	text := b.String()
	var docs []string
	for k := range 150 {
		docs = append(docs, text[:100], strings.Repeat("z", k)+text[k:])
	}
	check(t, recipes[0], 50, []string{text}, docs)
}

func TestTinyAlphabetExhaustively(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: takes seconds")
	}
	alphabet := []string{"a", "b", "é", "."}
	rng := rand.New(rand.NewPCG(6, 6))
	var all []string
	var rec func(string, int)
	rec = func(text string, left int) {
		all = append(all, text)
		if left > 0 {
			for _, p := range alphabet {
				rec(text+p, left-1)
			}
		}
	}
	rec("", 3)
	for range 200 {
		rec(random(rng, alphabet, 4), 0)
	}
	docs := all[:0:0]
	for i, doc := range all {
		docs = append(docs, doc, doc+all[(i*7)%len(all)])
	}
	for _, c := range recipes {
		for n := 1; n <= 4; n++ {
			check(t, c, n, all, docs)
		}
	}
}

// TestShortTextsThatBeginAlike holds texts shorter than n of all lengths, each a
// beginning of others, against documents that hold some of them.
func TestShortTextsThatBeginAlike(t *testing.T) {
	base := "Whichofthefollowingstatementsaboutthe中文isnottrue12345"
	chars := []rune(base)
	var texts []string
	for i := 1; i <= len(chars); i++ {
		texts = append(texts, string(chars[:i]), string(chars[:i-1])+"Z", string(chars[:i-1])+"0")
	}
	docs := []string{base, "x" + base, "xx " + base + base, strings.Repeat("Which of ", 50), "Z0Z0WZWh0WhiZ"}
	for i := range chars {
		docs = append(docs, string(chars[:i])+"1", string(chars[i:]), string(chars[:i])+"Z"+string(chars[i:])+"0")
	}
	for _, n := range []int{10, 50, Whole} {
		check(t, recipes[0], n, texts, docs)
	}
}

func TestRunsOverBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	doc := random(rng, alphabets[4], 6*blockBytes)
	b := blockBytes
	chars, _ := recipes[0].normal(doc)
	s := string(chars)
	check(t, recipes[0], 50, []string{s[:200], s[b-100 : b+100], s[b-49 : b+1], s[b-48 : b+1], s[2*b-10 : 3*b+10], s[b : b+49], s[b-1 : b+30], s[b-49 : b]}, []string{doc, s})
}

func TestExactCharacters(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"I'm 12.5% sure_of it", "Im125sureofit"},
		{"Straße É e\u0301 ½ Ⅷ ²", "StraßeÉe\u0301½Ⅷ²"},
		{"ที่นี่ किताब 日本語。カー々", "ที่นี่किताब日本語カー々"},
		{"❤\ufe0f 😀 \u200b\u00ad\ufeff a\u200db \u034f", "ab"},
		{"\xff\xfe\ufffd\x00x", "x"},
	} {
		x, _ := build(t, recipes[0], 50, []string{c.text})
		if got := string(x.text(0)); got != c.want {
			t.Errorf("chars %q: %q, want %q", c.text, got, c.want)
		}
	}
	x, _ := build(t, recipes[1], Whole, []string{"  Return X+Y;\n\tÉΣ\u212a\xff"})
	if got, want := string(x.text(0)), "  return x+y;\n\téσk\xfd"; got != want {
		t.Errorf("raw: %q, want %q", got, want)
	}
}

func TestBuild(t *testing.T) {
	x, numbers := build(t, recipes[0], 50, []string{"One two", "Onetwo!", "one two", "", "...", "One"})
	if want := []int{0, 0, 1, 2, 2, 3}; !slices.Equal(numbers, want) {
		t.Errorf("numbers %v, want %v", numbers, want)
	}
	if x.Texts() != 4 || x.Words(0) != 6 || x.Words(2) != 0 || x.N() != 50 || x.Recipe() != Recipe(50) || x.Bytes() == 0 {
		t.Errorf("%d texts, %d and %d characters, n %d, %v", x.Texts(), x.Words(0), x.Words(2), x.N(), x.Recipe())
	}
	for _, n := range []int{0, -1} {
		if _, err := NewBuilder().Build(n); err == nil {
			t.Errorf("windows of %d characters are built", n)
		}
	}
	empty, err := NewBuilder().Build(50)
	if err != nil {
		t.Fatal(err)
	}
	if n := empty.NewMatcher().Document([]byte("some text"), func(exact.Run) { t.Error("a run with nothing") }); n != 8 {
		t.Errorf("%d characters", n)
	}
}

// TestHostileDocumentsTakeLinearWork counts comparisons, not time.
func TestHostileDocumentsTakeLinearWork(t *testing.T) {
	const size = 1 << 15
	phrase := "the quick brown fox jumps over the lazy dog again and " // 44 characters
	long := strings.Repeat(phrase, 30)
	var numbered []string
	for i := range 2000 {
		numbered = append(numbered, fmt.Sprintf("%d", i))
	}
	for _, c := range []struct {
		name  string
		n     int
		texts []string
		part  string
		most  float64 // comparisons a byte of the document
	}{
		{"one letter, nothing near", 50, []string{long}, "a", 0.1},
		{"one letter, a text of 60", 50, []string{strings.Repeat("a", 60)}, "a", 12},
		{"one letter, a text of 1000", 50, []string{strings.Repeat("a", 1000)}, "a", 40},
		{"one letter, a text of 8000", 50, []string{strings.Repeat("a", 8000)}, "a", 120},
		{"one wide letter, a text of 4000", 50, []string{strings.Repeat("ж", 4000)}, "ж", 70},
		{"two letters, a text of 1000", 50, []string{strings.Repeat("ab", 500)}, "ab", 20},
		{"a phrase, a text of it once", 50, []string{phrase + "x"}, phrase, 1},
		{"a phrase, a text of it often", 50, []string{long}, phrase, 2},
		{"a phrase of 40 and others", 50, []string{long}, phrase[:48] + "z", 2},
		{"short texts that begin alike", 50, []string{"a", "aa", "aaa", "aaaa", "aaaaaaaaaaaaaaa", strings.Repeat("a", 30), strings.Repeat("a", 40)}, "a", 40},
		{"numbers", 50, numbered, "1234 ", 30},
	} {
		x, _ := build(t, recipes[0], c.n, c.texts)
		m := x.NewMatcher()
		doc := []byte(strings.Repeat(c.part, size/len(c.part)))
		runs, pending := 0, 0
		m.Document(doc, func(exact.Run) { runs++; pending = max(pending, len(m.runs)) })
		rate := float64(m.work) / float64(len(doc))
		t.Logf("%s: %d runs, %.2f comparisons a byte, at most %d runs held", c.name, runs, rate, pending)
		if rate > c.most {
			t.Errorf("%s: %.1f comparisons a byte, want at most %.1f", c.name, rate, c.most)
		}
		if limit := 8 * (blockBytes + 8000); pending > limit {
			t.Errorf("%s: %d runs held, want at most %d", c.name, pending, limit)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	text := strings.Repeat("Plain words, é 日本語 ﬁ and e\u0301 so on. ", 200)
	for _, c := range recipes {
		x, _ := build(t, c, 50, []string{text, text[10:300], "Plain words", "日本語", "no"})
		m := x.NewMatcher()
		doc := []byte("So: " + text + text)
		runs := 0
		run := func() { m.Document(doc, func(exact.Run) { runs++ }) }
		run()
		if runs == 0 {
			t.Errorf("%s: no runs", c.name)
		}
		if n := testing.AllocsPerRun(5, run); n != 0 {
			t.Errorf("%s: %v allocations a document", c.name, n)
		}
	}
}

func FuzzRuns(f *testing.F) {
	f.Add(uint8(2), "a b c", "x A b c a b", "c a b c")
	f.Add(uint8(26), strings.Repeat("ab", 20), strings.Repeat("aab", 10), strings.Repeat("ab", 50))
	f.Add(uint8(50), strings.Repeat("中文é", 20), "文é中", strings.Repeat("文é中", 40))
	f.Add(uint8(50), "\xff\u212a", "İ", "\xfek\u0130Ⱥ")
	f.Fuzz(func(t *testing.T, n uint8, one, two, doc string) {
		if len(one)+len(two)+len(doc) > 300 {
			return
		}
		for _, c := range recipes {
			check(t, c, int(n%60)+1, []string{one, two}, []string{doc, one + doc + two, strings.Repeat(one, 3)})
			check(t, c, Whole, []string{one, two}, []string{doc, one + doc + two})
		}
	})
}

// TestDetectionProbabilities holds the draw of windows against METHODS 2.3: of an
// item of L characters, m in a row stand in a corpus.
func TestDetectionProbabilities(t *testing.T) {
	const seeds = 20000
	rng := rand.New(rand.NewPCG(4, 4))
	letters := func(n int, from byte) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = from + byte(rng.IntN(13))
		}
		return string(b)
	}
	for _, c := range []struct {
		l, m int
		want float64
	}{{500, 200, 0.7057}, {1000, 100, 0.1524}, {120, 120, 1}, {300, 49, 0}, {51, 50, 0.875}} {
		item := letters(c.l, 'a')
		x, _ := build(t, recipes[0], 50, []string{item})
		from := rng.IntN(c.l - c.m + 1)
		var runs []exact.Run
		x.NewMatcher().Document([]byte(letters(300, 'A')+item[from:from+c.m]+letters(300, 'A')), func(r exact.Run) { runs = append(runs, r) })
		found := 0
		for seed := range uint64(seeds) {
			if slices.ContainsFunc(Windows(seed, "bench/test/7", c.l, 50, 3), func(w int) bool {
				return slices.ContainsFunc(runs, func(r exact.Run) bool { return r.At <= w && w+50 <= r.At+r.Words })
			}) {
				found++
			}
		}
		p := 1 - math.Pow(1-max(0, float64(c.m-49))/float64(c.l-49), 3)
		if math.Abs(p-c.want) > 0.0001 {
			t.Errorf("L=%d m=%d: the formula gives %.4f, METHODS says %.4f", c.l, c.m, p, c.want)
		}
		if got, sigma := float64(found)/seeds, math.Sqrt(p*(1-p)/seeds); math.Abs(got-p) > 4*sigma {
			t.Errorf("L=%d m=%d: %.4f of seeds find it, want %.4f within %.4f", c.l, c.m, got, p, 4*sigma)
		}
	}
}

func TestWindows(t *testing.T) {
	for _, c := range []struct {
		chars int
		want  []int
	}{{0, nil}, {-1, nil}, {1, []int{0}}, {49, []int{0}}, {50, []int{0, 0, 0}}} {
		if got := Windows(1, "id", c.chars, 50, 3); !slices.Equal(got, c.want) {
			t.Errorf("%d characters: %v, want %v", c.chars, got, c.want)
		}
	}
	counts := make([]int, 11)
	for seed := range uint64(20000) {
		for _, w := range Windows(seed, "x", 60, 50, 3) {
			counts[w]++
		}
	}
	for w, n := range counts { // 60000 draws over 11 starts: 5455, sigma 70
		if n < 5455-4*71 || n > 5455+4*71 {
			t.Errorf("start %d is drawn %d times of 60000", w, n)
		}
	}
	if slices.Equal(Windows(1, "a", 1e6, 50, 3), Windows(1, "b", 1e6, 50, 3)) {
		t.Error("two items have the same windows")
	}
}

// TestWindowsForever pins the draw: audits are repeated by their seed.
func TestWindowsForever(t *testing.T) {
	for _, c := range []struct {
		seed     uint64
		identity string
		chars    int
		want     []int
	}{
		{0, "", 1000, []int{781, 882, 667}},
		{1, "gsm8k/test/17", 500, []int{336, 81, 149}},
		{1<<64 - 1, "mmlu/日本語", 50000, []int{19544, 24968, 21275}},
	} {
		if got := Windows(c.seed, c.identity, c.chars, 50, 3); !slices.Equal(got, c.want) {
			t.Errorf("seed %d, %q: %v, want %v", c.seed, c.identity, got, c.want)
		}
	}
}

// lines calls each with a field of every line of a file of JSON lines.
func lines(t testing.TB, path, field string, each func(string)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	dec := json.NewDecoder(bufio.NewReaderSize(r, 1<<20))
	for {
		var row map[string]any
		if err := dec.Decode(&row); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		if s, ok := row[field].(string); ok {
			each(s)
		}
	}
}

// TestRealTexts holds windows of real documents, cut anywhere, against
// strings.Contains on plainly normalised text.
func TestRealTexts(t *testing.T) {
	dir := os.Getenv("SWAB_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	if _, err := os.Stat(filepath.Join(dir, "README.md")); err != nil {
		t.Skipf("real data not present (%v): set SWAB_DATA to its folder to run this test", err)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	for _, name := range []string{"d2l-zh-000.jsonl.gz", "exercism-python-000.jsonl.gz", "tldr-000.jsonl.gz"} {
		var docs []string
		lines(t, filepath.Join(dir, "corpora", name), "text", func(s string) {
			if len(docs) < 40 && len(s) < 60000 {
				docs = append(docs, s)
			}
		})
		for _, c := range recipes {
			var texts []string
			for range 100 {
				chars := []rune(docs[rng.IntN(len(docs))])
				from := rng.IntN(len(chars))
				texts = append(texts, string(chars[from:min(len(chars), from+1+rng.IntN(120))]))
			}
			x, numbers := build(t, c, 50, texts)
			found := map[[2]int]bool{}
			m := x.NewMatcher()
			m.repeats.Start = 1 << 30 // all runs
			hits := 0
			for d, doc := range docs {
				chars, spans := c.normal(doc)
				m.Document([]byte(doc), func(r exact.Run) {
					if r.Words < min(50, x.Words(r.Text)) || spans[r.Doc].Start != r.Start || spans[r.Doc+r.Words-1].End != r.End {
						t.Fatalf("%s %s: document %d: %v", name, c.name, d, r)
					}
					if r.Words == x.Words(r.Text) {
						found[[2]int{d, r.Text}] = true
					}
				})
				plain := string(chars)
				for i, text := range texts {
					chars, _ := c.normal(text)
					want := len(chars) > 0 && strings.Contains(plain, string(chars))
					if want != found[[2]int{d, numbers[i]}] {
						t.Fatalf("%s %s: document %d holds %q: %v", name, c.name, d, text, want)
					}
					if want {
						hits++
					}
				}
			}
			t.Logf("%s %s: %d documents, %d pairs", name, c.name, len(docs), hits)
			if hits < 100 {
				t.Errorf("%s %s: only %d pairs", name, c.name, hits)
			}
		}
	}
}

// Matching beside package exact, both against the same texts; with "short", also
// against 4,000 texts of about 20 to 49 characters.
//
// 2-core AMD EPYC virtual machine, Go 1.26, other work on both cores: 8 MB against
// 10.7 million windows takes 28 to 40 ms.
func BenchmarkMatcher(b *testing.B) {
	var doc strings.Builder
	for i := 0; doc.Len() < 8<<20; i++ {
		doc.WriteString(sample.Item(5_000_000+i, 500))
	}
	text := []byte(doc.String())
	for _, items := range []int{2_000, 22_000} {
		s, e := NewBuilder(), must(exact.NewBuilder(ngram.Words(8)))
		windows := 0
		for i := range items {
			item := sample.Item(i, 100)
			number := must(s.Add(item))
			windows += s.Words(number) - 49
			must(e.Add(item))
		}
		x, ex := must(s.Build(50)), must(e.Build(8, 0, nil))
		short := NewBuilder()
		for i := range items {
			must(short.Add(sample.Item(i, 100)))
		}
		for i := range 4000 {
			must(short.Add(sample.Item(i, 20)[:24+i%40]))
		}
		shorts := must(short.Build(50))
		b.Run(fmt.Sprintf("windows=%d/short", windows), func(b *testing.B) {
			m := shorts.NewMatcher()
			b.SetBytes(int64(len(text)))
			runs := 0
			for b.Loop() {
				runs = 0
				m.Document(text, func(exact.Run) { runs++ })
			}
			b.ReportMetric(float64(runs), "runs")
		})
		b.Run(fmt.Sprintf("windows=%d/substr", windows), func(b *testing.B) {
			m := x.NewMatcher()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				m.Document(text, func(exact.Run) {})
			}
			b.ReportMetric(float64(x.Bytes())/float64(windows), "index-B/window")
		})
		b.Run(fmt.Sprintf("windows=%d/exact", windows), func(b *testing.B) {
			m, scan := ex.NewMatcher(), ex.NewScanner()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				m.Document(scan, text, func(exact.Run) {})
			}
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
