package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"swab/pipeline"
	"swab/pipeline/ledger"
	"swab/pipeline/report"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func decontaminateCommand() *cobra.Command {
	var o pipeline.DecontaminateOptions
	var most float64
	var spans bool
	var cut pipeline.Cut
	var task string
	c := &cobra.Command{
		Use:   "decontaminate [--audit] DIR --out DIR",
		Short: "Write the corpus without the documents that hold flagged items",
		Long: `Read the corpus of an audit again and write it without the documents that flag an item
of the audit by themselves. For a method that joins documents, as llama2, those that have
an n-gram of a flagged item go.

  corpus/                  the shards, under the names that they have below the directory
                           that all of them share
  removed/corpus/          the documents that are left out, in shards of the same names
  removed/documents.jsonl  a line for each of them and each item that it holds: shard, row,
                           id, benchmark, item, score, kind, and the bytes that match
  decontamination.json     what was done: audit, method, counts by benchmark and by shard

A shard without such documents is copied byte for byte. In the others the records of JSON,
tables and text keep their bytes, those of Parquet, Arrow and Avro their values, types and
metadata; the compression stays. Rows that are no documents stay. Each shard that was
divided is read again and compared before anything is published.

With --column nothing is removed: shards of Parquet are written below marked/ with a column
contamination, a list of what each document holds. --attributes does that for JSON lines.

With --spans, what matches is cut out of the documents with --margin characters on both
sides, pieces of less than --shortest go too, and the rest is searched again until nothing is
found; a document that falls into more than ten pieces goes as a whole (the rule of GPT-3).

The marks of swab review count: documents of a rejected item stay. See swab help clean.`,
		Example: `  swab scan --corpus shards/ --bench gsm8k=test.jsonl --out audit
  swab decontaminate audit --out clean-corpus

  # what would be removed; then only its list, for a pipeline of one's own
  swab decontaminate audit --dry-run
  swab decontaminate audit --ids --out ids

  # exit code 1, and nothing is written, if more than 0.1 % of the documents would go
  swab decontaminate audit --max-removed 0.1 --out clean-corpus

  # on many machines: a task on each, and then what all of them wrote
  swab decontaminate audit --root /mnt/data --task 3/16 --out /shared/parts
  swab decontaminate audit --parts /shared/parts --out /shared/clean-corpus`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := auditArg(cmd, &o.Audit, args); err != nil {
				return err
			}
			if o.Out == "" && !o.DryRun {
				return misused(cmd, "decontaminate needs --out, or --dry-run")
			}
			switch {
			case count(spans, o.IDs, o.Mark, o.Column) > 1:
				return misused(cmd, "--spans, --ids, --attributes and --column exclude one another")
			case spans && (cut.Margin < 0 || cut.Shortest < 1):
				return misused(cmd, "--margin is 0 or more, and --shortest 1 or more")
			case spans:
				o.Spans = &cut
			case cmd.Flags().Changed("margin") || cmd.Flags().Changed("shortest"):
				return misused(cmd, "--margin and --shortest are for --spans")
			}
			o.Version, o.MaxRemoved = programVersion(), most/100
			var err error
			switch o.Task, err = parseTask(task); {
			case err != nil:
				return err
			case task == "":
				return decontaminate(cmd, o)
			case o.DryRun || o.Parts != "" || cmd.Flags().Changed("max-removed"):
				return misused(cmd, "a task has no --dry-run, --parts or --max-removed: they are for all of them together")
			}
			return decontaminateTask(cmd, o)
		},
	}
	addFlags(c, "Input", func(f *pflag.FlagSet) {
		auditFlag(f, &o.Audit)
		f.StringVar(&o.Method, "method", "", "`NAME` method that decides; needed if several methods of the audit flag items")
		f.Float64Var(&o.Threshold, "threshold", 0,
			"`SCORE` remove what reaches this score, 0 to 1, in place of what the method flags")
		f.BoolVar(&o.AllowIncomplete, "allow-incomplete", false,
			"leave out the shards that the audit could not read; without it, an incomplete audit is an error")
	})
	addFlags(c, "Output", func(f *pflag.FlagSet) {
		f.StringVar(&o.Out, "out", "", "`DIR` directory to write, which must not exist")
		f.BoolVar(&spans, "spans", false, "cut what matches out of documents in place of removing them")
		f.IntVar(&cut.Margin, "margin", 200, "`N` with --spans, characters cut on both sides of what matches")
		f.IntVar(&cut.Shortest, "shortest", 200, "`N` with --spans, characters of the shortest piece that stays")
		f.BoolVar(&o.IDs, "ids", false, "write the list of documents and no corpus")
		f.BoolVar(&o.Mark, "attributes", false,
			"write attributes of all documents, as Dolma's tools read them, and no corpus")
		f.BoolVar(&o.Column, "column", false,
			"write shards of Parquet with a column contamination, and remove nothing")
		f.BoolVar(&o.DryRun, "dry-run", false, "write nothing")
		f.Float64Var(&most, "max-removed", -1,
			"`PCT` exit with 1 and write nothing if more than this percentage of the documents would go (default: any)")
	})
	addFlags(c, "Many machines", func(f *pflag.FlagSet) {
		rootFlag(f, &o.Root)
		f.StringVar(&task, "task", "",
			"`I/N` clean only the I-th of N groups of shards, of about equal size, into parts in --out")
		f.StringVar(&o.Parts, "parts", "", "`DIR` write the corpus of what the tasks wrote there")
	})
	addFlags(c, "Limits", func(f *pflag.FlagSet) {
		f.IntVarP(&o.Lanes, "jobs", "j", 0, "`N` shards read at a time (default: all cores)")
	})
	complete(c, "method", methodNames)
	return c
}

// count returns how many are set.
func count(set ...bool) (n int) {
	for _, b := range set {
		if b {
			n++
		}
	}
	return n
}

func decontaminate(cmd *cobra.Command, o pipeline.DecontaminateOptions) error {
	stderr := cmd.ErrOrStderr()
	if o.Threshold < 0 || o.Threshold > 1 {
		return fmt.Errorf("--threshold %g: it has to be from 0 to 1", o.Threshold)
	}
	o.Progress = &pipeline.Progress{}
	stop := showProgress(o.Progress, stderr)
	sum, err := pipeline.Decontaminate(cmd.Context(), o)
	stop()
	if errors.Is(err, pipeline.ErrTooManyRemoved) {
		printError(stderr, err)
		return exit{code: exitOver}
	}
	var missing *pipeline.MissingError
	if errors.As(err, &missing) {
		printMissing(cmd, missing.Names)
	}
	if err != nil {
		return fmt.Errorf("decontaminate: %w", err)
	}
	for _, n := range sum.Notes {
		fmt.Fprintf(stderr, "swab: note: %s\n", report.CleanText(n))
	}
	err = printCleaned(cmd.OutOrStdout(), sum)
	for _, a := range sum.LeftOut {
		fmt.Fprintf(stderr, "swab: not used: %s: %s\n", report.CleanText(a.Name), report.CleanText(a.Why))
	}
	if o.DryRun {
		return err
	}
	fmt.Fprintf(stderr, "swab: wrote %s\n", o.Out)
	if err = afterPublishing("the cleaned corpus", err); err == nil && len(sum.LeftOut) > 0 {
		return exit{code: exitIncomplete}
	}
	return err
}

// decontaminateTask does a task, and writes a line of JSON for each shard once its part is on disk.
func decontaminateTask(cmd *cobra.Command, o pipeline.DecontaminateOptions) error {
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetEscapeHTML(false)
	o.Progress = &pipeline.Progress{}
	stop := showProgress(o.Progress, cmd.ErrOrStderr())
	err := pipeline.CleanTask(cmd.Context(), o, func(s ledger.CleanedShard) error { return enc.Encode(s) })
	stop()
	if err != nil {
		return fmt.Errorf("decontaminate: %w", err)
	}
	return nil
}

// printCleaned writes what was removed, by benchmark.
func printCleaned(w io.Writer, sum *pipeline.CleaningSummary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "benchmark\tflagged items\tfound\tdocuments removed\t")
	for _, b := range sum.Benchmarks {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t\n", report.CleanText(b.Name),
			report.Thousands(b.Flagged), report.Thousands(b.Found), report.Thousands(b.Documents))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	shards := 0
	for _, s := range sum.Shards {
		if s.Removed+s.Cut > 0 {
			shards++
		}
	}
	cut := ""
	if sum.Margin != nil {
		cut = fmt.Sprintf(", %s cut", report.Thousands(sum.Cut))
	}
	_, err := fmt.Fprintf(w, "\n%s of %s removed (%.3g %%)%s, %s of text, in %d of %s\n",
		report.Thousands(sum.Removed), report.Count(sum.Documents, "document"),
		100*float64(sum.Removed)/float64(max(1, sum.Documents)), cut, report.Bytes(sum.Bytes),
		shards, report.Count(int64(len(sum.Shards)), "shard"))
	return err
}
