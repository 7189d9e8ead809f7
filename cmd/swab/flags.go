package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"swab/ngram/overlap"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// titleOf is the annotation of a flag that holds the title of its group.
const titleOf = "swab-group"

// addFlags adds a group of flags to a verb. Its help shows them in the order in which
// define adds them, under the title. The usage of a flag that takes a value begins with
// the value's name in backquotes, as in "`DIR` directory of the audit".
func addFlags(c *cobra.Command, title string, define func(f *pflag.FlagSet)) {
	f := pflag.NewFlagSet(title, pflag.ContinueOnError)
	f.SortFlags = false
	define(f)
	f.VisitAll(func(flag *pflag.Flag) {
		flag.Annotations = map[string][]string{titleOf: {title}}
		rest, ok := strings.CutPrefix(flag.Usage, "`")
		name, usage, closed := strings.Cut(rest, "` ")
		if !ok || !closed {
			return
		}
		flag.Usage = usage
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			flag.Value = namedList{named{flag.Value, name}, list}
		} else {
			flag.Value = named{flag.Value, name}
		}
	})
	c.Flags().SortFlags = false
	c.Flags().AddFlagSet(f)
}

// named is a flag's value under the name that help, man pages and completion show.
type named struct {
	pflag.Value
	name string
}

// Type returns the name of the value.
func (n named) Type() string { return n.name }

// namedList is named for a flag that repeats.
type namedList struct {
	named
	pflag.SliceValue
}

// usage writes how a verb is called: its groups of verbs and of flags, each flag with the
// name of its value and its default.
func usage(c *cobra.Command) error {
	w := c.OutOrStderr()
	fmt.Fprint(w, "Usage:\n")
	if c.Runnable() && c.HasParent() {
		fmt.Fprintf(w, "  %s\n", strings.TrimSuffix(c.UseLine(), " [flags]"))
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "  %s VERB …\n", c.CommandPath())
	}
	if c.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", c.Example)
	}
	for _, g := range append(c.Groups(), &cobra.Group{Title: "Verbs:"}) {
		title := "\n" + g.Title + "\n"
		for _, sub := range c.Commands() {
			if (sub.IsAvailableCommand() || sub.Name() == "help") && sub.GroupID == g.ID {
				fmt.Fprintf(w, "%s  %-*s  %s\n", title, c.Commands()[0].NamePadding(), sub.Name(), sub.Short)
				title = ""
			}
		}
	}
	flagUsages(w, c.LocalFlags())
	if !c.HasParent() {
		fmt.Fprint(w, "\nTopics, for swab help TOPIC:\n")
		for _, t := range topics() {
			fmt.Fprintf(w, "  %-*s  %s\n", c.Commands()[0].NamePadding(), t.name, t.title)
		}
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\n%s VERB --help explains a verb.\n", c.CommandPath())
	}
	return nil
}

// A flagGroup is a titled part of a verb's flags.
type flagGroup struct {
	title string
	flags []*pflag.Flag
}

// flagGroups returns the flags in their groups, in the order in which they were added.
func flagGroups(f *pflag.FlagSet) (groups []flagGroup) {
	f.VisitAll(func(flag *pflag.Flag) {
		title := "Other flags"
		if t := flag.Annotations[titleOf]; len(t) > 0 {
			title = t[0]
		}
		at := slices.IndexFunc(groups, func(g flagGroup) bool { return g.title == title })
		if at < 0 {
			at = len(groups)
			groups = append(groups, flagGroup{title: title})
		}
		groups[at].flags = append(groups[at].flags, flag)
	})
	return groups
}

// flagName returns a flag with its short form and the name of its value.
func flagName(f *pflag.Flag) string {
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	if f.NoOptDefVal == "" {
		name += " " + f.Value.Type()
	}
	return name
}

// flagText returns the description of a flag, with its default if it has one.
func flagText(f *pflag.Flag) string {
	value := strings.Trim(f.DefValue, "[]")
	if value == "" || value == "0" || value == "false" || strings.Contains(f.Usage, "default") {
		return f.Usage
	}
	return f.Usage + " (default " + value + ")"
}

// flagUsages writes the flags of a verb by group.
func flagUsages(w io.Writer, f *pflag.FlagSet) {
	for _, g := range flagGroups(f) {
		fmt.Fprintf(w, "\n%s:\n", g.title)
		for _, flag := range g.flags {
			name := flagName(flag)
			if flag.Shorthand == "" {
				name = "    " + name
			}
			if len(name) > 28 {
				name += "\n" + strings.Repeat(" ", 30)
			}
			fmt.Fprintf(w, "  %-28s  %s\n", name, flagText(flag))
		}
	}
}

// A usageError is a mistake in how a verb was called. Its hint suggests the closest known
// name and the verb's help.
type usageError struct {
	err     error
	verb    string
	instead string // the closest known name, or ""
}

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func (e usageError) hint() string {
	if e.instead != "" {
		return fmt.Sprintf("did you mean %s? See %s --help", e.instead, e.verb)
	}
	return fmt.Sprintf("see %s --help", e.verb)
}

// misused returns the error of a verb with missing, superfluous or unknown arguments.
func misused(c *cobra.Command, format string, args ...any) error {
	return usageError{err: fmt.Errorf(format, args...), verb: c.CommandPath()}
}

// flagError returns the error of a flag that is unknown or has a wrong value.
func flagError(c *cobra.Command, err error) error {
	e := usageError{err: err, verb: c.CommandPath()}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		var known []string
		c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if e.instead = closest(unknown.GetSpecifiedName(), known); e.instead != "" {
			e.instead = "--" + e.instead
		}
	}
	return e
}

// checkArgs wraps the checks of arguments of a verb and those below it, so that their
// errors are usage errors, and an unknown verb comes with the closest one.
func checkArgs(c *cobra.Command) {
	check := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		if c.HasSubCommands() && len(args) > 0 {
			e := usageError{err: fmt.Errorf("%s has no verb %q", c.CommandPath(), args[0]), verb: c.CommandPath()}
			var known []string
			for _, sub := range c.Commands() {
				known = append(known, sub.Name())
			}
			if name := closest(args[0], known); name != "" {
				e.instead = c.CommandPath() + " " + name
			}
			return e
		}
		if check == nil {
			return nil
		}
		if err := check(c, args); err != nil {
			return usageError{err: fmt.Errorf("%s: %w", c.CommandPath(), err), verb: c.CommandPath()}
		}
		return nil
	}
	for _, sub := range c.Commands() {
		checkArgs(sub)
	}
}

// auditFlag adds --audit to a verb that reads an audit. auditArg takes the directory from it
// or from the first argument.
func auditFlag(f *pflag.FlagSet, dir *string) {
	f.StringVar(dir, "audit", "", "`DIR` directory of the audit; also taken as first argument")
}

// auditArg sets dir to the audit's directory from the first argument where --audit did
// not, and returns the arguments that follow, which names names.
func auditArg(c *cobra.Command, dir *string, args []string, names ...string) ([]string, error) {
	if *dir == "" && len(args) > 0 {
		*dir, args = args[0], args[1:]
	}
	switch {
	case *dir == "":
		return nil, misused(c, "%s needs the directory of an audit, as first argument or with --audit", c.Name())
	case len(args) < len(names):
		return nil, misused(c, "%s %s: %s is missing", c.Name(), *dir, names[len(args)])
	case len(args) > len(names):
		return nil, misused(c, "%s: the audit is %s: %q is one argument too many", c.Name(), *dir, args[len(names)])
	}
	return args, nil
}

// closest returns the element of known that is the most similar to a mistyped name, or ""
// if more than a third of the letters differ from all of them.
func closest(name string, known []string) string {
	if name == "" || len(known) == 0 {
		return ""
	}
	best := slices.MinFunc(known, func(a, b string) int { return cmp.Compare(edits(name, a), edits(name, b)) })
	if edits(name, best) <= max(1, len(name)/3) || len(name) > 2 && strings.HasPrefix(best, name) {
		return best
	}
	return ""
}

// edits returns how many letters have to be inserted, dropped, replaced or swapped with
// their neighbour to turn a into b.
func edits(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			wrong := 1
			if a[i] == b[j] {
				wrong = 0
			}
			next[j+1] = min(row[j]+wrong, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}

// complete makes the shell complete the value of a flag, and what follows a comma in it,
// from the list that values returns. See swab completion.
func complete(c *cobra.Command, flag string, values func() []string) {
	completions := func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var list []cobra.Completion
		before := typed[:strings.LastIndexByte(typed, ',')+1]
		for _, v := range values() {
			list = append(list, before+v)
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
	err := c.RegisterFlagCompletionFunc(flag, completions)
	if err != nil {
		panic(err) // the verb has no such flag
	}
}

// completeFrom is complete with a fixed list of values.
func completeFrom(c *cobra.Command, flag string, values ...string) {
	complete(c, flag, func() []string { return values })
}

// methodNames returns the names of all methods as shell completions: each with a tab and
// its description.
func methodNames() (names []string) {
	for _, m := range builtinMethods() {
		names = append(names, cobra.CompletionWithDesc(m.Name, m.Brief))
	}
	return append(names, cobra.CompletionWithDesc("all", "all of them"))
}

// builtinMethods returns all methods with their default settings.
func builtinMethods() []*overlap.Method {
	all, err := overlap.Methods(overlap.Settings{})
	if err != nil {
		panic(err) // nothing was set that could be wrong
	}
	return all
}
