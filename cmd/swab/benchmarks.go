package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"swab/pipeline/benchmark"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func benchmarksCommand() *cobra.Command {
	var files []string
	c := &cobra.Command{
		Use:   "benchmarks [NAME | WORD]",
		Short: "List the known benchmark layouts, search them, or explain one",
		Long: `List the known benchmark layouts, those with a word in their names or description, or
explain one: the fields of each part of an item, and how the layout is recognised. A
layout is found by NAME of --bench NAME=PATH, by an id of the hub in the path, and by the
names of the file and of the directories above it; else it is guessed from the fields of
the first record, and the guess is printed. --fields names the fields itself.

"columns compared" says that the names of the columns were compared with a public source,
which swab benchmarks NAME names, with the commits that public evaluations pin, and the
source of the numbers of records.`,
		Example: `  swab benchmarks
  swab benchmarks mmlu
  swab benchmarks olympiad`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := loadPresets(cmd.Context(), files)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return listPresets(cmd.OutOrStdout(), p.List())
			}
			similar := p.Search(args[0])
			preset, err := findPreset(p, args[0])
			if err != nil && len(similar) > 0 {
				return listPresets(cmd.OutOrStdout(), similar)
			}
			if err != nil {
				return err
			}
			var others []string
			for _, other := range similar {
				if other.Name != preset.Name {
					others = append(others, other.Name)
				}
			}
			fmt.Fprint(cmd.OutOrStdout(), preset.Explain())
			if len(others) > 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "Others with %q: %s\n", args[0], strings.Join(others, ", "))
			}
			return nil
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

func listPresets(w io.Writer, list []benchmark.Preset) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, preset := range list {
		compared := "columns compared"
		if preset.Checked == "" && len(preset.Hub) > 0 {
			compared = "columns not compared"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", preset.Name, compared, preset.About)
	}
	return t.Flush()
}
