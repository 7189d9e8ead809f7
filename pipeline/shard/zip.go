package shard

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ZipEnding ends the names of archives whose members are files of their own: the path of an archive
// and below it that of a member, as in data.zip/test.jsonl, name one.
const ZipEnding = ".zip"

// cutZip cuts a path at the archive that it leads through.
func cutZip(name string) (archive, member string, ok bool) {
	for from := 0; ; {
		i := strings.Index(strings.ToLower(name[from:]), ZipEnding+string(os.PathSeparator))
		if i < 0 {
			return "", "", false
		}
		from += i + len(ZipEnding)
		if info, err := os.Stat(name[:from]); err == nil && info.Mode().IsRegular() {
			return name[:from], filepath.ToSlash(name[from+1:]), true
		}
	}
}

// openFile opens a file of the disk, or the member of an archive. A named pipe does not block.
func openFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if !errors.Is(err, syscall.ENOTDIR) {
		return f, err
	}
	if archive, member, ok := cutZip(name); ok {
		return openMember(archive, member)
	}
	return nil, err
}

// openMember returns a temporary file, which has no name any more, with the bytes of an archive's member.
// They are no more than the archive's list of members says, and have its checksum.
func openMember(archive, member string) (*os.File, error) {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	in, err := z.Open(member)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	if h, ok := info.Sys().(*zip.FileHeader); ok && h.Flags&1 != 0 {
		return nil, errors.New("a member of a zip archive with a password (unzip asks for it)")
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: member, Err: fs.ErrInvalid}
	}
	f, err := os.CreateTemp("", "swab-zip-*")
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(f, in)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err = errors.Join(err, os.Remove(f.Name())); err != nil {
		f.Close()
		return nil, fmt.Errorf("unpacking a member of a zip archive: %w", err)
	}
	return f, nil
}
