//go:build unix && !linux

package pipeline

import "testing"

func forget(b *testing.B, _ string) { b.Skip("this system cannot be made to forget a file") }
