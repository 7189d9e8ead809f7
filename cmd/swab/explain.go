package main

import (
	"swab/pipeline/audit"
	"swab/pipeline/report"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func explainCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "explain [--audit] DIR [BENCHMARK/SPLIT/]ITEM",
		Short: "Show every method's verdict on one item, and the evidence",
		Long: `Show the verdict and score of each method of an audit for one item, and the evidence.

The item is named by its id, or by benchmark/split/id where several items have the id.
"matched" is the number of the item's words (or characters) that the score counts.
"template" is the share of the matched words that are in several items of the benchmark.`,
		Example: `  swab explain audit 17
  swab explain audit gsm8k/test/17`,
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := auditArg(cmd, &dir, args, "ITEM")
			if err != nil {
				return err
			}
			r, err := audit.Open(dir)
			if err != nil {
				return err
			}
			defer r.Close()
			x, err := r.Find(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			_, color, width := terminal(cmd.OutOrStdout())
			return report.Explain(cmd.OutOrStdout(), x, color, width)
		},
	}
	addFlags(c, "Input", func(f *pflag.FlagSet) { auditFlag(f, &dir) })
	return c
}
