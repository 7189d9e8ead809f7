package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// disguises hide an item in a document.
var disguises = []struct {
	name string
	hide func(s string) string
}{
	{"as it is", func(s string) string { return s }},
	{"zero-width spaces inside words", func(s string) string { return betweenLetters(s, "\u200b") }},
	{"dots below letters", func(s string) string { return betweenLetters(s, "\u0323") }},
	{"Cyrillic look-alikes of a, c, e, o, p", strings.NewReplacer("a", "а", "c", "с", "e", "е", "o", "о", "p", "р").Replace},
	{"leetspeak: 4, 3, 1, 0, 5, 7 for a, e, i, o, s, t",
		strings.NewReplacer("a", "4", "e", "3", "i", "1", "o", "0", "s", "5", "t", "7").Replace},
	{"base64", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"hexadecimal digits", func(s string) string { return hex.EncodeToString([]byte(s)) }},
	{"URL encoding", url.QueryEscape},
	{"letters from the last to the first", func(s string) string {
		runes := []rune(s)
		slices.Reverse(runes)
		return string(runes)
	}},
}

// betweenLetters inserts a mark behind every second letter of ASCII.
func betweenLetters(s, mark string) string {
	var b strings.Builder
	letters := 0
	for _, r := range s {
		b.WriteRune(r)
		if r|0x20 >= 'a' && r|0x20 <= 'z' {
			if letters++; letters%2 == 0 {
				b.WriteString(mark)
			}
		}
	}
	return b.String()
}

// TestDisguises: the table of disguises in the help is what scans of documents with all items
// of a benchmark in each disguise find.
func TestDisguises(t *testing.T) {
	if testing.Short() {
		t.Skip("scans nine corpora")
	}
	dir := t.TempDir()
	const bench = "../../testdata/bench/riverton.jsonl"
	var questions []string
	for line := range bytes.Lines(mustRead(t, bench)) {
		var item struct{ Question string }
		mustDo(t, json.Unmarshal(line, &item))
		questions = append(questions, item.Question)
	}
	methods := []string{"swab", "gpt3", "gpt4"}
	if len(questions) != 12 {
		t.Fatalf("%d items: the help says 12", len(questions))
	}
	table := "| in the document | " + strings.Join(methods, " | ") + " |\n|" + strings.Repeat(" --- |", 1+len(methods)) + "\n"
	for i, d := range disguises {
		var corpus bytes.Buffer
		for _, q := range questions {
			mustDo(t, json.NewEncoder(&corpus).Encode(map[string]string{"text": "What follows was written for the fair. " + d.hide(q)}))
		}
		name := filepath.Join(dir, fmt.Sprint(i, ".jsonl"))
		mustDo(t, os.WriteFile(name, corpus.Bytes(), 0o666))
		out := filepath.Join(dir, fmt.Sprint("audit", i))
		var stderr bytes.Buffer
		args := []string{"scan", "--corpus", name, "--bench", bench, "--out", out, "--no-report"}
		for _, m := range methods {
			args = append(args, "--method", m)
		}
		if code := run(args, &bytes.Buffer{}, &stderr); code != 0 {
			t.Fatalf("%s: exit %d: %s", d.name, code, stderr.String())
		}
		table += "| " + d.name
		for _, m := range methods {
			flagged := 0
			for line := range bytes.Lines(mustRead(t, filepath.Join(out, "verdicts.jsonl"))) {
				var v struct{ Method, State string }
				mustDo(t, json.Unmarshal(line, &v))
				if v.Method == m && v.State == "flagged" {
					flagged++
				}
			}
			table += fmt.Sprintf(" | %d", flagged)
		}
		table += " |\n"
	}
	if !strings.Contains(string(mustRead(t, "help/accuracy.md")), table) {
		t.Errorf("help/accuracy.md does not have this table:\n%s", table)
	}
}
