//go:build linux && !race

package bloom

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// alloc returns n zeroed words outside the garbage-collected heap, in huge pages where the
// system has them. So a lack of memory is an error and not the end of the process, and a
// filter of gigabytes does not let the collector accumulate as much garbage.
func alloc(n int) ([]uint64, error) {
	b, err := unix.Mmap(-1, 0, n*8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("%d bytes of memory: %w", n*8, err)
	}
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // only for speed
	return unsafe.Slice((*uint64)(unsafe.Pointer(&b[0])), n), nil
}

// release frees memory that alloc returned.
func release(words []uint64) {
	if len(words) > 0 {
		_ = unix.Munmap(unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8)) // fails only for other memory
	}
}
