package benchmark

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"swab/ngram/item"
	"swab/pipeline/internal/realdata"
	"swab/pipeline/rows"
	"swab/pipeline/shard"

	"github.com/zeebo/xxh3"
)

var ctx = context.Background()

var builtins = sync.OnceValues(Builtin)

func presets(tb testing.TB) *Presets {
	tb.Helper()
	p, err := builtins()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// write makes a file, compressed as its ending says.
func write(tb testing.TB, name, data string) string {
	tb.Helper()
	_, c, _ := rows.Formats.TypeOf(name)
	o, err := shard.Create(name, c)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.WriteString(o, data); err != nil {
		tb.Fatal(err)
	}
	if err := o.Close(); err != nil {
		tb.Fatal(err)
	}
	return name
}

// plainOf reads a file back, decompressed.
func plainOf(tb testing.TB, name string) string {
	tb.Helper()
	_, c, _ := rows.Formats.TypeOf(name)
	r, err := shard.Open(shard.Shard{Name: name, Path: name, Compression: c}, shard.Limits{}, false, nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func items(b *Benchmark) (all []Item, err error) {
	for it, err := range b.Items(ctx) {
		if err != nil {
			return all, err
		}
		kept := *it
		kept.Record = nil // it was lent
		all = append(all, kept)
	}
	return all, nil
}

func mustItems(tb testing.TB, b *Benchmark, err error) []Item {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	all, err := items(b)
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// load opens a file that holds data and gives its items.
func load1(tb testing.TB, base, data string, spec Spec) ([]Item, error) {
	tb.Helper()
	spec.Path = write(tb, filepath.Join(tb.TempDir(), base), data)
	b, err := Open(spec, presets(tb))
	if err != nil {
		return nil, err
	}
	return items(b)
}

// divide divides b into two new directories.
func divide(tb testing.TB, b *Benchmark, keep func(int) bool) (dirs [2]string) {
	tb.Helper()
	dirs = [2]string{filepath.Join(tb.TempDir(), "clean"), filepath.Join(tb.TempDir(), "removed")}
	if err := b.Divide(ctx, dirs[0], dirs[1], keep); err != nil {
		tb.Fatal(err)
	}
	return dirs
}

// checkDivide divides b at random and checks that items and records of the two
// sides, put together in order, are b's.
func checkDivide(t *testing.T, b *Benchmark, seed uint64) {
	t.Helper()
	want := mustItems(t, b, nil)
	rng := rand.New(rand.NewPCG(seed, 1))
	kept := make([]bool, len(want))
	for i := range kept {
		kept[i] = rng.IntN(3) > 0
	}
	kept[0], kept[len(kept)-1] = true, false // both sides hold something
	asked := 0
	dirs := divide(t, b, func(i int) bool {
		if i != asked {
			t.Fatalf("asked for %d after %d items", i, asked)
		}
		asked++
		return kept[i]
	})
	if asked != len(want) {
		t.Errorf("asked for %d of %d items", asked, len(want))
	}
	next := 0
	for i := range b.Files {
		f := &b.Files[i]
		var got [2][][]byte
		var gotItems [2][]Item
		for side, dir := range dirs {
			g := *f
			g.Path, g.Digest = filepath.Join(dir, filepath.FromSlash(f.Out)), ""
			if f.Out != f.Rel {
				g.compression = shard.None
			}
			if f.isText() {
				got[side] = bodies(t, &g)
			}
			half := &Benchmark{Files: []File{g}}
			gotItems[side] = mustItems(t, half, nil)
		}
		var all [][]byte
		if f.isText() {
			all = bodies(t, f)
		}
		for n := range f.Items {
			side := 0
			if !kept[next] {
				side = 1
			}
			if len(gotItems[side]) == 0 || gotItems[side][0].Digest != want[next].Digest || f.mapping.hasID && gotItems[side][0].ID != want[next].ID {
				t.Fatalf("%s: item %d is not next on side %d", f.Rel, n, side)
			}
			gotItems[side] = gotItems[side][1:]
			if all != nil {
				if len(got[side]) == 0 || !bytes.Equal(got[side][0], all[n]) {
					t.Fatalf("%s: record %d is not next on side %d", f.Rel, n, side)
				}
				got[side] = got[side][1:]
			}
			next++
		}
		if len(gotItems[0])+len(gotItems[1])+len(got[0])+len(got[1]) > 0 {
			t.Errorf("%s: more on the sides than in the whole", f.Rel)
		}
	}
}

// bodies gives the records of a text file, whose spans have to tile it.
func bodies(t *testing.T, f *File) [][]byte {
	t.Helper()
	var all [][]byte
	var whole strings.Builder
	if _, err := f.readText(ctx, func(_ *rows.Spans, _ int, sep, body []byte) error {
		whole.Write(sep)
		whole.Write(body)
		all = append(all, bytes.Clone(body))
		return nil
	}, func(_ *rows.Spans, _ int, tail []byte) error {
		whole.Write(tail)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if whole.String() != plainOf(t, f.Path) {
		t.Errorf("%s: the spans are not the file", f.Path)
	}
	return all
}

// The numbers of items are those of the data's README.
func TestRealBenchmarks(t *testing.T) {
	dir := filepath.Join(realdata.Dir(t), "benchmarks")
	for _, c := range []struct {
		path, name, preset string
		items              int
	}{
		{"gsm8k", "gsm8k", "gsm8k", 7473 + 1319 + 1319},
		{"gsm8k/test.jsonl", "gsm8k", "gsm8k", 1319},
		{"gsm8k/train.jsonl", "gsm8k", "gsm8k", 7473},
		{"gsm8k/test_socratic.jsonl", "test_socratic", "gsm8k", 1319},
		{"humaneval", "humaneval", "humaneval", 164},
		{"humaneval/HumanEval.jsonl.gz", "humaneval", "humaneval", 164},
		{"humaneval/example_problem.jsonl", "example_problem", "humaneval", 1},
		{"mbpp", "mbpp", "mbpp", 974 + 500 + 399},
		{"mbpp/mbpp.jsonl", "mbpp", "mbpp", 974},
		{"mbpp/mbpp_test.jsonl", "mbpp_test", "mbpp", 500},
		{"mbpp/new_mbpp.json", "new_mbpp", "mbpp", 399},
		{"mmlu", "mmlu", "mmlu", 14042 + 285},
		{"mmlu/test", "mmlu", "mmlu", 14042},
		{"mmlu/dev", "mmlu", "mmlu", 285},
		{"mmlu/test/anatomy_test.csv", "anatomy_test", "mmlu", 135},
		{"agieval", "agieval", "agieval", 230 + 510 + 269 + 206 + 206 + 220},
		{"agieval/lsat-ar.jsonl", "lsat-ar", "agieval", 230},
		{"agieval/lsat-lr.jsonl", "lsat-lr", "agieval", 510},
		{"agieval/lsat-rc.jsonl", "lsat-rc", "agieval", 269},
		{"agieval/sat-en.jsonl", "sat-en", "agieval", 206},
		{"agieval/sat-en-without-passage.jsonl", "sat-en-without-passage", "agieval", 206},
		{"agieval/sat-math.jsonl", "sat-math", "agieval", 220},
		{"aqua", "aqua", "aqua", 508},
		{"aqua/dev.json", "aqua", "aqua", 254},
		{"aqua/test.json", "aqua", "aqua", 254},
		{"svamp/SVAMP.json", "svamp", "svamp", 1000},
		{"mgsm", "mgsm", "mgsm", 11 * 250},
		{"mgsm/mgsm_es.tsv", "mgsm_es", "mgsm", 250},
		{"ifeval/input_data.jsonl", "input_data", "ifeval", 541},
		{"cruxeval/cruxeval.jsonl", "cruxeval", "cruxeval", 800},
	} {
		t.Run(c.path, func(t *testing.T) {
			b, err := Open(Spec{Path: filepath.Join(dir, c.path)}, presets(t))
			all := mustItems(t, b, err)
			warned := map[string]string{
				"gsm8k":     "training splits are read beside evaluation splits; gsm8k:test reads the split test alone",
				"mbpp":      "copies: 501 items with the texts of an item before, first mbpp_test/11",
				"mmlu":      "copies: 111 items with the texts of an item before, first dev/college_physics_dev/3",
				"mmlu/dev":  "copies: 1 item with the texts of an item before, first college_physics_dev/3",
				"mmlu/test": "copies: 105 items with the texts of an item before, first college_medicine_test/3",
			}[c.path]
			if len(all) != c.items || b.Name != c.name || b.Preset != c.preset || b.Guessed || strings.Join(b.Warnings, "; ") != warned {
				t.Errorf("%d items, name %s, preset %s, guessed %t, warnings %q", len(all), b.Name, b.Preset, b.Guessed, b.Warnings)
			}
			for i, it := range all {
				if it.Text[item.Question] == "" || it.Ordinal != i {
					t.Fatalf("item %d: %+v", i, it)
				}
			}
			if names, n, err := b.DuplicateIDs(ctx, idsOf(t, b), 3); err != nil || n > 0 {
				t.Error(names, n, err)
			}
			checkDivide(t, b, uint64(c.items))

			// The same preset is found by the fields alone.
			f := b.Files[0]
			away := filepath.Join(t.TempDir(), "quiz"+f.Rel[strings.IndexByte(f.Rel, '.'):])
			data, err := os.ReadFile(f.Path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(away, data, 0o600); err != nil {
				t.Fatal(err)
			}
			g, err := Open(Spec{Path: away}, presets(t))
			if err != nil || !g.Guessed || g.Preset != c.preset || g.Name != "quiz" {
				t.Errorf("by fields: %+v, %v", g, err)
			}
		})
	}
}

// sample makes records of the given format and the file that holds some of them.
type sample struct {
	ext     string
	records func(rng *rand.Rand, i int) string
	file    func(records []string) string
	fields  string
}

func words(rng *rand.Rand) string {
	list := []string{"soup", "é", "日本", `"`, ",", "\t", "\\", "a b", "{", "]", "\n", "😀", ":"}
	var s strings.Builder
	for range 1 + rng.IntN(9) {
		s.WriteString(list[rng.IntN(len(list))])
	}
	return "w" + s.String()
}

func jsonRecord(rng *rand.Rand, i int) string {
	b, err := json.Marshal(map[string]any{"q": words(rng), "c": []string{words(rng), words(rng)}, "n": rng.IntN(100), "id": fmt.Sprint("x", i)})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func csvRecord(rng *rand.Rand, i int) string {
	quote := func(s string) string {
		if strings.ContainsAny(s, "\",\n") || rng.IntN(2) == 0 {
			return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
		}
		return s
	}
	return quote(words(rng)) + "," + quote(words(rng)) + "," + quote(fmt.Sprint(i))
}

func lines(head, sep, tail string) func([]string) string {
	return func(r []string) string {
		if len(r) == 0 {
			return head
		}
		return head + strings.Join(r, sep) + tail
	}
}

func list(head, sep, tail string) func([]string) string {
	return func(r []string) string { return head + strings.Join(r, sep) + tail }
}

var samples = map[string]sample{
	"jsonl":       {".jsonl", jsonRecord, lines("", "\n", "\n"), "question=q,choices=c,answer=n,id=id"},
	"jsonl-crlf":  {".ndjson", jsonRecord, lines("\uFEFF", "\r\n", ""), "question=q,choices=c,answer=n,id=id"},
	"array":       {".json", jsonRecord, list("[", ",", "]"), "question=q,choices=c,answer=n,id=id"},
	"array-lines": {".json", jsonRecord, list(" [\n  ", ",\n  ", "\n]\n"), "question=q,choices=c,answer=n,id=id"},
	"object":      {".json", jsonRecord, list(`{"version":[1,{"x":"]"}],"data":[ `, ", ", ` ],"more":"[{"}`), "question=q,choices=c,answer=n,id=id"},
	"values": {".json", func(rng *rand.Rand, i int) string {
		var b bytes.Buffer
		if err := json.Indent(&b, []byte(jsonRecord(rng, i)), "", "  "); err != nil {
			panic(err)
		}
		return b.String()
	}, lines("", "\n", "\n"), "question=q,choices=c,answer=n,id=id"},
	"csv":        {".csv", csvRecord, lines("q,\"a \"\"b\"\"\",i\n", "\n", "\n"), `question=q,answer=a "b",id=i`},
	"csv-crlf":   {".csv", csvRecord, lines("q,a,i\r\n\r\n", "\r\n", "\r\n"), "question=q,choices=a,id=i"},
	"csv-naked":  {".csv", csvRecord, lines("", "\n", ""), "question=0,choices=1+2"},
	"tsv":        {".tsv", func(_ *rand.Rand, i int) string { return fmt.Sprintf("\"Eh?\" %d\tb\"c", i) }, lines("q\ta\n", "\n", "\n"), "question=q,answer=a"},
	"tsv-blanks": {".tsv", func(_ *rand.Rand, i int) string { return fmt.Sprintf("q %d\t", i) }, lines("\n", "\n\n", "\n\n"), "question=0,answer=1"},
}

// Both sides are, byte for byte, the file that the format would have for them.
func TestDivideEveryFormatAndCompression(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: takes seconds")
	}
	for name, s := range samples {
		for _, comp := range []string{"", ".gz", ".zst", ".xz", ".lz4"} {
			t.Run(name+comp, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(7, uint64(len(name))))
				for _, n := range []int{1, 20} {
					var all []string
					for i := range n {
						all = append(all, s.records(rng, i))
					}
					path := write(t, filepath.Join(t.TempDir(), "quiz"+s.ext+comp), s.file(all))
					spec := Spec{Path: path, Fields: s.fields}
					b, err := Open(spec, presets(t))
					if got := mustItems(t, b, err); len(got) != n {
						t.Fatalf("%d items of %d", len(got), n)
					}
					for _, share := range []float64{0, 0.5, 1} {
						var want [2][]string
						keep := make([]bool, n)
						for i := range n {
							side := 1
							if keep[i] = rng.Float64() < share; keep[i] {
								side = 0
							}
							want[side] = append(want[side], all[i])
						}
						dirs := divide(t, b, func(i int) bool { return keep[i] })
						for side, dir := range dirs {
							if got := plainOf(t, filepath.Join(dir, "quiz"+s.ext+comp)); got != s.file(want[side]) {
								t.Fatalf("side %d is\n%q, want\n%q", side, got, s.file(want[side]))
							}
						}
					}
				}
			})
		}
	}
}

// tinyBzip2 is what bzip2 1.0.8 makes of {"q":"one","a":"1"}, {"q":"two","a":"2"}.
const tinyBzip2 = `QlpoOTFBWSZTWQ2BIPwAABJZgAAQEAQwECIBpIogACEqAMnqPUKYAAZHIJEQXZVJFDsu4Nlj4u5IpwoSAbAkH4A=`

func TestBzip2IsWrittenPlainAndSaysSo(t *testing.T) {
	data, err := base64.StdEncoding.DecodeString(tinyBzip2)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "quiz.jsonl.bz2")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := Open(Spec{Path: path, Fields: "question=q,answer=a"}, presets(t))
	if err != nil || len(b.Warnings) != 1 || !strings.Contains(b.Warnings[0], "without bzip2") || b.Files[0].Split != "quiz" {
		t.Fatalf("%+v, %v", b, err)
	}
	dirs := divide(t, b, func(i int) bool { return i == 1 })
	if got := plainOf(t, filepath.Join(dirs[0], "quiz.jsonl")); got != "{\"q\":\"two\",\"a\":\"2\"}\n" {
		t.Errorf("%q", got)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "quiz.jsonl"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Spec{Path: filepath.Dir(path), Name: "q", Fields: "question=q?,answer=a?"}, presets(t)); err == nil {
		t.Error("two files of one name were accepted")
	}
}

func TestMapping(t *testing.T) {
	for _, c := range []struct {
		fields, record string
		want           string // context|question|choices|answer|id, or "error: …"
	}{
		{"question=q", `{"q":" a\u00e9\n "}`, "| aé\n ||" + "|0"},
		{"question=q,id=id", `{"q":"a","id":7}`, "|a|||7"},
		{"question=q,id=id", `{"q":"a","id":"../x"}`, "|a|||../x"},
		{"question=q,id=id", `{"q":"a","id":null}`, `error: id: field "id": it is neither a text nor a number`},
		{"question=q,id=id", `{"q":"a","id":""}`, `error: id: field "id": it is empty`},
		{"question=q,answer=a", `{"q":"a","a":51.0}`, "|a||51.0|0"},
		{"question=q,answer=a", `{"q":"a","a":false}`, "|a||false|0"},
		{"question=q,answer=a", `{"q":"a","a":null}`, "|a|||0"},
		{"question=q,answer=a", `{"q":"a"}`, `error: answer: field "a": missing`},
		{"question=q,answer=a?", `{"q":"a"}`, "|a|||0"},
		{"question=q,answer=a+b?+c", `{"q":"a","a":"x","c":"z"}`, "|a||x\nz|0"},
		{"question=q,answer=a+b+c", `{"q":"a","a":"x","b":null,"c":""}`, "|a||x\n|0"},
		{"question=q,answer=o.s?", `{"q":"a","o":null}`, "|a|||0"},
		{"question=q,answer=o.s", `{"q":"a","o":null}`, "|a|||0"},
		{"question=q,answer=o.s?", `{"q":"a","o":{"s":{"x":1}}}`, `error: answer: field "o.s": an object`},
		{"question=q,answer=o.s", `{"q":"a","o":"text"}`, `error: answer: field "o.s": missing`},
		{"question=o.s", `{"o.s":"dots","o":{"s":"deep"}}`, "|dots|||0"},
		{"question=o.s.t", `{"o":{"s.t":"dots"}}`, "|dots|||0"},
		{"question=q,answer=t.1.0", `{"q":"a","t":["x",["y"]]}`, "|a||y|0"},
		{"question=q,answer=t.2", `{"q":"a","t":["x",["y"]]}`, `error: answer: field "t.2": missing`},
		{"question=q,choices=c", `{"q":"a","c":["x",1,null,"",["y","z"]]}`, "|a|x\n1\n\ny\nz||0"},
		{"question=q,choices=c", `{"q":"a","c":{"A":"x","B":"y"}}`, "|a|x\ny||0"},
		{"question=q,choices=c", `{"q":"a","c":{"label":["A","B"],"text":["x","y"]}}`, "|a|x\ny||0"},
		{"question=q,choices=c.text", `{"q":"a","c":{"label":["A","B"],"text":["x","y"]}}`, "|a|x\ny||0"},
		{"question=q,choices=c", `{"q":"a","c":[{"label":"A","text":"x"},{"label":"B","text":"y"}]}`, "|a|x\ny||0"},
		{"question=q,choices=A+B", `{"q":"a","A":"x","B":2}`, "|a|x\n2||0"},
		{" question = q , context = c ", `{"q":"a","c":"p"}`, "p|a|||0"},
		{"question=q,passage=c", `{"q":"a","c":"p"}`, "p|a|||0"},
		{"question=q,passage=c?", `{"q":"a"}`, "|a|||0"},
		{"passage=c", `{"q":"a","c":"p"}`, "error: fields"},
		{"passage=c,answer=q", `{"q":"a","c":"p"}`, "error: fields"},
		{"question=q,passage=c,context=c", `{"q":"a","c":"p"}`, "error: fields"},
		{"question=q,context=c,passage=c", `{"q":"a","c":"p"}`, "error: fields"},
		{"question=q,passage=c,passage=c", `{"q":"a","c":"p"}`, "error: fields"},
		{"question=q", `{"q":" \n\t"}`, "error: the item has no text"},
		{"question=q", `{"q":{}}`, "error: question: field \"q\": an object"},
		{"question=q", `[1]`, `error: question: field "q": missing`},
		{"question=q", `{"q":"a\ud800 b"}`, "|a\uFFFD b|||0"},
		{"question=q", "{\"q\":\"\xff\"}", "error: it is not valid UTF-8"},
		{"question=q", `{"q":"a","q":2}`, `error: it has the name "q" twice`},
		{"question=q", `{"q":"a","x":1,"x":"\ud800"}`, "|a|||0"}, // nobody asked for x
		{"question=q", `{"q":"a"`, "error: "},
		{"question=", `{"q":"a"}`, "error: fields"},
		{"answer=q", `{"q":"a"}`, "error: fields"},
		{"question=q,question=r", `{"q":"a"}`, "error: fields"},
		{"question=q,quest=r", `{"q":"a"}`, "error: fields"},
		{"question=q,id=a+b", `{"q":"a"}`, "error: fields"},
		{"question=q.", `{"q":"a"}`, "error: fields"},
		{"question", `{"q":"a"}`, "error: fields"},
	} {
		ext := "quiz.jsonl"
		if strings.HasPrefix(c.record, "[") {
			ext = "quiz.json"
			c.record = "[" + c.record + "]"
		}
		all, err := load1(t, ext, c.record+"\n", Spec{Fields: c.fields})
		got := ""
		switch {
		case err != nil:
			want, ok := strings.CutPrefix(c.want, "error: ")
			if !ok || !strings.Contains(err.Error(), want) {
				t.Errorf("%s of %s: %v, want %s", c.fields, c.record, err, c.want)
			}
			if !strings.HasPrefix(want, "fields") && !strings.Contains(err.Error(), ext+": record 0: ") {
				t.Errorf("%v does not say where", err)
			}
			continue
		case len(all) == 1:
			x := all[0].Text
			got = strings.Join(append(x[:], all[0].ID), "|")
		}
		if got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.fields, c.record, got, c.want)
		}
	}
}

// A record that does not map is an error wherever it stands.
func TestLaterRecordIsTold(t *testing.T) {
	for ext, c := range map[string][2]string{
		".jsonl": {"{\"q\":\"a\"}\n{\"q\":\"b\"}\n{\"x\":1}\n", `record 2: question: field "q": missing`},
		".json":  {`[{"q":"a"},{"q":"b"},{"q":{"c":1}}]`, `record 2: question: field "q": an object`},
		".csv":   {"q,r\na,1\nb,2\nc,3,4\n", "record 2: 3 columns where there were 2"},
		".tsv":   {"q\tr\na\t1\nb\t2\nc\n", "record 2: 1 columns where there were 2"},
	} {
		b, err := Open(Spec{Path: write(t, filepath.Join(t.TempDir(), "quiz"+ext), c[0]), Fields: "question=q"}, presets(t))
		if err != nil {
			t.Fatal(err)
		}
		all, err := items(b)
		if len(all) != 2 || err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %d items, %v", ext, len(all), err)
		}
		if err := b.Divide(ctx, t.TempDir(), t.TempDir(), func(int) bool { return true }); err == nil {
			t.Errorf("%s: divided", ext)
		}
	}
}

func TestItemDigest(t *testing.T) {
	all, err := load1(t, "quiz.jsonl", `{"c":"ab","q":"","a":"c"}`+"\n"+`{"c":"a","q":"b","a":"c"}`, Spec{Fields: "context=c,question=q,answer=a"})
	if err != nil {
		t.Fatal(err)
	}
	for i, parts := range [][]string{{"ab", "", "", "c"}, {"a", "b", "", "c"}} {
		var b []byte
		for _, p := range parts {
			b = append(binary.LittleEndian.AppendUint64(b, uint64(len(p))), p...)
		}
		sum := xxh3.Hash128(b).Bytes()
		if want := hex.EncodeToString(sum[:]); all[i].Digest != want {
			t.Errorf("%s, want %s", all[i].Digest, want)
		}
	}
}

func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		data, fields, header string
		want                 []string // questions; nil: an error
	}{
		{"q,a\nx,1\n", "question=q,answer=a", "", []string{"x"}},
		{"x,1\ny,2\n", "question=0,answer=1", "", []string{"x", "y"}},
		{"q,a\nx,1\n", "question=0,answer=1", "yes", []string{"x"}},
		{"q,a\nx,1\n", "question=q,answer=1", "yes", []string{"x"}},
		{"q,a\nx,1\n", "question=q", "no", nil},
		{"q,q\nx,1\n", "question=q", "", nil},
		{"q,a\n", "question=q", "", nil},
		{"q,a\nx,1\n", "question=q", "maybe", nil},
		{"q,\"a\nx,1\n", "question=q", "", nil},
		{",q\n0,x\n", "question=q", "", []string{"x"}},
	} {
		all, err := load1(t, "quiz.csv", c.data, Spec{Fields: c.fields, Header: c.header})
		var got []string
		for _, it := range all {
			got = append(got, it.Text[item.Question])
		}
		if c.want == nil != (err != nil) || !slices.Equal(got, c.want) {
			t.Errorf("%q %s %s: %q, %v", c.data, c.fields, c.header, got, err)
		}
	}
}

// One record of each form, by its fields.
func TestHubLayouts(t *testing.T) {
	for _, c := range []struct{ preset, record, want string }{
		{"mmlu", `{"question":"Q","subject":"s","choices":["a","b","c","d"],"answer":2}`, "|Q|a\nb\nc\nd|2|0"},
		{"gsm8k", `{"question":"Q","answer":"so\n#### 2"}`, "|Q||so\n#### 2|0"},
		{"hellaswag", `{"ind":24,"activity_label":"x","ctx_a":"A","ctx_b":"b","ctx":"A b","endings":["e","f"],"source_id":"v","split":"val","split_type":"i","label":"1"}`, "|A b|e\nf|1|24"},
		{"arc", `{"id":"M1","question":"Q","choices":{"text":["a","b"],"label":["A","B"]},"answerKey":"B"}`, "|Q|a\nb|B|M1"},
		{"arc", `{"id":"M1","question":{"stem":"Q","choices":[{"text":"a","label":"A"},{"text":"b","label":"B"}]},"answerKey":"B"}`, "|Q|a\nb|B|M1"},
		{"winogrande", `{"sentence":"S _","option1":"a","option2":"b","answer":"1"}`, "|S _|a\nb|1|0"},
		{"winogrande", `{"qID":"3Q","sentence":"S _","option1":"a","option2":"b"}`, "|S _|a\nb||3Q"},
		{"truthfulqa", `{"type":"A","category":"c","question":"Q","best_answer":"b","correct_answers":["b","c"],"incorrect_answers":["x"],"source":"u"}`, "|Q||b\nb\nc|0"},
		{"truthfulqa", `{"question":"Q","mc1_targets":{"choices":["a","b"],"labels":[1,0]},"mc2_targets":{"choices":["a"],"labels":[1]}}`, "|Q|a\nb||0"},
		{"humaneval", `{"task_id":"HumanEval/0","prompt":"def f():","canonical_solution":" pass","test":"t","entry_point":"f"}`, "|def f():|| pass|HumanEval/0"},
		{"mbpp", `{"task_id":2,"text":"T","code":"C","test_list":["x"],"test_setup_code":"","challenge_test_list":[]}`, "|T||C|2"},
		{"mbpp", `{"source_file":"f","task_id":2,"prompt":"T","code":"C","test_imports":[],"test_list":["x"]}`, "|T||C|2"},
		{"drop", `{"section_id":"s","query_id":"q1","passage":"P","question":"Q","answers_spans":{"spans":["a","b"],"types":["span","span"]}}`, "P|Q||a\nb|q1"},
		{"squad", `{"id":"5","title":"t","context":"P","question":"Q","answers":{"text":["a","b"],"answer_start":[1,2]}}`, "P|Q||a|5"},
		{"squad", `{"id":"5","title":"t","context":"P","question":"Q","answers":{"text":[],"answer_start":[]}}`, "P|Q|||5"},
		{"boolq", `{"question":"q","answer":true,"passage":"P"}`, "P|q||true|0"},
		{"boolq", `{"question":"q","passage":"P","idx":0,"label":1}`, "P|q||1|0"},
		{"piqa", `{"goal":"G","sol1":"a","sol2":"b","label":1}`, "|G|a\nb|1|0"},
		{"piqa", `{"goal":"G","sol1":"a","sol2":"b"}`, "|G|a\nb||0"},
		{"mgsm", `{"question":"Q","answer":null,"answer_number":18,"equation_solution":null}`, "|Q||18|0"},
		{"svamp", `{"ID":"c1","Body":"B","Question":"Q","Equation":"E","Answer":"5","Type":"t","question_concat":"B Q"}`, "B|Q||E\n5|c1"},
		{"aqua", `{"question":"Q","options":["a","b"],"rationale":"R","correct":"A"}`, "|Q|a\nb|R\nA|0"},
		{"agieval", `{"passage":null,"question":"Q","options":null,"label":null,"answer":"4","other":null}`, "|Q||4|0"},
		{"agieval", `{"query":"Q","choices":["a"],"gold":[0]}`, "|Q|a|0|0"},
		{"ifeval", `{"key":10,"prompt":"P","instruction_id_list":["x"],"kwargs":[{}]}`, "|P|||10"},
		{"plain", `{"question":"Q","choices":["a","b"],"answer":"A"}`, "|Q|a\nb|A|0"},
		{"plain", `{"question":"Q","context":"P","id":"x"}`, "P|Q|||x"},
		{"plain", `{"prompt":"Q","answer":7}`, "|Q||7|0"},
		{"cruxeval", `{"code":"C","input":"","output":"o","id":"s0"}`, "|C\n||o|s0"},
	} {
		path := write(t, filepath.Join(t.TempDir(), "quiz.jsonl"), c.record+"\n")
		b, err := Open(Spec{Path: path}, presets(t))
		if err != nil {
			t.Errorf("%s: %v", c.preset, err)
			continue
		}
		x := mustItems(t, b, nil)[0]
		if got := strings.Join(append(x.Text[:], x.ID), "|"); b.Preset != c.preset || !b.Guessed || got != c.want {
			t.Errorf("%s: read as %s (%t): %q, want %q", c.preset, b.Preset, b.Guessed, got, c.want)
		}
		if b, err = Open(Spec{Path: path, Name: c.preset}, presets(t)); err != nil || b.Guessed || b.Preset != c.preset {
			t.Errorf("%s: by name %v, %v", c.preset, b, err)
		}
		if b, err = Open(Spec{Path: path, Preset: c.preset}, presets(t)); err != nil || b.Guessed || b.Preset != c.preset || b.Name != "quiz" {
			t.Errorf("%s: by preset %v, %v", c.preset, b, err)
		}
	}
}

func TestNames(t *testing.T) {
	root := t.TempDir()
	const rec = `{"q":"a"}`
	for _, c := range []struct{ path, name, want, split string }{
		{"Quiz.jsonl", "", "quiz", "Quiz"},
		{"Quiz.JSONL.GZ", "", "quiz", "Quiz"},
		{"Quiz/test.jsonl", "", "quiz", "test"},
		{"quiz/data/test-00000-of-00002.jsonl", "", "quiz", "test-00000-of-00002"},
		{"quiz/v1.2.jsonl", "", "v1.2", "v1.2"},
		{"a/b.jsonl", "X.y_z-1", "X.y_z-1", "b"},
		{"-x.jsonl", "", "", ""},
		{"b c.jsonl", "", "", ""},
		{"d.jsonl", "../d", "", ""},
		{"d2.jsonl", ".", "", ""},
		{"d3.jsonl", "a/b", "", ""},
		{"d4.jsonl", "é", "", ""},
		{"d5.jsonl", strings.Repeat("x", 101), "", ""},
		{"d.txt", "", "", ""},
		{"d.jsonl.zip", "", "", ""},
	} {
		path := filepath.Join(root, c.path)
		write(t, path, rec)
		b, err := Open(Spec{Name: c.name, Path: path, Fields: "question=q"}, presets(t))
		if c.want == "" {
			if err == nil {
				t.Errorf("%s as %q was accepted", c.path, c.name)
			}
			continue
		}
		if err != nil || b.Name != c.want || b.Files[0].Split != c.split || b.Files[0].Rel != filepath.Base(path) {
			t.Errorf("%s: %+v, %v", c.path, b, err)
		}
	}
	if _, err := Open(Spec{Path: filepath.Join(root, "none.jsonl")}, presets(t)); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Open(Spec{Path: t.TempDir()}, presets(t)); err == nil {
		t.Error("an empty directory was accepted")
	}
}

func TestDirectory(t *testing.T) {
	root := filepath.Join(t.TempDir(), "Quiz")
	for name, data := range map[string]string{
		"b/test.jsonl": "{\"q\":\"1\"}\n", "a/test.csv": "q\n2\n", "a/empty.jsonl": "", "z.json": `[{"q":"3"}]`,
		"README.md": "x", ".hidden.jsonl": "x", ".git/config.json": "{}", "dataset_infos.json": "{}", "LICENSE": "x", "a.lst": "1",
	} {
		write(t, filepath.Join(root, name), data)
	}
	if err := os.Symlink(filepath.Join(root, "z.json"), filepath.Join(root, "a/link.json")); err != nil {
		t.Fatal(err)
	}
	b, err := Open(Spec{Path: root, Fields: "question=q"}, presets(t))
	var got []string
	for _, it := range mustItems(t, b, err) {
		got = append(got, fmt.Sprintf("%d %d %s %s", it.Ordinal, it.Index, it.Split, it.Text[item.Question]))
	}
	if want := []string{"0 0 a/link 3", "1 0 a/test 2", "2 0 b/test 1", "3 0 z 3"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	var skipped []string
	for _, s := range b.Skipped {
		rel, _ := filepath.Rel(root, s.Path)
		skipped = append(skipped, rel)
	}
	slices.Sort(skipped)
	if want := []string{".git", ".hidden.jsonl", "LICENSE", "README.md", "a.lst", "dataset_infos.json"}; b.Name != "quiz" || !slices.Equal(skipped, want) {
		t.Errorf("%s, skipped %q", b.Name, skipped)
	}
	if want := []string{"a/empty.jsonl: it holds no records", "copies: 1 item with the texts of an item before, first z/0"}; !slices.Equal(b.Warnings, want) {
		t.Errorf("warnings %q", b.Warnings)
	}
	checkSides := func(i int) bool { return i%2 == 0 }
	dirs := divide(t, b, checkSides)
	for name, want := range map[string][2]string{
		"a/empty.jsonl": {"", ""}, "a/test.csv": {"q\n", "q\n2\n"}, "b/test.jsonl": {"{\"q\":\"1\"}\n", ""}, "z.json": {"[]", `[{"q":"3"}]`},
	} {
		for side := range dirs {
			if got := plainOf(t, filepath.Join(dirs[side], name)); got != want[side] {
				t.Errorf("%s, side %d: %q, want %q", name, side, got, want[side])
			}
		}
	}

	// Two endings make one split.
	write(t, filepath.Join(root, "b/test.csv"), "q\n2\n")
	if _, err := Open(Spec{Path: root, Fields: "question=q"}, presets(t)); err == nil || !strings.Contains(err.Error(), "the same split") {
		t.Error(err)
	}
}

func TestNothingMaps(t *testing.T) {
	for _, c := range []struct {
		file, data string
		spec       Spec
		want       string
	}{
		{"quiz.jsonl", `{"ask":"x","re\u001b[2Jply":1}`, Spec{}, `no preset fits its fields ("ask", "re\x1b[2Jply")`},
		{"quiz.jsonl", `{"prompt":"x"}`, Spec{Fields: "question=q"}, `field "q": missing; the record's fields are "prompt"`},
		{"quiz.jsonl", `{"prompt":"x"}`, Spec{Preset: "gsm8k"}, `the preset gsm8k does not fit its fields ("prompt")`},
		{"quiz.jsonl", `{"prompt":"x"}`, Spec{Preset: "unheard"}, `no preset is named "unheard"`},
		{"quiz.jsonl", `{"prompt":"x"}`, Spec{Preset: "gsm8k", Fields: "question=prompt"}, "both"},
		{"gsm8k.jsonl", `{"ask":"x"}`, Spec{}, "no preset fits"},
		{"quiz.csv", "one row,only\n", Spec{}, "no preset fits"},
		{"quiz.csv", "a,\"b\n", Spec{}, "does not end"},
		{"quiz.jsonl", "", Spec{}, "no records"},
		{"quiz.json", "[]", Spec{Fields: "question=q"}, "no records"},
		{"quiz.jsonl", "not json", Spec{}, "record 0"},
		{"quiz.jsonl.gz", "", Spec{}, "no records"},
		{"quiz.parquet", "PAR1", Spec{}, "corrupt"},
	} {
		_, err := load1(t, c.file, c.data, c.spec)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v, want %s", c.file, c.data, err, c.want)
		}
	}
}

func TestWarnsOfOtherCounts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gsm8k")
	rec := "{\"question\":\"q\",\"answer\":\"a\\n#### 1\"}\n"
	write(t, filepath.Join(dir, "main/test-00000-of-00002.jsonl"), rec)
	write(t, filepath.Join(dir, "main/test-00001-of-00002.jsonl"), rec+rec)
	write(t, filepath.Join(dir, "main/train.jsonl"), strings.Repeat(rec, 7473))
	b, err := Open(Spec{Path: dir}, presets(t))
	mustItems(t, b, err)
	mustItems(t, b, err)
	if want := []string{
		"copies: 2 items with the texts of an item before, first main/test-00001-of-00002/0", "main/test: it has 3 records, but this split of gsm8k has 1319",
	}; !slices.Equal(b.Warnings, want) {
		t.Errorf("%q", b.Warnings)
	}
	dir = filepath.Join(t.TempDir(), "mmlu")
	write(t, filepath.Join(dir, "test/a_test.csv"), "q,a,b,c,d,A\n")
	write(t, filepath.Join(dir, "test/b_test.csv"), "q,a,b,c,d,A\n")
	b, err = Open(Spec{Path: dir}, presets(t))
	mustItems(t, b, err)
	if want := []string{
		"copies: 1 item with the texts of an item before, first test/b_test/0", "test: it has 2 records, but this split of mmlu has 14042",
	}; !slices.Equal(b.Warnings, want) {
		t.Errorf("%q", b.Warnings)
	}
}

func idsOf(t *testing.T, b *Benchmark) (ids IDs) {
	t.Helper()
	for it, err := range b.Items(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		ids.Add(it)
	}
	return ids
}

func TestDuplicateIDs(t *testing.T) {
	dir := t.TempDir()
	var a strings.Builder
	for _, id := range []int{5, 6, 5, 7, 6, 5, 8} {
		fmt.Fprintf(&a, "{\"q\":\"x\",\"id\":%d}\n", id)
	}
	write(t, filepath.Join(dir, "a.jsonl"), a.String())
	write(t, filepath.Join(dir, "b.jsonl"), "{\"q\":\"x\",\"id\":5}\n{\"q\":\"x\",\"id\":\"9\"}\n")
	b, err := Open(Spec{Path: dir, Name: "d", Fields: "question=q,id=id"}, presets(t))
	if err != nil {
		t.Fatal(err)
	}
	for most, want := range map[int][]string{0: nil, 2: {"a/5", "a/6"}, 9: {"a/5", "a/6", "a/5"}} {
		if got, n, err := b.DuplicateIDs(ctx, idsOf(t, b), most); !slices.Equal(got, want) || n != 3 || err != nil {
			t.Errorf("%d: %q, %d, %v", most, got, n, err)
		}
	}
}

func TestChangedFile(t *testing.T) {
	for _, ext := range []string{".jsonl", ".csv"} {
		path := write(t, filepath.Join(t.TempDir(), "quiz"+ext), map[string]string{".jsonl": "{\"q\":\"1\"}\n", ".csv": "q\n1\n"}[ext])
		b, err := Open(Spec{Path: path, Fields: "question=q"}, presets(t))
		mustItems(t, b, err)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(data, []byte("1"), []byte("2")), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := items(b); !errors.Is(err, ErrChanged) {
			t.Error(err)
		}
		clean, removed := t.TempDir(), t.TempDir()
		if err := b.Divide(ctx, clean, removed, func(int) bool { return true }); !errors.Is(err, ErrChanged) {
			t.Error(err)
		}
		for _, dir := range []string{clean, removed} {
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
		}
	}
}

// A divider writes what one division alone writes, whichever of its divisions are alike.
func TestDividerDividesAlike(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.jsonl"), strings.Repeat("{\"q\":\"1\"}\n{\"q\":\"2\"}\n", 9))
	write(t, filepath.Join(dir, "b.csv"), "q\n1\n2\n3\n")
	b, err := Open(Spec{Path: dir, Fields: "question=q"}, presets(t))
	if err != nil {
		t.Fatal(err)
	}
	tree := func(dir string) (text string) {
		for _, name := range []string{"a.jsonl", "b.csv"} {
			text += plainOf(t, filepath.Join(dir, name)) + "|"
		}
		return text
	}
	d := b.Divider()
	for round, keep := range []func(int) bool{
		func(n int) bool { return n%2 == 0 }, func(n int) bool { return n < 18 && n%2 == 0 },
		func(n int) bool { return n%2 == 0 }, func(n int) bool { return true }, func(n int) bool { return false },
		func(n int) bool { return n%2 == 1 }, func(n int) bool { return true },
	} {
		clean, removed, clean1, removed1 := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
		if err := errors.Join(d.Divide(ctx, clean, removed, keep), b.Divide(ctx, clean1, removed1, keep)); err != nil {
			t.Fatal(err)
		}
		if tree(clean) != tree(clean1) || tree(removed) != tree(removed1) {
			t.Errorf("round %d: %q and %q, want %q and %q", round, tree(clean), tree(removed), tree(clean1), tree(removed1))
		}
	}
	if len(d.made) != 4+4 { // of each file: every, no, every even and every odd record
		t.Errorf("%d divisions", len(d.made))
	}
}

func TestDivideWritesOverNothing(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "quiz.jsonl"), "{\"q\":\"1\"}\n")
	b, err := Open(Spec{Path: path, Fields: "question=q"}, presets(t))
	if err != nil {
		t.Fatal(err)
	}
	clean, removed := t.TempDir(), t.TempDir()
	write(t, filepath.Join(removed, "quiz.jsonl"), "mine")
	if err := b.Divide(ctx, clean, removed, func(int) bool { return true }); !errors.Is(err, os.ErrExist) {
		t.Error(err)
	}
	if got := plainOf(t, filepath.Join(removed, "quiz.jsonl")); got != "mine" {
		t.Errorf("%q", got)
	}
	if left, _ := os.ReadDir(clean); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestCancel(t *testing.T) {
	b, err := Open(Spec{Path: write(t, filepath.Join(t.TempDir(), "quiz.jsonl"), "{\"q\":\"1\"}\n"), Fields: "question=q"}, presets(t))
	if err != nil {
		t.Fatal(err)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	for _, err := range b.Items(done) {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if err := b.Divide(done, t.TempDir(), t.TempDir(), func(int) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Every cut and every changed bit of a small file is an error, or leaves items
// that the format allows: none of them makes the reading fail in another way, and
// where a format can tell (brackets, checksums), it does.
func TestDamage(t *testing.T) {
	n := 0
	read := func(t *testing.T, path string, data []byte, fields string) ([]Item, error) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := Open(Spec{Path: path, Fields: fields}, presets(t))
		if err != nil {
			return nil, err
		}
		all, err := items(b)
		if n++; err == nil && n%10 == 0 {
			checkDivide(t, b, 1)
		}
		return all, err
	}
	for _, c := range []struct {
		base, data, fields string
		closed             bool // a bracket says where it ends
	}{
		{"quiz.jsonl", "{\"q\":\"a\\n\"}\n{\"q\":\"é\",\"x\":[1]}\n", "question=q", false},
		{"quiz.json", "[ {\"q\":\"a\"},\n{\"q\":\"é\"}]\n", "question=q", true},
		{"quiz.json", "{\"v\":\"]\",\"d\":[{\"q\":\"a\"},{\"q\":\"b\"}]}\n", "question=q", true},
		{"quiz.json", "{\n\"q\":\"a\"}\n{\"q\":\n\"b\"}\n", "question=q", false},
		{"quiz.csv", "q,a\n\"x\n\"\"y\",1\r\n\nz,\"é\"\n", "question=q,answer=a", false},
		{"quiz.tsv", "a\t1\n\"b\t2\n", "question=0,answer=1", false},
	} {
		data := []byte(c.data)
		path := filepath.Join(t.TempDir(), c.base)
		whole, err := read(t, path, data, c.fields)
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(data) {
			got, err := read(t, path, data[:n], c.fields)
			if err == nil && c.closed && n < len(bytes.TrimSpace(data)) {
				t.Fatalf("%s cut to %q: %d items", c.base, data[:n], len(got))
			}
			if err == nil && strings.HasPrefix(c.base, "quiz.json") && !reflect.DeepEqual(got, whole[:len(got)]) {
				t.Fatalf("%s cut to %q: %v", c.base, data[:n], got)
			}
		}
		for bit := range 8 * len(data) {
			bad := bytes.Clone(data)
			bad[bit/8] ^= 1 << (bit % 8)
			if all, err := read(t, path, bad, c.fields); err == nil && len(all) == 0 {
				t.Fatalf("%q: no items, no error", bad)
			}
		}
	}
	for _, comp := range []string{".gz", ".xz"} {
		path := write(t, filepath.Join(t.TempDir(), "quiz.jsonl"+comp), "{\"q\":\"1\"}\n")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(data) {
			if _, err := read(t, path, data[:n], "question=q"); err == nil {
				t.Errorf("%s cut to %d bytes was read", comp, n)
			}
		}
	}
}

func TestPresets(t *testing.T) {
	p, err := Builtin() // which the test changes
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range p.List() {
		if q.About == "" || q.Source == "" && len(q.Hub) == 0 || !strings.Contains(q.Explain(), q.Layouts[0].Fields) {
			t.Errorf("%s is not explained:\n%s", q.Name, q.Explain())
		}
	}
	file := filepath.Join(t.TempDir(), "mine.yaml")
	add := func(text string) error {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p.Add(context.Background(), file)
	}
	before := len(p.List())
	for _, bad := range []string{
		"", "presets: []", "presets: [{name: x}]", "presets: [{name: x, layouts: [{fields: question=q}]}]", "presets: [null]", "- a", "presets: {",
		"presets: [{name: X, layouts: [{when: [q], fields: question=q}]}]", "presets: [{name: x/y, layouts: [{when: [q], fields: question=q}]}]",
		"presets: [{name: x, layouts: [{when: [q], fields: question=q, heder: 'no'}]}]", "presets: [{name: x, layouts: [{when: [q], fields: question=q, header: nope}]}]",
		"presets: [{name: x, layouts: [{when: [q], fields: question=q, quotes: nope}]}]", "presets: [{name: x, layouts: [{when: [q], fields: quest=q}]}]",
		"presets: [{name: x, layouts: [{match: {q: '('}, fields: question=q}]}]", "presets: [{name: x, aliases: ['['], layouts: [{when: [q], fields: question=q}]}]",
		"presets: [{name: x, aliases: [x], layouts: [{when: [q], fields: question=q}]}]", "ignore: [a]\n---\nignore: [b]",
	} {
		if err := add(bad); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if len(p.List()) != before {
		t.Error("a refused file left presets")
	}
	if err := add("presets:\n- {name: gsm8k, about: mine, layouts: [{when: [q], fields: question=q}]}\n- {name: own, aliases: ['own-*'], layouts: [{when: [q, r], fields: 'question=q,answer=r'}]}"); err != nil {
		t.Fatal(err)
	}
	if q, ok := p.Find("GSM8K"); !ok || q.About != "mine" || len(p.List()) != before+1 {
		t.Errorf("%+v", q)
	}
	b, err := Open(Spec{Path: write(t, filepath.Join(t.TempDir(), "own-1.jsonl"), `{"q":"a","r":"b"}`)}, p)
	if err != nil || b.Preset != "own" || b.Guessed || b.Mapping != "question=q,answer=r" {
		t.Errorf("%+v, %v", b, err)
	}
	if err := p.Add(context.Background(), filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// Any bytes, read as each format that they may be, are an error or items that can
// be divided.
func FuzzDivide(f *testing.F) {
	for _, s := range []string{"{\"q\":1}\n{\"q\":2}", "[{\"q\":1},{\"q\":2}]", "{\"d\":[{\"q\":1}]}", "{\"e\":[],\"d\":[{\"q\":1}]}", "{\n\"q\":1}{\"q\":2}", "q,a\n1,\"2\"\n"} {
		for ext := range uint8(5) {
			f.Add([]byte(s), ext)
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, ext uint8) {
		path := filepath.Join(dir, fmt.Sprint(os.Getpid())+[]string{".jsonl", ".json", ".csv", ".tsv", ".ndjson"}[int(ext)%5])
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := Open(Spec{Path: path, Name: "q", Fields: "question=q"}, presets(t))
		if err != nil {
			return
		}
		if _, err := items(b); err == nil {
			checkDivide(t, b, 1)
		}
	})
}

// Items of 480 bytes. On a shared 2-core cloud machine (AMD EPYC), Go 1.26, while
// others used it: jsonl 172–224 MB/s, json 143–202, csv 122–176; one allocation of
// an item's own strings.
func BenchmarkItems(b *testing.B) {
	rec := `{"id":"item-%d","question":"` + strings.Repeat("Which of these is the longest river, \\\"they\\\" asked? ", 5) + `","choices":["the Nile","the Amazon","the Yangtze","none of these"],"answer":"` + strings.Repeat("Because it is. ", 5) + `","unused":[1,2,{"a":null}]}`
	for _, ext := range []string{".jsonl", ".json", ".csv"} {
		var data strings.Builder
		switch ext {
		case ".csv":
			data.WriteString("id,question,A,B,answer\n")
		case ".json":
			data.WriteString("[")
		}
		for i := range 100_000 {
			switch ext {
			case ".csv":
				fmt.Fprintf(&data, "item-%d,\"%s\",the Nile,the Amazon,%s\n", i, strings.Repeat(`Which of these is the longest river, ""they"" asked? `, 5), strings.Repeat("Because it is. ", 8))
			case ".json":
				if i > 0 {
					data.WriteString(",\n")
				}
				fmt.Fprintf(&data, rec, i)
			default:
				fmt.Fprintf(&data, rec+"\n", i)
			}
		}
		if ext == ".json" {
			data.WriteString("]")
		}
		b.Run("format="+ext[1:], func(b *testing.B) {
			fields := "question=question,choices=choices,answer=answer,id=id"
			if ext == ".csv" {
				fields = "question=question,choices=A+B,answer=answer,id=id"
			}
			q, err := Open(Spec{Path: write(b, filepath.Join(b.TempDir(), "quiz"+ext), data.String()), Fields: fields}, presets(b))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(data.Len()))
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range q.Items(ctx) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != 100_000 {
					b.Fatal(n)
				}
			}
		})
	}
}
