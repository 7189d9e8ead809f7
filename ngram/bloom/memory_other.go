//go:build !linux || race

package bloom

import "fmt"

// alloc returns n zeroed words, or an error when n can never be allocated. Under the race
// detector they are in the heap, which is all that it checks.
func alloc(n int) (words []uint64, err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%d words of memory cannot be had", n)
		}
	}()
	return make([]uint64, n), nil
}

func release([]uint64) {}
