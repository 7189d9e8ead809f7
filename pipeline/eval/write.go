package eval

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline"
	"swab/pipeline/benchmark"

	"github.com/klauspost/compress/zstd"
)

// corpusShards is the number of shards of the corpus of a set.
const corpusShards = 8

// fields is how the written benchmark maps to parts.
func (b *Bench) fields() string {
	context := "context"
	if b.Passages {
		context = "passage"
	}
	return "id=id," + context + "=context?,question=question,choices=choices?,answer=answer?"
}

// Write puts the set into dir, which must not have it yet, as a user has benchmarks
// and corpora:
//
//	bench/NAME.jsonl        id, context, question, choices, answer
//	corpus/shard-N.jsonl.zst   id, text
//	labels.jsonl            bench, item and its label
func (s *Set) Write(dir string) error {
	for _, sub := range []string{"bench", "corpus"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	for _, b := range s.Benches {
		err := writeLines(filepath.Join(dir, "bench", b.Name+".jsonl"), func(line func(any) error) error {
			for _, it := range b.Items {
				row := struct {
					ID       string   `json:"id"`
					Context  string   `json:"context,omitempty"`
					Question string   `json:"question"`
					Choices  []string `json:"choices,omitempty"`
					Answer   string   `json:"answer,omitempty"`
				}{ID: it.ID, Context: it.Text[item.Context], Question: it.Text[item.Question], Answer: it.Text[item.Answer]}
				if c := it.Text[item.Choices]; c != "" {
					row.Choices = strings.Split(c, "\n")
				}
				if err := line(row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for k := range corpusShards {
		err := writeLines(filepath.Join(dir, "corpus", fmt.Sprintf("shard-%d.jsonl.zst", k)),
			func(line func(any) error) error {
				for i := k; i < len(s.Docs); i += corpusShards {
					if err := line(struct {
						ID   string `json:"id"`
						Text string `json:"text"`
					}(s.Docs[i])); err != nil {
						return err
					}
				}
				return nil
			})
		if err != nil {
			return err
		}
	}
	return writeLines(filepath.Join(dir, "labels.jsonl"), func(line func(any) error) error {
		for _, b := range s.Benches {
			for _, it := range b.Items {
				if err := line(struct {
					Bench     string `json:"bench"`
					Item      string `json:"item"`
					Class     string `json:"class"`
					Want      Want   `json:"want"`
					Doc       string `json:"doc,omitempty"`
					Words     int    `json:"words"`
					Lang      string `json:"lang"`
					Contained string `json:"contained,omitempty"`
				}{b.Name, it.ID, it.Label.Class, it.Label.Want, it.Label.DocID, it.Label.Words, it.Label.Lang,
					it.Label.Contained}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// writeLines writes JSON lines, compressed where the name says so.
func writeLines(path string, write func(line func(any) error) error) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buf := bufio.NewWriterSize(f, 1<<18)
	var out io.Writer = buf
	end := func() error { return nil }
	if strings.HasSuffix(path, ".zst") {
		z, err := zstd.NewWriter(buf, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		out, end = z, z.Close
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return cmp.Or(write(enc.Encode), end(), buf.Flush())
}

// Scan runs methods on a set that was written to dir, by [pipeline.Scan], into a new
// directory out, and returns their verdicts.
func Scan(ctx context.Context, s *Set, dir, out string, methods []*overlap.Method) ([]Verdict, error) {
	o, err := scanOptions(s, dir)
	if err != nil {
		return nil, err
	}
	o.Methods, o.Out = methods, out
	sum, err := pipeline.Scan(ctx, o)
	if err != nil {
		return nil, err
	}
	if !sum.Audit.Complete {
		return nil, fmt.Errorf("%s: the scan did not read the whole corpus", o.Out)
	}
	return ReadVerdicts(filepath.Join(o.Out, "verdicts.jsonl"))
}

// scanOptions names the benchmarks and the corpus of a set that was written into dir.
func scanOptions(s *Set, dir string) (pipeline.Options, error) {
	presets, err := benchmark.Builtin()
	o := pipeline.Options{Corpus: []string{filepath.Join(dir, "corpus")}, Presets: presets}
	for _, b := range s.Benches {
		path := filepath.Join(dir, "bench", b.Name+".jsonl")
		o.Benchmarks = append(o.Benchmarks, benchmark.Spec{Name: b.Name, Path: path, Fields: b.fields()})
	}
	return o, err
}

// ReadVerdicts reads the verdicts of an audit.
func ReadVerdicts(path string) (list []Verdict, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	dec := json.NewDecoder(bufio.NewReaderSize(f, 1<<18))
	for dec.More() {
		var row struct {
			Method, Benchmark, Item, State, Kind string
			Score                                *float64
		}
		if err := dec.Decode(&row); err != nil {
			return nil, fmt.Errorf("%s: row %d: %w", path, len(list), err)
		}
		v := Verdict{Method: row.Method, Bench: row.Benchmark, Item: row.Item, Kind: row.Kind}
		switch row.State {
		case "flagged", "suspected":
			v.State = Flagged
		case "clean":
			v.State = Clean
		case "not_checkable":
			v.State = NotCheckable
		default:
			return nil, fmt.Errorf("%s: row %d: unknown state %q", path, len(list), row.State)
		}
		if row.Score != nil {
			v.Score = *row.Score
		}
		list = append(list, v)
	}
	return list, nil
}
