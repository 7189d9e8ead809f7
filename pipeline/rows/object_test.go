package rows

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// What is a value here is one for encoding/json, and the other way round, but for the
// numbers that Python writes and are none.
func checkValue(t *testing.T, b []byte) {
	t.Helper()
	end, err := new(Scanner).checkValue(b, 0, 0)
	ok := err == nil && space(b, end) == len(b)
	if want := json.Valid(b); ok != want && !bytes.ContainsAny(b, "NI") {
		t.Errorf("%q: valid %v, and for encoding/json %v (%v)", b, ok, want, err)
	}
	// Read piece by piece it is the same.
	d := NewDoc(bufio.NewReaderSize(bytes.NewReader(b), 16), 1<<20)
	raw, err := d.Raw()
	if err == nil {
		raw = bytes.Clone(raw)
		err = d.End()
	}
	if (err == nil) != ok {
		t.Errorf("%q: valid %v, and piece by piece %v", b, ok, err)
	}
	if ok && string(raw) != string(bytes.Trim(b, " \t\r\n")) {
		t.Errorf("%q: piece by piece %q", b, raw)
	}
	// An object's members are those of encoding/json.
	var p Cutter
	r, err := p.Object(b)
	var want map[string]json.RawMessage
	if err == nil && json.Unmarshal(b, &want) == nil {
		if len(want) != len(r) {
			t.Errorf("%q: %d members, want %d", b, len(r), len(want))
		}
		for _, f := range r {
			if string(want[f.Key]) != string(f.Raw) {
				t.Errorf("%q: member %q is %q, want %q", b, f.Key, f.Raw, want[f.Key])
			}
			var s string
			if got, ok := Text(f.Raw); ok && (json.Unmarshal(f.Raw, &s) != nil || s != got) {
				t.Errorf("%q: %q, want %q", b, got, s)
			}
		}
	}
	if items, ok := Elements(b); ok {
		var want []json.RawMessage
		if json.Unmarshal(b, &want) == nil && len(want) != len(items) {
			t.Errorf("%q: %d elements, want %d", b, len(items), len(want))
		}
	}
}

var jsonSeeds = strings.Split(`{}|[]|0|-0|-|01|1.|1.5e+3|1e|.5|"a\u00e9\n"|"\ud800"|"\x"|"\u12"|tru|true|null|nul|{"a":1,"b":[1,{"c":"}"}]}|{"a":1,}|{"a"}|[1,]|[1 2]|{"a":1}{}| {"a" : "b"} |{"\u0061":1,"b":"\\\""}|"`+"\t"+`"|[[[]]]|{"a":[}|]|}|`+"\"\xff\"", "|")

func TestValue(t *testing.T) {
	for _, s := range jsonSeeds {
		checkValue(t, []byte(s))
	}
	for _, s := range []string{"NaN", "[NaN,-Infinity,Infinity]", `{"a":NaN}`} {
		if end, err := new(Scanner).checkValue([]byte(s), 0, 0); err != nil || end != len(s) {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{"NaNa", "-Inf", "[NaN", "Nan", "+Infinity"} {
		if end, err := new(Scanner).checkValue([]byte(s), 0, 0); err == nil && end == len(s) {
			t.Errorf("%s is taken for a value", s)
		}
	}
	if _, err := new(Scanner).checkValue([]byte(strings.Repeat("[", 1<<20)), 0, 0); err == nil {
		t.Error("a million brackets are a value")
	}
}

// All texts of up to five characters of an alphabet that has every kind of token.
func TestValueExhaustively(t *testing.T) {
	const alphabet = `{}[]",:\-0.eu 1`
	var walk func(b []byte)
	walk = func(b []byte) {
		checkValue(t, b)
		if len(b) < 4 {
			for i := range len(alphabet) {
				walk(append(b[:len(b):len(b)], alphabet[i]))
			}
		}
	}
	walk(nil)
}

func FuzzValue(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(checkValue)
}
