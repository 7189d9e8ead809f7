//go:build !linux

package publish

import (
	"errors"
	"os"
)

// syncFileSystem is not supported on other systems.
func syncFileSystem(string) error { return errors.ErrUnsupported }

func exchange(a, b string) error { return errors.ErrUnsupported }

// shareBlocks is not supported on other systems.
func shareBlocks(to, from *os.File) error { return errors.ErrUnsupported }
