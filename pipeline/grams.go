package pipeline

import (
	"fmt"
	"iter"

	"swab/ngram"
	"swab/ngram/exact"
	"swab/ngram/overlap"
	"swab/pipeline/report"
	"swab/pipeline/variant"
)

// A gramLens finds runs of n-grams and folds them into covers.
type gramLens struct {
	norm    string
	methods []*overlap.Method
	list    []overlap.Item
	rules   [][]overlap.Rule // by benchmark
	seed    int              // the smallest n of any rule
	builder *exact.Builder   // of the items' texts, until build

	index *exact.Index
	items *overlap.Items
	words *ngram.Scanner // of single words
}

func newGramLens(norm string, methods []*overlap.Method) (*gramLens, error) {
	l := &gramLens{norm: norm, methods: methods, seed: ngram.MaxN}
	var err error
	if l.builder, err = exact.NewBuilder(ngram.Words(1)); err != nil {
		return nil, err
	}
	l.words, err = ngram.Words(1).NewScanner()
	return l, err
}

func (l *gramLens) add(it *variant.Item) error {
	item := overlap.Item{Bench: len(l.rules)}
	for p, text := range it.Text {
		item.Texts[p] = overlap.None
		if text == "" {
			continue
		}
		t, err := l.builder.Add(text)
		if err != nil {
			return err
		}
		item.Texts[p] = int32(t)
	}
	l.list = append(l.list, item)
	return nil
}

func (l *gramLens) fit() error {
	var layouts []overlap.Layout
	for i := len(l.list) - 1; i >= 0 && l.list[i].Bench == len(l.rules); i-- {
		layouts = append(layouts, l.layout(i))
	}
	var rules []overlap.Rule
	for _, m := range l.methods {
		r := m.Fit(layouts)
		rules = append(rules, r)
		l.seed = min(l.seed, r.N)
	}
	l.rules = append(l.rules, rules)
	return nil
}

// layout is Items.Layout before there are Items.
func (l *gramLens) layout(item int) (lengths overlap.Layout) {
	for p, t := range l.list[item].Texts {
		if t != overlap.None {
			lengths[p] = l.builder.Words(int(t))
		}
	}
	return lengths
}

func (l *gramLens) build() error { return l.buildOf(nil) }

func (l *gramLens) buildOf(wanted func(text int) bool) (err error) {
	if l.index, err = l.builder.Build(l.seed, wanted); err != nil {
		return err
	}
	l.builder = nil
	l.items, err = overlap.NewItems(l.list, l.rules, l.index)
	return err
}

func (l *gramLens) key() any {
	type rule struct {
		Method     string
		Version, N int
		Parts      overlap.Parts
	}
	k := struct {
		Recipe ngram.Recipe
		Rules  [][]rule
	}{Recipe: l.index.Recipe()}
	for _, rules := range l.rules {
		var of []rule
		for _, r := range rules {
			of = append(of, rule{r.Name, r.Version, r.N, r.Parts})
		}
		k.Rules = append(k.Rules, of)
	}
	return k
}

func (l *gramLens) recipe() ngram.Recipe { return l.index.Recipe() }

func (l *gramLens) params(k int, benches []*variant.Benchmark) map[string]any {
	m := l.methods[k]
	params := map[string]any{"parts": m.Parts.Names()}
	if m.Threshold > 0 {
		params["threshold"] = m.Threshold
	}
	n := map[string]int{}
	for i, b := range benches {
		n[b.Name] = l.rules[i][k].N
	}
	params["n"] = n
	return params
}

func (l *gramLens) look() look {
	return &gramLook{collector: l.items.NewCollector(), matcher: l.index.NewMatcher()}
}

// gramLook is a goroutine's matcher and collector.
type gramLook struct {
	collector *overlap.Collector
	matcher   *exact.Matcher
}

func (l *gramLook) reset(shard string) { l.collector.Reset(shard) }

func (l *gramLook) document(row int64, id string, text []byte) {
	l.matcher.Document(text, l.collector.Add)
	l.collector.End(row, id, text)
}

func (l *gramLook) share(f ...func(*ngram.Scanner)) int {
	l.matcher.Also = f
	return l.matcher.N()
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

func (l *gramLens) merge(item int, a, b any) any {
	if a == nil {
		return b
	}
	if b != nil {
		a.(*overlap.Cover).Merge(l.items.Rules(item), b.(*overlap.Cover))
	}
	return a
}

func (l *gramLens) judge(item, k int, _ *variant.Item, cover any) overlap.Verdict {
	var tally *overlap.Tally
	if c, ok := cover.(*overlap.Cover); ok {
		tally = &c.Tallies[k]
	}
	return l.items.Rules(item)[k].Judge(l.items.Layout(item), tally)
}

func (l *gramLens) evidence(it *variant.Item, cover any) (list []report.Evidence) {
	var spans [overlap.NumParts][]ngram.Span
	for part, text := range it.Text {
		for _, span := range l.words.Words([]byte(text)) {
			spans[part] = append(spans[part], span)
		}
	}
	for _, s := range cover.(*overlap.Cover).Sightings {
		for _, q := range s.Quotes {
			from, to := spans[q.Part][q.At].Start, spans[q.Part][q.At+q.Words-1].End
			list = append(list, report.Evidence{
				Part: q.Part.String(), Shard: s.Shard, Row: s.Row, DocID: s.ID,
				DocStart: q.Start, DocEnd: q.End, ItemStart: int64(from), ItemEnd: int64(to), Words: int64(q.Words),
				DocText: q.Text, DocTextStart: q.TextStart,
			})
		}
	}
	return list
}

func (l *gramLens) refuses(n int, benches []*variant.Benchmark) string {
	for i, rules := range l.rules {
		for _, r := range rules {
			if r.N < n {
				return fmt.Sprintf("method %s needs %d-grams for %s and the index has %d-grams; build one with swab index --n %d",
					r.Name, r.N, benches[i].Name, n, r.N)
			}
		}
	}
	return ""
}

func (l *gramLens) grams(n int) iter.Seq2[int, []uint64] {
	return func(yield func(int, []uint64) bool) {
		var words, grams []uint64
		for t := range l.builder.Texts() {
			words = l.builder.AppendHashes(words[:0], t)
			grams = grams[:0]
			for i := 0; i+n <= len(words); i++ {
				grams = append(grams, ngram.HashGram(words[i:i+n]))
			}
			if len(grams) > 0 && !yield(t, grams) {
				return
			}
		}
	}
}

func (l *gramLens) texts(dst []int, item int) []int {
	for _, t := range l.list[item].Texts {
		if t != overlap.None {
			dst = append(dst, int(t))
		}
	}
	return dst
}

func (l *gramLens) possible(n int, hits []uint64) bool { return longestRun(hits)+n-1 >= l.seed }

// ofParts gives an item's hits by part.
func (l *gramLens) ofParts(item int, hits func(text int) []uint64) (of [overlap.NumParts][]uint64) {
	for p, t := range l.list[item].Texts {
		if t != overlap.None {
			of[p] = hits(int(t))
		}
	}
	return of
}

func (l *gramLens) suspect(item, n int, hits func(text int) []uint64) any {
	rules := l.items.Rules(item)
	c := &overlap.Cover{Tallies: make([]overlap.Tally, len(rules))}
	for k, r := range rules {
		if t := r.Suspect(l.items.Layout(item), n, l.ofParts(item, hits)); t != nil {
			c.Tallies[k] = *t
		}
	}
	return c
}

func (l *gramLens) count(item, k, n int, hits func(text int) []uint64) (all, hit int) {
	return l.items.Rules(item)[k].Grams(l.items.Layout(item), n, l.ofParts(item, hits))
}

func (l *gramLens) appendCover(b []byte, cover any) []byte {
	return appendCover(b, cover.(*overlap.Cover))
}

func (l *gramLens) readCover(r *sectionReader) any { return readCover(r) }
