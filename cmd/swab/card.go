package main

import (
	"errors"
	"io"
	"strings"

	"swab/pipeline/card"
	"swab/pipeline/publish"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func cardCommand() *cobra.Command {
	var o card.Options
	var out, dir, format string
	c := &cobra.Command{
		Use:   "card [--audit] DIR",
		Short: "Write what an audit found as the text of a model card, and for CI",
		Long: `Write what an audit found, to be pasted or read by other programs:

  markdown, html, latex   a sentence and a row of a table for each benchmark, for a model card
  json                    the same figures (card.json)
  model-index             the block of that name of a model card on the Hugging Face hub
  croissant               an entry of the corpus's data card, in Croissant's vocabulary for AI
  junit, sarif, github    for CI: a test case, a result or an annotation a benchmark and method

A benchmark passes, fails or is left to a person, by the thresholds that the audit was made with,
or of 1 and 10 % of its items. Nothing passes if some input was not read. Marks of swab review
measure the precision of what was found.`,
		Example: `  swab card audit
  swab card audit --format latex --out card.tex
  swab card audit --format model-index`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := auditArg(cmd, &dir, args); err != nil {
				return err
			}
			k, err := card.Read(cmd.Context(), dir, o)
			if err != nil {
				return err
			}
			if out == "" || out == "-" {
				return k.Write(cmd.OutOrStdout(), format)
			}
			return writeCard(k, out, format)
		},
	}
	addFlags(c, "Input", func(f *pflag.FlagSet) {
		auditFlag(f, &dir)
		f.StringVar(&o.Scores, "scores", "", "`FILE` scores written by swab score (default DIR/scores.json, if it exists)")
	})
	addFlags(c, "Output", func(f *pflag.FlagSet) {
		f.StringVar(&format, "format", "markdown", "`NAME` "+strings.Join(card.Formats(), ", "))
		f.StringVar(&out, "out", "-", "`FILE` file to write, or - for stdout")
	})
	completeFrom(c, "format", card.Formats()...)
	return c
}

// writeCard replaces a file by a card.
func writeCard(k *card.Card, name, format string) error {
	return publish.WriteFile(name, func(w io.Writer) error { return k.Write(w, format) })
}

// ciFlags are the files and annotations that a run writes for CI.
type ciFlags struct {
	junit, sarif string
	github       bool
}

func (ci *ciFlags) add(f *pflag.FlagSet) {
	f.StringVar(&ci.junit, "junit", "", "`FILE` write a test case a benchmark and method, as JUnit's XML")
	f.StringVar(&ci.sarif, "sarif", "", "`FILE` write a result a benchmark and method that does not pass, as SARIF")
	f.BoolVar(&ci.github, "github", false, "print annotations for GitHub Actions")
}

// write writes what was asked for about the audit in dir.
func (ci *ciFlags) write(cmd *cobra.Command, dir string) error {
	if ci.junit == "" && ci.sarif == "" && !ci.github {
		return nil
	}
	k, err := card.Read(cmd.Context(), dir, card.Options{})
	if err != nil {
		return err
	}
	if ci.junit != "" {
		err = errors.Join(err, writeCard(k, ci.junit, "junit"))
	}
	if ci.sarif != "" {
		err = errors.Join(err, writeCard(k, ci.sarif, "sarif"))
	}
	if ci.github {
		err = errors.Join(err, k.Write(cmd.OutOrStdout(), "github"))
	}
	return err
}
