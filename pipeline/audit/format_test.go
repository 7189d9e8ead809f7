package audit

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestFormat reads the example of FORMAT.md, and writes it again byte for byte.
func TestFormat(t *testing.T) {
	text, err := os.ReadFile("FORMAT.md")
	must(t, err)
	_, example, _ := strings.Cut(string(text), "```\n")
	example, _, _ = strings.Cut(example, "```")
	a, err := read([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if f := a.Benchmarks[0].Files[0]; f.Fields != "question=q,answer=a" || !*f.Header || a.VerdictsDigest() != "ffeeddccbbaa99887766554433221100" {
		t.Errorf("%+v", a)
	}
	var again bytes.Buffer
	must(t, Write(&again, a))
	if again.String() != example {
		t.Errorf("written again it is\n%s", again.String())
	}
}
