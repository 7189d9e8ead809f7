package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"swab/pipeline/audit"
	"swab/pipeline/store/storetest"
)

// cardBenchmarks are presets of a model card; each is in testdata/presets.jsonl with two records in the
// columns of the hub.
var cardBenchmarks = []string{
	"mmlu-pro", "gpqa", "supergpqa", "hle", "commonsenseqa", "openbookqa", "triviaqa", "hotpotqa", "musr", "bbh", "math-500",
	"aime-2025", "gsm-plus", "mbpp-plus", "livecodebench", "bigcodebench", "swe-bench-verified", "simpleqa", "medqa", "mathvista",
}

// A cardBenchmark is one of them: its id on the hub, its file and the texts of its items.
type cardBenchmark struct {
	Preset, Hub, File string
	Records           []json.RawMessage
	Want              [][5]string
}

func (b *cardBenchmark) data() (data []byte) {
	for _, r := range b.Records {
		data = append(append(data, r...), '\n')
	}
	return data
}

// name is the benchmark's by default: that of the data set.
func (b *cardBenchmark) name() string {
	_, name, _ := strings.Cut(b.Hub, "/")
	return strings.ToLower(name)
}

func readCard(t *testing.T) (card []cardBenchmark) {
	data, err := os.ReadFile("../../pipeline/benchmark/testdata/presets.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var b cardBenchmark
		if err := json.Unmarshal(lines.Bytes(), &b); err != nil {
			t.Fatal(err)
		}
		taken := slices.ContainsFunc(card, func(o cardBenchmark) bool { return o.Preset == b.Preset })
		if b.Hub != "" && !taken && slices.Contains(cardBenchmarks, b.Preset) {
			card = append(card, b)
		}
	}
	if len(card) != len(cardBenchmarks) {
		t.Fatalf("%d of %d benchmarks have fixtures of the hub", len(card), len(cardBenchmarks))
	}
	return card
}

// cardAudit writes an audit file of the card's benchmarks and returns its name.
func cardAudit(t *testing.T, dir, out string, card []cardBenchmark, at func(b *cardBenchmark) string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "title: Model card\nmodel: example-7b\ncorpus: %s\nout: %s\nthresholds: {pass: 10, fail: 90}\nbenchmarks:\n",
		filepath.Join(dir, "corpus.jsonl"), out)
	for i := range card {
		fmt.Fprintf(&text, "  - path: %s\n", at(&card[i]))
	}
	name := filepath.Join(t.TempDir(), "audit.yaml")
	if err := os.WriteFile(name, []byte(text.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestModelCard: twenty benchmarks in the layouts of the hub are one audit file and one run; no item is
// lost, and the hub, a store and the disk make the same audit. All of their errors come in one run.
func TestModelCard(t *testing.T) {
	card := readCard(t)
	dir := t.TempDir()
	var corpus []byte
	hubs := map[string]*storetest.Hub{}
	bucket := storetest.S3(t, new(storetest.Faults))
	bucket.Start(t)
	var replace, keys []string
	for i := range card {
		b := &card[i]
		line, err := json.Marshal(map[string]string{"text": "Found. " + strings.Join(b.Want[0][:4], " ")})
		if err != nil {
			t.Fatal(err)
		}
		corpus = append(append(corpus, line...), '\n')
		hubs[b.Hub] = storetest.NewHub(t, b.Hub, map[string][]byte{b.File: b.data()}, nil)
		root := filepath.Join(dir, "datasets--"+strings.ReplaceAll(b.Hub, "/", "--"), "snapshots", hubs[b.Hub].Commit())
		for name, data := range map[string][]byte{filepath.Join(root, b.File): b.data(), filepath.Join(dir, "corpus.jsonl"): corpus} {
			if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		bucket.Put(b.Hub+"/"+b.File, b.data())
		replace = append(replace, root, b.Hub, "hf://datasets/"+b.Hub+"@"+hubs[b.Hub].Commit(), b.Hub)
		keys = append(keys, bucket.Root+b.Hub, b.Hub)
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for id, hub := range hubs {
			if strings.Contains(r.URL.Path, "datasets/"+id+"/") {
				to, err := url.Parse(hub.URL)
				if err == nil {
					httputil.NewSingleHostReverseProxy(to).ServeHTTP(w, r)
				}
				return
			}
		}
		http.NotFound(w, r)
	}))
	defer front.Close()
	t.Setenv("HF_ENDPOINT", front.URL)

	disk, hub, object := filepath.Join(dir, "disk"), filepath.Join(dir, "hub"), filepath.Join(dir, "object")
	onDisk := func(b *cardBenchmark) string {
		return filepath.Join(dir, "datasets--"+strings.ReplaceAll(b.Hub, "/", "--"))
	}
	for out, at := range map[string]func(b *cardBenchmark) string{
		disk: onDisk, hub: func(b *cardBenchmark) string { return "hf://" + b.Hub },
		object: func(b *cardBenchmark) string { return bucket.Root + b.Hub + "/" },
	} {
		var stdout, stderr bytes.Buffer
		if code := run([]string{"scan", cardAudit(t, dir, out, card, at)}, &stdout, &stderr); code != exitOK {
			t.Fatalf("exit code %d\n%s%s", code, &stdout, &stderr)
		}
		if !strings.Contains(stderr.String(), "mmlu-pro (50.00 % by swab)") {
			t.Errorf("no status of MMLU-Pro:\n%s", &stderr)
		}
	}
	sameAudit(t, disk, hub, append([]string{dir, "ROOT"}, replace...)...)
	sameAudit(t, disk, object, append([]string{dir, "ROOT"}, append(replace, keys...)...)...)
	checkCard(t, disk, card)

	var stdout, stderr bytes.Buffer
	broken := cardAudit(t, dir, filepath.Join(dir, "broken"), card, func(b *cardBenchmark) string { return onDisk(b) + "-absent" })
	if code := run([]string{"scan", broken}, &stdout, &stderr); code != exitError {
		t.Errorf("exit code %d", code)
	}
	if n := strings.Count(stderr.String(), "-absent: no such file"); n != len(card) {
		t.Errorf("%d of %d errors in one run:\n%s", n, len(card), &stderr)
	}
}

// checkCard checks that an audit has every item of the card, and that clean and removed variants
// together are the benchmarks.
func checkCard(t *testing.T, dir string, card []cardBenchmark) {
	r, err := audit.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	items := map[string]int64{}
	for _, b := range r.About.Benchmarks {
		items[b.Name] = b.Items
	}
	if r.About.About == nil || r.About.About.Title != "Model card" || len(items) != len(card) {
		t.Errorf("%+v, %v", r.About.About, slices.Sorted(maps.Keys(items)))
	}
	for i := range card {
		b := &card[i]
		if items[b.name()] != int64(len(b.Want)) {
			t.Errorf("%s: %d items", b.name(), items[b.name()])
		}
		var lines int
		for _, part := range []string{audit.CleanDir, audit.RemovedDir} {
			at := filepath.Join(dir, part, "swab", b.name())
			err := filepath.WalkDir(at, func(name string, d os.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				data, err := os.ReadFile(name)
				for line := range bytes.Lines(data) {
					if lines++; !bytes.Contains(b.data(), line) {
						t.Errorf("%s: %q is not in the benchmark", name, line)
					}
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
		if lines != len(b.Records) {
			t.Errorf("%s: %d of %d records in the variants", b.name(), lines, len(b.Records))
		}
	}
}
