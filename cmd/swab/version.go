package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker, from git describe (see the Makefile).
var version = ""

// programVersion returns the version that audits and indexes name.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of swab, its revision and its Go version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "swab %s\n", programVersion())
			if info, ok := debug.ReadBuildInfo(); ok {
				set := map[string]string{}
				for _, s := range info.Settings {
					set[s.Key] = s.Value
				}
				if set["vcs.revision"] != "" {
					note := ""
					if set["vcs.modified"] == "true" {
						note = ", changed since"
					}
					fmt.Fprintf(w, "revision %s of %s%s\n", set["vcs.revision"], set["vcs.time"], note)
				}
			}
			_, err := fmt.Fprintf(w, "%s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
