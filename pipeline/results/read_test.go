package results

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/rows"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func write(tb testing.TB, name string, b []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	must(tb, os.MkdirAll(filepath.Dir(path), 0o777))
	must(tb, os.WriteFile(path, b, 0o666))
	return path
}

// member of a zip archive.
type entry struct {
	name, text string
	method     uint16
}

func zipped(tb testing.TB, entries ...entry) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zstd.ZipMethodWinZip, zstd.ZipCompressor())
	for _, e := range entries {
		w, err := z.CreateHeader(&zip.FileHeader{Name: e.name, Method: e.method})
		must(tb, err)
		_, err = io.WriteString(w, e.text)
		must(tb, err)
	}
	must(tb, z.Close())
	return b.Bytes()
}

const (
	inspectHeader = `{"version":2,"status":"success","eval":{"task":"ferries","model":"acme/owl","dataset":{"name":"ferries","samples":2}},"results":{"scores":[{"name":"match"}]}}`
	inspectSample = `{"id":%s,"epoch":%d,"input":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"How many boats are there?"}]}],"events":[{"a":"}]"}],"scores":{"match":{"value":%s,"answer":"x"},"also":{"value":0.25}}}`
)

func inspectEval(tb testing.TB, method uint16) []byte {
	return zipped(tb,
		entry{"_journal/start.json", inspectHeader, method},
		entry{"samples/1_epoch_1.json", fmt.Sprintf(inspectSample, "1", 1, `"C"`), method},
		entry{"samples/1_epoch_2.json", fmt.Sprintf(inspectSample, "1", 2, `"I"`), method},
		entry{"samples/2_epoch_1.json", fmt.Sprintf(inspectSample, "2", 1, `"P"`), method},
		entry{"samples/2_epoch_2.json", fmt.Sprintf(inspectSample, "2", 2, `"N"`), method},
		entry{"header.json", inspectHeader, method})
}

const evalsLog = `{"spec": {"completion_fns": ["acme/owl"], "eval_name": "ferries.test.v1", "base_eval": "ferries", "split": "test"}}
{"run_id": "r", "event_id": 0, "sample_id": "ferries.test.7", "type": "sampling", "data": {"prompt": [{"role": "user", "content": "How many boats are there?"}], "sampled": "7"}}
{"run_id": "r", "event_id": 1, "sample_id": "ferries.test.7", "type": "match", "data": {"correct": true, "expected": "7", "picked": "7"}}
{"run_id": "r", "event_id": 2, "sample_id": "ferries.test.0", "type": "match", "data": {"correct": false}}
{"final_report": {"accuracy": 0.5}}
`

const helm = `{
  "adapter_spec": {"method": "multiple_choice_joint", "model": "acme/owl"},
  "request_states": [
    {"instance": {"input": {"text": "How many boats?"}, "references": [{"output": {"text": "two"}, "tags": ["correct"]}, {"output": {"text": "three"}, "tags": []}], "split": "test", "id": "id24"},
     "train_trial_index": 0, "output_mapping": {"A": "two", "B": "three"}, "result": {"success": true, "completions": [{"text": " A", "logprob": 0}]}},
    {"instance": {"input": {"text": "How many quays?"}, "references": [{"output": {"text": "two"}, "tags": []}, {"output": {"text": "three"}, "tags": ["correct"]}], "split": "test", "id": "id23"},
     "train_trial_index": 0, "output_mapping": {"A": "two", "B": "three"}, "result": {"success": true, "completions": [{"text": " A", "logprob": 0}]}}
  ]
}`

// questionsOf returns the questions of an audit of items with these texts.
func questionsOf(texts ...string) *Questions {
	a := new(audit.Table)
	var q audit.Questioner
	for _, s := range texts {
		a.Items = append(a.Items, audit.TableItem{Question: q.Question(&[item.NumParts]string{item.Question: s})})
	}
	return NewQuestions(a)
}

// Every layout, in a few rows written for this test: what is read of it.
func TestLayouts(t *testing.T) {
	texts := []string{"Q", "R", "Q4", "Q5", "I", "How many boats are there?"}
	asked := questionsOf(texts...)
	type out struct {
		model, benchmark, id string
		index                int64
		score                float64
		samples              int32
		binary               bool
		text                 string
	}
	tests := []struct {
		name, file string
		body       []byte
		o          Options
		format     string
		want       []out
		counts     string
	}{
		{"rows", "owl.jsonl", []byte("\uFEFF{\"id\":\"a\",\"score\":0.5,\"question\":\"Q\"}\r\n\n{\"id\":7,\"score\":true}\n{\"id\":\"c\",\"score\":\"0\"}"), Options{Questions: asked}, "rows",
			[]out{{"owl", "", "a", -1, 0.5, 1, false, "Q"}, {"owl", "", "7", -1, 1, 1, true, ""}, {"owl", "", "c", -1, 0, 1, true, ""}}, ""},
		{"rows that name all", "x.jsonl", []byte(`{"item":"a","correct":1,"model":"m1","task":"t","index":3}` + "\n" + `{"item":"a","correct":0,"model":"m2","task":"t","index":3}`), Options{}, "rows",
			[]out{{"m1", "t", "a", 3, 1, 1, true, ""}, {"m2", "t", "a", 3, 0, 1, true, ""}}, ""},
		{"a list", "owl.json", []byte(`[{"id":"a","acc":1,"acc_norm":0},{"id":"b","acc":0,"acc_norm":1}]`), Options{}, "rows",
			[]out{{"owl", "", "a", -1, 1, 1, true, ""}, {"owl", "", "b", -1, 0, 1, true, ""}}, "several metrics:1"},
		{"another metric", "owl.json", []byte(`[{"id":"a","acc":1,"acc_norm":0},{"id":"b","acc":0,"acc_norm":1}]`), Options{Metric: "acc_norm"}, "rows",
			[]out{{"owl", "", "a", -1, 0, 1, true, ""}, {"owl", "", "b", -1, 1, 1, true, ""}}, ""},
		{"a list in an object", "owl.json", []byte(`{"model":"no","details":[{"id":"a","score":1}],"x":[1,{"y":"]"}]}`), Options{}, "rows", []out{{"owl", "", "a", -1, 1, 1, true, ""}}, ""},
		{"CSV", "owl.csv", []byte("id,score,note\na,1,\"x, y\"\nb,,\nc,NaN,z\nd,0.25,\"two\nlines\"\n"), Options{}, "table",
			[]out{{"owl", "", "a", -1, 1, 1, true, ""}, {"owl", "", "d", -1, 0.25, 1, false, ""}}, "missing score:1 score is not a number:1"},
		{"TSV", "owl.tsv", []byte("item\tis_correct\na\tTrue\nb\tFalse\nc\n"), Options{}, "table",
			[]out{{"owl", "", "a", -1, 1, 1, true, ""}, {"owl", "", "b", -1, 0, 1, true, ""}}, "columns:1"},
		{"HumanEval results", "owl_results.jsonl", []byte(`{"task_id":"HumanEval/0","completion":"x","result":"passed","passed":true}` + "\n" +
			`{"task_id":"HumanEval/1","completion":"x","result":"failed: ","passed":false}` + "\n" +
			`{"task_id":"HumanEval/0","completion":"y","result":"failed: ","passed":false}` + "\n" +
			`{"task_id":"HumanEval/1","completion":"x","result":"failed: ","passed":false}` + "\n"), Options{}, "rows",
			[]out{{"owl_results", "", "HumanEval/0", -1, 0.5, 2, true, ""}, {"owl_results", "", "HumanEval/1", -1, 0, 2, true, ""}}, ""},
		{"lm-evaluation-harness", "acme__owl/samples_ferries_2026-01-02T03-04-05.678.jsonl", []byte(
			`{"doc_id":4,"doc":{"question":"Q4"},"target":"1","arguments":{},"resps":[["1"]],"filtered_resps":["1"],"filter":"strict","metrics":["exact_match"],"exact_match":1.0}` + "\n" +
				`{"doc_id":5,"doc":{"question":"Q5"},"target":"1","arguments":{},"resps":[["NaN"]],"filtered_resps":[NaN],"filter":"strict","metrics":["exact_match"],"exact_match":0.0}` + "\n" +
				`{"doc_id":4,"doc":{"question":"Q4"},"target":"1","arguments":{},"resps":[["1"]],"filtered_resps":["1"],"filter":"loose","metrics":["exact_match"],"exact_match":0.0}` + "\n"), Options{Questions: asked}, "lm-evaluation-harness samples",
			[]out{{"acme/owl", "ferries", "", 4, 1, 1, true, "Q4"}, {"acme/owl", "ferries", "", 5, 0, 1, true, "Q5"}}, "NaN or Infinity:1 several filters:1"},
		{"an older lm-evaluation-harness", "samples_ferries.jsonl", []byte(`{"doc_id":0,"doc":{"query":"Q"},"target":1,"arguments":[["a"," b"]],"resps":[[[-1.5,false]]],"filtered_resps":[[-1.5,false]],"acc_norm":1.0,"acc":0.0}`), Options{Filter: "x"}, "lm-evaluation-harness samples",
			[]out{{"*", "ferries", "", 0, 0, 1, true, ""}}, "several metrics:1"},
		{"OpenAI Evals", "log.jsonl", []byte(evalsLog), Options{Questions: asked}, "OpenAI Evals log",
			[]out{{"acme/owl", "ferries", "ferries.test.7", 7, 1, 1, true, "How many boats are there?"}, {"acme/owl", "ferries", "ferries.test.0", 0, 0, 1, true, ""}}, ""},
		{"OpenAI Evals that did not end", "log.jsonl", []byte(evalsLog[:strings.Index(evalsLog, `{"final`)]), Options{}, "OpenAI Evals log",
			[]out{{"acme/owl", "ferries", "ferries.test.7", 7, 1, 1, true, ""}, {"acme/owl", "ferries", "ferries.test.0", 0, 0, 1, true, ""}}, "no final report:1"},
		{"OpenAI Evals with metrics", "log.jsonl", []byte(`{"spec":{"completion_fns":["o"],"base_eval":"f","split":"s"}}` + "\n" + `{"sample_id":"f.s.0","type":"metrics","data":{"f1":0.25,"accuracy":1.0,"note":"x"}}` + "\n" + `{"final_report":{}}`), Options{}, "OpenAI Evals log",
			[]out{{"o", "f", "f.s.0", 0, 1, 1, true, ""}}, "several metrics:1"},
		{"inspect_ai", "log.eval", inspectEval(t, zip.Deflate), Options{Questions: asked}, "inspect_ai log",
			[]out{{"acme/owl", "ferries", "1", -1, 0.5, 2, true, "How many boats are there?"}, {"acme/owl", "ferries", "2", -1, 0.25, 2, false, "How many boats are there?"}}, "several metrics:1"},
		{"inspect_ai with zstd", "log.eval", inspectEval(t, zstd.ZipMethodWinZip), Options{Metric: "also"}, "inspect_ai log",
			[]out{{"acme/owl", "ferries", "1", -1, 0.25, 2, false, ""}, {"acme/owl", "ferries", "2", -1, 0.25, 2, false, ""}}, ""},
		{"inspect_ai as JSON, of one line", "log.json", []byte(strings.TrimSuffix(inspectHeader, "}") + `,"samples":[` + fmt.Sprintf(inspectSample, `"x1"`, 1, "true") + "]}"), Options{}, "inspect_ai log",
			[]out{{"acme/owl", "ferries", "x1", -1, 1, 1, true, ""}}, "several metrics:1"},
		{"inspect_ai with parts of a score", "log.json", []byte(`{"version":2,"status":"cancelled","samples":[{"id":"a","epoch":1,"input":"I","scores":{"judge":{"value":{"tone":1,"fact":0}}}},{"id":"b","epoch":1,"input":"I","error":{"message":"out of memory"}}],"eval":{"task":"t","model":"m"}}`), Options{Metric: "judge/fact", Questions: asked}, "inspect_ai log",
			[]out{{"m", "t", "a", -1, 0, 1, true, "I"}}, "error:1 missing score:1 run not finished:1"},
		{"HELM", "ferries.json", []byte(helm), Options{}, "HELM request states",
			[]out{{"acme/owl", "", "id24", 1, 1, 1, true, ""}, {"acme/owl", "", "id23", 0, 0, 1, true, ""}}, ""},
		{"HELM per instance", "per_instance_stats.json", []byte(`[{"instance_id":"id3","train_trial_index":0,"stats":[{"name":{"name":"num_tokens"},"count":1,"sum":80},{"name":{"name":"exact_match","split":"test"},"count":2,"sum":1.0}]}]`), Options{}, "HELM per-instance statistics",
			[]out{{"per_instance_stats", "", "id3", -1, 0.5, 1, false, ""}}, ""},
		{"HELM display", "display_predictions.json", []byte(`[{"instance_id":"id3","train_trial_index":0,"stats":{"exact_match":1.0}},{"instance_id":"id3","perturbation":{"name":"typos"},"train_trial_index":0,"stats":{"exact_match":0.0}}]`), Options{}, "HELM per-instance statistics",
			[]out{{"display_predictions", "", "id3", -1, 1, 1, true, ""}}, "perturbed:1"},
		{"ZeroEval", "z.json", []byte(`[{"session_id":"f#0","generator":"owl","dataset":"gsm","id":"f#0","question":"Q","answer":"# 1,018","output":["{\"reasoning\":\"7\",\n\"answer\": \"$1018.0 boats\"}"]},
			{"session_id":"f#1","generator":"owl","dataset":"gsm","id":"f#1","question":"R","answer":"# 3","output":["I do not know."]},
			{"session_id":"f#2","generator":"owl","dataset":"gsm","id":"f#2","question":"R","answer":"# 3","output":["{\"answer\": 33}"]}]`), Options{Questions: asked}, "ZeroEval",
			[]out{{"owl", "gsm", "f#0", 0, 1, 1, true, "Q"}, {"owl", "gsm", "f#1", 1, 0, 1, true, "R"}, {"owl", "gsm", "f#2", 2, 0, 1, true, "R"}}, "no answer:1"},
		{"ZeroEval of choices", "z.json", []byte(`[{"session_id":"f#0","generator":"owl","dataset":"m","id":"f#0","choices":["x","y"],"correct_answer":"y","output":["{\"answer\":\"A\"} no, {\"answer\":\"B\"}"]}]`), Options{}, "ZeroEval",
			[]out{{"owl", "m", "f#0", 0, 1, 1, true, ""}}, ""},
		{"solutions", "s.jsonl", []byte(`{"question":"Q","ground_truth":"1","small":{"is_correct":false,"solution":"2"},"large":{"is_correct":true,"solution":"1"}}` + "\n" + `{"question":"R","ground_truth":"1","small":{"is_correct":true,"solution":"1"},"large":{"is_correct":null,"solution":"1"}}`), Options{}, "solutions of several models",
			[]out{{"small", "", "", 0, 0, 1, true, ""}, {"small", "", "", 1, 1, 1, true, ""}, {"large", "", "", 0, 1, 1, true, ""}}, "missing score:1"},
		{"CRUXEval", "c.json", []byte(`{"raw_generations":{"sample_1":["f()"],"sample_0":["g()"]},"raw_scored_generations":{"sample_1":[true,false,true,true],"sample_0":[false,false,false,false]},"pass_at_1":37.5}`), Options{}, "CRUXEval evaluation",
			[]out{{"c", "cruxeval", "sample_1", -1, 0.75, 4, true, ""}, {"c", "cruxeval", "sample_0", -1, 0, 4, true, ""}}, ""},
		{"uneven samples", "u.jsonl", []byte(strings.Repeat(`{"id":"a","score":1}`+"\n"+`{"id":"b","score":0}`+"\n"+`{"id":"c","score":0}`+"\n", 2) + `{"id":"a","score":0}`), Options{}, "rows",
			[]out{{"u", "", "a", -1, 2. / 3, 3, true, ""}, {"u", "", "b", -1, 0, 2, true, ""}, {"u", "", "c", -1, 0, 2, true, ""}}, "uneven samples:1"},
		{"one sample twice", "u.jsonl", []byte(`{"id":"a","score":1,"epoch":1}` + "\n" + `{"id":"a","score":0,"epoch":1}`), Options{}, "rows", []out{{"u", "", "a", -1, 1, 1, true, ""}}, "duplicate:1"},
		{"damaged rows", "d.jsonl", []byte(`{"id":"a","score":1}` + "\n" + `{"id":"b","score":1` + "\n" + `{"id":"c","id":"d","score":1}` + "\n" + `{"id":"e","score":Infinity}` + "\n" + `{"id":"f"}` + "\n" + `{"id":"g","score":"so so"}` + "\n" + `{"id":"h","score":1e999}` + "\n" + `{"id":"i","sco`), Options{}, "rows",
			[]out{{"d", "", "a", -1, 1, 1, true, ""}}, "NaN or Infinity:1 missing score:1 not JSON:2 score is not a number:2 truncated:1 unreadable score:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, pack := range []string{"", ".gz", ".zst"} {
				body := tt.body
				switch {
				case bytes.HasPrefix(body, []byte("PK")) && pack != "":
					continue
				case pack == ".gz":
					var b bytes.Buffer
					w := gzip.NewWriter(&b)
					w.Write(body)
					must(t, w.Close())
					body = b.Bytes()
				case pack == ".zst":
					w, err := zstd.NewWriter(nil)
					must(t, err)
					body = w.EncodeAll(body, nil)
				}
				files, err := Read(write(t, tt.file+pack, body), "", tt.o)
				must(t, err)
				f := files[0]
				if f.Format != tt.format {
					t.Errorf("format %q, want %q", f.Format, tt.format)
				}
				var got []out
				for k, o := range f.Outcomes {
					g := f.Groups[o.Group]
					if k < len(tt.want) && tt.want[k].model == "*" {
						g.Model = "*"
					}
					text := ""
					if n := o.Question(); n >= 0 {
						text = texts[n]
					}
					got = append(got, out{g.Model, g.Benchmark, o.ID, o.Index, o.Score, o.Samples, o.Binary, text})
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("got  %+v\nwant %+v", got, tt.want)
				}
				if c := counts(f); c != tt.counts {
					t.Errorf("problems %q, want %q: %v", c, tt.counts, f.Problems)
				}
				files, err = Read(f.Path, "named", tt.o)
				must(t, err)
				for _, g := range files[0].Groups {
					if g.Model != "named" && !strings.HasPrefix(g.Model, "named/") {
						t.Errorf("model %q, though it was named", g.Model)
					}
				}
			}
		})
	}
}

func counts(f File) string {
	var out []string
	for k, n := range f.Counts {
		out = append(out, fmt.Sprintf("%s:%d", k, n))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// What is damaged, or has no scores, is an error, and never part of a score.
func TestRefused(t *testing.T) {
	whole := inspectEval(t, zip.Deflate)
	flipped := slices.Clone(whole)
	flipped[bytes.Index(whole, []byte("samples/1_epoch_1.json"))+40] ^= 0xff
	tests := []struct {
		name, file string
		body       []byte
		o          Options
		none       bool // ErrNoResults
		says       string
	}{
		{"empty", "a.jsonl", nil, Options{}, true, ""},
		{"no scores", "a.jsonl", []byte(`{"id":1,"text":"x"}`), Options{}, true, `"text"`},
		{"a list of numbers", "a.json", []byte(`[1,2]`), Options{}, true, ""},
		{"text", "a.txt", []byte("Nothing to see here.\n"), Options{}, true, "columns"},
		{"binary", "a.bin", []byte("\x00\x01\x02\x03"), Options{}, true, ""},
		{"a table with a column twice", "a.csv", []byte("id,score,score\n1,1,0\n"), Options{}, true, "two columns"},
		{"no such metric", "a.jsonl", []byte(`{"id":1,"score":1}`), Options{Metric: "f2"}, true, ""},
		{"a list that ends early", "a.json", []byte(`[{"id":1,"score":1},{"id":2,`), Options{}, false, "ends in the middle"},
		{"a list with more behind", "a.json", []byte(`[{"id":1,"score":1}] {}`), Options{}, false, "more behind"},
		{"a document that ends early", "a.json", []byte(helm[:len(helm)-40]), Options{}, false, "ends in the middle"},
		{"a quote that does not end", "a.csv", []byte("id,score\n\"a,1\nb,0\n"), Options{}, false, "row"},
		{"two runs in one log", "a.jsonl", []byte(evalsLog + evalsLog), Options{}, false, "more than one run"},
		{"answers without scores", "a.json", []byte(`[{"session_id":"f#0","generator":"o","dataset":"zebra","id":"f#0","output":["x"]}]`), Options{}, false, "without scores"},
		{"generations of HELM", "a.json", []byte(`{"adapter_spec":{"model":"m"},"request_states":[{"instance":{"id":"id1"},"result":{"completions":[{"text":"x"}]}}]}`), Options{}, false, "per_instance_stats"},
		{"a cut archive", "a.eval", whole[:len(whole)-30], Options{}, false, "truncated or damaged"},
		{"a damaged member", "a.eval", flipped, Options{}, false, "samples/1_epoch_1.json"},
		{"another archive", "a.zip", zipped(t, entry{"x.txt", "x", zip.Store}), Options{}, true, ""},
		{"a member twice", "a.eval", zipped(t, entry{"header.json", inspectHeader, 0}, entry{"samples/a.json", fmt.Sprintf(inspectSample, "1", 1, "1"), 0}, entry{"samples/a.json", fmt.Sprintf(inspectSample, "1", 2, "1"), 0}), Options{}, false, "twice"},
		{"half a sample", "a.eval", zipped(t, entry{"header.json", inspectHeader, 0}, entry{"samples/a.json", fmt.Sprintf(inspectSample, "1", 1, "1")[:200], 0}), Options{}, false, "ends in the middle"},
		{"more results than are held", "a.csv", []byte("id,score\n1,1\n2,1\n3,1\n"), Options{most: 2}, false, "more than 2 results"},
		{"scores without end", "a.jsonl", []byte(`{"id":1,"score":1e308}` + "\n" + `{"id":1,"score":1e308}`), Options{}, false, "not a finite number"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read(write(t, tt.file, tt.body), "", tt.o)
			if err == nil || errors.Is(err, ErrNoResults) != tt.none || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// A member that unpacks to more than is taken for a file is refused, and what is passed
// over on the way is not kept.
func TestBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("unpacks 256 MB")
	}
	bomb := zipped(t, entry{"header.json", inspectHeader, 0}, entry{"samples/a.json", `{"id":"` + strings.Repeat("a", maxRow+1) + `"}`, zip.Deflate})
	if _, err := Read(write(t, "bomb.eval", bomb), "", Options{}); !errors.Is(err, rows.ErrTooLong) {
		t.Errorf("a value of more than a row: %v", err)
	}
	events := fmt.Sprintf(inspectSample, "1", 1, `"C"`)
	events = strings.Replace(events, `[{"a":"}]"}]`, `["`+strings.Repeat("b", 2*maxRow)+`"]`, 1)
	big := zipped(t, entry{"header.json", inspectHeader, 0}, entry{"samples/a.json", events, zip.Deflate})
	files, err := Read(write(t, "big.eval", big), "", Options{})
	must(t, err)
	if len(files[0].Outcomes) != 1 {
		t.Error("a sample with long events is not read")
	}
	b := &bounded{strings.NewReader(strings.Repeat("x", 100)), 99}
	if _, err := io.Copy(io.Discard, b); err == nil {
		t.Error("more than the bound is let through")
	}
}

// A directory is all its files: those without results are named.
func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	for name, body := range map[string]string{
		"m1/a.jsonl": `{"id":"x","score":1}`, "m2/b.csv": "id,score\nx,0\n", "notes.md": "# Notes\n", ".hidden.jsonl": `{"id":"y","score":1}`,
	} {
		must(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o777))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(body), 0o666))
	}
	files, err := Read(dir, "", Options{})
	must(t, err)
	if len(files) != 3 || len(files[0].Outcomes) != 1 || len(files[1].Outcomes) != 1 || files[2].Format != "" || files[2].Counts["not results"] != 1 {
		t.Errorf("%+v", files)
	}
	must(t, os.WriteFile(filepath.Join(dir, "z.json"), []byte(`[{"id":"x","score":1},`), 0o666))
	if _, err := Read(dir, "", Options{}); err == nil || !strings.Contains(err.Error(), "z.json") {
		t.Errorf("a damaged file among others: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "nothing"), "", Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a path that is not there: %v", err)
	}
}

// Whatever the bytes are, there is an error or there are scores that are numbers.
func FuzzRead(f *testing.F) {
	f.Add([]byte(evalsLog))
	f.Add([]byte(helm))
	f.Add(inspectEval(f, zip.Deflate))
	f.Add(inspectEval(f, zstd.ZipMethodWinZip))
	f.Add([]byte("id,score\na,1\n"))
	f.Add([]byte(`[{"id":"a","score":NaN},{"id":"a","score":1e308}]`))
	f.Add([]byte(`{"doc_id":4,"doc":{"question":"Q4"},"resps":[["1"]],"filter":"s","metrics":["exact_match"],"exact_match":1.0}`))
	f.Add([]byte(`{"raw_scored_generations":{"sample_1":[true,false]}}`))
	f.Add([]byte(`{"question":"Q","m":{"is_correct":false}}`))
	f.Add([]byte(`[{"session_id":"f#0","generator":"owl","dataset":"gsm","id":"f#0","answer":"# 1","output":["{\"answer\":1}"]}]`))
	f.Add([]byte(`[{"instance_id":"id3","train_trial_index":0,"stats":[{"name":{"name":"exact_match"},"count":2,"sum":1.0}]}]`))
	dir, asked := f.TempDir(), questionsOf("Q", "How many boats are there?", "One two three four five six seven eight nine.")
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(dir, fmt.Sprint(os.Getpid()))
		must(t, os.WriteFile(path, b, 0o666))
		files, err := Read(path, "", Options{Questions: asked})
		if err != nil {
			return
		}
		seen := map[[2]string]bool{}
		for _, o := range files[0].Outcomes {
			if math.IsNaN(o.Score) || math.IsInf(o.Score, 0) || o.Samples < 1 || int(o.Group) >= len(files[0].Groups) {
				t.Errorf("%+v", o)
			}
			if k := [2]string{fmt.Sprint(o.Group), o.ID}; o.ID != "" {
				if seen[k] {
					t.Errorf("item %q twice", o.ID)
				}
				seen[k] = true
			}
		}
	})
}

func wordsOf(text string) []uint64 { return slices.Clone(new(audit.Questioner).Words(text)) }
