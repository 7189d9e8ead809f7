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
	io.Writer
	file  *os.File
	plain *bufio.Writer
	comp  io.Closer
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
	o := &Output{Writer: b, file: f, plain: b}
	var w io.WriteCloser
	switch c {
	case Gzip:
		w = gzip.NewWriter(b)
	case Zstd:
		w, err = zstd.NewWriter(b, zstd.WithEncoderConcurrency(1))
	case Xz:
		w, err = xz.NewWriter(b)
	case Lz4:
		w = lz4.NewWriter(b)
	default:
		return o, nil
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), o.Drop())
	}
	o.Writer, o.comp = w, w
	return o, nil
}

// Close completes the file.
func (o *Output) Close() error {
	var err error
	if o.comp != nil {
		err = o.comp.Close()
	}
	return errors.Join(err, o.plain.Flush(), o.file.Close())
}

// Drop removes the file.
func (o *Output) Drop() error {
	o.file.Close()
	return os.Remove(o.file.Name())
}
