package eval

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"swab/ngram/item"
)

// The benchmarks and sizes of the table of items planted whole.
var wholeBenches = []string{"gsm8k", "humaneval", "mbpp", "svamp", "mmlu"}

const (
	wholePlants = 1000
	wholeDocs   = 3000
	seriesShare = 3 // of SVAMP, one item in three is planted and the others are its siblings
)

// The classes of the tables of real items.
const (
	ClassWhole     = "whole"     // planted unchanged
	ClassContained = "contained" // not planted, and contained in what was or in a document: it is there too
	ClassAbsent    = "absent"    // not there, whatever text it shares with what is
)

// Whole plants 1,000 of the items of five real benchmarks unchanged into 3,000 real
// documents. An item is there when a planted text or a document contains it; every
// other item counts as clean, whatever it shares with planted ones.
func Whole(seed uint64, src Sources) (*Set, error) {
	t, err := newTable(seed, "whole", src, wholeBenches)
	if err != nil {
		return nil, err
	}
	t.documents(wholeDocs)
	for n, k := range t.r.Perm(len(t.entries))[:min(wholePlants, len(t.entries), len(t.docs))] {
		t.plant(n, t.entries[k].plain)
		t.there[k] = ClassWhole
	}
	return t.set(), nil
}

// Siblings plants what belongs to the same series as items and is not them: GSM8K's
// training items, MMLU's examples for prompts, and a third of SVAMP's items. Every item
// of GSM8K's and MMLU's tests and of the rest of SVAMP that none of them contains
// counts as clean.
func Siblings(seed uint64, src Sources) (*Set, error) {
	t, err := newTable(seed, "siblings", src, []string{"gsm8k", "mmlu", "svamp"})
	if err != nil {
		return nil, err
	}
	var list []string
	for i := range t.src.Benches {
		for _, h := range t.src.Benches[i].Held {
			list = append(list, render(&h.Text))
		}
	}
	for k := range t.entries {
		if e := &t.entries[k]; t.src.Benches[e.bench].Name == "svamp" && k%seriesShare == 0 {
			list = append(list, e.plain)
			t.there[k] = ClassWhole
		}
	}
	t.documents(len(list))
	for n, text := range list {
		t.plant(n, text)
	}
	return t.set(), nil
}

// Rephrased plants the reworded items of dir/rephrased, which a language model wrote
// from every second item of GSM8K's test. Their items are of class "rephrased", all
// others absent.
func Rephrased(seed uint64, dir string, src Sources) (*Set, error) {
	t, err := newTable(seed, "rephrased", src, []string{"gsm8k"})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "rephrased", "gsm8k-test-even.jsonl")
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []string
	dec := json.NewDecoder(bufio.NewReader(f))
	for dec.More() {
		var row struct {
			Index int
			Text  string
		}
		if err := dec.Decode(&row); err != nil {
			return nil, fmt.Errorf("%s: row %d: %w", path, len(list), err)
		}
		id := strconv.Itoa(row.Index)
		k := slices.IndexFunc(t.entries, func(e entry) bool { return e.ID == id })
		if k < 0 {
			return nil, fmt.Errorf("%s: row %d: gsm8k has no item %d", path, len(list), row.Index)
		}
		t.there[k] = "rephrased"
		list = append(list, row.Text)
	}
	t.documents(len(list))
	for n, text := range list {
		t.plant(n, text)
	}
	return t.set(), nil
}

// A table is a set of real items in the making.
type table struct {
	*generator
	name  string
	r     *rand.Rand
	there map[int]string // entry → class
	where map[int]string // entry → document or plant that contains it
}

func newTable(seed uint64, name string, src Sources, benches []string) (*table, error) {
	kept := src
	kept.Benches = nil
	for _, b := range src.Benches {
		if slices.Contains(benches, b.Name) {
			kept.Benches = append(kept.Benches, b)
		}
	}
	if len(kept.Benches) != len(benches) {
		return nil, errors.New("the sources lack some of the real benchmarks: point SWAB_DATA at the folder that holds them")
	}
	g := &generator{src: kept, seed: seed}
	g.corporaOf()
	for i, b := range kept.Benches {
		for _, it := range b.Items {
			e := entry{SourceItem: it, number: len(g.entries), bench: i, lang: b.Lang,
				options: options(it.Text[item.Choices]), plain: render(&it.Text)}
			e.prompt = promptOf(&it)
			for _, p := range []item.Part{item.Context, item.Question, item.Choices} {
				e.words += countWords(it.Text[p])
			}
			g.entries = append(g.entries, e)
		}
	}
	return &table{generator: g, name: name, r: g.rng(name), there: map[int]string{}, where: map[int]string{}}, nil
}

// documents makes n documents of 50 to 1,600 words.
func (t *table) documents(n int) {
	for i := range n {
		words := 50 << t.r.IntN(5)
		t.docs = append(t.docs, Doc{fmt.Sprintf("%s%05d", t.name, i), t.passage(t.r, words+t.r.IntN(words))})
	}
}

// plant puts a text into a document.
func (t *table) plant(doc int, text string) { t.insert(t.r, doc, text) }

// set labels every item by what the documents contain.
func (t *table) set() *Set {
	c := newContainer(t.entries)
	for _, d := range t.docs {
		for _, k := range c.contained(d.Text) {
			if t.there[k] == "" {
				t.there[k] = ClassContained
			}
			t.where[k] = d.ID
		}
	}
	s := &Set{Seed: t.seed, Part: Development, Sources: t.src.Name, Docs: t.docs}
	classes := []Class{
		{Name: ClassWhole, Want: Flagged, About: "planted unchanged"},
		{Name: "rephrased", Want: Flagged, About: "reworded by a language model"},
		{Name: ClassContained, Want: Flagged, About: "contained in what was planted or in a document"},
	}
	for _, b := range t.src.Benches {
		classes = append(classes, Class{Name: ClassAbsent + " " + b.Name, Want: Clean, About: "not there"})
		s.Benches = append(s.Benches, Bench{Name: b.Name, Passages: b.Passages})
	}
	for k := range t.entries {
		e := &t.entries[k]
		b := &s.Benches[e.bench]
		l := Label{Class: t.there[k], Want: Flagged, DocID: t.where[k], Words: e.words, Lang: e.lang}
		if l.Class == "" {
			l.Class, l.Want = ClassAbsent+" "+b.Name, Clean
		}
		classes[slices.IndexFunc(classes, func(c Class) bool { return c.Name == l.Class })].Items++
		b.Items = append(b.Items, Item{ID: e.ID, Text: e.Text, Label: l})
	}
	s.Classes = slices.DeleteFunc(classes, func(c Class) bool { return c.Items == 0 })
	return s
}

// Tables makes the sets of the tables of real items, each with a name and a title. An
// error that is fs.ErrNotExist names a file that the data folder lacks.
func Tables(seed uint64, src Sources, each func(name, title string, s *Set) error) error {
	whole, err := Whole(seed, src)
	if err != nil {
		return err
	}
	if err := each("whole", "real items planted whole: 1,000 in 3,000 real documents; what is not contained in a "+
		"planted text or document is absent", whole); err != nil {
		return err
	}
	siblings, err := Siblings(seed, src)
	if err != nil {
		return err
	}
	if err := each("siblings", "real siblings: GSM8K's training items, MMLU's examples and a third of SVAMP are there",
		siblings); err != nil {
		return err
	}
	rephrased, err := Rephrased(seed, src.Dir, src)
	if err != nil {
		return err
	}
	return each("rephrased", "GSM8K reworded by a language model: every second item is there in other words", rephrased)
}
