package main

import (
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Every flag of every verb is in a group, and its value has a name.
func TestFlagsAreNamed(t *testing.T) {
	seen := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.HasParent() && c.Parent().Name() == "swab" && c.GroupID == "" {
			t.Errorf("%s is in no group", c.CommandPath())
		}
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			seen++
			if len(f.Annotations[titleOf]) == 0 {
				t.Errorf("%s --%s is in no group", c.CommandPath(), f.Name)
			}
			types := []string{"string", "stringArray", "stringSlice", "int", "int64", "uint64", "float64"}
			if f.NoOptDefVal == "" && slices.Contains(types, f.Value.Type()) {
				t.Errorf("%s --%s has a value without a name", c.CommandPath(), f.Name)
			}
		})
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(rootCommand())
	if seen < 60 {
		t.Errorf("only %d flags", seen)
	}
}

func TestClosest(t *testing.T) {
	known := []string{"corpus", "bench", "out", "jobs", "task"}
	for typed, want := range map[string]string{
		"corpsu": "corpus", "corpos": "corpus", "corp": "corpus", "otu": "out", "tasks": "task", "job": "jobs",
		"lanes": "", "": "", "b": "", "zzzzzz": "",
	} {
		if got := closest(typed, known); got != want {
			t.Errorf("closest(%q) = %q, want %q", typed, got, want)
		}
	}
	if got := closest("x", nil); got != "" {
		t.Errorf("closest of none: %q", got)
	}
}
