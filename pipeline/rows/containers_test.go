package rows

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/pierrec/lz4/v4"
)

// all reads all rows of a file in memory, as JSON; the error is nil at the end.
func all(data []byte, name string) (out []string, err error) {
	return allWith(data, Options{Name: name, MaxRow: 1 << 20})
}

// allWith is all with other options.
func allWith(data []byte, o Options) (out []string, err error) {
	format, _, _ := Formats.TypeOf(o.Name)
	r, err := Open(context.Background(), memorySource{bytes.NewReader(data)}, format, o)
	var rec Record
	for err == nil {
		if err = r.Next(&rec); err == nil {
			out = append(out, string(rec.AppendJSON(nil)))
		}
	}
	if err == io.EOF {
		err = nil
	}
	return out, err
}

// TestArchiveDamage: tar and WARC have no checksums of what they hold, so a changed bit may
// change a text.
func TestArchiveDamage(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	page := "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: a\r\nContent-Length: 5\r\n\r\nwords\r\n\r\n"
	for _, name := range []string{"a.txt", "b.json", "c.jsonl"} {
		data := `{"text":"words"}`
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, data)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"x.tar": b.Bytes(), "x.warc": []byte(strings.Repeat(page, 3))} {
		whole, err := all(data, name)
		if err != nil || len(whole) != 3 || !strings.Contains(whole[0], "words") {
			t.Fatalf("%s: %q, %v", name, whole, err)
		}
		for n := range data {
			got, err := all(data[:n], name)
			if err == nil && (name == "x.tar" || n%len(page) != 0) { // between records is no damage that shows
				t.Errorf("%s: %d of %d bytes are read as %q", name, n, len(data), got)
			}
		}
		bad := bytes.Clone(data)
		step := 1
		if testing.Short() {
			step = 13
		}
		for bit := 0; bit < 8*len(data); bit += step {
			bad[bit/8] ^= 1 << (bit % 8)
			got, err := all(bad, name)
			if len(got) > len(whole) {
				t.Errorf("%s: bit %d: %q", name, bit, got)
			}
			known := false
			for _, class := range []error{nil, ErrCorrupt, ErrTooLong, ErrUnsupported, ErrJSON, ErrRagged} {
				known = known || errors.Is(err, class)
			}
			if !known {
				t.Errorf("%s: bit %d: %v is of no class", name, bit, err)
			}
			bad[bit/8] ^= 1 << (bit % 8)
		}
	}
}

// TestTarSamples: the metadata beside a text of the same sample says so, wherever it is in the
// archive, and other members of JSON do not.
func TestTarSamples(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range []string{
		"d/1.json", "d/1.png", "d/1.txt", "d/2.txt", "d/2.cls", "d/2.json", "d/3.json", "d/4.txt", "e/4.json", "5.meta.json", "5.txt.png",
	} {
		data := "a text"
		if strings.HasSuffix(name, ".json") {
			data = `{"name":"` + name + `"}`
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, data)
	}
	w.Close()
	f, _, _ := Formats.TypeOf("x.tar")
	r, err := Open(context.Background(), memorySource{bytes.NewReader(b.Bytes())}, f, Options{Name: "x.tar", MaxRow: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var rec Record
	for err = r.Next(&rec); err == nil; err = r.Next(&rec) {
		object, side := rec.Member()
		got = append(got, fmt.Sprint(string(rec.AppendJSON(nil)), object != nil, side))
	}
	want := []string{
		`{"name":"d/1.json"}true true`, `{"text":"a text","id":"d/1"}false false`, `{"text":"a text","id":"d/2"}false false`,
		`{"name":"d/2.json"}true true`, `{"name":"d/3.json"}true false`, `{"text":"a text","id":"d/4"}false false`,
		`{"name":"e/4.json"}true false`, `{"name":"5.meta.json"}true false`,
	}
	if err != io.EOF || !slices.Equal(got, want) {
		t.Errorf("%v\n%s", err, strings.Join(got, "\n"))
	}
}

// TestShapesDamage: of JSON that is one value around its rows no part is taken for the whole,
// and of any text a changed bit ends without a panic, in an error of a class or in rows of
// which there are no more than it has bytes.
func TestShapesDamage(t *testing.T) {
	for data, name := range map[string]string{
		`[{"text":"a\u00e9"}, {"text":"b","id":1.5e3}]`:      "list.json",
		`{"data":[{"text":"a"},{"text":"b\n"}],"v":1}`:       "wrapped.json",
		`{"text":{"0":"a","1":"b"},"id":{"0":1,"1":2}}`:      "columns.json",
		`{"a":{"text":"a","n":NaN},"b":{"text":"b","n":[]}}`: "members.json",
		"id,text\n1,\"a \"\"quoted\"\" b\"\n2,\"c\nd\"\n":    "table.csv",
		"id\ttext\n1\ta\n2\tb\n":                             "table.tab",
		"{\"text\":\"a\"}\n{\"text\":\"b\"}\n":               "lines.ldjson",
	} {
		whole, err := all([]byte(data), name)
		if err != nil || len(whole) != 2 {
			t.Fatalf("%s: %q, %v", name, whole, err)
		}
		for n := range len(data) {
			got, err := all([]byte(data[:n]), name)
			if n > 0 && err == nil && strings.HasSuffix(name, ".json") {
				t.Errorf("%s: %d of %d bytes are read as %q", name, n, len(data), got)
			}
		}
		bad := []byte(data)
		step := 1
		if testing.Short() {
			step = 13
		}
		for bit := 0; bit < 8*len(bad); bit += step {
			bad[bit/8] ^= 1 << (bit % 8)
			got, err := all(bad, name)
			known := false
			for _, class := range []error{nil, ErrCorrupt, ErrTooLong, ErrUnsupported, ErrJSON, ErrRagged} {
				if errors.Is(err, class) && len(got) <= len(data) {
					known = true
				}
			}
			if !known {
				t.Errorf("%s: bit %d: %d rows, %v", name, bit, len(got), err)
			}
			bad[bit/8] ^= 1 << (bit % 8)
		}
	}
}

// Members that say more than a row may have, or that unfold to it, end at the bound.
func TestArchiveBombs(t *testing.T) {
	member := func(name string, data []byte) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: 1 << 40}); err != nil {
			t.Fatal(err)
		}
		w.Write(data)
		return b.Bytes()
	}
	long := append([]byte(`{"text":"`), bytes.Repeat([]byte("x"), 2<<20)...)
	for name, data := range map[string][]byte{
		"a JSON of a terabyte": member("a.json", nil),
		"a text of a terabyte": member("a.txt", nil),
		"a line too long":      member("a.jsonl", long),
		"a table too long":     member("a.csv", long),
	} {
		if got, err := all(data, "x.tar"); !errors.Is(err, ErrTooLong) || len(got) > 0 {
			t.Errorf("%s: %d rows, %v", name, len(got), err)
		}
	}
}

// Pages as the web has them.
func TestHTMLText(t *testing.T) {
	for page, want := range map[string]string{
		"<html><head><title>A &amp; B</title><script>if (a<b) x()</script></head><body><p>one <b>t</b>wo<p>three<br>four": "A & B\none two\nthree\nfour",
		"no markup at all": "no markup at all", "<style>p{}</style>": "", "<!-- not shown -->shown<svg/>": "shown",
		"<noscript><img></noscript><td>a<td>b": "a\nb", "a < b and <": "a < b and <", "<p": "",
	} {
		if got := string(htmlText(strings.NewReader(page))); got != want {
			t.Errorf("%q: %q, want %q", page, got, want)
		}
	}
}

// Responses as crawlers store them.
func TestWARCResponses(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, "<p>packed")
	z.Close()
	const type1 = "Content-Type: text/html\r\n"
	for head, want := range map[string]string{
		type1 + "\r\n<p>plain": `{"text":"plain","id":"u"}`,
		type1 + "Content-Length: 3\r\n\r\n<p>longer than it says":                    `{"text":"longer than it says","id":"u"}`,
		type1 + "Transfer-Encoding: chunked\r\n\r\n3\r\n<p>\r\n2\r\nok\r\n0\r\n\r\n": `{"text":"ok","id":"u"}`,
		type1 + "Transfer-Encoding: chunked\r\n\r\n<p>no chunks":                     `{"text":"no chunks","id":"u"}`,
		type1 + "Content-Encoding: gzip\r\n\r\n" + packed.String():                   `{"text":"packed","id":"u"}`,
		type1 + "Content-Encoding: gzip\r\n\r\n<p>not packed":                        `{"text":"not packed","id":"u"}`,
		type1 + "Content-Encoding: br\r\n\r\nxx":                                     `{"text":null,"id":"u"}`,
		"Content-Type: text/html; charset=latin1\r\n\r\n<p>caf\xe9":                  `{"text":"café","id":"u"}`,
		"Content-Type: text/plain\r\n\r\n<p>":                                        `{"text":"<p>","id":"u"}`,
		"Content-Type: application/pdf\r\n\r\n%PDF":                                  `{"text":null,"id":"u"}`,
		"Content-Type: image/png\r\n\r\nx":                                           "", type1 + "\r\n": "",
	} {
		block := "HTTP/1.1 200 OK\r\n" + head
		data := fmt.Sprintf("WARC/1.1\r\nwarc-type: response\r\nWARC-Target-URI: <u>\r\nContent-Type: application/http\r\n"+
			"Content-Length: %d\r\n\r\n%s\r\n\r\n", len(block), block)
		got, err := all([]byte(data), "x.warc")
		if err != nil || strings.Join(got, "") != want {
			t.Errorf("%q: %q, %v; want %s", head, got, err, want)
		}
	}
	bomb := new(bytes.Buffer)
	z.Reset(bomb)
	z.Write(make([]byte, 4<<20))
	z.Close()
	block := "HTTP/1.1 200 OK\r\n" + type1 + "Content-Encoding: gzip\r\n\r\n" + bomb.String()
	data := fmt.Sprintf("WARC/1.1\r\nWARC-Type: response\r\nContent-Type: application/http\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n", len(block), block)
	for _, data := range []string{data, "WARC/1.0\r\n" + strings.Repeat("a: b\r\n", 1<<19), "WARC/1.0\r\n" + strings.Repeat("a", 1<<17)} {
		if got, err := all([]byte(data), "x.warc"); !errors.Is(err, ErrTooLong) {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// Tables as Python's csv module reads them; the rows are its.
func TestPythonTables(t *testing.T) {
	for data, want := range map[string]string{
		"a,b\n1,5\" disk\n":              `{"a":"1","b":"5\" disk"}`,
		"a,b\n1,\"x\"y\n":                `{"a":"1","b":"xy"}`,
		"a,b\n1,\"x\" \"y\"\n":           `{"a":"1","b":"x \"y\""}`,
		"a,b\n\"no \\\"yes\\\".\",2\n":   `{"a":"no \\yes\\\".\"","b":"2"}`,
		"a,b\n1,\"x\"\"y\"\n":            `{"a":"1","b":"x\"y"}`,
		"sep=;\na;b\n1;2,3\n":            `{"a":"1","b":"2,3"}`,
		"a,b\n1,2\n,\n\n,,\r\n":          `{"a":"1","b":"2"}`,
		"a,b\n,\n1,2\n":                  `{"a":null,"b":null}{"a":"1","b":"2"}`,
		"sep,b\n1,2":                     `{"sep":"1","b":"2"}`,
		"a,b\n1,\"x\ny\"z\n2,\"\"\"\"\n": `{"a":"1","b":"x\u000ayz"}{"a":"2","b":"\""}`,
	} {
		got, err := all([]byte(data), "x.csv")
		if err != nil || strings.Join(got, "") != want {
			t.Errorf("%q: %s, %v; want %s", data, strings.Join(got, ""), err, want)
		}
	}
}

// mdsFile returns an MDS shard of columns with texts, numbers and JSON, and one beside them.
func mdsFile() []byte {
	config := `{"column_encodings":["str","jpeg","json","int","str"],"column_names":["id","image","meta","score","text"],` +
		`"column_sizes":[null,null,null,8,null],"compression":null,"format":"mds","hashes":[],"size_limit":1024,"version":2}`
	var samples [][]byte
	for i, w := range []string{"r1: The ferry leaves at nine.", "r2: Two lamps, one switch; which?", "r3: A mill grinds “fine” flour."} {
		id, words, _ := strings.Cut(w, ": ")
		var sizes, values []byte
		for _, v := range []string{id, "\xff\xd8", `{"n":[1,{"m":"x"}]}`, "", words} {
			if v == "" {
				values = binary.LittleEndian.AppendUint64(values, uint64(1-i%2))
				continue
			}
			sizes, values = binary.LittleEndian.AppendUint32(sizes, uint32(len(v))), append(values, v...)
		}
		samples = append(samples, append(sizes, values...))
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(samples)))
	at := uint32(4 + 4*(len(samples)+1) + len(config))
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint32(b, at)
		at += uint32(len(s))
	}
	b = append(binary.LittleEndian.AppendUint32(b, at), config...)
	return append(b, bytes.Join(samples, nil)...)
}

// TestMDS: what an MDS shard holds, and that no part of one is taken for the whole.
func TestMDS(t *testing.T) {
	data := mdsFile()
	got, err := all(data, "x.mds")
	if err != nil || len(got) != 3 || got[0] != `{"id":"r1","image":null,"meta":{"n":[1,{"m":"x"}]},"score":1,"text":"The ferry leaves at nine."}` {
		t.Fatalf("%q, %v", got, err)
	}
	damage(t, data, "x.mds")
}

// damage holds that no prefix of a file is read, and that with any bit changed it is
// refused, or read with as many rows.
func damage(t *testing.T, data []byte, name string) {
	t.Helper()
	whole, err := all(data, name)
	if err != nil || len(whole) != 3 {
		t.Fatalf("%s: %q, %v", name, whole, err)
	}
	step := 1
	if testing.Short() {
		step = 41 // a part of all bits, and of all prefixes
	}
	for n := 0; n < len(data); n += (step + 7) / 8 {
		if got, err := all(data[:n], name); err == nil {
			t.Errorf("%s: %d of %d bytes are read as %q", name, n, len(data), got)
		}
	}
	bad := bytes.Clone(data)
	for bit := 0; bit < 8*len(data); bit += step {
		bad[bit/8] ^= 1 << (bit % 8)
		got, err := all(bad, name)
		if err == nil && len(got) != len(whole) {
			t.Errorf("%s: bit %d: %q", name, bit, got)
		}
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTooLong) && !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: bit %d: %v is of no class", name, bit, err)
		}
		bad[bit/8] ^= 1 << (bit % 8)
	}
}

// TestArrowDamage: of files whose footer alone says where the batches are, no prefix is read,
// and with a bit changed no batch is lost.
func TestArrowDamage(t *testing.T) {
	for _, name := range []string{"polars.arrow", "js.arrow"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		damage(t, data, name)
	}
}

func TestLZ4Damage(t *testing.T) {
	files, err := filepath.Glob("testdata/lz4*.parquet")
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		damage(t, data, f)
	}
}

// Hadoop's frames, of one block and of several, and what is none.
func TestUnframeHadoop(t *testing.T) {
	plain := bytes.Repeat([]byte("the same words again, "), 40)
	frame := func(part []byte) []byte {
		block := make([]byte, lz4.CompressBlockBound(len(part)))
		n, err := lz4.CompressBlock(part, block, nil)
		if err != nil {
			t.Fatal(err)
		}
		out := binary.BigEndian.AppendUint32(nil, uint32(len(part)))
		return append(binary.BigEndian.AppendUint32(out, uint32(n)), block[:n]...)
	}
	one, two := frame(plain), append(frame(plain[:500]), frame(plain[500:])...)
	for _, framed := range [][]byte{one, two} {
		got := make([]byte, len(plain))
		if !unframeHadoop(got, framed) || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes are not unframed", len(framed))
		}
		for n := range framed {
			if unframeHadoop(make([]byte, len(plain)), framed[:n]) {
				t.Errorf("%d of %d bytes are taken for whole", n, len(framed))
			}
		}
		for _, n := range []int{0, len(plain) - 1, len(plain) + 1} {
			if unframeHadoop(make([]byte, n), framed) {
				t.Errorf("taken for %d bytes", n)
			}
		}
	}
}
