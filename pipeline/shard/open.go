package shard

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"
)

// Limits bound what a hostile or damaged shard can cost.
type Limits struct {
	// Window is the largest zstd window and xz dictionary accepted, in bytes; 0 is
	// DefaultWindow. About as much memory is held by a lane that meets one.
	Window int64

	// Ratio is how many plain bytes a stored byte may yield, asked once 64 MiB came
	// out; 0 is no bound. Memory never depends on it, only the time a small file
	// can take. See DefaultRatio.
	Ratio int64
}

const (
	// DefaultWindow is what zstd --long=27 needs and what zstd itself accepts unasked.
	DefaultWindow = 128 << 20

	// DefaultRatio lies just under 1032:1, the most that deflate can do, so that
	// a gzip file meets it only by being little but one byte. Corpora compress 3:1
	// to 10:1. A bomb is given up as it passes 64 MiB; what keeps to the bound can
	// make 10 GB out of 10 MB, some ten seconds. One document written over and over
	// meets it too, under zstd or xz, and needs a higher bound.
	DefaultRatio = 1000

	ratioFree = 64 << 20
)

// Digest is what a shard's bytes were.
type Digest struct {
	XXH3   string // 128-bit xxh3 of the bytes as stored, 32 hex digits
	Stored int64  // bytes as stored
	Plain  int64  // bytes after decompression; of a file read at random, Stored
}

// Reader gives one shard's plain bytes, in a stream or, for formats that need it,
// at random. It serves one goroutine.
type Reader struct {
	shard   Shard
	limits  Limits
	src     source
	br      *bufio.Reader
	dec     io.Reader
	release func()
	size    int64 // at Open
	plain   int64
	idle    int // decoder calls in a row that gave nothing
	head    []byte
	ahead   *ahead
	random  *readerAt
	temp    *os.File // the plain bytes of a compressed file that is read at random
	err     error    // of the stream; io.EOF at its end
}

// Open opens a shard and compares its first bytes (and last, where the format has
// a mark there) with its name. Only regular files are opened.
//
// With ahead, a compressed shard is decompressed in a goroutine of its own, 1 MiB
// ahead of Read: for when there are fewer shards than cores. read may be nil;
// else it is advanced by the stored bytes as they are read, and by the time Finish
// succeeds by Digest.Stored in all.
func Open(s Shard, l Limits, ahead bool, read *atomic.Int64) (*Reader, error) {
	if l.Window == 0 {
		l.Window = DefaultWindow
	}
	if l.Window < zstd.MinWindowSize || l.Ratio < 0 {
		return nil, fmt.Errorf("limits of %d bytes and %d:1: the window must have at least %d bytes and the ratio must not be negative",
			l.Window, l.Ratio, zstd.MinWindowSize)
	}
	// Asked before opening, which waits for ever on a named pipe.
	fi, err := os.Stat(s.Path)
	if err != nil {
		return nil, pathError(s.Name, err)
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", printable(s.Name), errNotRegular(fi))
	}
	f, err := os.Open(s.Path)
	if err != nil {
		return nil, pathError(s.Name, err)
	}
	r := &Reader{shard: s, limits: l, src: source{f: f, hash: xxh3.New128(), read: read}}
	if err := r.start(ahead); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Reader) start(ahead bool) error {
	fi, err := r.src.f.Stat()
	if err != nil {
		return pathError(r.shard.Name, err)
	}
	r.size, r.src.opened = fi.Size(), fi
	if err := checkStored(r.shard, r.src.f, r.size); err != nil {
		return pathError(r.shard.Name, err)
	}
	r.br = inputs.Get().(*bufio.Reader)
	r.br.Reset(&r.src)
	if err := r.recoverPanic(func() (err error) {
		r.dec, r.release, err = newDecoder(r.shard.Compression, r.br, r.limits)
		return err
	}); err != nil {
		return r.explain(err)
	}
	if ahead && r.shard.Compression != None {
		r.ahead = readAhead(r.decode)
	}
	return nil
}

// Read gives plain bytes. At an error bytes may come along, as io.Reader allows.
// io.EOF means that the shard was whole; until then the bytes are on trial, since
// most formats have their checksum at the end. Other errors match [ErrCorrupt],
// [ErrMismatch], [ErrBomb] or come from the file system.
func (r *Reader) Read(p []byte) (n int, err error) {
	if r.err != nil || len(p) == 0 {
		return 0, r.err
	}
	if r.ahead != nil {
		n, r.err = r.ahead.Read(p)
	} else {
		n, r.err = r.decode(p)
	}
	return n, r.err
}

// decode runs in the reader's goroutine or in the one that reads ahead, and
// touches nothing that the other looks at before decode gave an error.
func (r *Reader) decode(p []byte) (n int, err error) {
	for n == 0 && err == nil {
		err = r.recoverPanic(func() (err error) {
			n, err = r.dec.Read(p)
			return err
		})
		if r.idle++; n > 0 {
			r.idle = 0
		} else if err == nil && r.idle == 100 {
			err = io.ErrNoProgress
		}
	}
	r.plain += int64(n)
	if r.shard.Compression == None {
		if err != nil && err != io.EOF {
			err = r.explain(err)
		}
		return n, err
	}
	if err == nil || err == io.EOF {
		if bad := r.checkOutput(p[:n], err == io.EOF); bad != nil {
			n, err = 0, bad
		}
	}
	if err != nil && err != io.EOF {
		err = r.explain(err)
	}
	return n, err
}

// checkOutput looks at decompressed bytes: how they begin, how many they are for what
// was read, and whether the end was the file's.
func (r *Reader) checkOutput(p []byte, end bool) error {
	if len(r.head) < headLen {
		r.head = append(r.head, p[:min(len(p), headLen-len(r.head))]...)
		if len(r.head) == headLen || end {
			if err := checkPlain(r.shard, r.head); err != nil {
				return err
			}
		}
	}
	if r.limits.Ratio > 0 && r.plain > ratioFree && r.plain/r.limits.Ratio > r.offset() {
		return fmt.Errorf("%w: %d bytes decompress to %d, over %d:1", ErrBomb, r.offset(), r.plain, r.limits.Ratio)
	}
	if end {
		if _, err := r.br.Peek(1); err == nil {
			return errors.New("bytes after the end of the data")
		} else if err != io.EOF {
			return err
		}
	}
	return nil
}

// recoverPanic turns a panic in a decoder into an error; that decoder is not used again.
func (r *Reader) recoverPanic(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			r.release = nil
			err = fmt.Errorf("%w: the decoder panicked: %v", ErrCorrupt, v)
		}
	}()
	return f()
}

// offset is how many stored bytes the decoder has taken.
func (r *Reader) offset() int64 { return r.src.n - int64(r.br.Buffered()) }

// explain says where an error was met and of which class it is.
func (r *Reader) explain(err error) error {
	switch {
	case r.src.err != nil:
		return pathError(fmt.Sprintf("%s: byte %d", printable(r.shard.Name), r.src.n), r.src.err)
	case errors.Is(err, ErrBomb), errors.Is(err, ErrCorrupt), errors.Is(err, ErrMismatch):
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		err = fmt.Errorf("%w: a zstd window of more than %d bytes, or a block larger than its window", ErrBomb, r.limits.Window)
	default:
		err = fmt.Errorf("%w: %w", ErrCorrupt, unexpectedEOF(err))
	}
	return fmt.Errorf("%s: byte %d: %w", printable(r.shard.Name), r.offset(), err)
}

// ReaderAt returns a Parquet or Arrow file for reading at random, and its size. A
// compressed one is unpacked into a temporary file first. It is of no use after Close.
// Read is not for a Reader that returned it.
func (r *Reader) ReaderAt() (io.ReaderAt, int64, error) {
	if r.shard.Compression != None {
		return r.unpack()
	}
	if r.src.n > 0 {
		return nil, 0, fmt.Errorf("%s: already read as a stream: random access is impossible", printable(r.shard.Name))
	}
	if r.random == nil {
		r.random = &readerAt{f: r.src.f, size: r.size, read: r.src.read}
		r.err = fmt.Errorf("%s: open for random access, not as a stream", printable(r.shard.Name))
	}
	return r.random, r.size, nil
}

// unpack writes the plain bytes of a compressed file into a temporary one.
func (r *Reader) unpack() (io.ReaderAt, int64, error) {
	if r.temp == nil {
		if r.plain > 0 || r.err != nil {
			return nil, 0, fmt.Errorf("%s: already read as a stream: random access is impossible", printable(r.shard.Name))
		}
		var err error
		if r.temp, err = os.CreateTemp("", "swab-*"); err != nil {
			return nil, 0, fmt.Errorf("%s: a place to unpack it (TMPDIR names another): %w", printable(r.shard.Name), err)
		}
		if _, err := io.Copy(r.temp, r); err != nil {
			return nil, 0, err
		}
	}
	return r.temp, r.plain, nil
}

// Finish gives the digest of the whole file as stored. It is for after the io.EOF
// of Read, when it costs nothing, or after the use of ReaderAt, when it reads the
// file once from end to end. A file whose size or time of change is no longer
// what it was at Open is an error.
func (r *Reader) Finish() (Digest, error) {
	name := printable(r.shard.Name)
	if r.br == nil {
		return Digest{}, fmt.Errorf("%s: Finish after Close", name)
	}
	if r.random != nil {
		if r.src.n == 0 {
			r.src.read = nil
			r.br.Reset(&r.src)
			if _, err := io.Copy(io.Discard, r.br); err != nil {
				return Digest{}, r.explain(err)
			}
		}
		r.random.countRest()
		r.plain = r.src.n
	} else if r.err != io.EOF {
		if r.err != nil {
			return Digest{}, r.err
		}
		return Digest{}, fmt.Errorf("%s: Finish before the end of the shard", name)
	}
	fi, err := r.src.f.Stat()
	if err != nil {
		return Digest{}, pathError(r.shard.Name, err)
	}
	if r.src.n != r.size || fi.Size() != r.size || !fi.ModTime().Equal(r.src.opened.ModTime()) {
		return Digest{}, fmt.Errorf("%s: byte %d: %w: the file changed while it was read", name, r.src.n, ErrCorrupt)
	}
	sum := r.src.hash.Sum128().Bytes()
	return Digest{hex.EncodeToString(sum[:]), r.src.n, r.plain}, nil
}

// Close ends the read, at whatever point, and the goroutine that reads ahead. A
// second Close does nothing.
func (r *Reader) Close() error {
	if r.src.f == nil {
		return nil
	}
	if r.ahead != nil {
		r.ahead.close()
	}
	if r.release != nil {
		r.release()
	}
	if r.br != nil {
		r.br.Reset(nil)
		inputs.Put(r.br)
		r.br = nil
	}
	if r.temp != nil {
		r.temp.Close()
		os.Remove(r.temp.Name())
		r.temp = nil
	}
	err := r.src.f.Close()
	r.src.f, r.dec, r.release = nil, nil, nil
	r.err = fmt.Errorf("%s: %w", printable(r.shard.Name), os.ErrClosed)
	return err
}

// source reads the file, counting and hashing what goes by.
type source struct {
	f      *os.File
	opened os.FileInfo
	hash   *xxh3.Hasher128
	read   *atomic.Int64
	n      int64
	err    error // of the file system
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.f.Read(p)
	s.hash.Write(p[:n])
	s.n += int64(n)
	if s.read != nil {
		s.read.Add(int64(n))
	}
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// readerAt counts for progress what is read at random, up to the file's size,
// since parts may be read twice or not at all.
type readerAt struct {
	f    *os.File
	size int64
	read *atomic.Int64
	n    atomic.Int64
}

func (a *readerAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := a.f.ReadAt(p, off)
	a.count(int64(n))
	return n, err
}

func (a *readerAt) count(n int64) {
	after := a.n.Add(n)
	if a.read != nil {
		a.read.Add(min(after, a.size) - min(after-n, a.size))
	}
}

// countRest counts what was not read.
func (a *readerAt) countRest() { a.count(max(0, a.size-a.n.Load())) }
