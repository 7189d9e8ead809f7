//go:build !linux || race

package bloom

import "fmt"

// alloc gives n zeroed words, or an error when that many can never be had. Under
// the race detector they come from the heap, which is all that it watches.
func alloc(n int) (words []uint64, err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%d words of memory cannot be had", n)
		}
	}()
	return make([]uint64, n), nil
}

func release([]uint64) {}
