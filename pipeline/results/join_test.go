package results

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"
)

// bencher describes a benchmark of a test: rows by split.
type bencher struct {
	name   string
	fields string
	splits []string
	rows   map[string][]string // JSON lines
}

// questions gives rows with questions of n items from a number on, with ids if id is
// a format.
func makeRows(n, from int, id string) (rows []string) {
	words := strings.Fields("ferry harbour lantern captain rope tide anchor gull cargo ledger bridge pilot signal mast barrel keel")
	for i := from; i < from+n; i++ {
		q := fmt.Sprintf("In year %d the %s met the %s by the %s of pier %d, how many were there?", 1700+i, words[i%16], words[i/16%16], words[i/5%16], i)
		if id != "" {
			rows = append(rows, fmt.Sprintf(`{"id":%q,"question":%q,"answer":"%d"}`, fmt.Sprintf(id, i), q, i))
		} else {
			rows = append(rows, fmt.Sprintf(`{"question":%q,"answer":"%d"}`, q, i))
		}
	}
	return rows
}

// makeAudit writes benchmarks and an audit of them, in which every third item is
// flagged by m1 and every fifth not checkable for m2.
func makeAudit(t testing.TB, benches ...bencher) string {
	t.Helper()
	root := t.TempDir()
	about := &audit.Audit{Methods: []audit.Method{{Name: "m1", Version: 1}, {Name: "m2", Version: 1}}, Complete: true}
	dir := filepath.Join(root, "audit")
	must(t, os.Mkdir(dir, 0o777))
	w, err := audit.Create(dir, false)
	must(t, err)
	var q audit.Questioner
	presets, err := benchmark.Builtin()
	must(t, err)
	for _, b := range benches {
		sub := filepath.Join(root, b.name)
		must(t, os.Mkdir(sub, 0o777))
		for _, s := range b.splits {
			must(t, os.WriteFile(filepath.Join(sub, s+".jsonl"), []byte(strings.Join(b.rows[s], "\n")+"\n"), 0o666))
		}
		opened, err := benchmark.Open(benchmark.Spec{Name: b.name, Path: sub, Fields: b.fields}, presets)
		must(t, err)
		n := 0
		for it, err := range opened.Items(t.Context()) {
			must(t, err)
			one, zero := 1., 0.
			v := audit.Verdict{Question: q.Question(&it.Text).String(), Method: "m1", Benchmark: b.name, Split: it.Split, Item: it.ID, Index: int64(it.Index), Digest: it.Digest, State: item.Clean, Score: &zero}
			if n%3 == 1 {
				v.State, v.Score = item.Flagged, &one
			}
			must(t, w.Verdict(&v))
			v.Method, v.State, v.Score = "m2", item.Clean, &zero
			if n%5 == 1 {
				v.State, v.Score = item.NotCheckable, nil
			}
			must(t, w.Verdict(&v))
			n++
		}
		e := audit.Benchmark{Name: b.name, Items: int64(n)}
		for _, f := range opened.Files {
			e.Files = append(e.Files, audit.BenchmarkFile{Path: f.Path, Split: f.Split, Digest: f.Digest, Items: int64(f.Items), Reading: f.Reading})
		}
		about.Benchmarks = append(about.Benchmarks, e)
	}
	must(t, w.Close())
	must(t, audit.Seal(dir, about))
	return dir
}

// loadAudit reads an audit, with the questions if text is true.
func loadAudit(t testing.TB, dir string, text bool) (*audit.Table, error) {
	t.Helper()
	r, err := audit.Open(dir)
	must(t, err)
	defer r.Close()
	a, err := r.Table(t.Context())
	if err == nil && text {
		err = a.ReadQuestions(t.Context())
	}
	return a, err
}

var plain = "question=question,answer=answer"

// What an audit says is what was written.
func TestTable(t *testing.T) {
	dir := makeAudit(t, bencher{"ferries", plain + ",id=id", []string{"a", "b"}, map[string][]string{"a": makeRows(7, 0, "F/%d"), "b": makeRows(4, 7, "G/%d")}},
		bencher{"piers", plain, []string{"test"}, map[string][]string{"test": makeRows(6, 20, "")}})
	a, err := loadAudit(t, dir, true)
	must(t, err)
	if len(a.Items) != 17 || !slices.Equal(a.Splits, []string{"a", "b", "test"}) || a.Benchmarks[1] != (audit.TableBenchmark{Name: "piers", First: 11, Last: 17}) || !a.About.Complete {
		t.Fatalf("%+v", a)
	}
	for k, it := range a.Items {
		n := k
		if it.Benchmark == 1 {
			n -= 11
		}
		m1, m2 := item.Clean, item.Clean
		if n%3 == 1 {
			m1 = item.Flagged
		}
		if n%5 == 1 {
			m2 = item.NotCheckable
		}
		if a.Verdicts[0].State[k] != m1 || a.Verdicts[1].State[k] != m2 || math.IsNaN(a.Verdicts[1].Score[k]) != (m2 == item.NotCheckable) {
			t.Errorf("item %d: %v %v", k, a.Verdicts[0].State[k], a.Verdicts[1].State[k])
		}
		if it.Question.Words < 10 {
			t.Errorf("item %d: question %v", k, it.Question)
		}
	}

	// Verdicts that do not agree with one another or with audit.json are an error.
	r, err := audit.Open(dir)
	must(t, err)
	defer r.Close()
	var rows []audit.Verdict
	for v, err := range r.Verdicts(t.Context()) {
		must(t, err)
		rows = append(rows, *v)
	}
	stranger := rows[0]
	stranger.Method = "m3"
	for name, bad := range map[string][]audit.Verdict{
		"a row less": rows[:len(rows)-2], "a row twice": append(slices.Clone(rows[:2]), rows[1:]...), "items out of order": append(slices.Clone(rows[2:4]), rows...),
		"another method": append(slices.Clone(rows[:2]), append([]audit.Verdict{stranger}, rows[2:]...)...),
	} {
		dir := t.TempDir()
		w, err := audit.Create(dir, false)
		must(t, err)
		for i := range bad {
			must(t, w.Verdict(&bad[i]))
		}
		must(t, w.Close())
		must(t, audit.Seal(dir, r.About))
		if _, err := loadAudit(t, dir, false); !errors.Is(err, ledger.ErrCorrupt) || !strings.Contains(err.Error(), audit.VerdictsFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := audit.Open(t.TempDir()); !errors.Is(err, audit.ErrNone) {
		t.Errorf("an empty directory: %v", err)
	}
}

// A benchmark that changed since it was audited gives no questions.
func TestChangedBenchmark(t *testing.T) {
	for name, change := range map[string]func(rows []string) []string{
		"another word": func(r []string) []string {
			return append([]string{strings.Replace(r[0], "how many", "how few", 1)}, r[1:]...)
		},
		"an item more":  func(r []string) []string { return append(slices.Clone(r), makeRows(1, 50, "")...) },
		"an item less":  func(r []string) []string { return r[:len(r)-1] },
		"another order": func(r []string) []string { r = slices.Clone(r); slices.Reverse(r); return r },
	} {
		rows := makeRows(5, 0, "")
		dir := makeAudit(t, bencher{"piers", plain, []string{"test"}, map[string][]string{"test": rows}})
		must(t, os.WriteFile(filepath.Join(dir, "../piers/test.jsonl"), []byte(strings.Join(change(rows), "\n")), 0o666))
		if _, err := loadAudit(t, dir, true); !errors.Is(err, benchmark.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := loadAudit(t, dir, false); err != nil {
			t.Errorf("%s: without questions: %v", name, err)
		}
	}
}

// lines makes rows of results of items from a number on; the score of item i is i%2.
func resultLines(n, from int, row func(i int) string) string {
	var b strings.Builder
	for i := from; i < from+n; i++ {
		fmt.Fprintln(&b, row(i))
	}
	return b.String()
}

func TestJoin(t *testing.T) {
	own := bencher{"ferries", plain + ",id=id", []string{"test"}, map[string][]string{"test": makeRows(40, 0, "Ferry/%d")}}
	bare := bencher{"piers", plain, []string{"test"}, map[string][]string{"test": makeRows(60, 100, "")}}
	twins := bencher{"quays", plain, []string{"north_test", "south_test"}, map[string][]string{"north_test": makeRows(30, 200, ""), "south_test": makeRows(30, 240, "")}}
	numbered := bencher{"docks", plain + ",id=id", []string{"test"}, map[string][]string{"test": makeRows(40, 11, "%d")}}
	few := bencher{"rafts", plain + ",id=id", []string{"test"}, map[string][]string{"test": makeRows(12, 1, "r-%02d")}}
	question := func(i int) string {
		_, q, _ := strings.Cut(makeRows(1, i, "")[0], `"question":"`)
		q, _, _ = strings.Cut(q, `"`)
		return q
	}
	tests := []struct {
		name    string
		benches []bencher
		file    string
		body    string
		o       JoinOptions
		how     string // "": an error; "none": of no benchmark
		bench   string
		shift   int // the item of the result with number i has number i-shift in its benchmark
		n, left int // joined; results left over
		items   int // items left over
		says    string
	}{
		{"own ids", []bencher{own, bare}, "r.jsonl", resultLines(40, 0, func(i int) string { return fmt.Sprintf(`{"id":"Ferry/%d","score":%d}`, i, i%2) }), JoinOptions{}, "id", "ferries", 0, 40, 0, 0, ""},
		{"some own ids and strange ones", []bencher{own}, "r.jsonl", resultLines(30, 20, func(i int) string { return fmt.Sprintf(`{"id":"Ferry/%d","score":%d}`, i, i%2) }), JoinOptions{}, "id", "ferries", 0, 20, 10, 20, ""},
		{"last numbers of ids", []bencher{own}, "ferries.jsonl", resultLines(40, 0, func(i int) string { return fmt.Sprintf(`{"id":"test-%d","score":%d}`, i, i%2) }), JoinOptions{}, "id", "ferries", 0, 40, 0, 0, ""},
		{"last numbers of a few ids", []bencher{own}, "r.jsonl", resultLines(2, 0, func(i int) string { return fmt.Sprintf(`{"id":"x-%d","score":%d}`, i, i%2) }), JoinOptions{}, "", "", 0, 0, 0, 0, "no result belongs to a benchmark"},
		{"last numbers of a few ids, of a named benchmark", []bencher{own}, "ferries.jsonl", resultLines(2, 0, func(i int) string { return fmt.Sprintf(`{"id":"x-%d","score":%d}`, i, i%2) }), JoinOptions{}, "", "", 0, 0, 0, 0, "nothing confirms"},
		{"last numbers of a few ids, asked for", []bencher{own}, "r.jsonl", resultLines(2, 0, func(i int) string { return fmt.Sprintf(`{"id":"x-%d","score":%d}`, i, i%2) }), JoinOptions{How: "id"}, "id", "ferries", 0, 2, 0, 38, ""},
		{"a few ids that differ in an affix", []bencher{own}, "r.jsonl", resultLines(2, 0, func(i int) string { return fmt.Sprintf(`{"id":"test/ferry-%d","score":%d}`, i, i%2) }), JoinOptions{}, "id", "ferries", 0, 2, 0, 38, ""},
		{"last numbers of all ids of few", []bencher{few}, "r.jsonl", resultLines(12, 1, func(i int) string { return fmt.Sprintf(`{"id":"x-%02d","score":1}`, i) }), JoinOptions{}, "", "", 0, 0, 0, 0, "no result belongs to a benchmark"},
		{"numbers from 1 to the last are places", []bencher{own}, "ferries.jsonl", resultLines(40, 1, func(i int) string { return fmt.Sprintf(`{"id":%d,"score":%d}`, i, i%2) }), JoinOptions{}, "index", "ferries", 1, 40, 0, 0, ""},
		{"numbers without first and last are nothing", []bencher{own}, "r.jsonl", resultLines(20, 1, func(i int) string { return fmt.Sprintf(`{"id":%d,"score":%d}`, i, i%2) }), JoinOptions{}, "", "", 0, 0, 0, 0, "from 0 or from 1"},
		{"but questions tell", []bencher{own}, "r.jsonl", resultLines(20, 1, func(i int) string {
			return fmt.Sprintf(`{"id":%d,"score":%d,"question":%q}`, i, i%2, question(i-1))
		}), JoinOptions{}, "index", "ferries", 1, 20, 0, 20, ""},
		{"questions against numbers", []bencher{bare}, "r.jsonl", resultLines(60, 0, func(i int) string {
			return fmt.Sprintf(`{"id":%d,"score":%d,"question":%q}`, i, i%2, "Solve this: "+strings.ToUpper(question(159-i))+" Think!")
		}), JoinOptions{}, "content", "piers", -1, 60, 0, 0, ""},
		{"places from 0", []bencher{bare}, "piers.jsonl", resultLines(60, 0, func(i int) string { return fmt.Sprintf(`{"index":%d,"score":%d}`, i, i%2) }), JoinOptions{How: "index"}, "index", "piers", 0, 60, 0, 0, ""},
		{"the order of a whole split", []bencher{bare}, "r.jsonl", resultLines(60, 0, func(i int) string { return fmt.Sprintf(`{"question":"What?","score":%d}`, i%2) }), JoinOptions{How: "index"}, "", "", 0, 0, 0, 0, "questions"},
		{"several benchmarks fit", []bencher{own, bare}, "r.jsonl", resultLines(20, 0, func(i int) string { return fmt.Sprintf(`{"id":"x%d","score":%d}`, i, i%2) }), JoinOptions{}, "", "", 0, 0, 0, 0, "nothing confirms"},
		{"one is named", []bencher{own, bare}, "r.jsonl", resultLines(20, 0, func(i int) string { return fmt.Sprintf(`{"id":"x%d","score":%d}`, i, i%2) }), JoinOptions{Benchmark: "piers", How: "index"}, "index", "piers", 0, 20, 0, 40, ""},
		{"one is named by the file", []bencher{own, bare}, "piers-owl.jsonl", resultLines(20, 0, func(i int) string { return fmt.Sprintf(`{"id":"x%d","score":%d}`, i, i%2) }), JoinOptions{How: "index"}, "index", "piers", 0, 20, 0, 40, ""},
		{"another is named by the results", []bencher{own, bare}, "r.jsonl", resultLines(20, 0, func(i int) string { return fmt.Sprintf(`{"id":"x%d","score":%d,"task":"gulls"}`, i, i%2) }), JoinOptions{}, "", "", 0, 0, 0, 0, "gulls"},
		{"two splits fit", []bencher{twins}, "r.jsonl", resultLines(30, 0, func(i int) string { return fmt.Sprintf(`{"index":%d,"score":%d}`, i, i%2) }), JoinOptions{}, "", "", 0, 0, 0, 0, "several splits"},
		{"a split is named", []bencher{twins}, "r.jsonl", resultLines(30, 0, func(i int) string { return fmt.Sprintf(`{"index":%d,"score":%d,"subject":"south"}`, i, i%2) }), JoinOptions{How: "index"}, "index", "quays", -30, 30, 0, 0, ""},
		{"a split is named by the file", []bencher{twins}, "South_test.jsonl", resultLines(30, 0, func(i int) string { return fmt.Sprintf(`{"index":%d,"score":%d}`, i, i%2) }), JoinOptions{How: "index"}, "index", "quays", -30, 30, 0, 0, ""},
		{"ids that are numbers", []bencher{numbered}, "r.jsonl", resultLines(40, 11, func(i int) string { return fmt.Sprintf(`{"task_id":%d,"score":%d}`, i, i%2) }), JoinOptions{}, "id", "docks", 11, 40, 0, 0, ""},
		{"numbers that are ids by chance", []bencher{numbered}, "r.jsonl", resultLines(41, 0, func(i int) string { return fmt.Sprintf(`{"task_id":%d,"score":%d}`, i, i%2) }), JoinOptions{}, "", "", 0, 0, 0, 0, "chance"},
		{"ids that match nothing", []bencher{own}, "r.jsonl", resultLines(9, 0, func(i int) string { return fmt.Sprintf(`{"id":"boat%c","score":1}`, 'a'+i) }), JoinOptions{}, "", "", 0, 0, 0, 0, "no result belongs to a benchmark"},
		{"asked for content without questions", []bencher{own}, "r.jsonl", resultLines(40, 0, func(i int) string { return fmt.Sprintf(`{"id":"Ferry/%d","score":1}`, i) }), JoinOptions{How: "content"}, "", "", 0, 0, 0, 0, "needs questions"},
		{"asked for another way", []bencher{own}, "r.jsonl", `{"id":"a","score":1}`, JoinOptions{How: "luck"}, "", "", 0, 0, 0, 0, "luck"},
		{"asked for another benchmark", []bencher{own}, "r.jsonl", `{"id":"a","score":1}`, JoinOptions{Benchmark: "gulls"}, "", "", 0, 0, 0, 0, "gulls"},
		{"a clean variant's places", []bencher{own, bare}, "r.jsonl", resultLines(39, 0, func(i int) string {
			return fmt.Sprintf(`{"index":%d,"score":1,"task":"swab-clean-piers-m1-test"}`, i)
		}), JoinOptions{}, "", "", 0, 0, 0, 0, "no result belongs to a benchmark"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := loadAudit(t, makeAudit(t, tt.benches...), true)
			must(t, err)
			files, err := Read(write(t, tt.file, []byte(tt.body)), "", Options{Questions: NewQuestions(a)})
			must(t, err)
			joins, err := JoinAll(a, files, tt.o)
			if tt.how == "" {
				if err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Fatalf("error %v, want one that says %q; joined %+v", err, tt.says, joins)
				}
				return
			}
			must(t, err)
			if len(joins) != 1 {
				t.Fatalf("%d joins", len(joins))
			}
			j := joins[0]
			if j.How != tt.how || j.Benchmark != tt.bench || len(j.Matched) != tt.n || len(j.ResultsLeft) != tt.left || len(j.ItemsLeft) != tt.items {
				t.Fatalf("by %s with %s: %d joined, %d results and %d items left over; %v", j.How, j.Benchmark, len(j.Matched), len(j.ResultsLeft), len(j.ItemsLeft), j.Problems)
			}
			first := 0
			for _, b := range a.Benchmarks {
				if b.Name == tt.bench {
					first = b.First
				}
			}
			for _, m := range j.Matched {
				k := int(m.Item) - first + tt.shift
				if tt.shift == -1 {
					k = 59 - (int(m.Item) - first)
				}
				if m.Score != float64(k%2) {
					t.Fatalf("item %d has the score %v", k, m.Score)
				}
			}
		})
	}
}

// One item has one result: files that overlap are an error, files that do not are one
// Join, and two models are two.
func TestJoinFiles(t *testing.T) {
	a, err := loadAudit(t, makeAudit(t, bencher{"ferries", plain + ",id=id", []string{"test"}, map[string][]string{"test": makeRows(40, 0, "Ferry/%d")}}), false)
	must(t, err)
	part := func(model string, n, from int) File {
		files, err := Read(write(t, "r.jsonl", []byte(resultLines(n, from, func(i int) string { return fmt.Sprintf(`{"id":"Ferry/%d","score":%d}`, i, i%2) }))), model, Options{})
		must(t, err)
		return files[0]
	}
	joins, err := JoinAll(a, []File{part("owl", 10, 20), part("owl", 20, 0), part("auk", 40, 0)}, JoinOptions{})
	must(t, err)
	if len(joins) != 2 || joins[0].Model != "auk" || len(joins[1].Matched) != 30 || len(joins[1].ItemsLeft) != 10 ||
		!slices.IsSortedFunc(joins[1].Matched, func(x, y Joined) int { return int(x.Item - y.Item) }) {
		t.Errorf("%+v", joins)
	}
	if _, err := JoinAll(a, []File{part("owl", 10, 15), part("owl", 20, 0)}, JoinOptions{}); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("two results of an item: %v", err)
	}
	if _, err := JoinAll(a, nil, JoinOptions{}); err == nil {
		t.Error("no results are joined")
	}
}

// Ids that stand in several items tell nothing; a split that is named does.
func TestJoinEqualIDs(t *testing.T) {
	rows := map[string][]string{"north": makeRows(20, 0, "Q%d"), "south": makeRows(20, 0, "Q%d")}
	for i, r := range rows["south"] {
		rows["south"][i] = strings.Replace(r, "how many", "how few", 1)
	}
	a, err := loadAudit(t, makeAudit(t, bencher{"quays", plain + ",id=id", []string{"north", "south"}, rows}), true)
	must(t, err)
	body := func(extra string) []byte {
		return []byte(resultLines(20, 0, func(i int) string { return fmt.Sprintf(`{"id":"Q%d","score":1%s}`, i, extra) }))
	}
	files, err := Read(write(t, "r.jsonl", body("")), "", Options{})
	must(t, err)
	if j, err := JoinAll(a, files, JoinOptions{}); err == nil {
		t.Errorf("joined although every id stands twice: %+v", j)
	}
	files, err = Read(write(t, "r.jsonl", body(`,"split":"south"`)), "", Options{})
	must(t, err)
	j, err := JoinAll(a, files, JoinOptions{})
	must(t, err)
	if len(j[0].Matched) != 20 || j[0].Matched[0].Item != 20 || len(j[0].ItemsLeft) != 0 {
		t.Errorf("%+v", j[0])
	}
}
