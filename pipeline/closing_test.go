package pipeline

import (
	"errors"
	"fmt"
	"testing"

	"swab/pipeline/publish"
)

// Whether an audit was published does not depend on its filter, which has a directory and a
// fate of its own.
func TestJoinClosing(t *testing.T) {
	failed, published := errors.New("no space"), fmt.Errorf("out is %w, but", publish.ErrPublished)
	for _, c := range []struct {
		run, closing error
		published    bool
	}{
		{failed, published, false},
		{failed, failed, false},
		{failed, nil, false},
		{published, failed, true},
		{published, published, true},
		{nil, failed, true},
		{nil, published, true},
	} {
		err := joinClosing(c.run, c.closing)
		if err == nil || errors.Is(err, publish.ErrPublished) != c.published {
			t.Errorf("%v, %v: %v; published %v", c.run, c.closing, err, c.published)
		}
	}
	if err := joinClosing(nil, nil); err != nil {
		t.Error(err)
	}
}
