package match

import (
	"encoding/binary"
	"math"

	"swab/ngram"
	"swab/ngram/align"
	"swab/ngram/exact"
	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/ngram/substr"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/report"
)

// grams finds runs of n-grams and adds them to covers. It serves all published methods.
type grams struct {
	norm    string
	methods []*overlap.Method
	parts   item.Parts // whose texts are searched for
	ignore  bool       // n-grams of the template
	seed    uint64
	list    []item.Item
	rules   [][]overlap.Rule // by benchmark
	least   int              // the smallest n of any rule
	short   int              // length of the smallest part that any rule finds as a whole; 0: none does
	texts   unit             // of the items
	windows []uint32         // of all items, one after another, for the method that samples them
	from    []uint32         // index in windows of each item's first

	items *overlap.Items // after build

	bounded [][]bool // by benchmark and method: the corpus filter that is searched bounds the rule; nil: all
}

func newGrams(norm string, methods []*overlap.Method, texts unit, o Options) *grams {
	m := &grams{
		norm: norm, methods: methods, texts: texts, ignore: o.IgnoreTemplate, seed: o.Seed,
		least: math.MaxInt, from: []uint32{0},
	}
	for _, method := range methods {
		m.parts |= method.Parts
	}
	return m
}

// joined returns the part that holds the joined text of all parts, if they are joined.
func (m *grams) joined() (item.Part, bool) {
	first := m.methods[0]
	for p := range item.NumParts {
		if first.Joined && first.Parts.Has(p) {
			return p, true
		}
	}
	return 0, false
}

func (m *grams) add(it *benchmark.Item) error {
	own := item.Absent(len(m.rules))
	texts := it.Text
	at, joined := m.joined()
	if joined {
		all := ""
		for p, text := range it.Text {
			if m.methods[0].Parts.Has(item.Part(p)) {
				all += text + "\n"
			}
		}
		texts = [item.NumParts]string{}
		texts[at] = all
	}
	for p, text := range texts {
		if text == "" || !m.parts.Has(item.Part(p)) {
			continue
		}
		t, err := m.texts.Add(text)
		if err != nil {
			return err
		}
		own.Texts[p] = int32(t)
	}
	m.list = append(m.list, own)
	for _, method := range m.methods {
		if method.Windows > 0 {
			chars := 0
			if t := own.Texts[at]; t != item.None {
				chars = m.texts.Words(int(t))
			}
			for _, w := range substr.Windows(m.seed, it.ID+"\x00"+it.Digest, chars, method.N(nil), method.Windows) {
				m.windows = append(m.windows, uint32(w))
			}
			m.from = append(m.from, uint32(len(m.windows)))
			break
		}
	}
	return nil
}

// windowsOf returns the positions of an item's windows.
func (m *grams) windowsOf(i int) []uint32 { return m.windows[m.from[i]:m.from[i+1]] }

func (m *grams) fit() error {
	var layouts []overlap.Layout
	for i := len(m.list) - 1; i >= 0 && m.list[i].Bench == len(m.rules); i-- {
		layouts = append(layouts, m.layout(i))
	}
	var rules []overlap.Rule
	for _, method := range m.methods {
		r := method.Fit(layouts)
		rules = append(rules, r)
		m.least = min(m.least, r.N)
		if s := r.Level.Short; s > 0 && (m.short == 0 || s < m.short) {
			m.short = s
		}
	}
	m.rules = append(m.rules, rules)
	return nil
}

// layout is Items.Layout before there are Items.
func (m *grams) layout(i int) (lengths overlap.Layout) {
	for p, t := range m.list[i].Texts {
		if t != item.None {
			lengths[p] = m.texts.Words(int(t))
		}
	}
	return lengths
}

func (m *grams) build(wanted func(bench int) bool) error {
	if wanted == nil {
		return m.buildTexts(nil)
	}
	texts := map[int32]bool{}
	for _, it := range m.list {
		for _, t := range it.Texts {
			if t != item.None && wanted(it.Bench) {
				texts[t] = true
			}
		}
	}
	return m.buildTexts(func(t int) bool { return texts[int32(t)] })
}

// buildTexts builds the index of the texts for which wanted is true; nil means all.
func (m *grams) buildTexts(wanted func(text int) bool) error {
	index, err := m.texts.build(m.least, m.short, wanted)
	if err != nil {
		return err
	}
	o := overlap.Options{Grams: m.texts.appendGrams, IgnoreTemplate: m.ignore}
	if len(m.from) > 1 {
		o.Windows = m.windowsOf
	}
	m.items, err = overlap.NewItems(m.list, m.rules, index, o)
	return err
}

func (m *grams) key(bench int) any {
	k := struct {
		Recipe ngram.Recipe
		Joined bool
		Parts  item.Parts
		Rules  []string
		Ignore bool
		Seed   uint64
	}{Recipe: m.texts.recipe(), Parts: m.parts, Ignore: m.ignore}
	k.Recipe.N = 0 // it is in the rules
	_, k.Joined = m.joined()
	if len(m.from) > 1 {
		k.Seed = m.seed
	}
	for _, r := range m.rules[bench] {
		k.Rules = append(k.Rules, r.Key())
	}
	return k
}

func (m *grams) recipe() ngram.Recipe { return m.texts.recipe() }

func (m *grams) params(k int, benches []*benchmark.Benchmark) map[string]any {
	method := m.methods[k]
	params := map[string]any{"parts": method.Parts.Names(), "normaliser": method.Norm, "unit": method.Unit}
	for _, p := range method.Params {
		params[p.Name] = p.Value
	}
	if m.ignore {
		params["ignore_template"] = true
	}
	n := map[string]int{}
	for i, b := range benches {
		if r := m.rules[i][k]; r.N != substr.Whole {
			n[b.Name] = r.N
		}
	}
	params["n"] = n
	return params
}

// gramsReader is a lane's collector of runs.
type gramsReader struct {
	matcher   *grams
	collector *overlap.Collector
	finish    func(document []byte)
	repeats   *exact.Repeats
}

func (m *grams) newReader(lane *Lane) reader {
	r := &gramsReader{matcher: m, collector: m.items.NewCollector()}
	r.collector.Stopped = lane.stopped.Load
	r.finish, r.repeats = m.texts.find(lane, r.collector.Add)
	return r
}

func (r *gramsReader) reset(shard string) {
	r.collector.Reset(shard)
	r.repeats.Allowance = r.matcher.items.Allowance()
}

func (r *gramsReader) begin(text []byte) { r.collector.Begin(text) }

func (r *gramsReader) end(row int64, id string, text []byte) {
	r.finish(text)
	if r.repeats.Crowded() || r.repeats.Repetitive() {
		if len(text) <= overlap.MaxPutOff {
			r.collector.PutOff(row, id, text)
			return
		}
		r.collector.AddRepetitive(text)
	}
	r.collector.End(row, id, text)
}

func (r *gramsReader) covers(e *encoder) error {
	return writeCovers(e, r.matcher, func(yield func(numbered[overlap.Cover], error) bool) {
		for i, c := range r.collector.Covers() {
			if !yield(numbered[overlap.Cover]{i, c}, nil) {
				return
			}
		}
	})
}

func (r *gramsReader) visitFound(items func(int) *benchmark.Item, visit func(int, Found)) {
	for i, c := range r.collector.Covers() {
		visit(i, &cursor[overlap.Cover]{rules: r.matcher, number: i, it: items(i), cover: c})
	}
}

func (m *grams) merge(e *encoder, from subject) error {
	return writeCovers(e, m, mergeSections(m, from))
}

func (m *grams) open(from []subject) (Covers, error) {
	return newCursor(m, mergeSections(m, from...)), nil
}

func (m *grams) decoys() []Decoys { return nil }

func (m *grams) mergeCovers(i int, a, b *overlap.Cover) *overlap.Cover {
	m.items.Merge(i, a, b)
	return a
}

func (m *grams) judge(i, k int, it *benchmark.Item, c *overlap.Cover) overlap.Verdict {
	v := m.items.Judge(i, k, c, m.texts.appendGrams)
	if m.bounded != nil && v.State == item.Clean && !m.bounded[m.list[i].Bench][k] {
		v.Kind = align.ByFilter
	}
	if at, joined := m.joined(); joined && v.Parts != 0 {
		v.Parts = m.joinedParts(it, k, v.Counted, min(m.rules[m.list[i].Bench][k].N, m.items.Layout(i)[at]))
		if v.Seen = item.SeenInput; v.Parts == item.PartsOf(item.Answer) {
			v.Seen = item.SeenAnswer
		}
	}
	return v
}

// joinedParts returns the parts in which n-grams were counted, for parts that are joined, one
// after another, in the text that is searched for.
func (m *grams) joinedParts(it *benchmark.Item, k int, counted []uint64, n int) (parts item.Parts) {
	from := 0
	for p, text := range it.Text {
		if !m.methods[k].Parts.Has(item.Part(p)) {
			continue
		}
		words := len(m.texts.spans(text))
		for w := max(0, from-n+1); w < from+words; w++ {
			if counted[w/64]>>(w%64)&1 == 1 {
				parts |= 1 << p
				break
			}
		}
		from += words
	}
	return parts
}

func (m *grams) evidence(it *benchmark.Item, c *overlap.Cover) (list []audit.Evidence) {
	var spans [item.NumParts][]ngram.Span
	_, joined := m.joined()
	for part, text := range it.Text {
		if !joined || m.methods[0].Parts.Has(item.Part(part)) {
			spans[part] = m.texts.spans(text)
		}
	}
	for _, s := range c.Evidence {
		for _, q := range s.Quotes {
			part, first := q.Part, q.At
			for joined && part < item.NumParts-1 && first >= len(spans[part]) { // the quote begins in a later part
				first -= len(spans[part])
				part++
			}
			last := min(first+q.Words, len(spans[part])) - 1
			list = append(list, audit.Evidence{
				Part: part.String(), Shard: s.Shard, Row: s.Row, DocID: s.ID, DocStart: q.Start, DocEnd: q.End,
				ItemStart: int64(spans[part][first].Start), ItemEnd: int64(spans[part][last].End), Words: int64(q.Words),
				DocText: q.Text, DocTextStart: q.TextStart, Norm: m.norm,
			})
		}
	}
	return list
}

// hits returns a hit for every piece of evidence.
func (m *grams) hits(it *benchmark.Item, _ *overlap.Cover, evidence []audit.Evidence) (hits []report.Hit) {
	for _, e := range evidence {
		var part item.Part
		for part.String() != e.Part {
			part++
		}
		hits = append(hits, report.Hit{Evidence: e, ItemText: it.Text[part][e.ItemStart:e.ItemEnd]})
	}
	return hits
}

// appendCover encodes a cover: its tallies and evidence in the order of their fields, whole
// numbers as uvarints, scores and words of bit sets as 8 bytes, strings and lists preceded by
// their length.
func (m *grams) appendCover(e *encoder, _ int, c *overlap.Cover) {
	n := e.uvarint
	n(int64(len(c.Tallies)))
	for _, t := range c.Tallies {
		n(t.Documents, int64(t.Longest), int64(t.Covered))
		e.float64(t.Best)
		together := int64(0)
		if t.Together {
			together = 1
		}
		n(together, int64(len(t.Seen)))
		for _, w := range t.Seen {
			e.buf = binary.LittleEndian.AppendUint64(e.buf, w)
		}
		n(int64(len(t.Counts)))
		for _, count := range t.Counts {
			n(int64(count))
		}
	}
	n(int64(len(c.Evidence)))
	for _, s := range c.Evidence {
		e.shard(s.Shard)
		n(s.Row)
		e.text(s.ID)
		n(int64(len(s.Found)))
		for _, f := range s.Found {
			n(int64(f.Longest), int64(f.Covered))
		}
		n(int64(len(s.Quotes)))
		for _, q := range s.Quotes {
			n(int64(q.Part), int64(q.At), int64(q.Words), q.Start, q.End, q.TextStart)
			e.text(q.Text)
		}
	}
}

// readCover decodes what appendCover wrote.
func (m *grams) readCover(r *decoder, _ int) *overlap.Cover {
	c := &overlap.Cover{}
	for range r.count() {
		t := overlap.Tally{Documents: int64(r.uvarint()), Longest: int(r.uvarint()), Covered: int(r.uvarint())}
		t.Best = r.float64()
		t.Together = r.uvarint() != 0
		seen := r.bytes(8 * uint64(r.count()))
		for len(seen) >= 8 {
			t.Seen = append(t.Seen, binary.LittleEndian.Uint64(seen))
			seen = seen[8:]
		}
		for range r.count() {
			t.Counts = append(t.Counts, uint16(r.uvarint()))
			if r.err != nil {
				return nil
			}
		}
		if c.Tallies = append(c.Tallies, t); r.err != nil {
			return nil
		}
	}
	for range r.count() {
		var s overlap.Evidence
		s.Shard, s.Row, s.ID = r.document()
		for range r.count() {
			s.Found = append(s.Found, overlap.Found{Longest: int(r.uvarint()), Covered: int(r.uvarint())})
		}
		for range r.count() {
			q := overlap.Quote{Part: r.part(), At: int(r.uvarint()), Words: int(r.uvarint())}
			q.Start, q.End, q.TextStart = int64(r.uvarint()), int64(r.uvarint()), int64(r.uvarint())
			q.Text = string(r.bytes(r.uvarint()))
			if s.Quotes = append(s.Quotes, q); r.err != nil {
				return nil
			}
		}
		if c.Evidence = append(c.Evidence, s); r.err != nil {
			return nil
		}
	}
	return c
}
