// Package report writes the results of a run for a terminal: a table of counts, the
// strongest evidence, and everything that an audit has of one item.
package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"swab/pipeline/audit"

	"github.com/rivo/uniseg"
)

// CleanText returns hostile text in a form that is harmless on a terminal. Line breaks and tabs
// become spaces; other control characters become the pictures Unicode has for
// them (ESC is ␛) or, with characters that reorder or annotate text and bytes
// that are not UTF-8, U+FFFD. Other characters are unchanged.
func CleanText(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, hostile) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case !hostile(r):
			return r
		case '\t' <= r && r <= '\r', r == '\u0085', r == '\u2028', r == '\u2029':
			return ' '
		case r < ' ':
			return '\u2400' + r
		case r == 0x7f:
			return '\u2421'
		}
		return utf8.RuneError
	}, s)
}

func hostile(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) ||
		r == '\u2028' || r == '\u2029' || // line and paragraph separators
		'\u206a' <= r && r <= '\u206f' || // deprecated formatting
		'\ufff9' <= r && r <= '\ufffb' // interlinear annotation
}

// screenRows is the largest number of rows of a table that leaves room for the rest of a screen.
const screenRows = 30

// Table writes rows as a table of at most width columns; 0 is any width. Flagged is the state
// of the items that are counted as flagged. Names that do not fit are shortened with an
// ellipsis, down to 8 columns; numbers never are. For several benchmarks it adds a line for
// each method with their sums. A terminal, which has a width, gets no more than a screen where
// that is possible: of several methods a line a benchmark, or else the sums alone. A method that
// finds items for review has no row, unless there is no other.
func Table(w io.Writer, flagged audit.State, rows []audit.Row, width int) error {
	if others := slices.DeleteFunc(slices.Clone(rows), func(r audit.Row) bool { return r.Review }); len(others) > 0 {
		rows = others
	}
	sums := sumsOf(rows)
	several := slices.ContainsFunc(rows, func(r audit.Row) bool { return r.Benchmark != rows[0].Benchmark })
	if several {
		rows = slices.Concat(rows, sums)
	}
	if width > 0 && len(rows) > screenRows && len(sums) > 1 {
		if cells := wideCells(rows, sums); fits(cells, width) {
			return writeCells(w, cells, 1, width)
		}
		rows = sums
	}
	cells := [][]string{{
		"benchmark", "method", "items", flagged.String(), "clean", "not checkable", flagged.String() + "/items",
	}}
	for _, r := range rows {
		cells = append(cells, []string{
			CleanText(r.Benchmark), CleanText(r.Method), Thousands(r.Items), Thousands(r.Flagged),
			Thousands(r.Clean), Thousands(r.NotCheckable), Share(r.Flagged, r.Items),
		})
	}
	return writeCells(w, cells, 2, width)
}

// sumsOf returns the sums of rows by method.
func sumsOf(rows []audit.Row) (sums []audit.Row) {
	for _, r := range rows {
		i := slices.IndexFunc(sums, func(t audit.Row) bool { return t.Method == r.Method })
		if i < 0 {
			i = len(sums)
			sums = append(sums, audit.Row{Benchmark: "all", Method: r.Method})
		}
		t := &sums[i]
		t.Items += r.Items
		t.Flagged += r.Flagged
		t.Clean += r.Clean
		t.NotCheckable += r.NotCheckable
	}
	return sums
}

// wideCells returns a line a benchmark, with what each of the methods of sums flags.
func wideCells(rows, sums []audit.Row) [][]string {
	head := []string{"benchmark", "items"}
	for _, t := range sums {
		head = append(head, CleanText(t.Method))
	}
	cells := [][]string{head}
	for i, r := range rows {
		if i == 0 || r.Benchmark != rows[i-1].Benchmark {
			line := make([]string, len(head))
			line[0], line[1] = CleanText(r.Benchmark), Thousands(r.Items)
			cells = append(cells, line)
		}
		at := slices.IndexFunc(sums, func(t audit.Row) bool { return t.Method == r.Method })
		cells[len(cells)-1][2+at] = fmt.Sprintf("%s (%s)", Thousands(r.Flagged), Share(r.Flagged, r.Items))
	}
	return cells
}

// gap is the number of columns between two columns of a table.
const gap = 2

// columnWidths returns the width of each column of a table, and of all with the gaps.
func columnWidths(cells [][]string) (widths []int, total int) {
	widths = make([]int, len(cells[0]))
	for _, line := range cells {
		for i, cell := range line {
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	total = gap * (len(widths) - 1)
	for _, n := range widths {
		total += n
	}
	return widths, total
}

// fits reports whether a table has room if its first column is cut.
func fits(cells [][]string, width int) bool {
	widths, total := columnWidths(cells)
	return total-max(widths[0]-8, 0) <= width
}

// writeCells writes a table whose first columns are names, which are cut to the width.
func writeCells(w io.Writer, cells [][]string, names, width int) error {
	widths, total := columnWidths(cells)
	for i := range names { // names are cut, down to 8 columns
		if width > 0 && total > width {
			cut := max(min(total-width, widths[i]-8), 0)
			widths[i] -= cut
			total -= cut
		}
	}
	b := bufio.NewWriter(w)
	for _, line := range cells {
		for i, cell := range line {
			if i > 0 {
				b.WriteString(strings.Repeat(" ", gap))
			}
			cell = Shorten(cell, widths[i])
			pad := strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell))
			if i < names {
				b.WriteString(cell + pad)
			} else {
				b.WriteString(pad + cell)
			}
		}
		b.WriteByte('\n')
	}
	return b.Flush()
}

// Thousands returns n in decimal with commas.
func Thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Count returns a number with its unit, as in "1 item" or "1,200 items".
func Count(n int64, unit string) string {
	if n != 1 {
		unit += "s"
	}
	return Thousands(n) + " " + unit
}

// Bytes returns a number of bytes with a decimal unit.
func Bytes(n int64) string {
	v, unit := float64(n), "bytes"
	for _, next := range []string{"kB", "MB", "GB", "TB", "PB"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, next
	}
	if unit == "bytes" {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.3g %s", v, unit)
}

// Share returns n of all as a percentage with one decimal. A share above zero is never
// rounded to 0 %, and one below 100 % never to that.
func Share(n, all int64) string {
	if all == 0 {
		return "-"
	}
	switch s := fmt.Sprintf("%.1f%%", 100*float64(n)/float64(all)); {
	case s == "0.0%" && n > 0:
		return "<0.1%"
	case s == "100.0%" && n < all:
		return ">99.9%"
	default:
		return s
	}
}

// Shorten cuts clean text to at most width columns, with an ellipsis.
func Shorten(s string, width int) string {
	if uniseg.StringWidth(s) <= width {
		return s
	}
	var kept strings.Builder
	used := 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if used += g.Width(); used > width-1 {
			break
		}
		kept.WriteString(g.Str())
	}
	return kept.String() + "…"
}

// Hit is a piece of evidence with what a reader needs to judge it.
type Hit struct {
	audit.Evidence
	ItemText string // the words of the item that match, or more of it
	Method   string
	State    audit.State
	Share    float64 // of the item that is in one document, or 0 where it was not measured

	// Marks are all stretches of the document, in bytes of it, that belong to the match;
	// DocStart and DocEnd are one of them. If there are none, these two are the match.
	Marks [][2]int64
}

// docLines is the largest number of lines that a hit's document takes.
const docLines = 3

// Hits writes hits as blocks of at most six lines: the item and part that match, the
// document, the item's text, and the document's with the match marked. With color the
// match is bold and inverse and the text around it dim; without, it is in [[ ]]. Lines
// have at most width columns; under 20 means 80.
func Hits(w io.Writer, hits []Hit, color bool, width int) error {
	if width < 20 {
		width = 80
	}
	b := bufio.NewWriter(w)
	for i := range hits {
		h := &hits[i]
		if i > 0 {
			b.WriteByte('\n')
		}
		unit := audit.UnitOf(h.Norm)
		if h.Words != 1 {
			unit += "s"
		}
		where := CleanText(h.Benchmark + "/" + h.Split + "/" + h.Item)
		what := fmt.Sprintf(" %s: %s %s, %s %s", h.Part, Thousands(h.Words), unit, h.Method, h.State)
		what = Shorten(CleanText(what), max(width/2, width-uniseg.StringWidth(where)))
		fmt.Fprintf(b, "%s%s\n", Shorten(where, width-uniseg.StringWidth(what)), what)
		fmt.Fprintf(b, "%s\n", Shorten(CleanText(fmt.Sprintf("  in %s:%d %s", h.Shard, h.Row, h.DocID)), width))
		fmt.Fprintf(b, "%s\n", Shorten("  item: "+squeeze(h.ItemText), width))
		for _, line := range quote(h, color, width-2) {
			fmt.Fprintf(b, "  %s\n", line)
		}
	}
	return b.Flush()
}

// squeeze returns s as CleanText does, with one space in place of every run of white space.
func squeeze(s string) string { return strings.Join(strings.Fields(CleanText(s)), " ") }

// cell is a character as a reader sees it, which no line break splits.
type cell struct {
	text  string
	width int
	style style
}

type style byte

const (
	plain  style = iota
	around       // document text beside the match
	match
)

var escapes = [...]string{around: "\x1b[2m", match: "\x1b[1;7m"}

// quote returns the document's text in at most docLines lines of width columns. The text
// around the match takes at most half a line on each side, and the match the rest.
func quote(h *Hit, color bool, width int) []string {
	marks := h.Marks
	if len(marks) == 0 {
		marks = [][2]int64{{h.DocStart, h.DocEnd}}
	}
	marks = slices.SortedFunc(slices.Values(marks), func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	open, shut := []cell{{"[[", 2, match}}, []cell{{"]]", 2, match}}
	if color {
		open, shut = nil, nil
	}
	n := int64(len(h.DocText))
	var before, mid []cell
	end := int64(0)
	for i, m := range marks {
		from := min(max(m[0]-h.DocTextStart, end), n)
		to := min(max(m[1]-h.DocTextStart, from), n)
		if gap := cells(nil, h.DocText[end:from], around); i == 0 {
			before = gap
		} else {
			mid = slices.Concat(mid, shut, gap, open)
		}
		mid = cells(mid, h.DocText[from:to], match)
		end = to
	}
	after := cells(nil, h.DocText[end:], around)
	before = tail(before, width/2)
	after = head(after, width/2)
	// A line broken at a space can lose up to half of it, hence the margin.
	for room := docLines*width - columnsOf(before) - columnsOf(after) - 8; ; room -= width / 4 {
		short := mid
		if columnsOf(mid) > max(room, 8) { // so that both ends are cut
			keep := max(room/2-2, 4)
			short = slices.Concat(head(mid, keep), tail(mid, keep)[1:]) // one ellipsis
		}
		if lines := wrap(slices.Concat(before, open, short, shut, after), width); len(lines) <= docLines || room < 8 {
			return render(lines, color)
		}
	}
}

// cells appends the characters of s, cleaned, with white space squeezed to one
// space. White space at either end becomes one space too.
func cells(dst []cell, s string, st style) []cell {
	space := false
	for g := uniseg.NewGraphemes(CleanText(s)); g.Next(); {
		str := g.Str()
		blank := strings.TrimSpace(str) == ""
		if blank {
			if space {
				continue
			}
			str = " "
		}
		space = blank
		dst = append(dst, cell{str, uniseg.StringWidth(str), st})
	}
	return dst
}

func columnsOf(cs []cell) int {
	n := 0
	for _, c := range cs {
		n += c.width
	}
	return n
}

// head returns the first columns of cs, with an ellipsis if that is not all of it.
func head(cs []cell, columns int) []cell {
	if columnsOf(cs) <= columns {
		return cs
	}
	n, used := 0, 1
	for n < len(cs) && used+cs[n].width <= columns {
		used += cs[n].width
		n++
	}
	return slices.Concat(cs[:n], []cell{{"…", 1, cs[0].style}})
}

// tail returns the last columns of cs, with an ellipsis if that is not all of it.
func tail(cs []cell, columns int) []cell {
	if columnsOf(cs) <= columns {
		return cs
	}
	n, used := len(cs), 1
	for n > 0 && used+cs[n-1].width <= columns {
		n--
		used += cs[n].width
	}
	return append([]cell{{"…", 1, cs[0].style}}, cs[n:]...)
}

// wrap breaks cs into lines of at most width columns, at a space where the
// second half of the line has one, else between any two characters.
func wrap(cs []cell, width int) [][]cell {
	var lines [][]cell
	for len(cs) > 0 {
		n, used, space := 0, 0, -1
		for n < len(cs) && used+cs[n].width <= width {
			used += cs[n].width
			if cs[n].text == " " && used > width/2 {
				space = n
			}
			n++
		}
		n = max(n, 1)
		switch {
		case n == len(cs), cs[n].text == " ":
		case space >= 0:
			n = space
		}
		lines = append(lines, cs[:n])
		for cs = cs[n:]; len(cs) > 0 && cs[0].text == " "; {
			cs = cs[1:]
		}
	}
	return lines
}

func render(lines [][]cell, color bool) []string {
	var out []string
	for _, line := range lines {
		var b strings.Builder
		last := plain
		for _, c := range line {
			if color && c.style != last {
				if last != plain {
					b.WriteString("\x1b[0m")
				}
				b.WriteString(escapes[c.style])
				last = c.style
			}
			b.WriteString(c.text)
		}
		if last != plain {
			b.WriteString("\x1b[0m")
		}
		out = append(out, b.String())
	}
	return out
}
