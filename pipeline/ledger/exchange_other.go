//go:build !linux

package ledger

import "errors"

func exchange(a, b string) error { return errors.ErrUnsupported }
