package results

import "errors"

// Join joins results with items: one Join a model and benchmark, sorted by both.
func (a *Audit) Join(files []File, o JoinOptions) ([]Join, error) { return nil, errors.New("not yet") }
