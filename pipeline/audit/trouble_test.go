package audit

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

// A benchmark's file that is missing or not valid is told and passed over; trouble of the
// machine is not, since the next run may not have it.
func TestMachineTrouble(t *testing.T) {
	for err, want := range map[error]bool{
		&fs.PathError{Op: "open", Path: "b.jsonl", Err: syscall.EMFILE}:                true,
		fmt.Errorf("b: %w", &fs.PathError{Op: "read", Path: "b", Err: syscall.EIO}):    true,
		fmt.Errorf("b: %w", &fs.PathError{Op: "open", Path: "b", Err: os.ErrNotExist}): false,
		fs.ErrPermission: false,
	} {
		if got := isMachineTrouble(err); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}
