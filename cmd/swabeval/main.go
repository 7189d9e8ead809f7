// Swabeval measures methods on a labelled test set: items of benchmarks planted in
// documents, disturbed in named ways, and texts that only look like items.
//
//	swabeval                            all methods on the development set
//	swabeval -set test -json eval.json  on the test set, with every misjudged item in a file
//	swabeval -methods gpt3 -list        one method, its misjudged items listed
//	swabeval -keep DIR                  leaves benchmarks, corpus, labels and audit in DIR
//
// The benchmarks and corpora are those of the folder $SWAB_DATA, or of ../shared/data
// beside the working directory, else a small set of the program's own. The test set is
// for measuring what is finished: what is tuned on it is not measured by it any more.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"swab/ngram/overlap"
	"swab/pipeline/eval"
)

const usage = `swabeval plants benchmark items in documents, disturbed in named ways, scans them,
and tells how right each method was: precision, recall, F1, and every class.

  swabeval                            all methods on the development set
  swabeval -set test -json eval.json  the test set; every misjudged item in a file
  swabeval -methods gpt3 -list        one method, its misjudged items listed
  swabeval -keep DIR                  leaves benchmarks, corpus, labels and audit in DIR`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && err != flag.ErrHelp {
		fmt.Fprintln(os.Stderr, "swabeval: error:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("swabeval", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintf(stderr, "%s\n\n", usage)
		flags.PrintDefaults()
	}
	set := flags.String("set", "dev", "dev or test: which of the two seeds")
	seed := flags.Uint64("seed", 0, "another seed")
	names := flags.String("methods", "", "methods, with commas between them (default: all)")
	file := flags.String("json", "", "file for the report with all figures and every misjudged item")
	keep := flags.String("keep", "", "new directory to leave the set and the audit in")
	list := flags.Bool("list", false, "list the misjudged items")
	own := flags.Bool("own", false, "use the program's own small set even where there are real data")
	perClass := flags.Int("per-class", 0, "plants of a class (default: 160; of the own set 8)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q: see -help", flags.Arg(0))
	}
	if *seed == 0 {
		switch *set {
		case "dev":
			*seed = eval.DevSeed
		case "test":
			*seed = eval.TestSeed
		default:
			return fmt.Errorf("unknown set %q: dev and test are known", *set)
		}
	}
	methods, err := choose(*names)
	if err != nil {
		return err
	}
	dir := *keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "swabeval-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	} else if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}

	began := time.Now()
	src, size := eval.Own(), eval.Size{PerClass: 8, Docs: 1500}
	if data := eval.Find("."); data != "" && !*own {
		fmt.Fprintln(stderr, "swabeval: sources:", data)
		size = eval.Size{}
		if src, err = eval.Real(ctx, data); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(stderr, "swabeval: sources: the program's own small set; SWAB_DATA names a folder with real benchmarks and corpora")
	}
	if *perClass > 0 {
		size.PerClass = *perClass
	}
	s, err := eval.Generate(*seed, src, size)
	if err != nil {
		return err
	}
	src = eval.Sources{}
	if err := s.Write(dir); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "swabeval: set made in %.1f s\n", time.Since(began).Seconds())
	began = time.Now()
	verdicts, err := eval.Scan(ctx, s, dir, methods)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "swabeval: scanned in %.1f s\n", time.Since(began).Seconds())
	report, err := eval.Score(s, verdicts)
	if err != nil {
		return err
	}
	if *file != "" {
		b, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return err
		}
		if err := writeWhole(*file, append(b, '\n')); err != nil {
			return err
		}
	}
	if err := report.Table(stdout); err != nil {
		return err
	}
	if *list {
		for _, m := range report.Methods {
			for _, x := range m.Misjudged {
				fmt.Fprintf(stdout, "%s\t%s/%s\t%s\twanted %s, is %s\tscore %.3f\t%d words\t%s\n", m.Method, x.Bench, x.Item, x.Class, x.Want, x.State, x.Score, x.Words, x.Doc)
			}
		}
	}
	return nil
}

// choose gives the methods named, or all.
func choose(names string) ([]*overlap.Method, error) {
	all, err := overlap.Methods(overlap.Settings{})
	if err != nil {
		return nil, err
	}
	if names == "" {
		return all, nil
	}
	var known []string
	for _, m := range all {
		known = append(known, m.Name)
	}
	var chosen []*overlap.Method
	for _, n := range strings.Split(names, ",") {
		i := slices.Index(known, n)
		if i < 0 {
			return nil, fmt.Errorf("unknown method %q: known are %s", n, strings.Join(known, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// writeWhole puts b at path, whole or not at all.
func writeWhole(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".swabeval-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
