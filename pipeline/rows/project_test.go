package rows

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"reflect"
	"testing"
)

// texts returns a field of all rows of a file.
func texts(t *testing.T, data []byte, name, written string) (got []string, err error) {
	f, err := ParseField(written)
	if err != nil {
		t.Fatal(err)
	}
	format, _, _ := Formats.TypeOf(name)
	r, err := Open(context.Background(), memorySource{bytes.NewReader(data)}, format, Options{Name: name, Want: Wanted(f)})
	var rec Record
	for err == nil {
		if err = r.Next(&rec); err == nil {
			var text []byte
			if text, err = rec.AppendText(nil, f, NoObjects); err == nil {
				got = append(got, string(text))
			}
		}
	}
	if err == io.EOF {
		err = nil
	}
	return got, err
}

// TestLeafProjection: of a column only the leaves that a field leads to are read; others are
// encrypted.
func TestLeafProjection(t *testing.T) {
	data, err := os.ReadFile("testdata/encrypted.parquet") // by pyarrow
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"The ferry leaves at nine.", "Two lamps, one switch; which?", "A mill grinds “fine” flour."}
	for _, field := range []string{
		"meta.text", "messages[].content", "messages.0.content", "messages[0].content", "messages[role=user].content",
		"meta.text+messages[].content", "zz?+meta.text", "id?+meta.text",
	} {
		got, err := texts(t, data, "x.parquet", field)
		expected := want
		switch field {
		case "meta.text+messages[].content":
			expected = []string{want[0] + "\n" + want[0], want[1] + "\n" + want[1], want[2] + "\n" + want[2]}
		case "id?+meta.text":
			expected = []string{"r1\n" + want[0], "r2\n" + want[1], "r3\n" + want[2]}
		}
		if err != nil || !reflect.DeepEqual(got, expected) {
			t.Errorf("%s: %q, %v", field, got, err)
		}
	}
	// What was asked for and is encrypted, or is all of a column, is refused by name.
	for _, field := range []string{
		"meta.secret", "meta.tags", "meta", "messages[].secret", "messages[secret=1].content", "messages", "meta.text.x",
	} {
		if got, err := texts(t, data, "x.parquet", field); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %q, %v", field, got, err)
		}
	}
}
