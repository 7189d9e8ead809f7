package main

import (
	"maps"
	"strings"
	"testing"
)

// TestCheckLeft: what must not be left is found.
func TestCheckLeft(t *testing.T) {
	was := map[string]string{"corpus/": "", "corpus/a": "text", "audit/": "", "audit/audit.json": "old", "audit/clean": "old", "mine": "mine"}
	whole := maps.Clone(was)
	whole["audit/audit.json"], whole["audit/clean"] = "new", "new"
	h := &history{verb: verb{dirs: []string{"audit"}}, was: was, whole: whole}
	for name, test := range map[string]struct {
		base   map[string]string
		change map[string]string
		ended  bool
		want   string // "" for nothing wrong
	}{
		"as it was":            {was, nil, false, ""},
		"whole":                {whole, nil, true, ""},
		"as it was, yet ended": {was, nil, true, "neither as it was nor whole"},
		"mixed":                {was, map[string]string{"audit/clean": "new"}, false, "neither as it was nor whole"},
		"file added":           {whole, map[string]string{"audit/temp": "x"}, false, "neither as it was nor whole"},
		"input changed":        {whole, map[string]string{"corpus/a": ""}, false, "outside the outputs: corpus/a has other content"},
		"file beside it":       {was, map[string]string{"temp": "x"}, false, "outside the outputs: temp should not be there"},
		"work directory":       {was, map[string]string{".audit.swab/": "", ".audit.swab/lock": "x"}, false, ""},
		"temporary file":       {was, map[string]string{".audit.swab-0123456789abcdef": "x"}, false, ""},
		"other hidden file":    {was, map[string]string{".audit.swab-notes": "x"}, false, "outside the outputs"},
	} {
		now := maps.Clone(test.base)
		maps.Copy(now, test.change)
		err := h.checkLeft(now, false, test.ended)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	h = &history{verb: verb{files: []string{"mine"}}, was: was, whole: maps.Clone(was)}
	h.whole["mine"] = "new"
	for text, wrong := range map[string]bool{"mine": false, "new": false, "": true, "ne": true} {
		now := maps.Clone(was)
		now["mine"] = text
		if err := h.checkLeft(now, false, false); (err != nil) != wrong {
			t.Errorf("a file that is %q: %v", text, err)
		}
	}
	if e := (ending{2, "panic: index out of range"}); e.crashed() == nil {
		t.Error("a panic is not found")
	}
}
