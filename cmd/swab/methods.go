package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline/store"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

func methodsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "methods [NAME…]",
		Short: "List the methods, or print the exact definition of one",
		ValidArgsFunction: func(_ *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return methodNames(), cobra.ShellCompDirectiveNoFileComp
		},
		Example: `  swab methods
  swab methods gpt3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			all := builtinMethods()
			if len(args) == 0 {
				return listMethods(cmd.OutOrStdout(), all)
			}
			chosen, err := chooseMethods(all, args)
			if err != nil {
				return err
			}
			for i, m := range chosen {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				if err := printMethod(cmd.OutOrStdout(), m); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func listMethods(w io.Writer, all []*overlap.Method) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range all {
		fmt.Fprintf(t, "%s\t%s\n", m.Name, m.Brief)
	}
	return t.Flush()
}

func printMethod(w io.Writer, m *overlap.Method) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, version %d\n\n%s\n", m.Name, m.Version, m.Text)
	if m.Choices != "" {
		fmt.Fprintf(&b, "\n%s\n", m.Choices)
	}
	fmt.Fprintf(&b, "\nParts read: %s (--item-parts %s=…)\n", strings.Join(m.Parts.Names(), ", "), m.Name)
	fmt.Fprintf(&b, "Short parts: %s\n", m.ShortParts())
	if m.Statistic != "" {
		fmt.Fprintf(&b, "Statistic of a benchmark: share of the %s\n", m.Statistic)
	}
	fmt.Fprintf(&b, "Source: %s\n", m.Source)
	for i, p := range m.Params {
		if i == 0 {
			fmt.Fprintf(&b, "\nParameters, set with --set %s.NAME=VALUE:\n", m.Name)
		}
		fmt.Fprintf(&b, "  %-14s %v: %s%s\n", p.Name, p.Value, p.Text, p.Range())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// chooseMethods returns the methods of the given names, or the names of groups, in the
// order of the list.
func chooseMethods(all []*overlap.Method, names []string) ([]*overlap.Method, error) {
	known := overlap.Names(all)
	for _, name := range names {
		if !slices.ContainsFunc(all, func(m *overlap.Method) bool { return namesMethod(name, m) }) {
			err := fmt.Errorf("unknown method %q: there are %s", name, strings.Join(known, ", "))
			return nil, usageError{err: err, verb: "swab methods", instead: closest(name, known)}
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(m *overlap.Method) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return namesMethod(name, m) })
	}), nil
}

// namesMethod reports whether name is that of the method or of its group, or all, which are
// those that flag.
func namesMethod(name string, m *overlap.Method) bool {
	return name == m.Name || name == m.Group || name == "all" && !m.Review
}

// methodFlags are the flags that choose methods and set their parameters.
type methodFlags struct {
	names, set, parts []string
	file              string
	longest           float64
	longestSet        bool
	maxFalse          float64 // percent
	maxFalseSet       bool
	seed              uint64
	ignoreTemplate    bool
	bounded           bool // all means all that a corpus filter bounds
}

// settings returns the settings of methods that the flags and the file ask for. A flag
// overrides the file.
func (f *methodFlags) settings(ctx context.Context) (overlap.Settings, error) {
	s := overlap.Settings{Params: map[string]map[string]string{}, Parts: map[string]item.Parts{}}
	put := func(method, param, value string) {
		if s.Params[method] == nil {
			s.Params[method] = map[string]string{}
		}
		s.Params[method][param] = value
	}
	if f.file != "" {
		if err := readMethods(ctx, f.file, put, s.Parts); err != nil {
			return s, err
		}
	}
	if f.longestSet && (slices.Contains(f.names, "longest8") || slices.Contains(f.names, "all")) {
		put("longest8", "threshold", fmt.Sprint(f.longest))
	}
	if f.maxFalseSet {
		put(overlap.House, "max-false", fmt.Sprint(f.maxFalse))
	}
	for _, set := range f.set {
		name, value, ok := strings.Cut(set, "=")
		method, param, dotted := strings.Cut(name, ".")
		if !ok || !dotted || method == "" || param == "" {
			return s, fmt.Errorf("--set %q: write it as METHOD.PARAMETER=VALUE, as in gpt3.max-documents=10", set)
		}
		put(method, param, value)
	}
	return s, f.itemParts(s.Parts)
}

// itemParts adds the item parts that the flags set for methods.
func (f *methodFlags) itemParts(of map[string]item.Parts) error {
	for _, set := range f.parts {
		method, list, ok := strings.Cut(set, "=")
		if !ok {
			return fmt.Errorf("--item-parts %q: write it as METHOD=PART,PART, as in gpt3=question,answer", set)
		}
		parts, err := partsNamed(strings.Split(list, ","))
		if err != nil {
			return fmt.Errorf("--item-parts %s: %w", method, err)
		}
		of[method] = parts
	}
	return nil
}

// methods returns the methods chosen, with their settings. It returns an error for a flag
// that sets a parameter of a method that is not chosen.
func (f *methodFlags) methods(ctx context.Context) ([]*overlap.Method, error) {
	s, err := f.settings(ctx)
	if err != nil {
		return nil, err
	}
	all, err := overlap.Methods(s)
	if err != nil {
		return nil, err
	}
	chosen, err := chooseMethods(all, f.names)
	if err != nil {
		return nil, err
	}
	if f.bounded && slices.Contains(f.names, "all") {
		chosen = slices.DeleteFunc(chosen, func(m *overlap.Method) bool { return !m.Bounded() })
	}
	for _, sets := range [][]string{slices.Sorted(maps.Keys(s.Params)), slices.Sorted(maps.Keys(s.Parts))} {
		for _, name := range sets {
			is := func(m *overlap.Method) bool { return m.Name == name || m.Group == name }
			if f.file == "" && !slices.ContainsFunc(chosen, is) {
				return nil, fmt.Errorf("%s is set but not chosen: the methods are %s; add --method %s",
					name, strings.Join(overlap.Names(chosen), ", "), name)
			}
		}
	}
	return chosen, nil
}

func partsNamed(names []string) (parts item.Parts, err error) {
	for _, name := range names {
		found := false
		for p := range item.NumParts {
			if p.String() == strings.TrimSpace(name) {
				parts |= item.PartsOf(p)
				found = true
			}
		}
		if !found {
			return 0, fmt.Errorf("no part is named %q: there are %s", name, strings.Join(item.AllParts.Names(), ", "))
		}
	}
	return parts, nil
}

// readMethods reads a YAML file of methods, each with its parameters and parts:
//
//	gpt3:
//	  max-documents: 10
//	  parts: [question, answer]
func readMethods(
	ctx context.Context, file string, put func(method, param, value string), parts map[string]item.Parts,
) error {
	b, err := store.ReadFile(ctx, file)
	if err != nil {
		return err
	}
	var methods map[string]map[string]yaml.Node
	if err := yaml.Unmarshal(b, &methods); err != nil {
		return fmt.Errorf("%s: %w", store.Clean(file), err)
	}
	for _, method := range slices.Sorted(maps.Keys(methods)) {
		for _, param := range slices.Sorted(maps.Keys(methods[method])) {
			node := methods[method][param]
			switch {
			case param == "parts":
				var names []string
				err := node.Decode(&names)
				if err == nil {
					parts[method], err = partsNamed(names)
				}
				if err != nil {
					return fmt.Errorf("%s: %s.parts: %w", file, method, err)
				}
			case node.Kind != yaml.ScalarNode:
				return fmt.Errorf("%s: line %d: %s.%s must be one value", file, node.Line, method, param)
			default:
				put(method, param, node.Value)
			}
		}
	}
	return nil
}
