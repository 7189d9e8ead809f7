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
// # Names and content
//
// What a file is, its content says: the magic of a compression or of a format of the
// table ([Formats]) that its first bytes have. Where they have none its name says it, by
// its ending: .gz .gzip .zst .zstd .bz2 .xz .lz4 for the compression, in any letter case
// and after the format's. A name that says more than the content has is an error
// ([ErrMismatch]).
package shard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"swab/pipeline/store"
)

// The classes of a shard that cannot be read. An error of this package that is
// none of them comes from the file system.
var (
	ErrCorrupt  = errors.New("corrupt")                       // damaged, truncated, or changed while it was read
	ErrMismatch = errors.New("name and content disagree")     // renaming the file would help
	ErrBomb     = errors.New("over the decompression limits") // see [Limits]
	ErrWindow   = errors.New("a window")                      // an ErrBomb that is one of Limits.Window
)

// Format is what has to be known of a format of rows to find its files and open them.
// Package rows has them all, with what reads them.
type Format struct {
	Name    string   // as in "not a Parquet file"
	Endings []string // of names, lower case, each with its dot
	Magic   string   // the first bytes, or those from At on; "" for a format that has none
	At      int
	Tail    string // the last bytes, "" if any may be
	Random  bool   // read at random and not as a stream
	Binary  bool   // no text, though it has no magic
}

// String returns the format's name.
func (f *Format) String() string {
	if f == nil {
		return "unknown format"
	}
	return f.Name
}

// Formats is a table of formats.
type Formats []*Format

// begins returns the format whose magic the bytes begin with, or nil.
func (fs Formats) begins(head []byte) *Format {
	for _, f := range fs {
		if f.hasMagic(head) {
			return f
		}
	}
	return nil
}

func (f *Format) hasMagic(head []byte) bool {
	return f.Magic != "" && len(head) > f.At && bytes.HasPrefix(head[f.At:], []byte(f.Magic))
}

// Endings lists the formats' endings.
func (fs Formats) Endings() string {
	var all []string
	for _, f := range fs {
		all = append(all, f.Endings...)
	}
	return strings.Join(all, " ")
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
	Digest      string        // the one of an earlier read, which the content must still have; "": any
	Format      *Format       // by its name; nil is any
	Compression Compression   // by its name
	Formats     *Formats      // those that its content may be of; nil for Format alone
	Index       string        // path of the file beside it that says where its rows are, or ""
	ReadAs      string        // the ending used in place of its own, as .jsonl; ""
	Object      *store.Object // where a store has it; nil for a file of the disk
	IndexObject *store.Object // likewise of Index
	Whole       bool          // the digest is of the content, also of an object that is read in part
	Range       Range         // the part of it to be read; the zero value: all
	Cuts        []int64       // where ranges begin that it is divided into, but the first
	Settled     string        // the field of the text of a range, if it is not the one asked for
	Once        bool          // standard input or a pipe, whose Size is not known
}

// LayoutName returns a name whose ending says what the content leaves open: the shard's
// without that of a compression, or one with the ending of ReadAs. A name without an ending,
// or with a number, is one of JSON lines.
func (s *Shard) LayoutName() string {
	switch {
	case s.ReadAs != "":
		return "as" + s.ReadAs
	case ending(s.Name) == "":
		return Stem(s.Name) + ".jsonl"
	}
	return Stem(s.Name)
}

const compressionEndings = ".gz .gzip .zst .zstd .bz2 .xz .lz4"

// TypeOf returns a file's format and compression by its name. ok says that the format is
// known; the compression is right in either case, as for "x.csv.gz".
func (fs Formats) TypeOf(name string) (f *Format, c Compression, ok bool) {
	stem, c := splitCompression(name)
	ext := strings.ToLower(path.Ext(stem))
	for _, f := range fs {
		if ext != "" && slices.Contains(f.Endings, ext) {
			return f, c, true
		}
	}
	return nil, c, false
}

// Ending returns the ending of a format that a user names, as .jsonl for jsonl or jsonl.zst.
func (fs Formats) Ending(name string) (string, error) {
	stem, _ := splitCompression("x." + strings.TrimPrefix(name, "."))
	if _, _, ok := fs.TypeOf(stem); !ok {
		return "", fmt.Errorf("format %q is not known; known are%s", name, strings.ReplaceAll(" "+fs.Endings(), " .", " "))
	}
	return strings.ToLower(path.Ext(stem)), nil
}

// Identify returns a file's format and compression by its name, and where that has no
// known ending by its content: the magic of a format, or the beginning of JSON within a
// compression or under a name without an ending. ok says that either was enough.
func (fs Formats) Identify(path, name string) (f *Format, c Compression, ok bool) {
	f, c, ok, _ = fs.IdentifyShard(Shard{Name: name, Path: path})
	return f, c, ok
}

// IdentifyShard is Identify of a shard, of which it uses name, path and object. The error is
// that of a store which could not be read.
func (fs Formats) IdentifyShard(s Shard) (f *Format, c Compression, ok bool, err error) {
	if f, c, ok = fs.TypeOf(s.Name); ok {
		return f, c, ok, nil
	}
	s.Format, s.Compression, s.Formats = nil, c, &fs
	r, err := Open(s, Limits{}, false, nil)
	if err == nil {
		f, c, ok, err = fs.identifyContent(r)
	}
	if !store.IsFault(err) {
		err = nil
	}
	return f, c, ok, err
}

// identifyContent is Identify by the content, and closes the reader.
func (fs Formats) identifyContent(r *Reader) (f *Format, c Compression, ok bool, err error) {
	defer r.Close()
	if f, err = r.Format(); err != nil || f != nil {
		return f, r.Compression(), err == nil, err
	}
	if r.Compression() == None {
		head := make([]byte, peekLen)
		n, err := r.src.f.ReadAt(head, 0)
		if (err == nil || err == io.EOF) && ending(r.shard.Name) == "" && isJSON(head[:n]) {
			f, _, ok = fs.TypeOf("x.jsonl")
		}
		return f, None, ok, err
	}
	head := bytes.TrimLeft(bytes.TrimPrefix(r.peeked, []byte("\uFEFF")), " \t\r\n")
	if len(head) > 0 && (head[0] == '{' || head[0] == '[') {
		f, _, ok = fs.TypeOf("x.jsonl")
	}
	return f, r.Compression(), ok, nil
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
