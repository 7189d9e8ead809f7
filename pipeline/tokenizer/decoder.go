package tokenizer

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// UnknownID is the error of an id that the tokenizer has no token for.
type UnknownID struct {
	At   int // its place in the document, from 0
	ID   int64
	Size int // of the tokenizer
}

func (e *UnknownID) Error() string {
	return fmt.Sprintf("token %d: the tokenizer has no id %d, its ids are below %d", e.At, e.ID, e.Size)
}

// Decoder decodes documents, one at a time. It serves one goroutine.
type Decoder struct {
	t        *Tokenizer
	dst      []byte
	begin    int    // of the document in dst
	text     int    // of the text between special tokens in dst
	at       int    // tokens of the document so far
	run      []byte // bytes of a character that is not whole yet
	first    bool   // no token of the text was seen
	apart    bool   // a special token is before the text
	parts    byte   // has partial if the text may have parts of characters
	repaired bool
}

// NewDecoder returns a decoder.
func (t *Tokenizer) NewDecoder() *Decoder { return &Decoder{t: t} }

// Begin begins a document, whose text is appended to dst.
func (d *Decoder) Begin(dst []byte) {
	*d = Decoder{t: d.t, dst: dst, begin: len(dst), text: len(dst), run: d.run[:0], first: true}
}

// Len returns the number of bytes that the document has so far.
func (d *Decoder) Len() int { return len(d.dst) - d.begin }

// Add decodes more ids of the document. Its error is an *UnknownID.
func (d *Decoder) Add(ids []uint32) error {
	const step = 1024 // tokens that room is made for at a time
	for len(ids) > 0 {
		part := ids[:min(len(ids), step)]
		if err := d.add(part); err != nil {
			return err
		}
		ids = ids[len(part):]
	}
	return nil
}

func (d *Decoder) add(ids []uint32) error {
	table := d.t.rest
	dst := grow(d.dst, (inline+1)*len(ids))
	n := len(dst)
	dst = dst[:cap(dst)]
	parts := byte(0)
	for i, id := range ids {
		if int(id) < len(table) && !d.first && len(d.run) == 0 {
			e := &table[id]
			if kind := e[inline]; kind&^partial <= inline {
				*(*entry)(dst[n : n+len(e)]) = *e
				n += int(kind & inline)
				parts |= kind
				continue
			}
		}
		d.dst, d.parts = dst[:n], d.parts|parts
		if parts = 0; !d.addSlowly(id) {
			return &UnknownID{d.at + i, int64(id), d.t.Size()}
		}
		d.dst = grow(d.dst, (inline+1)*(len(ids)-i))
		n = len(d.dst)
		dst = d.dst[:cap(d.dst)]
	}
	d.dst = dst[:n]
	d.parts |= parts
	d.at += len(ids)
	return nil
}

// AddJSON decodes the ids at i of a list in JSON for as long as they are written as usual: up to
// seven digits and a comma. It decodes max ids at most and returns
// where it stopped, at an id. What is left is for the caller, the last id of a list always.
func (d *Decoder) AddJSON(b []byte, i, max int) (next int, err error) {
	table := d.t.rest
	dst := grow(d.dst, (inline+1)*max)
	n := len(dst)
	dst = dst[:cap(dst)]
	taken, parts := 0, byte(0)
	for ; taken < max && i+10 <= len(b); taken++ {
		id, after := usualID(b, i)
		if after == i {
			break
		}
		i = after
		if int(id) < len(table) && !d.first && len(d.run) == 0 {
			e := &table[id]
			if kind := e[inline]; kind&^partial <= inline {
				*(*entry)(dst[n : n+len(e)]) = *e
				n += int(kind & inline)
				parts |= kind
				continue
			}
		}
		d.dst, d.parts = dst[:n], d.parts|parts
		if parts = 0; !d.addSlowly(id) {
			return i, &UnknownID{d.at + taken, int64(id), d.t.Size()}
		}
		d.dst = grow(d.dst, (inline+1)*(max-taken))
		n = len(d.dst)
		dst = d.dst[:cap(d.dst)]
	}
	d.dst = dst[:n]
	d.parts |= parts
	d.at += taken
	return i, nil
}

// usualID returns the number at i of a list, of up to seven digits, and where the next one
// begins: at i if the list is written in another way. Behind i are at least ten bytes.
func usualID(b []byte, i int) (id uint32, next int) {
	// Eight bytes at once: those above 9, after '0' is taken off, end the number.
	const ones, pairs = 0x0101010101010101, 0xff000000ff
	v := binary.LittleEndian.Uint64(b[i:]) ^ '0'*ones
	n := bits.TrailingZeros64((v+0x76*ones|v)&(0x80*ones)) / 8
	if n == 0 || n > 7 || b[i+n] != ',' || b[i] == '0' && n > 1 {
		return 0, i
	}
	next = i + n + 1
	if b[next] == ' ' {
		next++
	}
	if b[next]-'0' > 9 {
		if next = skipSpace(b, next); next == len(b) || b[next]-'0' > 9 {
			return 0, i
		}
	}
	v <<= 64 - 8*n
	v = v*10 + v>>8 // pairs of digits, then fours and the eight
	return uint32((v&pairs*(100+1000000<<32) + v>>16&pairs*(1+10000<<32)) >> 32), next
}

// Separate is what a special token does: what follows is a text of its own, on a line of
// its own.
func (d *Decoder) Separate() {
	d.end()
	d.apart = d.apart || len(d.dst) > d.begin
}

// grow returns dst with room for n more bytes.
func grow(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	grown := make([]byte, len(dst), 2*cap(dst)+n)
	copy(grown, dst)
	return grown
}

// addSlowly decodes an id of any kind; false is one that is in no vocabulary.
func (d *Decoder) addSlowly(id uint32) bool {
	if int(id) >= len(d.t.rest) {
		return false
	}
	e := &d.t.rest[id]
	if d.first && d.t.first != nil {
		e = &d.t.first[id]
	}
	switch e[inline] {
	case missing:
		return false
	case special:
		d.Separate()
		return true
	case byteToken:
		d.start()
		d.run = append(d.run, e[0])
		return true
	case longToken:
		from, n := binary.LittleEndian.Uint32(e[:]), binary.LittleEndian.Uint32(e[4:])
		d.start()
		d.flush()
		d.parts |= partial
		d.dst = append(d.dst, d.t.long[from:from+n]...)
		return true
	}
	d.start()
	d.flush()
	d.parts |= e[inline]
	d.dst = append(d.dst, e[:e[inline]&inline]...)
	return true
}

// start begins a text.
func (d *Decoder) start() {
	if d.first && d.apart {
		d.dst = append(d.dst, '\n')
		d.text = len(d.dst)
	}
	d.first, d.apart = false, false
}

// flush appends the bytes of a run: the characters that they are, or U+FFFD for each.
func (d *Decoder) flush() {
	if len(d.run) == 0 {
		return
	}
	if utf8.Valid(d.run) {
		d.dst = append(d.dst, d.run...)
	} else {
		d.repaired = true
		for range d.run {
			d.dst = utf8.AppendRune(d.dst, utf8.RuneError)
		}
	}
	d.run = d.run[:0]
}

// end ends a text.
func (d *Decoder) end() {
	d.flush()
	text := d.dst[d.text:]
	if d.t.bytes && d.parts&partial != 0 && !utf8.Valid(text) {
		d.repaired = true
		d.dst = appendParts(d.dst[:d.text], append([]byte(nil), text...))
	}
	if len(d.t.after) > 0 {
		s := string(d.dst[d.text:])
		for i := range d.t.after {
			s = d.t.after[i].apply(s, false)
		}
		d.dst = append(d.dst[:d.text], s...)
	}
	d.text, d.first, d.parts = len(d.dst), true, 0
}

// End ends the document and returns what Begin began with and its text. Repaired says that
// bytes of it were no UTF-8: U+FFFD is in their place.
func (d *Decoder) End() (dst []byte, repaired bool) {
	d.end()
	return d.dst, d.repaired
}

// appendParts appends src with one U+FFFD for each longest part of it that could begin a
// character and does not, as Unicode advises and the library does.
func appendParts(dst, src []byte) []byte {
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		if r == utf8.RuneError && n == 1 {
			n = brokenLen(src)
		}
		dst = utf8.AppendRune(dst, r)
		src = src[n:]
	}
	return dst
}

// brokenLen returns how many of the first bytes of src, which begin no character, are the
// beginning of one; at least 1.
func brokenLen(src []byte) int {
	size, low, high := 0, byte(0x80), byte(0xbf)
	switch b := src[0]; {
	case b >= 0xc2 && b <= 0xdf:
		size = 2
	case b >= 0xe0 && b <= 0xef:
		size = 3
		if b == 0xe0 {
			low = 0xa0
		} else if b == 0xed {
			high = 0x9f
		}
	case b >= 0xf0 && b <= 0xf4:
		size = 4
		if b == 0xf0 {
			low = 0x90
		} else if b == 0xf4 {
			high = 0x8f
		}
	}
	n := 1
	for n < size && n < len(src) && src[n] >= low && src[n] <= high {
		n, low, high = n+1, 0x80, 0xbf
	}
	return n
}
