package shard

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// headLen is the number of first bytes that are enough to identify all formats.
const headLen = 264

// lfsPointer begins the file that Git LFS leaves in place of one that it did not fetch.
const (
	lfsPointer = "version https://git-lfs.github.com/spec/"
	lfsAdvice  = "a Git LFS pointer in place of the data: run git lfs pull"
)

// isUTF16 reports whether a text begins as UTF-16 does: with its byte order mark, or with
// ASCII of two bytes each.
func isUTF16(head []byte) bool {
	head = head[:min(len(head), 48)]
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return true
	}
	n := len(head) &^ 1
	for zero := range 2 { // of each pair, the byte that is 0
		ascii := n >= 8
		for i := 0; i < n && ascii; i += 2 {
			ascii = head[i+zero] == 0 && head[i+1-zero] != 0 && head[i+1-zero] < 0x80
		}
		if ascii {
			return true
		}
	}
	return false
}

// isUTF32 reports whether a text begins with the byte order mark of UTF-32.
func isUTF32(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\xff\xfe\x00\x00")) || bytes.HasPrefix(head, []byte("\x00\x00\xfe\xff"))
}

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

// compressionOf returns the compression that begins so, or None for anything that plain
// bytes could begin with.
func compressionOf(head []byte) Compression {
	for c := Gzip; c <= Lz4; c++ {
		if c == Bzip2 && !isBzip2Block(head) { // text may begin with BZh
			continue
		}
		if c.canBeginWith(head) {
			return c
		}
	}
	return None
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

// checkStored finds out by a file's first and last bytes what it is, and sets that in s.
func checkStored(s *Shard, f io.ReaderAt, size int64) error {
	head, err := readHead(f, 0, min(size, headLen))
	if err != nil {
		return err
	}
	if err := s.checkHead(head, size); err != nil || s.Compression != None {
		return err
	}
	if s.Format == nil || s.Format.Tail == "" {
		return nil
	}
	magic := s.Format.Tail
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

// checkStream finds out by the first bytes what a shard is that is read once, and sets that
// in s. The tail of a format is left to what reads it.
func checkStream(s *Shard, br *bufio.Reader) error {
	head, err := br.Peek(headLen)
	if err != nil && err != io.EOF {
		return err
	}
	if err := s.checkHead(head, int64(len(head))); err != nil {
		return err
	}
	if s.Format == nil && s.Compression == None && !isJSON(head) {
		return fmt.Errorf("%w: %d bytes of no format that they or a name say; --format says it, as in --format csv",
			ErrMismatch, len(head))
	}
	return nil
}

// checkHead finds out by the first of size bytes which compression, or else which format, a
// shard has, and sets that.
func (s *Shard) checkHead(head []byte, size int64) error {
	if s.Compression != None && s.Compression.canBeginWith(head) {
		return nil
	}
	if c := compressionOf(head); c != None {
		s.Compression = c
		return nil
	}
	if s.Compression == None {
		return s.checkPlain(head)
	}
	if isCutShort(head, s.Compression.magic()) {
		return fmt.Errorf("%w: %d bytes are too few for %s: %w", ErrCorrupt, size, s.Compression, io.ErrUnexpectedEOF)
	}
	if f := s.formatOf(head); f != nil && f.Magic != "" {
		s.Compression, s.Format = None, f // its pages are compressed, and its name says so
		return nil
	}
	if bytes.HasPrefix(head, []byte(lfsPointer)) {
		return fmt.Errorf("%w: %s", ErrMismatch, lfsAdvice)
	}
	if s.Compression == Lz4 {
		return fmt.Errorf("%w: not lz4 data, as lz4 writes it and Hadoop does not: begins with %q%s",
			ErrMismatch, begin(head), toZstd)
	}
	return fmt.Errorf("%w: not %s data: begins with %q", ErrMismatch, s.Compression, begin(head))
}

// formatOf returns the format that begins so, of those that the shard may be of.
func (s *Shard) formatOf(head []byte) *Format {
	if s.Formats != nil {
		return s.Formats.begins(head)
	}
	if s.Format != nil && s.Format.hasMagic(head) {
		return s.Format
	}
	return nil
}

// checkPlain finds out by the first plain bytes which format they have, and sets that.
func (s *Shard) checkPlain(head []byte) error {
	if f := s.formatOf(head); f != nil {
		s.Format = f
		return nil
	}
	if c := compressionOf(head); c != None {
		return fmt.Errorf("%w: inside the %s is %s data, not %s", ErrMismatch, s.Compression, c, s.Format)
	}
	if bytes.HasPrefix(head, []byte(lfsPointer)) {
		return fmt.Errorf("%w: %s", ErrMismatch, lfsAdvice)
	}
	for _, k := range [...]struct{ magic, what string }{
		{"FEA1", "a Feather file of version 1, which is not Arrow" + toParquet},
		{"PK\x03\x04", zipAdvice},
		{"PARE", encrypted},
	} {
		if bytes.HasPrefix(head, []byte(k.magic)) && (s.Format != nil || k.magic != "PARE") {
			return fmt.Errorf("%w: not %s but %s", ErrMismatch, s.Format, k.what)
		}
	}
	switch f := s.Format; {
	case (f == nil || f.Magic == "" && !f.Binary) && isUTF32(head):
		return fmt.Errorf("%w: the text is UTF-32; convert it, as with iconv -f UTF-32 -t UTF-8", ErrMismatch)
	case (f == nil || f.Magic == "" && !f.Binary) && isUTF16(head):
		return fmt.Errorf("%w: the text is UTF-16; convert it, as with iconv -f UTF-16 -t UTF-8", ErrMismatch)
	case f == nil || f.Magic == "":
		return nil
	case isCutShort(head, f.Magic):
		return fmt.Errorf("%w: %d bytes are too few for a %s: %w", ErrCorrupt, len(head), f, io.ErrUnexpectedEOF)
	default:
		return fmt.Errorf("%w: not a %s: begins with %q", ErrMismatch, f, begin(head))
	}
}

// begin is as much of a head as a message shows.
func begin(head []byte) []byte { return head[:min(len(head), 16)] }

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
