package plain

import (
	"encoding/binary"
	"sort"
)

// A layer is a text with replacements.
type layer struct {
	out   []byte
	coded Coding
	edits []edit
	done  int // bytes of the text that are copied or replaced
}

// An edit is a replacement: bytes from to at of the output replace bytes mark to text of
// the text. The output's bytes from at on are the text's from text on, until the next edit.
type edit struct{ from, at, mark, text int }

// pass returns text with what find replaces in a layer; without any, text itself.
func (c *Cleaner) pass(text []byte, coded Coding, find func(l *layer, text []byte)) []byte {
	if c.used == len(c.layers) {
		c.layers = append(c.layers, layer{})
	}
	l := &c.layers[c.used]
	l.out, l.edits, l.done, l.coded = l.out[:0], l.edits[:0], 0, coded
	find(l, text)
	if len(l.edits) == 0 {
		return text
	}
	c.used++
	l.out = append(l.out, text[l.done:]...)
	return l.out
}

// replace replaces bytes from to end of text, which are behind all that were replaced.
func (l *layer) replace(text []byte, from, end int, by string) {
	l.out = append(append(l.out, text[l.done:from]...), by...)
	l.done = end
	l.edits = append(l.edits, edit{len(l.out) - len(by), len(l.out), from, end})
}

// original returns the bytes of the text that bytes start to end of the output come from.
func (l *layer) original(start, end int) (from, to int) {
	from, _ = l.origin(start)
	if start == end {
		return from, from
	}
	_, to = l.origin(end - 1)
	return from, to
}

// touches reports whether a replacement is among bytes start to end of the output.
func (l *layer) touches(start, end int) bool {
	i := sort.Search(len(l.edits), func(i int) bool { return l.edits[i].at > start })
	return i < len(l.edits) && l.edits[i].from < end
}

// origin returns the byte, or the replaced bytes, of the text that a byte of the output
// comes from.
func (l *layer) origin(at int) (from, to int) {
	i := sort.Search(len(l.edits), func(i int) bool { return l.edits[i].at > at })
	if i < len(l.edits) && at >= l.edits[i].from {
		return l.edits[i].mark, l.edits[i].text
	}
	if i > 0 {
		at += l.edits[i-1].text - l.edits[i-1].at
	}
	return at, at + 1
}

// leads returns which bytes from 0xC0 on text has: bit 0 for 0xC0.
func leads(text []byte) (set uint64) {
	const high = 0x8080808080808080
	for len(text) > 0 {
		if len(text) >= 8 && binary.LittleEndian.Uint64(text)&high == 0 {
			text = text[8:]
			continue
		}
		for _, b := range text[:min(len(text), 8)] {
			set |= 1 << (b - 0xC0) // nothing for less than 0xC0
		}
		text = text[min(len(text), 8):]
	}
	return set
}
