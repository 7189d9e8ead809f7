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

var update = flag.Bool("update", false, "write the outputs in README.md and the help topics anew")

// TestDocs runs every console block of the README and of the help topics, those of one
// file one after another in a directory that holds testdata/, and compares what the
// commands write to stdout.
func TestDocs(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("help/*.md")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	bin := t.TempDir()
	self, err := os.Executable() // which is swab under that name: see TestMain
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "swab")); err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "../../README.md") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			work := t.TempDir()
			if err := os.Symlink(filepath.Join(root, "testdata"), filepath.Join(work, "testdata")); err != nil {
				t.Fatal(err)
			}
			runBlocks(t, file, work, bin)
		})
	}
}

// runBlocks runs the console blocks of a file in the directory work.
func runBlocks(t *testing.T, file, work, bin string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```console\n")
	for i, rest := range blocks[1:] {
		block, after, ok := strings.Cut(rest, "```")
		if !ok {
			t.Fatal("a block does not end")
		}
		got, complete := runBlock(t, block, work, bin)
		switch {
		case !complete:
		case *update:
			blocks[i+1] = got + "```" + after
		case got != block:
			t.Errorf("%s says\n%s\nthe program writes\n%s", file, block, got)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(blocks, "```console\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// runBlock returns the commands of a block with what they write to stdout, and whether
// every command could be run: jq and the like are not everywhere.
func runBlock(t *testing.T, block, work, bin string) (got string, complete bool) {
	var all strings.Builder
	complete = true
	for line := range strings.Lines(block) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		if tool := strings.Fields(command)[0]; tool != "swab" {
			if _, err := exec.LookPath(tool); err != nil {
				t.Logf("not run, there is no %s: %s", tool, command)
				complete = false
				continue
			}
		}
		all.WriteString(line)
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v\n%s", command, err, &stderr)
		}
		all.Write(stdout.Bytes())
	}
	return all.String(), complete
}

// The README is short and names every help topic, and every topic has a title.
func TestREADMEIsShort(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte("\n")); n > 150 {
		t.Errorf("README.md has %d lines; 150 are allowed: the rest belongs into cmd/swab/help", n)
	}
	for _, topic := range topics() {
		if !bytes.Contains(b, []byte("`"+topic.name+"`")) {
			t.Errorf("README.md does not name the help topic %s", topic.name)
		}
		if !strings.HasPrefix(topic.text, "# "+topic.title+"\n") || topic.title == "" {
			t.Errorf("help topic %s does not begin with a title", topic.name)
		}
	}
}
