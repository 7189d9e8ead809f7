package shard

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/xxh3"
)

// A Range is a part of a shard that can be read on its own: its stored bytes from At up to End.
// A row belongs to the range in which it begins.
//
// A range of a file that is read at random has the groups of rows that begin in it. Any other
// range is one of a file of lines, and begins with a frame of zstd, a member of gzip or any byte
// of a file without compression. Its last line may end in the range behind it: a [Reader] of it
// skips the bytes up to its first line end, and reads on behind it up to the next.
type Range struct{ At, End int64 }

// isWhole reports whether it is the zero value, which means all of a shard.
func (g Range) isWhole() bool { return g.End == 0 }

// Ranges returns the ranges of a shard that Cuts divide it into.
func (s *Shard) Ranges() (list []Range) {
	at := int64(0)
	for _, cut := range append(s.Cuts[:len(s.Cuts):len(s.Cuts)], s.Size) {
		list = append(list, Range{at, cut})
		at = cut
	}
	return list
}

// Bytes is how many stored bytes are read of a shard, or of its range.
func (s *Shard) Bytes() int64 {
	if !s.Range.isWhole() {
		return s.Range.End - s.Range.At
	}
	return s.Size
}

// lines is the state of a Reader of a range of lines.
type lines struct {
	begun      bool   // the range's first line end was read, or there is no range before it
	rest       []byte // plain bytes of the range that Read did not return yet
	ended      bool   // all of the range was decoded
	behind     io.Reader
	release    func()
	head, tail *xxh3.Hasher // of the plain bytes before its first row, and of those behind it
}

// startRange makes a Reader that is at the beginning of its file one of the shard's range.
func (r *Reader) startRange() error {
	g := r.shard.Range
	if g.At < 0 || g.End <= g.At || g.End > r.size || r.shard.Once {
		return fmt.Errorf("it has no bytes %d to %d: %w", g.At, g.End, ErrCorrupt)
	}
	r.limits.Strict = true
	r.part = &lines{begun: g.At == 0, head: xxh3.New(), tail: xxh3.New()}
	if r.shard.Format != nil && r.shard.Format.Random {
		return nil
	}
	if r.src.read != nil {
		r.src.read.Add(-r.src.n)
	}
	r.src.hash.Reset()
	r.src.n, r.src.whole = 0, false
	r.src.stop = g.End - g.At
	r.src.f = &fileAt{r.src.f, g.At}
	r.br.Reset(&r.src)
	return nil
}

// fileAt is a file that is read as a stream from a byte on.
type fileAt struct {
	file
	at int64
}

func (f *fileAt) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.at)
	f.at += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// readPart reads the lines of a range.
func (r *Reader) readPart(p []byte) (int, error) {
	g := r.part
	for !g.begun {
		buf := make([]byte, 64<<10)
		n, err := r.readDecoded(buf)
		buf = buf[:n]
		k := bytes.IndexByte(buf, '\n') + 1
		if g.begun = k > 0; !g.begun {
			k = n
		}
		g.head.Write(buf[:k])
		g.rest = buf[k:]
		switch {
		case g.begun && (err == nil || err == io.EOF):
			g.ended = err == io.EOF
		case err == io.EOF && r.shard.Range.End < r.size:
			return 0, fmt.Errorf("%s: byte %d: no line ends in the range", printable(r.shard.Name), r.shard.Range.End)
		case err == io.EOF: // the line before is the last one of the shard
			return 0, err
		case err != nil:
			return 0, err
		}
	}
	if len(g.rest) > 0 {
		n := copy(p, g.rest)
		g.rest = g.rest[n:]
		return n, nil
	}
	if !g.ended {
		n, err := r.readDecoded(p)
		if g.ended = err == io.EOF; !g.ended || n > 0 {
			return n, withoutEOF(err)
		}
	}
	if r.shard.Range.End == r.size {
		return 0, io.EOF
	}
	if g.behind == nil {
		if err := r.readOnBehind(); err != nil {
			return 0, err
		}
	}
	return r.readBehind(p)
}

// withoutEOF returns the error but io.EOF, after which more is read.
func withoutEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// readOnBehind opens what follows the range.
func (r *Reader) readOnBehind() (err error) {
	end := r.shard.Range.End
	br := bufio.NewReaderSize(io.NewSectionReader(r.src.f, end, r.size-end), 64<<10)
	g := r.part
	if err = r.recoverPanic(func() (err error) {
		g.behind, g.release, err = newDecoder(r.shard.Compression, br, r.limits)
		return err
	}); err != nil {
		return r.explain(err)
	}
	return nil
}

// readBehind reads what follows the range up to the end of a line. It is called no more after
// that: the error is io.EOF then.
func (r *Reader) readBehind(p []byte) (n int, err error) {
	g := r.part
	if err = r.recoverPanic(func() (err error) {
		n, err = g.behind.Read(p)
		return err
	}); err != nil && err != io.EOF {
		return 0, r.explain(err)
	}
	if k := bytes.IndexByte(p[:n], '\n') + 1; k > 0 {
		n, err = k, io.EOF
	}
	g.tail.Write(p[:n])
	return n, err
}

// close ends the use of what follows the range.
func (g *lines) close() {
	if g != nil && g.release != nil {
		g.release()
		g.release = nil
	}
}

// seam returns the checksum of plain bytes at an end of a range; "" if there are none.
func seam(h *xxh3.Hasher, has bool) string {
	if !has {
		return ""
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// finishPart is Finish for a range, whose digest it returns. That of an object that is read at
// random is the object's.
func (r *Reader) finishPart() (Digest, error) {
	g := r.shard.Range
	size := g.End - g.At
	if r.random != nil {
		r.random.countRest()
		if r.shard.byVersion() {
			return Digest{XXH3: r.shard.versionDigest(), Stored: size, Plain: size}, nil
		}
		hash := xxh3.New128()
		if _, err := io.Copy(hash, io.NewSectionReader(r.src.f, g.At, size)); err != nil {
			return Digest{}, pathError(r.shard.Name, err)
		}
		sum := hash.Sum128().Bytes()
		return Digest{XXH3: hex.EncodeToString(sum[:]), Stored: size, Plain: size}, r.unchanged()
	}
	if r.err != io.EOF {
		return Digest{}, fmt.Errorf("%s: Finish before the end of the range: %w", printable(r.shard.Name), cmpError(r.err))
	}
	d := r.src.digest(r.plain)
	d.Head, d.Tail = seam(r.part.head, g.At > 0), seam(r.part.tail, g.End < r.size)
	return d, r.unchanged()
}

func cmpError(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// unchanged returns an error if the file's size or modification time has changed since Open.
func (r *Reader) unchanged() error {
	fi, err := r.src.f.Stat()
	if err != nil {
		return pathError(r.shard.Name, err)
	}
	if fi.Size() != r.size || !fi.ModTime().Equal(r.src.opened.ModTime()) {
		return fmt.Errorf("%s: byte %d: %w: the file changed while it was read", printable(r.shard.Name), r.src.n, ErrCorrupt)
	}
	return nil
}

// Sums reads a shard once, and returns its digest and those of its ranges.
func (s *Shard) Sums(ctx context.Context) (digest string, ranges []string, err error) {
	if s.byVersion() {
		digest = s.versionDigest()
		for range s.Ranges() {
			ranges = append(ranges, digest)
		}
		return digest, ranges, nil
	}
	f, before, err := s.open()
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	whole, b := xxh3.New128(), make([]byte, 1<<18)
	for _, g := range s.Ranges() {
		own := xxh3.New128()
		in := io.LimitReader(f, g.End-g.At)
		for err == nil {
			var n int
			n, err = in.Read(b)
			whole.Write(b[:n])
			own.Write(b[:n])
			if err == nil {
				err = ctx.Err()
			}
		}
		if err != io.EOF {
			return "", nil, pathError(s.Name, err)
		}
		err = nil
		sum := own.Sum128().Bytes()
		ranges = append(ranges, hex.EncodeToString(sum[:]))
	}
	after, err := f.Stat()
	if err != nil {
		return "", nil, pathError(s.Name, err)
	}
	if before.Size() != s.Size || after.Size() != s.Size || !after.ModTime().Equal(before.ModTime()) {
		return "", nil, fmt.Errorf("%s: %w: the file changed while it was read", printable(s.Name), ErrCorrupt)
	}
	sum := whole.Sum128().Bytes()
	return hex.EncodeToString(sum[:]), ranges, nil
}

// FindCuts returns bytes of a file of lines at which it can be divided into ranges of at least size
// bytes: none if it is one frame or member. Of a gzip file it reads at most within bytes from
// each wanted byte on, and of a zstd file the heads of blocks.
func (s *Shard) FindCuts(ctx context.Context, c Compression, size, within int64) (cuts []int64, err error) {
	if c == None {
		for at := size; at <= s.Size-size; at += size {
			cuts = append(cuts, at)
		}
		return cuts, nil
	}
	if c != Zstd && c != Gzip {
		return nil, nil
	}
	f, _, err := s.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if c == Zstd {
		return zstdCuts(ctx, f, s.Size, size)
	}
	for at := size; at < s.Size; at += size {
		if at, err = nextMember(ctx, f, at, min(within, s.Size-at)); err != nil || at < 0 {
			return cuts, err
		}
		cuts = append(cuts, at)
	}
	return cuts, nil
}

// zstdCuts returns where frames begin, of those that are at least size bytes behind each other.
func zstdCuts(ctx context.Context, f io.ReaderAt, end, size int64) (cuts []int64, err error) {
	last := int64(0)
	for at := int64(0); at < end; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		next, data, err := zstdFrame(f, at)
		if err != nil || next > end {
			return nil, err // a damaged file is read as one
		}
		if data && at-last >= size {
			cuts, last = append(cuts, at), at
		}
		at = next
	}
	return cuts, nil
}

// errFrame means that bytes are no frame.
var errFrame = errors.New("no zstd frame")

// zstdFrame returns where the frame that begins at a byte ends, and whether it has data.
func zstdFrame(f io.ReaderAt, at int64) (next int64, data bool, err error) {
	var b [14]byte
	n, err := f.ReadAt(b[:], at)
	if err != nil && err != io.EOF || n < 8 {
		return 0, false, errors.Join(errFrame, err)
	}
	if isSkippable(b[:]) {
		return at + 8 + int64(binary.LittleEndian.Uint32(b[4:])), false, nil
	}
	if string(b[:4]) != Zstd.magic() {
		return 0, false, errFrame
	}
	flags := b[4]
	single := flags&(1<<5) != 0
	head := int64(5)
	if !single {
		head++
	}
	head += []int64{0, 1, 2, 4}[flags&3]
	if size := flags >> 6; size > 0 {
		head += 1 << size
	} else if single {
		head++
	}
	for at += head; ; {
		if n, err := f.ReadAt(b[:3], at); n < 3 {
			return 0, false, errors.Join(errFrame, err)
		}
		block := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		size := int64(block >> 3)
		switch block >> 1 & 3 {
		case 1: // one byte, repeated
			size = 1
		case 3:
			return 0, false, errFrame
		}
		if at += 3 + size; block&1 != 0 {
			break
		}
	}
	if flags&4 != 0 {
		at += 4
	}
	return at, true, nil
}

// nextMember returns where the next gzip member begins, of within bytes from a byte on; -1 if
// none does. What looks like one counts if its first 64 KiB decompress.
func nextMember(ctx context.Context, f io.ReaderAt, at, within int64) (int64, error) {
	magic := []byte(Gzip.magic())
	buf := make([]byte, 1<<20)
	for end := at + within; at < end; {
		if err := ctx.Err(); err != nil {
			return -1, err
		}
		n, err := f.ReadAt(buf, at)
		if err != nil && err != io.EOF {
			return -1, err
		}
		if n < len(magic) {
			return -1, nil
		}
		for k := 0; ; k++ {
			i := bytes.Index(buf[k:n], magic)
			if k += i; i < 0 || at+int64(k) >= end {
				break
			}
			if isMember(f, at+int64(k)) {
				return at + int64(k), nil
			}
		}
		if err == io.EOF {
			return -1, nil
		}
		at += int64(n - len(magic) + 1)
	}
	return -1, nil
}

// isMember reports whether a gzip member begins at a byte, as far as its first bytes show.
func isMember(f io.ReaderAt, at int64) bool {
	const enough = 64 << 10
	plain, release, err := NewDecoder(Gzip, io.NewSectionReader(f, at, 1<<40), Limits{})
	if err != nil {
		return false
	}
	defer release()
	_, err = io.CopyN(io.Discard, plain, enough)
	return err == nil || err == io.EOF
}
