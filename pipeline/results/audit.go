package results

import "errors"

// LoadAudit reads an audit's items and verdicts. With needText it reads the
// benchmarks' files again for the questions; ErrChanged if they are not what was
// audited.
func LoadAudit(dir string, needText bool) (*Audit, error) { return nil, errors.New("not yet") }
