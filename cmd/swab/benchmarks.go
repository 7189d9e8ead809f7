package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"swab/pipeline/benchmark"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func benchmarksCommand() *cobra.Command {
	var files []string
	c := &cobra.Command{
		Use:   "benchmarks [NAME]",
		Short: "List the known benchmark layouts, or explain one",
		Long: `List the known benchmark layouts, or explain one: the fields of each part of an item, and
how the layout is recognised. --bench NAME=PATH looks up the
layout NAME; if there is none, the layout is guessed from the fields of the first
record, and the guess is printed. --fields names the fields itself.`,
		Example: `  swab benchmarks
  swab benchmarks mmlu`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := loadPresets(files)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				preset, err := findPreset(p, args[0])
				if err != nil {
					return err
				}
				_, err = fmt.Fprint(cmd.OutOrStdout(), preset.Explain())
				return err
			}
			return listPresets(cmd.OutOrStdout(), p)
		},
	}
	addFlags(c, "Input", func(f *pflag.FlagSet) {
		f.StringArrayVar(&files, "presets", nil, "`FILE` YAML file with more layouts; repeats")
	})
	c.ValidArgsFunction = func(_ *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return presetNames(), cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

// findPreset returns the layout of a name, or an error that names the closest one.
func findPreset(p *benchmark.Presets, name string) (benchmark.Preset, error) {
	if preset, ok := p.Find(name); ok {
		return preset, nil
	}
	var known []string
	for _, preset := range p.List() {
		known = append(known, preset.Name)
	}
	err := fmt.Errorf("no benchmark layout is named %q: swab benchmarks lists them", name)
	return benchmark.Preset{}, usageError{err: err, verb: "swab benchmarks", instead: closest(name, known)}
}

// presetNames returns the names of the built-in layouts as shell completions.
func presetNames() (names []string) {
	p, err := benchmark.Builtin()
	if err != nil {
		return nil
	}
	for _, preset := range p.List() {
		names = append(names, cobra.CompletionWithDesc(preset.Name, preset.About))
	}
	return names
}

func listPresets(w io.Writer, p *benchmark.Presets) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, preset := range p.List() {
		fmt.Fprintf(t, "%s\t%s\n", preset.Name, preset.About)
	}
	return t.Flush()
}
