package shard

import (
	"bufio"
	"encoding/binary"
	"io"
	"math/bits"

	"github.com/klauspost/compress/flate"
)

// An inflater decompresses a deflate stream (RFC 1951). It accepts exactly what compress/flate
// accepts, and returns the same bytes before an error; it is about twice as fast as the library,
// since it
//
//   - keeps up to 63 bits of the input in a register, filled eight bytes at a time,
//   - looks up two literals at once where their codes are short,
//   - copies matches eight bytes at a time.
//
// A table has an entry for the next bits of the input. Of codes that are longer than its index it
// has an entry that leads to a table behind it, for the bits that follow.
type inflater struct {
	br   *bufio.Reader
	in   []byte // buffered by br
	pos  int    // of in, read
	past int64  // bytes of the stream before in
	b    uint64 // bits read; what is above n is part of what follows in in
	n    uint   // their count

	out  []byte // the last bytes decompressed, and room
	w, r int    // of out: written and returned

	final, coded bool // of the block: it is the last; it has codes
	stored       int  // bytes left of a stored block
	err          error
	readErr      error // of br, once all that it returned before is used

	lit  [1 << 13]uint32
	dist [1 << 11]uint32
}

// Entries of tables. Bits 0 to 5 are how many bits of input the entry takes.
const (
	entryLiteral = 1 << 31 // one or two bytes in bits 8 to 23; how many in 24 and 25; bits of the first in 26 to 29
	entrySub     = 1 << 30 // leads to the table that begins at bits 8 to 23
	entryEnd     = 1 << 29 // of the block
	entryBad     = 1 << 28 // no code

	// All others are of a length or distance: its least value in bits 12 to 27, and in bits 8 to
	// 11 how many bits behind the code are added to it, which bits 0 to 5 include.
	entryRare = entrySub | entryEnd | entryBad
)

const (
	litBits, distBits = 11, 10
	maxCode           = 15 // bits
	maxMatch          = 258
	history           = 32 << 10
	outSize           = history + 64<<10
	slack             = 64 // bytes of out that may be written behind what a step returns
)

// reset begins a stream, the next bytes of br.
func (f *inflater) reset(br *bufio.Reader) {
	if f.out == nil {
		f.out = make([]byte, outSize+maxMatch+slack)
	}
	f.br, f.in, f.pos, f.past = br, nil, 0, 0
	f.b, f.n, f.w, f.r, f.stored, f.err, f.readErr = 0, 0, 0, 0, 0, nil, nil
	f.final, f.coded = false, false
}

// Read returns decompressed bytes, io.EOF behind the last block. Then the next byte of the
// stream's reader is the one behind it.
func (f *inflater) Read(p []byte) (int, error) {
	for f.r == f.w {
		if f.err != nil {
			return 0, f.err
		}
		if f.w > outSize-maxMatch {
			copy(f.out, f.out[f.w-history:f.w])
			f.w, f.r = history, history
		}
		if f.err = f.step(); f.err != nil {
			f.giveBack()
		}
	}
	n := copy(p, f.out[f.r:f.w])
	f.r += n
	return n, nil
}

// giveBack leaves to the reader the bytes that were not used.
func (f *inflater) giveBack() {
	f.pos -= int(f.n / 8)
	f.n %= 8
	f.b &= 1<<f.n - 1
	f.br.Discard(f.pos)
	f.past += int64(f.pos)
	f.in, f.pos = nil, 0
}

// more makes 16 bytes or more of the input available behind pos, or as many as there are.
func (f *inflater) more() {
	if len(f.in)-f.pos >= 16 {
		return
	}
	f.giveBack()
	if f.readErr == nil {
		_, f.readErr = f.br.Peek(16)
	}
	f.in, _ = f.br.Peek(f.br.Buffered())
}

// ended returns the error of a stream that ends too early.
func (f *inflater) ended() error {
	if f.readErr != nil && f.readErr != io.EOF {
		return f.readErr
	}
	return io.ErrUnexpectedEOF
}

// need makes count bits available, at most 32.
func (f *inflater) need(count uint) error {
	for f.n < count {
		if f.pos == len(f.in) {
			f.more()
			if f.n+8*uint(len(f.in)) < count {
				return f.ended()
			}
		}
		f.b = f.b&(1<<f.n-1) | uint64(f.in[f.pos])<<f.n
		f.pos++
		f.n += 8
	}
	return nil
}

// nextBits returns the next count bits.
func (f *inflater) nextBits(count uint) (int, error) {
	if err := f.need(count); err != nil {
		return 0, err
	}
	v := int(f.b & (1<<count - 1))
	f.b >>= count
	f.n -= count
	return v, nil
}

// corrupt returns the error of a damaged stream.
func (f *inflater) corrupt() error { return flate.CorruptInputError(f.past + int64(f.pos)) }

// step decompresses until there is no more room in out, or at least a bit of the stream.
func (f *inflater) step() error {
	switch {
	case f.stored > 0:
		return f.copyStored()
	case f.coded:
		return f.codes()
	case f.final:
		return io.EOF
	}
	final, err := f.nextBits(1)
	if err != nil {
		return err
	}
	f.final = final == 1
	kind, err := f.nextBits(2)
	if err != nil {
		return err
	}
	switch kind {
	case 0:
		return f.beginStored()
	case 1:
		f.coded = true
		f.fixed()
	case 2:
		f.coded = true
		return f.dynamic()
	default:
		return f.corrupt()
	}
	return nil
}

// beginStored reads the header of a block that is not compressed.
func (f *inflater) beginStored() error {
	f.b >>= f.n & 7
	f.n -= f.n & 7
	size, err := f.nextBits(16)
	if err != nil {
		return err
	}
	inverse, err := f.nextBits(16)
	if err != nil {
		return err
	}
	if size^inverse != 0xFFFF {
		return f.corrupt()
	}
	f.stored = size
	return nil
}

// copyStored copies bytes of a block that is not compressed.
func (f *inflater) copyStored() error {
	f.pos -= int(f.n / 8) // no part of a byte is left
	f.n, f.b = 0, 0
	f.more()
	n := copy(f.out[f.w:min(f.w+f.stored, outSize)], f.in[f.pos:])
	if n == 0 {
		return f.ended()
	}
	f.pos, f.w, f.stored = f.pos+n, f.w+n, f.stored-n
	return nil
}

// codes decompresses a block with codes, as far as there is room.
func (f *inflater) codes() error {
	for f.coded && f.w <= outSize-maxMatch {
		if f.more(); len(f.in)-f.pos < 16 {
			if err := f.slowly(); err != nil {
				return err
			}
			continue
		}
		if !f.fast() {
			return f.corrupt()
		}
	}
	return nil
}

// slowly decompresses one symbol near the end of the input.
func (f *inflater) slowly() error {
	e, err := f.symbol(f.lit[:], litBits)
	if err != nil {
		return err
	}
	switch {
	case e&entryLiteral != 0:
		f.out[f.w] = byte(e >> 8)
		f.w++
		return nil
	case e&entryEnd != 0:
		f.coded = false
		return nil
	}
	length, err := f.value(e)
	if err != nil {
		return err
	}
	if e, err = f.symbol(f.dist[:], distBits); err != nil {
		return err
	}
	distance, err := f.value(e)
	if err != nil {
		return err
	}
	if distance > f.w {
		return f.corrupt()
	}
	for range length {
		f.out[f.w] = f.out[f.w-distance]
		f.w++
	}
	return nil
}

// symbol takes the next code, of two literals only the first. It reads no byte that the code
// does not have.
func (f *inflater) symbol(table []uint32, index uint) (uint32, error) {
	for {
		b := f.b & (1<<f.n - 1)
		e := table[b&(1<<index-1)]
		if e&entrySub != 0 && e&entryLiteral == 0 {
			e = table[uint64(e>>8&0xFFFF)+b>>index&(1<<(e&63)-1)]
		}
		size := uint(e & 63)
		switch {
		case e&entryLiteral != 0:
			size = uint(e >> 26 & 15)
		case e&entryRare == 0:
			size -= uint(e >> 8 & 15)
		}
		if size <= f.n {
			if e&entryLiteral == 0 && e&entryBad != 0 {
				return 0, f.corrupt()
			}
			f.b = b >> size
			f.n -= size
			return e, nil
		}
		if err := f.need(f.n + 1); err != nil {
			return 0, err
		}
	}
}

// value returns the length or distance whose code was taken.
func (f *inflater) value(e uint32) (int, error) {
	more, err := f.nextBits(uint(e >> 8 & 15))
	return int(e>>12&0xFFFF) + more, err
}

// fast decompresses while there are 16 bytes of input and room for a match. It returns false
// at a damage.
func (f *inflater) fast() bool {
	in, pos, b, n, out, w := f.in, f.pos, f.b, f.n, f.out, f.w
	lit, dist := &f.lit, &f.dist
	good := true
	for pos <= len(in)-16 && w <= outSize-maxMatch {
		b |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
		pos += int((63 - n) >> 3)
		n |= 56
		e := lit[b&(1<<litBits-1)]
		if int32(e) < 0 {
			binary.LittleEndian.PutUint16(out[w:], uint16(e>>8))
			w += int(e >> 24 & 3)
			b >>= e & 63
			n -= uint(e & 63)
			if e = lit[b&(1<<litBits-1)]; int32(e) < 0 {
				binary.LittleEndian.PutUint16(out[w:], uint16(e>>8))
				w += int(e >> 24 & 3)
				b >>= e & 63
				n -= uint(e & 63)
				continue
			}
			b |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
			pos += int((63 - n) >> 3)
			n |= 56
		}
		if e&entryRare != 0 {
			if e&entrySub != 0 {
				e = lit[(uint64(e>>8&0xFFFF)+b>>litBits&(1<<(e&63)-1))%uint64(len(lit))]
			}
			if e&(entryLiteral|entryRare) != 0 {
				if e&entryLiteral == 0 && e&entryBad != 0 {
					good = false
					break
				}
				b >>= e & 63
				n -= uint(e & 63)
				if e&entryLiteral == 0 {
					f.coded = false
					break
				}
				out[w] = byte(e >> 8)
				w++
				continue
			}
		}
		more := e >> 8 & 15
		length := int(e>>12&0xFFFF) + int(b>>(e&63-more)&(1<<more-1))
		b >>= e & 63
		n -= uint(e & 63)
		if e = dist[b&(1<<distBits-1)]; e&entrySub != 0 {
			e = dist[(uint64(e>>8&0xFFFF)+b>>distBits&(1<<(e&63)-1))%uint64(len(dist))]
		}
		more = e >> 8 & 15
		distance := int(e>>12&0xFFFF) + int(b>>(e&63-more)&(1<<more-1))
		b >>= e & 63
		n -= uint(e & 63)
		if e&entryBad != 0 || distance > w {
			good = false
			break
		}
		copyMatch(out, w, distance, length)
		w += length
	}
	f.pos, f.b, f.n, f.w = pos, b, n, w
	return good
}

// copyMatch copies length bytes that are distance before byte w to there. It may write more,
// up to slack bytes.
func copyMatch(out []byte, w, distance, length int) {
	from, to := out[w-distance:], out[w:w+length+8]
	if distance >= 8 {
		for k := 0; k < length; k += 8 {
			binary.LittleEndian.PutUint64(to[k:], binary.LittleEndian.Uint64(from[k:]))
		}
		return
	}
	for k := range length {
		to[k] = from[k]
	}
}

// lengths and distances have the least value of each symbol and the bits added to it.
var lengths, distances = valuesOf(29, 4, 3), valuesOf(30, 2, 1)

// valuesOf returns the entries of values in steps of which every per symbols are twice as large.
func valuesOf(count, per, least int) (entries []uint32) {
	for k := range count {
		more := max(k/per-1, 0)
		entries = append(entries, uint32(least)<<12|uint32(more)<<8)
		least += 1 << more
	}
	if per == 4 {
		entries[count-1] = maxMatch << 12
	}
	return entries
}

// litEntry returns the entry of a symbol of literals and lengths.
func litEntry(symbol int) uint32 {
	switch {
	case symbol < 256:
		return entryLiteral | 1<<24 | uint32(symbol)<<8
	case symbol == 256:
		return entryEnd
	case symbol < 257+len(lengths):
		return lengths[symbol-257]
	}
	return entryBad
}

// distEntry returns the entry of a symbol of distances.
func distEntry(symbol int) uint32 {
	if symbol < len(distances) {
		return distances[symbol]
	}
	return entryBad
}

// fixed makes the tables of a block with fixed codes.
func (f *inflater) fixed() {
	var sizes [288 + 32]uint8
	for k := range sizes {
		switch {
		case k < 144 || 280 <= k && k < 288:
			sizes[k] = 8
		case k < 256:
			sizes[k] = 9
		case k < 280:
			sizes[k] = 7
		default:
			sizes[k] = 5
		}
	}
	makeTable(f.lit[:], litBits, sizes[:288], litEntry)
	makeTable(f.dist[:], distBits, sizes[288:], distEntry)
	f.pairLiterals()
}

// order is that of the sizes of the codes for sizes.
var order = [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamic reads the tables of a block.
func (f *inflater) dynamic() error {
	var counts [3]int
	for k, bits := range [...]uint{5, 5, 4} {
		var err error
		if counts[k], err = f.nextBits(bits); err != nil {
			return err
		}
	}
	lits, dists := counts[0]+257, counts[1]+1
	if lits > 286 || dists > 30 {
		return f.corrupt()
	}
	var sizes [286 + 30]uint8
	for k := range counts[2] + 4 {
		size, err := f.nextBits(3)
		if err != nil {
			return err
		}
		sizes[order[k]] = uint8(size)
	}
	if !makeTable(f.dist[:], distBits, sizes[:19], func(symbol int) uint32 { return uint32(symbol) << 12 }) {
		return f.corrupt()
	}
	sizes = [286 + 30]uint8{}
	if err := f.sizes(sizes[:lits+dists]); err != nil {
		return err
	}
	if !makeTable(f.lit[:], litBits, sizes[:lits], litEntry) ||
		!makeTable(f.dist[:], distBits, sizes[lits:lits+dists], distEntry) {
		return f.corrupt()
	}
	f.pairLiterals()
	return nil
}

// sizes reads the sizes of codes, by the codes for sizes in the table of distances.
func (f *inflater) sizes(sizes []uint8) error {
	repeats := [...]struct {
		bits  uint
		least int
	}{{2, 3}, {3, 3}, {7, 11}}
	for k := 0; k < len(sizes); {
		e, err := f.symbol(f.dist[:], distBits)
		if err != nil {
			return err
		}
		size := uint8(e >> 12)
		if size < 16 {
			sizes[k] = size
			k++
			continue
		}
		if size == 16 && k == 0 {
			return f.corrupt()
		}
		how := repeats[size-16]
		more, err := f.nextBits(how.bits)
		if err != nil {
			return err
		}
		if k+how.least+more > len(sizes) {
			return f.corrupt()
		}
		for range how.least + more {
			if size == 16 {
				sizes[k] = sizes[k-1]
			}
			k++
		}
	}
	return nil
}

// firstCodes returns the first canonical code of each size, and the largest of some sizes, or
// -1 if there are no codes of these sizes. Fewer codes than there may be are right only if there
// is one, of one bit, or none.
func firstCodes(sizes []uint8) (next [maxCode + 1]int, longest int) {
	var count [maxCode + 1]int
	for _, size := range sizes {
		count[size]++
		longest = max(longest, int(size))
	}
	count[0] = 0
	code := 0
	for size := 1; size <= maxCode; size++ {
		code = (code + count[size-1]) << 1
		next[size] = code
		if code+count[size] > 1<<size {
			return next, -1
		}
	}
	all := code + count[maxCode]
	if longest > 0 && all != 1<<maxCode && !(longest == 1 && count[1] == 1) {
		return next, -1
	}
	return next, longest
}

// makeTable makes a table of the canonical codes of some sizes, each with the entry of its
// symbol. It returns false if there are no such codes.
func makeTable(table []uint32, index uint, sizes []uint8, entry func(symbol int) uint32) bool {
	next, longest := firstCodes(sizes)
	if longest < 0 {
		return false
	}
	for k := range table[:1<<index] {
		table[k] = entryBad
	}
	end, sub := 1<<index, uint(max(longest-int(index), 0))
	for symbol, size := range sizes {
		if size == 0 {
			continue
		}
		e := entry(symbol)
		bitsOf := uint32(size)
		if e&entryLiteral != 0 {
			bitsOf |= bitsOf << 26
		} else if e&entryRare == 0 {
			bitsOf += e >> 8 & 15
		}
		e |= bitsOf
		reversed := int(bits.Reverse16(uint16(next[size])) >> (16 - size))
		next[size]++
		if uint(size) <= index {
			for k := reversed; k < 1<<index; k += 1 << size {
				table[k] = e
			}
			continue
		}
		first := reversed & (1<<index - 1)
		if table[first]&entrySub == 0 {
			table[first] = entrySub | uint32(end)<<8 | uint32(sub)
			end += 1 << sub
		}
		base := int(table[first] >> 8 & 0xFFFF)
		for k := reversed >> index; k < 1<<sub; k += 1 << (uint(size) - index) {
			table[base+k] = e
		}
	}
	return true
}

// pairLiterals makes entries of two literals where both codes fit into the table's index.
func (f *inflater) pairLiterals() {
	for k := 1<<litBits - 1; k >= 0; k-- { // an entry refers to those before it
		e := f.lit[k]
		if e&entryLiteral == 0 {
			continue
		}
		size := e & 63
		if next := f.lit[k>>size]; next&entryLiteral != 0 && size+next>>26&15 <= litBits && next>>24&3 == 1 {
			f.lit[k] = entryLiteral | e&(15<<26) | 2<<24 | next>>8&0xFF<<16 | e&0xFF00 | (size + next&63)
		}
	}
}
