package pipeline

import (
	"testing"

	"swab/pipeline/record"
	"swab/pipeline/rows"
)

// TestOtherFields: in rows as people publish them, without a field text, the texts are found.
func TestOtherFields(t *testing.T) {
	reading, err := Reading{}.prepared()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ row, field, text string }{
		{`{"text":"a","body":"b"}`, "text", "a"},
		{`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"prompt":"a"}`, "messages[].content", "a\nb"},
		{`{"prompt":"p","chosen":[{"role":"user","content":"a"}],"rejected":[{"role":"user","content":"b"}]}`,
			"prompt+chosen[].content+rejected[].content", "p\na\nb"},
		{`{"chosen":"a","rejected":"b"}`, "chosen+rejected", "a\nb"},
		{`{"prompt":"p","chosen":"a","rejected":"b"}`, "prompt+chosen+rejected", "p\na\nb"},
		{`{"dialog":["a","b"],"emotion":[0,1]}`, "dialog", "a\nb"},
		{`{"dialogue":[{"speaker":"x","text":"a"}]}`, "dialogue[].text", "a"},
		{`{"dialogue":"a","summary":"b"}`, "dialogue", "a"},
		{`{"inputs":"a","targets":"b"}`, "inputs+targets", "a\nb"},
		{`{"input":[{"role":"user","content":"a"}],"output":"b"}`, "input[].content+output", "a\nb"},
		{`{"problem":"a","solution":"b","answer":"c"}`, "problem+solution", "a\nb"},
		{`{"question":"a","answer":"b"}`, "question+answer", "a\nb"},
		{`{"query":"a","response":"b"}`, "query+response", "a\nb"},
		{`{"corpusid":1,"content":{"text":"a"}}`, "content.text", "a"},
		{`{"title":"a","selftext":"b"}`, "title?+selftext", "a\nb"},
		{`{"author":"x","body":"a"}`, "body", "a"},
		{`{"repo_name":"x","code":"a"}`, "code", "a"},
		{`{"TEXT":"a"}`, "TEXT", "a"},
		{`{"id":"x","story":"a"}`, "", ""},
	} {
		var rec rows.Record
		if err := rec.ParseJSON([]byte(c.row), nil); err != nil {
			t.Fatal(err)
		}
		field, text := "", ""
		if k := rec.FirstText(reading.text); k >= 0 {
			b, _ := rec.AppendDocument(nil, reading.text[k])
			field, text = reading.text[k].String(), string(b)
		}
		if field != c.field || text != c.text {
			t.Errorf("%s: %q by %q, want %q by %q", c.row, text, field, c.text, c.field)
		}
	}
	if _, err := record.ParseFields("", "", reading.text); err != nil {
		t.Error(err)
	}
}
