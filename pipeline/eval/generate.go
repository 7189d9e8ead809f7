package eval

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"swab/ngram/item"
)

// What an item has to have to be planted, in words and in words outside templates.
const (
	leastWords = 8
	leastInfo  = 6
)

// An entry is an item with what generating needs to know of it.
type entry struct {
	SourceItem
	number  int // in generator.entries
	bench   int
	lang    string
	prompt  string // context and question
	options []string
	plain   string // prompt and options as a page would print them
	passage string // of another writer, about which it asks
	words   int
	info    int // words in no template

	class     *planting
	doc       int
	contained string
	neighbour bool
}

// fit reports whether e may still be planted.
func (e *entry) fit() bool {
	return e.class == nil && e.contained == "" && !e.neighbour && e.words >= leastWords && e.info >= leastInfo
}

// render returns an item as a page prints it, without the answer.
func render(text *[item.NumParts]string) string {
	lines := []string{text[item.Context], text[item.Question], lettered(options(text[item.Choices]), 0)}
	return strings.Join(slices.DeleteFunc(lines, func(s string) bool { return s == "" }), "\n")
}

func promptOf(it *SourceItem) string {
	return strings.TrimPrefix(it.Text[item.Context]+"\n"+it.Text[item.Question], "\n")
}

type generator struct {
	src     Sources
	seed    uint64
	part    Part
	list    []*planting
	entries []entry
	byBench [][]*entry
	finder  *finder

	docs    []Doc
	free    []int // documents without a plant
	longs   []int // documents of 1 MB
	planted map[string]int
	held    [][]heldItem   // by benchmark, filled when first asked for
	shapes  map[string]int // how many items have an answer but for its numbers, likewise

	corpora []string // names
	texts   [][]int  // by corpus: numbers of texts
	latin   []string // words of the texts
	native  [][]string
}

// longBytes and longPlants are the length of a long document and its plants.
const (
	longBytes  = 1 << 20
	longPlants = 8
)

// Generate makes a set of one part of the classes. It fails when the sources are too few
// to plant anything.
func Generate(seed uint64, part Part, src Sources, size Size) (*Set, error) {
	size.PerClass, size.Docs = cmp.Or(size.PerClass, DefaultPerClass), cmp.Or(size.Docs, DefaultDocs)
	if len(src.Texts) == 0 || len(src.Benches) == 0 {
		return nil, errors.New("no texts or no benchmarks to make a set of")
	}
	g := &generator{src: src, seed: seed, part: part, list: plantings(part), planted: map[string]int{}}
	g.items(g.rng("held"))
	g.documents(g.rng("documents"), size)
	g.markContained()
	order := slices.Clone(g.list)
	slices.SortStableFunc(order, func(a, b *planting) int { return cmp.Compare(a.late, b.late) })
	functions := g.functionShare()
	for _, c := range order {
		most := size.PerClass
		if c.function {
			most = min(most, functions)
		}
		g.plant(g.rng(c.Name), c, most)
	}
	return g.set(), nil
}

// functionShare is how many items each class of functions may plant, so that all of them
// have their share of the few benchmarks that ask for functions.
func (g *generator) functionShare() int {
	items, classes := 0, 0
	for i := range g.entries {
		if _, ok := functionOf(&g.entries[i]); ok && g.entries[i].fit() {
			items++
		}
	}
	for _, c := range g.list {
		if c.function {
			classes++
		}
	}
	return max(1, items/max(1, classes))
}

// rng returns a generator of random numbers for one step alone.
func (g *generator) rng(step string) *rand.Rand {
	h := uint64(14695981039346656037)
	for _, c := range []byte(step) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return rand.New(rand.NewPCG(g.seed, h))
}

// items takes the sources' items and sets some aside, as siblings of the others.
func (g *generator) items(r *rand.Rand) {
	benches := slices.Clone(g.src.Benches)
	g.src.Benches = benches
	var parts [][item.NumParts]string
	var bench, sizes []int
	for i := range benches {
		b := &benches[i]
		order := r.Perm(len(b.Items))
		aside := len(order) * 3 / 100
		held := slices.Clone(b.Held)
		for _, k := range order[:aside] {
			held = append(held, b.Items[k])
		}
		slices.Sort(order[aside:])
		var kept []SourceItem
		for _, k := range order[aside:] {
			kept = append(kept, b.Items[k])
		}
		b.Items, b.Held = kept, held
		sizes = append(sizes, len(kept))
		for _, it := range kept {
			parts, bench = append(parts, it.Text), append(bench, i)
		}
	}
	g.finder = newFinder(parts, bench, sizes)
	g.entries = make([]entry, len(parts))
	g.byBench = make([][]*entry, len(benches))
	g.native = make([][]string, len(benches))
	n := 0
	for i, b := range benches {
		for _, it := range b.Items {
			e := &g.entries[n]
			*e = entry{SourceItem: it, number: n, bench: i, lang: b.Lang, doc: -1, info: g.finder.info[n]}
			e.options = options(it.Text[item.Choices])
			e.prompt = promptOf(&it)
			e.plain = render(&it.Text)
			e.passage = passageOf(&it, b.Passages)
			for _, p := range []item.Part{item.Context, item.Question, item.Choices} {
				e.words += countWords(it.Text[p])
			}
			g.byBench[i] = append(g.byBench[i], e)
			if len(g.native[i]) < 4000 {
				for _, s := range spans(it.Text[item.Question]) {
					g.native[i] = append(g.native[i], it.Text[item.Question][s.Start:s.End])
				}
			}
			n++
		}
	}
}

// passageOf returns the text of another writer that an item asks about, if it is long
// enough to be one.
func passageOf(it *SourceItem, contexts bool) string {
	p := ""
	if q := it.Text[item.Question]; contexts {
		p = it.Text[item.Context]
	} else if strings.HasPrefix(q, "This question refers to the following information.") {
		from, to := strings.IndexByte(q, '\n'), strings.LastIndexByte(q, '\n')
		if from >= 0 && from < to {
			p = q[from+1 : to]
		}
	}
	if countWords(p) < 40 {
		return ""
	}
	return p
}

// corporaOf groups the sources' texts.
func (g *generator) corporaOf() {
	for i, t := range g.src.Texts {
		k := slices.Index(g.corpora, t.Corpus)
		if k < 0 {
			k = len(g.corpora)
			g.corpora, g.texts = append(g.corpora, t.Corpus), append(g.texts, nil)
		}
		g.texts[k] = append(g.texts[k], i)
	}
}

// documents makes the texts around plants. The id of each begins with its host, which is
// "text" or "long" for plain text.
func (g *generator) documents(r *rand.Rand, size Size) {
	g.corporaOf()
	n := max(size.Docs, 2*size.PerClass*(len(g.list)+3))
	kinds := hosts()
	for i := range n {
		words := 50 << r.IntN(6) // the short ones as likely as the long
		words += r.IntN(words)
		text, name := g.passage(r, words), "text"
		if k := r.IntN(2 * len(kinds)); k < len(kinds) {
			text, name = kinds[k].set(r, text), kinds[k].name
		}
		g.docs = append(g.docs, Doc{fmt.Sprintf("%s%06d", name, i), text})
	}
	g.free = r.Perm(n)
	for range max(1, (size.PerClass+longPlants-1)/longPlants) {
		var b strings.Builder
		for b.Len() < longBytes {
			b.WriteString(g.passage(r, 20000))
			b.WriteString("\n\n")
		}
		g.longs = append(g.longs, len(g.docs))
		g.docs = append(g.docs, Doc{fmt.Sprintf("long%03d", len(g.longs)-1), b.String()})
	}
	foreign := func(c rune) bool { return c >= 0x250 || !unicode.IsLetter(c) }
	for len(g.latin) < 5000 {
		for _, w := range strings.Fields(g.passage(r, 100)) {
			if w = strings.Trim(w, ".,;:!?\"'()"); len(w) > 0 && !strings.ContainsFunc(w, foreign) {
				g.latin = append(g.latin, w)
			}
		}
	}
}

// passage cuts about the number of words out of a text, from the start of a line, fewer
// where the text ends before.
func (g *generator) passage(r *rand.Rand, words int) string {
	list := g.texts[r.IntN(len(g.texts))]
	if k := slices.Index(g.corpora, "classic-books"); k >= 0 && r.IntN(4) == 0 {
		list = g.texts[k] // prose is the most of a corpus
	}
	t := g.src.Texts[list[r.IntN(len(list))]].Text
	length := words * 6
	from := 0
	if len(t) > length {
		from = r.IntN(len(t) - length)
		if nl := strings.IndexByte(t[from:], '\n'); nl >= 0 && nl < 2000 {
			from += nl + 1
		}
		for from < len(t) && !utf8.RuneStart(t[from]) {
			from++
		}
	}
	to := min(from+length, len(t))
	for to < len(t) && t[to] != ' ' && t[to] != '\n' && to < from+length+100 {
		to++
	}
	for to < len(t) && !utf8.RuneStart(t[to]) {
		to--
	}
	return strings.Clone(t[from:to])
}

// markContained marks the items that documents contain before anything is planted.
func (g *generator) markContained() {
	c := newContainer(g.entries)
	for _, d := range g.docs {
		for _, k := range c.contained(d.Text) {
			if e := &g.entries[k]; e.contained == "" {
				e.contained = d.ID
			}
		}
	}
}

// class returns the class of a name, or nil where the part has none.
func (g *generator) class(name string) *planting {
	if i := slices.IndexFunc(g.list, func(c *planting) bool { return c.Name == name }); i >= 0 {
		return g.list[i]
	}
	return nil
}

// pool returns words in the script of the item.
func (g *generator) pool(e *entry) func(*rand.Rand) string {
	list := g.latin
	if slices.Contains([]string{"zh", "ja", "th", "ru", "ar", "bn", "te"}, e.lang) {
		list = g.native[e.bench]
	}
	return func(r *rand.Rand) string { return list[r.IntN(len(list))] }
}

// plant plants items of a class until there are most, or no more suit. Benchmarks
// take turns, by their shares.
func (g *generator) plant(r *rand.Rand, c *planting, most int) {
	queues := make([][]*entry, len(g.byBench))
	for i, list := range g.byBench {
		queues[i] = slices.Clone(list)
		r.Shuffle(len(list), func(a, b int) { queues[i][a], queues[i][b] = queues[i][b], queues[i][a] })
	}
	for left := true; left; {
		left = false
		for i := range queues {
			for range max(1, g.src.Benches[i].Share) {
				// One success is a turn.
				for done := false; !done && len(queues[i]) > 0; {
					if g.planted[c.Name] >= most {
						return
					}
					left = true
					e := queues[i][0]
					queues[i] = queues[i][1:]
					done = e.fit() && g.plantItem(r, c, e)
				}
			}
		}
	}
}

// plantItem plants e in the way of c, and reports whether it suits.
func (g *generator) plantItem(r *rand.Rand, c *planting, e *entry) bool {
	if c.special != nil {
		return c.special(g, r, c, e)
	}
	s, ok := c.plant(g, r, e)
	return ok && g.plantTexts(r, c, e, []string{s})
}

// plantTexts plants texts of one item into a document each.
func (g *generator) plantTexts(r *rand.Rand, c *planting, e *entry, plants []string) bool {
	all := strings.Join(plants, "\n")
	return g.claim(c, []*entry{e}, all, g.next(), func(doc int) {
		g.insert(r, doc, plants[0])
		for _, p := range plants[1:] {
			g.insert(r, g.takeDocument(), p)
		}
	})
}

// next is the next document without a plant.
func (g *generator) next() int { return g.free[0] }

// takeDocument returns the next document without a plant, which is free no more.
func (g *generator) takeDocument() int {
	d := g.free[0]
	g.free = g.free[1:]
	return d
}

// claim plants items of a class into a document, unless an item planted otherwise
// shares text with them. Unplanted items that share text with them, or that resemble
// them, become neighbours; what text contains of them is left out of the measure.
func (g *generator) claim(c *planting, list []*entry, text string, doc int, insert func(doc int)) bool {
	var seen []int
	if text != "" {
		seen = g.finder.repeats(text)
	}
	if c.Want != Clean && text != "" {
		for _, e := range list {
			for _, p := range e.Text {
				seen = append(seen, g.finder.repeats(p)...)
			}
			seen = append(seen, g.finder.repeats(e.plain)...)
			seen = append(seen, g.finder.resembles(e.bench, e.plain)...)
		}
	}
	others := seen[:0]
	for _, k := range seen {
		e := &g.entries[k]
		if slices.Contains(list, e) {
			if c.Want == Clean && (!c.shares || contains(text, e)) {
				return false // it is planted after all
			}
			continue
		}
		if e.class != nil {
			return false
		}
		others = append(others, k)
	}
	if doc == g.next() {
		g.takeDocument()
	}
	insert(doc)
	for _, e := range list {
		e.class, e.doc = c, doc
	}
	for _, k := range others {
		e := &g.entries[k]
		e.neighbour = true
		for _, o := range list {
			planted := render(&o.Text) + "\n" + o.Text[item.Answer]
			if e.contained == "" && (contains(text, e) || c.Want != Clean && contains(planted, e)) {
				e.contained = g.src.Benches[o.bench].Name + "/" + o.ID
			}
		}
	}
	g.planted[c.Name] += len(list)
	return true
}

// insert puts text into a document between lines, or in front or behind.
func (g *generator) insert(r *rand.Rand, doc int, text string) {
	d := &g.docs[doc]
	at := 0
	switch r.IntN(8) {
	case 0:
	case 1:
		at = len(d.Text)
	default:
		at = r.IntN(len(d.Text) + 1)
		if nl := strings.IndexByte(d.Text[at:], '\n'); nl >= 0 {
			at += nl + 1
		} else {
			at = len(d.Text)
		}
	}
	d.Text = d.Text[:at] + "\n" + text + "\n\n" + d.Text[at:]
}

// set returns what was made.
func (g *generator) set() *Set {
	s := &Set{Seed: g.seed, Part: g.part, Sources: g.src.Name, Docs: g.docs}
	nothing := Class{Name: Nothing, Want: Clean, About: "nothing was planted, nor anything that shares text with it"}
	neighbour := Class{Name: Neighbour, Want: Clean, About: "not planted, and shares text with what was"}
	for i, b := range g.src.Benches {
		bench := Bench{Name: b.Name, Passages: b.Passages}
		for _, e := range g.byBench[i] {
			l := Label{Class: Nothing, Want: Clean, Words: e.words, Lang: e.lang, Contained: e.contained}
			switch {
			case e.class != nil:
				l.Class, l.Want, l.DocID, l.Contained = e.class.Name, e.class.Want, g.docs[e.doc].ID, ""
			case e.contained != "":
			case e.neighbour:
				l.Class = Neighbour
				neighbour.Items++
			default:
				nothing.Items++
			}
			bench.Items = append(bench.Items, Item{ID: e.ID, Text: e.Text, Label: l})
		}
		s.Benches = append(s.Benches, bench)
	}
	for _, c := range g.list {
		c.Items = g.planted[c.Name]
		s.Classes = append(s.Classes, c.Class)
	}
	s.Classes = append(s.Classes, neighbour, nothing)
	return s
}
