package main

import (
	"fmt"

	"swab/pipeline/audit"
	"swab/pipeline/report"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Check an audit's directory",
		Long: `Check that the files of an audit's directory are those that the run wrote. Every verb that
reads an audit compares the checksums of what it reads; audit verify compares all files.`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	var dir string
	verify := &cobra.Command{
		Use:   "verify [--audit] DIR",
		Short: "Compare every file of an audit with its checksum",
		Long: `Compare every file of an audit with the size and checksum that audit.json records for it, read
all verdicts and evidence, and check that report.html, scores.json and curve.csv were made
from these verdicts. Files that do not agree are named, and the exit code is 2.

The marks of reviewers (review.jsonl) are read and have no checksum; the results of single
shards (shards/) are not read.`,
		Example: `  swab audit verify audit`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := auditArg(cmd, &dir, args); err != nil {
				return err
			}
			n, err := audit.Verify(cmd.Context(), dir)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s agree with %s\n", dir, report.Count(int64(n), "file"), audit.File)
			return nil
		},
	}
	addFlags(verify, "Input", func(f *pflag.FlagSet) { auditFlag(f, &dir) })
	c.AddCommand(verify)
	return c
}
