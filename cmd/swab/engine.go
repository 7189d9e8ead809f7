package main

import (
	"embed"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

//go:embed engines
var engineFiles embed.FS

// engineNames returns the engines that there is a driver for.
func engineNames() (names []string) {
	files, err := fs.ReadDir(engineFiles, "engines")
	if err != nil {
		panic(err) // they are part of the program
	}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), path.Ext(f.Name())))
	}
	return names
}

func engineCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "engine {" + strings.Join(engineNames(), "|") + "}",
		Short: "Print a driver that does the tasks of a plan on Ray, Spark, Slurm or Kubernetes",
		Long: `Print a driver that does the tasks of a plan (swab plan) on an engine, which only schedules
them: its first lines say how it is run. ray and spark return the results to the driver, which
merges them; slurm and k8s leave them in a directory that all nodes share.`,
		Example: `  swab engine ray > swab_ray.py
  python swab_ray.py --plan plan.json --root /data --out audit`,
		ValidArgs: engineNames(),
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(engineNames(), args[0]) {
				return misused(c, "engine prints one driver: name one of %s", strings.Join(engineNames(), ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := fs.Glob(engineFiles, "engines/"+args[0]+".*")
			if err != nil {
				return err
			}
			text, err := engineFiles.ReadFile(files[0])
			if err == nil {
				_, err = cmd.OutOrStdout().Write(text)
			}
			return err
		},
	}
}
