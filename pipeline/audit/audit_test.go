package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"swab/ngram"
	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"

	"github.com/zeebo/xxh3"
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
			Name: "b<&>", Preset: "p",
			Files: []BenchmarkFile{{"b/test.jsonl", "test", "00ff", 2, benchmark.Reading{Fields: "question=q,id=n"}}}, Items: 2, Warnings: []string{"id 1 twice"},
		}},
		Shards: []ledger.Entry{
			{Name: "a.jsonl.zst", Size: 10, Digest: "aa", Format: "jsonl", Compression: "zstd", Rows: 5, Documents: 3, TextBytes: 99,
				Skipped: map[string]int64{"not_json": 2}, Repaired: map[string]int64{"utf8": 1},
				FirstBad: []ledger.BadRow{{Row: 4, Kind: "not_json", Detail: "offset 3"}}},
			{Name: "b.jsonl.gz", Size: 11, Digest: "bb", Format: "jsonl", Compression: "gzip", Rows: 1, Documents: 0,
				Skipped: map[string]int64{"not_json": 1}, Error: "byte 7: unexpected end"},
		},
	}
	a.Totals = ledger.Sum(a.Shards)
	a.Files = []FileDigest{{"evidence.parquet", 12, strings.Repeat("0f", 16)}, {"verdicts.parquet", 0, strings.Repeat("a1", 16)}}
	return a
}

func write(t *testing.T, a *Audit) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, Write(&b, a))
	return b.Bytes()
}

func TestAuditRoundTrip(t *testing.T) {
	a := sample()
	b := write(t, a)
	got, err := read(b)
	must(t, err)
	if !reflect.DeepEqual(got, a) {
		t.Errorf("read\n%+v, wrote\n%+v", got, a)
	}
	if again := write(t, got); !bytes.Equal(again, b) {
		t.Errorf("second writing differs:\n%s", again)
	}
	want := ledger.Totals{Shards: 2, ShardsFailed: 1, Rows: 6, Documents: 3, TextBytes: 99,
		Skipped: map[string]int64{"not_json": 3}, Repaired: map[string]int64{"utf8": 1}}
	if !reflect.DeepEqual(a.Totals, want) {
		t.Errorf("totals %+v", a.Totals)
	}
	line, body, _ := bytes.Cut(b, []byte("\n"))
	begin := `{"format":"swab audit","version":2,"minor":3,`
	if want := fmt.Sprintf(`%s"xxh3":"%016x"}`, begin, xxh3.HashString(begin+string(body))); string(line) != want ||
		!bytes.HasPrefix(body, []byte("{\n  \"swab\": \"0.1\",\n")) || !bytes.Contains(b, []byte(`"b<&>"`)) {
		t.Errorf("%s", b)
	}
	if empty := write(t, new(Audit)); bytes.Count(empty, []byte("[]")) != 4 {
		t.Errorf("lists of an empty audit: %s", empty)
	}
}

// seal writes the first line anew over a changed body.
func seal(t *testing.T, line, body string) string {
	t.Helper()
	i := strings.Index(line, `"xxh3"`)
	return fmt.Sprintf(`%s"xxh3":"%016x"}`, line[:i], xxh3.HashString(line[:i]+body)) + "\n" + body
}

func TestAuditRefused(t *testing.T) {
	good := string(write(t, sample()))
	line, body, _ := strings.Cut(good, "\n")
	type test struct {
		text string
		want error
	}
	change := func(from, to string) test { // sealed again
		return test{seal(t, line, strings.Replace(body, from, to, 1)), ledger.ErrCorrupt}
	}
	for name, test := range map[string]test{
		"empty":                {"", ledger.ErrCorrupt},
		"null":                 {"null", ledger.ErrCorrupt},
		"other format":         {strings.Replace(good, "swab audit", "swab index", 1), ledger.ErrCorrupt},
		"version":              {strings.Replace(good, `"version":2`, `"version":3`, 1), ledger.ErrVersion},
		"no version":           {strings.Replace(good, `"version":2,`, ``, 1), ledger.ErrVersion},
		"first line":           {strings.Replace(good, `"minor":3`, `"minor": 0`, 1), ledger.ErrCorrupt},
		"minor":                {strings.Replace(good, `"minor":3`, `"minor":-1`, 1), ledger.ErrCorrupt},
		"of the first version": {`{"format": "swab audit", "version": 1, "swab": "0.1", "methods": []}`, ledger.ErrVersion},
		"a changed seed":       {strings.Replace(good, `"seed": 1844`, `"seed": 1845`, 1), ledger.ErrCorrupt},
		"unknown member":       change(`"seed"`, `"sed"`),
		"trailing":             {seal(t, line, body+"{}"), ledger.ErrCorrupt},
		"totals":               change(`"rows": 6`, `"rows": 7`),
		"a count":              change(`"not_json": 2`, `"not_json": 1`),
		"complete":             change(`"complete": false`, `"complete": true`),
		"order of files":       change(`"evidence.parquet"`, `"z"`),
		"files outside":        change(`"evidence.parquet"`, `"../e"`),
	} {
		if test.text == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := read([]byte(test.text)); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
	if _, err := read([]byte(`{"format":"swab audit","version":1}`)); err == nil || !strings.Contains(err.Error(), "run swab scan again") {
		t.Errorf("the first version: %v", err)
	}
	// What another minor version has besides is passed over.
	later := strings.Replace(body, `"seed"`, `"sown": {"by": [1]}, "seed"`, 1)
	for line, want := range map[string]error{
		line: ledger.ErrCorrupt,
		strings.Replace(line, `"minor":3`, `"minor":7,"more":true`, 1): nil,
		strings.Replace(line, `"minor":3`, `"minor":1`, 1):             nil,
	} {
		if got, err := read([]byte(seal(t, line, later))); !errors.Is(err, want) || err == nil && !reflect.DeepEqual(got, sample()) {
			t.Errorf("a new member: %+v, %v, want %v", got, err, want)
		}
	}
	a := sample()
	a.Totals.Documents++
	if err := Write(new(bytes.Buffer), a); !errors.Is(err, ledger.ErrCorrupt) {
		t.Errorf("wrong totals written: %v", err)
	}
}

// Every cut and every flipped bit is refused.
func TestAuditDamaged(t *testing.T) {
	good := write(t, sample())
	for n := range good {
		if _, err := read(good[:n]); !errors.Is(err, ledger.ErrCorrupt) {
			t.Fatalf("prefix of %d bytes: %v", n, err)
		}
	}
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if _, err := read(bad); !errors.Is(err, ledger.ErrCorrupt) && !errors.Is(err, ledger.ErrVersion) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
		}
	}
}

// stands sees to it that what ReadAudit takes can be written and read again.
func stable(t *testing.T, b []byte) {
	t.Helper()
	a, err := read(b)
	if err != nil {
		if !errors.Is(err, ledger.ErrCorrupt) && !errors.Is(err, ledger.ErrVersion) {
			t.Fatalf("error of no kind: %v", err)
		}
		return
	}
	once := write(t, a)
	again, err := read(once)
	if err != nil {
		t.Fatalf("%v, reading what was written of %q", err, b)
	}
	if !bytes.Equal(write(t, again), once) {
		t.Fatalf("not stable: %q", b)
	}
}

func FuzzReadAudit(f *testing.F) {
	var b bytes.Buffer
	if err := Write(&b, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"format":"swab audit","version":1,"shards":null,"totals":{"skipped":{}}}`))
	f.Fuzz(func(t *testing.T, b []byte) { stable(t, b) })
}
