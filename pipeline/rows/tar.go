package rows

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"
)

// tarReader reads the members of a tar archive. A member of text is a row with the fields
// text and id, its name without the ending; one of JSON the row that it is, as WebDataset
// has them, or rows as any file of lines or tables. Members of no known ending, as images,
// are skipped; those of a format that is read at random are refused. Members of one sample
// have the same name up to its first dot, and follow each other.
type tarReader struct {
	in     *Input
	end    *zeroTail
	t      *tar.Reader
	o      Options
	body   bytes.Buffer
	member Reader // of the rows of a member that has several, or nil
	texted string // the sample of the last member that is a text

	ahead  *tar.Header // the next member, if it is known
	failed error       // of reading it
}

func openTar(in *Input, o Options) (Reader, error) {
	end := &zeroTail{r: in}
	return &tarReader{in: in, end: end, t: tar.NewReader(end), o: o}, nil
}

func (r *tarReader) Next(rec *Record) error {
	for {
		if r.member != nil {
			if err := r.member.Next(rec); err != io.EOF {
				return r.in.Cause(err)
			}
			r.member = nil
		}
		h, err := r.next()
		if err == io.EOF {
			return r.in.Cause(r.end.check())
		}
		if err != nil {
			return r.in.Cause(err)
		}
		row, err := r.open(h, rec)
		if err != nil {
			return r.in.Cause(fmt.Errorf("member %q: %w", Clip(h.Name), err))
		}
		if isProseName(h.Name) {
			r.texted = sampleOf(h.Name)
		}
		if row {
			if rec.whole != nil {
				rec.side = r.texted == sampleOf(h.Name) || r.textFollows(sampleOf(h.Name))
			}
			return nil
		}
	}
}

// next returns the next member.
func (r *tarReader) next() (h *tar.Header, err error) {
	if h, err = r.ahead, r.failed; h == nil && err == nil {
		return r.t.Next()
	}
	r.ahead, r.failed = nil, nil
	return h, err
}

// textFollows reports whether a text is among the next members of a sample.
func (r *tarReader) textFollows(sample string) bool {
	for {
		h, err := r.t.Next()
		if err != nil {
			r.failed = err
			return false
		}
		same := sampleOf(h.Name) == sample
		if _, compression, known := Formats.TypeOf(h.Name); !same || known || compression != 0 {
			r.ahead = h
			return same && isProseName(h.Name)
		}
	}
}

// isProseName reports whether a member is a text by its name.
func isProseName(name string) bool {
	f, compression, _ := Formats.TypeOf(name)
	return compression == 0 && IsProse(f)
}

// sampleOf returns the name of the sample that a member belongs to.
func sampleOf(name string) string {
	dir, base := path.Split(name)
	base, _, _ = strings.Cut(base, ".")
	return dir + base
}

// open makes rec the row that a member is, or prepares to read its rows.
func (r *tarReader) open(h *tar.Header, rec *Record) (row bool, err error) {
	ending := strings.ToLower(path.Ext(h.Name))
	f, compression, known := Formats.TypeOf(h.Name)
	if h.Typeflag != tar.TypeReg || strings.HasPrefix(path.Base(h.Name), ".") || !known && compression == 0 {
		return false, nil
	}
	switch {
	case compression != 0 || f.Magic != "":
		return false, fmt.Errorf("a file of its own within the archive; unpack it: %w", ErrUnsupported)
	case IsText(f) && ending != ".json", r.o.Lines && IsProse(f):
		o := r.o
		o.Name = h.Name
		r.member, err = Open(r.in.ctx, memberSource{r.t}, f, o)
		return false, err
	case h.Size > int64(r.o.MaxRow):
		return false, fmt.Errorf("%d bytes, more than %d: %w", h.Size, r.o.MaxRow, ErrTooLong)
	}
	r.body.Reset()
	if _, err := r.body.ReadFrom(r.t); err != nil {
		return false, err
	}
	data := bytes.TrimPrefix(r.body.Bytes(), byteOrderMark)
	if len(bytes.TrimSpace(data)) == 0 {
		return false, nil
	}
	if !IsText(f) {
		rec.document(strings.TrimSuffix(h.Name, path.Ext(h.Name)), data)
		return true, nil
	}
	if data[skipSpace(data, 0)] == '[' {
		o := r.o
		o.Name = h.Name
		r.member, err = Open(r.in.ctx, memberSource{bytes.NewReader(data)}, f, o)
		return false, err
	}
	err = rec.ParseJSON(data, r.o.Want)
	rec.whole = data
	return true, err
}

// document makes r a row of the fields text and id.
func (r *Record) document(id string, body []byte) {
	r.reset()
	root := r.open(object, nil)
	r.plain(text, []byte("text"), body)
	r.plain(text, []byte("id"), []byte(id))
	r.shut(root)
}

// memberSource is a member of an archive.
type memberSource struct{ io.Reader }

func (memberSource) ReaderAt() (io.ReaderAt, int64, error) {
	return nil, 0, fmt.Errorf("a member of an archive is no file: %w", ErrUnsupported)
}

// zeroTail knows how many bytes of zero r ended with. An archive ends with two blocks of
// them, without which it was cut.
type zeroTail struct {
	r     io.Reader
	zeros int
}

func (z *zeroTail) Read(p []byte) (int, error) {
	n, err := z.r.Read(p)
	if rest := len(bytes.TrimRight(p[:n], "\x00")); rest > 0 {
		z.zeros = n - rest
	} else {
		z.zeros += n
	}
	return n, err
}

// check reads on to the end of r, which is io.EOF if all is well.
func (z *zeroTail) check() error {
	before := z.zeros
	n, err := io.Copy(io.Discard, z)
	switch {
	case err != nil:
		return err
	case z.zeros != before+int(n):
		return fmt.Errorf("bytes after the end of the archive: %w", ErrCorrupt)
	case z.zeros < 1024:
		return fmt.Errorf("the archive ends without its end mark: %w", ErrCorrupt)
	}
	return io.EOF
}
