package ngram

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// plainWords is the recipe "words" in its plainest form: normalise the whole
// text, then cut it rune by rune.
func plainWords(text string) []string {
	var words []string
	var w []rune
	alone := false // w is a word of a script without spaces
	end := func() {
		if w != nil {
			words = append(words, string(w))
		}
		w, alone = nil, false
	}
	for _, r := range norm.NFKC.String(text) {
		switch k, f := classify(r); k {
		case separator:
			end()
		case single:
			end()
			w, alone = []rune{f}, true
		case letter:
			if alone {
				end()
			}
			w = append(w, f)
		case mark:
			w = append(w, f)
		}
	}
	end()
	return words
}

// rounds is n, or a tenth of it in a short run, rounded up.
func rounds(n int) int {
	if testing.Short() {
		return (n + 9) / 10
	}
	return n
}

func scanner(t testing.TB, n int) *Scanner {
	t.Helper()
	s, err := Words(n).NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func scanWords(s *Scanner, text string) (words []string, spans []Span) {
	for w, span := range s.Words([]byte(text)) {
		words = append(words, string(w))
		spans = append(spans, span)
	}
	return words, spans
}

// check holds a scanner against the plain form: the words, their spans, and the
// hash of every gram.
func check(t *testing.T, s *Scanner, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	want := plainWords(text)
	got, spans := scanWords(s, text)
	if !slices.Equal(got, want) {
		t.Fatalf("%.300q:\n got %.300q\nwant %.300q", text, got, want)
	}
	last := Span{}
	for i, span := range spans {
		if span.Start > span.End || int(span.End) > len(text) || span.Start < last.Start {
			t.Fatalf("%.300q: word %d %q: span %v after %v", text, i, got[i], span, last)
		}
		if in := plainWords(text[span.Start:span.End]); !strings.Contains(strings.Join(in, " "), got[i]) {
			t.Fatalf("%.300q: word %d %q: its span holds %q", text, i, got[i], in)
		}
		last = span
	}
	hashes := make([]uint64, len(want))
	for i, w := range want {
		hashes[i] = HashWord([]byte(w))
	}
	at := 0
	s.Reset([]byte(text))
	for s.Next() {
		for i, g := range s.Grams() {
			if s.Base()+i != at {
				t.Fatalf("gram %d of the text comes as %d", at, s.Base()+i)
			}
			if g != HashGram(hashes[at:at+s.N()]) {
				t.Fatalf("%.300q: gram %d has another hash", text, at)
			}
			for j := range s.N() {
				if !s.WordEquals(i+j, []byte(want[at+j])) || s.WordEquals(i+j, []byte(want[at+j]+"x")) || string(s.AppendWord(nil, i+j)) != want[at+j] {
					t.Fatalf("%.300q: word %d is not %q", text, at+j, want[at+j])
				}
			}
			at++
		}
	}
	short := 1 + s.N()/2
	var grams []uint64
	for s.Reset([]byte(text)); s.Next(); {
		grams = s.AppendGrams(grams, short)
	}
	for i, g := range grams {
		if g != HashGram(hashes[i:i+short]) {
			t.Fatalf("%.300q: %d-gram %d has another hash", text, short, i)
		}
	}
	if len(grams) != max(0, len(want)-short+1) {
		t.Fatalf("%.300q: %d %d-grams of %d words", text, len(grams), short, len(want))
	}
	if at != max(0, len(want)-s.N()+1) {
		t.Fatalf("%q: %d grams of %d words", text, at, len(want))
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"Hello, World!", "hello world"},
		{"I'm 12.5% sure_of it", "i m 12 5 sure of it"}, // GPT-3 writes "i m"
		{"caf\u00e9 CAFE\u0301", "caf\u00e9 caf\u00e9"},
		{"ＦＵＬＬ　ｗｉｄｔｈ １２", "full width 12"},
		{"ﬁne ½ x²", "fine 1 2 x2"},
		{"soft\u00adhyphen zero\u200bwidth jo\u200din", "softhyphen zero width join"},
		{"Σίσυφος ΣΊΣΥΦΟΣ", "σίσυφοσ σίσυφοσ"},
		{"Straße ПРИВЕТ мир", "straße привет мир"},
		{"日本語です。コーヒー2杯", "日 本 語 で す コ ー ヒ ー 2 杯"},
		{"か\u3099 が ｶﾞ ガ", "が が ガ ガ"},
		{"ที่นี่", "ท\u0e35\u0e48 น\u0e35\u0e48"},
		{"中文abc中文", "中 文 abc 中 文"},
		{"वह किताब", "वह किताब"},
		{"가나 \u1100\u1161", "가나 가"},
		{"a=\u0338b", "a b"},
		{"\u0301a", "\u0301a"},
		{"K ſ İ", "k s i"},
		{"a\u0327\u0301 a\u0301\u0327", "á\u0327 á\u0327"},
		{"𝐁𝐨𝐥𝐝 𠀀𠀁 😀ok", "bold 𠀀 𠀁 ok"},
	} {
		if got := strings.Join(plainWords(c.text), " "); got != norm.NFC.String(c.want) && got != c.want {
			t.Errorf("plain %q: %q, want %q", c.text, got, c.want)
		}
		for _, around := range []string{"", "x ", strings.Repeat("ab cd ", 40)} {
			check(t, scanner(t, 1), around+c.text)
			check(t, scanner(t, 3), c.text+" "+around)
			check(t, scanner(t, 2), around+c.text+around)
			check(t, scanner(t, 2), around+c.text+c.text+around+c.text)
		}
	}
}

// pieces are what random texts are made of: every way in which a rune can take
// part in a word, and lengths around the 8 and 64 bytes of the fast path.
var pieces = []string{"a", "B", "7", " ", ".", "\n", "é", "e\u0301", "\u0301", "\u0327", "=", "\u0338", "中", "。", "が", "か", "\u3099",
	"ท", "\u0e31", "\u0e38", "\u0e48", "Ж", "ﬁ", "½", "Ａ", "　", "…", "\u00ad", "\u200b", "\u200d", "\u1100", "\u1161", "\u11a8", "가", "Σ", "ς",
	"😀", "𝐁", "𠀀", "\U0001d165", "\u0344", "\u034f", "\ufe0f", "\ufffd", "\u0f71\u0f72", "eightchr", "ninechars", "sixteen8sixteen8", "seventeen7seventn",
	strings.Repeat("long", 20), "word and word and ", "ﷺ", "¨", "İ", "\x00", "\ufdfa"}

func TestRandomTextsEqualPlainForm(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	scanners := []*Scanner{scanner(t, 1), scanner(t, 2), scanner(t, 8), scanner(t, 13)}
	for range rounds(20000) {
		var b strings.Builder
		few := pieces
		if rng.IntN(2) == 0 {
			i := rng.IntN(len(pieces) - 3)
			few = append(slices.Clone(pieces[i:i+3]), "a", " ")
		}
		for range rng.IntN(60) {
			b.WriteString(few[rng.IntN(len(few))])
		}
		check(t, scanners[rng.IntN(len(scanners))], b.String())
	}
}

// TestTableWhileItFills: a text has the same words whichever of its runes the table has already.
func TestTableWhileItFills(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	s := scanner(t, 2)
	scripts := [][2]rune{{'à', 'ſ'}, {'Α', 'ώ'}, {'Ѐ', 'ҁ'}, {'Ґ', 'ӿ'}, {'ا', 'ي'}, {'ก', 'ู'}, {'ぁ', 'ヺ'}, {'一', '丿'}, {'Ḁ', 'ỹ'}, {'!', 'z'}}
	for range rounds(5000) {
		var b strings.Builder
		few := scripts[rng.IntN(len(scripts))]
		for range 1 + rng.IntN(12) {
			if rng.IntN(8) == 0 {
				few = scripts[rng.IntN(len(scripts))]
			}
			r := few[0] + rng.Int32N(few[1]-few[0]+1)
			b.WriteRune(r)
			if rng.IntN(6) == 0 {
				b.WriteByte(' ')
			}
		}
		text := b.String() + " end"
		for _, r := range text {
			if r >= utf8.RuneSelf && rng.IntN(2) == 0 {
				runeTable[r].Store(0)
			}
		}
		if got, _ := scanWords(s, text); !slices.Equal(got, plainWords(text)) {
			t.Fatalf("%q: %q, want %q", text, got, plainWords(text))
		}
	}
}

func TestShortAlphabetExhaustively(t *testing.T) {
	alphabet := []string{"a", " ", "e", "\u0301", "\u0327", "か", "\u3099", "½"}
	s := scanner(t, 2)
	var rec func(string, int)
	rec = func(text string, left int) {
		check(t, s, text)
		if left > 0 {
			for _, p := range alphabet {
				rec(text+p, left-1)
			}
		}
	}
	rec("", 3+rounds(2))
}

func TestLongTextsInBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, few := range [][]string{{"ab", " "}, {"中", "文", "。"}, {"Ж", "。"}, {"ｶﾞ", "　"}, {"a", "\u0301", " "}, {"ﬁ", "½"}, pieces} {
		var b strings.Builder
		for range rounds(30000) {
			b.WriteString(few[rng.IntN(len(few))])
		}
		check(t, scanner(t, 13), b.String())
		check(t, scanner(t, MaxN), b.String())
	}
	check(t, scanner(t, 2), strings.Repeat("x", 1<<20)+" y "+strings.Repeat("ab12", 100)+"é z")
}

// Each of these texts would take hours if any part of it were read again for
// every rune.
func TestHostileTextsAreReadInLinearTime(t *testing.T) {
	n := rounds(1 << 20)
	s := scanner(t, 8)
	for _, text := range []string{
		strings.Repeat("a", n), strings.Repeat("a\u0301", n), strings.Repeat("\u0301", n), "=" + strings.Repeat("\u0338", n),
		strings.Repeat("\u11a8", n), "ก" + strings.Repeat("\u0e31\u0301", n), strings.Repeat("か\u3099", n), strings.Repeat("\u0327\u0301", n),
		strings.Repeat("ﷺ", n/8), strings.Repeat("½", n), "x" + strings.Repeat("\u00ad\u0301", n),
	} {
		count := 0
		for range s.Words([]byte(text)) {
			count++
		}
		if count == 0 && !strings.HasPrefix(text, "=") {
			t.Errorf("no words in %.10q", text)
		}
	}
}

func FuzzScanner(f *testing.F) {
	for _, p := range pieces {
		f.Add(p+strings.Repeat("x y", 30)+p, uint8(3))
	}
	f.Fuzz(func(t *testing.T, text string, n uint8) {
		check(t, scanner(t, int(n%MaxN)+1), text)
	})
}

// FuzzASCIIEqualsUnicode holds the fast path against the rune path: a text of
// ASCII words gives the same words when letters come in other case or full width,
// and when a word of another script follows each of its lines.
func FuzzASCIIEqualsUnicode(f *testing.F) {
	f.Add("The quick brown fox, 12 times: jumped_over internationalisation-of it all")
	f.Fuzz(func(t *testing.T, text string) {
		var ascii, wide strings.Builder
		for _, c := range []byte(text) {
			c &= 0x7f
			ascii.WriteByte(c)
			if '!' <= c && c <= '~' {
				wide.WriteRune(rune(c) - '!' + '！')
			} else {
				wide.WriteByte(c)
			}
		}
		s := scanner(t, 1)
		want, _ := scanWords(s, ascii.String())
		for _, same := range []string{wide.String(), strings.ToUpper(ascii.String()), strings.ToLower(ascii.String())} {
			if got, _ := scanWords(s, same); !slices.Equal(got, want) {
				t.Fatalf("%q: %q, want %q", same, got, want)
			}
		}
		if got := plainWords(ascii.String()); !slices.Equal(got, want) {
			t.Fatalf("%q: %q, want %q", ascii.String(), want, got)
		}
	})
}

func TestRecipe(t *testing.T) {
	for _, r := range []Recipe{{}, Words(0), Words(MaxN + 1), {Version: 2, Norm: "words", Unit: "word", N: 8, Hash: "poly64"}} {
		if _, err := r.NewScanner(); err == nil {
			t.Errorf("%+v gives a scanner", r)
		}
	}
	if again := Words(8); Words(8) != again || Words(8) == Words(9) {
		t.Error("recipes do not compare")
	}
}

// TestHashesForever pins the hash: stored files depend on it.
func TestHashesForever(t *testing.T) {
	for word, want := range map[string]uint64{"a": 0x8952ed585372fb36, "eightchr": 0xf7a000aaabb2925e, "ninechars": 0xb2747d8ce95450ea, "日": 0x5ab0a37c0e9b60e6} {
		if got := HashWord([]byte(word)); got != want {
			t.Errorf("%q: %#x", word, got)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	text := []byte(strings.Repeat("Plain words, é 日本語 ﬁ and e\u0301 so on. ", 2000))
	s := scanner(t, 8)
	run := func() {
		s.Reset(text)
		for s.Next() {
			s.Grams()
		}
	}
	run()
	if n := testing.AllocsPerRun(3, run); n != 0 {
		t.Errorf("%v allocations a text", n)
	}
}

// On one core of a 2-core AMD EPYC virtual machine, Go 1.26:
// see the figures in README.md, "Speed".
func BenchmarkScanner(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 6))
	letters := "etaoinshrdlucmfwypvbgk"
	english := func() string {
		var sb strings.Builder
		for sb.Len() < 4<<20 {
			for range 1 + rng.IntN(5) + rng.IntN(5) {
				sb.WriteByte(letters[rng.IntN(len(letters))])
			}
			sb.WriteString([]string{" ", " ", " ", " ", " ", " ", ", ", ". ", "\n"}[rng.IntN(9)])
		}
		return sb.String()
	}()
	words := strings.Fields(english)
	for _, c := range []struct{ script, text string }{
		{"ascii", english},
		{"latin", strings.ReplaceAll(english, "ou", "é")},
		{"quotes", strings.ReplaceAll(english, ", ", "’")},
		{"cyrillic", strings.Map(func(r rune) rune {
			if r >= 'a' {
				return r - 'a' + 'а'
			}
			return r
		}, english)},
		{"han", strings.Map(func(r rune) rune { return 0x4e00 + rune(rng.IntN(3000)) }, strings.Join(words[:400000], ""))},
		{"decomposed", strings.ReplaceAll(english, "ou", "e\u0301")},
	} {
		b.Run(fmt.Sprintf("script=%s", c.script), func(b *testing.B) {
			s := scanner(b, 13)
			text := []byte(c.text)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				s.Reset(text)
				for s.Next() {
				}
			}
		})
	}
	b.Run("grams", func(b *testing.B) {
		s := scanner(b, 13)
		text := []byte(english)
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			s.Reset(text)
			for s.Next() {
				s.Grams()
			}
		}
	})
}

// allWords returns what a scanner reads in a text, whatever its blocks: hashes, bytes, normal
// forms and shapes of all words.
func allWords(s *Scanner, text []byte) (hashes []uint64, spans []Span, forms []byte, shapes []Shape) {
	var word []byte
	for s.Reset(text); s.Next(); {
		first := 0
		if s.Base() > 0 {
			first = s.N() - 1
		}
		hashes = append(hashes, s.Hashes()[first:]...)
		spans = s.AppendSpans(spans, first)
		fast := s.AppendShapes(nil)[first:]
		for i := first; i < s.Len(); i++ {
			word = s.AppendWord(word[:0], i)
			shapes = append(shapes, ShapeOf(word))
			forms = append(append(forms, word...), 0)
		}
		if !slices.Equal(fast, shapes[len(shapes)-len(fast):]) {
			panic("AppendShapes differs from ShapeOf")
		}
	}
	return hashes, spans, forms, shapes
}

// FuzzFastPaths holds what is in assembly and what reads runes by a table against the plain
// paths, on texts of any length that begin at any byte of their memory.
func FuzzFastPaths(f *testing.F) {
	for _, p := range pieces {
		f.Add("some words, and 12 more_"+p, uint16(40), uint8(3))
		f.Add(p+"слово "+p+"中"+p+"文, "+p, uint16(300), uint8(1))
	}
	f.Add("\xd0\xb0 \xd0\xb1\xd0\xb0 příručka", uint16(1), uint8(0))
	f.Add("0 \u0f5b\u0fb7\u0f72", uint16(0), uint8(3))
	f.Add("a ", uint16(9000), uint8(1))
	f.Add(strings.Repeat("x", 70)+"-", uint16(200), uint8(0))
	f.Add(strings.Repeat("[`{@/:", 20)+"\x00azAZ09\x7f", uint16(3), uint8(5))
	f.Add("\xe4\xb8 \xed\xa0\x80\xc1\x81\xe0\x80\x80中\xf0\x9f", uint16(3), uint8(5))
	f.Fuzz(func(t *testing.T, text string, times uint16, offset uint8) {
		times = times%10_000 + 1
		if len(text) > 1<<20/int(times) {
			t.Skip()
		}
		memory := append(make([]byte, offset%64), strings.Repeat(text, int(times))...)
		plain := scanner(t, 3)
		if plain.fast != listsFast {
			t.Fatal("the scanner does not use what the machine has")
		}
		plain.fast, plain.table = false, false
		hashes, spans, forms, shapes := allWords(plain, memory[offset%64:])
		for _, paths := range [][2]bool{{listsFast, true}, {false, true}, {listsFast, false}} {
			s := scanner(t, 3)
			s.fast, s.table = paths[0], paths[1]
			for _, r := range string(memory) { // as when they are read for the first time
				if r < 1<<16 {
					runeTable[r].Store(0)
				}
			}
			h, sp, fo, sh := allWords(s, memory[offset%64:])
			if !slices.Equal(h, hashes) || !slices.Equal(sp, spans) || string(fo) != string(forms) || !slices.Equal(sh, shapes) {
				t.Fatalf("%.80q, %d times: other words, of %d and %d, with %v", text, times, len(h), len(hashes), paths)
			}
		}
	})
}
