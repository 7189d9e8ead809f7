package overlap_test

import (
	"fmt"
	"slices"

	"swab/ngram"
	"swab/ngram/exact"
	"swab/ngram/item"
	"swab/ngram/overlap"
)

// From an item's text to its verdict: its texts are indexed, a document's runs are collected
// into a cover, and a method that is fitted to the benchmark judges the cover.
func ExampleItems_Judge() {
	methods, err := overlap.Methods(overlap.Settings{})
	check(err)
	method := methods[slices.Index(overlap.Names(methods), "coverage8")]
	builder, err := exact.NewBuilder(ngram.Words(8))
	check(err)
	question, err := builder.Add("A ferry leaves Riverton with 84 passengers. How many get off at the first pier?")
	check(err)
	one := item.Absent(0)
	one.Texts[item.Question] = int32(question)
	layout := overlap.Layout{item.Question: builder.Words(question)}
	index, err := builder.Build(8, 0, nil)
	check(err)
	rules := [][]overlap.Rule{{method.Fit([]overlap.Layout{layout})}}
	items, err := overlap.NewItems([]item.Item{one}, rules, index, overlap.Options{Grams: index.AppendGrams})
	check(err)

	matcher, scanner, collector := index.NewMatcher(), index.NewScanner(), items.NewCollector()
	collector.Reset("shard-0")
	document := []byte("Today: a ferry leaves Riverton with 84 passengers. How many got off?")
	collector.Begin(document)
	matcher.Document(scanner, document, collector.Add)
	collector.End(0, "doc-0", document)
	for i, cover := range collector.Covers() {
		v := items.Judge(i, 0, cover, index.AppendGrams)
		fmt.Printf("%s: %d of %d words, longest run %d, %d document\n", v.State, v.Matched, v.Words, v.Longest, v.Documents)
	}
	// Output:
	// flagged: 9 of 15 words, longest run 9, 1 document
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
