package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"swab/pipeline/audit"
	"swab/pipeline/page"
	"swab/pipeline/publish"
	"swab/pipeline/report"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func reportCommand() *cobra.Command {
	var o page.Options
	var out, dir string
	c := &cobra.Command{
		Use:   "report [--audit] DIR",
		Short: "Write an audit as one HTML file that needs no network",
		Long: `Write DIR/report.html: the benchmarks and the corpus, the verdict on each benchmark,
every item with its evidence, plots, and the exact method, in one file that opens
from disk in any browser and makes no network requests.

scan, check and score write it too, unless --no-report is set. This verb writes it
again: after swab review, with other scores, or elsewhere with --out.

The items' own texts are read again from the benchmark files that the audit names.
If those are missing or changed, the report says so and shows only the matched words.`,
		Example: `  swab report audit
  swab report audit --scores scores.json --out for-the-meeting.html
  swab report audit --no-texts --out -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := auditArg(cmd, &dir, args); err != nil {
				return err
			}
			o.Definitions = definitions()
			var err error
			switch out {
			case "-":
				return page.Write(cmd.Context(), dir, cmd.OutOrStdout(), o)
			case "":
				out = filepath.Join(dir, audit.ReportFile)
				err = writeReport(cmd.Context(), dir, o)
			default:
				err = publish.WriteFile(out, func(w io.Writer) error { return page.Write(cmd.Context(), dir, w, o) })
			}
			if err != nil {
				return err
			}
			info, err := os.Stat(out)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "swab: wrote %s, %s\n", out, report.Bytes(info.Size()))
			return nil
		},
	}
	addFlags(c, "Input", func(f *pflag.FlagSet) {
		auditFlag(f, &dir)
		f.StringVar(&o.Scores, "scores", "", "`FILE` scores written by swab score (default DIR/scores.json, if it exists)")
		f.BoolVar(&o.NoTexts, "no-texts", false, "do not read the benchmarks again; show only the words that match")
	})
	addFlags(c, "Output", func(f *pflag.FlagSet) {
		f.StringVar(&out, "out", "", "`FILE` file to write, or - for stdout (default DIR/report.html)")
	})
	return c
}

// writeReport writes the report of an audit into it.
func writeReport(ctx context.Context, dir string, o page.Options) error {
	locked, err := publish.Lock(dir)
	if err != nil {
		return err
	}
	return errors.Join(page.WriteInto(ctx, locked, o), locked.Close())
}

// definitions returns the definitions of all methods, for the report.
func definitions() (list []page.Definition) {
	for _, m := range builtinMethods() {
		list = append(list, page.Definition{Name: m.Name, Version: m.Version, Text: m.Text, Source: m.Source})
	}
	return list
}
