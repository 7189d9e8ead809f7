//go:build !linux

package publish

import "errors"

// syncFileSystem is not supported on other systems.
func syncFileSystem(string) error { return errors.ErrUnsupported }

func exchange(a, b string) error { return errors.ErrUnsupported }
