package eval

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"swab/ngram"
	"swab/ngram/item"
)

// gramWords is the n of the n-grams by which repeats and templates are recognised.
const gramWords = 5

// A gramScanner cuts texts into hashes of n-grams.
type gramScanner struct {
	scan *ngram.Scanner
	buf  []uint64
}

func newGramScanner() *gramScanner {
	s, err := ngram.Words(gramWords).NewScanner()
	if err != nil {
		panic(err) // a constant recipe
	}
	return &gramScanner{scan: s}
}

// grams returns the hashes of the n-grams of text in order; lent until the next call.
func (g *gramScanner) grams(text string) []uint64 {
	g.buf = g.buf[:0]
	for g.scan.Reset([]byte(text)); g.scan.Next(); {
		g.buf = append(g.buf, g.scan.Grams()...)
	}
	return g.buf
}

// A finder finds which items a text repeats and which it resembles, by the n-grams that are
// an item's own: those that no more items of its benchmark have than could repeat each other
// (a fifth, but at least 4 and at most 20). All others are the benchmark's template.
//
// A text repeats an item when it holds
//
//	a quarter of the own n-grams of context, question and choices, at least three,
//	or all if there are fewer,
//	or half of those of context and question, or of the answer, at least three,
//	or a run of 13 words of a part, of own n-grams only.
//
// It resembles an item when it has half of the item's distinct words that are in no
// template, of six at least, in whatever order, and they are half of its own: items so
// much alike, as those of one story with other numbers and another question,
// cannot be distinguished from edited copies of each other. Characters of scripts without spaces
// are no words here.
type finder struct {
	scan  *gramScanner
	own   [][item.NumParts]int32 // by item and part: own n-grams, each counted once
	info  []int                  // by item: words of context, question and choices that are in no template
	units map[uint64][]uint32    // own n-gram → item·NumParts + part, by rising number
	count map[uint64]uint32      // n-gram and benchmark → items
	few   []uint32               // by benchmark: how many items may have an n-gram that is their own
	words [][]uint64             // by item: hashes of those of the words counted in info, sorted, each once
	rare  map[uint64][]uint32    // word → items that have it among their rarest half, by rising number

	stamp uint32   // of the text that resembles was last asked of
	asked []uint32 // by item: the stamp of the text that it was last compared with

	// Of the text in hand, by unit.
	seen, run, longest, last []int32
}

// newFinder takes the items' texts, the number of each one's benchmark, and the
// number of items of each benchmark.
func newFinder(items [][item.NumParts]string, bench []int, sizes []int) *finder {
	f := &finder{scan: newGramScanner(), units: map[uint64][]uint32{}, count: map[uint64]uint32{}}
	for _, n := range sizes {
		f.few = append(f.few, uint32(min(max(n/5, 4), 20)))
	}
	var all []uint64
	for i := range items {
		all = all[:0]
		for _, text := range items[i] {
			all = append(all, f.scan.grams(text)...)
		}
		slices.Sort(all)
		for _, g := range slices.Compact(all) {
			f.count[inBench(bench[i], g)]++
		}
	}
	for i := range items {
		var own [item.NumParts]int32
		info := 0
		var words []uint64
		for p, text := range items[i] {
			all = append(all[:0], f.scan.grams(text)...)
			slices.Sort(all)
			for _, g := range slices.Compact(all) {
				if f.count[inBench(bench[i], g)] <= f.few[bench[i]] {
					f.units[g] = append(f.units[g], uint32(i*int(item.NumParts)+p))
					own[p]++
				}
			}
			if p != int(item.Answer) {
				info += f.outside(bench[i], text)
				words = append(words, f.content(bench[i], text)...)
			}
		}
		slices.Sort(words)
		f.own, f.info, f.words = append(f.own, own), append(f.info, info), append(f.words, slices.Compact(words))
	}
	f.index()
	f.asked = make([]uint32, len(items))
	n := len(items) * int(item.NumParts)
	f.seen, f.run, f.longest, f.last = make([]int32, n), make([]int32, n), make([]int32, n), make([]int32, n)
	return f
}

func inBench(bench int, gram uint64) uint64 { return gram ^ (uint64(bench)+1)*0x9e3779b97f4a7c15 }

// template reports for each word of text whether it is in an n-gram of the
// benchmark's template.
func (f *finder) template(bench int, text string) []bool {
	grams := f.scan.grams(text)
	if len(grams) == 0 {
		return make([]bool, countWords(text))
	}
	words := make([]bool, len(grams)+gramWords-1)
	for i, g := range grams {
		if f.count[inBench(bench, g)] > f.few[bench] {
			for k := range gramWords {
				words[i+k] = true
			}
		}
	}
	return words
}

// outside counts the words of text that are in no template.
func (f *finder) outside(bench int, text string) (n int) {
	for _, t := range f.template(bench, text) {
		if !t {
			n++
		}
	}
	return n
}

// content returns the hashes of the words of text that are in no template.
func (f *finder) content(bench int, text string) (hashes []uint64) {
	template := f.template(bench, text)
	for i, w := range words(text) {
		if c, size := utf8.DecodeRuneInString(w); c >= utf8.RuneSelf && size == len(w) {
			continue
		}
		if i >= len(template) || !template[i] {
			hashes = append(hashes, ngram.HashWord([]byte(w)))
		}
	}
	return hashes
}

// index enters each item under its rarest words: a text that has half of an item's words
// has one of any half of them and one more.
func (f *finder) index() {
	count := map[uint64]int{}
	for _, list := range f.words {
		for _, w := range list {
			count[w]++
		}
	}
	f.rare = map[uint64][]uint32{}
	for i, list := range f.words {
		list = slices.Clone(list)
		slices.SortFunc(list, func(a, b uint64) int { return cmp.Or(cmp.Compare(count[a], count[b]), cmp.Compare(a, b)) })
		for _, w := range list[:min(len(list), len(list)/2+1)] {
			f.rare[w] = append(f.rare[w], uint32(i))
		}
	}
}

// resembles lists the items that a text of the benchmark's kind resembles, by rising
// number.
func (f *finder) resembles(bench int, text string) (items []int) {
	own := f.content(bench, text)
	slices.Sort(own)
	least := (len(slices.Compact(own)) + 1) / 2
	var list []uint64
	for _, w := range words(text) {
		list = append(list, ngram.HashWord([]byte(w)))
	}
	slices.Sort(list)
	list = slices.Compact(list)
	f.stamp++
	for _, word := range list {
		for _, c := range f.rare[word] {
			n := len(f.words[c])
			if f.asked[c] == f.stamp || n < max(6, least) || n > 2*len(list) {
				continue
			}
			f.asked[c] = f.stamp
			both := 0
			for _, w := range f.words[c] {
				if _, ok := slices.BinarySearch(list, w); ok {
					both++
				}
			}
			if 2*both >= n && both >= least {
				items = append(items, int(c))
			}
		}
	}
	slices.Sort(items)
	return items
}

// repeats lists the items that the text repeats, by rising number.
func (f *finder) repeats(text string) (items []int) {
	var touched []uint32
	grams := f.scan.grams(text)
	for at, g := range grams {
		for _, u := range f.units[g] {
			switch {
			case f.seen[u] == 0:
				touched = append(touched, u)
				f.run[u], f.longest[u] = 1, 0
			case f.last[u] == int32(at)-1:
				f.run[u]++
			default:
				f.run[u] = 1
			}
			f.seen[u]++
			f.last[u] = int32(at)
			f.longest[u] = max(f.longest[u], f.run[u])
		}
	}
	slices.Sort(touched)
	for from := 0; from < len(touched); {
		number := int(touched[from]) / int(item.NumParts)
		var seen, own int32
		found := false
		for _, n := range f.own[number][:item.Answer] {
			own += n
		}
		prompt := f.own[number][item.Context] + f.own[number][item.Question]
		var inPrompt int32
		for ; from < len(touched) && int(touched[from])/int(item.NumParts) == number; from++ {
			u := touched[from]
			part := u % uint32(item.NumParts)
			switch item.Part(part) {
			case item.Context, item.Question:
				inPrompt += f.seen[u]
				seen += f.seen[u]
			case item.Choices:
				seen += f.seen[u]
			case item.Answer:
				found = found || f.seen[u] >= max(3, (f.own[number][part]+1)/2)
			}
			found = found || f.longest[u] >= 13-gramWords+1
			f.seen[u] = 0
		}
		found = found || inPrompt >= max(3, (prompt+1)/2)
		if found || seen > 0 && seen >= min(own, max(3, (own+3)/4)) {
			items = append(items, number)
		}
	}
	return items
}
