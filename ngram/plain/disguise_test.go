package plain

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestDisguises: each kind is found in a text that hides one, and in none that does not.
func TestDisguises(t *testing.T) {
	const text = "The keeper of the quiet harbour counted seven copper bells before the evening ferry came in from " +
		"the meadow across the river, and wrote the number down in a small blue book beside his lamp. "
	split := func(by string) string { return strings.ReplaceAll(text, "e", "e"+by) }
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"plain":             {text + text, nil},
		"quotes":            {"“" + text + "” — said he…", nil},
		"homoglyphs":        {strings.ReplaceAll(text, "e", "е"), []string{MixedScripts}},
		"Russian":           {strings.Repeat("Смотритель гавани насчитал семь колоколов. USB-порт. ", 20), nil},
		"Greek letters":     {strings.Repeat("the angle α and the angle β ", 20), nil},
		"zero width":        {split("\u200b"), []string{Ignorable}},
		"soft hyphens":      {split("\u00ad"), []string{Ignorable}},
		"Persian":           {strings.Repeat("می\u200cخواهم ", 40), nil},
		"base64":            {"see " + base64.StdEncoding.EncodeToString([]byte(text)) + " there", []string{Encoded}},
		"hexadecimal":       {hex.EncodeToString([]byte(text)), []string{Encoded}},
		"percent":           {strings.ReplaceAll(url.QueryEscape(strings.Repeat("ж", 60)), "+", ""), []string{Encoded}},
		"a long word":       {strings.Repeat("a", 500), nil},
		"a rule":            {strings.Repeat("=-", 500), nil},
		"digits":            {strings.Repeat("0123456789", 50), nil},
		"an address":        {"https://example.org/" + strings.Repeat("path/to/", 30) + "?q=1", nil},
		"two":               {split("\u200b") + hex.EncodeToString([]byte(text)), []string{Ignorable, Encoded}},
		"shorter than some": {base64.StdEncoding.EncodeToString([]byte(text[:60])), nil},
	} {
		for _, pad := range []string{"", " ", strings.Repeat("x ", 200)} {
			if got := Disguises([]byte(pad + c.text + pad)); !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
	}
}

func BenchmarkDisguises(b *testing.B) {
	text := []byte(strings.Repeat("The keeper of the quiet harbour counted seven copper bells. ", 1000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Disguises(text)
	}
}
