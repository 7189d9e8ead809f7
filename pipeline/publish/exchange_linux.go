package publish

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// syncFileSystem syncs all files of the file system that a directory is on.
func syncFileSystem(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}

// shareBlocks makes an empty file a copy of another one on the same file system without copying its
// blocks (FICLONE: Btrfs, XFS and others). After an error the file is still empty.
func shareBlocks(to, from *os.File) error { return unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) }

// exchange swaps two directories in one step. The error is
// errors.ErrUnsupported where the kernel or the file system has no such call.
func exchange(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("exchanging %s and %s: %w: %w", a, b, errors.ErrUnsupported, err)
	}
	return fmt.Errorf("exchanging %s and %s: %w", a, b, err)
}
