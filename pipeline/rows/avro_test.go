package rows

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
)

var avroFiles = []string{"null", "deflate", "snappy", "zstandard", "bzip2", "xz"}

func avroFile(t testing.TB, codec string) []byte {
	data, err := os.ReadFile("testdata/avro-" + codec + ".avro")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestAvro: every type of Avro as fastavro writes it, in each codec.
func TestAvro(t *testing.T) {
	const first = `{"id":"r1","image":"\u0089PNG","meta":{"a":[1,null],"b":["LEFT"]},"tree":{"v":1.5,"next":{"v":-2,"next":null}},` +
		`"when":null,"digest":null,"flag":true,"share":0.5,"text":"The ferry leaves at nine.","score":1}`
	for _, codec := range avroFiles {
		got, err := all(avroFile(t, codec), "x.avro")
		if err != nil || len(got) != 3 {
			t.Fatalf("%s: %q, %v", codec, got, err)
		}
		row := strings.ReplaceAll(got[0], "\uFFFDPNG\uFFFD\uFFFD\\u0000", `\u0089PNG`) // bytes, repaired as text
		if row != first {
			t.Errorf("%s: %s, want %s", codec, row, first)
		}
	}
}

// TestAvroDamage: a file has no mark of its end, so that a prefix of whole blocks is read; no
// other is, and a changed bit adds no row.
func TestAvroDamage(t *testing.T) {
	for _, codec := range avroFiles {
		data := avroFile(t, codec)
		whole, err := all(data, "x.avro")
		if err != nil {
			t.Fatal(err)
		}
		sync, step := data[len(data)-avroSync:], 1
		if testing.Short() {
			step = 41
		}
		for n := 0; n < len(data); n += (step + 7) / 8 {
			if got, err := all(data[:n], "x.avro"); err == nil && !bytes.HasSuffix(data[:n], sync) {
				t.Errorf("%s: %d of %d bytes are read as %q", codec, n, len(data), got)
			}
		}
		bad := bytes.Clone(data)
		for bit := 0; bit < 8*len(data); bit += step {
			bad[bit/8] ^= 1 << (bit % 8)
			got, err := all(bad, "x.avro")
			if err == nil && len(got) != len(whole) {
				t.Errorf("%s: bit %d: %q", codec, bit, got)
			}
			if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTooLong) && !errors.Is(err, ErrUnsupported) {
				t.Errorf("%s: bit %d: %v is of no class", codec, bit, err)
			}
			bad[bit/8] ^= 1 << (bit % 8)
		}
	}
}

// avroOf returns a file of one block of that many rows.
func avroOf(schema, codec string, rows int64, block []byte) []byte {
	text := func(b []byte, s string) []byte { return append(binary.AppendVarint(b, int64(len(s))), s...) }
	b := binary.AppendVarint([]byte(avroMagic), 2)
	for _, s := range []string{"avro.schema", schema, "avro.codec", codec} {
		b = text(b, s)
	}
	sync := strings.Repeat("s", avroSync)
	b = append(append(b, 0), sync...)
	b = binary.AppendVarint(b, rows)
	return append(text(b, string(block)), sync...)
}

// Blocks and values that say more than they hold end at a bound, and not after years.
func TestAvroBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: takes seconds")
	}
	var packed bytes.Buffer
	z, err := flate.NewWriter(&packed, 9)
	if err != nil {
		t.Fatal(err)
	}
	z.Write(make([]byte, 16<<20))
	z.Close()
	long := func(n ...int64) (b []byte) {
		for _, v := range n {
			b = binary.AppendVarint(b, v)
		}
		return b
	}
	const nulls = `{"type":"record","name":"R","fields":[{"name":"text","type":{"type":"array","items":"null"}}]}`
	const loop = `{"type":"record","name":"R","fields":[{"name":"text","type":"R"}]}`
	const skip = `{"type":"record","name":"R","fields":[{"name":"x","type":{"type":"array","items":{"type":"fixed","name":"F","size":0}}},` +
		`{"name":"text","type":"string"}]}`
	for name, data := range map[string][]byte{
		"a block of zeros":   avroOf(`"string"`, "deflate", 16<<20, packed.Bytes()),
		"an array of nulls":  avroOf(nulls, "null", 1, long(1<<60, 0)),
		"a record in itself": avroOf(loop, "null", 1, []byte{0}),
		"an array skipped":   avroOf(skip, "null", 1, long(1<<60, 0, 0)),
		"rows of no bytes":   avroOf(`"null"`, "null", 1<<60, nil),
		"a text too long":    avroOf(`"string"`, "null", 1, long(1<<60)),
	} {
		got, err := allWith(data, Options{Name: "x.avro", MaxRow: 1 << 20, Want: WantNames("text")})
		if !errors.Is(err, ErrTooLong) && !errors.Is(err, ErrCorrupt) || len(got) > 0 {
			t.Errorf("%s: %d rows, %v", name, len(got), err)
		}
	}
}

// Schemas as writers have them that are not strict.
func TestAvroSchemas(t *testing.T) {
	text := append(binary.AppendVarint(nil, 3), "abc"...)
	for schema, want := range map[string]string{
		`"string"`:          `{"text":"abc"}`,
		`{"type":"string"}`: `{"text":"abc"}`,
		`{"type":{"type":"string","avro.java.string":"String"}}`:                                     `{"text":"abc"}`,
		`{"type":"record","name":"my-row","fields":[{"name":"the text","type":"string"}]}`:           `{"the text":"abc"}`,
		`{"type":"record","name":"a.b.R","fields":[{"name":"text","type":"string","default":null}]}`: `{"text":"abc"}`,
		`{"type":"string","logicalType":"uuid"}`:                                                     `{"text":"abc"}`,
	} {
		got, err := all(avroOf(schema, "null", 1, text), "x.avro")
		if err != nil || strings.Join(got, "") != want {
			t.Errorf("%s: %q, %v; want %s", schema, got, err, want)
		}
	}
	for _, schema := range []string{"", "{", `"R"`, `7`, `{"type":"record","fields":[{}]}`, `{"type":"fixed"}`, `[["x"]]`} {
		if got, err := all(avroOf(schema, "null", 1, text), "x.avro"); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %q, %v", schema, got, err)
		}
	}
	if _, err := all(avroOf(`"string"`, "lz4", 1, text), "x.avro"); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
}
