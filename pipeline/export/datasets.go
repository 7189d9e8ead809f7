package export

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"swab/pipeline/benchmark"

	"go.yaml.in/yaml/v3"
)

// A dataCard is the head of a dataset's README.md, by which load_dataset finds the splits.
type dataCard struct {
	Configs []dataConfig `yaml:"configs"`
}

type dataConfig struct {
	Name  string     `yaml:"config_name"`
	Files []dataFile `yaml:"data_files"`
}

type dataFile struct {
	Split string `yaml:"split"`
	Path  string `yaml:"path"`
}

// hf writes a dataset of each benchmark: the kept records as they are in its files, as JSON lines.
func (w *writer) hf(ctx context.Context) error {
	type part struct {
		b    bytes.Buffer
		next int // in Split.items
	}
	parts := map[string]*part{}
	splits := map[string]*Split{}
	for i := range w.sum.Splits {
		s := &w.sum.Splits[i]
		key := s.Benchmark + "/" + s.Split
		parts[key], splits[key] = &part{}, s
	}
	err := w.a.Read(ctx, func(k int, it *benchmark.Item) error {
		key := w.benchmark(k) + "/" + w.a.Splits[w.a.Items[k].Split]
		p, s := parts[key], splits[key]
		if p == nil || p.next == len(s.items) || s.items[p.next] != k {
			return nil
		}
		p.next++
		p.b.Write(append(it.Record.AppendJSON(p.b.AvailableBuffer()), '\n'))
		return nil
	})
	if err != nil {
		return err
	}
	var d datasetFiles
	err = w.eachSplit(func(s *Split) error {
		p := parts[s.Benchmark+"/"+s.Split]
		if p.next != len(s.items) {
			return errChanged
		}
		return d.add(w, s, p.b.Bytes())
	})
	if err != nil {
		return err
	}
	return d.cards(w)
}

// datasetFiles are the datasets of an export, in the order of the benchmarks.
type datasetFiles struct {
	names  []string
	byName map[string][]dataFile
}

var notSplit = regexp.MustCompile(`\W+`)

// splitName returns a name that load_dataset accepts for a split.
func splitName(s string) string { return strings.Trim(notSplit.ReplaceAllString(s, "_"), "_") }

// add writes a split of a dataset.
func (d *datasetFiles) add(w *writer, s *Split, lines []byte) error {
	dir, name := fileName(s.Benchmark), splitName(s.Split)
	if name == "" {
		return fmt.Errorf("%q cannot be the name of a split of a dataset", clip(s.Split))
	}
	for _, f := range d.byName[dir] {
		if f.Split == name {
			return fmt.Errorf("two splits would have the name %s in a dataset", name)
		}
	}
	file := "data/" + name + ".jsonl"
	if err := w.writeFile(dir+"/"+file, lines); err != nil {
		return err
	}
	if d.byName == nil {
		d.byName = map[string][]dataFile{}
	}
	if d.byName[dir] == nil {
		d.names = append(d.names, dir)
	}
	d.byName[dir] = append(d.byName[dir], dataFile{name, file})
	s.File = dir + "/" + file
	return nil
}

// cards writes the README.md of each dataset. Several splits have one configuration each, since a
// configuration has the same fields in all splits, and a default one with all of them.
func (d *datasetFiles) cards(w *writer) error {
	for _, dir := range d.names {
		card := dataCard{[]dataConfig{{"default", d.byName[dir]}}}
		if len(d.byName[dir]) > 1 {
			for _, f := range d.byName[dir] {
				if f.Split != "default" {
					card.Configs = append(card.Configs, dataConfig{f.Split, []dataFile{f}})
				}
			}
		}
		head, err := yaml.Marshal(&card)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("---\n%s---\n\nThe items of %s that %s did not flag, written by swab export.\n",
			head, dir, w.verdict.Method)
		if err := w.writeFile(dir+"/README.md", []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// openCompass writes files for --custom-dataset-path of OpenCompass.
func (w *writer) openCompass(ctx context.Context) error {
	return w.eachQuiz(ctx, func(s *Split, q *quiz) error {
		var b bytes.Buffer
		for i := range q.list {
			it := &q.list[i]
			row := map[string]string{
				"question": strings.Join(it.asked(), "\n"), "answer": it.answer,
				"swab_id": it.id, "swab_index": strconv.FormatInt(it.index, 10),
			}
			for k, c := range it.bare() {
				row[string(rune('A'+k))], row["answer"] = c, it.letter()
			}
			if err := appendLine(&b, row); err != nil {
				return err
			}
		}
		return w.namedFile(s, b.Bytes())
	})
}

// namedFile writes a file whose name is the harness's name of the task.
func (w *writer) namedFile(s *Split, b []byte) error {
	if s.Task == "" {
		s.Task = w.cleanName(s)
	}
	s.File = fileName(s.Task) + ".jsonl"
	return w.writeFile(s.File, b)
}

// What HELM has of an instance of a scenario.
type helmInstance struct {
	Input      helmText        `json:"input"`
	References []helmReference `json:"references"`
	Split      string          `json:"split"`
	ID         string          `json:"id"`
}

type helmText struct {
	Text string `json:"text"`
}

type helmReference struct {
	Output helmText `json:"output"`
	Tags   []string `json:"tags"`
}

// helm writes instances for the run entry custom_mcqa of HELM.
func (w *writer) helm(ctx context.Context) error {
	return w.eachQuiz(ctx, func(s *Split, q *quiz) error {
		var b bytes.Buffer
		for i := range q.list {
			it := &q.list[i]
			if it.choices == nil {
				return errors.New("HELM takes only questions with choices as items")
			}
			one := helmInstance{Input: helmText{strings.Join(it.asked(), "\n")}, Split: "test", ID: "id" + strconv.Itoa(i)}
			for k, c := range it.bare() {
				r := helmReference{Output: helmText{c}, Tags: []string{}}
				if k == it.right {
					r.Tags = append(r.Tags, "correct")
				}
				one.References = append(one.References, r)
			}
			if err := appendLine(&b, &one); err != nil {
				return err
			}
		}
		return w.namedFile(s, b.Bytes())
	})
}

//go:embed lighteval.py
var lightevalTasks []byte

type lightevalRow struct {
	Query   string   `json:"query"`
	Choices []string `json:"choices"`
	Gold    int      `json:"gold"`
	ID      string   `json:"swab_id"`
	Index   int64    `json:"swab_index"`
}

// lighteval writes a dataset of each benchmark and a file of custom tasks, one a split.
func (w *writer) lighteval(ctx context.Context) error {
	var d datasetFiles
	var tasks bytes.Buffer
	err := w.eachQuiz(ctx, func(s *Split, q *quiz) error {
		var b bytes.Buffer
		for i := range q.list {
			it := &q.list[i]
			row := lightevalRow{
				Query:   strings.Join(append(append(it.asked(), it.choices...), "Answer:"), "\n"),
				Choices: []string{it.answer}, ID: it.id, Index: it.index,
			}
			if it.choices != nil {
				row.Choices, row.Gold = nil, it.right
				for k := range it.choices {
					row.Choices = append(row.Choices, string(rune('A'+k)))
				}
			}
			if err := appendLine(&b, &row); err != nil {
				return err
			}
		}
		if s.Task == "" {
			s.Task = w.cleanName(s)
		}
		kind := "choices"
		if q.list[0].choices == nil {
			kind = "short"
		}
		fmt.Fprintf(&tasks, "    (%q, %q, %q, %q),\n", s.Task, fileName(s.Benchmark), splitName(s.Split), kind)
		return d.add(w, s, b.Bytes())
	})
	if err != nil {
		return err
	}
	if err := d.cards(w); err != nil {
		return err
	}
	return w.writeFile("tasks.py", bytes.Replace(lightevalTasks, []byte("    # TASKS\n"), tasks.Bytes(), 1))
}
