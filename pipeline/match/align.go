package match

import (
	"cmp"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"

	"swab/ngram"
	"swab/ngram/align"
	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/ngram/plain"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/report"

	"github.com/zeebo/xxh3"
)

// alignment is the matcher of the method "swab": it reads texts and documents without
// markup, and finds for each item the place of a document that holds most of it.
//
// Some items of each benchmark have a decoy: a question made of pieces of others, which is in
// no document. The number of flagged decoys is a measure of the false-positive rate.
type alignment struct {
	method   *overlap.Method
	builder  *align.Builder
	list     []item.Item // items; after build also siblings and decoys
	siblings []item.Item // that only compete
	split    []uint32    // by item: offset in its question after the passage; 0 if it is not divided
	bench    []int       // the item after the last of each benchmark

	siblingEnds []int // by benchmark: how many siblings there are up to the last of its own

	real   int         // items that are reported
	decoy  []int32     // by item: the number of its decoy, or 0
	like   map[int]int // by decoy: its item
	words  *ngram.Scanner
	items  *align.Items
	factor float64  // of the threshold, raised by calibration
	tried  []Decoys // by benchmark, after open

	filtered *filtered // in a check: the verdicts of the corpus filter
}

func newAlignment(m *overlap.Method) *alignment {
	return &alignment{method: m, builder: align.NewBuilder(), words: singleWords(), factor: m.Factor}
}

func singleWords() *ngram.Scanner {
	scan, err := ngram.Words(1).NewScanner()
	if err != nil {
		panic(err) // the recipe is this program's own
	}
	return scan
}

// textsOf returns an item's texts as documents are searched for them: a passage before the
// question is context.
func textsOf(it *benchmark.Item) (texts [item.NumParts]string, split int) {
	texts = it.Text
	if texts[item.Choices] != "" && texts[item.Context] == "" {
		if split = align.Split(texts[item.Question]); split > 0 {
			texts[item.Context], texts[item.Question] = texts[item.Question][:split-1], texts[item.Question][split:]
		}
	}
	return texts, split
}

func (m *alignment) add(it *benchmark.Item) error {
	own, split, err := m.addTexts(it, m.builder.Add)
	m.list, m.split = append(m.list, own), append(m.split, split)
	return err
}

func (m *alignment) addSibling(it *benchmark.Item) error {
	own, _, err := m.addTexts(it, m.builder.AddSibling)
	m.siblings = append(m.siblings, own)
	return err
}

// addTexts adds the texts of an item to the builder. It returns the offset in the question
// after a passage.
func (m *alignment) addTexts(
	it *benchmark.Item, add func(group int, text string, once bool) (int, error),
) (item.Item, uint32, error) {
	own := item.Absent(len(m.bench))
	own.Passage = it.Passage
	texts, split := textsOf(it)
	for p, text := range texts {
		if text == "" {
			continue
		}
		t, err := add(m.group(own.Bench, item.Part(p)), text, item.Part(p) == item.Context)
		if err != nil {
			return own, 0, err
		}
		own.Texts[p] = int32(t)
	}
	return own, uint32(split), nil
}

func (m *alignment) group(bench int, p item.Part) int { return bench*int(item.NumParts) + int(p) }

func (m *alignment) fit() error {
	m.bench, m.siblingEnds = append(m.bench, len(m.list)), append(m.siblingEnds, len(m.siblings))
	return nil
}

// The number of decoys of a benchmark, and their composition.
const (
	maxDecoys   = 500
	decoyItems  = 5 // other items that a decoy has pieces of
	decoyPieces = 5 // words of a piece
)

func (m *alignment) build(wanted func(bench int) bool) error {
	m.assemble(func(b *align.Builder) *align.Index {
		if wanted == nil {
			return b.Build()
		}
		return b.BuildFor(func(group int) bool { return wanted(group / int(item.NumParts)) })
	})
	return nil
}

// assemble builds the items and decoys and their index.
func (m *alignment) assemble(index func(*align.Builder) *align.Index) {
	m.real = len(m.list)
	m.decoy, m.like = make([]int32, m.real), map[int]int{}
	m.list = append(m.list, m.siblings...)
	first, decoys := 0, len(m.list)
	for bench, end := range m.bench {
		m.recombine(bench, m.list[first:end], first)
		first = end
	}
	m.items = align.NewItems(m.list, m.real, decoys, index(m.builder))
	m.builder = nil
}

// recombine builds decoys for some items of a benchmark, the same in every run.
func (m *alignment) recombine(bench int, items []item.Item, first int) {
	var questions []int // numbers of items that have one
	for i, it := range items {
		if t := it.Texts[item.Question]; t != item.None && m.builder.Words(int(t)) >= 2*decoyPieces {
			questions = append(questions, i)
		}
	}
	if len(questions) < 2*decoyItems {
		return
	}
	r := rand.New(rand.NewPCG(uint64(len(questions)), xxh3.HashString("decoys")))
	for _, i := range r.Perm(len(questions))[:min(len(questions), maxDecoys)] {
		like := questions[i]
		others := []int{like}
		var texts []int
		for len(texts) < decoyItems {
			if k := questions[r.IntN(len(questions))]; !slices.Contains(others, k) {
				others, texts = append(others, k), append(texts, int(items[k].Texts[item.Question]))
			}
		}
		t := m.builder.Recombine(m.group(bench, item.Question), int(items[like].Texts[item.Question]), texts, decoyPieces)
		if t < 0 {
			continue
		}
		m.decoy[first+like], m.like[len(m.list)] = int32(len(m.list)), first+like
		decoy := item.Absent(bench)
		decoy.Texts[item.Question] = int32(t)
		m.list = append(m.list, decoy)
	}
}

// The second number of the key is the version of what is kept and of the sampling of decoys.
func (m *alignment) key(int) any { return []any{"align", m.method.Version, 4} }

func (m *alignment) recipe() ngram.Recipe {
	r := ngram.Words(1)
	r.Norm = "plain"
	return r
}

func (m *alignment) params(int, []*benchmark.Benchmark) map[string]any {
	params := map[string]any{"parts": m.method.Parts.Names(), "normaliser": m.method.Norm, "unit": m.method.Unit}
	for _, p := range m.method.Params {
		params[p.Name] = p.Value
	}
	params["factor"] = m.factor
	m.filtered.params(params)
	return params
}

// alignCover has the covers of an item and of its decoy.
type alignCover struct {
	own, decoy *align.Cover
}

func (m *alignment) mergeCovers(i int, x, y *alignCover) *alignCover {
	join := func(i int, to **align.Cover, from *align.Cover) {
		switch {
		case from == nil:
		case *to == nil:
			*to = from
		default:
			m.items.Merge(i, *to, from)
		}
	}
	join(i, &x.own, y.own)
	join(int(m.decoy[i]), &x.decoy, y.decoy)
	return x
}

func (m *alignment) judge(i, _ int, _ *benchmark.Item, c *alignCover) overlap.Verdict {
	if c == nil {
		c = &alignCover{}
	}
	own := c.own
	a := m.items.Judge(i, own, m.factor)
	m.filtered.judge(i, &a)
	v := overlap.Verdict{
		State: a.State, Kind: a.Kind, Score: a.Score, Words: a.Words, Matched: a.Found, Longest: a.Run,
		Parts: a.Parts, Seen: a.Seen,
	}
	if a.State == item.NotCheckable {
		return v // no document counts for it
	}
	if own != nil {
		v.Documents = own.Documents
	}
	v.Details = map[string]any{"bits": a.Bits, "need": a.Need}
	m.addRival(i, &a, v.Details)
	if names := a.Coding.Names(); len(names) > 0 {
		v.Details["decoded"] = strings.Join(names, ", ")
	}
	return v
}

// addRival adds to the details of item i which item another one was displaced by: its number in
// the benchmark, from 1 on, or among the named siblings, and what it explains.
func (m *alignment) addRival(i int, a *align.Verdict, details map[string]any) {
	if a.By == 0 {
		return
	}
	first, last := m.itemsOf(m.list[i].Bench)
	number, name := m.rivalNumber(i, a.By), audit.DisplacedBy
	if number > last-first {
		number, name = number-(last-first), "displaced_by_sibling"
	}
	details[name], details["displaced_bits"] = number, a.Lost
}

// evidence quotes the matching stretches of each document in the order of the item, each with
// the text around it.
func (m *alignment) evidence(it *benchmark.Item, c *alignCover) (list []audit.Evidence) {
	for _, h := range m.documents(it, c) {
		for i, mark := range h.Marks {
			e := h.Evidence
			e.Part, e.Words = h.parts[i].String(), h.words[i]
			e.ItemStart, e.ItemEnd, e.DocStart, e.DocEnd = h.items[i][0], h.items[i][1], mark[0], mark[1]
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

// evidenceAround is the number of bytes quoted before and after a stretch.
const evidenceAround = 100

// An alignHit is a document as evidence: its place and all matching stretches.
type alignHit struct {
	report.Hit
	parts []item.Part // by mark
	words []int64
	items [][2]int64 // bytes of the part
}

// documents returns the documents of a cover, strongest first.
func (m *alignment) documents(it *benchmark.Item, c *alignCover) (list []alignHit) {
	if c.own == nil {
		return nil
	}
	texts, split := textsOf(it)
	var spans [item.NumParts][]ngram.Span
	var by plain.Cleaner
	for p, text := range texts {
		for _, span := range m.words.Words(by.Clean([]byte(text))) {
			start, end := by.Original(int(span.Start), int(span.End))
			spans[p] = append(spans[p], ngram.Span{Start: uint32(start), End: uint32(end)})
		}
	}
	for _, s := range c.own.Matches {
		h := alignHit{Hit: report.Hit{Evidence: audit.Evidence{
			Shard: s.Shard, Row: s.Row, DocID: s.ID, DocText: s.Text, DocTextStart: s.TextStart, Norm: m.method.Norm,
		}}}
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

// hits returns the strongest document with all its stretches.
func (m *alignment) hits(it *benchmark.Item, c *alignCover, _ []audit.Evidence) []report.Hit {
	list := m.documents(it, c)
	if len(list) == 0 || len(list[0].Marks) == 0 {
		return nil
	}
	h := list[0]
	words := int64(0)
	for i, n := range h.words {
		if h.parts[i] != item.Answer {
			words += n
		}
	}
	h.Words, h.Part, h.Share = words, h.parts[0].String(), c.own.Share
	h.ItemText = it.Text[h.parts[0]][h.items[0][0]:]
	h.DocStart, h.DocEnd, h.ItemStart = h.Marks[0][0], h.Marks[0][1], h.items[0][0]
	return []report.Hit{h.Hit}
}

// alignReader is a lane's collector.
type alignReader struct {
	lane      *Lane
	matcher   *alignment
	collector *align.Collector
	clean     plain.Cleaner
	scan      *ngram.Scanner
}

func (m *alignment) newReader(l *Lane) reader {
	return &alignReader{lane: l, matcher: m, collector: m.items.NewCollector(), scan: singleWords()}
}

func (r *alignReader) reset(shard string) { r.collector.Reset(shard) }

func (r *alignReader) begin([]byte) {}

// end divides the document's text without markup into words; the lane's blocks are of the text
// with markup.
func (r *alignReader) end(row int64, id string, text []byte) {
	cleaned := r.clean.Clean(text)
	for r.scan.Reset(cleaned); r.scan.Next() && !r.lane.stopped.Load(); {
		r.collector.Matcher.Block(r.scan)
	}
	r.collector.End(row, id, text, cleaned, &r.clean)
}

func (r *alignReader) covers(e *encoder) error {
	m := r.matcher
	all := map[int]*align.Cover{}
	var found []int // items
	for i, c := range r.collector.Covers() {
		all[i] = c
		if i >= m.real {
			i = m.like[i]
		}
		found = append(found, i)
	}
	slices.Sort(found)
	return writeCovers(e, m, func(yield func(numbered[alignCover], error) bool) {
		for _, i := range slices.Compact(found) {
			c := alignCover{own: all[i]}
			if !m.filtered.suspects(i) {
				c.own = nil
			}
			if d := m.decoy[i]; d > 0 {
				c.decoy = all[int(d)]
			}
			if (c.own != nil || c.decoy != nil) && !yield(numbered[alignCover]{i, &c}, nil) {
				return
			}
		}
	})
}

func (r *alignReader) visitFound(items func(int) *benchmark.Item, visit func(int, Found)) {
	m := r.matcher
	for i, c := range r.collector.Covers() {
		if i < m.real {
			visit(i, &cursor[alignCover]{rules: m, number: i, it: items(i), cover: &alignCover{own: c}})
		}
	}
}

func (m *alignment) merge(e *encoder, from subject) error {
	return writeCovers(e, m, mergeSections(m, from))
}

// open reads all covers twice: once to calibrate.
func (m *alignment) open(from []subject) (Covers, error) {
	if err := m.calibrate(mergeSections(m, from...)); err != nil {
		return nil, err
	}
	return newCursor(m, mergeSections(m, from...)), nil
}

func (m *alignment) appendCover(e *encoder, i int, c *alignCover) {
	for _, c := range []*align.Cover{c.own, c.decoy} {
		if c == nil {
			c = &align.Cover{}
		}
		m.appendOne(e, i, c)
	}
}

func (m *alignment) readCover(r *decoder, i int) *alignCover {
	c := &alignCover{own: m.readOne(r, i), decoy: m.readOne(r, i)}
	if len(c.own.Matches) == 0 {
		c.own = nil
	}
	if len(c.decoy.Matches) == 0 {
		c.decoy = nil
	}
	return c
}

// A rival is an item of the same benchmark, or a sibling of its items. Its number in a result
// is 1 + its number in the benchmark; siblings follow the items.

// rivalNumber returns the number of a rival of item i, given 1 + its number in all; 0 is none.
func (m *alignment) rivalNumber(i, by int) int {
	bench := m.list[i].Bench
	first, last := m.itemsOf(bench)
	switch {
	case by == 0:
		return 0
	case by <= last:
		return by - first
	}
	return by - m.siblingsFrom(bench) + last - first
}

// rival is the reverse of rivalNumber. Ok is false if there is no such rival.
func (m *alignment) rival(i, number int) (by int, ok bool) {
	if number == 0 {
		return 0, true
	}
	bench := m.list[i].Bench
	first, last := m.itemsOf(bench)
	from, to := m.siblingsFrom(bench), m.siblingsFrom(bench+1)
	switch {
	case number < 0 || number > last-first+to-from:
		return 0, false
	case number <= last-first:
		return number + first, true
	}
	return number - (last - first) + from, true
}

// itemsOf returns the first item of a benchmark, and the first after it.
func (m *alignment) itemsOf(bench int) (first, last int) {
	if bench > 0 {
		first = m.bench[bench-1]
	}
	return first, m.bench[bench]
}

// siblingsFrom returns the first sibling of a benchmark's items.
func (m *alignment) siblingsFrom(bench int) int {
	if bench == 0 {
		return m.real
	}
	return m.real + m.siblingEnds[bench-1]
}

func (m *alignment) appendOne(e *encoder, i int, c *align.Cover) {
	n := e.uvarint
	answer := int64(0)
	if c.Answer {
		answer = 1
	}
	n(c.Documents, answer)
	e.float64(c.Share)
	n(int64(len(c.Matches)))
	for _, s := range c.Matches {
		e.shard(s.Shard)
		n(s.Row)
		e.text(s.ID)
		for _, f := range s.Found {
			n(int64(f.Own), int64(f.Known), int64(f.Loose.Own), int64(f.Loose.Known))
			n(int64(f.Run), int64(f.Words), int64(f.Long), int64(f.Cited))
		}
		bits := int64(0)
		for i, is := range [...]bool{s.Shared, s.Whole, s.Cut} {
			if is {
				bits |= 1 << i
			}
		}
		n(int64(m.rivalNumber(i, s.By)), bits, int64(s.Asks), int64(s.Joint), int64(s.Rest))
		for _, x := range [...]align.Exchange{
			s.Decisive.Numbers, s.Decisive.Names, s.Decisive.Operators, s.Decisive.Others,
		} {
			n(int64(x.Exchanged), int64(x.Retained))
		}
		n(int64(s.Decisive.Replaced))
		for _, f := range s.Lost {
			n(int64(f.Own), int64(f.Known))
		}
		n(s.TextStart, int64(s.Coding))
		e.text(s.Text)
		n(int64(len(s.Runs)))
		for _, q := range s.Runs {
			n(int64(q.Part), int64(q.At), int64(q.Words), q.Start, q.End)
		}
	}
}

func (m *alignment) readOne(r *decoder, i int) *align.Cover {
	n := func() int { return int(r.uvarint()) }
	str := func() string { return string(r.bytes(r.uvarint())) }
	c := &align.Cover{Documents: int64(n()), Answer: n() != 0, Share: r.float64()}
	for range r.count() {
		var s align.Match
		s.Shard, s.Row, s.ID = r.document()
		for p := range s.Found {
			f := &s.Found[p]
			f.Own, f.Known, f.Loose.Own, f.Loose.Known = n(), n(), n(), n()
			f.Run, f.Words, f.Long, f.Cited = n(), n(), n(), n()
		}
		number, ok := n(), false
		if s.By, ok = m.rival(i, number); !ok {
			r.fail()
		}
		bits := n()
		s.Shared, s.Whole, s.Cut, s.Asks = bits&1 != 0, bits&2 != 0, bits&4 != 0, n()
		s.Joint, s.Rest = n(), n()
		decisive := &s.Decisive
		for _, e := range [...]*align.Exchange{
			&decisive.Numbers, &decisive.Names, &decisive.Operators, &decisive.Others,
		} {
			e.Exchanged, e.Retained = n(), n()
		}
		decisive.Replaced = n()
		for p := range s.Lost {
			s.Lost[p].Own, s.Lost[p].Known = n(), n()
		}
		s.TextStart, s.Coding, s.Text = int64(n()), plain.Coding(n()), str()
		for range r.count() {
			q := align.Quote{Part: r.part(), At: n(), Words: n(), Start: int64(n()), End: int64(n())}
			if s.Runs = append(s.Runs, q); r.err != nil {
				return c
			}
		}
		if c.Matches = append(c.Matches, s); r.err != nil {
			return c
		}
	}
	return c
}

// calibrate judges the decoys by all covers, and raises the threshold until no more of them
// are flagged than the method allows.
func (m *alignment) calibrate(covers iter.Seq2[numbered[alignCover], error]) error {
	m.tried = make([]Decoys, len(m.bench))
	for i, d := range m.decoy {
		if d > 0 {
			m.tried[m.list[i].Bench].Looked++
		}
	}
	type decoy struct {
		bench    int
		strength float64
	}
	var seen []decoy
	for n, err := range covers {
		if err != nil {
			return err
		}
		if n.cover.decoy != nil {
			d := int(m.decoy[n.item])
			seen = append(seen, decoy{m.list[d].Bench, m.items.Strength(d, n.cover.decoy)})
		}
	}
	slices.SortFunc(seen, func(a, b decoy) int { return cmp.Compare(b.strength, a.strength) })
	if m.method.MaxFalse > 0 {
		all := 0
		for _, d := range m.tried {
			all += d.Looked
		}
		if allowed := int(m.method.MaxFalse * float64(all)); allowed < len(seen) {
			m.factor = max(m.factor, math.Nextafter(seen[allowed].strength, math.Inf(1)))
		}
	}
	for _, d := range seen {
		if d.strength >= m.factor {
			m.tried[d.bench].Flagged++
		}
	}
	return nil
}

func (m *alignment) decoys() []Decoys { return m.tried }
