//go:build unix

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
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"swab/ngram"
	"swab/ngram/bloom"
	"swab/pipeline/benchmark"
	"swab/pipeline/filter"
	"swab/pipeline/internal/realdata"
	"swab/pipeline/ledger"
	"swab/pipeline/match"
	"swab/pipeline/record"
	"swab/pipeline/rows"
	"swab/pipeline/sample"
	"swab/pipeline/shard"

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

func madeBench(b *testing.B) []benchmark.Spec {
	b.Helper()
	var buf bytes.Buffer
	if err := sample.Bench(&buf, benchItems, benchWords); err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "made.jsonl")
	if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
		b.Fatal(err)
	}
	return []benchmark.Spec{{Name: "made", Path: path, Fields: "question=question,id=id"}}
}

// BenchmarkStages runs the stages of a scan one after another over the same shards
// on one core, each with all that come before it, in MB of uncompressed shard a
// second: decompression, JSON to Arrow batches, words, n-grams, matching.
func BenchmarkStages(b *testing.B) {
	for _, ext := range []string{".jsonl.zst", ".jsonl.gz"} {
		shards, _, err := rows.Find(context.Background(), madeCorpus(b, ext), nil, "")
		if err != nil {
			b.Fatal(err)
		}
		p, err := benchmark.Builtin()
		if err != nil {
			b.Fatal(err)
		}
		set, err := Options{Benchmarks: madeBench(b), Presets: p, Methods: methods(b, three...)}.load(context.Background())
		if err == nil {
			err = set.Build()
		}
		if err != nil {
			b.Fatal(err)
		}
		scan, err := ngram.Words(8).NewScanner()
		if err != nil {
			b.Fatal(err)
		}
		lane := set.NewLane()
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
				lane.Document(row, "", text)
			}},
		} {
			b.Run(fmt.Sprintf("ext=%s/upto=%s", ext, stage.name), func(b *testing.B) {
				lane.Begin("", nil)
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
				if o.Presets, err = benchmark.Builtin(); err != nil {
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

// BenchmarkIndex fills a segment of 1 GiB with 8-grams until all are in the filter, and
// saves it. MB are of text; "of-decompression" is the rate by CPU time as a share of that
// of decompression alone, just before and after. What a lane does is split: "read" is from
// shard to n-grams in the spool, with the bits set to make room for them, "insert" from
// there to the filter's buffers, "flush" the rest of these.
// "save" writes and publishes the segment, whatever is in it, and is in no rate, as is
// "plan". CPU time is that of all lanes, sys a part of it.
//
// The shards are read once, which has the one-time cost of 1.3 GiB of fresh memory, and
// ten times over, by ten names, which nearly fills the filter: a gram that is inside
// already costs what a new one does. Beside it stands the library's own filter of that
// size, filled by its own Add from the first shard on one goroutine.
//
// Two cores of an AMD EPYC, Go 1.26.8, ten passes, in six runs: 92 to 105 MB/s on one lane,
// and 84 in one that others disturbed (0.15 to 0.22 of decompression alone in the same run);
// 143 to 203 on two lanes, 1.5 to 2.0 times that of one in the same run. One pass: 50 to 55,
// and 105 to 127, as clearing fresh memory and emptying the buffers are in it. The library's
// own filter: 3.6 to 5.6.
func BenchmarkIndex(b *testing.B) {
	corpus := madeCorpus(b, ".jsonl.zst")
	once, _, err := rows.Find(context.Background(), corpus, nil, "")
	if err != nil {
		b.Fatal(err)
	}
	over := b.TempDir()
	for pass := range 10 {
		for i, s := range once {
			if err := os.Link(s.Name, filepath.Join(over, fmt.Sprintf("pass-%d-%04d.jsonl.zst", pass, i))); err != nil {
				b.Skip("shards read ten times need hard links: ", err)
			}
		}
	}
	tenfold, _, err := rows.Find(context.Background(), []string{over}, nil, "")
	if err != nil {
		b.Fatal(err)
	}
	for _, passes := range []int{1, 10} {
		for _, lanes := range []int{1, 2} {
			b.Run(fmt.Sprintf("filter=swab/passes=%d/lanes=%d", passes, lanes), func(b *testing.B) {
				shards := once
				if passes > 1 {
					shards = tenfold
				}
				var text, filling, cpu, sys, saving, flushing, decoding float64
				var read, insert atomic.Int64
				for i := 0; b.Loop(); i++ {
					o := IndexOptions{SegmentBytes: 1 << 30, OnChange: filter.OnChangeFail, Reading: Reading{Lanes: lanes, MaxBadRows: -1}}
					o.Reading, o.Out = o.Reading.filled(), filepath.Join(b.TempDir(), fmt.Sprint("index", i))
					r, err := filter.Open(o.filterOptions(context.Background()))
					if err != nil {
						b.Fatal(err)
					}
					stored := int64(0)
					for _, s := range shards {
						stored += s.Size
					}
					if shards, err = r.Plan(context.Background(), shards, nil, stored); err != nil {
						b.Fatal(err)
					}
					todo := make([]int, len(shards))
					for i := range todo {
						todo[i] = i
					}
					decoding += decodeRate(b, once[0]) / 2
					began, user0, sys0 := time.Now(), cpuSeconds(false), cpuSeconds(true)
					if err := o.Reading.lanes(context.Background(), todo, func() func(context.Context, int) error {
						words, fill := new(match.Set).NewLane(), r.NewLane()
						return func(ctx context.Context, i int) error {
							began := time.Now()
							fill.Begin(i)
							words.Begin(shards[i].Name, fill.Block)
							entry, err := o.Reading.documents(ctx, shards[i], len(shards) < lanes, func(row int64, id string, text []byte) error {
								words.Document(row, id, text)
								return fill.Err()
							})
							read.Add(int64(time.Since(began)))
							began = time.Now()
							err = fill.End(entry, err)
							insert.Add(int64(time.Since(began)))
							return err
						}
					}); err != nil {
						b.Fatal(err)
					}
					last := time.Now()
					r.Flush()
					flushing += time.Since(last).Seconds()
					filling += time.Since(began).Seconds()
					cpu += cpuSeconds(false) - user0 + cpuSeconds(true) - sys0
					sys += cpuSeconds(true) - sys0
					decoding += decodeRate(b, once[0]) / 2
					began = time.Now()
					sum, err := r.Finish()
					if err != nil {
						b.Fatal(err)
					}
					saving += time.Since(began).Seconds()
					for _, s := range sum.Index.Shards {
						text += float64(s.TextBytes)
					}
					if err := r.Close(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(text/1e6/filling, "MB/s")
				b.ReportMetric(text/1e6/cpu, "MB/cpu-s")
				b.ReportMetric(text/1e6/cpu/(decoding/float64(b.N)), "of-decompression")
				b.ReportMetric(flushing/float64(b.N), "flush-s")
				b.ReportMetric(sys/float64(b.N), "sys-s")
				b.ReportMetric(float64(read.Load())/1e9/float64(b.N), "read-s")
				b.ReportMetric(float64(insert.Load())/1e9/float64(b.N), "insert-s")
				b.ReportMetric(saving/float64(b.N), "save-s")
				b.ReportMetric(0, "ns/op")
			})
		}
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
			for _, s := range once[:1] { // its rate does not change
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

// decodeRate is how many MB of a shard are decompressed in a second of CPU time.
func decodeRate(b *testing.B, s shard.Shard) float64 {
	began := cpuSeconds(false) + cpuSeconds(true)
	in, err := shard.Open(s, shard.Limits{}, false, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	n, err := io.Copy(io.Discard, struct{ io.Reader }{in})
	if err != nil {
		b.Fatal(err)
	}
	return float64(n) / 1e6 / (cpuSeconds(false) + cpuSeconds(true) - began)
}

// cpuSeconds is what this process has had of the cores so far, for itself or in the
// system on its behalf.
func cpuSeconds(system bool) float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	if system {
		return float64(r.Stime.Nano()) / 1e9
	}
	return float64(r.Utime.Nano()) / 1e9
}

// BenchmarkCheck asks an index of one segment of 1 GiB about the real benchmarks, warm
// and after the system has dropped the segment from its memory.
//
// The same machine, 33,715 items, in seven runs: 0.99 to 1.17 s warm and 1.2 to 1.7 s cold; 0.96
// to 1.22 s of CPU time warm, with what the system does. An eighth reads the segment, all of whose partitions are held against their
// checksums, a quarter reads the benchmarks and numbers their words, a seventh makes the
// report.
func BenchmarkCheck(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(200)) // as the command does
	data := realdata.Dir(b)
	shards, err := filepath.Glob(filepath.Join(data, "corpora", "*"))
	if err != nil || len(shards) == 0 {
		b.Skip("no corpora in ", data)
	}
	out := b.TempDir()
	index := filepath.Join(out, "index")
	sum, err := Index(context.Background(), IndexOptions{Corpus: shards, Out: index, SegmentBytes: 1 << 30, OnChange: filter.OnChangeFail, Reading: Reading{MaxBadRows: -1}})
	if err != nil {
		b.Fatal(err)
	}
	o := CheckOptions{Index: index, Options: Options{Methods: methods(b, "gpt3"), Reading: Reading{MaxBadRows: -1}}}
	if o.Presets, err = benchmark.Builtin(); err != nil {
		b.Fatal(err)
	}
	benchmarks, err := filepath.Glob(filepath.Join(data, "benchmarks", "*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range benchmarks {
		o.Benchmarks = append(o.Benchmarks, benchmark.Spec{Path: path})
	}
	for _, cold := range []bool{false, true} {
		b.Run(fmt.Sprintf("cold=%v", cold), func(b *testing.B) {
			var items, took, cpu float64
			for i := 0; b.Loop(); i++ {
				if cold {
					forget(b, filepath.Join(index, ledger.SegmentsDir, sum.Index.Segments[0].File))
				}
				o.Out = filepath.Join(out, fmt.Sprint("audit", cold, b.N, i))
				began, before := time.Now(), cpuSeconds(false)+cpuSeconds(true)
				got, err := Check(context.Background(), o)
				if err != nil {
					b.Fatal(err)
				}
				took += time.Since(began).Seconds()
				cpu += cpuSeconds(false) + cpuSeconds(true) - before
				items = 0
				for _, k := range got.Audit.Benchmarks {
					items += float64(k.Items)
				}
			}
			b.ReportMetric(items, "items")
			b.ReportMetric(took/float64(b.N), "s/op")
			b.ReportMetric(cpu/float64(b.N), "cpu-s/op")
			b.ReportMetric(0, "ns/op")
		})
	}
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
