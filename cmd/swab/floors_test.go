package main

import (
	"encoding/json"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// floors says on which floor each package is. Imports go only to lower floors. Tens are
// the floors of the design, from n-grams (0) to the command (70).
var floors = map[string]int{
	"swab/cmd/swab":                   70,
	"swab/cmd/swabgen":                70,
	"swab/cmd/swabeval":               70,
	"swab/cmd/swabtorture":            70,
	"swab/pipeline/eval":              61,
	"swab/pipeline":                   60,
	"swab/pipeline/page":              52,
	"swab/pipeline/card":              51,
	"swab/pipeline/review":            51,
	"swab/pipeline/export":            51,
	"swab/pipeline/results":           50,
	"swab/pipeline/score":             50,
	"swab/pipeline/predict":           50,
	"swab/pipeline/match":             45,
	"swab/pipeline/filter":            45,
	"swab/pipeline/report":            40,
	"swab/pipeline/audit":             35,
	"swab/pipeline/ledger":            30,
	"swab/pipeline/benchmark":         30,
	"swab/pipeline/record":            30,
	"swab/pipeline/rows":              20,
	"swab/pipeline/shard":             10,
	"swab/pipeline/store":             5,
	"swab/pipeline/store/storetest":   4,
	"swab/pipeline/tokenizer":         10,
	"swab/pipeline/publish":           10,
	"swab/pipeline/sample":            10,
	"swab/pipeline/metrics":           20,
	"swab/pipeline/internal/realdata": 10,
	"swab/ngram/align":                3,
	"swab/ngram/reworded":             3,
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

// filesOfPipeline lists the files of package pipeline from the lowest floor to the highest.
var filesOfPipeline = []string{
	"read.go", "lane.go", "list.go", "index.go", "ranges.go", "kept.go", "translated.go", "run.go", "changes.go", "publish.go", "plan.go", "merge.go",
	"work.go", "scan.go", "check.go", "dependence.go", "score.go", "predict.go",
	"cut.go", "drops.go", "marks.go", "cleaned.go", "parts.go", "decontaminate.go",
}

// TestFilesOfPipelineGoDownwards: no file of package pipeline uses what a file that is
// listed behind it declares, methods included.
func TestFilesOfPipelineGoDownwards(t *testing.T) {
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}\t{{.Dir}}\t{{.GoFiles}}", "swab/pipeline").Output()
	if err != nil {
		t.Fatal(err)
	}
	export := map[string]string{}
	var dir, listed string
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		export[f[0]], dir, listed = f[1], f[2], f[3] // pipeline comes last
	}
	fset := token.NewFileSet()
	var files []*ast.File
	rank := map[string]int{}
	for i, name := range filesOfPipeline {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files, rank[name] = append(files, f), i
	}
	if got := len(strings.Fields(strings.Trim(listed, "[]"))); got != len(files) {
		t.Errorf("package pipeline has %d files, of which %d have a floor", got, len(files))
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(export[path]) })}
	pkg, err := conf.Check("swab/pipeline", fset, files, info)
	if err != nil {
		t.Fatal(err)
	}
	uses := 0
	for id, o := range info.Uses {
		if o.Pkg() != pkg {
			continue
		}
		from, to := fset.Position(id.Pos()), fset.Position(o.Pos())
		if rank[filepath.Base(from.Filename)] < rank[filepath.Base(to.Filename)] {
			t.Errorf("%v uses %s of %v, which is above it", from, o.Name(), to)
		}
		uses++
	}
	if uses < 100 {
		t.Errorf("only %d uses seen", uses)
	}
}
