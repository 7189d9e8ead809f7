package pipeline

import (
	"fmt"
	"iter"
	"math"

	"swab/ngram"
	"swab/ngram/exact"
	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/ngram/substr"
	"swab/pipeline/report"
	"swab/pipeline/variant"
)

// A gramBuilder collects texts, and a gramIndex is what is made of them: that of
// package exact counts words, that of substr characters.
type gramBuilder interface {
	Add(text string) (number int, err error)
	Words(text int) int
}

type gramIndex interface {
	overlap.Index
	Recipe() ngram.Recipe
	AppendGrams(dst []uint64, text, n int) []uint64
}

type gramMatcher interface {
	Document(text []byte, visit func(exact.Run)) (words int)
}

// A gramLens finds runs of n-grams and folds them into covers.
type gramLens struct {
	norm    string
	methods []*overlap.Method
	parts   item.Parts // whose texts are looked for
	ignore  bool       // n-grams of the template
	seed    uint64
	list    []item.Item
	rules   [][]overlap.Rule // by benchmark
	least   int              // the smallest n of any rule
	short   int              // the smallest part that any rule finds whole; 0: none does
	builder gramBuilder      // of the items' texts, until build
	windows []uint32         // of all items, one after another, for the method that draws them
	from    []uint32         // where those of each item begin

	index gramIndex
	items *overlap.Items
	words *ngram.Scanner // of single words, where words are counted
}

func newGramLens(norm string, methods []*overlap.Method, o Options) (*gramLens, error) {
	l := &gramLens{norm: norm, methods: methods, ignore: o.IgnoreTemplate, seed: o.Seed, least: math.MaxInt, from: []uint32{0}}
	for _, m := range methods {
		l.parts |= m.Parts
	}
	recipe := ngram.Words(1)
	switch norm {
	case "words":
		l.parts = item.AllParts // evidence quotes what a document holds of the others
	case "helm":
		recipe = ngram.HELM(1)
	case "lmeval":
		recipe = ngram.LMEval(1)
	case "chars":
		l.builder = substr.NewBuilder()
		return l, nil
	case "raw":
		l.builder = substr.NewRawBuilder()
		return l, nil
	default:
		return nil, fmt.Errorf("no index has the normaliser %q", norm)
	}
	var err error
	if l.builder, err = exact.NewBuilder(recipe); err != nil {
		return nil, err
	}
	l.words, err = recipe.NewScanner()
	return l, err
}

// joined gives the part under which the parts' joined text stands, if they are joined.
func (l *gramLens) joined() (item.Part, bool) {
	m := l.methods[0]
	for p := range item.NumParts {
		if m.Joined && m.Parts.Has(p) {
			return p, true
		}
	}
	return 0, false
}

func (l *gramLens) add(it *variant.Item) error {
	own := item.Absent(len(l.rules))
	texts := it.Text
	at, joined := l.joined()
	if joined {
		all := ""
		for p, text := range it.Text {
			if l.methods[0].Parts.Has(item.Part(p)) {
				all += text + "\n"
			}
		}
		texts = [item.NumParts]string{}
		texts[at] = all
	}
	for p, text := range texts {
		if text == "" || !l.parts.Has(item.Part(p)) {
			continue
		}
		t, err := l.builder.Add(text)
		if err != nil {
			return err
		}
		own.Texts[p] = int32(t)
	}
	l.list = append(l.list, own)
	for _, m := range l.methods {
		if m.Windows > 0 {
			chars := 0
			if t := own.Texts[at]; t != item.None {
				chars = l.builder.Words(int(t))
			}
			for _, w := range substr.Windows(l.seed, it.ID+"\x00"+it.Digest, chars, m.N(nil), m.Windows) {
				l.windows = append(l.windows, uint32(w))
			}
			l.from = append(l.from, uint32(len(l.windows)))
			break
		}
	}
	return nil
}

// windowsOf gives the windows of an item.
func (l *gramLens) windowsOf(i int) []uint32 { return l.windows[l.from[i]:l.from[i+1]] }

func (l *gramLens) fit() error {
	var layouts []overlap.Layout
	for i := len(l.list) - 1; i >= 0 && l.list[i].Bench == len(l.rules); i-- {
		layouts = append(layouts, l.layout(i))
	}
	var rules []overlap.Rule
	for _, m := range l.methods {
		r := m.Fit(layouts)
		rules = append(rules, r)
		l.least = min(l.least, r.N)
		if s := r.Level.Short; s > 0 && (l.short == 0 || s < l.short) {
			l.short = s
		}
	}
	l.rules = append(l.rules, rules)
	return nil
}

// layout is Items.Layout before there are Items.
func (l *gramLens) layout(i int) (lengths overlap.Layout) {
	for p, t := range l.list[i].Texts {
		if t != item.None {
			lengths[p] = l.builder.Words(int(t))
		}
	}
	return lengths
}

func (l *gramLens) build() error { return l.buildOf(nil) }

func (l *gramLens) buildOf(wanted func(text int) bool) (err error) {
	switch b := l.builder.(type) {
	case *exact.Builder:
		l.index, err = b.Build(l.least, l.short, wanted)
	case *substr.Builder:
		l.index, err = b.Build(l.least)
	}
	if err != nil {
		return err
	}
	l.builder = nil
	o := overlap.Options{Grams: l.index.AppendGrams, IgnoreTemplate: l.ignore}
	if len(l.from) > 1 {
		o.Windows = l.windowsOf
	}
	l.items, err = overlap.NewItems(l.list, l.rules, l.index, o)
	return err
}

func (l *gramLens) key() any {
	k := struct {
		Recipe ngram.Recipe
		Rules  [][]string
		Ignore bool
		Seed   uint64
	}{Recipe: l.index.Recipe(), Ignore: l.ignore}
	if len(l.from) > 1 {
		k.Seed = l.seed
	}
	for _, rules := range l.rules {
		var of []string
		for _, r := range rules {
			of = append(of, r.Key())
		}
		k.Rules = append(k.Rules, of)
	}
	return k
}

func (l *gramLens) recipe() ngram.Recipe { return l.index.Recipe() }

func (l *gramLens) params(k int, benches []*variant.Benchmark) map[string]any {
	m := l.methods[k]
	params := map[string]any{"parts": m.Parts.Names(), "normaliser": m.Norm, "unit": m.Unit}
	for _, p := range m.Params {
		params[p.Name] = p.Value
	}
	if l.ignore {
		params["ignore_template"] = true
	}
	n := map[string]int{}
	for i, b := range benches {
		if r := l.rules[i][k]; r.N != substr.Whole {
			n[b.Name] = r.N
		}
	}
	params["n"] = n
	return params
}

func (l *gramLens) look() look {
	look := gramLook{collector: l.items.NewCollector()}
	switch x := l.index.(type) {
	case *exact.Index:
		m := x.NewMatcher()
		if look.matcher = m; l.norm == "words" {
			return &gramWordsLook{look, m}
		}
	case *substr.Index:
		look.matcher = x.NewMatcher()
	}
	return &look
}

// gramLook is a goroutine's matcher and collector.
type gramLook struct {
	collector *overlap.Collector
	matcher   gramMatcher
}

func (l *gramLook) reset(shard string) { l.collector.Reset(shard) }

func (l *gramLook) document(row int64, id string, text []byte) {
	l.collector.Begin(text)
	l.matcher.Document(text, l.collector.Add)
	l.collector.End(row, id, text)
}

func (l *gramLook) covers() iter.Seq2[int, any] {
	return func(yield func(int, any) bool) {
		for i, c := range l.collector.Covers() {
			if !yield(i, c) {
				return
			}
		}
	}
}

// gramWordsLook is a gramLook over the words that corpus filters are of.
type gramWordsLook struct {
	gramLook
	words *exact.Matcher
}

func (l *gramWordsLook) share(f ...func(*ngram.Scanner)) int {
	l.words.Also = f
	return l.words.N()
}

func (l *gramLens) merge(i int, a, b any) any {
	if a == nil {
		return b
	}
	if b != nil {
		l.items.Merge(i, a.(*overlap.Cover), b.(*overlap.Cover))
	}
	return a
}

func (l *gramLens) judge(i, k int, it *variant.Item, cover any) overlap.Verdict {
	c, _ := cover.(*overlap.Cover)
	v := l.items.Judge(i, k, c, l.index.AppendGrams)
	if at, joined := l.joined(); joined && v.Parts != 0 {
		// The parts lie one after another in the text that was looked at.
		v.Parts = 0
		from, n := 0, min(l.rules[l.list[i].Bench][k].N, l.items.Layout(i)[at])
		for p, text := range it.Text {
			if !l.methods[k].Parts.Has(item.Part(p)) {
				continue
			}
			chars := 0
			for range l.index.(*substr.Index).Spans(text) {
				chars++
			}
			for w := max(0, from-n+1); w < from+chars; w++ {
				if v.Counted[w/64]>>(w%64)&1 == 1 {
					v.Parts |= 1 << p
					break
				}
			}
			from += chars
		}
		if v.Seen = item.SeenInput; v.Parts == item.PartsOf(item.Answer) {
			v.Seen = item.SeenAnswer
		}
	}
	return v
}

// spans lists where what the lens counts stands in a text.
func (l *gramLens) spans(text string) (spans []ngram.Span) {
	if x, ok := l.index.(*substr.Index); ok {
		for span := range x.Spans(text) {
			spans = append(spans, span)
		}
		return spans
	}
	for _, span := range l.words.Words([]byte(text)) {
		spans = append(spans, span)
	}
	return spans
}

func (l *gramLens) evidence(it *variant.Item, cover any) (list []report.Evidence) {
	var spans [item.NumParts][]ngram.Span
	_, joined := l.joined()
	for part, text := range it.Text {
		if !joined || l.methods[0].Parts.Has(item.Part(part)) {
			spans[part] = l.spans(text)
		}
	}
	for _, s := range cover.(*overlap.Cover).Evidence {
		for _, q := range s.Quotes {
			part, first := q.Part, q.At
			for joined && part < item.NumParts-1 && first >= len(spans[part]) { // it begins in a later part
				first -= len(spans[part])
				part++
			}
			last := min(first+q.Words, len(spans[part])) - 1
			list = append(list, report.Evidence{
				Part: part.String(), Shard: s.Shard, Row: s.Row, DocID: s.ID, DocStart: q.Start, DocEnd: q.End,
				ItemStart: int64(spans[part][first].Start), ItemEnd: int64(spans[part][last].End), Words: int64(q.Words),
				DocText: q.Text, DocTextStart: q.TextStart, Norm: l.norm,
			})
		}
	}
	return list
}

func (l *gramLens) appendCover(b []byte, cover any) []byte {
	return appendCover(b, cover.(*overlap.Cover))
}

func (l *gramLens) readCover(r *sectionReader) any { return readCover(r) }

// A wordsLens is the gramLens over the words that corpus filters are of.
type wordsLens struct{ *gramLens }

func (l wordsLens) refuses(n int, benches []*variant.Benchmark) string {
	for i, rules := range l.rules {
		for _, r := range rules {
			if r.N < n {
				return fmt.Sprintf("method %s needs %d-grams for %s and the index has %d-grams; build one with swab index --n %d",
					r.Name, r.N, benches[i].Name, n, r.N)
			}
			if s := r.Level.Short; s > 0 && s < n {
				return fmt.Sprintf("method %s looks for texts of %d words, of which an index of %d-grams says nothing; --set %s.short=0 leaves them out", r.Name, s, n, r.Name)
			}
		}
	}
	return ""
}

func (l wordsLens) grams(n int) iter.Seq2[int, []uint64] {
	return func(yield func(int, []uint64) bool) {
		b := l.builder.(*exact.Builder)
		var words, grams []uint64
		for t := range b.Texts() {
			words = b.AppendHashes(words[:0], t)
			grams = ngram.AppendGrams(grams[:0], words, n)
			if len(grams) > 0 && !yield(t, grams) {
				return
			}
		}
	}
}

func (l wordsLens) gramsAll(n int) (all int) {
	b := l.builder.(*exact.Builder)
	for t := range b.Texts() {
		all += max(0, b.Words(t)-n+1)
	}
	return all
}

func (l wordsLens) texts(dst []int, i int) []int {
	for _, t := range l.list[i].Texts {
		if t != item.None {
			dst = append(dst, int(t))
		}
	}
	return dst
}

func (l wordsLens) possible(n int, hits []uint64) bool { return longestRun(hits)+n-1 >= l.least }

// ofParts gives an item's hits by part.
func (l wordsLens) ofParts(i int, hits func(text int) []uint64) (of [item.NumParts][]uint64) {
	for p, t := range l.list[i].Texts {
		if t != item.None {
			of[p] = hits(int(t))
		}
	}
	return of
}

func (l wordsLens) suspect(i, n int, hits func(text int) []uint64) any {
	return l.items.Suspect(i, n, l.ofParts(i, hits))
}

func (l wordsLens) count(i, k, n int, hits func(text int) []uint64) (all, hit int) {
	return l.items.Rules(i)[k].Grams(l.items.Layout(i), n, l.ofParts(i, hits))
}
