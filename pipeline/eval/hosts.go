package eval

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A host is a kind of page that documents are: the text around plants is set as such pages
// set theirs.
type host struct {
	name string
	set  func(r *rand.Rand, text string) string
}

// hosts lists the kinds of pages. Every second document is a plain text.
func hosts() []host {
	return []host{
		{"code", asCode}, {"forum", asForum}, {"pdf", asPDF}, {"log", asLog}, {"table", asCells}, {"chat", asChat},
		{"transcript", asTranscript},
	}
}

// pieces cuts a text into pieces of at least from and fewer than to words each.
func pieces(r *rand.Rand, text string, from, to int) (list []string) {
	for f := strings.Fields(text); len(f) > 0; {
		n := min(len(f), from+r.IntN(to-from))
		list, f = append(list, strings.Join(f[:n], " ")), f[n:]
	}
	return list
}

// clockTime returns a time of day as h:mm:ss.
func clockTime(second int) string {
	return fmt.Sprintf("%02d:%02d:%02d", second/3600%24, second/60%60, second%60)
}

var handles = strings.Fields("mossy_k drillbit quarkwise anneke_77 tomlo piperoni oldgrey nn_student rosehip")

// asCode sets a text as the comments of a source file.
func asCode(r *rand.Rand, text string) string {
	var b strings.Builder
	for i, line := range pieces(r, text, 8, 14) {
		if i%5 == 0 {
			if i > 0 {
				fmt.Fprintf(&b, "static int step_%d(int x)\n{\n\treturn x * %d + (x >> %d);\n}\n\n",
					i, 3+r.IntN(90), 1+r.IntN(6))
			}
		}
		b.WriteString("// " + line + "\n")
	}
	return b.String()
}

// asForum sets a text as the posts of a thread.
func asForum(r *rand.Rand, text string) string {
	var b strings.Builder
	for i, post := range pieces(r, text, 25, 90) {
		fmt.Fprintf(&b, "%s\nMember · %d posts\nPosted %d days ago · #%d\n\n%s\n\nQuote  Reply  Report  %d likes\n\n",
			handles[r.IntN(len(handles))], 1+r.IntN(4000), 1+r.IntN(900), i+1, post, r.IntN(40))
	}
	return b.String()
}

// asPDF sets a text in lines with words broken at their ends, and pages with heads and feet.
func asPDF(r *rand.Rand, text string) string {
	page := 1 + r.IntN(400)
	head := strings.ToUpper(strings.Join(strings.Fields(text + " notes on this")[:3], " "))
	broken, ok := hyphenated(strings.Join(strings.Fields(text), " "), 48+r.IntN(20))
	if !ok {
		broken, _ = wrapped(text, 60, true)
	}
	var b strings.Builder
	for i, line := range strings.Split(broken, "\n") {
		if i%34 == 0 {
			if i > 0 {
				fmt.Fprintf(&b, "%d\n\f", page)
				page++
			}
			fmt.Fprintf(&b, "%s        %d\n\n", head, page)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// asLog sets a text as the messages of a log.
func asLog(r *rand.Rand, text string) string {
	var b strings.Builder
	at := r.IntN(86400)
	for _, line := range pieces(r, text, 6, 16) {
		at += r.IntN(90)
		fmt.Fprintf(&b, "2023-%02d-%02dT%s.%03dZ %s [worker-%d] %s\n",
			1+r.IntN(12), 1+r.IntN(28), clockTime(at), r.IntN(1000), []string{"INFO", "DEBUG", "WARN"}[r.IntN(3)],
			r.IntN(9), line)
	}
	return b.String()
}

// asCells sets a text in the cells of a table.
func asCells(r *rand.Rand, text string) string {
	var b strings.Builder
	b.WriteString("| no. | entry | remark | kept |\n|---|---|---|---|\n")
	cells := pieces(r, text, 3, 12)
	for i := 0; i < len(cells); i += 2 {
		remark := "–"
		if i+1 < len(cells) {
			remark = cells[i+1]
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", i/2+1, cells[i], remark, []string{"yes", "no"}[r.IntN(2)])
	}
	return b.String()
}

// asChat sets a text as the messages of a chat.
func asChat(r *rand.Rand, text string) string {
	var b strings.Builder
	for _, line := range pieces(r, text, 3, 25) {
		fmt.Fprintf(&b, "<%s> %s\n", handles[r.IntN(len(handles))], line)
	}
	return b.String()
}

// asTranscript sets a text as what speakers say in a recording.
func asTranscript(r *rand.Rand, text string) string {
	var b strings.Builder
	at := 0
	for _, turn := range pieces(r, text, 15, 60) {
		fmt.Fprintf(&b, "SPEAKER %d (%s):\n%s\n", 1+r.IntN(3), clockTime(at), turn)
		if r.IntN(6) == 0 {
			b.WriteString([]string{"[laughter]\n", "[crosstalk]\n", "[inaudible]\n"}[r.IntN(3)])
		}
		at += 5 + r.IntN(50)
	}
	return b.String()
}
