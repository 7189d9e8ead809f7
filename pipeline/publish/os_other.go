//go:build !unix

package publish

import (
	"os"

	"github.com/gofrs/flock"
)

func isMount(dir, parent string) bool { return false }

// syncDir does nothing: there is no such call.
func syncDir(path string) error { return nil }

// release removes the lock file after letting go of it: an open file cannot be
// removed here, and so one that the next owner has opened stays.
func release(lock *flock.Flock) error {
	err := lock.Unlock()
	os.Remove(lock.Path())
	return err
}
