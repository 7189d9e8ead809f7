// Swabgen writes the inputs of the project's own runs: the small corpus and
// benchmarks in testdata/, and corpora and benchmarks of any size for measurements.
//
//	swabgen demo DIR                                the files of testdata/
//	swabgen corpus -bytes N -shards K -out DIR      shards corpus-000.jsonl.zst, … (-ext .jsonl.gz or .jsonl)
//	swabgen bench -items N -words W -out FILE       a benchmark of N items of W words
//
// The files depend only on the flags. One document in two hundred of a corpus has an item of
// the benchmark with -items 1000 or more and the same -words.
package main

import (
	"bufio"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"swab/pipeline/sample"

	"github.com/klauspost/compress/zstd"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "swabgen:", err)
		os.Exit(2)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: swabgen demo|corpus|bench (see go doc ./cmd/swabgen)")
	}
	flags := flag.NewFlagSet("swabgen "+args[0], flag.ContinueOnError)
	bytes := flags.Int64("bytes", 256<<20, "uncompressed bytes of all shards together")
	shards := flags.Int("shards", 4, "number of shards")
	ext := flags.String("ext", ".jsonl.zst", "ending of the file names, which selects the compression")
	items := flags.Int("items", 10800, "number of items")
	words := flags.Int("words", 100, "words of an item")
	seed := flags.Uint64("seed", 1, "seed")
	out := flags.String("out", "", "directory or file to write")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "demo":
		return demo(flags.Arg(0))
	case "corpus":
		for i := range *shards {
			path := filepath.Join(*out, fmt.Sprintf("corpus-%03d%s", i, *ext))
			if err := create(path, func(w io.Writer) error {
				return sample.Corpus(w, *seed*1000+uint64(i), *bytes/int64(*shards), *words)
			}); err != nil {
				return err
			}
		}
		return nil
	case "bench":
		return create(*out, func(w io.Writer) error { return sample.Bench(w, *items, *words) })
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// create writes a file, compressed according to its ending.
func create(path string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := bufio.NewWriterSize(f, 1<<20)
	var out io.WriteCloser = nopCloser{buf}
	switch filepath.Ext(path) {
	case ".zst":
		if out, err = zstd.NewWriter(buf, zstd.WithEncoderConcurrency(1)); err != nil {
			return err
		}
	case ".gz":
		out = gzip.NewWriter(buf)
	}
	if err := write(out); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	if err := buf.Flush(); err != nil {
		return err
	}
	return f.Close()
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
