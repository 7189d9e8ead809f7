package main

import (
	"errors"

	"swab/pipeline/report"

	"github.com/spf13/cobra"
)

func explainCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "explain --audit DIR [BENCHMARK/SPLIT/]ITEM",
		Short: "Show every method's number for one item, and the evidence",
		Long: `Show what each method of an audit says of one item, and the evidence behind it.

The item is named by its id, or by benchmark/split/id where several have the id.
Of the words (or characters) of the item, "matched" are those that the score counts.
"template" is the share of what was found that stands in many items of the benchmark.`,
		Example: `  swab explain --audit audit 17
  swab explain --audit audit gsm8k/test/17`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				return errors.New("explain needs --audit, the directory of an audit")
			}
			x, err := report.Find(dir, args[0])
			if err != nil {
				return err
			}
			_, color, width := terminal(cmd.OutOrStdout())
			return x.Write(cmd.OutOrStdout(), color, width)
		},
	}
	c.Flags().StringVar(&dir, "audit", "", "directory of the audit")
	return c
}
