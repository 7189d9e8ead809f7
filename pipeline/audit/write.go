package audit

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"swab/pipeline/publish"

	"github.com/zeebo/xxh3"
)

// Writer writes verdicts and evidence into a directory. Memory is bounded by
// one Parquet row group of each. It is for one goroutine.
type Writer struct {
	files    []*output
	verdicts forms
	evidence forms
	verdict  Verdict  // the row being written; the columns of verdicts point into it
	proof    Evidence // the same for evidence
	err      error
}

// forms writes one kind of row in both forms, JSON lines and Parquet.
type forms struct {
	lines io.Writer
	line  []byte // the last line
	*table
}

// add writes the row of the present values of the columns' fields.
func (f *forms) add() (err error) {
	if f.line, err = appendLine(f.line[:0], f.columns); err != nil {
		return err
	}
	if _, err := f.lines.Write(f.line); err != nil {
		return err
	}
	return f.table.add()
}

// output is a buffered output file. The writer on top of it cannot close it.
type output struct {
	*bufio.Writer
	f *os.File
}

// Create creates the files of verdicts and evidence in dir, which must not have them yet.
// Both forms hold the same rows, in the order in which they are written, with the same
// columns in the same order. Equal rows are written as equal bytes. Text is valid UTF-8 in
// both: a byte that is not part of a character becomes U+FFFD.
//
// With filter, verdicts have the columns chance and segments too.
func Create(dir string, filter bool) (*Writer, error) {
	w := new(Writer)
	w.verdicts = w.forms(dir, VerdictsLines, VerdictsFile, columnsOf(&w.verdict, filter))
	w.evidence = w.forms(dir, EvidenceLines, EvidenceFile, columnsOf(&w.proof, false))
	if w.err != nil {
		return nil, errors.Join(w.err, w.closeFiles())
	}
	return w, nil
}

func (w *Writer) forms(dir, lines, parquet string, columns []column) forms {
	text, rows := w.create(dir, lines), w.create(dir, parquet)
	if w.err != nil {
		return forms{}
	}
	f := forms{lines: text}
	f.table, w.err = newTable(rows, columns)
	return f
}

func (w *Writer) create(dir, name string) io.Writer {
	if w.err != nil {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		w.err = err
		return nil
	}
	w.files = append(w.files, &output{bufio.NewWriterSize(f, 1<<18), f})
	return w.files[len(w.files)-1].Writer
}

// Verdict writes v, which it does not change or keep. After an error every
// further call returns the same error.
func (w *Writer) Verdict(v *Verdict) error {
	if w.err != nil {
		return w.err
	}
	r := &w.verdict
	parts := append(r.Parts[:0], v.Parts...)
	*r = *v
	if r.Parts = parts; parts == nil {
		r.Parts = []string{}
	}
	for _, s := range []*string{&r.Method, &r.Benchmark, &r.Split, &r.Item, &r.Digest, &r.Seen, &r.Kind} {
		*s = validText(*s)
	}
	for i, part := range r.Parts {
		r.Parts[i] = validText(part)
	}
	if err := r.check(); err != nil {
		w.err = fmt.Errorf("verdict of %s on %s/%s/%s: %w", r.Method, r.Benchmark, r.Split, r.Item, err)
	} else if err := w.verdicts.add(); err != nil {
		w.err = fmt.Errorf("verdicts: %w", err)
	}
	return w.err
}

// Evidence writes e, which it does not change or keep. After an error every
// further call returns the same error.
func (w *Writer) Evidence(e *Evidence) error {
	if w.err != nil {
		return w.err
	}
	r := &w.proof
	*r = *e
	for _, s := range []*string{&r.Benchmark, &r.Split, &r.Item, &r.Part, &r.Shard, &r.DocID, &r.DocText, &r.Norm} {
		*s = validText(*s)
	}
	if err := w.evidence.add(); err != nil {
		w.err = fmt.Errorf("evidence: %w", err)
	}
	return w.err
}

// validText returns s with each invalid byte replaced by U+FFFD.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// Close completes the files and syncs them. If it or any earlier call failed, the files are
// incomplete and the error says why.
func (w *Writer) Close() error {
	if w.err == nil {
		w.err = errors.Join(w.verdicts.close(), w.evidence.close())
	}
	for _, f := range w.files {
		if w.err == nil {
			w.err = f.Flush()
		}
		if w.err == nil {
			w.err = f.f.Sync()
		}
	}
	if err := w.closeFiles(); w.err == nil {
		w.err = err
	}
	err := w.err
	if err == nil {
		w.err = errors.New("the audit's writer is closed")
	}
	return err
}

func (w *Writer) closeFiles() error {
	var errs []error
	for _, f := range w.files {
		errs = append(errs, f.f.Close())
	}
	w.files = nil
	return errors.Join(errs...)
}

// Seal writes audit.json below root: a with the size and digest of each file, which are to be
// complete. It reads the files again, which are still in the system's page cache.
func Seal(root string, a *Audit) error {
	names, err := listed(os.DirFS(root))
	if err != nil {
		return err
	}
	a.Files = make([]FileDigest, len(names))
	for i, name := range names {
		if a.Files[i], err = digestFile(root, name); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(root, File))
	if err != nil {
		return err
	}
	return errors.Join(Write(f, a), f.Close())
}

// listed returns, in order, the names of all files that audit.json has to list.
func listed(dir fs.FS) (names []string, err error) {
	err = fs.WalkDir(dir, ".", func(path string, e fs.DirEntry, err error) error {
		top, _, _ := strings.Cut(path, "/")
		switch {
		case err != nil:
			return err
		case slices.Contains(unlisted, top) || e.Name() == publish.FinderFile:
			if e.IsDir() {
				return fs.SkipDir
			}
		case !e.IsDir():
			names = append(names, path)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// digestFile reads a file below root, named with slashes.
func digestFile(root, name string) (FileDigest, error) {
	f, err := os.Open(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return FileDigest{}, err
	}
	defer f.Close()
	return digestOf(f, name)
}

func digestOf(f *os.File, name string) (FileDigest, error) {
	info, err := f.Stat()
	if err != nil {
		return FileDigest{}, err
	}
	sum, size := xxh3.New(), info.Size()
	n, err := io.CopyBuffer(struct{ io.Writer }{sum}, io.NewSectionReader(f, 0, size), make([]byte, min(size+1, 1<<20)))
	digest := sum.Sum128().Bytes()
	return FileDigest{name, n, hex.EncodeToString(digest[:])}, err
}
