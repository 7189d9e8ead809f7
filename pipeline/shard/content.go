package shard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// headLen is how many first bytes tell all that is told apart here.
const headLen = 16

// Skippable frames, which both zstd and lz4 define with the same magic, may
// stand in front; which of the two it is then is for the decoder to find out.
func isSkippable(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18"
}

// canBeginWith says whether a file of this compression may begin so.
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

// usualEnding is the usual one, for hints.
func (c Compression) usualEnding() string {
	return [...]string{None: "", Gzip: ".gz", Zstd: ".zst", Bzip2: ".bz2", Xz: ".xz", Lz4: ".lz4"}[c]
}

// looksLike names what begins so, with its ending, or gives "" for anything
// that plain text could begin with.
func looksLike(head []byte) (what, ending string) {
	for c := Gzip; c <= Lz4; c++ {
		// Text may begin with BZh; six bytes more make a bzip2 block, or the end of an empty file.
		if c == Bzip2 && !(len(head) >= 10 && (string(head[4:10]) == "\x31\x41\x59\x26\x53\x59" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90")) {
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

// checkStored tells from a file's first and last bytes whether it may be what
// its name says.
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
		return fmt.Errorf("%w: begins as a %s and does not end with %s: cut short, or still being written: %w", ErrCorrupt, s.Format, magic, io.ErrUnexpectedEOF)
	}
	return nil
}

// checkPlain tells from the first plain bytes whether they may be of the
// shard's format. Formats that are read at random are checked as stored.
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

// mismatchError says what was expected, what is there and what to rename the file to.
// stem is the name, without a compression's ending when that is what was wrong.
func mismatchError(want, what, stem, ending string, head []byte) error {
	if what == "" {
		return fmt.Errorf("%w: not %s: begins with %q", ErrMismatch, want, head)
	}
	if ending == "" {
		return fmt.Errorf("%w: not %s but %s", ErrMismatch, want, what)
	}
	if ending[1] == 'p' || ending[1] == 'a' { // a format's ending takes the place of the old one
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

// isCutShort says that head is what a cut right after the start leaves.
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
