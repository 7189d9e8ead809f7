// Package metrics writes the figures of a run as a file in Prometheus' text format, for
// the textfile collector of its node exporter.
//
// Every metric has the label out, the directory that the run wrote: a collector refuses
// two files with the same metric and labels, and with it several runs can have a file
// each. The file is replaced in one step, so a collector never sees half of one.
//
//	swab_items{benchmark,method,state}    items by verdict
//	swab_read_bytes                       text of documents read in this run
//	swab_shards, swab_shards_failed       of the corpus, and those that could not be used
//	swab_rows_skipped{kind}               rows that could not be used
//	swab_complete                         1 if all input was read
//	swab_run_seconds                      how long the run took
//	swab_last_success_timestamp_seconds   when the last run that read all its input ended
//
// A run that fails leaves the file as it is. One that is incomplete keeps the time of
// the last success, which it reads from the file that it replaces.
package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"swab/pipeline/publish"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Items is the number of items of a benchmark with a state by a method.
type Items struct {
	Benchmark, Method, State string
	N                        int64
}

// Run has the figures of a run.
type Run struct {
	Out          string // the directory that it wrote
	Items        []Items
	ReadBytes    int64
	Shards       int64
	ShardsFailed int64
	Skipped      map[string]int64 // rows by kind
	Complete     bool
	Took         time.Duration
	End          time.Time
}

const success = "swab_last_success_timestamp_seconds"

// Write replaces the file at path with the figures of r. A device or a pipe is written to.
func Write(path string, r Run) error {
	r.Out = strings.ToValidUTF8(r.Out, "\uFFFD")
	last := float64(r.End.UnixMilli()) / 1000
	if !r.Complete {
		var err error
		if last, err = lastSuccess(path, r.Out); err != nil {
			return fmt.Errorf("%s: not replaced: %w; name another file", path, err)
		}
	}
	var families []*dto.MetricFamily
	add := func(name, help string, value float64, labels ...string) {
		if len(families) == 0 || families[len(families)-1].GetName() != name {
			families = append(families, &dto.MetricFamily{Name: &name, Help: &help, Type: dto.MetricType_GAUGE.Enum()})
		}
		m := &dto.Metric{Gauge: &dto.Gauge{Value: &value}}
		for i := 0; i < len(labels); i += 2 {
			k, v := labels[i], strings.ToValidUTF8(labels[i+1], "\uFFFD")
			m.Label = append(m.Label, &dto.LabelPair{Name: &k, Value: &v})
		}
		key := "out"
		m.Label = append(m.Label, &dto.LabelPair{Name: &key, Value: &r.Out})
		f := families[len(families)-1]
		f.Metric = append(f.Metric, m)
	}
	for _, i := range r.Items {
		add("swab_items", "Benchmark items by verdict.", float64(i.N),
			"benchmark", i.Benchmark, "method", i.Method, "state", i.State)
	}
	add("swab_read_bytes", "Bytes of text of the documents read in the last run.", float64(r.ReadBytes))
	add("swab_shards", "Shards of the corpus.", float64(r.Shards))
	add("swab_shards_failed", "Shards of the corpus that could not be used.", float64(r.ShardsFailed))
	for _, kind := range slices.Sorted(maps.Keys(r.Skipped)) {
		add("swab_rows_skipped", "Rows of the corpus that could not be used.", float64(r.Skipped[kind]), "kind", kind)
	}
	complete := 0.0
	if r.Complete {
		complete = 1
	}
	add("swab_complete", "Whether the last run read all its input.", complete)
	add("swab_run_seconds", "How long the last run took.", r.Took.Seconds())
	if last > 0 {
		add(success, "When the last run that read all its input ended.", last)
	}
	var text bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			return err
		}
	}
	return publish.WriteFile(path, func(w io.Writer) error {
		_, err := text.WriteTo(w)
		return err
	})
}

// lastSuccess reads the time of the last success from an earlier file, 0 if there is none.
func lastSuccess(path, out string) (float64, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return 0, nil // it has no earlier figures
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(f)
	if err != nil {
		return 0, err
	}
	for _, m := range families[success].GetMetric() {
		for _, l := range m.Label {
			if l.GetName() == "out" && l.GetValue() == out {
				return m.Gauge.GetValue(), nil
			}
		}
	}
	return 0, nil
}
