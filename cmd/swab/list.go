package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"swab/pipeline"
	"swab/pipeline/benchmark"
	"swab/pipeline/report"
)

// listFormats are the values of scan --dry-run.
var listFormats = []string{"table", "json"}

// listInputs writes what a scan would read, as a table or as lines of JSON, and reports as
// exit code whether that would be the whole.
func listInputs(ctx context.Context, o pipeline.Options, format string, stdout, stderr io.Writer) error {
	if !slices.Contains(listFormats, format) {
		return fmt.Errorf("--dry-run=%s: it can be %s", format, strings.Join(listFormats, " or "))
	}
	list, err := pipeline.List(ctx, o.Reading, o.Corpus)
	if err = errors.Join(err, describeBenchmarks(ctx, o, stderr)); err != nil {
		return err
	}
	counts := map[pipeline.ListState]int64{}
	for _, l := range list {
		counts[l.Fate]++
	}
	if format == "json" {
		enc := json.NewEncoder(stdout)
		enc.SetEscapeHTML(false)
		for _, l := range list {
			if err := enc.Encode(l); err != nil {
				return err
			}
		}
	} else if err := printList(stdout, list); err != nil {
		return err
	}
	printVolume(stderr, list, o.Lanes)
	fmt.Fprintf(stderr, "swab: %s would be read, %d passed over, %d excluded, %d not read; nothing was written\n",
		report.Count(counts[pipeline.ListRead], "file"), counts[pipeline.ListPassed], counts[pipeline.ListExcluded],
		counts[pipeline.ListRefused])
	if counts[pipeline.ListRefused] > 0 {
		return exit{code: exitIncomplete}
	}
	return nil
}

// describeBenchmarks reads the benchmarks and writes how many items each has, how they are read, and
// what is odd about them. The error has those of all benchmarks.
func describeBenchmarks(ctx context.Context, o pipeline.Options, w io.Writer) error {
	var errs []error
	for _, spec := range o.Benchmarks {
		spec.Context = ctx
		errs = append(errs, describeBenchmark(ctx, spec, o.Presets, w))
	}
	return errors.Join(errs...)
}

func describeBenchmark(ctx context.Context, spec benchmark.Spec, presets *benchmark.Presets, w io.Writer) error {
	b, err := benchmark.Open(spec, presets)
	if err != nil {
		return err
	}
	items := int64(0)
	for _, err := range b.Items(ctx) {
		if err != nil {
			return err
		}
		items++
	}
	layout := "of --fields"
	if b.Preset != "" {
		layout = b.Preset
	}
	if b.Guessed {
		layout += " (guessed)"
	}
	fmt.Fprintf(w, "swab: benchmark %s: %s in %s, layout %s: %s\n", b.Name, report.Count(items, "item"),
		report.Count(int64(len(b.Files)), "file"), layout, report.CleanText(b.Mapping))
	if len(b.Unread) > 0 {
		fmt.Fprintf(w, "swab: note: %s: the guess leaves out %s\n", b.Name, report.CleanText(strings.Join(b.Unread, ", ")))
	}
	for _, warning := range b.Warnings {
		fmt.Fprintf(w, "swab: note: %s: %s\n", b.Name, report.CleanText(warning))
	}
	return nil
}

// The text that one core of a cloud machine matches a second with the default method, as measured for
// swab help speed, and the usual bytes of text for a stored byte of a compressed shard.
const (
	ratePerCore = 45_000_000
	usualRatio  = 3
)

// printVolume writes how much would be read, and how long that takes at the stated rate.
func printVolume(w io.Writer, list []pipeline.Listed, lanes int) {
	var stored, text int64
	shards := 0
	for _, l := range list {
		if l.Fate != pipeline.ListRead {
			continue
		}
		shards++
		stored += l.Size
		if text += l.Size; l.Compression != "none" || l.Format == "parquet" {
			text += (usualRatio - 1) * l.Size
		}
	}
	if lanes <= 0 {
		lanes = runtime.GOMAXPROCS(0)
	}
	lanes = min(lanes, max(1, shards))
	took := time.Duration(float64(text) / ratePerCore / float64(lanes) * float64(time.Second))
	fmt.Fprintf(w, "swab: %s stored, about %s of text: about %s with the default method, at %s/s a core and %s at a time "+
		"(swab help speed)\n", report.Bytes(stored), report.Bytes(text), max(time.Second, took.Round(time.Second)),
		report.Bytes(ratePerCore), report.Count(int64(lanes), "shard"))
}

// printList writes the files as a table, each with its first row's fields, or why it is not
// read.
func printList(w io.Writer, list []pipeline.Listed) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "fate\tformat\ttext\tfile\tfields of the first row, or why")
	for _, l := range list {
		format, text := l.Format, l.TextField
		if l.Compression != "" && l.Compression != "none" {
			format += ", " + l.Compression
		}
		last := l.Why
		if last == "" {
			last = fieldList(l.Fields)
		}
		for _, cell := range []*string{&format, &text} {
			if *cell == "" {
				*cell = "-"
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n",
			l.Fate, format, report.CleanText(text), report.CleanText(l.Name), report.CleanText(last))
	}
	return t.Flush()
}

// fieldList lists the first fields of a row.
func fieldList(names []string) string {
	const most = 8
	list := strings.Join(names[:min(len(names), most)], ", ")
	if len(names) > most {
		list += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return list
}
