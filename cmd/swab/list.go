package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

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
	if err != nil {
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
	for _, spec := range o.Benchmarks {
		spec.Context = ctx
		b, err := benchmark.Open(spec, o.Presets)
		if err != nil {
			return err
		}
		fmt.Fprintf(stderr, "swab: benchmark %s: %s, read as %s\n",
			b.Name, report.Count(int64(len(b.Files)), "file"), report.CleanText(b.Mapping))
	}
	fmt.Fprintf(stderr, "swab: %s would be read, %d passed over, %d excluded, %d not read; nothing was written\n",
		report.Count(counts[pipeline.ListRead], "file"), counts[pipeline.ListPassed], counts[pipeline.ListExcluded],
		counts[pipeline.ListRefused])
	if counts[pipeline.ListRefused] > 0 {
		return exit{code: exitIncomplete}
	}
	return nil
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
