package substr

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"unicode"
	"unicode/utf8"
)

// isKept reports whether the recipe "chars" keeps r: letters, marks and numbers
// (categories L, M, N), without the marks that only affect the shape (variation selectors,
// combining grapheme joiner).
func isKept(r rune) bool {
	switch {
	case r == 0x034F, 0x180B <= r && r <= 0x180D, r == 0x180F, 0xFE00 <= r && r <= 0xFE0F, 0xE0100 <= r && r <= 0xE01EF:
		return false
	}
	return unicode.In(r, unicode.Letter, unicode.Mark, unicode.Number)
}

// A class defines the output of each character.
type class struct {
	ascii [256]uint16     // low byte: the output; high byte: its size in bytes, 0 or 1
	plane *[1 << 13]uint8 // bits: the runes of the basic plane that are kept; nil: every rune is, in lower case
}

// Both classes are built at their first use: plane takes 8 KiB and about 10 ms.
var (
	chars = sync.OnceValue(func() *class {
		c := &class{plane: new([1 << 13]uint8)}
		for r := range rune(1 << 16) {
			if isKept(r) {
				c.plane[r>>3] |= 1 << (r & 7)
			}
		}
		for b := range uint16(256) {
			c.ascii[b] = b
			if b < utf8.RuneSelf && isKept(rune(b)) {
				c.ascii[b] |= 1 << 8
			}
		}
		return c
	})
	raw = sync.OnceValue(func() *class {
		c := &class{}
		for b := range uint16(256) {
			c.ascii[b] = b | 1<<8
			if 'A' <= b && b <= 'Z' {
				c.ascii[b] |= 0x20
			}
		}
		return c
	})
)

// bad replaces, in the class raw, a byte that is not UTF-8. UTF-8 never contains it.
const bad = 0xFD

// convert converts the character that text begins with. It returns the output, its size in
// text, and its size in the output, 0 when it is removed. For a bad byte r is -1.
func (c *class) convert(text []byte) (r rune, size, out int) {
	if b := text[0]; b < utf8.RuneSelf {
		e := c.ascii[b]
		return rune(e & 0xFF), 1, int(e >> 8)
	}
	r, size = utf8.DecodeRune(text)
	switch {
	case c.plane == nil:
		if r == utf8.RuneError && size == 1 {
			return -1, 1, 1
		}
		r = unicode.ToLower(r)
		return r, size, utf8.RuneLen(r)
	case r < 1<<16 && c.plane[r>>3]>>(r&7)&1 == 0, r >= 1<<16 && !isKept(r):
		return r, size, 0
	}
	return r, size, size
}

// A mark maps a position of a text to the output.
type mark struct {
	from uint32 // byte of the text, the first of a character
	to   uint32 // bytes of output before it
	char uint32 // characters of output before it
}

// markEvery is the number of bytes of a text between two marks, or up to three less than it.
const markEvery = 64

// maxOutput returns a bound on the output of a text, in bytes, with some to spare: lower
// case can take three bytes for two.
func maxOutput(bytes int) int { return bytes + bytes/2 + 16 }

// apply writes the output of text to dst, which has room for maxOutput(len(text)), and
// appends to marks. It returns the numbers of bytes and characters written.
func (c *class) apply(dst, text []byte, marks []mark) (bytes, count int, _ []mark) {
	k, char := 0, 0
	for i := 0; i < len(text); {
		marks = append(marks, mark{uint32(i), uint32(k), uint32(char)})
		if i+markEvery+16 <= len(text) {
			size, out, wide := c.applyChunk(dst[k:], text[i:])
			i, k, char = i+size, k+out, char+out-wide
			continue
		}
		for end := min(i+markEvery, len(text)); i < end; {
			size, out := c.putRune(dst[k:], text[i:])
			i, k, char = i+size, k+out, char+min(out, 1)
		}
	}
	return k, char, marks
}

// putRune is apply for the first character of text. It returns its size in text and in the
// output.
func (c *class) putRune(dst, text []byte) (size, out int) {
	r, size, out := c.convert(text)
	switch {
	case r < 0:
		dst[0] = bad
	case out > 0:
		utf8.EncodeRune(dst, r)
	}
	return size, out
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// inRange sets the high bit of each byte of x, all of which are ASCII, that is in first to
// last, and clears all other bits.
func inRange(x uint64, first, last uint64) uint64 {
	return (x + (0x80-first)*ones) &^ (x + (0x7f-last)*ones) & highs
}

// packHighBits packs the high bits of x's bytes, all others being 0, into eight bits.
func packHighBits(x uint64) uint64 { return x >> 7 * 0x0102040810204080 >> 56 }

// applyChunk is apply for the first 64 bytes of text and the rest of the last character. It
// returns how many bytes these are, how many it wrote, and how many of those are not the
// first of a character. It may overwrite 16 bytes more; text has 80.
func (c *class) applyChunk(dst, text []byte) (size, out, wide int) {
	in := (*[64]byte)(text)
	var nonASCII uint64
	for i := 0; i < 64; i += 8 {
		nonASCII |= binary.LittleEndian.Uint64(in[i:])
	}
	nonASCII &= highs
	if c.plane == nil {
		if nonASCII == 0 {
			to := (*[64]byte)(dst)
			for i := 0; i < 64; i += 8 {
				x := binary.LittleEndian.Uint64(in[i:])
				binary.LittleEndian.PutUint64(to[i:], x|inRange(x, 'A', 'Z')>>2)
			}
			return 64, 64, 0
		}
		for size < 64 {
			n, o := c.putRune(dst[out:], text[size:])
			size, out, wide = size+n, out+o, wide+o-1
		}
		return size, out, wide
	}

	var kept, other uint64 // bits: ASCII that is kept; bytes that are not ASCII
	for i := 0; i < 64; i += 8 {
		x := binary.LittleEndian.Uint64(in[i:])
		if nonASCII != 0 {
			other |= packHighBits(x&highs) << i
			x &^= highs
		}
		kept |= packHighBits(inRange(x|0x20*ones, 'a', 'z')|inRange(x, '0', '9')) << i
	}
	kept &^= other
	size = 64
	long := kept & (kept >> 1) // bits: the first of 2, 4, 8 and 16 bytes that are kept
	long &= long >> 2
	long &= long >> 4
	long &= long >> 8
	if other|long&(kept>>16) == 0 {
		// Runs of at most 16 bytes, four a step: past the last, both edges are 64. No branch
		// depends on their positions.
		to := (*[64 + 16]byte)(dst)
		from := (*[64 + 16]byte)(text)
		for edges := kept ^ kept<<1; edges != 0; {
			for range 4 {
				at := bits.TrailingZeros64(edges)
				edges &= edges - 1
				*(*[16]byte)(to[out:]) = *(*[16]byte)(from[at:])
				out += bits.TrailingZeros64(edges) - at
				edges &= edges - 1
			}
		}
		return size, out, 0
	}
	for left := kept | other; left != 0; {
		from := bits.TrailingZeros64(left)
		var n int
		if other>>from&1 != 0 {
			var o int
			n, o = c.putRune(dst[out:], text[from:])
			size, out, wide = max(size, from+n), out+o, wide+max(o-1, 0)
		} else { // 16 bytes a step
			n = bits.TrailingZeros64(^(kept >> from))
			for i := 0; i < n; i += 16 {
				*(*[16]byte)(dst[out+i:]) = *(*[16]byte)(text[from+i:])
			}
			out += n
		}
		left = left >> from >> n << n << from
	}
	return size, out, wide
}

// locate returns the bytes of text of the character at byte at of the output, and the number
// of characters before it in the output.
func (c *class) locate(text []byte, marks []mark, at int) (start, end, char int) {
	lo, hi := 0, len(marks) // the last mark with to <= at lies in marks[lo:hi]
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; int(marks[mid].to) <= at {
			lo = mid
		} else {
			hi = mid
		}
	}
	m := marks[lo]
	start, char = int(m.from), int(m.char)
	for to := int(m.to); ; {
		_, size, out := c.convert(text[start:])
		if out > 0 {
			if to == at {
				return start, start + size, char
			}
			to += out
			char++
		}
		start += size
	}
}

// countChars counts the characters of UTF-8: the bytes that do not continue one.
func countChars(b []byte) int {
	n := len(b)
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		n -= bits.OnesCount64(x & (^x << 1) & 0x8080808080808080)
	}
	for _, c := range b {
		if c&0xC0 == 0x80 {
			n--
		}
	}
	return n
}
