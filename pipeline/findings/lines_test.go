package findings

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

var rowSeeds = []string{
	`{"method":"gpt3","benchmark":"gsm8k","split":"test","item":"7","index":7,"digest":"00ff","state":"flagged","score":0.25,"longest":13,"words":52,"matched":13,"documents":2,"parts":["question","answer"],"seen":"input","kind":"","template":0}`,
	`{"method":"gpt3","benchmark":"b","split":"","item":"é","index":0,"digest":"","state":"not_checkable","score":null,"longest":0,"words":3,"matched":0,"documents":0,"parts":[],"seen":"","kind":"","template":1e-3,"chance":2.5E-7,"segments":["a.seg"]}`,
	`{"method":"helm9","item":"a\"b","details":{"fraction":0.5},"score":-0.0}`,
	`{"Method":"x","METHOD":"y","more":[1,{}],"index":null}`,
	`{"index":01}`, `{"index":1.5}`, `{"score":1.}`, `{"score":0x1p-2}`, `{"score":1e999}`, `{"score":-}`, `{"parts":["a",]}`, `{"parts":null}`, `{"parts":["a"],"parts":[]}`,
	`{"score":1,"score":null}`, `{"item":"` + "\xff" + `"}`, `{"item":"` + "\x01" + `"}`, `{"item":"x"`, `{"item":"x"}}`, `{}`, `[]`, ``, `{"item" : "x"}`, `{,}`, `{"item":"x",}`,
}

// TestSimple: rows as they are written are read without encoding/json.
func TestSimple(t *testing.T) {
	for i, line := range rowSeeds {
		if got := simple([]byte(line), new(Verdict), interned{}); got != (i < 2 || line == `{}` || strings.HasPrefix(line, `{"score":1,`) || strings.HasPrefix(line, `{"parts":["a"],"p`)) {
			t.Errorf("%s: %v", line, got)
		}
	}
}

// FuzzSimple: what is read without encoding/json is what it reads.
func FuzzSimple(f *testing.F) {
	for _, line := range rowSeeds {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var got, want Verdict
		if !simple(line, &got, interned{}) {
			return
		}
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", line, got, want)
		}
	})
}
