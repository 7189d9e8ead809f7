//go:build unix

package bloom

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"swab/ngram"

	"github.com/bits-and-blooms/bloom/v3"
)

// cpu is the time that this process has run on all cores, in nanoseconds: on a
// machine that others use as well it says more than the clock.
func cpu() int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}

func perGram(b *testing.B, start int64, grams int) {
	b.ReportMetric(float64(cpu()-start)/float64(grams), "cpu-ns/gram")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(grams), "ns/gram")
	b.ReportMetric(0, "ns/op")
}

// random gives the same hashes for the same seed, in about 1 ns each.
func random(seed uint64, dst []uint64) []uint64 {
	x := seed * 0x9e3779b97f4a7c15
	for i := range dst {
		x = (x ^ x>>31) * 0xbf58476d1ce4e5b9
		dst[i] = x ^ x>>32
		x += seed
	}
	return dst
}

func newFilter(tb testing.TB, bytes int64, fpr float64) *Filter {
	tb.Helper()
	p, err := NewPlan(bytes, fpr)
	if err != nil {
		tb.Fatal(err)
	}
	f, err := New(p, ngram.Words(8))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(f.Close)
	return f
}

// Two cores of an AMD EPYC that others used as well, Go 1.26.8, CPU time of a gram in ns,
// from hash to bits by way of a spool, on one lane; the clock's time on two lanes is 0.55 of
// it when both cores are free:
//
//	            buffer=1:2  1:4  1:8  plain Add
//	k=7                 20   19   20        743
//	k=13                25   25   27       1116
//	k=20                34   35   35       1371
//
// HasAll 162 ms, Filter.Has 146 ns, Stats 102 ms, Save 287 ms a GiB.
// 1 ns is the making of the hashes.
//
// All slots have been lent before the time begins, so each gram pays its share of setting
// bits to make room.
func BenchmarkFill(b *testing.B) {
	for _, fpr := range []float64{1e-2, 1e-4, 1e-6} {
		for _, share := range []int64{2, 4, 8} {
			for _, lanes := range []int{1, 2} {
				f := newFilter(b, 1<<30, fpr)
				b.Run(fmt.Sprintf("bytes=1Gi/k=%d/buffer=1:%d/lanes=%d", f.plan.K, share, lanes), func(b *testing.B) {
					pool, err := NewPool(f.plan, f.plan.Bytes()/share, lanes)
					if err != nil {
						b.Fatal(err)
					}
					defer pool.Close()
					w, err := pool.NewFiller(f)
					if err != nil {
						b.Fatal(err)
					}
					defer w.Close()
					spoolers := make([]*Spooler, lanes)
					for i := range spoolers {
						spoolers[i] = pool.NewSpooler()
					}
					const turn = 1024 // blocks
					seed := uint64(0)
					shards := func() {
						var wg sync.WaitGroup
						for _, s := range spoolers {
							from := seed
							seed += uint64(turn / lanes)
							to := seed
							wg.Go(func() {
								var block [4096]uint64
								s.Begin(nil)
								for i := from; i < to; i++ {
									if err := s.Add(random(i+1, block[:])); err != nil {
										b.Error(err)
									}
								}
								sp, err := s.End()
								if err != nil {
									b.Error(err)
									return
								}
								for block := range sp.Blocks(nil) {
									w.AddBlock(block)
								}
								sp.Drop()
							})
						}
						wg.Wait()
					}
					for i := range f.words {
						f.words[i] = 1 // the memory is there
					}
					for w.next.Load() < 2*uint32(pool.buckets) { // all slots have been lent, and buckets are unequally full
						shards()
					}
					grams, start := 0, cpu()
					for b.Loop() {
						shards()
						grams += turn * 4096
					}
					perGram(b, start, grams)
				})
				f.Close()
			}
		}
	}
}

// BenchmarkPlainAdd is the library's own filter of the same size, for comparison.
func BenchmarkPlainAdd(b *testing.B) {
	for _, k := range []uint{7, 13, 20} {
		b.Run(fmt.Sprintf("bytes=1Gi/k=%d", k), func(b *testing.B) {
			f := bloom.New(1<<33, k)
			words := f.BitSet().Words()
			for i := range words {
				words[i] = 1
			}
			var block [4096]uint64
			var key [8]byte
			seed, start := uint64(0), cpu()
			for b.Loop() {
				seed++
				for _, h := range random(seed, block[:]) {
					binary.LittleEndian.PutUint64(key[:], h)
					f.Add(key[:])
				}
			}
			perGram(b, start, int(seed)*len(block))
		})
	}
}

// 30,000 items of 50 grams against a filter that is full at 1e-4. Nothing is kept
// from one turn to the next: the checksums of all partitions are part of it.
func BenchmarkHasAll(b *testing.B) {
	f := newFilter(b, 1<<30, 1e-4)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range f.words {
		f.words[i] = rng.Uint64()
	}
	var file bytes.Buffer
	file.Grow(1<<30 + 1<<20)
	if err := f.Save(&file, nil); err != nil {
		b.Fatal(err)
	}
	hashes, in := make([]uint64, 30_000*50), make([]bool, 30_000*50)
	random(1, hashes)
	b.Run("bytes=1Gi/grams=1.5M/Reader.HasAll", func(b *testing.B) {
		start := cpu()
		for b.Loop() {
			if err := open(b, file.Bytes()).HasAll(hashes, in); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(cpu()-start)/float64(b.N)/1e6, "cpu-ms/op")
	})
	b.Run("bytes=1Gi/Filter.Has", func(b *testing.B) {
		start := cpu()
		for b.Loop() {
			for i, h := range hashes {
				in[i] = f.Has(h)
			}
		}
		perGram(b, start, b.N*len(hashes))
	})
	b.Run("bytes=1Gi/Stats", func(b *testing.B) {
		for b.Loop() {
			f.Stats()
		}
	})
	b.Run("bytes=1Gi/Save", func(b *testing.B) {
		b.SetBytes(1 << 30)
		for b.Loop() {
			if err := f.Save(io.Discard, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The one-time cost of a filter's memory: the system clears it page by page when it is
// first used.
func BenchmarkFreshMemory(b *testing.B) {
	start := cpu()
	for b.Loop() {
		f := newFilter(b, 1<<30, 1e-4)
		for i := 0; i < len(f.words); i += 512 {
			f.words[i] = 1
		}
		f.Close()
	}
	b.ReportMetric(float64(cpu()-start)/float64(b.N)/1e6, "cpu-ms/GiB")
	b.ReportMetric(0, "ns/op")
}
