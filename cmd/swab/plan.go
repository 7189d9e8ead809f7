package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"swab/ngram/overlap"
	"swab/pipeline"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"
	"swab/pipeline/publish"
	"swab/pipeline/report"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A scanVerb has the flags of a scan, for verbs that plan one and do its parts.
type scanVerb struct {
	o      pipeline.Options
	b      benchFlags
	task   string
	tokens tokenFlags
}

// add adds the flags of a scan but --out.
func (s *scanVerb) add(c *cobra.Command) {
	addFlags(c, "Corpus", func(f *pflag.FlagSet) { corpusFlags(f, &s.o.Corpus, &s.o.Reading, &s.task) })
	s.tokens.add(c, true)
	s.b.flags(c, &s.o, overlap.House)
	addFlags(c, "Audit", func(f *pflag.FlagSet) { s.b.reportFlags(f, &s.o) })
	addFlags(c, "Limits", func(f *pflag.FlagSet) { limitFlags(f, &s.o.Reading) })
	completeFrom(c, "text-unit", "file", "line")
}

// planned are the settings that a plan has: the flags that were set, and the benchmarks of an
// audit file.
type planned struct {
	Flags   []plannedFlag  `json:"flags"`
	Benches []plannedBench `json:"benches,omitempty"`
}

type plannedFlag struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

type plannedBench struct {
	Spec  benchmark.Spec `json:"spec"`
	Terms audit.Terms    `json:"terms"`
}

// unplanned are flags that are not part of a plan: they are of one machine, as files that are
// written there, or say what the plan is of.
var unplanned = [...]string{
	"corpus", "root", "out", "jobs", "task", "tasks", "ranges", "digests", "exclude", "rehash", "metrics", "help",
}

// settings returns what a plan says of the flags.
func (s *scanVerb) settings(c *cobra.Command) (p planned) {
	p.Flags = []plannedFlag{}
	c.Flags().Visit(func(f *pflag.Flag) {
		if slices.Contains(unplanned[:], f.Name) {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		p.Flags = append(p.Flags, plannedFlag{f.Name, values})
	})
	if len(s.b.benches) == 0 {
		for _, b := range s.b.configured {
			p.Benches = append(p.Benches, plannedBench{b.Spec, b.terms})
		}
	}
	return p
}

// apply sets the options of a run to what a plan says.
func (s *scanVerb) apply(cmd *cobra.Command, plan *pipeline.Plan, root string, jobs int) error {
	var p planned
	if err := json.Unmarshal(plan.Settings, &p); err != nil {
		return fmt.Errorf("the settings of the plan: %w", err)
	}
	c := &cobra.Command{Use: cmd.Use}
	s.add(c)
	for _, f := range p.Flags {
		if slices.Contains(unplanned[:], f.Name) {
			return fmt.Errorf("the settings of the plan: --%s is not of a plan: swab plan did not write this", f.Name)
		}
		for _, v := range f.Values {
			if err := c.Flags().Set(f.Name, v); err != nil {
				return fmt.Errorf("the settings of the plan: %w", err)
			}
		}
	}
	for _, b := range p.Benches {
		s.b.configured = append(s.b.configured, configBench{Spec: b.Spec, terms: b.Terms})
	}
	if err := s.tokens.set(c, &s.o.Reading); err != nil {
		return err
	}
	if err := s.b.options(c, &s.o); err != nil {
		return err
	}
	s.o.Root, s.o.Lanes = root, jobs
	return nil
}

func planCommand() *cobra.Command {
	var s scanVerb
	var out string
	var by pipeline.PlanOptions
	c := &cobra.Command{
		Use:   "plan {FILE.yaml | --corpus PATH … --bench [NAME=]PATH …} --out PLAN",
		Short: "Divide a scan into tasks for many machines",
		Long: `Write a plan of a scan: its shards with their sizes, its benchmarks with the digests of their
files, its settings, and tasks of about equal size. swab work does a task on any machine,
and swab merge publishes the audit that swab scan on one machine would have published.

Shards have their names below --root, which may be another directory on each machine;
benchmarks have the paths that they are given.`,
		Example: `  swab plan --root /data --corpus crawl --bench gsm8k=/bench/test.jsonl --tasks 16 --out plan.json
  swab work --plan plan.json --root /mnt/data --task 3 --out results     # of 1 to 16
  swab plan status plan.json results
  swab merge --plan plan.json results --out audit`,
		Args: configArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := s.b.configure(cmd, args); err != nil {
				return s.b.allErrors(cmd.Context(), err, &s.o)
			}
			if len(s.o.Corpus) == 0 || len(s.b.benches)+len(s.b.configured) == 0 || out == "" {
				return misused(cmd, "plan needs --corpus, --bench and --out")
			}
			switch {
			case s.task != "":
				return misused(cmd, "a plan has all tasks: --tasks N says how many")
			case s.b.metrics != "":
				return misused(cmd, "a plan has no figures of a run: swab merge --metrics FILE writes them")
			}
			if err := s.tokens.set(cmd, &s.o.Reading); err != nil {
				return err
			}
			if err := s.b.options(cmd, &s.o); err != nil {
				return s.b.allErrors(cmd.Context(), err, &s.o)
			}
			by.Settings = s.settings(cmd)
			plan, err := pipeline.NewPlan(cmd.Context(), s.o, by)
			if err != nil {
				return err
			}
			if err := publish.WriteFile(out, plan.Write); err != nil {
				return err
			}
			bytes := int64(0)
			for _, sh := range plan.Shards {
				bytes += sh.Size
			}
			what := report.Count(int64(len(plan.Shards)), "shard")
			if plan.Units() > len(plan.Shards) {
				what += fmt.Sprintf(", read in %d parts", plan.Units())
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "swab: wrote %s: %s, %s in %s\n", out, what, report.Bytes(bytes),
				report.Count(int64(len(plan.Tasks)), "task"))
			return nil
		},
	}
	addFlags(c, "Plan", func(f *pflag.FlagSet) {
		f.StringVar(&out, "out", "", "`FILE` the plan")
		f.IntVar(&by.Tasks, "tasks", 1, "`N` tasks of about equal size")
		f.Int64Var(&by.Ranges, "ranges", 0,
			"`BYTES` divide shards into ranges of at least this size, where their format lets them (default: none)")
		f.BoolVar(&by.Digests, "digests", false, "read all shards for their digests, so that one of another content is named")
		rootFlag(f, &s.o.Root)
	})
	s.add(c)
	c.AddCommand(planStatusCommand())
	return c
}

// rootFlag adds --root.
func rootFlag(f *pflag.FlagSet, root *string) {
	f.StringVar(root, "root", "",
		"`DIR` directory, or URL of a store, that shards have their names below (default: the working directory)")
}

func planStatusCommand() *cobra.Command {
	var list, remove bool
	c := &cobra.Command{
		Use:     "status PLAN RESULT…",
		Short:   "Show how far the work on a plan is",
		Example: "  swab plan status plan.json results",
		Long: `Show how many shards of a plan have a result, which of them are damaged, and files of results
that are not the plan's, which --remove-stale removes. With --list only the shards without a result, one a line, for
swab work on standard input.`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			plan, err := pipeline.ReadPlan(args[0])
			if err != nil {
				return err
			}
			files, err := pipeline.FindResults(args[1:])
			if err != nil {
				return err
			}
			st, w := plan.Status(files), cmd.OutOrStdout()
			if list {
				_, err := io.WriteString(w, strings.Join(append(st.Missing, ""), "\n"))
				return err
			}
			fmt.Fprintf(w, "%d of %s done, %s of %s; %d left\n", st.Done, report.Count(int64(st.Shards), "shard"),
				report.Bytes(st.DoneBytes), report.Bytes(st.Bytes), len(st.Missing))
			for _, e := range st.FailedShards {
				fmt.Fprintf(w, "damaged: %s\n", report.CleanText(e.Error))
			}
			for _, s := range st.Stale {
				what := "not of this plan"
				if remove && s.Outdated() {
					if err := os.Remove(s.File); err != nil {
						return err
					}
					what = "removed, since it is not of this plan"
				}
				fmt.Fprintf(w, "%s: %s\n", what, report.CleanText(s.Err.Error()))
			}
			return nil
		},
	}
	addFlags(c, "Output", func(f *pflag.FlagSet) {
		f.BoolVar(&list, "list", false, "only the shards without a result")
		f.BoolVar(&remove, "remove-stale", false, "remove files of results that are not the plan's")
	})
	return c
}

func workCommand() *cobra.Command {
	var s scanVerb
	var file, root, out string
	var task, jobs int
	var merge bool
	c := &cobra.Command{
		Use:   "work --plan PLAN --out DIR {--task I | < NAMES}",
		Short: "Do a task of a plan: a result for each of its shards",
		Long: `Read the shards of a task, or those named on standard input, one a line, and write their results
into DIR: for a task into DIR/task-I. When a result is on disk, a line of JSON says so, with
the error of a shard that is damaged, which is a result too. Shards that have a result there
are not read again.

The exit code is 0 also when shards are damaged; 2 is trouble of the machine (a missing
shard, a full disk, a store that does not answer), and the same command continues, here or on
another machine.`,
		Example: `  swab work --plan plan.json --root /mnt/data --task 3 --out results
  printf 'crawl/a.jsonl.zst\ncrawl/b.jsonl.zst\n' | swab work --plan plan.json --root /mnt/data --out results --merge`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" || out == "" {
				return misused(cmd, "work needs --plan and --out")
			}
			plan, err := pipeline.ReadPlan(file)
			if err != nil {
				return err
			}
			names, err := taskNames(cmd, plan, task)
			if err != nil {
				return err
			}
			if task > 0 {
				out = filepath.Join(out, fmt.Sprintf("task-%d", task))
			}
			if err := s.apply(cmd, plan, root, jobs); err != nil {
				return err
			}
			lines := bufio.NewWriter(cmd.OutOrStdout())
			enc := json.NewEncoder(lines)
			enc.SetEscapeHTML(false)
			return pipeline.Work(cmd.Context(), s.o, pipeline.WorkOptions{
				Plan: plan, Shards: names, Dir: out, Merge: merge,
				Done: func(r pipeline.WorkResult) error { return errors.Join(enc.Encode(r), lines.Flush()) },
			})
		},
	}
	addFlags(c, "Task", func(f *pflag.FlagSet) {
		f.StringVar(&file, "plan", "", "`FILE` plan of swab plan")
		f.IntVar(&task, "task", 0, "`I` task of the plan, from 1 on (default: shards are named on standard input)")
		rootFlag(f, &root)
		f.StringVar(&out, "out", "", "`DIR` directory of the results")
		f.BoolVar(&merge, "merge", false, "leave one file of results")
		f.IntVarP(&jobs, "jobs", "j", 0, "`N` shards read at a time (default: all cores)")
	})
	return c
}

// taskNames returns the shards of a task, or those that standard input names.
func taskNames(cmd *cobra.Command, plan *pipeline.Plan, task int) (names []string, err error) {
	if task > 0 {
		return plan.Task(task)
	}
	if cmd.Flags().Changed("task") {
		return nil, misused(cmd, "tasks are counted from 1 on")
	}
	lines := bufio.NewScanner(cmd.InOrStdin())
	for lines.Scan() {
		if name := strings.TrimSuffix(lines.Text(), "\r"); name != "" {
			names = append(names, name)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, misused(cmd, "no shard is named on standard input, and there is no --task")
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// mergePlanned merges results of a plan: into a file of results, or into an audit.
func mergePlanned(cmd *cobra.Command, file string, paths []string, s *scanVerb, out string) error {
	plan, err := pipeline.ReadPlan(file)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(paths[0], ledger.IndexFile)); err == nil {
		return mergeIndexes(cmd, paths, out, plan)
	}
	files, err := pipeline.FindResults(paths)
	if err != nil {
		return err
	}
	debug.SetGCPercent(50) // entries of very many shards: a third less memory
	incomplete, noReport, metrics := s.o.AllowIncomplete, s.o.NoReport, s.b.metrics
	if err := s.apply(cmd, plan, "", 0); err != nil {
		return err
	}
	s.o.Out, s.o.AllowIncomplete, s.o.NoReport = out, s.o.AllowIncomplete || incomplete, s.o.NoReport || noReport
	s.b.metrics = metrics
	if strings.HasSuffix(out, ".swabr") {
		return pipeline.MergeResults(cmd.Context(), s.o, plan, files, out)
	}
	err = makeAudit(cmd, s.o, &s.b, false, func(o pipeline.Options) (*pipeline.Summary, error) {
		return pipeline.PublishPlan(cmd.Context(), o, plan, files)
	})
	var missing *pipeline.MissingError
	if errors.As(err, &missing) {
		printMissing(cmd, missing.Names)
	}
	return err
}

// printMissing lists the shards without a result, one a line, for swab work.
func printMissing(cmd *cobra.Command, names []string) {
	w := bufio.NewWriter(cmd.OutOrStdout())
	defer w.Flush()
	for _, name := range names {
		fmt.Fprintln(w, name)
	}
}
