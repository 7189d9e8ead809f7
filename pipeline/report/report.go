// Package report writes what a run found: verdicts and evidence as JSON lines
// and as Parquet, and a table with the strongest evidence for a terminal.
//
// The two forms hold the same rows, in the order in which they were given, with
// the same columns in the same order. Equal rows give equal bytes. Text is valid
// UTF-8 in both: a byte that is not part of a character becomes U+FFFD.
//
//	verdicts   method, benchmark, split, item, index, digest, state, score,
//	           longest, words, matched, documents, parts, seen, kind, template, details
//	evidence   benchmark, split, item, part, shard, row, doc_id, doc_start,
//	           doc_end, item_start, item_end, words, doc_text, doc_text_start, norm
//
// Score is null where the state is not_checkable; nothing else is ever null.
package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"unicode/utf8"
)

// State is what a method says of an item.
type State string

// The states. An item too short for a method is not checkable, never clean.
const (
	Flagged      State = "flagged"
	Clean        State = "clean"
	NotCheckable State = "not_checkable"
	Suspected    State = "suspected" // by a corpus filter, which may err; never by a scan
)

// Verdict is what one method says of one item.
type Verdict struct {
	Method    string   `json:"method"`
	Benchmark string   `json:"benchmark"`
	Split     string   `json:"split"`
	Item      string   `json:"item"`   // the item's id
	Index     int64    `json:"index"`  // its place in the split, from 0
	Digest    string   `json:"digest"` // of its content
	State     State    `json:"state"`
	Score     *float64 `json:"score"`     // nil exactly if the item is not checkable
	Longest   int64    `json:"longest"`   // words of the longest match
	Words     int64    `json:"words"`     // words of the item
	Matched   int64    `json:"matched"`   // words of it that any document has
	Documents int64    `json:"documents"` // documents that match
	Parts     []string `json:"parts"`     // parts of the item that were seen

	// Seen is "", "input", "answer", or "input and answer" when one document holds
	// both within 1,000 bytes; what was seen of both only apart is "input".
	Seen     string         `json:"seen"`
	Kind     string         `json:"kind"`              // what was found, where the method tells kinds apart; of any state
	Template float64        `json:"template"`          // share of the words in n-grams seen that are the benchmark's template
	Details  map[string]any `json:"details,omitempty"` // what else the method defines: numbers and strings; in Parquet as JSON

	// Of verdicts from a corpus filter: the chance that its errors alone make as many
	// of the item's n-grams hit as did, and the segments that fired.
	Chance   *float64 `json:"chance,omitempty"`
	Segments []string `json:"segments,omitempty"`
}

// Evidence is one match between an item and a document. Spans are bytes of the
// original texts, the end excluded.
type Evidence struct {
	Benchmark    string `json:"benchmark"`
	Split        string `json:"split"`
	Item         string `json:"item"`
	Part         string `json:"part"`
	Shard        string `json:"shard"`
	Row          int64  `json:"row"`
	DocID        string `json:"doc_id"`
	DocStart     int64  `json:"doc_start"`
	DocEnd       int64  `json:"doc_end"`
	ItemStart    int64  `json:"item_start"` // in the text of the part
	ItemEnd      int64  `json:"item_end"`
	Words        int64  `json:"words"`
	DocText      string `json:"doc_text"`       // the match with some of what stands around it
	DocTextStart int64  `json:"doc_text_start"` // where DocText begins in the document
	Norm         string `json:"norm"`           // the normaliser that found it; with "chars" and "raw", Words are characters
}

// Writer writes verdicts and evidence into a directory. Memory is bounded by
// one Parquet row group of each. It is for one goroutine.
type Writer struct {
	files    []*file
	verdicts table
	evidence table
	verdict  Verdict // the row in hand; here so that encoding it allocates nothing
	proof    Evidence
	err      error
}

// table is one kind of row in both forms.
type table struct {
	lines *json.Encoder
	*columns
}

// file is a buffered output file. It is no io.Closer for what writes to it.
type file struct {
	*bufio.Writer
	f *os.File
}

// Create makes verdicts.jsonl, verdicts.parquet, evidence.jsonl and
// evidence.parquet in dir, which must not have them yet.
//
// With filter, verdicts.parquet has the columns chance and segments too.
func Create(dir string, filter bool) (*Writer, error) {
	w := new(Writer)
	schema := verdictSchema
	if filter {
		schema = filterSchema
	}
	w.verdicts = w.table(dir, "verdicts", schema, "method", "benchmark", "split", "state", "parts.list.element", "seen", "kind")
	w.evidence = w.table(dir, "evidence", evidenceSchema, "benchmark", "split", "item", "part", "shard", "norm")
	if w.err != nil {
		return nil, errors.Join(w.err, w.closeFiles())
	}
	return w, nil
}

func (w *Writer) table(dir, name string, s schema, repeating ...string) table {
	lines, cols := w.create(dir, name+".jsonl"), w.create(dir, name+".parquet")
	if w.err != nil {
		return table{}
	}
	var t table
	t.lines = json.NewEncoder(lines)
	t.lines.SetEscapeHTML(false)
	t.columns, w.err = newColumns(cols, s(), repeating)
	return t
}

func (w *Writer) create(dir, name string) io.Writer {
	if w.err != nil {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		w.err = err
		return nil
	}
	w.files = append(w.files, &file{bufio.NewWriterSize(f, 1<<18), f})
	return w.files[len(w.files)-1].Writer
}

// Verdict writes v, which it does not change or keep. After an error every
// further call gives the same error.
func (w *Writer) Verdict(v *Verdict) error {
	if w.err != nil {
		return w.err
	}
	r := &w.verdict
	parts := append(r.Parts[:0], v.Parts...)
	*r = *v
	if r.Parts = parts; parts == nil {
		r.Parts = []string{}
	}
	for _, s := range []*string{&r.Method, &r.Benchmark, &r.Split, &r.Item, &r.Digest, &r.Seen, &r.Kind} {
		*s = valid(*s)
	}
	for i, part := range r.Parts {
		r.Parts[i] = valid(part)
	}
	if err := check(r); err != nil {
		w.err = fmt.Errorf("verdict of %s on %s/%s/%s: %w", r.Method, r.Benchmark, r.Split, r.Item, err)
	} else if err := w.verdicts.lines.Encode(r); err != nil {
		w.err = fmt.Errorf("verdicts: %w", err)
	} else if err := w.verdicts.verdict(r); err != nil {
		w.err = fmt.Errorf("verdicts: %w", err)
	}
	return w.err
}

func check(v *Verdict) error {
	switch v.State {
	case Flagged, Clean, Suspected:
		if v.Score == nil {
			return fmt.Errorf("%s without a score", v.State)
		}
		if math.IsNaN(*v.Score) || math.IsInf(*v.Score, 0) {
			return fmt.Errorf("its score is %v", *v.Score)
		}
	case NotCheckable:
		if v.Score != nil {
			return errors.New("not checkable, yet with a score")
		}
	default:
		return fmt.Errorf("unknown state %q", v.State)
	}
	return nil
}

// Evidence writes e, which it does not change or keep. After an error every
// further call gives the same error.
func (w *Writer) Evidence(e *Evidence) error {
	if w.err != nil {
		return w.err
	}
	r := &w.proof
	*r = *e
	for _, s := range []*string{&r.Benchmark, &r.Split, &r.Item, &r.Part, &r.Shard, &r.DocID, &r.DocText, &r.Norm} {
		*s = valid(*s)
	}
	if err := w.evidence.lines.Encode(r); err != nil {
		w.err = fmt.Errorf("evidence: %w", err)
	} else if err := w.evidence.evidence(r); err != nil {
		w.err = fmt.Errorf("evidence: %w", err)
	}
	return w.err
}

// valid gives s with every byte that is not UTF-8 as U+FFFD, one for one.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// Close ends the files and syncs them. If it or any earlier call failed, the
// files are not whole and the error says why.
func (w *Writer) Close() error {
	if w.err == nil {
		w.err = errors.Join(w.verdicts.close(), w.evidence.close())
	}
	for _, f := range w.files {
		if w.err == nil {
			w.err = f.Flush()
		}
		if w.err == nil {
			w.err = f.f.Sync()
		}
	}
	if err := w.closeFiles(); w.err == nil {
		w.err = err
	}
	err := w.err
	if err == nil {
		w.err = errors.New("report is closed")
	}
	return err
}

func (w *Writer) closeFiles() error {
	var errs []error
	for _, f := range w.files {
		errs = append(errs, f.f.Close())
	}
	w.files = nil
	return errors.Join(errs...)
}
