package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"swab/pipeline/audit"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"swab": main})
}

// TestScripts runs the scripts in testdata: one behaviour each, as a user sees it.
// They find the project's small corpus and benchmarks in $DATA.
func TestScripts(t *testing.T) {
	data, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("DATA", data)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "cut": cut, "flip": flip, "same": same, "repeat": repeatBytes, "compress": compressFile,
			"waitfor": waitFor, "tmpfs": tmpfs, "marks": marks,
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "mount":
				dir := t.TempDir()
				if os.Geteuid() != 0 || exec.Command("mount", "-t", "tmpfs", "tmpfs", dir).Run() != nil {
					return false, nil
				}
				return true, exec.Command("umount", dir).Run()
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

// waitfor FILE waits until a file is there.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	for { // a machine may be busy: go test's own limit ends what never appears
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// marks DIR (MARK ITEM)… marks items of an audit, as a reader does.
func marks(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	digests := map[string]string{}
	r, err := audit.Open(dir)
	ts.Check(err)
	defer r.Close()
	for it, err := range r.Items(context.Background()) {
		ts.Check(err)
		digests[it.ID] = it.Digest
	}
	given := audit.Marks{}
	for e, err := range r.Evidence(context.Background()) {
		ts.Check(err)
		for i := 1; i < len(args); i += 2 {
			if args[i+1] == e.Item {
				k := audit.MarkKey{Item: digests[e.Item], Evidence: audit.EvidenceDigest(e.Rows)}
				given[k] = audit.MarkEntry{MarkKey: k, Mark: audit.Mark(args[i]), Note: "a note of " + e.Item, Benchmark: e.Benchmark, Split: e.Split, Item: e.Item}
			}
		}
	}
	if len(given) != len(args)/2 {
		ts.Fatalf("only %d of the items have evidence", len(given))
	}
	ts.Check(audit.SaveMarks(dir, given))
}

// tmpfs DIR SIZE mounts a small file system for the rest of the script.
func tmpfs(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(exec.Command("mount", "-t", "tmpfs", "-o", "size="+args[1], "tmpfs", dir).Run())
	ts.Defer(func() { exec.Command("umount", "-l", dir).Run() })
}

// exits CODE PROGRAM ARGS… runs a program, whose name may be several words, that
// must exit with CODE.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	args = slices.Concat(args[:1], strings.Fields(args[1]), args[2:])
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// cut FILE BYTES keeps the first bytes of a file; a negative number drops the last.
func cut(ts *testscript.TestScript, neg bool, args []string) {
	b := []byte(ts.ReadFile(args[0]))
	n := number(ts, args[1])
	if n < 0 {
		n += len(b)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b[:n], 0o644))
}

// flip FILE BYTE flips a bit of a file.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	b := []byte(ts.ReadFile(args[0]))
	b[number(ts, args[1])] ^= 0x10
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o644))
}

// repeat FILE TIMES TEXT writes a text many times.
func repeatBytes(ts *testscript.TestScript, neg bool, args []string) {
	text := strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\x00`, "\x00", `\xff`, "\xff").Replace(args[2])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat(text, number(ts, args[1]))), 0o644))
}

// same A B compares two directories or files byte by byte.
func same(ts *testscript.TestScript, neg bool, args []string) {
	a, b := tree(ts, args[0]), tree(ts, args[1])
	equal := len(a) == len(b)
	for name, text := range a {
		if b[name] != text {
			equal = false
			if !neg {
				ts.Logf("%s differs", name)
			}
		}
	}
	if equal == neg {
		ts.Fatalf("same %s %s: %v", args[0], args[1], equal)
	}
}

// tree reads all files below a directory but the stored shard results, whose names
// depend on when shards were written.
func tree(ts *testscript.TestScript, dir string) map[string]string {
	files := map[string]string{}
	root := ts.MkAbs(dir)
	ts.Check(filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == "shards" {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if !d.IsDir() {
			rel, _ := filepath.Rel(root, path)
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files[rel] = string(b)
		}
		return nil
	}))
	return files
}

func number(ts *testscript.TestScript, s string) int {
	sign, n := 1, 0
	if strings.HasPrefix(s, "-") {
		sign, s = -1, s[1:]
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			ts.Fatalf("%q is no number", s)
		}
		n = 10*n + int(c-'0')
	}
	return sign * n
}
