package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"swab/ngram/overlap"

	"github.com/spf13/cobra"
)

func methodsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "methods [NAME]",
		Short: "List the methods, or print the exact definition of one",
		Args:  cobra.MaximumNArgs(1),
		Example: `  swab methods
  swab methods gpt3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listMethods(cmd.OutOrStdout())
			}
			m, err := chooseMethods(args, overlap.DefaultLongest)
			if err != nil {
				return err
			}
			return printMethod(cmd.OutOrStdout(), m[0])
		},
	}
}

func listMethods(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range overlap.Methods(overlap.DefaultLongest) {
		short, _, _ := strings.Cut(m.Text, ". ")
		fmt.Fprintf(t, "%s\t%s\n", m.Name, strings.TrimSuffix(short, ".")+".")
	}
	return t.Flush()
}

func printMethod(w io.Writer, m *overlap.Method) error {
	_, err := fmt.Fprintf(w, "%s, version %d\n\n%s\n\nParts looked at: %s\nSource: %s\n",
		m.Name, m.Version, m.Text, strings.Join(m.Parts.Names(), ", "), m.Source)
	return err
}

// chooseMethods gives the methods of the given names, in the order of the list.
func chooseMethods(names []string, longest float64) ([]*overlap.Method, error) {
	all := overlap.Methods(longest)
	var known []string
	for _, m := range all {
		known = append(known, m.Name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) && name != "all" {
			return nil, fmt.Errorf("no method is named %q: there are %s", name, strings.Join(known, ", "))
		}
	}
	return slices.DeleteFunc(all, func(m *overlap.Method) bool {
		return !slices.Contains(names, m.Name) && !slices.Contains(names, "all")
	}), nil
}
