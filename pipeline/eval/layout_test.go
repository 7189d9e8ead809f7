package eval

import (
	"encoding/json"
	"html"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// plainTexts are items of the program's own set, of all scripts.
var plainTexts = sync.OnceValue(func() (list []string) {
	for _, b := range Own().Benches {
		every := max(1, len(b.Items)/24)
		for i := 0; i < len(b.Items); i += every {
			list = append(list, render(&b.Items[i].Text))
		}
	}
	return list
})

func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// spaced is f for texts with spaces between words.
func spaced(f func(string) (string, bool)) func(string) (string, bool) {
	return func(s string) (string, bool) {
		if strings.ContainsFunc(s, func(c rune) bool { return !needsSpace(string(c)) }) {
			return "", false
		}
		return f(s)
	}
}

// every checks f on every text, and that f takes at least so many of them.
func every(t *testing.T, least int, f func(s string) (string, bool), right func(s, d string) bool) {
	t.Helper()
	taken := 0
	for _, s := range plainTexts() {
		d, ok := f(s)
		if !ok {
			continue
		}
		taken++
		if d == s {
			t.Errorf("not changed: %q", s)
		}
		if !right(s, d) {
			t.Errorf("wrong:\n%q\n%q", s, d)
		}
	}
	if taken < least {
		t.Errorf("only %d texts taken, not %d", taken, least)
	}
}

func sameWords(s, d string) bool { return slices.Equal(words(s), words(d)) }

func TestLayoutKeepsWords(t *testing.T) {
	r := seeded()
	for name, f := range map[string]func(string) (string, bool){
		"case":           func(s string) (string, bool) { return otherCase(r, s) },
		"no punctuation": noPunctuation,
		"8 words":        func(s string) (string, bool) { return wrapped(s, 8, false) },
		"72 columns":     func(s string) (string, bool) { return wrapped(s, 72, true) },
		"quoted":         func(s string) (string, bool) { return prefixed(s, "> ", 60), true },
		"indented":       func(s string) (string, bool) { return prefixed(s, "\t", 0), true },
		"typographic":    typographic,
		"full width":     fullWidth,
	} {
		t.Run(name, func(t *testing.T) {
			every(t, 20, f, func(s, d string) bool {
				if name == "typographic" { // ... is one sign, and quotes separate words as ever
					return sameWords(strings.ReplaceAll(s, "...", "…"), d)
				}
				return sameWords(s, d) || strings.ContainsAny(s, "ßſ") && name == "case"
			})
		})
	}
}

func TestWrappedLinesAreShort(t *testing.T) {
	every(t, 40, func(s string) (string, bool) { return wrapped(s, 8, false) }, func(_, d string) bool {
		l := strings.Split(d, "\n")
		for i, line := range l {
			n := len(strings.Fields(line))
			if n > 8 || i < len(l)-1 && n != 8 {
				return false
			}
		}
		return true
	})
	every(t, 40, func(s string) (string, bool) { return wrapped(s, 72, true) }, func(_, d string) bool {
		for _, line := range strings.Split(d, "\n") {
			if utf8.RuneCountInString(line) > 72 && strings.Contains(line, " ") {
				return false
			}
		}
		return true
	})
	every(t, 40, func(s string) (string, bool) { return prefixed(s, "> ", 60), true }, func(_, d string) bool {
		for _, line := range strings.Split(d, "\n") {
			if !strings.HasPrefix(line, "> ") {
				return false
			}
		}
		return true
	})
}

func TestFullWidthNormalisesBack(t *testing.T) {
	every(t, 40, fullWidth, func(s, d string) bool {
		return norm.NFKC.String(d) == norm.NFKC.String(s) && !regexp.MustCompile(`[!-~]`).MatchString(d)
	})
}

func TestMarkupTakenAwayLeavesTheText(t *testing.T) {
	r := seeded()
	tags := regexp.MustCompile(`<[^>]*>`)
	every(t, 40, func(s string) (string, bool) { return inHTML(r, s) }, func(s, d string) bool {
		return len(tags.FindAllString(d, -1)) >= 4 && strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(d, " "))), "") == strings.Join(strings.Fields(s), "")
	})
	links := regexp.MustCompile(`\]\(https://example.org/wiki/\d+\)`)
	every(t, 40, func(s string) (string, bool) { return inMarkdown(r, s) }, func(s, d string) bool {
		return sameWords(s, links.ReplaceAllString(d, "] "))
	})
	every(t, 40, func(s string) (string, bool) { return inTable(r, s) }, func(s, d string) bool {
		d = tags.ReplaceAllString(strings.NewReplacer("<all>", "all", "|", " ", "---", " ").Replace(d), " ")
		return sameWords(s, d)
	})
}

func TestEscapesDecode(t *testing.T) {
	every(t, 40, jsonEscaped, func(s, d string) bool {
		var v struct{ Text string }
		return json.Unmarshal([]byte(d), &v) == nil && v.Text == s && strings.Count(d, `"`) >= 4 && !regexp.MustCompile(`[^ -~]`).MatchString(d)
	})
	every(t, 15, htmlEscaped, func(s, d string) bool { return html.UnescapeString(d) == s })
}

func TestFormulas(t *testing.T) {
	for _, c := range [][2]string{
		{"Add 3 * 4 and 1/2, or x^2: is it 5% of $7?", `Add $3$ \times $4$ and $\frac{1}{2}$, or $x^{2}$: is it 5\% of \$7?`},
		{"Take sqrt(16) of 25 and 36.", `Take $\sqrt{16}$ of $25$ and $36$.`},
	} {
		if got, ok := inLaTeX(c[0]); !ok || got != c[1] {
			t.Errorf("%q became %q, %v; not %q", c[0], got, ok, c[1])
		}
	}
	for _, c := range [][2]string{
		{`Let $\frac{3}{4}$ be $x^{2} \times 5$ or $\sqrt{2}$, \text{not less}.`, `Let 3/4 be x^2 × 5 or √(2), not less.`},
		{`A path C:\new and \n stay.`, ""},
	} {
		if got, ok := fromLaTeX(c[0]); ok != (c[1] != "") || ok && got != c[1] {
			t.Errorf("%q became %q, %v; not %q", c[0], got, ok, c[1])
		}
	}
}

// unknownWords is a pool of words that no text has.
func unknownWords(r *rand.Rand) string {
	return []string{"qqqone", "qqqtwo", "qqqthree"}[r.IntN(3)]
}

func TestEditsTouchSoManyWords(t *testing.T) {
	r := seeded()
	for _, pct := range []float64{1, 5, 10, 20} {
		most := func(s string) int { return int(math.Round(float64(countWords(s)) * pct / 100)) }
		every(t, 20, spaced(func(s string) (string, bool) { return edited(r, s, replaceWord, pct, 0, unknownWords) }), func(s, d string) bool {
			a, b := words(s), words(d)
			if len(a) != len(b) {
				return false
			}
			n := 0
			for i := range a {
				if a[i] != b[i] {
					n++
				}
			}
			return n == most(s)
		})
		every(t, 20, spaced(func(s string) (string, bool) { return edited(r, s, deleteWord, pct, 0, unknownWords) }), func(s, d string) bool {
			return countWords(s)-countWords(d) == most(s) && subsequence(words(d), words(s))
		})
		every(t, 20, spaced(func(s string) (string, bool) { return edited(r, s, insertWord, pct, 0, unknownWords) }), func(s, d string) bool {
			return countWords(d)-countWords(s) == most(s) && subsequence(words(s), words(d))
		})
	}
	every(t, 20, spaced(func(s string) (string, bool) { return edited(r, s, replaceWord, 0, 5, unknownWords) }), func(s, d string) bool {
		for i, w := range words(d) {
			if strings.HasPrefix(w, "qqq") != (i%5 == 4) {
				return false
			}
		}
		return true
	})
}

// subsequence tells whether a stands in b in order.
func subsequence(a, b []string) bool {
	for _, w := range b {
		if len(a) > 0 && a[0] == w {
			a = a[1:]
		}
	}
	return len(a) == 0
}

func TestHalvesAreHalves(t *testing.T) {
	for _, s := range plainTexts() {
		first, _ := share(s, 0, 0.5)
		second, _ := share(s, 0.5, 1)
		all := words(s)
		middle := (len(all) + 1) / 2
		if !slices.Equal(words(first), all[:middle]) || !slices.Equal(words(second), all[middle:]) {
			t.Errorf("%q is not %q and %q", s, first, second)
		}
	}
}

func TestOtherOrdersKeepAllWords(t *testing.T) {
	r := seeded()
	sorted := func(s string) []string { w := words(s); slices.Sort(w); return w }
	for name, f := range map[string]func(string) (string, bool){
		"reordered": func(s string) (string, bool) { return reordered(r, s) },
		"shuffled":  func(s string) (string, bool) { return shuffled(r, s) },
	} {
		t.Run(name, func(t *testing.T) {
			every(t, 40, f, func(s, d string) bool { return slices.Equal(sorted(s), sorted(d)) && !sameWords(s, d) })
		})
	}
	if _, ok := reordered(r, "One sentence. And another one."); ok {
		t.Error("two sentences were reordered")
	}
	if got := sentences("It costs 3.5 dollars. Why? 一句。二句！End"); !slices.Equal(got, []string{"It costs 3.5 dollars.", "Why?", "一句。", "二句！", "End"}) {
		t.Errorf("sentences are %q", got)
	}
	if got, _ := interleaved([]string{"a1", "a2", "a3", "a4"}, []string{"b1", "b2", "b3"}); got != "a1\nb1\na2\nb2\na3\nb3\na4" {
		t.Errorf("interleaved is %q", got)
	}
}

func TestHyphensBreakWords(t *testing.T) {
	every(t, 20, func(s string) (string, bool) { return hyphenated(s, 40) }, func(s, d string) bool {
		for _, line := range strings.Split(d, "\n") {
			if utf8.RuneCountInString(line) > 40 && strings.Contains(line, " ") {
				return false
			}
		}
		return strings.Contains(d, "-\n") && sameWords(s, regexp.MustCompile(`(\pL)-\n`).ReplaceAllString(d, "$1"))
	})
}

func TestVariantsKeepTheWording(t *testing.T) {
	r := seeded()
	every(t, 20, func(s string) (string, bool) { return otherNumbers(r, s) }, func(s, d string) bool {
		a, b := digitsRE.FindAllString(s, -1), digitsRE.FindAllString(d, -1)
		if len(a) != len(b) {
			return false
		}
		for i := range a {
			if a[i] == b[i] || len(a[i]) != len(b[i]) {
				return false
			}
		}
		return len(words(s)) == len(words(d))
	})
	s := "On Monday Carla has 12 pens and Carla gives 5 of them to Ben. Then Ben lends Carla 3 of them."
	for range 20 {
		d, ok := otherNames(r, s)
		if !ok || strings.Contains(d, "Carla") || strings.Contains(d, "Ben") || !strings.Contains(d, "Monday") || !slices.Equal(digitsRE.FindAllString(s, -1), digitsRE.FindAllString(d, -1)) {
			t.Errorf("%q", d)
		}
	}
	if _, ok := otherNames(r, "No name is here twice, Carla."); ok {
		t.Error("one mention makes no other name")
	}
	if _, ok := otherNumbers(r, "Only one number, 7, is here."); ok {
		t.Error("one number makes no variant")
	}
}

func TestOptionsLoseTheirLetters(t *testing.T) {
	want := []string{"red", "A bus", "5(√3 + 1)"}
	for _, s := range []string{"red\nA bus\n5(√3 + 1)", "A) red\nB) A bus\nC)5(√3 + 1)", "(A)red\n(B) A bus\n(C) 5(√3 + 1)"} {
		if got := options(s); !slices.Equal(got, want) {
			t.Errorf("options of %q are %q", s, got)
		}
	}
	if got := lettered(want[:2], 0); got != "A. red\nB. A bus" {
		t.Errorf("lettered: %q", got)
	}
	for style := range 6 {
		if got := options(lettered(want, style)); style < 2 && !slices.Equal(got, want) {
			t.Errorf("style %d: %q", style, got)
		}
	}
}
