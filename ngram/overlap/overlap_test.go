package overlap

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"swab/ngram"
	"swab/ngram/exact"
	"swab/ngram/item"
)

// A testItem's parts are words joined by single spaces, so a reference can work on
// strings alone.
type testItem [item.NumParts]string

type testDoc struct {
	shard, id, text string
	row             int64
}

func field(n int, words []string, i int) string { return " " + strings.Join(words[i:i+n], " ") + " " }

// cut lists the words of a document and the bytes that they stand in.
func cut(text string) (words []string, at [][2]int) {
	for from := 0; from < len(text); {
		if text[from] == ' ' {
			from++
			continue
		}
		to := from + strings.IndexByte(text[from:]+" ", ' ')
		words, at = append(words, text[from:to]), append(at, [2]int{from, to})
		from = to
	}
	return words, at
}

// places lists where words stand in a document.
func places(doc, words []string) (at []int) {
	for j := 0; j+len(words) <= len(doc); j++ {
		if slices.Equal(doc[j:j+len(words)], words) {
			at = append(at, j)
		}
	}
	return at
}

// frame says which grams of n words are template: " a b c " to whether it is.
func frame(items []testItem, n int) func(gram string) bool {
	in := map[string]map[int]bool{}
	for i, it := range items {
		for _, text := range it {
			words := strings.Fields(text)
			for k := 0; k+n <= len(words); k++ {
				g := field(n, words, k)
				if in[g] == nil {
					in[g] = map[int]bool{}
				}
				in[g][i] = true
			}
		}
	}
	return func(g string) bool { return len(in[g]) >= 5 && 100*len(in[g]) >= len(items) }
}

// reference says what a rule makes of an item and documents, from its definition:
// by comparing strings at every place.
func reference(r Rule, items []testItem, it testItem, docs []testDoc, ignore bool) (v Verdict) {
	template := frame(items, r.N)
	type spot struct {
		p    item.Part
		i, n int // a gram's part, first word, words
	}
	var spots []spot
	lengths := map[item.Part]int{}
	for p, text := range it {
		words := strings.Fields(text)
		if !r.Parts.Has(item.Part(p)) || len(words) == 0 {
			continue
		}
		v.Words += len(words)
		lengths[item.Part(p)] = len(words)
		for i := 0; i+r.N <= len(words); i++ {
			spots = append(spots, spot{item.Part(p), i, r.N})
		}
		if s := r.Method.Level.Short; s > 0 && len(words) >= s && len(words) < r.N {
			spots = append(spots, spot{item.Part(p), 0, len(words)})
		}
	}
	if v.State = item.Clean; len(spots) == 0 {
		return Verdict{State: item.NotCheckable, Words: v.Words}
	}
	part := func(p item.Part) []string { return strings.Fields(it[p]) }
	isFrame := func(s spot) bool { return s.n == r.N && template(field(s.n, part(s.p), s.i)) }

	type word struct {
		p item.Part
		i int
	}
	counts, grams := map[spot][2]int{}, map[spot]bool{} // documents and occurrences; those found
	allWords, frameWords := map[word]bool{}, map[word]bool{}
	best, bestMean := 0, 0.0
	for _, d := range docs {
		words, at := cut(d.text)
		covered := map[word]bool{}
		longest := 0
		sides := [2][][2]int{} // bytes of input and answer
		side := func(p item.Part, from, to int) {
			k := 0
			if p == item.Answer {
				k = 1
			}
			sides[k] = append(sides[k], [2]int{at[from][0], at[to][1]})
		}
		if !r.Method.Level.Extend {
			found := map[spot]bool{}
			for _, s := range spots {
				js := places(words, part(s.p)[s.i:s.i+s.n])
				if len(js) == 0 {
					continue
				}
				found[s], grams[s] = true, true
				c := counts[s]
				counts[s] = [2]int{c[0] + 1, c[1] + len(js)}
				for _, j := range js {
					side(s.p, j, j+s.n-1)
				}
				if ignore && isFrame(s) {
					continue
				}
				for k := s.i; k < s.i+s.n; k++ {
					covered[word{s.p, k}] = true
				}
			}
			// the longest stretch of words all of whose n-grams count
			for _, s := range spots {
				for n := s.n; s.i+n <= lengths[s.p] && strings.Contains(" "+strings.Join(words, " ")+" ", field(n, part(s.p), s.i)); n++ {
					if last := (spot{s.p, s.i + n - s.n, s.n}); ignore && isFrame(last) {
						break
					}
					longest = max(longest, n)
				}
			}
		} else {
			for p := range lengths {
				text := part(p)
				for i := range text {
					for j := range words {
						if i > 0 && j > 0 && text[i-1] == words[j-1] {
							continue // not the beginning of a run
						}
						n := 0
						for i+n < len(text) && j+n < len(words) && text[i+n] == words[j+n] {
							n++
						}
						if n < r.N {
							continue
						}
						end, skipped, gaps := n, 0, map[int]bool{}
						for k := n; i+k < len(text) && j+k < len(words); k++ {
							if text[i+k] == words[j+k] {
								end = k + 1
							} else if gaps[k] = true; true {
								if skipped++; skipped > r.Method.Level.Skip {
									break
								}
							}
						}
						if end < r.Method.Level.Least {
							continue
						}
						longest = max(longest, end)
						side(p, j, j+n-1)
						for k := range end {
							if !gaps[k] || r.Method.Level.Gaps {
								covered[word{p, i + k}] = true
							}
						}
					}
				}
			}
			for w := range covered {
				allWords[w] = true
				for i := max(0, w.i-r.N+1); i <= w.i && i+r.N <= lengths[w.p]; i++ {
					if template(field(r.N, part(w.p), i)) {
						frameWords[w] = true
					}
				}
				if ignore && frameWords[w] {
					delete(covered, w)
				}
			}
			if len(covered) == 0 {
				longest = 0
			}
		}
		for _, a := range sides[0] {
			for _, b := range sides[1] {
				if a[1]+MaxGap >= b[0] && b[1]+MaxGap >= a[0] {
					v.Seen = item.SeenBoth
				}
			}
		}
		if longest > 0 {
			v.Documents++
		}
		mean := 0.0
		for p := range item.NumParts {
			if lengths[p] > 0 {
				n := 0
				for w := range covered {
					if w.p == p {
						n++
					}
				}
				mean += float64(n) / float64(lengths[p])
			}
		}
		best, bestMean, v.Longest = max(best, len(covered)), max(bestMean, mean/float64(len(lengths))), max(v.Longest, longest)
	}
	// What counts: the grams found, or the words of runs.
	union := map[word]bool{}
	for s := range grams {
		for k := s.i; k < s.i+s.n; k++ {
			allWords[word{s.p, k}] = true
			if isFrame(s) {
				frameWords[word{s.p, k}] = true
			}
		}
		c := counts[s]
		if ignore && isFrame(s) || r.limit(c) {
			delete(grams, s)
			continue
		}
		for k := s.i; k < s.i+s.n; k++ {
			union[word{s.p, k}] = true
		}
	}
	if r.Method.Level.Extend {
		for w := range allWords {
			if !ignore || !frameWords[w] {
				union[w] = true
			}
		}
	}
	for w := range union {
		v.Parts |= 1 << w.p
	}
	if len(allWords) > 0 {
		v.Template = float64(len(frameWords)) / float64(len(allWords))
	}
	switch {
	case v.Seen == item.SeenBoth:
	case v.Parts == 0:
	case v.Parts == item.PartsOf(item.Answer):
		v.Seen = item.SeenAnswer
	default:
		v.Seen = item.SeenInput
	}
	of := func(parts ...item.Part) float64 {
		found, all := 0, 0
		seen := map[string]bool{}
		for _, s := range spots {
			if slices.Contains(parts, s.p) {
				if r.has("count") && r.hasValue("count", "distinct") {
					g := fmt.Sprint(s.p) + field(s.n, part(s.p), s.i)
					if seen[g] {
						continue
					}
					seen[g] = true
				}
				all++
				if grams[s] {
					found++
				}
			}
		}
		if r.Name == "gpt2" {
			v.Grams = [2]int{found, all}
		}
		return ratio(found, all)
	}
	every := []item.Part{item.Context, item.Question, item.Choices, item.Answer}
	v.Matched = len(union)
	flagged := false
	switch r.Name {
	case "gpt2":
		v.Score = of(every...)
		flagged = v.Score > r.Threshold
	case "gpt3", "qwen2", "deepseek":
		if flagged = len(union) > 0; flagged {
			v.Score = 1
		}
	case "palm":
		v.Score = of(every...)
		if r.hasValue("fields", "any") {
			v.Score = max(of(item.Context), of(item.Question), of(item.Answer))
		}
		flagged = v.Score > 0 && v.Score >= r.Threshold
	case "llama3", "token-match", "token-extend":
		v.Score = ratio(len(union), v.Words)
		flagged = v.Score > 0 && v.Score >= r.Threshold
	case "llama2":
		v.Score = ratio(len(union), v.Words)
		flagged = v.Score > 0 && v.Score >= r.Threshold
		if len(allWords) > 0 {
			subset := []string{"clean", "not dirty"}
			if v.Score >= 0.2 {
				subset[0] = "not clean"
			}
			if v.Score >= 0.8 {
				subset[1] = "dirty"
			}
			v.Details = map[string]any{"subset": strings.Join(subset, ", ")}
		}
	case "ngram-match":
		v.Score = of(every...)
		flagged = v.Score > 0 && v.Score >= r.Threshold
	case "coverage8":
		v.Score, v.Matched = ratio(best, v.Words), best
		flagged = 2*best > v.Words
	case "tulu3":
		v.Score, v.Matched = bestMean, best
		flagged = bestMean > 0.5
	case "longest8":
		v.Score, v.Matched = ratio(v.Longest, v.Words), v.Longest
		flagged = v.Score > 0 && v.Score >= r.Threshold
	default:
		panic(r.Name)
	}
	if flagged {
		v.State = item.Flagged
	}
	return v
}

func (m *Method) has(param string) bool {
	return slices.ContainsFunc(m.Params, func(p Param) bool { return p.Name == param })
}

// limit says whether a gram that stands in c[0] documents, c[1] times, does not count.
func (r Rule) limit(c [2]int) bool {
	return r.has("max-documents") && r.intValue("max-documents") > 0 && c[0] > r.intValue("max-documents") || r.has("mincount") && c[1] < r.intValue("mincount")
}

// settings choose in turn every way of reading a paper that a parameter chooses.
var settings = []map[string]map[string]string{
	{},
	{"gpt2": {"threshold": "0.2", "count": "distinct"}, "gpt3": {"max-documents": "1", "percentile": "linear"}, "palm": {"fields": "any", "threshold": "0.5"},
		"llama2": {"gaps": "no", "length": "12", "skip": "1"}, "ngram-match": {"mincount": "2", "threshold": "0.1"}, "token-match": {"mincount": "3", "threshold": "0.1"},
		"token-extend": {"skip": "0"}, "deepseek": {"n": "9", "short": "5"}, "qwen2": {"short": "8"}, "tulu3": {"n": "9"}, "longest8": {"threshold": "0"}},
	{"gpt3": {"n": "9", "short": "3", "max-documents": "2"}, "palm": {"count": "distinct"}, "llama2": {"n": "8", "skip": "9", "length": "30"},
		"token-extend": {"skip": "2", "gaps": "no", "n": "9"}, "deepseek": {"short": "0"}, "llama3": {"threshold": "0.9"}},
}

func wordMethods(t testing.TB, set map[string]map[string]string, names ...string) []*Method {
	t.Helper()
	all, err := Methods(Settings{Params: set})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(m *Method) bool {
		return m.Norm != "words" || len(names) > 0 && !slices.Contains(names, m.Name)
	})
}

func collect(t testing.TB, items []testItem, methods []*Method, n int, docs []testDoc, o Options) (*testItems, map[int]*Cover) {
	t.Helper()
	return collectBy(t, items, methods, n, docs, o, runsOnly)
}

// How documents are collected.
const (
	runsOnly = iota
	asRepetitive
	asCrowd   // all documents
	asCrowded // those that share seeds with many texts
)

// collectBy collects documents from their runs, as repetitive ones, or several together.
func collectBy(
	t testing.TB, items []testItem, methods []*Method, n int, docs []testDoc, o Options, how int,
) (*testItems, map[int]*Cover) {
	t.Helper()
	b, err := exact.NewBuilder(ngram.Words(n))
	if err != nil {
		t.Fatal(err)
	}
	var list []item.Item
	for _, texts := range items {
		it := item.Absent(0)
		for p, text := range texts {
			if text != "" {
				number, err := b.Add(text)
				if err != nil {
					t.Fatal(err)
				}
				it.Texts[p] = int32(number)
			}
		}
		list = append(list, it)
	}
	layouts := make([]Layout, len(list))
	for i, it := range list {
		for p, text := range it.Texts {
			if text != item.None {
				layouts[i][p] = b.Words(int(text))
			}
		}
	}
	var rules []Rule
	for _, m := range methods {
		rules = append(rules, m.Fit(layouts))
	}
	x, err := b.Build(n, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Grams = x.AppendGrams
	is, err := NewItems(list, [][]Rule{rules}, x, o)
	if err != nil {
		t.Fatal(err)
	}
	set := &testItems{Items: is, index: x}
	m, scan := x.NewMatcher(), x.NewScanner()
	defer func() { set.work = m.Work() }()
	byShard := map[string]*Collector{}
	for _, d := range docs {
		c := byShard[d.shard]
		if c == nil {
			c = set.NewCollector()
			c.Reset(d.shard)
			byShard[d.shard] = c
		}
		c.Begin([]byte(d.text))
		if how == asCrowded {
			m.Repeats().Allowance = 0
		}
		m.Document(scan, []byte(d.text), c.Add)
		if how == asCrowd || m.Repeats().Crowded() {
			c.PutOff(d.row, d.id, []byte(d.text))
			continue
		}
		if how == asRepetitive || m.Repeats().Repetitive() {
			c.AddRepetitive([]byte(d.text))
		}
		c.End(d.row, d.id, []byte(d.text))
	}
	covers := map[int]*Cover{}
	for _, c := range byShard { // in random order
		if c.again != nil {
			set.again += c.again.work
		}
		covered := maps.Collect(c.Covers())
		if c.crowd != nil {
			set.again += c.crowd.work
		}
		for i, cover := range covered {
			if covers[i] == nil {
				covers[i] = &Cover{}
			}
			set.Merge(i, covers[i], cover)
		}
	}
	return set, covers
}

// testItems are items with their index.
type testItems struct {
	*Items
	index       *exact.Index
	work, again int // steps of the matcher, and for repetitive documents
}

func (s *testItems) judge(i, k int, c *Cover) Verdict {
	v := s.Judge(i, k, c, s.index.AppendGrams)
	v.Counted = nil
	return v
}

// rounds is n, or a tenth of it in a short run.
func rounds(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

func randomCase(rng *rand.Rand) (items []testItem, docs []testDoc) {
	alphabet := strings.Fields("a b c d e f g h i j k l m n o p")[:2+rng.IntN(14)]
	words := func(most int) string {
		var w []string
		for range rng.IntN(most + 1) {
			w = append(w, alphabet[rng.IntN(len(alphabet))])
		}
		return strings.Join(w, " ")
	}
	for range 1 + rng.IntN(6) {
		var it testItem
		for p := range it {
			it[p] = words(30)
		}
		items = append(items, it)
		if rng.IntN(3) == 0 { // another item on the same passage
			it[item.Question] = words(20)
			items = append(items, it)
		}
	}
	for i := range rng.IntN(8) {
		text, of := words(40), rng.IntN(len(items))
		for range rng.IntN(4) {
			if rng.IntN(8) == 0 {
				text += strings.Repeat(" filler", 130+rng.IntN(30)) + " " // about as long as Near
			}
			w := strings.Fields(items[of][rng.IntN(int(item.NumParts))])
			if len(w) > 0 {
				from := rng.IntN(len(w))
				w = slices.Clone(w[from : from+rng.IntN(len(w)-from+1)])
				for range rng.IntN(3) * rng.IntN(4) { // a few words differ
					if len(w) > 0 {
						w[rng.IntN(len(w))] = "other"
					}
				}
				text += " " + strings.Join(w, " ") + " " + words(3)
			}
		}
		docs = append(docs, testDoc{fmt.Sprintf("s%d", rng.IntN(3)), fmt.Sprint("d", i), text, int64(i)})
	}
	return items, docs
}

// TestVerdictsEqualReference: every method over words, in every reading, with the
// template left out or not, says what its definition says.
func TestVerdictsEqualReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	states, seen := map[string]int{}, map[item.Seen]int{}
	for round := range rounds(240) {
		items, docs := randomCase(rng)
		if rng.IntN(2) == 0 { // a frame around all items
			for i := range items {
				for p := range items[i] {
					items[i][p] = strings.TrimSpace("a b a b c d a b a b " + items[i][p])
				}
			}
		}
		methods := wordMethods(t, settings[round%len(settings)])
		o := Options{IgnoreTemplate: rng.IntN(3) == 0}
		set, covers := collect(t, items, methods, 8, docs, o)
		for i, it := range items {
			for k, r := range set.Rules(i) {
				got, want := set.judge(i, k, covers[i]), reference(r, items, it, docs, o.IgnoreTemplate)
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%s n=%d ignore %v\nitems %q\nitem %q\ndocs %+v\n got %+v\nwant %+v", r.Name, r.N, o.IgnoreTemplate, items, it, docs, got, want)
				}
				states[r.Name+" "+string(got.State)]++
				seen[got.Seen]++
				if !o.IgnoreTemplate {
					checkEvidence(t, r, it, docs, covers[i])
				}
			}
		}
	}
	for _, m := range wordMethods(t, nil) {
		for _, s := range []item.State{item.Flagged, item.Clean, item.NotCheckable} {
			if states[m.Name+" "+string(s)] < 2 && !testing.Short() {
				t.Errorf("%s is %s in %d cases: the cases are not mixed", m.Name, s, states[m.Name+" "+string(s)])
			}
		}
	}
	for _, s := range []item.Seen{item.SeenNothing, item.SeenInput, item.SeenAnswer, item.SeenBoth} {
		if seen[s] < rounds(50) {
			t.Errorf("%q was seen in %d cases", s, seen[s])
		}
	}
}

// checkEvidence checks that the strongest document of a rule is kept, and that quotes are
// the document's text.
func checkEvidence(t *testing.T, r Rule, item testItem, docs []testDoc, c *Cover) {
	t.Helper()
	k := r.at
	if c == nil || c.Tallies[k].Documents == 0 || r.Level.Extend {
		return
	}
	longest, covered, kept := 0, 0, int64(0)
	for _, s := range c.Evidence {
		d := docs[slices.IndexFunc(docs, func(d testDoc) bool { return d.shard == s.Shard && d.row == s.Row })]
		if d.id != s.ID {
			t.Fatalf("sighting of %q names %q", d.id, s.ID)
		}
		longest, covered = max(longest, s.Found[k].Longest), max(covered, s.Found[k].Covered)
		if s.Found[k].Longest > 0 {
			kept++
		}
		for _, q := range s.Quotes {
			words := strings.Join(strings.Fields(item[q.Part])[q.At:q.At+q.Words], " ")
			if in := strings.Join(strings.Fields(d.text[q.Start:q.End]), " "); in != words {
				t.Fatalf("quote %q, words %q", in, words)
			}
			if !strings.HasPrefix(d.text[q.TextStart:], q.Text) || q.TextStart > q.Start || q.TextStart+int64(len(q.Text)) < q.End {
				t.Fatalf("quote %+v does not show its words", q)
			}
		}
	}
	tally := c.Tallies[k]
	if longest != tally.Longest || !r.byCovered && kept < min(tally.Documents, MaxEvidence) || r.byCovered && covered != tally.Covered {
		if r.byCovered && longest != tally.Longest {
			return // its strongest document need not hold the longest run
		}
		t.Fatalf("%s: tally %+v, sightings show %d and %d in %d documents", r.Name, tally, longest, covered, kept)
	}
}

// TestMergeInAnyTree: however documents are put into shards and shards merged, a
// cover is the same.
func TestMergeInAnyTree(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for range rounds(300) {
		items, docs := randomCase(rng)
		for len(docs) < 12 {
			_, more := randomCase(rng)
			docs = append(docs, more...)
		}
		for i := range docs {
			docs[i].shard, docs[i].row = fmt.Sprintf("s%02d", i), 0
		}
		set, want := collect(t, items, wordMethods(t, settings[1]), 8, docs, Options{})
		var parts []map[int]*Cover
		for i := range docs {
			_, one := collect(t, items, wordMethods(t, settings[1]), 8, docs[i:i+1], Options{})
			parts = append(parts, one)
		}
		for len(parts) > 1 {
			i := rng.IntN(len(parts))
			a := parts[i]
			parts = slices.Delete(parts, i, i+1)
			j := rng.IntN(len(parts))
			for item, c := range a {
				if parts[j][item] == nil {
					parts[j][item] = &Cover{}
				}
				set.Merge(item, parts[j][item], c)
			}
		}
		if len(want) != len(parts[0]) {
			t.Fatalf("%d items, want %d", len(parts[0]), len(want))
		}
		for item, c := range parts[0] {
			if !reflect.DeepEqual(c, want[item]) {
				t.Fatalf("item %d:\n got %+v\nwant %+v", item, c, want[item])
			}
		}
	}
}

func TestPercentileNearestRank(t *testing.T) {
	// METHODS: 50 items of length 20 and 3 of length 9 give 9 by nearest rank.
	lengths := slices.Concat(slices.Repeat([]int{20}, 50), []int{9, 9, 9})
	if got := Percentile(lengths, 5); got != 9 {
		t.Errorf("5th percentile %d, want 9", got)
	}
	if Percentile(nil, 5) != 0 || Percentile([]int{3}, 5) != 3 || Percentile([]int{1, 2}, 100) != 2 || Percentile([]int{2, 1}, 0) != 1 {
		t.Error("edges")
	}
}

func TestGPT3NIsBetween8And13(t *testing.T) {
	m := wordMethods(t, nil, "gpt3")[0]
	for _, c := range []struct{ length, n int }{{1, 8}, {8, 8}, {10, 10}, {13, 13}, {400, 13}} {
		if got := m.Fit([]Layout{{item.Question: c.length}}).N; got != c.n {
			t.Errorf("items of %d words: n %d, want %d", c.length, got, c.n)
		}
	}
}

func TestBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 2000 {
		size, n := 1+rng.IntN(200), 1+rng.IntN(20)
		set, plain := make([]uint64, (size+63)/64), make([]bool, size+n+200)
		for range rng.IntN(4) {
			from := rng.IntN(size)
			to := from + rng.IntN(size-from+1)
			setRange(set, from, to)
			for i := from; i < to; i++ {
				plain[i] = true
			}
		}
		covered, grams := make([]bool, len(plain)), 0
		for i := range size {
			if plain[i] {
				grams++
				for k := range n {
					covered[i+k] = true
				}
			}
		}
		words := 0
		for _, c := range covered {
			if c {
				words++
			}
		}
		if w, g := countCovered(set, 0, size, n); w != words || g != grams {
			t.Fatalf("%b n %d: %d words %d grams, want %d and %d", set, n, w, g, words, grams)
		}
		offset := rng.IntN(150)
		moved := make([]uint64, (size+offset+63)/64)
		orAt(moved, set, offset)
		for i := range size {
			if moved[(i+offset)/64]>>((i+offset)%64)&1 == 1 != plain[i] {
				t.Fatalf("bit %d moved by %d", i, offset)
			}
		}
	}
}

// TestSuspectBoundsEveryVerdict: with the n-grams that the documents hold, and some
// that they do not, no verdict of the documents is stronger than the suspicion.
func TestSuspectBoundsEveryVerdict(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	flagged := 0
	for range rounds(600) {
		items, docs := randomCase(rng)
		set, covers := collect(t, items, wordMethods(t, settings[1]), 8, docs, Options{})
		n := 3 + rng.IntN(6)
		for i, it := range items {
			var hits [item.NumParts][]uint64
			for p, text := range it {
				words := strings.Fields(text)
				if len(words) < n {
					continue
				}
				hits[p] = make([]uint64, (len(words)+63)/64)
				for k := 0; k+n <= len(words); k++ {
					in := rng.IntN(50) == 0
					for _, d := range docs {
						in = in || strings.Contains(" "+strings.Join(strings.Fields(d.text), " ")+" ", field(n, words, k))
					}
					if in {
						SetGram(hits[p], k)
					}
				}
			}
			bound := set.Suspect(i, n, hits)
			for k, r := range set.Rules(i) {
				if r.Level.Short > 0 {
					continue
				}
				is, may := set.judge(i, k, covers[i]), set.judge(i, k, bound)
				if is.State == item.Flagged && may.State != item.Flagged || is.Score > may.Score || is.Longest > may.Longest || is.Matched > may.Matched ||
					(is.State == item.NotCheckable) != (may.State == item.NotCheckable) {
					t.Fatalf("%s n %d of %d: %q: is %+v, suspected %+v", r.Name, n, r.N, it, is, may)
				}
				if is.State == item.Flagged {
					flagged++
				}
			}
		}
	}
	if flagged < rounds(100) {
		t.Errorf("only %d flags", flagged)
	}
}
