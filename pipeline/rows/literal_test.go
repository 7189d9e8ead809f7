package rows

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// choicesOf returns the text of the field of a record as choices.
func choicesOf(t *testing.T, field string, cell string, o Objects) string {
	t.Helper()
	row, err := json.Marshal(map[string]string{"c": cell})
	if err != nil {
		t.Fatal(err)
	}
	var r Record
	if err := r.ParseJSON(row, nil); err != nil {
		t.Fatal(err)
	}
	f, err := ParseField(field)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.AppendText(nil, f, o)
	if err != nil {
		return "error: " + err.Error()
	}
	return string(got)
}

// TestLiteralCells: what Python, pandas and numpy write into one cell is read as the list it was.
func TestLiteralCells(t *testing.T) {
	for _, c := range []struct{ field, cell, want string }{
		{"c", `['the mill', "the miller's rye"]`, "the mill\nthe miller's rye"},
		{"c", `['the miller\'s rye\nand oats', 'caf\xe9', 'na\u00efve']`, "the miller's rye\nand oats\ncafé\nnaïve"},
		{"c", `["caf\u00e9", "\ud83d\ude00"]`, "café\n😀"},
		{"c", "['one' 'two'\n 'three']", "one\ntwo\nthree"},
		{"c", `array(['one', 'two'], dtype=object)`, "one\ntwo"},
		{"c.text", `{'text': array(['one', 'two'], dtype=object), 'label': array(['A', 'B'], dtype=object)}`, "one\ntwo"},
		{"c.text", `{"text": ["one", "two"], "label": ["A", "B"]}`, "one\ntwo"},
		{"c[].text", `[{"text": "one"}, {"text": "two"}]`, "one\ntwo"},
		{"c[role=user].content", `[{'role': 'system', 'content': 'no'}, {'role': 'user', 'content': 'one'}]`, "one"},
		{"c", "A. the mill B. the tower C. the ferry", "the mill\nthe tower\nthe ferry"},
		{"c", "a ) 38 , b ) 27.675 , c ) 30", "38\n27.675\n30"},
		{"c", "(A) the mill\n(B) the tower", "the mill\nthe tower"},
		// None of them is a list of texts.
		{"c", `[1, 2, 3]`, `[1, 2, 3]`},
		{"c", `['one' ... 'two']`, `['one' ... 'two']`},
		{"c", `['one', 'two'`, `['one', 'two'`},
		{"c", `[x for x in 'abc']`, `[x for x in 'abc']`},
		{"c", `[]`, `[]`},
		{"c", "A. Ward, who kept the mill", "A. Ward, who kept the mill"},
		{"c", "both A. and B.", "both A. and B."},
		{"c.text", `{'text': `, `error: field "c.text": missing`},
	} {
		if got := choicesOf(t, c.field, c.cell, WithObjects); got != c.want {
			t.Errorf("%s of %q: got %q, want %q", c.field, c.cell, got, c.want)
		}
	}
	for cell, want := range map[string]string{
		`["caf\u00e9"]`: "café", `['one', 'two']`: `['one', 'two']`, "A. one B. two": "A. one B. two",
	} {
		if got := choicesOf(t, "c", cell, EscapedLists); got != want {
			t.Errorf("answer %q: got %q, want %q", cell, got, want)
		}
		if got := choicesOf(t, "c", cell, NoObjects); got != cell {
			t.Errorf("question %q: got %q", cell, got)
		}
	}
}

// FuzzLiteral: a list of texts that encoding/json writes into a cell is read as that list, and no cell
// makes a reader fail.
func FuzzLiteral(f *testing.F) {
	f.Add("one", "two\n\"three\"")
	f.Add(`['a' 'b']`, `{'a': array([`)
	f.Add("\u2028é", "\\x")
	f.Fuzz(func(t *testing.T, a, b string) {
		choicesOf(t, "c", a, WithObjects)
		choicesOf(t, "c.0.text[]", b, EscapedLists)
		a, b = strings.ToValidUTF8(a, ""), strings.ToValidUTF8(b, "")
		list, err := json.Marshal([]string{a, b})
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Join([]string{a, b}, "\n")
		if got := choicesOf(t, "c", string(list), WithObjects); got != want {
			t.Errorf("%s: got %q, want %q", list, got, want)
		}
		var r Record
		if err := r.ParseJSON([]byte(`{"c":`+string(list)+`}`), nil); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(r.Names(), []string{"c"}) {
			t.Error(r.Names())
		}
	})
}
