//go:build linux && !race

package bloom

import (
	"strings"
	"testing"

	"swab/ngram"
)

func TestNewWithoutMemory(t *testing.T) {
	p, err := NewPlan(maxParts*partBytes, 0.01)
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(p, ngram.Words(8))
	if err == nil {
		f.Close()
		t.Skip("this system promises a TiB of memory to whoever asks")
	}
	if !strings.Contains(err.Error(), "1099511627776 bytes of memory") {
		t.Fatal(err)
	}
}
