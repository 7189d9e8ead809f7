package review

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/ngram/reworded"
	"swab/pipeline/audit"
	"swab/pipeline/report"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// Run shows the session on a terminal until the reader quits. Every mark is saved when
// it is made.
func (s *Session) Run(ctx context.Context, in io.Reader, out io.Writer) error {
	_, err := tea.NewProgram(newScreen(ctx, s), tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out)).Run()
	return err
}

// screen is what the terminal shows: one item.
type screen struct {
	ctx           context.Context
	s             *Session
	shown         []*entry // those that match the filter
	at            int
	body          []string // lines of the item, wrapped
	top           int      // first visible line of the body
	width, height int
	filter        string
	asking        string // the field being typed: "filter", "note" or ""
	typed         []rune
	message       string
}

func newScreen(ctx context.Context, s *Session) *screen {
	m := &screen{ctx: ctx, s: s, shown: s.cases, width: 80, height: 24}
	if s.gone > 0 {
		m.message = fmt.Sprintf("%d benchmark files could not be read again: only the matches of their items are shown",
			s.gone)
	}
	m.layout()
	return m
}

// Init is part of tea.Model.
func (m *screen) Init() tea.Cmd { return nil }

// Update is part of tea.Model: it acts on a key, a paste or a new window size.
func (m *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = max(msg.Width, 20), max(msg.Height, 6)
		m.layout()
	case tea.PasteMsg:
		if m.asking != "" {
			m.typed = append(m.typed, []rune(report.CleanText(msg.Content))...)
		}
	case tea.KeyPressMsg:
		if msg.String() == "ctrl+c" {
			return m, tea.Quit
		}
		if m.asking != "" {
			m.typing(msg)
			return m, nil
		}
		return m, m.key(msg.String())
	}
	return m, nil
}

func (m *screen) key(key string) tea.Cmd {
	m.message = ""
	page := m.room() - 1
	switch key {
	case "n", "right", "enter":
		m.move(1)
	case "p", "left":
		m.move(-1)
	case "down":
		m.scroll(1)
	case "up":
		m.scroll(-1)
	case "space", "pgdown":
		m.scroll(page)
	case "pgup":
		m.scroll(-page)
	case "f":
		m.ask("filter", m.filter)
	case "o":
		if e := m.current(); e != nil {
			m.ask("note", e.note)
		}
	case "u":
		m.undo()
	case "b":
		m.nextBenchmark()
	case "d":
		m.markDocument()
	case "c":
		m.mark(audit.Confirmed)
	case "r":
		m.mark(audit.Rejected)
	case "q":
		return tea.Quit
	}
	return nil
}

func (m *screen) ask(what, now string) { m.asking, m.typed = what, []rune(now) }

// typing edits the filter or the note.
func (m *screen) typing(k tea.KeyPressMsg) {
	switch k.String() {
	case "esc":
		m.asking = ""
	case "backspace":
		m.typed = m.typed[:max(len(m.typed)-1, 0)]
	case "ctrl+u":
		m.typed = nil
	case "enter":
		what, text := m.asking, strings.TrimSpace(string(m.typed))
		m.asking = ""
		if what == "filter" {
			m.apply(text)
		} else if e := m.current(); e != nil {
			m.save([]*entry{e}, e.mark, func(*entry) string { return text })
		}
	default:
		m.typed = append(m.typed, []rune(report.CleanText(k.Text))...)
	}
}

// apply shows only the items that have all words of the filter.
func (m *screen) apply(filter string) {
	words := strings.Fields(strings.ToLower(filter))
	var shown []*entry
	for _, e := range m.s.cases {
		if e.matches(words) {
			shown = append(shown, e)
		}
	}
	if len(shown) == 0 {
		m.message = fmt.Sprintf("no item matches %q", report.CleanText(filter))
		return
	}
	now := m.current()
	m.filter, m.shown = filter, shown
	m.at = max(slices.Index(shown, now), 0)
	m.layout()
}

func (m *screen) current() *entry {
	if m.at < len(m.shown) {
		return m.shown[m.at]
	}
	return nil
}

// mark sets the item's mark and moves to the next item, or removes the mark if the item has
// it already.
func (m *screen) mark(mark audit.Mark) {
	e := m.current()
	if e == nil {
		return
	}
	if e.mark == mark && e.own {
		m.save([]*entry{e}, "", func(e *entry) string { return e.note })
		return
	}
	if m.save([]*entry{e}, mark, func(e *entry) string { return e.note }); m.message == "" {
		m.move(1)
	}
}

func (m *screen) save(list []*entry, mark audit.Mark, note func(e *entry) string) {
	if err := m.s.mark(list, mark, note); err != nil {
		m.message = "not saved: " + report.CleanText(err.Error())
	}
}

// undo takes back the last mark or note and shows its item.
func (m *screen) undo() {
	e, err := m.s.undo()
	switch {
	case err != nil:
		m.message = "not saved: " + report.CleanText(err.Error())
	case e == nil:
		m.message = "there is nothing to take back"
	default:
		m.at = max(slices.Index(m.shown, e), 0)
		m.layout()
	}
}

// nextBenchmark moves to the first item of the next benchmark.
func (m *screen) nextBenchmark() {
	now := m.current()
	if now == nil {
		return
	}
	var names []string
	for _, e := range m.shown {
		if !slices.Contains(names, e.Benchmark) {
			names = append(names, e.Benchmark)
		}
	}
	next := names[(slices.Index(names, now.Benchmark)+1)%len(names)]
	m.at = slices.IndexFunc(m.shown, func(e *entry) bool { return e.Benchmark == next })
	m.layout()
}

// markDocument sets the item's mark for the unmarked items whose evidence is in its document.
func (m *screen) markDocument() {
	e := m.current()
	if e == nil || e.mark == "" {
		m.message = "mark this item first: d sets the same mark for the others of its document"
		return
	}
	list := m.s.sameDocument(e)
	if m.save(list, e.mark, func(e *entry) string { return e.note }); m.message == "" {
		m.message = fmt.Sprintf("%s of the same document marked as %s", report.Count(int64(len(list)-1), "more item"), e.mark)
	}
}

func (m *screen) move(by int) {
	at := min(max(m.at+by, 0), max(len(m.shown)-1, 0))
	if at == m.at {
		m.message = "this is the last item"
		if by < 0 {
			m.message = "this is the first item"
		}
		return
	}
	m.at = at
	m.layout()
}

// room returns the number of visible lines of the body.
func (m *screen) room() int { return max(m.height-4, 1) }

func (m *screen) scroll(by int) {
	m.top = min(max(m.top+by, 0), max(len(m.body)-m.room(), 0))
}

const (
	matchOn  = "\x1b[1;7m"
	differs  = "\x1b[1;4m" // a number that the other text does not have
	matchOff = "\x1b[0m"
	dim      = "\x1b[2m"
	bold     = "\x1b[1m"
)

// layout lays out the current item.
func (m *screen) layout() {
	m.top, m.body = 0, nil
	e := m.current()
	if e == nil {
		return
	}
	add := func(s string) {
		m.body = append(m.body, strings.Split(ansi.Wrap(s, m.width-1, " "), "\n")...)
	}
	rows, err := m.s.rows(e)
	if err != nil {
		add("the evidence cannot be read: " + report.CleanText(err.Error()))
	}
	add(report.CleanText(strings.Join(e.states, "; ")))
	add("")
	if m.width >= wide {
		half := (m.width - 3) / 2
		m.body = append(m.body, beside(wrapped(itemText(e, rows), half), wrapped(documentText(e, rows), half), half)...)
		return
	}
	if len(rows) > 1 {
		add(documentText(e, rows[:1]))
		add("")
		add(itemText(e, rows))
		add("")
		add(documentText(e, rows[1:]))
		return
	}
	add(documentText(e, rows))
	add("")
	add(itemText(e, rows))
}

// wide is the width from which an item and its documents are side by side.
const wide = 120

// itemText returns the parts of an item with its matches highlighted.
func itemText(e *entry, rows []audit.Evidence) string {
	if e.text == nil {
		return dim + "the item's own text cannot be read again" + matchOff
	}
	var list []string
	for p, text := range e.text {
		if text == "" {
			continue
		}
		var spans [][2]int
		for i := range rows {
			if _, from, to, ok := e.span(&rows[i]); ok && rows[i].Part == item.Part(p).String() {
				spans = append(spans, [2]int{from, to})
			}
		}
		body := marked(text, spans)
		if len(rows) > 0 && rows[0].Norm == overlap.Bag {
			in, _ := reworded.Marks(text, matchText(&rows[0]))
			body = markedTerms(text, in)
		}
		list = append(list, bold+item.Part(p).String()+matchOff+"\n"+body)
	}
	return strings.Join(list, "\n\n")
}

// documentText returns the documents' texts with the matches highlighted.
func documentText(e *entry, rows []audit.Evidence) string {
	var list []string
	for i := range rows {
		r := &rows[i]
		source := fmt.Sprintf("%s, row %d; %d %ss of the %s", r.Shard, r.Row, r.Words, audit.UnitOf(r.Norm), r.Part)
		n := int64(len(r.DocText))
		from := min(max(r.DocStart-r.DocTextStart, 0), n)
		to := min(max(r.DocEnd-r.DocTextStart, from), n)
		body := marked(r.DocText, [][2]int{{int(from), int(to)}})
		if r.Norm == overlap.Bag {
			_, in := reworded.Marks(e.wholeText(), r.DocText[from:to])
			body = dim + lines(r.DocText[:from]) + matchOff + markedTerms(r.DocText[from:to], in) +
				dim + lines(r.DocText[to:]) + matchOff
		}
		list = append(list, bold+report.CleanText(r.DocID)+matchOff+"\n"+dim+report.CleanText(source)+matchOff+"\n"+body)
	}
	if len(rows) == 0 {
		return "no evidence: a corpus filter only suspects; swab check --trace finds the documents"
	}
	return strings.Join(list, "\n\n")
}

// wrapped breaks text into lines of at most width columns; a style that goes on is ended at
// the end of each line and begun again on the next.
func wrapped(text string, width int) []string {
	list := strings.Split(ansi.Wrap(text, width, " "), "\n")
	style := ""
	for i, line := range list {
		before := style
		for at := 0; at < len(line); at++ {
			for _, s := range []string{matchOn, differs, dim, bold} {
				if strings.HasPrefix(line[at:], s) {
					style = s
				}
			}
			if strings.HasPrefix(line[at:], matchOff) {
				style = ""
			}
		}
		if list[i] = before + line; style != "" {
			list[i] += matchOff
		}
	}
	return list
}

// beside puts two columns of lines side by side, the left one width columns wide.
func beside(left, right []string, width int) (list []string) {
	for i := range max(len(left), len(right)) {
		var l, r string
		if i < len(left) {
			l = left[i]
		}
		if i < len(right) {
			r = right[i]
		}
		list = append(list, l+strings.Repeat(" ", max(width-ansi.StringWidth(l), 0))+" │ "+r)
	}
	return list
}

// marked returns the text without control characters and with its spans highlighted. Line
// breaks are kept.
func marked(text string, spans [][2]int) string {
	slices.SortFunc(spans, func(a, b [2]int) int { return a[0] - b[0] })
	var b strings.Builder
	at := 0
	for _, s := range spans {
		from := max(s[0], at)
		if s[1] <= from {
			continue
		}
		b.WriteString(lines(text[at:from]))
		for i, line := range strings.Split(lines(text[from:s[1]]), "\n") {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(matchOn + line + matchOff)
		}
		at = s[1]
	}
	b.WriteString(lines(text[at:]))
	return b.String()
}

// markedTerms returns the text without control characters, with the terms and numbers that another
// text has too highlighted, and the numbers that it does not have in another style.
func markedTerms(text string, marks []reworded.Mark) string {
	var b strings.Builder
	at := 0
	for _, m := range marks {
		if m.Start < at { // a pair of characters that overlaps the one before
			m.Start = at
		}
		if m.End <= m.Start {
			continue
		}
		style := matchOn
		if !m.Shared {
			style = differs
		}
		b.WriteString(lines(text[at:m.Start]) + style + lines(text[m.Start:m.End]) + matchOff)
		at = m.End
	}
	return b.String() + lines(text[at:])
}

// matchText returns the document's text of a match.
func matchText(r *audit.Evidence) string {
	n := int64(len(r.DocText))
	from := min(max(r.DocStart-r.DocTextStart, 0), n)
	return r.DocText[from:min(max(r.DocEnd-r.DocTextStart, from), n)]
}

// wholeText returns all parts of the item that the method "reworded" reads.
func (e *entry) wholeText() string {
	if e.text == nil {
		return ""
	}
	question, choices := reworded.Texts(e.text)
	return question + "\n" + choices
}

// lines returns the text without control characters other than line breaks.
func lines(s string) string {
	parts := strings.Split(s, "\n")
	for i, p := range parts {
		parts[i] = report.CleanText(p)
	}
	return strings.Join(parts, "\n")
}

// View is part of tea.Model.
func (m *screen) View() tea.View {
	v := tea.NewView(m.text())
	v.AltScreen = true
	return v
}

// keys is the last line of the screen.
const keys = "n next  p previous  c confirm  r reject  d document  u undo  o note  f filter  b benchmark  q quit"

// text is the screen's content, no line wider than the terminal.
func (m *screen) text() string {
	var b strings.Builder
	line := func(s string) { b.WriteString(ansi.Truncate(s, m.width, "…") + "\n") }
	e := m.current()
	if e == nil {
		line("nothing was found, so there is nothing to review")
		b.WriteString("q quit")
		return b.String()
	}
	line(bold + e.title() + matchOff)
	documents := "documents"
	if e.documents == 1 {
		documents = "document"
	}
	marks, confirmed := m.s.counts((*entry).found)
	line(fmt.Sprintf("%d of %d; %d words in %d %s; %s%s%s; marked %d: %d confirmed, %d rejected",
		m.at+1, len(m.shown), e.longest, e.documents, documents, bold, e.markText(), matchOff,
		marks, confirmed, marks-confirmed))
	for i := range m.room() {
		if m.top+i < len(m.body) {
			line(m.body[m.top+i])
		} else {
			line("")
		}
	}
	switch {
	case m.asking == "filter":
		line("filter (path, method, state, kind, mark, >20): " + string(m.typed) + "▏")
	case m.asking != "":
		line("note: " + string(m.typed) + "▏")
	case m.message != "":
		line(m.message)
	case m.filter != "":
		line(dim + "filter: " + report.CleanText(m.filter) + matchOff)
	default:
		line("")
	}
	more := ""
	if len(m.body) > m.room() {
		more = "  ↑↓ space scroll"
	}
	b.WriteString(ansi.Truncate(keys+more, m.width, "…"))
	return b.String()
}
