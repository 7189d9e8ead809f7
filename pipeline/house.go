package pipeline

import (
	"cmp"
	"encoding/binary"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"unicode/utf8"

	"swab/ngram"
	"swab/ngram/align"
	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/ngram/plain"
	"swab/pipeline/report"
	"swab/pipeline/variant"

	"github.com/zeebo/xxh3"
)

// An alignLens is the lens of the method "swab": it reads texts and documents without
// markup, and finds for each item the place of a document that holds most of it.
//
// Some items of each benchmark have a decoy: a question made of pieces of others, which
// no document can hold. How many decoys would be flagged says how sure flags are.
type alignLens struct {
	method  *overlap.Method
	builder *align.Builder
	list    []item.Item // items; behind them, from build on, decoys
	split   []uint32    // by item: where what is asked begins in its question, 0 when it is not divided
	bench   []int       // the item behind the last of each benchmark
	real    int         // items that are no decoys
	decoys  []int32     // by item: the number of its decoy, or 0
	words   *ngram.Scanner
	items   *align.Items
	factor  float64  // times what is needed
	looked  []Decoys // by benchmark
}

func newAlignLens(m *overlap.Method) *alignLens {
	return &alignLens{method: m, builder: align.NewBuilder(), words: singleWords(), factor: m.Factor}
}

func singleWords() *ngram.Scanner {
	scan, err := ngram.Words(1).NewScanner()
	if err != nil {
		panic(err) // the recipe is this program's own
	}
	return scan
}

// looked gives an item's texts as they are looked for: a passage before the question is
// context.
func looked(it *variant.Item) (texts [item.NumParts]string, split int) {
	texts = it.Text
	if texts[item.Choices] != "" && texts[item.Context] == "" {
		if split = align.Split(texts[item.Question]); split > 0 {
			texts[item.Context], texts[item.Question] = texts[item.Question][:split-1], texts[item.Question][split:]
		}
	}
	return texts, split
}

func (l *alignLens) add(it *variant.Item) error {
	own := item.Absent(len(l.bench))
	texts, split := looked(it)
	for p, text := range texts {
		if text == "" {
			continue
		}
		t, err := l.builder.Add(l.group(own.Bench, item.Part(p)), text, item.Part(p) == item.Context)
		if err != nil {
			return err
		}
		own.Texts[p] = int32(t)
	}
	l.list, l.split = append(l.list, own), append(l.split, uint32(split))
	return nil
}

func (l *alignLens) group(bench int, p item.Part) int { return bench*int(item.NumParts) + int(p) }

func (l *alignLens) fit() error {
	l.bench = append(l.bench, len(l.list))
	return nil
}

// Decoys of a benchmark at the most, and what they are made of.
const (
	mostDecoys  = 500
	decoyItems  = 5 // others whose pieces a decoy has
	decoyPieces = 5 // words of a piece
)

func (l *alignLens) build() error {
	l.real = len(l.list)
	l.decoys = make([]int32, l.real)
	first := 0
	for bench, end := range l.bench {
		l.recombine(bench, l.list[first:end], first)
		first = end
	}
	l.items = align.NewItems(l.list, l.builder.Build())
	l.builder = nil
	return nil
}

// recombine gives decoys to some items of a benchmark, the same in every run.
func (l *alignLens) recombine(bench int, items []item.Item, first int) {
	var questions []int // numbers of items that have one
	for i, it := range items {
		if t := it.Texts[item.Question]; t != item.None && l.builder.Words(int(t)) >= 2*decoyPieces {
			questions = append(questions, i)
		}
	}
	if len(questions) < 2*decoyItems {
		return
	}
	r := rand.New(rand.NewPCG(uint64(len(questions)), xxh3.HashString("decoys")))
	for _, i := range r.Perm(len(questions))[:min(len(questions), mostDecoys)] {
		like := questions[i]
		others := []int{like}
		var texts []int
		for len(texts) < decoyItems {
			if k := questions[r.IntN(len(questions))]; !slices.Contains(others, k) {
				others, texts = append(others, k), append(texts, int(items[k].Texts[item.Question]))
			}
		}
		t := l.builder.Recombine(l.group(bench, item.Question), int(items[like].Texts[item.Question]), texts, decoyPieces)
		if t < 0 {
			continue
		}
		l.decoys[first+like] = int32(len(l.list))
		decoy := item.Absent(bench)
		decoy.Texts[item.Question] = int32(t)
		l.list = append(l.list, decoy)
	}
}

// key: the second number is that of how decoys are drawn.
func (l *alignLens) key() any { return []any{"align", l.method.Version, 2} }

func (l *alignLens) recipe() ngram.Recipe {
	r := ngram.Words(1)
	r.Norm = "plain"
	return r
}

func (l *alignLens) params(int, []*variant.Benchmark) map[string]any {
	params := map[string]any{"parts": l.method.Parts.Names(), "normaliser": l.method.Norm, "unit": l.method.Unit}
	for _, p := range l.method.Params {
		params[p.Name] = p.Value
	}
	params["factor"] = l.factor
	return params
}

// alignCover is what documents show of an item and of its decoy.
type alignCover struct {
	own, decoy *align.Cover
	all        bool // it may be anything: a corpus filter cannot say
}

func (l *alignLens) merge(item int, a, b any) any {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	x, y := a.(*alignCover), b.(*alignCover)
	join := func(item int, to **align.Cover, from *align.Cover) {
		switch {
		case from == nil:
		case *to == nil:
			*to = from
		default:
			l.items.Merge(item, *to, from)
		}
	}
	join(item, &x.own, y.own)
	join(int(l.decoys[item]), &x.decoy, y.decoy)
	return x
}

func (l *alignLens) judge(i, _ int, _ *variant.Item, cover any) overlap.Verdict {
	var own *align.Cover
	c, ok := cover.(*alignCover)
	if ok {
		own = c.own
	}
	a := l.items.Judge(i, own, l.factor)
	if ok && c.all && a.State == item.Clean {
		a.State, a.Score = item.Flagged, 1
	}
	v := overlap.Verdict{State: a.State, Kind: a.Kind, Score: a.Score, Words: a.Words, Matched: a.Found, Longest: a.Run, Parts: a.Parts, Seen: a.Seen}
	if own != nil {
		v.Documents = own.Documents
	}
	if a.State != item.NotCheckable {
		v.Details = map[string]any{"bits": a.Bits, "need": a.Need}
	}
	return v
}

// evidence quotes the stretches of each document in the order of the item, each with
// what stands around it.
func (l *alignLens) evidence(it *variant.Item, cover any) (list []report.Evidence) {
	for _, h := range l.hits(it, cover) {
		for i, m := range h.Marks {
			e := h.Evidence
			e.Part, e.Words = h.parts[i].String(), h.words[i]
			e.ItemStart, e.ItemEnd, e.DocStart, e.DocEnd = h.items[i][0], h.items[i][1], m[0], m[1]
			from, to := e.DocStart-h.DocTextStart, e.DocEnd-h.DocTextStart
			text := h.DocText
			from, to = max(0, from-evidenceAround), min(int64(len(text)), to+evidenceAround)
			for from > 0 && !utf8.RuneStart(text[from]) {
				from--
			}
			for to < int64(len(text)) && !utf8.RuneStart(text[to]) {
				to++
			}
			e.DocText, e.DocTextStart = text[from:to], h.DocTextStart+from
			list = append(list, e)
		}
	}
	return list
}

// evidenceAround is how many bytes are shown on either side of a stretch.
const evidenceAround = 100

// An alignHit is a document as evidence: its place and all stretches there.
type alignHit struct {
	report.Hit
	parts []item.Part // by mark
	words []int64
	items [][2]int64 // bytes of the part
}

// hits gives the documents of a cover, strongest first.
func (l *alignLens) hits(it *variant.Item, cover any) (list []alignHit) {
	c := cover.(*alignCover)
	if c.own == nil {
		return nil
	}
	texts, split := looked(it)
	var spans [item.NumParts][]ngram.Span
	var by plain.Cleaner
	for p, text := range texts {
		for _, span := range l.words.Words(by.Clean([]byte(text))) {
			start, end := by.Original(int(span.Start), int(span.End))
			spans[p] = append(spans[p], ngram.Span{Start: uint32(start), End: uint32(end)})
		}
	}
	for _, s := range c.own.Sightings {
		h := alignHit{Hit: report.Hit{Evidence: report.Evidence{Shard: s.Shard, Row: s.Row, DocID: s.ID, DocText: s.Text, DocTextStart: s.TextStart, Norm: l.method.Norm}}}
		for _, q := range s.Runs {
			part, from := q.Part, uint32(0)
			switch {
			case split > 0 && part == item.Context:
				part = item.Question
			case split > 0 && part == item.Question:
				from = uint32(split)
			}
			first, last := spans[q.Part][q.At], spans[q.Part][q.At+q.Words-1]
			h.Marks = append(h.Marks, [2]int64{q.Start, q.End})
			h.parts, h.words = append(h.parts, part), append(h.words, int64(q.Words))
			h.items = append(h.items, [2]int64{int64(from + first.Start), int64(from + last.End)})
		}
		list = append(list, h)
	}
	return list
}

// show gives what a terminal shows of a flagged item: its strongest document.
func (l *alignLens) show(it *variant.Item, cover any) (report.Hit, bool) {
	list := l.hits(it, cover)
	if len(list) == 0 || len(list[0].Marks) == 0 {
		return report.Hit{}, false
	}
	h := list[0]
	words := int64(0)
	for i, n := range h.words {
		if h.parts[i] != item.Answer {
			words += n
		}
	}
	h.Words, h.Part = words, h.parts[0].String()
	h.ItemText = it.Text[h.parts[0]][h.items[0][0]:]
	h.DocStart, h.DocEnd, h.ItemStart = h.Marks[0][0], h.Marks[0][1], h.items[0][0]
	return h.Hit, true
}

// A Decoys is how many decoys of a benchmark were looked for, and how many are flagged.
type Decoys struct{ Looked, Flagged int }

// alignLook is a goroutine's collector.
type alignLook struct {
	lens      *alignLens
	collector *align.Collector
	clean     plain.Cleaner
	scan      *ngram.Scanner
}

func (l *alignLens) look() look {
	return &alignLook{lens: l, collector: l.items.NewCollector(), scan: singleWords()}
}

func (k *alignLook) reset(shard string) { k.collector.Reset(shard) }

func (k *alignLook) document(row int64, id string, text []byte) {
	cleaned := k.clean.Clean(text)
	for k.scan.Reset(cleaned); k.scan.Next(); {
		k.collector.Matcher.Block(k.scan)
	}
	k.collector.End(row, id, text, cleaned, &k.clean)
}

func (k *alignLook) covers() iter.Seq2[int, any] {
	return func(yield func(int, any) bool) {
		all := map[int]*align.Cover{}
		for i, c := range k.collector.Covers() {
			all[i] = c
		}
		for i := range k.lens.real {
			c := alignCover{own: all[i]}
			if d := k.lens.decoys[i]; d > 0 {
				c.decoy = all[int(d)]
			}
			if (c.own != nil || c.decoy != nil) && !yield(i, &c) {
				return
			}
		}
	}
}

func (l *alignLens) appendCover(b []byte, cover any) []byte {
	c := cover.(*alignCover)
	for _, c := range []*align.Cover{c.own, c.decoy} {
		if c == nil {
			c = &align.Cover{}
		}
		b = appendAlignCover(b, c)
	}
	return b
}

func (l *alignLens) readCover(r *sectionReader) any {
	c := &alignCover{own: readAlignCover(r), decoy: readAlignCover(r)}
	if len(c.own.Sightings) == 0 {
		c.own = nil
	}
	if len(c.decoy.Sightings) == 0 {
		c.decoy = nil
	}
	return c
}

func appendAlignCover(b []byte, c *align.Cover) []byte {
	n := func(values ...int64) {
		for _, v := range values {
			b = binary.AppendUvarint(b, uint64(v))
		}
	}
	str := func(s string) { n(int64(len(s))); b = append(b, s...) }
	n(c.Documents, int64(len(c.Sightings)))
	for _, s := range c.Sightings {
		str(s.Shard)
		n(s.Row)
		str(s.ID)
		for _, f := range s.Found {
			n(int64(f.Own), int64(f.Known), int64(f.Run), int64(f.Words), int64(f.Changed), int64(f.Kept), int64(f.Other), int64(f.Same))
		}
		n(s.TextStart)
		str(s.Text)
		n(int64(len(s.Runs)))
		for _, q := range s.Runs {
			n(int64(q.Part), int64(q.At), int64(q.Words), q.Start, q.End)
		}
	}
	return b
}

func readAlignCover(r *sectionReader) *align.Cover {
	n := func() int { return int(r.uvarint()) }
	str := func() string { return string(r.bytes(r.uvarint())) }
	c := &align.Cover{Documents: int64(n())}
	for range r.count() {
		s := align.Sighting{Shard: str(), Row: int64(n()), ID: str()}
		for p := range s.Found {
			f := &s.Found[p]
			f.Own, f.Known, f.Run, f.Words, f.Changed, f.Kept, f.Other, f.Same = n(), n(), n(), n(), n(), n(), n(), n()
		}
		s.TextStart, s.Text = int64(n()), str()
		for range r.count() {
			q := align.Quote{Part: item.Part(n()), At: n(), Words: n(), Start: int64(n()), End: int64(n())}
			if q.Part >= item.NumParts {
				r.fail()
			}
			if s.Runs = append(s.Runs, q); r.err != nil {
				return c
			}
		}
		if c.Sightings = append(c.Sightings, s); r.err != nil {
			return c
		}
	}
	return c
}

// calibrate looks at the decoys of all stored covers, and raises what is needed until
// no more of them are flagged than the method allows.
func (l *alignLens) calibrate(covers iter.Seq2[mergedItem, error]) error {
	l.looked = make([]Decoys, len(l.bench))
	for i, d := range l.decoys {
		if d > 0 {
			l.looked[l.list[i].Bench].Looked++
		}
	}
	type decoy struct {
		bench    int
		strength float64
	}
	var seen []decoy
	for m, err := range covers {
		if err != nil {
			return err
		}
		if c := m.cover.(*alignCover); c.decoy != nil {
			d := int(l.decoys[m.item])
			seen = append(seen, decoy{l.list[d].Bench, l.items.Strength(d, c.decoy)})
		}
	}
	slices.SortFunc(seen, func(a, b decoy) int { return cmp.Compare(b.strength, a.strength) })
	if l.method.MaxFalse > 0 {
		all := 0
		for _, d := range l.looked {
			all += d.Looked
		}
		if allowed := int(l.method.MaxFalse * float64(all)); allowed < len(seen) {
			l.factor = max(l.factor, math.Nextafter(seen[allowed].strength, math.Inf(1)))
		}
	}
	for _, d := range seen {
		if d.strength >= l.factor {
			l.looked[d.bench].Flagged++
		}
	}
	return nil
}

// decoysOf says what became of the decoys of a benchmark.
func (l *alignLens) decoysOf(bench int) Decoys { return l.looked[bench] }

// The lens is bounded by a corpus filter only in name: copies that it finds need not
// share an n-gram with the item, so all of its items are suspected.

func (l *alignLens) refuses(int, []*variant.Benchmark) string               { return "" }
func (l *alignLens) grams(int) iter.Seq2[int, []uint64]                     { return func(func(int, []uint64) bool) {} }
func (l *alignLens) gramsAll(int) int                                       { return 0 }
func (l *alignLens) texts(dst []int, _ int) []int                           { return dst }
func (l *alignLens) possible(int, []uint64) bool                            { return true }
func (l *alignLens) buildOf(func(int) bool) error                           { return l.build() }
func (l *alignLens) suspect(int, int, func(int) []uint64) any               { return &alignCover{all: true} }
func (l *alignLens) count(int, int, int, func(int) []uint64) (all, hit int) { return 0, 0 }
func (l *alignLens) blind() bool                                            { return true }
