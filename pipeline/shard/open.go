package shard

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"
)

// Limits bound what a hostile or damaged shard can cost.
type Limits struct {
	// Window is the largest zstd window and xz dictionary accepted, in bytes; 0 is
	// DefaultWindow. About as much memory is held by a lane that meets one.
	Window int64

	// Ratio is the greatest decompression ratio, checked from 64 MiB of output on; 0 is no
	// limit. It bounds the time that a small file can take, not the memory. See
	// DefaultRatio.
	Ratio int64

	// Strict checks the ratio from the first byte on, of a range of a shard: where none of its
	// ranges exceeds it, the shard does not.
	Strict bool `json:"-"`
}

const (
	// DefaultWindow is the window of zstd --long=27, the largest that zstd accepts by
	// default.
	DefaultWindow = 128 << 20

	// DefaultRatio is just below 1032:1, the greatest ratio of deflate, so that a gzip file
	// reaches it only if it is almost all one byte. Corpora compress 3:1 to 10:1. A bomb
	// is an error at 64 MiB; a file within the limit can expand 10 MB to 10 GB, which
	// takes some ten seconds. One document repeated many times reaches the limit too,
	// under zstd or xz, and needs a higher one.
	DefaultRatio = 1000

	ratioFree = 64 << 20
)

// CheckRatio returns an error that wraps ErrBomb if the ratio of plain to stored bytes is over
// the limit. Formats that are read at random call it for the text of their rows.
func (l Limits) CheckRatio(stored, plain int64) error {
	if l.Ratio > 0 && (plain > ratioFree && plain/l.Ratio > stored || l.Strict && plain > 0 && plain/l.Ratio >= stored) {
		return fmt.Errorf("%w: %d bytes decompress to %d, over %d:1", ErrBomb, stored, plain, l.Ratio)
	}
	return nil
}

// Digest identifies the bytes of a shard.
type Digest struct {
	XXH3   string // 128-bit xxh3 of the bytes as stored, 32 hex digits
	Stored int64  // bytes as stored
	Plain  int64  // bytes after decompression; of a file read at random, Stored

	// Of a range of lines, the checksums of the plain bytes at its beginning that end a row of the
	// range before it, and of those behind it that end its last row.
	Head, Tail string
}

// A Reader reads one shard's plain bytes, as a stream or, for formats that need it, with
// random access. It belongs to one goroutine.
type Reader struct {
	shard    Shard
	limits   Limits
	src      source
	input    *input
	br       *bufio.Reader // of input; nil after Close
	dec      io.Reader
	release  func()
	size     int64 // at Open
	plain    int64
	members  bool        // ends has where members of gzip or frames of zstd end
	ends     []memberEnd // of those read
	idle     int         // consecutive decoder calls without output
	head     []byte
	ahead    *ahead
	random   *readerAt
	part     *lines   // of a range
	peeked   []byte   // plain bytes that Format read and Read did not return yet
	taken    bool     // Read was called
	unpacked int64    // bytes of temp
	temp     *os.File // the plain bytes of a file that is read at random and cannot be as it is
	index    file     // beside the shard, or nil
	indexed  fs.FileInfo
	err      error // of the stream; io.EOF at its end
}

// Open opens a shard and checks that its first bytes (and last, where the format has a
// magic there) agree with its name. Only regular files are opened.
//
// With ahead, a compressed shard is decompressed in a goroutine of its own, 1 MiB
// ahead of Read, which helps when there are fewer shards than cores. Read, unless nil,
// counts the stored bytes read; when Finish succeeds it has grown by Digest.Stored. A shard
// that is read Once may be opened once.
func Open(s Shard, l Limits, ahead bool, read *atomic.Int64) (*Reader, error) {
	if l.Window == 0 {
		l.Window = DefaultWindow
	}
	if l.Window < zstd.MinWindowSize || l.Ratio < 0 {
		return nil, fmt.Errorf("limits of %d bytes and %d:1: the window must have at least %d bytes, "+
			"and the ratio must not be negative", l.Window, l.Ratio, zstd.MinWindowSize)
	}
	f, fi, err := s.open()
	if err != nil {
		return nil, err
	}
	in := inputs.Get().(*input)
	in.hash.Reset()
	r := &Reader{shard: s, limits: l, input: in, size: fi.Size(), src: source{f: f, opened: fi, hash: in.hash, read: read}}
	r.br = in.br
	r.br.Reset(&r.src)
	if err := r.start(ahead); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// open opens the file.
func (s *Shard) open() (f file, fi fs.FileInfo, err error) {
	switch {
	case s.Object != nil:
		f = s.Object.Open()
	case s.Once && s.Name == Stdin:
		f = os.Stdin
	case s.Once:
		f, err = os.Open(s.Path)
	default: // opening a named pipe that was not asked for would block
		f, err = openFile(s.Path)
	}
	if err != nil {
		return nil, nil, pathError(s.Name, err)
	}
	if fi, err = f.Stat(); err != nil {
		f.Close()
		return nil, nil, pathError(s.Name, err)
	}
	if s.Object == nil && !s.Once && !fi.Mode().IsRegular() {
		f.Close()
		return nil, nil, fmt.Errorf("%s: %w", printable(s.Name), errNotRegular(fi))
	}
	return f, fi, nil
}

func (r *Reader) start(ahead bool) (err error) {
	switch {
	case r.shard.Once:
		err = checkStream(&r.shard, r.br)
	case r.shard.Object == nil && r.shard.Format != nil && !r.shard.Format.Random && r.shard.Format.Tail == "":
		err = r.checkBegin()
	default:
		err = checkStored(&r.shard, r.src.f, r.size)
	}
	if err != nil {
		return pathError(r.shard.Name, err)
	}
	if err := r.openIndex(); err != nil {
		return err
	}
	if !r.shard.Range.isWhole() {
		if err := r.startRange(); err != nil {
			return pathError(r.shard.Name, err)
		}
	}
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

// checkBegin finds out by the first bytes of a file that is likely to be read as a stream what
// it is, and reads them once. From a file that is to be read at random nothing has been read
// as a stream afterwards.
func (r *Reader) checkBegin() error {
	r.src.whole = true
	head, err := r.br.Peek(int(min(r.size, headLen)))
	if err != nil && err != io.EOF {
		return err
	}
	if err := r.shard.checkHead(head, r.size); err != nil || r.shard.Compression != None {
		return err
	}
	if f := r.shard.Format; !f.Random && f.Tail == "" {
		return nil
	}
	if _, err := r.src.f.(io.Seeker).Seek(0, io.SeekStart); err != nil {
		return err
	}
	if r.src.read != nil {
		r.src.read.Add(-r.src.n)
	}
	r.src.n = 0
	r.src.hash.Reset()
	r.br.Reset(&r.src)
	return checkStored(&r.shard, r.src.f, r.size)
}

// Read reads plain bytes. It may return bytes together with an error, as io.Reader allows.
// io.EOF means that the shard is whole; until then the bytes are provisional, since most
// formats have their checksum at the end. Other errors match [ErrCorrupt], [ErrMismatch],
// [ErrBomb] or come from the file system.
func (r *Reader) Read(p []byte) (n int, err error) {
	r.taken = true
	if len(r.peeked) > 0 {
		n = copy(p, r.peeked)
		r.peeked = r.peeked[n:]
		return n, nil
	}
	return r.readOn(p)
}

// readOn reads what was not yet read.
func (r *Reader) readOn(p []byte) (n int, err error) {
	if r.err != nil || len(p) == 0 {
		return 0, r.err
	}
	if r.part != nil {
		n, r.err = r.readPart(p)
	} else {
		n, r.err = r.readDecoded(p)
	}
	return n, r.err
}

// readDecoded reads what was not yet decoded.
func (r *Reader) readDecoded(p []byte) (int, error) {
	if r.ahead != nil {
		return r.ahead.Read(p)
	}
	return r.decode(p)
}

// Checked reports whether checksums of the compression cover the shard: always those of gzip,
// bzip2 and xz, and of zstd and lz4 if the first frame has one.
func (r *Reader) Checked() bool {
	switch r.shard.Compression {
	case None:
		return false
	case Gzip, Bzip2, Xz:
		return r.size >= 5
	}
	head, err := readHead(r.src.f, 0, min(r.size, 5))
	return err == nil && len(head) == 5 && !isSkippable(head) && head[4]&4 != 0
}

// Format returns what the content says that the file is, or its name where the content
// says nothing; nil where neither does. Of a compressed file it reads the first plain
// bytes, which Read and ReaderAt return all the same.
func (r *Reader) Format() (*Format, error) {
	for r.part == nil && r.shard.Compression != None && len(r.peeked) < headLen && r.err == nil {
		more := make([]byte, 4<<10)
		n, err := r.readOn(more)
		r.peeked = append(r.peeked, more[:n]...)
		if err != nil && err != io.EOF {
			return nil, err
		}
	}
	return r.shard.Format, nil
}

// Compression is what the content says that has to be undone.
func (r *Reader) Compression() Compression { return r.shard.Compression }

// decode runs in the reader's goroutine or in the one that reads ahead. Until it returns an
// error, the other goroutine reads nothing that it changes.
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

// checkOutput checks decompressed bytes: the format at their beginning, the compression
// ratio, and that their end is the file's.
func (r *Reader) checkOutput(p []byte, end bool) error {
	if r.part == nil && len(r.head) < headLen {
		r.head = append(r.head, p[:min(len(p), headLen-len(r.head))]...)
		if len(r.head) == headLen || end {
			if err := r.shard.checkPlain(r.head); err != nil {
				return err
			}
		}
	}
	if err := r.limits.CheckRatio(r.offset(), r.plain); err != nil {
		return err
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

// offset returns how many stored bytes the decoder has consumed.
func (r *Reader) offset() int64 { return r.src.n - int64(r.br.Buffered()) }

// explain adds position and class to an error.
func (r *Reader) explain(err error) error {
	switch {
	case r.src.err != nil:
		return pathError(fmt.Sprintf("%s: byte %d", printable(r.shard.Name), r.src.n), r.src.err)
	case errors.Is(err, ErrBomb), errors.Is(err, ErrCorrupt), errors.Is(err, ErrMismatch):
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		err = fmt.Errorf("%w: %w of zstd of more than %d bytes, or a block larger than its window",
			ErrBomb, ErrWindow, r.limits.Window)
	case errors.Is(err, zstd.ErrUnknownDictionary):
		err = fmt.Errorf("%w, or compressed with a dictionary that is not in the file "+
			"(zstd -d -D DICTIONARY undoes that)", ErrCorrupt)
	default:
		err = fmt.Errorf("%w: %w", ErrCorrupt, unexpectedEOF(err))
	}
	return fmt.Errorf("%s: byte %d: %w", printable(r.shard.Name), r.offset(), err)
}

// ReaderAt returns a Parquet or Arrow file for random access, and its size. A compressed
// one, and one from a pipe, is unpacked into a temporary file first. Neither Read nor, after Close, the ReaderAt
// may be used.
func (r *Reader) ReaderAt() (io.ReaderAt, int64, error) {
	if r.shard.Compression != None || r.shard.Once {
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
		if r.taken {
			return nil, 0, fmt.Errorf("%s: already read as a stream: random access is impossible", printable(r.shard.Name))
		}
		var err error
		if r.temp, err = os.CreateTemp("", "swab-*"); err != nil {
			return nil, 0, fmt.Errorf("%s: cannot unpack it (set TMPDIR to another directory): %w",
				printable(r.shard.Name), err)
		}
		if r.unpacked, err = io.Copy(r.temp, r); err != nil {
			return nil, 0, err
		}
	}
	return r.temp, r.unpacked, nil
}

// IndexMagic begins the .idx that Megatron writes beside a .bin of token ids.
const IndexMagic = "MMIDIDX\x00\x00"

// AddIndex makes a .bin and the index beside it one shard, which is as new as the newer of
// the two.
func (s *Shard) AddIndex() {
	stem, ok := strings.CutSuffix(s.Path, ".bin")
	if !ok {
		return
	}
	fi, err := os.Stat(stem + ".idx")
	if err != nil || !fi.Mode().IsRegular() || !isIndex(stem+".idx") {
		return
	}
	s.Index = stem + ".idx"
	if fi.ModTime().After(s.ModTime) {
		s.ModTime = fi.ModTime()
	}
}

// isIndex reports whether a file begins as an index of token ids does, of any version.
func isIndex(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(IndexMagic))
	_, err = io.ReadFull(f, head)
	return err == nil && (string(head) == IndexMagic || string(head[:6]) == "TNTIDX")
}

// File is a file beside a shard, opened.
type File struct {
	io.ReaderAt
	Name string // for messages
	Size int64
}

// Index returns the index beside the shard, or nil.
func (r *Reader) Index() *File {
	if r.index == nil {
		return nil
	}
	return &File{r.index, path.Base(r.shard.Index), r.indexed.Size()}
}

// openIndex opens the index beside the shard.
func (r *Reader) openIndex() (err error) {
	if r.shard.Index == "" {
		return nil
	}
	if r.index, err = openIndex(&r.shard); err == nil {
		r.indexed, err = r.index.Stat()
	}
	if err != nil {
		return pathError(r.shard.Index, err)
	}
	return nil
}

// openIndex opens the index beside a shard; nil if it has none.
func openIndex(s *Shard) (file, error) {
	if s.Index == "" {
		return nil, nil
	}
	if s.IndexObject != nil {
		return s.IndexObject.Open(), nil
	}
	f, err := os.Open(s.Index)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// finishIndex adds the index to the digest.
func (r *Reader) finishIndex() error {
	if r.index == nil {
		return nil
	}
	if _, err := io.Copy(r.src.hash, io.NewSectionReader(r.index, 0, r.indexed.Size())); err != nil {
		return pathError(r.shard.Index, err)
	}
	fi, err := r.index.Stat()
	if err != nil {
		return pathError(r.shard.Index, err)
	}
	if fi.Size() != r.indexed.Size() || !fi.ModTime().Equal(r.indexed.ModTime()) {
		return fmt.Errorf("%s: %w: the file changed while it was read", printable(r.shard.Index), ErrCorrupt)
	}
	return nil
}

// Finish returns the digest of the whole file as stored, and of the index beside it. Call it after the io.EOF of Read,
// when it costs nothing, or after the use of ReaderAt, when it reads the file once from end
// to end. It is an error if the file's size or modification time has changed since Open.
func (r *Reader) Finish() (Digest, error) {
	name := printable(r.shard.Name)
	if r.br == nil {
		return Digest{}, fmt.Errorf("%s: Finish after Close", name)
	}
	if r.part != nil {
		return r.finishPart()
	}
	if r.random != nil {
		if r.shard.byVersion() {
			r.random.countRest()
			return Digest{XXH3: r.shard.versionDigest(), Stored: r.size, Plain: r.size}, nil
		}
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
	if r.shard.Once {
		return r.src.digest(r.plain), nil
	}
	if r.src.n != r.size || fi.Size() != r.size || !fi.ModTime().Equal(r.src.opened.ModTime()) {
		return Digest{}, fmt.Errorf("%s: byte %d: %w: the file changed while it was read", name, r.src.n, ErrCorrupt)
	}
	if err := r.finishIndex(); err != nil {
		return Digest{}, err
	}
	return r.src.digest(r.plain), nil
}

// Digests reads shards, at most lanes at a time, and returns the digest of each as stored,
// by name. One that cannot be read has none.
func Digests(ctx context.Context, shards []Shard, lanes int) (map[string]string, error) {
	var mu sync.Mutex
	digests := map[string]string{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, lanes))
	for _, s := range shards {
		group.Go(func() error {
			if sum, err := s.digest(ctx); err == nil {
				mu.Lock()
				digests[s.Name] = sum
				mu.Unlock()
			}
			return ctx.Err()
		})
	}
	return digests, group.Wait()
}

// digest returns the digest that Finish returns. It reads no more once ctx is done.
func (s *Shard) digest(ctx context.Context) (string, error) {
	if s.byVersion() {
		return s.versionDigest(), nil
	}
	hash, b := xxh3.New128(), make([]byte, 1<<18)
	open := func(s *Shard) (file, error) {
		f, _, err := s.open()
		return f, err
	}
	for _, open := range []func(*Shard) (file, error){open, openIndex} {
		f, err := open(s)
		if f == nil && err == nil {
			continue
		}
		if err != nil {
			return "", err
		}
		in := io.Reader(f)
		if !s.Range.isWhole() {
			in = io.NewSectionReader(f, s.Range.At, s.Range.End-s.Range.At)
		}
		for err == nil {
			var n int
			n, err = in.Read(b)
			hash.Write(b[:n])
			err = errors.Join(err, ctx.Err())
		}
		f.Close()
		if !errors.Is(err, io.EOF) {
			return "", err
		}
	}
	sum := hash.Sum128().Bytes()
	return hex.EncodeToString(sum[:]), nil
}

// Copy writes the file as it is stored, and returns the digest that Finish returns. It is for shards without
// an index beside them.
func (s *Shard) Copy(w io.Writer) (digest string, err error) {
	f, _, err := s.open()
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := xxh3.New128()
	if _, err := io.Copy(io.MultiWriter(w, hash), f); err != nil {
		return "", err
	}
	if s.byVersion() {
		return s.versionDigest(), nil
	}
	sum := hash.Sum128().Bytes()
	return hex.EncodeToString(sum[:]), nil
}

// Close ends reading at any point, and the goroutine that reads ahead. A second Close does
// nothing.
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
	r.part.close()
	if r.br != nil {
		r.br.Reset(nil)
		inputs.Put(r.input)
		r.br, r.input = nil, nil
	}
	if r.temp != nil {
		r.temp.Close()
		os.Remove(r.temp.Name())
		r.temp = nil
	}
	if r.index != nil {
		r.index.Close()
	}
	err := r.src.f.Close()
	r.src.f, r.dec, r.release = nil, nil, nil
	r.err = fmt.Errorf("%s: %w", printable(r.shard.Name), os.ErrClosed)
	return err
}

// source reads the file, and counts and hashes its bytes.
type source struct {
	f      file
	opened fs.FileInfo
	hash   *xxh3.Hasher128
	read   *atomic.Int64
	n      int64
	stop   int64 // bytes that are read, of a range; 0: all
	whole  bool  // a regular file, whose size is checked once more when all of it was read
	err    error // of the file system
}

// digest is that of what was read.
func (s *source) digest(plain int64) Digest {
	sum := s.hash.Sum128().Bytes()
	return Digest{XXH3: hex.EncodeToString(sum[:]), Stored: s.n, Plain: plain}
}

func (s *source) Read(p []byte) (int, error) {
	if s.stop > 0 {
		p = p[:min(int64(len(p)), s.stop-s.n)]
		if len(p) == 0 {
			return 0, io.EOF
		}
	}
	if s.whole && s.n == s.opened.Size() && len(p) > 0 {
		return 0, io.EOF
	}
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

// readerAt counts bytes read for progress, up to the file's size, since random access may
// read parts twice or not at all.
type readerAt struct {
	f    io.ReaderAt
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

// countRest counts the bytes that were not read.
func (a *readerAt) countRest() { a.count(max(0, a.size-a.n.Load())) }
