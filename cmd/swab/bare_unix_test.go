//go:build unix

package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestBareUser: a user who is not root and has no HOME runs the verbs on input that cannot be
// written to.
func TestBareUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: no other user can be taken")
	}
	const nobody = 65534
	dir := t.TempDir()
	program, err := os.Executable()
	mustDo(t, err)
	mustDo(t, os.Chmod(dir, 0o755))
	mustDo(t, os.Chmod(filepath.Dir(dir), 0o755))
	if err := os.Link(program, filepath.Join(dir, "swab")); err != nil {
		mustDo(t, os.WriteFile(filepath.Join(dir, "swab"), mustRead(t, program), 0o755))
	}
	mustDo(t, os.CopyFS(filepath.Join(dir, "in"), os.DirFS("../../testdata")))
	mustDo(t, filepath.WalkDir(filepath.Join(dir, "in"), func(path string, e fs.DirEntry, err error) error {
		if err == nil {
			err = os.Chmod(path, 0o444|e.Type().Perm()&0o111)
		}
		if err == nil && e.IsDir() {
			err = os.Chmod(path, 0o555)
		}
		return err
	}))
	out := filepath.Join(dir, "mine")
	mustDo(t, os.Mkdir(out, 0o755))
	mustDo(t, os.Chown(out, nobody, nobody))
	for _, line := range []string{
		"scan --corpus in/corpus --bench in/bench/riverton.jsonl --out mine/audit",
		"index --corpus in/corpus --out mine/index",
		"check --index mine/index --bench in/bench/riverton.jsonl --out mine/check",
		"plan --corpus in/corpus --bench in/bench/riverton.jsonl --out mine/plan.json",
		"work --plan mine/plan.json --task 1 --out mine/results",
		"merge --plan mine/plan.json mine/results --out mine/merged",
		"report mine/audit",
		"card mine/audit",
		"audit verify mine/audit",
	} {
		c := &exec.Cmd{
			Path: filepath.Join(dir, "swab"), Args: append([]string{"swab"}, strings.Fields(line)...), Dir: dir,
			Env:         []string{"PATH=/usr/bin:/bin"},
			SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}},
		}
		if b, err := c.CombinedOutput(); err != nil {
			if os.IsPermission(err) {
				t.Skip("another user may not run the program here: ", err)
			}
			t.Fatalf("%s: %v: %s", line, err, b)
		}
	}
	if b := mustRead(t, filepath.Join(out, "audit", "methods.csv")); string(b) != string(mustRead(t, filepath.Join(out, "merged", "methods.csv"))) {
		t.Error("the merged audit is another")
	}
	c := &exec.Cmd{
		Path: filepath.Join(dir, "swab"), Args: strings.Fields("swab scan --corpus in/corpus --bench in/bench/riverton.jsonl --out in/audit"),
		Dir: dir, SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}},
	}
	if b, err := c.CombinedOutput(); c.ProcessState.ExitCode() != exitError || !strings.Contains(string(b), "choose an --out") {
		t.Errorf("an output beside read-only input: %v: %s", err, b)
	}
}
