package ngram

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// Python's re.split and str.split, and its string.punctuation.
const pythonSpace = "\\t-\\r\\x1c-\\x20\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

var (
	helmSplit   = regexp.MustCompile("[" + pythonSpace + "!-/:-@\\[-`{-~]+")
	lmEvalSplit = regexp.MustCompile("[" + pythonSpace + "]+")
)

func plainHELM(text string) []string {
	return helmSplit.Split(strings.Map(unicode.ToLower, text), -1)
}

func plainLMEval(text string) (words []string) {
	text = strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", r):
			return -1
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, text)
	for _, w := range lmEvalSplit.Split(text, -1) {
		if w != "" {
			words = append(words, w)
		}
	}
	return words
}

// splitWords lists the words of text by a recipe, and holds spans, hashes and blocks
// against each other.
func splitWords(t *testing.T, r Recipe, text string) (words []string) {
	t.Helper()
	s, err := r.NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	last := uint32(0)
	for w, span := range s.Words([]byte(text)) {
		if span.Start > span.End || span.Start < last || int(span.End) > len(text) {
			t.Fatalf("%q: span %v after %d", text, span, last)
		}
		last = span.End
		words = append(words, strings.ReplaceAll(string(w), "\xff", "\x00"))
	}
	at := 0
	for s.Reset([]byte(text)); s.Next(); {
		for i, h := range s.Hashes() {
			if w := s.AppendWord(nil, i); HashWord(w) != h || !s.WordEquals(i, w) || s.WordEquals(i, append(w, 'x')) {
				t.Fatalf("%q: word %d is not itself", text, i)
			}
		}
		at = s.Base() + s.Len()
	}
	if at != len(words) {
		t.Fatalf("%q: %d words in blocks, %d in all", text, at, len(words))
	}
	return words
}

// TestHELMTokenizer (DefaultTokenizer of stanford-crfm/data-overlap).
func TestHELMTokenizer(t *testing.T) {
	for text, want := range map[string][]string{
		"Hello, world!": {"hello", "world", ""},
		"(A) Yes.":      {"", "a", "yes", ""},
		"":              {""},
		"!?":            {"", ""},
		" ":             {"", ""},
		"a":             {"a"},
		"a b":           {"a", "b"},
		"it's – “so”":   {"it", "s", "–", "“so”"},
		"x_y-z":         {"x", "y", "z"},
	} {
		if got := splitWords(t, HELM(3), text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestLMEvalNormalizer (lm-evaluation-harness, decontamination).
func TestLMEvalNormalizer(t *testing.T) {
	for text, want := range map[string][]string{
		"A-B it's":            {"ab", "its"},
		"alpha - beta gamma":  {"alpha", "beta", "gamma"},
		"École, “so” — ÜBER.": {"École", "“so”", "—", "Über"}, // only ASCII letters change
		"... --":              nil,
		"":                    nil,
		"x\x1cy":              {"x", "y"},
	} {
		if got := splitWords(t, LMEval(3), text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestSplittersEqualPython: on random text of hard characters, and on texts of
// several blocks, words are those of the harnesses' own expressions.
func TestSplittersEqualPython(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: takes seconds")
	}
	rng := rand.New(rand.NewPCG(8, 8))
	pieces := []string{"a", "Z", "word", "Longer", "abcdefgh", "abcdefghi", " ", "  ", "\n", "'", "-", ",", ".", "_", "`", "é", "É", "中", "“", "\u00a0", "\u3000",
		"\u2028", "\x00", "\x01", "\x10", "0", "\x1c", "\x7f", "\u0301", "σ", "𝒜", "\ufffd", "\u200b", "\u0085"}
	check := func(text string) {
		if got, want := splitWords(t, HELM(1+rng.IntN(13)), text), plainHELM(text); !slices.Equal(got, want) {
			t.Fatalf("helm %q:\n%q, want\n%q", text, got, want)
		}
		if got, want := splitWords(t, LMEval(1+rng.IntN(13)), text), plainLMEval(text); !slices.Equal(got, want) {
			t.Fatalf("lmeval %q:\n%q, want\n%q", text, got, want)
		}
	}
	for range 20000 {
		var b strings.Builder
		some := pieces[:1+rng.IntN(len(pieces))]
		for range rng.IntN(20) {
			b.WriteString(some[rng.IntN(len(some))])
		}
		check(b.String())
	}
	for range 20 {
		var b strings.Builder
		for range blockWords*2 + rng.IntN(blockWords) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
			if rng.IntN(2) == 0 {
				b.WriteByte(' ')
			}
		}
		check(b.String())
	}
	for n := blockWords - 2; n < blockWords+3; n++ { // a separator where a block ends
		check(strings.Repeat("a ", n))
		check(strings.Repeat("a ", n) + "b")
	}
}

// FuzzSplitters holds both against the harnesses' own expressions on any text.
func FuzzSplitters(f *testing.F) {
	for _, text := range []string{"(A) It's – “so”, 3.5%!", "É\u00a0x\x1cy\x00z_`", "中。A-B\xff\u2028", "...", ""} {
		f.Add(text, uint8(3))
	}
	f.Fuzz(func(t *testing.T, text string, n uint8) {
		splitWords(t, HELM(int(n)%MaxN+1), text) // ill-formed: spans and blocks agree
		text = strings.ToValidUTF8(text, "\ufffd")
		if got, want := splitWords(t, HELM(int(n)%MaxN+1), text), plainHELM(text); !slices.Equal(got, want) {
			t.Fatalf("helm %q:\n%q, want\n%q", text, got, want)
		}
		if got, want := splitWords(t, LMEval(int(n)%MaxN+1), text), plainLMEval(text); !slices.Equal(got, want) {
			t.Fatalf("lmeval %q:\n%q, want\n%q", text, got, want)
		}
	})
}
