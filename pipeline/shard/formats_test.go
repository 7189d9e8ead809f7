package shard

// The formats of the tests; package rows has the real ones.
var (
	JSONL       = &Format{Name: "JSON lines", Endings: []string{".jsonl", ".ndjson", ".json"}}
	Parquet     = &Format{Name: "Parquet", Endings: []string{".parquet"}, Magic: "PAR1", Tail: "PAR1", Random: true}
	ArrowFile   = &Format{Name: "Arrow file", Endings: []string{".arrow", ".feather", ".ipc"}, Magic: "ARROW1", Tail: "ARROW1", Random: true}
	ArrowStream = &Format{Name: "Arrow stream", Endings: []string{".arrows", ".arrowstream"}, Magic: "\xff\xff\xff\xff"}
	Text        = &Format{Name: "text", Endings: []string{".txt", ".text", ".md"}}

	formats = Formats{JSONL, Parquet, ArrowFile, ArrowStream, Text}
)

func (c Compression) usualEnding() string {
	return [...]string{None: "", Gzip: ".gz", Zstd: ".zst", Bzip2: ".bz2", Xz: ".xz", Lz4: ".lz4"}[c]
}
