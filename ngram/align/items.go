package align

import (
	"cmp"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"

	"swab/ngram"
	"swab/ngram/item"
	"swab/ngram/plain"
)

// Kinds say what was found of an item. Those of flagged items are Input, InputAndAnswer
// and Variant.
const (
	Input          = "input"
	InputAndAnswer = "input and answer"
	Variant        = "variant"      // the same wording with other numbers or names
	PassageOnly    = "passage only" // the text that it asks about, not what it asks
	TemplateOnly   = "template only"
	Fragment       = "fragment"
)

// Items are all items of a run. Decoys are items too, behind the others: no document
// can hold them, so what is flagged of them is flagged by chance.
type Items struct {
	list    []item.Item
	x       *Index
	passage []bool
	owned   []uint32 // items by text: those of text t are owned[first[t]:first[t+1]]
	first   []uint32
}

// NewItems puts items and the index of their texts together. A context that several
// items share is a passage of others, and so is one before a question that carries
// enough by itself, when there are choices.
func NewItems(list []item.Item, x *Index) *Items {
	s := &Items{list: list, x: x, passage: make([]bool, len(list)), first: make([]uint32, x.Texts()+1)}
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
		s.passage[i] = s.first[t+1]-s.first[t] > 1 || it.Texts[item.Choices] != item.None && asks && x.Words(int(t)) >= leastPassage
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
	_, strength := e.score()
	return strength >= 1
}

// Kept is how many documents a Cover keeps, the strongest ones.
const Kept = 3

// A Cover is what a set of documents shows of one item. The zero Cover is that of no
// document; Merge is associative and commutative.
type Cover struct {
	Documents int64      // in which the item is flagged
	Sightings []Sighting // strongest first
}

// A Sighting is one document in which enough of an item was seen.
type Sighting struct {
	Shard string
	Row   int64
	ID    string
	Found [item.NumParts]Finding
	Runs  []Quote // by part and word

	TextStart int64  // where Text begins in the document
	Text      string // the place, with some of what stands around it
}

// A Quote is a stretch of words as it stands in the document, inside the sighting's text.
type Quote struct {
	Part       item.Part
	At, Words  int   // in words of the text that was looked for
	Start, End int64 // bytes of the document
}

// evidence is what a sighting shows.
func (s *Items) evidence(i int, g *Sighting) *evidence {
	e := &evidence{total: s.total(i), passage: s.passage[i]}
	for p, f := range g.Found {
		e.found[p], e.runs[p] = f.Info, f.Run
	}
	return e
}

// Strength is how much of what is needed to flag item i its strongest document shows,
// and 0 when there is none.
func (s *Items) Strength(i int, c *Cover) float64 {
	if c == nil || len(c.Sightings) == 0 {
		return 0
	}
	_, strength := s.evidence(i, &c.Sightings[0]).score()
	return strength
}

// Merge adds what other documents show of item i. D is not changed, but shares memory
// with c afterwards.
func (s *Items) Merge(i int, c, d *Cover) {
	c.Documents += d.Documents
	c.Sightings = append(c.Sightings, d.Sightings...)
	s.prune(i, c)
}

// prune orders the sightings and keeps the strongest.
func (s *Items) prune(i int, c *Cover) {
	slices.SortFunc(c.Sightings, func(a, b Sighting) int {
		_, x := s.evidence(i, &a).score()
		_, y := s.evidence(i, &b).score()
		return cmp.Or(cmp.Compare(y, x), cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Row, b.Row))
	})
	if len(c.Sightings) > Kept {
		clear(c.Sightings[Kept:])
		c.Sightings = c.Sightings[:Kept]
	}
}

// A Verdict is what the method says of an item.
type Verdict struct {
	State item.State
	Kind  string
	Score float64 // share of the item's information found in one place
	Need  float64 // share that flags
	Bits  float64 // own information of question, context and choices
	Words int     // in those parts
	Found int     // of these words, in the strongest document
	Run   int     // words of its longest stretch
	Parts item.Parts
	Seen  item.Seen
}

// Judge gives the verdict on item i, of which the cover is nil when nothing was seen.
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
	if c == nil || len(c.Sightings) == 0 {
		return v
	}
	g := &c.Sightings[0]
	e := s.evidence(i, g)
	share, strength := e.score()
	v.Score = share
	if strength > 0 {
		v.Need = share / strength * factor
	}
	for _, q := range g.Runs {
		v.Parts |= 1 << q.Part
		if q.Part != item.Answer {
			v.Run = max(v.Run, q.Words)
		}
	}
	for p, f := range g.Found {
		if item.Part(p) != item.Answer {
			v.Found += f.Words
		}
	}
	answer := total[item.Answer].Known >= LeastKnown*unit && e.half(item.Answer)
	if v.Parts != 0 {
		v.Seen = item.SeenInput
		if answer {
			v.Seen = item.SeenBoth
		}
	}
	if strength >= factor {
		v.State = item.Flagged
		switch {
		case g.variant(e.own()):
			v.Kind = Variant
		case answer:
			v.Kind = InputAndAnswer
		default:
			v.Kind = Input
		}
		return v
	}
	found, all, _ := e.sum(e.own()...)
	switch {
	case e.passage && e.half(item.Context):
		v.Kind = PassageOnly
	case 2*found.Known >= all.Known && 4*found.Own < all.Own:
		v.Kind = TemplateOnly
	default:
		v.Kind = Fragment
	}
	return v
}

// variant reports whether most numbers and names of the item are others in the
// document, and hardly any other word is.
func (g *Sighting) variant(parts []item.Part) bool {
	var changed, kept, other, same int
	for _, p := range parts {
		f := g.Found[p]
		changed, kept, other, same = changed+f.Changed, kept+f.Kept, other+f.Other, same+f.Same
	}
	return changed > 0 && changed > kept && 8*other <= other+same
}

// A Collector turns documents into covers of one shard. It belongs to one goroutine.
// Its memory grows with the items seen, not with the documents.
type Collector struct {
	items   *Items
	Matcher *Matcher // to which the document's blocks of words are handed
	near    *Near
	shard   string
	covers  map[uint32]*Cover
	spots   []*Spot // by text of the document at hand
	owners  []uint32
	places  []place // of the document at hand
}

// NewCollector makes a collector.
func (s *Items) NewCollector() *Collector {
	return &Collector{items: s, Matcher: s.x.NewMatcher(), near: s.x.NewNear(), spots: make([]*Spot, s.x.Texts())}
}

// Reset makes the collector begin with the documents of the named shard. The covers of
// the shard before are no longer the collector's.
func (c *Collector) Reset(shard string) { c.shard, c.covers = shard, map[uint32]*Cover{} }

// End closes the document at hand, whose blocks the matcher has seen: its text, and
// how it was cleaned. All is lent.
func (c *Collector) End(row int64, id string, text, cleaned []byte, by *plain.Cleaner) {
	s := c.items
	spots := c.Matcher.Spots()
	if len(spots) == 0 {
		return
	}
	c.owners = c.owners[:0]
	for i := range spots {
		t := spots[i].Text
		c.spots[t] = &spots[i]
		c.owners = append(c.owners, s.owned[s.first[t]:s.first[t+1]]...)
	}
	slices.Sort(c.owners)
	c.owners = slices.Compact(c.owners)
	c.places = c.places[:0]
	for _, i := range c.owners {
		c.place(int(i))
	}
	slices.SortFunc(c.places, func(a, b place) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.item, b.item)) })
	c.near.Document(cleaned)
	for _, at := range c.places {
		c.item(at, row, id, text, by)
	}
	for i := range spots {
		c.spots[spots[i].Text] = nil
	}
}

// anchors are the parts beside which the others are looked for, best first.
var anchors = [...]item.Part{item.Question, item.Choices, item.Context}

// place is where a document is worth a close look for an item.
type place struct{ item, from, to int }

// place notes the document's best place for item i, if there is hope.
func (c *Collector) place(i int) {
	s, x := c.items, c.items.x
	texts := s.list[i].Texts
	e := evidence{total: s.total(i), passage: s.passage[i]}
	words := 0
	for p, t := range texts {
		if t == item.None {
			continue
		}
		words += x.Words(int(t))
		if spot := c.spots[t]; spot != nil {
			e.found[p].Own = spot.Found
		}
	}
	if !e.hopeful() {
		return
	}
	from, to := math.MaxInt, 0
	for _, p := range anchors {
		if t := texts[p]; t != item.None && c.spots[t] != nil {
			from, to = int(c.spots[t].Start), int(c.spots[t].End)
			break
		}
	}
	if to == 0 {
		return // its answer alone
	}
	around := 400 + 12*words
	c.places = append(c.places, place{i, max(0, from-around), to + around})
}

// item looks closely at a place for its item.
func (c *Collector) item(at place, row int64, id string, text []byte, by *plain.Cleaner) {
	s, x, i := c.items, c.items.x, at.item
	texts := s.list[i].Texts
	c.near.Look(at.from, at.to)
	g := Sighting{Shard: c.shard, Row: row, ID: id}
	var runs [item.NumParts][]Run
	options := beside
	for p, t := range texts {
		if t == item.None {
			continue
		}
		where := nowhere
		if item.Part(p) == item.Choices {
			where = options
		}
		f := c.near.Text(int(t), where)
		if f.behind > 0 && 2*f.Known >= x.Total(int(t)).Known {
			options = f.behind
		}
		g.Found[p], runs[p] = f, c.near.Runs(nil)
	}
	_, strength := s.evidence(i, &g).score()
	if strength < reported && !(s.passage[i] && s.evidence(i, &g).half(item.Context)) {
		return
	}
	cover := c.covers[uint32(i)]
	if cover == nil {
		cover = &Cover{}
		c.covers[uint32(i)] = cover
	}
	if strength >= 1 {
		cover.Documents++
	}
	if len(cover.Sightings) == Kept {
		if _, least := s.evidence(i, &cover.Sightings[Kept-1]).score(); least >= strength {
			return // documents come in the order of their rows
		}
	}
	g.ID = strings.Clone(id)
	g.quote(runs, text, by)
	cover.Sightings = append(cover.Sightings, g)
	s.prune(i, cover)
}

// quoteRuns is how many stretches of a part are quoted; of more the longest ones.
const quoteRuns = 64

// quote keeps the stretches found, and the text of the place.
func (g *Sighting) quote(runs [item.NumParts][]Run, text []byte, by *plain.Cleaner) {
	from, to := math.MaxInt, 0
	for p, list := range runs {
		for _, r := range longest(list) {
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
	g.Runs = slices.DeleteFunc(g.Runs, func(q Quote) bool { return q.End > int64(stop) })
}

// longest gives the quoteRuns longest stretches, of equals the first, in their order.
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

// Covers gives the covers of all items seen, by rising item number.
func (c *Collector) Covers() iter.Seq2[int, *Cover] {
	return func(yield func(int, *Cover) bool) {
		for _, i := range slices.Sorted(maps.Keys(c.covers)) {
			if !yield(int(i), c.covers[i]) {
				return
			}
		}
	}
}
