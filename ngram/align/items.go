package align

import (
	"cmp"
	"iter"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strings"

	"swab/ngram"
	"swab/ngram/item"
	"swab/ngram/plain"
)

// Kinds say what was found of an item. Those of flagged items are Input and InputAndAnswer.
const (
	Input          = "input"
	InputAndAnswer = "input and answer"
	Answer         = "answer"       // a worked answer alone
	Altered        = "altered"      // numbers, names or operators differ, or another item explains what was found
	TooCommon      = "too common"   // few words that any text about the matter may have
	PassageOnly    = "passage only" // the text that it asks about, not what it asks
	TemplateOnly   = "template only"
	Fragment       = "fragment"
)

// Items are all items of a run. Decoys are items too, behind the others: no document
// can hold them, so what is flagged of them is flagged by chance.
type Items struct {
	list    []item.Item
	real    int // items that are reported; behind them those that only compete
	decoys  int // and from here on decoys
	x       *Index
	passage []bool
	owned   []uint32 // items by text: those of text t are owned[first[t]:first[t+1]]
	first   []uint32
}

// NewItems puts items and the index of their texts together. A context that several
// items share is a passage of others, and so is one that the layout calls so, or one before
// a question that carries enough by itself, when there are choices.
func NewItems(list []item.Item, real, decoys int, x *Index) *Items {
	s := &Items{list: list, real: real, decoys: decoys, x: x}
	s.passage, s.first = make([]bool, len(list)), make([]uint32, x.Texts()+1)
	for _, it := range list {
		for _, t := range it.Texts {
			if t != item.None {
				s.first[t+1]++
			}
		}
	}
	for t := range x.Texts() {
		s.first[t+1] += s.first[t]
	}
	s.owned = make([]uint32, s.first[x.Texts()])
	fill := slices.Clone(s.first)
	for i, it := range list {
		for _, t := range it.Texts {
			if t != item.None {
				s.owned[fill[t]] = uint32(i)
				fill[t]++
			}
		}
	}
	for i, it := range list {
		t, q := it.Texts[item.Context], it.Texts[item.Question]
		if t == item.None {
			continue
		}
		asks := q != item.None && x.Total(int(q)).Own >= 24*unit
		long := it.Texts[item.Choices] != item.None && asks && x.Words(int(t)) >= leastPassage
		s.passage[i] = it.Passage || long || s.first[t+1]-s.first[t] > 1
	}
	return s
}

// leastPassage is how many words a passage has that only one item asks about.
const leastPassage = 40

// Split divides a question with choices that begins with a passage, on lines of its
// own, into the passage and what is asked, which begins at byte at; at is 0 when there
// is none.
func Split(question string) (at int) {
	end := strings.TrimRight(question, " \t\r\n")
	k := strings.LastIndexByte(end, '\n')
	if k < 0 || len(strings.Fields(end[:k])) < leastPassage {
		return 0
	}
	return k + 1
}

// Len is the number of items.
func (s *Items) Len() int { return len(s.list) }

// total is the information of item i by part.
func (s *Items) total(i int) (total [item.NumParts]Info) {
	for p, t := range s.list[i].Texts {
		if t != item.None {
			total[p] = s.x.Total(int(t))
		}
	}
	return total
}

// Checkable reports whether item i carries enough information to be judged.
func (s *Items) Checkable(i int) bool {
	e := evidence{total: s.total(i), passage: s.passage[i]}
	e.found = e.total
	e.words, e.whole = e.size, true
	_, strength := e.score()
	return strength >= 1
}

// MaxMatches is how many documents a Cover keeps, the strongest ones.
const MaxMatches = 3

// A Cover is what a set of documents shows of one item. The zero Cover is that of no
// document; Merge is associative and commutative.
type Cover struct {
	Documents int64   // in which the item is flagged
	Answer    bool    // and in any of them half of its answer is there
	Share     float64 // of the item's information that one of them has, at the most
	Matches   []Match // strongest first
}

// A Match is one document in which enough of an item was seen.
type Match struct {
	Shard    string
	Row      int64
	ID       string
	Found    [item.NumParts]Finding // without what other items explain better
	Lost     [item.NumParts]Info    // what those explain
	By       int                    // 1 + the item that explains most of it, or 0
	Decisive Decisive
	Shared   bool         // with another item, and nothing says which of them it is
	Cut      bool         // its choices are there from the middle of them on, in one stretch
	Asks     int          // information of the longest stretch of its question that is not among its choices
	Joint    int          // information of its longest stretch, which may go on from part to part and line to line
	Rest     int          // information of its own words behind the last one that is there, choices aside
	Whole    bool         // every word of its question, context and choices is there
	Runs     []Quote      // by part and word
	Coding   plain.Coding // in which ways the document has what was found

	TextStart int64  // where Text begins in the document
	Text      string // the place, with some of what is around it
}

// A Quote is a stretch of words as it is in the document, inside the match's text.
type Quote struct {
	Part       item.Part
	At, Words  int   // in words of the text that was searched for
	Start, End int64 // bytes of the document
}

// evidence is what a match shows.
func (s *Items) evidence(i int, g *Match) *evidence {
	e := &evidence{} // of the caller's memory, since this is inlined
	s.fill(e, i, g)
	return e
}

// fill sets the evidence to what a match shows of item i.
func (s *Items) fill(e *evidence, i int, g *Match) {
	e.total, e.passage, e.asks, e.cut, e.whole = s.total(i), s.passage[i], g.Asks, g.Cut, g.Whole
	e.joint, e.rest, e.numbers = g.Joint, g.Rest, g.Decisive.Numbers
	for p := range g.Found {
		f := &g.Found[p]
		e.found[p], e.loose[p], e.runs[p], e.words[p], e.cited[p] = f.Info, f.Loose, f.Run, f.Words, f.Cited
		if t := s.list[i].Texts[p]; t != item.None {
			e.size[p], e.citedAll[p] = s.x.Words(int(t)), int(s.x.cited[t])
			if p := item.Part(p); p == item.Question || p == item.Context && !e.passage {
				e.allNumbers += int(s.x.numbers[t])
			}
		}
	}
}

// Strength is how much of what is needed to flag item i its strongest document shows,
// and 0 when there is none.
func (s *Items) Strength(i int, c *Cover) float64 {
	if c == nil || len(c.Matches) == 0 {
		return 0
	}
	_, strength := s.evidence(i, &c.Matches[0]).score()
	return strength
}

// Merge adds what other documents show of item i. D is not changed, but shares memory
// with c afterwards.
func (s *Items) Merge(i int, c, d *Cover) {
	c.Documents += d.Documents
	c.Answer, c.Share = c.Answer || d.Answer, max(c.Share, d.Share)
	c.Matches = append(c.Matches, d.Matches...)
	s.prune(i, c)
}

// prune orders the matches and keeps the strongest.
func (s *Items) prune(i int, c *Cover) {
	type ranked struct {
		rank
		Match
	}
	list := make([]ranked, len(c.Matches))
	for k := range list {
		list[k] = ranked{s.rank(i, &c.Matches[k]), c.Matches[k]}
	}
	slices.SortFunc(list, func(a, b ranked) int {
		return cmp.Or(a.compare(b.rank), cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Row, b.Row))
	})
	for k := range list {
		c.Matches[k] = list[k].Match
	}
	if len(c.Matches) > MaxMatches {
		clear(c.Matches[MaxMatches:])
		c.Matches = c.Matches[:MaxMatches]
	}
}

// A Verdict is what the method says of an item.
type Verdict struct {
	State  item.State
	Kind   string
	Score  float64 // share of the item's information found in one place, the most of any document
	Need   float64 // share that flags
	Bits   float64 // own information of question, context and choices
	Words  int     // in those parts
	Found  int     // of these words, in the strongest document
	Run    int     // words of its longest stretch
	Parts  item.Parts
	Seen   item.Seen
	Coding plain.Coding // in which ways the strongest document has it
	By     int          // 1 + the item that explains most of what the strongest document has of it, or 0
	Lost   float64      // bits by themselves of the words that other items explain there
}

// Judge returns the verdict on item i, of which the cover is nil when nothing was seen.
// Factor, 1 by default, multiplies what is needed.
func (s *Items) Judge(i int, c *Cover, factor float64) Verdict {
	v := Verdict{State: item.Clean}
	total := s.total(i)
	for p, t := range s.list[i].Texts {
		if t != item.None && item.Part(p) != item.Answer {
			v.Words += s.x.Words(int(t))
			v.Bits += float64(total[p].Own) / unit
		}
	}
	if !s.Checkable(i) {
		v.State = item.NotCheckable
		return v
	}
	v.Need = min(Need(v.Bits)*factor, 1)
	if c == nil || len(c.Matches) == 0 {
		return v
	}
	g := &c.Matches[0]
	e := s.evidence(i, g)
	share, strength := e.score()
	v.Score = max(share, c.Share)
	if strength > 0 {
		v.Need = share / strength * factor
	}
	for p, f := range g.Found {
		if f.Words > 0 {
			v.Parts |= 1 << p
			v.Seen = item.SeenInput
		}
		if item.Part(p) != item.Answer {
			v.Found += f.Words
			v.Run = max(v.Run, f.Long)
		}
	}
	v.By, v.Coding = g.By, g.Coding
	for _, lost := range g.Lost {
		v.Lost += float64(lost.Known) / unit
	}
	v.Kind = g.kind(e, strength >= factor)
	answer := g.answer(e)
	switch v.Kind {
	case Input:
		v.State, answer = item.Flagged, c.Answer
	case Answer:
		v.State, v.Seen, answer = item.Flagged, item.SeenAnswer, false
	}
	if v.Parts != 0 && answer {
		v.Seen = item.SeenBoth
		if v.Kind == Input {
			v.Kind = InputAndAnswer
		}
	}
	return v
}

// answer reports whether half of a worked answer was found.
func (g *Match) answer(e *evidence) bool {
	return e.total[item.Answer].Known >= LeastKnown*unit && e.holdsHalf(item.Answer)
}

// kind is what a document shows of the item whose evidence e is; enough says that the
// strength is what is needed. Input and Answer are flagged.
func (g *Match) kind(e *evidence, enough bool) string {
	found, all, _ := e.sum(e.own()...)
	switch {
	case enough && g.Shared:
		return PassageOnly
	case enough && e.byAnswer:
		return Answer
	case enough && g.Decisive.altered(g.Whole):
		return Altered
	case enough:
		return Input
	case g.By > 0:
		return Altered
	case e.common:
		return TooCommon
	case e.holdsPassage():
		return PassageOnly
	case 2*found.Known >= all.Known && 4*found.Own < all.Own:
		return TemplateOnly
	}
	return Fragment
}

// kinds are those of documents, the one that says most last.
var kinds = []string{Fragment, TemplateOnly, PassageOnly, TooCommon, Altered, Answer, Input}

// A rank orders documents by what they show of an item: by kind, strength, and all
// figures, so that documents of one rank say the same.
type rank struct {
	kind     int
	strength float64
	share    float64 // of the item's information
	figures  []int
}

func (s *Items) rank(i int, g *Match) rank {
	e := s.evidence(i, g)
	share, strength := e.score()
	r := rank{kind: slices.Index(kinds, g.kind(e, strength >= 1)), strength: strength, share: share}
	for p, f := range g.Found {
		r.figures = append(r.figures, f.Own, f.Known, f.Loose.Own, f.Loose.Known, f.Run, f.Words, f.Cited, f.Long,
			g.Lost[p].Own, g.Lost[p].Known)
	}
	r.figures = append(r.figures, g.By, g.Asks, g.Joint, -g.Rest)
	for _, x := range [...]Exchange{g.Decisive.Numbers, g.Decisive.Names, g.Decisive.Operators, g.Decisive.Others} {
		r.figures = append(r.figures, x.Exchanged, x.Retained)
	}
	return r
}

// compare is below 0 when a says more than b.
func (a rank) compare(b rank) int {
	return cmp.Or(cmp.Compare(b.kind, a.kind), cmp.Compare(b.strength, a.strength), slices.Compare(b.figures, a.figures))
}

// A Collector turns documents into covers of one shard. It belongs to one goroutine.
// Its memory grows with the items seen, not with the documents.
type Collector struct {
	items   *Items
	Matcher *Matcher // to which the document's blocks of words are handed
	aligner *Aligner
	shard   string
	covers  map[uint32]*Cover
	windows []*Window // by text of the current document
	owners  []uint32
	places  []place // of the current document

	// Of the current document.
	bounder    bounder
	everyPlace bool // for tests: nothing is skipped
	candidates []candidate
	runs       []Run
	contest    contest
	claimed    []claimed
	claimants  []*candidate
	renamed    map[uint32]uint64 // words of an item, and the hash of what is in their place
}

// NewCollector makes a collector.
func (s *Items) NewCollector() *Collector {
	windows := make([]*Window, s.x.Texts())
	return &Collector{items: s, Matcher: s.x.NewMatcher(), aligner: s.x.NewAligner(), windows: windows}
}

// Reset makes the collector begin with the documents of the named shard. The covers of
// the shard before are no longer the collector's.
func (c *Collector) Reset(shard string) { c.shard, c.covers = shard, map[uint32]*Cover{} }

// End closes the current document, whose blocks the matcher has seen: its text, and
// how it was cleaned. All is lent.
func (c *Collector) End(row int64, id string, text, cleaned []byte, by *plain.Cleaner) {
	s := c.items
	windows := c.Matcher.Windows()
	if len(windows) == 0 {
		return
	}
	c.owners = c.owners[:0]
	for i := range windows {
		t := windows[i].Text
		c.windows[t] = &windows[i]
		c.owners = append(c.owners, s.owned[s.first[t]:s.first[t+1]]...)
	}
	slices.Sort(c.owners)
	c.owners = slices.Compact(c.owners)
	c.places = c.places[:0]
	for _, i := range c.owners {
		c.findPlace(int(i))
	}
	slices.SortFunc(c.places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.item, b.item))
	})
	if c.everyPlace || !c.alignPlaces(cleaned, false) {
		c.alignPlaces(cleaned, true)
	}
	c.compete()
	for k := range c.candidates {
		c.record(&c.candidates[k], row, id, text, by)
	}
	for i := range windows {
		c.windows[windows[i].Text] = nil
	}
}

// anchors are the parts beside which the others are searched for, best first.
var anchors = [...]item.Part{item.Question, item.Choices, item.Context, item.Answer}

// place is where a document is worth an alignment for an item; answer says that half of the
// answer may be there.
type place struct {
	item, from, to int
	answer         bool
}

// findPlace notes the document's best place for item i, if there is hope.
func (c *Collector) findPlace(i int) {
	s, x := c.items, c.items.x
	texts := s.list[i].Texts
	e := evidence{total: s.total(i), passage: s.passage[i]}
	words, repeated := 0, false
	for p, t := range texts {
		if t == item.None {
			continue
		}
		words += x.Words(int(t))
		if window := c.windows[t]; window != nil {
			e.found[p].Own = window.Found
			repeated = repeated || x.repeated[t]
		}
	}
	if !repeated && !e.hopeful() {
		return
	}
	from, to := math.MaxInt, 0
	answer := e.holdsAnswer()
	order := anchors[:]
	if own := append(e.own(), item.Choices); answer && !e.holdsQuarter(own...) {
		order = []item.Part{item.Answer}
	}
	for _, p := range order {
		if t := texts[p]; t != item.None && c.windows[t] != nil {
			from, to = int(c.windows[t].Start), int(c.windows[t].End)
			break
		}
	}
	around := 400 + 12*words
	c.places = append(c.places, place{i, max(0, from-around), to + around, answer})
}

// A candidate is an item with what its alignment shows of it.
type candidate struct {
	item        int
	found       [item.NumParts]Finding
	runs        [item.NumParts][]Run
	strength    float64
	decisive    Decisive
	shared      bool // with another item: nothing says which of them it is
	whole, cut  bool
	asks        int                 // as in Match
	joint, rest int                 // likewise
	lost        [item.NumParts]Info // to other items
	by          int                 // the item that took most of it, or -1
}

// findQuestion searches before the choices for the end of a question that was not found.
func (c *Collector) findQuestion(g *candidate) {
	q, runs := c.items.list[g.item].Texts[item.Question], g.runs[item.Choices]
	if q == item.None || len(runs) == 0 {
		return
	}
	from, _ := docSpan(runs)
	found, at := &g.found[item.Question], 0
	first := len(c.runs)
	c.runs = append(c.runs, g.runs[item.Question]...)
	for _, r := range c.runs[first:] {
		at = max(at, r.At+r.Words)
	}
	end := c.aligner.AlignEnd(int(q), at, int(from)-c.aligner.base-c.aligner.first)
	found.Info, found.Loose = found.Info.plus(end.Info), found.Loose.plus(end.Loose)
	found.Words, found.Cited = found.Words+end.Words, found.Cited+end.Cited
	found.Run, found.Long = max(found.Run, end.Run), max(found.Long, end.Long)
	c.runs = c.aligner.Runs(c.runs)
	g.runs[item.Question] = c.runs[first:len(c.runs):len(c.runs)]
}

// docSpan returns the first word of runs in the document, and the first behind them.
func docSpan(runs []Run) (from, to uint32) {
	from = math.MaxUint32
	for _, r := range runs {
		from, to = min(from, r.Doc), max(to, r.Doc+uint32(r.Words))
	}
	return from, to
}

// match is what the document shows of the candidate, without where and how it says so.
func (g *candidate) match() *Match {
	return &Match{
		Found: g.found, Lost: g.lost, By: g.by + 1, Decisive: g.decisive,
		Shared: g.shared, Asks: g.asks, Cut: g.cut, Whole: g.whole,
		Joint: g.joint, Rest: g.rest,
	}
}

// isCut reports whether a document has a candidate's choices from the middle of them on,
// as a page that begins there: nearly every word of those behind the first one found, in
// order, and no word of those before.
func (s *Items) isCut(g *candidate) bool {
	runs := g.runs[item.Choices]
	if len(runs) == 0 || runs[0].At < 2 {
		return false
	}
	words, last := 0, runs[len(runs)-1]
	for k, r := range runs {
		if words += r.Words; k > 0 && r.Doc < runs[k-1].Doc {
			return false
		}
	}
	return 10*words >= 9*(last.At+last.Words-runs[0].At)
}

// asks returns the information of the longest stretch of a candidate's context or
// question that is before or behind its choices; one at its end counts twice. Words among
// the choices are theirs.
func (c *Collector) asks(g *candidate) (most int) {
	from, to := docSpan(g.runs[item.Choices])
	x := c.items.x
	for _, p := range [...]item.Part{item.Context, item.Question} {
		for _, r := range g.runs[p] {
			if from < r.Doc && r.Doc < to {
				continue
			}
			at, says := x.starts[c.items.list[g.item].Texts[p]]+uint32(r.At), 0
			for k := range uint32(r.Words) {
				says += min(int(x.says[at+k]), int(x.weights[at+k]))
			}
			if end := r.At + r.Words; end+nearEnd >= x.Words(int(c.items.list[g.item].Texts[p])) {
				says *= 2
			}
			most = max(most, says)
		}
	}
	return most
}

// joinedStretch returns the known information of the longest stretch of a candidate that goes on
// from the end of a part to the begin of the next one, and from line to line: between them a
// document may have letters, numbers or marks. A passage of others is no part of it.
func (s *Items) joinedStretch(g *candidate) (most int) {
	x, says, next, doc := s.x, 0, uint32(0), uint32(0)
	for p, t := range s.list[g.item].Texts {
		if t == item.None || item.Part(p) == item.Answer || item.Part(p) == item.Context && s.passage[g.item] {
			continue
		}
		first := x.starts[t]
		for _, r := range g.runs[p] {
			at := first + uint32(r.At)
			goesOn := at == next && (r.Doc == doc || x.kinds[at]&begins != 0 && doc <= r.Doc && r.Doc-doc <= betweenLines)
			if !goesOn {
				says = 0
			}
			for k := range uint32(r.Words) {
				says += int(x.says[at+k])
			}
			most = max(most, says)
			next, doc = at+uint32(r.Words), r.Doc+uint32(r.Words)
		}
		if next == x.starts[t+1]-1 {
			next = s.firstWord(g.item, item.Part(p)+1)
		}
	}
	return most
}

// betweenLines is how many words a document may have before a line of a text.
const betweenLines = 2

// firstWord returns the place of the first word of part p of item i, or of the part behind it that
// the item has, answer aside; 0 where there is none.
func (s *Items) firstWord(i int, p item.Part) uint32 {
	for ; p < item.Answer; p++ {
		if t := s.list[i].Texts[p]; t != item.None {
			return s.x.starts[t]
		}
	}
	return 0
}

// infoBehind returns the known information of a candidate's own words behind the last one found.
func (s *Items) infoBehind(g *candidate) (sum int) {
	for _, p := range [...]item.Part{item.Question, item.Context} {
		t := s.list[g.item].Texts[p]
		if t == item.None || p == item.Context && s.passage[g.item] {
			continue
		}
		from := s.x.starts[t]
		runs := g.runs[p]
		if len(runs) > 0 {
			last := runs[len(runs)-1]
			from += uint32(last.At + last.Words)
		}
		for at := from; at < s.x.starts[t+1]-1; at++ {
			sum += int(s.x.says[at])
		}
		if len(runs) > 0 {
			break
		}
	}
	return sum
}

// nearEnd is how many words from the end of a question a stretch at its end may end.
const nearEnd = 2

// alignParts aligns parts of an item in turn.
func (c *Collector) alignParts(g *candidate, parts ...item.Part) {
	x, options := c.items.x, beside
	for _, p := range parts {
		t := c.items.list[g.item].Texts[p]
		if t == item.None {
			continue
		}
		where := nowhere
		if p == item.Choices {
			where = options
		}
		f := c.aligner.Align(int(t), where)
		if f.behind > 0 && (f.ends || 2*f.Known >= x.Total(int(t)).Known) {
			options = f.behind
		}
		first := len(c.runs)
		c.runs = c.aligner.Runs(c.runs)
		g.found[p], g.runs[p] = f, c.runs[first:len(c.runs):len(c.runs)]
	}
}

// mixed reports whether half of the choices were found, and words of the context or the
// question among them, which may be theirs.
func (c *Collector) mixed(g *candidate) bool {
	t := c.items.list[g.item].Texts[item.Choices]
	if t == item.None || 2*g.found[item.Choices].Known < c.items.x.Total(int(t)).Known {
		return false
	}
	from, to := docSpan(g.runs[item.Choices])
	for _, p := range [...]item.Part{item.Context, item.Question} {
		for _, r := range g.runs[p] {
			if from < r.Doc && r.Doc < to {
				return true
			}
		}
	}
	return false
}

// alignPlaces aligns items with their places: all, or only those of which enough may be found to be
// recorded. It reports whether the others cannot matter to those: a weak claim only says
// what another candidate shares.
func (c *Collector) alignPlaces(cleaned []byte, all bool) (done bool) {
	if c.Matcher.whole {
		c.aligner.documentRead(cleaned, &c.Matcher.ended)
	} else {
		c.aligner.Document(cleaned)
	}
	c.bounder.document()
	c.runs, c.candidates = c.runs[:0], c.candidates[:0]
	for _, at := range c.places {
		c.aligner.Select(at.from, at.to)
		if all || c.mayShow(at.item) {
			c.alignItem(at)
		}
	}
	return len(c.candidates) == len(c.places) || !slices.ContainsFunc(c.candidates, func(g candidate) bool {
		return g.strength >= 1 && c.items.mayShare(&g)
	})
}

// alignItem aligns an item with its place, which is selected. Where that is not enough and the answer may be
// there, the answer goes first: some of its words are those of the question too.
func (c *Collector) alignItem(at place) {
	g := c.alignPlace(at, false)
	if g.strength < 1 && at.answer {
		if h := c.alignPlace(at, true); h.strength >= 1 {
			g = h
		}
	}
	c.candidates = append(c.candidates, g)
}

// alignPlace aligns the parts of an item with its place, the answer last or first.
func (c *Collector) alignPlace(at place, answer bool) candidate {
	s := c.items
	c.aligner.untake()
	g := candidate{item: at.item, by: -1}
	first := len(c.runs)
	if answer {
		c.alignParts(&g, item.Answer, item.Context, item.Question, item.Choices)
	} else {
		c.alignParts(&g, item.Context, item.Question, item.Choices, item.Answer)
	}
	if !answer && c.mixed(&g) {
		c.runs = c.runs[:first]
		c.aligner.untake()
		c.alignParts(&g, item.Choices, item.Context, item.Question, item.Answer)
	}
	c.findQuestion(&g)
	c.placeChoices(&g)
	g.asks, g.cut, g.whole = c.asks(&g), s.isCut(&g), s.isWhole(&g)
	g.joint, g.rest = s.joinedStretch(&g), s.infoBehind(&g)
	e := s.evidence(at.item, g.match())
	if _, g.strength = e.score(); g.strength >= 1 && c.dropForged(&g) {
		g.asks, g.joint, g.cut, g.whole = 0, 0, false, false
		e = s.evidence(at.item, g.match())
		_, g.strength = e.score()
	}
	if e.withNumbers() >= 1 {
		g.decisive = c.decisive(&g)
		_, g.strength = s.evidence(at.item, g.match()).score()
	}
	return g
}

// placeChoices adds what saying where the choices are takes, which begin behind the question:
// of their stretches it is the one that is least off.
func (c *Collector) placeChoices(g *candidate) {
	q, choices := g.runs[item.Question], g.runs[item.Choices]
	if len(q) == 0 || len(choices) == 0 {
		return
	}
	t := int(c.items.list[g.item].Texts[item.Question])
	last := q[len(q)-1]
	end := int(last.Doc) + c.items.x.Words(t) - last.At // where the question would end
	place := bits.Len(uint(c.items.x.windowSize(t)))
	for _, r := range choices {
		place = min(place, placeBits(int(r.Doc)-r.At-end))
	}
	g.found[item.Choices].loosen(place)
}

// dropForged removes what was found by hash alone, and reports whether anything was: hashes
// are public, and words with the hash of others can be made.
func (c *Collector) dropForged(g *candidate) bool {
	forged := map[uint32]bool{}
	for p, runs := range g.runs {
		for _, r := range runs {
			c.aligner.forged(int(c.items.list[g.item].Texts[p]), r, func(doc uint32) { forged[doc] = true })
		}
	}
	if len(forged) == 0 {
		return false
	}
	for p, runs := range g.runs {
		if len(runs) > 0 {
			c.release(g, item.Part(p), func(doc uint32) bool { return !forged[doc] })
			g.lost[p], g.runs[p] = Info{}, nil
		}
	}
	return true
}

// compete lets the candidates of each benchmark compete for the document's words.
func (c *Collector) compete() {
	if !slices.ContainsFunc(c.candidates, func(g candidate) bool { return g.strength >= 1 }) {
		return // nobody is given anything
	}
	s := c.items
	slices.SortStableFunc(c.candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(s.list[a.item].Bench, s.list[b.item].Bench), cmp.Compare(a.item, b.item))
	})
	for first := 0; first < len(c.candidates); {
		bench := s.list[c.candidates[first].item].Bench
		last := first + 1
		for last < len(c.candidates) && s.list[c.candidates[last].item].Bench == bench {
			last++
		}
		c.decide(c.candidates[first:last])
		first = last
	}
}

// decide lets candidates of one benchmark compete.
func (c *Collector) decide(candidates []candidate) {
	s, x, t := c.items, c.items.x, &c.contest
	t.claims, c.claimed, c.claimants = t.claims[:0], c.claimed[:0], c.claimants[:0]
	for i := range candidates {
		g := &candidates[i]
		first := len(c.claimed)
		for p, runs := range g.runs {
			for _, r := range runs {
				at := x.starts[s.list[g.item].Texts[p]] + uint32(r.At)
				for k := range uint32(r.Words) {
					c.claimed = append(c.claimed, claimed{r.Doc + k, 1 + int(x.knowns[x.words[at+k]])})
				}
			}
		}
		t.claims = append(t.claims, claim{
			words: c.claimed[first:len(c.claimed):len(c.claimed)],
			whole: g.whole, weak: g.strength < 1, decoy: g.item >= s.decoys,
		})
		c.claimants = append(c.claimants, g)
	}
	if len(t.claims) < 2 {
		return
	}
	t.decide()
	for k, g := range c.claimants {
		claim := &t.claims[k]
		if claim.weak {
			continue
		}
		g.shared = claim.shared > 0 && claim.sum-claim.shared < distinct*unit && s.mayShare(g)
		if t.claims[k].by < 0 {
			continue
		}
		g.by = c.claimants[t.claims[k].by].item
		for p, runs := range g.runs {
			if len(runs) > 0 {
				c.release(g, item.Part(p), func(doc uint32) bool { return t.keeps(k, doc) })
			}
		}
		g.joint = 0
		_, g.strength = s.evidence(g.item, g.match()).score()
	}
}

// release removes from what was found of a part the words that the candidate lost.
func (c *Collector) release(g *candidate, p item.Part, keeps func(doc uint32) bool) {
	s, x := c.items, c.items.x
	f := &g.found[p]
	before := f.Info
	*f = Finding{}
	for _, r := range g.runs[p] {
		for k := range r.Words {
			if doc := r.Doc + uint32(k); keeps(doc) {
				f.add(x, int(s.list[g.item].Texts[p]), r.At+k, int(doc))
			}
		}
	}
	f.endStretch()
	g.lost[p] = Info{before.Own - f.Own, before.Known - f.Known}
}

// A candidate whose words but for less than distinct bits another one explains too, and
// of which remainder bits or more are not in the document, shows what both have: a
// passage.
const (
	distinct  = 6
	remainder = 20
)

// mayShare reports whether a candidate may show no more than what another one shows too.
func (s *Items) mayShare(g *candidate) bool {
	return !g.whole && s.missing(g) >= remainder*unit && !s.holdsQuestion(g) && !s.holdsWholeAnswer(g)
}

// missing is the known information of an item that was not found, answer aside.
func (s *Items) missing(g *candidate) (sum int) {
	for p, total := range s.total(g.item) {
		if item.Part(p) != item.Answer {
			sum += total.Known - g.found[p].Known
		}
	}
	return sum
}

// holdsQuestion reports whether every word of an item's question is in the document.
func (s *Items) holdsQuestion(g *candidate) bool {
	t := s.list[g.item].Texts[item.Question]
	return t != item.None && g.found[item.Question].Words == s.x.Words(int(t))
}

// holdsWholeAnswer reports whether a candidate's answer alone is enough, and every word of it is in
// the document.
func (s *Items) holdsWholeAnswer(g *candidate) bool {
	t := s.list[g.item].Texts[item.Answer]
	if t == item.None || g.found[item.Answer].Words < s.x.Words(int(t)) {
		return false
	}
	e := s.evidence(g.item, g.match())
	e.score()
	return e.byAnswer
}

// isWhole reports whether every word of an item's question, context and choices is in
// the document, in order; between choices may be other words.
func (s *Items) isWhole(g *candidate) bool {
	for p, t := range s.list[g.item].Texts {
		if t == item.None || item.Part(p) == item.Answer {
			continue
		}
		words := 0
		for _, r := range g.runs[p] {
			words += r.Words
		}
		if words < s.x.Words(int(t)) || len(g.runs[p]) > 1 && item.Part(p) != item.Choices {
			return false
		}
	}
	return true
}

// record adds what a document shows of an item to the item's cover.
func (c *Collector) record(g *candidate, row int64, id string, text []byte, by *plain.Cleaner) {
	s, i := c.items, g.item
	if s.real <= i && i < s.decoys {
		return
	}
	see := g.match()
	see.Shard, see.Row, see.ID = c.shard, row, id
	if g.by < 0 && g.strength < reported && !s.evidence(i, see).holdsPassage() {
		return
	}
	cover := c.covers[uint32(i)]
	if cover == nil {
		cover = &Cover{}
		c.covers[uint32(i)] = cover
	}
	r := s.rank(i, see)
	cover.Share = max(cover.Share, r.share)
	switch kinds[r.kind] {
	case Input:
		cover.Documents++
		cover.Answer = cover.Answer || see.answer(s.evidence(i, see))
	case Answer:
		cover.Documents++
	}
	if len(cover.Matches) == MaxMatches && s.rank(i, &cover.Matches[MaxMatches-1]).compare(r) <= 0 {
		return // documents come in the order of their rows
	}
	see.ID = strings.Clone(id)
	c.quote(see, g.runs, text, by)
	cover.Matches = append(cover.Matches, *see)
	s.prune(i, cover)
}

// quoteRuns is how many stretches of a part are quoted; of more the longest ones.
const quoteRuns = 64

// quote keeps in a match the stretches found, and the text of the place. A stretch that the
// text is cut in is cut there.
func (c *Collector) quote(g *Match, runs [item.NumParts][]Run, text []byte, by *plain.Cleaner) {
	from, to := math.MaxInt, 0
	var quoted []Run
	for p, list := range runs {
		for _, r := range longest(list) {
			quoted = append(quoted, r)
			g.Coding |= by.Coding(int(r.Start), int(r.End))
			start, end := by.Original(int(r.Start), int(r.End))
			g.Runs = append(g.Runs, Quote{Part: item.Part(p), At: r.At, Words: r.Words, Start: int64(start), End: int64(end)})
			from, to = min(from, start), max(to, end)
		}
	}
	if len(g.Runs) == 0 {
		return
	}
	begin, stop := ngram.Excerpt(text, from, to)
	g.TextStart, g.Text = int64(begin), string(text[begin:stop])
	for k := range g.Runs {
		if q := &g.Runs[k]; q.End > int64(stop) {
			q.Words, q.End = c.wordsBefore(quoted[k], stop, by)
		}
	}
	g.Runs = slices.DeleteFunc(g.Runs, func(q Quote) bool { return q.Words == 0 })
}

// wordsBefore returns how many words of a run are in the document before a byte, and where
// the last of them ends.
func (c *Collector) wordsBefore(r Run, stop int, by *plain.Cleaner) (words int, last int64) {
	for _, span := range c.aligner.scan.Words(c.aligner.doc[r.Start:r.End]) {
		_, end := by.Original(int(r.Start+span.Start), int(r.Start+span.End))
		if end > stop || words == r.Words {
			break
		}
		words, last = words+1, int64(end)
	}
	return words, last
}

// longest returns the quoteRuns longest stretches, of equals the first, in their order.
func longest(runs []Run) []Run {
	if len(runs) <= quoteRuns {
		return runs
	}
	order := slices.Clone(runs)
	slices.SortStableFunc(order, func(a, b Run) int { return b.Words - a.Words })
	order = order[:quoteRuns]
	slices.SortFunc(order, func(a, b Run) int { return a.At - b.At })
	return order
}

// Covers returns the covers of all items seen, by rising item number.
func (c *Collector) Covers() iter.Seq2[int, *Cover] {
	return func(yield func(int, *Cover) bool) {
		for _, i := range slices.Sorted(maps.Keys(c.covers)) {
			if !yield(int(i), c.covers[i]) {
				return
			}
		}
	}
}
