package main

import (
	"fmt"
	"os"

	"swab/pipeline/audit"
	"swab/pipeline/report"
	"swab/pipeline/review"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

func reviewCommand() *cobra.Command {
	var dir, reviewer, merge string
	c := &cobra.Command{
		Use:   "review [--audit] DIR",
		Short: "Show an audit's evidence item by item, and mark it confirmed or rejected",
		Long: `Show the flagged and suspected items, one a screen, with their evidence:

  n, p      next, previous item
  c, r      confirm, reject; the same key again removes the mark
  d         set the same mark for the other items of the same document
  u         take back the last mark or note
  o         write a note
  f         show only items with these words in their path, method, state, kind, mark or note;
            >20 is items with a longer match
  b         next benchmark
  q         quit

In a terminal of 120 columns and more the item and its documents are side by side. Items that the
method reworded found follow the others, the strongest first: what both texts have is highlighted,
and a number that differs is underlined.

Every mark is saved at once, in DIR/review.jsonl. It belongs to the item and its evidence:
a later run into DIR keeps it as long as neither changes. swab report shows the marks.
With --reviewed, scan and check write clean variants that follow them: a rejected item
is kept and a confirmed one is removed, whatever the verdict of a method.

Each mark has its reviewer's name and time. --merge adds the marks of a second reviewer, from
the review.jsonl of a copy of the audit; the latest mark of an item counts. The precision that
the marks measure, and how reviewers agree, is printed at the end, and is in the report and card.

If the output is not a terminal, the items are listed as text.`,
		Example: `  swab review audit
  swab review audit | less`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := auditArg(cmd, &dir, args); err != nil {
				return err
			}
			if merge != "" {
				n, err := audit.MergeMarks(dir, merge)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "swab: %s read from %s\n", report.Count(int64(n), "mark"), merge)
			}
			s, err := review.Open(cmd.Context(), dir, reviewer)
			if err != nil {
				return err
			}
			defer s.Close()
			stdout := cmd.OutOrStdout()
			isTerminal, _, width := terminal(stdout)
			if !isTerminal || !term.IsTerminal(int(os.Stdin.Fd())) {
				err = s.List(cmd.Context(), stdout, width)
			} else if err = s.Run(cmd.Context(), os.Stdin, stdout); err != nil {
				err = fmt.Errorf("review: %w", err)
			}
			if err != nil {
				return err
			}
			lines, err := s.Summary()
			for _, line := range lines {
				fmt.Fprintf(cmd.ErrOrStderr(), "swab: %s\n", line)
			}
			return err
		},
	}
	addFlags(c, "Input", func(f *pflag.FlagSet) {
		auditFlag(f, &dir)
		f.StringVar(&reviewer, "reviewer", os.Getenv("USER"), "`NAME` whose marks are set (default the user's name)")
		f.StringVar(&merge, "merge", "", "`FILE` add the marks of another review.jsonl first")
	})
	return c
}
