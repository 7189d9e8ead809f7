package shard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// headLen is how many first bytes are enough to identify all formats.
const headLen = 16

// isSkippable reports whether head begins a skippable frame, which both zstd and lz4 allow
// at the beginning, with the same magic; only the decoder can then distinguish them.
func isSkippable(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18"
}

// canBeginWith reports whether a file of this compression may begin with head.
func (c Compression) canBeginWith(head []byte) bool {
	return bytes.HasPrefix(head, []byte(c.magic())) ||
		(c == Zstd || c == Lz4) && isSkippable(head)
}

func (c Compression) magic() string {
	switch c {
	case Gzip:
		return "\x1f\x8b\x08"
	case Zstd:
		return "\x28\xb5\x2f\xfd"
	case Bzip2:
		return "BZh"
	case Xz:
		return "\xfd7zXZ\x00"
	case Lz4:
		return "\x04\x22\x4d\x18"
	}
	return ""
}

// usualEnding returns the usual file name ending, for hints.
func (c Compression) usualEnding() string {
	return [...]string{None: "", Gzip: ".gz", Zstd: ".zst", Bzip2: ".bz2", Xz: ".xz", Lz4: ".lz4"}[c]
}

// looksLike returns the format that begins with head, and its ending, or "" for anything
// that could be plain text.
func looksLike(head []byte) (what, ending string) {
	for c := Gzip; c <= Lz4; c++ {
		if c == Bzip2 && !isBzip2Block(head) { // text may begin with BZh
			continue
		}
		if c.canBeginWith(head) {
			return c.String() + " data", c.usualEnding()
		}
	}
	for _, k := range [...]struct{ magic, what, ending string }{
		{"PAR1\x15", "a Parquet file", ".parquet"},
		{"ARROW1\x00\x00", "an Arrow file", ".arrow"},
		{"\xff\xff\xff\xff", "an Arrow stream", ".arrows"},
		{"FEA1", "a Feather file of version 1, which is not Arrow", ""},
		{"PK\x03\x04", "a zip archive", ""},
	} {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return k.what, k.ending
		}
	}
	return "", ""
}

// isBzip2Block reports whether the magic of a bzip2 file is followed by a block, or by the
// end of an empty file.
func isBzip2Block(head []byte) bool {
	if len(head) < 10 {
		return false
	}
	next := string(head[4:10])
	return next == "\x31\x41\x59\x26\x53\x59" || next == "\x17\x72\x45\x38\x50\x90"
}

// checkStored checks that a file's first and last bytes agree with its name.
func checkStored(s Shard, f io.ReaderAt, size int64) error {
	head, err := readHead(f, 0, min(size, headLen))
	if err != nil {
		return err
	}
	if s.Compression != None {
		if s.Compression.canBeginWith(head) {
			return nil
		}
		if isCutShort(head, s.Compression.magic()) {
			return fmt.Errorf("%w: %d bytes are too few for %s: %w", ErrCorrupt, size, s.Compression, io.ErrUnexpectedEOF)
		}
		what, ending := looksLike(head)
		stem, _ := splitCompression(s.Name)
		return mismatchError(s.Compression.String()+" data", what, stem, ending, head)
	}
	var magic string
	switch s.Format {
	case Parquet:
		magic = "PAR1"
	case ArrowFile:
		magic = "ARROW1"
	default:
		return checkPlain(s, head)
	}
	if isCutShort(head, magic) {
		return fmt.Errorf("%w: %d bytes are too few for a %s: %w", ErrCorrupt, size, s.Format, io.ErrUnexpectedEOF)
	}
	if !bytes.HasPrefix(head, []byte(magic)) {
		what, ending := looksLike(head)
		return mismatchError("a "+s.Format.String(), what, s.Name, ending, head)
	}
	n := int64(len(magic))
	tail, err := readHead(f, max(0, size-n), min(size, n))
	if err != nil {
		return err
	}
	if size < 2*n || string(tail) != magic {
		return fmt.Errorf("%w: begins as a %s and does not end with %s: truncated, or still being written: %w",
			ErrCorrupt, s.Format, magic, io.ErrUnexpectedEOF)
	}
	return nil
}

// checkPlain checks that the first plain bytes agree with the shard's format. Formats with
// random access are checked by checkStored.
func checkPlain(s Shard, head []byte) error {
	if s.Format == Parquet || s.Format == ArrowFile {
		return nil
	}
	what, ending := looksLike(head)
	if what == "" || s.Format == ArrowStream && ending == ".arrows" {
		return nil
	}
	if s.Compression != None {
		return fmt.Errorf("%w: inside the %s is %s, not %s", ErrMismatch, s.Compression, what, s.Format)
	}
	return mismatchError(s.Format.String(), what, s.Name, ending, head)
}

// mismatchError returns an error with what was expected, what was found, and what to rename
// the file to. Stem is the name, without a compression's ending when that is wrong.
func mismatchError(want, what, stem, ending string, head []byte) error {
	if what == "" {
		return fmt.Errorf("%w: not %s: begins with %q", ErrMismatch, want, head)
	}
	if ending == "" {
		return fmt.Errorf("%w: not %s but %s", ErrMismatch, want, what)
	}
	if ending[1] == 'p' || ending[1] == 'a' { // a format's ending replaces the old one
		stem = stem[:len(stem)-len(lastEnding(stem))]
	}
	return fmt.Errorf("%w: not %s but %s; rename it to %s", ErrMismatch, want, what, printable(stem+ending))
}

func lastEnding(name string) string {
	if i := strings.LastIndexByte(name, '.'); i > strings.LastIndexByte(name, '/') {
		return name[i:]
	}
	return ""
}

// isCutShort reports whether head is a truncated magic.
func isCutShort(head []byte, magic string) bool {
	return len(head) < len(magic) && strings.HasPrefix(magic, string(head))
}

func readHead(f io.ReaderAt, off, n int64) ([]byte, error) {
	head := make([]byte, n)
	if m, err := f.ReadAt(head, off); err != nil && (!errors.Is(err, io.EOF) || int64(m) < n) {
		return nil, err
	}
	return head, nil
}
