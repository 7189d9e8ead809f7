package eval

import (
	"embed"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

//go:embed words/*.txt
var wordFiles embed.FS

func wordFile(name string) string {
	b, err := wordFiles.ReadFile("words/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(b)
}

// changed replaces pct % of the words of s that count, rounded, by what change
// returns for them. Words are taken in random order, those that change refuses are
// passed over. It returns false when too few words could be changed, or none is asked.
func changed(r *rand.Rand, s string, pct float64, counts func(w string) bool,
	change func(w string) (string, bool)) (string, bool) {
	at := spans(s)
	var list []int
	for i, x := range at {
		if x.Start < x.End && counts(s[x.Start:x.End]) { // of ½ the second word has no text
			list = append(list, i)
		}
	}
	want := int(math.Round(float64(len(list)) * pct / 100))
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	put := map[int]string{}
	for _, i := range list {
		if len(put) == want {
			break
		}
		if w, ok := change(s[at[i].Start:at[i].End]); ok {
			put[i] = w
		}
	}
	var b strings.Builder
	end := uint32(0)
	for i, x := range at {
		if w, ok := put[i]; ok {
			b.WriteString(s[end:x.Start] + w)
			end = x.End
		}
	}
	return b.String() + s[end:], want > 0 && len(put) == want
}

func everyWord(string) bool { return true }

// likeCase returns w with the case of old: all capitals, first capital or as it is.
func likeCase(old, w string) string {
	first := rune(old[0])
	switch {
	case len(old) > 1 && old == strings.ToUpper(old) && old != strings.ToLower(old):
		return strings.ToUpper(w)
	case unicode.IsUpper(first):
		return strings.ToUpper(w[:1]) + w[1:]
	}
	return w
}

// stopwords carry little by themselves.
var stopwords = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(`a about after all also am an and any are as at be been being but by can could did do
		does each for from had has have he her him his how i if in into is it its may me my no nor not of on or our own she
		should so some such than that the their them then there these they this those to too up was we were what when where
		which while who whom why will with would you your`) {
		set[w] = true
	}
	return set
})

// isContent reports whether w is a word of letters that is no stopword.
func isContent(w string) bool {
	return !stopwords()[strings.ToLower(w)] && !strings.ContainsFunc(w, func(c rune) bool { return !unicode.IsLetter(c) })
}

// synonymTable maps words to others of their meaning.
var synonymTable = sync.OnceValue(func() map[string][]string {
	table := map[string][]string{}
	for line := range strings.Lines(wordFile("synonyms.txt")) {
		group := strings.Fields(line)
		for i, w := range group {
			for k, o := range group {
				if k != i {
					table[w] = append(table[w], o)
				}
			}
		}
	}
	return table
})

// synonyms replaces pct % of the content words.
func synonyms(r *rand.Rand, s string, pct float64) (string, bool) {
	return changed(r, s, pct, isContent, func(w string) (string, bool) {
		list := synonymTable()[strings.ToLower(w)]
		if len(list) == 0 {
			return "", false
		}
		return likeCase(w, list[r.IntN(len(list))]), true
	})
}

// respelled replaces every word that the table has, either way, and returns how many.
func respelled(s string, table map[string]string) (string, int) {
	var b strings.Builder
	end, n := uint32(0), 0
	for _, x := range spans(s) {
		w := s[x.Start:x.End]
		if o, ok := table[strings.ToLower(w)]; ok {
			b.WriteString(s[end:x.Start] + likeCase(w, o))
			end = x.End
			n++
		}
	}
	return b.String() + s[end:], n
}

var britishTable = sync.OnceValue(func() map[string]string {
	table := map[string]string{}
	for line := range strings.Lines(wordFile("british.txt")) {
		f := strings.Fields(line)
		for i := range f {
			if _, ok := table[f[i]]; !ok {
				table[f[i]] = f[1-i]
			}
		}
	}
	return table
})

// british replaces American by British spellings and words, or the reverse.
func british(s string) (string, bool) {
	t, n := respelled(s, britishTable())
	return t, n >= 1
}

var shortForms = map[string]string{
	"and": "&", "with": "w/", "without": "w/o", "minutes": "min", "minute": "min", "hours": "hrs", "hour": "hr",
	"dollars": "USD",
	"pounds":  "lbs", "pound": "lb", "ounces": "oz", "miles": "mi", "kilometers": "km", "meters": "m", "inches": "in",
	"feet":    "ft",
	"because": "bc", "people": "ppl", "you": "u", "are": "r", "for": "4", "to": "2", "number": "no.", "percent": "pct",
	"each":    "ea",
	"between": "btw", "following": "foll.", "example": "ex.", "average": "avg", "maximum": "max", "minimum": "min",
	"function":   "func",
	"government": "govt", "department": "dept", "question": "q", "week": "wk", "weeks": "wks", "month": "mo",
	"years": "yrs", "year": "yr",
	"days": "d", "before": "b4", "about": "abt", "string": "str", "integer": "int", "list": "lst",
}

// abbreviated writes common words and units as notes do, at most 25 % of the words.
func abbreviated(s string) (string, bool) {
	t, n := respelled(s, shortForms)
	return t, n >= 3 && n*4 <= countWords(s)
}

var contractions = [][2]string{
	{"do not", "don't"}, {"does not", "doesn't"}, {"did not", "didn't"}, {"is not", "isn't"}, {"are not", "aren't"},
	{"cannot", "can't"},
	{"it is", "it's"}, {"that is", "that's"}, {"they are", "they're"}, {"there is", "there's"}, {"she is", "she's"},
	{"he is", "he's"},
	{"will not", "won't"}, {"what is", "what's"}, {"they have", "they've"}, {"would not", "wouldn't"},
	{"has not", "hasn't"}, {"who is", "who's"},
	{"he has", "he's"}, {"she has", "she's"}, {"how many", "how many"}, {"going to", "gonna"}, {"want to", "wanna"},
}

// contracted shortens pairs of words, or, with expand, writes them in full.
func contracted(s string, expand bool) (string, int) {
	n := 0
	for _, c := range contractions {
		from, to := c[0], c[1]
		if expand {
			from, to = to, from
		}
		if from == to {
			continue
		}
		re := regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(from) + `\b`)
		s = re.ReplaceAllStringFunc(s, func(old string) string {
			n++
			return likeCase(old, to)
		})
	}
	return s, n
}

var (
	ones = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen " +
		"fifteen sixteen seventeen eighteen nineteen")
	tens = strings.Fields("zero ten twenty thirty forty fifty sixty seventy eighty ninety")
)

// spelled returns a number of 0 to 9,999 in words.
func spelled(n int) string {
	switch {
	case n < 20:
		return ones[n]
	case n < 100 && n%10 == 0:
		return tens[n/10]
	case n < 100:
		return tens[n/10] + "-" + ones[n%10]
	case n < 1000 && n%100 == 0:
		return ones[n/100] + " hundred"
	case n < 1000:
		return ones[n/100] + " hundred and " + spelled(n%100)
	case n%1000 == 0:
		return spelled(n/1000) + " thousand"
	case n%1000 < 100:
		return spelled(n/1000) + " thousand and " + spelled(n%1000)
	}
	return spelled(n/1000) + " thousand " + spelled(n%1000)
}

var (
	digitTokenRE = regexp.MustCompile(`(^|[\s($])(\d[\d.,]*)(\pL?)`)
	wholeRE      = regexp.MustCompile(`^([1-9]\d{0,3}|0|\d,\d{3})$`)
)

// numbersSpelled writes whole numbers up to 9,999 in words and returns how many.
func numbersSpelled(s string) (string, int) {
	count := 0
	return digitTokenRE.ReplaceAllStringFunc(s, func(m string) string {
		g := digitTokenRE.FindStringSubmatch(m)
		digits := strings.TrimRight(g[2], ".,")
		n, err := strconv.Atoi(strings.ReplaceAll(digits, ",", ""))
		if err != nil || g[3] != "" || !wholeRE.MatchString(digits) {
			return m
		}
		count++
		return g[1] + spelled(n) + g[2][len(digits):]
	}), count
}

// numberWords maps the words of numbers up to ninety-nine to digits.
var numberWords = sync.OnceValue(func() map[string]string {
	table := map[string]string{}
	for n := 2; n < 100; n++ { // "one" is a pronoun more often than not
		table[spelled(n)] = strconv.Itoa(n)
	}
	return table
})

var numberWordRE = regexp.MustCompile(`(?i)\b[a-z]+(-[a-z]+)?\b`)

// numbersInDigits writes numbers of one or two joined words in digits and returns how many.
func numbersInDigits(s string) (string, int) {
	n := 0
	t := numberWordRE.ReplaceAllStringFunc(s, func(w string) string {
		if d, ok := numberWords()[strings.ToLower(w)]; ok {
			n++
			return d
		}
		return w
	})
	return t, n
}

var fillers = []string{"um", "uh", "you know", "like", "so", "well", "okay", "i mean", "right", "let's see"}

// spoken returns s as someone reads it aloud and another writes it down: lower case,
// no punctuation, numbers in words, contractions, a filler about every eight words, and a
// word or two said again about every fifteen.
func spoken(r *rand.Rand, s string) (string, bool) {
	if !mostlyASCII(s) {
		return "", false
	}
	s, _ = numbersSpelled(s)
	s, _ = contracted(s, false)
	s = strings.NewReplacer("$", " dollars ", "%", " percent ", "+", " plus ", "=", " equals ", "*", " times ", "-",
		" ").Replace(s)
	s, _ = noPunctuation(strings.ToLower(s))
	var out []string
	for i, f := range strings.Fields(s) {
		if i == 0 || r.IntN(8) == 0 {
			out = append(out, fillers[r.IntN(len(fillers))])
		}
		if out = append(out, f); r.IntN(15) == 0 {
			out = append(out, out[len(out)-1-r.IntN(2):]...)
		}
	}
	return strings.Join(out, " "), len(out) > 12
}

// dictated writes marks of punctuation as the words that one says for them.
func dictated(s string) (string, bool) {
	marks := strings.Count(s, ",") + strings.Count(s, ".") + strings.Count(s, "?")
	t := strings.NewReplacer(", ", " comma ", ". ", " period ", "? ", " question mark ", ": ", " colon ", "; ",
		" semicolon ",
		"\n", " new line ", "(", " open paren ", ")", " close paren ").Replace(s + " ")
	return strings.ToLower(strings.TrimSpace(t)), mostlyASCII(s) && marks >= 2 && marks*5 <= countWords(s)
}

// neighbours are keys beside each other.
var neighbours = map[byte]string{
	'a': "sqz", 'b': "vgn", 'c': "xvd", 'd': "sfe", 'e': "wrd", 'f': "dgr", 'g': "fht", 'h': "gjy", 'i': "uok",
	'j': "hku", 'k': "jli", 'l': "kop",
	'm': "nj", 'n': "bmh", 'o': "ipl", 'p': "ol", 'q': "wa", 'r': "etf", 's': "adw", 't': "ryg", 'u': "yij", 'v': "cbf",
	'w': "qes", 'x': "zcs", 'y': "tuh", 'z': "xa",
}

// slip returns w with one slip of the keyboard: a neighbouring key, two letters
// exchanged, one left out or doubled.
func slip(r *rand.Rand, w string) (string, bool) {
	if len(w) < 3 || strings.ContainsFunc(w, func(c rune) bool { return c >= 0x80 || !unicode.IsLetter(c) }) {
		return "", false
	}
	i := r.IntN(len(w))
	switch r.IntN(4) {
	case 0:
		list := neighbours[w[i]|0x20]
		return w[:i] + string(list[r.IntN(len(list))]) + w[i+1:], true
	case 1:
		if i = max(1, i); w[i-1] == w[i] {
			return w[:i] + w[i+1:], true
		}
		return w[:i-1] + string(w[i]) + string(w[i-1]) + w[i+1:], true
	case 2:
		return w[:i] + w[i+1:], true
	}
	return w[:i] + string(w[i]) + w[i:], true
}

// typos makes a slip in pct % of the words of three letters or more.
func typos(r *rand.Rand, s string, pct float64) (string, bool) {
	long := func(w string) bool { return len(w) >= 3 && mostlyASCII(w) }
	return changed(r, s, pct, long, func(w string) (string, bool) {
		d, ok := slip(r, w)
		return d, ok && d != w
	})
}

// What scanners take for each other.
var scans = []struct{ from, to string }{
	{"rn", "m"}, {"m", "rn"}, {"cl", "d"}, {"d", "cl"}, {"l", "1"}, {"I", "l"}, {"O", "0"}, {"0", "O"}, {"1", "l"},
	{"5", "S"}, {"S", "5"}, {"B", "8"},
	{"e", "c"}, {"c", "e"}, {"h", "b"}, {"u", "ii"}, {"n", "ri"}, {"a", "o"}, {"t", "f"}, {"f", "t"}, {"w", "vv"},
	{"g", "q"}, {"i", "j"}, {".", ","}, {",", "."}, {" ", ""},
	{"li", "h"}, {"ri", "n"}, {"s", "8"}, {"y", "v"}, {"b", "6"},
}

// misread makes pct % of the characters what scanners take them for.
func misread(r *rand.Rand, s string, pct float64) (string, bool) {
	want := int(math.Round(float64(len(s)) * pct / 100))
	if want == 0 || !mostlyASCII(s) {
		return "", false
	}
	done := 0
	at := r.Perm(len(s))
	put := map[int]string{}
	taken := make([]bool, len(s))
	for _, i := range at {
		if done == want {
			break
		}
		for _, k := range r.Perm(len(scans)) {
			c := scans[k]
			end := i + len(c.from)
			if strings.HasPrefix(s[i:], c.from) && !slices.Contains(taken[i:end], true) {
				for j := i; j < end; j++ {
					taken[j] = true
				}
				put[i] = c.to + "\x00" + c.from
				done++
				break
			}
		}
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if to, from, ok := strings.Cut(put[i], "\x00"); ok {
			b.WriteString(to)
			i += len(from) - 1
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String(), done == want
}

// withoutWords drops every word of the set.
func withoutWords(s string, drop map[string]bool) (string, bool) {
	var out []string
	dropped := 0
	for _, f := range strings.Fields(s) {
		if drop[strings.ToLower(strings.Trim(f, ".,;:?!\"'()"))] && !strings.ContainsAny(f, ".?!") {
			dropped++
			continue
		}
		out = append(out, f)
	}
	return strings.Join(out, " "), dropped >= 3 && mostlyASCII(s)
}

// spacesLost joins pct % of neighbouring words.
func spacesLost(r *rand.Rand, s string, pct float64) (string, bool) {
	var at []int
	for i := 1; i+1 < len(s); i++ {
		if s[i] == ' ' && s[i-1] != ' ' && s[i+1] != ' ' {
			at = append(at, i)
		}
	}
	want := int(math.Round(float64(len(at)) * pct / 100))
	lose := map[int]bool{}
	for _, k := range r.Perm(len(at))[:want] {
		lose[at[k]] = true
	}
	var b strings.Builder
	for i := range len(s) {
		if !lose[i] {
			b.WriteByte(s[i])
		}
	}
	return b.String(), want > 0
}

// split puts a blank into pct % of the words of five letters or more.
func split(r *rand.Rand, s string, pct float64) (string, bool) {
	long := func(w string) bool { return len(w) >= 5 && mostlyASCII(w) }
	return changed(r, s, pct, long, func(w string) (string, bool) {
		i := 2 + r.IntN(len(w)-3)
		return w[:i] + " " + w[i:], true
	})
}

// stuttered says pct % of the words twice.
func stuttered(r *rand.Rand, s string, pct float64) (string, bool) {
	return changed(r, s, pct, needsSpace, func(w string) (string, bool) { return w + " " + w, true })
}

// swapped exchanges pct % of the pairs of words that follow each other.
func swapped(r *rand.Rand, s string, pct float64) (string, bool) {
	f := strings.Split(s, " ")
	want := int(math.Round(float64(len(f)) * pct / 100))
	done := 0
	moved := make([]bool, len(f))
	for _, i := range r.Perm(max(0, len(f)-1)) {
		if done < want && !moved[i] && !moved[i+1] && f[i] != f[i+1] && f[i] != "" && f[i+1] != "" &&
			!strings.Contains(f[i]+f[i+1], "\n") {
			f[i], f[i+1] = f[i+1], f[i]
			moved[i], moved[i+1] = true, true
			done++
		}
	}
	return strings.Join(f, " "), want > 0 && done == want
}

var stemRE = regexp.MustCompile(`(ations?|ingly|ings?|edly|ed|ies|es|s|ly|ness|ment)$`)

// stemmed cuts endings off words, lower case, no punctuation.
func stemmed(s string) (string, bool) {
	cut := 0
	var out []string
	for _, w := range words(s) {
		if len(w) > 5 && mostlyASCII(w) {
			if t := stemRE.ReplaceAllString(w, ""); t != w && len(t) >= 3 {
				w = t
				cut++
			}
		}
		out = append(out, w)
	}
	return strings.Join(out, " "), mostlyASCII(s) && cut >= 3
}

// withoutVowels drops vowels inside the words of four letters or more.
func withoutVowels(s string) (string, bool) {
	return changed(rand.New(rand.NewPCG(1, 1)), s, 100, func(w string) bool {
		return len(w) >= 4 && isContent(w) && mostlyASCII(w)
	}, func(w string) (string, bool) {
		return w[:1] + strings.Map(func(c rune) rune {
			if strings.ContainsRune("aeiou", c) {
				return -1
			}
			return c
		}, w[1:]), true
	})
}

// share returns the words of s from one share to another, as they are in s.
func share(s string, from, to float64) (string, bool) {
	at := spans(s)
	first, last := int(math.Round(from*float64(len(at)))), int(math.Round(to*float64(len(at))))
	if first >= last {
		return "", false
	}
	return s[at[first].Start:at[last-1].End], last-first < len(at)
}

// withoutSentence drops one sentence that is neither the first nor the last of four or more.
func withoutSentence(r *rand.Rand, s string) (string, bool) {
	list := sentences(s)
	if len(list) < 4 {
		return "", false
	}
	i := 1 + r.IntN(len(list)-2)
	dropped := countWords(list[i])
	return strings.Join(slices.Delete(list, i, i+1), " "), dropped*3 <= countWords(s)
}

// reversed returns the sentences from the last to the first.
func reversed(s string) (string, bool) {
	list := sentences(s)
	slices.Reverse(list)
	return strings.Join(list, " "), len(list) >= 3
}

// lastFirst returns the last sentence before the others.
func lastFirst(s string) (string, bool) {
	list := sentences(s)
	if len(list) < 2 {
		return "", false
	}
	return strings.Join(append(list[len(list)-1:len(list):len(list)], list[:len(list)-1]...), " "), true
}

// inline returns options on one line.
func inline(list []string) string {
	var out []string
	for i, o := range list {
		out = append(out, fmt.Sprintf("(%c) %s", 'a'+i, o))
	}
	return strings.Join(out, " ")
}
