package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// dialect is what comments and strings must not say, where a reader from the field expects
// returns, reports, is found in, valid, fix, candidate, threshold, false-positive rate.
var dialect = regexp.MustCompile(`(?i)\b(` + strings.Join([]string{
	"gives?", "gave", "stands?", "stood", "tells?", "told", "sound", "mend(s|ed)?", "anew", "blind",
	"sightings?", "spots?", "lens(es)?", "so many", "that many", "made otherwise", "of no meaning", "of no use",
	"looked? at", "looks at", "looked for", "takes? part", "taken for", "hands? out", "handed out", "held against", "holds? .* against",
	"at hand", "sees to it", "is there twice", "comes out", "put out", "wrong checksum", "cut short", "says otherwise",
}, "|") + `)\b`)

// bareWords are no names of functions: they do not say what a function does.
var bareWords = strings.Fields(`all also any away back bad before behind between both by each else few first for from
	good have in inside into is keep last least left like long look make many most near no none not of off on one only
	other out over put rest same see short single small so some such take tell that then there thing tiny to under up
	want wanted what when where which whole wide with within without`)

const maxLine = 120

// longLines are files of texts, which are not wrapped.
var longLines = map[string]bool{"cmd/swabgen/demo.go": true}

// TestWords holds the house style of words in every package, and in documents and the report's
// page: the field's terms, function names that say what they do, and lines that fit.
func TestWords(t *testing.T) {
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".") && name != "."):
			return fs.SkipDir
		case e.IsDir(), strings.HasSuffix(name, "_test.go"):
		case path.Ext(name) == ".go":
			checkWords(t, filepath.Join("../..", name), name)
		case slices.Contains([]string{".md", ".tmpl", ".js", ".yaml"}, path.Ext(name)), name == "Makefile":
			checkDocument(t, filepath.Join("../..", name), name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkDocument checks a text line by line, except code blocks, which quote documents.
func checkDocument(t *testing.T, file, name string) {
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	quoted := false
	for i, line := range strings.Split(string(src), "\n") {
		if strings.HasPrefix(line, "```") {
			quoted = !quoted
		}
		for _, word := range dialect.FindAllString(line, -1) {
			if !quoted {
				t.Errorf("%s:%d: %q: say it in the field's words", name, i+1, word)
			}
		}
	}
}

func checkWords(t *testing.T, file, name string) {
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(src), "\n") {
		if n := utf8.RuneCountInString(line); n > maxLine && !longLines[name] {
			t.Errorf("%s:%d: %d columns, at most %d", name, i+1, n, maxLine)
		}
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	check := func(pos token.Pos, text string) {
		for _, m := range dialect.FindAllStringIndex(text, -1) {
			line := fset.Position(pos).Line + strings.Count(text[:m[0]], "\n")
			t.Errorf("%s:%d: %q: say it in the field's words", name, line, text[m[0]:m[1]])
		}
	}
	for _, c := range f.Comments {
		for _, line := range c.List {
			check(line.Pos(), line.Text)
		}
	}
	if longLines[name] {
		return
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				check(n.Pos(), n.Value)
			}
		case *ast.FuncDecl:
			if slices.Contains(bareWords, n.Name.Name) {
				t.Errorf("%s:%d: %s does not say what the function does", name, fset.Position(n.Pos()).Line, n.Name.Name)
			}
		}
		return true
	})
}
