package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"swab/ngram"
)

func sample() *Audit {
	a := &Audit{
		Swab:      "0.1",
		Recipe:    ngram.Words(8),
		Methods:   []Method{{"gpt3", 1, map[string]any{"n": json.Number("13"), "of": "any"}}},
		Seed:      1<<64 - 1,
		TextField: "text", IDField: "id", TextUnit: "file",
		Limits: map[string]int64{"line_bytes": 1 << 20},
		Benchmarks: []Benchmark{{
			Name: "b<&>", Preset: "p", Mapping: "question=q,id=n",
			Files: []BenchmarkFile{{"b/test.jsonl", "test", "00ff", 2}}, Items: 2, Warnings: []string{"id 1 twice"},
		}},
		Shards: []Entry{
			{Name: "a.jsonl.zst", Size: 10, Digest: "aa", Format: "jsonl", Compression: "zstd", Rows: 5, Documents: 3, TextBytes: 99,
				Skipped: map[string]int64{"not_json": 2}, Repaired: map[string]int64{"utf8": 1},
				FirstBad: []BadRow{{4, "not_json", "offset 3"}}},
			{Name: "b.jsonl.gz", Size: 11, Digest: "bb", Format: "jsonl", Compression: "gzip", Rows: 1, Documents: 0,
				Skipped: map[string]int64{"not_json": 1}, Error: "byte 7: unexpected end"},
		},
	}
	a.Totals = Sum(a.Shards)
	return a
}

func write(t *testing.T, a *Audit) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, WriteAudit(&b, a))
	return b.Bytes()
}

func TestAuditRoundTrip(t *testing.T) {
	a := sample()
	b := write(t, a)
	got, err := ReadAudit(bytes.NewReader(b))
	must(t, err)
	if !reflect.DeepEqual(got, a) {
		t.Errorf("read\n%+v, wrote\n%+v", got, a)
	}
	if again := write(t, got); !bytes.Equal(again, b) {
		t.Errorf("second writing differs:\n%s", again)
	}
	want := Totals{2, 1, 6, 3, 99, map[string]int64{"not_json": 3}, map[string]int64{"utf8": 1}}
	if !reflect.DeepEqual(a.Totals, want) {
		t.Errorf("totals %+v", a.Totals)
	}
	if !bytes.HasPrefix(b, []byte("{\n  \"format\": \"swab audit\",\n  \"version\": 1,\n  \"swab\": \"0.1\",\n")) ||
		!bytes.Contains(b, []byte(`"b<&>"`)) || !bytes.HasSuffix(b, []byte("\"complete\": false\n}\n")) {
		t.Errorf("%s", b)
	}
	if empty := write(t, new(Audit)); bytes.Count(empty, []byte("[]")) != 3 {
		t.Errorf("lists of an empty audit: %s", empty)
	}
}

func TestAuditRefused(t *testing.T) {
	good := string(write(t, sample()))
	for name, test := range map[string]struct {
		text string
		want error
	}{
		"empty":         {"", ErrCorrupt},
		"null":          {"null", ErrCorrupt},
		"other format":  {strings.Replace(good, "swab audit", "swab index", 1), ErrCorrupt},
		"version":       {strings.Replace(good, `"version": 1`, `"version": 2`, 1), ErrVersion},
		"no version":    {strings.Replace(good, `"version": 1,`, ``, 1), ErrVersion},
		"unknown field": {strings.Replace(good, `"seed"`, `"sed"`, 1), ErrCorrupt},
		"trailing":      {good + "{}", ErrCorrupt},
		"totals":        {strings.Replace(good, `"rows": 6`, `"rows": 7`, 1), ErrCorrupt},
		"a count":       {strings.Replace(good, `"not_json": 2`, `"not_json": 1`, 1), ErrCorrupt},
		"complete":      {strings.Replace(good, `"complete": false`, `"complete": true`, 1), ErrCorrupt},
	} {
		if test.text == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := ReadAudit(strings.NewReader(test.text)); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
	a := sample()
	a.Totals.Documents++
	if err := WriteAudit(new(bytes.Buffer), a); !errors.Is(err, ErrCorrupt) {
		t.Errorf("wrong totals written: %v", err)
	}
}

// Every cut is refused. A flipped bit is refused or gives an audit that stands
// by itself: the file has no checksum, since people read and reformat it.
func TestAuditDamaged(t *testing.T) {
	good := write(t, sample())
	for n := range len(good) - 1 { // the last byte is a newline
		if _, err := ReadAudit(bytes.NewReader(good[:n])); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("prefix of %d bytes: %v", n, err)
		}
	}
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			stands(t, bad)
		}
	}
}

// stands sees to it that what ReadAudit takes can be written and read again.
func stands(t *testing.T, b []byte) {
	t.Helper()
	a, err := ReadAudit(bytes.NewReader(b))
	if err != nil {
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Fatalf("error of no kind: %v", err)
		}
		return
	}
	once := write(t, a)
	again, err := ReadAudit(bytes.NewReader(once))
	if err != nil {
		t.Fatalf("%v, reading what was written of %q", err, b)
	}
	if !bytes.Equal(write(t, again), once) {
		t.Fatalf("not stable: %q", b)
	}
}

func FuzzReadAudit(f *testing.F) {
	var b bytes.Buffer
	if err := WriteAudit(&b, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"format":"swab audit","version":1,"shards":null,"totals":{"skipped":{}}}`))
	f.Fuzz(func(t *testing.T, b []byte) { stands(t, b) })
}
