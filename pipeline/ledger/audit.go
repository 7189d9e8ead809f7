// Package ledger keeps what was read: shards with their sizes and digests, and the
// segments of a corpus filter. FORMAT.md has index.json exactly.
package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"

	"swab/ngram"
	"swab/pipeline/publish"
)

// AuditFile is the name of the audit in its directory.
const AuditFile = "audit.json"

// ReviewFile is the name, in an audit's directory, of what people marked in it. It is
// not made by a run, and stays when a run replaces the directory.
const ReviewFile = "review.jsonl"

// What swab score writes into an audit's directory. It is of the audit's verdicts, so a
// new audit in its place drops it.
const (
	ScoresFile = "scores.json"
	CurveFile  = "curve.csv"
)

var auditKind = publish.Kind{Name: "an audit", Mark: AuditFile, Sub: "shards", Kept: ReviewFile, Names: []string{
	AuditFile, "verdicts.jsonl", "verdicts.parquet", "evidence.jsonl", "evidence.parquet",
	"methods.csv", "agreement.csv", "clean", "removed", "report.html", ReviewFile, ScoresFile, CurveFile, "shards",
}, Check: func(dir fs.FS) error {
	f, err := dir.Open(AuditFile)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := ReadAudit(f); err != nil {
		return Foreign(fmt.Errorf("%s: %w", AuditFile, err))
	}
	return nil
}}

// Open takes the audit directory out for this run, as publish.Open does.
func Open(out string) (*publish.Dir, error) { return publish.Open(out, &auditKind) }

// The header of audit.json; a reader knows the file by it.
const (
	auditFormat  = "swab audit"
	auditVersion = 1
)

var (
	// ErrVersion means a file written by another version of its format.
	ErrVersion = errors.New("made by another version of the program")
	// ErrCorrupt means a file that is damaged or not what its name says.
	ErrCorrupt = errors.New("not valid")
)

// Audit says what a run read and how: everything needed to judge its verdicts
// or to repeat it. It holds no times, durations, hosts or lane counts, so the
// same input gives the same bytes.
type Audit struct {
	Swab       string           `json:"swab"` // version of the program
	Recipe     ngram.Recipe     `json:"recipe"`
	Methods    []Method         `json:"methods"`
	Seed       uint64           `json:"seed"`
	TextField  string           `json:"text_field"`
	IDField    string           `json:"id_field"`
	TextUnit   string           `json:"text_unit"` // what is a document of a plain text shard: file or line
	Limits     map[string]int64 `json:"limits"`
	Benchmarks []Benchmark      `json:"benchmarks"`
	Decoys     []Decoys         `json:"decoys,omitempty"` // by method and benchmark
	Shards     []Entry          `json:"shards"`
	Totals     Totals           `json:"totals"`   // Sum(Shards)
	Complete   bool             `json:"complete"` // all input was read to its end

	// Reviewed is the number of items whose place, in clean/ or in removed/, a reader's
	// mark says and not a method.
	Reviewed int64 `json:"reviewed,omitempty"`
}

// Method is one definition of contamination, with what it was given. Numbers in
// Params are json.Number once read back.
type Method struct {
	Name    string         `json:"name"`
	Version int            `json:"version"`
	Params  map[string]any `json:"params"`
}

// Benchmark is one benchmark that was looked for.
type Benchmark struct {
	Name     string          `json:"name"`
	Preset   string          `json:"preset"`
	Mapping  string          `json:"mapping"` // part or id to the fields it is read from
	Files    []BenchmarkFile `json:"files"`
	Items    int64           `json:"items"`
	Warnings []string        `json:"warnings,omitempty"`
}

// Decoys says how many items that no document can hold a method looked for beside those
// of a benchmark, and how many of them it flagged: all of those are wrong.
type Decoys struct {
	Method    string `json:"method"`
	Benchmark string `json:"benchmark"`
	Items     int64  `json:"items"`
	Flagged   int64  `json:"flagged"`
}

// BenchmarkFile is one file of a benchmark.
type BenchmarkFile struct {
	Path   string `json:"path"`
	Split  string `json:"split"`
	Digest string `json:"digest"`
	Items  int64  `json:"items"`
}

// Entry is what is known of one shard. Skipped and Repaired count rows by kind
// of trouble.
type Entry struct {
	Name        string           `json:"name"`
	Size        int64            `json:"size"` // bytes as stored
	Digest      string           `json:"digest"`
	Format      string           `json:"format"`
	Compression string           `json:"compression"`
	Rows        int64            `json:"rows"`
	Documents   int64            `json:"documents"`
	TextBytes   int64            `json:"text_bytes"`
	Skipped     map[string]int64 `json:"skipped,omitempty"`
	Repaired    map[string]int64 `json:"repaired,omitempty"`
	FirstBad    []BadRow         `json:"first_bad,omitempty"`
	Error       string           `json:"error"` // why it failed; empty if it was read to its end
}

// BadRow names a row that was skipped or repaired.
type BadRow struct {
	Row    int64  `json:"row"`
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

// Totals adds up the shards of an audit.
type Totals struct {
	Shards       int64            `json:"shards"`
	ShardsFailed int64            `json:"shards_failed"`
	Rows         int64            `json:"rows"`
	Documents    int64            `json:"documents"`
	TextBytes    int64            `json:"text_bytes"`
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
		for kind, n := range e.Skipped {
			t.Skipped[kind] += n
		}
		for kind, n := range e.Repaired {
			t.Repaired[kind] += n
		}
	}
	return t
}

// check holds the parts of an audit against each other.
func (a *Audit) check() error {
	got, want := a.Totals, Sum(a.Shards)
	if !maps.Equal(got.Skipped, want.Skipped) || !maps.Equal(got.Repaired, want.Repaired) ||
		got.Shards != want.Shards || got.ShardsFailed != want.ShardsFailed || got.Rows != want.Rows ||
		got.Documents != want.Documents || got.TextBytes != want.TextBytes {
		return fmt.Errorf("%w: totals are not the sum of the shards", ErrCorrupt)
	}
	if a.Complete && got.ShardsFailed > 0 {
		return fmt.Errorf("%w: complete, yet %d shards failed", ErrCorrupt, got.ShardsFailed)
	}
	return nil
}

type header struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
}

// WriteAudit writes a as indented JSON that ends in a newline. Invalid UTF-8 in
// names becomes U+FFFD. An audit whose Totals are not the sum of its shards is
// refused with ErrCorrupt.
func WriteAudit(w io.Writer, a *Audit) error {
	if err := a.check(); err != nil {
		return err
	}
	c := *a
	c.Methods, c.Benchmarks, c.Shards = list(c.Methods), list(c.Benchmarks), list(c.Shards)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		header
		*Audit
	}{header{auditFormat, auditVersion}, &c})
}

// list makes a missing list an empty one, which JSON shows as [] and not null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// ReadAudit reads what WriteAudit wrote. The error is ErrVersion for another
// version of the format and ErrCorrupt for anything else that is not an audit:
// unknown fields, totals that do not add up, bytes after the end.
func ReadAudit(r io.Reader) (*Audit, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var h header
	if err := json.Unmarshal(b, &h); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if h.Format != auditFormat {
		return nil, fmt.Errorf("%w: its format is %q", ErrCorrupt, h.Format)
	}
	if h.Version != auditVersion {
		return nil, fmt.Errorf("%w: its format is %d, this program knows %d", ErrVersion, h.Version, auditVersion)
	}
	a := new(Audit)
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	if err := dec.Decode(&struct {
		*header
		*Audit
	}{&h, a}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	return a, nil
}
