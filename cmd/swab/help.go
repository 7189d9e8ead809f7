package main

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/spf13/cobra"
)

// topicFiles are the help topics: Markdown whose first line is a title.
//
//go:embed help/*.md
var topicFiles embed.FS

// A topic is a page of help about more than one verb.
type topic struct{ name, title, text string }

// topics returns the help topics by name.
func topics() (list []topic) {
	names, err := fs.Glob(topicFiles, "help/*.md")
	for _, name := range names {
		var b []byte
		if b, err = topicFiles.ReadFile(name); err != nil {
			break
		}
		title, _, _ := strings.Cut(string(b), "\n")
		list = append(list, topic{strings.TrimSuffix(path.Base(name), ".md"), strings.TrimPrefix(title, "# "), string(b)})
	}
	if err != nil {
		panic(err) // the files are in the program
	}
	return list
}

// helpCommand returns the verb that shows a help topic, or the help of a verb. A topic
// has priority over a verb of the same name.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [TOPIC|VERB]",
		Short: "Explain a topic or a verb",
		Long: `Show a help topic, or the help of a verb. Without arguments, list both. Where a topic and a
verb have the same name, this shows the topic, and VERB --help the verb.`,
		Example: `  swab help
  swab help audit
  swab help index verify`,
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var list []cobra.Completion
			if len(args) == 0 {
				for _, t := range topics() {
					list = append(list, cobra.CompletionWithDesc(t.name, t.title))
				}
				for _, sub := range c.Root().Commands() {
					list = append(list, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return list, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			var known []string
			for _, t := range topics() {
				if len(args) == 1 && t.name == args[0] {
					_, err := fmt.Fprint(c.OutOrStdout(), t.text)
					return err
				}
				known = append(known, t.name)
			}
			verb, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				for _, sub := range c.Root().Commands() {
					known = append(known, sub.Name())
				}
				e := usageError{err: fmt.Errorf("no help about %q", strings.Join(args, " ")), verb: c.Root().Name()}
				if name := closest(args[0], known); name != "" {
					e.instead = c.CommandPath() + " " + name
				}
				return e
			}
			verb.InitDefaultHelpFlag()
			return verb.Help()
		},
	}
}
