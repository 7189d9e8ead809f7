// Package shard finds the files of a corpus and reads their decompressed bytes.
//
// [Find] turns what a user names (files, directories, globs, lists) into shards
// in one fixed order. [Open] reads a shard's bytes, decompressed, and when they
// were read to the end [Reader.Finish] returns the digest of the file as stored.
//
// # Guarantees
//
// A shard is either read whole or ends in an error with its position. Truncated or
// altered input never ends silently: checksums of the format are verified, the end of a
// library's output counts only where the format allows one, and bytes after the last
// member, frame or stream are an error. So are zero bytes after a gzip file, which gzip(1)
// accepts as padding: an incomplete download into reserved space looks the same. (Only xz
// defines padding, in multiples of four bytes, which is accepted.)
//
// Three things cannot be detected here. A file of several members, frames or streams that
// was cut exactly between two of them is a shorter, valid file; the digest and size of an
// earlier run reveal it. Lz4 and zstd frames may have no checksum, and then altered bytes
// may decode. A file changed in place during the read is detected only if its size or
// modification time differs afterwards.
//
// # Memory
//
// A lane holds a buffer of 256 KiB for the file, 1 MiB more when it reads ahead,
// and the decoder's: some 40 KiB for gzip, the window and half a MiB for zstd (at
// most [Limits].Window, 8 MiB at most from zstd's levels up to 19), 4 MiB for bzip2,
// the dictionary for xz, up to 8 MiB for lz4.
//
// # Names
//
// The name's endings define format and compression, in any letter case:
//
//	JSON lines     .jsonl .ndjson .json
//	Parquet        .parquet
//	Arrow file     .arrow .feather .ipc
//	Arrow stream   .arrows .arrowstream
//	text           .txt .text .md
//
// and after each of them .gz .gzip .zst .zstd .bz2 .xz .lz4. The first bytes must agree
// with the name; if they do not, the error names the format that they look like
// ([ErrMismatch]).
package shard

import (
	"errors"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The classes of a shard that cannot be read. An error of this package that is
// none of them comes from the file system.
var (
	ErrCorrupt  = errors.New("corrupt")                       // damaged, truncated, or changed while it was read
	ErrMismatch = errors.New("name and content disagree")     // renaming the file would help
	ErrBomb     = errors.New("over the decompression limits") // see [Limits]
)

// Format is the format of a shard's plain bytes.
type Format uint8

// The formats. The zero Format is invalid.
const (
	JSONL Format = iota + 1
	Parquet
	ArrowFile
	ArrowStream
	Text
)

func (f Format) String() string {
	switch f {
	case JSONL:
		return "JSON lines"
	case Parquet:
		return "Parquet"
	case ArrowFile:
		return "Arrow file"
	case ArrowStream:
		return "Arrow stream"
	case Text:
		return "text"
	}
	return "unknown format"
}

// Compression is the compression of a shard's stored bytes.
type Compression uint8

// The compressions.
const (
	None Compression = iota
	Gzip
	Zstd
	Bzip2
	Xz
	Lz4
)

func (c Compression) String() string {
	switch c {
	case None:
		return "none"
	case Gzip:
		return "gzip"
	case Zstd:
		return "zstd"
	case Bzip2:
		return "bzip2"
	case Xz:
		return "xz"
	case Lz4:
		return "lz4"
	}
	return "unknown compression"
}

// Shard is one file of a corpus, as [Find] saw it.
type Shard struct {
	Name        string // from the user's pattern, cleaned, with slashes; all output is sorted by it
	Path        string // for opening the file
	Size        int64  // bytes as stored
	ModTime     time.Time
	Format      Format
	Compression Compression
}

// Skipped is a file or directory that a directory has or a glob matches and that is not
// read. It is reported so that nothing is left out silently.
type Skipped struct{ Path, Why string }

const (
	formatEndings      = ".jsonl .ndjson .json .parquet .arrow .feather .ipc .arrows .arrowstream .txt .text .md"
	compressionEndings = ".gz .gzip .zst .zstd .bz2 .xz .lz4"
)

// TypeOf returns a file's format and compression by its name. ok reports whether the format
// is known; the compression is valid in either case, as for "x.csv.gz".
func TypeOf(name string) (f Format, c Compression, ok bool) {
	stem, c := splitCompression(name)
	switch strings.ToLower(path.Ext(stem)) {
	case ".jsonl", ".ndjson", ".json":
		f = JSONL
	case ".parquet":
		f = Parquet
	case ".arrow", ".feather", ".ipc":
		f = ArrowFile
	case ".arrows", ".arrowstream":
		f = ArrowStream
	case ".txt", ".text", ".md":
		f = Text
	}
	return f, c, f != 0
}

// Stem returns a name without the ending of its compression.
func Stem(name string) string {
	stem, _ := splitCompression(name)
	return stem
}

// splitCompression removes a compression's ending from a name.
func splitCompression(name string) (stem string, c Compression) {
	ext := path.Ext(name)
	switch strings.ToLower(ext) {
	case ".gz", ".gzip":
		c = Gzip
	case ".zst", ".zstd":
		c = Zstd
	case ".bz2":
		c = Bzip2
	case ".xz":
		c = Xz
	case ".lz4":
		c = Lz4
	default:
		return name, None
	}
	return name[:len(name)-len(ext)], c
}

// printable returns a name as it may be printed: quoted when it has control characters or
// is not valid UTF-8.
func printable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return strconv.Quote(name)
	}
	return name
}
