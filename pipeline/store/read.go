package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bytes fetched by one request. Random access begins with few and doubles while it goes on
// where it was; a stream begins with the most.
const (
	leastPart = 256 << 10
	mostPart  = 2 << 20
	aheadOf   = 3 // parts that are fetched in front of a stream
)

// errNoRanges means that a server answered a request for a range with the whole.
var errNoRanges = errLasting{errors.New("the server reads no ranges")}

// buffers are those of parts.
var buffers = sync.Pool{New: func() any { return new([mostPart]byte) }}

// A File reads an object. It is used as an open file is: Read from the beginning, or ReadAt.
type File struct {
	o      *Object
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	off    int64   // of Read
	end    int64   // of the part used last
	window int     // bytes of the part fetched last
	parts  []*part // fetched or on the way, the one used last at the end
	whole  *os.File
}

// A part is a range of an object.
type part struct {
	off  int64
	buf  *[mostPart]byte
	n    int
	done chan struct{} // closed when err is set
	err  error
}

func (p *part) bytes() []byte { return p.buf[:p.n] }
func (p *part) end() int64    { return p.off + int64(p.n) }

// Open returns a reader of the object. No request is made before the first byte is read; all
// end with the context that the object was found with.
func (o *Object) Open() *File {
	f := &File{o: o}
	f.ctx, f.cancel = context.WithCancel(o.ctx)
	return f
}

// Stat returns the size and the time that the object was found with.
func (f *File) Stat() (fs.FileInfo, error) { return objectInfo{f.o}, nil }

// Read reads on. See io.Reader.
func (f *File) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.readSome(p, f.off, true)
	f.off += int64(n)
	return n, err
}

// ReadAt reads at an offset. See io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n < len(p) && err == nil {
		var m int
		m, err = f.readSome(p[n:], off+int64(n), false)
		n += m
	}
	return n, err
}

// readSome copies what one part has of the bytes at off.
func (f *File) readSome(p []byte, off int64, stream bool) (int, error) {
	switch {
	case off >= f.o.Size:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	for {
		if f.whole == nil && f.o.Version == "" && f.o.ModTime.IsZero() {
			if err := f.copyWhole(); err != nil {
				return 0, err
			}
		}
		if f.whole != nil {
			return f.whole.ReadAt(p[:min(int64(len(p)), f.o.Size-off)], off)
		}
		q := f.part(off, stream)
		<-q.done
		if q.err == nil {
			return copy(p, q.bytes()[off-q.off:]), nil
		}
		if !errors.Is(q.err, errNoRanges) {
			return 0, q.err
		}
		if err := f.copyWhole(); err != nil {
			return 0, err
		}
	}
}

// part returns the part that has the byte at off, and has more fetched in front of it.
func (f *File) part(off int64, stream bool) *part {
	p := f.find(off)
	if p == nil {
		switch {
		case stream:
			f.window = mostPart
		case off == f.end && f.window > 0:
			f.window = min(2*f.window, mostPart)
		default:
			f.window = leastPart
		}
		p = f.fetch(off, f.window)
	}
	f.end = p.end()
	if stream || f.window == mostPart {
		for q, n := p, 0; n < aheadOf && q.end() < f.o.Size; n++ {
			next := f.find(q.end())
			if next == nil {
				next = f.fetch(q.end(), mostPart)
			}
			q = next
		}
		f.use(p)
	}
	return p
}

// find returns the part that has the byte at off, or nil.
func (f *File) find(off int64) *part {
	for _, p := range f.parts {
		if p.off <= off && off < p.end() {
			f.use(p)
			return p
		}
	}
	return nil
}

// use makes a part the last to be dropped.
func (f *File) use(p *part) {
	for i, q := range f.parts {
		if q == p {
			copy(f.parts[i:], f.parts[i+1:])
			f.parts[len(f.parts)-1] = p
			return
		}
	}
}

// fetch begins to fetch a part.
func (f *File) fetch(off int64, n int) *part {
	if len(f.parts) == aheadOf+2 {
		f.parts[0].drop()
		f.parts = append(f.parts[:0], f.parts[1:]...)
	}
	p := &part{off: off, n: int(min(int64(n), f.o.Size-off)), done: make(chan struct{})}
	p.buf = buffers.Get().(*[mostPart]byte)
	f.parts = append(f.parts, p)
	go func() {
		p.err = f.o.readRange(f.ctx, p.bytes(), off)
		close(p.done)
	}()
	return p
}

// drop releases the buffer, unless it is still being filled.
func (p *part) drop() {
	select {
	case <-p.done:
		buffers.Put(p.buf)
	default:
	}
}

// Close ends all requests.
func (f *File) Close() error {
	f.cancel()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.parts {
		<-p.done
		p.drop()
	}
	f.parts = nil
	if f.whole != nil {
		return errors.Join(f.whole.Close(), os.Remove(f.whole.Name()))
	}
	return nil
}

// readRange fills buf with the bytes at off. What came before a connection failed is kept.
func (o *Object) readRange(ctx context.Context, buf []byte, off int64) error {
	r := retry{c: shared()}
	for n := 0; ; {
		m, err := o.tryRange(ctx, buf[n:], off+int64(n), r.fresh)
		if n += m; n == len(buf) {
			return nil
		}
		if m >= leastPart/4 {
			r.failed = 0
		}
		if err = r.wait(ctx, err); err != nil {
			return o.fault(err)
		}
	}
}

// fault returns an error of reading as it is reported.
func (o *Object) fault(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: it is gone", ErrChanged)
	}
	return explain(o.service, err)
}

// tryRange sends one request and returns how many of the bytes came.
func (o *Object) tryRange(ctx context.Context, buf []byte, off int64, fresh bool) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	last := off + int64(len(buf)) - 1
	resp, err := o.request(ctx, fmt.Sprintf("bytes=%d-%d", off, last), fresh)
	if err != nil {
		return 0, err
	}
	in := idleReader(resp.Body, shared().idle)
	defer in.Close()
	if resp.StatusCode != http.StatusPartialContent {
		// A small object whose range is the whole may come so.
		if off != 0 || int64(len(buf)) != o.Size || resp.ContentLength != o.Size {
			return 0, errNoRanges
		}
	} else if err := o.checkRange(resp.Header.Get("Content-Range"), off); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(in, buf)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = errors.New("the connection was closed within the data")
	}
	return n, err
}

// checkRange compares the range that a server says it sends with the one asked for.
func (o *Object) checkRange(h string, off int64) error {
	from, total, ok := strings.Cut(strings.TrimPrefix(h, "bytes "), "/")
	from, _, ok2 := strings.Cut(from, "-")
	first, err := strconv.ParseInt(from, 10, 64)
	if !ok || !ok2 || err != nil || first != off {
		return errors.New("the server sent another range than was asked for")
	}
	if size, err := strconv.ParseInt(total, 10, 64); total != "*" && (err != nil || size != o.Size) {
		return fmt.Errorf("%w: it had %d bytes and has %s now", ErrChanged, o.Size, total)
	}
	return nil
}

// request asks for a range of the object, or the whole, and checks that it is the version
// that was found. A host that the store redirected to is asked again for the next range.
func (o *Object) request(ctx context.Context, ranged string, fresh bool) (*http.Response, error) {
	add := func(r *http.Request, err error) (*http.Request, error) {
		if err == nil && ranged != "" {
			r.Header.Set("Range", ranged)
		}
		return r, err
	}
	if to := o.target.Load(); to != nil && !fresh {
		resp, err := shared().try(anonymous{}, func() (*http.Request, error) {
			return add(http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil))
		}, false, nil)
		if err == nil {
			return o.verified(resp)
		}
		if s, ok := errors.AsType[*statusError](err); !ok || s.transient() {
			return nil, err
		}
		o.target.Store(nil) // its signature has expired
	}
	var target *url.URL
	resp, err := shared().try(o.service, func() (*http.Request, error) { return add(o.service.get(ctx, o)) }, fresh,
		func(resp *http.Response, to *url.URL) error {
			if target = nil; !sameHost(resp.Request.URL, to) {
				target = to
			}
			return o.service.verify(o, resp)
		})
	if err != nil {
		return nil, err
	}
	if resp, err = o.verified(resp); err == nil && target != nil {
		o.target.Store(target)
	}
	return resp, err
}

// verified returns the response if it is of the version that was found.
func (o *Object) verified(resp *http.Response) (*http.Response, error) {
	if err := o.service.verify(o, resp); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// copyWhole copies the object into a temporary file.
func (f *File) copyWhole() error {
	temp, err := os.CreateTemp("", "swab-*")
	if err != nil {
		return fmt.Errorf("it cannot be copied, and the server reads no ranges (set TMPDIR to another directory): %w", err)
	}
	r := retry{c: shared()}
	for {
		if err = f.o.tryWhole(f.ctx, temp, r.fresh); err == nil {
			f.whole = temp
			return nil
		}
		if err = r.wait(f.ctx, err); err != nil {
			return errors.Join(f.o.fault(err), temp.Close(), os.Remove(temp.Name()))
		}
	}
}

// tryWhole writes the object into a file by one response.
func (o *Object) tryWhole(ctx context.Context, to *os.File, fresh bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := o.request(ctx, "", fresh)
	if err != nil {
		return err
	}
	in := idleReader(resp.Body, shared().idle)
	defer in.Close()
	if resp.ContentLength >= 0 && resp.ContentLength != o.Size {
		return fmt.Errorf("%w: it had %d bytes and has %d now", ErrChanged, o.Size, resp.ContentLength)
	}
	if err := to.Truncate(0); err != nil {
		return errLasting{err}
	}
	n, err := io.Copy(io.NewOffsetWriter(to, 0), in)
	if err == nil && n != o.Size {
		err = errors.New("the connection was closed within the data")
	}
	return err
}

// anonymous is the service of a host that gets no credentials.
type anonymous struct{ service }

func (anonymous) authorize(*http.Request, bool) error { return nil }

// objectInfo is an object as a file of the disk is described.
type objectInfo struct{ o *Object }

func (i objectInfo) Name() string       { return Base(i.o.Name) }
func (i objectInfo) Size() int64        { return i.o.Size }
func (i objectInfo) Mode() fs.FileMode  { return 0o444 }
func (i objectInfo) ModTime() time.Time { return i.o.ModTime }
func (i objectInfo) IsDir() bool        { return false }
func (i objectInfo) Sys() any           { return nil }
