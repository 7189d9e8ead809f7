package shard

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"
	"testing"
)

// A directory that cannot be read is an error, wherever it stands. To see that as
// root too, this thread alone takes another user's rights in the file system, and
// ends with the test.
func TestFindUnreadableDirectory(t *testing.T) {
	tree(t, "c/a.jsonl", "c/shut/b.jsonl")
	for _, dir := range []string{".", "c"} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod("c/shut", 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod("c/shut", 0o755)
	runtime.LockOSThread()
	if os.Geteuid() == 0 {
		if err := syscall.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
		defer syscall.Setfsuid(0)
		if _, err := os.ReadDir("c"); err != nil {
			t.Skip("the test's directory is not open to others:", err)
		}
	}
	for _, pattern := range []string{"c", "c/*", "c/**", "c/**/*.jsonl", "c/shut", "c/shut/b.jsonl", "c/*/b.jsonl"} {
		shards, _, err := formats.Find([]string{pattern}, Search{})
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %q, %v", pattern, names(shards), err)
		}
	}
}
