package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// floors says on which floor each package is. Imports go only to lower floors. Tens are
// the floors of the design, from n-grams (0) to the command (70).
var floors = map[string]int{
	"swab/cmd/swab":                   70,
	"swab/cmd/swabgen":                70,
	"swab/cmd/swabeval":               70,
	"swab/pipeline/eval":              61,
	"swab/pipeline":                   60,
	"swab/pipeline/page":              52,
	"swab/pipeline/review":            51,
	"swab/pipeline/export":            51,
	"swab/pipeline/results":           50,
	"swab/pipeline/score":             50,
	"swab/pipeline/match":             45,
	"swab/pipeline/report":            40,
	"swab/pipeline/audit":             35,
	"swab/pipeline/ledger":            30,
	"swab/pipeline/benchmark":         30,
	"swab/pipeline/record":            30,
	"swab/pipeline/rows":              20,
	"swab/pipeline/shard":             10,
	"swab/pipeline/publish":           10,
	"swab/pipeline/sample":            10,
	"swab/pipeline/metrics":           10,
	"swab/pipeline/internal/realdata": 10,
	"swab/ngram/align":                3,
	"swab/ngram/overlap":              3,
	"swab/ngram/substr":               3,
	"swab/ngram/bloom":                2,
	"swab/ngram/exact":                2,
	"swab/ngram":                      1,
	"swab/ngram/plain":                1,
	"swab/ngram/item":                 0,
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
			if lower, ok := floors[i]; ok && lower >= floor {
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
