//go:build !unix

package publish

import (
	"os"

	"github.com/gofrs/flock"
)

func isMount(dir, parent string) bool { return false }

// syncDir does nothing: these systems have no such call.
func syncDir(path string) error { return nil }

// release unlocks the lock file and then removes it: an open file cannot be removed on
// these systems, so one that the next owner has opened remains.
func release(lock *flock.Flock) error {
	err := lock.Unlock()
	os.Remove(lock.Path())
	return err
}
