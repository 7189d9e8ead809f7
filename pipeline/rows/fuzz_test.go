package rows

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// memory is a source of bytes.
type memorySource struct{ *bytes.Reader }

func (m memorySource) ReaderAt() (io.ReaderAt, int64, error) { return m.Reader, m.Size(), nil }

// kindOf returns the kind of FuzzOpen that opens a file as its name says.
func kindOf(name string) byte {
	f, _, _ := Formats.TypeOf(name)
	return byte(6 + slices.Index(Formats, f))
}

// FuzzOpen: whatever a file of any format holds, its rows end without a panic, with an
// error of a class or none, and hold no more than the file can.
func FuzzOpen(f *testing.F) {
	for _, s := range []string{
		"", "{}", "[{\"text\":\"x\"},\n{\"text\":1}]", `{"data":[{"a":1}]}`, `{"text":["a","b"],"id":[1,2]}`, `{"a":{"0":1,"1":NaN}}`, `{"a":1}{"a":2}`,
		"{\n\"a\":1}\n{\"a\":2}", "id;text\n1;\"a;b\"\n2;c\n", "a\tb\n1\t2\n", "PAR1", "ARROW1\x00\x00", "\xff\xff\xff\xff\x10\x00\x00\x00", "\uFEFF{}\r\n\r\n[1]",
		"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\nContent-Length: 19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n<\r\n\r\n",
		"sep=;\na;b\n\"1\"2;\n;;", "a.jsonl" + strings.Repeat("\x00", 250) + "ustar\x0000",
	} {
		for kind := range byte(len(Formats) + 6) {
			f.Add([]byte(s), kind)
		}
	}
	for _, name := range []string{
		"avro-deflate.avro", "avro-null.avro", "avro-xz.avro", "checksums.parquet", "lz4.parquet", "lz4raw-2.parquet", "js.arrow", "polars.arrow",
	} {
		name = filepath.Join("testdata", name)
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, kindOf(name))
	}
	f.Add(mdsFile(), kindOf("x.mds"))
	f.Fuzz(func(t *testing.T, data []byte, kind byte) {
		name := "x" + []string{".jsonl", ".json", ".csv", ".tsv", "", ".txt"}[kind%6]
		format, _, _ := Formats.TypeOf(name)
		if n := int(kind) % (len(Formats) + 6); n >= 6 {
			format = Formats[n-6]
		}
		r, err := Open(context.Background(), memorySource{bytes.NewReader(data)}, format, Options{Name: name, MaxRow: 1 << 16, Lines: kind&1 == 0})
		var rec Record
		rows := 0
		for err == nil {
			if err = r.Next(&rec); err == nil {
				rec.AppendJSON(nil)
				rec.FieldNames()
			}
			if errors.Is(err, ErrJSON) || errors.Is(err, ErrRagged) {
				err = nil
			}
			if rows++; rows > 8*len(data)+1<<17 {
				t.Fatalf("%d rows of %d bytes", rows, len(data))
			}
		}
		if err == io.EOF {
			return
		}
		for _, class := range []error{ErrCorrupt, ErrTooLong, ErrUnsupported, ErrTokens, os.ErrInvalid} {
			if errors.Is(err, class) {
				return
			}
		}
		t.Fatalf("%v is of no class", err)
	})
}

// FuzzField: a field that is taken means the same written again, and finds nothing or
// something in any record without a panic.
func FuzzField(f *testing.F) {
	for _, s := range []string{"text", "a.b", "a[].b", "a.0+b?", `"a.b"+c`, `"a""b"`, "a[x=y].z", "a[", "[]", "a..b", "?", "+", `"`, "a[1][2].b[]"} {
		f.Add(s, `{"a":{"b":[{"c":1},"x"]},"a.b":"y","l":[[1,2],[3]]}`)
	}
	f.Fuzz(func(t *testing.T, written, row string) {
		field, err := ParseField(written)
		if err != nil {
			return
		}
		again, err := ParseField(field.String())
		if err != nil {
			t.Fatalf("%q is taken once: %v", written, err)
		}
		var all, some Record
		if all.ParseJSON([]byte(row), nil) != nil {
			return
		}
		if err := some.ParseJSON([]byte(row), Wanted(field)); err != nil {
			t.Fatalf("%q is read with all fields, not with some: %v", row, err)
		}
		a, errA := all.AppendText(nil, field, NoObjects)
		b, errB := some.AppendText(nil, again, NoObjects)
		if string(a) != string(b) || (errA == nil) != (errB == nil) {
			t.Fatalf("%q of %q: %q, %v; and of the wanted fields %q, %v", written, row, a, errA, b, errB)
		}
		// Where a scanner follows the field it finds the same text.
		if strings.ContainsAny(row, "\n\r") || !all.IsObject() {
			return
		}
		id, _ := ParseField("id")
		j, ok := NewScanner(field, id)
		if !ok {
			return
		}
		kind := j.Scan([]byte(row), make([]byte, 0, len(row)+Slack))
		c, other := all.AppendDocument(nil, field)
		if j.Whole() || kind == NotString {
			return // a Record reads it
		}
		out, m := j.Text()
		if m&MarkUTF8 != 0 {
			out = AppendValid(nil, out)
		}
		if kind != other || kind == "" && string(out) != string(c) {
			t.Fatalf("%q of %q: scanner %q %q, record %q %q", written, row, kind, out, other, c)
		}
	})
}
