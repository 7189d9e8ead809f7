package audit

import (
	"bufio"
	"cmp"
	"context"
	"encoding/hex"
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

	"swab/ngram/item"
	"swab/pipeline/publish"

	"github.com/zeebo/xxh3"
)

// review.jsonl has a row for each item that a person has reviewed. A mark belongs to an item's
// content and its evidence, by their digests: after a later run that finds the same evidence
// for the same item, the mark still holds; if the evidence differs, the item is to be
// reviewed again. A confirmed item is in the corpus and a rejected one is not, whatever the
// methods decided.

// Mark is a reviewer's decision on an item's evidence.
type Mark string

// The marks. An entry without one has only a note.
const (
	Confirmed Mark = "confirmed"
	Rejected  Mark = "rejected"
)

// MarkKey identifies the item and the evidence of a mark, by 32 hex digits each.
type MarkKey struct {
	Item     string `json:"item_digest"`
	Evidence string `json:"evidence_digest"` // see EvidenceDigest
}

// MarkEntry is a row of review.jsonl. Benchmark, Split and Item say where the item was when
// it was marked; they are for people only.
type MarkEntry struct {
	MarkKey
	Mark      Mark   `json:"mark"`
	Note      string `json:"note"`
	Reviewer  string `json:"reviewer,omitempty"`
	Time      string `json:"time,omitempty"` // RFC 3339, in UTC
	Benchmark string `json:"benchmark"`
	Split     string `json:"split"`
	Item      string `json:"item"`
}

// Marks holds entries by their keys. Of several reviewers' the latest counts.
type Marks map[MarkKey]MarkEntry

// LoadMarks reads the marks of an audit directory. There are none if it has no such file.
func LoadMarks(dir string) (Marks, error) {
	rows, err := ReadMarks(filepath.Join(dir, ReviewFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Marks{}, nil
	}
	if err != nil {
		return nil, err
	}
	marks := Marks{}
	for _, e := range rows {
		if marks[e.MarkKey].Time <= e.Time {
			marks[e.MarkKey] = e
		}
	}
	return marks, nil
}

// ReadMarks reads a file of marks, those of all reviewers.
func ReadMarks(path string) (rows []MarkEntry, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	dec := json.NewDecoder(bufio.NewReader(f))
	for n := 0; ; n++ {
		var e MarkEntry
		err := dec.Decode(&e)
		if err == io.EOF {
			return rows, nil
		}
		if err == nil && e.Mark != "" && e.Mark != Confirmed && e.Mark != Rejected {
			err = fmt.Errorf("mark %q is neither %s nor %s", e.Mark, Confirmed, Rejected)
		}
		if err == nil && len(e.MarkKey.Item) != 32 {
			err = errors.New("no item_digest")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: row %d: %w; fix the row or move the file away", path, n, err)
		}
		rows = append(rows, e)
	}
}

// SaveMarks adds entries to those in dir. An entry replaces an earlier one of the same key and
// reviewer; one with neither mark nor note removes it. The file is replaced in one step. Marks
// that another process saves at the same moment can be lost.
func SaveMarks(dir string, changed Marks) error {
	return saveMarks(dir, slices.Collect(maps.Values(changed)))
}

// MergeMarks adds the marks of another file to those in dir, for example those of a second
// reviewer of a copy of the audit. Of the same key and reviewer the later counts. It returns
// the number of rows read.
func MergeMarks(dir, path string) (int, error) {
	rows, err := ReadMarks(path)
	if err != nil {
		return 0, err
	}
	return len(rows), saveMarks(dir, rows)
}

func saveMarks(dir string, changed []MarkEntry) error {
	path := filepath.Join(dir, ReviewFile)
	rows, err := ReadMarks(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	type author struct {
		MarkKey
		reviewer string
	}
	all := map[author]MarkEntry{}
	for _, e := range append(rows, changed...) {
		if key := (author{e.MarkKey, e.Reviewer}); all[key].Time <= e.Time {
			all[key] = e
		}
	}
	maps.DeleteFunc(all, func(_ author, e MarkEntry) bool { return e.Mark == "" && e.Note == "" })
	rows = slices.SortedFunc(maps.Values(all), func(a, b MarkEntry) int {
		return cmp.Or(
			strings.Compare(a.Benchmark, b.Benchmark), strings.Compare(a.Split, b.Split), strings.Compare(a.Item, b.Item),
			strings.Compare(a.MarkKey.Item, b.MarkKey.Item), strings.Compare(a.Evidence, b.Evidence),
			strings.Compare(a.Reviewer, b.Reviewer))
	})
	return publish.ReplaceFile(path, func(w io.Writer) error {
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

// A ReviewerPair is how two reviewers agree on the items that both marked.
type ReviewerPair struct {
	One, Other   string
	Items, Agree int
	Kappa        float64 // Cohen 1960; NaN where both only ever used one mark, the same
}

// ReviewerPairs compares each two reviewers that marked the same items.
func ReviewerPairs(rows []MarkEntry) (pairs []ReviewerPair) {
	by := map[string]map[MarkKey]Mark{}
	for _, e := range rows {
		if e.Mark == "" {
			continue
		}
		if by[e.Reviewer] == nil {
			by[e.Reviewer] = map[MarkKey]Mark{}
		}
		by[e.Reviewer][e.MarkKey] = e.Mark
	}
	names := slices.Sorted(maps.Keys(by))
	for i, one := range names {
		for _, other := range names[i+1:] {
			p := ReviewerPair{One: one, Other: other}
			var confirmed [2]int
			for key, mark := range by[one] {
				theirs, ok := by[other][key]
				if !ok {
					continue
				}
				p.Items++
				if mark == theirs {
					p.Agree++
				}
				for k, m := range []Mark{mark, theirs} {
					if m == Confirmed {
						confirmed[k]++
					}
				}
			}
			if p.Items == 0 {
				continue
			}
			n := float64(p.Items)
			a, b := float64(confirmed[0])/n, float64(confirmed[1])/n
			chance := a*b + (1-a)*(1-b)
			p.Kappa = (float64(p.Agree)/n - chance) / (1 - chance)
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// EvidenceDigest returns a digest of an item's evidence, 32 hex digits: of the place and the
// text of each match. The order of the rows does not matter, nor how often a match is among
// them for several methods.
func EvidenceDigest(rows []Evidence) string {
	var lines []string
	for i := range rows {
		r := &rows[i]
		b, err := json.Marshal([]any{
			r.Part, r.Shard, r.Row, r.DocID, r.DocStart, r.DocEnd, r.ItemStart, r.ItemEnd, r.DocText,
		})
		if err != nil {
			panic(err) // plain data
		}
		lines = append(lines, string(b))
	}
	slices.Sort(lines)
	sum := xxh3.HashString128(strings.Join(slices.Compact(lines), "\n")).Bytes()
	return hex.EncodeToString(sum[:])
}

// State returns the state that replaces every method's, or Missing if there is only a note.
func (m Mark) State() State {
	switch m {
	case Confirmed:
		return item.Flagged
	case Rejected:
		return item.Clean
	}
	return item.Missing
}

// Find returns the mark of the item with this digest and this evidence, or a zero entry.
func (m Marks) Find(digest string, rows []Evidence) MarkEntry {
	if len(m) == 0 {
		return MarkEntry{}
	}
	return m[MarkKey{digest, EvidenceDigest(rows)}]
}

// Place identifies an item of an audit.
type Place struct{ Benchmark, Split, Item, Digest string }

// Marked returns the items whose present evidence is marked. Stale is the number of other
// marks, whose items or evidence the audit no longer has.
func (r *Reader) Marked(ctx context.Context) (marked map[Place]MarkEntry, stale int, err error) {
	marks, err := LoadMarks(r.Dir)
	if err != nil || len(marks) == 0 {
		return nil, 0, err
	}
	contents := map[string]bool{}
	for k := range marks {
		contents[k.Item] = true
	}
	type place struct {
		benchmark, split string
		index            int64
	}
	waiting := map[place][]Place{} // items whose content is marked
	for it, err := range r.Items(ctx) {
		if err != nil {
			return nil, 0, err
		}
		if contents[it.Digest] {
			p := place{it.Benchmark, it.Split, it.Index}
			waiting[p] = append(waiting[p], Place{it.Benchmark, it.Split, it.ID, it.Digest})
		}
	}
	marked = map[Place]MarkEntry{}
	used := map[MarkKey]bool{}
	find := func(items []Place, rows []Evidence) {
		for _, p := range items {
			if e, ok := marks[MarkKey{p.Digest, EvidenceDigest(rows)}]; ok {
				marked[p] = e
				used[e.MarkKey] = true
			}
		}
	}
	for e, err := range r.Evidence(ctx) {
		if err != nil {
			return nil, 0, err
		}
		p := place{e.Benchmark, e.Split, e.Index}
		find(waiting[p], e.Rows)
		delete(waiting, p)
	}
	for _, items := range waiting {
		find(items, nil)
	}
	return marked, len(marks) - len(used), nil
}
