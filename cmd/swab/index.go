package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"swab/pipeline"
	"swab/pipeline/filter"
	"swab/pipeline/ledger"
	"swab/pipeline/report"
	"swab/pipeline/shard"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// corpusFlags adds the flags of all verbs that read a corpus.
func corpusFlags(f *pflag.FlagSet, corpus *[]string, r *pipeline.Reading, task *string) {
	f.StringArrayVar(corpus, "corpus", nil,
		"`PATH` file, directory, glob or @list of shards, or - for standard input; repeats")
	f.StringVar(&r.TextField, "text-field", "text",
		"`FIELD` field of the text in a row (see swab help formats); where rows have no text, fields of chats and the like")
	f.StringVar(&r.IDField, "id-field", "id",
		"`FIELD` field of the document's id, dotted path; rows without it are identified by number")
	f.StringVar(&r.TextUnit, "text-unit", "file", "`file|line` what is a document in plain text")
	f.StringArrayVar(&r.Exclude, "exclude", nil,
		"`GLOB` files and directories of the corpus to leave out, by their last part or, with a slash, by the whole; repeats")
	f.StringVar(&r.Format, "format", "",
		"`NAME` read files as this whatever their name, as jsonl, csv or text, unless their first bytes say another")
	f.BoolVar(&r.Rehash, "rehash", false,
		"read all shards again to compare their content with the digests of the earlier run; "+
			"without it, those of the same size and modification time count as unchanged")
	f.StringVar(task, "task", "", "`I/N` only the I-th of N tasks: every N-th shard, for many machines")
}

// limitFlags adds the flags that bound how shards are read.
func limitFlags(f *pflag.FlagSet, r *pipeline.Reading) {
	f.IntVarP(&r.Lanes, "jobs", "j", 0,
		"`N` shards read at a time, in a scan also ranges of a large one (default: all cores)")
	f.Int64Var(&r.MaxBadRows, "max-bad-rows", -1,
		"`N` stop when more rows than this are skipped or repaired (default: never)")
	f.IntVar(&r.MaxRow, "max-row", 64<<20, "`BYTES` longest row or document")
	f.Int64Var(&r.Limits.Window, "max-window", shard.DefaultWindow, "`BYTES` largest decompression window")
	f.Int64Var(&r.Limits.Ratio, "max-ratio", shard.DefaultRatio,
		"`N` largest ratio of decompressed to compressed bytes; 0: any")
}

// parseTask reads I/N, a task and the number of all tasks.
func parseTask(s string) (task [2]int, err error) {
	if s == "" {
		return task, nil
	}
	i, n, _ := strings.Cut(s, "/")
	task[0], err = strconv.Atoi(i)
	if err == nil {
		task[1], err = strconv.Atoi(n)
	}
	if err != nil || task[0] < 1 || task[0] > task[1] {
		return task, fmt.Errorf("--task %s: it must be I/N with I from 1 to N, as in 3/16", s)
	}
	return task, nil
}

// byteSize is a flag like 1GiB or 500MB.
type byteSize int64

func (b *byteSize) String() string {
	if *b == 0 {
		return ""
	}
	return fmt.Sprint(int64(*b))
}
func (b *byteSize) Type() string { return "size" }
func (b *byteSize) Set(s string) error {
	number := strings.TrimRight(s, "KMGTiBkb")
	unit, ok := map[string]float64{"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}[strings.ToLower(s[len(number):])]
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !ok || v < 0 {
		return fmt.Errorf("it must be a size like 1GiB, 500MB or 1048576")
	}
	*b = byteSize(v * unit)
	return nil
}

func indexCommand() *cobra.Command {
	var o pipeline.IndexOptions
	var task, metrics string
	var tokens tokenFlags
	var segment, buffers byteSize
	var dry bool
	c := &cobra.Command{
		Use:   "index --corpus PATH … --out DIR",
		Short: "Build or extend the corpus filter, so that any benchmark is checked in seconds",
		Long: `Put the n-grams of a corpus into a filter in DIR: Bloom filters in segments, and
index.json, which lists every shard. swab check looks up any benchmark in it.

A second run on a corpus that grew reads only the new shards. A shard that changed or is
gone is named, and --on-change chooses what happens: fail; keep its n-grams (and also
read a changed shard again); or rebuild the segments that it is in. A shard of the same
name, size and modification time counts as unchanged: after restoring files with their
old times, --rehash compares their content.

A segment that is full is closed, so the false-positive rate of --fpr holds for a
corpus of any size. A shard that cannot be read to its end adds nothing to the filter.`,
		Example: `  swab index --corpus shards/ --out corpus.idx
  swab check --index corpus.idx --bench gsm8k=test.jsonl --out audit

  # how large it will be
  swab index --corpus shards/ --out corpus.idx --dry-run

  # on sixteen machines, then merged
  swab index --corpus shards/ --task 3/16 --out task-3.idx
  swab merge task-*.idx --out corpus.idx`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if len(o.Corpus) == 0 || o.Out == "" {
				return misused(cmd, "index needs --corpus and --out")
			}
			if o.Part, err = parseTask(task); err != nil {
				return err
			}
			if err := tokens.set(cmd, &o.Reading); err != nil {
				return err
			}
			switch o.OnChange {
			case filter.OnChangeFail, filter.OnChangeKeep, filter.OnChangeRebuild:
			default:
				return fmt.Errorf("--on-change %s: it must be fail, keep or rebuild", o.OnChange)
			}
			o.SegmentBytes, o.BufferBytes, o.Version = int64(segment), int64(buffers), programVersion()
			if dry {
				return printEstimate(cmd.Context(), o, cmd.OutOrStdout())
			}
			return index(cmd.Context(), o, metrics, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addFlags(c, "Corpus", func(f *pflag.FlagSet) { corpusFlags(f, &o.Corpus, &o.Reading, &task) })
	tokens.add(c, true)
	addFlags(c, "Filter", func(f *pflag.FlagSet) {
		f.IntVar(&o.N, "n", 0, "`N` words of an n-gram (default 5)")
		f.IntVar(&o.Window, "window", 0, "`W` keep of W neighbouring n-grams the least, and so 2/(W+1) of all: "+
			"the filter bounds runs of n + W - 1 words and more (default 1: keep all)")
		f.Float64Var(&o.FPR, "fpr", 0, "`RATE` false-positive rate of each segment (default 1e-4)")
		f.Var(&segment, "segment-size", "`SIZE` size of a segment (default 1GiB, less for a small corpus)")
		f.Var(&buffers, "buffers",
			"`SIZE` memory for n-grams on their way into a segment; less is slower (default a quarter of a segment)")
		f.StringVar(&o.OnChange, "on-change", filter.OnChangeFail,
			"`WHAT` for shards that changed or are gone: fail, keep or rebuild")
	})
	addFlags(c, "Output", func(f *pflag.FlagSet) {
		f.StringVar(&o.Out, "out", "", "`DIR` directory of the index; an existing one is extended")
		f.StringVar(&metrics, "metrics", "", "`FILE` write figures of the run in Prometheus' text format")
		f.BoolVar(&dry, "dry-run", false, "read a sample, and estimate the numbers of n-grams, segments and bytes")
	})
	addFlags(c, "Limits", func(f *pflag.FlagSet) { limitFlags(f, &o.Reading) })
	completeFrom(c, "text-unit", "file", "line")
	completeFrom(c, "on-change", filter.OnChangeFail, filter.OnChangeKeep, filter.OnChangeRebuild)
	c.AddCommand(indexInfoCommand(), indexVerifyCommand())
	return c
}

func index(ctx context.Context, o pipeline.IndexOptions, metrics string, stdout, stderr io.Writer) error {
	began := time.Now()
	o.Progress = &pipeline.Progress{}
	stop := showProgress(o.Progress, stderr)
	sum, err := pipeline.Index(ctx, o)
	stop()
	if err != nil {
		return err
	}
	unread := notRead(stderr, sum.Files)
	var entries []ledger.Entry
	for _, sh := range sum.Index.Shards {
		entries = append(entries, sh.Entry)
	}
	for _, n := range pipeline.FoundFields(entries) {
		fmt.Fprintf(stderr, "swab: note: %s\n", report.CleanText(n))
	}
	for _, name := range sum.Changed {
		fmt.Fprintf(stderr, "swab: note: %s\n", report.CleanText(name))
	}
	took := time.Since(began)
	failed := afterPublishing("the index", errors.Join(
		wrapped("not its metrics", indexMetrics(metrics, sum, o, took)), printIndex(stdout, sum.Index, false)))
	const most = 10 // shards that could not be read
	for _, e := range sum.Failed[:min(most, len(sum.Failed))] {
		fmt.Fprintf(stderr, "swab: not used: %s\n", report.CleanText(e.Error))
	}
	if more := len(sum.Failed) - most; more > 0 {
		fmt.Fprintf(stderr, "swab: not used: %s more shards, named in %s/%s\n",
			report.Thousands(int64(more)), o.Out, ledger.IndexFile)
	}
	printSkipped(stderr, sum.Index)
	emptyRows(stderr, ledger.Sum(entries), entries)
	disguised(stderr, ledger.Sum(entries))
	text := o.Progress.Text.Load()
	fmt.Fprintf(stderr, "swab: read %s, %s of text in %s (%s/s)\n", report.Count(int64(sum.Read), "shard"),
		report.Bytes(text), took.Round(10*time.Millisecond), report.Bytes(int64(float64(text)/took.Seconds())))
	fmt.Fprintf(stderr, "swab: wrote %s\n", o.Out)
	if !sum.Complete() || unread {
		if failed != nil {
			printError(stderr, failed)
		}
		return exit{code: exitIncomplete}
	}
	return failed
}

// printSkipped writes how many rows of the shards were skipped, by shard and kind.
func printSkipped(w io.Writer, x *ledger.Index) {
	named := 0
	for _, s := range x.Shards {
		for kind, n := range s.Skipped {
			if named++; named <= 5 {
				fmt.Fprintf(w, "swab: %s: %s skipped: %s\n", report.CleanText(s.Name), report.Count(n, "row"), kind)
			}
		}
	}
	if named > 5 {
		fmt.Fprintf(w, "swab: and %d more such lines, see %s\n", named-5, ledger.IndexFile)
	}
}

// printIndex writes the size, the rate and the segments of an index.
func printIndex(w io.Writer, x *ledger.Index, shards bool) error {
	grams, bytes := int64(0), int64(0)
	for _, s := range x.Segments {
		grams += s.Grams
		bytes += s.Size
	}
	docs, text := int64(0), int64(0)
	for _, s := range x.Shards {
		docs += s.Documents
		text += s.TextBytes
	}
	fmt.Fprintf(w, "%d-grams of words, normaliser v%d\n", x.Recipe.N, x.Recipe.Version)
	if x.Recipe.Window > 0 {
		fmt.Fprintf(w, "of %d neighbours the least: bounds runs of %d words and more\n", x.Recipe.Window, x.Recipe.LeastRun())
	}
	fmt.Fprintf(w, "%s, %s, %s of text\n",
		report.Count(int64(len(x.Shards)), "shard"), report.Count(docs, "document"), report.Bytes(text))
	fmt.Fprintf(w, "%s distinct n-grams in %s, %s\n",
		approx(grams), report.Count(int64(len(x.Segments)), "segment"), report.Bytes(bytes))
	fmt.Fprintf(w, "false-positive rate %.3g (target for each segment: %g)\n\n", filter.Rate(x), x.Plan.FPR)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "segment\tshards\tn-grams\tfill\trate\tstate\t")
	for _, s := range x.Segments {
		in, state := 0, "open"
		for _, sh := range x.Shards {
			for _, f := range sh.Segments {
				if f == s.File {
					in++
				}
			}
		}
		if s.Full {
			state = "full"
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%.1f%%\t%.2e\t%s\t\n", s.File, in, approx(s.Grams), 100*s.Fill, s.Rate, state)
	}
	if err := t.Flush(); err != nil || !shards {
		return err
	}
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "shard\tbytes\trows\tn-grams\tsegments")
	for _, s := range x.Shards {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\n",
			report.CleanText(s.Name), s.Size, s.Rows, s.Grams, strings.Join(s.Segments, " "))
	}
	return t.Flush()
}

// approx formats an estimate with three digits.
func approx(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprint(n)
	case n < 1_000_000:
		return fmt.Sprintf("%.3g thousand", float64(n)/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.3g million", float64(n)/1e6)
	}
	return fmt.Sprintf("%.3g billion", float64(n)/1e9)
}

func indexInfoCommand() *cobra.Command {
	var shards bool
	c := &cobra.Command{
		Use:     "info DIR",
		Short:   "Show the segments of an index, how full they are, and their shards",
		Example: "  swab index info corpus.idx --shards",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			x, err := ledger.LoadIndex(args[0])
			if err != nil {
				return err
			}
			return printIndex(cmd.OutOrStdout(), x, shards)
		},
	}
	addFlags(c, "Output", func(f *pflag.FlagSet) { f.BoolVar(&shards, "shards", false, "list the shards too") })
	return c
}

func indexVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "verify DIR",
		Short:   "Read all files of an index and compare their checksums",
		Example: "  swab index verify corpus.idx",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := filter.Verify(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, all checksums match\n", args[0], report.Count(int64(n), "segment"))
			return err
		},
	}
}

func mergeCommand() *cobra.Command {
	var s scanVerb
	var out, plan string
	c := &cobra.Command{
		Use:   "merge {RESULT… --plan PLAN | DIR…} --out DIR",
		Short: "Merge what several machines made: results of a plan, or indexes",
		Long: `Merge the results of a plan, files or directories of them, and publish the audit, or merge them
into one file of results if --out ends with .swabr. A shard of the plan without a result is
named and nothing is published: standard output then lists these shards, one a line, as
swab work reads them. With --allow-incomplete the audit says that they were not read.

Or merge indexes that were built with the same settings, each of a part of the corpus, into
one. Segments that are not full are merged where they fit; if all shards fit into one
segment, it is byte for byte the segment that a single run writes. With --plan they must
have all its shards.`,
		Example: `  swab merge --plan plan.json results --out audit
  swab merge task-*.idx --out corpus.idx`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return misused(cmd, "merge needs --out")
			}
			if plan != "" {
				return mergePlanned(cmd, plan, args, &s, out)
			}
			return mergeIndexes(cmd, args, out, nil)
		},
	}
	addFlags(c, "Output", func(f *pflag.FlagSet) {
		f.StringVar(&out, "out", "", "`DIR` directory of the audit or index; an existing one is replaced")
		f.StringVar(&plan, "plan", "", "`FILE` plan of swab plan")
		f.BoolVar(&s.o.AllowIncomplete, "allow-incomplete", false, "write clean variants although shards have no result")
		f.BoolVar(&s.o.NoReport, "no-report", false, "do not write report.html")
		f.StringVar(&s.b.metrics, "metrics", "", "`FILE` of a plan, write figures of the run in Prometheus' text format")
	})
	return c
}

// mergeIndexes merges indexes, which must have all shards of the plan, if there is one.
func mergeIndexes(cmd *cobra.Command, dirs []string, out string, plan *pipeline.Plan) error {
	if plan != nil {
		missing, err := plan.NotIndexed(dirs)
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			printMissing(cmd, missing)
			return &pipeline.MissingError{Names: missing}
		}
	}
	x, err := filter.Merge(cmd.Context(), dirs, out, programVersion())
	if err != nil {
		return err
	}
	if err := printIndex(cmd.OutOrStdout(), x, false); err != nil {
		return afterPublishing("the index", err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "swab: wrote %s\n", out)
	return nil
}

// printEstimate writes an estimate of the size of an index.
func printEstimate(ctx context.Context, o pipeline.IndexOptions, stdout io.Writer) error {
	e, err := pipeline.EstimateIndex(ctx, o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, `an estimate from a sample of %s, %.1f %% of the shards' bytes:
%s of text in %s
%s distinct n-grams of %d words
%s of %s, %s in all, for a false-positive rate of %g
about %s on %d lanes, and %s of memory
`, report.Bytes(e.Sampled), 100*e.Share, report.Bytes(e.Text), report.Count(int64(e.Shards), "shard"),
		approx(e.Grams), e.N, report.Count(int64(e.Segments), "segment"), report.Bytes(e.SegmentBytes),
		report.Bytes(int64(e.Segments)*e.SegmentBytes), e.FPR, e.Time.Round(time.Second), e.Lanes, report.Bytes(e.Memory))
	return err
}
