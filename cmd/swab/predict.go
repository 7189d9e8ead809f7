package main

import (
	"fmt"

	"swab/pipeline"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func predictCommand() *cobra.Command {
	var o pipeline.PredictOptions
	c := &cobra.Command{
		Use:   "predict [[--audit] DIR --results MODEL=PATH …] [--runs FILE]",
		Short: "Predict a model's loss and pass rates from smaller models, on clean items",
		Long: `Predict a large model from smaller ones, as the GPT-4 report does:

  loss         of compute, a·C^b + c, from five runs or more; and of parameters and tokens,
               E + A/N^α + B/D^β, from eight or more with different tokens a parameter
  score        at that loss, by a sigmoid of the loss, where runs have a score
  pass rates   −E[log p] = α·C^−k, over the clean items that every smaller model solved at
               least once, and in six buckets of difficulty. They need several samples of
               each item
  gap          whether flagged items gain more with size than clean ones: the slope of
               logit(flagged) − logit(clean) against log₁₀ C

Each has a 95 % interval, and z where the target was observed. Beyond 10,000 times the
compute of the largest run for a loss, and 1,000 for pass rates, it warns.

FILE is CSV with model and, as far as they are known, compute (FLOP), params, tokens and
loss. Without compute it is 6 · params · tokens.`,
		Example: `  swab predict --runs runs.csv --target big
  swab predict audit --results small=s/ --results mid=m/ --results large=l/ \
    --compute small=3e19 --compute mid=2e20 --compute large=1e21 --target-compute 1e23`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(o.Results) > 0 {
				if _, err := auditArg(cmd, &o.Audit, args); err != nil {
					return err
				}
			} else if len(args) > 0 || o.Runs == "" {
				return misused(cmd, "predict needs --runs, or an audit and --results")
			}
			o.Definitions = definitions()
			out, err := pipeline.Predict(cmd.Context(), o)
			if err != nil {
				return fmt.Errorf("predict: %w", err)
			}
			if o.Out != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "swab: wrote %s\n", o.Out)
			}
			return out.Write(cmd.OutOrStdout())
		},
	}
	addFlags(c, "Input", func(f *pflag.FlagSet) {
		auditFlag(f, &o.Audit)
		f.StringVar(&o.Runs, "runs", "", "`FILE` CSV file of model,compute,params,tokens,loss,score")
		f.StringArrayVar(&o.Results, "results", nil, "`MODEL=PATH` results, a file or a directory; repeats")
		f.StringArrayVar(&o.Compute, "compute", nil, "`MODEL=FLOP` compute that a model was trained with; repeats")
		f.StringVar(&o.Target, "target", "", "`MODEL` that is predicted, and left out of the fits")
		f.Float64Var(&o.TargetRun.Compute, "target-compute", 0, "`FLOP` of a target that was not trained yet")
		f.Float64Var(&o.TargetRun.Params, "target-params", 0, "`N` its parameters")
		f.Float64Var(&o.TargetRun.Token, "target-tokens", 0, "`D` its tokens")
		f.StringSliceVar(&o.Methods, "method", []string{"all"}, "`NAME` method of the audit, or all; repeats")
		f.StringVar(&o.Join.How, "join", "", "`HOW` join by id, index or content (default: whichever is certain)")
		f.BoolVar(&o.AllItems, "all-items", false, "pass rates on all items, not on the clean ones")
	})
	addFlags(c, "Output", func(f *pflag.FlagSet) {
		f.Uint64Var(&o.Seed, "seed", 1, "`N` seed of the bootstrap")
		f.StringVar(&o.Out, "out", "",
			"`PATH` file to write, beside what is printed, or the audit: predict.json in it, and a plot in its report")
	})
	complete(c, "method", methodNames)
	completeFrom(c, "join", "id", "index", "content")
	return c
}
