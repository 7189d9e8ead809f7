package page

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/ngram/reworded"
	"swab/pipeline/audit"
	"swab/pipeline/card"
	"swab/pipeline/report"
	"swab/pipeline/score"

	"github.com/klauspost/compress/gzip"
)

const (
	maxItems    = 250_000
	maxDetailed = 50_000
	rawBudget   = 40 << 20 // of all texts, uncompressed
	packBudget  = 19 << 20 // of all chunks, compressed
	chunkItems  = 256
	snippetSize = 120
)

// listed is a row of the list.
type listed struct {
	bench, split, subject   int
	id, digest              string
	index                   int64
	states                  []byte // by method: f, s, c, n, or . for none
	state                   byte   // by the house method, else the worst of all methods
	found                   bool   // by any method
	words, longest, matched int64
	documents               int64
	seen, kind              int
	mark                    byte // c, r, n (a note only) or .
	note                    string
	verdicts, proofs, text  int32  // chunk * chunkItems + line, or -1
	snippet                 string // the words that match, else the beginning of the item
	begins                  string // its beginning, unless that is the snippet
	document                string // id of its first document
	shard                   int    // of that document, or -1
	spans                   []span // of the matches shown, in the item's parts
	bags                    []bag
}

// span is a match in an item: row is its number among the rows of evidence shown.
type span struct {
	row, part  int
	start, end int64
}

// bag is a window of a document whose terms and numbers, in any order, are those of the item.
type bag struct {
	row  int // its number among the rows of evidence shown
	text string
}

// count has the number of verdicts of each state.
type count struct {
	Items, Flagged, Suspected, Clean, NotCheckable int64
}

// Found returns the number of flagged and suspected items.
func (c *count) Found() int64 { return c.Flagged + c.Suspected }

// tally counts items, and those found by the house method, or else by any.
type tally struct{ items, found int64 }

type book struct {
	audit  *audit.Audit
	scores *score.Table

	predicted *predictions // nil: none
	card      *card.Builder
	heat      [][]int64 // by shard, benchmark: items with evidence in it
	documents documents
	marks     map[audit.Place]audit.MarkEntry
	stale     int
	unit      string            // of lengths: word or character
	gone      map[string]string // by benchmark file: why it was not read again
	changed   int64             // items whose text has changed

	benches, methods, splits, subjects, seen, kinds, shards *names

	items      []*listed
	found      int64
	toReview   int64 // clean items that a document may have in other words
	unlisted   int64 // items beyond maxItems
	leftOut    int64 // items that have evidence which is not in the file
	shownRows  int64
	totalRows  int64
	counts     [][]count // by benchmark, method
	longest    [][]int64 // by benchmark: items by bin of their longest match
	perShard   []int64   // by shard: items with evidence in it
	perBench   []int64   // items
	anyFound   []int64   // by benchmark: items that any method found
	bySubject  []map[string]*tally
	kindsFound [][]int64 // by benchmark: items that the house method found, by kind
	confirmed  int64
	rejected   int64
	budget     int // of an item's texts, bytes
	maxRows    int // of evidence of an item
	suspicions bool

	verdicts, proofs, texts chunks
}

// names numbers strings in the order of their first use.
type names struct {
	list []string
	at   map[string]int
}

func newNames(list ...string) *names {
	n := &names{at: map[string]int{}}
	for _, s := range list {
		n.number(s)
	}
	return n
}

// number returns the number of s.
func (n *names) number(s string) int {
	i, ok := n.at[s]
	if !ok {
		i = len(n.list)
		n.at[s] = i
		n.list = append(n.list, s)
	}
	return i
}

// chunks compresses lines of JSON in chunks of chunkItems lines.
type chunks struct {
	name   string
	raw    bytes.Buffer
	lines  int
	packed [][]byte
	size   int
}

// add adds v as a line, and returns the number of the line.
func (c *chunks) add(v any) (int32, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return -1, err
	}
	c.raw.Write(b)
	c.raw.WriteByte('\n')
	at := int32(len(c.packed)*chunkItems + c.lines)
	if c.lines++; c.lines == chunkItems {
		return at, c.flush()
	}
	return at, nil
}

func (c *chunks) flush() error {
	if c.lines == 0 {
		return nil
	}
	b, err := pack(c.raw.Bytes())
	c.packed = append(c.packed, b)
	c.size += len(b)
	c.lines = 0
	c.raw.Reset()
	return err
}

// packers are reused, since each takes megabytes.
var packers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, 6)
	if err != nil {
		panic(err) // the level is valid
	}
	return z
}}

func pack(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	z.Reset(&out)
	_, err := z.Write(b)
	if err == nil {
		err = z.Close()
	}
	return out.Bytes(), err
}

// gather reads the audit.
func gather(ctx context.Context, dir string, o Options) (*book, error) {
	b := &book{gone: map[string]string{}, unit: "word"}
	open := audit.Open
	if o.Sealed != nil {
		open = func(dir string) (*audit.Reader, error) { return audit.OpenSealed(dir, o.Sealed) }
	}
	r, err := open(dir)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b.audit = r.About
	if b.scores, err = card.ReadScores(r, o.Scores); err != nil {
		return nil, err
	}
	if b.predicted, err = readPredictions(r); err != nil {
		return nil, err
	}
	b.card = card.NewBuilder(r, b.scores)
	if b.marks, b.stale, err = r.Marked(ctx); err != nil {
		return nil, err
	}
	b.verdicts.name, b.proofs.name, b.texts.name = "v", "e", "t"
	b.benches, b.methods, b.splits, b.subjects, b.shards = newNames(), newNames(), newNames(), newNames(), newNames()
	b.seen, b.kinds = newNames("", "input", "answer", "input and answer"), newNames("")
	for _, e := range b.audit.Benchmarks {
		b.bench(e.Name)
	}
	for _, m := range b.audit.Methods { // the house method first
		if m.Name == audit.House {
			b.methods.number(m.Name)
		}
	}
	for _, m := range b.audit.Methods {
		b.methods.number(m.Name)
	}
	if err := b.readItems(ctx, r); err != nil {
		return nil, err
	}
	if err := b.readEvidence(ctx, r); err != nil {
		return nil, err
	}
	if err := b.readTexts(ctx, o); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *book) bench(name string) int {
	i := b.benches.number(name)
	for len(b.counts) <= i {
		b.counts = append(b.counts, nil)
		b.longest = append(b.longest, make([]int64, len(bins)))
		b.perBench = append(b.perBench, 0)
		b.anyFound = append(b.anyFound, 0)
		b.kindsFound = append(b.kindsFound, nil)
		b.bySubject = append(b.bySubject, map[string]*tally{})
	}
	return i
}

func (b *book) count(bench, method int) *count {
	for len(b.counts[bench]) <= method {
		b.counts[bench] = append(b.counts[bench], count{})
	}
	return &b.counts[bench][method]
}

// bins of longest matches, by their first number of words.
var bins = []int64{1, 8, 10, 13, 17, 21, 26, 34, 51, 101, 201}

func letter(s audit.State) byte {
	switch s {
	case item.Flagged:
		return 'f'
	case item.Suspected:
		return 's'
	case item.Clean:
		return 'c'
	case item.NotCheckable:
		return 'n'
	}
	return '.'
}

// readItems reads the verdicts. Items that are not found are listed while there is room.
func (b *book) readItems(ctx context.Context, r *audit.Reader) error {
	matched := 0 // items that were not found but matched something, with details
	plain := 0
	norms := b.audit.Norms()
	for it, err := range r.Items(ctx) {
		if err != nil {
			return err
		}
		row, marked := b.newRow(it, norms)
		if !row.found && !marked {
			if plain++; plain > maxItems {
				b.unlisted++
				continue
			}
		}
		row.split, row.subject = b.splits.number(it.Split), b.subjects.number(it.Split)
		b.items = append(b.items, row)
		detailed := row.found && b.found <= maxDetailed
		if it.Reworded() != nil && !row.found && b.toReview < maxDetailed {
			b.toReview++
			detailed = true
		}
		if !detailed && !row.found && row.longest > 0 && matched < maxDetailed/2 {
			matched++
			detailed = true
		}
		if detailed {
			if row.verdicts, err = b.verdicts.add(b.numbers(it, norms)); err != nil {
				return err
			}
		}
	}
	if err := b.verdicts.flush(); err != nil {
		return err
	}
	b.dropUnfound()
	detailed := 0
	for _, it := range b.items {
		if it.verdicts >= 0 {
			detailed++
		}
	}
	b.budget = min(max(rawBudget/max(detailed, 1), 600), 12000)
	b.maxRows = min(max(b.budget/900, 1), 8)
	return nil
}

// newRow counts an item with its verdicts and marks, and returns its row of the page, and
// whether it has a mark or note of a reviewer.
func (b *book) newRow(it *audit.Item, norms map[string]string) (row *listed, marked bool) {
	bench := b.bench(it.Benchmark)
	b.perBench[bench]++
	row = &listed{
		bench: bench, id: it.ID, digest: it.Digest, index: it.Index,
		verdicts: -1, proofs: -1, text: -1, mark: '.', state: 'n', shard: -1,
	}
	lengths := it.Lengths(norms)
	row.words, row.longest, row.matched = lengths.Total, lengths.Longest, lengths.Matched
	b.unit = lengths.Unit
	row.states = bytes.Repeat([]byte{'.'}, len(b.methods.list))
	for i := range it.Verdicts {
		b.addVerdict(row, &it.Verdicts[i])
	}
	if row.longest > 0 {
		b.longest[bench][binOf(row.longest)]++
	}
	row.found = row.state == 'f' || row.state == 's'
	if len(it.Verdicts) > 0 && it.Verdicts[0].Method == audit.House {
		row.state = letter(it.Verdicts[0].State)
	}
	if row.found {
		b.found++
		b.anyFound[bench]++
	}
	subject := b.bySubject[bench][it.Split]
	if subject == nil {
		subject = new(tally)
		b.bySubject[bench][strings.Clone(it.Split)] = subject
	}
	if subject.items++; row.state == 'f' || row.state == 's' {
		subject.found++
	}
	place := audit.Place{Benchmark: it.Benchmark, Split: it.Split, Item: it.ID, Digest: it.Digest}
	entry, marked := b.marks[place]
	b.card.Add(it, entry.Mark)
	switch entry.Mark {
	case audit.Confirmed:
		row.mark = 'c'
		b.confirmed++
	case audit.Rejected:
		row.mark = 'r'
		b.rejected++
	default:
		if marked {
			row.mark = 'n'
		}
	}
	row.note = entry.Note
	return row, marked
}

// addVerdict counts a verdict and adds it to the item's row, which has the strongest state, all
// sides of the item that were found, and the first kind.
func (b *book) addVerdict(row *listed, v *audit.Verdict) {
	m := b.methods.number(v.Method)
	for len(row.states) <= m {
		row.states = append(row.states, '.')
	}
	l := letter(v.State)
	row.states[m] = l
	c := b.count(row.bench, m)
	c.Items++
	switch v.State {
	case item.Flagged:
		c.Flagged++
	case item.Suspected:
		c.Suspected++
		b.suspicions = true
	case item.Clean:
		c.Clean++
	default:
		c.NotCheckable++
	}
	row.documents = max(row.documents, v.Documents)
	if strings.IndexByte("ncsf", l) > strings.IndexByte("ncsf", row.state) {
		row.state = l
	}
	if seen := v.SeenParts(); seen != "" && (row.seen == 0 || b.seen.list[row.seen] != "input and answer") {
		s := b.seen.number(seen)
		if row.seen != 0 && row.seen != s {
			s = b.seen.number("input and answer")
		}
		row.seen = s
	}
	if v.Kind == "" || row.kind != 0 {
		return
	}
	row.kind = b.kinds.number(v.Kind)
	for len(b.kindsFound[row.bench]) <= row.kind {
		b.kindsFound[row.bench] = append(b.kindsFound[row.bench], 0)
	}
	if v.State.Found() {
		b.kindsFound[row.bench][row.kind]++
	}
}

// dropUnfound keeps maxItems items: those found and marked first, then the earliest.
func (b *book) dropUnfound() {
	if len(b.items) <= maxItems {
		return
	}
	kept := b.items[:0]
	room := max(0, maxItems-int(b.found))
	for _, it := range b.items {
		if it.found || it.mark != '.' {
			kept = append(kept, it)
		} else if room > 0 {
			room--
			kept = append(kept, it)
		}
	}
	if len(kept) > maxItems {
		kept = kept[:maxItems]
	}
	b.unlisted += int64(len(b.items) - len(kept))
	clear(b.items[len(kept):])
	b.items = kept
}

func binOf(n int64) int {
	i, found := slices.BinarySearch(bins, n)
	if !found {
		i--
	}
	return i
}

// numbers returns the verdicts on an item in the form that the page's script reads.
func (b *book) numbers(it *audit.Item, norms map[string]string) any {
	rows := make([][]any, 0, len(it.Verdicts))
	for i := range it.Verdicts {
		v := &it.Verdicts[i]
		rows = append(rows, []any{
			b.methods.number(v.Method), string(letter(v.State)), v.Score, v.Longest, v.Words, v.Matched, v.Documents,
			text(strings.Join(v.Parts, ", ")), v.Chance, text(v.Kind), v.Template, text(v.Seen),
			audit.UnitOf(norms[v.Method]),
		})
	}
	return rows
}

// readEvidence reads the evidence of listed items.
func (b *book) readEvidence(ctx context.Context, r *audit.Reader) error {
	type place struct {
		bench, split int
		index        int64
	}
	waiting := map[place]int{} // the item's place in the list
	for i, it := range b.items {
		if it.verdicts >= 0 {
			waiting[place{it.bench, it.split, it.index}] = i
		}
	}
	for e, err := range r.Evidence(ctx) {
		if err != nil {
			return err
		}
		b.totalRows += int64(len(e.Rows))
		seen := map[int]bool{}
		for i := range e.Rows {
			s := b.shards.number(e.Rows[i].Shard)
			for len(b.perShard) <= s {
				b.perShard = append(b.perShard, 0)
				b.heat = append(b.heat, make([]int64, len(b.benches.list)))
			}
			if !seen[s] {
				seen[s] = true
				b.perShard[s]++
				if bench, ok := b.benches.at[e.Benchmark]; ok {
					b.heat[s][bench]++
				}
			}
		}
		bench, ok := b.benches.at[e.Benchmark]
		split, known := b.splits.at[e.Split]
		at, listed := waiting[place{bench, split, e.Index}]
		if !ok || !known || !listed || b.proofs.size+b.texts.size+b.verdicts.size > packBudget*2/3 {
			b.leftOut++
			continue
		}
		b.documents.add(at, e.Rows, b.shards)
		it := b.items[at]
		if it.proofs, err = b.proofs.add(b.quotes(it, e.Rows)); err != nil {
			return err
		}
	}
	return b.proofs.flush()
}

// quote is a row of evidence in the form that the page's script reads: the document's text
// before the match, the match, and the text after it.
type quote struct {
	Part   string `json:"p"`
	Shard  int    `json:"s"`
	Row    int64  `json:"r"`
	ID     string `json:"i"`
	Words  int64  `json:"w"`
	Unit   string `json:"u"`
	Start  int64  `json:"o"` // of the match in the document, in bytes
	Before string `json:"a"`
	Match  string `json:"m"`
	After  string `json:"z"`
}

// length returns the length of a match in the document, in bytes.
func length(e *audit.Evidence) int64 { return e.DocEnd - e.DocStart }

// quotes returns the evidence of an item in the form that the page's script reads.
func (b *book) quotes(it *listed, rows []audit.Evidence) any {
	// The document with the longest match first, and in it the longest match: longest by
	// its bytes, since some evidence is counted in words and some in characters.
	longest := map[rowOf]int64{}
	place := func(e *audit.Evidence) rowOf { return rowOf{b.shards.number(e.Shard), e.Row} }
	for i := range rows {
		k := place(&rows[i])
		longest[k] = max(longest[k], length(&rows[i]))
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(p, q audit.Evidence) int {
		x, y := &p, &q
		return cmp.Or(cmp.Compare(longest[place(y)], longest[place(x)]),
			strings.Compare(x.Shard, y.Shard), cmp.Compare(x.Row, y.Row), cmp.Compare(length(y), length(x)))
	})
	var qs []quote
	type at struct {
		shard      string
		row        int64
		part       string
		start, end int64
	}
	had := map[at]bool{} // the audit has a match once for each method that it is evidence for
	distinct := 0
	room := b.budget / 2
	for i := range rows {
		e := &rows[i]
		k := at{e.Shard, e.Row, e.Part, e.DocStart, e.ItemStart}
		if had[k] {
			continue
		}
		had[k] = true
		if distinct++; len(qs) == b.maxRows {
			continue
		}
		n := int64(len(e.DocText))
		from := min(max(e.DocStart-e.DocTextStart, 0), n)
		to := min(max(e.DocEnd-e.DocTextStart, from), n)
		before, match, after := clip(e.DocText, int(from), int(to), max(room/2, 300))
		room -= len(before) + len(match) + len(after)
		if it.document == "" {
			it.document, it.shard = text(head(e.DocID, 200)), b.shards.number(e.Shard)
			it.snippet = oneLine(match, snippetSize)
		}
		if e.Norm == overlap.Bag {
			it.bags = append(it.bags, bag{len(qs), match})
		} else {
			part := slices.Index(item.AllParts.Names(), e.Part)
			it.spans = append(it.spans, span{len(qs), part, e.ItemStart, e.ItemEnd})
		}
		qs = append(qs, quote{
			text(e.Part), b.shards.number(e.Shard), e.Row, text(head(e.DocID, 500)),
			e.Words, audit.UnitOf(e.Norm), e.DocStart, before, match, after,
		})
		b.shownRows++
	}
	return map[string]any{"q": qs, "more": distinct - len(qs)}
}

// readTexts reads the benchmarks again for the texts of the items that have details.
func (b *book) readTexts(ctx context.Context, o Options) error {
	if o.NoTexts {
		return nil
	}
	type place struct {
		bench  int
		digest string
		index  int64
	}
	wanted := map[place][]*listed{}
	files := map[[2]string]bool{} // benchmark and split
	for _, it := range b.items {
		if it.verdicts >= 0 {
			p := place{it.bench, it.digest, it.index}
			wanted[p] = append(wanted[p], it)
			files[[2]string{b.benches.list[it.bench], b.splits.list[it.split]}] = true
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	found := 0
	read := func(bench, split string) bool { return files[[2]string{bench, split}] }
	gone := func(f audit.BenchmarkFile, why error) { b.gone[f.Path] = why.Error() }
	for t, err := range b.audit.Texts(ctx, read, gone) {
		if err != nil {
			return err
		}
		list := wanted[place{b.benches.at[t.Benchmark], t.Digest, int64(t.Index)}]
		for _, it := range list {
			if it.text >= 0 || b.proofs.size+b.texts.size+b.verdicts.size > packBudget {
				continue
			}
			found++
			if it.text, err = b.texts.add(b.itemText(it, t.Text)); err != nil {
				return err
			}
		}
	}
	for _, list := range wanted {
		for _, it := range list {
			if it.text < 0 {
				b.changed++
			}
		}
	}
	return b.texts.flush()
}

// itemText returns an item's parts in the form that the page's script reads, and the places
// of the matches in them, in UTF-16 units.
func (b *book) itemText(it *listed, texts [item.NumParts]string) any {
	parts := []part{}
	marks := [][4]int{}
	room := b.budget / 2
	for p, s := range texts {
		if s == "" {
			continue
		}
		limit := room / 2
		if p >= int(item.Choices) {
			limit = room
		}
		from, to := it.window(p, s, max(limit, 300))
		room -= to - from
		var out strings.Builder
		if from > 0 {
			out.WriteString("… ")
		}
		offset := utf16Length(out.String())
		out.WriteString(text(s[from:to]))
		if to < len(s) {
			out.WriteString(" …")
		}
		for _, m := range it.spans {
			start, end := boundary(s, int(max(m.start, int64(from)))), boundary(s, int(min(m.end, int64(to))))
			if m.part == p && start < end && start >= from {
				first, last := utf16Length(text(s[from:start])), utf16Length(text(s[from:end]))
				marks = append(marks, [4]int{m.row, len(parts), offset + first, offset + last})
			}
		}
		parts = append(parts, part{item.Part(p).String(), out.String()})
	}
	// The list shows the beginning of the item: its question, else its first part.
	shown := cmp.Or(texts[item.Question], texts[item.Context], texts[item.Choices], texts[item.Answer])
	it.begins = oneLine(text(head(shown, 4*snippetSize)), snippetSize)
	if it.snippet == "" {
		it.snippet, it.begins = it.begins, ""
	}
	packed := map[string]any{"parts": parts, "marks": marks}
	if len(it.bags) > 0 {
		packed["words"], packed["terms"] = markedTerms(it.bags, &texts, parts)
	}
	return packed
}

// window returns which bytes of a part are shown: all, or about limit from shortly before the
// first match.
func (it *listed) window(p int, s string, limit int) (from, to int) {
	if len(s) <= limit {
		return 0, len(s)
	}
	first := len(s)
	for _, m := range it.spans {
		if m.part == p {
			first = min(first, int(m.start))
		}
	}
	if first == len(s) {
		first = 0
	}
	from = boundary(s, max(0, min(first-limit/5, len(s)-limit)))
	return from, boundary(s, from+limit)
}

// markedTerms returns the terms and numbers that an item shares with windows of documents, and
// the numbers that only one of the two has: in the item's parts, as row, part, start, end and 1
// for a number that differs, and by row in the window, as start, end and that 1. In UTF-16 units.
func markedTerms(bags []bag, texts *[item.NumParts]string, parts []part) (words [][5]int, terms map[int][][3]int) {
	terms = map[int][][3]int{}
	question, choices := reworded.Texts(texts)
	for _, w := range bags {
		_, in := reworded.Marks(question+"\n"+choices, w.text)
		terms[w.row] = append(terms[w.row], spread(w.text, in)...)
		for k, p := range parts {
			if p.Name == item.Answer.String() {
				continue // the method does not read it
			}
			in, _ := reworded.Marks(p.Text, w.text)
			for _, m := range spread(p.Text, in) {
				words = append(words, [5]int{w.row, k, m[0], m[1], m[2]})
			}
		}
	}
	return words, terms
}

// spread returns marks in UTF-16 units of the text.
func spread(text string, marks []reworded.Mark) (list [][3]int) {
	at, units := 0, 0
	for _, m := range marks {
		if m.Start < at {
			m.Start = at // a pair of characters that overlaps the one before
		}
		if m.End <= m.Start {
			continue
		}
		start := units + utf16Length(text[at:m.Start])
		end := start + utf16Length(text[m.Start:m.End])
		at, units = m.End, end
		differs := 1
		if m.Shared {
			differs = 0
		}
		list = append(list, [3]int{start, end, differs})
	}
	return list
}

// part is a part of an item in the form that the page's script reads.
type part struct {
	Name string `json:"p"`
	Text string `json:"t"`
}

// text makes text safe for display, as report.CleanText does, but keeps line breaks.
func text(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = report.CleanText(strings.ReplaceAll(l, "\t", "    "))
	}
	return strings.Join(lines, "\n")
}

// oneLine returns about the first n characters of s, on one line.
func oneLine(s string, n int) string {
	s = strings.Join(strings.Fields(head(s, 4*n)), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)[:n]
	return strings.TrimRightFunc(string(r), unicode.IsSpace) + "…"
}

// head returns the first n bytes of s, or all of it.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:boundary(s, n)]
}

// boundary returns the start of the character that contains byte i of s.
func boundary(s string, i int) int {
	i = min(max(i, 0), len(s))
	for i > 0 && i < len(s) && !utf8.RuneStart(s[i]) {
		i--
	}
	return i
}

// clip shortens a document's text around a match to about room bytes.
func clip(s string, from, to, room int) (before, match, after string) {
	from, to = boundary(s, from), boundary(s, to)
	start := boundary(s, max(0, from-max(100, (room-(to-from))/2)))
	end := boundary(s, min(len(s), to+max(100, (room-(to-from))/2)))
	before, match, after = text(s[start:from]), text(s[from:to]), text(s[to:end])
	if start > 0 {
		before = "…" + before
	}
	if to-from > 2*room {
		cut := boundary(s, from+2*room)
		match, after = text(s[from:cut])+fmt.Sprintf("… [%s more bytes match]", report.Thousands(int64(to-cut))), ""
	}
	if end < len(s) {
		after += "…"
	}
	return before, match, after
}

func utf16Length(s string) (n int) {
	for _, r := range s {
		if n++; r > 0xffff {
			n++
		}
	}
	return n
}

// columns returns the list of items in the form that the page's script reads.
func (b *book) columns() any {
	n := len(b.items)
	type column = []int64
	c := struct {
		Unit     string   `json:"unit"`
		Benches  []string `json:"benches"`
		Methods  []string `json:"methods"`
		Subjects []string `json:"subjects"`
		Seen     []string `json:"seenNames"`
		Kinds    []string `json:"kindNames"`
		Shards   []string `json:"shards"`
		ID       []string `json:"id"`
		Snippet  []string `json:"snippet"`
		Begins   []string `json:"begins"`
		Document []string `json:"document"`
		States   []string `json:"states"`
		State    string   `json:"state"`
		Mark     string   `json:"mark"`
		Notes    any      `json:"notes"`
		Bench    column   `json:"bench"`
		Subject  column   `json:"subject"`
		Words    column   `json:"words"`
		Longest  column   `json:"longest"`
		Matched  column   `json:"matched"`
		Docs     column   `json:"documents"`
		ShardOf  column   `json:"shard"`
		SeenOf   column   `json:"seen"`
		KindOf   column   `json:"kind"`
		Verdicts column   `json:"v"`
		Proofs   column   `json:"e"`
		Texts    column   `json:"t"`
		Corpus   any      `json:"corpus"`
	}{Unit: b.unit, Seen: b.seen.list, Corpus: b.documents.columns()}
	for _, l := range []struct {
		to   *[]string
		from []string
	}{
		{&c.Benches, b.benches.list}, {&c.Methods, b.methods.list}, {&c.Subjects, b.subjects.list},
		{&c.Kinds, b.kinds.list}, {&c.Shards, b.shards.list},
	} {
		*l.to = []string{}
		for _, s := range l.from {
			*l.to = append(*l.to, text(head(s, 1000)))
		}
	}
	state, mark := make([]byte, n), make([]byte, n)
	states := make([][]byte, len(b.methods.list))
	for m := range states {
		states[m] = bytes.Repeat([]byte{'.'}, n)
	}
	notes := map[int]string{}
	for i, it := range b.items {
		c.ID = append(c.ID, text(head(it.id, 300)))
		c.Snippet = append(c.Snippet, it.snippet)
		c.Begins = append(c.Begins, it.begins)
		c.Document = append(c.Document, it.document)
		state[i], mark[i] = it.state, it.mark
		for m, s := range it.states {
			states[m][i] = s
		}
		if it.note != "" {
			notes[i] = text(head(it.note, 4000))
		}
		for _, col := range []struct {
			to *column
			v  int64
		}{
			{&c.Bench, int64(it.bench)}, {&c.Subject, int64(it.subject)},
			{&c.Words, it.words}, {&c.Longest, it.longest}, {&c.Matched, it.matched}, {&c.Docs, it.documents},
			{&c.ShardOf, int64(it.shard)}, {&c.SeenOf, int64(it.seen)}, {&c.KindOf, int64(it.kind)},
			{&c.Verdicts, int64(it.verdicts)}, {&c.Proofs, int64(it.proofs)}, {&c.Texts, int64(it.text)},
		} {
			*col.to = append(*col.to, col.v)
		}
	}
	for _, s := range states {
		c.States = append(c.States, string(s))
	}
	c.State, c.Mark, c.Notes = string(state), string(mark), notes
	return c
}
