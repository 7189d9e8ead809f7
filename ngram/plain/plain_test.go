package plain

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestMarkup(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		// tags
		{"a<b>c</b>d", "a c d"},
		{"<td>1</td><br/><br />2</p >", " 1   2 "},
		{`see <a href="https://x.org/?q=1">here</a>`, "see  here "},
		{"<h1 class=x>T</h1>", " T "},
		{"a<!-- no text -->b<!---->c", "a b c"},
		{"<ns:tag-name>x", " x"},
		// entities
		{"R&amp;D", "R&D"},
		{"caf&eacute; &#39;s&#x27; &nbsp;x", "café 's' \u00a0x"},
		{"a&semi;b&#59;c", "a;b;c"},
		{"1 &lt; 2 &gt; 0", "1 < 2 > 0"},
		// link targets
		{"[the words](https://x.org/a_b) go on", "[the words]  go on"},
		{"[up](#top), ![a](img/b.png)", "[up] , ![a] "},
		{"[w](/wiki/X)", "[w] "},
		// escapes
		{`one\ntwo\tthree\rfour`, "one two three four"},
		{`\"quoted\" \'so\' a\/b c\\d`, `"quoted" 'so' a/b c\d`},
		{`caf\u00e9 \ud83d\ude00 \u00C9`, "café 😀 É"},
		{`\ud83d\u0041`, `\ud83dA`}, // half of a pair is left as it is
		// LaTeX
		{`\frac{1}{2}`, " {1}{2}"},
		{`\alpha+\Omega\varphi`, "α+ωφ"},
		{`\varsigma \sigma \tau \omicron`, "σ σ τ ο"},
		{`\begin{array}{c}x\end{array}`, " {c}x "},
		{`a \bmod n, \sin x, 3\cdot4`, "a  mod  n,  sin  x, 3 4"},
		{`\label{eq:1}y \ref x`, " y   x"},
		// hyphenation
		{"exam-\nple", "example"},
		{"exam-\r\n   ple", "example"},
		{"> exam-\n> ple", "> example"},
		{"Übersee-\n\tküste", "Überseeküste"},
		{`a\beta-` + "\nb", "aβb"},
		// terminals
		{"\x1b[1mbo\x1b[0mld\x1b[38;5;12m\x1b[K", "bold"},
		// UTF-8 read as Latin-1 or cp1252, once and twice, and escaped
		{"cafÃ© Ã\u00a0 donâ€™t Ã¼ Â« â‚¬ ðŸ˜€", "café à don’t ü « € 😀"},
		{"donâ\u0080\u0099t Ð\u00bfÑ\u0080", "don’t пр"},
		{"cafÃƒÂ©", "café"},
		{`caf\u00c3\u00a9 caf&Atilde;&copy;`, "café café"},
		{"donÃ¢Â\u0080Â\u0099t donÃ¢â‚¬â„¢t", "don’t don’t"},
		// captions
		{"WEBVTT\n\n00:01.000 --> 00:04.120 align:start position:0%\nOne <c.red>jar</c>\n\n01:00:04.120 --> 01:00:06.000\n<v Ingrid>of jam",
			"WEBVTT\n\n\n\nOne  jar \n\n\n\n of jam"},
		{"one<00:00:01.280><c> jar</c><00:00:01.520><c> of</c>", "one   jar    of "},
		{"1\n00:00:01,000 --> 00:00:04,000\nOne jar\n\n2\r\n00:00:04,000 --> 00:00:06,500 X1:40\r\nof jam", "\n\nOne jar\n\n\n\nof jam"},
		{"in 1850\n00:00:04,000 --> 00:00:06,500", "in 1850\n\n"},
		// mail
		{"Which old glacier feeds the northern =E2=80=93 or the caf=C3=A9 beside =\nthe river?=20\nIt is 2=3D2 and one quite long wo=\r\nrd",
			"Which old glacier feeds the northern – or the café beside the river? \nIt is 2=2 and one quite long word"},
		// vowel marks
		{"كَتَبَ هٰذا كـــتاب", "كتب هذا كتاب"},
		{"שָׁלוֹם", "שלום"},
		// percent escapes, once and twice, and of forms
		{"She%20doesn%27t%20caf%C3%A9 x", "She doesn't café x"},
		{"a%2520b%2520c", "a b c"},
		{`"q=one+jar%2C+in+caf%C3%A9"`, `"q=one jar, in café"`},
		{"a%20b+c%20d%E9", "a b+c d%E9"},
		// lookalikes
		{"Тhe сat, а bеe", "The cat, a bee"},
		{"Ηοw mаny", "How many"},
		// a path may look like an escape: it is read as one
		{`C:\new`, "C: ew"},
		{`&amp;lt;`, "&lt;"}, // undone once
	} {
		var cl Cleaner
		if got := string(cl.Clean([]byte(c.text))); got != c.want {
			t.Errorf("%q gives %q, want %q", c.text, got, c.want)
		}
	}
}

// TestCoding: it is said in which ways a stretch of words was encoded, and of no other one.
func TestCoding(t *testing.T) {
	for text, want := range map[string]string{
		"a plain amber harbour":                         "",
		"a%20plain%20amber%20harbour":                   "percent escapes",
		"a%2520plain%2520amber%2520harbour":             "percent escapes twice",
		"a plain caf\u00c3\u00a9 harbour":               "misread UTF-8",
		"a plain caf\u00c3\u0192\u00c2\u00a9 harbour":   "UTF-8 misread twice",
		"a plain \u0430mber h\u0430rbour":               "look-alike letters",
		"a caf=C3=A9 in a line of mail that =\nharbour": "quoted-printable",
		"<b>a</b> plain &amp; amber harbour":            "",
	} {
		var c Cleaner
		in := "before all that, words " + text
		cleaned := c.Clean([]byte(in))
		if got := strings.Join(c.Coding(0, len(cleaned)).Names(), ", "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if got := c.Coding(0, 6); got != 0 {
			t.Errorf("%q: its first word: %v", text, got.Names())
		}
	}
}

// TestNoMarkup: what only looks like markup stays, and a text without any is returned
// as it is.
func TestNoMarkup(t *testing.T) {
	long := strings.Repeat("x", 600)
	for _, text := range []string{
		"", "plain words, no more.", "Ünïcode 中文",
		// no percent escapes
		"100%25 of", "%d%d%02x%s", "5% 10% 20%", "a%20b c%20d", "%", "%2", "%2%20", "%00%01%02", "LIKE '%ab' '%cd'", "%E9t%E9",
		// no lookalikes
		"кот и собака", "а", "API с сервером", "angle α is β", "μm", "αβ", "Ελλάδα", "мир x", "Россия и Wi-Fi в доме", "100 а 1",
		// no misreading
		"Ã", "Ã a", "NÃO", "são, é «", "Â", "âé", "Ã\xa9", "\xc3", "ÃÃ©t"[:4], "Größe übel", "Ða", "Ð€"[:2], "ð…",
		// no vowel marks
		"\xd9", "\xd6\xd9", "كتاب", "أحمد", "בית־ספר", "\u0627\u0654", "Հայ", "\x1b", "\x1b[", "\x1b[1\n2m", "\x1b[" + strings.Repeat("1", maxTerminal) + "m",
		// no tags
		"a <b and c> d", "if a<b && c>d", "<john@x.com>", "<https://x.org/a>", "1 < 2 > 0", "a<b", "<", "</", "<>", "< b>", "<1>",
		"x <b <i", "<b disabled>", "<b =c>", "<b\x00>", "x <= y >= z", "<!-- open", "<!-", "<b " + "c=" + long + ">", "<!--" + strings.Repeat("y", maxComment) + "-->",
		// no entities
		"AT&T; x", "a & b; c", "&amp no", "?a=1&copy=2;", "&;", "&#;", "&", "&nosuchthing;", "&am p;", "p = &timestamp; q = &region;",
		"go(&x, &y);", "if (a&&notready;)", "&" + strings.Repeat("a", maxEntity) + ";", "&#12ab;",
		// no targets
		"f[i](x)", "a[k](y + 1)", "[x]()", "](", "x](/a", "[a](b\n/c)", "[a](b<c/d)", "[w](/" + long + ")", "m[1](-)",
		// no captions
		"a --> b", "12:30 --> 13:00", "00:01.000 -> 00:02.000", "00:01.000 --> then", "a <v b, c> d", "<c++>", "<c.>"[:3], "<00:01>", "-->",
		// no mail
		"x =\ny", "if a ==\n b", "one line of a program that is about as long as a line of mail is, a=b, c=\nd",
		// no escapes
		`\d+\.\w*\s`, `[\[\]]\{2\}`, `\`, `a\`, `C:\dir\Windows`, `\u12`, `\uzzzz`, `\ud83d`, `\ude00`, `\ud83d\ude`, `\x41`, `\0`, `\alphabet`,
		`\%\$\_`,
		// no hyphenation
		"1-\n2", "list:\n-\n-\nb", "a -\nb", "word-\nB", "word-\n2", "word-\n\nb", "word-\n", "-\nb", "word- b", "well-known",
	} {
		in := []byte(text)
		var c Cleaner
		got := c.Clean(in)
		if string(got) != text {
			t.Errorf("%q gives %q", text, got)
		} else if len(in) > 0 && &got[0] != &in[0] {
			t.Errorf("%q is copied", text)
		}
		for i := range in {
			if from, to := c.Original(i, i+1); from != i || to != i+1 {
				t.Fatalf("%q: byte %d is from %d to %d", text, i, from, to)
			}
		}
	}
}

// TestLongest: markup is recognised up to the size that the constants say.
func TestLongest(t *testing.T) {
	for _, c := range []struct {
		before, after string
		most          int
	}{
		{"<b c=", ">", maxTag}, {"<!--", "-->", maxComment}, {"](/", ")", maxTarget},
	} {
		for _, size := range []int{c.most - 1, c.most, c.most + 1} {
			text := c.before + strings.Repeat("x", size-len(c.before)-len(c.after)) + c.after
			var cl Cleaner
			if got := string(cl.Clean([]byte(text))); (got != text) != (size <= c.most) {
				t.Errorf("%d bytes of %s give %d bytes", size, c.before, len(got))
			}
		}
	}
}

var wordPattern = regexp.MustCompile(`[\p{L}\p{M}\p{N}]+`)

// TestOriginal: of a text put together from words and markup, the words are there
// again, and each comes from where it was put.
func TestOriginal(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	// A word as it may be written, and as it reads.
	written := [][2]string{
		{"river", "river"}, {"Ofen", "Ofen"}, {"7", "7"}, {"été", "été"}, {"caf&eacute;", "café"}, {"&eacute;t&#233;", "été"},
		{`na\u00efve`, "naïve"}, {`\u00e9cole`, "école"}, {`\alpha`, "α"}, {`\Sigma`, "σ"}, {"exam-\nple", "example"}, {"hy-\r\n  phen", "hyphen"}, {"中", "中"},
		{`\sin`, "sin"}, {`\bmod`, "mod"}, {"a&amp;-\nb", "a b"}, // two words: no letter before the hyphen
	}
	between := []string{" ", ", ", "\n", "<b>", "</i> ", `<a href="x">`, "<!-- c -->", "&nbsp;", "&lt;", "](/x) ", `\"`, ` \frac `, `\,`, " < ", " & ", "; ", "&nvlt; ", ") "}
	marked := 0
	var c Cleaner
	for range 1500 {
		var text strings.Builder
		var want []string
		var at [][2]int
		for range rng.IntN(20) {
			text.WriteString(between[rng.IntN(len(between))])
			w := written[rng.IntN(len(written))]
			if before := text.String(); before[len(before)-1] == '\\' {
				text.WriteByte(' ')
			}
			start := text.Len()
			text.WriteString(w[0])
			if strings.Contains(w[1], " ") {
				want = append(want, "a", "b")
				at = append(at, [2]int{start, start + 1}, [2]int{start + len(w[0]) - 1, start + len(w[0])})
			} else {
				want = append(want, w[1])
				at = append(at, [2]int{start, start + len(w[0])})
			}
			if w[0] != w[1] {
				marked++
			}
			if strings.HasPrefix(w[0], `\`) && w[0][1] != 'u' { // a letter behind it would be of its name
				text.WriteByte(' ')
			}
		}
		in := text.String()
		cleaned := string(c.Clean([]byte(in)))
		var got []string
		var from [][2]int
		for _, span := range wordPattern.FindAllStringIndex(cleaned, -1) {
			w := cleaned[span[0]:span[1]]
			if r, _ := utf8.DecodeRuneInString(w); unicode.IsMark(r) { // of &nvlt;
				continue
			}
			start, end := c.Original(span[0], span[1])
			got, from = append(got, w), append(from, [2]int{start, end})
		}
		if !slices.Equal(got, want) || !slices.Equal(from, at) {
			t.Fatalf("%q\ncleaned %q\nwords %q at %v\nwant  %q at %v", in, cleaned, got, from, want, at)
		}
		sound(t, &c, in, cleaned)
	}
	if marked < 5000 {
		t.Errorf("only %d words are written with markup", marked)
	}
}

// sound holds what must be true of any text against what its cleaner says.
func sound(t *testing.T, c *Cleaner, text, cleaned string) {
	t.Helper()
	if 3*len(cleaned) > 4*len(text)+6 { // " ln " for "\ln"
		t.Fatalf("%q grows to %q", text, cleaned)
	}
	last, behind := 0, 0
	for i := range len(cleaned) {
		from, to := c.Original(i, i+1)
		if from < last || to < behind || from >= to || to > len(text) {
			t.Fatalf("%q: byte %d of %q is from %d to %d", text, i, cleaned, from, to)
		}
		blank := text[from] == '+' && cleaned[i] == ' ' // as forms encode it
		if to-from == 1 && text[from] != cleaned[i] && !blank {
			t.Fatalf("%q: byte %d of %q is from %d", text, i, cleaned, from)
		}
		last, behind = from, to
	}
	if from, to := c.Original(len(cleaned), len(cleaned)); from != to || from != len(text) {
		t.Fatalf("%q: the end is %d, %d of %d", text, from, to, len(text))
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{
		"a <b and c> d <b>x</b> <!-- -->", "&amp; &nvlt;&#x110000; &copyx;", "[a](/b) ](#)", `\n\ln\u00e9\ud83d\ude00 \begin{x} \begin`, "a-\nb-\r\n > c-\n",
		`\bmod\alpha-` + "\nb", "\xff-\n\xfe<\xff>", "cafÃƒÂ© &Atilde;&copy; ðŸ˜€ â€\x1b[1m", "كَتَبَ שָׁ \xd9\xc3",
		"1\n00:00:01,000 --> 00:00:04,000\nOne<00:00:01.280><c.x> jar-->\n0:00.000-->", "Â\u0080",
		"a line of mail caf=C3=A9 that=20is long=\nor=3Dnot=\r\n=C3",
		"a%20b+c%2520d%C3%A9%C3 %252520", "a%P0b+c%2520d%C3%A9%C3 %25,520", "Тhe сat, а bеe а ο \xd0 α",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := string(text)
		var c Cleaner
		cleaned := c.Clean(text)
		if string(text) != before {
			t.Fatal("the text was changed")
		}
		sound(t, &c, before, string(cleaned))
		first := string(cleaned)
		if again := string(c.Clean(text)); again != first {
			t.Fatalf("%q gives %q, then %q", before, first, again)
		}
	})
}

// TestHostile: megabytes of what begins markup and does not end take linear time. One
// look at all the rest for each would be 10¹² steps.
func TestHostile(t *testing.T) {
	size := 1 << 20
	if testing.Short() {
		size = 1 << 17
	}
	for _, piece := range []string{
		"<", "<a", "<a b=", "<a <", "<!--", "&", "&a", "](", "](/", "](/a\n", `\`, `\u`, `\ud83d`, `\begin{`, "-\n", "a-\n", "a-\r\n", "a-\nb", "\x1b[", "%20", "%", "%2520", "+%20%", "%C3", "о", "о a ", "оa", "с α ",
		"=\n", "=3D", "a line of mail =\n", "=E2", "another line of mail=20that is long=\r\n",
		"-->", "00:00:01,000 --> 00:00:04,000\n", "0:00.000 -->", "1\n", "<v a", "<c.a", "<00:00:00.000",
		"Ã", "Ãƒ", "ð", "\xc3", "َ", "-", "]", "<a>&amp;](/)",
	} {
		t.Run(fmt.Sprintf("%q", piece), func(t *testing.T) {
			text := strings.Repeat(piece, size/len(piece))
			var c Cleaner
			cleaned := c.Clean([]byte(text))
			if 3*len(cleaned) > 4*len(text) {
				t.Errorf("%d bytes grow to %d", len(text), len(cleaned))
			}
		})
	}
	text := "a-\n" + strings.Repeat(" ", 1<<20) + "b <" + strings.Repeat("x", 1<<20) + `\` + strings.Repeat("n", 1<<20)
	var c Cleaner
	if got := c.Clean([]byte(text)); len(got) != 1<<21+4 { // \n gives one byte for two
		t.Errorf("%d bytes", len(got))
	}
}
