//go:build unix

package publish

import (
	"errors"
	"os"
	"syscall"

	"github.com/gofrs/flock"
)

// isMount reports whether dir is on another device than its parent. It does not detect a
// bind mount of the same device, whose rename fails with EBUSY.
func isMount(dir, parent string) bool {
	var a, b syscall.Stat_t
	return syscall.Lstat(dir, &a) == nil && syscall.Lstat(parent, &b) == nil && a.Dev != b.Dev
}

// syncDir syncs the names in a directory. File systems that have no such call (some
// network ones) return EINVAL or ENOTSUP, which it ignores.
func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// release removes the lock file while it is still locked, so that a process that has
// opened it in the meantime finds that it has no name and tries again.
func release(lock *flock.Flock) error {
	return errors.Join(os.Remove(lock.Path()), lock.Unlock())
}
