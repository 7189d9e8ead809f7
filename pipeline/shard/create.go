package shard

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// An Output is a new file, compressed. What is written to it is complete once Close returned nil.
type Output struct {
	file  *os.File
	plain *bufio.Writer
	comp  io.WriteCloser // nil: what is written is stored as it is
	again func()         // begins another member of gzip or frame of zstd in comp; nil for other compressions
	open  bool           // comp has a member or frame that is not closed
	begun bool           // the file has a member or frame
}

// Create creates the file name, which must not exist yet, and its directory. Bzip2, which cannot
// be written, is as None.
func Create(name string, c Compression) (*Output, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	b := bufio.NewWriterSize(f, 256<<10)
	o := &Output{file: f, plain: b, open: true, begun: true}
	switch c {
	case Gzip:
		z := gzip.NewWriter(b)
		o.comp, o.again, o.open, o.begun = z, func() { z.Reset(b) }, false, false
	case Zstd:
		var z *zstd.Encoder
		z, err = zstd.NewWriter(b, zstd.WithEncoderConcurrency(1))
		o.comp, o.again, o.open, o.begun = z, func() { z.Reset(b) }, false, false
	case Xz:
		o.comp, err = xz.NewWriter(b)
	case Lz4:
		o.comp = lz4.NewWriter(b)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), o.Drop())
	}
	return o, nil
}

// Write writes plain bytes.
func (o *Output) Write(p []byte) (int, error) {
	if o.comp == nil {
		return o.plain.Write(p)
	}
	o.begin()
	return o.comp.Write(p)
}

// begin begins a member or frame, unless one is open.
func (o *Output) begin() {
	if !o.open {
		o.again()
		o.open, o.begun = true, true
	}
}

// end ends the member or frame that is open.
func (o *Output) end() error {
	if !o.open || o.comp == nil {
		return nil
	}
	o.open = false
	return o.comp.Close()
}

// Close completes the file.
func (o *Output) Close() error {
	if !o.begun {
		o.begin() // of an empty file
	}
	return errors.Join(o.end(), o.plain.Flush(), o.file.Close())
}

// Drop removes the file.
func (o *Output) Drop() error {
	o.file.Close()
	return os.Remove(o.file.Name())
}

// position returns how many bytes the file has.
func (o *Output) position() (int64, error) {
	if err := o.plain.Flush(); err != nil {
		return 0, err
	}
	return o.file.Seek(0, io.SeekCurrent)
}

// cutTo removes the bytes of the file from at on.
func (o *Output) cutTo(at int64) error {
	o.plain.Reset(o.file)
	if err := o.file.Truncate(at); err != nil {
		return err
	}
	_, err := o.file.Seek(at, io.SeekStart)
	return err
}
