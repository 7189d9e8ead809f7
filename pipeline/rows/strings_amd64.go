package rows

import (
	"unicode/utf8"

	"golang.org/x/sys/cpu"
)

// stringsFast says that the functions below do something.
var stringsFast = cpu.X86.HasAVX2 && cpu.X86.HasBMI1

// unquoteBlocks begins what unquote does, with the string from b[i] on written from dst[w] on,
// up to what is neither plain nor an escape of one letter, or is among the last 31 bytes of
// either. It returns where it ended in b and dst, and whether there may be bytes beyond ASCII.
func unquoteBlocks(dst []byte, w int, b []byte, i int) (int, int, bool) {
	last := min(len(b)-i, len(dst)-w) - 32
	if last < 0 {
		return i, w, false
	}
	read, written, high := unquoteAVX2(&dst[w], &b[i], last)
	return i + read, w + written, high != 0
}

// skipBlocks begins what skipString does, as unquoteBlocks does.
func skipBlocks(b []byte, i int) (int, bool) {
	last := len(b) - i - 32
	if last < 0 {
		return i, false
	}
	read, odd := skipAVX2(&b[i], last)
	return i + read, odd != 0
}

// ValidUTF8 is utf8.Valid, at the speed of memory where the processor can.
func ValidUTF8(b []byte) bool {
	n := len(b) &^ 31
	if n == 0 || !stringsFast {
		return utf8.Valid(b)
	}
	if !validAVX2(&b[0], n) {
		return false
	}
	for k := n - 1; k >= n-3; k-- { // what begins there may go on behind n
		if b[k] >= 0xC0 {
			n = k
			break
		}
	}
	return utf8.Valid(b[n:])
}

// unquoteAVX2 reads src and writes dst in steps of 32 bytes that begin at byte last or before. It
// is in assembly since the compiler has no instructions for 32 bytes; fuzz targets hold these
// functions equal to those in Go.
//
//go:noescape
func unquoteAVX2(dst, src *byte, last int) (read, written int, high uint32)

//go:noescape
func skipAVX2(src *byte, last int) (read int, odd uint32)

// validAVX2 reports whether n bytes, a multiple of 32, are the beginning of valid UTF-8, by the
// method of Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte" (2021).
//
//go:noescape
func validAVX2(p *byte, n int) bool
