package score

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"swab/pipeline/audit"
	"swab/pipeline/publish"
)

// kind is what publish knows of a directory of scores.
var kind = publish.Kind{
	Name: "a directory of scores", Mark: audit.ScoresFile,
	Names: []string{audit.ScoresFile, "scores.csv", "scores.md", audit.CurveFile}, Check: checkFiles,
}

// checkFiles checks that a directory has scores of swab and no directory in place of a file.
func checkFiles(tree fs.FS) error {
	entries, err := fs.ReadDir(tree, ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			return publish.Added(e.Name())
		}
	}
	f, err := tree.Open(audit.ScoresFile)
	if err != nil {
		return err
	}
	defer f.Close()
	if !publish.IsMark(f) {
		return fmt.Errorf("%w: its %s is not one that swab wrote", publish.ErrForeign, audit.ScoresFile)
	}
	return nil
}

// files returns what a directory of scores holds, and how each file is written.
func (t *Table) files() map[string]func(io.Writer) error {
	as := func(format string) func(io.Writer) error {
		return func(w io.Writer) error { return t.Write(w, format, 0) }
	}
	return map[string]func(io.Writer) error{
		audit.ScoresFile: as("json"), "scores.csv": as("csv"), "scores.md": as("markdown"), audit.CurveFile: t.WriteCurves,
	}
}

// fileFormat returns the format that the ending of a file's name asks for; "" for a
// directory.
func fileFormat(out string) string {
	return map[string]string{".json": "json", ".csv": "csv", ".md": "markdown", ".tex": "latex"}[filepath.Ext(out)]
}

// Savable reports why Save would refuse out: it would destroy what Save did not write.
func Savable(out string) error {
	if fileFormat(out) == "" {
		return publish.Replaceable(out, &kind)
	}
	if info, err := os.Stat(out); err == nil && info.IsDir() {
		return fmt.Errorf("%s: %w: it is a directory where a file is meant", out, publish.ErrForeign)
	}
	return nil
}

// Save writes the table to a file, in the format of its ending, or all formats and the
// curves into a directory. Either appears whole.
func (t *Table) Save(out string) error {
	if format := fileFormat(out); format != "" {
		return publish.WriteFile(out, func(w io.Writer) error { return t.Write(w, format, 0) })
	}
	dir, err := publish.Open(out, &kind)
	if err != nil {
		return err
	}
	err = dir.Publish(nil, func(root string) error {
		files := t.files()
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if err := publish.WriteFile(filepath.Join(root, name), files[name]); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, dir.Close())
}

// SaveInto puts scores and curves into the directory of an audit, which the caller has locked
// since before it read the verdicts.
func (t *Table) SaveInto(dir *publish.Dir) error {
	files := t.files()
	for _, name := range []string{audit.CurveFile, audit.ScoresFile} {
		if err := dir.Replace(name, files[name]); err != nil {
			return err
		}
	}
	return nil
}
