package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"swab/ngram"
)

// Every function here returns a disturbed text, and false where the text has nothing
// that could be disturbed in this way.

// spans lists the spans of the words of text. Of words that one character means
// together (½ is 1 and 2), the first has the character and the others nothing.
func spans(text string) (list []ngram.Span) {
	s := wordScanners.Get().(*ngram.Scanner)
	defer wordScanners.Put(s)
	end := uint32(0)
	for _, span := range s.Words([]byte(text)) {
		span.Start, span.End = max(span.Start, end), max(span.End, end)
		end = span.End
		list = append(list, span)
	}
	return list
}

// wordScanners are scanners not in use: one is 33 KB, and texts are short.
var wordScanners = sync.Pool{New: func() any {
	s, err := ngram.Words(1).NewScanner()
	if err != nil {
		panic(err) // a constant recipe
	}
	return s
}}

func countWords(text string) int { return len(spans(text)) }

// words lists the words of text in normal form.
func words(text string) (list []string) {
	s := wordScanners.Get().(*ngram.Scanner)
	defer wordScanners.Put(s)
	for w := range s.Words([]byte(text)) {
		list = append(list, string(w))
	}
	return list
}

func otherCase(r *rand.Rand, s string) (string, bool) {
	var t string
	switch r.IntN(3) {
	case 0:
		t = strings.ToUpper(s)
	case 1:
		t = strings.ToLower(s)
	default:
		first := true
		t = strings.Map(func(c rune) rune {
			up := first
			first = unicode.IsSpace(c)
			if up {
				return unicode.ToUpper(c)
			}
			return c
		}, s)
	}
	return t, t != s
}

// noPunctuation drops punctuation between words and keeps it inside them.
func noPunctuation(s string) (string, bool) {
	fields := strings.FieldsFunc(s, func(c rune) bool {
		return unicode.IsSpace(c) || strings.ContainsRune("。，、！？；：「」（）।،؟", c)
	})
	var kept []string
	for _, f := range fields {
		if f = strings.Trim(f, ".,;:!?\"'()[]{}“”‘’…-–—"); f != "" {
			kept = append(kept, f)
		}
	}
	t := strings.Join(kept, " ")
	return t, t != strings.Join(strings.Fields(s), " ")
}

// typographic sets quotes, dashes, ellipses and some spaces as printers do.
func typographic(s string) (string, bool) {
	var b strings.Builder
	changed := 0
	rs := []rune(s)
	for i := 0; i < len(rs); i++ {
		opens := i == 0 || unicode.IsSpace(rs[i-1]) || strings.ContainsRune("([{", rs[i-1])
		put := ""
		switch c := rs[i]; {
		case c == '"' && opens:
			put = "“"
		case c == '"':
			put = "”"
		case c == '\'' && opens:
			put = "‘"
		case c == '\'':
			put = "’"
		case c == '-' && i > 0 && i+1 < len(rs) && rs[i-1] == ' ' && rs[i+1] == ' ':
			put = "–"
		case c == '-':
			put = "‐"
		case c == '.' && i+2 < len(rs) && rs[i+1] == '.' && rs[i+2] == '.':
			put = "…"
			i += 2
		case c == ' ' && i+1 < len(rs) && unicode.IsDigit(rs[i+1]):
			put = "\u00a0"
		default:
			b.WriteRune(c)
			continue
		}
		b.WriteString(put)
		if put != "\u00a0" {
			changed++
		}
	}
	return b.String(), changed >= 2
}

// fullWidth returns ASCII in its wide forms.
func fullWidth(s string) (string, bool) {
	ascii, all := 0, 0
	t := strings.Map(func(c rune) rune {
		all++
		if c > ' ' && c < 0x7f {
			ascii++
			return c - 0x20 + 0xff00
		}
		return c
	}, s)
	return t, ascii*2 > all
}

// lines breaks text into lines of at most the number of fields, or, with columns, of
// characters where fields allow it.
func lines(s string, most int, columns bool) (out []string) {
	var line []string
	length := 0
	flush := func() {
		if len(line) > 0 {
			out = append(out, strings.Join(line, " "))
			line, length = nil, 0
		}
	}
	for _, f := range strings.Fields(s) {
		n := 1
		if columns {
			n = utf8.RuneCountInString(f) + 1
		}
		if length+n > most {
			flush()
		}
		line = append(line, f)
		length += n
	}
	flush()
	return out
}

func wrapped(s string, most int, columns bool) (string, bool) {
	l := lines(s, most, columns)
	return strings.Join(l, "\n"), len(l) > 1
}

// prefixed puts a mark before each line.
func prefixed(s, mark string, wrap int) string {
	var out []string
	for _, par := range strings.Split(s, "\n") {
		l := []string{par}
		if wrap > 0 {
			l = lines(par, wrap, true)
		}
		for _, line := range l {
			out = append(out, mark+line)
		}
	}
	return strings.Join(out, "\n")
}

// groups cuts text at spaces into groups of low to high fields, and returns them and
// what is between them.
func groups(r *rand.Rand, s string, low, high int) (list, between []string) {
	at := 0
	fields := regexp.MustCompile(`\S+`).FindAllStringIndex(s, -1)
	for i := 0; i < len(fields); {
		n := min(low+r.IntN(high-low+1), len(fields)-i)
		from, to := fields[i][0], fields[i+n-1][1]
		between = append(between, s[at:from])
		list = append(list, s[from:to])
		at, i = to, i+n
	}
	return list, append(between, s[at:])
}

// inHTML puts tags around words and phrases.
func inHTML(r *rand.Rand, s string) (string, bool) {
	text := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	list, between := groups(r, s, 1, 4)
	if len(list) < 4 {
		return "", false
	}
	var b strings.Builder
	b.WriteString(`<div class="post">`)
	marked := 0
	for i, g := range list {
		b.WriteString(strings.Replace(between[i], "\n", "<br/>\n", 1))
		g = text.Replace(g)
		n := r.IntN(9)
		if i == 1 {
			n = 0
		}
		switch n {
		case 0:
			g = "<b>" + g + "</b>"
		case 1:
			g = fmt.Sprintf(`<span class="w%d">%s</span>`, r.IntN(90), g)
		case 2:
			g = fmt.Sprintf(`<a href="https://example.org/page/%d?ref=more" title="read more">%s</a>`, r.IntN(9000), g)
		case 3:
			g = "<em>" + g + "</em>"
		case 4:
			g = fmt.Sprintf("<font color=\"#%06x\" size=\"2\">%s</font>", r.IntN(1<<24), g)
		default:
			marked--
		}
		marked++
		b.WriteString(g)
	}
	b.WriteString("</div>")
	return b.String(), marked > 0
}

// inMarkdown puts emphasis, links, code and list marks around phrases and lines.
func inMarkdown(r *rand.Rand, s string) (string, bool) {
	list, between := groups(r, s, 1, 4)
	if len(list) < 4 {
		return "", false
	}
	var b strings.Builder
	if strings.Contains(s, "\n") {
		b.WriteString("### ")
	}
	for i, g := range list {
		gap := between[i]
		if strings.Contains(gap, "\n") {
			gap = "\n- "
		}
		b.WriteString(gap)
		n := r.IntN(9)
		if i == 1 {
			n = 0
		}
		switch n {
		case 0:
			g = "**" + g + "**"
		case 1:
			g = "_" + g + "_"
		case 2:
			g = fmt.Sprintf("[%s](https://example.org/wiki/%d)", g, r.IntN(9000))
		case 3:
			g = "`" + g + "`"
		}
		b.WriteString(g)
	}
	return b.String(), true
}

var (
	fracRE    = regexp.MustCompile(`\b(\d+) ?/ ?(\d+)\b`)
	powRE     = regexp.MustCompile(`\b([a-zA-Z0-9]+)\^\(?([a-z0-9]+)\)?`)
	sqrtRE    = regexp.MustCompile(`sqrt\(([^()]+)\)|√(\d+)`)
	timesRE   = regexp.MustCompile(`(\d) ?[*×] ?(\d)`)
	numberRE  = regexp.MustCompile(`(^|[\s(])(\d[\d,]*(?:\.\d+)?)([\s,.;:?!)]|$)`)
	texFracRE = regexp.MustCompile(`\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}`)
	texSqrtRE = regexp.MustCompile(`\\sqrt\{([^{}]*)\}`)
	texPowRE  = regexp.MustCompile(`([\^_])\{([^{}]*)\}`)
	texNameRE = regexp.MustCompile(`\\(?:text\w*|math\w+)\{([^{}]*)\}`)
	texGapRE  = regexp.MustCompile(`\\(?:(?:left|right|quad|displaystyle)\b|[,;! ])`)
	texRE     = regexp.MustCompile(`\\(?:[dt]?frac|sqrt|times|cdot|leq?|geq?|neq?|pi|infty|` +
		`text\w*|math\w+|sum|int|alpha|beta|sigma|mu|theta|lambda)\b|\^\{`)
	mathRE = regexp.MustCompile(`\$([^$\n]+)\$`)
)

// inLaTeX spells plain arithmetic as LaTeX does.
func inLaTeX(s string) (string, bool) {
	if strings.Contains(s, `\`) || mathRE.MatchString(s) && strings.Contains(s, "^{") {
		return "", false
	}
	t := strings.NewReplacer("$", `\$`, "%", `\%`).Replace(s)
	t = fracRE.ReplaceAllString(t, `$$\frac{$1}{$2}$$`)
	t = sqrtRE.ReplaceAllString(t, `$$\sqrt{$1$2}$$`)
	t = powRE.ReplaceAllString(t, `$$$1^{$2}$$`)
	t = timesRE.ReplaceAllString(t, `$1 \times $2`)
	t = numberRE.ReplaceAllString(t, `$1$$$2$$$3`)
	return t, strings.Count(t, `\`)+strings.Count(t, "$") >= 3
}

// fromLaTeX spells LaTeX as plain text.
func fromLaTeX(s string) (string, bool) {
	if !texRE.MatchString(s) {
		return "", false
	}
	t := texFracRE.ReplaceAllString(s, "$1/$2")
	t = texSqrtRE.ReplaceAllString(t, "√($1)")
	t = strings.NewReplacer(`\times`, "×", `\cdot`, "·", `\leq`, "≤", `\geq`, "≥", `\neq`, "≠", `\pi`, "π", `\infty`,
		"∞", `\ldots`, "…", `\to`, "→", `\%`, "%", `\$`, "$").Replace(t)
	t = texPowRE.ReplaceAllString(t, "$1$2")
	t = mathRE.ReplaceAllString(t, "$1")
	t = texNameRE.ReplaceAllString(t, "$1")
	t = texGapRE.ReplaceAllString(t, "")
	return t, t != s
}

// An edit is a way of changing some of the words of a text.
type edit int

const (
	replaceWord edit = iota
	deleteWord
	insertWord
)

// edited edits pct % of the words, rounded, at places of its own choice; with every,
// every every-th word instead. New words come from pool.
func edited(r *rand.Rand, s string, e edit, pct float64, every int, pool func(r *rand.Rand) string) (string, bool) {
	at := spans(s)
	n := int(math.Round(float64(len(at)) * pct / 100))
	chosen := make([]bool, len(at))
	if every > 0 {
		for i := every - 1; i < len(at); i += every {
			chosen[i] = true
		}
		n = len(at) / every
	} else {
		for _, i := range r.Perm(len(at))[:min(n, len(at))] {
			chosen[i] = true
		}
	}
	if n == 0 {
		return "", false
	}
	var b strings.Builder
	end := uint32(0)
	for i, span := range at {
		if !chosen[i] {
			continue
		}
		old := s[span.Start:span.End]
		spaced := needsSpace(old)
		word := pool(r)
		for tries := 0; strings.EqualFold(word, old) && tries < 50; tries++ {
			word = pool(r)
		}
		switch e {
		case replaceWord:
			b.WriteString(s[end:span.Start])
			b.WriteString(word)
		case deleteWord:
			gap := s[end:span.Start]
			b.WriteString(gap)
			if int(span.End) < len(s) && s[span.End] == ' ' && strings.HasSuffix(gap, " ") {
				span.End++
			}
		case insertWord:
			b.WriteString(s[end:span.Start])
			b.WriteString(word)
			if spaced {
				b.WriteByte(' ')
			}
			b.WriteString(old)
		}
		end = span.End
	}
	b.WriteString(s[end:])
	return b.String(), true
}

// needsSpace reports whether a word's script sets spaces between words.
func needsSpace(w string) bool {
	c, _ := utf8.DecodeRuneInString(w)
	return !unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer,
		unicode.Myanmar)
}

// sentences cuts text behind full stops, question marks and line ends.
func sentences(s string) (list []string) {
	from := 0
	rs := []rune(s)
	pos := make([]int, len(rs)+1)
	for i, c := range rs {
		pos[i+1] = pos[i] + utf8.RuneLen(c)
	}
	cut := func(to int) {
		if t := strings.TrimSpace(s[from:to]); t != "" {
			list = append(list, t)
		}
		from = to
	}
	for i, c := range rs {
		switch {
		case strings.ContainsRune("。！？", c), c == '\n':
			cut(pos[i+1])
		case strings.ContainsRune(".!?।؟", c) && i+1 < len(rs) && unicode.IsSpace(rs[i+1]):
			cut(pos[i+1])
		}
	}
	cut(len(s))
	return list
}

// permuted returns a permutation of n that is not the identity.
func permuted(r *rand.Rand, n int) []int {
	for {
		p := r.Perm(n)
		if n < 2 || !slices.IsSorted(p) {
			return p
		}
	}
}

func reordered(r *rand.Rand, s string) (string, bool) {
	list := sentences(s)
	if len(list) < 3 {
		return "", false
	}
	var out []string
	for _, i := range permuted(r, len(list)) {
		out = append(out, list[i])
	}
	return strings.Join(out, " "), !slices.Equal(out, list)
}

func shuffled(r *rand.Rand, s string) (string, bool) {
	at := spans(s)
	var out []string
	for _, i := range permuted(r, len(at)) {
		out = append(out, s[at[i].Start:at[i].End])
	}
	return strings.Join(out, " "), len(at) >= 8
}

// inTable spreads phrases over the cells of a table.
func inTable(r *rand.Rand, s string) (string, bool) {
	var cells []string
	for _, piece := range sentences(s) {
		list, _ := groups(r, piece, 5, 9)
		cells = append(cells, list...)
	}
	if len(cells) < 3 {
		return "", false
	}
	columns := 2 + r.IntN(3)
	var b strings.Builder
	style := r.IntN(3)
	switch style {
	case 0:
		b.WriteString("|" + strings.Repeat(" |", columns) + "\n|" + strings.Repeat("---|", columns) + "\n")
	case 1:
		b.WriteString("<table border=\"1\">\n")
	}
	for i := 0; i < len(cells); i += columns {
		row := cells[i:min(i+columns, len(cells))]
		switch style {
		case 0:
			b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		case 1:
			b.WriteString("<tr><td>" + strings.Join(row, "</td><td>") + "</td></tr>\n")
		default:
			b.WriteString(strings.Join(row, "\t") + "\n")
		}
	}
	if style == 1 {
		b.WriteString("</table>\n")
	}
	return b.String(), true
}

// hyphenated sets text in lines that end inside words.
func hyphenated(s string, columns int) (string, bool) {
	var b strings.Builder
	col, cuts := 0, 0
	for _, f := range strings.Fields(s) {
		rs := []rune(f)
		room := columns - col
		letters := !slices.ContainsFunc(rs, func(c rune) bool { return !unicode.IsLetter(c) || !needsSpace(string(c)) })
		switch {
		case col > 0 && len(rs)+1 > room && letters && len(rs) >= 6 && room >= 5:
			cut := min(room-2, len(rs)-3)
			b.WriteString(" " + string(rs[:cut]) + "-\n" + string(rs[cut:]))
			col = len(rs) - cut
			cuts++
		case col > 0 && len(rs)+1 > room:
			b.WriteString("\n" + f)
			col = len(rs)
		case col > 0:
			b.WriteString(" " + f)
			col += 1 + len(rs)
		default:
			b.WriteString(f)
			col = len(rs)
		}
	}
	return b.String(), cuts > 0
}

// interleaved returns the sentences, or lines, of two texts in turn.
func interleaved(a, b []string) (string, bool) {
	if len(a) < 3 || len(b) < 3 {
		return "", false
	}
	var out []string
	for i := range max(len(a), len(b)) {
		if i < len(a) {
			out = append(out, a[i])
		}
		if i < len(b) {
			out = append(out, b[i])
		}
	}
	return strings.Join(out, "\n"), true
}

var (
	digitsRE = regexp.MustCompile(`\d+`)
	nameRE   = regexp.MustCompile(`\b[A-Z][a-z]{2,}\b`)
)

// names that replace names in variants.
var names = []string{"Alodie", "Bertram", "Corvin", "Dagny", "Evander", "Fenella", "Gudrun", "Horatio", "Isolde",
	"Jorunn", "Kester", "Leocadia", "Merrick", "Nerissa", "Osric", "Perpetua"}

// otherNumbers returns the text with another value of as many digits for every number.
// It wants two numbers at least.
func otherNumbers(r *rand.Rand, s string) (string, bool) {
	changed := 0
	t := digitsRE.ReplaceAllStringFunc(s, func(old string) string {
		n, err := strconv.Atoi(old)
		if err != nil || len(old) > 9 {
			return old
		}
		low := int(math.Pow10(len(old) - 1))
		next := n
		for next == n {
			next = low + r.IntN(9*low)
		}
		changed++
		return strconv.Itoa(next)
	})
	return t, changed >= 2
}

// otherNames returns the text with other names: of words with a capital that it has
// twice or more, not at the beginning of a sentence alone.
func otherNames(r *rand.Rand, s string) (string, bool) {
	var list []string
	for _, m := range nameRE.FindAllStringIndex(s, -1) {
		w := s[m[0]:m[1]]
		inside := m[0] >= 2 && s[m[0]-1] == ' ' && !strings.ContainsRune(".!?:\"”", rune(s[m[0]-2]))
		if inside && isContent(strings.ToLower(w)) && strings.Count(s, w) > 1 && !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	next := r.Perm(len(names))
	for i, w := range list {
		if i < len(next) {
			s = regexp.MustCompile(`\b`+w+`\b`).ReplaceAllString(s, names[next[i]])
		}
	}
	return s, len(list) > 0
}

// An option is a choice without its letter.
var letterRE = regexp.MustCompile(`^\s*(\([A-Ha-h]\)|[A-H][).:])\s*`)

// options lists the choices of an item without letters.
func options(choices string) (list []string) {
	if choices == "" {
		return nil
	}
	for _, c := range strings.Split(choices, "\n") {
		if c = strings.TrimSpace(letterRE.ReplaceAllString(c, "")); c != "" {
			list = append(list, c)
		}
	}
	return list
}

// lettered lists options behind letters or numbers of a style.
func lettered(list []string, style int) string {
	var out []string
	for i, o := range list {
		var mark string
		switch letter := string(rune('A' + i)); style {
		case 0:
			mark = letter + ". "
		case 1:
			mark = "(" + letter + ") "
		case 2:
			mark = strconv.Itoa(i+1) + ". "
		case 3:
			mark = strings.ToLower(letter) + ") "
		case 4:
			mark = "[" + strconv.Itoa(i+1) + "] "
		default:
			mark = []string{"i. ", "ii. ", "iii. ", "iv. ", "v. ", "vi. ", "vii. ", "viii. "}[min(i, 7)]
		}
		out = append(out, mark+o)
	}
	return strings.Join(out, "\n")
}
