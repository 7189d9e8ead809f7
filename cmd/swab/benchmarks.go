package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"swab/pipeline/variant"

	"github.com/spf13/cobra"
)

func benchmarksCommand() *cobra.Command {
	var files []string
	c := &cobra.Command{
		Use:   "benchmarks [NAME]",
		Short: "List the benchmark layouts that are known, or explain one",
		Long: `List the benchmark layouts that are known, or explain one: which fields make which
part of an item, and how the layout is recognised. --bench NAME=PATH looks the
layout up by NAME; where none has that name it is found by the fields of the first
record, and the guess is printed. --fields names the fields yourself.`,
		Example: `  swab benchmarks
  swab benchmarks mmlu`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := loadPresets(files)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				preset, ok := p.Find(args[0])
				if !ok {
					return fmt.Errorf("no benchmark layout is named %q: swab benchmarks lists them", args[0])
				}
				_, err := fmt.Fprint(cmd.OutOrStdout(), preset.Explain())
				return err
			}
			return listPresets(cmd.OutOrStdout(), p)
		},
	}
	c.Flags().StringArrayVar(&files, "presets", nil, "YAML file with more layouts; repeats")
	return c
}

func listPresets(w io.Writer, p *variant.Presets) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, preset := range p.List() {
		fmt.Fprintf(t, "%s\t%s\n", preset.Name, preset.About)
	}
	return t.Flush()
}
