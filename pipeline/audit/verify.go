package audit

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"swab/pipeline/ledger"
)

// Verify compares every file of the audit in dir with audit.json, reads the verdicts and
// the evidence, and checks that the report and the scores were made from these verdicts.
// The error names each file that does not agree; files is the number of files compared.
// Results of single shards are private to the runs and are not compared.
func Verify(ctx context.Context, dir string) (files int, err error) {
	r, err := Open(dir)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	names, err := listed(os.DirFS(dir))
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, want := range r.About.Files {
		path := filepath.Join(dir, filepath.FromSlash(want.Name))
		at, found := slices.BinarySearch(names, want.Name)
		if !found {
			errs = append(errs, fmt.Errorf("%s: %w: it is missing", path, ledger.ErrCorrupt))
			continue
		}
		names = slices.Delete(names, at, at+1)
		have, err := digestFile(dir, want.Name)
		if err == nil {
			err = want.compare(path, have)
		}
		if err == nil {
			files++
		}
		errs = append(errs, err, ctx.Err())
	}
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		errs = append(errs, fmt.Errorf("%s: %w: %s does not list it", path, ledger.ErrCorrupt, File))
	}
	if errors.Join(errs...) == nil {
		_, err := r.Table(ctx)
		errs = append(errs, err)
		for _, err := range r.Evidence(ctx) {
			errs = append(errs, err)
		}
	}
	_, err = LoadMarks(dir)
	errs = append(errs, err)
	digests := map[string]func([]byte) string{
		ReportFile: reportDigest, ScoresFile: scoresDigest, CurveFile: curveDigest, PredictFile: scoresDigest,
	}
	for name, digest := range digests {
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist), name == CurveFile && bytes.Count(b, []byte("\n")) == 1: // no rows, no curves
			continue
		case err == nil:
			if err = ledger.CheckObject(b); err != nil {
				err = fmt.Errorf("%s: %w", path, err)
			}
			err = errors.Join(err, r.About.CheckMadeFrom(path, digest(b)))
		}
		errs = append(errs, err)
		files++
	}
	return files, errors.Join(errs...)
}

// CheckMadeFrom returns an error unless digest, which the file at path carries, is that of
// the audit's verdicts.
func (a *Audit) CheckMadeFrom(path, digest string) error {
	if digest == a.VerdictsDigest() {
		return nil
	}
	return fmt.Errorf("%s: %w: it was computed from other verdicts; write it again with swab score or swab report",
		path, ledger.ErrCorrupt)
}

// reportMark precedes the digest in report.html.
const reportMark = `<meta name="swab-verdicts" content="`

func reportDigest(b []byte) string {
	_, rest, _ := bytes.Cut(b, []byte(reportMark))
	digest, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(digest)
}

func scoresDigest(b []byte) string {
	var s struct{ Verdicts string }
	if json.Unmarshal(b, &s) != nil {
		return ""
	}
	return s.Verdicts
}

// curveDigest returns the digest that all rows of curve.csv have in their last column.
func curveDigest(b []byte) string {
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil || len(rows) < 2 {
		return ""
	}
	digest := rows[1][len(rows[1])-1]
	for _, row := range rows[1:] {
		if row[len(row)-1] != digest {
			return ""
		}
	}
	return digest
}
