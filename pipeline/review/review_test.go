package review

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// makeAudit makes an audit whose items all stand in a document, the first with the longest
// match. The texts stand in a benchmark beside it.
func makeAudit(tb testing.TB, texts ...string) string {
	tb.Helper()
	root := tb.TempDir()
	dir := filepath.Join(root, "audit")
	must(tb, os.Mkdir(dir, 0o755))
	path := filepath.Join(root, "quiz.jsonl")
	var lines bytes.Buffer
	for i, s := range texts {
		must(tb, json.NewEncoder(&lines).Encode(map[string]string{"id": fmt.Sprint("q", i), "question": s}))
	}
	must(tb, os.WriteFile(path, lines.Bytes(), 0o644))
	reading := benchmark.Reading{Fields: "question=question,id=id"}
	b, err := benchmark.Recorded(context.Background(), "quiz", path, "quiz", reading)
	must(tb, err)
	w, err := audit.Create(dir, false)
	must(tb, err)
	score := 0.75
	for it, err := range b.Items(context.Background()) {
		must(tb, err)
		text := texts[it.Index]
		must(tb, w.Verdict(&audit.Verdict{Method: "gpt3", Benchmark: "quiz", Split: "quiz", Item: it.ID, Index: int64(it.Index), Digest: it.Digest, State: item.Flagged, Score: &score,
			Longest: int64(100 - it.Index), Words: 50, Documents: 2, Parts: []string{"question"}}))
		must(tb, w.Evidence(&audit.Evidence{Benchmark: "quiz", Split: "quiz", Item: it.ID, Index: int64(it.Index), Part: "question", Shard: "web.jsonl", Row: int64(it.Index), DocID: text, DocStart: 4, DocEnd: 4 + int64(len(text)),
			ItemEnd: int64(len(text)), Words: int64(100 - it.Index), DocText: "say " + text + " now"}))
	}
	must(tb, w.Close())
	a := &audit.Audit{Benchmarks: []audit.Benchmark{{Name: "quiz", Files: []audit.BenchmarkFile{{Path: path, Split: "quiz", Reading: reading}}}}, Totals: ledger.Sum(nil)}
	must(tb, audit.Seal(dir, a))
	return dir
}

func session(tb testing.TB, dir string) (*Session, *screen) {
	tb.Helper()
	s, err := Open(context.Background(), dir, "")
	must(tb, err)
	tb.Cleanup(func() { s.Close() })
	return s, newScreen(context.Background(), s)
}

// press sends keys as a terminal does: names in angle brackets, else letters.
func press(m *screen, keys string) (quit bool) {
	for _, k := range regexp.MustCompile(`<[a-z]+>|.`).FindAllString(keys, -1) {
		msg := tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
		switch k {
		case "<enter>":
			msg = tea.KeyPressMsg{Code: tea.KeyEnter}
		case "<esc>":
			msg = tea.KeyPressMsg{Code: tea.KeyEscape}
		case "<back>":
			msg = tea.KeyPressMsg{Code: tea.KeyBackspace}
		case "<down>":
			msg = tea.KeyPressMsg{Code: tea.KeyDown}
		}
		_, cmd := m.Update(msg)
		quit = cmd != nil
	}
	return quit
}

func plain(m *screen) string { return ansi.Strip(m.text()) }

func TestScreen(t *testing.T) {
	dir := makeAudit(t, "the ferry leaves at dawn", "the tower has a bell", "the river runs north")
	_, m := session(t, dir)
	for _, want := range []string{"quiz/quiz/q0", "1 of 3; 100 words in 2 documents; unmarked", "gpt3 flagged 0.75", "question", "the ferry leaves at dawn", "web.jsonl, row 0; 100 words of the question", "say the ferry"} {
		if !strings.Contains(plain(m), want) {
			t.Errorf("the screen does not say %q:\n%s", want, plain(m))
		}
	}
	if !strings.Contains(m.text(), matchOn+"the ferry leaves at dawn"+matchOff) {
		t.Error("the match is not marked")
	}
	press(m, "c") // and goes on
	if !strings.Contains(plain(m), "quiz/quiz/q1") {
		t.Error("c does not go on to the next item")
	}
	press(m, "oa proverx<back>b<enter>r")
	press(m, "n")
	if !strings.Contains(plain(m), "this is the last item") {
		t.Errorf("n at the end:\n%s", plain(m))
	}
	press(m, "pp")
	if !strings.Contains(plain(m), "confirmed") || !strings.Contains(plain(m), "quiz/quiz/q0") {
		t.Error(plain(m))
	}
	press(m, "frejected<enter>")
	if !strings.Contains(plain(m), "1 of 1;") || !strings.Contains(plain(m), "rejected: a proverb") {
		t.Errorf("filter:\n%s", plain(m))
	}
	press(m, "f<back><back><back><back><back><back><back><back><enter>")
	if !strings.Contains(plain(m), "2 of 3;") {
		t.Errorf("no filter:\n%s", plain(m))
	}
	press(m, "fnever<enter>")
	if !strings.Contains(plain(m), `no item matches "never"`) {
		t.Error(plain(m))
	}
	press(m, "ocq<esc>") // letters of a note are not keys, and esc leaves it
	if !press(m, "q") {
		t.Error("q does not quit")
	}
	marks, err := audit.LoadMarks(dir)
	must(t, err)
	if len(marks) != 2 {
		t.Errorf("%d marks: %v", len(marks), marks)
	}
	_, again := session(t, dir)
	if !strings.Contains(plain(again), "confirmed") {
		t.Errorf("a new session has no marks:\n%s", plain(again))
	}
	press(again, "c") // takes it back
	if marks, err = audit.LoadMarks(dir); err != nil || len(marks) != 1 {
		t.Errorf("%d marks, %v", len(marks), err)
	}
}

func TestLongItemScrolls(t *testing.T) {
	_, m := session(t, makeAudit(t, strings.Repeat("so many words and then ", 400)+"the end"))
	m.Update(tea.WindowSizeMsg{Width: 40, Height: 12})
	if n := strings.Count(m.text(), "\n"); n != 11 {
		t.Errorf("%d lines on a terminal of 12", n+1)
	}
	for range 10_000 {
		press(m, "<down>")
	}
	if !strings.Contains(plain(m), "the end") {
		t.Errorf("the end cannot be reached:\n%s", plain(m))
	}
	for line := range strings.SplitSeq(m.text(), "\n") {
		if ansi.StringWidth(line) > 40 {
			t.Errorf("a line is %d wide", ansi.StringWidth(line))
		}
	}
}

// TestHostileTerminal: no text can send the terminal anything but itself.
func TestHostileTerminal(t *testing.T) {
	bad := "a\x1b[2J\x1b]52;c;aGk=\a b\u009b31m \u202e c\x00\r\x08 " + strings.Repeat("x", 1<<20)
	dir := makeAudit(t, bad)
	s, m := session(t, dir)
	m.Update(tea.PasteMsg{Content: bad}) // ignored: nothing is asked for
	press(m, "o")
	m.Update(tea.PasteMsg{Content: bad[:40]})
	press(m, "<enter>")
	var list bytes.Buffer
	must(t, s.List(context.Background(), &list, 80))
	screens := []string{m.text()}
	for range 3 {
		press(m, " ")
		screens = append(screens, m.text())
	}
	ours := strings.NewReplacer(matchOn, "", matchOff, "", dim, "", bold, "")
	for _, out := range append(screens, list.String()) {
		if got := ours.Replace(out); strings.ContainsAny(got, "\x00\x07\x08\r\x1b\u009b\u202e") {
			t.Errorf("%.300q", got)
		}
	}
	if !strings.Contains(list.String(), "review: unmarked: a␛[2J") {
		t.Errorf("the note is not listed: %.500s", list.String())
	}
}

// rewrite writes an audit anew with other evidence.
func rewrite(t *testing.T, dir string, change func([]audit.Evidence) []audit.Evidence) {
	t.Helper()
	r, err := audit.Open(dir)
	must(t, err)
	defer r.Close()
	var rows []audit.Evidence
	for p, err := range r.Evidence(context.Background()) {
		must(t, err)
		rows = append(rows, p.Rows...)
	}
	for _, name := range []string{audit.VerdictsFile, audit.VerdictsLines, audit.EvidenceFile, audit.EvidenceLines} {
		must(t, os.Remove(filepath.Join(dir, name)))
	}
	w, err := audit.Create(dir, false)
	must(t, err)
	for v, err := range r.Verdicts(context.Background()) {
		must(t, err)
		must(t, w.Verdict(v))
	}
	for _, e := range change(rows) {
		must(t, w.Evidence(&e))
	}
	must(t, w.Close())
	must(t, audit.Seal(dir, r.About))
}

func TestMarksOfOtherEvidence(t *testing.T) {
	dir := makeAudit(t, "the ferry leaves at dawn", "the tower has a bell")
	_, m := session(t, dir)
	press(m, "cc")
	marked := func() (map[audit.Place]audit.MarkEntry, int) {
		r, err := audit.Open(dir)
		must(t, err)
		defer r.Close()
		places, stale, err := r.Marked(context.Background())
		must(t, err)
		return places, stale
	}
	if places, stale := marked(); len(places) != 2 || stale != 0 {
		t.Fatalf("%v, %d stale", places, stale)
	}
	// The order of rows and repetitions for other methods change nothing, other words do.
	rewrite(t, dir, func(rows []audit.Evidence) []audit.Evidence {
		rows[1].DocText = strings.Replace(rows[1].DocText, "say ", "sing ", 1)
		return []audit.Evidence{rows[0], rows[0], rows[1]}
	})
	if places, stale := marked(); len(places) != 1 || stale != 1 {
		t.Errorf("%v, %d stale", places, stale)
	}
	_, m = session(t, dir)
	press(m, "n")
	if !strings.Contains(plain(m), "q1") || !strings.Contains(plain(m), "unmarked") {
		t.Errorf("a mark of other evidence counts:\n%s", plain(m))
	}
}

func TestBadMarks(t *testing.T) {
	dir := makeAudit(t, "the ferry leaves at dawn")
	for _, row := range []string{"{", `{"mark":"confirmed"}`, `{"item_digest":"0123456789abcdef0123456789abcdef","mark":"perhaps"}`, `{"item_digest":7}`} {
		must(t, os.WriteFile(filepath.Join(dir, audit.ReviewFile), []byte(row+"\n"), 0o644))
		if _, err := audit.LoadMarks(dir); err == nil || !strings.Contains(err.Error(), "row 0") {
			t.Errorf("%s: %v", row, err)
		}
		if err := audit.SaveMarks(dir, audit.Marks{}); err == nil {
			t.Errorf("%s: a file that cannot be read was replaced", row)
		}
	}
	if _, err := Open(context.Background(), filepath.Dir(dir), ""); err == nil || !strings.Contains(err.Error(), "no audit") {
		t.Error(err)
	}
}

// TestTwoReaders: marks of two sessions on one audit are both kept.
func TestTwoReaders(t *testing.T) {
	dir := makeAudit(t, "the ferry leaves at dawn", "the tower has a bell")
	_, a := session(t, dir)
	_, b := session(t, dir)
	press(a, "c")
	press(b, "nr")
	marks, err := audit.LoadMarks(dir)
	if err != nil || len(marks) != 2 {
		t.Errorf("%v, %v", marks, err)
	}
}

// TestReviewers: marks of two people are kept side by side, merge with those of a copy, and
// show the precision and their agreement; what is undone is as it was.
func TestReviewers(t *testing.T) {
	dir := makeAudit(t, "the ferry leaves at dawn", "the tower has a bell", "the river runs north")
	s, m := session(t, dir)
	s.Reviewer = "ada"
	press(m, "ccr") // 1 and 2 confirmed, 3 rejected
	if !strings.Contains(plain(m), "marked 3: 2 confirmed, 1 rejected") {
		t.Errorf("no counts:\n%s", plain(m))
	}
	press(m, "uu")
	if marks, err := audit.LoadMarks(dir); err != nil || len(marks) != 1 {
		t.Errorf("after two steps were undone: %v, %v", marks, err)
	}
	press(m, "cr")
	press(m, "uuuuuuu")
	if !strings.Contains(plain(m), "there is nothing to take back") || strings.Contains(plain(m), "marked 1") {
		t.Errorf("undo:\n%s", plain(m))
	}
	press(m, "ppccr")
	copied := filepath.Join(t.TempDir(), audit.ReviewFile)
	b, err := os.ReadFile(filepath.Join(dir, audit.ReviewFile))
	must(t, err)
	must(t, os.WriteFile(copied, bytes.ReplaceAll(bytes.ReplaceAll(b, []byte(`"ada"`), []byte(`"bob"`)), []byte(`"time":"2`), []byte(`"time":"1`)), 0o600))
	s2, m2 := session(t, dir)
	s2.Reviewer = "bob"
	press(m2, "f>1000<enter>")
	if !strings.Contains(plain(m2), "no item matches") {
		t.Errorf("strength:\n%s", plain(m2))
	}
	n, err := audit.MergeMarks(dir, copied)
	if err != nil || n != 3 {
		t.Fatal(n, err)
	}
	press(m2, "cr") // the second item: bob disagrees with ada
	lines, err := s2.Summary()
	must(t, err)
	// Agreement on 2 of 3: ada confirms 2/3, bob 1/3; chance (2+2)/9; kappa (2/3 - 4/9)/(5/9) = 0.4.
	want := []string{"of 3 items reviewed, 1 confirmed: precision 0.33 [0.06, 0.79]", "ada and bob agree on 2 of 3 items: Cohen's kappa 0.40"}
	if !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
	marks, err := audit.LoadMarks(dir)
	if err != nil || len(marks) != 3 {
		t.Errorf("%v, %v", marks, err)
	}
}

// TestWide: with room the item and its documents are side by side, no line too wide, and no
// style runs over.
func TestWide(t *testing.T) {
	_, m := session(t, makeAudit(t, strings.Repeat("the ferry leaves at dawn and ", 30)+"the end"))
	m.Update(tea.WindowSizeMsg{Width: 140, Height: 30})
	for _, line := range strings.Split(m.text(), "\n") {
		if ansi.StringWidth(line) > 140 {
			t.Errorf("%d columns: %q", ansi.StringWidth(line), line)
		}
		left, _, two := strings.Cut(line, " │ ")
		if two && strings.Count(left, matchOn)+strings.Count(left, dim)+strings.Count(left, bold) != strings.Count(left, matchOff) {
			t.Errorf("a style runs over: %q", left)
		}
	}
	if !strings.Contains(plain(m), " │ ") {
		t.Errorf("one column:\n%s", plain(m))
	}
}

// TestTermsOfARewordedItem: terms that both have are highlighted in both, and numbers that
// differ otherwise.
func TestTermsOfARewordedItem(t *testing.T) {
	texts := [item.NumParts]string{item.Question: "Ivo counts 12 gulls and 7 terns."}
	e := &entry{text: &texts}
	rows := []audit.Evidence{{
		Part: "question", ItemEnd: 32, DocText: "Then 12 gulls, said Ivo, and 9 terns. So be it.", DocStart: 105, DocEnd: 136,
		DocTextStart: 100, Norm: overlap.Bag,
	}}
	own, document := itemText(e, rows), documentText(e, rows)
	for _, want := range []string{matchOn + "gulls" + matchOff, matchOn + "12" + matchOff} {
		if !strings.Contains(own, want) || !strings.Contains(document, want) {
			t.Errorf("no %q in\n%q\n%q", want, own, document)
		}
	}
	if !strings.Contains(own, differs+"7"+matchOff) || !strings.Contains(document, differs+"9"+matchOff) {
		t.Errorf("numbers that differ are not marked in\n%q\n%q", own, document)
	}
}
