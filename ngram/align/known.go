package align

import (
	"math"
	"slices"
	"strings"

	"swab/ngram"
)

// common are English words by the share of texts that hold them.
var common = []struct {
	share float64
	words string
}{
	{0.9, "the of and a to in is"},
	{0.6, "that it for on with as was be are by an at this or from not have has which"},
	{0.4, "i you he his but they we one all had were been if there their what would can will when who more no out do so " +
		"up her she its s t"},
	{0.25, "my me your about into than them some other then two only may also after such like any these first most over " +
		"new how many where could very much should just now each between those him our under being because did does well " +
		"before made same must while during both without us within per whose every another here until against still again " +
		"since off down"},
	{0.15, "time make used use using find see get go know way people take good year years day days work long right part " +
		"place number three four five given answer true false value return total if int str def list"},
}

// vocabulary is the common words by hash. No two of them have the same slot, so that a word is
// looked up without a branch.
type vocabulary struct {
	mul  uint64         // picks the slots
	slot [1 << 12]uint8 // number of the common word that may be there; 0: none
	hash [1 << 8]uint64 // by number
	info [1 << 8]uint8
	size [64]uint8 // of other words, by shape
}

func newVocabulary() *vocabulary {
	v := &vocabulary{}
	count := 0
	for _, c := range common {
		for _, w := range strings.Fields(c.words) {
			if h := ngram.HashWord([]byte(w)); !slices.Contains(v.hash[:count+1], h) {
				count++
				v.hash[count], v.info[count] = h, units(c.share)
			}
		}
	}
	v.hash[0] = v.hash[1] // which has a slot of its own, so that number 0 is no word's
	for v.mul = 1; !v.place(count); v.mul += 2 {
	}
	for i := range v.size {
		shape := ngram.Shape(i)
		switch size := shape.Size(); {
		case size == 0:
		case shape&ngram.Digit != 0:
			v.size[i] = units([...]float64{0.12, 0.05, 0.02, 0.008}[min(size, 4)-1])
		case shape == ngram.Wide|1: // of a script without spaces
			v.size[i] = units(0.05)
		default:
			v.size[i] = units([...]float64{0.12, 0.1, 0.03, 0.015, 0.008, 0.004}[min(size, 6)-1])
		}
	}
	return v
}

// place puts the common words into their slots, and reports whether each has one of its own.
func (v *vocabulary) place(count int) bool {
	clear(v.slot[:])
	for number := 1; number <= count; number++ {
		slot := &v.slot[v.hash[number]*v.mul>>52]
		if *slot != 0 {
			return false
		}
		*slot = uint8(number)
	}
	return true
}

// longestCommon is how many letters the common words have at the most.
const longestCommon = 7

// known returns the information of a word as far as the word itself says, units.
func (v *vocabulary) known(hash uint64, shape ngram.Shape) uint8 {
	number := v.slot[hash*v.mul>>52]
	known, common := v.size[shape%64], v.info[number]
	other := v.hash[number] ^ hash | uint64(shape&^longestCommon)
	is := uint8((other|-other)>>63) - 1 // all bits if it is the common word: nobody can foresee a branch
	return known ^ (known^common)&is
}

// appendKnown appends the known information of words.
func (v *vocabulary) appendKnown(dst []uint8, hashes []uint64, shapes []ngram.Shape) []uint8 {
	first := len(dst)
	dst = slices.Grow(dst, len(hashes))[:first+len(hashes)]
	out, shapes := dst[first:], shapes[:len(hashes)]
	out = out[:len(hashes)]
	for i, h := range hashes {
		out[i] = v.known(h, shapes[i])
	}
	return dst
}

// units returns the information of what a share of texts holds.
func units(share float64) uint8 { return uint8(math.Round(-math.Log2(share) * unit)) }

// uncommon is what a word that is not common is known for at the least, units.
const uncommon = 49 // units(0.12)

// content reports whether a word known for so much is not common.
func content(known uint8) bool { return known >= uncommon }
