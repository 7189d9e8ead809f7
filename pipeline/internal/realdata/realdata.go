// Package realdata finds the real benchmarks and corpora that tests run on when
// they are present beside the project.
package realdata

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Dir returns the folder that holds the real data: $SWAB_DATA, else shared/data
// beside the project's root. Where there is none, or with -short, it skips the test and
// says so.
func Dir(tb testing.TB) string {
	tb.Helper()
	if _, test := tb.(*testing.T); test && testing.Short() {
		tb.Skip("skipped with -short: real data takes minutes; make check runs it")
	}
	dir := os.Getenv("SWAB_DATA")
	if dir == "" {
		_, file, _, _ := runtime.Caller(0)
		dir = filepath.Join(filepath.Dir(file), "../../../../shared/data")
	}
	if _, err := os.Stat(filepath.Join(dir, "README.md")); err != nil {
		tb.Skipf("real data not present (%v): set SWAB_DATA to its folder to run this test", err)
	}
	return dir
}
