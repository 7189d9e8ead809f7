package pipeline

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"swab/ngram"
	"swab/ngram/exact"
	"swab/ngram/overlap"
	"swab/pipeline/shard"
	"swab/pipeline/variant"

	"github.com/zeebo/xxh3"
)

// benchSet is all benchmarks, ready to be looked for.
type benchSet struct {
	benches []*variant.Benchmark // by name
	list    []overlap.Item
	rules   [][]overlap.Rule // by benchmark
	first   []int            // number of each benchmark's first item
	seed    int              // the smallest n of any rule
	builder *exact.Builder   // of the items' texts, until build

	items *overlap.Items
	index *exact.Index
}

// load reads the benchmarks and fits the methods to them.
func load(ctx context.Context, o Options) (*benchSet, error) {
	set := &benchSet{seed: ngram.MaxN}
	for _, spec := range o.Benchmarks {
		b, err := variant.Open(spec, o.Presets)
		if err != nil {
			return nil, err
		}
		set.benches = append(set.benches, b)
	}
	slices.SortFunc(set.benches, func(a, b *variant.Benchmark) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(set.benches); i++ {
		if set.benches[i].Name == set.benches[i-1].Name {
			return nil, fmt.Errorf("two benchmarks are named %q: name one of them, as in --bench NAME=PATH", set.benches[i].Name)
		}
	}
	builder, err := exact.NewBuilder(ngram.Words(1))
	if err != nil {
		return nil, err
	}
	set.builder = builder
	for number, b := range set.benches {
		set.first = append(set.first, len(set.list))
		for it, err := range b.Items(ctx) {
			if err != nil {
				return nil, err
			}
			item := overlap.Item{Bench: number}
			for p, text := range it.Text {
				item.Texts[p] = overlap.None
				if text == "" {
					continue
				}
				t, err := builder.Add(text)
				if err != nil {
					return nil, err
				}
				item.Texts[p] = int32(t)
			}
			set.list = append(set.list, item)
		}
		layouts := make([]overlap.Layout, 0, len(set.list)-set.first[number])
		for _, it := range set.list[set.first[number]:] {
			var l overlap.Layout
			for p, t := range it.Texts {
				if t != overlap.None {
					l[p] = builder.Words(int(t))
				}
			}
			layouts = append(layouts, l)
		}
		var rules []overlap.Rule
		for _, m := range o.Methods {
			r := m.Fit(layouts)
			rules = append(rules, r)
			set.seed = min(set.seed, r.N)
		}
		set.rules = append(set.rules, rules)
	}
	return set, nil
}

// build makes the index of the texts that wanted takes, all if it is nil.
func (set *benchSet) build(wanted func(text int) bool) (err error) {
	if set.index, err = set.builder.Build(set.seed, wanted); err != nil {
		return err
	}
	set.builder = nil
	set.items, err = overlap.NewItems(set.list, set.rules, set.index)
	return err
}

// key is a digest of all that shard results depend on but the shards.
func (set *benchSet) key(o Options) string {
	type rule struct {
		Method     string
		Version, N int
		Parts      overlap.Parts
	}
	type bench struct {
		Name, Mapping string
		Digests       []string
		Rules         []rule
	}
	k := struct {
		Format                       int
		Recipe                       ngram.Recipe
		Benches                      []bench
		TextField, IDField, TextUnit string
		MaxRow                       int
		Limits                       shard.Limits
	}{Format: 1, Recipe: set.index.Recipe(), TextField: o.TextField, IDField: o.IDField, TextUnit: o.TextUnit, MaxRow: o.MaxRow, Limits: o.Limits}
	for i, b := range set.benches {
		e := bench{Name: b.Name, Mapping: fmt.Sprint(b.Mapping)}
		for _, f := range b.Files {
			e.Digests = append(e.Digests, f.Rel, f.Digest)
		}
		for _, r := range set.rules[i] {
			e.Rules = append(e.Rules, rule{r.Name, r.Version, r.N, r.Parts})
		}
		k.Benches = append(k.Benches, e)
	}
	return digest(k)
}

func digest(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data
	}
	sum := xxh3.Hash128(b).Bytes()
	return hex.EncodeToString(sum[:])
}
