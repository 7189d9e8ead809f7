package publish

import (
	"bufio"
	"io"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// ReplaceFile replaces a file of a published directory in one step. It is for files that
// are added to an audit later, such as marks and scores. Until the file is complete it is
// beside the directory, where that can be written: a killed process must not leave a file
// in the directory, which the next run would then refuse to replace.
func ReplaceFile(path string, write func(w io.Writer) error) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	dir := filepath.Dir(abs)
	f, err := renameio.NewPendingFile(abs, renameio.WithTempDir(filepath.Dir(dir)), renameio.WithPermissions(0o644))
	if err != nil {
		f, err = renameio.NewPendingFile(abs, renameio.WithTempDir(dir), renameio.WithPermissions(0o644))
	}
	if err != nil {
		return err
	}
	return fillPending(f, write)
}

// WriteFile writes a file outside of published directories, in one step: until it is
// complete it has another name.
func WriteFile(path string, write func(w io.Writer) error) error {
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	return fillPending(f, write)
}

// fillPending writes a pending file and renames it, or leaves nothing of it behind.
func fillPending(f *renameio.PendingFile, write func(w io.Writer) error) error {
	defer f.Cleanup()
	b := bufio.NewWriterSize(f, 1<<16)
	if err := write(b); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}
