package ngram_test

import (
	"fmt"

	"swab/ngram"
)

// A scanner cuts a text into words in normal form and hashes its n-grams. Two texts that
// differ in case and punctuation alone have the same n-grams.
func ExampleScanner() {
	s, err := ngram.Words(3).NewScanner()
	if err != nil {
		panic(err)
	}
	seen := map[uint64]bool{}
	for _, text := range []string{"A ferry leaves Riverton at noon.", "a FERRY leaves Riverton; then it rains"} {
		s.Reset([]byte(text))
		for s.Next() {
			for i, hash := range s.Grams() {
				gram := text[s.Start(i):s.End(i+2)]
				fmt.Printf("%-24q seen before: %v\n", gram, seen[hash])
				seen[hash] = true
			}
		}
	}
	// Output:
	// "A ferry leaves"         seen before: false
	// "ferry leaves Riverton"  seen before: false
	// "leaves Riverton at"     seen before: false
	// "Riverton at noon"       seen before: false
	// "a FERRY leaves"         seen before: true
	// "FERRY leaves Riverton"  seen before: true
	// "leaves Riverton; then"  seen before: false
	// "Riverton; then it"      seen before: false
	// "then it rains"          seen before: false
}
