package main

import (
	"io"
	"slices"
	"strings"

	"swab/pipeline/card"
	"swab/pipeline/publish"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func compareCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "compare OLD NEW",
		Short: "Show what differs between two audits, and why",
		Long: `Show which items of the benchmarks two audits judge differently: newly found, no longer found,
or of another kind, and why: a document that only one corpus has, another version of the method,
or another reading of the benchmark. Items are the same if their place and their content are.`,
		Example: `  swab compare audit-1.0 audit-1.1
  swab compare audit-1.0 audit-1.1 --format json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return misused(cmd, "compare needs the directories of two audits, the old one first")
			}
			k, err := card.Compare(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			return writeFormat(cmd, format, map[string]func(io.Writer) error{"text": k.WriteText, "json": k.WriteJSON})
		},
	}
	addFlags(c, "Output", func(f *pflag.FlagSet) { f.StringVar(&format, "format", "text", "`NAME` text or json") })
	completeFrom(c, "format", "text", "json")
	return c
}

func historyCommand() *cobra.Command {
	var format, out string
	c := &cobra.Command{
		Use:   "history DIR …",
		Short: "Show what audits of a growing corpus found, one after the other",
		Long: `Show the share found of each benchmark in several audits, in the order given: as a table, as
samples in Prometheus' text format, or as a plot over the documents of the corpus.`,
		Example: `  swab history audit-2026-*
  swab history audit-2026-* --format svg --out history.svg`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misused(cmd, "history needs the directories of audits")
			}
			h, err := card.ReadHistory(cmd.Context(), args)
			if err != nil {
				return err
			}
			write := map[string]func(io.Writer) error{
				"text": h.WriteText, "prometheus": h.WritePrometheus, "svg": h.WriteSVG,
			}
			if out == "-" || write[format] == nil {
				return writeFormat(cmd, format, write)
			}
			return publish.WriteFile(out, write[format])
		},
	}
	addFlags(c, "Output", func(f *pflag.FlagSet) {
		f.StringVar(&format, "format", "text", "`NAME` text, prometheus or svg")
		f.StringVar(&out, "out", "-", "`FILE` file to write, or - for stdout")
	})
	completeFrom(c, "format", "text", "prometheus", "svg")
	return c
}

// writeFormat writes to standard output in one of several formats.
func writeFormat(cmd *cobra.Command, format string, write map[string]func(io.Writer) error) error {
	f, ok := write[format]
	if !ok {
		var names []string
		for name := range write {
			names = append(names, name)
		}
		slices.Sort(names)
		return misused(cmd, "--format is one of %s, not %q", strings.Join(names, ", "), format)
	}
	return f(cmd.OutOrStdout())
}
