// Package review shows people the evidence of an audit, one item at a time, and saves how
// they mark it.
package review

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/ngram/reworded"
	"swab/pipeline/audit"
	"swab/pipeline/report"
	"swab/pipeline/score"
)

// A Session is an audit open for review: its items that are flagged, suspected or marked,
// those with the longest match first. It holds a line for each, and texts of the benchmarks
// up to [maxTexts]. The evidence is copied to an unlinked temporary file, so a run that
// replaces the audit meanwhile does not affect the session.
type Session struct {
	Reviewer string // whose marks are set
	dir      string
	evidence *os.File          // a JSON list for each case
	norms    map[string]string // by method
	cases    []*entry
	changed  audit.Marks // in this session
	gone     int         // benchmark files that are missing or changed
	undone   []step      // what undo takes back, the last at the end
}

// step is one act of a reviewer: the entries that it changed, as they were.
type step []struct {
	e    *entry
	mark audit.Mark
	note string
	own  bool
}

// maxTexts bounds the benchmarks' texts in memory, in bytes.
const maxTexts = 128 << 20

// entry is an item under review.
type entry struct {
	audit.Place
	key       audit.MarkKey
	at, size  int64 // position of the evidence in the file; size 0: there is none
	longest   int64
	strength  float64 // of a reworded item
	documents int64
	states    []string // "gpt3 flagged 1", by method
	method    string   // the one that found the item, with its state and kind
	state     audit.State
	kind      string
	text      *[item.NumParts]string
	mark      audit.Mark
	note      string
	own       bool   // the mark is this reviewer's
	document  string // of the first row of evidence
}

// Open reads an audit for review by a person of that name. Close it.
func Open(ctx context.Context, dir, reviewer string) (*Session, error) {
	r, err := audit.Open(dir)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	marks, err := audit.LoadMarks(dir)
	if err != nil {
		return nil, err
	}
	s := &Session{Reviewer: reviewer, dir: dir, norms: r.About.Norms(), changed: audit.Marks{}}
	if s.evidence, err = os.CreateTemp("", "swab-review-*"); err != nil {
		return nil, err
	}
	if err = os.Remove(s.evidence.Name()); err == nil {
		err = s.read(ctx, r, marks)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close frees the temporary file.
func (s *Session) Close() error { return s.evidence.Close() }

// read reads what the session shows: the items found or marked, then their evidence, marks and
// texts.
func (s *Session) read(ctx context.Context, r *audit.Reader, marks audit.Marks) error {
	waiting, err := s.readItems(ctx, r, marks)
	if err != nil {
		return err
	}
	if err := s.readEvidence(ctx, r, waiting); err != nil {
		return err
	}
	s.keepMarked(marks)
	if err := s.readTexts(ctx, r); err != nil {
		return err
	}
	slices.SortStableFunc(s.cases, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(b.longest, a.longest), cmp.Compare(b.strength, a.strength))
	})
	return nil
}

// place is that of an item, as its evidence has it.
type place struct {
	benchmark, split string
	index            int64
}

// readItems reads the items found or marked, and returns them by their places.
func (s *Session) readItems(ctx context.Context, r *audit.Reader, marks audit.Marks) (map[place][]*entry, error) {
	marked := map[string]bool{}
	for k := range marks {
		marked[k.Item] = true
	}
	waiting := map[place][]*entry{}
	for it, err := range r.Items(ctx) {
		if err != nil {
			return nil, err
		}
		found := cmp.Or(it.Found(), it.Reworded())
		if found == nil && !marked[it.Digest] {
			continue
		}
		e := s.newEntry(it, cmp.Or(found, &it.Verdicts[0]))
		s.cases = append(s.cases, e)
		p := place{it.Benchmark, it.Split, it.Index}
		waiting[p] = append(waiting[p], e)
	}
	return waiting, nil
}

// newEntry returns an item with the verdict that it is shown for, still without evidence.
func (s *Session) newEntry(it *audit.Item, found *audit.Verdict) *entry {
	e := &entry{
		Place:   audit.Place{Benchmark: it.Benchmark, Split: it.Split, Item: it.ID, Digest: it.Digest},
		key:     audit.MarkKey{Item: it.Digest, Evidence: audit.EvidenceDigest(nil)},
		longest: it.Lengths(s.norms).Longest,
		method:  found.Method, state: found.State, kind: found.Kind,
	}
	if again := it.Reworded(); again != nil && again.Score != nil {
		e.strength = *again.Score
	}
	for i := range it.Verdicts {
		v := &it.Verdicts[i]
		e.documents = max(e.documents, v.Documents)
		line := v.Method + " " + strings.ReplaceAll(v.State.String(), "_", " ")
		if v.Score != nil {
			line += fmt.Sprintf(" %.3g", *v.Score)
		}
		e.states = append(e.states, line)
	}
	return e
}

// readEvidence puts the evidence of the items into the session's file.
func (s *Session) readEvidence(ctx context.Context, r *audit.Reader, waiting map[place][]*entry) error {
	out, at := bufio.NewWriterSize(s.evidence, 1<<18), int64(0)
	for proof, err := range r.Evidence(ctx) {
		if err != nil {
			return err
		}
		list := waiting[place{proof.Benchmark, proof.Split, proof.Index}]
		if len(list) == 0 {
			continue
		}
		b, err := json.Marshal(proof.Rows)
		if err == nil {
			_, err = out.Write(b)
		}
		if err != nil {
			return err
		}
		digest := audit.EvidenceDigest(proof.Rows)
		for _, e := range list {
			e.at, e.size, e.key.Evidence = at, int64(len(b)), digest
			e.document = fmt.Sprintf("%s:%d", proof.Rows[0].Shard, proof.Rows[0].Row)
		}
		at += int64(len(b))
	}
	return out.Flush()
}

// keepMarked sets the marks, and leaves out what was not found and has none for its evidence.
func (s *Session) keepMarked(marks audit.Marks) {
	kept := s.cases[:0]
	for _, e := range s.cases {
		if m, ok := marks[e.key]; ok {
			e.mark, e.note, e.own = m.Mark, m.Note, m.Reviewer == s.Reviewer
		} else if !e.found() {
			continue // its mark is on other evidence
		}
		kept = append(kept, e)
	}
	s.cases = kept
}

// readTexts reads the items' texts from the benchmarks, while there is room.
func (s *Session) readTexts(ctx context.Context, r *audit.Reader) error {
	type content struct{ benchmark, digest string }
	wanted := map[content][]*entry{}
	for _, e := range s.cases {
		wanted[content{e.Benchmark, e.Digest}] = append(wanted[content{e.Benchmark, e.Digest}], e)
	}
	room := maxTexts
	all := func(string, string) bool { return true }
	gone := func(audit.BenchmarkFile, error) { s.gone++ }
	for t, err := range r.About.Texts(ctx, all, gone) {
		if err != nil {
			return err
		}
		list := wanted[content{t.Benchmark, t.Digest}]
		if len(list) == 0 || list[0].text != nil {
			continue
		}
		for _, part := range t.Text {
			room -= len(part)
		}
		if room < 0 {
			break
		}
		text := t.Text
		for _, e := range list {
			e.text = &text
		}
	}
	return nil
}

// found reports whether a method found the item, if only for review.
func (e *entry) found() bool { return e.state.Found() || e.kind == audit.Reworded }

// mark sets the mark and note of items and saves them, in one step that undo takes back.
func (s *Session) mark(list []*entry, m audit.Mark, note func(e *entry) string) error {
	var was step
	for _, e := range list {
		was = append(was, struct {
			e    *entry
			mark audit.Mark
			note string
			own  bool
		}{e, e.mark, e.note, e.own})
		s.change(e, m, note(e), m != "")
	}
	if err := audit.SaveMarks(s.dir, s.changed); err != nil {
		s.restore(was)
		return err
	}
	s.undone = append(s.undone, was)
	return nil
}

// change sets the mark and note of an item.
func (s *Session) change(e *entry, m audit.Mark, note string, own bool) {
	e.mark, e.note, e.own = m, note, own
	s.changed[e.key] = audit.MarkEntry{
		MarkKey: e.key, Mark: m, Note: note, Benchmark: e.Benchmark, Split: e.Split, Item: e.Item,
		Reviewer: s.Reviewer, Time: time.Now().UTC().Format(time.RFC3339Nano),
	}
}

// restore sets entries to what they were. A mark of another reviewer is left to its own row.
func (s *Session) restore(was step) {
	for _, w := range was {
		if w.own {
			s.change(w.e, w.mark, w.note, true)
			continue
		}
		s.change(w.e, "", "", false)
		w.e.mark, w.e.note = w.mark, w.note
	}
}

// undo takes back the last step, and returns its first item.
func (s *Session) undo() (*entry, error) {
	if len(s.undone) == 0 {
		return nil, nil
	}
	was := s.undone[len(s.undone)-1]
	s.restore(was)
	s.undone = s.undone[:len(s.undone)-1]
	return was[0].e, audit.SaveMarks(s.dir, s.changed)
}

// sameDocument returns the items without a mark whose first evidence is in the item's document,
// and the item.
func (s *Session) sameDocument(e *entry) (list []*entry) {
	for _, o := range s.cases {
		if o == e || o.mark == "" && o.document == e.document && e.document != "" {
			list = append(list, o)
		}
	}
	return list
}

// counts returns how many of some items are marked, and how many of those are confirmed.
func (s *Session) counts(counted func(e *entry) bool) (marked, confirmed int64) {
	for _, e := range s.cases {
		if e.mark != "" && counted(e) {
			marked++
		}
		if e.mark == audit.Confirmed && counted(e) {
			confirmed++
		}
	}
	return marked, confirmed
}

// Summary says what the marks measure: the precision of what was found, and how reviewers
// agree.
func (s *Session) Summary() (lines []string, err error) {
	for _, g := range []struct {
		name    string
		counted func(e *entry) bool
	}{
		{"", func(e *entry) bool { return e.state.Found() }},
		{audit.Reworded + ": ", func(e *entry) bool { return !e.state.Found() && e.found() }},
	} {
		if marked, confirmed := s.counts(g.counted); marked > 0 {
			low, high := score.Wilson(confirmed, marked)
			lines = append(lines, fmt.Sprintf("%sof %s reviewed, %s confirmed: precision %.2f [%.2f, %.2f]",
				g.name, report.Count(marked, "item"), report.Thousands(confirmed), float64(confirmed)/float64(marked), low, high))
		}
	}
	rows, err := audit.ReadMarks(filepath.Join(s.dir, audit.ReviewFile))
	if errors.Is(err, fs.ErrNotExist) {
		return lines, nil
	}
	for _, p := range audit.ReviewerPairs(rows) {
		lines = append(lines, fmt.Sprintf("%s and %s agree on %d of %s: Cohen's kappa %.2f",
			report.CleanText(cmp.Or(p.One, "no name")), report.CleanText(p.Other), p.Agree,
			report.Count(int64(p.Items), "item"), p.Kappa))
	}
	return lines, err
}

// rows reads the evidence of an item, the strongest first.
func (s *Session) rows(e *entry) (rows []audit.Evidence, err error) {
	if e.size == 0 {
		return nil, nil
	}
	b := make([]byte, e.size)
	if _, err := s.evidence.ReadAt(b, e.at); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &rows); err != nil {
		return nil, err
	}
	// The evidence of the method that the entry names comes first.
	ofOther := func(r *audit.Evidence) int {
		if r.Norm == s.norms[e.method] {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(rows, func(a, b audit.Evidence) int {
		return cmp.Or(
			cmp.Compare(ofOther(&a), ofOther(&b)),
			cmp.Compare(b.DocEnd-b.DocStart, a.DocEnd-a.DocStart),
			cmp.Compare(b.Words, a.Words))
	})
	return rows, nil
}

// title returns the path of the item: benchmark, split and id.
func (e *entry) title() string {
	return report.CleanText(e.Benchmark + "/" + e.Split + "/" + e.Item)
}

// markText returns the mark in words, with its note.
func (e *entry) markText() string {
	what := cmp.Or(string(e.mark), "unmarked")
	if e.note != "" {
		what += ": " + report.CleanText(e.note)
	}
	return what
}

// matches reports whether all words are in the item's title, mark, kind, note or states. A word
// as >20 or <20 compares the longest match.
func (e *entry) matches(words []string) bool {
	fields := []string{e.title(), cmp.Or(string(e.mark), "unmarked"), e.kind, e.note}
	all := strings.ToLower(strings.Join(append(fields, e.states...), "\n"))
	for _, w := range words {
		if n, err := strconv.ParseInt(w[1:], 10, 64); err == nil && (w[0] == '>' || w[0] == '<') {
			if w[0] == '>' && e.longest <= n || w[0] == '<' && e.longest >= n {
				return false
			}
			continue
		}
		if !strings.Contains(all, w) {
			return false
		}
	}
	return true
}

// List writes all items as plain text, each with its strongest evidence and its mark.
func (s *Session) List(ctx context.Context, w io.Writer, width int) error {
	b := bufio.NewWriter(w)
	for i, e := range s.cases {
		if i > 0 {
			b.WriteByte('\n')
		}
		rows, err := s.rows(e)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			fmt.Fprintf(b, "%s %s %s, no evidence\n", e.title(), report.CleanText(e.method), e.state)
		} else {
			h := report.Hit{Evidence: rows[0], Method: e.method, State: e.state, ItemText: rows[0].DocText}
			if text, from, to, ok := e.span(&rows[0]); ok {
				h.ItemText = text[from:to]
			}
			h.Marks = e.sharedTerms(&rows[0])
			if err := report.Hits(b, []report.Hit{h}, false, width); err != nil {
				return err
			}
		}
		if e.mark != "" || e.note != "" {
			fmt.Fprintf(b, "  review: %s\n", e.markText())
		}
	}
	if len(s.cases) == 0 {
		fmt.Fprintln(b, "nothing was found, so there is nothing to review")
	}
	return b.Flush()
}

// sharedTerms returns the bytes of the document that have a term or number of the item, where
// these are in any order; else nil.
func (e *entry) sharedTerms(r *audit.Evidence) (list [][2]int64) {
	if r.Norm != overlap.Bag || e.text == nil {
		return nil
	}
	_, marks := reworded.Marks(e.wholeText(), matchText(r))
	for _, m := range marks {
		if m.Shared {
			list = append(list, [2]int64{r.DocStart + int64(m.Start), r.DocStart + int64(m.End)})
		}
	}
	return list
}

// span returns the text of the part that a row of evidence is of, and the bounds of the
// match in it. It reports false if the text is not known.
func (e *entry) span(r *audit.Evidence) (text string, from, to int, ok bool) {
	p := slices.Index(item.AllParts.Names(), r.Part)
	if e.text == nil || p < 0 {
		return "", 0, 0, false
	}
	text = e.text[p]
	from, to = int(r.ItemStart), int(r.ItemEnd)
	return text, from, to, 0 <= from && from < to && to <= len(text)
}
