package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"swab/ngram/overlap"
	"swab/pipeline"
	"swab/pipeline/variant"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// benchFlags are those of all verbs that read benchmarks and judge them.
type benchFlags struct {
	benches, presets       []string
	preset, fields, header string
	methods                methodFlags
	flagSet                *pflag.FlagSet
	failOver               float64
	metrics                string
}

// options fills in what the flags say.
func (b *benchFlags) options(o *pipeline.Options) (err error) {
	if len(b.benches) == 0 || o.Out == "" {
		return fmt.Errorf("it needs --bench and --out")
	}
	b.methods.longestSet, b.methods.maxFalseSet = b.flagSet.Changed("longest-threshold"), b.flagSet.Changed("max-false")
	if o.Methods, err = b.methods.methods(); err != nil {
		return err
	}
	o.Seed, o.IgnoreTemplate = b.methods.seed, b.methods.ignoreTemplate
	if o.Presets, err = loadPresets(b.presets); err != nil {
		return err
	}
	for _, bench := range b.benches {
		name, path, named := strings.Cut(bench, "=")
		if !named || strings.ContainsRune(name, os.PathSeparator) {
			name, path = "", bench
		}
		o.Benchmarks = append(o.Benchmarks, variant.Spec{Name: name, Path: path, Preset: b.preset, Fields: b.fields, Header: b.header})
	}
	o.Version = programVersion()
	return nil
}

func checkCommand() *cobra.Command {
	var o pipeline.CheckOptions
	b := benchFlags{methods: methodFlags{bounded: true}}
	c := &cobra.Command{
		Use:   "check --index DIR --bench [NAME=]PATH … --out DIR",
		Short: "Check benchmarks in a corpus filter, without reading the corpus",
		Long: `Ask a corpus filter, made by swab index, for every n-gram of the benchmarks' items, and
publish an audit as swab scan does.

What the filter does not hold was not in the shards of its index: such items are
clean. Of others it can say no more than that they are suspected: a filter errs at a
known rate, and it does not know which n-grams stood in one document. Each suspicion
has a chance: the probability that the filter's errors alone would make as many of
the item's n-grams hit.

A filter of words says nothing of methods that count characters, cut words in another
way, or look for shorter texts: --method all leaves them out here. Nor can it acquit by
the method swab, which finds copies that share no n-gram with the item: all items are
suspected then, and --trace reads every shard.

--trace turns suspicion into evidence or acquittal: it reads the shards of the
segments that fired, and the verdicts are those of a full scan.`,
		Example: `  swab check --index corpus.idx --bench gsm8k=test.jsonl --out audit
  swab check --index corpus.idx --bench gsm8k=test.jsonl --out audit --trace`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Index == "" {
				return fmt.Errorf("check needs --index, --bench and --out")
			}
			if !o.Trace && os.Getenv("GOGC") == "" {
				debug.SetGCPercent(200) // it holds little: a third more memory, and a tenth less time
			}
			if err := b.options(&o.Options); err != nil {
				return fmt.Errorf("check: %w", err)
			}
			return audit(cmd, o.Options, &b, !o.Trace, func(p pipeline.Options) (*pipeline.Summary, error) {
				o.Options = p
				return pipeline.Check(cmd.Context(), o)
			})
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.Index, "index", "", "directory of the corpus filter")
	f.BoolVar(&o.Trace, "trace", false, "read the shards that may hold suspected items, and convict or acquit")
	b.flags(f, &o.Options, "gpt3")
	lanesFlags(f, &o.Reading)
	return c
}

// flags adds the flags to f; method is the default.
func (b *benchFlags) flags(f *pflag.FlagSet, o *pipeline.Options, method string) {
	b.flagSet = f
	f.StringArrayVar(&b.benches, "bench", nil, "benchmark as [NAME=]PATH, a file or a directory; repeats")
	f.StringVar(&o.Out, "out", "", "directory of the audit; an earlier audit there is brought up to date")
	m := &b.methods
	f.StringSliceVar(&m.names, "method", []string{method}, "method, or all; repeats (see swab methods)")
	f.StringArrayVar(&m.set, "set", nil, "parameter of a method as METHOD.PARAMETER=VALUE; repeats (see swab methods METHOD)")
	f.StringArrayVar(&m.parts, "parts", nil, "parts of an item that a method looks at, as METHOD=question,answer; repeats")
	f.StringVar(&m.file, "methods-file", "", "YAML file of methods with their parameters and parts; --set and --parts go before it")
	f.Uint64Var(&m.seed, "seed", 0, "seed of the windows that gpt4 draws")
	f.BoolVar(&m.ignoreTemplate, "ignore-template", false, "n-grams that stand in at least 1 % of a benchmark's items, and in 5, do not count")
	f.Float64Var(&m.longest, "longest-threshold", overlap.DefaultLongest, "as --set longest8.threshold")
	f.Float64Var(&m.maxFalse, "max-false", 0, "as --set swab.max-false: flag less until at most this percentage of decoys is flagged")
	f.StringVar(&b.preset, "preset", "", "layout of the benchmarks, by name (see swab benchmarks)")
	f.StringVar(&b.fields, "fields", "", "layout of the benchmarks, as question=…,context=…,choices=…,answer=…,id=…")
	f.StringVar(&b.header, "header", "", "whether CSV and TSV files begin with a header: yes, no, or nothing to look")
	f.StringArrayVar(&b.presets, "presets", nil, "YAML file with more layouts; repeats")
	f.Float64Var(&b.failOver, "fail-over", 100, "exit with 1 when more than this percentage of a benchmark is flagged or suspected")
	f.BoolVar(&o.AllowIncomplete, "allow-incomplete", false, "write clean variants although some input could not be read")
	f.BoolVar(&o.Reviewed, "reviewed", false, "clean variants follow the marks of swab review: a rejected item is kept, a confirmed one removed")
	f.BoolVar(&o.NoReport, "no-report", false, "do not write report.html")
	f.StringVar(&b.metrics, "metrics", "", "file to write figures of the run to, in Prometheus' text format")
}
