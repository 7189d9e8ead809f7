package pipeline

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"swab/pipeline/shard"
	"swab/pipeline/variant"

	"github.com/zeebo/xxh3"
)

// benchSet is all benchmarks, ready to be looked for.
type benchSet struct {
	benches []*variant.Benchmark // by name
	first   []int                // number of each benchmark's first item
	count   int                  // items
	ids     []variant.IDs        // of each benchmark's items, until the audit is published
	lenses  []lens
	places  []place // of the methods
}

// load reads the benchmarks and fits the methods to them.
func load(ctx context.Context, o Options) (*benchSet, error) {
	set := &benchSet{}
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
	var err error
	if set.lenses, set.places, err = newLenses(o); err != nil {
		return nil, err
	}
	for _, b := range set.benches {
		set.first = append(set.first, set.count)
		var ids variant.IDs
		for it, err := range b.Items(ctx) {
			for _, l := range set.lenses {
				if err == nil {
					err = l.add(it)
				}
			}
			if err != nil {
				return nil, err
			}
			ids.Add(it)
			set.count++
		}
		set.ids = append(set.ids, ids)
		for _, l := range set.lenses {
			if err := l.fit(); err != nil {
				return nil, err
			}
		}
	}
	return set, nil
}

// build makes the lenses ready to look.
func (set *benchSet) build() error {
	for _, l := range set.lenses {
		if err := l.build(); err != nil {
			return err
		}
	}
	return nil
}

// size is the number of items of benchmark i.
func (set *benchSet) size(i int) int {
	if i+1 < len(set.first) {
		return set.first[i+1] - set.first[i]
	}
	return set.count - set.first[i]
}

// key is a digest of all that shard results depend on but the shards.
func (set *benchSet) key(o Options) string {
	type bench struct {
		Name, Mapping string
		Digests       []string
	}
	k := struct {
		Format                       int
		Lenses                       []any
		Benches                      []bench
		TextField, IDField, TextUnit string
		MaxRow                       int
		Limits                       shard.Limits
	}{Format: 2, TextField: o.TextField, IDField: o.IDField, TextUnit: o.TextUnit, MaxRow: o.MaxRow, Limits: o.Limits}
	for _, l := range set.lenses {
		k.Lenses = append(k.Lenses, l.key())
	}
	for _, b := range set.benches {
		e := bench{Name: b.Name, Mapping: fmt.Sprint(b.Mapping)}
		for _, f := range b.Files {
			e.Digests = append(e.Digests, f.Rel, f.Digest)
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
