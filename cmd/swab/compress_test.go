package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/ulikunitz/xz"
)

// compress IN OUT compresses a file as OUT's ending says.
func compressFile(ts *testscript.TestScript, neg bool, args []string) {
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch filepath.Ext(args[1]) {
	case ".gz":
		w = gzip.NewWriter(&out)
	case ".zst":
		w, err = zstd.NewWriter(&out)
	case ".xz":
		w, err = xz.NewWriter(&out)
	case ".lz4":
		w = lz4.NewWriter(&out)
	default:
		ts.Fatalf("cannot write %s", args[1])
	}
	ts.Check(err)
	_, err = io.WriteString(w, ts.ReadFile(args[0]))
	ts.Check(err)
	ts.Check(w.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), out.Bytes(), 0o644))
}
