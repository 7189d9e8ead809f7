package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/match"
)

// A translation is a benchmark whose items are those of another one in another language. Its clean
// items whose source is flagged are of a kind of their own.
type translation struct {
	number  int   // of the benchmark in the set
	sources []int // of each item of it, the ordinal of its source in the set, -1 for none
	byID    bool  // they were found by ids
}

// sources are the translations of a run, with the verdicts on what they translate.
type sources struct {
	set          *match.Set
	flag         []string // kinds of clean items that count as flagged
	last         int      // benchmark that is a source, or -1
	translations []translation
	flagged      [][]uint64 // by method: a bit for each flagged item
}

// A sourceIndex finds the items of a source.
type sourceIndex struct {
	first  int // ordinal in the set of the source's first item
	ids    map[string]int
	splits map[string][]int // ordinals of each split's items
	own    bool             // it has ids of its own, each once
	size   int
}

// readTranslations reads which item each translated item has as its source: of --translated-from
// NAME=SOURCE[/SPLIT], or NAME= for none, and of presets that name their source. Flag names the kinds of
// clean items that count as flagged.
func readTranslations(ctx context.Context, set *match.Set, args, flag []string) (*sources, error) {
	p := &sources{set: set, flag: flag, last: -1}
	named := func(name string) int {
		return slices.IndexFunc(set.Benches, func(b *benchmark.Benchmark) bool { return b.Name == name })
	}
	for _, arg := range args {
		name, source, _ := strings.Cut(arg, "=")
		source, split, _ := strings.Cut(source, "/")
		t, from := translation{number: named(name)}, named(source)
		if t.number >= 0 && arg == name+"=" {
			continue // of no source, also of none that its preset names
		}
		if t.number < 0 || from < 0 || t.number == from {
			return nil, fmt.Errorf("--translated-from %s: it needs the names of two of the benchmarks, as in mgsm=gsm8k", arg)
		}
		p.last = max(p.last, from)
		in, err := p.indexSource(ctx, from, split)
		if err == nil {
			err = p.matchSources(ctx, &t, in)
		}
		if err != nil {
			return nil, fmt.Errorf("--translated-from %s: %w", arg, err)
		}
		p.translations = append(p.translations, t)
	}
	return p, p.addKnown(ctx, args)
}

// addKnown adds the translations that presets name, of benchmarks for which no argument does. Those are
// of items whose answers agree; what it finds is a note of the benchmark.
func (p *sources) addKnown(ctx context.Context, args []string) error {
	for number, b := range p.set.Benches {
		preset, split, ok := strings.Cut(b.Translates, "/")
		from := slices.IndexFunc(p.set.Benches, func(o *benchmark.Benchmark) bool { return o.Preset == preset && !o.Guessed })
		said := slices.ContainsFunc(args, func(s string) bool { return strings.HasPrefix(s, b.Name+"=") })
		if !ok || said || from < 0 || from == number && !hasOthers(b, split) {
			continue
		}
		source := p.set.Benches[from].Name + "/" + split
		t, err := p.knownTranslation(ctx, number, from, split)
		note := "its items translate those of " + source
		switch {
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			note = fmt.Sprintf("its items translate those of %s, but %v; --translated-from %s=SOURCE[/SPLIT] names the split",
				source, err, b.Name)
		default:
			p.last = max(p.last, from)
			p.translations = append(p.translations, *t)
		}
		if !slices.Contains(b.Warnings, note) {
			b.Warnings = append(b.Warnings, note)
		}
	}
	return nil
}

// hasOthers reports whether a benchmark has the split of that name and others.
func hasOthers(b *benchmark.Benchmark, word string) bool {
	is := func(f benchmark.File) bool { return benchmark.SplitIs(f.Split, word) }
	return slices.ContainsFunc(b.Files, is) && slices.ContainsFunc(b.Files, func(f benchmark.File) bool { return !is(f) })
}

// knownTranslation finds the sources of a benchmark's items in a split of another one, or of itself.
func (p *sources) knownTranslation(ctx context.Context, number, from int, word string) (*translation, error) {
	named := "" // the first split of that name
	for _, f := range p.set.Benches[from].Files {
		if named == "" && benchmark.SplitIs(f.Split, word) {
			named = f.Split
		}
	}
	if named == "" {
		return nil, errors.New("that split is not read")
	}
	in, err := p.indexSource(ctx, from, named)
	if err != nil {
		return nil, err
	}
	t := &translation{number: number}
	if err := p.matchSources(ctx, t, in); err != nil {
		return nil, errors.New("some items have no place there")
	}
	return t, p.confirm(ctx, t, from)
}

// confirm compares the answers of items with those of their sources. It returns an error unless nine in ten
// agree.
func (p *sources) confirm(ctx context.Context, t *translation, from int) error {
	answers := map[int]string{} // by the source's ordinal
	for it, err := range p.set.Benches[from].Items(ctx) {
		if err != nil {
			return err
		}
		answers[p.set.First(from)+it.Ordinal] = answerKey(it.Text[item.Answer])
	}
	compared, agree := 0, 0
	for it, err := range p.set.Benches[t.number].Items(ctx) {
		if err != nil {
			return err
		}
		source, key := t.sources[it.Ordinal], answerKey(it.Text[item.Answer])
		if source == p.set.First(t.number)+it.Ordinal {
			t.sources[it.Ordinal] = -1 // the source itself
		} else if source >= 0 && key != "" && answers[source] != "" {
			compared++
			if key == answers[source] {
				agree++
			}
		}
	}
	if !t.byID && (10*agree < 9*compared || compared == 0) {
		return fmt.Errorf("%d of %d answers agree in that order", agree, compared)
	}
	return nil
}

// answerKey returns what the answers of a translation and of its source have in common: the number or
// letter at the end, a letter of a choice as its number.
func answerKey(answer string) string {
	words := strings.FieldsFunc(answer, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' && r != ','
	})
	if len(words) == 0 {
		return ""
	}
	key := strings.ReplaceAll(strings.Trim(words[len(words)-1], ".,"), ",", "")
	if len(key) == 1 && key[0] >= 'A' && key[0] <= 'J' {
		key = string('0' + key[0] - 'A')
	}
	return strings.TrimSuffix(key, ".0")
}

// judge judges the items of the benchmarks up to the last source. A source may come after its
// translation, and results are read in order, so they are read once more.
func (p *sources) judge(ctx context.Context, open func() (*match.Results, error)) error {
	if p.last < 0 {
		return nil
	}
	results, err := open()
	if err != nil {
		return err
	}
	return errors.Join(p.judgeAll(ctx, results), results.Close())
}

func (p *sources) judgeAll(ctx context.Context, results *match.Results) error {
	p.flagged = make([][]uint64, len(p.set.Methods))
	for i := range p.flagged {
		p.flagged[i] = make([]uint64, p.set.Len()/64+1)
	}
	var found []match.Found
	for number, b := range p.set.Benches[:p.last+1] {
		for it, err := range b.Items(ctx) {
			if err != nil {
				return err
			}
			ordinal := p.set.First(number) + it.Ordinal
			if found, err = results.Item(found[:0], ordinal, it); err != nil {
				return err
			}
			for i := range p.set.Methods {
				matcher, k := p.set.Place(i)
				v := found[matcher].Judge(k)
				if v.State == item.Flagged || v.State == item.Clean && slices.Contains(p.flag, v.Kind) {
					p.flagged[i][ordinal/64] |= 1 << (ordinal % 64)
				}
			}
		}
	}
	return nil
}

// indexSource reads the ids and places of a source's items, of one split if it is not "".
func (p *sources) indexSource(ctx context.Context, number int, split string) (*sourceIndex, error) {
	in := &sourceIndex{first: p.set.First(number), ids: map[string]int{}, splits: map[string][]int{}, own: true}
	own := false
	for it, err := range p.set.Benches[number].Items(ctx) {
		if err != nil {
			return nil, err
		}
		if split != "" && it.Split != split {
			continue
		}
		if _, twice := in.ids[it.ID]; twice {
			in.own = false
		}
		own = own || it.ID != strconv.Itoa(it.Index)
		in.ids[it.ID] = in.first + it.Ordinal
		in.splits[it.Split] = append(in.splits[it.Split], in.first+it.Ordinal)
		in.size++
	}
	if in.size == 0 {
		return nil, fmt.Errorf("the source has no split %q", split)
	}
	in.own = in.own && own
	return in, nil
}

// matchSources finds the source of each item: by id if nine in ten have the id of one, else by their
// place in the split of the same name, in the only split, or in a benchmark of the same size.
func (p *sources) matchSources(ctx context.Context, t *translation, in *sourceIndex) error {
	var byID, byPlace []int
	withID, lacking := 0, ""
	for it, err := range p.set.Benches[t.number].Items(ctx) {
		if err != nil {
			return err
		}
		k, ok := in.ids[it.ID]
		if withID++; !ok || !in.own {
			k = -1
			withID--
		}
		byID = append(byID, k)
		place := in.place(it, p.set.Size(t.number))
		if place < 0 && lacking == "" {
			lacking = it.Split
		}
		byPlace = append(byPlace, place)
	}
	switch {
	case 10*withID >= 9*len(byID):
		t.sources, t.byID = byID, true
	case lacking == "":
		t.sources = byPlace
	default:
		return fmt.Errorf("items of %q have neither the id of a source's item nor its place in a split: "+
			"name the split that they translate, as in mgsm=gsm8k/test", lacking)
	}
	return nil
}

// place returns the ordinal of the item at the place of a translated one of a benchmark of some size,
// or -1.
func (in *sourceIndex) place(it *benchmark.Item, size int) int {
	list := in.splits[it.Split]
	if list == nil && len(in.splits) == 1 {
		for _, list = range in.splits {
		}
	}
	if list == nil && size == in.size {
		return in.first + it.Ordinal
	}
	if it.Index >= len(list) {
		return -1
	}
	return list[it.Index]
}

// sourceFlagged reports whether the source of an item is flagged by a method.
func (p *sources) sourceFlagged(method, ordinal int) bool {
	for i := range p.translations {
		t := &p.translations[i]
		n := ordinal - p.set.First(t.number)
		if n < 0 || n >= len(t.sources) {
			continue
		}
		if k := t.sources[n]; k >= 0 && p.flagged[method][k/64]>>(k%64)&1 == 1 {
			return true
		}
	}
	return false
}

// kindOf returns the kind of a verdict: that the source is flagged says more of a clean item than
// that little of it is in a document.
func (p *sources) kindOf(method, ordinal int, state item.State, kind string) string {
	if state == item.Clean && kind != "altered" && kind != "reworded" && p.sourceFlagged(method, ordinal) {
		return audit.SourceFlagged
	}
	return kind
}
