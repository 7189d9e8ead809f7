package publish

import (
	"bufio"
	"io"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// ReplaceFile writes a file of a published directory anew, in one step. It is for what
// is added to an audit later, by people or from it. Until it is whole it lies beside
// the directory, where that can be written: a process that is killed leaves nothing in
// the directory, which the next run would refuse to replace.
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

// WriteFile writes a file that is no part of a published directory. It appears when it is
// whole; until then it lies beside it.
func WriteFile(path string, write func(w io.Writer) error) error {
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
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
