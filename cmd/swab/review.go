package main

import (
	"fmt"
	"os"

	"swab/pipeline/review"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

func reviewCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "review [--audit] DIR",
		Short: "Show an audit's evidence item by item, and mark it confirmed or rejected",
		Long: `Show the flagged and suspected items, one a screen, with their evidence:

  n, p      next, previous item
  c, r      confirm, reject; the same key again removes the mark
  o         write a note
  f         show only items with these words in their path, method, state, mark or note
  q         quit

Every mark is saved at once, in DIR/review.jsonl. It belongs to the item and its evidence:
a later run into DIR keeps it as long as neither changes. swab report shows the marks.
With --reviewed, scan and check write clean variants that follow them: a rejected item
is kept and a confirmed one is removed, whatever the verdict of a method.

If the output is not a terminal, the items are listed as text.`,
		Example: `  swab review audit
  swab review audit | less`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := auditArg(cmd, &dir, args); err != nil {
				return err
			}
			s, err := review.Open(cmd.Context(), dir)
			if err != nil {
				return err
			}
			defer s.Close()
			stdout := cmd.OutOrStdout()
			isTerminal, _, width := terminal(stdout)
			if !isTerminal || !term.IsTerminal(int(os.Stdin.Fd())) {
				return s.List(cmd.Context(), stdout, width)
			}
			if err := s.Run(cmd.Context(), os.Stdin, stdout); err != nil {
				return fmt.Errorf("review: %w", err)
			}
			return nil
		},
	}
	addFlags(c, "Input", func(f *pflag.FlagSet) { auditFlag(f, &dir) })
	return c
}
