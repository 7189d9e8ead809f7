//go:build unix

package export

import (
	"errors"
	"os"
)

// syncDir makes renames and new files of a directory safe from a power cut.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
