package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"swab/pipeline"
	"swab/pipeline/report"
	"swab/pipeline/score"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// scoreFlags are the flags of swab score.
type scoreFlags struct {
	by, stratify, format string
	metrics, filters     []string
	pipeline.ScoreOptions
}

func scoreCommand() *cobra.Command {
	var o scoreFlags
	c := &cobra.Command{
		Use:   "score [--audit] DIR --results [MODEL=]PATH …",
		Short: "Score models on all items, on the clean ones and on the flagged ones",
		Long: `Join the results of a harness for each item with the verdicts of an audit, and write a
row for each model, benchmark and method:

  all, clean, flagged   scores on all items, on those not flagged, on those flagged
  gain                  all − clean with its 95 % interval, in points
  mde                   minimum detectable effect: the smallest gain that this number of
                        items detects with a power of 80 %
  p, Holm, BH           p-value of no difference between flagged and other items, and
                        adjusted for the whole table
  lower                 the lower of all and clean: the score to report

Items that a method cannot check stay in clean and are counted separately. A gain is no
proof of an effect: flagged items may be easier than others whether or not they were in
the corpus. --reference compares with a model that was not trained on the corpus.

Results are files or directories of JSON lines, CSV or Parquet with id and score, or of
a harness that swab knows (swab help scores); the format is detected by content. They are joined by id, by index
or by content, whichever is certain, and results and items left over are named. Any text
of a result may be the question, or a prompt that contains it, and is compared with the
item's, without the benchmark's file. Numbers that no question confirms are refused;
--join index accepts them.

--out names a file (.json, .csv, .md, .tex) or a directory for scores.json,
scores.csv, scores.md and curve.csv: gain and share flagged at every threshold. Or it is
the audit's own directory: scores.json and curve.csv are written into it and its
report.html is written again with them. A later scan into that directory removes them.

--ran names what swab export wrote for the run of a clean variant: results are joined with
its items, and every output says that exactly these were run, or names those that were not
and those that were too; then the exit status is 1.

--reviewed follows the marks of swab review: a confirmed item counts as flagged, a
rejected one as clean, whatever the verdict of a method.`,
		Example: `  swab score audit --results llama=llama/samples_gsm8k.jsonl --results gpt=gpt.jsonl
  swab score audit --results helm/ --by subject --format markdown > scores.md
  swab score audit --results runs/ --reference base --out scores
  swab score audit --results runs/ --out audit
  swab score audit --results runs/ --exam bar.yaml
  swab score audit --results full=run1/ --results clean=run2/ --ran clean=exported/
  swab score --counts model-card.csv`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	addFlags(c, "Input", func(f *pflag.FlagSet) {
		auditFlag(f, &o.Audit)
		f.StringArrayVar(&o.Results, "results", nil, "`[MODEL=]PATH` results, a file or a directory; repeats")
		f.StringArrayVar(&o.Ran, "ran", nil,
			"`[MODEL=]DIR` swab export's directory: prove that the run, of MODEL or of all, has exactly its items; repeats")
		f.StringVar(&o.Aggregates, "aggregates", "",
			"`FILE` CSV file of model,benchmark,method,all,clean: scores without results of items, checked against the audit")
		f.StringVar(&o.Counts, "counts", "",
			"`FILE` CSV file of benchmark,n,n_flagged|share_flagged,all,clean,flagged[,model]: a published table; no audit")
		f.StringSliceVar(&o.Methods, "method", []string{"all"}, "`NAME` method of the audit, or all; repeats")
		f.StringVar(&o.Join.Benchmark, "bench", "",
			"`NAME` the audit's benchmark that all results are of (default: detected)")
		f.StringVar(&o.Join.How, "join", "",
			"`HOW` join by id, index or content (default: whichever is certain); id and index take numbers unconfirmed")
		f.StringArrayVar(&o.metrics, "metric", nil,
			"`[TASK=]NAME` metric or scorer, as a.b where it is inside a (default: the harness's first); repeats")
		f.StringArrayVar(&o.filters, "filter", nil,
			"`[TASK=]NAME` filter of lm-evaluation-harness, where results have it (default: the first); repeats")
		f.StringArrayVar(&o.Read.LowerBetter, "lower-is-better", nil,
			"`NAME` metric of which a lower score is better; repeats")
		f.IntVar(&o.Read.PassAt, "pass-at", 0, "`K` scores are pass@k of each item's samples (default: their mean)")
		f.BoolVar(&o.Reviewed, "reviewed", false,
			"follow the marks of swab review: a rejected item is clean, a confirmed one flagged")
	})
	addFlags(c, "Statistics", func(f *pflag.FlagSet) {
		f.StringVar(&o.by, "by", "", "`subject` rows for each subject (split) of a benchmark too")
		f.StringVar(&o.Cluster, "cluster", "",
			"`subject|context|document|FILE` items that are alike and count together: of one subject, context or document, "+
				"or by a CSV file of item,cluster[,benchmark]")
		f.StringVar(&o.stratify, "stratify", "", "`subject` test within subjects")
		f.StringVar(&o.Reference, "reference", "",
			"`MODEL` model that was not trained on the corpus, for the difference in differences")
		f.StringArrayVar(&o.Exams, "exam", nil, "`FILE` YAML file that defines how items add up to an exam's score; repeats")
		f.BoolVar(&o.Curves, "curves", false, "compute the gain at all thresholds; --out implies it")
		f.Uint64Var(&o.Seed, "seed", 1, "`N` seed of bootstrap and permutations")
		f.IntVar(&o.Resamples, "resamples", 2000, "`N` bootstrap resamples")
		f.IntVar(&o.Permutations, "permutations", 9999, "`N` permutations of a test")
		f.IntVarP(&o.Lanes, "jobs", "j", 0, "`N` rows computed at a time (default: all cores)")
	})
	addFlags(c, "Output", func(f *pflag.FlagSet) {
		f.StringVar(&o.format, "format", "table", "`FORMAT` "+strings.Join(score.Formats(), ", "))
		f.StringVar(&o.Out, "out", "", "`PATH` file or directory to write, beside what is printed")
		f.BoolVar(&o.NoReport, "no-report", false, "do not write report.html again when --out is the audit")
	})
	complete(c, "method", methodNames)
	completeFrom(c, "join", "id", "index", "content")
	completeFrom(c, "by", "subject")
	completeFrom(c, "stratify", "subject")
	completeFrom(c, "format", score.Formats()...)
	return c
}

// run scores what the flags and arguments name.
func (o *scoreFlags) run(cmd *cobra.Command, args []string) error {
	if err := o.setAudit(cmd, args); err != nil {
		return err
	}
	if o.Counts == "" && len(o.Results) == 0 && o.Aggregates == "" {
		return misused(cmd, "score needs --results or --aggregates")
	}
	if err := o.check(cmd); err != nil {
		return err
	}
	o.Read.Metric, o.Read.Metrics = byTask(o.metrics)
	o.Read.Filter, o.Read.Filters = byTask(o.filters)
	o.BySubject, o.Stratify, o.Definitions = o.by != "", o.stratify != "", definitions()
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	t, err := pipeline.Score(cmd.Context(), o.ScoreOptions)
	if t != nil {
		for _, notice := range t.Notices {
			fmt.Fprintf(stderr, "swab: note: %s\n", report.CleanText(notice))
		}
		for i := range t.Joins {
			printJoin(stderr, &t.Joins[i])
		}
	}
	if err != nil {
		return fmt.Errorf("score: %w", err)
	}
	if o.Out != "" {
		fmt.Fprintf(stderr, "swab: wrote %s\n", o.Out)
	}
	_, _, width := terminal(stdout)
	if err := t.Write(stdout, o.format, width); err != nil {
		if o.Out != "" {
			return afterPublishing(o.Out, err)
		}
		return err
	}
	if slices.ContainsFunc(t.Joins, func(j score.Joined) bool { return j.Ran != nil && !j.Ran.Exact() }) {
		return exit{code: exitOver}
	}
	if t.Unread > 0 {
		fmt.Fprintf(stderr, "swab: %s of results could not be read: their items have no score\n",
			report.Count(t.Unread, "row"))
		return exit{code: exitIncomplete}
	}
	return nil
}

// setAudit sets the audit from the flags, the argument or the configuration that it names.
func (o *scoreFlags) setAudit(cmd *cobra.Command, args []string) error {
	if isConfig(args) {
		if _, err := applyConfig(cmd, args[0]); err != nil {
			return err
		}
		if out := cmd.Flags().Lookup("out"); o.Audit == "" {
			o.Audit = out.Value.String() // where the scan wrote it
		}
		args = nil
	}
	if o.Counts == "" {
		_, err := auditArg(cmd, &o.Audit, args)
		return err
	}
	if len(args) > 0 || o.Audit != "" || len(o.Results) > 0 {
		return misused(cmd, "--counts is a published table, scored without an audit and results")
	}
	return nil
}

// byTask returns the value for all tasks, and those of single ones, of flags TASK=NAME.
func byTask(flags []string) (all string, single map[string]string) {
	for _, f := range flags {
		task, name, ok := strings.Cut(f, "=")
		if !ok {
			all = f
			continue
		}
		if single == nil {
			single = map[string]string{}
		}
		single[task] = name
	}
	return all, single
}

// check returns an error for an unknown value of a flag.
func (o *scoreFlags) check(c *cobra.Command) error {
	for _, f := range []struct {
		flag, value string
		known       []string
	}{
		{"--by", o.by, []string{"", "subject"}}, {"--stratify", o.stratify, []string{"", "subject"}},
		{"--format", o.format, score.Formats()},
	} {
		if !slices.Contains(f.known, f.value) {
			return misused(c, "%s is %q: there are %s", f.flag, f.value, strings.TrimPrefix(strings.Join(f.known, ", "), ", "))
		}
	}
	if o.Read.PassAt < 0 {
		return misused(c, "--pass-at is 1 or more")
	}
	if o.Resamples < 100 || o.Permutations < 100 {
		return misused(c, "--resamples and --permutations are 100 or more")
	}
	return nil
}

// printJoin writes how results were joined, and names the results and items left over.
func printJoin(w io.Writer, j *score.Joined) {
	name := report.CleanText(j.Model)
	if j.Benchmark == "" {
		fmt.Fprintf(w, "swab: %s: %s for no benchmark of the audit: %s\n",
			name, report.Count(int64(j.Results), "result"), firstNames(j.ResultsLeft))
	} else {
		fmt.Fprintf(w, "swab: %s on %s: %s joined by %s; questions compared %d, agree %d\n", name,
			report.CleanText(j.Benchmark), report.Count(int64(j.Results-len(j.ResultsLeft)), "result"), j.How,
			j.Compared, j.Agree)
		if n := len(j.ResultsLeft); n > 0 {
			fmt.Fprintf(w, "swab:   %s without an item: %s\n", report.Count(int64(n), "result"), firstNames(j.ResultsLeft))
		}
		if n := len(j.ItemsLeft); n > 0 {
			fmt.Fprintf(w, "swab:   %s without a result: %s\n", report.Count(int64(n), "item"), firstNames(j.ItemsLeft))
		}
	}
	for _, p := range j.Problems {
		if !strings.HasPrefix(p, "results left over") && !strings.HasPrefix(p, "items left over") {
			fmt.Fprintf(w, "swab:   %s\n", report.CleanText(p))
		}
	}
}

// firstNames returns up to five of the names, and how many more there are.
func firstNames(names []string) string {
	shown := make([]string, 0, 5)
	for _, n := range names[:min(5, len(names))] {
		shown = append(shown, visible(n))
	}
	s := strings.Join(shown, ", ")
	if len(names) > 5 {
		s += fmt.Sprintf(" and %d more, named by --out", len(names)-5)
	}
	return s
}
