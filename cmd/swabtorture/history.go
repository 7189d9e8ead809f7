package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A verb is a command of swab, with relative paths, and the outputs that it may change.
type verb struct {
	name, line string
	dirs       []string // published as a whole
	files      []string // replaced one by one
	loose      []string // directories of files that are added one by one
	fresh      bool     // refused where its output is there
	needed     bool     // by verbs that follow
}

func (v verb) args() []string { return strings.Fields(v.line) }

var verbs = []verb{
	{name: "scan", dirs: []string{"audit"}, needed: true,
		line: "scan --corpus corpus --bench bench.jsonl --method swab,gpt3 --out audit"},
	{name: "scan --index", dirs: []string{"audit", "idx"},
		line: "scan --corpus grown --bench bench.jsonl --method gpt3 --out audit --index idx"},
	{name: "index", dirs: []string{"idx"}, needed: true,
		line: "index --corpus corpus --corpus grown --on-change rebuild --out idx"},
	{name: "check", dirs: []string{"audit"},
		line: "check --index idx --bench bench.jsonl --method gpt3 --out audit"},
	{name: "check --trace", dirs: []string{"audit"},
		line: "check --index idx --bench bench.jsonl --out audit --trace"},
	{name: "merge", dirs: []string{"joined"},
		line: "merge idx other --out joined"},
	{name: "score --out DIR", dirs: []string{"scores"},
		line: "score audit --results m=results.jsonl --join index --out scores"},
	{name: "score --out AUDIT", files: []string{"audit/scores.json", "audit/curve.csv", "audit/report.html"},
		line: "score audit --results m=results.jsonl --join index --out audit"},
	{name: "report", files: []string{"audit/report.html"},
		line: "report audit --no-texts"},
	{name: "report --out", files: []string{"page.html"},
		line: "report audit --out page.html"},
	{name: "export", dirs: []string{"export"}, fresh: true,
		line: "export audit --for ids --method gpt3 --allow-incomplete --skip-empty --out export"},
	{name: "plan", files: []string{"plan.json"}, needed: true,
		line: "plan --root . --corpus corpus --bench bench.jsonl --method gpt3 --tasks 2 --out plan.json"},
	{name: "work", loose: []string{"results"}, needed: true,
		line: "work --plan plan.json --root . --task 1 --out results"},
	{name: "merge --plan", dirs: []string{"planned"},
		line: "merge --plan plan.json results --allow-incomplete --out planned"},
	{name: "decontaminate", dirs: []string{"cleaned"}, fresh: true,
		line: "decontaminate audit --method gpt3 --allow-incomplete --out cleaned"},
	{name: "compare", line: "compare audit audit"},
	{name: "card", files: []string{"card.json"}, line: "card audit --format json --out card.json"},
	{name: "history", files: []string{"history.svg"}, line: "history audit --format svg --out history.svg"},
	{name: "review", line: "review audit"},
}

// A history is one round: a directory with inputs and outputs as earlier runs left them,
// and the verb that is disturbed.
type history struct {
	*bench
	rng          *rand.Rand
	root, before string
	verb         verb
	undisturbed  ending
	took         time.Duration
	was, whole   map[string]string // all files before the verb, and after an undisturbed run
	calls        int               // system calls that change the disk, in the undisturbed run
}

var words = strings.Fields(`amber basket canyon dagger ember falcon garnet harbour island jasper kettle lantern meadow
	needle orchard pepper quartz river saddle timber umbrella velvet willow yarrow zephyr candle bridge copper ferry bell`)

func (h *history) sentence(n int) string {
	s := make([]string, n)
	for i := range s {
		s[i] = words[h.rng.IntN(len(words))]
	}
	return strings.Join(s, " ")
}

// prepare makes the inputs, runs all verbs, changes the corpus, and runs one verb undisturbed.
func (h *history) prepare() error {
	if err := h.inputs(); err != nil {
		return err
	}
	for _, v := range verbs {
		if v.name == "merge" {
			if e := wait(h.command(h.before, "index", "--corpus", "other-corpus", "--out", "other")); e.code != 0 {
				return fmt.Errorf("index: exit code %d: %s", e.code, e.stderr)
			}
		}
		if v.fresh || h.rng.IntN(6) == 0 && !v.needed {
			continue // so that its output is not always there
		}
		if e := wait(h.command(h.before, v.args()...)); e.code != 0 && e.code != 3 {
			return fmt.Errorf("%s: exit code %d: %s", v.line, e.code, e.stderr)
		}
		if v.name == "check" { // an audit that only suspects has nothing to score
			if e := wait(h.command(h.before, verbs[0].args()...)); e.code != 0 {
				return fmt.Errorf("scan: exit code %d: %s", e.code, e.stderr)
			}
		}
	}
	if h.rng.IntN(2) == 0 { // without the scores
		if e := wait(h.command(h.before, verbs[0].args()...)); e.code != 0 {
			return fmt.Errorf("scan: exit code %d: %s", e.code, e.stderr)
		}
	}
	h.verb = verbs[h.rng.IntN(len(verbs))]
	for range h.rng.IntN(4) {
		if err := h.change(); err != nil {
			return err
		}
	}
	reference := filepath.Join(h.root, "reference")
	if err := copyTree(h.before, reference); err != nil {
		return err
	}
	began := time.Now()
	h.undisturbed = wait(h.command(reference, h.verb.args()...))
	h.took = time.Since(began)
	if err := h.undisturbed.crashed(); err != nil {
		return err
	}
	var err error
	if h.was, err = snapshot(h.before); err == nil {
		h.whole, err = snapshot(reference)
	}
	if err == nil && h.strace {
		h.calls, err = h.countCalls()
	}
	return err
}

// inputs writes a benchmark, two corpora that share shards, results, and files that no run may touch.
func (h *history) inputs() error {
	for _, dir := range []string{"corpus", "grown", "other-corpus", "mine/deep"} {
		if err := os.MkdirAll(filepath.Join(h.before, dir), 0o755); err != nil {
			return err
		}
	}
	var bench, results []string
	for i := range 4 + h.rng.IntN(12) {
		item := map[string]string{
			"id": fmt.Sprint(i), "question": h.sentence(10 + h.rng.IntN(30)), "answer": h.sentence(3),
		}
		bench = append(bench, marshal(item))
		results = append(results, marshal(map[string]any{"id": fmt.Sprint(i), "score": h.rng.IntN(2)}))
	}
	h.write("bench.jsonl", bench)
	h.write("results.jsonl", results)
	h.write("mine/notes.txt", []string{"mine"})
	h.write("mine/deep/.audit.swab-0123456789abcdef", []string{"mine"})
	h.write(".audit.swab-notes", []string{"mine"})
	for i := range 1 + h.rng.IntN(5) {
		h.shard("corpus", i, bench)
		h.shard("grown", i, bench)
	}
	h.shard("other-corpus", 0, bench)
	return nil
}

// shard writes a shard of documents, some with items of the benchmark.
func (h *history) shard(dir string, i int, bench []string) {
	var docs []string
	for k := range 1 + h.rng.IntN(40) {
		n := h.rng.IntN(60)
		if k == 0 {
			n += 5 // a corpus without an n-gram is no corpus to index
		}
		text := h.sentence(n)
		if h.rng.IntN(4) == 0 {
			var item struct{ Question, Answer string }
			json.Unmarshal([]byte(bench[h.rng.IntN(len(bench))]), &item)
			text += " " + item.Question + " " + item.Answer
		}
		docs = append(docs, marshal(map[string]string{"id": fmt.Sprint(k), "text": text}))
	}
	h.write(fmt.Sprintf("%s/%03d.jsonl%s", dir, i, []string{"", ".gz"}[h.rng.IntN(2)]), docs)
}

// change lets a shard of the corpus grow, change, vanish, be damaged or renamed, or adds one.
func (h *history) change() error {
	dir := filepath.Join(h.before, "corpus")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, entries[h.rng.IntN(len(entries))].Name())
	bench, err := os.ReadFile(filepath.Join(h.before, "bench.jsonl"))
	if err != nil {
		return err
	}
	items := strings.Split(strings.TrimSpace(string(bench)), "\n")
	switch h.rng.IntN(6) {
	case 0:
		h.shard("corpus", 10+h.rng.IntN(90), items)
	case 1:
		h.shard("grown", 10+h.rng.IntN(90), items)
	case 2:
		if len(entries) > 1 {
			return os.Remove(path)
		}
	case 3:
		return os.Rename(path, filepath.Join(dir, fmt.Sprintf("renamed-%d-%s", h.rng.IntN(1e6), filepath.Base(path))))
	case 4:
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, b[:len(b)/2], 0o644)
	case 5:
		h.shard("corpus", h.rng.IntN(5), items)
	}
	return nil
}

// write writes lines to a file below before; what cannot be written shows in the next run.
func (h *history) write(name string, lines []string) {
	f, err := os.Create(filepath.Join(h.before, filepath.FromSlash(name)))
	if err != nil {
		return
	}
	defer f.Close()
	var w io.Writer = f
	if strings.HasSuffix(name, ".gz") {
		z := gzip.NewWriter(f)
		defer z.Close()
		w = z
	}
	io.WriteString(w, strings.Join(lines, "\n")+"\n")
}

func marshal(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data
	}
	return string(b)
}

// copyTree copies a directory with its modes and times, by which swab knows shards.
func copyTree(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		at := filepath.Join(to, rel)
		info, err := e.Info()
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(at, info.Mode().Perm())
		}
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(at, b, info.Mode().Perm())
		}
		if err == nil {
			err = os.Chtimes(at, info.ModTime(), info.ModTime())
		}
		return err
	})
}

// keptResult is a file of results that an audit keeps of shards. How many are in one file
// depends on where a run was stopped, and no verdict on that.
var keptResult = regexp.MustCompile(`(^|/)shards/[0-9a-f]{32}$`)

// snapshot returns all files below dir and their content, but those of kept results; a
// directory ends in a slash.
func snapshot(dir string) (map[string]string, error) {
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || rel == "." {
			return err
		}
		rel = filepath.ToSlash(rel)
		if e.IsDir() {
			all[rel+"/"] = ""
			return nil
		}
		if keptResult.MatchString(rel) {
			return nil
		}
		b, err := os.ReadFile(path)
		all[rel] = string(b)
		return err
	})
	return all, err
}
