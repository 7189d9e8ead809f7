package exact_test

import (
	"fmt"

	"swab/ngram"
	"swab/ngram/exact"
)

// A matcher finds every stretch of n words or more that a document shares with a text.
func ExampleMatcher() {
	builder, err := exact.NewBuilder(ngram.Words(5))
	check(err)
	for _, text := range []string{
		"A ferry leaves Riverton with 84 passengers. How many get off at the first pier?",
		"Which joint holds two boards at a right angle?",
	} {
		_, err := builder.Add(text)
		check(err)
	}
	index, err := builder.Build(5, 0, nil)
	check(err)
	matcher, scanner := index.NewMatcher(), index.NewScanner()
	document := []byte("As I said: a FERRY leaves Riverton with 84 passengers; how many get off, nobody knows.")
	matcher.Document(scanner, document, func(r exact.Run) {
		fmt.Printf("text %d, words %d to %d: %q\n", r.Text, r.At, r.At+r.Words-1, document[r.Start:r.End])
	})
	// Output:
	// text 0, words 0 to 10: "a FERRY leaves Riverton with 84 passengers; how many get off"
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
