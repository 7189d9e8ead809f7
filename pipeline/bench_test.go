package pipeline

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"swab/ngram"
	"swab/ngram/bloom"
	"swab/pipeline/ledger"
	"swab/pipeline/record"
	"swab/pipeline/sample"
	"swab/pipeline/shard"
	"swab/pipeline/variant"

	bloomv3 "github.com/bits-and-blooms/bloom/v3"
	"github.com/klauspost/compress/zstd"
)

// The inputs of the measurements: a benchmark of a million 8-grams, and shards of
// which SWAB_BENCH_BYTES (256 MB) are made in all, or those named by
// SWAB_BENCH_CORPUS (one pattern).
const (
	benchItems = 10_000
	benchWords = 100
)

func madeCorpus(b *testing.B, ext string) []string {
	b.Helper()
	if own := os.Getenv("SWAB_BENCH_CORPUS"); own != "" {
		return []string{own}
	}
	total := int64(256e6)
	if s := os.Getenv("SWAB_BENCH_BYTES"); s != "" {
		fmt.Sscan(s, &total)
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("swab-bench-%d%s", total, ext))
	if _, err := os.Stat(dir); err == nil {
		return []string{dir}
	}
	temp, err := os.MkdirTemp(os.TempDir(), "swab-bench")
	if err != nil {
		b.Fatal(err)
	}
	const shards = 4
	for i := range shards {
		f, err := os.Create(filepath.Join(temp, fmt.Sprintf("corpus-%d%s", i, ext)))
		if err != nil {
			b.Fatal(err)
		}
		var w io.WriteCloser = f
		switch filepath.Ext(ext) {
		case ".zst":
			w, err = zstd.NewWriter(f)
		case ".gz":
			w = gzip.NewWriter(f)
		}
		if err == nil {
			err = sample.Corpus(w, uint64(i), total/shards, benchWords)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
	if err := os.Rename(temp, dir); err != nil {
		b.Fatal(err)
	}
	return []string{dir}
}

func madeBench(b *testing.B) []variant.Spec {
	b.Helper()
	var buf bytes.Buffer
	if err := sample.Bench(&buf, benchItems, benchWords); err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "made.jsonl")
	if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
		b.Fatal(err)
	}
	return []variant.Spec{{Name: "made", Path: path, Fields: "question=question,id=id"}}
}

// BenchmarkStages runs the stages of a scan one after another over the same shards
// on one core, each with all that come before it, in MB of uncompressed shard a
// second: decompression, JSON to Arrow batches, words, n-grams, matching.
func BenchmarkStages(b *testing.B) {
	for _, ext := range []string{".jsonl.zst", ".jsonl.gz"} {
		shards, _, err := shard.Find(madeCorpus(b, ext))
		if err != nil {
			b.Fatal(err)
		}
		p, err := variant.Builtin()
		if err != nil {
			b.Fatal(err)
		}
		set, err := load(context.Background(), Options{Benchmarks: madeBench(b), Presets: p, Methods: methods(b, three...)})
		if err == nil {
			err = set.build()
		}
		if err != nil {
			b.Fatal(err)
		}
		scan, err := ngram.Words(8).NewScanner()
		if err != nil {
			b.Fatal(err)
		}
		look := set.lenses[0].look()
		var plain int64
		var alone float64 // passes a second of decompression
		read := func(b *testing.B, each func(text []byte, row int64)) {
			plain = 0
			for _, s := range shards {
				in, err := shard.Open(s, shard.Limits{}, false, nil)
				if err != nil {
					b.Fatal(err)
				}
				if each == nil {
					n, err := io.Copy(io.Discard, struct{ io.Reader }{in})
					if err != nil {
						b.Fatal(err)
					}
					plain += n
				} else {
					in := &countingSource{Reader: in}
					for rec, err := range record.Documents(context.Background(), in, s.Format, record.Options{Name: s.Name}, &record.Counts{}) {
						if err != nil {
							b.Fatal(err)
						}
						_, texts, rows := record.Columns(rec)
						values, offsets := texts.ValueBytes(), texts.ValueOffsets()
						for i := range texts.Len() {
							each(values[offsets[i]-offsets[0]:offsets[i+1]-offsets[0]], rows.Value(i))
						}
					}
					plain += in.n
				}
				in.Close()
			}
		}
		for _, stage := range []struct {
			name string
			each func(text []byte, row int64)
		}{
			{"decompress", nil},
			{"json", func([]byte, int64) {}},
			{"words", func(text []byte, _ int64) {
				scan.Reset(text)
				for scan.Next() {
				}
			}},
			{"grams", func(text []byte, _ int64) {
				scan.Reset(text)
				for scan.Next() {
					scan.Grams()
				}
			}},
			{"match", func(text []byte, row int64) {
				look.document(row, "", text)
			}},
		} {
			b.Run(fmt.Sprintf("ext=%s/upto=%s", ext, stage.name), func(b *testing.B) {
				look.reset("")
				for b.Loop() {
					read(b, stage.each)
				}
				b.SetBytes(plain)
				rate := float64(b.N) / b.Elapsed().Seconds()
				if stage.each == nil {
					alone = rate
				}
				b.ReportMetric(rate/alone, "of-decompression")
			})
		}
	}
}

type countingSource struct {
	*shard.Reader
	n int64
}

func (c *countingSource) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// BenchmarkScan runs whole scans: benchmarks loaded, all shards read, the audit
// published. MB/s are of text in the documents.
func BenchmarkScan(b *testing.B) {
	for _, ext := range []string{".jsonl.zst", ".jsonl.gz"} {
		for _, lanes := range []int{1, 2} {
			b.Run(fmt.Sprintf("ext=%s/lanes=%d", ext, lanes), func(b *testing.B) {
				o := Options{Corpus: madeCorpus(b, ext), Benchmarks: madeBench(b), Methods: methods(b, "gpt3"), Reading: Reading{Lanes: lanes, MaxBadRows: -1}}
				var err error
				if o.Presets, err = variant.Builtin(); err != nil {
					b.Fatal(err)
				}
				var text int64
				for i := 0; b.Loop(); i++ {
					o.Out = filepath.Join(b.TempDir(), fmt.Sprint("out", i))
					sum, err := Scan(context.Background(), o)
					if err != nil {
						b.Fatal(err)
					}
					text = sum.Audit.Totals.TextBytes
				}
				b.SetBytes(text)
			})
		}
	}
}

// BenchmarkIndex fills one segment of 1 GiB with 8-grams: shards read, grams spooled
// and inserted, until all are in the filter; "save" is what writing and publishing
// the segment takes on top, whatever is in it. Beside it stands the library's own
// filter of that size, filled by its own Add from the first shard on one goroutine.
func BenchmarkIndex(b *testing.B) {
	corpus := madeCorpus(b, ".jsonl.zst")
	shards, _, err := shard.Find(corpus)
	if err != nil {
		b.Fatal(err)
	}
	for _, lanes := range []int{1, 2} {
		b.Run(fmt.Sprintf("filter=swab/lanes=%d", lanes), func(b *testing.B) {
			var text, filling, saving float64
			for i := 0; b.Loop(); i++ {
				o := IndexOptions{Corpus: corpus, SegmentBytes: 1 << 30, OnChange: OnChangeFail, Reading: Reading{Lanes: lanes, MaxBadRows: -1}}
				o.Reading = o.filled()
				dir, err := ledger.OpenIndex(filepath.Join(b.TempDir(), fmt.Sprint("index", i)))
				if err != nil {
					b.Fatal(err)
				}
				r := newIndexRun(o, dir)
				began := time.Now()
				sum, err := r.prepare(shards)
				if err != nil {
					b.Fatal(err)
				}
				todo := make([]int, len(r.shards))
				for i := range todo {
					todo[i] = i
				}
				if err := r.Reading.lanes(context.Background(), todo, func() func(context.Context, int) error { return r.lane().shard }); err != nil {
					b.Fatal(err)
				}
				r.settle()
				filling += time.Since(began).Seconds()
				began = time.Now()
				if err := r.finish(sum); err != nil {
					b.Fatal(err)
				}
				saving += time.Since(began).Seconds()
				for _, s := range sum.Index.Shards {
					text += float64(s.TextBytes)
				}
				dir.Close()
			}
			b.ReportMetric(text/1e6/filling, "MB/s")
			b.ReportMetric(saving/float64(b.N), "save-s")
		})
	}
	b.Run("filter=plain", func(b *testing.B) {
		plan, err := bloomv3Size(1<<30, 1e-4)
		if err != nil {
			b.Fatal(err)
		}
		var text, filling float64
		for b.Loop() {
			began := time.Now()
			filter := bloomv3.New(plan.m, plan.k)
			scan, err := ngram.Words(8).NewScanner()
			if err != nil {
				b.Fatal(err)
			}
			r := Reading{Lanes: 1, MaxBadRows: -1}.filled()
			var grams []uint64
			var key [8]byte
			for _, s := range shards[:1] { // its rate does not change
				e, err := r.documents(context.Background(), s, false, func(_ int64, _ string, doc []byte) error {
					for scan.Reset(doc); scan.Next(); {
						grams = scan.AppendGrams(grams[:0], 8)
						for _, g := range grams {
							binary.LittleEndian.PutUint64(key[:], g)
							filter.Add(key[:])
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
				text += float64(e.TextBytes)
			}
			filling += time.Since(began).Seconds()
		}
		b.ReportMetric(text/1e6/filling, "MB/s")
	})
}

type bloomv3Plan struct{ m, k uint }

// bloomv3Size is the library's own sizing of a filter of that many bytes.
func bloomv3Size(bytes int64, fpr float64) (bloomv3Plan, error) {
	p, err := bloom.NewPlan(bytes, fpr)
	if err != nil {
		return bloomv3Plan{}, err
	}
	m, k := bloomv3.EstimateParameters(uint(p.Capacity()), fpr)
	return bloomv3Plan{m, k}, nil
}
