//go:build !unix

package publish

import (
	"io/fs"
	"os"

	"github.com/gofrs/flock"
)

const (
	noFollow = 0
	nonBlock = 0
)

func isMount(dir, parent string) bool { return false }

// syncDir does nothing: these systems have no such call.
func syncDir(path string) error { return nil }

// lockNow does nothing, so that no temporary file of a killed run is collected.
func lockNow(f *os.File) bool { return false }

func noLocks(err error) bool { return false }

func copyOwner(f *os.File, info fs.FileInfo) {}

func isPlanted(link fs.FileInfo, dir string) bool { return false }

func checkOwner(work string, info fs.FileInfo) error { return nil }

// release unlocks the lock file and then removes it: an open file cannot be removed on
// these systems, so one that the next owner has opened remains.
func release(work *os.Root, lock *flock.Flock) error {
	err := lock.Unlock()
	work.Remove(lockFile)
	return err
}
