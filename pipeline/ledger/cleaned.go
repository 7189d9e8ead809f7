package ledger

import (
	"io"
	"os"
	"path"
	"path/filepath"
)

// CleanedFile is the file of a cleaned corpus that describes it.
const CleanedFile = "decontamination.json"

var cleanedFormat = Format{Name: "swab decontamination", Version: 1, Minor: 1, Advice: "run swab decontaminate again"}

// Cleaned describes a cleaned corpus.
type Cleaned struct {
	Swab       string             `json:"swab"`
	Audit      string             `json:"audit"` // digest of the audit's audit.json
	Method     string             `json:"method"`
	Version    int                `json:"method_version"`
	Threshold  float64            `json:"threshold,omitempty"` // 0: as the method decides
	IDs        bool               `json:"ids,omitempty"`       // the list alone was written
	Documents  int64              `json:"documents"`           // of the corpus
	Margin     *int               `json:"margin,omitempty"`    // characters cut beside what matches; nil: none is cut
	Shortest   *int               `json:"shortest,omitempty"`  // characters of the shortest piece that stays
	Removed    int64              `json:"removed"`             // of them
	Cut        int64              `json:"cut,omitempty"`       // of them; a part of each is left
	Bytes      int64              `json:"removed_bytes"`       // of their texts
	Benchmarks []CleanedBenchmark `json:"benchmarks"`
	Shards     []CleanedShard     `json:"shards"`
	LeftOut    []Aside            `json:"left_out,omitempty"` // shards that could not be read
}

// CleanedBenchmark counts what a corpus held of a benchmark.
type CleanedBenchmark struct {
	Name      string `json:"name"`
	Flagged   int64  `json:"flagged"`   // items
	Found     int64  `json:"found"`     // of them, in a removed document
	Documents int64  `json:"documents"` // removed because of any of them
}

// CleanedShard counts the documents of a shard.
type CleanedShard struct {
	Name      string `json:"name"` // in the corpus
	File      string `json:"file,omitempty"`
	Documents int64  `json:"documents"`
	Removed   int64  `json:"removed"`
	Cut       int64  `json:"cut,omitempty"`
}

// Write writes c as CleanedFile.
func (c *Cleaned) Write(w io.Writer) error { return cleanedFormat.Write(w, c) }

// Cleanings returns what is recorded of the cleaned corpora that files are in, by directory;
// nil for a record that cannot be read.
func Cleanings(names []string) map[string]*Cleaned {
	found, tried := map[string]*Cleaned{}, map[string]bool{}
	for _, name := range names {
		for dir := path.Dir(filepath.ToSlash(name)); !tried[dir]; dir = path.Dir(dir) {
			tried[dir] = true
			f, err := os.Open(filepath.Join(filepath.FromSlash(dir), CleanedFile))
			if err != nil {
				continue
			}
			c := new(Cleaned)
			if err := cleanedFormat.Read(f, c); err != nil {
				c = nil
			}
			f.Close()
			found[dir] = c
		}
	}
	return found
}

// Aside is a file or directory of the corpus that was not read.
type Aside struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}
