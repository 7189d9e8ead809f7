// Package review keeps what people say of the evidence, and shows it to them one item
// at a time.
//
// Marks are kept in DIR/review.jsonl, a row an item, and are of an item's content and
// its evidence, by their digests: a later run that finds the same evidence of the same
// item has the mark still, and one that finds other evidence asks again. A rejected
// item is not in the corpus whatever a method says, a confirmed one is.
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
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"swab/pipeline/findings"
	"swab/pipeline/ledger"
	"swab/pipeline/publish"
)

// File is the name of the marks in an audit directory.
const File = ledger.ReviewFile

// Mark is what a reader says of an item's evidence.
type Mark string

// The marks. An entry without one has only a note.
const (
	Confirmed Mark = "confirmed"
	Rejected  Mark = "rejected"
)

// Key is what a mark is of: 32 hex digits each.
type Key struct {
	Item     string `json:"item_digest"`
	Evidence string `json:"evidence_digest"` // see findings.EvidenceDigest
}

// Entry is a row of review.jsonl. Benchmark, Split and Item say where the item stood
// when it was marked, for people.
type Entry struct {
	Key
	Mark      Mark   `json:"mark"`
	Note      string `json:"note"`
	Benchmark string `json:"benchmark"`
	Split     string `json:"split"`
	Item      string `json:"item"`
}

// Marks holds entries by what they are of.
type Marks map[Key]Entry

// Load reads the marks of an audit directory. There are none if it has no such file.
func Load(dir string) (Marks, error) {
	path := filepath.Join(dir, File)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Marks{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	marks := Marks{}
	dec := json.NewDecoder(bufio.NewReader(f))
	for n := 0; ; n++ {
		var e Entry
		err := dec.Decode(&e)
		if err == io.EOF {
			return marks, nil
		}
		if err == nil && e.Mark != "" && e.Mark != Confirmed && e.Mark != Rejected {
			err = fmt.Errorf("mark %q is neither %s nor %s", e.Mark, Confirmed, Rejected)
		}
		if err == nil && len(e.Key.Item) != 32 {
			err = errors.New("no item_digest")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: row %d: %w; mend the row or move the file away", path, n, err)
		}
		marks[e.Key] = e
	}
}

// Save adds the given entries to those in dir, in the place of earlier ones of the same
// key; an entry with neither mark nor note removes one. The file is replaced in one
// step. Marks that another reader saves at the same moment can be lost.
func Save(dir string, changed Marks) error {
	marks, err := Load(dir)
	if err != nil {
		return err
	}
	maps.Copy(marks, changed)
	maps.DeleteFunc(marks, func(_ Key, e Entry) bool { return e.Mark == "" && e.Note == "" })
	rows := slices.SortedFunc(maps.Values(marks), func(a, b Entry) int {
		return cmp.Or(strings.Compare(a.Benchmark, b.Benchmark), strings.Compare(a.Split, b.Split), strings.Compare(a.Item, b.Item),
			strings.Compare(a.Key.Item, b.Key.Item), strings.Compare(a.Evidence, b.Evidence))
	})
	return publish.ReplaceFile(filepath.Join(dir, File), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		for _, e := range rows {
			if err := enc.Encode(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// Place is where an item stands in an audit.
type Place struct{ Benchmark, Split, Item, Digest string }

// Items gives the items of an audit that are marked, as the evidence stands now. Marks
// of evidence that the audit no longer has are not among them; stale is their number.
func Items(ctx context.Context, dir string) (marked map[Place]Entry, stale int, err error) {
	marks, err := Load(dir)
	if err != nil || len(marks) == 0 {
		return nil, 0, err
	}
	of := map[string]bool{}
	for k := range marks {
		of[k.Item] = true
	}
	type place struct{ benchmark, split, item string }
	digests := map[place][]string{} // of items whose content is marked
	var order []Place
	for it, err := range findings.Items(ctx, dir) {
		if err != nil {
			return nil, 0, err
		}
		if of[it.Digest] {
			p := place{it.Benchmark, it.Split, it.ID}
			digests[p] = append(digests[p], it.Digest)
			order = append(order, Place{it.Benchmark, it.Split, it.ID, it.Digest})
		}
	}
	proofs := map[place]string{}
	for e, err := range findings.AllEvidence(ctx, dir) {
		if err != nil {
			return nil, 0, err
		}
		if p := (place{e.Benchmark, e.Split, e.Item}); digests[p] != nil {
			proofs[p] = findings.EvidenceDigest(e.Rows)
		}
	}
	marked = map[Place]Entry{}
	used := map[Key]bool{}
	for _, p := range order {
		proof, ok := proofs[place{p.Benchmark, p.Split, p.Item}]
		if !ok {
			proof = findings.EvidenceDigest(nil)
		}
		k := Key{p.Digest, proof}
		if e, ok := marks[k]; ok {
			marked[p] = e
			used[k] = true
		}
	}
	return marked, len(marks) - len(used), nil
}
