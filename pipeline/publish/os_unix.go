//go:build unix

package publish

import (
	"errors"
	"os"
	"syscall"

	"github.com/gofrs/flock"
)

// isMount reports whether dir lies on another device than its parent. A bind
// mount of the same device is not seen here; its rename fails with EBUSY.
func isMount(dir, parent string) bool {
	var a, b syscall.Stat_t
	return syscall.Lstat(dir, &a) == nil && syscall.Lstat(parent, &b) == nil && a.Dev != b.Dev
}

// syncDir brings the names in a directory to disk. File systems that have no
// such call (some network ones) say EINVAL or ENOTSUP; they do what they can.
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

// release removes the lock file while it is still held, so that whoever has
// opened it in the meantime finds it nameless and tries again.
func release(lock *flock.Flock) error {
	return errors.Join(os.Remove(lock.Path()), lock.Unlock())
}
