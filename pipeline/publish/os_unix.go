//go:build unix

package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

const (
	noFollow = syscall.O_NOFOLLOW
	nonBlock = syscall.O_NONBLOCK
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
func release(work *os.Root, lock *flock.Flock) error {
	return errors.Join(work.Remove(lockFile), lock.Unlock())
}

// lockNow locks an open file unless another process has locked it, or there are no locks.
// The lock ends when the file is closed.
func lockNow(f *os.File) bool { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil }

// noLocks reports whether an error of locking means that the file system has no locks.
func noLocks(err error) bool {
	return errors.Is(err, syscall.ENOLCK) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.ENOTSUP)
}

// ownerOf returns the user that a file belongs to.
func ownerOf(info fs.FileInfo) (uid, gid int) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid), int(s.Gid)
	}
	return -1, -1
}

// copyOwner makes a file belong to whom info says, as far as this user may.
func copyOwner(f *os.File, info fs.FileInfo) {
	uid, gid := ownerOf(info)
	mine, err := f.Stat()
	if err != nil {
		return
	}
	if u, g := ownerOf(mine); u == uid && g == gid {
		return
	}
	if f.Chown(uid, gid) != nil {
		f.Chown(-1, gid)
	}
}

// isPlanted reports whether a symbolic link in dir is of another user than this one and the
// directory's, where all may write to the directory: what Linux protects by
// fs.protected_symlinks.
func isPlanted(link fs.FileInfo, dir string) bool {
	info, err := os.Stat(dir)
	if err != nil || info.Mode()&fs.ModeSticky == 0 || info.Mode().Perm()&0o002 == 0 {
		return false
	}
	uid, _ := ownerOf(link)
	above, _ := ownerOf(info)
	return uid != os.Geteuid() && uid != above
}

// checkOwner returns the reason why a work directory, which was there before, may be another
// user's: what is in it would lead this run to any of the files that this user may write.
// Its owner is compared with that of a directory just made beside it, which on some file
// systems is not this user.
func checkOwner(work string, info fs.FileInfo) error {
	uid, _ := ownerOf(info)
	if info.Mode().Perm()&0o002 == 0 {
		if uid == os.Geteuid() {
			return nil
		}
		beside, err := os.MkdirTemp(filepath.Dir(work), ".swab-owner-")
		if err != nil {
			return err
		}
		defer os.Remove(beside)
		made, err := os.Lstat(beside)
		if err != nil {
			return err
		}
		if mine, _ := ownerOf(made); mine == uid {
			return nil
		}
	}
	return fmt.Errorf("%w: its work directory %s is of another user (uid %d) or open to all; "+
		"remove it if no run of theirs needs it", ErrForeign, work, uid)
}
