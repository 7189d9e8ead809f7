package eval

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"
)

// eachGroup rewrites groups of one to three fields: mark gets the number of the group,
// a random number below ten and the group's text. The second group always gets 0. What
// separates groups is kept, except line ends, which become newline.
func eachGroup(r *rand.Rand, s, newline string, mark func(i, n int, g string) string) (string, bool) {
	list, between := groups(r, s, 1, 3)
	if len(list) < 4 {
		return "", false
	}
	var b strings.Builder
	for i, g := range list {
		gap := between[i]
		if strings.Contains(gap, "\n") {
			gap = newline
		}
		n := r.IntN(10)
		if i == 1 {
			n = 0
		}
		b.WriteString(gap + mark(i, n, g))
	}
	return b.String(), true
}

// inWikitext puts a heading, bold, links, references and templates around phrases.
func inWikitext(r *rand.Rand, s string) (string, bool) {
	t, ok := eachGroup(r, s, "\n* ", func(_, n int, g string) string {
		switch n {
		case 0:
			return "[[" + g + "]]"
		case 1:
			return "[[Article " + fmt.Sprint(r.IntN(900)) + "|" + g + "]]"
		case 2:
			return "'''" + g + "'''"
		case 3:
			return g + fmt.Sprintf("<ref name=\"n%d\">{{cite web|url=https://example.org/%d|title=Notes}}</ref>", r.IntN(99),
				r.IntN(9000))
		}
		return g
	})
	return "== Exercise ==\n" + t + "\n{{reflist}}\n[[Category:Exercises]]", ok
}

// inHTMLList makes each sentence or line an entry of a list, with inline tags and
// named and numbered character references.
func inHTMLList(r *rand.Rand, s string) (string, bool) {
	list := sentences(s)
	if len(list) < 2 {
		return "", false
	}
	refs := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;", "’", "&rsquo;")
	var b strings.Builder
	b.WriteString("<ol class=\"quiz\">\n")
	for _, x := range list {
		var out []string
		for _, f := range strings.Fields(x) {
			switch f = refs.Replace(f); r.IntN(9) {
			case 0:
				f = "<strong>" + f + "</strong>"
			case 1:
				f = "<i>" + f + "</i>"
			case 2:
				f += "&nbsp;"
			}
			out = append(out, f)
		}
		fmt.Fprintf(&b, "  <li value=\"%d\"><p>%s</p></li>\n", r.IntN(90), strings.Join(out, " "))
	}
	b.WriteString("</ol>")
	return b.String(), true
}

// marked wraps s to at most columns characters and puts before each line what mark returns.
func marked(s string, columns int, mark func(i int) string) (string, bool) {
	rows := lines(s, columns, true)
	for i := range rows {
		rows[i] = mark(i) + rows[i]
	}
	return strings.Join(rows, "\n"), len(rows) > 1
}

func lineNumbers(r *rand.Rand, s string) (string, bool) {
	from, format := 1+r.IntN(400), []string{"%4d  ", "%d: ", "%d\t", "[%03d] "}[r.IntN(4)]
	return marked(s, 40+r.IntN(30), func(i int) string { return fmt.Sprintf(format, from+i) })
}

func inDiff(r *rand.Rand, s string) (string, bool) {
	rows := lines(s, 50+r.IntN(20), true)
	for i := range rows {
		rows[i] = "+" + rows[i]
	}
	at := r.IntN(300)
	head := fmt.Sprintf("--- a/notes/task%d.md\n+++ b/notes/task%d.md\n@@ -%d,3 +%d,%d @@\n \n-(to be written)\n", at,
		at, at, at, len(rows)+3)
	return head + strings.Join(rows, "\n") + "\n \n", len(rows) > 1
}

// clock returns a time of day in seconds as hours, minutes and seconds.
func clock(s int) string { return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60) }

// subtitles returns s as numbered and timed pieces of a film's text.
func subtitles(r *rand.Rand, s string) (string, bool) {
	rows := lines(s, 32+r.IntN(12), true)
	var b strings.Builder
	n, at := 1+r.IntN(300), r.IntN(3000)
	for _, row := range rows {
		long := 2 + r.IntN(4)
		fmt.Fprintf(&b, "%d\n%s,%03d --> %s,%03d\n%s\n\n", n, clock(at), r.IntN(1000), clock(at+long), r.IntN(1000), row)
		n, at = n+1, at+long
	}
	return b.String(), len(rows) > 2
}

// captions is subtitles of the other common format, without numbers, with settings
// and a time before some of the words.
func captions(r *rand.Rand, s string) (string, bool) {
	rows := lines(s, 30, true)
	var b strings.Builder
	b.WriteString("WEBVTT\n\n")
	at := r.IntN(3000)
	for _, row := range rows {
		fmt.Fprintf(&b, "%s.%03d --> %s.%03d align:start position:0%%\n", clock(at), r.IntN(1000), clock(at+3), r.IntN(1000))
		for i, f := range strings.Fields(row) {
			if i > 0 && r.IntN(4) == 0 {
				fmt.Fprintf(&b, "<%s.%03d><c> %s</c>", clock(at+1), r.IntN(1000), f)
				continue
			}
			b.WriteString(" " + f)
		}
		b.WriteString("\n\n")
		at += 3
	}
	return b.String(), len(rows) > 2
}

// mailRewrapped wraps s, quotes it, and wraps it again narrower, as mail programs do
// that break a quoted line and do not mark the rest.
func mailRewrapped(r *rand.Rand, s string) (string, bool) {
	rows := lines(s, 72, true)
	var out []string
	for _, row := range rows {
		for i, piece := range lines(row, 50+r.IntN(12), true) {
			if i == 0 || r.IntN(2) == 0 {
				piece = "> " + piece
			}
			out = append(out, piece)
		}
	}
	return "On Tuesday the teacher wrote:\n" + strings.Join(out, "\n"), len(out) > 2
}

// blamed puts commit, author and date before each line.
func blamed(r *rand.Rand, s string) (string, bool) {
	from := 1 + r.IntN(200)
	return marked(s, 55, func(i int) string {
		return fmt.Sprintf("%08x (Ann Editor 2019-%02d-%02d %d) ", r.Uint32(), 1+r.IntN(12), 1+r.IntN(28), from+i)
	})
}

// inChatLog makes each line a message of a channel.
func inChatLog(r *rand.Rand, s string) (string, bool) {
	at := r.IntN(60000)
	return marked(s, 50+r.IntN(30), func(int) string {
		at += 1 + r.IntN(9)
		return "[" + clock(at) + "] <quizbot> "
	})
}

// inLaTeXDocument returns s as an entry of a list, with commands around phrases,
// quotes and signs as LaTeX wants them.
func inLaTeXDocument(r *rand.Rand, s string) (string, bool) {
	if strings.ContainsAny(s, `\$^{}`) {
		return "", false
	}
	s = strings.NewReplacer("%", `\%`, "&", `\&`, "#", `\#`, "_", `\_`, "~", `\textasciitilde{}`).Replace(s)
	t, ok := eachGroup(r, s, "\n  \\item ", func(_, n int, g string) string {
		switch n {
		case 0:
			return `\textbf{` + g + `}`
		case 1:
			return `\emph{` + g + `}`
		case 2:
			return g + fmt.Sprintf(`\footnote{See~\cite{note%d}.}`, r.IntN(90))
		case 3:
			return strings.ReplaceAll(g, " ", "~")
		}
		return g
	})
	return "\\begin{enumerate}\n  \\item " + t + "\n\\end{enumerate}", ok
}

func inBBCode(r *rand.Rand, s string) (string, bool) {
	t, ok := eachGroup(r, s, "\n[*]", func(_, n int, g string) string {
		switch n {
		case 0:
			return "[b]" + g + "[/b]"
		case 1:
			return "[i]" + g + "[/i]"
		case 2:
			return fmt.Sprintf("[url=https://example.org/t/%d]%s[/url]", r.IntN(9000), g)
		case 3:
			return "[color=#aa3300]" + g + "[/color]"
		}
		return g
	})
	return "[quote=\"anna, post:3\"]\n" + t + "\n[/quote]", ok
}

func inRoff(r *rand.Rand, s string) (string, bool) {
	s = strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\e`), "-", `\-`)
	t, ok := eachGroup(r, s, "\n.PP\n", func(_, n int, g string) string {
		switch n {
		case 0:
			return `\fB` + g + `\fR`
		case 1:
			return `\fI` + g + `\fP`
		case 2:
			return g + "\n"
		}
		return g
	})
	return ".SH EXERCISE\n.PP\n" + strings.ReplaceAll(t, "\n ", "\n"), ok
}

// withFootnotes puts marks of footnotes behind words, and notes below.
func withFootnotes(r *rand.Rand, s string) (string, bool) {
	n := 0
	t, ok := eachGroup(r, s, "\n", func(_, k int, g string) string {
		if k > 1 {
			return g
		}
		n++
		return g + fmt.Sprintf("[%d]", n)
	})
	for i := range n {
		t += fmt.Sprintf("\n[%d] See the notes to chapter %d.", i+1, 1+r.IntN(30))
	}
	return t, ok && n > 1
}

// pageBreak puts the foot of a page and the head of the next into the middle of s, and
// breaks lines as print does.
func pageBreak(r *rand.Rand, s string) (string, bool) {
	rows := lines(s, 60, true)
	if len(rows) < 2 {
		return "", false
	}
	page := 2 + r.IntN(300)
	foot := fmt.Sprintf("\n\n%d\n\f\nCHAPTER %d. EXERCISES AND SOLUTIONS    %d\n\n", page, 1+r.IntN(20), page+1)
	at := 1 + r.IntN(len(rows)-1)
	return strings.Join(rows[:at], "\n") + foot + strings.Join(rows[at:], "\n"), true
}

// twoColumns sets s in the left of two columns, another text in the right one, as
// print reads when columns are not kept apart.
func twoColumns(s, other string) (string, bool) {
	left, right := lines(s, 40, true), lines(other, 40, true)
	if len(left) < 2 || len(right) < len(left) || !mostlyASCII(s) {
		return "", false
	}
	for i := range left {
		left[i] = fmt.Sprintf("%-44s%s", left[i], right[i])
	}
	return strings.Join(left, "\n"), true
}

// spacedCJK puts a blank between Chinese and Japanese characters.
func spacedCJK(s string) (string, bool) {
	var b strings.Builder
	put := 0
	rs := []rune(s)
	for i, c := range rs {
		b.WriteRune(c)
		if i+1 < len(rs) && unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana) && unicode.IsLetter(rs[i+1]) {
			b.WriteByte(' ')
			put++
		}
	}
	return b.String(), put >= 8
}

// wrappedCJK ends a line after every eighteen characters, and begins it with a blank
// as wide as one.
func wrappedCJK(s string) (string, bool) {
	rs := []rune(strings.ReplaceAll(s, "\n", ""))
	wide := 0
	var b strings.Builder
	for i, c := range rs {
		if !needsSpace(string(c)) {
			wide++
		}
		if i > 0 && i%18 == 0 {
			b.WriteString("\n\u3000")
		}
		b.WriteRune(c)
	}
	return b.String(), wide*2 > len(rs) && len(rs) > 30
}
