package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"swab/pipeline/export"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func exportCommand() *cobra.Command {
	var o export.Options
	var tasks []string
	c := &cobra.Command{
		Use:   "export [--audit] DIR --for FORMAT --out DIR",
		Short: "Write clean variants in the form that an evaluation harness reads",
		Long: `Write the items that a method did not flag in the form that a harness reads, so that the
harness itself scores the clean variant.

evals     a registry of OpenAI Evals: registry/evals/*.yaml and registry/data/*/samples.jsonl
          for oaieval --registry_path DIR/registry. Multiple choice is graded by the
          letter, short answers as JSON.
lm-eval   BENCHMARK.json for lm_eval --samples: positions of items by task. The names of
          tasks are guessed; --task sets them.
inspect   BENCHMARK/SPLIT.txt for inspect eval --sample-id "$(cat FILE)". Items without
          ids of their own are counted from 1, as inspect_ai does.
lighteval datasets and tasks.py, for lighteval --custom-tasks DIR/tasks.py.
opencompass  TASK.jsonl for opencompass --custom-dataset-path FILE.
helm      TASK.jsonl for the run entry custom_mcqa:path=FILE,num_train_instances=0; multiple
          choice only.
hf        BENCHMARK/, a dataset with the records as they are: load_dataset("DIR/BENCHMARK").
ids       BENCHMARK/SPLIT.txt, one id a line.

evals, lighteval, opencompass and helm ask multiple choice and short answers. A split that a form
cannot express is named, and does not stop the others: then the exit status is 3.
swab score --ran DIR proves that a run was of exactly the exported items.

Positions are those in the audited file, so audit the file that the harness reads. Items
that are not checkable are kept, as in the audit's clean/.

--reviewed follows the marks of swab review: a confirmed item is left out and a rejected
one is kept, whatever the verdict of the method.`,
		Example: `  swab export audit --for lm-eval --method gpt3 --out clean
  lm_eval --tasks gsm8k --samples clean/gsm8k.json --model hf --model_args pretrained=MODEL

  swab export audit --for evals --method gpt3 --out clean
  oaieval MODEL swab-clean-mmlu-gpt3-virology_test --registry_path clean/registry`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := auditArg(cmd, &o.Audit, args); err != nil {
				return err
			}
			if o.For == "" || o.Out == "" {
				return misused(cmd, "export needs --for and --out")
			}
			o.Tasks = make(map[string]string)
			for _, t := range tasks {
				i := strings.LastIndexByte(t, '=')
				if i <= 0 || i == len(t)-1 {
					return fmt.Errorf("export: --task %s: it has to be BENCHMARK=TASK or BENCHMARK/SPLIT=TASK", t)
				}
				o.Tasks[t[:i]] = t[i+1:]
			}
			o.Version = programVersion()
			sum, err := export.Write(cmd.Context(), o)
			if err != nil {
				return fmt.Errorf("export: %w", err)
			}
			if err := exportTable(cmd.OutOrStdout(), sum); err != nil {
				return afterPublishing("the export", err)
			}
			failed := false
			for _, s := range sum.Splits {
				if s.Error != "" {
					failed = true
					fmt.Fprintf(cmd.ErrOrStderr(), "swab: not exported: %s\n", visible(s.Error))
				}
			}
			for _, n := range sum.Notes {
				fmt.Fprintf(cmd.ErrOrStderr(), "swab: note: %s\n", visible(n))
			}
			for _, notice := range sum.Reviewed {
				fmt.Fprintf(cmd.ErrOrStderr(), "swab: note: %s\n", notice)
			}
			if !sum.Complete {
				fmt.Fprintln(cmd.ErrOrStderr(), "swab: the audit is incomplete: items that are kept may be in what was not read")
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "swab: wrote %s\n", o.Out)
			if failed {
				return exit{code: exitIncomplete}
			}
			return nil
		},
	}
	addFlags(c, "Input", func(f *pflag.FlagSet) {
		auditFlag(f, &o.Audit)
		f.StringVar(&o.Method, "method", "",
			"`NAME` method whose flagged items are left out; needed if the audit has several")
		f.StringArrayVar(&o.Benchmarks, "bench", nil, "`NAME` benchmark of the audit, all without it; repeats")
		f.BoolVar(&o.Reviewed, "reviewed", false,
			"follow the marks of swab review: a rejected item is kept, a confirmed one left out")
		f.BoolVar(&o.AllowIncomplete, "allow-incomplete", false, "export although some input of the audit could not be read")
	})
	addFlags(c, "Output", func(f *pflag.FlagSet) {
		f.StringVar(&o.For, "for", "", "`FORMAT` "+strings.Join(export.Forms, ", "))
		f.StringVar(&o.Out, "out", "", "`DIR` directory to write, which must not exist")
		f.StringArrayVar(&tasks, "task", nil, "`BENCHMARK[/SPLIT]=TASK` the harness's name of a task; repeats")
		f.BoolVar(&o.SkipEmpty, "skip-empty", false, "leave out splits of which no item is left")
	})
	complete(c, "method", methodNames)
	completeFrom(c, "for", export.Forms...)
	return c
}

func exportTable(w io.Writer, sum *export.Summary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "benchmark\tsplit\ttask\titems\tflagged\tkept\tfile")
	for _, s := range sum.Splits {
		file := s.File
		if file == "" {
			file = "nothing is left: do not run it"
		}
		task := s.Task
		if task == "" {
			task = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\t%s\n",
			s.Benchmark, visible(s.Split), visible(task), s.Items, s.Flagged, s.Kept, file)
	}
	return t.Flush()
}

// visible returns s quoted if it has characters that could control a terminal.
func visible(s string) string {
	if q := fmt.Sprintf("%q", s); q != `"`+s+`"` {
		return q
	}
	return s
}
