package shard

import (
	"bufio"
	"bytes"
	stdgzip "compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"
)

// prose makes n bytes of JSON lines of Zipf-distributed words, seeded; it
// compresses about as English does (gzip 2.6:1).
func prose(n int) []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	vocabulary := make([]string, 50_000)
	for i := range vocabulary {
		w := make([]byte, 2+rnd.IntN(9))
		for j := range w {
			w[j] = "etaoinshrdlucmfwypvbgkjqxz"[min(rnd.IntN(26), rnd.IntN(26))]
		}
		vocabulary[i] = string(w)
	}
	zipf := rand.NewZipf(rnd, 1.1, 3, uint64(len(vocabulary)-1))
	var b bytes.Buffer
	for b.Len() < n {
		b.WriteString(`{"id":"` + strconv.Itoa(b.Len()) + `","text":"`)
		for range 100 + rnd.IntN(900) {
			b.WriteString(vocabulary[zipf.Uint64()])
			b.WriteByte(' ')
		}
		b.WriteString("\"}\n")
	}
	return b.Bytes()
}

// cpuTime is what this process has had of all cores.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRead is a shard from Open to Finish, 64 MB of JSON lines, drained in
// reads of 256 KiB by a reader that does nothing else. MB/cpu-s is bytes by the
// time the process had a core, for a machine that others use too.
// AMD EPYC, go1.26.8, two cores shared with other work, MB/cpu-s, read directly and ahead:
// none 7501 7238, gzip 193 211, zstd 667 629, bzip2 9, xz 21, lz4 1929 1291.
func BenchmarkRead(b *testing.B) {
	plain := prose(64 << 20)
	for _, c := range compressions {
		if c == Bzip2 {
			if _, err := exec.LookPath("bzip2"); err != nil {
				continue
			}
		}
		var s Shard
		for _, ahead := range []bool{false, true} {
			b.Run(fmt.Sprintf("compression=%v/ahead=%v", c, ahead), func(b *testing.B) {
				if s.Path == "" {
					s = benchShard(b, c, plain)
				}
				buf := make([]byte, 256<<10)
				b.SetBytes(int64(len(plain)))
				b.ReportAllocs()
				start := cpuTime()
				for b.Loop() {
					r, err := Open(s, Limits{Ratio: DefaultRatio}, ahead, nil)
					if err != nil {
						b.Fatal(err)
					}
					var n int
					for err == nil {
						var m int
						m, err = r.Read(buf)
						n += m
					}
					if _, err := r.Finish(); err != nil || n != len(plain) {
						b.Fatal(n, err)
					}
					r.Close()
				}
				b.ReportMetric(float64(len(plain))*float64(b.N)/1e6/(cpuTime()-start).Seconds(), "MB/cpu-s")
			})
		}
		if s.Path != "" {
			os.RemoveAll(filepath.Dir(s.Path))
		}
	}
}

func benchShard(b *testing.B, c Compression, plain []byte) Shard {
	dir, err := os.MkdirTemp("", "shard")
	if err != nil {
		b.Fatal(err)
	}
	p := filepath.Join(dir, "x.jsonl")
	stored := plain
	if c != Bzip2 {
		stored = pack(b, c, plain)
		p += c.usualEnding()
	}
	if err := os.WriteFile(p, stored, 0o600); err != nil {
		b.Fatal(err)
	}
	if c == Bzip2 {
		if out, err := exec.Command("bzip2", p).CombinedOutput(); err != nil {
			b.Fatal(string(out), err)
		}
		p += c.usualEnding()
	}
	return at(filepath.Base(p), p)
}

// BenchmarkSmall is what a shard costs beyond its bytes: one document, 96 bytes.
// AMD EPYC, go1.26.8, two cores shared with other work: 14 to 30 allocations of 2.6 to 4.6 kB
// in all, 23 to 90 µs; bzip2 makes 400 kB anew and xz 100 kB.
func BenchmarkSmall(b *testing.B) {
	for _, c := range compressions {
		s := write(b, "x.jsonl"+c.usualEnding(), pack(b, c, []byte(tiny)))
		for _, ahead := range []bool{false, true} {
			b.Run(fmt.Sprintf("compression=%v/ahead=%v", c, ahead), func(b *testing.B) {
				b.ReportAllocs()
				buf := make([]byte, 4096)
				for b.Loop() {
					r, err := Open(s, Limits{}, ahead, nil)
					for err == nil {
						_, err = r.Read(buf)
					}
					if _, err := r.Finish(); err != nil {
						b.Fatal(err)
					}
					r.Close()
				}
			})
		}
	}
}

// BenchmarkGzipLibrary: why gzip is not the standard library's.
// AMD EPYC, go1.26.8, two cores shared with other work, MB/cpu-s: klauspost 179, std 160.
func BenchmarkGzipLibrary(b *testing.B) {
	plain := prose(32 << 20)
	stored := pack(b, Gzip, plain)
	run := func(name string, open func(io.Reader) (io.Reader, error)) {
		b.Run("library="+name, func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			buf := make([]byte, 256<<10)
			start := cpuTime()
			for b.Loop() {
				r, err := open(bufio.NewReaderSize(bytes.NewReader(stored), inputSize))
				for err == nil {
					_, err = r.Read(buf)
				}
				if err != io.EOF {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(plain))*float64(b.N)/1e6/(cpuTime()-start).Seconds(), "MB/cpu-s")
		})
	}
	run("own", func(r io.Reader) (io.Reader, error) {
		dec, _, err := newDecoder(Gzip, r.(*bufio.Reader), Limits{})
		return dec, err
	})
	run("klauspost", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) })
	run("std", func(r io.Reader) (io.Reader, error) { return stdgzip.NewReader(r) })
}

// BenchmarkZstdMemory: the low-memory choice, and what a lane then holds for a
// window of 8 MiB.
// AMD EPYC, go1.26.8, two cores shared with other work: both hold 8.3 to 8.4 MB, at the same speed.
func BenchmarkZstdMemory(b *testing.B) {
	plain := prose(64 << 20)
	var stored bytes.Buffer
	w, _ := zstd.NewWriter(&stored, zstd.WithWindowSize(8<<20))
	w.Write(plain)
	w.Close()
	for _, low := range []bool{false, true} {
		b.Run(fmt.Sprintf("lowmem=%v", low), func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			buf := make([]byte, 256<<10)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(low))
			if err != nil {
				b.Fatal(err)
			}
			start := cpuTime()
			for b.Loop() {
				err := z.Reset(bytes.NewReader(stored.Bytes()))
				for err == nil {
					_, err = z.Read(buf)
				}
			}
			b.ReportMetric(float64(len(plain))*float64(b.N)/1e6/(cpuTime()-start).Seconds(), "MB/cpu-s")
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MB-held")
			runtime.KeepAlive(z)
		})
	}
}

// BenchmarkHash: the digest's share.
// AMD EPYC, go1.26.8, two cores shared with other work: 10.7 GB/s.
func BenchmarkHash(b *testing.B) {
	buf := make([]byte, inputSize)
	h := xxh3.New128()
	b.SetBytes(inputSize)
	for b.Loop() {
		h.Write(buf)
	}
}
