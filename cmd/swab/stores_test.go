package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"swab/pipeline/store/storetest"
)

// words returns a sentence of its own for each number.
func words(n int) string {
	r := rand.New(rand.NewPCG(uint64(n), 18))
	var b strings.Builder
	for range 24 {
		fmt.Fprintf(&b, "word%d ", r.IntN(5000))
	}
	return strings.TrimSpace(b.String())
}

// makeStoreFiles returns a benchmark of 20 questions in the layout of a hub, and a corpus of
// two shards, which has the first ten of the questions.
func makeStoreFiles() (bench, corpus map[string][]byte) {
	var test, train, one, two bytes.Buffer
	for i := range 20 {
		fmt.Fprintf(&test, "{\"question\": %q, \"answer\": \"%d\"}\n", words(i), i)
		fmt.Fprintf(&train, "{\"question\": %q, \"answer\": \"%d\"}\n", words(1000+i), i)
	}
	for i := range 400 {
		text := words(5000 + i)
		if i%40 == 0 {
			text += " " + words(i/40)
		}
		fmt.Fprintf(&one, "{\"text\": %q}\n", text)
		fmt.Fprintf(&two, "{\"text\": %q}\n", words(9000+i))
	}
	bench = map[string][]byte{
		"README.md":                           []byte("---\nconfigs:\n- config_name: all\n  data_files:\n  - split: test\n    path: main/test-*\n---\n# A quiz\n"),
		"main/test-00000-of-00001.jsonl":      test.Bytes(),
		"main/train-00000-of-00001.jsonl":     train.Bytes(),
		"other/test-00000-of-00001.jsonl":     train.Bytes(),
		".gitattributes":                      []byte("*.parquet filter=lfs\n"),
		"a/very/deep/directory/notes.unknown": []byte("no data\n"),
	}
	return bench, map[string][]byte{"data/one.jsonl": one.Bytes(), "data/two.jsonl": two.Bytes(), "data/README.md": []byte("# card\n")}
}

// swab runs the program and returns its exit code and what it wrote.
func swab(args ...string) (code int, out, messages string) {
	var stdout, stderr bytes.Buffer
	code = run(args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// noSecrets fails the test where a file below dir or a text has one of the secrets.
func noSecrets(t *testing.T, dir string, secrets []string, texts ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		texts = append(texts, name, string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		for _, secret := range secrets {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("a secret is in %q", text[max(0, i-100):min(len(text), i+100)])
			}
		}
	}
}

// writeFiles writes files below a new directory.
func writeFiles(t *testing.T, files map[string][]byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, b := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// scanOf scans a corpus for the quiz and returns the directory of the audit and all that was written.
func scanOf(t *testing.T, corpus, bench string, wantCode int) (out, messages string) {
	t.Helper()
	out = filepath.Join(t.TempDir(), "audit")
	code, stdout, stderr := swab("scan", "--corpus", corpus, "--bench", "quiz="+bench,
		"--fields", "question=question,answer=answer", "--out", out)
	if code != wantCode {
		t.Fatalf("scan of %s for %s: exit code %d, want %d\n%s%s", corpus, bench, code, wantCode, stdout, stderr)
	}
	return out, stdout + stderr
}

// sameAudit compares verdicts, evidence and variants of two audits, whose sources have other names.
func sameAudit(t *testing.T, want, got string, sources ...string) {
	t.Helper()
	replace := strings.NewReplacer(sources...)
	for _, part := range []string{"verdicts.jsonl", "evidence.jsonl", "clean", "removed"} {
		files := 0
		err := filepath.WalkDir(filepath.Join(want, part), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			files++
			rel, _ := filepath.Rel(want, name)
			a, err := os.ReadFile(name)
			b, err2 := os.ReadFile(filepath.Join(got, rel))
			if err != nil || err2 != nil {
				return errors.Join(err, err2)
			}
			if x, y := replace.Replace(string(a)), replace.Replace(string(b)); x != y || len(x) == 0 {
				t.Errorf("%s differs:\n%.500s\n%.500s", rel, x, y)
			}
			return nil
		})
		if err != nil || files == 0 {
			t.Errorf("%s: %d files, %v", part, files, err)
		}
	}
}

func TestScanFromHub(t *testing.T) {
	bench, corpus := makeStoreFiles()
	all := maps.Clone(bench)
	maps.Copy(all, corpus)
	dir := writeFiles(t, all)
	want, _ := scanOf(t, dir+"/data", dir+":main:test", 0)

	hub := storetest.NewHub(t, "cais/quiz", all, nil)
	hub.Private = true
	t.Setenv("HF_ENDPOINT", hub.URL)
	t.Setenv("HF_TOKEN", storetest.Token)
	got, messages := scanOf(t, "hf://datasets/cais/quiz/data/*.jsonl", "hf://cais/quiz:all:test", 0)
	sameAudit(t, want, got, dir, "ROOT", "hf://datasets/cais/quiz", "ROOT")

	about, err := os.ReadFile(filepath.Join(got, "audit.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"main/test-00000-of-00001.jsonl", "data/one.jsonl"} {
		if pinned := "hf://datasets/cais/quiz@" + hub.Commit() + "/" + name; !strings.Contains(string(about), pinned) {
			t.Errorf("the audit has no %s:\n%s", pinned, about)
		}
	}
	if leaks := hub.Leaks(); len(leaks) > 0 {
		t.Errorf("the token went to the other host: %q", leaks)
	}
	noSecrets(t, got, []string{storetest.Token, "secretOfTheOtherHost"}, messages)

	// The commit that the audit names can be read after another has replaced it, and what has no
	// permission is an error by name.
	pinned := "hf://datasets/cais/quiz@" + hub.Commit()
	hub.Put(map[string][]byte{"README.md": []byte("# gone\n")})
	again, _ := scanOf(t, pinned+"/data", pinned+":main:test", 0)
	sameAudit(t, want, again, dir, "ROOT", pinned, "ROOT")
	t.Setenv("HF_TOKEN", "hf_aWrongTokenOfTheTests")
	_, messages = scanOf(t, "hf://datasets/cais/quiz@v2/data", pinned+":main:test", 2)
	if !strings.Contains(messages, "no permission") || !strings.Contains(messages, "HF_TOKEN") {
		t.Error(messages)
	}
	noSecrets(t, got, []string{"hf_aWrongTokenOfTheTests"}, messages)
}

func TestScanFromWeb(t *testing.T) {
	bench, corpus := makeStoreFiles()
	all := maps.Clone(bench)
	maps.Copy(all, corpus)
	dir := writeFiles(t, all)
	want, _ := scanOf(t, dir+"/data/one.jsonl", dir+"/main/test-00000-of-00001.jsonl", 0)
	for _, ranges := range []bool{true, false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "reader" || password != "aPasswordOfTheTests" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			if !ranges {
				r.Header.Del("Range")
			}
			http.FileServer(http.Dir(dir)).ServeHTTP(w, r)
		}))
		defer server.Close()
		root := strings.Replace(server.URL, "http://", "http://reader:aPasswordOfTheTests@", 1)
		query := "?X-Amz-Signature=aSignatureOfTheTests&X-Amz-Expires=60"
		got, messages := scanOf(t, root+"/data/one.jsonl"+query, root+"/main/test-00000-of-00001.jsonl"+query, 0)
		sameAudit(t, want, got, dir, "ROOT", server.URL, "ROOT", `"main/test`, `"test`, "quiz/main/", "quiz/")
		noSecrets(t, got, []string{"aPasswordOfTheTests", "aSignatureOfTheTests"}, messages)
		_, messages = scanOf(t, root+"/data/three.jsonl"+query, root+"/main/none.jsonl"+query, 2)
		if !strings.Contains(messages, "404") || !strings.Contains(messages, "/data/three.jsonl") {
			t.Error(messages)
		}
		noSecrets(t, got, []string{"aPasswordOfTheTests", "aSignatureOfTheTests"}, messages)
	}
}

// faultyStores starts the hub and a server of S3, and those that make stores installs, each with
// its faults. Put replaces a file of the corpus.
func faultyStores(t *testing.T, files map[string][]byte, each func(root, bench string, put func(string, []byte),
	f *storetest.Faults, secrets []string),
) {
	t.Setenv("SWAB_STORE_RETRY", "6x1ms")
	t.Run("hub", func(t *testing.T) {
		f := new(storetest.Faults)
		hub := storetest.NewHub(t, "cais/quiz", files, f.Wrap)
		hub.Private = true
		t.Setenv("HF_ENDPOINT", hub.URL)
		t.Setenv("HF_TOKEN", storetest.Token)
		// The revision is pinned, so that a new commit changes nothing.
		root := "hf://datasets/cais/quiz@" + hub.Commit()
		each(root+"/", "hf://cais/quiz@"+hub.Commit()+":all:test", func(name string, b []byte) {
			next := maps.Clone(files)
			next[name] = b
			hub.Put(next)
		}, f, []string{storetest.Token, "secretOfTheOtherHost"})
		if leaks := hub.Leaks(); len(leaks) > 0 {
			t.Errorf("the token went to the other host: %q", leaks)
		}
	})
	for name, start := range map[string]func(t testing.TB, f *storetest.Faults) *storetest.Server{
		"s3": storetest.S3, "gs": storetest.GCS, "az": storetest.Azure,
	} {
		t.Run(name, func(t *testing.T) {
			f := new(storetest.Faults)
			s := start(t, f)
			s.Start(t)
			for key, b := range files {
				s.Put(key, b)
			}
			each(s.Root, s.Root+"main/test-00000-of-00001.jsonl", s.Put, f, s.Secrets)
		})
	}
}

// Under random faults a scan ends in a right audit or in one that names what it lacks, and no
// output has a credential. SWAB_STORE_SCHEDULES is how many there are for each server.
func TestFaultSchedules(t *testing.T) {
	schedules, err := strconv.Atoi(os.Getenv("SWAB_STORE_SCHEDULES"))
	if err != nil {
		if schedules = 12; testing.Short() {
			schedules = 4
		}
	}
	bench, corpus := makeStoreFiles()
	all := maps.Clone(bench)
	maps.Copy(all, corpus)
	// The other corpus has other items, so that a mixture of both would be another verdict.
	var other bytes.Buffer
	for i := range 400 {
		fmt.Fprintf(&other, "{\"text\": %q}\n", words(20000+i)+" "+words(10+i/40))
	}
	quiz := string(bench["main/test-00000-of-00001.jsonl"])
	verdicts := func(out string) string {
		b, err := os.ReadFile(filepath.Join(out, "verdicts.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		var states strings.Builder
		for line := range strings.Lines(string(b)) {
			var v struct{ ID, Item, State string }
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&states, v.State)
		}
		return states.String()
	}
	var right []string // verdicts before and after the change
	for _, one := range [][]byte{all["data/one.jsonl"], other.Bytes()} {
		dir := writeFiles(t, map[string][]byte{"data/one.jsonl": one, "data/two.jsonl": all["data/two.jsonl"], "quiz.jsonl": []byte(quiz)})
		out, _ := scanOf(t, dir+"/data", dir+"/quiz.jsonl", 0)
		right = append(right, verdicts(out))
	}
	if right[0] == right[1] {
		t.Fatal("the change changes no verdict")
	}
	faultyStores(t, all, func(root, bench string, put func(string, []byte), f *storetest.Faults, secrets []string) {
		codes := map[int]int{}
		for seed := range schedules {
			put("data/one.jsonl", all["data/one.jsonl"])
			f.Set(uint64(seed), 0.25, 1+seed%20, func() { put("data/one.jsonl", other.Bytes()) })
			out := filepath.Join(t.TempDir(), "audit")
			code, stdout, stderr := swab("scan", "--corpus", root+"data/*.jsonl", "--bench", "quiz="+bench,
				"--fields", "question=question,answer=answer", "--out", out)
			log := f.Log
			f.Set(0, 0, 0, nil)
			codes[code]++
			switch {
			case code == 0 && slices.Contains(right, verdicts(out)):
			case code == 3 && strings.Contains(stderr, root+"data/"):
			case code == 2 && strings.Contains(stderr, "://"):
			default:
				t.Errorf("seed %d: exit code %d after %q\n%s%s", seed, code, log, stdout, stderr)
			}
			if code != 2 {
				noSecrets(t, out, secrets, stdout, stderr)
			} else {
				noSecrets(t, t.TempDir(), secrets, stdout, stderr)
			}
		}
		t.Logf("%s: exit codes %v", root, codes)
		if codes[0] == 0 {
			t.Error("no scan was complete")
		}
	})
}
