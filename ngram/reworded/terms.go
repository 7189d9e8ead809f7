package reworded

import (
	_ "embed"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"swab/ngram"

	"github.com/blevesearch/snowballstem"
	stemenglish "github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/russian"
)

// The classes of words.
const (
	stopWord uint8 = iota
	plainTerm
	digits
	numberWord
	character // of a script without spaces
)

// noTerm is the number of terms that no item has.
const noTerm = -1

// A token is a term or a number of a text.
type token struct {
	value      uint64 // of a number
	at         uint32 // number of its word in the text
	start, end uint32 // bytes
	term       int32
	weight     uint8 // known information, units
	number     bool
}

// word is what a lexer knows of a word. For a number word, term is its place in numberWords.
type word struct {
	hash   uint64
	term   int32
	weight uint8
	class  uint8
}

// cacheBits is the size of a lexer's cache of words, as a power of 2.
const cacheBits = 15

// A lexer reads the words of texts as tokens. It belongs to one goroutine. Words that it has
// seen lately are known by their hash, so that most are never spelled.
type lexer struct {
	terms   map[uint64]int32 // by the hash of a stem
	add     bool             // new terms get a number
	cache   []word
	env     *snowballstem.Env
	english *vocabulary
	spelled []spelled
	scratch []byte

	// The word before, for numbers of several words and pairs of characters.
	last    uint64 // its hash if it is a character, or 0
	lastAt  uint32 // its number, if it is a number or character
	lastEnd uint32
	begin   uint32 // of the character
}

func newLexer(terms map[uint64]int32, add bool) *lexer {
	return &lexer{
		terms: terms, add: add, cache: make([]word, 1<<cacheBits), env: snowballstem.NewEnv(""),
		english: newVocabulary(), spelled: numberWords(),
	}
}

// block appends the tokens of the words of a block that were not in the block before.
func (l *lexer) block(dst []token, s *ngram.Scanner, text []byte) []token {
	base, skip := s.Base(), 0
	if base > 0 {
		skip = s.N() - 1
	} else {
		l.last, l.lastAt, l.lastEnd = 0, math.MaxUint32, 0
	}
	hashes := s.Hashes()
	for i := skip; i < len(hashes); i++ {
		h := hashes[i]
		w := &l.cache[h>>(64-cacheBits)]
		if w.hash != h {
			*w = l.word(h, s, i)
		}
		switch w.class {
		case stopWord:
		case plainTerm:
			dst = append(dst, token{
				at: uint32(base + i), start: s.Start(i), end: s.End(i), term: w.term, weight: w.weight,
			})
		default:
			dst = l.special(dst, *w, s, i, text)
		}
	}
	return dst
}

// special appends a number or a pair of characters, or extends the number before.
func (l *lexer) special(dst []token, w word, s *ngram.Scanner, i int, text []byte) []token {
	t := token{at: uint32(s.Base() + i), start: s.Start(i), end: s.End(i), term: noTerm}
	if w.class == character {
		return l.pair(dst, w.hash, t)
	}
	t.number, t.weight = true, numberWeight
	joined := false
	var before *token // the number of the word before
	if l.lastAt+1 == t.at && l.last == 0 && len(dst) > 0 {
		before = &dst[len(dst)-1]
	}
	if w.class == digits {
		l.scratch = s.AppendWord(l.scratch[:0], i)
		t.value = parseDigits(l.scratch)
		joined = before != nil && l.lastEnd+1 == t.start && joinDigits(before, text[l.lastEnd], l.scratch)
	} else {
		n := &l.spelled[w.term]
		t.value = n.value
		joined = before != nil && n.join(before)
	}
	l.last, l.lastAt, l.lastEnd = 0, t.at, t.end
	if joined {
		before.end = t.end
		return dst
	}
	return append(dst, t)
}

// pair appends the pair of a character and the one before, if they are beside each other.
func (l *lexer) pair(dst []token, hash uint64, t token) []token {
	before, begin := l.last, l.begin
	beside := before != 0 && l.lastAt+1 == t.at && l.lastEnd == t.start
	l.last, l.begin, l.lastAt, l.lastEnd = hash, t.start, t.at, t.end
	if !beside {
		return dst
	}
	t.start, t.weight, t.term = begin, pairWeight, l.term(ngram.AddWord(before, hash))
	return append(dst, t)
}

// term returns the number of a term.
func (l *lexer) term(stem uint64) int32 {
	n, ok := l.terms[stem]
	switch {
	case ok:
		return n
	case l.add:
		n = int32(len(l.terms))
		l.terms[stem] = n
		return n
	}
	return noTerm
}

// word classifies a word by its normal form.
func (l *lexer) word(h uint64, s *ngram.Scanner, i int) word {
	l.scratch = s.AppendWord(l.scratch[:0], i)
	text := l.scratch
	w := word{hash: h, class: plainTerm}
	switch k, ok := l.english.words[string(text)]; {
	case text[0] >= '0' && text[0] <= '9':
		w.class = digits
		return w
	case ok:
		w.class, w.term = k.class, k.term
		return w
	case ngram.ShapeOf(text) == ngram.Wide|1:
		w.class = character
		return w
	}
	stem := l.stem(text)
	w.weight = l.english.known(stem)
	w.term = l.term(ngram.HashWord([]byte(stem)))
	return w
}

// stem returns a word without its ending.
func (l *lexer) stem(text []byte) string {
	if len(text) > 40 {
		return string(text)
	}
	l.env.SetCurrent(string(text))
	switch c := text[0]; {
	case c < utf8.RuneSelf:
		stemenglish.Stem(l.env)
	case c == 0xD0 || c == 0xD1:
		russian.Stem(l.env)
	}
	return l.env.Current()
}

// milli is the value of a number in thousandths, as tokens have it. Other numbers are hashes
// with the highest bit set.
const milli = 1000

const otherNumber = 1 << 63

// parseDigits returns the value of a word that begins with a digit, without the letters
// behind.
func parseDigits(word []byte) uint64 {
	n := uint64(0)
	for i, c := range word {
		if c < '0' || c > '9' {
			break
		}
		if i >= 14 {
			return ngram.HashWord(word) | otherNumber
		}
		n = 10*n + uint64(c-'0')
	}
	return n * milli
}

// joinDigits adds further digits behind a comma or a point to the number before, and reports
// whether they belong to it.
func joinDigits(t *token, separator byte, word []byte) bool {
	if !t.number || t.value >= otherNumber || t.value%milli != 0 {
		return false
	}
	count := 0
	for count < len(word) && word[count] >= '0' && word[count] <= '9' {
		count++
	}
	more := parseDigits(word)
	if more >= otherNumber {
		return false
	}
	if separator == ',' && count == 3 && len(word) == 3 && t.value > 0 && t.value < 1e12 {
		t.value = t.value*1000 + more
		return true
	}
	if separator == '.' {
		t.value += thousandths(more/milli, count)
		return true
	}
	return false
}

// thousandths returns the value of a number of decimals, in thousandths.
func thousandths(decimals uint64, count int) uint64 {
	for ; count > 3; count-- {
		decimals /= 10
	}
	for ; count < 3; count++ {
		decimals *= 10
	}
	return decimals
}

// A spelled number, in thousandths. Adds says that it is a unit, which a ten before it takes;
// times that it multiplies a number before it.
type spelled struct {
	word  string
	value uint64
	adds  bool
	times bool
}

// join adds a number word to the number before, and reports whether it belongs to it.
func (n *spelled) join(t *token) bool {
	if !t.number || t.value >= 1e14 || t.value == 0 {
		return false
	}
	switch {
	case n.times:
		t.value = t.value / milli * n.value
	case n.adds && t.value >= 20*milli && t.value < 100*milli && t.value%(10*milli) == 0:
		t.value += n.value
	case n.value < 100*milli && t.value >= 100*milli && t.value%(100*milli) == 0:
		t.value += n.value
	default:
		return false
	}
	return true
}

// numberWords returns the words of numbers.
func numberWords() (list []spelled) {
	for i, w := range strings.Fields("two three four five six seven eight nine") {
		list = append(list, spelled{word: w, value: uint64(i+2) * milli, adds: true})
	}
	for i, w := range strings.Fields("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen") {
		list = append(list, spelled{word: w, value: uint64(i+10) * milli})
	}
	for i, w := range strings.Fields("twenty thirty forty fifty sixty seventy eighty ninety") {
		list = append(list, spelled{word: w, value: uint64(i+2) * 10 * milli})
	}
	return append(list, []spelled{
		{word: "hundred", value: 100 * milli, times: true}, {word: "thousand", value: 1000 * milli, times: true},
		{word: "million", value: 1e6 * milli, times: true}, {word: "dozen", value: 12 * milli, times: true},
		{word: "half", value: milli / 2}, {word: "quarter", value: milli / 4},
		{word: "twice", value: 2 * milli}, {word: "double", value: 2 * milli}, {word: "doubled", value: 2 * milli},
		{word: "doubles", value: 2 * milli}, {word: "thrice", value: 3 * milli}, {word: "triple", value: 3 * milli},
		{word: "tripled", value: 3 * milli}, {word: "triples", value: 3 * milli}, {word: "halves", value: milli / 2},
		{word: "pair", value: 2 * milli},
	}...)
}

// english has words that carry nothing, each line after "stop", and stems after the share of texts
// that have them.
//
//go:embed english.txt
var english string

// A vocabulary is what is known of English before any text is read.
type vocabulary struct {
	words map[string]word  // stop words and number words
	stems map[string]uint8 // known information of common stems
}

func newVocabulary() *vocabulary {
	v := &vocabulary{words: map[string]word{}, stems: map[string]uint8{}}
	for line := range strings.Lines(english) {
		list := strings.Fields(line)
		share, err := strconv.ParseFloat(list[0], 64)
		for _, w := range list[1:] {
			if err != nil {
				v.words[w] = word{class: stopWord}
			} else if _, ok := v.stems[w]; !ok {
				v.stems[w] = uint8(units(share))
			}
		}
	}
	for i, n := range numberWords() {
		v.words[n.word] = word{class: numberWord, term: int32(i)}
	}
	return v
}

// pairWeight is the known information of a pair of characters.
const pairWeight = 7 * unit

// shares are the shares of texts that hold a term, by its length from 1 on.
var shares = [...]float64{0.1, 0.06, 0.03, 0.015, 0.008, 0.004, 0.003}

// known returns the known information of a stem, units.
func (v *vocabulary) known(stem string) uint8 {
	if w, ok := v.stems[stem]; ok {
		return w
	}
	return uint8(units(shares[min(utf8.RuneCountInString(stem), len(shares))-1]))
}
