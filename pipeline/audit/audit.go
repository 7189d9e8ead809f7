// Package audit writes, reads and checks audit directories, and applies reviewers' marks to
// their verdicts. No other package knows the files of an audit.
//
// # What is read
//
// swab reads the Parquet files; the JSON lines beside them hold the same rows for people.
// audit.json describes the run, and has the size and digest of every file that the run
// wrote. A [Reader] compares each file with its digest before it returns the first row, so
// no command works on an audit that was changed: hashing takes a small part of the time of
// decoding. [Verify] compares all files. FORMAT.md describes each of them.
//
// # States and kinds
//
// A [State] is a method's decision on an item. Some methods add a kind, the reason for the
// decision. Both are closed lists, and any other value in an audit is an error. Columns and
// members of a later minor version are ignored.
package audit

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"swab/ngram"
	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"
	"swab/pipeline/publish"
	"swab/pipeline/rows"
)

// The files of an audit's directory that are not variants of a benchmark.
const (
	File          = "audit.json"
	VerdictsFile  = "verdicts.parquet"
	EvidenceFile  = "evidence.parquet"
	VerdictsLines = "verdicts.jsonl"
	EvidenceLines = "evidence.jsonl"
	MethodsFile   = "methods.csv"
	AgreementFile = "agreement.csv"
	CleanDir      = "clean"
	RemovedDir    = "removed"
	ReportFile    = "report.html"  // swab report writes it again at any time
	ReviewFile    = "review.jsonl" // reviewers' marks; it stays when a run replaces the directory
	ScoresFile    = "scores.json"  // written by swab score from the audit's verdicts: a new audit removes it
	CurveFile     = "curve.csv"
	PredictFile   = "predict.json" // written by swab predict, as ScoresFile is
	ShardsDir     = "shards"       // results of single shards, private to the program that wrote them
)

// unlisted are the files for which audit.json has no digest.
var unlisted = []string{File, ReportFile, ReviewFile, ScoresFile, CurveFile, PredictFile, ShardsDir}

// outKind describes an audit's directory to package publish.
var outKind = publish.Kind{Name: "an audit", Mark: File, Sub: ShardsDir, Kept: ReviewFile, Names: append([]string{
	VerdictsFile, EvidenceFile, VerdictsLines, EvidenceLines, MethodsFile, AgreementFile, CleanDir, RemovedDir,
}, unlisted...), Check: func(dir fs.FS) error {
	b, err := fs.ReadFile(dir, File)
	if err != nil || isFirst(b) {
		return err
	}
	var a Audit
	if err := format.ReadMember(b, "files", &a.Files); err != nil {
		return ledger.Foreign(fmt.Errorf("%s: %w", File, err))
	}
	return a.checkAdded(dir)
}}

// checkAdded returns an error that names the first file or directory that the run did not
// make and nobody adds to an audit by a verb. Shards are checked by package publish.
func (a *Audit) checkAdded(dir fs.FS) error {
	made := map[string]fs.FileMode{".": fs.ModeDir}
	for _, f := range a.Files {
		made[f.Name] = 0
		for above := path.Dir(f.Name); above != "."; above = path.Dir(above) {
			made[above] = fs.ModeDir
		}
	}
	return fs.WalkDir(dir, ".", func(name string, e fs.DirEntry, err error) error {
		kind, ok := made[name]
		switch {
		case err != nil:
			return err
		case ok && e.Type() == kind, e.Name() == publish.FinderFile && e.Type().IsRegular():
			return nil
		case name == ShardsDir && e.IsDir():
			return fs.SkipDir
		case slices.Contains(unlisted, name) && name != ShardsDir && e.Type().IsRegular():
			return nil
		}
		return publish.Added(name)
	})
}

// OpenOut opens the directory out for a run that publishes an audit: see publish.Open. An
// audit of an earlier version is replaced like any other.
func OpenOut(out string) (*publish.Dir, error) { return publish.Open(out, &outKind) }

// format is the first line of audit.json.
var format = ledger.Format{Name: "swab audit", Version: 2, Minor: 3, Advice: "run swab scan again"}

// Audit describes the input and the settings of a run: everything needed to judge its
// verdicts or to repeat it. It holds no times, durations, hosts or lane counts, so the same
// input is written as the same bytes.
type Audit struct {
	Swab       string           `json:"swab"`            // version of the program
	About      *About           `json:"about,omitempty"` // what the caller says of the audit
	Recipe     ngram.Recipe     `json:"recipe"`
	Methods    []Method         `json:"methods"`
	Flag       []string         `json:"flag,omitempty"` // kinds of clean items that count as flagged
	Seed       uint64           `json:"seed"`
	TextField  string           `json:"text_field"`
	IDField    string           `json:"id_field"`
	TextUnit   string           `json:"text_unit"`        // a document of a plain text shard: file or line
	Tokens     *rows.Tokens     `json:"tokens,omitempty"` // how token ids were read as text
	Limits     map[string]int64 `json:"limits"`
	Benchmarks []Benchmark      `json:"benchmarks"`
	Decoys     []Decoys         `json:"decoys,omitempty"` // by method and benchmark
	Files      []FileDigest     `json:"files"`            // every file that the run wrote, by name; Seal fills it in
	Shards     []ledger.Entry   `json:"shards"`
	Totals     ledger.Totals    `json:"totals"`             // ledger.Sum(Shards)
	Unread     []Aside          `json:"unread,omitempty"`   // files of the corpus that look like data and were not read
	Excluded   []Aside          `json:"excluded,omitempty"` // files and directories of the corpus that the caller left out
	Task       string           `json:"task,omitempty"`     // I/N, of a run that read one part of N of the shards
	Cleaned    []CleanedCorpus  `json:"cleaned,omitempty"`
	Complete   bool             `json:"complete"` // all input was read to its end

	// Reviewed is the number of items that are in clean/ or in removed/ because of a
	// reviewer's mark, whatever the methods decided.
	Reviewed int64 `json:"reviewed,omitempty"`

	// Changed is in audits of earlier versions only. What differs from the audit that was
	// replaced is no property of the new one: the same run writes the same bytes.
	Changed []Change `json:"changed,omitempty"`
}

// Aside is a file or directory of the corpus that was not read.
type Aside = ledger.Aside

// A CleanedCorpus is a directory that shards of the corpus are in, written by swab
// decontaminate.
type CleanedCorpus struct {
	Name      string  `json:"name"`   // the directory
	Audit     string  `json:"audit"`  // digest of the audit that it was cleaned by; "": its record cannot be read
	Method    string  `json:"method"` // that decided
	Threshold float64 `json:"threshold,omitempty"`
	Documents int64   `json:"documents"` // before
	Removed   int64   `json:"removed"`   // of them
}

// Method is one definition of contamination, with its parameters. Numbers in Params are
// json.Number once read back.
type Method struct {
	Name    string         `json:"name"`
	Version int            `json:"version"`
	Params  map[string]any `json:"params"`
}

// Benchmark is one benchmark of the run.
type Benchmark struct {
	Name     string          `json:"name"`
	Preset   string          `json:"preset"`
	Files    []BenchmarkFile `json:"files"`
	Items    int64           `json:"items"`
	Siblings []BenchmarkFile `json:"siblings,omitempty"` // whose items compete with the benchmark's and are not reported
	Warnings []string        `json:"warnings,omitempty"`

	Terms *Terms `json:"terms,omitempty"` // its limits and whether it keeps them, if any were set

	// MediaNotChecked counts items with images, audio or other media: their text alone is compared.
	MediaNotChecked int64 `json:"media_not_checked,omitempty"`
}

// Mapping returns the fields that the items were read from, for display: each distinct
// mapping of the files once.
func (b Benchmark) Mapping() string {
	var all []string
	for _, f := range b.Files {
		if f.Fields != "" && !slices.Contains(all, f.Fields) {
			all = append(all, f.Fields)
		}
	}
	return strings.Join(all, "; ")
}

// Decoys counts a method's decoys: items made to be in no document, which the method judges
// beside those of a benchmark. Every flagged decoy is a false positive.
type Decoys struct {
	Method    string `json:"method"`
	Benchmark string `json:"benchmark"`
	Items     int64  `json:"items"`
	Flagged   int64  `json:"flagged"`
}

// Change is a number of items of which a method's verdict is another than in the audit that
// was replaced.
type Change struct {
	Method    string `json:"method"`
	FromState State  `json:"from_state"`
	FromKind  string `json:"from_kind,omitempty"`
	ToState   State  `json:"to_state"`
	ToKind    string `json:"to_kind,omitempty"`
	Items     int64  `json:"items"`
}

// Compare orders changes by method, the most items first.
func (c Change) Compare(d Change) int {
	return cmp.Or(cmp.Compare(c.Method, d.Method), cmp.Compare(d.Items, c.Items),
		cmp.Compare(c.FromState, d.FromState), cmp.Compare(c.FromKind, d.FromKind),
		cmp.Compare(c.ToState, d.ToState), cmp.Compare(c.ToKind, d.ToKind))
}

// BenchmarkFile is one file of a benchmark.
type BenchmarkFile struct {
	Path              string `json:"path"`
	Split             string `json:"split"`
	Digest            string `json:"digest"`
	Items             int64  `json:"items"`
	benchmark.Reading        // the fields that its items were read from
}

// FileDigest is a file of the audit's directory.
type FileDigest struct {
	Name   string `json:"name"`   // slash-separated, below the directory
	Size   int64  `json:"size"`   // bytes
	Digest string `json:"digest"` // XXH3-128, 32 lower case hex digits
}

// check compares the parts of an audit with each other.
func (a *Audit) check() error {
	got, want := a.Totals, ledger.Sum(a.Shards)
	if !maps.Equal(got.Skipped, want.Skipped) || !maps.Equal(got.Repaired, want.Repaired) ||
		got.Shards != want.Shards || got.ShardsFailed != want.ShardsFailed || got.Rows != want.Rows ||
		got.Documents != want.Documents || got.TextBytes != want.TextBytes || got.Empty != want.Empty ||
		got.LongIDs != want.LongIDs || !maps.Equal(got.Disguised, want.Disguised) {
		return fmt.Errorf("%w: totals are not the sum of the shards", ledger.ErrCorrupt)
	}
	if a.Complete && got.ShardsFailed > 0 {
		return fmt.Errorf("%w: complete, yet %d shards failed", ledger.ErrCorrupt, got.ShardsFailed)
	}
	if a.Complete && (len(a.Unread) > 0 || a.Task != "") {
		return fmt.Errorf("%w: complete, yet %d files and task %q", ledger.ErrCorrupt, len(a.Unread), a.Task)
	}
	for i, f := range a.Files {
		if !fs.ValidPath(f.Name) || f.Size < 0 || len(f.Digest) != 32 || i > 0 && f.Name <= a.Files[i-1].Name {
			return fmt.Errorf("%w: file %q is out of order, or has no digest", ledger.ErrCorrupt, f.Name)
		}
	}
	return nil
}

// file returns the size and digest that a records of a file of its directory.
func (a *Audit) file(name string) (FileDigest, bool) {
	for _, f := range a.Files {
		if f.Name == name {
			return f, true
		}
	}
	return FileDigest{}, false
}

// VerdictsDigest returns the digest of the verdicts. Files that are computed from them carry
// it.
func (a *Audit) VerdictsDigest() string {
	f, _ := a.file(VerdictsFile)
	return f.Digest
}

// Thresholds returns the threshold of a method, and that from which its items are dirty, as Llama 2
// has it; 0 where it has none.
func (a *Audit) Thresholds(method string) (threshold, dirty float64) {
	number := func(v any) float64 {
		x, _ := strconv.ParseFloat(fmt.Sprint(v), 64)
		return x
	}
	for _, m := range a.Methods {
		if m.Name == method {
			threshold, dirty = number(m.Params["threshold"]), number(m.Params["dirty"])
		}
	}
	return threshold, dirty
}

// Norms returns the normaliser of each method.
func (a *Audit) Norms() map[string]string {
	norms := map[string]string{}
	for _, m := range a.Methods {
		norm, ok := m.Params["normaliser"].(string)
		if !ok {
			norm = "words"
		}
		norms[m.Name] = norm
	}
	return norms
}

// Write writes a as audit.json. Invalid UTF-8 in names becomes U+FFFD. An audit whose
// Totals are not the sum of its shards is refused with ErrCorrupt.
func Write(w io.Writer, a *Audit) error {
	if err := a.check(); err != nil {
		return err
	}
	c := *a
	c.Methods, c.Benchmarks = append([]Method{}, c.Methods...), append([]Benchmark{}, c.Benchmarks...)
	c.Shards, c.Files = append([]ledger.Entry{}, c.Shards...), append([]FileDigest{}, c.Files...)
	return format.Write(w, &c)
}

// read reads what Write wrote. The error is ErrVersion for another version of the format
// and ErrCorrupt for anything else that is not an audit, byte for byte as it was written.
func read(b []byte) (*Audit, error) {
	a := new(Audit)
	err := format.Parse(b, a)
	if errors.Is(err, ledger.ErrCorrupt) && isFirst(b) {
		return nil, fmt.Errorf("%w: its format is 1, this program reads %d; %s",
			ledger.ErrVersion, format.Version, format.Advice)
	}
	if err != nil {
		return nil, err
	}
	return a, a.check()
}

// isFirst reports whether b is an audit.json of version 1, which was one JSON object
// without a checksum.
func isFirst(b []byte) bool {
	var h struct {
		Format  string
		Version int
	}
	return json.Unmarshal(b, &h) == nil && h.Format == format.Name && h.Version == 1
}
