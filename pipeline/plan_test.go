package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"
)

// planned is a corpus below two roots of other times, its benchmarks, and its plan.
type planned struct {
	Options
	plan  *Plan
	roots [2]string
	want  map[string]string // the audit of Scan
}

func makePlan(t *testing.T, names ...string) *planned {
	t.Helper()
	return makePlanOf(t, PlanOptions{Tasks: 3}, nil, names...)
}

// makePlanOf is makePlan with shards that may be divided, if it has random numbers for them.
func makePlanOf(t *testing.T, by PlanOptions, rng *rand.Rand, names ...string) *planned {
	t.Helper()
	dir := t.TempDir()
	specs := makeKept(t, dir)
	if rng != nil {
		makeDivisible(t, dir, rng)
	}
	must(t, os.WriteFile(filepath.Join(dir, "corpus", "empty.jsonl"), nil, 0o644))
	good, err := os.ReadFile(filepath.Join(dir, "corpus", "s0.jsonl.zst"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "corpus", "cut.jsonl.zst"), good[:len(good)-9], 0o644))
	other := filepath.Join(dir, "elsewhere")
	must(t, os.CopyFS(filepath.Join(other, "corpus"), os.DirFS(filepath.Join(dir, "corpus"))))
	must(t, filepath.WalkDir(other, func(path string, _ os.DirEntry, err error) error {
		past := time.Unix(1e9, 0)
		return errors.Join(err, os.Chtimes(path, past, past))
	}))
	p := &planned{Options: options(t, dir), roots: [2]string{dir, other}}
	p.Benchmarks, p.Methods, p.NoReport = specs, methods(t, names...), true
	p.Corpus, p.Root = []string{"corpus"}, dir
	if p.plan, err = NewPlan(t.Context(), p.Options, by); err != nil {
		t.Fatal(err)
	}
	p.Out = filepath.Join(dir, "one")
	mustScan(t, p.Options)
	p.want = files(t, p.Out)
	return p
}

func (p *planned) work(t *testing.T, root string, lanes int, w WorkOptions) (results []WorkResult) {
	t.Helper()
	o := p.Options
	o.Root, o.Lanes, w.Plan = root, lanes, p.plan
	w.Done = func(r WorkResult) error {
		if _, err := os.Stat(r.Result); err != nil {
			t.Error(err)
		}
		results = append(results, r)
		return nil
	}
	if err := Work(t.Context(), o, w); err != nil {
		t.Fatal(err)
	}
	return results
}

func (p *planned) publish(t *testing.T, out string, paths ...string) error {
	t.Helper()
	all, err := FindResults(paths)
	must(t, err)
	o := p.Options
	o.Out, o.Root = out, ""
	_, err = PublishPlan(t.Context(), o, p.plan, all)
	return err
}

// TestPlannedWorkIsAScan: results of random groups of shards and ranges of them, made below two
// roots with any number of lanes, some of them twice, and merged in random trees, are published as
// the bytes that one scan publishes.
func TestPlannedWorkIsAScan(t *testing.T) {
	seeds, rounds := 5, 4
	if testing.Short() {
		seeds, rounds = 1, 3
	}
	merged := 0
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		names := []string{"swab", "gpt3", "coverage8", "gpt4"}
		if seed == 1 {
			names = nil // all
		}
		by := PlanOptions{Tasks: 1 + rng.IntN(5), Ranges: 400 + rng.Int64N(900), Digests: rng.IntN(2) == 0}
		p := makePlanOf(t, by, rng, names...)
		if p.plan.Units() < len(p.plan.Shards)+10 {
			t.Errorf("%d shards are divided into %d", len(p.plan.Shards), p.plan.Units())
		}
		for range rounds {
			merged += p.round(t, rng)
		}
	}
	if merged == 0 {
		t.Error("no merged result was merged again")
	}
}

// round does the work of a plan in random groups, merges them in a random tree, and compares the
// audit. It returns the number of merges.
func (p *planned) round(t *testing.T, rng *rand.Rand) (merged int) {
	t.Helper()
	dir := t.TempDir()
	var all []string
	for k := range p.plan.units {
		all = append(all, p.plan.name(k))
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	twice := all[0]
	var paths []string
	for k := 0; len(all) > 0; k++ {
		n := 1 + rng.IntN(min(40, len(all)))
		group := all[:n:n]
		if all = all[n:]; k == 1 {
			group = append(group, twice)
		}
		out := filepath.Join(dir, fmt.Sprint("group", k))
		lanes := []int{1, 8}[rng.IntN(2)]
		told := p.work(t, p.roots[rng.IntN(2)], lanes, WorkOptions{Shards: group, Dir: out, Merge: k != 1 && rng.IntN(2) == 0})
		if len(told) != len(group) {
			t.Fatalf("%d results of %d shards and ranges", len(told), len(group))
		}
		paths = append(paths, out)
	}
	overlap := func(err error) bool { // what was read twice is in two merged results
		return err != nil && strings.Contains(err.Error(), "some of its shards and not all")
	}
	for k := 0; len(paths) > 2 && rng.IntN(4) > 0; k++ { // a tree
		found, err := FindResults(paths[:2])
		must(t, err)
		out := filepath.Join(dir, fmt.Sprintf("merged%d.swabr", k))
		err = MergeResults(t.Context(), p.Options, p.plan, found, out)
		if overlap(err) {
			break
		}
		must(t, err)
		paths = append(paths[2:], out)
		merged++
	}
	out := filepath.Join(dir, "audit")
	err := p.publish(t, out, paths...)
	if overlap(err) {
		return merged
	}
	must(t, err)
	sameAudit(t, "planned work", files(t, out), p.want)
	return merged
}

// TestPlanIsAccountedFor: a missing, changed, foreign or differing result is named and nothing
// is published; what a killed work has finished is not read again.
func TestPlanIsAccountedFor(t *testing.T) {
	p := makePlan(t, "gpt3")
	dir := t.TempDir()
	results, out := filepath.Join(dir, "results"), filepath.Join(dir, "audit")
	task, err := p.plan.Task(1)
	must(t, err)
	first := p.work(t, p.roots[0], 2, WorkOptions{Shards: task, Dir: results})
	again := p.work(t, p.roots[0], 2, WorkOptions{Shards: task, Dir: results})
	for _, r := range again {
		if !r.Kept && r.Error == "" {
			t.Errorf("%s was read again", r.Shard)
		}
	}
	var missing *MissingError
	if err := p.publish(t, out, results); !errors.As(err, &missing) || len(missing.Names)+len(first) != len(p.plan.Shards) {
		t.Fatalf("%v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("an audit was published")
	}
	o := p.Options
	o.Out, o.AllowIncomplete = out, true
	found, err := FindResults([]string{results})
	must(t, err)
	sum, err := PublishPlan(t.Context(), o, p.plan, found)
	if err != nil || sum.Audit.Complete || len(sum.Audit.Unread) != len(missing.Names) {
		t.Errorf("%v, %+v", err, sum)
	}

	ctx, stop := context.WithCancel(t.Context())
	o = p.Options
	o.Lanes = 1
	killed := WorkOptions{Plan: p.plan, Shards: missing.Names, Dir: results, Done: func(WorkResult) error { stop(); return nil }}
	if err := Work(ctx, o, killed); err == nil {
		t.Error("killed work ends well")
	}
	kept := 0
	for _, r := range p.work(t, p.roots[0], 1, WorkOptions{Shards: missing.Names, Dir: results}) {
		if r.Kept {
			kept++
		}
	}
	if kept == 0 {
		t.Error("what was finished was read again")
	}
	if st := p.plan.Status(must2(FindResults([]string{results}))(t)); st.Done != len(p.plan.Shards) || st.Failed != 1 ||
		len(st.Stale) > 0 {
		t.Errorf("%+v", st)
	}
	if err := p.publish(t, out, results); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(files(t, out), p.want) {
		t.Error("the audit is another than that of a scan")
	}

	refused := func(what string, err error, says string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", what, err, says)
		}
	}
	o = p.Options
	o.Methods = methods(t, "coverage8")
	refused("other methods", Work(t.Context(), o, WorkOptions{Plan: p.plan, Shards: task, Dir: results}), "made with other settings")
	o = p.Options
	o.Benchmarks = append([]benchmark.Spec{}, o.Benchmarks...)
	o.Benchmarks[0].Path = o.Benchmarks[1].Path
	refused("another benchmark", Work(t.Context(), o, WorkOptions{Plan: p.plan, Shards: task, Dir: results}), "benchmark brief is another")

	foreign := *p.plan
	foreign.Reading = "other"
	_, err = collectResults(&foreign, found)
	refused("other settings", err, "made with other settings")
	foreign = *p.plan
	foreign.Shards = foreign.Shards[:1]
	_, err = collectResults(&foreign, must2(FindResults([]string{results}))(t))
	refused("another plan", err, "is not in the plan")

	shardPath := filepath.Join(p.roots[1], "corpus", "s3.jsonl.zst")
	good, err := os.ReadFile(filepath.Join(p.roots[0], "corpus", "s4.jsonl.zst"))
	must(t, err)
	must(t, os.WriteFile(shardPath, good, 0o644))
	o = p.Options
	o.Root = p.roots[1]
	err = Work(t.Context(), o, WorkOptions{Plan: p.plan, Shards: []string{"corpus/s3.jsonl.zst"}, Dir: filepath.Join(dir, "changed")})
	if want, _ := p.plan.shard("corpus/s3.jsonl.zst"); want.Size != int64(len(good)) {
		refused("a changed shard", err, "corpus/s3.jsonl.zst: it has")
	}
	must(t, os.Remove(shardPath))
	refused("a missing shard", Work(t.Context(), o, WorkOptions{
		Plan: p.plan, Shards: []string{"corpus/s3.jsonl.zst"}, Dir: filepath.Join(dir, "gone"),
	}), "s3.jsonl.zst")
}

// must2 returns a value, or fails the test.
func must2[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// TestPlansAreBalanced: tasks have all shards once, and none much more than its part.
func TestPlansAreBalanced(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	p := &Plan{}
	all := int64(0)
	for i := range 500 {
		size := rng.Int64N(1 << 20)
		all += size + 64<<10
		p.Shards = append(p.Shards, PlannedShard{Name: fmt.Sprintf("%03d", i), Size: size})
	}
	for _, tasks := range []int{1, 8, 500} {
		p.divide(tasks)
		had := map[int]bool{}
		for _, task := range p.Tasks {
			sum := int64(0)
			for k, i := range task {
				had[i] = true
				sum += p.Shards[i].Size + 64<<10
				if k > 0 && p.Shards[task[k-1]].Size < p.Shards[i].Size {
					t.Error("not the largest first")
				}
			}
			if mean := all / int64(tasks); tasks == 8 && sum > mean+mean/20 {
				t.Errorf("a task of %d bytes, the mean is %d", sum, mean)
			}
		}
		if len(had) != len(p.Shards) {
			t.Errorf("%d tasks have %d shards", tasks, len(had))
		}
	}
	var b strings.Builder
	p.Settings = []byte("{}")
	must(t, p.Write(&b))
	path := filepath.Join(t.TempDir(), "plan")
	damaged := []byte(b.String())
	damaged[len(damaged)/2] ^= 1
	must(t, os.WriteFile(path, damaged, 0o644))
	if _, err := ReadPlan(path); !errors.Is(err, ledger.ErrCorrupt) {
		t.Errorf("a damaged plan: %v", err)
	}
}

// TestRangesAreAccountedFor: a range without a result is named, and so is a shard whose ranges are
// of two versions, differ, or are those of another plan; nothing is published. What killed work
// has finished of a shard is not read again.
func TestRangesAreAccountedFor(t *testing.T) {
	p := makePlanOf(t, PlanOptions{Tasks: 2, Ranges: 1500}, rand.New(rand.NewPCG(7, 8)), "gpt3")
	const name = "corpus/plain.jsonl"
	i, ok := p.plan.shardNumber(name)
	first, end := p.plan.unitsOf(i)
	if !ok || end < first+3 {
		t.Fatalf("%s has %d ranges", name, end-first)
	}
	var all []string
	for k := range p.plan.units {
		if k != first+1 {
			all = append(all, p.plan.name(k))
		}
	}
	missing := p.plan.name(first + 1)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	ctx, stop := context.WithCancel(t.Context())
	o := p.Options
	o.Lanes = 1
	if err := Work(ctx, o, WorkOptions{Plan: p.plan, Shards: all, Dir: at("most"), Done: func(WorkResult) error {
		stop()
		return nil
	}}); err == nil {
		t.Error("killed work ends well")
	}
	kept := 0
	for _, r := range p.work(t, p.roots[1], 8, WorkOptions{Shards: all, Dir: at("most")}) {
		if r.Kept {
			kept++
		}
	}
	if kept == 0 {
		t.Error("what was finished was read again")
	}
	refused := func(what, says string, paths ...string) {
		t.Helper()
		err := p.publish(t, at("audit"), paths...)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want %q of %s", what, err, says, name)
		}
		if _, err := os.Stat(at("audit")); err == nil {
			t.Errorf("%s: an audit was published", what)
		}
	}
	var none *MissingError
	if err := p.publish(t, at("audit"), at("most")); !errors.As(err, &none) || !slices.Equal(none.Names, []string{missing}) {
		t.Errorf("%v, want %q missing", err, missing)
	}
	refused("a range without a result", "no result", at("most"))
	if st := p.plan.Status(must2(FindResults([]string{at("most")}))(t)); !slices.Equal(st.Missing, []string{missing}) ||
		st.Done != len(p.plan.Shards)-1 {
		t.Errorf("%+v", st)
	}
	o.Out, o.AllowIncomplete = at("incomplete"), true
	sum, err := PublishPlan(t.Context(), o, p.plan, must2(FindResults([]string{at("most")}))(t))
	if err != nil || sum.Audit.Complete || len(sum.Audit.Unread) != 1 || sum.Audit.Unread[0].Name != name {
		t.Errorf("%v, %+v", err, sum)
	}

	path := filepath.Join(p.roots[1], filepath.FromSlash(name))
	good, err := os.ReadFile(path)
	must(t, err)
	changed := []byte(string(good))
	middle := (p.plan.units[first+1].part.At + p.plan.units[first+1].part.End) / 2
	changed[middle] ^= 3
	must(t, os.WriteFile(path, changed, 0o644))
	p.work(t, p.roots[1], 1, WorkOptions{Shards: []string{missing}, Dir: at("changed")})
	refused("a range of another version", "two versions", at("most"), at("changed"))
	must(t, os.WriteFile(path, good, 0o644))
	p.work(t, p.roots[1], 1, WorkOptions{Shards: []string{missing}, Dir: at("last")})
	refused("a range in two versions", "two results that differ", at("most"), at("last"), at("changed"))
	whole := p.work(t, p.roots[0], 2, WorkOptions{Shards: []string{name}, Dir: at("whole")})
	if len(whole) != end-first {
		t.Errorf("%d results of a shard of %d ranges", len(whole), end-first)
	}
	must(t, p.publish(t, at("audit"), at("most"), at("last"), at("whole")))
	sameAudit(t, "all ranges", files(t, at("audit")), p.want)
	must(t, os.RemoveAll(at("audit")))

	o = p.Options
	other, err := NewPlan(t.Context(), o, PlanOptions{Tasks: 1, Ranges: 1700})
	must(t, err)
	p.plan = other
	refused("ranges of another plan", "the plan has no range", at("whole"))
	must(t, os.WriteFile(at("notes.txt"), []byte("no results"), 0o644))
	st := other.Status(must2(FindResults([]string{at("whole"), at("notes.txt")}))(t))
	for _, s := range st.Stale {
		if s.Outdated() != strings.HasSuffix(s.File, resultsEnding) {
			t.Errorf("%s is outdated: %v, %v", s.File, s.Outdated(), s.Err)
		}
	}
	if len(st.Stale) < 2 || st.Done > 0 {
		t.Errorf("%+v", st)
	}
}

// TestPlanFindsItsUnits: every shard and range is found by its name, and nothing by another.
func TestPlanFindsItsUnits(t *testing.T) {
	p := &Plan{Shards: []PlannedShard{
		{Name: "a", Size: 9}, {Name: "a\t0-4", Size: 7, Cuts: []int64{2, 5}}, {Name: "b", Size: 1 << 20},
	}}
	for at := int64(16); at < 1<<20; at += 16 {
		p.Shards[2].Cuts = append(p.Shards[2].Cuts, at)
	}
	p.number()
	for k := range p.units {
		if got := p.find(p.name(k)); !slices.Equal(got, []int{k}) {
			t.Fatalf("%q: units %v, want %d", p.name(k), got, k)
		}
	}
	if got := p.find("b"); len(got) != 1<<16 || got[0] != 4 {
		t.Errorf("%d units of b, the first %v", len(got), got[:1])
	}
	for _, name := range []string{"c", "b\t0-15", "b\t16-16", "b\t8-24", "b\t16-32 ", "b\t", "a\t0-9", "c\t0-16", "b\t-16", "b\t1048576-0"} {
		if got := p.find(name); got != nil {
			t.Errorf("%q: units %v", name, got)
		}
	}
}
