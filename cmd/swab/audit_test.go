package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"swab/ngram/item"
	"swab/pipeline/audit"

	"github.com/zeebo/xxh3"
)

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	mustDo(t, err)
	return b
}

// resealed writes audit.json anew with another first line or body, and a checksum that is
// that of both.
func resealed(t *testing.T, dir string, change func(begin, body string) (string, string)) {
	t.Helper()
	path := filepath.Join(dir, audit.File)
	line, body, _ := strings.Cut(string(mustRead(t, path)), "\n")
	begin, _, _ := strings.Cut(line, `"xxh3"`)
	begin, body = change(begin, body)
	sum := xxh3.HashString(begin + body)
	mustDo(t, os.WriteFile(path, []byte(fmt.Sprintf("%s\"xxh3\":\"%016x\"}\n%s", begin, sum, body)), 0o644))
}

// rewritten writes the verdicts anew with the states of change, sealed if seal is true.
func rewritten(t *testing.T, dir string, seal bool, change func(v *audit.Verdict)) {
	t.Helper()
	r, err := audit.Open(dir)
	mustDo(t, err)
	defer r.Close()
	made := t.TempDir()
	w, err := audit.Create(made, false)
	mustDo(t, err)
	for v, err := range r.Verdicts(context.Background()) {
		mustDo(t, err)
		change(v)
		mustDo(t, w.Verdict(v))
	}
	mustDo(t, w.Close())
	for _, name := range []string{audit.VerdictsFile, audit.VerdictsLines} {
		mustDo(t, os.WriteFile(filepath.Join(dir, name), mustRead(t, filepath.Join(made, name)), 0o644))
	}
	if seal {
		mustDo(t, audit.Seal(dir, r.About))
	}
}

// TestDamagedAudits: every verb that reads an audit refuses one whose files do not agree
// and names the file, reads what a later minor version wrote, and goes by Parquet alone.
func TestDamagedAudits(t *testing.T) {
	run := func(args ...string) (int, string) {
		var stderr bytes.Buffer
		code := run(args, io.Discard, &stderr)
		return code, stderr.String()
	}
	top := t.TempDir()
	good := filepath.Join(top, "good")
	if code, stderr := run("scan", "--corpus", "../../testdata/corpus", "--bench", "../../testdata/bench/riverton.jsonl", "--method", "gpt3", "--out", good); code != 0 {
		t.Fatal(stderr)
	}
	flip := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			b := mustRead(t, filepath.Join(dir, name))
			b[len(b)/2] ^= 1
			mustDo(t, os.WriteFile(filepath.Join(dir, name), b, 0o644))
		}
	}
	remove := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { mustDo(t, os.Remove(filepath.Join(dir, name))) }
	}
	const all, evidence, verify = "report score export explain review verify", "report explain review verify", "verify"
	for name, test := range map[string]struct {
		damage  func(t *testing.T, dir string)
		refused string // the verbs that refuse it
		file    string // that they name
	}{
		"whole": {func(*testing.T, string) {}, "", ""},
		"a state in verdicts.jsonl": {func(t *testing.T, dir string) {
			b := bytes.Replace(mustRead(t, filepath.Join(dir, audit.VerdictsLines)), []byte(`"flagged"`), []byte(`"clean"`), 1)
			mustDo(t, os.WriteFile(filepath.Join(dir, audit.VerdictsLines), b, 0o644))
		}, verify, audit.VerdictsLines},
		"a state in verdicts.parquet": {func(t *testing.T, dir string) {
			rewritten(t, dir, false, func(v *audit.Verdict) {
				if v.Index == 0 {
					v.State, v.Score = item.NotCheckable, nil
				}
			})
		}, all, audit.VerdictsFile},
		"audit.json cut": {func(t *testing.T, dir string) {
			b := mustRead(t, filepath.Join(dir, audit.File))
			mustDo(t, os.WriteFile(filepath.Join(dir, audit.File), b[:len(b)/2], 0o644))
		}, all, audit.File},
		"an unknown state": {func(t *testing.T, dir string) {
			b := bytes.ReplaceAll(mustRead(t, filepath.Join(dir, audit.VerdictsFile)), []byte("clean"), []byte("cleen"))
			mustDo(t, os.WriteFile(filepath.Join(dir, audit.VerdictsFile), b, 0o644))
			r, err := audit.Open(good)
			mustDo(t, err)
			defer r.Close()
			mustDo(t, audit.Seal(dir, r.About))
		}, all, audit.VerdictsFile},
		"a member of a later minor version": {func(t *testing.T, dir string) {
			resealed(t, dir, func(begin, body string) (string, string) {
				return strings.Replace(begin, `"minor":3`, `"minor":4`, 1), strings.Replace(body, `"seed"`, `"sown": 1, "seed"`, 1)
			})
		}, "", ""},
		"a member of this version": {func(t *testing.T, dir string) {
			resealed(t, dir, func(begin, body string) (string, string) {
				return begin, strings.Replace(body, `"seed"`, `"sown": 1, "seed"`, 1)
			})
		}, all, audit.File},
		"a later version": {func(t *testing.T, dir string) {
			resealed(t, dir, func(begin, body string) (string, string) {
				return strings.Replace(begin, `"version":2`, `"version":3`, 1), body
			})
		}, all, audit.File},
		"an earlier version": {func(t *testing.T, dir string) {
			mustDo(t, os.WriteFile(filepath.Join(dir, audit.File), []byte(`{"format": "swab audit", "version": 1, "swab": "0"}`), 0o644))
		}, all, "run swab scan again"},
		"no verdicts":             {remove(audit.VerdictsFile), all, audit.VerdictsFile},
		"no evidence":             {remove(audit.EvidenceFile), evidence, audit.EvidenceFile},
		"no lines":                {remove(audit.VerdictsLines), verify, audit.VerdictsLines},
		"a bit of the verdicts":   {flip(audit.VerdictsFile), all, audit.VerdictsFile},
		"a bit of the evidence":   {flip(audit.EvidenceFile), evidence, audit.EvidenceFile},
		"a bit of the lines":      {flip(audit.EvidenceLines), verify, audit.EvidenceLines},
		"a bit of the methods":    {flip(audit.MethodsFile), verify, audit.MethodsFile},
		"a bit of the agreement":  {flip(audit.AgreementFile), verify, audit.AgreementFile},
		"a bit of audit.json":     {flip(audit.File), all, audit.File},
		"a bit of the clean ones": {flip("clean/gpt3/riverton/riverton.jsonl"), verify, "riverton.jsonl"},
		"a file more": {func(t *testing.T, dir string) {
			mustDo(t, os.WriteFile(filepath.Join(dir, "clean", "note"), nil, 0o644))
		}, verify, "note"},
		"a report of other verdicts": {func(t *testing.T, dir string) {
			b := mustRead(t, filepath.Join(dir, audit.ReportFile))
			i := bytes.Index(b, []byte(`"swab-verdicts" content="`)) + len(`"swab-verdicts" content="`)
			b[i] ^= 1
			mustDo(t, os.WriteFile(filepath.Join(dir, audit.ReportFile), b, 0o644))
		}, verify, audit.ReportFile},
		"scores of other verdicts": {func(t *testing.T, dir string) {
			mustDo(t, os.WriteFile(filepath.Join(dir, audit.ScoresFile), []byte(`{"version":1,"verdicts":"00"}`), 0o644))
		}, "report verify", audit.ScoresFile},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "audit")
			mustDo(t, os.CopyFS(dir, os.DirFS(good)))
			test.damage(t, dir)
			for verb, args := range map[string][]string{
				"report": {"report", dir, "--out", filepath.Join(t.TempDir(), "r.html")}, "explain": {"explain", dir, "riverton/riverton/r-02"}, "review": {"review", dir},
				"score":  {"score", dir, "--results", "ferry=../../testdata/results/ferry/riverton.jsonl", "--resamples", "100", "--permutations", "100"},
				"export": {"export", dir, "--for", "ids", "--out", filepath.Join(t.TempDir(), "ids")}, "verify": {"audit", "verify", dir},
			} {
				code, stderr := run(args...)
				want := 0
				if strings.Contains(" "+test.refused+" ", " "+verb+" ") {
					want = exitError
				}
				if code != want || want != 0 && !strings.Contains(stderr, test.file) {
					t.Errorf("%s: exit code %d, want %d with %q:\n%s", verb, code, want, test.file, stderr)
				}
			}
		})
	}
}
