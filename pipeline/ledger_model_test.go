package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"swab/pipeline/audit"
	"swab/pipeline/ledger"
)

// A ledgerState is what of a corpus of two shards and of an output directory matters to the next
// run. Shards and results are named by their content: "a1", "a2"; "b1", or "b!", which is damaged.
type ledgerState struct {
	a, b  string // on disk; "a1'" is "a1" with another time
	audit string // the contents of which the published audit is, or ""
	old   string // results beside it, in order
	work  string // results of runs since, that did not publish
}

// A ledgerEvent is what may happen: a shard is written, or a run goes on until something stops
// it.
type ledgerEvent struct {
	write  string // content of the shard, or "" for a run
	merge  bool   // the run is a plan, its work, interrupted once, and its publication
	stop   int    // the run ends after as many results are stored; 0: never
	broken bool   // it ends while it builds the tree
}

func (e ledgerEvent) String() string {
	switch {
	case e.write != "":
		return "write " + e.write
	case e.merge:
		return "merge"
	case e.stop > 0:
		return fmt.Sprint("run until result ", e.stop)
	case e.broken:
		return "run until publication"
	}
	return "run"
}

var ledgerEvents = []ledgerEvent{
	{write: "a1"}, {write: "a1'"}, {write: "a2"}, {write: "b1"}, {write: "b!"},
	{}, {stop: 1}, {broken: true}, {merge: true},
}

func setOf(list string) map[string]bool {
	set := map[string]bool{}
	for _, s := range strings.Fields(list) {
		set[s] = true
	}
	return set
}

func listOf(set map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(set)), " ") }

// next is the model: the state after an event, the shards that a run reads, and, if it does not
// publish, the results that it may copy into the work directory besides.
func (s ledgerState) next(e ledgerEvent) (to ledgerState, read []string, copied map[string]bool) {
	to = s
	if e.write != "" {
		if e.write[0] == 'a' {
			to.a = e.write
		} else {
			to.b = e.write
		}
		return to, nil, nil
	}
	now := []string{strings.TrimSuffix(s.a, "'"), s.b}
	work, had := setOf(s.work), setOf(s.work+" "+s.old)
	if e.merge {
		to.audit, to.old, to.work = strings.Join(now, " "), "", ""
		return to, nil, nil
	}
	for _, content := range now {
		if content == "b!" || !had[content] { // a shard that failed is read again
			read = append(read, content)
		}
	}
	if e.stop > 0 && e.stop <= len(read) {
		read = read[:e.stop]
	}
	for _, content := range read {
		work[content] = true
	}
	switch {
	case e.stop == len(read) && e.stop > 0:
	case e.broken:
		copied = setOf(strings.Join(now, " "))
	default:
		to.audit = strings.Join(now, " ")
		to.old, to.work = listOf(setOf(to.audit)), ""
		return to, read, nil
	}
	to.work = listOf(work)
	return to, read, copied
}

// A ledgerWorld does on disk what the model says.
type ledgerWorld struct {
	t        *testing.T
	dir      string
	o        Options
	contents map[string][]byte
	digests  map[string]string // to contents
}

var errStopped = errors.New("stopped")

func newLedgerWorld(t *testing.T) *ledgerWorld {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "corpus"), 0o755))
	w := &ledgerWorld{t: t, dir: dir, o: options(t, dir), digests: map[string]string{}}
	w.o.Methods, w.o.NoReport, w.o.Lanes = methods(t, "gpt3"), true, 1
	const question = "which of the seven wooden bridges over the river was built by the %s monks in spring"
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), []plainItem{
		{ID: "1", Question: fmt.Sprintf(question, "grey")}, {ID: "2", Question: fmt.Sprintf(question, "blue")},
	})
	text := func(who string) []byte { return fmt.Appendf(nil, `{"text":%q}`+"\n", fmt.Sprintf(question, who)) }
	b := gzipped(string(text("blue")))
	w.contents = map[string][]byte{
		"a1": append(text("grey"), strings.Repeat(`{"text":"padding"}`+"\n", 20)...),
		"a2": append(text("kind"), strings.Repeat(`{"text":"padding"}`+"\n", 20)...), // of the same size
		"b1": b, "b!": b[:len(b)-3],
	}
	return w
}

// path returns the file of a shard's content.
func (w *ledgerWorld) path(content string) string {
	if content[0] == 'a' {
		return filepath.Join(w.dir, "corpus", "a.jsonl")
	}
	return filepath.Join(w.dir, "corpus", "b.jsonl.gz")
}

// writeShard writes a shard, always with the same time.
func (w *ledgerWorld) writeShard(content string) {
	at := time.Unix(1e9+int64(content[1]), 0)
	if content == "a1'" {
		at = time.Unix(2e9, 0)
	}
	must(w.t, os.WriteFile(w.path(content), w.contents[strings.TrimSuffix(content, "'")], 0o644))
	must(w.t, os.Chtimes(w.path(content), at, at))
}

// run does an event that is a run, and returns the shards that it read.
func (w *ledgerWorld) run(e ledgerEvent) (read []string) {
	w.o.Reading = w.o.Reading.filled()
	set, err := w.o.load(w.t.Context())
	must(w.t, err)
	found, err := w.o.Reading.find(w.t.Context(), w.o.Corpus)
	must(w.t, err)
	out, err := audit.OpenOut(w.o.Out)
	must(w.t, err)
	r := &run{
		o: w.o, set: set, source: evidence{set}, dir: out, stored: found.stored, files: found,
		done: doneOf(found.shards), bad: &badRows{allowed: -1},
	}
	r.finished = func(d *done, _ string) error {
		r.kept.since = time.Time{} // each result is a file
		if d.kept {
			return nil
		}
		content := filepath.Base(d.shard.Name)[:1] + "!"
		if d.entry.Error == "" {
			content = w.contentOf(d.entry.Digest)
		}
		if read = append(read, content); len(read) == e.stop {
			return errStopped
		}
		return nil
	}
	if err = r.read(w.t.Context()); err == nil {
		ctx, cancel := context.WithCancel(w.t.Context())
		if e.broken {
			cancel()
		}
		_, err = r.publish(ctx)
		cancel()
	}
	if err != nil && !errors.Is(err, errStopped) && !(e.broken && errors.Is(err, context.Canceled)) {
		w.t.Fatal(err)
	}
	must(w.t, out.Close())
	return read
}

// merge plans a scan, works on one shard, then on both, and publishes.
func (w *ledgerWorld) merge() {
	o := w.o
	o.Reading = Reading{MaxBadRows: -1}
	plan, err := NewPlan(w.t.Context(), o, PlanOptions{Tasks: 1})
	must(w.t, err)
	results := filepath.Join(w.dir, "results")
	must(w.t, os.RemoveAll(results))
	var names []string
	for _, sh := range plan.Shards {
		names = append(names, sh.Name)
	}
	for _, list := range [][]string{names[:1], names} {
		must(w.t, Work(w.t.Context(), o, WorkOptions{Plan: plan, Shards: list, Dir: results}))
	}
	all, err := FindResults([]string{results})
	must(w.t, err)
	_, err = PublishPlan(w.t.Context(), o, plan, all)
	must(w.t, err)
}

// contentOf returns the content of a digest.
func (w *ledgerWorld) contentOf(digest string) string {
	if content, ok := w.digests[digest]; ok {
		return content
	}
	return "? " + digest
}

// learn finds the digests of the contents, by a scan of each.
func (w *ledgerWorld) learn() {
	for _, pair := range [][2]string{{"a1", "b1"}, {"a2", "b!"}} {
		w.writeShard(pair[0])
		w.writeShard(pair[1])
		for i, e := range mustScan(w.t, w.o).Audit.Shards {
			w.digests[e.Digest] = pair[i]
		}
		must(w.t, os.RemoveAll(w.o.Out))
	}
}

// observe returns the state on disk, with the shards of s.
func (w *ledgerWorld) observe(s ledgerState) ledgerState {
	s.audit = ""
	if _, err := os.Stat(w.o.Out); err == nil {
		a, err := audit.Open(w.o.Out)
		must(w.t, err)
		must(w.t, a.Close())
		for i, e := range a.About.Shards {
			content := w.contentOf(e.Digest)
			if e.Error != "" {
				content = []string{"a!", "b!"}[i]
			}
			s.audit = strings.TrimSpace(s.audit + " " + content)
		}
	}
	s.old = w.results(filepath.Join(w.o.Out, audit.ShardsDir))
	s.work = w.results(filepath.Join(w.dir, ".out.swab", audit.ShardsDir))
	return s
}

// results lists the contents whose results are in a directory.
func (w *ledgerWorld) results(dir string) string {
	set := map[string]bool{}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		groups, err := ledger.ReadResults(filepath.Join(dir, e.Name()))
		must(w.t, err)
		for _, g := range groups {
			for _, r := range g.Results {
				content := filepath.Base(r.Entries[0].Name)[:1] + "!"
				if r.Entries[0].Error == "" {
					content = w.contentOf(r.Entries[0].Digest)
				}
				set[content] = true
			}
		}
	}
	return listOf(set)
}

// snapshot returns the files of the output and its work directory.
func (w *ledgerWorld) snapshot() map[string]string {
	all := map[string]string{}
	for _, root := range []string{w.o.Out, filepath.Join(w.dir, ".out.swab")} {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			all[path] = string(b)
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.t.Fatal(err)
		}
	}
	return all
}

// restore brings a state back.
func (w *ledgerWorld) restore(s ledgerState, all map[string]string) {
	must(w.t, os.RemoveAll(w.o.Out))
	must(w.t, os.RemoveAll(filepath.Join(w.dir, ".out.swab")))
	for path, text := range all {
		must(w.t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(w.t, os.WriteFile(path, []byte(text), 0o644))
	}
	w.writeShard(s.a)
	w.writeShard(s.b)
}

// published returns the files of the audit, except the stored results.
func (w *ledgerWorld) published() map[string]string {
	if _, err := os.Stat(w.o.Out); err != nil {
		return nil
	}
	return files(w.t, w.o.Out)
}

// TestLedgerModel explores all states that a corpus of two shards and an output directory can
// reach: shards are changed, also with the same size, or with another time only, damaged and
// repaired; runs are stopped after any result, in publication, or publish; plans are worked on
// and merged. Each event leads where the model says. A run reads the shards that have no
// result of their present content and no others; the results of another content are never
// used; a published audit has the bytes of a first scan of the same shards, and one that is not
// replaced is unchanged.
func TestLedgerModel(t *testing.T) {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		t.Setenv("TMPDIR", "/dev/shm") // where a sync costs nothing
	}
	w := newLedgerWorld(t)
	w.learn()
	limit := 1 << 30
	if testing.Short() {
		limit = 25
	}
	type reached struct {
		state ledgerState
		files map[string]string
	}
	first := map[string]map[string]string{} // by the contents: the audit of a first scan
	for _, a := range []string{"a1", "a2"} {
		for _, b := range []string{"b1", "b!"} {
			w.restore(ledgerState{a: a, b: b}, nil)
			w.run(ledgerEvent{})
			first[a+" "+b] = w.published()
		}
	}
	begin := ledgerState{a: "a1", b: "b1"}
	seen, runs := map[ledgerState]bool{begin: true}, 0
	for todo := []reached{{state: begin}}; len(todo) > 0 && len(seen) < limit; todo = todo[1:] {
		from := todo[0]
		for _, e := range ledgerEvents {
			want, read, copied := from.state.next(e)
			if want == from.state && e.write != "" {
				continue
			}
			state := want
			now := from.files
			if e.write == "" {
				w.restore(from.state, from.files)
				if e.merge {
					w.merge()
				} else if got := w.run(e); !slices.Equal(got, read) {
					t.Fatalf("%v, %v: read %q, want %q", from.state, e, got, read)
				}
				runs++
				state = w.observe(want)
				work, had := setOf(state.work), setOf(want.work)
				maps.DeleteFunc(work, func(content string, _ bool) bool { return copied[content] && !had[content] })
				got := state
				if got.work = listOf(work); got != want {
					t.Fatalf("%v, %v: leads to %v, want %v", from.state, e, got, want)
				}
				if !maps.Equal(w.published(), first[want.audit]) {
					t.Fatalf("%v, %v: the audit is not that of a first scan", from.state, e)
				}
				now = w.snapshot()
			}
			if !seen[state] {
				seen[state] = true
				todo = append(todo, reached{state, now})
			}
		}
	}
	t.Logf("%d states, %d runs", len(seen), runs)
}
