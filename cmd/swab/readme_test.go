package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the outputs in README.md anew")

// TestReadme runs every console block of the README in a directory that holds
// testdata/, one after another, and compares what the commands write to stdout.
func TestReadme(t *testing.T) {
	const path = "../../README.md"
	readme, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	work, bin := t.TempDir(), t.TempDir()
	if err := os.Symlink(filepath.Join(root, "testdata"), filepath.Join(work, "testdata")); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "swab"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	blocks := strings.Split(string(readme), "```console\n")
	ran := 0
	for i, rest := range blocks[1:] {
		block, after, ok := strings.Cut(rest, "```")
		if !ok {
			t.Fatal("a block does not end")
		}
		var got strings.Builder
		skip := false
		for line := range strings.Lines(block) {
			command, ok := strings.CutPrefix(line, "$ ")
			if !ok {
				continue
			}
			if tool := strings.Fields(command)[0]; tool != "swab" {
				if _, err := exec.LookPath(tool); err != nil {
					t.Logf("not run, there is no %s: %s", tool, command)
					skip = true
					continue
				}
			}
			got.WriteString(line)
			cmd := exec.Command("sh", "-c", command)
			cmd.Dir = work
			cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil {
				t.Errorf("%s: %v\n%s", command, err, &stderr)
			}
			got.Write(stdout.Bytes())
			ran++
		}
		if skip {
			continue
		}
		if *update {
			blocks[i+1] = got.String() + "```" + after
		} else if got.String() != block {
			t.Errorf("README says\n%s\nthe program writes\n%s", block, &got)
		}
	}
	if ran < 4 {
		t.Errorf("only %d commands were run", ran)
	}
	if *update {
		if err := os.WriteFile(path, []byte(strings.Join(blocks, "```console\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
