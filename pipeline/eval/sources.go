package eval

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"swab/ngram/item"
	"swab/pipeline/benchmark"
	"swab/pipeline/record"
	"swab/pipeline/rows"
	"swab/pipeline/shard"
)

// Sources are the items that are planted and the texts that they are planted in.
type Sources struct {
	Name    string
	Dir     string // the data folder, or "" of the program's own small set
	Benches []SourceBench
	Texts   []Text
}

// A SourceBench is a benchmark to plant from.
type SourceBench struct {
	Name  string
	Lang  string
	Share int // turns that it gets when items are drawn, at least 1
	// Passages says that contexts are texts of others about which the items ask: they
	// alone are no contamination.
	Passages bool
	Items    []SourceItem
	Held     []SourceItem // of the same kind, not in the Set: siblings of its items
}

// A SourceItem is an item of a SourceBench.
type SourceItem struct {
	ID     string
	Split  string // subject or file; siblings are of one
	Family string // items that are translations of each other have one; else ""
	Text   [item.NumParts]string
}

// A Text is what documents are cut from.
type Text struct {
	Corpus string
	Text   string
}

// Find returns the folder of the real benchmarks and corpora: $SWAB_DATA, else
// ../shared/data beside the folder given. It is "" where there is none.
func Find(project string) string {
	dir := os.Getenv("SWAB_DATA")
	if dir == "" {
		dir = filepath.Join(project, "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(dir, "README.md")); err != nil {
		return ""
	}
	return dir
}

// realBenches are the benchmarks used of the data folder. MMLU holds more items than
// all others and gets more turns.
var realBenches = []struct {
	name, path, lang string
	share            int
	held             string
	passages         bool
}{
	{name: "gsm8k", path: "gsm8k/test.jsonl", held: "gsm8k/train.jsonl", share: 3},
	{name: "humaneval", path: "humaneval/HumanEval.jsonl.gz"},
	{name: "mbpp", path: "mbpp/mbpp.jsonl"},
	{name: "mmlu", path: "mmlu/test", held: "mmlu/dev", share: 8},
	{name: "sat-en", path: "agieval/sat-en.jsonl", passages: true},
	{name: "lsat-ar", path: "agieval/lsat-ar.jsonl"},
	{name: "lsat-lr", path: "agieval/lsat-lr.jsonl"},
	{name: "lsat-rc", path: "agieval/lsat-rc.jsonl", passages: true},
	{name: "aqua", path: "aqua/test.json"},
	{name: "svamp", path: "svamp/SVAMP.json", share: 2},
	{name: "cruxeval", path: "cruxeval/cruxeval.jsonl"},
	{name: "ifeval", path: "ifeval/input_data.jsonl"},
	{name: "mgsm_bn", path: "mgsm/mgsm_bn.tsv", lang: "bn"},
	{name: "mgsm_de", path: "mgsm/mgsm_de.tsv", lang: "de"},
	{name: "mgsm_en", path: "mgsm/mgsm_en.tsv"},
	{name: "mgsm_es", path: "mgsm/mgsm_es.tsv", lang: "es"},
	{name: "mgsm_fr", path: "mgsm/mgsm_fr.tsv", lang: "fr"},
	{name: "mgsm_ja", path: "mgsm/mgsm_ja.tsv", lang: "ja"},
	{name: "mgsm_ru", path: "mgsm/mgsm_ru.tsv", lang: "ru"},
	{name: "mgsm_sw", path: "mgsm/mgsm_sw.tsv", lang: "sw"},
	{name: "mgsm_te", path: "mgsm/mgsm_te.tsv", lang: "te"},
	{name: "mgsm_th", path: "mgsm/mgsm_th.tsv", lang: "th"},
	{name: "mgsm_zh", path: "mgsm/mgsm_zh.tsv", lang: "zh"},
}

// realCorpora leaves out the evaluation harness's source, which contains real items.
var realCorpora = []string{"classic-books", "peps", "rust-rfcs", "tldr", "exercism", "d2l-zh", "keon", "thealgorithms"}

// Real reads the sources of the data folder, and of [Own] the Arabic items, since
// the folder has none, and functions and readings, since it has few.
func Real(ctx context.Context, dir string) (Sources, error) {
	src := Sources{Name: "benchmarks and corpora of the data folder", Dir: dir}
	presets, err := benchmark.Builtin()
	if err != nil {
		return src, err
	}
	read := func(path string) (items []SourceItem, err error) {
		b, err := benchmark.Open(benchmark.Spec{Path: filepath.Join(dir, "benchmarks", filepath.FromSlash(path))}, presets)
		if err != nil {
			return nil, err
		}
		for it, err := range b.Items(ctx) {
			if err != nil {
				return nil, err
			}
			split := strings.TrimSuffix(strings.TrimSuffix(it.Split, "_test"), "_dev")
			items = append(items, SourceItem{ID: it.ID, Split: split, Text: it.Text})
		}
		return items, nil
	}
	for _, r := range realBenches {
		b := SourceBench{Name: r.name, Lang: r.lang, Share: max(1, r.share), Passages: r.passages}
		if b.Lang == "" {
			b.Lang = "en"
		}
		if b.Items, err = read(r.path); err != nil {
			return src, err
		}
		if r.held != "" {
			if b.Held, err = read(r.held); err != nil {
				return src, err
			}
		}
		for i := range b.Items {
			it := &b.Items[i]
			if strings.HasPrefix(r.name, "mgsm_") {
				it.Family = "mgsm/" + it.ID
			}
			if r.name == "mmlu" {
				it.ID = it.Split + "/" + it.ID
			}
		}
		src.Benches = append(src.Benches, b)
	}
	shards, _, err := rows.Find(context.Background(), []string{filepath.Join(dir, "corpora")}, nil, "")
	if err != nil {
		return src, err
	}
	for _, sh := range shards {
		name := filepath.Base(sh.Name)
		k := slices.IndexFunc(realCorpora, func(c string) bool { return strings.HasPrefix(name, c) })
		if k < 0 {
			continue
		}
		if err := texts(ctx, sh, func(_, text string) {
			src.Texts = append(src.Texts, Text{realCorpora[k], text})
		}); err != nil {
			return src, err
		}
	}
	if len(src.Texts) == 0 {
		return src, fmt.Errorf("%s: no corpora: point SWAB_DATA at the folder that holds benchmarks and corpora", dir)
	}
	for _, b := range Own().Benches {
		if b.Lang == "ar" || b.Name == "own-functions" || b.Name == "own-readings" {
			src.Benches = append(src.Benches, b)
		}
	}
	return src, nil
}

// texts calls each with the id and the text of a shard's documents.
func texts(ctx context.Context, sh shard.Shard, each func(id, text string)) (err error) {
	in, err := shard.Open(sh, shard.Limits{}, false, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for rec, err := range record.Documents(ctx, in, sh.Format, record.Options{Name: sh.Name}, nil) {
		if err != nil {
			return err
		}
		ids, values, _ := record.Columns(rec)
		for k := range int(rec.NumRows()) {
			each(strings.Clone(ids.Value(k)), strings.Clone(values.Value(k)))
		}
	}
	return nil
}

//go:embed own/*.tsv
var ownFiles embed.FS
