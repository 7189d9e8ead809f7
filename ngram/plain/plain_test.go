package plain

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestClean(t *testing.T) {
	var c Cleaner
	for _, test := range []struct{ text, want string }{
		{"plain words, and no more", "plain words, and no more"},
		{"a <b>bold</b> word", "a  bold  word"},
		{`a <a href="x.html">link</a>`, "a  link "},
		{"end<br/>of<br />line", "end of line"},
		{"a <!-- hidden words --> b", "a   b"},
		{"a <b and c> d", "a <b and c> d"},
		{"if a<b && c>d", "if a<b && c>d"},
		{"mail <x@example.org> me", "mail <x@example.org> me"},
		{"3 < 4 > 2", "3 < 4 > 2"},
		{"Tom &amp; Ann&#39;s &lt;tag&gt; &nbsp;x", "Tom & Ann's <tag> \u00a0x"},
		{"AT&T; R&D and &unknown; &", "AT&T; R&D and &unknown; &"},
		{"see [the page](https://example.org/a_b) now", "see [the page]  now"},
		{"f[x](y)", "f[x](y)"},
		{`one\ntwo\tthree \"four\" caf\u00e9 \ud83d\ude00`, "one two three \"four\" café 😀"},
		{`a\\nb`, `a\nb`},
		{`C:\dir \d+ \w`, `C:\dir \d+ \w`},
		{`\frac{1}{2} \times \alpha \sin x`, " {1}{2}   α  sin  x"},
		{`\begin{align} x \end{align}`, "  x  "},
		{"exam-\nple and exam-\r\n  > ple", "example and example"},
		{"a list -\nnext, 3-\n4, Anglo-\nSaxon", "a list -\nnext, 3-\n4, Anglo-\nSaxon"},
		{"", ""},
		{"\\", "\\"},
		{"<", "<"},
		{"\xff<b>\xfe", "\xff \xfe"},
	} {
		if got := string(c.Clean([]byte(test.text))); got != test.want {
			t.Errorf("%q gives %q, want %q", test.text, got, test.want)
		}
	}
	text := []byte("no markup & none < at all")
	if got := c.Clean(text); &got[0] != &text[0] {
		t.Error("a text without markup is copied")
	}
}

// TestOriginal: the words of a marked-up text are there again, each at its place.
func TestOriginal(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var c Cleaner
	marks := []string{" ", "<b>", "</i> ", `<td class="x">`, "&nbsp;", `\n`, "<!-- no -->", " &amp; ", `\times `, "\n> "}
	for range 500 {
		var text strings.Builder
		places := map[string]int{}
		for i := range 1 + r.IntN(30) {
			text.WriteString(marks[r.IntN(len(marks))])
			word := fmt.Sprintf("7word%dx", i)
			places[word] = text.Len()
			text.WriteString(word)
		}
		clean := c.Clean([]byte(text.String()))
		for word, at := range places {
			k := bytes.Index(clean, []byte(word))
			if k < 0 {
				t.Fatalf("%q: %s is not in %q", text.String(), word, clean)
			}
			for i := range word {
				if got := c.Original(k + i); got != at+i {
					t.Fatalf("%q: byte %d of %s is at %d, want %d", text.String(), i, word, got, at+i)
				}
			}
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"a <b>c</b> &amp; \\n [x](/y) z-\nw", `\frac{1}{2}\u00e9\ud83d\ude00`, "<<<<", "&&&&;;", "](](/)", "\\begin{", "-\n-\r\n>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var c Cleaner
		clean := c.Clean(bytes.Clone(text))
		if len(clean) > 3*len(text)+16 {
			t.Fatalf("%d bytes of %d", len(clean), len(text))
		}
		last := 0
		for i := range clean {
			at := c.Original(i)
			if at < 0 || at >= len(text)+3 {
				t.Fatalf("byte %d is at %d of %d", i, at, len(text))
			}
			last = max(last, at)
		}
	})
}

// TestHostile: a text of nothing but beginnings of markup takes time linear in its length.
func TestHostile(t *testing.T) {
	var c Cleaner
	for _, s := range []string{"<", "<a ", "&", "&a", "](", "](/", "\\", "\\u", "-\n", "<!--", "<a b=", "&#"} {
		text := []byte(strings.Repeat(s, 1<<20/len(s)))
		if got := c.Clean(text); len(got) > 2*len(text) {
			t.Errorf("%q grows to %d", s, len(got))
		}
	}
}
