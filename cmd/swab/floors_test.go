package main

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// floors says on which floor each package stands. Imports go only downwards.
var floors = map[string]int{
	"swab/cmd/swab":                   6,
	"swab/cmd/swabgen":                6,
	"swab/cmd/swabeval":               6,
	"swab/pipeline/eval":              5,
	"swab/pipeline":                   4,
	"swab/pipeline/ledger":            3,
	"swab/pipeline/report":            3,
	"swab/pipeline/score":             3,
	"swab/pipeline/variant":           3,
	"swab/pipeline/results":           3,
	"swab/pipeline/export":            3,
	"swab/pipeline/findings":          3,
	"swab/pipeline/review":            3,
	"swab/pipeline/page":              3,
	"swab/ngram/align":                2,
	"swab/ngram/bloom":                2,
	"swab/ngram/exact":                2,
	"swab/ngram/overlap":              2,
	"swab/ngram/substr":               2,
	"swab/ngram/plain":                1,
	"swab/ngram":                      1,
	"swab/ngram/item":                 0,
	"swab/pipeline/record":            3,
	"swab/pipeline/rows":              2,
	"swab/pipeline/shard":             1,
	"swab/pipeline/publish":           1,
	"swab/pipeline/sample":            1,
	"swab/pipeline/metrics":           1,
	"swab/pipeline/internal/realdata": 0,
}

// Neighbours that may import each other although they stand on one floor.
var beside = map[string][]string{
	"swab/ngram/overlap":     {"swab/ngram/exact"},
	"swab/ngram/substr":      {"swab/ngram/exact"},
	"swab/pipeline/results":  {"swab/pipeline/ledger", "swab/pipeline/report", "swab/pipeline/variant"},
	"swab/pipeline/score":    {"swab/pipeline/report"},
	"swab/pipeline/export":   {"swab/pipeline/ledger", "swab/pipeline/results", "swab/pipeline/variant"},
	"swab/pipeline/findings": {"swab/pipeline/ledger", "swab/pipeline/report", "swab/pipeline/variant"},
	"swab/pipeline/review":   {"swab/pipeline/ledger", "swab/pipeline/report", "swab/pipeline/findings"},
	"swab/pipeline/page":     {"swab/pipeline/ledger", "swab/pipeline/report", "swab/pipeline/findings", "swab/pipeline/review"},
}

func TestImportsGoDownwards(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "swab/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		floor, ok := floors[p.ImportPath]
		if !ok {
			t.Errorf("%s has no floor", p.ImportPath)
		}
		seen++
		for _, i := range p.Imports {
			if lower, ok := floors[i]; ok && lower >= floor && !slices.Contains(beside[p.ImportPath], i) {
				t.Errorf("%s on floor %d imports %s on floor %d", p.ImportPath, floor, i, lower)
			}
			if strings.HasPrefix(p.ImportPath, "swab/ngram") {
				switch {
				case strings.Contains(i, "apache/arrow"), i == "os", i == "time", i == "log", i == "log/slog", strings.HasPrefix(i, "swab/pipeline"):
					t.Errorf("%s imports %s: n-grams know no Arrow, files, clocks or logs", p.ImportPath, i)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d packages seen", seen)
	}
}
