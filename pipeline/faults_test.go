package pipeline

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"swab/ngram/overlap"
	"swab/pipeline/audit"
)

// TestLongIDs: the id of a document is in every piece of evidence from it, so a long one is
// clipped there, with a digest, and counted: one row whose text is a whole benchmark must
// not make an audit as large as the product of both.
func TestLongIDs(t *testing.T) {
	dir := t.TempDir()
	var items []plainItem
	var text []string
	for i := range 200 {
		q := fmt.Sprintf("how many copper bells hang in tower %d of the quiet harbour when boat %d sails past it at dusk", i, i*i)
		items, text = append(items, plainItem{ID: fmt.Sprint(i), Question: q}), append(text, q)
	}
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	long := strings.Repeat("é", 400_000)
	writeJSONL(t, filepath.Join(dir, "corpus", "s.jsonl"), []row{
		{long, strings.Join(text, "\n")}, {long + "x", strings.Join(text, "\n")}, {strings.Repeat("i", 1024), text[0]},
	})
	o := options(t, dir)
	sum := mustScan(t, o)
	if sum.Audit.Totals.LongIDs != 2 || sum.Audit.Shards[0].LongIDs != 2 {
		t.Errorf("%d long ids counted in all, %d in the shard, want 2", sum.Audit.Totals.LongIDs, sum.Audit.Shards[0].LongIDs)
	}
	size, ids := int64(0), map[string]bool{}
	for name, b := range files(t, o.Out) {
		if size += int64(len(b)); name != "evidence.jsonl" {
			continue
		}
		for line := range strings.Lines(b) {
			var e struct {
				DocID string `json:"doc_id"`
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			ids[e.DocID] = true
			if len(e.DocID) > maxID || !utf8.ValidString(e.DocID) {
				t.Fatalf("an id of %d bytes", len(e.DocID))
			}
		}
	}
	if size > 8<<20 {
		t.Errorf("the audit has %d bytes", size)
	}
	if len(ids) != 3 || !ids[strings.Repeat("i", 1024)] {
		t.Errorf("%d ids, want three that differ", len(ids))
	}
}

// TestDamagedAudit: with a flipped bit in any file of an audit, or any file cut, the audit is
// refused by verify, or a run over it reads again what was damaged. The report and what
// people add are not part of the verdicts: of these, those that are read by a verb are
// compared with the verdicts that they name.
func TestDamagedAudit(t *testing.T) {
	flips, cuts, runs := 30, 8, 2 // of each file
	if testing.Short() {
		flips, cuts, runs = 12, 4, 1
	}
	rng := rand.New(rand.NewPCG(3, 9))
	dir := t.TempDir()
	items, docs := randomQuiz(rng)
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	writeJSONL(t, filepath.Join(dir, "corpus", "s.jsonl"), docs)
	o := options(t, dir)
	mustScan(t, o)
	whole := files(t, o.Out)
	refused, harmless := 0, 0
	var names []string
	must(t, filepath.WalkDir(o.Out, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, path)
		}
		return err
	}))
	for _, path := range names {
		good, err := os.ReadFile(path)
		must(t, err)
		name, err := filepath.Rel(o.Out, path)
		must(t, err)
		try := func(what string, bad []byte, again bool) {
			must(t, os.WriteFile(path, bad, 0o644))
			defer func() { must(t, os.WriteFile(path, good, 0o644)) }()
			if _, err := audit.Verify(t.Context(), o.Out); err != nil {
				refused++
				return
			}
			if top, _, _ := strings.Cut(name, "/"); top != audit.ShardsDir && name != audit.ReportFile {
				t.Errorf("%s, %s: not refused", name, what)
			}
			harmless++
			if !again || name == audit.ReportFile {
				return
			}
			if sum := mustScan(t, o); sum.Resumed != 0 { // the only result was damaged
				t.Errorf("%s, %s: the damaged result was used", name, what)
			}
			for file, text := range files(t, o.Out) {
				if whole[file] != text {
					t.Errorf("%s, %s: after a run %s is not what it was", name, what, file)
				}
			}
		}
		for k := range min(flips, 8*len(good)) {
			bad, at := slices.Clone(good), rng.IntN(8*len(good))
			bad[at/8] ^= 1 << (at % 8)
			try(fmt.Sprint("bit ", at), bad, k < runs)
		}
		for k := range min(cuts, len(good)) {
			n := rng.IntN(len(good))
			try(fmt.Sprint("cut at ", n), good[:n], k < runs)
		}
	}
	t.Logf("%d files, %d refused, %d harmless", len(names), refused, harmless)
	if refused < 3*len(names) || harmless == 0 {
		t.Errorf("%d refused, %d harmless: the test sees nothing", refused, harmless)
	}
}

// TestOrderChangesNoVerdict: however the documents are cut into shards, ordered and named,
// by whatever history of runs, the verdicts are the same bytes. Only places change.
func TestOrderChangesNoVerdict(t *testing.T) {
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	for seed := range uint64(rounds) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { orderChangesNoVerdict(t, rand.New(rand.NewPCG(seed, 17))) })
	}
}

func orderChangesNoVerdict(t *testing.T, rng *rand.Rand) {
	dir := t.TempDir()
	items, docs := randomQuiz(rng)
	writeJSONL(t, filepath.Join(dir, "quiz.jsonl"), items)
	o := options(t, dir)
	var err error
	if o.Methods, err = overlap.Methods(overlap.Settings{}); err != nil {
		t.Fatal(err)
	}
	o.NoReport = true
	verdicts := func() string {
		mustScan(t, o)
		b, err := os.ReadFile(filepath.Join(o.Out, "verdicts.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	want := ""
	for range 4 {
		if rng.IntN(2) == 0 { // into a new audit; else into the one before, which resumes
			o.Out = filepath.Join(dir, fmt.Sprintf("out-%x", rng.Uint64()))
		}
		if err := os.RemoveAll(o.Corpus[0]); err != nil {
			t.Fatal(err)
		}
		rng.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
		for rest := docs; len(rest) > 0; {
			n := min(len(rest), 1+rng.IntN(len(docs)))
			writeJSONL(t, filepath.Join(o.Corpus[0], fmt.Sprintf("%x.jsonl", rng.Uint64())), rest[:n])
			rest = rest[n:]
		}
		got := verdicts()
		if want == "" {
			want = got
		}
		if got != want {
			w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
			for i := range min(len(w), len(g)) {
				if w[i] != g[i] {
					t.Fatalf("other shards, another verdict:\n%s\n%s", w[i], g[i])
				}
			}
			t.Fatalf("%d verdicts, then %d", len(w), len(g))
		}
	}
}

// randomQuiz returns items, siblings among them, and documents with all, the beginning, the
// question or the changed words of some, several in one and one in several.
func randomQuiz(rng *rand.Rand) (items []plainItem, docs []row) {
	words := strings.Fields("amber basket canyon dagger ember falcon garnet harbour island jasper kettle lantern meadow needle " +
		"orchard pepper quartz river saddle timber umbrella velvet willow yarrow zephyr candle bridge copper ferry bell")
	sentence := func(n int) string {
		var s []string
		for range n {
			s = append(s, words[rng.IntN(len(words))])
		}
		return strings.Join(s, " ")
	}
	for i := range 6 + rng.IntN(6) {
		it := plainItem{ID: fmt.Sprint(i), Question: sentence(8 + rng.IntN(30)), Answer: sentence(1 + rng.IntN(12))}
		if i > 0 && rng.IntN(3) == 0 { // a sibling: one word differs
			w := strings.Fields(items[i-1].Question)
			w[rng.IntN(len(w))] = fmt.Sprint(rng.IntN(1000))
			it.Question = strings.Join(w, " ")
		}
		if rng.IntN(3) == 0 {
			it.Choices = sentence(4)
		}
		items = append(items, it)
	}
	for i := range 20 + rng.IntN(30) {
		text := sentence(rng.IntN(20))
		for range 1 + rng.IntN(3) {
			it := items[rng.IntN(len(items))]
			w := strings.Fields(it.Question)
			switch rng.IntN(5) {
			case 0:
				w = w[:1+rng.IntN(len(w))]
			case 1:
				w = append(w, it.Answer)
			case 2:
				w = append(append(w, sentence(30)), it.Answer)
			case 3:
				w[rng.IntN(len(w))] = sentence(1)
			}
			text += " " + strings.Join(w, " ") + ". " + sentence(rng.IntN(6))
		}
		docs = append(docs, row{fmt.Sprint("doc", i), text})
	}
	return items, docs
}
