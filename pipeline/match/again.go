package match

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
)

// Again returns the items of an audit and one of its methods, with the parameters that it had
// there, ready for documents. The error is benchmark.ErrChanged if a benchmark's file is
// not the one that was audited.
func Again(ctx context.Context, a *audit.Audit, method string) (*Set, error) {
	at := slices.IndexFunc(a.Methods, func(m audit.Method) bool { return m.Name == method })
	if at < 0 {
		return nil, fmt.Errorf("the audit has no method %q", method)
	}
	recorded := a.Methods[at]
	m, err := recordedMethod(recorded, "")
	if err != nil {
		return nil, err
	}
	set, err := loadRecorded(ctx, a, m)
	if err != nil || sameParams(set, recorded) {
		return set, err
	}
	// The audit has, in place of a fixed n, that of each benchmark.
	if n := commonN(recorded); n != "" {
		if m, err = recordedMethod(recorded, n); err == nil {
			set, err = loadRecorded(ctx, a, m)
		}
		if err != nil || sameParams(set, recorded) {
			return set, err
		}
	}
	return nil, fmt.Errorf("method %s has other parameters than in the audit; run swab scan again", method)
}

// recordedMethod returns the method of an audit with its parameters. A number n replaces
// the one that is not recorded.
func recordedMethod(recorded audit.Method, n string) (*overlap.Method, error) {
	known, err := overlap.Methods(overlap.Settings{})
	if err != nil {
		return nil, err
	}
	s := overlap.Settings{Params: map[string]map[string]string{recorded.Name: {}}, Parts: map[string]item.Parts{}}
	for _, m := range known {
		if m.Name != recorded.Name {
			continue
		}
		if m.Version != recorded.Version {
			return nil, fmt.Errorf("method %s is version %d in the audit and %d here; run swab scan again",
				m.Name, recorded.Version, m.Version)
		}
		for _, p := range m.Params {
			value := recorded.Params[p.Name]
			if p.Name == "n" && n != "" {
				value = n
			}
			switch value := value.(type) {
			case json.Number:
				s.Params[m.Name][p.Name] = value.String()
			case string:
				s.Params[m.Name][p.Name] = value
			}
		}
		if parts, ok := recorded.Params["parts"].([]any); ok && m.Norm != overlap.Plain && m.Norm != overlap.Bag {
			s.Parts[m.Name] = partsNamed(parts)
		}
	}
	list, err := overlap.Methods(s)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		if m.Name == recorded.Name {
			return m, nil
		}
	}
	return nil, fmt.Errorf("this version has no method %q", recorded.Name)
}

// partsNamed returns the parts of an item by their names.
func partsNamed(names []any) (parts item.Parts) {
	for p := range item.NumParts {
		if slices.Contains(names, any(p.String())) {
			parts |= item.PartsOf(p)
		}
	}
	return parts
}

// commonN returns the n of all benchmarks, if they have one in common.
func commonN(recorded audit.Method) (n string) {
	by, _ := recorded.Params["n"].(map[string]any)
	for _, of := range by {
		if text := fmt.Sprint(of); n == "" || n == text {
			n = text
		} else {
			return ""
		}
	}
	return n
}

// loadRecorded loads the benchmarks of an audit for one method.
func loadRecorded(ctx context.Context, a *audit.Audit, m *overlap.Method) (*Set, error) {
	set := &Set{Methods: []*overlap.Method{m}}
	for _, b := range a.Benchmarks {
		opened, siblings, err := openRecorded(ctx, b)
		if err != nil {
			return nil, err
		}
		set.Benches, set.Siblings = append(set.Benches, opened), append(set.Siblings, siblings)
	}
	ignore := false
	for _, recorded := range a.Methods {
		if recorded.Name == m.Name {
			ignore, _ = recorded.Params["ignore_template"].(bool)
		}
	}
	if err := set.newMatchers(Options{Seed: a.Seed, IgnoreTemplate: ignore}); err != nil {
		return nil, err
	}
	for i := range set.Benches {
		if err := set.read(ctx, i, nil); err != nil {
			return nil, err
		}
		if err := checkRecorded(set.Benches[i], a.Benchmarks[i].Files); err != nil {
			return nil, err
		}
	}
	return set, set.Build()
}

// openRecorded opens a benchmark of an audit, and its siblings.
func openRecorded(
	ctx context.Context, b audit.Benchmark,
) (opened *benchmark.Benchmark, siblings []*benchmark.Benchmark, err error) {
	opened = &benchmark.Benchmark{Name: b.Name}
	for _, f := range b.Files {
		one, err := benchmark.Recorded(ctx, b.Name, f.Path, f.Split, f.Reading)
		if err != nil {
			return nil, nil, err
		}
		opened.Files = append(opened.Files, one.Files...)
	}
	for _, f := range b.Siblings {
		one, err := benchmark.Recorded(ctx, b.Name, f.Path, f.Split, f.Reading)
		if err != nil {
			return nil, nil, err
		}
		siblings = append(siblings, one)
	}
	return opened, siblings, nil
}

// checkRecorded returns an error if a file that was read is not the one that was audited.
func checkRecorded(b *benchmark.Benchmark, recorded []audit.BenchmarkFile) error {
	for i, f := range b.Files {
		if f.Digest != recorded[i].Digest {
			return fmt.Errorf("benchmark %s: %s: %w: it is not the file of the audit; run swab scan again",
				b.Name, f.Path, benchmark.ErrChanged)
		}
	}
	return nil
}

// sameParams reports whether the set's only method has the parameters of the audit.
func sameParams(set *Set, recorded audit.Method) bool {
	want, err := json.Marshal(recorded.Params)
	got, err2 := json.Marshal(set.Params(0))
	return errors.Join(err, err2) == nil && string(want) == string(got)
}
