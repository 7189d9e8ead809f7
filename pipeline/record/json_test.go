package record

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	kinds "swab/pipeline/rows"
	"testing"
)

// reference says with encoding/json what a line's text and id are.
func reference(line []byte, textPath, idPath string) (kind Kind, text, id string) {
	line = withoutNaN.ReplaceAllFunc(line, func(b []byte) []byte {
		if b[0] == '"' {
			return b
		}
		return []byte(" null ")
	})
	if !json.Valid(line) {
		return kinds.NotJSON, "", ""
	}
	if t := bytes.TrimLeft(line, " \t\r\n"); t[0] == '"' { // a text alone is read as one field
		line = []byte(`{"text":` + string(line) + "}")
	} else if t[0] != '{' {
		return kinds.NotObject, "", ""
	}
	raw := walk(line, strings.Split(idPath, "."))
	switch {
	case raw == nil:
	case raw[0] == '"':
		if err := json.Unmarshal(raw, &id); err != nil {
			panic(err)
		}
	case raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9':
		id = string(raw)
	}
	raw = walk(line, strings.Split(textPath, "."))
	if raw != nil && raw[0] == '[' {
		kind, text, _ := joined(raw)
		return kind, text, id
	}
	switch {
	case raw == nil:
		return kinds.Missing, "", ""
	case string(raw) == "null":
		return kinds.Null, "", ""
	case raw[0] == '{':
		return kinds.NotString, "", ""
	case raw[0] != '"':
		return "", string(raw), id
	}
	if err := json.Unmarshal(raw, &text); err != nil {
		panic(err)
	}
	return "", text, id
}

// withoutNaN finds strings, to be left alone, and the numbers that only Python writes.
var withoutNaN = regexp.MustCompile(`"(?:[^"\\]|\\.)*"?|NaN|-?Infinity`)

// joined is the text of a list.
func joined(raw json.RawMessage) (kind Kind, text, id string) {
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		panic(err)
	}
	var lines []string
	for _, e := range elements {
		switch e[0] {
		case 'n':
		case '{':
			return kinds.NotString, "", ""
		case '[':
			if kind, text, _ := joined(e); kind == kinds.NotString {
				return kind, "", ""
			} else {
				lines = append(lines, text)
			}
		case '"':
			var s string
			if err := json.Unmarshal(e, &s); err != nil {
				panic(err)
			}
			lines = append(lines, s)
		default:
			lines = append(lines, string(e))
		}
	}
	return "", strings.Join(lines, "\n"), ""
}

func walk(raw json.RawMessage, path []string) json.RawMessage {
	for i, key := range path {
		var m map[string]json.RawMessage
		if json.Unmarshal(raw, &m) != nil {
			return nil
		}
		if whole, ok := m[strings.Join(path[i:], ".")]; ok {
			return bytes.TrimSpace(whole)
		}
		var ok bool
		if raw, ok = m[key]; !ok {
			return nil
		}
	}
	return bytes.TrimSpace(raw)
}

// sameAsReference holds one line against encoding/json, in two places of a buffer,
// since what follows a line decides how its end is read.
func sameAsReference(t *testing.T, line []byte, textPath, idPath string) {
	t.Helper()
	if kinds.Blank(line) || bytes.IndexByte(line, '\n') >= 0 {
		return
	}
	kind, text, id := reference(line, textPath, idPath)
	for _, pad := range []string{"", "\n                "} {
		// A row before it: a first line that begins with a bracket is a list's.
		src := append(append([]byte("{}\n"), line...), pad...)
		rows, c, err := collect(t, jsonl(src), Options{TextField: textPath, IDField: idPath, BatchBytes: 64, BatchRows: 2})
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		c.Skipped[kinds.Missing]--
		if kind != "" {
			if len(rows) != 0 || c.Skipped[kind] != 1 || c.Rows != 2 {
				t.Fatalf("%q: %d rows, skipped %v, want %q", line, len(rows), c.Skipped, kind)
			}
			continue
		}
		if id == "" {
			id = "1"
		}
		if len(rows) != 1 || rows[0] != (row{id, text, 1}) || len(c.Skipped) != 1 {
			t.Fatalf("%q: %q %v, want %q %q", line, rows, c.Skipped, id, text)
		}
	}
}

// jsonSeeds are lines of which each shows one thing.
var jsonSeeds = []string{
	`{"text":"plain","id":"x"}`, `{"text":"a\n\"b\"\\\/\b\f\r\tz"}`, ` { "text" : "x" , "id" : -1.5e+10 } ` + "\r",
	`{"text":"\u00e9\u4e2d\ud83d\ude00"}`, `{"text":"\ud83d"}`, `{"text":"\ud83dx\ude00"}`, `{"text":"\ud83d\ud83d\ude00"}`, `{"text":"\ud83d\u0041"}`,
	`{"text":"\u0000"}`, `{"text":"a` + "\x00" + `"}`, `{"text":"a` + "\x1f" + `"}`, `{"text":"a` + "\x7f" + `"}`, `{"text":"` + "\xff\xfe\xe4\xbd" + `"}`, `{"text":"é中😀"}`, `{"text":"\u12"}`, `{"text":"\u12g4"}`, `{"text":"\x"}`, `{"text":"\`,
	`{"te\u0078t":"x"}`, `{"Text":"x"}`, `{"text":"a","text":"b"}`, `{"text":"a","text":1}`, `{"text":1,"text":"b"}`, `{"text":"a","text":null}`, `{"text":"\ud800","text":"b"}`, `{"id":"a","text":"t","id":null}`,
	`{"a":{"b":"x"}}`, `{"a":{"b":"x"},"a":1}`, `{"a":{"b":"x"},"a":{"c":1}}`, `{"a":{"b":"x","b":"y"}}`, `{"a.b":"x"}`, `{"a":[{"b":"x"}]}`, `{"a":{"b":{"c":"x"}}}`, `{"a":null}`, `{"a":"s"}`, `{"a":{"b":"x","id":7}}`,
	`{}`, `[]`, `[1,2]`, `1`, `"text"`, `null`, `true`, `{"text":null}`, `{"text":1}`, `{"text":["x"]}`, `{"text":{"text":"x"}}`, `{"text":true}`, `{"text":""}`, `{"text":"x","id":""}`,
	`{"text":"x"`, `{"text":"x`, `{"text"`, `{`, `{"text":"x"}}`, `{"text":"x"},`, `{"text":"x",}`, `{,"text":"x"}`, `{"text" "x"}`, `{'text':'x'}`, `{"text":x}`, `{"text":}`, `{text:"x"}`, `{"a":1 "text":"x"}`,
	`{"n":01,"text":"x"}`, `{"n":-,"text":"x"}`, `{"n":1.,"text":"x"}`, `{"n":.1,"text":"x"}`, `{"n":1e,"text":"x"}`, `{"n":1e+,"text":"x"}`, `{"n":+1,"text":"x"}`, `{"n":-0.0E-0,"text":"x"}`, `{"n":tru,"text":"x"}`, `{"n":nulll,"text":"x"}`, `{"n":NaN,"text":"x"}`,
	`{"n":[1,[2,{}],[]],"m":{"o":[{}]},"text":"x"}`, `{"n":[1,],"text":"x"}`, `{"n":[,1],"text":"x"}`, `{"n":[1 2],"text":"x"}`, `{"n":[1}],"text":"x"}`,
	"{\"text\":\"x\"}\v", "\u00a0{}", "{\"\xff\":1,\"text\":\"x\"}", "{\"te\xfft\":\"x\"}", `{"te\ud800t":"x"}`, "{\"te\uFFFDt\":\"x\"}",
}

var paths = [][2]string{{"text", "id"}, {"a.b", "a.id"}, {"a", "a.b"}, {"text", "text"}, {"te\uFFFDt", "id"}, {"a.b.c", "a.b"}}

// TestScannerSeeds: the scanner takes and gives what encoding/json does.
func TestScannerSeeds(t *testing.T) {
	for _, line := range jsonSeeds {
		for _, p := range paths {
			sameAsReference(t, []byte(line), p[0], p[1])
			// Every cut and every place of the specials within eight bytes.
			for n := range len(line) {
				sameAsReference(t, []byte(line[:n]), p[0], p[1])
			}
			for n := range 9 {
				sameAsReference(t, []byte(strings.Repeat(" ", n)+strings.Replace(line, `:"`, `:"`+strings.Repeat("p", n), 1)), p[0], p[1])
			}
		}
	}
}

// TestScannerBytes: every byte, alone and after each of a few others, in a string,
// in an escape and between values.
func TestScannerBytes(t *testing.T) {
	befores := []string{"", "\\", "\xc3", "\xe2\x82", "0", "\""}
	if testing.Short() {
		befores = befores[:2]
	}
	for _, frame := range []string{`{"text":"%s"}`, `{"text":"abcdefg%sh"}`, `{"text":"\%s"}`, `{"text":"\u00%s"}`, `{%s"text":"x"}`, `{"text":%s}`, `{"n":1%s,"text":"x"}`, `{"%s":"x","text":"y"}`, `{"text":"x"}%s`} {
		for c := range 256 {
			for _, before := range befores {
				sameAsReference(t, fmt.Appendf(nil, frame, before+string([]byte{byte(c)})), "text", "id")
			}
		}
	}
}

// TestScannerNesting: nesting is bounded where encoding/json bounds it.
func TestScannerNesting(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make check runs it")
	}
	for _, n := range []int{10000 - 2, 10000 - 1, 10000, 10000 + 1, 1 << 20} {
		for _, b := range []string{"[]", "{}"} {
			open, close := b[:1], b[1:]
			if b == "{}" {
				open = `{"a":`
			}
			deep := strings.Repeat(open, n) + "1" + strings.Repeat(close, n)
			sameAsReference(t, []byte(`{"text":"x","n":`+deep+`}`), "text", "id")
			sameAsReference(t, []byte(deep), "text", "id")
			sameAsReference(t, []byte(strings.Repeat(open, n)), "text", "id")
		}
	}
}

// TestScannerMutated: random cuts, flips and joins of the seeds.
func TestScannerMutated(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	n := 30_000
	if testing.Short() {
		n = 5_000
	}
	for range n {
		line := []byte(jsonSeeds[r.IntN(len(jsonSeeds))])
		for range 1 + r.IntN(3) {
			other := jsonSeeds[r.IntN(len(jsonSeeds))]
			i := r.IntN(len(line) + 1)
			switch r.IntN(4) {
			case 0:
				if i < len(line) {
					line[i] ^= 1 << r.IntN(8)
				}
			case 1:
				line = append(line[:i:i], other[r.IntN(len(other)+1):]...)
			case 2:
				line = append(append(line[:i:i], `{}[],:"\u0en. d8`[r.IntN(16)]), line[i:]...)
			case 3:
				line = append(line[:i:i], line[min(len(line), i+1):]...)
			}
		}
		p := paths[r.IntN(len(paths))]
		sameAsReference(t, line, p[0], p[1])
	}
}

func FuzzScanner(f *testing.F) {
	for _, line := range jsonSeeds {
		f.Add([]byte(line), "text", "id")
	}
	for _, p := range paths {
		f.Add([]byte(`{"a":{"b":"x","id":1},"text":"y"}`), p[0], p[1])
	}
	f.Fuzz(func(t *testing.T, line []byte, text, id string) {
		if !json.Valid([]byte(`"` + strings.NewReplacer(`\`, "", `"`, "").Replace(text+id) + `"`)) {
			return
		}
		// Empty paths mean the defaults.
		sameAsReference(t, line, cmp.Or(text, "text"), cmp.Or(id, "id"))
	})
}
