package rows

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// tiles reads all spans of data, a few bytes at a time, and gives the records.
// The spans have to tile data.
func tiles(t *testing.T, data []byte, s splitter) ([][]byte, error) {
	t.Helper()
	var r io.Reader = bytes.NewReader(data)
	if len(data) < 200 {
		r = iotest.OneByteReader(r)
	}
	sp := NewSpans(r, 0)
	sp.split = s
	if len(data) < 200 {
		sp.buf = make([]byte, 4)
	}
	var whole []byte
	var bodies [][]byte
	for {
		sep, body, err := sp.Next()
		whole = append(append(whole, sep...), body...)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, bytes.Clone(body))
	}
	if !bytes.Equal(whole, data) {
		t.Fatalf("spans are %q of %q", whole, data)
	}
	return bodies, nil
}

// parsed are the fields of all rows of a table.
func parsed(bodies [][]byte, d Dialect) (all [][]string) {
	for _, b := range bodies {
		fields, _ := d.fields(nil, nil, b)
		row := []string{}
		for _, f := range fields {
			row = append(row, string(f))
		}
		all = append(all, row)
	}
	return all
}

func checkCSV(t *testing.T, data []byte) {
	t.Helper()
	d := Dialect{Comma: ',', Quotes: true}
	bodies, err := tiles(t, data, &csvSplit{Dialect: d})
	plain := bytes.TrimPrefix(data, byteOrderMark)
	r := csv.NewReader(bytes.NewReader(plain))
	r.FieldsPerRecord = -1
	want, wantErr := r.ReadAll()
	if err != nil && (wantErr == nil || err != errOpenQuote) {
		t.Fatalf("%q: error %v, encoding/csv %v", data, err, wantErr)
	}
	if wantErr != nil || bytes.HasPrefix(plain, []byte(sepLine)) {
		return // such quotes are read as Python reads them
	}
	got := parsed(bodies, d)
	// encoding/csv turns "\r\n" within quotes into "\n"; here it stays.
	for _, row := range got {
		for i := range row {
			row[i] = strings.ReplaceAll(row[i], "\r\n", "\n")
		}
	}
	filled := func(rows [][]string) [][]string { // without empty rows at the end
		for len(rows) > 0 && strings.Join(rows[len(rows)-1], "") == "" {
			rows = rows[:len(rows)-1]
		}
		return rows
	}
	got, want = filled(got), filled(want)
	if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Fatalf("%q:\n%q, encoding/csv\n%q", data, got, want)
	}
}

// Every text over a small alphabet up to five signs.
func TestCSVEqualsEncodingCSV(t *testing.T) {
	const signs = "a,\"\n\r"
	var try func(data []byte, left int)
	try = func(data []byte, left int) {
		checkCSV(t, data)
		if left > 0 {
			for i := range len(signs) {
				try(append(data, signs[i]), left-1)
			}
		}
	}
	try(nil, 5)
	checkCSV(t, []byte("\uFEFFa,\"b\"\"\n\"\r\n\r\nc,d\r"))
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n\"c\nd\",\"e\"\"f\"\r\n", "\n\r\na", "\"", "a\"", "\"a\" ", ",,\r\r\n\"\"\r"} {
		f.Add([]byte(s))
	}
	f.Fuzz(checkCSV)
}

func TestPlainTable(t *testing.T) {
	const data = "\"Eh\"\tsaid, \"she\t1\r\n\n2\t3"
	d := Dialect{Comma: '\t'}
	bodies, err := tiles(t, []byte(data), &csvSplit{Dialect: d})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{`"Eh"`, `said, "she`, "1"}, {"2", "3"}}
	if got := parsed(bodies, d); !reflect.DeepEqual(got, want) {
		t.Fatalf("%q", got)
	}
}

// jsonRecords gives a JSON file's records, each checked.
func jsonRecords(t *testing.T, data []byte, mode Shape) ([][]byte, error) {
	t.Helper()
	bodies, err := tiles(t, data, &jsonSplit{mode: mode})
	if err != nil {
		return nil, err
	}
	var tp Record
	for _, b := range bodies {
		if err := tp.ParseJSON(b, nil); err != nil {
			return nil, err
		}
	}
	return bodies, nil
}

func checkArray(t *testing.T, data []byte) {
	t.Helper()
	got, err := jsonRecords(t, data, JSONList)
	var want []json.RawMessage
	wantErr := json.Unmarshal(bytes.TrimPrefix(data, byteOrderMark), &want)
	if string(bytes.TrimSpace(bytes.TrimPrefix(data, byteOrderMark))) == "null" {
		return // no list for us
	}
	if (err == nil) != (wantErr == nil) && !bytes.ContainsAny(data, "NI") {
		t.Fatalf("%q: error %v, encoding/json %v", data, err, wantErr)
	}
	if err == nil && wantErr == nil && !slices.EqualFunc(got, want, func(a []byte, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
		t.Fatalf("%q: %q, encoding/json %q", data, got, want)
	}
}

func TestArrayEqualsEncodingJSON(t *testing.T) {
	const signs = `[]{}",:1 a\`
	var try func(data []byte, left int)
	try = func(data []byte, left int) {
		checkArray(t, data)
		if left > 0 {
			for i := range len(signs) {
				try(append(data, signs[i]), left-1)
			}
		}
	}
	try([]byte("["), 4)
	try([]byte(`[{"`), 3)
	try([]byte(`[{"a":1}`), 3)
	for _, s := range []string{"", " ", "[]", " [ ] ", "[1] x", "[1]]", "\uFEFF[{}, null,\n \"a\\\"]\"]\n", `[-0.5e+3,true]`, "[[1],[2]]", "{}"} {
		checkArray(t, []byte(s))
	}
}

func FuzzArray(f *testing.F) {
	for _, s := range []string{`[{"a":"b\"]"},[1,2], -1e5,null]`, "[ ]", "[1,]", `["\ud800\udc00"]`, "[\"\\u12\"]", `[{"a":1,"a":2}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(checkArray)
}

// value gives what encoding/json would make of a record.
func (t *Record) value2any(i int) any {
	n := t.nodes[i]
	switch n.kind {
	case null:
		return nil
	case scalar:
		if n.text[0] == 't' || n.text[0] == 'f' {
			return n.text[0] == 't'
		}
		return json.Number(n.text)
	case text:
		return string(n.text)
	case listed:
		list := []any{}
		for c := i + 1; c < n.next; c = t.nodes[c].next {
			list = append(list, t.value2any(c))
		}
		return list
	case object:
		m := map[string]any{}
		for c := i + 1; c < n.next; c = t.nodes[c].next {
			m[string(t.nodes[c].key)] = t.value2any(c)
		}
		return m
	}
	return "foreign"
}

func checkRecord(t *testing.T, data []byte) {
	t.Helper()
	var tp Record
	err := tp.ParseJSON(data, nil)
	var want any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	wantErr := d.Decode(&want)
	if wantErr == nil && !json.Valid(data) {
		wantErr = errors.New("more behind it")
	}
	if (err == nil) != (wantErr == nil) && !bytes.ContainsAny(data, "NI") {
		t.Fatalf("%q: error %v, encoding/json %v", data, err, wantErr)
	}
	if err != nil || wantErr != nil {
		return
	}
	if s, ok := want.(string); ok {
		want = map[string]any{"text": s}
	}
	if got := tp.value2any(0); !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: %#v, encoding/json %#v", data, got, want)
	}
	// What is written again is the same value.
	var again any
	d = json.NewDecoder(bytes.NewReader(tp.AppendJSON(nil)))
	d.UseNumber()
	if err := d.Decode(&again); err != nil || !reflect.DeepEqual(again, want) {
		t.Fatalf("%q: written %q, %v", data, tp.AppendJSON(nil), err)
	}
}

func TestRecordEqualsEncodingJSON(t *testing.T) {
	for _, s := range []string{
		`{"a":{"b":[1,2.5,-0,1e9,"x"],"c":null},"d":true}`, `"\u00e9\n\ud83d\ude00\/"`, `"\ud83d"`, `"\ud83dx"`, `"\ud83d\u0041"`, `"\ude00"`,
		"\"\x01\"", "\"\xff\"", `01`, `1.`, `-`, `.5`, `1e`, `+1`, `[1 2]`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1,}`, `nul`, `nullx`, `"\x"`, `"\u00g0"`, `"`, `"\`, ``,
		`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, strings.Repeat("[", 400) + strings.Repeat("]", 400), strings.Repeat("[", 600) + strings.Repeat("]", 600),
		" \t\r\n1 ", "\v1",
	} {
		checkRecord(t, []byte(s))
	}
	// The names of an object with many members.
	var many strings.Builder
	for i := range 100 {
		many.WriteString(strings.Repeat("x", i+1) + `":1,"`)
	}
	checkRecord(t, []byte(`{"`+many.String()+`z":1}`))
	for _, last := range []string{"xxx", strings.Repeat("x", 77)} {
		var tp Record
		if err := tp.ParseJSON([]byte(`{"`+many.String()+last+`":1}`), nil); err != nil {
			t.Error(err)
		}
		if name, ok := tp.Twice(); !ok || name != last {
			t.Errorf("%q stands twice, want %q", name, last)
		}
	}
}

func FuzzRecord(f *testing.F) {
	for _, s := range []string{`{"a":{"b":[1,2.5,"x\u00e9\ud83d\ude00"],"c":null},"d":true}`, `"\ud83d"`, `[[[]]]`, `{"a":1,"\u0061":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(checkRecord)
}

func TestJSONModes(t *testing.T) {
	for _, c := range []struct {
		ext, data string
		mode      Shape
		records   int // -1: an error
	}{
		{".json", `[{"a":1},{"a":2}]`, JSONList, 2},
		{".jsonl", "\n [\n{}]", JSONList, 1},
		{".json", "{\"a\":1}\n{\"a\":2}\n", JSONLines, 2},
		{".jsonl", "\uFEFF\n{\"a\":1}\r\n\r\n{\"a\":2}", JSONLines, 2},
		{".json", "{\n\"a\":1}\n{\"a\":\n2}\n", JSONValues, 2},
		{".json", "{\n\"a\":1}", JSONValues, 1},
		{".json", `{"a":1}`, JSONLines, 1},
		{".json", `{"v":[1],"data":[{"a":1},{"a":2}],"w":{"x":[{}]}}`, JSONWrapped, 2},
		{".json", "\uFEFF{\"data\":[ {\"a\":1} ] }\n", JSONWrapped, 1},
		{".jsonl", `{"data":[{"a":1},{"a":2}]}`, JSONLines, 1},
		{".json", `{"data":[{"a":1}],"more":[{"a":2}]}`, JSONWrapped, -1},
		{".json", `{"data":[{"a":1}],"data":1}`, JSONWrapped, -1},
		{".json", `{"data":[{"a":1}`, JSONLines, -1},
		{".json", `[{"a":1}`, JSONList, -1},
		{".json", `[{"a":1}][]`, JSONList, -1},
		{".jsonl", "{\"a\":1} {\"a\":2}\n", JSONValues, 2},
		{".jsonl", "{\"a\":1}\n{\"a\":2\n", JSONLines, -1},
		{".jsonl", " \n", JSONLines, 0},
		{".json", "", JSONLines, 0},
		{".json", "[]", JSONList, 0},
	} {
		l, err := NewSpans(strings.NewReader(c.data), 0).Detect("x" + c.ext)
		mode := l.Shape
		if err != nil || mode != c.mode {
			t.Errorf("%s %q: %d, want %d", c.ext, c.data, mode, c.mode)
			continue
		}
		got, err := jsonRecords(t, []byte(c.data), mode)
		if c.records < 0 != (err != nil) || err == nil && len(got) != c.records {
			t.Errorf("%s %q: %q, %v", c.ext, c.data, got, err)
		}
	}
}

// Whatever pieces the data arrives in, the spans are the same.
func TestSpansAtEveryBuffer(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var data bytes.Buffer
		var want []string
		data.WriteByte('[')
		for i := range rng.IntN(5) {
			if i > 0 {
				data.WriteString([]string{",", " ,\n\t"}[rng.IntN(2)])
			}
			rec, _ := json.Marshal(map[string]any{"a": strings.Repeat(`\"]}`, rng.IntN(300)), "b": []int{rng.IntN(9)}})
			want = append(want, string(rec))
			data.Write(rec)
		}
		data.WriteString("]\n")
		s := NewSpans(iotest.HalfReader(bytes.NewReader(data.Bytes())), 0)
		s.split = &jsonSplit{mode: JSONList}
		s.buf = make([]byte, 1+rng.IntN(50))
		var got []string
		for {
			_, body, err := s.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(body))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}

func TestLongRecord(t *testing.T) {
	for _, s := range []splitter{&jsonSplit{}, &jsonSplit{mode: JSONList}, &csvSplit{Dialect: Dialect{Comma: ',', Quotes: true}}} {
		start := `"`
		if j, ok := s.(*jsonSplit); ok && j.mode == JSONList {
			start = `["`
		}
		sp := NewSpans(io.MultiReader(strings.NewReader(start), strings.NewReader(strings.Repeat("x", 1<<20))), 0)
		sp.split = s
		sp.max = 1 << 18
		if _, _, err := sp.Next(); !errors.Is(err, ErrTooLong) {
			t.Errorf("%T: %v", s, err)
		}
		if len(sp.buf) > 1<<18 {
			t.Errorf("%T: a buffer of %d bytes", s, len(sp.buf))
		}
	}
	// An error of the file is told, not the record that it cut.
	broken := errors.New("broken")
	sp := NewSpans(io.MultiReader(strings.NewReader("{}\n{"), iotest.ErrReader(broken)), 0)
	sp.Use(Layout{})
	if _, _, err := sp.Next(); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// TestJSONMembers: an object whose members are records by their names is read as them, whatever pieces it
// arrives in; its columns, and objects with nothing in common, are none.
func TestJSONMembers(t *testing.T) {
	const data = "\uFEFF{ \"1\" : {\"q\":\"a\\\"}\",\"c\":[]},\n\"2\":{\"c\":[1],\"q\":\"b\",\"d\":{}} }\n"
	for size := 1; size < 40; size++ {
		s := NewSpans(iotest.HalfReader(strings.NewReader(data)), 0)
		l, err := s.Detect("x.json")
		if err != nil || l.Shape != JSONMembers {
			t.Fatalf("%v, %v", l, err)
		}
		s = NewSpans(iotest.HalfReader(strings.NewReader(data)), 0)
		s.Use(l)
		s.buf = make([]byte, size)
		var whole, texts []byte
		for {
			sep, body, err := s.Next()
			whole = append(append(whole, sep...), body...)
			if err == io.EOF {
				break
			}
			var r Record
			f, bad := ParseField("q")
			if err != nil || bad != nil || s.Parse(&r, body, nil) != nil {
				t.Fatalf("%q: %v", body, err)
			}
			if texts, err = r.AppendText(append(texts, '|'), f, NoObjects); err != nil {
				t.Fatal(err)
			}
		}
		if string(whole) != data || string(texts) != `|a"}|b` {
			t.Fatalf("buffer of %d: %q, %q", size, whole, texts)
		}
	}
	for other, want := range map[string]Shape{
		`{"q":{"0":"a","1":"b"},"c":{"0":"a","1":"b"}}`:         JSONColumns,
		`{"results":{"x":1,"y":2},"configs":{"z":1,"w":2}}`:     JSONLines,
		`{"1":{"q":"a","c":1},"2":{"q":"b","c":2},"version":1}`: JSONLines,
		`{"1":{"q":"a","c":1}}`:                                 JSONLines,
		`{"1":{"q":["a"],"c":["b"]},"2":{"q":["a"],"c":["b"]}}`: JSONMembers,
	} {
		if l, err := NewSpans(strings.NewReader(other), 0).Detect("x.json"); err != nil || l.Shape != want {
			t.Errorf("%s: shape %d, want %d, %v", other, l.Shape, want, err)
		}
	}
	for _, bad := range []string{`{"1":{"q":1},"2":3}`, `{"1":{"q":1},}`, `{"1":{"q":1}`, `{"1":{"q":1}} x`, `{1:{}}`} {
		s := NewSpans(strings.NewReader(bad), 0)
		s.Use(Layout{Shape: JSONMembers})
		var err error
		for err == nil {
			_, _, err = s.Next()
		}
		if err == io.EOF {
			t.Errorf("%s is read", bad)
		}
	}
}
