package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"swab/ngram/align"
	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/export"
	"swab/pipeline/filter"
	"swab/pipeline/ledger"
	"swab/pipeline/publish"
	"swab/pipeline/report"
	"swab/pipeline/rows"
	"swab/pipeline/shard"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

func scanCommand() *cobra.Command {
	var o pipeline.Options
	var b benchFlags
	var task, dry string
	var tokens tokenFlags
	c := &cobra.Command{
		Use:   "scan {FILE.yaml | --corpus PATH … --bench [NAME=]PATH … --out DIR}",
		Short: "Search a corpus for the items of benchmarks: verdicts, evidence, clean variants",
		Long: `Search a corpus for the items of benchmarks and publish an audit in DIR:

  audit.json                       what was read, how, and what was not
  verdicts.jsonl, .parquet         one row a method and item
  evidence.jsonl, .parquet         the strongest matches of each item, in the original words
  clean/METHOD/BENCHMARK/…         each benchmark without the flagged items, bytes unchanged
  methods.csv, agreement.csv       the methods side by side, and on how many items pairs of them disagree
  removed/METHOD/BENCHMARK/…       the flagged items; together with clean/ the whole benchmark
  report.html                      all of it for people, in one file (see swab report)
  shards/                          results by shard: a rerun reads only new or changed shards

A corpus is files, directories, globs and @lists of them: JSON lines (.jsonl,
.json), Parquet, Arrow IPC (.arrow, .arrows) and text (.txt, .md), compressed
with gzip, zstd, bzip2, xz or lz4. A benchmark is JSON lines, a JSON array, CSV,
TSV or Parquet, or a directory of them; swab benchmarks lists the known layouts.

A rerun reads what is new. A shard of the same name, size and modification time counts as
unchanged, and --rehash compares its content; one that was copied is known by its content.
For a benchmark or method that is added, the corpus is read for that alone.

Items that are too short for a method are not checkable. They are kept in clean/, and
the table counts them separately.`,
		Example: `  # GSM8K and MMLU against a directory of shards
  swab scan --corpus shards/ --bench gsm8k=test.jsonl --bench mmlu=mmlu/test --out audit

  # a benchmark of your own, three methods, and exit code 1 above 2 % flagged
  swab scan --corpus 'crawl/**/*.jsonl.zst' --bench mine=quiz.csv \
      --fields question=q,choices=a+b+c,answer=key,id=nr \
      --method gpt3 --method coverage8 --method longest8 --fail-above 2 --out audit

  # what would be read, and how; from standard input; files whose names say nothing
  swab scan --corpus shards/ --dry-run
  zstd -dc day.zst | swab scan --corpus - --bench mine=quiz.csv --out audit
  swab scan --corpus dumps/ --format jsonl --bench mine=quiz.csv --out audit

  # all of it in a file, which swab init writes
  swab scan audit.yaml

  # what was found, with jq and DuckDB
  jq 'select(.state == "flagged")' audit/verdicts.jsonl
  duckdb -c "select item, words, doc_text from 'audit/evidence.parquet' order by words desc"`,
		Args: configArg,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := b.configure(cmd, args); err != nil {
				return b.allErrors(cmd.Context(), err, &o)
			}
			if len(o.Corpus) == 0 || dry == "" && (len(b.benches)+len(b.configured) == 0 || o.Out == "") {
				return misused(cmd, "scan needs --corpus, --bench and --out")
			}
			if o.Part, err = parseTask(task); err != nil {
				return err
			}
			if err := tokens.set(cmd, &o.Reading); err != nil {
				return err
			}
			if err := b.options(cmd, &o); err != nil {
				return b.allErrors(cmd.Context(), err, &o)
			}
			if dry != "" {
				return listInputs(cmd.Context(), o, dry, cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			o.Index.Version, o.Index.OnChange = o.Version, filter.OnChangeFail
			return makeAudit(cmd, o, &b, false, func(o pipeline.Options) (*pipeline.Summary, error) {
				return pipeline.Scan(cmd.Context(), o)
			})
		},
	}
	addFlags(c, "Corpus", func(f *pflag.FlagSet) {
		corpusFlags(f, &o.Corpus, &o.Reading, &task)
		rootFlag(f, &o.Root)
	})
	tokens.add(c, true)
	b.flags(c, &o, overlap.House)
	addFlags(c, "Output", func(f *pflag.FlagSet) {
		b.outputFlags(f, &o)
		f.StringVar(&o.Index.Out, "index", "", "`DIR` corpus filter to fill in the same pass (see swab index)")
		f.StringVar(&dry, "dry-run", "",
			"`table|json` only list the files of the corpus, each with its format, text field and first row's fields")
		f.Lookup("dry-run").NoOptDefVal = listFormats[0]
	})
	addFlags(c, "Limits", func(f *pflag.FlagSet) { limitFlags(f, &o.Reading) })
	completeFrom(c, "text-unit", "file", "line")
	completeFrom(c, "dry-run", listFormats...)
	return c
}

func loadPresets(ctx context.Context, files []string) (*benchmark.Presets, error) {
	p, err := benchmark.Builtin()
	for _, f := range files {
		if err == nil {
			err = p.Add(ctx, f)
		}
	}
	return p, err
}

// makeAudit calls run with progress on a terminal, prints the strongest evidence, the table
// and a summary, and returns the exit code as an error.
func makeAudit(
	cmd *cobra.Command, o pipeline.Options, b *benchFlags, filter bool,
	run func(pipeline.Options) (*pipeline.Summary, error),
) error {
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	began := time.Now()
	o.Progress = &pipeline.Progress{}
	stop := showProgress(o.Progress, stderr)
	sum, err := run(o)
	stop()
	if err != nil {
		return err
	}
	for _, n := range sum.Notices {
		fmt.Fprintf(stderr, "swab: note: %s\n", report.CleanText(n))
	}
	notRead(stderr, sum.Files)
	state := item.Flagged
	if filter {
		state = item.Suspected
	}
	took := time.Since(began)
	// The metrics come first: standard output may be a pipe that nobody reads any more, which
	// ends the process.
	failed := afterPublishing("the audit", errors.Join(
		wrapped("not its metrics", auditMetrics(b.metrics, sum, o, filter, took)),
		wrapped("not its files for CI", b.ci.write(cmd, o.Out)), printFound(stdout, state, sum)))
	printKinds(stderr, sum)
	printReview(stderr, sum, o.Out)
	printChanges(stderr, sum, o.Out)
	printByFilter(stderr, sum)
	printSummary(stderr, sum, o, filter, took)
	exceeded := printLimits(stderr, sum, state)
	code := exitOK
	switch {
	case !sum.Audit.Complete:
		code = exitIncomplete
	case exceeded:
		code = exitOver
	}
	if code == exitOK {
		return failed
	}
	if failed != nil {
		printError(stderr, failed)
	}
	return exit{code: code}
}

// printLimits writes the status of each benchmark with thresholds, and which limits are exceeded. It
// reports whether any is.
func printLimits(w io.Writer, sum *pipeline.Summary, state audit.State) bool {
	for _, status := range sum.Audit.Statuses() {
		fmt.Fprintf(w, "swab: %s\n", report.CleanText(status))
	}
	exceeded := sum.Exceeded(state)
	for _, why := range exceeded {
		fmt.Fprintf(w, "swab: over its limit: %s\n", report.CleanText(why))
	}
	return len(exceeded) > 0
}

// printFound writes the strongest evidence and the table.
func printFound(stdout io.Writer, state audit.State, sum *pipeline.Summary) error {
	_, color, width := terminal(stdout)
	if err := report.Hits(stdout, sum.Hits, color, width); err != nil {
		return err
	}
	if len(sum.Hits) > 0 {
		fmt.Fprintln(stdout)
	}
	return report.Table(stdout, state, sum.Rows, width)
}

// wrapped returns err after what failed, or nil.
func wrapped(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// disguised says how many documents have text that hides copies, by its kind.
func disguised(w io.Writer, t ledger.Totals) {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(t.Disguised)) {
		parts = append(parts, fmt.Sprintf("%s %s", report.Count(t.Disguised[kind], "document"), kind))
	}
	if parts != nil {
		fmt.Fprintf(w, "swab: text that may hide copies: %s (swab help accuracy)\n", strings.Join(parts, ", "))
	}
}

// emptyRows says how many documents have no word, and names shards of which most have none.
func emptyRows(w io.Writer, t ledger.Totals, shards []ledger.Entry) {
	if t.Empty == 0 {
		return
	}
	fmt.Fprintf(w, "swab: %s of %s without a word\n", report.Thousands(t.Empty), report.Count(t.Documents, "document"))
	named := 0
	for i := range shards {
		if e := &shards[i]; e.MostlyEmpty() {
			if named++; named <= 3 {
				fmt.Fprintf(w, "swab: incomplete: %s: %s of %s have no word; --text-field names the field of the text\n",
					report.CleanText(e.Name), report.Thousands(e.Empty), report.Count(e.Documents, "document"))
			}
		}
	}
	if named > 3 {
		fmt.Fprintf(w, "swab: incomplete: and %s more shards like these\n", report.Thousands(int64(named-3)))
	}
}

// notRead names the files of a corpus that were not read, a line for each reason, and
// reports whether any of them looks like data.
func notRead(w io.Writer, files []shard.Skipped) (unread bool) {
	type reason struct {
		fate shard.Fate
		why  string
	}
	var order []reason
	names := map[reason][]string{}
	for _, f := range files {
		r := reason{f.Fate, f.Why}
		if len(names[r]) == 0 {
			order = append(order, r)
		}
		names[r] = append(names[r], report.CleanText(f.Path))
	}
	slices.SortStableFunc(order, func(a, b reason) int { return cmp.Compare(a.fate, b.fate) })
	const most = 3
	for _, r := range order {
		list := strings.Join(names[r][:min(most, len(names[r]))], ", ")
		if more := len(names[r]) - most; more > 0 {
			list += fmt.Sprintf(" and %s more", report.Thousands(int64(more)))
		}
		if r.fate != shard.Unread {
			fmt.Fprintf(w, "swab: note: not read: %s: %s\n", report.CleanText(r.why), list)
			continue
		}
		unread = true
		fmt.Fprintf(w, "swab: data that was not read: %s: %s\n", report.CleanText(r.why), list)
	}
	if unread {
		fmt.Fprintln(w, "swab: hint: --exclude GLOB leaves out files that are no part of the corpus; the audit lists them")
	}
	return unread
}

// printKinds writes how many items have each kind of verdict, and how many decoys each
// method flags.
func printKinds(w io.Writer, s *pipeline.Summary) {
	for _, method := range slices.Sorted(maps.Keys(s.Kinds)) {
		if audit.OnlyReviews(method, s.Audit.Flag) {
			continue
		}
		for _, state := range []audit.State{item.Flagged, item.Clean} {
			var parts []string
			for _, kind := range slices.Sorted(maps.Keys(s.Kinds[method][state])) {
				parts = append(parts, fmt.Sprintf("%s %s", report.Thousands(s.Kinds[method][state][kind]), kind))
			}
			if parts != nil {
				fmt.Fprintf(w, "swab: %s by %s, by kind: %s\n", state, method, strings.Join(parts, ", "))
			}
		}
	}
	decoys := map[string]audit.Decoys{}
	for _, d := range s.Audit.Decoys {
		all := decoys[d.Method]
		decoys[d.Method] = audit.Decoys{Items: all.Items + d.Items, Flagged: all.Flagged + d.Flagged}
	}
	for _, method := range slices.Sorted(maps.Keys(decoys)) {
		if d := decoys[method]; d.Items > 0 && !audit.OnlyReviews(method, s.Audit.Flag) {
			fmt.Fprintf(w, "swab: %s flags %d of %s, which are made of pieces of items and are in no document\n",
				method, d.Flagged, report.Count(d.Items, "decoy"))
		}
	}
}

// printReview writes how many items a method finds for review, and how many it finds by chance.
func printReview(w io.Writer, s *pipeline.Summary, out string) {
	var all, known, checked int64
	method := ""
	for _, r := range s.Rows {
		if r.Review {
			method = r.Method
			all, known, checked = all+r.ToReview-r.Known, known+r.Known, checked+r.Items-r.NotCheckable
		}
	}
	if method == "" {
		return
	}
	fmt.Fprintf(w, "swab: %s: %s to review, clean until then", method, report.Count(all, "item"))
	if known > 0 {
		fmt.Fprintf(w, "; %s more are flagged", report.Thousands(known))
	}
	var decoys, found int64
	for _, d := range s.Audit.Decoys {
		if d.Method == method {
			decoys, found = decoys+d.Items, found+d.Flagged
		}
	}
	if decoys > 0 {
		fmt.Fprintf(w, "; by chance about %.1f (%d of %s)",
			float64(found)/float64(decoys)*float64(checked), found, report.Count(decoys, "decoy"))
	}
	fmt.Fprintln(w)
	if all > 0 {
		fmt.Fprintf(w, "swab: hint: swab review %s; --flag %s counts them as flagged\n",
			report.CleanText(out), audit.Reworded)
	}
}

// printChanges writes how many verdicts are other than in the audit that was replaced.
func printChanges(w io.Writer, s *pipeline.Summary, out string) {
	parts := map[string][]string{}
	items := map[string]int64{}
	verdict := func(state audit.State, kind string) string {
		if kind == "" {
			return state.String()
		}
		return fmt.Sprintf("%s (%s)", state, kind)
	}
	for _, c := range s.Changed {
		items[c.Method] += c.Items
		parts[c.Method] = append(parts[c.Method], fmt.Sprintf("%s from %s to %s",
			report.Thousands(c.Items), verdict(c.FromState, c.FromKind), verdict(c.ToState, c.ToKind)))
	}
	for _, method := range slices.Sorted(maps.Keys(items)) {
		fmt.Fprintf(w, "swab: %s by %s changed since the earlier audit: %s\n",
			report.Count(items[method], "verdict"), method, strings.Join(parts[method], ", "))
	}
	if s.Compared && len(items) == 0 {
		fmt.Fprintf(w, "swab: no verdict changed since the earlier audit in %s\n", report.CleanText(out))
	}
}

// printByFilter writes how many items are clean by the filter alone, and its measured miss
// rate.
func printByFilter(w io.Writer, s *pipeline.Summary) {
	for _, m := range s.Audit.Methods {
		n := s.ByFilter(m.Name)
		if n == 0 {
			continue
		}
		missed, filter := "the share of flagged items that it misses was not measured", fmt.Sprintf("%d-grams", s.Filter.N)
		if w := s.Filter.Window; w > 0 {
			filter = fmt.Sprintf("the least of each %d %d-grams (it bounds runs of %d words and more)",
				w, s.Filter.N, s.Filter.LeastRun())
		} else if share, ok := align.FilterMisses(s.Filter.N); ok {
			missed = fmt.Sprintf("it was measured to miss %.1f %% of the items that swab scan flags", 100*share)
		}
		fmt.Fprintf(w, "swab: %s clean only by a filter of %s, which does not bound the method %s: %s "+
			"(swab help filter)\n", report.Count(n, "item"), filter, m.Name, missed)
		fmt.Fprintf(w, "swab: no clean variant is written for %s, since a filter alone cannot prove that items are "+
			"clean; swab scan can\n", m.Name)
	}
}

// printSummary writes what was read, what was not, and where the results are.
func printSummary(w io.Writer, s *pipeline.Summary, o pipeline.Options, filter bool, took time.Duration) {
	t := s.Audit.Totals
	text := o.Progress.Text.Load()
	fmt.Fprintf(w, "swab: %s, %s of text in %s",
		report.Count(t.Documents, "document"), report.Bytes(t.TextBytes), report.Count(t.Shards-t.ShardsFailed, "shard"))
	if s.Resumed > 0 {
		fmt.Fprintf(w, " (%d kept from earlier)", s.Resumed)
	}
	fmt.Fprintf(w, "; %s read in %s", report.Bytes(text), took.Round(10*time.Millisecond))
	if sec := took.Seconds(); sec > 0.5 && text > 0 {
		fmt.Fprintf(w, " (%s/s)", report.Bytes(int64(float64(text)/sec)))
	}
	fmt.Fprintln(w)
	for _, kind := range slices.Sorted(maps.Keys(t.Skipped)) {
		fmt.Fprintf(w, "swab: %s skipped: %s (not checked)\n", report.Count(t.Skipped[kind], "row"), kind)
	}
	rows.Marks(math.MaxUint8).Repairs(func(kind rows.Kind, done string) {
		if n := t.Repaired[string(kind)]; n > 0 {
			fmt.Fprintf(w, "swab: %s repaired: %s (%s)\n", report.Count(n, "row"), kind, done)
		}
	})
	named, failed := 0, 0
	const most = 10 // shards that could not be read
	for _, e := range s.Audit.Shards {
		if e.Error != "" {
			if failed++; failed <= most {
				fmt.Fprintf(w, "swab: not used: %s\n", report.CleanText(e.Error))
			}
		}
		for _, b := range e.FirstBad {
			if named++; named <= 3 {
				fmt.Fprintf(w, "swab:   %s: row %d: %s %s\n", report.CleanText(e.Name), b.Row, b.Kind, report.CleanText(b.Detail))
			}
		}
	}
	if failed > most {
		fmt.Fprintf(w, "swab: not used: %s more shards, named in %s/%s\n",
			report.Thousands(int64(failed-most)), o.Out, audit.File)
	}
	if named > 3 {
		fmt.Fprintf(w, "swab:   and more, named in %s/%s\n", o.Out, audit.File)
	}
	emptyRows(w, t, s.Audit.Shards)
	disguised(w, t)
	if t.LongIDs > 0 {
		fmt.Fprintf(w, "swab: %s with an id so long that evidence has its beginning and its digest\n",
			report.Count(t.LongIDs, "document"))
	}
	if t := s.Audit.Task; t != "" {
		fmt.Fprintf(w, "swab: only task %s of the corpus was read, which is not the whole: "+
			"the verdicts are of that part alone\n", t)
	}
	switch {
	case filter:
		fmt.Fprintf(w, "swab: wrote %s: suspected items only; --trace reads the shards for verdicts with evidence\n", o.Out)
	case s.Audit.Complete:
		fmt.Fprintf(w, "swab: wrote %s\n", o.Out)
		printNext(w, s, o)
	case s.Variants:
		fmt.Fprintf(w, "swab: wrote %s, which is incomplete: some input was not read\n", o.Out)
	default:
		fmt.Fprintf(w, "swab: wrote %s without clean variants: some input was not read\n", o.Out)
		fmt.Fprintln(w, "swab: hint: fix the input and run the same command, or add --allow-incomplete;",
			"shards that were read are not read again")
	}
}

// printNext writes how the audit is read on.
func printNext(w io.Writer, s *pipeline.Summary, o pipeline.Options) {
	if !o.NoReport {
		fmt.Fprintf(w, "swab: open %s in a browser\n", filepath.Join(o.Out, audit.ReportFile))
	}
	if len(s.Hits) > 0 {
		h := &s.Hits[0]
		dir := report.ShellWord(o.Out)
		fmt.Fprintf(w, "swab: swab review %s marks evidence by hand; swab explain %s %s shows one item\n",
			dir, dir, report.ShellWord(h.Benchmark+"/"+h.Split+"/"+h.Item))
	}
}

// hint returns what to try after an error, or "".
func hint(err error) string {
	var misuse usageError
	switch {
	case errors.As(err, &misuse):
		return misuse.hint()
	case errors.Is(err, publish.ErrLocked):
		return "wait for the other run, or choose another --out"
	case errors.Is(err, filter.ErrChanged):
		return "--on-change keep keeps the n-grams they had; --on-change rebuild reads their segments' shards again"
	case errors.Is(err, publish.ErrForeign):
		return "swab replaces only directories that it wrote"
	case errors.Is(err, benchmark.ErrNoPreset):
		return "name the fields of the parts, as in --fields question=q,choices=a+b+c,answer=key,id=nr"
	case errors.Is(err, export.ErrIncomplete):
		return "fix the input and scan again, or add --allow-incomplete"
	case errors.Is(err, benchmark.ErrChanged):
		return "scan again with the benchmark as it is now"
	case errors.Is(err, pipeline.ErrBadRows), errors.Is(err, pipeline.ErrNoText), errors.Is(err, filter.ErrEmpty):
		return "check that --text-field names the field of the text"
	}
	return ""
}

// terminal reports whether w is a terminal, whether it shows colour, and its width or 0.
func terminal(w io.Writer) (isTerminal, color bool, width int) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return false, false, 0
	}
	width, _, _ = term.GetSize(int(f.Fd()))
	return true, os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", width
}

// showProgress draws a bar on w while it is a terminal, until stop is called.
func showProgress(p *pipeline.Progress, w io.Writer) (stop func()) {
	if isTerminal, _, _ := terminal(w); !isTerminal {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		var bar *progressbar.ProgressBar
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				if bar != nil {
					bar.Clear()
				} else if p.Items.Load() > 0 {
					fmt.Fprint(w, "\r\x1b[K")
				}
				return
			case <-tick.C:
				total := p.Bytes.Load()
				if total == 0 {
					if n := p.Items.Load(); n > 0 {
						fmt.Fprintf(w, "\rloading benchmarks: %s\x1b[K", report.Count(n, "item"))
					}
					continue
				}
				if bar == nil {
					bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionShowBytes(true),
						progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish())
				}
				bar.Describe(fmt.Sprintf("%d/%d shards", p.Done.Load(), p.Shards.Load()))
				bar.Set64(min(p.Read.Load(), total))
			}
		}
	})
	return func() { close(done); wg.Wait() }
}
