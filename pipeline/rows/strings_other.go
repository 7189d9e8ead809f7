//go:build !amd64

package rows

import "unicode/utf8"

const stringsFast = false

func unquoteBlocks(_ []byte, w int, _ []byte, i int) (int, int, bool) { return i, w, false }

func skipBlocks(_ []byte, i int) (int, bool) { return i, false }

// ValidUTF8 is utf8.Valid.
func ValidUTF8(b []byte) bool { return utf8.Valid(b) }
