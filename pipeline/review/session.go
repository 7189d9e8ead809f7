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
	"os"
	"slices"
	"strings"

	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/report"
)

// A Session is an audit open for review: its items that are flagged, suspected or marked,
// those with the longest match first. It holds a line for each, and texts of the benchmarks
// up to [maxTexts]. The evidence is copied to an unlinked temporary file, so a run that
// replaces the audit meanwhile does not affect the session.
type Session struct {
	dir      string
	evidence *os.File          // a JSON list for each case
	norms    map[string]string // by method
	cases    []*entry
	changed  audit.Marks // in this session
	gone     int         // benchmark files that are missing or changed
}

// maxTexts bounds the benchmarks' texts in memory, in bytes.
const maxTexts = 128 << 20

// entry is an item under review.
type entry struct {
	audit.Place
	key       audit.MarkKey
	at, size  int64 // position of the evidence in the file; size 0: there is none
	longest   int64
	documents int64
	states    []string // "gpt3 flagged 1", by method
	method    string   // the one that found the item, with its state and kind
	state     audit.State
	kind      string
	text      *[item.NumParts]string
	mark      audit.Mark
	note      string
}

// Open reads an audit for review. Close it.
func Open(ctx context.Context, dir string) (*Session, error) {
	r, err := audit.Open(dir)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	marks, err := audit.LoadMarks(dir)
	if err != nil {
		return nil, err
	}
	s := &Session{dir: dir, norms: r.About.Norms(), changed: audit.Marks{}}
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

func (s *Session) read(ctx context.Context, r *audit.Reader, marks audit.Marks) error {
	marked := map[string]bool{}
	for k := range marks {
		marked[k.Item] = true
	}
	type place struct {
		benchmark, split string
		index            int64
	}
	waiting := map[place][]*entry{}
	for it, err := range r.Items(ctx) {
		if err != nil {
			return err
		}
		found := it.Found()
		if found == nil && !marked[it.Digest] {
			continue
		}
		e := &entry{
			Place:   audit.Place{Benchmark: it.Benchmark, Split: it.Split, Item: it.ID, Digest: it.Digest},
			key:     audit.MarkKey{Item: it.Digest},
			longest: it.Lengths(s.norms).Longest,
		}
		if found == nil {
			found = &it.Verdicts[0]
		}
		e.method, e.state, e.kind = found.Method, found.State, found.Kind
		for i := range it.Verdicts {
			v := &it.Verdicts[i]
			e.documents = max(e.documents, v.Documents)
			line := v.Method + " " + strings.ReplaceAll(v.State.String(), "_", " ")
			if v.Score != nil {
				line += fmt.Sprintf(" %.3g", *v.Score)
			}
			e.states = append(e.states, line)
		}
		s.cases = append(s.cases, e)
		p := place{it.Benchmark, it.Split, it.Index}
		waiting[p] = append(waiting[p], e)
	}
	none := audit.EvidenceDigest(nil)
	for _, e := range s.cases {
		e.key.Evidence = none
	}
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
		}
		at += int64(len(b))
	}
	if err := out.Flush(); err != nil {
		return err
	}
	kept := s.cases[:0]
	for _, e := range s.cases {
		if m, ok := marks[e.key]; ok {
			e.mark, e.note = m.Mark, m.Note
		} else if !e.state.Found() {
			continue // its mark is on other evidence
		}
		kept = append(kept, e)
	}
	s.cases = kept
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
	slices.SortStableFunc(s.cases, func(a, b *entry) int { return cmp.Compare(b.longest, a.longest) })
	return nil
}

// mark sets the mark and note of an item and saves them.
func (s *Session) mark(e *entry, m audit.Mark, note string) error {
	e.mark, e.note = m, note
	s.changed[e.key] = audit.MarkEntry{
		MarkKey: e.key, Mark: m, Note: note, Benchmark: e.Benchmark, Split: e.Split, Item: e.Item,
	}
	return audit.SaveMarks(s.dir, s.changed)
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

// matches reports whether all words are in the item's title, mark, kind, note or states.
func (e *entry) matches(words []string) bool {
	fields := []string{e.title(), cmp.Or(string(e.mark), "unmarked"), e.kind, e.note}
	all := strings.ToLower(strings.Join(append(fields, e.states...), "\n"))
	for _, w := range words {
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
