package shard

import (
	"bufio"
	"bytes"
	stdgzip "compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
)

// readStd reads all members with the standard library, and returns what it returns before an
// error.
func readStd(raw []byte) ([]byte, error) {
	z, err := stdgzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// readOurs reads all members through small reads of src.
func readOurs(src io.Reader, buffer int) ([]byte, error) {
	dec, release, err := newDecoder(Gzip, bufio.NewReaderSize(src, buffer), Limits{})
	if err != nil {
		return nil, err
	}
	defer release()
	return io.ReadAll(dec)
}

// checkGzip holds the decoder against the standard library's: the same bytes before the same
// end or an error of the same kind. At a cut the library
// may want more bits than the last codes have.
func checkGzip(t *testing.T, raw []byte) {
	t.Helper()
	want, wantErr := readStd(raw)
	if len(raw) == 0 {
		wantErr = nil // no member is a file too
	}
	for _, buffer := range []int{16, 100, inputSize} {
		got, err := readOurs(bytes.NewReader(raw), buffer)
		if err == gzip.ErrHeader && wantErr != gzip.ErrHeader && hasReserved(raw) {
			continue // the standard library does not refuse flags that RFC 1952 reserves
		}
		more := len(got) - len(want)
		if more < 0 || more > 0 && err != io.ErrUnexpectedEOF || !bytes.Equal(got[:len(want)], want) {
			t.Fatalf("%d bytes, %v with a buffer of %d; want %d, %v", len(got), err, buffer, len(want), wantErr)
		}
		if (err == nil) != (wantErr == nil) || wantErr == io.ErrUnexpectedEOF && err != wantErr {
			t.Fatalf("%v with a buffer of %d; want %v", err, buffer, wantErr)
		}
	}
}

// hasReserved reports whether the other library refuses the header of a member.
func hasReserved(raw []byte) bool {
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err == nil {
		_, err = io.Copy(io.Discard, z)
	}
	return err == gzip.ErrHeader
}

// samples are texts that use all that the format has.
func samples(t testing.TB) (all [][]byte) {
	rng := rand.New(rand.NewPCG(4, 2))
	noise := make([]byte, 35_000)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	words := strings.Fields("the quick brown fox jumps over a lazy dog and 17 other animals of the forest near Bergen")
	var prose strings.Builder
	for prose.Len() < 100_000 {
		prose.WriteString(words[rng.IntN(len(words))] + " ")
		if rng.IntN(20) == 0 {
			prose.Write(noise[:rng.IntN(40)])
		}
	}
	var skewed strings.Builder // codes of up to 15 bits
	for k := range 20 {
		skewed.WriteString(strings.Repeat(string(rune('a'+k)), 1<<min(k, 14)))
	}
	shuffled := []byte(skewed.String())
	rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for _, text := range [][]byte{
		nil, []byte("a"), []byte("hello, hello, hello"), noise, []byte(prose.String()), shuffled,
		bytes.Repeat([]byte("ab"), 40_000), make([]byte, 100_000), bytes.Repeat([]byte("0123456"), 10_000),
	} {
		for _, level := range []int{gzip.NoCompression, gzip.BestSpeed, 6, gzip.BestCompression, gzip.HuffmanOnly} {
			var b bytes.Buffer
			z, err := stdgzip.NewWriterLevel(&b, level)
			if err != nil {
				t.Fatal(err)
			}
			z.Name, z.Comment, z.Extra = strings.Repeat("n", level+3), "", noise[:level+3]
			z.Write(text[:len(text)/2])
			z.Flush()
			z.Write(text[len(text)/2:])
			z.Close()
			all = append(all, b.Bytes())
		}
	}
	return all
}

// TestGzipAsStandardLibrary: members of all levels, alone and one after the other, read in any
// pieces.
func TestGzipAsStandardLibrary(t *testing.T) {
	all := samples(t)
	for _, raw := range all {
		checkGzip(t, raw)
	}
	joined := bytes.Join(all, nil)
	checkGzip(t, joined)
	want, err := readStd(joined)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readOurs(iotest.OneByteReader(bytes.NewReader(joined)), 64)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("in single bytes: %d bytes, %v", len(got), err)
	}
}

// TestGzipDamage: every end and every bit flipped of small files, and many of large ones.
func TestGzipDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 3))
	for _, raw := range samples(t) {
		places := min(len(raw), 100)
		if testing.Short() {
			places = min(len(raw), 12)
		}
		for k := range places {
			at := k
			if len(raw) > places {
				at = rng.IntN(len(raw))
			}
			checkGzip(t, raw[:at])
			damaged := bytes.Clone(raw)
			damaged[at] ^= 1 << rng.IntN(8)
			checkGzip(t, damaged)
		}
	}
}

// TestGzipReadError: an error of the file comes after all that was read before it.
func TestGzipReadError(t *testing.T) {
	broken := errors.New("broken disk")
	for _, raw := range samples(t) {
		for _, at := range []int{len(raw) / 3, len(raw) / 2, len(raw) - 9} {
			if at < 40 {
				continue
			}
			want, err := readOurs(bytes.NewReader(raw[:at]), inputSize)
			if err != io.ErrUnexpectedEOF {
				t.Fatal(err)
			}
			got, err := readOurs(io.MultiReader(bytes.NewReader(raw[:at]), iotest.ErrReader(broken)), 512)
			if !errors.Is(err, broken) || !bytes.Equal(got, want) {
				t.Fatalf("%d of %d bytes read: %d bytes, %v; want %d", at, len(raw), len(got), err, len(want))
			}
		}
	}
}

// FuzzInflate holds streams of any bytes against the standard library, as they are and with
// the beginnings of blocks of each kind.
func FuzzInflate(f *testing.F) {
	header := []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03")
	for _, raw := range samples(f) {
		if len(raw) < 4096 {
			f.Add(raw[10:])
		}
	}
	f.Add([]byte("\x05\xc0\x81\x00\x00\x00\x00\x00\x10\xff\xd5\x08"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		checkGzip(t, append(bytes.Clone(header), stream...))
	})
}
