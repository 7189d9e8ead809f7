package publish

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// tmpfs mounts a small file system, or skips the test.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("mounting a small file system: %v (this test needs the right to mount)", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, 0)) })
	return dir
}

func TestFullDisk(t *testing.T) {
	out := filepath.Join(tmpfs(t, "size=512k"), "out")
	must(t, runOnce(out, exchange, func(string) {}, "1"))
	d, err := openTree(out)
	must(t, err)
	must(t, d.Put("cc", text("result cc")))
	big := strings.Repeat("x", 1<<20)
	if err := d.Put("dd", text(big)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Put: %v", err)
	}
	err = d.Publish([]string{"cc"}, func(root string) error {
		if err := tree("2")(root); err != nil {
			return err
		}
		return create(filepath.Join(root, "big"), text(big))
	})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Publish: %v", err)
	}
	if whole(t, out, "aa", "bb") != "1" {
		t.Error("touched")
	}
	if _, ok := d.Get("dd"); ok {
		t.Error("half a result is found")
	}
	must(t, d.Publish([]string{"aa", "cc"}, tree("3"))) // the space is back
	if whole(t, out, "aa", "cc") != "3" {
		t.Error("not published")
	}
	must(t, d.Close())
}

func TestMountPoint(t *testing.T) {
	if _, err := openTree(tmpfs(t, "size=64k")); err == nil || !strings.Contains(err.Error(), "mount point") {
		t.Error(err)
	}
	// A bind mount on the same device shows only when it is renamed.
	top := t.TempDir()
	from, out := filepath.Join(top, "from"), filepath.Join(top, "out")
	must(t, os.Mkdir(from, 0o755))
	must(t, os.Mkdir(out, 0o755))
	if err := syscall.Mount(from, out, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("bind mount: %v", err)
	}
	defer syscall.Unmount(out, 0)
	d, err := openTree(out)
	must(t, err)
	if err := d.Publish(nil, tree("1")); err == nil || !strings.Contains(err.Error(), "mount point") {
		t.Error(err)
	}
	must(t, d.Close())
	if left, _ := os.ReadDir(out); len(left) != 0 {
		t.Error("touched")
	}
}

func TestReadOnly(t *testing.T) {
	dir := tmpfs(t, "size=64k,ro")
	if _, err := openTree(filepath.Join(dir, "out")); err == nil || !strings.Contains(err.Error(), "parent directory you can write to") {
		t.Error(err)
	}
}
