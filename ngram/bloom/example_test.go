package bloom_test

import (
	"bytes"
	"fmt"

	"swab/ngram"
	"swab/ngram/bloom"
)

// A filter is filled by shards: a spooler collects the hashes of one that is being read, and
// only when it was read to its end do they go into the filter.
func ExampleFilter() {
	plan, err := bloom.PlanFor(10_000, 1e-4)
	check(err)
	filter, err := bloom.New(plan, ngram.Words(8))
	check(err)
	pool, err := bloom.NewPool(plan, 1<<20, 1)
	check(err)
	defer pool.Close()
	filler, err := pool.NewFiller(filter)
	check(err)

	var overflow bytes.Buffer // what finds no room in the pool; a temporary file for large shards
	spooler := pool.NewSpooler()
	spooler.Begin(&overflow)
	gram := ngram.HashGram([]uint64{1, 2, 3, 4, 5, 6, 7, 8})
	check(spooler.Add([]uint64{gram}))
	spool, err := spooler.End()
	check(err)
	fmt.Println("before the shard's end:", filter.Has(gram))
	for block, err := range spool.Blocks(&overflow) {
		check(err)
		filler.AddBlock(block)
	}
	spool.Drop()
	filler.Close()
	fmt.Println("after it:", filter.Has(gram))
	fmt.Println("another gram:", filter.Has(gram+1))
	// Output:
	// before the shard's end: false
	// after it: true
	// another gram: false
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
