package publish

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// outputs are the files that outputs of swab are known by, and what each is in messages.
var outputs = [...]struct{ mark, what string }{
	{"audit.json", "an audit"},
	{"index.json", "an index"},
	{"scores.json", "a directory of scores"},
	{"export.json", "an export"},
}

// markBegins is how such a file begins, in this version and in earlier ones.
var markBegins = regexp.MustCompile(
	`^\s*\{\s*"(format":\s*"swab (audit|index|export|decontamination)"` +
		`|version":\s*\d+,\s*"(verdicts":\s*"[0-9a-f]{32}|seed":\s*\d))`)

// Made returns what dir is, with its article, if swab made it: an output, which its mark
// says by how it begins and not by its name alone, or the work directory of a run. "" is
// any other directory, or one that cannot be read.
func Made(dir string) string {
	if base := filepath.Base(dir); strings.HasPrefix(base, ".") && strings.HasSuffix(base, ".swab") {
		for _, name := range []string{lockFile, shardsDir, tempDir, newDir, oldDir} {
			if exists(filepath.Join(dir, name)) {
				return "the work directory of a run"
			}
		}
	}
	if filepath.Base(dir) == "removed" && begins(filepath.Join(filepath.Dir(dir), "decontamination.json")) {
		return "the documents that a cleaned corpus is without"
	}
	for _, o := range outputs {
		if begins(filepath.Join(dir, o.mark)) {
			return o.what
		}
	}
	return ""
}

// begins reports whether the file at path is regular and begins as a mark does.
func begins(path string) bool {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return IsMark(f)
}

// IsMark reports whether a file begins as that does which an output of swab is known by.
func IsMark(r io.Reader) bool {
	head, err := io.ReadAll(io.LimitReader(r, 256))
	return err == nil && markBegins.Match(head)
}
