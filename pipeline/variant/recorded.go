package variant

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Recorded opens a benchmark's file again as an audit recorded it: from its path,
// its split and the benchmark's [Benchmark.Mapping]. Whether the file still is what it
// was, the caller sees by the digests of its items.
func Recorded(name, path, split, mapping string) (*Benchmark, error) {
	f, ok := newFile(path, filepath.Base(path))
	if !ok {
		return nil, fmt.Errorf("benchmark %s: %s: unknown ending", name, show(path))
	}
	f.Split = split
	fields, ok := recordedUse(mapping, split)
	if !ok {
		return nil, fmt.Errorf("benchmark %s: %s: no fields are recorded for it", name, show(path))
	}
	if err := f.detect(); err != nil {
		return nil, fmt.Errorf("benchmark %s: %w", name, err)
	}
	if f.table() {
		at := strings.LastIndex(fields, " header=")
		if at < 0 {
			return nil, fmt.Errorf("benchmark %s: %s: it is not recorded whether it has a header", name, show(path))
		}
		f.layout.Header = strings.Contains(fields[at:], "header=true")
		f.layout.Quotes = strings.Contains(fields[at:], "quotes=true")
		fields = fields[:at]
	}
	var err error
	if f.mapping, err = parseMapping(fields); err != nil {
		return nil, fmt.Errorf("benchmark %s: %w", name, err)
	}
	return &Benchmark{Name: name, Files: []File{f}, Mapping: mapping}, nil
}

// recordedUse finds in a mapping, as mapped wrote it, what is said of a split.
func recordedUse(mapping, split string) (string, bool) {
	uses := strings.Split(mapping, "; ")
	if len(uses) == 1 {
		return mapping, true
	}
	for _, use := range uses {
		fields, splits, _ := strings.Cut(use, " in ")
		if strings.Contains(" "+splits+" ", " "+split+" ") {
			return fields, true
		}
	}
	return "", false
}
