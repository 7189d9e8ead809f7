package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// TestIndent: indent returns what json.Indent does, for every shape of value.
func TestIndent(t *testing.T) {
	for _, v := range []any{
		nil, 1.5, "", `a "quoted" \ text, {with} [brackets]: and <é>`, []int{}, []int{1}, map[string]any{},
		[]any{map[string]any{}, []any{[]any{}}, "}", "]", "\\"},
		map[string]any{`"`: []any{1, "x,y", nil}, "b": map[string]any{"c": "d:e", "f": []string{}}},
		Entry{Name: "a", Skipped: map[string]int64{"not JSON": 2}, FirstBad: []BadRow{{1, "kind", "\x00\u2028"}}},
	} {
		var compact, want bytes.Buffer
		enc := json.NewEncoder(&compact)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		if err := json.Indent(&want, compact.Bytes(), "", "  "); err != nil {
			t.Fatal(err)
		}
		if got := string(indent(compact.Bytes())); got != want.String() {
			t.Errorf("%s\ngot  %q\nwant %q", compact.String(), got, want.String())
		}
	}
}

// TestReadMember: a member is read whatever is before or behind it, and a file that is changed
// anywhere is refused.
func TestReadMember(t *testing.T) {
	f := Format{Name: "test", Version: 3, Minor: 1, Advice: "try"}
	type file struct {
		A []int          `json:"a"`
		B map[string]int `json:"b"`
		C string         `json:"c"`
	}
	var out bytes.Buffer
	if err := f.Write(&out, file{[]int{1, 2}, map[string]int{"x": 1}, "end"}); err != nil {
		t.Fatal(err)
	}
	var a []int
	var c string
	if err := f.ReadMember(out.Bytes(), "a", &a); err != nil || len(a) != 2 || a[1] != 2 {
		t.Error(a, err)
	}
	if err := f.ReadMember(out.Bytes(), "c", &c); err != nil || c != "end" {
		t.Error(c, err)
	}
	if err := f.ReadMember(out.Bytes(), "none", &c); err != nil || c != "end" {
		t.Error(c, err)
	}
	for i := range out.Bytes() {
		changed := bytes.Clone(out.Bytes())
		if changed[i] ^= 1; f.ReadMember(changed, "a", &a) == nil {
			t.Errorf("byte %d changed: %q", i, strings.TrimSpace(string(changed)))
		}
	}
}

// TestObjectChecksum: what WriteObject wrote is the same object with one more member; with a bit
// flipped, or cut anywhere, it is refused or the same.
func TestObjectChecksum(t *testing.T) {
	type object struct {
		Name  string    `json:"name"`
		Value []float64 `json:"value"`
	}
	var b bytes.Buffer
	want := object{"a score", []float64{0.25, 1e9}}
	if err := WriteObject(&b, want); err != nil {
		t.Fatal(err)
	}
	read := func(b []byte) (o object, err error) { return o, errors.Join(json.Unmarshal(b, &o), CheckObject(b)) }
	if got, err := read(b.Bytes()); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, err := read([]byte(`{"name":"a score","value":[0.25,1e9]}`)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("without a checksum: %+v, %v", got, err)
	}
	refused := 0
	try := func(what string, bad []byte) {
		switch got, err := read(bad); {
		case err != nil:
			refused++
		case !reflect.DeepEqual(got, want):
			t.Errorf("%s: read as %+v: %s", what, got, bad)
		}
	}
	for n := range 8 * b.Len() {
		bad := bytes.Clone(b.Bytes())
		bad[n/8] ^= 1 << (n % 8)
		try(fmt.Sprint("bit ", n), bad)
	}
	for n := range b.Len() {
		try(fmt.Sprint("cut at ", n), b.Bytes()[:n])
	}
	if refused < 8*b.Len() {
		t.Errorf("%d of %d refused", refused, 9*b.Len())
	}
}
