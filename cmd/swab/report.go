package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"swab/ngram/overlap"
	"swab/pipeline/page"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"
)

func reportCommand() *cobra.Command {
	var o page.Options
	var out string
	c := &cobra.Command{
		Use:   "report DIR",
		Short: "Write an audit as one HTML file that needs no network",
		Long: `Write DIR/report.html: what was checked against what, the verdict on each benchmark,
every item with its evidence, plots, and the exact method, in one file that opens
from disk in any browser and asks no network for anything.

scan, check and score write it too, unless --no-report is given. This verb makes it
again: after swab review, with other scores, or elsewhere with --out.

The items' own texts are read again from the benchmark files that the audit names.
Where those are gone or changed, the report says so and shows the matched words.`,
		Example: `  swab report audit
  swab report audit --scores scores.json --out for-the-meeting.html
  swab report audit --no-texts --out -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Definitions = definitions()
			var err error
			switch out {
			case "-":
				return page.Write(cmd.Context(), args[0], cmd.OutOrStdout(), o)
			case "":
				out = filepath.Join(args[0], page.File)
				err = page.WriteFile(cmd.Context(), args[0], o)
			default:
				err = writeFile(out, func(w io.Writer) error { return page.Write(cmd.Context(), args[0], w, o) })
			}
			if err != nil {
				return err
			}
			info, err := os.Stat(out)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "swab: wrote %s, %s\n", out, size(info.Size()))
			return nil
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&out, "out", "", "file to write, or - for stdout (default DIR/report.html)")
	f.StringVar(&o.Scores, "scores", "", "what swab score wrote (default DIR/scores.json, if it is there)")
	f.BoolVar(&o.NoTexts, "no-texts", false, "do not read the benchmarks again; show only the words that match")
	return c
}

// writeFile writes a file that appears when it is complete.
func writeFile(out string, write func(io.Writer) error) error {
	f, err := renameio.NewPendingFile(out, renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	defer f.Cleanup()
	if err := write(f); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

// definitions are those of all methods, for the report.
func definitions() (list []page.Definition) {
	all, err := overlap.Methods(overlap.Settings{})
	if err != nil {
		panic(err) // nothing was set that could be wrong
	}
	for _, m := range all {
		list = append(list, page.Definition{Name: m.Name, Version: m.Version, Text: m.Text, Source: m.Source})
	}
	return list
}
