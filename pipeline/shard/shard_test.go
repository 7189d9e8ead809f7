package shard

import (
	"bytes"
	stdgzip "compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/zeebo/xxh3"

	"swab/pipeline/internal/realdata"
)

const tiny = "line a of a tiny shard, with a few words in it\nline b of a tiny shard, with a few words in it\n"

// tinyBzip2 is tiny as bzip2 1.0.8 writes it at level 1; nothing here can write bzip2.
const tinyBzip2 = "QlpoMTFBWSZTWUlmq3MAAB5RgAAQQAQ3ZZygIABIKqnqAaZqaeoFVTT1MmRppjKzuyOmUvNqQupKdF0UWYU3epaqQ5eMtOIQwq+dJkmki7Yu5IpwoSCSzVbm"

var compressions = []Compression{None, Gzip, Zstd, Bzip2, Xz, Lz4}

// pack compresses data; by bzip2 only repetitions of tiny, as that many streams.
func pack(tb testing.TB, c Compression, data []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch c {
	case None:
		return data
	case Gzip:
		z := gzip.NewWriter(&b)
		z.Name = "tiny.jsonl"
		w = z
	case Zstd:
		w, err = zstd.NewWriter(&b)
	case Xz:
		w, err = xz.WriterConfig{DictCap: 64 << 10}.NewWriter(&b)
	case Lz4:
		z := lz4.NewWriter(&b)
		err = z.Apply(lz4.BlockSizeOption(lz4.Block64Kb))
		w = z
	case Bzip2:
		one, err := base64.StdEncoding.DecodeString(tinyBzip2)
		if err != nil || strings.Repeat(tiny, len(data)/len(tiny)) != string(data) {
			tb.Fatal("bzip2 data has to be repetitions of tiny", err)
		}
		return bytes.Repeat(one, len(data)/len(tiny))
	}
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func write(tb testing.TB, name string, data []byte) Shard {
	tb.Helper()
	p := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(p, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return at(name, p)
}

func at(name, p string) Shard {
	f, c, _ := formats.TypeOf(name)
	return Shard{Name: name, Path: p, Format: f, Compression: c, Formats: &formats}
}

// slurp reads a shard as a run does.
func slurp(s Shard, l Limits, ahead bool) ([]byte, Digest, error) {
	r, err := Open(s, l, ahead, nil)
	if err != nil {
		return nil, Digest{}, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		if _, again := r.Read(make([]byte, 1)); again != err {
			return nil, Digest{}, fmt.Errorf("%w, and then %w", err, again)
		}
		return data, Digest{}, err
	}
	d, err := r.Finish()
	return data, d, err
}

// classified fails the test unless the error is of a known class, names the
// shard and cannot be taken for the end.
func classified(tb testing.TB, err error, name string) {
	tb.Helper()
	if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrMismatch) && !errors.Is(err, ErrBomb) {
		tb.Fatalf("error of no class: %v", err)
	}
	if errors.Is(err, io.EOF) {
		tb.Fatalf("error is an io.EOF: %v", err)
	}
	if !strings.HasPrefix(err.Error(), name+": ") || strings.Count(err.Error(), name+": ") != 1 {
		tb.Fatalf("error does not name the shard once: %v", err)
	}
}

func TestWhole(t *testing.T) {
	long := []byte(strings.Repeat(tiny, 4_000)) // 376 kB, more than a buffer; thrice is more than all of them
	for _, c := range compressions {
		for _, plain := range [][]byte{[]byte(tiny), long} {
			for _, parts := range []int{1, 3} {
				stored := bytes.Repeat(pack(t, c, plain), parts)
				want := bytes.Repeat(plain, parts)
				s := write(t, "x.jsonl"+strings.ToUpper(c.usualEnding()), stored)
				for _, ahead := range []bool{false, true} {
					t.Run(fmt.Sprintf("%v/bytes=%d/parts=%d/ahead=%v", c, len(plain), parts, ahead), func(t *testing.T) {
						var read atomic.Int64
						r, err := Open(s, Limits{Ratio: 100_000}, ahead, &read)
						if err != nil {
							t.Fatal(err)
						}
						defer r.Close()
						if len(plain) == len(tiny) { // iotest asks in every odd way
							if err := iotest.TestReader(struct{ io.Reader }{r}, want); err != nil {
								t.Fatal(err)
							}
						} else if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
							t.Fatalf("%d bytes, %v; want %d", len(got), err, len(want))
						}
						d, err := r.Finish()
						sum := xxh3.Hash128(stored).Bytes()
						if wantD := (Digest{XXH3: fmt.Sprintf("%x", sum), Stored: int64(len(stored)), Plain: int64(len(want))}); err != nil || d != wantD {
							t.Fatalf("digest %v, %v; want %v", d, err, wantD)
						}
						if read.Load() != int64(len(stored)) {
							t.Fatalf("progress says %d of %d bytes", read.Load(), len(stored))
						}
					})
				}
			}
		}
	}
}

// Every cut is an error but those that leave whole members, frames or streams,
// which yield their own bytes and nothing else.
func TestEveryCut(t *testing.T) {
	for _, c := range compressions[1:] {
		one := pack(t, c, []byte(tiny))
		stored := bytes.Repeat(one, 2)
		s := write(t, "x.jsonl"+c.usualEnding(), nil)
		for n := range len(stored) {
			os.WriteFile(s.Path, stored[:n], 0o600)
			for _, ahead := range []bool{false, true} {
				data, _, err := slurp(s, Limits{}, ahead)
				if n == len(one) {
					if err != nil || string(data) != tiny {
						t.Fatalf("%v cut to one part: %q, %v", c, data, err)
					}
					continue
				}
				if err == nil {
					t.Fatalf("%v cut to %d of %d bytes: no error, %d bytes", c, n, len(stored), len(data))
				}
				classified(t, err, s.Name)
				// Xz padding comes in fours, the first bytes of a stream are not padding.
				if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, ErrCorrupt) {
					t.Errorf("%v cut to %d of %d bytes: not called truncated: %v", c, n, len(stored), err)
				}
				if !strings.HasPrefix(tiny+tiny, string(data)) {
					t.Fatalf("%v cut to %d bytes gave other bytes: %q", c, n, data)
				}
			}
		}
	}
}

// Every flipped bit is an error or changes nothing: all five carry a checksum here.
func TestEveryFlippedBit(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: takes seconds")
	}
	for _, c := range compressions[1:] {
		stored := pack(t, c, []byte(tiny))
		s := write(t, "x.txt"+c.usualEnding(), nil)
		harmless := 0
		for bit := range len(stored) * 8 {
			stored[bit/8] ^= 1 << (bit % 8)
			os.WriteFile(s.Path, stored, 0o600)
			stored[bit/8] ^= 1 << (bit % 8)
			data, _, err := slurp(s, Limits{Window: 1 << 20}, bit%2 == 0)
			if err == nil {
				harmless++
				if string(data) != tiny {
					t.Fatalf("%v bit %d: other bytes and no error: %q", c, bit, data)
				}
				continue
			}
			classified(t, err, s.Name)
			data2, _, err2 := slurp(s, Limits{Window: 1 << 20}, bit%2 != 0)
			k := min(len(data), len(data2))
			if err2 == nil || err.Error() != err2.Error() || !bytes.Equal(data[:k], data2[:k]) {
				t.Fatalf("%v bit %d: ahead and not ahead differ: %v, %v", c, bit, err, err2)
			}
		}
		t.Logf("%v: %d of %d flipped bits change nothing", c, harmless, len(stored)*8)
	}
}

// Lz4 and zstd may be written without a checksum. A flipped bit may then come out
// as other bytes; this test is here to be wrong if that ever changes.
func TestNoChecksumNoProof(t *testing.T) {
	var l, z bytes.Buffer
	lw := lz4.NewWriter(&l)
	lw.Apply(lz4.ChecksumOption(false), lz4.BlockSizeOption(lz4.Block64Kb))
	io.WriteString(lw, tiny)
	lw.Close()
	zw, _ := zstd.NewWriter(&z, zstd.WithEncoderCRC(false))
	io.WriteString(zw, tiny)
	zw.Close()
	for c, stored := range map[Compression][]byte{Lz4: l.Bytes(), Zstd: z.Bytes()} {
		s := write(t, "x.txt"+c.usualEnding(), nil)
		altered := 0
		for bit := range len(stored) * 8 {
			stored[bit/8] ^= 1 << (bit % 8)
			os.WriteFile(s.Path, stored, 0o600)
			stored[bit/8] ^= 1 << (bit % 8)
			if data, _, err := slurp(s, Limits{Window: 1 << 20}, false); err == nil && string(data) != tiny {
				altered++
			}
		}
		if altered == 0 {
			t.Errorf("%v: every flipped bit was found; the package's comment says otherwise", c)
		}
	}
}

func TestTrailing(t *testing.T) {
	for _, c := range compressions[1:] {
		one := pack(t, c, []byte(tiny))
		for _, tail := range []string{"\x00", "\x00\x00\x00\x00", strings.Repeat("\x00", 512), "x", "garbage after the end", "{\"text\":\"plain\"}\n"} {
			s := write(t, "x.jsonl"+c.usualEnding(), append(bytes.Clone(one), tail...))
			data, _, err := slurp(s, Limits{}, false)
			if c == Xz && strings.Trim(tail, "\x00") == "" && len(tail)%4 == 0 {
				if err != nil || string(data) != tiny {
					t.Errorf("xz padding: %v", err)
				}
				continue
			}
			if err == nil {
				t.Errorf("%v with %q after it: no error", c, tail)
				continue
			}
			classified(t, err, s.Name)
		}
	}
}

func TestEmptyAndSkippable(t *testing.T) {
	for _, c := range []Compression{Gzip, Zstd, Xz, Lz4} {
		none, some := pack(t, c, nil), pack(t, c, []byte(tiny))
		if len(none) == 0 && c == Zstd {
			none = pack(t, c, []byte{})
		}
		all := append(append(bytes.Repeat(none, 300), some...), none...)
		if data, _, err := slurp(write(t, "x.txt"+c.usualEnding(), all), Limits{}, true); err != nil || string(data) != tiny {
			t.Errorf("%v: empty parts around one: %q, %v", c, data, err)
		}
		if c != Zstd && c != Lz4 {
			continue
		}
		skip := "\x53\x2a\x4d\x18\x05\x00\x00\x00abcde"
		all = []byte(skip + string(some) + skip + skip + string(some) + skip)
		s := write(t, "x.txt"+c.usualEnding(), all)
		if data, _, err := slurp(s, Limits{}, false); err != nil || string(data) != tiny+tiny {
			t.Errorf("%v: skippable frames: %q, %v", c, data, err)
		}
		os.WriteFile(s.Path, all[:len(all)-1], 0o600)
		if _, _, err := slurp(s, Limits{}, false); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v: a cut skippable frame: %v", c, err)
		}
	}
	for _, name := range []string{"x.jsonl", "x.txt"} {
		if data, d, err := slurp(write(t, name, nil), Limits{}, true); err != nil || len(data) != 0 || d.Stored != 0 || len(d.XXH3) != 32 {
			t.Errorf("empty %s: %v %v", name, d, err)
		}
	}
}

// The library takes a gzip file that ends within a later member's name for whole.
func TestGzipHeaderCutInName(t *testing.T) {
	one := pack(t, Gzip, []byte(tiny))
	r, err := gzip.NewReader(bytes.NewReader(append(bytes.Clone(one), one[:14]...)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); err != nil {
		t.Log("the library now finds this itself:", err)
	}
	s := write(t, "x.jsonl.gz", append(bytes.Clone(one), one[:14]...))
	if _, _, err := slurp(s, Limits{}, false); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestMismatch(t *testing.T) {
	plain := []byte(tiny)
	stored := map[string][]byte{}
	for _, c := range compressions {
		stored[c.String()] = pack(t, c, plain)
	}
	stored["parquet"] = []byte("PAR1\x15\x04 pages, footer PAR1")
	stored["arrow"] = []byte("ARROW1\x00\x00 batches, footer ARROW1")
	stored["stream"] = []byte("\xff\xff\xff\xff\x10\x00\x00\x00")
	stored["short"] = []byte("PAR1")
	stored["cut parquet"] = []byte("PAR1\x15\x04 pages, no foot")
	stored["cut arrow"] = []byte("ARROW1\x00\x00 batches, no foot")
	stored["feather1"] = []byte("FEA1 old FEA1")
	stored["zip"] = []byte("PK\x03\x04 archive")
	stored["empty"] = nil
	stored["one byte"] = []byte("\x1f")
	stored["UTF-32"] = []byte("\xff\xfe\x00\x00a\x00\x00\x00")
	stored["UTF-16"] = []byte("\xff\xfea\x00b\x00")
	stored["gz of gz"] = pack(t, Gzip, stored["gzip"])
	stored["gz of zip"] = pack(t, Gzip, stored["zip"])
	for _, c := range []struct {
		name, is string
		class    error
		says     string
	}{
		{"x.jsonl", "none", nil, ""},
		{"x.jsonl", "gzip", nil, ""},
		{"x.jsonl", "zstd", nil, ""},
		{"x.txt", "bzip2", nil, ""},
		{"x.md", "xz", nil, ""},
		{"x.JSON", "lz4", nil, ""},
		{"d/x.jsonl", "parquet", nil, ""},
		{"x.jsonl", "arrow", nil, ""},
		{"x.jsonl", "zip", ErrMismatch, "not JSON lines but a zip archive"},
		{"x.jsonl", "UTF-32", ErrMismatch, "iconv -f UTF-32"},
		{"x.txt", "UTF-16", ErrMismatch, "iconv -f UTF-16"},
		{"x.jsonl.gz", "none", ErrMismatch, `not gzip data: begins with "line a of a tiny"`},
		{"x.jsonl.gz", "zstd", nil, ""},
		{"x.jsonl.zst", "gzip", nil, ""},
		{"x.jsonl.bz2", "xz", nil, ""},
		{"x.jsonl.xz", "lz4", nil, ""},
		{"x.jsonl.lz4", "bzip2", nil, ""},
		{"x.jsonl.gz", "parquet", nil, ""},
		{"x.jsonl.gz", "empty", ErrCorrupt, "0 bytes are too few for gzip"},
		{"x.jsonl.gz", "one byte", ErrCorrupt, "1 bytes are too few for gzip"},
		{"x.jsonl.xz", "empty", ErrCorrupt, "0 bytes"},
		{"x.jsonl.gz", "gz of gz", ErrMismatch, "inside the gzip is gzip data, not JSON lines"},
		{"x.txt.gz", "gz of zip", ErrMismatch, "not text but a zip archive"},
		{"x.parquet", "parquet", nil, ""},
		{"x.parquet", "arrow", nil, ""},
		{"x.parquet", "none", ErrMismatch, "not a Parquet"},
		{"x.parquet", "gzip", ErrMismatch, "not a Parquet"},
		{"x.parquet", "short", ErrCorrupt, "does not end with PAR1"},
		{"x.parquet", "cut parquet", ErrCorrupt, "does not end with PAR1"},
		{"x.parquet", "empty", ErrCorrupt, "0 bytes"},
		{"x.arrow", "arrow", nil, ""},
		{"x.arrow", "stream", nil, ""},
		{"x.arrow", "cut arrow", ErrCorrupt, "does not end with ARROW1"},
		{"x.feather", "feather1", ErrMismatch, "Feather file of version 1"},
		{"x.arrows", "stream", nil, ""},
		{"x.arrows", "arrow", nil, ""},
		{"x.txt", "stream", nil, ""},
	} {
		s := write(t, filepath.Base(c.name), stored[c.is])
		s.Name = c.name
		_, _, err := slurp(s, Limits{}, false)
		if c.class == nil {
			if err != nil {
				t.Errorf("%s that is %s: %v", c.name, c.is, err)
			}
			continue
		}
		if !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s that is %s: %v; want %q", c.name, c.is, err, c.says)
			continue
		}
		classified(t, err, c.name)
	}
	if data, _, err := slurp(write(t, "x.txt", []byte("BZh9 is how bzip2 begins")), Limits{}, false); err != nil || len(data) == 0 {
		t.Errorf("a text that begins with BZh: %v", err)
	}
}

// gzipBomb is 10 MB that would become 10.3 GB.
func gzipBomb(tb testing.TB) Shard {
	f, err := os.Create(filepath.Join(tb.TempDir(), "x.txt.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	var member bytes.Buffer
	w, _ := gzip.NewWriterLevel(&member, 9)
	zeros := make([]byte, 1<<20)
	for range 20 {
		w.Write(zeros)
	}
	w.Close()
	for n := 0; n < 10<<20; n += member.Len() {
		f.Write(member.Bytes())
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	return at("x.txt.gz", f.Name())
}

// xzAsking gives an xz file whose blocks ask for 2^bits bytes of dictionary.
func xzAsking(tb testing.TB, bits int, blocks int) []byte {
	x := pack(tb, Xz, nil)
	header := x[:12]
	block := []byte{0x02, 0x00, 0x21, 0x01, byte(2 * (bits - 12)), 0, 0, 0}
	block = binary.LittleEndian.AppendUint32(block, crc32.ChecksumIEEE(block))
	block = append(block, 0, 0, 0, 0)                                      // no chunk, padding
	block = append(block, make([]byte, map[byte]int{1: 4, 4: 8}[x[7]])...) // crc of nothing is 0
	return append(bytes.Clone(header), bytes.Repeat(block, blocks)...)
}

func TestBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: takes seconds")
	}
	var zframe bytes.Buffer
	zframe.WriteString("\x28\xb5\x2f\xfd\x00")                    // no content size
	zframe.WriteByte((31 - 10) << 3)                              // a window of 2 GiB
	zframe.WriteString("\x09\x00\x00a")                           // the last block, one raw byte
	single := "\x28\xb5\x2f\xfd\xa0\x00\x00\x00\x80\x09\x00\x00a" // one segment of 2 GiB

	zeros := pack(t, Zstd, make([]byte, 70<<20))

	for _, c := range []struct {
		name string
		s    Shard
		l    Limits
		says string
	}{
		{"gzip ratio", gzipBomb(t), Limits{Ratio: DefaultRatio}, "over 1000:1"},
		{"lz4 ratio", write(t, "x.txt.lz4", pack(t, Lz4, make([]byte, 65<<20))), Limits{Ratio: 100}, "over 100:1"},
		{"zstd ratio", write(t, "x.txt.zst", zeros), Limits{Ratio: DefaultRatio}, "over 1000:1"},
		{"zstd window", write(t, "x.txt.zst", zframe.Bytes()), Limits{}, "window of zstd of more than 134217728 bytes"},
		{"zstd segment", write(t, "x.txt.zst", []byte(single)), Limits{}, "window of zstd"},
		{"zstd window by limit", write(t, "x.txt.zst", pack(t, Zstd, make([]byte, 8<<20))), Limits{Window: 1 << 20}, "window of zstd of more than 1048576"},
		{"xz dictionary", write(t, "x.txt.xz", xzAsking(t, 31, 1)), Limits{}, "an xz dictionary of 2147483648 bytes, at most 134217728"},
		{"xz dictionary by limit", write(t, "x.txt.xz", pack(t, Xz, []byte(tiny))), Limits{Window: 1 << 15}, "an xz dictionary of 65536"},
		{"xz many dictionaries", write(t, "x.txt.xz", xzAsking(t, 27, 1000)), Limits{Ratio: DefaultRatio}, "xz dictionaries of"},
	} {
		for _, ahead := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/ahead=%v", c.name, ahead), func(t *testing.T) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				start := time.Now()
				r, err := Open(c.s, c.l, ahead, nil)
				var n int64
				if err == nil {
					n, err = io.Copy(io.Discard, struct{ io.Reader }{r})
					r.Close()
				}
				runtime.ReadMemStats(&after)
				if !errors.Is(err, ErrBomb) || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("got %v; want %q", err, c.says)
				}
				classified(t, err, c.s.Name)
				allocated := after.TotalAlloc - before.TotalAlloc
				bound := uint64(16 << 20)
				if strings.Contains(c.name, "many") {
					bound = 3 << 30
				}
				if allocated > bound || n > 80<<20 {
					t.Errorf("%d MB allocated, %d bytes came out", allocated>>20, n)
				}
				t.Logf("%v: %d bytes out, %d kB allocated, %v", err, n, allocated>>10, time.Since(start).Round(time.Millisecond))
			})
		}
	}
	if n, _, err := slurp(write(t, "x.txt.zst", zeros), Limits{}, false); err != nil || len(n) != 70<<20 {
		t.Errorf("no bound: %d bytes, %v", len(n), err)
	}
}

func TestReaderAt(t *testing.T) {
	stored := append([]byte("PAR1"), strings.Repeat("pages ", 100_000)...)
	stored = append(stored, "PAR1"...)
	s := write(t, "x.parquet", stored)
	var read atomic.Int64
	r, err := Open(s, Limits{}, true, &read)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	a, size, err := r.ReaderAt()
	if err != nil || size != int64(len(stored)) {
		t.Fatal(size, err)
	}
	buf := make([]byte, 1000)
	for range 3 { // the same part thrice, and part of the end
		if _, err := a.ReadAt(buf, 10); err != nil || !bytes.Equal(buf, stored[10:1010]) {
			t.Fatal(err)
		}
	}
	if n, err := a.ReadAt(buf, size-10); n != 10 || err != io.EOF {
		t.Fatal(n, err)
	}
	if _, err := r.Read(buf); err == nil || err == io.EOF {
		t.Errorf("read as a stream: %v", err)
	}
	sum := xxh3.Hash128(stored).Bytes()
	want := Digest{XXH3: fmt.Sprintf("%x", sum), Stored: size, Plain: size}
	for range 2 {
		if d, err := r.Finish(); err != nil || d != want || read.Load() != size {
			t.Fatalf("%v, %v, %d read; want %v", d, err, read.Load(), want)
		}
	}

	r, err = Open(write(t, "x.parquet.gz", pack(t, Gzip, stored)), Limits{}, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	a, size, err = r.ReaderAt()
	if err != nil || size != int64(len(stored)) {
		t.Fatal(size, err)
	}
	if _, err := a.ReadAt(buf, 10); err != nil || !bytes.Equal(buf, stored[10:1010]) {
		t.Fatal(err)
	}
	if d, err := r.Finish(); err != nil || d.Plain != size {
		t.Errorf("%v, %v", d, err)
	}
	r.Close()
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFinish(t *testing.T) {
	s := write(t, "x.jsonl.gz", pack(t, Gzip, []byte(tiny)))
	for _, ahead := range []bool{false, true} {
		r, err := Open(s, Limits{}, ahead, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Finish(); err == nil || !strings.Contains(err.Error(), "Finish before the end") {
			t.Errorf("before the end: %v", err)
		}
		if _, err := io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Finish(); err != nil {
			t.Errorf("at the end: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error("second close:", err)
		}
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
			t.Errorf("read after close: %v", err)
		}
		if _, err := r.Finish(); err == nil {
			t.Error("finish after close")
		}
	}

	for change, touch := range map[string]func(p string) error{
		"grown": func(p string) error {
			f, err := os.OpenFile(p, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteString("more\n")
			return err
		},
		"cut":     func(p string) error { return os.Truncate(p, 3) },
		"touched": func(p string) error { return os.Chtimes(p, time.Now(), time.Now().Add(time.Hour)) },
	} {
		s := write(t, "x.jsonl", []byte(tiny))
		r, err := Open(s, Limits{}, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		if err := touch(s.Path); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Finish(); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "changed") {
			t.Errorf("%s: %v", change, err)
		}
		r.Close()
	}
}

func TestEarlyCloseLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, c := range compressions {
		s := write(t, "x.jsonl"+c.usualEnding(), pack(t, c, []byte(strings.Repeat(tiny, 15_000))))
		for _, n := range []int{0, 1, 300_000, 1_300_000} {
			r, err := Open(s, Limits{}, true, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.CopyN(io.Discard, struct{ io.Reader }{r}, int64(n)); err != nil {
				t.Fatal(err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	// A goroutine that has ended is counted a moment longer. One that never ends runs into
	// go test's own limit, which prints where it is.
	for runtime.NumGoroutine() > before {
		time.Sleep(time.Millisecond)
	}
}

type panicking struct{ after int }

func (p *panicking) Read(b []byte) (int, error) {
	if p.after--; p.after < 0 {
		panic("index out of range")
	}
	return len(b), nil
}

type idling struct{}

func (idling) Read([]byte) (int, error) { return 0, nil }

func TestDecoderThatPanicsOrIdles(t *testing.T) {
	for _, ahead := range []bool{false, true} {
		for _, dec := range []io.Reader{&panicking{3}, idling{}} {
			s := write(t, "x.txt.gz", pack(t, Gzip, []byte(tiny)))
			r, err := Open(s, Limits{}, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.dec = dec
			if ahead {
				r.ahead = readAhead(r.decode)
			}
			_, err = io.Copy(io.Discard, struct{ io.Reader }{r})
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%T, ahead %v: %v", dec, ahead, err)
			}
			classified(t, err, s.Name)
			if _, ok := dec.(*panicking); ok && r.release != nil {
				t.Error("a decoder that panicked would be used again")
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestFileSystemErrorIsNoDamage(t *testing.T) {
	random := make([]byte, 2*inputSize) // Open reads the first half
	rand.NewChaCha8([32]byte{}).Read(random)
	s := write(t, "x.txt.gz", pack(t, Gzip, []byte(hex.EncodeToString(random))))
	r, err := Open(s, Limits{}, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.src.f.Close()
	_, err = io.ReadAll(r)
	if err == nil || errors.Is(err, ErrCorrupt) || !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := Open(at("gone.jsonl", s.Path+".gone"), Limits{}, false, nil); !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "gone.jsonl: ") {
		t.Errorf("got %v", err)
	}
	if _, err := Open(at("x.jsonl", filepath.Dir(s.Path)), Limits{}, false, nil); err == nil || !strings.Contains(err.Error(), "a directory") {
		t.Errorf("got %v", err)
	}
	for _, l := range []Limits{{Window: -1}, {Window: 1}, {Ratio: -1}} {
		if r, err := Open(s, l, false, nil); err == nil {
			r.Close()
			t.Errorf("%v: no error", l)
		}
	}
}

// Real corpora come out as the standard library decodes them.
func TestRealCorpora(t *testing.T) {
	dir := realdata.Dir(t)
	shards, _, err := formats.Find([]string{filepath.Join(dir, "corpora")}, Search{})
	if err != nil {
		t.Fatal(err)
	}
	var stored, plain int64
	for i, s := range shards {
		data, d, err := slurp(s, Limits{Ratio: DefaultRatio}, i%2 == 0)
		if err != nil || d.Stored != s.Size || d.Plain != int64(len(data)) {
			t.Fatalf("%v, %v", d, err)
		}
		stored += d.Stored
		plain += d.Plain
		if s.Compression != Gzip || s.Size > 4<<20 {
			continue
		}
		f, err := os.Open(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := stdgzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := io.ReadAll(z); err != nil || !bytes.Equal(data, want) {
			t.Errorf("%s: other bytes than the standard library's (%v)", s.Name, err)
		}
	}
	t.Logf("%d shards, %d bytes, %d plain", len(shards), stored, plain)
}
