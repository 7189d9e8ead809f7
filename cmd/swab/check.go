package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"swab/ngram/overlap"
	"swab/pipeline"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// benchFlags are the flags of all verbs that read benchmarks and judge their items.
type benchFlags struct {
	configured             []configBench // by an audit file
	benches, siblings      []string
	presets                []string
	preset, fields, header string
	methods                methodFlags
	failAbove              float64 // percent
	thresholds             string  // pass=PCT,fail=PCT
	ci                     ciFlags
	metrics                string
}

// options sets the options that the flags ask for.
func (b *benchFlags) options(c *cobra.Command, o *pipeline.Options) (err error) {
	b.methods.longestSet, b.methods.maxFalseSet = c.Flags().Changed("longest-threshold"), c.Flags().Changed("max-false")
	own, err := b.setBenchmarks(c, o)
	if err != nil {
		return err
	}
	if len(own) > 0 {
		defaults := b.methods.names
		others := slices.ContainsFunc(o.Terms, func(t audit.Terms) bool { return len(t.Methods) == 0 })
		if others || c.Flags().Changed("method") {
			own = append(own, defaults...)
		}
		b.methods.names = own
		defer func() { b.methods.names = defaults }()
	}
	if o.Methods, err = b.methods.methods(c.Context()); err != nil {
		return err
	}
	o.Seed, o.IgnoreTemplate = b.methods.seed, b.methods.ignoreTemplate
	for i, kind := range o.Flag {
		if kind == "source" {
			o.Flag[i] = audit.SourceFlagged
		}
	}
	if err := audit.CheckFlagKinds(o.Flag); err != nil {
		e := usageError{err: fmt.Errorf("--flag: %w", err), verb: c.CommandPath()}
		for _, kind := range o.Flag {
			if k := closest(kind, audit.FlagKinds()); k != "" && k != kind {
				e.instead = fmt.Sprintf("--flag %q", k)
			}
		}
		return e
	}
	if o.Presets, err = loadPresets(c.Context(), b.presets); err != nil {
		return err
	}
	if b.preset != "" {
		if _, err := findPreset(o.Presets, b.preset); err != nil {
			return err
		}
	}
	o.Siblings = b.specs(b.siblings)
	o.Version = programVersion()
	return nil
}

// allErrors returns err with the errors of all benchmarks and of the corpus, if there is an audit file:
// one run shows all that is to be corrected in it.
func (b *benchFlags) allErrors(ctx context.Context, err error, o *pipeline.Options) error {
	if len(b.configured) == 0 {
		return err
	}
	in := pipeline.Options{Corpus: o.Corpus, Reading: o.Reading}
	for _, bench := range b.configured {
		in.Benchmarks = append(in.Benchmarks, bench.Spec)
	}
	var bad error
	if in.Presets, bad = loadPresets(ctx, b.presets); bad != nil {
		return errors.Join(err, bad)
	}
	return errors.Join(err, pipeline.CheckInputs(ctx, in))
}

// setBenchmarks sets the benchmarks and the terms of each, and returns the methods that a benchmark
// has of its own. Benchmarks of the command line replace those of an audit file.
func (b *benchFlags) setBenchmarks(c *cobra.Command, o *pipeline.Options) (methods []string, err error) {
	benches := b.configured
	if len(b.benches) > 0 {
		benches = nil
		for _, spec := range b.specs(b.benches) {
			benches = append(benches, configBench{Spec: spec})
		}
	}
	var all audit.Terms
	if all.Pass, all.Fail, err = parseThresholds(b.thresholds); err != nil {
		return nil, usageError{err: fmt.Errorf("--thresholds: %w", err), verb: c.CommandPath()}
	}
	if c.Flags().Changed("fail-above") {
		all.FailAbove = &b.failAbove
	}
	known := builtinMethods()
	for i := range benches {
		bench := &benches[i]
		bench.Number = i
		t := bench.terms
		if t.Pass == nil && t.Fail == nil {
			t.Pass, t.Fail = all.Pass, all.Fail
		}
		if t.FailAbove == nil {
			t.FailAbove = all.FailAbove
		}
		if len(t.Methods) > 0 {
			chosen, err := chooseMethods(known, t.Methods)
			if err != nil {
				return nil, err
			}
			t.Methods = overlap.Names(chosen)
			methods = append(methods, t.Methods...)
		}
		if err := t.Check(); err != nil {
			return nil, fmt.Errorf("limits of %s: %w", cmp.Or(bench.Name, bench.Path), err)
		}
		o.Benchmarks, o.Terms = append(o.Benchmarks, bench.Spec), append(o.Terms, t)
	}
	return methods, nil
}

// parseThresholds reads pass=PCT,fail=PCT, either of which may be missing.
func parseThresholds(s string) (pass, fail *float64, err error) {
	for part := range strings.SplitSeq(s, ",") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), "%"), 64)
		if err != nil {
			return nil, nil, fmt.Errorf("%q is not pass=PCT or fail=PCT", part)
		}
		switch strings.TrimSpace(name) {
		case "pass":
			pass = &n
		case "fail":
			fail = &n
		default:
			return nil, nil, fmt.Errorf("%q is neither pass nor fail", name)
		}
	}
	return pass, fail, nil
}

// specs parses values of the form [NAME=]PATH.
func (b *benchFlags) specs(values []string) (specs []benchmark.Spec) {
	for _, value := range values {
		name, path, named := strings.Cut(value, "=")
		if !named || strings.ContainsRune(name, os.PathSeparator) {
			name, path = "", value
		}
		specs = append(specs, benchmark.Spec{Name: name, Path: path, Preset: b.preset, Fields: b.fields, Header: b.header})
	}
	return specs
}

func checkCommand() *cobra.Command {
	var o pipeline.CheckOptions
	b := benchFlags{methods: methodFlags{bounded: true}}
	var tokens tokenFlags
	c := &cobra.Command{
		Use:   "check {FILE.yaml | --index DIR --bench [NAME=]PATH … --out DIR}",
		Short: "Check benchmarks in a corpus filter, without reading the corpus",
		Long: `Look up every n-gram of the benchmarks' items in a corpus filter made by swab index, and
publish an audit as swab scan does.

An n-gram that is not in the filter was not in the shards of its index. An item whose
n-grams are in the filter is only suspected: a filter has false positives at a known
rate, and it does not record which n-grams were in one document. Each suspicion has a
chance: the probability that false positives alone would make as many n-grams hit.

For the methods that a filter bounds, an item that is not suspected is proven clean. The
default method, swab, finds copies in which every fifth word was changed, and no filter
can rule them out: an item is suspected when enough n-grams of its own words are in the
filter, and otherwise it is clean "by filter". The measured miss rate is printed (see
swab help filter); no clean variant is written from such items.

A filter made with swab index --window W bounds methods whose runs have n + W - 1 words or
more. By one of shorter runs an item that is not suspected is clean "by filter" too.

A filter of words does not bound methods that count characters, split words in another
way, or search for shorter texts. --method all means the methods that it bounds.

--trace replaces suspicion by verdicts with evidence: it reads the shards of the segments
that hold n-grams of suspected items (all shards for the method swab), and the verdicts
on suspected items are those of a full scan. A shard whose content is not what was indexed
is named, and the audit is incomplete.`,
		Example: `  swab check --index corpus.idx --bench gsm8k=test.jsonl --out audit
  swab check --index corpus.idx --bench gsm8k=test.jsonl --out audit --trace`,
		Args: configArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := b.configure(cmd, args); err != nil {
				return b.allErrors(cmd.Context(), err, &o.Options)
			}
			if o.Index == "" || len(b.benches)+len(b.configured) == 0 || o.Out == "" {
				return misused(cmd, "check needs --index, --bench and --out")
			}
			if len(o.Flag) > 0 && !o.Trace {
				return misused(cmd, "--flag needs --trace: a corpus filter alone does not say of what kind a clean item is")
			}
			if !o.Trace && os.Getenv("GOGC") == "" {
				debug.SetGCPercent(200) // the heap is small: a third more memory, and a tenth less time
			}
			if err := tokens.set(cmd, &o.Reading); err != nil {
				return err
			}
			if err := b.options(cmd, &o.Options); err != nil {
				return fmt.Errorf("check: %w", err)
			}
			return makeAudit(cmd, o.Options, &b, !o.Trace, func(p pipeline.Options) (*pipeline.Summary, error) {
				o.Options = p
				return pipeline.Check(cmd.Context(), o)
			})
		},
	}
	addFlags(c, "Corpus filter", func(f *pflag.FlagSet) {
		f.StringVar(&o.Index, "index", "", "`DIR` directory of the corpus filter")
		f.BoolVar(&o.Trace, "trace", false, "read the shards that may hold suspected items, for verdicts with evidence")
	})
	tokens.add(c, false)
	b.flags(c, &o.Options, overlap.House)
	addFlags(c, "Output", func(f *pflag.FlagSet) { b.outputFlags(f, &o.Options) })
	addFlags(c, "Limits", func(f *pflag.FlagSet) { limitFlags(f, &o.Reading) })
	return c
}

// flags adds the flags for benchmarks and methods; method is the default.
func (b *benchFlags) flags(c *cobra.Command, o *pipeline.Options, method string) {
	m := &b.methods
	addFlags(c, "Benchmarks", func(f *pflag.FlagSet) {
		f.StringArrayVar(&b.benches, "bench", nil, "`[NAME=]PATH` benchmark, a file or a directory; repeats")
		f.StringArrayVar(&b.siblings, "siblings", nil,
			"`[BENCHMARK=]PATH` items of the same series, as a dev split, that compete with the benchmark's "+
				"and are not reported; repeats")
		f.StringArrayVar(&o.TranslatedFrom, "translated-from", nil,
			"`BENCHMARK=SOURCE[/SPLIT]` its items are those of the benchmark SOURCE in another language, by id or place: "+
				"clean items whose source is flagged are of the kind \"source flagged\"; BENCHMARK= for none; repeats")
		f.StringVar(&b.preset, "preset", "", "`NAME` layout of the benchmarks (see swab benchmarks)")
		f.StringVar(&b.fields, "fields", "",
			"`FIELDS` layout of the benchmarks, as question=…,context=…,choices=…,answer=…,id=…, or passage=… for context=…")
		f.StringVar(&b.header, "header", "",
			"`yes|no` whether CSV and TSV files begin with a header; without it, they are examined")
		f.StringArrayVar(&b.presets, "presets", nil, "`FILE` YAML file with more layouts; repeats")
	})
	addFlags(c, "Methods", func(f *pflag.FlagSet) {
		f.StringSliceVar(&m.names, "method", []string{method}, "`NAME` method, or all; repeats (see swab methods)")
		f.StringArrayVar(&m.set, "set", nil,
			"`METHOD.PARAMETER=VALUE` parameter of a method; repeats (see swab methods METHOD)")
		f.StringArrayVar(&m.parts, "item-parts", nil,
			"`METHOD=PARTS` parts of an item that a method reads, as gpt3=question,answer; repeats")
		f.StringVar(&m.file, "methods-file", "",
			"`FILE` YAML file of methods with their parameters and parts; --set and --item-parts override it")
		f.Float64Var(&m.maxFalse, "max-false", 0,
			"`PCT` as --set swab.max-false: flag less until at most this percentage of decoys is flagged")
		f.Float64Var(&m.longest, "longest-threshold", overlap.DefaultLongest, "`SHARE` as --set longest8.threshold")
		f.StringSliceVar(&o.Flag, "flag", nil,
			"`KIND` kind of clean items that count as flagged, as altered or \"too common\"; repeats (see swab help methods)")
		f.BoolVar(&m.ignoreTemplate, "ignore-template", false,
			"do not count n-grams that are in at least 1 % of a benchmark's items, and in 5")
		f.Uint64Var(&m.seed, "seed", 0, "`N` seed of the windows that gpt4 samples")
	})
	complete(c, "method", methodNames)
	complete(c, "preset", presetNames)
	completeFrom(c, "flag", audit.FlagKinds()...)
	completeFrom(c, "header", "yes", "no")
}

// outputFlags adds the flags for the output of a run that judges benchmarks.
func (b *benchFlags) outputFlags(f *pflag.FlagSet, o *pipeline.Options) {
	f.StringVar(&o.Out, "out", "", "`DIR` directory of the audit; an earlier audit there is updated")
	b.reportFlags(f, o)
}

// reportFlags adds outputFlags without --out.
func (b *benchFlags) reportFlags(f *pflag.FlagSet, o *pipeline.Options) {
	f.Float64Var(&b.failAbove, "fail-above", 100,
		"`PCT` exit with 1 when more than this percentage of a benchmark is flagged or suspected")
	f.StringVar(&b.thresholds, "thresholds", "",
		"`pass=PCT,fail=PCT` status of a benchmark by its share of flagged items: pass, look or fail, which exits with 1")
	f.BoolVar(&o.AllowIncomplete, "allow-incomplete", false, "write clean variants although some input could not be read")
	f.BoolVar(&o.Reviewed, "reviewed", false,
		"clean variants follow the marks of swab review: a rejected item is kept, a confirmed one removed")
	f.BoolVar(&o.NoReport, "no-report", false, "do not write report.html")
	f.StringVar(&b.metrics, "metrics", "", "`FILE` write figures of the run in Prometheus' text format")
	f.StringVar(&o.About.Title, "title", "", "`TEXT` title of the audit, for its report")
	f.StringVar(&o.About.Model, "model", "", "`TEXT` model that was trained on the corpus, for the report")
	f.StringVar(&o.About.Owner, "owner", "", "`TEXT` who answers for the audit, for the report")
	f.StringVar(&o.About.Release, "release", "", "`TEXT` release that the audit is for, for the report")
	f.StringVar(&o.About.Corpus, "corpus-name", "", "`TEXT` name of the corpus, for the report")
	b.ci.add(f)
}
