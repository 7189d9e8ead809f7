package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"swab/pipeline/store/storetest"
)

// TestStores has each store server that can be had read by each test, with its faults.
func TestStores(t *testing.T) {
	for name, start := range map[string]func(t testing.TB, f *storetest.Faults) *storetest.Server{
		"s3": storetest.S3,
		"gs": storetest.GCS,
		"az": storetest.Azure,
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(retryVariable, "6x1ms")
			f := new(storetest.Faults)
			s := start(t, f)
			s.Start(t)
			t.Run("objects", func(t *testing.T) { testObjects(t, s) })
			t.Run("changed", func(t *testing.T) { testChanged(t, s) })
			t.Run("faults", func(t *testing.T) { testFaults(t, s, f) })
		})
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	r.Read(b)
	return b
}

// readAll reads an object as a stream.
func readAll(o *Object) ([]byte, error) {
	f := o.Open()
	defer f.Close()
	return io.ReadAll(f)
}

// Objects of any name are found, listed over several pages, and read as they are.
func testObjects(t *testing.T, s *storetest.Server) {
	ctx := context.Background()
	keys := []string{"a/one.jsonl", "a/b c+d=e&f%41,(g)'h'.jsonl", "a/ü/日本.txt", "a/.hidden/x", "ab/two", "z"}
	big := randomBytes(9<<20 + 17)
	for i, key := range keys {
		s.Put(key, big[:i*1000])
	}
	s.Put("big/file", big)
	for i := range 1200 {
		s.Put(fmt.Sprintf("many/%04d", i), []byte("x"))
	}
	for i, key := range keys {
		o, err := Stat(ctx, s.Root+key)
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		if o.Size != int64(i*1000) || o.Name != s.Root+key || o.URL != s.Root+key || o.Version == "" {
			t.Errorf("%s: %+v", key, o)
		}
		if b, err := readAll(o); err != nil || !bytes.Equal(b, big[:i*1000]) {
			t.Errorf("%s: %d bytes, %v", key, len(b), err)
		}
	}
	listed := map[string]*Object{}
	for o, err := range List(ctx, s.Root+"a/") {
		if err != nil {
			t.Fatal(err)
		}
		listed[o.Name] = o
	}
	for i, key := range keys[:4] {
		o := listed[s.Root+key]
		if o == nil || o.Size != int64(i*1000) {
			t.Errorf("%s is not in the list: %v", key, listed)
			continue
		}
		if b, err := readAll(o); err != nil || len(b) != i*1000 {
			t.Errorf("%s as listed: %d bytes, %v", key, len(b), err)
		}
		if found, err := Stat(ctx, o.Name); err != nil || found.Version != o.Version || !found.ModTime.Equal(o.ModTime) {
			t.Errorf("%s: listed as %v of %v, found as %v of %v", key, o.Version, o.ModTime, found.Version, found.ModTime)
		}
	}
	if len(listed) != 4 {
		t.Errorf("%d objects are listed, want 4", len(listed))
	}
	many := 0
	for _, err := range List(ctx, s.Root+"many/") {
		if err != nil {
			t.Fatal(err)
		}
		many++
	}
	if many != 1200 {
		t.Errorf("%d objects are listed, want 1200", many)
	}
	for _, gone := range []string{"a", "a/", "none", "a/one.json"} {
		if _, err := Stat(ctx, s.Root+gone); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", gone, err)
		}
	}
	o, err := Stat(ctx, s.Root+"big/file")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := readAll(o); err != nil || !bytes.Equal(b, big) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	f := o.Open()
	defer f.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		off, p := r.IntN(len(big)), make([]byte, r.IntN(300_000))
		n, err := f.ReadAt(p, int64(off))
		want := big[off:min(len(big), off+len(p))]
		if !bytes.Equal(p[:n], want) || (err == io.EOF) != (len(want) < len(p)) || err != nil && err != io.EOF {
			t.Fatalf("at %d: %d of %d bytes, %v", off, n, len(p), err)
		}
	}
}

// An object that is replaced or removed while it is read is an error by name.
func testChanged(t *testing.T, s *storetest.Server) {
	ctx := context.Background()
	big := randomBytes(12 << 20)
	for name, change := range map[string]func(){
		"replaced": func() { s.Put("x", append([]byte("y"), big[1:]...)) },
		"shorter":  func() { s.Put("x", big[:len(big)-1]) },
		"removed":  func() { s.Delete("x") },
	} {
		s.Put("x", big)
		o, err := Stat(ctx, s.Root+"x")
		if err != nil {
			t.Fatal(err)
		}
		f := o.Open()
		if _, err := io.ReadFull(f, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		change()
		if _, err = io.Copy(io.Discard, f); !errors.Is(err, ErrChanged) || !IsFault(err) {
			t.Errorf("%s: %v", name, err)
		}
		f.Close()
	}
}

// Under faults a reading is right or an error.
func testFaults(t *testing.T, s *storetest.Server, f *storetest.Faults) {
	ctx := context.Background()
	n := 60
	if testing.Short() {
		n = 10
	}
	b := randomBytes(5 << 20)
	s.Put("x", b)
	failed := 0
	for seed := range n {
		f.Set(uint64(seed), 0.3, 1+seed%12, nil)
		o, err := Stat(ctx, s.Root+"x")
		if err == nil {
			var got []byte
			if got, err = readAll(o); err == nil && !bytes.Equal(got, b) {
				t.Fatalf("seed %d: other bytes after %q", seed, f.Log)
			}
		}
		if err != nil {
			failed++
			if !IsFault(err) || err.Error() == "" {
				t.Errorf("seed %d: %v after %q", seed, err, f.Log)
			}
		}
	}
	t.Logf("%d of %d readings failed by name", failed, n)
	if failed == n {
		t.Error("no reading succeeded")
	}
}

func TestClean(t *testing.T) {
	for url, want := range map[string]string{
		"https://user:secret@host/a/b.jsonl#part":                "https://host/a/b.jsonl",
		"https://host/a?X-Amz-Signature=secret&X-Amz-Expires=1":  "https://host/a",
		"https://host/a?sv=2021&sig=secret&se=2030":              "https://host/a",
		"s3://bucket/what?is=literal":                            "s3://bucket/what?is=literal",
		"https://ho st:port:port/secret":                         "https://(a malformed URL)",
		"hf://datasets/o/n@refs%2Fconvert%2Fparquet/x/0.parquet": "hf://datasets/o/n@refs%2Fconvert%2Fparquet/x/0.parquet",
	} {
		if got := Clean(url); got != want {
			t.Errorf("Clean(%q) = %q, want %q", url, got, want)
		}
	}
	one, two := Clean("https://host/get?id=1&sig=a"), Clean("https://host/get?id=2&sig=a")
	if again := Clean("https://host/get?id=1&sig=b"); one == two || one != again || strings.Contains(one, "id") {
		t.Error(one, two, again)
	}
}

func TestDataSet(t *testing.T) {
	for name, want := range map[string]string{
		"hf://cais/mmlu":          "hf://datasets/cais/mmlu []",
		"hf://cais/mmlu:all:test": "hf://datasets/cais/mmlu [all test]",
		"hf://cais/mmlu@v1:all":   "hf://datasets/cais/mmlu@v1 [all]",
		"hf://datasets/cais/mmlu": "no",
		"hf://cais/mmlu/all/test": "no",
		"hf://cais/mmlu:a:b:c":    "no",
		"hf://cais/mmlu::test":    "no",
		"s3://cais/mmlu:all":      "no",
	} {
		root, words, ok := DataSet(name)
		got := fmt.Sprint(root, " ", words)
		if !ok {
			got = "no"
		}
		if got != want {
			t.Errorf("DataSet(%q) = %s, want %s", name, got, want)
		}
	}
}
