package publish

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// ReplaceFile replaces a file of a published directory in one step. It is for a file that
// people add to an audit while a run may hold its lock, such as marks; others use
// [Dir.Replace]. Until the file is complete it is beside the directory, where that can be
// written: a killed process must not leave a file in the directory, which the next run would
// then refuse to replace.
func ReplaceFile(path string, write func(w io.Writer) error) error {
	target, through, err := follow(path)
	if err != nil {
		return err
	}
	if through {
		return writeThrough(target, write)
	}
	dir := filepath.Dir(target)
	err = replace(target, filepath.Join(filepath.Dir(dir), prefixOf(dir)), write)
	if errors.Is(err, errTemp) {
		err = replace(target, filepath.Join(dir, prefixOf(target)), write)
	}
	return err
}

// WriteFile writes a file outside of published directories. A regular file is replaced in
// one step, so that it is whole or as it was: what takes its place has its mode, and its
// owner as far as this user may set that. A symbolic link stays, and its target is written;
// one of another user in a directory that all may write to is refused. What is not a regular
// file, such as a device, a pipe or /dev/stdout, is written to as it is.
func WriteFile(path string, write func(w io.Writer) error) error {
	target, through, err := follow(path)
	if err != nil {
		return err
	}
	if through {
		return writeThrough(target, write)
	}
	return replace(target, filepath.Join(filepath.Dir(target), prefixOf(target)), write)
}

// PutFile is WriteFile for a file of which only swab knows the name: a symbolic link in its
// place is replaced, and not followed.
func PutFile(path string, write func(w io.Writer) error) error {
	target, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if info, err := os.Lstat(target); err == nil && info.IsDir() {
		return fmt.Errorf("%s: it is a directory where a file is meant", path)
	}
	return replace(target, filepath.Join(filepath.Dir(target), prefixOf(target)), write)
}

// MakeDir makes a directory, unless it is there, and those above it. A symbolic link of another
// user in a directory that all may write to is refused.
func MakeDir(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 && isPlanted(info, filepath.Dir(path)) {
		return plantedError(path)
	}
	return os.MkdirAll(path, 0o777)
}

func plantedError(path string) error {
	return fmt.Errorf("%s: %w: it is another user's symbolic link in a directory that all may write to", path, ErrForeign)
}

// follow returns the file that path names once symbolic links are followed, and whether it
// cannot be replaced but must be written to: it is no regular file, or a file that a process
// has opened, as /dev/stdout is.
func follow(path string) (target string, through bool, err error) {
	if target, err = filepath.Abs(path); err != nil {
		return "", false, err
	}
	for range 40 {
		if strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, "/dev/fd/") {
			return target, true, nil
		}
		info, err := os.Lstat(target)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return target, false, nil
		case err != nil:
			return "", false, err
		case info.IsDir():
			return "", false, fmt.Errorf("%s: it is a directory where a file is meant", path)
		case info.Mode()&fs.ModeSymlink == 0:
			return target, !info.Mode().IsRegular(), nil
		case isPlanted(info, filepath.Dir(target)):
			return "", false, plantedError(path)
		}
		link, err := os.Readlink(target)
		if err != nil {
			return "", false, err
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(target), link)
		}
		target = link
	}
	return "", false, fmt.Errorf("%s: too many symbolic links", path)
}

// writeThrough writes to a file that stays what it is. A pipe that nobody reads is an error.
func writeThrough(path string, write func(w io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|nonBlock, 0)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(f, 1<<16)
	if err = write(b); err == nil {
		err = b.Flush()
	}
	return errors.Join(err, f.Close())
}

// errTemp means that a temporary file could not be made.
var errTemp = errors.New("making a temporary file")

// replace writes a file whose name begins with the path temp and renames it to target, which
// is a regular file or not there. It removes what killed processes left of that name.
func replace(target, temp string, write func(w io.Writer) error) error {
	collect(temp)
	f, err := createTemp(temp)
	if err != nil {
		return fmt.Errorf("%w: %w", errTemp, err)
	}
	// It is closed last: until it has its name, its lock says that it is in use.
	b := bufio.NewWriterSize(f, 1<<16)
	if err = write(b); err == nil {
		err = b.Flush()
	}
	if err == nil {
		err = renameOver(f, target)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return errors.Join(err, f.Close())
}

// renameOver renames a file that was written to the target, whose mode and owner it takes if
// that is there. File and name are synced.
func renameOver(f *os.File, target string) error {
	if info, err := os.Lstat(target); err == nil && info.Mode().IsRegular() {
		copyOwner(f, info)
		if err := f.Chmod(info.Mode().Perm()); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return err
	}
	return syncDir(filepath.Dir(target))
}

const tempDigits = 16 // hex digits at the end of the name of a temporary file

// prefixOf returns how the names of temporary files begin that are to replace path or a file
// below it.
func prefixOf(path string) string { return "." + filepath.Base(path) + ".swab-" }

// createTemp makes a file whose name is temp and [tempDigits] digits, and locks it.
func createTemp(temp string) (*os.File, error) {
	for {
		f, err := os.OpenFile(fmt.Sprintf("%s%0*x", temp, tempDigits, rand.Uint64()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		locked := lockNow(f)
		held, err1 := f.Stat()
		named, err2 := os.Lstat(f.Name())
		if err1 == nil && err2 == nil && os.SameFile(held, named) {
			return f, nil // without a lock, where there are none, nobody collects it
		}
		f.Close() // collected before it was locked
		if !locked && err2 != nil && !errors.Is(err2, fs.ErrNotExist) {
			return nil, err2
		}
	}
}

// collect removes the temporary files of that prefix that no process has locked.
func collect(temp string) {
	dir, prefix := filepath.Split(temp)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), prefix)
		if digits, err := hex.DecodeString(rest); !ok || err != nil || 2*len(digits) != tempDigits || !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		f, err := os.OpenFile(path, os.O_RDWR|noFollow|nonBlock, 0)
		if err != nil {
			continue
		}
		held, err1 := f.Stat()
		named, err2 := os.Lstat(path)
		if lockNow(f) && err1 == nil && err2 == nil && os.SameFile(held, named) {
			os.Remove(path)
		}
		f.Close()
	}
}
