package eval

import (
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"html"
	"io"
	"math"
	"math/rand/v2"
	"mime/quotedprintable"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

func squeezed(s string) string { return strings.Join(strings.Fields(s), " ") }

// Every class of either part is made of the seed alone.
func TestPlantingsAreDeterministic(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: takes seconds")
	}
	if a, b := smallHeld(), mustGenerate(DevSeed, HeldBack); !slices.Equal(a.Docs, b.Docs) {
		t.Error("two sets of one seed differ")
	}
}

func TestEncodingsDecode(t *testing.T) {
	r := seeded()
	type message struct{ Content string }
	type chat struct{ Messages []message }
	every(t, 30, func(s string) (string, bool) { return chatJSON(r, s) }, func(s, d string) bool {
		var c chat
		return json.Unmarshal([]byte(d), &c) == nil && c.Messages[0].Content == s
	})
	every(t, 30, func(s string) (string, bool) { return chatJSONTwice(r, s) }, func(s, d string) bool {
		var outer struct{ Body string }
		var c chat
		return json.Unmarshal([]byte(d), &outer) == nil && json.Unmarshal([]byte(outer.Body), &c) == nil && c.Messages[0].Content == s && strings.Contains(d, `\\`)
	})
	tags := regexp.MustCompile(`</?p>`)
	every(t, 30, htmlInJSON, func(s, d string) bool {
		var v struct{ HTML string }
		return json.Unmarshal([]byte(d), &v) == nil && squeezed(html.UnescapeString(tags.ReplaceAllString(v.HTML, " "))) == squeezed(s) && !strings.Contains(d, "<")
	})
	for name, f := range map[string]func(string) (string, bool){"text": percentEncoded, "body": formEncoded} {
		every(t, 40, f, func(s, d string) bool {
			_, query, found := strings.Cut(d, "?")
			if !found {
				query = d
			}
			v, err := url.ParseQuery(query)
			return err == nil && v.Get(name) == s && !strings.ContainsAny(d, " \n")
		})
	}
	every(t, 20, func(s string) (string, bool) { return csvCell(r, s) }, func(s, d string) bool {
		rows, err := csv.NewReader(strings.NewReader(d)).ReadAll()
		return err == nil && len(rows) == 2 && rows[1][1] == s
	})
	every(t, 40, quotedPrintable, func(s, d string) bool {
		b, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(d)))
		return err == nil && strings.ReplaceAll(string(b), "\r\n", "\n") == s && !strings.ContainsFunc(d, func(c rune) bool { return c > '~' })
	})
	every(t, 40, notebook, func(s, d string) bool {
		var v struct{ Source []string }
		return json.Unmarshal([]byte(strings.TrimSuffix(d, ",")), &v) == nil && squeezed(strings.Join(v.Source, "")) == squeezed(s)
	})
	every(t, 40, inBase64, func(s, d string) bool {
		b, err := base64.StdEncoding.DecodeString(d)
		return err == nil && string(b) == s
	})
	every(t, 40, inHex, func(s, d string) bool {
		b, err := hex.DecodeString(d)
		return err == nil && string(b) == s
	})
	for _, f := range []func(string) (string, bool){rot13, mirrored} {
		every(t, 40, f, func(s, d string) bool {
			back, _ := f(d)
			return back == s
		})
	}
	literal := regexp.MustCompile(`'((?:[^'\\]|\\.)*)'`)
	every(t, 40, stringLiteral, func(s, d string) bool {
		var b strings.Builder
		for _, m := range literal.FindAllStringSubmatch(d, -1) {
			b.WriteString(m[1])
		}
		return squeezed(strings.NewReplacer(`\'`, `'`, `\\`, `\`, `\n`, "\n").Replace(b.String())) == squeezed(s)
	})
	every(t, 40, yamlBlock, func(s, d string) bool { return strings.HasSuffix(squeezed(d), squeezed(s)+" weight: 1") })
}

// What was read as another encoding reads back as UTF-8 when it is written in it.
func TestMojibakeIsReversible(t *testing.T) {
	r := seeded()
	for times := 1; times <= 2; times++ {
		every(t, 20, func(s string) (string, bool) { return mojibake(r, s, times) }, func(s, d string) bool {
			for range times {
				var b []byte
				for _, c := range d {
					x, ok := charmap.Windows1252.EncodeRune(c)
					if !ok || c < 0x100 && charmap.Windows1252.DecodeByte(byte(c)) != c {
						if c >= 0x100 {
							return false
						}
						x = byte(c)
					}
					b = append(b, x)
				}
				d = string(b)
			}
			printed, ok := typographic(s)
			return utf8.ValidString(d) && (d == s || ok && d == printed)
		})
	}
}

func TestPiecesJoin(t *testing.T) {
	every(t, 20, wordPieces, func(s, d string) bool { return strings.ReplaceAll(d, " ##", "") == strings.Join(words(s), " ") })
	every(t, 20, letterSpaced, func(s, d string) bool {
		var out []string
		for _, w := range strings.Split(d, "   ") {
			out = append(out, strings.ReplaceAll(w, " ", ""))
		}
		return strings.Join(out, " ") == squeezed(s)
	})
	every(t, 20, byteLevelPieces, func(s, d string) bool {
		return squeezed(strings.NewReplacer(" Ċ ", "\n", "Ċ", "\n", " Ġ", " ", " ", "").Replace(d)) == squeezed(s)
	})
}

// Taking away what a markup adds leaves the words.
func TestMarkupComesOff(t *testing.T) {
	r := seeded()
	for name, c := range map[string]struct {
		f   func(*rand.Rand, string) (string, bool)
		off string // what is taken away
	}{
		"line numbers": {lineNumbers, `(?m)^ *\[?\d+[\]:]?[ \t]+`},
		"diff":         {inDiff, `(?m)^(---|\+\+\+|@@|-| $).*\n?|^\+`},
		"subtitles":    {subtitles, `(?m)^\d+\n[\d:,]+ --> [\d:,]+\n`},
		"captions":     {captions, `WEBVTT\n|(?m)^[\d:.]+ --> .*$|<[\d:.]+>|</?c>`},
		"mail":         {mailRewrapped, `(?m)^On Tuesday the teacher wrote:$|^> `},
		"blame":        {blamed, `(?m)^[0-9a-f]{8} \(Ann Editor \S+ \d+\) `},
		"chat log":     {inChatLog, `(?m)^\[[\d:]+\] <quizbot> `},
		"wikitext":     {inWikitext, `== Exercise ==|<ref.*?</ref>|\[\[Article \d+\||\[\[Category:Exercises\]\]|\{\{reflist\}\}|\[\[|\]\]|'''`},
		"bbcode":       {inBBCode, `\[/?(quote|b|i|url|color|\*)[^\]]*\]`},
		"footnotes":    {withFootnotes, `(?m)^\[\d+\] See the notes.*$|\[\d+\]`},
		"page break":   {pageBreak, `\n\n\d+\n\f\nCHAPTER .*\n`},
		"html list":    {inHTMLList, `<[^>]*>`},
		"latex":        {inLaTeXDocument, `\\(begin|end)\{enumerate\}|\\footnote\{See~\\cite\{note\d+\}\.\}|\\(item|textbf|emph)|[{}]`},
		"roff":         {inRoff, `(?m)^\.(SH EXERCISE|PP)$|\\f[BIRP]`},
	} {
		t.Run(name, func(t *testing.T) {
			off := regexp.MustCompile(c.off)
			every(t, 20, func(s string) (string, bool) { return c.f(r, s) }, func(s, d string) bool {
				d = off.ReplaceAllString(d, " ")
				d = strings.NewReplacer("&nbsp;", " ", `\e`, `\`, `\-`, "-", `\%`, "%", `\&`, "&", `\#`, "#", `\_`, "_", "~", " ").Replace(html.UnescapeString(d))
				return strings.Contains(s, "[") || slices.Equal(words(d), words(strings.ReplaceAll(s, "~", " ")))
			})
		})
	}
	other := strings.Repeat("another text of no relation ", 200)
	every(t, 20, func(s string) (string, bool) { return twoColumns(s, other) }, func(s, d string) bool {
		var left []string
		for _, row := range strings.Split(d, "\n") {
			left = append(left, row[:min(44, len(row))])
		}
		return strings.HasPrefix(squeezed(strings.Join(left, " ")), squeezed(s)[:20]) && strings.Contains(d, "another text")
	})
}

func TestScriptsNormaliseBack(t *testing.T) {
	r := seeded()
	hidden := regexp.MustCompile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")
	every(t, 40, func(s string) (string, bool) { return invisible(r, s) }, func(s, d string) bool {
		n := len(hidden.FindAllString(d, -1)) - len(hidden.FindAllString(s, -1))
		return hidden.ReplaceAllString(d, "") == hidden.ReplaceAllString(s, "") && n == rounded(countIf(s, everyWord), 20)
	})
	every(t, 30, softHyphens, func(s, d string) bool { return strings.ReplaceAll(d, "\u00ad", "") == s })
	every(t, 2, decomposed, func(s, d string) bool { return norm.NFC.String(d) == norm.NFC.String(s) })
	every(t, 20, func(s string) (string, bool) { return mathLetters(r, s) }, func(s, d string) bool { return norm.NFKC.String(d) == norm.NFKC.String(s) })
	every(t, 2, withoutAccents, func(s, d string) bool { return countWords(d) == countWords(s) })
	every(t, 3, traditional, func(s, d string) bool { return utf8.RuneCountInString(s) == utf8.RuneCountInString(d) })
	every(t, 3, spacedCJK, func(s, d string) bool { return sameWords(s, d) })
	every(t, 3, wrappedCJK, func(s, d string) bool {
		return strings.NewReplacer("\n", "", "\u3000", "").Replace(d) == strings.ReplaceAll(s, "\n", "")
	})
	every(t, 10, func(s string) (string, bool) { return vowelled(r, s) }, func(s, d string) bool {
		return strings.Map(func(c rune) rune {
			if slices.Contains(vowelMarks, c) {
				return -1
			}
			return c
		}, d) == s
	})
	back := map[rune]rune{}
	for from, to := range lookalikes {
		back[to] = from
	}
	every(t, 20, func(s string) (string, bool) { return homoglyphs(r, s) }, func(s, d string) bool {
		return strings.Map(func(c rune) rune {
			if o, ok := back[c]; ok {
				return o
			}
			return c
		}, d) == s
	})
	every(t, 20, transliterated, func(s, d string) bool {
		return !strings.ContainsFunc(d, func(c rune) bool { return c < 0x80 && unicode.IsLetter(c) })
	})
}

// differing counts the words of s that d has otherwise, both of as many words.
func differing(t *testing.T, s, d string) (n int) {
	t.Helper()
	a, b := words(s), words(d)
	if len(a) != len(b) {
		return -1
	}
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

func countIf(s string, f func(string) bool) (n int) {
	for _, x := range spans(s) {
		if x.Start < x.End && f(s[x.Start:x.End]) {
			n++
		}
	}
	return n
}

func rounded(n int, pct float64) int { return int(math.Round(float64(n) * pct / 100)) }

// Disturbances with a share change exactly that share of the words that count.
func TestSharesAreKept(t *testing.T) {
	r := seeded()
	for _, pct := range []float64{10, 15, 30} {
		every(t, 10, func(s string) (string, bool) { return synonyms(r, s, pct) }, func(s, d string) bool {
			// A word of two parts, as sixty-minutes, is two words.
			n := differing(t, s, d)
			return n == rounded(countIf(s, isContent), pct) || n < 0
		})
	}
	for _, pct := range []float64{8, 14, 20} {
		every(t, 10, func(s string) (string, bool) { return typos(r, s, pct) }, func(s, d string) bool {
			long := func(w string) bool { return len(w) >= 3 && mostlyASCII(w) }
			return differing(t, s, d) == rounded(countIf(s, long), pct)
		})
	}
	every(t, 20, func(s string) (string, bool) { return spacesLost(r, s, 5) }, func(s, d string) bool {
		lost := strings.Count(s, " ") - strings.Count(d, " ")
		return strings.ReplaceAll(s, " ", "") == strings.ReplaceAll(d, " ", "") && lost >= 1 && lost <= rounded(strings.Count(s, " "), 5)+1
	})
	every(t, 20, func(s string) (string, bool) { return split(r, s, 8) }, func(s, d string) bool {
		long := func(w string) bool { return len(w) >= 5 && mostlyASCII(w) }
		return strings.Count(d, " ")-strings.Count(s, " ") == rounded(countIf(s, long), 8) && strings.ReplaceAll(s, " ", "") == strings.ReplaceAll(d, " ", "")
	})
	every(t, 20, spaced(func(s string) (string, bool) { return stuttered(r, s, 8) }), func(s, d string) bool {
		return countWords(d)-countWords(s) >= rounded(countIf(s, needsSpace), 8) && subsequence(words(s), words(d))
	})
	every(t, 20, func(s string) (string, bool) { return swapped(r, s, 6) }, func(s, d string) bool {
		a, b := strings.Fields(s), strings.Fields(d)
		moved := 0
		for i := range a {
			if a[i] != b[i] {
				moved++
			}
		}
		slices.Sort(a)
		slices.Sort(b)
		return slices.Equal(a, b) && moved == 2*rounded(len(strings.Split(s, " ")), 6)
	})
	every(t, 20, func(s string) (string, bool) { return misread(r, s, 4) }, func(s, d string) bool {
		changes := rounded(len(s), 4)
		return d != s && max(len(s)-len(d), len(d)-len(s)) <= changes && levenshtein(s, d) <= 2*changes
	})
}

// levenshtein is the plain edit distance in bytes.
func levenshtein(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			up := row[j+1]
			cost := last
			if a[i] != b[j] {
				cost++
			}
			row[j+1] = min(cost, up+1, row[j]+1)
			last = up
		}
	}
	return row[len(b)]
}

func TestPartsAreParts(t *testing.T) {
	for _, c := range [][2]float64{{0, 0.6}, {0.2, 0.8}, {0.4, 1}, {0.3, 1}, {0, 0.25}} {
		for _, s := range plainTexts() {
			d, ok := share(s, c[0], c[1])
			all := words(s)
			from, to := int(math.Round(c[0]*float64(len(all)))), int(math.Round(c[1]*float64(len(all))))
			if !ok && from < to || !slices.Equal(words(d), all[from:to]) {
				t.Errorf("%v of %q is %q", c, s, d)
			}
		}
	}
	r := seeded()
	every(t, 5, func(s string) (string, bool) { return withoutSentence(r, s) }, func(s, d string) bool {
		a, b := sentences(s), sentences(d)
		return len(b) <= len(a)-1 && subsequence(words(d), words(s)) && strings.HasPrefix(d, a[0]) && 3*(countWords(s)-countWords(d)) <= countWords(s)
	})
	for _, f := range []func(string) (string, bool){reversed, lastFirst} {
		every(t, 10, f, func(s, d string) bool {
			a, b := words(s), words(d)
			slices.Sort(a)
			slices.Sort(b)
			return slices.Equal(a, b)
		})
	}
}

func TestNumbersInWords(t *testing.T) {
	for n, want := range map[int]string{0: "zero", 7: "seven", 13: "thirteen", 20: "twenty", 47: "forty-seven", 100: "one hundred", 305: "three hundred and five",
		1000: "one thousand", 1009: "one thousand and nine", 2640: "two thousand six hundred and forty", 9999: "nine thousand nine hundred and ninety-nine"} {
		if got := spelled(n); got != want {
			t.Errorf("%d is %q, not %q", n, got, want)
		}
	}
	if got, n := numbersSpelled("It has 12 of 1,250 and $7, not 3.5, 007, 12345 or x2."); n != 3 || got != "It has twelve of one thousand two hundred and fifty and $seven, not 3.5, 007, 12345 or x2." {
		t.Errorf("%d, %q", n, got)
	}
	if got, n := numbersInDigits("Twenty-one of the twelve, one more and forty."); n != 3 || got != "21 of the 12, one more and 40." {
		t.Errorf("%d, %q", n, got)
	}
	for n := 2; n < 100; n++ { // there and back
		if got, _ := numbersInDigits(spelled(n)); got != strconv.Itoa(n) {
			t.Errorf("%d comes back as %q", n, got)
		}
	}
}

func TestWordsOfTables(t *testing.T) {
	for name, c := range map[string]struct {
		f        func(string) (string, bool)
		in, want string
	}{
		"british":     {british, "The color of the Theater is gray.", "The colour of the Theatre is grey."},
		"american":    {british, "My neighbour organised it.", "My neighbor organized it."},
		"short forms": {abbreviated, "She walks 3 miles in 20 minutes on all of those long days when her old dogs wake late with no wish of any run", "She walks 3 mi in 20 min on all of those long d when her old dogs wake late w/ no wish of any run"},
		"articles":    {func(s string) (string, bool) { return withoutWords(s, articles) }, "The cat saw a dog and an owl in the tree.", "cat saw dog and owl in tree."},
		"stopwords":   {func(s string) (string, bool) { return withoutWords(s, stopwords()) }, "The cat and the dog are in the tree.", "cat dog tree."},
		"dictated":    {dictated, "First, he went home and stayed there all day. After a long walk through the wood he slept until noon", "first comma he went home and stayed there all day period after a long walk through the wood he slept until noon"},
		"stemmed":     {stemmed, "Running walkers quickly counted presents.", "runn walker quick count present"},
	} {
		if got, ok := c.f(c.in); !ok || got != c.want {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
	if got, n := contracted("It is here and they do not see it.", false); n != 2 || got != "It's here and they don't see it." {
		t.Errorf("%d %q", n, got)
	}
	if got, n := contracted("It's here and they don't see it.", true); n != 2 || got != "It is here and they do not see it." {
		t.Errorf("%d %q", n, got)
	}
	for _, line := range strings.Split(strings.TrimSpace(wordFile("synonyms.txt")), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 || len(slices.Compact(slices.Sorted(slices.Values(f)))) != len(f) {
			t.Errorf("synonyms: %q", line)
		}
	}
}

// Spoken text keeps the letters' words in order, fillers, numbers and contractions aside.
func TestSpoken(t *testing.T) {
	r := seeded()
	every(t, 10, func(s string) (string, bool) { return spoken(r, s) }, func(s, d string) bool {
		return d == strings.ToLower(d) && !strings.Contains(d, ", ") && countWords(d) >= countWords(s)*9/10
	})
	every(t, 20, withoutVowels, func(s, d string) bool { return len(d) < len(s) && countWords(d) <= countWords(s)+2 })
	if s, ok := glossary("Walnut trees, walnut boards, benches, doors, lamps, chairs, tables and shelves"); !ok || !strings.HasPrefix(s, "Glossary\n- benches: see page 3\n- boards:") {
		t.Errorf("%q, %v", s, ok)
	}
}

func TestCode(t *testing.T) {
	r := seeded()
	e := &entry{}
	e.Text[1] = "from typing import List\n\ndef near_by(values: List[int], limit=3) -> bool:\n    \"\"\" Check whether any two of the values given are closer to each other than limit.\n    >>> near_by([1, 2], 3)\n    True\n    \"\"\"\n"
	e.Text[3] = "    for value in values:\n        pass # nothing near_by\n    return False\n"
	f, ok := functionOf(e)
	if !ok || f.name != "near_by" || !slices.Equal(f.params, []string{"values", "limit"}) || !strings.HasPrefix(f.doc, "Check whether any two") {
		t.Fatalf("%+v, %v", f, ok)
	}
	d, ok := renamed(r, f.code)
	if !ok || strings.Contains(d, "for value in") || !strings.Contains(d, `""" Check whether any two of the values given`) || !strings.Contains(d, "# nothing near_by") || !strings.Contains(d, "-> bool:") {
		t.Errorf("%q", d)
	}
	for name, c := range map[string]struct {
		f    func(*entry) (string, bool)
		has  []string
		lack string
	}{
		"javascript":  {inJavaScript, []string{"const nearBy = (values, limit) =>", " * Check whether any two of the values"}, "def "},
		"go":          {inGo, []string{"func nearBy(values, limit any)", "// Check whether any two of the values"}, "def "},
		"comments":    {inComments, []string{"# Check whether any two of the values", "def near_by(", "return False"}, `"""`},
		"no examples": {withoutExamples, []string{"Check whether any two of the values", "def near_by("}, ">>>"},
	} {
		s, ok := c.f(e)
		for _, part := range c.has {
			ok = ok && strings.Contains(s, part)
		}
		if !ok || strings.Contains(s, c.lack) {
			t.Errorf("%s: %q, %v", name, s, ok)
		}
	}
	if s, ok := withTabs(f.code); !ok || strings.Contains(s, "    ") || strings.Count(s, "\r\n") != strings.Count(s, "\n") {
		t.Errorf("%q, %v", s, ok)
	}
}
