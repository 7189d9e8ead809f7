package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"swab/pipeline/ledger"
	"swab/pipeline/shard"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// makeDivisible adds to the corpus of makeKept the same documents in every format and
// compression that is divided, with rows that are bad, long, blank or without an id, and shards
// of which a part is damaged.
func makeDivisible(t testing.TB, dir string, rng *rand.Rand) {
	t.Helper()
	var texts []string
	all, err := os.ReadFile(filepath.Join(dir, "middle.jsonl"))
	must(t, err)
	for k, line := range strings.Split(strings.TrimSpace(string(all)), "\n") {
		texts = append(texts, fmt.Sprintf("w%d before %s, and %s", k, line, strings.Repeat("w7 ", rng.IntN(30))))
	}
	rng.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
	lines := func(field string) []byte {
		var b bytes.Buffer
		for k, text := range texts {
			switch rng.IntN(9) {
			case 0:
				fmt.Fprintf(&b, "{\"%s\": %q, \"id\": %d}\n", field, text, k)
			case 1:
				fmt.Fprintf(&b, "{\"id\": \"a\", \"%s\": %q}\r\n\n", field, text)
			case 2:
				fmt.Fprintf(&b, "{\"other\": 1}\n{\"%s\": %q}\n", field, text)
			case 3:
				fmt.Fprintf(&b, "no row\n{\"%s\": null}\n{\"%s\": \"\\ud800 %s\"}\n", field, field, text[:8])
			case 4:
				fmt.Fprintf(&b, "\uFEFF{\"%s\": \"x\"}\n{\"%s\": %q}\n", field, field, strings.Repeat(text+" ", 1+rng.IntN(4)))
			default:
				fmt.Fprintf(&b, "{\"%s\": %q, \"n\": %d}\n", field, text, k)
			}
		}
		if rng.IntN(2) == 0 {
			b.Truncate(b.Len() - 1)
		}
		return b.Bytes()
	}
	write := func(name string, content []byte) {
		must(t, os.WriteFile(filepath.Join(dir, "corpus", name), content, 0o644))
	}
	first := func(field string) []byte { // the first row has the field
		return append(fmt.Appendf(nil, "{\"%s\": \"the first\"}\n", field), lines(field)...)
	}
	write("plain.jsonl", first("text"))
	write("content.jsonl", first("content"))
	write("frames.jsonl.zst", inFrames(t, rng, first("text")))
	write("members.jsonl.gz", inMembers(t, rng, first("content")))
	damaged := inFrames(t, rng, first("text"))
	damaged[len(damaged)/2] ^= 0x55
	write("damaged.jsonl.zst", damaged)
	cut := inMembers(t, rng, first("text"))
	write("cut.jsonl.gz", cut[:len(cut)-5])
	long := append(first("text"), fmt.Appendf(nil, "{\"text\": \"%s\"}\n{\"text\": %q}\n", strings.Repeat("long ", 3000), texts[0])...)
	write("long.jsonl", append(long, lines("text")...))
	for k, name := range []string{"groups.parquet", "numbered.parquet"} {
		write(name, inGroups(t, rng, texts, k == 1))
	}
	write("batches.arrow", inBatches(t, rng, texts))
}

// inFrames compresses parts of any size, some empty, as frames of zstd, some behind a skippable one.
func inFrames(t testing.TB, rng *rand.Rand, content []byte) (out []byte) {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(rng.IntN(2) == 0))
	must(t, err)
	for len(content) > 0 {
		n := min(len(content), rng.IntN(900))
		if rng.IntN(4) == 0 {
			out = append(out, "\x53\x2a\x4d\x18\x03\x00\x00\x00abc"...)
		}
		out = w.EncodeAll(content[:n], out)
		content = content[n:]
	}
	return out
}

// inMembers compresses parts of any size, some empty, as members of gzip.
func inMembers(t testing.TB, rng *rand.Rand, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	for len(content) > 0 {
		n := min(len(content), rng.IntN(900))
		w := gzip.NewWriter(&b)
		_, err := w.Write(content[:n])
		must(t, errors.Join(err, w.Close()))
		content = content[n:]
	}
	return b.Bytes()
}

// records returns batches of a few texts each, in one of which the text is null.
func records(t testing.TB, rng *rand.Rand, texts []string, numbered bool) (list []arrow.Record) {
	t.Helper()
	fields := []arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true}}
	if numbered {
		fields = append(fields, arrow.Field{Name: "id", Type: arrow.PrimitiveTypes.Int64})
	}
	for k := 0; len(texts) > 0; k++ {
		n := min(len(texts), 1+rng.IntN(4))
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
		for i, text := range texts[:n] {
			if k == 3 && i == 0 {
				b.Field(0).AppendNull()
			} else {
				b.Field(0).(*array.StringBuilder).Append(text)
			}
			if numbered {
				b.Field(1).(*array.Int64Builder).Append(int64(i))
			}
		}
		texts = texts[n:]
		list = append(list, b.NewRecord())
		b.Release()
	}
	return list
}

func inGroups(t testing.TB, rng *rand.Rand, texts []string, numbered bool) []byte {
	t.Helper()
	list := records(t, rng, texts, numbered)
	var b bytes.Buffer
	w, err := pqarrow.NewFileWriter(list[0].Schema(), &b, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	must(t, err)
	for _, rec := range list {
		must(t, w.Write(rec))
		rec.Release()
	}
	must(t, w.Close())
	return b.Bytes()
}

func inBatches(t testing.TB, rng *rand.Rand, texts []string) []byte {
	t.Helper()
	list := records(t, rng, texts, true)
	name := filepath.Join(t.TempDir(), "x")
	f, err := os.Create(name)
	must(t, err)
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(list[0].Schema()))
	must(t, err)
	for _, rec := range list {
		must(t, w.Write(rec))
		rec.Release()
	}
	must(t, errors.Join(w.Close(), f.Close()))
	b, err := os.ReadFile(name)
	must(t, err)
	return b
}

// divisible are options of a scan of a corpus of makeDivisible.
func divisible(t testing.TB, seed uint64, names ...string) (Options, *rand.Rand) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 19))
	dir := t.TempDir()
	specs := makeKept(t, dir)
	makeDivisible(t, dir, rng)
	o := options(t, dir)
	o.Benchmarks, o.Methods, o.NoReport = specs, methods(t, names...), true
	o.Corpus, o.Root = []string{"corpus"}, dir
	return o, rng
}

// sameAudit compares the files of two audits.
func sameAudit(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if maps.Equal(got, want) {
		return
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: %s is another\n%.3000s\nwant\n%.3000s", what, name, got[name], want[name])
		}
	}
}

// TestRangesAreTheShard: a scan that divides shards into ranges of any size, among any number of
// lanes, publishes the bytes of one that does not.
func TestRangesAreTheShard(t *testing.T) {
	seeds, names := uint64(3), []string(nil)
	if testing.Short() {
		seeds, names = 1, []string{"swab", "gpt3", "coverage8", "gpt4"}
	}
	for seed := range seeds {
		o, rng := divisible(t, seed, names...)
		o.Lanes = 1
		mustScan(t, o)
		want := files(t, o.Out)
		for _, least := range []int64{200 + rng.Int64N(300), 2000} {
			o.Out = filepath.Join(o.Root, fmt.Sprint("ranges", least))
			o.least, o.Lanes = least, []int{1, 8}[rng.IntN(2)]
			mustScan(t, o)
			sameAudit(t, fmt.Sprintf("seed %d, ranges of %d bytes", seed, least), files(t, o.Out), want)
			if left, _ := filepath.Glob(filepath.Join(o.Root, "*", "*", "swab-range*")); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		}
	}
}

// TestShardsAreDivided: each format and compression that has ranges has them, in all of which rows
// are found.
func TestShardsAreDivided(t *testing.T) {
	o, _ := divisible(t, 1, "gpt3")
	o.Reading = o.Reading.filled()
	found, err := o.Reading.find(t.Context(), o.Corpus)
	must(t, err)
	want := map[string]int{
		"corpus/plain.jsonl": 4, "corpus/content.jsonl": 4, "corpus/frames.jsonl.zst": 4, "corpus/members.jsonl.gz": 4,
		"corpus/groups.parquet": 4, "corpus/numbered.parquet": 4, "corpus/batches.arrow": 4,
	}
	for _, sh := range found.shards {
		sh, err := o.Reading.divide(t.Context(), sh, sh.Size/8, 1<<20)
		must(t, err)
		if len(sh.Cuts)+1 < want[sh.Name] {
			t.Errorf("%s has %d cuts", sh.Name, len(sh.Cuts))
		}
		if strings.HasPrefix(sh.Name, "corpus/s") && len(sh.Cuts) > 0 {
			t.Errorf("%s, one frame, has cuts", sh.Name)
		}
		if want[sh.Name] == 0 {
			continue
		}
		var parts []*ledger.Entry
		rows := 0
		for _, g := range sh.Ranges() {
			part := sh
			part.Range = g
			e, err := o.Reading.documents(t.Context(), part, false, func(int64, string, []byte) error { return nil })
			must(t, err)
			if e.Error != "" {
				t.Fatalf("%s: %v", sh.Name, e.Error)
			}
			if parts = append(parts, &e); e.Rows > 0 {
				rows++
			}
		}
		whole := sh
		whole.Range, whole.Cuts = shard.Range{}, nil
		e, err := o.Reading.documents(t.Context(), whole, false, func(int64, string, []byte) error { return nil })
		must(t, err)
		united, _, err := ledger.Unite(parts)
		if err != nil || fmt.Sprintf("%+v", united) != fmt.Sprintf("%+v", e) || rows < want[sh.Name] {
			t.Errorf("%s: %d ranges with rows, %v\n%+v, want\n%+v", sh.Name, rows, err, united, e)
		}
	}
}
