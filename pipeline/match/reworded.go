package match

import (
	"cmp"
	"math"
	"slices"
	"unicode/utf8"

	"swab/ngram"
	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/ngram/reworded"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/report"
)

// bags is the matcher of the method "reworded": it finds spans of documents that have the terms
// and numbers of an item, in any order.
type bags struct {
	method  *overlap.Method
	builder *reworded.Builder
	bench   []int // the item after the last of each benchmark
	words   []int // of each item

	index *reworded.Index
	tried []Decoys // by benchmark, after open
}

func newBags(m *overlap.Method) *bags { return &bags{method: m, builder: reworded.NewBuilder()} }

func (m *bags) add(it *benchmark.Item) error {
	n, err := m.builder.Add(reworded.Texts(&it.Text))
	m.words = append(m.words, n)
	return err
}

func (m *bags) fit() error {
	m.builder.EndBenchmark()
	m.bench = append(m.bench, len(m.words))
	return nil
}

func (m *bags) build(wanted func(bench int) bool) error {
	m.index = m.builder.Build(func(item int) bool { return wanted == nil || wanted(m.benchOf(item)) })
	m.builder = nil
	return nil
}

// benchOf returns the benchmark of an item.
func (m *bags) benchOf(item int) int {
	bench, _ := slices.BinarySearch(m.bench, item+1)
	return bench
}

// The last number of the key is the version of what is kept.
func (m *bags) key(int) any { return []any{"bags", m.method.Version, m.method.Threshold, 2} }

func (m *bags) recipe() ngram.Recipe {
	r := ngram.Words(1)
	r.Norm = overlap.Bag
	return r
}

func (m *bags) params(int, []*benchmark.Benchmark) map[string]any {
	params := map[string]any{"parts": m.method.Parts.Names(), "normaliser": m.method.Norm, "unit": m.method.Unit}
	for _, p := range m.method.Params {
		params[p.Name] = p.Value
	}
	return params
}

// A bagCover has the documents that have an item in other words.
type bagCover struct {
	documents int64
	decoy     bool // some document has the item's decoy
	places    []bagPlace
}

// mostPlaces is how many documents a cover keeps, the strongest ones.
const mostPlaces = 3

// A bagPlace is a span of a document.
type bagPlace struct {
	shard      string
	row        int64
	id         string
	strength   int64 // in millionths
	terms      int64 // that both have
	found      int64 // share of the item's information, in millionths
	start, end int64 // bytes of the document
	textStart  int64
	text       string // the span with some of what is around it
}

const millionths = 1e6

func (m *bags) mergeCovers(_ int, a, b *bagCover) *bagCover {
	a.documents += b.documents
	a.decoy = a.decoy || b.decoy
	a.places = append(a.places, b.places...)
	a.prune()
	return a
}

// prune orders the places and keeps the strongest.
func (c *bagCover) prune() {
	slices.SortFunc(c.places, func(a, b bagPlace) int {
		return cmp.Or(cmp.Compare(b.strength, a.strength), cmp.Compare(b.terms, a.terms),
			cmp.Compare(a.shard, b.shard), cmp.Compare(a.row, b.row))
	})
	if len(c.places) > mostPlaces {
		clear(c.places[mostPlaces:])
		c.places = c.places[:mostPlaces]
	}
}

func (m *bags) judge(i, _ int, _ *benchmark.Item, c *bagCover) overlap.Verdict {
	v := overlap.Verdict{State: item.Clean, Words: m.words[i]}
	if !m.index.Checkable(i) {
		v.State = item.NotCheckable
		return v
	}
	if c == nil || len(c.places) == 0 {
		return v
	}
	best := &c.places[0]
	v.Kind, v.Documents = audit.Reworded, c.documents
	v.Score, v.Matched = float64(best.strength)/millionths, int(best.terms)
	v.Parts, v.Seen = item.PartsOf(item.Question), item.SeenInput
	v.Details = map[string]any{"found": float64(best.found) / millionths}
	return v
}

// evidence quotes each document with the whole question: the words of the two are not in the
// same order.
func (m *bags) evidence(it *benchmark.Item, c *bagCover) (list []audit.Evidence) {
	part := item.Question
	if it.Text[part] == "" {
		part = item.Context
	}
	for _, p := range c.places {
		list = append(list, audit.Evidence{
			Part: part.String(), Shard: p.shard, Row: p.row, DocID: p.id, DocStart: p.start, DocEnd: p.end,
			ItemEnd: int64(len(it.Text[part])), Words: p.terms, DocText: p.text, DocTextStart: p.textStart, Norm: overlap.Bag,
		})
	}
	return list
}

// hits returns nothing: the evidence in a terminal is of items that are flagged.
func (m *bags) hits(*benchmark.Item, *bagCover, []audit.Evidence) []report.Hit { return nil }

// bagReader is a lane's collector.
type bagReader struct {
	bags    *bags
	matcher *reworded.Matcher
	shard   string
	text    []byte // of the current document
	found   map[int]*bagCover
}

func (m *bags) newReader(l *Lane) reader {
	r := &bagReader{bags: m, matcher: m.index.NewMatcher()}
	r.matcher.Least = m.method.Threshold
	l.blocks = append(l.blocks, func(s *ngram.Scanner) { r.matcher.Block(s, r.text) })
	return r
}

func (r *bagReader) reset(shard string) { r.shard, r.found = shard, map[int]*bagCover{} }

func (r *bagReader) begin(text []byte) {
	r.text = text
	r.matcher.Reset()
}

func (r *bagReader) end(row int64, id string, text []byte) {
	for _, g := range r.matcher.Matches() {
		like, decoy := r.bags.index.Like(g.Item)
		c := r.found[like]
		if c == nil {
			c = &bagCover{}
			r.found[like] = c
		}
		if decoy {
			c.decoy = true
			continue
		}
		p := bagPlace{
			shard: r.shard, row: row, strength: int64(math.Round(g.Strength * millionths)), terms: int64(g.Features.Terms),
			start: int64(g.Start), end: int64(g.End),
			found: int64(g.Features.Own) * millionths / int64(max(g.Features.Item, 1)),
		}
		c.documents++
		if n := len(c.places); n < mostPlaces || p.strength >= c.places[n-1].strength { // else it would be dropped
			p.id, p.text, p.textStart = string([]byte(id)), "", 0
			p.text, p.textStart = around(text, int(g.Start), int(g.End))
			c.places = append(c.places, p)
			c.prune()
		}
	}
}

// around returns a span of a document with some of the text around it, and where that begins.
func around(text []byte, start, end int) (string, int64) {
	from, to := max(0, start-evidenceAround), min(len(text), end+evidenceAround)
	for from > 0 && !utf8.RuneStart(text[from]) {
		from--
	}
	for to < len(text) && !utf8.RuneStart(text[to]) {
		to++
	}
	return string(text[from:to]), int64(from)
}

func (r *bagReader) covers(e *encoder) error {
	return writeCovers(e, r.bags, func(yield func(numbered[bagCover], error) bool) {
		for _, i := range sortedItems(r.found) {
			if !yield(numbered[bagCover]{i, r.found[i]}, nil) {
				return
			}
		}
	})
}

func sortedItems(found map[int]*bagCover) (list []int) {
	for i := range found {
		list = append(list, i)
	}
	slices.Sort(list)
	return list
}

func (r *bagReader) visitFound(items func(int) *benchmark.Item, visit func(int, Found)) {
	for _, i := range sortedItems(r.found) {
		visit(i, &cursor[bagCover]{rules: r.bags, number: i, it: items(i), cover: r.found[i]})
	}
}

func (m *bags) merge(e *encoder, from subject) error {
	return writeCovers(e, m, mergeSections(m, from))
}

// open reads all covers twice: once to count the decoys found.
func (m *bags) open(from []subject) (Covers, error) {
	m.tried = make([]Decoys, len(m.bench))
	for i := range m.words {
		if m.index.HasDecoy(i) {
			m.tried[m.benchOf(i)].Looked++
		}
	}
	for n, err := range mergeSections(m, from...) {
		if err != nil {
			return nil, err
		}
		if n.cover.decoy {
			m.tried[m.benchOf(n.item)].Flagged++
		}
	}
	return newCursor(m, mergeSections(m, from...)), nil
}

func (m *bags) decoys() []Decoys { return m.tried }

func (m *bags) appendCover(e *encoder, _ int, c *bagCover) {
	decoy := int64(0)
	if c.decoy {
		decoy = 1
	}
	e.uvarint(c.documents, decoy, int64(len(c.places)))
	for _, p := range c.places {
		e.shard(p.shard)
		e.uvarint(p.row)
		e.text(p.id)
		e.uvarint(p.strength, p.terms, p.found, p.start, p.end, p.textStart)
		e.text(p.text)
	}
}

func (m *bags) readCover(r *decoder, _ int) *bagCover {
	n := func() int64 { return int64(r.uvarint()) }
	c := &bagCover{documents: n()}
	decoy, places := n(), r.count()
	if c.decoy = decoy == 1; c.documents < 0 || decoy < 0 || decoy > 1 || places > mostPlaces {
		r.fail()
		return c
	}
	for range places {
		var p bagPlace
		p.shard, p.row, p.id = r.document()
		for _, v := range []*int64{&p.strength, &p.terms, &p.found, &p.start, &p.end, &p.textStart} {
			*v = n()
		}
		p.text = string(r.bytes(r.uvarint()))
		if min(p.row, p.textStart, p.start-p.textStart, p.end-p.start) < 0 || p.end-p.textStart > int64(len(p.text)) {
			r.fail()
		}
		if c.places = append(c.places, p); r.err != nil {
			return c
		}
	}
	return c
}
