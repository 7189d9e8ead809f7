package match

import (
	"strings"
	"testing"

	"swab/ngram"
)

// TestALaneStopsInsideADocument: after Stop no block is read any more, nor another document.
func TestALaneStopsInsideADocument(t *testing.T) {
	lane := (&Set{}).NewLane()
	blocks := 0
	lane.Begin("s", func(*ngram.Scanner) {
		if blocks++; blocks == 2 {
			lane.Stop()
		}
	})
	text := []byte(strings.Repeat("one word and another ", 100_000))
	lane.Document(0, "", text)
	lane.Document(1, "", text)
	if blocks != 2 {
		t.Errorf("%d blocks were read, want 2", blocks)
	}
}
