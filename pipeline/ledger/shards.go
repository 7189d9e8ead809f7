// Package ledger records what was read: shards with their sizes and digests, and the segments
// of a corpus filter. FORMAT.md specifies index.json.
package ledger

// Entry records how one shard was read. Skipped and Repaired count rows by the kind of their
// defect.
type Entry struct {
	Name        string           `json:"name"`
	Size        int64            `json:"size"` // bytes as stored
	Digest      string           `json:"digest"`
	Format      string           `json:"format"`
	Compression string           `json:"compression"`
	Version     string           `json:"version,omitempty"`   // the store's, as an ETag or blob id
	Source      string           `json:"source,omitempty"`    // URL with the commit of the hub's revision
	ReadAs      string           `json:"read_as,omitempty"`   // the ending set by --format
	Once        bool             `json:"read_once,omitempty"` // from standard input or a pipe
	Rows        int64            `json:"rows"`
	Documents   int64            `json:"documents"`
	TextBytes   int64            `json:"text_bytes"`
	TextField   string           `json:"text_field,omitempty"` // if the run's field was not there and this one was found
	Empty       int64            `json:"empty,omitempty"`      // documents without a word
	LongIDs     int64            `json:"long_ids,omitempty"`   // documents whose id is clipped in evidence
	Disguised   map[string]int64 `json:"disguised,omitempty"`  // documents with text that hides copies, by plain's kinds
	Unchecked   bool             `json:"unchecked,omitempty"`  // no checksum of its format or compression covers it
	Skipped     map[string]int64 `json:"skipped,omitempty"`
	Repaired    map[string]int64 `json:"repaired,omitempty"`
	FirstBad    []BadRow         `json:"first_bad,omitempty"`
	Range       *Range           `json:"range,omitempty"` // of a result of a part of the shard
	Error       string           `json:"error"`           // why it failed; empty if it was read to its end
}

// MostlyEmpty reports whether more than half of the documents have no word, so that the text
// is likely to be in another field. A file of plain text has no other.
func (e *Entry) MostlyEmpty() bool { return 2*e.Empty > e.Documents && e.Format != "text" }

// MostlyEmpty reports whether more than half of all documents have no word.
func (t *Totals) MostlyEmpty() bool { return 2*t.Empty > t.Documents }

// BadRow names a row that was skipped or repaired.
type BadRow struct {
	Row    int64  `json:"row"`
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

// Totals adds up shards.
type Totals struct {
	Shards       int64            `json:"shards"`
	ShardsFailed int64            `json:"shards_failed"`
	Rows         int64            `json:"rows"`
	Documents    int64            `json:"documents"`
	TextBytes    int64            `json:"text_bytes"`
	Empty        int64            `json:"empty,omitempty"`
	LongIDs      int64            `json:"long_ids,omitempty"`
	Disguised    map[string]int64 `json:"disguised,omitempty"`
	Unchecked    int64            `json:"unchecked,omitempty"` // shards
	Skipped      map[string]int64 `json:"skipped,omitempty"`
	Repaired     map[string]int64 `json:"repaired,omitempty"`
}

// Sum adds up shards. The rows of a failed shard count as far as it was read.
func Sum(shards []Entry) Totals {
	var t Totals
	t.Skipped, t.Repaired = map[string]int64{}, map[string]int64{}
	for i := range shards {
		e := &shards[i]
		t.Shards++
		if e.Error != "" {
			t.ShardsFailed++
		}
		t.Rows += e.Rows
		t.Documents += e.Documents
		t.TextBytes += e.TextBytes
		t.Empty += e.Empty
		t.LongIDs += e.LongIDs
		for kind, n := range e.Disguised {
			if t.Disguised == nil {
				t.Disguised = map[string]int64{}
			}
			t.Disguised[kind] += n
		}
		if e.Unchecked {
			t.Unchecked++
		}
		for kind, n := range e.Skipped {
			t.Skipped[kind] += n
		}
		for kind, n := range e.Repaired {
			t.Repaired[kind] += n
		}
	}
	return t
}
