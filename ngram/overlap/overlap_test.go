package overlap

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"swab/ngram"
	"swab/ngram/exact"
)

// A testItem's parts are words joined by single spaces, so a reference can work on
// strings alone.
type testItem [NumParts]string

type testDoc struct {
	shard, id, text string
	row             int64
}

func field(n int, words []string, i int) string { return " " + strings.Join(words[i:i+n], " ") + " " }

// reference says what a rule makes of an item and documents, by substrings alone.
func reference(r Rule, item testItem, docs []testDoc) (v Verdict) {
	best, longest := 0, 0
	union := map[string]bool{}
	checkable := false
	for p, text := range item {
		if r.Parts.Has(Part(p)) {
			words := strings.Fields(text)
			v.Words += len(words)
			checkable = checkable || len(words) >= r.N
		}
	}
	if !checkable {
		return Verdict{State: NotCheckable, Words: v.Words}
	}
	for _, d := range docs {
		doc := " " + strings.Join(strings.Fields(d.text), " ") + " "
		covered := map[string]bool{}
		in := false
		for p, text := range item {
			if !r.Parts.Has(Part(p)) {
				continue
			}
			words := strings.Fields(text)
			for i := range words {
				for n := r.N; i+n <= len(words) && strings.Contains(doc, field(n, words, i)); n++ {
					in = true
					longest = max(longest, n)
					v.Parts |= 1 << p
					for k := i; k < i+n; k++ {
						covered[fmt.Sprint(p, k)] = true
						union[fmt.Sprint(p, k)] = true
					}
				}
			}
		}
		best = max(best, len(covered))
		if in {
			v.Documents++
		}
	}
	v.State, v.Longest = Clean, longest
	switch r.Name {
	case "gpt3":
		v.Matched = len(union)
		if longest > 0 {
			v.Score, v.State = 1, Flagged
		}
	case "coverage8":
		v.Matched, v.Score = best, float64(best)/float64(v.Words)
		if 2*best > v.Words {
			v.State = Flagged
		}
	case "longest8":
		v.Matched, v.Score = longest, float64(longest)/float64(v.Words)
		if v.Score >= DefaultLongest {
			v.State = Flagged
		}
	}
	return v
}

func collect(t *testing.T, items []testItem, methods []*Method, n int, docs []testDoc) (*Items, map[int]*Cover) {
	t.Helper()
	b, err := exact.NewBuilder(ngram.Words(n))
	if err != nil {
		t.Fatal(err)
	}
	var list []Item
	for _, it := range items {
		item := Item{Texts: [NumParts]int32{None, None, None, None}}
		for p, text := range it {
			if text != "" {
				number, err := b.Add(text)
				if err != nil {
					t.Fatal(err)
				}
				item.Texts[p] = int32(number)
			}
		}
		list = append(list, item)
	}
	layouts := make([]Layout, len(list))
	for i, it := range list {
		for p, text := range it.Texts {
			if text != None {
				layouts[i][p] = b.Words(int(text))
			}
		}
	}
	var rules []Rule
	for _, m := range methods {
		rules = append(rules, m.Fit(layouts))
	}
	x, err := b.Build(n, nil)
	if err != nil {
		t.Fatal(err)
	}
	set, err := NewItems(list, [][]Rule{rules}, x)
	if err != nil {
		t.Fatal(err)
	}
	m := x.NewMatcher()
	byShard := map[string]*Collector{}
	for _, d := range docs {
		c := byShard[d.shard]
		if c == nil {
			c = set.NewCollector()
			c.Reset(d.shard)
			byShard[d.shard] = c
		}
		m.Document([]byte(d.text), c.Add)
		c.End(d.row, d.id, []byte(d.text))
	}
	covers := map[int]*Cover{}
	for _, c := range byShard { // in random order
		for i, cover := range c.Covers() {
			if covers[i] == nil {
				covers[i] = &Cover{}
			}
			covers[i].Merge(set.Rules(i), cover)
		}
	}
	return set, covers
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
			it[Question] = words(20)
			items = append(items, it)
		}
	}
	for i := range rng.IntN(8) {
		text := words(40)
		for range rng.IntN(4) {
			w := strings.Fields(items[rng.IntN(len(items))][rng.IntN(int(NumParts))])
			if len(w) > 0 {
				from := rng.IntN(len(w))
				text += " " + strings.Join(w[from:from+rng.IntN(len(w)-from+1)], " ") + " " + words(3)
			}
		}
		docs = append(docs, testDoc{fmt.Sprintf("s%d", rng.IntN(3)), fmt.Sprint("d", i), text, int64(i)})
	}
	return items, docs
}

func TestVerdictsEqualReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	states := map[State]int{}
	for range rounds(1500) {
		items, docs := randomCase(rng)
		set, covers := collect(t, items, Methods(DefaultLongest), 8, docs)
		for i, it := range items {
			for k, r := range set.Rules(i) {
				var tally *Tally
				if c := covers[i]; c != nil {
					tally = &c.Tallies[k]
				}
				got, want := r.Judge(set.Layout(i), tally), reference(r, it, docs)
				if got != want {
					t.Fatalf("%s n=%d item %q\ndocs %+v\n got %+v\nwant %+v", r.Name, r.N, it, docs, got, want)
				}
				states[got.State]++
				checkSightings(t, r, k, it, docs, covers[i])
			}
		}
	}
	if most := rounds(100); states[Flagged] < most || states[Clean] < most || states[NotCheckable] < most {
		t.Errorf("the cases are not mixed: %v", states)
	}
}

// checkSightings: the strongest document of a rule is there, and quotes are what
// the document holds.
func checkSightings(t *testing.T, r Rule, k int, item testItem, docs []testDoc, c *Cover) {
	t.Helper()
	if c == nil || c.Tallies[k].Documents == 0 {
		return
	}
	longest, covered, kept := 0, 0, int64(0)
	for _, s := range c.Sightings {
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
	if longest != tally.Longest || !r.ByCovered && kept < min(tally.Documents, Kept) || r.ByCovered && covered != tally.Covered {
		if r.ByCovered && longest != tally.Longest {
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
		set, want := collect(t, items, Methods(DefaultLongest), 8, docs)
		var parts []map[int]*Cover
		for i := range docs {
			_, one := collect(t, items, Methods(DefaultLongest), 8, docs[i:i+1])
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
				parts[j][item].Merge(set.Rules(item), c)
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
	m := Methods(DefaultLongest)[0]
	for _, c := range []struct{ length, n int }{{1, 8}, {8, 8}, {10, 10}, {13, 13}, {400, 13}} {
		if got := m.Fit([]Layout{{Question: c.length}}).N; got != c.n {
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
		set, covers := collect(t, items, Methods(DefaultLongest), 8, docs)
		n := 3 + rng.IntN(6)
		for i, it := range items {
			var hits [NumParts][]uint64
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
			for k, r := range set.Rules(i) {
				var tally *Tally
				if c := covers[i]; c != nil {
					tally = &c.Tallies[k]
				}
				is := r.Judge(set.Layout(i), tally)
				may := r.Judge(set.Layout(i), r.Suspect(set.Layout(i), n, hits))
				if is.State == Flagged && may.State != Flagged || is.Score > may.Score || is.Longest > may.Longest || is.Matched > may.Matched ||
					(is.State == NotCheckable) != (may.State == NotCheckable) {
					t.Fatalf("%s n %d of %d: %q: is %+v, suspected %+v", r.Name, n, r.N, it, is, may)
				}
				if is.State == Flagged {
					flagged++
				}
			}
		}
	}
	if flagged < rounds(100) {
		t.Errorf("only %d flags", flagged)
	}
}
